/* A rule annotates a bias that a layer does not have, in a match where a node with statistics reads the layer: folding
 * will make that bias. It is made now, as zeros, so that the annotation has a place to stand and the bias that comes of
 * it is quantized as others are. */
#include <stdio.h>
#include <string.h>

#include "patterns/quantizer_impl.h"

/* The statistics of the matched node that reads the layer's result; GRAFT_NONE: none does. */
static graft_value statistics_of(const graft_graph *g, const gr_match *m, graft_node layer) {
  for (uint32_t i = 0; i < gr_match_node_count(m); i++) {
    const graft_node n = gr_match_node_at(m, i);
    const gr_op_info *op = gr_info(g, n);
    if (!op || gr_operand(g, n, 0) == GRAFT_NONE || gr_value_node(g, gr_operand(g, n, 0)) != layer) continue;
    for (uint32_t k = 0; k < op->operand_count; k++)
      if (op->operands[k].role == GR_STATISTICS && gr_operand(g, n, k) != GRAFT_NONE) return gr_operand(g, n, k);
  }
  return GRAFT_NONE;
}

/* "conv.weight" gives "conv.bias". */
static gr_name name_of_bias(graft_graph *g, graft_node layer, const char *operand) {
  char name[256], text[300];
  graft_value_name(g, gr_operand(g, layer, 1), name, sizeof name);
  char *point = strrchr(name, '.');
  if (point) *point = '\0';
  const int n = snprintf(text, sizeof text, "%s.%s", name, operand);
  const uint32_t base = gr_intern(g->module, text, n > 0 ? (size_t)n : 0);
  return base == GRAFT_NONE ? (gr_name){GRAFT_NONE, 0} : gr_name_unique(g->module, (gr_name){base, 0});
}

graft_status gr_make_absent(graft_graph *g, const gr_match *m, graft_node layer, uint32_t slot) {
  graft_module *module = g->module;
  const gr_node node = *gr_node_at(g, layer);
  const gr_op_info *op = gr_info(g, layer);
  if (!op || slot >= op->operand_count || op->operands[slot].role != GR_WEIGHT || !op->operands[slot].optional ||
      gr_operand(g, layer, slot) != GRAFT_NONE || slot < node.operand_count)
    return GRAFT_OK;
  const graft_value like = statistics_of(g, m, layer);
  const uint32_t type = like == GRAFT_NONE ? GRAFT_NONE : gr_value_at(g, like)->type;
  const int64_t count = like == GRAFT_NONE ? -1 : graft_type_elements(gr_type_of(g, like));
  if (count < 0 || gr_type_of(g, like)->dtype != GRAFT_F32) return GRAFT_OK;
  gr_name name = name_of_bias(g, layer, op->operands[slot].name);
  gr_buffer *b = name.base == GRAFT_NONE ? NULL : gr_buffer_create(module->context, (size_t)count * sizeof(float));
  const graft_tensor t = b ? gr_tensor_add(module, name, GRAFT_PARAMETER, type, b, 0) : GRAFT_NONE;
  const graft_value bias = t == GRAFT_NONE ? GRAFT_NONE : gr_handle(g, t);
  if (bias == GRAFT_NONE) return GRAFT_NO_MEMORY;
  graft_value operands[GR_MAX_OPERANDS];
  for (uint32_t i = 0; i < slot; i++) operands[i] = gr_operand(g, layer, i);
  operands[slot] = bias;
  gr_node_desc d = {.op = node.op,
                    .attrs = node.attrs,
                    .operands = operands,
                    .operand_count = slot + 1,
                    .result_count = node.result_count,
                    .provenance = node.provenance,
                    .marks = node.marks,
                    .where = gr_node_loc(g, layer)};
  return gr_node_become(g, layer, &d);
}
