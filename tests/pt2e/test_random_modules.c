/* Random QAT modules of every kind, in 1-D to 3-D, built by graft/modules.h: what they compute in training and in
 * evaluation is what plain loops do, and, where nothing is rounded, what the unfused layer and batch norm do, in
 * whatever order their modes change. `test_random_modules FIRST COUNT` runs other seeds than the test's. */
#include "array.h"

#include "passes/modules.h"
#include "passes/passes.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int first_seed = 0, seeds = 60;

enum { IN = 4, OUT = 6, SIZE = 7, BATCH = 2, WEIGHTS = OUT * IN * 27 };

/* ---- a module and what it is made of ---- */

typedef struct subject {
  int seed;
  uint64_t random;
  uint32_t dims;
  bool transposed, bias, batch_norm, relu, per_channel;
  int64_t kernel, stride, padding, groups;
  const char *form;
  float weight[WEIGHTS], vector[5][OUT]; /* bias, gamma, beta, running_mean, running_var */
  graft_context *context;
  graft_module *module;
  graft_graph *graph;
} subject;

enum { BIAS, GAMMA, BETA, MEAN, VAR };

static int below(subject *s, int n) {
  s->random += 0x9E3779B97F4A7C15u;
  uint64_t z = s->random;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

static const char *first_error(const subject *s) {
  for (uint32_t i = 0; i < graft_diagnostic_count(s->context); i++) {
    const graft_diagnostic d = graft_diagnostic_get(s->context, i);
    if (d.severity == GRAFT_ERROR) return d.message;
  }
  return "";
}

static void choose(subject *s, int seed) {
  static const double ranges[][2] = {{-0.5, 0.5}, {0.5, 1.5}, {-0.2, 0.2}, {-0.2, 0.2}, {0.5, 1.5}};
  *s = (subject){.seed = seed, .random = (uint64_t)seed};
  s->dims = 1 + (uint32_t)below(s, 3);
  s->transposed = below(s, 3) == 0;
  s->batch_norm = below(s, 3) > 0;
  s->relu = below(s, 2);
  s->bias = below(s, 4) > 0;
  s->per_channel = below(s, 2);
  s->kernel = 1 + below(s, 3);
  s->stride = 1 + below(s, 2);
  s->padding = s->kernel > 1 ? below(s, 2) : 0;
  s->groups = 1 + below(s, 2);
  for (int i = 0; i < WEIGHTS; i++) s->weight[i] = graft_fill_element("weight", (uint64_t)(i + 1000 * seed), -0.4, 0.4);
  for (int k = 0; k < 5; k++)
    for (int i = 0; i < OUT; i++)
      s->vector[k][i] = graft_fill_element("vector", (uint64_t)(i + 10 * k + 1000 * seed), ranges[k][0], ranges[k][1]);
}

/* A form other than the approximate one; a channel with gamma = 0 needs it. */
static void choose_form(subject *s) {
  static const char *const forms[] = {"approximate", "stable", "auto"};
  s->form = forms[below(s, 3)];
  if (strcmp(s->form, "approximate") != 0 && below(s, 2)) s->vector[GAMMA][below(s, OUT)] = 0;
}

/* In 3-D the first axis has extent 1 and all that slides over it too: the loops know two. */
static graft_type input_type(const subject *s) {
  graft_type type = graft_type_make(GRAFT_F32, (int32_t)s->dims + 2, (int64_t[]){BATCH, IN, SIZE, SIZE, SIZE});
  if (s->dims == 3) type.dims[2] = 1;
  return type;
}

static void make_graph(subject *s) {
  s->context = graft_context_create(NULL);
  s->module = graft_module_create(s->context);
  s->graph = graft_graph_create(s->module, "main");
}

static void make_module(subject *s) {
  const int at = s->dims == 3; /* of the first axis that is more than 1 */
  const int64_t kernel[] = {1, s->kernel, s->kernel}, stride[] = {1, s->stride, s->stride},
                padding[] = {0, s->padding, s->padding};
  const graft_conv_arguments conv = {.size = sizeof conv,
                                     .dims = s->dims,
                                     .transposed = s->transposed,
                                     .in_channels = IN,
                                     .out_channels = OUT,
                                     .kernel_size = kernel + 1 - at,
                                     .stride = stride + 1 - at,
                                     .padding = padding + 1 - at,
                                     .groups = s->groups,
                                     .bias = s->bias};
  const graft_qconfig qconfig = {
      .size = sizeof qconfig, .quantizer = "fx", .quantizer_options = s->per_channel ? "per-channel=true" : NULL};
  const bool bn = s->batch_norm;
  const graft_qat_arguments qat = {.size = sizeof qat,
                                   .qconfig = &qconfig,
                                   .batch_norm = bn,
                                   .relu = s->relu,
                                   .weight = s->weight,
                                   .bias = s->bias ? s->vector[BIAS] : NULL,
                                   .gamma = bn ? s->vector[GAMMA] : NULL,
                                   .beta = bn ? s->vector[BETA] : NULL,
                                   .running_mean = bn ? s->vector[MEAN] : NULL,
                                   .running_var = bn ? s->vector[VAR] : NULL};
  const graft_type type = input_type(s);
  make_graph(s);
  const graft_value x = graft_input_add(s->graph, "x", &type);
  const graft_value y = graft_build_qat_conv(s->graph, "m", x, &conv, &qat);
  ck_assert_msg(y != GRAFT_NONE, "seed %d: %s", s->seed, first_error(s));
  ck_assert_int_eq(graft_output_add(s->graph, "y", y), GRAFT_OK);
}

static void drop(subject *s) {
  graft_module_destroy(s->module);
  graft_context_destroy(s->context);
}

static void passes(subject *s, const char *pipeline) {
  ck_assert_msg(graft_run_passes(s->module, pipeline, NULL) == GRAFT_OK, "seed %d: %s: %s", s->seed, pipeline,
                first_error(s));
}

/* A step on the input of this number, which is the module's own where it stays the same; the output as an array. */
static array step(subject *s, int number) {
  char name[32];
  snprintf(name, sizeof name, "x.%d.%d", s->seed, number);
  const array x = array_fill(name, BATCH, IN, s->dims == 1 ? 1 : SIZE, SIZE, -1.5, 1.5);
  const graft_type type = input_type(s);
  graft_session *session = graft_session_create(s->graph, NULL);
  ck_assert_msg(session && graft_session_set_input(session, 0, &type, x.data) == GRAFT_OK &&
                    graft_session_run(session) == GRAFT_OK,
                "seed %d: %s", s->seed, first_error(s));
  graft_type out;
  const float *y = graft_session_get_output(session, 0, &out);
  array result =
      array_make(out.dims[0], out.dims[1], s->dims == 1 ? 1 : out.dims[out.rank - 2], out.dims[out.rank - 1]);
  ck_assert_int_eq(array_count(result), graft_type_elements(&out));
  memcpy(result.data, y, (size_t)array_count(result) * sizeof *y);
  graft_session_destroy(session);
  return result;
}

static array input(const subject *s, int number) {
  char name[32];
  snprintf(name, sizeof name, "x.%d.%d", s->seed, number);
  return array_fill(name, BATCH, IN, s->dims == 1 ? 1 : SIZE, SIZE, -1.5, 1.5);
}

/* ---- against plain loops ---- */

static unit unit_of(subject *s) {
  const int64_t taps = s->dims == 1 ? s->kernel : s->kernel * s->kernel, per_group = s->groups;
  unit u = {.layer = {.in = IN,
                      .out = OUT,
                      .kernel = s->kernel,
                      .stride = s->stride,
                      .padding = s->padding,
                      .groups = s->groups,
                      .bias = s->bias,
                      .transpose = s->transposed},
            .dim = s->dims == 1 ? 1 : 2,
            .weight = s->weight,
            .bias = s->bias ? s->vector[BIAS] : NULL,
            .gamma = s->vector[GAMMA],
            .beta = s->vector[BETA],
            .eps = 1e-5,
            .momentum = 0.1,
            .weight_quant = {.options = {.size = sizeof(graft_qparams_config),
                                         .dtype = GRAFT_I8,
                                         .quant_min = -127,
                                         .quant_max = 127,
                                         .formula = GRAFT_FORMULA_KERNEL,
                                         .symmetric = true,
                                         .custom_range = true,
                                         .eps = 1.1920928955078125e-07},
                             .channels = s->per_channel ? OUT : 0,
                             .inner = s->transposed ? taps : taps * IN / per_group}};
  if (s->transposed && per_group > 1) {
    u.weight_quant.groups = per_group;
    u.weight_quant.group = IN / per_group * (OUT / per_group) * taps;
  }
  memcpy(u.mean, s->vector[MEAN], sizeof s->vector[MEAN]);
  memcpy(u.var, s->vector[VAR], sizeof s->vector[VAR]);
  return u;
}

/* Outputs are in steps: a rounding may fall the other way in a few. */
static void check_steps(const subject *s, const char *what, array got, array want, double scale) {
  int64_t off = 0;
  ck_assert_int_eq(array_count(got), array_count(want));
  for (int64_t i = 0; i < array_count(got); i++) {
    const double d = fabs((double)got.data[i] - (double)want.data[i]) / scale;
    ck_assert_msg(d < 1.5, "seed %d: %s[%lld] is %g, not %g", s->seed, what, (long long)i, (double)got.data[i],
                  (double)want.data[i]);
    off += d > 0.5;
  }
  ck_assert_msg(off <= 1 + array_count(got) / 200, "seed %d: %s: %lld a step off", s->seed, what, (long long)off);
}

static void check_vector(subject *s, const char *name, const float *want) {
  const float *got = graft_tensor_get_data(s->module, graft_tensor_find(s->module, name));
  for (int i = 0; got && i < OUT; i++)
    ck_assert_msg(fabsf(got[i] - want[i]) <= 1e-5f, "seed %d: %s[%d] is %g, not %g", s->seed, name, i, (double)got[i],
                  (double)want[i]);
  ck_assert_ptr_nonnull(got);
}

START_TEST(trains_as_plain_loops_do) {
  subject s;
  arrays_reset();
  choose(&s, _i);
  make_module(&s);
  unit u = unit_of(&s);
  fake_quant output = {.options = {.size = sizeof(graft_qparams_config),
                                   .dtype = GRAFT_U8,
                                   .quant_min = 0,
                                   .quant_max = 255,
                                   .formula = GRAFT_FORMULA_KERNEL,
                                   .custom_range = true,
                                   .eps = 1.1920928955078125e-07}};
  for (int i = 0; i < 3; i++) {
    array y = s.batch_norm ? qat_conv_bn(&u, input(&s, i)) : qat_conv(&u, input(&s, i));
    if (s.relu) y = relu(y);
    fake_quantize(&output, y.data, array_count(y));
    check_steps(&s, "training", step(&s, i), y, (double)output.scale[0]);
  }
  if (s.batch_norm) {
    check_vector(&s, "m.bn.running_mean", u.mean);
    check_vector(&s, "m.bn.running_var", u.var);
  }
  drop(&s);
}
END_TEST

/* ---- against the unfused pair, in a shuffled order of modes ---- */

static void build(graft_graph *g, const char *op, const graft_node_options *o, graft_value *y) {
  graft_node_options options = *o;
  options.size = sizeof options;
  options.op = op;
  const graft_node n = graft_node_create(g, &options);
  ck_assert_uint_ne(n, GRAFT_NONE);
  *y = graft_node_result(g, n, 0);
}

static graft_value plain_vector(subject *s, const char *name, graft_tensor_kind kind, int which) {
  const graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){OUT});
  return graft_tensor_value(s->graph, graft_tensor_create(s->module, name, kind, &type, s->vector[which]));
}

