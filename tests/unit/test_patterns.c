/* Rule sets through the public API, --explain, and rules when memory runs out. */
#include "heap.h"
#include "ir/ir_int.h"
#include "passes/passes.h"
#include "patterns/rules_impl.h"
#include "runtime/runtime_int.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char network[] = "graft 1\n"
                              "tensor %w: f32[2, 2, 1, 1] parameter = [1.0, 2.0, 3.0, 4.0]\n"
                              "tensor %b: f32[2] parameter = [1.0, 2.0]\n"
                              "tensor %m: f32[2] buffer = [0.5, 0.25]\n"
                              "tensor %v: f32[2] buffer = [1.5, 1.25]\n"
                              "graph main(%x: f32[1, 2, 2, 2]) {\n"
                              "  spec 1 = spec\n"
                              "  %c = conv2d(%x ~1, %w ~1, %b): f32[1, 2, 2, 2]\n"
                              "  %y = batch_norm(%c, %b, %b, %m, %v): f32[1, 2, 2, 2] ~1\n"
                              "  %d = conv2d(%y, %w): f32[1, 2, 2, 2]\n"
                              "  %z = batch_norm(%d, _, _, %m, %v): f32[1, 2, 2, 2]\n"
                              "  %r = relu(%d): f32[1, 2, 2, 2]\n"
                              "  return %z, %r\n"
                              "}\n";

static graft_module *load(graft_context *c) {
  return graft_module_load_memory(c, network, sizeof network - 1, "net", NULL);
}

static int find(const graft_rules *rules, const char *name) {
  for (uint32_t i = 0; i < graft_rules_count(rules); i++)
    if (strcmp(graft_rules_name(rules, i), name) == 0) return (int)i;
  return -1;
}

START_TEST(builtin_rules_are_listed) {
  graft_context *c = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(c, true);
  ck_assert_ptr_nonnull(rules);
  int i = find(rules, "fold_conv_bn");
  ck_assert_int_ge(i, 0);
  ck_assert_str_eq(graft_rules_file(rules, (uint32_t)i), "convert/fold_conv_bn.pat");
  ck_assert_ptr_eq(strstr(graft_rules_doc(rules, (uint32_t)i), "bn(conv(x, Q(w*s), Q(0))/s + b)"),
                   graft_rules_doc(rules, (uint32_t)i));
  graft_rules_destroy(rules);
  graft_context_destroy(c);
}
END_TEST

static bool is_wide(void *user, const graft_graph *g, const graft_value *values, uint32_t count) {
  graft_type t = graft_value_get_type(g, values[0]);
  ++*(uint32_t *)user;
  return count == 1 && t.rank == 4 && t.dims[1] > 1;
}

