/* Kernels of an embedder's within passes: what is computed beforehand, merged and removed where an op is declared pure,
 * and that nothing of this happens where it is not. */
#include "ir/inspect.h"
#include "passes/passes.h"
#include "patterns/patterns.h"
#include "runtime/runtime.h"

#include <check.h>
#include <string.h>

static const char network[] = "graft 1\n"
                              "tensor %k: f32[3] constant = [1.0, 2.0, -3.0]\n"
                              "graph main(%x: f32[3]) {\n"
                              "  %a = \"vendor.scale\"(%k) {by: 3}: f32[3]\n"
                              "  %b = mul(%x, %a)\n"
                              "  %c = \"vendor.scale\"(%x) {by: 2}: f32[3]\n"
                              "  %d = \"vendor.scale\"(%x) {by: 2}: f32[3]\n"
                              "  %e = \"vendor.scale\"(%x) {by: 5}: f32[3]\n"
                              "  %f = add(%b, %c)\n"
                              "  %g = add(%f, %d)\n"
                              "  return %g\n"
                              "}\n";

static graft_context *context;
static graft_module *module;
static graft_graph *graph;
static uint32_t runs;

static graft_status infer(void *user, const graft_kernel_call *call, graft_type *types) {
  (void)user;
  types[0] = call->operand_types[0];
  return GRAFT_OK;
}

static graft_status as_halves(void *user, const graft_kernel_call *call, graft_type *types) {
  (void)user;
  types[0] = call->operand_types[0];
  types[0].dims[0]--;
  return GRAFT_OK;
}

static graft_status scale(void *user, const graft_kernel_call *call) {
  graft_attr by;
  (void)user;
  runs++;
  if (!graft_node_attr(call->graph, call->node, "by", &by)) return GRAFT_RUN;
  for (int64_t i = 0; i < graft_type_elements(&call->result_types[0]); i++)
    ((float *)call->results[0])[i] = (float)by.as.i * ((const float *)call->operands[0])[i];
  return GRAFT_OK;
}

static graft_status fails(void *user, const graft_kernel_call *call) {
  (void)user, (void)call;
  return GRAFT_RUN;
}

static graft_status edits(void *user, const graft_kernel_call *call) {
  const graft_value x = graft_input_get(graph, 0);
  (void)user;
  (void)graft_build(graph, "relu", &x, 1, NULL, 0);
  (void)graft_run_passes(module, "dce", NULL);
  return scale(NULL, call);
}

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_load_memory(context, network, sizeof network - 1, "n.gir", NULL);
  ck_assert_ptr_nonnull(module);
  graph = graft_module_get_graph(module, 0);
  runs = 0;
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static graft_kernel kernel(bool pure) {
  return (graft_kernel){.size = sizeof(graft_kernel), .op = "vendor.scale", .infer = infer, .run = scale, .pure = pure};
}

static graft_status run(const char *pipeline, graft_kernel k) {
  return graft_run_passes(
      module, pipeline,
      &(graft_pass_options){.size = sizeof(graft_pass_options), .verify_each = true, .kernels = &k, .kernel_count = 1});
}

static uint32_t nodes(void) {
  uint32_t count = 0;
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n))
    count += strcmp(graft_node_get_op(graph, n), "vendor.scale") == 0;
  return count;
}

static void says(graft_status status, graft_status wanted, const char *part) {
  ck_assert_int_eq(status, wanted);
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++)
    if (strstr(graft_diagnostic_get(context, i).message, part)) {
      graft_diagnostics_clear(context);
      return;
    }
  ck_abort_msg("'%s' was not said, but '%s'", part, graft_diagnostic_get(context, 0).message);
}

START_TEST(what_is_not_declared_pure_stays) {
  const uint64_t hash = graft_module_hash(module);
  ck_assert_int_eq(graft_run_passes(module, "fold-constants,cse,dce", NULL), GRAFT_OK);
  ck_assert_uint_eq(graft_module_hash(module), hash);
  ck_assert_int_eq(run("fold-constants,cse,dce,merge-dequantize,dedup-qdq", kernel(false)), GRAFT_OK);
  ck_assert_uint_eq(graft_module_hash(module), hash);
  ck_assert_uint_eq(runs, 0);
}
END_TEST

