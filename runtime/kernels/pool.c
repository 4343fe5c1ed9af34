/* Pooling, written for three spatial axes: with fewer, the first ones have extent and window 1. Axes before the spatial
 * ones are planes, one piece of work each. */
#include "runtime/kernels/pool_impl.h"

#include <math.h>

/* Results of a row whose windows reach over no end of the input: [first, last). */
static void inside_row(const gr_pool *p, int64_t *first, int64_t *last) {
  const gr_pool_axis *a = &p->a[2];
  const int64_t reach = (a->kernel - 1) * a->dilation + 1, spare = a->in + a->padding - reach;
  *first = *last = 0;
  if (p->adaptive || spare < 0) return;
  const int64_t begin = (a->padding + a->stride - 1) / a->stride, end = spare / a->stride + 1;
  *last = end < a->out ? end : a->out;
  *first = begin < *last ? begin : *last;
}

/* One tap of a row of maxima: the elements that `stride` apart belong to results that follow each other. `at` has the
 * positions of the maxima, of which the tap's first is `from`; or is NULL. */
#define MAX_TAP(D, T, IS_NAN) \
  GR_LOOP void max_tap_by_##D(const T *x, int64_t stride, int64_t count, T *y, int64_t *at, int64_t from) { \
    if (at) { \
      GR_IN_STEP \
      for (int64_t i = 0; i < count; i++) { \
        const T v = x[i * stride], max = y[i]; \
        const bool more = v > max || IS_NAN(v); \
        const int64_t before = at[i]; \
        y[i] = more ? v : max; \
        at[i] = more ? from + i * stride : before; \
      } \
    } else { \
      GR_IN_STEP \
      for (int64_t i = 0; i < count; i++) { \
        const T v = x[i * stride]; \
        y[i] = v > y[i] || IS_NAN(v) ? v : y[i]; \
      } \
    } \
  } \
  GR_LOOP void max_tap_##D##_loop(const T *x, int64_t stride, int64_t count, T *y, int64_t *at, int64_t from) { \
    if (stride == 1) \
      max_tap_by_##D(x, 1, count, y, at, from); \
    else if (stride == 2) \
      max_tap_by_##D(x, 2, count, y, at, from); \
    else \
      max_tap_by_##D(x, stride, count, y, at, from); \
  } \
  CLONES_##D(max_tap_##D, (const T *x, int64_t stride, int64_t count, T *y, int64_t *at, int64_t from), \
             (x, stride, count, y, at, from))
#define CLONES_F32 GR_CLONES
#define CLONES_I8 GR_CLONES
#define CLONES_U8 GR_CLONES
#define CLONES_F64 GR_ONE
#define CLONES_I16 GR_ONE
#define CLONES_I32 GR_ONE
#define CLONES_I64 GR_ONE
#define CLONES_U16 GR_ONE
#define CLONES_U32 GR_ONE
#define CLONES_U64 GR_ONE

/* As PyTorch: the first of equal elements, and the last NaN where there is one. Where a row of windows lies inside, a
 * tap is taken for the whole row at once: each result meets the same elements in the same order. */
