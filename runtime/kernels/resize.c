/* resize: axis by axis, since each kind of interpolation is the product of those along the axes. What an entry of the
 * result is made of is written down once an axis: up to some taps, each an index and its weight. Coordinates are
 * floats, as ONNX Runtime computes them. */
#include "runtime/kernel_impl.h"

#include <math.h>

#define GRAIN 8192 /* elements written in a piece of work */

typedef struct axis {
  int64_t in, out;
  int64_t taps;         /* of an entry */
  const int64_t *index; /* [out][taps] */
  const float *weight;  /* NULL: one tap, as it is */
  const bool *outside;  /* NULL: none; entries that get the extrapolation value */
} axis;

typedef struct how {
  int64_t mode, coordinates, rounding;
  double a; /* of cubic */
  bool exclude, antialias;
} how;

/* Where entry i of the result lies in x. */
static float coordinate(const how *h, int64_t i, int64_t in, int64_t out, float scale, float start, float end) {
  const float x = (float)i;
  switch (h->coordinates) {
  case GR_coordinates_half_pixel: return (x + 0.5f) / scale - 0.5f;
  case GR_coordinates_half_pixel_symmetric: {
    const float adjustment = (float)out / (scale * (float)in), center = (float)in / 2,
                offset = center * (1 - adjustment);
    return offset + (x + 0.5f) / scale - 0.5f;
  }
  case GR_coordinates_pytorch_half_pixel: return out > 1 ? (x + 0.5f) / scale - 0.5f : 0;
  case GR_coordinates_align_corners: return out == 1 ? 0 : x * (float)(in - 1) / (float)(out - 1);
  case GR_coordinates_tf_crop_and_resize:
    return out > 1 ? start * (float)(in - 1) + x * (end - start) * (float)(in - 1) / (float)(out - 1)
                   : 0.5f * (start + end) * (float)(in - 1);
  case GR_coordinates_tf_half_pixel_for_nn: return (x + 0.5f) / scale;
  default: return x / scale;
  }
}

static int64_t within(float x, int64_t n) { return x > 0 ? x < (float)(n - 1) ? (int64_t)x : n - 1 : 0; }

static int64_t nearest(const how *h, float x, int64_t n) {
  switch (h->rounding) {
  case GR_rounding_round_prefer_floor: return within(x == floorf(x) + 0.5f ? floorf(x) : roundf(x), n);
  case GR_rounding_round_prefer_ceil: return within(roundf(x), n);
  case GR_rounding_floor: return within(floorf(x), n);
  default: return within(ceilf(x), n);
  }
}

