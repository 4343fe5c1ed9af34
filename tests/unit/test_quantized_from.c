/* Quantized modules from float, trained and reference ones, in place: what they give is what convert and lower make of
 * the whole network, bit for bit; and what cannot become one is refused by name and left as it was. */
#include "passes/passes.h"
#include "passes/quantized_modules.h"
#include "runtime/runtime.h"

#include <check.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;

static void set_up(void) { context = graft_context_create(NULL); }
static void tear_down(void) { graft_context_destroy(context); }

static const char *first_error(void) {
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++) {
    const graft_diagnostic d = graft_diagnostic_get(context, i);
    if (d.severity == GRAFT_ERROR) return d.message;
  }
  return "";
}

static const char *last_error(void) {
  static char text[400];
  for (uint32_t i = graft_diagnostic_count(context); i-- > 0;) {
    const graft_diagnostic d = graft_diagnostic_get(context, i);
    if (d.severity != GRAFT_ERROR) continue;
    snprintf(text, sizeof text, "%s: %s", d.node, d.message);
    return text;
  }
  return "";
}

static graft_module *parse(const char *text) {
  graft_module *m = graft_module_load_memory(context, text, strlen(text), "text", NULL);
  ck_assert_msg(m != NULL, "%s\n%s", first_error(), text);
  return m;
}

/* ---- networks ---- */

typedef struct form {
  const char *op, *x, *weight, *y, *attrs; /* shapes as texts */
  int channels;
  bool add, relu, observed; /* observed: fake-quants do nothing yet */
  bool axis_one;            /* the output channels of a transposed one */
} form;

typedef struct text {
  char data[8192];
  size_t length;
} text;

static void say(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(text *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  t->length += (size_t)vsnprintf(t->data + t->length, sizeof t->data - t->length, format, args);
  va_end(args);
  ck_assert_uint_lt(t->length, sizeof t->data);
}

static void activation(text *t, const char *what, const char *value, const char *from, const form *f) {
  say(t, "  %%%s_o = observe(%%%s, %%%s.state) {observer: \"min_max\"} from \"%s\"\n", what, value, what, from);
  say(t, "  %%%s_s, %%%s_z = qparams(%%%s_o) {quant_min: 0, quant_max: 255, dtype: u8} from \"%s\"\n", what, what, what,
      from);
  say(t, "  %%%s_q = fake_quantize(%%%s, %%%s_s, %%%s_z) {quant_min: 0, quant_max: 255, dtype: u8%s} from \"%s\"\n",
      what, value, what, what, f->observed ? ", enabled: false" : "", from);
}

/* conv, [add], [relu], each with its own name, fake-quants on x, the weight, what is added and the result. */
static graft_module *network(const form *f) {
  static text t;
  t.length = 0;
  say(&t, "graft 1\ntensor %%conv.weight: f32%s parameter = fill(\"conv.weight\", -0.5, 0.4)\n", f->weight);
  say(&t, "tensor %%conv.bias: f32[%d] parameter = fill(\"conv.bias\", -0.3, 0.3)\n", f->channels);
  say(&t, "tensor %%w.state: f32[2, %d] buffer = [", f->channels);
  for (int i = 0; i < 2 * f->channels; i++) say(&t, "%s%s", i ? ", " : "", i < f->channels ? "inf" : "-inf");
  say(&t, "]\ntensor %%x.state: f32[2] buffer = [-1.0, 1.5]\ntensor %%o.state: f32[2] buffer = [-2.0, 1.0]\n");
  say(&t, "tensor %%y.state: f32[2] buffer = [%s, 2.5]\n", f->relu ? "0.0" : "-2.25");
  say(&t, "graph main(%%x: f32%s%s%s) {\n", f->x, f->add ? ", %o: f32" : "", f->add ? f->y : "");
  activation(&t, "x", "x", "conv", f);
  if (f->add) activation(&t, "o", "o", "add", f);
  const char *axis = f->axis_one ? "1" : "0";
  say(&t, "  %%w_o = observe(%%conv.weight, %%w.state) {observer: \"min_max\", axis: %s} from \"conv\"\n", axis);
  say(&t, "  %%w_s, %%w_z = qparams(%%w_o) {quant_min: -127, scheme: \"per_channel_symmetric\"} from \"conv\"\n");
  say(&t, "  %%w_q = fake_quantize(%%conv.weight, %%w_s, %%w_z) {quant_min: -127, axis: %s%s} from \"conv\"\n", axis,
      f->observed ? ", enabled: false" : "");
  say(&t, "  %%v0 = %s(%%x_q, %%w_q, %%conv.bias) {%s} from \"conv\"\n", f->op, f->attrs);
  int v = 0;
  if (f->add) say(&t, "  %%v2 = add(%%v%d, %%o_q) from \"add\"\n", v), v = 2;
  if (f->relu) say(&t, "  %%v3 = relu(%%v%d) from \"relu\"\n", v), v = 3;
  char last[8];
  snprintf(last, sizeof last, "v%d", v);
  activation(&t, "y", last, v == 3 ? "relu" : v == 2 ? "add" : "conv", f);
  say(&t,
      "  return %%y_q as \"y\"\n  update %%x.state = %%x_o\n  update %%w.state = %%w_o\n  update %%y.state = %%y_o\n");
  if (f->add) say(&t, "  update %%o.state = %%o_o\n");
  say(&t, "}\n");
  return parse(t.data);
}

static graft_module *copy_of(graft_module *m) {
  char *bytes;
  size_t size;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_BINARY, &bytes, &size), GRAFT_OK);
  graft_module *copy = graft_module_load_memory(context, bytes, size, "copy.gfb", NULL);
  graft_free(context, bytes, size);
  ck_assert_ptr_nonnull(copy);
  return copy;
}

