/* The core of the IR: names, interning, use lists, editing in place, compaction, tensors, annotations, provenance. */
#include "heap.h"
#include "ir/ir_int.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static graft_graph *graph;
static graft_value input;

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
  graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){1, 3, 5, 5});
  input = graft_input_add(graph, "x", &type);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static graft_value op1(const char *op, graft_value x) { return graft_build(graph, op, &x, 1, NULL, 0); }
static graft_value op2(const char *op, graft_value x, graft_value y) {
  return graft_build(graph, op, (graft_value[]){x, y}, 2, NULL, 0);
}

static const char *name_of(graft_value v) { return gr_value_label(graph, v); }

/* Every use is in its value's list exactly once, and every list holds only uses of its value. */
static void check_uses(void) {
  uint32_t listed = 0, used = 0;
  for (graft_value v = 0; v < graph->values.len; v++) {
    uint32_t prev = GRAFT_NONE;
    for (uint32_t u = gr_value_at(graph, v)->first_use; u != GRAFT_NONE; u = gr_use_at(graph, u)->next, listed++) {
      ck_assert_uint_eq(gr_use_at(graph, u)->value, v);
      ck_assert_uint_eq(gr_use_at(graph, u)->prev, prev);
      prev = u;
    }
  }
  for (uint32_t u = 0; u < graph->uses.len; u++) used += gr_use_at(graph, u)->value != GRAFT_NONE;
  ck_assert_uint_eq(listed, used);
}

START_TEST(names_split_one_to_one) {
  static const char *const names[] = {"relu",         "relu_2", "relu_0", "relu_02",       "_7", "7", "a_b_12",
                                      "a_9999999999", "",       "x_",     "layer1.0.conv1"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char text[64];
    gr_name n = gr_name_split(module, names[i], strlen(names[i]));
    gr_name_format(module, n, text, sizeof text);
    ck_assert_str_eq(text, names[i]);
    for (size_t k = 0; k < i; k++) ck_assert(!gr_name_equal(n, gr_name_split(module, names[k], strlen(names[k]))));
  }
  gr_name relu = gr_name_split(module, "relu", 4), two = gr_name_split(module, "relu_2", 6);
  ck_assert_uint_eq(relu.base, two.base);
  ck_assert_uint_eq(two.number, 2);
}
END_TEST

START_TEST(made_names_never_meet_given_ones) {
  graft_value a = op1("relu", input);
  ck_assert_str_eq(name_of(a), "relu");
  graft_node_options o = {.size = sizeof o, .op = "relu", .operands = &a, .operand_count = 1, .name = "relu_5"};
  graft_value b = graft_node_result(graph, graft_node_create(graph, &o), 0);
  ck_assert_str_eq(name_of(b), "relu_5");
  ck_assert_str_eq(name_of(op1("relu", b)), "relu_6");
  o.name = "relu"; /* taken: gets a number */
  ck_assert_str_eq(name_of(graft_node_result(graph, graft_node_create(graph, &o), 0)), "relu_7");
  graft_type s = graft_type_make(GRAFT_F32, 0, NULL);
  float one = 1;
  graft_tensor t = graft_tensor_create(module, "relu_8", GRAFT_CONSTANT, &s, &one);
  ck_assert_uint_ne(t, GRAFT_NONE);
  ck_assert_str_eq(name_of(op1("relu", b)), "relu_9");
  ck_assert_uint_eq(graft_value_find(graph, "relu_5"), b);
  ck_assert_uint_eq(graft_value_find(graph, "relu_8"), graft_tensor_value(graph, t));
  ck_assert_uint_eq(graft_value_find(graph, "relu_77"), GRAFT_NONE);
}
END_TEST

