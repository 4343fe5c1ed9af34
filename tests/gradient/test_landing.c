/* Optimizers that write to the tensors in place do what those with memory of their own do, touch nobody else's bytes,
 * and leave all as it was when a step fails. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ir/edit.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

enum { ROWS = 64, COLUMNS = 96, COUNT = ROWS * COLUMNS, STEPS = 3 };

static int failures;
#define CHECK(condition) \
  do { \
    if (!(condition)) failures++, printf("FAIL line %d: %s\n", __LINE__, #condition); \
  } while (0)

static graft_module *load(graft_context *c, const char *optimizer) {
  static const char text[] = "graft 1\n"
                             "tensor %w: f32[64, 96] parameter = fill(\"w\", -1, 1)\n"
                             "graph main(%x: f32[2, 96]) {\n"
                             "  %y = linear(%x, %w)\n"
                             "  %y2 = mul(%y, %y)\n"
                             "  %l = mean(%y2)\n"
                             "  return %l\n"
                             "}\n";
  graft_module *m = graft_module_load_memory(c, text, sizeof text - 1, "landing", NULL);
  char pipeline[128];
  snprintf(pipeline, sizeof pipeline, "train-step{loss=l,%s}", optimizer);
  CHECK(m && graft_run_passes(m, pipeline, NULL) == GRAFT_OK);
  return m;
}

static graft_session *begin(graft_module *m, bool no_reuse, const float *x) {
  const graft_session_options options = {.size = sizeof options, .no_reuse = no_reuse};
  graft_session *s = graft_session_create(graft_module_get_graph(m, 1), &options);
  const graft_type type = graft_type_make(GRAFT_F32, 2, (int64_t[]){2, COLUMNS});
  CHECK(s && graft_session_set_input(s, 0, &type, x) == GRAFT_OK);
  return s;
}

static const float *data(graft_module *m, const char *name) {
  return graft_tensor_get_data(m, graft_tensor_find(m, name));
}

/* The bytes of an ordinary run, `states` tensors less of memory, and a copy that shared its bytes keeps them. */
static void check(const char *optimizer, int states) {
  float x[2 * COLUMNS], first[COUNT];
  for (int i = 0; i < 2 * COLUMNS; i++) x[i] = graft_fill_element("x", (uint64_t)i, -1, 1);
  graft_context *c = graft_context_create(NULL);
  graft_module *in_place = load(c, optimizer), *plain = load(c, optimizer);
  memcpy(first, data(in_place, "w"), sizeof first);
  graft_module *copy = graft_module_clone(c, in_place);
  graft_session *a = begin(in_place, false, x), *b = begin(plain, true, x);
  for (int i = 0; i < STEPS; i++) CHECK(graft_session_run(a) == GRAFT_OK && graft_session_run(b) == GRAFT_OK);
  CHECK(graft_session_memory(a) < (size_t)COUNT * 4 * 2);
  CHECK(graft_session_memory(b) > (size_t)COUNT * 4 * (size_t)(1 + states));
  CHECK(memcmp(data(in_place, "w"), data(plain, "w"), sizeof first) == 0);
  CHECK(memcmp(data(in_place, "w"), first, sizeof first) != 0);
  CHECK(memcmp(data(copy, "w"), first, sizeof first) == 0);
  graft_session_destroy(a);
  graft_session_destroy(b);
  /* a learning rate that the optimizer refuses: nothing has changed, the number of steps neither */
  float before[COUNT];
  const float bad = NAN;
  memcpy(before, data(in_place, "w"), sizeof before);
  CHECK(graft_tensor_set_data(in_place, graft_tensor_find(in_place, "optimizer.lr"), &bad) == GRAFT_OK);
  a = begin(in_place, false, x);
  CHECK(graft_session_run(a) == GRAFT_RUN);
  CHECK(memcmp(data(in_place, "w"), before, sizeof before) == 0);
  CHECK(*(const int64_t *)graft_tensor_get_data(in_place, graft_tensor_find(in_place, "optimizer.step")) == STEPS);
  graft_session_destroy(a);
  graft_module_destroy(copy);
  graft_module_destroy(in_place);
  graft_module_destroy(plain);
  graft_context_destroy(c);
}

int main(void) {
  check("optimizer=sgd,lr=0.5", 0);
  check("optimizer=sgd,lr=0.5,momentum=0.9", 1);
  check("optimizer=adam,lr=0.1,amsgrad=true", 3);
  printf("%d failures\n", failures);
  return failures != 0;
}
