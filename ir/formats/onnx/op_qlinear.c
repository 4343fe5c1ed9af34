/* Ops on quantized operands (QLinear…): dequantize, the op in float, quantize as ONNX does. */
#include "ir/formats/onnx/handler_impl.h"

/* Inputs i to i + 2: data, scale, zero point. */
static graft_value operand(gr_onnx *in, uint32_t i, int64_t axis) {
  const graft_value x = gr_onnx_input(in, i), scale = gr_onnx_input(in, i + 1), zero = gr_onnx_input(in, i + 2);
  return gr_onnx_dequantized(in, x, scale, zero, axis);
}

static bool result(gr_onnx *in, graft_value y, uint32_t i) {
  const graft_value scale = gr_onnx_input(in, i), zero = gr_onnx_input(in, i + 1);
  const graft_value like = zero == GRAFT_NONE ? gr_onnx_input(in, 0) : zero;
  return !in->failed && gr_onnx_finish_quantized(in, y, scale, zero, gr_onnx_value_type(in, like)->dtype);
}

/* The scale of a bias, and of sums of products, is that of x times that of the weight. */
static graft_value bias_scale(gr_onnx *in, graft_value x_scale, graft_value w_scale) {
  graft_graph *g = in->scope->graph;
  const graft_tensor x = gr_value_tensor(g, x_scale), w = gr_value_tensor(g, w_scale);
  if (x == GRAFT_NONE || w == GRAFT_NONE) return gr_onnx_binary(in, GR_OP_mul, x_scale, w_scale);
  const graft_type xt = *gr_tensor_type(in->module, x), wt = *gr_tensor_type(in->module, w);
  const int64_t n = graft_type_elements(&wt);
  if (graft_type_elements(&xt) != 1 || xt.dtype != GRAFT_F32 || wt.dtype != GRAFT_F32)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: x has one scale, of float", in->row->name), GRAFT_NONE;
  const float *a = gr_onnx_consume(in, x), *b = gr_onnx_consume(in, w);
  float *product = a && b ? gr_onnx_room(in, (uint64_t)n, sizeof *product) : NULL;
  for (int64_t i = 0; product && i < n; i++) product[i] = *a * b[i];
  return product ? gr_onnx_make_constant(in, "bias_scale", &wt, product) : GRAFT_NONE;
}

bool gr_onnx_qlinear_conv(gr_onnx *in) {
  graft_value operands[3] = {operand(in, 0, 1), operand(in, 3, 0), GRAFT_NONE};
  const graft_value bias = gr_onnx_input(in, 8);
  if (in->failed || operands[0] == GRAFT_NONE || operands[1] == GRAFT_NONE) return false;
  if (bias != GRAFT_NONE) {
    const graft_value scale = bias_scale(in, gr_onnx_input(in, 1), gr_onnx_input(in, 4));
    operands[2] = gr_onnx_dequantized(in, bias, scale, GRAFT_NONE, 0);
    if (operands[2] == GRAFT_NONE) return false;
  }
  gr_window w;
  return gr_onnx_begin_conv(in, &w, operands) && result(in, gr_onnx_step(in, operands, 3), 6);
}

/* Scales of rows of a and of columns of b. */
bool gr_onnx_qlinear_matmul(gr_onnx *in) {
  const graft_value a = operand(in, 0, -2), b = operand(in, 3, -1);
  return !in->failed && result(in, gr_onnx_binary(in, GR_OP_matmul, a, b), 6);
}
