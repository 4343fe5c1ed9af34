/* Reductions over axes: sum, prod, amax, amin, mean, logsumexp, norms. Floats are accumulated in double, integers
 * modulo 2^64. Each result has its own accumulators, added up in an order that only the shape decides. */
#include "runtime/functions_impl.h"
#include "runtime/kernel_impl.h"

#include <math.h>

#define GRAIN 8192 /* elements read in a piece of work */
#define LANES 8    /* accumulators of a result that is a sum along its line */
#define COLUMNS 32 /* neighbouring results made at once where their elements lie side by side */

/* Axes of x, joined where neighbours are both kept or both reduced; at least one of each. */
typedef struct reduction {
  const void *x;
  void *y;
  int32_t kept, reduced;
  int64_t kept_dims[GRAFT_MAX_RANK], kept_strides[GRAFT_MAX_RANK];
  int64_t reduced_dims[GRAFT_MAX_RANK], reduced_strides[GRAFT_MAX_RANK];
  int64_t results, count; /* elements of y; elements of x in each */
  double ord;             /* of a norm */
} reduction;

/* Where element `index` of the joined axes lies. */
static int64_t place(int64_t index, int32_t rank, const int64_t *dims, const int64_t *strides) {
  int64_t at = 0;
  for (int32_t i = rank; i-- > 0;) {
    at += index % dims[i] * strides[i];
    index /= dims[i];
  }
  return at;
}

static bool by_columns(const reduction *r) {
  return r->kept_strides[r->kept - 1] == 1 && r->kept_dims[r->kept - 1] > 1;
}

/* Pieces in which the results are made: `columns` of them, or one. */
static int64_t pieces(const reduction *r, int64_t *blocks) {
  const int64_t width = r->kept_dims[r->kept - 1];
  *blocks = by_columns(r) ? (width + COLUMNS - 1) / COLUMNS : 1;
  return by_columns(r) ? (r->results / width) * *blocks : r->results;
}

/* NAME_SUFFIX[isa]: results of type T from accumulators of type A that begin at START. MAP gives what an element x
 * adds, JOIN what two accumulators a and b make, END the result of the accumulator a. */
