/* The arithmetic of requantize_impl.h: sums become floats in steps of the result, block by block, which
 * fake_quantize.c's loops round, shift and clamp. */
#include "runtime/kernels/requantize_impl.h"

#include <float.h>
#include <math.h>

enum { BLOCK = 512, GRAIN = 1 << 15 };
#define EXACT_OFFSET 4194304.0 /* 2^22 */

static bool is_normal(double s) { return s >= (double)FLT_MIN && s <= (double)FLT_MAX; }

graft_status gr_check_scale(const gr_kernel_call *k, uint32_t slot, graft_dtype of) {
  const gr_in *scale = &k->operands[slot], *zero = &k->operands[slot + 1];
  const gr_op_info *op = gr_op_get(k->op);
  int64_t low, high;
  for (int64_t i = 0; i < scale->count; i++)
    if (!is_normal((double)((const float *)scale->data)[i]))
      return gr_kernel_error(k, "%s is %g, not a normal number above 0", op->operands[slot].name,
                             (double)((const float *)scale->data)[i]);
  for (int64_t i = 0; i < zero->count && graft_dtype_range(of, &low, &high); i++)
    if (((const int32_t *)zero->data)[i] < low || ((const int32_t *)zero->data)[i] > high)
      return gr_kernel_error(k, "%s is %d, no %s", op->operands[slot + 1].name, ((const int32_t *)zero->data)[i],
                             graft_dtype_name(of));
  return GRAFT_OK;
}

/* ---- fixed point ---- */

static int32_t saturate(int64_t v) { return (int32_t)(v < INT32_MIN ? INT32_MIN : v > INT32_MAX ? INT32_MAX : v); }

/* High half of 2 a b, halves up; of the two least numbers it would be 2^31. */
static int32_t high_of_product(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  const int64_t ab = (int64_t)a * b;
  return (int32_t)((ab + (ab >= 0 ? 1 << 30 : 1 - (1 << 30))) / ((int64_t)1 << 31));
}

/* x / 2^shift, halves away from 0. */
static int32_t divide(int32_t x, int shift) {
  if (shift > 31) return 0;
  const int64_t mask = ((int64_t)1 << shift) - 1, rest = x & mask, half = (mask >> 1) + (x < 0);
  return (int32_t)(((int64_t)x >> shift) + (rest > half));
}

static int32_t multiply(const gr_requantize *q, int64_t c, int64_t sum) {
  const int32_t x = saturate(sum + q->fixed_offset[c]), m = q->fixed[c];
  const int shift = q->shift[c];
  if (q->mode == GR_requantization_single_rounding) {
    const int by = 31 - shift; /* halves up */
    return by > 62 ? 0 : saturate(((int64_t)x * m + ((int64_t)1 << (by - 1))) >> by);
  }
  const int32_t shifted = shift > 0 ? saturate((int64_t)x * ((int64_t)1 << shift)) : x;
  return divide(high_of_product(shifted, m), shift < 0 ? -shift : 0);
}

static float multiplied(const gr_requantize *q, int64_t c, int64_t sum) {
  const int64_t low = q->range.quant_min - q->zero_point, high = q->range.quant_max - q->zero_point;
  const int64_t v = multiply(q, c, sum);
  return (float)(v < low ? low : v > high ? high : v);
}

#define FIXED(T) \
  static void fixed_##T(const gr_requantize *q, const T *sums, int64_t count, int64_t c, int64_t by, float *f) { \
    for (int64_t i = 0; i < count; i++, c += by) f[i] = multiplied(q, c, sums[i]); \
  }
FIXED(int32_t)
FIXED(int64_t)

/* Multipliers as 31 bits and a shift; gemmlowp's are those of the float32. */
static graft_status begin_fixed(const gr_kernel_call *k, const double *steps, const float *bias, gr_requantize *q) {
  const size_t n = (size_t)q->channels;
  q->fixed = gr_scratch_alloc(k->scratch, n, sizeof *q->fixed);
  q->shift = gr_scratch_alloc(k->scratch, n, sizeof *q->shift);
  q->fixed_offset = gr_scratch_alloc(k->scratch, n, sizeof *q->fixed_offset);
  if (!q->fixed || !q->shift || !q->fixed_offset) return GRAFT_NO_MEMORY;
  if (q->other)
    return gr_kernel_error(k, "what is added to the sums has no fixed-point form: requantize is float alone");
  for (int64_t c = 0; c < q->channels; c++) {
    const double m = q->mode == GR_requantization_gemmlowp ? (double)q->multiplier[c] : q->wide_multiplier[c];
    const double added = bias ? (double)bias[c] : 0.0, offset = rint(added / steps[c]);
    int shift;
    int64_t fixed = llrint(ldexp(frexp(m, &shift), 31));
    if (fixed == (int64_t)1 << 31) fixed /= 2, shift++;
    if (!(m > 0) || shift > 30) return gr_kernel_error(k, "the multiplier %g has no fixed-point form", m);
    if (!(offset >= INT32_MIN && offset <= INT32_MAX))
      return gr_kernel_error(k, "bias %g is %g steps, which 32 bits do not hold", added, offset);
    q->fixed[c] = (int32_t)fixed;
    q->shift[c] = shift;
    q->fixed_offset[c] = (int64_t)offset;
  }
  return GRAFT_OK;
}

