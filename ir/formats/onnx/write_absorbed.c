/* Nodes that another one of ONNX does by itself. */
#include "ir/formats/onnx/writer_impl.h"

bool gr_out_absorbed(const graft_graph *g, graft_node n) {
  const graft_module *m = g->module;
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
