/* Shape rules of reductions, of searches along an axis, and of losses, which reduce too. */
#include "ir/infer/infer_impl.h"

GR_SAME_ATTR(dim, sum, mean);
GR_SAME_ATTR(dim, sum, amax);
GR_SAME_ATTR(dim, sum, logsumexp);
GR_SAME_ATTR(dim, sum, linalg_vector_norm);
GR_SAME_ATTR(keepdim, sum, mean);
GR_SAME_ATTR(keepdim, sum, amax);
GR_SAME_ATTR(keepdim, sum, logsumexp);
GR_SAME_ATTR(keepdim, sum, linalg_vector_norm);

/* The type of x without the axes of the mask, or with extents of 1 there. */
static void without(const graft_type *x, uint32_t axes, bool keepdim, graft_type *y) {
  gr_type_set(y, x->dtype, 0);
  for (int32_t i = 0; i < x->rank; ++i) {
    const bool gone = (axes >> i & 1u) != 0;
    if (!gone)
      y->dims[y->rank++] = x->dims[i];
    else if (keepdim)
      y->dims[y->rank++] = 1;
  }
}

/* Of a scalar the one axis that it might have may be named. */
static bool check_axis(const gr_rule *r, int constraint, int64_t dim, int32_t rank, int32_t *axis) {
  return gr_check_axis(r, constraint, "dim", dim, rank > 0 ? rank : 1, axis);
}

static bool reduced_to(const gr_rule *r, int constraint, const graft_type *x, graft_type *y) {
  uint32_t count;
  const int64_t *dims = gr_rule_ints(r, GR_ATTR(sum, dim), &count);
  const bool keepdim = gr_rule_int(r, GR_ATTR(sum, keepdim)) != 0;
  if (x->rank < 0) {
    gr_type_set(y, x->dtype, count == 0 && !keepdim ? 0 : -1);
    return true;
  }
  uint32_t axes = count == 0 ? UINT32_MAX : 0;
  for (uint32_t i = 0; i < count; ++i) {
    int32_t axis;
    if (!check_axis(r, constraint, dims[i], x->rank, &axis)) return false;
    if ((axes >> axis & 1u) != 0) return gr_infer_fail(r, constraint, "axis %d is given twice", axis);
    axes |= 1u << axis;
  }
  without(x, axes, keepdim, y);
  return true;
}

static bool reduced(const gr_rule *r, int constraint) {
  return reduced_to(r, constraint, gr_rule_operand(r, GR_OPERAND(sum, x)), gr_rule_result(r));
}

bool gr_rule_reduce(const gr_rule *r) {
  /* C1: dim lists axes of x, each once; an empty list means all. */
  return reduced(r, 1);
}

bool gr_rule_reduce_number(const gr_rule *r) {
  /* C1: x is not bool. */
  if (gr_rule_operand(r, GR_OPERAND(sum, x))->dtype == GRAFT_BOOL) return gr_infer_fail(r, 1, "x is bool");
  /* C2: dim lists axes of x, each once; an empty list means all. */
  return reduced(r, 2);
}

bool gr_rule_reduce_float(const gr_rule *r) {
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(logsumexp, x))) return false;
  /* C2: dim lists axes of x, each once; an empty list means all. */
  return reduced(r, 2);
}

GR_SAME_ATTR(dim, sum, sum_backward);
GR_SAME_ATTR(keepdim, sum, sum_backward);

bool gr_rule_sum_backward(const gr_rule *r) {
  const graft_type *dy = gr_rule_operand(r, GR_OPERAND(sum_backward, dy)),
                   *like = gr_rule_operand(r, GR_OPERAND(sum_backward, like));
  graft_type sum;
  /* C1: dim lists axes of like, each once; an empty list means all. */
  if (!reduced_to(r, 1, like, &sum)) return false;
  /* C2: dy is what the sum of like would be. */
  sum.dtype = dy->dtype;
  if (!gr_type_compatible(&sum, dy)) return gr_infer_fail(r, 2, "dy has other extents than the sum of like");
  *gr_rule_result(r) = *like;
  gr_rule_result(r)->dtype = dy->dtype;
  return true;
}

GR_SAME_ATTR(dim, argmax, argmin);
GR_SAME_ATTR(keepdim, argmax, argmin);

