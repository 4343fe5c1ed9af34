/* What a quantizer's specs mean under given options, and the checks at load: kinds, names and ranges in every choice of
 * the bool options, places that exist, rules that no graph can reach. */
#include <string.h>

#include "patterns/quantizer_impl.h"

static bool fail(const gr_quantizer *q, gr_loc where, const char *message) {
  gr_error(q->context, GRAFT_RULE, where, "%s", message);
  return false;
}

bool qz_condition(const gr_quantizer *q, const gr_expr *e, const gr_match *m, const graft_attr *options, bool *out) {
  graft_attr value;
  *out = true;
  if (!e) return true;
  if (m) { /* as in a match: what has no value is not true */
    *out = gr_expr_holds(e, m, options, q->context);
    return !m->matcher->failed;
  }
  if (!gr_expr_eval(e, m, options, q->context, &value)) return false;
  if (value.kind != GRAFT_ATTR_BOOL) return fail(q, gr_expr_loc(e), "this is not true or false");
  *out = value.as.b;
  return true;
}

bool qz_value_eval(const gr_quantizer *q, const qz_value *v, const graft_attr *options, graft_attr *out,
                   bool *weight_axis) {
  bool holds = true;
  while (v->condition) {
    if (!qz_condition(q, v->condition, NULL, options, &holds)) return false;
    if (holds) break;
    v = v->otherwise;
  }
  *weight_axis = v->kind == QZ_WEIGHT_AXIS;
  if (v->kind == QZ_WORD) *out = (graft_attr){.kind = GRAFT_ATTR_STRING, .as.s = v->word};
  if (v->kind == QZ_WEIGHT_AXIS) *out = (graft_attr){.kind = GRAFT_ATTR_INT};
  return v->kind != QZ_EXPR || gr_expr_eval(v->expr, NULL, options, q->context, out);
}

/* ---- one spec ---- */

bool qz_spec_eval(const gr_quantizer *q, const qz_spec *s, const graft_attr *options, int64_t axis, int64_t groups,
                  graft_attr attrs[GR_MAX_ATTRS], bool *weight_axis) {
  const gr_op_info *op = gr_spec_info(s->kind);
  gr_attr_builder defaults;
  gr_loc where[GR_MAX_ATTRS];
  int at = gr_op_attr_slot(op, "axis", 4), parts = gr_op_attr_slot(op, "groups", 6);
  *weight_axis = false;
  gr_attrs_begin(&defaults, op);
  for (uint32_t i = 0; i < op->attr_count; i++) {
    bool from_op = false;
    attrs[i] = defaults.items[i];
    where[i] = s->values[i] ? s->values[i]->where : s->where;
    if (!s->values[i]) {
      if (!op->attrs[i].required) continue;
      gr_error(q->context, GRAFT_RULE, s->where, "a %s needs %s", op->name, op->attrs[i].name);
      return false;
    }
    if (!qz_value_eval(q, s->values[i], options, &attrs[i], &from_op)) return false;
    if (from_op && (int)i != at) return fail(q, where[i], "only axis comes from the op");
    if (from_op) attrs[i].as.i = axis;
    *weight_axis = *weight_axis || from_op;
    attrs[i].name = op->attrs[i].name;
  }
  if (*weight_axis && parts >= 0) attrs[parts].as.i = groups;
  if (!gr_spec_check(q->context, s->kind, attrs, where)) return false;
  *weight_axis = *weight_axis && attrs[at].kind != GRAFT_ATTR_NONE;
  return true;
}

/* A spec that is wrong has no meaning under any options; what its other fields say can be looked at one by one. */
static void check_fields(const gr_quantizer *q, const qz_spec *s) {
  for (uint32_t i = 0; i < gr_spec_info(s->kind)->attr_count; i++)
    for (const qz_value *v = s->values[i]; v; v = v->otherwise) {
      graft_attr a = {.kind = GRAFT_ATTR_STRING, .as.s = v->word};
      if (v->kind == QZ_EXPR && v->expr->kind == PT_E_LITERAL) a = v->expr->value;
      if (v->kind == QZ_WORD || (v->kind == QZ_EXPR && v->expr->kind == PT_E_LITERAL))
        (void)gr_spec_attr_check(q->context, s->kind, i, a, v->where);
    }
}

/* ---- every choice of the bool options ---- */

#define MAX_FREE 8 /* more bool options than that keep their defaults */

static uint32_t choices(const gr_quantizer *q) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < q->options.len; i++) n += q->options.data[i].value.kind == GRAFT_ATTR_BOOL;
  return 1u << (n < MAX_FREE ? n : MAX_FREE);
}

static void choose(const gr_quantizer *q, uint32_t choice, graft_attr *options) {
  uint32_t bit = 0;
  for (uint32_t i = 0; i < q->options.len; i++) {
    options[i] = q->options.data[i].value;
    if (options[i].kind != GRAFT_ATTR_BOOL || bit == MAX_FREE) continue;
    options[i].as.b = choice >> bit++ & 1;
  }
}

/* ---- places ---- */