static double cubic(double x, double a) {
  x = fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static double filter(const how *h, double x) {
  if (h->mode == GR_interpolation_cubic) return cubic(x, h->a);
  return fabs(x) < 1 ? 1 - fabs(x) : 0;
}

static void normalize(float *weight, int64_t taps) {
  double sum = 0;
  for (int64_t t = 0; t < taps; t++) sum += (double)weight[t];
  for (int64_t t = 0; t < taps && sum != 0; t++) weight[t] = (float)((double)weight[t] / sum);
}

/* The taps of one entry. A filter that is made wider (antialias) covers `reach` entries on either side. */
static void fill(const how *h, float x, int64_t in, double wider, int64_t taps, int64_t *index, float *weight) {
  if (h->mode == GR_interpolation_nearest) {
    index[0] = nearest(h, x, in);
    return;
  }
  if (wider > 1) {
    const int64_t half = taps / 2, first = (int64_t)floor((double)x) - half + 1;
    for (int64_t t = 0; t < taps; t++) {
      const int64_t at = first + t;
      index[t] = at < 0 ? 0 : at < in ? at : in - 1;
      weight[t] = h->exclude && (at < 0 || at >= in) ? 0 : (float)filter(h, ((double)at - (double)x) / wider);
    }
    normalize(weight, taps);
    return;
  }
  if (h->mode == GR_interpolation_linear) {
    x = x > 0 ? x < (float)(in - 1) ? x : (float)(in - 1) : 0;
    index[0] = within(x, in);
    index[1] = index[0] + 1 < in ? index[0] + 1 : in - 1;
    weight[1] = x - (float)index[0];
    weight[0] = 1 - weight[1];
    return;
  }
  const float low = floorf(x), part = x - low;
  for (int64_t t = 0; t < 4; t++) {
    const float at = low + (float)(t - 1);
    index[t] = within(at, in);
    weight[t] = h->exclude && (at < 0 || at > (float)(in - 1)) ? 0 : (float)cubic((double)part - (double)(t - 1), h->a);
  }
  if (h->exclude) normalize(weight, 4);
}

/* False: no memory. */
static bool plan_axis(const gr_kernel_call *k, const how *h, axis *x, float scale, float start, float end) {
  const bool crops = h->coordinates == GR_coordinates_tf_crop_and_resize;
  const double wider = h->antialias && scale < 1 && h->mode != GR_interpolation_nearest ? 1 / (double)scale : 1;
  const double radius = h->mode == GR_interpolation_cubic ? 2 : 1;
  x->taps = h->mode == GR_interpolation_nearest ? 1 : 2 * (int64_t)radius;
  if (wider > 1) x->taps = 2 * (int64_t)ceil(radius * wider) + 2;
  int64_t *index = gr_scratch_alloc(k->scratch, (size_t)(x->out * x->taps), sizeof *index);
  float *weight = NULL;
  bool *outside = NULL;
  if (h->mode != GR_interpolation_nearest)
    weight = gr_scratch_alloc(k->scratch, (size_t)(x->out * x->taps), sizeof *weight);
  if (crops) outside = gr_scratch_alloc(k->scratch, (size_t)x->out, sizeof *outside);
  if (!index || (!weight && h->mode != GR_interpolation_nearest) || (crops && !outside)) return false;
  for (int64_t i = 0; i < x->out; i++) {
    const float at = coordinate(h, i, x->in, x->out, scale, start, end);
    fill(h, at, x->in, wider, x->taps, index + i * x->taps, weight ? weight + i * x->taps : NULL);
    if (crops) outside[i] = !(at >= 0 && at <= (float)(x->in - 1));
  }
  x->index = index;
  x->weight = weight;
  x->outside = outside;
  return true;
}

typedef struct pass {
  const char *x;
  char *y;
  const axis *along;
  int64_t inner; /* elements behind the axis */
  size_t size;   /* of an element */
} pass;

/* Rows [begin, end): row i is entry i % out of the axis. */
#define INTERPOLATE(T, S) \
  static void interpolate_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const pass *p = user; \
    const axis *a = p->along; \
    (void)worker; \
    for (int64_t row = begin; row < end; row++) { \
      const int64_t i = row % a->out; \
      const int64_t *index = a->index + i * a->taps; \
      const float *weight = a->weight + i * a->taps; \
      const T *x = (const T *)(const void *)p->x + row / a->out * a->in * p->inner; \
      T *y = (T *)(void *)p->y + row * p->inner; \
      for (int64_t j = 0; j < p->inner; j++) { \
        double sum = 0; \
        for (int64_t t = 0; t < a->taps; t++) sum += (double)weight[t] * (double)x[index[t] * p->inner + j]; \
        y[j] = (T)sum; \
      } \
    } \
  }
INTERPOLATE(float, f32)
INTERPOLATE(double, f64)

static void pick(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const pass *p = user;
  const axis *a = p->along;
  const size_t bytes = (size_t)p->inner * p->size;
  (void)worker;
  for (int64_t row = begin; row < end; row++)
    memcpy(p->y + (size_t)row * bytes, p->x + (size_t)(row / a->out * a->in + a->index[row % a->out]) * bytes, bytes);
}

/* Elements outside of x along some axis. */
static void extrapolate(const gr_kernel_call *k, const axis *axes, int32_t rank, double value) {
  const gr_out *y = &k->results[0];
  for (int64_t i = 0; i < y->count; i++) {
    bool outside = false;
    int64_t rest = i;
    for (int32_t d = rank; d-- > 0; rest /= axes[d].out)
      outside |= axes[d].outside && axes[d].outside[rest % axes[d].out];
    if (!outside) continue;
    if (y->type->dtype == GRAFT_F64)
      ((double *)y->data)[i] = value;
    else
      ((float *)y->data)[i] = (float)value;
  }
}

static float scale_of(const gr_in *factors, const double *scales, int32_t d, int64_t in, int64_t out) {
  if (scales) return (float)scales[d];
  return factors->data ? ((const float *)factors->data)[d] : (float)out / (float)in;
}

