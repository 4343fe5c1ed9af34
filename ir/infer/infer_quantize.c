/* Shape rules of quantization: q/dq, observers, their parameters. */
#include "ir/infer/infer_impl.h"

/* The range's slots are those of every op that has one, and q, dq and fake_quantize have the same operands. */
#define SAME_RANGE(op) \
  GR_SAME_ATTR(quant_min, quantize_per_tensor, op); \
  GR_SAME_ATTR(quant_max, quantize_per_tensor, op); \
  GR_SAME_ATTR(dtype, quantize_per_tensor, op)
SAME_RANGE(dequantize_per_tensor);
SAME_RANGE(quantize_per_channel);
SAME_RANGE(dequantize_per_channel);
SAME_RANGE(choose_qparams);
SAME_RANGE(qparams);
SAME_RANGE(fake_quantize);
SAME_RANGE(fake_quantize_backward);
SAME_RANGE(fake_quantize_learnable_backward);
GR_SAME_ATTR(axis, fake_quantize, fake_quantize_learnable_backward);
GR_SAME_ATTR(groups, fake_quantize, fake_quantize_learnable_backward);
GR_SAME_ATTR(use_grad_scaling, fake_quantize, fake_quantize_learnable_backward);
GR_SAME_ATTR(axis, fake_quantize, fake_quantize_backward);
GR_SAME_ATTR(groups, fake_quantize, fake_quantize_backward);
GR_SAME_ATTR(axis, quantize_per_channel, dequantize_per_channel);
GR_SAME_ATTR(groups, quantize_per_channel, dequantize_per_channel);
GR_SAME_OPERAND(zero_point, quantize_per_channel, quantize_per_tensor);
GR_SAME_OPERAND(zero_point, quantize_per_channel, dequantize_per_tensor);
GR_SAME_OPERAND(zero_point, quantize_per_channel, dequantize_per_channel);
GR_SAME_OPERAND(zero_point, quantize_per_channel, fake_quantize);

/* quant_min < quant_max, both in dtype's range. */
static bool check_range(const gr_rule *r, int constraint) {
  const int64_t min = gr_rule_int(r, GR_ATTR(quantize_per_tensor, quant_min)),
                max = gr_rule_int(r, GR_ATTR(quantize_per_tensor, quant_max));
  const graft_dtype dtype = (graft_dtype)gr_rule_int(r, GR_ATTR(quantize_per_tensor, dtype));
  int64_t low, high;
  if (!gr_dtype_range(dtype, &low, &high)) return gr_infer_fail(r, constraint, "dtype is %s", graft_dtype_name(dtype));
  if (min < low || max > high || min >= max)
    return gr_infer_fail(r, constraint, "quant_min is %jd and quant_max %jd, dtype is %s", min, max,
                         graft_dtype_name(dtype));
  return true;
}

/* Scale and zero point (the operands behind x) of x: types under one number, shapes under the next. `axis` NULL: per
 * tensor.
 */
static bool check_qparams_of(const gr_rule *r, uint32_t x_slot, int types, int shapes, const int64_t *axis,
                             int64_t groups) {
  const uint32_t scale_slot = x_slot + 1, zero_slot = x_slot + 2;
  const graft_type *x = gr_rule_operand(r, x_slot), *scale = gr_rule_operand(r, scale_slot),
                   *zero_point = gr_rule_operand(r, zero_slot);
  if (scale->dtype != GRAFT_F32 && scale->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, types, "scale is %s", graft_dtype_name(scale->dtype));
  const bool learned = zero_point->dtype == GRAFT_F32 &&
                       (r->in->op == GR_OP_fake_quantize || r->in->op == GR_OP_fake_quantize_learnable_backward);
  if (zero_point->dtype != GRAFT_I32 && zero_point->dtype != GRAFT_UNKNOWN && !learned)
    return gr_infer_fail(r, types, "zero_point is %s", graft_dtype_name(zero_point->dtype));
  if (axis == NULL) return gr_check_rank(r, shapes, scale_slot, 0) && gr_check_rank(r, shapes, zero_slot, 0);
  int64_t n = -1;
  if (x->rank >= 0) {
    int32_t d;
    if (!gr_check_axis(r, shapes + 1, "axis", *axis, x->rank, &d)) return false;
    if (groups > 1 && d == 0) return gr_infer_fail(r, shapes + 1, "groups is %jd along axis 0", groups);
    if (groups > 1 && x->dims[0] >= 0 && x->dims[0] % groups != 0)
      return gr_infer_fail(r, shapes + 1, "groups is %jd, x has %jd entries along axis 0", groups, x->dims[0]);
    n = x->dims[d];
    if (n >= 0 && !gr_extent_mul(&n, groups))
      return gr_infer_fail(r, shapes + 1, "groups is %jd, x has %jd entries along axis %d", groups, x->dims[d], d);
  }
  return gr_check_vector(r, shapes, scale_slot, &n, "channels") &&
         gr_check_vector(r, shapes, zero_slot, &n, "channels");
}

static bool check_qparams(const gr_rule *r, int types, int shapes, const int64_t *axis, int64_t groups) {
  return check_qparams_of(r, GR_OPERAND(quantize_per_channel, x), types, shapes, axis, groups);
}

