/* One element in, one out: activations, dropout, conversion of dtypes. NaN goes through every one of them, as in
 * PyTorch: the comparisons are written so that they are false for NaN and the element stays. */
/* Loops here become vectors in every build; a comparison need not be a branch then, since nobody asks for the flags
 * that it sets, which is clang's default. */
#if !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif
#include "runtime/functions_impl.h"
#include "runtime/kernel_impl.h"

#include <math.h>
#include <string.h>

#define GRAIN 16384

/* ---- float functions: parameters p[0], p[1] -----------------------------------------------------------------------
 */

typedef struct unary {
  const void *x;
  void *y;
  double p[2];
} unary;

/* NAME_f32[isa] and NAME_f64[isa]: y = EXPR of x and the parameters a and b, all of type T; F(sqrt) is the function for
 * T. */
#define UNARY_TYPE(NAME, T, SUFFIX, ...) \
  GR_LOOP void NAME##_##SUFFIX##_loop(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const unary *u = user; \
    const T *in = u->x; \
    T *out = u->y; \
    const T a = (T)u->p[0], b = (T)u->p[1]; \
    (void)worker, (void)a, (void)b; \
    GR_IN_STEP \
    for (int64_t i = begin; i < end; i++) { \
      const T x = in[i]; \
      out[i] = (__VA_ARGS__); \
    } \
  } \
  GR_CLONES(NAME##_##SUFFIX, (void *user, int64_t begin, int64_t end, uint32_t worker), (user, begin, end, worker))
#define F(function) function##f
#define E(function) gr_##function##_f32
#define R(value) ((float)(value))
#define UNARY(NAME, ...) UNARY_TYPE(NAME, float, f32, __VA_ARGS__)
#include "runtime/kernels/unary.inc"
#undef E
#undef F
#undef R
#undef UNARY
#define F(function) function
#define E(function) function
#define R(value) (value)
#define UNARY(NAME, ...) UNARY_TYPE(NAME, double, f64, __VA_ARGS__)
#include "runtime/kernels/unary.inc"
#undef E
#undef F
#undef R
#undef UNARY

static graft_status run_unary(const gr_kernel_call *k, const gr_range_function *f32, const gr_range_function *f64,
                              double a, double b) {
  const gr_in *x = &k->operands[0];
  unary u = {.x = x->data, .y = k->results[0].data, .p = {a, b}};
  switch (x->type->dtype) {
  case GRAFT_F32: gr_parallel_for(k->threads, x->count, GRAIN, f32[k->isa], &u); return GRAFT_OK;
  case GRAFT_F64: gr_parallel_for(k->threads, x->count, GRAIN, f64[k->isa], &u); return GRAFT_OK;
  default: return gr_kernel_no_dtype(k, x->type->dtype);
  }
}

#define PLAIN(name) \
  graft_status gr_kernel_##name(const gr_kernel_call *k) { return run_unary(k, name##_f32, name##_f64, 0, 0); }
PLAIN(sqrt)
PLAIN(hardswish)
PLAIN(sigmoid)
PLAIN(silu)
PLAIN(tanh)
PLAIN(logsigmoid)
PLAIN(softsign)
PLAIN(mish)

graft_status gr_kernel_hardsigmoid(const gr_kernel_call *k) {
  double alpha = gr_k_float(k, GR_ATTR(hardsigmoid, alpha)), beta = gr_k_float(k, GR_ATTR(hardsigmoid, beta));
  /* PyTorch's own order of operations where it is PyTorch's op. */
  if ((float)alpha == (float)(1.0 / 6.0) && beta == 0.5) return run_unary(k, hardsigmoid6_f32, hardsigmoid6_f64, 0, 0);
  return run_unary(k, hardsigmoid_f32, hardsigmoid_f64, alpha, beta);
}

/* The attributes in slots `first` and `second` are a and b. */
static graft_status run_with(const gr_kernel_call *k, const gr_range_function *f32, const gr_range_function *f64,
                             uint32_t first, uint32_t second) {
  return run_unary(k, f32, f64, gr_k_float(k, first), gr_k_float(k, second));
}
#define ONE_NUMBER(name, attr) \
  graft_status gr_kernel_##name(const gr_kernel_call *k) { \
    return run_with(k, name##_f32, name##_f64, GR_ATTR(name, attr), GR_ATTR(name, attr)); \
  }
#define TWO_NUMBERS(name, first, second) \
  graft_status gr_kernel_##name(const gr_kernel_call *k) { \
    return run_with(k, name##_f32, name##_f64, GR_ATTR(name, first), GR_ATTR(name, second)); \
  }
ONE_NUMBER(leaky_relu, negative_slope)
ONE_NUMBER(elu, alpha)
ONE_NUMBER(celu, alpha)
ONE_NUMBER(hardshrink, lambd)
ONE_NUMBER(softshrink, lambd)
TWO_NUMBERS(selu, alpha, scale)
TWO_NUMBERS(softplus, beta, threshold)
TWO_NUMBERS(threshold, threshold, value)

graft_status gr_kernel_gelu(const gr_kernel_call *k) {
  if (gr_k_int(k, GR_ATTR(gelu, approximate)) == GR_approximation_tanh)
    return run_unary(k, gelu_tanh_f32, gelu_tanh_f64, 0, 0);
  return run_unary(k, gelu_f32, gelu_f64, 0, 0);
}

/* ---- relu and hardtanh, on integers too -----------------------------------------------------------------------------
 */

#define DTYPE(D, T, U) \
  static void clip_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const unary *u = user; \
    const T *in = u->x; \
    T *out = u->y; \
    const T a = (T)u->p[0], b = (T)u->p[1]; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) { \
      T x = in[i] < a ? a : in[i]; \
      out[i] = x > b ? b : x; \
    } \
  }
