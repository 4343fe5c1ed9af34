/* Every allocation of the road from text to a converted graph fails once: an error and not a crash, and nothing leaks.
 */
#include "passes/passes.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

typedef struct counter {
  uint64_t calls, fail_at; /* fail_at 0: never */
  size_t live;
} counter;

static void *allocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  counter *c = user;
  if (new_size == 0) {
    c->live -= old_size;
    free(pointer);
    return NULL;
  }
  if (++c->calls == c->fail_at) return NULL;
  void *p = realloc(pointer, new_size);
  if (p) c->live += new_size - old_size;
  return p;
}

static const char network[] =
    "graft 1\n"
    "tensor %conv.weight: f32[2, 2, 1, 1] parameter = [0.5, -0.25, 0.125, 1.0]\n"
    "tensor %conv.bias: f32[2] parameter = [0.1, -0.1]\n"
    "tensor %fc.weight: f32[3, 2] parameter = fill(\"fc.weight\", -0.5, 0.5)\n"
    "tensor %bn.running_mean: f32[2] buffer = [0.5, -0.5]\n"
    "tensor %bn.running_var: f32[2] buffer = [0.25, 4.0]\n"
    "graph main(%x: f32[2, 2, 2, 2]) {\n"
    "  %conv = conv2d(%x, %conv.weight, %conv.bias): f32[2, 2, 2, 2] from \"conv\"\n"
    "  %bn, %mean, %var = batch_norm(%conv, _, _, %bn.running_mean, %bn.running_var) {training: true}: "
    "(f32[2, 2, 2, 2], f32[2], f32[2])\n"
    "  %relu = relu(%bn): f32[2, 2, 2, 2]\n"
    "  %pool = mean(%relu) {dim: [2, 3]}: f32[2, 2]\n"
    "  %fc = linear(%pool, %fc.weight): f32[2, 3]\n"
    "  return %fc as \"y\"\n"
    "  update %bn.running_mean = %mean\n"
    "  update %bn.running_var = %var\n"
    "}\n";

static const char *const pipelines[] = {
    "prepare-qat{per-channel=true},dce",
    "to-eval,prepare,convert",
    "prepare-qat,to-eval,convert{qparams=observer},cse,fold-constants,merge-dequantize",
};

/* True when all went well. */
static bool road(counter *c, const char *pipeline) {
  graft_context *context = graft_context_create(
      &(graft_context_options){.size = sizeof(graft_context_options), .allocator = allocate, .allocator_user = c});
  if (!context) return false;
  graft_module *m = graft_module_load_memory(context, network, sizeof network - 1, "network", NULL);
  graft_status s = m ? graft_run_passes(m, pipeline, NULL) : GRAFT_NO_MEMORY;
  char *bytes = NULL;
  size_t size = 0;
  if (!s) s = graft_module_print(m, GRAFT_FORMAT_BINARY, &bytes, &size);
  if (bytes) graft_free(context, bytes, size);
  if (s)
    ck_assert_msg(c->fail_at && graft_context_has_errors(context), "%s: no diagnostic, allocation %llu", pipeline,
                  (unsigned long long)c->fail_at);
  graft_module_destroy(m);
  graft_context_destroy(context);
  return !s;
}

/* Each test takes every STRIDE-th allocation, so that together they take all of them. */
enum { STRIDE = 8 };

START_TEST(every_allocation_may_fail) {
  const char *pipeline = pipelines[_i / STRIDE];
  counter whole = {0};
  ck_assert(road(&whole, pipeline));
  ck_assert_uint_eq(whole.live, 0);
  for (uint64_t n = 1 + (uint64_t)(_i % STRIDE); n <= whole.calls; n += STRIDE) {
    counter c = {.fail_at = n};
    road(&c, pipeline); /* a failed allocation may also just cost an optimization */
    ck_assert_msg(c.live == 0, "%s: %zu bytes leak when allocation %llu fails", pipeline, c.live,
                  (unsigned long long)n);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("out of memory");
  TCase *c = tcase_create("out of memory");
  tcase_set_timeout(c, 120);
  tcase_add_loop_test(c, every_allocation_may_fail, 0, STRIDE * (int)(sizeof pipelines / sizeof *pipelines));
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