/* The edge exists in every variant that has the node, and carries data or a weight; a value is a matched node's. */
static bool check_place(gr_quantizer *q, const gr_pattern *p, const qz_place *at, bool target) {
  if (at->rest) return target || fail(q, at->where, "one place is needed here");
  bool found = false;
  if (at->of_rest) return !target || fail(q, at->where, "only results of matched nodes get a spec");
  for (uint32_t v = 0; v < p->variant_count; v++) {
    const pt_variant *variant = &p->variants[v];
    uint16_t slot = variant->slots[at->value];
    if (slot == PT_UNBOUND || variant->slot_node[slot] == PT_UNBOUND) continue;
    found = true;
    if (target && pt_is_context(variant, variant->slot_node[slot]))
      return fail(q, at->where, "a `context` line is left alone: nothing on it is annotated");
    if (!at->edge) continue;
    const gr_opset *ops = variant->nodes[variant->slot_node[slot]].call->ops;
    for (uint32_t m = 0; m < ops->count; m++) {
      const gr_op_info *op = gr_pt_member_info(ops, m);
      int operand = op ? gr_op_operand_slot(op, at->operand, at->operand_length) : -1;
      if (operand < 0) return gr_pt_no_operand(&q->parser, ops, m, at->operand, at->operand_length, at->where);
      gr_role role = op->operands[operand].role;
      if (role != GR_DATA && role != GR_WEIGHT)
        return fail(q, at->where, "only data and weights are quantized, not statistics, states or parameters");
      if (!op->operands[operand].variadic && (at->first > 0 || at->last != GRAFT_NONE))
        return fail(q, at->where, "this operand is one value: it has no index");
    }
  }
  if (found || (!target && !at->edge)) return true;
  return fail(q, at->where,
              at->edge ? "no matched node has this value as its result" : "only results of matched nodes get a spec");
}

static bool same_place(const qz_place *a, const qz_place *b) {
  return a->value == b->value && a->rest == b->rest && a->edge == b->edge && a->of_rest == b->of_rest &&
         (!a->edge ||
          (a->operand_length == b->operand_length && memcmp(a->operand, b->operand, a->operand_length) == 0 &&
           a->first <= b->last && b->first <= a->last));
}

static bool check_refs(gr_quantizer *q, const qz_rule *r, const qz_setting *s) {
  for (uint32_t i = 0; i < s->ref_count; i++) {
    const qz_place *p = &s->refs[i];
    bool set = !p->edge; /* a value may have its spec from another rule */
    if (!check_place(q, r->pattern, p, false)) return false;
    if (p->edge && p->last == GRAFT_NONE && p->first > 0) return fail(q, p->where, "one place is needed here");
    for (uint32_t k = 0; k < r->lines.len && !set; k++) {
      const qz_setting *other = r->lines.data[k].setting; /* parsed, so it is there */
      set = same_place(p, &r->lines.data[k].target) && other && other->kind != QZ_NONE;
    }
    if (!set) return fail(q, p->where, "this rule does not annotate the edge that is referred to");
  }
  return true;
}

static bool check_rule(gr_quantizer *q, const qz_rule *r) {
  if (r->skip && r->lines.len > 0) return fail(q, r->lines.data[0].target.where, "a rule that skips annotates nothing");
  if (!r->skip && r->lines.len == 0 && !r->wrong)
    return fail(q, r->where, "this rule annotates nothing: `skip` instead of `annotate` says so on purpose");
  bool ok = true;
  for (uint32_t i = 0; i < r->lines.len; i++) {
    const qz_line *line = &r->lines.data[i];
    bool twice = false;
    for (uint32_t k = 0; k < i; k++) twice |= same_place(&line->target, &r->lines.data[k].target);
    ok &= twice ? fail(q, line->target.where, "this place has a spec already")
                : check_place(q, r->pattern, &line->target, true);
    for (const qz_setting *s = line->setting; s; s = s->otherwise) {
      if (!r->wrong) ok &= check_refs(q, r, s); /* to lines that are lost, perhaps */
      for (uint32_t k = 0; k < s->ref_count; k++)
        if (same_place(&s->refs[k], &line->target) && s->refs[k].first == line->target.first &&
            s->refs[k].last == line->target.last)
          ok &= fail(q, s->refs[k].where, "this is the place itself: it has its parameters from others");
      if (s->condition) ok &= gr_pt_check_all_kinds(&q->parser, &r->pattern->variants[0], s->condition);
    }
  }
  return ok;
}

bool qz_check(gr_quantizer *q, bool ships) {
  graft_attr options[QZ_MAX_OPTIONS], attrs[GR_MAX_ATTRS];
  bool ok = true, weight_axis, holds, *active = gr_arena_alloc(&q->arena, (size_t)choices(q) * (q->rules.len + 1));
  uint32_t rules = q->rules.len, all = choices(q);
  if (!active) return false;
  for (uint32_t i = 0; i < q->specs.len; i++)
    if (q->specs.data[i].wrong) check_fields(q, &q->specs.data[i]);
  for (uint32_t c = 0; c < all; c++) {
    bool specs = true;
    choose(q, c, options);
    for (uint32_t i = 0; i < q->specs.len; i++)
      specs &= q->specs.data[i].wrong || qz_spec_eval(q, &q->specs.data[i], options, 0, 1, attrs, &weight_axis);
    ok &= specs;
    if (!specs) break; /* the next choice has much the same errors */
    for (uint32_t i = 0; i < rules; i++) {
      active[c * rules + i] = false;
      if (q->rules.data[i].wrong) continue;
      if (!qz_condition(q, q->rules.data[i].condition, NULL, options, &holds)) return false;
      active[c * rules + i] = holds;
    }
  }
  for (uint32_t i = 0; i < q->specs.len && !q->parser.failed; i++)
    if (!q->specs.data[i].used) ok = fail(q, q->specs.data[i].where, "no rule uses this spec");
  for (uint32_t i = 0; i < rules; i++)
    ok &= gr_pattern_is_wrong(q->rules.data[i].pattern) || check_rule(q, &q->rules.data[i]);
  return ok && !q->parser.failed && (ships || qz_check_reach(q, active, all));
}
