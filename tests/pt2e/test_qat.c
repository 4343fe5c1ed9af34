/* The tests of PyTorch's test_quantize_pt2e_qat.py, under their names: what each asserts about the prepared and the
 * converted graph, and the numbers, compared with plain loops (PyTorch compares with its older flow). Loop tests run
 * for one and two spatial axes, weights per tensor and per channel. The `_cuda` ones are the same tests: there is one
 * definition of batch norm here, and no device. PyTorch's own numbers are compared in tests/oracle. */
#include "models.h"
#include "qat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void verify(const model *m, int i) {
  variant v = variant_of(i);
  verify_graph(m, v.dim, v.per_channel);
  verify_numerics(m, v.dim, v.per_channel);
}

START_TEST(test_qat_conv_no_bias) {
  variant v = variant_of(_i);
  model m = conv_bn_model();
  m.conv.bias = m.bn = false;
  verify_numerics(&m, v.dim, v.per_channel);
  m.relu = true;
  verify_numerics(&m, v.dim, v.per_channel);
}
END_TEST

START_TEST(test_qat_conv_bn_fusion) {
  model m = conv_bn_model();
  verify(&m, _i);
}
END_TEST

START_TEST(test_qat_conv_bn_fusion_cuda) {
  model m = conv_bn_model();
  verify(&m, _i);
}
END_TEST

START_TEST(test_qat_conv_bn_fusion_literal_args) {
  model m = conv_bn_model();
  m.conv.stride = 2;
  m.conv.padding = 4;
  verify(&m, _i);
}
END_TEST

/* The graph's next step gives `want`, which `q` has quantized. */
static void expect_step(network *n, array x, array want, const fake_quant *q) {
  expect_quantized(run(n, x), want, (double)q->scale[0]);
}

/* Two convolutions with a batch norm each, the first without a bias. */
static void verify_mixed_biases(variant v) {
  layer first = {.in = 3, .out = 3, .kernel = 3}, second = first;
  second.bias = true;
  network n = network_begin(v.dim);
  graft_value y = add_conv(&n, "conv1", add_input(&n, 3, 3, EXTENT), first);
  y = add_conv(&n, "conv2", add_batch_norm(&n, "bn1", y, 3, 1e-5, 0.1), second);
  network_end(&n, add_batch_norm(&n, "bn2", y, 3, 1e-5, 0.1));
  unit one = unit_of(&n, &first, "conv1", "bn1", v.per_channel),
       two = unit_of(&n, &second, "conv2", "bn2", v.per_channel);
  fake_quant in = activation_quant(), middle = activation_quant(), out = activation_quant();
  prepare_qat(&n, "xnnpack", v.per_channel);
  ck_assert_int_eq(count(&n, "fake_quantize"), 5); /* three activations, two weights */
  for (int step = 0; step < STEPS; step++) {
    array x = input_of_step(&n, 3, 3, step);
    array h = fake_quantized(&middle, qat_conv_bn(&one, fake_quantized(&in, x)));
    expect_step(&n, x, fake_quantized(&out, qat_conv_bn(&two, h)), &out);
  }
  verify_converted(&n, input_of_step(&n, 3, 3, STEPS));
  network_destroy(&n);
}

START_TEST(test_qat_conv_bn_fusion_no_conv_bias) {
  model m = conv_bn_model();
  m.conv.bias = false;
  verify(&m, _i);
  verify_mixed_biases(variant_of(_i));
}
END_TEST

START_TEST(test_qat_conv_bn_relu_fusion) {
  model m = conv_bn_model();
  m.relu = true;
  verify(&m, _i);
}
END_TEST

START_TEST(test_qat_conv_bn_relu_fusion_cuda) {
  model m = conv_bn_model();
  m.relu = true;
  verify(&m, _i);
}
END_TEST

START_TEST(test_qat_conv_bn_relu_fusion_no_conv_bias) {
  model m = conv_bn_model();
  m.relu = true;
  m.conv.bias = false;
  verify(&m, _i);
}
END_TEST

