/* What the op table says beside shapes: slots, words, families and ranges, and what may happen to a node. */
#include "ir/ir_int.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static int attr_slot(const char *op, const char *name) {
  return gr_op_attr_slot(gr_op_get(gr_op_find(op, strlen(op))), name, strlen(name));
}

START_TEST(slots_are_those_of_the_rows) {
  ck_assert_int_eq(attr_slot("conv3d", "groups"), GR_ATTR(conv3d, groups));
  ck_assert_int_eq(attr_slot("conv_transpose1d", "dilation"), GR_ATTR_ND(conv_transpose, dilation));
  ck_assert_int_eq(attr_slot("avg_pool2d", "count_include_pad"), GR_ATTR(avg_pool2d, count_include_pad));
  ck_assert_int_eq(attr_slot("qparams", "custom_range"), GR_ATTR(qparams, custom_range));
  ck_assert_str_eq(gr_op_get(GR_OP_batch_norm)->operands[GR_OPERAND(batch_norm, running_var)].name, "running_var");
  ck_assert_str_eq(gr_op_get(GR_OP_batch_norm)->results[GR_RESULT(batch_norm, count)].name, "count");
  ck_assert_str_eq(gr_spec_info(GR_SPEC_fixed)->attrs[GR_ATTR(fixed, zero_point)].name, "zero_point");
}
END_TEST

START_TEST(words_are_numbers_inside_and_text_outside) {
  const gr_op_info *pad = gr_op_get(GR_OP_pad);
  const int64_t none = 0;
  const graft_attr given[] = {{.name = "pad", .kind = GRAFT_ATTR_INTS, .as.ints = &none},
                              {.name = "mode", .kind = GRAFT_ATTR_STRING, .as.s = "replicate"}};
  gr_attr_builder b;
  gr_attrs_begin(&b, pad);
  for (int i = 0; i < 2; i++) ck_assert_int_eq(gr_attrs_set(module, &b, pad, &given[i], (gr_loc){0}), GRAFT_OK);
  const uint32_t set = gr_attrs_intern(module, &b, pad, (gr_loc){0});
  ck_assert_int_eq(gr_attr_int(module, set, GR_ATTR(pad, mode)), GR_pad_mode_replicate);
  ck_assert_str_eq(gr_attr_public(module, pad, set, GR_ATTR(pad, mode)).as.s, "replicate");
  const graft_attr wrong = {.name = "mode", .kind = GRAFT_ATTR_STRING, .as.s = "edge"};
  ck_assert_int_eq(gr_attrs_set(module, &b, pad, &wrong, (gr_loc){0}), GRAFT_TYPE);
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message,
                   "mode of pad is 'edge', not one of constant, reflect, replicate, circular");
}
END_TEST

START_TEST(specs_are_no_ops) {
  for (uint32_t i = 0; i < graft_op_count(); i++)
    ck_assert_uint_eq(gr_spec_kind_find(graft_op_name(i), strlen(graft_op_name(i))), GR_SPEC_KIND_COUNT);
  ck_assert_uint_eq(gr_spec_kind_find("derived", 7), GR_SPEC_derived);
  graft_graph *g = graft_graph_create(module, "main");
  ck_assert_uint_eq(graft_build(g, "shared", NULL, 0, NULL, 0), GRAFT_NONE);
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message, "'shared' is a kind of spec, not an op");
}
END_TEST

/* The members of a family, in the table's order. */
static void members(uint32_t mask, char *text, size_t size) {
  size_t n = 0;
  text[0] = '\0';
  for (uint32_t i = 0; i < graft_op_count() && n < size; i++)
    if (gr_op_get(i)->families & mask)
      n += (size_t)snprintf(text + n, size - n, "%s%s", n ? " " : "", graft_op_name(i));
}