START_TEST(replace_uses_moves_outputs_and_updates) {
  graft_value a = op1("relu", input), b = op1("sigmoid", input), c = op2("add", a, a);
  graft_type type = graft_value_get_type(graph, a);
  static const float zeros[75];
  graft_tensor state = graft_tensor_create(module, "state", GRAFT_BUFFER, &type, zeros);
  ck_assert_int_eq(graft_output_add(graph, "y", a), GRAFT_OK);
  ck_assert_int_eq(graft_output_add(graph, "y", b), GRAFT_NAME);
  ck_assert_int_eq(graft_update_add(graph, state, a), GRAFT_OK);
  ck_assert_uint_eq(graft_value_use_count(graph, a), 4);
  ck_assert_int_eq(graft_value_replace_uses(graph, a, b), GRAFT_OK);
  ck_assert_uint_eq(graft_value_use_count(graph, a), 0);
  ck_assert_uint_eq(graft_value_use_count(graph, b), 4);
  ck_assert_uint_eq(graft_output_get(graph, 0), b);
  ck_assert_uint_eq(graft_node_operand(graph, graft_value_node(graph, c), 1), b);
  check_uses();
  ck_assert_int_eq(graft_node_erase(graph, graft_value_node(graph, a)), GRAFT_OK);
  ck_assert_int_eq(graft_node_erase(graph, graft_value_node(graph, b)), GRAFT_INVALID_ARGUMENT);
}
END_TEST

START_TEST(marks_go_with_the_node) {
  graft_value a = op1("relu", input), b = op2("add", a, input);
  graft_node n = graft_value_node(graph, b), dead = graft_value_node(graph, op1("relu", input));
  ck_assert(!graft_node_has_mark(graph, n, "inserted"));
  ck_assert_int_eq(graft_node_set_mark(graph, n, "inserted", true), GRAFT_OK);
  ck_assert_int_eq(graft_node_set_mark(graph, n, "training_form", true), GRAFT_OK);
  ck_assert_int_eq(graft_node_set_mark(graph, n, "inserted", false), GRAFT_OK);
  ck_assert_int_eq(graft_node_set_operand(graph, n, 1, a), GRAFT_OK);
  ck_assert(graft_node_has_mark(graph, n, "training_form") && !graft_node_has_mark(graph, n, "inserted"));
  ck_assert(!graft_node_has_mark(graph, graft_value_node(graph, a), "training_form"));
  ck_assert_int_eq(graft_node_erase(graph, dead), GRAFT_OK);
  ck_assert_int_eq(graft_module_compact(module), GRAFT_OK);
  n = graft_node_next(graph, graft_node_first(graph));
  ck_assert(graft_node_has_mark(graph, n, "training_form"));
  /* A node that becomes another one is what its maker says that it is. */
  a = graft_node_operand(graph, n, 0);
  gr_node_desc d = {.op = GR_OP_relu, .operands = &a, .operand_count = 1, .result_count = 1, .before = GRAFT_NONE};
  ck_assert_int_eq(gr_node_become(graph, n, &d), GRAFT_OK);
  ck_assert(!graft_node_has_mark(graph, n, "training_form"));
  /* What is no mark or no node is an error, or not marked. */
  ck_assert_int_eq(graft_node_set_mark(graph, n, "merged", true), GRAFT_NAME);
  ck_assert_int_eq(graft_node_set_mark(graph, GRAFT_NONE, "inserted", true), GRAFT_INVALID_ARGUMENT);
  ck_assert(!graft_node_has_mark(graph, n, "merged") && !graft_node_has_mark(graph, 99, "inserted"));
  ck_assert_uint_eq(graft_mark_count(), 6);
  ck_assert_str_eq(graft_mark_name(1), "training_form");
  ck_assert_ptr_null(graft_mark_name(6));
  graft_diagnostics_clear(context);
}
END_TEST

