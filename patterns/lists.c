/* Functions over lists: what makes one rule serve all ranks. Entries that are extents may be unknown: they stay so
 * where entries only move, and have no value where one is asked for. */
#include "patterns/patterns_impl.h"

#include <string.h>

#define MAX_ENTRIES 4096 /* of a list that is made */

static bool no_value(pt_eval *e, const gr_expr *x, const char *message) {
  if (!e->quiet) gr_error(e->context, GRAFT_RULE, x->where, "%s", message);
  return e->match ? gr_pt_reason(e->match->matcher, "%s", message) : false;
}

/* A list, or a number as a list of one. */
typedef struct list {
  bool real, extents;
  int64_t count;
  const int64_t *ints;
  const double *floats;
  int64_t one;
  double one_real;
} list;

static bool as_list(const graft_attr *a, list *l) {
  *l = (list){.count = 1};
  switch (a->kind) {
  case GRAFT_ATTR_INT: l->one = a->as.i; return true;
  case GRAFT_ATTR_FLOAT:
    l->real = true;
    l->one_real = a->as.f;
    return true;
  case GRAFT_ATTR_INTS: *l = (list){.count = a->count, .ints = a->as.ints}; return true;
  case GRAFT_ATTR_FLOATS: *l = (list){.real = true, .count = a->count, .floats = a->as.floats}; return true;
  default: return false;
  }
}

static int64_t int_at(const list *l, int64_t i) { return l->ints ? l->ints[i] : l->one; }
static double real_at(const list *l, int64_t i) {
  return !l->real ? (double)int_at(l, i) : l->floats ? l->floats[i] : l->one_real;
}
static graft_attr entry(const list *l, int64_t i) {
  return l->real ? (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = real_at(l, i)}
                 : (graft_attr){.kind = GRAFT_ATTR_INT, .as.i = int_at(l, i)};
}

/* A list being made: of ints as long as all entries are. */
typedef struct maker {
  bool real;
  uint32_t count;
  int64_t *ints;
  double *floats;
} maker;

static bool begin(pt_eval *e, const gr_expr *x, int64_t count, bool real, maker *m) {
  *m = (maker){0};
  if (!e->match) return (void)no_value(e, x, "no lists here"), false;
  if (count > MAX_ENTRIES) return (void)no_value(e, x, "too long a list"), false;
  void *data = gr_arena_alloc(&e->match->matcher->scratch, (size_t)(count + 1) * sizeof(int64_t));
  if (!data) {
    e->match->matcher->failed = true;
    return false;
  }
  *m = (maker){.real = real, .ints = data, .floats = data};
  return true;
}

static void push(maker *m, const list *l, int64_t i) {
  if (m->real)
    m->floats[m->count++] = real_at(l, i);
  else
    m->ints[m->count++] = int_at(l, i);
}

static bool finish(pt_eval *e, const maker *m, bool extents, graft_attr *out) {
  e->reading = extents ? PT_EXTENTS : PT_PLAIN;
  *out = (graft_attr){.kind = m->real ? GRAFT_ATTR_FLOATS : GRAFT_ATTR_INTS, .count = m->count};
  if (m->real)
    out->as.floats = m->floats;
  else
    out->as.ints = m->ints;
  return true;
}

static bool eval_list_of(pt_eval *e, const gr_expr *x, list *l) {
  graft_attr a = {0};
  *l = (list){0};
  if (!gr_pt_eval_expr(e, x, &a)) return false;
  bool extents = e->reading == PT_EXTENTS;
  if (!as_list(&a, l)) return no_value(e, x, "a list of numbers is needed here");
  l->extents = extents;
  return true;
}

static bool is_unknown(const list *l, int64_t i) { return l->extents && !l->real && int_at(l, i) < 0; }

static bool eval_int_of(pt_eval *e, const gr_expr *x, int64_t otherwise, int64_t *out) {
  graft_attr a = {0};
  *out = otherwise;
  if (!gr_pt_eval_expr(e, x, &a)) return false;
  *out = a.kind == GRAFT_ATTR_INT ? a.as.i : otherwise;
  if (a.kind == GRAFT_ATTR_INT && e->reading == PT_EXTENTS && a.as.i < 0)
    return no_value(e, x, "an extent is not known");
  return a.kind == GRAFT_ATTR_INT || a.kind == GRAFT_ATTR_NONE || no_value(e, x, "an integer is needed here");
}

static bool eval_concat(pt_eval *e, const gr_expr *x, graft_attr *out) {
  int64_t count = 0;
  bool real = false, extents = false;
  maker m = {0};
  list l = {0};
  for (uint32_t i = 0; i < x->arg_count; i++) {
    if (!eval_list_of(e, x->args[i], &l)) return false;
    extents |= l.extents;
    count += l.count;
    real |= l.real;
  }
  if (!begin(e, x, count, real, &m)) return false;
  for (uint32_t i = 0; i < x->arg_count; i++) {
    if (!eval_list_of(e, x->args[i], &l)) return false;
    for (int64_t k = 0; k < l.count; k++) push(&m, &l, k);
  }
  return finish(e, &m, extents, out);
}

/* As Python's l[start:end:step]. */
static bool eval_slice(pt_eval *e, const gr_expr *x, graft_attr *out) {
  list l = {0};
  int64_t from = 0, to = 0, step = 1;
  maker m = {0};
  if (!eval_list_of(e, x->args[0], &l) || !eval_int_of(e, x->args[1], 0, &from) ||
      !eval_int_of(e, x->args[2], l.count, &to) || (x->arg_count > 3 && !eval_int_of(e, x->args[3], 1, &step)))
    return false;
  if (step < 1) return no_value(e, x, "a step is at least 1; reverse() turns a list round");
  if (from < 0) from = from + l.count < 0 ? 0 : from + l.count;
  if (to < 0) to += l.count;
  if (to > l.count) to = l.count;
  if (step > l.count + 1) step = l.count + 1;
  if (!begin(e, x, l.count, l.real, &m)) return false;
  for (int64_t i = from; i < to; i += step) push(&m, &l, i);
  return finish(e, &m, l.extents, out);
}

