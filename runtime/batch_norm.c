/* Batch norm's arithmetic: float data, statistics and normalization in double. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "runtime/quant_int.h"

enum { LANES = 4 };

/* Sum of x - from over a run, or of its square. Lanes let the compiler use vectors; their order is fixed. */
GR_LOOP double sum_of(const float *x, int64_t n, double from, bool square) {
  double lane[LANES] = {0}, rest = 0.0;
  int64_t i = 0;
  if (square) {
    for (; i + LANES <= n; i += LANES) {
      for (int j = 0; j < LANES; j++) {
        double d = (double)x[i + j] - from;
        lane[j] += d * d;
      }
    }
    for (; i < n; i++) rest += ((double)x[i] - from) * ((double)x[i] - from);
  } else {
    for (; i + LANES <= n; i += LANES)
      for (int j = 0; j < LANES; j++) lane[j] += (double)x[i + j];
    for (; i < n; i++) rest += (double)x[i];
  }
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + rest;
}

GR_LOOP void batch_norm_loop(const gr_batch_norm *bn, const float *x, float *y, int64_t begin, int64_t end) {
  int64_t stride = bn->channels * bn->inner;
  double n = (double)bn->batch * (double)bn->inner;
  for (int64_t c = begin; c < end; c++) {
    double mean, var;
    if (bn->batch_statistics) {
      double sum = 0.0;
      for (int64_t b = 0; b < bn->batch; b++) sum += sum_of(x + b * stride + c * bn->inner, bn->inner, 0.0, false);
      mean = sum / n;
      sum = 0.0;
      for (int64_t b = 0; b < bn->batch; b++) sum += sum_of(x + b * stride + c * bn->inner, bn->inner, mean, true);
      var = sum / n;
      if (bn->running_mean && bn->next_mean)
        bn->next_mean[c] = (float)(bn->factor * mean + (1.0 - bn->factor) * (double)bn->running_mean[c]);
      if (bn->running_var && bn->next_var) {
        double unbiased = bn->unbiased ? sum / (n - 1.0) : var;
        bn->next_var[c] = (float)(bn->factor * unbiased + (1.0 - bn->factor) * (double)bn->running_var[c]);
      }
    } else {
      mean = (double)bn->running_mean[c];
      var = (double)bn->running_var[c];
      if (bn->next_mean) bn->next_mean[c] = bn->running_mean[c];
      if (bn->next_var) bn->next_var[c] = bn->running_var[c];
    }
    double scale = (bn->weight ? (double)bn->weight[c] : 1.0) / sqrt(var + bn->eps);
    double bias = bn->bias ? (double)bn->bias[c] : 0.0;
    for (int64_t b = 0; b < bn->batch; b++) {
      const float *in = x + b * stride + c * bn->inner;
      float *out = y + b * stride + c * bn->inner;
      GR_IN_STEP
      for (int64_t i = 0; i < bn->inner; i++) out[i] = (float)(((double)in[i] - mean) * scale + bias);
    }
  }
}

GR_CLONES(batch_norm, (const gr_batch_norm *bn, const float *x, float *y, int64_t begin, int64_t end),
          (bn, x, y, begin, end))

void gr_batch_norm_f32(gr_isa isa, const gr_batch_norm *bn, const float *x, float *y, int64_t begin, int64_t end) {
  batch_norm[isa](bn, x, y, begin, end);
}

void gr_bn_scale_f32(const float *weight, const float *var, int64_t count, double eps, bool exact, float *scale) {
  for (int64_t c = 0; c < count; c++) {
    float s = (weight ? weight[c] : 1.0f) / sqrtf(var[c] + (float)eps);
    scale[c] = !exact && fabsf(s) < FLT_MIN ? 1.0f : s;
  }
}

void gr_bn_shift_f32(const float *conv_bias, const float *mean, const float *bias, const float *scale, int64_t count,
                     float *shift) {
  for (int64_t c = 0; c < count; c++) {
    double b = conv_bias ? (double)conv_bias[c] : 0.0;
    shift[c] = (float)((b - (double)mean[c]) * (double)scale[c] + (bias ? (double)bias[c] : 0.0));
  }
}
