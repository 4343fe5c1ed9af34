/* Shape rules of Fourier transforms and what goes with them, and of determinants. */
#include "ir/infer/infer_impl.h"

bool gr_rule_dft(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(dft, x)), *length = gr_rule_operand(r, GR_OPERAND(dft, length));
  graft_type *y = gr_rule_result(r);
  const bool onesided = gr_rule_int(r, GR_ATTR(dft, onesided)) != 0,
             inverse = gr_rule_int(r, GR_ATTR(dft, inverse)) != 0;
  uint32_t count = 0;
  int32_t axis;
  /* C1: x has floats, and 1 (real) or 2 (real, imaginary) of them along its last axis. */
  if (!gr_check_float(r, 1, GR_OPERAND(dft, x))) return false;
  *y = *x;
  /* C2: length is one i64, from 1 to 2^48. */
  if (length != NULL && ((length->dtype != GRAFT_I64 && length->dtype != GRAFT_UNKNOWN) ||
                         (graft_type_elements(length) >= 0 && graft_type_elements(length) != 1)))
    return gr_infer_fail(r, 2, "length is %s of rank %d", graft_dtype_name(length->dtype), length->rank);
  const int64_t *known = gr_rule_elements(r, GR_OPERAND(dft, length), &count);
  const bool told = known != NULL && count == 1 && *known != GR_UNKNOWN_INT;
  if (told && (*known < 1 || *known > GR_MAX_ELEMENTS)) return gr_infer_fail(r, 2, "length is %jd", *known);
  if (x->rank < 0) return true;
  if (x->rank < 2 || x->dims[x->rank - 1] == 0 || x->dims[x->rank - 1] > 2)
    return gr_infer_fail(r, 1, "x has rank %d and %jd entries along its last axis", x->rank,
                         x->rank > 0 ? x->dims[x->rank - 1] : 0);
  /* C3: dim is another axis of x, with entries. */
  if (!gr_check_axis(r, 3, "dim", gr_rule_int(r, GR_ATTR(dft, dim)), x->rank, &axis)) return false;
  if (axis == x->rank - 1 || x->dims[axis] == 0)
    return gr_infer_fail(r, 3, "dim is axis %d of rank %d, of %jd", axis, x->rank, x->dims[axis]);
  /* C4: onesided is of real numbers; its inverse is of complex ones, and of more than one if length is not given. */
  const int64_t parts = x->dims[x->rank - 1];
  if (onesided && (parts == (inverse ? 1 : 2) || (inverse && length == NULL && x->dims[axis] == 1)))
    return gr_infer_fail(r, 4, "x has %jd entries along axis %d, of %jd numbers", x->dims[axis], axis, parts);
  int64_t *n = &y->dims[axis];
  if (length != NULL) *n = told ? *known : -1;
  if (onesided && !inverse && *n >= 0) *n = *n / 2 + 1;
  if (onesided && inverse && length == NULL && *n >= 0) *n = 2 * (*n - 1);
  y->dims[x->rank - 1] = onesided && inverse ? 1 : 2;
  return true;
}

