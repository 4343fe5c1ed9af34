/* Handles: what is said of pointers to nothing, to another kind of thing, and to what was destroyed. */
#include "passes/passes.h"
#include "patterns/patterns.h"
#include "runtime/compare.h"
#include "runtime/runtime.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static size_t in_use; /* bytes */

static void *counted(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user;
  in_use += new_size;
  in_use -= pointer ? old_size : 0;
  if (new_size) return realloc(pointer, new_size);
  free(pointer);
  return NULL;
}

static graft_context *context;
static graft_module *module;
static graft_graph *graph;

static graft_module *make(graft_context *c) {
  graft_module *m = graft_module_create(c);
  graft_graph *g = graft_graph_create(m, "main");
  graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
  graft_value x = graft_input_add(g, "x", &type);
  ck_assert_int_eq(graft_output_add(g, "y", graft_build(g, "relu", &x, 1, NULL, 0)), GRAFT_OK);
  return m;
}

static void setup(void) {
  context = graft_context_create(&(graft_context_options){.size = sizeof(graft_context_options), .allocator = counted});
  module = make(context);
  graph = graft_module_get_graph(module, 0);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
  ck_assert_uint_eq(in_use, 0);
}

static void said(const char *words) {
  ck_assert_uint_eq(graft_diagnostic_count(context), 1);
  const graft_diagnostic d = graft_diagnostic_get(context, 0);
  ck_assert_int_eq(d.code, GRAFT_INVALID_ARGUMENT);
  ck_assert_msg(strstr(d.message, words), "'%s' is not in '%s'", words, d.message);
  graft_diagnostics_clear(context);
}

START_TEST(another_kind_is_refused_by_name) {
  ck_assert_int_eq(graft_module_verify((graft_module *)(void *)graph), GRAFT_INVALID_ARGUMENT);
  said("graft_module_verify: the module that was given is a graph");
  ck_assert_uint_eq(graft_scalar((graft_graph *)(void *)module, GRAFT_F32, 1), GRAFT_NONE);
  said("is a module");
  ck_assert_ptr_null(graft_session_create((graft_graph *)(void *)context, NULL));
  said("is a context");
  ck_assert_uint_eq(graft_node_count((graft_graph *)(void *)module), 0);
  ck_assert_uint_eq(graft_diagnostic_count(context), 0);
}
END_TEST

START_TEST(nothing_is_refused) {
  ck_assert_int_eq(graft_module_verify(NULL), GRAFT_INVALID_ARGUMENT);
  ck_assert_ptr_null(graft_module_create(NULL));
  ck_assert_ptr_null(graft_module_get_graph(NULL, 0));
  ck_assert_ptr_null(graft_compare_create(graph, NULL, NULL));
  said("no graph was given");
}
END_TEST

START_TEST(the_dead_are_known) {
  graft_module *dead = make(context);
  graft_graph *of_dead = graft_module_get_graph(dead, 0);
  graft_module_destroy(dead);
  ck_assert_int_eq(graft_module_verify(dead), GRAFT_INVALID_ARGUMENT);
  said("the module was destroyed");
  ck_assert_uint_eq(graft_node_first(of_dead), GRAFT_NONE);
  ck_assert_uint_eq(graft_scalar(of_dead, GRAFT_F32, 1), GRAFT_NONE);
  said("the graph was destroyed");
  graft_module_destroy(dead);
  said("graft_module_destroy: the module was destroyed");
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
}
END_TEST

START_TEST(a_session_outlives_its_module) {
  graft_module *dead = make(context);
  graft_graph *g = graft_module_get_graph(dead, 0);
  graft_session *s = graft_session_create(g, NULL);
  graft_compare *c = graft_compare_create(g, g, NULL);
  const float x[2] = {1, -1};
  const graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
  ck_assert_int_eq(graft_session_set_input(s, 0, &type, x), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  graft_module_destroy(dead);
  for (int i = 0; i < 1000; i++) graft_module_destroy(make(context)); /* the session's graph is still to be asked */
  ck_assert_int_eq(graft_session_run(s), GRAFT_INVALID_ARGUMENT);
  said("the graph was destroyed");
  ck_assert_ptr_null(graft_session_get_output(s, 0, NULL));
  said("the graph was destroyed");
  ck_assert_int_eq(graft_compare_step(c, &type, (const void *[]){x}), GRAFT_INVALID_ARGUMENT);
  said("the graph was destroyed");
  ck_assert_uint_eq(graft_compare_missed_count(c), 0);
  graft_session_destroy(s);
  graft_compare_destroy(c);
  ck_assert_uint_eq(graft_diagnostic_count(context), 0);
  graft_session_destroy(s);
  said("the session was destroyed");
}
END_TEST

START_TEST(little_is_kept_of_the_dead) {
  for (int i = 0; i < 300; i++) graft_module_destroy(make(context));
  const size_t before = in_use;
  for (int i = 0; i < 1000; i++) graft_module_destroy(make(context));
  ck_assert_uint_eq(in_use, before);
  ck_assert_uint_lt(before, 512u << 10);
}
END_TEST

START_TEST(a_context_lives_as_long_as_its_handles) {
  graft_context *c =
      graft_context_create(&(graft_context_options){.size = sizeof(graft_context_options), .allocator = counted});
  graft_module *m = make(c);
  graft_rules *rules = graft_rules_create(c, false);
  ck_assert_int_eq(graft_run_passes(m, "canonicalize", NULL), GRAFT_OK); /* the context keeps rules of its own */
  graft_context_destroy(c);
  ck_assert_ptr_null(graft_module_create(c));
  ck_assert_uint_eq(graft_diagnostic_count(c), 0);
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  ck_assert_int_eq(graft_run_passes(m, "canonicalize", NULL), GRAFT_OK);
  graft_context_destroy(c);
  graft_rules_destroy(rules);
  graft_module_destroy(m);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("handles");
  TCase *tests = tcase_create("handles");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, another_kind_is_refused_by_name);
  tcase_add_test(tests, nothing_is_refused);
  tcase_add_test(tests, the_dead_are_known);
  tcase_add_test(tests, a_session_outlives_its_module);
  tcase_add_test(tests, little_is_kept_of_the_dead);
  tcase_add_test(tests, a_context_lives_as_long_as_its_handles);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
