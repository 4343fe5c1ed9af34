/* Convolutions, matrix products, recurrent layers. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

bool gr_put_plain(gr_out *w) { return gr_out_same(w, gr_out_begin(w, w->row->onnx)); }

bool gr_put_never(gr_out *w) {
  return gr_out_refuse(w, "ONNX cannot say '%s': %s", gr_op_text(w->module, gr_node_at(w->g, w->n)->op), w->row->onnx);
}

/* ---- convolutions ---- */

/* Before and after, by axis. */
static void set_pads(gr_out *w, Onnx__NodeProto *node, uint32_t slot) {
  uint32_t n;
  const int64_t *padding = gr_attr_ints(w->module, gr_out_attrs(w), slot, &n);
  int64_t pads[2 * GRAFT_MAX_RANK] = {0};
  for (uint32_t i = 0; i < n; i++) pads[i] = pads[n + i] = padding[i];
  gr_out_set_ints(w, node, "pads", pads, 2 * n);
}

/* The kernel's extents are the weight's last ones; where they are not known, it says them at run time. */
static void set_kernel(gr_out *w, Onnx__NodeProto *node) {
  const graft_type *t = gr_out_type(w, GR_OPERAND(conv2d, weight));
  for (int32_t i = 2; i < t->rank; i++)
    if (t->dims[i] < 0) return;
  if (t->rank > 2) gr_out_set_ints(w, node, "kernel_shape", t->dims + 2, (size_t)t->rank - 2);
}

bool gr_put_conv(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  Onnx__NodeProto *node = gr_out_begin(w, "Conv");
  gr_out_set_list(w, node, "dilations", GR_ATTR_ND(conv, dilation));
  gr_out_set_int(w, node, "group", gr_attr_int(w->module, set, GR_ATTR_ND(conv, groups)));
  set_kernel(w, node);
  set_pads(w, node, GR_ATTR_ND(conv, padding));
  gr_out_set_list(w, node, "strides", GR_ATTR_ND(conv, stride));
  return gr_out_same(w, node);
}

bool gr_put_conv_transpose(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  uint32_t n;
  Onnx__NodeProto *node = gr_out_begin(w, "ConvTranspose");
  const int64_t *extra = gr_attr_ints(w->module, set, GR_ATTR_ND(conv_transpose, output_padding), &n);
  bool more = false;
  for (uint32_t i = 0; i < n; i++) more = more || extra[i] != 0;
  gr_out_set_list(w, node, "dilations", GR_ATTR_ND(conv_transpose, dilation));
  gr_out_set_int(w, node, "group", gr_attr_int(w->module, set, GR_ATTR_ND(conv_transpose, groups)));
  set_kernel(w, node);
  if (more) gr_out_set_ints(w, node, "output_padding", extra, n);
  set_pads(w, node, GR_ATTR_ND(conv_transpose, padding));
  gr_out_set_list(w, node, "strides", GR_ATTR_ND(conv_transpose, stride));
  return gr_out_same(w, node);
}

/* ---- matrix products ---- */

/* Of rows of floats, Gemm with the weight as it is; else the product with the transposed weight. */
bool gr_put_linear(gr_out *w) {
  const char *x = gr_out_operand(w, 0), *weight = gr_out_operand(w, 1), *bias = gr_out_operand(w, 2);
  if (w->failed) return false;
  if (gr_out_type(w, 0)->rank == 2 && !gr_is_integer(gr_out_type(w, 0)->dtype)) {
    Onnx__NodeProto *node = gr_out_begin(w, "Gemm");
    gr_out_set_int(w, node, "transB", 1);
    return gr_out_finish(w, node, (const char *[]){x, weight, bias}, 3);
  }
  Onnx__NodeProto *turn = gr_out_begin(w, "Transpose");
  gr_out_set_ints(w, turn, "perm", (int64_t[]){1, 0}, 2);
  const char *turned = gr_out_step(w, turn, "weight", &weight, 1);
  if (!bias[0]) return gr_out_finish(w, gr_out_begin(w, "MatMul"), (const char *[]){x, turned}, 2);
  const char *product = gr_out_binary(w, "MatMul", "product", x, turned);
  return gr_out_finish(w, gr_out_begin(w, "Add"), (const char *[]){product, bias}, 2);
}

/* The second matrix, or what it is the transpose of. */
static const char *matrix(gr_out *w, uint32_t slot, bool *transposed) {
  const graft_value v = gr_operand(w->g, w->n, slot);
  const graft_node n = gr_value_node(w->g, v);
  *transposed = n != GRAFT_NONE && gr_out_absorbed(w->g, n);
  return gr_out_value_name(w, *transposed ? gr_operand(w->g, n, 0) : v);
}

bool gr_put_addmm(gr_out *w) {
  const double alpha = gr_attr_float(w->module, gr_out_attrs(w), GR_ATTR(addmm, alpha)),
               beta = gr_attr_float(w->module, gr_out_attrs(w), GR_ATTR(addmm, beta));
  bool transposed;
  const char *inputs[] = {gr_out_operand(w, GR_OPERAND(addmm, mat1)), matrix(w, GR_OPERAND(addmm, mat2), &transposed),
                          gr_out_operand(w, GR_OPERAND(addmm, input))};
  Onnx__NodeProto *node = gr_out_begin(w, "Gemm");
  if (alpha != 1) gr_out_set_float(w, node, "alpha", alpha);
  if (beta != 1) gr_out_set_float(w, node, "beta", beta);
  if (transposed) gr_out_set_int(w, node, "transB", 1);
  return gr_out_finish(w, node, inputs, 3);
}

