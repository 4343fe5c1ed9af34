/* Shape rules of the gradients of what has statistics, positions or masks of its own, and of fake-quantization. */
#include "ir/infer/infer_impl.h"

/* The operand, if given, has the shape of another one. */
static bool check_same_shape(const gr_rule *r, int constraint, uint32_t slot, uint32_t other, const char *names) {
  const graft_type *a = gr_rule_operand(r, slot);
  if (a == NULL) return true;
  graft_type b = *gr_rule_operand(r, other);
  b.dtype = a->dtype;
  return gr_type_compatible(a, &b) || gr_infer_fail(r, constraint, "%s have different shapes", names);
}

static void set_vector(const gr_rule *r, uint32_t result, graft_dtype dtype, int64_t n) {
  if (result >= r->in->result_count) return;
  gr_type_set(&r->in->results[result], dtype, 1);
  r->in->results[result].dims[0] = n;
}

bool gr_rule_batch_norm_backward(const gr_rule *r) {
  enum { DY, X_, WEIGHT, MEAN, VAR, DMEAN, DVAR };
  const graft_type *x = gr_rule_operand(r, X_), *weight = gr_rule_operand(r, WEIGHT);
  /* C1: x is [batch, channels, ...], and dy has its shape. */
  if (x->rank == 0 || x->rank == 1) return gr_infer_fail(r, 1, "x has rank %d", x->rank);
  if (!check_same_shape(r, 1, DY, X_, "dy and x")) return false;
  /* C2: all operands have the same float type; vectors for an f16 or bf16 may be f32. */
  if (!gr_check_float(r, 2, X_) || !gr_check_same_dtype(r, 2, DY, X_)) return false;
  int64_t channels = x->rank < 0 ? -1 : x->dims[1];
  for (uint32_t i = WEIGHT; i <= DVAR; ++i) {
    const graft_type *t = gr_rule_operand(r, i);
    const bool wide = t != NULL && gr_is_half(x->dtype) && t->dtype == GRAFT_F32;
    if (!wide && (!gr_check_float(r, 2, i) || !gr_check_same_dtype(r, 2, i, X_))) return false;
    /* C3: all but dy and x are vectors of the channels. */
    if (!gr_check_vector(r, 3, i, &channels, "channels")) return false;
  }
  *gr_rule_result(r) = *x;
  const graft_dtype dtype = weight ? weight->dtype : x->dtype;
  set_vector(r, GR_RESULT(batch_norm_backward, dweight), dtype, channels);
  set_vector(r, GR_RESULT(batch_norm_backward, dbias), dtype, channels);
  return true;
}

bool gr_rule_bn_scale_backward(const gr_rule *r) {
  const uint32_t var = GR_OPERAND(bn_scale_backward, running_var);
  int64_t channels = -1;
  for (uint32_t i = 0; i <= var; ++i) {
    /* C1: all operands have the same float type. */
    if (!gr_check_float(r, 1, i) || !gr_check_same_dtype(r, 1, i, var)) return false;
    /* C2: all operands are vectors of the channels. */
    if (!gr_check_vector(r, 2, i, &channels, "channels")) return false;
  }
  for (uint32_t i = 0; i < r->in->result_count; ++i) set_vector(r, i, gr_rule_operand(r, var)->dtype, channels);
  return true;
}

/* dy and like are [batch, channels, space...], and agree in the first two. */
static bool check_planes(const gr_rule *r, int constraint, uint32_t slot) {
  const graft_type *dy = gr_rule_operand(r, 0), *like = gr_rule_operand(r, slot);
  if (dy->rank >= 0 && dy->rank < 3) return gr_infer_fail(r, constraint, "dy has rank %d", dy->rank);
  if (dy->rank < 0 || like->rank < 0) return true;
  if (!gr_check_rank(r, constraint, slot, dy->rank)) return false;
  for (int32_t i = 0; i < 2; ++i)
    if (dy->dims[i] >= 0 && like->dims[i] >= 0 && dy->dims[i] != like->dims[i])
      return gr_infer_fail(r, constraint, "dy has %jd entries along axis %d, like has %jd", dy->dims[i], i,
                           like->dims[i]);
  return true;
}

static void set_like(const gr_rule *r, uint32_t slot) {
  *gr_rule_result(r) = *gr_rule_operand(r, slot);
  gr_rule_result(r)->dtype = gr_rule_operand(r, 0)->dtype;
}

bool gr_rule_max_pool_backward(const gr_rule *r) {
  const uint32_t indices = GR_OPERAND(max_pool_backward, indices), like = GR_OPERAND(max_pool_backward, like);
  /* C1: dy is of floats. */
  if (!gr_check_float(r, 1, 0)) return false;
  /* C2: indices is i64, and has the shape of dy. */
  const graft_dtype d = gr_rule_operand(r, indices)->dtype;
  if (d != GRAFT_I64 && d != GRAFT_UNKNOWN) return gr_infer_fail(r, 2, "indices is %s", graft_dtype_name(d));
  if (!check_same_shape(r, 2, indices, 0, "indices and dy")) return false;
  /* C3: dy and like are [batch, channels, space...], with as many axes, batches and channels. */
  if (!check_planes(r, 3, like)) return false;
  set_like(r, like);
  return true;
}

