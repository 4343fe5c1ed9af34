/* Long lists that grow. A chain of n nodes, each of which takes the operands of the one before, would copy the first
 * list n times. So what has grown long by a rewrite is matched below another root only when all other candidates had
 * their turn: each turn halves the nodes of a chain, and its operands are copied once a turn. */
#include "patterns/rewrite_impl.h"

#include <string.h>

static bool grow(gr_matcher *m) {
  uint32_t old = m->late.len, need = m->graph->nodes.len;
  if (need <= old) return true;
  if (!gr_vec_reserve(m->graph->module->context, &m->late, need - old)) return false;
  memset(m->late.data + old, 0, (need - old) * sizeof *m->late.data);
  m->late.len = need;
  return true;
}

bool gr_pt_late_grown(gr_matcher *m, graft_node n) {
  if (!grow(m)) return false;
  m->late.data[n].grown = m->turn;
  return true;
}

bool gr_pt_late_wait(gr_matcher *m, graft_node n) {
  if (!grow(m)) return false;
  if (m->late.data[n].waits == m->turn) return true;
  m->late.data[n].waits = m->turn;
  return gr_vec_push(m->graph->module->context, &m->waiting, n);
}

bool gr_pt_late_waits(const gr_matcher *m, graft_node n) { return n < m->late.len && m->late.data[n].waits == m->turn; }