/* A predicate in C decides, in rules and in quantizers, by itself and inside of a condition of the file. */
START_TEST(predicates_of_the_embedder) {
  static const char rules[] = "condition wide_float(%a) = is_wide(%a) and is_float(%a)\n"
                              "# relu(x) ==> clamp(x, 0, inf)\nrule r\nmatch\n  %y = relu(%x)\n"
                              "where no_spec(..), wide_float(%x)\nrewrite\n  %y = clamp(%x, 0.0, inf)\n";
  uint32_t calls = 0;
  graft_predicate wide = {.size = sizeof wide, .name = "is_wide", .arity = 1, .holds = is_wide, .user = &calls};
  graft_context *c = graft_context_create(NULL);
  graft_module *m = load(c);
  graft_rules *set = graft_rules_create(c, false);
  ck_assert_int_ne(graft_rules_add(set, rules, sizeof rules - 1, "text"), GRAFT_OK); /* not known yet */
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(c, 0).message, "unknown predicate 'is_wide'"));
  graft_diagnostics_clear(c);
  ck_assert_int_eq(graft_rules_add_predicate(set, &wide), GRAFT_OK);
  ck_assert_int_eq(graft_rules_add(set, rules, sizeof rules - 1, "text"), GRAFT_OK);
  gr_rewrite_options options = {.pass = "test"};
  gr_rewrite_stats stats;
  const char *name = "r";
  ck_assert_int_eq(gr_rewrite(graft_module_get_graph(m, 0), set, &name, 1, &options, &stats), GRAFT_OK);
  ck_assert_uint_eq(stats.matches, 1);
  ck_assert_uint_eq(calls, 1);
  ck_assert_int_eq(graft_rules_add_predicate(set, &wide), GRAFT_NAME); /* twice */
  graft_predicate wrong = wide;
  wrong.name = "rank";
  ck_assert_int_eq(graft_rules_add_predicate(set, &wrong), GRAFT_NAME);
  wrong.name = "Is Wide";
  ck_assert_int_eq(graft_rules_add_predicate(set, &wrong), GRAFT_NAME);
  wrong = wide;
  wrong.arity = 0;
  ck_assert_int_eq(graft_rules_add_predicate(set, &wrong), GRAFT_NAME);
  ck_assert_str_eq(graft_diagnostic_get(c, graft_diagnostic_count(c) - 1).message,
                   "the predicate 'is_wide' takes 1 to 8 values");
  ck_assert_int_eq(graft_rules_add_predicate(set, NULL), GRAFT_NAME);
  graft_diagnostics_clear(c);
  static const char wrong_arity[] = "# any\nrule q\nmatch\n  %y = relu(%x)\nwhere no_spec(..), is_wide(%x, %y)\n"
                                    "rewrite\n  %y = silu(%x)\n";
  ck_assert_int_ne(graft_rules_add(set, wrong_arity, sizeof wrong_arity - 1, "text"), GRAFT_OK);
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(c, 0).message, "is_wide takes 1 value"));
  graft_rules_destroy(set);
  graft_module_destroy(m);
  graft_diagnostics_clear(c);
  /* The same through a pipeline's options. */
  m = load(c);
  char path[] = "/tmp/graft-rules-XXXXXX";
  const int fd = mkstemp(path);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq((int)write(fd, rules, sizeof rules - 1), (int)sizeof rules - 1);
  close(fd);
  const char *file = path;
  graft_pass_options pass = {.size = sizeof pass, .pattern_files = &file, .pattern_file_count = 1};
  ck_assert_int_ne(graft_run_passes(m, "rewrite{rules=r}", &pass), GRAFT_OK);
  pass.predicates = &wide;
  pass.predicate_count = 1;
  graft_diagnostics_clear(c);
  ck_assert_int_eq(graft_run_passes(m, "rewrite{rules=r}", &pass), GRAFT_OK);
  ck_assert_uint_eq(calls, 2);
  ck_assert_int_eq(unlink(path), 0);
  graft_module_destroy(m);
  graft_context_destroy(c);
}
END_TEST

/* A family may have more members than the op table has rows. */
START_TEST(families_of_many_foreign_ops) {
  char text[8192];
  size_t n = (size_t)snprintf(text, sizeof text, "family @all =");
  for (int i = 0; i < 255; i++) n += (size_t)snprintf(text + n, sizeof text - n, " \"vendor.op%d\"", i);
  n += (size_t)snprintf(
      text + n, sizeof text - n,
      " relu\n# relu(x) ==> clamp(x, 0, inf)\nrule r\nmatch\n  %%y = @all(%%x) {drop ..}\nwhere no_spec(..)\n"
      "rewrite\n  %%y = clamp(%%x, 0.0, inf)\n");
  ck_assert_uint_lt(n, sizeof text);
  graft_context *c = graft_context_create(NULL);
  graft_module *m = load(c);
  graft_rules *set = graft_rules_create(c, false);
  ck_assert_int_eq(graft_rules_add(set, text, n, "text"), GRAFT_OK);
  gr_rewrite_options options = {.pass = "test"};
  gr_rewrite_stats stats;
  const char *name = "r";
  ck_assert_int_eq(gr_rewrite(graft_module_get_graph(m, 0), set, &name, 1, &options, &stats), GRAFT_OK);
  ck_assert_uint_eq(stats.matches, 1);
  graft_rules_destroy(set);
  graft_module_destroy(m);
  graft_context_destroy(c);
}
END_TEST

