/* Gradients of pools: planes, one piece of work each, to whose elements the windows of a plane of dy add in order. */
#include "runtime/kernels/pool_impl.h"

#include <inttypes.h>

typedef struct positions {
  const void *dy;
  void *dx;
  const int64_t *indices;
  int64_t in, out; /* elements in a plane of dx and of dy */
} positions;

#define BACKWARD(S, T) \
  static void max_backward_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const positions *p = user; \
    (void)worker; \
    for (int64_t plane = begin; plane < end; plane++) { \
      const T *dy = (const T *)p->dy + plane * p->out; \
      const int64_t *at = p->indices + plane * p->out; \
      T *dx = (T *)p->dx + plane * p->in; \
      memset(dx, 0, (size_t)p->in * sizeof *dx); \
      for (int64_t i = 0; i < p->out; i++) dx[at[i]] += dy[i]; \
    } \
  } \
  /* Each element of a window gets an equal share. */ \
  static void avg_backward_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const gr_pool *p = user; \
    const gr_pool_axis *a = p->a; \
    (void)worker; \
    for (int64_t plane = begin; plane < end; plane++) { \
      const T *dy = (const T *)p->x + plane * p->out; \
      T *dx = (T *)p->y + plane * p->in; \
      memset(dx, 0, (size_t)p->in * sizeof *dx); \
      for (int64_t d = 0; d < a[0].out; d++) { \
        int64_t d0, d1, dn, h0, h1, hn, w0, w1, wn; \
        gr_pool_window(p, 0, d, &d0, &d1, &dn); \
        for (int64_t h = 0; h < a[1].out && !gr_cancelled(p->context); h++) { \
          gr_pool_window(p, 1, h, &h0, &h1, &hn); \
          for (int64_t w = 0; w < a[2].out; w++) { \
            gr_pool_window(p, 2, w, &w0, &w1, &wn); \
            const double n = p->count_include_pad \
                                 ? (double)dn * (double)hn * (double)wn \
                                 : (double)gr_pool_inside(&a[0], d0, d1) * (double)gr_pool_inside(&a[1], h0, h1) * \
                                       (double)gr_pool_inside(&a[2], w0, w1); \
            const T share = (T)((double)*dy++ / n); \
            for (int64_t i = d0; i < d1; i += a[0].dilation) \
              for (int64_t j = h0; j < h1; j += a[1].dilation) \
                for (int64_t l = w0; l < w1; l += a[2].dilation) dx[(i * a[1].in + j) * a[2].in + l] += share; \
          } \
        } \
      } \
    } \
  }
BACKWARD(f32, float)
BACKWARD(f64, double)

static graft_status run(const gr_kernel_call *k, int64_t plane, gr_range_function f32, gr_range_function f64, void *p) {
  const gr_out *dx = &k->results[0];
  const graft_dtype dtype = dx->type->dtype;
  if (dtype != GRAFT_F32 && dtype != GRAFT_F64) return gr_kernel_no_dtype(k, dtype);
  if (dx->count) gr_parallel_for(k->threads, dx->count / plane, 16384 / plane + 1, dtype == GRAFT_F32 ? f32 : f64, p);
  return GRAFT_OK;
}

graft_status gr_kernel_max_pool_backward(const gr_kernel_call *k) {
  const gr_in *dy = &k->operands[GR_OPERAND(max_pool_backward, dy)];
  const graft_type *x = k->results[0].type;
  positions p = {.dy = dy->data,
                 .dx = k->results[0].data,
                 .indices = k->operands[GR_OPERAND(max_pool_backward, indices)].data,
                 .in = gr_extent(x, 2, x->rank),
                 .out = gr_extent(dy->type, 2, dy->type->rank)};
  for (int64_t i = 0; i < dy->count; i++)
    if (p.indices[i] < 0 || p.indices[i] >= p.in)
      return gr_kernel_error(k, "index %" PRId64 " of a plane of %" PRId64 " elements", p.indices[i], p.in);
  return run(k, p.in, max_backward_f32, max_backward_f64, &p);
}

/* With one axis before those of space there would be no channels: there are always two. */
static gr_pool pool_of(const gr_kernel_call *k, bool adaptive) {
  const graft_type *dy = k->operands[0].type, *x = k->results[0].type;
  gr_pool p = {.x = k->operands[0].data,
               .y = k->results[0].data,
               .in = 1,
               .out = 1,
               .context = k->context,
               .adaptive = adaptive};
  for (int i = 0; i < 3; i++) {
    const int32_t axis = x->rank - 3 + i;
    p.a[i] = (gr_pool_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    if (axis < 2) continue;
    p.in *= p.a[i].in = x->dims[axis];
    p.out *= p.a[i].out = dy->dims[axis];
  }
  return p;
}

graft_status gr_kernel_avg_pool_backward(const gr_kernel_call *k) {
  uint32_t n;
  gr_pool p = pool_of(k, false);
  const int64_t *kernel = gr_k_ints(k, GR_ATTR(avg_pool_backward, kernel_size), &n),
                *stride = gr_k_ints(k, GR_ATTR(avg_pool_backward, stride), &n),
                *padding = gr_k_ints(k, GR_ATTR(avg_pool_backward, padding), &n),
                *dilation = gr_k_ints(k, GR_ATTR(avg_pool_backward, dilation), &n);
  p.count_include_pad = gr_k_bool(k, GR_ATTR(avg_pool_backward, count_include_pad));
  for (uint32_t i = 0; i < n; i++) {
    gr_pool_axis *a = &p.a[3 - n + i];
    a->kernel = kernel[i], a->stride = stride[i], a->padding = padding[i], a->dilation = dilation[i];
  }
  return run(k, p.in, avg_backward_f32, avg_backward_f64, &p);
}

graft_status gr_kernel_adaptive_avg_pool_backward(const gr_kernel_call *k) {
  gr_pool p = pool_of(k, true);
  p.count_include_pad = true;
  return run(k, p.in, avg_backward_f32, avg_backward_f64, &p);
}
