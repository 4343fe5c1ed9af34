#include "array.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POOL = 1 << 21 };
static float pool[POOL];
static size_t used;

void arrays_reset(void) { used = 0; }

int64_t array_count(array a) { return a.n * a.c * a.h * a.w; }

static float *take(int64_t count) {
  ck_assert_uint_le(used + (size_t)count, POOL);
  float *data = pool + used;
  used += (size_t)count;
  memset(data, 0, (size_t)count * sizeof *data);
  return data;
}

array array_make(int64_t n, int64_t c, int64_t h, int64_t w) { return (array){n, c, h, w, take(n * c * h * w)}; }

array array_fill(const char *name, int64_t n, int64_t c, int64_t h, int64_t w, double lo, double hi) {
  array a = array_make(n, c, h, w);
  for (int64_t i = 0; i < array_count(a); i++) a.data[i] = graft_fill_element(name, (uint64_t)i, lo, hi);
  return a;
}

/* ---- fake quantization ---- */

static int64_t channel_of(const fake_quant *q, int64_t i) {
  if (!q->channels) return 0;
  if (!q->group) return i / q->inner % q->channels;
  int64_t part = q->channels / q->groups;
  return i / q->group * part + i / q->inner % part;
}

static void observe(fake_quant *q, const float *x, int64_t count) {
  float low[MAX_CHANNELS] = {0}, high[MAX_CHANNELS] = {0};
  int64_t channels = q->channels ? q->channels : 1;
  for (int64_t c = 0; c < channels; c++) low[c] = INFINITY, high[c] = -INFINITY;
  for (int64_t i = 0; i < count; i++) {
    int64_t c = channel_of(q, i);
    low[c] = fminf(low[c], x[i]);
    high[c] = fmaxf(high[c], x[i]);
  }
  for (int64_t c = 0; c < channels; c++) {
    q->min[c] = q->seen ? q->min[c] + 0.01f * (low[c] - q->min[c]) : low[c];
    q->max[c] = q->seen ? q->max[c] + 0.01f * (high[c] - q->max[c]) : high[c];
    q->options.size = sizeof q->options;
    ck_assert_int_eq(graft_qparams(&q->options, q->min[c], q->max[c], &q->scale[c], &q->zero_point[c]), GRAFT_OK);
  }
  q->seen = true;
}

void fake_quantize(fake_quant *q, float *x, int64_t count) {
  int64_t low, high;
  observe(q, x, count);
  graft_qparams_range(&q->options, &low, &high);
  for (int64_t i = 0; i < count; i++) {
    int64_t c = channel_of(q, i);
    double code = (double)rintf(x[i] * (1.0f / q->scale[c])) + q->zero_point[c];
    code = fmin(fmax(code, (double)low), (double)high);
    x[i] = (float)(code - q->zero_point[c]) * q->scale[c];
  }
}

array fake_quantized(fake_quant *q, array x) {
  array y = array_make(x.n, x.c, x.h, x.w);
  memcpy(y.data, x.data, (size_t)array_count(x) * sizeof *x.data);
  fake_quantize(q, y.data, array_count(y));
  return y;
}

/* ---- networks ---- */

static int64_t or_one(int64_t i) { return i ? i : 1; }

array conv_forward(const unit *u, array x, const float *weight, const float *bias) {
  const layer *l = &u->layer;
  int64_t k = l->kernel, kh = u->dim == 1 ? 1 : k, stride = or_one(l->stride), dilation = or_one(l->dilation),
          groups = or_one(l->groups), ph = u->dim == 1 ? 0 : l->padding, reach = dilation * (k - 1) + 1;
  int64_t w = l->transpose ? (x.w - 1) * stride - 2 * l->padding + reach : (x.w + 2 * l->padding - reach) / stride + 1;
  int64_t h = u->dim == 1    ? 1
              : l->transpose ? (x.h - 1) * stride - 2 * ph + reach
                             : (x.h + 2 * ph - reach) / stride + 1;
  array y = array_make(x.n, l->out, h, w);
  int64_t in_group = l->in / groups, out_group = l->out / groups;
  double *sums = calloc((size_t)array_count(y), sizeof *sums);
  ck_assert_ptr_nonnull(sums);
  for (int64_t n = 0; n < x.n; n++)
    for (int64_t o = 0; o < l->out; o++)
      for (int64_t j = 0; j < in_group; j++)
        for (int64_t a = 0; a < kh; a++)
          for (int64_t b = 0; b < k; b++) {
            int64_t i = o / out_group * in_group + j;
            int64_t at = l->transpose ? ((i * out_group + o % out_group) * kh + a) * k + b
                                      : ((o * in_group + j) * kh + a) * k + b;
            /* in a transposed convolution input and output change places */
            int64_t rows = l->transpose ? x.h : h, columns = l->transpose ? x.w : w;
            for (int64_t r = 0; r < rows; r++)
              for (int64_t c = 0; c < columns; c++) {
                int64_t fr = u->dim == 1 ? 0 : r * stride - ph + a * dilation,
                        fc = c * stride - l->padding + b * dilation;
                int64_t xr = l->transpose ? r : fr, xc = l->transpose ? c : fc, yr = l->transpose ? fr : r,
                        yc = l->transpose ? fc : c;
                if (xr < 0 || xr >= x.h || xc < 0 || xc >= x.w || yr < 0 || yr >= h || yc < 0 || yc >= w) continue;
                sums[((n * l->out + o) * h + yr) * w + yc] +=
                    (double)x.data[((n * x.c + i) * x.h + xr) * x.w + xc] * (double)weight[at];
              }
          }
  for (int64_t i = 0; i < array_count(y); i++)
    y.data[i] = (float)(sums[i] + (bias ? (double)bias[i / (h * w) % l->out] : 0.0));
  free(sums);
  return y;
}

