/* The verifier: a sound module, then one test a constraint that breaks it in the graph's structs (v7 breaks V7). */
#include "ir/graph/graph_impl.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static graft_graph *graph;
static graft_value x, weight, mean, conv, bn, bn_mean, relu, sum;
static graft_tensor weight_tensor, mean_tensor, var_tensor, scalar_tensor;

static graft_tensor filled(const char *name, graft_tensor_kind kind, int32_t rank, const int64_t *dims) {
  const graft_type type = graft_type_make(GRAFT_F32, rank, dims);
  return graft_tensor_fill(module, name, kind, &type, 0.5, 1.5);
}

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
  const graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){2, 3, 5, 5});
  x = graft_input_add(graph, "x", &type);
  weight_tensor = filled("conv.weight", GRAFT_PARAMETER, 4, (int64_t[]){4, 3, 3, 3});
  mean_tensor = filled("bn.running_mean", GRAFT_BUFFER, 1, (int64_t[]){4});
  var_tensor = filled("bn.running_var", GRAFT_BUFFER, 1, (int64_t[]){4});
  weight = graft_tensor_value(graph, weight_tensor);
  mean = graft_tensor_value(graph, mean_tensor);
  conv = graft_build(graph, "conv2d", (graft_value[]){x, weight}, 2, NULL, 0);
  const graft_attr training = {.name = "training", .kind = GRAFT_ATTR_BOOL, .as.b = true};
  const graft_value operands[] = {conv, GRAFT_NONE, GRAFT_NONE, mean, graft_tensor_value(graph, var_tensor)};
  const graft_node_options o = {.size = sizeof o,
                                .op = "batch_norm",
                                .operands = operands,
                                .operand_count = 5,
                                .attrs = &training,
                                .attr_count = 1,
                                .result_count = 3,
                                .name = "bn",
                                .source = "bn"};
  const graft_node node = graft_node_create(graph, &o);
  bn = graft_node_result(graph, node, 0);
  bn_mean = graft_node_result(graph, node, 1);
  relu = graft_build(graph, "relu", &bn, 1, NULL, 0);
  const graft_value two = graft_scalar(graph, GRAFT_F32, 2);
  scalar_tensor = graft_value_tensor(graph, two);
  sum = graft_build(graph, "add", (graft_value[]){relu, two}, 2, NULL, 0);
  graft_output_add(graph, "y", sum);
  graft_update_add(graph, mean_tensor, bn_mean);
  ck_assert(graft_module_verify(module) == GRAFT_OK);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

/* The verifier fails and one of its messages, about `node`, begins with the constraint and has the words. */
static void fails(const char *constraint, const char *node, const char *words) {
  ck_assert(graft_module_verify(module) == GRAFT_VERIFY);
  bool found = false;
  for (uint32_t i = 0; i < graft_diagnostic_count(context); ++i) {
    const graft_diagnostic d = graft_diagnostic_get(context, i);
    found = found || (strncmp(d.message, constraint, strlen(constraint)) == 0 && d.message[strlen(constraint)] == ':' &&
                      strcmp(d.node, node) == 0 && strstr(d.message, words) != NULL);
  }
  const graft_diagnostic first = graft_diagnostic_get(context, 0);
  ck_assert_msg(found, "no %s about '%s' (%s); the first is '%s' %s", constraint, node, words, first.node,
                first.message);
}

static gr_node *node_of(graft_value v) { return gr_node_at(graph, graft_value_node(graph, v)); }
static uint32_t use_of(graft_value v, uint32_t slot) { return node_of(v)->first_use + slot; }

