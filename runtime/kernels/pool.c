/* Pooling, written for three spatial axes: with fewer, the first ones have extent and window 1. Axes before the spatial
 * ones are planes, one piece of work each. */
#include "runtime/kernel_impl.h"

#include <math.h>

GR_SAME_ATTR(kernel_size, max_pool2d, avg_pool2d);
GR_SAME_ATTR(stride, max_pool2d, avg_pool2d);
GR_SAME_ATTR(padding, max_pool2d, avg_pool2d);

typedef struct axis {
  int64_t in, out, kernel, stride, padding, dilation;
} axis;

typedef struct pool {
  const void *x;
  void *y;
  int64_t *indices; /* of max_pool, or NULL */
  axis a[3];
  int64_t in, out; /* elements in a plane */
  bool count_include_pad, adaptive;
} pool;

/* Window of output o, cut to the input. `*extent`: its length with the padding that it covers. */
static void window(const pool *p, int i, int64_t o, int64_t *begin, int64_t *end, int64_t *extent) {
  const axis *a = &p->a[i];
  if (p->adaptive) {
    *begin = o * a->in / a->out;
    *end = ((o + 1) * a->in + a->out - 1) / a->out;
  } else {
    *begin = o * a->stride - a->padding;
    *end = *begin + a->kernel;
    if (*end > a->in + a->padding) *end = a->in + a->padding;
  }
  *extent = *end - *begin;
  if (*begin < 0) *begin = 0;
  if (*end > a->in) *end = a->in;
}

/* First index of max_pool's window of output o that is inside, and one past the last. */
static void taps(const axis *a, int64_t o, int64_t *begin, int64_t *end) {
  *begin = o * a->stride - a->padding;
  *end = *begin + (a->kernel - 1) * a->dilation + 1;
  if (*begin < 0) *begin += (-*begin + a->dilation - 1) / a->dilation * a->dilation;
  if (*end > a->in) *end = a->in;
}

/* As PyTorch: the first of equal elements, and the last NaN where there is one. */
#define MAX_POOL(D, T, LOWEST, IS_NAN) \
  static void max_pool_##D(void *user, int64_t first, int64_t last, uint32_t worker) { \
    const pool *p = user; \
    const axis *a = p->a; \
    (void)worker; \
    for (int64_t plane = first; plane < last; plane++) { \
      const T *x = (const T *)p->x + plane * p->in; \
      int64_t at = plane * p->out; \
      for (int64_t d = 0; d < a[0].out; d++) { \
        int64_t d0, d1; \
        taps(&a[0], d, &d0, &d1); \
        for (int64_t h = 0; h < a[1].out; h++) { \
          int64_t h0, h1; \
          taps(&a[1], h, &h0, &h1); \
          for (int64_t w = 0; w < a[2].out; w++, at++) { \
            int64_t w0, w1, best = (d0 * a[1].in + h0) * a[2].in; \
            taps(&a[2], w, &w0, &w1); \
            T max = LOWEST; \
            best += w0; \
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
        } \
      } \
    } \
  }
#define NEVER(v) false
MAX_POOL(F32, float, -INFINITY, isnan)
MAX_POOL(F64, double, -INFINITY, isnan)
#define DTYPE(D, T, U) MAX_POOL(D, T, GR_LEAST(T), NEVER)
#include "runtime/kernels/dtypes.inc"
#undef DTYPE

#define AVG_POOL(D, T) \
  static void avg_pool_##D(void *user, int64_t first, int64_t last, uint32_t worker) { \
    const pool *p = user; \
    const axis *a = p->a; \
    (void)worker; \
    for (int64_t plane = first; plane < last; plane++) { \
      const T *x = (const T *)p->x + plane * p->in; \
      T *y = (T *)p->y + plane * p->out; \
      for (int64_t d = 0; d < a[0].out; d++) { \
        int64_t d0, d1, dn, h0, h1, hn, w0, w1, wn; \
        window(p, 0, d, &d0, &d1, &dn); \
        for (int64_t h = 0; h < a[1].out; h++) { \
          window(p, 1, h, &h0, &h1, &hn); \
          for (int64_t w = 0; w < a[2].out; w++) { \
            window(p, 2, w, &w0, &w1, &wn); \
            double sum = 0; \
            for (int64_t i = d0; i < d1; i++) \
              for (int64_t j = h0; j < h1; j++) \
                for (int64_t l = w0; l < w1; l++) sum += (double)x[(i * a[1].in + j) * a[2].in + l]; \
            double n = p->count_include_pad ? (double)dn * (double)hn * (double)wn \
                                            : (double)((d1 - d0) * (h1 - h0) * (w1 - w0)); \
            *y++ = (T)(sum / n); \
          } \
        } \
      } \
    } \
  }
