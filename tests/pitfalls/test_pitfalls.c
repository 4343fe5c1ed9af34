/* What users of the peers ran into, where numbers or errors show it; tests are named after the rows of README.md beside
 * this file, which lists the golden files too. */
#include "models.h"
#include "qat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CONV(name) \
  "tensor %" name ".weight: f32[3, 3, 3, 3] parameter = fill(\"" name ".weight\", -0.5, 0.5)\n" \
  "tensor %" name ".bias: f32[3] parameter = fill(\"" name ".bias\", -0.1, 0.1)\n"
#define STATISTICS(name) \
  "tensor %" name ".running_mean: f32[3] buffer = fill(\"" name ".running_mean\", -0.2, 0.2)\n" \
  "tensor %" name ".running_var: f32[3] buffer = fill(\"" name ".running_var\", 0.5, 1.5)\n"
#define BN(name) \
  "tensor %" name ".weight: f32[3] parameter = fill(\"" name ".weight\", 0.5, 1.5)\n" \
  "tensor %" name ".bias: f32[3] parameter = fill(\"" name ".bias\", -0.2, 0.2)\n" STATISTICS(name)
#define OPERANDS(name) "%" name ".weight, %" name ".bias, %" name ".running_mean, %" name ".running_var"
#define UPDATES(name) \
  "  update %" name ".running_mean = %" name "_mean\n  update %" name ".running_var = %" name "_var\n"
#define T4 "f32[2, 3, 4, 4]"
#define BN_TYPES "(" T4 ", f32[3], f32[3])"
#define INPUT "graph main(%x: f32[2, 3, 6, 6]) {\n"

static network from(const char *gir) {
  network n = network_from_text(gir);
  n.dim = 2;
  return n;
}

static array input(const network *n, int step) { return input_of_step(n, BATCH, 3, step); }

static void train(network *n) {
  for (int step = 0; step < STEPS; step++) run(n, input(n, step));
}

static void set_floats(network *n, const char *tensor, const float *data) {
  ck_assert_int_eq(graft_tensor_set_data(n->module, graft_tensor_find(n->module, tensor), data), GRAFT_OK);
}

/* ---- batch norm ---- */

/* gamma = 0, or a scale that is subnormal: the channel is beta, in training and converted; exact: 0 / 0. */
START_TEST(pitfall_05_zero_gamma_is_finite) {
  static const float gamma[] = {1, 0, 1e-42f}, beta[] = {0.5f, 0.75f, -0.25f};
  model m = conv_bn_model();
  network n = build(&m, 2);
  set_floats(&n, "bn.weight", gamma);
  set_floats(&n, "bn.bias", beta);
  network exact = network_clone(&n);
  prepare_qat(&n, "xnnpack", _i == 1);
  for (int step = 0; step < STEPS + 1; step++) {
    if (step == STEPS) run_passes(&n, "to-eval,convert");
    array y = run(&n, input(&n, step));
    for (int64_t i = 0; i < array_count(y); i++) {
      int64_t c = i / (y.h * y.w) % 3;
      ck_assert(isfinite(y.data[i]));
      if (c > 0) ck_assert_float_eq_tol(y.data[i], beta[c], 0.02f);
    }
  }
  network_destroy(&n);
  run_passes(&exact, "prepare-qat{exact=true}");
  ck_assert(attr(&exact, only(&exact, "bn_scale"), "exact").as.b);
  run(&exact, input(&exact, 0));
  const float *mean = tensor_floats(&exact, "bn.running_mean");
  ck_assert(isfinite(mean[0]) && isnan(mean[1]));
  network_destroy(&exact);
}
END_TEST

