/* What an embedder adds to graft, with the public headers alone: diagnostics, rules, quantizers, passes. */
#include "heap.h"
#include "ir/inspect.h"
#include "passes/extend.h"
#include "passes/modules.h"
#include "passes/passes.h"
#include "patterns/patterns.h"

#include <check.h>
#include <stdio.h>
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

/* ---- sets of rules and quantizers ---- */

#define RULE(name, from, to) \
  "# " from " ==> " to "\n#\n# For this test.\nrule " name "\nmatch\n  %y = " from \
  "(%x)\nwhere no_spec(..)\nrewrite\n  %y = " to "(%x)" \
  "\n"

static const char mine[] = "quantizer mine \"of a test\"\n"
                           "option bits: int = 8\n"
                           "spec activation { dtype: u8, quant_min: 0, quant_max: 255 }\n"
                           "spec weight { dtype: i8, quant_min: -127, quant_max: 127 }\n"
                           "rule conv\n"
                           "match\n"
                           "  %c = conv2d(%x, %w, %b?)\n"
                           "annotate\n"
                           "  %c.x = activation\n"
                           "  %c.weight = weight\n"
                           "  %c = activation\n";

static graft_rules *rules_of(graft_context *c, const char *text) {
  graft_rules *rules = graft_rules_create(c, false);
  if (rules && graft_rules_add(rules, text, strlen(text), "mine.pat") == GRAFT_OK) return rules;
  graft_rules_destroy(rules);
  return NULL;
}

static graft_quantizers *quantizers_of(graft_context *c, const char *text) {
  graft_quantizers *set = graft_quantizers_create(c, false);
  if (set && graft_quantizers_add(set, text, strlen(text), "mine.qz") == GRAFT_OK) return set;
  graft_quantizers_destroy(set);
  return NULL;
}

static graft_status run_with(const char *pipeline, const graft_rules *rules, const graft_quantizers *quantizers) {
  return graft_run_passes(module, pipeline,
                          &(graft_pass_options){.size = sizeof(graft_pass_options),
                                                .rules = &rules,
                                                .rules_count = rules != NULL,
                                                .quantizers = &quantizers,
                                                .quantizers_count = quantizers != NULL});
}

static uint32_t count_op(const char *op) {
  uint32_t count = 0;
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n))
    count += strcmp(graft_node_get_op(graph, n), op) == 0;
  return count;
}

START_TEST(a_set_of_rules_serves_many_runs) {
  graft_rules *there = rules_of(context, RULE("to_silu", "relu", "silu")),
              *back = rules_of(context, RULE("to_relu", "silu", "relu"));
  const graft_rules *both[] = {there, back};
  const graft_pass_options options = {.size = sizeof options, .rules = both, .rules_count = 2};
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(run_with("rewrite{rules=to_silu},dce", there, NULL), GRAFT_OK);
    ck_assert_uint_eq(count_op("silu"), 1);
    ck_assert_int_eq(graft_run_passes(module, "rewrite{rules=to_relu},canonicalize", &options), GRAFT_OK);
    ck_assert_uint_eq(count_op("relu"), 1);
  }
  /* By the name of their file, too, and in their order: there and back. */
  ck_assert_int_eq(graft_run_passes(module, "rewrite{rules=mine}", &options), GRAFT_OK);
  ck_assert_uint_eq(count_op("relu"), 1);
  graft_rules_destroy(there);
  graft_rules_destroy(back);
}
END_TEST

START_TEST(what_ships_and_is_in_a_set_counts_once) {
  graft_rules *rules = graft_rules_create(context, true);
  graft_quantizers *quantizers = graft_quantizers_create(context, true);
  ck_assert_int_eq(
      graft_rules_add(rules, RULE("to_gelu", "relu", "gelu"), strlen(RULE("to_gelu", "relu", "gelu")), "m"), GRAFT_OK);
  ck_assert_int_eq(graft_quantizers_add(quantizers, mine, strlen(mine), "mine.qz"), GRAFT_OK);
  ck_assert_int_eq(run_with("rewrite{rules=to_gelu},prepare{quantizer=mine}", rules, quantizers), GRAFT_OK);
  ck_assert_uint_eq(count_op("gelu"), 1);
  ck_assert_uint_gt(count_op("observe"), 0);
  graft_rules_destroy(rules);
  graft_quantizers_destroy(quantizers);
}
END_TEST

