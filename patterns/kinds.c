/* What kinds of value an expression may have, as far as that is known when a rule is loaded: a comparison or sum of
 * kinds that never fit is an error of the rule, not a condition that never holds. */
#include "patterns/patterns_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BIT(kind) (1u << GRAFT_ATTR_##kind)
enum {
  NUMBER = BIT(INT) | BIT(FLOAT),
  LIST = BIT(INTS) | BIT(FLOATS),
  ANY = BIT(NONE) | BIT(BOOL) | NUMBER | BIT(STRING) | BIT(DTYPE) | LIST | BIT(GRAPH)
};

typedef struct kinds {
  uint32_t mask; /* by graft_attr_kind */
  int64_t count; /* entries of a list; -1: not known */
  gr_choice choice;
} kinds;

static kinds of(uint32_t mask) { return (kinds){.mask = mask, .count = -1}; }

/* An attribute of an op set; what the members agree on. */
static kinds of_attr(const gr_opset *ops, const char *text, uint32_t length) {
  kinds k = {.count = -1};
  for (uint32_t m = 0; m < ops->count; m++) {
    const gr_op_info *info = gr_pt_member_info(ops, m);
    int slot = info ? gr_op_attr_slot(info, text, length) : -1;
    if (slot < 0) return of(ANY);
    const gr_attr_decl *d = &info->attrs[slot];
    int64_t count = d->kind == GRAFT_ATTR_INTS ? d->count : -1;
    k.count = m == 0 || k.count == count ? count : -1;
    k.choice = m == 0 || k.choice == d->choice ? d->choice : GR_NO_CHOICE;
    k.mask |= 1u << d->kind | (d->none_allowed ? BIT(NONE) : 0);
  }
  return k;
}

static kinds of_capture(const pt_variant *v, uint32_t name) {
  const pt_vnode *node = &v->nodes[v->attr_node[name]];
  if (!v->attr_kinds[name] || v->attr_kinds[name] == UINT8_MAX) return of(ANY);
  for (uint32_t i = 0; i < node->attr_count; i++)
    if (node->attrs[i].how == PT_ATTR_BIND && node->attrs[i].capture == (int)name)
      return of_attr(node->call->ops, node->attrs[i].attr->text, node->attrs[i].attr->length);
  return of(ANY);
}

static kinds of_call(const gr_expr *e) {
  switch ((pt_function)e->index) {
  case PT_F_number:
  case PT_F_min:
  case PT_F_max:
  case PT_F_sum:
  case PT_F_product: return of(NUMBER);
  case PT_F_concat:
  case PT_F_slice:
  case PT_F_reverse:
  case PT_F_compose: return of(LIST);
  default: return of(1u << gr_pt_function_get(e->index)->result);
  }
}

static kinds kinds_of(const pt_variant *v, const gr_expr *e) {
  switch ((pt_expr_kind)e->kind) {
  case PT_E_LITERAL: return of(1u << e->value.kind);
  case PT_E_LIST: return (kinds){.mask = LIST, .count = e->arg_count};
  case PT_E_ATTR: return of_capture(v, e->name);
  case PT_E_REST_ATTR: return v->rests[e->name] ? of_attr(v->rests[e->name]->ops, e->text, e->length) : of(ANY);
  case PT_E_PROPERTY: return of(BIT(INT));
  case PT_E_OPTION: return of(1u << e->value.kind);
  case PT_E_CALL: return of_call(e);
  case PT_E_EACH: return of(e->index == PT_EACH_MAP ? LIST : BIT(BOOL));
  case PT_E_WRONG: return of(ANY);
  case PT_E_IF: {
    kinds a = kinds_of(v, e->args[0]), b = kinds_of(v, e->args[2]);
    return of(a.mask | b.mask);
  }
  case PT_E_INDEX:
  case PT_E_LOCAL:
  case PT_E_ADD:
  case PT_E_SUB:
  case PT_E_MUL:
  case PT_E_DIV:
  case PT_E_NEGATE: return of(NUMBER);
  default: return of(BIT(BOOL));
  }
}

