/* Shape rules of optimizers. */
#include "ir/infer/infer_impl.h"

GR_SAME_OPERAND(clip, sgd, adam);
GR_SAME_OPERAND(clip, sgd, adamw);
GR_SAME_OPERAND(exp_avg, adam, adamw);
GR_SAME_ATTR(amsgrad, adam, adamw);

static bool is_number(const graft_type *t, graft_dtype dtype) {
  return !t || ((t->dtype == dtype || t->dtype == GRAFT_UNKNOWN) && t->rank <= 0);
}

/* Operands and results that are the weight's like. `states`: the operand that is the first of them. */
static bool same_as_weight(const gr_rule *r, int constraint, uint32_t states) {
  const graft_type *weight = gr_rule_operand(r, GR_OPERAND(sgd, weight));
  for (uint32_t i = GR_OPERAND(sgd, grad); i < r->op->operand_count; ++i) {
    const graft_type *t = gr_rule_operand(r, i);
    if (!t || (i > GR_OPERAND(sgd, grad) && i < states)) continue;
    if (!gr_type_compatible(t, weight))
      return gr_infer_fail(r, constraint, "%s has another type than weight", r->op->operands[i].name);
  }
  for (uint32_t i = 0; i < r->in->result_count; ++i) r->in->results[i] = *weight;
  return true;
}

static bool common(const gr_rule *r, int constraint) {
  if (is_number(gr_rule_operand(r, GR_OPERAND(sgd, lr)), GRAFT_F32) &&
      is_number(gr_rule_operand(r, GR_OPERAND(sgd, step)), GRAFT_I64) &&
      is_number(gr_rule_operand(r, GR_OPERAND(sgd, clip)), GRAFT_F32))
    return true;
  return gr_infer_fail(r, constraint, "lr and clip are f32, step is i64, all of rank 0");
}

bool gr_rule_sgd(const gr_rule *r) {
  const graft_type *buffer = gr_rule_operand(r, GR_OPERAND(sgd, momentum_buffer));
  const double momentum = gr_rule_float(r, GR_ATTR(sgd, momentum));
  /* C1: weight is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(sgd, weight))) return false;
  /* C2: lr and clip are f32, step is i64, all of rank 0. */
  if (!common(r, 2)) return false;
  /* C3: grad and momentum_buffer have the type of weight. */
  if (!same_as_weight(r, 3, GR_OPERAND(sgd, momentum_buffer))) return false;
  /* C4: with momentum, and only then, momentum_buffer is given, and its next value is a result. */
  if ((momentum != 0) != (buffer != NULL) || (r->in->result_count > 1) != (buffer != NULL))
    return gr_infer_fail(r, 4,
                         momentum != 0 ? "momentum needs a buffer, and its next value" : "a buffer without momentum");
  /* C5: nesterov needs a momentum and no dampening. */
  if (gr_rule_int(r, GR_ATTR(sgd, nesterov)) != 0 && (momentum == 0 || gr_rule_float(r, GR_ATTR(sgd, dampening)) != 0))
    return gr_infer_fail(r, 5, "nesterov needs a momentum and no dampening");
  return true;
}

bool gr_rule_adam(const gr_rule *r) {
  const bool most = gr_rule_operand(r, GR_OPERAND(adam, max_exp_avg_sq)) != NULL;
  /* C1: weight is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(adam, weight))) return false;
  /* C2: lr and clip are f32, step is i64, all of rank 0. */
  if (!common(r, 2)) return false;
  /* C3: grad and the averages have the type of weight. */
  if (!same_as_weight(r, 3, GR_OPERAND(adam, exp_avg))) return false;
  /* C4: with amsgrad, and only then, max_exp_avg_sq is given, and its next value is a result. */
  if ((gr_rule_int(r, GR_ATTR(adam, amsgrad)) != 0) != most || (r->in->result_count > 3) != most)
    return gr_infer_fail(r, 4,
                         most ? "max_exp_avg_sq without amsgrad" : "amsgrad needs max_exp_avg_sq, and its next value");
  return true;
}

bool gr_rule_clip_grad_norm(const gr_rule *r) {
  /* C1: all gradients are floats. */
  for (uint32_t i = 0; i < r->in->operand_count; ++i)
    if (!gr_check_float(r, 1, i)) return false;
  gr_type_set(gr_rule_result(r), GRAFT_F32, 0);
  return true;
}
