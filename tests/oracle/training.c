/* The digits network trained from scratch, against PyTorch: usage: training MODELS TRAINING (folders; what they hold is
 * said in TRAINING's README).
 *
 * Float and QAT: the gradients of the first step, the losses of 132 steps of 32 images, and how many of 360 images are
 * right afterwards, of the converted network too. In QAT one rounding that goes the other way is a step of a grid, so
 * that later losses are compared by their running mean. */
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/edit.h"
#include "ir/formats/npy_int.h"
#include "ir/inspect.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

enum { BATCH = 32, A_EPOCH = 44, STEPS = 3 * A_EPOCH, PIXELS = 64, CLASSES = 10, WINDOW = 11 };

static int failures;
static void check(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void check(bool good, const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("%s ", good ? "ok  " : "FAIL");
  vprintf(format, args);
  putchar('\n');
  va_end(args);
  failures += !good;
}

typedef struct array {
  graft_type type;
  gr_buffer *buffer;
} array;

typedef struct data {
  graft_context *context;
  const char *models, *folder;
  array train_x, train_y, test_x, test_y;
} data;

static array read(const data *d, const char *folder, const char *name) {
  char path[512];
  array a = {0};
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (gr_npy_read(d->context, path, &a.type, &a.buffer) != GRAFT_OK) {
    printf("FAIL %s cannot be read\n", path);
    exit(1);
  }
  return a;
}

static const float *floats(const array *a) { return (const float *)a->buffer->data; }

/* ---- the network before training ---- */

/* By the formula of the fills, under its own name. */
static bool refill(graft_module *m, graft_tensor t) {
  char name[256];
  graft_tensor_name(m, t, name, sizeof name);
  const graft_type type = graft_tensor_get_type(m, t);
  const char *last = strrchr(name, '.');
  if (!last || type.dtype != GRAFT_F32) return true;
  double low = -0.1, high = 0.1;
  const bool norm = strncmp(name, "features", 8) == 0 && type.rank == 1;
  if (strcmp(last, ".running_var") == 0 || (norm && strcmp(last, ".weight") == 0)) {
    low = 0.5, high = 1.5;
  } else if (norm) {
    low = -0.2, high = 0.2;
  } else if (strcmp(last, ".weight") == 0) {
    double fan = 1;
    for (int32_t i = 1; i < type.rank; i++) fan *= (double)type.dims[i];
    high = sqrt(6 / fan);
    low = -high;
  }
  const int64_t count = graft_type_elements(&type);
  float *x = malloc((size_t)count * sizeof *x);
  for (int64_t i = 0; x && i < count; i++) x[i] = graft_fill_element(name, (uint64_t)i, low, high);
  const bool good = x && graft_tensor_set_data(m, t, x) == GRAFT_OK;
  free(x);
  return good;
}

static void report(const graft_context *c) {
  for (uint32_t i = 0; i < graft_diagnostic_count(c); i++) printf("     %s\n", graft_diagnostic_get(c, i).message);
}

static graft_module *untrained(const data *d, const char *passes) {
  char path[512];
  snprintf(path, sizeof path, "%s/digits.onnx", d->models);
  graft_module *m = graft_module_load(d->context, path, NULL);
  bool good = m != NULL;
  for (graft_tensor t = 0; good && t < graft_tensor_limit(m); t++)
    if (graft_tensor_is_live(m, t)) good = refill(m, t);
  if (good && graft_run_passes(m, passes, NULL) == GRAFT_OK) return m;
  report(d->context);
  printf("FAIL the network cannot be prepared: %s\n", passes);
  exit(1);
}

/* ---- sessions ---- */

static graft_graph *graph_called(graft_module *m, const char *name) {
  for (uint32_t i = 0; i < graft_module_graph_count(m); i++)
    if (strcmp(graft_graph_get_name(graft_module_get_graph(m, i)), name) == 0) return graft_module_get_graph(m, i);
  return graft_module_get_graph(m, 0);
}

static bool feed(const data *d, graft_session *s, int batch) {
  const graft_type x = graft_type_make(GRAFT_F32, 4, (int64_t[]){BATCH, 1, 8, 8});
  const graft_type y = graft_type_make(GRAFT_I64, 1, (int64_t[]){BATCH});
  const int64_t *labels = (const int64_t *)d->train_y.buffer->data;
  return graft_session_set_input(s, 0, &x, floats(&d->train_x) + (size_t)batch * BATCH * PIXELS) == GRAFT_OK &&
         graft_session_set_input(s, 1, &y, labels + (size_t)batch * BATCH) == GRAFT_OK;
}

static uint32_t output_called(graft_graph *g, const char *name) {
  for (uint32_t i = 0; i < graft_output_count(g); i++)
    if (strcmp(graft_output_name(g, i), name) == 0) return i;
  return GRAFT_NONE;
}

/* ---- what is compared ---- */

static void check_gradients(const data *d, const char *kind, const char *prepare, double tolerance) {
  char passes[512];
  snprintf(passes, sizeof passes, "%scopy-graph,to-train{graph=train},loss,gradient{of=loss}", prepare);
  graft_module *m = untrained(d, passes);
  graft_graph *g = graph_called(m, "train");
  const graft_session_options options = {.size = sizeof options, .keep_state = true};
  graft_session *s = graft_session_create(g, &options);
  if (!s || !feed(d, s, 0) || graft_session_run(s) != GRAFT_OK) {
    report(d->context);
    check(false, "%s: the first gradients cannot be computed", kind);
  }
  double worst = 0;
  char where[256] = "";
  int count = 0;
  for (uint32_t i = 0; s && i < graft_output_count(g); i++) {
    const char *name = graft_output_name(g, i);
    const size_t length = strlen(name);
    char file[300];
    if (length < 5 || strcmp(name + length - 5, ".grad") != 0) continue;
    snprintf(file, sizeof file, "%s.grad0.%.*s.npy", kind, (int)length - 5, name);
    array wanted = read(d, d->folder, file);
    graft_type type;
    const float *got = graft_session_get_output(s, i, &type);
    double most = 0, off = 0;
    for (int64_t k = 0; k < graft_type_elements(&type); k++) {
      most = fmax(most, fabs((double)floats(&wanted)[k]));
      off = fmax(off, fabs((double)got[k] - (double)floats(&wanted)[k]));
    }
    if (!(off / most <= worst)) snprintf(where, sizeof where, "%s", name), worst = off / most;
    count++;
    gr_buffer_release(d->context, wanted.buffer);
  }
  check(count == 14 && worst <= tolerance, "%s: %d first gradients within %.2g of the largest of each, %s is the worst",
        kind, count, worst, where);
  graft_session_destroy(s);
  graft_module_destroy(m);
}

static int count_right(const data *d, graft_module *m) {
  graft_graph *g = graft_module_get_graph(m, 0);
  const graft_session_options options = {.size = sizeof options, .keep_state = true};
  graft_session *s = graft_session_create(g, &options);
  const int64_t *labels = (const int64_t *)d->test_y.buffer->data, images = d->test_x.type.dims[0];
  int right = 0;
  if (s && graft_session_set_input(s, 0, &d->test_x.type, d->test_x.buffer->data) == GRAFT_OK &&
      graft_session_run(s) == GRAFT_OK) {
    const float *y = graft_session_get_output(s, 0, NULL);
    for (int64_t i = 0; i < images; i++) {
      int best = 0;
      for (int k = 1; k < CLASSES; k++)
        if (y[i * CLASSES + k] > y[i * CLASSES + best]) best = k;
      right += best == labels[i];
    }
  }
  graft_session_destroy(s);
  return right;
}

static void train(const data *d, graft_module *m, const char *kind, float *losses) {
  graft_graph *g = graph_called(m, "train");
  graft_session *s = graft_session_create(g, NULL);
  const uint32_t loss = output_called(g, "loss");
  for (int i = 0; i < STEPS; i++) {
    if (!s || !feed(d, s, i % A_EPOCH) || graft_session_run(s) != GRAFT_OK) {
      report(d->context);
      check(false, "%s: step %d fails", kind, i);
      exit(1);
    }
    losses[i] = *(const float *)graft_session_get_output(s, loss, NULL);
  }
  graft_session_destroy(s);
}

static double off_at(const float *losses, const double *wanted, int from, int to) {
  double off = 0;
  for (int i = from; i < to; i++) off = fmax(off, fabs((double)losses[i] - wanted[i]));
  return off;
}

#define TRAIN "train-step{loss=cross_entropy,lr=0.05,momentum=0.9}"
#define QAT "prepare-qat{quantizer=xnnpack,per-channel=true},"

static void check_float(const data *d, const double *wanted, double accuracy) {
  float losses[STEPS];
  check_gradients(d, "float", "", 1e-4);
  graft_module *m = untrained(d, TRAIN);
  train(d, m, "float", losses);
  check(off_at(losses, wanted, 0, 40) <= 1e-5, "float: the first 40 losses within %.2g", off_at(losses, wanted, 0, 40));
  check(off_at(losses, wanted, 0, STEPS) <= 1e-3, "float: all losses within %.2g", off_at(losses, wanted, 0, STEPS));
  const int right = count_right(d, m), theirs = (int)lround(accuracy * (double)d->test_x.type.dims[0]);
  check(abs(right - theirs) <= 2, "float: %d images are right, PyTorch has %d", right, theirs);
  graft_module_destroy(m);
}

static void check_qat(const data *d, const double *wanted) {
  float losses[STEPS];
  check_gradients(d, "qat", QAT, 5e-3);
  graft_module *m = untrained(d, QAT TRAIN);
  train(d, m, "qat", losses);
  check(off_at(losses, wanted, 0, 3) <= 5e-3, "qat: the first 3 losses within %.2g", off_at(losses, wanted, 0, 3));
  double early = 0, late = 0;
  for (int i = 0; i + WINDOW <= STEPS; i++) {
    double ours = 0, theirs = 0;
    for (int k = i; k < i + WINDOW; k++) ours += (double)losses[k] / WINDOW, theirs += wanted[k] / WINDOW;
    if (i < 30) early = fmax(early, fabs(ours - theirs) / theirs);
    late = fmax(late, fabs(ours - theirs));
  }
  check(early <= 0.03, "qat: the running mean of the losses within %.2g%% in the first 30 windows", 100 * early);
  check(late <= 0.02, "qat: … and within %.2g throughout", late);
  const int right = count_right(d, m);
  check(right >= 338, "qat: %d images are right", right);
  if (graft_run_passes(m, "to-eval,convert", NULL) != GRAFT_OK) report(d->context), check(false, "qat: convert fails");
  const int converted = count_right(d, m);
  check(abs(converted - right) <= 2, "qat: %d images are right after convert", converted);
  graft_module_destroy(m);
}

static void take(const json_t *root, const char *kind, double *losses, double *accuracy) {
  const json_t *of = json_object_get(root, kind), *list = json_object_get(of, "losses");
  if (json_array_size(list) != STEPS) exit(1);
  for (size_t i = 0; i < STEPS; i++) losses[i] = json_number_value(json_array_get(list, i));
  *accuracy = json_number_value(json_object_get(of, "accuracy"));
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  data d = {.context = graft_context_create(NULL), .models = argv[1], .folder = argv[2]};
  char path[512];
  snprintf(path, sizeof path, "%s/digits.json", d.folder);
  json_t *root = json_load_file(path, 0, NULL);
  if (!root) return 2;
  d.train_x = read(&d, d.models, "digits.train.x.npy");
  d.train_y = read(&d, d.models, "digits.train.y.npy");
  d.test_x = read(&d, d.models, "digits.test.x.npy");
  d.test_y = read(&d, d.models, "digits.test.y.npy");
  double losses[STEPS], accuracy;
  take(root, "float", losses, &accuracy);
  check_float(&d, losses, accuracy);
  take(root, "qat", losses, &accuracy);
  check_qat(&d, losses);
  json_decref(root);
  gr_buffer_release(d.context, d.train_x.buffer);
  gr_buffer_release(d.context, d.train_y.buffer);
  gr_buffer_release(d.context, d.test_x.buffer);
  gr_buffer_release(d.context, d.test_y.buffer);
  graft_context_destroy(d.context);
  return failures != 0;
}
