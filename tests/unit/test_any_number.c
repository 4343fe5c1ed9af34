/* Whatever number, pointer or name comes from outside: getters have a neutral answer, editors an error with a
 * diagnostic, and the module is the one before. Run it with the address sanitizer. */
#include "passes/passes.h"
#include "patterns/patterns.h"
#include "runtime/runtime.h"

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char network[] = "graft 1\n"
                              "tensor %w: f32[2] parameter = [0.5, -0.25]\n"
                              "tensor %gone: f32[2] constant = [1.0, 2.0]\n"
                              "graph main(%x: f32[2, 2]) {\n"
                              "  %mul = mul(%x, %w): f32[2, 2] from \"scale\"\n"
                              "  %bn, _, _ = batch_norm(%mul, _, _, %w, %w): (f32[2, 2], _, _)\n"
                              "  %odd = \"vendor.op\"(%bn) {level: 3}: f32[2, 2]\n"
                              "  return %odd as \"y\"\n"
                              "}\n";

static graft_context *c;
static graft_module *m;
static graft_graph *g;
static graft_node erased;
static graft_value dead, x;
static const graft_type type = {GRAFT_F32, 2, {2, 2}};

static void setup(void) {
  c = graft_context_create(NULL);
  m = graft_module_load_memory(c, network, sizeof network - 1, "network", NULL);
  ck_assert_msg(m != NULL, "%s", graft_diagnostic_get(c, 0).message);
  g = graft_module_get_graph(m, 0);
  x = graft_input_get(g, 0);
  dead = graft_build(g, "relu", &x, 1, NULL, 0);
  erased = graft_value_node(g, dead);
  ck_assert_int_eq(graft_node_erase(g, erased), GRAFT_OK);
}

static void teardown(void) {
  graft_module_destroy(m);
  graft_context_destroy(c);
}

static uint64_t hash_before;
static char *text_before;
static size_t size_before;

static void remember(void) {
  hash_before = graft_module_hash(m);
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_TEXT, &text_before, &size_before), GRAFT_OK);
  ck_assert(!graft_context_has_errors(c));
}

/* There is an error, which is a value: the module is the one before. */
static void refused(const char *what) {
  ck_assert_msg(graft_context_has_errors(c) && graft_diagnostic_count(c) > 0, "%s: no diagnostic", what);
  graft_diagnostics_clear(c);
  ck_assert_msg(graft_module_hash(m) == hash_before, "%s: the module has changed", what);
}

static void unchanged(void) {
  char *text;
  size_t size;
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_TEXT, &text, &size), GRAFT_OK);
  ck_assert(size == size_before && memcmp(text, text_before, size) == 0);
  graft_free(c, text, size);
  graft_free(c, text_before, size_before);
}

