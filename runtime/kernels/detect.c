/* What detectors do with boxes: non_max_suppression keeps the best of those that overlap, roi_align averages an image
 * over them. */
#include "runtime/kernel_impl.h"

#include <math.h>

/* ---- non_max_suppression ---- */

typedef struct box {
  float low[2], high[2];
} box;

static box box_of(const float *v, bool center) {
  box b;
  for (int i = 0; i < 2; i++) {
    const float half = v[i + 2] / 2;
    b.low[i] = center ? v[i] - half : fminf(v[i], v[i + 2]);
    b.high[i] = center ? v[i] + half : fmaxf(v[i], v[i + 2]);
  }
  return b;
}

static float area(const box *b) { return (b->high[0] - b->low[0]) * (b->high[1] - b->low[1]); }

static bool overlap(const box *a, const box *b, float threshold) {
  box both;
  for (int i = 0; i < 2; i++) {
    both.low[i] = fmaxf(a->low[i], b->low[i]);
    both.high[i] = fminf(a->high[i], b->high[i]);
    if (!(both.low[i] < both.high[i])) return false;
  }
  const float shared = area(&both), whole = area(a) + area(b) - shared;
  return area(a) > 0 && area(b) > 0 && whole > 0 && shared / whole > threshold;
}

static int better(const void *user, int64_t a, int64_t b) { /* NaN last */
  const float *score = user, p = score[a], q = score[b];
  if (p > q || (p == p && q != q)) return -1;
  return p < q || (p != p && q == q);
}

static float number(const gr_kernel_call *k, uint32_t operand, float otherwise) {
  const float *v = k->operands[operand].data;
  return v ? *v : otherwise;
}

/* The chosen boxes as (batch, class, box), one after the other, where `out` is given; -1: no memory. */
static int64_t choose(const gr_kernel_call *k, int64_t *out) {
  const gr_in *boxes = &k->operands[0], *scores = &k->operands[1];
  const int64_t *most = k->operands[GR_OPERAND(non_max_suppression, max_output_boxes_per_class)].data;
  const float threshold = number(k, GR_OPERAND(non_max_suppression, iou_threshold), 0),
              least = number(k, GR_OPERAND(non_max_suppression, score_threshold), -INFINITY);
  const bool center = gr_k_bool(k, GR_ATTR(non_max_suppression, center_point_box)),
             all = k->operands[GR_OPERAND(non_max_suppression, score_threshold)].data == NULL;
  const int64_t n = boxes->type->dims[1], classes = scores->type->dims[1], limit = most ? *most : 0;
  int64_t count = 0, *order = gr_scratch_alloc(k->scratch, (size_t)n, sizeof *order);
  box *kept = gr_scratch_alloc(k->scratch, (size_t)n, sizeof *kept);
  if (!order || !kept) return -1;
  for (int64_t part = 0; n > 0 && limit > 0 && part < scores->count / n; part++) {
    const float *score = (const float *)scores->data + part * n,
                *corner = (const float *)boxes->data + part / classes * n * 4;
    int64_t chosen = 0;
    if (!gr_sort_indices(k->scratch, order, n, better, score)) return -1;
    for (int64_t i = 0; i < n && chosen < limit; i++) {
      if (!all && !(score[order[i]] > least)) break;
      kept[chosen] = box_of(corner + order[i] * 4, center);
      bool free = true;
      for (int64_t j = 0; j < chosen && free; j++) free = !overlap(&kept[chosen], &kept[j], threshold);
      if (!free) continue;
      if (out) {
        out[3 * count] = part / classes;
        out[3 * count + 1] = part % classes;
        out[3 * count + 2] = order[i];
      }
      chosen++;
      count++;
    }
  }
  return count;
}

graft_status gr_measure_non_max_suppression(const gr_kernel_call *k, graft_type *results) {
  results[0].dims[0] = choose(k, NULL);
  return results[0].dims[0] < 0 ? GRAFT_NO_MEMORY : GRAFT_OK;
}

graft_status gr_kernel_non_max_suppression(const gr_kernel_call *k) {
  return choose(k, k->results[0].data) < 0 ? GRAFT_NO_MEMORY : GRAFT_OK;
}

/* ---- roi_align ---- */

typedef struct align {
  const gr_in *x, *rois;
  const gr_out *y;
  int64_t height, width, sampling, channels, in_height, in_width;
  double scale;
  bool aligned, largest;
} align;

/* A corner's place and share along an axis of n. False: the point lies outside. */
static bool corners(double at, int64_t n, int64_t place[2], double share[2]) {
  if (!(at >= -1 && at <= (double)n)) return false;
  if (at < 0) at = 0;
  place[0] = (int64_t)at;
  place[1] = place[0] + 1;
  if (place[0] >= n - 1) {
    place[0] = place[1] = n - 1;
    at = (double)place[0];
  }
  share[1] = at - (double)place[0];
  share[0] = 1 - share[1];
  return true;
}

