/* The verifier's last part: nodes in their order, and annotations. Numbered constraints as in the shape rules
 * (tools/gen_ops.c lists them in OPS.md). What was found good for one node is remembered for those with the same op,
 * attributes and types, so that a large graph is mostly look-ups. */
#include "ir/graph/verify_impl.h"

#include <stdio.h>
#include <string.h>

#define MEMO_OPERANDS 6
#define MEMO_RESULTS 4
#define MEMO_SIZE 256

/* A node's signature for which attributes, inference and types were found good. */
typedef struct memo {
  uint32_t op, attrs, operand_count, result_count; /* op + 1; 0: free */
  uint32_t types[MEMO_OPERANDS + MEMO_RESULTS];    /* GRAFT_NONE: absent */
} memo;

typedef struct checker {
  gr_verifier *verifier;
  graft_module *module;
  graft_graph *g;
  uint64_t *seen; /* bit by node: it is defined so far */
  memo memos[MEMO_SIZE];
} checker;

#define FAIL(...) gr_verify_fail(v->verifier, __VA_ARGS__)

/* ---- nodes ---- */

static bool is_word(const gr_attr *a) {
  int64_t n = 0;
  while (gr_choice_words(a->choice)[n]) n++;
  return a->as.i >= 0 && a->as.i < n;
}

static bool check_attrs(checker *v, const char *label, const gr_op_info *info, uint32_t set) {
  uint32_t count;
  const gr_attr *attrs = gr_attrs_get(v->module, set, &count);
  /* V10: a node of the table's op has exactly the attributes declared, of their kinds, lengths, words and ranges. */
  if (info != NULL && count != info->attr_count)
    return FAIL(10, label, "%u attributes, %s has %u", count, info->name, info->attr_count), false;
  for (uint32_t i = 0; i < count; ++i) {
    const gr_attr *a = &attrs[i];
    /* V11: an attribute that is a graph names one of the module, after the graph that the node is in. */
    if (a->kind == GRAFT_ATTR_GRAPH && (uint64_t)a->as.i >= v->module->graphs.len)
      return FAIL(11, label, "graph %jd, the module has %u", (intmax_t)a->as.i, v->module->graphs.len), false;
    if (a->kind == GRAFT_ATTR_GRAPH && a->as.i <= (int64_t)v->g->index)
      return FAIL(11, label, "the graph '%s' inside of '%s', which is it or comes after it",
                  gr_string_text(v->module, v->module->graphs.data[a->as.i]->name),
                  gr_string_text(v->module, v->g->name)),
             false;
    if (info == NULL) continue;
    const gr_attr_decl *d = &info->attrs[i];
    const bool none = a->kind == GRAFT_ATTR_NONE && d->none_allowed;
    if (!none && a->kind != (uint16_t)d->kind)
      return FAIL(10, label, "attribute %s is of the wrong kind", d->name), false;
    if (a->kind == GRAFT_ATTR_INTS && d->count >= 0 && a->as.list.count != (uint32_t)d->count)
      return FAIL(10, label, "attribute %s has %u entries, not %d", d->name, a->as.list.count, d->count), false;
    if (a->kind == GRAFT_ATTR_STRING && (a->choice != d->choice || (a->choice && !is_word(a))))
      return FAIL(10, label, "attribute %s is none of its words", d->name), false;
    char message[GR_ATTR_MESSAGE_SIZE];
    const graft_attr given = gr_attr_public(v->module, info, set, i);
    if (!gr_attr_check(info, i, &given, message, sizeof message)) return FAIL(10, label, "%s", message), false;
  }
  return true;
}

#define INLINE 16