#define FAILS(call) \
  do { \
    ck_assert_msg((call) != GRAFT_OK, "%s", #call); \
    refused(#call); \
  } while (0)
#define NONE(call) \
  do { \
    ck_assert_msg((call) == GRAFT_NONE, "%s", #call); \
    refused(#call); \
  } while (0)

enum { NUMBERS = 5 };

static uint32_t node_number(int i) { return (uint32_t[]){GRAFT_NONE, erased, 1000, 0x80000000u, GRAFT_NONE - 1}[i]; }
static uint32_t value_number(int i) { return (uint32_t[]){GRAFT_NONE, dead, 1000, 0x80000000u, GRAFT_NONE - 1}[i]; }
static uint32_t tensor_number(int i) { return (uint32_t[]){GRAFT_NONE, 77, 1000, 0x80000000u, GRAFT_NONE - 1}[i]; }
static uint32_t index_number(int i) { return (uint32_t[]){GRAFT_NONE, 5000, 1000, 0x80000000u, GRAFT_NONE - 1}[i]; }

START_TEST(getters_have_a_neutral_answer) {
  const graft_node n = node_number(_i);
  const graft_value v = value_number(_i);
  const graft_tensor t = tensor_number(_i);
  const uint32_t far = index_number(_i);
  char buffer[8] = "before";
  graft_attr attr;
  ck_assert_uint_eq(graft_node_next(g, n), GRAFT_NONE);
  ck_assert_str_eq(graft_node_get_op(g, n), "");
  ck_assert_uint_eq(graft_node_operand_count(g, n), 0);
  ck_assert_uint_eq(graft_node_operand(g, n, 0), GRAFT_NONE);
  ck_assert_uint_eq(graft_node_operand(g, graft_node_first(g), far), GRAFT_NONE);
  ck_assert_uint_eq(graft_node_result_count(g, n), 0);
  ck_assert_uint_eq(graft_node_result(g, n, 0), GRAFT_NONE);
  ck_assert_uint_eq(graft_node_result(g, graft_node_first(g), far), GRAFT_NONE);
  ck_assert(!graft_node_attr(g, n, "level", &attr));
  ck_assert(!graft_node_attr(g, graft_node_first(g), NULL, &attr));
  ck_assert(!graft_node_has_mark(g, n, "inserted"));
  ck_assert(!graft_node_has_mark(g, graft_node_first(g), NULL));
  ck_assert_uint_eq(graft_node_name(g, n, buffer, sizeof buffer), 0);
  ck_assert_str_eq(buffer, "");
  ck_assert_uint_eq(graft_node_name(g, n, NULL, 0), 0);
  ck_assert_uint_eq(graft_value_name(g, v, NULL, 0), 0);
  ck_assert_int_eq(graft_value_get_type(g, v).rank, -1);
  ck_assert_uint_eq(graft_value_node(g, v), GRAFT_NONE);
  ck_assert_uint_eq(graft_value_tensor(g, v), GRAFT_NONE);
  ck_assert_uint_eq(graft_value_use_count(g, v), 0);
  ck_assert_uint_eq(graft_value_find(g, NULL), GRAFT_NONE);
  ck_assert_uint_eq(graft_value_find(g, ""), GRAFT_NONE);
  ck_assert_uint_eq(graft_value_find(g, "nothing_7"), GRAFT_NONE);
  ck_assert_uint_eq(graft_input_get(g, far), GRAFT_NONE);
  ck_assert_uint_eq(graft_output_get(g, far), GRAFT_NONE);
  ck_assert_ptr_null(graft_output_name(g, far));
  ck_assert_uint_eq(graft_tensor_find(m, NULL), GRAFT_NONE);
  ck_assert_uint_eq(graft_tensor_find(m, "nothing"), GRAFT_NONE);
  ck_assert_uint_eq(graft_tensor_name(m, t, NULL, 0), 0);
  ck_assert_int_eq(graft_tensor_get_kind(m, t), GRAFT_CONSTANT);
  ck_assert_int_eq(graft_tensor_get_type(m, t).rank, -1);
  ck_assert_ptr_null(graft_tensor_get_data(m, t));
  ck_assert_ptr_null(graft_module_get_graph(m, far));
  ck_assert_str_eq(graft_op_name(far), "");
  ck_assert_str_eq(graft_op_doc(far), "");
  graft_op_signature(far, NULL, 0);
  graft_mark_name(far);
  graft_mark_doc(far);
  graft_pass_name(far);
  graft_pass_doc(far);
  graft_pass_members(far);
  graft_pass_signature(far, NULL, 0);
  ck_assert_str_eq(graft_diagnostic_get(c, far).message, "");
  ck_assert_str_eq(graft_status_text((graft_status)far), "unknown status");
  ck_assert_uint_eq(graft_dtype_size((graft_dtype)far), 0);
  graft_dtype_name((graft_dtype)far);
  ck_assert(!graft_is_annotated(g, n));
  ck_assert(!graft_context_has_errors(c));
}
END_TEST

START_TEST(editors_refuse) {
  remember();
  const graft_node n = node_number(_i), first = graft_node_first(g);
  const graft_value v = value_number(_i), y = graft_output_get(g, 0);
  const graft_tensor t = tensor_number(_i);
  const graft_attr level = {.name = "level", .kind = GRAFT_ATTR_INT, .as.i = 4};
  const float data[4] = {0};
  FAILS(graft_node_set_attr(g, n, &level));
  FAILS(graft_node_set_attr(g, graft_value_node(g, y), NULL));
  FAILS(graft_node_set_attr(g, graft_value_node(g, y), &(graft_attr){.kind = GRAFT_ATTR_INT}));
  FAILS(graft_node_set_attr(g, graft_value_node(g, y), &(graft_attr){.name = "s", .kind = GRAFT_ATTR_STRING}));
  FAILS(
      graft_node_set_attr(g, graft_value_node(g, y), &(graft_attr){.name = "s", .kind = GRAFT_ATTR_INTS, .count = 2}));
  FAILS(graft_node_set_attr(g, graft_value_node(g, y), &(graft_attr){.name = "s", .kind = (graft_attr_kind)99}));
  FAILS(graft_node_set_operand(g, n, 0, x));
  if (v != GRAFT_NONE) FAILS(graft_node_set_operand(g, first, 0, v));
  FAILS(graft_node_set_operand(g, first, 0, GRAFT_NONE));
  FAILS(graft_node_set_operand(g, first, index_number(_i), x));
  FAILS(graft_node_erase(g, n));
  FAILS(graft_node_erase(g, first)); /* it is used */
  FAILS(graft_node_set_mark(g, n, "inserted", true));
  FAILS(graft_node_set_mark(g, first, NULL, true));
  FAILS(graft_value_replace_uses(g, v, x));
  FAILS(graft_value_replace_uses(g, y, v));
  FAILS(graft_output_add(g, "z", v));
  FAILS(graft_output_add(g, NULL, x));
  FAILS(graft_update_add(g, t, x));
  FAILS(graft_update_add(g, 0, v));
  FAILS(graft_tensor_set_data(m, t, data));
  FAILS(graft_tensor_set_data(m, 0, NULL));
  NONE(graft_tensor_value(g, t));
  NONE(graft_input_add(g, NULL, &type));
  NONE(graft_input_add(g, "z", NULL));
  NONE(graft_input_add(g, "z", &(graft_type){.dtype = (graft_dtype)99}));
  NONE(graft_input_add(g, "z", &(graft_type){.dtype = GRAFT_F32, .rank = 99}));
  NONE(graft_input_add(g, "z", &(graft_type){.dtype = GRAFT_F32, .rank = 1, .dims = {-7}}));
  NONE(graft_scalar(g, (graft_dtype)index_number(_i), 1));
  NONE(graft_tensor_create(m, "t", GRAFT_CONSTANT, &type, NULL));
  NONE(graft_tensor_create(m, "t", GRAFT_CONSTANT, NULL, data));
  NONE(graft_tensor_create(m, NULL, GRAFT_CONSTANT, &type, data));
  NONE(graft_tensor_create(m, "t", (graft_tensor_kind)99, &type, data));
  NONE(graft_tensor_create(m, "t", GRAFT_CONSTANT, &(graft_type){.dtype = GRAFT_F32, .rank = 99}, data));
  NONE(graft_tensor_fill(m, "t", GRAFT_CONSTANT, &(graft_type){.dtype = GRAFT_I8}, 0, 1));
  NONE(graft_tensor_fill(m, NULL, GRAFT_CONSTANT, &type, 0, 1));
  NONE(graft_build(g, "relu", &v, 1, NULL, 0));
  NONE(graft_build(g, "relu", NULL, 1, NULL, 0));
  NONE(graft_build(g, NULL, &x, 1, NULL, 0));
  NONE(graft_build(g, "relu", &x, 1, NULL, 1));
  NONE(graft_node_create(g, NULL));
#define OPTIONS .size = sizeof(graft_node_options), .op = "vendor.op", .operands = &x, .operand_count = 1
  NONE(graft_node_create(g, &(graft_node_options){OPTIONS, .insert = true, .before = n}));
  NONE(graft_node_create(g, &(graft_node_options){OPTIONS, .result_count = GRAFT_NONE}));
  NONE(graft_node_create(g, &(graft_node_options){OPTIONS, .types = &(graft_type){.rank = 99}}));
  NONE(graft_node_create(g, &(graft_node_options){OPTIONS, .attrs = &level, .attr_count = 1000}));
  ck_assert_ptr_null(graft_graph_create(m, NULL));
  refused("graft_graph_create");
  FAILS(graft_annotate(g, (graft_place){.value = GRAFT_NONE, .node = n}, NULL));
  FAILS(graft_annotate(g, (graft_place){.value = GRAFT_NONE, .node = first, .slot = index_number(_i)}, NULL));
  if (v != GRAFT_NONE) FAILS(graft_annotate(g, (graft_place){.value = v}, NULL));
  FAILS(graft_annotate(g, (graft_place){.value = x},
                       &(graft_spec){.size = sizeof(graft_spec), .kind = "shared", .place_count = 1}));
  FAILS(graft_annotate(g, (graft_place){.value = x}, &(graft_spec){.size = sizeof(graft_spec), .attr_count = 1}));
  FAILS(graft_run_passes(m, NULL, NULL));
  FAILS(graft_check_pipeline(c, NULL, NULL));
  FAILS(graft_module_save(m, NULL, GRAFT_FORMAT_TEXT));
  FAILS(graft_module_save(m, "/tmp/never", (graft_format)99));
  char *bytes;
  size_t size;
  FAILS(graft_module_print(m, (graft_format)index_number(_i), &bytes, &size));
  ck_assert_ptr_null(graft_module_load(c, NULL, NULL));
  refused("graft_module_load");
  ck_assert_ptr_null(graft_module_load_memory(c, NULL, 3, NULL, NULL));
  refused("graft_module_load_memory");
  ck_assert_ptr_null(graft_module_load_memory(
      c, "abc", 3, NULL, &(graft_load_options){.size = sizeof(graft_load_options), .format = (graft_format)99}));
  refused("graft_module_load_memory");
  unchanged();
}
END_TEST

START_TEST(rules_and_quantizers_bear_it) {
  remember();
  const uint32_t far = index_number(_i);
  graft_rules *rules = graft_rules_create(c, true);
  graft_quantizers *quantizers = graft_quantizers_create(c, true);
  char *text = NULL;
  size_t size;
  ck_assert_ptr_null(graft_rules_name(rules, far));
  ck_assert_ptr_null(graft_rules_doc(rules, far));
  ck_assert_ptr_null(graft_rules_file(rules, far));
  ck_assert_ptr_null(graft_quantizers_name(quantizers, far));
  ck_assert_ptr_null(graft_quantizers_doc(quantizers, far));
  ck_assert_ptr_null(graft_quantizers_file(quantizers, far));
  graft_quantizers_signature(quantizers, far, NULL, 0);
  FAILS(graft_rules_add(rules, NULL, 5, NULL));
  FAILS(graft_rules_load(rules, NULL));
  FAILS(graft_quantizers_add(quantizers, NULL, 5, NULL));
  FAILS(graft_quantizers_load(quantizers, NULL));
  text = (char *)&size;
  FAILS(graft_rules_explain(rules, g, NULL, NULL, &text, &size));
  ck_assert(text == NULL && size == 0);
  FAILS(graft_rules_explain(rules, g, "nothing", NULL, &text, &size));
  FAILS(graft_quantizers_explain(quantizers, far, g, "bn", NULL, &text, &size));
  FAILS(graft_quantizers_explain(quantizers, 0, g, NULL, NULL, &text, &size));
  graft_rules_destroy(rules);
  graft_quantizers_destroy(quantizers);
  graft_rules_destroy(NULL);
  graft_quantizers_destroy(NULL);
  unchanged();
}
END_TEST

static graft_status run_nothing(void *user, const graft_kernel_call *call) {
  (void)user, (void)call;
  return GRAFT_OK;
}

START_TEST(sessions_bear_it) {
  remember();
  const uint32_t far = index_number(_i);
  const float data[4] = {0};
  graft_session *s = graft_session_create(
      g, &(graft_session_options){.size = sizeof(graft_session_options),
                                  .kernel_count = 1,
                                  .kernels = &(graft_kernel){.size = sizeof(graft_kernel), .op = NULL}});
  ck_assert_ptr_null(s);
  refused("graft_session_create");
  s = graft_session_create(
      g, &(graft_session_options){.size = sizeof(graft_session_options),
                                  .kernel_count = 1,
                                  .kernels =
                                      &(graft_kernel){.size = sizeof(graft_kernel), .op = "relu", .run = run_nothing}});
  ck_assert_ptr_null(s);
  ck_assert_str_eq(graft_diagnostic_get(c, 0).message, "relu is an op of the table: its kernel cannot be replaced");
  refused("graft_session_create");
  char relu[] = "graft 1\ngraph main(%x: f32[2, 2]) {\n  %y = relu(%x): f32[2, 2]\n  return %y\n}\n";
  graft_module *other = graft_module_load_memory(c, relu, sizeof relu - 1, "relu", NULL);
  s = graft_session_create(graft_module_get_graph(other, 0), NULL);
  ck_assert_ptr_nonnull(s);
  FAILS(graft_session_set_input(s, far, &type, data));
  FAILS(graft_session_set_input(s, 0, NULL, data));
  FAILS(graft_session_set_input(s, 0, &(graft_type){.dtype = (graft_dtype)99, .rank = 99}, data));
  FAILS(graft_session_set_input(s, 0, &type, NULL));
  FAILS(graft_session_run(s));
  ck_assert_ptr_null(graft_session_get_output(s, 0, NULL));
  refused("graft_session_get_output");
  ck_assert_ptr_null(graft_session_get_output(s, far, NULL));
  refused("graft_session_get_output");
  ck_assert_int_eq(graft_session_set_input(s, 0, &type, data), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  ck_assert_ptr_null(graft_session_get_output(s, far, NULL));
  refused("graft_session_get_output");
  graft_session_destroy(s);
  graft_session_destroy(NULL);
  graft_module_destroy(other);
  graft_module_destroy(NULL);
  graft_context_destroy(NULL);
  unchanged();
}
END_TEST

/* Texts that graft gave come back as arguments, while the pool that they lie in grows. */
START_TEST(texts_of_the_module_may_be_given_back) {
  const graft_node odd = graft_value_node(g, graft_output_get(g, 0));
  const char *op = graft_node_get_op(g, odd), *name = graft_output_name(g, 0);
  graft_value v = x;
  for (int i = 0; i < 3000; i++) {
    char long_name[64];
    graft_node n = graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                              .op = op,
                                                              .operands = &v,
                                                              .operand_count = 1,
                                                              .name = name,
                                                              .source = name});
    ck_assert_uint_ne(n, GRAFT_NONE);
    snprintf(long_name, sizeof long_name, "some_longer_name_%d_x", i);
    ck_assert_int_eq(graft_output_add(g, long_name, v), GRAFT_OK);
    v = graft_node_result(g, n, 0);
  }
  ck_assert_str_eq(op, "vendor.op");
  ck_assert_str_eq(name, "y");
  /* The file and the node that an error names. */
  ck_assert_uint_eq(graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                               .op = "add",
                                                               .operands = &v,
                                                               .operand_count = 1,
                                                               .source = "a source that is new to the pool"}),
                    GRAFT_NONE);
  ck_assert_str_eq(graft_diagnostic_get(c, 0).file, "network");
  ck_assert_str_eq(graft_diagnostic_get(c, 0).node, "add");
}
END_TEST

/* Options of an older program are shorter, of a newer one longer; without a size nothing of them is believed. */
/* Whole words, as the size of a struct is. */
#define SHORT(T, field) \
  { .size = offsetof(T, field) / sizeof(size_t) * sizeof(size_t) }
START_TEST(options_without_size_are_refused) {
  remember();
  char *bytes;
  size_t size;
  FAILS(graft_run_passes(m, "cse", &(graft_pass_options){.verify_each = true}));
  FAILS(graft_module_print_with(m, &(graft_save_options){.format = GRAFT_FORMAT_JSON}, &bytes, &size));
  FAILS(graft_module_save_with(m, "/tmp/never.gir", &(graft_save_options){.no_provenance = true}));
  ck_assert_ptr_null(graft_module_load(c, "/dev/null", &(graft_load_options){.format = GRAFT_FORMAT_TEXT}));
  refused("graft_module_load");
  ck_assert_ptr_null(graft_module_load_memory(c, network, sizeof network - 1, "network",
                                              &(graft_load_options){.format = GRAFT_FORMAT_TEXT}));
  refused("graft_module_load_memory");
  ck_assert_ptr_null(graft_session_create(g, &(graft_session_options){.threads = 2}));
  refused("graft_session_create");
  FAILS(graft_annotate(g, (graft_place){.value = x}, &(graft_spec){.kind = "spec"}));
  NONE(graft_node_create(g, &(graft_node_options){.size = 1, .op = "relu"}));
  graft_rules *rules = graft_rules_create(c, true);
  FAILS(graft_rules_add_predicate(rules, &(graft_predicate){.name = "mine", .arity = 1}));
  FAILS(graft_rules_add_predicate(rules, NULL));
  graft_rules_destroy(rules);
  ck_assert_ptr_null(graft_context_create(&(graft_context_options){.max_diagnostics = 2}));
  float scale;
  int32_t zero_point;
  graft_qparams_config config = {.dtype = GRAFT_I8, .quant_min = -128, .quant_max = 127};
  ck_assert_int_eq(graft_qparams(&config, -1, 1, &scale, &zero_point), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_qparams(NULL, -1, 1, &scale, &zero_point), GRAFT_INVALID_ARGUMENT);
  FAILS(graft_run_passes(m, "cse", &(graft_pass_options){.size = sizeof(graft_pass_options), .predicate_count = 1}));
  FAILS(graft_run_passes(m, "cse", &(graft_pass_options){.size = sizeof(graft_pass_options), .pattern_file_count = 1}));
  FAILS(graft_run_passes(m, "annotate",
                         &(graft_pass_options){.size = sizeof(graft_pass_options), .quantizer_file_count = 1}));
  ck_assert_ptr_null(
      graft_session_create(g, &(graft_session_options){.size = sizeof(graft_session_options), .kernel_count = 1}));
  refused("graft_session_create");
  unchanged();
}
END_TEST

static bool never(void *user, const graft_graph *graph, const graft_value *values, uint32_t count) {
  (void)user, (void)graph, (void)values, (void)count;
  return false;
}

START_TEST(options_of_other_sizes_are_taken) {
  struct {
    graft_predicate of_today;
    void *of_tomorrow;
  } longer[2] = {{{.size = sizeof longer[0], .name = "one", .arity = 1, .holds = never}, NULL},
                 {{.size = sizeof longer[0], .name = "two", .arity = 1, .holds = never}, NULL}};
  graft_pass_options passes = {.size = sizeof passes, .predicates = &longer[0].of_today, .predicate_count = 2};
  ck_assert_int_eq(graft_run_passes(m, "rewrite{rules=silu},annotate", &passes), GRAFT_OK);
  longer[1].of_today.name = "One"; /* it is the second that is read */
  ck_assert_int_ne(graft_run_passes(m, "rewrite{rules=silu}", &passes), GRAFT_OK);
  passes = (graft_pass_options)SHORT(graft_pass_options, predicates);
  passes.predicate_count = 7; /* past the size */
  ck_assert_int_eq(graft_run_passes(m, "rewrite{rules=silu}", &passes), GRAFT_OK);
  graft_save_options save = SHORT(graft_save_options, no_provenance);
  char *bytes;
  size_t size;
  ck_assert_int_eq(graft_module_print_with(m, &save, &bytes, &size), GRAFT_OK);
  graft_free(c, bytes, size);
  graft_context_options context = SHORT(graft_context_options, max_diagnostics);
  context.max_diagnostics = 1; /* past the size */
  graft_context *other = graft_context_create(&context);
  graft_check_pipeline(other, "a", NULL);
  graft_check_pipeline(other, "b", NULL);
  ck_assert_uint_eq(graft_diagnostic_count(other), 2);
  graft_context_destroy(other);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("any number");
  TCase *t = tcase_create("any number");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_loop_test(t, getters_have_a_neutral_answer, 0, NUMBERS);
  tcase_add_loop_test(t, editors_refuse, 0, NUMBERS);
  tcase_add_loop_test(t, rules_and_quantizers_bear_it, 0, NUMBERS);
  tcase_add_loop_test(t, sessions_bear_it, 0, NUMBERS);
  tcase_add_test(t, texts_of_the_module_may_be_given_back);
  tcase_add_test(t, options_without_size_are_refused);
  tcase_add_test(t, options_of_other_sizes_are_taken);
  suite_add_tcase(suite, t);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
