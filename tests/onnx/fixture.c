/* What the tests of ONNX import share. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

graft_context *c;
Onnx__ModelProto *proto;
Onnx__GraphProto *g;
graft_module *m;

void setup(void) {
  c = graft_context_create(NULL);
  proto = model_new(15);
  g = proto->graph;
  m = NULL;
}

void teardown(void) {
  graft_module_destroy(m);
  model_free(proto);
  graft_context_destroy(c);
}

void load(void) {
  m = model_load(c, proto, NULL);
  char message[600] = "";
  if (graft_diagnostic_count(c)) {
    graft_diagnostic d = graft_diagnostic_get(c, 0);
    graft_diagnostic_format(&d, message, sizeof message);
  }
  ck_assert_msg(m != NULL, "%s", message);
}

void will_not_run(const char *text) {
  load();
  const char *said = "";
  for (uint32_t i = 0; i < graft_diagnostic_count(c) && !said[0]; i++) {
    const graft_diagnostic d = graft_diagnostic_get(c, i);
    if (d.severity == GRAFT_WARNING && strncmp(d.message, "will not run: ", 14) == 0) said = d.message + 14;
  }
  ck_assert_str_eq(said, text);
}

void load_fails(const char *node, const char *part) {
  m = model_load(c, proto, NULL);
  ck_assert_msg(m == NULL, "it was imported");
  ck_assert_uint_gt(graft_diagnostic_count(c), 0);
  graft_diagnostic d = graft_diagnostic_get(c, 0);
  ck_assert_msg(strstr(d.message, part) != NULL, "message: %s", d.message);
  ck_assert_str_eq(d.node, node);
  ck_assert_str_eq(d.file, "test.onnx");
}

const char *node_text(const char *name) {
  static char text[1000];
  graft_graph *graph = graft_module_get_graph(m, 0);
  graft_value v = graft_value_find(graph, name);
  if (v == GRAFT_NONE) return "no such value";
  graft_node n = graft_value_node(graph, v);
  if (n == GRAFT_NONE) return "not a node";
  size_t at = (size_t)snprintf(text, sizeof text, "%s(", graft_node_get_op(graph, n));
  for (uint32_t i = 0; i < graft_node_operand_count(graph, n); i++) {
    graft_value o = graft_node_operand(graph, n, i);
    if (i) at += (size_t)snprintf(text + at, sizeof text - at, ", ");
    if (o == GRAFT_NONE)
      at += (size_t)snprintf(text + at, sizeof text - at, "_");
    else
      at += graft_value_name(graph, o, text + at, sizeof text - at);
  }
  snprintf(text + at, sizeof text - at, ")");
  return text;
}

Onnx__NodeProto *bn_model(bool training) {
  add_input(g, "x", 1, 4, INTS(2, 3, 4, 4));
  const char *const names[] = {"bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"};
  for (size_t i = 0; i < 4; i++) add_zeros(g, names[i], 1, 4, 1, INTS(3));
  Onnx__NodeProto *n =
      training
          ? add_node(g, "BatchNormalization", "/bn", NAMES("x", names[0], names[1], names[2], names[3]),
                     NAMES("y", "bn_mean", "bn_var"))
          : add_node(g, "BatchNormalization", "/bn", NAMES("x", names[0], names[1], names[2], names[3]), NAMES("y"));
  add_float(n, "epsilon", 0.001f);
  add_float(n, "momentum", 0.97f);
  if (training) add_int(n, "training_mode", 1);
  add_untyped_output(g, "y");
  return n;
}

Onnx__GraphProto *branch(const char *op, const char *captured, const char *weight, const char *out) {
  Onnx__GraphProto *b = graph_new("branch");
  add_node(b, op, "/inner", NAMES(captured, weight), NAMES(out));
  add_untyped_output(b, out);
  return b;
}

int run_suite(Suite *s) {
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