/* relu(conv(x) + x): nothing is done in place here, so add + relu are found however they were written. */
START_TEST(test_qat_inplace_add_relu) {
  variant v = variant_of(_i);
  layer l = {.in = 1, .out = 1, .kernel = 1, .bias = true};
  network n = network_begin(v.dim);
  graft_value x = add_input(&n, BATCH, 1, EXTENT), y = add_conv(&n, "conv", x, l);
  y = add_op(&n, "relu", "relu", add_op(&n, "add", "add", y, x), GRAFT_NONE);
  network_end(&n, y);
  unit u = unit_of(&n, &l, "conv", NULL, v.per_channel);
  fake_quant in = activation_quant(), middle = activation_quant(), out = activation_quant();
  prepare_qat(&n, "xnnpack", v.per_channel);

  /* one fake-quant on x, which both users read; none between add and relu */
  fake_quant_spec act = activation_spec();
  graft_value result = expect_fake_quant(&n, output(&n), &act);
  expect_op(&n, maker(&n, result), "relu");
  graft_node total = operand_maker(&n, maker(&n, result), 0), conv = find(&n, "conv");
  expect_op(&n, total, "add");
  ck_assert_uint_eq(graft_node_operand(n.graph, total, 1), graft_node_operand(n.graph, conv, 0));
  ck_assert_uint_eq(expect_fake_quant(&n, graft_node_operand(n.graph, total, 0), &act),
                    graft_node_result(n.graph, conv, 0));
  ck_assert_int_eq(count(&n, "fake_quantize"), 4);

  for (int step = 0; step < STEPS; step++) {
    array input = input_of_step(&n, BATCH, 1, step), q = fake_quantized(&in, input);
    array h = sum(fake_quantized(&middle, qat_conv(&u, q)), q);
    expect_step(&n, input, fake_quantized(&out, relu(h)), &out);
  }
  verify_converted(&n, input_of_step(&n, BATCH, 1, STEPS));
  network_destroy(&n);
}
END_TEST

/* What shares parameters with a node that the QAT form replaces still does. */
START_TEST(test_qat_update_shared_qspec) {
  variant v = variant_of(_i);
  model m = conv_bn_model();
  network n = network_begin(v.dim);
  graft_value y = add_conv(&n, "conv", add_input(&n, BATCH, 3, EXTENT), m.conv);
  y = add_batch_norm(&n, "bn", y, 3, 1e-5, 0.1);
  network_end(&n, add_op(&n, "hardtanh", "hardtanh", y, GRAFT_NONE));
  unit u = unit_of(&n, &m.conv, "conv", "bn", v.per_channel);
  fake_quant in = activation_quant(), out = activation_quant();
  prepare_qat(&n, "xnnpack", v.per_channel);

  fake_quant_spec act = activation_spec();
  graft_node clip = maker(&n, expect_fake_quant(&n, output(&n), &act));
  expect_op(&n, clip, "hardtanh");
  graft_value before = graft_node_operand(n.graph, clip, 0);
  expect_op(&n, maker(&n, expect_fake_quant(&n, before, &act)), "batch_norm");
  ck_assert_uint_eq(state_of(&n, before), state_of(&n, output(&n)));

  for (int step = 0; step < STEPS; step++) {
    array x = input_of_step(&n, BATCH, 3, step);
    array h = fake_quantized(&out, qat_conv_bn(&u, fake_quantized(&in, x))); /* both places observe into one state */
    expect_step(&n, x, fake_quantized(&out, hardtanh(h)), &out);
  }
  verify_converted(&n, input_of_step(&n, BATCH, 3, STEPS));
  run_passes(&n, "convert");
  graft_node dq = maker(&n, output(&n));
  ck_assert_float_eq(scale_of(&n, dq, 0),
                     scale_of(&n, operand_maker(&n, operand_maker(&n, operand_maker(&n, dq, 0), 0), 0), 0));
  network_destroy(&n);
}
END_TEST

/* ---- other quantizers ---- */

