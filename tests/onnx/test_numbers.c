/* Attributes that change the numbers, and older forms of ops, where ONNX's node tests have no case: import, one run,
 * the numbers compared. */
#include "fixture.h"
#include "runtime/runtime.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The model's one output, of the input's elements 1, 2, 3 …; as floats. */
static void gives(uint32_t count, const float *want) {
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  graft_session *s = graft_session_create(graph, NULL);
  ck_assert_ptr_nonnull(s);
  float in[64];
  for (int i = 0; i < 64; i++) in[i] = (float)(i + 1);
  graft_type t = graft_value_get_type(graph, graft_input_get(graph, 0));
  for (int32_t i = 0; i < t.rank; i++)
    if (t.dims[i] < 0) t.dims[i] = 2;
  ck_assert_int_eq(graft_session_set_input(s, 0, &t, in), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  const void *out = graft_session_get_output(s, 0, &t);
  ck_assert_int_eq(graft_type_elements(&t), count);
  for (uint32_t i = 0; i < count; i++) {
    float got = t.dtype == GRAFT_I8   ? (float)((const int8_t *)out)[i]
                : t.dtype == GRAFT_U8 ? (float)((const uint8_t *)out)[i]
                                      : ((const float *)out)[i];
    ck_assert_msg(fabsf(got - want[i]) <= 1e-5f * (1 + fabsf(want[i])), "element %u is %g, not %g", i, (double)got,
                  (double)want[i]);
  }
  graft_session_destroy(s);
}
#define GIVES(...) gives((uint32_t)COUNT(float, __VA_ARGS__), FLOATS(__VA_ARGS__))

static Onnx__NodeProto *node(const char *op, const char *const *inputs) {
  add_untyped_output(g, "y");
  return add_node(g, op, "/n", inputs, NAMES("y"));
}
static void opset(int64_t version) { proto->opset_import[0]->version = version; }

/* ---- products ---- */

START_TEST(gemm_alpha_without_c) {
  add_input(g, "x", 1, 2, INTS(1, 2));
  add_f32(g, "b", 2, INTS(2, 2), FLOATS(1, 2, 3, 4));
  add_float(node("Gemm", NAMES("x", "b")), "alpha", 0.5f);
  GIVES(3.5f, 5);
}
END_TEST

START_TEST(gemm_alpha_without_c_of_values) {
  add_input(g, "x", 1, 2, INTS(2, 2));
  add_float(node("Gemm", NAMES("x", "x")), "alpha", 0.5f);
  GIVES(3.5f, 5, 7.5f, 11);
}
END_TEST

START_TEST(gemm_alpha_and_beta) {
  add_input(g, "x", 1, 2, INTS(1, 2));
  add_f32(g, "b", 2, INTS(2, 2), FLOATS(1, 2, 3, 4));
  add_f32(g, "c", 1, INTS(2), FLOATS(10, 20));
  Onnx__NodeProto *n = node("Gemm", NAMES("x", "b", "c"));
  add_float(n, "alpha", 0.5f);
  add_float(n, "beta", 0.1f);
  GIVES(4.5f, 7);
}
END_TEST

START_TEST(gemm_transposes) {
  add_input(g, "x", 1, 2, INTS(2, 1));
  add_f32(g, "b", 2, INTS(2, 2), FLOATS(1, 2, 3, 4));
  Onnx__NodeProto *n = node("Gemm", NAMES("x", "b"));
  add_int(n, "transA", 1);
  add_int(n, "transB", 1);
  GIVES(5, 11);
}
END_TEST

/* ---- recurrent layers ---- */

START_TEST(activations_that_differ_by_direction) {
  add_input(g, "x", 1, 3, INTS(2, 1, 1));
  add_f32(g, "w", 3, INTS(2, 1, 1), FLOATS(1, 0.5f));
  add_f32(g, "r", 3, INTS(2, 1, 1), FLOATS(1, -1));
  Onnx__NodeProto *n = node("RNN", NAMES("x", "w", "r"));
  Onnx__AttributeProto *a = add_attr(n, "activations", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
  a->n_strings = 2;
  a->strings = calloc(2, sizeof *a->strings);
  for (int i = 0; i < 2; i++) {
    const char *const word = i ? "Tanh" : "relu";
    a->strings[i] = (ProtobufCBinaryData){.len = 4, .data = (uint8_t *)strdup(word)};
  }
  add_string(n, "direction", "bidirectional");
  add_int(n, "hidden_size", 1);
  GIVES(1, tanhf(0.5f - tanhf(1)), 3, tanhf(1));
}
END_TEST

/* ---- windows ---- */

START_TEST(conv_group) {
  add_input(g, "x", 1, 3, INTS(1, 2, 2));
  add_f32(g, "w", 3, INTS(2, 1, 1), FLOATS(2, 3));
  add_int(node("Conv", NAMES("x", "w")), "group", 2);
  GIVES(2, 4, 9, 12);
}
END_TEST

START_TEST(conv_transpose_group) {
  add_input(g, "x", 1, 3, INTS(1, 2, 2));
  add_f32(g, "w", 3, INTS(2, 1, 1), FLOATS(2, 3));
  add_int(node("ConvTranspose", NAMES("x", "w")), "group", 2);
  GIVES(2, 4, 9, 12);
}
END_TEST

START_TEST(conv_transpose_kernel_shape_contradicts) {
  add_input(g, "x", 1, 3, INTS(1, 1, 2));
  add_f32(g, "w", 3, INTS(1, 1, 1), FLOATS(2));
  add_ints(node("ConvTranspose", NAMES("x", "w")), "kernel_shape", 1, INTS(2));
  load_fails("/n", "kernel_shape contradicts");
}
END_TEST

static Onnx__NodeProto *average_pool(void) {
  opset(19);
  add_input(g, "x", 1, 3, INTS(1, 1, 4));
  Onnx__NodeProto *n = node("AveragePool", NAMES("x"));
  add_ints(n, "kernel_shape", 1, INTS(2));
  return n;
}

START_TEST(average_pool_without_dilations) {
  add_ints(average_pool(), "dilations", 1, INTS(1));
  GIVES(1.5f, 2.5f, 3.5f);
}
END_TEST

START_TEST(average_pool_dilations) {
  add_ints(average_pool(), "dilations", 1, INTS(2));
  GIVES(2, 3);
}
END_TEST

/* ---- attention ---- */

static Onnx__NodeProto *attention(size_t rank, const int64_t *q, const int64_t *k, const float *keys,
                                  const float *values) {
  opset(23);
  add_input(g, "x", 1, rank, q);
  add_f32(g, "k", rank, k, keys);
  add_f32(g, "v", rank, k, values);
  return node("Attention", NAMES("x", "k", "v"));
}

START_TEST(attention_of_four_axes) { /* scores 0 and 1, 0 and 2 */
  const float y = (10 + 20 * expf(1)) / (1 + expf(1)), z = (10 + 20 * expf(2)) / (1 + expf(2));
  attention(4, INTS(1, 1, 2, 1), INTS(1, 1, 2, 1), FLOATS(0, 1), FLOATS(10, 20));
  GIVES(y, z);
}
END_TEST

START_TEST(attention_is_causal) {
  add_int(attention(4, INTS(1, 1, 2, 1), INTS(1, 1, 2, 1), FLOATS(0, 0), FLOATS(10, 20)), "is_causal", 1);
  GIVES(10, 15);
}
END_TEST

START_TEST(attention_of_three_axes) { /* two heads of query, one of the others */
  Onnx__NodeProto *n = attention(3, INTS(1, 2, 2), INTS(1, 2, 1), FLOATS(0, 1), FLOATS(10, 20));
  add_int(n, "q_num_heads", 2);
  add_int(n, "kv_num_heads", 1);
  add_float(n, "scale", 0);
  GIVES(15, 15, 15, 15);
}
END_TEST

START_TEST(attention_of_more_stays) {
  add_float(attention(4, INTS(1, 1, 2, 1), INTS(1, 1, 2, 1), FLOATS(0, 0), FLOATS(10, 20)), "softcap", 2);
  load();
  ck_assert_str_eq(node_text("y"), "onnx.Attention(x, k, v)");
}
END_TEST

/* ---- quantization ---- */

static void axis_0(const char *op, const char *const *inputs) {
  add_f32(g, "s", 1, INTS(2), FLOATS(1, 2));
  add_zeros(g, "z", 3, 1, 1, INTS(2));
  add_int(node(op, inputs), "axis", 0);
}

START_TEST(quantize_axis) {
  add_input(g, "x", 1, 2, INTS(2, 2));
  axis_0("QuantizeLinear", NAMES("x", "s", "z"));
  GIVES(1, 2, 2, 2); /* 3 / 2 is rounded to even */
}
END_TEST

START_TEST(dequantize_axis) {
  add_input(g, "x", 1, 2, INTS(2, 2));
  add_int(add_node(g, "Cast", "/cast", NAMES("x"), NAMES("q")), "to", 3);
  axis_0("DequantizeLinear", NAMES("q", "s", "z"));
  GIVES(1, 2, 6, 8);
}
END_TEST

static Onnx__NodeProto *quantize(void) {
  opset(23);
  add_input(g, "x", 1, 1, INTS(2));
  add_f32(g, "s", 0, NULL, FLOATS(0.01f));
  return node("QuantizeLinear", NAMES("x", "s"));
}

START_TEST(quantize_is_unsigned) {
  quantize();
  GIVES(100, 200);
}
END_TEST

START_TEST(quantize_output_dtype) {
  add_int(quantize(), "output_dtype", 3);
  GIVES(100, 127);
}
END_TEST

START_TEST(quantize_blocks) {
  add_int(quantize(), "block_size", 2);
  load_fails("/n", "block_size");
}
END_TEST

START_TEST(quantize_precision) {
  add_int(quantize(), "precision", 10);
  will_not_run("QuantizeLinear (a precision other than float)");
}
END_TEST

static Onnx__NodeProto *dequantize(void) {
  opset(23);
  add_input(g, "q", 3, 1, INTS(2));
  add_f32(g, "s", 0, NULL, FLOATS(0.5f));
  return node("DequantizeLinear", NAMES("q", "s"));
}

START_TEST(dequantize_blocks) {
  add_int(dequantize(), "block_size", 2);
  load_fails("/n", "block_size");
}
END_TEST

START_TEST(dequantize_output_dtype) {
  add_int(dequantize(), "output_dtype", 11);
  will_not_run("DequantizeLinear (output_dtype f64)");
}
END_TEST

START_TEST(dequantize_after_a_foreign_op) {
  add_input(g, "x", 1, 1, INTS(2));
  add_f32(g, "s", 0, NULL, FLOATS(0.5f));
  add_zeros(g, "z", 2, 1, 0, NULL);
  add_node(g, "Foreign", "/f", NAMES("x"), NAMES("q"));
  node("DequantizeLinear", NAMES("q", "s", "z"));
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  graft_attr a;
  ck_assert(graft_node_attr(graph, graft_value_node(graph, graft_value_find(graph, "y")), "dtype", &a));
  ck_assert_int_eq(a.as.dtype, GRAFT_U8);
}
END_TEST

/* ---- shape ---- */

static void pair(void) { add_input(g, "x", 1, 3, INTS(1, 2, 1)); }

START_TEST(squeeze_axes_of_opset_11) {
  opset(11);
  pair();
  add_ints(node("Squeeze", NAMES("x")), "axes", 1, INTS(2));
  load();
  graft_type t =
      graft_value_get_type(graft_module_get_graph(m, 0), graft_value_find(graft_module_get_graph(m, 0), "y"));
  ck_assert_int_eq(t.rank, 2);
  ck_assert_int_eq(t.dims[0], 1);
  ck_assert_int_eq(t.dims[1], 2);
}
END_TEST

static void split_gives(const char *part, uint32_t count, const float *want) {
  add_untyped_output(g, part);
  gives(count, want);
}

START_TEST(split_sizes_of_opset_11) {
  opset(11);
  add_input(g, "x", 1, 1, INTS(4));
  add_ints(add_node(g, "Split", "/n", NAMES("x"), NAMES("a", "b")), "split", 2, INTS(1, 3));
  split_gives("b", 3, FLOATS(2, 3, 4));
}
END_TEST

START_TEST(split_num_outputs) {
  opset(18);
  add_input(g, "x", 1, 1, INTS(5));
  add_int(add_node(g, "Split", "/n", NAMES("x"), NAMES("a", "b")), "num_outputs", 2);
  split_gives("b", 2, FLOATS(4, 5));
}
END_TEST

START_TEST(split_without_num_outputs_is_even) {
  add_input(g, "x", 1, 1, INTS(5));
  add_node(g, "Split", "/n", NAMES("x"), NAMES("a", "b"));
  add_untyped_output(g, "b");
  load_fails("/n", "2 outputs of an axis of 5");
}
END_TEST

START_TEST(slice_of_opset_9) {
  opset(9);
  add_input(g, "x", 1, 2, INTS(2, 3));
  Onnx__NodeProto *n = node("Slice", NAMES("x"));
  add_ints(n, "axes", 1, INTS(1));
  add_ints(n, "starts", 1, INTS(1));
  add_ints(n, "ends", 1, INTS(9));
  GIVES(2, 3, 5, 6);
}
END_TEST

START_TEST(slice_of_opset_9_without_axes) {
  opset(9);
  add_input(g, "x", 1, 2, INTS(2, 3));
  Onnx__NodeProto *n = node("Slice", NAMES("x"));
  add_ints(n, "starts", 2, INTS(1, 0));
  add_ints(n, "ends", 2, INTS(2, 2));
  GIVES(4, 5);
}
END_TEST

START_TEST(slice_without_ends) {
  opset(9);
  add_input(g, "x", 1, 1, INTS(3));
  add_ints(node("Slice", NAMES("x")), "starts", 1, INTS(1));
  load_fails("/n", "without starts or ends");
}
END_TEST

START_TEST(pad_of_opset_10) {
  opset(10);
  add_input(g, "x", 1, 1, INTS(2));
  Onnx__NodeProto *n = node("Pad", NAMES("x"));
  add_ints(n, "pads", 2, INTS(1, 2));
  add_float(n, "value", 0.5f);
  GIVES(0.5f, 1, 2, 0.5f, 0.5f);
}
END_TEST

START_TEST(concat_of_opset_3) {
  opset(3);
  add_input(g, "x", 1, 2, INTS(2, 1));
  node("Concat", NAMES("x", "x"));
  GIVES(1, 1, 2, 2);
}
END_TEST

/* ---- elementwise ---- */

static Onnx__NodeProto *clip(void) {
  opset(6);
  add_input(g, "x", 1, 1, INTS(4));
  return node("Clip", NAMES("x"));
}

START_TEST(clip_of_opset_6) {
  Onnx__NodeProto *n = clip();
  add_float(n, "min", 2);
  add_float(n, "max", 3);
  GIVES(2, 2, 3, 3);
}
END_TEST

START_TEST(clip_of_opset_6_below) {
  add_float(clip(), "min", 2);
  GIVES(2, 2, 3, 4);
}
END_TEST

START_TEST(clip_of_opset_6_above) {
  add_float(clip(), "max", 3);
  GIVES(1, 2, 3, 3);
}
END_TEST

/* Over axes 1 and 2 together, as opset 11 has it: e / (e + e^2 + …). */
static void softmax(int64_t batch) {
  opset(11);
  add_input(g, "x", 1, 3, INTS(batch, 2, 2));
  node("Softmax", NAMES("x"));
  GIVES(0.0320586f, 0.08714432f, 0.23688284f, 0.64391428f, 0.0320586f, 0.08714432f, 0.23688284f, 0.64391428f);
}

START_TEST(softmax_of_opset_11) { softmax(2); }
END_TEST

START_TEST(softmax_of_opset_11_and_an_unknown_batch) { softmax(-1); }
END_TEST

START_TEST(softmax_of_opset_11_over_the_last_axis) {
  opset(11);
  add_input(g, "x", 1, 3, INTS(1, 2, 2));
  add_int(node("Softmax", NAMES("x")), "axis", 2);
  GIVES(0.26894142f, 0.73105858f, 0.26894142f, 0.73105858f);
}
END_TEST

START_TEST(reduce_mean_noop) {
  opset(18);
  add_input(g, "x", 1, 1, INTS(2));
  add_i64(g, "axes", 0, NULL);
  add_int(node("ReduceMean", NAMES("x", "axes")), "noop_with_empty_axes", 1);
  GIVES(1, 2);
}
END_TEST

START_TEST(dropout_ratio) {
  opset(10);
  add_input(g, "x", 1, 1, INTS(2));
  add_float(node("Dropout", NAMES("x")), "ratio", 0.25f);
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  graft_attr a;
  ck_assert(graft_node_attr(graph, graft_value_node(graph, graft_value_find(graph, "y")), "p", &a));
  ck_assert_double_eq(a.as.f, 0.25);
}
END_TEST

START_TEST(batch_norm_of_each_element) {
  opset(8);
  add_input(g, "x", 1, 3, INTS(1, 2, 1));
  for (int i = 0; i < 4; i++) add_f32(g, (const char *[]){"a", "b", "c", "d"}[i], 1, INTS(2), FLOATS(1, 1));
  add_int(node("BatchNormalization", NAMES("x", "a", "b", "c", "d")), "spatial", 0);
  will_not_run("BatchNormalization (spatial 0, statistics of each element)");
}
END_TEST

START_TEST(batch_norm_of_opset_7) {
  opset(7);
  add_input(g, "x", 1, 3, INTS(1, 2, 1));
  for (int i = 0; i < 4; i++) add_f32(g, (const char *[]){"a", "b", "c", "d"}[i], 1, INTS(2), FLOATS(1, 1));
  add_int(node("BatchNormalization", NAMES("x", "a", "b", "c", "d")), "spatial", 1);
  GIVES(1, 1.999995f);
}
END_TEST

START_TEST(swish_of_another_alpha) {
  opset(24);
  add_input(g, "x", 1, 1, INTS(2));
  add_float(node("Swish", NAMES("x")), "alpha", 2);
  GIVES(0.8807970f, 1.9640276f);
}
END_TEST

START_TEST(rms_norm_of_two_axes) {
  opset(23);
  add_input(g, "x", 1, 3, INTS(1, 1, 2));
  add_f32(g, "scale", 1, INTS(2), FLOATS(1, 10));
  Onnx__NodeProto *n = node("RMSNormalization", NAMES("x", "scale"));
  add_int(n, "axis", 1);
  add_float(n, "epsilon", 1.5f); /* mean of the squares: 2.5 */
  GIVES(0.5f, 10);
}
END_TEST

START_TEST(cast_like_of_an_unknown_dtype_stays) {
  opset(15);
  add_input(g, "x", 1, 1, INTS(2));
  add_node(g, "StringNormalizer", "/s", NAMES("x"), NAMES("s"));
  node("CastLike", NAMES("x", "s"));
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, graft_value_find(graph, "y"))), "onnx.CastLike");
}
END_TEST

