/* Two arrays, broadcast as in numpy: arithmetic, comparisons, logic, bits, prelu, clamp with its bounds, and where,
 * which selects. Adjacent axes that both operands run through alike are joined first, so the inner loop is long and
 * each operand either moves on or stands still in it.
 */
#include "runtime/kernel_impl.h"

#include <math.h>
#include <string.h>

#define GRAIN 16384

/* n results; sa and sb are 1, or 0 where that operand stands still. */
typedef void (*inner_function)(void *y, const void *a, const void *b, int64_t n, int64_t sa, int64_t sb);

#define INNER_LOOP(NAME, T, TO, ...) \
  GR_LOOP void NAME##_loop(void *yy, const void *aa, const void *bb, int64_t n, int64_t sa, int64_t sb) { \
    TO *y = yy; \
    const T *pa = aa, *pb = bb; \
    if (sa && sb) { \
      GR_IN_STEP \
      for (int64_t i = 0; i < n; i++) { \
        const T a = pa[i], b = pb[i]; \
        y[i] = (TO)(__VA_ARGS__); \
      } \
    } else if (sa) { \
      const T b = *pb; \
      GR_IN_STEP \
      for (int64_t i = 0; i < n; i++) { \
        const T a = pa[i]; \
        y[i] = (TO)(__VA_ARGS__); \
      } \
    } else { \
      const T a = *pa; \
      GR_IN_STEP \
      for (int64_t i = 0; i < n; i++) { \
        const T b = pb[i * sb]; \
        y[i] = (TO)(__VA_ARGS__); \
      } \
    } \
  }

/* NAME[isa]: on floats in every version, else in one. */
#define INNER_PARAMETERS (void *y, const void *a, const void *b, int64_t n, int64_t sa, int64_t sb)
#define INNER_CLONES(NAME, T, ...) \
  INNER_LOOP(NAME, T, T, __VA_ARGS__) \
  GR_CLONES(NAME, INNER_PARAMETERS, (y, a, b, n, sa, sb))
#define INNER_TO(NAME, T, TO, ...) \
  INNER_LOOP(NAME, T, TO, __VA_ARGS__) \
  GR_ONE(NAME, INNER_PARAMETERS, (y, a, b, n, sa, sb))
#define INNER(NAME, T, ...) INNER_TO(NAME, T, T, __VA_ARGS__)

/* By squaring, wrapping; a negative exponent leaves only what 1 and -1 are the inverse of. */
#define DTYPE(D, T, U) \
  static T power_##D(T x, T exponent) { \
    const bool inverse = exponent != 0 && !(exponent > 0); \
    if (inverse && x != 1 && x != (T)-1) return 0; \
    U y = 1, factor = (U)x; \
    for (U e = inverse ? (U)exponent & 1 : (U)exponent; e; e >>= 1, factor *= factor) \
      if (e & 1) y *= factor; \
    return (T)y; \
  }
#include "runtime/kernels/dtypes.inc"
#undef DTYPE

#define IS_SHIFT(T, b) ((uint64_t)(b) < 8 * sizeof(T))
#define IS_NEGATIVE(a) ((a) != 0 && !((a) > 0)) /* of unsigned ones too, without a warning */

