/* pt2e CASE…: PyTorch's PT2E numbers through the library's own API, for the cases copied beside this file.
 *
 * Each case is prepared, trained (post-training cases: calibrated) for three steps and converted, per tensor and per
 * channel, with both formulas; compared are the outputs of each step, the BN statistics, the number of each op, every
 * scale and zero point, and the converted output. (The full checker, with where each q/dq node stands, lies with the
 * full set of cases.) Prints ok or FAIL a case. */
#include "ir/formats/npy_int.h"
#include "ir/inspect.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct test_case {
  const char *directory, *granularity, *tag; /* "channel", "channel.observer" */
  graft_context *context;
  graft_module *module;
  json_t *meta, *want;
  double step; /* of the output's quantizer */
  char why[400];
} test_case;

static bool fail(test_case *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(test_case *t, const char *format, ...) {
  if (t->why[0]) return false;
  va_list args;
  va_start(args, format);
  vsnprintf(t->why, sizeof t->why, format, args);
  va_end(args);
  return false;
}

/* The library failed: its first error is why. */
static bool library(test_case *t, const char *what) {
  for (uint32_t i = 0; i < graft_diagnostic_count(t->context); i++) {
    graft_diagnostic d = graft_diagnostic_get(t->context, i);
    if (d.severity == GRAFT_ERROR) return fail(t, "%s: %s: %s", what, d.node, d.message);
  }
  return fail(t, "%s failed", what);
}

__attribute__((format(printf, 4, 5))) static void path(const test_case *t, char *out, size_t size, const char *format,
                                                       ...) {
  int n = snprintf(out, size, "%s/", t->directory);
  va_list args;
  va_start(args, format);
  vsnprintf(out + n, size - (size_t)n, format, args);
  va_end(args);
}

typedef struct array {
  graft_type type;
  gr_buffer *buffer;
} array;

static bool read_array(test_case *t, const char *file, array *a) {
  return gr_npy_read(t->context, file, &a->type, &a->buffer) == GRAFT_OK || library(t, file);
}

/* Outputs that passed a quantizer: at most 3% more than a rounding off, none by more than `worst` steps. */
static bool close_enough(test_case *t, const char *what, const graft_type *type, const float *got, const char *file,
                         double worst) {
  array want;
  if (!read_array(t, file, &want)) return false;
  int64_t n = graft_type_elements(type), off = 0;
  double most = 0;
  bool ok = n == graft_type_elements(&want.type);
  const float *expected = want.buffer->data;
  for (int64_t i = 0; ok && i < n; i++) {
    double d = fabs((double)got[i] - (double)expected[i]);
    if (!(d <= 0.05 * t->step + 1e-3 * fabs((double)expected[i]))) off++;
    if (!(d <= most)) most = d;
  }
  gr_buffer_release(t->context, want.buffer);
  if (!ok) return fail(t, "%s: wrong shape", what);
  int64_t allowed = (int64_t)(0.03 * (double)n) > 1 ? (int64_t)(0.03 * (double)n) : 1;
  if (off > allowed || !(most <= worst * t->step + 1e-5))
    return fail(t, "%s: %lld of %lld elements differ, worst by %.2f steps", what, (long long)off, (long long)n,
                most / t->step);
  return true;
}

/* One step on `input`; the first output is compared with `expected`. */
static bool step(test_case *t, graft_session *s, const char *input, const char *what, const char *expected,
                 double worst) {
  array x;
  if (!read_array(t, input, &x)) return false;
  bool ok = graft_session_set_input(s, 0, &x.type, x.buffer->data) == GRAFT_OK && graft_session_run(s) == GRAFT_OK;
  gr_buffer_release(t->context, x.buffer);
  if (!ok) return library(t, what);
  graft_type type;
  const void *y = graft_session_get_output(s, 0, &type);
  return close_enough(t, what, &type, y, expected, worst);
}

static bool train(test_case *t) {
  graft_session *s = graft_session_create(graft_module_get_graph(t->module, 0), NULL);
  if (!s) return library(t, "session");
  bool ok = true;
  for (int i = 0; i < 3 && ok; i++) {
    char input[512], expected[512], what[32];
    path(t, input, sizeof input, "input.%d.npy", i);
    path(t, expected, sizeof expected, "%s.prepared.y.%d.npy", t->granularity, i);
    snprintf(what, sizeof what, "prepared step %d", i);
    ok = step(t, s, input, what, expected, 2.5);
  }
  graft_session_destroy(s);
  return ok;
}

static bool post_training(const test_case *t) { return json_object_get(t->meta, "flow") != NULL; }

/* Statistics of batch norm within 2e-4 of the largest. */
static bool statistics(test_case *t) {
  if (post_training(t)) return true; /* folded already */
  for (graft_tensor i = graft_tensor_first(t->module); i != GRAFT_NONE; i = graft_tensor_next(t->module, i)) {
    char name[200], file[800];
    graft_tensor_name(t->module, i, name, sizeof name);
    if (!strstr(name, ".running_")) continue;
    path(t, file, sizeof file, "%s.state/%s.npy", t->granularity, name);
    array want;
    if (!read_array(t, file, &want)) return false;
    const float *got = graft_tensor_get_data(t->module, i), *expected = want.buffer->data;
    int64_t n = graft_type_elements(&want.type);
    double top = 0, most = 0;
    for (int64_t k = 0; k < n; k++) {
      top = fmax(top, fabs((double)expected[k]));
      most = fmax(most, fabs((double)got[k] - (double)expected[k]));
    }
    gr_buffer_release(t->context, want.buffer);
    if (!(most <= 2e-4 * top + 1e-6)) return fail(t, "%s is %g off, its largest is %g", name, most, top);
  }
  return true;
}

static bool counted(const char *op) {
  return strncmp(op, "conv", 4) == 0 || strcmp(op, "linear") == 0 || strcmp(op, "batch_norm") == 0 ||
         strstr(op, "quantize_per_");
}

static bool op_counts(test_case *t) {
  graft_graph *g = graft_module_get_graph(t->module, 0);
  json_t *ops = json_object_get(t->want, "ops");
  for (uint32_t i = 0; i < graft_op_count(); i++) {
    if (!counted(graft_op_name(i))) continue;
    long long have = 0, want = json_integer_value(json_object_get(ops, graft_op_name(i)));
    for (graft_node n = graft_node_first(g); n != GRAFT_NONE; n = graft_node_next(g, n))
      have += strcmp(graft_node_get_op(g, n), graft_op_name(i)) == 0;
    if (have != want) return fail(t, "%lld nodes %s, expected %lld", have, graft_op_name(i), want);
  }
  return true;
}

/* One scale and zero point of a q/dq node. Sorted lists of them are compared. */
typedef struct qparam {
  double scale;
  int64_t zero_point;
  bool channel, quantize;
} qparam;

static int by_scale(const void *a, const void *b) {
  const qparam *x = a, *y = b;
  if (x->channel != y->channel) return x->channel - y->channel;
  if (x->quantize != y->quantize) return x->quantize - y->quantize;
  return x->scale < y->scale ? -1 : x->scale > y->scale;
}

#define MAX_QPARAMS 512

static size_t qparams_of_graph(test_case *t, qparam *out) {
  graft_graph *g = graft_module_get_graph(t->module, 0);
  size_t count = 0;
  for (graft_node n = graft_node_first(g); n != GRAFT_NONE; n = graft_node_next(g, n)) {
    const char *op = graft_node_get_op(g, n);
    if (!strstr(op, "quantize_per_")) continue;
    graft_tensor s = graft_value_tensor(g, graft_node_operand(g, n, 1)),
                 z = graft_value_tensor(g, graft_node_operand(g, n, 2));
    if (s == GRAFT_NONE || z == GRAFT_NONE) continue;
    graft_type type = graft_tensor_get_type(t->module, s);
    const float *scales = graft_tensor_get_data(t->module, s);
    const int32_t *zeros = graft_tensor_get_data(t->module, z);
    for (int64_t i = 0; i < graft_type_elements(&type) && count < MAX_QPARAMS; i++)
      out[count++] = (qparam){(double)scales[i], zeros[i], strstr(op, "channel") != NULL, op[0] == 'q'};
  }
  return count;
}

static size_t qparams_wanted(test_case *t, qparam *out) {
  size_t count = 0, i;
  json_t *node;
  json_array_foreach(json_object_get(t->want, "qdq"), i, node) {
    const char *op = json_string_value(json_object_get(node, "op"));
    json_t *scale = json_array_get(json_object_get(node, "args"), 0),
           *zero = json_array_get(json_object_get(node, "args"), 1);
    size_t n = json_is_array(scale) ? json_array_size(scale) : 1;
    for (size_t k = 0; k < n && count < MAX_QPARAMS; k++) {
      json_t *s = json_is_array(scale) ? json_array_get(scale, k) : scale,
             *z = json_is_array(zero) ? json_array_get(zero, k) : zero;
      out[count++] =
          (qparam){json_number_value(s), (int64_t)json_number_value(z), strstr(op, "channel") != NULL, op[0] == 'q'};
    }
  }
  return count;
}

static bool qparams(test_case *t) {
  qparam got[MAX_QPARAMS], want[MAX_QPARAMS];
  size_t n = qparams_of_graph(t, got), m = qparams_wanted(t, want);
  if (n != m) return fail(t, "%zu scales of q/dq nodes, expected %zu", n, m);
  qsort(got, n, sizeof *got, by_scale);
  qsort(want, n, sizeof *want, by_scale);
  for (size_t i = 0; i < n; i++) {
    if (!(fabs(got[i].scale - want[i].scale) <= 2e-4 * want[i].scale))
      return fail(t, "a scale is %.9g, expected %.9g", got[i].scale, want[i].scale);
    if (llabs(got[i].zero_point - want[i].zero_point) > 1)
      return fail(t, "a zero point is %lld, expected %lld", (long long)got[i].zero_point,
                  (long long)want[i].zero_point);
  }
  return true;
}

/* The step of the last dequantize: that of the output. */
static double output_step(const json_t *want) {
  double found = 0;
  size_t i;
  json_t *node;
  json_array_foreach(json_object_get(want, "qdq"), i, node) {
    if (strcmp(json_string_value(json_object_get(node, "op")), "dequantize_per_tensor") == 0)
      found = json_number_value(json_array_get(json_object_get(node, "args"), 0));
  }
  return found;
}

static bool pass(test_case *t, const char *pipeline) {
  return graft_run_passes(t->module, pipeline, NULL) == GRAFT_OK || library(t, pipeline);
}

static bool run(test_case *t) {
  char file[512], pipeline[200];
  path(t, file, sizeof file, "case.json");
  t->meta = json_load_file(file, 0, NULL);
  path(t, file, sizeof file, "%s.json", t->tag);
  t->want = json_load_file(file, 0, NULL);
  if (!t->meta || !t->want) return fail(t, "cannot read its JSON files");
  t->step = output_step(t->want);
  path(t, file, sizeof file, "model.onnx");
  t->module = graft_module_load(t->context, file, NULL);
  if (!t->module) return library(t, "model.onnx");
  bool channel = strcmp(t->granularity, "channel") == 0;
  snprintf(pipeline, sizeof pipeline, "%s{quantizer=%s,per-channel=%s}",
           post_training(t) ? "to-eval,prepare" : "prepare-qat",
           json_string_value(json_object_get(t->meta, "quantizer")), channel ? "true" : "false");
  if (!pass(t, pipeline) || !train(t) || !statistics(t)) return false;
  if (!pass(t, strstr(t->tag, "observer") ? "to-eval,convert{qparams=observer}" : "to-eval,convert")) return false;
  if (!op_counts(t) || !qparams(t)) return false;
  char expected[512];
  path(t, file, sizeof file, "input.test.npy");
  path(t, expected, sizeof expected, "%s.quant.y.npy", t->tag);
  graft_session *s = graft_session_create(graft_module_get_graph(t->module, 0), NULL);
  if (!s) return library(t, "session");
  bool ok = step(t, s, file, "converted output", expected, 1.01);
  graft_session_destroy(s);
  return ok;
}

int main(int argc, char **argv) {
  static const char *const tags[][2] = {
      {"channel", "channel"}, {"channel", "channel.observer"}, {"tensor", "tensor"}, {"tensor", "tensor.observer"}};
  int passed = 0, failed = 0;
  for (int i = 1; i < argc; i++)
    for (size_t k = 0; k < sizeof tags / sizeof *tags; k++) {
      char file[512];
      snprintf(file, sizeof file, "%s/%s.json", argv[i], tags[k][1]);
      if (access(file, R_OK) != 0) continue; /* post-training cases have one formula */
      test_case t = {
          .directory = argv[i], .granularity = tags[k][0], .tag = tags[k][1], .context = graft_context_create(NULL)};
      if (t.context && run(&t))
        passed++, printf("ok %s %s\n", argv[i], t.tag);
      else
        failed++, printf("FAIL %s %s: %s\n", argv[i], t.tag, t.why);
      json_decref(t.meta);
      json_decref(t.want);
      graft_module_destroy(t.module);
      graft_context_destroy(t.context);
    }
  printf("%d passed, %d failed\n", passed, failed);
  return failed || !passed;
}
