/* The training loop: what its steps are, that it goes on where it was stopped, and what it refuses. */
#include "ir/inspect.h"
#include "passes/passes.h"
#include "passes/train.h"
#include "runtime/runtime.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 22, IN = 4, BATCH = 3 };

/* Least squares with a hidden layer: targets are an input, and the loss is of the graph. */
static const char regression[] = "graft 1\n"
                                 "tensor %a.weight: f32[5, 4] parameter = fill(\"a\", -1.0, 1.0)\n"
                                 "tensor %a.bias: f32[5] parameter = fill(\"ab\", -1.0, 1.0)\n"
                                 "tensor %b.weight: f32[2, 5] parameter = fill(\"b\", -1.0, 1.0)\n"
                                 "graph main(%x: f32[?, 4], %labels: i64[?]) {\n"
                                 "  %h = linear(%x, %a.weight, %a.bias)\n"
                                 "  %s = mul(%h, %h)\n"
                                 "  %d = dropout(%s) {p: 0.25}\n"
                                 "  %y = linear(%d, %b.weight)\n"
                                 "  %t = to(%labels) {dtype: f32}\n"
                                 "  %u = unsqueeze(%t) {dim: 1}\n"
                                 "  %e = sub(%y, %u)\n"
                                 "  %q = mul(%e, %e)\n"
                                 "  %cost = mean(%q)\n"
                                 "  return %y, %cost\n"
                                 "}\n";

typedef struct world {
  graft_context *c;
  graft_module *m;
  float x[ROWS * IN];
  uint8_t labels[ROWS];
  graft_train_input data[2];
  graft_train_options o;
  graft_session_options session;
  graft_train_state states[256];
  int count, stop; /* after so many steps; 0: not */
} world;

static graft_status note(void *user, const graft_train_state *state) {
  world *w = user;
  w->states[w->count++] = *state;
  return w->count == w->stop ? GRAFT_CANCELLED : GRAFT_OK;
}

static void load(world *w, const char *text, const char *pipeline) {
  graft_module_destroy(w->m);
  w->m = graft_module_load_memory(w->c, text, strlen(text), "regression", NULL);
  ck_assert(w->m && graft_run_passes(w->m, pipeline, NULL) == GRAFT_OK);
}

static void setup(world *w) {
  memset(w, 0, sizeof *w);
  w->c = graft_context_create(NULL);
  for (int i = 0; i < ROWS * IN; i++) w->x[i] = (float)(i * 37 % 23) / 11.0f - 1.0f;
  for (int i = 0; i < ROWS; i++) w->labels[i] = (uint8_t)(i % 2);
  w->data[0] = (graft_train_input){
      .size = sizeof *w->data, .name = "x", .type = graft_type_make(GRAFT_F32, 2, (int64_t[]){ROWS, IN}), .data = w->x};
  w->data[1] = (graft_train_input){.size = sizeof *w->data,
                                   .name = "labels",
                                   .type = graft_type_make(GRAFT_U8, 1, (int64_t[]){ROWS}),
                                   .data = w->labels};
  w->session = (graft_session_options){.size = sizeof w->session, .reference = true};
  w->o = (graft_train_options){.size = sizeof w->o,
                               .inputs = w->data,
                               .input_count = 2,
                               .epochs = 3,
                               .batch = BATCH,
                               .shuffle = true,
                               .seed = 7,
                               .session = &w->session,
                               .after_step = note,
                               .after_step_user = w};
  load(w, regression, "train-step{loss=cost,lr=0.004,momentum=0.9}");
}

static void teardown(world *w) {
  graft_module_destroy(w->m);
  graft_context_destroy(w->c);
}

static graft_status train(world *w) {
  w->count = 0;
  graft_diagnostics_clear(w->c);
  return graft_train(w->m, &w->o);
}

