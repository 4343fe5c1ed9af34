/* The functions of predicates.def. A predicate over an absent value is false. */
#include "patterns/patterns_impl.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NONE GRAFT_ATTR_NONE
#define BOOL GRAFT_ATTR_BOOL
#define INT GRAFT_ATTR_INT
#define FLOAT GRAFT_ATTR_FLOAT
#define DTYPE GRAFT_ATTR_DTYPE
#define INTS GRAFT_ATTR_INTS
#define STRING GRAFT_ATTR_STRING
static const pt_function_info functions[] = {
#define PREDICATE(name, params, result, doc) {#name, params, result, doc},
#include "patterns/predicates.def"
#undef PREDICATE
};

const pt_function_info *gr_pt_function_get(uint32_t f) { return &functions[f]; }

uint32_t gr_pt_function_find(const char *name, size_t length) {
  for (uint32_t f = 0; f < PT_F_COUNT; f++)
    if (strlen(functions[f].name) == length && memcmp(functions[f].name, name, length) == 0) return f;
  return PT_F_COUNT;
}

static bool no_memory(pt_eval *e) {
  e->match->matcher->failed = true;
  return false;
}

static graft_graph *graph_of(const pt_eval *e) { return e->match->matcher->graph; }

void gr_pt_value_text(const gr_matcher *m, graft_value v, char *buffer, size_t size) {
  if (v == GRAFT_NONE)
    gr_name_format(m->graph->module, (gr_name){0}, buffer, size);
  else
    graft_value_name(m->graph, v, buffer, size);
}

/* "%conv has 2 uses": only formatted when someone wants to know. Always true: the predicate has a value, false. */
static bool because(pt_eval *e, graft_value v, const char *what) {
  gr_matcher *m = e->match->matcher;
  if (!m->reason) return true;
  char name[128] = "";
  if (v != GRAFT_NONE) gr_pt_value_text(m, v, name, sizeof name);
  gr_pt_reason(m, "%%%s %s", name, what);
  return true;
}

/* ---- values ---- */

static bool is_tensor(pt_eval *e, graft_value v, int kind) {
  graft_graph *g = graph_of(e);
  graft_tensor t = gr_value_tensor(g, v);
  if (t != GRAFT_NONE && (kind < 0 || g->module->tensors.data[t].kind == kind)) return true;
  because(e, v, kind < 0 ? "is no module tensor" : kind == GRAFT_PARAMETER ? "is no parameter" : "is no buffer");
  return false;
}

static bool is_const(pt_eval *e, graft_value v, bool constants_only) {
  graft_graph *g = graph_of(e);
  gr_cones *k = e->match->matcher->cones;
  graft_tensor t = gr_value_tensor(g, v);
  bool yes = t != GRAFT_NONE  ? !constants_only || g->module->tensors.data[t].kind == GRAFT_CONSTANT
             : !k             ? false
             : constants_only ? gr_cones_is_constant(k, v)
                              : gr_cones_is_const(k, v);
  if (!yes)
    because(e, v, constants_only ? "does not depend on constants alone" : "does not depend on module tensors alone");
  return yes;
}

static uint32_t count_uses(gr_matcher *m, graft_value v) {
  const graft_graph *g = m->graph;
  uint32_t n = 0;
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next)
    n += !gr_user_is_node(gr_use_at(g, u)->user) || !gr_pt_is_dead(m, gr_use_at(g, u)->user);
  return n;
}

static bool is_output(const graft_graph *g, graft_value v) {
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    uint32_t user = gr_use_at(g, u)->user;
    if (!gr_user_is_node(user) && (user & GR_USER_UPDATE) == GR_USER_OUTPUT) return true;
  }
  return false;
}

static bool is_static(const graft_type *t) {
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dims[i] < 0) return false;
  return t->rank >= 0;
}

static bool on_values(pt_eval *e, const gr_expr *x, bool (*test)(pt_eval *, graft_value)) {
  const gr_expr *a = x->args[0];
  if (a->kind != PT_E_RANGE) return test(e, gr_pt_eval_value(e, a));
  const pt_range *r = &pt_frame_of(e->match->matcher)->ranges[a->name];
  for (uint32_t i = 0; i < r->count; i++) {
    graft_graph *g = graph_of(e);
    graft_value v = r->results ? gr_result(g, r->node, r->first + i) : gr_operand(g, r->node, r->first + i);
    if (v != GRAFT_NONE && !test(e, v)) return false;
  }
  return true;
}

