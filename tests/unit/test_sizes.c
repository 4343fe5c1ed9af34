/* Structs that begin with their size, of older and of newer programs, alone and in lists. */
#include "passes/passes.h"
#include "patterns/patterns.h"
#include "runtime/runtime.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static graft_graph *graph;

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
  const graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
  const graft_value x = graft_input_add(graph, "x", &type);
  const graft_node_options o = {
      .size = sizeof o, .op = "vendor.two", .operands = &x, .operand_count = 1, .types = &type};
  const graft_value y = graft_node_result(graph, graft_node_create(graph, &o), 0);
  const graft_node_options p = {
      .size = sizeof p, .op = "vendor.one", .operands = &y, .operand_count = 1, .types = &type};
  const graft_value z = graft_node_result(graph, graft_node_create(graph, &p), 0);
  ck_assert_int_eq(graft_output_add(graph, "z", z), GRAFT_OK);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static void said(const char *words) {
  ck_assert_uint_gt(graft_diagnostic_count(context), 0);
  const graft_diagnostic d = graft_diagnostic_get(context, 0);
  ck_assert_int_eq(d.code, GRAFT_INVALID_ARGUMENT);
  ck_assert_msg(strstr(d.message, words), "'%s' is not in '%s'", words, d.message);
  graft_diagnostics_clear(context);
}

/* What a program of a later version would have. */
typedef struct newer_kernel {
  graft_kernel known;
  uint64_t more;
} newer_kernel;

static graft_status add_one(void *user, const graft_kernel_call *call) {
  for (int i = 0; i < 2; i++)
    ((float *)call->results[0])[i] = ((const float *)call->operands[0])[i] + *(const float *)user;
  return GRAFT_OK;
}

static graft_session *open_with(const void *kernels, uint32_t count) {
  return graft_session_create(
      graph,
      &(graft_session_options){.size = sizeof(graft_session_options), .kernels = kernels, .kernel_count = count});
}

START_TEST(lists_are_read_by_the_size_of_their_first_element) {
  float one = 1, two = 2;
  newer_kernel kernels[2] = {{{sizeof(newer_kernel), "vendor.one", NULL, add_one, &one, false}, 0},
                             {{sizeof(newer_kernel), "vendor.two", NULL, add_one, &two, false}, 0}};
  graft_session *s = open_with(kernels, 2);
  ck_assert_ptr_nonnull(s);
  const graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
  const float x[2] = {1, 5};
  ck_assert_int_eq(graft_session_set_input(s, 0, &type, x), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  const float *z = graft_session_get_output(s, 0, NULL);
  ck_assert(z && z[0] == 4 && z[1] == 8);
  graft_session_destroy(s);
  kernels[1].more = 7;
  ck_assert_ptr_null(open_with(kernels, 2));
  said("options of a newer graft: byte");
  kernels[1].more = 0;
  kernels[1].known.size = sizeof(graft_kernel);
  ck_assert_ptr_null(open_with(kernels, 2));
  said("kernel 1 begins with");
  kernels[0].known.size = 0;
  ck_assert_ptr_null(open_with(kernels, 2));
  said("do not begin with their size");
}
END_TEST

static bool holds(void *user, const graft_graph *g, const graft_value *values, uint32_t count) {
  (void)user, (void)g, (void)values, (void)count;
  return true;
}

START_TEST(predicates_of_an_older_program_end_before_ours) {
  /* Two of them, without `user`, in memory that ends with the second. */
  const size_t older = offsetof(graft_predicate, user);
  char *list = malloc(2 * older);
  for (int i = 0; i < 2; i++) {
    const graft_predicate p = {older, i ? "second" : "first", 1, holds, NULL};
    memcpy(list + (size_t)i * older, &p, older);
  }
  const graft_pass_options o = {
      .size = sizeof o, .predicates = (const graft_predicate *)(void *)list, .predicate_count = 2};
  const graft_status status = graft_run_passes(module, "rewrite{rules=fuse_conv_bn_qat}", &o);
  ck_assert_msg(status == GRAFT_OK, "%s", graft_diagnostic_get(context, 0).message);
  free(list);
}
END_TEST

START_TEST(odd_sizes_are_no_sizes) {
  const size_t wrong[] = {0, 1, sizeof(size_t) - 1, sizeof(graft_save_options) + 1, SIZE_MAX, (size_t)1 << 30};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const graft_save_options o = {.size = wrong[i]};
    char *text;
    size_t size;
    ck_assert_int_eq(graft_module_print_with(module, &o, &text, &size), GRAFT_INVALID_ARGUMENT);
    said("their size");
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("sizes");
  TCase *tests = tcase_create("sizes");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, lists_are_read_by_the_size_of_their_first_element);
  tcase_add_test(tests, predicates_of_an_older_program_end_before_ours);
  tcase_add_test(tests, odd_sizes_are_no_sizes);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
