/* Observers and fake-quants on and off: the attribute `enabled` of the ops that have one, by family. */
#include "passes/passes_int.h"

static graft_status set_enabled(gr_pass *p, uint32_t family, bool enabled) {
  graft_attr attr = {.name = "enabled", .kind = GRAFT_ATTR_BOOL, .as.b = enabled};
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; i < p->module->graphs.len && !status; i++) {
    graft_graph *g = p->module->graphs.data[i];
    if (!gr_graph_chosen(p, g)) continue;
    for (graft_node n = g->first; n != GRAFT_NONE && !status; n = gr_node_at(g, n)->next) {
      const gr_op_info *op = gr_info(g, n);
      const uint32_t slot = family == GR_F_OBSERVE ? GR_ATTR(observe, enabled) : GR_ATTR(fake_quantize, enabled);
      if (!op || !(op->families & family)) continue;
      if (gr_attr_bool(g->module, gr_attrs_of(g, n), slot) == enabled) continue;
      status = graft_node_set_attr(g, n, &attr);
      gr_count(p, "nodes changed", 1);
    }
  }
  return status;
}

graft_status gr_pass_enable_observers(gr_pass *p) { return set_enabled(p, GR_F_OBSERVE, true); }
graft_status gr_pass_disable_observers(gr_pass *p) { return set_enabled(p, GR_F_OBSERVE, false); }
graft_status gr_pass_enable_fake_quant(gr_pass *p) { return set_enabled(p, GR_F_FAKE_QUANTIZE, true); }
graft_status gr_pass_disable_fake_quant(gr_pass *p) { return set_enabled(p, GR_F_FAKE_QUANTIZE, false); }
