/* Values of expressions over a match. What is not known (an extent, an element type, an axis that is not there) has no
 * value, and neither has what depends on it: logic is three-valued, and a condition holds only where it is true. */
#include "ir/formats/number_int.h"
#include "patterns/patterns_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool gr_pt_reason(const gr_matcher *m, const char *format, ...) {
  if (!m->reason || m->reason_size == 0) return false;
  va_list args;
  va_start(args, format);
  vsnprintf(m->reason, m->reason_size, format, args);
  va_end(args);
  return false;
}

/* No value: an error outside of matches, inside a reason. Always false. */
static bool no_value(pt_eval *e, const gr_expr *x, const char *message) {
  if (!e->quiet) gr_error(e->context, GRAFT_RULE, x->where, "%s", message);
  return e->match ? gr_pt_reason(e->match->matcher, "%s", message) : false;
}

static const graft_module *module_of(const pt_eval *e) { return e->match->matcher->graph->module; }
static pt_frame *frame_of(const pt_eval *e) { return pt_frame_of(e->match->matcher); }
static const pt_variant *variant_of(const pt_eval *e) { return &e->match->pattern->variants[e->match->variant]; }

static bool captured(pt_eval *e, const pt_capture *c, uint32_t slot, graft_attr *out) {
  *out = gr_attr_public(module_of(e), gr_op_get(c->op), c->set, slot);
  return true;
}

/* An attribute of a set by name; -1: the op has none. */
static int attr_slot(const graft_module *m, const pt_capture *c, const char *text, uint32_t length) {
  const gr_op_info *info = gr_op_get(c->op);
  if (info) return gr_op_attr_slot(info, text, length);
  uint32_t count;
  gr_attrs_get(m, c->set, &count);
  for (uint32_t i = 0; i < count; i++) {
    graft_attr a = gr_attr_public(m, NULL, c->set, i);
    if (strlen(a.name) == length && memcmp(a.name, text, length) == 0) return (int)i;
  }
  return -1;
}

static bool eval_property(pt_eval *e, const gr_expr *x, graft_attr *out) {
  /* the first node that bound the tag */
  const pt_variant *v = variant_of(e);
  uint32_t n = 0;
  while (n < v->node_count && v->nodes[n].call->tag != x->name) n++;
  if (n == v->node_count) return no_value(e, x, "no member of the family is bound");
  const gr_node *node = gr_node_at(e->match->matcher->graph, frame_of(e)->nodes[n]);
  const gr_op_info *info = gr_op_get(node->op);
  *out = (graft_attr){.kind = GRAFT_ATTR_INT};
  /* Where channels are more than their axis has entries they go group by group, the groups along axis 0: the output's
   * of a transposed convolution, the input's of another. */
  const uint32_t families = info ? info->families : 0;
  const bool input = x->index == PT_P_INPUT_AXIS || x->index == PT_P_INPUT_GROUPS;
  if (input && !(families & (GR_F_CONV | GR_F_LINEAR))) return no_value(e, x, "the op has no weight of input channels");
  const bool transposed = (families & GR_F_CONV_TRANSPOSE) || ((families & GR_F_QUANTIZED) && info->weight_axis == 1);
  if (x->index == PT_P_WEIGHT_AXIS || x->index == PT_P_INPUT_AXIS) {
    const int64_t axis = info ? info->weight_axis : -1;
    out->as.i = input ? 1 - axis : axis;
    return axis >= 0 || no_value(e, x, "the op has no weight axis");
  }
  const uint32_t set = node->attrs;
  out->as.i = 1;
  if (transposed && !input) out->as.i = gr_attr_int(module_of(e), set, GR_ATTR_ND(conv_transpose, groups));
  if (!transposed && input && (families & GR_F_CONV))
    out->as.i = gr_attr_int(module_of(e), set, GR_ATTR_ND(conv, groups));
  return true;
}

static bool as_number(const graft_attr *a, double *out) {
  if (a->kind == GRAFT_ATTR_INT) *out = (double)a->as.i;
  if (a->kind == GRAFT_ATTR_FLOAT) *out = a->as.f;
  return a->kind == GRAFT_ATTR_INT || a->kind == GRAFT_ATTR_FLOAT;
}

