/* Joining is associative: nested cats become one. However they are nested, that costs little more than the operands
 * that there are, counted, not timed; the one cat joins the same values in the same order, and a second run finds
 * nothing. */
#include "patterns/patterns_int.h"
#include "runtime/runtime.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char both_sides[] =
    "# cat(a, cat(b), c)\nrule flatten\nmatch\n  %c = cat(..%parts) {dim: $d}   one_use\n"
    "  %y = cat(..%a, %c, ..%b) {dim: $d}\nwhere no_spec(..)\nrewrite\n  %y = cat(..%a, ..%parts, ..%b) {dim: $d}\n";
static const char first_only[] =
    "# cat(cat(a), b)\nrule flatten\nmatch\n  %c = cat(..%parts) {dim: $d}   one_use\n"
    "  %y = cat(%c, ..%b) {dim: $d}\nwhere no_spec(..)\nrewrite\n  %y = cat(..%parts, ..%b) {dim: $d}\n";
/* New nodes instead of the root, which is replaced. */
static const char made_anew[] =
    "# relu(cat(relu(cat(a)), b))\nrule flatten\nmatch\n  %c = cat(..%parts) {dim: $d}   one_use\n"
    "  %r = relu(%c)   one_use\n  %d = cat(%r, ..%b) {dim: $d}   one_use\n  %y = relu(%d)\nwhere no_spec(..)\nrewrite\n"
    "  %all = cat(..%parts, ..%b) {dim: $d}\n  %y = relu(%all)\n";

typedef enum shape { LEFT, RIGHT, BALANCED, WIDE, AGAIN, RANDOM, ANEW, SHAPES } shape;

static uint64_t state;
static uint32_t below(uint32_t n) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % n;
}

typedef struct joined {
  graft_context *context;
  graft_module *module;
  graft_graph *graph;
  graft_value *leaves; /* those of the one cat that is wanted, where it is told */
  uint32_t leaf_count;
} joined;

static graft_value join(graft_graph *g, const graft_value *values, uint32_t count) {
  graft_value y = graft_build(g, "cat", values, count, NULL, 0);
  ck_assert_uint_ne(y, GRAFT_NONE);
  return y;
}

static graft_value join2(graft_graph *g, graft_value a, graft_value b) { return join(g, (graft_value[]){a, b}, 2); }

static joined build(shape kind, uint32_t n) {
  joined j = {.context = graft_context_create(NULL)};
  j.module = graft_module_create(j.context);
  j.graph = graft_graph_create(j.module, "main");
  graft_graph *g = j.graph;
  graft_type t = graft_type_make(GRAFT_F32, 1, (int64_t[]){1});
  graft_value in[] = {graft_input_add(g, "x", &t), graft_input_add(g, "z", &t)}, y = in[0];
  graft_value *all = calloc(2 * (size_t)n + 2, sizeof *all);
  j.leaves = calloc(2 * (size_t)n + 2, sizeof *j.leaves);
  ck_assert(all && j.leaves);
  for (uint32_t i = 0; i <= n; i++) all[i] = j.leaves[i] = in[i % 2];
  j.leaf_count = n + 1;
  uint32_t made = n + 1;
  if (kind == BALANCED)
    for (uint32_t i = 0; i < n; i++) y = all[made++] = join2(g, all[2 * i], all[2 * i + 1]);
  if (kind == BALANCED) /* the tree's own order: odd ones out come first */
    j.leaf_count = 0;
  if (kind == RANDOM) { /* any two neighbours, until one is left */
    uint32_t left = n + 1;
    while (left > 1) {
      uint32_t at = below(left - 1);
      all[at] = y = join2(g, all[at], all[at + 1]);
      memmove(all + at + 1, all + at + 2, (left - at - 2) * sizeof *all);
      left--;
    }
  }
  for (uint32_t i = 1; i <= n; i++) {
    if (kind == LEFT) y = join2(g, y, in[i % 2]);
    if (kind == RIGHT) y = i == 1 ? join2(g, all[n - 1], all[n]) : join2(g, all[n - i], y);
    if (kind == ANEW) y = graft_build(g, "relu", (graft_value[]){join2(g, y, in[i % 2])}, 1, NULL, 0);
  }
  if (kind == WIDE || kind == AGAIN) { /* AGAIN: two cats, in turns */
    for (uint32_t i = 0; i < n; i++) all[i] = kind == AGAIN && i > 1 ? all[i % 2] : join2(g, in[0], in[1]);
    for (uint32_t i = 0; i < 2 * n; i++) j.leaves[i] = in[i % 2];
    j.leaf_count = 2 * n;
    y = join(g, all, n);
  }
  ck_assert_int_eq(graft_output_add(g, "y", y), GRAFT_OK);
  free(all);
  return j;
}

static void let_go(joined *j) {
  free(j->leaves);
  graft_module_destroy(j->module);
  graft_context_destroy(j->context);
}

