/* The verifier. Numbered constraints as in the shape rules (tools/gen_ops.c lists them in OPS.md): what breaks one is
 * reported with the node's name. First come those that keep every index in its array (V1); only when they hold is the
 * graph walked. All is linear: flags by index, lists walked once, and what was found good for one node is remembered
 * for those with the same op, attributes and types. */
#include "ir/verify_impl.h"

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

#define FAIL(...) gr_verify_fail(&v->report, __VA_ARGS__)

typedef struct verifier {
  gr_report report;
  graft_module *m;
  graft_graph *g; /* the one being checked */
  memo memos[MEMO_SIZE];
  uint64_t *seen;        /* bit by value: it is defined so far */
  uint64_t *name_bits;   /* bit by name, for bases whose numbers are dense */
  uint32_t *name_offset; /* by string: where its bits begin; GRAFT_NONE: in `names` */
  gr_map names;          /* the other names */
  uint64_t name_bit_count;
} verifier;

static bool bit(const uint64_t *bits, uint64_t i) { return (bits[i / 64] >> i % 64 & 1u) != 0; }
static void set_bit(uint64_t *bits, uint64_t i) { bits[i / 64] |= (uint64_t)1 << i % 64; }

/* ---- the module ---- */

static void check_tensor(verifier *v, graft_tensor i) {
  graft_module *m = v->m;
  const gr_tensor *t = &m->tensors.data[i];
  const graft_type *type = gr_tensor_type(m, i);
  const int64_t elements = graft_type_elements(type);
  const size_t size = graft_dtype_size(type->dtype);
  /* V3: a tensor has a known type, and as many bytes as the type says. */
  if (elements < 0 || size == 0 || elements > INT64_MAX / (int64_t)size) {
    FAIL(3, gr_name_label(m, t->name), "the tensor's type is not fully known");
  } else if (t->buffer != NULL && !gr_in_range(t->offset, (uint64_t)elements * size, t->buffer->size)) {
    FAIL(3, gr_name_label(m, t->name), "the tensor has %zu bytes, its type wants %jd", t->buffer->size,
         elements * (int64_t)size);
  } else if (t->buffer == NULL && t->source == GR_TENSOR_DATA && elements > 0) {
    FAIL(3, gr_name_label(m, t->name), "the tensor has no data");
  } else if (t->source == GR_TENSOR_FILL && type->dtype != GRAFT_F32 && type->dtype != GRAFT_F64) {
    FAIL(3, gr_name_label(m, t->name), "a fill is %s", graft_dtype_name(type->dtype));
  }
}

static void check_records(verifier *v) {
  const graft_module *m = v->m;
  /* V4: a provenance record was made from earlier ones. */
  for (uint32_t i = 0; i < m->records.len; ++i)
    for (uint32_t k = 0; k < m->records.data[i].parent_count; ++k)
      if (m->record_parents.data[m->records.data[i].first_parent + k] >= i)
        FAIL(4, "", "provenance record %u has a parent that is not before it", i);
}

/* ---- names: one bit for each number of a base, where the numbers are dense; a hash map for the rest ---- */

static bool begin_names(verifier *v) {
  graft_module *m = v->m;
  uint64_t named = m->tensors.len;
  for (uint32_t i = 0; i < m->graphs.len; ++i) named += m->graphs.data[i]->values.len;
  const uint64_t most = named * 8 + m->strings.items.len;
  uint32_t *offset = gr_alloc(m->context, (size_t)m->strings.items.len * sizeof *offset);
  if (offset == NULL) return false;
  v->name_offset = offset;
  for (uint32_t i = 0; i < m->strings.items.len; ++i) {
    const uint32_t count = m->strings.items.data[i].next_number;
    const bool dense = v->name_bit_count + count <= most && v->name_bit_count + count < GRAFT_NONE;
    offset[i] = dense ? (uint32_t)v->name_bit_count : GRAFT_NONE;
    if (dense) v->name_bit_count += count;
  }
  v->name_bits = gr_calloc(m->context, (size_t)(v->name_bit_count / 64 + 1), sizeof(uint64_t));
  return v->name_bits != NULL;
}

