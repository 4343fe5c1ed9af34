/* Shape rules of quantization: q/dq, observers, their parameters. */
#include "ir/infer/infer_impl.h"

#include <float.h>

bool gr_check_range(const gr_rule *r, int constraint) {
  const int64_t min = gr_rule_int(r, 0, "quant_min"), max = gr_rule_int(r, 1, "quant_max");
  const graft_dtype dtype = (graft_dtype)gr_rule_int(r, 2, "dtype");
  int64_t low, high;
  if (!gr_dtype_range(dtype, &low, &high)) return gr_infer_fail(r, constraint, "dtype is %s", graft_dtype_name(dtype));
  if (min < low || max > high || min >= max)
    return gr_infer_fail(r, constraint, "quant_min is %jd and quant_max %jd, dtype is %s", min, max,
                         graft_dtype_name(dtype));
  return true;
}

static bool is_one_of(const char *text, const char *const *names) {
  while (*names != NULL && strcmp(text, *names) != 0) ++names;
  return *names != NULL;
}

/* Scale and zero point (operands 1 and 2) of x: types under one number, shapes under the next. `axis` NULL: per tensor.
 */
static bool check_qparams(const gr_rule *r, int types, int shapes, const int64_t *axis, int64_t groups) {
  const graft_type *x = gr_rule_operand(r, 0), *scale = gr_rule_operand(r, 1), *zero_point = gr_rule_operand(r, 2);
  if (scale->dtype != GRAFT_F32 && scale->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, types, "scale is %s", graft_dtype_name(scale->dtype));
  if (zero_point->dtype != GRAFT_I32 && zero_point->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, types, "zero_point is %s", graft_dtype_name(zero_point->dtype));
  if (axis == NULL) return gr_check_rank(r, shapes, 1, 0) && gr_check_rank(r, shapes, 2, 0);
  if (groups < 1) return gr_infer_fail(r, shapes + 1, "groups is %jd", groups);
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
  return gr_check_vector(r, shapes, 1, &n, "channels") && gr_check_vector(r, shapes, 2, &n, "channels");
}

static bool per_channel(const gr_rule *r) {
  return r->in->op == GR_OP_quantize_per_channel || r->in->op == GR_OP_dequantize_per_channel;
}

static bool check_q_operands(const gr_rule *r, int types, int shapes) {
  if (!per_channel(r)) return check_qparams(r, types, shapes, NULL, 1);
  const int64_t axis = gr_rule_int(r, 3, "axis");
  return check_qparams(r, types, shapes, &axis, gr_rule_int(r, 4, "groups"));
}

bool gr_rule_quantize(const gr_rule *r) {
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, 0)) return false;
  /* C2: quant_min is less than quant_max, both are in the range of dtype, which is i8, u8, i16 or i32. */
  if (!gr_check_range(r, 2)) return false;
  /* C3: scale is f32 and zero_point i32. */
  /* C4: per tensor both have rank 0; per channel they are vectors with groups entries for each of x along axis. */
  /* C5: axis is an axis of x; groups is at least 1, and more than one needs an axis other than 0 and divides axis 0. */
  if (!check_q_operands(r, 3, 4)) return false;
  *gr_rule_result(r) = *gr_rule_operand(r, 0);
  gr_rule_result(r)->dtype = (graft_dtype)gr_rule_int(r, 2, "dtype");
  return true;
}

bool gr_rule_dequantize(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, 0);
  const graft_dtype dtype = (graft_dtype)gr_rule_int(r, 2, "dtype");
  /* C1: x has the element type dtype. */
  if (x->dtype != dtype && x->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 1, "x is %s, dtype is %s", graft_dtype_name(x->dtype), graft_dtype_name(dtype));
  /* C2: quant_min is less than quant_max, both are in the range of dtype, which is i8, u8, i16 or i32. */
  if (!gr_check_range(r, 2)) return false;
  /* C3: scale is f32 and zero_point i32. */
  /* C4: per tensor both have rank 0; per channel they are vectors with groups entries for each of x along axis. */
  /* C5: axis is an axis of x; groups is at least 1, and more than one needs an axis other than 0 and divides axis 0. */
  if (!check_q_operands(r, 3, 4)) return false;
  *gr_rule_result(r) = *x;
  gr_rule_result(r)->dtype = GRAFT_F32;
  return true;
}

bool gr_rule_fake_quantize(const gr_rule *r) {
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, 0)) return false;
  /* C2: quant_min is less than quant_max, both are in the range of dtype, which is i8, u8, i16 or i32. */
  if (!gr_check_range(r, 2)) return false;
  /* C3: scale is f32 and zero_point i32. */
  /* C4: without axis both have rank 0; with one they are vectors with groups entries for each of x along axis. */
  /* C5: axis is an axis of x; groups is at least 1, and more than one needs an axis other than 0 and divides axis 0. */
  const int64_t axis = gr_rule_int(r, 3, "axis");
  if (!check_qparams(r, 3, 4, gr_rule_is_none(r, 3, "axis") ? NULL : &axis, gr_rule_int(r, 4, "groups"))) return false;
  *gr_rule_result(r) = *gr_rule_operand(r, 0);
  return true;
}