/* Integers and floats are compared with each other. */
static uint32_t class_of(uint32_t mask) { return mask | (mask & NUMBER ? NUMBER : 0) | (mask & LIST ? LIST : 0); }

static const char *phrase(uint32_t mask) {
  if (!(mask & ~(uint32_t)NUMBER)) return "a number";
  if (!(mask & ~(uint32_t)LIST)) return "a list";
  for (int k = 0; k <= GRAFT_ATTR_GRAPH; k++)
    if (mask == 1u << k || (k > 0 && mask == (1u << k | BIT(NONE)))) return gr_kind_phrase((graft_attr_kind)k);
  return "something else";
}

static bool wrong_word(gr_parser *p, const kinds *k, const gr_expr *other) {
  if (k->choice == GR_NO_CHOICE || other->kind != PT_E_LITERAL || other->value.kind != GRAFT_ATTR_STRING) return false;
  if (gr_choice_find(k->choice, other->value.as.s) >= 0) return false;
  char words[300];
  gr_choice_list(k->choice, words, sizeof words);
  gr_error(p->context, GRAFT_RULE, other->where, "'%s' is none of the words: %s", other->value.as.s, words);
  return true;
}

/* An integer against a literal that is none. */
static bool never_whole(gr_parser *p, const kinds *k, const gr_expr *other) {
  double d = other->kind == PT_E_LITERAL && other->value.kind == GRAFT_ATTR_FLOAT ? other->value.as.f : 0;
  if (k->mask != BIT(INT) || d == floor(d)) return false;
  char text[64];
  gr_pt_attr_text(&other->value, text, sizeof text);
  gr_error(p->context, GRAFT_RULE, other->where, "an integer is never %s", text);
  return true;
}

static bool check_equal(gr_parser *p, const pt_variant *v, const gr_expr *e) {
  kinds a = kinds_of(v, e->args[0]), b = kinds_of(v, e->args[1]);
  if (e->args[0]->kind == PT_E_VALUE && e->args[1]->kind == PT_E_VALUE) {
    gr_error(
        p->context, GRAFT_RULE, e->where,
        "values are not compared: a name that comes twice is one value; same_type and number compare what they are");
    return false;
  }
  if (!(class_of(a.mask) & class_of(b.mask))) {
    gr_error(p->context, GRAFT_RULE, e->where, "%s is never %s", phrase(a.mask), phrase(b.mask));
    return false;
  }
  if (a.count >= 0 && b.count >= 0 && a.count != b.count) {
    gr_error(p->context, GRAFT_RULE, e->where, "a list of %d entries is never one of %d", (int)a.count, (int)b.count);
    return false;
  }
  if (never_whole(p, &a, e->args[1]) || never_whole(p, &b, e->args[0])) return false;
  return !wrong_word(p, &a, e->args[1]) && !wrong_word(p, &b, e->args[0]);
}

static bool need(gr_parser *p, const pt_variant *v, const gr_expr *e, uint32_t mask, const char *what) {
  kinds k = kinds_of(v, e);
  if (k.mask & mask) return true;
  gr_error(p->context, GRAFT_RULE, e->where, "%s, not %s", what, phrase(k.mask));
  return false;
}

static bool check_call(gr_parser *p, const pt_variant *v, const gr_expr *e) {
  const char *params = gr_pt_function_get(e->index)->params;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    const gr_expr *a = e->args[i];
    bool ok = true;
    switch ((pt_function)e->index) {
    case PT_F_dim: ok = i == 0 || need(p, v, a, BIT(INT), "an axis is an integer"); break;
    case PT_F_extents: ok = i == 0 || need(p, v, a, BIT(INT) | BIT(NONE), "an axis is an integer, or none"); break;
    case PT_F_all:
    case PT_F_within:
    case PT_F_is_even: ok = i == 0 || need(p, v, a, NUMBER, "elements are compared with a number"); break;
    case PT_F_min:
    case PT_F_max: ok = need(p, v, a, NUMBER, "numbers are compared"); break;
    case PT_F_length: ok = need(p, v, a, LIST, "a list is needed here"); break;
    case PT_F_range: ok = need(p, v, a, BIT(INT), "a range has an integer's length"); break;
    case PT_F_is_none: ok = need(p, v, a, BIT(NONE), "this is never none"); break;
    case PT_F_slice:
      ok = i == 0 ? need(p, v, a, LIST, "a list is needed here")
                  : need(p, v, a, BIT(INT) | BIT(NONE), "start, end and step are integers");
      break;
    case PT_F_concat:
    case PT_F_compose:
    case PT_F_sum:
    case PT_F_product:
    case PT_F_reverse: ok = need(p, v, a, LIST | NUMBER, "a list is needed here"); break;
    default: break;
    }
    if (!ok) return false;
  }
  return params != NULL;
}

