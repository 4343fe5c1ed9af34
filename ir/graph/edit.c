/* Edits from outside: names, kinds, order, uses, types of inputs, graphs that go. Each is done as a whole or not at
 * all, and refuses what the verifier would. */
#include "ir/edit.h"

#include "ir/graph/graph_impl.h"

#include <string.h>

static graft_status no_such(graft_module *m, const char *what) {
  return gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "there is no such %s", what);
}

static gr_loc tensor_loc(const graft_module *m, graft_tensor t) {
  gr_loc where = gr_module_loc(m);
  where.module = m;
  where.name = m->tensors.data[t].name;
  return where;
}

/* ---- names ---- */

/* A name that nothing in the module (a tensor's) or the graph has; `old` is free too, being that of what is renamed. */
static graft_status free_name(graft_module *m, graft_graph *g, const char *text, gr_name old, gr_loc where,
                              gr_name *name) {
  if (!text || !text[0]) return gr_error(m->context, GRAFT_INVALID_ARGUMENT, where, "a name is missing");
  *name = gr_name_split(m, text, strlen(text));
  if (name->base == GRAFT_NONE) return GRAFT_NO_MEMORY;
  bool used = false;
  if (!gr_name_equal(*name, old) && gr_name_used(m, g, *name, &used) != GRAFT_OK) return GRAFT_NO_MEMORY;
  return used ? gr_error(m->context, GRAFT_NAME, where, "the name '%s' is taken", text) : GRAFT_OK;
}

static graft_status rename_value(graft_graph *g, graft_value v, const char *text) {
  gr_name name = {0, 0};
  graft_status status = free_name(g->module, g, text, gr_value_get_name(g, v), gr_value_loc(g, v), &name);
  if (status != GRAFT_OK) return status;
  const graft_node n = gr_value_node(g, v);
  const char *why = n == GRAFT_NONE ? NULL : gr_why(g, n); /* kept by name */
  status = gr_value_rename(g, v, name);
  if (status == GRAFT_OK) gr_name_taken(g->module, name);
  if (status == GRAFT_OK && why && !gr_why_set(g, n, why)) status = GRAFT_NO_MEMORY;
  return status;
}

graft_status graft_value_rename(graft_graph *g, graft_value v, const char *name) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  if (!gr_is_value(g, v)) return no_such(g->module, "value");
  if (gr_value_at(g, v)->def_kind != GR_DEF_NODE)
    return gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, gr_value_loc(g, v),
                    "this is no node's result: an input is renamed by graft_input_rename, a tensor by "
                    "graft_tensor_rename");
  gr_edit edit = gr_edit_begin(g->module);
  return gr_edit_end(g->module, edit, rename_value(g, v, name));
}

graft_status graft_input_rename(graft_graph *g, uint32_t index, const char *name) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  if (index >= g->inputs.len) return no_such(g->module, "input");
  gr_edit edit = gr_edit_begin(g->module);
  return gr_edit_end(g->module, edit, rename_value(g, g->inputs.data[index], name));
}

graft_status graft_graph_rename(graft_graph *g, const char *name) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_module *m = g->module;
  uint32_t string;
  if (name && strcmp(name, gr_string_text(m, g->name)) == 0) return GRAFT_OK;
  const graft_status status = gr_graph_name_free(m, name, &string);
  if (status != GRAFT_OK) return status;
  if (!gr_undo_room(m, 2) || !gr_index_put(m, NULL, GR_NAMES_GRAPHS, string, g->index)) return GRAFT_NO_MEMORY;
  gr_undo_graph_name(g);
  g->name = string;
  return GRAFT_OK;
}

/* ---- tensors ---- */

static graft_status rename_tensor(graft_module *m, graft_tensor t, const char *text) {
  gr_name name = {0, 0};
  graft_status status = free_name(m, NULL, text, m->tensors.data[t].name, tensor_loc(m, t), &name);
  if (status == GRAFT_OK) status = gr_tensor_rename(m, t, name);
  if (status == GRAFT_OK) gr_name_taken(m, name);
  return status;
}

graft_status graft_tensor_rename(graft_module *m, graft_tensor t, const char *name) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  if (!gr_is_tensor(m, t)) return no_such(m, "tensor");
  gr_edit edit = gr_edit_begin(m);
  return gr_edit_end(m, edit, rename_tensor(m, t, name));
}