/* The same layers without fake-quants. */
static void make_pair(subject *s) {
  const int at = s->dims == 3;
  const int64_t kernel[] = {1, s->kernel, s->kernel}, stride[] = {1, s->stride, s->stride},
                padding[] = {0, s->padding, s->padding};
  const graft_type type = input_type(s);
  graft_type weight = {.dtype = GRAFT_F32, .rank = (int32_t)s->dims + 2};
  weight.dims[0] = s->transposed ? IN : OUT;
  weight.dims[1] = (s->transposed ? OUT : IN) / s->groups;
  for (uint32_t i = 0; i < s->dims; i++) weight.dims[2 + i] = kernel[1 - at + (int)i];
  make_graph(s);
  const graft_value x = graft_input_add(s->graph, "x", &type);
  const graft_value w =
      graft_tensor_value(s->graph, graft_tensor_create(s->module, "m.weight", GRAFT_PARAMETER, &weight, s->weight));
  const graft_value b = s->bias ? plain_vector(s, "m.bias", GRAFT_PARAMETER, BIAS) : GRAFT_NONE;
  const graft_attr attrs[] = {
      {.name = "stride", .kind = GRAFT_ATTR_INTS, .count = s->dims, .as.ints = stride + 1 - at},
      {.name = "padding", .kind = GRAFT_ATTR_INTS, .count = s->dims, .as.ints = padding + 1 - at},
      {.name = "groups", .kind = GRAFT_ATTR_INT, .as.i = s->groups}};
  char op[32];
  graft_value y;
  snprintf(op, sizeof op, "conv%s%ud", s->transposed ? "_transpose" : "", s->dims);
  build(s->graph, op,
        &(graft_node_options){.operands = (graft_value[]){x, w, b},
                              .operand_count = 3,
                              .attrs = attrs,
                              .attr_count = 3,
                              .name = "m",
                              .source = "m"},
        &y);
  if (s->batch_norm) {
    const graft_type one = {.dtype = GRAFT_I64};
    const int64_t zero = 0;
    const graft_tensor count = graft_tensor_create(s->module, "m.bn.num_batches_tracked", GRAFT_BUFFER, &one, &zero);
    const graft_value operands[] = {y,
                                    plain_vector(s, "m.bn.weight", GRAFT_PARAMETER, GAMMA),
                                    plain_vector(s, "m.bn.bias", GRAFT_PARAMETER, BETA),
                                    plain_vector(s, "m.bn.running_mean", GRAFT_BUFFER, MEAN),
                                    plain_vector(s, "m.bn.running_var", GRAFT_BUFFER, VAR),
                                    graft_tensor_value(s->graph, count)};
    const graft_attr training = {.name = "training", .kind = GRAFT_ATTR_BOOL, .as.b = true};
    build(s->graph, "batch_norm",
          &(graft_node_options){.operands = operands,
                                .operand_count = 6,
                                .attrs = &training,
                                .attr_count = 1,
                                .result_count = 4,
                                .name = "m.bn",
                                .source = "m.bn"},
          &y);
    const graft_node n = graft_value_node(s->graph, y);
    for (uint32_t i = 1; i < 4; i++)
      ck_assert_int_eq(
          graft_update_add(s->graph, graft_value_tensor(s->graph, operands[2 + i]), graft_node_result(s->graph, n, i)),
          GRAFT_OK);
  }
  if (s->relu)
    build(s->graph, "relu",
          &(graft_node_options){.operands = &y, .operand_count = 1, .name = "m.relu", .source = "m.relu"}, &y);
  ck_assert_int_eq(graft_output_add(s->graph, "y", y), GRAFT_OK);
}

