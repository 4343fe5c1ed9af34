/* Pools and what they are undone by: windows, padding and positions where ONNX's node tests have no case. Import, one
 * run, the numbers compared. */
#include "fixture.h"
#include "runtime/runtime.h"

#include <math.h>
#include <string.h>

/* The model's output `output` of the input's elements 1, 2, 3 …; an unknown extent is 2. */
static void gives(uint32_t output, uint32_t count, const double *want) {
  if (!m) load();
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
  const void *out = graft_session_get_output(s, output, &t);
  ck_assert_int_eq(graft_type_elements(&t), count);
  for (uint32_t i = 0; i < count; i++) {
    double got = t.dtype == GRAFT_I64 ? (double)((const int64_t *)out)[i] : (double)((const float *)out)[i];
    ck_assert_msg(fabs(got - want[i]) <= 1e-6 * (1 + fabs(want[i])), "element %u is %g, not %g", i, got, want[i]);
  }
  graft_session_destroy(s);
}
#define GIVES(...) gives(0, (uint32_t)COUNT(double, __VA_ARGS__), (const double[]){__VA_ARGS__})
#define POSITIONS(...) gives(1, (uint32_t)COUNT(double, __VA_ARGS__), (const double[]){__VA_ARGS__})

static Onnx__NodeProto *node(const char *op, const char *const *inputs) {
  proto->opset_import[0]->version = 19;
  add_untyped_output(g, "y");
  return add_node(g, op, "/n", inputs, NAMES("y"));
}

static Onnx__NodeProto *pool(const char *op, uint32_t rank, const int64_t *dims, const int64_t *kernel) {
  add_input(g, "x", 1, rank, dims);
  Onnx__NodeProto *n = node(op, NAMES("x"));
  add_ints(n, "kernel_shape", rank - 2, kernel);
  return n;
}

/* An initializer of positions. */
static void positions(size_t rank, const int64_t *dims, const int64_t *values) {
  Onnx__TensorProto *t = add_zeros(g, "i", 7, sizeof *values, rank, dims);
  memcpy(t->raw_data.data, values, t->raw_data.len);
}

/* With its positions as a second output. */
static Onnx__NodeProto *max_pool(uint32_t rank, const int64_t *dims, const int64_t *kernel) {
  add_input(g, "x", 1, rank, dims);
  Onnx__NodeProto *n = add_node(g, "MaxPool", "/n", NAMES("x"), NAMES("y", "i"));
  add_untyped_output(g, "y");
  add_untyped_output(g, "i");
  add_ints(n, "kernel_shape", rank - 2, kernel);
  return n;
}

/* ---- over all of space ---- */

START_TEST(global_max) {
  add_input(g, "x", 1, 3, INTS(1, 2, 3));
  node("GlobalMaxPool", NAMES("x"));
  GIVES(3, 6);
  ck_assert_str_eq(node_text("y"), "adaptive_max_pool1d(x)");
}
END_TEST

START_TEST(global_max_of_four_axes) {
  add_input(g, "x", 1, 6, INTS(1, 2, 1, 1, 1, 2));
  node("GlobalMaxPool", NAMES("x"));
  GIVES(2, 4);
  ck_assert_str_eq(node_text("y"), "amax(x)");
}
END_TEST

START_TEST(global_average_of_four_axes) {
  add_input(g, "x", 1, 6, INTS(1, 2, 1, 1, 1, 2));
  node("GlobalAveragePool", NAMES("x"));
  GIVES(1.5, 3.5);
}
END_TEST

START_TEST(global_lp) {
  add_input(g, "x", 1, 4, INTS(1, 2, 1, 2));
  node("GlobalLpPool", NAMES("x"));
  GIVES(sqrt(5), 5);
}
END_TEST

START_TEST(global_lp_of_p) {
  add_input(g, "x", 1, 3, INTS(1, 2, 2));
  add_int(node("GlobalLpPool", NAMES("x")), "p", 1);
  GIVES(3, 7);
}
END_TEST

