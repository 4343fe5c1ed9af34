/* graft/layers.h: the layers of quantized graphs, in both forms. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "ir/layers.h"
#include "passes/passes.h"
#include "runtime/qparams.h"

typedef struct fixture {
  graft_context *context;
  graft_module *module;
  graft_graph *graph;
  graft_layers *layers;
} fixture;

static fixture begin(const char *text) {
  fixture f = {.context = graft_context_create(NULL)};
  f.module = graft_module_load_memory(f.context, text, strlen(text), "test.gir", NULL);
  ck_assert_msg(f.module != NULL, "%s", graft_diagnostic_get(f.context, 0).message);
  f.graph = graft_module_get_graph(f.module, 0);
  f.layers = graft_layers_create(f.graph);
  ck_assert_ptr_nonnull(f.layers);
  return f;
}

static void end(fixture f) {
  graft_layers_destroy(f.layers);
  graft_module_destroy(f.module);
  graft_context_destroy(f.context);
}

static graft_quantized_layer get(fixture f, uint32_t index) {
  graft_quantized_layer l = {.size = sizeof l};
  ck_assert_int_eq(graft_layers_get(f.layers, index, &l), GRAFT_OK);
  return l;
}

/* A convolution, per channel, with a float bias and a relu, between a quantize and a dequantize. */
static const char *const spread = "graft 1\n"
                                  "tensor %w: i8[2, 1, 1, 1] constant = [64, -127]\n"
                                  "tensor %b: f32[2] parameter = [0.5, -1e20]\n"
                                  "tensor %s: f32[2] constant = [0.5, 0.25]\n"
                                  "tensor %z: i32[2] constant = [0, 0]\n"
                                  "graph main(%x: f32[?, 1, 4, 4]) {\n"
                                  "  %q = quantize_per_tensor(%x, 0.5, 3: i32): i8[?, 1, 4, 4]\n"
                                  "  %d = dequantize_per_tensor(%q, 0.5, 3: i32): f32[?, 1, 4, 4]\n"
                                  "  %dw = dequantize_per_channel(%w, %s, %z) {quant_min: -127}: f32[2, 1, 1, 1]\n"
                                  "  %c = conv2d(%d, %dw, %b): f32[?, 2, 4, 4]\n"
                                  "  %r = relu(%c): f32[?, 2, 4, 4]\n"
                                  "  %q1 = quantize_per_tensor(%r, 2.0, -128: i32): i8[?, 2, 4, 4]\n"
                                  "  %d1 = dequantize_per_tensor(%q1, 2.0, -128: i32): f32[?, 2, 4, 4]\n"
                                  "  return %d1 as \"y\"\n"
                                  "}\n";

static void check_spread(fixture f) {
  ck_assert_uint_eq(graft_layers_count(f.layers), 3);
  const graft_quantized_layer q = get(f, 0), l = get(f, 1), d = get(f, 2);
  ck_assert_str_eq(q.op, "quantize_per_tensor");
  ck_assert(!q.integers && !q.input->quantized && q.output.quantized && q.output.zero_points[0] == 3);
  ck_assert_str_eq(q.in_float, "x");
  ck_assert_str_eq(d.op, "dequantize_per_tensor");
  ck_assert(!d.integers && d.input->quantized && !d.output.quantized && d.input->value == l.output.value);
  ck_assert_str_eq(d.in_float, "result");

  ck_assert_str_eq(l.op, "conv2d");
  ck_assert_str_eq(l.activation, "relu");
  ck_assert(l.integers && !l.in_float && !l.other && !l.adds);
  ck_assert_uint_eq(l.operand_count, 3);
  ck_assert(l.input == &l.operands[0] && l.weight == &l.operands[1] && l.bias == &l.operands[2]);
  ck_assert(l.input->value == q.output.value && l.input->count == 1 && l.input->axis == -1);
  ck_assert(l.input->scales[0] == 0.5f && l.input->zero_points[0] == 3);
  ck_assert(l.weight->count == 2 && l.weight->axis == 0 && l.weight->groups == 1 && l.weight->scales[1] == 0.25f);
  ck_assert(((const int8_t *)l.weight->data)[1] == -127 && l.weight->type.dtype == GRAFT_I8);
  ck_assert(l.output.scales[0] == 2.0f && l.output.zero_points[0] == -128 && l.output.quant_max == 127);
  ck_assert(l.channels == 2 && l.multipliers[0] == 0.125 && l.multipliers[1] == 0.0625);
  ck_assert(l.bias_i32[0] == 2 && l.bias_i32[1] == INT32_MIN && l.bias_clipped == 1);
}

START_TEST(spread_over_nodes) {
  fixture f = begin(spread);
  check_spread(f);
  const graft_quantized_layer l = get(f, 1);
  ck_assert(l.node != l.last && l.activation_node != GRAFT_NONE);
  ck_assert(l.weight->quant_min == -127);
  end(f);
}
END_TEST