bool gr_put_matmul(gr_out *w) {
  bool transposed;
  const char *inputs[] = {gr_out_operand(w, 0), matrix(w, GR_OPERAND(matmul, other), &transposed)};
  Onnx__NodeProto *node = gr_out_begin(w, transposed ? "Gemm" : "MatMul");
  if (transposed) gr_out_set_int(w, node, "transB", 1);
  return gr_out_finish(w, node, inputs, 2);
}

bool gr_put_einsum(gr_out *w) {
  Onnx__NodeProto *node = gr_out_begin(w, "Einsum");
  const graft_attr a = gr_attr_public(w->module, gr_info(w->g, w->n), gr_out_attrs(w), GR_ATTR(einsum, equation));
  gr_out_set_string(w, node, "equation", a.as.s);
  return gr_out_same(w, node);
}

/* ---- recurrent layers ---- */

/* ONNX's names of the activations, in the order of words.def, and whether they take alpha and beta. */
static const struct {
  const char *name;
  bool alpha, beta;
} activations[GR_activation_count] = {[GR_activation_relu] = {"Relu", false, false},
                                      [GR_activation_tanh] = {"Tanh", false, false},
                                      [GR_activation_sigmoid] = {"Sigmoid", false, false},
                                      [GR_activation_affine] = {"Affine", true, true},
                                      [GR_activation_leaky_relu] = {"LeakyRelu", true, false},
                                      [GR_activation_threshold] = {"ThresholdedRelu", true, false},
                                      [GR_activation_scaled_tanh] = {"ScaledTanh", true, true},
                                      [GR_activation_hardsigmoid] = {"HardSigmoid", true, true},
                                      [GR_activation_elu] = {"Elu", true, false},
                                      [GR_activation_softsign] = {"Softsign", false, false},
                                      [GR_activation_softplus] = {"Softplus", false, false}};

/* Slots of activation, alpha and beta of the op's functions; where it has the usual ones, nothing is written. */
static void set_activations(gr_out *w, Onnx__NodeProto *node, const uint32_t (*slots)[3], const uint32_t *usual,
                            uint32_t count, uint32_t directions) {
  const uint32_t set = gr_out_attrs(w);
  const char *names[6];
  double alphas[6], betas[6];
  uint32_t n = 0, alpha_count = 0, beta_count = 0;
  bool plain = true;
  for (uint32_t d = 0; d < directions; d++)
    for (uint32_t i = 0; i < count; i++) {
      const uint32_t word = (uint32_t)gr_attr_int(w->module, set, slots[i][0]);
      plain = plain && word == usual[i];
      names[n++] = activations[word].name;
      if (activations[word].alpha) alphas[alpha_count++] = gr_attr_float(w->module, set, slots[i][1]);
      if (activations[word].beta) betas[beta_count++] = gr_attr_float(w->module, set, slots[i][2]);
    }
  if (plain) return;
  if (alpha_count) gr_out_set_floats(w, node, "activation_alpha", alphas, alpha_count);
  if (beta_count) gr_out_set_floats(w, node, "activation_beta", betas, beta_count);
  gr_out_set_strings(w, node, "activations", names, n);
}

#define FUNCTION(op, letter) \
  { GR_ATTR(op, activation_##letter), GR_ATTR(op, alpha_##letter), GR_ATTR(op, beta_##letter) }

bool gr_put_recurrent(gr_out *w) {
  GR_SAME_ATTR(direction, lstm, gru);
  GR_SAME_ATTR(direction, lstm, rnn);
  GR_SAME_ATTR(batch_first, lstm, rnn);
  GR_SAME_ATTR(clip, lstm, rnn);
  GR_SAME_ATTR(activation_f, lstm, rnn);
  GR_SAME_ATTR(activation_g, lstm, gru);
  static const uint32_t slots[][3] = {FUNCTION(lstm, f), FUNCTION(lstm, g), FUNCTION(lstm, h)};
  static const uint32_t gates[] = {GR_activation_sigmoid, GR_activation_tanh, GR_activation_tanh},
                        one[] = {GR_activation_tanh};
  const uint32_t set = gr_out_attrs(w), op = gr_node_at(w->g, w->n)->op;
  const graft_module *m = w->module;
  const uint32_t direction = (uint32_t)gr_attr_int(m, set, GR_ATTR(lstm, direction));
  const bool batch_first = gr_attr_bool(m, set, GR_ATTR(lstm, batch_first));
  const double clip = gr_attr_float(m, set, GR_ATTR(lstm, clip));
  const graft_type *weight = gr_out_type(w, GR_OPERAND(lstm, weight_hh));
  if (batch_first && w->opset < 14)
    return gr_out_refuse(w, "%s has its batch first from opset 14 on: write that or a later one", w->row->onnx);
  Onnx__NodeProto *node = gr_out_begin(w, w->row->onnx);
  set_activations(w, node, slots, op == GR_OP_rnn ? one : gates,
                  op == GR_OP_lstm  ? 3
                  : op == GR_OP_gru ? 2
                                    : 1,
                  direction == GR_direction_bidirectional ? 2 : 1);
  if (clip > 0) gr_out_set_float(w, node, "clip", clip);
  if (direction != GR_direction_forward)
    gr_out_set_string(w, node, "direction", gr_choice_words(GR_CHOICE_direction)[direction]);
  if (weight->rank == 3 && weight->dims[2] >= 0) gr_out_set_int(w, node, "hidden_size", weight->dims[2]);
  if (op == GR_OP_lstm && gr_attr_bool(m, set, GR_ATTR(lstm, input_forget))) gr_out_set_int(w, node, "input_forget", 1);
  if (batch_first) gr_out_set_int(w, node, "layout", 1);
  if (op == GR_OP_gru && gr_attr_bool(m, set, GR_ATTR(gru, linear_before_reset)))
    gr_out_set_int(w, node, "linear_before_reset", 1);
  return gr_out_same(w, node);
}
