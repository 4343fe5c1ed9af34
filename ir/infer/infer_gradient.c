/* Shape rules of what gradients are made of. */
#include "ir/infer/infer_impl.h"

bool gr_rule_gradient(const gr_rule *r) {
  for (uint32_t i = 0; i < r->in->result_count; ++i) gr_type_set(&r->in->results[i], GRAFT_UNKNOWN, -1);
  return true;
}

bool gr_rule_sum_to_size(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(sum_to_size, x)),
                   *like = gr_rule_operand(r, GR_OPERAND(sum_to_size, like));
  graft_type *y = gr_rule_result(r);
  /* C1: x is not bool. */
  if (x->dtype == GRAFT_BOOL) return gr_infer_fail(r, 1, "x is bool");
  *y = *like;
  y->dtype = x->dtype;
  if (x->rank < 0 || like->rank < 0) return true;
  /* C2: like broadcasts to x. */
  if (like->rank > x->rank) return gr_infer_fail(r, 2, "like has %d axes, x has %d", like->rank, x->rank);
  for (int32_t i = 1; i <= like->rank; ++i) {
    const int64_t from = x->dims[x->rank - i], to = like->dims[like->rank - i];
    if (from >= 0 && to >= 0 && to != 1 && to != from)
      return gr_infer_fail(r, 2, "like has %jd entries along axis %d, x has %jd", to, like->rank - i, from);
  }
  return true;
}

/* The integers of operand `slot` of the op itself, which has no dy before its operands. */
static const int64_t *forward_constant(void *user, uint32_t slot, uint32_t *count) {
  const gr_infer *in = user;
  return slot > 0 && in->constant ? in->constant(in->user, slot + 1, count) : NULL;
}

/* What flows to the first operands, one for each result, of an op whose row this one's follows: dy, something like the
 * operand, the others. */
bool gr_rule_backward(const gr_rule *r) {
  const graft_type *dy = gr_rule_operand(r, 0), *like = gr_rule_operand(r, 1);
  /* C1: dy is f32 or f64. */
  if (!gr_check_float(r, 1, 0)) return false;
  const gr_op_info *of = gr_op_get(gr_op_forward(r->in->op));
  graft_type x = *like, y = {.rank = -1};
  const graft_type *operands[GR_MAX_OPERANDS] = {&x};
  x.dtype = dy->dtype;
  uint32_t count = 1;
  for (; count < of->operand_count && count + 1 < r->in->operand_count; ++count)
    operands[count] = gr_rule_operand(r, count + 1);
  char error[GR_INFER_ERROR_SIZE] = "";
  gr_infer in = {.module = r->in->module,
                 .op = gr_op_forward(r->in->op),
                 .attrs = r->in->attrs,
                 .operands = operands,
                 .operand_count = count,
                 .constant = forward_constant,
                 .user = r->in,
                 .results = &y,
                 .result_count = 1,
                 .error = error};
  /* C2: the second operand is one that the op itself takes. */
  if (!gr_infer_types(&in))
    return gr_infer_fail(r, 2, "%s takes no %s like that: %.90s", of->name, gr_rule_operand_name(r, 1), error);
  /* C3: dy has the shape of the op's result. */
  y.dtype = dy->dtype;
  if (!gr_type_compatible(&y, dy)) return gr_infer_fail(r, 3, "dy has other extents than the result of %s", of->name);
  *gr_rule_result(r) = x;
  for (uint32_t i = 1; i < r->in->result_count; ++i) r->in->results[i] = *gr_rule_operand(r, i + 1);
  return true;
}

bool gr_rule_cat_backward(const gr_rule *r) {
  const graft_type *dy = gr_rule_operand(r, GR_OPERAND(cat_backward, dy));
  const uint32_t count = r->in->operand_count - 1;
  /* C1: there is one result for each of the tensors. */
  if (r->in->result_count != count)
    return gr_infer_fail(r, 1, "there are %u tensors and %u results", count, r->in->result_count);
  int64_t sum = 0;
  int32_t axis = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const graft_type *x = gr_rule_operand(r, i + 1);
    r->in->results[i] = *x;
    r->in->results[i].dtype = dy->dtype;
    if (x->rank < 0 || dy->rank < 0) {
      sum = -1;
      continue;
    }
    /* C2: dim is an axis of dy. */
    if (!gr_check_axis(r, 2, "dim", gr_rule_int(r, GR_ATTR(cat_backward, dim)), dy->rank, &axis)) return false;
    /* C3: dy has the shape of the tensors' cat along dim. */
    graft_type other = *x;
    other.dtype = dy->dtype;
    if (x->rank == dy->rank) other.dims[axis] = dy->dims[axis];
    if (!gr_type_compatible(&other, dy))
      return gr_infer_fail(r, 3, "tensors[%u] has other extents than dy apart from axis %d", i, axis);
    if (sum < 0 || x->dims[axis] < 0 || __builtin_add_overflow(sum, x->dims[axis], &sum)) sum = -1;
  }
  if (sum >= 0 && count > 0 && dy->dims[axis] >= 0 && dy->dims[axis] != sum)
    return gr_infer_fail(r, 3, "the tensors have %jd entries along axis %d, dy has %jd", sum, axis, dy->dims[axis]);
  return true;
}
