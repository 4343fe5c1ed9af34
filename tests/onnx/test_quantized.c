/* Quantized forms that others write: products of integers, ops on quantized operands and their twins between
 * DequantizeLinear and QuantizeLinear, scales of blocks, dtypes of 16 and 4 bits. */
#include "running.h"

#include <stdlib.h>
#include <string.h>

/* ---- products of integers ---- */

START_TEST(matmul_integer_zero_points_of_rows_and_columns) {
  add_input(g, "x", U8, 2, INTS(2, 2));
  add_bytes("w", I8, 2, INTS(2, 2), I8S(1, -2, 3, -4));
  add_bytes("xz", U8, 1, INTS(2), I8S(1, 100));
  add_bytes("wz", I8, 1, INTS(2), I8S(1, -1));
  node("MatMulInteger", NAMES("x", "w", "xz", "wz"));
  GIVES(U8S(2, 3, 110, 0), GRAFT_I32, 4, -7, -200, 290);
}
END_TEST

START_TEST(matmul_integer_of_a_vector) {
  add_input(g, "x", U8, 1, INTS(2));
  add_bytes("w", U8, 2, INTS(2, 2), I8S(1, 2, 3, 4));
  add_bytes("xz", U8, 1, INTS(2), I8S(1, 2));
  node("MatMulInteger", NAMES("x", "w", "xz"));
  GIVES(U8S(2, 5), GRAFT_I32, 10, 14);
}
END_TEST

/* A float has no room for this sum. */
START_TEST(matmul_integer_is_exact) {
  uint8_t x[1100];
  memset(x, 255, sizeof x);
  x[1099] = 254;
  add_input(g, "x", U8, 2, INTS(1, 1100));
  Onnx__TensorProto *w = add_zeros(g, "w", U8, 1, 2, INTS(1100, 1));
  memset(w->raw_data.data, 255, w->raw_data.len);
  node("MatMulInteger", NAMES("x", "w"));
  GIVES(x, GRAFT_I32, 71527245);
}
END_TEST

static Onnx__NodeProto *conv_integer(void) {
  add_input(g, "x", U8, 4, INTS(1, 1, 1, 2));
  add_bytes("w", I8, 4, INTS(2, 1, 1, 2), I8S(1, 2, 3, 4));
  add_bytes("xz", U8, 0, NULL, I8S(10));
  add_bytes("wz", I8, 1, INTS(2), I8S(0, 5));
  return node("ConvInteger", NAMES("x", "w", "xz", "wz"));
}

/* Padding is of the zero point. */
START_TEST(conv_integer_padding) {
  add_ints(conv_integer(), "pads", 4, INTS(0, 1, 0, 0));
  GIVES(U8S(12, 9), GRAFT_I32, 4, 0, -2, -3);
}
END_TEST

START_TEST(conv_integer_needs_one_zero_point_of_x) {
  add_input(g, "x", U8, 4, INTS(1, 1, 1, 2));
  add_bytes("w", I8, 4, INTS(2, 1, 1, 2), I8S(1, 2, 3, 4));
  add_bytes("xz", U8, 1, INTS(2), I8S(10, 11));
  node("ConvInteger", NAMES("x", "w", "xz"));
  load_fails("/n", "one zero point");
}
END_TEST

static void dynamic(const char *out) {
  add_input(g, "x", F32, 1, INTS(3));
  add_node(g, "DynamicQuantizeLinear", "/d", NAMES("x"), NAMES("q", "s", "z"));
  add_untyped_output(g, out);
}

START_TEST(dynamic_quantize) {
  dynamic("q");
  GIVES(FLOATS(-1, 0.5f, 254), GRAFT_U8, 0, 1, 255); /* 0.5 is rounded to even */
}
END_TEST

START_TEST(dynamic_quantize_zero_point) {
  dynamic("z");
  GIVES(FLOATS(-1, 0.5f, 254), GRAFT_U8, 1);
}
END_TEST

START_TEST(dynamic_quantize_of_zeros) {
  dynamic("q");
  GIVES(FLOATS(0, 0, 0), GRAFT_U8, 0, 0, 0);
}
END_TEST

START_TEST(dynamic_quantize_to_nobody) {
  add_input(g, "x", F32, 1, INTS(3));
  add_node(g, "DynamicQuantizeLinear", "/d", NAMES("x"), NAMES("", "s", ""));
  add_untyped_output(g, "s");
  GIVES(FLOATS(0, 0.5f, 255), GRAFT_F32, 1);
}
END_TEST

/* ---- operators and their twins ---- */

#define CHANNELS 4

