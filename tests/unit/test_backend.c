/* An embedder's backend for ops of the table: what it takes, what falls through, how it fails, what it is told. */
#include "ir/ir_int.h"
#include "runtime/runtime.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static graft_graph *graph;

/* Runs relu of f32 vectors, and to be told apart adds 100; counts what it is asked. */
typedef struct vendor {
  uint32_t threads, open, prepared, dropped, runs;
  bool no_opening, no_preparing, no_running;
  bool fuses; /* negations that follow */
} vendor;

typedef struct vendor_kernel {
  int64_t count;
  uint32_t fixed;
  uint64_t version;
  float sign;
} vendor_kernel;

static graft_status vendor_open(void *user, uint32_t threads, void **state) {
  vendor *v = user;
  v->threads = threads;
  if (v->no_opening) return GRAFT_UNSUPPORTED;
  v->open++;
  *state = v;
  return GRAFT_OK;
}

static void vendor_close(void *state) {
  vendor *v = state;
  ck_assert_uint_eq(v->prepared, v->dropped);
  v->open--;
}

static graft_status vendor_prepare(void *state, const graft_kernel_call *call, void **kernel) {
  vendor *v = state;
  if (strcmp(graft_node_get_op(call->graph, call->node), "relu") != 0 || call->operand_types[0].rank != 1)
    return GRAFT_OK;
  ck_assert_int_eq(call->operand_types[0].dtype, GRAFT_F32);
  ck_assert_ptr_null(call->operands[0]);
  ck_assert_ptr_null(call->results[0]);
  ck_assert(graft_type_elements(&call->result_types[0]) == graft_type_elements(&call->operand_types[0]));
  if (v->no_preparing) return GRAFT_UNSUPPORTED;
  vendor_kernel *k = malloc(sizeof *k);
  *k = (vendor_kernel){.count = graft_type_elements(&call->operand_types[0]), .fixed = call->fixed, .sign = 1};
  for (; v->fuses && *call->taken < call->after_count; ++*call->taken) {
    if (strcmp(graft_node_get_op(call->graph, call->after[*call->taken]), "neg") != 0) break;
    k->sign = -k->sign;
  }
  v->prepared++;
  *kernel = k;
  return GRAFT_OK;
}

static graft_status vendor_run(void *state, void *kernel, const graft_kernel_call *call) {
  vendor *v = state;
  vendor_kernel *k = kernel;
  if (v->no_running) return GRAFT_UNSUPPORTED;
  const float *x = call->operands[0];
  float *y = call->results[0];
  for (int64_t i = 0; i < k->count; i++) y[i] = k->sign * (100 + (x[i] > 0 ? x[i] : 0));
  ck_assert((call->versions[0] != 0) == (k->fixed & 1));
  ck_assert(call->versions[0] == 0 || call->versions[0] != k->version); /* else it would not run again */
  k->version = call->versions[0];
  v->runs++;
  return GRAFT_OK;
}

static void vendor_drop(void *state, void *kernel) {
  ((vendor *)state)->dropped++;
  free(kernel);
}

static graft_backend backend_of(vendor *v) {
  return (graft_backend){.size = sizeof(graft_backend),
                         .name = "vendor",
                         .user = v,
                         .open = vendor_open,
                         .close = vendor_close,
                         .prepare = vendor_prepare,
                         .run = vendor_run,
                         .drop = vendor_drop};
}

static graft_value input(const char *name, int32_t rank) {
  graft_type t = graft_type_make(GRAFT_F32, rank, (int64_t[]){2, 1});
  return graft_input_add(graph, name, &t);
}

static graft_value op(const char *name, graft_value x) { return graft_build(graph, name, &x, 1, NULL, 0); }

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static void set(graft_session *s, uint32_t index, int32_t rank, const float *data) {
  graft_type t = graft_type_make(GRAFT_F32, rank, (int64_t[]){2, 1});
  ck_assert_int_eq(graft_session_set_input(s, index, &t, data), GRAFT_OK);
}

static const float *output(graft_session *s, uint32_t index) { return graft_session_get_output(s, index, NULL); }

