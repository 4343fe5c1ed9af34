/* Quantize, dequantize and fake-quantize on plain arrays, and gradients: straight-through, of a learned step size.
 *
 * One definition: r = round(x / scale), half to even, as x times the float reciprocal; r is clamped so that r + zero
 * point lies in the range; the zero point is added in integers, exactly; NaN becomes the zero point. Clamping before
 * rounding gives the same, since the bounds are integers. */
#include <math.h>
#include <string.h>

#include "runtime/quant_int.h"

/* Adding and taking away 1.5 * 2^23 rounds a float of magnitude up to 2^22 half to even, in any vector unit. Between
 * the two the float's bits, less the rounder's, are the integer. */
#define ROUNDER 12582912.0f
#define ROUNDER_BITS 0x4B400000
#define ROUNDER_MAX 4194304

/* What a run of one scale is quantized with. */
typedef struct rounding {
  float scale, inverse;
  int32_t zero_point;
  int64_t low, high; /* bounds of r: quant_min - zero_point and quant_max - zero_point */
  bool small;        /* they are exact in float and within the rounder's reach */
  float low_float, high_float;
} rounding;

static rounding rounding_of(float scale, int32_t zero_point, gr_qrange range) {
  rounding r = {.scale = scale, .inverse = 1.0f / scale, .zero_point = zero_point};
  r.low = range.quant_min - zero_point;
  r.high = range.quant_max - zero_point;
  r.small = r.low >= -ROUNDER_MAX && r.high <= ROUNDER_MAX;
  if (r.small) r.low_float = (float)r.low, r.high_float = (float)r.high;
  return r;
}

GR_LOOP float round_small(float x, float inverse, float low, float high) {
  float r = x * inverse;
  r = r == r ? r : 0.0f; /* NaN; also 0 times an infinite reciprocal */
  r = r > low ? r : low;
  r = r < high ? r : high;
  return (r + ROUNDER) - ROUNDER;
}

/* The wide ranges of int32: bounds are exact in double only. */
GR_LOOP int64_t round_wide(float x, float inverse, int64_t low, int64_t high) {
  double r = (double)rintf(x * inverse);
  if (!(r == r)) r = 0.0;
  if (r < (double)low) return low;
  return r < (double)high ? (int64_t)r : high;
}

#define QUANTIZE(NAME, T) \
  GR_LOOP void NAME##_loop(const float *x, int64_t count, const rounding *q, void *y) { \
    const rounding r = *q; \
    T *out = y; \
    GR_IN_STEP \
    for (int64_t i = 0; i < count; i++) \
      out[i] = (T)((int32_t)round_small(x[i], r.inverse, r.low_float, r.high_float) + r.zero_point); \
  } \
  GR_CLONES(NAME, (const float *x, int64_t count, const rounding *q, void *y), (x, count, q, y))
QUANTIZE(quantize_i8, int8_t)
QUANTIZE(quantize_u8, uint8_t)
QUANTIZE(quantize_i16, int16_t)
QUANTIZE(quantize_i32, int32_t)
QUANTIZE(quantize_u16, uint16_t)

/* Of i32 alone: the other types' ranges are small, but for a zero point far out. */
#define QUANTIZE_WIDE(T) \
  for (int64_t i = 0; i < count; i++) ((T *)y)[i] = (T)(round_wide(x[i], r.inverse, r.low, r.high) + r.zero_point)

static void quantize_wide(const float *x, int64_t count, rounding r, graft_dtype dtype, void *y) {
  switch (dtype) {
  case GRAFT_I8: QUANTIZE_WIDE(int8_t); break;
  case GRAFT_U8: QUANTIZE_WIDE(uint8_t); break;
  case GRAFT_I16: QUANTIZE_WIDE(int16_t); break;
  case GRAFT_I32: QUANTIZE_WIDE(int32_t); break;
  case GRAFT_U16: QUANTIZE_WIDE(uint16_t); break;
  default: break;
  }
}

