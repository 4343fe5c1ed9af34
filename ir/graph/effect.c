/* What may happen to a node, from its row and its mode. */
#include "ir/ir_int.h"

enum { QUANTIZATION = GR_F_Q | GR_F_DQ | GR_F_OBSERVE | GR_F_QPARAMS | GR_F_FAKE_QUANTIZE };

bool gr_is_training(const graft_graph *g, graft_node n) {
  const gr_op_info *info = gr_info(g, n);
  int slot = info ? gr_op_attr_slot(info, "training", sizeof "training" - 1) : -1;
  return slot >= 0 && gr_attr_bool(g->module, gr_attrs_of(g, n), (uint32_t)slot);
}

uint32_t gr_node_may(const graft_graph *g, graft_node n) {
  const gr_op_info *info = gr_info(g, n);
  if (!info)
    return gr_map_get(&g->module->pure, gr_node_at(g, n)->op) == GRAFT_NONE
               ? 0
               : GR_MAY_ERASE | GR_MAY_MERGE | GR_MAY_PRECOMPUTE | GR_MAY_FOLD;
  if ((info->families & GR_F_RANDOM) && gr_is_training(g, n)) return 0;
  if (info->families & GR_F_CONTROL) return GR_MAY_ERASE; /* what its graphs hold is not looked at */
  return GR_MAY_ERASE | GR_MAY_MERGE | GR_MAY_PRECOMPUTE | (info->families & QUANTIZATION ? 0 : GR_MAY_FOLD);
}

bool *gr_nested_graphs(graft_module *m) {
  bool *nested = gr_calloc(m->context, (size_t)m->graphs.len + 1, sizeof *nested);
  for (uint32_t i = 0; nested && i < m->attrs.items.len; i++) {
    const gr_attr *a = &m->attrs.items.data[i];
    if (a->kind == GRAFT_ATTR_GRAPH && (uint64_t)a->as.i < m->graphs.len) nested[a->as.i] = true;
  }
  return nested;
}