/* Marks a name as taken (`on`) or forgets it; false: it was taken. The names of one graph are forgotten after it. */
static bool mark_name(verifier *v, gr_name name, bool on, graft_status *status) {
  if (name.base == 0) return true;
  const uint32_t offset = v->name_offset[name.base];
  if (offset != GRAFT_NONE && name.number < v->m->strings.items.data[name.base].next_number) {
    const uint64_t i = (uint64_t)offset + name.number;
    const bool was = bit(v->name_bits, i);
    if (on)
      set_bit(v->name_bits, i);
    else
      v->name_bits[i / 64] &= ~((uint64_t)1 << i % 64);
    return !(on && was);
  }
  const uint64_t key = gr_mix((uint64_t)name.base << 32 | name.number);
  const bool was = gr_map_get(&v->names, key) == 1;
  if ((on || was) && !gr_map_put(v->m->context, &v->names, key, on ? 1 : 0)) *status = GRAFT_NO_MEMORY;
  return !(on && was);
}

static bool is_named(const gr_value *value) {
  return value->def_kind == GR_DEF_INPUT || (value->def_kind == GR_DEF_NODE && value->type != GRAFT_NONE);
}

static graft_status check_names(verifier *v) {
  graft_graph *g = v->g;
  graft_status status = GRAFT_OK;
  /* V5: inputs, results and tensors have names, no two the same. */
  for (uint32_t i = 0; i < g->values.len; ++i) {
    const gr_value *value = gr_value_at(g, i);
    if (!is_named(value)) continue;
    if (value->name.base == 0) FAIL(5, "", "value %u has no name", i);
    if (!mark_name(v, value->name, true, &status))
      FAIL(5, gr_value_label(g, i), "two values or tensors have this name");
  }
  for (uint32_t i = 0; i < g->values.len; ++i)
    if (is_named(gr_value_at(g, i))) (void)mark_name(v, gr_value_at(g, i)->name, false, &status);
  return status;
}

/* ---- uses, definitions, order ---- */

static void check_owned(verifier *v, uint32_t use, uint32_t user, const char *label, uint32_t *attached) {
  const gr_use *u = gr_use_at(v->g, use);
  if (u->user != user) FAIL(6, label, "use %u belongs to another user", use);
  if (u->value != GRAFT_NONE) ++*attached;
}

static void check_uses(verifier *v) {
  graft_graph *g = v->g;
  uint32_t attached = 0, owned = 0, listed = 0;
  for (uint32_t i = 0; i < g->uses.len; ++i) attached += gr_use_at(g, i)->value != GRAFT_NONE;
  /* V6: every use belongs to an operand slot, an output or an update. */
  for (uint32_t n = 0; n < g->nodes.len; ++n) {
    if (!gr_node_live(g, n)) continue;
    const gr_node *node = gr_node_at(g, n);
    for (uint32_t i = 0; i < node->operand_count; ++i) check_owned(v, node->first_use + i, n, "", &owned);
  }
  for (uint32_t i = 0; i < g->outputs.len; ++i)
    check_owned(v, g->outputs.data[i].use, GR_USER_OUTPUT | i, gr_string_text(v->m, g->outputs.data[i].name), &owned);
  for (uint32_t i = 0; i < g->updates.len; ++i)
    if (g->updates.data[i].tensor != GRAFT_NONE) check_owned(v, g->updates.data[i].use, GR_USER_UPDATE | i, "", &owned);
  if (owned != attached) FAIL(6, "", "%u uses have no user", attached - owned);
  /* V7: a value's use list holds its uses, each once, linked both ways. */
  for (uint32_t i = 0; i < g->values.len; ++i) {
    const gr_value *value = gr_value_at(g, i);
    const bool gone = value->def_kind == GR_DEF_DEAD;
    if (gone && value->first_use == GRAFT_NONE) continue;
    uint32_t before = GRAFT_NONE;
    for (uint32_t u = value->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
      if (gone || u >= g->uses.len || gr_use_at(g, u)->value != i || gr_use_at(g, u)->prev != before ||
          ++listed > attached) {
        FAIL(7, "", "the use list of value %u is broken", i);
        return;
      }
      before = u;
    }
  }
  if (listed != attached) FAIL(7, "", "%u uses are in no value's list", attached - listed);
}

