/* Callbacks that do what they may not: an error says so, and nothing has happened. And what they may. */
#include "ir/annotations.h"
#include "ir/edit.h"
#include "ir/inspect.h"
#include "passes/extend.h"
#include "passes/passes.h"
#include "patterns/patterns.h"
#include "runtime/compare.h"
#include "runtime/runtime.h"

#include <check.h>
#include <string.h>

static const char network[] = "graft 1\n"
                              "tensor %w: f32[2, 2] parameter = [0.5, -0.25, 0.125, 1.0]\n"
                              "tensor %b: f32[2] buffer = [0.5, 0.25]\n"
                              "graph main(%x: f32[2, 2]) {\n"
                              "  %fc = linear(%x, %w, %b)\n"
                              "  %y = relu(%fc)\n"
                              "  %own = \"vendor.op\"(%y): f32[2, 2]\n"
                              "  %mean = mean(%own) {dim: [0]}\n"
                              "  return %own as \"out\"\n"
                              "  update %b = %mean\n"
                              "}\n";

static const char rule[] = "# relu ==> silu\n#\n# For this test.\n"
                           "rule to_silu\n"
                           "match\n"
                           "  %y = relu(%x)\n"
                           "where\n"
                           "  asked(%x), no_spec(..)\n"
                           "rewrite\n"
                           "  %y = silu(%x)\n";

static const char quantizer[] = "quantizer mine \"of a test\"\n"
                                "spec activation { dtype: u8, quant_min: 0, quant_max: 255 }\n"
                                "rule linear\n"
                                "match\n"
                                "  %c = linear(%x, %w, %b?)\n"
                                "annotate\n"
                                "  %c.x = activation\n"
                                "  %c = activation\n";

static graft_context *context;
static graft_module *module;
static graft_graph *graph;
static graft_rules *rules;
static graft_quantizers *quantizers;
static graft_compare *compare;
static uint64_t before;

/* What a callback does. */
typedef enum deed {
  NOTHING,
  ADDS_A_NODE,
  ERASES_A_NODE,
  ANNOTATES,
  SETS_DATA,
  RUNS_PASSES,
  ADDS_A_RULE,
  ADDS_A_PREDICATE,
  ADDS_A_QUANTIZER,
  ENDS_THE_RULES,
  ENDS_THE_QUANTIZERS,
  ENDS_THE_MODULE,
  ENDS_THE_CONTEXT,
  ENDS_THE_COMPARISON,
  SAYS_AN_ERROR,
  CLEARS_DIAGNOSTICS
} deed;

static uint32_t calls;

static bool yes(void *user, const graft_graph *g, const graft_value *values, uint32_t count) {
  (void)user, (void)g, (void)values, (void)count;
  return true;
}

static void act(deed what) {
  calls++;
  const graft_value y = graft_value_find(graph, "y");
  const graft_predicate more = {.size = sizeof more, .name = "more", .arity = 1, .holds = yes};
  const graft_spec spec = {.size = sizeof spec, .kind = "spec"};
  const float two[] = {1, 2};
  switch (what) {
  case NOTHING: break;
  case ADDS_A_NODE: (void)graft_build(graph, "relu", &y, 1, NULL, 0); break;
  case ERASES_A_NODE: (void)graft_node_erase(graph, graft_value_node(graph, graft_value_find(graph, "unused"))); break;
  case ANNOTATES: (void)graft_spec_set(graph, graft_place_value(y), &spec); break;
  case SETS_DATA: (void)graft_tensor_set_data(module, graft_tensor_find(module, "b"), two); break;
  case RUNS_PASSES: (void)graft_run_passes(module, "dce", NULL); break;
  case ADDS_A_RULE: (void)graft_rules_add(rules, rule, sizeof rule - 1, "again.pat"); break;
  case ADDS_A_PREDICATE: (void)graft_rules_add_predicate(rules, &more); break;
  case ADDS_A_QUANTIZER: (void)graft_quantizers_add(quantizers, quantizer, sizeof quantizer - 1, "again.qz"); break;
  case ENDS_THE_RULES: graft_rules_destroy(rules); break;
  case ENDS_THE_QUANTIZERS: graft_quantizers_destroy(quantizers); break;
  case ENDS_THE_MODULE: graft_module_destroy(module); break;
  case ENDS_THE_CONTEXT: graft_context_destroy(context); break;
  case ENDS_THE_COMPARISON: graft_compare_destroy(compare); break;
  case SAYS_AN_ERROR:
    (void)graft_diagnostic_add(context,
                               &(graft_diagnostic){.code = GRAFT_RUN, .severity = GRAFT_ERROR, .message = "mine"});
    break;
  case CLEARS_DIAGNOSTICS: graft_diagnostics_clear(context); break;
  }
}