/* All bytes of the module, as a file has them. */
static char *bytes_of(world *w, size_t *size) {
  char *bytes;
  ck_assert(graft_module_print(w->m, GRAFT_FORMAT_BINARY, &bytes, size) == GRAFT_OK);
  char *copy = malloc(*size);
  memcpy(copy, bytes, *size);
  graft_free(w->c, bytes, *size);
  return copy;
}

static void expect_same(world *a, world *b) {
  size_t n, m;
  char *x = bytes_of(a, &n), *y = bytes_of(b, &m);
  ck_assert(n == m && memcmp(x, y, n) == 0);
  free(x);
  free(y);
}

static void reopen(world *w) {
  size_t size;
  char *bytes = bytes_of(w, &size);
  graft_module_destroy(w->m);
  w->m = graft_module_load_memory(w->c, bytes, size, "saved", NULL);
  ck_assert(w->m != NULL);
  free(bytes);
}

static void expect_error(world *w, graft_status status, const char *node, const char *text) {
  graft_diagnostic first = {0};
  ck_assert_int_eq(train(w), status);
  for (uint32_t i = 0; i < graft_diagnostic_count(w->c) && !first.message; i++)
    if (graft_diagnostic_get(w->c, i).severity == GRAFT_ERROR) first = graft_diagnostic_get(w->c, i);
  ck_assert(first.message != NULL);
  ck_assert_msg(strstr(first.message, text) != NULL, "%s: '%s' has no '%s'", first.node, first.message, text);
  ck_assert_str_eq(first.node, node);
}

START_TEST(steps_and_epochs_are_counted_and_the_loss_falls) {
  world w;
  setup(&w);
  ck_assert_int_eq(train(&w), GRAFT_OK);
  ck_assert_int_eq(w.count, 21); /* 7 steps of 3 rows, one is left out */
  for (int i = 0; i < w.count; i++) {
    ck_assert_int_eq(w.states[i].step, i + 1);
    ck_assert_int_eq(w.states[i].epoch, i / 7 + 1);
    ck_assert_int_eq(w.states[i].epoch_ended, i % 7 == 6);
    ck_assert_int_eq(w.states[i].rows, 3 * (i + 1));
    ck_assert(w.states[i].accuracy >= 0 && w.states[i].accuracy <= 1);
  }
  ck_assert(w.states[20].epoch_loss < 0.8 * w.states[6].epoch_loss);
  teardown(&w);
}
END_TEST

START_TEST(it_goes_on_where_it_was_stopped_bit_for_bit) {
  static const char *const pipelines[] = {"train-step{loss=cost,lr=0.004,momentum=0.9}",
                                          "train-step{loss=cost,optimizer=adamw,lr=0.01,accumulate=true}"};
  for (int k = 0; k < 2; k++) {
    world a, b;
    setup(&a);
    setup(&b);
    load(&a, regression, pipelines[k]);
    load(&b, regression, pipelines[k]);
    a.o.accumulate = b.o.accumulate = k ? 2 : 1;
    a.o.schedule = b.o.schedule = GRAFT_SCHEDULE_COSINE;
    a.o.warmup = b.o.warmup = 2;
    /* training began anew after some steps */
    a.o.epochs = b.o.epochs = 1;
    ck_assert(train(&a) == GRAFT_OK && train(&b) == GRAFT_OK);
    a.o.epochs = b.o.epochs = 4;
    ck_assert_int_eq(train(&a), GRAFT_OK);
    b.stop = k ? 4 : 9; /* within an epoch */
    ck_assert_int_eq(train(&b), GRAFT_CANCELLED);
    ck_assert_int_eq(b.count, b.stop);
    reopen(&a);
    reopen(&b);
    b.stop = 0;
    b.o.resume = true;
    ck_assert_int_eq(train(&b), GRAFT_OK);
    ck_assert_int_eq(b.states[0].step, (k ? 4 : 9) + 1);
    ck_assert_int_eq(b.states[b.count - 1].step, b.states[0].steps);
    expect_same(&a, &b);
    ck_assert_int_eq(train(&b), GRAFT_OK); /* at its end already */
    ck_assert_int_eq(b.count, 0);
    expect_same(&a, &b);
    teardown(&a);
    teardown(&b);
  }
}
END_TEST