/* Scheme, formula and eps: slots 3 to 5 after the range. */
static bool check_scheme(const gr_rule *r, int constraint) {
  static const char *const schemes[] = {"per_tensor_affine", "per_tensor_symmetric", "per_channel_affine",
                                        "per_channel_symmetric", NULL};
  static const char *const formulas[] = {"observer", "kernel", NULL};
  const char *scheme = gr_rule_str(r, 3, "scheme"), *formula = gr_rule_str(r, 4, "formula");
  const double eps = gr_rule_float(r, 5, "eps");
  if (!is_one_of(scheme, schemes)) return gr_infer_fail(r, constraint, "scheme is %.40s", scheme);
  if (!is_one_of(formula, formulas)) return gr_infer_fail(r, constraint, "formula is %.40s", formula);
  if (!(eps > 0 && eps <= FLT_MAX)) return gr_infer_fail(r, constraint, "eps is %g", eps);
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
  if (!gr_check_float(r, 1, 0)) return false;
  /* C2: quant_min is less than quant_max, both are in the range of dtype, which is i8, u8, i16 or i32. */
  if (!gr_check_range(r, 2)) return false;
  /* C3: scheme is per_tensor_ or per_channel_affine or _symmetric, formula observer or kernel, eps positive. */
  if (!check_scheme(r, 3)) return false;
  set_qparams(r, 0, 0);
  return true;
}

bool gr_rule_observe(const gr_rule *r) {
  static const char *const observers[] = {"min_max", "moving_average_min_max", "histogram", "placeholder", NULL};
  const graft_type *x = gr_rule_operand(r, 0), *state = gr_rule_operand(r, 1);
  const char *observer = gr_rule_str(r, 0, "observer");
  const double constant = gr_rule_float(r, 1, "averaging_constant");
  const int64_t bins = gr_rule_int(r, 2, "bins"), groups = gr_rule_int(r, 4, "groups");
  graft_type *next = gr_rule_result(r);
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, 0)) return false;
  /* C2: observer is min_max, moving_average_min_max, histogram or placeholder. */
  if (!is_one_of(observer, observers)) return gr_infer_fail(r, 2, "observer is %.40s", observer);
  /* C3: averaging_constant is more than 0 and at most 1; bins is 1 to 2^20. */
  if (!(constant > 0 && constant <= 1)) return gr_infer_fail(r, 3, "averaging_constant is %g", constant);
  if (bins < 1 || bins > 1 << 20) return gr_infer_fail(r, 3, "bins is %jd", bins);
  /* C4: state is f32. */
  if (state->dtype != GRAFT_F32 && state->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 4, "state is %s", graft_dtype_name(state->dtype));
  const bool histogram = strcmp(observer, "histogram") == 0, channels = !gr_rule_is_none(r, 3, "axis");
  gr_type_set(next, GRAFT_F32, channels ? 2 : 1);
  next->dims[0] = histogram ? 2 + bins : 2;
  /* C6: axis is an axis of x, and none for a histogram; groups is at least 1, and more than one needs an axis other
   * than 0 and divides axis 0 of x. */
  if (channels && histogram) return gr_infer_fail(r, 6, "a histogram has no axis");
  if (groups < 1) return gr_infer_fail(r, 6, "groups is %jd", groups);
  if (channels) {
    next->dims[1] = state->rank == 2 ? state->dims[1] : -1;
    int32_t axis;
    if (x->rank >= 0) {
      if (!gr_check_axis(r, 6, "axis", gr_rule_int(r, 3, "axis"), x->rank, &axis)) return false;
      if (groups > 1 && axis == 0) return gr_infer_fail(r, 6, "groups is %jd along axis 0", groups);
      if (groups > 1 && x->dims[0] >= 0 && x->dims[0] % groups != 0)
        return gr_infer_fail(r, 6, "groups is %jd, x has %jd entries along axis 0", groups, x->dims[0]);
      int64_t n = x->dims[axis];
      if (n >= 0 && !gr_extent_mul(&n, groups)) return gr_infer_fail(r, 6, "groups is %jd", groups);
      if (!gr_extent_merge(&next->dims[1], n))
        return gr_infer_fail(r, 5, "state has %jd channels, x has %jd", next->dims[1], n);
    }
  }
  /* C5: state is [2]; with an axis [2, n], n being groups for each entry of x along it; of a histogram [2 + bins]. */
  if (!gr_check_rank(r, 5, 1, next->rank)) return false;
  if (state->rank > 0 && state->dims[0] >= 0 && state->dims[0] != next->dims[0])
    return gr_infer_fail(r, 5, "state has %jd rows, not %jd", state->dims[0], next->dims[0]);
  return true;
}

bool gr_rule_qparams(const gr_rule *r) {
  const graft_type *state = gr_rule_operand(r, 0);
  /* C1: state is f32. */
  if (state->dtype != GRAFT_F32 && state->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 1, "state is %s", graft_dtype_name(state->dtype));
  /* C2: quant_min is less than quant_max, both are in the range of dtype, which is i8, u8, i16 or i32. */
  if (!gr_check_range(r, 2)) return false;
  /* C3: scheme is per_tensor_ or per_channel_affine or _symmetric, formula observer or kernel, eps positive. */
  if (!check_scheme(r, 3)) return false;
  /* C4: state is [2], [2, n] or [2 + bins]. */
  if (state->rank == 0 || state->rank > 2) return gr_infer_fail(r, 4, "state has rank %d", state->rank);
  if (state->rank > 0 && state->dims[0] >= 0 && (state->rank == 1 ? state->dims[0] < 2 : state->dims[0] != 2))
    return gr_infer_fail(r, 4, "state has %jd rows", state->dims[0]);
  set_qparams(r, state->rank < 0 ? -1 : state->rank - 1, state->dims[1]);
  return true;
}