static bool is_number(const graft_attr *a) { return a->kind == GRAFT_ATTR_INT || a->kind == GRAFT_ATTR_FLOAT; }

/* What an expression gave, and how it is to be read. */
typedef struct side {
  graft_attr value;
  pt_reading reading;
} side;

static bool eval_side(pt_eval *e, const gr_expr *x, side *out) {
  bool ok = gr_pt_eval_expr(e, x, &out->value);
  out->reading = e->reading;
  return ok;
}

static bool unknown(const side *s, int64_t extent) { return s->reading == PT_EXTENTS && extent < 0; }

static graft_dtype rounded_to(const side *s) {
  switch (s->reading) {
  case PT_SINGLE: return GRAFT_F32;
  case PT_HALF: return GRAFT_F16;
  case PT_BFLOAT: return GRAFT_BF16;
  default: return GRAFT_UNKNOWN;
  }
}

/* Entry by entry: two lists differ where known entries do, whatever the unknown ones are. 1, 0, or -1: not known. */
static int equal_lists(const side *a, const side *b) {
  int equal = 1;
  if (a->value.count != b->value.count) return 0;
  for (uint32_t i = 0; i < a->value.count; i++) {
    int64_t p = a->value.as.ints[i], q = b->value.as.ints[i];
    if (unknown(a, p) || unknown(b, q))
      equal = -1;
    else if (p != q)
      return 0;
  }
  return equal;
}

/* Integers and floats are compared with each other in lists too. */
static int equal_mixed(const side *ints, const side *floats) {
  int equal = 1;
  if (ints->value.count != floats->value.count) return 0;
  for (uint32_t i = 0; i < ints->value.count; i++) {
    graft_attr p = {.kind = GRAFT_ATTR_INT, .as.i = ints->value.as.ints[i]},
               q = {.kind = GRAFT_ATTR_FLOAT, .as.f = floats->value.as.floats[i]};
    if (unknown(ints, p.as.i))
      equal = -1;
    else if (gr_pt_order(&p, &q) != 0)
      return 0;
  }
  return equal;
}

static int equal_sides(const side *a, const side *b) {
  const graft_attr *p = &a->value, *q = &b->value;
  if (p->kind == GRAFT_ATTR_INTS && q->kind == GRAFT_ATTR_INTS) return equal_lists(a, b);
  if (p->kind == GRAFT_ATTR_INTS && q->kind == GRAFT_ATTR_FLOATS) return equal_mixed(a, b);
  if (p->kind == GRAFT_ATTR_FLOATS && q->kind == GRAFT_ATTR_INTS) return equal_mixed(b, a);
  if (p->kind != q->kind && is_number(p) && is_number(q)) return gr_pt_order(p, q) == 0;
  if (p->kind == GRAFT_ATTR_FLOAT && q->kind == GRAFT_ATTR_FLOAT &&
      (rounded_to(a) != GRAFT_UNKNOWN || rounded_to(b) != GRAFT_UNKNOWN))
    return p->as.f == q->as.f;
  return gr_attr_equal(p, q);
}

/* What is compared with an element of a narrower float is rounded as that was. */
static void round_side(side *s, const side *other) {
  graft_dtype d = rounded_to(other);
  unsigned char bytes[8];
  if (d == GRAFT_UNKNOWN || rounded_to(s) != GRAFT_UNKNOWN || s->value.kind != GRAFT_ATTR_FLOAT) return;
  gr_element_set_float(d, bytes, s->value.as.f);
  s->value.as.f = gr_element_float(d, bytes);
}

