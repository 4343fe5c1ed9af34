/* Adding to a graph and reading it: inputs, nodes, outputs, updates, names. */
#include "ir/graph/graph_impl.h"

#include <stdio.h>
#include <string.h>

const graft_type *gr_type_of(const graft_graph *g, graft_value v) {
  static const graft_type unknown = {GRAFT_UNKNOWN, -1, {0}};
  uint32_t type = g->values.data[v].type;
  return type == GRAFT_NONE ? &unknown : &g->module->types.data[type];
}

const char *gr_op_text(const graft_module *m, uint32_t op) {
  return op < GR_OP_COUNT ? gr_op_get(op)->name : gr_string_text(m, op - GR_OP_COUNT);
}

const gr_op_info *gr_info(const graft_graph *g, graft_node n) { return gr_op_get(g->nodes.data[n].op); }

uint32_t gr_node_families(const graft_graph *g, graft_node n) {
  const gr_op_info *op = n == GRAFT_NONE ? NULL : gr_info(g, n);
  return op ? op->families : 0;
}

/* ---- uses (whoever changes them has made room for the entries) ---- */

/* In front of the value's uses. */
static void link_use(graft_graph *g, uint32_t use, graft_value value) {
  gr_use_at(g, use)->value = value;
  if (value != GRAFT_NONE) gr_link_use(g, use, GRAFT_NONE, gr_value_at(g, value)->first_use);
}

void gr_change_use(graft_graph *g, uint32_t use, graft_value value) {
  gr_undo_unlinking(g, use);
  gr_unlink_use(g, use);
  link_use(g, use, value);
  if (value != GRAFT_NONE) gr_undo_linked(g, use);
}

/* One use that belongs to an output or update, which has room. */
uint32_t gr_lone_use(graft_graph *g, uint32_t user, graft_value value) {
  gr_undo_length(g, GR_USES);
  uint32_t use = g->uses.len++;
  g->uses.data[use] = (gr_use){GRAFT_NONE, user, GRAFT_NONE, GRAFT_NONE};
  gr_change_use(g, use, value);
  return use;
}

graft_status gr_use_set(graft_graph *g, uint32_t use, graft_value v) {
  if (!gr_undo_room(g->module, 2)) return GRAFT_NO_MEMORY;
  gr_change_use(g, use, v);
  return GRAFT_OK;
}

void gr_replace_uses(graft_graph *g, graft_value from, graft_value to) {
  if (from == to || !gr_undo_room(g->module, 1)) return;
  uint32_t last = GRAFT_NONE, first = gr_value_at(g, from)->first_use;
  for (uint32_t u = first; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    gr_use_at(g, u)->value = to;
    last = u;
  }
  if (last == GRAFT_NONE) return;
  gr_undo_moved(g, from, to, last);
  gr_value *target = gr_value_at(g, to);
  gr_use_at(g, last)->next = target->first_use;
  if (target->first_use != GRAFT_NONE) gr_use_at(g, target->first_use)->prev = last;
  target->first_use = first;
  gr_value_at(g, from)->first_use = GRAFT_NONE;
}

/* ---- values and names ---- */

static uint64_t name_key(gr_name name) { return (uint64_t)name.base << 32 | name.number; }

static bool name_known(graft_graph *g, gr_name name, graft_value v) {
  return !g->names_built || gr_undo_put(g->module, g, GR_NAMES_VALUES, name_key(name), v);
}

graft_value gr_value_add(graft_graph *g, uint32_t type, gr_def kind, uint32_t def, gr_name name) {
  gr_value v = {.type = type, .def = def & 0x3FFFFFFFu, .def_kind = kind, .first_use = GRAFT_NONE, .name = name};
  if (g->values.len >= 0x3FFFFFFFu) return gr_no_memory(g->module->context), GRAFT_NONE;
  if (!gr_vec_push(g->module->context, &g->values, v)) return GRAFT_NONE;
  return g->values.len - 1;
}

graft_value gr_input_add(graft_graph *g, gr_name name, const graft_type *type) {
  graft_module *m = g->module;
  uint32_t id =
      gr_type_intern_at(m, type, (gr_loc){.file = gr_string_text(m, m->file), .node = gr_name_label(m, name)});
  if (id == GRAFT_NONE || !gr_undo_room(m, 3) || !gr_vec_reserve(m->context, &g->inputs, 1u)) return GRAFT_NONE;
  gr_name_taken(m, name);
  gr_undo_length(g, GR_VALUES);
  graft_value v = gr_value_add(g, id, GR_DEF_INPUT, g->inputs.len, name);
  if (v == GRAFT_NONE || !name_known(g, name, v)) return GRAFT_NONE;
  gr_undo_length(g, GR_INPUTS);
  g->inputs.data[g->inputs.len++] = v;
  return v;
}

