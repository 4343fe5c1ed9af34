/* models [NAMES…]: CPU time of prepare-qat and convert in process on real networks, per channel, weights mapped from a
 * .gfb: convert of what has trained one step (not timed), and of what never ran, whose weight observers run at convert.
 * Medians on warm memory. */
#include "models.h"
#include "bench.h"
#include "ir/inspect.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

/* A file with the bytes of the weights, as a trained network has them. */
static void write_model(graft_context *c, const char *name, const char *file) {
  graft_module *m = graft_model_by_name(c, name);
  if (!m) bench_fail(c, name);
  for (graft_tensor t = graft_tensor_first(m); t != GRAFT_NONE; t = graft_tensor_next(m, t)) {
    const void *data = graft_tensor_get_data(m, t);
    if (!data || graft_tensor_set_data(m, t, data) != GRAFT_OK) bench_fail(c, name);
  }
  if (graft_module_save(m, file, GRAFT_FORMAT_BINARY) != GRAFT_OK) bench_fail(c, file);
  graft_module_destroy(m);
}

static double timed(graft_module *m, const char *passes) {
  double t = bench_now();
  if (graft_run_passes(m, passes, NULL) != GRAFT_OK) bench_fail(graft_module_get_context(m), passes);
  return bench_now() - t;
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
  if (!s || graft_session_set_input(s, 0, &type, x) != GRAFT_OK || graft_session_run(s) != GRAFT_OK)
    bench_fail(c, "a step");
  graft_session_destroy(s);
  free(x);
}

typedef struct figures {
  samples prepare, trained, untrained;
} figures;

static void once(const char *file, bool train, figures *f) {
  graft_context *c = graft_context_create(NULL);
  if (!c) exit(1);
  graft_load_options options = {.size = sizeof options, .map = true};
  graft_module *m = graft_module_load(c, file, &options);
  if (!m) bench_fail(c, file);
  bench_add(&f->prepare, timed(m, "prepare-qat{quantizer=xnnpack,per-channel=true}"));
  if (train) step(m);
  bench_add(train ? &f->trained : &f->untrained, timed(m, "to-eval,convert"));
  graft_module_destroy(m);
  graft_context_destroy(c);
}

int main(int argc, char **argv) {
  static const char *const usual[] = {"resnet18", "mobilenet_v2", "resnet50"};
  static const char *const aims[] = {"<= 9", "<= 4", ""};
  int count = argc > 1 ? argc - 1 : 3;
  char file[64], what[80];
  snprintf(file, sizeof file, "/tmp/graft-models-%ld.gfb", (long)getpid());
  bench_keep_memory_warm();
  for (int i = 0; i < count; i++) {
    const char *name = argc > 1 ? argv[i + 1] : usual[i], *aim = argc > 1 ? "" : aims[i];
    graft_context *c = graft_context_create(NULL);
    if (!c) return 1;
    write_model(c, name, file);
    graft_context_destroy(c);
    figures f = {0};
    once(file, true, &(figures){0}); /* warm */
    for (int k = 0; k < 2 * BENCH_REPEATS; k++) once(file, k % 2 == 0, &f);
    snprintf(what, sizeof what, "%s: prepare-qat", name);
    bench_row(what, &f.prepare, "ms", "");
    snprintf(what, sizeof what, "%s: convert after a step", name);
    bench_row(what, &f.trained, "ms", aim);
    snprintf(what, sizeof what, "%s: convert of what never ran", name);
    bench_row(what, &f.untrained, "ms", aim);
    unlink(file);
  }
  return 0;
}