START_TEST(what_is_pure_is_folded_merged_and_removed) {
  ck_assert_int_eq(run("merge-dequantize,fold-constants", kernel(true)), GRAFT_OK);
  ck_assert_uint_eq(runs, 1);
  ck_assert_uint_eq(nodes(), 3);
  const graft_value operand = graft_node_operand(graph, graft_value_node(graph, graft_value_find(graph, "b")), 1);
  const float *a = graft_tensor_get_data(module, graft_value_tensor(graph, operand));
  ck_assert_ptr_nonnull(a);
  ck_assert(a[0] == 3 && a[1] == 6 && a[2] == -9);
  ck_assert_int_eq(run("cse", kernel(true)), GRAFT_OK);
  ck_assert_uint_eq(nodes(), 2);
  ck_assert_int_eq(run("dce", kernel(true)), GRAFT_OK);
  ck_assert_uint_eq(nodes(), 1);
}
END_TEST

static const char rule[] = "# scale(x * c) = x * scale(c)\n"
                           "rule scale_constant\n"
                           "match\n"
                           "  %y = mul(%x, %a)\n"
                           "where\n"
                           "  const(%a), no_spec(..)\n"
                           "rewrite\n"
                           "  const %c = \"vendor.scale\"(%a) {by: 10}\n"
                           "  %y = add(%x, %c)\n";

/* `const` of a rule holds of what it makes, and `const` lines are computed with it. */
START_TEST(rules_compute_with_it) {
  graft_rules *set = graft_rules_create(context, false);
  ck_assert_msg(graft_rules_add(set, rule, sizeof rule - 1, "own.pat") == GRAFT_OK, "%s",
                graft_diagnostic_get(context, 0).message);
  const graft_rules *sets[] = {set};
  graft_kernel k = kernel(false);
  graft_pass_options o = {.size = sizeof o, .kernels = &k, .kernel_count = 1, .rules = sets, .rules_count = 1};
  ck_assert_int_eq(graft_run_passes(module, "rewrite{rules=scale_constant}", &o), GRAFT_OK);
  ck_assert_uint_eq(runs, 0);
  k.pure = true;
  ck_assert_msg(graft_run_passes(module, "rewrite{rules=scale_constant}", &o) == GRAFT_OK, "%s",
                graft_diagnostic_get(context, 0).message);
  ck_assert_uint_eq(runs, 2);
  const graft_node b = graft_value_node(graph, graft_value_find(graph, "b"));
  ck_assert_str_eq(graft_node_get_op(graph, b), "add");
  const float *c = graft_tensor_get_data(module, graft_value_tensor(graph, graft_node_operand(graph, b, 1)));
  ck_assert_ptr_nonnull(c);
  ck_assert(c[0] == 30 && c[1] == 60 && c[2] == -90);
  graft_rules_destroy(set);
}
END_TEST

START_TEST(what_is_refused) {
  const uint64_t hash = graft_module_hash(module);
  graft_kernel k = kernel(true), two[] = {k, k};
  k.infer = NULL;
  says(run("fold-constants", k), GRAFT_INVALID_ARGUMENT, "needs `infer`");
  k = kernel(true);
  k.op = "relu";
  says(run("fold-constants", k), GRAFT_INVALID_ARGUMENT, "is an op of the table");
  const graft_pass_options o = {.size = sizeof o, .kernels = two, .kernel_count = 2};
  says(graft_run_passes(module, "dce", &o), GRAFT_INVALID_ARGUMENT, "there is one for vendor.scale already");
  says(graft_check_pipeline(context, "dce", &o), GRAFT_INVALID_ARGUMENT, "there is one for vendor.scale already");
  k = kernel(true);
  k.run = fails;
  says(run("fold-constants", k), GRAFT_RUN, "computing vendor.scale beforehand");
  k = kernel(true);
  k.infer = as_halves;
  says(run("fold-constants", k), GRAFT_TYPE, "gives result 0 another type than the graph has");
  k = kernel(true);
  k.run = edits;
  says(run("fold-constants", k), GRAFT_INVALID_ARGUMENT, "a kernel is at work in a pass, and only looks");
  ck_assert_uint_eq(graft_module_hash(module), hash);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("pure");
  TCase *t = tcase_create("pure");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, what_is_not_declared_pure_stays);
  tcase_add_test(t, what_is_pure_is_folded_merged_and_removed);
  tcase_add_test(t, rules_compute_with_it);
  tcase_add_test(t, what_is_refused);
  suite_add_tcase(suite, t);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