START_TEST(the_number_of_threads_changes_nothing) {
  world a, b;
  setup(&a);
  setup(&b);
  b.session.threads = 3;
  ck_assert(train(&a) == GRAFT_OK && train(&b) == GRAFT_OK);
  expect_same(&a, &b);
  teardown(&a);
  teardown(&b);
}
END_TEST

/* A row a step, whose number is the loss. */
static const char counting[] = "graft 1\n"
                               "tensor %w: f32[] parameter = 1.0\n"
                               "graph main(%x: f32[1]) {\n"
                               "  %y = mul(%x, %w)\n"
                               "  %cost = sum(%y)\n"
                               "  return %cost\n"
                               "}\n";

START_TEST(each_epoch_has_each_row_once_in_an_order_of_its_own) {
  world w;
  setup(&w);
  load(&w, counting, "train-step{loss=cost,lr=1e-30}");
  for (int i = 0; i < ROWS; i++) w.x[i] = (float)i;
  w.data[0].type = graft_type_make(GRAFT_F32, 1, (int64_t[]){ROWS});
  w.o.input_count = 1;
  w.o.batch = 1;
  ck_assert_int_eq(train(&w), GRAFT_OK);
  int seen[3][ROWS] = {0}, moved = 0, differ = 0;
  for (int i = 0; i < w.count; i++) {
    const int row = (int)w.states[i].loss;
    ck_assert(row >= 0 && row < ROWS && !seen[i / ROWS][row]);
    seen[i / ROWS][row] = 1;
    moved += row != i % ROWS;
    if (i >= ROWS) differ += row != (int)w.states[i - ROWS].loss;
  }
  ck_assert(moved > 2 * ROWS && differ > ROWS);
  w.o.shuffle = false;
  ck_assert_int_eq(train(&w), GRAFT_OK);
  for (int i = 0; i < w.count; i++) ck_assert_int_eq((int)w.states[i].loss, i % ROWS);
  teardown(&w);
}
END_TEST

static void expect_rates(const world *w, int first, const double *rates, int count) {
  for (int i = 0; i < count; i++)
    ck_assert_msg(fabs(w->states[first + i].rate - rates[i]) < 1e-8, "step %d: %.10g, not %.10g", first + i,
                  w->states[first + i].rate, rates[i]);
}

/* The numbers are those of torch 1.13's CosineAnnealingLR(T_max=5, eta_min=0.01), StepLR(2, gamma=0.3) and
 * LinearLR(1/4, total_iters=3), rate 0.1. */
START_TEST(schedules_are_those_of_torch) {
  static const double cosine[] = {0.1, 0.09140576474687263, 0.06890576474687263, 0.04109423525312736,
                                  0.018594235253127367},
                      step[] = {0.1, 0.1, 0.03, 0.03, 0.009}, rise[] = {0.025, 0.05, 0.075, 0.1, 0.1};
  world w;
  setup(&w);
  w.o.batch = ROWS; /* a step an epoch */
  w.o.epochs = 5;
  load(&w, regression, "train-step{loss=cost,lr=0.1}");
  w.o.schedule = GRAFT_SCHEDULE_COSINE;
  w.o.schedule_least = 0.01;
  ck_assert_int_eq(train(&w), GRAFT_OK);
  expect_rates(&w, 0, cosine, 5);
  const float *rate = graft_tensor_get_data(w.m, graft_tensor_find(w.m, "optimizer.lr"));
  ck_assert(*rate == 0.1f); /* the file has the rate that the schedule is of */
  w.o.warmup = 3;           /* then half a wave from step 4 */
  w.o.epochs = 8;
  ck_assert_int_eq(train(&w), GRAFT_OK);
  expect_rates(&w, 3, cosine, 5);
  w.o.schedule = GRAFT_SCHEDULE_STEP;
  w.o.schedule_epochs = 2;
  w.o.schedule_factor = 0.3;
  w.o.warmup = 0;
  w.o.epochs = 5;
  ck_assert_int_eq(train(&w), GRAFT_OK);
  expect_rates(&w, 0, step, 5);
  w.o.schedule = GRAFT_SCHEDULE_CONSTANT;
  w.o.warmup = 4;
  ck_assert_int_eq(train(&w), GRAFT_OK);
  expect_rates(&w, 0, rise, 5);
  teardown(&w);
}
END_TEST

