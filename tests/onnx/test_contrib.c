/* Ops of onnxruntime's domain: what its quantizer and its optimizer write. */
#include "running.h"

#include <stdlib.h>
#include <string.h>

static Onnx__NodeProto *ort(const char *op, const char *const *inputs) {
  Onnx__NodeProto *n = node(op, inputs);
  free(n->domain);
  n->domain = strdup("com.microsoft");
  return n;
}

static void add_activation_params(Onnx__NodeProto *n, size_t count, const float *values) {
  Onnx__AttributeProto *a = add_attr(n, "activation_params", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
  a->n_floats = count;
  a->floats = calloc(count, sizeof *a->floats);
  memcpy(a->floats, values, count * sizeof *values);
}

/* The node is kept as it is. */
static void stays(const char *op) {
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, graft_output_get(graph, 0))), op);
}

/* ---- operands are quantized ---- */

/* Scales and zero points, called by what they are. */
static void parameters(void) {
  add_f32(g, "half", 0, NULL, FLOATS(0.5f));
  add_f32(g, "one", 0, NULL, FLOATS(1));
  add_f32(g, "256th", 0, NULL, FLOATS(1.0f / 256));
  add_bytes("0", U8, 0, NULL, I8S(0));
  add_bytes("1", U8, 0, NULL, I8S(1));
  add_bytes("10", U8, 0, NULL, I8S(10));
  add_bytes("i0", I8, 0, NULL, I8S(0));
}

static void pair(void) {
  parameters();
  add_input(g, "x", U8, 1, INTS(2));
  add_bytes("b", U8, 1, INTS(1), I8S(3));
}

START_TEST(qlinear_add) {
  pair();
  ort("QLinearAdd", NAMES("x", "half", "0", "b", "one", "1", "half", "10"));
  GIVES(U8S(4, 255), GRAFT_U8, 18, 255);
}
END_TEST

START_TEST(qlinear_add_without_zero_points) {
  pair();
  ort("QLinearAdd", NAMES("x", "half", "", "b", "one", "", "one"));
  GIVES(U8S(4, 6), GRAFT_U8, 5, 6);
}
END_TEST

START_TEST(qlinear_add_without_a_scale) {
  pair();
  ort("QLinearAdd", NAMES("x", "half", "", "b", "", "", "one"));
  load_fails("/n", "input 4 is missing");
}
END_TEST

START_TEST(qlinear_add_without_the_scale_of_the_result) {
  pair();
  ort("QLinearAdd", NAMES("x", "half", "", "b", "one"));
  load_fails("/n", "input 6 is missing");
}
END_TEST

START_TEST(qlinear_mul) {
  pair();
  ort("QLinearMul", NAMES("x", "half", "0", "b", "one", "1", "half", "10"));
  GIVES(U8S(4, 255), GRAFT_U8, 18, 255);
}
END_TEST

START_TEST(qlinear_where) {
  pair();
  add_bytes("a", U8, 1, INTS(2), I8S(2, 4));
  add_int(add_node(g, "Cast", "/cast", NAMES("x"), NAMES("d")), "to", 9);
  ort("QLinearWhere", NAMES("d", "a", "half", "0", "b", "one", "1", "half", "10"));
  GIVES(U8S(1, 0), GRAFT_U8, 12, 14);
}
END_TEST

static Onnx__NodeProto *row(const char *op) {
  parameters();
  add_input(g, "x", U8, 4, INTS(1, 1, 1, 4));
  return ort(op, NAMES("x", "one", "0", "half", "1"));
}

START_TEST(qlinear_average_pool) {
  Onnx__NodeProto *n = row("QLinearAveragePool");
  add_ints(n, "kernel_shape", 2, INTS(1, 2));
  add_ints(n, "strides", 2, INTS(1, 2));
  add_int(n, "channels_last", 0);
  GIVES(U8S(1, 2, 3, 4), GRAFT_U8, 4, 8);
}
END_TEST

START_TEST(qlinear_global_average_pool) {
  row("QLinearGlobalAveragePool");
  GIVES(U8S(1, 2, 3, 4), GRAFT_U8, 6);
}
END_TEST

START_TEST(qlinear_pool_of_channels_last_stays) {
  add_int(row("QLinearGlobalAveragePool"), "channels_last", 1);
  stays("com.microsoft.QLinearGlobalAveragePool");
}
END_TEST

START_TEST(qlinear_reduce_mean) {
  Onnx__NodeProto *n = row("QLinearReduceMean");
  add_ints(n, "axes", 1, INTS(-1));
  add_int(n, "keepdims", 0);
  GIVES(U8S(1, 2, 3, 4), GRAFT_U8, 6);
}
END_TEST