static void check_inference(checker *v, graft_node n, bool *same_for_all) {
  graft_graph *g = v->g;
  graft_context *c = v->module->context;
  const gr_node *node = gr_node_at(g, n);
  const uint32_t operand_count = node->operand_count;
  uint32_t result_count = node->result_count;
  const graft_type *inline_operands[INLINE], **operands = inline_operands;
  graft_type inline_results[INLINE], *results = inline_results;
  if (operand_count > INLINE) operands = gr_alloc(c, operand_count * sizeof *operands);
  if (result_count > INLINE) results = gr_alloc(c, result_count * sizeof *results);
  if (operands == NULL || results == NULL) {
    v->verifier->errors += (uint32_t)(gr_no_memory(c) != GRAFT_OK);
    goto done;
  }
  while (result_count > 0 && gr_result(g, n, result_count - 1) == GRAFT_NONE) --result_count;
  for (uint32_t i = 0; i < operand_count; ++i) {
    const graft_value operand = gr_operand(g, n, i);
    operands[i] = operand == GRAFT_NONE ? NULL : gr_type_of(g, operand);
  }
  gr_known_operands user = {.g = g, .n = n};
  char error[160] = "";
  gr_infer in = {.module = v->module,
                 .op = node->op,
                 .attrs = node->attrs,
                 .operands = operands,
                 .operand_count = operand_count,
                 .constant = gr_known_operand,
                 .user = &user,
                 .results = results,
                 .result_count = result_count,
                 .error = error};
  const gr_op_info *info = gr_op_get(node->op);
  /* V12: operands and attributes meet the op's own constraints, and the results have the types that follow. */
  const bool good = gr_infer_types(&in);
  if (user.failed) {
    ++v->verifier->errors;
    goto done;
  }
  if (!good) {
    FAIL(12, gr_node_label(g, n), "%s: %s", gr_op_text(v->module, node->op), error);
    goto done;
  }
  for (uint32_t i = 0; i < result_count; ++i) {
    const graft_value result = gr_result(g, n, i);
    if (result != GRAFT_NONE && !gr_type_compatible(gr_type_of(g, result), &results[i])) {
      char want[96], have[96];
      gr_type_format(&results[i], want, sizeof want);
      gr_type_format(gr_type_of(g, result), have, sizeof have);
      FAIL(12, gr_node_label(g, n), "%s: result %u is %s, it should be %s", gr_op_text(v->module, node->op), i, have,
           want);
    }
    /* V13: only optional results are absent. */
    if (result == GRAFT_NONE && (info == NULL || i >= info->result_count || !info->results[i].optional))
      FAIL(13, gr_node_label(g, n), "result %u is absent", i);
  }
  *same_for_all = !user.asked && !(info && info->families & GR_F_CONTROL);
done:
  if (operands != inline_operands) gr_free(c, operands, operand_count * sizeof *operands);
  if (results != inline_results) gr_free(c, results, node->result_count * sizeof *results);
}

static void check_node(checker *v, graft_node n) {
  graft_graph *g = v->g;
  const gr_node *node = gr_node_at(g, n);
  memo key = {.op = node->op + 1,
              .attrs = node->attrs,
              .operand_count = node->operand_count,
              .result_count = node->result_count};
  const bool small = node->operand_count <= MEMO_OPERANDS && node->result_count <= MEMO_RESULTS;
  uint64_t hash = (uint64_t)node->op << 32 | node->attrs;
  for (uint32_t i = 0; i < node->operand_count; ++i) {
    const graft_value operand = gr_use_at(g, node->first_use + i)->value;
    uint32_t type = GRAFT_NONE;
    if (operand != GRAFT_NONE) {
      const gr_value *value = gr_value_at(g, operand);
      type = value->type;
      /* V14: an operand is defined before the node, and is no absent result. */
      if (value->def_kind == GR_DEF_DEAD || type == GRAFT_NONE)
        FAIL(14, gr_node_label(g, n), "operand %u is an absent result or gone", i);
      else if (value->def_kind == GR_DEF_NODE && !gr_bit(v->seen, value->def))
        FAIL(14, gr_node_label(g, n), "operand %%%s is used before it is defined", gr_value_label(g, operand));
    }
    if (small) key.types[i] = type;
    hash = (hash ^ type) * 0x9e3779b97f4a7c15u;
  }
  for (uint32_t i = 0; i < node->result_count; ++i) {
    const uint32_t type = gr_value_at(g, node->first_result + i)->type;
    if (small) key.types[MEMO_OPERANDS + i] = type;
    hash = (hash ^ type) * 0x9e3779b97f4a7c15u;
  }
  gr_verify_scales(v->verifier, g, n);
  memo *known = &v->memos[hash >> 40 & (MEMO_SIZE - 1)];
  if (small && memcmp(known, &key, sizeof key) == 0) return;
  bool same_for_all = false;
  const uint32_t errors = v->verifier->errors;
  const char *name = gr_op_text(v->module, node->op);
  if (node->op >= GR_OP_COUNT && gr_spec_kind_find(name, strlen(name)) < GR_SPEC_KIND_COUNT)
    FAIL(12, gr_node_label(g, n), "%s is a kind of spec, not an op", name);
  else if (check_attrs(v, gr_node_label(g, n), gr_op_get(node->op), node->attrs))
    check_inference(v, n, &same_for_all);
  if (small && same_for_all && v->verifier->errors == errors) *known = key;
}

