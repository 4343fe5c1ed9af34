/* Training's passes take time in proportion: four times as many parameters, outputs or names cost about four times as
 * much. Each row was quadratic in something once. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "passes/passes.h"

typedef struct text {
  char *data;
  size_t length, room;
} text;

static void add(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(text *t, const char *format, ...) {
  if (t->room - t->length < 200) {
    t->data = realloc(t->data, t->room = 2 * t->room + 1000);
    ck_assert(t->data != NULL);
  }
  va_list args;
  va_start(args, format);
  const int length = vsnprintf(t->data + t->length, t->room - t->length, format, args);
  va_end(args);
  ck_assert(length >= 0 && length < 200);
  t->length += (size_t)length;
}

/* A chain of products with n parameters; `beside`: each value is an output, called as a gradient, beside another one.
 */
static text chain(int n, bool beside) {
  text t = {0};
  add(&t, "graft 1\n");
  for (int i = 0; i < n; i++) add(&t, "tensor %%layers.w%d.k: f32[1] parameter = [1]\n", i);
  add(&t, "graph main(%%x: f32[1]) {\n  %%a = relu(%%x)\n");
  add(&t, "  %%a0 = mul(%%a, %%layers.w0.k)\n");
  for (int i = 1; i < n; i++) add(&t, "  %%a%d = mul(%%a%d, %%layers.w%d.k)\n", i, i - 1, i);
  add(&t, "  %%l = mean(%%a%d)\n  return %%l", n - 1);
  for (int i = 0; i < n && beside; i++) add(&t, ", %%a%d as \"layers.w%d.k.grad\", %%x as \"x%d\"", i, i, i);
  add(&t, "\n}\n");
  return t;
}

/* Seconds of one run of the pipeline, the least of three; `names`: with all parameters but the first in its list. */
static double cost(int n, bool beside, const char *pipeline, bool names) {
  text t = chain(n, beside), p = {0};
  double best = 1e9;
  add(&p, "%s", pipeline);
  for (int i = 1; i < n && names; i++) add(&p, "%slayers.w%d", i > 1 ? "," : "\"", i);
  if (names) add(&p, "\"}");
  for (int k = 0; k < 3; k++) {
    graft_context *c = graft_context_create(NULL);
    graft_module *m = graft_module_load_memory(c, t.data, t.length, "chain", NULL);
    ck_assert(m != NULL);
    const clock_t start = clock();
    ck_assert_int_eq(graft_run_passes(m, p.data, NULL), GRAFT_OK);
    const double taken = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (taken < best) best = taken;
    graft_module_destroy(m);
    graft_context_destroy(c);
  }
  free(t.data);
  free(p.data);
  return best;
}

static const struct {
  const char *pipeline;
  int count;
  bool beside, names;
} rows[] = {
    {"train-step{loss=l,clip-norm=1,accumulate=true}", 20000, false, false},
    {"optimizer", 5000, true, false},
    {"train-step{loss=l,freeze=", 5000, false, true},
};

START_TEST(passes_of_training_are_linear) {
  const double one = cost(rows[_i].count, rows[_i].beside, rows[_i].pipeline, rows[_i].names);
  const double four = cost(4 * rows[_i].count, rows[_i].beside, rows[_i].pipeline, rows[_i].names);
  ck_assert_msg(four < 9 * one + 0.02, "%s: %g s, and %g s for four times as many", rows[_i].pipeline, one, four);
}
END_TEST

int main(void) {
  Suite *s = suite_create("train_cost");
  TCase *t = tcase_create("cost");
  tcase_set_timeout(t, 300);
  tcase_add_loop_test(t, passes_of_training_are_linear, 0, sizeof rows / sizeof *rows);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