#include "runtime/kernels/dtypes.inc"
#undef DTYPE

/* The doubles nearest to the least and the greatest number of an integer dtype, and within. */
static void integer_bounds(graft_dtype d, double *min, double *max) {
  int64_t low = 0, high = 0;
  (void)gr_integer_range(d, &low, &high);
  *min = (double)low;
  *max = d == GRAFT_U64 ? 0x1.fffffffffffffp63 : d == GRAFT_I64 ? 0x1.fffffffffffffp62 : (double)high;
}

/* min(max(x, low), high); the bounds of an integer clip are cut to its range and toward zero. */
static graft_status clip(const gr_kernel_call *k, double low, double high) {
  static const gr_range_function integer[GRAFT_DTYPE_COUNT] = {GR_INTEGERS(clip)};
  graft_dtype d = k->operands[0].type->dtype;
  double min, max;
  if (!integer[d]) return run_unary(k, clip_f32, clip_f64, low, high);
  if (isnan(low) || isnan(high)) return gr_kernel_error(k, "a bound is not a number");
  integer_bounds(d, &min, &max);
  unary u = {.x = k->operands[0].data, .y = k->results[0].data};
  u.p[0] = fmin(fmax(low, min), max);
  u.p[1] = fmin(fmax(high, min), max);
  gr_parallel_for(k->threads, k->operands[0].count, GRAIN, integer[d], &u);
  return GRAFT_OK;
}

#define DTYPE(D, T, U) \
  static void relu_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const unary *u = user; \
    const T *in = u->x; \
    T *out = u->y; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) out[i] = in[i] > 0 ? in[i] : (T)0; \
  }
#include "runtime/kernels/dtypes.inc"
#undef DTYPE

graft_status gr_kernel_relu(const gr_kernel_call *k) {
  static const gr_range_function integer[GRAFT_DTYPE_COUNT] = {
      GR_INTEGERS(relu),
  };
  graft_dtype d = k->operands[0].type->dtype;
  if (!integer[d]) return run_unary(k, relu_f32, relu_f64, 0, 0);
  unary u = {.x = k->operands[0].data, .y = k->results[0].data};
  gr_parallel_for(k->threads, k->operands[0].count, GRAIN, integer[d], &u);
  return GRAFT_OK;
}

/* ---- neg, abs, sign and rounding, on integers too; functions of integers, as f32 ---- */

