/* Pools of bytes whose channels lie side by side: all channels of a window at a time. */
#include "runtime/kernels/pool_impl.h"
#include "runtime/kernels/requantize_impl.h"

typedef struct rows_job {
  gr_pool p;
  int64_t channels;
  gr_isa isa;
  bool is_signed;
  int64_t most;         /* elements of a window */
  const uint8_t **taps; /* of each worker: where they are */
  double *sums;         /* of each worker, by channel; NULL: of maxima */
  float *means;
  gr_requantize q;
  float scale;
  int32_t zero_point;
} rows_job;

#define MAX(NAME, T) \
  GR_LOOP void NAME##_loop(const uint8_t *const *taps, int64_t count, int64_t n, uint8_t *to) { \
    T *y = (T *)to; \
    memcpy(y, taps[0], (size_t)n); \
    for (int64_t t = 1; t < count; t++) { \
      const T *x = (const T *)taps[t]; \
      GR_IN_STEP \
      for (int64_t i = 0; i < n; i++) y[i] = x[i] > y[i] ? x[i] : y[i]; \
    } \
  } \
  GR_CLONES(NAME, (const uint8_t *const *taps, int64_t count, int64_t n, uint8_t *to), (taps, count, n, to))
MAX(max_u8, uint8_t)
MAX(max_i8, int8_t)

/* Sums of what the bytes stand for. */
#define SUM(NAME, T) \
  GR_LOOP void NAME##_loop(const uint8_t *const *taps, int64_t count, int64_t n, float scale, int32_t zero_point, \
                           double *sums) { \
    for (int64_t i = 0; i < n; i++) sums[i] = 0; \
    for (int64_t t = 0; t < count; t++) { \
      const T *x = (const T *)taps[t]; \
      GR_IN_STEP \
      for (int64_t i = 0; i < n; i++) sums[i] += (double)((float)((int32_t)x[i] - zero_point) * scale); \
    } \
  } \
  GR_CLONES(NAME, \
            (const uint8_t *const *taps, int64_t count, int64_t n, float scale, int32_t zero_point, double *sums), \
            (taps, count, n, scale, zero_point, sums))
SUM(sum_u8, uint8_t)
SUM(sum_i8, int8_t)

static void finish_means(const rows_job *j, double *sums, float *means, double n, int64_t at) {
  for (int64_t c = 0; c < j->channels; c++) means[c] = (float)(n > 0 ? sums[c] / n : 0);
  gr_quantize_f32(j->isa, means, j->channels, j->q.scale, j->q.zero_point, j->q.range, j->q.dtype,
                  (uint8_t *)j->q.y + at);
}

/* Windows along the last axis, for each of the axes before it and each image. */
static void run_rows(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const rows_job *j = user;
  const gr_pool *p = &j->p;
  const gr_pool_axis *a = p->a;
  const uint8_t **taps = j->taps + (int64_t)worker * j->most;
  for (int64_t row = begin; row < end; row++) {
    const int64_t image = row / a[1].out / a[0].out;
    const uint8_t *x = (const uint8_t *)p->x + image * p->in * j->channels;
    int64_t d0, d1, dn, h0, h1, hn, w0, w1, wn;
    gr_pool_window(p, 0, row / a[1].out % a[0].out, &d0, &d1, &dn);
    gr_pool_window(p, 1, row % a[1].out, &h0, &h1, &hn);
    for (int64_t w = 0; w < a[2].out; w++) {
      const int64_t at = (row * a[2].out + w) * j->channels;
      int64_t count = 0;
      gr_pool_window(p, 2, w, &w0, &w1, &wn);
      for (int64_t d = d0; d < d1; d += a[0].dilation)
        for (int64_t h = h0; h < h1; h += a[1].dilation)
          for (int64_t i = w0; i < w1; i += a[2].dilation)
            taps[count++] = x + ((d * a[1].in + h) * a[2].in + i) * j->channels;
      if (!j->sums) {
        uint8_t *y = (uint8_t *)p->y + at;
        if (count == 0) memset(y, j->is_signed ? 128 : 0, (size_t)j->channels);
        if (count > 0) (j->is_signed ? max_i8 : max_u8)[j->isa](taps, count, j->channels, y);
        continue;
      }
      double *sums = j->sums + (int64_t)worker * j->channels;
      const double n = p->count_include_pad ? (double)dn * (double)hn * (double)wn : (double)count;
      (j->is_signed ? sum_i8 : sum_u8)[j->isa](taps, count, j->channels, j->scale, j->zero_point, sums);
      finish_means(j, sums, j->means + (int64_t)worker * j->channels, n, at);
    }
  }
}

