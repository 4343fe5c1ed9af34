/* A small network with learnable fake-quants, from observing to integers, against PyTorch's _LearnableFakeQuantize and
 * torch.optim 1.13 (learnable_torch.py wrote learnable.txt): every loss and every parameter of every step, and what the
 * trained network and the converted one compute. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/edit.h"
#include "ir/inspect.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

enum { STEPS = 8, LINE = 4096, W = 12, B = 3, V = 6, X = 24, Y = 12 };

static const char text[] =
    "graft 1\n"
    "tensor %w: f32[3, 4] parameter = fill(\"0\", 0, 0)\n"
    "tensor %b: f32[3] parameter = fill(\"0\", 0, 0)\n"
    "tensor %v: f32[2, 3] parameter = fill(\"0\", 0, 0)\n"
    "graph main(%x: f32[6, 4]) {\n"
    "  spec 1 = spec {learnable: true, observer: \"moving_average_min_max\"}\n"
    "  spec 2 = spec {learnable: true, quant_min: -8, quant_max: 7, scheme: \"per_channel_affine\", axis: 0,"
    " observer: \"min_max\"}\n"
    "  spec 3 = spec {learnable: true, dtype: u8, quant_min: 0, quant_max: 15, observer: \"moving_average_min_max\"}\n"
    "  spec 4 = spec {learnable: true, quant_min: -7, quant_max: 7, scheme: \"per_tensor_symmetric\","
    " observer: \"min_max\"}\n"
    "  %a = linear(%x ~1, %w ~2, %b)\n"
    "  %r = relu(%a): f32[6, 3] ~3\n"
    "  %y = linear(%r, %v ~4)\n"
    "  return %y\n"
    "}\n";

/* The numbers of a line of learnable.txt, in its order. */
static const struct {
  const char *name;
  int count;
} order[] = {{"w", W},
             {"b", B},
             {"v", V},
             {"activation_post_process_2.scale", 1}, /* of x */
             {"activation_post_process_2.zero_point", 1},
             {"activation_post_process.scale", 3}, /* of w */
             {"activation_post_process.zero_point", 3},
             {"activation_post_process_3.scale", 1}, /* of the relu */
             {"activation_post_process_3.zero_point", 1},
             {"activation_post_process_1.scale", 1}}; /* of v */
enum { TENSORS = sizeof order / sizeof *order };

typedef struct data {
  float w[W], b[B], v[V], x[2][X], t[2][Y];
} data;

static const char *options;
static int wrong;

static void compare(const char *what, int step, int i, float got, float wanted) {
  if (fabsf(got - wanted) <= 1e-5F * fmaxf(1.0F, fabsf(wanted))) return;
  printf("FAIL %s: step %d: %s[%d] is %.9g, torch has %.9g\n", options, step, what, i, (double)got, (double)wanted);
  wrong++;
}

static int read_numbers(FILE *f, float *numbers, int count) {
  char line[LINE], *at = line;
  if (!fgets(line, sizeof line, f)) return 0;
  for (int i = 0; i < count; i++) numbers[i] = strtof(at, &at);
  return 1;
}

static graft_session *session(graft_module *m, const char *graph) {
  return graft_session_create(graft_module_find_graph(m, graph), NULL);
}

static int run(graft_session *s, const data *d, int batch, int labels) {
  const graft_type x = graft_type_make(GRAFT_F32, 2, (int64_t[]){6, 4}),
                   t = graft_type_make(GRAFT_F32, 2, (int64_t[]){6, 2});
  return s && graft_session_set_input(s, 0, &x, d->x[batch]) == GRAFT_OK &&
         (!labels || graft_session_set_input(s, 1, &t, d->t[batch]) == GRAFT_OK) && graft_session_run(s) == GRAFT_OK;
}

/* Two batches observed, as PyTorch's modules do before they learn. */
static int observe(graft_module *m, const data *d) {
  int good = graft_run_passes(m, "insert-fake-quant", NULL) == GRAFT_OK;
  good &= graft_tensor_set_data(m, graft_tensor_find(m, "w"), d->w) == GRAFT_OK;
  good &= graft_tensor_set_data(m, graft_tensor_find(m, "b"), d->b) == GRAFT_OK;
  good &= graft_tensor_set_data(m, graft_tensor_find(m, "v"), d->v) == GRAFT_OK;
  graft_session *s = good ? session(m, "main") : NULL;
  for (int i = 0; i < 2 && good; i++) good = run(s, d, i, 0);
  graft_session_destroy(s);
  return good;
}

static int train(graft_module *m, const data *d, float (*wanted)[64]) {
  graft_session *s = session(m, "train");
  int good = s != NULL;
  for (int step = 0; step < STEPS && good; step++) {
    good = run(s, d, step % 2, 1);
    if (!good) break;
    const float *at = wanted[step];
    compare("loss", step, 0, *(const float *)graft_session_get_output(s, 1, NULL), *at++);
    for (int k = 0; k < TENSORS; k++) {
      const graft_tensor t = graft_tensor_find(m, order[k].name);
      const float *got = graft_tensor_get_data(m, t);
      good &= got != NULL;
      for (int i = 0; got && i < order[k].count; i++) compare(order[k].name, step, i, got[i], *at++);
    }
  }
  graft_session_destroy(s);
  return good;
}

static int compute(graft_module *m, const data *d, const char *what, const float *wanted) {
  graft_session *s = session(m, "main");
  const int good = run(s, d, 0, 0);
  const float *y = good ? graft_session_get_output(s, 0, NULL) : NULL;
  for (int i = 0; i < Y && y; i++) compare(what, STEPS, i, y[i], wanted[i]);
  graft_session_destroy(s);
  return y != NULL;
}

/* `line`: what enable-param-learning is told; what train-step is. */
static void check(char *line, const data *d, float (*wanted)[64]) {
  graft_context *c = graft_context_create(NULL);
  graft_module *m = graft_module_load_memory(c, text, strlen(text), "learnable", NULL);
  char pipeline[600];
  options = strchr(line, ';') + 1;
  snprintf(pipeline, sizeof pipeline, "enable-param-learning{use-grad-scaling=%.*s},train-step{loss=mse,%s}",
           (int)(options - 1 - line), line, options);
  const int good = m && observe(m, d) && graft_run_passes(m, pipeline, NULL) == GRAFT_OK && train(m, d, wanted) &&
                   compute(m, d, "y", wanted[STEPS]) && graft_run_passes(m, "convert", NULL) == GRAFT_OK &&
                   compute(m, d, "converted y", wanted[STEPS]);
  wrong += !good;
  if (!good)
    printf("FAIL %s: %s\n", options,
           graft_context_has_errors(c) ? graft_diagnostic_get(c, graft_diagnostic_count(c) - 1).message
                                       : "did not run");
  graft_module_destroy(m);
  graft_context_destroy(c);
}

int main(int argc, char **argv) {
  FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL;
  char line[LINE];
  data d;
  int cases = 0;
  if (!f || !read_numbers(f, d.w, sizeof d / sizeof(float))) return 2;
  while (fgets(line, sizeof line, f)) {
    float wanted[STEPS + 1][64];
    line[strcspn(line, "\n")] = '\0';
    if (!strchr(line, ';')) return 2;
    for (int i = 0; i < STEPS; i++)
      if (!read_numbers(f, wanted[i], 33)) return 2;
    if (!read_numbers(f, wanted[STEPS], Y)) return 2;
    check(line, &d, wanted);
    cases++;
  }
  fclose(f);
  printf("%d trainings, %d numbers are not torch's\n", cases, wrong);
  return wrong || cases < 4;
}
