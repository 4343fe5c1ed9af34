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

static inline void gr_link_node(graft_graph *g, graft_node n, graft_node prev, graft_node next) {
  gr_node *node = gr_node_at(g, n);
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

void gr_graph_free(graft_context *c, graft_graph *g); /* module.c */

#endif
