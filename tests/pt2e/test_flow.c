/* The flow from prepare to convert beside PyTorch's own tests: through files, with dynamic, learnable and fixed
 * parameters, with observers and fake-quants switched off, and before any step. */
#include "../unit/scratch.h"
#include "qat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static network conv_bn(void) {
  model m = conv_bn_model();
  return build(&m, 2);
}

static array input(int step) {
  network n = {.dim = 2};
  return input_of_step(&n, BATCH, 3, step);
}

/* ---- files ---- */

static network through_file(network *n, const char *name, graft_format format) {
  const char *path = scratch_path(name);
  ck_assert_int_eq(graft_module_save(n->module, path, format), GRAFT_OK);
  graft_context *c = graft_context_create(NULL);
  network read = network_of(c, graft_module_load(c, path, NULL));
  network_destroy(n);
  return read;
}

/* Each stage in a process of its own gives what all in one do: annotations and states are in the files. */
START_TEST(stages_through_files) {
  static const struct {
    const char *name, *prepare;
    graft_format format;
  } cases[] = {
      {"a.gir", "prepare-qat{per-channel=true}", GRAFT_FORMAT_TEXT},
      {"a.gfb", "prepare-qat{per-channel=true}", GRAFT_FORMAT_BINARY},
      {"a.gir", "prepare-qat{quantizer=derived_bias}", GRAFT_FORMAT_TEXT},
      {"a.gir", "to-eval,prepare", GRAFT_FORMAT_TEXT},
      {"a.gfb", "to-eval,prepare", GRAFT_FORMAT_BINARY},
  };
  scratch_create();
  network n = conv_bn(), once = conv_bn();
  run_passes(&once, cases[_i].prepare);
  run_passes(&n, cases[_i].prepare);
  for (int step = 0; step < STEPS; step++) {
    n = through_file(&n, cases[_i].name, cases[_i].format);
    expect_same(run(&n, input(step)), run(&once, input(step)));
  }
  n = through_file(&n, cases[_i].name, cases[_i].format);
  run_passes(&n, "to-eval,convert");
  run_passes(&once, "to-eval,convert");
  ck_assert_uint_eq(graft_module_hash(n.module), graft_module_hash(once.module));
  n = through_file(&n, cases[_i].name, cases[_i].format);
  expect_same(run(&n, input(STEPS)), run(&once, input(STEPS)));
  network_destroy(&n);
  network_destroy(&once);
  scratch_destroy();
}
END_TEST

/* ---- parameters that nothing observes ---- */

/* Two linears on one input, whose scale is computed at run time. */
static network two_linears(void) {
  network n = network_begin(0);
  graft_value x = add_input(&n, 5, 8, 0);
  graft_value y = add_linear(&n, "a", x, 8, 4, true), z = add_linear(&n, "b", x, 8, 4, true);
  network_end(&n, add_op(&n, "add", "add", y, z));
  return n;
}

/* Q(x) W'^T + b, everything by hand; `w` is fake-quantized in place. */
static array dynamic_linear(array x, fake_quant *q, float *w, const float *b) {
  array y = array_make(x.n, 4, 1, 1);
  fake_quant in = {
      .options = {.dtype = GRAFT_I8, .quant_min = -128, .quant_max = 127, .custom_range = true, .eps = 0x1p-12}};
  array xq = fake_quantized(&in, x);
  fake_quantize(q, w, 4 * 8);
  for (int64_t i = 0; i < x.n; i++)
    for (int64_t o = 0; o < 4; o++) {
      double sum = (double)b[o];
      for (int64_t k = 0; k < 8; k++) sum += (double)xq.data[i * 8 + k] * (double)w[o * 8 + k];
      y.data[i * 4 + o] = (float)sum;
    }
  return y;
}