START_TEST(v1_index_out_of_range) {
  node_of(relu)->attrs = 1000;
  fails("V1", "", "node");
}
END_TEST
START_TEST(v1_string) {
  module->strings.items.data[1].length = 1u << 30;
  fails("V1", "", "string 1");
}
END_TEST
START_TEST(v2_type) {
  module->types.data[0].rank = 9;
  fails("V2", "", "type 0");
}
END_TEST
START_TEST(v2_extent) {
  module->types.data[0].dims[0] = -2;
  fails("V2", "", "type 0");
}
END_TEST
START_TEST(v3_tensor_bytes) {
  const graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){4});
  module->tensors.data[scalar_tensor].type = gr_type_intern(module, &type);
  fails("V3", "scalar", "4 bytes, its type wants 16");
}
END_TEST
START_TEST(v3_unknown_type) {
  const graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){-1});
  module->tensors.data[scalar_tensor].type = gr_type_intern(module, &type);
  fails("V3", "scalar", "not fully known");
}
END_TEST
START_TEST(v4_record_of_itself) {
  gr_record r = {.pass = gr_intern(module, "pass", 4), .parent_count = 1};
  const uint32_t parent = 1;
  const uint32_t id = gr_record_intern(module, &r, &parent);
  module->record_parents.data[gr_record_get(module, id)->first_parent] = id;
  fails("V4", "", "not before it");
}
END_TEST
START_TEST(v5_same_name) {
  gr_value_at(graph, relu)->name = gr_value_at(graph, conv)->name;
  fails("V5", "conv2d", "this name");
}
END_TEST
START_TEST(v5_name_of_a_tensor) {
  gr_value_at(graph, relu)->name = module->tensors.data[mean_tensor].name;
  fails("V5", "bn.running_mean", "this name");
}
END_TEST
START_TEST(v5_sparse_number) {
  const gr_name far = {gr_value_at(graph, relu)->name.base, 4000000000u};
  gr_value_at(graph, relu)->name = gr_value_at(graph, conv)->name = far;
  fails("V5", "relu_4000000000", "this name");
}
END_TEST
START_TEST(v6_user) {
  gr_use_at(graph, use_of(sum, 0))->user = graft_value_node(graph, relu);
  fails("V6", "", "another user");
}
END_TEST
START_TEST(v6_orphan) {
  node_of(sum)->operand_count = 1;
  fails("V6", "", "1 uses have no user");
}
END_TEST
START_TEST(v7_broken_link) {
  gr_use_at(graph, use_of(sum, 0))->prev = use_of(conv, 0);
  fails("V7", "", "broken");
}
END_TEST
START_TEST(v7_ring) {
  gr_use *u = gr_use_at(graph, use_of(sum, 0));
  u->next = u->prev = use_of(sum, 0);
  fails("V7", "", "broken");
}
END_TEST
START_TEST(v7_unlisted) {
  gr_value_at(graph, relu)->first_use = GRAFT_NONE;
  fails("V7", "", "in no value's list");
}
END_TEST
START_TEST(v8_definition) {
  gr_value_at(graph, relu)->def = graft_value_node(graph, conv) & 0x3FFFFFFFu;
  fails("V8", "", "not defined where it says");
}
END_TEST
START_TEST(v8_two_handles) {
  graph->handles.data[gr_handle_slot(graph, mean_tensor)] = weight;
  fails("V8", "", "handle");
}
END_TEST
START_TEST(v9_order_has_a_cycle) {
  gr_node *last = node_of(sum);
  last->next = graph->first;
  fails("V9", "", "broken");
}
END_TEST
START_TEST(v9_node_left_out) {
  gr_node *n = node_of(relu);
  gr_node_at(graph, n->prev)->next = n->next;
  gr_node_at(graph, n->next)->prev = n->prev;
  fails("V9", "", "3 nodes are in order, of 4");
}
END_TEST
START_TEST(v10_attribute_kind) {
  uint32_t count;
  const gr_attr *a = gr_attrs_get(module, node_of(conv)->attrs, &count);
  module->attrs.items.data[a - module->attrs.items.data + 3].kind = GRAFT_ATTR_FLOAT;
  fails("V10", "conv2d", "groups is of the wrong kind");
}
END_TEST
START_TEST(v10_attributes_of_another_op) {
  node_of(relu)->attrs = node_of(conv)->attrs;
  fails("V10", "relu", "4 attributes, relu has 0");
}
END_TEST
START_TEST(v11_graph_inside_itself) {
  const graft_attr a = {.name = "body", .kind = GRAFT_ATTR_GRAPH, .as.graph = 1};
  graft_graph_create(module, "inner");
  const graft_value loop = graft_build(graph, "vendor.loop", &relu, 1, &a, 1);
  module->attrs.items.data[module->attrs.sets.data[node_of(loop)->attrs].first].as.i = 0;
  fails("V11", "vendor.loop", "the graph 'main' inside of 'main'");
}
END_TEST
START_TEST(v10_attribute_out_of_range) {
  module->attrs.ints.data[gr_attr_at(module, node_of(conv)->attrs, GR_ATTR(conv2d, stride))->as.list.offset] = 0;
  fails("V10", "conv2d", "stride of conv2d is 0, not from 1 to 2147483647");
}
END_TEST
START_TEST(v12_constraint_of_the_op) {
  module->attrs.items.data[module->attrs.sets.data[node_of(conv)->attrs].first + GR_ATTR(conv2d, groups)].as.i = 2;
  fails("V12", "conv2d", "conv2d: C4: groups is 2, x has 3 channels");
}
END_TEST
START_TEST(v12_type_of_a_result) {
  gr_value_at(graph, relu)->type = gr_value_at(graph, weight)->type;
  fails("V12", "relu", "result 0 is f32[4, 3, 3, 3], it should be f32[2, 4, 3, 3]");
}
END_TEST
START_TEST(v12_spec_as_a_node) {
  node_of(relu)->op = GR_OP_COUNT + gr_intern(module, "shared", 6);
  fails("V12", "relu", "shared is a kind of spec, not an op");
}
END_TEST
START_TEST(v13_absent_result) {
  const graft_value dead = graft_build(
      graph, "split", &relu, 1,
      &(graft_attr){.name = "split_sizes", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){1, 1}}, 1);
  gr_value_at(graph, dead)->type = GRAFT_NONE;
  fails("V13", "split_1", "result 0 is absent");
}
END_TEST
START_TEST(v14_used_before_defined) {
  const graft_node late = graft_value_node(graph, sum), early = graft_value_node(graph, relu);
  gr_unlink_node(graph, late);
  gr_link_node(graph, late, gr_node_at(graph, early)->prev, early);
  fails("V14", "add", "%relu is used before");
}
END_TEST
START_TEST(v14_uses_itself) {
  gr_use_set(graph, use_of(relu, 0), relu);
  fails("V14", "relu", "%relu is used before");
}
END_TEST
START_TEST(v15_absent_and_used) {
  gr_value_at(graph, bn_mean)->type = GRAFT_NONE;
  fails("V15", "bn", "result 1");
}
END_TEST
START_TEST(v16_two_outputs) {
  graft_output_add(graph, "z", relu);
  graph->outputs.data[1].name = graph->outputs.data[0].name;
  fails("V16", "y", "two outputs");
}
END_TEST
START_TEST(v16_no_value) {
  gr_use_set(graph, graph->outputs.data[0].use, GRAFT_NONE);
  fails("V16", "y", "no value");
}
END_TEST
START_TEST(v17_updated_twice) {
  graft_update_add(graph, var_tensor, bn_mean);
  graph->updates.data[1].tensor = mean_tensor;
  fails("V17", "bn.running_mean", "twice");
}
END_TEST
START_TEST(v17_constant) {
  graph->updates.data[0].tensor = scalar_tensor;
  fails("V17", "scalar", "a constant is updated");
}
END_TEST
START_TEST(v17_type) {
  gr_use_set(graph, graph->updates.data[0].use, relu);
  fails("V17", "bn.running_mean", "another type");
}
END_TEST

