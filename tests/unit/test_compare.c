/* Two graphs on the same inputs: which values are held against each other, and what is said of them. */
#include "passes/passes.h"
#include "runtime/compare.h"

#include <check.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *first, *second;

static void setup(void) {
  context = graft_context_create(NULL);
  first = second = NULL;
}

static void teardown(void) {
  graft_module_destroy(first);
  graft_module_destroy(second);
  graft_context_destroy(context);
}

static const char *last_error(void) {
  static char text[512];
  const uint32_t n = graft_diagnostic_count(context);
  if (n == 0) return "";
  graft_diagnostic d = graft_diagnostic_get(context, n - 1);
  snprintf(text, sizeof text, "%s: %s", d.node, d.message);
  return text;
}

static graft_module *read_text(const char *text) {
  graft_module *m = graft_module_load_memory(context, text, strlen(text), "text", NULL);
  ck_assert_msg(m != NULL, "%s", last_error());
  return m;
}

static graft_compare *compare(void) {
  graft_compare *c = graft_compare_create(graft_module_get_graph(first, 0), graft_module_get_graph(second, 0), NULL);
  ck_assert_msg(c != NULL, "%s", last_error());
  return c;
}

static void step(graft_compare *c, int64_t n, const float *x) {
  const graft_type type = graft_type_make(GRAFT_F32, 1, &n);
  ck_assert_msg(graft_compare_step(c, &type, (const void *const[]){x}) == GRAFT_OK, "%s", last_error());
}

/* "a=b own" for each layer. */
static const char *layers(const graft_compare *c) {
  static char text[2048];
  text[0] = '\0';
  for (uint32_t i = 0; i < graft_compare_layer_count(c); i++) {
    const graft_layer l = graft_compare_layer(c, i);
    char a[64], b[64];
    graft_value_name(l.graph_a, l.a, a, sizeof a);
    graft_value_name(l.graph_b, l.b, b, sizeof b);
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s=%s", i ? " " : "", a, b);
  }
  return text;
}

#define FLOAT_GRAPH "graft 1\n" FLOAT_GRAPH_BODY
#define FLOAT_GRAPH_BODY \
  "graph main(%x: f32[4]) {\n" \
  "  %a = mul(%x, 2.0): f32[4]\n" \
  "  %b = relu(%a): f32[4]\n" \
  "  %c = add(%b, 1.0): f32[4]\n" \
  "  return %c\n" \
  "}\n"

START_TEST(equal_graphs_are_equal) {
  first = read_text(FLOAT_GRAPH);
  second = read_text(FLOAT_GRAPH);
  graft_compare *c = compare();
  ck_assert(isnan(graft_compare_layer(c, 0).error.snr));
  step(c, 4, (float[]){-1, 0, 1, 2});
  step(c, 4, (float[]){5, 6, 7, 8});
  ck_assert_str_eq(layers(c), "a=a b=b c=c");
  for (uint32_t i = 0; i < 3; i++) {
    const graft_layer l = graft_compare_layer(c, i);
    ck_assert(isinf(l.error.snr) && l.error.snr > 0 && isinf(l.own.snr) && isnan(l.error.steps));
    ck_assert_double_eq_tol(l.error.cosine, 1, 1e-12);
    ck_assert(!l.bad && !l.quantized);
    ck_assert_int_eq(l.of_a.count, 8);
  }
  ck_assert_double_eq(graft_compare_layer(c, 2).of_b.max, 17);
  ck_assert_uint_eq(graft_compare_first_bad(c), GRAFT_NONE);
  ck_assert_uint_eq(graft_compare_worst(c), GRAFT_NONE);
  ck_assert_uint_eq(graft_compare_layer(c, 9).a, GRAFT_NONE);
  graft_compare_destroy(c);
}
END_TEST

