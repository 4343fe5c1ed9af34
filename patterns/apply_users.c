/* Who reads what a rewrite replaces, and what nothing needs afterwards. */
#include "patterns/apply_impl.h"

#include <string.h>

/* ---- who reads it ---- */

/* Both types' knowledge; false where they contradict each other. */
bool gr_pt_apply_merge(const graft_type *a, const graft_type *b, graft_type *out) {
  if (!gr_type_compatible(a, b)) return false;
  *out = *b;
  if (out->dtype == GRAFT_UNKNOWN) out->dtype = a->dtype;
  if (out->rank < 0) {
    out->rank = a->rank;
    memcpy(out->dims, a->dims, sizeof out->dims);
  }
  for (int32_t i = 0; i < out->rank && a->rank >= 0; i++)
    if (out->dims[i] < 0) out->dims[i] = a->dims[i];
  return true;
}

/* What is known of one value is known of the other. */
static bool refine(pt_apply *a, graft_value from, graft_value to) {
  graft_graph *g = a->r->g;
  graft_type merged;
  if (gr_value_at(g, from)->type == gr_value_at(g, to)->type) return true;
  if (!gr_pt_apply_merge(gr_type_of(g, from), gr_type_of(g, to), &merged)) return PT_UNFIT(a, PT_OTHER_TYPE);
  if (gr_type_equal(&merged, gr_type_of(g, to))) return true;
  if (gr_value_node(g, to) == GRAFT_NONE) return PT_UNFIT(a, "less is known of an input's type than of the root's");
  uint32_t type = gr_type_intern(a->r->m, &merged);
  return type != GRAFT_NONE && gr_value_set_type(g, to, type) == GRAFT_OK &&
         gr_vec_push(a->r->c, &a->r->touched, gr_value_node(g, to));
}

/* Users of `from` read `to`; an update of a tensor by itself is none. */
bool gr_pt_apply_replace(pt_apply *a, graft_value from, graft_value to) {
  pt_rewriter *r = a->r;
  graft_graph *g = r->g;
  if (!refine(a, from, to)) return false;
  for (uint32_t u = gr_value_at(g, from)->first_use, next; u != GRAFT_NONE; u = next) {
    uint32_t user = gr_use_at(g, u)->user;
    next = gr_use_at(g, u)->next;
    if (gr_user_is_node(user)) {
      if (!gr_vec_push(r->c, &r->touched, user)) return false;
    } else if ((user & GR_USER_UPDATE) == GR_USER_UPDATE && gr_update_is_idle(g, user & GR_USER_INDEX, to)) {
      gr_update_erase(g, user & GR_USER_INDEX);
    }
  }
  gr_replace_uses(g, from, to);
  return gr_vec_push(r->c, &r->gained, to);
}

/* ---- what is left over ---- */

/* The values that the node reads lose a use: their producers may be dead afterwards. */
bool gr_pt_apply_leave(pt_rewriter *r, graft_node n) {
  for (uint32_t i = 0; i < gr_node_at(r->g, n)->operand_count; i++) {
    graft_value v = gr_operand(r->g, n, i);
    if (v == GRAFT_NONE) continue;
    graft_node producer = gr_value_node(r->g, v);
    if (!gr_vec_push(r->c, &r->lost, v) || (producer != GRAFT_NONE && !gr_vec_push(r->c, &r->dead, producer)))
      return false;
  }
  return true;
}

/* Does a line of the match name the op? @any does not. */
static bool named(const pt_apply *a, graft_node n) {
  for (uint32_t i = 0; i < a->v->node_count; i++)
    if (a->f->nodes[i] == n) return !a->v->nodes[i].call->ops->any;
  return false;
}

/* Dead users do not count, except around a root that is dead itself. */
static bool counts(const pt_apply *a, uint32_t user) {
  gr_matcher *m = &a->r->matcher;
  return !gr_user_is_node(user) || !gr_pt_is_dead(m, user) || gr_pt_is_dead(m, a->root);
}

/* Nothing needs it; what may have an effect goes only where the rule itself names it. */
static bool erasable(const pt_apply *a, graft_node n) {
  const graft_graph *g = a->r->g;
  if (!(gr_node_may(g, n) & GR_MAY_ERASE) && !named(a, n)) return false;
  const gr_node *node = gr_node_at(g, n);
  for (uint32_t i = 0; i < node->result_count; i++)
    for (uint32_t u = gr_value_at(g, node->first_result + i)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next)
      if (counts(a, gr_use_at(g, u)->user)) return false;
  return true;
}

