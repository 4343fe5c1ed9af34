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