START_TEST(qlinear_concat) {
  pair();
  add_int(ort("QLinearConcat", NAMES("half", "1", "x", "one", "0", "b", "half", "1")), "axis", 0);
  GIVES(U8S(4, 255), GRAFT_U8, 9, 255, 3);
}
END_TEST

START_TEST(qlinear_concat_of_two_thirds) {
  pair();
  add_int(ort("QLinearConcat", NAMES("half", "1", "x", "one", "0", "b", "half")), "axis", 0);
  load_fails("/n", "7 inputs");
}
END_TEST

START_TEST(qlinear_leaky_relu) {
  parameters();
  add_input(g, "x", I8, 1, INTS(2));
  add_float(ort("QLinearLeakyRelu", NAMES("x", "one", "i0", "one", "i0")), "alpha", 0.25f);
  GIVES(I8S(-4, 4), GRAFT_I8, -1, 4);
}
END_TEST

START_TEST(qlinear_sigmoid) {
  parameters();
  add_input(g, "x", I8, 1, INTS(2));
  ort("QLinearSigmoid", NAMES("x", "one", "i0", "256th", "0"));
  GIVES(I8S(0, 100), GRAFT_U8, 128, 255);
}
END_TEST

static Onnx__NodeProto *softmax(int64_t version) {
  parameters();
  add_input(g, "x", U8, 2, INTS(2, 2));
  Onnx__NodeProto *n = ort("QLinearSoftmax", NAMES("x", "one", "0", "256th", "0"));
  add_int(n, "axis", 0);
  add_int(n, "opset", version);
  return n;
}

START_TEST(qlinear_softmax) {
  softmax(13);
  GIVES(U8S(7, 7, 7, 7), GRAFT_U8, 128, 128, 128, 128);
}
END_TEST

START_TEST(qlinear_softmax_of_opset_12) {
  softmax(12);
  GIVES(U8S(7, 7, 7, 7), GRAFT_U8, 64, 64, 64, 64);
}
END_TEST

/* C is 4 * (2 * 1 * 0.5) and -8 * (2 * 1 * 1). */
static void gemm(const char *scale, const char *zero) {
  parameters();
  add_input(g, "x", U8, 2, INTS(1, 2));
  add_bytes("w", I8, 2, INTS(2, 2), I8S(3, -3, 5, 127));
  add_f32(g, "ws", 1, INTS(2), FLOATS(0.5f, 1));
  add_bytes("wz", I8, 1, INTS(2), I8S(0, 0));
  add_words("c", 1, INTS(2), (const int32_t[]){4, -8});
  Onnx__NodeProto *n = scale ? ort("QGemm", NAMES("x", "one", "1", "w", "ws", "wz", "c", scale, zero))
                             : ort("QGemm", NAMES("x", "one", "1", "w", "ws", "wz", "c"));
  add_float(n, "alpha", 2);
  add_int(n, "transB", 1);
}

START_TEST(qgemm) {
  gemm("half", "10");
  GIVES(U8S(2, 3), GRAFT_U8, 12, 255);
}
END_TEST

START_TEST(qgemm_to_float) {
  gemm(NULL, NULL);
  GIVES(U8S(2, 3), GRAFT_F32, 1, 502);
}
END_TEST

START_TEST(matmul_integer_to_float) {
  add_input(g, "x", U8, 2, INTS(1, 2));
  parameters();
  add_bytes("w", I8, 2, INTS(2, 2), I8S(3, -3, 5, 127));
  add_f32(g, "ws", 1, INTS(2), FLOATS(1, 2));
  add_f32(g, "bias", 1, INTS(2), FLOATS(1, 1));
  ort("MatMulIntegerToFloat", NAMES("x", "w", "half", "ws", "1", "", "bias"));
  GIVES(U8S(2, 3), GRAFT_F32, 7.5, 252);
}
END_TEST

START_TEST(dynamic_quantize_matmul) {
  add_input(g, "x", F32, 2, INTS(1, 2));
  parameters();
  add_bytes("w", I8, 2, INTS(2, 2), I8S(3, -3, 5, 127));
  ort("DynamicQuantizeMatMul", NAMES("x", "w", "half"));
  GIVES(FLOATS(-1, 254), GRAFT_F32, (254 * 5 - 3) * 0.5, (254 * 127 + 3) * 0.5);
}
END_TEST

START_TEST(quantize_in_its_domain) {
  parameters();
  add_input(g, "x", F32, 1, INTS(2));
  ort("QuantizeLinear", NAMES("x", "half", "i0"));
  GIVES(FLOATS(1, -100), GRAFT_I8, 2, -128);
}
END_TEST

/* ---- fused ---- */