static uint32_t spec(uint32_t kind, const graft_attr *attrs, uint32_t count, const gr_spec_ref *refs,
                     uint32_t ref_count) {
  gr_attr_builder b;
  const gr_op_info *row = gr_spec_info(kind);
  gr_attrs_begin(&b, row);
  for (uint32_t i = 0; i < count; ++i) gr_attrs_set(module, &b, row, &attrs[i], (gr_loc){0});
  return gr_spec_intern(module, kind, gr_attrs_intern(module, &b, row, (gr_loc){0}), refs, ref_count);
}

START_TEST(specs_are_accepted) {
  gr_spec_set_use(graph, use_of(conv, 0), spec(GR_SPEC_spec, NULL, 0, NULL, 0));
  gr_spec_set_use(graph, use_of(conv, 1),
                  spec(GR_SPEC_spec, &(graft_attr){.name = "axis", .kind = GRAFT_ATTR_INT, .as.i = 0}, 1, NULL, 0));
  gr_spec_set_value(graph, relu, spec(GR_SPEC_shared, NULL, 0, &(gr_spec_ref){false, use_of(conv, 0)}, 1));
  ck_assert(graft_module_verify(module) == GRAFT_OK);
}
END_TEST
START_TEST(v18_derived_from_nothing) {
  gr_spec_set_value(graph, relu, spec(GR_SPEC_derived, NULL, 0, NULL, 0));
  fails("V18", "relu", "(derived) refers to 0");
}
END_TEST
START_TEST(pitfall_44_spec_refers_to_an_erased_node) {
  const graft_value dead = graft_build(graph, "relu", &relu, 1, NULL, 0);
  gr_spec_set_value(graph, relu, spec(GR_SPEC_shared, NULL, 0, &(gr_spec_ref){true, dead}, 1));
  ck_assert(graft_module_verify(module) == GRAFT_OK);
  gr_node_erase(graph, graft_value_node(graph, dead));
  fails("V18", "relu", "(shared) refers to what is gone");
}
END_TEST
START_TEST(v19_range) {
  gr_spec_set_value(
      graph, relu,
      spec(GR_SPEC_spec, &(graft_attr){.name = "quant_max", .kind = GRAFT_ATTR_INT, .as.i = 255}, 1, NULL, 0));
  fails("V19", "relu", "-128 to 255 of i8");
}
END_TEST
START_TEST(v19_axis) {
  gr_spec_set_use(graph, use_of(conv, 1),
                  spec(GR_SPEC_spec, &(graft_attr){.name = "axis", .kind = GRAFT_ATTR_INT, .as.i = 4}, 1, NULL, 0));
  fails("V19", "conv2d", "axis is 4, of 4");
}
END_TEST
START_TEST(pitfall_19_statistics_have_no_spec) { /* v20 */
  gr_spec_set_use(graph, use_of(bn, 3), spec(GR_SPEC_spec, NULL, 0, NULL, 0));
  fails("V20", "bn", "running_mean cannot be quantized");
}
END_TEST
START_TEST(v20_output) {
  gr_spec_set_use(graph, graph->outputs.data[0].use, spec(GR_SPEC_spec, NULL, 0, NULL, 0));
  fails("V20", "", "no operand");
}
END_TEST