static bool asked(void *user, const graft_graph *g, const graft_value *values, uint32_t count) {
  (void)g, (void)values, (void)count;
  act(*(const deed *)user);
  return true;
}

static graft_status tell(void *user, const graft_progress *progress) {
  (void)progress;
  act(*(const deed *)user);
  return GRAFT_OK;
}

static deed in_progress, in_predicate, in_callback;

static void setup(void) {
  in_progress = in_predicate = in_callback = NOTHING;
  context = graft_context_create(
      &(graft_context_options){.size = sizeof(graft_context_options), .progress = tell, .progress_user = &in_progress});
  module = graft_module_load_memory(context, network, sizeof network - 1, "n.gir", NULL);
  ck_assert_ptr_nonnull(module);
  graph = graft_module_get_graph(module, 0);
  rules = graft_rules_create(context, false);
  quantizers = graft_quantizers_create(context, false);
  const graft_predicate p = {.size = sizeof p, .name = "asked", .arity = 1, .holds = asked, .user = &in_predicate};
  ck_assert_int_eq(graft_rules_add_predicate(rules, &p), GRAFT_OK);
  ck_assert_int_eq(graft_rules_add(rules, rule, sizeof rule - 1, "mine.pat"), GRAFT_OK);
  ck_assert_int_eq(graft_quantizers_add(quantizers, quantizer, sizeof quantizer - 1, "mine.qz"), GRAFT_OK);
  before = graft_module_hash(module);
  calls = 0;
}

static void teardown(void) {
  in_progress = NOTHING;
  graft_rules_destroy(rules);
  graft_quantizers_destroy(quantizers);
  graft_module_destroy(module);
  graft_context_destroy(context);
}

/* The call failed, with this said; the module is what it was. */
static void refused(graft_status status, const char *part) {
  const graft_diagnostic d = graft_diagnostic_get(context, 0);
  ck_assert_uint_gt(calls, 0);
  ck_assert_int_ne(status, GRAFT_OK);
  ck_assert_msg(graft_diagnostic_count(context) && strstr(d.message, part), "'%s', not '%s'", d.message, part);
  ck_assert_uint_eq(graft_module_hash(module), before);
  graft_diagnostics_clear(context);
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
}

static graft_status quantize(void *user, graft_graph *g, graft_pass_call *call) {
  (void)g, (void)call;
  act(*(const deed *)user);
  return GRAFT_OK;
}

static graft_status own_pass(void *user, graft_module *m, graft_pass_call *call) {
  (void)m, (void)call;
  act(*(const deed *)user);
  return GRAFT_OK;
}

static graft_status around(void *user, graft_module *m, const graft_pass_report *report) {
  (void)m, (void)report;
  act(*(const deed *)user);
  return GRAFT_OK;
}

static graft_status run(const char *pipeline, graft_pass_options o) {
  const graft_rules *const r[] = {rules};
  const graft_quantizers *const q[] = {quantizers};
  const graft_quantizer_callback callback = {
      .size = sizeof callback, .name = "hand", .annotate = quantize, .user = &in_callback};
  const graft_pass pass = {.size = sizeof pass, .name = "own", .run = own_pass, .user = &in_callback};
  o.size = sizeof o;
  o.user = &in_callback;
  o.rules = r;
  o.rules_count = 1;
  o.quantizers = q;
  o.quantizers_count = 1;
  o.callbacks = &callback;
  o.callback_count = 1;
  o.passes = &pass;
  o.pass_count = 1;
  return graft_run_passes(module, pipeline, &o);
}

#define NO_OPTIONS ((graft_pass_options){0})

/* ---- predicates only look ---- */

static const deed looking[] = {ADDS_A_NODE, ANNOTATES, SETS_DATA, RUNS_PASSES, ENDS_THE_MODULE, ENDS_THE_CONTEXT};
enum { LOOKING = sizeof looking / sizeof *looking };

START_TEST(a_predicate_only_looks) {
  in_predicate = looking[_i];
  refused(run("rewrite{rules=to_silu}", NO_OPTIONS), "a predicate is asked");
  char *text = NULL;
  size_t size = 0;
  const graft_status status = graft_rules_explain(rules, graph, "y", NULL, &text, &size);
  refused(status, "a predicate is asked");
  ck_assert_ptr_null(text);
  in_predicate = NOTHING;
  ck_assert_int_eq(run("rewrite{rules=to_silu}", NO_OPTIONS), GRAFT_OK);
}
END_TEST