/* ---- annotations ---- */

static bool live_ref(const graft_graph *g, const gr_spec_ref *r) {
  if (r->is_value)
    return r->id < g->values.len && gr_value_at(g, r->id)->def_kind != GR_DEF_DEAD &&
           gr_value_at(g, r->id)->type != GRAFT_NONE;
  return r->id < g->uses.len && gr_use_at(g, r->id)->value != GRAFT_NONE && gr_user_is_node(gr_use_at(g, r->id)->user);
}

static void check_spec(checker *v, uint32_t spec, const char *label, const graft_type *type) {
  graft_module *m = v->module;
  const gr_spec *s = gr_spec_get(m, spec);
  const gr_op_info *op = gr_spec_info(s->kind);
  /* V18: a spec is one of the table's, with its attributes; shared and derived ones refer to live edges and values. */
  if (op == NULL) {
    FAIL(18, label, "the spec is none of the table's");
    return;
  }
  if (!check_attrs(v, label, op, s->attrs)) return;
  const bool shared = s->kind == GR_SPEC_shared, derived = s->kind == GR_SPEC_derived;
  if (shared ? s->ref_count != 1 : derived ? s->ref_count == 0 : s->ref_count != 0)
    FAIL(18, label, "the spec (%s) refers to %u edges or values", op->name, s->ref_count);
  for (uint32_t i = 0; i < s->ref_count; ++i)
    if (!live_ref(v->g, &gr_spec_refs(m, spec)[i])) FAIL(18, label, "the spec (%s) refers to what is gone", op->name);
  if (shared) return;
  /* V19: a spec's quant_min is less than its quant_max, both in the range of its dtype; its axis is one of the value.
   */
  const int64_t min = gr_attr_int(m, s->attrs, GR_ATTR(spec, quant_min)),
                max = gr_attr_int(m, s->attrs, GR_ATTR(spec, quant_max));
  const graft_dtype dtype = (graft_dtype)gr_attr_int(m, s->attrs, GR_ATTR(spec, dtype));
  int64_t low, high;
  if (!gr_dtype_range(dtype, &low, &high) || min < low || max > high || min >= max)
    FAIL(19, label, "the spec's range is %jd to %jd of %s", min, max, graft_dtype_name(dtype));
  if (s->kind == GR_SPEC_fixed || gr_attr_is_none(m, s->attrs, GR_ATTR(spec, axis))) return;
  const int64_t axis = gr_attr_int(m, s->attrs, GR_ATTR(spec, axis));
  if (type->rank >= 0 && (axis < -type->rank || axis >= type->rank))
    FAIL(19, label, "the spec's axis is %jd, of %d", axis, type->rank);
}