graft_value graft_input_add(graft_graph *g, const char *name, const graft_type *type) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_NONE;
  graft_module *m = g->module;
  gr_loc where = gr_module_loc(m);
  where.node = name;
  if (!name || !name[0])
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, where, "an input needs a name"), GRAFT_NONE;
  if (!gr_type_given(m->context, type, where)) return GRAFT_NONE;
  gr_name n = gr_name_split(m, name, strlen(name));
  if (n.base == GRAFT_NONE) return GRAFT_NONE;
  bool used;
  if (gr_name_used(m, g, n, &used) != GRAFT_OK) return GRAFT_NONE;
  if (used) return gr_error(m->context, GRAFT_NAME, where, "the name of the input is taken"), GRAFT_NONE;
  gr_edit edit = gr_edit_begin(m);
  graft_value v = gr_input_add(g, n, type);
  return gr_edit_end(m, edit, v == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK) ? GRAFT_NONE : v;
}

gr_name gr_value_get_name(const graft_graph *g, graft_value v) {
  const gr_value *value = &g->values.data[v];
  return value->def_kind == GR_DEF_TENSOR ? g->module->tensors.data[value->def].name : value->name;
}

/* The input or result of this name, or GRAFT_NONE. False: no memory. */
static bool find_own(graft_graph *g, gr_name name, graft_value *found) {
  graft_module *m = g->module;
  *found = GRAFT_NONE;
  if (!g->names_built) {
    if (!gr_undo_room_for_names(m) || !gr_map_reserve(m->context, &g->names, g->values.len)) return false;
    gr_undo_built(m, g, GR_NAMES_VALUES);
    for (graft_value v = 0; v < g->values.len; v++) {
      const gr_value *value = &g->values.data[v];
      if ((value->def_kind == GR_DEF_NODE && value->type != GRAFT_NONE) || value->def_kind == GR_DEF_INPUT)
        if (!gr_map_put(m->context, &g->names, name_key(value->name), v)) return false;
    }
    g->names_built = true;
  }
  graft_value v = gr_map_get(&g->names, name_key(name));
  if (v < g->values.len) {
    const gr_value *value = &g->values.data[v]; /* names of values that are gone or renamed linger in the map */
    if ((value->def_kind == GR_DEF_NODE || value->def_kind == GR_DEF_INPUT) && gr_name_equal(value->name, name))
      *found = v;
  }
  return true;
}

graft_value gr_find_value(graft_graph *g, gr_name name) {
  graft_value v;
  if (!find_own(g, name, &v)) return GRAFT_NONE;
  if (v != GRAFT_NONE) return v;
  graft_tensor t = gr_find_tensor(g->module, name);
  return t == GRAFT_NONE ? GRAFT_NONE : gr_handle(g, t);
}

graft_status gr_name_used(graft_module *m, graft_graph *g, gr_name name, bool *used) {
  *used = false;
  if (name.number >= m->strings.items.data[name.base].next_number) return GRAFT_OK; /* nothing was ever called so */
  const uint32_t errors = gr_error_count(m->context);
  *used = gr_find_tensor(m, name) != GRAFT_NONE;
  for (uint32_t i = g ? g->index : 0; i < (g ? g->index + 1 : m->graphs.len) && !*used; i++) {
    graft_value v;
    if (!find_own(m->graphs.data[i], name, &v)) return GRAFT_NO_MEMORY;
    *used = v != GRAFT_NONE;
  }
  return gr_error_count(m->context) == errors ? GRAFT_OK : GRAFT_NO_MEMORY;
}

