/* Values kept in the kernels' layouts: where reorders stand, that results are those of the plain kernels, what hooks
 * see. Built only where oneDNN is. */
#include "heap.h"
#include "ir/ir_int.h"
#include "runtime/session_impl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static graft_graph *graph;
static uint32_t weights; /* made so far */

static void begin(const graft_context_options *options) {
  context = graft_context_create(options);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
  weights = 0;
}

static void setup(void) { begin(NULL); }

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

enum { SIDE = 16 };

static graft_type image(int64_t channels) {
  return graft_type_make(GRAFT_F32, 4, (int64_t[]){1, channels, SIDE, SIDE});
}

static graft_value checked(graft_value v) {
  ck_assert_msg(v != GRAFT_NONE, "%s",
                graft_diagnostic_count(context) ? graft_diagnostic_get(context, 0).message : "not built");
  return v;
}

static graft_value op1(const char *op, graft_value x) { return checked(graft_build(graph, op, &x, 1, NULL, 0)); }
static graft_value op2(const char *op, graft_value x, graft_value y) {
  return checked(graft_build(graph, op, (graft_value[]){x, y}, 2, NULL, 0));
}

static graft_value parameter(const graft_type *t, double low, double high) {
  char name[16];
  snprintf(name, sizeof name, "w%u", weights++);
  return graft_tensor_value(graph, graft_tensor_fill(module, name, GRAFT_PARAMETER, t, low, high));
}

static int64_t channels_of(graft_value x) { return graft_value_get_type(graph, x).dims[1]; }

static graft_value conv(graft_value x, int64_t channels) {
  const graft_type w = graft_type_make(GRAFT_F32, 4, (int64_t[]){channels, channels_of(x), 3, 3});
  const graft_attr padding = {.name = "padding", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){1, 1}};
  return checked(graft_build(graph, "conv2d", (graft_value[]){x, parameter(&w, -0.1, 0.1)}, 2, &padding, 1));
}

static graft_value batch_norm(graft_value x) {
  const graft_type t = graft_type_make(GRAFT_F32, 1, (int64_t[]){channels_of(x)});
  graft_value operands[5] = {x};
  for (int i = 1; i < 5; i++) operands[i] = parameter(&t, 0.5, 1);
  return checked(graft_build(graph, "batch_norm", operands, 5, NULL, 0));
}

static graft_value softmax(graft_value x) {
  const graft_attr dim = {.name = "dim", .kind = GRAFT_ATTR_INT, .as.i = 1};
  return checked(graft_build(graph, "softmax", &x, 1, &dim, 1));
}

static graft_value global_average(graft_value x) {
  const graft_attr size = {.name = "output_size", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){1, 1}};
  return checked(graft_build(graph, "adaptive_avg_pool2d", &x, 1, &size, 1));
}

static graft_value input(int64_t channels) {
  const graft_type t = image(channels);
  return graft_input_add(graph, "x", &t);
}

static float *random_data(int64_t count) {
  float *x = malloc((size_t)count * sizeof *x);
  for (int64_t i = 0; i < count; i++) x[i] = graft_fill_element("x", (uint64_t)i, -1, 1);
  return x;
}

static graft_session *session(const graft_session_options *options) {
  graft_session *s = graft_session_create(graph, options);
  ck_assert_msg(s != NULL, "%s", s ? "" : graft_diagnostic_get(context, 0).message);
  return s;
}

static void run(graft_session *s, float *x) {
  const graft_type t = graft_value_get_type(graph, graft_input_get(graph, 0));
  ck_assert_int_eq(graft_session_set_input(s, 0, &t, x), GRAFT_OK);
  ck_assert_msg(graft_session_run(s) == GRAFT_OK, "%s",
                graft_diagnostic_count(context) ? graft_diagnostic_get(context, 0).message : "");
}

static void same(graft_session *got, graft_session *want, const char *what) {
  for (uint32_t i = 0; i < graft_output_count(graph); i++) {
    graft_type t;
    const float *a = graft_session_get_output(got, i, &t), *b = graft_session_get_output(want, i, NULL);
    for (int64_t k = 0; k < graft_type_elements(&t); k++)
      ck_assert_msg((isnan(a[k]) && isnan(b[k])) || a[k] == b[k] || fabsf(a[k] - b[k]) <= 1e-4f * (1 + fabsf(b[k])),
                    "%s: output %u, element %lld is %.9g, not %.9g", what, i, (long long)k, (double)a[k], (double)b[k]);
  }
}

