/* verify and infer-types. */
#include "passes/passes_int.h"

graft_status gr_pass_verify(gr_pass *p) { return graft_module_verify(p->module); }

graft_status gr_pass_infer_types(gr_pass *p) {
  uint32_t changed = 0;
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; !status && i < p->module->graphs.len; i++) {
    graft_graph *g = p->module->graphs.data[i];
    for (graft_node n = g->first; !status && n != GRAFT_NONE; n = gr_node_at(g, n)->next)
      status = gr_node_infer(g, n, &changed);
  }
  if (changed) gr_count(p, "types changed", changed);
  return status;
}