START_TEST(names_of_sets_may_not_come_twice) {
  graft_rules *one = rules_of(context, RULE("to_gelu", "relu", "gelu")),
              *two = rules_of(context, RULE("to_gelu", "relu", "silu")),
              *ships = rules_of(context, RULE("fold_conv_bn", "relu", "silu"));
  graft_quantizers *q = quantizers_of(context, mine);
  const graft_rules *both[] = {one, two};
  const graft_quantizers *twice[] = {q, q};
  graft_pass_options o = {.size = sizeof o, .rules = both, .rules_count = 2};
  fails(graft_run_passes(module, "dce,rewrite{rules=to_gelu}", &o), GRAFT_RULE,
        "there is a rule to_gelu already, in mine.pat");
  fails(graft_check_pipeline(context, "dce", &o), GRAFT_RULE, "there is a rule to_gelu already");
  fails(run_with("rewrite{rules=fold_conv_bn}", ships, NULL), GRAFT_RULE, "there is a rule fold_conv_bn already");
  o = (graft_pass_options){.size = sizeof o, .quantizers = twice, .quantizers_count = 2};
  fails(graft_run_passes(module, "annotate{quantizer=xnnpack}", &o), GRAFT_NAME, "there is a quantizer 'mine' already");
  graft_rules_destroy(one);
  graft_rules_destroy(two);
  graft_rules_destroy(ships);
  graft_quantizers_destroy(q);
}
END_TEST

START_TEST(sets_of_another_context_are_refused) {
  graft_context *other = graft_context_create(NULL);
  graft_rules *rules = rules_of(other, RULE("to_gelu", "relu", "gelu"));
  graft_quantizers *q = quantizers_of(other, mine);
  fails(run_with("dce", rules, NULL), GRAFT_INVALID_ARGUMENT, "set 0 of rules belongs to another context");
  fails(run_with("dce", NULL, q), GRAFT_INVALID_ARGUMENT, "set 0 of quantizers belongs to another context");
  const graft_rules *none = NULL;
  graft_pass_options o = {.size = sizeof o, .rules = &none, .rules_count = 1};
  fails(graft_check_pipeline(context, "dce", &o), GRAFT_INVALID_ARGUMENT, "set 0 of rules is not there");
  o = (graft_pass_options){.size = sizeof o, .quantizers_count = 1};
  fails(graft_check_pipeline(context, "dce", &o), GRAFT_INVALID_ARGUMENT, "that are not there");
  graft_rules_destroy(rules);
  graft_quantizers_destroy(q);
  graft_context_destroy(other);
}
END_TEST

START_TEST(module_builders_take_sets) {
  graft_quantizers *q = quantizers_of(context, mine);
  const graft_quantizers *set = q;
  const graft_pass_options passes = {.size = sizeof passes, .quantizers = &set, .quantizers_count = 1};
  graft_qconfig how = {.size = sizeof how, .quantizer = "mine"};
  fails(graft_qat_from_float(graph, "head", &how, false), GRAFT_NAME, "there is no quantizer 'mine'");
  how.passes = &passes;
  ck_assert_int_eq(graft_qat_from_float(graph, "head", &how, false), GRAFT_OK);
  const graft_fuse_options fuse = {
      .size = sizeof fuse, .qat = true, .quantizer = "mine", .passes = &passes, .quantizer_options = "bits=7"};
  fails(graft_fuse_modules(module, "tail,none", &fuse), GRAFT_NAME, "there is no module 'none'");
  graft_quantizers_destroy(q);
}
END_TEST

START_TEST(sequences_of_a_set_are_fused) {
  graft_rules *rules = rules_of(
      context, RULE("to_gelu", "relu", "gelu") "# Two in a row.\nsequence relu conv2d\n  evaluation to_gelu\n");
  const graft_rules *set = rules;
  const graft_pass_options passes = {.size = sizeof passes, .rules = &set, .rules_count = 1};
  const graft_fuse_options fuse = {.size = sizeof fuse, .passes = &passes};
  for (int i = 0; i < 2; i++) {
    graft_module *again = graft_module_load_memory(context, network, sizeof network - 1, "n.gir", NULL);
    ck_assert_int_eq(graft_fuse_modules(again, "act,tail", &fuse), GRAFT_OK);
    graft_module_destroy(again);
  }
  graft_rules_destroy(rules);
}
END_TEST

/* ---- quantizers in C ---- */

typedef struct asked {
  uint32_t calls, head, tail;
  int64_t bits;
  bool across, given;
} asked;

