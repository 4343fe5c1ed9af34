/* Nodes by source name: what a name in scope=, name= and skip-name= selects. */
#include "passes/passes_impl.h"
#include "passes/quant_impl.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static graft_graph *graph;
static graft_value last;

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
  graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
  last = graft_input_add(graph, "x", &type);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static graft_node node(const char *source) {
  graft_node_options o = {
      .size = sizeof o, .op = "relu", .operands = &last, .operand_count = 1, .source = source, .name = "own.name"};
  graft_node n = graft_node_create(graph, &o);
  last = graft_node_result(graph, n, 0);
  return n;
}

static uint32_t find(const char *list, graft_node n) {
  gr_selector s;
  ck_assert(gr_selector_init(&s, module, list));
  uint32_t found = gr_selector_find(&s, graph, n);
  gr_selector_free(&s);
  return found;
}

START_TEST(a_name_means_itself_and_what_is_below) {
  graft_node n = node("a.b.c");
  ck_assert_uint_eq(find("a.b.c", n), 1);
  ck_assert_uint_eq(find("a.b", n), 1);
  ck_assert_uint_eq(find("a", n), 1);
  ck_assert_uint_eq(find("a.b.c.d", n), 0);
  ck_assert_uint_eq(find("a.b.", n), 0);
  ck_assert_uint_eq(find("b.c", n), 0);
  ck_assert_uint_eq(find("a.bc,a.b.cc,A.b", n), 0);
  ck_assert_uint_eq(find("", n), 0);
  ck_assert_uint_eq(find("x,a,a.b.c,a.b", n), 3); /* the longest */
  ck_assert_uint_eq(find("a,b,a", n), 1);
}
END_TEST

START_TEST(paths_of_exporters_are_names) {
  graft_node n = node("/layer1/layer1.0/conv1/Conv");
  ck_assert_uint_eq(find("layer1.0.conv1.Conv", n), 1);
  ck_assert_uint_eq(find("layer1.0", n), 1);
  ck_assert_uint_eq(find("layer1", n), 1);
  ck_assert_uint_eq(find("layer1.layer1", n), 0);
  ck_assert_uint_eq(find("/layer1/layer1.0", n), 1); /* written as the exporter writes it */
  ck_assert_uint_eq(find("/layer1/layer1.0/conv1/Conv", n), 1);
  ck_assert_uint_eq(find("layer10.0", node("/layer1/layer10.0/Conv")), 0);
  ck_assert_uint_eq(find("layer1.layer10.0", node("/layer1/layer10.0/Conv")), 1);
  ck_assert_uint_eq(find("a", node("/a")), 1);
  ck_assert_uint_eq(find("a", node("/")), 0);
}
END_TEST

START_TEST(without_a_source_the_own_name_counts) {
  ck_assert_uint_eq(find("own", node(NULL)), 1);
  ck_assert_uint_eq(find("own", node("other")), 0);
}
END_TEST

/* The source is that of the first parents, however far back; names may be longer than any buffer. */
START_TEST(sources_are_followed_and_may_be_long) {
  graft_node n = node("net.conv");
  for (uint32_t i = 0; i < 5000; i++) {
    uint32_t parent = gr_node_at(graph, n)->provenance;
    gr_record r = {.pass = gr_intern(module, "p", 1), .parent_count = 1};
    gr_node_at(graph, n)->provenance = gr_record_intern(module, &r, &parent);
  }
  ck_assert_uint_eq(find("net", n), 1);
  char source[5001], list[4001];
  memset(source, 'a', 5000);
  source[5000] = '\0';
  source[4000] = '.';
  memset(list, 'a', 4000);
  list[4000] = '\0';
  n = node(source);
  ck_assert_uint_eq(find(list, n), 1);
  list[3999] = '\0';
  ck_assert_uint_eq(find(list, n), 0);
}
END_TEST

START_TEST(names_that_select_nothing_are_said) {
  node("a.b");
  node("c");
  ck_assert_int_eq(graft_run_passes(module, "annotate{skip-name=\"a,a.b,a.c,nothing\"}", NULL), GRAFT_OK);
  ck_assert_uint_eq(graft_diagnostic_count(context), 2);
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(context, 0).message, "'a.c'"));
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(context, 1).message, "'nothing'"));
}
END_TEST

int main(void) {
  Suite *s = suite_create("select");
  TCase *t = tcase_create("select");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, a_name_means_itself_and_what_is_below);
  tcase_add_test(t, paths_of_exporters_are_names);
  tcase_add_test(t, without_a_source_the_own_name_counts);
  tcase_add_test(t, sources_are_followed_and_may_be_long);
  tcase_add_test(t, names_that_select_nothing_are_said);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_set_fork_status(r, CK_NOFORK);
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