static bool test_const(pt_eval *e, graft_value v) { return v != GRAFT_NONE && is_const(e, v, false); }
static bool test_constant(pt_eval *e, graft_value v) { return v != GRAFT_NONE && is_const(e, v, true); }
static bool test_static(pt_eval *e, graft_value v) {
  if (v == GRAFT_NONE) return false;
  bool yes = is_static(gr_type_of(graph_of(e), v));
  if (!yes) because(e, v, "has no static shape");
  return yes;
}

/* ---- annotations ---- */

graft_value gr_pt_eval_value(const pt_eval *e, const gr_expr *x) {
  if (x->kind != PT_E_ELEMENT) return pt_frame_value(e->match, x->name);
  return gr_match_element(e->match, x->name, x->index);
}

/* The use that `%y.weight` is; GRAFT_NONE when the operand is absent. */
static uint32_t eval_edge(pt_eval *e, const gr_expr *x) {
  const gr_match *m = e->match;
  const pt_variant *v = &m->pattern->variants[m->variant];
  uint16_t slot = v->slots[x->name];
  if (slot == PT_UNBOUND || v->slot_node[slot] == PT_UNBOUND) return GRAFT_NONE;
  uint32_t place = v->slot_node[slot];
  const graft_graph *g = m->matcher->graph;
  const pt_frame *f = pt_frame_of(m->matcher);
  const gr_node *n = gr_node_at(g, f->nodes[place]);
  const gr_op_info *info = gr_op_get(n->op);
  int i = x->length == 1 && x->text[0] >= '0' && x->text[0] <= '9' ? x->text[0] - '0'
          : info                                                   ? gr_op_operand_slot(info, x->text, x->length)
                                                                   : -1;
  if (i < 0 || (uint32_t)i >= n->operand_count) return GRAFT_NONE;
  if (f->swapped[place] && i < 2) i ^= 1; /* edges are named as the rule writes them */
  uint32_t use = n->first_use + (uint32_t)i;
  return gr_use_at(g, use)->value == GRAFT_NONE ? GRAFT_NONE : use;
}

static bool has_spec(pt_eval *e, const gr_expr *x) {
  const graft_graph *g = graph_of(e);
  if (x->kind == PT_E_EDGE) {
    uint32_t use = eval_edge(e, x);
    return use != GRAFT_NONE && gr_spec_of_use(g, use) != 0;
  }
  graft_value v = gr_pt_eval_value(e, x);
  return v != GRAFT_NONE && gr_spec_of_value(g, v) != 0;
}

/* no_spec(..): nothing on the matched nodes but what is claimed by name. */
static bool nothing_else(pt_eval *e) {
  const gr_match *m = e->match;
  const pt_variant *v = &m->pattern->variants[m->variant];
  const graft_graph *g = graph_of(e);
  for (uint32_t n = 0; n < v->node_count; n++) {
    graft_node id = pt_frame_of(m->matcher)->nodes[n];
    if (pt_is_context(v, n)) continue;
    const gr_node *node = gr_node_at(g, id);
    const pt_claims *c = v->claims ? &v->claims[n] : NULL;
    if (n == 0 && m->matcher->bare_root == id) continue;
    bool bare = true;
    uint32_t specs = g->spec_of_use.len;
    for (uint32_t i = 0; i < node->operand_count && node->first_use + i < specs; i++) {
      if (!gr_spec_of_use(g, node->first_use + i)) continue;
      bare = false;
      if (!(c && (c->operands >> (i < 63 ? i : 63) & 1))) {
        because(e, gr_use_at(g, node->first_use + i)->value,
                "is read by an annotated edge that the rule does not carry");
        return false;
      }
    }
    for (uint32_t i = 0; i < node->result_count; i++) {
      if (!gr_spec_of_value(g, node->first_result + i)) continue;
      bare = false;
      if (!(c && (c->results >> (i < 63 ? i : 63) & 1))) {
        because(e, node->first_result + i, "has an annotation that the rule does not carry");
        return false;
      }
    }
    if (n == 0 && bare) m->matcher->bare_root = id;
  }
  return true;
}