static bool eval_compose(pt_eval *e, const gr_expr *x, graft_attr *out) {
  list p = {0}, q = {0};
  maker m = {0};
  if (!eval_list_of(e, x->args[0], &p) || !eval_list_of(e, x->args[1], &q)) return false;
  if (q.real) return no_value(e, x->args[1], "entries are chosen by integers");
  if (!begin(e, x, q.count, p.real, &m)) return false;
  for (int64_t i = 0; i < q.count; i++) {
    int64_t at = int_at(&q, i);
    if (is_unknown(&q, i)) return no_value(e, x, "an extent is not known");
    if (at < 0) at += p.count;
    if (at < 0 || at >= p.count) return no_value(e, x, "the list has no such entry");
    push(&m, &p, at);
  }
  return finish(e, &m, p.extents, out);
}

static bool eval_range(pt_eval *e, const gr_expr *x, graft_attr *out) {
  int64_t n = 0;
  maker m = {0};
  if (!eval_int_of(e, x->args[0], 0, &n) || !begin(e, x, n < 0 ? 0 : n, false, &m)) return false;
  for (int64_t i = 0; i < n; i++) m.ints[m.count++] = i;
  return finish(e, &m, false, out);
}

static bool eval_reverse(pt_eval *e, const gr_expr *x, graft_attr *out) {
  list l = {0};
  maker m = {0};
  if (!eval_list_of(e, x->args[0], &l) || !begin(e, x, l.count, l.real, &m)) return false;
  for (int64_t i = l.count; i-- > 0;) push(&m, &l, i);
  return finish(e, &m, l.extents, out);
}

static bool eval_fold(pt_eval *e, const gr_expr *x, graft_attr *out) {
  list l = {0};
  bool product = x->index == PT_F_product;
  if (!eval_list_of(e, x->args[0], &l)) return false;
  int64_t whole = product;
  double real = product;
  e->reading = PT_PLAIN;
  for (int64_t i = 0; i < l.count; i++) {
    if (is_unknown(&l, i)) return no_value(e, x, "an extent is not known");
    real = product ? real * real_at(&l, i) : real + real_at(&l, i);
    if (l.real) continue;
    if (product ? __builtin_mul_overflow(whole, int_at(&l, i), &whole)
                : __builtin_add_overflow(whole, int_at(&l, i), &whole))
      return no_value(e, x, "the number does not fit in 64 bits");
  }
  *out = l.real ? (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = real}
                : (graft_attr){.kind = GRAFT_ATTR_INT, .as.i = whole};
  return true;
}

bool gr_pt_eval_list_function(pt_eval *e, const gr_expr *x, graft_attr *out) {
  switch (x->index) {
  case PT_F_concat: return eval_concat(e, x, out);
  case PT_F_slice: return eval_slice(e, x, out);
  case PT_F_compose: return eval_compose(e, x, out);
  case PT_F_range: return eval_range(e, x, out);
  case PT_F_reverse: return eval_reverse(e, x, out);
  default: return eval_fold(e, x, out);
  }
}

/* map($i in LIST, EXPR), every($i in LIST, CONDITION), some(…): x->index tells which, x->name the local. */
bool gr_pt_eval_each(pt_eval *e, const gr_expr *x, graft_attr *out) {
  graft_attr locals[PT_MAX_LOCALS];
  graft_attr *outer = e->locals;
  list l = {0}, one = {0};
  maker m = {0};
  if (!eval_list_of(e, x->args[0], &l)) return false;
  if (x->index == PT_EACH_MAP && !begin(e, x, l.count, l.real, &m)) return false;
  if (!outer) e->locals = locals;
  bool ok = true, decided = false, known = true;
  for (int64_t i = 0; i < l.count && ok && !decided; i++) {
    e->locals[x->name] = entry(&l, i);
    ok = !is_unknown(&l, i) || (e->quiet && x->index != PT_EACH_MAP) || no_value(e, x, "an extent is not known");
    if (x->index != PT_EACH_MAP && ok) {
      bool yes = false, has = !is_unknown(&l, i) && gr_pt_eval_condition(e, x->args[1], &yes);
      ok = has || e->quiet;
      known &= has;
      decided = has && yes == (x->index == PT_EACH_SOME);
      continue;
    }
    if (!ok) break;
    graft_attr a = {0};
    ok = gr_pt_eval_expr(e, x->args[1], &a) &&
         (((a.kind == GRAFT_ATTR_INT || a.kind == GRAFT_ATTR_FLOAT) && as_list(&a, &one)) ||
          no_value(e, x->args[1], "lists hold numbers"));
    if (!ok) break;
    if (one.real && !m.real) { /* from here on a list of floats */
      for (uint32_t k = 0; k < m.count; k++) {
        double d = (double)m.ints[k];
        memcpy(&m.floats[k], &d, sizeof d);
      }
      m.real = true;
    }
    push(&m, &one, 0);
  }
  e->locals = outer;
  if (!ok) return false;
  if (x->index == PT_EACH_MAP) return finish(e, &m, false, out);
  if (!known && !decided) return no_value(e, x, "it is not known of every entry");
  *out = (graft_attr){.kind = GRAFT_ATTR_BOOL, .as.b = decided == (x->index == PT_EACH_SOME)};
  return true;
}
