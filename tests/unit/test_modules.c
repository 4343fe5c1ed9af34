/* Modules by name (graft/modules.h): what the builders put into a graph, how it is initialized, and what they refuse.
 */
#include "passes/modules.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static graft_graph *graph;

static void set_up(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
}

static void tear_down(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static graft_value input(int32_t rank, const int64_t *dims) {
  const graft_type type = graft_type_make(GRAFT_F32, rank, dims);
  return graft_input_add(graph, "x", &type);
}

static graft_value input_of(uint32_t dims) { return input((int32_t)dims + 2, (const int64_t[]){2, 4, 5, 5, 5}); }

static const int64_t three[] = {3, 3, 3}, one[] = {1, 1, 1};

static graft_conv_arguments conv_of(uint32_t dims) {
  return (graft_conv_arguments){.size = sizeof(graft_conv_arguments),
                                .dims = dims,
                                .in_channels = 4,
                                .out_channels = 6,
                                .kernel_size = three,
                                .padding = one,
                                .bias = true};
}

static const graft_qconfig per_channel = {
    .size = sizeof per_channel, .quantizer = "fx", .quantizer_options = "per-channel=true"};

static graft_qat_arguments fx(bool batch_norm, bool relu) {
  return (graft_qat_arguments){
      .size = sizeof(graft_qat_arguments), .qconfig = &per_channel, .batch_norm = batch_norm, .relu = relu};
}

static const char *first_error(void) {
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++) {
    const graft_diagnostic d = graft_diagnostic_get(context, i);
    if (d.severity == GRAFT_ERROR) return d.message;
  }
  return "";
}

static uint32_t count_of(const char *op) {
  uint32_t count = 0;
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n))
    count += strcmp(graft_node_get_op(graph, n), op) == 0;
  return count;
}

static graft_type type_of(const char *tensor) {
  const graft_tensor t = graft_tensor_find(module, tensor);
  ck_assert_msg(t != GRAFT_NONE, "there is no tensor %s", tensor);
  return graft_tensor_get_type(module, t);
}

static const float *data_of(const char *tensor) {
  return graft_tensor_get_data(module, graft_tensor_find(module, tensor));
}

static void check_fill(const char *tensor, double low, double high) {
  const graft_type type = type_of(tensor);
  const float *data = data_of(tensor);
  for (int64_t i = 0; i < graft_type_elements(&type); i++)
    ck_assert_msg(data[i] == graft_fill_element(tensor, (uint64_t)i, low, high), "%s[%lld] is %g", tensor, (long long)i,
                  (double)data[i]);
}

#define QCONFIG(name, ...) static const graft_qconfig name = {.size = sizeof(graft_qconfig), __VA_ARGS__}
QCONFIG(unknown, .quantizer = "fy");
QCONFIG(wrong_option, .quantizer = "fx", .quantizer_options = "per-channel=1");
QCONFIG(xnnpack, .quantizer = "xnnpack");
QCONFIG(slow, .quantizer = "fx", .form = "slow");

/* The text, with a NUL behind it. */
static char *text_of(void) {
  char *text, *copy;
  size_t size;
  ck_assert_int_eq(graft_module_print(module, GRAFT_FORMAT_TEXT, &text, &size), GRAFT_OK);
  copy = strndup(text, size);
  graft_free(context, text, size);
  return copy;
}

static void check_refused(graft_value y, const char *message, const char *before) {
  char *after = text_of();
  ck_assert_msg(y == GRAFT_NONE, "not refused: %s", message);
  ck_assert_msg(strncmp(first_error(), message, strlen(message)) == 0, "'%s' instead of '%s'", first_error(), message);
  ck_assert_str_ne(first_error(), "");
  ck_assert_str_eq(after, before);
  free(after);
}

/* ---- what is built ---- */

static const struct kind {
  const char *op;
  uint32_t dims;
  bool transposed, batch_norm, relu;
} kinds[] = {
    {"conv1d", 1, false, true, false},          {"conv2d", 2, false, true, false},
    {"conv3d", 3, false, true, false},          {"conv1d", 1, false, true, true},
    {"conv2d", 2, false, true, true},           {"conv3d", 3, false, true, true},
    {"conv1d", 1, false, false, true},          {"conv2d", 2, false, false, true},
    {"conv3d", 3, false, false, true},          {"conv2d", 2, false, false, false},
    {"conv_transpose1d", 1, true, true, true},  {"conv_transpose2d", 2, true, true, false},
    {"conv_transpose3d", 3, true, false, true},
};

