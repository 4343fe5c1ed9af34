/* Convolutions of bytes whose groups have one input channel: a plane of x becomes 16-bit integers without their zero
 * point, with what pads it, and each kernel position adds a part of it to the sums: a row where the stride is not 1,
 * else all rows at once, as long as those of x, whose ends are left out afterwards. */
#include "runtime/kernels/requantize_impl.h"

enum { X = GR_OPERAND(quantized_conv2d, x), WEIGHT, BIAS, X_ZERO = GR_OPERAND(quantized_conv2d, x_zero_point) };
enum { WEIGHT_ZERO = GR_OPERAND(quantized_conv2d, weight_zero_point) };

typedef struct plane_axis {
  int64_t in, out, kernel, stride, padding, dilation;
} plane_axis;

typedef struct plane_job {
  const gr_kernel_call *k;
  const gr_requantize *q;
  int64_t groups, channels; /* of x, of the result */
  plane_axis a[3];
  int64_t x_plane, y_plane, taps;
  int64_t width, height; /* of a padded row, and how many there are */
  int16_t *planes;       /* of each worker */
  int32_t *weights, *sums, *wide;
} plane_job;

GR_LOOP void add_tap(const int16_t *x, int64_t stride, int32_t w, int64_t count, int32_t *sums) {
  GR_IN_STEP
  for (int64_t i = 0; i < count; i++) sums[i] += w * x[i * stride];
}

/* One kernel of the last two axes: rows of sums are as long as those of x. */
GR_LOOP void add_taps_loop(const plane_job *j, const int16_t *x, const int32_t *weight, int32_t *sums) {
  const plane_axis *a = j->a;
  const bool whole = a[1].stride == 1 && a[2].stride == 1;
  const int64_t rows = whole ? 1 : a[1].out, count = whole ? (a[1].out - 1) * j->width + a[2].out : a[2].out;
  for (int64_t i = 0; i < a[1].kernel; i++)
    for (int64_t l = 0; l < a[2].kernel; l++) {
      const int32_t w = weight[i * a[2].kernel + l];
      const int16_t *from = x + i * a[1].dilation * j->width + l * a[2].dilation;
      for (int64_t h = 0; h < rows; h++) {
        const int16_t *row = from + h * a[1].stride * j->width;
        if (a[2].stride == 1)
          add_tap(row, 1, w, count, sums + h * j->width);
        else if (a[2].stride == 2)
          add_tap(row, 2, w, count, sums + h * j->width);
        else
          add_tap(row, a[2].stride, w, count, sums + h * j->width);
      }
    }
}
GR_CLONES(add_taps, (const plane_job *j, const int16_t *x, const int32_t *weight, int32_t *sums), (j, x, weight, sums))

static void pack_plane(const plane_job *j, int64_t plane, int16_t *to) {
  const plane_axis *a = j->a;
  const gr_in *x = &j->k->operands[X];
  const int32_t zero = *(const int32_t *)j->k->operands[X_ZERO].data;
  int64_t at = plane * j->x_plane;
  memset(to, 0, (size_t)(a[0].in * j->height * j->width) * sizeof *to);
  for (int64_t d = 0; d < a[0].in; d++)
    for (int64_t h = 0; h < a[1].in; h++, at += a[2].in) {
      int16_t *row = to + (d * j->height + a[1].padding + h) * j->width + a[2].padding;
      if (x->type->dtype == GRAFT_U8)
        for (int64_t i = 0; i < a[2].in; i++) row[i] = (int16_t)(((const uint8_t *)x->data)[at + i] - zero);
      else
        for (int64_t i = 0; i < a[2].in; i++) row[i] = (int16_t)(((const int8_t *)x->data)[at + i] - zero);
    }
}

/* Result d of the first axis. */
static void sum_slice(const plane_job *j, int64_t d, const int16_t *x, const int32_t *taps, int32_t first,
                      int32_t *wide, int32_t *sums) {
  const plane_axis *a = j->a;
  const int64_t of_slice = a[1].kernel * a[2].kernel;
  for (int64_t i = 0; i < a[1].out * j->width; i++) wide[i] = first;
  for (int64_t f = 0; f < a[0].kernel; f++) {
    const int64_t at = d * a[0].stride - a[0].padding + f * a[0].dilation;
    if (at >= 0 && at < a[0].in) add_taps[j->k->isa](j, x + at * j->height * j->width, taps + f * of_slice, wide);
  }
  for (int64_t h = 0; h < a[1].out; h++)
    memcpy(sums + h * a[2].out, wide + h * j->width, (size_t)a[2].out * sizeof *sums);
}