START_TEST(become_keeps_the_result) {
  graft_value a = op1("relu", input), b = op2("add", a, input), y = op1("sigmoid", b);
  graft_node n = graft_value_node(graph, b);
  gr_node_desc d = {.op = GR_OP_clamp,
                    .operands = (graft_value[]){a, GRAFT_NONE, graft_scalar(graph, GRAFT_F32, 6)},
                    .operand_count = 3,
                    .result_count = 1,
                    .before = GRAFT_NONE};
  ck_assert_int_eq(gr_node_become(graph, n, &d), GRAFT_OK);
  ck_assert_str_eq(graft_node_get_op(graph, n), "clamp");
  ck_assert_str_eq(name_of(b), "clamp");
  ck_assert_uint_eq(graft_node_operand_count(graph, n), 3);
  ck_assert_uint_eq(graft_node_operand(graph, n, 1), GRAFT_NONE);
  ck_assert_uint_eq(graft_node_operand(graph, graft_value_node(graph, y), 0), b);
  check_uses();
  /* More results than before: the value moves, its users follow. */
  gr_attr_builder attrs;
  const gr_op_info *split = gr_op_get(GR_OP_split);
  gr_attrs_begin(&attrs, split);
  graft_attr sizes = {.name = "split_sizes", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){2, 3}};
  graft_attr dim = {.name = "dim", .kind = GRAFT_ATTR_INT, .as.i = 3};
  ck_assert_int_eq(gr_attrs_set(module, &attrs, split, &sizes, (gr_loc){0}), GRAFT_OK);
  ck_assert_int_eq(gr_attrs_set(module, &attrs, split, &dim, (gr_loc){0}), GRAFT_OK);
  d = (gr_node_desc){.op = GR_OP_split,
                     .attrs = gr_attrs_intern(module, &attrs, split, (gr_loc){0}),
                     .operands = &a,
                     .operand_count = 1,
                     .result_count = 2,
                     .before = GRAFT_NONE};
  ck_assert_int_eq(gr_node_become(graph, n, &d), GRAFT_OK);
  graft_value part = graft_node_result(graph, n, 0);
  ck_assert_uint_ne(part, b);
  ck_assert_str_eq(name_of(part), "split"); /* a made-up name follows the op */
  ck_assert_uint_eq(graft_node_operand(graph, graft_value_node(graph, y), 0), part);
  ck_assert_int_eq(graft_value_get_type(graph, graft_node_result(graph, n, 1)).dims[3], 3);
  check_uses();
}
END_TEST

/* Types are remembered by op, attributes and operand types: not where the numbers of an operand decide. */
START_TEST(remembered_types_are_those_of_the_node) {
  graft_type two = graft_type_make(GRAFT_I64, 1, (int64_t[]){2});
  static const int64_t sizes[][2] = {{3, 25}, {5, 15}, {3, 25}};
  for (int i = 0; i < 3; i++) {
    graft_value size = gr_handle(graph, graft_tensor_create(module, "size", GRAFT_CONSTANT, &two, sizes[i]));
    graft_value y = op2("reshape", input, size);
    ck_assert_int_eq(gr_type_of(graph, y)->dims[0], sizes[i][0]);
    ck_assert_int_eq(gr_type_of(graph, y)->dims[1], sizes[i][1]);
    graft_attr dim = {.name = "dim", .kind = GRAFT_ATTR_INTS, .as.ints = (int64_t[]){i % 2}, .count = 1};
    ck_assert_int_eq(gr_type_of(graph, graft_build(graph, "mean", &y, 1, &dim, 1))->dims[0], sizes[i][1 - i % 2]);
  }
}
END_TEST