/* A sum of integers of two scales and zero points. */
static void integers(double scale, int32_t zero_point) {
  const graft_type type = graft_type_make(GRAFT_U8, 1, (int64_t[]){3});
  const graft_value q = graft_input_add(graph, "q", &type), one = graft_scalar(graph, GRAFT_F32, 1),
                    zero = graft_scalar(graph, GRAFT_I32, 0);
  const graft_value operands[] = {q, q, one, zero, one, zero, one, zero};
  const graft_node n = graft_value_node(graph, graft_build(graph, "quantized.add", operands, 8, NULL, 0));
  gr_use_set(graph, gr_node_at(graph, n)->first_use + 2, graft_scalar(graph, GRAFT_F32, scale));
  gr_use_set(graph, gr_node_at(graph, n)->first_use + 3, graft_scalar(graph, GRAFT_I32, zero_point));
}
START_TEST(v22_scale) {
  integers(0, 0);
  fails("V22", "quantized.add", "x_scale is 0, not a normal number above 0");
}
END_TEST
START_TEST(v22_zero_point) {
  integers(1, 256);
  fails("V22", "quantized.add", "x_zero_point is 256, not from 0 to 255");
}
END_TEST
START_TEST(several_errors_bounded) {
  graft_value v = relu;
  for (int i = 0; i < 50; ++i) v = graft_build(graph, "relu", &v, 1, NULL, 0);
  for (graft_node n = graph->first; n != GRAFT_NONE; n = gr_node_at(graph, n)->next)
    if (gr_node_at(graph, n)->op == GR_OP_relu)
      gr_value_at(graph, gr_result(graph, n, 0))->type = gr_value_at(graph, weight)->type;
  node_of(relu)->attrs = node_of(conv)->attrs;
  v = relu;
  ck_assert(graft_module_verify(module) == GRAFT_VERIFY);
  ck_assert_uint_ge(graft_diagnostic_count(context), 2);
  for (graft_node n = graph->first; n != GRAFT_NONE; n = gr_node_at(graph, n)->next)
    if (gr_node_at(graph, n)->op == GR_OP_relu) gr_node_at(graph, n)->attrs = node_of(conv)->attrs;
  graft_diagnostics_clear(context);
  ck_assert(graft_module_verify(module) == GRAFT_VERIFY);
  ck_assert_uint_eq(graft_diagnostic_count(context), 21);
  ck_assert_str_eq(graft_diagnostic_get(context, 20).message, "further errors are not reported");
}
END_TEST

