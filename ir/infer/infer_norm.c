/* Shape rules of normalization and of ops that work element by element. */
#include "ir/infer/infer_impl.h"

bool gr_rule_batch_norm(const gr_rule *r) {
  enum { X, WEIGHT, BIAS, MEAN, VAR, COUNT };
  enum { NEXT_COUNT = GR_RESULT(batch_norm, count), USED_MEAN = GR_RESULT(batch_norm, batch_mean) };
  const graft_type *x = gr_rule_operand(r, X), *tracked = gr_rule_operand(r, COUNT);
  const bool training = gr_rule_int(r, GR_ATTR(batch_norm, training)) != 0;
  const uint32_t results = r->in->result_count;
  /* C1: x is [batch, channels, ...]. */
  if (x->rank == 0 || x->rank == 1) return gr_infer_fail(r, 1, "x has rank %d", x->rank);
  /* C2: x, weight, bias, running_mean and running_var have the same float type; those of an f16 or bf16 may be f32. */
  if (!gr_check_float(r, 2, X)) return false;
  for (uint32_t i = WEIGHT; i <= VAR; ++i) {
    const graft_type *t = gr_rule_operand(r, i);
    if (t != NULL && gr_is_half(x->dtype) && t->dtype == GRAFT_F32) continue;
    if (!gr_check_float(r, 2, i) || !gr_check_same_dtype(r, 2, i, X)) return false;
  }
  /* C3: weight, bias, running_mean and running_var are vectors of the channels. */
  int64_t channels = x->rank < 0 ? -1 : x->dims[1];
  for (uint32_t i = WEIGHT; i <= VAR; ++i)
    if (!gr_check_vector(r, 3, i, &channels, "channels")) return false;
  /* C4: num_batches_tracked is a rank-0 i64. */
  if (!gr_check_rank(r, 4, COUNT, 0)) return false;
  if (tracked != NULL && tracked->dtype != GRAFT_I64 && tracked->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 4, "num_batches_tracked is %s", graft_dtype_name(tracked->dtype));
  /* C5: running_mean and running_var are both given or both absent, and given where training is false. */
  const bool stats = gr_rule_operand(r, MEAN) != NULL;
  if (stats != (gr_rule_operand(r, VAR) != NULL))
    return gr_infer_fail(r, 5, "running_%s is missing", stats ? "var" : "mean");
  if (!stats && !training) return gr_infer_fail(r, 5, "running_mean is missing and training is false");
  /* C6: the results mean, var and count need the operands that they are the next value of, but where they only stand
   * before batch_mean: there they have no value. */
  if (results > 1 && results <= USED_MEAN && !stats) return gr_infer_fail(r, 6, "result mean needs running_mean");
  if (results == USED_MEAN && tracked == NULL) return gr_infer_fail(r, 6, "result count needs num_batches_tracked");
  /* C7: in training a channel has more than one value. */
  if (training && x->rank > 0) {
    bool more = false;
    for (int32_t i = 0; i < x->rank; ++i) more = more || (i != 1 && x->dims[i] != 1);
    if (!more)
      return gr_infer_fail(r, 7,
                           "x has one value per channel, of which there is no variance: it takes a larger batch, or "
                           "its running statistics (freeze-bn)");
  }

  graft_type *y = gr_rule_result(r);
  *y = *x;
  if (x->rank > 1) y->dims[1] = channels;
  for (uint32_t i = 1; i < results; ++i) {
    /* the next value of the operand two slots behind it, or what was used in that one's place */
    const graft_type *old = gr_rule_operand(r, i < USED_MEAN ? i + 2 : i - 1);
    const graft_dtype dtype = old == NULL || old->dtype == GRAFT_UNKNOWN ? x->dtype : old->dtype;
    gr_type_set(&r->in->results[i], i == NEXT_COUNT ? GRAFT_I64 : dtype, i == NEXT_COUNT ? 0 : 1);
    if (i != NEXT_COUNT) r->in->results[i].dims[0] = channels;
  }
  return true;
}

