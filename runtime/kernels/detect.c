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

/* The boxes of one roi, cut into bins. */
typedef struct bins {
  int64_t image, rows, columns; /* samples of a bin */
  double left, top, wide, tall; /* of the first one */
} bins;

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

static bins bins_of(const align *a, int64_t roi) {
  const double offset = a->aligned ? 0.5 : 0;
  double v[5];
  for (int64_t i = 0; i < 5; i++) v[i] = at(&(align){.x = a->rois}, a->rois->data, roi * 5 + i);
  bins b = {.image = (int64_t)v[0], .left = v[1] * a->scale - offset, .top = v[2] * a->scale - offset};
  b.wide = v[3] * a->scale - offset - b.left;
  b.tall = v[4] * a->scale - offset - b.top;
  if (!a->aligned) b.wide = fmax(b.wide, 1), b.tall = fmax(b.tall, 1);
  b.wide /= (double)a->width;
  b.tall /= (double)a->height;
  b.rows = a->sampling > 0 ? a->sampling : b.tall > 0 ? (int64_t)ceil(b.tall) : 0;
  b.columns = a->sampling > 0 ? a->sampling : b.wide > 0 ? (int64_t)ceil(b.wide) : 0;
  return b;
}

static void align_rois(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const align *a = user;
  const size_t size = graft_dtype_size(a->x->type->dtype);
  (void)worker;
  for (int64_t map = begin; map < end; map++) { /* of a roi and a channel */
    const bins b = bins_of(a, map / a->channels);
    const char *x = (const char *)a->x->data +
                    (size_t)((b.image * a->channels + map % a->channels) * a->in_height * a->in_width) * size;
    for (int64_t i = 0; i < a->height * a->width; i++) {
      const int64_t row = i / a->width, column = i % a->width;
      const double value =
          bin(a, x, b.top + (double)row * b.tall, b.left + (double)column * b.wide, b.tall, b.wide, b.rows, b.columns);
      if (size == sizeof(double))
        ((double *)a->y->data)[map * a->height * a->width + i] = value;
      else
        ((float *)a->y->data)[map * a->height * a->width + i] = (float)value;
    }
  }
}

static align read_align(const gr_kernel_call *k, const gr_in *x) {
  return (align){.x = x,
                 .rois = &k->operands[k->op == GR_OP_roi_align ? 1 : 2],
                 .y = &k->results[0],
                 .height = gr_k_int(k, GR_ATTR(roi_align, pooled_height)),
                 .width = gr_k_int(k, GR_ATTR(roi_align, pooled_width)),
                 .sampling = gr_k_int(k, GR_ATTR(roi_align, sampling_ratio)),
                 .channels = x->type->dims[1],
                 .in_height = x->type->dims[2],
                 .in_width = x->type->dims[3],
                 .scale = gr_k_float(k, GR_ATTR(roi_align, spatial_scale)),
                 .aligned = gr_k_bool(k, GR_ATTR(roi_align, aligned)),
                 .largest = gr_k_int(k, GR_ATTR(roi_align, mode)) == GR_roi_mode_max};
}

static graft_status check_rois(const gr_kernel_call *k, const align *a) {
  for (int64_t i = 0; i < a->rois->count; i++) {
    const double v = at(&(align){.x = a->rois}, a->rois->data, i);
    if (i % 5 == 0 && !(v >= 0 && v < (double)a->x->type->dims[0]))
      return gr_kernel_error(k, "roi %lld is of image %g, there are %lld", (long long)(i / 5), v,
                             (long long)a->x->type->dims[0]);
    if (!(fabs(v * a->scale) < 0x1p15)) /* each adds samples, where their number is not given */
      return gr_kernel_error(k, "roi %lld is too large", (long long)(i / 5));
  }
  return GRAFT_OK;
}

