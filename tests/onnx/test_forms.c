/* Forms of ops that run only when it is known what they compute, and forms that stay as they are: one of them never
 * rejects a file, and what is known of its results is kept. */
#include "running.h"

#include <math.h>
#include <string.h>

static graft_type type_of(const char *name) {
  graft_graph *graph = graft_module_get_graph(m, 0);
  return graft_value_get_type(graph, graft_value_find(graph, name));
}

START_TEST(split_by_data) {
  opset(18);
  add_input(g, "s", 7, 1, INTS(3));
  add_f32(g, "v", 1, INTS(4), FLOATS(1, 2, 3, 4));
  add_node(g, "Split", "/n", NAMES("v", "s"), NAMES("a", "y", "b"));
  add_untyped_output(g, "y");
  GIVES(INTS(1, 2, 1), GRAFT_F32, 2, 3);
}
END_TEST

START_TEST(split_by_data_of_another_count) {
  opset(18);
  add_input(g, "s", 7, 1, INTS(3));
  add_f32(g, "v", 1, INTS(4), FLOATS(1, 2, 3, 4));
  add_node(g, "Split", "/n", NAMES("v", "s"), NAMES("a", "y"));
  add_untyped_output(g, "y");
  load_fails("/n", "3 sizes for 2 outputs");
}
END_TEST

START_TEST(equal_split_of_an_unknown_extent) { /* which is 2 when it runs */
  opset(18);
  add_input(g, "x", 1, 2, INTS(-1, 2));
  add_int(add_node(g, "Split", "/n", NAMES("x"), NAMES("a", "y")), "num_outputs", 2);
  add_untyped_output(g, "y");
  GIVES(FLOATS(1, 2, 3, 4), GRAFT_F32, 3, 4);
}
END_TEST

START_TEST(run_time_axes_keep_types) {
  opset(18);
  add_input(g, "x", 1, 2, INTS(2, 3));
  add_input(g, "axes", 7, 1, INTS(1));
  add_node(g, "ReduceSum", "/sum", NAMES("x", "axes"), NAMES("sum"));
  add_node(g, "CumSum", "/cumsum", NAMES("x", "axes"), NAMES("c"));
  add_node(g, "Unsqueeze", "/u", NAMES("x", "axes"), NAMES("u"));
  add_node(g, "Squeeze", "/s", NAMES("x", "axes"), NAMES("s"));
  for (int i = 0; i < 4; i++) add_untyped_output(g, (const char *[]){"sum", "c", "u", "s"}[i]);
#define WHY "the operand 'axes' must be constant; it is the input 'axes'"
  will_not_run("CumSum (the operand 'axis' must be constant; it is the input 'axes'), ReduceSum (" WHY
               "), Squeeze (" WHY "), Unsqueeze (" WHY ")");
  ck_assert_int_eq(type_of("sum").rank, 2);
  ck_assert_int_eq(type_of("c").dims[1], 3);
  ck_assert_int_eq(type_of("u").rank, 3);
  ck_assert_int_eq(type_of("s").rank, -1);
  ck_assert_int_eq(type_of("s").dtype, GRAFT_F32);
}
END_TEST

START_TEST(pads_of_data) {
  opset(18);
  add_input(g, "p", 7, 1, INTS(4));
  add_f32(g, "v", 2, INTS(2, 2), FLOATS(1, 2, 3, 4));
  add_node(g, "Pad", "/n", NAMES("v", "p"), NAMES("y"));
  add_untyped_output(g, "y");
  GIVES(INTS(0, 1, -1, 2), GRAFT_F32, 0, 1, 2, 0, 0);
  ck_assert_int_eq(type_of("y").rank, 2);
}
END_TEST

