/* Integer ops that are no layers: sums, products and means of what the integers stand for, and cat. */
#include "runtime/kernels/requantize_impl.h"

/* What is computed in floats. */
static graft_status float_alone(const gr_kernel_call *k, const gr_requantize *q) {
  if (q->mode == GR_requantization_float) return GRAFT_OK;
  const char *form = gr_is_engine(q->mode) ? "form of an engine's" : "fixed-point form";
  return gr_kernel_error(k, "%s has no %s: requantize is float alone", gr_op_text(k->module, k->op), form);
}

static float scale_of(const gr_kernel_call *k, uint32_t slot) { return *(const float *)k->operands[slot].data; }

/* ---- pairs ---- */

enum {
  X = GR_OPERAND(quantized_add, x),
  OTHER,
  X_SCALE,
  OTHER_SCALE = GR_OPERAND(quantized_add, other_scale),
  Y_SCALE = GR_OPERAND(quantized_add, y_scale)
};
GR_SAME_OPERAND(y_scale, quantized_add, quantized_mul);
GR_SAME_OPERAND(y_scale, quantized_add, quantized_matmul);

static graft_status check_pair(const gr_kernel_call *k) {
  graft_status s = gr_check_scale(k, X_SCALE, k->operands[X].type->dtype);
  if (!s) s = gr_check_scale(k, OTHER_SCALE, k->operands[OTHER].type->dtype);
  return s ? s : gr_check_scale(k, Y_SCALE, k->results[0].type->dtype);
}

static gr_requantization mode_of(const gr_kernel_call *k) {
  return (gr_requantization)gr_k_int(k, GR_ATTR(quantized_add, requantize));
}

/* The engines' arithmetic is that of sums of products. */
static graft_status no_engine(const gr_kernel_call *k) {
  if (!gr_is_engine(mode_of(k))) return GRAFT_OK;
  return gr_kernel_error(k, "%s has no requantize=%s: layers and matmul have it", gr_op_text(k->module, k->op),
                         gr_choice_words(GR_CHOICE_requantization)[mode_of(k)]);
}

/* As the graph of dequantize, op, quantize does it, in f32. */
static graft_status pair_of_floats(const gr_kernel_call *k) {
  graft_type types[2];
  gr_in operands[GR_MAX_OPERANDS] = {{0}};
  gr_requantize q;
  const double steps = 1.0;
  void *floats;
  graft_status s = gr_requantize_begin(k, Y_SCALE, 1, &steps, NULL, GRAFT_NONE, &q);
  if (!s && gr_quantized_pair_fits(k)) {
    gr_quantized_pair(k, &q, gr_integer_of(k->op) == GR_OP_mul, (const bool[]){false, false});
    return GRAFT_OK;
  }
  if (!s) s = gr_widen_float(k, X, X_SCALE, &types[0], &operands[0]);
  if (!s) s = gr_widen_float(k, OTHER, OTHER_SCALE, &types[1], &operands[1]);
  if (!s) s = gr_run_borrowed(k, gr_integer_of(k->op), operands, GRAFT_F32, &floats);
  if (!s) gr_requantize_floats(k, &q, floats);
  return s;
}

/* Of an addend, in finer steps that both share. */
static graft_status rescale(const gr_kernel_call *k, uint32_t scale, double steps, int bits, const gr_in *x) {
  const double ratio = (double)scale_of(k, scale) / steps;
  int32_t *data = (int32_t *)x->data; /* scratch memory of this call */
  gr_fixed f;
  if (!gr_fixed_of(mode_of(k), ratio, &f))
    return gr_kernel_error(k, "the multiplier %g has no fixed-point form", ratio);
  for (int64_t i = 0; i < x->count; i++) data[i] = gr_fixed_times(mode_of(k), data[i] * (1 << bits), f);
  return GRAFT_OK;
}

