/* observers FILE.json: runs PyTorch's own observers and fake-quants (../shared/oracle/README.md) through the runtime's
 * arithmetic, and LSQ through fake_quantize and its gradients. Prints `ok NAME` or `FAIL NAME: why` for each case; exit
 * status 1 if any failed.
 */
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/edit.h"
#include "passes/passes.h"
#include "runtime/quant_int.h"
#include "runtime/runtime.h"

static char why[300];

static bool fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(why, sizeof why, format, args);
  va_end(args);
  return false;
}

static void *allocate(size_t count, size_t size) {
  void *p = calloc(count ? count : 1, size);
  if (!p) {
    fprintf(stderr, "observers: out of memory\n");
    exit(2);
  }
  return p;
}

static const char *string_of(const json_t *o, const char *key) {
  const char *s = json_string_value(json_object_get(o, key));
  return s ? s : "";
}

static double number_of(const json_t *o, const char *key, double otherwise) {
  const json_t *v = json_object_get(o, key);
  return json_is_number(v) ? json_number_value(v) : otherwise;
}

static bool type_of(const json_t *shape, graft_type *type) {
  int64_t dims[GRAFT_MAX_RANK];
  size_t rank = json_array_size(shape);
  if (rank > GRAFT_MAX_RANK) return fail("rank %zu", rank);
  *type = (graft_type){.dtype = GRAFT_F32, .rank = (int32_t)rank};
  for (size_t i = 0; i < rank; i++) type->dims[i] = dims[i] = json_integer_value(json_array_get(shape, i));
  return true;
}

/* fill(name, lo, hi) and then the listed elements. */
static float *fill(const char *name, const json_t *from, const graft_type *type, int64_t *count) {
  const char *index;
  json_t *value;
  *count = gr_channels_whole(type).inner;
  float *x = allocate((size_t)*count, sizeof *x);
  double lo = number_of(from, "lo", 0), hi = number_of(from, "hi", 0);
  for (int64_t i = 0; i < *count; i++) x[i] = graft_fill_element(name, (uint64_t)i, lo, hi);
  json_object_foreach(json_object_get(from, "set"), index, value) {
    long long i = strtoll(index, NULL, 10);
    if (i >= 0 && i < *count) x[i] = (float)json_number_value(value);
  }
  return x;
}

typedef struct spec {
  graft_qparams_config qparams;
  gr_observer observer;
  bool per_channel, fixed, fake;
  int64_t axis, bins;
  double averaging_constant;
  graft_formula trains_with;
} spec;

