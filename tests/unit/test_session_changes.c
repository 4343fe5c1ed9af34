/* Sessions and what happens round them: an edit of the graph, other data of constants, inputs in the session's own
 * memory, runs that fail, calls from within a run. Each wrong one is an error, and what was right before still is. */
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static graft_graph *graph;
static graft_value x, relu, doubled;
static graft_tensor total, size;
static const graft_type four = {.dtype = GRAFT_F32, .rank = 1, .dims = {4}};

/* y = relu(x) + relu(x) as [2, 2], and total = total + y. */
static void setup(void) {
  const graft_type square = graft_type_make(GRAFT_F32, 2, (int64_t[]){2, 2}),
                   pair = graft_type_make(GRAFT_I64, 1, (int64_t[]){2});
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
  size = graft_tensor_create(module, "size", GRAFT_CONSTANT, &pair, (int64_t[]){2, 2});
  total = graft_tensor_create(module, "total", GRAFT_BUFFER, &square, (float[4]){0});
  x = graft_input_add(graph, "x", &four);
  relu = graft_build(graph, "relu", &x, 1, NULL, 0);
  doubled = graft_build(graph, "add", (graft_value[]){relu, relu}, 2, NULL, 0);
  const graft_value y =
      graft_build(graph, "reshape", (graft_value[]){doubled, graft_tensor_value(graph, size)}, 2, NULL, 0);
  ck_assert_int_eq(graft_output_add(graph, "y", y), GRAFT_OK);
  ck_assert_int_eq(graft_output_add(graph, "flat", doubled), GRAFT_OK);
  const graft_value sum = graft_build(graph, "add", (graft_value[]){graft_tensor_value(graph, total), y}, 2, NULL, 0);
  ck_assert_int_eq(graft_update_add(graph, total, sum), GRAFT_OK);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static const float data[4] = {-1, 1, 2, 3}, twice[4] = {0, 2, 4, 6};

static graft_session *create(const graft_session_options *options) {
  graft_session *s = graft_session_create(graph, options);
  ck_assert_ptr_nonnull(s);
  ck_assert_int_eq(graft_session_set_input(s, 0, &four, data), GRAFT_OK);
  return s;
}

static void runs(graft_session *s) {
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  ck_assert_mem_eq(graft_session_get_output(s, 0, NULL), twice, sizeof twice);
  ck_assert_mem_eq(graft_session_get_output(s, 1, NULL), twice, sizeof twice);
}

/* By name: a pass may number tensors anew. */
static float total_of(uint32_t i) {
  return ((const float *)graft_tensor_get_data(module, graft_tensor_find(module, "total")))[i];
}

/* The last call left one error, which says this. */
static void said(graft_context *c, const char *words) {
  ck_assert_uint_eq(graft_diagnostic_count(c), 1);
  const graft_diagnostic d = graft_diagnostic_get(c, 0);
  ck_assert_int_eq(d.code, GRAFT_INVALID_ARGUMENT);
  ck_assert_msg(strstr(d.message, words) != NULL, "%s", d.message);
  graft_diagnostics_clear(c);
}

/* ---- edits ---- */

static void add_node(void) { graft_build(graph, "neg", &doubled, 1, NULL, 0); }
static void set_operand(void) { graft_node_set_operand(graph, graft_value_node(graph, relu), 0, x); }
static void replace_uses(void) { graft_value_replace_uses(graph, relu, x); }
static void set_mark(void) { graft_node_set_mark(graph, graft_value_node(graph, relu), graft_mark_name(0), true); }
static void add_input(void) { graft_input_add(graph, "more", &four); }
static void add_output(void) { graft_output_add(graph, "more", relu); }
static void add_update(void) {
  const graft_tensor t = graft_tensor_create(module, "more", GRAFT_BUFFER, &four, data);
  graft_update_add(graph, t, relu);
}
static void compact(void) { graft_module_compact(module); }
static void run_a_pass(void) { ck_assert_int_eq(graft_run_passes(module, "cse,dce,fold-constants", NULL), GRAFT_OK); }
static void add_and_erase(void) {
  const graft_value v = graft_build(graph, "neg", &doubled, 1, NULL, 0);
  ck_assert_int_eq(graft_node_erase(graph, graft_value_node(graph, v)), GRAFT_OK);
}

static void (*const edits[])(void) = {add_node,   set_operand, replace_uses, set_mark,      add_input,
                                      add_output, add_update,  compact,      add_and_erase, run_a_pass};

START_TEST(a_changed_graph_needs_a_new_session) {
  graft_session *s = create(NULL);
  runs(s);
  if (edits[_i] == run_a_pass) add_node(); /* so that dce finds something */
  graft_diagnostics_clear(context);
  edits[_i]();
  ck_assert_uint_eq(graft_diagnostic_count(context), 0);
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq(graft_session_run(s), GRAFT_INVALID_ARGUMENT);
    said(context, "changed under the session");
    ck_assert_int_eq(graft_session_set_input(s, 0, &four, data), GRAFT_INVALID_ARGUMENT);
    said(context, "changed under the session");
  }
  if (edits[_i] != run_a_pass) ck_assert_float_eq(total_of(3), 6); /* which dce drops: no output depends on it */
  ck_assert_uint_eq(graft_session_output_count(s), 2);
  ck_assert_ptr_null(graft_session_get_output(s, 0, NULL)); /* the last run failed */
  graft_diagnostics_clear(context);
  graft_session_destroy(s);
  if (edits[_i] == add_input || edits[_i] == replace_uses) return;
  s = create(NULL);
  runs(s);
  graft_session_destroy(s);
}
END_TEST

