/* Sessions of one module in several threads, each with a context of its own: results are those of one thread, and a run
 * whose updates land meets no other. Worth a run with -Db_sanitize=thread. */
#include "runtime/runtime.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 2, SIDE = 9, ELEMENTS = BATCH * 3 * SIDE * SIDE, OUTPUTS = BATCH * 5, RUNS = 12, THREADS = 3 };

static graft_context *context;
static graft_module *module;
static graft_graph *graph;

static graft_module *parse(graft_context *c, const char *text) {
  graft_module *m = graft_module_load_memory(c, text, strlen(text), "text", NULL);
  for (uint32_t i = 0; !m && i < graft_diagnostic_count(c); i++) puts(graft_diagnostic_get(c, i).message);
  ck_assert_ptr_nonnull(m);
  return m;
}

/* Weights by formula, a prologue, statistics that are updated, branches with a weight of their own. */
static const char network[] =
    "graft 1\n"
    "tensor %w: f32[6, 3, 3, 3] parameter = fill(\"w\", -0.5, 0.5)\n"
    "tensor %scale: f32[6, 1, 1, 1] parameter = fill(\"scale\", 0.5, 1.5)\n"
    "tensor %mean: f32[6] buffer = fill(\"mean\", -0.2, 0.2)\n"
    "tensor %var: f32[6] buffer = fill(\"var\", 0.5, 1.5)\n"
    "tensor %fc: f32[5, 6] parameter = fill(\"fc\", -0.5, 0.5)\n"
    "tensor %deep: f32[2, 5] parameter = fill(\"deep\", -0.5, 0.5)\n"
    "graph main(%x: f32[2, 3, 9, 9]) {\n"
    "  %scaled = mul(%w, %scale)\n"
    "  %conv = conv2d(%x, %scaled) {padding: [1, 1]}\n"
    "  %bn, %m, %v = batch_norm(%conv, _, _, %mean, %var) {training: true}: (f32[2, 6, 9, 9], f32[6], f32[6])\n"
    "  %relu = relu(%bn)\n"
    "  %pool = mean(%relu) {dim: [2, 3]}\n"
    "  %y = linear(%pool, %fc)\n"
    "  %z = loop(3: i64, _, %y) {body: @body, carried: 1}: f32[2, 5]\n"
    "  return %z\n"
    "  update %mean = %m\n"
    "  update %var = %v\n"
    "}\n"
    "graph body(%i: i64[], %c: bool[], %s: f32[2, 5]) {\n"
    "  %t = add(%s, %deep)\n"
    "  return %c, %t\n"
    "}\n";

