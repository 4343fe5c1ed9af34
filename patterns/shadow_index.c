/* Which pairs of rules are compared for shadow.c, so that a file of many rules is read in linear time.
 *
 * To be covered by an earlier rule, a rule must have everything that one has: its ops, the attributes and numbers that
 * it compares with, its conditions. So a rule is filed under the rarest few of its own things, rarest first, as a word
 * is under its letters; a later rule goes down every way that is spelt with its things alone, and meets all rules that
 * may cover it and few others. How rare a thing is, the rules so far tell. */
#include "patterns/rules_impl.h"

#include <string.h>

enum { THING_OP, THING_WORD, THING_SPINE, THING_ATTR, THING_NUMBER, THING_CONDITION };

#define FILED_UNDER 3 /* so many things */

static uint64_t mix(uint64_t key, uint64_t x) { return gr_mix(key ^ gr_mix(x + 1)); }

/* Names are left out: what they stand for differs. */
static uint64_t expr_key(const gr_expr *e) {
  uint64_t key = mix(e->kind, e->index);
  if (e->text) key = mix(key, gr_hash_bytes(e->text, e->length));
  if (e->kind == PT_E_LITERAL) key = mix(key, gr_attr_hash(&e->value));
  for (uint32_t i = 0; i < e->arg_count; i++) key = mix(key, expr_key(e->args[i]));
  return key;
}

static bool add(graft_context *c, gr_shadow_index *x, uint64_t kind, uint64_t what) {
  return gr_vec_push(c, &x->things, mix(kind, what));
}

/* 0: one of several, nothing that the other must have. */
static uint64_t op_key(const pt_vnode *node) {
  const pt_member *m = node->call->ops->members;
  if (node->call->ops->count != 1) return 0;
  return mix(THING_OP, m->op < GR_OP_COUNT ? m->op : gr_hash_bytes(m->opaque, strlen(m->opaque)));
}

/* The node that makes its first operand; PT_UNBOUND: none. From the root on this is the variant's spine: what stands in
 * the same place of two patterns without searching for it. */
static uint16_t below(const pt_variant *v, uint16_t n) {
  const pt_vnode *node = &v->nodes[n];
  uint16_t slot = node->call->args.len ? node->operand_slots[0] : PT_UNBOUND;
  return slot == PT_UNBOUND ? PT_UNBOUND : v->slot_node[slot];
}

/* The ops of the spine as one thing, as far as each is a single one; then each by its depth. What is off the spine may
 * stand anywhere. */
static bool add_ops(graft_context *c, gr_shadow_index *x, const pt_variant *v, bool own) {
  uint8_t spine[PT_MAX_NODES_MATCHED] = {0};
  uint64_t word = THING_WORD, depth = 0;
  bool whole = true;
  for (uint16_t n = 0, next; n != PT_UNBOUND; n = next, depth++) {
    uint64_t op = op_key(&v->nodes[n]);
    bool ends = (next = below(v, n)) == PT_UNBOUND || !op_key(&v->nodes[next]);
    spine[n] = 1;
    whole &= op != 0;
    if (!op) continue;
    if (whole) word = mix(word, op);
    if (whole && (!own || ends) && !add(c, x, THING_WORD, word)) return false;
    if ((!own || !whole) && !add(c, x, mix(THING_SPINE, depth), op)) return false;
  }
  for (uint32_t n = 0; n < v->node_count; n++) {
    uint64_t op = op_key(&v->nodes[n]);
    if (op && !(own && spine[n]) && !add(c, x, THING_OP, op)) return false;
  }
  return true;
}

/* All that the variant has; `own`: what one that it covers has too, in this order of age. */
static bool list_things(graft_context *c, gr_shadow_index *x, const pt_variant *v, bool own) {
  x->things.len = 0;
  if (!add_ops(c, x, v, own)) return false;
  for (uint32_t n = 0; n < v->node_count; n++) {
    const pt_vnode *node = &v->nodes[n];
    for (uint32_t i = 0; i < node->attr_count; i++) {
      const pt_attr_step *s = &node->attrs[i];
      if (s->how != PT_ATTR_COMPARE || s->attr->value->kind != PT_E_LITERAL) continue;
      uint64_t name = gr_hash_bytes(s->attr->text, s->attr->length);
      if (!add(c, x, mix(THING_ATTR, name), gr_attr_hash(&s->attr->value->value))) return false;
    }
    for (uint32_t i = 0; i < node->call->args.len; i++) {
      const pt_arg *a = &node->call->args.data[i];
      if (a->kind == PT_ARG_LITERAL && !add(c, x, mix(THING_NUMBER, i), gr_attr_hash(&a->number))) return false;
    }
  }
  for (uint32_t i = 0; i < v->where_count; i++)
    if (!(own && gr_pt_static(v, v->wheres[i]) == 1) && !add(c, x, THING_CONDITION, expr_key(v->wheres[i])))
      return false;
  return true;
}