#define REDUCE(CLONES, NAME, SUFFIX, T, A, START, MAP, JOIN, END) \
  GR_LOOP A NAME##_##SUFFIX##_map(T x, double ord) { \
    (void)ord; \
    return MAP; \
  } \
  GR_LOOP A NAME##_##SUFFIX##_join(A a, A b) { return JOIN; } \
  GR_LOOP T NAME##_##SUFFIX##_end(A a, const reduction *r) { \
    (void)r; \
    return (T)(END); \
  } \
  GR_LOOP void NAME##_##SUFFIX##_line(const reduction *r, int64_t i) { \
    const int64_t inner = r->reduced_dims[r->reduced - 1], stride = r->reduced_strides[r->reduced - 1]; \
    const int64_t lines = inner ? r->count / inner : 0, whole = stride == 1 ? inner / LANES * LANES : 0; \
    const double ord = r->ord; \
    A lane[LANES]; \
    for (int l = 0; l < LANES; l++) lane[l] = START; \
    const T *base = (const T *)r->x + place(i, r->kept, r->kept_dims, r->kept_strides); \
    for (int64_t outer = 0; outer < lines; outer++) { \
      const T *x = base + place(outer, r->reduced - 1, r->reduced_dims, r->reduced_strides); \
      for (int64_t j = 0; j < whole; j += LANES) \
        for (int l = 0; l < LANES; l++) \
          lane[l] = NAME##_##SUFFIX##_join(lane[l], NAME##_##SUFFIX##_map(x[j + l], ord)); \
      for (int64_t j = whole; j < inner; j++) \
        lane[0] = NAME##_##SUFFIX##_join(lane[0], NAME##_##SUFFIX##_map(x[j * stride], ord)); \
    } \
    for (int half = LANES / 2; half > 0; half /= 2) \
      for (int l = 0; l < half; l++) lane[l] = NAME##_##SUFFIX##_join(lane[l], lane[l + half]); \
    ((T *)r->y)[i] = NAME##_##SUFFIX##_end(lane[0], r); \
  } \
  GR_LOOP void NAME##_##SUFFIX##_columns(const reduction *r, int64_t row, int64_t from) { \
    const int64_t width = r->kept_dims[r->kept - 1], n = width - from < COLUMNS ? width - from : COLUMNS; \
    const int64_t base = place(row, r->kept - 1, r->kept_dims, r->kept_strides) + from; \
    const double ord = r->ord; \
    A column[COLUMNS]; \
    for (int64_t c = 0; c < COLUMNS; c++) column[c] = START; \
    for (int64_t k = 0; k < r->count; k++) { \
      const T *x = (const T *)r->x + base + place(k, r->reduced, r->reduced_dims, r->reduced_strides); \
      GR_IN_STEP \
      for (int64_t c = 0; c < n; c++) column[c] = NAME##_##SUFFIX##_join(column[c], NAME##_##SUFFIX##_map(x[c], ord)); \
    } \
    for (int64_t c = 0; c < n; c++) ((T *)r->y)[row * width + from + c] = NAME##_##SUFFIX##_end(column[c], r); \
  } \
  GR_LOOP void NAME##_##SUFFIX##_loop(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const reduction *r = user; \
    int64_t blocks; \
    (void)worker; \
    (void)pieces(r, &blocks); \
    if (by_columns(r)) \
      for (int64_t i = begin; i < end; i++) NAME##_##SUFFIX##_columns(r, i / blocks, i % blocks * COLUMNS); \
    else \
      for (int64_t i = begin; i < end; i++) NAME##_##SUFFIX##_line(r, i); \
  } \
  CLONES(NAME##_##SUFFIX, (void *user, int64_t begin, int64_t end, uint32_t worker), (user, begin, end, worker))

/* A NaN among the elements is the largest and the smallest. */
#define LARGER (a > b || a != a ? a : b)
#define SMALLER (a < b || a != a ? a : b)

#define FLOATS(T, S, F) \
  REDUCE(GR_CLONES, sum, S, T, double, 0, (double)x, a + b, a) \
  REDUCE(GR_CLONES, prod, S, T, double, 1, (double)x, a *b, a) \
  REDUCE(GR_CLONES, mean, S, T, double, 0, (double)x, a + b, a / (double)r->count) \
  REDUCE(GR_CLONES, amax, S, T, T, -(T)INFINITY, x, LARGER, a) \
  REDUCE(GR_CLONES, amin, S, T, T, (T)INFINITY, x, SMALLER, a) \
  REDUCE(GR_CLONES, norm1, S, T, double, 0, fabs((double)x), a + b, a) \
  REDUCE(GR_CLONES, norm2, S, T, double, 0, (double)x *(double)x, a + b, sqrt(a)) \
  REDUCE(GR_CLONES, norm_max, S, T, T, 0, F(x), LARGER, a) \
  REDUCE(GR_CLONES, norm_min, S, T, T, (T)INFINITY, F(x), SMALLER, a) \
  REDUCE(GR_ONE, norm0, S, T, double, 0, (double)(x != 0), a + b, a) \
  REDUCE(GR_ONE, norm, S, T, double, 0, pow(fabs((double)x), ord), a + b, pow(a, 1 / r->ord))
FLOATS(float, F32, fabsf)
FLOATS(double, F64, fabs)

/* Truncated, as integers are divided. */
#define QUOTIENT(T) ((T)-1 > (T)0 ? (T)(a / (uint64_t)r->count) : (T)((int64_t)a / r->count))
#define DTYPE(D, T, U) \
  REDUCE(GR_ONE, sum, D, T, uint64_t, 0, (uint64_t)x, a + b, a) \
  REDUCE(GR_ONE, prod, D, T, uint64_t, 1, (uint64_t)x, a *b, a) \
  REDUCE(GR_ONE, mean, D, T, uint64_t, 0, (uint64_t)x, a + b, QUOTIENT(T))
#include "runtime/kernels/dtypes.inc"
#undef DTYPE

/* The first element is what an accumulator begins with; of none, the least or the greatest number there is. */
#define LEAST(T) ((T)-1 > (T)0 ? (T)0 : (T)((uint64_t)1 << (8 * sizeof(T) - 1)))
#define GREATEST(T) ((T)~LEAST(T))
#define DTYPE(D, T, U) \
  REDUCE(GR_CLONES, amax, D, T, T, LEAST(T), x, a > b ? a : b, a) \
  REDUCE(GR_CLONES, amin, D, T, T, GREATEST(T), x, a < b ? a : b, a)
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
REDUCE(GR_ONE, amax, BOOL, uint8_t, uint8_t, 0, x != 0, a | b, a)
REDUCE(GR_ONE, amin, BOOL, uint8_t, uint8_t, 1, x != 0, a &b, a)

/* max + log(sum(exp(x - max))): no exponential overflows. Where the largest element is infinite it is the result. */
#define LOG_SUM_EXP(T, S, EXP) \
  static void logsumexp_of_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const reduction *r = user; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) { \
      const T *x = (const T *)r->x + place(i, r->kept, r->kept_dims, r->kept_strides); \
      T max = -(T)INFINITY; \
      double sum = 0; \
      for (int64_t k = 0; k < r->count; k++) { \
        const T b = x[place(k, r->reduced, r->reduced_dims, r->reduced_strides)], a = max; \
        max = LARGER; \
      } \
      const bool finite = max - max == 0; \
      for (int64_t k = 0; finite && k < r->count; k++) \
        sum += (double)EXP(x[place(k, r->reduced, r->reduced_dims, r->reduced_strides)] - max); \
      ((T *)r->y)[i] = finite ? (T)((double)max + log(sum)) : max; \
    } \
  } \
  static const gr_range_function logsumexp_##S[GR_ISA_COUNT] = {logsumexp_of_##S, logsumexp_of_##S, logsumexp_of_##S};