/* Parameters of two convolutions in a row, the second one of each channel alone; weights by channel. */
static void conv_parameters(void) {
  static int8_t weight[CHANNELS * 3 * 9], depthwise[CHANNELS * 9];
  int32_t bias[CHANNELS];
  for (int i = 0; i < CHANNELS * 3 * 9; i++) weight[i] = (int8_t)(i * 73 % 255 - 127);
  for (int i = 0; i < CHANNELS * 9; i++) depthwise[i] = (int8_t)(i * 91 % 255 - 127);
  for (int i = 0; i < CHANNELS; i++) bias[i] = i * 1000 - 1500;
  opset(13);
  add_f32(g, "xs", 0, NULL, FLOATS(0.023f));
  add_bytes("xz", U8, 0, NULL, I8S(117));
  add_bytes("w", I8, 4, INTS(CHANNELS, 3, 3, 3), weight);
  add_f32(g, "ws", 1, INTS(CHANNELS), FLOATS(0.011f, 0.017f, 0.003f, 0.029f));
  add_bytes("wz", I8, 1, INTS(CHANNELS), I8S(0, 0, 0, 0));
  add_words("b", 1, INTS(CHANNELS), bias);
  add_f32(g, "bs", 1, INTS(CHANNELS), FLOATS(0.023f * 0.011f, 0.023f * 0.017f, 0.023f * 0.003f, 0.023f * 0.029f));
  add_f32(g, "us", 1, INTS(1), FLOATS(0.19f));
  add_bytes("uz", U8, 1, INTS(1), I8S(100));
  add_bytes("v", I8, 4, INTS(CHANNELS, 1, 3, 3), depthwise);
  add_f32(g, "vs", 0, NULL, FLOATS(0.007f));
  add_bytes("vz", I8, 0, NULL, I8S(3));
  add_f32(g, "ys", 0, NULL, FLOATS(0.31f));
  add_bytes("yz", U8, 0, NULL, I8S(127));
  add_input(g, "x", F32, 4, INTS(1, 3, 5, 4));
  add_node(g, "QuantizeLinear", "/q", NAMES("x", "xs", "xz"), NAMES("xq"));
}

static void first_window(Onnx__NodeProto *n) { add_ints(n, "pads", 4, INTS(1, 0, 1, 1)); }
static void second_window(Onnx__NodeProto *n) {
  add_ints(n, "strides", 2, INTS(2, 1));
  add_int(n, "group", CHANNELS);
}

static void dequantize(const char *x, const char *scale, const char *zero, const char *y) {
  add_int(add_node(g, "DequantizeLinear", y, NAMES(x, scale, zero), NAMES(y)), "axis", 0);
}

START_TEST(qlinear_conv_is_its_twin) {
  float x[60];
  for (int i = 0; i < 60; i++) x[i] = (float)(i * 37 % 60) * 0.1f - 2.7f;
  conv_parameters();
  first_window(add_node(g, "QLinearConv", "/1", NAMES("xq", "xs", "xz", "w", "ws", "wz", "us", "uz", "b"), NAMES("u")));
  second_window(add_node(g, "QLinearConv", "/2", NAMES("u", "us", "uz", "v", "vs", "vz", "ys", "yz"), NAMES("y")));
  add_output(g, "y", U8, 4, INTS(1, CHANNELS, 2, 1));
  const array one = run(x);
  teardown();
  setup();
  conv_parameters();
  dequantize("xq", "xs", "xz", "xd");
  dequantize("w", "ws", "wz", "wd");
  dequantize("b", "bs", "", "bd");
  first_window(add_node(g, "Conv", "/1", NAMES("xd", "wd", "bd"), NAMES("u")));
  add_node(g, "QuantizeLinear", "/uq", NAMES("u", "us", "uz"), NAMES("uq"));
  dequantize("uq", "us", "uz", "ud");
  dequantize("v", "vs", "vz", "vd");
  second_window(add_node(g, "Conv", "/2", NAMES("ud", "vd"), NAMES("z")));
  add_node(g, "QuantizeLinear", "/yq", NAMES("z", "ys", "yz"), NAMES("y"));
  add_untyped_output(g, "y");
  const array two = run(x);
  int distinct = 0;
  ck_assert_int_eq(graft_type_elements(&one.type), graft_type_elements(&two.type));
  for (int64_t i = 0; i < graft_type_elements(&one.type); i++) {
    ck_assert(one.values[i] == two.values[i]);
    distinct += i > 0 && one.values[i] != one.values[i - 1];
  }
  ck_assert_int_gt(distinct, 4);
}
END_TEST