static void check_definitions(verifier *v) {
  graft_graph *g = v->g;
  /* V8: a value is defined by the input, node or tensor that it names, and no other. */
  for (uint32_t i = 0; i < g->values.len; ++i) {
    const gr_value *value = gr_value_at(g, i);
    const uint32_t def = value->def;
    bool good = true;
    if (value->def_kind == GR_DEF_NODE) {
      const gr_node *n = gr_node_at(g, def);
      good = n->op != GRAFT_NONE && i >= n->first_result && i - n->first_result < n->result_count;
    } else if (value->def_kind == GR_DEF_INPUT) {
      good = g->inputs.data[def] == i;
    } else if (value->def_kind == GR_DEF_TENSOR) {
      const gr_tensor *t = &v->m->tensors.data[def];
      good = t->erased == 0 && def < g->tensor_values.len && g->tensor_values.data[def] == i && value->type == t->type;
    }
    if (!good) FAIL(8, "", "value %u is not defined where it says", i);
  }
  for (uint32_t n = 0; n < g->nodes.len; ++n) {
    const gr_node *node = gr_node_at(g, n);
    for (uint32_t i = 0; gr_node_live(g, n) && i < node->result_count; ++i) {
      const gr_value *value = gr_value_at(g, node->first_result + i);
      if (value->def_kind != GR_DEF_NODE || value->def != n) FAIL(8, "", "result %u of node %u is another's", i, n);
    }
  }
  for (uint32_t i = 0; i < g->inputs.len; ++i) {
    const gr_value *value = gr_value_at(g, g->inputs.data[i]);
    if (value->def_kind != GR_DEF_INPUT || value->def != i) FAIL(8, "", "input %u is not a value of its own", i);
  }
  for (uint32_t t = 0; t < g->tensor_values.len; ++t) {
    const graft_value handle = g->tensor_values.data[t];
    if (handle != GRAFT_NONE && (gr_value_at(g, handle)->def_kind != GR_DEF_TENSOR || gr_value_at(g, handle)->def != t))
      FAIL(8, "", "the handle of tensor %u is another's", t);
  }
}

static bool check_links(verifier *v) {
  const graft_graph *g = v->g;
  /* V9: the nodes are linked in one order, both ways. */
  uint32_t count = 0, before = GRAFT_NONE;
  for (uint32_t n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    if (!gr_node_live(g, n) || gr_node_at(g, n)->prev != before || ++count > g->live) {
      FAIL(9, "", "the order of nodes is broken at node %u", n);
      return false;
    }
    before = n;
  }
  uint32_t live = 0;
  for (uint32_t n = 0; n < g->nodes.len; ++n) live += gr_node_live(g, n);
  if (count == live && live == g->live && before == g->last) return true;
  FAIL(9, "", "%u nodes are in order, of %u", count, live);
  return false;
}

/* ---- nodes ---- */

static bool check_attrs(verifier *v, const char *label, uint32_t op, uint32_t set) {
  const gr_op_info *info = gr_op_get(op);
  uint32_t count;
  const gr_attr *attrs = gr_attrs_get(v->m, set, &count);
  /* V10: a node of the table's op has exactly the attributes declared, of their kinds and lengths. */
  if (info != NULL && count != info->attr_count)
    return FAIL(10, label, "%u attributes, %s has %u", count, info->name, info->attr_count), false;
  for (uint32_t i = 0; i < count; ++i) {
    const gr_attr *a = &attrs[i];
    /* V11: an attribute that is a graph names one after the graph that the node is in. */
    if (a->kind == GRAFT_ATTR_GRAPH && a->as.i <= (int64_t)v->g->index)
      return FAIL(11, label, "graph %jd inside graph %u", a->as.i, v->g->index), false;
    if (info == NULL) continue;
    const gr_attr_decl *d = &info->attrs[i];
    const bool none = a->kind == GRAFT_ATTR_NONE && d->none_allowed;
    if (!none && a->kind != (uint16_t)d->kind)
      return FAIL(10, label, "attribute %s is of the wrong kind", d->name), false;
    if (a->kind == GRAFT_ATTR_INTS && d->count >= 0 && a->as.list.count != (uint32_t)d->count)
      return FAIL(10, label, "attribute %s has %u entries, not %d", d->name, a->as.list.count, d->count), false;
  }
  return true;
}

/* The value of a constant operand, for shapes. */
typedef struct constants {
  graft_graph *g;
  graft_node n;
  bool asked;
  int64_t ints[GRAFT_MAX_RANK];
} constants;