/* ---- looking ---- */

typedef struct search {
  graft_context *c;
  gr_shadow_index *index;
  const pt_rule *rule;
  uint32_t found; /* the last entry so far that covers it; 0: none */
  bool failed;    /* no memory */
} search;

static void look(search *s, uint64_t place, uint32_t depth) {
  gr_shadow_index *x = s->index;
  uint32_t i = gr_map_get(&x->places, place);
  if (i == GRAFT_NONE) return;
  for (; i > s->found && !s->failed; i = x->entries.data[i].next) {
    x->compared++;
    if (gr_pt_covers(s->c, x->entries.data[i].rule, s->rule, &s->failed)) s->found = i;
  }
  for (uint32_t t = 0; t < x->things.len && depth < FILED_UNDER; t++) look(s, mix(place, x->things.data[t]), depth + 1);
}

/* ---- filing ---- */

static uint32_t count_of(const gr_shadow_index *x, uint64_t thing) {
  uint32_t n = gr_map_get(&x->seen, thing);
  return n == GRAFT_NONE ? 0 : n;
}

/* Twice as often is as rare: the order should not change with each rule. */
static uint32_t commonness(const gr_shadow_index *x, uint64_t thing) {
  uint32_t n = count_of(x, thing), bits = 0;
  for (; n; n >>= 1) bits++;
  return bits;
}

/* The rarest thing that has not been taken yet; things.len: none. */
static uint32_t rarest(const gr_shadow_index *x, const uint32_t *taken, uint32_t count) {
  uint32_t best = x->things.len;
  for (uint32_t t = 0; t < x->things.len; t++) {
    bool is_taken = false;
    for (uint32_t i = 0; i < count; i++) is_taken |= x->things.data[taken[i]] == x->things.data[t];
    if (is_taken) continue;
    if (best == x->things.len || commonness(x, x->things.data[t]) < commonness(x, x->things.data[best])) best = t;
  }
  return best;
}

static bool file(graft_context *c, gr_shadow_index *x, const pt_rule *rule) {
  uint64_t place = 0;
  uint32_t taken[FILED_UNDER], next;
  for (uint32_t i = 0; i < FILED_UNDER && (taken[i] = rarest(x, taken, i)) < x->things.len; i++) {
    if (gr_map_get(&x->places, place) == GRAFT_NONE && !gr_map_put(c, &x->places, place, 0)) return false;
    place = mix(place, x->things.data[taken[i]]);
  }
  for (uint32_t t = 0; t < x->things.len; t++)
    if (!gr_map_put(c, &x->seen, x->things.data[t], count_of(x, x->things.data[t]) + 1)) return false;
  next = gr_map_get(&x->places, place);
  gr_shadow_entry e = {rule, next == GRAFT_NONE ? 0 : next};
  return gr_vec_push(c, &x->entries, e) && gr_map_put(c, &x->places, place, x->entries.len - 1);
}

bool gr_pt_shadow_add(graft_context *c, gr_shadow_index *x, const pt_rule *rule) {
  const gr_pattern *p = rule->pattern;
  const pt_variant *possible = p->variants;
  search s = {.c = c, .index = x, .rule = rule};
  while (possible->never) possible++;                                                        /* some is */
  if (!x->entries.len && !gr_vec_push(c, &x->entries, ((gr_shadow_entry){0}))) return false; /* the first is none */
  if (!list_things(c, x, possible, false)) return false;
  look(&s, 0, 0);
  if (s.failed) return false;
  if (s.found) {
    const pt_rule *earlier = x->entries.data[s.found].rule;
    gr_error(c, GRAFT_RULE, rule->where, "the rule %s is never reached: %s, before it, takes every match", rule->name,
             earlier->name);
    gr_note(c, earlier->where, "%s is here", earlier->name);
    return false;
  }
  for (uint32_t i = 0; i < p->variant_count; i++)
    if (gr_pt_can_cover(&p->variants[i]) && (!list_things(c, x, &p->variants[i], true) || !file(c, x, rule)))
      return false;
  return true;
}

void gr_pt_shadow_free(graft_context *c, gr_shadow_index *x) {
  gr_map_free(c, &x->places);
  gr_map_free(c, &x->seen);
  gr_vec_free(c, &x->entries);
  gr_vec_free(c, &x->things);
}
