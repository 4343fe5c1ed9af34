/* Images sampled at the points of a grid. Along each axis a point takes some taps, each an entry and its weight; what
 * is between them is the product of the axes. Coordinates are rounded to the grid's dtype after each operation, so that
 * a point halfway between two entries goes where PyTorch sends it. */
#include "runtime/kernel_impl.h"

#include <math.h>

#define SPATIAL 3
#define TAPS 4 /* of an axis */
#define GRAIN 256

typedef struct grid {
  const gr_in *x, *points;
  const gr_out *y;
  int32_t spatial;
  int64_t mode, padding;
  bool corners;              /* -1 and 1 are the middles of the outermost entries, not their edges */
  int64_t channels, per_map; /* points of a map of y */
  int64_t n[SPATIAL], strides[SPATIAL], plane;
} grid;

static double as(const gr_in *points, double v) { return points->type->dtype == GRAFT_F32 ? (double)(float)v : v; }

static double clip(double x, double n) { return x > 0 ? x < n - 1 ? x : n - 1 : 0; } /* NaN: 0 */

/* Back and forth between the outermost entries' middles, or their edges. */
static double reflect(const grid *g, double x, double n) {
  const double low = g->corners ? 0 : -0.5, twice = g->corners ? 2 * (n - 1) : 2 * n;
  if (twice <= 0) return 0;
  const double from = fabs(as(g->points, x - low));
  const double extra = as(g->points, from - as(g->points, trunc(as(g->points, from / twice)) * twice));
  return as(g->points, fmin(extra, twice - extra) + low);
}

/* A coordinate, or an entry outside, by the padding; outside of [0, n) only where that is zeros. */
static double place(const grid *g, double x, double n) {
  switch (g->padding) {
  case GR_grid_padding_border: return clip(x, n);
  case GR_grid_padding_reflection: return clip(reflect(g, x, n), n);
  default: return x;
  }
}

static double coordinate(const grid *g, double v, int64_t n) {
  const double half = (double)(g->corners ? n - 1 : n) / 2;
  const double x = as(g->points, as(g->points, v + 1) * as(g->points, half));
  return g->corners ? x : as(g->points, x - 0.5);
}