graft_status gr_tensor_updated_in(graft_module *m, graft_tensor t, graft_graph **g) {
  *g = NULL;
  if (!m->tensors.data[t].updated) return GRAFT_OK;
  if (!gr_holders_ready(m)) return GRAFT_NO_MEMORY;
  gr_holder_walk w = gr_holders_of(m, t);
  for (graft_graph *one; !*g && (one = gr_holders_next(&w));) {
    uint32_t index;
    if (!gr_index_find(m, one, GR_UPDATED, t, &index)) return GRAFT_NO_MEMORY;
    if (index != GRAFT_NONE) *g = one;
  }
  return GRAFT_OK;
}

/* Nodes that compute in integers by a constant's numbers have them checked, where it becomes one, or other numbers. */
graft_status gr_tensor_check_readers(graft_module *m, graft_tensor t) {
  if (!gr_holders_ready(m)) return GRAFT_NO_MEMORY;
  graft_status status = GRAFT_OK;
  gr_holder_walk w = gr_holders_of(m, t);
  for (graft_graph *g; !status && (g = gr_holders_next(&w));) {
    const graft_value v = gr_handle_of(g, t);
    for (uint32_t u = v == GRAFT_NONE ? v : gr_value_at(g, v)->first_use; u != GRAFT_NONE && !status;
         u = gr_use_at(g, u)->next)
      if (gr_user_is_node(gr_use_at(g, u)->user)) status = gr_check_scales(g, gr_use_at(g, u)->user);
  }
  return status;
}

graft_status graft_tensor_set_kind(graft_module *m, graft_tensor t, graft_tensor_kind kind) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  if (!gr_is_tensor(m, t)) return no_such(m, "tensor");
  if ((unsigned)kind > GRAFT_CONSTANT)
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, tensor_loc(m, t), "kind %u of a tensor is none",
                    (unsigned)kind);
  graft_graph *updating = NULL;
  if (kind == GRAFT_CONSTANT && gr_tensor_updated_in(m, t, &updating) != GRAFT_OK) return GRAFT_NO_MEMORY;
  if (updating)
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, tensor_loc(m, t),
                    "graph '%s' updates the tensor: it can be no constant", gr_string_text(m, updating->name));
  if (!gr_undo_room(m, 1)) return GRAFT_NO_MEMORY;
  gr_edit edit = gr_edit_begin(m);
  if (!gr_undo_room(m, 1)) return gr_edit_end(m, edit, GRAFT_NO_MEMORY);
  gr_undo_tensor(m, t);
  m->tensors.data[t].kind = (uint8_t)kind;
  return gr_edit_end(m, edit, kind == GRAFT_CONSTANT ? gr_tensor_check_readers(m, t) : GRAFT_OK);
}

graft_status graft_tensor_erase(graft_module *m, graft_tensor t) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  if (!gr_is_tensor(m, t)) return no_such(m, "tensor");
  graft_graph *updating = NULL;
  if (!gr_holders_ready(m)) return GRAFT_NO_MEMORY;
  if (gr_tensor_is_read(m, t))
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, tensor_loc(m, t), "the tensor is still read");
  if (gr_tensor_updated_in(m, t, &updating) != GRAFT_OK) return GRAFT_NO_MEMORY;
  if (updating)
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, tensor_loc(m, t), "graph '%s' still updates the tensor",
                    gr_string_text(m, updating->name));
  gr_edit edit = gr_edit_begin(m);
  gr_tensor_erase(m, t);
  return gr_edit_end(m, edit, GRAFT_OK);
}

/* ---- nodes ---- */

/* Would the node stand behind what it reads and before what reads it? */
static graft_status check_place(graft_graph *g, graft_node n, graft_node before) {
  graft_context *c = g->module->context;
  const gr_node *node = gr_node_at(g, n);
  if (!gr_order_know(g)) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < node->operand_count && before != GRAFT_NONE; i++) {
    const graft_value v = gr_operand(g, n, i);
    const graft_node d = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
    if (d != GRAFT_NONE && !gr_comes_before(g, d, before))
      return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_node_loc(g, n), "its operand %%%s would be defined later",
                      gr_value_label(g, v));
  }
  for (uint32_t i = 0; i < node->result_count; i++)
    for (uint32_t u = gr_value_at(g, node->first_result + i)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
      const uint32_t user = gr_use_at(g, u)->user;
      if (gr_user_is_node(user) && (before == GRAFT_NONE || gr_comes_before(g, user, before)))
        return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_node_loc(g, n), "'%s', which reads it, would come before",
                        gr_node_label(g, user));
    }
  return GRAFT_OK;
}