static double at(const align *a, const char *map, int64_t i) {
  return a->x->type->dtype == GRAFT_F64 ? ((const double *)(const void *)map)[i]
                                        : (double)((const float *)(const void *)map)[i];
}

/* A bin: the mean of its samples, or the largest share of a corner of one. */
static double bin(const align *a, const char *map, double top, double left, double tall, double wide, int64_t rows,
                  int64_t columns) {
  double sum = 0, most = 0;
  bool any = false;
  for (int64_t i = 0; i < rows; i++) {
    int64_t y[2] = {-1, -1}, x[2] = {-1, -1};
    double v[2] = {0}, h[2] = {0};
    if (!corners(top + ((double)i + 0.5) * tall / (double)rows, a->in_height, y, v)) y[0] = -1;
    for (int64_t j = 0; j < columns; j++) {
      double values[4] = {0};
      if (y[0] >= 0 && corners(left + ((double)j + 0.5) * wide / (double)columns, a->in_width, x, h))
        for (int c = 0; c < 4; c++) values[c] = v[c / 2] * h[c % 2] * at(a, map, y[c / 2] * a->in_width + x[c % 2]);
      for (int c = 0; c < 4; c++) {
        sum += values[c];
        if (!any || values[c] > most) most = values[c];
        any = true;
      }
    }
  }
  const double samples = (double)rows * (double)columns;
  return a->largest ? most : sum / (samples > 1 ? samples : 1);
}

static void align_rois(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const align *a = user;
  const size_t size = graft_dtype_size(a->x->type->dtype);
  (void)worker;
  for (int64_t map = begin; map < end; map++) { /* of a roi and a channel */
    const double offset = a->aligned ? 0.5 : 0;
    double v[5];
    for (int64_t i = 0; i < 5; i++) v[i] = at(&(align){.x = a->rois}, a->rois->data, map / a->channels * 5 + i);
    const double left = v[1] * a->scale - offset, top = v[2] * a->scale - offset;
    double wide = v[3] * a->scale - offset - left, tall = v[4] * a->scale - offset - top;
    if (!a->aligned) wide = fmax(wide, 1), tall = fmax(tall, 1);
    wide /= (double)a->width;
    tall /= (double)a->height;
    const int64_t rows = a->sampling > 0 ? a->sampling
                         : tall > 0      ? (int64_t)ceil(tall)
                                         : 0,
                  columns = a->sampling > 0 ? a->sampling
                            : wide > 0      ? (int64_t)ceil(wide)
                                            : 0;
    const char *x = (const char *)a->x->data +
                    (size_t)(((int64_t)v[0] * a->channels + map % a->channels) * a->in_height * a->in_width) * size;
    for (int64_t i = 0; i < a->height * a->width; i++) {
      const int64_t row = i / a->width, column = i % a->width;
      const double value = bin(a, x, top + (double)row * tall, left + (double)column * wide, tall, wide, rows, columns);
      if (size == sizeof(double))
        ((double *)a->y->data)[map * a->height * a->width + i] = value;
      else
        ((float *)a->y->data)[map * a->height * a->width + i] = (float)value;
    }
  }
}

graft_status gr_kernel_roi_align(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type;
  align a = {.x = &k->operands[0],
             .rois = &k->operands[1],
             .y = &k->results[0],
             .height = gr_k_int(k, GR_ATTR(roi_align, pooled_height)),
             .width = gr_k_int(k, GR_ATTR(roi_align, pooled_width)),
             .sampling = gr_k_int(k, GR_ATTR(roi_align, sampling_ratio)),
             .channels = x->dims[1],
             .in_height = x->dims[2],
             .in_width = x->dims[3],
             .scale = gr_k_float(k, GR_ATTR(roi_align, spatial_scale)),
             .aligned = gr_k_bool(k, GR_ATTR(roi_align, aligned)),
             .largest = gr_k_int(k, GR_ATTR(roi_align, mode)) == GR_roi_mode_max};
  if (a.y->count == 0) return GRAFT_OK;
  if (a.in_height == 0 || a.in_width == 0) return gr_kernel_error(k, "x has no elements");
  for (int64_t i = 0; i < a.rois->count; i++) {
    const double v = at(&(align){.x = a.rois}, a.rois->data, i);
    if (i % 5 == 0 && !(v >= 0 && v < (double)x->dims[0]))
      return gr_kernel_error(k, "roi %lld is of image %g, there are %lld", (long long)(i / 5), v,
                             (long long)x->dims[0]);
    if (!(fabs(v * a.scale) < 0x1p15)) /* each adds samples, where their number is not given */
      return gr_kernel_error(k, "roi %lld is too large", (long long)(i / 5));
  }
  gr_parallel_for(k->threads, a.rois->type->dims[0] * a.channels, 1, align_rois, &a);
  return GRAFT_OK;
}
