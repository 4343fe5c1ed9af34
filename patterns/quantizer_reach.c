/* Which rules of a quantizer can never be reached, because an earlier one claims a node of every match they could have.
 *
 * Rule A takes what rule B wants if A's match lies inside B's: there is a node of B's match at which A's root, and from
 * it A's other nodes, always match. Conservative: a rule with conditions, groups, attributes or repeated names is not
 * taken to cover anything that it may not. */
#include <string.h>

#include "patterns/quantizer_impl.h"

/* The line that makes a value. */
static const pt_line *maker(const gr_pattern *p, int name) {
  for (uint32_t i = 0; i < p->items.len; i++) {
    const pt_line *line = p->items.data[i].line;
    for (uint32_t r = 0; p->items.data[i].kind == PT_ITEM_LINE && r < line->results.len; r++)
      if (line->results.data[r].name == name) return line;
  }
  return NULL;
}

/* Lines of calls alone, with plain operands, no conditions, every name bound once: a tree that matches by ops alone. */
static bool is_plain(const gr_pattern *p) {
  for (uint32_t i = 0; i < p->items.len; i++) {
    const pt_item *item = &p->items.data[i];
    if (item->kind != PT_ITEM_LINE || item->line->kind != PT_LINE_CALL || item->line->also) return false;
    for (uint32_t k = 0; k < item->line->call->attrs.len; k++)
      if (item->line->call->attrs.data[k].kind == PT_ATTR_NAMED) return false;
    for (uint32_t k = 0; k < item->line->call->args.len; k++) {
      pt_arg_kind kind = item->line->call->args.data[k].kind;
      if (kind != PT_ARG_VALUE && kind != PT_ARG_RANGE) return false;
    }
  }
  for (uint32_t i = 0; i < p->names.kind[PT_VALUE].len; i++) {
    const pt_name *n = &p->names.kind[PT_VALUE].data[i];
    if (n->match_uses > (maker(p, (int)i) ? 2u : 1u)) return false;
  }
  for (uint32_t i = 0; i < p->names.kind[PT_TAG].len; i++)
    if (p->names.kind[PT_TAG].data[i].match_uses > 1) return false;
  return true;
}

/* Whatever matches b's line, and what it needs before it, matches a's line. */
static bool covers(const gr_pattern *a, const pt_line *x, const gr_pattern *b, const pt_line *y, uint32_t depth) {
  if (y->kind != PT_LINE_CALL || depth > PT_MAX_DEPTH || !gr_pt_opset_covers(x->call->ops, y->call->ops)) return false;
  if (x->one_use && !y->one_use) return false;
  for (uint32_t i = 0; i < x->results.len; i++)
    if (!x->results.data[i].optional && !x->results.data[i].range &&
        (i >= y->results.len || y->results.data[i].optional))
      return false;
  if (x->results.len < y->results.len && x->results.data[x->results.len - 1].range == false && y->results.len > 1)
    return false;
  for (uint32_t i = 0; i < x->call->args.len; i++) {
    const pt_arg *p = &x->call->args.data[i];
    if (p->kind == PT_ARG_RANGE) return true;
    const pt_arg *o = i < y->call->args.len ? &y->call->args.data[i] : NULL;
    const pt_line *inner = maker(a, p->name);
    if (!inner && p->optional) continue;
    if (!o || o->kind == PT_ARG_ABSENT || o->kind == PT_ARG_RANGE || o->optional) return false;
    if (!inner) continue;
    const pt_line *other = o->kind == PT_ARG_VALUE ? maker(b, o->name) : NULL;
    if (!other || !covers(a, inner, b, other, depth + 1)) return false;
  }
  return x->call->args.len >= y->call->args.len;
}

/* At some line of b that every match has. */
static bool takes(const gr_pattern *a, const gr_pattern *b) {
  if (!is_plain(a)) return false;
  const pt_line *root = a->items.data[a->items.len - 1].line;
  for (uint32_t i = 0; i < b->items.len; i++)
    if (b->items.data[i].kind == PT_ITEM_LINE && !b->items.data[i].line->context &&
        covers(a, root, b, b->items.data[i].line, 0))
      return true;
  return false;
}

/* Does the condition depend on an option that is not tried in all its values? Then nothing is known of the rule. */
static bool is_open(const gr_quantizer *q, const gr_expr *e) {
  if (!e) return false;
  if (e->kind == PT_E_OPTION) return q->options.data[e->index].value.kind != GRAFT_ATTR_BOOL;
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (is_open(q, e->args[i])) return true;
  return false;
}

bool qz_check_reach(gr_quantizer *q, const bool *active, uint32_t choices) {
  uint32_t rules = q->rules.len;
  for (uint32_t i = 0; i < rules; i++) {
    const qz_rule *r = &q->rules.data[i];
    bool ever = is_open(q, r->condition), alone = ever;
    uint32_t by = 0;
    for (uint32_t c = 0; c < choices; c++) {
      if (!active[c * rules + i]) continue;
      bool taken = false;
      ever = true;
      for (uint32_t k = 0; k < i && !taken; k++) {
        taken = active[c * rules + k] && !is_open(q, q->rules.data[k].condition) &&
                takes(q->rules.data[k].pattern, r->pattern);
        if (taken) by = k;
      }
      alone = alone || !taken;
    }
    if (!ever)
      return gr_error(q->context, GRAFT_RULE, r->where, "no choice of the options makes this rule apply"), false;
    if (alone) continue;
    gr_error(q->context, GRAFT_RULE, r->where,
             "this rule is never reached: rule %s, before it, takes all it could match", q->rules.data[by].name);
    gr_note(q->context, q->rules.data[by].where, "rule %s is here", q->rules.data[by].name);
    return false;
  }
  return true;
}