/* Rules of one root that differ in an attribute, or in an op below: loading is linear, and what shadows is found. */
START_TEST(many_rules) {
  enum { COUNT = 20000 };
  const size_t room = (size_t)COUNT * 160 + 1000;
  char *text = malloc(room);
  size_t n = 0;
  for (int i = 0; i < COUNT; i++)
    n += (size_t)snprintf(
        text + n, room - n,
        i % 2 ? "# a\nrule r%d\nmatch\n  %%y = slice(%%x) {start: %d, drop ..}\n"
                "where no_spec(..)\nrewrite\n  %%y = relu(%%x)\n"
              : "# a\nrule r%d\nmatch\n  %%a = \"v.op%d\"(%%x) {drop ..}\n  %%y = slice(%%a) {drop ..}\n"
                "where no_spec(..)\nrewrite\n  %%y = relu(%%x)\n",
        i, i);
  graft_context *c = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(c, false);
  ck_assert_int_eq(graft_rules_add(rules, text, n, "many"), GRAFT_OK);
  ck_assert_uint_eq(graft_rules_count(rules), COUNT);
  ck_assert_int_ne(graft_rules_add(rules, text, n, "many again"), GRAFT_OK); /* the names are there */
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(c, 0).message, "there is a rule r0 already, in many"));
  graft_rules_destroy(rules);
  graft_diagnostics_clear(c);
  static const char *const last[] = {
      "# a\nrule s\nmatch\n  %y = slice(%x) {start: 777, end: 1, drop ..}\n"
      "where no_spec(..)\nrewrite\n  %y = relu(%x)\n",
      "# a\nrule s\nmatch\n  %a = \"v.op778\"(%x) {drop ..}\n  %y = slice(%a) {start: 778, "
      "drop ..}\nwhere no_spec(..)\nrewrite\n  %y = relu(%x)\n"};
  for (int i = 0; i < 2; i++) {
    snprintf(text + n, room - n, "%s", last[i]);
    rules = graft_rules_create(c, false);
    ck_assert_int_ne(graft_rules_add(rules, text, n + strlen(last[i]), "many"), GRAFT_OK);
    ck_assert_ptr_nonnull(
        strstr(graft_diagnostic_get(c, 0).message, i ? "s is never reached: r778" : "s is never reached: r777"));
    graft_rules_destroy(rules);
    graft_diagnostics_clear(c);
  }
  graft_context_destroy(c);
  free(text);
}
END_TEST

static graft_status need(graft_rules *rules, const char *name, const graft_module *module) {
  return gr_rules_need(rules, &name, 1, module);
}

START_TEST(rules_that_ship_are_read_when_asked_for) {
  static const char mine[] =
      "# mine\nrule hardtanh_of_relu\nmatch\n  %y = relu(%x)\nwhere no_spec(..)\nrewrite\n  %y = silu(%x)\n";
  graft_context *c = graft_context_create(NULL);
  graft_rules *all = graft_rules_create(c, true), *some = gr_rules_create_pending(c);
  ck_assert_uint_eq(graft_rules_count(some), 0);
  ck_assert_int_eq(need(some, "fold_quantize", NULL), GRAFT_OK);
  ck_assert_uint_eq(graft_rules_count(some), 1);
  ck_assert_int_eq(need(some, "fold_quantize", NULL), GRAFT_OK);
  ck_assert_uint_eq(graft_rules_count(some), 1);
  ck_assert_int_eq(need(some, "convert/fold_conv_bn", NULL), GRAFT_OK);
  ck_assert_int_ge(find(some, "fold_conv_bn"), 0);
  /* A rule that ships has its name before it is read. */
  ck_assert_int_ne(graft_rules_add(some, mine, sizeof mine - 1, "mine"), GRAFT_OK);
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(c, 0).message,
                               "there is a rule hardtanh_of_relu already, in canonicalize/hardtanh.pat"));
  ck_assert_int_eq(need(some, "canonicalize", NULL), GRAFT_OK);
  ck_assert_int_ge(find(some, "hardtanh_of_relu"), 0);
  ck_assert_uint_lt(graft_rules_count(some), graft_rules_count(all));
  ck_assert_int_eq(need(some, "canonicalise", NULL), GRAFT_OK); /* the rewriter's error */
  ck_assert_int_eq(gr_rules_need(some, NULL, 0, NULL), GRAFT_OK);
  ck_assert_uint_eq(graft_rules_count(some), graft_rules_count(all));
  graft_rules_destroy(some);
  graft_rules_destroy(all);
  graft_context_destroy(c);
}
END_TEST

