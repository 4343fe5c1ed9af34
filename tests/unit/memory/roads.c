#include "roads.h"

#include "passes/passes.h"

#include <dirent.h>
#include <unistd.h>

test_heap road_heap;
const char *road_file;
char road_folder[] = "/tmp/graft-oom-XXXXXX";

static const road *all;
static bool both;

/* ---- what comes out ---- */

void forget(bytes *b) {
  free(b->data);
  *b = (bytes){0};
}

void append(bytes *b, const void *data, size_t size) {
  b->data = realloc(b->data, b->size + size + 1);
  ck_assert_ptr_nonnull(b->data);
  if (size) memcpy(b->data + b->size, data, size);
  b->size += size;
  b->data[b->size] = '\0';
}

void append_text(bytes *b, const char *text) {
  ck_assert_ptr_nonnull(text);
  append(b, text, strlen(text) + 1);
}

static bool same(const bytes *a, const bytes *b) {
  return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

void append_module(bytes *b, graft_module *m) {
  const bool was = road_heap.off;
  road_heap.off = true;
  char *text;
  size_t size;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_TEXT, &text, &size), GRAFT_OK);
  append(b, text, size);
  graft_free(graft_module_get_context(m), text, size);
  road_heap.off = was;
}

static bytes text_of(graft_module *m) {
  bytes b = {0};
  append_module(&b, m);
  return b;
}

/* ---- on the way ---- */

enum { STEPS = 96 };

/* The module as it is right before each step, from the run in which nothing fails. */
static bytes right_before[STEPS + 1];
static bool recording;

void road_step(trial *t) {
  ck_assert_uint_lt(t->steps, STEPS);
  if (recording) right_before[t->steps] = text_of(t->m);
  t->steps++;
}

graft_module *road_load(trial *t) {
  const char *input = t->road->input;
  if (input) return graft_module_load_memory(t->c, input, strlen(input), "network", NULL);
  return graft_module_load(t->c, road_file, NULL);
}

void road_load_for_sure(trial *t) {
  road_heap.off = true;
  t->m = road_load(t);
  ck_assert_ptr_nonnull(t->m);
  if (t->road->ready) ck_assert_int_eq(graft_run_passes(t->m, t->road->ready, NULL), GRAFT_OK);
  road_heap.off = false;
}

uint32_t road_files(bytes *out) {
  uint32_t count = 0;
  DIR *d = opendir(road_folder);
  ck_assert_ptr_nonnull(d);
  for (struct dirent *e; (e = readdir(d));) {
    char name[512], buffer[4096];
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    snprintf(name, sizeof name, "%s/%s", road_folder, e->d_name);
    FILE *f = fopen(name, "rb");
    ck_assert_ptr_nonnull(f);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;) append(out, buffer, n);
    fclose(f);
    remove(name);
    count++;
  }
  closedir(d);
  return count;
}

/* ---- all of them ---- */

static graft_status travel(const road *r, trial *t, uint64_t at, bool forever) {
  *t = (trial){.road = r};
  heap_fail(&road_heap, at, forever);
  road_heap.off = false;
  t->c = heap_context(&road_heap);
  const graft_status s = t->c ? r->go(t) : GRAFT_NO_MEMORY;
  road_heap.off = true;
  return s;
}

static void end(trial *t) {
  graft_module_destroy(t->m);
  graft_context_destroy(t->c);
  graft_context_destroy(t->told);
  if (t->finish) t->finish();
  forget(&t->out);
}

/* Some diagnostic says that it was memory. */
static bool says_memory(const graft_context *c) {
  for (uint32_t i = 0; i < graft_diagnostic_count(c); i++)
    if (graft_diagnostic_get(c, i).code == GRAFT_NO_MEMORY) return true;
  return false;
}

/* One allocation, or all from there on, fail. */
static void fail_at(const road *r, uint64_t at, bool forever, const bytes *right) {
  trial t;
  const graft_status s = travel(r, &t, at, forever);
  char where[160];
  snprintf(where, sizeof where, "%s (%s), allocation %llu%s, status %s", r->name, r->pipeline ? r->pipeline : "",
           (unsigned long long)at, forever ? " and later ones" : "", graft_status_text(s));
  if (!t.c) return;
  graft_context *told = t.told ? t.told : t.c;
  const char *first = graft_diagnostic_count(told) ? graft_diagnostic_get(told, 0).message : "";
  if (s == GRAFT_OK) {
    ck_assert_msg(!graft_context_has_errors(told), "%s: an error stands: %s", where, first);
    ck_assert_msg(same(&t.out, right), "%s: another result:\n%s\nnot\n%s", where, t.out.data, right->data);
  } else {
    ck_assert_msg(graft_context_has_errors(told), "%s: no error", where);
    ck_assert_msg(s == GRAFT_NO_MEMORY, "%s: another status than that of memory: %s", where, first);
    ck_assert_msg(says_memory(told), "%s: no diagnostic of memory: %s", where, first);
  }
  if (t.m) {
    graft_diagnostics_clear(t.c);
    ck_assert_msg(graft_module_verify(t.m) == GRAFT_OK, "%s: the module is not valid: %s", where,
                  graft_diagnostic_get(t.c, 0).message);
    if (s != GRAFT_OK && right_before[0].data) {
      const bytes *wanted = &right_before[t.steps ? t.steps - 1 : 0];
      bytes now = text_of(t.m);
      ck_assert_msg(same(&now, wanted), "%s: step %u is half done:\n%s\nnot\n%s", where, t.steps, now.data,
                    wanted->data);
      forget(&now);
    }
  }
  end(&t);
  ck_assert_msg(road_heap.live == 0, "%s: %zu bytes leak", where, road_heap.live);
}

START_TEST(every_allocation_may_fail) {
  const road *r = &all[_i];
  trial t;
  recording = true;
  const graft_status s = travel(r, &t, 0, false);
  recording = false;
  ck_assert_msg(s == GRAFT_OK, "%s: %s", r->name,
                graft_diagnostic_count(t.c) ? graft_diagnostic_get(t.c, 0).message : "no diagnostic");
  bytes right = {0};
  append(&right, t.out.data, t.out.size);
  const uint64_t calls = road_heap.calls;
  end(&t);
  ck_assert_uint_eq(road_heap.live, 0);
  if (getenv("OOM_VERBOSE"))
    fprintf(stderr, "%s (%s): %llu allocations\n", r->name, r->pipeline ? r->pipeline : "", (unsigned long long)calls);
  for (uint64_t at = 1; at <= calls; at++) {
    if (both || at % 2) fail_at(r, at, false, &right);
    if (both || at % 2 == 0) fail_at(r, at, true, &right);
  }
  forget(&right);
  for (int i = 0; i <= STEPS; i++) forget(&right_before[i]);
}
END_TEST

int roads_main(int argc, char **argv, const road *roads, int count) {
  if (argc < 2 || !mkdtemp(road_folder)) return 2;
  road_file = argv[1];
  both = argc > 2;
  all = roads;
  Suite *suite = suite_create("out of memory");
  TCase *c = tcase_create("out of memory");
  tcase_set_timeout(c, 600);
  tcase_add_loop_test(c, every_allocation_may_fail, 0, count);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return rmdir(road_folder) != 0 || failed != 0;
}
