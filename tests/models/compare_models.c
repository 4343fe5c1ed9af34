/* compare-models NAME MODEL.onnx LOGITS.npy: a network built in C, the same one imported from ONNX, and PyTorch's
 * output, after to-eval on fill("input", -2.1, 2.6). Each pair must agree to 1e-4 of the largest logit. */
#include "ir/formats/npy_int.h"
#include "models.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-4

static int fail(graft_context *c, const char *what) {
  fprintf(stderr, "compare-models: %s\n", what);
  for (uint32_t i = 0; i < graft_diagnostic_count(c); i++) {
    char text[1024];
    graft_diagnostic d = graft_diagnostic_get(c, i);
    graft_diagnostic_format(&d, text, sizeof text);
    fprintf(stderr, "%s\n", text);
  }
  return 1;
}

/* Logits of the module in eval mode; `count` of them, the caller frees. */
static float *logits(graft_module *m, int64_t *count) {
  graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){1, 3, 224, 224});
  int64_t n = graft_type_elements(&type);
  float *x = malloc((size_t)n * sizeof *x), *copy = NULL;
  for (int64_t i = 0; x && i < n; i++) x[i] = graft_fill_element("input", (uint64_t)i, -2.1, 2.6);
  graft_session *s = NULL;
  if (x && graft_run_passes(m, "to-eval", NULL) == GRAFT_OK)
    s = graft_session_create(graft_module_get_graph(m, 0), NULL);
  if (s && graft_session_set_input(s, 0, &type, x) == GRAFT_OK && graft_session_run(s) == GRAFT_OK) {
    const void *y = graft_session_get_output(s, 0, &type);
    *count = graft_type_elements(&type);
    copy = malloc((size_t)*count * sizeof *copy);
    if (copy) memcpy(copy, y, (size_t)*count * sizeof *copy);
  }
  graft_session_destroy(s);
  free(x);
  return copy;
}

/* max |a-b| over max |b|. */
static double difference(const float *a, const float *b, int64_t n) {
  double most = 0, top = 0;
  for (int64_t i = 0; i < n; i++) {
    double d = fabs((double)a[i] - (double)b[i]);
    if (!(d <= most)) most = d;
    top = fmax(top, fabs((double)b[i]));
  }
  return most / top;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: compare-models resnet18|mobilenet_v2 MODEL.onnx LOGITS.npy\n");
    return 2;
  }
  graft_context *c = graft_context_create(NULL);
  if (!c) return 1;
  graft_module *built = graft_model_by_name(c, argv[1]), *imported = graft_module_load(c, argv[2], NULL);
  graft_type type;
  gr_buffer *want;
  if (!built || !imported) return fail(c, "no such network");
  if (gr_npy_read(c, argv[3], &type, &want) != GRAFT_OK) return fail(c, "no logits");
  int64_t n = 0, m = 0;
  float *a = logits(built, &n), *b = logits(imported, &m);
  int status = 1;
  if (!a || !b || n != m || n != graft_type_elements(&type)) {
    fail(c, "no logits to compare");
  } else {
    double between = difference(b, a, n), onnx = difference(b, want->data, n), c_built = difference(a, want->data, n);
    status = !(between <= TOLERANCE && onnx <= TOLERANCE && c_built <= TOLERANCE);
    printf("%s: ONNX to built %.1e, ONNX to PyTorch %.1e, built to PyTorch %.1e (allowed %.0e)\n",
           status ? "FAIL" : "ok", between, onnx, c_built, TOLERANCE);
  }
  free(a);
  free(b);
  gr_buffer_release(c, want);
  graft_module_destroy(built);
  graft_module_destroy(imported);
  graft_context_destroy(c);
  return status;
}