#define DTYPE(D, T, U) \
  static void neg_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const unary *u = user; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) ((T *)u->y)[i] = (T)(0 - (U)((const T *)u->x)[i]); \
  } \
  static void abs_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const unary *u = user; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) { \
      const T x = ((const T *)u->x)[i]; \
      ((T *)u->y)[i] = x > 0 ? x : (T)(0 - (U)x); \
    } \
  } \
  static void sign_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const unary *u = user; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) { \
      const T x = ((const T *)u->x)[i]; \
      ((T *)u->y)[i] = (T)(x > 0 ? 1 : -(x != 0)); \
    } \
  } \
  static void copy_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const unary *u = user; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) ((T *)u->y)[i] = ((const T *)u->x)[i]; \
  }
#include "runtime/kernels/dtypes.inc"
#undef DTYPE

#define INTEGER_TABLE(name) \
  static const gr_range_function name##_table[GRAFT_DTYPE_COUNT] = { \
      GR_INTEGERS(name), \
  }
INTEGER_TABLE(neg);
INTEGER_TABLE(abs);
INTEGER_TABLE(sign);
INTEGER_TABLE(copy);

/* ---- tests, and one operand's logic ---- */

#define DTYPE(D, T, U) \
  static void not_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const unary *u = user; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) ((T *)u->y)[i] = (T) ~(U)((const T *)u->x)[i]; \
  }
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
INTEGER_TABLE(not );

static void not_BOOL(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const unary *u = user;
  (void)worker;
  for (int64_t i = begin; i < end; i++) ((uint8_t *)u->y)[i] = ((const uint8_t *)u->x)[i] == 0;
}

/* isinf's parameters: does infinity count, does -infinity. */
#define TEST(NAME, S, T, ...) \
  static void NAME##_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const unary *u = user; \
    const bool up = u->p[0] != 0, down = u->p[1] != 0; \
    (void)worker, (void)up, (void)down; \
    for (int64_t i = begin; i < end; i++) { \
      const T x = ((const T *)u->x)[i]; \
      ((uint8_t *)u->y)[i] = __VA_ARGS__; \
    } \
  }
TEST(isnan, f32, float, x != x)
TEST(isnan, f64, double, x != x)
TEST(isinf, f32, float, (up && x == INFINITY) || (down && x == -INFINITY))
TEST(isinf, f64, double, (up && x == (double)INFINITY) || (down && x == -(double)INFINITY))

static graft_status run_test(const gr_kernel_call *k, gr_range_function f32, gr_range_function f64, double a,
                             double b) {
  const gr_in *x = &k->operands[0];
  unary u = {.x = x->data, .y = k->results[0].data, .p = {a, b}};
  gr_parallel_for(k->threads, x->count, GRAIN, x->type->dtype == GRAFT_F64 ? f64 : f32, &u);
  return GRAFT_OK;
}

graft_status gr_kernel_isnan(const gr_kernel_call *k) { return run_test(k, isnan_f32, isnan_f64, 0, 0); }
graft_status gr_kernel_isinf(const gr_kernel_call *k) {
  return run_test(k, isinf_f32, isinf_f64, gr_k_bool(k, GR_ATTR(isinf, detect_positive)),
                  gr_k_bool(k, GR_ATTR(isinf, detect_negative)));
}

static graft_status run_numeric(const gr_kernel_call *k, const gr_range_function *integer, const gr_range_function *f32,
                                const gr_range_function *f64) {
  const gr_in *x = &k->operands[0];
  if (!integer[x->type->dtype]) return run_unary(k, f32, f64, 0, 0);
  unary u = {.x = x->data, .y = k->results[0].data};
  gr_parallel_for(k->threads, x->count, GRAIN, integer[x->type->dtype], &u);
  return GRAFT_OK;
}

graft_status gr_kernel_bitwise_not(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  unary u = {.x = x->data, .y = k->results[0].data};
  if (!not_table[x->type->dtype]) return gr_kernel_no_dtype(k, x->type->dtype);
  gr_parallel_for(k->threads, x->count, GRAIN, not_table[x->type->dtype], &u);
  return GRAFT_OK;
}

graft_status gr_kernel_logical_not(const gr_kernel_call *k) {
  unary u = {.x = k->operands[0].data, .y = k->results[0].data};
  gr_parallel_for(k->threads, k->operands[0].count, GRAIN, not_BOOL, &u);
  return GRAFT_OK;
}