START_TEST(looking_is_no_change) {
  graft_session *s = create(NULL);
  char *text;
  size_t length;
  const float other[4] = {1, 1, 1, 1};
  ck_assert_uint_ne(graft_value_find(graph, "size"), GRAFT_NONE);
  ck_assert_uint_eq(graft_value_find(graph, "nothing"), GRAFT_NONE);
  const graft_tensor unused = graft_tensor_create(module, "unused", GRAFT_BUFFER, &four, data);
  ck_assert_uint_ne(graft_value_find(graph, "unused"), GRAFT_NONE);
  ck_assert_int_eq(graft_tensor_set_data(module, unused, other), GRAFT_OK);
  ck_assert_int_eq(graft_tensor_set_data(module, total, other), GRAFT_OK);
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
  ck_assert_int_eq(graft_module_print(module, GRAFT_FORMAT_TEXT, &text, &length), GRAFT_OK);
  graft_free(context, text, length);
  ck_assert_int_eq(graft_run_passes(module, "verify", NULL), GRAFT_OK);
  const graft_value no_value = GRAFT_NONE - 1;
  ck_assert_uint_eq(graft_build(graph, "relu", &no_value, 1, NULL, 0), GRAFT_NONE);
  graft_diagnostics_clear(context);
  runs(s);
  ck_assert_float_eq(total_of(3), 7);
  graft_session_destroy(s);
}
END_TEST

/* ---- data ---- */

START_TEST(shapes_keep_their_constants) {
  graft_session *s = create(NULL);
  runs(s);
  ck_assert_int_eq(graft_tensor_set_data(module, size, (int64_t[]){2, 2}), GRAFT_OK); /* nothing new */
  runs(s);
  ck_assert_int_eq(graft_tensor_set_data(module, size, (int64_t[]){4, 1}), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_INVALID_ARGUMENT);
  ck_assert_str_eq(graft_diagnostic_get(context, 0).node, "size");
  said(context, "shapes depend on this constant");
  ck_assert_ptr_null(graft_session_get_output(s, 0, NULL));
  graft_diagnostics_clear(context);
  ck_assert_int_eq(graft_tensor_set_data(module, size, (int64_t[]){2, 2}), GRAFT_OK); /* as it was */
  runs(s);
  ck_assert_float_eq(total_of(3), 18);
  graft_session_destroy(s);
}
END_TEST

START_TEST(an_output_may_go_in_again) {
  graft_session *s = create(NULL);
  graft_type t;
  float want[4];
  memcpy(want, twice, sizeof want);
  runs(s);
  for (int i = 0; i < 3; i++) {
    const void *y = graft_session_get_output(s, 1, &t);
    ck_assert_int_eq(graft_session_set_input(s, 0, &t, y), GRAFT_OK);
    ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
    for (int k = 0; k < 4; k++) want[k] *= 2;
    ck_assert_mem_eq(graft_session_get_output(s, 0, NULL), want, sizeof want);
  }
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK); /* the copy is not the output's any more */
  ck_assert_mem_eq(graft_session_get_output(s, 0, NULL), want, sizeof want);
  graft_session_destroy(s);
}
END_TEST

START_TEST(wrong_inputs_are_errors) {
  graft_session *s = create(NULL);
  const graft_type five = {.dtype = GRAFT_F32, .rank = 1, .dims = {5}},
                   integers = {.dtype = GRAFT_I32, .rank = 1, .dims = {4}},
                   unknown = {.dtype = GRAFT_F32, .rank = 1, .dims = {-1}}, none = {.dtype = (graft_dtype)77};
  ck_assert_int_eq(graft_session_set_input(s, 1, &four, data), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_session_set_input(s, GRAFT_NONE, &four, data), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_session_set_input(s, 0, NULL, data), GRAFT_TYPE);
  ck_assert_int_eq(graft_session_set_input(s, 0, &five, data), GRAFT_TYPE);
  ck_assert_int_eq(graft_session_set_input(s, 0, &integers, data), GRAFT_TYPE);
  ck_assert_int_eq(graft_session_set_input(s, 0, &unknown, data), GRAFT_TYPE);
  ck_assert_int_eq(graft_session_set_input(s, 0, &none, data), GRAFT_INVALID_ARGUMENT);
  ck_assert_uint_eq(graft_diagnostic_count(context), 7);
  runs(s); /* with what was set before */
  ck_assert_int_eq(graft_session_set_input(s, 0, &four, NULL), GRAFT_TYPE);
  ck_assert_int_eq(graft_session_run(s), GRAFT_INVALID_ARGUMENT);
  ck_assert_ptr_null(graft_session_get_output(s, 2, NULL));
  ck_assert_int_eq(graft_session_set_input(s, 0, &four, data), GRAFT_OK);
  graft_diagnostics_clear(context);
  runs(s);
  graft_session_destroy(s);
}
END_TEST

