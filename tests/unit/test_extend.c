/* What an embedder adds to graft, with the public headers alone: diagnostics, rules, quantizers, passes. */
#include "passes/modules.h"
#include "passes/passes.h"
#include "patterns/patterns.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char network[] = "graft 1\n"
                              "tensor %head.weight: f32[3, 2, 1, 1] parameter = fill(\"w\", -1, 1)\n"
                              "tensor %tail.weight: f32[3, 3, 1, 1] parameter = fill(\"v\", -1, 1)\n"
                              "graph main(%x: f32[1, 2, 4, 4]) {\n"
                              "  %head = conv2d(%x, %head.weight): f32[1, 3, 4, 4] from \"head\"\n"
                              "  %act = relu(%head): f32[1, 3, 4, 4] from \"act\"\n"
                              "  %tail = conv2d(%act, %tail.weight): f32[1, 3, 4, 4] from \"tail\"\n"
                              "  return %tail as \"y\"\n"
                              "}\n";

static graft_context *context;
static graft_module *module;
static graft_graph *graph;

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_load_memory(context, network, sizeof network - 1, "n.gir", NULL);
  ck_assert_ptr_nonnull(module);
  graph = graft_module_get_graph(module, 0);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static graft_node node(const char *name) {
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n)) {
    char text[64];
    graft_node_name(graph, n, text, sizeof text);
    if (strcmp(text, name) == 0) return n;
  }
  ck_abort_msg("no node is called %s", name);
}

static graft_diagnostic last(void) { return graft_diagnostic_get(context, graft_diagnostic_count(context) - 1); }

/* The call failed with this status, and some diagnostic says so. */
static void fails(graft_status status, graft_status wanted, const char *message) {
  bool said = false;
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++)
    said |= strstr(graft_diagnostic_get(context, i).message, message) != NULL;
  ck_assert_msg(said, "not said: %s; but: %s", message,
                graft_diagnostic_count(context) ? graft_diagnostic_get(context, 0).message : "nothing");
  ck_assert_int_eq(status, wanted);
  graft_diagnostics_clear(context);
}

/* ---- diagnostics ---- */

START_TEST(diagnostics_of_an_embedder_are_copied) {
  char message[] = "100% of %s", file[] = "net.cfg", name[] = "head", source[] = "  head = 3\nnext";
  const graft_diagnostic d = {.code = GRAFT_PASS,
                              .severity = GRAFT_ERROR,
                              .file = file,
                              .line = 7,
                              .column = 3,
                              .node = name,
                              .message = message,
                              .source = source};
  ck_assert_int_eq(graft_diagnostic_add(context, &d), GRAFT_PASS);
  message[0] = file[0] = name[0] = source[2] = '?';
  char text[200];
  const graft_diagnostic kept = last();
  graft_diagnostic_format(&kept, text, sizeof text);
  ck_assert_str_eq(text, "net.cfg:7:3: error: head: 100% of %s\n    head = 3\n    ^");
  ck_assert(graft_context_has_errors(context));
}
END_TEST

START_TEST(diagnostics_name_a_node) {
  ck_assert_int_eq(graft_node_diagnostic(graph, node("act"), GRAFT_WARNING, GRAFT_RUN, "slow"), GRAFT_RUN);
  ck_assert_str_eq(last().node, "act");
  ck_assert_str_eq(last().file, "n.gir");
  ck_assert_int_eq(graft_node_diagnostic(graph, node("act"), GRAFT_NOTE, GRAFT_OK, "on this chip"), GRAFT_OK);
  ck_assert_int_eq(last().severity, GRAFT_NOTE);
  ck_assert(!graft_context_has_errors(context));
  ck_assert_int_eq(graft_node_diagnostic(graph, 4711, GRAFT_ERROR, GRAFT_RUN, "gone"), GRAFT_RUN);
  ck_assert_str_eq(last().node, "");
}
END_TEST