graft_status gr_kernel_neg(const gr_kernel_call *k) { return run_numeric(k, neg_table, neg_f32, neg_f64); }
graft_status gr_kernel_abs(const gr_kernel_call *k) { return run_numeric(k, abs_table, abs_f32, abs_f64); }
graft_status gr_kernel_sign(const gr_kernel_call *k) { return run_numeric(k, sign_table, sign_f32, sign_f64); }
graft_status gr_kernel_floor(const gr_kernel_call *k) { return run_numeric(k, copy_table, floor_f32, floor_f64); }
graft_status gr_kernel_ceil(const gr_kernel_call *k) { return run_numeric(k, copy_table, ceil_f32, ceil_f64); }
graft_status gr_kernel_round(const gr_kernel_call *k) { return run_numeric(k, copy_table, round_f32, round_f64); }

/* The elements become floats in the result, then the function runs there. */
static graft_status run_to_float(const gr_kernel_call *k, const gr_range_function *f32, const gr_range_function *f64) {
  const gr_in *x = &k->operands[0];
  const gr_out *y = &k->results[0];
  if (x->type->dtype == y->type->dtype) return run_unary(k, f32, f64, 0, 0);
  graft_status status = gr_kernel_to(k);
  unary u = {.x = y->data, .y = y->data};
  if (!status) gr_parallel_for(k->threads, y->count, GRAIN, (y->type->dtype == GRAFT_F64 ? f64 : f32)[k->isa], &u);
  return status;
}

#define TO_FLOAT(name) \
  graft_status gr_kernel_##name(const gr_kernel_call *k) { return run_to_float(k, name##_f32, name##_f64); }
TO_FLOAT(exp)
TO_FLOAT(log)
TO_FLOAT(erf)
TO_FLOAT(sin)
TO_FLOAT(cos)
TO_FLOAT(tan)
TO_FLOAT(asin)
TO_FLOAT(acos)
TO_FLOAT(atan)
TO_FLOAT(sinh)
TO_FLOAT(cosh)
TO_FLOAT(asinh)
TO_FLOAT(acosh)
TO_FLOAT(atanh)
TO_FLOAT(reciprocal)
TO_FLOAT(rsqrt)

graft_status gr_kernel_hardtanh(const gr_kernel_call *k) {
  return clip(k, gr_k_float(k, GR_ATTR(hardtanh, min_val)), gr_k_float(k, GR_ATTR(hardtanh, max_val)));
}

/* ---- dropout
 * --------------------------------------------------------------------------------------------------------- */

int64_t gr_alias_dropout(const gr_kernel_call *k, uint32_t result, uint32_t *operand) {
  *operand = 0;
  return result != 0 || gr_k_bool(k, GR_ATTR(dropout, training)) ? -1 : 0;
}

typedef struct dropout {
  const void *x;
  void *y;
  bool *mask;               /* which elements are kept */
  const bool *kept;         /* of the gradient: what is read */
  uint64_t seed, threshold; /* an element is dropped where its random 53 bits are below */
  double scale;
} dropout;

/* The mask is a function of the seed and the element's index alone. */
static bool dropped(const dropout *d, int64_t i) { return gr_mix(d->seed + (uint64_t)i) >> 11 < d->threshold; }

static void dropout_f32(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const dropout *d = user;
  const float *x = d->x;
  float *y = d->y, scale = (float)d->scale;
  (void)worker;
  for (int64_t i = begin; i < end; i++) y[i] = x[i] * (dropped(d, i) ? 0.0f : scale);
}

static void dropout_f64(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const dropout *d = user;
  const double *x = d->x;
  double *y = d->y;
  (void)worker;
  for (int64_t i = begin; i < end; i++) y[i] = x[i] * (dropped(d, i) ? 0.0 : d->scale);
}

static void dropout_mask(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const dropout *d = user;
  (void)worker;
  for (int64_t i = begin; i < end; i++) d->mask[i] = !dropped(d, i);
}

static void dropout_backward_f32(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const dropout *d = user;
  const float *dy = d->x, scale = (float)d->scale;
  float *dx = d->y;
  (void)worker;
  for (int64_t i = begin; i < end; i++) dx[i] = dy[i] * (d->kept[i] ? scale : 0.0f);
}

