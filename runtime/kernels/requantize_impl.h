/* From sums of integer products to the result's integers: what every integer op ends with.
 *
 * float, the default: y = clamp(round((sum + offset) * multiplier) + zero_point), in f32, half to even, the zero point
 * added after rounding. The multiplier is x_scale * weight_scale / y_scale and the offset bias / (x_scale *
 * weight_scale), each computed in double and rounded once. Where f32 could not tell (an offset beyond 2^22, a
 * multiplier that is no normal number, sums of 64 bits) all of it is done in double.
 *
 * The others are the arithmetic of other runtimes, bit for bit, fixed-point or that of PyTorch's engines in f32:
 * runtime/REQUANTIZE.md has the formulas. */
#ifndef GRAFT_REQUANTIZE_IMPL_H
#define GRAFT_REQUANTIZE_IMPL_H

#include "runtime/kernel_impl.h"

/* multiplier * 2^(shift - 31), 2^30 <= multiplier < 2^31 */
typedef struct gr_fixed {
  int32_t multiplier;
  int shift;
} gr_fixed;

typedef struct gr_requantize {
  void *y;
  graft_dtype dtype; /* of y */
  gr_qrange range;
  float scale;
  int32_t zero_point;
  int64_t channels;
  gr_requantization mode;
  bool precise;            /* in double */
  float *multiplier;       /* by channel */
  float *offset;           /* by channel, in steps of the sums */
  double *wide_multiplier; /* the same, with offsets in steps of the result */
  double *wide_offset;
  gr_fixed *fixed;       /* by channel, of fixed point */
  int64_t *fixed_offset; /* what is added to the sums, where the mode is not float */
  const gr_in *other;    /* added before rounding; NULL: nothing */
  double other_ratio;    /* of its scale to the result's */
  float other_multiplier;
  int32_t other_zero_point;
  gr_fixed fixed_other;
} gr_requantize;

/* The scale at `slot` and the zero point behind it are good numbers: an error that names the operand otherwise. `of`:
 * the type of the integers. */
graft_status gr_check_scale(const gr_kernel_call *k, uint32_t slot, graft_dtype of);

/* For the call's result, whose scale is operand `y_scale`: sums in steps of steps[c], to which bias[c] (NULL: none) and
 * the operand `other` (GRAFT_NONE: none; its scale and zero point are behind it) are added. */
graft_status gr_requantize_begin(const gr_kernel_call *k, uint32_t y_scale, int64_t channels, const double *steps,
                                 const float *bias, uint32_t other, gr_requantize *q);
/* The result's i8 is to be stored as u8, its top bit turned. */
static inline void gr_requantize_turn(gr_requantize *q) {
  q->dtype = GRAFT_U8;
  q->zero_point += 128;
  q->range.quant_min += 128;
  q->range.quant_max += 128;
}
/* All sums of a result, i32 or i64 (`wide`): `inner` of a channel follow each other, then the next channel. */
void gr_requantize_all(const gr_kernel_call *k, const gr_requantize *q, bool wide, int64_t inner, const void *sums);
/* `count` sums of channel c and, where `by` is 1, of those after it: elements `at` and on of y. */
void gr_requantize_i32(const gr_requantize *q, gr_isa isa, const int32_t *sums, int64_t count, int64_t c, int64_t by,
                       int64_t at);
/* The same of a result of bytes whose channels lie side by side: `count` whole rows of sums, each with all channels,
 * elements `at` and on of y and of what is added. `bias`: one for each channel, part of the sums; NULL: none. */
typedef struct gr_rows {
  const gr_requantize *q;
  int64_t period; /* channels, repeated so that loops are long */
  const float *multiplier, *offset;
  const int32_t *bias;
} gr_rows;
graft_status gr_rows_begin(const gr_kernel_call *k, const gr_requantize *q, const int32_t *bias, gr_rows *r);
/* Sums that leave 32 bits when the bias joins them are not for it. */
void gr_rows_run(const gr_rows *r, gr_isa isa, int32_t *sums, int64_t count, int64_t at);
/* Floats become the result's integers as quantize_per_tensor makes them. */
void gr_requantize_floats(const gr_kernel_call *k, const gr_requantize *q, const float *x);