void gr_quantize_f32(gr_isa isa, const float *x, int64_t count, float scale, int32_t zero_point, gr_qrange range,
                     graft_dtype dtype, void *y) {
  const rounding r = rounding_of(scale, zero_point, range);
  if (!r.small) {
    quantize_wide(x, count, r, dtype, y);
    return;
  }
  switch (dtype) {
  case GRAFT_I8: quantize_i8[isa](x, count, &r, y); break;
  case GRAFT_U8: quantize_u8[isa](x, count, &r, y); break;
  case GRAFT_I16: quantize_i16[isa](x, count, &r, y); break;
  case GRAFT_I32: quantize_i32[isa](x, count, &r, y); break;
  case GRAFT_U16: quantize_u16[isa](x, count, &r, y); break;
  default: break;
  }
}

/* ---- products, quantized as they are read ---- */

/* Of what is finite, by a finite reciprocal. */
GR_LOOP int32_t integer_of(float x, float inverse, float low, float high) {
  int32_t bits;
  float r = x * inverse;
  r = r > low ? r : low;
  r = r < high ? r : high;
  r += ROUNDER;
  memcpy(&bits, &r, sizeof bits);
  return bits - ROUNDER_BITS;
}

/* All bits of the exponent are set in NaN and infinity: what is added here carries into the sign. */
GR_LOOP uint32_t carry_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (bits & 0x7F800000u) + 0x00800000u;
}

/* Short rows of one zero point go many at a time: their factors and reciprocals are laid out by element. */
enum { SHORT = 32, SPREAD = 1024 };

typedef struct spread {
  float factors[SPREAD + SHORT], inverses[SPREAD + SHORT];
} spread;

/* Rows from `row` on; the elements that they have. Each row writes beyond its end, and the next one over that. */
GR_LOOP int64_t spread_rows(const gr_scaled_rows *rows, int64_t row, spread *s) {
  int64_t at = 0;
  for (; row < rows->count && at + rows->width <= SPREAD; row++, at += rows->width) {
    const float factor = rows->factors ? rows->factors[row] : 1.0f, inverse = 1.0f / rows->scales[row];
    for (int j = 0; j < SHORT; j++) s->factors[at + j] = factor, s->inverses[at + j] = inverse;
  }
  return at;
}

