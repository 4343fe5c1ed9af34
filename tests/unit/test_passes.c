/* Pipeline text, distribution of options, callbacks, statistics; what needs no text form of the graph. */
#include "passes/passes_impl.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static graft_context *context;

static void setup(void) { context = graft_context_create(NULL); }
static void teardown(void) { graft_context_destroy(context); }

static graft_diagnostic first_error(void) {
  ck_assert_uint_gt(graft_diagnostic_count(context), 0);
  return graft_diagnostic_get(context, 0);
}

static const struct {
  const char *text;
  graft_status status;
  uint32_t line, column;
  const char *message; /* part of it */
} bad[] = {
    {"dce,", GRAFT_SYNTAX, 1, 5, "expected a pass, not the end"},
    {"dce cse", GRAFT_SYNTAX, 1, 5, "expected ',' or the end"},
    {",dce", GRAFT_SYNTAX, 1, 1, "expected a pass"},
    {"dce,nonsense", GRAFT_NAME, 1, 5, "no pass is called 'nonsense'"},
    {"dce,\n  nonsense{a=b}", GRAFT_NAME, 2, 3, "no pass is called 'nonsense'"},
    {"dce,fold-constant", GRAFT_NAME, 1, 5, "'fold-constant'; did you mean 'fold-constants'?"},
    {"dce,rewrite{rule=a}", GRAFT_NAME, 1, 13, "no option 'rule'; did you mean 'rules'?"},
    {"convert{qparam=observer}", GRAFT_NAME, 1, 9, "no option 'qparam'; did you mean 'qparams'?"},
    {"dce{", GRAFT_SYNTAX, 1, 5, "expected an option's name, not the end"},
    {"dce{a}", GRAFT_SYNTAX, 1, 6, "expected '='"},
    {"dce{a=}", GRAFT_SYNTAX, 1, 7, "expected a value"},
    {"dce{a=b", GRAFT_SYNTAX, 1, 8, "expected ',' or '}'"},
    {"dce{a=b}", GRAFT_NAME, 1, 5, "'dce' has no option 'a'"},
    {"rewrite{rules=\"a}", GRAFT_SYNTAX, 1, 15, "does not end"},
    {"rewrite{rules=a,rules=b}", GRAFT_SYNTAX, 1, 17, "given twice"},
    {"fold-constants{max-elements=many}", GRAFT_SYNTAX, 1, 29, "takes a whole number, not 'many'"},
    {"fold-constants{max-elements=-1}", GRAFT_SYNTAX, 1, 29, "takes a whole number, not '-1'"},
    {"fold-constants{max-elements=1,2}", GRAFT_SYNTAX, 1, 29, "takes a whole number, not '1,2'"},
    {"rewrite{rules=a,fixed-point=maybe}", GRAFT_SYNTAX, 1, 29, "takes true or false"},
    {"convert{qparams=guessed}", GRAFT_SYNTAX, 1, 17, "takes trained|observer, not 'guessed'"},
    {"convert{qparams=train}", GRAFT_SYNTAX, 1, 17, "takes trained|observer"},
    {"convert{rules=a}", GRAFT_NAME, 1, 9, "'convert' has no option 'rules'"},
};

START_TEST(pipeline_errors_have_a_caret) {
  ck_assert_int_eq(graft_check_pipeline(context, bad[_i].text, NULL), bad[_i].status);
  graft_diagnostic d = first_error();
  ck_assert_msg(strstr(d.message, bad[_i].message), "'%s' gives: %s", bad[_i].text, d.message);
  ck_assert_uint_eq(d.line, bad[_i].line);
  ck_assert_uint_eq(d.column, bad[_i].column);
  ck_assert_str_eq(d.file, "pipeline");
}
END_TEST

