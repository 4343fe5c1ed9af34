/* The typed builders that are generated from the op table. */
#include "ir/ir.h"
#include "ir/ops.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static graft_graph *graph;
static graft_value x;

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
  const graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){2, 3, 8, 8});
  x = graft_input_add(graph, "x", &type);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static const char *last_error(void) {
  const uint32_t n = graft_diagnostic_count(context);
  return n ? graft_diagnostic_get(context, n - 1).message : "";
}

static graft_value tensor(const char *name, graft_tensor_kind kind, int32_t rank, const int64_t *dims) {
  const graft_type type = graft_type_make(GRAFT_F32, rank, dims);
  return graft_tensor_value(graph, graft_tensor_fill(module, name, kind, &type, 0.5, 1.5));
}

static void has_type(graft_value v, int32_t rank, const int64_t *dims) {
  ck_assert(v != GRAFT_NONE);
  const graft_type t = graft_value_get_type(graph, v);
  ck_assert_int_eq(t.rank, rank);
  for (int32_t i = 0; i < rank; ++i) ck_assert_int_eq(t.dims[i], dims[i]);
}

START_TEST(options_override_defaults) {
  const graft_value weight = tensor("conv.weight", GRAFT_PARAMETER, 4, (int64_t[]){4, 3, 3, 3});
  has_type(graft_build_conv2d(graph, x, weight, GRAFT_NONE, NULL), 4, (int64_t[]){2, 4, 6, 6});
  graft_conv2d_options o = GRAFT_CONV2D_DEFAULTS;
  o.stride[0] = o.stride[1] = 2;
  o.padding[0] = 1;
  o.name = "conv1";
  const graft_value y = graft_build_conv2d(graph, x, weight, GRAFT_NONE, &o);
  has_type(y, 4, (int64_t[]){2, 4, 4, 3});
  ck_assert(graft_value_find(graph, "conv1") == y);
  graft_attr a;
  ck_assert(graft_node_attr(graph, graft_value_node(graph, y), "stride", &a));
  ck_assert(a.kind == GRAFT_ATTR_INTS && a.count == 2 && a.as.ints[0] == 2 && a.as.ints[1] == 2);
}
END_TEST

START_TEST(options_without_size_are_refused) {
  const graft_relu_options o = {.name = "r"};
  ck_assert(graft_build_relu(graph, x, &o) == GRAFT_NONE);
  ck_assert_uint_eq(graft_diagnostic_count(context), 1);
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message, "the options do not begin with their size");
}
END_TEST

START_TEST(contradiction_is_a_diagnostic) {
  const graft_value weight = tensor("conv.weight", GRAFT_PARAMETER, 4, (int64_t[]){4, 4, 3, 3});
  ck_assert(graft_build_conv2d(graph, x, weight, GRAFT_NONE, NULL) == GRAFT_NONE);
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message,
                   "conv2d: C3: weight has 4 input channels per group, x has 3");
}
END_TEST

START_TEST(required_attributes_are_parameters) {
  has_type(graft_build_permute(graph, x, GRAFT_LIST(0, 2, 3, 1), NULL), 4, (int64_t[]){2, 8, 8, 3});
  has_type(graft_build_softmax(graph, x, 1, NULL), 4, (int64_t[]){2, 3, 8, 8});
  const int64_t kernel[] = {2, 4};
  has_type(graft_build_max_pool2d(graph, x, kernel, NULL).y, 4, (int64_t[]){2, 3, 7, 5});
}
END_TEST

START_TEST(several_results) {
  const graft_value none = GRAFT_NONE;
  const graft_value mean = tensor("bn.running_mean", GRAFT_BUFFER, 1, (int64_t[]){3});
  const graft_value var = tensor("bn.running_var", GRAFT_BUFFER, 1, (int64_t[]){3});
  graft_batch_norm_results r = graft_build_batch_norm(graph, x, none, none, mean, var, none, NULL);
  ck_assert(r.y != GRAFT_NONE && r.mean == GRAFT_NONE);
  graft_batch_norm_options o = GRAFT_BATCH_NORM_DEFAULTS;
  o.training = true;
  o.momentum = GRAFT_NO_FLOAT;
  o.results = 3;
  r = graft_build_batch_norm(graph, r.y, none, none, mean, var, none, &o);
  has_type(r.mean, 1, (int64_t[]){3});
  ck_assert(r.var != GRAFT_NONE && r.count == GRAFT_NONE);
  graft_attr a;
  ck_assert(graft_node_attr(graph, graft_value_node(graph, r.y), "momentum", &a) && a.kind == GRAFT_ATTR_NONE);
  ck_assert(graft_node_attr(graph, graft_value_node(graph, r.y), "eps", &a) && a.as.f == 1e-5);
}
END_TEST

