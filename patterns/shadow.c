/* Does an earlier rule take every match of a later one? A pattern is laid over the other as over a graph: it covers it
 * where each of its checks follows from the other's. Conservative: what is not understood covers nothing. */
#include "patterns/rules_impl.h"

#include <string.h>

typedef struct cover {
  const gr_pattern *pa, *pb;
  const pt_variant *a, *b;
  uint16_t *slot; /* of a -> of b; PT_UNBOUND: not met */
  uint16_t *node;
} cover;

static bool same_literal(const gr_expr *x, const gr_expr *y) {
  return x->kind == PT_E_LITERAL && y->kind == PT_E_LITERAL && gr_attr_equal(&x->value, &y->value);
}

/* Each attribute that a's line compares is compared with the same literal in b's. */
static bool covers_attrs(const pt_vnode *a, const pt_vnode *b) {
  for (uint32_t i = 0; i < a->attr_count; i++) {
    const pt_attr_step *s = &a->attrs[i];
    if (s->how == PT_ATTR_BIND || s->how == PT_ATTR_REST_BIND) continue;
    if (s->how != PT_ATTR_COMPARE) return false;
    bool found = false;
    for (uint32_t k = 0; k < b->attr_count && !found; k++) {
      const pt_attr *other = b->attrs[k].attr;
      found = b->attrs[k].how == PT_ATTR_COMPARE && other->length == s->attr->length &&
              memcmp(other->text, s->attr->text, other->length) == 0 && same_literal(s->attr->value, other->value);
    }
    if (!found) return false;
  }
  return true;
}

static bool join_slots(cover *c, uint16_t a, uint16_t b) {
  if (c->slot[a] == PT_UNBOUND) c->slot[a] = b;
  return c->slot[a] == b;
}

static bool covers_node(cover *c, uint32_t a, uint32_t b);

static bool covers_arg(cover *c, const pt_vnode *x, const pt_vnode *y, uint32_t i) {
  const pt_arg *p = &x->call->args.data[i];
  const pt_arg *q = i < y->call->args.len ? &y->call->args.data[i] : NULL;
  uint16_t s = x->operand_slots[i], t = q ? y->operand_slots[i] : 0;
  if (q && q->kind == PT_ARG_RANGE) return false;
  if (p->kind == PT_ARG_LITERAL)
    return q && q->kind == PT_ARG_LITERAL && gr_attr_equal(&p->number, &q->number) &&
           (p->dtype == GRAFT_UNKNOWN || p->dtype == q->dtype);
  if (s == 0) return t == 0;
  if (q && q->kind == PT_ARG_LITERAL)
    return c->a->slot_node[s] == PT_UNBOUND && c->slot[s] == PT_UNBOUND && !p->optional;
  if (!c->a->slot_optional[s] && c->b->slot_optional[t]) return false;
  if (!join_slots(c, s, t)) return false;
  uint16_t made = c->a->slot_node[s];
  if (made == PT_UNBOUND) return true;
  return c->b->slot_node[t] != PT_UNBOUND && c->a->slot_result[s] == c->b->slot_result[t] &&
         covers_node(c, made, c->b->slot_node[t]);
}

static bool covers_results(cover *c, const pt_vnode *x, const pt_vnode *y, bool root) {
  uint32_t named = x->line ? x->line->results.len : 1, others = y->line ? y->line->results.len : 1;
  bool range = x->line && x->line->results.data[named - 1].range;
  if (root && !range && others > named) return false; /* a wants the further ones unused */
  for (uint32_t i = 0; i < named && !(range && i + 1 == named); i++) {
    uint16_t s = x->result_slots[i];
    if (i >= others || y->result_slots[i] == PT_UNBOUND) {
      if (!c->a->slot_optional[s]) return false;
      continue;
    }
    if (!c->a->slot_optional[s] && c->b->slot_optional[y->result_slots[i]]) return false;
    if (!join_slots(c, s, y->result_slots[i])) return false;
  }
  return true;
}

