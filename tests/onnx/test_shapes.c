/* ONNX import of what is computed from shapes, and what a file may cost. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_value find(const char *name) {
  graft_value v = graft_value_find(graft_module_get_graph(m, 0), name);
  ck_assert_msg(v != GRAFT_NONE, "no value %s", name);
  return v;
}

static int64_t int_attr(const char *value, const char *name) {
  graft_graph *graph = graft_module_get_graph(m, 0);
  graft_attr a;
  ck_assert(graft_node_attr(graph, graft_value_node(graph, find(value)), name, &a));
  return a.as.i;
}

static void check_type(const char *value, int32_t rank, const int64_t *dims) {
  graft_type t = graft_value_get_type(graft_module_get_graph(m, 0), find(value));
  ck_assert_int_eq(t.rank, rank);
  for (int32_t i = 0; i < rank; i++) ck_assert_int_eq(t.dims[i], dims[i]);
}

static uint32_t node_count(void) { return graft_node_count(graft_module_get_graph(m, 0)); }

/* The second half of axis 1, as torch.chunk is exported: bounds from the shape's element, one axis long. */
static void chunk_model(int64_t batch) {
  add_input(g, "x", 1, 3, INTS(batch, 6, 5));
  add_i64(g, "one", 1, INTS(1));
  add_i64(g, "two", 1, INTS(2));
  add_node(g, "Shape", "/shape", NAMES("x"), NAMES("s"));
  add_int(add_node(g, "Gather", "/gather", NAMES("s", "one"), NAMES("n")), "axis", 0);
  add_node(g, "Add", "/add", NAMES("n", "one"), NAMES("n1"));
  add_node(g, "Div", "/div", NAMES("n1", "two"), NAMES("half"));
  add_node(g, "Mul", "/mul", NAMES("half", "two"), NAMES("end"));
  add_node(g, "Slice", "/slice", NAMES("x", "half", "end", "one"), NAMES("y"));
  add_untyped_output(g, "y");
}

START_TEST(bounds_of_slices_are_computed) {
  chunk_model(2);
  load();
  ck_assert_int_eq(int_attr("y", "start"), 3);
  ck_assert_int_eq(int_attr("y", "end"), 6);
  check_type("y", 3, INTS(2, 3, 5));
  ck_assert_uint_eq(node_count(), 1); /* what only computed them is gone … */
  ck_assert_uint_eq(graft_tensor_find(m, "two"), GRAFT_NONE);
}
END_TEST

START_TEST(another_extent_may_be_unknown) {
  chunk_model(-1);
  load();
  check_type("y", 3, INTS(-1, 3, 5));
  ck_assert_uint_eq(node_count(), 1);
}
END_TEST

START_TEST(what_else_is_read_stays) { /* … and only that */
  chunk_model(2);
  add_untyped_output(g, "n1");
  load();
  ck_assert_uint_eq(node_count(), 4);
  ck_assert_uint_ne(graft_tensor_find(m, "one"), GRAFT_NONE);
}
END_TEST

static void sliced_by(const char *ends) {
  add_i64(g, "zero", 1, INTS(0));
  add_node(g, "Slice", "/slice", NAMES("x", "zero", ends), NAMES("y"));
  add_untyped_output(g, "y");
}

static void unsqueezed_by(const char *axes) {
  add_node(g, "Unsqueeze", "/unsqueeze", NAMES("x", axes), NAMES("y"));
  add_untyped_output(g, "y");
}

/* What a slice leaves is known when it runs. */
START_TEST(slice_by_data) {
  add_input(g, "x", 1, 2, INTS(3, 4));
  add_input(g, "e", 7, 1, INTS(1));
  sliced_by("e");
  load();
  check_type("y", 2, INTS(-1, 4));
}
END_TEST

START_TEST(slice_by_data_of_unknown_length) {
  add_input(g, "x", 1, 1, INTS(3));
  add_input(g, "e", 7, 1, INTS(-1));
  add_input(g, "s", 7, 1, INTS(-1));
  add_node(g, "Slice", "/slice", NAMES("x", "s", "e"), NAMES("y"));
  add_untyped_output(g, "y");
  will_not_run("Slice (it needs to know how many axes it cuts)");
}
END_TEST