START_TEST(pipelines_that_are_fine) {
  static const char *const good[] = {"",
                                     "  ",
                                     "dce",
                                     " dce , cse ",
                                     "dce{}",
                                     "dce{ },cse",
                                     "rewrite{rules=a,b}",
                                     "rewrite{rules=a,b,fixed-point=true}",
                                     "rewrite{rules=\"a,b\", fixed-point=true},dce",
                                     "rewrite{rules=a,\"b c\"},\n dce",
                                     "convert{qparams=observer}",
                                     "fold-constants{max-elements=0}"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    ck_assert_msg(gr_pipeline_check_text(context, good[i]) == GRAFT_OK, "'%s'", good[i]);
}
END_TEST

/* Every named pipeline of the table parses, opens up and has a doc line. */
START_TEST(table_is_sound) {
  for (uint32_t i = 0; i < graft_pass_count(); i++) {
    ck_assert_msg(gr_pipeline_check_text(context, graft_pass_name(i)) == GRAFT_OK, "%s", graft_pass_name(i));
    ck_assert_uint_gt(strlen(graft_pass_doc(i)), 0);
    char signature[512];
    ck_assert_uint_lt(graft_pass_signature(i, signature, sizeof signature), sizeof signature);
    ck_assert(strncmp(signature, graft_pass_name(i), strlen(graft_pass_name(i))) == 0);
    for (uint32_t k = 0; k < i; k++) ck_assert_str_ne(graft_pass_name(i), graft_pass_name(k));
  }
  ck_assert_ptr_null(graft_pass_name(graft_pass_count()));
}
END_TEST

static const gr_own nothing;

START_TEST(list_options_join_items) {
  gr_pipeline pipeline;
  ck_assert_int_eq(gr_pipeline_compile(&pipeline, context, &nothing, "rewrite{rules=a,\"b\\\"c\",d, fixed-point=true}"),
                   GRAFT_OK);
  ck_assert_uint_eq(pipeline.steps.len, 1);
  ck_assert_str_eq(pipeline.steps.data[0].values[0].s, "a,b\"c,d");
  ck_assert(pipeline.steps.data[0].values[1].b);
  gr_pipeline_free(&pipeline);

  const char *at = " a, ,b c,,d", *item;
  size_t length;
  ck_assert(gr_list_next(&at, &item, &length) && length == 1 && item[0] == 'a');
  ck_assert(gr_list_next(&at, &item, &length) && length == 3 && item[0] == 'b');
  ck_assert(gr_list_next(&at, &item, &length) && length == 1 && item[0] == 'd');
  ck_assert(!gr_list_next(&at, &item, &length));
}
END_TEST

START_TEST(pipeline_options_reach_the_members) {
  gr_pipeline pipeline;
  ck_assert_int_eq(gr_pipeline_compile(&pipeline, context, &nothing, "dce,convert{qparams=observer}"), GRAFT_OK);
  const gr_pipe_step *steps = pipeline.steps.data;
  ck_assert_int_eq(steps[0].kind, GR_STEP_PASS);
  ck_assert_int_eq(steps[1].kind, GR_STEP_BEGIN);
  ck_assert_int_eq(steps[pipeline.steps.len - 1].kind, GR_STEP_END);
  bool found = false;
  for (uint32_t i = 2; i + 1 < pipeline.steps.len; i++) {
    ck_assert_uint_eq(steps[i].depth, 1);
    if (strcmp(steps[i].info->name, "freeze-qparams") != 0) continue;
    found = true;
    ck_assert(steps[i].values[0].given);
    ck_assert_str_eq(steps[i].values[0].s, "observer");
  }
  ck_assert(found);
  gr_pipeline_free(&pipeline);
}
END_TEST

/* ---- running ---- */

typedef struct trace {
  char text[256];
  uint64_t removed;
} trace;

static void note(trace *t, const char *a, const char *b) {
  size_t n = strlen(t->text);
  snprintf(t->text + n, sizeof t->text - n, "%s%s", a, b);
}

static graft_status note_before(void *user, graft_module *module, const graft_pass_report *r) {
  trace *t = user;
  (void)module;
  note(t, "(", r->name);
  return GRAFT_OK;
}

static graft_status note_after(void *user, graft_module *module, const graft_pass_report *r) {
  trace *t = user;
  (void)module;
  note(t, ")", "");
  for (uint32_t i = 0; i < r->statistic_count; i++)
    if (strcmp(r->statistics[i].name, "nodes removed") == 0) t->removed += r->statistics[i].value;
  return GRAFT_OK;
}

static graft_status stop_after(void *user, graft_module *module, const graft_pass_report *r) {
  (void)user;
  (void)r;
  return gr_error(graft_module_get_context(module), GRAFT_PASS, (gr_loc){0}, "stop");
}

static graft_module *small_module(void) {
  graft_module *m = graft_module_create(context);
  graft_graph *g = graft_graph_create(m, "main");
  graft_type type = graft_type_make(GRAFT_F32, 2, (int64_t[]){2, 3});
  graft_value x = graft_input_add(g, "x", &type);
  graft_value y = graft_build(g, "relu", &x, 1, NULL, 0);
  graft_build(g, "sigmoid", &y, 1, NULL, 0); /* dead */
  graft_output_add(g, "y", y);
  return m;
}

START_TEST(callbacks_see_every_pass) {
  graft_module *m = small_module();
  trace t = {0};
  graft_pass_options options = {
      .size = sizeof options, .verify_each = true, .before = note_before, .after = note_after, .user = &t};
  ck_assert_int_eq(graft_run_passes(m, "dce,cse", &options), GRAFT_OK);
  ck_assert_str_eq(t.text, "(dce)(cse)");
  ck_assert_uint_eq(t.removed, 1);
  ck_assert_uint_eq(graft_node_count(graft_module_get_graph(m, 0)), 1);
  graft_module_destroy(m);
}
END_TEST

static graft_status stop_silently(void *user, graft_module *module, const graft_pass_report *r) {
  (void)user, (void)module, (void)r;
  return GRAFT_PASS;
}

START_TEST(callback_that_says_nothing) {
  graft_module *m = small_module();
  graft_pass_options options = {.size = sizeof options, .before = stop_silently};
  ck_assert_int_eq(graft_run_passes(m, "cse,dce", &options), GRAFT_PASS);
  ck_assert_str_eq(first_error().message, "the run was ended before 'cse': the pass cannot do this");
  graft_module_destroy(m);
}
END_TEST

START_TEST(callback_can_stop) {
  graft_module *m = small_module();
  graft_pass_options options = {.size = sizeof options, .after = stop_after};
  ck_assert_int_eq(graft_run_passes(m, "cse,dce", &options), GRAFT_PASS);
  ck_assert_uint_eq(graft_node_count(graft_module_get_graph(m, 0)), 2);
  graft_module_destroy(m);
}
END_TEST

static graft_status note_place(void *user, graft_module *module, const graft_pass_report *r) {
  trace *t = user;
  char place[80];
  (void)module;
  snprintf(place, sizeof place, "%s%u/%u %s", r->in, r->number, r->of, r->name);
  note(t, t->text[0] ? ", " : "", place);
  for (uint32_t i = 0; i < r->rule_count; i++) {
    snprintf(place, sizeof place, "%s %u %u %u", r->rules[i].name, (unsigned)r->rules[i].matches,
             (unsigned)r->rules[i].refused, (unsigned)r->rules[i].overlaps);
    note(t, ": ", place);
  }
  return GRAFT_OK;
}

START_TEST(reports_say_where_a_pass_stands_and_what_its_rules_did) {
  graft_module *m = small_module();
  trace t = {0};
  graft_pass_options options = {.size = sizeof options, .after = note_place, .user = &t};
  ck_assert_int_eq(graft_run_passes(m, "dce,prepare-qat,dce", &options), GRAFT_OK);
  ck_assert_str_eq(t.text, "1/3 dce, prepare-qat1/4 canonicalize, prepare-qat2/4 annotate, prepare-qat3/4 "
                           "fuse-conv-bn-qat, prepare-qat4/4 insert-fake-quant, 2/3 prepare-qat, 3/3 dce");
  graft_graph *g = graft_module_get_graph(m, 0);
  for (int i = 0; i < 2; i++) {
    graft_value x = graft_input_get(g, 0), s = graft_build(g, "sigmoid", &x, 1, NULL, 0);
    graft_output_add(g, i ? "b" : "a", graft_build(g, "mul", (graft_value[]){x, s}, 2, NULL, 0));
  }
  t.text[0] = '\0';
  ck_assert_int_eq(graft_run_passes(m, "canonicalize", &options), GRAFT_OK);
  ck_assert_str_eq(t.text, "1/1 canonicalize: silu 2 0 0");
  graft_module_destroy(m);
}
END_TEST

START_TEST(errors_say_which_pass_it_was) {
  graft_module *m = small_module();
  ck_assert_int_eq(graft_run_passes(m, "prepare{quantiser=xnnpack}", NULL), GRAFT_NAME);
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message,
                   "quantizer xnnpack has no option 'quantiser'; did you mean 'quantizer'?");
  graft_diagnostics_clear(context);
  ck_assert_int_eq(graft_run_passes(m, "dce,prepare{quantizer=xnpack}", NULL), GRAFT_NAME);
  ck_assert_uint_eq(graft_diagnostic_count(context), 2);
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message, "there is no quantizer 'xnpack'; did you mean 'xnnpack'?");
  ck_assert_str_eq(graft_diagnostic_get(context, 1).message,
                   "in the pass 'annotate' (3 of 4) of the pipeline 'prepare'");
  graft_diagnostics_clear(context);
  ck_assert_int_eq(graft_run_passes(m, "dce,cse,rewrite{rules=sillu},dce", NULL), GRAFT_NAME);
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message,
                   "there is no rule and no file of rules called 'sillu'; did you mean 'silu'?");
  ck_assert_str_eq(graft_diagnostic_get(context, 1).message, "in the pass 'rewrite' (3 of 4)");
  graft_module_destroy(m);
}
END_TEST

START_TEST(nothing_runs_when_the_text_is_wrong) {
  graft_module *m = small_module();
  ck_assert_int_eq(graft_run_passes(m, "dce,nonsense", NULL), GRAFT_NAME);
  ck_assert_uint_eq(graft_node_count(graft_module_get_graph(m, 0)), 2);
  graft_module_destroy(m);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("passes");
  TCase *c = tcase_create("passes");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, pipeline_errors_have_a_caret, 0, (int)(sizeof bad / sizeof *bad));
  tcase_add_test(c, pipelines_that_are_fine);
  tcase_add_test(c, table_is_sound);
  tcase_add_test(c, list_options_join_items);
  tcase_add_test(c, pipeline_options_reach_the_members);
  tcase_add_test(c, callbacks_see_every_pass);
  tcase_add_test(c, callback_can_stop);
  tcase_add_test(c, callback_that_says_nothing);
  tcase_add_test(c, reports_say_where_a_pass_stands_and_what_its_rules_did);
  tcase_add_test(c, errors_say_which_pass_it_was);
  tcase_add_test(c, nothing_runs_when_the_text_is_wrong);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