graft_status gr_measure_resize(const gr_kernel_call *k, graft_type *results) {
  const graft_type *x = k->operands[0].type;
  const gr_in *factors = &k->operands[GR_OPERAND(resize, factors)];
  for (int32_t i = 0; factors->data && i < x->rank; i++) {
    const float n = (float)x->dims[i] * ((const float *)factors->data)[i];
    if (!(n >= 0 && n <= 0x1p48f))
      return gr_kernel_error(k, "factor %d is %g", i, (double)((const float *)factors->data)[i]);
    results[0].dims[i] = (int64_t)n;
  }
  return GRAFT_OK;
}

static how read_how(const gr_kernel_call *k) {
  return (how){.mode = gr_k_int(k, GR_ATTR(resize, mode)),
               .coordinates = gr_k_int(k, GR_ATTR(resize, coordinates)),
               .rounding = gr_k_int(k, GR_ATTR(resize, rounding)),
               .a = gr_k_float(k, GR_ATTR(resize, cubic_coeff_a)),
               .exclude = gr_k_bool(k, GR_ATTR(resize, exclude_outside)),
               .antialias = gr_k_bool(k, GR_ATTR(resize, antialias))};
}

/* What the entries of y are made of along each axis; those that stay have no index. `factors`: the operand. */
static graft_status plan_axes(const gr_kernel_call *k, const graft_type *x, const graft_type *y, const gr_in *factors,
                              axis *axes, int64_t *changed) {
  uint32_t count;
  const double *scales = gr_k_floats(k, GR_ATTR(resize, scales), &count);
  const double *roi = gr_k_floats(k, GR_ATTR(resize, roi), &count);
  const how h = read_how(k);
  const int32_t rank = x->rank;
  for (int32_t d = 0; d < rank; d++) {
    axes[d] = (axis){.in = x->dims[d], .out = y->dims[d]};
    const float scale = scale_of(factors, scales, d, axes[d].in, axes[d].out);
    if (!(scale > 0)) return gr_kernel_error(k, "factor %d is %g", d, (double)scale);
    const bool same = axes[d].in == axes[d].out && scale == 1 && h.coordinates != GR_coordinates_tf_crop_and_resize;
    if (same) continue;
    ++*changed;
    if (!plan_axis(k, &h, &axes[d], scale, roi ? (float)roi[d] : 0, roi ? (float)roi[rank + d] : 0))
      return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

graft_status gr_kernel_resize(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  const gr_out *y = &k->results[0];
  const int32_t rank = x->type->rank;
  const int64_t coordinates = gr_k_int(k, GR_ATTR(resize, coordinates));
  const size_t size = graft_dtype_size(x->type->dtype);
  if (y->count == 0) return GRAFT_OK;
  if (x->count == 0) return gr_kernel_error(k, "x has no elements to interpolate");
  if (coordinates == GR_coordinates_tf_crop_and_resize && x->type->dtype != GRAFT_F32 && x->type->dtype != GRAFT_F64)
    return gr_kernel_no_dtype(k, x->type->dtype);
  axis axes[GRAFT_MAX_RANK] = {0};
  const char *from = x->data;
  int64_t extents[GRAFT_MAX_RANK], changed = 0, made = 0;
  const graft_status planned =
      plan_axes(k, x->type, y->type, &k->operands[GR_OPERAND(resize, factors)], axes, &changed);
  if (planned != GRAFT_OK) return planned;
  for (int32_t d = 0; d < rank; d++) extents[d] = x->type->dims[d];
  if (changed == 0) memcpy(y->data, x->data, gr_out_bytes(y));
  for (int32_t d = 0; d < rank; d++) {
    if (!axes[d].index) continue;
    extents[d] = axes[d].out;
    int64_t outer = 1, inner = 1;
    for (int32_t i = 0; i < rank; i++) *(i < d ? &outer : i > d ? &inner : &(int64_t){1}) *= extents[i];
    char *to = y->data;
    if (++made < changed) to = gr_scratch_alloc(k->scratch, (size_t)(outer * axes[d].out * inner), size);
    if (!to) return GRAFT_NO_MEMORY;
    pass p = {.x = from, .y = to, .along = &axes[d], .inner = inner, .size = size};
    const int64_t each = inner * axes[d].taps;
    gr_parallel_for(k->threads, outer * axes[d].out, each > 0 && each < GRAIN ? GRAIN / each : 1,
                    !axes[d].weight               ? pick
                    : x->type->dtype == GRAFT_F64 ? interpolate_f64
                                                  : interpolate_f32,
                    &p);
    from = to;
  }
  if (coordinates == GR_coordinates_tf_crop_and_resize)
    extrapolate(k, axes, rank, gr_k_float(k, GR_ATTR(resize, extrapolation_value)));
  return GRAFT_OK;
}

/* ---- backward: the same taps, the other way, from the last axis to the first ---- */

GR_SAME_ATTR(scales, resize, resize_backward);
GR_SAME_ATTR(mode, resize, resize_backward);
GR_SAME_ATTR(coordinates, resize, resize_backward);
GR_SAME_ATTR(rounding, resize, resize_backward);
GR_SAME_ATTR(cubic_coeff_a, resize, resize_backward);
GR_SAME_ATTR(exclude_outside, resize, resize_backward);
GR_SAME_ATTR(antialias, resize, resize_backward);
GR_SAME_ATTR(roi, resize, resize_backward);

/* Parts [begin, end) before the axis: x is of dy's extents there, y of dx's. */
#define SPREAD(T, S) \
  static void spread_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const pass *p = user; \
    const axis *a = p->along; \
    (void)worker; \
    for (int64_t part = begin; part < end; part++) { \
      const T *dy = (const T *)(const void *)p->x + part * a->out * p->inner; \
      T *dx = (T *)(void *)p->y + part * a->in * p->inner; \
      memset(dx, 0, (size_t)(a->in * p->inner) * sizeof(T)); \
      for (int64_t i = 0; i < a->out; i++, dy += p->inner) { \
        if (a->outside && a->outside[i]) continue; \
        for (int64_t t = 0; t < a->taps; t++) { \
          const T weight = a->weight ? (T)a->weight[i * a->taps + t] : 1; \
          T *to = dx + a->index[i * a->taps + t] * p->inner; \
          for (int64_t j = 0; j < p->inner; j++) to[j] += weight * dy[j]; \
        } \
      } \
    } \
  }
SPREAD(float, f32)
SPREAD(double, f64)

graft_status gr_kernel_resize_backward(const gr_kernel_call *k) {
  const gr_in *dy = &k->operands[0];
  const gr_out *dx = &k->results[0];
  const int32_t rank = dx->type->rank;
  const graft_dtype dtype = dx->type->dtype;
  const size_t size = graft_dtype_size(dtype);
  if (dtype != GRAFT_F32 && dtype != GRAFT_F64) return gr_kernel_no_dtype(k, dtype);
  memset(dx->data, 0, gr_out_bytes(dx));
  if (dx->count == 0 || dy->count == 0) return GRAFT_OK;
  axis axes[GRAFT_MAX_RANK] = {0};
  int64_t extents[GRAFT_MAX_RANK], changed = 0, made = 0;
  const graft_status planned =
      plan_axes(k, dx->type, dy->type, &k->operands[GR_OPERAND(resize_backward, factors)], axes, &changed);
  if (planned != GRAFT_OK) return planned;
  if (changed == 0) memcpy(dx->data, dy->data, gr_out_bytes(dx));
  for (int32_t d = 0; d < rank; d++) extents[d] = dy->type->dims[d];
  const char *from = dy->data;
  for (int32_t d = rank; d-- > 0;) {
    if (!axes[d].index) continue;
    extents[d] = axes[d].in;
    int64_t outer = 1, inner = 1;
    for (int32_t i = 0; i < rank; i++) *(i < d ? &outer : i > d ? &inner : &(int64_t){1}) *= extents[i];
    char *to = dx->data;
    if (++made < changed) to = gr_scratch_alloc(k->scratch, (size_t)(outer * axes[d].in * inner), size);
    if (!to) return GRAFT_NO_MEMORY;
    pass p = {.x = from, .y = to, .along = &axes[d], .inner = inner, .size = size};
    const int64_t each = inner * axes[d].out * axes[d].taps;
    gr_parallel_for(k->threads, outer, each < GRAIN ? 1 + GRAIN / (each + 1) : 1,
                    dtype == GRAFT_F64 ? spread_f64 : spread_f32, &p);
    from = to;
  }
  return GRAFT_OK;
}
