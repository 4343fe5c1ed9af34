/* What an op costs, from its types alone, in multiply-adds or elements looked at: what is computed beforehand takes
 * time where a user expects none. */
#include "ir/graph/budget_int.h"
#include "ir/infer/einsum_int.h"
#include "runtime/chain_impl.h"

static double elements(const graft_type *t) {
  double n = 1;
  for (int32_t i = 0; i < t->rank; i++) n *= t->dims[i] > 0 ? (double)t->dims[i] : 0;
  return n;
}

/* The extents of all labels, those of the result taken off. */
static double einsum_steps(graft_module *m, uint32_t attrs, const graft_type *const *operands, uint32_t count) {
  gr_einsum e;
  char message[160];
  int64_t extents[GR_EINSUM_LABELS];
  int32_t ellipsis, rank;
  uint8_t result[GRAFT_MAX_RANK];
  double n = 1;
  const char *equation = gr_string_text(m, (uint32_t)gr_attr_int(m, attrs, GR_ATTR(einsum, equation)));
  if (!gr_einsum_parse(equation, &e, message, sizeof message) || e.count != count ||
      !gr_einsum_extents(&e, operands, extents, &ellipsis, message, sizeof message) ||
      (rank = gr_einsum_result_rank(&e, ellipsis)) < 0 || !gr_einsum_axes(&e.result, rank, result))
    return 1;
  for (int l = 0; l < GR_EINSUM_LABELS; l++) n *= extents[l] > 0 ? (double)extents[l] : 1;
  for (int32_t i = 0; i < rank; i++) n /= extents[result[i]] > 0 ? (double)extents[result[i]] : 1;
  return n;
}

/* About as many multiply-adds as one element takes where it is no matter of a few instructions. */
static double dearness(uint32_t op) {
  switch (op) {
  case GR_OP_nll_loss:
  case GR_OP_linalg_det:
  case GR_OP_arange:
  case GR_OP_to: return 2;
  case GR_OP_exp: /* quick in f32, not in f64 */
  case GR_OP_erf:
  case GR_OP_sigmoid:
  case GR_OP_silu:
  case GR_OP_tanh:
  case GR_OP_lstm:
  case GR_OP_gru:
  case GR_OP_rnn:
  case GR_OP_lstm_backward:
  case GR_OP_gru_backward:
  case GR_OP_rnn_backward:
  case GR_OP_normalize:
  case GR_OP_cumsum:
  case GR_OP_pad:
  case GR_OP_gather:
  case GR_OP_scatter:
  case GR_OP_mel_weight_matrix: return 4;
  case GR_OP_softplus:
  case GR_OP_einsum:
  case GR_OP_lp_pool1d:
  case GR_OP_lp_pool2d:
  case GR_OP_lp_pool3d:
  case GR_OP_lp_pool1d_backward:
  case GR_OP_lp_pool2d_backward:
  case GR_OP_lp_pool3d_backward:
  case GR_OP_log:
  case GR_OP_sin:
  case GR_OP_cos:
  case GR_OP_tan:
  case GR_OP_asin:
  case GR_OP_acos:
  case GR_OP_atan:
  case GR_OP_sinh:
  case GR_OP_cosh:
  case GR_OP_asinh:
  case GR_OP_acosh:
  case GR_OP_atanh:
  case GR_OP_pow:
  case GR_OP_remainder:
  case GR_OP_fmod:
  case GR_OP_gelu:
  case GR_OP_elu:
  case GR_OP_selu:
  case GR_OP_celu:
  case GR_OP_mish:
  case GR_OP_logsigmoid:
  case GR_OP_logsumexp: return 8;
  case GR_OP_softmax:
  case GR_OP_log_softmax:
  case GR_OP_cross_entropy_loss:
  case GR_OP_softmax_backward:
  case GR_OP_log_softmax_backward:
  case GR_OP_cross_entropy_loss_backward:
  case GR_OP_hardmax:
  case GR_OP_argmax:
  case GR_OP_argmin: return 16;
  case GR_OP_topk:
  case GR_OP_unique:
  case GR_OP_resize:
  case GR_OP_grid_sampler:
  case GR_OP_roi_align:
  case GR_OP_resize_backward:
  case GR_OP_grid_sampler_backward:
  case GR_OP_roi_align_backward:
  case GR_OP_non_max_suppression:
  case GR_OP_dft:
  case GR_OP_stft: return 64;
  default: return 1;
  }
}