START_TEST(dynamic_linears_are_their_definition) {
  bool per_channel = _i == 1;
  network n = two_linears();
  float w[2][32], b[2][4];
  memcpy(w[0], tensor_floats(&n, "a.weight"), sizeof w[0]);
  memcpy(w[1], tensor_floats(&n, "b.weight"), sizeof w[1]);
  memcpy(b[0], tensor_floats(&n, "a.bias"), sizeof b[0]);
  memcpy(b[1], tensor_floats(&n, "b.bias"), sizeof b[1]);
  run_passes(&n, per_channel ? "prepare{dynamic=true,per-channel=true}" : "prepare{dynamic=true}");
  run_passes(&n, "convert"); /* weights need no step */
  /* one scale for the one input, however many read it */
  ck_assert_int_eq(count(&n, "choose_qparams"), 1);
  ck_assert_int_eq(count(&n, "quantize_per_tensor"), 1);
  ck_assert_uint_eq(graft_node_operand(n.graph, find(&n, "a"), 0), graft_node_operand(n.graph, find(&n, "b"), 0));
  ck_assert_int_eq(count(&n, "dequantize_per_channel"), per_channel ? 2 : 0);
  for (int step = 0; step < STEPS; step++) { /* each input has its own scale */
    array x = array_fill("x", 5, 8, 1, 1, -1.0 - step, 2.0 + step), want = array_make(5, 4, 1, 1);
    for (int k = 0; k < 2; k++) {
      layer l = {.in = 8, .out = 4};
      fake_quant_spec s = weight_spec(&l, per_channel);
      fake_quant q = {.options = {.dtype = GRAFT_I8,
                                  .quant_min = -127,
                                  .quant_max = 127,
                                  .symmetric = true,
                                  .custom_range = true,
                                  .eps = s.eps},
                      .channels = s.channels,
                      .inner = 8};
      float copy[32];
      memcpy(copy, w[k], sizeof copy);
      want = sum(want, dynamic_linear(x, &q, copy, b[k]));
    }
    expect_close(run(&n, x), want, 1e-5);
  }
  network_destroy(&n);
}
END_TEST

static const char learnable_and_fixed[] =
    "graft 1\ngraph main(%x: f32[2, 8]) {\n"
    "  spec 1 = spec {learnable: true}\n"
    "  spec 2 = fixed {dtype: u8, quant_min: 0, quant_max: 255, scale: 0.00390625}\n"
    "  %r = tanh(%x ~1): f32[2, 8]\n  %s = sigmoid(%r): f32[2, 8] ~2\n  return %s as \"y\"\n}\n";

/* What training makes of a learnable scale and zero point is what is converted; fixed ones are as given. */
START_TEST(learnable_and_fixed_parameters) {
  network n = network_from_text(learnable_and_fixed);
  run_passes(&n, "insert-fake-quant");
  ck_assert_int_eq(count(&n, "observe"), 1);
  array x = array_fill("x", 2, 8, 1, 1, -2.0, 2.0);
  run(&n, x); /* the static phase: the scale is what the range asks for */
  const float *range = graft_tensor_get_data(n.module, state_of(&n, graft_node_operand(n.graph, find(&n, "r"), 0)));
  const float start = (range[1] - range[0]) / 255.0f;
  run_passes(&n, "enable-param-learning");
  ck_assert_int_eq(count(&n, "observe"), 0);
  ck_assert_int_eq(count(&n, "qparams"), 0);
  graft_node fq = operand_maker(&n, find(&n, "r"), 0);
  graft_tensor scale = graft_value_tensor(n.graph, graft_node_operand(n.graph, fq, 1));
  ck_assert_uint_ne(scale, GRAFT_NONE);
  ck_assert_int_eq(graft_tensor_get_kind(n.module, scale), GRAFT_PARAMETER);
  ck_assert_float_eq_tol(*(const float *)graft_tensor_get_data(n.module, scale), start, 1e-6f * start);
  graft_tensor zero_point = graft_value_tensor(n.graph, graft_node_operand(n.graph, fq, 2));
  ck_assert_uint_ne(zero_point, GRAFT_NONE);
  ck_assert_int_eq(graft_tensor_get_kind(n.module, zero_point), GRAFT_PARAMETER);
  ck_assert_float_eq_tol(*(const float *)graft_tensor_get_data(n.module, zero_point), rintf(-128 - range[0] / start),
                         1);
  const int32_t zero = 6; /* a step of training leads to 5.75 */
  ck_assert_int_eq(graft_tensor_set_data(n.module, scale, &(float){0.125f}), GRAFT_OK);
  ck_assert_int_eq(graft_tensor_set_data(n.module, zero_point, &(float){5.75f}), GRAFT_OK);
  array want = run(&n, x);
  for (int64_t i = 0; i < array_count(x); i++) {
    float at = rintf(x.data[i] * 8.0f) + (float)zero, q = (fmaxf(-128.0f, fminf(127.0f, at)) - (float)zero) / 8.0f;
    float s = 1.0f / (1.0f + expf(-tanhf(q)));
    ck_assert_float_eq_tol(want.data[i], rintf(s * 256.0f) / 256.0f, 1e-6f);
  }
  run_passes(&n, "convert");
  ck_assert_float_eq(scale_of(&n, operand_maker(&n, find(&n, "r"), 0), 0), 0.125f);
  ck_assert_float_eq(scale_of(&n, maker(&n, output(&n)), 0), 0.00390625f);
  expect_same(run(&n, x), want);
  network_destroy(&n);
}
END_TEST