/* b is off by half of a's signal; what comes after only inherits it. */
START_TEST(error_is_told_from_what_is_inherited) {
  first = read_text(FLOAT_GRAPH);
  second = read_text("graft 1\n"
                     "graph main(%x: f32[4]) {\n"
                     "  %a = mul(%x, 2.0): f32[4]\n"
                     "  %more = mul(%a, 1.5): f32[4]\n"
                     "  %b = relu(%more): f32[4]\n"
                     "  %c = add(%b, 1.0): f32[4]\n"
                     "  return %c\n"
                     "}\n");
  graft_compare *c = compare();
  float x[4] = {1, 2, 3, 4};
  step(c, 4, x);
  ck_assert_str_eq(layers(c), "a=a b=b c=c");
  const graft_layer b = graft_compare_layer(c, 1), last = graft_compare_layer(c, 2);
  ck_assert_double_eq_tol(b.error.snr, 20 * log10(2), 1e-9);
  ck_assert_double_eq_tol(b.own.snr, 20 * log10(2), 1e-9);
  ck_assert_double_eq(b.error.largest, 4);
  ck_assert(isinf(b.inherited));
  ck_assert(isinf(last.own.snr) && last.own.snr > 0);
  ck_assert_double_eq_tol(last.inherited, last.error.snr, 1e-9);
  ck_assert(last.error.snr > b.error.snr);
  ck_assert_uint_eq(graft_compare_first_bad(c), 1);
  ck_assert_uint_eq(graft_compare_worst(c), 1);
  ck_assert_float_eq(x[0], 1);
  graft_compare_destroy(c);
}
END_TEST

/* 0.5 a step, codes -4 to 3: 2 is beyond, 0.3 is rounded by 0.2. */
START_TEST(quantized_values_are_one_layer_with_what_they_are_quantized_to) {
  first = read_text(FLOAT_GRAPH);
  second = read_text("graft 1\n"
                     "graph main(%x: f32[4]) {\n"
                     "  %a = mul(%x, 2.0): f32[4]\n"
                     "  %q = quantize_per_tensor(%a, 0.5, 0: i32) {quant_min: -4, quant_max: 3}: i8[4]\n"
                     "  %d = dequantize_per_tensor(%q, 0.5, 0: i32) {quant_min: -4, quant_max: 3}: f32[4]\n"
                     "  %e = dequantize_per_tensor(%q, 0.5, 0: i32) {quant_min: -4, quant_max: 3}: f32[4]\n"
                     "  %b = relu(%d): f32[4]\n"
                     "  %c = add(%e, 1.0): f32[4]\n"
                     "  return %c, %b\n"
                     "}\n");
  graft_compare *c = compare();
  step(c, 4, (float[]){-1, 0.15f, 0.25f, 1});
  ck_assert_str_eq(layers(c), "a=d b=b c=c");
  const graft_layer a = graft_compare_layer(c, 0), b = graft_compare_layer(c, 1);
  ck_assert(a.quantized && !b.quantized);
  ck_assert_double_eq(a.clipped, 0.25);
  ck_assert_double_eq_tol(a.unused, 1 - 3.0 / 8, 1e-9); /* -4, 1 and 3 are taken */
  ck_assert_double_eq_tol(a.error.steps, 1, 1e-6);
  ck_assert_double_eq_tol(a.error.largest, 0.5, 1e-6);
  ck_assert_float_eq(a.scale_min, 0.5f);
  ck_assert_int_eq(a.quant_min, -4);
  ck_assert_uint_eq(a.channels, 1);
  ck_assert(isinf(b.own.snr) && isfinite(b.error.snr)); /* with a's numbers relu is right */
  int64_t seen = 0;
  for (int i = 0; i < GRAFT_HISTOGRAM; i++) seen += a.histogram_a[i];
  ck_assert_int_eq(seen, 4);
  ck_assert_int_eq(a.histogram_a[0], 1);
  ck_assert_int_eq(a.histogram_a[GRAFT_HISTOGRAM - 1], 1);
  graft_compare_destroy(c);
}
END_TEST

/* The error that is made before a quantize is of the layer, not only that of rounding. */
START_TEST(own_error_is_that_of_all_that_makes_the_layer) {
  first = read_text(FLOAT_GRAPH);
  second = read_text("graft 1\n"
                     "graph main(%x: f32[4]) {\n"
                     "  %a = mul(%x, 3.0): f32[4]\n"
                     "  %q = quantize_per_tensor(%a, 0.5, 0: i32): i8[4]\n"
                     "  %d = dequantize_per_tensor(%q, 0.5, 0: i32): f32[4]\n"
                     "  %e = dequantize_per_tensor(%q, 0.5, 0: i32): f32[4]\n"
                     "  %b = relu(%d): f32[4]\n"
                     "  %c = add(%e, 1.0): f32[4]\n"
                     "  return %c, %b\n"
                     "}\n");
  graft_compare *c = compare();
  step(c, 4, (float[]){1, 2, 3, 4});
  ck_assert_str_eq(layers(c), "a=d b=b c=c");
  const graft_layer a = graft_compare_layer(c, 0);
  ck_assert_double_eq_tol(a.error.snr, 20 * log10(2), 1e-9);
  ck_assert_double_eq_tol(a.own.snr, 20 * log10(2), 1e-9);
  ck_assert(isinf(graft_compare_layer(c, 1).own.snr));
  ck_assert_double_eq_tol(graft_compare_layer(c, 1).error.snr, 20 * log10(2), 1e-9);
  graft_compare_destroy(c);
}
END_TEST

