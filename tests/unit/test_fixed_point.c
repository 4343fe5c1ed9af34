/* A fixed point is one: on random graphs and random sets of rules, in random order, nothing matches when the pass has
 * ended, the graph is valid, and its results are the same numbers. Rules that end are not stopped. */
#include "passes/passes.h"
#include "patterns/patterns_int.h"
#include "runtime/runtime.h"
#include "runtime/runtime_int.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sound, and each set of them ends: every rewrite makes the graph smaller or moves a permute one step up. */
static const char *const pool[] = {
    "match\n %a = relu(%x)\n %y = relu(%a)\nwhere no_spec(..)\nrewrite\n %y = %a\n",
    "match\n %s = sigmoid(%x) one_use\n %y = mul(%x, %s)\nwhere no_spec(..)\nrewrite\n %y = silu(%x)\n",
    "match\n %r = relu(%x) one_use\n %y = permute(%r) {..$a}\nwhere no_spec(..)\nrewrite\n %p = permute(%x) {..$a}\n"
    " %y = relu(%p)\n",
    "match\n %y = add(%x, 0.0)\nwhere no_spec(..)\nrewrite\n %y = %x\n",
    "match\n %y = mul(%x, 1.0)\nwhere no_spec(..)\nrewrite\n %y = %x\n",
    "match\n %a = sigmoid(%x)\n %y = relu(%a)\nwhere no_spec(..)\nrewrite\n %y = %a\n",
    "match\n %y = add(%x, %x)\nwhere no_spec(..)\nrewrite\n %y = mul(%x, 2.0)\n",
    "match\n %m = mul(%x, %a) one_use\n %y = mul(%m, %b)\nwhere constant(%a), constant(%b), not constant(%x),"
    " no_spec(..)\nrewrite\n const %c = mul(%a, %b)\n %y = mul(%x, %c)\n",
    "match\n %p = permute(%x) {dims: [1, 0]}\n %y = permute(%p) {dims: [1, 0]}\nwhere no_spec(..)\nrewrite\n %y = %x\n",
    "match\n %y = dropout(%x) {p: $p, training: false}\nwhere $p >= 0, no_spec(..)\nrewrite\n %y = %x\n",
    "match\n %y = @any:op(..%xs) {..$how}\nwhere constant(..%xs), no_spec(..)\nrewrite\n const %y = @op(..%xs) "
    "{..$how}\n",
    "match\n %r = relu(%x)\n %y = hardtanh(%r) {min_val: 0.0, max_val: $m}\nwhere no_spec(..)\nrewrite\n"
    " %y = hardtanh(%x) {min_val: 0.0, max_val: $m}\n",
    "match\n %a = sigmoid(%x)\n %b = tanh(%a)\n %y = relu(%b)\nwhere no_spec(..)\nrewrite\n %y = %b\n",
    "match\n %a = hardtanh(%x) {min_val: 0.0, max_val: 6.0}\n %y = relu(%a)\nwhere uses(%a) == 1, "
    "no_spec(..)\nrewrite\n"
    " %y = hardtanh(%x) {min_val: 0.0, max_val: 6.0}\n",
    "match\n %y = sub(%x, %z)\nwhere const(%z), not is_output(%z), const(%x), one_use(%z), no_spec(..)\nrewrite\n"
    " const %k = sub(%x, %z) named %x kind parameter\n %y = %k\n",
};
enum { POOL = sizeof pool / sizeof *pool };

static uint64_t state;
static uint32_t below(uint32_t n) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % n;
}

static void write_rules(char *text, size_t size) {
  uint32_t order[POOL], count = 1 + below(POOL);
  size_t n = 0;
  for (uint32_t i = 0; i < POOL; i++) order[i] = i;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t k = i + below(POOL - i), rule = order[k];
    order[k] = order[i];
    n += (size_t)snprintf(text + n, size - n, "# r\nrule r%u\n%s\n", rule, pool[rule]);
  }
}

/* Any value made so far, or a tensor. */
static const char *value(char *name, uint32_t made) {
  static const char *const others[] = {"%zero", "%one", "%two", "%p", "%b", "%x"};
  uint32_t i = below(made + 4);
  if (below(3) && made) i = made - 1 - below(made < 5 ? made : 5);
  if (i < made)
    snprintf(name, 16, "%%v%u", i);
  else
    snprintf(name, 16, "%s", others[below(6)]);
  return name;
}