/* No affine parameters, and a cumulative average for a momentum. */
START_TEST(pitfall_13_no_affine_no_momentum) {
  network n = from("graft 1\n" CONV("conv") STATISTICS(
      "bn") "tensor %bn.count: i64[] buffer = 0\n" INPUT "  %conv = conv2d(%x, %conv.weight, %conv.bias): " T4 "\n"
            "  %bn, %bn_mean, %bn_var, %bn_count = batch_norm(%conv, _, _, %bn.running_mean, %bn.running_var, "
            "%bn.count) {training: true, momentum: none}: (" T4 ", f32[3], f32[3], i64[])\n"
            "  return %bn as \"y\"\n" UPDATES("bn") "  update %bn.count = %bn_count\n}\n");
  layer l = {.in = 3, .out = 3, .kernel = 3, .bias = true};
  unit u = unit_of(&n, &l, "conv", "bn", true);
  fake_quant in = activation_quant(), out = activation_quant();
  ck_assert_ptr_null(u.gamma);
  prepare_qat(&n, "xnnpack", true);
  ck_assert_int_eq(attr(&n, only(&n, "batch_norm"), "momentum").kind, GRAFT_ATTR_NONE);
  for (int step = 0; step < STEPS; step++) {
    u.momentum = 1.0 / (step + 1);
    array want = fake_quantized(&out, qat_conv_bn(&u, fake_quantized(&in, input(&n, step))));
    expect_quantized(run(&n, input(&n, step)), want, (double)out.scale[0]);
  }
  expect_vector(&n, "bn.running_mean", u.mean, 3, 1e-5);
  expect_vector(&n, "bn.running_var", u.var, 3, 1e-5);
  verify_converted(&n, input(&n, STEPS));
  network_destroy(&n);
}
END_TEST

/* A batch norm behind no convolution changes with the mode like the others; freeze-bn leaves dropout in training. */
START_TEST(pitfall_22_mode_covers_every_bn) {
  network n = from("graft 1\n" CONV("conv") BN("bn") BN("alone") INPUT
                   "  %conv = conv2d(%x, %conv.weight, %conv.bias): " T4 "\n"
                   "  %bn, %bn_mean, %bn_var = batch_norm(%conv, " OPERANDS(
                       "bn") ") {training: true}: " BN_TYPES "\n"
                             "  %relu = relu(%bn): " T4 "\n"
                             "  %alone, %alone_mean, %alone_var = batch_norm(%relu, " OPERANDS(
                                 "alone") ") {training: true}: " BN_TYPES "\n"
                                          "  %dropout = dropout(%alone) {training: true}: " T4 "\n"
                                          "  return %dropout as \"y\"\n" UPDATES("bn") UPDATES("alone") "}\n");
  prepare_qat(&n, "xnnpack", false);
  run(&n, input(&n, 0));
  run_passes(&n, "freeze-bn");
  ck_assert(!attr(&n, find(&n, "bn"), "training").as.b && !attr(&n, find(&n, "alone"), "training").as.b);
  ck_assert(attr(&n, find(&n, "dropout"), "training").as.b);
  run_passes(&n, "unfreeze-bn,to-eval");
  float before[3];
  memcpy(before, tensor_floats(&n, "alone.running_mean"), sizeof before);
  run(&n, input(&n, 1));
  expect_vector(&n, "alone.running_mean", before, 3, 0);
  ck_assert(!attr(&n, find(&n, "alone"), "training").as.b && !attr(&n, find(&n, "dropout"), "training").as.b);
  run_passes(&n, "convert");
  ck_assert_int_eq(count(&n, "batch_norm"), 1); /* the one that has nothing to fold into */
  network_destroy(&n);
}
END_TEST

/* One definition, pinned: the same bits on any number of threads. */
START_TEST(pitfall_23_one_batch_norm) {
  model m = conv_bn_model();
  network n = build(&m, 2), other = build(&m, 2);
  prepare_qat(&n, "xnnpack", true);
  prepare_qat(&other, "xnnpack", true);
  for (int step = 0; step < STEPS; step++)
    expect_same(run_on_threads(&n, input(&n, step), 3), run(&other, input(&n, step)));
  expect_vector(&n, "bn.running_var", tensor_floats(&other, "bn.running_var"), 3, 0);
  network_destroy(&n);
  network_destroy(&other);
}
END_TEST

/* The QAT form without rounding is the float network, with a bias that is not zero: in training, in evaluation, folded.
 */
