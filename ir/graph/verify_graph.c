/* The verifier's second part: definitions, use lists, names, outputs and updates of a graph. V1 is checked as arrays
 * are gone through, before an index is followed. */
#include "ir/graph/verify_impl.h"

static bool index_or_none(uint32_t i, uint32_t length) { return i < length || i == GRAFT_NONE; }

/* What the passes over the arrays count: uses that have a value, those that belong to a user, those in a list. */
typedef struct counts {
  uint32_t attached, owned, listed;
  bool absent_used;
} counts;

static bool node_in_range(const graft_graph *g, const gr_node *n) {
  const graft_module *m = g->module;
  return (n->op < GR_OP_COUNT || n->op - GR_OP_COUNT < m->strings.items.len) && n->attrs < m->attrs.sets.len &&
         gr_in_range(n->first_use, n->operand_count, g->uses.len) &&
         gr_in_range(n->first_result, n->result_count, g->values.len) && n->provenance < m->records.len &&
         index_or_none(n->prev, g->nodes.len) && index_or_none(n->next, g->nodes.len);
}

static void check_nodes(gr_verifier *v, const graft_graph *g, counts *c) {
  uint32_t live = 0;
  for (uint32_t n = 0; n < g->nodes.len; ++n) {
    const gr_node *node = gr_node_at(g, n);
    if (!gr_node_live(g, n)) continue;
    ++live;
    if (!node_in_range(g, node)) {
      gr_verify_fail(v, 1, "", "node %u is out of range", n);
      continue;
    }
    /* V6: every use belongs to an operand slot, an output or an update. */
    for (uint32_t i = 0; i < node->operand_count; ++i) {
      const gr_use *u = gr_use_at(g, node->first_use + i);
      if (u->user != n) gr_verify_fail(v, 6, "", "use %u belongs to another user", node->first_use + i);
      c->owned += u->value != GRAFT_NONE;
    }
    /* V8: a value is defined by the input, node or tensor that it names, and no other. */
    for (uint32_t i = 0; i < node->result_count; ++i) {
      const gr_value *value = gr_value_at(g, node->first_result + i);
      if (value->def_kind != GR_DEF_NODE || value->def != n)
        gr_verify_fail(v, 8, "", "result %u of node %u is another's", i, n);
    }
  }
  if (live != g->live) gr_verify_fail(v, 9, "", "there are %u nodes, not %u", live, g->live);
}

static void check_lone_use(gr_verifier *v, const graft_graph *g, uint32_t use, uint32_t user, counts *c) {
  if (use >= g->uses.len) {
    gr_verify_fail(v, 1, "", "use %u is out of range", use);
    return;
  }
  if (gr_use_at(g, use)->user != user) gr_verify_fail(v, 6, "", "use %u belongs to another user", use);
  c->owned += gr_use_at(g, use)->value != GRAFT_NONE;
}

/* Inputs, outputs, updates, handles of tensors. */
static void check_ends(gr_verifier *v, const graft_graph *g, counts *c) {
  const graft_module *m = g->module;
  if (!index_or_none(g->first, g->nodes.len) || !index_or_none(g->last, g->nodes.len) ||
      g->name >= m->strings.items.len)
    gr_verify_fail(v, 1, "", "the graph's first node, last node or name is out of range");
  for (uint32_t i = 0; i < g->inputs.len; ++i) {
    const graft_value value = g->inputs.data[i];
    if (value >= g->values.len)
      gr_verify_fail(v, 1, "", "input %u is out of range", i);
    else if (gr_value_at(g, value)->def_kind != GR_DEF_INPUT || gr_value_at(g, value)->def != i)
      gr_verify_fail(v, 8, "", "input %u is not a value of its own", i);
  }
  for (uint32_t i = 0; i < g->outputs.len; ++i) {
    if (g->outputs.data[i].name >= m->strings.items.len) gr_verify_fail(v, 1, "", "output %u is out of range", i);
    check_lone_use(v, g, g->outputs.data[i].use, GR_USER_OUTPUT | i, c);
  }
  for (uint32_t i = 0; i < g->updates.len; ++i) {
    if (g->updates.data[i].tensor == GRAFT_NONE) continue;
    if (g->updates.data[i].tensor >= m->tensors.len) gr_verify_fail(v, 1, "", "update %u is out of range", i);
    check_lone_use(v, g, g->updates.data[i].use, GR_USER_UPDATE | i, c);
  }
  for (uint32_t i = 0; i < g->handles.len; ++i) {
    const graft_value handle = gr_handle_at(g, i);
    if (handle == GRAFT_NONE) continue;
    if (handle >= g->values.len)
      gr_verify_fail(v, 1, "", "handle %u of a tensor is out of range", i);
    else if (gr_value_at(g, handle)->def_kind != GR_DEF_TENSOR)
      gr_verify_fail(v, 8, "", "handle %u is of no tensor", i);
    else if (gr_handle_slot(g, gr_value_at(g, handle)->def) != i)
      gr_verify_fail(v, 8, "", "handle %u is another's", i);
  }
  if (g->spec_of_use.len > g->uses.len || g->spec_of_value.len > g->values.len)
    gr_verify_fail(v, 1, "", "there are specs past the last value");
  for (uint32_t i = 0; i < g->spec_of_use.len; ++i)
    if (g->spec_of_use.data[i] >= m->specs.len) gr_verify_fail(v, 1, "", "the spec of use %u is out of range", i);
  for (uint32_t i = 0; i < g->spec_of_value.len; ++i)
    if (g->spec_of_value.data[i] >= m->specs.len) gr_verify_fail(v, 1, "", "the spec of value %u is out of range", i);
}

