/* Nodes that run graphs of the module: what is read and written, what is refused, what they compute. */
#include "runtime/runtime.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static graft_session *session;

static void setup(void) {
  context = graft_context_create(NULL);
  module = NULL;
  session = NULL;
}

static void teardown(void) {
  graft_session_destroy(session);
  graft_module_destroy(module);
  graft_context_destroy(context);
}

/* "node: message" of the first diagnostic. */
static const char *message(void) {
  static char text[512];
  if (graft_diagnostic_count(context) == 0) return "";
  const graft_diagnostic d = graft_diagnostic_get(context, 0);
  snprintf(text, sizeof text, "%s: %s", d.node, d.message);
  return text;
}

static void parse(const char *text) {
  graft_session_destroy(session);
  session = NULL;
  graft_module_destroy(module);
  graft_context_destroy(context);
  context = graft_context_create(NULL);
  module = graft_module_load_memory(context, text, strlen(text), "test.gir", NULL);
}

static void load(const char *text) {
  parse(text);
  ck_assert_msg(module != NULL, "%s", message());
  session = graft_session_create(graft_module_get_graph(module, 0), NULL);
  ck_assert_msg(session != NULL, "%s", message());
}

static void set(uint32_t input, graft_dtype dtype, int32_t rank, int64_t extent, const void *data) {
  const graft_type type = graft_type_make(dtype, rank, &extent);
  ck_assert_msg(graft_session_set_input(session, input, &type, data) == GRAFT_OK, "%s", message());
}

static void run(void) { ck_assert_msg(graft_session_run(session) == GRAFT_OK, "%s", message()); }

/* "f32 [2, 3] 1 2 …" */
static const char *output(uint32_t index) {
  static char text[512];
  graft_type type;
  const void *data = graft_session_get_output(session, index, &type);
  ck_assert_msg(data != NULL, "%s", message());
  size_t at = (size_t)snprintf(text, sizeof text, "%s [", graft_dtype_name(type.dtype));
  for (int32_t d = 0; d < type.rank; d++)
    at += (size_t)snprintf(text + at, sizeof text - at, "%s%lld", d ? ", " : "", (long long)type.dims[d]);
  at += (size_t)snprintf(text + at, sizeof text - at, "]");
  for (int64_t i = 0; i < graft_type_elements(&type); i++)
    at += (size_t)snprintf(text + at, sizeof text - at, " %g",
                           type.dtype == GRAFT_I64 ? (double)((const int64_t *)data)[i]
                                                   : (double)((const float *)data)[i]);
  return text;
}

/* ---- if ---- */

static const char two_shapes[] = "graft 1\n"
                                 "graph main(%c: bool[], %x: f32[?], %y: f32[?]) {\n"
                                 "  %z, %n = if(%c, %x, %y) {then_branch: @sum, else_branch: @both}\n"
                                 "  %r = relu(%z)\n"
                                 "  return %r, %n\n"
                                 "}\n"
                                 "graph sum(%a: f32[?], %b: f32[?]) {\n"
                                 "  %s = add(%a, %b)\n"
                                 "  return %s, 1: i64 as \"n\"\n"
                                 "}\n"
                                 "graph both(%a2: f32[?], %b2: f32[?]) {\n"
                                 "  %t = cat(%a2, %b2)\n"
                                 "  return %t, 2: i64 as \"n\"\n"
                                 "}\n";

START_TEST(if_runs_one_branch) {
  load(two_shapes);
  set(1, GRAFT_F32, 1, 2, (const float[]){1, -2});
  set(2, GRAFT_F32, 1, 2, (const float[]){3, 4});
  for (int round = 0; round < 2; round++) {
    set(0, GRAFT_BOOL, 0, 0, (const uint8_t[]){1});
    run();
    ck_assert_str_eq(output(0), "f32 [2] 4 2");
    ck_assert_str_eq(output(1), "i64 [] 1");
    set(0, GRAFT_BOOL, 0, 0, (const uint8_t[]){0});
    run();
    ck_assert_str_eq(output(0), "f32 [4] 1 0 3 4");
    ck_assert_str_eq(output(1), "i64 [] 2");
  }
}
END_TEST

