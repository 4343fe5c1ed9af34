/* modules CASE…: PyTorch's eager modules of conv_fused and quantized/conv (../shared/oracle/README.md), built, trained,
 * frozen, evaluated and converted by the functions of graft/modules.h. Prints `ok NAME` or `FAIL NAME: why` for each
 * case folder; exit status 1 if any failed. */
#include "modules.h"

#include "ir/formats/npy_int.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool fail(test_case *t, const char *format, ...) {
  if (t->why[0]) return false;
  va_list args;
  va_start(args, format);
  vsnprintf(t->why, sizeof t->why, format, args);
  va_end(args);
  return false;
}

bool library(test_case *t, const char *what) {
  for (uint32_t i = 0; i < graft_diagnostic_count(t->context); i++) {
    graft_diagnostic d = graft_diagnostic_get(t->context, i);
    if (d.severity == GRAFT_ERROR) return fail(t, "%s: %s: %s", what, d.node, d.message);
  }
  return fail(t, "%s failed", what);
}

static void path(const test_case *t, char *out, size_t size, const char *name, const char *extension) {
  snprintf(out, size, "%s/%s%s", t->directory, name, extension);
}

bool has_array(const test_case *t, const char *name) {
  char file[1000];
  path(t, file, sizeof file, name, ".npy");
  return access(file, R_OK) == 0;
}

bool read_array(test_case *t, const char *name, array *a) {
  char file[1000];
  gr_buffer *buffer;
  path(t, file, sizeof file, name, ".npy");
  if (t->array_count == MAX_ARRAYS) return fail(t, "a case has too many arrays");
  if (gr_npy_read(t->context, file, &a->type, &buffer) != GRAFT_OK) return library(t, name);
  const size_t size = (size_t)graft_type_elements(&a->type) * graft_dtype_size(a->type.dtype);
  a->data = malloc(size ? size : 1);
  if (a->data && size) memcpy(a->data, buffer->data, size);
  gr_buffer_release(t->context, buffer);
  if (!a->data) return fail(t, "out of memory");
  t->arrays[t->array_count++] = *a;
  return true;
}

json_t *read_json(test_case *t, const char *name) {
  char file[1000];
  json_error_t error;
  path(t, file, sizeof file, name, ".json");
  json_t *value = json_load_file(file, 0, &error);
  if (!value) fail(t, "%s.json: %s", name, error.text);
  return value;
}

uint32_t numbers(const json_t *value, double *out, uint32_t most) {
  if (json_is_number(value)) {
    if (most) out[0] = json_number_value(value);
    return 1;
  }
  const size_t count = json_array_size(value);
  for (size_t i = 0; i < count && i < most; i++) out[i] = json_number_value(json_array_get(value, i));
  return (uint32_t)count;
}

/* NULL where the case leaves the default. */
static const int64_t *extents(const json_t *args, const char *key, uint32_t dims, int64_t *store) {
  const json_t *value = json_object_get(args, key);
  double given[3] = {0};
  if (!value) return NULL;
  const uint32_t count = numbers(value, given, 3);
  for (uint32_t i = 0; i < dims; i++) store[i] = (int64_t)given[count == 1 ? 0 : i];
  return store;
}