static const graft_option callback_options[] = {
    {.size = sizeof(graft_option), .kind = GRAFT_OPTION_INT, .name = "bits", .value = "8", .least = 2, .most = 8},
    {.size = sizeof(graft_option), .kind = GRAFT_OPTION_CHOICE, .name = "round-to", .choices = "even|zero"}};

/* Each convolution's operand and weight, and its result as the operand of the next, whatever the options leave out. */
static graft_status by_hand(void *user, graft_graph *g, graft_pass_call *call) {
  asked *a = user;
  a->calls++;
  a->bits = graft_pass_call_int(call, "bits");
  a->given = graft_pass_call_given(call, "bits");
  a->head = graft_pass_call_scope(call, node("head"));
  a->tail = graft_pass_call_scope(call, node("tail"));
  const graft_spec spec = {.size = sizeof spec, .kind = "spec"};
  const graft_place head = {GRAFT_NONE, node("head"), 0}, tail = {GRAFT_NONE, node("tail"), 0};
  graft_status s = graft_annotate(g, head, &spec);
  if (!s) s = graft_annotate(g, (graft_place){GRAFT_NONE, node("head"), 1}, &spec);
  if (!s && a->across)
    s = graft_annotate(g, tail,
                       &(graft_spec){.size = sizeof spec, .kind = "shared", .places = &head, .place_count = 1});
  if (!s && !a->across) s = graft_annotate(g, tail, &spec);
  return s ? s
           : graft_annotate(g, (graft_place){graft_node_result(g, node("tail"), 0), 0, 0},
                            &(graft_spec){.size = sizeof spec, .kind = "shared", .places = &tail, .place_count = 1});
}

static graft_status nothing(void *user, graft_graph *g, graft_pass_call *call) {
  (void)user, (void)g, (void)call;
  return GRAFT_OK;
}

static graft_status with_callbacks(const char *pipeline, asked *a) {
  const graft_quantizer_callback all[] = {{.size = sizeof *all,
                                           .name = "hand",
                                           .options = callback_options,
                                           .option_count = 2,
                                           .annotate = by_hand,
                                           .user = a},
                                          {.size = sizeof *all, .name = "empty", .annotate = nothing}};
  return graft_run_passes(
      module, pipeline,
      &(graft_pass_options){.size = sizeof(graft_pass_options), .callbacks = all, .callback_count = 2});
}

START_TEST(quantizers_in_c_go_by_name_and_options) {
  asked a = {0};
  ck_assert_int_eq(with_callbacks("prepare{quantizer=hand,bits=4}", &a), GRAFT_OK);
  ck_assert_int_eq(a.bits, 4);
  ck_assert(a.given);
  ck_assert_uint_eq(a.calls, 1);
  ck_assert_uint_eq(a.head, 1);
  ck_assert_uint_eq(count_op("observe"), 4);
  fails(with_callbacks("annotate{quantizer=empty,bits=4}", &a), GRAFT_NAME, "quantizer empty has no option 'bits'");
  fails(with_callbacks("dce,annotate{quantizer=hand,bit=4}", &a), GRAFT_NAME, "did you mean 'bits'");
  fails(with_callbacks("annotate{quantizer=hand,bits=9}", &a), GRAFT_SYNTAX, "a whole number from 2 up to 8, not '9'");
  fails(with_callbacks("annotate{quantizer=hand,round_to=odd}", &a), GRAFT_SYNTAX, "takes even|zero");
  fails(with_callbacks("annotate{quantizer=hnad}", &a), GRAFT_NAME, "'hnad'; did you mean 'hand'?");
  fails(with_callbacks("annotate{quantizer=callback}", &a), GRAFT_NAME, "there is no callback to annotate with");
  fails(with_callbacks("fuse-modules{auto=true,qat=true,quantizer=hand}", &a), GRAFT_UNSUPPORTED, "annotate alone");
  ck_assert_uint_eq(a.calls, 1);
}
END_TEST

START_TEST(quantizers_in_c_obey_the_options_of_annotate) {
  asked a = {0};
  ck_assert_int_eq(with_callbacks("annotate{quantizer=hand,skip-name=tail}", &a), GRAFT_OK);
  ck_assert_uint_eq(a.head, 1);
  ck_assert_uint_eq(a.tail, 0);
  ck_assert(graft_is_annotated(graph, node("head")));
  ck_assert(!graft_is_annotated(graph, node("tail")));
  fails(GRAFT_OK, GRAFT_OK, "the quantizer 'hand' annotated 2 places that the options leave out");
  ck_assert_int_eq(with_callbacks("clear-annotations,annotate{quantizer=hand,skip-type=conv2d}", &a), GRAFT_OK);
  ck_assert(!graft_is_annotated(graph, node("head")));
}
END_TEST