START_TEST(if_within_if) {
  load("graft 1\n"
       "graph main(%c: bool[], %d: bool[1], %x: f32[2]) {\n"
       "  %y = if(%c, %d, %x) {then_branch: @outer, else_branch: @same}: f32[2]\n"
       "  return %y\n"
       "}\n"
       "graph outer(%d1: bool[1], %x1: f32[2]) {\n"
       "  %y1 = if(%d1, %x1) {then_branch: @twice, else_branch: @minus}: f32[2]\n"
       "  return %y1\n"
       "}\n"
       "graph same(%d2: bool[1], %x2: f32[2]) {\n"
       "  return %x2\n"
       "}\n"
       "graph twice(%x3: f32[2]) {\n"
       "  %y3 = add(%x3, %x3)\n"
       "  return %y3\n"
       "}\n"
       "graph minus(%x4: f32[2]) {\n"
       "  %y4 = neg(%x4)\n"
       "  return %y4\n"
       "}\n");
  static const char *const want[2][2] = {{"f32 [2] 1 2", "f32 [2] 1 2"}, {"f32 [2] -1 -2", "f32 [2] 2 4"}};
  set(2, GRAFT_F32, 1, 2, (const float[]){1, 2});
  for (uint8_t c = 0; c < 2; c++)
    for (uint8_t d = 0; d < 2; d++) {
      set(0, GRAFT_BOOL, 0, 0, &c);
      set(1, GRAFT_BOOL, 1, 1, &d);
      run();
      ck_assert_str_eq(output(0), want[c][d]);
    }
}
END_TEST

START_TEST(both_formats_keep_it) {
  char *first = NULL, *binary = NULL, *second = NULL;
  size_t first_size, binary_size, second_size;
  load(two_shapes);
  const uint64_t hash = graft_module_hash(module);
  ck_assert_int_eq(graft_module_print(module, GRAFT_FORMAT_TEXT, &first, &first_size), GRAFT_OK);
  ck_assert_int_eq(graft_module_print(module, GRAFT_FORMAT_BINARY, &binary, &binary_size), GRAFT_OK);
  graft_module *again = graft_module_load_memory(context, binary, binary_size, "test.gfb", NULL);
  ck_assert_msg(again != NULL, "%s", message());
  ck_assert_uint_eq(graft_module_hash(again), hash);
  ck_assert_int_eq(graft_module_compact(again), GRAFT_OK);
  ck_assert_int_eq(graft_module_print(again, GRAFT_FORMAT_TEXT, &second, &second_size), GRAFT_OK);
  ck_assert_uint_eq(first_size, second_size);
  ck_assert_mem_eq(first, second, first_size);
  graft_free(context, first, first_size);
  graft_free(context, binary, binary_size);
  graft_free(context, second, second_size);
  graft_module_destroy(again);
}
END_TEST

static void refused(const char *body, const char *part) {
  parse(body);
  ck_assert_ptr_null(module);
  ck_assert_msg(strstr(message(), part) != NULL, "%s", message());
}

#define IF(main, then, other) \
  "graft 1\ngraph main(%c: bool[], %x: f32[2]) {\n" main "\n  return %y\n}\ngraph t" then "\ngraph e" other "\n"

START_TEST(ifs_that_are_wrong) {
  refused(IF("  %y = if(%x, %x) {then_branch: @t, else_branch: @e}", "(%a: f32[2]) {\n  return %a\n}",
             "(%b: f32[2]) {\n  return %b\n}"),
          "C1: condition is f32");
  refused(IF("  %y = if(%c) {then_branch: @t, else_branch: @e}", "(%a: f32[2]) {\n  return %a\n}",
             "(%b: f32[2]) {\n  return %b\n}"),
          "C2: graph 1 has 1 inputs, not 0");
  refused(IF("  %y = if(%c, %x) {then_branch: @t, else_branch: @e}", "(%a: f32[2]) {\n  return %a\n}",
             "(%b: f32[3]) {\n  return %b\n}"),
          "C2: operand 1 is of another type than input 0 of graph 2");
  refused(IF("  %y = if(%c, %x) {then_branch: @t, else_branch: @e}", "(%a: f32[2]) {\n  return %a, %a as \"n\"\n}",
             "(%b: f32[2]) {\n  return %b\n}"),
          "C3: graph 1 has 2 outputs, not 1");
  refused(IF("  %y = if(%c, %x) {then_branch: @t, else_branch: @e}", "(%a: f32[2]) {\n  return 1: i64 as \"n\"\n}",
             "(%b: f32[2]) {\n  return %b\n}"),
          "C3: output 0 of graph 2 is f32, that of graph 1 i64");
}
END_TEST