static void check_uses(gr_verifier *v, const graft_graph *g, counts *c) {
  for (uint32_t i = 0; i < g->uses.len; ++i) {
    const gr_use *u = gr_use_at(g, i);
    if (u->value == GRAFT_NONE) continue;
    ++c->attached;
    if (u->value >= g->values.len) gr_verify_fail(v, 1, "", "use %u is out of range", i);
  }
  if (c->owned != c->attached) gr_verify_fail(v, 6, "", "%u uses have no user", c->attached - c->owned);
}

/* The value is sound but for its uses and name. */
static bool check_value(gr_verifier *v, const graft_graph *g, graft_value i) {
  const graft_module *m = g->module;
  const gr_value *value = gr_value_at(g, i);
  const uint32_t def = value->def;
  bool in_range = value->name.base < m->strings.items.len && value->type < m->types.len, good = false;
  if (value->def_kind == GR_DEF_NODE) {
    in_range =
        value->name.base < m->strings.items.len && def < g->nodes.len && index_or_none(value->type, m->types.len);
    if (in_range) {
      const gr_node *n = gr_node_at(g, def);
      good = n->op != GRAFT_NONE && i >= n->first_result && i - n->first_result < n->result_count;
    }
  } else if (value->def_kind == GR_DEF_INPUT) {
    in_range = in_range && def < g->inputs.len;
    good = in_range && g->inputs.data[def] == i;
  } else {
    in_range = in_range && def < m->tensors.len;
    good = in_range && m->tensors.data[def].erased == 0 && gr_handle_of(g, def) == i &&
           value->type == m->tensors.data[def].type;
  }
  if (!in_range)
    gr_verify_fail(v, 1, "", "value %u is out of range", i);
  else if (!good)
    gr_verify_fail(v, 8, "", "value %u is not defined where it says", i);
  return in_range && good;
}

/* Walks the value's use list; each step is bounded by the number of uses there are. */
static bool check_list(gr_verifier *v, const graft_graph *g, graft_value i, counts *c) {
  uint32_t before = GRAFT_NONE;
  /* V7: a value's use list holds its uses, each once, linked both ways. */
  for (uint32_t u = gr_value_at(g, i)->first_use; u != GRAFT_NONE; before = u, u = gr_use_at(g, u)->next) {
    if (u < g->uses.len && gr_use_at(g, u)->value == i && gr_use_at(g, u)->prev == before && ++c->listed <= c->attached)
      continue;
    gr_verify_fail(v, 7, "", "the use list of value %u is broken", i);
    return false;
  }
  return true;
}

static bool is_named(const gr_value *value) {
  return value->def_kind == GR_DEF_INPUT || (value->def_kind == GR_DEF_NODE && value->type != GRAFT_NONE);
}

static graft_status check_values(gr_verifier *v, graft_graph *g, counts *c) {
  graft_status status = GRAFT_OK;
  bool lists = true;
  for (uint32_t i = 0; i < g->values.len && status == GRAFT_OK; ++i) {
    const gr_value *value = gr_value_at(g, i);
    if (value->def_kind == GR_DEF_DEAD) {
      if (value->first_use != GRAFT_NONE) gr_verify_fail(v, 7, "", "value %u is gone and has uses", i);
      continue;
    }
    const bool sound = check_value(v, g, i);
    lists = lists && check_list(v, g, i, c);
    if (!sound || !is_named(value)) {
      c->absent_used = c->absent_used || (sound && value->type == GRAFT_NONE && value->first_use != GRAFT_NONE);
      continue;
    }
    /* V5: inputs, results and tensors have names, no two the same. */
    if (value->name.base == 0) gr_verify_fail(v, 5, "", "value %u has no name", i);
    if (!gr_verify_name(v, value->name, true, &status))
      gr_verify_fail(v, 5, gr_value_label(g, i), "two values or tensors have this name");
  }
  if (lists && c->listed != c->attached)
    gr_verify_fail(v, 7, "", "%u uses are in no value's list", c->attached - c->listed);
  return status;
}