START_TEST(attributes_are_checked_and_interned) {
  graft_attr p = {.name = "min_val", .kind = GRAFT_ATTR_INT, .as.i = 0};
  graft_value a = graft_build(graph, "hardtanh", &input, 1, &p, 1),
              b = graft_build(graph, "hardtanh", &input, 1, &p, 1);
  ck_assert_uint_eq(gr_node_at(graph, graft_value_node(graph, a))->attrs,
                    gr_node_at(graph, graft_value_node(graph, b))->attrs);
  graft_attr got;
  ck_assert(graft_node_attr(graph, graft_value_node(graph, a), "max_val", &got));
  ck_assert(got.kind == GRAFT_ATTR_FLOAT && got.as.f == 1.0);
  ck_assert(!graft_node_attr(graph, graft_value_node(graph, a), "slope", &got));
  p.name = "slope";
  ck_assert_uint_eq(graft_build(graph, "hardtanh", &input, 1, &p, 1), GRAFT_NONE);
  p = (graft_attr){.name = "min_val", .kind = GRAFT_ATTR_STRING, .as.s = "low"};
  ck_assert_uint_eq(graft_build(graph, "hardtanh", &input, 1, &p, 1), GRAFT_NONE);
  ck_assert_uint_eq(graft_build(graph, "softmax", &input, 1, NULL, 0), GRAFT_NONE); /* dim is required */
  ck_assert_uint_eq(graft_build(graph, "add", &input, 1, NULL, 0), GRAFT_NONE);     /* an operand is missing */
  ck_assert_uint_eq(graft_diagnostic_count(context), 4);
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message, "hardtanh has no attribute 'slope'");
  ck_assert_str_eq(graft_diagnostic_get(context, 2).message, "softmax needs the attribute 'dim'");
  graft_attr eval = {.name = "max_val", .kind = GRAFT_ATTR_FLOAT, .as.f = 6};
  ck_assert_int_eq(graft_node_set_attr(graph, graft_value_node(graph, a), &eval), GRAFT_OK);
  ck_assert(graft_node_attr(graph, graft_value_node(graph, a), "min_val", &got) && got.as.f == 0);
  ck_assert(graft_node_attr(graph, graft_value_node(graph, b), "max_val", &got) && got.as.f == 1);
  ck_assert(graft_node_attr(graph, graft_value_node(graph, b), "max_val", NULL)); /* is there one? */
  ck_assert(!graft_node_attr(graph, graft_value_node(graph, b), "slope", NULL));
}
END_TEST

START_TEST(an_opaque_node_keeps_its_types_when_it_is_edited) {
  const graft_type types[2] = {graft_type_make(GRAFT_F32, 2, (int64_t[]){3, -1}), graft_type_make(GRAFT_I64, 0, NULL)};
  graft_node_options o = {
      .size = sizeof o, .op = "vendor.two", .operands = &input, .operand_count = 1, .result_count = 2, .types = types};
  const graft_value relu = op1("relu", input);
  graft_node n = graft_node_create(graph, &o);
  graft_attr level = {.name = "level", .kind = GRAFT_ATTR_INT, .as.i = 3};
  ck_assert_int_eq(graft_node_set_attr(graph, n, &level), GRAFT_OK);
  ck_assert_int_eq(graft_node_set_operand(graph, n, 1, relu), GRAFT_OK);
  for (uint32_t i = 0; i < 2; i++) {
    graft_type t = graft_value_get_type(graph, graft_node_result(graph, n, i));
    ck_assert_mem_eq(&t, &types[i], sizeof t);
  }
}
END_TEST

START_TEST(many_attribute_sets_survive_growth) {
  int64_t sizes[4];
  graft_value x = input;
  for (int64_t i = 0; i < 2000; i++) {
    for (int k = 0; k < 4; k++) sizes[k] = i * 7 + k;
    graft_attr attrs[] = {{.name = "tag", .kind = GRAFT_ATTR_INTS, .count = 4, .as.ints = sizes},
                          {.name = "word", .kind = GRAFT_ATTR_STRING, .as.s = i % 2 ? "odd" : "even"}};
    graft_node_options o = {
        .size = sizeof o, .op = "vendor.op", .operands = &x, .operand_count = 1, .attrs = attrs, .attr_count = 2};
    graft_node n = graft_node_create(graph, &o);
    ck_assert_uint_ne(n, GRAFT_NONE);
    graft_attr more = {.name = "extra", .kind = GRAFT_ATTR_INT, .as.i = i}; /* borrows lists from the growing pools */
    ck_assert_int_eq(graft_node_set_attr(graph, n, &more), GRAFT_OK);
    x = graft_node_result(graph, n, 0);
  }
  int64_t i = 0;
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n), i++) {
    graft_attr a;
    ck_assert(graft_node_attr(graph, n, "tag", &a));
    ck_assert_uint_eq(a.count, 4);
    for (int k = 0; k < 4; k++) ck_assert_int_eq(a.as.ints[k], i * 7 + k);
    ck_assert(graft_node_attr(graph, n, "word", &a));
    ck_assert_str_eq(a.as.s, i % 2 ? "odd" : "even");
  }
  ck_assert_int_eq(i, 2000);
}
END_TEST

