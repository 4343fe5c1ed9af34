/* Small lists of integers that have the same elements in every run: constants, known extents, and what the graph
 * computes from them, as the kernels would (tests/unit/test_constant.c compares the two on random graphs). Exporters
 * write shapes, pads and bounds of slices in this way; type inference and the ONNX reader ask here.
 *
 * Element by element: of a shape with one unknown extent the others are known. A question visits at most MAX_VALUES
 * values, each once; what lies behind them is not known. Types come from the file until the verifier has seen them, so
 * no index is taken on trust. */
#include "ir/ir_int.h"

#include <string.h>

enum { MAX_VALUES = 256, MAX_SLOTS = 512 };

typedef struct walk {
  graft_graph *g;
  gr_arena arena;
  uint32_t visited;
  bool failed; /* no memory */
  struct {
    graft_value value;
    gr_known *known; /* NULL: free */
  } slots[MAX_SLOTS];
} walk;

typedef struct step {
  walk *w;
  const gr_node *node;
  uint32_t result;   /* which one of the node's is asked for */
  const gr_known *x; /* the first operand */
  gr_known *y;
} step;

static const gr_known *known_of(walk *w, graft_value v);

/* ---- what is not known ---- */

/* Nothing is known of it; `v` is where that begins. */
static void forget(gr_known *k, graft_value v) {
  *k = (gr_known){.type = {.dtype = GRAFT_UNKNOWN, .rank = -1}, .unknown = v};
}

/* Numbers that an int64_t holds, and bools. */
static bool integer(graft_dtype d) {
  return gr_dtype_kind_of(d) == GR_KIND_TRUTH || (gr_is_integer(d) && d != GRAFT_U64);
}

/* False where the value is no small array of integers with known extents. */
static bool begin(const graft_graph *g, graft_value v, gr_known *k) {
  const graft_type *t = gr_type_of(g, v);
  const int64_t n = graft_type_elements(t);
  if (!integer(t->dtype) || n < 0 || n > GR_KNOWN_INTS) return false;
  *k = (gr_known){.type = *t, .count = (uint32_t)n, .unknown = GRAFT_NONE};
  return true;
}

/* ---- elements ---- */

static int64_t wrapped(graft_dtype d, uint64_t x) {
  return d == GRAFT_BOOL ? x != 0 : gr_element_int(d, &x); /* little-endian: the low bytes */
}

static void set(gr_known *y, uint32_t i, int64_t v) {
  y->ints[i] = v;
  y->mask |= 1u << i;
}

/* Element i of y is element `at` of x, as far as x has and knows it. */
static void take(gr_known *y, uint32_t i, const gr_known *x, int64_t at) {
  if (at >= 0 && at < x->count && (x->mask >> at & 1u) != 0)
    set(y, i, x->ints[at]);
  else if (y->unknown == GRAFT_NONE)
    y->unknown = x->unknown;
}

static void row_major(const graft_type *t, int64_t *strides) {
  int64_t next = 1;
  for (int32_t i = t->rank; i-- > 0; next *= t->dims[i]) strides[i] = next;
}

/* Element (i0, i1 …) of y is x[start + i0 * strides[0] + …]. */
static void strided(gr_known *y, const gr_known *x, int64_t start, const int64_t *strides) {
  for (uint32_t k = 0; k < y->count; k++) {
    int64_t rest = k, at = start;
    for (int32_t i = y->type.rank; i-- > 0; rest /= y->type.dims[i]) at += rest % y->type.dims[i] * strides[i];
    take(y, k, x, at);
  }
}

/* Strides of an operand that is broadcast to y. */
static bool broadcast(const graft_type *x, const graft_type *y, int64_t *strides) {
  if (x->rank > y->rank) return false;
  const int32_t shift = y->rank - x->rank;
  int64_t own[GRAFT_MAX_RANK];
  row_major(x, own);
  for (int32_t i = 0; i < y->rank; i++) strides[i] = i < shift || x->dims[i - shift] == 1 ? 0 : own[i - shift];
  return true;
}

/* ---- attributes ---- */

static int64_t int_of(const step *s, uint32_t slot) { return gr_attr_int(s->w->g->module, s->node->attrs, slot); }

static bool axis_of(int64_t given, int32_t rank, int32_t *axis) {
  if (given < -rank || given >= rank) return false;
  *axis = (int32_t)(given < 0 ? given + rank : given);
  return true;
}

/* ---- ops; false: not known ---- */

