/* Ops on quantized operands (QLinear…): dequantize, the op in float, quantize as ONNX does. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

static bool missing(gr_onnx *in, uint32_t i) {
  if (!in->failed) gr_onnx_fail(in, GRAFT_TYPE, "%s: input %u is missing", in->row->name, i);
  return false;
}

/* Inputs i to i + 2: data, scale, zero point. */
static graft_value operand(gr_onnx *in, uint32_t i, int64_t axis) {
  const graft_value x = gr_onnx_input(in, i), scale = gr_onnx_input(in, i + 1), zero = gr_onnx_input(in, i + 2);
  if (x == GRAFT_NONE || scale == GRAFT_NONE) return missing(in, x == GRAFT_NONE ? i : i + 1), GRAFT_NONE;
  return gr_onnx_dequantized(in, x, scale, zero, axis);
}

/* The node's output is y, with the scale of input i and the zero point of the one after; without one it has the dtype
 * of `like`. */
static bool result(gr_onnx *in, graft_value y, uint32_t i, uint32_t like) {
  const graft_value scale = gr_onnx_input(in, i), zero = gr_onnx_input(in, i + 1);
  if (scale == GRAFT_NONE) return missing(in, i);
  const graft_value v = zero == GRAFT_NONE ? gr_onnx_input(in, like) : zero;
  return !in->failed && gr_onnx_finish_quantized(in, y, scale, zero, gr_onnx_value_type(in, v)->dtype);
}

/* The scale of a bias, and of sums of products, is that of x times that of the weight. */
static graft_value bias_scale(gr_onnx *in, graft_value x_scale, graft_value w_scale, float factor) {
  graft_graph *g = in->scope->graph;
  if (x_scale == GRAFT_NONE || w_scale == GRAFT_NONE) return GRAFT_NONE;
  const graft_tensor x = gr_value_tensor(g, x_scale), w = gr_value_tensor(g, w_scale);
  if (x == GRAFT_NONE || w == GRAFT_NONE) {
    const graft_value scale = gr_onnx_binary(in, GR_OP_mul, x_scale, w_scale);
    if (factor == 1 || scale == GRAFT_NONE) return scale;
    return gr_onnx_binary(in, GR_OP_mul, scale, graft_scalar(g, GRAFT_F32, (double)factor));
  }
  const graft_type xt = *gr_tensor_type(in->module, x), wt = *gr_tensor_type(in->module, w);
  const int64_t n = graft_type_elements(&wt);
  if (graft_type_elements(&xt) != 1 || xt.dtype != GRAFT_F32 || wt.dtype != GRAFT_F32)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: x has one scale, of float", in->row->name), GRAFT_NONE;
  const float *a = gr_onnx_consume(in, x), *b = gr_onnx_consume(in, w);
  float *product = a && b ? gr_onnx_room(in, (uint64_t)n, sizeof *product) : NULL;
  for (int64_t i = 0; product && i < n; i++) product[i] = *a * b[i] * factor;
  return product ? gr_onnx_make_constant(in, "bias_scale", &wt, product) : GRAFT_NONE;
}

static graft_value bias_operand(gr_onnx *in, uint32_t i, uint32_t x_scale, uint32_t w_scale, float factor,
                                int64_t axis) {
  const graft_value bias = gr_onnx_input(in, i);
  if (bias == GRAFT_NONE) return bias;
  const graft_value scale = bias_scale(in, gr_onnx_input(in, x_scale), gr_onnx_input(in, w_scale), factor);
  return gr_onnx_dequantized(in, bias, scale, GRAFT_NONE, axis);
}

/* ---- ONNX's own ---- */

bool gr_onnx_qlinear_conv(gr_onnx *in) {
  const graft_value parts[3] = {operand(in, 0, 1), operand(in, 3, 0), bias_operand(in, 8, 1, 4, 1, 0)};
  return !in->failed && result(in, gr_onnx_step_of(in, "Conv", parts, 3), 6, 0);
}

/* Scales of rows of a and of columns of b. */
bool gr_onnx_qlinear_matmul(gr_onnx *in) {
  const graft_value a = operand(in, 0, -2), b = operand(in, 3, -1);
  return !in->failed && result(in, gr_onnx_binary(in, GR_OP_matmul, a, b), 6, 0);
}