/* The result of random inputs, allocated. */
static float *run(graft_module *m, int64_t *count) {
  graft_graph *g = graft_module_get_graph(m, 0);
  graft_session *s = graft_session_create(g, NULL);
  float *inputs[4];
  ck_assert_msg(s != NULL, "%s", first_error());
  for (uint32_t i = 0; i < graft_input_count(g); i++) {
    const graft_type type = graft_value_get_type(g, graft_input_get(g, i));
    const int64_t n = graft_type_elements(&type);
    inputs[i] = malloc((size_t)n * sizeof(float));
    ck_assert_ptr_nonnull(inputs[i]);
    for (int64_t k = 0; k < n; k++) inputs[i][k] = graft_fill_element(i ? "other" : "input", (uint64_t)k, -1.2, 1.7);
    ck_assert_int_eq(graft_session_set_input(s, i, &type, inputs[i]), GRAFT_OK);
  }
  ck_assert_msg(graft_session_run(s) == GRAFT_OK, "%s", first_error());
  graft_type type;
  const float *y = graft_session_get_output(s, 0, &type);
  *count = graft_type_elements(&type);
  float *out = malloc((size_t)*count * sizeof *out);
  ck_assert_ptr_nonnull(out);
  memcpy(out, y, (size_t)*count * sizeof *out);
  graft_session_destroy(s);
  for (uint32_t i = 0; i < graft_input_count(g); i++) free(inputs[i]);
  return out;
}

static void same_results(graft_module *a, graft_module *b) {
  int64_t n, m;
  float *x = run(a, &n), *y = run(b, &m);
  ck_assert_int_eq(n, m);
  for (int64_t i = 0; i < n; i++)
    ck_assert_msg(x[i] == y[i], "element %lld is %.9g, not %.9g", (long long)i, (double)x[i], (double)y[i]);
  free(x);
  free(y);
}

