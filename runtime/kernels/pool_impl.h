/* Windows of pools, written for three spatial axes: with fewer, the first ones have extent and window 1. */
#ifndef GRAFT_POOL_IMPL_H
#define GRAFT_POOL_IMPL_H

#include "runtime/kernel_impl.h"

typedef struct gr_pool_axis {
  int64_t in, out, kernel, stride, padding, dilation;
} gr_pool_axis;

typedef struct gr_pool {
  const void *x;
  void *y;
  int64_t *indices; /* of max_pool, or NULL */
  gr_pool_axis a[3];
  int64_t in, out; /* elements in a plane */
  gr_isa isa;
  const graft_context *context;
  bool count_include_pad, adaptive;
  double norm_type;
} gr_pool;

/* For the call, whose op has the attributes of `of`, a pool of floats. */
void gr_pool_read(const gr_kernel_call *k, uint32_t of, gr_pool *p);

/* The window of output o along axis i: the first of its elements that is inside the input, one past the last, and how
 * many it has with the padding that it covers. */
static inline void gr_pool_window(const gr_pool *p, int i, int64_t o, int64_t *begin, int64_t *end, int64_t *extent) {
  const gr_pool_axis *a = &p->a[i];
  if (p->adaptive) {
    *begin = o * a->in / a->out;
    *end = ((o + 1) * a->in + a->out - 1) / a->out;
    *extent = *end - *begin;
    return;
  }
  *begin = o * a->stride - a->padding;
  *end = *begin + (a->kernel - 1) * a->dilation + 1;
  if (*end > a->in + a->padding) *end = a->in + a->padding;
  *extent = (*end - *begin + a->dilation - 1) / a->dilation;
  if (*begin < 0) *begin += (-*begin + a->dilation - 1) / a->dilation * a->dilation;
  if (*end > a->in) *end = a->in;
}

/* How many elements a window has inside the input. */
static inline int64_t gr_pool_inside(const gr_pool_axis *a, int64_t begin, int64_t end) {
  return begin < end ? (end - begin + a->dilation - 1) / a->dilation : 0;
}

/* ---- bytes whose channels lie side by side (pool_rows.c): results are those of the kernels in C order ---- */

/* `turned`: i8 lies as u8, its top bit turned. */
graft_status gr_max_pool_rows(const gr_kernel_call *k, bool x_turned); /* one result, as x */
/* quantized.avg_pool, quantized.adaptive_avg_pool, quantized.mean over the axes of space */
graft_status gr_quantized_mean_rows(const gr_kernel_call *k, bool x_turned, bool y_turned);

#endif