static void dropout_backward_f64(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const dropout *d = user;
  const double *dy = d->x;
  double *dx = d->y;
  (void)worker;
  for (int64_t i = begin; i < end; i++) dx[i] = dy[i] * (d->kept[i] ? d->scale : 0.0);
}

static graft_status run_dropout(const gr_kernel_call *k, dropout *d, gr_range_function f32, gr_range_function f64) {
  const gr_in *x = &k->operands[0];
  switch (x->type->dtype) {
  case GRAFT_F32: gr_parallel_for(k->threads, x->count, GRAIN, f32, d); return GRAFT_OK;
  case GRAFT_F64: gr_parallel_for(k->threads, x->count, GRAIN, f64, d); return GRAFT_OK;
  default: return gr_kernel_no_dtype(k, x->type->dtype);
  }
}

static double dropout_scale(double p) { return p < 1 ? 1 / (1 - p) : 0; }

graft_status gr_kernel_dropout(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  const gr_out *mask = &k->results[GR_RESULT(dropout, mask)];
  double p = gr_k_float(k, GR_ATTR(dropout, p));
  if (!gr_k_bool(k, GR_ATTR(dropout, training))) {
    if (x->data != k->results[0].data) memcpy(k->results[0].data, x->data, gr_in_bytes(x));
    if (mask->data) memset(mask->data, 1, (size_t)mask->count);
    return GRAFT_OK;
  }
  if (!(p >= 0 && p <= 1)) return gr_kernel_error(k, "p is %g, not a probability", p);
  dropout d = {.x = x->data,
               .y = k->results[0].data,
               .mask = mask->data,
               .seed = k->seed,
               .threshold = (uint64_t)(p * 0x1p53),
               .scale = dropout_scale(p)};
  if (d.mask) gr_parallel_for(k->threads, x->count, GRAIN, dropout_mask, &d);
  return run_dropout(k, &d, dropout_f32, dropout_f64);
}

graft_status gr_kernel_dropout_backward(const gr_kernel_call *k) {
  dropout d = {.x = k->operands[GR_OPERAND(dropout_backward, dy)].data,
               .y = k->results[0].data,
               .kept = k->operands[GR_OPERAND(dropout_backward, mask)].data,
               .scale = dropout_scale(gr_k_float(k, GR_ATTR(dropout_backward, p)))};
  return run_dropout(k, &d, dropout_backward_f32, dropout_backward_f64);
}

/* ---- to
 * ---------------------------------------------------------------------------------------------------------------- */

int64_t gr_alias_to(const gr_kernel_call *k, uint32_t result, uint32_t *operand) {
  *operand = 0;
  return k->operands[0].type->dtype == k->results[result].type->dtype ? 0 : -1;
}

/* Elements go through double or int64_t, which hold every value of the float or integer dtypes (a u64 its bits). */
#define BLOCK 256

typedef struct conversion {
  const void *x;
  void *y;
  graft_dtype from, to;
} conversion;

static void load_floats(graft_dtype d, const void *x, int64_t at, int64_t n, double *out) {
  switch (d) {
  case GRAFT_F64: memcpy(out, (const double *)x + at, (size_t)n * sizeof *out); break;
  case GRAFT_F16:
    for (int64_t i = 0; i < n; i++) out[i] = (double)gr_f16_to_float(((const uint16_t *)x)[at + i]);
    break;
  case GRAFT_BF16:
    for (int64_t i = 0; i < n; i++) out[i] = (double)gr_bf16_to_float(((const uint16_t *)x)[at + i]);
    break;
  default:
    for (int64_t i = 0; i < n; i++) out[i] = (double)((const float *)x)[at + i];
  }
}

/* A u64 keeps its bits. */
static void load_integers(graft_dtype d, const void *x, int64_t at, int64_t n, int64_t *out) {
  switch (d) {
#define DTYPE(D, T, U) \
  case GRAFT_##D: \
    for (int64_t i = 0; i < n; i++) out[i] = (int64_t)((const T *)x)[at + i]; \
    break;
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
  default: /* bool */
    for (int64_t i = 0; i < n; i++) out[i] = ((const uint8_t *)x)[at + i] != 0;
  }
}