static bool read_spec(const json_t *c, spec *s) {
  const char *kind = string_of(c, "kind"), *observer = string_of(c, "observer"), *dtype = string_of(c, "dtype");
  *s = (spec){.qparams = {.size = sizeof s->qparams}};
  if (strncmp(dtype, "torch.", 6) == 0) dtype += 6;
  if (dtype[0] == 'q') dtype++;
  s->qparams.dtype = strcmp(dtype, "int8") == 0    ? GRAFT_I8
                     : strcmp(dtype, "uint8") == 0 ? GRAFT_U8
                     : strcmp(dtype, "int16") == 0 ? GRAFT_I16
                     : strcmp(dtype, "int32") == 0 ? GRAFT_I32
                                                   : GRAFT_UNKNOWN;
  int64_t lowest, highest;
  if (!graft_dtype_range(s->qparams.dtype, &lowest, &highest)) return fail("dtype %s", dtype);
  s->qparams.custom_range = json_is_integer(json_object_get(c, "quant_min"));
  s->qparams.quant_min = s->qparams.custom_range ? json_integer_value(json_object_get(c, "quant_min")) : lowest;
  s->qparams.quant_max = s->qparams.custom_range ? json_integer_value(json_object_get(c, "quant_max")) : highest;
  s->qparams.reduce_range = json_is_true(json_object_get(c, "reduce_range"));
  s->qparams.eps = number_of(c, "eps", 1.1920928955078125e-07);
  int scheme = gr_choice_find(GR_CHOICE_scheme, string_of(c, "scheme"));
  if (scheme < 0) return fail("scheme %s", string_of(c, "scheme"));
  s->qparams.symmetric = gr_is_symmetric(scheme);
  s->per_channel = gr_is_per_channel(scheme);
  s->axis = (int64_t)number_of(c, "ch_axis", 0);
  s->bins = (int64_t)number_of(c, "bins", 2048);
  s->averaging_constant = number_of(c, "averaging_constant", 0.01);
  s->fake = strstr(kind, "FakeQuant") != NULL;
  s->trains_with = strncmp(kind, "Fused", 5) == 0 ? GRAFT_FORMULA_KERNEL : GRAFT_FORMULA_OBSERVER;
  s->fixed = strstr(observer, "FixedQParams") != NULL;
  if (strstr(observer, "Histogram"))
    s->observer = GR_observer_histogram;
  else if (strstr(observer, "MovingAverage"))
    s->observer = GR_observer_moving_average_min_max;
  else if (strstr(observer, "MinMax"))
    s->observer = GR_observer_min_max;
  else if (strstr(observer, "Placeholder") || strstr(observer, "Noop") || s->fixed)
    s->observer = GR_observer_placeholder;
  else
    return fail("observer %s", observer);
  return true;
}

/* What a case carries from step to step. */
typedef struct run {
  spec spec;
  gr_channels channels;
  int64_t n; /* channels */
  float *state, *scratch, *scale;
  int32_t *zero_point;
} run;

static void run_begin(run *r, const graft_type *type) {
  const spec *s = &r->spec;
  r->channels = gr_channels_whole(type);
  if (s->per_channel) gr_channels_make(type, s->axis, 1, &r->channels);
  r->n = gr_channels_total(r->channels);
  size_t histogram = s->observer == GR_observer_histogram ? (size_t)s->bins : 0;
  r->state = allocate(2 * (size_t)r->n + histogram, sizeof(float));
  r->scratch = allocate(2 * (size_t)r->n + 2 * histogram, sizeof(float));
  r->scale = allocate((size_t)r->n, sizeof(float));
  r->zero_point = allocate((size_t)r->n, sizeof(int32_t));
  for (int64_t i = 0; i < r->n; i++) r->state[i] = INFINITY, r->state[r->n + i] = -INFINITY;
}

static void run_end(run *r) {
  free(r->state);
  free(r->scratch);
  free(r->scale);
  free(r->zero_point);
}

static void observe(run *r, const float *x, int64_t count, bool first) {
  const spec *s = &r->spec;
  if (s->observer == GR_observer_placeholder) return;
  if (s->observer == GR_observer_histogram) {
    gr_observe_histogram(gr_isa_best(), x, count, s->bins, r->state, r->state, r->scratch);
    return;
  }
  gr_channels channels = r->channels;
  if (!s->per_channel) channels.inner = count;
  (void)first;
  gr_range_f32(gr_isa_best(), x, channels, r->scratch, r->scratch + r->n);
  gr_range_merge(r->scratch, r->n, s->observer == GR_observer_min_max ? -1.0 : s->averaging_constant, r->state,
                 r->state);
}

static bool qparams(run *r, const json_t *c, graft_formula formula) {
  const spec *s = &r->spec;
  graft_qparams_config o = s->qparams;
  o.formula = formula;
  const float *state = r->state;
  float range[2];
  if (s->fixed) { /* torch's default_fixed_qparams_range_0to1 unless the case says otherwise */
    r->scale[0] = (float)number_of(c, "scale", 1.0 / 256.0);
    r->zero_point[0] = (int32_t)number_of(c, "zero_point", 0.0);
    return true;
  }
  if (s->observer == GR_observer_histogram) {
    gr_histogram_range(r->state, s->bins, 8 * (int)graft_dtype_size(o.dtype), &range[0], &range[1], r->scratch);
    state = range;
  }
  for (int64_t i = 0; i < r->n; i++)
    if (graft_qparams(&o, state[i], state[r->n + i], &r->scale[i], &r->zero_point[i])) return fail("impossible range");
  return true;
}