START_TEST(diagnostics_that_say_nothing_are_refused) {
  const graft_diagnostic good = {.code = GRAFT_RUN, .severity = GRAFT_ERROR, .message = "m"};
  graft_diagnostic d = good;
  ck_assert_int_eq(graft_diagnostic_add(NULL, &d), GRAFT_INVALID_ARGUMENT);
  fails(graft_diagnostic_add(context, NULL), GRAFT_INVALID_ARGUMENT, "without a message");
  d.message = "";
  fails(graft_diagnostic_add(context, &d), GRAFT_INVALID_ARGUMENT, "without a message");
  d = good, d.code = GRAFT_OK;
  fails(graft_diagnostic_add(context, &d), GRAFT_INVALID_ARGUMENT, "an error with the code GRAFT_OK");
  d = good, d.code = (graft_status)4711;
  fails(graft_diagnostic_add(context, &d), GRAFT_INVALID_ARGUMENT, "whose code is none");
  d = good, d.severity = (graft_severity)9;
  fails(graft_diagnostic_add(context, &d), GRAFT_INVALID_ARGUMENT, "whose severity is none");
  ck_assert_int_eq(graft_node_diagnostic(NULL, 0, GRAFT_ERROR, GRAFT_RUN, "m"), GRAFT_INVALID_ARGUMENT);
}
END_TEST

/* ---- names ---- */

START_TEST(explaining_a_rule_that_is_none_says_so) {
  graft_rules *rules = graft_rules_create(context, true);
  graft_quantizers *quantizers = graft_quantizers_create(context, true);
  char *text;
  size_t size;
  fails(graft_rules_explain(rules, graph, "act", "fold_conv_bm", &text, &size), GRAFT_NAME,
        "'fold_conv_bm'; did you mean 'fold_conv_bn'?");
  ck_assert_ptr_null(text);
  fails(graft_quantizers_explain(quantizers, 0, graph, "act", "nothing of it", &text, &size), GRAFT_NAME,
        "'nothing of it'");
  ck_assert_ptr_null(text);
  ck_assert_int_eq(graft_rules_explain(rules, graph, "act", "fold_conv_bn", &text, &size), GRAFT_OK);
  graft_free(context, text, size);
  graft_quantizers_destroy(quantizers);
  graft_rules_destroy(rules);
}
END_TEST

START_TEST(builders_keep_names_and_options_apart_from_passes) {
  graft_qconfig q = {.size = sizeof q, .quantizer = "fx,per-channel=true},dce{a"};
  fails(graft_qat_from_float(graph, "head", &q, false), GRAFT_SYNTAX, "takes one word");
  q.quantizer = "say \"fx\"";
  fails(graft_qat_from_float(graph, "head", &q, false), GRAFT_NAME, "there is no quantizer 'say \"fx\"'");
  q.quantizer = "fx", q.quantizer_options = "per-channel=true},dce{a=b";
  fails(graft_qat_from_float(graph, "head", &q, false), GRAFT_SYNTAX, "no options of a quantizer");
  q.quantizer_options = "per-channel";
  fails(graft_qat_from_float(graph, "head", &q, false), GRAFT_SYNTAX, "expected '=' after the option's name");
  graft_fuse_options f = {.size = sizeof f, .qat = true, .quantizer_options = "per-channel=true},dce"};
  fails(graft_fuse_modules(module, NULL, &f), GRAFT_SYNTAX, "no options of a quantizer");
  q.quantizer_options = "per-channel=true";
  ck_assert_int_eq(graft_qat_from_float(graph, "head", &q, false), GRAFT_OK);
}
END_TEST

static TCase *part(Suite *s, const char *name) {
  TCase *t = tcase_create(name);
  tcase_add_checked_fixture(t, setup, teardown);
  suite_add_tcase(s, t);
  return t;
}

int main(void) {
  Suite *s = suite_create("extend");
  TCase *t = part(s, "diagnostics");
  tcase_add_test(t, diagnostics_of_an_embedder_are_copied);
  tcase_add_test(t, diagnostics_name_a_node);
  tcase_add_test(t, diagnostics_that_say_nothing_are_refused);
  t = part(s, "names");
  tcase_add_test(t, explaining_a_rule_that_is_none_says_so);
  tcase_add_test(t, builders_keep_names_and_options_apart_from_passes);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