START_TEST(pitfall_46_the_bias_counts_once) {
  model m = conv_bn_model();
  network plain = build(&m, 1 + _i), fused = build(&m, 1 + _i);
  run_passes(&fused, "annotate{quantizer=xnnpack,qat=true},fuse-conv-bn-qat");
  ck_assert_int_eq(count(&fused, "bn_scale"), 1);
  for (int step = 0; step < STEPS; step++)
    expect_close(run(&fused, input(&fused, step)), run(&plain, input(&plain, step)), 1e-5);
  expect_vector(&fused, "bn.running_mean", tensor_floats(&plain, "bn.running_mean"), 3, 1e-6);
  run_passes(&fused, "to-eval");
  run_passes(&plain, "to-eval");
  array want = run(&plain, input(&plain, STEPS));
  expect_close(run(&fused, input(&fused, STEPS)), want, 1e-5);
  run_passes(&fused, "clear-annotations,fold-conv-bn,dce");
  ck_assert_uint_eq(graft_node_count(fused.graph), 1);
  expect_close(run(&fused, input(&fused, STEPS)), want, 1e-5);
  network_destroy(&plain);
  network_destroy(&fused);
}
END_TEST

START_TEST(defect_frozen_bn_stays_frozen) {
  network n = from("graft 1\n" CONV("conv") BN("bn") INPUT "  %conv = conv2d(%x, %conv.weight, %conv.bias): " T4 "\n"
                                                           "  %bn, %bn_mean, %bn_var = batch_norm(%conv, " OPERANDS(
                                                               "bn") "): " BN_TYPES "\n"
                                                                     "  return %bn as \"y\"\n" UPDATES("bn") "}\n");
  float mean[3];
  memcpy(mean, tensor_floats(&n, "bn.running_mean"), sizeof mean);
  prepare_qat(&n, "xnnpack", true);
  ck_assert(!attr(&n, only(&n, "batch_norm"), "training").as.b);
  train(&n);
  expect_vector(&n, "bn.running_mean", mean, 3, 0);
  verify_converted(&n, input(&n, STEPS));
  network_destroy(&n);
}
END_TEST

/* ---- sharing ---- */

static const char shared_weight[] = "graft 1\n" CONV("conv") BN("bn1") BN("bn2") INPUT
    "  %a = conv2d(%x, %conv.weight): " T4 "\n"
    "  %b = conv2d(%x, %conv.weight): " T4 "\n"
    "  %bn1, %bn1_mean, %bn1_var = batch_norm(%a, " OPERANDS(
        "bn1") ") {training: true}: " BN_TYPES "\n"
               "  %bn2, %bn2_mean, %bn2_var = batch_norm(%b, " OPERANDS("bn2") ") {training: true}: " BN_TYPES "\n"
                                                                               "  %add = add(%bn1, %bn2): " T4 "\n"
                                                                               "  return %add as \"y\"\n" UPDATES("bn1")
                                                                                   UPDATES("bn2") "}\n";

/* One weight, no bias, two batch norms: each fold makes a weight and a bias of its own. */
START_TEST(pitfall_09_shared_weight_is_folded_for_each) {
  network n = from(shared_weight), plain = from(shared_weight);
  prepare_qat(&n, "xnnpack", _i == 1);
  ck_assert_int_eq(count(&n, "bn_scale"), 2);
  train(&n);
  verify_converted(&n, input(&n, STEPS));
  run_passes(&n, "convert");
  graft_node a = find(&n, "a"), b = find(&n, "b");
  ck_assert_uint_ne(graft_node_operand(n.graph, operand_maker(&n, a, 1), 0),
                    graft_node_operand(n.graph, operand_maker(&n, b, 1), 0));
  ck_assert_uint_ne(graft_node_operand(n.graph, a, 2), graft_node_operand(n.graph, b, 2));
  network_destroy(&n);

  train(&plain); /* and without quantization */
  run_passes(&plain, "to-eval");
  array want = run(&plain, input(&plain, STEPS));
  run_passes(&plain, "fold-conv-bn");
  ck_assert_int_eq(count(&plain, "batch_norm"), 0);
  expect_close(run(&plain, input(&plain, STEPS)), want, 1e-5);
  network_destroy(&plain);
}
END_TEST

