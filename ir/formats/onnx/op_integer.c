/* Products of integers, and the parameters of x's range at run time: what onnxruntime's dynamic quantization writes.
 * The products are those of i32, so that each of their sums is exact. */
#include "ir/formats/onnx/handler_impl.h"

static bool stays(gr_onnx *in, const char *of) {
  return gr_onnx_stays(in, &(graft_type){.dtype = GRAFT_I32, .rank = -1}, "the rank of the %s is not known", of);
}

/* Are there no entries, or one? */
static bool is_scalar(const gr_onnx *in, graft_value v) {
  const graft_type *t = gr_onnx_value_type(in, v);
  return t->rank == 0 || (t->rank == 1 && t->dims[0] == 1);
}

/* A zero point as i32. That of dynamic_quantize was before it was narrowed for its readers. */
static graft_value zero_point(gr_onnx *in, graft_value v) {
  const graft_graph *g = in->scope->graph;
  const graft_node n = gr_value_node(g, v);
  const graft_value wide = n == GRAFT_NONE || gr_node_at(g, n)->op != GR_OP_to ? GRAFT_NONE : gr_operand(g, n, 0);
  const graft_node maker = wide == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, wide);
  if (maker != GRAFT_NONE && gr_node_at(g, maker)->op == GR_OP_choose_qparams) return wide;
  return gr_onnx_to(in, v, GRAFT_I32);
}

/* x - zero_point in i32. A zero point of several entries has one for each of x's entries along `axis`, counted from the
 * end. */
static graft_value shifted(gr_onnx *in, graft_value x, graft_value zero, int32_t axis) {
  x = gr_onnx_to(in, x, GRAFT_I32);
  if (zero == GRAFT_NONE || in->failed) return x;
  const graft_type t = *gr_onnx_value_type(in, zero);
  zero = zero_point(in, zero);
  if (t.rank < 0) return stays(in, "zero point"), GRAFT_NONE;
  for (int32_t d = axis + 1; d < 0 && zero != GRAFT_NONE && t.rank == 1 && t.dims[0] != 1; d++) {
    gr_onnx_begin(in, GR_OP_unsqueeze);
    gr_onnx_set_int(in, "dim", -1);
    zero = gr_onnx_step(in, &zero, 1);
  }
  return gr_onnx_binary(in, GR_OP_sub, x, zero);
}

bool gr_onnx_matmul_integer(gr_onnx *in) {
  graft_value a = gr_onnx_input(in, 0), b = gr_onnx_input(in, 1);
  const graft_value zeros[2] = {gr_onnx_input(in, 2), gr_onnx_input(in, 3)};
  if (in->failed) return false;
  a = shifted(in, a, zeros[0], gr_onnx_value_type(in, a)->rank == 1 ? -1 : -2);
  b = shifted(in, b, zeros[1], -1);
  if (a == GRAFT_NONE || b == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_matmul);
  return gr_onnx_finish(in, (graft_value[]){a, b}, 2);
}

bool gr_onnx_conv_integer(gr_onnx *in) {
  graft_value operands[3] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1), GRAFT_NONE};
  const graft_value zeros[2] = {gr_onnx_input(in, 2), gr_onnx_input(in, 3)};
  if (in->failed) return false;
  const int32_t rank = gr_onnx_value_type(in, operands[1])->rank;
  if (rank < 0) return stays(in, "weight");
  if (zeros[0] != GRAFT_NONE && gr_onnx_value_type(in, zeros[0])->rank >= 0 && !is_scalar(in, zeros[0]))
    return gr_onnx_fail(in, GRAFT_TYPE, "ConvInteger: x has one zero point"), false;
  operands[0] = shifted(in, operands[0], zeros[0], -1);
  operands[1] = shifted(in, operands[1], zeros[1], -rank);
  if (operands[0] == GRAFT_NONE || operands[1] == GRAFT_NONE) return false;
  gr_window w;
  return gr_onnx_begin_conv(in, &w, operands) && gr_onnx_finish(in, operands, 3);
}