START_TEST(lowered) {
  fixture f = begin(spread);
  graft_layers_destroy(f.layers);
  ck_assert_int_eq(graft_run_passes(f.module, "lower", NULL), GRAFT_OK);
  f.layers = graft_layers_create(f.graph);
  check_spread(f);
  const graft_quantized_layer l = get(f, 1);
  ck_assert(l.node == l.last && l.activation_node == GRAFT_NONE);
  ck_assert_str_eq(graft_node_get_op(f.graph, l.node), "quantized.conv2d_relu");
  end(f);
}
END_TEST

START_TEST(sums_lists_and_groups) {
  fixture f = begin(
      "graft 1\n"
      "tensor %w: i8[4, 2, 1, 1] constant = [1, 2, 3, 4, 5, 6, 7, 8]\n"
      "tensor %b: i32[4] constant = [1, 2, 3, 4]\n"
      "tensor %s: f32[4] constant = [0.5, 0.25, 0.5, 1.0]\n"
      "tensor %z: i32[4] constant = [0, 0, 0, 0]\n"
      "tensor %ss: f32[2] constant = [0.5, 0.25]\n"
      "tensor %zz: i32[2] constant = [1, -1]\n"
      "graph main(%x: i8[1, 4, 2, 2], %o: i8[1, 4, 2, 2]) {\n"
      "  %t = quantized.conv_transpose2d(%x, %w, %b, 0.5, 0: i32, %s, %z, 1.0, 7: i32) {groups: 2, quant_min: -100}\n"
      "  %c = quantized.cat(%ss, %zz, 1.0, 7: i32, %t, %o) {dim: 1}\n"
      "  %m = quantized.add_relu(%t, %o, 1.0, 7: i32, 0.25, -1: i32, 1.0, 0: i32)\n"
      "  return %c as \"c\", %m as \"m\"\n"
      "}\n");
  ck_assert_uint_eq(graft_layers_count(f.layers), 3);
  const graft_quantized_layer t = get(f, 0), c = get(f, 1), m = get(f, 2);
  ck_assert_str_eq(t.op, "conv_transpose2d");
  ck_assert(t.channels == 4 && t.weight->axis == 1 && t.weight->groups == 2 && t.weight->count == 4);
  ck_assert(t.bias_i32[3] == 4 && t.bias_clipped == 0 && t.multipliers[3] == 0.5 && t.output.quant_min == -100);
  ck_assert_str_eq(c.op, "cat");
  ck_assert_uint_eq(c.operand_count, 2);
  ck_assert(c.operands[1].count == 1 && c.operands[1].scales[0] == 0.25f && c.operands[1].zero_points[0] == -1);
  ck_assert(c.operands[0].scales[0] == 0.5f && c.operands[0].scale == GRAFT_NONE && c.output.zero_points[0] == 7);
  ck_assert_str_eq(m.op, "add");
  ck_assert_str_eq(m.activation, "relu");
  ck_assert(m.other == &m.operands[1] && m.other->scales[0] == 0.25f && !m.adds && m.channels == 0 && !m.multipliers);
  end(f);

  f = begin("graft 1\n"
            "tensor %w: i8[1, 1, 1, 1] constant = [1]\n"
            "graph main(%x: i8[1, 1, 2, 2], %o: i8[1, 1, 2, 2]) {\n"
            "  %y = quantized.conv2d_add(%x, %w, _, 0.5, 0: i32, 0.25, 0: i32, 1.0, 7: i32, %o, 2.0, 3: i32)\n"
            "  return %y as \"y\"\n"
            "}\n");
  const graft_quantized_layer a = get(f, 0);
  ck_assert_str_eq(a.op, "conv2d");
  ck_assert(a.adds && a.other->scales[0] == 2.0f && a.other->zero_points[0] == 3 && !a.bias && !a.bias_i32);
  ck_assert(a.operand_count == 4 && a.operands[2].value == GRAFT_NONE && a.weight->axis == -1);
  end(f);
}
END_TEST

