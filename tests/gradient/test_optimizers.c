/* Five steps of each optimizer against those of torch.optim 1.13 (optimizers_torch.py wrote optimizers.txt). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/edit.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

enum { STEPS = 5, W = 4, V = 3, MOST = 64 };

static const char text[] = "graft 1\n"
                           "tensor %w: f32[4] parameter = [0.5, -1.25, 2.0, -0.0625]\n"
                           "tensor %v: f32[3] parameter = [0.75, -0.5, 1.5]\n"
                           "tensor %c: f32[4] constant = [1.0, 0.5, -0.25, 2.0]\n"
                           "tensor %d: f32[3] constant = [0.5, 1.0, -0.75]\n"
                           "graph main(%scale: f32[]) {\n"
                           "  %w2 = mul(%w, %w)\n"
                           "  %cw = mul(%c, %w2)\n"
                           "  %v2 = mul(%v, %v)\n"
                           "  %v3 = mul(%v2, %v)\n"
                           "  %dv = mul(%d, %v3)\n"
                           "  %a = sum(%cw)\n"
                           "  %b = sum(%dv)\n"
                           "  %both = add(%a, %b)\n"
                           "  %l = mul(%both, %scale)\n"
                           "  return %l\n"
                           "}\n";
static const float scales[STEPS] = {1.0F, 3.0F, -1.0F, 0.25F, 2.0F};

static int compare(const char *options, int step, const char *tensor, const float *got, const float *wanted,
                   int count) {
  int wrong = 0;
  for (int i = 0; i < count; i++)
    if (!(fabsf(got[i] - wanted[i]) <= 1e-5F * fmaxf(1.0F, fabsf(wanted[i])))) {
      printf("FAIL %s: step %d: %s[%d] is %.9g, torch has %.9g\n", options, step, tensor, i, (double)got[i],
             (double)wanted[i]);
      wrong++;
    }
  return wrong;
}

/* How many numbers are others than torch's. */
static int check(const char *options, float (*wanted)[W + V]) {
  graft_context *c = graft_context_create(NULL);
  graft_module *m = graft_module_load_memory(c, text, strlen(text), "optimizers", NULL);
  char pipeline[600];
  snprintf(pipeline, sizeof pipeline, "train-step{loss=l,%s}", options);
  int wrong = !m || graft_run_passes(m, pipeline, NULL) != GRAFT_OK;
  graft_session *s = wrong ? NULL : graft_session_create(graft_module_get_graph(m, 1), NULL);
  const graft_type scalar = graft_type_make(GRAFT_F32, 0, NULL);
  wrong += !s;
  for (int i = 0; i < STEPS && !wrong; i++) {
    wrong += graft_session_set_input(s, 0, &scalar, &scales[i]) != GRAFT_OK || graft_session_run(s) != GRAFT_OK;
    if (wrong) break;
    wrong += compare(options, i, "w", graft_tensor_get_data(m, graft_tensor_find(m, "w")), wanted[i], W);
    wrong += compare(options, i, "v", graft_tensor_get_data(m, graft_tensor_find(m, "v")), wanted[i] + W, V);
  }
  if (graft_context_has_errors(c)) printf("FAIL %s: %s\n", options, graft_diagnostic_get(c, 0).message);
  graft_session_destroy(s);
  graft_module_destroy(m);
  graft_context_destroy(c);
  return wrong;
}

int main(int argc, char **argv) {
  FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL;
  char line[512], options[512];
  int cases = 0, wrong = 0;
  if (!f) return 2;
  while (fgets(options, sizeof options, f)) {
    float wanted[STEPS][W + V];
    options[strcspn(options, "\n")] = '\0';
    for (int i = 0; i < STEPS; i++) {
      char *at = line;
      if (!fgets(line, sizeof line, f)) return 2;
      for (int k = 0; k < W + V; k++) wanted[i][k] = strtof(at, &at);
    }
    wrong += check(options, wanted);
    cases++;
  }
  fclose(f);
  printf("%d optimizers, %d numbers are not torch's\n", cases, wrong);
  return wrong || cases < 10;
}