START_TEST(builds_convolutions) {
  const struct kind *k = &kinds[_i];
  const graft_value x = input_of(k->dims);
  graft_conv_arguments conv = conv_of(k->dims);
  const graft_qat_arguments qat = fx(k->batch_norm, k->relu);
  conv.transposed = k->transposed;
  const graft_value y = graft_build_qat_conv(graph, "net.conv", x, &conv, &qat);
  ck_assert_msg(y != GRAFT_NONE, "%s", first_error());
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, y)), "fake_quantize");
  ck_assert_uint_eq(count_of("fake_quantize"), 2);
  ck_assert_uint_eq(count_of(k->op), 1);
  ck_assert_uint_eq(count_of("batch_norm"), k->batch_norm);
  ck_assert_uint_eq(count_of("bn_scale"), k->batch_norm); /* the training form */
  ck_assert_uint_eq(count_of("relu"), k->relu);
  const graft_type type = graft_value_get_type(graph, y);
  ck_assert_int_eq(type.dims[1], 6);
  ck_assert_int_eq(type.dims[2], 5);
  const graft_type weight = type_of("net.conv.weight"), bias = type_of("net.conv.bias");
  ck_assert_int_eq(weight.rank, (int)k->dims + 2);
  ck_assert_int_eq(weight.dims[0], k->transposed ? 4 : 6);
  ck_assert_int_eq(weight.dims[1], k->transposed ? 6 : 4);
  ck_assert_int_eq(bias.dims[0], 6);
  if (k->batch_norm) ck_assert_int_eq(type_of("net.conv.bn.num_batches_tracked").rank, 0);
  ck_assert_uint_eq(graft_tensor_find(module, "net.conv.bn.weight") != GRAFT_NONE, k->batch_norm);
  ck_assert_int_eq(graft_output_add(graph, "y", y), GRAFT_OK);
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
}
END_TEST

START_TEST(initializes_as_pytorch_does) {
  graft_conv_arguments conv = conv_of(2);
  const graft_qat_arguments qat = fx(true, false);
  conv.groups = 2;
  ck_assert(graft_build_qat_conv(graph, "c", input_of(2), &conv, &qat) != GRAFT_NONE);
  const double bound = 1 / sqrt(2 * 3 * 3);
  check_fill("c.weight", -bound, bound);
  check_fill("c.bias", -bound, bound);
  check_fill("c.bn.weight", 0, 1);
  for (int i = 0; i < 6; i++) {
    ck_assert(data_of("c.bn.bias")[i] == 0.0f);
    ck_assert(data_of("c.bn.running_mean")[i] == 0.0f);
    ck_assert(data_of("c.bn.running_var")[i] == 1.0f);
  }
  const graft_tensor count = graft_tensor_find(module, "c.bn.num_batches_tracked");
  ck_assert_int_eq(*(const int64_t *)graft_tensor_get_data(module, count), 0);
}
END_TEST