/* Each channel has steps of its own: 0.6 in halves and 2.4 in twos are both a fifth of a step off. */
START_TEST(channels_have_steps_of_their_own) {
  first = read_text("graft 1\ngraph main(%x: f32[2, 2]) {\n  %a = mul(%x, 2.0): f32[2, 2]\n  return %a\n}\n");
  second = read_text("graft 1\n"
                     "tensor %s: f32[2] constant = [0.5, 2]\n"
                     "tensor %z: i32[2] constant = [0, 1]\n"
                     "graph main(%x: f32[2, 2]) {\n"
                     "  %a = mul(%x, 2.0): f32[2, 2]\n"
                     "  %q = quantize_per_channel(%a, %s, %z) {axis: 1}: i8[2, 2]\n"
                     "  return %q\n"
                     "}\n");
  graft_compare *c = compare();
  const graft_type type = graft_type_make(GRAFT_F32, 2, (int64_t[]){2, 2});
  const float x[4] = {0.3f, 1.2f, 0.3f, 1.2f};
  ck_assert_int_eq(graft_compare_step(c, &type, (const void *const[]){x}), GRAFT_OK);
  ck_assert_str_eq(layers(c), "a=q"); /* integers, held against a as what they stand for */
  const graft_layer l = graft_compare_layer(c, 0);
  ck_assert(l.quantized);
  ck_assert_uint_eq(l.channels, 2);
  ck_assert_float_eq(l.scale_min, 0.5f);
  ck_assert_float_eq(l.scale_max, 2);
  ck_assert_double_eq_tol(l.error.steps, 0.2, 1e-6);
  ck_assert_double_eq_tol(l.error.largest, 0.4, 1e-6);
  ck_assert_double_eq_tol(l.of_b.max, 2, 1e-9);
  graft_compare_destroy(c);
}
END_TEST

/* A rule's result is what its record says it equals, and nothing by its name alone. */
START_TEST(values_are_found_by_provenance) {
  first = read_text("graft 1\n"
                    "graph main(%x: f32[4]) {\n"
                    "  %conv = mul(%x, 2.0): f32[4]\n"
                    "  %bn = mul(%conv, 3.0): f32[4]\n"
                    "  %y = relu(%bn): f32[4]\n"
                    "  return %y\n"
                    "}\n");
  second = read_text("graft 1\n"
                     "record 1 = \"Conv\"\n"
                     "record 2 = pass \"fold\" rule \"fold\" from 1 equals \"bn\"\n"
                     "record 3 = pass \"fold\" rule \"other\" from 1\n"
                     "graph main(%x: f32[4]) {\n"
                     "  %bn = neg(%x): f32[4] from 3\n"
                     "  %minus = neg(%bn): f32[4] from 3\n"
                     "  %conv = mul(%minus, 6.0): f32[4] from 2\n"
                     "  %y = relu(%conv): f32[4]\n"
                     "  return %y\n"
                     "}\n");
  graft_compare *c = compare();
  step(c, 4, (float[]){-1, 0.5f, 0.25f, 1});
  ck_assert_str_eq(layers(c), "bn=conv y=y");
  ck_assert(isinf(graft_compare_layer(c, 0).error.snr));
  graft_compare_destroy(c);
}
END_TEST

START_TEST(not_a_number_is_bad_and_no_error) {
  first = read_text(FLOAT_GRAPH);
  second = read_text("graft 1\n"
                     "graph main(%x: f32[4]) {\n"
                     "  %zero = sub(%x, %x): f32[4]\n"
                     "  %nan = div(%zero, %x): f32[4]\n"
                     "  %twice = mul(%x, 2.0): f32[4]\n"
                     "  %a = add(%twice, %nan): f32[4]\n"
                     "  return %a\n"
                     "}\n");
  graft_compare *c = compare();
  step(c, 4, (float[]){-1, 0, 1, 2}); /* 0 / 0 for the second */
  const graft_layer a = graft_compare_layer(c, 0);
  ck_assert_int_eq(a.not_numbers, 1);
  ck_assert(a.bad && isinf(a.error.snr) && a.error.snr > 0);
  ck_assert_int_eq(a.of_b.nan, 1);
  graft_compare_destroy(c);
}
END_TEST

