/* A small pool of threads for gr_parallel_for: the caller, and helpers.
 *
 * 1. The pieces of a job are cut by the caller's grain alone, so results cannot depend on the number of threads.
 * 2. `open` is the range of pieces that nobody took. The caller takes the first of them, helpers the last, so that in
 *    jobs over the same array each thread meets what is in its cache. Taking is one compare-and-exchange, and what a
 *    helper reads of the job it reads after that: until its piece is done the job cannot end.
 * 3. The caller takes pieces until none is open, then waits for those that helpers have begun. It never waits for a
 *    helper that has not: one that wakes late, or has no core to run on, finds nothing to do.
 * 4. Who waits yields its core for a short time, since the next job of a network comes soon, then sleeps. Nobody
 *    spins: a yield lets others run, and when they do run the time is over. A helper that finds itself on the caller's
 *    core moves to another: the system leaves two threads that yield to each other, or wake each other, where they are.
 * 5. Going to sleep and waking: the sleeper says so and looks again, the other one acts and then looks for sleepers,
 *    all in one order (sequentially consistent), so one of the two sees the other.
 *
 * 6. A pool of the embedder's takes the helpers' place: each of its parts is a worker, which takes pieces as the caller
 *    does, from the front. Then the caller takes what no part took, so a pool that runs none is slow and not wrong.
 *
 * One job at a time; jobs do not nest. */
#include "runtime/kernel_impl.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#define AWAKE 50000 /* nanoseconds of waiting before a thread sleeps */
#define CACHE_LINE 64

typedef struct helper {
  struct gr_threads *pool;
  pthread_t thread;
  uint32_t index; /* 0 is the caller */
} helper;

struct gr_threads {
  graft_context *context;
  uint32_t workers;           /* with the caller */
  graft_thread_pool borrowed; /* size 0: none, the threads are our own */
  uint32_t own;               /* of the helpers below, the caller's unused one too */
  uint32_t started;           /* threads to join */
  /* the job: written while no piece is open or being worked on */
  gr_range_function function;
  void *user;
  int64_t n, grain;
  char apart[CACHE_LINE];     /* what helpers look at and what they write lie on different cache lines */
  atomic_uint_least64_t open; /* first in the low half, end in the high one */
  char apart_too[CACHE_LINE];
  atomic_uint_least32_t helped; /* pieces that helpers have done */
  atomic_bool caller_sleeps, quit;
  atomic_int caller_core;         /* where the job began; negative: not known */
  atomic_uint_least32_t sleepers; /* helpers */
  pthread_mutex_t mutex;          /* of the conditions, and of nothing else */
  pthread_cond_t work, done;
  helper helpers[];
};

static int64_t now(void) {
  struct timespec t;
  return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (int64_t)t.tv_sec * 1000000000 + t.tv_nsec : INT64_MAX;
}

#ifdef __linux__
static int core_of_this_thread(void) { return sched_getcpu(); }