static graft_status note_kernel(void *user, const graft_node_done *done) {
  strcat(user, done->kernel);
  strcat(user, " ");
  return GRAFT_OK;
}

START_TEST(takes_its_steps_and_leaves_the_others) {
  vendor v = {0};
  const graft_backend b = backend_of(&v), *list[] = {&b};
  graft_output_add(graph, "mine", op("relu", input("x", 1)));
  graft_output_add(graph, "other_type", op("relu", input("y", 2)));
  graft_output_add(graph, "other_op", op("neg", graft_input_get(graph, 0)));
  char kernels[64] = "";
  graft_session_options options = {.size = sizeof options,
                                   .threads = 2,
                                   .backends = list,
                                   .backend_count = 1,
                                   .after_node = note_kernel,
                                   .after_node_user = kernels};
  graft_session *s = graft_session_create(graph, &options);
  ck_assert_ptr_nonnull(s);
  for (uint32_t i = 0; i < 2; i++) {
    set(s, 0, 1, (float[]){3, -1});
    set(s, 1, 2, (float[]){3, -1});
    ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
    ck_assert(output(s, 0)[0] == 103 && output(s, 0)[1] == 100);
    ck_assert(output(s, 1)[0] == 3 && output(s, 1)[1] == 0);
    ck_assert(output(s, 2)[0] == -3 && output(s, 2)[1] == 1);
  }
  ck_assert_str_eq(kernels, "vendor plain plain vendor plain plain ");
  ck_assert_uint_eq(v.threads, 2);
  ck_assert_uint_eq(v.open, 1);
  ck_assert_uint_eq(v.runs, 2);
  graft_session_destroy(s);
  ck_assert_uint_eq(v.open, 0);
  ck_assert_uint_eq(v.prepared, 1);
  options.reference = true;
  s = graft_session_create(graph, &options);
  set(s, 0, 1, (float[]){3, -1});
  set(s, 1, 2, (float[]){3, -1});
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  ck_assert(output(s, 0)[0] == 3);
  ck_assert_uint_eq(v.prepared, 1);
  graft_session_destroy(s);
}
END_TEST

/* The first that takes a step has it. */
START_TEST(backends_are_asked_in_order) {
  vendor first = {0}, second = {0};
  const graft_backend a = backend_of(&first), b = backend_of(&second), *list[] = {&a, &b};
  graft_output_add(graph, "y", op("relu", input("x", 1)));
  graft_session_options options = {.size = sizeof options, .backends = list, .backend_count = 2};
  graft_session *s = graft_session_create(graph, &options);
  ck_assert_uint_eq(first.prepared, 1);
  ck_assert_uint_eq(second.prepared, 0);
  ck_assert_uint_eq(second.open, 1);
  graft_session_destroy(s);
  ck_assert_uint_eq(first.open + second.open, 0);
}
END_TEST