static bool covers_node(cover *c, uint32_t a, uint32_t b) {
  const pt_vnode *x = &c->a->nodes[a], *y = &c->b->nodes[b];
  if (c->node[a] != PT_UNBOUND) return c->node[a] == b;
  c->node[a] = (uint16_t)b;
  if (x->tag_bound || !gr_pt_opset_covers(x->call->ops, y->call->ops) || !covers_attrs(x, y)) return false;
  if (x->line && x->line->one_use && !(y->line && y->line->one_use)) return false;
  if (!covers_results(c, x, y, a == 0)) return false;
  for (uint32_t i = 0; i < x->call->args.len; i++) {
    if (x->call->args.data[i].kind == PT_ARG_RANGE) return true;
    if (!covers_arg(c, x, y, i)) return false;
  }
  for (uint32_t i = x->call->args.len; i < y->call->args.len; i++)
    if (y->operand_slots[i] != 0) return false; /* a wants it absent */
  return true;
}

/* The same condition, over what the names stand for. */
static bool same_expr(const cover *c, const gr_expr *x, const gr_expr *y) {
  if (x->kind != y->kind || x->index != y->index || x->arg_count != y->arg_count || x->length != y->length)
    return false;
  if (x->length && memcmp(x->text, y->text, x->length) != 0) return false;
  switch (x->kind) {
  case PT_E_LITERAL: return gr_attr_equal(&x->value, &y->value);
  case PT_E_VALUE:
  case PT_E_EDGE: {
    uint16_t s = c->a->slots[x->name], t = c->b->slots[y->name];
    return s != PT_UNBOUND && t != PT_UNBOUND && c->slot[s] == t;
  }
  case PT_E_ALL:
  case PT_E_CALL:
  case PT_E_NOT:
  case PT_E_AND:
  case PT_E_OR:
  case PT_E_EQ:
  case PT_E_NE:
  case PT_E_LT:
  case PT_E_LE:
  case PT_E_GT:
  case PT_E_GE: break;
  default: return false;
  }
  for (uint32_t i = 0; i < x->arg_count; i++)
    if (!same_expr(c, x->args[i], y->args[i])) return false;
  return true;
}

static bool covers_conditions(const cover *c) {
  for (uint32_t i = 0; i < c->a->where_count; i++) {
    bool found = gr_pt_static(c->a, c->a->wheres[i]) == 1;
    for (uint32_t k = 0; k < c->b->where_count && !found; k++) found = same_expr(c, c->a->wheres[i], c->b->wheres[k]);
    if (!found) return false;
  }
  return true;
}

/* *failed: there was no memory to tell. */
static bool covers_variant(graft_context *context, const gr_pattern *pa, uint32_t a, const gr_pattern *pb, uint32_t b,
                           bool *failed) {
  cover c = {.pa = pa, .pb = pb, .a = &pa->variants[a], .b = &pb->variants[b]};
  size_t slots = c.a->slot_count, nodes = c.a->node_count;
  if (c.a->unless) return false; /* further conditions of a */
  for (uint32_t i = 0; i < nodes; i++)
    if (c.a->nodes[i].line && c.a->nodes[i].line->also) return false;
  c.slot = gr_alloc(context, (slots + nodes) * sizeof *c.slot);
  if (!c.slot) {
    *failed = true;
    return false;
  }
  c.node = c.slot + slots;
  memset(c.slot, 0xff, (slots + nodes) * sizeof *c.slot);
  c.slot[0] = 0;
  bool yes = covers_node(&c, 0, 0) && covers_conditions(&c);
  gr_free(context, c.slot, (slots + nodes) * sizeof *c.slot);
  return yes;
}

static bool check_shadow(graft_context *c, const pt_rule *earlier, const pt_rule *later) {
  for (uint32_t b = 0; b < later->pattern->variant_count; b++) {
    bool covered = later->pattern->variants[b].never, failed = false;
    for (uint32_t a = 0; a < earlier->pattern->variant_count && !covered && !failed; a++)
      covered =
          !earlier->pattern->variants[a].never && covers_variant(c, earlier->pattern, a, later->pattern, b, &failed);
    if (failed) return false;
    if (!covered) return true;
  }
  gr_error(c, GRAFT_RULE, later->where, "the rule %s is never reached: %s, before it, takes every match", later->name,
           earlier->name);
  gr_note(c, earlier->where, "%s is here", earlier->name);
  return false;
}

/* ---- which pairs are compared ----
 *
 * A rule is filed under its root's ops, each with one thing that a rule must have too to be covered by it: an op that
 * makes an operand, an attribute with its value, or a condition. A later rule looks under all that it has itself. */

enum { UNDER_OP, UNDER_OPERAND, UNDER_ATTR, UNDER_CONDITION };