/* qnnpack and onednn: PyTorch's engines, whose numbers are f32. Of sums of products alone. */
static inline bool gr_is_engine(gr_requantization mode) {
  return mode == GR_requantization_qnnpack || mode == GR_requantization_onednn;
}

/* ---- fixed point (fixed_point.c); the mode is neither float nor an engine's ---- */

/* False: m has no such form. */
bool gr_fixed_of(gr_requantization mode, double m, gr_fixed *f);
int32_t gr_fixed_times(gr_requantization mode, int32_t x, gr_fixed f);
/* x / 2^by, rounded as the mode does last. */
int32_t gr_fixed_divide(gr_requantization mode, int32_t x, int by);
int32_t gr_saturate(int64_t v);

/* ---- borrowing the float op's kernel, which has integers of 32 and 64 bits too (borrow.c) ---- */

/* Operand `slot` without its zero points, as i32 or i64. `zero`: NULL: there are none; more than one: of `channels`. */
graft_status gr_widen(const gr_kernel_call *k, uint32_t slot, const gr_in *zero, gr_channels channels, bool wide,
                      graft_type *type, gr_in *out);
/* Operand `slot` dequantized with the operand `scale` and the zero point behind it. */
graft_status gr_widen_float(const gr_kernel_call *k, uint32_t slot, uint32_t scale, graft_type *type, gr_in *out);
/* The kernel of `of` on these operands (GR_MAX_OPERANDS of them), with the call's attributes: its result is of another
 * dtype. */
graft_status gr_run_borrowed(const gr_kernel_call *k, uint32_t of, const gr_in *operands, graft_dtype dtype,
                             void **result);
/* The largest of |x - zero point| of a type. */
int64_t gr_most_of(graft_dtype dtype, const gr_in *zero);

/* ---- layers (quantized.c) ---- */

typedef struct gr_quantized_layer {
  uint32_t of; /* the float layer */
  bool wide;   /* sums of 64 bits */
  bool transposed;
  int64_t channels, inner; /* of the result: elements of a channel that follow each other */
  gr_requantize q;
} gr_quantized_layer;

/* Checks scales and zero points and prepares the end of the layer; x and what is added need not be there yet. Nothing
 * more is to be done where the result is empty. */
graft_status gr_quantized_layer_begin(gr_quantized_layer *l, const gr_kernel_call *k);

/* A mean's scales are good, and this is how it ends (quantized_other.c). */
graft_status gr_quantized_mean_begin(const gr_kernel_call *k, uint32_t scale, uint32_t y_scale, gr_requantize *q);

/* ---- sums and products of bytes of equal shape (quantized_bytes.c) ---- */

graft_status gr_quantized_pair_begin(const gr_kernel_call *k, gr_requantize *q); /* quantized_other.c */
bool gr_quantized_pair_fits(const gr_kernel_call *k);
/* The mode is float. `turned`: of x and other, is it i8 that lies as u8? `q` is the result's as it lies. */
void gr_quantized_pair(const gr_kernel_call *k, const gr_requantize *q, bool of_product, const bool turned[2]);

/* ---- layers of bytes as products of rows (quantized_dot.c): 32 bits hold the sums ---- */

bool gr_quantized_dot_fits(const gr_kernel_call *k, uint32_t of);
graft_status gr_quantized_dot(const gr_kernel_call *k, uint32_t of, const gr_requantize *q);
/* … whose groups have one input channel (quantized_depthwise.c). */
bool gr_quantized_depthwise_fits(const gr_kernel_call *k, uint32_t of);
graft_status gr_quantized_depthwise(const gr_kernel_call *k, const gr_requantize *q);
bool gr_quantized_matmul_fits(const gr_kernel_call *k);
graft_status gr_quantized_matmul(const gr_kernel_call *k, const gr_requantize *q);

#endif