static void setup(void) {
  context = graft_context_create(NULL);
  module = parse(context, network);
  graph = graft_module_get_graph(module, 0);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static void fill(float *x, int step) {
  for (int i = 0; i < ELEMENTS; i++) x[i] = (float)((i * 7 + step * 13) % 17) / 16.0f;
}

static bool step(graft_session *s, int number, float *y) {
  static const graft_type type = {.dtype = GRAFT_F32, .rank = 4, .dims = {BATCH, 3, SIDE, SIDE}};
  float x[ELEMENTS];
  fill(x, number);
  if (graft_session_set_input(s, 0, &type, x) != GRAFT_OK || graft_session_run(s) != GRAFT_OK) return false;
  memcpy(y, graft_session_get_output(s, 0, NULL), OUTPUTS * sizeof *y);
  return true;
}

static graft_status read_name(void *user, const graft_node_done *done) {
  char name[64];
  atomic_int *nodes = user;
  atomic_fetch_add(nodes, graft_node_name(done->graph, done->node, name, sizeof name) > 0);
  return graft_node_operand_count(done->graph, done->node) ? GRAFT_OK : GRAFT_RUN;
}

typedef struct worker {
  graft_context *context;
  graft_session *session;
  float y[RUNS][OUTPUTS];
  bool done;
} worker;

static void *work(void *argument) {
  worker *w = argument;
  w->done = true;
  for (int i = 0; i < RUNS && w->done; i++) w->done = step(w->session, i, w->y[i]);
  graft_session_destroy(w->session); /* in its thread, beside others that run */
  graft_context_destroy(w->context);
  return NULL;
}

START_TEST(sessions_of_one_module_run_beside_each_other) {
  static worker workers[THREADS];
  static float want[RUNS][OUTPUTS];
  pthread_t threads[THREADS];
  atomic_int nodes = 0;
  graft_session_options options = {.size = sizeof options, .keep_state = true, .reference = _i == 0};
  for (int i = 0; i < THREADS; i++) {
    worker *w = &workers[i];
    *w = (worker){.context = graft_context_create(NULL)};
    options.context = w->context;
    options.threads = 1 + (uint32_t)i % 2;
    options.after_node = i == 2 ? read_name : NULL;
    options.after_node_user = &nodes;
    options.after_node_inside = true;
    w->session = graft_session_create(graph, &options);
    ck_assert_ptr_nonnull(w->session);
  }
  for (int i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  ck_assert_int_gt(atomic_load(&nodes), RUNS * 6);
  options = (graft_session_options){.size = sizeof options, .keep_state = true, .reference = _i == 0};
  graft_session *s = graft_session_create(graph, &options);
  for (int i = 0; i < RUNS; i++) ck_assert(step(s, i, want[i]));
  graft_session_destroy(s);
  for (int i = 0; i < THREADS; i++) {
    ck_assert(workers[i].done);
    ck_assert_mem_eq(workers[i].y, want, sizeof want);
  }
  ck_assert_uint_eq(graft_diagnostic_count(context), 0);
}
END_TEST

/* ---- misuse ---- */

/* An op whose kernel waits in the middle of a run for what another thread does meanwhile. */
static const char waiting[] = "graft 1\n"
                              "tensor %total: f32[2] buffer = [0.0, 0.0]\n"
                              "graph main(%x: f32[2]) {\n"
                              "  %y = \"wait\"(%x): f32[2]\n"
                              "  %t = add(%total, %y): f32[2]\n"
                              "  return %t\n"
                              "  update %total = %t\n"
                              "}\n";

typedef struct meeting {
  atomic_int inside, leave;
  graft_session *session;
  graft_status status;
} meeting;

static graft_status wait(void *user, const graft_kernel_call *call) {
  meeting *m = user;
  memcpy(call->results[0], call->operands[0], 2 * sizeof(float));
  atomic_store(&m->inside, 1);
  while (!atomic_load(&m->leave)) sched_yield();
  return GRAFT_OK;
}

static graft_status run_once(graft_session *s) {
  static const graft_type two = {.dtype = GRAFT_F32, .rank = 1, .dims = {2}};
  static const float x[2] = {1, 2};
  const graft_status status = graft_session_set_input(s, 0, &two, x);
  return status == GRAFT_OK ? graft_session_run(s) : status;
}

static void *run_waiting(void *user) {
  meeting *m = user;
  m->status = run_once(m->session);
  return NULL;
}

static graft_session *make(graft_graph *g, meeting *m, graft_context *c, bool keep_state) {
  const graft_kernel kernel = {.size = sizeof kernel, .op = "wait", .run = wait, .user = m};
  graft_session *s = graft_session_create(g, &(graft_session_options){.size = sizeof(graft_session_options),
                                                                      .context = c,
                                                                      .keep_state = keep_state,
                                                                      .kernels = &kernel,
                                                                      .kernel_count = 1});
  ck_assert_ptr_nonnull(s);
  return s;
}

/* Bit 0: the updates of the one that runs land; bit 1: those of the one that comes. */
START_TEST(updates_land_where_nobody_else_runs) {
  graft_context *own = graft_context_create(NULL), *others = graft_context_create(NULL);
  graft_module *m = parse(context, waiting);
  graft_graph *g = graft_module_get_graph(m, 0);
  meeting meet = {0}, none = {.leave = 1};
  const bool lands = _i & 1, comes_to_land = _i & 2;
  meet.session = make(g, &meet, own, !lands);
  graft_session *other = make(g, &none, others, !comes_to_land);
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, run_waiting, &meet), 0);
  while (!atomic_load(&meet.inside)) sched_yield();
  const graft_status status = run_once(other);
  ck_assert_int_eq(status, lands || comes_to_land ? GRAFT_INVALID_ARGUMENT : GRAFT_OK);
  ck_assert_uint_eq(graft_diagnostic_count(others), status != GRAFT_OK);
  if (status != GRAFT_OK) ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(others, 0).message, "has it to itself"));
  ck_assert_int_eq(graft_tensor_set_data(m, 0, (float[]){9, 9}), GRAFT_INVALID_ARGUMENT);
  atomic_store(&meet.leave, 1);
  pthread_join(thread, NULL);
  ck_assert_int_eq(meet.status, GRAFT_OK);
  ck_assert_float_eq(((const float *)graft_tensor_get_data(m, 0))[1], lands ? 2 : 0);
  ck_assert_int_eq(run_once(other), GRAFT_OK); /* now it may */
  graft_session_destroy(meet.session);
  graft_session_destroy(other);
  graft_module_destroy(m);
  graft_context_destroy(own);
  graft_context_destroy(others);
}
END_TEST