/* The weight, each output channel scaled by its entry of `scale`, fake-quantized. */
static const float *quantized_weight(unit *u, const float *scale) {
  const layer *l = &u->layer;
  int64_t taps = u->dim == 1 ? l->kernel : l->kernel * l->kernel, groups = or_one(l->groups),
          count = l->out * l->in / groups * taps;
  float *w = take(count);
  for (int64_t i = 0; i < count; i++) {
    int64_t channel =
        l->transpose ? i / (l->in / groups * l->out / groups * taps) * (l->out / groups) + i / taps % (l->out / groups)
                     : i / (l->in / groups * taps);
    w[i] = scale ? u->weight[i] * scale[channel] : u->weight[i];
  }
  fake_quantize(&u->weight_quant, w, count);
  return w;
}

array qat_conv(unit *u, array x) { return conv_forward(u, x, quantized_weight(u, NULL), u->bias); }

static void batch_norm(unit *u, array y) {
  int64_t area = y.h * y.w;
  double count = (double)(y.n * area);
  for (int64_t c = 0; c < y.c; c++) {
    double mean = 0, var = 0;
    for (int64_t n = 0; n < y.n; n++)
      for (int64_t i = 0; i < area; i++) mean += (double)y.data[(n * y.c + c) * area + i] / count;
    for (int64_t n = 0; n < y.n; n++)
      for (int64_t i = 0; i < area; i++) var += pow((double)y.data[(n * y.c + c) * area + i] - mean, 2) / count;
    for (int64_t n = 0; n < y.n; n++)
      for (int64_t i = 0; i < area; i++) {
        float *e = &y.data[(n * y.c + c) * area + i];
        *e = (float)(((double)*e - mean) / sqrt(var + u->eps) * (u->gamma ? (double)u->gamma[c] : 1.0) +
                     (u->beta ? (double)u->beta[c] : 0.0));
      }
    u->mean[c] = (float)(u->momentum * mean + (1 - u->momentum) * (double)u->mean[c]);
    u->var[c] = (float)(u->momentum * var * count / (count - 1) + (1 - u->momentum) * (double)u->var[c]);
  }
}

array qat_conv_bn(unit *u, array x) {
  float scale[MAX_CHANNELS] = {0};
  for (int64_t c = 0; c < u->layer.out; c++)
    scale[c] = (u->gamma ? u->gamma[c] : 1.0f) / sqrtf(u->var[c] + (float)u->eps);
  array y = conv_forward(u, x, quantized_weight(u, scale), NULL);
  for (int64_t i = 0; i < array_count(y); i++) {
    int64_t c = i / (y.h * y.w) % y.c;
    y.data[i] = y.data[i] / scale[c] + (u->bias ? u->bias[c] : 0.0f);
  }
  batch_norm(u, y);
  return y;
}

array relu(array x) {
  array y = array_make(x.n, x.c, x.h, x.w);
  for (int64_t i = 0; i < array_count(x); i++) y.data[i] = fmaxf(x.data[i], 0.0f);
  return y;
}

array hardtanh(array x) {
  array y = array_make(x.n, x.c, x.h, x.w);
  for (int64_t i = 0; i < array_count(x); i++) y.data[i] = fminf(fmaxf(x.data[i], -1.0f), 1.0f);
  return y;
}

array sum(array x, array z) {
  array y = array_make(x.n, x.c, x.h, x.w);
  for (int64_t i = 0; i < array_count(x); i++) y.data[i] = x.data[i] + z.data[i];
  return y;
}