static bool per_channel(const gr_rule *r) {
  return r->in->op == GR_OP_quantize_per_channel || r->in->op == GR_OP_dequantize_per_channel;
}

static bool check_q_operands(const gr_rule *r, int types, int shapes) {
  if (!per_channel(r)) return check_qparams(r, types, shapes, NULL, 1);
  const int64_t axis = gr_rule_int(r, GR_ATTR(quantize_per_channel, axis));
  return check_qparams(r, types, shapes, &axis, gr_rule_int(r, GR_ATTR(quantize_per_channel, groups)));
}

bool gr_rule_quantize(const gr_rule *r) {
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(quantize_per_channel, x))) return false;
  /* C2: quant_min is less than quant_max, both are in the range of dtype, which is i8, u8, i16 or i32. */
  if (!check_range(r, 2)) return false;
  /* C3: scale is f32 and zero_point i32. */
  /* C4: per tensor both have rank 0; per channel they are vectors with groups entries for each of x along axis. */
  /* C5: axis is an axis of x; groups of more than one need an axis other than 0 and divide axis 0. */
  if (!check_q_operands(r, 3, 4)) return false;
  *gr_rule_result(r) = *gr_rule_operand(r, GR_OPERAND(quantize_per_channel, x));
  gr_rule_result(r)->dtype = (graft_dtype)gr_rule_int(r, GR_ATTR(quantize_per_channel, dtype));
  return true;
}

bool gr_rule_dequantize(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(dequantize_per_channel, x));
  const graft_dtype dtype = (graft_dtype)gr_rule_int(r, GR_ATTR(quantize_per_channel, dtype));
  /* C1: x has the element type dtype. */
  if (x->dtype != dtype && x->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 1, "x is %s, dtype is %s", graft_dtype_name(x->dtype), graft_dtype_name(dtype));
  /* C2: quant_min is less than quant_max, both are in the range of dtype, which is i8, u8, i16 or i32. */
  if (!check_range(r, 2)) return false;
  /* C3: scale is f32 and zero_point i32. */
  /* C4: per tensor both have rank 0; per channel they are vectors with groups entries for each of x along axis. */
  /* C5: axis is an axis of x; groups of more than one need an axis other than 0 and divide axis 0. */
  if (!check_q_operands(r, 3, 4)) return false;
  *gr_rule_result(r) = *x;
  gr_rule_result(r)->dtype = GRAFT_F32;
  return true;
}

/* What gradients are scaled by is the root of a product with quant_max. */
static bool check_grad_scaling(const gr_rule *r, int constraint) {
  const int64_t max = gr_rule_int(r, GR_ATTR(fake_quantize, quant_max));
  if (!gr_rule_int(r, GR_ATTR(fake_quantize, use_grad_scaling)) || max > 0) return true;
  return gr_infer_fail(r, constraint, "use_grad_scaling needs a quant_max above 0, it is %jd", max);
}

bool gr_rule_fake_quantize(const gr_rule *r) {
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(fake_quantize, x))) return false;
  /* C2: quant_min is less than quant_max, both are in the range of dtype, which is i8, u8, i16 or i32. */
  if (!check_range(r, 2)) return false;
  /* C3: scale is f32 and zero_point i32, or f32 where it is learned. */
  /* C4: without axis both have rank 0; with one they are vectors with groups entries for each of x along axis. */
  /* C5: axis is an axis of x; groups of more than one need an axis other than 0 and divide axis 0. */
  const int64_t axis = gr_rule_int(r, GR_ATTR(fake_quantize, axis));
  if (!check_qparams(r, 3, 4, gr_rule_is_none(r, GR_ATTR(fake_quantize, axis)) ? NULL : &axis,
                     gr_rule_int(r, GR_ATTR(fake_quantize, groups))))
    return false;
  /* C6: with use_grad_scaling quant_max is above 0. */
  if (!check_grad_scaling(r, 6)) return false;
  *gr_rule_result(r) = *gr_rule_operand(r, GR_OPERAND(fake_quantize, x));
  return true;
}

bool gr_rule_fake_quantize_backward(const gr_rule *r) {
  enum { DY = GR_OPERAND(fake_quantize_backward, dy), X_ = GR_OPERAND(fake_quantize_backward, x) };
  const graft_type *x = gr_rule_operand(r, X_);
  /* C1: dy and x have the same float type and shape. */
  if (!gr_check_float(r, 1, X_) || !gr_check_same_dtype(r, 1, DY, X_)) return false;
  if (!gr_type_compatible(gr_rule_operand(r, DY), x)) return gr_infer_fail(r, 1, "dy has another shape than x");
  /* C2: quant_min is less than quant_max, both are in the range of dtype, which is i8, u8, i16 or i32. */
  if (!check_range(r, 2)) return false;
  /* C3: scale is f32 and zero_point i32; where it is learned it may be f32. */
  /* C4: without axis both have rank 0; with one they are vectors with groups entries for each of x along axis. */
  /* C5: axis is an axis of x; groups of more than one need an axis other than 0 and divide axis 0. */
  const int64_t axis = gr_rule_int(r, GR_ATTR(fake_quantize, axis));
  if (!check_qparams_of(r, X_, 3, 4, gr_rule_is_none(r, GR_ATTR(fake_quantize, axis)) ? NULL : &axis,
                        gr_rule_int(r, GR_ATTR(fake_quantize, groups))))
    return false;
  /* C6: with use_grad_scaling, of the learnable one, quant_max is above 0. */
  if (r->in->op == GR_OP_fake_quantize_learnable_backward && !check_grad_scaling(r, 6)) return false;
  *gr_rule_result(r) = *x;
  for (uint32_t i = 1; i < r->in->result_count; ++i) {
    r->in->results[i] = *gr_rule_operand(r, GR_OPERAND(fake_quantize_learnable_backward, scale));
    r->in->results[i].dtype = GRAFT_F32;
  }
  return true;
}