static bool no_spec(pt_eval *e, const gr_expr *x) {
  for (uint32_t i = 0; i < x->arg_count; i++) {
    const gr_expr *a = x->args[i];
    if (a->kind == PT_E_ALL) {
      if (!nothing_else(e)) return false;
    } else if (has_spec(e, a)) {
      because(e, gr_pt_eval_value(e, a), a->kind == PT_E_EDGE ? "has an annotated operand" : "has an annotation");
      return false;
    }
  }
  return true;
}

/* ---- numbers ---- */

static bool fail(pt_eval *e, const gr_expr *x, const char *message) {
  if (!e->quiet) gr_error(e->context, GRAFT_RULE, x->where, "%s", message);
  return e->match ? gr_pt_reason(e->match->matcher, "%s", message) : false;
}

/* Its data; false where it cannot be had, which only lack of memory makes an error. */
bool gr_pt_known(gr_matcher *m, graft_value v, gr_array *out) {
  graft_context *c = m->graph->module->context;
  uint32_t errors = gr_error_count(c);
  bool muted = gr_mute(c, true), ok = gr_cones_value(m->cones, v, out);
  gr_mute(c, muted);
  if (gr_error_count(c) != errors) m->failed = true;
  return ok;
}

/* The data of a constant, from a tensor or computed. Parameters and buffers may change. */
static bool data_of(pt_eval *e, const gr_expr *x, gr_array *out) {
  graft_value v = gr_pt_eval_value(e, x);
  gr_matcher *m = e->match->matcher;
  if (v == GRAFT_NONE || !m->cones || !is_const(e, v, true)) return fail(e, x, "the value is no constant");
  if (!gr_pt_cones_can_compute(m->cones, v) || !gr_pt_known(m, v, out))
    return fail(e, x, "the value cannot be computed here");
  return true;
}

static pt_reading reading_of(graft_dtype d) {
  return d == GRAFT_F32 ? PT_SINGLE : d == GRAFT_F16 ? PT_HALF : d == GRAFT_BF16 ? PT_BFLOAT : PT_PLAIN;
}

static bool eval_within(pt_eval *e, const gr_expr *x, const gr_array *a, graft_attr *out) {
  graft_attr low = {0}, high = {0};
  const int64_t count = graft_type_elements(&a->type);
  if (!gr_pt_eval_expr(e, x->args[1], &low) || !gr_pt_eval_expr(e, x->args[2], &high)) return false;
  *out = (graft_attr){.kind = BOOL, .as.b = true};
  for (int64_t i = 0; out->as.b && i < count; i++) {
    const graft_attr element = gr_pt_element(a, i);
    out->as.b = gr_pt_order(&low, &element) <= 0 && gr_pt_order(&element, &high) <= 0;
  }
  if (!out->as.b) because(e, gr_pt_eval_value(e, x->args[0]), "has elements beyond");
  e->reading = PT_PLAIN;
  return true;
}

static bool eval_data(pt_eval *e, const gr_expr *x, graft_attr *out) {
  gr_array a = {0};
  if (!data_of(e, x->args[0], &a)) return false;
  int64_t count = graft_type_elements(&a.type);
  bool real = gr_is_float(a.type.dtype);
  if (x->index == PT_F_number || x->index == PT_F_int) {
    if (count != 1 || (real && x->index == PT_F_int)) return fail(e, x, "not a single number of that kind");
    *out = gr_pt_element(&a, 0);
    e->reading = reading_of(a.type.dtype);
    return true;
  }
  if (x->index == PT_F_all) {
    graft_attr n = {0};
    if (!gr_pt_eval_expr(e, x->args[1], &n)) return false;
    *out = (graft_attr){.kind = BOOL, .as.b = gr_pt_all(&a, &n)};
    if (!out->as.b) because(e, gr_pt_eval_value(e, x->args[0]), "has other elements");
    e->reading = PT_PLAIN;
    return true;
  }
  if (x->index == PT_F_within) return eval_within(e, x, &a, out);
  if (real || count < 0 || count > 1024) return fail(e, x, "not a short list of integers");
  int64_t *ints = gr_arena_alloc(&e->match->matcher->scratch, (size_t)(count + 1) * sizeof *ints);
  if (!ints) return no_memory(e);
  for (int64_t i = 0; i < count; i++) ints[i] = gr_pt_element(&a, i).as.i;
  *out = (graft_attr){.kind = INTS, .count = (uint32_t)count, .as.ints = ints};
  return true;
}