/* 2 (1 3 + 2 5) 0.5 / 4 + 10 and so on; halves go to the even one, what is out of range to its end. */
START_TEST(qlinear_matmul_rounds_and_saturates) {
  add_input(g, "x", U8, 2, INTS(2, 2));
  add_bytes("w", I8, 2, INTS(2, 2), I8S(3, -3, 5, 127));
  add_f32(g, "xs", 0, NULL, FLOATS(2));
  add_bytes("xz", U8, 0, NULL, I8S(1));
  add_f32(g, "ws", 1, INTS(2), FLOATS(0.5f, 4));
  add_bytes("wz", I8, 1, INTS(2), I8S(0, 0));
  add_f32(g, "ys", 0, NULL, FLOATS(4));
  add_bytes("yz", U8, 0, NULL, I8S(10));
  node("QLinearMatMul", NAMES("x", "xs", "xz", "w", "ws", "wz", "ys", "yz"));
  GIVES(U8S(2, 3, 3, 0), GRAFT_U8, 13, 255, 10, 0);
}
END_TEST

START_TEST(qlinear_matmul_scales_of_rows) {
  add_input(g, "x", U8, 2, INTS(2, 1));
  add_bytes("w", U8, 2, INTS(1, 1), I8S(6));
  add_f32(g, "xs", 1, INTS(2), FLOATS(1, 2));
  add_bytes("xz", U8, 1, INTS(2), I8S(1, 0));
  add_f32(g, "1", 0, NULL, FLOATS(1));
  add_bytes("0", U8, 0, NULL, I8S(0));
  node("QLinearMatMul", NAMES("x", "xs", "xz", "w", "1", "0", "1", "0"));
  GIVES(U8S(3, 4), GRAFT_U8, 12, 48);
}
END_TEST

START_TEST(qlinear_conv_needs_one_scale_of_x) {
  conv_parameters();
  node("QLinearConv", NAMES("xq", "ws", "xz", "w", "ws", "wz", "us", "uz", "b"));
  load_fails("/n", "differ in length");
}
END_TEST

/* ---- blocks ---- */

static Onnx__NodeProto *blocks(const char *op, int64_t size, int64_t axis, const char *const *inputs) {
  opset(21);
  Onnx__NodeProto *n = node(op, inputs);
  add_int(n, "block_size", size);
  add_int(n, "axis", axis);
  return n;
}

START_TEST(dequantize_blocks_of_rows) {
  add_input(g, "x", I8, 2, INTS(2, 4));
  add_f32(g, "s", 2, INTS(2, 2), FLOATS(1, 10, 100, 1000));
  add_bytes("z", I8, 2, INTS(2, 2), I8S(0, 1, 2, 3));
  blocks("DequantizeLinear", 2, -1, NAMES("x", "s", "z"));
  GIVES(I8S(1, 2, 3, 4, 5, 6, 7, 8), GRAFT_F32, 1, 2, 20, 30, 300, 400, 4000, 5000);
}
END_TEST

/* The last block is a smaller one. */
START_TEST(dequantize_blocks_of_columns) {
  add_input(g, "x", U8, 2, INTS(3, 2));
  add_f32(g, "s", 2, INTS(2, 2), FLOATS(1, 10, 100, 1000));
  blocks("DequantizeLinear", 2, 0, NAMES("x", "s"));
  GIVES(U8S(1, 2, 3, 4, 5, 6), GRAFT_F32, 1, 20, 3, 40, 500, 6000);
}
END_TEST

START_TEST(quantize_blocks_in_the_middle) {
  add_input(g, "x", F32, 3, INTS(-1, 3, 2));
  add_f32(g, "s", 3, INTS(2, 2, 2), FLOATS(1, 2, 4, 8, 0.5f, 0.25f, 1, 1));
  add_bytes("z", I8, 3, INTS(2, 2, 2), I8S(0, 1, 2, 3, 4, 5, 6, 7));
  blocks("QuantizeLinear", 2, 1, NAMES("x", "s", "z"));
  GIVES(FLOATS(1, 2, 3, 5, 16, 24, 1, 1, 2, 2, 3, 3), GRAFT_I8, 1, 2, 3, 3, 6, 6, 6, 9, 8, 13, 9, 10);
}
END_TEST

START_TEST(blocks_need_a_scale_each) {
  add_input(g, "x", I8, 2, INTS(2, 4));
  add_f32(g, "s", 2, INTS(2, 3), FLOATS(1, 10, 100, 1000, 1, 1));
  blocks("DequantizeLinear", 2, 1, NAMES("x", "s"));
  load_fails("/n", "3 scales along axis 1 of 4 entries");
}
END_TEST

START_TEST(blocks_without_extents_stay) {
  add_input(g, "x", I8, 2, INTS(2, -1));
  add_f32(g, "s", 2, INTS(2, 1), FLOATS(1, 10));
  blocks("DequantizeLinear", 2, 1, NAMES("x", "s"));
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  const graft_value y = graft_output_get(graph, 0);
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, y)), "onnx.DequantizeLinear");
  ck_assert_int_eq(graft_value_get_type(graph, y).dtype, GRAFT_F32);
}
END_TEST