/* Toward zero; what does not fit saturates, NaN becomes 0. */
#define DTYPE(D, T, U) \
  static T saturate_##D(double x, double limit) { \
    if (isnan(x)) return 0; \
    if (x >= limit) return GR_GREATEST(T); \
    return x <= ((T)-1 > 0 ? 0 : -limit) ? GR_LEAST(T) : (T)x; \
  }
#include "runtime/kernels/dtypes.inc"
#undef DTYPE

static void store_floats(graft_dtype d, void *y, int64_t at, int64_t n, const double *in) {
  const size_t size = graft_dtype_size(d);
  switch (d) {
  case GRAFT_F32:
    for (int64_t i = 0; i < n; i++) ((float *)y)[at + i] = (float)in[i];
    return;
  case GRAFT_F64: memcpy((double *)y + at, in, (size_t)n * sizeof *in); return;
  case GRAFT_F16:
  case GRAFT_BF16:
    for (int64_t i = 0; i < n; i++) gr_element_set_float(d, (char *)y + (size_t)(at + i) * size, in[i]);
    return;
#define DTYPE(D, T, U) \
  case GRAFT_##D: \
    for (int64_t i = 0; i < n; i++) \
      ((T *)y)[at + i] = saturate_##D(in[i], ldexp(1, (int)(8 * sizeof(T)) - ((T)-1 > 0 ? 0 : 1))); \
    return;
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
  default: /* bool */
    for (int64_t i = 0; i < n; i++) ((uint8_t *)y)[at + i] = in[i] != 0;
  }
}

/* Narrower integers wrap. `whole`: the elements are u64. */
static void store_integers(graft_dtype d, void *y, int64_t at, int64_t n, const int64_t *in, bool whole) {
  const size_t size = graft_dtype_size(d);
  switch (d) {
  case GRAFT_F32:
    for (int64_t i = 0; i < n; i++) ((float *)y)[at + i] = whole ? (float)(uint64_t)in[i] : (float)in[i];
    break;
  case GRAFT_F64:
  case GRAFT_F16:
  case GRAFT_BF16:
    for (int64_t i = 0; i < n; i++)
      gr_element_set_float(d, (char *)y + (size_t)(at + i) * size, whole ? (double)(uint64_t)in[i] : (double)in[i]);
    break;
#define DTYPE(D, T, U) \
  case GRAFT_##D: \
    for (int64_t i = 0; i < n; i++) ((T *)y)[at + i] = (T)(U)in[i]; \
    break;
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
  default: /* bool */
    for (int64_t i = 0; i < n; i++) ((uint8_t *)y)[at + i] = in[i] != 0;
  }
}

static void convert(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const conversion *c = user;
  double floats[BLOCK];
  int64_t integers[BLOCK];
  (void)worker;
  for (int64_t at = begin; at < end; at += BLOCK) {
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    if (gr_is_float(c->from)) {
      load_floats(c->from, c->x, at, n, floats);
      store_floats(c->to, c->y, at, n, floats);
    } else {
      load_integers(c->from, c->x, at, n, integers);
      store_integers(c->to, c->y, at, n, integers, c->from == GRAFT_U64);
    }
  }
}

graft_status gr_kernel_to(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  const gr_out *y = &k->results[0];
  if (x->type->dtype == y->type->dtype) {
    if (x->data != y->data) memcpy(y->data, x->data, gr_in_bytes(x));
    return GRAFT_OK;
  }
  if (gr_is_half(x->type->dtype) && y->type->dtype == GRAFT_F32)
    return gr_half_widen(k, x->type->dtype, x->data, x->count, y->data), GRAFT_OK;
  if (x->type->dtype == GRAFT_F32 && gr_is_half(y->type->dtype))
    return gr_half_round(k, y->type->dtype, x->data, x->count, y->data), GRAFT_OK;
  conversion c = {.x = x->data, .y = y->data, .from = x->type->dtype, .to = y->type->dtype};
  if (c.from == GRAFT_UNKNOWN || c.to == GRAFT_UNKNOWN) return gr_kernel_no_dtype(k, GRAFT_UNKNOWN);
  gr_parallel_for(k->threads, x->count, GRAIN, convert, &c);
  return GRAFT_OK;
}
