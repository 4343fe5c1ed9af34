/* Sums and products of bytes of equal shape, in one loop: the f32 arithmetic of dequantize, op and quantize, in its
 * order. Bytes of either sign are loaded as u8, with the top bit of i8 turned. */
#include "runtime/kernels/requantize_impl.h"

#define ROUNDER 12582912.0f /* fake_quantize.c's */

enum { GRAIN = 1 << 15 };

typedef struct addend {
  const uint8_t *data;
  int32_t turn, zero_point;
  float scale;
} addend;

typedef struct pair_job {
  addend x, other;
  float inverse, low, high;
  int32_t zero_point;
  uint8_t *y;
  gr_isa isa;
  bool product;
} pair_job;

#define VALUE(of) ((float)((int32_t)(uint8_t)((of).data[i] ^ (of).turn) - (of).zero_point) * (of).scale)
#define PAIR(NAME, SIGN) \
  GR_LOOP void NAME##_loop(const pair_job *job, int64_t begin, int64_t end) { \
    const pair_job j = *job; \
    GR_IN_STEP \
    for (int64_t i = begin; i < end; i++) { \
      float f = (VALUE(j.x) SIGN VALUE(j.other)) * j.inverse; \
      f = f == f ? f : 0.0f; \
      f = f > j.low ? f : j.low; \
      f = f < j.high ? f : j.high; \
      j.y[i] = (uint8_t)((int32_t)((f + ROUNDER) - ROUNDER) + j.zero_point); \
    } \
  } \
  GR_CLONES(NAME, (const pair_job *job, int64_t begin, int64_t end), (job, begin, end))
PAIR(sum, +)
PAIR(product, *)

static void run_pair(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const pair_job *j = user;
  (void)worker;
  (j->product ? product : sum)[j->isa](j, begin, end);
}

static bool is_byte(const graft_type *t) { return t->dtype == GRAFT_U8 || t->dtype == GRAFT_I8; }

bool gr_quantized_pair_fits(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type, *other = k->operands[1].type;
  return is_byte(x) && is_byte(other) && is_byte(k->results[0].type) && gr_same_shape(x, other);
}

static addend addend_of(const gr_kernel_call *k, uint32_t slot, uint32_t scale, bool turned) {
  const int32_t turn = k->operands[slot].type->dtype == GRAFT_I8 ? 128 : 0;
  return (addend){k->operands[slot].data, turned ? 0 : turn, *(const int32_t *)k->operands[scale + 1].data + turn,
                  *(const float *)k->operands[scale].data};
}

void gr_quantized_pair(const gr_kernel_call *k, const gr_requantize *q, bool of_product, const bool turned[2]) {
  pair_job j = {.x = addend_of(k, 0, GR_OPERAND(quantized_add, x_scale), turned[0]),
                .other = addend_of(k, 1, GR_OPERAND(quantized_add, other_scale), turned[1]),
                .inverse = 1.0f / q->scale,
                .low = (float)(q->range.quant_min - q->zero_point),
                .high = (float)(q->range.quant_max - q->zero_point),
                .zero_point = q->zero_point,
                .y = q->y,
                .isa = k->isa,
                .product = of_product};
  gr_parallel_for(k->threads, k->results[0].count, GRAIN, run_pair, &j);
}