static Onnx__NodeProto *conv(const char *activation, bool more) {
  add_input(g, "x", F32, 4, INTS(1, 1, 1, 2));
  add_f32(g, "w", 4, INTS(1, 1, 1, 1), FLOATS(2));
  add_f32(g, "b", 1, INTS(1), FLOATS(-3));
  add_f32(g, "z", 4, INTS(1, 1, 1, 2), FLOATS(0.5f, 0.5f));
  Onnx__NodeProto *n = ort("FusedConv", more ? NAMES("x", "w", "b", "z") : NAMES("x", "w", "b"));
  if (activation) add_string(n, "activation", activation);
  return n;
}

START_TEST(fused_conv_relu) {
  conv("Relu", true);
  GIVES(FLOATS(1, 2), GRAFT_F32, 0, 1.5);
}
END_TEST

START_TEST(fused_conv_leaky_relu) {
  add_activation_params(conv("LeakyRelu", false), 1, FLOATS(0.5f));
  GIVES(FLOATS(1, 3), GRAFT_F32, -0.5, 3);
}
END_TEST

START_TEST(fused_conv_clip) {
  add_activation_params(conv("Clip", false), 2, FLOATS(-0.5f, 2));
  GIVES(FLOATS(1, 3), GRAFT_F32, -0.5, 2);
}
END_TEST

START_TEST(fused_conv_hard_sigmoid) {
  conv("HardSigmoid", false);
  GIVES(FLOATS(1, 2), GRAFT_F32, 0.3, 0.7);
}
END_TEST

START_TEST(fused_conv_of_nothing_more) {
  conv(NULL, false);
  GIVES(FLOATS(1, 2), GRAFT_F32, -1, 1);
}
END_TEST

START_TEST(fused_conv_of_a_sum) {
  conv(NULL, true);
  GIVES(FLOATS(1, 2), GRAFT_F32, -0.5, 1.5);
}
END_TEST

START_TEST(fused_conv_of_an_unknown_activation_stays) {
  conv("Swoosh", false);
  stays("com.microsoft.FusedConv");
}
END_TEST

START_TEST(unknown_attribute_stays) {
  add_int(conv("Relu", false), "later", 1);
  stays("com.microsoft.FusedConv");
}
END_TEST

START_TEST(fused_gemm) {
  add_input(g, "x", F32, 2, INTS(1, 2));
  add_f32(g, "b", 2, INTS(2, 2), FLOATS(1, -2, 3, -4));
  add_f32(g, "c", 1, INTS(2), FLOATS(1, 1));
  Onnx__NodeProto *n = ort("FusedGemm", NAMES("x", "b", "c"));
  add_int(n, "transB", 1);
  add_float(n, "alpha", 2);
  add_string(n, "activation", "LeakyRelu");
  add_float(n, "activation_alpha", 0.25f);
  GIVES(FLOATS(1, 1), GRAFT_F32, -0.25, -0.25);
}
END_TEST

START_TEST(fused_matmul) {
  add_input(g, "x", F32, 3, INTS(1, 2, 1));
  add_f32(g, "b", 2, INTS(1, 2), FLOATS(3, 4));
  Onnx__NodeProto *n = ort("FusedMatMul", NAMES("x", "b"));
  add_float(n, "alpha", 0.5f);
  add_int(n, "transA", 1);
  add_int(n, "transB", 1);
  GIVES(FLOATS(1, 2), GRAFT_F32, 5.5);
}
END_TEST

START_TEST(fused_matmul_of_batches_stays) {
  add_input(g, "x", F32, 3, INTS(1, 2, 1));
  add_f32(g, "b", 2, INTS(1, 2), FLOATS(3, 4));
  add_int(ort("FusedMatMul", NAMES("x", "b")), "transBatchA", 1);
  stays("com.microsoft.FusedMatMul");
}
END_TEST

/* x of 0.5 and -1, a bias of 0.5 and 0 */
static Onnx__NodeProto *gelu(const char *op, bool bias) {
  add_input(g, "x", F32, 1, INTS(2));
  if (bias) add_f32(g, "b", 1, INTS(2), FLOATS(0.5f, 0));
  return ort(op, bias ? NAMES("x", "b") : NAMES("x"));
}

START_TEST(gelu_of_the_error_function) {
  gelu("Gelu", false);
  GIVES(FLOATS(1, -1), GRAFT_F32, 0.84134475, -0.15865525);
}
END_TEST

START_TEST(bias_gelu) {
  gelu("BiasGelu", true);
  GIVES(FLOATS(0.5f, -1), GRAFT_F32, 0.84134475, -0.15865525);
}
END_TEST

START_TEST(fast_gelu) {
  gelu("FastGelu", false);
  GIVES(FLOATS(1, -1), GRAFT_F32, 0.84119199, -0.15880801);
}
END_TEST

START_TEST(fast_gelu_of_a_bias) {
  gelu("FastGelu", true);
  GIVES(FLOATS(0.5f, -1), GRAFT_F32, 0.84119199, -0.15880801);
}
END_TEST

