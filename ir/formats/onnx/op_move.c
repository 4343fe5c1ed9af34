/* Ops that pick and place elements: Compress, EyeLike, Col2Im, CenterCropPad. */
#include "ir/formats/onnx/handler_impl.h"

/* The entries along an axis, or of x as one axis, for which the condition is true. */
bool gr_onnx_compress(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0), index = gr_onnx_input(in, 1);
  const int64_t column = 1;
  if (in->failed) return false;
  if (!gr_onnx_attr(in, "axis")) {
    gr_onnx_begin(in, GR_OP_flatten);
    x = gr_onnx_step(in, &x, 1);
  }
  index = gr_onnx_unary(in, GR_OP_nonzero, index);
  if (x == GRAFT_NONE || index == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_squeeze);
  gr_onnx_set_ints(in, "dim", &column, 1);
  index = gr_onnx_step(in, &index, 1);
  if (index == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_index_select);
  gr_onnx_set_int(in, "dim", gr_onnx_attr_int(in, "axis", 0));
  return gr_onnx_finish(in, (graft_value[]){x, index}, 2);
}

bool gr_onnx_eye_like(gr_onnx *in) {
  const graft_value like = gr_onnx_input(in, 0);
  const int64_t code = gr_onnx_attr_int(in, "dtype", 0);
  if (in->failed) return false;
  graft_dtype dtype = gr_onnx_value_type(in, like)->dtype;
  if (gr_onnx_attr(in, "dtype") && !gr_onnx_dtype((int32_t)code, &dtype))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "EyeLike of %s", gr_onnx_dtype_name((int32_t)code)), false;
  if (dtype == GRAFT_UNKNOWN)
    return gr_onnx_stays(in, gr_onnx_value_type(in, like), "the dtype of its input is not known");
  gr_onnx_begin(in, GR_OP_eye);
  gr_onnx_set_dtype(in, "dtype", dtype);
  gr_onnx_set_int(in, "diagonal", gr_onnx_attr_int(in, "k", 0));
  return gr_onnx_finish(in, &like, 1);
}

/* With paddings that differ, the columns of an image that has them as its own, which are cut off then. */
bool gr_onnx_col2im(gr_onnx *in) {
  const graft_value x = gr_onnx_input(in, 0);
  uint32_t n, kernel_count;
  int64_t dilation[GRAFT_MAX_RANK], stride[GRAFT_MAX_RANK], pads[2 * GRAFT_MAX_RANK], padding[GRAFT_MAX_RANK],
      size[GRAFT_MAX_RANK], cut[2 * GRAFT_MAX_RANK];
  const int64_t *image = gr_onnx_ints(in, 1, "image_shape", &n),
                *kernel = image ? gr_onnx_ints(in, 2, "block_shape", &kernel_count) : NULL;
  if (!kernel) return false;
  if (n > GRAFT_MAX_RANK - 2 || kernel_count != n)
    return gr_onnx_fail(in, GRAFT_TYPE, "Col2Im: %u extents of an image, %u of a block", n, kernel_count), false;
  if (!gr_onnx_attr_ints(in, "dilations", n, 1, dilation) || !gr_onnx_attr_ints(in, "strides", n, 1, stride) ||
      !gr_onnx_attr_ints(in, "pads", 2 * n, 0, pads))
    return false;
  bool even = true;
  for (uint32_t i = 0; i < n; i++) {
    if (pads[i] < 0 || pads[i] >= GR_ONNX_MAX_EXTENT || pads[n + i] < 0 || pads[n + i] >= GR_ONNX_MAX_EXTENT ||
        image[i] < 0 || image[i] >= GR_ONNX_MAX_EXTENT)
      return gr_onnx_fail(in, GRAFT_TYPE, "Col2Im: an extent or padding is out of range"), false;
    even = even && pads[i] == pads[n + i];
  }
  for (uint32_t i = 0; i < n; i++) {
    padding[i] = even ? pads[i] : 0;
    size[i] = even ? image[i] : image[i] + pads[i] + pads[n + i];
    cut[2 * i] = -pads[n - 1 - i];
    cut[2 * i + 1] = -pads[2 * n - 1 - i];
  }
  gr_onnx_begin(in, GR_OP_col2im);
  gr_onnx_set_ints(in, "output_size", size, n);
  gr_onnx_set_ints(in, "kernel_size", kernel, n);
  gr_onnx_set_ints(in, "dilation", dilation, n);
  gr_onnx_set_ints(in, "padding", padding, n);
  gr_onnx_set_ints(in, "stride", stride, n);
  if (even) return gr_onnx_finish(in, &x, 1);
  const graft_value y = gr_onnx_step(in, &x, 1);
  if (y == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_pad);
  gr_onnx_set_ints(in, "pad", cut, 2 * n);
  return gr_onnx_finish(in, &y, 1);
}

/* What is cut or added in front is half of the difference, rounded down. */
bool gr_onnx_center_crop_pad(gr_onnx *in) {
  const graft_value x = gr_onnx_input(in, 0);
  uint32_t n;
  const int32_t rank = in->failed ? -1 : gr_onnx_rank(in, x);
  const int64_t *shape = rank < 0 ? NULL : gr_onnx_ints(in, 1, "shape", &n);
  const Onnx__AttributeProto *axes = gr_onnx_attr(in, "axes");
  if (!shape) return false;
  if (n > (uint32_t)rank || n != (axes ? axes->n_ints : (size_t)rank))
    return gr_onnx_fail(in, GRAFT_TYPE, "CenterCropPad: %u extents for x of rank %d", n, rank), false;
  graft_type type = *gr_onnx_value_type(in, x);
  int64_t pads[2 * GRAFT_MAX_RANK] = {0};
  bool known = true;
  for (uint32_t i = 0; i < n; i++) {
    int64_t axis = i;
    if (axes && !gr_onnx_axis(in, axes->ints[i], rank, &axis)) return false;
    if (shape[i] < 0 || shape[i] >= GR_ONNX_MAX_EXTENT || type.dims[axis] >= GR_ONNX_MAX_EXTENT)
      return gr_onnx_fail(in, GRAFT_TYPE, "CenterCropPad: an extent is out of range"), false;
    known = known && type.dims[axis] >= 0;
    int64_t *pair = &pads[2 * (rank - 1 - axis)];
    pair[0] = (shape[i] - type.dims[axis]) / 2; /* toward 0, as both are */
    pair[1] = shape[i] - type.dims[axis] - pair[0];
    type.dims[axis] = shape[i];
  }
  if (!known) return gr_onnx_stays(in, &type, "it needs to know the extents of its input");
  if (rank == 0) return gr_onnx_alias(in, 0, x);
  gr_onnx_begin(in, GR_OP_pad);
  gr_onnx_set_ints(in, "pad", pads, 2 * (uint32_t)rank);
  return gr_onnx_finish(in, &x, 1);
}