/* Integers wrap; the quotient's only overflow, min / -1, is the negation and wraps too. */
#define DTYPE(D, T, U) \
  INNER(add_##D, T, (U)a + (U)b) \
  INNER(sub_##D, T, (U)a - (U)b) \
  INNER(mul_##D, T, (U)a *(U)b) \
  INNER(div_##D, T, b == (T)-1 && (T)-1 < (T)1 ? (T)(0 - (U)a) : (T)(a / b)) \
  INNER(max_##D, T, a > b ? a : b) \
  INNER(min_##D, T, a < b ? a : b) \
  INNER(pow_##D, T, power_##D(a, b)) \
  INNER(remainder_##D, T, \
        b == (T)-1 && (T)-1 < (T)1 ? 0 : a % b + (a % b != 0 && IS_NEGATIVE(a % b) != IS_NEGATIVE(b) ? b : 0)) \
  INNER(fmod_##D, T, b == (T)-1 && (T)-1 < (T)1 ? 0 : a % b) \
  INNER(and_##D, T, a &b) \
  INNER(or_##D, T, a | b) \
  INNER(xor_##D, T, a ^ b) \
  INNER(left_##D, T, IS_SHIFT(T, b) ? (U)a << b : 0) \
  INNER(right_##D, T, IS_SHIFT(T, b) ? a >> b : IS_NEGATIVE(a) ? (T)-1 : 0) \
  INNER(prelu_##D, T, a > 0 ? a : (T)((U)a * (U)b))
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
#define DTYPE(D, T) \
  INNER_CLONES(add_##D, T, a + b) \
  INNER_CLONES(sub_##D, T, a - b) \
  INNER_CLONES(mul_##D, T, a *b) \
  INNER_CLONES(div_##D, T, a / b) \
  INNER_CLONES(max_##D, T, a > b || a != a ? a : b) \
  INNER_CLONES(min_##D, T, a < b || a != a ? a : b) \
  INNER_CLONES(prelu_##D, T, a > 0 ? a : a * b)
DTYPE(F32, float)
DTYPE(F64, double)
#undef DTYPE
INNER(fmod_F32, float, fmodf(a, b))
INNER(fmod_F64, double, fmod(a, b))
/* The sign is other's; a whole multiple has it too, as in Python. */
#define REMAINDER(T, FMOD, COPYSIGN) \
  static T remainder_of_##T(T a, T b) { \
    const T r = FMOD(a, b); \
    return r == 0 ? COPYSIGN(r, b) : (r < 0) != (b < 0) ? r + b : r; \
  }
REMAINDER(float, fmodf, copysignf)
REMAINDER(double, fmod, copysign)
INNER(remainder_F32, float, remainder_of_float(a, b))
INNER(remainder_F64, double, remainder_of_double(a, b))
INNER(and_BOOL, uint8_t, a &b)
INNER(or_BOOL, uint8_t, a | b)
INNER(xor_BOOL, uint8_t, a ^ b)
INNER(pow_F32, float, powf(a, b))
INNER(pow_F64, double, pow(a, b))

#define COMPARE(D, T) \
  INNER_TO(eq_##D, T, uint8_t, a == b) \
  INNER_TO(ne_##D, T, uint8_t, a != b) \
  INNER_TO(lt_##D, T, uint8_t, a < b) \
  INNER_TO(le_##D, T, uint8_t, a <= b)
#define DTYPE(D, T, U) COMPARE(D, T)
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
COMPARE(F32, float)
COMPARE(F64, double)
COMPARE(BOOL, uint8_t)

/* By dtype, then by gr_isa. */
#define TABLE(name) \
  static const inner_function *const name##_table[GRAFT_DTYPE_COUNT] = { \
      [GRAFT_F32] = name##_F32, \
      [GRAFT_F64] = name##_F64, \
      GR_INTEGERS(name), \
  }
TABLE(add);
TABLE(sub);
TABLE(mul);
TABLE(div);
TABLE(max);
TABLE(min);
TABLE(pow);
TABLE(remainder);
TABLE(fmod);
TABLE(prelu);

#define BIT_TABLE(name, ...) \
  static const inner_function *const name##_table[GRAFT_DTYPE_COUNT] = {GR_INTEGERS(name), __VA_ARGS__}
BIT_TABLE(and, [GRAFT_BOOL] = and_BOOL);
BIT_TABLE(or, [GRAFT_BOOL] = or_BOOL);
BIT_TABLE(xor, [GRAFT_BOOL] = xor_BOOL);
BIT_TABLE(left, );
BIT_TABLE(right, );

#define COMPARE_TABLE(name) \
  static const inner_function *const name##_table[GRAFT_DTYPE_COUNT] = { \
      [GRAFT_F32] = name##_F32, \
      [GRAFT_F64] = name##_F64, \
      GR_INTEGERS(name), \
      [GRAFT_BOOL] = name##_BOOL, \
  }
COMPARE_TABLE(eq);
COMPARE_TABLE(ne);
COMPARE_TABLE(lt);
COMPARE_TABLE(le);

typedef struct binary {
  char *y;
  const char *a, *b;
  int64_t y_size, a_size, b_size;                                       /* bytes of an element */
  int32_t rank;                                                         /* of the joined axes */
  int64_t dims[GRAFT_MAX_RANK], sa[GRAFT_MAX_RANK], sb[GRAFT_MAX_RANK]; /* strides in elements */
  int64_t inner;                                                        /* length of the last axis */
  int64_t pieces, cut; /* each row of the last axis is cut in `pieces` of length `cut` */
  inner_function run;
} binary;

/* Stride of result axis i in an operand: 0 where it is broadcast. */
static void strides(const graft_type *operand, const graft_type *result, int64_t *out) {
  int64_t stride = 1;
  int32_t shift = result->rank - operand->rank;
  for (int32_t i = result->rank; i-- > 0;) {
    int64_t extent = i >= shift ? operand->dims[i - shift] : 1;
    out[i] = extent == 1 ? 0 : stride;
    stride *= extent;
  }
}

/* Rows [begin, end), a row being one piece of the last axis. */
static void run_rows(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const binary *j = user;
  (void)worker;
  for (int64_t row = begin; row < end; row++) {
    int64_t first = row % j->pieces * j->cut, rest = row / j->pieces;
    int64_t at = rest * j->inner + first, a = first * j->sa[j->rank - 1], b = first * j->sb[j->rank - 1];
    for (int32_t i = j->rank - 1; i-- > 0;) {
      int64_t index = rest % j->dims[i];
      rest /= j->dims[i];
      a += index * j->sa[i];
      b += index * j->sb[i];
    }
    int64_t n = j->inner - first < j->cut ? j->inner - first : j->cut;
    j->run(j->y + at * j->y_size, j->a + a * j->a_size, j->b + b * j->b_size, n, j->sa[j->rank - 1],
           j->sb[j->rank - 1]);
  }
}

static void broadcast(gr_threads *threads, inner_function run, const gr_out *y, const gr_in *a, const gr_in *b) {
  if (y->count == 0) return;
  binary j = {.y = y->data,
              .a = a->data,
              .b = b->data,
              .y_size = (int64_t)graft_dtype_size(y->type->dtype),
              .a_size = (int64_t)graft_dtype_size(a->type->dtype),
              .b_size = (int64_t)graft_dtype_size(b->type->dtype),
              .run = run};
  int64_t sa[GRAFT_MAX_RANK], sb[GRAFT_MAX_RANK];
  strides(a->type, y->type, sa);
  strides(b->type, y->type, sb);
  for (int32_t i = 0; i < y->type->rank; i++) {
    int64_t extent = y->type->dims[i];
    if (extent == 1) continue;
    int32_t last = j.rank - 1;
    if (last >= 0 && j.sa[last] == sa[i] * extent && j.sb[last] == sb[i] * extent) {
      j.dims[last] *= extent;
    } else {
      last = j.rank++;
      j.dims[last] = extent;
    }
    j.sa[last] = sa[i];
    j.sb[last] = sb[i];
  }
  if (j.rank == 0) j.rank = 1, j.dims[0] = 1, j.sa[0] = 1, j.sb[0] = 1;
  j.inner = j.dims[j.rank - 1];
  j.cut = j.inner < GRAIN ? j.inner : GRAIN;
  if (j.cut < 1) return; /* no: y has elements */
  j.pieces = (j.inner + j.cut - 1) / j.cut;
  int64_t rows = y->count / j.inner * j.pieces;
  gr_parallel_for(threads, rows, (GRAIN + j.cut - 1) / j.cut, run_rows, &j);
}

/* `swap`: of the operands the other way round. */
static graft_status run_ordered(const gr_kernel_call *k, const inner_function *const *table, bool swap) {
  const gr_in *a = &k->operands[swap ? 1 : 0], *b = &k->operands[swap ? 0 : 1];
  graft_dtype d = a->type->dtype;
  if (b->type->dtype != d || !table[d]) return gr_kernel_no_dtype(k, b->type->dtype != d ? b->type->dtype : d);
  broadcast(k->threads, table[d][k->isa], &k->results[0], a, b);
  return GRAFT_OK;
}

static graft_status run_binary(const gr_kernel_call *k, const inner_function *const *table) {
  return run_ordered(k, table, false);
}

graft_status gr_kernel_add(const gr_kernel_call *k) { return run_binary(k, add_table); }
graft_status gr_kernel_sub(const gr_kernel_call *k) { return run_binary(k, sub_table); }
graft_status gr_kernel_mul(const gr_kernel_call *k) { return run_binary(k, mul_table); }

/* Integers are divided: by what is not 0. */
static graft_status run_division(const gr_kernel_call *k, const inner_function *const *table) {
  const gr_in *b = &k->operands[1];
  if (k->results[0].count > 0) {
    bool zero = false;
    switch (b->type->dtype) {
#define DTYPE(D, T, U) \
  case GRAFT_##D: \
    for (int64_t i = 0; i < b->count; i++) zero |= ((const T *)b->data)[i] == 0; \
    break;
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
    default: break;
    }
    if (zero) return gr_kernel_error(k, "integer division by zero");
  }
  return run_binary(k, table);
}

graft_status gr_kernel_div(const gr_kernel_call *k) { return run_division(k, div_table); }
graft_status gr_kernel_remainder(const gr_kernel_call *k) { return run_division(k, remainder_table); }
graft_status gr_kernel_fmod(const gr_kernel_call *k) { return run_division(k, fmod_table); }
graft_status gr_kernel_maximum(const gr_kernel_call *k) { return run_binary(k, max_table); }
graft_status gr_kernel_minimum(const gr_kernel_call *k) { return run_binary(k, min_table); }
graft_status gr_kernel_prelu(const gr_kernel_call *k) { return run_binary(k, prelu_table); }
graft_status gr_kernel_bitwise_and(const gr_kernel_call *k) { return run_binary(k, and_table); }
graft_status gr_kernel_bitwise_or(const gr_kernel_call *k) { return run_binary(k, or_table); }
graft_status gr_kernel_bitwise_xor(const gr_kernel_call *k) { return run_binary(k, xor_table); }
graft_status gr_kernel_bitwise_left_shift(const gr_kernel_call *k) { return run_binary(k, left_table); }
graft_status gr_kernel_bitwise_right_shift(const gr_kernel_call *k) { return run_binary(k, right_table); }
graft_status gr_kernel_logical_and(const gr_kernel_call *k) { return run_binary(k, and_table); }
graft_status gr_kernel_logical_or(const gr_kernel_call *k) { return run_binary(k, or_table); }
graft_status gr_kernel_logical_xor(const gr_kernel_call *k) { return run_binary(k, xor_table); }

graft_status gr_kernel_clamp(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0], *low = &k->operands[1], *high = &k->operands[2];
  const gr_out *y = &k->results[0];
  graft_dtype d = x->type->dtype;
  if (!max_table[d]) return gr_kernel_no_dtype(k, d);
  if ((low->data && low->type->dtype != d) || (high->data && high->type->dtype != d))
    return gr_kernel_error(k, "the bounds of clamp are not %s as x is", graft_dtype_name(d));
  if (low->data) {
    broadcast(k->threads, max_table[d][k->isa], y, x, low);
  } else if (y->data != x->data) {
    memcpy(y->data, x->data, gr_in_bytes(x));
  }
  gr_in so_far = {.type = y->type, .data = y->data, .count = y->count};
  if (high->data) broadcast(k->threads, min_table[d][k->isa], y, &so_far, high);
  return GRAFT_OK;
}

graft_status gr_kernel_pow(const gr_kernel_call *k) { return run_binary(k, pow_table); }
graft_status gr_kernel_eq(const gr_kernel_call *k) { return run_binary(k, eq_table); }
graft_status gr_kernel_ne(const gr_kernel_call *k) { return run_binary(k, ne_table); }
graft_status gr_kernel_lt(const gr_kernel_call *k) { return run_binary(k, lt_table); }
graft_status gr_kernel_le(const gr_kernel_call *k) { return run_binary(k, le_table); }
graft_status gr_kernel_gt(const gr_kernel_call *k) { return run_ordered(k, lt_table, true); }
graft_status gr_kernel_ge(const gr_kernel_call *k) { return run_ordered(k, le_table, true); }

/* ---- where: `other` everywhere, then x where the condition says so; elements move by their size ---- */

#define SELECT(T) \
  GR_LOOP void copy_##T##_loop(void *yy, const void *aa, const void *bb, int64_t n, int64_t sa, int64_t sb) { \
    T *y = yy; \
    const T *other = bb; \
    (void)aa, (void)sa; \
    if (sb) { \
      memcpy(y, other, (size_t)n * sizeof *y); \
    } else { \
      for (int64_t i = 0; i < n; i++) y[i] = *other; \
    } \
  } \
  GR_ONE(copy_##T, INNER_PARAMETERS, (y, a, b, n, sa, sb)) \
  GR_LOOP void select_##T##_loop(void *yy, const void *aa, const void *bb, int64_t n, int64_t sa, int64_t sb) { \
    T *y = yy; \
    const uint8_t *condition = aa; \
    const T *x = bb; \
    if (!sa) { \
      if (*condition) copy_##T##_loop(y, x, x, n, sb, sb); \
    } else if (sb) { \
      GR_IN_STEP \
      for (int64_t i = 0; i < n; i++) { \
        const T chosen = x[i], before = y[i]; /* both are read, so that the loop has no branch */ \
        y[i] = condition[i] ? chosen : before; \
      } \
    } else { \
      const T chosen = *x; \
      GR_IN_STEP \
      for (int64_t i = 0; i < n; i++) { \
        const T before = y[i]; \
        y[i] = condition[i] ? chosen : before; \
      } \
    } \
  } \
  GR_CLONES(select_##T, INNER_PARAMETERS, (y, a, b, n, sa, sb))
SELECT(uint8_t)
SELECT(uint16_t)
SELECT(uint32_t)
SELECT(uint64_t)

graft_status gr_kernel_select(const gr_kernel_call *k) {
  static const inner_function *const copies[] = {
      [1] = copy_uint8_t, [2] = copy_uint16_t, [4] = copy_uint32_t, [8] = copy_uint64_t};
  static const inner_function *const selects[] = {
      [1] = select_uint8_t, [2] = select_uint16_t, [4] = select_uint32_t, [8] = select_uint64_t};
  const gr_in *condition = &k->operands[0], *x = &k->operands[1], *other = &k->operands[2];
  if (condition->type->dtype != GRAFT_BOOL) return gr_kernel_no_dtype(k, condition->type->dtype);
  if (x->type->dtype != other->type->dtype) return gr_kernel_no_dtype(k, other->type->dtype);
  size_t size = graft_dtype_size(x->type->dtype);
  broadcast(k->threads, copies[size][k->isa], &k->results[0], other, other);
  broadcast(k->threads, selects[size][k->isa], &k->results[0], condition, x);
  return GRAFT_OK;
}
