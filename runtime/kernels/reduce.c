/* softmax and mean. Sums are double: the order of the elements is then of no consequence to a float result. */
#include "runtime/kernel_impl.h"

#include <math.h>

#define GRAIN 8192 /* elements read in a piece of work */

/* ---- softmax
 * --------------------------------------------------------------------------------------------------------- */

typedef struct softmax {
  const void *x;
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
SOFTMAX(float, f32, expf)
SOFTMAX(double, f64, exp)

graft_status gr_kernel_softmax(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  if (x->count == 0) return GRAFT_OK;
  softmax s = {.x = x->data, .y = k->results[0].data, .extent = 1, .inner = 1};
  if (x->type->rank > 0) {
    int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(softmax, dim)), x->type->rank);
    s.extent = x->type->dims[axis];
    s.inner = gr_extent(x->type, axis + 1, x->type->rank);
  }
  int64_t lines = x->count / s.extent, grain = GRAIN / s.extent;
  switch (x->type->dtype) {
  case GRAFT_F32: gr_parallel_for(k->threads, lines, grain, softmax_f32, &s); return GRAFT_OK;
  case GRAFT_F64: gr_parallel_for(k->threads, lines, grain, softmax_f64, &s); return GRAFT_OK;
  default: return gr_kernel_no_dtype(k, x->type->dtype);
  }
}

/* ---- mean
 * ------------------------------------------------------------------------------------------------------------ */

/* Axes of x, joined where neighbours are both kept or both reduced. */
typedef struct mean {
  const void *x;
  void *y;
  int32_t kept, reduced;
  int64_t kept_dims[GRAFT_MAX_RANK], kept_strides[GRAFT_MAX_RANK];
  int64_t reduced_dims[GRAFT_MAX_RANK], reduced_strides[GRAFT_MAX_RANK];
  int64_t count; /* elements in a mean */
} mean;

/* Where element `index` of the joined axes lies. */
static int64_t place(int64_t index, int32_t rank, const int64_t *dims, const int64_t *strides) {
  int64_t at = 0;
  for (int32_t i = rank; i-- > 0;) {
    at += index % dims[i] * strides[i];
    index /= dims[i];
  }
  return at;
}

#define MEAN(T, SUFFIX) \
  static void mean_##SUFFIX(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const mean *m = user; \
    int64_t inner = m->reduced_dims[m->reduced - 1], stride = m->reduced_strides[m->reduced - 1]; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) { \
      const T *x = (const T *)m->x + place(i, m->kept, m->kept_dims, m->kept_strides); \
      double sum = 0; \
      for (int64_t outer = 0; outer * inner < m->count; outer++) { \
        const T *line = x + place(outer, m->reduced - 1, m->reduced_dims, m->reduced_strides); \
        for (int64_t j = 0; j < inner; j++) sum += (double)line[j * stride]; \
      } \
      ((T *)m->y)[i] = (T)(sum / (double)m->count); \
    } \
  }
MEAN(float, f32)
MEAN(double, f64)

graft_status gr_kernel_mean(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  const gr_out *y = &k->results[0];
  uint32_t count;
  const int64_t *dims = gr_k_ints(k, GR_ATTR(mean, dim), &count);
  bool reduce[GRAFT_MAX_RANK] = {false};
  for (int32_t i = 0; i < x->type->rank; i++) reduce[i] = gr_k_none(k, GR_ATTR(mean, dim)) || count == 0;
  for (uint32_t i = 0; i < count; i++) reduce[gr_axis(dims[i], x->type->rank)] = true;
  mean m = {.x = x->data, .y = y->data, .count = 1};
  int64_t stride[GRAFT_MAX_RANK], next = 1;
  for (int32_t i = x->type->rank; i-- > 0;) stride[i] = next, next *= x->type->dims[i];
  for (int32_t i = 0; i < x->type->rank; i++) {
    int32_t *rank = reduce[i] ? &m.reduced : &m.kept;
    int64_t *extents = reduce[i] ? m.reduced_dims : m.kept_dims;
    int64_t *strides = reduce[i] ? m.reduced_strides : m.kept_strides;
    if (reduce[i]) m.count *= x->type->dims[i];
    if (i > 0 && reduce[i] == reduce[i - 1]) {
      extents[*rank - 1] *= x->type->dims[i];
      strides[*rank - 1] = stride[i];
    } else {
      extents[*rank] = x->type->dims[i];
      strides[(*rank)++] = stride[i];
    }
  }
  if (m.reduced == 0) m.reduced = 1, m.reduced_dims[0] = 1;
  int64_t grain = m.count > 0 ? GRAIN / m.count : GRAIN;
  switch (x->type->dtype) {
  case GRAFT_F32: gr_parallel_for(k->threads, y->count, grain, mean_f32, &m); return GRAFT_OK;
  case GRAFT_F64: gr_parallel_for(k->threads, y->count, grain, mean_f64, &m); return GRAFT_OK;
  default: return gr_kernel_no_dtype(k, x->type->dtype);
  }
}