START_TEST(global_of_no_space) {
  add_input(g, "x", 1, 2, INTS(1, 2));
  node("GlobalMaxPool", NAMES("x"));
  load_fails("/n", "no axis of space");
}
END_TEST

/* ---- norms ---- */

START_TEST(lp_pool) {
  pool("LpPool", 3, INTS(1, 1, 3), INTS(2));
  GIVES(sqrt(5), sqrt(13));
  ck_assert_str_eq(node_text("y"), "lp_pool1d(x)");
}
END_TEST

START_TEST(lp_pool_of_uneven_padding) {
  add_ints(pool("LpPool", 3, INTS(1, 1, 3), INTS(2)), "pads", 2, INTS(0, 1));
  GIVES(sqrt(5), sqrt(13), 3);
}
END_TEST

START_TEST(lp_pool_of_p) {
  Onnx__NodeProto *n = pool("LpPool", 3, INTS(1, 1, 3), INTS(2));
  add_int(n, "p", 1);
  add_int(n, "ceil_mode", 1);
  add_ints(n, "strides", 1, INTS(2));
  GIVES(3, 3);
}
END_TEST

/* ---- averages ---- */

START_TEST(average_of_dilated_windows) {
  add_ints(pool("AveragePool", 3, INTS(1, 1, 4), INTS(2)), "dilations", 1, INTS(2));
  GIVES(2, 3);
}
END_TEST

START_TEST(average_of_dilated_windows_and_uneven_padding) {
  Onnx__NodeProto *n = pool("AveragePool", 3, INTS(1, 1, 4), INTS(2));
  add_ints(n, "dilations", 1, INTS(2));
  add_ints(n, "pads", 2, INTS(2, 1));
  GIVES(1, 2, 2, 3, 3);
}
END_TEST

START_TEST(average_of_uneven_padding_and_unknown_extent) {
  add_ints(pool("AveragePool", 3, INTS(-1, 1, -1), INTS(2)), "pads", 2, INTS(0, 1));
  GIVES(1.5, 2, 3.5, 4);
}
END_TEST

START_TEST(average_of_uneven_padding_that_counts) {
  Onnx__NodeProto *n = pool("AveragePool", 3, INTS(1, 1, 2), INTS(2));
  add_ints(n, "pads", 2, INTS(0, 1));
  add_int(n, "count_include_pad", 1);
  GIVES(1.5, 1);
}
END_TEST

START_TEST(average_in_ceil_mode_and_uneven_padding) {
  Onnx__NodeProto *n = pool("AveragePool", 3, INTS(1, 1, 4), INTS(2));
  add_ints(n, "pads", 2, INTS(0, 1));
  add_ints(n, "strides", 1, INTS(2));
  add_int(n, "ceil_mode", 1);
  GIVES(1.5, 3.5);
}
END_TEST

/* ---- positions ---- */

START_TEST(positions_in_the_whole_tensor) {
  max_pool(4, INTS(1, 2, 2, 2), INTS(2, 2));
  POSITIONS(3, 7);
}
END_TEST

START_TEST(positions_along_columns) {
  add_int(max_pool(4, INTS(1, 1, 2, 3), INTS(1, 2)), "storage_order", 1);
  POSITIONS(2, 4, 3, 5);
}
END_TEST

START_TEST(positions_along_columns_of_three_axes) {
  add_int(max_pool(5, INTS(2, 1, 1, 2, 2), INTS(1, 1, 2)), "storage_order", 1);
  POSITIONS(2, 3, 6, 7);
}
END_TEST

START_TEST(positions_along_columns_of_one_axis) {
  add_int(max_pool(3, INTS(1, 1, 3), INTS(2)), "storage_order", 1);
  POSITIONS(1, 2);
}
END_TEST

START_TEST(positions_of_an_unknown_batch) {
  max_pool(3, INTS(-1, 2, 2), INTS(2));
  POSITIONS(1, 3, 5, 7);
}
END_TEST

