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
    const pt_arg *rest = &x->call->args.data[i];
    if (rest->kind != PT_ARG_RANGE) {
      if (!covers_arg(c, x, y, i)) return false;
      continue;
    }
    if (i + 1 == x->call->args.len) return true; /* whatever b has there */
    if (i >= y->call->args.len || y->call->args.len != x->call->args.len || y->call->args.data[i].kind != PT_ARG_RANGE)
      return false;
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

/* What the checks above can follow: each comparison with a literal, each rest once and not made by a line. */
static bool is_understood(const gr_expr *e) {
  switch (e->kind) {
  case PT_E_LITERAL:
  case PT_E_VALUE:
  case PT_E_EDGE: return true;
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
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (!is_understood(e->args[i])) return false;
  return true;
}

/* Read once, and made by no line: any operands will do. */
static bool rest_is_free(const pt_variant *v, int rest) {
  uint32_t uses = 0;
  for (uint32_t n = 0; n < v->node_count; n++)
    for (uint32_t i = 0; i < v->nodes[n].call->args.len; i++) {
      const pt_arg *a = &v->nodes[n].call->args.data[i];
      uses += a->kind == PT_ARG_RANGE && a->name == rest;
    }
  return uses == 1 && gr_pt_rest_maker(v, rest) == PT_UNBOUND;
}

bool gr_pt_can_cover(const pt_variant *v) {
  if (v->never || v->unless) return false; /* further conditions */
  for (uint32_t n = 0; n < v->node_count; n++) {
    const pt_vnode *node = &v->nodes[n];
    if (node->tag_bound || (node->line && node->line->also)) return false;
    for (uint32_t i = 0; i < node->attr_count; i++) {
      const pt_attr_step *s = &node->attrs[i];
      bool literal = s->how == PT_ATTR_COMPARE && s->attr->value->kind == PT_E_LITERAL;
      if (!literal && s->how != PT_ATTR_BIND && s->how != PT_ATTR_REST_BIND) return false;
    }
    for (uint32_t i = 0; i < node->call->args.len; i++)
      if (node->call->args.data[i].kind == PT_ARG_RANGE && !rest_is_free(v, node->call->args.data[i].name))
        return false;
  }
  for (uint32_t i = 0; i < v->where_count; i++)
    if (gr_pt_static(v, v->wheres[i]) != 1 && !is_understood(v->wheres[i])) return false;
  return true;
}

/* *failed: there was no memory to tell. */
static bool covers_variant(graft_context *context, const gr_pattern *pa, uint32_t a, const gr_pattern *pb, uint32_t b,
                           bool *failed) {
  cover c = {.pa = pa, .pb = pb, .a = &pa->variants[a], .b = &pb->variants[b]};
  size_t slots = c.a->slot_count, nodes = c.a->node_count;
  if (!gr_pt_can_cover(c.a)) return false;
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

bool gr_pt_covers(graft_context *c, const pt_rule *earlier, const pt_rule *later, bool *failed) {
  for (uint32_t b = 0; b < later->pattern->variant_count; b++) {
    bool covered = later->pattern->variants[b].never;
    for (uint32_t a = 0; a < earlier->pattern->variant_count && !covered && !*failed; a++)
      covered = covers_variant(c, earlier->pattern, a, later->pattern, b, failed);
    if (!covered) return false;
  }
  return true;
}