START_TEST(pads_of_data_of_one_axis) {
  opset(18);
  add_input(g, "p", 7, 1, INTS(2));
  add_f32(g, "v", 2, INTS(2, 2), FLOATS(1, 2, 3, 4));
  add_i64(g, "axes", 1, INTS(-2));
  add_string(add_node(g, "Pad", "/n", NAMES("v", "p", "", "axes"), NAMES("y")), "mode", "edge");
  add_untyped_output(g, "y");
  GIVES(INTS(1, -1), GRAFT_F32, 1, 2, 1, 2);
}
END_TEST

START_TEST(pads_of_data_of_another_count) {
  opset(18);
  add_input(g, "p", 7, 1, INTS(3));
  add_f32(g, "v", 2, INTS(2, 2), FLOATS(1, 2, 3, 4));
  add_node(g, "Pad", "/n", NAMES("v", "p"), NAMES("y"));
  add_untyped_output(g, "y");
  load_fails("/n", "3 pads for 2 axes");
}
END_TEST

static void same(const char *op, const char *mode, double want) {
  const char *const conv[] = {"x", "w", NULL};
  add_input(g, "x", 1, 4, INTS(1, 1, -1, -1));
  add_f32(g, "w", 4, INTS(1, 1, 3, 3), FLOATS(1, 2, 3, 4, 5, 6, 7, 8, 9));
  Onnx__NodeProto *n = node(op, strcmp(op, "Conv") == 0 ? conv : NAMES("x"));
  add_ints(n, "kernel_shape", 2, INTS(3, 3));
  add_ints(n, "strides", 2, INTS(2, 2));
  add_string(n, "auto_pad", mode);
  GIVES(FLOATS(1, 2, 3, 4), GRAFT_F32, want);
}

START_TEST(same_padding_of_unknown_extents) { /* one row before or behind two: with stride 2 both need no more */
  same("Conv", _i ? "SAME_LOWER" : "SAME_UPPER", _i ? 1 * 5 + 2 * 6 + 3 * 8 + 4 * 9 : 1 * 1 + 2 * 2 + 3 * 4 + 4 * 5);
}
END_TEST

START_TEST(same_pools_of_unknown_extents) {
  same(_i ? "AveragePool" : "MaxPool", "SAME_LOWER", _i ? 2.5 : 4); /* what is padded does not count */
}
END_TEST

START_TEST(group_norm_of_unknown_channels) { /* an entry a group */
  add_input(g, "x", 1, 3, INTS(1, -1, 2));
  add_f32(g, "w", 1, INTS(2), FLOATS(1, 10));
  add_f32(g, "b", 1, INTS(2), FLOATS(0, 100));
  opset(18);
  Onnx__NodeProto *n = node("GroupNormalization", NAMES("x", "w", "b"));
  add_int(n, "num_groups", 2);
  add_float(n, "epsilon", 0);
  GIVES(FLOATS(1, 2, 3, 5), GRAFT_F32, -1, 1, 90, 110);
}
END_TEST

START_TEST(what_was_made_is_taken_back) { /* the operands in float before it is seen that the kernel is data */
  add_input(g, "x", 3, 3, INTS(1, 2, 5));
  add_input(g, "w", 3, 3, INTS(2, 2, -1));
  add_f32(g, "s", 0, NULL, FLOATS(1));
  add_bytes("z", I8, 0, NULL, I8S(0));
  add_node(g, "QLinearConv", "/n", NAMES("x", "s", "z", "w", "s", "z", "s", "z"), NAMES("y"));
  add_untyped_output(g, "y");
  will_not_run("QLinearConv (it has no kernel_shape, and the weight's extents are not known)");
  ck_assert_uint_eq(graft_node_count(graft_module_get_graph(m, 0)), 1);
}
END_TEST

START_TEST(weight_of_unknown_extents) {
  add_input(g, "x", 1, 3, INTS(1, 2, 5));
  add_input(g, "w", 1, 3, INTS(2, 2, -1));
  add_node(g, "Conv", "/n", NAMES("x", "w"), NAMES("y"));
  add_untyped_output(g, "y");
  will_not_run("Conv (it has no kernel_shape, and the weight's extents are not known)");
}
END_TEST

