/* Fourier transforms and windows. */
#include "ir/formats/onnx/handler_impl.h"

#include <math.h>
#include <string.h>

/* The axis is an attribute until opset 19, an operand afterwards, with another default. */
bool gr_onnx_dft(gr_onnx *in) {
  const graft_value x = gr_onnx_input(in, 0), length = gr_onnx_has_input(in, 1) ? gr_onnx_input(in, 1) : GRAFT_NONE;
  int64_t dim = in->opset < 20 ? gr_onnx_attr_int(in, "axis", 1) : -2;
  if (in->failed) return false;
  if (gr_onnx_has_input(in, 2)) {
    uint32_t n;
    const int64_t *axis = gr_onnx_ints(in, 2, "axis", &n);
    if (!axis) return false;
    if (n != 1) return gr_onnx_fail(in, GRAFT_TYPE, "DFT: %u axes", n), false;
    dim = *axis;
  }
  const graft_value count = gr_onnx_to(in, length, GRAFT_I64);
  if (in->failed) return false;
  gr_onnx_begin(in, GR_OP_dft);
  gr_onnx_set_mapped(in);
  gr_onnx_set_int(in, "dim", dim);
  return gr_onnx_finish(in, (graft_value[]){x, count}, 2);
}

bool gr_onnx_stft(gr_onnx *in) {
  const graft_value x = gr_onnx_input(in, 0), window = gr_onnx_has_input(in, 2) ? gr_onnx_input(in, 2) : GRAFT_NONE;
  uint32_t n, m = 1;
  const int64_t *step = in->failed ? NULL : gr_onnx_ints(in, 1, "frame_step", &n), *length = NULL;
  if (!step || (gr_onnx_has_input(in, 3) && !(length = gr_onnx_ints(in, 3, "frame_length", &m)))) return false;
  if (n != 1 || m != 1) return gr_onnx_fail(in, GRAFT_TYPE, "STFT: frame_step or frame_length is a list"), false;
  const graft_type *t = gr_onnx_value_type(in, window == GRAFT_NONE ? x : window);
  const int32_t axis = window == GRAFT_NONE ? 1 : 0;
  const int64_t each = length ? *length : t->rank > axis ? t->dims[axis] : -1;
  if (each < 0) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "it needs to know the length of a frame"), false;
  gr_onnx_begin(in, GR_OP_stft);
  gr_onnx_set_mapped(in);
  gr_onnx_set_int(in, "n_fft", each);
  gr_onnx_set_int(in, "hop_length", *step);
  return gr_onnx_finish(in, (graft_value[]){x, window}, 2);
}

bool gr_onnx_mel_weight_matrix(gr_onnx *in) {
  graft_value operands[5];
  graft_dtype dtype;
  const int64_t code = gr_onnx_attr_int(in, "output_datatype", 1);
  for (uint32_t i = 0; i < 5; i++) operands[i] = gr_onnx_input(in, i);
  if (in->failed) return false;
  if (!gr_onnx_dtype((int32_t)code, &dtype))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "MelWeightMatrix of %s", gr_onnx_dtype_name((int32_t)code)), false;
  gr_onnx_begin(in, GR_OP_mel_weight_matrix);
  if (gr_is_float(dtype)) gr_onnx_set_dtype(in, "dtype", dtype);
  if (gr_is_float(dtype)) return gr_onnx_finish(in, operands, 5);
  const graft_value y = gr_onnx_step(in, operands, 5);
  if (y == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_to);
  gr_onnx_set_dtype(in, "dtype", dtype);
  return gr_onnx_finish(in, &y, 1);
}

/* ---- windows: c0 - c1 cos(2 pi i / n) + c2 cos(4 pi i / n), i from 0 to size - 1; n is size, or size - 1 where the
 * window is symmetric ---- */

static graft_value real(gr_onnx *in, double v) {
  return gr_onnx_make_constant(in, "number", &(graft_type){.dtype = GRAFT_F64}, &v);
}

static graft_value cosine(gr_onnx *in, graft_value share, double turns, double by) {
  const graft_value angle = gr_onnx_binary(in, GR_OP_mul, share, real(in, 2 * M_PI * turns));
  return gr_onnx_binary(in, GR_OP_mul, gr_onnx_unary(in, GR_OP_cos, angle), real(in, by));
}

bool gr_onnx_window_of(gr_onnx *in) {
  static const struct {
    const char *name;
    double c[3];
  } windows[] = {{"BlackmanWindow", {0.42, 0.5, 0.08}},
                 {"HammingWindow", {25.0 / 46.0, 21.0 / 46.0, 0}},
                 {"HannWindow", {0.5, 0.5, 0}}};
  size_t w = 0;
  while (strcmp(windows[w].name, in->row->name) != 0) w++;
  const double *c = windows[w].c;
  const int64_t code = gr_onnx_attr_int(in, "output_datatype", 1);
  graft_value size = gr_onnx_input(in, 0);
  graft_dtype dtype;
  if (in->failed) return false;
  if (!gr_onnx_dtype((int32_t)code, &dtype))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s of %s", in->row->name, gr_onnx_dtype_name((int32_t)code)), false;
  if ((size = gr_onnx_to(in, size, GRAFT_I64)) == GRAFT_NONE) return false;
  graft_value first = gr_onnx_number(in, 0), step = gr_onnx_number(in, 1), n = size;
  gr_onnx_begin(in, GR_OP_arange);
  graft_value i = gr_onnx_step(in, (graft_value[]){first, size, step}, 3);
  if (!gr_onnx_attr_bool(in, "periodic", true)) n = gr_onnx_binary(in, GR_OP_sub, size, step);
  const graft_value share = gr_onnx_binary(in, GR_OP_div, gr_onnx_to(in, i, GRAFT_F64), gr_onnx_to(in, n, GRAFT_F64));
  graft_value y = gr_onnx_binary(in, GR_OP_sub, real(in, c[0]), cosine(in, share, 1, c[1]));
  if (c[2] != 0) y = gr_onnx_binary(in, GR_OP_add, y, cosine(in, share, 2, c[2]));
  if (y == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_to);
  gr_onnx_set_dtype(in, "dtype", dtype);
  return gr_onnx_finish(in, &y, 1);
}