static const form forms[] = {
    {"conv1d", "[2, 4, 9]", "[6, 4, 3]", "[2, 6, 9]", "padding: [1]", 6, 0, 0, 0, 0},
    {"conv1d", "[2, 4, 9]", "[6, 2, 3]", "[2, 6, 4]", "stride: [2], groups: 2", 6, 1, 1, 1, 0},
    {"conv2d", "[1, 4, 7, 6]", "[6, 4, 3, 3]", "[1, 6, 7, 6]", "padding: [1, 1]", 6, 0, 1, 0, 0},
    {"conv2d", "[1, 4, 7, 6]", "[6, 4, 3, 3]", "[1, 6, 7, 6]", "padding: [1, 1]", 6, 1, 0, 1, 0},
    {"conv2d", "[1, 4, 7, 6]", "[6, 4, 3, 3]", "[1, 6, 7, 6]", "padding: [2, 2], dilation: [2, 2]", 6, 1, 1, 0, 0},
    {"conv3d", "[1, 2, 5, 4, 4]", "[3, 2, 2, 2, 2]", "[1, 3, 4, 3, 3]", "", 3, 1, 1, 1, 0},
    {"conv3d", "[1, 2, 5, 4, 4]", "[3, 2, 2, 2, 2]", "[1, 3, 4, 3, 3]", "", 3, 0, 0, 0, 0},
    {"conv_transpose1d", "[2, 4, 5]", "[4, 6, 3]", "[2, 6, 11]", "stride: [2]", 6, 0, 0, 1, 1},
    {"conv_transpose2d", "[1, 4, 5, 4]", "[4, 6, 3, 2]", "", "stride: [2, 1], padding: [1, 0], output_padding: [1, 0]",
     6, 0, 1, 0, 1},
    {"conv_transpose3d", "[1, 2, 3, 3, 2]", "[2, 3, 2, 2, 2]", "", "stride: [2, 2, 2]", 3, 0, 0, 0, 1},
};
static const char *const engines[] = {"float", "qnnpack", "onednn"};

START_TEST(as_the_network) {
  const form *f = &forms[_i];
  char lower[64], line[300];
  for (size_t e = 0; e < sizeof engines / sizeof *engines; e++) {
    graft_module *m = network(f), *whole = copy_of(m);
    graft_graph *g = graft_module_get_graph(m, 0);
    const graft_quantized_from_options options = {.size = sizeof options, .engine = engines[e]};
    graft_quantized_value y;
    snprintf(lower, sizeof lower, "lower{requantize=%s}", engines[e]);
    ck_assert_msg(graft_run_passes(whole, "to-eval,convert{qparams=observer,observe-weights=true}", NULL) == GRAFT_OK &&
                      graft_run_passes(whole, lower, NULL) == GRAFT_OK,
                  "%s", first_error());
    ck_assert_msg(graft_quantized_conv_from_float(g, "conv,add,relu", &options, &y) == GRAFT_OK, "%s: %s", f->op,
                  last_error());
    ck_assert_msg(graft_module_verify(m) == GRAFT_OK, "%s", first_error());
    ck_assert_uint_eq(graft_node_count(g), f->add ? 5 : 4); /* a quantize of each input, to, conv, dequantize */
    ck_assert_int_eq(graft_value_get_type(g, y.integers).dtype, GRAFT_U8);
    ck_assert(graft_tensor_find(m, "w.state") == GRAFT_NONE);
    ck_assert_uint_eq(graft_value_find(g, "conv"), y.integers);
    ck_assert(graft_quantized_conv_repr(g, "conv", line, sizeof line) > 0);
    ck_assert_int_eq(strstr(line, "Add") != NULL, f->add);
    ck_assert_int_eq(strstr(line, "ReLU") != NULL, f->relu);
    same_results(m, whole);
    graft_module_destroy(whole);
    graft_module_destroy(m);
  }
}
END_TEST

/* ---- one behind the other ---- */

static const char chain[] = "graft 1\n"
                            "tensor %a.weight: f32[4, 2, 3, 3] parameter = fill(\"a\", -0.5, 0.4)\n"
                            "tensor %a.bias: f32[4] parameter = fill(\"a.bias\", -0.5, 0.5)\n"
                            "tensor %b.weight: f32[3, 4, 1, 1] parameter = fill(\"b\", -0.5, 0.6)\n"
                            "graph main(%x: f32[1, 2, 6, 6]) {\n"
                            "  %a = conv2d(%x, %a.weight, %a.bias) {padding: [1, 1]} from \"a\"\n"
                            "  %r = relu(%a) from \"a.relu\"\n"
                            "  %b = conv2d(%r, %b.weight) from \"b\"\n"
                            "  return %b as \"y\"\n"
                            "}\n";