/* One bias in two convolutions whose inputs have different scales: each has the parameters of its own. */
START_TEST(pitfall_35_bias_for_each_consumer) {
  network n =
      from("graft 1\n" CONV("one") CONV("two") INPUT "  %one = conv2d(%x, %one.weight, %one.bias): " T4 "\n"
                                                     "  %two = conv2d(%one, %two.weight, %one.bias): f32[2, 3, 2, 2]\n"
                                                     "  return %two as \"y\"\n}\n");
  float b[3];
  memcpy(b, tensor_floats(&n, "one.bias"), sizeof b);
  run_passes(&n, _i == 1 ? "prepare{quantizer=derived_bias,per-channel=true}" : "prepare{quantizer=derived_bias}");
  train(&n);
  run_passes(&n, "convert");
  float scale[2][3];
  const char *const names[] = {"one", "two"};
  for (int k = 0; k < 2; k++) {
    graft_node conv = find(&n, names[k]), dq = operand_maker(&n, conv, 2);
    const int32_t *codes =
        graft_tensor_get_data(n.module, graft_value_tensor(n.graph, graft_node_operand(n.graph, dq, 0)));
    for (int64_t c = 0; c < 3; c++) {
      int64_t entry = _i == 1 ? c : 0;
      scale[k][c] = scale_of(&n, dq, entry);
      ck_assert_float_eq(scale[k][c],
                         scale_of(&n, operand_maker(&n, conv, 0), 0) * scale_of(&n, operand_maker(&n, conv, 1), entry));
      ck_assert_float_eq_tol((float)codes[c] * scale[k][c], b[c], 0.51f * scale[k][c]);
    }
  }
  ck_assert_float_ne(scale[0][0], scale[1][0]);
  network_destroy(&n);
}
END_TEST

/* A convolution whose result is read elsewhere is quantized as one without a batch norm, which stays. */
START_TEST(defect_second_user_is_left_alone) {
  network n = from("graft 1\n" CONV("conv") BN("bn") INPUT "  %conv = conv2d(%x, %conv.weight, %conv.bias): " T4 "\n"
                                                           "  %bn, %bn_mean, %bn_var = batch_norm(%conv, " OPERANDS(
                                                               "bn") ") {training: true}: " BN_TYPES "\n"
                                                                     "  %add = add(%bn, %conv): " T4 "\n"
                                                                     "  return %add as \"y\"\n" UPDATES("bn") "}\n");
  network after = network_clone(&n);
  run_passes(&after, "to-eval");
  array want = run(&after, input(&n, 0));
  run_passes(&after, "fold-conv-bn");
  ck_assert_int_eq(count(&after, "batch_norm"), 1);
  expect_same(run(&after, input(&n, 0)), want);
  network_destroy(&after);

  prepare_qat(&n, "xnnpack", true);
  ck_assert_int_eq(count(&n, "bn_scale"), 0);
  fake_quant_spec act = activation_spec();
  graft_value read = graft_node_operand(n.graph, only(&n, "batch_norm"), 0);
  ck_assert_uint_eq(expect_fake_quant(&n, read, &act), graft_node_result(n.graph, find(&n, "conv"), 0));
  train(&n);
  run_passes(&n, "to-eval,convert");
  ck_assert_int_eq(count(&n, "batch_norm"), 1);
  run(&n, input(&n, STEPS));
  network_destroy(&n);
}
END_TEST

/* ---- channels ---- */

/* Grouped transposed convolutions: the scale, the fold and the weight's parameters all go by output channel. */
START_TEST(pitfall_14_grouped_transposed) {
  model m = {.conv = {.in = 4, .out = 6, .kernel = 3, .stride = 2, .groups = 2, .bias = true, .transpose = true},
             .bn = true};
  variant v = variant_of(_i);
  verify_graph(&m, v.dim, v.per_channel);
  verify_numerics(&m, v.dim, v.per_channel);
}
END_TEST

