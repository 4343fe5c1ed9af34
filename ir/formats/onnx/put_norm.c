/* Norms. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

/* A vector of one number for the channels of x, where the op has no operand for it. */
static const char *filled(gr_out *w, const char *what, double value) {
  const graft_type *x = gr_out_type(w, 0);
  if (x->rank < 2 || x->dims[1] < 0 || !gr_is_float(x->dtype)) {
    gr_out_refuse(w, "%s wants a %s, and how many channels x has is not known: give one, or the inputs their shapes",
                  w->row->onnx, what);
    return NULL;
  }
  const graft_type type = graft_type_make(x->dtype, 1, &x->dims[1]);
  const size_t each = graft_dtype_size(type.dtype);
  char *data = gr_out_alloc(w, (size_t)type.dims[0] * each);
  for (int64_t i = 0; data && i < type.dims[0]; i++) gr_element_set_float(type.dtype, data + (size_t)i * each, value);
  return data ? gr_out_constant(w, what, &type, data) : NULL;
}

static const char *given(gr_out *w, uint32_t slot, const char *what, double otherwise) {
  return gr_out_has(w, slot) ? gr_out_operand(w, slot) : filled(w, what, otherwise);
}

/* ---- batch norm ---- */

/* ONNX reads the tensor that the statistics start from, also where an earlier batch norm of the same module has updated
 * them. */
static const char *statistics(gr_out *w, uint32_t slot) {
  graft_value v = gr_operand(w->g, w->n, slot);
  while (gr_value_tensor(w->g, v) == GRAFT_NONE) {
    const graft_node n = gr_value_node(w->g, v);
    if (n == GRAFT_NONE || gr_node_at(w->g, n)->op != GR_OP_batch_norm) break;
    const uint32_t result = v - gr_node_at(w->g, n)->first_result;
    if (result != slot - GR_OPERAND(batch_norm, running_mean) + 1 || gr_operand(w->g, n, slot) == GRAFT_NONE) break;
    v = gr_operand(w->g, n, slot);
  }
  return gr_out_value_name(w, v);
}

/* Is the new mean or variance read by another than an update or a batch norm that goes on with it? */
static bool is_read(const gr_out *w, uint32_t result) {
  const graft_value v = gr_result(w->g, w->n, result);
  for (uint32_t u = v == GRAFT_NONE ? GRAFT_NONE : gr_value_at(w->g, v)->first_use; u != GRAFT_NONE;
       u = gr_use_at(w->g, u)->next) {
    const uint32_t user = gr_use_at(w->g, u)->user;
    if (!gr_user_is_node(user)) {
      if ((user & GR_USER_UPDATE) == GR_USER_UPDATE) continue;
      return true;
    }
    const uint32_t slot = GR_OPERAND(batch_norm, running_mean) + result - 1;
    if (gr_node_at(w->g, user)->op != GR_OP_batch_norm || gr_use_slot(w->g, u) != slot) return true;
  }
  return false;
}