graft_status graft_node_move_before(graft_graph *g, graft_node n, graft_node before) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  if (!gr_is_node(g, n) || (before != GRAFT_NONE && !gr_is_node(g, before))) return no_such(g->module, "node");
  if (n == before || gr_node_at(g, n)->next == before) return GRAFT_OK;
  const graft_status status = check_place(g, n, before);
  if (status != GRAFT_OK) return status;
  if (!gr_undo_room(g->module, 2)) return GRAFT_NO_MEMORY;
  gr_undo_unordering(g, n);
  gr_unlink_node(g, n);
  gr_link_node(g, n, before == GRAFT_NONE ? g->last : gr_node_at(g, before)->prev, before);
  gr_undo_ordered(g, n);
  return GRAFT_OK;
}

/* ---- uses ---- */

/* Can every node that uses `from`, but `except`, use `to`? */
static graft_status check_uses(graft_graph *g, graft_value from, graft_value to, graft_node except) {
  const graft_node d = gr_value_node(g, to);
  for (uint32_t u = gr_value_at(g, from)->first_use; u != GRAFT_NONE && d != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    const uint32_t user = gr_use_at(g, u)->user;
    if (!gr_user_is_node(user) || user == except) continue;
    const graft_status status = gr_check_defined(g, to, user, gr_node_loc(g, user));
    if (status != GRAFT_OK) return status;
  }
  return GRAFT_OK;
}

static graft_status replace_uses(graft_graph *g, graft_value from, graft_value to, graft_node except) {
  if (except == GRAFT_NONE) {
    gr_replace_uses(g, from, to);
    return GRAFT_OK;
  }
  graft_status status = GRAFT_OK;
  for (uint32_t u = gr_value_at(g, from)->first_use, next; u != GRAFT_NONE && !status; u = next) {
    next = gr_use_at(g, u)->next;
    if (gr_use_at(g, u)->user != except) status = gr_use_set(g, u, to);
  }
  return status;
}

/* Of other extents, or other numbers that extents come from, a user may make something else, or nothing. */
static graft_status check_users(graft_graph *g, graft_value v) {
  graft_module *m = g->module;
  graft_status status = GRAFT_OK;
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE && !status; u = gr_use_at(g, u)->next) {
    const uint32_t user = gr_use_at(g, u)->user;
    if (gr_user_is_node(user)) {
      status = gr_node_agrees(g, user);
      continue;
    }
    if (user < GR_USER_UPDATE) continue;
    const graft_tensor t = g->updates.data[user & GR_USER_INDEX].tensor;
    if (!gr_type_compatible(gr_type_of(g, v), gr_tensor_type(m, t)))
      status = gr_error(m->context, GRAFT_TYPE, tensor_loc(m, t), "the update %%%s has another type than the tensor",
                        gr_value_label(g, v));
  }
  return status;
}

graft_status graft_value_replace_uses_except(graft_graph *g, graft_value from, graft_value to, graft_node except) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_module *m = g->module;
  if (!gr_is_value(g, from) || !gr_is_value(g, to)) return no_such(m, "value");
  if (except != GRAFT_NONE && !gr_is_node(g, except)) return no_such(m, "node");
  const graft_type *a = gr_type_of(g, from), *b = gr_type_of(g, to);
  if (from == to) return GRAFT_OK;
  if (!gr_type_compatible(a, b))
    return gr_error(m->context, GRAFT_TYPE, gr_value_loc(g, from), "the values have different types");
  const bool equal = gr_type_equal(a, b) && gr_is_float(a->dtype);
  graft_status status = check_uses(g, from, to, except);
  if (status != GRAFT_OK) return status;
  gr_edit edit = gr_edit_begin(m);
  status = replace_uses(g, from, to, except);
  if (!status && !equal) status = check_users(g, to);
  if (!status && gr_value_tensor(g, to) != GRAFT_NONE) status = gr_tensor_check_readers(m, gr_value_tensor(g, to));
  return gr_edit_end(m, edit, status);
}

graft_status graft_value_replace_uses(graft_graph *g, graft_value from, graft_value to) {
  return graft_value_replace_uses_except(g, from, to, GRAFT_NONE);
}

/* ---- the type of an input ---- */