START_TEST(quantizers_in_c_share_nothing_across_scopes) {
  asked a = {.across = true};
  ck_assert_int_eq(with_callbacks("annotate{quantizer=hand,scope=\"head,tail\"}", &a), GRAFT_OK);
  ck_assert_uint_eq(a.head, 1);
  ck_assert_uint_eq(a.tail, 2);
  ck_assert(graft_is_annotated(graph, node("head")));
  ck_assert(!graft_is_annotated(graph, node("tail"))); /* nor what shares with what was taken away */
  ck_assert_int_eq(with_callbacks("clear-annotations,annotate{quantizer=hand}", &a), GRAFT_OK);
  ck_assert(graft_is_annotated(graph, node("tail")));
}
END_TEST

START_TEST(quantizers_in_c_have_names_of_their_own) {
  const graft_quantizer_callback q = {.size = sizeof q, .name = "xnnpack", .annotate = nothing};
  graft_pass_options o = {.size = sizeof o, .callbacks = &q, .callback_count = 1};
  fails(graft_run_passes(module, "annotate{quantizer=xnnpack}", &o), GRAFT_NAME,
        "there is a quantizer 'xnnpack' already");
  const graft_quantizer_callback none = {.size = sizeof q, .name = "mine"};
  o.callbacks = &none;
  fails(graft_run_passes(module, "dce", &o), GRAFT_NAME, "the quantizer 'mine' has no function");
}
END_TEST

/* ---- passes ---- */

static const graft_option pass_options[] = {
    {.size = sizeof(graft_option), .kind = GRAFT_OPTION_STRING, .name = "to", .value = "gelu"},
    {.size = sizeof(graft_option), .kind = GRAFT_OPTION_LIST, .name = "names"},
    {.size = sizeof(graft_option), .kind = GRAFT_OPTION_FLOAT, .name = "part", .value = "0.5", .least = 0, .most = 1},
    {.size = sizeof(graft_option), .kind = GRAFT_OPTION_BOOL, .name = "fail"},
    {.size = sizeof(graft_option), .kind = GRAFT_OPTION_BOOL, .name = "invalid"}};

typedef struct seen {
  double part;
  uint32_t items, runs;
  char second[16];
} seen;

/* Replaces each relu by another op. */
static graft_status replace(void *user, graft_module *m, graft_pass_call *call) {
  seen *s = user;
  s->runs++;
  s->part = graft_pass_call_float(call, "part");
  const char *const *names = graft_pass_call_list(call, "names", &s->items);
  if (s->items > 1) snprintf(s->second, sizeof s->second, "%s", names[1]);
  graft_graph *g = graft_module_get_graph(m, 0);
  const graft_node old = node("act"), tail = node("tail");
  const graft_value x = graft_node_operand(g, old, 0);
  const graft_node n =
      graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                 .op = graft_pass_call_string(call, "to"),
                                                 .operands = &x,
                                                 .operand_count = 1,
                                                 .before = graft_pass_call_bool(call, "invalid") ? node("head") : tail,
                                                 .insert = true});
  if (n == GRAFT_NONE) return GRAFT_PASS;
  graft_status status = graft_node_set_operand(g, tail, 0, graft_node_result(g, n, 0));
  if (!status) status = graft_node_erase(g, old);
  if (!status) status = graft_pass_call_add(call, "nodes replaced", 1);
  if (graft_pass_call_bool(call, "fail"))
    graft_node_diagnostic(g, n, GRAFT_ERROR, GRAFT_UNSUPPORTED, "the chip has none of these");
  return status;
}

static graft_status bad_call(void *user, graft_module *m, graft_pass_call *call) {
  (void)m;
  const char *what = user;
  if (strcmp(what, "option") == 0) return graft_pass_call_bool(call, "to") ? GRAFT_RUN : GRAFT_OK;
  if (strcmp(what, "status") == 0) return GRAFT_RUN;
  for (int i = 0; i < 17; i++) {
    char name[16];
    snprintf(name, sizeof name, "thing %d", i);
    const graft_status s = graft_pass_call_add(call, name, 1);
    if (s) return s;
  }
  return GRAFT_OK;
}