static double extent(const graft_type *const *operands, uint32_t count, uint32_t operand, int32_t from_end) {
  const graft_type *t = operand < count ? operands[operand] : NULL;
  return t && t->rank >= from_end ? (double)t->dims[t->rank - from_end] : 1;
}

/* Of ops whose sums are not as long as a weight's or a window's: how many products an element of the first result is.
 */
static double products(graft_module *m, uint32_t op, uint32_t attrs, const graft_type *const *operands,
                       uint32_t count) {
  double n, x;
  switch (op) {
  case GR_OP_lstm: /* gates, each the sum over the input and the state before */
  case GR_OP_gru:
  case GR_OP_rnn:
    return 4 * (extent(operands, count, GR_OPERAND(lstm, weight_ih), 1) +
                extent(operands, count, GR_OPERAND(lstm, weight_hh), 1));
  case GR_OP_lstm_backward: /* its gates once more, and what flows to either side of their products */
  case GR_OP_gru_backward:
  case GR_OP_rnn_backward:
    x = extent(operands, count, GR_OPERAND(lstm_backward, x), 1);
    n = extent(operands, count, GR_OPERAND(lstm_backward, weight_hh), 1);
    return 3 * extent(operands, count, GR_OPERAND(lstm_backward, weight_hh), 2) *
           extent(operands, count, GR_OPERAND(lstm_backward, weight_hh), 3) * (x + n) / (x > 0 ? x : 1);
  case GR_OP_conv_backward_input: /* over the weight's other channels and window */
    return operands[1] ? elements(operands[1]) / extent(operands, count, 1, operands[1]->rank - 1) : 1;
  case GR_OP_conv_backward_weight: /* over the batch and all places */
    return operands[0] ? elements(operands[0]) / extent(operands, count, 0, operands[0]->rank - 1) : 1;
  case GR_OP_scaled_dot_product_attention: /* over the keys, and for each of their scores over the depth */
    return extent(operands, count, 1, 2) * (1 + extent(operands, count, 1, 1));
  case GR_OP_linalg_det: return extent(operands, count, 0, 1) * extent(operands, count, 0, 2);
  case GR_OP_linalg_det_backward: return extent(operands, count, 1, 1) * extent(operands, count, 1, 2); /* cofactors */
  case GR_OP_non_max_suppression: return extent(operands, count, 0, 2);
  case GR_OP_local_response_norm: return (double)gr_attr_int(m, attrs, GR_ATTR(local_response_norm, size));
  case GR_OP_roi_align:
    n = (double)gr_attr_int(m, attrs, GR_ATTR(roi_align, sampling_ratio));
    return n > 0 ? n * n : extent(operands, count, 0, 1) * extent(operands, count, 0, 2);
  default: return 1;
  }
}

