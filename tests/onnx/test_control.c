/* If and Loop: the types of what they carry, and the graphs that they become. */
#include "ir/formats/onnx/onnx_impl.h"
#include "ir/inspect.h"

#include "fixture.h"
#include "runtime/runtime.h"

#include <string.h>

static graft_type type_of(uint32_t graph, const char *name) {
  graft_graph *in = graft_module_get_graph(m, graph);
  return graft_value_get_type(in, graft_value_find(in, name));
}

static void is_type(uint32_t graph, const char *name, graft_dtype dtype, int32_t rank, const int64_t *dims) {
  const graft_type t = type_of(graph, name);
  ck_assert_int_eq(t.dtype, dtype);
  ck_assert_int_eq(t.rank, rank);
  for (int32_t d = 0; d < rank; d++) ck_assert_int_eq(t.dims[d], dims[d]);
}

/* i, condition, v -> the same condition, what op makes of v and w, and s = v * x of what is around. */
static Onnx__GraphProto *body(const char *op) {
  Onnx__GraphProto *b = graph_new("body");
  add_input(b, "i", 7, 0, NULL);
  add_input(b, "c", 9, 0, NULL);
  add_input(b, "v", 0, 0, NULL);
  add_zeros(b, "w", 1, 4, 2, INTS(1, 3));
  Onnx__NodeProto *n = add_node(b, op, "/op", NAMES("v", "w"), NAMES("v1"));
  if (strcmp(op, "Concat") == 0) add_int(n, "axis", 0);
  add_node(b, "Mul", "/mul", NAMES("w", "x"), NAMES("s"));
  add_untyped_output(b, "c");
  add_untyped_output(b, "v1");
  add_untyped_output(b, "s");
  return b;
}

static void loop_model(Onnx__GraphProto *b) {
  add_input(g, "x", 1, 2, INTS(2, 3));
  add_input(g, "n", 7, 0, NULL);
  add_graph(add_node(g, "Loop", "/loop", NAMES("n", "", "x"), NAMES("y", "all")), "body", b);
  add_untyped_output(g, "y");
  add_untyped_output(g, "all");
  load();
  ck_assert_uint_eq(graft_module_graph_count(m), 2);
}

START_TEST(carried_values_keep_their_type) {
  loop_model(body("Add"));
  is_type(1, "v", GRAFT_F32, 2, INTS(2, 3));
  is_type(0, "y", GRAFT_F32, 2, INTS(2, 3));
  is_type(0, "all", GRAFT_F32, 3, INTS(-1, 2, 3));
}
END_TEST

/* The body is read again with a type that holds every time, with what it has of its own. */
START_TEST(carried_values_grow) {
  loop_model(body("Concat"));
  const graft_type v =
      graft_value_get_type(graft_module_get_graph(m, 1), graft_input_get(graft_module_get_graph(m, 1), 2));
  ck_assert_int_eq(v.dims[0], -1);
  ck_assert_int_eq(v.dims[1], 3);
  is_type(0, "y", GRAFT_F32, 2, INTS(-1, 3));
  is_type(0, "all", GRAFT_F32, 3, INTS(-1, 2, 3));
  uint32_t tensors = 0;
  for (graft_tensor t = graft_tensor_first(m); t != GRAFT_NONE; t = graft_tensor_next(m, t))
    tensors += graft_tensor_get_type(m, t).rank == 2 && graft_tensor_get_data(m, t) != NULL;
  ck_assert_uint_eq(tensors, 1);
}
END_TEST

START_TEST(body_of_another_arity) {
  add_input(g, "x", 1, 2, INTS(2, 3));
  add_input(g, "n", 7, 0, NULL);
  add_graph(add_node(g, "Loop", "/loop", NAMES("n", "", "x", "x"), NAMES("y", "all")), "body", body("Add"));
  add_untyped_output(g, "y");
  load_fails("/loop", "the body has 3 inputs and 3 outputs, the node 4 and 2");
}
END_TEST

START_TEST(branches_of_two_shapes) {
  add_input(g, "x", 1, 2, INTS(2, 3));
  add_input(g, "c", 9, 1, INTS(1));
  Onnx__NodeProto *n = add_node(g, "If", "/if", NAMES("c"), NAMES("y"));
  Onnx__GraphProto *flat = graph_new("flat");
  add_int(add_node(flat, "Flatten", "/flat", NAMES("x"), NAMES("f")), "axis", 0);
  add_untyped_output(flat, "f");
  add_graph(n, "then_branch", flat);
  add_graph(n, "else_branch", branch("Add", "x", "x", "t"));
  add_untyped_output(g, "y");
  load();
  is_type(0, "y", GRAFT_F32, 2, INTS(-1, -1));
}
END_TEST

/* ---- scan ---- */

