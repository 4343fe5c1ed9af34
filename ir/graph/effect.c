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
  if (!info || ((info->families & GR_F_RANDOM) && gr_is_training(g, n))) return 0;
  return GR_MAY_ERASE | GR_MAY_MERGE | GR_MAY_PRECOMPUTE | (info->families & QUANTIZATION ? 0 : GR_MAY_FOLD);
}
