/* Common subexpressions: of equal nodes (op, attributes, operands, annotations, marks) the first stays. Equal constants
 * are merged before; parameters and buffers never are. One look-up a node. The passes merge-dequantize and dedup-qdq
 * are this for dequantize, and for quantize and dequantize nodes alone. */
#include <string.h>

#include "passes/passes_int.h"

typedef struct merger {
  gr_pass *pass;
  uint32_t families; /* only nodes of these; 0: all */
  gr_map nodes;      /* hash -> node */
} merger;

/* Two operands in an order of their own where the op does not care, unless annotations tell them apart. */
static bool commuted(const graft_graph *g, graft_node n) {
  const gr_op_info *info = gr_info(g, n);
  const gr_node *node = gr_node_at(g, n);
  return info && (info->families & GR_F_COMMUTES) && node->operand_count == 2 &&
         gr_operand(g, n, 0) > gr_operand(g, n, 1) && !gr_spec_of_use(g, node->first_use) &&
         !gr_spec_of_use(g, node->first_use + 1);
}

static uint32_t ordered_slot(bool swap, uint32_t i) { return swap ? 1 - i : i; }

static uint64_t hash_node(const graft_graph *g, graft_node n) {
  const gr_node *node = gr_node_at(g, n);
  bool swap = commuted(g, n);
  uint64_t h = gr_mix(((uint64_t)node->op << 32 | node->attrs) + 1);
  for (uint32_t i = 0; i < node->operand_count; i++) {
    uint32_t slot = ordered_slot(swap, i);
    h = gr_mix(h ^ ((uint64_t)gr_operand(g, n, slot) << 32 | gr_spec_of_use(g, node->first_use + slot)));
  }
  for (uint32_t i = 0; i < node->result_count; i++)
    h = gr_mix(h ^ ((uint64_t)(gr_result(g, n, i) == GRAFT_NONE) << 32 | gr_spec_of_value(g, node->first_result + i)));
  return h;
}

static bool equal_nodes(const graft_graph *g, graft_node a, graft_node b) {
  const gr_node *x = gr_node_at(g, a), *y = gr_node_at(g, b);
  if (x->op != y->op || x->attrs != y->attrs || x->marks != y->marks || x->operand_count != y->operand_count ||
      x->result_count != y->result_count)
    return false;
  bool swap_a = commuted(g, a), swap_b = commuted(g, b);
  for (uint32_t i = 0; i < x->operand_count; i++) {
    uint32_t s = ordered_slot(swap_a, i), t = ordered_slot(swap_b, i);
    if (gr_operand(g, a, s) != gr_operand(g, b, t) ||
        gr_spec_of_use(g, x->first_use + s) != gr_spec_of_use(g, y->first_use + t))
      return false;
  }
  for (uint32_t i = 0; i < x->result_count; i++)
    if ((gr_result(g, a, i) == GRAFT_NONE) != (gr_result(g, b, i) == GRAFT_NONE) ||
        gr_spec_of_value(g, x->first_result + i) != gr_spec_of_value(g, y->first_result + i))
      return false;
  return true;
}

static bool may_merge(const merger *m, const graft_graph *g, graft_node n) {
  const gr_op_info *info = gr_info(g, n);
  return (gr_node_may(g, n) & GR_MAY_MERGE) && (!m->families || (info && (info->families & m->families)));
}

static graft_status visit(merger *m, graft_graph *g, graft_node n) {
  if (!may_merge(m, g, n)) return GRAFT_OK;
  for (uint64_t key = hash_node(g, n);; key++) {
    uint32_t other = gr_map_get(&m->nodes, key);
    if (other == GRAFT_NONE) return gr_map_put(m->pass->context, &m->nodes, key, n) ? GRAFT_OK : GRAFT_NO_MEMORY;
    if (!equal_nodes(g, other, n)) continue;
    for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++)
      if (gr_result(g, n, i) != GRAFT_NONE) gr_replace_uses(g, gr_result(g, n, i), gr_result(g, other, i));
    gr_node_erase(g, n);
    gr_count(m->pass, "nodes merged", 1);
    return GRAFT_OK;
  }
}

static graft_status merge_nodes(gr_pass *p, uint32_t families) {
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; !s && i < p->module->graphs.len; i++) {
    graft_graph *g = p->module->graphs.data[i];
    merger m = {.pass = p, .families = families};
    for (graft_node n = g->first, next; !s && n != GRAFT_NONE; n = next) {
      next = gr_node_at(g, n)->next;
      s = visit(&m, g, n);
    }
    gr_map_free(p->context, &m.nodes);
  }
  return s;
}

/* ---- constants
 * ------------------------------------------------------------------------------------------------------- */

static bool equal_tensors(graft_module *m, graft_tensor a, graft_tensor b) {
  if (m->tensors.data[a].type != m->tensors.data[b].type) return false;
  const void *x = graft_tensor_get_data(m, a), *y = graft_tensor_get_data(m, b);
  return x && y && memcmp(x, y, gr_tensor_bytes(m, a)) == 0;
}

static graft_status replace_tensor(graft_module *m, graft_tensor from, graft_tensor to) {
  gr_holder_walk w = gr_holders_of(m, from);
  for (graft_graph *g; (g = gr_holders_next(&w));) {
    const graft_value old = gr_handle_of(g, from);
    if (old == GRAFT_NONE) continue;
    const graft_value handle = gr_handle(g, to);
    if (handle == GRAFT_NONE) return GRAFT_NO_MEMORY;
    gr_replace_uses(g, old, handle);
  }
  return GRAFT_OK;
}

static graft_status merge_constants(gr_pass *p) {
  graft_module *m = p->module;
  gr_map seen = {0};
  graft_status s = GRAFT_OK;
  for (graft_tensor t = 0; !s && t < m->tensors.len; t++) {
    const gr_tensor *tensor = &m->tensors.data[t];
    if (tensor->erased || tensor->kind != GRAFT_CONSTANT || tensor->source == GR_TENSOR_ELIDED) continue;
    for (uint64_t key = gr_mix(gr_tensor_hash(m, t) + tensor->type);; key++) {
      uint32_t other = gr_map_get(&seen, key);
      if (other == GRAFT_NONE) {
        if (!gr_map_put(p->context, &seen, key, t)) s = GRAFT_NO_MEMORY;
        break;
      }
      if (!equal_tensors(m, other, t)) continue;
      s = replace_tensor(m, t, other);
      gr_count(p, "constants merged", 1);
      break;
    }
  }
  gr_map_free(p->context, &seen);
  return s;
}

graft_status gr_pass_cse(gr_pass *p) {
  graft_status s = merge_constants(p);
  return s ? s : merge_nodes(p, 0);
}

graft_status gr_pass_merge_dequantize(gr_pass *p) { return merge_nodes(p, GR_F_DQ); }

graft_status gr_pass_dedup_qdq(gr_pass *p) {
  graft_status s = merge_constants(p);
  return s ? s : merge_nodes(p, GR_F_Q | GR_F_DQ);
}