START_TEST(takes_data_and_arguments) {
  float weight[6 * 4 * 9], bias[6], gamma[6], beta[6], mean[6], var[6];
  float *const all[] = {bias, gamma, beta, mean, var};
  for (int i = 0; i < 6 * 4 * 9; i++) weight[i] = (float)i / 100;
  for (int k = 0; k < 5; k++)
    for (int i = 0; i < 6; i++) all[k][i] = (float)(10 * k + i + 1);
  graft_conv_arguments conv = conv_of(2);
  graft_qat_arguments qat = fx(true, false);
  conv.stride = (const int64_t[]){2, 1};
  conv.dilation = (const int64_t[]){1, 2};
  qat.weight = weight;
  qat.bias = bias;
  qat.gamma = gamma;
  qat.beta = beta;
  qat.running_mean = mean;
  qat.running_var = var;
  qat.eps = 1e-3;
  qat.cumulative = true;
  ck_assert(graft_build_qat_conv(graph, "c", input_of(2), &conv, &qat) != GRAFT_NONE);
  ck_assert_mem_eq(data_of("c.weight"), weight, sizeof weight);
  ck_assert_mem_eq(data_of("c.bias"), bias, sizeof bias);
  ck_assert_mem_eq(data_of("c.bn.weight"), gamma, sizeof gamma);
  ck_assert_mem_eq(data_of("c.bn.bias"), beta, sizeof beta);
  ck_assert_mem_eq(data_of("c.bn.running_mean"), mean, sizeof mean);
  ck_assert_mem_eq(data_of("c.bn.running_var"), var, sizeof var);
  graft_attr attr;
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n)) {
    const char *op = graft_node_get_op(graph, n);
    if (strcmp(op, "conv2d") == 0) {
      ck_assert(graft_node_attr(graph, n, "stride", &attr) && attr.as.ints[0] == 2 && attr.as.ints[1] == 1);
      ck_assert(graft_node_attr(graph, n, "dilation", &attr) && attr.as.ints[0] == 1 && attr.as.ints[1] == 2);
    } else if (strcmp(op, "batch_norm") == 0) {
      ck_assert(graft_node_attr(graph, n, "eps", &attr) && attr.as.f == 1e-3);
      ck_assert(graft_node_attr(graph, n, "momentum", &attr) && attr.kind == GRAFT_ATTR_NONE);
    } else if (strcmp(op, "bn_scale") == 0) {
      ck_assert(graft_node_attr(graph, n, "eps", &attr) && attr.as.f == 1e-3);
    }
  }
}
END_TEST

START_TEST(builds_linears) {
  const bool batch_norm = _i & 1, relu = _i & 2;
  const graft_qat_arguments qat = fx(batch_norm, relu);
  const graft_linear_arguments linear = {.size = sizeof linear, .in_features = 4, .out_features = 3, .bias = true};
  const graft_value y = graft_build_qat_linear(graph, "fc", input(2, (const int64_t[]){-1, 4}), &linear, &qat);
  ck_assert_msg(y != GRAFT_NONE, "%s", first_error());
  ck_assert_uint_eq(count_of("fake_quantize"), 2);
  ck_assert_uint_eq(count_of("bn_scale"), batch_norm);
  ck_assert_uint_eq(count_of("relu"), relu);
  check_fill("fc.weight", -0.5, 0.5);
  check_fill("fc.bias", -0.5, 0.5);
  ck_assert_int_eq(type_of("fc.weight").dims[0], 3);
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
}
END_TEST

/* Two modules in a row, one of which is evaluated: the batch norms' modes are by name. */
START_TEST(modules_follow_each_other) {
  graft_conv_arguments conv = conv_of(1);
  const graft_qat_arguments qat = fx(true, true);
  graft_value y = graft_build_qat_conv(graph, "a", input_of(1), &conv, &qat);
  conv.in_channels = 6;
  y = graft_build_qat_conv(graph, "b", y, &conv, &qat);
  ck_assert_msg(y != GRAFT_NONE, "%s", first_error());
  ck_assert_int_eq(graft_output_add(graph, "y", y), GRAFT_OK);
  ck_assert_uint_eq(count_of("fake_quantize"), 4);
  ck_assert_uint_eq(count_of("observe"), 4);
  ck_assert_uint_eq(count_of("bn_scale"), 2);
  ck_assert_int_eq(graft_run_passes(module, "to-eval,convert", NULL), GRAFT_OK);
  ck_assert_uint_eq(count_of("batch_norm"), 0);
}
END_TEST

static void run(const float *x, size_t count, float *y) {
  graft_session *s = graft_session_create(graph, NULL);
  const graft_type type = graft_value_get_type(graph, graft_input_get(graph, 0));
  ck_assert_int_eq(graft_session_set_input(s, 0, &type, x), GRAFT_OK);
  ck_assert_msg(graft_session_run(s) == GRAFT_OK, "%s", first_error());
  memcpy(y, graft_session_get_output(s, 0, NULL), count * sizeof *y);
  graft_session_destroy(s);
}