static void set_qparams(const gr_rule *r, int32_t rank, int64_t n) {
  for (uint32_t i = 0; i < r->in->result_count; ++i) {
    gr_type_set(&r->in->results[i], i == 0 ? GRAFT_F32 : GRAFT_I32, rank);
    if (rank == 1) r->in->results[i].dims[0] = n;
  }
}

bool gr_rule_choose_qparams(const gr_rule *r) {
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(choose_qparams, x))) return false;
  /* C2: quant_min is less than quant_max, both are in the range of dtype, which is i8, u8, i16 or i32. */
  if (!check_range(r, 2)) return false;
  set_qparams(r, 0, 0);
  return true;
}

bool gr_rule_observe(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(observe, x)),
                   *state = gr_rule_operand(r, GR_OPERAND(observe, state));
  const int64_t bins = gr_rule_int(r, GR_ATTR(observe, bins)), groups = gr_rule_int(r, GR_ATTR(observe, groups));
  graft_type *next = gr_rule_result(r);
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(observe, x))) return false;
  /* C2: state is f32. */
  if (state->dtype != GRAFT_F32 && state->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 2, "state is %s", graft_dtype_name(state->dtype));
  const bool histogram = gr_rule_int(r, GR_ATTR(observe, observer)) == GR_observer_histogram,
             channels = !gr_rule_is_none(r, GR_ATTR(observe, axis));
  gr_type_set(next, GRAFT_F32, channels ? 2 : 1);
  next->dims[0] = histogram ? 2 + bins : 2;
  /* C4: axis is an axis of x, and none for a histogram; groups of more than one need an axis other
   * than 0 and divide axis 0 of x. */
  if (channels && histogram) return gr_infer_fail(r, 4, "a histogram has no axis");
  if (channels) {
    next->dims[1] = state->rank == 2 ? state->dims[1] : -1;
    int32_t axis;
    if (x->rank >= 0) {
      if (!gr_check_axis(r, 4, "axis", gr_rule_int(r, GR_ATTR(observe, axis)), x->rank, &axis)) return false;
      if (groups > 1 && axis == 0) return gr_infer_fail(r, 4, "groups is %jd along axis 0", groups);
      if (groups > 1 && x->dims[0] >= 0 && x->dims[0] % groups != 0)
        return gr_infer_fail(r, 4, "groups is %jd, x has %jd entries along axis 0", groups, x->dims[0]);
      int64_t n = x->dims[axis];
      if (n >= 0 && !gr_extent_mul(&n, groups)) return gr_infer_fail(r, 4, "groups is %jd", groups);
      if (!gr_extent_merge(&next->dims[1], n))
        return gr_infer_fail(r, 3, "state has %jd channels, x has %jd", next->dims[1], n);
    }
  }
  /* C3: state is [2]; with an axis [2, n], n being groups for each entry of x along it; of a histogram [2 + bins]. */
  if (!gr_check_rank(r, 3, GR_OPERAND(observe, state), next->rank)) return false;
  if (state->rank > 0 && state->dims[0] >= 0 && state->dims[0] != next->dims[0])
    return gr_infer_fail(r, 3, "state has %jd rows, not %jd", state->dims[0], next->dims[0]);
  return true;
}

bool gr_rule_qparams(const gr_rule *r) {
  const graft_type *state = gr_rule_operand(r, GR_OPERAND(qparams, state));
  /* C1: state is f32. */
  if (state->dtype != GRAFT_F32 && state->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 1, "state is %s", graft_dtype_name(state->dtype));
  /* C2: quant_min is less than quant_max, both are in the range of dtype, which is i8, u8, i16 or i32. */
  if (!check_range(r, 2)) return false;
  /* C3: state is [2], [2, n] or [2 + bins]. */
  if (state->rank == 0 || state->rank > 2) return gr_infer_fail(r, 3, "state has rank %d", state->rank);
  if (state->rank > 0 && state->dims[0] >= 0 && (state->rank == 1 ? state->dims[0] < 2 : state->dims[0] != 2))
    return gr_infer_fail(r, 3, "state has %jd rows", state->dims[0]);
  set_qparams(r, state->rank < 0 ? -1 : state->rank - 1, state->dims[1]);
  return true;
}