bool gr_rule_arg(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(argmax, x));
  graft_type *y = gr_rule_result(r);
  const bool all = gr_rule_is_none(r, GR_ATTR(argmax, dim)), keepdim = gr_rule_int(r, GR_ATTR(argmax, keepdim)) != 0;
  int32_t axis = 0;
  if (x->rank < 0) {
    gr_type_set(y, GRAFT_I64, all && !keepdim ? 0 : -1);
    return true;
  }
  /* C1: dim is an axis of x. */
  if (!all && !check_axis(r, 1, gr_rule_int(r, GR_ATTR(argmax, dim)), x->rank, &axis)) return false;
  /* C2: there is an element to choose. */
  for (int32_t i = 0; i < x->rank; ++i)
    if (x->dims[i] == 0 && (all || i == axis)) return gr_infer_fail(r, 2, "x is empty along axis %d", i);
  without(x, all ? UINT32_MAX : 1u << axis, keepdim, y);
  y->dtype = GRAFT_I64;
  return true;
}

bool gr_rule_topk(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(topk, x)), *count = gr_rule_operand(r, GR_OPERAND(topk, count));
  const bool given = !gr_rule_is_none(r, GR_ATTR(topk, k));
  int64_t k = given ? gr_rule_int(r, GR_ATTR(topk, k)) : -1;
  int32_t axis;
  /* C1: k is given by the attribute or by the operand count, not by both. */
  if (given == (count != NULL)) return gr_infer_fail(r, 1, given ? "k and count are both given" : "k is not given");
  /* C2: count is one i64. */
  if (count != NULL) {
    if (count->dtype != GRAFT_I64 && count->dtype != GRAFT_UNKNOWN)
      return gr_infer_fail(r, 2, "count is %s", graft_dtype_name(count->dtype));
    const int64_t entries = graft_type_elements(count);
    if (entries >= 0 && entries != 1) return gr_infer_fail(r, 2, "count has %jd elements", entries);
    uint32_t n = 0;
    const int64_t *known = r->in->constant != NULL && entries == 1 && count->dtype == GRAFT_I64
                               ? r->in->constant(r->in->user, GR_OPERAND(topk, count), &n)
                               : NULL;
    if (known != NULL && n == 1 && *known != GR_UNKNOWN_INT) {
      k = *known;
      if (k < 0) return gr_infer_fail(r, 2, "count is %jd", k);
    }
  }
  graft_type *values = gr_rule_result(r), *indices = &r->in->results[GR_RESULT(topk, indices)];
  *values = *x;
  if (x->rank >= 0) {
    /* C3: dim is an axis of x. */
    if (!check_axis(r, 3, gr_rule_int(r, GR_ATTR(topk, dim)), x->rank, &axis)) return false;
    /* C4: k is at most the axis' extent. */
    const int64_t extent = x->rank == 0 ? 1 : x->dims[axis];
    if (extent >= 0 && k > extent) return gr_infer_fail(r, 4, "k is %jd, x has %jd along axis %d", k, extent, axis);
    if (x->rank == 0 && k == 0) return gr_infer_fail(r, 4, "k is 0, x has rank 0");
    if (x->rank > 0) values->dims[axis] = k;
  }
  *indices = *values;
  indices->dtype = GRAFT_I64;
  return true;
}

bool gr_rule_cumsum(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(cumsum, x));
  int32_t axis;
  /* C1: x is not bool. */
  if (x->dtype == GRAFT_BOOL) return gr_infer_fail(r, 1, "x is bool");
  /* C2: dim is an axis of x. */
  if (x->rank >= 0 && !check_axis(r, 2, gr_rule_int(r, GR_ATTR(cumsum, dim)), x->rank, &axis)) return false;
  *gr_rule_result(r) = *x;
  return true;
}

GR_SAME_ATTR(reduction, nll_loss, cross_entropy_loss);
GR_SAME_OPERAND(target, nll_loss, cross_entropy_loss);
GR_SAME_OPERAND(weight, nll_loss, cross_entropy_loss);