/* One session is ended from another thread, in the middle of its step; the other one goes on. */
START_TEST(a_session_is_cancelled_from_another_thread) {
  graft_context *own = graft_context_create(NULL), *others = graft_context_create(NULL);
  graft_module *m = parse(context, waiting);
  graft_graph *g = graft_module_get_graph(m, 0);
  meeting meet = {0}, none = {.leave = 1};
  meet.session = make(g, &meet, own, _i != 0);
  graft_session *other = make(g, &none, others, true);
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, run_waiting, &meet), 0);
  while (!atomic_load(&meet.inside)) sched_yield();
  graft_context_cancel(own);
  if (_i != 0) ck_assert_int_eq(run_once(other), GRAFT_OK);
  atomic_store(&meet.leave, 1);
  pthread_join(thread, NULL);
  ck_assert_int_eq(meet.status, GRAFT_CANCELLED);
  ck_assert_ptr_null(graft_session_get_output(meet.session, 0, NULL));
  ck_assert_float_eq(((const float *)graft_tensor_get_data(m, 0))[1], 0);
  ck_assert_int_eq(run_once(other), GRAFT_OK);
  graft_context_resume(own);
  graft_diagnostics_clear(own);
  ck_assert_int_eq(run_once(meet.session), GRAFT_OK);
  ck_assert_float_eq(((const float *)graft_tensor_get_data(m, 0))[1], _i == 0 ? 2 : 0);
  graft_session_destroy(meet.session);
  graft_session_destroy(other);
  graft_module_destroy(m);
  graft_context_destroy(own);
  graft_context_destroy(others);
}
END_TEST

START_TEST(errors_are_the_sessions_contexts) {
  graft_context *own = graft_context_create(NULL);
  graft_session *s = graft_session_create(
      graph, &(graft_session_options){.size = sizeof(graft_session_options), .context = own, .keep_state = true});
  ck_assert_ptr_nonnull(s);
  ck_assert_int_eq(graft_session_run(s), GRAFT_INVALID_ARGUMENT);
  const graft_type none = {.dtype = (graft_dtype)77};
  ck_assert_int_eq(graft_session_set_input(s, 0, &none, NULL), GRAFT_INVALID_ARGUMENT);
  ck_assert_uint_eq(graft_diagnostic_count(own), 2);
  ck_assert_uint_eq(graft_diagnostic_count(context), 0);
  graft_session_destroy(s);
  graft_context_destroy(own);
}
END_TEST

int main(void) {
  Suite *s = suite_create("sessions");
  TCase *tc = tcase_create("sessions");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_set_timeout(tc, 120);
  tcase_add_loop_test(tc, sessions_of_one_module_run_beside_each_other, 0, 2);
  tcase_add_loop_test(tc, updates_land_where_nobody_else_runs, 0, 4);
  tcase_add_loop_test(tc, a_session_is_cancelled_from_another_thread, 0, 2);
  tcase_add_test(tc, errors_are_the_sessions_contexts);
  suite_add_tcase(s, tc);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