bool gr_rule_stft(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(stft, x));
  graft_type *y = gr_rule_result(r);
  const int64_t n = gr_rule_int(r, GR_ATTR(stft, n_fft)), hop = gr_rule_int(r, GR_ATTR(stft, hop_length));
  const bool onesided = gr_rule_int(r, GR_ATTR(stft, onesided)) != 0;
  int64_t entries = n;
  /* C1: x is [n, samples, 1 or 2] and has floats. */
  if (!gr_check_rank(r, 1, GR_OPERAND(stft, x), 3) || !gr_check_float(r, 1, GR_OPERAND(stft, x))) return false;
  if (x->rank == 3 && (x->dims[2] == 0 || x->dims[2] > 2))
    return gr_infer_fail(r, 1, "a sample has %jd numbers", x->dims[2]);
  /* C2: window is a vector of n_fft entries of x's type. */
  if (!gr_check_vector(r, 2, GR_OPERAND(stft, window), &entries, "in a frame") ||
      !gr_check_same_dtype(r, 2, GR_OPERAND(stft, window), GR_OPERAND(stft, x)))
    return false;
  gr_type_set(y, x->dtype, 4);
  y->dims[0] = x->rank < 0 ? -1 : x->dims[0];
  y->dims[1] = -1;
  y->dims[2] = onesided ? n / 2 + 1 : n;
  y->dims[3] = 2;
  if (x->rank < 0) return true;
  /* C3: there are n_fft samples at least, and onesided is of real numbers. */
  if (x->dims[1] >= 0 && x->dims[1] < n) return gr_infer_fail(r, 3, "%jd samples, n_fft is %jd", x->dims[1], n);
  if (onesided && x->dims[2] == 2) return gr_infer_fail(r, 3, "x is complex");
  if (x->dims[1] >= 0) y->dims[1] = (x->dims[1] - n) / hop + 1;
  return true;
}

bool gr_rule_mel_weight_matrix(const gr_rule *r) {
  graft_type *y = gr_rule_result(r);
  /* C1: all operands are one number each; the first three are integers, the others floats. */
  for (uint32_t i = 0; i < r->in->operand_count; ++i) {
    const graft_type *t = gr_rule_operand(r, i);
    const bool edge = i >= GR_OPERAND(mel_weight_matrix, lower_edge_hertz);
    const bool fits = edge ? gr_dtype_is_float(t->dtype)
                           : t->dtype == GRAFT_I64 || t->dtype == GRAFT_I32 || t->dtype == GRAFT_UNKNOWN;
    if (!fits || (graft_type_elements(t) >= 0 && graft_type_elements(t) != 1))
      return gr_infer_fail(r, 1, "%s is %s of rank %d", gr_rule_operand_name(r, i), graft_dtype_name(t->dtype),
                           t->rank);
  }
  /* C2: dtype is a float's. */
  gr_type_set(y, (graft_dtype)gr_rule_int(r, GR_ATTR(mel_weight_matrix, dtype)), 2);
  if (!gr_is_float(y->dtype)) return gr_infer_fail(r, 2, "dtype is %s", graft_dtype_name(y->dtype));
  y->dims[0] = y->dims[1] = -1; /* known when it runs, where they are not i64 */
  for (uint32_t i = 0; i < 2; ++i) {
    uint32_t count = 0;
    const int64_t *known = gr_rule_elements(r, i, &count);
    if (known == NULL || count != 1 || *known == GR_UNKNOWN_INT) continue;
    /* C3: neither the bands nor the transform are fewer than 0. */
    if (*known < 0) return gr_infer_fail(r, 3, "%s is %jd", gr_rule_operand_name(r, i), *known);
    const bool bands = i == GR_OPERAND(mel_weight_matrix, num_mel_bins);
    y->dims[bands ? 1 : 0] = bands ? *known : *known / 2 + 1;
  }
  return true;
}

bool gr_rule_linalg_det(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(linalg_det, x));
  graft_type *y = gr_rule_result(r);
  /* C1: x has floats. */
  if (!gr_check_float(r, 1, GR_OPERAND(linalg_det, x))) return false;
  gr_type_set(y, x->dtype, -1);
  if (x->rank < 0) return true;
  /* C2: the last two axes of x are as long as each other. */
  if (x->rank < 2) return gr_infer_fail(r, 2, "x has rank %d", x->rank);
  const int64_t rows = x->dims[x->rank - 2], columns = x->dims[x->rank - 1];
  if (rows >= 0 && columns >= 0 && rows != columns) return gr_infer_fail(r, 2, "x is %jd by %jd", rows, columns);
  gr_type_set(y, x->dtype, x->rank - 2);
  for (int32_t i = 0; i < y->rank; ++i) y->dims[i] = x->dims[i];
  return true;
}