START_TEST(inputs_are_found_by_name) {
  first = read_text(FLOAT_GRAPH);
  second = read_text("graft 1\ngraph main(%z: f32[4]) {\n  %a = relu(%z): f32[4]\n  return %a\n}\n");
  ck_assert_ptr_null(graft_compare_create(graft_module_get_graph(first, 0), graft_module_get_graph(second, 0), NULL));
  ck_assert_str_eq(last_error(), "z: the graph that this is compared with has no input of this name");
}
END_TEST

static const char *missed(const graft_compare *c) {
  static char text[1024];
  text[0] = '\0';
  for (uint32_t i = 0; i < graft_compare_missed_count(c); i++) {
    const graft_missed m = graft_compare_missed(c, i);
    char name[64];
    graft_node_name(m.graph, m.first, name, sizeof name);
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u %s: %s", i ? "; " : "", m.count, name, m.why);
  }
  return text;
}

/* In steps of 0.5 and 2: the second channel is off by most, in its own, and clipped at 2 * 3. */
START_TEST(weights_are_held_against_floats) {
  first = read_text("graft 1\n"
                    "tensor %w: f32[2, 3] parameter = [0.5, 1.0, -1.5, 8.0, 2.0, -1.0]\n"
                    "tensor %u: f32[3, 3] parameter = [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
                    "graph main(%x: f32[1, 3]) {\n  %y = linear(%x, %w): f32[1, 2]\n  return %y\n}\n");
  second = read_text("graft 1\n"
                     "tensor %w: i8[2, 3] constant = [1, 2, -3, 3, 1, -1]\n"
                     "tensor %u: i8[3, 2] constant = [1, 2, 3, 4, 5, 6]\n"
                     "tensor %s: f32[2] constant = [0.5, 2]\n"
                     "tensor %z: i32[2] constant = [0, 0]\n"
                     "graph main(%x: f32[1, 3]) {\n"
                     "  %d = dequantize_per_channel(%w, %s, %z) {quant_min: -4, quant_max: 3}: f32[2, 3]\n"
                     "  %e = dequantize_per_tensor(%u, 0.5, 0: i32): f32[3, 2]\n"
                     "  %y = linear(%x, %d): f32[1, 2]\n"
                     "  return %y, %e\n"
                     "}\n");
  graft_compare *c = compare();
  ck_assert_uint_eq(graft_compare_weight_count(c), 1);
  const graft_weight w = graft_compare_weight(c, 0);
  ck_assert_uint_eq(w.channels, 2);
  ck_assert_uint_eq(w.worst, 1);
  ck_assert_double_eq_tol(w.worst_snr, 10 * log10(69.0 / 5), 1e-9);
  ck_assert_double_eq_tol(w.error.snr, 10 * log10(72.5 / 5), 1e-9);
  ck_assert_double_eq(w.error.largest, 2);
  ck_assert_double_eq(w.error.steps, 1);
  ck_assert_double_eq_tol(w.clipped, 1.0 / 6, 1e-12);
  ck_assert_double_eq_tol(w.unused, 1 - 5.0 / 8, 1e-12);
  ck_assert_float_eq(w.scale_max, 2);
  ck_assert_uint_eq(graft_compare_weight(c, 1).a, GRAFT_NONE);
  ck_assert_str_eq(missed(c), "1 e: the other has no floats of this name and shape that could be quantized");
  graft_graph *g = graft_module_get_graph(second, 0);
  graft_compare *same = graft_compare_create(g, g, NULL);
  ck_assert_str_eq(missed(same), "");
  graft_compare_destroy(same);
  graft_compare_destroy(c);
}
END_TEST

/* As another runtime gets it, and back. */
static graft_module *through_onnx(graft_module *m) {
  char *bytes;
  size_t size;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_ONNX, &bytes, &size), GRAFT_OK);
  graft_module *read = graft_module_load_memory(context, bytes, size, "onnx", NULL);
  ck_assert_msg(read != NULL, "%s", last_error());
  graft_free(context, bytes, size);
  return read;
}