START_TEST(positions_of_unknown_extents) {
  add_int(max_pool(4, INTS(-1, 1, -1, -1), INTS(1, 2)), "storage_order", 1);
  POSITIONS(2, 3, 6, 7);
}
END_TEST

START_TEST(positions_of_uneven_padding) {
  Onnx__NodeProto *n = max_pool(4, INTS(1, 1, 2, 3), INTS(1, 2));
  add_ints(n, "pads", 4, INTS(0, 1, 0, 0));
  add_ints(n, "strides", 2, INTS(1, 2));
  POSITIONS(0, 2, 3, 5);
}
END_TEST

START_TEST(positions_of_uneven_padding_and_unknown_extents) {
  Onnx__NodeProto *n = max_pool(4, INTS(-1, 1, -1, -1), INTS(2, 2));
  add_ints(n, "pads", 4, INTS(1, 0, 0, 0));
  POSITIONS(1, 3, 5, 7);
}
END_TEST

START_TEST(no_window_begins_behind_the_input) {
  Onnx__NodeProto *n = pool("MaxPool", 3, INTS(1, 1, 4), INTS(2));
  add_ints(n, "pads", 2, INTS(0, 1));
  add_ints(n, "strides", 1, INTS(2));
  add_int(n, "ceil_mode", 1);
  GIVES(2, 4);
}
END_TEST

START_TEST(windows_behind_an_unknown_extent) {
  Onnx__NodeProto *n = pool("MaxPool", 3, INTS(1, 1, -1), INTS(2));
  add_ints(n, "pads", 2, INTS(0, 1));
  add_ints(n, "strides", 1, INTS(2));
  add_int(n, "ceil_mode", 1);
  load();
  ck_assert_str_eq(node_text("y"), "onnx.MaxPool(x)");
}
END_TEST

/* ---- unpooling ---- */

START_TEST(unpool) {
  add_input(g, "x", 1, 3, INTS(1, 2, 1));
  positions(3, INTS(1, 2, 1), INTS(1, 2));
  add_ints(node("MaxUnpool", NAMES("x", "i")), "kernel_shape", 1, INTS(2));
  GIVES(0, 1, 2, 0);
}
END_TEST

START_TEST(unpool_into_a_larger_output) {
  add_input(g, "x", 1, 3, INTS(1, 2, 1));
  positions(3, INTS(1, 2, 1), INTS(1, 2));
  add_i64(g, "s", 3, INTS(1, 2, 3));
  add_ints(node("MaxUnpool", NAMES("x", "i", "s")), "kernel_shape", 1, INTS(2));
  GIVES(0, 1, 0, 2, 0, 0);
}
END_TEST

START_TEST(unpool_what_was_pooled) {
  add_input(g, "x", 1, 4, INTS(1, 1, 3, 3));
  add_i64(g, "s", 4, INTS(1, 1, 3, 3));
  Onnx__NodeProto *p = add_node(g, "MaxPool", "/p", NAMES("x"), NAMES("p", "i"));
  add_ints(p, "kernel_shape", 2, INTS(2, 2));
  add_ints(p, "strides", 2, INTS(2, 2));
  Onnx__NodeProto *n = node("MaxUnpool", NAMES("p", "i", "s"));
  add_ints(n, "kernel_shape", 2, INTS(2, 2));
  add_ints(n, "strides", 2, INTS(2, 2));
  GIVES(0, 0, 0, 0, 5, 0, 0, 0, 0);
}
END_TEST

START_TEST(unpool_into_a_smaller_output) {
  add_input(g, "x", 1, 3, INTS(1, 1, 2));
  positions(3, INTS(1, 1, 2), INTS(1, 2));
  add_i64(g, "s", 3, INTS(1, 1, 2));
  add_ints(node("MaxUnpool", NAMES("x", "i", "s")), "kernel_shape", 1, INTS(2));
  load_fails("/n", "an output of 3, of 2 wanted");
}
END_TEST