/* The most elements that a window has along an axis. */
static int64_t longest(const gr_pool *p, int i) {
  return p->adaptive ? (p->a[i].in + p->a[i].out - 1) / p->a[i].out + 1 : p->a[i].kernel;
}

static graft_status run_job(const gr_kernel_call *k, rows_job *j) {
  const gr_pool_axis *a = j->p.a;
  const size_t workers = gr_threads_count(k->threads);
  const int64_t rows = k->results[0].type->dims[0] * a[0].out * a[1].out;
  j->isa = k->isa;
  j->channels = k->operands[0].type->dims[1];
  j->most = longest(&j->p, 0) * longest(&j->p, 1) * longest(&j->p, 2);
  j->taps = gr_scratch_alloc(k->scratch, workers * (size_t)j->most, sizeof *j->taps);
  if (!j->taps) return GRAFT_NO_MEMORY;
  const double work = (double)j->channels * (double)a[2].out * (double)j->most;
  gr_parallel_for(k->threads, rows, 1 + (int64_t)(65536 / (work + 1)), run_rows, j);
  return GRAFT_OK;
}

graft_status gr_max_pool_rows(const gr_kernel_call *k, bool x_turned) {
  rows_job j = {.is_signed = k->operands[0].type->dtype == GRAFT_I8 && !x_turned};
  gr_pool_read(k, k->op, &j.p);
  return run_job(k, &j);
}

GR_SAME_OPERAND(y_scale, quantized_avg_pool2d, quantized_adaptive_avg_pool2d);
GR_SAME_OPERAND(y_scale, quantized_avg_pool2d, quantized_mean);

/* Whole planes. */
static void read_mean(const gr_kernel_call *k, gr_pool *p) {
  const graft_type *x = k->operands[0].type;
  *p = (gr_pool){.x = k->operands[0].data, .y = k->results[0].data, .out = 1, .adaptive = true};
  p->in = gr_extent(x, 2, x->rank);
  for (int i = 0; i < 3; i++) p->a[i] = (gr_pool_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
  p->a[2].in = p->in;
}

graft_status gr_quantized_mean_rows(const gr_kernel_call *k, bool x_turned, bool y_turned) {
  const uint32_t scale = GR_OPERAND(quantized_avg_pool2d, x_scale), y_scale = GR_OPERAND(quantized_avg_pool2d, y_scale);
  const size_t channels = (size_t)k->operands[0].type->dims[1], workers = gr_threads_count(k->threads);
  rows_job j = {.scale = *(const float *)k->operands[scale].data,
                .zero_point = *(const int32_t *)k->operands[scale + 1].data + (x_turned ? 128 : 0),
                .is_signed = k->operands[0].type->dtype == GRAFT_I8 && !x_turned};
  graft_status s = gr_quantized_mean_begin(k, scale, y_scale, &j.q);
  if (s) return s;
  if (y_turned) gr_requantize_turn(&j.q);
  if (gr_integer_of(k->op) == GR_OP_mean)
    read_mean(k, &j.p);
  else
    gr_pool_read(k, gr_integer_of(k->op), &j.p);
  j.sums = gr_scratch_alloc(k->scratch, workers * channels, sizeof *j.sums);
  j.means = gr_scratch_alloc(k->scratch, workers * channels, sizeof *j.means);
  return j.sums && j.means ? run_job(k, &j) : GRAFT_NO_MEMORY;
}