static graft_status fails_to_run(const char *part) {
  const graft_status status = graft_session_run(session);
  ck_assert_msg(strstr(message(), part) != NULL, "%s", message());
  return status;
}

START_TEST(graph_that_is_run_updates_nothing) {
  load("graft 1\n"
       "tensor %s: f32[2] buffer = [0.0, 1.0]\n"
       "graph main(%c: bool[], %x: f32[2]) {\n"
       "  %y = if(%c, %x) {then_branch: @t, else_branch: @e}: f32[2]\n"
       "  return %y\n"
       "}\n"
       "graph t(%a: f32[2]) {\n"
       "  %n = observe(%a, %s) {observer: \"min_max\"}\n"
       "  return %a\n"
       "  update %s = %n\n"
       "}\n"
       "graph e(%b: f32[2]) {\n"
       "  return %b\n"
       "}\n");
  set(0, GRAFT_BOOL, 0, 0, (const uint8_t[]){1});
  set(1, GRAFT_F32, 1, 2, (const float[]){1, 2});
  ck_assert_int_ne(fails_to_run("n: a graph that a node runs cannot update tensors"), GRAFT_OK);
}
END_TEST

/* ---- loop ---- */

/* Carries a sum and a list that grows; stacks the sums so far. */
static const char sums[] = "graft 1\n"
                           "graph main(%n: i64[], %c: bool[], %x: f32[?], %l: f32[?], %k: f32[]) {\n"
                           "  %s, %m, %all = loop(%n, %c, %x, %l, %k) {body: @body, carried: 2}\n"
                           "  return %s, %m, %all\n"
                           "}\n"
                           "graph body(%i: i64[], %c1: bool[], %x1: f32[?], %l1: f32[?], %k1: f32[]) {\n"
                           "  %s1 = add(%x1, %k1)\n"
                           "  %f = to(%i) {dtype: f32}\n"
                           "  %o = unsqueeze(%f) {dim: 0}\n"
                           "  %m1 = cat(%l1, %o)\n"
                           "  %more = lt(%i, 2: i64)\n"
                           "  return %more, %s1, %m1, %s1 as \"all\"\n"
                           "}\n";

static void sum(int64_t times, bool condition) {
  load(sums);
  set(0, GRAFT_I64, 0, 0, &times);
  set(1, GRAFT_BOOL, 0, 0, &(uint8_t){condition});
  set(2, GRAFT_F32, 1, 2, (const float[]){1, 2});
  set(3, GRAFT_F32, 1, 0, NULL);
  set(4, GRAFT_F32, 0, 0, (const float[]){10});
  run();
}

START_TEST(loop_counts) {
  sum(2, true);
  ck_assert_str_eq(output(0), "f32 [2] 21 22");
  ck_assert_str_eq(output(1), "f32 [2] 0 1");
  ck_assert_str_eq(output(2), "f32 [2, 2] 11 12 21 22");
}
END_TEST

START_TEST(loop_ends_by_its_condition) {
  sum(INT64_MAX, true);
  ck_assert_str_eq(output(0), "f32 [2] 31 32");
  ck_assert_str_eq(output(1), "f32 [3] 0 1 2");
  ck_assert_str_eq(output(2), "f32 [3, 2] 11 12 21 22 31 32");
}
END_TEST

