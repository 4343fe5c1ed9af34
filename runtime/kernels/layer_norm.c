/* Norms without state: layer_norm, group_norm, instance_norm and rms_norm scale a run of elements by its own mean and
 * variance; normalize divides a line by its norm, local_response_norm an element by what its neighbouring channels
 * hold. Sums are double and go over the elements twice, so that a large mean costs no digits. */
#include "runtime/kernel_impl.h"

#include <math.h>

#define GRAIN 8192 /* elements read in a piece of work */
#define LANES 8

/* Element j of run r is scaled by entry r % groups * per + j / inner of weight and bias. */
typedef struct norm {
  const void *x, *weight, *bias;
  void *y, *mean, *rstd; /* mean and rstd: one for each run, or NULL */
  int64_t n;             /* elements of a run */
  int64_t groups, per, inner;
  double eps;
  bool centered; /* about the mean; else about 0 */
} norm;

/* The sum of a function of x in lanes, whose order is fixed. */
#define LANE_SUM(sum, n, ...) \
  do { \
    double lane[LANES] = {0}; \
    int64_t j = 0; \
    for (; j + LANES <= (n); j += LANES) \
      for (int l = 0; l < LANES; l++) { \
        const double v = (double)x[j + l]; \
        lane[l] += (__VA_ARGS__); \
      } \
    for (; j < (n); j++) { \
      const double v = (double)x[j]; \
      lane[0] += (__VA_ARGS__); \
    } \
    for (int half = LANES / 2; half > 0; half /= 2) \
      for (int l = 0; l < half; l++) lane[l] += lane[l + half]; \
    sum = lane[0]; \
  } while (0)