/* Codes -4 to 3 in steps of 0.5 and off by one, of which the graph does not say so. */
START_TEST(integers_without_a_scale_are_fitted) {
  first = read_text(FLOAT_GRAPH);
  second = read_text("graft 1\n"
                     "graph main(%x: f32[4]) {\n"
                     "  %more = mul(%x, 4.0): f32[4]\n"
                     "  %r = round(%more): f32[4]\n"
                     "  %one = add(%r, 1.0): f32[4]\n"
                     "  %a = to(%one) {dtype: i8}: i8[4]\n"
                     "  %b = to(%one) {dtype: i32}: i32[4]\n"
                     "  return %a, %b\n"
                     "}\n");
  graft_compare *c = compare();
  step(c, 4, (float[]){-1, -0.5f, 0.5f, 0.75f});
  ck_assert_str_eq(layers(c), "a=a b=b");
  const graft_layer a = graft_compare_layer(c, 0), b = graft_compare_layer(c, 1);
  ck_assert(a.quantized && a.fitted && isinf(a.error.snr));
  ck_assert_float_eq(a.scale_min, 0.5f);
  ck_assert_int_eq(a.zero_point, 1);
  ck_assert(isinf(a.own.snr));
  ck_assert(isnan(b.error.snr)); /* sums, perhaps: 32 bits are not guessed at */
  ck_assert_uint_eq(graft_compare_missed_count(c), 1);
  const graft_missed m = graft_compare_missed(c, 0);
  ck_assert_uint_eq(m.count, 1);
  ck_assert_str_eq(m.why, "nothing says what their integers stand for");
  ck_assert_uint_eq(graft_compare_missed(c, 1).count, 0);
  graft_compare_destroy(c);
}
END_TEST

START_TEST(layers_that_are_not_compared_are_counted) {
  first = read_text("graft 1\n"
                    "tensor %w: f32[2, 2] parameter = [1, 2, 3, 4]\n"
                    "graph main(%x: f32[3, 2]) {\n"
                    "  %wt = transpose(%w) {dim0: 0, dim1: 1}: f32[2, 2]\n"
                    "  %a = matmul(%x, %wt): f32[3, 2]\n"
                    "  return %a\n"
                    "}\n");
  second = read_text("graft 1\n"
                     "tensor %w: f32[2, 2] parameter = [1, 2, 3, 4]\n"
                     "tensor %c: bool[] constant = true\n"
                     "graph main(%x: f32[3, 2]) {\n"
                     "  %wt = transpose(%w) {dim0: 0, dim1: 1}: f32[2, 2]\n" /* follows from a tensor: no layer */
                     "  %p = matmul(%x, %wt): f32[3, 2]\n"
                     "  %q = matmul(%p, %wt): f32[3, 2]\n"
                     "  %y = if(%c, %q) {then_branch: @t, else_branch: @e}: f32[3, 2]\n"
                     "  %s = slice(%y) {dim: 0, end: 2}: f32[2, 2]\n"
                     "  %a = matmul(%s, %w): f32[2, 2]\n"
                     "  return %a\n"
                     "}\n"
                     "graph t(%x1: f32[3, 2]) {\n  %n = matmul(%x1, %w)\n  return %n\n}\n"
                     "graph e(%x2: f32[3, 2]) {\n  return %x2\n}\n");
  graft_compare *c = compare();
  ck_assert_str_eq(layers(c), "");
  ck_assert_str_eq(missed(c), "2 p: the other has no such value; "
                              "1 a: the other's value of this name has another shape; "
                              "1 n: they are inside an if or a loop that the other does not have");
  graft_compare_destroy(c);
}
END_TEST

/* A backend whose relu forgets to cut. */
static graft_status prepare_relu(void *state, const graft_kernel_call *call, void **kernel) {
  if (strcmp(graft_node_get_op(call->graph, call->node), "relu") == 0) *kernel = state;
  return GRAFT_OK;
}

static graft_status run_relu(void *state, void *kernel, const graft_kernel_call *call) {
  (void)state, (void)kernel;
  memcpy(call->results[0], call->operands[0], sizeof(float) * (size_t)graft_type_elements(call->operand_types));
  return GRAFT_OK;
}

START_TEST(a_backend_is_held_against_the_built_in_kernels) {
  int user;
  const graft_backend wrong = {
      .size = sizeof wrong, .name = "wrong", .user = &user, .prepare = prepare_relu, .run = run_relu};
  const graft_backend *const backends[] = {&wrong};
  const graft_compare_options options = {.size = sizeof options, .backends = backends, .backend_count = 1};
  first = read_text(FLOAT_GRAPH);
  graft_graph *g = graft_module_get_graph(first, 0);
  graft_compare *c = graft_compare_create(g, g, &options);
  ck_assert_msg(c != NULL, "%s", last_error());
  step(c, 4, (float[]){-1, 0, 1, 2});
  ck_assert_str_eq(layers(c), "a=a b=b c=c");
  ck_assert_int_eq(graft_compare_layer(c, 0).differing, 0);
  ck_assert_int_eq(graft_compare_layer(c, 1).own_differing, 1);
  ck_assert_int_eq(graft_compare_layer(c, 2).differing, 1);
  ck_assert_int_eq(graft_compare_layer(c, 2).own_differing, 0);
  graft_compare_destroy(c);
}
END_TEST

