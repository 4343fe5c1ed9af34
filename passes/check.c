/* verify and infer-types. */
#include "passes/passes_int.h"

graft_status gr_pass_verify(gr_pass *p) { return graft_module_verify(p->module); }

typedef struct scratch {
  GR_VEC(const graft_type *) operands;
  GR_VEC(graft_type) results;
} scratch;

static graft_status infer_node(gr_pass *p, graft_graph *g, graft_node n, scratch *s) {
  const gr_node *node = gr_node_at(g, n);
  if (node->op >= GR_OP_COUNT) return GRAFT_OK; /* an opaque node's types are what its reader said */
  s->operands.len = s->results.len = 0;
  if (!gr_vec_reserve(p->context, &s->operands, node->operand_count + 1) ||
      !gr_vec_reserve(p->context, &s->results, node->result_count + 1))
    return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < node->operand_count; i++) {
    graft_value v = gr_operand(g, n, i);
    s->operands.data[i] = v == GRAFT_NONE ? NULL : gr_type_of(g, v);
  }
  gr_known_operands in = {.g = g, .n = n};
  char error[160] = "";
  gr_infer infer = {.module = p->module,
                    .op = node->op,
                    .attrs = node->attrs,
                    .operands = s->operands.data,
                    .operand_count = node->operand_count,
                    .constant = gr_known_operand,
                    .user = &in,
                    .results = s->results.data,
                    .result_count = node->result_count,
                    .error = error};
  const bool good = gr_infer_types(&infer);
  if (in.failed) return GRAFT_NO_MEMORY;
  if (!good) return gr_error(p->context, GRAFT_TYPE, gr_node_loc(g, n), "%s", error);
  for (uint32_t i = 0; i < node->result_count; i++) {
    graft_value v = gr_result(g, n, i);
    if (v == GRAFT_NONE || gr_type_equal(gr_type_of(g, v), &s->results.data[i])) continue;
    uint32_t type = gr_type_intern(p->module, &s->results.data[i]);
    if (type == GRAFT_NONE || gr_value_set_type(g, v, type) != GRAFT_OK) return GRAFT_NO_MEMORY;
    gr_count(p, "types changed", 1);
  }
  return GRAFT_OK;
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
  gr_vec_free(p->context, &s.results);
  return status;
}