#define NORM(T, S) \
  GR_LOOP void norm_##S##_loop(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const norm *m = user; \
    (void)worker; \
    for (int64_t r = begin; r < end; r++) { \
      const T *x = (const T *)m->x + r * m->n, *weight = m->weight, *bias = m->bias; \
      T *y = (T *)m->y + r * m->n; \
      double mean = 0, squares; \
      if (m->centered) { \
        LANE_SUM(mean, m->n, v); \
        mean /= (double)m->n; \
      } \
      LANE_SUM(squares, m->n, (v - mean) * (v - mean)); \
      const double rstd = 1 / sqrt(squares / (double)m->n + m->eps); \
      const int64_t first = r % m->groups * m->per; \
      if (m->inner == 1) { \
        for (int64_t j = 0; j < m->n; j++) y[j] = (T)(((double)x[j] - mean) * rstd); \
        for (int64_t j = 0; weight && j < m->n; j++) y[j] *= weight[first + j]; \
        for (int64_t j = 0; bias && j < m->n; j++) y[j] += bias[first + j]; \
      } else { \
        for (int64_t c = 0; c * m->inner < m->n; c++) { \
          const T by = weight ? weight[first + c] : (T)1, more = bias ? bias[first + c] : (T)0; \
          const T *from = x + c * m->inner; \
          T *to = y + c * m->inner; \
          for (int64_t i = 0; i < m->inner; i++) to[i] = (T)(((double)from[i] - mean) * rstd) * by + more; \
        } \
      } \
      if (m->mean) ((T *)m->mean)[r] = (T)mean; \
      if (m->rstd) ((T *)m->rstd)[r] = (T)rstd; \
    } \
  } \
  GR_CLONES(norm_##S, (void *user, int64_t begin, int64_t end, uint32_t worker), (user, begin, end, worker))
NORM(float, f32)
NORM(double, f64)

static int64_t grain(int64_t each) { return each > 0 && each < GRAIN ? GRAIN / each : 1; }

static graft_status run(const gr_kernel_call *k, norm *m, int64_t runs) {
  if (m->n == 0) runs = m->mean || m->rstd ? runs : 0;
  switch (k->operands[0].type->dtype) {
  case GRAFT_F32: gr_parallel_for(k->threads, runs, grain(m->n), norm_f32[k->isa], m); return GRAFT_OK;
  case GRAFT_F64: gr_parallel_for(k->threads, runs, grain(m->n), norm_f64[k->isa], m); return GRAFT_OK;
  default: return gr_kernel_no_dtype(k, k->operands[0].type->dtype);
  }
}

/* Over the last `axes` axes; weight and bias have an entry for each element. */
static graft_status over_last(const gr_kernel_call *k, uint32_t axes, norm *m) {
  const graft_type *x = k->operands[0].type;
  m->x = k->operands[0].data;
  m->y = k->results[0].data;
  m->groups = m->inner = 1;
  m->n = gr_extent(x, x->rank - (int32_t)axes, x->rank);
  return run(k, m, gr_extent(x, 0, x->rank - (int32_t)axes));
}

graft_status gr_kernel_layer_norm(const gr_kernel_call *k) {
  uint32_t axes;
  (void)gr_k_ints(k, GR_ATTR(layer_norm, normalized_shape), &axes);
  norm m = {.weight = k->operands[GR_OPERAND(layer_norm, weight)].data,
            .bias = k->operands[GR_OPERAND(layer_norm, bias)].data,
            .mean = k->results[GR_RESULT(layer_norm, mean)].data,
            .rstd = k->results[GR_RESULT(layer_norm, rstd)].data,
            .eps = gr_k_float(k, GR_ATTR(layer_norm, eps)),
            .centered = true};
  return over_last(k, axes, &m);
}

graft_status gr_kernel_rms_norm(const gr_kernel_call *k) {
  uint32_t axes;
  (void)gr_k_ints(k, GR_ATTR(rms_norm, normalized_shape), &axes);
  norm m = {.weight = k->operands[GR_OPERAND(rms_norm, weight)].data, .eps = gr_k_float(k, GR_ATTR(rms_norm, eps))};
  return over_last(k, axes, &m);
}

/* The channels of axis 1 in `groups` runs. */
static graft_status over_groups(const gr_kernel_call *k, int64_t groups, double eps) {
  const graft_type *x = k->operands[0].type;
  norm m = {.x = k->operands[0].data,
            .weight = k->operands[GR_OPERAND(group_norm, weight)].data,
            .bias = k->operands[GR_OPERAND(group_norm, bias)].data,
            .y = k->results[0].data,
            .groups = groups,
            .per = groups ? x->dims[1] / groups : 0,
            .inner = gr_extent(x, 2, x->rank),
            .eps = eps,
            .centered = true};
  m.n = m.per * m.inner;
  return run(k, &m, x->dims[0] * groups);
}
GR_SAME_OPERAND(weight, group_norm, instance_norm);
GR_SAME_OPERAND(bias, group_norm, instance_norm);

graft_status gr_kernel_group_norm(const gr_kernel_call *k) {
  return over_groups(k, gr_k_int(k, GR_ATTR(group_norm, num_groups)), gr_k_float(k, GR_ATTR(group_norm, eps)));
}

graft_status gr_kernel_instance_norm(const gr_kernel_call *k) {
  return over_groups(k, k->operands[0].type->dims[1], gr_k_float(k, GR_ATTR(instance_norm, eps)));
}

/* ---- normalize ---- */

typedef struct lines {
  const void *x;
  void *y;
  int64_t extent, inner; /* along the axis; how far its elements lie apart */
  double p, eps;
} lines;

#define NORMALIZE(T, S) \
  static void normalize_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const lines *l = user; \
    (void)worker; \
    for (int64_t line = begin; line < end; line++) { \
      const int64_t at = line / l->inner * l->extent * l->inner + line % l->inner; \
      const T *x = (const T *)l->x + at; \
      T *y = (T *)l->y + at; \
      double length = 0; \
      for (int64_t i = 0; i < l->extent; i++) { \
        const double v = fabs((double)x[i * l->inner]); \
        length += l->p == 2 ? v * v : l->p == 1 ? v : pow(v, l->p); \
      } \
      length = l->p == 2 ? sqrt(length) : l->p == 1 ? length : pow(length, 1 / l->p); \
      if (length < l->eps) length = l->eps; \
      if (length == 0) length = 1; /* all elements are 0, and stay so */ \
      for (int64_t i = 0; i < l->extent; i++) y[i * l->inner] = (T)((double)x[i * l->inner] / length); \
    } \
  }