static double cubic(double x) {
  const double a = -0.75;
  x = fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

static double cubic_slope(double x) {
  const double a = -0.75, from = fabs(x);
  const double slope = from <= 1 ? (3 * (a + 2) * from - 2 * (a + 3)) * from : (3 * a * from - 10 * a) * from + 8 * a;
  return x < 0 ? -slope : slope;
}

/* What a coordinate's place changes by, as it does: 1, -1, or 0 where the padding holds it. */
static double place_slope(const grid *g, double x, double n) {
  double slope = 1;
  if (g->padding == GR_grid_padding_reflection) {
    const double low = g->corners ? 0 : -0.5, twice = g->corners ? 2 * (n - 1) : 2 * n;
    if (twice <= 0) return 0;
    const double extra = fmod(fabs(x - low), twice);
    slope = (x < low) == (extra < twice - extra) ? -1 : 1;
    x = reflect(g, x, n);
  }
  return g->padding == GR_grid_padding_zeros || (x > 0 && x < n - 1) ? slope : 0;
}

/* The taps along an axis of n; the entry is -1 for one that is 0. slope, where given: what each weight changes by with
 * v. */
static int32_t taps_of(const grid *g, double v, int64_t extent, int64_t *entry, double *weight, double *slope) {
  const double n = (double)extent;
  double x = coordinate(g, v, extent);
  int32_t count = 1;
  double first;
  if (g->mode == GR_interpolation_cubic) {
    first = floor(x) - 1;
    count = 4;
    for (int32_t t = 0; t < count; t++) weight[t] = cubic(x - first - t);
  } else {
    x = place(g, x, n);
    first = g->mode == GR_interpolation_nearest ? nearbyint(x) : floor(x);
    weight[0] = 1;
    if (g->mode == GR_interpolation_linear) {
      count = 2;
      weight[1] = as(g->points, x - first);
      weight[0] = as(g->points, 1 - weight[1]);
    }
  }
  if (slope) {
    const double c = coordinate(g, v, extent), by = (double)(g->corners ? extent - 1 : extent) / 2;
    slope[0] = 0;
    if (g->mode == GR_interpolation_cubic)
      for (int32_t t = 0; t < count; t++) slope[t] = cubic_slope(c - first - t) * by;
    else if (g->mode == GR_interpolation_linear)
      slope[0] = -(slope[1] = place_slope(g, c, n) * by);
  }
  for (int32_t t = 0; t < count; t++) {
    double at = first + t;
    if (g->mode == GR_interpolation_cubic) at = place(g, at, n);
    entry[t] = at >= 0 && at < n ? (int64_t)at : -1;
  }
  return count;
}

/* A point's taps in a map: their places and weights, without those that are 0. Of axis `along` (-1: none) what the
 * weights change by stands in their place. */
static int32_t gather_taps(const grid *g, int64_t point, int32_t along, int64_t *at, double *weight) {
  int64_t entry[SPATIAL][TAPS];
  double part[SPATIAL][TAPS];
  int32_t counts[SPATIAL], all = 1, made = 0;
  const char *v =
      (const char *)g->points->data + (size_t)(point * g->spatial) * graft_dtype_size(g->points->type->dtype);
  for (int32_t i = 0; i < g->spatial; i++) { /* the last axis comes first in the grid */
    const size_t from = (size_t)(g->spatial - 1 - i) * graft_dtype_size(g->points->type->dtype);
    double slope[TAPS];
    counts[i] = taps_of(g, gr_element_float(g->points->type->dtype, v + from), g->n[i], entry[i], part[i],
                        i == along ? slope : NULL);
    if (i == along) memcpy(part[i], slope, sizeof slope);
    all *= counts[i];
  }
  for (int32_t t = 0; t < all; t++) {
    int32_t rest = t;
    at[made] = 0;
    weight[made] = 1;
    bool zero = false;
    for (int32_t i = g->spatial; i-- > 0; rest /= counts[i]) {
      const int32_t own = rest % counts[i];
      zero |= entry[i][own] < 0;
      at[made] += entry[i][own] * g->strides[i];
      weight[made] *= part[i][own];
    }
    made += !zero;
  }
  return made;
}

static void sample(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const grid *g = user;
  const graft_dtype d = g->x->type->dtype;
  const size_t size = graft_dtype_size(d);
  int64_t at[TAPS * TAPS * TAPS];
  double weight[TAPS * TAPS * TAPS];
  (void)worker;
  for (int64_t point = begin; point < end; point++) {
    const int32_t count = gather_taps(g, point, -1, at, weight);
    const int64_t map = point / g->per_map * g->channels;
    for (int64_t c = 0; c < g->channels; c++) {
      const char *x = (const char *)g->x->data + (size_t)((map + c) * g->plane) * size;
      char *y = (char *)g->y->data + (size_t)((map + c) * g->per_map + point % g->per_map) * size;
      double sum = 0;
      if (g->mode == GR_interpolation_nearest) {
        if (count)
          memcpy(y, x + (size_t)at[0] * size, size);
        else
          memset(y, 0, size);
      } else if (d == GRAFT_F64) {
        for (int32_t t = 0; t < count; t++) sum += weight[t] * ((const double *)(const void *)x)[at[t]];
        *(double *)(void *)y = sum;
      } else {
        for (int32_t t = 0; t < count; t++) sum += weight[t] * (double)((const float *)(const void *)x)[at[t]];
        *(float *)(void *)y = (float)sum;
      }
    }
  }
}

graft_status gr_kernel_grid_sampler(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type, *y = k->results[0].type;
  grid g = {.x = &k->operands[0],
            .points = &k->operands[1],
            .y = &k->results[0],
            .spatial = x->rank - 2,
            .mode = gr_k_int(k, GR_ATTR(grid_sampler, interpolation_mode)),
            .padding = gr_k_int(k, GR_ATTR(grid_sampler, padding_mode)),
            .corners = gr_k_bool(k, GR_ATTR(grid_sampler, align_corners)),
            .channels = x->dims[1],
            .per_map = gr_extent(y, 2, y->rank)};
  if (g.y->count == 0) return GRAFT_OK;
  g.plane = 1;
  for (int32_t i = g.spatial; i-- > 0; g.plane *= g.n[i]) {
    g.n[i] = x->dims[2 + i];
    g.strides[i] = g.plane;
  }
  if (g.plane == 0) return gr_kernel_error(k, "x has no elements to sample");
  gr_parallel_for(k->threads, x->dims[0] * g.per_map, GRAIN, sample, &g);
  return GRAFT_OK;
}

/* ---- backward ---- */

GR_SAME_ATTR(interpolation_mode, grid_sampler, grid_sampler_backward);
GR_SAME_ATTR(padding_mode, grid_sampler, grid_sampler_backward);
GR_SAME_ATTR(align_corners, grid_sampler, grid_sampler_backward);

typedef struct backward {
  grid g; /* y is what flows to x */
  const gr_in *dy;
  void *dpoints;
} backward;

static double element(graft_dtype d, const void *data, int64_t i) {
  return d == GRAFT_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

/* What flows to maps [begin, end) of x: each is one thread's. */
static void spread_maps(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const backward *b = user;
  const grid *g = &b->g;
  const graft_dtype d = g->x->type->dtype;
  int64_t at[TAPS * TAPS * TAPS];
  double weight[TAPS * TAPS * TAPS];
  (void)worker;
  for (int64_t map = begin; map < end; map++)
    for (int64_t p = 0; p < g->per_map; p++) {
      const int32_t count = gather_taps(g, map / g->channels * g->per_map + p, -1, at, weight);
      const double dy = element(d, b->dy->data, map * g->per_map + p);
      for (int32_t t = 0; t < count; t++) {
        if (d == GRAFT_F64)
          ((double *)g->y->data)[map * g->plane + at[t]] += weight[t] * dy;
        else
          ((float *)g->y->data)[map * g->plane + at[t]] += (float)(weight[t] * dy);
      }
    }
}

/* What flows to points [begin, end). */
static void move_points(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const backward *b = user;
  const grid *g = &b->g;
  const graft_dtype d = g->x->type->dtype;
  int64_t at[TAPS * TAPS * TAPS];
  double weight[TAPS * TAPS * TAPS];
  (void)worker;
  for (int64_t point = begin; point < end; point++)
    for (int32_t axis = 0; axis < g->spatial; axis++) {
      const int32_t count = gather_taps(g, point, axis, at, weight);
      const int64_t map = point / g->per_map * g->channels;
      double sum = 0;
      for (int64_t c = 0; c < g->channels; c++) {
        double change = 0;
        for (int32_t t = 0; t < count; t++) change += weight[t] * element(d, g->x->data, (map + c) * g->plane + at[t]);
        sum += change * element(d, b->dy->data, (map + c) * g->per_map + point % g->per_map);
      }
      const size_t size = graft_dtype_size(g->points->type->dtype);
      gr_element_set_float(g->points->type->dtype,
                           (char *)b->dpoints + (size_t)(point * g->spatial + g->spatial - 1 - axis) * size, sum);
    }
}

graft_status gr_kernel_grid_sampler_backward(const gr_kernel_call *k) {
  const gr_in *dy = &k->operands[0];
  const graft_type *x = k->operands[1].type;
  backward b = {.dy = dy, .dpoints = k->results[1].data};
  b.g = (grid){.x = &k->operands[1],
               .points = &k->operands[2],
               .y = &k->results[0],
               .spatial = x->rank - 2,
               .mode = gr_k_int(k, GR_ATTR(grid_sampler_backward, interpolation_mode)),
               .padding = gr_k_int(k, GR_ATTR(grid_sampler_backward, padding_mode)),
               .corners = gr_k_bool(k, GR_ATTR(grid_sampler_backward, align_corners)),
               .channels = x->dims[1],
               .per_map = gr_extent(dy->type, 2, dy->type->rank),
               .plane = 1};
  for (int32_t i = b.g.spatial; i-- > 0; b.g.plane *= b.g.n[i]) {
    b.g.n[i] = x->dims[2 + i];
    b.g.strides[i] = b.g.plane;
  }
  if (x->dtype != GRAFT_F32 && x->dtype != GRAFT_F64) return gr_kernel_no_dtype(k, x->dtype);
  memset(k->results[0].data, 0, gr_out_bytes(&k->results[0]));
  if (b.dpoints) memset(b.dpoints, 0, gr_out_bytes(&k->results[1]));
  if (dy->count == 0 || k->operands[1].count == 0) return GRAFT_OK;
  gr_parallel_for(k->threads, x->dims[0] * x->dims[1], 1 + GRAIN / b.g.per_map, spread_maps, &b);
  if (b.dpoints) gr_parallel_for(k->threads, x->dims[0] * b.g.per_map, GRAIN, move_points, &b);
  return GRAFT_OK;
}

/* ---- affine grids ---- */

/* Entry i of n along an axis: from -1 to 1, which are the middles of the outermost entries, or their edges. */
static double spread(int64_t i, int64_t n, bool corners) {
  if (n == 1) return 0;
  return corners ? 2 * (double)i / (double)(n - 1) - 1 : (2 * (double)i + 1) / (double)n - 1;
}

graft_status gr_kernel_affine_grid_generator(const gr_kernel_call *k) {
  const gr_in *theta = &k->operands[0];
  const gr_out *y = &k->results[0];
  const int32_t axes = y->type->rank - 2;
  const bool corners = gr_k_bool(k, GR_ATTR(affine_grid_generator, align_corners));
  const size_t size = graft_dtype_size(y->type->dtype);
  for (int64_t i = 0; i < y->count; i++) {
    int64_t point = i / axes;
    double at[SPATIAL + 1], sum = 0;
    at[axes] = 1;
    for (int32_t d = axes; d > 0; point /= y->type->dims[d--]) /* the last axis comes first */
      at[axes - d] = spread(point % y->type->dims[d], y->type->dims[d], corners);
    const int64_t row = (point * axes + i % axes) * (axes + 1);
    for (int32_t j = 0; j <= axes; j++)
      sum += at[j] * gr_element_float(y->type->dtype, (const char *)theta->data + (size_t)(row + j) * size);
    gr_element_set_float(y->type->dtype, (char *)y->data + (size_t)i * size, sum);
  }
  return GRAFT_OK;
}