/* Does the operand broadcast to the shape of x, which stays as it is? */
static bool check_within(const gr_rule *r, int constraint, uint32_t slot, const graft_type *x) {
  const graft_type *t = gr_rule_operand(r, slot);
  if (x->rank < 0 || t->rank < 0) return true;
  if (t->rank > x->rank)
    return gr_infer_fail(r, constraint, "%s has rank %d, x has %d", gr_rule_operand_name(r, slot), t->rank, x->rank);
  for (int32_t d = 1; d <= t->rank; ++d) {
    const int64_t n = t->dims[t->rank - d], m = x->dims[x->rank - d];
    if (n >= 0 && n != 1 && m >= 0 && n != m)
      return gr_infer_fail(r, constraint, "%s has %jd entries along axis %d, x has %jd", gr_rule_operand_name(r, slot),
                           n, -d, m);
  }
  return true;
}

bool gr_rule_same(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(relu, x));
  for (uint32_t i = 1; i < r->in->operand_count; ++i) {
    const graft_type *bound = gr_rule_operand(r, i);
    if (bound == NULL) continue;
    /* C1: further operands have the element type of x. */
    if (!gr_check_same_dtype(r, 1, i, GR_OPERAND(relu, x))) return false;
    /* C2: further operands broadcast to the shape of x. */
    if (!check_within(r, 2, i, x)) return false;
  }
  *gr_rule_result(r) = *x;
  return true;
}

bool gr_rule_same_float(const gr_rule *r) {
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(sigmoid, x))) return false;
  *gr_rule_result(r) = *gr_rule_operand(r, GR_OPERAND(sigmoid, x));
  return true;
}

bool gr_rule_to_float(const gr_rule *r) {
  *gr_rule_result(r) = *gr_rule_operand(r, GR_OPERAND(exp, x));
  if (!gr_dtype_is_float(gr_rule_result(r)->dtype)) gr_rule_result(r)->dtype = GRAFT_F32;
  return true;
}

bool gr_rule_numeric(const gr_rule *r) {
  /* C1: x is not bool. */
  if (gr_rule_operand(r, GR_OPERAND(neg, x))->dtype == GRAFT_BOOL) return gr_infer_fail(r, 1, "x is bool");
  *gr_rule_result(r) = *gr_rule_operand(r, GR_OPERAND(neg, x));
  return true;
}

/* Two operands of one element type, broadcast, into the result; the constraints' numbers. */
static bool broadcast(const gr_rule *r, int dtypes, int shapes, uint32_t first, uint32_t second) {
  const graft_type *x = gr_rule_operand(r, first), *other = gr_rule_operand(r, second);
  graft_type *y = gr_rule_result(r);
  if (!gr_check_same_dtype(r, dtypes, second, first)) return false;
  int32_t axis;
  y->dtype = x->dtype != GRAFT_UNKNOWN ? x->dtype : other->dtype;
  if (!gr_type_broadcast(x, other, y, &axis))
    return gr_infer_fail(r, shapes, "%s has %jd entries along axis %d, %s has %jd", gr_rule_operand_name(r, first),
                         x->dims[x->rank + axis], axis, gr_rule_operand_name(r, second),
                         other->dims[other->rank + axis]);
  if (y->rank < 0) gr_type_set(y, y->dtype, -1);
  return true;
}

bool gr_rule_broadcast(const gr_rule *r) {
  /* C1: both operands have the same element type. */
  /* C2: the shapes broadcast: from the back, extents are equal or one of them is 1. */
  return broadcast(r, 1, 2, GR_OPERAND(add, x), GR_OPERAND(add, other));
}

bool gr_rule_pow(const gr_rule *r) {
  /* C1: x and exponent have the same element type, which is not bool. */
  /* C2: the shapes broadcast: from the back, extents are equal or one of them is 1. */
  if (!broadcast(r, 1, 2, GR_OPERAND(pow, x), GR_OPERAND(pow, exponent))) return false;
  return gr_rule_result(r)->dtype != GRAFT_BOOL || gr_infer_fail(r, 1, "x is bool");
}

bool gr_rule_compare(const gr_rule *r) {
  /* C1: both operands have the same element type. */
  /* C2: the shapes broadcast: from the back, extents are equal or one of them is 1. */
  if (!broadcast(r, 1, 2, GR_OPERAND(eq, x), GR_OPERAND(eq, other))) return false;
  gr_rule_result(r)->dtype = GRAFT_BOOL;
  return true;
}