#define MAX_POOL(D, T, LOWEST, IS_NAN) \
  MAX_TAP(D, T, IS_NAN) \
  static void max_window_##D(const gr_pool *p, const T *x, int64_t d, int64_t h, int64_t w, int64_t at) { \
    const gr_pool_axis *a = p->a; \
    int64_t d0, d1, h0, h1, w0, w1, n; \
    gr_pool_window(p, 0, d, &d0, &d1, &n); \
    gr_pool_window(p, 1, h, &h0, &h1, &n); \
    gr_pool_window(p, 2, w, &w0, &w1, &n); \
    int64_t best = (d0 * a[1].in + h0) * a[2].in + w0; \
    T max = LOWEST; \
    for (int64_t i = d0; i < d1; i += a[0].dilation) \
      for (int64_t j = h0; j < h1; j += a[1].dilation) \
        for (int64_t l = w0; l < w1; l += a[2].dilation) { \
          int64_t from = (i * a[1].in + j) * a[2].in + l; \
          const T v = x[from]; \
          if (v > max || IS_NAN(v)) max = v, best = from; \
        } \
    ((T *)p->y)[at] = max; \
    if (p->indices) p->indices[at] = best; \
  } \
  static void max_row_##D(const gr_pool *p, const T *x, int64_t d, int64_t h, int64_t first, int64_t last, T *y, \
                          int64_t *at) { \
    const gr_pool_axis *a = p->a; \
    int64_t d0, d1, h0, h1, n; \
    gr_pool_window(p, 0, d, &d0, &d1, &n); \
    gr_pool_window(p, 1, h, &h0, &h1, &n); \
    const int64_t begin = first * a[2].stride - a[2].padding; \
    for (int64_t w = first; w < last; w++) y[w] = LOWEST; \
    for (int64_t w = first; w < last && at; w++) \
      at[w] = (d0 * a[1].in + h0) * a[2].in + begin + (w - first) * a[2].stride; \
    for (int64_t i = d0; i < d1; i += a[0].dilation) \
      for (int64_t j = h0; j < h1; j += a[1].dilation) \
        for (int64_t l = 0; l < a[2].kernel; l++) { \
          const int64_t from = (i * a[1].in + j) * a[2].in + begin + l * a[2].dilation; \
          max_tap_##D[p->isa](x + from, a[2].stride, last - first, y + first, at ? at + first : NULL, from); \
        } \
  } \
  static void max_pool_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const gr_pool *p = user; \
    const gr_pool_axis *a = p->a; \
    int64_t first, last; \
    (void)worker; \
    inside_row(p, &first, &last); \
    for (int64_t plane = begin; plane < end; plane++) { \
      const T *x = (const T *)p->x + plane * p->in; \
      int64_t at = plane * p->out; \
      for (int64_t d = 0; d < a[0].out; d++) \
        for (int64_t h = 0; h < a[1].out && !gr_cancelled(p->context); h++, at += a[2].out) { \
          for (int64_t w = 0; w < first; w++) max_window_##D(p, x, d, h, w, at + w); \
          if (first < last) max_row_##D(p, x, d, h, first, last, (T *)p->y + at, p->indices ? p->indices + at : NULL); \
          for (int64_t w = last; w < a[2].out; w++) max_window_##D(p, x, d, h, w, at + w); \
        } \
    } \
  }
#define NEVER(v) false
#define NOT_ITSELF(v) ((v) != (v))
MAX_POOL(F32, float, -INFINITY, NOT_ITSELF)
MAX_POOL(F64, double, -INFINITY, NOT_ITSELF)
#define DTYPE(D, T, U) MAX_POOL(D, T, GR_LEAST(T), NEVER)
#include "runtime/kernels/dtypes.inc"
#undef DTYPE

/* ONE is what an element adds, WHOLE the result of `sum` for windows of n elements with the padding that counts. */
#define SUM_POOL(NAME, D, T, ONE, WHOLE) \
  static void NAME##_##D(void *user, int64_t first, int64_t last, uint32_t worker) { \
    const gr_pool *p = user; \
    const gr_pool_axis *a = p->a; \
    (void)worker; \
    for (int64_t plane = first; plane < last; plane++) { \
      const T *x = (const T *)p->x + plane * p->in; \
      T *y = (T *)p->y + plane * p->out; \
      for (int64_t d = 0; d < a[0].out; d++) { \
        int64_t d0, d1, dn, h0, h1, hn, w0, w1, wn; \
        gr_pool_window(p, 0, d, &d0, &d1, &dn); \
        for (int64_t h = 0; h < a[1].out && !gr_cancelled(p->context); h++) { \
          gr_pool_window(p, 1, h, &h0, &h1, &hn); \
          for (int64_t w = 0; w < a[2].out; w++) { \
            gr_pool_window(p, 2, w, &w0, &w1, &wn); \
            double sum = 0; \
            for (int64_t i = d0; i < d1; i += a[0].dilation) \
              for (int64_t j = h0; j < h1; j += a[1].dilation) \
                for (int64_t l = w0; l < w1; l += a[2].dilation) { \
                  const double v = (double)x[(i * a[1].in + j) * a[2].in + l]; \
                  sum += ONE; \
                } \
            const double n = p->count_include_pad \
                                 ? (double)dn * (double)hn * (double)wn \
                                 : (double)gr_pool_inside(&a[0], d0, d1) * (double)gr_pool_inside(&a[1], h0, h1) * \
                                       (double)gr_pool_inside(&a[2], w0, w1); \
            *y++ = (T)(WHOLE); \
          } \
        } \
      } \
    } \
  }