graft_status gr_requantize_begin(const gr_kernel_call *k, uint32_t y_scale, int64_t channels, const double *steps,
                                 const float *bias, uint32_t other, gr_requantize *q) {
  const double scale = (double)*(const float *)k->operands[y_scale].data;
  const uint32_t range = gr_op_get(gr_integer_of(k->op))->attr_count; /* the float op's attributes come first */
  const size_t n = (size_t)channels;
  *q = (gr_requantize){.y = k->results[0].data,
                       .dtype = k->results[0].type->dtype,
                       .range = {gr_k_int(k, range), gr_k_int(k, range + 1)},
                       .zero_point = *(const int32_t *)k->operands[y_scale + 1].data,
                       .mode = (gr_requantization)gr_k_int(k, range + 3),
                       .channels = channels,
                       .multiplier = gr_scratch_alloc(k->scratch, n, sizeof *q->multiplier),
                       .offset = gr_scratch_alloc(k->scratch, n, sizeof *q->offset),
                       .wide_multiplier = gr_scratch_alloc(k->scratch, n, sizeof *q->wide_multiplier),
                       .wide_offset = gr_scratch_alloc(k->scratch, n, sizeof *q->wide_offset)};
  if (!q->multiplier || !q->offset || !q->wide_multiplier || !q->wide_offset) return GRAFT_NO_MEMORY;
  for (int64_t c = 0; c < channels; c++) {
    const double offset = bias ? (double)bias[c] / steps[c] : 0.0;
    q->wide_multiplier[c] = steps[c] / scale;
    q->wide_offset[c] = bias ? (double)bias[c] / scale : 0.0;
    q->multiplier[c] = (float)q->wide_multiplier[c];
    q->offset[c] = (float)offset;
    q->precise |= !is_normal(q->wide_multiplier[c]) || !(fabs(offset) <= EXACT_OFFSET);
  }
  if (other != GRAFT_NONE) {
    q->other = &k->operands[other];
    q->other_multiplier = (float)((double)*(const float *)k->operands[other + 1].data / scale);
    q->other_zero_point = *(const int32_t *)k->operands[other + 2].data;
    if (!is_normal((double)q->other_multiplier))
      return gr_kernel_error(k, "the scales %g and %g are too far apart",
                             (double)*(const float *)k->operands[other + 1].data, scale);
  }
  if (gr_integer_relu(k->op) && q->zero_point > q->range.quant_min)
    q->range.quant_min = q->zero_point < q->range.quant_max ? q->zero_point : q->range.quant_max;
  return q->mode == GR_requantization_float ? GRAFT_OK : begin_fixed(k, steps, bias, q);
}

/* Rounded, within what the result can hold: NaN becomes 0, that is the zero point. */
static float round_precise(const gr_requantize *q, double v) {
  const double low = (double)(q->range.quant_min - q->zero_point), high = (double)(q->range.quant_max - q->zero_point);
  v = rint(v);
  if (!(v == v)) v = 0.0;
  return (float)(v < low ? low : v > high ? high : v);
}

#define STEPS(NAME, ...) \
  GR_LOOP void NAME##_loop(const int32_t *sums, int64_t count, const float *offset, const float *multiplier, \
                           float *f) { \
    GR_IN_STEP \
    for (int64_t i = 0; i < count; i++) f[i] = (__VA_ARGS__); \
  } \
  GR_CLONES(NAME, (const int32_t *sums, int64_t count, const float *offset, const float *multiplier, float *f), \
            (sums, count, offset, multiplier, f))
STEPS(steps_of_one, ((float)sums[i] + *offset) * *multiplier)
STEPS(steps_of_each, ((float)sums[i] + offset[i]) * multiplier[i])

