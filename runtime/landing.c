/* Optimizers write to the tensors that they train: where a graph ends with ops of the family `optimizer`, a result that
 * is the next value of one of its operands takes that operand's place, with no memory of its own and no copy at the
 * end. A step is all or nothing all the same: tensors are made writable before the first of these ops, they share one
 * learning rate (all that they refuse), allocate nothing, and nothing interrupts them. */
#include "runtime/plan_impl.h"

/* One that runs whatever its numbers are, once the first one does. */
static bool is_sure(const graft_graph *g, graft_node n, graft_node last) {
  const gr_op_info *info = gr_info(g, n);
  if (!info || !(info->families & GR_F_OPTIMIZER)) return false;
  const graft_dtype dtype = gr_type_of(g, gr_operand(g, n, GR_OPERAND(sgd, weight)))->dtype;
  return (dtype == GRAFT_F32 || dtype == GRAFT_F64) &&
         gr_operand(g, n, GR_OPERAND(sgd, lr)) == gr_operand(g, last, GR_OPERAND(sgd, lr));
}

void gr_find_landing(gr_planner *p) {
  const graft_graph *g = p->graph;
  for (graft_node n = p->options->lands && !p->options->no_reuse ? g->last : GRAFT_NONE; n != GRAFT_NONE;
       n = gr_node_at(g, n)->prev) {
    if (!p->needed[n]) continue;
    if (!is_sure(g, n, p->landing == GRAFT_NONE ? n : p->landing)) return;
    p->landing = n;
  }
}

static graft_status to_c_order(gr_planner *p, graft_value v) {
  gr_place_of place;
  if (v == GRAFT_NONE || p->plan->slots[v].storage == GRAFT_NONE) return GRAFT_OK; /* not made yet */
  return gr_place_in(p, v, (gr_layout){0}, &place);
}

graft_status gr_begin_landing(gr_planner *p) {
  const graft_graph *g = p->graph;
  graft_status status = GRAFT_OK;
  for (graft_node n = p->landing; n != GRAFT_NONE && status == GRAFT_OK; n = gr_node_at(g, n)->next)
    for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count && p->needed[n] && status == GRAFT_OK; i++)
      status = to_c_order(p, gr_operand(g, n, i));
  for (uint32_t i = 0; i < g->outputs.len && status == GRAFT_OK; i++)
    status = to_c_order(p, gr_use_at(g, g->outputs.data[i].use)->value);
  for (uint32_t i = 0; i < g->updates.len && status == GRAFT_OK; i++)
    if (g->updates.data[i].tensor != GRAFT_NONE) status = to_c_order(p, gr_use_at(g, g->updates.data[i].use)->value);
  p->in_landing = true;
  p->plan->landing = p->parts[false].steps.len;
  return status;
}

/* The value is read by one update alone. */
static graft_tensor updates_alone(const graft_graph *g, graft_value v) {
  if (!gr_one_use(g, v)) return GRAFT_NONE;
  const uint32_t user = gr_use_at(g, gr_value_at(g, v)->first_use)->user;
  return (user & GR_USER_UPDATE) == GR_USER_UPDATE ? g->updates.data[user & GR_USER_INDEX].tensor : GRAFT_NONE;
}

uint32_t gr_landing_storage(const gr_planner *p, const gr_kernel_info *info, uint32_t i) {
  const graft_graph *g = p->graph;
  const graft_value y = gr_result(g, p->node, i);
  if (!p->in_landing || y == GRAFT_NONE) return GRAFT_NONE;
  const graft_tensor t = updates_alone(g, y);
  for (uint32_t slot = 0; t != GRAFT_NONE && info->reuse[i] >> slot; slot++) {
    const graft_value x = gr_operand(g, p->node, slot);
    if (!(info->reuse[i] >> slot & 1u) || x == GRAFT_NONE || gr_value_tensor(g, x) != t) continue;
    const uint32_t id = p->plan->slots[x].storage;
    return p->plan->storages.data[id].pending == 1 ? id : GRAFT_NONE;
  }
  return GRAFT_NONE;
}