START_TEST(data_is_named) {
  add_input(g, "x", 1, 1, INTS(3));
  add_node(g, "NonZero", "/nonzero", NAMES("x"), NAMES("p"));
  add_node(g, "Add", "/sum", NAMES("p", "p"), NAMES("e"));
  unsqueezed_by("e");
  will_not_run(
      "Unsqueeze (the operand 'axes' must be constant; the node '/sum' computes it at run time, from '/nonzero')");
}
END_TEST

START_TEST(unknown_extent_is_named) {
  add_input(g, "x", 1, 1, INTS(-1));
  add_node(g, "Shape", "/shape", NAMES("x"), NAMES("e"));
  unsqueezed_by("e");
  will_not_run("Unsqueeze (the operand 'axes' must be constant; the node '/shape' computes it at run time)");
}
END_TEST

START_TEST(input_is_named) {
  add_input(g, "x", 1, 1, INTS(3));
  add_input(g, "e", 7, 1, INTS(1));
  unsqueezed_by("e");
  will_not_run("Unsqueeze (the operand 'axes' must be constant; it is the input 'e')");
}
END_TEST

START_TEST(floats_are_no_bounds) {
  add_input(g, "x", 1, 1, INTS(3));
  add_f32(g, "e", 1, INTS(1), FLOATS(1));
  sliced_by("e");
  load_fails("/slice", "must be a list of integers");
}
END_TEST