AVG_POOL(f32, float)
AVG_POOL(f64, double)

/* Fills in all but the windows; the number of spatial axes. */
static int begin_pool(const gr_kernel_call *k, pool *p, int n) {
  const graft_type *x = k->operands[0].type, *y = k->results[0].type;
  *p = (pool){.x = k->operands[0].data, .y = k->results[0].data, .in = 1, .out = 1};
  for (int i = 0; i < 3; i++) {
    axis *a = &p->a[i];
    *a = (axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    int32_t from = x->rank - 3 + i;
    if (i >= 3 - n) a->in = x->dims[from], a->out = y->dims[from];
    p->in *= a->in;
    p->out *= a->out;
  }
  return 3 - n;
}

static void read_windows(const gr_kernel_call *k, pool *p, int first) {
  uint32_t n;
  const int64_t *kernel = gr_k_ints(k, GR_ATTR_ND(max_pool, kernel_size), &n),
                *stride = gr_k_ints(k, GR_ATTR_ND(max_pool, stride), &n);
  const int64_t *padding = gr_k_ints(k, GR_ATTR_ND(max_pool, padding), &n);
  for (int i = first; i < 3; i++) {
    p->a[i].kernel = kernel[i - first];
    p->a[i].stride = stride[i - first];
    p->a[i].padding = padding[i - first];
  }
}

static graft_status run_pool(const gr_kernel_call *k, pool *p, gr_range_function run) {
  if (!run) return gr_kernel_no_dtype(k, k->operands[0].type->dtype);
  if (k->results[0].count == 0) return GRAFT_OK;
  double work = (double)p->out * (double)p->a[0].kernel * (double)p->a[1].kernel * (double)p->a[2].kernel;
  gr_parallel_for(k->threads, k->results[0].count / p->out, 1 + (int64_t)(16384 / (work + 1)), run, p);
  return GRAFT_OK;
}

graft_status gr_kernel_max_pool(const gr_kernel_call *k) {
  static const gr_range_function run[GRAFT_DTYPE_COUNT] = {
      [GRAFT_F32] = max_pool_F32,
      [GRAFT_F64] = max_pool_F64,
      GR_INTEGERS(max_pool),
  };
  pool p;
  int first = begin_pool(k, &p, k->op == GR_OP_max_pool1d ? 1 : k->op == GR_OP_max_pool2d ? 2 : 3);
  read_windows(k, &p, first);
  uint32_t n;
  const int64_t *dilation = gr_k_ints(k, GR_ATTR_ND(max_pool, dilation), &n);
  for (int i = first; i < 3; i++) p.a[i].dilation = dilation[i - first];
  p.indices = k->results[1].data;
  return run_pool(k, &p, run[k->operands[0].type->dtype]);
}

graft_status gr_kernel_avg_pool(const gr_kernel_call *k) {
  static const gr_range_function run[GRAFT_DTYPE_COUNT] = {[GRAFT_F32] = avg_pool_f32, [GRAFT_F64] = avg_pool_f64};
  pool p;
  int first = begin_pool(k, &p, k->op == GR_OP_avg_pool1d ? 1 : k->op == GR_OP_avg_pool2d ? 2 : 3);
  read_windows(k, &p, first);
  p.count_include_pad = gr_k_bool(k, GR_ATTR_ND(avg_pool, count_include_pad));
  return run_pool(k, &p, run[k->operands[0].type->dtype]);
}

graft_status gr_kernel_adaptive_avg_pool(const gr_kernel_call *k) {
  static const gr_range_function run[GRAFT_DTYPE_COUNT] = {[GRAFT_F32] = avg_pool_f32, [GRAFT_F64] = avg_pool_f64};
  pool p;
  begin_pool(k, &p, k->op == GR_OP_adaptive_avg_pool1d ? 1 : k->op == GR_OP_adaptive_avg_pool2d ? 2 : 3);
  p.adaptive = true;
  return run_pool(k, &p, run[k->operands[0].type->dtype]);
}