graft_status gr_value_rename(graft_graph *g, graft_value v, gr_name name) {
  if (!gr_undo_room(g->module, 1)) return GRAFT_NO_MEMORY;
  gr_undo_item(g, GR_VALUES, v);
  gr_value_at(g, v)->name = name;
  return name_known(g, name, v) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

graft_status gr_value_set_type(graft_graph *g, graft_value v, uint32_t type) {
  if (!gr_undo_room(g->module, 1)) return GRAFT_NO_MEMORY;
  gr_undo_item(g, GR_VALUES, v);
  gr_value_at(g, v)->type = type;
  return GRAFT_OK;
}

const char *gr_value_label(graft_graph *g, graft_value v) { return gr_name_label(g->module, gr_value_get_name(g, v)); }

const char *gr_node_label(graft_graph *g, graft_node n) {
  const gr_node *node = gr_node_at(g, n);
  for (uint32_t i = 0; i < node->result_count; i++)
    if (gr_result(g, n, i) != GRAFT_NONE) return gr_value_label(g, node->first_result + i);
  return "";
}

gr_loc gr_module_loc(const graft_module *m) { return (gr_loc){.file = gr_string_text(m, m->file)}; }

gr_loc gr_value_loc(const graft_graph *g, graft_value v) {
  gr_loc where = gr_module_loc(g->module);
  where.module = g->module;
  where.name = gr_value_get_name(g, v);
  return where;
}

gr_loc gr_node_loc(const graft_graph *g, graft_node n) {
  const gr_node *node = gr_node_at(g, n);
  for (uint32_t i = 0; i < node->result_count; i++)
    if (gr_result(g, n, i) != GRAFT_NONE) return gr_value_loc(g, node->first_result + i);
  return gr_module_loc(g->module);
}

graft_status graft_node_diagnostic(const graft_graph *g, graft_node n, graft_severity severity, graft_status code,
                                   const char *message) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  const gr_loc where = gr_is_node(g, n) ? gr_node_loc(g, n) : gr_module_loc(g->module);
  return gr_diagnostic_given(g->module->context, severity, code, where, message);
}

/* ---- nodes ---- */

graft_status gr_node_set_provenance(graft_graph *g, graft_node n, uint32_t record) {
  if (!gr_undo_room(g->module, 1)) return GRAFT_NO_MEMORY;
  gr_undo_item(g, GR_NODES, n);
  gr_node_at(g, n)->provenance = record;
  return GRAFT_OK;
}

/* The string that made-up names of result i begin with: the op's name, the result's own from the second on. */
static uint32_t name_base(graft_module *m, uint32_t op, uint32_t i) {
  if (op >= GR_OP_COUNT) return op - GR_OP_COUNT;
  uint32_t *known = &m->caches->result_strings[op][i];
  if (!*known) {
    const char *name = i ? gr_op_get(op)->results[i].name : gr_op_get(op)->name;
    uint32_t id = gr_intern(m, name, strlen(name));
    if (id == GRAFT_NONE) return GRAFT_NONE;
    *known = id;
  }
  return *known;
}

static bool is_given(const void *user, uint32_t operand) {
  return ((const gr_node_desc *)user)->operands[operand] != GRAFT_NONE;
}

/* The result types into `types`: those that are given, where operands and results are as many as the row says, or
 * inferred ones. The operand count is without trailing absent ones. */
static graft_status types_of(graft_graph *g, const gr_node_desc *d, uint32_t *operand_count, uint32_t *types) {
  graft_context *c = g->module->context;
  const gr_op_info *op = gr_op_get(d->op);
  uint32_t n = d->operand_count;
  while (n > 0 && d->operands[n - 1] == GRAFT_NONE) n--;
  *operand_count = n;
  if (!op) {
    const char *name = gr_op_text(g->module, d->op);
    if (gr_spec_kind_find(name, strlen(name)) < GR_SPEC_KIND_COUNT)
      return gr_error(c, GRAFT_NAME, d->where, "'%s' is a kind of spec, not an op", name);
  }
  if (!d->types) return gr_result_types(g, d, n, types);
  char error[160];
  if (op && !gr_check_arity(op, n, is_given, d, d->result_count, error))
    return gr_error(c, GRAFT_TYPE, d->where, "%s: %s", op->name, error);
  memcpy(types, d->types, d->result_count * sizeof *types);
  return GRAFT_OK;
}

/* Fills results first..first+count of node n, which have room already. */
static bool add_results(graft_graph *g, graft_node n, const gr_node_desc *d, const uint32_t *types, uint32_t from) {
  graft_module *m = g->module;
  const gr_op_info *op = gr_op_get(d->op);
  uint32_t base = d->name_base ? d->name_base : name_base(m, d->op, 0);
  if (base == GRAFT_NONE) return false;
  for (uint32_t i = from; i < d->result_count; i++) {
    gr_name name = {0, 0};
    if (types[i] != GRAFT_NONE) {
      if (d->names && d->names[i].base)
        gr_name_taken(m, name = d->names[i]);
      else {
        bool own = op && i > 0 && i < op->result_count && !op->results[i].variadic;
        uint32_t string = own ? name_base(m, d->op, i) : base;
        name = string == GRAFT_NONE ? (gr_name){GRAFT_NONE, 0} : gr_name_next(m, string);
      }
      if (name.base == GRAFT_NONE) return false;
    }
    graft_value v = gr_value_add(g, types[i], GR_DEF_NODE, n, name);
    if (v == GRAFT_NONE || (types[i] != GRAFT_NONE && !name_known(g, name, v))) return false;
  }
  return true;
}