static void check_near(const subject *s, const char *what, array got, array want) {
  double top = 0, most = 0;
  ck_assert_int_eq(array_count(got), array_count(want));
  for (int64_t i = 0; i < array_count(got); i++) {
    top = fmax(top, fabs((double)want.data[i]));
    most = fmax(most, fabs((double)got.data[i] - (double)want.data[i]));
  }
  ck_assert_msg(most <= 2e-5 * top, "seed %d, %uD%s%s: %s: %g off, the largest is %g", s->seed, s->dims,
                s->transposed ? " transposed" : "", s->groups > 1 ? " grouped" : "", what, most, top);
}

/* Saved and loaded. */
static void reload(subject *s) {
  char *bytes;
  size_t size;
  ck_assert_int_eq(graft_module_print(s->module, GRAFT_FORMAT_BINARY, &bytes, &size), GRAFT_OK);
  graft_module *copy = graft_module_load_memory(s->context, bytes, size, "copy", NULL);
  ck_assert_msg(copy != NULL, "seed %d: %s", s->seed, first_error(s));
  graft_free(s->context, bytes, size);
  graft_module_destroy(s->module);
  s->module = copy;
  s->graph = graft_module_get_graph(copy, 0);
}

static const char *const calls[] = {"to-eval",          "to-train",          "freeze-bn",          "unfreeze-bn",
                                    "enable-observers", "disable-observers", "disable-fake-quant", "save and load"};
