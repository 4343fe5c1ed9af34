/* Which node comes first. A file should list its nodes so that each follows those whose results it reads; not all do,
 * and other readers sort them. Reading is by the node's inputs and from the graphs nested in it.
 *
 * A walk from each node to what it reads, in the file's order and on a stack of its own: a file that is sorted stays as
 * it is, and every input is looked at once. */
#include "ir/formats/onnx/onnx_impl.h"

#include <string.h>

/* ---- what nested graphs read ---- */

typedef struct captures {
  gr_onnx *in;
  const gr_onnx_scope *scope; /* the graph of the node */
  gr_onnx_names *out;
  gr_onnx_scope seen; /* as a set */
} captures;

/* The graphs between the node and the place of the reading, with the names that each defines. */
typedef struct chain {
  const struct chain *outer;
  const gr_onnx_scope *defined;
} chain;

static bool capture(captures *c, const chain *inside, const char *name) {
  if (!name[0]) return true;
  for (; inside; inside = inside->outer)
    if (gr_onnx_scope_find(inside->defined, name)) return true;
  if (!gr_onnx_scope_lookup(c->scope, name) || gr_onnx_scope_find(&c->seen, name)) return true;
  return gr_onnx_scope_define(c->in->module, &c->seen, name, c->in->where) &&
         gr_vec_push(c->in->context, &c->out->names, name);
}

static bool define(gr_onnx *in, gr_onnx_scope *s, const char *name) {
  return !name || !name[0] || gr_onnx_scope_find(s, name) || gr_onnx_scope_define(in->module, s, name, in->where);
}

static bool collect(captures *c, const chain *outer, const Onnx__GraphProto *g) {
  gr_onnx *in = c->in;
  gr_onnx_scope own = {0};
  chain here = {.outer = outer, .defined = &own};
  bool good = true;
  for (size_t i = 0; good && i < g->n_input; i++) good = define(in, &own, g->input[i]->name);
  for (size_t i = 0; good && i < g->n_initializer; i++) good = define(in, &own, g->initializer[i]->name);
  for (size_t i = 0; good && i < g->n_node; i++)
    for (size_t k = 0; good && k < g->node[i]->n_output; k++) good = define(in, &own, g->node[i]->output[k]);
  for (size_t i = 0; good && i < g->n_node; i++) {
    const Onnx__NodeProto *n = g->node[i];
    for (size_t k = 0; good && k < n->n_input; k++) good = capture(c, &here, n->input[k]);
    for (size_t k = 0; good && k < n->n_attribute; k++)
      if (n->attribute[k]->g) good = collect(c, &here, n->attribute[k]->g);
  }
  for (size_t i = 0; good && i < g->n_output; i++)
    if (g->output[i]->name) good = capture(c, &here, g->output[i]->name);
  gr_onnx_scope_free(in->context, &own);
  return good;
}

bool gr_onnx_captures(gr_onnx *in, const gr_onnx_scope *s, const Onnx__NodeProto *node, gr_onnx_names *out) {
  captures c = {.in = in, .scope = s, .out = out};
  bool good = true;
  for (size_t i = 0; good && i < node->n_attribute; i++)
    if (node->attribute[i]->g) good = collect(&c, NULL, node->attribute[i]->g);
  gr_onnx_scope_free(in->context, &c.seen);
  return good;
}

/* ---- order ---- */

/* A node that waits for what it reads. */
typedef struct waiting {
  uint32_t node;
  size_t next; /* which it reads: its inputs, then what its graphs capture */
  gr_onnx_names captured;
} waiting;

typedef struct sorter {
  gr_onnx *in;
  const gr_onnx_scope *scope;
  uint8_t *states; /* by node: 0 not seen, 1 waiting, 2 in order */
  uint32_t *order, count;
  GR_VEC(waiting) stack;
} sorter;

static const char *node_name(const Onnx__NodeProto *node) {
  return node->name && node->name[0] ? node->name : node->n_output ? node->output[0] : NULL;
}

static bool begin(sorter *s, uint32_t i) {
  const Onnx__NodeProto *node = s->scope->proto->node[i];
  waiting w = {.node = i};
  bool graphs = false;
  for (size_t k = 0; k < node->n_attribute; k++) graphs = graphs || node->attribute[k]->g;
  s->states[i] = 1;
  if ((!graphs || gr_onnx_captures(s->in, s->scope, node, &w.captured)) && gr_vec_push(s->in->context, &s->stack, w))
    return true;
  gr_vec_free(s->in->context, &w.captured.names);
  return false;
}

/* One step of the node on top. */
static bool step(sorter *s) {
  waiting *w = &s->stack.data[s->stack.len - 1];
  const Onnx__NodeProto *node = s->scope->proto->node[w->node];
  while (w->next < node->n_input + w->captured.names.len) {
    const size_t k = w->next++;
    const char *name = k < node->n_input ? node->input[k] : w->captured.names.data[k - node->n_input];
    const gr_onnx_symbol *symbol = name[0] ? gr_onnx_scope_find(s->scope, name) : NULL;
    if (!symbol || symbol->node == GRAFT_NONE || s->states[symbol->node] == 2) continue;
    if (s->states[symbol->node] == 0) return begin(s, symbol->node);
    s->in->where.node = node_name(node);
    gr_onnx_fail(s->in, GRAFT_NAME, "'%s' depends on this node, which reads it: the nodes form a cycle", name);
    return false;
  }
  s->states[w->node] = 2;
  s->order[s->count++] = w->node;
  gr_vec_free(s->in->context, &w->captured.names);
  s->stack.len--;
  return true;
}

const uint32_t *gr_onnx_order(gr_onnx *in, const gr_onnx_scope *scope) {
  const size_t n = scope->proto->n_node;
  sorter s = {.in = in, .scope = scope};
  s.order = gr_arena_alloc(&in->scratch, (n + 1) * sizeof *s.order);
  s.states = s.order ? gr_arena_alloc(&in->scratch, n + 1) : NULL;
  bool good = s.states != NULL;
  if (good) memset(s.states, 0, n + 1);
  for (uint32_t i = 0; good && i < n; i++) {
    if (s.states[i] != 0) continue;
    good = begin(&s, i);
    while (good && s.stack.len > 0) good = step(&s);
  }
  for (uint32_t i = 0; i < s.stack.len; i++) gr_vec_free(in->context, &s.stack.data[i].captured.names);
  gr_vec_free(in->context, &s.stack);
  in->where.node = NULL;
  return good ? s.order : NULL;
}