static const gr_known *operand(const step *s, uint32_t i) {
  const gr_use *uses = &s->w->g->uses.data[s->node->first_use];
  const bool given = i < s->node->operand_count && uses[i].value != GRAFT_NONE;
  return given ? known_of(s->w, uses[i].value) : NULL;
}

/* By squaring; a negative exponent leaves only what 1 and -1 are the inverse of. */
static int64_t power(graft_dtype d, int64_t x, int64_t exponent) {
  if (exponent < 0 && x != 1 && x != -1) return 0;
  uint64_t y = 1, factor = (uint64_t)x;
  for (uint64_t e = exponent < 0 ? (uint64_t)exponent & 1 : (uint64_t)exponent; e != 0; e >>= 1, factor *= factor)
    if ((e & 1) != 0) y *= factor;
  return wrapped(d, y);
}

/* Of elements of dtype d. */
static bool binary(uint32_t op, graft_dtype d, int64_t a, int64_t b, int64_t *y) {
  const uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
  switch (op) {
  case GR_OP_add: *y = wrapped(d, ua + ub); return true;
  case GR_OP_sub: *y = wrapped(d, ua - ub); return true;
  case GR_OP_mul: *y = wrapped(d, ua * ub); return true;
  case GR_OP_div: *y = b == 0 ? 0 : b == -1 ? wrapped(d, 0 - ua) : a / b; return b != 0;
  case GR_OP_pow: *y = power(d, a, b); return true;
  case GR_OP_maximum: *y = a > b ? a : b; return true;
  case GR_OP_minimum: *y = a < b ? a : b; return true;
  case GR_OP_remainder:
    *y = b == 0 || b == -1 ? 0 : a % b + (a % b != 0 && (a % b < 0) != (b < 0) ? b : 0);
    return b != 0;
  case GR_OP_fmod: *y = b == 0 || b == -1 ? 0 : a % b; return b != 0;
  case GR_OP_logical_and:
  case GR_OP_bitwise_and: *y = a & b; return true;
  case GR_OP_logical_or:
  case GR_OP_bitwise_or: *y = a | b; return true;
  case GR_OP_logical_xor:
  case GR_OP_bitwise_xor: *y = a ^ b; return true;
  case GR_OP_eq: *y = a == b; return true;
  case GR_OP_ne: *y = a != b; return true;
  case GR_OP_lt: *y = a < b; return true;
  case GR_OP_le: *y = a <= b; return true;
  case GR_OP_gt: *y = a > b; return true;
  case GR_OP_ge: *y = a >= b; return true;
  default: return false;
  }
}

static bool unary(const step *s) {
  const gr_known *x = s->x;
  gr_known *y = s->y;
  const graft_dtype d = y->type.dtype;
  if (y->count != x->count || (d == GRAFT_BOOL && s->node->op != GR_OP_logical_not)) return false;
  for (uint32_t i = 0; i < y->count; i++) {
    const uint64_t minus = 0 - (uint64_t)x->ints[i];
    take(y, i, x, i);
    if (s->node->op == GR_OP_neg || (s->node->op == GR_OP_abs && x->ints[i] < 0)) y->ints[i] = wrapped(d, minus);
    if (s->node->op == GR_OP_logical_not) y->ints[i] = x->ints[i] == 0;
    if (s->node->op == GR_OP_relu && x->ints[i] < 0) y->ints[i] = 0;
  }
  return true;
}

/* Operand i as y has its elements, in `out`. */
static bool spread(const step *s, uint32_t i, gr_known *out) {
  const gr_known *x = operand(s, i);
  int64_t strides[GRAFT_MAX_RANK] = {0};
  *out = (gr_known){.type = s->y->type, .count = s->y->count, .unknown = GRAFT_NONE};
  if (x == NULL || !broadcast(&x->type, &s->y->type, strides)) return false;
  strided(out, x, 0, strides);
  return true;
}

static bool elementwise(const step *s) {
  const graft_dtype d = s->x->type.dtype;
  gr_known *y = s->y, left, right;
  if (!spread(s, 0, &left) || !spread(s, 1, &right) || (d == GRAFT_BOOL && y->type.dtype != GRAFT_BOOL)) return false;
  if (d == GRAFT_BOOL && (s->node->op == GR_OP_add || s->node->op == GR_OP_sub || s->node->op == GR_OP_mul ||
                          s->node->op == GR_OP_div || s->node->op == GR_OP_pow))
    return false; /* no arithmetic on truth */
  y->unknown = left.unknown != GRAFT_NONE ? left.unknown : right.unknown;
  for (uint32_t i = 0; i < y->count; i++) {
    int64_t v;
    if ((left.mask & right.mask & 1u << i) == 0) continue;
    if (!binary(s->node->op, d, left.ints[i], right.ints[i], &v)) return false;
    set(y, i, v);
  }
  return true;
}