START_TEST(of_the_rules_that_ship_those_are_read_that_may_match) {
  graft_context *c = graft_context_create(NULL);
  graft_rules *some = gr_rules_create_pending(c);
  graft_module *m = graft_module_create(c);
  graft_graph *g = graft_graph_create(m, "main");
  graft_type t = graft_type_make(GRAFT_F32, 1, (int64_t[]){4});
  graft_value x = graft_input_add(g, "x", &t), z = graft_input_add(g, "z", &t);
  graft_value e = graft_build(g, "exp", &x, 1, NULL, 0);
  graft_build(g, "log", &e, 1, NULL, 0);
  ck_assert_int_eq(need(some, "canonicalize", m), GRAFT_OK);
  const uint32_t few = graft_rules_count(some);
  ck_assert_int_lt(find(some, "softmax"), 0);
  ck_assert_int_lt(find(some, "log_softmax"), 0);
  graft_value s = graft_build(g, "sum", &e, 1, NULL, 0);
  graft_build(g, "div", (graft_value[]){z, s}, 2, NULL, 0);
  ck_assert_int_eq(need(some, "canonicalize", m), GRAFT_OK);
  ck_assert_uint_gt(graft_rules_count(some), few);
  ck_assert_int_ge(find(some, "softmax"), 0);
  ck_assert_int_ge(find(some, "log_softmax"), 0); /* of what that one makes */
  ck_assert_int_lt(find(some, "rms_norm"), 0);
  /* They stand in the order of the build, whenever they were read. */
  ck_assert_int_eq(graft_run_passes(m, "canonicalize,rewrite{rules=canonicalize/rms_norm}", NULL), GRAFT_OK);
  graft_module_destroy(m);
  graft_rules_destroy(some);
  graft_context_destroy(c);
}
END_TEST

static bool has_op(const pt_variant *v, uint32_t op) {
  for (uint32_t n = 0; n < v->node_count; n++) {
    const gr_opset *ops = v->nodes[n].call->ops;
    if (ops->count == 1 && ops->members[0].op == op) return true;
  }
  return false;
}

/* What the build found in the texts is so: each form of a rule has a node of the op, and of no other. */
/* Of one file, rules may be read at two times: what a context has read before decides nothing. */
START_TEST(rules_that_ship_keep_their_order_whenever_they_are_read) {
  static const char *const texts[] = {
      "graft 1\ngraph main(%x: f32[2, 6]) {\n  %n = linalg_vector_norm(%x) {dim: [1], keepdim: true}\n"
      "  %c = clamp(%n, 1e-12)\n  %y = div(%x, %c)\n  return %y\n}\n",
      "graft 1\ngraph main(%x: f32[2, 6]) {\n  %q = mul(%x, %x)\n  %t = sum(%q) {dim: [1], keepdim: true}\n"
      "  %n = sqrt(%t)\n  %c = clamp(%n, 1e-12)\n  %h = shape(%x)\n  %e = expand(%c, %h)\n  %y = div(%x, %e)\n"
      "  return %y\n}\n"};
  uint64_t hashes[2];
  graft_context *c = graft_context_create(NULL);
  for (int i = 0; i < 2; i++) { /* alone, or after another module */
    for (int k = 1 - i; k < 2; k++) {
      graft_module *m = graft_module_load_memory(c, texts[k], strlen(texts[k]), "text", NULL);
      ck_assert_int_eq(graft_run_passes(m, "canonicalize", NULL), GRAFT_OK);
      hashes[i] = graft_module_hash(m);
      graft_module_destroy(m);
    }
    graft_context_destroy(c);
    c = graft_context_create(NULL);
  }
  ck_assert_uint_eq(hashes[0], hashes[1]);
  graft_context_destroy(c);
}
END_TEST