/* ---- any word of the structs may be anything: a diagnosis or a sound module, never a crash or a hang ---- */

static uint64_t below(uint64_t *seed, uint64_t n) {
  *seed = gr_mix(*seed + 0x9e3779b97f4a7c15u);
  return *seed % n;
}

typedef struct region {
  unsigned char *data, *copy;
  size_t size;
} region;

START_TEST(corrupted_words) {
  gr_spec_set_use(graph, use_of(conv, 0), spec(GR_SPEC_spec, NULL, 0, NULL, 0));
  gr_spec_set_value(graph, relu, spec(GR_SPEC_shared, NULL, 0, &(gr_spec_ref){false, use_of(conv, 0)}, 1));
  const graft_attr body = {.name = "body", .kind = GRAFT_ATTR_GRAPH, .as.graph = 1};
  graft_graph_create(module, "body");
  graft_build(graph, "vendor.loop", &relu, 1, &body, 1);
  ck_assert(graft_module_verify(module) == GRAFT_OK);
#define REGION(v) {(unsigned char *)(v).data, NULL, (v).len * sizeof *(v).data}
  region regions[] = {REGION(graph->nodes),
                      REGION(graph->uses),
                      REGION(graph->values),
                      REGION(graph->inputs),
                      REGION(graph->outputs),
                      REGION(graph->updates),
                      REGION(graph->handles),
                      REGION(graph->spec_of_use),
                      REGION(graph->spec_of_value),
                      REGION(module->attrs.items),
                      REGION(module->attrs.sets),
                      REGION(module->attrs.ints),
                      REGION(module->types),
                      REGION(module->specs),
                      {(unsigned char *)&module->spec_refs.data[0].id, NULL, sizeof(uint32_t)},
                      REGION(module->strings.items)};
  const size_t count = sizeof regions / sizeof *regions;
  for (size_t i = 0; i < count; ++i) {
    regions[i].copy = malloc(regions[i].size);
    ck_assert_ptr_nonnull(regions[i].copy);
    memcpy(regions[i].copy, regions[i].data, regions[i].size);
  }
  static const uint32_t words[] = {0,           1,           2,           3,          GRAFT_NONE, GRAFT_NONE - 1,
                                   0x80000000u, 0xC0000000u, 0x7FFFFFFFu, 0x40000000u};
  uint64_t seed = 7;
  int sound = 0, rounds = 30000;
  for (int round = 0; round < rounds; ++round) {
    const size_t i = below(&seed, count);
    for (uint64_t k = below(&seed, 3); k < 3; ++k) {
      uint32_t *word = (uint32_t *)(void *)(regions[i].data + below(&seed, regions[i].size / 4) * 4);
      *word = below(&seed, 2) != 0 ? words[below(&seed, 10)] : *word + (uint32_t)below(&seed, 5) - 2;
    }
    const graft_status status = graft_module_verify(module);
    ck_assert(status == GRAFT_OK || (status == GRAFT_VERIFY && graft_diagnostic_count(context) > 0));
    if (status == GRAFT_OK) ck_assert(graft_module_hash(module) != 0);
    sound += status == GRAFT_OK;
    graft_diagnostics_clear(context);
    memcpy(regions[i].data, regions[i].copy, regions[i].size);
  }
  ck_assert_int_lt(sound, rounds / 2);
  for (size_t i = 0; i < count; ++i) free(regions[i].copy);
  ck_assert(graft_module_verify(module) == GRAFT_OK);
}
END_TEST