/* *others: the sign tells of products that are NaN or infinite. */
#define QUANTIZE_ROWS(NAME, T) \
  GR_LOOP void NAME##_loop(const gr_scaled_rows *of, void *y, uint32_t *others) { \
    const gr_scaled_rows rows = *of; /* not where y might write */ \
    const float *x = rows.x; \
    T *out = y; \
    uint32_t any = 0; \
    for (int64_t row = 0; row < rows.count; row++, x += rows.width, out += rows.width) { \
      const int64_t c = rows.scaled_by_row ? row : 0; \
      const rounding r = rounding_of(rows.scales[c], rows.zero_points[c], rows.range); \
      const float factor = rows.factors ? rows.factors[row] : 1.0f; \
      any |= carry_of(r.inverse); \
      GR_IN_STEP \
      for (int64_t i = 0; i < rows.width; i++) { \
        const float product = x[i] * factor; \
        any |= carry_of(product); \
        out[i] = (T)(integer_of(product, r.inverse, r.low_float, r.high_float) + r.zero_point); \
      } \
    } \
    *others = any; \
  } \
  GR_CLONES(NAME, (const gr_scaled_rows *rows, void *y, uint32_t *others), (rows, y, others)) \
  GR_LOOP void NAME##_short_loop(const gr_scaled_rows *of, void *y, uint32_t *others) { \
    const gr_scaled_rows rows = *of; \
    const rounding r = rounding_of(1.0f, rows.zero_points[0], rows.range); \
    const float *x = rows.x; \
    spread s; \
    T *out = y; \
    uint32_t any = 0; \
    for (int64_t row = 0, n; (n = spread_rows(&rows, row, &s)) > 0; row += n / rows.width, x += n, out += n) { \
      GR_IN_STEP \
      for (int64_t i = 0; i < n; i++) { \
        const float product = x[i] * s.factors[i]; \
        any |= carry_of(product) | carry_of(s.inverses[i]); \
        out[i] = (T)(integer_of(product, s.inverses[i], r.low_float, r.high_float) + r.zero_point); \
      } \
    } \
    *others = any; \
  } \
  GR_CLONES(NAME##_short, (const gr_scaled_rows *rows, void *y, uint32_t *others), (rows, y, others))
QUANTIZE_ROWS(rows_i8, int8_t)
QUANTIZE_ROWS(rows_u8, uint8_t)
QUANTIZE_ROWS(rows_i16, int16_t)
QUANTIZE_ROWS(rows_i32, int32_t)
QUANTIZE_ROWS(rows_u16, uint16_t)

bool gr_quantize_rows_f32(gr_isa isa, const gr_scaled_rows *rows, graft_dtype dtype, void *y) {
  typedef void (*loop)(const gr_scaled_rows *, void *, uint32_t *);
  static const loop *const long_rows[GRAFT_DTYPE_COUNT] = {[GRAFT_I8] = rows_i8,
                                                           [GRAFT_U8] = rows_u8,
                                                           [GRAFT_I16] = rows_i16,
                                                           [GRAFT_I32] = rows_i32,
                                                           [GRAFT_U16] = rows_u16};
  static const loop *const short_rows[GRAFT_DTYPE_COUNT] = {[GRAFT_I8] = rows_i8_short,
                                                            [GRAFT_U8] = rows_u8_short,
                                                            [GRAFT_I16] = rows_i16_short,
                                                            [GRAFT_I32] = rows_i32_short,
                                                            [GRAFT_U16] = rows_u16_short};
  uint32_t others = 0;
  if (rows->count == 0 || rows->width == 0) return true;
  int32_t least = rows->zero_points[0], most = least;
  for (int64_t i = 1; rows->scaled_by_row && i < rows->count; i++) {
    const int32_t zero_point = rows->zero_points[i];
    least = zero_point < least ? zero_point : least;
    most = zero_point > most ? zero_point : most;
  }
  if (!long_rows[dtype] || rows->range.quant_min - most < -ROUNDER_MAX || rows->range.quant_max - least > ROUNDER_MAX)
    return false;
  const bool spreads = rows->width < SHORT && rows->scaled_by_row && least == most;
  (spreads ? short_rows : long_rows)[dtype][isa](rows, y, &others);
  return others >> 31 == 0;
}

/* WIDE holds the difference of any two values. */
#define DEQUANTIZE(NAME, T, WIDE) \
  GR_LOOP void NAME##_loop(const void *x, int64_t count, float scale, int32_t zero_point, float *y) { \
    const T *in = x; \
    GR_IN_STEP \
    for (int64_t i = 0; i < count; i++) y[i] = (float)((WIDE)in[i] - zero_point) * scale; \
  } \
  GR_CLONES(NAME, (const void *x, int64_t count, float scale, int32_t zero_point, float *y), \
            (x, count, scale, zero_point, y))
DEQUANTIZE(dequantize_small_i8, int8_t, int32_t)
DEQUANTIZE(dequantize_small_u8, uint8_t, int32_t)
DEQUANTIZE(dequantize_i8, int8_t, int64_t)
DEQUANTIZE(dequantize_u8, uint8_t, int64_t)
DEQUANTIZE(dequantize_i16, int16_t, int64_t)
DEQUANTIZE(dequantize_i32, int32_t, int64_t)
DEQUANTIZE(dequantize_u16, uint16_t, int64_t)

