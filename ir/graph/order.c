/* Which of two nodes comes first, in O(1): labels that grow along the order, made when they are first asked for. A node
 * that is put between two others gets a label between theirs; where there is none left, the nodes around are spread
 * over the smallest range of labels that is thin enough: O(log n) a node in the mean (Bender and others, "Two
 * simplified algorithms for maintaining order in a list"). */
#include "ir/graph/graph_impl.h"

#define GAP ((uint64_t)1 << 32)

static void spread(graft_graph *g, graft_node around) {
  uint64_t *label = g->order.data;
  graft_node first = around, last = around;
  uint64_t low = 0, count = 1;
  double room = 1; /* nodes that a range may have: (3/2)^bits of 2^bits, so that gaps are at least 4 from 5 bits on */
  uint32_t bits = 0;
  for (; bits < 5; bits++) room *= 1.5;
  for (;; bits++, room *= 1.5) {
    low = label[around] >> bits << bits;
    const uint64_t high = low | (((uint64_t)1 << bits) - 1);
    for (graft_node n; (n = gr_node_at(g, first)->prev) != GRAFT_NONE && label[n] >= low; count++) first = n;
    for (graft_node n; (n = gr_node_at(g, last)->next) != GRAFT_NONE && label[n] <= high; count++) last = n;
    if ((double)count < room || bits == 63) break;
  }
  const uint64_t step = ((uint64_t)1 << bits) / count;
  uint64_t next = low + step / 2;
  for (graft_node n = first;; n = gr_node_at(g, n)->next, next += step) {
    label[n] = next;
    if (n == last) break;
  }
}

/* A label between those of two neighbours; a gap of 1 has none. */
static uint64_t low_of(const graft_graph *g, graft_node prev) { return prev == GRAFT_NONE ? 0 : g->order.data[prev]; }

static uint64_t high_of(const graft_graph *g, graft_node prev, graft_node next) {
  const uint64_t low = low_of(g, prev);
  if (next != GRAFT_NONE) return g->order.data[next];
  return low < UINT64_MAX - 2 * GAP ? low + 2 * GAP : UINT64_MAX;
}

void gr_order_place(graft_graph *g, graft_node n, graft_node prev, graft_node next) {
  if (high_of(g, prev, next) - low_of(g, prev) < 2) spread(g, prev == GRAFT_NONE ? next : prev);
  const uint64_t low = low_of(g, prev);
  g->order.data[n] = low + (high_of(g, prev, next) - low) / 2;
}

bool gr_order_know(graft_graph *g) {
  if (g->order.len == g->nodes.len) return true;
  if (g->order.len < g->nodes.len && !gr_vec_reserve(g->module->context, &g->order, g->nodes.len - g->order.len))
    return false;
  g->order.len = g->nodes.len;
  uint64_t label = 0;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) g->order.data[n] = label += GAP;
  return true;
}