START_TEST(parts_make_the_step_of_the_whole_batch) {
  world a, b;
  setup(&a);
  setup(&b);
  char plain[sizeof regression];
  memcpy(plain, regression, sizeof plain);
  memcpy(strstr(plain, "0.25"), "0.00", 4); /* each part draws its own */
  load(&a, plain, "train-step{loss=cost,lr=0.02,momentum=0.9,clip-norm=1}");
  load(&b, plain, "train-step{loss=cost,lr=0.02,momentum=0.9,clip-norm=1,accumulate=true}");
  a.o.batch = 6;
  b.o.batch = 2;
  b.o.accumulate = 3;
  ck_assert(train(&a) == GRAFT_OK && train(&b) == GRAFT_OK);
  ck_assert_int_eq(a.count, b.count);
  static const char *const names[] = {"a.weight", "a.bias", "b.weight"};
  for (int k = 0; k < 3; k++) {
    const graft_tensor t = graft_tensor_find(a.m, names[k]);
    const graft_type type = graft_tensor_get_type(a.m, t);
    const float *x = graft_tensor_get_data(a.m, t);
    const float *y = graft_tensor_get_data(b.m, graft_tensor_find(b.m, names[k]));
    for (int64_t i = 0; i < graft_type_elements(&type); i++) ck_assert(fabsf(x[i] - y[i]) < 1e-5f);
  }
  for (int i = 0; i < a.count; i++) ck_assert(fabs(a.states[i].loss - b.states[i].loss) < 1e-5);
  teardown(&a);
  teardown(&b);
}
END_TEST

START_TEST(validation_runs_behind_each_epoch_on_all_rows) {
  world w;
  setup(&w);
  w.o.validation = w.data;
  w.o.validation_count = 2;
  ck_assert_int_eq(train(&w), GRAFT_OK);
  for (int i = 0; i < w.count; i++) ck_assert_int_eq(w.states[i].validated, i % 7 == 6 ? ROWS : 0);
  const graft_train_state *last = &w.states[w.count - 1];
  /* the same by hand */
  graft_session *s = graft_session_create(graft_module_get_graph(w.m, 0), NULL);
  int64_t labels[ROWS];
  for (int i = 0; i < ROWS; i++) labels[i] = w.labels[i];
  const graft_type type = graft_type_make(GRAFT_I64, 1, (int64_t[]){ROWS});
  ck_assert(graft_session_set_input(s, 0, &w.data[0].type, w.x) == GRAFT_OK);
  ck_assert(graft_session_set_input(s, 1, &type, labels) == GRAFT_OK && graft_session_run(s) == GRAFT_OK);
  const float *y = graft_session_get_output(s, 0, NULL), *loss = graft_session_get_output(s, 1, NULL);
  int right = 0;
  for (int i = 0; i < ROWS; i++) right += (y[2 * i + 1] > y[2 * i]) == (labels[i] == 1);
  ck_assert(fabs(last->validation_accuracy - (double)right / ROWS) < 1e-12);
  ck_assert(fabs(last->validation_loss - (double)*loss) < 1e-5);
  graft_session_destroy(s);
  teardown(&w);
}
END_TEST

static const char classes[] = "graft 1\n"
                              "tensor %w: f32[3, 4] parameter = fill(\"w\", -1.0, 1.0)\n"
                              "graph main(%x: f32[?, 4]) {\n"
                              "  %y = linear(%x, %w)\n"
                              "  return %y\n"
                              "}\n";