START_TEST(compaction_keeps_the_graph) {
  graft_type type = graft_value_get_type(graph, input);
  static const float zeros[75];
  graft_tensor dead = graft_tensor_create(module, "dead", GRAFT_CONSTANT, &type, zeros);
  graft_tensor state = graft_tensor_create(module, "state", GRAFT_BUFFER, &type, zeros);
  graft_value a = op1("relu", input), b = op1("sigmoid", input);
  graft_value c = op2("add", a, graft_tensor_value(graph, state)), y = op2("mul", c, graft_scalar(graph, GRAFT_F32, 2));
  graft_node_options o = {.size = sizeof o,
                          .op = "tanh",
                          .operands = &input,
                          .operand_count = 1,
                          .insert = true,
                          .before = graft_value_node(graph, a)};
  graft_value first = graft_node_result(graph, graft_node_create(graph, &o), 0);
  graft_output_add(graph, "y", y);
  graft_output_add(graph, "t", first);
  graft_update_add(graph, state, c);
  uint32_t use = gr_node_at(graph, graft_value_node(graph, c))->first_use;
  gr_attr_builder none = {0};
  uint32_t spec =
      gr_spec_intern(module, GR_SPEC_shared, gr_attrs_intern(module, &none, gr_spec_info(GR_SPEC_shared), (gr_loc){0}),
                     &(gr_spec_ref){.is_value = false, .id = use}, 1);
  gr_spec_set_value(graph, y, spec);
  graft_node_erase(graph, graft_value_node(graph, b));
  gr_tensor_erase(module, dead);
  ck_assert_int_eq(graft_module_compact(module), GRAFT_OK);
  check_uses();
  ck_assert_uint_eq(graph->nodes.len, 4);
  ck_assert_uint_eq(graft_tensor_count(module), 2);
  ck_assert_str_eq(graft_node_get_op(graph, 0), "tanh");
  ck_assert_uint_eq(graft_tensor_find(module, "dead"), GRAFT_NONE);
  graft_value sum = graft_value_find(graph, "add");
  ck_assert_uint_eq(graft_value_tensor(graph, graft_node_operand(graph, graft_value_node(graph, sum), 1)),
                    graft_tensor_find(module, "state"));
  ck_assert_uint_eq(gr_use_at(graph, graph->updates.data[0].use)->value, sum);
  ck_assert_uint_eq(graph->updates.data[0].tensor, graft_tensor_find(module, "state"));
  uint32_t now = gr_spec_of_value(graph, graft_value_find(graph, "mul"));
  ck_assert_uint_ne(now, 0);
  ck_assert_uint_eq(gr_spec_refs(module, now)->id, gr_node_at(graph, graft_value_node(graph, sum))->first_use);
  ck_assert_uint_eq(gr_spec_of_value(graph, sum), 0);
  ck_assert_str_eq(graft_output_name(graph, 1), "t");
  ck_assert_uint_eq(graft_output_get(graph, 1), graft_node_result(graph, 0, 0));
  graft_scalar(graph, GRAFT_F32, 2); /* still merged with the one there */
  ck_assert_uint_eq(graft_tensor_count(module), 2);
}
END_TEST

START_TEST(tensors_are_copied_on_write) {
  graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){3});
  const float data[] = {1, 2, 3};
  graft_tensor a = graft_tensor_create(module, "a", GRAFT_PARAMETER, &type, data);
  gr_tensor *record = &module->tensors.data[a];
  gr_name name = gr_name_derived(module, record->name);
  graft_tensor b = gr_tensor_add(module, name, GRAFT_PARAMETER, record->type, gr_buffer_retain(record->buffer), 0);
  char text[16];
  graft_tensor_name(module, b, text, sizeof text);
  ck_assert_str_eq(text, "a.1");
  ck_assert_ptr_eq(graft_tensor_get_data(module, a), graft_tensor_get_data(module, b));
  ((float *)gr_tensor_write(module, b))[0] = 7;
  ck_assert_float_eq(((const float *)graft_tensor_get_data(module, a))[0], 1);
  ck_assert_float_eq(((const float *)graft_tensor_get_data(module, b))[0], 7);
  ck_assert_uint_ne(gr_tensor_hash(module, a), gr_tensor_hash(module, b));
  gr_name next = gr_name_derived(module, module->tensors.data[b].name);
  gr_name_format(module, next, text, sizeof text);
  ck_assert_str_eq(text, "a.2");
}
END_TEST