void gr_pt_attr_text(const graft_attr *a, char *buffer, size_t size) {
  switch (a->kind) {
  case GRAFT_ATTR_NONE: snprintf(buffer, size, "none"); return;
  case GRAFT_ATTR_BOOL: snprintf(buffer, size, a->as.b ? "true" : "false"); return;
  case GRAFT_ATTR_INT: snprintf(buffer, size, "%" PRId64, a->as.i); return;
  case GRAFT_ATTR_FLOAT: {
    char number[GR_NUMBER_SIZE];
    gr_number_format(number, a->as.f, false);
    snprintf(buffer, size, "%s", number);
    return;
  }
  case GRAFT_ATTR_STRING: snprintf(buffer, size, "\"%s\"", a->as.s); return;
  case GRAFT_ATTR_DTYPE: snprintf(buffer, size, "%s", graft_dtype_name(a->as.dtype)); return;
  case GRAFT_ATTR_INTS: {
    size_t n = (size_t)snprintf(buffer, size, "[");
    for (uint32_t i = 0; i < a->count && n + 24 < size; i++)
      n += (size_t)snprintf(buffer + n, size - n, "%s%" PRId64, i ? ", " : "", a->as.ints[i]);
    snprintf(buffer + n, size - n, "]");
    return;
  }
  default: snprintf(buffer, size, "another value"); return;
  }
}

/* A comparison that is false: what was compared. */
static void because_of(pt_eval *e, const graft_attr *a, const graft_attr *b) {
  char left[100], right[100];
  if (!e->match || !e->match->matcher->reason) return;
  gr_pt_attr_text(a, left, sizeof left);
  gr_pt_attr_text(b, right, sizeof right);
  gr_pt_reason(e->match->matcher, "the left side is %s, the right side %s", left, right);
}

static bool eval_compare(pt_eval *e, const gr_expr *x, graft_attr *out) {
  side a = {0}, b = {0};
  if (!eval_side(e, x->args[0], &a) || !eval_side(e, x->args[1], &b)) return false;
  round_side(&a, &b);
  round_side(&b, &a);
  *out = (graft_attr){.kind = GRAFT_ATTR_BOOL};
  bool unknown_number = (a.value.kind == GRAFT_ATTR_INT && unknown(&a, a.value.as.i)) ||
                        (b.value.kind == GRAFT_ATTR_INT && unknown(&b, b.value.as.i));
  if (unknown_number) return no_value(e, x, "what is compared is not known");
  if (x->kind == PT_E_EQ || x->kind == PT_E_NE) {
    int equal = equal_sides(&a, &b);
    if (equal < 0) return no_value(e, x, "what is compared is not known");
    out->as.b = (equal == 1) == (x->kind == PT_E_EQ);
  } else {
    if (!is_number(&a.value) || !is_number(&b.value)) return no_value(e, x, "only numbers are ordered");
    int order = gr_pt_order(&a.value, &b.value);
    out->as.b = order != PT_UNORDERED && (x->kind == PT_E_LT   ? order < 0
                                          : x->kind == PT_E_LE ? order <= 0
                                          : x->kind == PT_E_GT ? order > 0
                                                               : order >= 0);
  }
  if (!out->as.b) because_of(e, &a.value, &b.value);
  return true;
}

static bool eval_int(pt_eval *e, const gr_expr *x, int64_t a, int64_t b, graft_attr *out) {
  *out = (graft_attr){.kind = GRAFT_ATTR_INT};
  bool overflow = false;
  switch (x->kind) {
  case PT_E_ADD: overflow = __builtin_add_overflow(a, b, &out->as.i); break;
  case PT_E_NEGATE:
  case PT_E_SUB: overflow = __builtin_sub_overflow(a, b, &out->as.i); break;
  case PT_E_MUL: overflow = __builtin_mul_overflow(a, b, &out->as.i); break;
  default:
    if (b == 0 || (a == INT64_MIN && b == -1)) return no_value(e, x, "division by zero");
    out->as.i = a / b;
  }
  return !overflow || no_value(e, x, "the number does not fit in 64 bits");
}

static bool eval_arithmetic(pt_eval *e, const gr_expr *x, graft_attr *out) {
  side left = {0}, right = {.value.kind = GRAFT_ATTR_INT};
  if (!eval_side(e, x->args[0], &left) || (x->kind != PT_E_NEGATE && !eval_side(e, x->args[1], &right))) return false;
  const graft_attr a = left.value, b = right.value;
  e->reading = PT_PLAIN;
  if ((a.kind == GRAFT_ATTR_INT && unknown(&left, a.as.i)) || (b.kind == GRAFT_ATTR_INT && unknown(&right, b.as.i)))
    return no_value(e, x, "an extent is not known");
  double p, q;
  if (!as_number(&a, &p) || !as_number(&b, &q)) return no_value(e, x, "arithmetic needs numbers");
  if (x->kind == PT_E_NEGATE) {
    *out = a;
    if (a.kind == GRAFT_ATTR_INT) return eval_int(e, x, 0, a.as.i, out);
    out->as.f = -a.as.f;
    return true;
  }
  if (a.kind == GRAFT_ATTR_INT && b.kind == GRAFT_ATTR_INT) return eval_int(e, x, a.as.i, b.as.i, out);
  *out = (graft_attr){.kind = GRAFT_ATTR_FLOAT};
  out->as.f = x->kind == PT_E_ADD ? p + q : x->kind == PT_E_SUB ? p - q : x->kind == PT_E_MUL ? p * q : p / q;
  return true;
}