static const int64_t *constant_ints(void *user, uint32_t operand, uint32_t *count) {
  constants *c = user;
  c->asked = true;
  const graft_tensor t = gr_value_tensor(c->g, gr_operand(c->g, c->n, operand));
  return t == GRAFT_NONE ? NULL : gr_constant_ints(c->g->module, t, c->ints, count);
}

#define INLINE 16

static void check_inference(verifier *v, graft_node n, bool *same_for_all) {
  graft_graph *g = v->g;
  graft_context *c = v->m->context;
  const gr_node *node = gr_node_at(g, n);
  const uint32_t operand_count = node->operand_count;
  uint32_t result_count = node->result_count;
  const graft_type *inline_operands[INLINE], **operands = inline_operands;
  graft_type inline_results[INLINE], *results = inline_results;
  if (operand_count > INLINE) operands = gr_alloc(c, operand_count * sizeof *operands);
  if (result_count > INLINE) results = gr_alloc(c, result_count * sizeof *results);
  if (operands == NULL || results == NULL) {
    v->report.errors += (uint32_t)(gr_no_memory(c) != GRAFT_OK);
    goto done;
  }
  while (result_count > 0 && gr_result(g, n, result_count - 1) == GRAFT_NONE) --result_count;
  for (uint32_t i = 0; i < operand_count; ++i) {
    const graft_value operand = gr_operand(g, n, i);
    operands[i] = operand == GRAFT_NONE ? NULL : gr_type_of(g, operand);
  }
  constants user = {.g = g, .n = n};
  char error[160] = "";
  gr_infer in = {.module = v->m,
                 .op = node->op,
                 .attrs = node->attrs,
                 .operands = operands,
                 .operand_count = operand_count,
                 .constant = constant_ints,
                 .user = &user,
                 .results = results,
                 .result_count = result_count,
                 .error = error};
  const gr_op_info *info = gr_op_get(node->op);
  /* V12: operands and attributes meet the op's own constraints, and the results have the types that follow. */
  if (!gr_infer_types(&in)) {
    FAIL(12, gr_node_label(g, n), "%s: %s", gr_op_text(v->m, node->op), error);
    goto done;
  }
  for (uint32_t i = 0; i < result_count; ++i) {
    const graft_value result = gr_result(g, n, i);
    if (result != GRAFT_NONE && !gr_type_compatible(gr_type_of(g, result), &results[i])) {
      char want[96], have[96];
      gr_type_format(&results[i], want, sizeof want);
      gr_type_format(gr_type_of(g, result), have, sizeof have);
      FAIL(12, gr_node_label(g, n), "%s: result %u is %s, it should be %s", gr_op_text(v->m, node->op), i, have, want);
    }
    /* V13: only optional results are absent. */
    if (result == GRAFT_NONE && (info == NULL || i >= info->result_count || !info->results[i].optional))
      FAIL(13, gr_node_label(g, n), "result %u is absent", i);
  }
  *same_for_all = !user.asked;
done:
  if (operands != inline_operands) gr_free(c, operands, operand_count * sizeof *operands);
  if (results != inline_results) gr_free(c, results, node->result_count * sizeof *results);
}

static void check_node(verifier *v, graft_node n) {
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
      else if (value->def_kind == GR_DEF_NODE && !bit(v->seen, operand))
        FAIL(14, gr_node_label(g, n), "operand %%%s is used before it is defined", gr_value_label(g, operand));
    }
    if (small) key.types[i] = type;
    hash = (hash ^ type) * 0x9e3779b97f4a7c15u;
  }
  for (uint32_t i = 0; i < node->result_count; ++i) {
    set_bit(v->seen, node->first_result + i);
    const uint32_t type = gr_value_at(g, node->first_result + i)->type;
    if (small) key.types[MEMO_OPERANDS + i] = type;
    hash = (hash ^ type) * 0x9e3779b97f4a7c15u;
  }
  memo *known = &v->memos[hash >> 40 & (MEMO_SIZE - 1)];
  if (small && memcmp(known, &key, sizeof key) == 0) return;
  bool same_for_all = false;
  const uint32_t errors = v->report.errors;
  if (gr_op_get(node->op) != NULL && (gr_op_get(node->op)->families & GR_F_SPEC) != 0)
    FAIL(12, gr_node_label(g, n), "%s is not an op", gr_op_text(v->m, node->op));
  else if (check_attrs(v, gr_node_label(g, n), node->op, node->attrs))
    check_inference(v, n, &same_for_all);
  if (small && same_for_all && v->report.errors == errors) *known = key;
}