static bool eval_product(pt_eval *e, const gr_expr *x, graft_attr *out) {
  gr_array of[3];
  int64_t count[3];
  for (int i = 0; i < 3; i++) {
    of[i] = (gr_array){0};
    if (!data_of(e, x->args[i], &of[i])) return false;
    count[i] = graft_type_elements(&of[i].type);
    if (of[i].type.dtype != GRAFT_F32) return fail(e, x, "not numbers of f32");
  }
  out->as.b = true;
  for (int i = 1; i < 3; i++) out->as.b = out->as.b && (count[i] == count[0] || count[i] == 1);
  for (int64_t i = 0; out->as.b && i < count[0]; i++)
    out->as.b = ((const float *)of[0].data)[i] ==
                ((const float *)of[1].data)[count[1] == 1 ? 0 : i] * ((const float *)of[2].data)[count[2] == 1 ? 0 : i];
  return out->as.b || because(e, gr_pt_eval_value(e, x->args[0]), "is not that product");
}

/* Of parameters too: a rule that asks decides by what they are now. */
static bool eval_even(pt_eval *e, const gr_expr *x, graft_attr *out) {
  const graft_value v = gr_pt_eval_value(e, x->args[0]);
  gr_matcher *m = e->match->matcher;
  gr_array a = {0};
  graft_attr least = {0};
  if (!gr_pt_eval_expr(e, x->args[1], &least)) return false;
  if (v == GRAFT_NONE || !m->cones || !is_const(e, v, false)) return true;
  if (!gr_pt_cones_can_compute(m->cones, v) || !gr_pt_known(m, v, &a))
    return fail(e, x, "the value cannot be computed here");
  if (a.type.dtype != GRAFT_F32 && a.type.dtype != GRAFT_F64) return fail(e, x, "not numbers of f32 or f64");
  const int64_t count = graft_type_elements(&a.type);
  double low = HUGE_VAL, high = 0.0;
  for (int64_t i = 0; i < count; i++) {
    const double size = fabs(gr_pt_element(&a, i).as.f);
    if (size > high) high = size;
    low = size < low ? size : isnan(size) ? 0.0 : low;
  }
  out->as.b = count == 0 || (low >= (a.type.dtype == GRAFT_F32 ? (double)FLT_MIN : DBL_MIN) && high < HUGE_VAL &&
                             low >= high * (least.kind == INT ? (double)least.as.i : least.as.f));
  return out->as.b || because(e, v, "has elements that are 0, no normal numbers or far smaller than the largest");
}

static bool eval_min_max(pt_eval *e, const gr_expr *x, graft_attr *out) {
  graft_attr a = {0}, b = {0};
  if (!gr_pt_eval_expr(e, x->args[0], &a)) return false;
  bool extents = e->reading == PT_EXTENTS;
  if (!gr_pt_eval_expr(e, x->args[1], &b)) return false;
  if (a.kind != b.kind || (a.kind != INT && a.kind != FLOAT)) return fail(e, x, "two numbers of a kind are needed");
  if (a.kind == INT && ((extents && a.as.i < 0) || (e->reading == PT_EXTENTS && b.as.i < 0)))
    return fail(e, x, "an extent is not known");
  e->reading = PT_PLAIN;
  *out = (gr_pt_order(&a, &b) < 0) == (x->index == PT_F_min) ? a : b;
  return true;
}

/* ---- types ---- */

static bool eval_extents(pt_eval *e, const gr_expr *x, graft_type t, graft_attr *out) {
  graft_attr start = {0}, end = {0};
  if (t.rank < 0) return fail(e, x, "the rank is not known");
  if (!gr_pt_eval_expr(e, x->args[1], &start) || !gr_pt_eval_expr(e, x->args[2], &end)) return false;
  int64_t from = start.kind == INT ? start.as.i : 0, to = end.kind == INT ? end.as.i : t.rank;
  if (from < 0) from += t.rank;
  if (to < 0) to += t.rank;
  if (from < 0) from = 0;
  if (to > t.rank) to = t.rank;
  int64_t *dims = gr_arena_alloc(&e->match->matcher->scratch, sizeof t.dims);
  if (!dims) return no_memory(e);
  *out = (graft_attr){.kind = INTS, .as.ints = dims};
  for (; from < to; from++) dims[out->count++] = t.dims[from];
  e->reading = PT_EXTENTS;
  return true;
}