/* The set that is asked is in use, for passes or for an explanation. */
START_TEST(a_set_stays_while_it_is_asked) {
  const deed deeds[] = {ADDS_A_RULE, ADDS_A_PREDICATE, ENDS_THE_RULES};
  for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
    char *text = NULL;
    size_t size = 0;
    in_predicate = deeds[i];
    refused(run("rewrite{rules=to_silu}", NO_OPTIONS), "it is in use");
    refused(graft_rules_explain(rules, graph, "y", NULL, &text, &size), "it is in use");
  }
}
END_TEST

/* ---- so do progress functions, whatever is at work ---- */

START_TEST(progress_only_looks) {
  char *text = NULL;
  size_t size = 0;
  graft_session *s = graft_session_create(graph, &(graft_session_options){.size = sizeof(graft_session_options)});
  graft_diagnostics_clear(context); /* no kernel for vendor.op */
  ck_assert_ptr_null(s);
  in_progress = looking[_i];
  refused(run("rewrite{rules=to_silu}", NO_OPTIONS), "a progress function is at work");
  calls = 0;
  const graft_status status = graft_module_print(module, GRAFT_FORMAT_TEXT, &text, &size);
  if (!status) graft_free(context, text, size);
  if (calls) refused(status, "a progress function is at work");
  calls = 0;
  in_progress = looking[_i];
  graft_module *other = graft_module_load_memory(context, network, sizeof network - 1, "n.gir", NULL);
  ck_assert(calls ? !other && graft_context_has_errors(context) : other != NULL);
  in_progress = NOTHING;
  graft_module_destroy(other);
}
END_TEST

/* ---- quantizers annotate, and nothing else ---- */

START_TEST(a_quantizer_only_annotates) {
  in_callback = ADDS_A_NODE;
  refused(run("annotate{quantizer=hand}", NO_OPTIONS), "the quantizer 'hand' changed the module");
  in_callback = ENDS_THE_QUANTIZERS;
  refused(run("annotate{quantizer=hand}", NO_OPTIONS), "the set of quantizers cannot be destroyed: it is in use");
  in_callback = ADDS_A_QUANTIZER;
  refused(run("annotate{quantizer=hand}", NO_OPTIONS), "nothing can be added to the set of quantizers");
  in_callback = ANNOTATES;
  ck_assert_int_eq(run("annotate{quantizer=hand}", NO_OPTIONS), GRAFT_OK);
  ck_assert(graft_is_annotated(graph, graft_value_node(graph, graft_value_find(graph, "y"))));
}
END_TEST

/* ---- passes, and what is called between them ---- */

START_TEST(sets_stay_while_passes_run) {
  static const struct {
    deed what;
    const char *said;
  } cases[] = {{ENDS_THE_RULES, "the set of rules cannot be destroyed: it is in use"},
               {ADDS_A_RULE, "nothing can be added to the set of rules"},
               {ADDS_A_PREDICATE, "nothing can be added to the set of rules"},
               {ENDS_THE_QUANTIZERS, "the set of quantizers cannot be destroyed"},
               {ADDS_A_QUANTIZER, "nothing can be added to the set of quantizers"},
               {ENDS_THE_MODULE, "passes run on the module"},
               {SAYS_AN_ERROR, "mine"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    in_callback = cases[i].what;
    refused(run("own,rewrite{rules=to_silu}", NO_OPTIONS), cases[i].said);
    refused(run("rewrite{rules=to_silu}", (graft_pass_options){.before = around}), cases[i].said);
  }
  in_callback = NOTHING; /* and may go, and grow, afterwards */
  ck_assert_int_eq(graft_rules_add(rules, "# nothing\n", 10, "more.pat"), GRAFT_OK);
}
END_TEST

/* The pass before it stands. */
START_TEST(an_error_after_a_pass_ends_the_run) {
  in_callback = SAYS_AN_ERROR;
  ck_assert_int_eq(run("rewrite{rules=to_silu},own", (graft_pass_options){.after = around}), GRAFT_RUN);
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message, "mine");
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, graft_value_find(graph, "y"))), "silu");
}
END_TEST

/* Between passes the module may be changed; errors of before the run, cleared, are not missed. */
START_TEST(between_passes_all_is_allowed) {
  (void)graft_run_passes(module, "no-such-pass", NULL);
  in_callback = CLEARS_DIAGNOSTICS;
  ck_assert(graft_context_has_errors(context));
  ck_assert_int_eq(run("verify,own,dce", (graft_pass_options){.before = around, .after = around}), GRAFT_OK);
  ck_assert(!graft_context_has_errors(context));
  in_callback = ADDS_A_NODE;
  calls = 0;
  ck_assert_int_eq(run("verify,verify,rewrite{rules=to_silu}", (graft_pass_options){.before = around, .after = around}),
                   GRAFT_OK);
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
  uint32_t relus = 0;
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n))
    relus += strcmp(graft_node_get_op(graph, n), "relu") == 0;
  ck_assert_uint_gt(relus, 0);
}
END_TEST