/* ---- switches ---- */

static void set_enabled(network *n, const char *op, bool enabled) {
  graft_attr a = {.name = "enabled", .kind = GRAFT_ATTR_BOOL, .as.b = enabled};
  for (graft_node i = graft_node_first(n->graph); i != GRAFT_NONE; i = graft_node_next(n->graph, i))
    if (strcmp(op_of(n, i), op) == 0) ck_assert_int_eq(graft_node_set_attr(n->graph, i, &a), GRAFT_OK);
}

START_TEST(fake_quants_and_observers_are_switched_off) {
  network n = conv_bn(), plain = conv_bn();
  prepare_qat(&n, "xnnpack", true);
  const graft_tensor state = state_of(&n, output(&n));
  set_enabled(&n, "fake_quantize", false); /* observes only: the float network */
  expect_close(run(&n, input(0)), run(&plain, input(0)), 1e-5);
  float range[2];
  memcpy(range, graft_tensor_get_data(n.module, state), sizeof range);
  ck_assert_float_lt(range[0], range[1]);
  set_enabled(&n, "fake_quantize", true); /* quantizes with the range there is */
  set_enabled(&n, "observe", false);
  run(&n, input(1));
  const float *after = graft_tensor_get_data(n.module, state);
  ck_assert(after[0] == range[0] && after[1] == range[1]);
  verify_converted(&n, input(2));
  network_destroy(&n);
  network_destroy(&plain);
}
END_TEST

/* Converted before any step: weights are observed now, activations have scale 1, and a warning names each. */
START_TEST(convert_before_any_step) {
  network n = conv_bn();
  prepare_qat(&n, "xnnpack", false);
  run_passes(&n, "to-eval,convert");
  graft_node conv = find(&n, "conv");
  ck_assert_float_eq(scale_of(&n, operand_maker(&n, conv, 0), 0), 1.0f);
  ck_assert_float_lt(scale_of(&n, operand_maker(&n, conv, 1), 0), 0.1f);
  uint32_t x = 0, y = 0;
  for (uint32_t i = 0; i < graft_diagnostic_count(n.context); i++) {
    graft_diagnostic d = graft_diagnostic_get(n.context, i);
    ck_assert_int_eq(d.severity, GRAFT_WARNING);
    x += strstr(d.message, "never observed") && strstr(d.message, "'x'");
    y += strstr(d.message, "never observed") && strstr(d.message, "'bn'");
  }
  ck_assert(x == 1 && y == 1);
  network_destroy(&n);
}
END_TEST

static void setup(void) { arrays_reset(); }

int main(void) {
  Suite *suite = suite_create("flow");
  TCase *c = tcase_create("flow");
  tcase_add_checked_fixture(c, setup, NULL);
  tcase_add_loop_test(c, stages_through_files, 0, 5);
  tcase_add_loop_test(c, dynamic_linears_are_their_definition, 0, 2);
  tcase_add_test(c, learnable_and_fixed_parameters);
  tcase_add_test(c, fake_quants_and_observers_are_switched_off);
  tcase_add_test(c, convert_before_any_step);
  tcase_set_timeout(c, 60);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
