/* Pools of the embedder's: results are those of one thread, bit for bit, whatever the pool does with the parts. */
#include "runtime/runtime.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8, BATCH = 2, OUTPUTS = BATCH * 10 };

typedef struct calls {
  uint32_t jobs, parts, most_parts;
} calls;

static void count(calls *c, uint32_t parts) {
  c->jobs++;
  c->parts += parts;
  if (parts > c->most_parts) c->most_parts = parts;
}

typedef void (*part_function)(void *argument, uint32_t i);

static void in_order(void *user, uint32_t parts, part_function part, void *argument) {
  count(user, parts);
  for (uint32_t i = 0; i < parts; i++) part(argument, i);
}

static void backwards(void *user, uint32_t parts, part_function part, void *argument) {
  count(user, parts);
  for (uint32_t i = parts; i-- > 0;) part(argument, i);
}

static void nothing(void *user, uint32_t parts, part_function part, void *argument) {
  count(user, parts);
  (void)part, (void)argument;
}

static void the_last_alone(void *user, uint32_t parts, part_function part, void *argument) {
  count(user, parts);
  part(argument, parts - 1);
}

typedef struct job {
  part_function part;
  void *argument;
  uint32_t index;
} job;

static void *run_part(void *user) {
  job *j = user;
  j->part(j->argument, j->index);
  return NULL;
}

/* A thread for each part, none of them the caller's. */
static void in_threads(void *user, uint32_t parts, part_function part, void *argument) {
  pthread_t threads[MOST];
  job jobs[MOST];
  count(user, parts);
  for (uint32_t i = 0; i < parts; i++) {
    jobs[i] = (job){part, argument, i};
    ck_assert_int_eq(pthread_create(&threads[i], NULL, run_part, &jobs[i]), 0);
  }
  for (uint32_t i = 0; i < parts; i++) pthread_join(threads[i], NULL);
}

static void (*const pools[])(void *, uint32_t, part_function, void *) = {in_order, backwards, nothing, the_last_alone,
                                                                         in_threads};
enum { POOLS = sizeof pools / sizeof *pools };

static graft_context *context;
static graft_module *module;
static graft_graph *graph;
static graft_type input_type;
static float *input;

static graft_value weight(const char *name, int32_t rank, const int64_t *dims) {
  const graft_type t = graft_type_make(GRAFT_F32, rank, dims);
  return graft_tensor_value(graph, graft_tensor_fill(module, name, GRAFT_PARAMETER, &t, -1, 1));
}

/* Layers that are cut into pieces, plain and by a backend. */
static void build(const graft_context_options *options) {
  context = graft_context_create(options);
  ck_assert_ptr_nonnull(context);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
  input_type = graft_type_make(GRAFT_F32, 4, (int64_t[]){BATCH, 12, 17, 19});
  graft_value y = graft_input_add(graph, "x", &input_type);
  const graft_value w = weight("w", 4, (int64_t[]){70, 12, 3, 3}), l = weight("l", 2, (int64_t[]){10, 840});
  y = graft_build(graph, "conv2d", (graft_value[]){y, w}, 2, NULL, 0);
  y = graft_build(graph, "tanh", &y, 1, NULL, 0);
  const graft_attr size = {.name = "output_size", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){4, 3}};
  y = graft_build(graph, "adaptive_avg_pool2d", &y, 1, &size, 1);
  const graft_attr from = {.name = "start_dim", .kind = GRAFT_ATTR_INT, .as.i = 1};
  y = graft_build(graph, "flatten", &y, 1, &from, 1);
  y = graft_build(graph, "linear", (graft_value[]){y, l}, 2, NULL, 0);
  graft_output_add(graph, "y", y);
  const int64_t elements = graft_type_elements(&input_type);
  input = malloc((size_t)elements * sizeof *input);
  for (int64_t i = 0; i < elements; i++) input[i] = graft_fill_element("x", (uint64_t)i, -1, 1);
}

static void end(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
  free(input);
}