static network trained(const char *quantizer, variant v) {
  model m = conv_bn_model();
  network n = build(&m, v.dim);
  prepare_qat(&n, quantizer, v.per_channel);
  for (int step = 0; step < STEPS; step++) run(&n, input_of_step(&n, BATCH, 3, step));
  return n;
}

static const int64_t int32_min = -2147483648, int32_max = 2147483647;

/* The bias is int32 with the scale of input times weight; `range` of the weight. */
static void verify_derived_bias(variant v) {
  network n = trained("derived_bias", v);
  verify_converted(&n, input_of_step(&n, BATCH, 3, STEPS));
  run_passes(&n, "convert");
  graft_node conv = find(&n, "conv");
  fake_quant_spec act = {.dtype = GRAFT_U8, .quant_min = 0, .quant_max = 127};
  fake_quant_spec weight = {
      .dtype = GRAFT_U8, .quant_min = 0, .quant_max = v.per_channel ? 255 : 127, .channels = v.per_channel ? 3 : 0};
  fake_quant_spec bias = {
      .dtype = GRAFT_I32, .quant_min = int32_min, .quant_max = int32_max, .channels = v.per_channel ? 3 : 0};
  graft_node x = expect_dequantized(&n, graft_node_operand(n.graph, conv, 0), &act, false);
  graft_node w = expect_dequantized(&n, graft_node_operand(n.graph, conv, 1), &weight, true);
  graft_node b = expect_dequantized(&n, graft_node_operand(n.graph, conv, 2), &bias, true);
  for (int64_t c = 0; c < (v.per_channel ? 3 : 1); c++)
    ck_assert_float_eq(scale_of(&n, b, c), scale_of(&n, x, 0) * scale_of(&n, w, c));
  /* x -> q -> dq -> conv -> q -> dq -> output, weight and bias -> dq -> conv */
  expect_dequantized(&n, output(&n), &act, false);
  ck_assert_int_eq(count(&n, "quantize_per_tensor"), 2);
  ck_assert_int_eq(count(&n, "dequantize_per_tensor"), v.per_channel ? 2 : 4);
  ck_assert_int_eq(count(&n, "dequantize_per_channel"), v.per_channel ? 2 : 0);
  network_destroy(&n);
}

START_TEST(test_qat_conv_bn_bias_derived_qspec) { verify_derived_bias((variant){1 + _i, false}); }
END_TEST

START_TEST(test_qat_conv_bn_per_channel_weight_bias) { verify_derived_bias((variant){1 + _i, true}); }
END_TEST

START_TEST(test_qat_per_channel_weight_custom_dtype) {
  network n = trained("int32_weight", (variant){1 + _i, true});
  verify_converted(&n, input_of_step(&n, BATCH, 3, STEPS));
  run_passes(&n, "convert");
  fake_quant_spec weight = {.dtype = GRAFT_I32, .quant_min = 0, .quant_max = int32_max, .channels = 3, .axis = 0};
  expect_dequantized(&n, graft_node_operand(n.graph, find(&n, "conv"), 1), &weight, true);
  ck_assert_int_eq(count(&n, "batch_norm"), 0);
  network_destroy(&n);
}
END_TEST

/* ---- transposed convolutions: other numbers of input and output channels ---- */

START_TEST(test_qat_conv_transpose_bn) {
  model m = {.conv = {.in = 3, .out = 5, .kernel = 3, .bias = true, .transpose = true}, .bn = true};
  verify(&m, _i);
}
END_TEST

START_TEST(test_qat_conv_transpose_bn_relu) {
  model m = {.conv = {.in = 3, .out = 5, .kernel = 3, .bias = true, .transpose = true}, .bn = true, .relu = true};
  verify(&m, _i);
}
END_TEST

/* ---- whole networks, on small images ---- */

static void set_enabled(network *n, bool enabled) {
  graft_attr a = {.name = "enabled", .kind = GRAFT_ATTR_BOOL, .as.b = enabled};
  for (graft_node i = graft_node_first(n->graph); i != GRAFT_NONE; i = graft_node_next(n->graph, i))
    if (strcmp(op_of(n, i), "fake_quantize") == 0) ck_assert_int_eq(graft_node_set_attr(n->graph, i, &a), GRAFT_OK);
}

