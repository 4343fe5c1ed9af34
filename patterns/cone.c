/* Const values: which values depend on module tensors alone, and their data.
 *
 * Constness is found for the whole graph in one forward pass when it is first asked for, and kept up after each
 * rewrite: a value may become const (an observer is frozen), never the other way, so that keeping up costs O(changes).
 * Data is memoized by value, and by (op, attributes, operands) for what rules compute: the same weight with the same
 * batch norm gives one tensor. What is large and made element by element waits until it is read: a reader that goes
 * through it once (to quantize it, to find its range) takes it block by block from the evaluator, and it is never whole
 * in memory. */
#include "patterns/patterns_impl.h"

#include <string.h>

enum { UNKNOWN, VARIABLE, CONST, CONSTANT };

#define FORGOTTEN (GRAFT_NONE - 1) /* in by_value */

typedef struct entry {
  gr_array array;      /* owns one reference of its buffer */
  graft_tensor tensor; /* that it was read from or became; GRAFT_NONE */
  uint32_t op, attrs, result;
  uint32_t first_input, input_count; /* entries, in `inputs` */
  uint8_t waits; /* not computed yet: 1 + the most of its inputs; 0: computed, if only to be let go */
  bool read;     /* in blocks, once: the next reader gets it whole */
} entry;

struct gr_cones {
  graft_graph *graph;
  gr_evaluator evaluate;
  void *user;
  GR_VEC(uint8_t) states; /* by value; empty until asked for */
  GR_VEC(entry) entries;
  GR_VEC(uint32_t) inputs;
  GR_VEC(graft_value) stack;
  GR_VEC(graft_node) changes;
  gr_map by_value, by_call;
  GR_VEC(uint32_t) large;    /* entries computed since gr_pt_cones_trim */
  size_t held;               /* bytes of what was computed */
  const gr_updated *written; /* those are not const; NULL: nobody asked for that */
  bool failed;               /* no memory to tell whether something is const, or fits */
};

bool gr_cones_failed(const gr_cones *k) { return k->failed; }

gr_cones *gr_cones_create(graft_graph *g, gr_evaluator evaluate, void *user) {
  gr_cones *k = gr_calloc(g->module->context, 1, sizeof *k);
  if (!k) return NULL;
  k->graph = g;
  k->evaluate = evaluate;
  k->user = user;
  return k;
}

void gr_cones_destroy(gr_cones *k) {
  if (!k) return;
  graft_context *c = k->graph->module->context;
  for (uint32_t i = 0; i < k->entries.len; i++) gr_buffer_release(c, k->entries.data[i].array.buffer);
  gr_vec_free(c, &k->entries);
  gr_vec_free(c, &k->large);
  gr_vec_free(c, &k->states);
  gr_vec_free(c, &k->inputs);
  gr_vec_free(c, &k->stack);
  gr_vec_free(c, &k->changes);
  gr_map_free(c, &k->by_value);
  gr_map_free(c, &k->by_call);
  gr_free(c, k, sizeof *k);
}

void gr_cones_forget(gr_cones *k, size_t above) {
  graft_context *c = k->graph->module->context;
  if (k->held <= above) return;
  for (uint32_t i = 0; i < k->entries.len; i++) gr_buffer_release(c, k->entries.data[i].array.buffer);
  k->entries.len = k->inputs.len = k->large.len = 0;
  k->held = 0;
  gr_map_free(c, &k->by_value);
  gr_map_free(c, &k->by_call);
}

/* ---- constness ---- */

static uint8_t state_of(const gr_cones *k, graft_value v) {
  const graft_graph *g = k->graph;
  const gr_value *value = gr_value_at(g, v);
  if (value->def_kind == GR_DEF_TENSOR && k->written && gr_is_updated(k->written, value->def)) return VARIABLE;
  if (value->def_kind == GR_DEF_TENSOR)
    return g->module->tensors.data[value->def].kind == GRAFT_CONSTANT ? CONSTANT : CONST;
  if (value->def_kind != GR_DEF_NODE) return VARIABLE;
  return v < k->states.len ? k->states.data[v] : VARIABLE;
}

