/* What is computed beforehand takes time and memory where a user expects none: a file of a hundred bytes may not ask
 * for minutes or gigabytes. What a graph does when it runs is its own matter. */
#include "ir/infer/einsum_int.h"
#include "runtime/chain_impl.h"

#include <inttypes.h>
#include <stdio.h>

#define MOST_ELEMENTS (INT64_C(1) << 26) /* 2^26, of a result that is larger than every operand */
#define MOST_STEPS 17179869184.0         /* 2^34 products or elements looked at: seconds */

static double elements(const graft_type *t) {
  double n = 1;
  for (int32_t i = 0; i < t->rank; i++) n *= (double)t->dims[i];
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
  const int slot = info && (info->families & GR_F_POOL) ? gr_op_attr_slot(info, "kernel_size", 11) : -1;
  if (slot < 0 || !count || !operands[0]) return 1;
  uint32_t axes;
  const int64_t *size = gr_attr_ints(m, attrs, (uint32_t)slot, &axes);
  double window = 1;
  for (uint32_t k = 0; size && k < axes; k++) window *= (double)size[k];
  const double all = elements(operands[0]); /* padding costs nothing */
  return window < all ? window : all;
}

bool gr_within_limits(graft_module *m, uint32_t op, uint32_t attrs, const graft_type *const *operands, uint32_t count,
                      const graft_type *result, char *message, size_t size) {
  const int64_t n = graft_type_elements(result);
  int64_t largest = MOST_ELEMENTS;
  for (uint32_t i = 0; i < count; i++) {
    const int64_t of = operands[i] ? graft_type_elements(operands[i]) : 0;
    if (of > largest) largest = of;
  }
  if (n > largest) {
    snprintf(message, size, "%" PRId64 " elements are not computed beforehand: more than 2^26 and than any operand has",
             n);
    return false;
  }
  const double steps = n < 0 ? 0 : elements(result) * steps_an_element(m, op, attrs, operands, count);
  if (steps <= MOST_STEPS) return true;
  snprintf(message, size, "what takes %.3g steps is not computed beforehand: more than 2^34", steps);
  return false;
}