/* The formula of observers, whose eps stands for "none": only a range of zero width meets it. */
static graft_node range_of(gr_onnx *in, graft_value x, const char *scale) {
  const char *names[2] = {scale, NULL};
  if (in->failed) return GRAFT_NONE;
  gr_onnx_begin(in, GR_OP_choose_qparams);
  gr_onnx_set_int(in, "quant_min", 0);
  gr_onnx_set_int(in, "quant_max", UINT8_MAX);
  gr_onnx_set_dtype(in, "dtype", GRAFT_U8);
  gr_onnx_set_float(in, "eps", 1.1754943508222875e-38); /* FLT_MIN */
  return gr_onnx_end(in, &x, 1, names, 2, 0, NULL);
}

bool gr_onnx_dynamic_quantize(gr_onnx *in) {
  const graft_value x = gr_onnx_input(in, 0);
  const graft_node n = range_of(in, x, in->node->n_output > 1 ? in->node->output[1] : NULL);
  if (n == GRAFT_NONE) return false;
  const graft_value scale = gr_result(in->scope->graph, n, 0), zero = gr_result(in->scope->graph, n, 1);
  if (gr_onnx_output_read(in, 2)) {
    gr_onnx_begin(in, GR_OP_to);
    gr_onnx_set_dtype(in, "dtype", GRAFT_U8);
    if (gr_onnx_end(in, &zero, 1, (const char *[]){in->node->output[2]}, 1, 0, NULL) == GRAFT_NONE) return false;
  }
  if (!in->node->output[0][0]) return true;
  return gr_onnx_finish_quantized(in, x, scale, zero, GRAFT_U8);
}

/* ---- products whose result is float: of what the integers stand for ---- */

static bool finish_product(gr_onnx *in, graft_value a, graft_value b, graft_value bias) {
  const graft_value parts[2] = {a, b};
  if (a == GRAFT_NONE || b == GRAFT_NONE) return false;
  if (bias == GRAFT_NONE) return gr_onnx_finish_of(in, "MatMul", parts, 2);
  const graft_value sum[2] = {gr_onnx_step_of(in, "MatMul", parts, 2), bias};
  return sum[0] != GRAFT_NONE && gr_onnx_finish_of(in, "Add", sum, 2);
}

bool gr_onnx_matmul_integer_to_float(gr_onnx *in) {
  const graft_value zeros[2] = {gr_onnx_input(in, 4), gr_onnx_input(in, 5)}, bias = gr_onnx_input(in, 6);
  const graft_value a = gr_onnx_dequantized(in, gr_onnx_input(in, 0), gr_onnx_input(in, 2), zeros[0], -2),
                    b = gr_onnx_dequantized(in, gr_onnx_input(in, 1), gr_onnx_input(in, 3), zeros[1], -1);
  return !in->failed && finish_product(in, a, b, bias);
}

/* A in float, quantized as above; B, its scale and zero point. */
bool gr_onnx_dynamic_quantize_matmul(gr_onnx *in) {
  const graft_value a = gr_onnx_input(in, 0), zero_of_b = gr_onnx_input(in, 3), bias = gr_onnx_input(in, 4);
  const graft_node n = range_of(in, a, NULL);
  if (n == GRAFT_NONE) return false;
  const graft_value scale = gr_result(in->scope->graph, n, 0), zero = gr_result(in->scope->graph, n, 1);
  const graft_value q = gr_onnx_quantized(in, a, scale, zero, GRAFT_U8), x = gr_onnx_dequantized(in, q, scale, zero, 0),
                    b = gr_onnx_dequantized(in, gr_onnx_input(in, 1), gr_onnx_input(in, 2), zero_of_b, -1);
  return !in->failed && finish_product(in, x, b, bias);
}