static void leave_core(int core) {
  cpu_set_t allowed, others;
  if (core < 0 || core >= CPU_SETSIZE || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  others = allowed;
  CPU_CLR((size_t)core, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
  sched_setaffinity(0, sizeof allowed, &allowed); /* it has moved; from now on it may go where it might before */
}
#else
static int core_of_this_thread(void) { return -1; }
static void leave_core(int core) { (void)core; }
#endif

static bool any_open(gr_threads *t) {
  uint64_t open = atomic_load(&t->open);
  return (uint32_t)open != open >> 32;
}

static bool take(gr_threads *t, bool caller, uint32_t *piece) {
  uint64_t open = atomic_load_explicit(&t->open, memory_order_relaxed);
  uint32_t first, end;
  do {
    first = (uint32_t)open;
    end = (uint32_t)(open >> 32);
    if (first == end) return false;
  } while (!atomic_compare_exchange_weak_explicit(&t->open, &open, caller ? open + 1 : open - ((uint64_t)1 << 32),
                                                  memory_order_acquire, memory_order_relaxed));
  *piece = caller ? first : end - 1;
  return true;
}

static void run_piece(const gr_threads *t, int64_t piece, uint32_t index) {
  const int64_t begin = piece * t->grain;
  t->function(t->user, begin, t->n - begin > t->grain ? begin + t->grain : t->n, index);
}

/* ---- helpers
 * ------------------------------------------------------------------------------------------------------------- */

static void help(gr_threads *t, uint32_t index) {
  uint32_t piece;
  while (take(t, false, &piece)) {
    run_piece(t, piece, index);
    atomic_fetch_add(&t->helped, 1);
    if (!atomic_load(&t->caller_sleeps)) continue;
    pthread_mutex_lock(&t->mutex);
    pthread_cond_signal(&t->done);
    pthread_mutex_unlock(&t->mutex);
  }
}

static void leave_callers_core(const gr_threads *t) {
  const int core = core_of_this_thread();
  if (core >= 0 && core == atomic_load_explicit(&t->caller_core, memory_order_relaxed)) leave_core(core);
}

static bool work_comes_soon(gr_threads *t) {
  const int64_t end = now() + AWAKE;
  do {
    if (any_open(t)) return true;
    if (atomic_load(&t->quit)) return false;
    leave_callers_core(t);
    sched_yield();
  } while (now() < end);
  return false;
}

static void sleep_until_work(gr_threads *t) {
  pthread_mutex_lock(&t->mutex);
  atomic_fetch_add(&t->sleepers, 1);
  while (!any_open(t) && !atomic_load(&t->quit)) pthread_cond_wait(&t->work, &t->mutex);
  atomic_fetch_sub(&t->sleepers, 1);
  pthread_mutex_unlock(&t->mutex);
}

static void *helper_main(void *argument) {
  helper *self = argument;
  gr_threads *t = self->pool;
  while (!atomic_load(&t->quit)) {
    leave_callers_core(t);
    help(t, self->index);
    if (!work_comes_soon(t)) sleep_until_work(t);
  }
  return NULL;
}

gr_threads *gr_threads_create(graft_context *c, uint32_t count) {
  if (count == 0) count = 1;
  size_t size = sizeof(gr_threads) + (size_t)count * sizeof(helper);
  gr_threads *t = gr_calloc(c, 1, size);
  if (!t) return NULL;
  t->context = c;
  t->workers = t->own = count;
  atomic_init(&t->open, 0);
  atomic_init(&t->helped, 0);
  atomic_init(&t->caller_sleeps, false);
  atomic_init(&t->quit, false);
  atomic_init(&t->sleepers, 0);
  atomic_init(&t->caller_core, -1);
  pthread_mutex_init(&t->mutex, NULL);
  pthread_cond_init(&t->work, NULL);
  pthread_cond_init(&t->done, NULL);
  for (uint32_t i = 1; i < count; i++) {
    t->helpers[i] = (helper){.pool = t, .index = i};
    if (pthread_create(&t->helpers[i].thread, NULL, helper_main, &t->helpers[i]) != 0) {
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
  atomic_store(&t->quit, true);
  pthread_cond_broadcast(&t->work);
  pthread_mutex_unlock(&t->mutex);
  for (uint32_t i = 1; i <= t->started; i++) pthread_join(t->helpers[i].thread, NULL);
  pthread_cond_destroy(&t->done);
  pthread_cond_destroy(&t->work);
  pthread_mutex_destroy(&t->mutex);
  gr_free(t->context, t, sizeof *t + (size_t)t->own * sizeof(helper));
}

gr_threads *gr_threads_borrow(graft_context *c, const graft_thread_pool *pool, uint32_t count) {
  gr_threads *t = gr_threads_create(c, 1);
  if (!t) return NULL;
  t->borrowed = *pool;
  t->workers = count && count < pool->threads ? count : pool->threads;
  return t;
}

uint32_t gr_threads_count(const gr_threads *t) { return t ? t->workers : 1; }

/* ---- the caller
 * ---------------------------------------------------------------------------------------------------------- */

static void run_alone(int64_t n, int64_t grain, gr_range_function function, void *user) {
  for (int64_t begin = 0; begin < n; begin += grain) {
    int64_t end = n - begin > grain ? begin + grain : n;
    function(user, begin, end, 0);
    if (end == n) break; /* begin + grain might overflow */
  }
}

static void wake_helpers(gr_threads *t, uint32_t wanted) {
  uint32_t asleep = atomic_load(&t->sleepers);
  if (asleep == 0) return;
  pthread_mutex_lock(&t->mutex); /* none of them is between looking and sleeping then */
  pthread_mutex_unlock(&t->mutex);
  for (uint32_t i = 0; i < wanted && i < asleep; i++) pthread_cond_signal(&t->work);
}

static void wait_for_helpers(gr_threads *t, uint32_t pieces) {
  const int64_t end = now() + AWAKE;
  do {
    if (atomic_load(&t->helped) == pieces) return;
    sched_yield();
  } while (now() < end);
  pthread_mutex_lock(&t->mutex);
  atomic_store(&t->caller_sleeps, true);
  while (atomic_load(&t->helped) != pieces) pthread_cond_wait(&t->done, &t->mutex);
  atomic_store(&t->caller_sleeps, false);
  pthread_mutex_unlock(&t->mutex);
}

/* A part of the embedder's pool: the worker of its number. */
static void part(void *argument, uint32_t index) {
  gr_threads *t = argument;
  uint32_t piece;
  while (index < t->workers && take(t, true, &piece)) run_piece(t, piece, index);
}

static void run_borrowed(gr_threads *t, uint32_t pieces) {
  atomic_store(&t->open, (uint64_t)pieces << 32);
  t->borrowed.parallel_for(t->borrowed.user, pieces < t->workers ? pieces : t->workers, part, t);
  part(t, 0);
}

void gr_parallel_for(gr_threads *t, int64_t n, int64_t grain, gr_range_function function, void *user) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  const int64_t pieces = (n - 1) / grain + 1;
  if (gr_threads_count(t) == 1 || pieces == 1 || pieces > UINT32_MAX) {
    run_alone(n, grain, function, user);
    return;
  }
  t->function = function;
  t->user = user;
  t->n = n;
  t->grain = grain;
  atomic_store(&t->helped, 0);
  if (t->borrowed.size) {
    run_borrowed(t, (uint32_t)pieces);
    return;
  }
  atomic_store_explicit(&t->caller_core, core_of_this_thread(), memory_order_relaxed);
  atomic_store(&t->open, (uint64_t)pieces << 32);
  wake_helpers(t, (uint32_t)pieces - 1);
  uint32_t piece, own = 0;
  for (; take(t, true, &piece); own++) run_piece(t, piece, 0);
  if (own < pieces) wait_for_helpers(t, (uint32_t)pieces - own);
}