static uint64_t mix(uint64_t key, uint64_t x) { return gr_mix(key ^ gr_mix(x + 1)); }
static uint64_t member_key(const pt_member *m) {
  return m->op < GR_OP_COUNT ? m->op : gr_hash_bytes(m->opaque, strlen(m->opaque));
}

/* Names are left out: what they stand for differs. */
static uint64_t expr_key(const gr_expr *e) {
  uint64_t key = mix(e->kind, e->index);
  if (e->text) key = mix(key, gr_hash_bytes(e->text, e->length));
  if (e->kind == PT_E_LITERAL) {
    char text[64];
    gr_pt_attr_text(&e->value, text, sizeof text);
    key = mix(key, gr_hash_bytes(text, strlen(text)));
  }
  for (uint32_t i = 0; i < e->arg_count; i++) key = mix(key, expr_key(e->args[i]));
  return key;
}

static uint64_t operand_key(const pt_variant *v, uint32_t i) { /* 0: no one op makes it */
  uint16_t slot = v->nodes[0].operand_slots[i], made = slot == PT_UNBOUND ? PT_UNBOUND : v->slot_node[slot];
  const gr_opset *ops = made == PT_UNBOUND ? NULL : v->nodes[made].call->ops;
  return ops && ops->count == 1 ? mix(mix(UNDER_OPERAND, i), member_key(&ops->members[0])) : 0;
}

static uint64_t attr_key(const pt_attr_step *s) { /* 0: it is not compared with a literal */
  if (s->how != PT_ATTR_COMPARE || s->attr->value->kind != PT_E_LITERAL) return 0;
  return mix(mix(UNDER_ATTR, gr_hash_bytes(s->attr->text, s->attr->length)), expr_key(s->attr->value));
}

static uint64_t what_to_file_under(const pt_rule *r) {
  const pt_variant *v = &r->pattern->variants[0];
  uint64_t key = 0;
  if (r->pattern->variant_count > 1) return UNDER_OP;
  for (uint32_t i = 0; i < v->nodes[0].call->args.len && !key; i++) key = operand_key(v, i);
  for (uint32_t i = 0; i < v->nodes[0].attr_count && !key; i++) key = attr_key(&v->nodes[0].attrs[i]);
  for (uint32_t i = v->where_count; i-- > 0 && !key;)
    if (gr_pt_static(v, v->wheres[i]) != 1) key = mix(UNDER_CONDITION, expr_key(v->wheres[i]));
  return key ? key : UNDER_OP;
}

static bool look_under(graft_context *c, const gr_shadow_index *x, uint64_t key, const pt_rule *later) {
  for (uint32_t i = gr_map_get(&x->heads, key); i != GRAFT_NONE; i = x->entries.data[i].next)
    if (!check_shadow(c, x->entries.data[i].rule, later)) return false;
  return true;
}

static bool file(graft_context *c, gr_shadow_index *x, uint64_t key, const pt_rule *rule) {
  gr_shadow_entry e = {rule, gr_map_get(&x->heads, key)};
  return gr_vec_push(c, &x->entries, e) && gr_map_put(c, &x->heads, key, x->entries.len - 1);
}

bool gr_pt_shadow_add(graft_context *c, gr_shadow_index *x, const pt_rule *rule) {
  const pt_variant *v = rule->pattern->variants;
  while (v->never) v++; /* some is possible */
  const pt_vnode *root = &v->nodes[0];
  uint64_t op = member_key(&v->root_ops->members[0]), key;
  if (!look_under(c, x, mix(op, UNDER_OP), rule)) return false;
  for (uint32_t i = 0; i < root->call->args.len; i++)
    if ((key = operand_key(v, i)) && !look_under(c, x, mix(op, key), rule)) return false;
  for (uint32_t i = 0; i < root->attr_count; i++)
    if ((key = attr_key(&root->attrs[i])) && !look_under(c, x, mix(op, key), rule)) return false;
  for (uint32_t i = 0; i < v->where_count; i++)
    if (!look_under(c, x, mix(op, mix(UNDER_CONDITION, expr_key(v->wheres[i]))), rule)) return false;
  key = what_to_file_under(rule);
  for (uint32_t m = 0; m < v->root_ops->count; m++)
    if (!file(c, x, mix(member_key(&v->root_ops->members[m]), key), rule)) return false;
  return true;
}

void gr_pt_shadow_free(graft_context *c, gr_shadow_index *x) {
  gr_map_free(c, &x->heads);
  gr_vec_free(c, &x->entries);
}
