/* Convolutions. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

/* Number of spatial axes and the kernel, from the weight and kernel_shape. */
static bool read_kernel(gr_onnx *in, gr_window *w, graft_value weight) {
  const graft_type *t = gr_onnx_value_type(in, weight);
  const Onnx__AttributeProto *a = gr_onnx_attr(in, "kernel_shape");
  int64_t n = t->rank >= 0 ? t->rank - 2 : a ? (int64_t)a->n_ints : -1;
  if (n < 1 || n > GR_ONNX_SPATIAL) {
    gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: its weight has not 1 to 3 spatial axes", in->row->name);
    return false;
  }
  w->n = (uint32_t)n;
  if (!gr_onnx_attr_ints(in, "kernel_shape", w->n, -1, w->kernel)) return false;
  for (uint32_t i = 0; i < w->n; i++) {
    int64_t extent = t->rank >= 0 ? t->dims[i + 2] : -1;
    if (w->kernel[i] < 0) w->kernel[i] = extent;
    if (!a && extent < 0) {
      gr_onnx_fail(in, GRAFT_UNSUPPORTED, "it has no kernel_shape, and the weight's extents are not known");
      return false;
    }
    if (w->kernel[i] < 0 || (extent >= 0 && extent != w->kernel[i])) {
      gr_onnx_fail(in, GRAFT_TYPE, "%s: kernel_shape contradicts the weight", in->row->name);
      return false;
    }
  }
  return true;
}

bool gr_onnx_begin_conv(gr_onnx *in, gr_window *w, graft_value operands[3]) {
  *w = (gr_window){0};
  gr_onnx_keeps_rank(in, operands[0], 0);
  if (in->failed || !read_kernel(in, w, operands[1]) || !gr_onnx_window(in, w, operands[0])) return false;
  if (!gr_onnx_symmetric(w)) operands[0] = gr_onnx_pad(in, w, operands[0], 0.0);
  gr_onnx_begin(in, GR_OP_conv1d + w->n - 1);
  gr_onnx_set_ints(in, "stride", w->stride, w->n);
  gr_onnx_set_ints(in, "padding", w->begin, w->n);
  gr_onnx_set_ints(in, "dilation", w->dilation, w->n);
  gr_onnx_set_int(in, "groups", gr_onnx_attr_int(in, "group", 1));
  return !in->failed;
}

bool gr_onnx_conv(gr_onnx *in) {
  graft_value operands[3] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1), gr_onnx_input(in, 2)};
  gr_window w;
  return gr_onnx_begin_conv(in, &w, operands) && gr_onnx_finish(in, operands, 3);
}

/* ---- transposed convolution ---- */

/* Padding of the transposed convolution: given, or from the output's shape. `extra` is output_padding. A padding below
 * zero is one more of output_padding. */
static bool transposed_padding(gr_onnx *in, gr_window *w, graft_value x, int64_t *extra) {
  int64_t wanted[GR_ONNX_SPATIAL];
  if (!gr_onnx_read_window(in, w) || !gr_onnx_attr_ints(in, "output_padding", w->n, 0, extra)) return false;
  gr_auto_pad mode = gr_onnx_read_auto_pad(in);
  const Onnx__AttributeProto *shape = gr_onnx_attr(in, "output_shape");
  const bool shaped = shape && shape->n_ints, same = mode == GR_PAD_SAME_UPPER || mode == GR_PAD_SAME_LOWER;
  if (mode == GR_PAD_BAD) return false;
  if (shaped && shape->n_ints == w->n + 2) /* some write batch and channels too */
    memcpy(wanted, shape->ints + 2, w->n * sizeof *wanted);
  else if (shaped && !gr_onnx_attr_ints(in, "output_shape", w->n, 0, wanted))
    return false;
  for (uint32_t i = 0; i < w->n; i++) {
    if (extra[i] < 0 || extra[i] >= GR_ONNX_MAX_EXTENT) {
      gr_onnx_fail(in, GRAFT_TYPE, "ConvTranspose: output_padding is out of range");
      return false;
    }
    if (mode == GR_PAD_VALID) w->begin[i] = w->end[i] = 0;
    if (!shaped && !same) continue;
    int64_t extent = gr_onnx_spatial(in, x, i), reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
    if (extent < 0 && shaped && gr_onnx_rank(in, x) < 0) return false;
    if (extent < 0 && !shaped) extent = 1; /* stride times the extent: the padding is the same for all */
    if (extent < 0) {
      gr_onnx_fail(in, GRAFT_UNSUPPORTED, "output_shape needs to know the input's extents");
      return false;
    }
    if (extent >= GR_ONNX_MAX_EXTENT) {
      gr_onnx_fail(in, GRAFT_TYPE, "ConvTranspose: the input's extents are out of range");
      return false;
    }
    if (!shaped) wanted[i] = extent * w->stride[i];
    if (wanted[i] < 0 || wanted[i] >= GR_ONNX_MAX_EXTENT) {
      gr_onnx_fail(in, GRAFT_TYPE, "ConvTranspose: output_shape is out of range");
      return false;
    }
    int64_t total = w->stride[i] * (extent - 1) + extra[i] + reach - wanted[i];
    if (total < 0) {
      extra[i] -= total;
      total = 0;
    }
    w->begin[i] = mode == GR_PAD_SAME_UPPER ? total / 2 : total - total / 2;
    w->end[i] = total - w->begin[i];
  }
  return gr_onnx_window_in_range(in, w);
}

