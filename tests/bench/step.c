/* step FILE PASSES THREADS: a runner for peers_run.py. Opens a network, runs the passes ("" for none), and then, for
 * each line on standard input (a number), runs so many steps and prints the microseconds of each. */
#include "bench.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

static double wall(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static void fill_inputs(graft_graph *g, graft_session *s) {
  for (uint32_t i = 0; i < graft_input_count(g); i++) {
    graft_type type = graft_value_get_type(g, graft_input_get(g, i));
    int64_t n = graft_type_elements(&type);
    float *x = n > 0 && type.dtype == GRAFT_F32 ? malloc((size_t)n * sizeof *x) : NULL; /* borrowed by the session */
    if (!x) bench_fail(NULL, "an input of floats with known extents");
    for (int64_t k = 0; k < n; k++) x[k] = graft_fill_element("input", (uint64_t)k, -2.1, 2.6);
    if (graft_session_set_input(s, i, &type, x) != GRAFT_OK) bench_fail(NULL, "an input");
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  graft_context *c = graft_context_create(NULL);
  printf("ready\n"); /* memory is looked at before the network is there */
  fflush(stdout);
  char line[32];
  if (!c || !fgets(line, sizeof line, stdin)) return 1;
  graft_load_options map = {.size = sizeof map, .map = true};
  graft_module *m = graft_module_load(c, argv[1], &map);
  if (!m || (argv[2][0] && graft_run_passes(m, argv[2], NULL) != GRAFT_OK)) bench_fail(c, argv[1]);
  graft_graph *g = graft_module_get_graph(m, 0);
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
