/* Elementwise ops, and ops along an axis. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

/* ---- bounds ---- */

bool gr_put_hardtanh(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const graft_dtype dtype = gr_out_type(w, 0)->dtype;
  if (dtype == GRAFT_UNKNOWN)
    return gr_out_refuse(w, "Clip's bounds have the dtype of x, which is not known: give the inputs their types");
  const char *inputs[] = {gr_out_operand(w, 0),
                          gr_out_number(w, "min", dtype, gr_attr_float(w->module, set, GR_ATTR(hardtanh, min_val))),
                          gr_out_number(w, "max", dtype, gr_attr_float(w->module, set, GR_ATTR(hardtanh, max_val)))};
  return gr_out_finish(w, gr_out_begin(w, "Clip"), inputs, 3);
}

/* Bounds of Clip are single numbers; of other shapes Max and Min say the same. */
bool gr_put_clamp(gr_out *w) {
  bool single = true;
  for (uint32_t i = 1; i < 3; i++) single = single && (!gr_out_has(w, i) || gr_out_type(w, i)->rank == 0);
  if (single) return gr_out_same(w, gr_out_begin(w, "Clip"));
  const char *x = gr_out_operand(w, 0), *low = gr_out_operand(w, 1), *high = gr_out_operand(w, 2);
  if (w->failed) return false;
  if (!high[0]) return gr_out_finish(w, gr_out_begin(w, "Max"), (const char *[]){x, low}, 2);
  if (low[0]) x = gr_out_binary(w, "Max", "above", x, low);
  return gr_out_finish(w, gr_out_begin(w, "Min"), (const char *[]){x, high}, 2);
}

/* ---- others ---- */

bool gr_put_mod(gr_out *w) {
  const bool real = gr_is_float(gr_out_result_type(w)->dtype), c = gr_node_at(w->g, w->n)->op == GR_OP_fmod;
  if (real && !c)
    return gr_out_refuse(w, "Mod of floats has the sign of x, not of other: lower it with the pass to-onnx");
  Onnx__NodeProto *node = gr_out_begin(w, "Mod");
  if (c) gr_out_set_int(w, node, "fmod", 1);
  return gr_out_same(w, node);
}

bool gr_put_bit_shift(gr_out *w) {
  const graft_dtype dtype = gr_out_result_type(w)->dtype;
  if (gr_dtype_kind_of(dtype) != GR_KIND_UNSIGNED)
    return gr_out_refuse(w, "BitShift is of unsigned integers, not of %s: convert its operands",
                         graft_dtype_name(dtype));
  Onnx__NodeProto *node = gr_out_begin(w, "BitShift");
  gr_out_set_string(w, node, "direction", gr_node_at(w->g, w->n)->op == GR_OP_bitwise_left_shift ? "LEFT" : "RIGHT");
  return gr_out_same(w, node);
}

bool gr_put_hardsigmoid(gr_out *w) {
  Onnx__NodeProto *node = gr_out_begin(w, "HardSigmoid");
  gr_out_set_float(w, node, "alpha", gr_attr_float(w->module, gr_out_attrs(w), GR_ATTR(hardsigmoid, alpha)));
  gr_out_set_float(w, node, "beta", gr_attr_float(w->module, gr_out_attrs(w), GR_ATTR(hardsigmoid, beta)));
  return gr_out_same(w, node);
}

bool gr_put_shrink(gr_out *w) {
  GR_SAME_ATTR(lambd, hardshrink, softshrink);
  const double lambd = gr_attr_float(w->module, gr_out_attrs(w), GR_ATTR(hardshrink, lambd));
  Onnx__NodeProto *node = gr_out_begin(w, "Shrink");
  if (gr_node_at(w->g, w->n)->op == GR_OP_softshrink) gr_out_set_float(w, node, "bias", lambd);
  gr_out_set_float(w, node, "lambd", lambd);
  return gr_out_same(w, node);
}

bool gr_put_dropout(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const bool training = gr_attr_bool(w->module, set, GR_ATTR(dropout, training));
  const double p = gr_attr_float(w->module, set, GR_ATTR(dropout, p));
  const char *inputs[3] = {gr_out_operand(w, 0), "", ""};
  if (p != 0.5) inputs[1] = gr_out_number(w, "ratio", GRAFT_F32, p);
  if (training) inputs[2] = gr_out_number(w, "training_mode", GRAFT_BOOL, 1);
  return gr_out_finish(w, gr_out_begin(w, "Dropout"), inputs, 3);
}

bool gr_put_along_axis(gr_out *w) {
  GR_SAME_ATTR(dim, softmax, log_softmax);
  GR_SAME_ATTR(dim, softmax, hardmax);
  Onnx__NodeProto *node = gr_out_begin(w, w->row->onnx);
  gr_out_set_int(w, node, "axis", gr_attr_int(w->module, gr_out_attrs(w), GR_ATTR(softmax, dim)));
  return gr_out_same(w, node);
}

bool gr_put_cumsum(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const char *inputs[] = {
      gr_out_operand(w, 0),
      gr_out_number(w, "axis", GRAFT_I64, (double)gr_attr_int(w->module, set, GR_ATTR(cumsum, dim)))};
  Onnx__NodeProto *node = gr_out_begin(w, "CumSum");
  if (gr_attr_bool(w->module, set, GR_ATTR(cumsum, exclusive))) gr_out_set_int(w, node, "exclusive", 1);
  if (gr_attr_bool(w->module, set, GR_ATTR(cumsum, reverse))) gr_out_set_int(w, node, "reverse", 1);
  return gr_out_finish(w, node, inputs, 2);
}

