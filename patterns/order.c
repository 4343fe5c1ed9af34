/* Which of two nodes comes first in the graph: numbers with gaps, made when first asked for. New nodes get one between
 * their neighbours; where none is left all are numbered anew. */
#include "patterns/patterns_impl.h"

#include <string.h>

#define GAP_BITS 30

static bool number_all(gr_matcher *m) {
  const graft_graph *g = m->graph;
  m->order.len = 0;
  if (!gr_vec_reserve(g->module->context, &m->order, g->nodes.len)) return false;
  m->order.len = g->nodes.len;
  memset(m->order.data, 0, g->nodes.len * sizeof *m->order.data);
  uint64_t at = 0;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) m->order.data[n] = ++at << GAP_BITS;
  return true;
}

static uint64_t known(const gr_matcher *m, graft_node n) {
  return n != GRAFT_NONE && n < m->order.len ? m->order.data[n] : 0;
}

/* Numbers a run of new nodes that `n` is one of; false: no gap, or the neighbours are out of order. */
static bool number_run(gr_matcher *m, graft_node n) {
  const graft_graph *g = m->graph;
  graft_node first = n, before, after = n;
  uint64_t count = 0;
  while ((before = gr_node_at(g, first)->prev) != GRAFT_NONE && !known(m, before)) first = before;
  for (after = first; after != GRAFT_NONE && !known(m, after); after = gr_node_at(g, after)->next) count++;
  uint64_t low = known(m, before), high = after == GRAFT_NONE ? low + ((count + 1) << GAP_BITS) : known(m, after);
  if (high <= low || (high - low) / (count + 1) == 0) return false;
  uint64_t step = (high - low) / (count + 1);
  for (n = first; n != after; n = gr_node_at(g, n)->next) m->order.data[n] = low += step;
  return true;
}

static bool number(gr_matcher *m, graft_node n) {
  const graft_graph *g = m->graph;
  uint32_t old = m->order.len;
  if (n >= old) {
    if (!gr_vec_reserve(g->module->context, &m->order, g->nodes.len - old)) return false;
    m->order.len = g->nodes.len;
    memset(m->order.data + old, 0, (g->nodes.len - old) * sizeof *m->order.data);
  }
  uint64_t at = m->order.data[n], low = known(m, gr_node_at(g, n)->prev), high = known(m, gr_node_at(g, n)->next);
  if (at && low < at && (!high || at < high)) return true; /* an id may be that of a node that was taken back */
  m->order.data[n] = 0;
  return number_run(m, n) || number_all(m);
}

static bool is_before(gr_matcher *m, graft_node a, graft_node b) {
  if (!m->order.len && !number_all(m)) return !(m->failed = true);
  if (!number(m, a) || !number(m, b)) return !(m->failed = true);
  return m->order.data[a] < m->order.data[b];
}

/* The first of the nodes that the match replaces. */
graft_node gr_pt_first_replaced(gr_matcher *m, const pt_variant *v) {
  const pt_frame *f = pt_frame_of(m);
  graft_node first = f->nodes[0];
  for (uint32_t i = 1; v->also && i < v->node_count; i++)
    if (pt_is_root(v, i) && is_before(m, f->nodes[i], first)) first = f->nodes[i];
  return first;
}

/* New nodes stand before the first node that is replaced: what they read must be made by then. */
bool gr_pt_is_ordered(gr_matcher *m, const pt_variant *v) {
  const graft_graph *g = m->graph;
  const pt_frame *f = pt_frame_of(m);
  graft_node first = gr_pt_first_replaced(m, v);
  for (uint32_t i = 0; i < v->program->read_count; i++) {
    graft_value x = f->values[v->program->reads[i]];
    graft_node made = x == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, x);
    if (made != GRAFT_NONE && !is_before(m, made, first)) return false;
  }
  return !m->failed;
}