static bool chosen(const step *s) {
  gr_known condition, x, other;
  if (!spread(s, 0, &condition) || !spread(s, 1, &x) || !spread(s, 2, &other)) return false;
  for (uint32_t i = 0; i < s->y->count; i++) {
    if ((condition.mask >> i & 1u) == 0)
      s->y->unknown = condition.unknown;
    else
      take(s->y, i, condition.ints[i] != 0 ? &x : &other, i);
  }
  return true;
}

static bool clamp(const step *s) {
  gr_known *y = s->y;
  if (y->type.dtype == GRAFT_BOOL || !spread(s, 0, y)) return false;
  for (uint32_t bound = 1; bound <= 2; bound++) {
    gr_known at;
    if (operand(s, bound) == NULL) continue;
    if (!spread(s, bound, &at)) return false;
    y->mask &= at.mask;
    if (y->unknown == GRAFT_NONE) y->unknown = at.unknown;
    for (uint32_t i = 0; i < y->count; i++)
      if ((y->mask >> i & 1u) != 0 && (bound == 1 ? y->ints[i] < at.ints[i] : y->ints[i] > at.ints[i]))
        y->ints[i] = at.ints[i];
  }
  return true;
}

static bool converted(const step *s) {
  if (s->y->count != s->x->count) return false;
  for (uint32_t i = 0; i < s->y->count; i++)
    if ((s->x->mask >> i & 1u) != 0) set(s->y, i, wrapped(s->y->type.dtype, (uint64_t)s->x->ints[i]));
  s->y->unknown = s->x->unknown;
  return true;
}

/* The same elements in the same order. */
static bool copied(const step *s) {
  for (uint32_t i = 0; i < s->y->count; i++) take(s->y, i, s->x, i);
  return s->y->count == s->x->count;
}

static bool permuted(const step *s) {
  const int32_t rank = s->x->type.rank;
  int64_t from[GRAFT_MAX_RANK] = {0}, strides[GRAFT_MAX_RANK];
  if (s->y->type.rank != rank) return false;
  row_major(&s->x->type, from);
  memcpy(strides, from, sizeof strides);
  if (s->node->op == GR_OP_permute) {
    uint32_t count;
    const int64_t *dims = gr_attr_ints(s->w->g->module, s->node->attrs, GR_ATTR(permute, dims), &count);
    for (int32_t i = 0, axis; i < rank; i++) {
      if ((uint32_t)i >= count || !axis_of(dims[i], rank, &axis)) return false;
      strides[i] = from[axis];
    }
  } else if (rank > 0) {
    int32_t a, b;
    if (!axis_of(int_of(s, GR_ATTR(transpose, dim0)), rank, &a) ||
        !axis_of(int_of(s, GR_ATTR(transpose, dim1)), rank, &b))
      return false;
    strides[a] = from[b];
    strides[b] = from[a];
  }
  strided(s->y, s->x, 0, strides);
  return true;
}

static bool expanded(const step *s) {
  int64_t strides[GRAFT_MAX_RANK] = {0};
  if (!broadcast(&s->x->type, &s->y->type, strides)) return false;
  strided(s->y, s->x, 0, strides);
  return true;
}

/* First index of a slice of an axis of n, as Python clamps it. */
static int64_t slice_start(int64_t start, int64_t n, int64_t by) {
  if (start < 0) start += n;
  if (by > 0) return start < 0 ? 0 : start > n ? n : start;
  return start > n - 1 ? n - 1 : start;
}

/* Start or step: of the operand, where there is one, else of the attribute. False: not known. */
static bool bound(const step *s, uint32_t slot, uint32_t attr, int64_t *value) {
  const gr_use *uses = &s->w->g->uses.data[s->node->first_use];
  *value = int_of(s, attr);
  if (slot >= s->node->operand_count || uses[slot].value == GRAFT_NONE) return true;
  const gr_known *k = operand(s, slot);
  if (k->count != 1 || k->mask != 1) return s->y->unknown = k->unknown, false;
  return *value = k->ints[0], true;
}

