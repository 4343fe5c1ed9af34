/* Model-local functions: a call becomes the function's nodes. */
#include "ir/formats/onnx/onnx_impl.h"

#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define INT ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT
#define GRAPH ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH

/* "name = op(operands) …" of all nodes of the graph. */
static const char *nodes(uint32_t index) {
  static char text[1024];
  graft_graph *graph = graft_module_get_graph(m, index);
  size_t at = 0;
  text[0] = 0;
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n)) {
    char name[64];
    graft_node_name(graph, n, name, sizeof name);
    at +=
        (size_t)snprintf(text + at, sizeof text - at, "%s%s = %s(", at ? "; " : "", name, graft_node_get_op(graph, n));
    for (uint32_t i = 0; i < graft_node_operand_count(graph, n); i++) {
      const graft_value v = graft_node_operand(graph, n, i);
      if (v == GRAFT_NONE) strcpy(name, "_");
      if (v != GRAFT_NONE) graft_value_name(graph, v, name, sizeof name);
      at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? ", " : "", name);
    }
    at += (size_t)snprintf(text + at, sizeof text - at, ")");
  }
  return text;
}

static int64_t int_attr(const char *value, const char *name) {
  graft_graph *graph = graft_module_get_graph(m, 0);
  graft_attr a = {.kind = GRAFT_ATTR_NONE};
  ck_assert(graft_node_attr(graph, graft_value_node(graph, graft_value_find(graph, value)), name, &a));
  ck_assert_int_eq(a.kind, GRAFT_ATTR_INT);
  return a.as.i;
}

static Onnx__NodeProto *call(Onnx__GraphProto *in, const char *f, const char *name, const char *const *inputs,
                             const char *const *outputs) {
  return in_domain(add_node(in, f, name, inputs, outputs), "local");
}

/* f(a, b) = relu(a + b); its inner names are also those of the model. */
static void add_f(void) {
  Onnx__GraphProto *body = graph_new("");
  add_node(body, "Add", "add", NAMES("x", "b"), NAMES("h"));
  add_node(body, "Relu", NULL, NAMES("h"), NAMES("y"));
  add_function(proto, "local", "f", 15, NAMES("x", "b"), NAMES("y"), body);
}

START_TEST(call_becomes_the_nodes) {
  add_f();
  add_input(g, "x", 1, 1, INTS(3));
  call(g, "f", "one", NAMES("x", "x"), NAMES("h"));
  call(g, "f", "two", NAMES("h", "x"), NAMES("out"));
  add_output(g, "out", 1, 1, INTS(3));
  load();
  ck_assert_str_eq(nodes(0), "one/h = add(x, x); h = relu(one/h); two/h = add(h, x); out = relu(two/h)");
  ck_assert_uint_eq(graft_diagnostic_count(c), 0);
}
END_TEST

/* The outer function's attribute is the inner one's, under another name. */
START_TEST(attributes_go_down) {
  Onnx__GraphProto *inner = graph_new(""), *outer = graph_new("");
  add_ref(add_node(inner, "Softmax", "s", NAMES("x"), NAMES("y")), "axis", INT, "dim");
  add_parameter(add_function(proto, "local", "inner", 15, NAMES("x"), NAMES("y"), inner), "dim");
  add_ref(call(outer, "inner", "c", NAMES("x"), NAMES("y")), "dim", INT, "axis");
  add_default(add_function(proto, "local", "outer", 15, NAMES("x"), NAMES("y"), outer), "axis", 1);
  add_input(g, "x", 1, 3, INTS(2, 3, 4));
  add_int(call(g, "outer", "n", NAMES("x"), NAMES("given")), "axis", 0);
  call(g, "outer", "m", NAMES("x"), NAMES("defaulted"));
  call(g, "inner", "k", NAMES("x"), NAMES("left_out"));
  for (int i = 0; i < 3; i++) add_untyped_output(g, ((const char *[]){"given", "defaulted", "left_out"})[i]);
  load();
  ck_assert_int_eq(int_attr("given", "dim"), 0);
  ck_assert_int_eq(int_attr("defaulted", "dim"), 1);
  ck_assert_int_eq(int_attr("left_out", "dim"), -1); /* ONNX's default */
}
END_TEST

