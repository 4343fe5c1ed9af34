/* verify and infer-types. */
#include "passes/passes_int.h"

graft_status gr_pass_verify(gr_pass *p) { return graft_module_verify(p->module); }

typedef struct scratch {
  GR_VEC(graft_value) operands;
  GR_VEC(uint32_t) types;
} scratch;

static graft_status infer_node(gr_pass *p, graft_graph *g, graft_node n, scratch *s) {
  const gr_node node = *gr_node_at(g, n);
  if (node.op >= GR_OP_COUNT) return GRAFT_OK; /* an opaque node's types are what its reader said */
  s->operands.len = s->types.len = 0;
  if (!gr_vec_reserve(p->context, &s->operands, node.operand_count + 1) ||
      !gr_vec_reserve(p->context, &s->types, node.result_count + 1))
    return GRAFT_NO_MEMORY;
  gr_node_desc d = {.op = node.op,
                    .attrs = node.attrs,
                    .operands = s->operands.data,
                    .operand_count = node.operand_count,
                    .result_count = node.result_count,
                    .where = gr_node_loc(g, n)};
  for (uint32_t i = 0; i < node.operand_count; i++) s->operands.data[i] = gr_operand(g, n, i);
  for (uint32_t i = 0; i < node.result_count && i < 32; i++)
    if (gr_result(g, n, i) == GRAFT_NONE) d.absent_results |= 1u << i;
  graft_status status = gr_result_types(g, &d, node.operand_count, s->types.data);
  for (uint32_t i = 0; i < node.result_count && !status; i++) {
    graft_value v = gr_result(g, n, i);
    if (v == GRAFT_NONE || gr_value_at(g, v)->type == s->types.data[i]) continue;
    status = gr_value_set_type(g, v, s->types.data[i]);
    gr_count(p, "types changed", 1);
  }
  return status;
}

graft_status gr_pass_infer_types(gr_pass *p) {
  scratch s = {0};
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; !status && i < p->module->graphs.len; i++) {
    graft_graph *g = p->module->graphs.data[i];
    for (graft_node n = g->first; !status && n != GRAFT_NONE; n = gr_node_at(g, n)->next)
      status = infer_node(p, g, n, &s);
  }
  gr_vec_free(p->context, &s.operands);
  gr_vec_free(p->context, &s.types);
  return status;
}
