#include "qat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

variant variant_of(int i) { return (variant){.dim = 1 + (i & 1), .per_channel = i > 1}; }

model conv_bn_model(void) { return (model){.conv = {.in = 3, .out = 3, .kernel = 3, .bias = true}, .bn = true}; }

network build(const model *m, int dim) {
  network n = network_begin(dim);
  graft_value y = add_conv(&n, "conv", add_input(&n, BATCH, m->conv.in, EXTENT), m->conv);
  if (m->bn) y = add_batch_norm(&n, "bn", y, m->conv.out, 1e-5, 0.1);
  if (m->relu) y = add_op(&n, "relu", "relu", y, GRAFT_NONE);
  network_end(&n, y);
  return n;
}

/* ---- specs of the symmetric configuration ---- */

static const double eps = 0.000244140625; /* 2^-12 */

fake_quant_spec activation_spec(void) {
  return (fake_quant_spec){.dtype = GRAFT_I8,
                           .quant_min = -128,
                           .quant_max = 127,
                           .scheme = "per_tensor_affine",
                           .formula = "kernel",
                           .eps = eps};
}

fake_quant_spec weight_spec(const layer *l, bool per_channel) {
  return (fake_quant_spec){.dtype = GRAFT_I8,
                           .quant_min = -127,
                           .quant_max = 127,
                           .scheme = per_channel ? "per_channel_symmetric" : "per_tensor_symmetric",
                           .formula = "kernel",
                           .eps = eps,
                           .channels = per_channel ? l->out : 0,
                           .axis = l->transpose ? 1 : 0};
}

static fake_quant quant(const fake_quant_spec *s, int64_t inner) {
  return (fake_quant){.options = {.dtype = s->dtype,
                                  .quant_min = s->quant_min,
                                  .quant_max = s->quant_max,
                                  .formula = GRAFT_FORMULA_KERNEL,
                                  .symmetric = strstr(s->scheme, "symmetric") != NULL,
                                  .custom_range = true,
                                  .eps = s->eps},
                      .channels = s->channels,
                      .inner = inner};
}

fake_quant activation_quant(void) {
  fake_quant_spec s = activation_spec();
  return quant(&s, 1);
}

/* A copy of tensor NAME.PART: the module's goes with its rewrites. */
static const float *copy_of(network *n, const char *name, const char *part) {
  char text[100];
  snprintf(text, sizeof text, "%s.%s", name, part);
  graft_tensor t = graft_tensor_find(n->module, text);
  if (t == GRAFT_NONE) return NULL;
  graft_type type = graft_tensor_get_type(n->module, t);
  array a = array_make(1, 1, 1, graft_type_elements(&type));
  memcpy(a.data, graft_tensor_get_data(n->module, t), (size_t)array_count(a) * sizeof *a.data);
  return a.data;
}

unit unit_of(network *n, const layer *l, const char *name, const char *bn, bool per_channel) {
  int64_t taps = n->dim == 1 ? l->kernel : l->kernel * l->kernel, groups = l->groups ? l->groups : 1;
  fake_quant_spec s = weight_spec(l, per_channel);
  unit u = {.layer = *l,
            .dim = n->dim,
            .weight = copy_of(n, name, "weight"),
            .bias = copy_of(n, name, "bias"),
            .eps = 1e-5,
            .momentum = 0.1,
            .weight_quant = quant(&s, l->transpose ? taps : taps * l->in / groups)};
  if (l->transpose && groups > 1) {
    u.weight_quant.groups = groups;
    u.weight_quant.group = l->in / groups * (l->out / groups) * taps;
  }
  if (!bn) return u;
  u.gamma = copy_of(n, bn, "weight");
  u.beta = copy_of(n, bn, "bias");
  memcpy(u.mean, copy_of(n, bn, "running_mean"), (size_t)l->out * sizeof *u.mean);
  memcpy(u.var, copy_of(n, bn, "running_var"), (size_t)l->out * sizeof *u.var);
  return u;
}

/* ---- the flow ---- */

void prepare_qat(network *n, const char *quantizer, bool per_channel) {
  char text[128];
  snprintf(text, sizeof text, "prepare-qat{quantizer=%s,per-channel=%s}", quantizer, per_channel ? "true" : "false");
  run_passes(n, text);
}