bool gr_rule_number_pair(const gr_rule *r) {
  /* C1: both operands have the same element type, which is not bool. */
  /* C2: the shapes broadcast: from the back, extents are equal or one of them is 1. */
  if (!broadcast(r, 1, 2, GR_OPERAND(maximum, x), GR_OPERAND(maximum, other))) return false;
  return gr_rule_result(r)->dtype != GRAFT_BOOL || gr_infer_fail(r, 1, "x is bool");
}

/* One operand or two. */
static bool all_of(const gr_rule *r, const char *what, bool (*is)(graft_dtype)) {
  for (uint32_t i = 0; i < r->in->operand_count; ++i) {
    const graft_dtype d = gr_rule_operand(r, i)->dtype;
    if (d != GRAFT_UNKNOWN && !is(d))
      return gr_infer_fail(r, 1, "%s is %s, not %s", gr_rule_operand_name(r, i), graft_dtype_name(d), what);
  }
  if (r->in->operand_count > 1) return broadcast(r, 1, 2, 0, 1);
  *gr_rule_result(r) = *gr_rule_operand(r, 0);
  return true;
}

static bool is_bool(graft_dtype d) { return d == GRAFT_BOOL; }
static bool is_integer(graft_dtype d) { return d != GRAFT_BOOL && !gr_dtype_is_float(d); }

bool gr_rule_logical(const gr_rule *r) {
  /* C1: the operands are bool. */
  /* C2: the shapes broadcast: from the back, extents are equal or one of them is 1. */
  if (!all_of(r, "bool", is_bool)) return false;
  gr_rule_result(r)->dtype = GRAFT_BOOL;
  return true;
}

bool gr_rule_integer_pair(const gr_rule *r) {
  /* C1: the operands are integers of one type. */
  /* C2: the shapes broadcast: from the back, extents are equal or one of them is 1. */
  return all_of(r, "an integer type", is_integer);
}

bool gr_rule_float_test(const gr_rule *r) {
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(isnan, x))) return false;
  *gr_rule_result(r) = *gr_rule_operand(r, GR_OPERAND(isnan, x));
  gr_rule_result(r)->dtype = GRAFT_BOOL;
  return true;
}

bool gr_rule_prelu(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(prelu, x));
  /* C1: x is not bool, and weight has its element type. */
  if (x->dtype == GRAFT_BOOL) return gr_infer_fail(r, 1, "x is bool");
  if (!gr_check_same_dtype(r, 1, GR_OPERAND(prelu, weight), GR_OPERAND(prelu, x))) return false;
  /* C2: weight broadcasts to the shape of x. */
  if (!check_within(r, 2, GR_OPERAND(prelu, weight), x)) return false;
  *gr_rule_result(r) = *x;
  return true;
}

bool gr_rule_where(const gr_rule *r) {
  const graft_type *condition = gr_rule_operand(r, GR_OPERAND(where, condition));
  graft_type *y = gr_rule_result(r);
  /* C1: condition is bool. */
  if (condition->dtype != GRAFT_BOOL && condition->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 1, "condition is %s", graft_dtype_name(condition->dtype));
  /* C2: x and other have the same element type. */
  /* C3: the shapes of all three broadcast: from the back, extents are equal or one of them is 1. */
  if (!broadcast(r, 2, 3, GR_OPERAND(where, x), GR_OPERAND(where, other))) return false;
  const graft_type both = *y;
  int32_t axis;
  if (!gr_type_broadcast(condition, &both, y, &axis))
    return gr_infer_fail(r, 3, "condition has %jd entries along axis %d, x and other have %jd",
                         condition->dims[condition->rank + axis], axis, both.dims[both.rank + axis]);
  if (y->rank < 0) gr_type_set(y, both.dtype, -1);
  return true;
}

bool gr_rule_softmax(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(softmax, x));
  const int64_t dim = gr_rule_int(r, GR_ATTR(softmax, dim));
  int32_t axis;
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(softmax, x))) return false;
  /* C2: dim is an axis of x. */
  if (x->rank == 0 && (dim < -1 || dim > 0)) return gr_infer_fail(r, 2, "dim is %jd, of 0 axes", dim);
  if (x->rank > 0 && !gr_check_axis(r, 2, "dim", dim, x->rank, &axis)) return false;
  *gr_rule_result(r) = *x;
  return true;
}

