/* Norms that have no state: of the last axes, of groups of channels, of lines. */
#include "ir/formats/onnx/handler_impl.h"

/* Do the operand's extents equal those of `shape`, as far as both are known? */
static bool has_extents(const gr_onnx *in, graft_value v, const int64_t *shape, uint32_t count) {
  const graft_type *t = gr_onnx_value_type(in, v);
  bool same = t->rank == (int32_t)count;
  for (uint32_t i = 0; i < count && same; i++) same = t->dims[i] < 0 || shape[i] < 0 || t->dims[i] == shape[i];
  return same;
}

/* y * weight + bias, either may be absent: where they broadcast in a way that a norm's own operands do not. */
static bool finish_affine(gr_onnx *in, graft_value y, graft_value weight, graft_value bias) {
  if (weight != GRAFT_NONE) {
    gr_onnx_begin(in, GR_OP_mul);
    if (bias == GRAFT_NONE) return gr_onnx_finish(in, (graft_value[]){y, weight}, 2);
    if ((y = gr_onnx_step(in, (graft_value[]){y, weight}, 2)) == GRAFT_NONE) return false;
  }
  if (bias == GRAFT_NONE) return gr_onnx_alias(in, 0, y);
  gr_onnx_begin(in, GR_OP_add);
  return gr_onnx_finish(in, (graft_value[]){y, bias}, 2);
}

/* RMSNormalization too, which has no bias. */
bool gr_onnx_layer_norm(gr_onnx *in) {
  graft_value operands[3] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1), gr_onnx_input(in, 2)};
  int64_t axis = gr_onnx_attr_int(in, "axis", -1), shape[GRAFT_MAX_RANK];
  if (in->failed) return false;
  const graft_type *x = gr_onnx_value_type(in, operands[0]);
  if (gr_onnx_attr_int(in, "stash_type", 1) != 1)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: stash_type %lld, not float", in->row->name,
                        (long long)gr_onnx_attr_int(in, "stash_type", 1)),
           false;
  if (x->rank >= 0 && !gr_onnx_axis(in, axis, x->rank, &axis)) return false;
  if (axis >= 0 && gr_onnx_rank(in, operands[0]) < 0) return false;
  if (axis < -GRAFT_MAX_RANK)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: axis is %lld", in->row->name, (long long)axis), false;
  const int64_t count = x->rank < 0 ? -axis : x->rank - axis;
  for (int64_t i = 0; i < count; i++) shape[i] = x->rank < 0 ? -1 : x->dims[axis + i];
  const bool own = has_extents(in, operands[1], shape, (uint32_t)count) &&
                   (operands[2] == GRAFT_NONE || has_extents(in, operands[2], shape, (uint32_t)count));
  gr_onnx_begin(in, in->row->op);
  gr_onnx_set_ints(in, "normalized_shape", shape, (uint32_t)count);
  gr_onnx_set_mapped(in);
  const char *names[3] = {NULL, NULL, NULL};
  uint32_t results = 1, absent = 0;
  for (uint32_t i = 0; i < in->node->n_output && i < 3; i++) {
    names[i] = in->node->output[i];
    if (names[i][0] && i > 0) results = i + 1;
  }
  for (uint32_t i = 1; i < results; i++)
    if (!names[i] || !names[i][0]) absent |= 1u << i;
  if (own)
    return gr_onnx_end(in, operands, in->row->op == GR_OP_layer_norm ? 3 : 2, names, results, absent, NULL) !=
           GRAFT_NONE;
  names[0] = NULL;
  const graft_node n = gr_onnx_end(in, operands, 1, names, results, absent, NULL);
  return n != GRAFT_NONE && finish_affine(in, gr_result(in->scope->graph, n, 0), operands[1], operands[2]);
}

/* The channels of a group at run time, as [groups, of each]. */
static graft_value grouping(gr_onnx *in, graft_value x, int64_t groups) {
  const graft_type one = graft_type_make(GRAFT_I64, 1, (int64_t[]){1});
  const graft_value count = gr_onnx_make_constant(in, "groups", &one, &groups);
  gr_onnx_begin(in, GR_OP_shape);
  gr_onnx_set_int(in, "start", 1);
  gr_onnx_set_int(in, "end", 2);
  const graft_value each = gr_onnx_binary(in, GR_OP_div, gr_onnx_step(in, &x, 1), count);
  return gr_onnx_binary(in, GR_OP_cat, count, each);
}

/* An entry a group as an entry a channel of x. */
static graft_value per_channel(gr_onnx *in, graft_value v, int64_t groups, graft_value x) {
  const int64_t channels = gr_onnx_value_type(in, x)->dims[1];
  const graft_type *t = gr_onnx_value_type(in, v);
  if (t->rank != 1 || (channels >= 0 && t->dims[0] == channels)) return v;
  const int64_t size[2] = {groups, channels / groups};
  const graft_value shape = channels < 0 ? grouping(in, x, groups) : GRAFT_NONE;
  gr_onnx_begin(in, GR_OP_unsqueeze);
  gr_onnx_set_int(in, "dim", 1);
  v = gr_onnx_step(in, &v, 1);
  gr_onnx_begin(in, GR_OP_expand);
  if (shape == GRAFT_NONE) gr_onnx_set_ints(in, "size", size, 2);
  if (v != GRAFT_NONE) v = gr_onnx_step(in, (graft_value[]){v, shape}, shape == GRAFT_NONE ? 1 : 2);
  if (v == GRAFT_NONE) return GRAFT_NONE;
  gr_onnx_begin(in, GR_OP_flatten);
  return gr_onnx_step(in, &v, 1);
}

