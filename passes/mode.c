/* Training and evaluation mode: the attribute `training` and nothing else, in any order with other passes. Which ops
 * have a mode is read from the op table. */
#include <string.h>

#include "passes/passes_int.h"

static graft_status set_training(gr_pass *p, graft_graph *g, graft_node n, bool training) {
  graft_attr attr;
  if (!graft_node_attr(g, n, "training", &attr) || attr.kind != GRAFT_ATTR_BOOL || attr.as.b == training)
    return GRAFT_OK;
  attr.as.b = training;
  gr_count(p, "nodes changed", 1);
  return graft_node_set_attr(g, n, &attr);
}

/* `op` GR_OP_COUNT: every op that has the attribute. */
static graft_status set_all(gr_pass *p, uint32_t op, bool training) {
  for (uint32_t i = 0; i < p->module->graphs.len; i++) {
    graft_graph *g = p->module->graphs.data[i];
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
      uint32_t o = gr_node_at(g, n)->op;
      graft_status s = (op == GR_OP_COUNT ? o < GR_OP_COUNT : o == op) ? set_training(p, g, n, training) : GRAFT_OK;
      if (s) return s;
    }
  }
  return GRAFT_OK;
}

graft_status gr_pass_to_eval(gr_pass *p) { return set_all(p, GR_OP_COUNT, false); }
graft_status gr_pass_to_train(gr_pass *p) { return set_all(p, GR_OP_COUNT, true); }
graft_status gr_pass_freeze_bn(gr_pass *p) { return set_all(p, GR_OP_batch_norm, false); }
graft_status gr_pass_unfreeze_bn(gr_pass *p) { return set_all(p, GR_OP_batch_norm, true); }