bool gr_pt_check_kinds(gr_parser *p, const pt_variant *v, const gr_expr *e) {
  switch ((pt_expr_kind)e->kind) {
  case PT_E_EQ:
  case PT_E_NE: return check_equal(p, v, e);
  case PT_E_LT:
  case PT_E_LE:
  case PT_E_GT:
  case PT_E_GE:
    return need(p, v, e->args[0], NUMBER, "only numbers are ordered") &&
           need(p, v, e->args[1], NUMBER, "only numbers are ordered");
  case PT_E_ADD:
  case PT_E_SUB:
  case PT_E_MUL:
  case PT_E_DIV:
    return need(p, v, e->args[0], NUMBER, "arithmetic needs numbers") &&
           need(p, v, e->args[1], NUMBER, "arithmetic needs numbers");
  case PT_E_NEGATE: return need(p, v, e->args[0], NUMBER, "arithmetic needs numbers");
  case PT_E_INDEX:
    return need(p, v, e->args[0], LIST, "only a list has entries") &&
           need(p, v, e->args[1], BIT(INT), "an index is an integer");
  case PT_E_CALL: return check_call(p, v, e);
  case PT_E_LIST:
    for (uint32_t i = 0; i < e->arg_count; i++)
      if (!need(p, v, e->args[i], NUMBER, "lists hold numbers")) return false;
    return true;
  case PT_E_EACH:
    return need(p, v, e->args[0], LIST | NUMBER, "a list is needed here") &&
           (e->index != PT_EACH_MAP || need(p, v, e->args[1], NUMBER, "lists hold numbers"));
  default: return true;
  }
}

bool gr_pt_check_all_kinds(gr_parser *p, const pt_variant *v, const gr_expr *e) {
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (!gr_pt_check_all_kinds(p, v, e->args[i])) return false;
  return gr_pt_check_kinds(p, v, e);
}

/* Against the attribute that a line matches or sets. */
bool gr_pt_check_attr_value(gr_parser *p, const gr_op_info *op, const gr_attr_decl *d, const gr_expr *e) {
  if (e->kind != PT_E_LITERAL && e->kind != PT_E_LIST) return true;
  kinds want = {.mask = 1u << d->kind | (d->none_allowed ? BIT(NONE) : 0),
                .count = d->kind == GRAFT_ATTR_INTS ? d->count : -1,
                .choice = d->choice};
  kinds have = kinds_of(NULL, e);
  bool fits = want.mask & have.mask || (have.mask == BIT(INT) && want.mask & BIT(FLOAT));
  if (fits && e->kind == PT_E_LIST && want.count >= 0 && have.count != want.count) {
    gr_error(p->context, GRAFT_RULE, e->where, "attribute %s of %s has %d entries, not %d", d->name, op->name,
             (int)want.count, (int)have.count);
    return false;
  }
  if (fits && e->value.kind == GRAFT_ATTR_INT && e->kind == PT_E_LITERAL && d->kind == GRAFT_ATTR_INT &&
      d->least != d->greatest && (e->value.as.i < d->least || e->value.as.i > d->greatest)) {
    char text[64];
    gr_pt_attr_text(&e->value, text, sizeof text);
    gr_error(p->context, GRAFT_RULE, e->where, "attribute %s of %s is never %s", d->name, op->name, text);
    return false;
  }
  if (fits) return !wrong_word(p, &want, e);
  gr_error(p->context, GRAFT_RULE, e->where, "attribute %s of %s is %s", d->name, op->name, gr_kind_phrase(d->kind));
  return false;
}
