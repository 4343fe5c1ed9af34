/* Rules that are never reached: what the index of a file finds is what comparing each pair finds, and it is found at a
 * cost that grows with the rules alone. */
#include "patterns/patterns_int.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random rules, few of each thing, so that some cover others ---- */

static uint32_t below(uint64_t *state, uint32_t n) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(*state >> 33) % n;
}

static const char *unary(uint64_t *s) {
  static const char *const ops[] = {"relu", "tanh", "exp", "@act", "\"v.op\""};
  return ops[below(s, 5)];
}

/* A line `%name = op(%of) …`. */
static int line(uint64_t *s, char *text, size_t room, const char *name, const char *of) {
  if (below(s, 3) == 0) {
    char start[16], end[16];
    (void)snprintf(start, sizeof start, "start: %u, ", below(s, 2));
    (void)snprintf(end, sizeof end, "end: %u, ", below(s, 2) + 3);
    return snprintf(text, room, "  %%%s = slice(%%%s) {%s%sdrop ..}\n", name, of, below(s, 2) ? start : "",
                    below(s, 2) ? end : "");
  }
  const char *op = unary(s);
  return snprintf(text, room, "  %%%s = %s(%%%s)%s\n", name, op, of, op[0] == '"' ? " {drop ..}" : "");
}

static void random_rule(uint64_t *s, int number, char *text, size_t room) {
  size_t n = 0;
#define SAY(...) n += (size_t)snprintf(text + n, room - n, __VA_ARGS__)
  SAY("# a\nrule r%d\nmatch\n", number);
  const char *of = "x";
  if (below(s, 2)) n += (size_t)line(s, text + n, room - n, "a", "x"), of = "a";
  if (below(s, 2)) n += (size_t)line(s, text + n, room - n, "b", of), of = "b";
  switch (below(s, 3)) {
  case 0: SAY("  %%y = add(%%%s, %u.0)\n", of, below(s, 3)); break;
  case 1: SAY("  %%y = mul(%%%s, %%%s)\n", of, below(s, 2) ? of : "x"); break;
  default: n += (size_t)line(s, text + n, room - n, "y", of);
  }
  SAY("where no_spec(..)");
  if (below(s, 2)) SAY(", rank(%%x) == %u", below(s, 2) + 1);
  if (below(s, 3) == 0) SAY(", is_float(%%y)");
  SAY("\nrewrite\n  %%y = sqrt(%%x)\n\n");
#undef SAY
}

static const char heading[] = "family @act = relu tanh\n";

/* Is the last of the texts never reached? */
static bool shadowed(const char *first, const char *second) {
  char text[4096];
  graft_context *c = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(c, false);
  const int n = snprintf(text, sizeof text, "%s%s%s", heading, first, second);
  const bool failed = graft_rules_add(rules, text, (size_t)n, "pair") != GRAFT_OK;
  if (failed && !strstr(graft_diagnostic_get(c, 0).message, "is never reached"))
    ck_abort_msg("%s in\n%s", graft_diagnostic_get(c, 0).message, text);
  graft_rules_destroy(rules);
  graft_context_destroy(c);
  return failed;
}

START_TEST(the_index_finds_what_pairs_find) {
  enum { COUNT = 30, ROOM = 512 };
  char(*rules)[ROOM] = malloc((size_t)COUNT * ROOM), *all = malloc((size_t)COUNT * ROOM + sizeof heading);
  uint32_t found = 0;
  for (uint64_t seed = 0; seed < 8; seed++) {
    uint64_t state = seed * 77 + (uint64_t)_i;
    size_t n = (size_t)snprintf(all, sizeof heading, "%s", heading);
    for (int i = 0; i < COUNT; i++) {
      random_rule(&state, i, rules[i], ROOM);
      n += (size_t)snprintf(all + n, ROOM, "%s", rules[i]);
    }
    graft_context *c = graft_context_create(NULL);
    graft_rules *set = graft_rules_create(c, false);
    (void)graft_rules_add(set, all, n, "all");
    bool said[COUNT] = {false};
    for (uint32_t d = 0; d < graft_diagnostic_count(c); d++) {
      int later = -1;
      char earlier[16];
      if (sscanf(graft_diagnostic_get(c, d).message, "the rule r%d is never reached: %15[^,],", &later, earlier) == 2)
        said[later] = true;
    }
    for (int later = 0; later < COUNT; later++) {
      bool should = false;
      for (int i = 0; i < later && !should; i++) should = shadowed(rules[i], rules[later]);
      /* One that is shadowed covers nothing that what shadows it does not. */
      if (should != said[later]) ck_abort_msg("r%d: %s in\n%s", later, should ? "is shadowed" : "is not", all);
      found += should;
    }
    graft_rules_destroy(set);
    graft_context_destroy(c);
  }
  ck_assert_uint_gt(found, 5);
  free(rules);
  free(all);
}
END_TEST

/* ---- cost ---- */

static const char *const kinds[] = {
    "%%y = slice(%%a) {start: %d, drop ..}\nwhere no_spec(..)",
    ("%%b = slice(%%x) {start: %d, drop ..}\n %%d = relu(%%b)\n %%e = relu(%%a)\n %%y = add(%%d, %%e)\nwhere "
     "no_spec(..)"),
    "%%y = relu(%%a)\nwhere no_spec(..), dim(%%x, 0) == %d", "%%y = add(%%a, %d.0)\nwhere no_spec(..)",
    "%%c = \"v.op%d\"(%%a) {drop ..}\n %%b = relu(%%c)\n %%d = relu(%%b)\n %%y = relu(%%d)\nwhere no_spec(..)"};

static uint64_t compared(int kind, int count) {
  const size_t room = (size_t)count * 300 + 1;
  char *text = malloc(room);
  size_t n = 0;
  for (int i = 0; i < count; i++) {
    n += (size_t)snprintf(text + n, room - n, "# a\nrule r%d\nmatch\n %%a = relu(%%x)\n ", i);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    n += (size_t)snprintf(text + n, room - n, kinds[kind], i);
#pragma GCC diagnostic pop
    n += (size_t)snprintf(text + n, room - n, "\nrewrite\n %%y = silu(%%x)\n");
  }
  graft_context *c = graft_context_create(NULL);
  graft_rules *rules = graft_rules_create(c, false);
  ck_assert_msg(graft_rules_add(rules, text, n, "many") == GRAFT_OK, "%s", graft_diagnostic_get(c, 0).message);
  const uint64_t pairs = gr_rules_compared(rules);
  graft_rules_destroy(rules);
  graft_context_destroy(c);
  free(text);
  return pairs;
}

START_TEST(pairs_compared_grow_with_the_rules) {
  const uint64_t some = compared(_i, 500), more = compared(_i, 4000);
  ck_assert_uint_le(some, 2 * 500);
  ck_assert_uint_le(more, 2 * 4000);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("shadow");
  TCase *t = tcase_create("shadow");
  tcase_add_loop_test(t, the_index_finds_what_pairs_find, 0, 6);
  tcase_add_loop_test(t, pairs_compared_grow_with_the_rules, 0, (int)(sizeof kinds / sizeof *kinds));
  suite_add_tcase(suite, t);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