bool gr_rule_to(const gr_rule *r) {
  const graft_dtype dtype = (graft_dtype)gr_rule_int(r, GR_ATTR(to, dtype));
  /* C1: dtype is a known element type. */
  if (dtype == GRAFT_UNKNOWN) return gr_infer_fail(r, 1, "dtype is unknown");
  *gr_rule_result(r) = *gr_rule_operand(r, GR_OPERAND(to, x));
  gr_rule_result(r)->dtype = dtype;
  return true;
}

bool gr_rule_bn_scale(const gr_rule *r) {
  const graft_type *var = gr_rule_operand(r, GR_OPERAND(bn_scale, running_var));
  graft_type *y = gr_rule_result(r);
  int64_t channels = -1;
  /* C1: weight and running_var have the same float type. */
  if (!gr_check_float(r, 1, GR_OPERAND(bn_scale, running_var)) ||
      !gr_check_same_dtype(r, 1, GR_OPERAND(bn_scale, weight), GR_OPERAND(bn_scale, running_var)))
    return false;
  /* C2: weight and running_var are vectors of the channels. */
  if (!gr_check_vector(r, 2, GR_OPERAND(bn_scale, running_var), &channels, "channels") ||
      !gr_check_vector(r, 2, GR_OPERAND(bn_scale, weight), &channels, "channels"))
    return false;
  gr_type_set(y, var->dtype, 1);
  y->dims[0] = channels;
  return true;
}

bool gr_rule_bn_shift(const gr_rule *r) {
  const graft_type *mean = gr_rule_operand(r, GR_OPERAND(bn_shift, running_mean));
  graft_type *y = gr_rule_result(r);
  int64_t channels = -1;
  for (uint32_t i = 0; i < 4; ++i) {
    /* C1: all operands have the same float type. */
    if (!gr_check_float(r, 1, i) || !gr_check_same_dtype(r, 1, i, GR_OPERAND(bn_shift, running_mean))) return false;
    /* C2: all operands are vectors of the channels. */
    if (!gr_check_vector(r, 2, i, &channels, "channels")) return false;
  }
  gr_type_set(y, mean->dtype, 1);
  y->dims[0] = channels;
  return true;
}

bool gr_rule_channel(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(channel, x)),
                   *like = gr_rule_operand(r, GR_OPERAND(channel, like));
  graft_type *y = gr_rule_result(r);
  const int64_t groups = gr_rule_int(r, GR_ATTR(channel, groups));
  int32_t axis = 0;
  /* C1: x is a vector. */
  if (!gr_check_rank(r, 1, GR_OPERAND(channel, x), 1)) return false;
  /* C2: groups of more than one need an axis other than 0 and divide axis 0 of like. */
  gr_type_set(y, x->dtype, like->rank);
  if (like->rank < 0) return true;
  /* C3: axis is an axis of like. */
  if (!gr_check_axis(r, 3, "axis", gr_rule_int(r, GR_ATTR(channel, axis)), like->rank, &axis)) return false;
  if (groups > 1 && axis == 0) return gr_infer_fail(r, 2, "groups is %jd along axis 0", groups);
  if (groups > 1 && like->dims[0] >= 0 && like->dims[0] % groups != 0)
    return gr_infer_fail(r, 2, "groups is %jd, like has %jd entries along axis 0", groups, like->dims[0]);
  /* C4: x has an entry for each group's share of like's axis. */
  const int64_t n = x->rank < 0 ? -1 : x->dims[0];
  int64_t share = like->dims[axis];
  if (n >= 0 && (n % groups != 0 || !gr_extent_merge(&share, n / groups)))
    return gr_infer_fail(r, 4, "x has %jd entries, like has %jd along axis %d and groups is %jd", n, like->dims[axis],
                         axis, groups);
  for (int32_t i = 0; i < like->rank; ++i) y->dims[i] = 1;
  y->dims[axis] = share;
  if (groups > 1) y->dims[0] = like->dims[0];
  return true;
}
