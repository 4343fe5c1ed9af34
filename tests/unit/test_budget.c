/* What one call may cost, and that it can be ended from outside: afterwards the module is the one before. Limits are
 * held by counts, not by time. */
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static graft_context_options options;
static graft_context *c;

static void begin(void) { options = (graft_context_options){.size = sizeof options}; }
static void end(void) {
  graft_context_destroy(c);
  c = NULL;
}

static graft_module *load(const char *text) {
  if (!c) c = graft_context_create(&options);
  return graft_module_load_memory(c, text, strlen(text), "test", NULL);
}

/* Names the node, says the option. */
static void limited(const char *node, const char *option) {
  bool found = false;
  for (uint32_t i = 0; i < graft_diagnostic_count(c); i++) {
    const graft_diagnostic d = graft_diagnostic_get(c, i);
    if (d.code != GRAFT_LIMIT || d.severity != GRAFT_ERROR) continue;
    ck_assert_msg(!found, "said twice: %s", d.message);
    ck_assert_str_eq(d.node, node);
    ck_assert_msg(strstr(d.message, option) != NULL, "%s", d.message);
    found = true;
  }
  ck_assert(found);
  graft_diagnostics_clear(c);
}

static const char product[] = "graft 1\n"
                              "tensor %w: f32[1] constant = [1.0]\n"
                              "graph main() {\n"
                              "  %e = expand(%w) {size: [100, 100]}\n"
                              "  %y = matmul(%e, %e)\n"
                              "  return %y\n"
                              "}\n";

START_TEST(work_is_limited) {
  options.max_work = 1000000; /* the product takes just that, and the expansion comes before it */
  graft_module *m = load(product);
  const uint64_t before = graft_module_hash(m);
  ck_assert_int_eq(graft_run_passes(m, "fold-constants{max-elements=100000}", NULL), GRAFT_LIMIT);
  limited("y", "max_work (--max-work)");
  ck_assert_uint_eq(graft_module_hash(m), before);
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  graft_module_destroy(m);
  end();
  options.max_work = 1200000;
  m = load(product);
  ck_assert_int_eq(graft_run_passes(m, "fold-constants{max-elements=100000}", NULL), GRAFT_OK);
  /* the next call begins anew */
  ck_assert_int_eq(graft_run_passes(m, "fold-constants{max-elements=100000}", NULL), GRAFT_OK);
  graft_module_destroy(m);
}
END_TEST

static const char large_fill[] = "graft 1\n"
                                 "tensor %w: f32[300000000] parameter = fill(\"w\", 0.0, 1.0)\n"
                                 "graph main() {\n"
                                 "  %y = relu(%w)\n"
                                 "  return %y\n"
                                 "}\n";

START_TEST(fills_are_bytes) { /* with the defaults: 1.2 GB of a hundred bytes */
  graft_module *m = load(large_fill);
  ck_assert_ptr_nonnull(m);
  ck_assert_ptr_null(graft_tensor_get_data(m, graft_tensor_find(m, "w")));
  limited("w", "max_bytes (--max-memory)");
  ck_assert_uint_eq(graft_tensor_count(m), 1);
  graft_module_destroy(m);
}
END_TEST

START_TEST(fills_are_work) {
  options.max_work = 100000;
  graft_module *m = load("graft 1\n"
                         "tensor %w: f32[1, 100001] parameter = fill(\"w\", 0.0, 1.0)\n"
                         "graph main(%x: f32[1, 100001]) {\n  %y = linear(%x, %w)\n  return %y\n}\n");
  ck_assert_int_eq(graft_run_passes(m, "prepare,convert", NULL), GRAFT_LIMIT);
  limited("w", "max_work (--max-work)");
  graft_module_destroy(m);
}
END_TEST

START_TEST(sessions_obey_bytes) {
  options.max_bytes = 4 << 20;
  graft_module *m = load("graft 1\n"
                         "graph main(%x: f32[1]) {\n"
                         "  %e = expand(%x) {size: [2000000]}\n"
                         "  %y = mean(%e)\n"
                         "  return %y\n"
                         "}\n");
  ck_assert_ptr_null(graft_session_create(graft_module_get_graph(m, 0), NULL));
  limited("main", "max_bytes (--max-memory)");
  graft_module_destroy(m);
}
END_TEST