LOG_SUM_EXP(float, F32, gr_exp_f32)
LOG_SUM_EXP(double, F64, exp)

/* ---- the call ---- */

typedef enum kind { SUM, PROD, MEAN, AMAX, AMIN, LOGSUMEXP, NORM, NORM0, NORM1, NORM2, NORM_MAX, NORM_MIN, KINDS } kind;

#define DTYPE(D, T, U) [GRAFT_##D] = {sum_##D, prod_##D, mean_##D, amax_##D, amin_##D},
#define FLOATS_OF(D) \
  { \
    sum_##D, prod_##D, mean_##D, amax_##D, amin_##D, logsumexp_##D, norm_##D, norm0_##D, norm1_##D, norm2_##D, \
        norm_max_##D, norm_min_##D \
  }
static const gr_range_function *const functions[GRAFT_DTYPE_COUNT][KINDS] = {
    [GRAFT_F32] = FLOATS_OF(F32),
    [GRAFT_F64] = FLOATS_OF(F64),
    [GRAFT_BOOL] = {[AMAX] = amax_BOOL, [AMIN] = amin_BOOL},
#include "runtime/kernels/dtypes.inc"
};
#undef DTYPE

GR_SAME_ATTR(dim, sum, prod);
GR_SAME_ATTR(dim, sum, mean);
GR_SAME_ATTR(dim, sum, amax);
GR_SAME_ATTR(dim, sum, amin);
GR_SAME_ATTR(dim, sum, logsumexp);
GR_SAME_ATTR(dim, sum, linalg_vector_norm);