/* Both in steps of 2^-bits times twice the larger scale, where 32 bits hold their sum. */
static graft_status add_fixed(const gr_kernel_call *k) {
  enum { BITS_OF_BYTES = 20, BITS_OF_WORDS = 15 };
  const gr_channels whole = {1, 1, 1, 1};
  const double x_scale = (double)scale_of(k, X_SCALE), other_scale = (double)scale_of(k, OTHER_SCALE),
               twice = 2 * (x_scale > other_scale ? x_scale : other_scale);
  const bool words = k->operands[X].type->dtype == GRAFT_I16 || k->operands[OTHER].type->dtype == GRAFT_I16;
  const int bits = words ? BITS_OF_WORDS : BITS_OF_BYTES;
  const double steps = twice / (double)(1 << bits);
  graft_type types[2];
  gr_in operands[GR_MAX_OPERANDS] = {{0}};
  gr_requantize q;
  void *sums;
  graft_status s = gr_requantize_begin(k, Y_SCALE, 1, &steps, NULL, GRAFT_NONE, &q);
  if (!s) s = gr_widen(k, X, &k->operands[X_SCALE + 1], whole, false, &types[0], &operands[0]);
  if (!s) s = gr_widen(k, OTHER, &k->operands[OTHER_SCALE + 1], whole, false, &types[1], &operands[1]);
  if (!s) s = rescale(k, X_SCALE, twice, bits, &operands[0]);
  if (!s) s = rescale(k, OTHER_SCALE, twice, bits, &operands[1]);
  if (!s) s = gr_run_borrowed(k, GR_OP_add, operands, GRAFT_I32, &sums);
  if (!s) gr_requantize_all(k, &q, false, k->results[0].count, sums);
  return s;
}

graft_status gr_kernel_quantized_add(const gr_kernel_call *k) {
  graft_status s = check_pair(k);
  if (!s) s = no_engine(k);
  return s ? s : mode_of(k) == GR_requantization_float ? pair_of_floats(k) : add_fixed(k);
}

/* Products, or sums of `depth` products each, in integers. */
static graft_status multiply(const gr_kernel_call *k, int64_t depth) {
  const gr_channels whole = {1, 1, 1, 1};
  graft_type types[2];
  gr_in operands[GR_MAX_OPERANDS] = {{0}};
  gr_requantize q;
  const double steps = (double)scale_of(k, X_SCALE) * (double)scale_of(k, OTHER_SCALE);
  void *sums;
  int64_t most = gr_most_of(k->operands[X].type->dtype, &k->operands[X_SCALE + 1]) *
                 gr_most_of(k->operands[OTHER].type->dtype, &k->operands[OTHER_SCALE + 1]);
  const bool wide = __builtin_mul_overflow(most, depth, &most) || most > INT32_MAX;
  graft_status s = gr_requantize_begin(k, Y_SCALE, 1, &steps, NULL, GRAFT_NONE, &q);
  if (!s && !wide && gr_integer_of(k->op) == GR_OP_matmul && gr_quantized_matmul_fits(k))
    return gr_quantized_matmul(k, &q);
  if (!s) s = gr_widen(k, X, &k->operands[X_SCALE + 1], whole, wide, &types[0], &operands[0]);
  if (!s) s = gr_widen(k, OTHER, &k->operands[OTHER_SCALE + 1], whole, wide, &types[1], &operands[1]);
  if (!s) s = gr_run_borrowed(k, gr_integer_of(k->op), operands, wide ? GRAFT_I64 : GRAFT_I32, &sums);
  if (!s) gr_requantize_all(k, &q, wide, k->results[0].count, sums);
  return s;
}

graft_status gr_kernel_quantized_mul(const gr_kernel_call *k) {
  graft_status s = check_pair(k);
  if (!s) s = no_engine(k);
  return s ? s : mode_of(k) == GR_requantization_float ? pair_of_floats(k) : multiply(k, 1);
}

graft_status gr_kernel_quantized_matmul(const gr_kernel_call *k) {
  const graft_type *x = k->operands[X].type;
  graft_status s = check_pair(k);
  return s ? s : multiply(k, x->dims[x->rank - 1]);
}

