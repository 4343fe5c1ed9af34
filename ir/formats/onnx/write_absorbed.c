/* Nodes that another one of ONNX does by itself. */
#include "ir/formats/onnx/writer_impl.h"

enum { READERS = 64 }; /* of one value, that are asked */

/* A zero point of 8 or 16 bits as i32, which only ops read that have it in its own dtype in ONNX. */
static bool is_wide_zero_point(const graft_graph *g, graft_node n) {
  GR_SAME_OPERAND(zero_point, quantize_per_tensor, dequantize_per_channel);
  GR_SAME_ATTR(dtype, quantize_per_tensor, dequantize_per_channel);
  if (gr_node_at(g, n)->op != GR_OP_to) return false;
  const graft_value y = gr_result(g, n, 0);
  const graft_dtype narrow = gr_type_of(g, gr_operand(g, n, 0))->dtype;
  int left = READERS;
  if (gr_type_of(g, y)->dtype != GRAFT_I32 || gr_unused(g, y)) return false;
  for (uint32_t u = gr_value_at(g, y)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    const uint32_t user = gr_use_at(g, u)->user;
    const gr_op_info *op = gr_user_is_node(user) ? gr_info(g, user) : NULL;
    if (left-- == 0 || !op || !(op->families & (GR_F_Q | GR_F_DQ)) ||
        gr_use_slot(g, u) != GR_OPERAND(quantize_per_tensor, zero_point) ||
        (graft_dtype)gr_attr_int(g->module, gr_attrs_of(g, user), GR_ATTR(quantize_per_tensor, dtype)) != narrow)
      return false;
  }
  return true;
}

bool gr_out_absorbed(const graft_graph *g, graft_node n) {
  const graft_module *m = g->module;
  if (is_wide_zero_point(g, n)) return true;
  if (gr_node_at(g, n)->op != GR_OP_transpose || gr_type_of(g, gr_operand(g, n, 0))->rank != 2) return false;
  const int64_t a = gr_attr_int(m, gr_attrs_of(g, n), GR_ATTR(transpose, dim0)),
                b = gr_attr_int(m, gr_attrs_of(g, n), GR_ATTR(transpose, dim1));
  const uint32_t use = gr_value_at(g, gr_result(g, n, 0))->first_use;
  if ((a - b) % 2 == 0 || !gr_one_use(g, gr_result(g, n, 0)) || !gr_user_is_node(gr_use_at(g, use)->user)) return false;
  const graft_node user = gr_use_at(g, use)->user;
  const uint32_t op = gr_node_at(g, user)->op, slot = gr_use_slot(g, use);
  if (op == GR_OP_addmm) return slot == GR_OPERAND(addmm, mat2);
  return op == GR_OP_matmul && slot == GR_OPERAND(matmul, other) && gr_type_of(g, gr_operand(g, user, 0))->rank == 2;
}