/* A fixed operand has a version, and another one when it has other bytes. */
START_TEST(versions_tell_when_bytes_change) {
  vendor v = {0};
  const graft_backend b = backend_of(&v), *list[] = {&b};
  graft_type t = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
  graft_tensor w = graft_tensor_create(module, "w", GRAFT_PARAMETER, &t, (float[]){1, 2});
  graft_output_add(graph, "y", op("relu", graft_tensor_value(graph, w)));
  graft_session_options options = {.size = sizeof options, .backends = list, .backend_count = 1};
  graft_session *s = graft_session_create(graph, &options);
  for (uint32_t i = 0; i < 3; i++) ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  ck_assert_uint_eq(v.runs, 1);
  ck_assert_int_eq(graft_tensor_set_data(module, w, (float[]){5, 6}), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  ck_assert_uint_eq(v.runs, 2);
  ck_assert(output(s, 0)[1] == 106);
  graft_session_destroy(s);
}
END_TEST

/* Runs relu and what follows it; kernels as they are told. */
static void fuses(const graft_session_options *given, const char *kernels, float want) {
  char told[64] = "";
  graft_session_options options = *given;
  options.after_node = note_kernel;
  options.after_node_user = told;
  graft_session *s = graft_session_create(graph, &options);
  ck_assert_ptr_nonnull(s);
  for (uint32_t i = 0; i < 2; i++) {
    set(s, 0, 1, (float[]){3, -1});
    ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
    ck_assert_float_eq(output(s, 0)[0], want);
  }
  ck_assert_uint_eq(strlen(told), 2 * strlen(kernels));
  ck_assert_int_eq(strncmp(told, kernels, strlen(kernels)), 0);
  graft_session_destroy(s);
}

START_TEST(what_follows_may_run_in_the_same_step) {
  vendor v = {.fuses = true};
  const graft_backend b = backend_of(&v), *list[] = {&b};
  graft_session_options options = {
      .size = sizeof options, .backends = list, .backend_count = 1, .after_node_times = true};
  graft_output_add(graph, "y", op("abs", op("neg", op("relu", input("x", 1)))));
  fuses(&options, "vendor fused plain ", 103);
  options.after_node_times = false; /* the hook sees each value */
  fuses(&options, "vendor plain plain ", 103);
  options.after_node_times = true;
  options.no_reuse = true; /* each has memory */
  fuses(&options, "vendor plain plain ", 103);
}
END_TEST

/* A value that somebody else reads, or that leaves the graph, has to be there. */
START_TEST(what_others_read_is_not_fused_away) {
  vendor v = {.fuses = true};
  const graft_backend b = backend_of(&v), *list[] = {&b};
  graft_session_options options = {
      .size = sizeof options, .backends = list, .backend_count = 1, .after_node_times = true};
  graft_value y = op("neg", op("neg", op("relu", input("x", 1))));
  graft_output_add(graph, "y", op("neg", y));
  fuses(&options, "vendor fused fused plain ", -103); /* no more than two */
  graft_output_add(graph, "z", y);
  fuses(&options, "vendor fused fused plain ", -103);
  graft_output_add(graph, "w", graft_node_result(graph, graft_node_first(graph), 0));
  fuses(&options, "vendor plain plain plain ", -103);
}
END_TEST

static const char *last_error(void) {
  static char text[256];
  const graft_diagnostic d = graft_diagnostic_get(context, graft_diagnostic_count(context) - 1);
  snprintf(text, sizeof text, "%s: %s", d.node, d.message);
  return text;
}

START_TEST(failures_name_the_node) {
  vendor v = {.no_running = true};
  const graft_backend b = backend_of(&v), *list[] = {&b};
  graft_output_add(graph, "y", op("relu", input("x", 1)));
  graft_session_options options = {.size = sizeof options, .backends = list, .backend_count = 1};
  graft_session *s = graft_session_create(graph, &options);
  set(s, 0, 1, (float[]){1, 2});
  ck_assert_int_eq(graft_session_run(s), GRAFT_UNSUPPORTED);
  ck_assert_str_eq(last_error(), "relu: relu: backend vendor failed");
  ck_assert_ptr_null(output(s, 0));
  graft_session_destroy(s);
  v.no_preparing = true;
  ck_assert_ptr_null(graft_session_create(graph, &options));
  ck_assert_str_eq(last_error(), "relu: relu: backend vendor cannot prepare it");
  v.no_opening = true;
  ck_assert_ptr_null(graft_session_create(graph, &options));
  ck_assert_str_eq(last_error(), ": backend vendor cannot be opened");
  ck_assert_uint_eq(v.open, 0);
  graft_backend empty = {.size = sizeof empty, .name = "empty"};
  list[0] = &empty;
  ck_assert_ptr_null(graft_session_create(graph, &options));
  ck_assert_str_eq(last_error(), ": backend 0 has no name, nothing to prepare or nothing to run");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("backend");
  TCase *tc = tcase_create("backend");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, takes_its_steps_and_leaves_the_others);
  tcase_add_test(tc, backends_are_asked_in_order);
  tcase_add_test(tc, versions_tell_when_bytes_change);
  tcase_add_test(tc, what_follows_may_run_in_the_same_step);
  tcase_add_test(tc, what_others_read_is_not_fused_away);
  tcase_add_test(tc, failures_name_the_node);
  suite_add_tcase(suite, tc);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