/* Frozen statistics stay so until unfreeze-bn, those of other modules are not touched. */
START_TEST(freezes_statistics) {
  graft_conv_arguments conv = conv_of(1);
  graft_qat_arguments qat = fx(true, true);
  graft_value y = graft_build_qat_conv(graph, "a", input_of(1), &conv, &qat);
  conv.in_channels = 6;
  qat.freeze_bn = _i == 0;
  qat.evaluation = _i == 1;
  y = graft_build_qat_conv(graph, "a.b", y, &conv, &qat);
  ck_assert_msg(y != GRAFT_NONE, "%s", first_error());
  ck_assert_int_eq(graft_output_add(graph, "y", y), GRAFT_OK);
  float x[2 * 4 * 5];
  for (int i = 0; i < 2 * 4 * 5; i++) x[i] = (float)(i % 7);
  for (int i = 0; i < 3; i++) {
    float before[2], after[2], out[2 * 6 * 5];
    const char *names[] = {"a.bn.running_mean", "a.b.bn.running_mean"};
    for (int k = 0; k < 2; k++) before[k] = data_of(names[k])[0];
    run(x, 2 * 6 * 5, out);
    for (int k = 0; k < 2; k++) after[k] = data_of(names[k])[0];
    ck_assert(before[0] != after[0]);
    ck_assert_msg((before[1] != after[1]) == (i == 2), "%d: frozen statistics moved, or others did not", i);
    ck_assert_int_eq(graft_run_passes(module, i == 0 ? "to-eval,to-train" : "unfreeze-bn{name=\"a.b\"}", NULL),
                     GRAFT_OK);
  }
}
END_TEST

/* ---- padding that is no zeros ---- */

START_TEST(pads_by_reflection) {
  /* 1 2 3, reflected by 2 before and behind: 3 2 1 2 3 2 1; summed by three */
  static const float ones[3] = {1, 1, 1}, x[3] = {1, 2, 3};
  static const float zeros[5] = {1, 3, 6, 5, 3}, reflected[5] = {6, 5, 6, 7, 6};
  const graft_conv_arguments conv = {.size = sizeof conv,
                                     .dims = 1,
                                     .in_channels = 1,
                                     .out_channels = 1,
                                     .kernel_size = three,
                                     .padding = (const int64_t[]){2},
                                     .padding_mode = _i ? "reflect" : "zeros"};
  graft_qat_arguments qat = fx(false, true);
  float y[5];
  qat.weight = ones;
  const graft_value v = graft_build_qat_conv(graph, "c", input(3, (const int64_t[]){1, 1, 3}), &conv, &qat);
  ck_assert_msg(v != GRAFT_NONE, "%s", first_error());
  graft_output_add(graph, "y", v);
  ck_assert_int_eq(graft_run_passes(module, "disable-fake-quant", NULL), GRAFT_OK);
  run(x, 5, y);
  for (int i = 0; i < 5; i++) ck_assert_msg(y[i] == (_i ? reflected : zeros)[i], "y[%d] is %g", i, (double)y[i]);
}
END_TEST

/* ---- from_float ---- */

/* x -> conv -> bn -> relu of module "net", in training. */
static void build_plain(void) {
  static const char text[] =
      "graft 1\n"
      "tensor %net.weight: f32[2, 1, 1] parameter = [2.0, -3.0]\n"
      "tensor %net.bn.running_mean: f32[2] buffer = [0, 0]\n"
      "tensor %net.bn.running_var: f32[2] buffer = [1, 1]\n"
      "graph main(%x: f32[2, 1, 4]) {\n"
      "  %net = conv1d(%x, %net.weight): f32[2, 2, 4] from \"net\"\n"
      "  %bn, %mean, %var = batch_norm(%net, _, _, %net.bn.running_mean, %net.bn.running_var) {training: true}: "
      "(f32[2, 2, 4], f32[2], f32[2]) from \"net.bn\"\n"
      "  %relu = relu(%bn): f32[2, 2, 4] from \"net.relu\"\n"
      "  return %relu as \"y\"\n"
      "  update %net.bn.running_mean = %mean\n"
      "  update %net.bn.running_var = %var\n"
      "}\n";
  graft_module_destroy(module);
  module = graft_module_load_memory(context, text, sizeof text - 1, "net.gir", NULL);
  ck_assert_msg(module != NULL, "%s", first_error());
  graph = graft_module_get_graph(module, 0);
}