START_TEST(loop_that_does_not_run) {
  for (int k = 0; k < 2; k++) {
    sum(k ? -1 : 5, k);
    ck_assert_str_eq(output(0), "f32 [2] 1 2");
    ck_assert_str_eq(output(1), "f32 [0]");
    ck_assert_str_eq(output(2), "f32 [0, 0]");
  }
}
END_TEST

/* Random ops draw anew each time, and the same in a session of the same seed. */
START_TEST(loop_draws_anew) {
  char first[512] = "";
  for (int round = 0; round < 2; round++) {
    load("graft 1\n"
         "graph main(%x: f32[16]) {\n"
         "  %y = loop(2: i64, _, %x) {body: @b, carried: 0}\n"
         "  return %y\n"
         "}\n"
         "graph b(%i: i64[], %c: bool[], %x1: f32[16]) {\n"
         "  %d = dropout(%x1) {training: true}\n"
         "  return %c, %d\n"
         "}\n");
    set(0, GRAFT_F32, 1, 16, (const float[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    run();
    const float *y = graft_session_get_output(session, 0, NULL);
    ck_assert_mem_ne(y, y + 16, 16 * sizeof *y);
    if (round) ck_assert_str_eq(output(0), first);
    snprintf(first, sizeof first, "%s", output(0));
  }
}
END_TEST

#define LOOP(node, body) "graft 1\ngraph main(%n: i64[], %x: f32[2]) {\n" node "\n  return %y\n}\ngraph b" body "\n"

START_TEST(loops_that_are_wrong) {
  refused(LOOP("  %y = loop(%x, _, %x) {body: @b, carried: 1}",
               "(%i: i64[], %c: bool[], %a: f32[2]) {\n  return %c, %a\n}"),
          "C1: count is f32");
  refused(LOOP("  %y = loop(%n, %n, %x) {body: @b, carried: 1}",
               "(%i: i64[], %c: bool[], %a: f32[2]) {\n  return %c, %a\n}"),
          "C2: condition is i64");
  refused(LOOP("  %y = loop(%n, _, %x) {body: @b, carried: 2}",
               "(%i: i64[], %c: bool[], %a: f32[2]) {\n  return %c, %a\n}"),
          "C3: 2 values are carried");
  refused(LOOP("  %y = loop(%n, _, %x) {body: @b, carried: 1}", "(%i: i64[], %a: f32[2]) {\n  return %i, %a\n}"),
          "C4: graph 1 has 2 inputs, not 3");
  refused(LOOP("  %y = loop(%n, _, %x) {body: @b, carried: 1}",
               "(%i: i64[], %c: bool[], %a: f32[2]) {\n  return %i, %a\n}"),
          "C5: the condition of graph 1 is i64");
  refused(LOOP("  %y = loop(%n, _, %x) {body: @b, carried: 1}",
               "(%i: i64[], %c: bool[], %a: f32[2]) {\n  %d = cat(%a, %a)\n  return %c, %d\n}"),
          "C5: output 1 of graph 1 is of another type than its input 2");
  refused(LOOP("  %y = loop(%n, _, %x) {body: @b, carried: 0}",
               "(%i: i64[], %c: bool[], %a: f32[2]) {\n  %d = view(%a) {size: [2, 1, 1, 1, 1, 1, 1, 1]}\n"
               "  return %c, %d\n}"),
          "C6: output 1 has rank 8");
}
END_TEST

#define ADD(t, ...) \
  do { \
    const TTest *all_[] = {__VA_ARGS__}; \
    for (size_t i_ = 0; i_ < sizeof all_ / sizeof *all_; i_++) tcase_add_test(t, all_[i_]); \
  } while (0)

int main(void) {
  Suite *s = suite_create("control");
  TCase *t = tcase_create("control");
  tcase_add_checked_fixture(t, setup, teardown);
  ADD(t, if_runs_one_branch, if_within_if, both_formats_keep_it, ifs_that_are_wrong, graph_that_is_run_updates_nothing,
      loop_counts, loop_ends_by_its_condition, loop_that_does_not_run, loop_draws_anew, loops_that_are_wrong);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