static bool eval_type(pt_eval *e, const gr_expr *x, graft_value v, graft_attr *out) {
  const graft_type *t = gr_type_of(graph_of(e), v);
  e->reading = x->index == PT_F_dtype ? PT_PLAIN : PT_EXTENTS;
  switch (x->index) {
  case PT_F_rank: *out = (graft_attr){.kind = INT, .as.i = t->rank}; return true;
  case PT_F_elements: *out = (graft_attr){.kind = INT, .as.i = graft_type_elements(t)}; return true;
  case PT_F_unknown_extents:
    *out = (graft_attr){.kind = INT, .as.i = t->rank < 0 ? -1 : 0};
    for (int32_t i = 0; i < t->rank; i++) out->as.i += t->dims[i] < 0;
    return true;
  case PT_F_extents: return eval_extents(e, x, *t, out);
  case PT_F_dtype:
    if (t->dtype == GRAFT_UNKNOWN) return fail(e, x, "the dtype is not known");
    *out = (graft_attr){.kind = DTYPE, .as.dtype = t->dtype};
    return true;
  case PT_F_dims: {
    if (t->rank < 0) return fail(e, x, "the rank is not known");
    int64_t *dims = gr_arena_alloc(&e->match->matcher->scratch, sizeof t->dims); /* the type table may move */
    if (!dims) return no_memory(e);
    memcpy(dims, t->dims, sizeof t->dims);
    *out = (graft_attr){.kind = INTS, .count = (uint32_t)t->rank, .as.ints = dims};
    return true;
  }
  default: { /* dim */
    graft_attr axis = {0};
    if (!gr_pt_eval_expr(e, x->args[1], &axis)) return false;
    if (axis.kind != INT || t->rank < 0) return fail(e, x, "no such axis");
    if (e->reading == PT_EXTENTS && axis.as.i < 0) return fail(e, x, "an extent is not known");
    e->reading = PT_EXTENTS;
    int64_t i = axis.as.i < 0 ? axis.as.i + t->rank : axis.as.i;
    if (i < 0 || i >= t->rank) return fail(e, x, "no such axis");
    *out = (graft_attr){.kind = INT, .as.i = t->dims[i]};
    return true;
  }
  }
}

/* Differing where anything known differs, equal where all is known, else without a value. */
static bool eval_same(pt_eval *e, const gr_expr *x, bool types, graft_attr *out) {
  graft_value a = gr_pt_eval_value(e, x->args[0]), b = gr_pt_eval_value(e, x->args[1]);
  if (a == GRAFT_NONE || b == GRAFT_NONE) return true;
  const graft_type *p = gr_type_of(graph_of(e), a), *q = gr_type_of(graph_of(e), b);
  bool fits = types ? gr_type_compatible(p, q) : p->rank < 0 || q->rank < 0 || p->rank == q->rank;
  for (int32_t i = 0; !types && fits && i < p->rank && i < q->rank; i++)
    fits = p->dims[i] < 0 || q->dims[i] < 0 || p->dims[i] == q->dims[i];
  bool known = is_static(p) && is_static(q) && (!types || (p->dtype != GRAFT_UNKNOWN && q->dtype != GRAFT_UNKNOWN));
  if (fits && !known) return fail(e, x, types ? "a type is not known" : "a shape is not known");
  out->as.b = fits;
  if (!fits) because(e, a, types ? "has not that type" : "has not that shape");
  return true;
}

static bool of_dtype(pt_eval *e, graft_value v, bool real) {
  graft_dtype d = gr_type_of(graph_of(e), v)->dtype;
  bool yes = real ? gr_is_float(d) : gr_is_integer(d);
  if (!yes) because(e, v, real ? "is not float" : "is not integer");
  return yes;
}

static bool training(pt_eval *e, graft_value v) {
  const graft_graph *g = graph_of(e);
  graft_node n = gr_value_node(g, v);
  bool yes = n != GRAFT_NONE && gr_is_training(g, n);
  if (!yes) because(e, v, "is not in training");
  return yes;
}

static bool is_dequantized(pt_eval *e, graft_value v) {
  const graft_graph *g = graph_of(e);
  graft_node n = gr_value_node(g, v);
  const gr_op_info *info = n == GRAFT_NONE ? NULL : gr_info(g, n);
  bool yes = info && (info->families & GR_F_DQ);
  because(e, v, yes ? "is made by a dequantize" : "is not made by a dequantize");
  return yes;
}

