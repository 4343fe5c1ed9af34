/* Shape rules of the ops that compute in integers. They have the shapes of the float op that they compute, so its rule
 * is asked, of floats. */
#include "ir/infer/infer_impl.h"

#include <string.h>

/* One set of slots serves the forms of a layer, and their first attributes are the float layer's. */
#define FORM(form, of, relu) \
  GR_SAME_OPERAND(bias, quantized_##form, of); \
  GR_SAME_OPERAND(weight_scale, quantized_##form, quantized_conv2d); \
  GR_SAME_OPERAND(y_zero_point, quantized_##form, quantized_conv2d); \
  _Static_assert(GR_ATTR(quantized_##form, quant_min) == sizeof(struct gr_attr_slots_##of) - 1, #of "'s come first");
GR_INTEGER_LAYERS(FORM)
#undef FORM
#define FORM(form, of, relu) \
  _Static_assert(GR_ATTR(quantized_##form, quant_min) == sizeof(struct gr_attr_slots_##of) - 1, #of "'s come first");
GR_INTEGER_PAIRS(FORM)
GR_INTEGER_MEANS(FORM)
FORM(cat, cat, 0)
#undef FORM

uint32_t gr_integer_of(uint32_t op) {
#define FORM(form, of, relu) \
  case GR_OP_quantized_##form: return GR_OP_##of;
  switch (op) {
    GR_INTEGER_LAYERS(FORM)
    GR_INTEGER_PAIRS(FORM)
    GR_INTEGER_MEANS(FORM)
    FORM(cat, cat, 0)
  default: return GRAFT_NONE;
  }
#undef FORM
}

bool gr_integer_relu(uint32_t op) {
#define FORM(form, of, relu) \
  case GR_OP_quantized_##form: return relu;
  switch (op) {
    GR_INTEGER_LAYERS(FORM)
    GR_INTEGER_PAIRS(FORM)
  default: return false;
  }
#undef FORM
}

static bool is_activation(graft_dtype d) {
  return d == GRAFT_U8 || d == GRAFT_I8 || d == GRAFT_I16 || d == GRAFT_UNKNOWN;
}

static bool check_dtype(const gr_rule *r, int constraint, uint32_t slot) {
  const graft_type *t = gr_rule_operand(r, slot);
  const uint32_t of = gr_integer_of(r->in->op), bias = GR_OPERAND(quantized_conv2d, bias);
  const bool layer = gr_op_get(of)->weight_axis >= 0;
  if (t == NULL || t->dtype == GRAFT_UNKNOWN) return true;
  const char *wanted = "u8, i8 or i16";
  bool good = is_activation(t->dtype);
  if (layer && slot == GR_OPERAND(quantized_conv2d, weight)) {
    wanted = "i8";
    good = t->dtype == GRAFT_I8;
  } else if (layer && slot == bias) {
    wanted = "i32 or f32";
    good = t->dtype == GRAFT_I32 || t->dtype == GRAFT_F32;
  }
  return good || gr_infer_fail(r, constraint, "%s is %s, not %s", gr_rule_operand_name(r, slot),
                               graft_dtype_name(t->dtype), wanted);
}

/* Scales are f32, zero points i32: the names' endings say which is which. */
static bool check_qparam_dtype(const gr_rule *r, int constraint, uint32_t slot) {
  const graft_dtype d = gr_rule_operand(r, slot)->dtype;
  const graft_dtype wanted = strstr(gr_rule_operand_name(r, slot), "scale") ? GRAFT_F32 : GRAFT_I32;
  return d == wanted || d == GRAFT_UNKNOWN ||
         gr_infer_fail(r, constraint, "%s is %s, not %s", gr_rule_operand_name(r, slot), graft_dtype_name(d),
                       graft_dtype_name(wanted));
}

/* The result's range, whose attributes follow the float op's. */
static bool check_range(const gr_rule *r, int constraint, graft_dtype *dtype) {
  const uint32_t slot = gr_op_get(gr_integer_of(r->in->op))->attr_count;
  const int64_t min = gr_rule_int(r, slot), max = gr_rule_int(r, slot + 1);
  int64_t low, high;
  *dtype = (graft_dtype)gr_rule_int(r, slot + 2);
  if (!is_activation(*dtype) || !gr_dtype_range(*dtype, &low, &high))
    return gr_infer_fail(r, constraint, "dtype is %s, not u8, i8 or i16", graft_dtype_name(*dtype));
  if (min < low || max > high || min > max)
    return gr_infer_fail(r, constraint, "quant_min is %jd and quant_max %jd, dtype is %s", min, max,
                         graft_dtype_name(*dtype));
  return true;
}

/* The rule of the float op, of the operands that stand before the scales. */
static bool float_shapes(const gr_rule *r, int constraint) {
  graft_type types[GR_MAX_OPERANDS];
  const graft_type *operands[GR_MAX_OPERANDS];
  char error[GR_INFER_ERROR_SIZE] = "";
  gr_infer in = *r->in;
  in.op = gr_integer_of(r->in->op);
  in.operand_count = gr_op_get(in.op)->operand_count;
  for (uint32_t i = 0; i < in.operand_count; ++i) {
    const graft_type *t = gr_rule_operand(r, i);
    operands[i] = NULL;
    if (t == NULL) continue;
    types[i] = *t;
    types[i].dtype = GRAFT_F32;
    operands[i] = &types[i];
  }
  in.operands = operands;
  in.error = error;
  return gr_infer_types(&in) || gr_infer_fail(r, constraint, "%s", error);
}

/* A weight's scales and zero points. */
static bool check_weight_qparams(const gr_rule *r, int constraint) {
  enum { SCALE = GR_OPERAND(quantized_conv2d, weight_scale), ZERO_POINT };
  const graft_type *y = gr_rule_result(r), *scale = gr_rule_operand(r, SCALE), *zero = gr_rule_operand(r, ZERO_POINT);
  const int32_t axis = gr_integer_of(r->in->op) == GR_OP_linear ? y->rank - 1 : 1;
  int64_t channels = axis >= 0 && y->rank > axis ? y->dims[axis] : -1;
  if (scale->rank >= 0 && zero->rank >= 0 && scale->rank != zero->rank)
    return gr_infer_fail(r, constraint, "weight_scale has rank %d, weight_zero_point %d", scale->rank, zero->rank);
  return (scale->rank == 0 || gr_check_vector(r, constraint, SCALE, &channels, "output channels")) &&
         (zero->rank == 0 || gr_check_vector(r, constraint, ZERO_POINT, &channels, "output channels"));
}

/* What a layer's sums are added to has the shape of what they become. */
static bool check_other(const gr_rule *r, int constraint, uint32_t slot) {
  const graft_type *other = gr_rule_operand(r, slot);
  graft_type *y = gr_rule_result(r);
  if (other == NULL || other->rank < 0) return true;
  if (y->rank < 0) *y = *other;
  if (!gr_check_rank(r, constraint, slot, y->rank)) return false;
  for (int32_t i = 0; i < y->rank; ++i)
    if (!gr_extent_merge(&y->dims[i], other->dims[i]))
      return gr_infer_fail(r, constraint, "other has %jd entries along axis %d, the result %jd", other->dims[i], i,
                           y->dims[i]);
  return true;
}

bool gr_rule_quantized(const gr_rule *r) {
  const uint32_t of = gr_integer_of(r->in->op);
  const bool layer = gr_op_get(of)->weight_axis >= 0;
  graft_dtype dtype = GRAFT_UNKNOWN;
  /* C1: data is u8, i8 or i16, a weight i8, a bias i32 or f32. */
  /* C2: scales are f32 and zero points i32. */
  for (uint32_t i = 0; i < r->in->operand_count; ++i)
    if (r->op->operands[i].role == GR_QPARAM ? !check_qparam_dtype(r, 2, i) : !check_dtype(r, 1, i)) return false;
  /* C3: the shapes are those that the float op of this name wants. */
  if (!float_shapes(r, 3)) return false;
  /* C4: scales and zero points have rank 0, or those of a weight both are vectors of the output channels. */
  for (uint32_t i = 0; i < r->in->operand_count; ++i) {
    const bool weight = layer && (i == GR_OPERAND(quantized_conv2d, weight_scale) ||
                                  i == GR_OPERAND(quantized_conv2d, weight_zero_point));
    if (r->op->operands[i].role == GR_QPARAM && !weight && !gr_check_rank(r, 4, i, 0)) return false;
  }
  if (layer && !check_weight_qparams(r, 4)) return false;
  /* C5: quant_min is at most quant_max, both are in the range of dtype, which is u8, i8 or i16. */
  if (!check_range(r, 5, &dtype)) return false;
  /* C6: what is added to a layer's sums has the result's shape. */
  if (layer && !check_other(r, 6, GR_OPERAND(quantized_conv2d_add, other))) return false;
  gr_rule_result(r)->dtype = dtype;
  return true;
}

bool gr_rule_quantized_cat(const gr_rule *r) {
  enum { FIRST = GR_OPERAND(quantized_cat, tensors) };
  graft_dtype dtype = GRAFT_UNKNOWN;
  char error[GR_INFER_ERROR_SIZE] = "";
  int64_t count = (int64_t)r->in->operand_count - FIRST;
  gr_infer in = *r->in;
  /* C1: the tensors are u8, i8 or i16. */
  for (uint32_t i = FIRST; i < r->in->operand_count; ++i)
    if (!is_activation(gr_rule_operand(r, i)->dtype))
      return gr_infer_fail(r, 1, "operand %u is %s, not u8, i8 or i16", i,
                           graft_dtype_name(gr_rule_operand(r, i)->dtype));
  /* C2: scales are f32 and zero points i32. */
  for (uint32_t i = 0; i < FIRST; ++i)
    if (!check_qparam_dtype(r, 2, i)) return false;
  /* C3: the tensors have the shapes and the one type that cat wants. */
  in.op = GR_OP_cat;
  in.operands += FIRST;
  in.operand_count -= FIRST;
  in.constant = NULL;
  in.error = error;
  if (!gr_infer_types(&in)) return gr_infer_fail(r, 3, "%s", error);
  /* C4: scales and zero_points are vectors of the tensors, the result's have rank 0. */
  if (!gr_check_vector(r, 4, GR_OPERAND(quantized_cat, scales), &count, "tensors") ||
      !gr_check_vector(r, 4, GR_OPERAND(quantized_cat, zero_points), &count, "tensors") ||
      !gr_check_rank(r, 4, GR_OPERAND(quantized_cat, y_scale), 0) ||
      !gr_check_rank(r, 4, GR_OPERAND(quantized_cat, y_zero_point), 0))
    return false;
  /* C5: quant_min is at most quant_max, both are in the range of dtype, which is u8, i8 or i16. */
  if (!check_range(r, 5, &dtype)) return false;
  gr_rule_result(r)->dtype = dtype;
  return true;
}