graft_status gr_quantized_pair_begin(const gr_kernel_call *k, gr_requantize *q) {
  const double steps = 1.0;
  const graft_status s = check_pair(k);
  return s ? s : gr_requantize_begin(k, Y_SCALE, 1, &steps, NULL, GRAFT_NONE, q);
}

/* ---- means ---- */

GR_SAME_OPERAND(y_scale, quantized_mean, quantized_avg_pool1d);
GR_SAME_OPERAND(y_scale, quantized_mean, quantized_adaptive_avg_pool3d);

graft_status gr_quantized_mean_begin(const gr_kernel_call *k, uint32_t scale, uint32_t y_scale, gr_requantize *q) {
  const double steps = 1.0;
  graft_status s = gr_check_scale(k, scale, k->operands[0].type->dtype);
  if (!s) s = gr_check_scale(k, y_scale, k->results[0].type->dtype);
  if (!s) s = gr_requantize_begin(k, y_scale, 1, &steps, NULL, GRAFT_NONE, q);
  return s ? s : float_alone(k, q);
}

/* As the graph of dequantize, mean, quantize does it, in f32. */
graft_status gr_kernel_quantized_mean(const gr_kernel_call *k) {
  const uint32_t scale = GR_OPERAND(quantized_mean, x_scale), y_scale = GR_OPERAND(quantized_mean, y_scale);
  graft_type type;
  gr_in operands[GR_MAX_OPERANDS] = {{0}};
  gr_requantize q;
  void *means;
  graft_status s = gr_quantized_mean_begin(k, scale, y_scale, &q);
  if (!s) s = gr_widen_float(k, 0, scale, &type, &operands[0]);
  if (!s) s = gr_run_borrowed(k, gr_integer_of(k->op), operands, GRAFT_F32, &means);
  if (!s) gr_requantize_floats(k, &q, means);
  return s;
}

/* ---- cat ---- */

graft_status gr_kernel_quantized_cat(const gr_kernel_call *k) {
  enum { SCALES = GR_OPERAND(quantized_cat, scales), ZEROS, Y, FIRST = GR_OPERAND(quantized_cat, tensors) };
  const gr_out *y = &k->results[0];
  const uint32_t count = k->operand_count - FIRST;
  const double steps = 1.0;
  gr_requantize q;
  graft_status s = gr_check_scale(k, SCALES, k->operands[FIRST].type->dtype);
  if (!s) s = gr_check_scale(k, Y, y->type->dtype);
  if (!s) s = gr_requantize_begin(k, Y, 1, &steps, NULL, GRAFT_NONE, &q);
  if (!s) s = float_alone(k, &q);
  if (s) return s;
  const size_t slots = count > GR_MAX_OPERANDS ? count : GR_MAX_OPERANDS;
  gr_in *parts = gr_scratch_alloc(k->scratch, slots, sizeof *parts);
  graft_type *types = gr_scratch_alloc(k->scratch, count, sizeof *types);
  if (!parts || !types) return GRAFT_NO_MEMORY;
  memset(parts, 0, slots * sizeof *parts);
  for (uint32_t i = 0; i < count; i++) {
    const gr_in *x = &k->operands[FIRST + i];
    void *to = gr_scratch_alloc(k->scratch, (size_t)x->count, graft_dtype_size(q.dtype));
    float *f = gr_scratch_alloc(k->scratch, (size_t)x->count, sizeof *f);
    if (!to || !f) return GRAFT_NO_MEMORY;
    gr_dequantize_f32(k->isa, x->data, x->type->dtype, x->count, ((const float *)k->operands[SCALES].data)[i],
                      ((const int32_t *)k->operands[ZEROS].data)[i], f);
    gr_quantize_f32(k->isa, f, x->count, q.scale, q.zero_point, q.range, q.dtype, to);
    types[i] = *x->type;
    types[i].dtype = q.dtype;
    parts[i] = (gr_in){.type = &types[i], .data = to, .count = x->count};
  }
  gr_kernel_call call = *k;
  call.op = GR_OP_cat;
  call.operands = parts;
  call.operand_count = count;
  return gr_kernel_get(GR_OP_cat)->run(&call);
}