static void write_graph(char *text, size_t size) {
  static const char *const unary[] = {"relu(%s)",
                                      "sigmoid(%s)",
                                      "relu(%s)",
                                      "permute(%s) {dims: [1, 0]}",
                                      "dropout(%s)",
                                      "tanh(%s)",
                                      "hardtanh(%s) {min_val: 0.0, max_val: 6.0}"};
  static const char *const binary[] = {"add(%s, %s)", "mul(%s, %s)", "mul(%s, %s)", "sub(%s, %s)"};
  uint32_t nodes = 3 + below(40);
  size_t n = (size_t)snprintf(text, size,
                              "graft 1\ntensor %%zero: f32[2, 2] constant = [0.0, 0.0, 0.0, 0.0]\n"
                              "tensor %%one: f32[2, 2] constant = [1.0, 1.0, 1.0, 1.0]\n"
                              "tensor %%two: f32[2, 2] constant = [2.0, 2.0, 2.0, 2.0]\n"
                              "tensor %%p: f32[2, 2] parameter = [1.0, -2.0, 0.5, 1.5]\n"
                              "tensor %%b: f32[2, 2] buffer = [0.0, 1.0, 2.0, -3.0]\n"
                              "graph main(%%x: f32[2, 2]) {\n");
  for (uint32_t i = 0; i < nodes; i++) {
    char a[16], b[16];
    n += (size_t)snprintf(text + n, size - n, "  %%v%u = ", i);
    if (below(2)) {
      n += (size_t)snprintf(text + n, size - n, unary[below(7)], value(a, i)); // NOLINT: formats of the table
    } else if (below(3)) {
      n += (size_t)snprintf(text + n, size - n, binary[below(4)], value(a, i), value(b, i)); // NOLINT
    } else { /* x * sigmoid(x) and the like: the same value twice */
      value(a, i);
      n += (size_t)snprintf(text + n, size - n, binary[below(4)], a, a); // NOLINT
    }
    n += (size_t)snprintf(text + n, size - n, "\n");
  }
  n += (size_t)snprintf(text + n, size - n, "  return %%v%u as \"o\"", nodes - 1);
  for (uint32_t i = below(3); i > 0; i--)
    n += (size_t)snprintf(text + n, size - n, ", %%v%u as \"o%u\"", below(nodes), i);
  n += (size_t)snprintf(text + n, size - n, "\n}\n");
}

static void complain(graft_context *c, uint64_t seed, const char *what, const char *graph, const char *rules) {
  char message[2048] = "";
  if (graft_diagnostic_count(c)) {
    graft_diagnostic d = graft_diagnostic_get(c, 0);
    graft_diagnostic_format(&d, message, sizeof message);
  }
  ck_abort_msg("seed %llu: %s %s\n%s\n%s", (unsigned long long)seed, what, message, rules, graph);
}