static bool same(const char *what, size_t step, const run *r, const json_t *scale, const json_t *zero_point) {
  if (!scale) return true; /* a placeholder has none */
  if ((int64_t)json_array_size(scale) != r->n)
    return fail("step %zu: %s has %zu entries", step, what, json_array_size(scale));
  for (int64_t i = 0; i < r->n; i++) {
    float want = (float)json_number_value(json_array_get(scale, (size_t)i));
    double zero = json_number_value(json_array_get(zero_point, (size_t)i));
    if (r->scale[i] != want)
      return fail("step %zu: %s[%lld] %.9g, expected %.9g", step, what, (long long)i, (double)r->scale[i],
                  (double)want);
    if ((double)r->zero_point[i] != zero)
      return fail("step %zu: zero point[%lld] %d, expected %.0f", step, (long long)i, r->zero_point[i], zero);
  }
  return true;
}

/* One fake quantization, channel by channel. */
static void fake_quantize(const run *r, const float *x, float *y) {
  gr_channels ch = r->channels;
  graft_qparams_config o = r->spec.qparams;
  gr_qrange range;
  graft_qparams_range(&o, &range.quant_min, &range.quant_max);
  for (int64_t i = 0; i < ch.groups * ch.outer * ch.count; i++, x += ch.inner, y += ch.inner) {
    int64_t c = i / ch.count / ch.outer * ch.count + i % ch.count;
    gr_fake_quantize_f32(gr_isa_best(), x, ch.inner, r->scale[c], r->zero_point[c], range, y);
  }
}

/* PyTorch adds a zero point of an int32 range in float, so that its outputs are off by what float drops of it. */
static double slack(const run *r) {
  double most = 0.0;
  for (int64_t i = 0; i < r->n; i++) {
    double lost = fabs((double)r->zero_point[i]) * 0x1p-23 * (double)r->scale[i];
    if (r->zero_point[i] > 1 << 23 && lost > most) most = lost;
  }
  return most;
}

static bool same_output(size_t step, const run *r, const float *y, int64_t count, const json_t *want) {
  const json_t *first = json_object_get(want, "y_first"), *sum = json_object_get(want, "y_sum");
  double total = 0.0, off = slack(r);
  for (size_t i = 0; i < json_array_size(first) && (int64_t)i < count; i++) {
    double v = json_number_value(json_array_get(first, i));
    if (fabs((double)y[i] - v) > 1e-6 * fabs(v) + off)
      return fail("step %zu: y[%zu] %.9g, expected %.9g", step, i, (double)y[i], v);
  }
  for (int64_t i = 0; i < count; i++) total += (double)y[i];
  if (sum && fabs(total - json_number_value(sum)) > 1e-4 + 1e-5 * fabs(total) + off * (double)count)
    return fail("step %zu: outputs add up to %.9g, expected %.9g", step, total, json_number_value(sum));
  return true;
}

static bool run_step(run *r, const json_t *c, const char *name, size_t i, const json_t *step) {
  graft_type type;
  int64_t count;
  char stream[300];
  if (!type_of(json_object_get(step, "shape"), &type)) return false;
  snprintf(stream, sizeof stream, "%s.%zu", name, i);
  if (i == 0) run_begin(r, &type);
  if (r->spec.per_channel)
    gr_channels_make(&type, r->spec.axis, 1, &r->channels);
  else
    r->channels = gr_channels_whole(&type);
  float *x = fill(stream, step, &type, &count), *y = allocate((size_t)count, sizeof *y);
  observe(r, x, count, i == 0);
  bool good =
      qparams(r, c, GRAFT_FORMULA_OBSERVER) && same("observer_scale", i, r, json_object_get(step, "observer_scale"),
                                                    json_object_get(step, "observer_zero_point"));
  if (good && r->spec.fake) {
    good = qparams(r, c, r->spec.trains_with) &&
           same("scale", i, r, json_object_get(step, "scale"), json_object_get(step, "zero_point"));
    if (good) {
      fake_quantize(r, x, y);
      good = same_output(i, r, y, count, step);
    }
  }
  free(x);
  free(y);
  return good;
}