START_TEST(what_a_run_allocates_names_the_node) { /* how much is known only when it runs */
  options.max_bytes = 4 << 20;
  graft_module *m = load("graft 1\n"
                         "tensor %zero: i64[] constant = 0\n"
                         "tensor %one: i64[] constant = 1\n"
                         "graph main(%n: i64[]) {\n"
                         "  %r = arange(%zero, %n, %one)\n"
                         "  %y = neg(%r)\n"
                         "  return %y\n"
                         "}\n");
  graft_session *s = graft_session_create(graft_module_get_graph(m, 0), NULL);
  ck_assert_ptr_nonnull(s);
  const int64_t n = 10000000;
  ck_assert_int_eq(graft_session_set_input(s, 0, &(graft_type){GRAFT_I64, 0, {0}}, &n), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_LIMIT);
  limited("r", "max_bytes (--max-memory)");
  graft_session_destroy(s);
  graft_module_destroy(m);
}
END_TEST

START_TEST(parameters_of_many_channels_name_the_value) {
  options.max_bytes = 4 << 20;
  graft_module *m = load("graft 1\n"
                         "tensor %w: f32[2000000, 1] parameter = fill(\"w\", -1.0, 1.0)\n"
                         "graph main(%x: f32[1, 1]) {\n  %y = linear(%x, %w)\n  return %y\n}\n");
  ck_assert_int_eq(graft_run_passes(m, "prepare{per-channel=true}", NULL), GRAFT_LIMIT);
  limited("w", "max_bytes (--max-memory)");
  graft_module_destroy(m);
}
END_TEST

