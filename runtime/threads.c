/* A small pool of threads for gr_parallel_for. The pieces of a job are cut by the caller's grain alone and taken by
 * whoever is free, so results cannot depend on the number of threads. One job at a time; jobs do not nest. */
#include "runtime/kernel_impl.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct worker {
  struct gr_threads *pool;
  pthread_t thread;
  uint32_t index; /* 0 is the caller */
} worker;

struct gr_threads {
  graft_context *context;
  uint32_t count;   /* with the caller */
  uint32_t started; /* threads to join */
  pthread_mutex_t mutex;
  pthread_cond_t work, done;
  uint64_t job;  /* number of the current job; workers wait for it to change */
  uint32_t busy; /* workers that have not finished the current job */
  bool quit;
  gr_range_function function;
  void *user;
  int64_t n, grain;
  atomic_int_least64_t next; /* first piece that nobody took */
  worker workers[];
};

static void run_pieces(gr_threads *t, uint32_t index) {
  int64_t pieces = (t->n - 1) / t->grain + 1;
  for (;;) {
    int64_t piece = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
    if (piece >= pieces) return;
    int64_t begin = piece * t->grain;
    int64_t end = t->n - begin > t->grain ? begin + t->grain : t->n;
    t->function(t->user, begin, end, index);
  }
}

static void *worker_main(void *argument) {
  worker *self = argument;
  gr_threads *t = self->pool;
  uint64_t seen = 0;
  pthread_mutex_lock(&t->mutex);
  for (;;) {
    while (t->job == seen && !t->quit) pthread_cond_wait(&t->work, &t->mutex);
    if (t->quit) break;
    seen = t->job;
    pthread_mutex_unlock(&t->mutex);
    run_pieces(t, self->index);
    pthread_mutex_lock(&t->mutex);
    if (--t->busy == 0) pthread_cond_signal(&t->done);
  }
  pthread_mutex_unlock(&t->mutex);
  return NULL;
}

gr_threads *gr_threads_create(graft_context *c, uint32_t count) {
  if (count == 0) count = 1;
  size_t size = sizeof(gr_threads) + (size_t)count * sizeof(worker);
  gr_threads *t = gr_calloc(c, 1, size);
  if (!t) return NULL;
  t->context = c;
  t->count = count;
  atomic_init(&t->next, 0);
  pthread_mutex_init(&t->mutex, NULL);
  pthread_cond_init(&t->work, NULL);
  pthread_cond_init(&t->done, NULL);
  for (uint32_t i = 1; i < count; i++) {
    t->workers[i] = (worker){.pool = t, .index = i};
    if (pthread_create(&t->workers[i].thread, NULL, worker_main, &t->workers[i]) != 0) {
      gr_threads_destroy(t);
      gr_error(c, GRAFT_RUN, (gr_loc){0}, "cannot start %u threads", (unsigned)count);
      return NULL;
    }
    t->started = i;
  }
  return t;
}

void gr_threads_destroy(gr_threads *t) {
  if (!t) return;
  pthread_mutex_lock(&t->mutex);
  t->quit = true;
  pthread_cond_broadcast(&t->work);
  pthread_mutex_unlock(&t->mutex);
  for (uint32_t i = 1; i <= t->started; i++) pthread_join(t->workers[i].thread, NULL);
  pthread_cond_destroy(&t->done);
  pthread_cond_destroy(&t->work);
  pthread_mutex_destroy(&t->mutex);
  gr_free(t->context, t, sizeof *t + (size_t)t->count * sizeof(worker));
}

uint32_t gr_threads_count(const gr_threads *t) { return t ? t->count : 1; }

void gr_parallel_for(gr_threads *t, int64_t n, int64_t grain, gr_range_function function, void *user) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  if (!t || t->count == 1 || n <= grain) {
    for (int64_t begin = 0; begin < n; begin += grain) {
      int64_t end = n - begin > grain ? begin + grain : n;
      function(user, begin, end, 0);
      if (end == n) break; /* begin + grain might overflow */
    }
    return;
  }
  pthread_mutex_lock(&t->mutex);
  t->function = function;
  t->user = user;
  t->n = n;
  t->grain = grain;
  atomic_store_explicit(&t->next, 0, memory_order_relaxed);
  t->busy = t->count - 1;
  t->job++;
  pthread_cond_broadcast(&t->work);
  pthread_mutex_unlock(&t->mutex);
  run_pieces(t, 0);
  pthread_mutex_lock(&t->mutex);
  while (t->busy) pthread_cond_wait(&t->done, &t->mutex);
  pthread_mutex_unlock(&t->mutex);
}