/* Until opset 20 scale and bias have an entry a group, then one a channel. */
bool gr_onnx_group_norm(gr_onnx *in) {
  graft_value operands[3] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1), gr_onnx_input(in, 2)};
  const int64_t groups = gr_onnx_attr_int(in, "num_groups", 0);
  if (in->failed) return false;
  in->kept = *gr_onnx_value_type(in, operands[0]);
  if (groups < 1) return gr_onnx_fail(in, GRAFT_TYPE, "GroupNormalization: num_groups is not given, or below 1"), false;
  if (in->opset < 21) {
    const graft_type x = *gr_onnx_value_type(in, operands[0]);
    if (gr_onnx_rank(in, operands[0]) < 0) return false;
    if (x.rank < 2) return gr_onnx_fail(in, GRAFT_TYPE, "GroupNormalization: x has rank %d", x.rank), false;
    for (int i = 1; i < 3; i++)
      if ((operands[i] = per_channel(in, operands[i], groups, operands[0])) == GRAFT_NONE) return false;
  }
  gr_onnx_begin(in, GR_OP_group_norm);
  gr_onnx_set_mapped(in);
  return gr_onnx_finish(in, operands, 3);
}

static graft_value backwards(gr_onnx *in, graft_value x) {
  gr_onnx_begin(in, GR_OP_slice);
  gr_onnx_set_int(in, "dim", 1);
  gr_onnx_set_int(in, "start", -1);
  gr_onnx_set_int(in, "end", INT64_MIN);
  gr_onnx_set_int(in, "step", -1);
  return gr_onnx_step(in, &x, 1);
}

/* An even window has its odd channel behind, PyTorch's in front. */
bool gr_onnx_local_response_norm(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  const bool even = gr_onnx_attr_int(in, "size", 1) % 2 == 0;
  if (in->failed || (even && (x = backwards(in, x)) == GRAFT_NONE)) return false;
  gr_onnx_begin(in, GR_OP_local_response_norm);
  gr_onnx_set_mapped(in);
  if (!even) return gr_onnx_finish(in, &x, 1);
  if ((x = gr_onnx_step(in, &x, 1)) == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_slice);
  gr_onnx_set_int(in, "dim", 1);
  gr_onnx_set_int(in, "start", -1);
  gr_onnx_set_int(in, "end", INT64_MIN);
  gr_onnx_set_int(in, "step", -1);
  return gr_onnx_finish(in, &x, 1);
}

bool gr_onnx_lp_normalization(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  gr_onnx_begin(in, GR_OP_normalize);
  gr_onnx_set_mapped(in);
  gr_onnx_set_float(in, "p", (double)gr_onnx_attr_int(in, "p", 2));
  gr_onnx_set_float(in, "eps", 0);
  return gr_onnx_finish(in, &x, 1);
}

static graft_value mean_over(gr_onnx *in, graft_value x, const int64_t *axes, uint32_t count) {
  gr_onnx_begin(in, GR_OP_mean);
  if (count) gr_onnx_set_ints(in, "dim", axes, count);
  gr_onnx_set_bool(in, "keepdim", true);
  return gr_onnx_step(in, &x, 1);
}

/* (x - mean) / (std + 1e-9), as the op's own function body has it. */
bool gr_onnx_mean_variance_normalization(gr_onnx *in) {
  static const int64_t usual[] = {0, 2, 3};
  graft_value x = gr_onnx_input(in, 0);
  const Onnx__AttributeProto *given = gr_onnx_attr(in, "axes");
  const int64_t *axes = given ? given->ints : usual;
  const size_t count = given ? given->n_ints : 3;
  if (in->failed) return false;
  if (count > GRAFT_MAX_RANK) return gr_onnx_fail(in, GRAFT_TYPE, "MeanVarianceNormalization: too many axes"), false;
  if (gr_onnx_value_type(in, x)->dtype == GRAFT_UNKNOWN)
    return gr_onnx_stays(in, gr_onnx_value_type(in, x), "the dtype of its input is not known");
  const graft_value centered = gr_onnx_binary(in, GR_OP_sub, x, mean_over(in, x, axes, (uint32_t)count));
  const graft_value square = gr_onnx_binary(in, GR_OP_mul, centered, centered);
  if (square == GRAFT_NONE) return false;
  const graft_value var = mean_over(in, square, axes, (uint32_t)count);
  const graft_value std = gr_onnx_unary(in, GR_OP_sqrt, var);
  if (std == GRAFT_NONE) return false;
  const graft_value eps = graft_scalar(in->scope->graph, gr_onnx_value_type(in, x)->dtype, 1e-9);
  const graft_value by = gr_onnx_binary(in, GR_OP_add, std, eps);
  if (by == GRAFT_NONE) return in->failed = true, false;
  gr_onnx_begin(in, GR_OP_div);
  return gr_onnx_finish(in, (graft_value[]){centered, by}, 2);
}