START_TEST(variadic) {
  graft_split_options o = GRAFT_SPLIT_DEFAULTS;
  o.dim = 1;
  const graft_node parts = graft_build_split(graph, x, GRAFT_LIST(1, 2), &o);
  ck_assert_uint_eq(graft_node_result_count(graph, parts), 2);
  const graft_value values[] = {graft_node_result(graph, parts, 1), graft_node_result(graph, parts, 0), x};
  graft_cat_options cat = GRAFT_CAT_DEFAULTS;
  cat.dim = 1;
  has_type(graft_build_cat(graph, values, 3, &cat), 4, (int64_t[]){2, 6, 8, 8});
}
END_TEST

START_TEST(list_behind_operands) {
  const graft_type bytes = {.dtype = GRAFT_I8, .rank = 1, .dims = {3}};
  const graft_type floats = {.dtype = GRAFT_F32, .rank = 1, .dims = {2}};
  const graft_type integers = {.dtype = GRAFT_I32, .rank = 1, .dims = {2}};
  const graft_value a = graft_input_add(graph, "a", &bytes), scales = graft_input_add(graph, "scales", &floats),
                    zeros = graft_input_add(graph, "zeros", &integers), scale = graft_scalar(graph, GRAFT_F32, 0.5),
                    zero = graft_scalar(graph, GRAFT_I32, 3);
  const graft_value values[] = {a, a};
  const graft_value y = graft_build_quantized_cat(graph, scales, zeros, scale, zero, values, 2, NULL);
  has_type(y, 1, (int64_t[]){6});
  const graft_node n = graft_value_node(graph, y);
  ck_assert_uint_eq(graft_node_operand_count(graph, n), 6);
  ck_assert(graft_node_operand(graph, n, 3) == zero && graft_node_operand(graph, n, 5) == a);
  ck_assert(graft_build_quantized_cat(graph, scales, zeros, scale, zero, NULL, 2, NULL) == GRAFT_NONE);
  ck_assert_str_eq(last_error(), "the list of operands is missing");
  ck_assert(graft_build_quantized_cat(graph, scales, zeros, scale, zero, (graft_value[]){a, 12345}, 2, NULL) ==
            GRAFT_NONE);
  ck_assert_str_eq(last_error(), "operand 5 is no value of the graph");
}
END_TEST

START_TEST(optional_lists) {
  has_type(graft_build_mean(graph, x, NULL), 0, NULL);
  graft_mean_options o = GRAFT_MEAN_DEFAULTS;
  const int64_t dim[] = {2, 3};
  o.dim = dim;
  o.dim_count = 2;
  o.keepdim = true;
  has_type(graft_build_mean(graph, x, &o), 4, (int64_t[]){2, 3, 1, 1});
  graft_fake_quantize_options q = GRAFT_FAKE_QUANTIZE_DEFAULTS;
  ck_assert(q.axis == GRAFT_NO_INT && q.enabled && q.quant_min == -128 && q.dtype == GRAFT_I8);
}
END_TEST

int main(void) {
  Suite *s = suite_create("ops");
  TCase *t = tcase_create("builders");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, options_override_defaults);
  tcase_add_test(t, options_without_size_are_refused);
  tcase_add_test(t, contradiction_is_a_diagnostic);
  tcase_add_test(t, required_attributes_are_parameters);
  tcase_add_test(t, several_results);
  tcase_add_test(t, variadic);
  tcase_add_test(t, list_behind_operands);
  tcase_add_test(t, optional_lists);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_set_fork_status(r, CK_NOFORK);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