static bool eval_list(pt_eval *e, const gr_expr *x, graft_attr *out) {
  graft_attr items[GRAFT_MAX_RANK * 2];
  bool real = false;
  pt_reading reading = PT_PLAIN;
  for (uint32_t i = 0; i < x->arg_count; i++) {
    if (!gr_pt_eval_expr(e, x->args[i], &items[i])) return false;
    if (e->reading == PT_EXTENTS) reading = PT_EXTENTS;
    double unused;
    if (!as_number(&items[i], &unused)) return no_value(e, x->args[i], "lists hold numbers");
    real |= items[i].kind == GRAFT_ATTR_FLOAT;
  }
  *out = (graft_attr){.kind = real ? GRAFT_ATTR_FLOATS : GRAFT_ATTR_INTS, .count = x->arg_count};
  if (!e->match) return no_value(e, x, "no lists here");
  void *data = gr_arena_alloc(&e->match->matcher->scratch, (x->arg_count + 1) * sizeof(int64_t));
  if (!data) {
    e->match->matcher->failed = true;
    return false;
  }
  int64_t *ints = data;
  double *floats = data;
  for (uint32_t i = 0; i < x->arg_count; i++) {
    if (real)
      as_number(&items[i], &floats[i]);
    else
      ints[i] = items[i].as.i;
  }
  if (real)
    out->as.floats = floats;
  else
    out->as.ints = ints;
  e->reading = real ? PT_PLAIN : reading;
  return true;
}

static bool eval_index(pt_eval *e, const gr_expr *x, graft_attr *out) {
  side of = {0};
  graft_attr index = {0};
  if (!eval_side(e, x->args[0], &of) || !gr_pt_eval_expr(e, x->args[1], &index)) return false;
  if (index.kind == GRAFT_ATTR_INT && e->reading == PT_EXTENTS && index.as.i < 0)
    return no_value(e, x, "an extent is not known");
  const graft_attr list = of.value;
  e->reading = of.reading;
  if ((list.kind != GRAFT_ATTR_INTS && list.kind != GRAFT_ATTR_FLOATS) || index.kind != GRAFT_ATTR_INT)
    return no_value(e, x, "only a list has entries");
  int64_t i = index.as.i < 0 ? index.as.i + list.count : index.as.i;
  if (i < 0 || i >= list.count) return no_value(e, x, "the list has no such entry");
  if (list.kind == GRAFT_ATTR_INTS)
    *out = (graft_attr){.kind = GRAFT_ATTR_INT, .as.i = list.as.ints[i]};
  else
    *out = (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = list.as.floats[i]};
  return true;
}

bool gr_pt_eval_condition(pt_eval *e, const gr_expr *x, bool *out) {
  graft_attr a = {0};
  *out = false;
  if (!gr_pt_eval_expr(e, x, &a)) return false;
  if (a.kind != GRAFT_ATTR_BOOL) return no_value(e, x, "a condition must be true or false");
  *out = a.as.b;
  return true;
}

bool gr_pt_holds(pt_eval *e, const gr_expr *x) {
  bool yes = false;
  return gr_pt_eval_condition(e, x, &yes) && yes;
}

static bool eval_logic(pt_eval *e, const gr_expr *x, graft_attr *out) {
  bool a = false, b = false, decides = x->kind == PT_E_OR;
  *out = (graft_attr){.kind = GRAFT_ATTR_BOOL};
  bool first = gr_pt_eval_condition(e, x->args[0], &a);
  if (x->kind == PT_E_NOT || (first && a == decides) || (!first && !e->quiet)) {
    out->as.b = x->kind == PT_E_NOT ? !a : a;
    return first;
  }
  bool second = gr_pt_eval_condition(e, x->args[1], &b);
  out->as.b = b;
  return second && (first || b == decides);
}