START_TEST(fill_follows_the_formula) {
  static const float expected[] = {-0.62226284F, 0.7739203F, 0.50124854F, 0.5610078F}; /* the oracle's README */
  graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){4});
  graft_tensor t = graft_tensor_fill(module, "conv.weight", GRAFT_PARAMETER, &type, -1, 1);
  const float *data = graft_tensor_get_data(module, t);
  for (uint64_t i = 0; i < 4; i++) {
    ck_assert_float_eq(data[i], expected[i]);
    ck_assert_float_eq(graft_fill_element("conv.weight", i, -1, 1), expected[i]);
  }
}
END_TEST

START_TEST(scalars_are_merged_and_saturate) {
  ck_assert_uint_eq(graft_scalar(graph, GRAFT_F32, 2), graft_scalar(graph, GRAFT_F32, 2));
  ck_assert_uint_ne(graft_scalar(graph, GRAFT_F32, 2), graft_scalar(graph, GRAFT_F64, 2));
  graft_value v = graft_scalar(graph, GRAFT_I8, 300);
  ck_assert_int_eq(*(const int8_t *)graft_tensor_get_data(module, graft_value_tensor(graph, v)), 127);
}
END_TEST

START_TEST(provenance_leads_back_to_the_source) {
  gr_record source = {.source = gr_intern(module, "layer1.0.conv1", 14)};
  uint32_t parent = gr_record_intern(module, &source, NULL);
  gr_record made = {.pass = gr_intern(module, "pass", 4), .rule = gr_intern(module, "rule", 4), .parent_count = 1};
  uint32_t child = gr_record_intern(module, &made, &parent);
  ck_assert_uint_eq(child, gr_record_intern(module, &made, &parent));
  ck_assert_str_eq(gr_string_text(module, gr_record_source(module, child)), "layer1.0.conv1");
}
END_TEST

START_TEST(types_count_elements_without_overflow) {
  graft_type t = graft_type_make(GRAFT_F32, 3, (int64_t[]){INT64_MAX, INT64_MAX, 2});
  ck_assert_int_eq(graft_type_elements(&t), -1);
  t.dims[1] = 0;
  ck_assert_int_eq(graft_type_elements(&t), 0);
  t.dims[0] = -1;
  ck_assert_int_eq(graft_type_elements(&t), -1);
  ck_assert_uint_eq(graft_tensor_create(module, "t", GRAFT_CONSTANT, &t, NULL), GRAFT_NONE);
}
END_TEST

START_TEST(warnings_make_room_for_errors) {
  graft_context *c =
      graft_context_create(&(graft_context_options){.size = sizeof(graft_context_options), .max_diagnostics = 4});
  gr_error(c, GRAFT_NAME, (gr_loc){0}, "first");
  gr_warning(c, GRAFT_NAME, (gr_loc){0}, "kept");
  gr_warning(c, GRAFT_NAME, (gr_loc){0}, "gone");
  gr_note(c, (gr_loc){0}, "gone too");
  gr_warning(c, GRAFT_NAME, (gr_loc){0}, "never there");
  ck_assert_uint_eq(graft_diagnostic_dropped(c), 1);
  gr_error(c, GRAFT_NAME, (gr_loc){0}, "second");
  ck_assert_uint_eq(graft_diagnostic_dropped(c), 3);
  static const char *const expected[] = {"first", "kept", "second", "third"};
  gr_error(c, GRAFT_NAME, (gr_loc){0}, "third");
  ck_assert_uint_eq(graft_diagnostic_count(c), 4);
  for (uint32_t i = 0; i < 4; i++) ck_assert_str_eq(graft_diagnostic_get(c, i).message, expected[i]);
  gr_error(c, GRAFT_NAME, (gr_loc){0}, "fourth"); /* instead of the warning */
  gr_error(c, GRAFT_NAME, (gr_loc){0}, "fifth");
  ck_assert_uint_eq(graft_diagnostic_count(c), 4);
  ck_assert_str_eq(graft_diagnostic_get(c, 3).message, "fourth");
  graft_context_destroy(c);
}
END_TEST