static reduction over_axes(const gr_kernel_call *k, const bool *reduce) {
  const graft_type *x = k->operands[0].type;
  reduction r = {.x = k->operands[0].data, .y = k->results[0].data, .results = k->results[0].count, .count = 1};
  int64_t stride[GRAFT_MAX_RANK], next = 1;
  for (int32_t i = x->rank; i-- > 0;) stride[i] = next, next *= x->dims[i];
  for (int32_t i = 0; i < x->rank; i++) {
    int32_t *rank = reduce[i] ? &r.reduced : &r.kept;
    int64_t *extents = reduce[i] ? r.reduced_dims : r.kept_dims;
    int64_t *strides = reduce[i] ? r.reduced_strides : r.kept_strides;
    if (reduce[i]) r.count *= x->dims[i];
    if (i > 0 && reduce[i] == reduce[i - 1]) {
      extents[*rank - 1] *= x->dims[i];
      strides[*rank - 1] = stride[i];
    } else {
      extents[*rank] = x->dims[i];
      strides[(*rank)++] = stride[i];
    }
  }
  if (r.reduced == 0) r.reduced = 1, r.reduced_dims[0] = r.reduced_strides[0] = 1;
  if (r.kept == 0) r.kept = 1, r.kept_dims[0] = 1;
  return r;
}

static graft_status run_over(const gr_kernel_call *k, kind which, const bool *reduce, double ord) {
  const graft_dtype d = k->operands[0].type->dtype;
  const gr_range_function *function = functions[d][which];
  if (!function) return gr_kernel_no_dtype(k, d);
  reduction r = over_axes(k, reduce);
  r.ord = ord;
  if (r.results == 0) return GRAFT_OK;
  int64_t blocks;
  const int64_t n = which == LOGSUMEXP ? r.results : pieces(&r, &blocks), each = r.results / n * r.count;
  gr_parallel_for(k->threads, n, each > 0 && each < GRAIN ? GRAIN / each : 1, function[k->isa], &r);
  return GRAFT_OK;
}

static graft_status run(const gr_kernel_call *k, kind which, double ord) {
  const int32_t rank = k->operands[0].type->rank;
  bool reduce[GRAFT_MAX_RANK] = {false};
  uint32_t count;
  const int64_t *dims = gr_k_ints(k, GR_ATTR(sum, dim), &count);
  for (int32_t i = 0; i < rank; i++) reduce[i] = count == 0;
  for (uint32_t i = 0; i < count && rank > 0; i++) reduce[gr_axis(dims[i], rank)] = true;
  return run_over(k, which, reduce, ord);
}

graft_status gr_kernel_sum(const gr_kernel_call *k) { return run(k, SUM, 0); }
graft_status gr_kernel_prod(const gr_kernel_call *k) { return run(k, PROD, 0); }
graft_status gr_kernel_amax(const gr_kernel_call *k) { return run(k, AMAX, 0); }
graft_status gr_kernel_amin(const gr_kernel_call *k) { return run(k, AMIN, 0); }
graft_status gr_kernel_logsumexp(const gr_kernel_call *k) { return run(k, LOGSUMEXP, 0); }

graft_status gr_kernel_mean(const gr_kernel_call *k) {
  const graft_dtype d = k->operands[0].type->dtype;
  if (k->operands[0].count == 0 && k->results[0].count > 0 && d != GRAFT_F32 && d != GRAFT_F64)
    return gr_kernel_error(k, "the mean of no integers");
  return run(k, MEAN, 0);
}

graft_status gr_kernel_linalg_vector_norm(const gr_kernel_call *k) {
  const double ord = gr_k_float(k, GR_ATTR(linalg_vector_norm, ord));
  const kind special = ord == 0           ? NORM0
                       : ord == 1         ? NORM1
                       : ord == 2         ? NORM2
                       : ord == INFINITY  ? NORM_MAX
                       : ord == -INFINITY ? NORM_MIN
                                          : NORM;
  return run(k, special, ord);
}

/* ---- sum_to_size ---- */

int64_t gr_alias_sum_to_size(const gr_kernel_call *k, uint32_t result, uint32_t *operand) {
  (void)result;
  *operand = 0;
  return k->operands[0].type->rank == k->results[0].type->rank && gr_same_shape(k->operands[0].type, k->results[0].type)
             ? 0
             : -1;
}

graft_status gr_kernel_sum_to_size(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type, *y = k->results[0].type;
  const int32_t added = x->rank - y->rank;
  bool reduce[GRAFT_MAX_RANK] = {false};
  for (int32_t i = 0; i < x->rank; i++) reduce[i] = i < added || x->dims[i] != y->dims[i - added];
  return run_over(k, SUM, reduce, 0);
}