static void check_specs(checker *v) {
  graft_graph *g = v->g;
  for (uint32_t i = 0; i < g->spec_of_use.len; ++i) {
    if (g->spec_of_use.data[i] == 0) continue;
    const gr_use *u = gr_use_at(g, i);
    /* V20: only operands have specs of their own, and of those no statistics, quantization parameter or shape. */
    if (u->value == GRAFT_NONE || !gr_user_is_node(u->user)) {
      FAIL(20, "", "use %u has a spec and is no operand", i);
      continue;
    }
    const gr_op_info *op = gr_info(g, u->user);
    const uint32_t slot = gr_use_slot(g, i);
    const gr_operand_decl *d =
        op == NULL ? NULL : &op->operands[slot < op->operand_count ? slot : op->operand_count - 1u];
    if (d != NULL && d->role != GR_DATA && d->role != GR_WEIGHT)
      FAIL(20, gr_node_label(g, u->user), "operand %s cannot be quantized and has a spec", d->name);
    check_spec(v, g->spec_of_use.data[i], gr_node_label(g, u->user), gr_type_of(g, u->value));
  }
  for (uint32_t i = 0; i < g->spec_of_value.len; ++i) {
    if (g->spec_of_value.data[i] == 0) continue;
    const gr_value *value = gr_value_at(g, i);
    if (value->def_kind == GR_DEF_DEAD || value->type == GRAFT_NONE)
      FAIL(20, "", "value %u is gone and has a spec", i);
    else
      check_spec(v, g->spec_of_value.data[i], gr_value_label(g, i), gr_type_of(g, i));
  }
}

/* ---- the order ---- */

static void check_order(checker *v) {
  const graft_graph *g = v->g;
  uint32_t count = 0, before = GRAFT_NONE;
  /* V9: the nodes are linked in one order, both ways. */
  for (uint32_t n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    if (!gr_node_live(g, n) || gr_node_at(g, n)->prev != before || ++count > g->live) {
      FAIL(9, "", "the order of nodes is broken at node %u", n);
      return;
    }
    check_node(v, n);
    gr_bit_set(v->seen, n);
    before = n;
  }
  if (count != g->live || before != g->last) FAIL(9, "", "%u nodes are in order, of %u", count, g->live);
}

static graft_status check_graph(checker *v, uint32_t index) {
  graft_module *m = v->module;
  graft_graph *g = v->g = m->graphs.data[index];
  if (g->module != m || g->index != index) {
    FAIL(1, "", "graph %u is not the module's", index);
    return GRAFT_OK;
  }
  const graft_status status = gr_verify_graph(v->verifier, g);
  if (status != GRAFT_OK || v->verifier->errors > 0) return status;
  const size_t words = g->nodes.len / 64 + 1;
  memset(v->memos, 0, sizeof v->memos);
  v->seen = gr_calloc(m->context, words, sizeof *v->seen);
  if (v->seen == NULL) return GRAFT_NO_MEMORY;
  check_order(v);
  gr_free(m->context, v->seen, words * sizeof *v->seen);
  check_specs(v);
  return GRAFT_OK;
}

graft_status graft_module_verify(graft_module *m) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  graft_context *c = m->context;
  gr_verifier verifier = {.module = m};
  checker *v = gr_calloc(c, 1, sizeof *v);
  if (v == NULL) return GRAFT_NO_MEMORY;
  v->verifier = &verifier;
  v->module = m;
  graft_status status = gr_verify_module(&verifier);
  for (uint32_t i = 0; status == GRAFT_OK && verifier.errors == 0 && i < m->graphs.len; ++i) status = check_graph(v, i);
  gr_free(c, verifier.name_offset, ((size_t)m->strings.items.len + 1) * sizeof *verifier.name_offset);
  gr_free(c, verifier.name_bits, (size_t)(verifier.name_bit_count / 64 + 1) * sizeof *verifier.name_bits);
  gr_free(c, verifier.updated, gr_updated_words(m) * sizeof *verifier.updated);
  gr_map_free(c, &verifier.names);
  gr_free(c, v, sizeof *v);
  return status == GRAFT_OK && verifier.errors > 0 ? GRAFT_VERIFY : status;
}