static void check_results_unused(verifier *v) {
  graft_graph *g = v->g;
  /* V15: a result that is absent has no uses. */
  for (uint32_t i = 0; i < g->values.len; ++i) {
    const gr_value *value = gr_value_at(g, i);
    if (value->def_kind == GR_DEF_NODE && value->type == GRAFT_NONE && value->first_use != GRAFT_NONE)
      FAIL(15, gr_node_label(g, value->def), "result %u is absent and used",
           i - gr_node_at(g, value->def)->first_result);
  }
}

/* ---- outputs and updates ---- */

static graft_status check_interface(verifier *v) {
  graft_graph *g = v->g;
  graft_module *m = v->m;
  graft_context *c = m->context;
  graft_status status = GRAFT_OK;
  gr_map names = {0};
  /* V16: an output has a value and an interface name, which no other output has. */
  for (uint32_t i = 0; i < g->outputs.len && status == GRAFT_OK; ++i) {
    const gr_output *o = &g->outputs.data[i];
    const char *name = gr_string_text(m, o->name);
    const graft_value value = gr_use_at(g, o->use)->value;
    if (o->name == 0) FAIL(16, "", "output %u has no name", i);
    if (value == GRAFT_NONE || gr_value_at(g, value)->def_kind == GR_DEF_DEAD ||
        gr_value_at(g, value)->type == GRAFT_NONE)
      FAIL(16, name, "the output has no value");
    if (gr_map_get(&names, o->name) != GRAFT_NONE) FAIL(16, name, "two outputs have this name");
    if (!gr_map_put(c, &names, o->name, i)) status = GRAFT_NO_MEMORY;
  }
  gr_map_free(c, &names);
  gr_map updated = {0};
  for (uint32_t i = 0; i < g->updates.len && status == GRAFT_OK; ++i) {
    const gr_update *u = &g->updates.data[i];
    if (u->tensor == GRAFT_NONE) continue;
    const gr_tensor *t = &m->tensors.data[u->tensor];
    const char *name = gr_name_label(m, t->name);
    const graft_value value = gr_use_at(g, u->use)->value;
    /* V17: an update gives a parameter or buffer a value of its type, once. */
    if (t->erased != 0 || t->kind == GRAFT_CONSTANT)
      FAIL(17, name, "%s is updated", t->erased != 0 ? "an erased tensor" : "a constant");
    else if (value == GRAFT_NONE || gr_value_at(g, value)->def_kind == GR_DEF_DEAD ||
             gr_value_at(g, value)->type == GRAFT_NONE)
      FAIL(17, name, "the update has no value");
    else if (!gr_type_compatible(gr_type_of(g, value), gr_tensor_type(m, u->tensor)))
      FAIL(17, name, "the update %%%s has another type than the tensor", gr_value_label(g, value));
    if (gr_map_get(&updated, u->tensor) != GRAFT_NONE) FAIL(17, name, "the tensor is updated twice");
    if (!gr_map_put(c, &updated, u->tensor, i)) status = GRAFT_NO_MEMORY;
  }
  gr_map_free(c, &updated);
  return status;
}

/* ---- annotations ---- */

static bool live_ref(const graft_graph *g, const gr_spec_ref *r) {
  if (r->is_value)
    return r->id < g->values.len && gr_value_at(g, r->id)->def_kind != GR_DEF_DEAD &&
           gr_value_at(g, r->id)->type != GRAFT_NONE;
  return r->id < g->uses.len && gr_use_at(g, r->id)->value != GRAFT_NONE;
}