/* What one element of the result costs, at most: one, but for sums of products and for windows. */
static double steps_an_element(graft_module *m, uint32_t op, uint32_t attrs, const graft_type *const *operands,
                               uint32_t count) {
  const gr_op_info *info = gr_op_get(op);
  if (info && info->weight_axis >= 0 && count > 1 && operands[1] && operands[1]->rank > info->weight_axis) {
    const int64_t channels = operands[1]->dims[info->weight_axis];
    return channels > 0 ? elements(operands[1]) / (double)channels : 0;
  }
  if (op == GR_OP_einsum) return einsum_steps(m, attrs, operands, count);
  const graft_type *rows = op == GR_OP_matmul && count      ? operands[0]
                           : op == GR_OP_addmm && count > 1 ? operands[1]
                                                            : NULL;
  if (rows) return rows->rank > 0 ? (double)rows->dims[rows->rank - 1] : 1;
  const bool pools = op == GR_OP_avg_pool_backward || op == GR_OP_lp_pool1d_backward ||
                     op == GR_OP_lp_pool2d_backward || op == GR_OP_lp_pool3d_backward;
  const int slot = info && (pools || (info->families & GR_F_POOL)) ? gr_op_attr_slot(info, "kernel_size", 11) : -1;
  if (slot < 0 || !count || !operands[0]) return 1;
  uint32_t axes;
  const int64_t *size = gr_attr_ints(m, attrs, (uint32_t)slot, &axes);
  double window = 1;
  for (uint32_t k = 0; size && k < axes; k++) window *= (double)size[k];
  const double all = elements(operands[0]); /* padding costs nothing */
  return window < all ? window : all;
}

/* How many rows, or for 2 axes matrices, there are. */
static double parts(const graft_type *t, int32_t axes) {
  double n = 1;
  for (int32_t i = 0; i < t->rank - axes; i++) n *= t->dims[i] > 0 ? (double)t->dims[i] : 0;
  return n;
}

/* The parts of y along which each operand either goes on or stays: one where nothing is broadcast. */
static double runs(const graft_type *const *operands, uint32_t count, const graft_type *y) {
  int32_t run = y->rank;
  for (uint32_t i = 0; i < count; i++) {
    const graft_type *t = operands[i];
    if (!t || t->rank == 0) continue;
    int goes_on = -1;
    for (int32_t axis = 0; axis < run; axis++) {
      const int64_t extent = y->dims[y->rank - 1 - axis];
      if (extent == 1) continue;
      const int goes = axis < t->rank && t->dims[t->rank - 1 - axis] == extent;
      if (goes_on >= 0 && goes != goes_on) run = axis;
      goes_on = goes;
    }
  }
  return parts(y, run);
}

/* What is begun anew for each part of a tensor, however small the part is. */
static double beginnings(graft_module *m, uint32_t op, uint32_t attrs, const graft_type *const *operands,
                         uint32_t count, const graft_type *y) {
  const gr_op_info *info = gr_op_get(op);
  const graft_type *x = count ? operands[0] : NULL;
  if (!info || !x) return 0;
  switch (op) {
  case GR_OP_layer_norm:
  case GR_OP_rms_norm: return 24 * parts(x, 1);
  case GR_OP_tril:
  case GR_OP_triu:
  case GR_OP_cat:
  case GR_OP_pad:
  case GR_OP_repeat: return 8 * parts(y, 1);
  case GR_OP_linalg_det: return 16 * parts(x, 2);
  case GR_OP_matmul: return 32 * parts(y, 2);
  case GR_OP_scaled_dot_product_attention: return 64 * parts(x, 2);
  default: break;
  }
  if (info->families & GR_F_ELEMENTWISE) return 4 * runs(operands, count, y);
  const int groups = info->families & GR_F_CONV ? gr_op_attr_slot(info, "groups", 6) : -1;
  return groups >= 0 ? 16 * (double)gr_attr_int(m, attrs, (uint32_t)groups) : 0;
}

uint64_t gr_op_work(graft_module *m, uint32_t op, uint32_t attrs, const graft_type *const *operands, uint32_t count,
                    const graft_type *results, uint32_t result_count) {
  const double dear = dearness(op), sums = products(m, op, attrs, operands, count);
  double work = 0, read = 0;
  for (uint32_t i = 0; i < count; i++)
    if (operands[i]) read += elements(operands[i]);
  for (uint32_t i = 0; i < result_count; i++) {
    const double each = i ? 1 : sums * steps_an_element(m, op, attrs, operands, count);
    work += elements(&results[i]) * (each > 1 ? each : 1);
  }
  const double begun = result_count ? beginnings(m, op, attrs, operands, count, &results[0]) : 0;
  return gr_work_of(dear * (work > read ? work : read) + begun) + 1;
}