static gr_rewrite_stats rewrite(const joined *j, const char *rule, bool fixed_point) {
  graft_rules *rules = graft_rules_create(j->context, false);
  const char *names[] = {"flatten"};
  gr_rewrite_options options = {.pass = "test", .fixed_point = fixed_point};
  gr_rewrite_stats stats;
  ck_assert_int_eq(graft_rules_add(rules, rule, strlen(rule), "rules"), GRAFT_OK);
  ck_assert_int_eq(gr_rewrite(j->graph, rules, names, 1, &options, &stats), GRAFT_OK);
  ck_assert_int_eq(graft_module_verify(j->module), GRAFT_OK);
  graft_rules_destroy(rules);
  return stats;
}

/* What it costs; the graph is one cat after it. */
static uint64_t flatten(shape kind, uint32_t n, const char *rule, bool fixed_point) {
  joined j = build(kind, n);
  gr_rewrite_stats stats = rewrite(&j, rule, fixed_point);
  graft_graph *g = j.graph;
  const uint32_t lone = kind == ANEW ? 2 : 1;
  ck_assert_uint_eq(stats.matches, kind == WIDE || kind == AGAIN ? n : n - 1);
  ck_assert_uint_eq(g->live, lone);
  const gr_node *cat = gr_node_at(g, g->first);
  for (uint32_t i = 0; i < j.leaf_count; i++) ck_assert_uint_eq(gr_operand(g, g->first, i), j.leaves[i]);
  ck_assert_uint_eq(cat->operand_count, kind == WIDE || kind == AGAIN ? 2 * n : n + 1);
  ck_assert_uint_eq(rewrite(&j, rule, true).matches, 0);
  let_go(&j);
  return stats.operands + stats.uses;
}

#define LINEAR_AS(n) (UINT64_C(200) * (n)) /* what is quadratic is 8,000 for 16,000 */

START_TEST(one_cat) {
  const shape kind = (shape)_i;
  const char *rule = kind == ANEW ? made_anew : both_sides;
  for (uint32_t n = 2; n < 200; n += 1 + n / 7) flatten(kind, n, rule, true);
  const uint64_t small = flatten(kind, 1000, rule, true), large = flatten(kind, 16000, rule, true);
  ck_assert_msg(large <= LINEAR_AS(16000) && large <= 2 * 16 * small, "%llu for 1000, %llu for 16000",
                (unsigned long long)small, (unsigned long long)large);
}
END_TEST

/* One sweep from the inputs on makes one cat of a chain, and costs no more. */
START_TEST(one_sweep) {
  ck_assert_uint_le(flatten(LEFT, 16000, first_only, false), LINEAR_AS(16000));
  ck_assert_uint_le(flatten(LEFT, 16000, both_sides, false), LINEAR_AS(16000));
  ck_assert_uint_le(flatten(LEFT, 16000, first_only, true), LINEAR_AS(16000));
}
END_TEST

/* A rule that counts uses: each of x's users is woken once a round, not once a rewrite. */
START_TEST(uses_are_counted) {
  static const char rule[] =
      "# cat(cat(a), b)\nrule flatten\nmatch\n  %c = cat(..%parts) {dim: $d}\n  %y = cat(%c, ..%b) {dim: $d}\n"
      "where uses(%c) == 1, no_spec(..)\nrewrite\n  %y = cat(..%parts, ..%b) {dim: $d}\n";
  ck_assert_uint_le(flatten(LEFT, 16000, rule, true), LINEAR_AS(16000));
}
END_TEST

#define MANY "%x, %x, %x, %x, %x, %x, %x, %x"

/* Attributes that change with each rewrite: the places are rewritten one after the other. */
START_TEST(places_that_see_each_other) {
  static const char rule[] =
      "# counts\nrule flatten\nmatch\n  %c = relu(%x)   one_use\n  %y = \"t.op\"(..%a, %c, ..%b) {n: $n, ..$rest}\n"
      "where no_spec(..)\nrewrite\n  %y = \"t.op\"(..%a, %x, ..%b) {n: $n + 1, ..$rest}\n";
  static const char text[] =
      "graft 1\ngraph main(%x: f32[1]) {\n  %a = relu(%x)\n  %b = relu(%a)\n  %c = relu(%x)\n"
      "  %y = \"t.op\"(%b, %x, %c, %c, " MANY ", " MANY ", " MANY ", " MANY ") {n: 0}\n  return %y\n}\n";
  joined j = {.context = graft_context_create(NULL)};
  j.module = graft_module_load_memory(j.context, text, strlen(text), "graph", NULL);
  ck_assert_ptr_nonnull(j.module);
  j.graph = graft_module_get_graph(j.module, 0);
  ck_assert_uint_eq(rewrite(&j, rule, true).matches, 4);
  ck_assert_uint_eq(j.graph->live, 1);
  uint32_t count;
  gr_attrs_get(j.module, gr_node_at(j.graph, j.graph->last)->attrs, &count);
  ck_assert_uint_eq(count, 1);
  ck_assert_int_eq(gr_attr_public(j.module, NULL, gr_node_at(j.graph, j.graph->last)->attrs, 0).as.i, 4);
  let_go(&j);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("flatten");
  TCase *t = tcase_create("cats");
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, one_cat, 0, SHAPES);
  tcase_add_test(t, one_sweep);
  tcase_add_test(t, uses_are_counted);
  tcase_add_test(t, places_that_see_each_other);
  suite_add_tcase(suite, t);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
