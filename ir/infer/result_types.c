/* Result types of a node to be. Networks repeat their layers: the last inferences are remembered in the module. */
#include "ir/ir_int.h"

#include <stddef.h>
#include <string.h>

#define INLINE_COUNT 16

static graft_status infer(graft_graph *g, const gr_node_desc *d, uint32_t operand_count, uint32_t *types,
                          bool *repeatable) {
  graft_module *m = g->module;
  graft_context *c = m->context;
  const graft_type *inline_operands[INLINE_COUNT], **operands = inline_operands;
  graft_type inline_results[INLINE_COUNT], *results = inline_results;
  graft_status status = GRAFT_OK;
  if (operand_count > INLINE_COUNT) operands = gr_alloc(c, operand_count * sizeof *operands);
  if (d->result_count > INLINE_COUNT) results = gr_alloc(c, d->result_count * sizeof *results);
  if (!operands || !results) {
    status = GRAFT_NO_MEMORY;
    goto done;
  }
  for (uint32_t i = 0; i < operand_count; i++)
    operands[i] = d->operands[i] == GRAFT_NONE ? NULL : gr_type_of(g, d->operands[i]);
  gr_known_operands user = {.g = g, .operands = d->operands};
  char error[160];
  error[0] = '\0';
  gr_infer in = {.module = m,
                 .op = d->op,
                 .attrs = d->attrs,
                 .operands = operands,
                 .operand_count = operand_count,
                 .constant = gr_known_operand,
                 .user = &user,
                 .results = results,
                 .result_count = d->result_count,
                 .error = error};
  const bool good = gr_infer_types(&in);
  if (user.failed) {
    status = GRAFT_NO_MEMORY;
    goto done;
  }
  if (!good) {
    status = gr_error(c, GRAFT_TYPE, d->where, "%s: %s", gr_op_text(m, d->op), error);
    goto done;
  }
  for (uint32_t i = 0; i < d->result_count && status == GRAFT_OK; i++) {
    types[i] = i < 32 && d->absent_results >> i & 1 ? GRAFT_NONE : gr_type_intern(m, &results[i]);
    if (types[i] == GRAFT_NONE && !(i < 32 && d->absent_results >> i & 1)) status = GRAFT_NO_MEMORY;
  }
  const gr_op_info *info = gr_op_get(d->op);
  *repeatable = !user.asked && !(info && info->families & GR_F_CONTROL); /* its graphs may change */
done:
  if (operands != inline_operands) gr_free(c, operands, operand_count * sizeof *operands);
  if (results != inline_results) gr_free(c, results, d->result_count * sizeof *results);
  return status;
}

/* False where the node has more operands or results than a remembered inference holds. */
static bool key_of(const graft_graph *g, const gr_node_desc *d, uint32_t operand_count, gr_inferred *key) {
  if (operand_count > GR_INFERRED_OPERANDS || d->result_count > GR_INFERRED_RESULTS || d->result_count == 0)
    return false;
  *key = (gr_inferred){.op = d->op,
                       .attrs = d->attrs,
                       .absent_results = d->absent_results,
                       .operand_count = operand_count,
                       .result_count = d->result_count};
  for (uint32_t i = 0; i < operand_count; i++) {
    bool absent = d->operands[i] == GRAFT_NONE;
    key->operands[i] = absent ? GRAFT_NONE : g->values.data[d->operands[i]].type;
    if (!absent && key->operands[i] == GRAFT_NONE) return false;
  }
  return true;
}

/* The first of its two places: of inferences that fall together two are remembered. */
static gr_inferred *places_of(graft_module *m, const gr_inferred *key) {
  uint64_t h = (uint64_t)key->op << 32 | key->attrs;
  for (uint32_t i = 0; i < key->operand_count; i++) h = (h ^ key->operands[i]) * 0x9e3779b97f4a7c15u;
  return &m->caches->inferred[gr_mix(h) % (GR_INFERRED_COUNT / 2) * 2];
}

graft_status gr_result_types(graft_graph *g, const gr_node_desc *d, uint32_t operand_count, uint32_t *types) {
  gr_inferred key, *known = NULL;
  if (key_of(g, d, operand_count, &key)) {
    known = places_of(g->module, &key);
    for (uint32_t i = 0; i < 2; i++)
      if (memcmp(&known[i], &key, offsetof(gr_inferred, results)) == 0) {
        memcpy(types, known[i].results, d->result_count * sizeof *types);
        return GRAFT_OK;
      }
  }
  bool repeatable = false;
  graft_status status = infer(g, d, operand_count, types, &repeatable);
  if (status == GRAFT_OK && known && repeatable) {
    memcpy(key.results, types, d->result_count * sizeof *types);
    known[1] = known[0];
    known[0] = key;
  }
  return status;
}
/* The node's results inferred again: set, or only held against those that it has. */
static graft_status again(graft_graph *g, graft_node n, bool set, uint32_t *changed) {
  const gr_node node = *gr_node_at(g, n);
  graft_context *c = g->module->context;
  if (node.op >= GR_OP_COUNT) return GRAFT_OK; /* an opaque node's types are what its reader said */
  const size_t operands_size = ((size_t)node.operand_count + 1) * sizeof(graft_value);
  const size_t types_size = ((size_t)node.result_count + 1) * sizeof(uint32_t);
  graft_value inline_operands[INLINE_COUNT], *operands = inline_operands;
  uint32_t inline_types[INLINE_COUNT] = {0}, *types = inline_types;
  if (node.operand_count >= INLINE_COUNT) operands = gr_alloc(c, operands_size);
  if (node.result_count >= INLINE_COUNT) types = gr_alloc(c, types_size);
  graft_status status = operands && types ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (!status) {
    gr_node_desc d = {.op = node.op,
                      .attrs = node.attrs,
                      .operands = operands,
                      .operand_count = node.operand_count,
                      .result_count = node.result_count,
                      .where = gr_node_loc(g, n)};
    for (uint32_t i = 0; i < node.operand_count; i++) operands[i] = gr_operand(g, n, i);
    for (uint32_t i = 0; i < node.result_count && i < 32; i++)
      if (gr_result(g, n, i) == GRAFT_NONE) d.absent_results |= 1u << i;
    status = gr_result_types(g, &d, node.operand_count, types);
  }
  for (uint32_t i = 0; i < node.result_count && !status; i++) {
    graft_value v = gr_result(g, n, i);
    if (v == GRAFT_NONE || gr_value_at(g, v)->type == types[i]) continue;
    ++*changed;
    if (set)
      status = gr_value_set_type(g, v, types[i]);
    else if (!gr_type_compatible(gr_type_of(g, v), &g->module->types.data[types[i]]))
      status = gr_error(c, GRAFT_TYPE, gr_node_loc(g, n), "%s: its result %u would be of another type",
                        gr_op_text(g->module, node.op), i);
  }
  if (operands != inline_operands) gr_free(c, operands, operands_size);
  if (types != inline_types) gr_free(c, types, types_size);
  return status;
}

graft_status gr_node_infer(graft_graph *g, graft_node n, uint32_t *changed) { return again(g, n, true, changed); }

graft_status gr_node_agrees(graft_graph *g, graft_node n) {
  uint32_t changed = 0;
  return again(g, n, false, &changed);
}