static graft_status nested(void *user, graft_module *m, graft_pass_call *call) {
  (void)call;
  return graft_run_passes(m, user, NULL);
}

typedef struct reports {
  char text[400];
  uint64_t replaced;
} reports;

static graft_status after(void *user, graft_module *m, const graft_pass_report *r) {
  reports *all = user;
  (void)m;
  const size_t used = strlen(all->text);
  snprintf(all->text + used, sizeof all->text - used, "%s ", r->name);
  for (uint32_t i = 0; i < r->statistic_count; i++)
    if (strcmp(r->statistics[i].name, "nodes replaced") == 0) all->replaced += r->statistics[i].value;
  return GRAFT_OK;
}

static graft_status with_passes(const char *pipeline, seen *s, reports *r) {
  char a[] = "to-eval,dce", b[] = "dce,nonsense", option[] = "option", status[] = "status", count[] = "count";
  const graft_pass all[] = {
      {.size = sizeof *all, .name = "replace", .options = pass_options, .option_count = 5, .run = replace, .user = s},
      {.size = sizeof *all, .name = "both", .members = "dce,replace{to=silu},cse"},
      {.size = sizeof *all,
       .name = "bad-option",
       .options = pass_options,
       .option_count = 1,
       .run = bad_call,
       .user = option},
      {.size = sizeof *all, .name = "bad-status", .run = bad_call, .user = status},
      {.size = sizeof *all, .name = "bad-count", .run = bad_call, .user = count},
      {.size = sizeof *all, .name = "inner", .run = nested, .user = a},
      {.size = sizeof *all, .name = "inner-fails", .run = nested, .user = b}};
  return graft_run_passes(module, pipeline,
                          &(graft_pass_options){.size = sizeof(graft_pass_options),
                                                .passes = all,
                                                .pass_count = sizeof all / sizeof *all,
                                                .after = r ? after : NULL,
                                                .user = r});
}

START_TEST(passes_of_ones_own_run_as_others_do) {
  seen s = {0};
  reports r = {0};
  ck_assert_int_eq(with_passes("cse,replace{to=silu,names=\"a, b,c\",part=0.25},dce", &s, &r), GRAFT_OK);
  ck_assert_uint_eq(count_op("silu"), 1);
  ck_assert_double_eq(s.part, 0.25);
  ck_assert_uint_eq(s.items, 3);
  ck_assert_str_eq(s.second, "b");
  ck_assert_str_eq(r.text, "cse replace dce ");
  ck_assert_uint_eq(r.replaced, 1);
}
END_TEST

START_TEST(pipelines_of_ones_own_open_up) {
  seen s = {0};
  reports r = {0};
  ck_assert_int_eq(with_passes("both{names=x}", &s, &r), GRAFT_OK);
  ck_assert_uint_eq(count_op("silu"), 1);
  ck_assert_uint_eq(s.items, 1);
  ck_assert_str_eq(r.text, "dce replace cse both ");
  fails(with_passes("both{to=gelu}", &s, NULL), GRAFT_NAME, "'both' has no option 'to'");
}
END_TEST

START_TEST(options_of_ones_own_are_checked_before_any_pass_runs) {
  seen s = {0};
  fails(with_passes("replace,replace{part=2}", &s, NULL), GRAFT_SYNTAX, "a number from 0 up to 1, not '2'");
  fails(with_passes("replace,replace{part=half}", &s, NULL), GRAFT_SYNTAX, "takes a number, not 'half'");
  fails(with_passes("replace,replace{too=gelu}", &s, NULL), GRAFT_NAME, "'too'; did you mean 'to'?");
  fails(with_passes("replace,replcae", &s, NULL), GRAFT_NAME, "'replcae'; did you mean 'replace'?");
  ck_assert_uint_eq(s.runs, 0);
}
END_TEST