START_TEST(blocks_have_at_least_one_entry) {
  add_input(g, "x", I8, 2, INTS(2, 1));
  add_f32(g, "s", 2, INTS(2, 1), FLOATS(1, 10));
  blocks("DequantizeLinear", -2, 1, NAMES("x", "s"));
  load_fails("/n", "block_size is -2");
}
END_TEST

/* ---- dtypes ---- */

static Onnx__NodeProto *one_scale(const char *op, int dtype) {
  opset(23);
  add_input(g, "x", dtype, 1, INTS(2));
  add_f32(g, "s", 0, NULL, FLOATS(0.01f));
  return node(op, NAMES("x", "s"));
}

START_TEST(quantize_to_16_bits) {
  add_int(one_scale("QuantizeLinear", F32), "output_dtype", I16);
  GIVES(FLOATS(-300, 1000), GRAFT_I16, -30000, 32767);
}
END_TEST

START_TEST(quantize_to_unsigned_16_bits) {
  add_input(g, "x", F32, 1, INTS(2));
  add_f32(g, "s", 0, NULL, FLOATS(1));
  add_zeros(g, "z", U16, 2, 0, NULL);
  opset(21);
  node("QuantizeLinear", NAMES("x", "s", "z"));
  GIVES(FLOATS(-3, 60000), GRAFT_U16, 0, 60000);
}
END_TEST

START_TEST(dequantize_16_bits) {
  one_scale("DequantizeLinear", U16);
  const uint16_t x[] = {50000, 1};
  GIVES(x, GRAFT_F32, (double)(50000 * 0.01f), (double)0.01f);
}
END_TEST

/* Of integers of 32 bits, as opset 10 already has it. */
START_TEST(quantize_of_integers) {
  one_scale("QuantizeLinear", I32);
  const int32_t x[] = {1, 2};
  GIVES(x, GRAFT_U8, 100, 200);
}
END_TEST

START_TEST(quantize_to_4_bits) {
  add_int(one_scale("QuantizeLinear", F32), "output_dtype", INT4);
  will_not_run("QuantizeLinear (output_dtype INT4)");
}
END_TEST

START_TEST(weight_of_4_bits) {
  add_input(g, "x", F32, 1, INTS(2));
  add_zeros(g, "w", INT4, 1, 1, INTS(2));
  add_f32(g, "s", 0, NULL, FLOATS(1));
  node("DequantizeLinear", NAMES("w", "s"));
  will_not_run("Constant (initializer 'w' is of dtype INT4, which graft does not have), DequantizeLinear (quantized "
               "data of dtype ?)");
}
END_TEST

/* A scale of f16 makes the result one; 0.1 is not in f32 what it is there. */
START_TEST(dequantize_to_halves) {
  const uint16_t tenth = 0x2e66;
  add_input(g, "x", I8, 1, INTS(2));
  Onnx__TensorProto *s = add_zeros(g, "s", F16, 2, 0, NULL);
  memcpy(s->raw_data.data, &tenth, sizeof tenth);
  add_node(g, "DequantizeLinear", "/d", NAMES("x", "s"), NAMES("d"));
  opset(19);
  add_int(node("Cast", NAMES("d")), "to", F32);
  GIVES(I8S(1, 3), GRAFT_F32, 0.0999755859375, 0.2998046875);
}
END_TEST

int main(void) {
  Suite *s = suite_create("onnx-quantized");
  TCase *t = tcase_create("quantized");
  tcase_add_checked_fixture(t, setup, teardown);
  ADD(t, matmul_integer_zero_points_of_rows_and_columns, matmul_integer_of_a_vector, matmul_integer_is_exact,
      conv_integer_padding, conv_integer_needs_one_zero_point_of_x, dynamic_quantize, dynamic_quantize_zero_point,
      dynamic_quantize_of_zeros, dynamic_quantize_to_nobody, qlinear_conv_is_its_twin,
      qlinear_matmul_rounds_and_saturates, qlinear_matmul_scales_of_rows, qlinear_conv_needs_one_scale_of_x,
      dequantize_blocks_of_rows, dequantize_blocks_of_columns, quantize_blocks_in_the_middle, blocks_need_a_scale_each,
      blocks_without_extents_stay, blocks_have_at_least_one_entry, quantize_to_16_bits, quantize_to_unsigned_16_bits,
      dequantize_16_bits, quantize_of_integers, quantize_to_4_bits, weight_of_4_bits, dequantize_to_halves);
  suite_add_tcase(s, t);
  return run_suite(s);
}