/* The names of one graph are free in the next. */
static graft_status forget_names(gr_verifier *v, const graft_graph *g) {
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; i < g->values.len && status == GRAFT_OK; ++i)
    if (is_named(gr_value_at(g, i))) (void)gr_verify_name(v, gr_value_at(g, i)->name, false, &status);
  return status;
}

static void check_absent(gr_verifier *v, graft_graph *g) {
  /* V15: a result that is absent has no uses. */
  for (uint32_t i = 0; i < g->values.len; ++i) {
    const gr_value *value = gr_value_at(g, i);
    if (value->def_kind == GR_DEF_NODE && value->type == GRAFT_NONE && value->first_use != GRAFT_NONE)
      gr_verify_fail(v, 15, gr_node_label(g, value->def), "result %u is absent and used",
                     i - gr_node_at(g, value->def)->first_result);
  }
}

/* ---- outputs and updates ---- */

static graft_status check_outputs(gr_verifier *v, graft_graph *g) {
  graft_module *m = v->module;
  graft_context *c = m->context;
  graft_status status = GRAFT_OK;
  gr_map names = {0};
  /* V16: an output has a value and an interface name, which no other output has. */
  for (uint32_t i = 0; i < g->outputs.len && status == GRAFT_OK; ++i) {
    const gr_output *o = &g->outputs.data[i];
    const char *name = gr_string_text(m, o->name);
    const graft_value value = gr_use_at(g, o->use)->value;
    if (o->name == 0) gr_verify_fail(v, 16, "", "output %u has no name", i);
    if (value == GRAFT_NONE || gr_value_at(g, value)->def_kind == GR_DEF_DEAD ||
        gr_value_at(g, value)->type == GRAFT_NONE)
      gr_verify_fail(v, 16, name, "the output has no value");
    if (gr_map_get(&names, o->name) != GRAFT_NONE) gr_verify_fail(v, 16, name, "two outputs have this name");
    if (!gr_map_put(c, &names, o->name, i)) status = GRAFT_NO_MEMORY;
  }
  gr_map_free(c, &names);
  return status;
}

static graft_status check_updates(gr_verifier *v, graft_graph *g) {
  graft_module *m = v->module;
  if (g->updates.len == 0) return GRAFT_OK;
  if (v->updated == NULL) v->updated = gr_calloc(m->context, gr_updated_words(m), sizeof *v->updated);
  if (v->updated == NULL) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < g->updates.len; ++i) {
    const gr_update *u = &g->updates.data[i];
    if (u->tensor == GRAFT_NONE) continue;
    const gr_tensor *t = &m->tensors.data[u->tensor];
    const graft_value value = gr_use_at(g, u->use)->value;
    /* V17: an update gives a parameter or buffer a value of its type, once. */
    if (t->erased != 0 || t->kind == GRAFT_CONSTANT)
      gr_verify_fail(v, 17, gr_name_label(m, t->name), "%s is updated",
                     t->erased != 0 ? "an erased tensor" : "a constant");
    else if (value == GRAFT_NONE || gr_value_at(g, value)->def_kind == GR_DEF_DEAD ||
             gr_value_at(g, value)->type == GRAFT_NONE)
      gr_verify_fail(v, 17, gr_name_label(m, t->name), "the update has no value");
    else if (!gr_type_compatible(gr_type_of(g, value), gr_tensor_type(m, u->tensor)))
      gr_verify_fail(v, 17, gr_name_label(m, t->name), "the update %%%s has another type than the tensor",
                     gr_value_label(g, value));
    if (gr_bit(v->updated, u->tensor)) gr_verify_fail(v, 17, gr_name_label(m, t->name), "the tensor is updated twice");
    gr_bit_set(v->updated, u->tensor);
  }
  for (uint32_t i = 0; i < g->updates.len; ++i)
    if (g->updates.data[i].tensor != GRAFT_NONE) v->updated[g->updates.data[i].tensor / 64] = 0;
  return GRAFT_OK;
}

graft_status gr_verify_graph(gr_verifier *v, graft_graph *g) {
  counts c = {0};
  check_nodes(v, g, &c);
  check_ends(v, g, &c);
  check_uses(v, g, &c);
  graft_status status = check_values(v, g, &c);
  if (v->errors > 0 || status != GRAFT_OK) return status;
  if (c.absent_used) check_absent(v, g);
  status = check_outputs(v, g);
  if (status == GRAFT_OK) status = check_updates(v, g);
  return status == GRAFT_OK && g->index + 1 < v->module->graphs.len ? forget_names(v, g) : status;
}