START_TEST(passes_of_ones_own_that_fail_leave_nothing) {
  seen s = {0};
  const uint64_t before = graft_module_hash(module);
  fails(with_passes("replace{fail=true}", &s, NULL), GRAFT_UNSUPPORTED, "the chip has none of these");
  ck_assert_int_ne(with_passes("replace{to=no.such.op,invalid=true}", &s, NULL),
                   GRAFT_OK); /* it stands before what it reads */
  fails(with_passes("bad-option", &s, NULL), GRAFT_INVALID_ARGUMENT, "does not declare with this kind");
  fails(with_passes("bad-status", &s, NULL), GRAFT_RUN, "the pass 'bad-status' failed");
  fails(with_passes("bad-count", &s, NULL), GRAFT_INVALID_ARGUMENT, "counts more than 16 things");
  fails(with_passes("inner-fails", &s, NULL), GRAFT_NAME, "no pass is called 'nonsense'");
  ck_assert_uint_eq(graft_module_hash(module), before);
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
  ck_assert_int_eq(with_passes("inner", &s, NULL), GRAFT_OK);
}
END_TEST

static graft_status destroying(void *user, graft_module *m, graft_pass_call *call) {
  (void)user, (void)call;
  graft_module_destroy(m);
  return GRAFT_OK;
}
static bool destroying_too(void *user, const graft_graph *g, const graft_value *values, uint32_t count) {
  (void)user, (void)values, (void)count;
  graft_module_destroy(graft_graph_get_module(g));
  return true;
}
static graft_status annotating_away(void *user, graft_graph *g, graft_pass_call *call) {
  return destroying(user, graft_graph_get_module(g), call);
}
static graft_status again(void *user, graft_module *m, graft_pass_call *call) {
  (void)call;
  return graft_run_passes(m, "again", user);
}

START_TEST(callbacks_do_not_pull_the_module_from_under_a_run) {
  graft_pass passes[] = {{.size = sizeof *passes, .name = "destroy", .run = destroying},
                         {.size = sizeof *passes, .name = "again", .run = again}};
  const graft_predicate p = {.size = sizeof p, .name = "destroys", .arity = 1, .holds = destroying_too};
  const graft_quantizer_callback q = {.size = sizeof q, .name = "away", .annotate = annotating_away};
  static const char text[] = "# x\nrule away\nmatch\n  %y = relu(%x)\nwhere destroys(%x), no_spec(..)\n"
                             "rewrite\n  %y = silu(%x)\n";
  graft_rules *rules = graft_rules_create(context, false);
  ck_assert_int_eq(graft_rules_add_predicate(rules, &p), GRAFT_OK);
  ck_assert_int_eq(graft_rules_add(rules, text, sizeof text - 1, "away.pat"), GRAFT_OK);
  const graft_rules *sets[] = {rules};
  graft_pass_options o = {.size = sizeof o, .rules = sets, .rules_count = 1, .passes = passes, .pass_count = 2};
  o.callbacks = &q;
  o.callback_count = 1;
  passes[1].user = &o;
  const uint64_t before = graft_module_hash(module);
  fails(graft_run_passes(module, "destroy", &o), GRAFT_INVALID_ARGUMENT, "it cannot be destroyed");
  fails(graft_run_passes(module, "rewrite{rules=away}", &o), GRAFT_INVALID_ARGUMENT, "cannot be destroyed");
  fails(graft_run_passes(module, "annotate{quantizer=away}", &o), GRAFT_INVALID_ARGUMENT, "cannot be destroyed");
  fails(graft_run_passes(module, "again", &o), GRAFT_PASS, "passes that run passes");
  ck_assert_uint_eq(graft_module_hash(module), before);
  graft_rules_destroy(rules);
}
END_TEST