static void check_spec(verifier *v, uint32_t spec, const char *label, const graft_type *type) {
  graft_module *m = v->m;
  const gr_spec *s = gr_spec_get(m, spec);
  const gr_op_info *op = gr_op_get(s->op);
  /* V18: a spec is one of the table's, with its attributes; shared and derived ones refer to live edges and values. */
  if (op == NULL || (op->families & GR_F_SPEC) == 0) {
    FAIL(18, label, "the spec is none of the table's");
    return;
  }
  if (!check_attrs(v, label, s->op, s->attrs)) return;
  const bool shared = s->op == GR_OP_shared, derived = s->op == GR_OP_derived;
  if (shared ? s->ref_count != 1 : derived ? s->ref_count == 0 : s->ref_count != 0)
    FAIL(18, label, "the spec (%s) refers to %u edges or values", op->name, s->ref_count);
  for (uint32_t i = 0; i < s->ref_count; ++i)
    if (!live_ref(v->g, &gr_spec_refs(m, spec)[i])) FAIL(18, label, "the spec (%s) refers to what is gone", op->name);
  if (shared) return;
  /* V19: a spec's quant_min is less than its quant_max, both in the range of its dtype; its axis is one of the value.
   */
  const int64_t min = gr_attr_int(m, s->op, s->attrs, "quant_min"), max = gr_attr_int(m, s->op, s->attrs, "quant_max");
  const graft_dtype dtype = (graft_dtype)gr_attr_int(m, s->op, s->attrs, "dtype");
  int64_t low, high;
  if (!gr_dtype_range(dtype, &low, &high) || min < low || max > high || min >= max)
    FAIL(19, label, "the spec's range is %jd to %jd of %s", min, max, graft_dtype_name(dtype));
  if (s->op == GR_OP_fixed || gr_attr_is_none(m, s->op, s->attrs, "axis")) return;
  const int64_t axis = gr_attr_int(m, s->op, s->attrs, "axis");
  if (type->rank >= 0 && (axis < -type->rank || axis >= type->rank))
    FAIL(19, label, "the spec's axis is %jd, of %d", axis, type->rank);
}

static void check_specs(verifier *v) {
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

static graft_status check_graph(verifier *v, uint32_t index) {
  graft_module *m = v->m;
  graft_graph *g = v->g = m->graphs.data[index];
  if (g->module != m || g->index != index) FAIL(1, "", "graph %u is not the module's", index);
  gr_verify_ranges(&v->report, g);
  if (v->report.errors > 0) return GRAFT_OK; /* nothing below is safe */
  check_definitions(v);
  check_uses(v);
  if (v->report.errors > 0 || !check_links(v)) return GRAFT_OK;
  const size_t words = g->values.len / 64 + 1;
  v->seen = gr_calloc(m->context, words, sizeof *v->seen);
  memset(v->memos, 0, sizeof v->memos);
  if (v->seen == NULL) return GRAFT_NO_MEMORY;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) check_node(v, n);
  gr_free(m->context, v->seen, words * sizeof *v->seen);
  check_results_unused(v);
  check_specs(v);
  graft_status status = check_interface(v);
  return status == GRAFT_OK ? check_names(v) : status;
}

graft_status graft_module_verify(graft_module *m) {
  graft_context *c = m->context;
  graft_status status = GRAFT_OK;
  verifier *v = gr_calloc(c, 1, sizeof *v);
  if (v == NULL) return GRAFT_NO_MEMORY;
  v->m = m;
  v->report.module = m;
  gr_verify_pools(&v->report);
  if (v->report.errors == 0) {
    check_records(v);
    if (!begin_names(v)) status = GRAFT_NO_MEMORY;
    for (graft_tensor t = 0; status == GRAFT_OK && t < m->tensors.len; ++t) {
      if (m->tensors.data[t].erased != 0) continue;
      check_tensor(v, t);
      if (!mark_name(v, m->tensors.data[t].name, true, &status))
        FAIL(5, gr_name_label(m, m->tensors.data[t].name), "two tensors have this name");
    }
    for (uint32_t i = 0; status == GRAFT_OK && i < m->graphs.len && v->report.errors < GR_VERIFY_MAX_ERRORS; ++i)
      status = check_graph(v, i);
  }
  if (status == GRAFT_OK && v->report.errors > 0) status = GRAFT_VERIFY;
  gr_free(c, v->name_offset, (size_t)m->strings.items.len * sizeof *v->name_offset);
  gr_free(c, v->name_bits, (size_t)(v->name_bit_count / 64 + 1) * sizeof(uint64_t));
  gr_map_free(c, &v->names);
  gr_free(c, v, sizeof *v);
  return status;
}
