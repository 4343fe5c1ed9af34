/* Ops about places: resizing, interpolation, triangles, blocks. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

/* Scales and sizes are operands; ONNX takes one of them, graft's node may have both, of which the sizes are the
 * extents. */
bool gr_put_resize(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const graft_module *m = w->module;
  uint32_t scales, corners;
  const double *scale = gr_attr_floats(m, set, GR_ATTR(resize, scales), &scales),
               *roi = gr_attr_floats(m, set, GR_ATTR(resize, roi), &corners);
  const char *inputs[4] = {gr_out_operand(w, 0), "", "", ""};
  if (w->failed) return false;
  if (scale && gr_out_has(w, GR_OPERAND(resize, sizes)))
    return gr_out_refuse(w, "Resize has scales or sizes, this node has both: take one of them away");
  if (roi) {
    const graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){corners});
    float *data = gr_out_alloc(w, corners * sizeof *data);
    for (uint32_t i = 0; data && i < corners; i++) data[i] = (float)roi[i];
    inputs[1] = data ? gr_out_constant(w, "roi", &type, data) : NULL;
  }
  if (scale) {
    const graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){scales});
    float *data = gr_out_alloc(w, scales * sizeof *data);
    for (uint32_t i = 0; data && i < scales; i++) data[i] = (float)scale[i];
    inputs[2] = data ? gr_out_constant(w, "scales", &type, data) : NULL;
  } else if (gr_out_has(w, GR_OPERAND(resize, factors))) {
    inputs[2] = gr_out_operand(w, GR_OPERAND(resize, factors));
  }
  if (gr_out_has(w, GR_OPERAND(resize, sizes))) inputs[3] = gr_out_operand(w, GR_OPERAND(resize, sizes));
  Onnx__NodeProto *node = gr_out_begin(w, "Resize");
  const int64_t mode = gr_attr_int(m, set, GR_ATTR(resize, mode)),
                how = gr_attr_int(m, set, GR_ATTR(resize, coordinates)),
                rounding = gr_attr_int(m, set, GR_ATTR(resize, rounding));
  const double a = gr_attr_float(m, set, GR_ATTR(resize, cubic_coeff_a)),
               outside = gr_attr_float(m, set, GR_ATTR(resize, extrapolation_value));
  const bool antialias = gr_attr_bool(m, set, GR_ATTR(resize, antialias));
  if (antialias && w->opset < 18)
    return gr_out_refuse(w, "Resize has antialias from opset 18 on: write that or a later one");
  if (how == GR_coordinates_half_pixel_symmetric && w->opset < 19)
    return gr_out_refuse(w, "Resize has half_pixel_symmetric from opset 19 on: write that or a later one");
  if (antialias) gr_out_set_int(w, node, "antialias", 1);
  if (how != GR_coordinates_half_pixel)
    gr_out_set_string(w, node, "coordinate_transformation_mode", gr_choice_words(GR_CHOICE_coordinates)[how]);
  if (a != -0.75) gr_out_set_float(w, node, "cubic_coeff_a", a);
  if (gr_attr_bool(m, set, GR_ATTR(resize, exclude_outside))) gr_out_set_int(w, node, "exclude_outside", 1);
  if (outside != 0) gr_out_set_float(w, node, "extrapolation_value", outside);
  if (mode != GR_interpolation_nearest)
    gr_out_set_string(w, node, "mode", gr_choice_words(GR_CHOICE_interpolation)[mode]);
  if (rounding != GR_rounding_round_prefer_floor)
    gr_out_set_string(w, node, "nearest_mode", gr_choice_words(GR_CHOICE_rounding)[rounding]);
  return gr_out_finish(w, node, inputs, 4);
}

/* A part of each box: from one column of rois to another. */
static const char *columns(gr_out *w, const char *what, const char *rois, int64_t from, int64_t to) {
  const char *inputs[] = {rois, gr_out_ints(w, gr_out_text(w, "%s.starts", what), &from, 1),
                          gr_out_ints(w, gr_out_text(w, "%s.ends", what), &to, 1),
                          gr_out_ints(w, gr_out_text(w, "%s.axes", what), (int64_t[]){1}, 1)};
  return gr_out_step(w, gr_out_begin(w, "Slice"), what, inputs, 4);
}