static graft_status no_hook(void *user, const graft_node_done *done) { return (void)user, (void)done, GRAFT_OK; }

/* However a session runs, it gives what the plain kernels give, twice. */
static void gives_the_same(void) {
  const graft_type t = graft_value_get_type(graph, graft_input_get(graph, 0));
  float *x = random_data(graft_type_elements(&t));
  graft_session_options plain = {.size = sizeof plain, .reference = true};
  graft_session *reference = session(&plain);
  run(reference, x);
  for (int mode = 0; mode < 5; mode++) {
    static const char *const names[] = {"as it is", "no_reuse", "a hook for data", "a hook that writes", "for times"};
    graft_session_options options = {.size = sizeof options,
                                     .no_reuse = mode == 1,
                                     .after_node = mode > 1 ? no_hook : NULL,
                                     .writes_values = mode == 3,
                                     .after_node_times = mode == 4};
    graft_session *s = session(&options);
    run(s, x);
    same(s, reference, names[mode]);
    run(s, x);
    same(s, reference, names[mode]);
    graft_session_destroy(s);
  }
  graft_session_destroy(reference);
  free(x);
}

/* Reorders of a run, and of the prologue. */
static void count_reorders(uint32_t *in_run, uint32_t *once) {
  gr_plan plan = {0};
  const graft_type t = graft_value_get_type(graph, graft_input_get(graph, 0));
  gr_plan_options options = {.input_types = &t, .threads = 1};
  ck_assert_int_eq(gr_plan_begin(&plan, context, graph, &options), GRAFT_OK);
  *in_run = *once = 0;
  for (uint32_t i = 0; i < plan.steps.len; i++) {
    if (!plan.steps.data[i].reorder) continue;
    if (i < plan.prologue)
      ++*once;
    else
      ++*in_run;
  }
  gr_plan_end(&plan);
}

START_TEST(a_chain_is_reordered_at_its_ends_only) {
  graft_value x = conv(input(32), 32);
  for (int i = 0; i < 3; i++) {
    graft_value y = op1("relu", batch_norm(conv(x, 32)));
    x = op1("hardswish", op2("add", conv(y, 32), x));
  }
  graft_output_add(graph, "y", x);
  uint32_t in_run, once;
  count_reorders(&in_run, &once);
  ck_assert_uint_le(in_run, 2);
  ck_assert_uint_eq(once, 7); /* a weight each */
  gives_the_same();
}
END_TEST

/* What everybody wants in C order is moved there once. */
START_TEST(a_value_is_reordered_once_for_all_its_readers) {
  graft_value y = conv(input(32), 32);
  graft_output_add(graph, "y", y);
  graft_output_add(graph, "a", softmax(y));
  graft_output_add(graph, "b", op1("flatten", y));
  uint32_t in_run, once;
  count_reorders(&in_run, &once);
  ck_assert_uint_le(in_run, 2);
  gives_the_same();
}
END_TEST

/* Channels that oneDNN may pad: what is not 0 for 0 must not run on padding. */
START_TEST(odd_channels) {
  graft_value x = conv(input(17), 33);
  graft_value gate = op1("sigmoid", conv(x, 33)), shifted = op1("cos", gate);
  graft_value y = conv(op2("mul", op2("div", x, shifted), gate), 19);
  graft_output_add(graph, "y", conv(op2("div", y, op1("relu", y)), 20));
  graft_output_add(graph, "mean", op1("flatten", global_average(conv(y, 33))));
  gives_the_same();
}
END_TEST

/* Operands of one element, in C order or fixed, and of another shape. */
START_TEST(operands_that_are_no_images) {
  const graft_type scalar = graft_type_make(GRAFT_F32, 0, NULL),
                   one = graft_type_make(GRAFT_F32, 4, (int64_t[]){1, 1, 1, 1});
  const graft_type per_channel = graft_type_make(GRAFT_F32, 4, (int64_t[]){1, 32, 1, 1}), whole = image(32);
  graft_value x = conv(input(32), 32);
  graft_value y = op2("mul", x, parameter(&scalar, 2, 3));
  y = op2("add", op2("sub", parameter(&one, 1, 2), y), parameter(&whole, -1, 1));
  y = op2("maximum", conv(y, 32), graft_input_get(graph, 0));
  graft_output_add(graph, "y", op2("mul", y, parameter(&per_channel, -1, 1)));
  gives_the_same();
}
END_TEST