START_TEST(unpool_of_an_unknown_extent) {
  add_input(g, "x", 1, 3, INTS(1, 1, -1));
  positions(3, INTS(1, 1, 2), INTS(1, 2));
  add_ints(node("MaxUnpool", NAMES("x", "i")), "kernel_shape", 1, INTS(2));
  load();
  ck_assert_str_eq(node_text("y"), "onnx.MaxUnpool(x, i)");
}
END_TEST

/* ---- transposed convolutions ---- */

static Onnx__NodeProto *conv_transpose(const int64_t *dims, int64_t kernel, const float *weight, bool bias) {
  add_input(g, "x", 1, 3, dims);
  add_f32(g, "w", 3, INTS(1, 1, kernel), weight);
  if (bias) add_f32(g, "b", 1, INTS(1), FLOATS(10));
  return node("ConvTranspose", bias ? NAMES("x", "w", "b") : NAMES("x", "w"));
}

START_TEST(transposed_same_of_an_unknown_extent) {
  Onnx__NodeProto *n = conv_transpose(INTS(1, 1, -1), 3, FLOATS(1, 1, 1), false);
  add_ints(n, "strides", 1, INTS(2));
  add_string(n, "auto_pad", "SAME_UPPER");
  GIVES(1, 1, 3, 2);
}
END_TEST

START_TEST(transposed_same_lower) {
  Onnx__NodeProto *n = conv_transpose(INTS(1, 1, 2), 3, FLOATS(1, 1, 1), false);
  add_ints(n, "strides", 1, INTS(2));
  add_string(n, "auto_pad", "SAME_LOWER");
  GIVES(1, 3, 2, 2);
}
END_TEST

START_TEST(transposed_with_an_output_shape_of_all_axes) {
  add_ints(conv_transpose(INTS(1, 1, 2), 1, FLOATS(2), false), "output_shape", 3, INTS(1, 1, 2));
  GIVES(2, 4);
}
END_TEST

START_TEST(transposed_to_more_than_it_reaches) {
  add_ints(conv_transpose(INTS(1, 1, 2), 1, FLOATS(2), true), "output_shape", 1, INTS(4));
  GIVES(12, 14, 10, 10);
}
END_TEST

START_TEST(transposed_to_more_than_it_reaches_without_bias) {
  add_ints(conv_transpose(INTS(1, 1, 2), 1, FLOATS(2), false), "output_shape", 1, INTS(4));
  GIVES(2, 4, 0, 0);
}
END_TEST

int main(void) {
  Suite *s = suite_create("onnx-pools");
  TCase *t = tcase_create("pools");
  tcase_add_checked_fixture(t, setup, teardown);
  ADD(t, global_max, global_max_of_four_axes, global_average_of_four_axes, global_lp, global_lp_of_p,
      global_of_no_space, lp_pool, lp_pool_of_uneven_padding, lp_pool_of_p, average_of_dilated_windows,
      average_of_dilated_windows_and_uneven_padding, average_of_uneven_padding_and_unknown_extent,
      average_of_uneven_padding_that_counts, average_in_ceil_mode_and_uneven_padding, positions_in_the_whole_tensor,
      positions_along_columns, positions_along_columns_of_three_axes, positions_along_columns_of_one_axis,
      positions_of_an_unknown_batch, positions_of_unknown_extents, positions_of_uneven_padding,
      positions_of_uneven_padding_and_unknown_extents, no_window_begins_behind_the_input,
      windows_behind_an_unknown_extent, unpool, unpool_into_a_larger_output, unpool_what_was_pooled,
      unpool_into_a_smaller_output, unpool_of_an_unknown_extent, transposed_same_of_an_unknown_extent,
      transposed_same_lower, transposed_with_an_output_shape_of_all_axes, transposed_to_more_than_it_reaches,
      transposed_to_more_than_it_reaches_without_bias);
  suite_add_tcase(s, t);
  return run_suite(s);
}