static uint8_t node_state(const gr_cones *k, graft_node n) {
  const graft_graph *g = k->graph;
  const gr_node *node = gr_node_at(g, n);
  if (!(gr_node_may(g, n) & GR_MAY_PRECOMPUTE)) return VARIABLE;
  uint8_t state = CONSTANT;
  for (uint32_t i = 0; i < node->operand_count && state != VARIABLE; i++) {
    graft_value v = gr_operand(g, n, i);
    uint8_t s = v == GRAFT_NONE ? CONSTANT : state_of(k, v);
    if (s < state) state = s;
  }
  return state;
}

static bool grow_states(gr_cones *k) {
  uint32_t need = k->graph->values.len, have = k->states.len;
  if (need <= have) return true;
  if (!gr_vec_reserve(k->graph->module->context, &k->states, need - have)) return false;
  memset(k->states.data + have, UNKNOWN, need - have);
  k->states.len = need;
  return true;
}

/* True when some result changed. */
static bool set_state(gr_cones *k, graft_node n) {
  const gr_node *node = gr_node_at(k->graph, n);
  uint8_t state = node_state(k, n);
  bool changed = false;
  for (uint32_t i = 0; i < node->result_count; i++) {
    changed |= k->states.data[node->first_result + i] != state;
    k->states.data[node->first_result + i] = state;
  }
  return changed;
}

void gr_pt_cones_live(gr_cones *k, const gr_updated *written) { k->written = written; }

bool gr_updated_find(gr_updated *u, const graft_module *m) {
  *u = (gr_updated){.count = m->tensors.len, .by_tensor = gr_calloc(m->context, (size_t)m->tensors.len + 1, 1)};
  for (uint32_t i = 0; u->by_tensor && i < m->graphs.len; i++)
    for (uint32_t k = 0; k < m->graphs.data[i]->updates.len; k++) {
      const graft_tensor t = m->graphs.data[i]->updates.data[k].tensor;
      if (t != GRAFT_NONE) u->by_tensor[t] = 1;
    }
  return u->by_tensor;
}

void gr_updated_free(gr_updated *u, graft_context *c) {
  gr_free(c, u->by_tensor, (size_t)u->count + 1);
  *u = (gr_updated){0};
}

static bool begin(gr_cones *k) {
  if (k->states.len) return true;
  if (!grow_states(k)) {
    k->failed = true;
    return false;
  }
  for (graft_node n = k->graph->first; n != GRAFT_NONE; n = gr_node_at(k->graph, n)->next) set_state(k, n);
  return true;
}

bool gr_cones_is_const(gr_cones *k, graft_value v) { return begin(k) && state_of(k, v) >= CONST; }
bool gr_cones_is_constant(gr_cones *k, graft_value v) { return begin(k) && state_of(k, v) == CONSTANT; }

/* What was remembered of the node's results is no more so. True when something was. */
static bool forget_results(gr_cones *k, graft_node n) {
  graft_graph *g = k->graph;
  bool known = false;
  for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++) {
    graft_value v = gr_node_at(g, n)->first_result + i;
    uint32_t at = gr_map_get(&k->by_value, v);
    if (at == GRAFT_NONE || at == FORGOTTEN) continue;
    known = true;
    gr_map_put(g->module->context, &k->by_value, v, FORGOTTEN); /* the key is there: no memory is needed */
  }
  return known;
}

/* The node is new, or its op, attributes or operands changed: its users may be const now, and what was computed from it
 * is another. */