START_TEST(families_of_quantization) {
  char text[1000];
  members(GR_F_MOVES, text, sizeof text);
  ck_assert_str_eq(
      text, "max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d amax amin "
            "topk flatten reshape view permute transpose squeeze unsqueeze "
            "expand repeat slice split index_select pixel_shuffle pixel_unshuffle flip roll reverse_sequence gather "
            "gather_nd unique channel");
  members(GR_F_FIXED_RANGE, text, sizeof text);
  ck_assert_str_eq(text, "erf sin cos asin acos atan sign hardsigmoid sigmoid tanh softsign softmax hardmax");
  for (uint32_t i = 0; i < GR_FAMILY_COUNT; i++) {
    members(gr_families[i].mask, text, sizeof text);
    ck_assert_msg(text[0], "no op is in @%s", gr_families[i].name);
    ck_assert_uint_eq(gr_family_find(gr_families[i].name, strlen(gr_families[i].name)), gr_families[i].mask);
  }
  for (uint32_t i = 0; i < graft_op_count(); i++) { /* the flag and the result say the same */
    const gr_op_info *op = gr_op_get(i);
    for (uint32_t k = 0; k < op->result_count; k++)
      ck_assert_msg((op->results[k].low < op->results[k].high) == ((op->families & GR_F_FIXED_RANGE) != 0), "%s",
                    op->name);
  }
}
END_TEST

/* What may happen to the node of each line. */
static const char network[] = "graft 1\n"
                              "tensor %s: f32[2] buffer = [0, 1]\n"
                              "graph main(%x: f32[4, 4]) {\n"
                              "  %relu = relu(%x): f32[4, 4]\n"
                              "  %eval = dropout(%x): f32[4, 4]\n"
                              "  %train = dropout(%x) {training: true}: f32[4, 4]\n"
                              "  %norm = batch_norm(%x) {training: true}: f32[4, 4]\n"
                              "  %state = observe(%x, %s): f32[2]\n"
                              "  %a, %b = qparams(%state): (f32[], i32[])\n"
                              "  %q = quantize_per_tensor(%x, %a, %b): i8[4, 4]\n"
                              "  %d = dequantize_per_tensor(%q, %a, %b): f32[4, 4]\n"
                              "  %f = fake_quantize(%x, %a, %b): f32[4, 4]\n"
                              "  %o = \"vendor.op\"(%x): f32[4, 4]\n"
                              "  return %relu as \"y\"\n"
                              "}\n";

START_TEST(what_may_happen_to_a_node) {
  enum { ALL = GR_MAY_ERASE | GR_MAY_MERGE | GR_MAY_PRECOMPUTE | GR_MAY_FOLD, QUANT = ALL & ~GR_MAY_FOLD };
  static const struct {
    const char *name;
    uint32_t may;
  } rows[] = {{"relu", ALL}, {"eval", ALL}, {"train", 0}, {"norm", ALL}, {"state", QUANT},
              {"a", QUANT},  {"q", QUANT},  {"d", QUANT}, {"f", QUANT},  {"o", 0}};
  graft_module *m = graft_module_load_memory(context, network, sizeof network - 1, "n.gir", NULL);
  ck_assert_ptr_nonnull(m);
  graft_graph *g = graft_module_get_graph(m, 0);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const graft_node n = graft_value_node(g, graft_value_find(g, rows[i].name));
    ck_assert_msg(gr_node_may(g, n) == rows[i].may, "%s may %x", rows[i].name, gr_node_may(g, n));
  }
  graft_module_destroy(m);
}
END_TEST

int main(void) {
  Suite *s = suite_create("table");
  TCase *t = tcase_create("table");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, slots_are_those_of_the_rows);
  tcase_add_test(t, words_are_numbers_inside_and_text_outside);
  tcase_add_test(t, specs_are_no_ops);
  tcase_add_test(t, families_of_quantization);
  tcase_add_test(t, what_may_happen_to_a_node);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_set_fork_status(r, CK_NOFORK);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