#define INLINE_RESULTS 16

graft_node gr_node_add(graft_graph *g, const gr_node_desc *d) {
  graft_module *m = g->module;
  graft_context *c = m->context;
  uint32_t operand_count;
  uint32_t inline_types[INLINE_RESULTS] = {0}, *types = inline_types;
  graft_node n = GRAFT_NONE;
  if (d->result_count > INLINE_RESULTS && !(types = gr_alloc(c, d->result_count * sizeof *types))) return GRAFT_NONE;
  if (types_of(g, d, &operand_count, types) != GRAFT_OK) goto done;
  if (g->nodes.len >= 0x3FFFFFFEu || g->uses.len > GR_USER_NODE_MAX - operand_count) {
    gr_no_memory(c);
    goto done;
  }
  if (!gr_vec_reserve(c, &g->nodes, 1u) || !gr_vec_reserve(c, &g->uses, operand_count) ||
      !gr_vec_reserve(c, &g->values, d->result_count) || (g->order.len && !gr_vec_reserve(c, &g->order, 1u)))
    goto done;
  gr_node node = {.op = d->op,
                  .attrs = d->attrs,
                  .first_use = g->uses.len,
                  .operand_count = operand_count,
                  .first_result = g->values.len,
                  .result_count = d->result_count,
                  .provenance = d->provenance,
                  .marks = d->marks};
  uint32_t id = g->nodes.len;
  if (!add_results(g, id, d, types, 0) || !gr_undo_room(m, 1)) {
    g->values.len = node.first_result; /* their names lead nowhere */
    goto done;
  }
  g->nodes.data[g->nodes.len++] = node;
  if (g->order.len) g->order.len++;
  if (g->users.len > id) g->users.data[id] = NULL;
  for (uint32_t i = 0; i < operand_count; i++) {
    g->uses.data[g->uses.len++] = (gr_use){GRAFT_NONE, id, GRAFT_NONE, GRAFT_NONE};
    link_use(g, g->uses.len - 1, d->operands[i]);
  }
  gr_link_node(g, id, d->before == GRAFT_NONE ? g->last : gr_node_at(g, d->before)->prev, d->before);
  gr_undo_added(g, id);
  n = id;
done:
  if (types != inline_types) gr_free(c, types, d->result_count * sizeof *types);
  return n;
}

static void drop_operands(graft_graph *g, graft_node n) {
  gr_node *node = gr_node_at(g, n);
  for (uint32_t i = 0; i < node->operand_count; i++) {
    uint32_t use = node->first_use + i;
    gr_change_use(g, use, GRAFT_NONE);
    if (gr_spec_of_use(g, use) == 0) continue;
    gr_undo_item(g, GR_SPEC_OF_USE, use);
    gr_referred_change(g, gr_spec_of_use(g, use), 0);
    g->spec_of_use.data[use] = 0;
  }
}

void gr_kill_value(graft_graph *g, graft_value v) {
  gr_undo_item(g, GR_VALUES, v);
  gr_value_at(g, v)->def_kind = GR_DEF_DEAD;
  if (gr_spec_of_value(g, v) == 0) return;
  gr_undo_item(g, GR_SPEC_OF_VALUE, v);
  gr_referred_change(g, gr_spec_of_value(g, v), 0);
  g->spec_of_value.data[v] = 0;
}

/* A first result called after the node's op, as made-up names are, is called after the new one. */
static bool rename_made_up(graft_graph *g, graft_node n, uint32_t op) {
  graft_module *m = g->module;
  const gr_node *node = gr_node_at(g, n);
  graft_value v = gr_result(g, n, 0);
  if (v == GRAFT_NONE) return true;
  uint32_t old_base = name_base(m, node->op, 0), base = name_base(m, op, 0);
  if (old_base == GRAFT_NONE || base == GRAFT_NONE) return false;
  if (gr_value_at(g, v)->name.base != old_base) return true;
  gr_name name = gr_name_next(m, base);
  return name.base != GRAFT_NONE && gr_value_rename(g, v, name) == GRAFT_OK;
}