START_TEST(quick_gelu) {
  gelu("QuickGelu", false);
  GIVES(FLOATS(1, 0), GRAFT_F32, 0.84579577, 0);
}
END_TEST

START_TEST(quick_gelu_is_silu) {
  add_float(gelu("QuickGelu", false), "alpha", 1);
  GIVES(FLOATS(1, 0), GRAFT_F32, 0.73105858, 0);
}
END_TEST

static Onnx__NodeProto *skip(const char *op, const char *const *inputs) {
  add_input(g, "x", F32, 3, INTS(1, 1, 2));
  add_f32(g, "skip", 2, INTS(1, 2), FLOATS(1, 1));
  add_f32(g, "gamma", 1, INTS(2), FLOATS(1, 2));
  add_f32(g, "beta", 1, INTS(2), FLOATS(0, 1));
  add_f32(g, "bias", 1, INTS(2), FLOATS(0, 2));
  return ort(op, inputs);
}

START_TEST(skip_layer_norm) {
  skip("SkipLayerNormalization", NAMES("x", "skip", "gamma", "beta", "bias"));
  GIVES(FLOATS(1, 3), GRAFT_F32, -1, 3);
}
END_TEST

START_TEST(skip_layer_norm_without_beta) {
  skip("SkipLayerNormalization", NAMES("x", "skip", "gamma"));
  GIVES(FLOATS(1, 3), GRAFT_F32, -1, 2);
}
END_TEST

START_TEST(skip_rms_norm) {
  skip("SkipSimplifiedLayerNormalization", NAMES("x", "skip", "gamma", "bias"));
  GIVES(FLOATS(1, 3), GRAFT_F32, 0.447213595, 2.683281573);
}
END_TEST

static void four_outputs(const char *mean, const char *sum) {
  Onnx__NodeProto *n = skip("SkipLayerNormalization", NAMES("x", "skip", "gamma", "beta", "bias"));
  const char *const names[] = {"", mean, "", sum};
  for (size_t i = 0; i < n->n_output; i++) free(n->output[i]);
  free(n->output);
  n->output = calloc(4, sizeof *n->output);
  n->n_output = 4;
  for (int i = 0; i < 4; i++) n->output[i] = strdup(names[i]);
}

START_TEST(skip_layer_norm_gives_the_sum) {
  four_outputs("", "y");
  GIVES(FLOATS(1, 3), GRAFT_F32, 2, 6);
}
END_TEST

START_TEST(skip_layer_norm_does_not_give_the_mean) {
  four_outputs("y", "");
  will_not_run("com.microsoft.SkipLayerNormalization (its mean or inv_std_var is read)");
}
END_TEST

/* onnxruntime's optimizer writes it in ONNX's domain in older opsets than 17 too. */
START_TEST(layer_norm_of_opset_11) {
  opset(11);
  add_input(g, "x", F32, 2, INTS(1, 2));
  add_f32(g, "gamma", 1, INTS(2), FLOATS(1, 2));
  add_float(node("LayerNormalization", NAMES("x", "gamma")), "epsilon", 0);
  GIVES(FLOATS(2, 6), GRAFT_F32, -1, 2);
}
END_TEST

int main(void) {
  Suite *s = suite_create("onnx-contrib");
  TCase *t = tcase_create("contrib");
  tcase_add_checked_fixture(t, setup, teardown);
  ADD(t, qlinear_add, qlinear_add_without_zero_points, qlinear_add_without_a_scale,
      qlinear_add_without_the_scale_of_the_result, qlinear_mul, qlinear_where, qlinear_average_pool,
      qlinear_global_average_pool, qlinear_pool_of_channels_last_stays, qlinear_reduce_mean, qlinear_concat,
      qlinear_concat_of_two_thirds, qlinear_leaky_relu, qlinear_sigmoid, qlinear_softmax, qlinear_softmax_of_opset_12,
      qgemm, qgemm_to_float, matmul_integer_to_float, dynamic_quantize_matmul, quantize_in_its_domain, fused_conv_relu,
      fused_conv_leaky_relu, fused_conv_clip, fused_conv_hard_sigmoid, fused_conv_of_nothing_more, fused_conv_of_a_sum,
      fused_conv_of_an_unknown_activation_stays, unknown_attribute_stays, fused_gemm, fused_matmul,
      fused_matmul_of_batches_stays, gelu_of_the_error_function, bias_gelu, fast_gelu, fast_gelu_of_a_bias, quick_gelu,
      quick_gelu_is_silu, skip_layer_norm, skip_layer_norm_without_beta, skip_rms_norm, skip_layer_norm_gives_the_sum,
      skip_layer_norm_does_not_give_the_mean, layer_norm_of_opset_11);
  suite_add_tcase(s, t);
  return run_suite(s);
}