START_TEST(rules_that_ship_need_what_the_build_says) {
  graft_context *c = graft_context_create(NULL);
  graft_rules *all = graft_rules_create(c, true);
  uint32_t needs = 0;
  ck_assert_uint_eq(all->shipped.len, graft_rules_count(all));
  for (uint32_t i = 0; i < all->shipped.len; i++) {
    const gr_shipped *s = &all->shipped.data[i];
    const pt_rule *rule = all->rules.data[i];
    ck_assert_str_eq(s->name, rule->name);
    ck_assert_str_eq(s->file->name, rule->file);
    for (const uint16_t *op = s->needs; *op != GR_OP_COUNT; op++, needs++)
      for (uint32_t v = 0; v < rule->pattern->variant_count; v++)
        ck_assert_msg(has_op(&rule->pattern->variants[v], *op), "%s does not need %s", s->name, gr_op_get(*op)->name);
  }
  ck_assert_uint_gt(2 * needs, 3 * all->shipped.len);
  graft_rules_destroy(all);
  graft_context_destroy(c);
}
END_TEST

START_TEST(a_wrong_text_adds_nothing) {
  static const char text[] = "# one\nrule one\nmatch\n  %y = relu(%x)\nwhere no_spec(..)\nrewrite\n  %y = silu(%x)\n"
                             "# two\nrule two\nmatch\n  %y = relu(%q)\nrewrite\n  %y = silu(%x)\n";
  graft_context *c = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(c, false);
  ck_assert_int_ne(graft_rules_add(rules, text, sizeof text - 1, "text"), GRAFT_OK);
  ck_assert_uint_eq(graft_rules_count(rules), 0);
  ck_assert_uint_eq(graft_diagnostic_get(c, 0).line, 13);
  graft_rules_destroy(rules);
  graft_context_destroy(c);
}
END_TEST

START_TEST(an_unknown_rule_is_an_error) {
  graft_context *c = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(c, true);
  graft_module *m = load(c);
  const char *names[] = {"fold_conv_nb"};
  gr_rewrite_options options = {.pass = "test"};
  ck_assert_int_eq(gr_rewrite(graft_module_get_graph(m, 0), rules, names, 1, &options, NULL), GRAFT_NAME);
  graft_module_destroy(m);
  graft_rules_destroy(rules);
  graft_context_destroy(c);
}
END_TEST

static void explains(const char *node, const char *what) {
  graft_context *c = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(c, true);
  graft_module *m = load(c);
  char *text;
  size_t size;
  ck_assert_int_eq(graft_rules_explain(rules, graft_module_get_graph(m, 0), node, NULL, &text, &size), GRAFT_OK);
  if (!strstr(text, what)) ck_abort_msg("'%s' is not in\n%s", what, text);
  graft_free(c, text, size);
  graft_module_destroy(m);
  graft_rules_destroy(rules);
  graft_context_destroy(c);
}

/* What a rule of the text's own says of %a. */
static void explains_rule(const char *rewrite, const char *graph, const char *what) {
  char rule[400], text[400];
  graft_context *c = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(c, false);
  snprintf(rule, sizeof rule, "# r\nrule r\nmatch\n%s\n", rewrite);
  snprintf(text, sizeof text, "graft 1\ngraph main(%%x: i8[2], %%z: f32[2]) {\n%s\n  return %%a\n}\n", graph);
  ck_assert_int_eq(graft_rules_add(rules, rule, strlen(rule), "text"), GRAFT_OK);
  graft_module *m = graft_module_load_memory(c, text, strlen(text), "text", NULL);
  ck_assert_ptr_nonnull(m);
  char *before, *after, *said;
  size_t before_size, after_size, size;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_TEXT, &before, &before_size), GRAFT_OK);
  ck_assert_int_eq(graft_rules_explain(rules, graft_module_get_graph(m, 0), "a", NULL, &said, &size), GRAFT_OK);
  if (!strstr(said, what)) ck_abort_msg("'%s' is not in\n%s", what, said);
  ck_assert_uint_eq(graft_diagnostic_count(c), 0);
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_TEXT, &after, &after_size), GRAFT_OK);
  ck_assert_uint_eq(before_size, after_size);
  ck_assert_mem_eq(before, after, before_size);
  graft_free(c, before, before_size);
  graft_free(c, after, after_size);
  graft_free(c, said, size);
  graft_module_destroy(m);
  graft_rules_destroy(rules);
  graft_context_destroy(c);
}

#define RELU "  %y = relu(%x)\nwhere no_spec(..)\nrewrite\n"