/* The graph's outputs on one input, one after the other. */
static uint32_t run(graft_module *m, float *out) {
  static const float x[4] = {-1.5F, 0.25F, 3.0F, 7.5F};
  graft_graph *g = graft_module_get_graph(m, 0);
  graft_session *s = graft_session_create(g, NULL);
  ck_assert_ptr_nonnull(s);
  graft_type type = *gr_type_of(g, g->inputs.data[0]);
  ck_assert_int_eq(graft_session_set_input(s, 0, &type, x), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  uint32_t n = 0;
  for (uint32_t i = 0; i < g->outputs.len; i++, n += 4)
    memcpy(out + n, graft_session_get_output(s, i, &type), 4 * sizeof *out);
  graft_session_destroy(s);
  return n;
}

static void try_seed(uint64_t seed) {
  static char graph[1 << 14], rules_text[1 << 14];
  float before[16], after[16];
  state = seed * 2862933555777941757u + 3037000493u;
  write_graph(graph, sizeof graph);
  write_rules(rules_text, sizeof rules_text);
  graft_context *c = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(c, false);
  graft_module *m = graft_module_load_memory(c, graph, strlen(graph), "graph", NULL);
  const char *names[] = {"rules"};
  gr_rewrite_options options = {.pass = "test", .evaluate = gr_runtime_evaluate, .fixed_point = true};
  gr_rewrite_stats stats;
  if (!m || graft_rules_add(rules, rules_text, strlen(rules_text), "rules") != GRAFT_OK)
    complain(c, seed, "does not load", graph, rules_text);
  uint32_t count = run(m, before);
  graft_graph *g = graft_module_get_graph(m, 0);
  if (gr_rewrite(g, rules, names, 1, &options, &stats) != GRAFT_OK) complain(c, seed, "fails", graph, rules_text);
  if (graft_module_verify(m) != GRAFT_OK) complain(c, seed, "is not valid", graph, rules_text);
  ck_assert_uint_eq(run(m, after), count);
  for (uint32_t i = 0; i < count; i++)
    if (!(fabsf(before[i] - after[i]) <= 1e-4F * (1 + fabsf(before[i])))) /* large numbers have their rounding */
      if (isfinite(before[i])) complain(c, seed, "gives other numbers", graph, rules_text);
  uint32_t first = stats.matches;
  if (gr_rewrite(g, rules, names, 1, &options, &stats) != GRAFT_OK || stats.matches != 0)
    complain(c, seed, first ? "still matches" : "matches the second time only", graph, rules_text);
  graft_module_destroy(m);
  graft_rules_destroy(rules);
  graft_context_destroy(c);
}

START_TEST(nothing_matches_at_the_end) {
  const char *first = getenv("SEED");
  if (first)
    try_seed(strtoull(first, NULL, 10));
  else
    for (uint64_t seed = 0; seed < 3000; seed++) try_seed(seed);
}
END_TEST

/* 60 relus before 60 permutes: 3600 rewrites on 120 nodes. */
START_TEST(rules_that_end_are_not_stopped) {
  static char text[1 << 14];
  size_t n = (size_t)snprintf(text, sizeof text, "graft 1\ngraph main(%%x: f32[2, 2]) {\n  %%v0 = relu(%%x)\n");
  for (int i = 1; i < 120; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "  %%v%d = %s(%%v%d)%s\n", i, i < 60 ? "relu" : "permute", i - 1,
                          i < 60 ? "" : " {dims: [1, 0]}");
  snprintf(text + n, sizeof text - n, "  return %%v119\n}\n");
  char rule[512];
  snprintf(rule, sizeof rule, "# up\nrule hoist\n%s", pool[2]);
  graft_context *c = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(c, false);
  graft_module *m = graft_module_load_memory(c, text, strlen(text), "graph", NULL);
  const char *names[] = {"hoist"};
  gr_rewrite_options options = {.pass = "test", .fixed_point = true};
  gr_rewrite_stats stats;
  ck_assert_int_eq(graft_rules_add(rules, rule, strlen(rule), "rules"), GRAFT_OK);
  ck_assert_int_eq(gr_rewrite(graft_module_get_graph(m, 0), rules, names, 1, &options, &stats), GRAFT_OK);
  ck_assert_uint_eq(stats.matches, 3600);
  options.max_rewrites = 10;
  graft_module_destroy(m);
  m = graft_module_load_memory(c, text, strlen(text), "graph", NULL);
  ck_assert_int_eq(gr_rewrite(graft_module_get_graph(m, 0), rules, names, 1, &options, &stats), GRAFT_RULE);
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(c, 0).message, "max-rewrites=10"));
  graft_module_destroy(m);
  graft_rules_destroy(rules);
  graft_context_destroy(c);
}
END_TEST

/* The limit holds in the first sweep over the graph as it does in the rounds after it. */
START_TEST(the_limit_holds_from_the_first_rewrite_on) {
  static const char rule[] =
      "# tanh for relu\nrule r\nmatch\n  %y = relu(%x)\nwhere no_spec(..)\nrewrite\n  %y = tanh(%x)\n";
  static char text[1 << 12];
  size_t n = (size_t)snprintf(text, sizeof text, "graft 1\ngraph main(%%x: f32[2]) {\n  %%v0 = relu(%%x)\n");
  for (int i = 1; i < 20; i++) n += (size_t)snprintf(text + n, sizeof text - n, "  %%v%d = relu(%%v%d)\n", i, i - 1);
  snprintf(text + n, sizeof text - n, "  return %%v19\n}\n");
  graft_context *c = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(c, false);
  graft_module *m = graft_module_load_memory(c, text, strlen(text), "graph", NULL);
  const char *names[] = {"r"};
  gr_rewrite_options options = {.pass = "test", .fixed_point = true, .max_rewrites = 20};
  ck_assert_int_eq(graft_rules_add(rules, rule, sizeof rule - 1, "rules"), GRAFT_OK);
  ck_assert_int_eq(gr_rewrite(graft_module_get_graph(m, 0), rules, names, 1, &options, NULL), GRAFT_OK);
  graft_module_destroy(m);
  m = graft_module_load_memory(c, text, strlen(text), "graph", NULL);
  options.max_rewrites = 19;
  ck_assert_int_eq(gr_rewrite(graft_module_get_graph(m, 0), rules, names, 1, &options, NULL), GRAFT_RULE);
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(c, 0).message, "max-rewrites=19"));
  graft_module_destroy(m);
  graft_rules_destroy(rules);
  graft_context_destroy(c);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("fixed point");
  TCase *t = tcase_create("rules");
  tcase_set_timeout(t, 300);
  tcase_add_test(t, nothing_matches_at_the_end);
  tcase_add_test(t, rules_that_end_are_not_stopped);
  tcase_add_test(t, the_limit_holds_from_the_first_rewrite_on);
  suite_add_tcase(suite, t);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