/* Prepared, calibrated and taken module by module: integers go from one to the next. */
START_TEST(module_by_module) {
  graft_module *m = parse(chain);
  graft_graph *g = graft_module_get_graph(m, 0);
  ck_assert_msg(graft_run_passes(m, "prepare{quantizer=xnnpack,per-channel=true}", NULL) == GRAFT_OK, "%s",
                first_error());
  int64_t n;
  for (int i = 0; i < 2; i++) free(run(m, &n));
  graft_module *whole = copy_of(m);
  ck_assert_msg(graft_run_passes(whole,
                                 "to-eval,convert{qparams=observer,observe-weights=true},lower{requantize=onednn}",
                                 NULL) == GRAFT_OK,
                "%s", first_error());
  const graft_quantized_from_options options = {.size = sizeof options, .engine = "onednn"};
  graft_quantized_value a, b;
  ck_assert_msg(graft_quantized_conv_from_float(g, "a", &options, &a) == GRAFT_OK, "%s", last_error());
  ck_assert_msg(graft_quantized_conv_from_float(g, "b", &options, &b) == GRAFT_OK, "%s", last_error());
  ck_assert_int_eq(graft_run_passes(m, "dce,verify", NULL), GRAFT_OK);
  const graft_node second = graft_value_node(g, b.integers);
  ck_assert_uint_eq(graft_node_operand(g, second, 0), a.integers);
  ck_assert_uint_eq(graft_node_operand(g, second, 3), a.scale);
  same_results(m, whole);
  /* the second follows the first one's scale, since it is the first one's tensor */
  ck_assert_int_eq(graft_quantized_conv_set_output(g, "a", 0.01, 3), GRAFT_OK);
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  float *y = run(m, &n);
  free(y);
  graft_module_destroy(whole);
  graft_module_destroy(m);
}
END_TEST

/* Trained modules with batch norms, one behind the other: their own fake-quants say what goes from one to the next, and
 * the integers follow what was trained within a few steps. */
START_TEST(trained) {
  graft_module *m = graft_module_create(context);
  graft_graph *g = graft_graph_create(m, "main");
  const graft_type type = graft_type_make(GRAFT_F32, 4, (const int64_t[]){2, 3, 8, 8});
  const int64_t kernel[] = {3, 3}, one[] = {1, 1};
  const graft_qconfig fx = {.size = sizeof fx, .quantizer = "fx", .quantizer_options = "per-channel=true"};
  graft_value v = graft_input_add(g, "x", &type);
  for (int i = 0; i < 2; i++) {
    v = graft_build_qat_conv(
        g, i ? "b" : "a", v,
        &(graft_conv_arguments){.size = sizeof(graft_conv_arguments),
                                .dims = 2,
                                .in_channels = i ? 4 : 3,
                                .out_channels = 4,
                                .kernel_size = kernel,
                                .padding = one,
                                .bias = true,
                                .padding_mode = i ? NULL : "reflect"},
        &(graft_qat_arguments){
            .size = sizeof(graft_qat_arguments), .qconfig = &fx, .batch_norm = true, .relu = i == 0});
    ck_assert_msg(v != GRAFT_NONE, "%s", last_error());
  }
  ck_assert_int_eq(graft_output_add(g, "y", v), GRAFT_OK);
  int64_t n;
  for (int i = 0; i < 30; i++) free(run(m, &n));
  ck_assert_int_eq(graft_run_passes(m, "disable-observers", NULL), GRAFT_OK);
  graft_module *whole = copy_of(m);
  ck_assert_int_eq(graft_run_passes(whole, "to-eval", NULL), GRAFT_OK);
  ck_assert_int_eq(graft_run_passes(m, "enable-observers", NULL), GRAFT_OK);
  graft_quantized_from_options o = {.size = sizeof o, .engine = "qnnpack", .x = {0.0125, 110}};
  graft_quantized_value a, b;
  char line[300];
  double scale;
  ck_assert_msg(graft_quantized_conv_from_float(g, "a", &o, &a) == GRAFT_OK, "%s", last_error());
  ck_assert_msg(graft_quantized_conv_from_float(g, "b", NULL, &b) == GRAFT_OK, "%s", last_error());
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  ck_assert_uint_eq(graft_node_operand(g, graft_value_node(g, b.integers), 0), a.integers);
  ck_assert(graft_quantized_conv_repr(g, "a", line, sizeof line) > 0);
  ck_assert_msg(strstr(line, "QuantizedConvReLU2d(3, 4, kernel_size=(3, 3), stride=(1, 1), ") == line &&
                    strstr(line, ", padding=(1, 1))"),
                "%s", line);
  ck_assert_int_eq(graft_quantized_conv_get_output(g, "b", &scale, NULL), GRAFT_OK);
  int64_t k;
  float *want = run(whole, &n), *got = run(m, &k);
  ck_assert_int_eq(n, k);
  for (int64_t i = 0; i < n; i++)
    ck_assert_msg(fabs((double)want[i] - (double)got[i]) < 4 * scale, "%lld: %g, not %g", (long long)i, (double)got[i],
                  (double)want[i]);
  free(want);
  free(got);
  graft_module_destroy(whole);
  graft_module_destroy(m);
}
END_TEST