START_TEST(explain_tries_the_rewrite) {
  explains_rule(RELU "  %y = add(%x, 300)", "  %a = relu(%x)", "the rewrite does not fit: 300 is no i8");
  explains_rule(RELU "  %y = add(%x, 1: f64)", "  %a = relu(%z)", "the rewrite does not fit: add: C1");
  explains_rule(RELU "  %y = permute(%x) {dims: [1, 0]}", "  %a = relu(%x)", "does not fit: permute: C1");
  explains_rule(RELU "  const %k = 1 / 0\n  %y = add(%x, %k)", "  %a = relu(%x)", "a const line has no value");
  explains_rule(RELU "  %y = zeros_like(%x)", "  %a = relu(%x)", "r matches at %a");
}
END_TEST

START_TEST(explain_evaluates_as_passes_do) {
  explains_rule("  %y = mul(%x, %k)\nwhere number(%k) == 6, no_spec(..)\nrewrite\n  %y = relu(%x)",
                "  %k = mul(2.0, 3.0)\n  %a = mul(%z, %k)", "r matches at %a");
  explains_rule("  %y = mul(%x, 6)\nwhere no_spec(..)\nrewrite\n  const %k = sqrt(36: f32)\n  %y = add(%x, %k)",
                "  %k = mul(2.0, 3.0)\n  %a = mul(%z, %k)", "r matches at %a");
}
END_TEST

START_TEST(explain_names_the_second_user) {
  explains("d", "fold_conv_bn at %z: %d is used outside of what the rule matches");
}
END_TEST

START_TEST(explain_names_the_annotation) {
  explains("d", "fuse_conv_bn_qat at %z: %d is used outside of what the rule matches");
  explains("y", "fuse_conv_bn_qat matches at %y");
  explains("r", "%r is a relu");
}
END_TEST

/* ---- no memory ---- */

/* Loads rules and applies them; from allocation `at` on there is no memory; true when it all succeeded. */
static bool attempt(uint64_t at) {
  test_heap heap = {.fail_at = at, .forever = true};
  graft_context *c = heap_context(&heap);
  if (!c) return false;
  graft_rules *rules = graft_rules_create(c, true);
  graft_module *m = rules ? load(c) : NULL;
  bool ok = m != NULL;
  const char *names[] = {"fuse_conv_bn_qat", "fold_conv_bn", "fold_quantize", "canonicalize"};
  gr_rewrite_options options = {
      .pass = "test", .evaluate = gr_runtime_evaluate, .fixed_point = true, .report_overlaps = true};
  gr_rewrite_stats stats;
  for (uint32_t i = 0; ok && i < 4; i++)
    ok = gr_rewrite(graft_module_get_graph(m, 0), rules, names + i, 1, &options, &stats) == GRAFT_OK;
  char *text;
  size_t size;
  ok = ok && graft_rules_explain(rules, graft_module_get_graph(m, 0), "d", NULL, &text, &size) == GRAFT_OK;
  if (ok) graft_free(c, text, size);
  graft_module_destroy(m);
  graft_rules_destroy(rules);
  graft_context_destroy(c);
  ck_assert_uint_eq(heap.live, 0);
  return ok;
}

START_TEST(every_allocation_may_fail) {
  uint64_t n = 1;
  while (!attempt(n)) n += n < 40 ? 1 : 1 + n / 97;
  ck_assert_uint_gt(n, 50);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("patterns");
  TCase *t = tcase_create("rules");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, builtin_rules_are_listed);
  tcase_add_test(t, predicates_of_the_embedder);
  tcase_add_test(t, families_of_many_foreign_ops);
  tcase_add_test(t, many_rules);
  tcase_add_test(t, rules_that_ship_are_read_when_asked_for);
  tcase_add_test(t, of_the_rules_that_ship_those_are_read_that_may_match);
  tcase_add_test(t, rules_that_ship_keep_their_order_whenever_they_are_read);
  tcase_add_test(t, rules_that_ship_need_what_the_build_says);
  tcase_add_test(t, a_wrong_text_adds_nothing);
  tcase_add_test(t, an_unknown_rule_is_an_error);
  tcase_add_test(t, explain_tries_the_rewrite);
  tcase_add_test(t, explain_evaluates_as_passes_do);
  tcase_add_test(t, explain_names_the_second_user);
  tcase_add_test(t, explain_names_the_annotation);
  tcase_add_test(t, every_allocation_may_fail);
  suite_add_tcase(suite, t);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
