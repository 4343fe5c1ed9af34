/* step FILE PASSES THREADS [BATCH]: a runner for peers_run.py. Opens a network, makes the first extent of its input
 * BATCH, runs the passes ("" for none), and then, for each line on standard input (a number), runs so many steps and
 * prints the microseconds of each: of the graph `train` where there is one, else of the first. */
#include "bench.h"
#include "ir/edit.h"
#include "ir/inspect.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

static double wall(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static void set_batch(graft_graph *g, int batch) {
  graft_type type = graft_value_get_type(g, graft_input_get(g, 0));
  type.dims[0] = batch;
  if (graft_input_set_type(g, 0, &type) != GRAFT_OK) bench_fail(NULL, "another batch");
}

static graft_graph *graph_to_run(graft_module *m) {
  for (uint32_t i = 0; i < graft_module_graph_count(m); i++)
    if (strcmp(graft_graph_get_name(graft_module_get_graph(m, i)), "train") == 0) return graft_module_get_graph(m, i);
  return graft_module_get_graph(m, 0);
}

/* Labels: class 0, 1, … */
static void *fill_labels(int64_t n) {
  int64_t *x = malloc((size_t)n * sizeof *x);
  for (int64_t k = 0; x && k < n; k++) x[k] = k;
  return x;
}

static void *fill(int64_t n) {
  float *x = malloc((size_t)n * sizeof *x);
  for (int64_t k = 0; x && k < n; k++) x[k] = graft_fill_element("input", (uint64_t)k, -2.1, 2.6);
  return x;
}

static void fill_inputs(graft_graph *g, graft_session *s) {
  for (uint32_t i = 0; i < graft_input_count(g); i++) {
    graft_type type = graft_value_get_type(g, graft_input_get(g, i));
    int64_t n = graft_type_elements(&type);
    void *x = n < 1 ? NULL : type.dtype == GRAFT_F32 ? fill(n) : type.dtype == GRAFT_I64 ? fill_labels(n) : NULL;
    if (!x) bench_fail(NULL, "an input of floats or labels with known extents"); /* borrowed by the session */
    if (graft_session_set_input(s, i, &type, x) != GRAFT_OK) bench_fail(NULL, "an input");
  }
}

int main(int argc, char **argv) {
  if (argc != 4 && argc != 5) return 2;
  graft_context *c = graft_context_create(NULL);
  printf("ready\n"); /* memory is looked at before the network is there */
  fflush(stdout);
  char line[32];
  if (!c || !fgets(line, sizeof line, stdin)) return 1;
  graft_load_options map = {.size = sizeof map, .map = true};
  graft_module *m = graft_module_load(c, argv[1], &map);
  if (!m) bench_fail(c, argv[1]);
  if (argc == 5) set_batch(graft_module_get_graph(m, 0), atoi(argv[4]));
  if (argv[2][0] && graft_run_passes(m, argv[2], NULL) != GRAFT_OK) bench_fail(c, argv[1]);
  graft_graph *g = graph_to_run(m);
  graft_session_options options = {.size = sizeof options, .threads = (uint32_t)atoi(argv[3])};
  graft_session *s = graft_session_create(g, &options);
  if (!s) bench_fail(c, argv[1]);
  fill_inputs(g, s);
  printf("open\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    for (int i = atoi(line); i > 0; i--) {
      double start = wall();
      if (graft_session_run(s) != GRAFT_OK) bench_fail(c, "a step");
      printf("%.1f ", wall() - start);
    }
    printf("\n");
    fflush(stdout);
  }
  return 0;
}
