/* Steps that run several nodes: an elementwise op that alone reads what is before it may run within that step, where
 * the backend can. Which ops these are the op table says, whether it can the backend. Not where hooks see every value,
 * nor where each is to have memory of its own. */
#include "runtime/plan_impl.h"

/* The node that alone reads v; GRAFT_NONE: more do, or v leaves the graph. */
static graft_node only_reader(const gr_planner *p, graft_value v) {
  graft_node reader = GRAFT_NONE;
  for (uint32_t u = gr_value_at(p->graph, v)->first_use; u != GRAFT_NONE; u = gr_use_at(p->graph, u)->next) {
    const gr_use *use = gr_use_at(p->graph, u);
    if (gr_user_is_node(use->user) && !p->needed[use->user]) continue;
    if (!gr_user_is_node(use->user) || reader != GRAFT_NONE) return GRAFT_NONE;
    reader = use->user;
  }
  return reader;
}

/* Its call into f, where v is its one operand, of type `type`, as its result is. */
static bool add_follower(const gr_planner *p, graft_node n, const graft_type *type, gr_followers *f) {
  const gr_node *node = gr_node_at(p->graph, n);
  const gr_op_info *op = gr_op_get(node->op);
  const graft_type *types[GR_MAX_OPERANDS] = {type};
  const uint32_t at = f->count;
  char message[160];
  if (!op || !gr_kernel_get(node->op) || node->result_count != 1 || node->operand_count > GR_MAX_OPERANDS) return false;
  for (uint32_t i = 1; i < node->operand_count; i++)
    if (gr_operand(p->graph, n, i) != GRAFT_NONE) return false;
  gr_infer in = {.module = p->graph->module,
                 .op = node->op,
                 .attrs = node->attrs,
                 .operands = types,
                 .operand_count = node->operand_count,
                 .results = &f->types[at],
                 .result_count = 1,
                 .error = message};
  if (!gr_infer_types(&in) || !gr_type_equal(&f->types[at], type)) return false;
  const int64_t count = graft_type_elements(type);
  for (uint32_t i = 0; i < GR_MAX_OPERANDS; i++) f->in[at][i] = (gr_in){0};
  for (uint32_t i = 0; i < GR_MAX_RESULTS; i++) f->out[at][i] = (gr_out){0};
  f->in[at][0] = (gr_in){.type = &f->types[at], .count = count};
  f->out[at][0] = (gr_out){.type = &f->types[at], .count = count};
  f->calls[at] = (gr_kernel_call){.context = p->context,
                                  .module = p->graph->module,
                                  .op = node->op,
                                  .attrs = node->attrs,
                                  .operands = f->in[at],
                                  .operand_count = node->operand_count,
                                  .results = f->out[at],
                                  .result_count = 1,
                                  .scratch = p->scratch,
                                  .graph = p->graph,
                                  .node = n};
  return gr_is_elementwise(&f->calls[at]);
}

void gr_find_followers(const gr_planner *p, const gr_kernel_call *call, gr_followers *f) {
  f->count = 0;
  if (p->options->c_order || p->options->no_reuse || call->result_count != 1 || !call->results[0].type) return;
  for (graft_value v = gr_result(p->graph, p->node, 0); f->count < GR_FOLLOWERS; f->count++) {
    const graft_node n = only_reader(p, v);
    if (n == GRAFT_NONE || !add_follower(p, n, call->results[0].type, f)) return;
    v = gr_result(p->graph, n, 0);
  }
}

void gr_fuse(gr_planner *p, const gr_followers *f, uint32_t taken, gr_way *way) {
  for (uint32_t i = 0; i < taken; i++) {
    gr_slot *slot = &p->plan->slots[gr_result(p->graph, way->last, 0)];
    slot->type = f->types[i];
    way->last = f->calls[i].node;
    p->fused[way->last] = true;
  }
}
