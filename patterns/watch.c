/* Who may see what a rewrite changed: with a fixed point, these nodes are tried again.
 *
 * A match is walked from its root to what that reads. It looks at the ops, attributes, operands and marks of nodes in
 * between, and at the types, constness, annotations and uses of values that these read. So a change of a node or of
 * what is known of its results is seen by roots above it, as far up as patterns reach, and only through nodes that may
 * stand inside of a pattern. A use that is gone is seen by one_use, and only where so few users are left that a match
 * may hold them all; a pattern that counts uses otherwise sees every change of them.
 *
 * Lines that are found among the users of a value (`also`) are not below the root: for patterns that have them a change
 * is followed in both directions. What stands in `unless` is watched as the rest is, and may stop matching by any use.
 *
 * In one round nodes are queued once, and users are gone through once a level, however much changes below them. */
#include "patterns/rewrite_impl.h"

#include <string.h>

/* ---- what the patterns look at ---- */

/* How a condition looks at uses. Where all must hold one_use can only begin to hold when a use goes. */
static void look(pt_watch *w, const gr_expr *e, bool all_must_hold) {
  if (e->kind == PT_E_CALL) {
    w->one_use |= e->index == PT_F_one_use;
    w->counts |= e->index == PT_F_uses || e->index == PT_F_is_output || (e->index == PT_F_one_use && !all_must_hold);
  }
  for (uint32_t i = 0; i < e->arg_count; i++) look(w, e->args[i], all_must_hold && e->kind == PT_E_AND);
}

/* The longest way from the root to a value that the pattern names. */
static bool measure(pt_watch *w, graft_context *c, const pt_variant *v) {
  uint32_t *height = gr_calloc(c, v->place_count, sizeof *height);
  if (!height) return false;
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t n = 0; n < v->place_count; n++)
      for (uint32_t i = 0; i < v->nodes[n].call->args.len; i++) {
        uint16_t slot = v->nodes[n].operand_slots[i];
        uint16_t made = slot == PT_UNBOUND || slot == 0 ? PT_UNBOUND : v->slot_node[slot];
        if (v->nodes[n].call->args.data[i].kind == PT_ARG_RANGE)
          made = gr_pt_rest_maker(v, v->nodes[n].call->args.data[i].name);
        if (made == PT_UNBOUND || made >= v->place_count || height[made] > height[n]) continue;
        height[made] = height[n] + 1;
        changed = true;
      }
  }
  for (uint32_t n = 0; n < v->place_count; n++)
    if (height[n] + 1 > w->depth) w->depth = height[n] + 1;
  if (w->also && v->place_count + 1 > w->depth) w->depth = v->place_count + 1; /* there and back */
  gr_free(c, height, v->place_count * sizeof *height);
  return true;
}

static bool look_at(pt_watch *w, graft_context *c, const pt_variant *v) {
  if (v->place_count > w->nodes) w->nodes = v->place_count;
  for (uint32_t n = 1; n < v->place_count; n++)
    for (uint32_t m = 0; m < v->nodes[n].call->ops->count; m++) {
      uint32_t op = v->nodes[n].call->ops->members[m].op;
      w->inner[op < GR_OP_COUNT ? op : GR_OP_COUNT] = true;
    }
  for (uint32_t i = 0; i < v->code_count; i++) {
    w->one_use |= v->code[i].code == PT_ONE_USE;
    w->also |= v->code[i].code == PT_USER;
    w->counts |= v->code[i].code == PT_USER || v->code[i].code == PT_UNLESS || v->code[i].code == PT_NO_GROUP;
  }
  for (uint32_t i = 0; i < v->where_count; i++) look(w, v->wheres[i], true);
  return measure(w, c, v);
}

bool gr_pt_watch_begin(pt_watch *w, graft_context *c, const pt_rule **rules, uint32_t count, const bool *wanted) {
  w->wanted = wanted;
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t v = 0; v < rules[i]->pattern->variant_count; v++)
      if (!look_at(w, c, &rules[i]->pattern->variants[v])) return false;
  return true;
}

void gr_pt_watch_end(pt_watch *w, graft_context *c) {
  gr_vec_free(c, &w->next);
  gr_vec_free(c, &w->stack);
  gr_vec_free(c, &w->seen);
  gr_vec_free(c, &w->asked);
}

/* ---- waking ---- */

static uint32_t bucket_of(const graft_graph *g, graft_node n) {
  uint32_t op = gr_node_at(g, n)->op;
  return op < GR_OP_COUNT ? op : GR_OP_COUNT;
}

static bool grow(pt_watch *w, const graft_graph *g) {
  uint32_t old = w->seen.len, need = g->nodes.len, had = w->asked.len, values = g->values.len;
  if (need > old) {
    if (!gr_vec_reserve(g->module->context, &w->seen, need - old)) return false;
    memset(w->seen.data + old, 0, (need - old) * sizeof *w->seen.data);
    w->seen.len = need;
  }
  if (values > had) {
    if (!gr_vec_reserve(g->module->context, &w->asked, values - had)) return false;
    memset(w->asked.data + had, 0, (values - had) * sizeof *w->asked.data);
    w->asked.len = values;
  }
  return true;
}