int main(void) {
  Suite *s = suite_create("verify");
  TCase *t = tcase_create("constraints");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, v1_index_out_of_range);
  tcase_add_test(t, v1_string);
  tcase_add_test(t, v2_type);
  tcase_add_test(t, v2_extent);
  tcase_add_test(t, v3_tensor_bytes);
  tcase_add_test(t, v3_unknown_type);
  tcase_add_test(t, v4_record_of_itself);
  tcase_add_test(t, v5_same_name);
  tcase_add_test(t, v5_name_of_a_tensor);
  tcase_add_test(t, v5_sparse_number);
  tcase_add_test(t, v6_user);
  tcase_add_test(t, v6_orphan);
  tcase_add_test(t, v7_broken_link);
  tcase_add_test(t, v7_ring);
  tcase_add_test(t, v7_unlisted);
  tcase_add_test(t, v8_definition);
  tcase_add_test(t, v8_two_handles);
  tcase_add_test(t, v9_order_has_a_cycle);
  tcase_add_test(t, v9_node_left_out);
  tcase_add_test(t, v10_attribute_kind);
  tcase_add_test(t, v10_attributes_of_another_op);
  tcase_add_test(t, v11_graph_inside_itself);
  tcase_add_test(t, v10_attribute_out_of_range);
  tcase_add_test(t, v12_constraint_of_the_op);
  tcase_add_test(t, v12_type_of_a_result);
  tcase_add_test(t, v12_spec_as_a_node);
  tcase_add_test(t, v13_absent_result);
  tcase_add_test(t, v14_used_before_defined);
  tcase_add_test(t, v14_uses_itself);
  tcase_add_test(t, v15_absent_and_used);
  tcase_add_test(t, v16_two_outputs);
  tcase_add_test(t, v16_no_value);
  tcase_add_test(t, v17_updated_twice);
  tcase_add_test(t, v17_constant);
  tcase_add_test(t, v17_type);
  tcase_add_test(t, specs_are_accepted);
  tcase_add_test(t, v18_derived_from_nothing);
  tcase_add_test(t, pitfall_44_spec_refers_to_an_erased_node);
  tcase_add_test(t, v19_range);
  tcase_add_test(t, v19_axis);
  tcase_add_test(t, pitfall_19_statistics_have_no_spec);
  tcase_add_test(t, v20_output);
  tcase_add_test(t, v22_scale);
  tcase_add_test(t, v22_zero_point);
  tcase_add_test(t, several_errors_bounded);
  tcase_add_test(t, corrupted_words);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_set_fork_status(r, CK_NOFORK);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