/* x goes three times through a body, where an if adds 1 or, the second time, multiplies: each time is held against the
 * same time of the other. */
#define LOOPS(more, times) \
  "graft 1\n" \
  "graph main(%x: f32[2]) {\n" \
  "  %y = loop(" times ": i64, _, %x) {body: @body, carried: 1}: f32[2]\n" \
  "  return %y\n" \
  "}\n" \
  "graph body(%i: i64[], %c: bool[], %s: f32[2]) {\n" \
  "  %second = eq(%i, 1: i64): bool[]\n" \
  "  %t = if(%second, %s) {then_branch: @then, else_branch: @else}: f32[2]\n" \
  "  %r = relu(%t): f32[2]\n" \
  "  return %c, %r\n" \
  "}\n" \
  "graph then(%a: f32[2]) {\n  %m = mul(%a, " more "): f32[2]\n  return %m\n}\n" \
  "graph else(%b: f32[2]) {\n  %p = add(%b, 1.0): f32[2]\n  return %p\n}\n"

START_TEST(values_inside_are_compared_each_time) {
  first = read_text(LOOPS("2.0", "3"));
  second = read_text(LOOPS("3.0", "3"));
  graft_compare *c = compare();
  for (int i = 0; i < 2; i++) step(c, 2, (float[]){1, 3});
  ck_assert_str_eq(missed(c), "");
  ck_assert_str_eq(layers(c), "second=second m=m p=p t=t r=r y=y");
  const graft_layer m = graft_compare_layer(c, 1), p = graft_compare_layer(c, 2), y = graft_compare_layer(c, 5);
  ck_assert_str_eq(graft_node_get_op(m.graph_b, graft_value_node(m.graph_b, m.b)), "mul");
  ck_assert_int_eq(m.elements, 2 * 2);
  ck_assert_int_eq(m.own_differing, 2 * 2);
  ck_assert_double_eq(m.own.largest, 4); /* 4 times 3, not 2 */
  ck_assert_int_eq(p.elements, 2 * 2 * 2);
  ck_assert_int_eq(p.differing, 2 * 2); /* the third time alone */
  ck_assert_int_eq(p.own_differing, 0);
  ck_assert_double_eq(p.error.largest, 4);
  ck_assert_int_eq(y.own_differing, 0);
  ck_assert_uint_eq(graft_compare_worst(c), 1);
  graft_compare_destroy(c);
}
END_TEST

/* What one of them runs more often has nothing to be held against, and what did not run is counted. */
START_TEST(values_inside_that_run_less_often) {
  first = read_text(LOOPS("2.0", "1"));
  second = read_text(LOOPS("2.0", "3"));
  graft_compare *c = compare();
  step(c, 2, (float[]){1, 3});
  ck_assert_str_eq(missed(c), "1 m: they did not run, or had no elements or another shape");
  ck_assert_int_eq(graft_compare_layer(c, 1).elements, 0);
  ck_assert_int_eq(graft_compare_layer(c, 2).elements, 2);
  ck_assert_int_eq(graft_compare_layer(c, 4).elements, 2);
  graft_compare_destroy(c);
}
END_TEST