NORMALIZE(float, f32)
NORMALIZE(double, f64)

graft_status gr_kernel_normalize(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  lines l = {.x = x->data,
             .y = k->results[0].data,
             .extent = 1,
             .inner = 1,
             .p = gr_k_float(k, GR_ATTR(normalize, p)),
             .eps = gr_k_float(k, GR_ATTR(normalize, eps))};
  if (x->count == 0) return GRAFT_OK;
  if (x->type->rank > 0) {
    const int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(normalize, dim)), x->type->rank);
    l.extent = x->type->dims[axis];
    l.inner = gr_extent(x->type, axis + 1, x->type->rank);
  }
  switch (x->type->dtype) {
  case GRAFT_F32: gr_parallel_for(k->threads, x->count / l.extent, grain(l.extent), normalize_f32, &l); return GRAFT_OK;
  case GRAFT_F64: gr_parallel_for(k->threads, x->count / l.extent, grain(l.extent), normalize_f64, &l); return GRAFT_OK;
  default: return gr_kernel_no_dtype(k, x->type->dtype);
  }
}

/* ---- local_response_norm ---- */

typedef struct response {
  const void *x;
  void *y;
  int64_t channels, inner;
  int64_t before, after; /* channels in a window on either side of its own */
  double scale, beta, k; /* scale: alpha / size */
} response;

/* One plane of one channel at a time. */
#define RESPONSE(T, S, POW) \
  static void response_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const response *r = user; \
    (void)worker; \
    for (int64_t plane = begin; plane < end; plane++) { \
      const int64_t c = plane % r->channels, left = r->channels - 1 - c; \
      const int64_t from = c < r->before ? -c : -r->before, to = left < r->after ? left : r->after; \
      const T *x = (const T *)r->x + plane * r->inner; \
      T *y = (T *)r->y + plane * r->inner; \
      for (int64_t i = 0; i < r->inner; i++) { \
        double sum = 0; \
        for (int64_t d = from; d <= to; d++) sum += (double)x[d * r->inner + i] * (double)x[d * r->inner + i]; \
        y[i] = x[i] / POW((T)(r->k + r->scale * sum), (T)r->beta); \
      } \
    } \
  }
RESPONSE(float, f32, powf)
RESPONSE(double, f64, pow)

graft_status gr_kernel_local_response_norm(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  const int64_t size = gr_k_int(k, GR_ATTR(local_response_norm, size));
  response r = {.x = x->data,
                .y = k->results[0].data,
                .channels = x->type->dims[1],
                .inner = gr_extent(x->type, 2, x->type->rank),
                .before = size / 2,
                .after = (size - 1) / 2,
                .scale = gr_k_float(k, GR_ATTR(local_response_norm, alpha)) / (double)size,
                .beta = gr_k_float(k, GR_ATTR(local_response_norm, beta)),
                .k = gr_k_float(k, GR_ATTR(local_response_norm, k))};
  if (x->count == 0) return GRAFT_OK;
  const int64_t planes = x->count / r.inner, window = size < r.channels ? size : r.channels;
  switch (x->type->dtype) {
  case GRAFT_F32: gr_parallel_for(k->threads, planes, grain(r.inner * window), response_f32, &r); return GRAFT_OK;
  case GRAFT_F64: gr_parallel_for(k->threads, planes, grain(r.inner * window), response_f64, &r); return GRAFT_OK;
  default: return gr_kernel_no_dtype(k, x->type->dtype);
  }
}