static uint64_t state;
static uint32_t below(uint32_t n) { return (uint32_t)(gr_mix(++state) % n); }

/* Convolutions among ops that keep, do not know or mix layouts. */
START_TEST(random_networks) {
  state = (uint64_t)_i * 1000;
  const int64_t channels[] = {16, 24, 33};
  const int64_t c = channels[below(3)];
  graft_value made[24] = {input(c)};
  uint32_t count = 1;
  while (count < 24) {
    const graft_value x = made[count - 1 - below(count < 4 ? count : 4)], y = made[below(count)];
    switch (below(9)) {
    case 0:
    case 1: made[count] = conv(x, c); break;
    case 2: made[count] = op1("relu", x); break;
    case 3: made[count] = op1("sigmoid", x); break;
    case 4: made[count] = op2("add", x, y); break;
    case 5: made[count] = op2("mul", x, y); break;
    case 6: made[count] = batch_norm(x); break;
    case 7: made[count] = softmax(x); break;
    default: made[count] = op2("mul", x, op1("sigmoid", global_average(y))); break;
    }
    count++;
  }
  for (uint32_t i = 0; i < 3; i++)
    graft_output_add(graph, (const char *const[]){"a", "b", "c"}[i], made[count - 1 - 3 * i]);
  graft_output_add(graph, "flat", op1("flatten", made[count - 2]));
  gives_the_same();
}
END_TEST

static graft_status count_packs(void *user, const graft_node_done *done) {
  *(uint32_t *)user += done->reordered != GRAFT_NONE && done->once;
  return GRAFT_OK;
}

/* Weights are packed once, and again when they change; the others stay. */
START_TEST(changed_weights_are_packed_again) {
  graft_value x = input(32);
  graft_output_add(graph, "y", conv(op1("relu", conv(x, 32)), 32));
  float *data = random_data(32 * SIDE * SIDE);
  uint32_t packs = 0;
  graft_session_options plain = {.size = sizeof plain, .reference = true};
  graft_session_options times = {
      .size = sizeof times, .after_node = count_packs, .after_node_user = &packs, .after_node_times = true};
  graft_session *s = session(&times), *reference = session(&plain);
  run(s, data);
  run(s, data);
  ck_assert_uint_eq(packs, 2);
  for (uint32_t i = 0; i < 2; i++) {
    char name[16];
    snprintf(name, sizeof name, "w%u", i);
    graft_tensor w = graft_tensor_find(module, name);
    ((float *)gr_tensor_write(module, w))[7] = 5;
    run(s, data);
    run(reference, data);
    same(s, reference, name);
    ck_assert_uint_eq(packs, 3 + i);
  }
  graft_session_destroy(s);
  graft_session_destroy(reference);
  free(data);
}
END_TEST

static graft_status count_fused(void *user, const graft_node_done *done) {
  *(uint32_t *)user += strcmp(done->kernel, "fused") == 0;
  return GRAFT_OK;
}

/* relu and hardtanh run within a convolution or a product; NaN and what is not finite pass as through the plain
 * kernels. */
START_TEST(what_is_fused_lets_nan_through) {
  const graft_type w = graft_type_make(GRAFT_F32, 2, (int64_t[]){600, SIDE});
  const graft_attr range[] = {{.name = "min_val", .kind = GRAFT_ATTR_FLOAT, .as.f = 0},
                              {.name = "max_val", .kind = GRAFT_ATTR_FLOAT, .as.f = 0.5}};
  graft_value x = op1("relu", conv(input(17), 33)), y = conv(x, 32);
  y = checked(graft_build(graph, "hardtanh", &y, 1, range, 2));
  graft_output_add(graph, "x", x);
  graft_output_add(graph, "y", op2("linear", y, parameter(&w, -1, 1)));
  graft_output_add(graph, "z", op1("relu", op2("linear", y, parameter(&w, -1, 1))));
  float *data = random_data(17 * SIDE * SIDE);
  uint32_t fused = 0;
  graft_session_options plain = {.size = sizeof plain, .reference = true};
  graft_session_options times = {
      .size = sizeof times, .after_node = count_fused, .after_node_user = &fused, .after_node_times = true};
  graft_session *s = session(&times), *reference = session(&plain);
  const float odd[] = {0, NAN, INFINITY, -INFINITY, 3e38f, NAN};
  for (uint32_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    data[50 * i + 3] = odd[i];
    run(s, data);
    run(reference, data);
    same(s, reference, "odd numbers");
  }
  ck_assert_uint_eq(fused, 3 * sizeof odd / sizeof *odd);
  graft_session_destroy(s);
  graft_session_destroy(reference);
  free(data);
}
END_TEST