static bool on_value(pt_eval *e, const gr_expr *x, graft_value v) {
  const graft_graph *g = graph_of(e);
  bool yes;
  switch (x->index) {
  case PT_F_is_float: return of_dtype(e, v, true);
  case PT_F_is_integer: return of_dtype(e, v, false);
  case PT_F_parameter: return is_tensor(e, v, GRAFT_PARAMETER);
  case PT_F_buffer: return is_tensor(e, v, GRAFT_BUFFER);
  case PT_F_tensor: return is_tensor(e, v, -1);
  case PT_F_is_dequantized: return is_dequantized(e, v);
  case PT_F_training: return training(e, v);
  case PT_F_one_use:
    yes = gr_pt_used_here_only(e->match, v);
    if (!yes) because(e, v, "is used outside of what the rule matches");
    return yes;
  case PT_F_is_input:
    yes = gr_value_at(g, v)->def_kind == GR_DEF_INPUT;
    if (!yes) because(e, v, "is no input of the graph");
    return yes;
  default:
    yes = is_output(g, v);
    if (!yes) because(e, v, "is not returned by the graph");
    return yes;
  }
}

bool gr_pt_eval_function(pt_eval *e, const gr_expr *x, graft_attr *out) {
  *out = (graft_attr){.kind = BOOL};
  switch ((pt_function)x->index) {
  case PT_F_const: out->as.b = on_values(e, x, test_const); return true;
  case PT_F_constant: out->as.b = on_values(e, x, test_constant); return true;
  case PT_F_static_shape: out->as.b = on_values(e, x, test_static); return true;
  case PT_F_has_spec:
    out->as.b = has_spec(e, x->args[0]);
    if (!out->as.b) {
      char what[100];
      const gr_expr *a = x->args[0];
      snprintf(what, sizeof what,
               a->kind == PT_E_EDGE ? "has no annotation on its operand %.*s" : "has no annotation%.*s",
               (int)(a->length < 60 ? a->length : 60), a->length ? a->text : "");
      because(e, gr_pt_eval_value(e, a), what);
    }
    return true;
  case PT_F_no_spec: out->as.b = no_spec(e, x); return true;
  case PT_F_same_shape: return eval_same(e, x, false, out);
  case PT_F_same_type: return eval_same(e, x, true, out);
  case PT_F_number:
  case PT_F_int:
  case PT_F_ints:
  case PT_F_all:
  case PT_F_within: return eval_data(e, x, out);
  case PT_F_is_even: return eval_even(e, x, out);
  case PT_F_is_product: return eval_product(e, x, out);
  case PT_F_concat:
  case PT_F_slice:
  case PT_F_reverse:
  case PT_F_compose:
  case PT_F_range:
  case PT_F_sum:
  case PT_F_product: return gr_pt_eval_list_function(e, x, out);
  case PT_F_einsum_backward: return gr_pt_eval_einsum(e, x, out);
  case PT_F_min:
  case PT_F_max: return eval_min_max(e, x, out);
  case PT_F_length:
  case PT_F_is_none: {
    graft_attr a = {0};
    if (!gr_pt_eval_expr(e, x->args[0], &a)) return false;
    e->reading = PT_PLAIN;
    if (x->index == PT_F_is_none)
      out->as.b = a.kind == NONE;
    else
      *out = (graft_attr){.kind = INT, .as.i = a.kind == INTS || a.kind == GRAFT_ATTR_FLOATS ? (int64_t)a.count : 0};
    return true;
  }
  default: break;
  }
  graft_value v = gr_pt_eval_value(e, x->args[0]);
  bool predicate = functions[x->index].result == BOOL;
  if (v == GRAFT_NONE) return predicate ? true : fail(e, x, "the value is absent");
  if (x->index == PT_F_uses) {
    *out = (graft_attr){.kind = INT, .as.i = count_uses(e->match->matcher, v)};
    return true;
  }
  if (!predicate) return eval_type(e, x, v, out);
  bool of_type = x->index == PT_F_is_float || x->index == PT_F_is_integer;
  if (of_type && gr_type_of(graph_of(e), v)->dtype == GRAFT_UNKNOWN) return fail(e, x, "the dtype is not known");
  out->as.b = on_value(e, x, v);
  return true;
}