/* ---- reductions ---- */

/* Axes are an operand of ReduceSum, and of the others from opset 18 on. */
static bool reduce(gr_out *w, const char *op, const int64_t *axes, uint32_t count, bool all, bool keepdim) {
  const bool operand = w->opset >= 18 || strcmp(op, "ReduceSum") == 0;
  const char *inputs[] = {gr_out_operand(w, 0), ""};
  if (!all && count == 0)
    return gr_out_refuse(w, "ONNX takes no axes for all of them: take the reduction over none away");
  if (!all && operand) inputs[1] = gr_out_ints(w, "axes", axes, count);
  Onnx__NodeProto *node = gr_out_begin(w, op);
  if (!all && !operand) gr_out_set_ints(w, node, "axes", axes, count);
  gr_out_set_int(w, node, "keepdims", keepdim);
  return gr_out_finish(w, node, inputs, 2);
}

bool gr_put_reduce(gr_out *w) {
  GR_SAME_ATTR(dim, sum, logsumexp);
  GR_SAME_ATTR(keepdim, sum, logsumexp);
  uint32_t n;
  const int64_t *axes = gr_attr_ints(w->module, gr_out_attrs(w), GR_ATTR(sum, dim), &n);
  return reduce(w, w->row->onnx, axes, n, axes == NULL,
                gr_attr_bool(w->module, gr_out_attrs(w), GR_ATTR(sum, keepdim)));
}

bool gr_put_vector_norm(gr_out *w) {
  GR_SAME_ATTR(dim, sum, linalg_vector_norm);
  GR_SAME_ATTR(keepdim, sum, linalg_vector_norm);
  const uint32_t set = gr_out_attrs(w);
  const double ord = gr_attr_float(w->module, set, GR_ATTR(linalg_vector_norm, ord));
  uint32_t n;
  const int64_t *axes = gr_attr_ints(w->module, set, GR_ATTR(sum, dim), &n);
  if (ord != 1 && ord != 2)
    return gr_out_refuse(w, "ONNX has norms of order 1 and 2, not %g: lower it with rules of your own, or write .gfb",
                         ord);
  return reduce(w, ord == 1 ? "ReduceL1" : "ReduceL2", axes, n, axes == NULL,
                gr_attr_bool(w->module, set, GR_ATTR(sum, keepdim)));
}

/* Without dim the index is one into all elements. */
bool gr_put_arg(gr_out *w) {
  GR_SAME_ATTR(dim, argmax, argmin);
  GR_SAME_ATTR(select_last_index, argmax, argmin);
  const uint32_t set = gr_out_attrs(w);
  const bool all = gr_attr_is_none(w->module, set, GR_ATTR(argmax, dim)),
             keepdim = gr_attr_bool(w->module, set, GR_ATTR(argmax, keepdim)),
             last = gr_attr_bool(w->module, set, GR_ATTR(argmax, select_last_index));
  const char *x = gr_out_operand(w, 0);
  if (all && keepdim)
    return gr_out_refuse(w, "%s over all axes keeps none: lower it first, or write .gfb", w->row->onnx);
  if (all) x = gr_out_binary(w, "Reshape", "elements", x, gr_out_ints(w, "elements.shape", (int64_t[]){-1}, 1));
  Onnx__NodeProto *node = gr_out_begin(w, w->row->onnx);
  const int64_t dim = all ? 0 : gr_attr_int(w->module, set, GR_ATTR(argmax, dim));
  if (dim != 0) gr_out_set_int(w, node, "axis", dim);
  if (!keepdim || all) gr_out_set_int(w, node, "keepdims", 0);
  if (last) gr_out_set_int(w, node, "select_last_index", 1);
  return gr_out_finish(w, node, &x, 1);
}

bool gr_put_topk(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const char *inputs[2] = {gr_out_operand(w, 0), ""}, *outputs[2] = {gr_out_result(w, 0), gr_out_result(w, 1)};
  const int64_t axis = gr_attr_int(w->module, set, GR_ATTR(topk, dim));
  if (gr_out_has(w, 1)) {
    const graft_type *t = gr_out_type(w, 1);
    inputs[1] = gr_out_operand(w, 1);
    if (t->dtype != GRAFT_I64) inputs[1] = gr_out_cast(w, "long", inputs[1], GRAFT_I64);
    if (t->rank != 1)
      inputs[1] = gr_out_binary(w, "Reshape", "k", inputs[1], gr_out_ints(w, "k.shape", (int64_t[]){1}, 1));
  } else {
    inputs[1] = gr_out_ints(w, "k", (int64_t[]){gr_attr_int(w->module, set, GR_ATTR(topk, k))}, 1);
  }
  Onnx__NodeProto *node = gr_out_begin(w, "TopK");
  if (axis != -1) gr_out_set_int(w, node, "axis", axis);
  if (!gr_attr_bool(w->module, set, GR_ATTR(topk, largest))) gr_out_set_int(w, node, "largest", 0);
  if (!gr_attr_bool(w->module, set, GR_ATTR(topk, sorted))) gr_out_set_int(w, node, "sorted", 0);
  return gr_out_end(w, node, inputs, 2, outputs, 2);
}