/* In parts, and with labels of another dtype: of all rows in one step, at a rate of nearly nothing, the loss is the
 * same. */
START_TEST(the_loss_of_validation_is_that_of_training) {
  world w;
  setup(&w);
  load(&w, classes, "train-step{loss=cross_entropy,label-smoothing=0.1,lr=1e-30}");
  w.o.batch = ROWS;
  w.o.epochs = 1;
  w.o.validation = w.data;
  w.o.validation_count = 2;
  ck_assert_int_eq(train(&w), GRAFT_OK);
  ck_assert_int_eq(w.states[0].validated, ROWS);
  ck_assert(fabs(w.states[0].validation_loss - w.states[0].loss) < 1e-6);
  ck_assert(w.states[0].validation_accuracy == w.states[0].accuracy);
  w.o.batch = 4; /* the last one has 2 rows */
  const double loss = w.states[0].loss;
  ck_assert_int_eq(train(&w), GRAFT_OK);
  ck_assert(fabs(w.states[w.count - 1].validation_loss - loss) < 1e-6);
  w.labels[5] = 3;
  expect_error(&w, GRAFT_RUN, "loss", "of 3 classes");
  teardown(&w);
}
END_TEST

START_TEST(what_is_wrong_is_named) {
  world w;
  setup(&w);
  w.o.batch = ROWS + 1;
  expect_error(&w, GRAFT_INVALID_ARGUMENT, "x", "22 rows of data, but a step takes 23");
  w.o.batch = BATCH;
  w.o.accumulate = 2;
  expect_error(&w, GRAFT_INVALID_ARGUMENT, "", "accumulate=true");
  w.o.accumulate = 0;
  w.o.input_count = 1;
  expect_error(&w, GRAFT_NAME, "labels", "no data for this input");
  w.o.input_count = 2;
  w.data[0].type.dims[1] = 3;
  expect_error(&w, GRAFT_TYPE, "x", "f32[3, 3], the input is f32[?, 4]");
  w.data[0].type.dims[1] = 4;
  w.data[0].name = "z";
  expect_error(&w, GRAFT_NAME, "z", "no such input");
  w.data[0].name = "x";
  w.o.labels = "truth";
  expect_error(&w, GRAFT_NAME, "truth", "no input of this name has the labels");
  w.o.labels = NULL;
  w.data[1].type.dims[0]--;
  expect_error(&w, GRAFT_TYPE, "labels", "21 rows, but 'x' has 22");
  w.data[1].type.dims[0]++;
  w.o.epochs = 0;
  expect_error(&w, GRAFT_INVALID_ARGUMENT, "", "at least 1");
  w.o.epochs = 1;
  ck_assert_int_eq(graft_train(w.m, NULL), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_train(NULL, &w.o), GRAFT_INVALID_ARGUMENT);
  load(&w, regression, "verify");
  expect_error(&w, GRAFT_NAME, "", "no graph is called 'train'");
  teardown(&w);
}
END_TEST