/* ---- elements that move ---- */

START_TEST(pad_wraps_the_axes_given) {
  opset(19);
  add_input(g, "x", 1, 2, INTS(2, 2));
  add_i64(g, "pads", 2, INTS(3, -1));
  add_i64(g, "axes", 1, INTS(-1));
  add_string(node("Pad", NAMES("x", "pads", "", "axes")), "mode", "wrap");
  GIVES(2, 1, 2, 1, 4, 3, 4, 3);
}
END_TEST

/* The places of the blocks along an axis, by row of the kernel: as PyTorch's exporter computes them. */
static void add_block_places(const char *axis, const char *extent, const char *count, const char *row,
                             const char *places) {
  add_node(g, "Gather", "", NAMES("shape", axis), NAMES(extent));
  add_node(g, "Sub", "", NAMES(extent, "one"), NAMES(count));
  add_node(g, "Range", "", NAMES("zero", count, "one"), NAMES(row));
  add_node(g, "Add", "", NAMES(row, "kernel"), NAMES(places));
}

START_TEST(unfold_of_pytorch) {
  opset(17);
  add_input(g, "x", 1, 4, INTS(1, 1, -1, 3));
  for (int i = 0; i < 6; i++)
    add_i64(g, (const char *[]){"zero", "one", "two", "three", "four", "rest"}[i], 1, &INTS(0, 1, 2, 3, 4, -1)[i]);
  add_i64(g, "steps", 2, INTS(0, 1));
  add_i64(g, "column", 2, INTS(2, 1));
  add_node(g, "Reshape", "", NAMES("steps", "column"), NAMES("kernel"));
  add_node(g, "Shape", "", NAMES("x"), NAMES("shape"));
  add_block_places("two", "h", "rows", "r", "row_places");
  add_block_places("three", "w", "columns", "c", "column_places");
  add_int(add_node(g, "Gather", "", NAMES("x", "row_places"), NAMES("a")), "axis", 2);
  add_int(add_node(g, "Gather", "", NAMES("a", "column_places"), NAMES("b")), "axis", 4);
  add_ints(add_node(g, "Transpose", "", NAMES("b"), NAMES("t")), "perm", 6, INTS(0, 1, 2, 4, 3, 5));
  add_node(g, "Gather", "", NAMES("shape", "zero"), NAMES("batch"));
  add_node(g, "Gather", "", NAMES("shape", "one"), NAMES("channels"));
  add_node(g, "Mul", "", NAMES("channels", "four"), NAMES("unfolded"));
  add_int(add_node(g, "Concat", "", NAMES("batch", "unfolded", "rest"), NAMES("size")), "axis", 0);
  node("Reshape", NAMES("t", "size"));
  GIVES(1, 2, 2, 3, 4, 5, 5, 6);
}
END_TEST