START_TEST(pitfall_14_grouped) {
  model m = {
      .conv = {.in = 4, .out = 6, .kernel = 3, .padding = 1, .dilation = 2, .groups = 2}, .bn = true, .relu = true};
  variant v = variant_of(_i);
  verify_graph(&m, v.dim, v.per_channel);
  verify_numerics(&m, v.dim, v.per_channel);
}
END_TEST

/* The fused observer of a weight with its output channels on axis 1 sees that axis. */
START_TEST(pitfall_16_observer_on_axis_1) {
  model m = {.conv = {.in = 3, .out = 5, .kernel = 3, .transpose = true}, .relu = true};
  network n = build(&m, 1);
  float low[5], high[5];
  for (int c = 0; c < 5; c++) low[c] = INFINITY, high[c] = -INFINITY;
  const float *w = tensor_floats(&n, "conv.weight");
  for (int i = 0; i < 3 * 5 * 3; i++) {
    low[i / 3 % 5] = fminf(low[i / 3 % 5], w[i]);
    high[i / 3 % 5] = fmaxf(high[i / 3 % 5], w[i]);
  }
  prepare_qat(&n, "xnnpack", true);
  run(&n, input(&n, 0));
  const float *state = graft_tensor_get_data(n.module, state_of(&n, graft_node_operand(n.graph, find(&n, "conv"), 1)));
  for (int c = 0; c < 5; c++) {
    ck_assert_float_eq(state[c], low[c]);
    ck_assert_float_eq(state[5 + c], high[c]);
  }
  network_destroy(&n);
}
END_TEST

/* ---- numbers ---- */

/* What a q/dq node holds is what the function of ranges gives for the state that was trained; on request the other
 * formula's. */
START_TEST(pitfall_24_parameters_as_trained) {
  model m = conv_bn_model();
  network n = build(&m, 2);
  prepare_qat(&n, "xnnpack", false);
  train(&n);
  float range[2];
  memcpy(range, graft_tensor_get_data(n.module, state_of(&n, graft_node_operand(n.graph, find(&n, "conv"), 1))),
         sizeof range);
  graft_qparams_config c = {.size = sizeof c,
                            .dtype = GRAFT_I8,
                            .quant_min = -127,
                            .quant_max = 127,
                            .formula = _i == 1 ? GRAFT_FORMULA_OBSERVER : GRAFT_FORMULA_KERNEL,
                            .symmetric = true,
                            .custom_range = true,
                            .eps = 0.000244140625};
  float scale;
  int32_t zero_point;
  ck_assert_int_eq(graft_qparams(&c, range[0], range[1], &scale, &zero_point), GRAFT_OK);
  run_passes(&n, _i == 1 ? "to-eval,convert{qparams=observer}" : "to-eval,convert");
  ck_assert_float_eq(scale_of(&n, operand_maker(&n, find(&n, "conv"), 1), 0), scale);
  network_destroy(&n);
}
END_TEST

/* Where nothing is folded, the converted graph gives the fake-quantized one's bits. */
START_TEST(pitfall_25_converted_is_what_was_trained) {
  model m = {.conv = {.in = 3, .out = 3, .kernel = 3, .bias = true}, .relu = true};
  network n = build(&m, 2);
  prepare_qat(&n, "xnnpack", _i == 1);
  train(&n);
  network converted = network_clone(&n);
  run_passes(&n, "to-eval,freeze-observers");
  run_passes(&converted, "to-eval,convert");
  expect_same(run(&converted, input(&n, STEPS)), run(&n, input(&n, STEPS)));
  network_destroy(&converted);
  network_destroy(&n);
}
END_TEST