static bool lose_count(gr_out *w) {
  const graft_value v = gr_result(w->g, w->n, GR_RESULT(batch_norm, count));
  if (v == GRAFT_NONE) return true;
  for (uint32_t u = gr_value_at(w->g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(w->g, u)->next) {
    const uint32_t user = gr_use_at(w->g, u)->user;
    const bool goes_on = gr_user_is_node(user) && gr_node_at(w->g, user)->op == GR_OP_batch_norm;
    if (!goes_on && (user & GR_USER_UPDATE) != GR_USER_UPDATE)
      return gr_out_refuse(w, "ONNX has no num_batches_tracked, which is read here: write .gfb instead");
  }
  if (!w->lost_counts)
    gr_warning(w->context, GRAFT_UNSUPPORTED, gr_node_loc(w->g, w->n),
               "ONNX has no num_batches_tracked: how many batches the batch norms have seen is not written");
  w->lost_counts = true;
  return true;
}

static bool is_needed(const gr_out *w, uint32_t result) {
  const graft_value v = gr_result(w->g, w->n, result);
  return v != GRAFT_NONE && !gr_unused(w->g, v);
}

/* In evaluation the new statistics, and those that x is normalized with, are the old ones. */
static bool old_statistics(gr_out *w, const char *const *old) {
  static const uint32_t results[] = {GR_RESULT(batch_norm, mean), GR_RESULT(batch_norm, var),
                                     GR_RESULT(batch_norm, batch_mean), GR_RESULT(batch_norm, batch_var)};
  for (uint32_t i = 0; i < 4; i++) {
    if (!is_needed(w, results[i])) continue;
    const char *name = gr_out_value_name(w, gr_result(w->g, w->n, results[i]));
    if (!gr_out_end(w, gr_out_begin(w, "Identity"), &old[i % 2], 1, &name, 1)) return false;
  }
  return true;
}

bool gr_put_batch_norm(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const graft_module *m = w->module;
  const bool training = gr_attr_bool(m, set, GR_ATTR(batch_norm, training)),
             unbiased = gr_attr_bool(m, set, GR_ATTR(batch_norm, unbiased)),
             none = gr_attr_is_none(m, set, GR_ATTR(batch_norm, momentum));
  const bool state =
      gr_out_has(w, GR_OPERAND(batch_norm, running_mean)) && gr_out_has(w, GR_OPERAND(batch_norm, running_var));
  if (!state && !training)
    return gr_out_refuse(w, "ONNX cannot say a batch norm that has no statistics and does not train: make it an "
                            "instance_norm, or write .gfb");
  if (training && state && (none || gr_attr_bool(m, set, GR_ATTR(batch_norm, cumulative))))
    return gr_out_refuse(w, "ONNX cannot say a batch norm that averages over all batches (momentum none): give it a "
                            "momentum, or make it evaluate (--passes to-eval)");
  if (training && (is_needed(w, GR_RESULT(batch_norm, batch_mean)) || is_needed(w, GR_RESULT(batch_norm, batch_var))))
    return gr_out_refuse(w, "the batch's own mean and variance are read, which ONNX does not give: make it evaluate "
                            "(--passes to-eval), or write .gfb");
  const bool read = is_read(w, GR_RESULT(batch_norm, mean)) || is_read(w, GR_RESULT(batch_norm, var));
  if (training && read && unbiased)
    return gr_out_refuse(
        w, "the new variance is read, which in ONNX divides by n and here by n - 1: set unbiased=false, or "
           "write .gfb");
  if (training && !lose_count(w)) return false;
  const char *inputs[5] = {gr_out_operand(w, 0), given(w, 1, "weight", 1), given(w, 2, "bias", 0),
                           state ? statistics(w, 3) : filled(w, "running_mean", 0),
                           state ? statistics(w, 4) : filled(w, "running_var", 1)};
  const char *outputs[5] = {gr_out_result(w, 0), gr_out_result(w, 1), gr_out_result(w, 2)};
  Onnx__NodeProto *node = gr_out_begin(w, "BatchNormalization");
  gr_out_set_float(w, node, "epsilon", gr_attr_float(m, set, GR_ATTR(batch_norm, eps)));
  if (!none) gr_out_set_float(w, node, "momentum", 1.0 - gr_attr_float(m, set, GR_ATTR(batch_norm, momentum)));
  if (!training) return gr_out_end(w, node, inputs, 5, outputs, 1) && old_statistics(w, inputs + 3);
  if (w->opset >= 14) gr_out_set_int(w, node, "training_mode", 1);
  if (!unbiased && !read) gr_out_note(w, GR_NOTE_BIASED, outputs[0]);
  const uint32_t count = w->opset >= 14 ? 3 : 5; /* in training all are there, with opset 13 the batch's own too */
  for (uint32_t i = 1; i < count && !w->failed; i++)
    if (!outputs[i] || !outputs[i][0])
      outputs[i] =
          gr_out_claim(w, gr_out_text(w, "%s.%s%s", outputs[0], i < 3 ? "" : "saved_", i % 2 ? "mean" : "var"));
  return gr_out_end(w, node, inputs, 5, outputs, count);
}

/* ---- others ---- */

bool gr_put_layer_norm(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const graft_type *x = gr_out_type(w, 0);
  uint32_t n;
  const int64_t *shape = gr_attr_ints(w->module, set, GR_ATTR(layer_norm, normalized_shape), &n);
  const char *weight = gr_out_operand(w, 1);
  if (!w->failed && !weight[0]) { /* ONNX's may not be absent */
    graft_type type = graft_type_make(x->dtype, (int32_t)n, shape);
    for (uint32_t i = 0; i < n; i++)
      if (shape[i] < 0 || !gr_is_float(x->dtype))
        return gr_out_refuse(
            w, "LayerNormalization wants a weight, and the extents of x's last axes are not known: give it "
               "one, or the inputs their shapes");
    const int64_t count = graft_type_elements(&type);
    const size_t each = graft_dtype_size(type.dtype);
    char *ones = gr_out_alloc(w, (size_t)count * each);
    for (int64_t i = 0; ones && i < count; i++) gr_element_set_float(type.dtype, ones + (size_t)i * each, 1);
    weight = ones ? gr_out_constant(w, "weight", &type, ones) : NULL;
  }
  const char *inputs[3] = {gr_out_operand(w, 0), weight, gr_out_operand(w, 2)};
  const char *outputs[3] = {gr_out_result(w, 0), gr_out_result(w, 1), gr_out_result(w, 2)};
  Onnx__NodeProto *node = gr_out_begin(w, "LayerNormalization");
  gr_out_set_int(w, node, "axis", -(int64_t)n);
  gr_out_set_float(w, node, "epsilon", gr_attr_float(w->module, set, GR_ATTR(layer_norm, eps)));
  return gr_out_end(w, node, inputs, 3, outputs, 3);
}

static bool by_channel(gr_out *w, Onnx__NodeProto *node, double eps) {
  gr_out_set_float(w, node, "epsilon", eps);
  const char *inputs[3] = {gr_out_operand(w, 0), given(w, 1, "weight", 1), given(w, 2, "bias", 0)};
  return gr_out_finish(w, node, inputs, 3);
}

bool gr_put_instance_norm(gr_out *w) {
  return by_channel(w, gr_out_begin(w, "InstanceNormalization"),
                    gr_attr_float(w->module, gr_out_attrs(w), GR_ATTR(instance_norm, eps)));
}

bool gr_put_group_norm(gr_out *w) {
  Onnx__NodeProto *node = gr_out_begin(w, "GroupNormalization");
  gr_out_set_int(w, node, "num_groups", gr_attr_int(w->module, gr_out_attrs(w), GR_ATTR(group_norm, num_groups)));
  return by_channel(w, node, gr_attr_float(w->module, gr_out_attrs(w), GR_ATTR(group_norm, eps)));
}

static const char *backwards(gr_out *w, const char *what, const char *x, bool last) {
  const char *at = last ? "" : gr_out_text(w, "%s.", what);
  const char *inputs[] = {x, gr_out_ints(w, gr_out_text(w, "%sstarts", at), (int64_t[]){-1}, 1),
                          gr_out_ints(w, gr_out_text(w, "%sends", at), (int64_t[]){INT64_MIN}, 1),
                          gr_out_ints(w, gr_out_text(w, "%saxes", at), (int64_t[]){1}, 1),
                          gr_out_ints(w, gr_out_text(w, "%ssteps", at), (int64_t[]){-1}, 1)};
  Onnx__NodeProto *node = gr_out_begin(w, "Slice");
  if (last) return gr_out_finish(w, node, inputs, 5) ? x : NULL;
  return gr_out_step(w, node, what, inputs, 5);
}

/* An even window has its odd channel behind in ONNX, in front in graft. */
bool gr_put_local_response_norm(gr_out *w) {
  const bool even = gr_attr_int(w->module, gr_out_attrs(w), GR_ATTR(local_response_norm, size)) % 2 == 0;
  const char *x = gr_out_operand(w, 0);
  if (even) x = backwards(w, "backwards", x, false);
  Onnx__NodeProto *node = gr_out_begin(w, "LRN");
  if (w->failed || !gr_out_mapped(w, node, gr_onnx_op_find("LRN"))) return gr_out_failed(w);
  if (!even) return gr_out_finish(w, node, &x, 1);
  return backwards(w, "", gr_out_step(w, node, "normed", &x, 1), true) != NULL;
}

bool gr_put_normalize(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const double p = gr_attr_float(w->module, set, GR_ATTR(normalize, p));
  const char *x = gr_out_operand(w, 0);
  if ((p != 1 && p != 2) || gr_attr_float(w->module, set, GR_ATTR(normalize, eps)) != 0)
    return gr_out_refuse(w, "LpNormalization has p 1 or 2 and no eps: lower it with the pass to-onnx");
  Onnx__NodeProto *node = gr_out_begin(w, "LpNormalization");
  gr_out_set_int(w, node, "axis", gr_attr_int(w->module, set, GR_ATTR(normalize, dim)));
  gr_out_set_int(w, node, "p", (int64_t)p);
  return gr_out_finish(w, node, &x, 1);
}