/* ---- from within a run ---- */

typedef struct visitor {
  graft_session *self, *reader, *writer;
  graft_node fail_at;
  graft_status fail_with;
  int visits;
} visitor;

/* Reads what it likes, is refused all that would change something. */
static graft_status visit(void *user, const graft_node_done *done) {
  visitor *v = user;
  char name[32];
  graft_node_name(done->graph, done->node, name, sizeof name);
  ck_assert_uint_ne(graft_value_find(done->graph, name), GRAFT_NONE);
  ck_assert_ptr_nonnull(graft_tensor_get_data(module, total));
  if (v->reader) runs(v->reader);
  ck_assert_uint_eq(graft_diagnostic_count(context), 0);
  if (v->self) {
    ck_assert_int_eq(graft_session_run(v->self), GRAFT_INVALID_ARGUMENT);
    said(context, "running at this moment");
    ck_assert_int_eq(graft_session_set_input(v->self, 0, &four, data), GRAFT_INVALID_ARGUMENT);
    said(context, "running at this moment");
    graft_session_destroy(v->self);
    said(context, "while it runs");
  }
  if (v->writer) {
    ck_assert_int_eq(graft_session_run(v->writer), GRAFT_INVALID_ARGUMENT);
    said(context, "has it to itself");
  }
  ck_assert_uint_eq(graft_build(graph, "neg", &x, 1, NULL, 0), GRAFT_NONE);
  said(context, "a session runs on the module");
  ck_assert_int_eq(graft_tensor_set_data(module, total, data), GRAFT_INVALID_ARGUMENT);
  said(context, "a session runs on the module");
  ck_assert_int_eq(graft_value_replace_uses(graph, relu, x), GRAFT_INVALID_ARGUMENT);
  said(context, "a session runs on the module");
  ck_assert_int_eq(graft_module_compact(module), GRAFT_INVALID_ARGUMENT);
  said(context, "a session runs on the module");
  ck_assert_ptr_null(graft_graph_create(module, "more"));
  said(context, "a session runs on the module");
  graft_module_destroy(module);
  said(context, "a session runs on the module");
  v->visits++;
  return done->node == v->fail_at ? v->fail_with : GRAFT_OK;
}

START_TEST(a_hook_reads_and_does_not_change) {
  visitor v = {.fail_at = GRAFT_NONE};
  v.reader = create(&(graft_session_options){.size = sizeof(graft_session_options), .keep_state = true});
  v.writer = create(NULL);
  v.self = create(
      &(graft_session_options){.size = sizeof(graft_session_options), .after_node = visit, .after_node_user = &v});
  for (int i = 0; i < 2; i++) runs(v.self);
  ck_assert_int_eq(v.visits, 2 * 4);
  ck_assert_float_eq(total_of(3), 12);
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
  runs(v.writer);
  ck_assert_float_eq(total_of(3), 18);
  graft_session_destroy(v.self);
  graft_session_destroy(v.reader);
  graft_session_destroy(v.writer);
}
END_TEST

START_TEST(a_hook_ends_a_run_with_its_status) {
  static const graft_status codes[] = {GRAFT_RUN, GRAFT_CANCELLED, GRAFT_LIMIT, (graft_status)99};
  visitor v = {.fail_at = graft_value_node(graph, doubled)};
  v.self = create(
      &(graft_session_options){.size = sizeof(graft_session_options), .after_node = visit, .after_node_user = &v});
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    v.fail_with = codes[i];
    ck_assert_int_eq(graft_session_run(v.self), codes[i]);
    ck_assert_uint_eq(graft_diagnostic_count(context), 1);
    ck_assert_int_eq(graft_diagnostic_get(context, 0).code, codes[i]);
    ck_assert_str_ne(graft_diagnostic_get(context, 0).node, "");
    ck_assert_ptr_null(graft_session_get_output(v.self, 0, NULL));
    ck_assert_float_eq(total_of(3), 0);
    graft_diagnostics_clear(context);
  }
  v.fail_at = GRAFT_NONE;
  runs(v.self);
  ck_assert_float_eq(total_of(3), 6);
  graft_session_destroy(v.self);
}
END_TEST

int main(void) {
  Suite *s = suite_create("session_changes");
  TCase *tc = tcase_create("session_changes");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, a_changed_graph_needs_a_new_session, 0, sizeof edits / sizeof *edits);
  tcase_add_test(tc, looking_is_no_change);
  tcase_add_test(tc, shapes_keep_their_constants);
  tcase_add_test(tc, an_output_may_go_in_again);
  tcase_add_test(tc, wrong_inputs_are_errors);
  tcase_add_test(tc, a_hook_reads_and_does_not_change);
  tcase_add_test(tc, a_hook_ends_a_run_with_its_status);
  suite_add_tcase(s, tc);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
