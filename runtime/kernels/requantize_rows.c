/* Requantization of sums whose channels lie side by side, in one loop from sums to bytes: the same arithmetic as
 * requantize.c's, in the same order. Bytes of either sign are loaded as u8, with the top bit of i8 turned. */
#include "runtime/kernels/requantize_impl.h"

#define ROUNDER 12582912.0f /* fake_quantize.c's */
#define ROUNDER_BITS 0x4b400000

enum { LONG = 512 };

typedef struct row_constants {
  const float *multiplier, *offset;
  const int32_t *bias;
  float low, high; /* bounds of what is rounded */
  int32_t zero_point;
  float other_multiplier;
  int32_t other_zero_point, other_turn; /* of u8 */
} row_constants;

/* 1.5 * 2^23 + an integer: the integer is in the low bits. */
GR_LOOP int32_t rounded_bits(float f) {
  int32_t bits;
  f += ROUNDER;
  memcpy(&bits, &f, sizeof bits);
  return bits - ROUNDER_BITS;
}

#define ROWS(NAME, SUM, ADDED, CHECKED) \
  GR_LOOP void NAME##_loop(const row_constants *constants, const int32_t *sums, int64_t count, const uint8_t *other, \
                           uint8_t *y) { \
    const row_constants c = *constants; \
    (void)other; \
    GR_IN_STEP \
    for (int64_t i = 0; i < count; i++) { \
      float f = ((float)(SUM) + c.offset[i]) * c.multiplier[i] ADDED; \
      CHECKED \
      f = f > c.low ? f : c.low; \
      f = f < c.high ? f : c.high; \
      y[i] = (uint8_t)(rounded_bits(f) + c.zero_point); \
    } \
  } \
  GR_CLONES(NAME, \
            (const row_constants *constants, const int32_t *sums, int64_t count, const uint8_t *other, uint8_t *y), \
            (constants, sums, count, other, y))
#define OTHER +(float)((int32_t)(uint8_t)(other[i] ^ c.other_turn) - c.other_zero_point) * c.other_multiplier
#define NO_NAN f = f == f ? f : 0.0f; /* infinities may meet */
ROWS(rows_plain, sums[i], , )
ROWS(rows_bias, sums[i] + c.bias[i], , )
ROWS(rows_other, sums[i], OTHER, NO_NAN)
ROWS(rows_other_bias, sums[i] + c.bias[i], OTHER, NO_NAN)

graft_status gr_rows_begin(const gr_kernel_call *k, const gr_requantize *q, const int32_t *bias, gr_rows *r) {
  const int64_t channels = q->channels, times = channels < LONG ? LONG / channels : 1;
  const size_t n = (size_t)(channels * times);
  float *multiplier = gr_scratch_alloc(k->scratch, n, sizeof *multiplier),
        *offset = gr_scratch_alloc(k->scratch, n, sizeof *offset);
  int32_t *more = bias ? gr_scratch_alloc(k->scratch, n, sizeof *more) : NULL;
  if (!multiplier || !offset || (bias && !more)) return GRAFT_NO_MEMORY;
  for (int64_t i = 0; i < channels * times; i++) {
    multiplier[i] = q->multiplier[i % channels];
    offset[i] = q->offset[i % channels];
    if (more) more[i] = bias[i % channels];
  }
  *r = (gr_rows){.q = q, .period = channels * times, .multiplier = multiplier, .offset = offset, .bias = more};
  return GRAFT_OK;
}

/* Channel by channel, for what the loops above cannot do. */
static void run_slowly(const gr_rows *r, gr_isa isa, int32_t *sums, int64_t count, int64_t at) {
  const int64_t channels = r->q->channels;
  for (int64_t i = 0; i < count; i += channels) {
    for (int64_t c = 0; r->bias && c < channels; c++) sums[i + c] += r->bias[c];
    gr_requantize_i32(r->q, isa, sums + i, channels, 0, 1, at + i);
  }
}

void gr_rows_run(const gr_rows *r, gr_isa isa, int32_t *sums, int64_t count, int64_t at) {
  const gr_requantize *q = r->q;
  if (q->precise || q->mode != GR_requantization_float) {
    run_slowly(r, isa, sums, count, at);
    return;
  }
  row_constants c = {.multiplier = r->multiplier,
                     .offset = r->offset,
                     .bias = r->bias,
                     .low = (float)(q->range.quant_min - q->zero_point),
                     .high = (float)(q->range.quant_max - q->zero_point),
                     .zero_point = q->zero_point};
  const uint8_t *other = NULL;
  if (q->other) {
    c.other_turn = q->other->type->dtype == GRAFT_I8 ? 128 : 0;
    c.other_zero_point = q->other_zero_point + c.other_turn;
    c.other_multiplier = q->other_multiplier;
    other = (const uint8_t *)q->other->data + at;
  }
  for (int64_t i = 0; i < count; i += r->period) {
    const int64_t n = count - i < r->period ? count - i : r->period;
    uint8_t *y = (uint8_t *)q->y + at + i;
    if (other)
      (r->bias ? rows_other_bias : rows_other)[isa](&c, sums + i, n, other + i, y);
    else
      (r->bias ? rows_bias : rows_plain)[isa](&c, sums + i, n, NULL, y);
  }
}
