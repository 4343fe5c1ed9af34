/* The arithmetic of quantization on plain arrays: observers, fake quantization, batch norm. No graph, no allocation. */
#ifndef GRAFT_QUANT_INT_H
#define GRAFT_QUANT_INT_H

#include "ir/ir_int.h"
#include "runtime/isa.h"
#include "runtime/qparams.h"

/* ---- channels ---- */

/* How the elements of a tensor belong to channels: element ((g * outer + o) * count + j) * inner + i is of channel
 * g * count + j. Per tensor all but `inner` are 1. `groups` is of a transposed convolution's weight [in, out/groups,
 * k...]. */
typedef struct gr_channels {
  int64_t groups, outer, count, inner;
} gr_channels;

static inline int64_t gr_channels_total(gr_channels c) { return c.groups * c.count; }
/* False when the type has no such axis or `groups` does not divide axis 0. Negative axes count from the end. */
bool gr_channels_make(const graft_type *type, int64_t axis, int64_t groups, gr_channels *channels);
gr_channels gr_channels_whole(const graft_type *type);
static inline int64_t gr_channel_of(const gr_channels *c, int64_t element) {
  if (c->count == 1 && c->groups == 1) return 0;
  const int64_t outer = element / c->inner / c->count;
  return outer / c->outer * c->count + element / c->inner % c->count;
}

/* ---- observers (observe.c, histogram.c) ---- */

/* Smallest and largest finite element of each channel into min and max; a channel without any keeps (inf, -inf). */
void gr_range_f32(gr_isa isa, const float *x, gr_channels channels, float *min, float *max);
/* The same of x times `factor`, widening the ranges that min and max hold already. */
void gr_range_widen_f32(gr_isa isa, const float *x, float factor, gr_channels channels, float *min, float *max);

/* Neither NaN nor infinity among the elements? */
bool gr_all_finite(gr_isa isa, const float *x, int64_t count);

/* One step of a min-max observer: state (min..., max...) -> next, given the step's range (min..., max...). May alias.
 * Channels that saw no finite element keep their state; where the range is NaN they saw others, and an unset state
 * becomes NaN. averaging_constant < 0: not averaged. */
void gr_range_merge(const float *range, int64_t channels, double averaging_constant, const float *state, float *next);

/* One step of the histogram observer, state (min, max, bins...). May alias; `scratch`: 2 * `bins` floats. */
void gr_observe_histogram(gr_isa isa, const float *x, int64_t count, int64_t bins, const float *state, float *next,
                          float *scratch);
/* The range that minimizes the quantization error; `scratch`: `bins` floats. Never observed: (inf, -inf). */
void gr_histogram_range(const float *state, int64_t bins, int dtype_bits, float *min, float *max, float *scratch);

/* ---- scale and zero point (qparams.c): graft_qparams in two parts, for many ranges under one configuration ---- */

typedef struct gr_qparams {
  graft_qparams_config config;
  int64_t quant_min, quant_max;
  /* of the observer formula: what a range is divided by (half of it where symmetric), the same where that overflows,
   * the zero point of symmetric ranges */
  float eps, steps;
  double exact_steps;
  int32_t middle;
  /* of the kernel formula */
  double all_steps, bottom, top;
  int32_t center;
} gr_qparams;

graft_status gr_qparams_begin(gr_qparams *q, const graft_qparams_config *given);
/* `count` ranges; where min <= max is not true nothing was observed, which gives 1 and 0. */
void gr_qparams_of(const gr_qparams *q, const float *min, const float *max, int64_t count, float *scale,
                   int32_t *zero_point);

/* ---- quantize, dequantize, fake-quantize (fake_quantize.c) ---- */

typedef struct gr_qrange {
  int64_t quant_min, quant_max;
} gr_qrange;

void gr_quantize_f32(gr_isa isa, const float *x, int64_t count, float scale, int32_t zero_point, gr_qrange range,
                     graft_dtype dtype, void *y);
/* Rows that are each multiplied by a number and quantized, in one go. */
typedef struct gr_scaled_rows {
  const float *x;
  int64_t count, width;
  const float *factors; /* one for each row; NULL: x as it is */
  const float *scales;
  const int32_t *zero_points;
  bool scaled_by_row; /* else one scale and zero point are for all rows */
  gr_qrange range;
} gr_scaled_rows;

/* False where a product is NaN or infinite, or a scale or zero point extreme: y then holds nothing of use. */
bool gr_quantize_rows_f32(gr_isa isa, const gr_scaled_rows *rows, graft_dtype dtype, void *y);
void gr_dequantize_f32(gr_isa isa, const void *x, graft_dtype dtype, int64_t count, float scale, int32_t zero_point,
                       float *y);
void gr_fake_quantize_f32(gr_isa isa, const float *x, int64_t count, float scale, int32_t zero_point, gr_qrange range,
                          float *y);
/* A learned zero point as it is used: rounded half to even and clamped to the range; 0 of NaN. */
int32_t gr_learned_zero_point(float zero_point, gr_qrange range);

/* The straight-through gradient: dy where the code of x lies in the range before it is clamped, bounds included, else
 * 0.
 */
void gr_fake_quantize_backward_f32(gr_isa isa, const float *dy, const float *x, int64_t count, float scale,
                                   int32_t zero_point, gr_qrange range, float *dx);

/* Learned step size (LSQ): gradients for one channel; the scale's and zero point's gradients are added up.
 */
typedef struct gr_lsq {
  float scale, zero_point; /* learned: the zero point is rounded and clamped before use */
  gr_qrange range;
  float grad_factor;
  bool per_tensor; /* PyTorch's gradients then take another zero point where it is negative or not an integer */
} gr_lsq;

void gr_lsq_backward(const float *x, const float *grad_y, int64_t count, const gr_lsq *p, float *grad_x,
                     double *grad_scale, double *grad_zero_point);

/* ---- batch norm (batch_norm.c): all arrays are of one dtype, f32 or f64 ---- */

typedef struct gr_batch_norm {
  int64_t batch, channels, inner; /* x is [batch, channels, inner] */
  bool batch_statistics;          /* of this x: in training, and in eval where none are tracked */
  double eps;
  double factor;                          /* how much of the new statistics the running ones take */
  bool unbiased;                          /* of the variance that the running one takes */
  const void *weight, *bias;              /* NULL: 1 and 0 */
  const void *running_mean, *running_var; /* NULL: not tracked */
  void *next_mean, *next_var;             /* NULL: not wanted; may be the running ones, y may be x */
  void *used_mean, *used_var;             /* what x was normalized with; NULL: not wanted */
} gr_batch_norm;

/* Channels begin to end. batch * inner is at least 2 with batch statistics. */
void gr_batch_norm_run(gr_isa isa, graft_dtype dtype, const gr_batch_norm *bn, const void *x, void *y, int64_t begin,
                       int64_t end);
/* weight / sqrt(var + eps); weight NULL: 1; where zero or subnormal 1, unless exact. */
void gr_bn_scale(graft_dtype dtype, const void *weight, const void *var, int64_t count, double eps, bool exact,
                 void *scale);
/* (conv_bias - mean) * scale + bias; absent ones are 0. */
void gr_bn_shift(graft_dtype dtype, const void *conv_bias, const void *mean, const void *bias, const void *scale,
                 int64_t count, void *shift);

#endif