#define MEAN n > 0 ? sum / n : 0 /* as PyTorch, where a window holds nothing but padding */
SUM_POOL(avg_pool, f32, float, v, MEAN)
SUM_POOL(avg_pool, f64, double, v, MEAN)
#define LP_POOL(D, T) \
  SUM_POOL(l1_pool, D, T, fabs(v), ((void)n, sum)) \
  SUM_POOL(l2_pool, D, T, v *v, ((void)n, sqrt(sum))) \
  SUM_POOL(lp_pool, D, T, pow(fabs(v), p->norm_type), ((void)n, pow(sum, 1 / p->norm_type)))
LP_POOL(f32, float)
LP_POOL(f64, double)

static int axes_of(uint32_t of) {
  switch (of) {
  case GR_OP_max_pool1d:
  case GR_OP_avg_pool1d:
  case GR_OP_lp_pool1d:
  case GR_OP_adaptive_avg_pool1d:
  case GR_OP_adaptive_max_pool1d: return 1;
  case GR_OP_max_pool3d:
  case GR_OP_avg_pool3d:
  case GR_OP_lp_pool3d:
  case GR_OP_adaptive_avg_pool3d:
  case GR_OP_adaptive_max_pool3d: return 3;
  default: return 2;
  }
}

static bool is_adaptive(uint32_t of) {
  return of == GR_OP_adaptive_avg_pool1d || of == GR_OP_adaptive_avg_pool2d || of == GR_OP_adaptive_avg_pool3d ||
         of == GR_OP_adaptive_max_pool1d || of == GR_OP_adaptive_max_pool2d || of == GR_OP_adaptive_max_pool3d;
}

GR_SAME_ATTR(kernel_size, max_pool2d, avg_pool2d);
GR_SAME_ATTR(stride, max_pool2d, avg_pool2d);
GR_SAME_ATTR(padding, max_pool2d, avg_pool2d);
GR_SAME_ATTR(kernel_size, max_pool2d, lp_pool2d);
GR_SAME_ATTR(stride, max_pool2d, lp_pool2d);
GR_SAME_ATTR(padding, max_pool2d, lp_pool2d);
GR_SAME_ATTR(dilation, max_pool2d, lp_pool2d);

static void read_windows(const gr_kernel_call *k, gr_pool *p, int first, bool is_avg) {
  uint32_t n;
  const int64_t *kernel = gr_k_ints(k, GR_ATTR_ND(max_pool, kernel_size), &n),
                *stride = gr_k_ints(k, GR_ATTR_ND(max_pool, stride), &n);
  const int64_t *padding = gr_k_ints(k, GR_ATTR_ND(max_pool, padding), &n),
                *dilation = gr_k_ints(k, is_avg ? GR_ATTR_ND(avg_pool, dilation) : GR_ATTR_ND(max_pool, dilation), &n);
  for (int i = first; i < 3; i++) {
    p->a[i].kernel = kernel[i - first];
    p->a[i].stride = stride[i - first];
    p->a[i].padding = padding[i - first];
    p->a[i].dilation = dilation[i - first];
  }
}