typedef struct seen {
  uint32_t nodes, reorders, with_data, kept, told_reorders;
  float overwrite; /* NaN: nothing */
} seen;

static graft_status look(void *user, const graft_node_done *done) {
  seen *s = user;
  if (done->reordered != GRAFT_NONE) {
    s->reorders++;
    ck_assert_str_ne(done->from, done->layout);
    return GRAFT_OK;
  }
  s->nodes++;
  s->told_reorders += done->reorders;
  s->kept += strcmp(done->layout, "C order") != 0;
  s->with_data += done->results[0] != NULL;
  for (int64_t i = 0; !isnan(s->overwrite) && i < graft_type_elements(&done->result_types[0]); i++)
    ((float *)done->results[0])[i] = s->overwrite;
  return GRAFT_OK;
}

START_TEST(hooks_get_data_or_times) {
  graft_output_add(graph, "y", op1("relu", conv(op1("relu", conv(input(32), 32)), 32)));
  float *data = random_data(32 * SIDE * SIDE);
  seen of = {.overwrite = NAN};
  graft_session_options options = {.size = sizeof options, .after_node = look, .after_node_user = &of};
  graft_session *s = session(&options);
  run(s, data);
  ck_assert_uint_eq(of.nodes, 4);
  ck_assert_uint_eq(of.with_data, 4);
  ck_assert_uint_eq(of.kept, 0);
  ck_assert_uint_eq(of.reorders, 0);
  ck_assert_uint_ge(of.told_reorders, 2);
  graft_session_destroy(s);
  of = (seen){.overwrite = NAN};
  options.after_node_times = true;
  s = session(&options);
  run(s, data);
  ck_assert_uint_eq(of.with_data, 0);
  ck_assert_uint_ge(of.kept, 2);
  ck_assert_uint_ge(of.reorders, 3);
  ck_assert_uint_eq(of.told_reorders, 0);
  graft_session_destroy(s);
  of = (seen){.overwrite = 3};
  options.after_node_times = false;
  options.writes_values = true;
  s = session(&options);
  run(s, data);
  const float *y = graft_session_get_output(s, 0, NULL);
  for (int i = 0; i < 32 * SIDE * SIDE; i++) ck_assert(y[i] == 3);
  graft_session_destroy(s);
  free(data);
}
END_TEST

START_TEST(running_out_of_memory_is_an_error) {
  static test_heap heap; /* the teardown frees with it */
  const graft_context_options options = {.size = sizeof options, .allocator = heap_allocate, .allocator_user = &heap};
  teardown();
  begin(&options);
  graft_value x = conv(input(17), 32);
  graft_output_add(graph, "y", op2("add", op1("relu", batch_norm(conv(x, 32))), x));
  const graft_type t = image(17);
  float *data = random_data(17 * SIDE * SIDE);
  graft_session_options times = {.size = sizeof times, .after_node = no_hook, .after_node_times = true};
  bool done = false;
  for (uint64_t n = 1; n < 3000 && !done; n++) {
    heap_fail(&heap, n, true);
    graft_session *s = graft_session_create(graph, n % 2 ? &times : NULL);
    if (s) {
      (void)graft_session_set_input(s, 0, &t, data);
      done = graft_session_run(s) == GRAFT_OK;
    }
    ck_assert(done != graft_context_has_errors(context));
    heap_fail(&heap, 0, false);
    graft_session_destroy(s);
    graft_diagnostics_clear(context);
  }
  ck_assert(done);
  free(data);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("layouts");
  TCase *tc = tcase_create("layouts");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, a_chain_is_reordered_at_its_ends_only);
  tcase_add_test(tc, a_value_is_reordered_once_for_all_its_readers);
  tcase_add_test(tc, odd_channels);
  tcase_add_test(tc, operands_that_are_no_images);
  tcase_add_loop_test(tc, random_networks, 0, 24);
  tcase_add_test(tc, changed_weights_are_packed_again);
  tcase_add_test(tc, what_is_fused_lets_nan_through);
  tcase_add_test(tc, hooks_get_data_or_times);
  tcase_add_test(tc, running_out_of_memory_is_an_error);
  suite_add_tcase(suite, tc);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
