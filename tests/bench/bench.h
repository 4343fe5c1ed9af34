/* What the benchmark programs share: CPU time, medians with their spread, a module made from text, the end on an error.
 */
#ifndef GRAFT_BENCH_H
#define GRAFT_BENCH_H

#include "ir/ir.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BENCH_REPEATS 11

typedef struct samples {
  double values[BENCH_REPEATS];
  int count;
} samples;

/* CPU time of the process in ms: other work on the machine takes turns on the core, and hardly shows. */
static inline double bench_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* Memory stays with the process: the first touch of fresh pages is the system's time and differs between machines. */
static inline void bench_keep_memory_warm(void) {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
}

static inline void bench_add(samples *s, double value) { s->values[s->count++ % BENCH_REPEATS] = value; }

static inline int bench_order(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The q-quantile, 0 to 1. */
static inline double bench_quantile(const samples *s, double q) {
  samples sorted = *s;
  int n = s->count < BENCH_REPEATS ? s->count : BENCH_REPEATS;
  qsort(sorted.values, (size_t)n, sizeof *sorted.values, bench_order);
  return sorted.values[(int)(q * (n - 1) + 0.5)];
}

/* "what   median   (quarter to three quarters)   aim". */
static inline void bench_row(const char *what, const samples *s, const char *unit, const char *aim) {
  printf("%-44s%10.3g %-10s (%.3g to %.3g)%s%s\n", what, bench_quantile(s, 0.5), unit, bench_quantile(s, 0.25),
         bench_quantile(s, 0.75), aim[0] ? "   aim " : "", aim);
  fflush(stdout);
}

static inline void bench_fail(graft_context *c, const char *what) {
  fprintf(stderr, "%s failed\n", what);
  for (uint32_t i = 0; c && i < graft_diagnostic_count(c) && i < 5; i++)
    fprintf(stderr, "  %s\n", graft_diagnostic_get(c, i).message);
  exit(1);
}

#endif