/* Integer types keep their sign through files: codes and results are the same after a round trip. */
START_TEST(pitfall_34_codes_keep_their_sign) {
  model m = conv_bn_model();
  network n = build(&m, 2);
  prepare_qat(&n, "xnnpack", true);
  train(&n);
  run_passes(&n, "to-eval,convert");
  network copy = network_clone(&n);
  graft_value w = graft_node_operand(copy.graph, operand_maker(&copy, find(&copy, "conv"), 1), 0);
  const int8_t *codes = graft_tensor_get_data(copy.module, graft_value_tensor(copy.graph, w));
  int negative = 0;
  for (int i = 0; i < 3 * 3 * 9; i++) negative += codes[i] < 0;
  ck_assert_int_gt(negative, 10);
  array y = run(&n, input(&n, STEPS));
  expect_same(run(&copy, input(&n, STEPS)), y);
  bool below_zero = false;
  for (int64_t i = 0; i < array_count(y); i++) below_zero |= y.data[i] < 0;
  ck_assert(below_zero);
  network_destroy(&copy);
  network_destroy(&n);
}
END_TEST

/* Round, add the zero point, clamp, cast: in this order. 0.5 rounds to 0, not 1.5 to 2; 126.6 + 1 is clamped, not
 * wrapped. */
START_TEST(pitfall_39_order_of_steps) {
  network n = network_from_text("graft 1\ntensor %s: f32[] constant = 1.0\ntensor %z: i32[] constant = 1\n"
                                "graph main(%x: f32[1, 6]) {\n  %q = quantize_per_tensor(%x, %s, %z): i8[1, 6]\n"
                                "  %y = to(%q) {dtype: f32}: f32[1, 6]\n  return %y\n}\n");
  array x = array_make(1, 6, 1, 1), want = array_make(1, 6, 1, 1);
  memcpy(x.data, (float[]){0.5f, 1.5f, 126.6f, 1e30f, -1e30f, -0.5f}, 6 * sizeof(float));
  memcpy(want.data, (float[]){1, 3, 127, 127, -128, 1}, 6 * sizeof(float));
  expect_same(run(&n, x), want);
  network_destroy(&n);
}
END_TEST

/* A zero point above 127 is not negative, and codes have the sign of their type. */
START_TEST(pitfall_40_sign_of_the_zero_point) {
  network n = network_from_text(
      "graft 1\ntensor %s: f32[] constant = 0.5\ntensor %u: i32[] constant = 200\ntensor %i: i32[] constant = -100\n"
      "tensor %a: u8[3] constant = [0, 200, 255]\ntensor %b: i8[3] constant = [-128, 0, 127]\n"
      "graph main(%x: f32[1, 3]) {\n"
      "  %da = dequantize_per_tensor(%a, %s, %u) {dtype: u8, quant_min: 0, quant_max: 255}: f32[3]\n"
      "  %db = dequantize_per_tensor(%b, %s, %i): f32[3]\n"
      "  %c = cat(%da, %db): f32[6]\n  return %c\n}\n");
  array want = array_make(6, 1, 1, 1);
  memcpy(want.data, (float[]){-100, 0, 27.5f, -14, 50, 113.5f}, 6 * sizeof(float));
  expect_same(run(&n, array_make(1, 3, 1, 1)), want);
  network_destroy(&n);
}
END_TEST

/* ---- what the flow promises ---- */

/* Four times the nodes take about four times as long (processor time; 10 leaves room for caches). */
START_TEST(pitfall_29_linear_in_nodes) {
  double seconds[2];
  for (int k = 0; k < 2; k++) {
    graft_context *c = graft_context_create(NULL);
    network n = network_of(c, graft_model_chain(c, k == 0 ? 1500 : 6000));
    clock_t begin = clock();
    ck_assert_int_eq(graft_run_passes(n.module, "prepare-qat{quantizer=xnnpack},to-eval,convert", NULL), GRAFT_OK);
    seconds[k] = (double)(clock() - begin) / CLOCKS_PER_SEC;
    network_destroy(&n);
  }
  ck_assert_msg(seconds[1] < 10 * seconds[0] + 0.05, "%.3f s, then %.3f s", seconds[0], seconds[1]);
}
END_TEST