/* ---- kernels and hooks ---- */

static graft_status copies(void *user, const graft_kernel_call *call) {
  act(*(const deed *)user);
  memcpy(call->results[0], call->operands[0], 4 * sizeof(float));
  return GRAFT_OK;
}

static graft_status hook(void *user, const graft_node_done *done) {
  (void)done;
  act(*(const deed *)user);
  return GRAFT_OK;
}

START_TEST(kernels_are_called_something_once) {
  graft_kernel k[] = {{.size = sizeof *k, .op = "vendor.op", .run = copies, .user = &in_callback},
                      {.size = sizeof *k, .op = "vendor.op", .run = copies, .user = &in_callback}};
  graft_session_options o = {.size = sizeof o, .kernels = k, .kernel_count = 2};
  ck_assert_ptr_null(graft_session_create(graph, &o));
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message, "kernel 1: there is one for vendor.op already");
  k[1].op = "";
  graft_diagnostics_clear(context);
  ck_assert_ptr_null(graft_session_create(graph, &o));
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message, "kernel 1 has no op or nothing to run");
}
END_TEST

/* Whether a kernel leaves it or a hook: no update lands. */
START_TEST(an_error_in_a_run_fails_it) {
  const graft_kernel k = {.size = sizeof k, .op = "vendor.op", .run = copies, .user = &in_callback};
  const graft_session_options o = {.size = sizeof o,
                                   .kernels = &k,
                                   .kernel_count = 1,
                                   .after_node = _i ? hook : NULL,
                                   .after_node_user = &in_callback};
  graft_session *s = graft_session_create(graph, &o);
  const graft_type type = graft_type_make(GRAFT_F32, 2, (int64_t[]){2, 2});
  const float x[] = {1, 2, 3, 4};
  ck_assert_int_eq(graft_session_set_input(s, 0, &type, x), GRAFT_OK);
  in_callback = SAYS_AN_ERROR;
  refused(graft_session_run(s), "mine");
  ck_assert_ptr_null(graft_session_get_output(s, 0, NULL));
  graft_diagnostics_clear(context);
  in_callback = ENDS_THE_MODULE;
  refused(graft_session_run(s), "a session runs on the module");
  in_callback = CLEARS_DIAGNOSTICS;
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  ck_assert_uint_ne(graft_module_hash(module), before);
  graft_session_destroy(s);
}
END_TEST

START_TEST(a_comparison_stays_while_it_runs) {
  const graft_kernel k = {.size = sizeof k, .op = "vendor.op", .run = copies, .user = &in_callback};
  graft_module *other = graft_module_clone(NULL, module);
  compare = graft_compare_create(
      graph, graft_module_get_graph(other, 0),
      &(graft_compare_options){.size = sizeof(graft_compare_options), .kernels = &k, .kernel_count = 1});
  ck_assert_ptr_nonnull(compare);
  const graft_type type = graft_type_make(GRAFT_F32, 2, (int64_t[]){2, 2});
  const float x[] = {1, 2, 3, 4};
  in_callback = ENDS_THE_COMPARISON;
  refused(graft_compare_step(compare, &type, (const void *const[]){x}), "the comparison is running at this moment");
  in_callback = NOTHING;
  ck_assert_int_eq(graft_compare_step(compare, &type, (const void *const[]){x}), GRAFT_OK);
  graft_compare_destroy(compare);
  graft_module_destroy(other);
}
END_TEST

/* ---- an embedder's own data ---- */

static void ends(void *user) {
  calls++;
  graft_module_destroy(user);
  (void)graft_module_set_user(user, NULL, NULL);
}

START_TEST(data_that_end_their_module) {
  graft_module *other = graft_module_clone(NULL, module);
  ck_assert_int_eq(graft_module_set_user(other, other, ends), GRAFT_OK);
  graft_module_destroy(other);
  ck_assert_uint_eq(calls, 1);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("callbacks");
  TCase *t = tcase_create("callbacks");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_loop_test(t, a_predicate_only_looks, 0, LOOKING);
  tcase_add_test(t, a_set_stays_while_it_is_asked);
  tcase_add_loop_test(t, progress_only_looks, 0, LOOKING);
  tcase_add_test(t, a_quantizer_only_annotates);
  tcase_add_test(t, sets_stay_while_passes_run);
  tcase_add_test(t, an_error_after_a_pass_ends_the_run);
  tcase_add_test(t, between_passes_all_is_allowed);
  tcase_add_test(t, kernels_are_called_something_once);
  tcase_add_loop_test(t, an_error_in_a_run_fails_it, 0, 2);
  tcase_add_test(t, a_comparison_stays_while_it_runs);
  tcase_add_test(t, data_that_end_their_module);
  suite_add_tcase(suite, t);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
