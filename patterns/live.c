/* Which nodes are dead: without an effect, and with no user but dead ones, neither output nor update. They do not count
 * as users of a value. Found in one backward pass when it is first asked for; a rewrite erases the dead users of what
 * it erases. A root that stays may be dead afterwards, where its updates are gone: the rewriter says so, and what is
 * dead with it. */
#include "patterns/patterns_impl.h"

#include <string.h>

static bool has_live_user(const gr_matcher *m, graft_node n) {
  const graft_graph *g = m->graph;
  const gr_node *node = gr_node_at(g, n);
  for (uint32_t i = 0; i < node->result_count; i++)
    for (uint32_t u = gr_value_at(g, node->first_result + i)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next)
      if (!gr_user_is_node(gr_use_at(g, u)->user) || !m->dead.data[gr_use_at(g, u)->user]) return true;
  return false;
}

static bool find_dead(gr_matcher *m) {
  const graft_graph *g = m->graph;
  if (!gr_vec_reserve(g->module->context, &m->dead, g->nodes.len)) return false;
  m->dead.len = g->nodes.len;
  m->dead_known = true;
  if (m->dead.len) memset(m->dead.data, 0, m->dead.len);
  for (graft_node n = g->last; n != GRAFT_NONE; n = gr_node_at(g, n)->prev)
    m->dead.data[n] = (gr_node_may(g, n) & GR_MAY_ERASE) && !has_live_user(m, n);
  return true;
}

bool gr_pt_is_dead(gr_matcher *m, graft_node n) {
  if (!m->dead_known && !find_dead(m)) {
    m->failed = true;
    return false;
  }
  return n < m->dead.len && m->dead.data[n];
}

bool gr_pt_set_dead(gr_matcher *m, graft_node n, bool dead) {
  if (!m->dead_known || (n >= m->dead.len && !dead)) return true;
  while (n >= m->dead.len)
    if (!gr_vec_push(m->graph->module->context, &m->dead, 0)) return false;
  m->dead.data[n] = dead;
  return true;
}

bool gr_pt_is_needed(gr_matcher *m, graft_value v) {
  const graft_graph *g = m->graph;
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next)
    if (!gr_user_is_node(gr_use_at(g, u)->user) || !gr_pt_is_dead(m, gr_use_at(g, u)->user)) return true;
  return false;
}

/* A foreign user is met after at most as many live uses as the match has. Around a dead root all users count. */
bool gr_pt_used_here_only(const gr_match *match, graft_value v) {
  gr_matcher *m = match->matcher;
  const graft_graph *g = m->graph;
  const pt_frame *f = pt_frame_of(m);
  uint32_t nodes = match->pattern->variants[match->variant].node_count;
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    uint32_t user = gr_use_at(g, u)->user, i = 0;
    m->uses++;
    while (i < nodes && f->nodes[i] != user) i++;
    if (i < nodes) continue;
    if (!gr_user_is_node(user) || !gr_pt_is_dead(m, user) || gr_pt_is_dead(m, f->nodes[0])) return false;
  }
  return true;
}