array input_of_step(const network *n, int64_t batch, int64_t channels, int step) {
  char name[32];
  snprintf(name, sizeof name, "input.%d", step);
  return array_fill(name, batch, channels, n->dim == 1 ? 1 : EXTENT, EXTENT, -2.0, 2.5);
}

void verify_converted(network *prepared, array x) {
  network eval = network_clone(prepared), converted = network_clone(prepared), late = network_clone(prepared);
  run_passes(&eval, "to-eval,freeze-observers");
  run_passes(&converted, "to-eval,convert");
  run_passes(&late, "convert,to-eval");
  ck_assert_int_eq(count(&converted, "batch_norm") + count(&converted, "fake_quantize"), 0);
  array want = run(&eval, x), got = run(&converted, x);
  expect_quantized(got, want, output_step(&converted));
  ck_assert_uint_eq(graft_module_hash(converted.module), graft_module_hash(late.module));
  expect_quantized(run_fast(&late, x), want, output_step(&late));
  network_destroy(&eval);
  network_destroy(&converted);
  network_destroy(&late);
}

/* ---- the QAT pattern ---- */

/* v is channel(x) along `axis`; returns x. */
static graft_value expect_channel(const network *n, graft_value v, int64_t axis) {
  graft_node channel = maker(n, v);
  expect_op(n, channel, "channel");
  ck_assert_int_eq(attr(n, channel, "axis").as.i, axis);
  return graft_node_operand(n->graph, channel, 0);
}

/* conv(Q(x), Q(w s), zeros): what every variant has. Returns s. */
static graft_value expect_qat_conv(const network *n, graft_node conv, const layer *l, bool per_channel) {
  char op[32];
  fake_quant_spec act = activation_spec(), weight = weight_spec(l, per_channel);
  snprintf(op, sizeof op, "conv%s%dd", l->transpose ? "_transpose" : "", n->dim);
  expect_op(n, conv, op);
  expect_ints(n, conv, "stride", l->stride ? l->stride : 1);
  expect_ints(n, conv, "padding", l->padding);
  expect_ints(n, conv, "dilation", l->dilation ? l->dilation : 1);
  ck_assert_int_eq(attr(n, conv, "groups").as.i, l->groups ? l->groups : 1);
  ck_assert_uint_eq(expect_fake_quant(n, graft_node_operand(n->graph, conv, 0), &act), graft_input_get(n->graph, 0));
  graft_node mul = maker(n, expect_fake_quant(n, graft_node_operand(n->graph, conv, 1), &weight));
  expect_op(n, mul, "mul");
  expect_tensor(n, graft_node_operand(n->graph, mul, 0), "conv.weight");
  ck_assert_int_eq(graft_node_operand_count(n->graph, conv), l->bias ? 3 : 2);
  if (l->bias) {
    graft_node zeros = operand_maker(n, conv, 2);
    expect_op(n, zeros, "zeros_like");
    expect_tensor(n, graft_node_operand(n->graph, zeros, 0), "conv.bias");
  }
  return expect_channel(n, graft_node_operand(n->graph, mul, 1), l->transpose ? 1 : 0);
}

static void expect_pattern(const network *n, const model *m, bool per_channel) {
  fake_quant_spec act = activation_spec();
  graft_value y = expect_fake_quant(n, output(n), &act);
  ck_assert_uint_ne(state_of(n, output(n)),
                    state_of(n, graft_node_operand(n->graph, find(n, "conv"), 0))); /* one state each */
  if (m->relu) {
    expect_op(n, maker(n, y), "relu");
    y = graft_node_operand(n->graph, maker(n, y), 0);
  }
  graft_node bn = maker(n, y);
  expect_op(n, bn, "batch_norm");
  ck_assert(attr(n, bn, "training").as.b);
  ck_assert_double_eq(attr(n, bn, "eps").as.f, 1e-5);
  ck_assert_double_eq(attr(n, bn, "momentum").as.f, 0.1);
  graft_node div = operand_maker(n, bn, 0);
  if (m->conv.bias) {
    expect_op(n, div, "add");
    expect_tensor(n, expect_channel(n, graft_node_operand(n->graph, div, 1), 1), "conv.bias");
    div = operand_maker(n, div, 0);
  }
  expect_op(n, div, "div");
  graft_value s = expect_qat_conv(n, operand_maker(n, div, 0), &m->conv, per_channel);
  ck_assert_uint_eq(expect_channel(n, graft_node_operand(n->graph, div, 1), 1), s);
  graft_node scale = maker(n, s);
  expect_op(n, scale, "bn_scale");
  expect_tensor(n, graft_node_operand(n->graph, scale, 0), "bn.weight");
  expect_tensor(n, graft_node_operand(n->graph, scale, 1), "bn.running_var");
  ck_assert_double_eq(attr(n, scale, "eps").as.f, 1e-5);
  ck_assert(!attr(n, scale, "exact").as.b);
}