/* Other ranges, granularities, names and types change the specs, not what is fused. */
START_TEST(pitfall_36_fusion_whatever_the_configuration) {
  static const char two_configurations[] =
      "annotate{quantizer=xnnpack,qat=true,name=\"conv,bn,relu\",per-channel=true},"
      "annotate{quantizer=xnnpack,qat=true},fuse-conv-bn-qat,insert-fake-quant";
  const char *const pipelines[] = {
      "prepare-qat{act_qmin=0}",
      "prepare-qat{weight_qmin=-8,weight_qmax=7,per-channel=true}",
      two_configurations,
      "prepare-qat{quantizer=onednn}",
      "prepare-qat{quantizer=derived_bias}",
      "prepare-qat{quantizer=int32_weight}",
  };
  model m = conv_bn_model();
  m.relu = true;
  network n = build(&m, 2);
  run_passes(&n, pipelines[_i]);
  ck_assert_int_eq(count(&n, "bn_scale"), 1);
  train(&n);
  run_passes(&n, "to-eval,convert");
  ck_assert_int_eq(count(&n, "batch_norm"), 0);
  network_destroy(&n);
}
END_TEST

/* A QAT form that cannot be folded is an error that names its nodes. */
START_TEST(pitfall_49_incomplete_fold_is_an_error) {
  model m = conv_bn_model();
  network n = build(&m, 2);
  prepare_qat(&n, "xnnpack", false);
  train(&n);
  ck_assert_int_eq(graft_output_add(n.graph, "inside", graft_node_result(n.graph, find(&n, "conv"), 0)), GRAFT_OK);
  run_passes_error(&n, "convert", "left after convert: the batch norm was not folded");
  ck_assert_str_ne(graft_diagnostic_get(n.context, 0).node, "");
  network_destroy(&n);
}
END_TEST

/* Attributes are part of a module's hash. */
START_TEST(pitfall_51_hash_sees_attributes) {
  model m = conv_bn_model();
  network a = build(&m, 2), b = build(&m, 2);
  ck_assert_uint_eq(graft_module_hash(a.module), graft_module_hash(b.module));
  graft_attr eps = {.name = "eps", .kind = GRAFT_ATTR_FLOAT, .as.f = 1e-3};
  ck_assert_int_eq(graft_node_set_attr(b.graph, find(&b, "bn"), &eps), GRAFT_OK);
  ck_assert_uint_ne(graft_module_hash(a.module), graft_module_hash(b.module));
  network_destroy(&a);
  network_destroy(&b);
}
END_TEST

/* ---- modes ---- */

static network with_modes(void) {
  return from("graft 1\n" CONV("conv") BN("bn") BN("alone") INPUT
              "  %conv = conv2d(%x, %conv.weight, %conv.bias) {padding: [1, 1]}: f32[2, 3, 6, 6]\n"
              "  %bn, %bn_mean, %bn_var = batch_norm(%conv, " OPERANDS(
                  "bn") ") {training: true, eps: 0.002, momentum: "
                        "0.3}: (f32[2, 3, 6, 6], f32[3], f32[3])\n"
                        "  %alone, %alone_mean, %alone_var = batch_norm(%bn, " OPERANDS(
                            "alone") ") {training: true}: "
                                     "(f32[2, 3, 6, 6], f32[3], f32[3])\n"
                                     "  %dropout = dropout(%alone) {p: 0.25, training: true}: f32[2, 3, 6, 6]\n"
                                     "  return %dropout as \"y\"\n" UPDATES("bn") UPDATES("alone") "}\n");
}

static uint64_t hash_after(const network *n, const char *pipeline) {
  network copy = network_clone(n);
  run_passes(&copy, pipeline);
  uint64_t hash = graft_module_hash(copy.module);
  network_destroy(&copy);
  return hash;
}