START_TEST(passes_of_ones_own_have_names_of_their_own) {
  static const graft_option twice[] = {{.size = sizeof *twice, .name = "a"}, {.size = sizeof *twice, .name = "a"}},
                            wrong = {.size = sizeof wrong, .kind = GRAFT_OPTION_INT, .name = "a", .value = "many"},
                            choice = {.size = sizeof choice, .kind = GRAFT_OPTION_CHOICE, .name = "a"};
  const struct {
    graft_pass pass;
    graft_status status;
    const char *message;
  } bad[] = {
      {{.name = "dce", .run = replace}, GRAFT_NAME, "there is a pass 'dce' already"},
      {{.name = "prepare", .run = replace}, GRAFT_NAME, "there is a pass 'prepare' already"},
      {{.name = "a b", .run = replace}, GRAFT_NAME, "cannot be called 'a b'"},
      {{.name = NULL, .run = replace}, GRAFT_NAME, "cannot be called ''"},
      {{.name = "a"}, GRAFT_INVALID_ARGUMENT, "the pass 'a' has no function"},
      {{.name = "a", .run = replace, .members = "dce"}, GRAFT_INVALID_ARGUMENT, "is a pipeline"},
      {{.name = "a", .run = replace, .option_count = 1}, GRAFT_INVALID_ARGUMENT, "that are not there"},
      {{.name = "a", .run = replace, .options = twice, .option_count = 2}, GRAFT_NAME, "declared twice"},
      {{.name = "a", .run = replace, .options = &wrong, .option_count = 1}, GRAFT_SYNTAX, "not 'many'"},
      {{.name = "a", .run = replace, .options = &choice, .option_count = 1}, GRAFT_INVALID_ARGUMENT, "no choices"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    graft_pass p = bad[i].pass;
    graft_pass_options o = {.size = sizeof o, .passes = &p, .pass_count = 1};
    fails(graft_run_passes(module, "dce", &o), GRAFT_INVALID_ARGUMENT, "do not begin with their size");
    p.size = sizeof p;
    fails(graft_check_pipeline(context, "dce", &o), bad[i].status, bad[i].message);
  }
  const graft_pass same[] = {{.size = sizeof *same, .name = "a", .run = replace},
                             {.size = sizeof *same, .name = "a", .run = replace}};
  const graft_pass_options o = {.size = sizeof o, .passes = same, .pass_count = 2};
  fails(graft_run_passes(module, "dce", &o), GRAFT_NAME, "there is a pass 'a' already");
}
END_TEST

START_TEST(passes_of_ones_own_are_described) {
  char text[200];
  const graft_pass p = {.size = sizeof p, .name = "replace", .options = pass_options, .option_count = 4};
  ck_assert_uint_eq(graft_pass_describe(&p, text, sizeof text),
                    strlen("replace{to=gelu, names=A,B, part=0.5, fail=false}"));
  ck_assert_str_eq(text, "replace{to=gelu, names=A,B, part=0.5, fail=false}");
  ck_assert_uint_eq(graft_pass_describe(NULL, text, sizeof text), 0);
  ck_assert_str_eq(text, "");
}
END_TEST

/* ---- checking ---- */

START_TEST(all_is_checked_before_a_module_is_looked_at) {
  static const struct {
    const char *pipeline;
    graft_status status;
    const char *message;
  } bad[] = {{"dce,annotate{quantizer=xnpack}", GRAFT_NAME, "did you mean 'xnnpack'"},
             {"prepare{quantizer=xnnpack,per-chanel=true}", GRAFT_NAME, "did you mean 'per-channel'"},
             {"prepare{quantizer=xnnpack,per-channel=1}", GRAFT_NAME, "per-channel is true or false"},
             {"annotate{quantizer=callback}", GRAFT_NAME, "no callback"},
             {"rewrite{rules=fold_conv_bm}", GRAFT_NAME, "did you mean 'fold_conv_bn'"},
             {"rewrite", GRAFT_INVALID_ARGUMENT, "needs the option 'rules'"},
             {"to-onnx{opset=12}", GRAFT_INVALID_ARGUMENT, "13 to 21"},
             {"fuse-conv-bn-qat{form=stable,exact=true}", GRAFT_INVALID_ARGUMENT, "exact is of the approximate form"},
             {"fuse-modules", GRAFT_INVALID_ARGUMENT, "needs the option 'modules'"},
             {"fuse-modules{modules=a}", GRAFT_INVALID_ARGUMENT, "one module is nothing to fuse"},
             {"fuse-modules{auto=true,quantizer=fx}", GRAFT_INVALID_ARGUMENT, "qat is not set"},
             {"fuse-modules{auto=true,qat=true,quantizer=fy}", GRAFT_NAME, "there is no quantizer 'fy'"},
             {"fuse-modules{auto=true,mapping=none.pat}", GRAFT_IO, "cannot read"}};
  const uint64_t before = graft_module_hash(module);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char text[200];
    fails(graft_check_pipeline(context, bad[i].pipeline, NULL), bad[i].status, bad[i].message);
    snprintf(text, sizeof text, "rewrite{rules=fold_conv_bn},canonicalize,to-train,%s", bad[i].pipeline);
    fails(graft_run_passes(module, text, NULL), bad[i].status, bad[i].message);
  }
  ck_assert_uint_eq(graft_module_hash(module), before);
  ck_assert_int_eq(graft_check_pipeline(context, "prepare-qat,convert,lower,to-onnx", NULL), GRAFT_OK);
  const char *file = "no/such.qz";
  const graft_pass_options o = {.size = sizeof o, .quantizer_files = &file, .quantizer_file_count = 1};
  fails(graft_check_pipeline(context, "dce", &o), GRAFT_IO, "cannot read");
  ck_assert_int_eq(graft_check_pipeline(NULL, "dce", NULL), GRAFT_INVALID_ARGUMENT);
  graft_diagnostics_clear(context);
}
END_TEST