graft_node verify_converted_graph(const network *n, int convs, bool per_channel) {
  ck_assert_int_eq(count(n, "batch_norm") + count(n, "div") + count(n, "bn_scale") + count(n, "zeros_like"), 0);
  ck_assert_int_eq(count(n, "quantize_per_tensor"), convs + 1);
  ck_assert_int_eq(count(n, "dequantize_per_tensor"), per_channel ? convs + 1 : 2 * convs + 1);
  ck_assert_int_eq(count(n, "dequantize_per_channel"), per_channel ? convs : 0);
  ck_assert_int_eq(count(n, "quantize_per_channel"), 0);
  return find(n, "conv");
}

void verify_graph(const model *m, int dim, bool per_channel) {
  network n = build(m, dim);
  prepare_qat(&n, "xnnpack", per_channel);
  expect_pattern(&n, m, per_channel);
  run(&n, input_of_step(&n, BATCH, m->conv.in, 0));

  fake_quant_spec act = activation_spec(), weight = weight_spec(&m->conv, per_channel);
  run_passes(&n, "convert");
  graft_node conv = verify_converted_graph(&n, 1, per_channel);
  expect_ints(&n, conv, "stride", m->conv.stride ? m->conv.stride : 1);
  expect_ints(&n, conv, "padding", m->conv.padding);
  expect_dequantized(&n, graft_node_operand(n.graph, conv, 0), &act, false);
  expect_dequantized(&n, graft_node_operand(n.graph, conv, 1), &weight, true);
  graft_tensor bias = graft_value_tensor(n.graph, graft_node_operand(n.graph, conv, 2));
  ck_assert_uint_ne(bias, GRAFT_NONE); /* made where the convolution had none */
  ck_assert_int_eq(graft_tensor_get_type(n.module, bias).dtype, GRAFT_F32);
  graft_node dq = expect_dequantized(&n, output(&n), &act, false);
  ck_assert_uint_eq(m->relu ? operand_maker(&n, operand_maker(&n, operand_maker(&n, dq, 0), 0), 0)
                            : operand_maker(&n, operand_maker(&n, dq, 0), 0),
                    conv);
  run(&n, input_of_step(&n, BATCH, m->conv.in, 1));
  network_destroy(&n);
}

void verify_numerics(const model *m, int dim, bool per_channel) {
  network n = build(m, dim);
  unit u = unit_of(&n, &m->conv, "conv", m->bn ? "bn" : NULL, per_channel);
  fake_quant in = activation_quant(), out = activation_quant();
  prepare_qat(&n, "xnnpack", per_channel);
  for (int step = 0; step < STEPS; step++) {
    array x = input_of_step(&n, BATCH, m->conv.in, step), y = fake_quantized(&in, x);
    y = m->bn ? qat_conv_bn(&u, y) : qat_conv(&u, y);
    if (m->relu) y = relu(y);
    y = fake_quantized(&out, y);
    expect_quantized(run(&n, x), y, (double)out.scale[0]);
  }
  if (m->bn) {
    expect_vector(&n, "bn.running_mean", u.mean, m->conv.out, 1e-5);
    expect_vector(&n, "bn.running_var", u.var, m->conv.out, 1e-5);
  }
  verify_converted(&n, input_of_step(&n, BATCH, m->conv.in, STEPS));
  network_destroy(&n);
}
