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

enum { ADDED_BITS = 8 }; /* what is added to sums joins them in steps of 2^-8 */

static float multiplied(const gr_requantize *q, int64_t c, int64_t sum, float other) {
  const int64_t low = q->range.quant_min - q->zero_point, high = q->range.quant_max - q->zero_point;
  int64_t v = gr_fixed_times(q->mode, gr_saturate(sum + q->fixed_offset[c]), q->fixed[c]);
  if (q->other) {
    v += gr_fixed_times(q->mode, (int32_t)other, q->fixed_other);
    v = gr_fixed_divide(q->mode, gr_saturate(v), ADDED_BITS);
  }
  return (float)(v < low ? low : v > high ? high : v);
}

#define FIXED(T) \
  static void fixed_##T(const gr_requantize *q, const T *sums, int64_t count, int64_t c, int64_t by, \
                        const float *other, float *f) { \
    for (int64_t i = 0; i < count; i++, c += by) f[i] = multiplied(q, c, sums[i], other[i]); \
  }
FIXED(int32_t)
FIXED(int64_t)

/* Multipliers as 31 bits and a shift. */
static graft_status begin_fixed(const gr_kernel_call *k, const double *steps, const float *bias, gr_requantize *q) {
  const size_t n = (size_t)q->channels;
  const double finer = q->other ? ldexp(1.0, ADDED_BITS) : 1.0;
  q->fixed = gr_scratch_alloc(k->scratch, n, sizeof *q->fixed);
  q->fixed_offset = gr_scratch_alloc(k->scratch, n, sizeof *q->fixed_offset);
  if (!q->fixed || !q->fixed_offset) return GRAFT_NO_MEMORY;
  for (int64_t c = 0; c < q->channels; c++) {
    const double added = bias ? (double)bias[c] : 0.0, offset = rint(added / steps[c]);
    if (!gr_fixed_of(q->mode, q->wide_multiplier[c] * finer, &q->fixed[c]))
      return gr_kernel_error(k, "the multiplier %g has no fixed-point form", q->wide_multiplier[c]);
    if (!(offset >= INT32_MIN && offset <= INT32_MAX))
      return gr_kernel_error(k, "bias %g is %g steps, which 32 bits do not hold", added, offset);
    q->fixed_offset[c] = (int64_t)offset;
  }
  if (!q->other) return GRAFT_OK;
  if (!gr_fixed_of(q->mode, q->other_ratio * finer, &q->fixed_other))
    return gr_kernel_error(k, "the multiplier %g of what is added has no fixed-point form", q->other_ratio);
  q->other_multiplier = 1.0f; /* it is read in its own steps */
  return GRAFT_OK;
}

/* ---- PyTorch's engines ---- */

#define ENGINE(T) \
  static void engine_##T(const gr_requantize *q, const T *sums, int64_t count, int64_t c, int64_t by, \
                         const float *other, float *f) { \
    for (int64_t i = 0; i < count; i++, c += by) \
      f[i] = (float)(sums[i] + q->fixed_offset[c]) * q->multiplier[c] + q->offset[c] + other[i]; \
  }
ENGINE(int32_t)
ENGINE(int64_t)

/* Each factor in f32. A float bias joins the sums as an integer (qnnpack) or the products in steps of the result. */
static graft_status begin_engine(const gr_kernel_call *k, const double *steps, const float *bias, gr_requantize *q) {
  q->precise = false;
  q->fixed_offset = gr_scratch_alloc(k->scratch, (size_t)q->channels, sizeof *q->fixed_offset);
  if (!q->fixed_offset) return GRAFT_NO_MEMORY;
  for (int64_t c = 0; c < q->channels; c++) {
    const float step = (float)steps[c], added = bias ? bias[c] : 0.0f;
    const double offset = q->mode == GR_requantization_qnnpack ? rint((double)(added * (1.0f / step))) : 0.0;
    q->multiplier[c] = step / q->scale;
    if (!is_normal((double)q->multiplier[c]))
      return gr_kernel_error(k, "the multiplier %g is no normal number of f32", (double)q->multiplier[c]);
    if (!(offset >= INT32_MIN && offset <= INT32_MAX))
      return gr_kernel_error(k, "bias %g is %g steps, which 32 bits do not hold", (double)added, offset);
    q->fixed_offset[c] = (int64_t)offset;
    q->offset[c] = q->mode == GR_requantization_qnnpack ? 0.0f : added / q->scale;
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
                       .scale = (float)scale,
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
    q->other_ratio = (double)*(const float *)k->operands[other + 1].data / scale;
    q->other_multiplier = (float)q->other_ratio;
    q->other_zero_point = *(const int32_t *)k->operands[other + 2].data;
    if (!is_normal((double)q->other_multiplier))
      return gr_kernel_error(k, "the scales %g and %g are too far apart",
                             (double)*(const float *)k->operands[other + 1].data, scale);
  }
  if (gr_integer_relu(k->op) && q->zero_point > q->range.quant_min)
    q->range.quant_min = q->zero_point < q->range.quant_max ? q->zero_point : q->range.quant_max;
  if (q->mode == GR_requantization_float) return GRAFT_OK;
  return gr_is_engine(q->mode) ? begin_engine(k, steps, bias, q) : begin_fixed(k, steps, bias, q);
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

/* Floats in steps of `scale`. */
static void store(const gr_requantize *q, gr_isa isa, const float *f, float scale, int64_t count, int64_t at) {
  gr_quantize_f32(isa, f, count, scale, q->zero_point, q->range, q->dtype,
                  (char *)q->y + (size_t)at * graft_dtype_size(q->dtype));
}

/* What is added: in steps of the result, in fixed point in its own. */
static void read_other(const gr_requantize *q, gr_isa isa, int64_t at, int64_t count, float *other) {
  const graft_dtype d = q->other->type->dtype;
  gr_dequantize_f32(isa, (const char *)q->other->data + (size_t)at * graft_dtype_size(d), d, count, q->other_multiplier,
                    q->other_zero_point, other);
}

/* Of at most BLOCK sums, the steps of the result. */
static void block_i32(const gr_requantize *q, gr_isa isa, const int32_t *sums, int64_t count, int64_t c, int64_t by,
                      const float *other, float *f) {
  if (gr_is_engine(q->mode)) {
    engine_int32_t(q, sums, count, c, by, other, f);
  } else if (q->mode != GR_requantization_float) {
    fixed_int32_t(q, sums, count, c, by, other, f);
  } else if (q->precise) {
    precise_int32_t(q, sums, count, c, by, other, f);
  } else {
    (by ? steps_of_each : steps_of_one)[isa](sums, count, q->offset + c, q->multiplier + c, f);
    for (int64_t i = 0; q->other && i < count; i++) f[i] += other[i];
  }
}

static void block_i64(const gr_requantize *q, const int64_t *sums, int64_t count, int64_t c, int64_t by,
                      const float *other, float *f) {
  if (gr_is_engine(q->mode))
    engine_int64_t(q, sums, count, c, by, other, f);
  else if (q->mode != GR_requantization_float)
    fixed_int64_t(q, sums, count, c, by, other, f);
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
    store(q, isa, f, 1.0f, n, at + i);
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
  const float *x;
} float_job;

static void run_floats(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const float_job *j = user;
  (void)worker;
  store(j->q, j->isa, j->x + begin, j->q->scale, end - begin, begin);
}

void gr_requantize_floats(const gr_kernel_call *k, const gr_requantize *q, const float *x) {
  float_job j = {q, k->isa, x};
  gr_parallel_for(k->threads, k->results[0].count, GRAIN, run_floats, &j);
}