/* ---- memory ---- */

/* Sets, a pass, a quantizer in C and one of a set, with one allocation that fails; true: it was never reached. */
static bool survives(uint64_t at, bool forever) {
  test_heap m = {0};
  context = heap_context(&m);
  module = graft_module_load_memory(context, network, sizeof network - 1, "n.gir", NULL);
  graph = graft_module_get_graph(module, 0);
  heap_fail(&m, at, forever);
  graft_rules *rules = rules_of(context, RULE("to_gelu", "relu", "gelu"));
  graft_quantizers *q = quantizers_of(context, mine);
  const graft_rules *r = rules;
  const graft_quantizers *k = q;
  asked a = {0};
  seen s = {0};
  const graft_quantizer_callback hand = {.size = sizeof hand,
                                         .name = "hand",
                                         .options = callback_options,
                                         .option_count = 2,
                                         .annotate = by_hand,
                                         .user = &a};
  const graft_pass pass = {
      .size = sizeof pass, .name = "replace", .options = pass_options, .option_count = 5, .run = replace, .user = &s};
  const graft_pass_options o = {.size = sizeof o,
                                .rules = &r,
                                .rules_count = 1,
                                .quantizers = &k,
                                .quantizers_count = 1,
                                .passes = &pass,
                                .pass_count = 1,
                                .callbacks = &hand,
                                .callback_count = 1};
  graft_status status = rules && q ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (!status)
    status = graft_run_passes(module,
                              "replace{to=relu,names=\"a,b\"},annotate{quantizer=hand,skip-name=tail},clear-"
                              "annotations,annotate{quantizer=mine}",
                              &o);
  const bool reached = heap_fail(&m, 0, false) >= at;
  ck_assert_msg(status ? graft_context_has_errors(context) : !graft_context_has_errors(context), "allocation %llu",
                (unsigned long long)at);
  graft_diagnostics_clear(context);
  ck_assert_msg(graft_module_verify(module) == GRAFT_OK, "allocation %llu", (unsigned long long)at);
  graft_rules_destroy(rules);
  graft_quantizers_destroy(q);
  graft_module_destroy(module);
  graft_context_destroy(context);
  ck_assert_msg(m.live == 0, "allocation %llu: %zu bytes leak", (unsigned long long)at, m.live);
  return !reached;
}

START_TEST(every_allocation_may_fail) {
  uint64_t at = 1;
  while (!survives(at, _i == 1)) at++;
  ck_assert_uint_gt(at, 100);
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
  t = part(s, "sets");
  tcase_add_test(t, a_set_of_rules_serves_many_runs);
  tcase_add_test(t, what_ships_and_is_in_a_set_counts_once);
  tcase_add_test(t, names_of_sets_may_not_come_twice);
  tcase_add_test(t, sets_of_another_context_are_refused);
  tcase_add_test(t, module_builders_take_sets);
  tcase_add_test(t, sequences_of_a_set_are_fused);
  t = part(s, "quantizers");
  tcase_add_test(t, quantizers_in_c_go_by_name_and_options);
  tcase_add_test(t, quantizers_in_c_obey_the_options_of_annotate);
  tcase_add_test(t, quantizers_in_c_share_nothing_across_scopes);
  tcase_add_test(t, quantizers_in_c_have_names_of_their_own);
  t = part(s, "passes");
  tcase_add_test(t, passes_of_ones_own_run_as_others_do);
  tcase_add_test(t, pipelines_of_ones_own_open_up);
  tcase_add_test(t, options_of_ones_own_are_checked_before_any_pass_runs);
  tcase_add_test(t, passes_of_ones_own_that_fail_leave_nothing);
  tcase_add_test(t, callbacks_do_not_pull_the_module_from_under_a_run);
  tcase_add_test(t, passes_of_ones_own_have_names_of_their_own);
  tcase_add_test(t, passes_of_ones_own_are_described);
  tcase_add_test(t, all_is_checked_before_a_module_is_looked_at);
  t = tcase_create("memory");
  tcase_set_timeout(t, 240);
  tcase_add_loop_test(t, every_allocation_may_fail, 0, 2);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
