/* The pool of threads: every piece once, whoever sleeps or is busy. Worth a run with -Db_sanitize=thread. */
#include "runtime/kernel_impl.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS = 4, MOST = 1000 };

static graft_context *context;

static void setup(void) { context = graft_context_create(NULL); }
static void teardown(void) { graft_context_destroy(context); }

/* Plain memory: two threads on one piece, and a job that ends early, are races that a sanitizer sees. */
static void mark(void *user, int64_t begin, int64_t end, uint32_t worker) {
  int *seen = user;
  ck_assert_uint_lt(worker, THREADS);
  for (int64_t i = begin; i < end; i++) seen[i]++;
}

static void each_once(gr_threads *threads, int64_t n, int64_t grain) {
  int seen[MOST] = {0};
  gr_parallel_for(threads, n, grain, mark, seen);
  for (int64_t i = 0; i < MOST; i++) ck_assert_int_eq(seen[i], i < n);
}

START_TEST(every_piece_once) {
  gr_threads *threads = gr_threads_create(context, THREADS);
  ck_assert_ptr_nonnull(threads);
  ck_assert_uint_eq(gr_threads_count(threads), THREADS);
  ck_assert_uint_eq(gr_threads_count(NULL), 1);
  for (int64_t n = 0; n <= MOST; n = n * 2 + 1)
    for (int64_t grain = 0; grain < 100; grain += 7) {
      each_once(threads, n, grain);
      each_once(NULL, n, grain);
    }
  gr_threads_destroy(threads);
}
END_TEST

static void pause_for(long nanoseconds) { nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL); }

/* Pauses that let helpers fall asleep, or are about as long as they stay awake, or are none. */
START_TEST(jobs_after_pauses) {
  static const long pauses[] = {0, 0, 0, 0, 20000, 50000, 400000};
  gr_threads *threads = gr_threads_create(context, THREADS);
  ck_assert_ptr_nonnull(threads);
  srand(1);
  for (int i = 0; i < 1000; i++) {
    each_once(threads, rand() % MOST, 1 + rand() % 200);
    const long p = pauses[rand() % (int)(sizeof pauses / sizeof *pauses)];
    if (p) pause_for(p);
  }
  gr_threads_destroy(threads);
}
END_TEST

START_TEST(pools_come_and_go) {
  for (int i = 0; i < 200; i++) {
    gr_threads *threads = gr_threads_create(context, 1 + (uint32_t)i % THREADS);
    ck_assert_ptr_nonnull(threads);
    if (i % 3) each_once(threads, MOST, 10);
    gr_threads_destroy(threads);
  }
}
END_TEST

static void *own_pool(void *unused) {
  (void)unused;
  graft_context *c = graft_context_create(NULL);
  gr_threads *threads = gr_threads_create(c, THREADS);
  for (int i = 0; i < 500 && threads; i++) each_once(threads, i, 7);
  gr_threads_destroy(threads);
  graft_context_destroy(c);
  return threads;
}

START_TEST(pools_beside_each_other) {
  pthread_t others[3];
  void *done;
  for (int i = 0; i < 3; i++) ck_assert_int_eq(pthread_create(&others[i], NULL, own_pool, NULL), 0);
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(pthread_join(others[i], &done), 0);
    ck_assert_ptr_nonnull(done);
  }
}
END_TEST

enum { PIECES = 64 };

typedef struct slow_job {
  atomic_int begun, done; /* by helpers; by the caller */
} slow_job;

/* A helper's piece lasts until the caller has done all that helpers did not begin. */
static void slow_helpers(void *user, int64_t begin, int64_t end, uint32_t worker) {
  slow_job *job = user;
  (void)begin, (void)end;
  if (worker == 0) {
    while (atomic_load(&job->begun) == 0) sched_yield(); /* so that one of them has begun */
    atomic_fetch_add(&job->done, 1);
    return;
  }
  atomic_fetch_add(&job->begun, 1);
  while (atomic_load(&job->begun) + atomic_load(&job->done) < PIECES) sched_yield();
}

START_TEST(the_caller_does_what_no_helper_began) {
  gr_threads *threads = gr_threads_create(context, THREADS);
  ck_assert_ptr_nonnull(threads);
  for (int i = 0; i < 20; i++) {
    slow_job job = {0, 0};
    gr_parallel_for(threads, PIECES, 1, slow_helpers, &job);
    ck_assert_int_gt(atomic_load(&job.begun), 0);
    ck_assert_int_lt(atomic_load(&job.begun), THREADS);
    ck_assert_int_eq(atomic_load(&job.begun) + atomic_load(&job.done), PIECES);
  }
  gr_threads_destroy(threads);
}
END_TEST

int main(void) {
  Suite *s = suite_create("pool");
  TCase *tc = tcase_create("pool");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, every_piece_once);
  tcase_add_test(tc, jobs_after_pauses);
  tcase_add_test(tc, pools_come_and_go);
  tcase_add_test(tc, pools_beside_each_other);
  tcase_add_test(tc, the_caller_does_what_no_helper_began);
  suite_add_tcase(s, tc);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