START_TEST(sessions_spend_no_work) {
  options.max_work = 1000; /* the text itself is less */
  graft_module *m = load("graft 1\ngraph main(%x: f32[1]) {\n  %e = expand(%x) {size: [2000000]}\n"
                         "  %y = mean(%e)\n  return %y\n}\n");
  graft_session *s = graft_session_create(graft_module_get_graph(m, 0), NULL);
  const graft_type type = {GRAFT_F32, 1, {1}};
  const float two = 2;
  ck_assert_int_eq(graft_session_set_input(s, 0, &type, &two), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  ck_assert_float_eq(*(const float *)graft_session_get_output(s, 0, NULL), 2);
  graft_session_destroy(s);
  graft_module_destroy(m);
}
END_TEST

START_TEST(nothing_is_read_without_end) {
  options.max_bytes = 16 << 20;
  c = graft_context_create(&options);
  ck_assert_ptr_null(graft_module_load(c, "/dev/zero", NULL));
  ck_assert_int_eq(graft_diagnostic_get(c, 0).code, GRAFT_LIMIT);
  ck_assert_str_eq(graft_diagnostic_get(c, 0).file, "/dev/zero");
}
END_TEST

START_TEST(no_limits) {
  options.max_bytes = UINT64_MAX;
  options.max_work = UINT64_MAX;
  graft_module *m = load(product);
  ck_assert_int_eq(graft_run_passes(m, "fold-constants{max-elements=100000}", NULL), GRAFT_OK);
  graft_module_destroy(m);
}
END_TEST

/* ---- cancellation and progress ---- */

static uint64_t polls, cancel_at; /* 0: never */
static graft_status give;
static char last[64];

static graft_status watch(void *user, const graft_progress *p) {
  (void)user;
  ck_assert_uint_eq(p->size, sizeof *p);
  ck_assert(p->total == 0 || p->done < p->total);
  snprintf(last, sizeof last, "%s", p->what);
  if (++polls == cancel_at) {
    if (give) return give;
    graft_context_cancel(c);
  }
  return GRAFT_OK;
}

static const char *data_folder;

static graft_module *digits(void) {
  char path[1024];
  snprintf(path, sizeof path, "%s/digits.onnx", data_folder);
  if (!c) c = graft_context_create(&options);
  graft_module *m = graft_module_load(c, path, NULL);
  ck_assert_msg(m != NULL, "%s", graft_diagnostic_get(c, 0).message);
  return m;
}

static const char *const passes[] = {"prepare-qat", "to-eval,convert", "lower"};

/* The n-th poll of pass run `which` ends it. False: there is no such poll. */
static bool cancelled_at(int which, uint64_t n, graft_status wanted) {
  graft_module *m = digits();
  cancel_at = 0;
  for (int i = 0; i < which; i++) ck_assert_int_eq(graft_run_passes(m, passes[i], NULL), GRAFT_OK);
  char *before, *after;
  size_t size, size_after;
  graft_save_options text = {.size = sizeof text, .format = GRAFT_FORMAT_TEXT};
  graft_diagnostics_clear(c);
  polls = 0;
  cancel_at = n;
  const graft_status status = graft_run_passes(m, passes[which], NULL);
  const bool reached = polls >= n;
  cancel_at = 0;
  graft_context_resume(c);
  if (!reached) {
    ck_assert_int_eq(status, GRAFT_OK);
    graft_module_destroy(m);
    return false;
  }
  if (status != GRAFT_OK || give) { /* a cancel at the very last poll may come too late */
    ck_assert_int_eq(status, wanted);
    bool said = false;
    for (uint32_t i = 0; i < graft_diagnostic_count(c); i++) said |= graft_diagnostic_get(c, i).code == wanted;
    ck_assert(said);
  }
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  /* What the passes before it did stays: the passes left over give what they would have given. */
  ck_assert_int_eq(graft_module_print_with(m, &text, &before, &size), GRAFT_OK);
  if (status != GRAFT_OK) {
    polls = 0;
    cancel_at = 1; /* the module that a pass leaves is the one before it: once more, and ended at once */
    ck_assert_int_eq(graft_run_passes(m, passes[which], NULL), wanted);
    graft_context_resume(c);
    cancel_at = 0;
    ck_assert_int_eq(graft_module_print_with(m, &text, &after, &size_after), GRAFT_OK);
    ck_assert(size == size_after && memcmp(before, after, size) == 0);
    graft_free(c, after, size_after);
  }
  graft_free(c, before, size);
  graft_module_destroy(m);
  return true;
}

START_TEST(passes_end_at_every_poll) {
  options.progress = watch;
  give = GRAFT_OK;
  uint64_t all = 0;
  for (int which = 0; which < 3; which++) {
    uint64_t n = 1;
    while (cancelled_at(which, n, GRAFT_CANCELLED)) n++;
    all += n;
  }
  ck_assert_uint_gt(all, 20);
}
END_TEST

START_TEST(progress_gives_a_status) {
  options.progress = watch;
  give = GRAFT_IO;
  for (uint64_t n = 1; n < 3; n++) ck_assert(cancelled_at(0, n, GRAFT_IO));
  give = GRAFT_OK;
}
END_TEST

/* It may not change modules, but may read one, which takes a while too. */
static graft_status reading(void *user, const graft_progress *p) {
  (void)p;
  ++*(int *)user;
  graft_module *m = load(product);
  const graft_status status = m ? graft_run_passes(m, "canonicalize", NULL) : GRAFT_IO;
  graft_module_destroy(m);
  return status;
}

START_TEST(progress_is_not_told_of_itself) {
  int calls = 0;
  options.progress = reading;
  options.progress_user = &calls;
  graft_module *m = load(product);
  ck_assert_int_eq(graft_run_passes(m, "canonicalize,dce", NULL), GRAFT_OK);
  ck_assert_int_gt(calls, 1);
  graft_module_destroy(m);
}
END_TEST

START_TEST(a_pass_that_is_ended_changes_nothing) {
  options.progress = watch;
  give = GRAFT_OK;
  graft_module *m = digits();
  const uint64_t before = graft_module_hash(m);
  polls = 0;
  cancel_at = 0;
  ck_assert_int_eq(graft_run_passes(m, "canonicalize", NULL), GRAFT_OK);
  const uint64_t all = polls;
  ck_assert_str_eq(last, "canonicalize");
  graft_module_destroy(m);
  for (uint64_t n = 1; n <= all; n++) {
    m = digits();
    polls = 0;
    cancel_at = n;
    const graft_status status = graft_run_passes(m, "canonicalize", NULL);
    graft_context_resume(c);
    cancel_at = 0;
    ck_assert_int_eq(status, GRAFT_CANCELLED);
    ck_assert_uint_eq(graft_module_hash(m), before);
    graft_module_destroy(m);
  }
}
END_TEST

START_TEST(cancelled_until_resumed) {
  graft_context_cancel(NULL);
  graft_context_resume(NULL);
  graft_module *m = load(product);
  graft_context_cancel(c);
  ck_assert_int_eq(graft_run_passes(m, "dce", NULL), GRAFT_CANCELLED);
  ck_assert_int_eq(graft_run_passes(m, "dce", NULL), GRAFT_CANCELLED);
  ck_assert_int_eq(graft_diagnostic_get(c, 0).code, GRAFT_CANCELLED);
  ck_assert_ptr_null(load(product));
  graft_context_resume(c);
  graft_diagnostics_clear(c);
  ck_assert_int_eq(graft_run_passes(m, "dce", NULL), GRAFT_OK);
  graft_module_destroy(m);
}
END_TEST

/* A step whose updates would land. */
static const char counter[] = "graft 1\n"
                              "tensor %n: f32[1] buffer = [0.0]\n"
                              "graph main(%x: f32[1]) {\n"
                              "  %a = add(%n, %x)\n"
                              "  %b = relu(%a)\n"
                              "  %d = neg(%b)\n"
                              "  %e = abs(%d)\n"
                              "  return %e\n"
                              "  update %n = %e\n"
                              "}\n";

START_TEST(updates_of_a_cancelled_step_do_not_land) {
  options.progress = watch;
  give = GRAFT_OK;
  graft_module *m = load(counter);
  graft_session *s = graft_session_create(graft_module_get_graph(m, 0), NULL);
  const graft_type type = {GRAFT_F32, 1, {1}};
  const float one = 1;
  ck_assert_int_eq(graft_session_set_input(s, 0, &type, &one), GRAFT_OK);
  for (uint64_t n = 1;; n++) {
    polls = 0;
    cancel_at = n;
    const graft_status status = graft_session_run(s);
    graft_context_resume(c);
    if (polls < n) {
      ck_assert_int_eq(status, GRAFT_OK);
      break;
    }
    ck_assert_str_eq(last, "run");
    ck_assert_int_eq(status, GRAFT_CANCELLED);
    ck_assert_float_eq(*(const float *)graft_tensor_get_data(m, graft_tensor_find(m, "n")), 0);
  }
  ck_assert_float_eq(*(const float *)graft_tensor_get_data(m, graft_tensor_find(m, "n")), 1);
  graft_session_destroy(s);
  graft_module_destroy(m);
}
END_TEST

static void on_signal(int number) {
  (void)number;
  graft_context_cancel(c);
}

START_TEST(a_signal_ends_a_kernel) { /* 4e11 multiply-adds: minutes, of which it runs until the signal comes */
  graft_module *m = load("graft 1\n"
                         "graph main(%x: f32[1]) {\n"
                         "  %e = expand(%x) {size: [8000, 8000]}\n"
                         "  %y = matmul(%e, %e)\n"
                         "  %z = mean(%y)\n"
                         "  return %z\n"
                         "}\n");
  graft_session *s = graft_session_create(graft_module_get_graph(m, 0), NULL);
  const graft_type type = {GRAFT_F32, 1, {1}};
  const float one = 1;
  ck_assert_ptr_nonnull(s);
  ck_assert_int_eq(graft_session_set_input(s, 0, &type, &one), GRAFT_OK);
  signal(SIGALRM, on_signal);
  const struct itimerval soon = {.it_value = {.tv_usec = 200000}};
  setitimer(ITIMER_REAL, &soon, NULL);
  ck_assert_int_eq(graft_session_run(s), GRAFT_CANCELLED);
  graft_session_destroy(s);
  graft_module_destroy(m);
}
END_TEST

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  data_folder = argv[1];
  Suite *suite = suite_create("budget");
  TCase *tests = tcase_create("budget");
  tcase_set_timeout(tests, 240);
  tcase_add_checked_fixture(tests, begin, end);
  tcase_add_test(tests, work_is_limited);
  tcase_add_test(tests, fills_are_bytes);
  tcase_add_test(tests, fills_are_work);
  tcase_add_test(tests, sessions_obey_bytes);
  tcase_add_test(tests, what_a_run_allocates_names_the_node);
  tcase_add_test(tests, parameters_of_many_channels_name_the_value);
  tcase_add_test(tests, sessions_spend_no_work);
  tcase_add_test(tests, nothing_is_read_without_end);
  tcase_add_test(tests, no_limits);
  tcase_add_test(tests, passes_end_at_every_poll);
  tcase_add_test(tests, progress_gives_a_status);
  tcase_add_test(tests, progress_is_not_told_of_itself);
  tcase_add_test(tests, a_pass_that_is_ended_changes_nothing);
  tcase_add_test(tests, cancelled_until_resumed);
  tcase_add_test(tests, updates_of_a_cancelled_step_do_not_land);
  tcase_add_test(tests, a_signal_ends_a_kernel);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