/* Everything downstream of the input is inferred again. */
static graft_status set_input_type(graft_graph *g, graft_value input, uint32_t type) {
  graft_module *m = g->module;
  const size_t words = g->values.len / 64 + 1;
  uint64_t *changed = gr_calloc(m->context, words, sizeof *changed);
  if (!changed) return GRAFT_NO_MEMORY;
  graft_status status = gr_value_set_type(g, input, type);
  changed[input / 64] |= (uint64_t)1 << input % 64;
  for (graft_node n = g->first; n != GRAFT_NONE && !status; n = gr_node_at(g, n)->next) {
    bool reads = false;
    for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count && !reads; i++) {
      const graft_value v = gr_operand(g, n, i);
      reads = v != GRAFT_NONE && (changed[v / 64] >> v % 64 & 1);
    }
    uint32_t count = 0;
    if (reads) status = gr_node_infer(g, n, &count);
    for (uint32_t i = 0; i < gr_node_at(g, n)->result_count && count; i++) {
      const graft_value v = gr_node_at(g, n)->first_result + i;
      changed[v / 64] |= (uint64_t)1 << v % 64;
    }
  }
  for (uint32_t i = 0; i < g->updates.len && !status; i++) {
    const graft_tensor t = g->updates.data[i].tensor;
    const graft_value v = t == GRAFT_NONE ? GRAFT_NONE : gr_use_at(g, g->updates.data[i].use)->value;
    if (v != GRAFT_NONE && !gr_type_compatible(gr_type_of(g, v), gr_tensor_type(m, t)))
      status = gr_error(m->context, GRAFT_TYPE, tensor_loc(m, t), "the update %%%s would have another type",
                        gr_value_label(g, v));
  }
  gr_free(m->context, changed, words * sizeof *changed);
  return status;
}

graft_status graft_input_set_type(graft_graph *g, uint32_t index, const graft_type *type) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_module *m = g->module;
  if (index >= g->inputs.len) return no_such(m, "input");
  const graft_value v = g->inputs.data[index];
  if (!gr_type_given(m->context, type, gr_value_loc(g, v))) return GRAFT_INVALID_ARGUMENT;
  const uint32_t id = gr_type_intern_at(m, type, gr_value_loc(g, v));
  if (id == GRAFT_NONE) return gr_type_fits(type) ? GRAFT_NO_MEMORY : GRAFT_TYPE;
  gr_edit edit = gr_edit_begin(m);
  return gr_edit_end(m, edit, set_input_type(g, v, id));
}

/* ---- graphs ---- */

/* By attribute set: it names the graph. NULL: no memory; `*any`: there is one. */
static bool *sets_naming(graft_module *m, uint32_t graph, bool *any) {
  bool *naming = gr_calloc(m->context, (size_t)m->attrs.sets.len + 1, sizeof *naming);
  *any = false;
  for (uint32_t i = 0; naming && i < m->attrs.sets.len; i++) {
    uint32_t count;
    const gr_attr *a = gr_attrs_get(m, i, &count);
    for (uint32_t k = 0; k < count; k++)
      if (a[k].kind == GRAFT_ATTR_GRAPH && a[k].as.i == graph) naming[i] = *any = true;
  }
  return naming;
}

/* A node that runs the graph; false: none does. */
static bool find_runner(graft_module *m, const bool *naming, graft_graph **g, graft_node *n) {
  for (uint32_t i = 0; i < m->graphs.len; i++) {
    *g = m->graphs.data[i];
    for (*n = (*g)->first; *n != GRAFT_NONE; *n = gr_node_at(*g, *n)->next)
      if (naming[gr_node_at(*g, *n)->attrs]) return true;
  }
  return false;
}

graft_status graft_graph_remove(graft_graph *g) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_module *m = g->module;
  graft_context *c = m->context;
  const uint32_t index = g->index;
  if (!gr_undo_room(m, 1)) return GRAFT_INVALID_ARGUMENT; /* a session runs */
  if (index == 0) return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "the entry graph stays");
  if (m->undo.open && index + 1 < m->graphs.len)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(m),
                    "while a pass is at work the last graph alone can be removed");
  bool any;
  bool *naming = sets_naming(m, index, &any);
  if (!naming) return GRAFT_NO_MEMORY;
  graft_graph *runner_graph = NULL;
  graft_node runner = GRAFT_NONE;
  const bool runs = any && find_runner(m, naming, &runner_graph, &runner);
  gr_free(c, naming, ((size_t)m->attrs.sets.len + 1) * sizeof *naming);
  if (runs)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_node_loc(runner_graph, runner), "the node runs graph '%s'",
                    gr_string_text(m, g->name));
  if (any && m->undo.open)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(m),
                    "a pass is at work: remove graph '%s', which nodes have run, before or after it",
                    gr_string_text(m, g->name));
  gr_attrs_drop_graph(m, index);
  for (uint32_t i = index; i + 1 < m->graphs.len; i++) {
    m->graphs.data[i] = m->graphs.data[i + 1];
    m->graphs.data[i]->index = i;
  }
  m->graphs.data[m->graphs.len - 1] = g;
  if (!gr_undo_graph_removing(m)) return GRAFT_NO_MEMORY;
  gr_map_free(c, &m->graph_names);
  gr_holders_drop(m);
  memset(m->caches->inferred, 0, sizeof m->caches->inferred);
  return GRAFT_OK;
}