START_TEST(trains_a_part_of_a_graph) {
  build_plain();
  ck_assert_msg(graft_qat_from_float(graph, "net", &per_channel, false) == GRAFT_OK, "%s", first_error());
  ck_assert_uint_eq(count_of("fake_quantize"), 2);
  ck_assert_uint_eq(count_of("bn_scale"), 1);
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, graft_output_get(graph, 0))), "fake_quantize");
  char *before = text_of();
  ck_assert(graft_qat_from_float(graph, "net", &per_channel, false) != GRAFT_OK);
  check_refused(GRAFT_NONE, "from_float only works for float modules; this one trains already", before);
  free(before);
}
END_TEST

/* The ranges that observers have seen are those that training begins with. */
START_TEST(takes_precomputed_ranges) {
  static const float x[8] = {1, -1, 2, 0, 0.5f, 1, 1, 1};
  build_plain();
  ck_assert_int_eq(graft_run_passes(module, "annotate{quantizer=fx,qat=true,per-channel=true},insert-fake-quant", NULL),
                   GRAFT_OK);
  float y[16];
  run(x, 16, y);
  char *before = text_of();
  ck_assert(graft_qat_from_float(graph, "net", &per_channel, false) != GRAFT_OK);
  check_refused(GRAFT_NONE, "this module is observed or fake-quantized already", before);
  graft_diagnostics_clear(context);
  const graft_qconfig per_tensor = {.size = sizeof per_tensor, .quantizer = "fx"};
  ck_assert(graft_qat_from_float(graph, "net", &per_tensor, true) != GRAFT_OK);
  check_refused(GRAFT_NONE, "the weight was observed in 2 ranges, and the quantizer's observer is another", before);
  graft_diagnostics_clear(context);
  free(before);
  ck_assert_msg(graft_qat_from_float(graph, "net", &per_channel, true) == GRAFT_OK, "%s", first_error());
  ck_assert_uint_eq(count_of("fake_quantize"), 2);
  ck_assert_uint_eq(count_of("observe"), 2);
  ck_assert_uint_eq(count_of("qparams"), 2);
  ck_assert_uint_eq(count_of("bn_scale"), 1);
  bool weight = false, output = false;
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n)) {
    if (strcmp(graft_node_get_op(graph, n), "observe") != 0) continue;
    const graft_tensor t = graft_value_tensor(graph, graft_node_operand(graph, n, 1));
    const float *state = graft_tensor_get_data(module, t);
    if (graft_tensor_get_type(module, t).rank == 2) {
      weight = state[0] == 2.0f && state[1] == -3.0f && state[2] == 2.0f && state[3] == -3.0f;
    } else {
      output = state[0] == 0.0f && state[1] > 0.5f; /* of a relu */
    }
  }
  ck_assert(weight && output);
  graft_diagnostics_clear(context);
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
  run(x, 16, y);
}
END_TEST

START_TEST(refuses_what_is_no_float_module) {
  build_plain();
  char *before = text_of();
  static const struct {
    const char *name, *message;
    bool precomputed;
    const graft_qconfig *qconfig;
  } wrong[] = {{"ne", "no convolution or linear is called so", false, &per_channel},
               {"net.bn", "no convolution or linear is called so", false, &per_channel},
               {"net", "there is no observer or fake-quant whose range could be taken over", true, &per_channel},
               {"net", "qconfig must be provided for QAT module", false, NULL},
               {"net", "there is no quantizer 'fy'", false, &unknown},
               {"", "this is no module's name", false, &per_channel}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    ck_assert(graft_qat_from_float(graph, wrong[i].name, wrong[i].qconfig, wrong[i].precomputed) != GRAFT_OK);
    check_refused(GRAFT_NONE, wrong[i].message, before);
    graft_diagnostics_clear(context);
  }
  free(before);
}
END_TEST

/* ---- what is refused, and leaves the module as it was ---- */

static const int64_t minus[] = {-1, -1, -1}, two[] = {2, 2, 2}, far[] = {2, 6, 0};

