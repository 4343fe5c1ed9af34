/* Which constants training could change. A file need not say whether numbers were learned: ONNX calls the scale of a
 * layer norm and a table of sines the same. What has one element is taken for a number that somebody wrote down. */
#include "passes/gradient_impl.h"

/* Does something flow back through this use? */
static bool is_flowed_through(const graft_graph *g, const uint8_t *leads, uint32_t use) {
  const uint32_t n = gr_use_at(g, use)->user;
  if (!gr_user_is_node(n)) return n >= GR_USER_OUTPUT && n < GR_USER_UPDATE;
  if (!leads[n]) return false;
  const gr_op_info *info = gr_info(g, n);
  const uint32_t slot = gr_use_slot(g, use);
  return !info || slot >= info->operand_count || info->operands[slot].role == GR_DATA ||
         info->operands[slot].role == GR_WEIGHT;
}

static bool is_any(const graft_graph *g, const uint8_t *leads, graft_value v) {
  bool any = false;
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE && !any; u = gr_use_at(g, u)->next)
    any = is_flowed_through(g, leads, u);
  return any;
}

uint8_t *gr_gradient_leads(const graft_graph *g) {
  uint8_t *leads = gr_calloc(g->module->context, (size_t)g->nodes.len + 1, 1);
  for (graft_node n = g->last; leads && n != GRAFT_NONE; n = gr_node_at(g, n)->prev) {
    if (gr_node_families(g, n) & GR_F_NOT_DIFFERENTIABLE) continue;
    for (uint32_t i = 0; i < gr_node_at(g, n)->result_count && !leads[n]; i++) {
      const graft_value y = gr_result(g, n, i);
      if (y == GRAFT_NONE) continue;
      const graft_dtype dtype = gr_type_of(g, y)->dtype;
      leads[n] = (gr_is_float(dtype) || dtype == GRAFT_UNKNOWN) && is_any(g, leads, y);
    }
  }
  return leads;
}

bool gr_is_trainable_constant(const graft_graph *g, const uint8_t *leads, graft_value v) {
  const graft_module *m = g->module;
  const graft_tensor t = gr_value_tensor(g, v);
  if (t == GRAFT_NONE || m->tensors.data[t].kind != GRAFT_CONSTANT) return false;
  const graft_type *type = gr_tensor_type(m, t);
  return gr_is_float(type->dtype) && graft_type_elements(type) > 1 && is_any(g, leads, v);
}

/* Of one graph. */
static bool make_parameters(gr_pass *p, const graft_graph *g, gr_held_list *all) {
  uint8_t *leads = gr_gradient_leads(g);
  all->len = 0;
  const bool ok = leads && gr_handles_list(g, all);
  for (uint32_t i = 0; ok && i < all->len; i++) {
    if (!gr_is_trainable_constant(g, leads, all->data[i].value)) continue;
    p->module->tensors.data[all->data[i].tensor].kind = GRAFT_PARAMETER;
    gr_count(p, "parameters", 1);
  }
  if (leads) gr_free(p->context, leads, (size_t)g->nodes.len + 1);
  return ok;
}

graft_status gr_make_parameters_of_all(gr_pass *p) {
  gr_held_list all = {0};
  bool ok = true;
  for (uint32_t i = 0; i < p->module->graphs.len && ok; i++) ok = make_parameters(p, p->module->graphs.data[i], &all);
  gr_vec_free(p->context, &all);
  return ok ? GRAFT_OK : GRAFT_NO_MEMORY;
}