/* ---- dynamic ---- */

static const char weight_only[] =
    "graft 1\n"
    "tensor %conv.weight: f32[3, 2, 3] parameter = fill(\"w\", -0.5, 0.4)\n"
    "tensor %conv.bias: f32[3] parameter = fill(\"b\", -0.5, 0.5)\n"
    "tensor %w.state: f32[2] buffer = [inf, -inf]\n"
    "graph main(%x: f32[1, 2, 9]) {\n"
    "  %o = observe(%conv.weight, %w.state) {observer: \"min_max\"} from \"conv\"\n"
    "  %s, %z = qparams(%o) {quant_min: -127, scheme: \"per_tensor_symmetric\"} from \"conv\"\n"
    "  %q = fake_quantize(%conv.weight, %s, %z) {quant_min: -127, enabled: false} from \"conv\"\n"
    "  %p = pad(%x) {pad: [1, 1], mode: \"reflect\"} from \"conv\"\n"
    "  %y = conv1d(%p, %q, %conv.bias) from \"conv\"\n"
    "  %r = relu(%y) from \"conv.relu\"\n"
    "  return %r as \"y\"\n"
    "  update %w.state = %o\n"
    "}\n";

START_TEST(dynamic) {
  graft_module *m = parse(weight_only);
  graft_graph *g = graft_module_get_graph(m, 0);
  int64_t n, k;
  float *want = run(m, &n);
  graft_quantized_value y;
  char line[300];
  ck_assert_msg(graft_quantized_conv_from_float(g, "conv", NULL, &y) == GRAFT_OK, "%s", last_error());
  ck_assert_msg(graft_module_verify(m) == GRAFT_OK, "%s", first_error());
  ck_assert(y.scale == GRAFT_NONE && y.zero_point == GRAFT_NONE);
  ck_assert_int_eq(graft_value_get_type(g, y.integers).dtype, GRAFT_F32);
  ck_assert(graft_quantized_conv_repr(g, "conv", line, sizeof line) > 0);
  ck_assert_str_eq(
      line, "DynamicQuantizedConv1d(2, 3, kernel_size=(3,), stride=(1,), scale=1.0, zero_point=0, padding=(1,))");
  graft_quantized_weight w = {.size = sizeof w};
  ck_assert_int_eq(graft_quantized_conv_get_weight_bias(g, "conv", &w), GRAFT_OK);
  ck_assert_int_eq(w.count, 1);
  float top = 0;
  for (uint64_t i = 0; i < 18; i++) top = fmaxf(top, fabsf(graft_fill_element("w", i, -0.5, 0.4)));
  ck_assert_float_eq_tol(w.scale[0], top / 127.0f, 1e-8f);
  float *got = run(m, &k);
  ck_assert_int_eq(n, k);
  double most = 0;
  for (int64_t i = 0; i < n; i++) most = fmax(most, fabs((double)want[i] - (double)got[i]));
  ck_assert_msg(most > 0 && most < 0.05, "%g off", most); /* half a step of x and of the weight, 6 times */
  /* its weight by channel, and a copy */
  static const float scales[] = {0.01f, 0.02f, 0.03f};
  int8_t data[18];
  memcpy(data, w.data, sizeof data);
  w.data = data;
  w.scale = scales;
  w.zero_point = NULL;
  w.count = 3;
  w.bias = NULL;
  ck_assert_msg(graft_quantized_conv_set_weight_bias(g, "conv", &w) == GRAFT_OK, "%s", last_error());
  const graft_quantized_value x = {graft_input_get(g, 0), GRAFT_NONE, GRAFT_NONE};
  ck_assert_msg(graft_quantized_conv_copy(g, "conv", g, "twin", &x, NULL, &y) == GRAFT_OK, "%s", last_error());
  ck_assert(graft_quantized_conv_repr(g, "twin", line, sizeof line) > 0);
  ck_assert_ptr_nonnull(strstr(line, "bias=False"));
  ck_assert_int_eq(graft_quantized_conv_set_output(g, "conv", 0.5, 0), GRAFT_UNSUPPORTED);
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  free(want);
  free(got);
  graft_module_destroy(m);
}
END_TEST

