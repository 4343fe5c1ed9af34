/* Quantize, dequantize and fake-quantize on plain arrays, and the gradients of a learned step size.
 *
 * One definition: r = round(x / scale), half to even, as x times the float reciprocal; r is clamped so that r + zero
 * point lies in the range; the zero point is added in integers, exactly; NaN becomes the zero point. Clamping before
 * rounding gives the same, since the bounds are integers. */
#include <math.h>

#include "runtime/quant_int.h"

/* Adding and taking away 1.5 * 2^23 rounds a float of magnitude up to 2^22 half to even, in any vector unit. */
#define ROUNDER 12582912.0f
#define ROUNDER_MAX 4194304

/* Bounds of r: quant_min - zero_point and quant_max - zero_point. */
typedef struct bounds {
  int64_t low, high;
  bool small; /* exact in float and within the rounder's reach */
} bounds;

static bounds bounds_of(gr_qrange range, int32_t zero_point) {
  bounds b = {range.quant_min - zero_point, range.quant_max - zero_point, false};
  b.small = b.low >= -ROUNDER_MAX && b.high <= ROUNDER_MAX;
  return b;
}

static inline float round_small(float x, float inverse, float low, float high) {
  float r = x * inverse;
  r = r == r ? r : 0.0f; /* NaN; also 0 times an infinite reciprocal */
  r = r > low ? r : low;
  r = r < high ? r : high;
  return (r + ROUNDER) - ROUNDER;
}

/* The wide ranges of int32: bounds are exact in double only. */
static inline int64_t round_wide(float x, float inverse, bounds b) {
  double r = (double)rintf(x * inverse);
  if (!(r == r)) r = 0.0;
  if (r < (double)b.low) return b.low;
  return r < (double)b.high ? (int64_t)r : b.high;
}

#define QUANTIZE(T) \
  do { \
    T *out = y; \
    if (b.small) { \
      float low = (float)b.low, high = (float)b.high; \
      for (int64_t i = 0; i < count; i++) out[i] = (T)((int32_t)round_small(x[i], inverse, low, high) + zero_point); \
    } else { \
      for (int64_t i = 0; i < count; i++) out[i] = (T)(round_wide(x[i], inverse, b) + zero_point); \
    } \
  } while (0)

void gr_quantize_f32(const float *x, int64_t count, float scale, int32_t zero_point, gr_qrange range, graft_dtype dtype,
                     void *y) {
  float inverse = 1.0f / scale;
  bounds b = bounds_of(range, zero_point);
  switch (dtype) {
  case GRAFT_I8: QUANTIZE(int8_t); break;
  case GRAFT_U8: QUANTIZE(uint8_t); break;
  case GRAFT_I16: QUANTIZE(int16_t); break;
  case GRAFT_I32: QUANTIZE(int32_t); break;
  default: break;
  }
}

#define DEQUANTIZE(T) \
  do { \
    const T *in = x; \
    for (int64_t i = 0; i < count; i++) y[i] = (float)((int64_t)in[i] - zero_point) * scale; \
  } while (0)
#define DEQUANTIZE_SMALL(T) \
  do { \
    const T *in = x; \
    for (int64_t i = 0; i < count; i++) y[i] = (float)((int32_t)in[i] - zero_point) * scale; \
  } while (0)

void gr_dequantize_f32(const void *x, graft_dtype dtype, int64_t count, float scale, int32_t zero_point, float *y) {
  bool small = zero_point >= -ROUNDER_MAX && zero_point <= ROUNDER_MAX;
  if (small && dtype == GRAFT_I8) {
    DEQUANTIZE_SMALL(int8_t);
    return;
  }
  if (small && dtype == GRAFT_U8) {
    DEQUANTIZE_SMALL(uint8_t);
    return;
  }
  switch (dtype) {
  case GRAFT_I8: DEQUANTIZE(int8_t); break;
  case GRAFT_U8: DEQUANTIZE(uint8_t); break;
  case GRAFT_I16: DEQUANTIZE(int16_t); break;
  case GRAFT_I32: DEQUANTIZE(int32_t); break;
  default: break;
  }
}

void gr_fake_quantize_f32(const float *x, int64_t count, float scale, int32_t zero_point, gr_qrange range, float *y) {
  float inverse = 1.0f / scale;
  bounds b = bounds_of(range, zero_point);
  if (b.small) {
    float low = (float)b.low, high = (float)b.high;
    for (int64_t i = 0; i < count; i++) y[i] = round_small(x[i], inverse, low, high) * scale;
  } else {
    for (int64_t i = 0; i < count; i++) y[i] = (float)round_wide(x[i], inverse, b) * scale;
  }
}

/* ---- learned step size ---- */

static int32_t lsq_clamp(const gr_lsq *p, double z) {
  double low = (double)p->range.quant_min, high = (double)p->range.quant_max;
  return (int32_t)(z < low ? low : z > high ? high : z);
}

/* A learned zero point is used rounded and clamped to the range. */
static int32_t lsq_zero_point(const gr_lsq *p) {
  return lsq_clamp(p, p->zero_point == p->zero_point ? rint((double)p->zero_point) : 0.0);
}

/* That of the gradients: per tensor PyTorch adds a half and cuts, towards zero, so that -20 becomes -19. */
static int32_t lsq_gradient_zero_point(const gr_lsq *p) {
  if (!p->per_tensor || !(p->zero_point == p->zero_point)) return lsq_zero_point(p);
  return lsq_clamp(p, (double)(p->zero_point + 0.5f));
}

void gr_lsq_forward(const float *x, int64_t count, const gr_lsq *p, float *y) {
  gr_fake_quantize_f32(x, count, p->scale, lsq_zero_point(p), p->range, y);
}

void gr_lsq_backward(const float *x, const float *grad_y, int64_t count, const gr_lsq *p, float *grad_x,
                     double *grad_scale, double *grad_zero_point) {
  bounds b = bounds_of(p->range, lsq_gradient_zero_point(p));
  float inverse = 1.0f / p->scale, low = (float)b.low, high = (float)b.high, factor = p->grad_factor;
  for (int64_t i = 0; i < count; i++) {
    float dy = grad_y[i], r = rintf(x[i] * inverse);
    if (!(r == r)) r = 0.0f;
    if (r < low || r > high) { /* outside: the bound's value follows scale and zero point, not x */
      grad_x[i] = 0.0f;
      *grad_scale += (double)(dy * (r < low ? low : high) * factor);
      *grad_zero_point += (double)(dy * (-p->scale) * factor);
    } else {
      grad_x[i] = dy;
      *grad_scale += (double)(dy * ((r * p->scale - x[i]) / p->scale) * factor);
    }
  }
}