/* Softmax of opset 12 flattens, in the model's 15 it does not. */
START_TEST(function_has_its_own_opset) {
  Onnx__GraphProto *body = graph_new("");
  add_int(add_node(body, "Softmax", "s", NAMES("x"), NAMES("y")), "axis", 1);
  add_function(proto, "local", "old", 12, NAMES("x"), NAMES("y"), body);
  add_input(g, "x", 1, 3, INTS(2, 3, 4));
  call(g, "old", "n", NAMES("x"), NAMES("y"));
  add_int(add_node(g, "Softmax", "s", NAMES("y"), NAMES("z")), "axis", 1);
  add_untyped_output(g, "z");
  load();
  ck_assert_ptr_nonnull(strstr(nodes(0), "flatten"));
  ck_assert_str_eq(strstr(nodes(0), "z ="), "z = softmax(y)");
}
END_TEST

/* The function's last input is left out, and with it the node's. */
START_TEST(absent_input_stays_absent) {
  Onnx__GraphProto *body = graph_new("");
  add_node(body, "Clip", "c", NAMES("x", "lo", "hi"), NAMES("y"));
  add_function(proto, "local", "clip", 15, NAMES("x", "lo", "hi"), NAMES("y"), body);
  add_input(g, "x", 1, 1, INTS(3));
  add_input(g, "hi", 1, 0, NULL);
  call(g, "clip", "n", NAMES("x", "", "hi"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(nodes(0), "y = clamp(x, _, hi)");
}
END_TEST

/* An input or a constant may be handed through; two calls have the same constant. */
START_TEST(constants_of_a_function) {
  Onnx__GraphProto *body = graph_new("");
  Onnx__NodeProto *n = add_node(body, "Constant", "c", NO_NAMES, NAMES("k"));
  Onnx__AttributeProto *a = add_attr(n, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
  a->t = new_tensor("", 1, 1, INTS(2));
  a->t->has_raw_data = 1;
  a->t->raw_data.len = 8;
  a->t->raw_data.data = (uint8_t *)strdup("abcdefg");
  add_node(body, "Mul", "m", NAMES("x", "k"), NAMES("y"));
  add_function(proto, "local", "scale", 15, NAMES("x"), NAMES("y", "x", "k"), body);
  add_input(g, "x", 1, 1, INTS(2));
  call(g, "scale", "one", NAMES("x"), NAMES("a", "same", "k"));
  call(g, "scale", "two", NAMES("same"), NAMES("b"));
  add_node(g, "Add", "add", NAMES("a", "b"), NAMES("y"));
  add_node(g, "Add", "more", NAMES("y", "k"), NAMES("z"));
  add_untyped_output(g, "z");
  load();
  ck_assert_str_eq(nodes(0), "a = mul(x, k); b = mul(x, two/k); y = add(a, b); z = add(y, k)");
  ck_assert_mem_eq(graft_tensor_get_data(m, graft_tensor_find(m, "k")), "abcdefg", 8);
  ck_assert_mem_eq(graft_tensor_get_data(m, graft_tensor_find(m, "two/k")), "abcdefg", 8);
}
END_TEST

/* A branch inside a function sees the function's values, not the model's of the same name. */
START_TEST(branches_of_a_function) {
  Onnx__GraphProto *body = graph_new("");
  add_node(body, "Relu", "r", NAMES("x"), NAMES("h"));
  Onnx__NodeProto *n = add_node(body, "If", "if", NAMES("cond"), NAMES("y"));
  add_graph(n, "then_branch", branch("Add", "h", "h", "t"));
  add_graph(n, "else_branch", branch("Mul", "h", "h", "t"));
  add_function(proto, "local", "f", 15, NAMES("x", "cond"), NAMES("y"), body);
  add_input(g, "h", 1, 1, INTS(3));
  add_input(g, "c", 9, 0, NULL);
  call(g, "f", "n", NAMES("h", "c"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  ck_assert_ptr_nonnull(strstr(nodes(0), "n/h = relu(h)"));
  ck_assert_ptr_nonnull(strstr(nodes(0), "(c, n/h)"));
  ck_assert_uint_eq(graft_module_graph_count(m), 3);
}
END_TEST

START_TEST(nothing_around_a_function_is_seen) {
  Onnx__GraphProto *body = graph_new("");
  add_node(body, "Add", "add", NAMES("x", "w"), NAMES("y"));
  add_function(proto, "local", "f", 15, NAMES("x"), NAMES("y"), body);
  add_input(g, "x", 1, 1, INTS(3));
  add_zeros(g, "w", 1, 4, 1, INTS(3));
  call(g, "f", "n", NAMES("x"), NAMES("y"));
  add_untyped_output(g, "y");
  load_fails("n/add", "'w' is not an input");
}
END_TEST

START_TEST(recursion_is_refused) {
  Onnx__GraphProto *a = graph_new(""), *b = graph_new("");
  call(a, "b", "to_b", NAMES("x"), NAMES("y"));
  call(b, "a", "to_a", NAMES("x"), NAMES("y"));
  add_function(proto, "local", "a", 15, NAMES("x"), NAMES("y"), a);
  add_function(proto, "local", "b", 15, NAMES("x"), NAMES("y"), b);
  add_input(g, "x", 1, 1, INTS(3));
  call(g, "a", "n", NAMES("x"), NAMES("y"));
  add_untyped_output(g, "y");
  load_fails("n/to_b/to_a", "the function 'a' calls itself");
}
END_TEST

/* Each one calls the one before ten times. */
START_TEST(growth_has_a_limit) {
  char names[2][16] = {"f0", "f0"};
  add_f();
  for (int i = 0; i < 20; i++) {
    Onnx__GraphProto *body = graph_new("");
    snprintf(names[1], sizeof names[1], "f%d", i + 1);
    for (int k = 0; k < 10; k++) {
      char out[16];
      snprintf(out, sizeof out, "y%d", k);
      call(body, i ? names[0] : "f", out, NAMES("x", "x"), NAMES(out));
    }
    add_function(proto, "local", names[1], 15, NAMES("x", "b"), NAMES("y9"), body);
    memcpy(names[0], names[1], sizeof names[0]);
  }
  add_input(g, "x", 1, 1, INTS(3));
  call(g, names[0], "n", NAMES("x", "x"), NAMES("y"));
  add_untyped_output(g, "y");
  m = model_load(c, proto, NULL);
  ck_assert_ptr_null(m);
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(c, 0).message, "more than a file of this size may ask for"));
}
END_TEST

START_TEST(depth_has_a_limit) {
  char names[2][16] = {"f", "f"};
  add_f();
  for (int i = 0; i < 200; i++) {
    Onnx__GraphProto *body = graph_new("");
    snprintf(names[1], sizeof names[1], "f%d", i + 1);
    call(body, names[0], "c", NAMES("x", "x"), NAMES("y"));
    add_function(proto, "local", names[1], 15, NAMES("x", "b"), NAMES("y"), body);
    memcpy(names[0], names[1], sizeof names[0]);
  }
  add_input(g, "x", 1, 1, INTS(3));
  call(g, names[0], "n", NAMES("x", "x"), NAMES("y"));
  add_untyped_output(g, "y");
  m = model_load(c, proto, NULL);
  ck_assert_ptr_null(m);
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(c, 0).message, "nest more than 100 deep"));
}
END_TEST

START_TEST(too_many_inputs) {
  add_f();
  add_input(g, "x", 1, 1, INTS(3));
  call(g, "f", "n", NAMES("x", "x", "x"), NAMES("y"));
  add_untyped_output(g, "y");
  load_fails("n", "3 inputs and 1 outputs; the function 'f' has 2 and 1");
}
END_TEST

START_TEST(unknown_attribute) {
  add_f();
  add_input(g, "x", 1, 1, INTS(3));
  add_int(call(g, "f", "n", NAMES("x", "x"), NAMES("y")), "axis", 1);
  add_untyped_output(g, "y");
  load_fails("n", "the function 'f' has no attribute 'axis'");
}
END_TEST

START_TEST(defined_twice) {
  add_f();
  add_f();
  m = model_load(c, proto, NULL);
  ck_assert_ptr_null(m);
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(c, 0).message, "the function 'f' is defined twice"));
}
END_TEST