/* ---- onnxruntime's ---- */

/* x, scale, zero point; the result's: an op with the attributes that the row maps. */
bool gr_onnx_qlinear_one(gr_onnx *in) {
  const graft_value x = operand(in, 0, 0);
  if (in->failed) return false;
  gr_onnx_begin(in, in->row->op);
  gr_onnx_set_mapped(in);
  return result(in, gr_onnx_step(in, &x, 1), 3, 0);
}

bool gr_onnx_qlinear_pair(gr_onnx *in) {
  const graft_value a = operand(in, 0, 0), b = operand(in, 3, 0);
  return !in->failed && result(in, gr_onnx_binary(in, in->row->op, a, b), 6, 0);
}

bool gr_onnx_qlinear_where(gr_onnx *in) {
  const graft_value operands[3] = {gr_onnx_input(in, 0), operand(in, 1, 0), operand(in, 4, 0)};
  if (in->failed) return false;
  gr_onnx_begin(in, GR_OP_where);
  return result(in, gr_onnx_step(in, operands, 3), 7, 1);
}

bool gr_onnx_qlinear_average_pool(gr_onnx *in) {
  const graft_value x = gr_onnx_input(in, 0);
  if (in->failed) return false;
  if (gr_onnx_attr_bool(in, "channels_last", false))
    return gr_onnx_stays(in, &(graft_type){.dtype = gr_onnx_value_type(in, x)->dtype, .rank = -1},
                         "its channels are last");
  const graft_value part = operand(in, 0, 0);
  const char *op = strcmp(in->row->name, "QLinearAveragePool") == 0 ? "AveragePool" : "GlobalAveragePool";
  return !in->failed && result(in, gr_onnx_step_of(in, op, &part, 1), 3, 0);
}

/* `opset` says which Softmax is meant: until 12 over all axes from `axis` on. */
bool gr_onnx_qlinear_softmax(gr_onnx *in) {
  const graft_value part = operand(in, 0, 0);
  const int64_t opset = in->opset;
  in->opset = gr_onnx_attr_int(in, "opset", opset);
  const graft_value y = in->failed ? GRAFT_NONE : gr_onnx_step_of(in, "Softmax", &part, 1);
  in->opset = opset;
  return !in->failed && result(in, y, 3, 0);
}

/* The result's scale and zero point, then data, scale and zero point of each operand. */
bool gr_onnx_qlinear_concat(gr_onnx *in) {
  const size_t n = in->node->n_input < 2 ? 0 : (in->node->n_input - 2) / 3;
  graft_value *parts = n > 0 && n < UINT16_MAX ? gr_arena_alloc(&in->scratch, n * sizeof *parts) : NULL;
  if (!parts || in->node->n_input != 2 + 3 * n)
    return gr_onnx_fail(in, GRAFT_TYPE, "QLinearConcat has %zu inputs, not two and three for each operand",
                        in->node->n_input),
           false;
  for (uint32_t i = 0; i < n && !in->failed; i++) parts[i] = operand(in, 2 + 3 * i, 0);
  if (in->failed) return false;
  gr_onnx_begin(in, GR_OP_cat);
  gr_onnx_set_int(in, "dim", gr_onnx_attr_int(in, "axis", 0));
  return result(in, gr_onnx_step(in, parts, (uint32_t)n), 0, 2);
}

/* The scale of C is alpha times that of a and of b. Without a scale of its own the result stays float. */
bool gr_onnx_qgemm(gr_onnx *in) {
  const float alpha = (float)gr_onnx_attr_float(in, "alpha", 1);
  const graft_value parts[3] = {operand(in, 0, 0), operand(in, 3, gr_onnx_attr_bool(in, "transB", false) ? 0 : 1),
                                bias_operand(in, 6, 1, 4, alpha, -1)};
  if (in->failed) return false;
  if (!gr_onnx_has_input(in, 7)) return gr_onnx_finish_of(in, "Gemm", parts, 3);
  return result(in, gr_onnx_step_of(in, "Gemm", parts, 3), 7, 0);
}