static graft_node first_user(const graft_graph *g, graft_node n, uint32_t from) {
  const gr_node *node = gr_node_at(g, n);
  for (uint32_t i = from; i < node->result_count; i++) {
    uint32_t u = gr_value_at(g, node->first_result + i)->first_use;
    if (u != GRAFT_NONE) return gr_use_at(g, u)->user;
  }
  return GRAFT_NONE;
}

/* The users of results from..: dead nodes, and theirs before them. */
bool gr_pt_apply_erase_users(pt_apply *a, graft_node n, uint32_t from) {
  pt_rewriter *r = a->r;
  graft_node user;
  r->doomed.len = 0;
  while ((user = first_user(r->g, n, from)) != GRAFT_NONE) {
    if (!counts(a, user) && !gr_vec_push(r->c, &r->doomed, user)) return false;
    if (r->doomed.len == 0) return false; /* it is needed after all */
    while (r->doomed.len) {
      graft_node last = r->doomed.data[r->doomed.len - 1], next = first_user(r->g, last, 0);
      if (next != GRAFT_NONE) {
        if (!gr_vec_push(r->c, &r->doomed, next)) return false;
        continue;
      }
      if (!gr_pt_apply_leave(r, last)) return false;
      gr_node_erase(r->g, last);
      r->erased++;
      r->doomed.len--;
    }
  }
  return true;
}

bool gr_pt_apply_clean(pt_apply *a) {
  pt_rewriter *r = a->r;
  for (uint32_t i = a->v->node_count;
       i-- > 0;) /* users are erased before their producers: the stack is popped from the end */
    if ((i > 0 || !a->v->program->keeps_root) && !pt_is_context(a->v, i) &&
        !gr_vec_push(r->c, &r->dead, a->f->nodes[i]))
      return false;
  while (r->dead.len) {
    graft_node n = r->dead.data[--r->dead.len];
    if (!gr_node_live(r->g, n) || (n == a->root && a->v->program->keeps_root) || !erasable(a, n)) continue;
    if (!gr_pt_apply_erase_users(a, n, 0) || !gr_pt_apply_leave(r, n)) return false;
    gr_node_erase(r->g, n);
    r->erased++;
  }
  return true;
}

/* A live root's new nodes live, and so does what they read. */
bool gr_pt_apply_settle(pt_apply *a) {
  pt_rewriter *r = a->r;
  if (!r->matcher.dead_known) return true;
  bool dead = gr_pt_is_dead(&r->matcher, a->root);
  for (uint32_t i = 0; i < r->made.len; i++)
    if (!gr_pt_set_dead(&r->matcher, r->made.data[i], dead)) return false;
  return true;
}

/* A root that stays may have lost the updates that it lived by. It is dead then, and so is what only it needs. */
bool gr_pt_apply_settle_root(pt_apply *a) {
  pt_rewriter *r = a->r;
  gr_matcher *m = &r->matcher;
  r->dead.len = r->faded.len = 0;
  if (!m->dead_known || !a->v->program->keeps_root || gr_pt_is_dead(m, a->root)) return true;
  if (!gr_vec_push(r->c, &r->dead, a->root)) return false;
  while (r->dead.len) {
    graft_node n = r->dead.data[--r->dead.len];
    bool needed = gr_pt_is_dead(m, n) || !(gr_node_may(r->g, n) & GR_MAY_ERASE);
    for (uint32_t i = 0; i < gr_node_at(r->g, n)->result_count && !needed; i++)
      needed = gr_pt_is_needed(m, gr_node_at(r->g, n)->first_result + i);
    if (needed) continue;
    if (!gr_pt_set_dead(m, n, true)) return false;
    for (uint32_t i = 0; i < gr_node_at(r->g, n)->operand_count; i++) {
      graft_value v = gr_operand(r->g, n, i);
      graft_node producer = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(r->g, v);
      if (producer == GRAFT_NONE) continue;
      if (!gr_vec_push(r->c, &r->faded, v) || !gr_vec_push(r->c, &r->dead, producer)) return false;
    }
  }
  return true;
}