static bool sliced(const step *s) {
  const graft_type *x = &s->x->type;
  int64_t strides[GRAFT_MAX_RANK] = {0}, by, start;
  int32_t axis;
  if (!bound(s, GR_OPERAND(slice, start), GR_ATTR(slice, start), &start) ||
      !bound(s, GR_OPERAND(slice, step), GR_ATTR(slice, step), &by))
    return false;
  if (s->y->type.rank != x->rank || !axis_of(int_of(s, GR_ATTR(slice, dim)), x->rank, &axis)) return false;
  row_major(x, strides);
  start = slice_start(start, x->dims[axis], by) * strides[axis];
  if (s->y->type.dims[axis] > 1) { /* else a step of any size is no step */
    if (by < -GR_KNOWN_INTS || by > GR_KNOWN_INTS) return false;
    strides[axis] *= by;
  }
  strided(s->y, s->x, start, strides);
  return true;
}

static bool part(const step *s) {
  uint32_t count;
  const int64_t *sizes = gr_attr_ints(s->w->g->module, s->node->attrs, GR_ATTR(split, split_sizes), &count);
  int64_t strides[GRAFT_MAX_RANK] = {0}, start = 0;
  int32_t axis;
  if (s->y->type.rank != s->x->type.rank || !axis_of(int_of(s, GR_ATTR(split, dim)), s->x->type.rank, &axis))
    return false;
  row_major(&s->x->type, strides);
  for (uint32_t i = 0; i < s->result; i++) {
    if (i >= count || sizes[i] < 0 || sizes[i] > GR_KNOWN_INTS) return false;
    start += sizes[i];
  }
  if (start > GR_KNOWN_INTS) return false;
  strided(s->y, s->x, start * strides[axis], strides);
  return true;
}

static bool joined(const step *s) {
  gr_known *y = s->y;
  int32_t axis;
  if (!axis_of(int_of(s, GR_ATTR(cat, dim)), y->type.rank, &axis)) return false;
  int64_t inner = 1, begin_at = 0;
  for (int32_t i = axis + 1; i < y->type.rank; i++) inner *= y->type.dims[i];
  for (uint32_t k = 0; k < s->node->operand_count; k++) {
    const gr_known *x = operand(s, k);
    if (x == NULL || x->type.rank != y->type.rank) { /* one of unknown extent: so has y */
      if (x != NULL) y->unknown = x->unknown;
      return false;
    }
    const int64_t row = x->type.dims[axis] * inner, line = y->type.dims[axis] * inner;
    for (uint32_t i = 0; i < x->count; i++) {
      const int64_t at = i / row * line + begin_at + i % row;
      if (at >= y->count) return false;
      take(y, (uint32_t)at, x, i);
    }
    begin_at += row;
  }
  return true;
}

static bool selected(const step *s) {
  const gr_known *index = operand(s, 1);
  const graft_type *x = &s->x->type;
  gr_known *y = s->y;
  int32_t axis;
  if (index == NULL || !axis_of(int_of(s, GR_ATTR(index_select, dim)), x->rank, &axis)) return false;
  if (index->type.rank < 0) return y->unknown = index->unknown, false;
  const int64_t n = x->dims[axis];
  int64_t inner = 1, outer = 1;
  for (int32_t i = 0; i < axis; i++) outer *= x->dims[i];
  for (int32_t i = axis + 1; i < x->rank; i++) inner *= x->dims[i];
  if (outer * index->count * inner != y->count) return false;
  if (y->count == 0 && !gr_known_whole(index)) return y->unknown = index->unknown, false;
  for (uint32_t i = 0; i < index->count; i++) /* outside it is an error at run time */
    if ((index->mask >> i & 1u) != 0 && (index->ints[i] < -n || index->ints[i] >= n)) return false;
  uint32_t k = 0;
  for (int64_t o = 0; o < outer; o++)
    for (uint32_t i = 0; i < index->count; i++) {
      const bool known = (index->mask >> i & 1u) != 0;
      const int64_t at = index->ints[i] + (index->ints[i] < 0 ? n : 0);
      for (int64_t j = 0; j < inner; j++, k++)
        if (known)
          take(y, k, s->x, (o * n + at) * inner + j);
        else
          y->unknown = index->unknown;
    }
  return true;
}

/* The extents of the operand, whatever it holds. */
static bool shape(const step *s) {
  const graft_value of = s->node->operand_count > 0 ? s->w->g->uses.data[s->node->first_use].value : GRAFT_NONE;
  if (of == GRAFT_NONE) return false;
  const graft_type *x = gr_type_of(s->w->g, of);
  int64_t start = int_of(s, GR_ATTR(shape, start));
  if (start < 0) start += x->rank;
  if (start < 0) start = 0;
  for (uint32_t i = 0; i < s->y->count; i++) {
    if (start >= x->rank || start + i >= x->rank) return false;
    if (x->dims[start + i] >= 0) set(s->y, i, x->dims[start + i]);
  }
  return true;
}