/* What a file may have under the names of the numbers that training keeps: none of it is believed. */
START_TEST(numbers_that_training_keeps_are_checked) {
  static const char rest[] = "tensor %w: f32[] parameter = 1.0\n"
                             "graph main(%x: f32[?, 4], %labels: i64[?]) {\n  %y = mul(%x, %w)\n  return %y\n}\n"
                             "graph train(%x: f32[?, 4], %labels: i64[?]) {\n"
                             "  %y = mul(%x, %w)\n  %l = mean(%y)\n  return %y, %l as \"loss\"\n}\n";
  static const char rate[] = "tensor %optimizer.lr: f32[] buffer = 0.1\n",
                    step[] = "tensor %optimizer.step: i64[] buffer = 3\n";
  static const struct {
    const char *a, *b, *c;
    bool resume;
    graft_status status; /* GRAFT_OK: it trains */
    const char *node, *text;
  } cases[] = {
      {rate, step, "", true, GRAFT_OK, NULL, NULL},
      {"tensor %optimizer.lr: f32[0] buffer = []\n", step, "", false, GRAFT_NAME, "", "'optimizer.lr', f32[]"},
      {"tensor %optimizer.lr: f32[2] buffer = [1, 1]\n", step, "", false, GRAFT_NAME, "", "'optimizer.lr', f32[]"},
      {"tensor %optimizer.lr: f64[] buffer = 0.1\n", step, "", false, GRAFT_NAME, "", "'optimizer.lr', f32[]"},
      {"tensor %optimizer.lr: f32[] constant = 0.1\n", step, "", false, GRAFT_NAME, "", "'optimizer.lr', f32[]"},
      {rate, "tensor %optimizer.step: i64[0] buffer = []\n", "", false, GRAFT_NAME, "", "'optimizer.step', i64[]"},
      {rate, "tensor %optimizer.step: i64[] buffer = -1\n", "", false, GRAFT_INVALID_ARGUMENT, "optimizer.step",
       "-1 steps were never taken"},
      {rate, "tensor %optimizer.step: i64[] buffer = -9223372036854775808\n", "", true, GRAFT_INVALID_ARGUMENT,
       "optimizer.step", "were never taken"},
      {rate, "tensor %optimizer.step: i64[] buffer = 9223372036854775807\n", "", false, GRAFT_INVALID_ARGUMENT,
       "optimizer.step", "were never taken"},
      {rate, step, "tensor %optimizer.start: i64[] buffer = 4\n", true, GRAFT_INVALID_ARGUMENT, "optimizer.step",
       "step 3, but training began behind step 4"},
      {rate, step, "tensor %optimizer.start: i64[] buffer = 4\n", false, GRAFT_OK, NULL, NULL},
      {rate, step, "tensor %optimizer.start: i64[] buffer = -9223372036854775808\n", true, GRAFT_INVALID_ARGUMENT,
       "optimizer.step", "step 3, but"},
      {rate, step, "tensor %optimizer.start: i64[0] buffer = []\n", false, GRAFT_NAME, "optimizer.start", "no i64[]"},
      {rate, step, "tensor %optimizer.start: i64[] constant = 1\n", false, GRAFT_NAME, "optimizer.start", "no i64[]"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[2048];
    world w;
    setup(&w);
    (void)snprintf(text, sizeof text, "graft 1\n%s%s%s%s", cases[i].a, cases[i].b, cases[i].c, rest);
    load(&w, text, "verify");
    w.o.resume = cases[i].resume;
    if (cases[i].status)
      expect_error(&w, cases[i].status, cases[i].node, cases[i].text);
    else
      ck_assert_int_eq(train(&w), GRAFT_OK);
    teardown(&w);
  }
}
END_TEST

/* What an integer of the data is in the input's dtype is not guessed. */
START_TEST(labels_that_the_input_does_not_have_are_refused) {
  world w;
  uint64_t labels[ROWS] = {0};
  setup(&w);
  w.data[1].type.dtype = GRAFT_U64;
  w.data[1].data = labels;
  ck_assert_int_eq(train(&w), GRAFT_OK);
  labels[1] = UINT64_MAX; /* as i64: -1 */
  expect_error(&w, GRAFT_RUN, "labels", "row 1 of the data has 18446744073709551615");
  teardown(&w);
}
END_TEST

START_TEST(a_loss_that_is_no_number_is_refused_and_its_node_named) {
  world w;
  setup(&w);
  for (int i = 0; i < IN; i++) w.x[(ROWS - 1) * IN + i] = 1e30f; /* overflows in the product of %h with itself */
  w.o.shuffle = false;
  w.o.batch = 1;
  expect_error(&w, GRAFT_RUN, "s", "the loss of step 22 (epoch 1) is");
  ck_assert_int_eq(w.count, ROWS - 1);
  world sound; /* the same without that row: nothing of the failed step has landed */
  setup(&sound);
  sound.o.shuffle = false;
  sound.o.batch = 1;
  sound.stop = ROWS - 1;
  ck_assert_int_eq(train(&sound), GRAFT_CANCELLED);
  expect_same(&w, &sound);
  w.x[(ROWS - 1) * IN] = NAN;
  expect_error(&w, GRAFT_RUN, "x", "not finite");
  teardown(&w);
  teardown(&sound);
}
END_TEST

/* Names that differ behind their 600th character only. */
START_TEST(names_are_taken_whole) {
  char a[701], b[701], text[8192];
  world w;
  setup(&w);
  memset(a, 'a', 600);
  memcpy(b, a, 600);
  strcpy(a + 600, ".first");
  strcpy(b + 600, ".second");
  (void)snprintf(text, sizeof text,
                 "graft 1\ntensor %%%s: f32[4] parameter = [1, 2, 3, 4]\ntensor %%%s: f32[4] parameter = [1, 2, 3, 4]\n"
                 "graph main(%%x: f32[4]) {\n  %%y = mul(%%x, %%%s)\n  %%z = mul(%%y, %%%s)\n  %%l = mean(%%z)\n"
                 "  return %%l\n}\n",
                 a, b, a, b);
  load(&w, text, "train-step{loss=l,momentum=0.9,accumulate=true}");
  strcpy(a + 606, ".momentum_buffer");
  strcpy(b + 607, ".momentum_buffer");
  ck_assert(graft_tensor_find(w.m, a) != GRAFT_NONE && graft_tensor_find(w.m, b) != GRAFT_NONE);
  strcpy(a + 606, ".grad");
  strcpy(b + 607, ".grad");
  ck_assert(graft_tensor_find(w.m, a) != GRAFT_NONE && graft_tensor_find(w.m, b) != GRAFT_NONE);
  teardown(&w);
}
END_TEST

START_TEST(what_the_optimizer_remembers_is_its_own) {
  static const char text[] = "graft 1\ntensor %optimizer.lr: f32[] parameter = 1.0\ngraph main(%x: f32[4]) {\n"
                             "  %y = mul(%x, %optimizer.lr)\n  %l = mean(%y)\n  return %l\n}\n";
  world w;
  setup(&w);
  load(&w, text, "verify");
  ck_assert_int_eq(graft_run_passes(w.m, "train-step{loss=l}", NULL), GRAFT_NAME);
  load(&w, regression, "verify"); /* as f32 neither is a rate */
  ck_assert_int_eq(graft_run_passes(w.m, "train-step{loss=cost,lr=1e300}", NULL), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_run_passes(w.m, "train-step{loss=cost,lr=1e-320}", NULL), GRAFT_INVALID_ARGUMENT);
  teardown(&w);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("train");
  TCase *t = tcase_create("train");
  tcase_add_test(t, steps_and_epochs_are_counted_and_the_loss_falls);
  tcase_add_test(t, it_goes_on_where_it_was_stopped_bit_for_bit);
  tcase_add_test(t, the_number_of_threads_changes_nothing);
  tcase_add_test(t, each_epoch_has_each_row_once_in_an_order_of_its_own);
  tcase_add_test(t, schedules_are_those_of_torch);
  tcase_add_test(t, parts_make_the_step_of_the_whole_batch);
  tcase_add_test(t, validation_runs_behind_each_epoch_on_all_rows);
  tcase_add_test(t, the_loss_of_validation_is_that_of_training);
  tcase_add_test(t, what_is_wrong_is_named);
  tcase_add_test(t, names_are_taken_whole);
  tcase_add_test(t, what_the_optimizer_remembers_is_its_own);
  tcase_add_test(t, numbers_that_training_keeps_are_checked);
  tcase_add_test(t, labels_that_the_input_does_not_have_are_refused);
  tcase_add_test(t, a_loss_that_is_no_number_is_refused_and_its_node_named);
  suite_add_tcase(s, t);
  return s;
}

int main(void) {
  SRunner *r = srunner_create(suite());
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