void gr_dequantize_f32(gr_isa isa, const void *x, graft_dtype dtype, int64_t count, float scale, int32_t zero_point,
                       float *y) {
  bool small = zero_point >= -ROUNDER_MAX && zero_point <= ROUNDER_MAX;
  switch (dtype) {
  case GRAFT_I8: (small ? dequantize_small_i8 : dequantize_i8)[isa](x, count, scale, zero_point, y); break;
  case GRAFT_U8: (small ? dequantize_small_u8 : dequantize_u8)[isa](x, count, scale, zero_point, y); break;
  case GRAFT_I16: dequantize_i16[isa](x, count, scale, zero_point, y); break;
  case GRAFT_I32: dequantize_i32[isa](x, count, scale, zero_point, y); break;
  case GRAFT_U16: dequantize_u16[isa](x, count, scale, zero_point, y); break;
  default: break;
  }
}

GR_LOOP void fake_quantize_loop(const float *x, int64_t count, const rounding *q, float *y) {
  const rounding r = *q;
  GR_IN_STEP
  for (int64_t i = 0; i < count; i++) y[i] = round_small(x[i], r.inverse, r.low_float, r.high_float) * r.scale;
}
GR_CLONES(fake_quantize, (const float *x, int64_t count, const rounding *q, float *y), (x, count, q, y))

void gr_fake_quantize_f32(gr_isa isa, const float *x, int64_t count, float scale, int32_t zero_point, gr_qrange range,
                          float *y) {
  const rounding r = rounding_of(scale, zero_point, range);
  if (r.small) {
    fake_quantize[isa](x, count, &r, y);
  } else {
    for (int64_t i = 0; i < count; i++) y[i] = (float)round_wide(x[i], r.inverse, r.low, r.high) * scale;
  }
}

/* What is NaN has no code, and lets nothing through (as PyTorch). */
GR_LOOP void straight_through_loop(const float *dy, const float *x, int64_t count, const rounding *q, float *dx) {
  const rounding r = *q;
  GR_IN_STEP
  for (int64_t i = 0; i < count; i++) {
    float code = x[i] * r.inverse;
    code = code > -ROUNDER_MAX ? code : -ROUNDER_MAX;
    code = code < ROUNDER_MAX ? code : ROUNDER_MAX;
    code = (code + ROUNDER) - ROUNDER;
    dx[i] = code >= r.low_float && code <= r.high_float ? dy[i] : 0.0f;
  }
}
GR_CLONES(straight_through, (const float *dy, const float *x, int64_t count, const rounding *q, float *dx),
          (dy, x, count, q, dx))

void gr_fake_quantize_backward_f32(gr_isa isa, const float *dy, const float *x, int64_t count, float scale,
                                   int32_t zero_point, gr_qrange range, float *dx) {
  const rounding r = rounding_of(scale, zero_point, range);
  if (r.small && r.low > -ROUNDER_MAX && r.high < ROUNDER_MAX) {
    straight_through[isa](dy, x, count, &r, dx);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    const double code = (double)rintf(x[i] * r.inverse);
    dx[i] = code >= (double)r.low && code <= (double)r.high ? dy[i] : 0.0f;
  }
}

/* ---- learned step size ---- */

static int32_t clamped(double z, gr_qrange range) {
  const double low = (double)range.quant_min, high = (double)range.quant_max;
  return z == z ? (int32_t)(z < low ? low : z > high ? high : z) : 0;
}

int32_t gr_learned_zero_point(float zero_point, gr_qrange range) { return clamped(rint((double)zero_point), range); }

/* That of the gradients: per tensor PyTorch adds a half and cuts, towards zero, so that -20 becomes -19. */
static int32_t lsq_zero_point(const gr_lsq *p) {
  return p->per_tensor ? clamped((double)(p->zero_point + 0.5f), p->range)
                       : gr_learned_zero_point(p->zero_point, p->range);
}

void gr_lsq_backward(const float *x, const float *grad_y, int64_t count, const gr_lsq *p, float *grad_x,
                     double *grad_scale, double *grad_zero_point) {
  const rounding b = rounding_of(p->scale, lsq_zero_point(p), p->range);
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