START_TEST(roll_of_pytorch) {
  add_input(g, "x", 1, 2, INTS(2, 3));
  add_i64(g, "axis", 1, INTS(1));
  add_i64(g, "from", 1, INTS(-1));
  add_i64(g, "zero", 1, INTS(0));
  add_i64(g, "end", 1, INTS(INT64_MAX));
  add_node(g, "Slice", "", NAMES("x", "from", "end", "axis"), NAMES("a"));
  add_node(g, "Slice", "", NAMES("x", "zero", "from", "axis"), NAMES("b"));
  add_int(node("Concat", NAMES("a", "b")), "axis", 1);
  GIVES(3, 1, 2, 6, 4, 5);
}
END_TEST

START_TEST(col2im_with_uneven_pads) {
  opset(18);
  add_input(g, "x", 1, 3, INTS(1, 2, 4));
  add_i64(g, "image", 1, INTS(2));
  add_i64(g, "block", 1, INTS(2));
  add_ints(node("Col2Im", NAMES("x", "image", "block")), "pads", 2, INTS(1, 2)); /* 1, 7, 9, 11, 8 */
  GIVES(7, 9);
}
END_TEST

START_TEST(col2im_with_even_pads) {
  opset(18);
  add_input(g, "x", 1, 3, INTS(1, 2, 4));
  add_i64(g, "image", 1, INTS(3));
  add_i64(g, "block", 1, INTS(2));
  add_ints(node("Col2Im", NAMES("x", "image", "block")), "pads", 2, INTS(1, 1));
  GIVES(7, 9, 11);
}
END_TEST