static void run_planes(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const plane_job *j = user;
  const gr_in *bias = &j->k->operands[BIAS], *zero = &j->k->operands[WEIGHT_ZERO];
  const int8_t *weight = j->k->operands[WEIGHT].data;
  int16_t *x = j->planes + (int64_t)worker * j->a[0].in * j->height * j->width;
  int32_t *wide = j->wide + (int64_t)worker * j->a[1].out * j->width;
  int32_t *sums = j->sums + (int64_t)worker * j->y_plane, *taps = j->weights + (int64_t)worker * j->taps;
  for (int64_t plane = begin; plane < end; plane++) {
    const int64_t channel = plane % j->channels, of_group = j->channels / j->groups;
    const int32_t z = ((const int32_t *)zero->data)[zero->count == 1 ? 0 : channel];
    const int32_t first = bias->data && bias->type->dtype == GRAFT_I32 ? ((const int32_t *)bias->data)[channel] : 0;
    if (plane == begin || channel % of_group == 0) pack_plane(j, plane / of_group, x);
    for (int64_t t = 0; t < j->taps; t++) taps[t] = weight[channel * j->taps + t] - z;
    for (int64_t d = 0; d < j->a[0].out; d++)
      sum_slice(j, d, x, taps, first, wide, sums + d * j->a[1].out * j->a[2].out);
    gr_requantize_i32(j->q, j->k->isa, sums, j->y_plane, channel, 0, plane * j->y_plane);
  }
}

bool gr_quantized_depthwise_fits(const gr_kernel_call *k, uint32_t of) {
  const graft_type *x = k->operands[X].type, *w = k->operands[WEIGHT].type;
  if (x->dtype != GRAFT_U8 && x->dtype != GRAFT_I8) return false;
  return (of == GR_OP_conv1d || of == GR_OP_conv2d || of == GR_OP_conv3d) && w->dims[1] == 1 &&
         k->operands[X].count > 0;
}

graft_status gr_quantized_depthwise(const gr_kernel_call *k, const gr_requantize *q) {
  const graft_type *x = k->operands[X].type, *w = k->operands[WEIGHT].type, *y = k->results[0].type;
  const int32_t axes = x->rank - 2;
  const size_t workers = gr_threads_count(k->threads);
  uint32_t count;
  const int64_t *stride = gr_k_ints(k, GR_ATTR_ND(conv, stride), &count),
                *padding = gr_k_ints(k, GR_ATTR_ND(conv, padding), &count),
                *dilation = gr_k_ints(k, GR_ATTR_ND(conv, dilation), &count);
  plane_job j = {.k = k,
                 .q = q,
                 .groups = x->dims[1],
                 .channels = y->dims[1],
                 .x_plane = gr_extent(x, 2, x->rank),
                 .y_plane = gr_extent(y, 2, y->rank),
                 .taps = gr_extent(w, 2, w->rank)};
  for (int32_t i = 0; i < 3; i++) {
    const int32_t at = i - (3 - axes);
    j.a[i] = (plane_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    if (at >= 0)
      j.a[i] = (plane_axis){x->dims[2 + at], y->dims[2 + at], w->dims[2 + at], stride[at], padding[at], dilation[at]};
  }
  j.width = j.a[2].in + 2 * j.a[2].padding;
  j.height = j.a[1].in + 2 * j.a[1].padding;
  const size_t rows = (size_t)(j.a[0].in * j.height);
  j.planes = gr_scratch_alloc(k->scratch, gr_size3(workers, rows, (size_t)j.width), sizeof *j.planes);
  j.weights = gr_scratch_alloc(k->scratch, workers * (size_t)j.taps, sizeof *j.weights);
  j.sums = gr_scratch_alloc(k->scratch, gr_size3(workers, (size_t)j.y_plane, 1), sizeof *j.sums);
  j.wide = gr_scratch_alloc(k->scratch, gr_size3(workers, (size_t)j.a[1].out, (size_t)j.width), sizeof *j.wide);
  if (!j.planes || !j.weights || !j.sums || !j.wide) return GRAFT_NO_MEMORY;
  gr_parallel_for(k->threads, y->dims[0] * j.channels, 1 + 65536 / (j.y_plane * j.taps + 1), run_planes, &j);
  return GRAFT_OK;
}
