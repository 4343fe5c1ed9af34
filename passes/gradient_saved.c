/* Optional results that gradients read (SAVED_R in ops.def: what a batch norm normalized with, the positions of a max
 * pool): nodes that are to be differentiated get them before, and what no rule read goes again. */
#include <stdio.h>
#include <string.h>

#include "passes/gradient_impl.h"

/* How many results the node has with those that are saved. */
static uint32_t with_saved(const graft_graph *g, graft_node n, const gr_op_info *info) {
  uint32_t count = gr_node_at(g, n)->result_count;
  for (uint32_t i = count; i < info->result_count; i++)
    if (info->results[i].saved) count = i + 1;
  return count;
}

/* The node with so many results: those that it has, and behind them those that are saved. Specs on its operands stay.
 */
static graft_status set_results(graft_graph *g, graft_node n, uint32_t count) {
  graft_module *m = g->module;
  const gr_node node = *gr_node_at(g, n);
  const gr_op_info *info = gr_info(g, n);
  graft_value operands[GR_MAX_OPERANDS];
  uint32_t specs[GR_MAX_OPERANDS];
  char name[300];
  (void)snprintf(name, sizeof name, "%s_saved", gr_node_label(g, n));
  gr_node_desc d = {.op = node.op,
                    .attrs = node.attrs,
                    .operands = operands,
                    .operand_count = node.operand_count,
                    .result_count = count,
                    .name_base = gr_intern(m, name, strlen(name)),
                    .provenance = node.provenance,
                    .marks = node.marks,
                    .where = gr_node_loc(g, n)};
  if (d.name_base == GRAFT_NONE) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < node.operand_count; i++) {
    operands[i] = gr_operand(g, n, i);
    specs[i] = gr_spec_of_use(g, node.first_use + i);
  }
  for (uint32_t i = 0; i < count; i++) {
    const bool there = i < node.result_count ? gr_result(g, n, i) != GRAFT_NONE : info->results[i].saved;
    if (!there) d.absent_results |= 1u << i;
  }
  graft_status s = gr_node_become(g, n, &d);
  for (uint32_t i = 0; !s && i < node.operand_count; i++)
    if (specs[i]) s = gr_spec_set_use(g, gr_node_at(g, n)->first_use + i, specs[i]);
  return s;
}

static bool changes(const graft_graph *g, graft_node n, const uint8_t *moves) {
  for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++) {
    const graft_value y = gr_result(g, n, i);
    if (y != GRAFT_NONE && moves[y]) return true;
  }
  return false;
}

graft_status gr_saved_add(graft_graph *g, const uint8_t *moves, graft_node last, gr_saved_list *list) {
  graft_status s = GRAFT_OK;
  for (graft_node n = g->first; n != GRAFT_NONE && !s; n = n == last ? GRAFT_NONE : gr_node_at(g, n)->next) {
    const gr_op_info *info = gr_info(g, n);
    const uint32_t before = gr_node_at(g, n)->result_count;
    if (!info || before > info->result_count || gr_node_at(g, n)->operand_count > GR_MAX_OPERANDS) continue;
    const uint32_t count = with_saved(g, n, info);
    if (count == before || !changes(g, n, moves)) continue;
    if (!gr_vec_push(g->module->context, list, ((gr_saved){n, before}))) return GRAFT_NO_MEMORY;
    s = set_results(g, n, count);
  }
  return s;
}

graft_status gr_saved_trim(graft_graph *g, const gr_saved_list *list) {
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < list->len && !s; i++) {
    const gr_saved saved = list->data[i];
    uint32_t count = gr_node_at(g, saved.node)->result_count;
    for (; count > saved.results; count--) {
      const graft_value y = gr_result(g, saved.node, count - 1);
      if (y != GRAFT_NONE && !gr_unused(g, y)) break;
    }
    if (count < gr_node_at(g, saved.node)->result_count) s = set_results(g, saved.node, count);
  }
  return s;
}