START_TEST(center_crop_and_pad) {
  opset(18);
  add_input(g, "x", 1, 2, INTS(1, 4));
  add_i64(g, "shape", 2, INTS(2, 3)); /* no row in front, no column cut off in front */
  node("CenterCropPad", NAMES("x", "shape"));
  GIVES(1, 2, 3, 0, 0, 0);
}
END_TEST

START_TEST(center_crop_of_an_axis) {
  opset(18);
  add_input(g, "x", 1, 2, INTS(1, 6));
  add_i64(g, "shape", 1, INTS(3));
  add_ints(node("CenterCropPad", NAMES("x", "shape")), "axes", 1, INTS(-1));
  GIVES(2, 3, 4);
}
END_TEST

START_TEST(roi_align_of_opset_10) {
  opset(10);
  add_input(g, "x", 1, 4, INTS(1, 1, 2, 2));
  add_f32(g, "rois", 2, INTS(1, 4), FLOATS(0, 0, 1, 1));
  add_i64(g, "images", 1, INTS(0));
  node("RoiAlign", NAMES("x", "rois", "images")); /* at (0.5, 0.5) */
  GIVES(2.5f);
}
END_TEST

START_TEST(dft_of_opset_20) {
  opset(20);
  add_input(g, "x", 1, 3, INTS(2, 2, 1));
  add_i64(g, "axis", 1, INTS(0));
  node("DFT", NAMES("x", "", "axis"));
  GIVES(4, 0, 6, 0, -2, 0, -2, 0);
}
END_TEST