bool gr_pt_cones_changed(gr_cones *k, graft_node n) {
  if (!k || !k->states.len) return true;
  graft_graph *g = k->graph;
  graft_context *c = g->module->context;
  if (!grow_states(k)) return false;
  k->stack.len = 0;
  if (!gr_vec_push(c, &k->stack, n)) return false;
  while (k->stack.len) {
    n = k->stack.data[--k->stack.len];
    const gr_node *node = gr_node_at(g, n);
    uint8_t before = node->result_count ? k->states.data[node->first_result] : VARIABLE;
    bool other = set_state(k, n), known = forget_results(k, n);
    if ((!other && !known) || node->result_count == 0) continue;
    if (before == UNKNOWN && k->states.data[node->first_result] == VARIABLE) continue; /* new: nobody believed more */
    if (!gr_vec_push(c, &k->changes, n)) return false;
    for (uint32_t i = 0; i < node->result_count; i++)
      for (uint32_t u = gr_value_at(g, node->first_result + i)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next)
        if (gr_user_is_node(gr_use_at(g, u)->user) && !gr_vec_push(c, &k->stack, gr_use_at(g, u)->user)) return false;
  }
  return true;
}

const graft_node *gr_pt_cones_changes(gr_cones *k, uint32_t *count) {
  *count = k->changes.len;
  k->changes.len = 0;
  return k->changes.data;
}

/* ---- entries ---- */

static uint32_t value_entry(const gr_cones *k, graft_value v) {
  uint32_t at = gr_map_get(&k->by_value, v);
  return at == FORGOTTEN ? GRAFT_NONE : at;
}

static uint32_t add_entry(gr_cones *k, entry e) {
  graft_context *c = k->graph->module->context;
  if (e.tensor == GRAFT_NONE && e.array.buffer) k->held += e.array.buffer->size;
  if (gr_vec_push(c, &k->entries, e)) return k->entries.len - 1;
  gr_buffer_release(c, e.array.buffer);
  return GRAFT_NONE;
}

static uint32_t tensor_entry(gr_cones *k, graft_tensor t, gr_loc where) {
  graft_module *m = k->graph->module;
  const void *data = graft_tensor_get_data(m, t);
  if (!data) {
    gr_error(m->context, GRAFT_PASS, where, "the data of tensor %s is not there",
             gr_name_label(m, m->tensors.data[t].name));
    return GRAFT_NONE;
  }
  entry e = {
      .array = {.type = *gr_tensor_type(m, t), .data = data, .buffer = gr_buffer_retain(m->tensors.data[t].buffer)},
      .tensor = t};
  return add_entry(k, e);
}

static uint64_t call_key(uint32_t op, uint32_t attrs, const uint32_t *inputs, uint32_t count) {
  uint64_t h = gr_mix((uint64_t)op << 32 | attrs);
  for (uint32_t i = 0; i < count; i++) h = gr_mix(h ^ inputs[i]);
  return h;
}

static uint32_t find_call(const gr_cones *k, uint64_t *key, uint32_t op, uint32_t attrs, const uint32_t *inputs,
                          uint32_t count) {
  for (;; ++*key) {
    uint32_t at = gr_map_get(&k->by_call, *key);
    if (at == GRAFT_NONE) return GRAFT_NONE;
    const entry *e = &k->entries.data[at];
    if (e->op == op && e->attrs == attrs && e->input_count == count &&
        (count == 0 || memcmp(&k->inputs.data[e->first_input], inputs, count * sizeof *inputs) == 0))
      return at;
  }
}

/* Large data that became no tensor is let go after each rewrite, so that the next one finds its memory warm; the entry
 * stays, and its data is made again in the rare case that somebody asks. */
#define LARGE_DATA ((size_t)1 << 20)

void gr_pt_cones_trim(gr_cones *k) {
  for (uint32_t i = 0; i < k->large.len; i++) {
    entry *e = &k->entries.data[k->large.data[i]];
    if (e->tensor != GRAFT_NONE || !e->array.buffer) continue;
    k->held -= e->array.buffer->size;
    gr_buffer_release(k->graph->module->context, e->array.buffer);
    e->array.buffer = NULL;
    e->array.data = NULL;
  }
  k->large.len = 0;
}

#define MANY 16

enum { WAIT_BYTES = 1 << 12, WAIT_OPERANDS = 3, WAIT_MAX = 8 };

