/* Arrays of floats for tests, and PyTorch's operations on them as plain loops: what a network ought to compute, from
 * the definitions alone. Nothing of the library is used but graft_qparams, which has tests of its own. Memory comes
 * from one pool that arrays_reset empties. */
#ifndef GRAFT_TEST_ARRAY_H
#define GRAFT_TEST_ARRAY_H

#include "runtime/runtime.h"

/* [n, c, h, w]; one spatial axis: h is 1; none: h and w are; of three h has the first two. */
typedef struct array {
  int64_t n, c, h, w;
  float *data;
} array;

void arrays_reset(void);
array array_make(int64_t n, int64_t c, int64_t h, int64_t w);
array array_fill(const char *name, int64_t n, int64_t c, int64_t h, int64_t w, double lo, double hi);
int64_t array_count(array a);

/* A convolution as torch.nn makes it; square kernels. */
typedef struct layer {
  int64_t in, out, kernel;
  int64_t stride, padding, dilation, groups; /* 0 stands for 0 of padding, else for 1 */
  bool bias, transpose;
} layer;

enum { MAX_CHANNELS = 16 };

/* A fake-quant with a moving average: one state, any number of places. */
typedef struct fake_quant {
  graft_qparams_config options;
  int64_t channels; /* 0: one for the tensor */
  int64_t inner;    /* element i belongs to channel i / inner % channels … */
  int64_t group;    /* … or, not 0, in each run of this many to that entry of the run's own part of the channels */
  int64_t groups;
  bool seen;
  float min[MAX_CHANNELS], max[MAX_CHANNELS], scale[MAX_CHANNELS];
  int32_t zero_point[MAX_CHANNELS];
} fake_quant;

/* Observes `x`, then quantizes and dequantizes it, in place. */
void fake_quantize(fake_quant *q, float *x, int64_t count);
array fake_quantized(fake_quant *q, array x); /* the same on a copy */

/* A convolution, or one with its batch norm, in training with fake quantization of its weight. */
typedef struct unit {
  layer layer;
  int dim;
  const float *weight, *bias, *gamma, *beta; /* bias, gamma, beta: NULL for none */
  float mean[MAX_CHANNELS], var[MAX_CHANNELS];
  double eps, momentum;
  fake_quant weight_quant;
} unit;

array conv_forward(const unit *u, array x, const float *weight, const float *bias);
/* conv(x, Q(w)) + b */
array qat_conv(unit *u, array x);
/* bn(conv(x, Q(w s)) / s + b), s = gamma / sqrt(var + eps); then the statistics move on */
array qat_conv_bn(unit *u, array x);
array relu(array x);
array hardtanh(array x);
array sum(array x, array y);

#endif