/* ONNX has the image of a box apart from its corners. */
bool gr_put_roi_align(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const graft_module *m = w->module;
  const bool aligned = gr_attr_bool(m, set, GR_ATTR(roi_align, aligned));
  const char *x = gr_out_operand(w, 0), *rois = gr_out_operand(w, 1);
  const int64_t ratio = gr_attr_int(m, set, GR_ATTR(roi_align, sampling_ratio));
  if (aligned && w->opset < 16)
    return gr_out_refuse(w, "RoiAlign is aligned from opset 16 on: write that or a later one");
  const char *image = columns(w, "column", rois, 0, 1), *corners = columns(w, "corners", rois, 1, 5);
  image = gr_out_binary(w, "Squeeze", "image", image, gr_out_ints(w, "image.axes", (int64_t[]){1}, 1));
  image = gr_out_cast(w, "index", image, GRAFT_I64);
  Onnx__NodeProto *node = gr_out_begin(w, "RoiAlign");
  if (w->opset >= 16)
    gr_out_set_string(w, node, "coordinate_transformation_mode", aligned ? "half_pixel" : "output_half_pixel");
  if (gr_attr_int(m, set, GR_ATTR(roi_align, mode)) == GR_roi_mode_max) gr_out_set_string(w, node, "mode", "max");
  gr_out_set_int(w, node, "output_height", gr_attr_int(m, set, GR_ATTR(roi_align, pooled_height)));
  gr_out_set_int(w, node, "output_width", gr_attr_int(m, set, GR_ATTR(roi_align, pooled_width)));
  if (ratio > 0) gr_out_set_int(w, node, "sampling_ratio", ratio);
  gr_out_set_float(w, node, "spatial_scale", gr_attr_float(m, set, GR_ATTR(roi_align, spatial_scale)));
  return gr_out_finish(w, node, (const char *[]){x, corners, image}, 3);
}

bool gr_put_pixel_shuffle(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  Onnx__NodeProto *node = gr_out_begin(w, "DepthToSpace");
  gr_out_set_int(w, node, "blocksize", gr_attr_int(w->module, set, GR_ATTR(pixel_shuffle, upscale_factor)));
  if (!gr_attr_bool(w->module, set, GR_ATTR(pixel_shuffle, depth_first))) gr_out_set_string(w, node, "mode", "CRD");
  return gr_out_same(w, node);
}

bool gr_put_pixel_unshuffle(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  if (!gr_attr_bool(w->module, set, GR_ATTR(pixel_unshuffle, depth_first)))
    return gr_out_refuse(w, "SpaceToDepth has the channels of a place together: lower it with the pass to-onnx");
  Onnx__NodeProto *node = gr_out_begin(w, "SpaceToDepth");
  gr_out_set_int(w, node, "blocksize", gr_attr_int(w->module, set, GR_ATTR(pixel_unshuffle, downscale_factor)));
  return gr_out_same(w, node);
}

bool gr_put_triangle(gr_out *w) {
  GR_SAME_ATTR(diagonal, tril, triu);
  const int64_t k = gr_attr_int(w->module, gr_out_attrs(w), GR_ATTR(tril, diagonal));
  const char *inputs[2] = {gr_out_operand(w, 0), gr_out_operand(w, 1)};
  if (!w->failed && !inputs[1][0] && k != 0) inputs[1] = gr_out_number(w, "k", GRAFT_I64, (double)k);
  Onnx__NodeProto *node = gr_out_begin(w, "Trilu");
  if (gr_node_at(w->g, w->n)->op == GR_OP_tril) gr_out_set_int(w, node, "upper", 0);
  return gr_out_finish(w, node, inputs, 2);
}