static const struct refusal {
  const char *message; /* or its beginning */
  graft_conv_arguments conv;
  graft_qat_arguments qat;
} refusals[] = {
#define CONV(...) \
  { .size = sizeof(graft_conv_arguments), .dims = 2, __VA_ARGS__ }
#define QAT(...) \
  { .size = sizeof(graft_qat_arguments), __VA_ARGS__ }
#define GOOD .in_channels = 4, .out_channels = 6, .kernel_size = three
    {"qconfig must be provided for QAT module", CONV(GOOD), QAT(.batch_norm = true)},
    {"there is no quantizer 'fy'", CONV(GOOD), QAT(.qconfig = &unknown)},
    {"option per-channel is true or false", CONV(GOOD), QAT(.qconfig = &wrong_option)},
    {"the quantizer 'xnnpack' leaves the weight of this conv3d in float",
     {.size = sizeof(graft_conv_arguments), .dims = 3, GOOD},
     QAT(.qconfig = &xnnpack)},
    {"in_channels must be divisible by groups", CONV(GOOD, .groups = 3), QAT(.qconfig = &per_channel)},
    {"out_channels must be divisible by groups", CONV(GOOD, .groups = 4), QAT(.qconfig = &per_channel)},
    {"groups must be a positive integer", CONV(GOOD, .groups = -1), QAT(.qconfig = &per_channel)},
    {"padding_mode must be one of 'zeros', 'reflect', 'replicate', 'circular', but got padding_mode='mirror'",
     CONV(GOOD, .padding_mode = "mirror"), QAT(.qconfig = &per_channel)},
    {"padding_mode must be one of", CONV(GOOD, .padding_mode = "constant"), QAT(.qconfig = &per_channel)},
    {"Only \"zeros\" padding mode is supported for ConvTranspose2d",
     CONV(GOOD, .transposed = true, .padding_mode = "reflect"), QAT(.qconfig = &per_channel)},
    {"output padding must be smaller than either stride or dilation",
     CONV(GOOD, .transposed = true, .output_padding = two), QAT(.qconfig = &per_channel)},
    {"output_padding is of transposed convolutions", CONV(GOOD, .output_padding = one), QAT(.qconfig = &per_channel)},
    {"negative padding is not supported", CONV(GOOD, .padding = minus), QAT(.qconfig = &per_channel)},
    {"Padding size should be less than the corresponding input dimension",
     CONV(GOOD, .padding = far, .padding_mode = "reflect"), QAT(.qconfig = &per_channel)},
    {"Padding value causes wrapping around more than once", CONV(GOOD, .padding = far, .padding_mode = "circular"),
     QAT(.qconfig = &per_channel)},
    {"stride must be positive", CONV(GOOD, .stride = minus), QAT(.qconfig = &per_channel)},
    {"dilation must be positive", CONV(GOOD, .dilation = minus), QAT(.qconfig = &per_channel)},
    {"kernel_size must be positive", CONV(.in_channels = 4, .out_channels = 6, .kernel_size = minus),
     QAT(.qconfig = &per_channel)},
    {"a convolution needs a kernel_size", CONV(.in_channels = 4, .out_channels = 6), QAT(.qconfig = &per_channel)},
    {"in_channels and out_channels must be positive", CONV(.out_channels = 6, .kernel_size = three),
     QAT(.qconfig = &per_channel)},
    {"a convolution has 1 to 3 dims",
     {.size = sizeof(graft_conv_arguments), .dims = 4, GOOD},
     QAT(.qconfig = &per_channel)},
    {"", CONV(.in_channels = 8, .out_channels = 6, .kernel_size = three),
     QAT(.qconfig = &per_channel)}, /* x has 4 channels */
    {"data are given for a bias that the module has not", CONV(GOOD),
     QAT(.qconfig = &per_channel, .bias = (const float[6]){0})},
    {"data are given for a batch norm that the module has not", CONV(GOOD),
     QAT(.qconfig = &per_channel, .gamma = (const float[6]){0})},
    {"eps and momentum are finite", CONV(GOOD), QAT(.qconfig = &per_channel, .batch_norm = true, .eps = -1)},
    {"a momentum and `cumulative`", CONV(GOOD),
     QAT(.qconfig = &per_channel, .batch_norm = true, .cumulative = true, .momentum = 0.3)},
    {"there is no form 'slow'", CONV(GOOD), QAT(.qconfig = &slow, .batch_norm = true)},
#undef GOOD
};