static bool numel(const step *s) {
  const graft_value of = s->node->operand_count > 0 ? s->w->g->uses.data[s->node->first_use].value : GRAFT_NONE;
  if (of == GRAFT_NONE || s->y->count != 1) return false;
  const int64_t n = graft_type_elements(gr_type_of(s->w->g, of));
  if (n >= 0) set(s->y, 0, n);
  return true;
}

static bool ranged(const step *s) {
  const gr_known *by = operand(s, 2);
  if (s->x->count != 1 || by == NULL || by->count != 1) return false;
  s->y->unknown = s->x->mask == 0 ? s->x->unknown : by->unknown;
  for (uint32_t i = 0; i < s->y->count && s->x->mask == 1 && by->mask == 1; i++)
    set(s->y, i, wrapped(s->y->type.dtype, (uint64_t)s->x->ints[0] + i * (uint64_t)by->ints[0]));
  return true;
}

/* y has each axis of x some times. */
static bool repeated(const step *s) {
  const graft_type *x = &s->x->type, *y = &s->y->type;
  int64_t strides[GRAFT_MAX_RANK] = {0};
  const int32_t more = y->rank - x->rank;
  if (more < 0) return false;
  row_major(x, strides);
  for (uint32_t k = 0; k < s->y->count; k++) {
    int64_t rest = k, at = 0;
    for (int32_t i = y->rank; i-- > 0; rest /= y->dims[i])
      if (i >= more && x->dims[i - more] > 0) at += rest % y->dims[i] % x->dims[i - more] * strides[i - more];
    take(s->y, k, s->x, at);
  }
  return true;
}

/* By op; NULL: nothing is known of its results. All but shape and numel look at what their first operand is. */
static bool (*const evaluators[GR_OP_COUNT])(const step *) = {
    [GR_OP_shape] = shape,
    [GR_OP_numel] = numel,
    [GR_OP_arange] = ranged,
    [GR_OP_repeat] = repeated,
    [GR_OP_add] = elementwise,
    [GR_OP_sub] = elementwise,
    [GR_OP_mul] = elementwise,
    [GR_OP_div] = elementwise,
    [GR_OP_pow] = elementwise,
    [GR_OP_eq] = elementwise,
    [GR_OP_ne] = elementwise,
    [GR_OP_lt] = elementwise,
    [GR_OP_le] = elementwise,
    [GR_OP_gt] = elementwise,
    [GR_OP_ge] = elementwise,
    [GR_OP_neg] = unary,
    [GR_OP_abs] = unary,
    [GR_OP_relu] = unary,
    [GR_OP_clamp] = clamp,
    [GR_OP_where] = chosen,
    [GR_OP_to] = converted,
    [GR_OP_view] = copied,
    [GR_OP_reshape] = copied,
    [GR_OP_flatten] = copied,
    [GR_OP_squeeze] = copied,
    [GR_OP_unsqueeze] = copied,
    [GR_OP_permute] = permuted,
    [GR_OP_transpose] = permuted,
    [GR_OP_expand] = expanded,
    [GR_OP_slice] = sliced,
    [GR_OP_split] = part,
    [GR_OP_index_select] = selected,
    [GR_OP_cat] = joined,
    [GR_OP_maximum] = elementwise,
    [GR_OP_minimum] = elementwise,
    [GR_OP_remainder] = elementwise,
    [GR_OP_fmod] = elementwise,
    [GR_OP_logical_and] = elementwise,
    [GR_OP_logical_or] = elementwise,
    [GR_OP_logical_xor] = elementwise,
    [GR_OP_logical_not] = unary,
    [GR_OP_bitwise_and] = elementwise,
    [GR_OP_bitwise_or] = elementwise,
    [GR_OP_bitwise_xor] = elementwise,
};

static bool evaluate(step *s) {
  const uint32_t op = s->node->op;
  if (op >= GR_OP_COUNT || evaluators[op] == NULL) return false;
  if (op != GR_OP_shape && op != GR_OP_numel) {
    s->x = operand(s, 0);
    if (s->x == NULL) return false;
    /* A list may begin with what is not known. */
    if (s->x->type.rank < 0 && op != GR_OP_cat) return s->y->unknown = s->x->unknown, false;
  }
  return evaluators[op](s);
}