/* Nothing but `training` changes: back in training, or with `training` set by hand, it is the same module. */
START_TEST(modes_change_training_only) {
  network n = with_modes();
  if (_i >= 1) prepare_qat(&n, "xnnpack", true);
  if (_i >= 1) train(&n);
  if (_i == 2) run_passes(&n, "convert");
  uint64_t before = graft_module_hash(n.module);
  ck_assert_uint_eq(hash_after(&n, "to-eval,to-train"), before);
  ck_assert_uint_eq(hash_after(&n, "to-train"), before);
  ck_assert_uint_eq(hash_after(&n, "freeze-bn,unfreeze-bn"), before);
  ck_assert_uint_eq(hash_after(&n, "to-eval,to-eval"), hash_after(&n, "to-eval"));
  uint64_t eval = hash_after(&n, "to-eval");
  ck_assert_uint_ne(eval, before);
  graft_attr training = {.name = "training", .kind = GRAFT_ATTR_BOOL, .as.b = false}, old;
  for (graft_node i = graft_node_first(n.graph); i != GRAFT_NONE; i = graft_node_next(n.graph, i))
    if (graft_node_attr(n.graph, i, "training", &old))
      ck_assert_int_eq(graft_node_set_attr(n.graph, i, &training), GRAFT_OK);
  ck_assert_uint_eq(graft_module_hash(n.module), eval);
  network_destroy(&n);
}
END_TEST

/* pitfall 21: the mode and convert may come in any order. */
START_TEST(pitfall_21_modes_and_convert_in_any_order) {
  network n = with_modes();
  prepare_qat(&n, "xnnpack", _i == 1);
  train(&n);
  uint64_t want = hash_after(&n, "to-eval,convert");
  ck_assert_uint_eq(hash_after(&n, "convert,to-eval"), want);
  ck_assert_uint_eq(hash_after(&n, "to-eval,to-train,convert,to-eval"), want);
  ck_assert_uint_eq(hash_after(&n, "to-eval,convert,to-train,to-eval"), want);
  ck_assert_uint_eq(hash_after(&n, "convert"), hash_after(&n, "to-eval,convert,to-train"));
  network_destroy(&n);
}
END_TEST

static void setup(void) { arrays_reset(); }

int main(void) {
  Suite *suite = suite_create("pitfalls");
  TCase *c = tcase_create("pitfalls");
  tcase_add_checked_fixture(c, setup, NULL);
  tcase_add_loop_test(c, pitfall_05_zero_gamma_is_finite, 0, 2);
  tcase_add_test(c, pitfall_13_no_affine_no_momentum);
  tcase_add_test(c, pitfall_22_mode_covers_every_bn);
  tcase_add_test(c, pitfall_23_one_batch_norm);
  tcase_add_loop_test(c, pitfall_46_the_bias_counts_once, 0, 2);
  tcase_add_test(c, defect_frozen_bn_stays_frozen);
  tcase_add_loop_test(c, pitfall_09_shared_weight_is_folded_for_each, 0, 2);
  tcase_add_loop_test(c, pitfall_35_bias_for_each_consumer, 0, 2);
  tcase_add_test(c, defect_second_user_is_left_alone);
  tcase_add_loop_test(c, pitfall_14_grouped_transposed, 0, VARIANTS);
  tcase_add_loop_test(c, pitfall_14_grouped, 0, VARIANTS);
  tcase_add_test(c, pitfall_16_observer_on_axis_1);
  tcase_add_loop_test(c, pitfall_24_parameters_as_trained, 0, 2);
  tcase_add_loop_test(c, pitfall_25_converted_is_what_was_trained, 0, 2);
  tcase_add_test(c, pitfall_34_codes_keep_their_sign);
  tcase_add_test(c, pitfall_39_order_of_steps);
  tcase_add_test(c, pitfall_40_sign_of_the_zero_point);
  tcase_add_test(c, pitfall_29_linear_in_nodes);
  tcase_add_loop_test(c, pitfall_36_fusion_whatever_the_configuration, 0, 6);
  tcase_add_test(c, pitfall_49_incomplete_fold_is_an_error);
  tcase_add_test(c, pitfall_51_hash_sees_attributes);
  tcase_add_loop_test(c, modes_change_training_only, 0, 3);
  tcase_add_loop_test(c, pitfall_21_modes_and_convert_in_any_order, 0, 2);
  tcase_set_timeout(c, 60);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
