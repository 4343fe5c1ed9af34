/* Layers that compute in integers: convolutions, transposed ones, linear. Most of bytes go through quantized_dot.c or
 * quantized_depthwise.c; of the others x and weight lose their zero points, the kernel of the float layer runs on what
 * is left, and its sums are requantized. The sums are exact: 64 bits where 32 might not hold them. */
#include "runtime/kernels/requantize_impl.h"

enum {
  X = GR_OPERAND(quantized_conv2d_add, x),
  WEIGHT,
  BIAS,
  X_SCALE,
  X_ZERO,
  WEIGHT_SCALE,
  WEIGHT_ZERO,
  Y_SCALE,
  Y_ZERO,
  OTHER,
  OTHER_SCALE
};

/* Products in a sum. */
static int64_t depth_of(const gr_quantized_layer *l, const graft_type *weight) {
  if (l->of == GR_OP_linear) return weight->dims[1];
  return gr_extent(weight, 2, weight->rank) * weight->dims[l->transposed ? 0 : 1];
}

/* Might a sum leave 32 bits? */
static bool needs_64_bits(const gr_kernel_call *k, int64_t products) {
  int64_t most = gr_most_of(k->operands[X].type->dtype, &k->operands[X_ZERO]) *
                 gr_most_of(GRAFT_I8, &k->operands[WEIGHT_ZERO]); /* below 2^24 */
  const gr_in *bias = &k->operands[BIAS];
  if (__builtin_mul_overflow(most, products, &most)) return true;
  int64_t largest = 0;
  for (int64_t i = 0; bias->data && bias->type->dtype == GRAFT_I32 && i < bias->count; i++) {
    const int64_t b = ((const int32_t *)bias->data)[i];
    if ((b < 0 ? -b : b) > largest) largest = b < 0 ? -b : b;
  }
  return most > INT32_MAX - largest;
}

graft_status gr_quantized_layer_begin(gr_quantized_layer *l, const gr_kernel_call *k) {
  const graft_type *y = k->results[0].type;
  const gr_in *bias = &k->operands[BIAS], *scale = &k->operands[WEIGHT_SCALE];
  l->of = gr_integer_of(k->op);
  l->transposed = gr_op_get(l->of)->families & GR_F_CONV_TRANSPOSE;
  const int32_t axis = l->of == GR_OP_linear ? y->rank - 1 : 1;
  l->channels = y->dims[axis];
  l->inner = gr_extent(y, axis + 1, y->rank);
  graft_status s = gr_check_scale(k, X_SCALE, k->operands[X].type->dtype);
  if (!s) s = gr_check_scale(k, WEIGHT_SCALE, GRAFT_I8);
  if (!s) s = gr_check_scale(k, Y_SCALE, y->dtype);
  if (!s && k->operands[OTHER].data) s = gr_check_scale(k, OTHER_SCALE, k->operands[OTHER].type->dtype);
  if (s || k->results[0].count == 0) return s;
  double *steps = gr_scratch_alloc(k->scratch, (size_t)l->channels, sizeof *steps);
  if (!steps) return GRAFT_NO_MEMORY;
  for (int64_t c = 0; c < l->channels; c++)
    steps[c] = (double)*(const float *)k->operands[X_SCALE].data *
               (double)((const float *)scale->data)[scale->count == 1 ? 0 : c];
  l->wide = needs_64_bits(k, depth_of(l, k->operands[WEIGHT].type));
  return gr_requantize_begin(k, Y_SCALE, l->channels, steps,
                             bias->data && bias->type->dtype == GRAFT_F32 ? bias->data : NULL,
                             k->operands[OTHER].data ? OTHER : GRAFT_NONE, &l->q);
}

static graft_status sum_up(const gr_quantized_layer *l, const gr_kernel_call *k, void **sums) {
  const gr_in *bias = &k->operands[BIAS];
  graft_type types[BIAS + 1];
  gr_in operands[GR_MAX_OPERANDS] = {{0}};
  const gr_channels whole = {1, 1, 1, 1};
  gr_channels channels = whole;
  if (k->operands[WEIGHT_ZERO].count != 1) {
    const int64_t groups = l->transposed ? gr_k_int(k, GR_ATTR_ND(conv_transpose, groups)) : 1;
    if (!gr_channels_make(k->operands[WEIGHT].type, gr_op_get(l->of)->weight_axis, groups, &channels))
      return gr_kernel_error(k, "weight has no such channel axis");
  }
  graft_status s = gr_widen(k, X, &k->operands[X_ZERO], whole, l->wide, &types[X], &operands[X]);
  if (!s) s = gr_widen(k, WEIGHT, &k->operands[WEIGHT_ZERO], channels, l->wide, &types[WEIGHT], &operands[WEIGHT]);
  if (!s && bias->data && bias->type->dtype == GRAFT_I32)
    s = gr_widen(k, BIAS, NULL, whole, l->wide, &types[BIAS], &operands[BIAS]);
  return s ? s : gr_run_borrowed(k, l->of, operands, l->wide ? GRAFT_I64 : GRAFT_I32, sums);
}

graft_status gr_kernel_quantized_layer(const gr_kernel_call *k) {
  gr_quantized_layer l = {0};
  graft_status s = gr_quantized_layer_begin(&l, k);
  if (s || k->results[0].count == 0) return s;
  if (!l.wide && gr_quantized_dot_fits(k, l.of)) return gr_quantized_dot(k, l.of, &l.q);
  if (!l.wide && gr_quantized_depthwise_fits(k, l.of)) return gr_quantized_depthwise(k, &l.q);
  void *sums = NULL;
  s = sum_up(&l, k, &sums);
  if (s || !sums) return s ? s : GRAFT_NO_MEMORY;
  gr_requantize_all(k, &l.q, l.wide, l.inner, sums);
  return GRAFT_OK;
}