static double signal_to_noise(array got, array want) {
  double signal = 0, noise = 0;
  for (int64_t i = 0; i < array_count(want); i++) {
    signal += pow((double)want.data[i], 2);
    noise += pow((double)got.data[i] - (double)want.data[i], 2);
  }
  return 10 * log10(signal / noise);
}

typedef struct op_counts {
  int convs, bns, quantize, dequantize, dequantize_channel; /* per channel */
} op_counts;

/* The numbers of torchao's own converted graphs. In training, the prepared network without rounding is the float one.
 */
static void verify_model(network n, op_counts want, bool per_channel) {
  network plain = network_clone(&n);
  n.dim = plain.dim = 2;
  prepare_qat(&n, "xnnpack", per_channel);
  ck_assert_int_eq(count(&n, "bn_scale"), want.bns);
  ck_assert_int_eq(count(&n, "batch_norm"), want.bns);
  array x = array_fill("input.0", 1, 3, 64, 64, -2.1, 2.6);
  network open = network_clone(&n);
  set_enabled(&open, false);
  expect_close(run(&open, x), run(&plain, x), 1e-3);
  network_destroy(&open);
  network_destroy(&plain);

  run_fast(&n, x);
  network eval = network_clone(&n);
  run_passes(&n, "to-eval,convert");
  ck_assert_int_eq(count(&n, "conv2d"), want.convs);
  ck_assert_int_eq(count(&n, "batch_norm") + count(&n, "bn_scale") + count(&n, "observe"), 0);
  ck_assert_int_eq(count(&n, "quantize_per_tensor"), want.quantize);
  ck_assert_int_eq(count(&n, "dequantize_per_channel"), per_channel ? want.dequantize_channel : 0);
  ck_assert_int_eq(count(&n, "dequantize_per_tensor"), want.dequantize + (per_channel ? 0 : want.dequantize_channel));
  run_passes(&eval, "to-eval,freeze-observers");
  ck_assert_double_gt(signal_to_noise(run_fast(&n, x), run_fast(&eval, x)),
                      14.0); /* single roundings grow with depth */
  network_destroy(&eval);
  network_destroy(&n);
}

START_TEST(test_qat_resnet18) {
  graft_context *c = graft_context_create(NULL);
  verify_model(network_of(c, graft_model_resnet(c, 18, 64)),
               (op_counts){.convs = 20, .bns = 20, .quantize = 33, .dequantize = 41, .dequantize_channel = 21},
               _i == 1);
}
END_TEST

START_TEST(test_qat_mobilenet_v2) {
  graft_context *c = graft_context_create(NULL);
  verify_model(network_of(c, graft_model_mobilenet_v2(c, 64)),
               (op_counts){.convs = 52, .bns = 52, .quantize = 102, .dequantize = 112, .dequantize_channel = 53},
               _i == 1);
}
END_TEST

/* ---- two rounds on one graph: linears in training, the rest after it ---- */