/* The node is tried in the next round, and so is what stands up to `levels` above it. */
static bool wake(pt_watch *w, const graft_graph *g, graft_node n, uint32_t levels, uint32_t round) {
  graft_context *c = g->module->context;
  if (!gr_node_live(g, n)) return true;
  pt_seen *s = &w->seen.data[n];
  if (s->queued != round && w->wanted[bucket_of(g, n)]) {
    s->queued = round;
    if (!gr_vec_push(c, &w->next, n)) return false;
  }
  if (s->round != round) s->levels = 0;
  s->round = round;
  if (levels <= s->levels) return true;
  s->levels = levels;
  return gr_vec_push(c, &w->stack, n);
}

static bool wake_users(pt_watch *w, const graft_graph *g, graft_value v, uint32_t levels, uint32_t round) {
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    w->uses++;
    uint32_t user = gr_use_at(g, u)->user;
    if (!gr_user_is_node(user)) continue;
    if (!wake(w, g, user, w->inner[bucket_of(g, user)] ? levels - 1 : 0, round)) return false;
  }
  return true;
}

static bool spread(pt_watch *w, const graft_graph *g, uint32_t round) {
  while (w->stack.len) {
    graft_node n = w->stack.data[--w->stack.len];
    const gr_node *node = gr_node_at(g, n);
    for (uint32_t i = 0; i < node->result_count; i++)
      if (!wake_users(w, g, node->first_result + i, w->seen.data[n].levels, round)) return false;
    for (uint32_t i = 0; w->also && i < node->operand_count; i++) {
      graft_value v = gr_operand(g, n, i);
      graft_node producer = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
      if (v != GRAFT_NONE && !wake_users(w, g, v, w->seen.data[n].levels, round)) return false;
      if (producer != GRAFT_NONE && !wake(w, g, producer, w->seen.data[n].levels - 1, round)) return false;
    }
  }
  return true;
}

/* Are so few nodes left that use the value that one match may hold them all? */
static bool few_users(pt_watch *w, gr_matcher *m, graft_value v) {
  const graft_graph *g = m->graph;
  graft_node users[PT_MAX_NODES_MATCHED];
  uint32_t count = 0;
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    uint32_t user = gr_use_at(g, u)->user, i = 0;
    w->uses++;
    if (!gr_user_is_node(user)) return false;
    while (i < count && users[i] != user) i++;
    if (i < count || gr_pt_is_dead(m, user)) continue;
    if (count == w->nodes || count == PT_MAX_NODES_MATCHED) return false;
    users[count++] = user;
  }
  return true;
}

/* The number of its uses is another. Once a rewrite it is asked whether that is seen, once a round its users are woken:
 * who uses it since is new or touched, and woken as such. */
static bool uses_changed(pt_watch *w, pt_rewriter *r, graft_value v, bool fewer, uint32_t round) {
  const graft_graph *g = r->g;
  pt_asked *asked = &w->asked.data[v];
  if (gr_value_at(g, v)->def_kind == GR_DEF_DEAD || asked->rewrite == w->rewrites) return true;
  asked->rewrite = w->rewrites;
  graft_node producer = gr_value_node(g, v);
  if (producer != GRAFT_NONE && !wake(w, g, producer, 0, round)) return false; /* results that must be unused */
  if (asked->woken == round) return true;
  if (!w->counts && !(fewer && w->one_use && few_users(w, &r->matcher, v))) return true;
  asked->woken = round;
  return wake_users(w, g, v, w->depth, round);
}

static bool faded(pt_watch *w, pt_rewriter *r, uint32_t round) {
  for (uint32_t i = 0; i < r->faded.len; i++)
    if (!uses_changed(w, r, r->faded.data[i], true, round)) return false;
  return true;
}

bool gr_pt_watch_faded(pt_watch *w, pt_rewriter *r, uint32_t round) {
  w->rewrites++;
  return grow(w, r->g) && faded(w, r, round) && spread(w, r->g, round);
}

bool gr_pt_watch_rewrite(pt_watch *w, pt_rewriter *r, uint32_t round) {
  const graft_graph *g = r->g;
  uint32_t count;
  const graft_node *changed = gr_pt_cones_changes(r->cones, &count);
  bool ok = grow(w, g);
  w->rewrites++;
  for (uint32_t i = 0; ok && i < r->made.len; i++) ok = wake(w, g, r->made.data[i], w->depth, round);
  for (uint32_t i = 0; ok && i < r->touched.len; i++) ok = wake(w, g, r->touched.data[i], w->depth, round);
  for (uint32_t i = 0; ok && i < count; i++) ok = wake(w, g, changed[i], w->depth, round);
  for (uint32_t i = 0; ok && i < r->lost.len; i++) ok = uses_changed(w, r, r->lost.data[i], true, round);
  ok = ok && faded(w, r, round);
  for (uint32_t i = 0; ok && w->counts && i < r->gained.len; i++)
    ok = uses_changed(w, r, r->gained.data[i], false, round);
  for (uint32_t i = 0; ok && w->counts && i < r->made.len; i++)
    for (uint32_t k = 0; ok && gr_node_live(g, r->made.data[i]) && k < gr_node_at(g, r->made.data[i])->operand_count;
         k++) {
      graft_value v = gr_operand(g, r->made.data[i], k);
      ok = v == GRAFT_NONE || uses_changed(w, r, v, false, round);
    }
  return ok && spread(w, g, round);
}