static bool eval_if(pt_eval *e, const gr_expr *x, graft_attr *out) {
  bool c;
  return gr_pt_eval_condition(e, x->args[1], &c) && gr_pt_eval_expr(e, x->args[c ? 0 : 2], out);
}

static bool eval_in(pt_eval *e, const gr_expr *x, graft_attr *out) {
  const pt_variant *v = variant_of(e);
  *out = (graft_attr){.kind = GRAFT_ATTR_BOOL};
  for (uint32_t n = 0; n < v->node_count; n++)
    if (v->nodes[n].call->tag == x->name) {
      const graft_graph *g = e->match->matcher->graph;
      out->as.b = gr_pt_opset_find(x->ops, g->module, gr_node_at(g, frame_of(e)->nodes[n])->op) >= 0;
      return out->as.b || true;
    }
  return no_value(e, x, "no member of the family is bound");
}

bool gr_pt_eval_expr(pt_eval *e, const gr_expr *x, graft_attr *out) {
  *out = (graft_attr){0};
  e->reading = PT_PLAIN;
  switch (x->kind) {
  case PT_E_LITERAL: *out = x->value; return true;
  case PT_E_OPTION: *out = e->options[x->index]; return true;
  case PT_E_GROUP:
    *out = (graft_attr){.kind = GRAFT_ATTR_BOOL, .as.b = variant_of(e)->groups[x->name] || e->assumed == x->name + 1};
    return true;
  case PT_E_VALUE:
  case PT_E_ELEMENT:
    *out = (graft_attr){.kind = GRAFT_ATTR_BOOL, .as.b = gr_pt_eval_value(e, x) != GRAFT_NONE};
    return true;
  case PT_E_ATTR: {
    const pt_capture *c = &frame_of(e)->captures[x->name];
    return captured(e, c, c->slot, out);
  }
  case PT_E_REST_ATTR: {
    const pt_capture *c = &frame_of(e)->rests[x->name];
    int slot = attr_slot(module_of(e), c, x->text, x->length);
    return slot < 0 ? no_value(e, x, "the op has no such attribute") : captured(e, c, (uint32_t)slot, out);
  }
  case PT_E_PROPERTY: return eval_property(e, x, out);
  case PT_E_IN: return eval_in(e, x, out);
  case PT_E_CALL: return gr_pt_eval_function(e, x, out);
  case PT_E_CUSTOM: return gr_pt_eval_custom(e, x, out);
  case PT_E_EACH: return gr_pt_eval_each(e, x, out);
  case PT_E_LOCAL:
    if (!e->locals) return no_value(e, x, "the name stands for nothing here");
    *out = e->locals[x->name];
    return true;
  case PT_E_LIST: return eval_list(e, x, out);
  case PT_E_INDEX: return eval_index(e, x, out);
  case PT_E_IF: return eval_if(e, x, out);
  case PT_E_NOT:
  case PT_E_AND:
  case PT_E_OR: return eval_logic(e, x, out);
  case PT_E_EQ:
  case PT_E_NE:
  case PT_E_LT:
  case PT_E_LE:
  case PT_E_GT:
  case PT_E_GE: return eval_compare(e, x, out);
  case PT_E_ADD:
  case PT_E_SUB:
  case PT_E_MUL:
  case PT_E_DIV:
  case PT_E_NEGATE: return eval_arithmetic(e, x, out);
  default: return no_value(e, x, "this has no value");
  }
}

bool gr_expr_eval(const gr_expr *x, const gr_match *m, const graft_attr *options, graft_context *c, graft_attr *out) {
  pt_eval e = {.match = m, .context = c, .options = options};
  return gr_pt_eval_expr(&e, x, out);
}

bool gr_expr_holds(const gr_expr *x, const gr_match *m, const graft_attr *options, graft_context *c) {
  pt_eval e = {.match = m, .context = c, .options = options, .quiet = true};
  return gr_pt_holds(&e, x);
}