/* ---- reference modules ---- */

#define REFERENCE(result) \
  "graft 1\n" \
  "tensor %ref.weight: i8[2, 2, 1, 2] constant = [1, -2, 3, 4, -128, 127, 7, 0]\n" \
  "tensor %ref.bias: f32[2] parameter = [0.5, -0.25]\n" \
  "tensor %s: f32[2] constant = [0.02, 0.03]\n" \
  "tensor %z: i32[2] constant = [0, 1]\n" \
  "graph main(%x: f32[1, 2, 3, 4]) {\n" \
  "  %w = dequantize_per_channel(%ref.weight, %s, %z) {axis: 0} from \"ref\"\n" \
  "  %i = quantize_per_tensor(%x, 0.02, 128: i32) {quant_min: 0, quant_max: 255, dtype: u8}\n" \
  "  %d = dequantize_per_tensor(%i, 0.02, 128: i32) {quant_min: 0, quant_max: 255, dtype: u8}\n" \
  "  %c = conv2d(%d, %w, %ref.bias) from \"ref\"\n" result "}\n"

START_TEST(reference) {
  graft_module *m = parse(REFERENCE("  return %c as \"y\"\n"));
  graft_module *whole = parse(REFERENCE(
      "  %q = quantize_per_tensor(%c, 0.05, 120: i32) {quant_min: 0, quant_max: 255, dtype: u8}\n"
      "  %y = dequantize_per_tensor(%q, 0.05, 120: i32) {quant_min: 0, quant_max: 255, dtype: u8}\n  return %y\n"));
  graft_graph *g = graft_module_get_graph(m, 0);
  char line[300];
  graft_quantized_value y;
  graft_quantized_from_options options = {.size = sizeof options, .engine = "qnnpack"};
  ck_assert_int_eq(graft_quantized_conv_from_reference(g, "ref", &options, &y), GRAFT_PASS);
  ck_assert_str_eq(last_error(), "ref: a reference module needs options->y");
  options.y = (graft_given_qparams){0.05, 120};
  ck_assert_msg(graft_quantized_conv_from_reference(g, "ref", &options, &y) == GRAFT_OK, "%s", last_error());
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  graft_quantized_weight w = {.size = sizeof w};
  ck_assert_int_eq(graft_quantized_conv_get_weight_bias(g, "ref", &w), GRAFT_OK);
  ck_assert_mem_eq(w.data, ((const int8_t[]){1, -2, 3, 4, -128, 127, 7, 0}), 8);
  ck_assert(w.count == 2 && w.scale[1] == 0.03f && w.zero_point[1] == 1 && w.bias[1] == -0.25f);
  ck_assert(graft_quantized_conv_repr(g, "ref", line, sizeof line) > 0);
  ck_assert_str_eq(
      line, "QuantizedConv2d(2, 2, kernel_size=(1, 2), stride=(1, 1), scale=0.05000000074505806, zero_point=120)");
  ck_assert_msg(graft_run_passes(whole, "lower{requantize=qnnpack}", NULL) == GRAFT_OK, "%s", first_error());
  same_results(m, whole);
  graft_module_destroy(whole);
  graft_module_destroy(m);
}
END_TEST