/* Entries in the evaluator's form; those that wait are links of a chain through operand 0. */
typedef struct link {
  gr_unmade from;
  gr_array operands[WAIT_OPERANDS];
} link;

static bool make(gr_cones *k, uint32_t at, gr_loc where);

static bool gather(gr_cones *k, const uint32_t *inputs, uint32_t count, gr_array *operands, link *links, gr_loc where) {
  for (uint32_t i = 1; i < count; i++)
    if (inputs[i] != GRAFT_NONE && !make(k, inputs[i], where)) return false;
  const gr_unmade *from = NULL;
  if (count && inputs[0] != GRAFT_NONE) {
    entry *first = &k->entries.data[inputs[0]];
    if (first->waits && !first->read) { /* its links are fewer: it waits for less */
      first->read = true;
      links->from = (gr_unmade){first->op, first->attrs, links->operands, first->input_count};
      uint32_t from_inputs[WAIT_OPERANDS];
      memcpy(from_inputs, &k->inputs.data[first->first_input], first->input_count * sizeof *from_inputs);
      if (!gather(k, from_inputs, links->from.operand_count, links->operands, links + 1, where)) return false;
      from = &links->from;
    } else if (!make(k, inputs[0], where)) {
      return false;
    }
  }
  for (uint32_t i = 0; i < count; i++)
    operands[i] = inputs[i] == GRAFT_NONE ? (gr_array){0} : k->entries.data[inputs[i]].array;
  if (from) operands[0].from = from;
  return true;
}

static bool evaluate(gr_cones *k, uint32_t op, uint32_t attrs, const uint32_t *inputs, uint32_t count,
                     gr_array *results, uint32_t result_count, gr_loc where) {
  graft_module *m = k->graph->module;
  graft_context *c = m->context;
  link links[WAIT_MAX];
  gr_array few[MANY], *operands = count <= MANY ? few : gr_alloc(c, count * sizeof *operands);
  if (!operands) return false;
  bool ok = gather(k, inputs, count, operands, links, where) &&
            k->evaluate(k->user, m, op, attrs, operands, count, results, result_count, where) == GRAFT_OK;
  if (operands != few) gr_free(c, operands, count * sizeof *operands);
  return ok;
}

/* Data that waits, or that was let go. As deep as large data hangs on large data that one rewrite held at a time. */
static bool make(gr_cones *k, uint32_t at, gr_loc where) {
  const entry e = k->entries.data[at];
  if (e.array.data || e.op == GRAFT_NONE || e.tensor != GRAFT_NONE) return true;
  gr_array result = {0};
  if (!gr_vec_reserve(k->graph->module->context, &k->large, 1u) ||
      !evaluate(k, e.op, e.attrs, &k->inputs.data[e.first_input], e.input_count, &result, 1, where))
    return false;
  entry *made = &k->entries.data[at];
  made->array = result;
  made->waits = 0;
  k->held += result.buffer ? result.buffer->size : 0;
  if (!result.buffer || result.buffer->size < LARGE_DATA) return true;
  return gr_vec_push(k->graph->module->context, &k->large, at);
}

/* The links that an op on these entries would wait for, itself counted, and its type; 0: it is computed at once. Only
 * what cannot fail but for lack of memory waits. */
static uint8_t waits_for(gr_cones *k, uint32_t op, uint32_t attrs, const uint32_t *inputs, uint32_t count,
                         uint32_t result_count, graft_type *type) {
  const gr_op_info *info = gr_op_get(op);
  const graft_type *types[WAIT_OPERANDS];
  uint8_t most = 0;
  char message[160];
  if (!info || !(info->families & GR_F_ELEMENTWISE) || (info->families & GR_F_RANDOM) || result_count != 1 ||
      count > WAIT_OPERANDS)
    return 0;
  for (uint32_t i = 0; i < count; i++) {
    const entry *e = inputs[i] == GRAFT_NONE ? NULL : &k->entries.data[inputs[i]];
    types[i] = e ? &e->array.type : NULL;
    if (!e) continue;
    if (e->array.type.dtype != GRAFT_F32 || e->waits >= WAIT_MAX) return 0;
    if (e->waits > most) most = e->waits;
  }
  gr_infer in = {.module = k->graph->module,
                 .op = op,
                 .attrs = attrs,
                 .operands = types,
                 .operand_count = count,
                 .results = type,
                 .result_count = 1,
                 .error = message};
  if (!gr_infer_types(&in) || type->dtype != GRAFT_F32) return 0;
  return graft_type_elements(type) >= WAIT_BYTES / 4 ? (uint8_t)(most + 1) : 0;
}