bool gr_put_eye(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const int64_t k = gr_attr_int(w->module, set, GR_ATTR(eye, diagonal));
  Onnx__NodeProto *node = gr_out_begin(w, "EyeLike");
  gr_out_set_int(w, node, "dtype", gr_out_dtype((graft_dtype)gr_attr_int(w->module, set, GR_ATTR(eye, dtype))));
  if (k != 0) gr_out_set_int(w, node, "k", k);
  return gr_out_same(w, node);
}

bool gr_put_col2im(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  uint32_t n;
  const int64_t *size = gr_attr_ints(w->module, set, GR_ATTR(col2im, output_size), &n),
                *kernel = gr_attr_ints(w->module, set, GR_ATTR(col2im, kernel_size), &n),
                *padding = gr_attr_ints(w->module, set, GR_ATTR(col2im, padding), &n);
  int64_t pads[2 * GRAFT_MAX_RANK] = {0};
  for (uint32_t i = 0; i < n && i < GRAFT_MAX_RANK; i++) pads[i] = pads[n + i] = padding[i];
  const char *inputs[] = {gr_out_operand(w, 0), gr_out_ints(w, "image_shape", size, n),
                          gr_out_ints(w, "block_shape", kernel, n)};
  Onnx__NodeProto *node = gr_out_begin(w, "Col2Im");
  gr_out_set_list(w, node, "dilations", GR_ATTR(col2im, dilation));
  gr_out_set_ints(w, node, "pads", pads, 2 * n);
  gr_out_set_list(w, node, "strides", GR_ATTR(col2im, stride));
  return gr_out_finish(w, node, inputs, 3);
}

/* graft has the places by element. */
bool gr_put_nonzero(gr_out *w) {
  const char *places = gr_out_unary(w, "NonZero", "by_axis", gr_out_operand(w, 0));
  Onnx__NodeProto *node = gr_out_begin(w, "Transpose");
  gr_out_set_ints(w, node, "perm", (int64_t[]){1, 0}, 2);
  return gr_out_finish(w, node, &places, 1);
}

/* ---- signals ---- */

bool gr_put_dft(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  int64_t dim = gr_attr_int(w->module, set, GR_ATTR(dft, dim));
  const char *inputs[3] = {gr_out_operand(w, 0), gr_out_operand(w, 1), ""};
  if (w->opset >= 20) inputs[2] = gr_out_number(w, "axis", GRAFT_I64, (double)dim);
  if (w->opset < 20 && !gr_out_axis(w, dim, gr_out_type(w, 0)->rank, &dim)) return false;
  Onnx__NodeProto *node = gr_out_begin(w, "DFT");
  if (w->opset < 20) gr_out_set_int(w, node, "axis", dim);
  if (gr_attr_bool(w->module, set, GR_ATTR(dft, inverse))) gr_out_set_int(w, node, "inverse", 1);
  if (gr_attr_bool(w->module, set, GR_ATTR(dft, onesided))) gr_out_set_int(w, node, "onesided", 1);
  return gr_out_finish(w, node, inputs, 3);
}

bool gr_put_stft(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const char *inputs[] = {
      gr_out_operand(w, 0),
      gr_out_number(w, "frame_step", GRAFT_I64, (double)gr_attr_int(w->module, set, GR_ATTR(stft, hop_length))),
      gr_out_operand(w, 1),
      gr_out_number(w, "frame_length", GRAFT_I64, (double)gr_attr_int(w->module, set, GR_ATTR(stft, n_fft)))};
  Onnx__NodeProto *node = gr_out_begin(w, "STFT");
  gr_out_set_int(w, node, "onesided", gr_attr_bool(w->module, set, GR_ATTR(stft, onesided)));
  return gr_out_finish(w, node, inputs, 4);
}

bool gr_put_mel_weight_matrix(gr_out *w) {
  Onnx__NodeProto *node = gr_out_begin(w, "MelWeightMatrix");
  gr_out_set_int(w, node, "output_datatype",
                 gr_out_dtype((graft_dtype)gr_attr_int(w->module, gr_out_attrs(w), GR_ATTR(mel_weight_matrix, dtype))));
  return gr_out_same(w, node);
}