/* ---- refusals ---- */

static void refused(graft_module *m, const char *name, const graft_quantized_from_options *o, bool of_reference,
                    graft_status status, const char *why) {
  graft_graph *g = graft_module_get_graph(m, 0);
  const uint64_t hash = graft_module_hash(m);
  const uint32_t nodes = graft_node_count(g), tensors = graft_tensor_count(m);
  graft_quantized_value y;
  graft_diagnostics_clear(context);
  const graft_status s = of_reference ? graft_quantized_conv_from_reference(g, name, o, &y)
                                      : graft_quantized_conv_from_float(g, name, o, &y);
  ck_assert_msg(s == status && strstr(last_error(), why), "status %d, '%s' instead of '%s'", (int)s, last_error(), why);
  ck_assert_uint_eq(graft_module_hash(m), hash);
  ck_assert(graft_node_count(g) == nodes && graft_tensor_count(m) == tensors);
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
}

START_TEST(refusals) {
  const form two = forms[3], one = forms[0];
  graft_module *m = parse(chain);
  graft_quantized_from_options o = {.size = sizeof o}, wrong = {.size = sizeof wrong, .engine = "any"}, unsized = {0};
  refused(m, "c", NULL, false, GRAFT_NAME, "c: no module is called 'c'");
  refused(m, "", NULL, false, GRAFT_INVALID_ARGUMENT, "a module needs a name");
  refused(m, NULL, NULL, false, GRAFT_INVALID_ARGUMENT, "a module needs a name");
  refused(m, "a", &wrong, false, GRAFT_INVALID_ARGUMENT, "no engine is called 'any'");
  refused(m, "a", &unsized, false, GRAFT_INVALID_ARGUMENT, "");
  refused(m, "a.relu", NULL, false, GRAFT_PASS, "it holds no convolution");
  refused(m, "a,b", NULL, false, GRAFT_PASS, "it holds several convolutions");
  refused(m, "a", NULL, false, GRAFT_PASS, "a: Input float module must have qconfig defined");
  refused(m, "a", NULL, true, GRAFT_PASS, "it is no reference module");
  o.y = (graft_given_qparams){-1, 0};
  refused(m, "a", &o, false, GRAFT_INVALID_ARGUMENT, "scale and zero point of y");
  o.y = (graft_given_qparams){1, 256};
  refused(m, "a", &o, false, GRAFT_INVALID_ARGUMENT, "scale and zero point of y");
  graft_module_destroy(m);
  m = network(&two); /* conv+add without the add: another node reads its result, which has no observer */
  refused(m, "add", NULL, false, GRAFT_PASS, "it holds no convolution");
  refused(m, "conv", NULL, false, GRAFT_PASS, "its input is quantized and its result is not");
  graft_module_destroy(m);
  m = parse(weight_only);
  o = (graft_quantized_from_options){.size = sizeof o, .y = {0.1, 3}};
  refused(m, "conv", &o, false, GRAFT_PASS, "its input is float: convert what makes it first, or give options->x");
  o.x = (graft_given_qparams){0.01, 3};
  graft_quantized_value y;
  ck_assert_msg(graft_quantized_conv_from_float(graft_module_get_graph(m, 0), "conv", &o, &y) == GRAFT_OK, "%s",
                last_error());
  graft_module_destroy(m);
  m = network(&one); /* once it is quantized there is nothing float to be had */
  ck_assert_int_eq(graft_quantized_conv_from_float(graft_module_get_graph(m, 0), "conv", NULL, NULL), GRAFT_OK);
  refused(m, "conv", NULL, false, GRAFT_PASS, "it holds no");
  graft_module_destroy(m);
}
END_TEST

int main(void) {
  Suite *s = suite_create("quantized modules from others");
  TCase *t = tcase_create("from");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_loop_test(t, as_the_network, 0, (int)(sizeof forms / sizeof *forms));
  tcase_add_test(t, module_by_module);
  tcase_add_test(t, trained);
  tcase_add_test(t, dynamic);
  tcase_add_test(t, reference);
  tcase_add_test(t, refusals);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
