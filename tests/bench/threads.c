/* threads [NETWORKS…]: what a second thread gains, and what it costs when another process has taken a core (a child
 * that is bound to one and never stops): wall time of jobs of the pool and of one step of networks, with one thread and
 * with two, medians of runs that take turns. Two threads beside the other process should take at most 1.5 times what
 * one thread takes beside it. */
#include "bench.h"
#include "models.h"
#include "passes/passes.h"
#include "runtime/kernel_impl.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

static double wall(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

/* A process that keeps the last of our cores busy; 0: there is only one. */
static pid_t take_a_core(void) {
  cpu_set_t ours, one;
  if (sched_getaffinity(0, sizeof ours, &ours) != 0 || CPU_COUNT(&ours) < 2) return 0;
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET((size_t)last, &ours)) last--;
  pid_t child = fork();
  if (child == 0) {
    CPU_ZERO(&one);
    CPU_SET((size_t)last, &one);
    sched_setaffinity(0, sizeof one, &one);
    for (;;) (void)getppid();
  }
  return child;
}

static void give_it_back(pid_t child) {
  if (child <= 0) return;
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

/* One measurement: microseconds with `which` threads less one. */
typedef double (*timed)(void *user, int which);

static void measure(timed once, void *user, double *medians) {
  samples s[2] = {0};
  for (int i = 0; i < 2; i++) once(user, i); /* warm */
  for (int i = 0; i < 2 * BENCH_REPEATS; i++) bench_add(&s[i % 2], once(user, i % 2));
  for (int i = 0; i < 2; i++) medians[i] = bench_quantile(&s[i], 0.5);
}

static void row(const char *what, timed once, void *user) {
  double free_cores[2], taken[2];
  measure(once, user, free_cores);
  pid_t child = take_a_core();
  measure(once, user, taken);
  give_it_back(child);
  printf("%-26s%9.0f us%9.0f us%8.2f", what, free_cores[0], free_cores[1], free_cores[1] / free_cores[0]);
  if (child > 0) printf("%9.0f us%9.0f us%8.2f", taken[0], taken[1], taken[1] / taken[0]);
  printf("\n");
  fflush(stdout);
}

/* ---- jobs of the pool
 * ---------------------------------------------------------------------------------------------------- */

enum { PIECES = 8, JOBS = 200 };

typedef struct jobs {
  gr_threads *threads[2];
  int64_t turns; /* of a piece */
  double sums[PIECES * 8];
} jobs;

static void piece(void *user, int64_t begin, int64_t end, uint32_t worker) {
  jobs *j = user;
  (void)worker;
  for (int64_t i = begin; i < end; i++) {
    double sum = 0;
    for (int64_t k = 0; k < j->turns; k++) sum = sum * 0.5 + (double)k;
    j->sums[i * 8] = sum; /* each on a cache line of its own */
  }
}

static double run_jobs(void *user, int which) {
  jobs *j = user;
  double start = wall();
  for (int i = 0; i < JOBS; i++) gr_parallel_for(j->threads[which], PIECES, 1, piece, j);
  return wall() - start;
}

/* ---- networks
 * ------------------------------------------------------------------------------------------------------------ */

typedef struct network {
  graft_session *sessions[2];
} network;

static double run_network(void *user, int which) {
  network *n = user;
  double start = wall();
  if (graft_session_run(n->sessions[which]) != GRAFT_OK) bench_fail(NULL, "a step");
  return wall() - start;
}

static void open_network(graft_context *c, network *n, const char *name, const char *passes, float **x) {
  graft_module *m = graft_model_by_name(c, name);
  if (!m || graft_run_passes(m, passes, NULL) != GRAFT_OK) bench_fail(c, name);
  graft_graph *g = graft_module_get_graph(m, 0);
  graft_type type = graft_value_get_type(g, graft_input_get(g, 0));
  int64_t count = graft_type_elements(&type);
  *x = malloc((size_t)count * sizeof **x);
  if (!*x) exit(1);
  for (int64_t i = 0; i < count; i++) (*x)[i] = graft_fill_element("input", (uint64_t)i, -2.1, 2.6);
  for (uint32_t i = 0; i < 2; i++) {
    n->sessions[i] =
        graft_session_create(g, &(graft_session_options){.size = sizeof(graft_session_options), .threads = i + 1});
    if (!n->sessions[i] || graft_session_set_input(n->sessions[i], 0, &type, *x) != GRAFT_OK) bench_fail(c, name);
  }
}

int main(int argc, char **argv) {
  static const char *const usual[] = {"resnet18", "mobilenet_v2"};
  static const char *const forms[][2] = {{"in training", "verify"},
                                         {"for QAT", "prepare-qat{quantizer=xnnpack}"},
                                         {"in evaluation", "to-eval,fold-conv-bn"}};
  graft_context *c = graft_context_create(NULL);
  jobs j = {.threads = {NULL, c ? gr_threads_create(c, 2) : NULL}};
  if (!j.threads[1]) return 1;
  printf("%-26s%12s%12s%8s%30s\n", "", "one thread", "two", "ratio", "with a core taken: the same");
  for (int64_t turns = 500; turns <= 500000; turns *= 10) {
    char what[64];
    j.turns = turns;
    snprintf(what, sizeof what, "%d jobs of 8 x %g us", JOBS, (double)turns * 3e-3);
    row(what, run_jobs, &j);
  }
  gr_threads_destroy(j.threads[1]);
  int count = argc > 1 ? argc - 1 : 2;
  for (int i = 0; i < count; i++)
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
      const char *name = argc > 1 ? argv[i + 1] : usual[i];
      char what[64];
      network n;
      float *x;
      open_network(c, &n, name, forms[f][1], &x);
      snprintf(what, sizeof what, "%s %s", name, forms[f][0]);
      row(what, run_network, &n);
      for (int k = 0; k < 2; k++) graft_session_destroy(n.sessions[k]);
      free(x);
    }
  graft_context_destroy(c);
  return 0;
}