enum { CALLS = sizeof calls / sizeof *calls };

START_TEST(computes_what_the_unfused_pair_does) {
  subject s, pair;
  char said[800] = "";
  arrays_reset();
  choose(&s, _i);
  choose_form(&s);
  pair = s;
  make_module(&s);
  make_pair(&pair);
  passes(&s, "disable-fake-quant");
  for (int i = 0; i < 14; i++) {
    const int call = below(&s, CALLS + 2); /* the last ones: a step */
    if (call < CALLS) {
      snprintf(said + strlen(said), sizeof said - strlen(said), "%s, ", calls[call]);
      if (call == CALLS - 1) {
        reload(&s);
        reload(&pair);
      } else {
        passes(&s, calls[call]);
        passes(&pair, calls[call]);
      }
    } else {
      snprintf(said + strlen(said), sizeof said - strlen(said), "step, ");
      check_near(&s, said, step(&s, i), step(&pair, i));
    }
  }
  check_near(&s, said, step(&s, 20), step(&pair, 20));
  for (int i = 0; i < 2 && s.batch_norm; i++) {
    const char *name = i ? "m.bn.running_var" : "m.bn.running_mean";
    check_vector(&s, name, graft_tensor_get_data(pair.module, graft_tensor_find(pair.module, name)));
  }
  passes(&pair, "to-eval");
  const array want = step(&pair, 21);
  passes(&s, "to-eval");
  check_near(&s, "evaluation", step(&s, 21), want);
  passes(&s, "qat-to-float");
  check_near(&s, "the float module", step(&s, 21), want);
  drop(&s);
  drop(&pair);
}
END_TEST

int main(int argc, char **argv) {
  if (argc > 2) first_seed = atoi(argv[1]), seeds = atoi(argv[2]);
  Suite *suite = suite_create("random modules");
  TCase *c = tcase_create("random modules");
  tcase_set_timeout(c, 120);
  tcase_add_loop_test(c, trains_as_plain_loops_do, first_seed, first_seed + seeds);
  tcase_add_loop_test(c, computes_what_the_unfused_pair_does, first_seed, first_seed + seeds);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