/* A dequantize that a float node reads too is there for it; floats, opaque nodes and unknown scales are told apart. */
START_TEST(what_stays_in_float) {
  fixture f = begin("graft 1\n"
                    "tensor %w: i8[1, 1, 1, 1] constant = [1]\n"
                    "graph main(%q: i8[1, 1, 2, 2], %s: f32[], %z: i32[]) {\n"
                    "  %d = dequantize_per_tensor(%q, %s, %z)\n"
                    "  %dw = dequantize_per_tensor(%w, 0.5, 0: i32)\n"
                    "  %c = conv2d(%d, %dw)\n"
                    "  %y = quantize_per_tensor(%c, 0.5, 0: i32)\n"
                    "  %e = sigmoid(%d)\n"
                    "  %v = \"vendor.op\"(%d)\n"
                    "  return %y as \"y\", %e as \"e\", %v as \"v\"\n"
                    "}\n");
  ck_assert_uint_eq(graft_layers_count(f.layers), 4);
  const graft_quantized_layer d = get(f, 0), c = get(f, 1), e = get(f, 2), v = get(f, 3);
  ck_assert_str_eq(d.op, "dequantize_per_tensor");
  ck_assert(c.integers && c.input->quantized && c.input->count == 0 && c.input->scale != GRAFT_NONE && !c.multipliers);
  ck_assert_str_eq(e.op, "sigmoid");
  ck_assert_str_eq(e.in_float, "result");
  ck_assert(e.input->value == d.output.value && !e.input->quantized);
  ck_assert_str_eq(v.op, "vendor.op");
  ck_assert(!v.integers && v.operand_count == 1 && v.operands[0].value == d.output.value && !v.input);
  end(f);
}
END_TEST

START_TEST(misuse) {
  fixture f = begin(spread);
  graft_quantized_layer l = {.size = sizeof l};
  ck_assert_int_eq(graft_layers_get(f.layers, 3, &l), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_layers_get(f.layers, 0, NULL), GRAFT_INVALID_ARGUMENT);
  ck_assert_uint_eq(graft_diagnostic_count(f.context), 2);
  l.size = 0;
  ck_assert_int_eq(graft_layers_get(f.layers, 0, &l), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_layers_get(NULL, 0, &l), GRAFT_INVALID_ARGUMENT);
  ck_assert_ptr_null(graft_layers_create(NULL));
  ck_assert_uint_eq(graft_layers_count(NULL), 0);
  l.size = offsetof(graft_quantized_layer, op); /* an older caller's */
  l.op = "as it was";
  ck_assert_int_eq(graft_layers_get(f.layers, 1, &l), GRAFT_OK);
  ck_assert_str_eq(l.op, "as it was");
  ck_assert_uint_ne(l.node, GRAFT_NONE);
  graft_graph *g = graft_module_get_graph(f.module, 0);
  graft_diagnostics_clear(f.context);
  ck_assert_uint_ne(graft_build(g, "relu", (graft_value[]){graft_input_get(g, 0)}, 1, NULL, 0), GRAFT_NONE);
  ck_assert_int_eq(graft_layers_get(f.layers, 1, &l), GRAFT_INVALID_ARGUMENT); /* of the graph that was */
  ck_assert_uint_eq(graft_diagnostic_count(f.context), 1);
  end(f);
}
END_TEST

START_TEST(fixed_point) {
  int32_t m = 0, e = 0;
  ck_assert(graft_fixed_point(0.75, &m, &e) && m == 3 << 29 && e == 0);
  ck_assert(graft_fixed_point(0x1p-5, &m, &e) && m == 1 << 30 && e == -4);
  ck_assert(graft_fixed_point(0.99999999999, &m, &e) && m == 1 << 30 && e == 1); /* rounds up to 1 */
  ck_assert(!graft_fixed_point(0, &m, &e) && !graft_fixed_point(-1, &m, &e) && !graft_fixed_point(1.0 / 0.0, &m, &e));
  ck_assert(!graft_fixed_point(0x1p31, &m, &e) && !graft_fixed_point(0.5, NULL, &e) &&
            !graft_fixed_point(0.5, &m, NULL));
}
END_TEST

START_TEST(failing_allocations) {
  for (int forever = 0; forever < 2; forever++) {
    bool made = false;
    for (uint64_t at = 1; !made; at++) {
      test_heap heap = {0};
      graft_context *context = heap_context(&heap);
      graft_module *m = graft_module_load_memory(context, spread, strlen(spread), "test.gir", NULL);
      heap_fail(&heap, at, forever);
      graft_layers *ls = graft_layers_create(graft_module_get_graph(m, 0));
      made = heap_fail(&heap, 0, false) < at;
      ck_assert((ls != NULL) != graft_context_has_errors(context));
      if (ls) ck_assert_uint_eq(graft_layers_count(ls), 3);
      graft_layers_destroy(ls);
      graft_module_destroy(m);
      graft_context_destroy(context);
      ck_assert_uint_eq(heap.live, 0);
      ck_assert_uint_lt(at, 1000);
    }
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("layers");
  TCase *t = tcase_create("layers");
  tcase_add_test(t, spread_over_nodes);
  tcase_add_test(t, lowered);
  tcase_add_test(t, sums_lists_and_groups);
  tcase_add_test(t, what_stays_in_float);
  tcase_add_test(t, misuse);
  tcase_add_test(t, fixed_point);
  tcase_add_test(t, failing_allocations);
  suite_add_tcase(suite, t);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? 1 : 0;
}