/* Constraints 1 to 4; `each`: the loss at each position. */
static bool check_loss(const gr_rule *r, uint32_t x_slot, uint32_t target_slot, uint32_t weight_slot,
                       graft_type *each) {
  const graft_type *x = gr_rule_operand(r, x_slot), *target = gr_rule_operand(r, target_slot);
  if (!gr_check_float(r, 1, x_slot) || !gr_check_same_dtype(r, 1, weight_slot, x_slot)) return false;
  if (target->dtype != GRAFT_I64 && target->dtype != GRAFT_I32 && target->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 2, "target is %s", graft_dtype_name(target->dtype));
  if (x->rank == 0) return gr_infer_fail(r, 3, "%s has rank 0", gr_rule_operand_name(r, x_slot));
  const int32_t axis = x->rank == 1 ? 0 : 1;
  int64_t classes = x->rank < 0 ? -1 : x->dims[axis];
  *each = *target;
  if (x->rank >= 0) {
    graft_type own;
    without(x, 1u << axis, false, &own);
    if (target->rank >= 0 && target->rank != own.rank)
      return gr_infer_fail(r, 3, "target has rank %d, %s %d", target->rank, gr_rule_operand_name(r, x_slot), x->rank);
    for (int32_t i = 0; i < own.rank && target->rank >= 0; ++i)
      if (!gr_extent_merge(&own.dims[i], target->dims[i]))
        return gr_infer_fail(r, 3, "target has %jd entries along axis %d, %s has %jd", target->dims[i], i,
                             gr_rule_operand_name(r, x_slot), own.dims[i]);
    *each = own;
  }
  each->dtype = x->dtype;
  return gr_check_vector(r, 4, weight_slot, &classes, "classes");
}

/* One loss, or one at each position. */
static void set_loss(const gr_rule *r, const graft_type *each, graft_type *y) {
  *y = *each;
  if (gr_rule_int(r, GR_ATTR(nll_loss, reduction)) != GR_loss_reduction_none) gr_type_set(y, each->dtype, 0);
}

bool gr_rule_loss(const gr_rule *r) {
  graft_type each = {0};
  /* C1: x and weight have the same float type. */
  /* C2: target is i32 or i64. */
  /* C3: x is [batch, classes, ...] or [classes], and target has its other axes. */
  /* C4: weight is a vector of the classes. */
  if (!check_loss(r, GR_OPERAND(nll_loss, x), GR_OPERAND(nll_loss, target), GR_OPERAND(nll_loss, weight), &each))
    return false;
  set_loss(r, &each, gr_rule_result(r));
  if (r->in->result_count > 1)
    r->in->results[GR_RESULT(cross_entropy_loss, log_prob)] = *gr_rule_operand(r, GR_OPERAND(nll_loss, x));
  return true;
}

GR_SAME_ATTR(reduction, nll_loss, nll_loss_backward);
GR_SAME_ATTR(reduction, nll_loss, cross_entropy_loss_backward);
GR_SAME_OPERAND(target, nll_loss_backward, cross_entropy_loss_backward);
GR_SAME_OPERAND(weight, nll_loss_backward, cross_entropy_loss_backward);

bool gr_rule_loss_backward(const gr_rule *r) {
  enum { DY = GR_OPERAND(nll_loss_backward, dy), LIKE = GR_OPERAND(nll_loss_backward, like) };
  enum { DLOG_PROB = GR_OPERAND(cross_entropy_loss_backward, dlog_prob) };
  const graft_type *dy = gr_rule_operand(r, DY), *x = gr_rule_operand(r, LIKE);
  graft_type each = {0}, loss;
  /* C1: the operands but target have the same float type. */
  /* C2: target is i32 or i64. */
  /* C3: the scores are [batch, classes, ...] or [classes], and target has their other axes. */
  /* C4: weight is a vector of the classes. */
  if (!check_loss(r, LIKE, GR_OPERAND(nll_loss_backward, target), GR_OPERAND(nll_loss_backward, weight), &each) ||
      !gr_check_same_dtype(r, 1, DY, LIKE) || !gr_check_same_dtype(r, 1, DLOG_PROB, LIKE))
    return false;
  /* C5: dy has the shape of the loss, dlog_prob that of the scores. */
  set_loss(r, &each, &loss);
  if (dy) loss.dtype = dy->dtype;
  if (dy && !gr_type_compatible(&loss, dy)) return gr_infer_fail(r, 5, "dy has another shape than the loss");
  const graft_type *more = r->in->op == GR_OP_cross_entropy_loss_backward ? gr_rule_operand(r, DLOG_PROB) : NULL;
  if (more && !gr_type_compatible(x, more)) return gr_infer_fail(r, 5, "dlog_prob has another shape than log_prob");
  *gr_rule_result(r) = *x;
  return true;
}
