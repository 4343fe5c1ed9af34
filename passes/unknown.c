/* What no quantizer can know: an op that reads values of a dtype that nobody knows, behind an op that the table does
 * not have, gets no annotation. That is said, since otherwise it looks like an op that needs none. */
#include "passes/quant_impl.h"

/* Elements whose dtype is not known; extents alone are known well enough. */
static bool reads_unknown(const graft_graph *g, graft_node n, const gr_op_info *op) {
  for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count && op->operand_count; i++) {
    const graft_value v = gr_operand(g, n, i);
    const gr_role role = op->operands[i < op->operand_count ? i : op->operand_count - 1u].role;
    if (v != GRAFT_NONE && role != GR_LIKE && gr_type_of(g, v)->dtype == GRAFT_UNKNOWN) return true;
  }
  return false;
}

void gr_warn_of_unknown_dtypes(gr_pass *p) {
  gr_notice notice = {0};
  for (uint32_t i = 0; i < p->module->graphs.len; i++) {
    graft_graph *g = p->module->graphs.data[i];
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
      const gr_op_info *op = gr_info(g, n);
      if (!op || gr_is_annotated(g, n) || !reads_unknown(g, n, op)) continue;
      char name[256];
      graft_node_name(g, n, name, sizeof name);
      gr_notice_add(&notice, name, "", 0);
    }
  }
  gr_notice_warn(p, &notice, "without an annotation, since the dtype of what they read is not known");
}