static bool run_observer(const char *name, const json_t *c) {
  run r = {0};
  size_t i;
  json_t *step;
  const char *stream = strrchr(name, '/');
  stream = stream ? stream + 1 : name;
  if (!read_spec(c, &r.spec)) return false;
  bool good = true;
  json_array_foreach(json_object_get(c, "steps"), i, step) good = good && run_step(&r, c, stream, i, step);
  run_end(&r);
  return good;
}

static bool close_to(const char *what, const json_t *want, const float *got, double tolerance) {
  for (size_t i = 0; i < json_array_size(want); i++) {
    double v = json_number_value(json_array_get(want, i));
    if (!(fabs((double)got[i] - v) <= tolerance * (1.0 + fabs(v))))
      return fail("%s[%zu] %.9g, expected %.9g", what, i, (double)got[i], v);
  }
  return true;
}

/* The case as a graph: what flows back is the rules' to say. */
static void write_graph(const json_t *c, const graft_type *type, int64_t scales, char *text, size_t size) {
  const json_t *axis = json_object_get(c, "axis");
  char x[128], n[32], how[160];
  int used = snprintf(x, sizeof x, "f32[");
  for (int32_t i = 0; i < type->rank; i++)
    used += snprintf(x + used, sizeof x - (size_t)used, "%s%lld", i ? ", " : "", (long long)type->dims[i]);
  snprintf(x + used, sizeof x - (size_t)used, "]");
  snprintf(n, sizeof n, json_is_integer(axis) ? "[%lld]" : "[]", (long long)scales);
  used = snprintf(how, sizeof how, "dtype: i32, quant_min: %lld, quant_max: %lld",
                  (long long)number_of(c, "quant_min", -128), (long long)number_of(c, "quant_max", 127));
  if (json_is_integer(axis)) snprintf(how + used, sizeof how - (size_t)used, ", axis: %lld", json_integer_value(axis));
  snprintf(text, size,
           "graft 1\ngraph main(%%x: %s, %%dy: %s, %%s: f32%s, %%z: f32%s) {\n"
           "  %%y = fake_quantize(%%x, %%s, %%z) {%s}\n"
           "  %%product = mul(%%y, %%dy)\n"
           "  %%l = sum(%%product)\n"
           "  return %%y, %%l\n}\n",
           x, x, n, n, how);
}

/* The rules know the factor that PyTorch's modules have, but none of one's own. */
static bool set_factor(graft_graph *g, double factor) {
  const graft_attr a = {.name = "grad_factor", .kind = GRAFT_ATTR_FLOAT, .as.f = factor};
  for (graft_node n = graft_node_first(g); n != GRAFT_NONE; n = graft_node_next(g, n))
    if (strcmp(graft_node_get_op(g, n), "fake_quantize_learnable_backward") == 0)
      return graft_node_set_attr(g, n, &a) == GRAFT_OK;
  return false;
}