START_TEST(test_mixing_qat_ptq) {
  network n = network_begin(2);
  graft_value x = add_input(&n, 2, 3, 4);
  x = add_conv(&n, "conv", x, (layer){.in = 3, .out = 16, .kernel = 3, .bias = true});
  graft_attr dims = {.name = "dims", .kind = GRAFT_ATTR_INTS, .count = 4, .as.ints = (int64_t[]){0, 2, 3, 1}};
  x = graft_build(n.graph, "permute", &x, 1, &dims, 1);
  x = add_linear(&n, "linears.linear1", x, 16, 8, false);
  x = add_linear(&n, "linears.linear2", x, 8, 8, true);
  x = add_linear(&n, "my_linear", x, 8, 8, true);
  network_end(&n, add_op(&n, "hardtanh", "hardtanh", x, GRAFT_NONE));

  run_passes(&n, "prepare-qat{quantizer=xnnpack,per-channel=true,scope=\"linears,my_linear\"}");
  ck_assert_int_eq(count(&n, "observe"), 8); /* each scope is a graph of its own: 3 + 2 activations, 3 weights */
  array inputs[STEPS];
  for (int i = 0; i < STEPS; i++) inputs[i] = array_fill("input", 2, 3, 4, 4, -2.0, 2.5 + i);
  for (int i = 0; i < STEPS; i++) run(&n, inputs[i]);
  run_passes(&n, "to-eval,convert");
  ck_assert_int_eq(count(&n, "dequantize_per_channel"), 3);
  run_passes(&n, "prepare{quantizer=xnnpack,per-channel=false,skip-type=linear}");
  for (int i = 0; i < STEPS; i++) run(&n, inputs[i]);
  run_passes(&n, "convert");

  ck_assert_int_eq(count(&n, "quantize_per_tensor"), 8);
  ck_assert_int_eq(count(&n, "dequantize_per_tensor"), 9);
  ck_assert_int_eq(count(&n, "dequantize_per_channel"), 3);
  for (graft_node i = graft_node_first(n.graph); i != GRAFT_NONE; i = graft_node_next(n.graph, i)) {
    if (strcmp(op_of(&n, i), "linear") != 0) continue;
    expect_op(&n, operand_maker(&n, i, 0), "dequantize_per_tensor");
    expect_op(&n, operand_maker(&n, i, 1), "dequantize_per_channel");
  }
  array y = run(&n, inputs[0]);
  for (int64_t i = 0; i < array_count(y); i++) ck_assert(isfinite(y.data[i]));
  network_destroy(&n);
}
END_TEST

static void setup(void) { arrays_reset(); }

int main(void) {
  Suite *suite = suite_create("pt2e");
  TCase *c = tcase_create("conv-bn"), *models = tcase_create("models");
  tcase_add_checked_fixture(c, setup, NULL);
  tcase_add_checked_fixture(models, setup, NULL);
  tcase_add_loop_test(c, test_qat_conv_no_bias, 0, VARIANTS);
  tcase_add_loop_test(c, test_qat_conv_bn_fusion, 0, VARIANTS);
  tcase_add_loop_test(c, test_qat_conv_bn_fusion_cuda, 0, VARIANTS);
  tcase_add_loop_test(c, test_qat_conv_bn_fusion_literal_args, 0, VARIANTS);
  tcase_add_loop_test(c, test_qat_conv_bn_fusion_no_conv_bias, 0, VARIANTS);
  tcase_add_loop_test(c, test_qat_conv_bn_relu_fusion, 0, VARIANTS);
  tcase_add_loop_test(c, test_qat_conv_bn_relu_fusion_cuda, 0, VARIANTS);
  tcase_add_loop_test(c, test_qat_conv_bn_relu_fusion_no_conv_bias, 0, VARIANTS);
  tcase_add_loop_test(c, test_qat_inplace_add_relu, 0, VARIANTS);
  tcase_add_loop_test(c, test_qat_update_shared_qspec, 0, VARIANTS);
  tcase_add_loop_test(c, test_qat_conv_bn_bias_derived_qspec, 0, 2);
  tcase_add_loop_test(c, test_qat_conv_bn_per_channel_weight_bias, 0, 2);
  tcase_add_loop_test(c, test_qat_per_channel_weight_custom_dtype, 0, 2);
  tcase_add_loop_test(c, test_qat_conv_transpose_bn, 0, VARIANTS);
  tcase_add_loop_test(c, test_qat_conv_transpose_bn_relu, 0, VARIANTS);
  tcase_add_test(c, test_mixing_qat_ptq);
  tcase_add_loop_test(models, test_qat_resnet18, 0, 2);
  tcase_add_loop_test(models, test_qat_mobilenet_v2, 0, 2);
  tcase_set_timeout(models, 120);
  suite_add_tcase(suite, c);
  suite_add_tcase(suite, models);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
