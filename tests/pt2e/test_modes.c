/* Calls that change no tensor, in any order and repeated, leave a network whose outputs are those of the mode that they
 * come to: a table of what PyTorch's train(), freeze_bn_stats and update_bn_stats do to each batch norm says which, and
 * a network brought there the shortest way must compute the same bits, step for step. */
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { NORMS = 2, SEEDS = 40, CALLS = 16, STEPS = 2, ELEMENTS = 2 * 4 * 5 * 5 };

static const char network[] =
    "graft 1\n"
    "tensor %a.weight: f32[4, 3, 3, 3] parameter = fill(\"a.weight\", -0.4, 0.4)\n"
    "tensor %a.bias: f32[4] parameter = fill(\"a.bias\", -0.2, 0.2)\n"
    "tensor %n.weight: f32[4] parameter = fill(\"n.weight\", 0.5, 1.5)\n"
    "tensor %n.bias: f32[4] parameter = fill(\"n.bias\", -0.2, 0.2)\n"
    "tensor %n.running_mean: f32[4] buffer = fill(\"n.running_mean\", -0.2, 0.2)\n"
    "tensor %n.running_var: f32[4] buffer = fill(\"n.running_var\", 0.5, 1.5)\n"
    "tensor %b.weight: f32[4, 4, 1, 1] parameter = fill(\"b.weight\", -0.8, 0.8)\n"
    "tensor %o.weight: f32[4] parameter = fill(\"o.weight\", 0.5, 1.5)\n"
    "tensor %o.running_mean: f32[4] buffer = fill(\"o.running_mean\", -0.2, 0.2)\n"
    "tensor %o.running_var: f32[4] buffer = fill(\"o.running_var\", 0.5, 1.5)\n"
    "record 1 = \"a\"\nrecord 2 = \"n\"\nrecord 3 = \"b\"\nrecord 4 = \"o\"\n"
    "graph main(%x: f32[2, 3, 7, 7]) {\n"
    "  %c = conv2d(%x, %a.weight, %a.bias): f32[2, 4, 5, 5] from 1\n"
    "  %d, %m1, %v1 = batch_norm(%c, %n.weight, %n.bias, %n.running_mean, %n.running_var) {training: true}: "
    "(f32[2, 4, 5, 5], f32[4], f32[4]) from 2\n"
    "  %r = relu(%d): f32[2, 4, 5, 5]\n"
    "  %e = conv2d(%r, %b.weight): f32[2, 4, 5, 5] from 3\n"
    "  %f, %m2, %v2 = batch_norm(%e, %o.weight, _, %o.running_mean, %o.running_var) {training: true}: "
    "(f32[2, 4, 5, 5], f32[4], f32[4]) from 4\n"
    "  return %f as \"y\"\n"
    "  update %n.running_mean = %m1\n  update %n.running_var = %v1\n"
    "  update %o.running_mean = %m2\n  update %o.running_var = %v2\n"
    "}\n";

static const char *const norms[NORMS] = {"n", "o"};
static const char *const forms[] = {"approximate", "stable", "auto", NULL /* float */};

typedef struct mode {
  bool frozen[NORMS], trains[NORMS], observes, quantizes;
} mode;

typedef struct subject {
  graft_context *context;
  graft_module *module;
} subject;

static uint64_t state;