graft_status gr_kernel_roi_align(const gr_kernel_call *k) {
  align a = read_align(k, &k->operands[0]);
  if (a.y->count == 0) return GRAFT_OK;
  if (a.in_height == 0 || a.in_width == 0) return gr_kernel_error(k, "x has no elements");
  const graft_status fits = check_rois(k, &a);
  if (fits != GRAFT_OK) return fits;
  gr_parallel_for(k->threads, a.rois->type->dims[0] * a.channels, 1, align_rois, &a);
  return GRAFT_OK;
}

/* ---- backward: of the means ---- */

GR_SAME_ATTR(spatial_scale, roi_align, roi_align_backward);
GR_SAME_ATTR(pooled_height, roi_align, roi_align_backward);
GR_SAME_ATTR(pooled_width, roi_align, roi_align_backward);
GR_SAME_ATTR(sampling_ratio, roi_align, roi_align_backward);
GR_SAME_ATTR(aligned, roi_align, roi_align_backward);
GR_SAME_ATTR(mode, roi_align, roi_align_backward);

typedef struct spreading {
  align a;
  const gr_in *dy;
} spreading;

static void spread_bin(const align *a, void *map, double top, double left, const bins *b, double each) {
  for (int64_t i = 0; i < b->rows; i++) {
    int64_t y[2], x[2];
    double v[2], h[2];
    if (!corners(top + ((double)i + 0.5) * b->tall / (double)b->rows, a->in_height, y, v)) continue;
    for (int64_t j = 0; j < b->columns; j++) {
      if (!corners(left + ((double)j + 0.5) * b->wide / (double)b->columns, a->in_width, x, h)) continue;
      for (int c = 0; c < 4; c++) {
        const int64_t place = y[c / 2] * a->in_width + x[c % 2];
        if (a->y->type->dtype == GRAFT_F64)
          ((double *)map)[place] += v[c / 2] * h[c % 2] * each;
        else
          ((float *)map)[place] += (float)(v[c / 2] * h[c % 2] * each);
      }
    }
  }
}

/* Of channels [begin, end), in every image: each is one thread's. */
static void spread_rois(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const spreading *s = user;
  const align *a = &s->a;
  const size_t size = graft_dtype_size(a->y->type->dtype);
  (void)worker;
  for (int64_t channel = begin; channel < end; channel++)
    for (int64_t roi = 0; roi < a->rois->type->dims[0]; roi++) {
      const bins b = bins_of(a, roi);
      const double samples = (double)b.rows * (double)b.columns;
      const int64_t from = (roi * a->channels + channel) * a->height * a->width;
      char *map = (char *)a->y->data + (size_t)((b.image * a->channels + channel) * a->in_height * a->in_width) * size;
      for (int64_t i = 0; i < a->height * a->width; i++) {
        const double dy = a->y->type->dtype == GRAFT_F64 ? ((const double *)s->dy->data)[from + i]
                                                         : (double)((const float *)s->dy->data)[from + i];
        const int64_t row = i / a->width, column = i % a->width;
        spread_bin(a, map, b.top + (double)row * b.tall, b.left + (double)column * b.wide, &b,
                   dy / (samples > 1 ? samples : 1));
      }
    }
}

graft_status gr_kernel_roi_align_backward(const gr_kernel_call *k) {
  const gr_out *dx = &k->results[0];
  const gr_in like = {.type = dx->type, .count = dx->count};
  spreading s = {.a = read_align(k, &like), .dy = &k->operands[0]};
  if (s.a.largest) return gr_kernel_error(k, "what flows back through the largest shares is not known");
  if (dx->type->dtype != GRAFT_F32 && dx->type->dtype != GRAFT_F64) return gr_kernel_no_dtype(k, dx->type->dtype);
  memset(dx->data, 0, gr_out_bytes(dx));
  if (dx->count == 0 || s.dy->count == 0) return GRAFT_OK;
  const graft_status fits = check_rois(k, &s.a);
  if (fits != GRAFT_OK) return fits;
  gr_parallel_for(k->threads, s.a.channels, 1, spread_rois, &s);
  return GRAFT_OK;
}