bool gr_rule_adaptive_avg_pool_backward(const gr_rule *r) {
  const uint32_t like = GR_OPERAND(adaptive_avg_pool_backward, like);
  /* C1: dy is of floats. */
  if (!gr_check_float(r, 1, 0)) return false;
  /* C2: dy and like are [batch, channels, space...], with as many axes, batches and channels; at most 3 of space. */
  if (!check_planes(r, 2, like)) return false;
  if (gr_rule_operand(r, 0)->rank > 5) return gr_infer_fail(r, 2, "dy has rank %d", gr_rule_operand(r, 0)->rank);
  set_like(r, like);
  return true;
}

bool gr_rule_softmax_backward(const gr_rule *r) {
  const graft_type *y = gr_rule_operand(r, GR_OPERAND(softmax_backward, y));
  const int64_t dim = gr_rule_int(r, GR_ATTR(softmax_backward, dim));
  int32_t axis;
  /* C1: dy and y have the same float type and shape. */
  if (!gr_check_float(r, 1, 0) || !gr_check_same_dtype(r, 1, 0, 1) || !check_same_shape(r, 1, 0, 1, "dy and y"))
    return false;
  /* C2: dim is an axis of y. */
  if (y->rank == 0 && (dim < -1 || dim > 0)) return gr_infer_fail(r, 2, "dim is %jd, of 0 axes", dim);
  if (y->rank > 0 && !gr_check_axis(r, 2, "dim", dim, y->rank, &axis)) return false;
  *gr_rule_result(r) = *y;
  return true;
}

bool gr_rule_dropout(const gr_rule *r) {
  /* C1: x is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(dropout, x))) return false;
  for (uint32_t i = 0; i < r->in->result_count; ++i) r->in->results[i] = *gr_rule_operand(r, GR_OPERAND(dropout, x));
  if (r->in->result_count > 1) r->in->results[GR_RESULT(dropout, mask)].dtype = GRAFT_BOOL;
  return true;
}

bool gr_rule_dropout_backward(const gr_rule *r) {
  const graft_dtype mask = gr_rule_operand(r, GR_OPERAND(dropout_backward, mask))->dtype;
  /* C1: dy is f32 or f64. */
  if (!gr_check_float(r, 1, GR_OPERAND(dropout_backward, dy))) return false;
  /* C2: mask is bool, and has the shape of dy. */
  if (mask != GRAFT_BOOL && mask != GRAFT_UNKNOWN) return gr_infer_fail(r, 2, "mask is %s", graft_dtype_name(mask));
  if (!check_same_shape(r, 2, GR_OPERAND(dropout_backward, mask), GR_OPERAND(dropout_backward, dy), "mask and dy"))
    return false;
  *gr_rule_result(r) = *gr_rule_operand(r, GR_OPERAND(dropout_backward, dy));
  return true;
}

/* Constraints 1 and 2 of losses whose x is the operand `slot`. */
static bool check_pointwise(const gr_rule *r, uint32_t slot) {
  const graft_type *x = gr_rule_operand(r, slot);
  if (x == NULL) return true; /* A1 has said so */
  for (uint32_t i = slot; i < r->in->operand_count; ++i) {
    const graft_type *t = gr_rule_operand(r, i);
    graft_type both = {0};
    int32_t axis;
    if (!gr_check_float(r, 1, i) || !gr_check_same_dtype(r, 1, i, slot)) return false;
    if (t == NULL) continue;
    if (i == slot + 1 && !check_same_shape(r, 2, i, slot, "target and x")) return false;
    if (!gr_type_broadcast(x, t, &both, &axis) ||
        (x->rank >= 0 && !(both.dtype = x->dtype, gr_type_compatible(&both, x))))
      return gr_infer_fail(r, 2, "%s does not broadcast to x", i == slot + 2 ? "weight" : "pos_weight");
  }
  return true;
}

bool gr_rule_pointwise_loss(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(mse_loss, x));
  /* C1: all operands have the same float type. */
  /* C2: target has the shape of x, weight and pos_weight broadcast to it. */
  if (!check_pointwise(r, GR_OPERAND(mse_loss, x))) return false;
  *gr_rule_result(r) = *x;
  if (gr_rule_int(r, GR_ATTR(mse_loss, reduction)) != GR_loss_reduction_none)
    gr_type_set(gr_rule_result(r), x->dtype, 0);
  return true;
}

bool gr_rule_pointwise_loss_backward(const gr_rule *r) {
  const uint32_t x_slot = GR_OPERAND(mse_loss_backward, x), dy = GR_OPERAND(mse_loss_backward, dy);
  /* C1: all operands have the same float type. */
  /* C2: target has the shape of x, weight and pos_weight broadcast to it. */
  if (!gr_check_same_dtype(r, 1, dy, x_slot) || !check_pointwise(r, x_slot)) return false;
  /* C3: dy has the shape of the loss. */
  const bool none = gr_rule_int(r, GR_ATTR(mse_loss_backward, reduction)) == GR_loss_reduction_none;
  if (none ? !check_same_shape(r, 3, dy, x_slot, "dy and x") : !gr_check_rank(r, 3, dy, 0)) return false;
  *gr_rule_result(r) = *gr_rule_operand(r, x_slot);
  return true;
}