static int below(int n) {
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

static void pass(subject *s, const char *pipeline) {
  const graft_status status = graft_run_passes(s->module, pipeline, NULL);
  ck_assert_msg(status == GRAFT_OK, "%s: %s", pipeline,
                graft_diagnostic_count(s->context) ? graft_diagnostic_get(s->context, 0).message : "");
}

static subject make(const char *form) {
  subject s = {.context = graft_context_create(NULL)};
  char pipeline[160];
  s.module = graft_module_load_memory(s.context, network, sizeof network - 1, "network", NULL);
  ck_assert(s.module != NULL);
  if (!form) return s;
  snprintf(pipeline, sizeof pipeline, "prepare-qat{quantizer=fx,per-channel=true,form=%s}", form);
  pass(&s, pipeline);
  return s;
}

static void drop(subject *s) {
  graft_module_destroy(s->module);
  graft_context_destroy(s->context);
}

/* As another program would go on with it. */
static void reload(subject *s) {
  char *bytes;
  size_t size;
  const graft_format formats[] = {GRAFT_FORMAT_BINARY, GRAFT_FORMAT_TEXT};
  ck_assert_int_eq(graft_module_print(s->module, formats[below(2)], &bytes, &size), GRAFT_OK);
  graft_module *copy = graft_module_load_memory(s->context, bytes, size, "copy", NULL);
  graft_free(s->context, bytes, size);
  ck_assert(copy != NULL);
  graft_module_destroy(s->module);
  s->module = copy;
}

/* One call, and what it does to the mode. */
static void call(subject *s, mode *m, char *said, size_t size) {
  static const char *const plain[] = {"to-eval",
                                      "to-train",
                                      "enable-observers",
                                      "disable-observers",
                                      "enable-fake-quant",
                                      "disable-fake-quant",
                                      "freeze-bn",
                                      "unfreeze-bn",
                                      "freeze-bn{name=%s}",
                                      "unfreeze-bn{name=%s}",
                                      "save and load"};
  enum { TO_EVAL, TO_TRAIN, OBSERVE, NOT_OBSERVE, QUANTIZE, NOT_QUANTIZE, FREEZE, UNFREEZE, FREEZE_ONE, UNFREEZE_ONE };
  const int what = below(sizeof plain / sizeof *plain), one = below(NORMS);
  char text[64];
  snprintf(text, sizeof text, "%s", plain[what]);
  if (what == FREEZE_ONE || what == UNFREEZE_ONE)
    snprintf(text, sizeof text, "%s{name=%s}", what == FREEZE_ONE ? "freeze-bn" : "unfreeze-bn", norms[one]);
  snprintf(said + strlen(said), size - strlen(said), "%s, ", text);
  if (what > UNFREEZE_ONE) {
    reload(s);
    return;
  }
  pass(s, text);
  if (what == OBSERVE || what == NOT_OBSERVE) m->observes = what == OBSERVE;
  if (what == QUANTIZE || what == NOT_QUANTIZE) m->quantizes = what == QUANTIZE;
  for (int i = 0; i < NORMS; i++) {
    if ((what == FREEZE_ONE || what == UNFREEZE_ONE) && i != one) continue;
    if (what == TO_EVAL) m->trains[i] = false;
    if (what == TO_TRAIN) m->trains[i] = !m->frozen[i];
    if (what == FREEZE || what == FREEZE_ONE) m->frozen[i] = true, m->trains[i] = false;
    if (what == UNFREEZE || what == UNFREEZE_ONE) m->frozen[i] = false, m->trains[i] = true;
  }
}

/* The shortest way from a new network. */
static void bring_to(subject *s, const mode *m) {
  char text[64];
  pass(s, "to-eval");
  for (int i = 0; i < NORMS; i++) {
    if (!m->frozen[i] && !m->trains[i]) continue;
    snprintf(text, sizeof text, "%s{name=%s}", m->frozen[i] ? "freeze-bn" : "unfreeze-bn", norms[i]);
    pass(s, text);
  }
  if (!m->observes) pass(s, "disable-observers");
  if (!m->quantizes) pass(s, "disable-fake-quant");
}

static void step(subject *s, int number, float *y) {
  float x[2 * 3 * 7 * 7];
  for (uint64_t i = 0; i < sizeof x / sizeof *x; i++)
    x[i] = graft_fill_element("x", i + 1000u * (uint64_t)number, -1, 1);
  const graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){2, 3, 7, 7});
  graft_session *session = graft_session_create(graft_module_get_graph(s->module, 0), NULL);
  graft_type out;
  ck_assert(session && graft_session_set_input(session, 0, &type, x) == GRAFT_OK &&
            graft_session_run(session) == GRAFT_OK);
  memcpy(y, graft_session_get_output(session, 0, &out), ELEMENTS * sizeof *y);
  ck_assert_int_eq(graft_type_elements(&out), ELEMENTS);
  graft_session_destroy(session);
}

START_TEST(outputs_are_those_of_the_mode) {
  const char *form = forms[_i % 4];
  char said[800] = "";
  mode m = {.trains = {true, true}, .observes = true, .quantizes = true};
  state = (uint64_t)_i;
  subject s = make(form), want = make(form);
  for (int i = 0; i < CALLS; i++) call(&s, &m, said, sizeof said);
  bring_to(&want, &m);
  for (int i = 0; i < STEPS; i++) { /* the second one sees what the first one left */
    float a[ELEMENTS], b[ELEMENTS];
    step(&s, i, a);
    step(&want, i, b);
    ck_assert_msg(memcmp(a, b, sizeof a) == 0, "seed %d, %s, step %d: %s", _i, form ? form : "float", i, said);
  }
  drop(&s);
  drop(&want);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("modes");
  TCase *c = tcase_create("modes");
  tcase_set_timeout(c, 120);
  tcase_add_loop_test(c, outputs_are_those_of_the_mode, 0, SEEDS);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