/* Runs an op on entries; the first of `result_count` entries in a row, or GRAFT_NONE with a diagnostic. */
uint32_t gr_pt_cones_call(gr_cones *k, uint32_t op, uint32_t attrs, const uint32_t *inputs, uint32_t count,
                          uint32_t result_count, gr_loc where) {
  graft_module *m = k->graph->module;
  graft_context *c = m->context;
  uint64_t key = call_key(op, attrs, inputs, count);
  uint32_t at = find_call(k, &key, op, attrs, inputs, count);
  if (at != GRAFT_NONE) return at;
  if (!k->evaluate) {
    gr_error(c, GRAFT_PASS, where, "nothing here can evaluate %s", gr_op_text(m, op));
    return GRAFT_NONE;
  }
  gr_array few[MANY], *results = result_count <= MANY ? few : gr_alloc(c, result_count * sizeof *results);
  if (results && gr_vec_reserve(c, &k->inputs, count) && gr_vec_reserve(c, &k->entries, result_count) &&
      gr_vec_reserve(c, &k->large, 1u)) {
    memset(results, 0, result_count * sizeof *results);
    uint8_t waits = waits_for(k, op, attrs, inputs, count, result_count, &results[0].type);
    if (waits || evaluate(k, op, attrs, inputs, count, results, result_count, where)) {
      at = k->entries.len;
      uint32_t first = k->inputs.len;
      if (count) memcpy(k->inputs.data + first, inputs, count * sizeof *inputs);
      k->inputs.len += count;
      for (uint32_t i = 0; i < result_count; i++)
        k->entries.data[k->entries.len++] = (entry){.array = results[i],
                                                    .tensor = GRAFT_NONE,
                                                    .op = op,
                                                    .attrs = attrs,
                                                    .result = i,
                                                    .first_input = first,
                                                    .input_count = count,
                                                    .waits = waits};
      for (uint32_t i = 0; i < result_count; i++) k->held += results[i].buffer ? results[i].buffer->size : 0;
      if (result_count == 1 && results[0].buffer && results[0].buffer->size >= LARGE_DATA)
        k->large.data[k->large.len++] = at;
      if (!gr_map_put(c, &k->by_call, key, at)) at = GRAFT_NONE;
    }
  }
  if (results != few) gr_free(c, results, result_count * sizeof *results);
  return at;
}

/* All operands have entries already. */
static bool evaluate_node(gr_cones *k, graft_node n) {
  graft_graph *g = k->graph;
  graft_context *c = g->module->context;
  uint32_t count = gr_node_at(g, n)->operand_count, few[MANY];
  uint32_t *inputs = count <= MANY ? few : gr_alloc(c, count * sizeof *inputs);
  if (!inputs) return false;
  for (uint32_t i = 0; i < count; i++) {
    graft_value v = gr_operand(g, n, i);
    inputs[i] = v == GRAFT_NONE ? GRAFT_NONE : value_entry(k, v);
  }
  const gr_node *node = gr_node_at(g, n);
  uint32_t at = gr_pt_cones_call(k, node->op, node->attrs, inputs, count, node->result_count, gr_node_loc(g, n));
  if (inputs != few) gr_free(c, inputs, count * sizeof *inputs);
  if (at == GRAFT_NONE) return false;
  node = gr_node_at(g, n);
  for (uint32_t i = 0; i < node->result_count; i++)
    if (!gr_map_put(c, &k->by_value, node->first_result + i, at + i)) return false;
  return true;
}