static int64_t integer(const json_t *args, const char *key, int64_t otherwise) {
  const json_t *value = json_object_get(args, key);
  return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

void read_conv_arguments(const json_t *args, uint32_t dims, int64_t *store, graft_conv_arguments *out) {
  const json_t *bias = json_object_get(args, "bias");
  *out = (graft_conv_arguments){.size = sizeof *out,
                                .dims = dims,
                                .in_channels = integer(args, "in_channels", 0),
                                .out_channels = integer(args, "out_channels", 0),
                                .kernel_size = extents(args, "kernel_size", dims, store),
                                .stride = extents(args, "stride", dims, store + 3),
                                .padding = extents(args, "padding", dims, store + 6),
                                .dilation = extents(args, "dilation", dims, store + 9),
                                .output_padding = extents(args, "output_padding", dims, store + 12),
                                .groups = integer(args, "groups", 1),
                                .bias = bias ? json_is_true(bias) : true,
                                .padding_mode = json_string_value(json_object_get(args, "padding_mode"))};
}

bool read_parameters(test_case *t, const char *name, parameters *p) {
  json_t *value = read_json(t, name);
  if (!value) return false;
  p->count = numbers(json_object_get(value, "scale"), p->scale, MAX_PARAMETERS);
  const uint32_t zeros = numbers(json_object_get(value, "zero_point"), p->zero_point, MAX_PARAMETERS);
  json_decref(value);
  if (p->count == 0 || p->count > MAX_PARAMETERS || zeros != p->count) return fail(t, "%s.json: no parameters", name);
  for (uint32_t i = 0; i < p->count; i++) {
    p->scales[i] = (float)p->scale[i];
    p->zeros[i] = (int32_t)p->zero_point[i];
  }
  return true;
}

static bool same_floats(test_case *t, const char *what, const float *got, const float *want, int64_t n,
                        double relative) {
  double top = 0, most = 0;
  for (int64_t i = 0; i < n; i++) {
    const double d = fabs((double)got[i] - (double)want[i]);
    if (!(fabs((double)want[i]) <= top)) top = fabs((double)want[i]);
    if (!(d <= most)) most = d;
  }
  return most <= relative * top || fail(t, "%s is %.3g off, its largest is %.3g", what, most, top);
}

bool same_array(test_case *t, const char *what, const graft_type *type, const void *got, const char *file,
                double relative) {
  array want;
  if (!read_array(t, file, &want)) return false;
  const int64_t n = graft_type_elements(&want.type);
  if (!got || graft_type_elements(type) != n || type->rank != want.type.rank || type->dtype != want.type.dtype)
    return fail(t, "%s has another type than %s.npy", what, file);
  for (int32_t i = 0; i < type->rank; i++)
    if (type->dims[i] != want.type.dims[i]) return fail(t, "%s has another shape than %s.npy", what, file);
  if (type->dtype == GRAFT_F32) return same_floats(t, what, got, want.data, n, relative);
  const size_t size = graft_dtype_size(type->dtype);
  const char *a = got, *b = want.data;
  int64_t off = 0;
  for (int64_t i = 0; i < n; i++) off += memcmp(a + (size_t)i * size, b + (size_t)i * size, size) != 0;
  return off == 0 || fail(t, "%s: %lld of %lld integers differ", what, (long long)off, (long long)n);
}

bool same_steps(test_case *t, const char *what, const graft_type *type, const void *got, const char *file) {
  array want;
  if (!read_array(t, file, &want)) return false;
  const int64_t n = graft_type_elements(&want.type);
  if (!got || graft_dtype_size(type->dtype) != 1 || type->dtype != want.type.dtype || graft_type_elements(type) != n)
    return same_array(t, what, type, got, file, 0);
  const uint8_t *a = got, *b = want.data;
  const bool is_signed = type->dtype == GRAFT_I8;
  int64_t off = 0;
  for (int64_t i = 0; i < n; i++) {
    const int step = is_signed ? (int8_t)a[i] - (int8_t)b[i] : a[i] - b[i];
    if (abs(step) > 1) return fail(t, "%s[%lld] is %d steps off", what, (long long)i, step);
    off += step != 0;
  }
  return off <= 1 || off <= n / 1000 ||
         fail(t, "%s: %lld of %lld elements a step off", what, (long long)off, (long long)n);
}

bool same_numbers(test_case *t, const char *what, const float *got, uint32_t count, const json_t *want,
                  double relative) {
  double expected[1024];
  const uint32_t n = numbers(want, expected, 1024);
  if (n != count) return fail(t, "%s: %u numbers instead of %u", what, count, n);
  for (uint32_t i = 0; i < n && i < 1024; i++)
    if (!(fabs((double)got[i] - expected[i]) <= relative * fabs(expected[i])))
      return fail(t, "%s[%u] is %.9g instead of %.9g", what, i, (double)got[i], expected[i]);
  return true;
}

static bool run_case(const char *directory) {
  test_case t = {.directory = directory, .context = graft_context_create(NULL)};
  if (!t.context) return false;
  t.meta = read_json(&t, "case");
  bool ok = t.meta != NULL;
  if (ok) ok = json_object_get(t.meta, "kind") ? run_qat(&t) : run_quantized(&t);
  const char *name = strrchr(directory, '/');
  name = name && name[1] ? name + 1 : directory;
  if (ok)
    printf("ok %s\n", name);
  else
    printf("FAIL %s: %s\n", name, t.why);
  for (uint32_t i = 0; i < t.array_count; i++) free(t.arrays[i].data);
  json_decref(t.meta);
  graft_context_destroy(t.context);
  return ok;
}

int main(int argc, char **argv) {
  bool ok = argc > 1;
  if (!ok) fprintf(stderr, "usage: modules CASE…\n");
  for (int i = 1; i < argc; i++) {
    char *end = argv[i] + strlen(argv[i]);
    while (end > argv[i] + 1 && end[-1] == '/') *--end = '\0';
    ok = run_case(argv[i]) && ok;
  }
  return ok ? 0 : 1;
}
