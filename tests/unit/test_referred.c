/* A node goes only where no spec of another place refers to its operands or results: what is refused the verifier would
 * have refused afterwards, and what is done it accepts. */
#include "ir/annotations.h"
#include "ir/inspect.h"
#include "passes/extend.h"
#include "passes/passes.h"

#include <check.h>
#include <string.h>

enum { NODES = 12 };

static graft_context *context;
static graft_module *module;
static graft_graph *graph;
static graft_node nodes[NODES];

/* A row of relus, of which none but the first reads the one before: all can be erased. */
static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
  const graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){4});
  const graft_value x = graft_input_add(graph, "x", &type);
  for (int i = 0; i < NODES; i++) {
    const graft_value y = graft_build(graph, "relu", &x, 1, NULL, 0);
    ck_assert_uint_ne(y, GRAFT_NONE);
    nodes[i] = graft_value_node(graph, y);
  }
  ck_assert_int_eq(graft_output_add(graph, "x", x), GRAFT_OK);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static graft_place operand(int node) { return graft_place_edge(nodes[node], 0); }
static graft_place result(int node) { return graft_place_value(graft_node_result(graph, nodes[node], 0)); }

static void plain(graft_place at) {
  ck_assert_int_eq(graft_spec_set(graph, at, &(graft_spec){.size = sizeof(graft_spec), .kind = "spec"}), GRAFT_OK);
}

static void shares(graft_place at, graft_place with) {
  const graft_spec s = {.size = sizeof s, .kind = "shared", .places = &with, .place_count = 1};
  ck_assert_int_eq(graft_spec_set(graph, at, &s), GRAFT_OK);
}

static void is_refused(int node, const char *part) {
  const uint64_t hash = graft_module_hash(module);
  ck_assert_int_eq(graft_node_erase(graph, nodes[node]), GRAFT_INVALID_ARGUMENT);
  ck_assert_msg(strstr(graft_diagnostic_get(context, 0).message, part), "%s", graft_diagnostic_get(context, 0).message);
  graft_diagnostics_clear(context);
  ck_assert_uint_eq(graft_module_hash(module), hash);
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
}

static void goes(int node) {
  ck_assert_msg(graft_node_erase(graph, nodes[node]) == GRAFT_OK, "%s", graft_diagnostic_get(context, 0).message);
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
}

START_TEST(what_others_refer_to_stays) {
  plain(operand(0));
  plain(result(1));
  shares(result(0), operand(0));
  shares(result(2), operand(0));
  shares(operand(3), result(1));
  is_refused(0, "refers to its operand 0");
  is_refused(1, "refers to its result 0");
  goes(2); /* who refers may go, and then the other one: its own specs refer to it alone */
  goes(0);
  ck_assert_int_eq(graft_spec_remove(graph, operand(3)), GRAFT_OK);
  goes(1);
  goes(3);
}
END_TEST

START_TEST(specs_that_are_cleared_hold_nothing) {
  plain(operand(0));
  shares(result(1), operand(0));
  is_refused(0, "refers to its operand 0");
  ck_assert_int_eq(graft_spec_clear(graph), GRAFT_OK);
  goes(0);
  plain(operand(2));
  shares(result(3), operand(2));
  plain(result(3));
  goes(2);
}
END_TEST

static graft_status takes_away(void *user, graft_module *m, graft_pass_call *call) {
  (void)m, (void)call;
  ck_assert_int_eq(graft_spec_remove(graph, result(1)), GRAFT_OK);
  ck_assert_int_eq(graft_node_erase(graph, nodes[0]), GRAFT_OK);
  return *(const graft_status *)user;
}

/* A pass that fails puts the specs back, and who refers. */
START_TEST(what_is_taken_back_refers_again) {
  graft_status status = GRAFT_PASS;
  const graft_pass pass = {.size = sizeof pass, .name = "own", .run = takes_away, .user = &status};
  const graft_pass_options o = {.size = sizeof o, .passes = &pass, .pass_count = 1};
  plain(operand(0));
  shares(result(1), operand(0));
  is_refused(0, "refers to its operand 0");
  ck_assert_int_eq(graft_run_passes(module, "own", &o), GRAFT_PASS);
  graft_diagnostics_clear(context);
  is_refused(0, "refers to its operand 0");
  status = GRAFT_OK;
  ck_assert_int_eq(graft_run_passes(module, "own", &o), GRAFT_OK);
}
END_TEST

static uint32_t below(uint32_t bound) {
  static uint32_t state = 7;
  state = state * 1664525u + 1013904223u;
  return (state >> 8) % bound;
}

/* Whatever was set and removed before, erasing never leaves what the verifier refuses. */
START_TEST(at_random) {
  uint32_t gone = 0, kept = 0;
  for (int i = 0; i < 4000; i++) {
    const int a = (int)below(NODES), b = (int)below(NODES);
    if (!graft_node_is_live(graph, nodes[a]) || !graft_node_is_live(graph, nodes[b])) continue;
    switch (below(5)) {
    case 0: plain(below(2) ? operand(a) : result(a)); break;
    case 1:
    case 2:
      if (a != b && graft_spec_id(graph, operand(b))) shares(result(a), operand(b));
      break;
    case 3: ck_assert_int_eq(graft_spec_remove(graph, result(a)), GRAFT_OK); break;
    default:
      if (i % 16) break;
      if (graft_node_erase(graph, nodes[a]) == GRAFT_OK)
        gone++;
      else
        kept++;
      graft_diagnostics_clear(context);
    }
    const graft_status status = graft_module_verify(module);
    ck_assert_msg(status == GRAFT_OK || strstr(graft_diagnostic_get(context, 0).message, "circle"), "%s",
                  graft_diagnostic_get(context, 0).message);
    graft_diagnostics_clear(context);
  }
  ck_assert_uint_gt(gone, 2);
  ck_assert_uint_gt(kept, 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("referred");
  TCase *t = tcase_create("referred");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, what_others_refer_to_stays);
  tcase_add_test(t, specs_that_are_cleared_hold_nothing);
  tcase_add_test(t, what_is_taken_back_refers_again);
  tcase_add_test(t, at_random);
  suite_add_tcase(suite, t);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
