/* softmax, log_softmax, hardmax, and gradients. Sums are double: the order of the elements is then of no consequence to
 * a float result. */
#include "runtime/functions_impl.h"
#include "runtime/kernel_impl.h"

#include <math.h>

#define GRAIN 8192 /* elements read in a piece of work */

typedef struct softmax {
  const void *x, *dy; /* of a gradient x is what came out */
  void *y;
  int64_t extent, inner; /* elements of a line lie `inner` apart */
} softmax;

#define SOFTMAX(T, SUFFIX, EXP) \
  static void softmax_##SUFFIX(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const softmax *s = user; \
    (void)worker; \
    for (int64_t line = begin; line < end; line++) { \
      int64_t at = line / s->inner * s->extent * s->inner + line % s->inner; \
      const T *x = (const T *)s->x + at; \
      T *y = (T *)s->y + at; \
      T max = -INFINITY; \
      double sum = 0; \
      for (int64_t i = 0; i < s->extent; i++) max = x[i * s->inner] > max ? x[i * s->inner] : max; \
      for (int64_t i = 0; i < s->extent; i++) { \
        T e = EXP(x[i * s->inner] - max); \
        y[i * s->inner] = e; \
        sum += (double)e; \
      } \
      for (int64_t i = 0; i < s->extent; i++) y[i * s->inner] = (T)((double)y[i * s->inner] / sum); \
    } \
  }
SOFTMAX(float, f32, gr_exp_f32)
SOFTMAX(double, f64, exp)

/* x - max - log(sum(exp(x - max))) */
#define LOG_SOFTMAX(T, SUFFIX, EXP) \
  static void log_softmax_##SUFFIX(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const softmax *s = user; \
    (void)worker; \
    for (int64_t line = begin; line < end; line++) { \
      int64_t at = line / s->inner * s->extent * s->inner + line % s->inner; \
      const T *x = (const T *)s->x + at; \
      T *y = (T *)s->y + at; \
      T max = -INFINITY; \
      double sum = 0; \
      for (int64_t i = 0; i < s->extent; i++) max = x[i * s->inner] > max ? x[i * s->inner] : max; \
      for (int64_t i = 0; i < s->extent; i++) sum += (double)EXP(x[i * s->inner] - max); \
      const double off = (double)max + log(sum); \
      for (int64_t i = 0; i < s->extent; i++) y[i * s->inner] = (T)((double)x[i * s->inner] - off); \
    } \
  } \
  static void hardmax_##SUFFIX(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const softmax *s = user; \
    (void)worker; \
    for (int64_t line = begin; line < end; line++) { \
      int64_t at = line / s->inner * s->extent * s->inner + line % s->inner, best = 0; \
      const T *x = (const T *)s->x + at; \
      T *y = (T *)s->y + at; \
      for (int64_t i = 1; i < s->extent; i++) \
        if (x[i * s->inner] > x[best * s->inner]) best = i; \
      for (int64_t i = 0; i < s->extent; i++) y[i * s->inner] = (T)(i == best); \
    } \
  }
LOG_SOFTMAX(float, f32, gr_exp_f32)
LOG_SOFTMAX(double, f64, exp)

/* y (dy - sum(dy y)), and dy - exp(y) sum(dy) */
#define BACKWARD(T, SUFFIX, EXP) \
  static void softmax_backward_##SUFFIX(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const softmax *s = user; \
    (void)worker; \
    for (int64_t line = begin; line < end; line++) { \
      const int64_t at = line / s->inner * s->extent * s->inner + line % s->inner; \
      const T *y = (const T *)s->x + at, *dy = (const T *)s->dy + at; \
      T *dx = (T *)s->y + at; \
      double sum = 0; \
      for (int64_t i = 0; i < s->extent; i++) sum += (double)dy[i * s->inner] * (double)y[i * s->inner]; \
      for (int64_t i = 0; i < s->extent; i++) \
        dx[i * s->inner] = (T)((double)y[i * s->inner] * ((double)dy[i * s->inner] - sum)); \
    } \
  } \
  static void log_softmax_backward_##SUFFIX(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const softmax *s = user; \
    (void)worker; \
    for (int64_t line = begin; line < end; line++) { \
      const int64_t at = line / s->inner * s->extent * s->inner + line % s->inner; \
      const T *y = (const T *)s->x + at, *dy = (const T *)s->dy + at; \
      T *dx = (T *)s->y + at; \
      double sum = 0; \
      for (int64_t i = 0; i < s->extent; i++) sum += (double)dy[i * s->inner]; \
      for (int64_t i = 0; i < s->extent; i++) \
        dx[i * s->inner] = (T)((double)dy[i * s->inner] - (double)EXP(y[i * s->inner]) * sum); \
    } \
  }
BACKWARD(float, f32, gr_exp_f32)
BACKWARD(double, f64, exp)

/* Operand `of` is what has the axis dim; `dy`: what flows to it, or NULL. */
static graft_status run_on(const gr_kernel_call *k, uint32_t of, const void *dy, gr_range_function f32,
                           gr_range_function f64) {
  const gr_in *x = &k->operands[of];
  if (x->count == 0) return GRAFT_OK;
  softmax s = {.x = x->data, .dy = dy, .y = k->results[0].data, .extent = 1, .inner = 1};
  if (x->type->rank > 0) {
    int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(softmax, dim)), x->type->rank);
    s.extent = x->type->dims[axis];
    s.inner = gr_extent(x->type, axis + 1, x->type->rank);
  }
  int64_t lines = x->count / s.extent, grain = GRAIN / s.extent;
  switch (x->type->dtype) {
  case GRAFT_F32: gr_parallel_for(k->threads, lines, grain, f32, &s); return GRAFT_OK;
  case GRAFT_F64: gr_parallel_for(k->threads, lines, grain, f64, &s); return GRAFT_OK;
  default: return gr_kernel_no_dtype(k, x->type->dtype);
  }
}

static graft_status run(const gr_kernel_call *k, gr_range_function f32, gr_range_function f64) {
  return run_on(k, 0, NULL, f32, f64);
}

static graft_status run_backward(const gr_kernel_call *k, gr_range_function f32, gr_range_function f64) {
  GR_SAME_OPERAND(y, softmax_backward, log_softmax_backward);
  return run_on(k, GR_OPERAND(softmax_backward, y), k->operands[GR_OPERAND(softmax_backward, dy)].data, f32, f64);
}

GR_SAME_ATTR(dim, softmax, log_softmax);
GR_SAME_ATTR(dim, softmax, hardmax);
GR_SAME_ATTR(dim, softmax, softmax_backward);
GR_SAME_ATTR(dim, softmax, log_softmax_backward);
graft_status gr_kernel_softmax(const gr_kernel_call *k) { return run(k, softmax_f32, softmax_f64); }
graft_status gr_kernel_log_softmax(const gr_kernel_call *k) { return run(k, log_softmax_f32, log_softmax_f64); }
graft_status gr_kernel_hardmax(const gr_kernel_call *k) { return run(k, hardmax_f32, hardmax_f64); }
graft_status gr_kernel_softmax_backward(const gr_kernel_call *k) {
  return run_backward(k, softmax_backward_f32, softmax_backward_f64);
}
graft_status gr_kernel_log_softmax_backward(const gr_kernel_call *k) {
  return run_backward(k, log_softmax_backward_f32, log_softmax_backward_f64);
}