bool gr_pt_cones_can_compute(const gr_cones *k, graft_value v) {
  return k->evaluate || gr_value_tensor(k->graph, v) != GRAFT_NONE;
}

/* The entry of a const value, whose data may wait; producers first, without recursion. */
uint32_t gr_pt_cones_entry(gr_cones *k, graft_value v) {
  graft_graph *g = k->graph;
  graft_context *c = g->module->context;
  k->stack.len = 0;
  if (!gr_vec_push(c, &k->stack, v)) return GRAFT_NONE;
  while (k->stack.len) {
    graft_value x = k->stack.data[k->stack.len - 1];
    if (value_entry(k, x) != GRAFT_NONE) {
      k->stack.len--;
      continue;
    }
    graft_tensor t = gr_value_tensor(g, x);
    if (t != GRAFT_NONE) {
      uint32_t e = tensor_entry(k, t, (gr_loc){0});
      if (e == GRAFT_NONE || !gr_map_put(c, &k->by_value, x, e)) return GRAFT_NONE;
      continue;
    }
    graft_node n = gr_value_node(g, x);
    if (n == GRAFT_NONE) {
      gr_error(c, GRAFT_PASS, gr_value_loc(g, x), "the value is not known before the graph runs");
      return GRAFT_NONE;
    }
    uint32_t depth = k->stack.len;
    for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count; i++) {
      graft_value o = gr_operand(g, n, i);
      if (o != GRAFT_NONE && value_entry(k, o) == GRAFT_NONE && !gr_vec_push(c, &k->stack, o)) return GRAFT_NONE;
    }
    if (k->stack.len == depth && !evaluate_node(k, n)) return GRAFT_NONE;
  }
  return value_entry(k, v);
}

/* An entry of bytes that are copied. */
uint32_t gr_pt_cones_bytes(gr_cones *k, const graft_type *type, const void *data) {
  graft_context *c = k->graph->module->context;
  size_t size = (size_t)graft_type_elements(type) * graft_dtype_size(type->dtype);
  gr_buffer *b = gr_buffer_alloc(c, size);
  if (!b) return GRAFT_NONE;
  if (size) memcpy(b->data, data, size);
  return add_entry(k, (entry){.array = {.type = *type, .data = b->data, .buffer = b}, .tensor = GRAFT_NONE});
}

/* A rank-0 number; equal ones have one entry. */
uint32_t gr_pt_cones_number(gr_cones *k, graft_dtype dtype, const graft_attr *number) {
  graft_context *c = k->graph->module->context;
  unsigned char bytes[8];
  uint32_t bits[2];
  gr_pt_number_as(number, dtype, bytes);
  memcpy(bits, bytes, sizeof bits);
  uint64_t key = call_key(GRAFT_NONE, (uint32_t)dtype, bits, 2);
  uint32_t at = find_call(k, &key, GRAFT_NONE, (uint32_t)dtype, bits, 2);
  if (at != GRAFT_NONE) return at;
  graft_type type = graft_type_make(dtype, 0, NULL);
  at = gr_pt_cones_bytes(k, &type, bytes);
  if (at == GRAFT_NONE || !gr_vec_reserve(c, &k->inputs, 2u)) return GRAFT_NONE;
  entry *e = &k->entries.data[at];
  e->op = GRAFT_NONE;
  e->attrs = (uint32_t)dtype;
  e->first_input = k->inputs.len;
  e->input_count = 2;
  memcpy(k->inputs.data + k->inputs.len, bits, sizeof bits);
  k->inputs.len += 2;
  return gr_map_put(c, &k->by_call, key, at) ? at : GRAFT_NONE;
}