START_TEST(diagnostics_point_at_the_place) {
  const char *line = "  %y = frob(%x)\nnext";
  gr_error(context, GRAFT_SYNTAX, (gr_loc){.file = "a.gir", .line = 3, .column = 8, .source = line, .node = "y"},
           "no op '%s'", "frob");
  graft_diagnostic d = graft_diagnostic_get(context, 0);
  char text[200];
  graft_diagnostic_format(&d, text, sizeof text);
  ck_assert_str_eq(text, "a.gir:3:8: error: y: no op 'frob'\n    %y = frob(%x)\n         ^");
  ck_assert(graft_context_has_errors(context));
  graft_diagnostics_clear(context);
  ck_assert(!graft_context_has_errors(context));
  /* A column past the end, as in a line that has a zero byte. */
  gr_error(context, GRAFT_SYNTAX, (gr_loc){.file = "a.gir", .line = 1, .column = 9, .source = "\tx\0yyyyyyy"}, "bad");
  d = graft_diagnostic_get(context, 0);
  graft_diagnostic_format(&d, text, sizeof text);
  ck_assert_str_eq(text, "a.gir:1:9: error: bad\n  \tx\n  \t       ^");
}
END_TEST

START_TEST(the_closest_word_is_meant) {
  static const char *const words[] = {"relu",       "conv2d",     "conv1d", NULL,
                                      "batch_norm", "avg_pool2d", "x",      "insert-fake-quant"};
  static const struct {
    const char *written, *hint;
  } cases[] = {{"conv2", "; did you mean '@conv2d'?"}, /* of the two nearest the first */
               {"cnov1d", "; did you mean '@conv1d'?"},
               {"RELU", "; did you mean '@relu'?"},
               {"rleu6", ""},
               {"batchnorm", "; did you mean '@batch_norm'?"},
               {"batchNorm", "; did you mean '@batch_norm'?"},
               {"insert_fake_quant", "; did you mean '@insert-fake-quant'?"},
               {"pool", ""},
               {"X", "; did you mean '@x'?"},
               {"y", ""},
               {"", ""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    gr_closest near = gr_closest_begin(cases[i].written, strlen(cases[i].written));
    ck_assert_str_eq(gr_closest_of(&near, "@", words, sizeof words / sizeof *words), cases[i].hint);
  }
  char longer[200];
  memset(longer, 'a', sizeof longer);
  gr_closest near = gr_closest_begin(longer, sizeof longer);
  gr_closest_offer(&near, longer, sizeof longer - 1);
  ck_assert_str_eq(gr_closest_hint(&near, ""), "");
}
END_TEST

START_TEST(allocation_failure_is_an_error) {
  for (uint64_t at = 1;; at++) {
    test_heap heap = {.fail_at = at, .forever = true};
    graft_context *c = heap_context(&heap);
    if (!c) continue;
    graft_module *m = graft_module_create(c);
    graft_graph *g = m ? graft_graph_create(m, "main") : NULL;
    graft_type type = graft_type_make(GRAFT_F32, 2, (int64_t[]){2, 3});
    graft_value v = g ? graft_input_add(g, "x", &type) : GRAFT_NONE;
    for (int i = 0; i < 20 && v != GRAFT_NONE; i++) v = graft_build(g, "relu", &v, 1, NULL, 0);
    bool ok = v != GRAFT_NONE && graft_output_add(g, "y", v) == GRAFT_OK && graft_module_compact(m) == GRAFT_OK;
    ck_assert(ok || graft_context_has_errors(c));
    if (!ok) ck_assert_int_eq(graft_diagnostic_get(c, graft_diagnostic_count(c) - 1).code, GRAFT_NO_MEMORY);
    graft_module_destroy(m);
    graft_context_destroy(c);
    ck_assert_uint_eq(heap.live, 0);
    if (ok) break;
    ck_assert_uint_lt(at, 1000);
  }
}
END_TEST

/* Names and lines of files others wrote; the caret stands below its byte, whatever stands before it. */
START_TEST(diagnostics_cannot_act_on_a_terminal) {
  static const struct {
    const char *source;
    uint32_t column;
    const char *line, *caret;
  } lines[] = {
      {"a b", 3, "a b", "  ^"},
      {"\ta", 2, "\ta", "\t^"},
      {"\x1b[2J%", 5, "\\x1b[2J%", "       ^"},
      {"\xc3\xa9%", 3, "\xc3\xa9%", " ^"},                       /* a letter of two bytes */
      {"\xe6\xbc\xa2%", 4, "\xe6\xbc\xa2%", "  ^"},              /* one of two columns */
      {"e\xcc\x81%", 4, "e\xcc\x81%", " ^"},                     /* an accent apart */
      {"\xff%", 2, "\\xff%", "    ^"},                           /* no UTF-8 */
      {"\xe2\x80\xae%", 4, "\\xe2\\x80\\xae%", "            ^"}, /* from right to left */
      {"\xc2\x9b"
       "2J%",
       5, "\\xc2\\x9b2J%", "          ^"},           /* a control of the second set */
      {"\xe2\x80\xae%", 2, "\\xe2\\x80\\xae%", "^"}, /* within it: at its begin */
      {"ab", 5, "ab", "    ^"},                      /* behind the end */
  };
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    const graft_diagnostic d = {.file = "a\nb",
                                .line = 1,
                                .column = lines[i].column,
                                .node = "n\x7f",
                                .message = "m\r",
                                .source = lines[i].source};
    char text[300], wanted[300];
    snprintf(wanted, sizeof wanted, "a\\nb:1:%u: error: n\\x7f: m\\r\n  %s\n  %s", lines[i].column, lines[i].line,
             lines[i].caret);
    ck_assert_uint_eq(graft_diagnostic_format(&d, text, sizeof text), strlen(wanted));
    ck_assert_str_eq(text, wanted);
    for (size_t size = 0; size < strlen(wanted); size++) { /* as snprintf does */
      memset(text, '#', sizeof text);
      ck_assert_uint_eq(graft_diagnostic_format(&d, text, size), strlen(wanted));
      ck_assert_int_eq(text[size], '#');
      if (size) ck_assert(strlen(text) == size - 1 && memcmp(text, wanted, size - 1) == 0);
    }
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("core");
  TCase *tests = tcase_create("core");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, names_split_one_to_one);
  tcase_add_test(tests, diagnostics_cannot_act_on_a_terminal);
  tcase_add_test(tests, made_names_never_meet_given_ones);
  tcase_add_test(tests, replace_uses_moves_outputs_and_updates);
  tcase_add_test(tests, marks_go_with_the_node);
  tcase_add_test(tests, become_keeps_the_result);
  tcase_add_test(tests, remembered_types_are_those_of_the_node);
  tcase_add_test(tests, attributes_are_checked_and_interned);
  tcase_add_test(tests, an_opaque_node_keeps_its_types_when_it_is_edited);
  tcase_add_test(tests, many_attribute_sets_survive_growth);
  tcase_add_test(tests, compaction_keeps_the_graph);
  tcase_add_test(tests, tensors_are_copied_on_write);
  tcase_add_test(tests, fill_follows_the_formula);
  tcase_add_test(tests, scalars_are_merged_and_saturate);
  tcase_add_test(tests, provenance_leads_back_to_the_source);
  tcase_add_test(tests, types_count_elements_without_overflow);
  tcase_add_test(tests, warnings_make_room_for_errors);
  tcase_add_test(tests, diagnostics_point_at_the_place);
  tcase_add_test(tests, the_closest_word_is_meant);
  tcase_add_test(tests, allocation_failure_is_an_error);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