/* `by`: how far the channel moves on with each sum. */
#define PRECISE(T) \
  static void precise_##T(const gr_requantize *q, const T *sums, int64_t count, int64_t c, int64_t by, \
                          const float *other, float *f) { \
    for (int64_t i = 0; i < count; i++, c += by) \
      f[i] = round_precise(q, (double)sums[i] * q->wide_multiplier[c] + q->wide_offset[c] + (double)other[i]); \
  }
PRECISE(int32_t)
PRECISE(int64_t)

static void store(const gr_requantize *q, gr_isa isa, const float *f, int64_t count, int64_t at) {
  gr_quantize_f32(isa, f, count, 1.0f, q->zero_point, q->range, q->dtype,
                  (char *)q->y + (size_t)at * graft_dtype_size(q->dtype));
}

/* What is added, in steps of the result. */
static void read_other(const gr_requantize *q, gr_isa isa, int64_t at, int64_t count, float *other) {
  const graft_dtype d = q->other->type->dtype;
  gr_dequantize_f32(isa, (const char *)q->other->data + (size_t)at * graft_dtype_size(d), d, count, q->other_multiplier,
                    q->other_zero_point, other);
}

/* Of at most BLOCK sums, the steps of the result. */
static void block_i32(const gr_requantize *q, gr_isa isa, const int32_t *sums, int64_t count, int64_t c, int64_t by,
                      const float *other, float *f) {
  if (q->mode != GR_requantization_float) {
    fixed_int32_t(q, sums, count, c, by, f);
  } else if (q->precise) {
    precise_int32_t(q, sums, count, c, by, other, f);
  } else {
    (by ? steps_of_each : steps_of_one)[isa](sums, count, q->offset + c, q->multiplier + c, f);
    for (int64_t i = 0; q->other && i < count; i++) f[i] += other[i];
  }
}

static void block_i64(const gr_requantize *q, const int64_t *sums, int64_t count, int64_t c, int64_t by,
                      const float *other, float *f) {
  if (q->mode != GR_requantization_float)
    fixed_int64_t(q, sums, count, c, by, f);
  else
    precise_int64_t(q, sums, count, c, by, other, f);
}

static void requantize(const gr_requantize *q, gr_isa isa, bool wide, const void *sums, int64_t count, int64_t c,
                       int64_t by, int64_t at) {
  float f[BLOCK], other[BLOCK] = {0};
  for (int64_t i = 0; i < count; i += BLOCK, c += BLOCK * by) {
    const int64_t n = count - i < BLOCK ? count - i : BLOCK;
    if (q->other) read_other(q, isa, at + i, n, other);
    if (wide)
      block_i64(q, (const int64_t *)sums + i, n, c, by, other, f);
    else
      block_i32(q, isa, (const int32_t *)sums + i, n, c, by, other, f);
    store(q, isa, f, n, at + i);
  }
}

void gr_requantize_i32(const gr_requantize *q, gr_isa isa, const int32_t *sums, int64_t count, int64_t c, int64_t by,
                       int64_t at) {
  requantize(q, isa, false, sums, count, c, by, at);
}

typedef struct all_job {
  const gr_requantize *q;
  gr_isa isa;
  bool wide, rows; /* rows: one sum of each channel after the other */
  int64_t run;
  const void *sums;
} all_job;

static void run_all(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const all_job *j = user;
  (void)worker;
  for (int64_t i = begin; i < end; i++) {
    const int64_t at = i * j->run, c = j->rows ? 0 : i % j->q->channels;
    const char *sums = (const char *)j->sums + (size_t)at * (j->wide ? sizeof(int64_t) : sizeof(int32_t));
    requantize(j->q, j->isa, j->wide, sums, j->run, c, j->rows, at);
  }
}

void gr_requantize_all(const gr_kernel_call *k, const gr_requantize *q, bool wide, int64_t inner, const void *sums) {
  const bool rows = inner == 1;
  const int64_t run = rows ? q->channels : inner, count = k->results[0].count;
  all_job j = {q, k->isa, wide, rows, run, sums};
  if (count > 0) gr_parallel_for(k->threads, count / run, GRAIN / run + 1, run_all, &j);
}

typedef struct float_job {
  const gr_requantize *q;
  gr_isa isa;
  const float *steps;
} float_job;

static void run_floats(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const float_job *j = user;
  (void)worker;
  store(j->q, j->isa, j->steps + begin, end - begin, begin);
}

void gr_requantize_floats(const gr_kernel_call *k, const gr_requantize *q, const float *steps) {
  float_job j = {q, k->isa, steps};
  gr_parallel_for(k->threads, k->results[0].count, GRAIN, run_floats, &j);
}