/* Of columns from the last one on: the running sum, stacked as columns, and each column doubled, last one first. */
static void scan_model(void) {
  Onnx__GraphProto *b = graph_new("body");
  add_input(b, "sum", 0, 0, NULL);
  add_input(b, "column", 0, 0, NULL);
  add_node(b, "Add", "/add", NAMES("sum", "column"), NAMES("condition"));
  add_node(b, "Identity", "/id", NAMES("condition"), NAMES("next"));
  add_node(b, "Mul", "/mul", NAMES("column", "two"), NAMES("double"));
  add_untyped_output(b, "condition");
  add_untyped_output(b, "next");
  add_untyped_output(b, "double");
  add_input(g, "start", 1, 1, INTS(2));
  add_input(g, "x", 1, 2, INTS(2, -1));
  add_input(g, "y", 1, 1, INTS(1));
  add_node(g, "Add", "/two", NAMES("y", "y"), NAMES("two"));
  Onnx__NodeProto *n = add_node(g, "Scan", "/scan", NAMES("start", "x"), NAMES("end", "sums", "doubles"));
  add_graph(n, "body", b);
  add_int(n, "num_scan_inputs", 1);
  add_ints(n, "scan_input_axes", 1, INTS(-1));
  add_ints(n, "scan_input_directions", 1, INTS(1));
  add_ints(n, "scan_output_axes", 2, INTS(1, 0));
  add_ints(n, "scan_output_directions", 2, INTS(0, 1));
  for (int i = 0; i < 3; i++) add_untyped_output(g, ((const char *[]){"end", "sums", "doubles"})[i]);
}

static void gives(graft_session *s, uint32_t i, size_t count, const float *want) {
  graft_type type;
  const float *y = graft_session_get_output(s, i, &type);
  ck_assert_ptr_nonnull(y);
  ck_assert_int_eq(graft_type_elements(&type), (int64_t)count);
  for (size_t k = 0; k < count; k++) ck_assert_float_eq(y[k], want[k]);
}

START_TEST(scan_is_a_loop) {
  static const float start[] = {100, 200}, columns[] = {1, 2, 3, 4, 5, 6}, y[] = {1};
  scan_model();
  load();
  is_type(0, "end", GRAFT_F32, 1, INTS(2));
  graft_session *s = graft_session_create(graft_module_get_graph(m, 0), NULL);
  const graft_type two = graft_type_make(GRAFT_F32, 1, INTS(2)), one = graft_type_make(GRAFT_F32, 1, INTS(1)),
                   x = graft_type_make(GRAFT_F32, 2, INTS(2, 3));
  ck_assert_ptr_nonnull(s);
  ck_assert_int_eq(graft_session_set_input(s, 0, &two, start), GRAFT_OK);
  ck_assert_int_eq(graft_session_set_input(s, 1, &x, columns), GRAFT_OK);
  ck_assert_int_eq(graft_session_set_input(s, 2, &one, y), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  gives(s, 0, 2, FLOATS(106, 215));
  gives(s, 1, 6, FLOATS(103, 105, 106, 206, 211, 215)); /* [2, 3] */
  gives(s, 2, 6, FLOATS(2, 8, 4, 10, 6, 12));           /* [3, 2] */
  graft_session_destroy(s);
}
END_TEST

START_TEST(scan_of_opset_8_stays) {
  proto->opset_import[0]->version = 8;
  scan_model();
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, graft_value_find(graph, "end"))), "onnx.Scan");
}
END_TEST

/* What is known of a node that stays inside says nothing of the one around it, which stays too. */
START_TEST(types_inside_stay_inside) {
  proto->opset_import[0]->version = 18;
  add_input(g, "x", 1, 3, INTS(7, 2, -1));
  add_input(g, "c", 9, 0, NULL);
  Onnx__GraphProto *inside = graph_new("inside");
  add_zeros(inside, "w", 1, 4, 3, INTS(2, 1, 3));
  add_ints(add_node(inside, "ConvTranspose", "/up", NAMES("x", "w"), NAMES("r")), "output_shape", 1, INTS(8));
  add_untyped_output(inside, "c");
  add_graph(add_node(g, "If", "/if", NAMES("c"), NAMES("y")), "then_branch", inside);
  add_untyped_output(g, "y");
  will_not_run("ConvTranspose (output_shape needs to know the input's extents), If (a branch is missing)");
  is_type(0, "y", GRAFT_UNKNOWN, -1, NULL);
}
END_TEST

int main(void) {
  Suite *s = suite_create("onnx-control");
  TCase *t = tcase_create("control");
  tcase_add_checked_fixture(t, setup, teardown);
  ADD(t, carried_values_keep_their_type, carried_values_grow, body_of_another_arity, branches_of_two_shapes,
      scan_is_a_loop, scan_of_opset_8_stays, types_inside_stay_inside);
  suite_add_tcase(s, t);
  return run_suite(s);
}
