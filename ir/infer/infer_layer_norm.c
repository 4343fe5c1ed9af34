/* Shape rules of norms that have no state. */
#include "ir/infer/infer_impl.h"

GR_SAME_ATTR(normalized_shape, layer_norm, rms_norm);

/* The operand, if given, has the extents of the last `axes` axes of y, which learn from it. */
static bool check_last(const gr_rule *r, int constraint, uint32_t slot, int32_t axes, graft_type *y) {
  const graft_type *t = gr_rule_operand(r, slot);
  if (t == NULL || t->rank < 0) return true;
  if (!gr_check_rank(r, constraint, slot, axes)) return false;
  for (int32_t i = 0; i < axes && y->rank >= axes; ++i)
    if (!gr_extent_merge(&y->dims[y->rank - axes + i], t->dims[i]))
      return gr_infer_fail(r, constraint, "%s has %jd entries along axis %d, x has %jd", gr_rule_operand_name(r, slot),
                           t->dims[i], i - axes, y->dims[y->rank - axes + i]);
  return true;
}

bool gr_rule_layer_norm(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(layer_norm, x));
  graft_type *y = gr_rule_result(r);
  uint32_t axes;
  const int64_t *shape = gr_rule_list(r, GR_ATTR(layer_norm, normalized_shape), &axes);
  /* C1: x, weight and bias have the same float type. */
  if (!gr_check_float(r, 1, GR_OPERAND(layer_norm, x))) return false;
  for (uint32_t i = 1; i < r->in->operand_count; ++i)
    if (!gr_check_same_dtype(r, 1, i, GR_OPERAND(layer_norm, x))) return false;
  /* C2: normalized_shape has from one entry to as many as x has axes. */
  if (axes == 0 || axes > GRAFT_MAX_RANK || (x->rank >= 0 && axes > (uint32_t)x->rank))
    return gr_infer_fail(r, 2, "normalized_shape has %u entries, x has rank %d", axes, x->rank);
  *y = *x;
  /* C3: an entry of normalized_shape other than -1 is the extent of its axis. */
  for (uint32_t i = 0; i < axes && x->rank >= 0; ++i) {
    const int32_t axis = x->rank - (int32_t)axes + (int32_t)i;
    if (!gr_extent_merge(&y->dims[axis], shape[i]))
      return gr_infer_fail(r, 3, "entry %u of normalized_shape is %jd, x has %jd entries along axis %d", i, shape[i],
                           x->dims[axis], axis);
  }
  /* C4: weight and bias have the extents of the normalized axes. */
  for (uint32_t i = 1; i < r->in->operand_count; ++i)
    if (!check_last(r, 4, i, (int32_t)axes, y)) return false;
  for (uint32_t i = 1; i < r->in->result_count; ++i) {
    r->in->results[i] = *y;
    for (int32_t d = y->rank - (int32_t)axes; d >= 0 && d < y->rank; ++d) r->in->results[i].dims[d] = 1;
  }
  return true;
}

GR_SAME_OPERAND(weight, group_norm, instance_norm);
GR_SAME_OPERAND(bias, group_norm, instance_norm);

bool gr_rule_group_norm(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(group_norm, x));
  graft_type *y = gr_rule_result(r);
  /* C1: x, weight and bias have the same float type. */
  if (!gr_check_float(r, 1, GR_OPERAND(group_norm, x))) return false;
  for (uint32_t i = 1; i < r->in->operand_count; ++i)
    if (!gr_check_same_dtype(r, 1, i, GR_OPERAND(group_norm, x))) return false;
  /* C2: x is [batch, channels, ...]. */
  if (x->rank == 0 || x->rank == 1) return gr_infer_fail(r, 2, "x has rank %d", x->rank);
  /* C3: weight and bias are vectors of the channels. */
  int64_t channels = x->rank < 0 ? -1 : x->dims[1];
  for (uint32_t i = 1; i < r->in->operand_count; ++i)
    if (!gr_check_vector(r, 3, i, &channels, "channels")) return false;
  /* C4: num_groups divides the channels. */
  if (r->in->op == GR_OP_group_norm && channels >= 0 && channels % gr_rule_int(r, GR_ATTR(group_norm, num_groups)) != 0)
    return gr_infer_fail(r, 4, "%jd channels in %jd groups", channels, gr_rule_int(r, GR_ATTR(group_norm, num_groups)));
  *y = *x;
  if (x->rank >= 0) y->dims[1] = channels;
  return true;
}

bool gr_rule_local_response_norm(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(local_response_norm, x));
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(local_response_norm, x))) return false;
  /* C2: x is [batch, channels, ...]. */
  if (x->rank == 0 || x->rank == 1) return gr_infer_fail(r, 2, "x has rank %d", x->rank);
  *gr_rule_result(r) = *x;
  return true;
}

bool gr_rule_normalize(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(normalize, x));
  int32_t axis;
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(normalize, x))) return false;
  /* C2: dim is an axis of x. */
  if (x->rank >= 0 &&
      !gr_check_axis(r, 2, "dim", gr_rule_int(r, GR_ATTR(normalize, dim)), x->rank > 0 ? x->rank : 1, &axis))
    return false;
  *gr_rule_result(r) = *x;
  return true;
}