/* The whole way: what prepare and convert make of a linear layer, and no module's state is changed by comparing. */
START_TEST(converted_graphs_are_matched) {
  const char *text = "graft 1\n"
                     "tensor %w: f32[3, 4] parameter = fill(\"w\", -1, 1)\n"
                     "tensor %w2: f32[2, 3] parameter = fill(\"w2\", -1, 1)\n"
                     "graph main(%x: f32[32, 4]) {\n"
                     "  %fc = linear(%x, %w): f32[32, 3] from \"fc\"\n"
                     "  %relu = relu(%fc): f32[32, 3] from \"relu\"\n"
                     "  %y = linear(%relu, %w2): f32[32, 2] from \"y\"\n"
                     "  return %y\n"
                     "}\n";
  first = read_text(text);
  second = read_text(text);
  float x[32 * 4];
  for (int i = 0; i < 32 * 4; i++) x[i] = sinf((float)i);
  const graft_type type = graft_type_make(GRAFT_F32, 2, (int64_t[]){32, 4});
  ck_assert_int_eq(graft_run_passes(second, "prepare-qat{quantizer=xnnpack}", NULL), GRAFT_OK);
  graft_session *s = graft_session_create(graft_module_get_graph(second, 0), NULL);
  ck_assert_ptr_nonnull(s);
  ck_assert_int_eq(graft_session_set_input(s, 0, &type, x), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  graft_session_destroy(s);
  enum { PREPARED, CONVERTED, WRITTEN, LOWERED, SPELLED_OUT, STAGES };
  static const char *const passes[] = {"", "to-eval,convert", "", "lower", "spell-out-integers{reference=true}"};
  for (int stage = 0; stage < STAGES; stage++) {
    if (stage) ck_assert_int_eq(graft_run_passes(second, passes[stage], NULL), GRAFT_OK);
    graft_module *as_it_was = second;
    if (stage == WRITTEN) second = through_onnx(second);
    const uint64_t hash = graft_module_hash(second);
    graft_compare *c = compare();
    for (int i = 0; i < 2; i++) ck_assert_int_eq(graft_compare_step(c, &type, (const void *const[]){x}), GRAFT_OK);
    const uint32_t count = graft_compare_layer_count(c);
    /* x, fc, relu, y, but for fc each as it is quantized; lowered, fc is one op with relu */
    ck_assert_msg(count == (stage < LOWERED ? 4u : 3u), "%s", layers(c));
    for (uint32_t i = 0; i < count; i++) {
      const graft_layer l = graft_compare_layer(c, i);
      ck_assert_msg(l.error.snr > 25, "layer %u of %s: %g dB", i, layers(c), l.error.snr);
      ck_assert(l.own.snr > 25);
    }
    ck_assert(graft_compare_layer(c, count - 1).quantized);
    /* weights: none yet, both, and both spelled out */
    ck_assert_uint_eq(graft_compare_weight_count(c), stage > PREPARED && stage < SPELLED_OUT ? 2 : 0);
    for (uint32_t i = 0; i < graft_compare_weight_count(c); i++) ck_assert(graft_compare_weight(c, i).error.snr > 30);
    ck_assert_str_eq(missed(c), stage < SPELLED_OUT ? "" : "2 to_1: nothing says what their integers stand for");
    graft_compare_destroy(c);
    ck_assert(graft_module_hash(second) == hash);
    if (second != as_it_was) graft_module_destroy(second);
    second = as_it_was;
  }
}
END_TEST

/* ---- biases ---- */

static const char float_layers[] = "graft 1\n"
                                   "tensor %w: f32[2, 2] parameter = [0.3, 0.7, -0.2, 0.9]\n"
                                   "tensor %b: f32[2] parameter = [1, 2]\n"
                                   "tensor %v: f32[1, 2] parameter = [1, 1]\n"
                                   "graph main(%x: f32[2]) {\n"
                                   "  %y = linear(%x, %w, %b)\n"
                                   "  %z = linear(%y, %v)\n"
                                   "  return %z\n"
                                   "}\n";
static const char quantized_layers[] = "graft 1\n"
                                       "tensor %w: i8[2, 2] constant = [3, 7, -2, 10]\n"
                                       "tensor %b: f32[2] parameter = [1, 2]\n"
                                       "tensor %v: f32[1, 2] parameter = [1, 1]\n"
                                       "graph main(%x: f32[2]) {\n"
                                       "  %d = dequantize_per_tensor(%w, 0.1, 0: i32)\n"
                                       "  %y = linear(%x, %d, %b)\n"
                                       "  %z = linear(%y, %v)\n"
                                       "  return %z\n"
                                       "}\n";

/* The second channel's weight is 0.1 too large for the second input, 2 on average. */
START_TEST(biases_without_the_mean_of_the_own_error) {
  first = read_text(float_layers);
  second = read_text(quantized_layers);
  const graft_compare_options o = {.size = sizeof o, .biases = true};
  graft_compare *c = graft_compare_create(graft_module_get_graph(first, 0), graft_module_get_graph(second, 0), &o);
  ck_assert_msg(c != NULL, "%s", last_error());
  step(c, 2, (const float[]){5, 1});
  step(c, 2, (const float[]){-7, 3});
  graft_bias_correction done = {.size = sizeof done};
  ck_assert_int_eq(graft_compare_correct_biases(c, &done), GRAFT_OK);
  graft_compare_destroy(c);
  ck_assert_uint_eq(done.corrected, 1);
  ck_assert_uint_eq(done.without_bias, 1);
  ck_assert_uint_eq(done.not_stored + done.not_seen, 0);
  const float *bias = graft_tensor_get_data(second, graft_tensor_find(second, "b"));
  ck_assert_float_eq_tol(bias[0], 1.0f, 1e-6f);
  ck_assert_float_eq_tol(bias[1], 1.8f, 1e-6f);
}
END_TEST

START_TEST(biases_need_the_option) {
  first = read_text(float_layers);
  second = read_text(quantized_layers);
  graft_compare *c = compare();
  step(c, 2, (const float[]){5, 1});
  ck_assert_int_eq(graft_compare_correct_biases(c, NULL), GRAFT_INVALID_ARGUMENT);
  graft_compare_destroy(c);
}
END_TEST

/* A bias that two layers read is not the one layer's to change. */
START_TEST(biases_that_are_shared_stay) {
  first = read_text("graft 1\n"
                    "tensor %w: f32[2, 2] parameter = [0.3, 0.7, -0.2, 0.9]\n"
                    "tensor %b: f32[2] parameter = [1, 2]\n"
                    "graph main(%x: f32[2]) {\n"
                    "  %y = linear(%x, %w, %b)\n"
                    "  %z = linear(%y, %w, %b)\n"
                    "  return %z\n"
                    "}\n");
  second = read_text("graft 1\n"
                     "tensor %w: i8[2, 2] constant = [3, 7, -2, 10]\n"
                     "tensor %b: f32[2] parameter = [1, 2]\n"
                     "graph main(%x: f32[2]) {\n"
                     "  %d = dequantize_per_tensor(%w, 0.1, 0: i32)\n"
                     "  %y = linear(%x, %d, %b)\n"
                     "  %z = linear(%y, %d, %b)\n"
                     "  return %z\n"
                     "}\n");
  const graft_compare_options o = {.size = sizeof o, .biases = true};
  graft_compare *c = graft_compare_create(graft_module_get_graph(first, 0), graft_module_get_graph(second, 0), &o);
  ck_assert_msg(c != NULL, "%s", last_error());
  step(c, 2, (const float[]){5, 1});
  graft_bias_correction done = {.size = sizeof done};
  ck_assert_int_eq(graft_compare_correct_biases(c, &done), GRAFT_OK);
  graft_compare_destroy(c);
  ck_assert_uint_eq(done.corrected, 0);
  ck_assert_uint_eq(done.not_stored, 2);
}
END_TEST

/* Nor is one that another graph of the module reads. */
START_TEST(biases_that_another_graph_reads_stay) {
  first = read_text(float_layers);
  char text[1024];
  snprintf(text, sizeof text, "%sgraph other(%%x: f32[2]) {\n  %%s = add(%%x, %%b)\n  return %%s\n}\n",
           quantized_layers);
  second = read_text(text);
  const graft_compare_options o = {.size = sizeof o, .biases = true};
  graft_compare *c = graft_compare_create(graft_module_get_graph(first, 0), graft_module_get_graph(second, 0), &o);
  ck_assert_msg(c != NULL, "%s", last_error());
  step(c, 2, (const float[]){5, 1});
  graft_bias_correction done = {.size = sizeof done};
  ck_assert_int_eq(graft_compare_correct_biases(c, &done), GRAFT_OK);
  graft_compare_destroy(c);
  ck_assert_uint_eq(done.corrected, 0);
  ck_assert_uint_eq(done.not_stored, 1);
  ck_assert(((const float *)graft_tensor_get_data(second, graft_tensor_find(second, "b")))[1] == 2.0f);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("compare");
  TCase *tc = tcase_create("compare");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, a_backend_is_held_against_the_built_in_kernels);
  tcase_add_test(tc, values_inside_are_compared_each_time);
  tcase_add_test(tc, values_inside_that_run_less_often);
  tcase_add_test(tc, equal_graphs_are_equal);
  tcase_add_test(tc, error_is_told_from_what_is_inherited);
  tcase_add_test(tc, quantized_values_are_one_layer_with_what_they_are_quantized_to);
  tcase_add_test(tc, own_error_is_that_of_all_that_makes_the_layer);
  tcase_add_test(tc, channels_have_steps_of_their_own);
  tcase_add_test(tc, values_are_found_by_provenance);
  tcase_add_test(tc, not_a_number_is_bad_and_no_error);
  tcase_add_test(tc, inputs_are_found_by_name);
  tcase_add_test(tc, weights_are_held_against_floats);
  tcase_add_test(tc, converted_graphs_are_matched);
  tcase_add_test(tc, integers_without_a_scale_are_fitted);
  tcase_add_test(tc, layers_that_are_not_compared_are_counted);
  tcase_add_test(tc, biases_without_the_mean_of_the_own_error);
  tcase_add_test(tc, biases_need_the_option);
  tcase_add_test(tc, biases_that_are_shared_stay);
  tcase_add_test(tc, biases_that_another_graph_reads_stay);
  suite_add_tcase(suite, tc);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