START_TEST(refuses) {
  const struct refusal *r = &refusals[_i];
  const graft_value x = input_of(r->conv.dims < 4 ? r->conv.dims : 2);
  char *before = text_of();
  check_refused(graft_build_qat_conv(graph, "net.conv", x, &r->conv, &r->qat), r->message, before);
  graft_diagnostic d = {0};
  for (uint32_t i = graft_diagnostic_count(context); i-- > 0;) {
    const graft_diagnostic each = graft_diagnostic_get(context, i);
    if (each.severity == GRAFT_ERROR) d = each; /* the first of them */
  }
  if (r->message[0] && strncmp(r->message, "option", 6) != 0 && strncmp(r->message, "there is no", 11) != 0)
    ck_assert_str_eq(d.node, "net.conv"); /* those of the pipeline point into it */
  free(before);
}
END_TEST

START_TEST(refuses_a_name_twice) {
  const graft_value x = input_of(2);
  const graft_conv_arguments conv = conv_of(2);
  const graft_qat_arguments qat = fx(true, false);
  ck_assert(graft_build_qat_conv(graph, "a", x, &conv, &qat) != GRAFT_NONE);
  graft_diagnostics_clear(context);
  char *before = text_of();
  check_refused(graft_build_qat_conv(graph, "a", x, &conv, &qat), "there is a module of this name: 'a.weight' exists",
                before);
  graft_diagnostics_clear(context);
  check_refused(graft_build_qat_conv(graph, "", x, &conv, &qat), "a module needs a name", before);
  graft_diagnostics_clear(context);
  check_refused(graft_build_qat_conv(graph, "a,b", x, &conv, &qat), "a module's name holds no comma", before);
  graft_diagnostics_clear(context);
  check_refused(graft_build_qat_conv(graph, "b", 12345, &conv, &qat), "the module's input is no value of the graph",
                before);
  free(before);
}
END_TEST

START_TEST(refuses_linears) {
  const graft_qat_arguments qat = fx(true, false);
  const graft_linear_arguments none = {.size = sizeof none, .out_features = 3},
                               good = {.size = sizeof good, .in_features = 4, .out_features = 3};
  const graft_value x = input(3, (const int64_t[]){2, 3, 4});
  char *before = text_of();
  check_refused(graft_build_qat_linear(graph, "fc", x, &none, &qat), "in_features and out_features must be positive",
                before);
  graft_diagnostics_clear(context);
  check_refused(graft_build_qat_linear(graph, "fc", x, &good, &qat), "LinearBn1d reads (N, in_features), not rank 3",
                before);
  graft_diagnostics_clear(context);
  check_refused(graft_build_qat_linear(graph, "fc", x, NULL, &qat), "a linear needs its arguments", before);
  free(before);
}
END_TEST

enum { KINDS = sizeof kinds / sizeof *kinds, REFUSALS = sizeof refusals / sizeof *refusals };

int main(void) {
  Suite *suite = suite_create("modules");
  TCase *c = tcase_create("modules");
  tcase_add_checked_fixture(c, set_up, tear_down);
  tcase_add_loop_test(c, builds_convolutions, 0, KINDS);
  tcase_add_test(c, initializes_as_pytorch_does);
  tcase_add_test(c, takes_data_and_arguments);
  tcase_add_loop_test(c, builds_linears, 0, 4);
  tcase_add_test(c, modules_follow_each_other);
  tcase_add_loop_test(c, freezes_statistics, 0, 2);
  tcase_add_loop_test(c, pads_by_reflection, 0, 2);
  tcase_add_test(c, trains_a_part_of_a_graph);
  tcase_add_test(c, takes_precomputed_ranges);
  tcase_add_test(c, refuses_what_is_no_float_module);
  tcase_add_loop_test(c, refuses, 0, REFUSALS);
  tcase_add_test(c, refuses_a_name_twice);
  tcase_add_test(c, refuses_linears);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