void gr_pool_read(const gr_kernel_call *k, uint32_t of, gr_pool *p) {
  const graft_type *x = k->operands[0].type, *y = k->results[0].type;
  const int first = 3 - axes_of(of);
  const bool is_avg = of == GR_OP_avg_pool1d || of == GR_OP_avg_pool2d || of == GR_OP_avg_pool3d;
  *p = (gr_pool){.x = k->operands[0].data,
                 .y = k->results[0].data,
                 .indices = k->results[1].data,
                 .in = 1,
                 .out = 1,
                 .isa = k->isa,
                 .context = k->context,
                 .adaptive = is_adaptive(of)};
  for (int i = 0; i < 3; i++) {
    gr_pool_axis *a = &p->a[i];
    *a = (gr_pool_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    const int32_t from = x->rank - 3 + i;
    if (i >= first) a->in = x->dims[from], a->out = y->dims[from];
    p->in *= a->in;
    p->out *= a->out;
  }
  if (!p->adaptive) read_windows(k, p, first, is_avg);
  if (is_avg) p->count_include_pad = gr_k_bool(k, GR_ATTR_ND(avg_pool, count_include_pad));
}

static graft_status run_pool(const gr_kernel_call *k, gr_pool *p, gr_range_function run) {
  if (!run) return gr_kernel_no_dtype(k, k->operands[0].type->dtype);
  if (k->results[0].count == 0) return GRAFT_OK;
  double work = (double)p->out * (double)p->a[0].kernel * (double)p->a[1].kernel * (double)p->a[2].kernel;
  gr_parallel_for(k->threads, k->results[0].count / p->out, 1 + (int64_t)(16384 / (work + 1)), run, p);
  return GRAFT_OK;
}

static const gr_range_function max_pool[GRAFT_DTYPE_COUNT] = {
    [GRAFT_F32] = max_pool_F32,
    [GRAFT_F64] = max_pool_F64,
    GR_INTEGERS(max_pool),
};
static const gr_range_function avg_pool[GRAFT_DTYPE_COUNT] = {[GRAFT_F32] = avg_pool_f32, [GRAFT_F64] = avg_pool_f64};

graft_status gr_kernel_max_pool(const gr_kernel_call *k) {
  gr_pool p;
  gr_pool_read(k, k->op, &p);
  return run_pool(k, &p, max_pool[k->operands[0].type->dtype]);
}

graft_status gr_kernel_avg_pool(const gr_kernel_call *k) {
  gr_pool p;
  gr_pool_read(k, k->op, &p);
  return run_pool(k, &p, avg_pool[k->operands[0].type->dtype]);
}

graft_status gr_kernel_lp_pool(const gr_kernel_call *k) {
  static const gr_range_function run[GRAFT_DTYPE_COUNT][3] = {
      [GRAFT_F32] = {l1_pool_f32, l2_pool_f32, lp_pool_f32}, [GRAFT_F64] = {l1_pool_f64, l2_pool_f64, lp_pool_f64}};
  gr_pool p;
  gr_pool_read(k, k->op, &p);
  p.norm_type = gr_k_float(k, GR_ATTR_ND(lp_pool, norm_type));
  return run_pool(k, &p, run[k->operands[0].type->dtype][p.norm_type == 1 ? 0 : p.norm_type == 2 ? 1 : 2]);
}

graft_status gr_kernel_adaptive_avg_pool(const gr_kernel_call *k) {
  gr_pool p;
  gr_pool_read(k, k->op, &p);
  return run_pool(k, &p, avg_pool[k->operands[0].type->dtype]);
}

graft_status gr_kernel_adaptive_max_pool(const gr_kernel_call *k) {
  gr_pool p;
  gr_pool_read(k, k->op, &p);
  return run_pool(k, &p, max_pool[k->operands[0].type->dtype]);
}

/* Elements go by their size alone; the zeros of every dtype are bytes of 0. */
graft_status gr_kernel_max_unpool(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  const int64_t *indices = k->operands[1].data;
  const size_t each = graft_dtype_size(x->type->dtype);
  const int64_t in = gr_extent(x->type, 2, x->type->rank),
                out = gr_extent(k->results[0].type, 2, k->results[0].type->rank);
  char *y = k->results[0].data;
  memset(y, 0, gr_out_bytes(&k->results[0]));
  for (int64_t i = 0; i < x->count; i++) {
    if (indices[i] < 0 || indices[i] >= out)
      return gr_kernel_error(k, "index %jd of a plane of %jd elements", (intmax_t)indices[i], (intmax_t)out);
    memcpy(y + (size_t)(i / in * out + indices[i]) * each, (const char *)x->data + (size_t)i * each, each);
  }
  return GRAFT_OK;
}