/* Another domain's op of the name stays what it is; the table's ops are not replaced. */
START_TEST(functions_go_by_domain) {
  Onnx__GraphProto *body = graph_new("");
  add_f();
  add_node(body, "Neg", "n", NAMES("x"), NAMES("y"));
  add_function(proto, "", "Relu", 15, NAMES("x"), NAMES("y"), body);
  add_input(g, "x", 1, 1, INTS(3));
  in_domain(add_node(g, "f", "other", NAMES("x", "x"), NAMES("a")), "else");
  add_node(g, "Relu", "r", NAMES("x"), NAMES("b"));
  add_untyped_output(g, "a");
  add_untyped_output(g, "b");
  load();
  ck_assert_str_eq(nodes(0), "a = else.f(x, x); b = relu(x)");
}
END_TEST

int main(void) {
  Suite *s = suite_create("onnx-functions");
  TCase *t = tcase_create("functions");
  tcase_add_checked_fixture(t, setup, teardown);
  ADD(t, call_becomes_the_nodes, attributes_go_down, function_has_its_own_opset, absent_input_stays_absent,
      constants_of_a_function, branches_of_a_function, nothing_around_a_function_is_seen, recursion_is_refused,
      growth_has_a_limit, depth_has_a_limit, too_many_inputs, unknown_attribute, defined_twice, functions_go_by_domain);
  suite_add_tcase(s, t);
  return run_suite(s);
}