static bool run_graph(graft_context *context, const json_t *c, const graft_type *type, int64_t scales, const float *x,
                      const float *dy, const float *s, const float *z, graft_module **m, graft_session **session) {
  static char text[2000];
  graft_type parameter = {.dtype = GRAFT_F32, .rank = json_is_integer(json_object_get(c, "axis")) ? 1 : 0};
  parameter.dims[0] = scales;
  write_graph(c, type, scales, text, sizeof text);
  *session = NULL;
  *m = graft_module_load_memory(context, text, strlen(text), "case", NULL);
  if (*m && graft_run_passes(*m, "gradient{of=l,wrt=\"x,s,z\"}", NULL) == GRAFT_OK &&
      set_factor(graft_module_get_graph(*m, 0), number_of(c, "grad_factor", 1.0)))
    *session = graft_session_create(graft_module_get_graph(*m, 0), NULL);
  if (*session && graft_session_set_input(*session, 0, type, x) == GRAFT_OK &&
      graft_session_set_input(*session, 1, type, dy) == GRAFT_OK &&
      graft_session_set_input(*session, 2, &parameter, s) == GRAFT_OK &&
      graft_session_set_input(*session, 3, &parameter, z) == GRAFT_OK && graft_session_run(*session) == GRAFT_OK)
    return true;
  const uint32_t said = graft_diagnostic_count(context);
  return fail("%s", said ? graft_diagnostic_get(context, said - 1).message : "cannot be run");
}

static bool run_learnable(const json_t *c) {
  const json_t *fx = json_object_get(c, "x"), *fg = json_object_get(c, "grad_y");
  const json_t *scale = json_object_get(c, "scale"), *zero_point = json_object_get(c, "zero_point");
  graft_type type;
  int64_t count;
  if (!type_of(json_object_get(fx, "shape"), &type)) return false;
  const size_t n = json_array_size(scale);
  if (json_array_size(zero_point) != n) return fail("scales");
  float *x = fill(string_of(fx, "fill"), fx, &type, &count), *dy = fill(string_of(fg, "fill"), fg, &type, &count);
  float *s = allocate(n, sizeof *s), *z = allocate(n, sizeof *z);
  for (size_t k = 0; k < n; k++) {
    s[k] = (float)json_number_value(json_array_get(scale, k));
    z[k] = (float)json_number_value(json_array_get(zero_point, k));
  }
  graft_context *context = graft_context_create(NULL);
  graft_module *m;
  graft_session *session;
  bool good = run_graph(context, c, &type, (int64_t)n, x, dy, s, z, &m, &session) &&
              (int64_t)json_array_size(json_object_get(c, "y")) == count;
  static const char *const results[] = {"y", "grad_x", "grad_scale", "grad_zero_point"};
  for (uint32_t i = 0; good && i < 4; i++)
    good = close_to(results[i], json_object_get(c, results[i]), graft_session_get_output(session, i ? i + 1 : 0, NULL),
                    i < 2 ? 1e-6 : 1e-5);
  graft_session_destroy(session);
  graft_module_destroy(m);
  graft_context_destroy(context);
  free(x), free(dy), free(s), free(z);
  return good;
}

int main(int argc, char **argv) {
  const char *name;
  json_t *c;
  json_error_t error;
  unsigned passed = 0, failed = 0;
  if (argc < 2) {
    fprintf(stderr, "usage: observers FILE.json...\n");
    return 2;
  }
  for (int i = 1; i < argc; i++) {
    json_t *cases = json_load_file(argv[i], 0, &error);
    if (!cases) {
      fprintf(stderr, "observers: %s:%d: %s\n", argv[i], error.line, error.text);
      return 2;
    }
    for (int part = 0; part < 2; part++) {
      json_object_foreach(json_object_get(cases, part ? "learnable" : "observers"), name, c) {
        snprintf(why, sizeof why, "?");
        bool good = part ? run_learnable(c) : run_observer(name, c);
        if (good)
          printf("ok %s%s\n", part ? "learnable/" : "", name);
        else
          printf("FAIL %s%s: %s\n", part ? "learnable/" : "", name, why);
        *(good ? &passed : &failed) += 1;
      }
    }
    json_decref(cases);
  }
  printf("%u passed, %u failed\n", passed, failed);
  return failed > 0 || passed == 0;
}