/* What is to be cut off after a convolution with the smaller padding on both sides. */
static bool cut(gr_onnx *in, const gr_window *w, graft_value y) {
  uint32_t last = w->n;
  for (uint32_t i = 0; i < w->n; i++)
    if (w->begin[i] || w->end[i]) last = i;
  for (uint32_t i = 0; i < w->n && y != GRAFT_NONE; i++) {
    if (!w->begin[i] && !w->end[i]) continue;
    gr_onnx_begin(in, GR_OP_slice);
    gr_onnx_set_int(in, "dim", (int64_t)i + 2);
    gr_onnx_set_int(in, "start", w->begin[i]);
    if (w->end[i]) gr_onnx_set_int(in, "end", -w->end[i]);
    if (i == last) return gr_onnx_finish(in, &y, 1);
    y = gr_onnx_step(in, &y, 1);
  }
  return false;
}

/* More output padding than stride and dilation let a convolution have: what nothing reaches is 0 and the bias. */
static graft_value widened(gr_onnx *in, graft_value y, const int64_t *rest, uint32_t axes, graft_value bias) {
  int64_t pads[2 * GR_ONNX_SPATIAL] = {0}, shape[GR_ONNX_SPATIAL + 1] = {-1, 1, 1, 1};
  for (uint32_t i = 0; i < axes; i++) pads[2 * (axes - 1 - i) + 1] = rest[i];
  gr_onnx_begin(in, GR_OP_pad);
  gr_onnx_set_ints(in, "pad", pads, 2 * axes);
  y = gr_onnx_step(in, &y, 1);
  if (bias == GRAFT_NONE || y == GRAFT_NONE) return y;
  gr_onnx_begin(in, GR_OP_view);
  gr_onnx_set_ints(in, "size", shape, axes + 1);
  return gr_onnx_binary(in, GR_OP_add, y, gr_onnx_step(in, &bias, 1));
}

bool gr_onnx_conv_transpose(gr_onnx *in) {
  graft_value operands[3] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1), gr_onnx_input(in, 2)};
  int64_t extra[GR_ONNX_SPATIAL], padding[GR_ONNX_SPATIAL], rest[GR_ONNX_SPATIAL] = {0};
  gr_window w = {0};
  bool wide = false, whole = true;
  gr_onnx_keeps_rank(in, operands[0], 0);
  if (in->failed || !read_kernel(in, &w, operands[1]) || !transposed_padding(in, &w, operands[0], extra)) return false;
  for (uint32_t i = 0; i < w.n; i++) {
    padding[i] = w.begin[i] < w.end[i] ? w.begin[i] : w.end[i];
    w.begin[i] -= padding[i];
    w.end[i] -= padding[i];
    /* Output padding takes back what padding cut off at the end. */
    int64_t less = w.end[i] < extra[i] ? w.end[i] : extra[i];
    w.end[i] -= less;
    extra[i] -= less;
    const int64_t most = (w.stride[i] > w.dilation[i] ? w.stride[i] : w.dilation[i]) - 1;
    if (extra[i] > most) {
      rest[i] = extra[i] - most;
      extra[i] = most;
      wide = true;
    }
    whole = whole && !w.begin[i] && !w.end[i];
  }
  gr_onnx_begin(in, GR_OP_conv_transpose1d + w.n - 1);
  gr_onnx_set_ints(in, "stride", w.stride, w.n);
  gr_onnx_set_ints(in, "padding", padding, w.n);
  gr_onnx_set_ints(in, "output_padding", extra, w.n);
  gr_onnx_set_int(in, "groups", gr_onnx_attr_int(in, "group", 1));
  gr_onnx_set_ints(in, "dilation", w.dilation, w.n);
  if (whole && !wide) return gr_onnx_finish(in, operands, 3);
  if (!wide) return cut(in, &w, gr_onnx_step(in, operands, 3));
  graft_value y = gr_onnx_step(in, operands, 2);
  if (y != GRAFT_NONE) y = widened(in, y, rest, w.n, operands[2]);
  return whole ? gr_onnx_alias(in, 0, y) : cut(in, &w, y);
}