START_TEST(stft_by_its_window) {
  opset(17);
  add_input(g, "x", 1, 3, INTS(1, 4, 1));
  add_i64(g, "step", 1, INTS(2));
  add_f32(g, "window", 1, INTS(2), FLOATS(1, 0.5f));
  node("STFT", NAMES("x", "step", "window"));
  GIVES(2, 0, 0, 0, 5, 0, 1, 0);
}
END_TEST

int main(void) {
  Suite *s = suite_create("onnx-numbers");
  TCase *t = tcase_create("numbers");
  tcase_add_checked_fixture(t, setup, teardown);
  ADD(t, attention_of_four_axes, attention_is_causal, attention_of_three_axes, attention_of_more_stays);
  ADD(t, gemm_alpha_without_c, gemm_alpha_without_c_of_values, gemm_alpha_and_beta, gemm_transposes,
      activations_that_differ_by_direction, conv_group, conv_transpose_group, conv_transpose_kernel_shape_contradicts,
      average_pool_without_dilations, average_pool_dilations, quantize_axis, dequantize_axis, quantize_is_unsigned,
      quantize_output_dtype, quantize_blocks, quantize_precision, dequantize_blocks, dequantize_output_dtype,
      dequantize_after_a_foreign_op, squeeze_axes_of_opset_11, split_sizes_of_opset_11, split_num_outputs,
      split_without_num_outputs_is_even, slice_of_opset_9, slice_of_opset_9_without_axes, slice_without_ends,
      pad_of_opset_10, concat_of_opset_3, clip_of_opset_6, clip_of_opset_6_below, clip_of_opset_6_above,
      softmax_of_opset_11, softmax_of_opset_11_and_an_unknown_batch, softmax_of_opset_11_over_the_last_axis,
      reduce_mean_noop, dropout_ratio, batch_norm_of_each_element, batch_norm_of_opset_7, swish_of_another_alpha,
      rms_norm_of_two_axes, cast_like_of_an_unknown_dtype_stays, pad_wraps_the_axes_given, unfold_of_pytorch,
      roll_of_pytorch, col2im_with_uneven_pads, col2im_with_even_pads, center_crop_and_pad, center_crop_of_an_axis,
      roi_align_of_opset_10, dft_of_opset_20, stft_by_its_window);
  suite_add_tcase(s, t);
  return run_suite(s);
}
