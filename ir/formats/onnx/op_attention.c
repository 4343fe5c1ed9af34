/* Attention. */
#include "ir/formats/onnx/handler_impl.h"

/* [batch, rows, heads * columns] to [batch, heads, rows, columns], as the op says it of operands of three axes. */
static graft_value split_heads(gr_onnx *in, graft_value x, int64_t heads) {
  gr_onnx_begin(in, GR_OP_reshape);
  gr_onnx_set_ints(in, "shape", (const int64_t[]){0, 0, heads, -1}, 4);
  graft_value y = gr_onnx_step(in, &x, 1);
  gr_onnx_begin(in, GR_OP_transpose);
  gr_onnx_set_int(in, "dim0", 1);
  gr_onnx_set_int(in, "dim1", 2);
  return y == GRAFT_NONE ? y : gr_onnx_step(in, &y, 1);
}

static bool join_heads(gr_onnx *in, graft_value x) {
  gr_onnx_begin(in, GR_OP_transpose);
  gr_onnx_set_int(in, "dim0", 1);
  gr_onnx_set_int(in, "dim1", 2);
  graft_value y = x == GRAFT_NONE ? x : gr_onnx_step(in, &x, 1);
  gr_onnx_begin(in, GR_OP_reshape);
  gr_onnx_set_ints(in, "shape", (const int64_t[]){0, 0, -1}, 3);
  return y != GRAFT_NONE && gr_onnx_finish(in, &y, 1);
}

/* What scaled_dot_product_attention does not do; NULL: nothing of it is asked for. */
static const char *more_than_known(const gr_onnx *in, bool causal) {
  if (gr_onnx_has_input(in, 4) || gr_onnx_has_input(in, 5)) return "it has keys and values of earlier runs";
  for (uint32_t i = 6; i < in->node->n_input; i++)
    if (gr_onnx_has_input(in, i)) return "it has more inputs than are known";
  for (uint32_t i = 1; i < in->node->n_output; i++)
    if (gr_onnx_output_read(in, i))
      return i < 3 ? "its keys and values are read by a later run" : "what lies between its products is read";
  if (gr_onnx_attr_float(in, "softcap", 0.0) != 0.0) return "softcap bounds its scores";
  return causal && gr_onnx_has_input(in, 3) ? "it is causal and has a mask" : NULL;
}

bool gr_onnx_attention(gr_onnx *in) {
  graft_value operands[4] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1), gr_onnx_input(in, 2), gr_onnx_input(in, 3)};
  const int32_t rank = in->failed ? -1 : gr_onnx_rank(in, operands[0]);
  if (rank < 0) return false;
  const bool causal = gr_onnx_attr_bool(in, "is_causal", false);
  const char *more = more_than_known(in, causal);
  if (more) {
    graft_type type = {.dtype = gr_onnx_value_type(in, operands[0])->dtype, .rank = rank};
    for (int32_t i = 0; i < rank; i++) type.dims[i] = -1;
    return gr_onnx_stays(in, &type, "%s", more);
  }
  int64_t heads = gr_onnx_attr_int(in, "q_num_heads", 0), own = gr_onnx_attr_int(in, "kv_num_heads", 0);
  if (rank == 3 && (heads < 1 || own < 1))
    return gr_onnx_fail(in, GRAFT_TYPE, "Attention: three axes and no number of heads"), false;
  for (uint32_t i = 0; i < 3 && rank == 3; i++)
    if ((operands[i] = split_heads(in, operands[i], i ? own : heads)) == GRAFT_NONE) return false;
  const graft_type *q = gr_onnx_value_type(in, operands[0]), *k = gr_onnx_value_type(in, operands[1]);
  if (q->rank == 4) heads = q->dims[1];
  own = k->rank == 4 ? k->dims[1] : -1;
  const bool grouped = heads < 0 || own < 0 || heads != own;
  const Onnx__AttributeProto *scale = gr_onnx_attr(in, "scale");
  gr_onnx_begin(in, GR_OP_scaled_dot_product_attention);
  gr_onnx_set_bool(in, "is_causal", causal);
  if (scale) gr_onnx_set_float(in, "scale", gr_onnx_attr_float(in, "scale", 1.0));
  gr_onnx_set_bool(in, "enable_gqa", grouped);
  return rank == 3 ? join_heads(in, gr_onnx_step(in, operands, 4)) : gr_onnx_finish(in, operands, 4);
}
