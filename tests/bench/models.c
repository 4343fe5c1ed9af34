/* models [NAMES…]: time of prepare-qat and convert in process on real networks (weights mapped from a .gfb, one
 * training step in between, not timed), per channel. The best of five counts; the goal is 50 ms for the two together.
 */
#include "models.h"
#include "ir/ir_int.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define REPEATS 5

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void fail(graft_context *c, const char *what) {
  fprintf(stderr, "models: %s failed\n", what);
  for (uint32_t i = 0; i < graft_diagnostic_count(c); i++)
    fprintf(stderr, "  %s\n", graft_diagnostic_get(c, i).message);
  exit(1);
}

/* A file with the bytes of the weights, as a trained network has them. */
static void write_model(graft_context *c, const char *name, const char *file) {
  graft_module *m = graft_model_by_name(c, name);
  if (!m) fail(c, name);
  for (graft_tensor t = 0; t < graft_tensor_count(m); t++) {
    const void *data = graft_tensor_get_data(m, t);
    if (!data || graft_tensor_set_data(m, t, data) != GRAFT_OK) fail(c, name);
  }
  if (graft_module_save(m, file, GRAFT_FORMAT_BINARY) != GRAFT_OK) fail(c, file);
  graft_module_destroy(m);
}

static double timed(graft_module *m, const char *passes) {
  double t = now();
  if (graft_run_passes(m, passes, NULL) != GRAFT_OK) fail(graft_module_get_context(m), passes);
  return now() - t;
}

static void step(graft_module *m) {
  graft_graph *g = graft_module_get_graph(m, 0);
  graft_context *c = graft_module_get_context(m);
  graft_type type = graft_value_get_type(g, graft_input_get(g, 0));
  int64_t n = graft_type_elements(&type);
  float *x = malloc((size_t)n * sizeof *x);
  if (!x) exit(1);
  for (int64_t i = 0; i < n; i++) x[i] = graft_fill_element("input", (uint64_t)i, -2.1, 2.6);
  graft_session *s = graft_session_create(g, NULL);
  if (!s || graft_session_set_input(s, 0, &type, x) != GRAFT_OK || graft_session_run(s) != GRAFT_OK) fail(c, "a step");
  graft_session_destroy(s);
  free(x);
}

int main(int argc, char **argv) {
  static const char *const usual[] = {"resnet18", "mobilenet_v2", "resnet50"};
  int count = argc > 1 ? argc - 1 : 3;
  char file[64];
  snprintf(file, sizeof file, "/tmp/graft-models-%ld.gfb", (long)getpid());
  printf("%-14s%14s%14s%14s\n", "ms", "prepare-qat", "convert", "together");
  for (int i = 0; i < count; i++) {
    const char *name = argc > 1 ? argv[i + 1] : usual[i];
    double prepare = 1e9, convert = 1e9, together = 1e9;
    for (int k = 0; k < REPEATS; k++) {
      graft_context *c = graft_context_create(NULL);
      if (!c) return 1;
      if (k == 0) write_model(c, name, file);
      graft_load_options options = {.size = sizeof options, .map = true};
      graft_module *m = graft_module_load(c, file, &options);
      if (!m) fail(c, file);
      double p = timed(m, "prepare-qat{quantizer=xnnpack,per-channel=true}");
      step(m);
      double q = timed(m, "to-eval,convert");
      if (p < prepare) prepare = p;
      if (q < convert) convert = q;
      if (p + q < together) together = p + q;
      graft_module_destroy(m);
      graft_context_destroy(c);
    }
    printf("%-14s%14.2f%14.2f%14.2f\n", name, prepare, convert, together);
    fflush(stdout);
    unlink(file);
  }
  return 0;
}
