/* Ops that are graft's, operand by operand, result by result, with the attributes that their row maps. */
#include "ir/formats/onnx/handler_impl.h"

bool gr_onnx_direct(gr_onnx *in) {
  const gr_op_info *op = gr_op_get(in->row->op);
  const bool variadic = op->operand_count > 0 && op->operands[op->operand_count - 1].variadic;
  uint32_t n = op->operand_count, results = gr_op_required_results(op), absent = 0; /* inputs and outputs: checked */
  if (variadic && in->node->n_input > UINT16_MAX)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "more than 65535 inputs"), false;
  if (variadic) n = (uint32_t)in->node->n_input;
  graft_value *operands = gr_arena_alloc(&in->scratch, (n + 1) * sizeof *operands);
  if (!operands) return false;
  for (uint32_t i = 0; i < n; i++) operands[i] = gr_onnx_input(in, i);
  const char *names[GR_MAX_RESULTS] = {NULL};
  for (uint32_t i = 0; i < in->node->n_output && i < GR_MAX_RESULTS; i++) {
    names[i] = in->node->output[i];
    if (names[i][0] && i >= results) results = i + 1;
  }
  for (uint32_t i = gr_op_required_results(op); i < results; i++)
    if (!names[i] || !names[i][0]) absent |= 1u << i;
  gr_onnx_begin(in, in->row->op);
  gr_onnx_set_mapped(in);
  return gr_onnx_end(in, operands, n, names, results, absent, NULL) != GRAFT_NONE;
}
