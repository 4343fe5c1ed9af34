/* The two kinds of list in a graph, uses of a value and nodes in order, changed without an entry: for graph.c, which
 * writes down what it does, and undo.c, which takes it back. */
#ifndef GRAFT_GRAPH_IMPL_H
#define GRAFT_GRAPH_IMPL_H

#include "ir/ir_int.h"

/* Puts a use between two neighbours in its value's list; `prev` GRAFT_NONE: first. */
static inline void gr_link_use(graft_graph *g, uint32_t use, uint32_t prev, uint32_t next) {
  gr_use *u = gr_use_at(g, use);
  u->prev = prev;
  u->next = next;
  if (prev != GRAFT_NONE)
    gr_use_at(g, prev)->next = use;
  else
    gr_value_at(g, u->value)->first_use = use;
  if (next != GRAFT_NONE) gr_use_at(g, next)->prev = use;
}

static inline void gr_unlink_use(graft_graph *g, uint32_t use) {
  gr_use *u = gr_use_at(g, use);
  if (u->value == GRAFT_NONE) return;
  if (u->prev != GRAFT_NONE)
    gr_use_at(g, u->prev)->next = u->next;
  else
    gr_value_at(g, u->value)->first_use = u->next;
  if (u->next != GRAFT_NONE) gr_use_at(g, u->next)->prev = u->prev;
  u->value = u->prev = u->next = GRAFT_NONE;
}

/* The node's label, before it is linked (order.c). */
void gr_order_place(graft_graph *g, graft_node n, graft_node prev, graft_node next);

static inline void gr_link_node(graft_graph *g, graft_node n, graft_node prev, graft_node next) {
  gr_node *node = gr_node_at(g, n);
  if (g->order.len) gr_order_place(g, n, prev, next);
  node->prev = prev;
  node->next = next;
  if (prev != GRAFT_NONE)
    gr_node_at(g, prev)->next = n;
  else
    g->first = n;
  if (next != GRAFT_NONE)
    gr_node_at(g, next)->prev = n;
  else
    g->last = n;
  g->live++;
}

static inline void gr_unlink_node(graft_graph *g, graft_node n) {
  const gr_node *node = gr_node_at(g, n);
  if (node->prev != GRAFT_NONE)
    gr_node_at(g, node->prev)->next = node->next;
  else
    g->first = node->next;
  if (node->next != GRAFT_NONE)
    gr_node_at(g, node->next)->prev = node->prev;
  else
    g->last = node->prev;
  g->live--;
}

/* graph.c; the caller writes down that there are more values. GRAFT_NONE: no memory. */
graft_value gr_value_add(graft_graph *g, uint32_t type, gr_def kind, uint32_t def, gr_name name);
void gr_graph_free(graft_context *c, graft_graph *g); /* module.c */
/* The string of a name that no graph has; GRAFT_INVALID_ARGUMENT, GRAFT_NAME: it is empty or taken (module.c). */
graft_status gr_graph_name_free(graft_module *m, const char *name, uint32_t *string);

/* ---- graph.c, for who has made room for the entries ---- */

void gr_change_use(graft_graph *g, uint32_t use, graft_value value);    /* 2 entries */
uint32_t gr_lone_use(graft_graph *g, uint32_t user, graft_value value); /* of an output or update; 3 entries, one use */
void gr_kill_value(graft_graph *g, graft_value v);                      /* nothing uses it; 2 entries */
/* Has a tensor this name, or an input or result of `g` (NULL: of any graph)? */
graft_status gr_name_used(graft_module *m, graft_graph *g, gr_name name, bool *used);

/* V22, which else the verifier says: the constant scales and zero points of an integer op (verify_scales.c). */
graft_status gr_check_scales(graft_graph *g, graft_node n);
/* Name, kind and type of a tensor to be, from outside; false: refused with a diagnostic (tensor.c). */
bool gr_tensor_begin(graft_module *m, const char *name, graft_tensor_kind kind, const graft_type *type, gr_name *given,
                     gr_name *unique, uint32_t *id);
/* The same of every node that reads the tensor (edit.c). */
graft_status gr_tensor_check_readers(graft_module *m, graft_tensor t);

/* ---- which of two nodes comes first (order.c) ---- */

/* Makes the labels where there are none. False: no memory. */
bool gr_order_know(graft_graph *g);
static inline bool gr_comes_before(const graft_graph *g, graft_node a, graft_node b) { /* they are known */
  return g->order.data[a] < g->order.data[b];
}

/* ---- which output, graph or update has a name or tensor (index.c) ---- */

/* Its index, or GRAFT_NONE. False: no memory. */
bool gr_index_find(graft_module *m, graft_graph *g, gr_names_of which, uint32_t key, uint32_t *index);
/* Item `index` is going to be called so: one entry. False: no memory, nothing has changed. */
bool gr_index_put(graft_module *m, graft_graph *g, gr_names_of which, uint32_t key, uint32_t index);

#endif