graft_status gr_node_become(graft_graph *g, graft_node n, const gr_node_desc *d) {
  graft_module *m = g->module;
  graft_context *c = m->context;
  uint32_t operand_count;
  uint32_t inline_types[INLINE_RESULTS] = {0}, *types = inline_types;
  if (d->result_count > INLINE_RESULTS && !(types = gr_alloc(c, d->result_count * sizeof *types)))
    return GRAFT_NO_MEMORY;
  graft_status status = types_of(g, d, &operand_count, types);
  if (status != GRAFT_OK) goto done;
  uint32_t old_results = gr_node_at(g, n)->result_count, old_operands = gr_node_at(g, n)->operand_count;
  bool more_operands = operand_count > old_operands, more_results = d->result_count > old_results;
  if ((more_operands && !gr_vec_reserve(c, &g->uses, operand_count)) ||
      (more_results && !gr_vec_reserve(c, &g->values, d->result_count)) ||
      (d->op != gr_node_at(g, n)->op && !rename_made_up(g, n, d->op)) ||
      !gr_undo_room(m, 8 + 4 * ((uint64_t)old_operands + operand_count + old_results + d->result_count))) {
    status = GRAFT_NO_MEMORY;
    goto done;
  }
  gr_undo_item(g, GR_NODES, n);
  drop_operands(g, n);
  gr_node *node = gr_node_at(g, n);
  if (more_operands) {
    gr_undo_length(g, GR_USES);
    node->first_use = g->uses.len;
    for (uint32_t i = 0; i < operand_count; i++)
      g->uses.data[g->uses.len++] = (gr_use){GRAFT_NONE, n, GRAFT_NONE, GRAFT_NONE};
  }
  for (uint32_t i = 0; i < operand_count; i++) gr_change_use(g, node->first_use + i, d->operands[i]);
  node->op = d->op;
  node->attrs = d->attrs;
  node->operand_count = operand_count;
  if (d->provenance) node->provenance = d->provenance;
  node->marks = d->marks;
  if (more_results) { /* a longer block at the end; users move over */
    uint32_t old_first = node->first_result, first = g->values.len;
    gr_undo_length(g, GR_VALUES);
    for (uint32_t i = 0; i < old_results && status == GRAFT_OK; i++) {
      gr_name name = g->values.data[old_first + i].name;
      if (gr_value_add(g, types[i], GR_DEF_NODE, n, name) == GRAFT_NONE) status = GRAFT_NO_MEMORY;
      gr_replace_uses(g, old_first + i, first + i);
      uint32_t spec = gr_spec_of_value(g, old_first + i);
      uint32_t origin = gr_spec_origin(g, (gr_spec_ref){true, old_first + i});
      if (spec &&
          (gr_spec_set_value(g, first + i, spec) || gr_spec_set_origin(g, (gr_spec_ref){true, first + i}, origin)))
        status = GRAFT_NO_MEMORY;
      gr_kill_value(g, old_first + i);
      if (!name_known(g, name, first + i)) status = GRAFT_NO_MEMORY;
    }
    if (status == GRAFT_OK && !add_results(g, n, d, types, old_results)) status = GRAFT_NO_MEMORY;
    gr_node_at(g, n)->first_result = first;
    gr_node_at(g, n)->result_count = g->values.len - first;
  } else {
    for (uint32_t i = 0; i < d->result_count && status == GRAFT_OK; i++) {
      gr_value *v = gr_value_at(g, node->first_result + i);
      bool was_absent = v->type == GRAFT_NONE;
      gr_name name = v->name;
      if (was_absent && types[i] != GRAFT_NONE) name = gr_name_next(m, name_base(m, d->op, 0));
      if (name.base == GRAFT_NONE || !gr_undo_room(m, 1)) {
        status = GRAFT_NO_MEMORY;
        break;
      }
      gr_undo_item(g, GR_VALUES, node->first_result + i);
      v->type = types[i];
      v->name = name;
    }
    for (uint32_t i = d->result_count; i < old_results; i++) gr_kill_value(g, node->first_result + i);
    node->result_count = d->result_count;
  }
done:
  if (types != inline_types) gr_free(c, types, d->result_count * sizeof *types);
  return status;
}

void gr_node_erase(graft_graph *g, graft_node n) {
  gr_node *node = gr_node_at(g, n);
  if (!gr_undo_room(g->module, 2 + 2 * ((uint64_t)node->operand_count + node->result_count))) return;
  drop_operands(g, n);
  for (uint32_t i = 0; i < node->result_count; i++) gr_kill_value(g, node->first_result + i);
  gr_undo_unordering(g, n);
  gr_unlink_node(g, n);
  gr_undo_item(g, GR_NODES, n);
  node->op = GRAFT_NONE;
}