/* The tensor an entry is or was made into; *made says that it is new and has no name yet to speak of. */
graft_tensor gr_pt_cones_tensor(gr_cones *k, uint32_t at, graft_tensor_kind kind, gr_name name, bool *made) {
  graft_module *m = k->graph->module;
  entry *e = &k->entries.data[at];
  *made = false;
  if (e->tensor != GRAFT_NONE && m->tensors.data[e->tensor].kind == kind && !m->tensors.data[e->tensor].erased)
    return e->tensor;
  if (!make(k, at, (gr_loc){0})) return GRAFT_NONE;
  e = &k->entries.data[at];
  uint32_t type = gr_type_intern(m, &e->array.type);
  if (type == GRAFT_NONE || name.base == GRAFT_NONE) return GRAFT_NONE;
  uint64_t offset = (uint64_t)((const char *)e->array.data - (const char *)e->array.buffer->data);
  graft_tensor t = gr_tensor_add(m, name, kind, type, gr_buffer_retain(e->array.buffer), offset);
  if (t == GRAFT_NONE) return GRAFT_NONE;
  k->entries.data[at].tensor = t;
  *made = true;
  return t;
}

/* Would the tensor be new? */
bool gr_pt_cones_is_new(const gr_cones *k, uint32_t at, graft_tensor_kind kind) {
  const entry *e = &k->entries.data[at];
  const graft_module *m = k->graph->module;
  return e->tensor == GRAFT_NONE || m->tensors.data[e->tensor].kind != kind || m->tensors.data[e->tensor].erased;
}

bool gr_cones_value(gr_cones *k, graft_value v, gr_array *out) {
  uint32_t e = gr_pt_cones_entry(k, v);
  if (e == GRAFT_NONE || !make(k, e, (gr_loc){0})) return false;
  *out = k->entries.data[e].array;
  return true;
}

graft_dtype gr_pt_cones_dtype(const gr_cones *k, uint32_t at) { return k->entries.data[at].array.type.dtype; }

void gr_pt_cones_unmake(gr_cones *k, const uint32_t *entries, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) k->entries.data[entries[i]].tensor = GRAFT_NONE;
}

/* ---- would it fit? ---- */

typedef struct inputs_of {
  const gr_cones *k;
  const uint32_t *inputs;
} inputs_of;

static const int64_t *known_ints(void *user, uint32_t operand, uint32_t *count) {
  const inputs_of *in = user;
  const gr_array *a = &in->k->entries.data[in->inputs[operand]].array;
  int64_t n = graft_type_elements(&a->type);
  if (!a->data || a->type.dtype != GRAFT_I64 || n < 0 || n > UINT32_MAX) return NULL;
  *count = (uint32_t)n;
  return a->data;
}

bool gr_pt_cones_fits(gr_cones *k, uint32_t op, uint32_t attrs, const uint32_t *inputs, uint32_t count,
                      uint32_t result_count) {
  graft_context *c = k->graph->module->context;
  uint64_t key = call_key(op, attrs, inputs, count);
  if (find_call(k, &key, op, attrs, inputs, count) != GRAFT_NONE) return true;
  const graft_type *few[MANY], **types = count <= MANY ? few : gr_alloc(c, count * sizeof *types);
  graft_type few_results[MANY],
      *results = result_count <= MANY ? few_results : gr_alloc(c, result_count * sizeof *results);
  bool fits = false;
  if (types && results) {
    char message[160];
    inputs_of user = {k, inputs};
    for (uint32_t i = 0; i < count; i++)
      types[i] = inputs[i] == GRAFT_NONE ? NULL : &k->entries.data[inputs[i]].array.type;
    gr_infer in = {.module = k->graph->module,
                   .op = op,
                   .attrs = attrs,
                   .operands = types,
                   .operand_count = count,
                   .constant = known_ints,
                   .user = &user,
                   .results = results,
                   .result_count = result_count,
                   .error = message};
    fits = gr_infer_types(&in);
  } else {
    k->failed = true;
  }
  if (types && types != few) gr_free(c, types, count * sizeof *types);
  if (results && results != few_results) gr_free(c, results, result_count * sizeof *results);
  return fits;
}