START_TEST(sparse_constant) {
  add_attr(add_node(g, "Constant", "/n", NO_NAMES, NAMES("y")), "sparse_value", 11);
  add_untyped_output(g, "y");
  will_not_run("Constant (strings and sparse tensors are not supported)");
}
END_TEST

START_TEST(input_of_strings) {
  add_input(g, "x", 1, 1, INTS(2));
  add_input(g, "labels", 8, 1, INTS(2));
  add_node(g, "Relu", "/n", NAMES("x"), NAMES("y"));
  add_node(g, "StringConcat", "/s", NAMES("labels", "labels"), NAMES("s"));
  add_untyped_output(g, "y");
  add_untyped_output(g, "s");
  load();
  ck_assert_str_eq(node_text("y"), "relu(x)");
  ck_assert_int_eq(type_of("y").dims[0], 2);
  ck_assert_int_eq(type_of("labels").dtype, GRAFT_UNKNOWN);
}
END_TEST

START_TEST(initializer_of_strings) {
  add_input(g, "i", 7, 1, INTS(2));
  add_initializer(g, new_tensor("names", 8, 1, INTS(0)));
  add_node(g, "Gather", "/n", NAMES("names", "i"), NAMES("y"));
  add_untyped_output(g, "y");
  will_not_run("Constant (initializer 'names' is of dtype STRING, which graft does not have)");
}
END_TEST

START_TEST(attribute_that_cannot_be_kept) {
  add_attr(add_node(g, "Zeta", "/n", NO_NAMES, NAMES("y")), "kind", 13);
  add_untyped_output(g, "y");
  will_not_run("Zeta (its attribute 'kind' is of a kind that graft does not have and is not kept)");
}
END_TEST

START_TEST(attributes_know_one_nan) {
  add_float(add_node(g, "Zeta", "/n", NO_NAMES, NAMES("y")), "f", -NAN);
  add_untyped_output(g, "y");
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  graft_attr a;
  const double nan = NAN;
  ck_assert(graft_node_attr(graph, graft_value_node(graph, graft_value_find(graph, "y")), "f", &a));
  ck_assert_mem_eq(&a.as.f, &nan, sizeof nan);
}
END_TEST

START_TEST(branch_lists_a_value_twice) {
  add_input(g, "c", 9, 0, NULL);
  add_input(g, "x", 1, 1, INTS(2));
  Onnx__NodeProto *n = add_node(g, "If", "/if", NAMES("c"), NAMES("y", "z"));
  for (int i = 0; i < 2; i++) {
    Onnx__GraphProto *b = graph_new("b");
    add_node(b, i ? "Relu" : "Neg", "/op", NAMES("x"), NAMES("t"));
    add_untyped_output(b, "t");
    add_untyped_output(b, "t");
    add_graph(n, i ? "then_branch" : "else_branch", b);
  }
  add_untyped_output(g, "y");
  add_untyped_output(g, "z");
  load();
  ck_assert_str_eq(node_text("y"), "if(c, x)");
  ck_assert_int_eq(type_of("z").dims[0], 2);
}
END_TEST

int main(void) {
  Suite *s = suite_create("onnx-forms");
  TCase *t = tcase_create("forms");
  tcase_add_checked_fixture(t, setup, teardown);
  ADD(t, split_by_data, split_by_data_of_another_count, equal_split_of_an_unknown_extent, run_time_axes_keep_types,
      input_of_strings, initializer_of_strings, pads_of_data, pads_of_data_of_one_axis, pads_of_data_of_another_count,
      group_norm_of_unknown_channels, what_was_made_is_taken_back, weight_of_unknown_extents, sparse_constant,
      attribute_that_cannot_be_kept, attributes_know_one_nan, branch_lists_a_value_twice);
  tcase_add_loop_test(t, same_padding_of_unknown_extents, 0, 2);
  tcase_add_loop_test(t, same_pools_of_unknown_extents, 0, 2);
  suite_add_tcase(s, t);
  return run_suite(s);
}