static void run(const graft_session_options *options, float *y) {
  graft_session *s = graft_session_create(graph, options);
  ck_assert_ptr_nonnull(s);
  ck_assert_uint_eq(graft_session_input_count(s), 1);
  ck_assert_uint_eq(graft_session_output_count(s), 1);
  ck_assert_int_eq(graft_session_set_input(s, 0, &input_type, input), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  memcpy(y, graft_session_get_output(s, 0, NULL), OUTPUTS * sizeof *y);
  graft_session_destroy(s);
}

START_TEST(any_pool_gives_the_same) {
  float want[OUTPUTS], got[OUTPUTS];
  build(NULL);
  for (int reference = 0; reference < 2; reference++) {
    run(&(graft_session_options){.size = sizeof(graft_session_options), .reference = reference}, want);
    for (uint32_t threads = 1; threads <= MOST; threads += threads < 4 ? 1 : 4) {
      calls c = {0};
      const graft_thread_pool pool = {.size = sizeof pool, .user = &c, .threads = threads, .parallel_for = pools[_i]};
      run(&(graft_session_options){.size = sizeof(graft_session_options), .reference = reference, .pool = &pool}, got);
      ck_assert_mem_eq(got, want, sizeof want);
      ck_assert_uint_le(c.most_parts, threads);
      ck_assert((c.jobs > 0) == (threads > 1));
    }
  }
  end();
}
END_TEST

START_TEST(threads_are_a_bound_on_a_pool) {
  float want[OUTPUTS], got[OUTPUTS];
  calls c = {0};
  const graft_thread_pool pool = {.size = sizeof pool, .user = &c, .threads = MOST, .parallel_for = in_threads};
  build(NULL);
  run(NULL, want);
  run(&(graft_session_options){.size = sizeof(graft_session_options), .threads = 3, .pool = &pool}, got);
  ck_assert_mem_eq(got, want, sizeof want);
  ck_assert_uint_eq(c.most_parts, 3);
  end();
}
END_TEST

START_TEST(sessions_use_the_pool_of_their_context) {
  float y[OUTPUTS];
  calls of_context = {0}, of_session = {0};
  const graft_thread_pool pool = {.size = sizeof pool, .user = &of_context, .threads = 2, .parallel_for = in_threads},
                          own = {.size = sizeof own, .user = &of_session, .threads = 4, .parallel_for = in_order};
  build(&(graft_context_options){.size = sizeof(graft_context_options), .pool = &pool});
  run(&(graft_session_options){.size = sizeof(graft_session_options), .reference = true}, y);
  ck_assert_uint_eq(of_context.most_parts, 2);
  of_context = (calls){0};
  run(&(graft_session_options){.size = sizeof(graft_session_options), .reference = true, .pool = &own}, y);
  ck_assert_uint_eq(of_context.jobs, 0);
  ck_assert_uint_eq(of_session.most_parts, 4);
  end();
}
END_TEST

START_TEST(a_pool_that_cannot_be_used_is_refused) {
  calls c = {0};
  const graft_thread_pool bad[] = {{.user = &c, .threads = 2, .parallel_for = in_order},
                                   {.size = sizeof *bad, .user = &c, .parallel_for = in_order},
                                   {.size = sizeof *bad, .user = &c, .threads = 2}};
  build(NULL);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    graft_diagnostics_clear(context);
    ck_assert_ptr_null(
        graft_session_create(graph, &(graft_session_options){.size = sizeof(graft_session_options), .pool = &bad[i]}));
    ck_assert_int_eq(graft_diagnostic_get(context, 0).code, GRAFT_INVALID_ARGUMENT);
    ck_assert_ptr_null(
        graft_context_create(&(graft_context_options){.size = sizeof(graft_context_options), .pool = &bad[i]}));
  }
  end();
}
END_TEST

int main(void) {
  Suite *s = suite_create("borrowed_pool");
  TCase *tc = tcase_create("borrowed_pool");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, any_pool_gives_the_same, 0, POOLS);
  tcase_add_test(tc, threads_are_a_bound_on_a_pool);
  tcase_add_test(tc, sessions_use_the_pool_of_their_context);
  tcase_add_test(tc, a_pool_that_cannot_be_used_is_refused);
  suite_add_tcase(s, tc);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