/* ---- values ---- */

static void of_tensor(walk *w, graft_value v, graft_tensor t, gr_known *k) {
  graft_module *m = w->g->module;
  const gr_tensor *tensor = &m->tensors.data[t];
  if (tensor->kind != GRAFT_CONSTANT || tensor->source == GR_TENSOR_ELIDED) {
    forget(k, v);
    return;
  }
  const void *data = graft_tensor_get_data(m, t);
  if (data == NULL && k->count > 0) {
    w->failed = true;
    forget(k, v);
    return;
  }
  const size_t size = graft_dtype_size(k->type.dtype);
  for (uint32_t i = 0; i < k->count; i++) set(k, i, gr_element_int(k->type.dtype, (const char *)data + i * size));
}

static void of_node(walk *w, graft_value v, graft_node n, gr_known *k) {
  const gr_node *node = gr_node_at(w->g, n);
  step s = {.w = w, .node = node, .result = v - node->first_result, .y = k};
  const bool good = evaluate(&s);
  const graft_value why = k->unknown == GRAFT_NONE ? v : k->unknown;
  if (!good)
    forget(k, why);
  else
    k->unknown = gr_known_whole(k) ? GRAFT_NONE : why;
}

/* Its own shape is not known: that begins with an integer operand whose shape is not known either. */
static void of_unknown_shape(walk *w, graft_value v, graft_node n, gr_known *k) {
  graft_value from = v;
  for (uint32_t i = 0; from == v && i < gr_node_at(w->g, n)->operand_count; i++) {
    const graft_value operand = gr_operand(w->g, n, i);
    const graft_type *t = operand == GRAFT_NONE ? NULL : gr_type_of(w->g, operand);
    if (t == NULL || graft_type_elements(t) >= 0 || (t->dtype != GRAFT_UNKNOWN && !integer(t->dtype))) continue;
    const gr_known *x = known_of(w, operand);
    if (x->unknown != GRAFT_NONE) from = x->unknown;
  }
  forget(k, from);
}

static void of_value(walk *w, graft_value v, gr_known *k) {
  const graft_tensor t = gr_value_tensor(w->g, v);
  const graft_node n = gr_value_node(w->g, v);
  const bool small = begin(w->g, v, k);
  if (n != GRAFT_NONE && !small)
    of_unknown_shape(w, v, n, k);
  else if (t != GRAFT_NONE && small)
    of_tensor(w, v, t, k);
  else if (n != GRAFT_NONE)
    of_node(w, v, n, k);
  else
    forget(k, v);
}

static const gr_known nothing = {.type = {.dtype = GRAFT_UNKNOWN, .rank = -1}, .unknown = GRAFT_NONE};

static const gr_known *known_of(walk *w, graft_value v) {
  uint32_t at = (uint32_t)gr_mix(v) % MAX_SLOTS;
  while (w->slots[at].known != NULL && w->slots[at].value != v) at = (at + 1) % MAX_SLOTS;
  if (w->slots[at].known != NULL) return w->slots[at].known;
  if (w->failed || w->visited++ >= MAX_VALUES) return &nothing;
  gr_known *k = gr_arena_alloc(&w->arena, sizeof *k);
  if (k == NULL) {
    w->failed = true;
    return &nothing;
  }
  forget(k, v); /* what it is while its operands are looked at: a cycle ends here */
  w->slots[at].value = v;
  w->slots[at].known = k;
  of_value(w, v, k);
  return k;
}

bool gr_known_ints(graft_graph *g, graft_value v, gr_known *out) {
  walk w;
  memset(&w, 0, sizeof w);
  w.g = g;
  gr_arena_init(&w.arena, g->module->context);
  *out = *known_of(&w, v);
  gr_arena_free(&w.arena);
  return !w.failed;
}

const int64_t *gr_known_operand(void *user, uint32_t slot, uint32_t *count) {
  gr_known_operands *o = user;
  gr_known *k = &o->known;
  o->asked = true;
  if (!gr_known_ints(o->g, o->operands ? o->operands[slot] : gr_operand(o->g, o->n, slot), k)) o->failed = true;
  if (o->failed || k->type.rank < 0) return NULL;
  for (uint32_t i = 0; i < k->count; i++)
    if ((k->mask >> i & 1u) == 0) k->ints[i] = GR_UNKNOWN_INT;
  *count = k->count;
  return k->ints;
}