/* Reshape to [batch, 6 * 5] by a computed shape: the batch stays unknown, and the node a reshape. */
START_TEST(reshape_by_a_shape_known_in_part) {
  add_input(g, "x", 1, 3, INTS(-1, 6, 5));
  add_i64(g, "0", 1, INTS(0));
  add_i64(g, "1", 1, INTS(1));
  add_i64(g, "2", 1, INTS(2));
  add_node(g, "Shape", "/shape", NAMES("x"), NAMES("s"));
  add_node(g, "Gather", "/g0", NAMES("s", "0"), NAMES("b"));
  add_node(g, "Gather", "/g1", NAMES("s", "1"), NAMES("h"));
  add_node(g, "Gather", "/g2", NAMES("s", "2"), NAMES("w"));
  add_node(g, "Mul", "/mul", NAMES("h", "w"), NAMES("hw"));
  add_int(add_node(g, "Concat", "/cat", NAMES("b", "hw"), NAMES("size")), "axis", 0);
  add_node(g, "Reshape", "/reshape", NAMES("x", "size"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  check_type("y", 2, INTS(-1, 30));
}
END_TEST

/* ---- nodes after a foreign one ---- */

START_TEST(axes_from_the_front_need_no_rank) {
  add_input(g, "x", 1, 1, INTS(3));
  add_i64(g, "axes", 2, INTS(2, 0));
  add_node(g, "Foreign", "/f", NAMES("x"), NAMES("f"));
  add_node(g, "Unsqueeze", "/u", NAMES("f", "axes"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  ck_assert_int_eq(int_attr("y", "dim"), 2); /* of what axis 0 was added to */
  ck_assert_uint_eq(node_count(), 3);
}
END_TEST

START_TEST(axes_from_the_end_need_no_rank) {
  add_input(g, "x", 1, 1, INTS(3));
  add_i64(g, "axes", 2, INTS(-3, -1));
  add_node(g, "Foreign", "/f", NAMES("x"), NAMES("f"));
  add_node(g, "Unsqueeze", "/u", NAMES("f", "axes"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  ck_assert_int_eq(int_attr("y", "dim"), -3); /* of what axis -1 was added to */
  ck_assert_uint_eq(node_count(), 3);
}
END_TEST

START_TEST(axes_from_both_ends_need_the_rank) {
  add_input(g, "x", 1, 1, INTS(3));
  add_i64(g, "axes", 2, INTS(0, -1));
  add_node(g, "Foreign", "/f", NAMES("x"), NAMES("f"));
  add_node(g, "Unsqueeze", "/u", NAMES("f", "axes"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, graft_value_find(graph, "y"))), "onnx.Unsqueeze");
}
END_TEST

static void check_dtype(const char *value, graft_dtype dtype) {
  ck_assert_int_eq(graft_value_get_type(graft_module_get_graph(m, 0), find(value)).dtype, dtype);
}

static const char *op_of(const char *value) {
  graft_graph *graph = graft_module_get_graph(m, 0);
  return graft_node_get_op(graph, graft_value_node(graph, find(value)));
}

/* One foreign op does not reject the file: what wants to know more of its result stays as it is, of the same dtype. */
START_TEST(ops_that_need_the_rank_stay_behind_a_foreign_one) {
  proto->opset_import[0]->version = 17;
  add_input(g, "x", 1, 3, INTS(2, 3, 4));
  add_i64(g, "axes", 1, INTS(1));
  add_i64(g, "pads", 2, INTS(0, 1));
  add_i64(g, "sizes", 1, INTS(8));
  add_f32(g, "w", 1, INTS(1), (float[]){1});
  add_node(g, "Foreign", "/c", NAMES("x"), NAMES("c"));
  add_int(add_node(g, "Cast", "/f", NAMES("c"), NAMES("f")), "to", 1);
  add_node(g, "Transpose", "/t", NAMES("f"), NAMES("t"));
  add_int(add_node(g, "Flatten", "/fl", NAMES("f"), NAMES("fl")), "axis", 2);
  add_node(g, "Split", "/s", NAMES("f"), NAMES("s", "s1"));
  add_node(g, "Pad", "/p", NAMES("f", "pads"), NAMES("p"));
  add_node(g, "GlobalAveragePool", "/g", NAMES("f"), NAMES("gp"));
  add_node(g, "Resize", "/r", NAMES("f", "", "", "sizes"), NAMES("r"));
  add_int(add_node(g, "LayerNormalization", "/l", NAMES("f", "w"), NAMES("l")), "axis", 1);
  Onnx__NodeProto *pool = add_node(g, "AveragePool", "/a", NAMES("f"), NAMES("a"));
  add_ints(pool, "kernel_shape", 1, INTS(2));
  add_ints(pool, "pads", 2, INTS(0, 1));
  add_node(g, "Relu", "/y", NAMES("t"), NAMES("y"));
  static const char *const kept[][2] = {{"t", "onnx.Transpose"},
                                        {"fl", "onnx.Flatten"},
                                        {"s", "onnx.Split"},
                                        {"s1", "onnx.Split"},
                                        {"p", "onnx.Pad"},
                                        {"r", "onnx.Resize"},
                                        {"gp", "onnx.GlobalAveragePool"},
                                        {"l", "onnx.LayerNormalization"},
                                        {"a", "onnx.AveragePool"}};
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) add_untyped_output(g, kept[i][0]);
  add_untyped_output(g, "y");
  load();
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    ck_assert_str_eq(op_of(kept[i][0]), kept[i][1]);
    check_dtype(kept[i][0], GRAFT_F32);
  }
  ck_assert_str_eq(op_of("y"), "relu");
  check_dtype("y", GRAFT_F32);
  ck_assert_uint_eq(node_count(), 11);
}
END_TEST

START_TEST(ops_that_need_the_dtype_stay_behind_a_foreign_one) {
  add_input(g, "x", 1, 2, INTS(2, 3));
  add_node(g, "Foreign", "/f", NAMES("x"), NAMES("f"));
  add_node(g, "Mean", "/m", NAMES("f", "x"), NAMES("mean"));
  add_node(g, "EyeLike", "/e", NAMES("f"), NAMES("eye"));
  add_node(g, "MeanVarianceNormalization", "/v", NAMES("f"), NAMES("y"));
  add_untyped_output(g, "mean");
  add_untyped_output(g, "eye");
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(op_of("mean"), "onnx.Mean");
  ck_assert_str_eq(op_of("eye"), "onnx.EyeLike");
  ck_assert_str_eq(op_of("y"), "onnx.MeanVarianceNormalization");
  ck_assert_uint_eq(node_count(), 4);
}
END_TEST

START_TEST(foreign_elementwise_op_keeps_its_type) {
  add_input(g, "x", 1, 2, INTS(-1, 3));
  add_i64(g, "axes", 1, INTS(-1));
  add_node(g, "Erf", "/erf", NAMES("x"), NAMES("f"));
  add_node(g, "Unsqueeze", "/u", NAMES("f", "axes"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  check_type("f", 2, INTS(-1, 3));
  check_type("y", 3, INTS(-1, 3, 1));
}
END_TEST

START_TEST(foreign_op_keeps_its_rank) {
  add_input(g, "x", 1, 2, INTS(2, 3));
  add_node(g, "MaxRoiPool", "/f", NAMES("x"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  check_type("y", 2, INTS(-1, -1));
  check_dtype("y", GRAFT_F32);
}
END_TEST

START_TEST(random_numbers_have_types) {
  add_input(g, "x", 1, 2, INTS(2, 3));
  add_ints(add_node(g, "RandomNormal", "/n", (const char *const[]){NULL}, NAMES("n")), "shape", 2, INTS(4, 0));
  add_int(add_node(g, "Bernoulli", "/b", NAMES("x"), NAMES("b")), "dtype", 9);
  add_int(add_node(g, "RandomUniformLike", "/u", NAMES("x"), NAMES("u")), "dtype", 8); /* of strings */
  add_ints(add_node(g, "RandomUniform", "/w", (const char *const[]){NULL}, NAMES("w")), "shape", 1, INTS(-1));
  add_node(g, "RandomNormalLike", "/l", NAMES("x"), NAMES("l"));
  for (int i = 0; i < 5; i++) add_untyped_output(g, (const char *[]){"n", "b", "u", "w", "l"}[i]);
  load();
  check_type("n", 2, INTS(4, 0));
  check_type("b", 2, INTS(2, 3));
  check_type("u", 2, INTS(2, 3));
  check_type("w", -1, NULL);
  check_type("l", 2, INTS(2, 3));
  check_dtype("n", GRAFT_F32);
  check_dtype("b", GRAFT_BOOL);
  check_dtype("u", GRAFT_UNKNOWN);
  check_dtype("l", GRAFT_F32);
}
END_TEST

START_TEST(foreign_op_keeps_its_dtype) { /* and the file knows more */
  add_input(g, "x", 1, 2, INTS(2, 3));
  add_node(g, "MaxRoiPool", "/f", NAMES("x"), NAMES("y"));
  add_node(g, "StringNormalizer", "/a", NAMES("x"), NAMES("z"));
  add_output(g, "y", 1, 2, INTS(1, -1));
  add_untyped_output(g, "z");
  load();
  check_type("y", 2, INTS(1, -1));
  check_type("z", -1, NULL);
  check_dtype("y", GRAFT_F32);
  check_dtype("z", GRAFT_UNKNOWN);
}
END_TEST

START_TEST(dequantize_of_dynamic_quantize) {
  add_input(g, "x", 1, 2, INTS(2, 3));
  add_node(g, "DynamicQuantizeLinear", "/q", NAMES("x"), NAMES("q", "s", "z"));
  add_node(g, "DequantizeLinear", "/dq", NAMES("q", "s", "z"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  check_dtype("q", GRAFT_U8);
  check_type("s", 0, NULL);
  check_type("y", 2, INTS(2, 3));
}
END_TEST

START_TEST(foreign_op_of_another_domain_is_unknown) {
  add_input(g, "x", 1, 2, INTS(-1, 3));
  add_node(g, "Erf", "/erf", NAMES("x"), NAMES("y"))->domain = strdup("vendor");
  add_untyped_output(g, "y");
  load();
  check_type("y", -1, NULL);
}
END_TEST

/* ---- expand ---- */

static void expand(int64_t batch, size_t count, const int64_t *shape) {
  add_input(g, "x", 1, 2, INTS(batch, 1));
  add_i64(g, "shape", count, shape);
  add_node(g, "Expand", "/expand", NAMES("x", "shape"), NAMES("y"));
  add_untyped_output(g, "y");
}

START_TEST(expand_both_ways) {
  expand(3, 3, INTS(2, 1, 4));
  load();
  check_type("y", 3, INTS(2, 3, 4));
}
END_TEST

START_TEST(expand_by_a_shorter_shape) {
  expand(-1, 1, INTS(4));
  load();
  check_type("y", 2, INTS(-1, 4));
}
END_TEST

START_TEST(expand_that_does_not_fit) {
  expand(3, 2, INTS(2, 4));
  load_fails("/expand", "size 2");
}
END_TEST

START_TEST(expand_by_data) {
  add_input(g, "x", 1, 2, INTS(3, 1));
  add_input(g, "shape", 7, 1, INTS(2));
  add_node(g, "Expand", "/expand", NAMES("x", "shape"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, find("y"))), "expand");
  check_type("y", 2, INTS(3, -1));
}
END_TEST

/* To the shape of another value with an unknown batch: what is known of the result. */
START_TEST(expand_by_a_shape_known_in_part) {
  add_input(g, "x", 1, 4, INTS(-1, 3, 1, 1));
  add_input(g, "to", 1, 4, INTS(-1, 3, 5, -1));
  add_node(g, "Shape", "/shape", NAMES("to"), NAMES("shape"));
  add_node(g, "Expand", "/expand", NAMES("x", "shape"), NAMES("y"));
  add_node(g, "ConstantOfShape", "/fill", NAMES("shape"), NAMES("z"));
  add_untyped_output(g, "y");
  add_untyped_output(g, "z");
  load();
  check_type("y", 4, INTS(-1, 3, 5, -1));
  check_type("z", 4, INTS(-1, 3, 5, -1));
  check_dtype("z", GRAFT_F32);
}
END_TEST

START_TEST(states_of_a_recurrent_op) {
  add_input(g, "x", 1, 3, INTS(7, 1, 3));
  add_input(g, "v", 1, 3, INTS(-1, 7, 3));
  add_zeros(g, "w", 1, 4, 3, INTS(2, 15, 3));
  add_zeros(g, "r", 1, 4, 3, INTS(2, 15, 5));
  add_zeros(g, "s", 1, 4, 3, INTS(1, 3, 3));
  Onnx__NodeProto *n = add_node(g, "GRU", "/gru", NAMES("x", "w", "r"), NAMES("y", "h"));
  add_int(n, "hidden_size", 5);
  add_string(n, "direction", "bidirectional");
  n = add_node(g, "RNN", "/rnn", NAMES("v", "s", "s"), NAMES("", "z"));
  add_int(n, "layout", 1);
  add_untyped_output(g, "h");
  add_untyped_output(g, "y");
  add_untyped_output(g, "z");
  load();
  check_type("y", 4, INTS(7, 2, 1, 5));
  check_type("h", 3, INTS(2, 1, 5));
  check_type("z", 3, INTS(-1, 1, 3));
}
END_TEST

/* ---- what a small file may ask for ---- */

/* Those beyond are made when the graph runs. */
START_TEST(filled_constants_have_a_limit) {
  add_i64(g, "size", 3, INTS(1024, 1024, 64));
  add_node(g, "ConstantOfShape", "/fill", NAMES("size"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, find("y"))), "expand");
  check_type("y", 3, INTS(1024, 1024, 64));
}
END_TEST

START_TEST(all_filled_constants_together_have_a_limit) {
  static char names[16][8];
  add_i64(g, "size", 2, INTS(1024, 1024));
  for (int i = 0; i < 16; i++) {
    snprintf(names[i], sizeof names[i], "y%d", i);
    add_node(g, "ConstantOfShape", names[i], NAMES("size"), NAMES(names[i]));
    add_untyped_output(g, names[i]);
  }
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, find("y8"))), "expand");
}
END_TEST

START_TEST(shares_of_windows_have_a_limit) {
  add_input(g, "x", 1, 4, INTS(1, 1, 8190, 8191));
  Onnx__NodeProto *n = add_node(g, "AveragePool", "/pool", NAMES("x"), NAMES("y"));
  add_ints(n, "kernel_shape", 2, INTS(2, 2));
  add_ints(n, "pads", 4, INTS(1, 0, 0, 1));
  add_untyped_output(g, "y");
  load_fails("/pool", "more than a file of this size may ask for");
}
END_TEST

START_TEST(zero_points_have_a_limit) {
  add_input(g, "x", 1, 2, INTS(1, 1 << 30));
  add_input(g, "scale", 1, 1, INTS(1 << 30));
  add_node(g, "QuantizeLinear", "/q", NAMES("x", "scale"), NAMES("y"));
  add_untyped_output(g, "y");
  load_fails("/q", "more than a file of this size may ask for");
}
END_TEST

START_TEST(offsets_of_indices_have_a_limit) {
  add_input(g, "x", 1, 3, INTS(1 << 20, 64, 4));
  add_ints(add_node(g, "MaxPool", "/pool", NAMES("x"), NAMES("y", "i")), "kernel_shape", 1, INTS(2));
  add_untyped_output(g, "i");
  load_fails("/pool", "more than a file of this size may ask for");
}
END_TEST

/* ---- numbers that do not fit ---- */

static Onnx__NodeProto *window(const char *op, int64_t extent) {
  add_input(g, "x", 1, 3, INTS(1, 1, extent));
  add_zeros(g, "w", 1, 4, 3, INTS(1, 1, 2));
  Onnx__NodeProto *n = add_node(g, op, "/n", NAMES("x", "w"), NAMES("y"));
  add_untyped_output(g, "y");
  return n;
}

START_TEST(same_padding_of_a_huge_extent) {
  Onnx__NodeProto *n = window("Conv", (int64_t)1 << 47);
  add_string(n, "auto_pad", "SAME_UPPER");
  add_ints(n, "strides", 1, INTS(2));
  load_fails("/n", "out of range");
}
END_TEST

START_TEST(output_shape_of_a_huge_extent) {
  Onnx__NodeProto *n = window("ConvTranspose", (int64_t)1 << 47);
  add_ints(n, "output_shape", 1, INTS(8));
  load_fails("/n", "extents");
}
END_TEST

START_TEST(huge_dilation) {
  Onnx__NodeProto *n = window("Conv", 8);
  add_string(n, "auto_pad", "SAME_LOWER");
  add_ints(n, "dilations", 1, INTS(INT64_MAX));
  load_fails("/n", "out of range");
}
END_TEST

START_TEST(huge_plane_of_an_empty_batch) {
  add_input(g, "x", 1, 4, INTS(0, 1, INT64_MAX / 2, INT64_MAX / 2));
  add_ints(add_node(g, "MaxPool", "/pool", NAMES("x"), NAMES("y", "i")), "kernel_shape", 2, INTS(2, 2));
  add_untyped_output(g, "i");
  m = model_load(c, proto, NULL);
  ck_assert_msg(m == NULL, "it was imported");
}
END_TEST

int main(void) {
  Suite *s = suite_create("onnx-shapes");
  TCase *t = tcase_create("shapes");
  tcase_add_checked_fixture(t, setup, teardown);
  ADD(t, bounds_of_slices_are_computed, another_extent_may_be_unknown, what_else_is_read_stays, slice_by_data,
      slice_by_data_of_unknown_length, data_is_named, unknown_extent_is_named, input_is_named, floats_are_no_bounds,
      reshape_by_a_shape_known_in_part, foreign_elementwise_op_keeps_its_type, foreign_op_keeps_its_rank,
      random_numbers_have_types, foreign_op_keeps_its_dtype, dequantize_of_dynamic_quantize,
      foreign_op_of_another_domain_is_unknown, expand_both_ways, expand_by_a_shorter_shape, expand_that_does_not_fit,
      expand_by_data, expand_by_a_shape_known_in_part, states_of_a_recurrent_op, axes_from_the_front_need_no_rank,
      axes_from_the_end_need_no_rank, axes_from_both_ends_need_the_rank,
      ops_that_need_the_rank_stay_behind_a_foreign_one, ops_that_need_the_dtype_stay_behind_a_foreign_one,
      filled_constants_have_a_limit, all_filled_constants_together_have_a_limit, shares_of_windows_have_a_limit,
      zero_points_have_a_limit, offsets_of_indices_have_a_limit, same_padding_of_a_huge_extent,
      output_shape_of_a_huge_extent, huge_dilation, huge_plane_of_an_empty_batch);
  suite_add_tcase(s, t);
  return run_suite(s);
}
