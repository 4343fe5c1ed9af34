/* cases CASE…: small networks that PyTorch's exporter wrote, against ONNX Runtime's results (of one training step,
 * PyTorch's). A case is a folder: model.onnx, in.INPUT.npy, out.OUTPUT.npy, after.TENSOR.npy of what a step changes,
 * and `tolerance`, relative to the largest value, where 1e-5 is too little. In file names every character but
 * A-Za-z0-9._- is written _. Prints ok or FAIL a case. */
#include "ir/formats/npy_int.h"
#include "ir/inspect.h"
#include "runtime/runtime.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct test_case {
  const char *directory;
  double tolerance;
  graft_context *context;
  graft_module *module;
  graft_graph *graph;
  char why[600];
} test_case;

static bool fail(test_case *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(test_case *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(t->why, sizeof t->why, format, args);
  va_end(args);
  for (uint32_t i = 0; i < graft_diagnostic_count(t->context); i++) {
    graft_diagnostic d = graft_diagnostic_get(t->context, i);
    if (d.severity != GRAFT_ERROR) continue;
    snprintf(t->why + n, sizeof t->why - (size_t)n, ": %s: %s", d.node, d.message);
    break;
  }
  return false;
}

/* DIRECTORY/PREFIX.NAME.npy */
static void file_of(const test_case *t, const char *prefix, const char *name, char *out, size_t size) {
  int n = snprintf(out, size, "%s/%s.", t->directory, prefix);
  char *from = out + n;
  snprintf(from, size - (size_t)n, "%s.npy", name);
  for (; *from; from++)
    if (!isalnum((unsigned char)*from) && !strchr("._-", *from)) *from = '_';
}

static bool compare(test_case *t, const char *path, const char *name, const graft_type *type, const void *data) {
  graft_type want;
  gr_buffer *buffer;
  if (!data) return fail(t, "there is no '%s'", name);
  if (gr_npy_read(t->context, path, &want, &buffer) != GRAFT_OK) return fail(t, "%s", path);
  const int64_t n = graft_type_elements(&want);
  bool good = want.rank == type->rank && want.dtype == type->dtype;
  for (int32_t d = 0; good && d < want.rank; d++) good = want.dims[d] == type->dims[d];
  if (!good) fail(t, "'%s' is of another type than %s", name, path);
  const bool real = gr_is_float(want.dtype);
  const size_t each = graft_dtype_size(want.dtype);
  double top = 0;
  for (int64_t i = 0; good && real && i < n; i++) {
    const double v = fabs(gr_element_float(want.dtype, (const char *)buffer->data + (size_t)i * each));
    if (isfinite(v) && v > top) top = v;
  }
  const double most = t->tolerance * (top > 0 ? top : 1);
  for (int64_t i = 0; good && i < n; i++) {
    const char *w = (const char *)buffer->data + (size_t)i * each, *g = (const char *)data + (size_t)i * each;
    const double x = real ? gr_element_float(want.dtype, g) : 0, y = real ? gr_element_float(want.dtype, w) : 0;
    good = real ? fabs(x - y) <= most || x == y || (isnan(x) && isnan(y)) : memcmp(w, g, each) == 0;
    if (!good) fail(t, "'%s', element %lld is %.9g, expected %.9g", name, (long long)i, x, y);
  }
  gr_buffer_release(t->context, buffer);
  return good;
}

static bool check_outputs(test_case *t, graft_session *s) {
  char path[1024];
  for (uint32_t i = 0; i < graft_output_count(t->graph); i++) {
    const char *name = graft_output_name(t->graph, i);
    graft_type type;
    const void *data = graft_session_get_output(s, i, &type);
    file_of(t, "out", name, path, sizeof path);
    if (!compare(t, path, name, &type, data)) return false;
  }
  return graft_output_count(t->graph) > 0;
}

static bool check_state(test_case *t) {
  char path[1024], name[256];
  for (graft_tensor i = graft_tensor_first(t->module); i != GRAFT_NONE; i = graft_tensor_next(t->module, i)) {
    graft_tensor_name(t->module, i, name, sizeof name);
    file_of(t, "after", name, path, sizeof path);
    const graft_type type = graft_tensor_get_type(t->module, i);
    if (access(path, F_OK) == 0 && !compare(t, path, name, &type, graft_tensor_get_data(t->module, i))) return false;
  }
  return true;
}

static bool run(test_case *t, graft_session *s) {
  const uint32_t count = graft_input_count(t->graph);
  gr_buffer **inputs = calloc(count + 1u, sizeof *inputs);
  bool good = inputs != NULL;
  for (uint32_t i = 0; good && i < count; i++) {
    char path[1024], name[256];
    graft_type type;
    graft_value_name(t->graph, graft_input_get(t->graph, i), name, sizeof name);
    file_of(t, "in", name, path, sizeof path);
    good = gr_npy_read(t->context, path, &type, &inputs[i]) == GRAFT_OK &&
           graft_session_set_input(s, i, &type, inputs[i]->data) == GRAFT_OK;
    if (!good) fail(t, "%s", path);
  }
  if (good && graft_session_run(s) != GRAFT_OK) good = fail(t, "a step");
  good = good && check_outputs(t, s) && check_state(t);
  for (uint32_t i = 0; inputs && i < count; i++) gr_buffer_release(t->context, inputs[i]);
  free(inputs);
  return good;
}

static bool check(const char *directory) {
  test_case t = {.directory = directory, .tolerance = 1e-5, .context = graft_context_create(NULL)};
  char path[1024];
  if (!t.context) return false;
  snprintf(path, sizeof path, "%s/tolerance", directory);
  FILE *f = fopen(path, "r");
  if (f) {
    if (fscanf(f, "%lf", &t.tolerance) != 1) t.tolerance = 0;
    fclose(f);
  }
  snprintf(path, sizeof path, "%s/model.onnx", directory);
  t.module = graft_module_load(t.context, path, NULL);
  t.graph = t.module ? graft_module_get_graph(t.module, 0) : NULL;
  graft_session *s = t.graph ? graft_session_create(t.graph, NULL) : NULL;
  const bool good = s ? run(&t, s) : fail(&t, "%s", path);
  printf("%s %s%s%s\n", good ? "ok  " : "FAIL", directory, good ? "" : ": ", good ? "" : t.why);
  graft_session_destroy(s);
  graft_module_destroy(t.module);
  graft_context_destroy(t.context);
  return good;
}

int main(int argc, char **argv) {
  int failed = argc < 2;
  for (int i = 1; i < argc; i++) failed += !check(argv[i]);
  return failed != 0;
}
