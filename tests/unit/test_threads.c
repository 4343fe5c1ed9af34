/* The library has no global state: contexts in several threads take one network down the whole road at the same time,
 * with one result.  usage: test_threads NETWORK */
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, STEPS = 3, BATCH = 8, ELEMENTS = BATCH * 8 * 8 };

typedef struct job {
  const char *path;
  uint64_t hash; /* of the converted module; 0: it failed */
} job;

static bool train(graft_module *m) {
  graft_session_options options = {.size = sizeof options, .threads = 2};
  graft_session *s = graft_session_create(graft_module_get_graph(m, 0), &options);
  graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){BATCH, 1, 8, 8});
  static const float zero[ELEMENTS];
  float x[ELEMENTS];
  bool ok = s && graft_session_set_input(s, 0, &type, zero) == GRAFT_OK;
  for (int step = 0; step < STEPS && ok; step++) {
    for (int i = 0; i < ELEMENTS; i++) x[i] = (float)((i * 7 + step * 13) % 17) / 16.0f;
    ok = graft_session_set_input(s, 0, &type, x) == GRAFT_OK && graft_session_run(s) == GRAFT_OK;
  }
  graft_session_destroy(s);
  return ok;
}

static void *run(void *argument) {
  job *j = argument;
  graft_context *c = graft_context_create(NULL);
  graft_module *m = c ? graft_module_load(c, j->path, NULL) : NULL;
  if (m && graft_run_passes(m, "prepare-qat{quantizer=xnnpack,per-channel=true}", NULL) == GRAFT_OK && train(m) &&
      graft_run_passes(m, "to-eval,convert", NULL) == GRAFT_OK)
    j->hash = graft_module_hash(m);
  graft_module_destroy(m);
  graft_context_destroy(c);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  job alone = {.path = argv[1]}, jobs[THREADS];
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    jobs[i] = (job){.path = argv[1]};
    if (pthread_create(&threads[i], NULL, run, &jobs[i]) != 0) return 2;
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  run(&alone);
  int failed = alone.hash == 0;
  for (int i = 0; i < THREADS; i++) failed += jobs[i].hash != alone.hash;
  if (failed) printf("%d of %d runs differ or failed\n", failed, THREADS + 1);
  return failed != 0;
}
