/* The quantized convolution modules' cases: the module is created with the case's arguments, gets its weight, bias,
 * scale and zero point, and must say the line that PyTorch's says and give the integers that PyTorch's gives; so must
 * its copy, and what comes back from a file. */
#include "modules.h"

#include "passes/quantized_modules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct subject {
  test_case *t;
  graft_module *m;
  parameters x, y, w;
  array input, weight, bias;
} subject;

/* "ConvTranspose2d", "ConvReLU3d" … */
static bool read_class(test_case *t, uint32_t *dims, bool *transposed, bool *relu) {
  const char *class = json_string_value(json_object_get(t->meta, "class"));
  const size_t length = class ? strlen(class) : 0;
  if (length < 3) return fail(t, "no class");
  *dims = (uint32_t)(class[length - 2] - '0');
  *transposed = strncmp(class, "ConvTran", 8) == 0;
  *relu = strstr(class, "ReLU") != NULL;
  return (*dims >= 1 && *dims <= 3) || fail(t, "class %s", class);
}

static bool make(subject *s, graft_quantized_value *y) {
  test_case *t = s->t;
  const json_t *args = json_object_get(t->meta, "args"), *out = json_object_get(t->meta, "out");
  int64_t store[18];
  uint32_t dims = 0;
  bool transposed = false, relu = false;
  graft_conv_arguments conv;
  if (!read_class(t, &dims, &transposed, &relu)) return false;
  read_conv_arguments(args, dims, store, &conv);
  conv.transposed = transposed;
  graft_graph *g = graft_graph_create(s->m, "main");
  graft_quantized_value x = {.integers = graft_input_add(g, "x", &s->input.type),
                             .scale = graft_scalar(g, GRAFT_F32, s->x.scale[0]),
                             .zero_point = graft_scalar(g, GRAFT_I32, s->x.zero_point[0])};
  const graft_quantized_conv_options options = {
      .size = sizeof options, .engine = json_string_value(json_object_get(t->meta, "engine")), .relu = relu};
  if (graft_quantized_conv_create(g, "conv", &x, &conv, &options, y) != GRAFT_OK) return library(t, "create");
  const graft_quantized_weight weight = {.size = sizeof weight,
                                         .data = s->weight.data,
                                         .scale = s->w.scales,
                                         .zero_point = s->w.zeros,
                                         .count = s->w.count,
                                         .bias = s->bias.data};
  if (graft_quantized_conv_set_weight_bias(g, "conv", &weight) != GRAFT_OK) return library(t, "set_weight_bias");
  const double scale = json_number_value(json_object_get(out, "scale"));
  const int64_t zero = json_integer_value(json_object_get(out, "zero_point"));
  if (graft_quantized_conv_set_output(g, "conv", scale, zero) != GRAFT_OK) return library(t, "set_output");
  return graft_output_add(g, "y", y->integers) == GRAFT_OK || library(t, "output");
}

static bool same_weight(subject *s, graft_graph *g, const char *name) {
  test_case *t = s->t;
  graft_quantized_weight w = {.size = sizeof w};
  if (graft_quantized_conv_get_weight_bias(g, name, &w) != GRAFT_OK) return library(t, "get_weight_bias");
  if (!same_array(t, "weight", &w.type, w.data, "weight", 0)) return false;
  for (int64_t i = 0; i < w.count; i++)
    if (w.scale[i] != s->w.scales[i % s->w.count] || w.zero_point[i] != s->w.zeros[i % s->w.count])
      return fail(t, "%s: the weight's parameters %lld differ", name, (long long)i);
  if (!w.bias != !s->bias.data) return fail(t, "%s: a bias came or went", name);
  return !w.bias || same_array(t, "bias", &s->bias.type, w.bias, "bias", 0);
}

/* What `name` says and gives. */
static bool same(subject *s, graft_graph *g, const char *name, uint32_t output, bool reference) {
  test_case *t = s->t;
  char line[1000];
  const char *want = json_string_value(json_object_get(t->meta, "repr"));
  if (!graft_quantized_conv_repr(g, name, line, sizeof line)) return library(t, "repr");
  if (want && strcmp(line, want) != 0) return fail(t, "%s is %s, not %s", name, line, want);
  graft_session *run =
      graft_session_create(g, &(graft_session_options){.size = sizeof(graft_session_options), .reference = reference});
  graft_type type;
  bool ok = run && graft_session_set_input(run, 0, &s->input.type, s->input.data) == GRAFT_OK &&
            graft_session_run(run) == GRAFT_OK;
  const void *y = ok ? graft_session_get_output(run, output, &type) : NULL;
  ok = y ? same_array(t, name, &type, y, "y", 0) : library(t, "run");
  graft_session_destroy(run);
  return ok && same_weight(s, g, name);
}

static bool same_copy(subject *s) {
  test_case *t = s->t;
  graft_graph *g = graft_module_get_graph(s->m, 0);
  const graft_quantized_value x = {.integers = graft_input_get(g, 0),
                                   .scale = graft_scalar(g, GRAFT_F32, s->x.scale[0]),
                                   .zero_point = graft_scalar(g, GRAFT_I32, s->x.zero_point[0])};
  graft_quantized_value y;
  if (graft_quantized_conv_copy(g, "conv", g, "other", &x, NULL, &y) != GRAFT_OK ||
      graft_output_add(g, "z", y.integers) != GRAFT_OK)
    return library(t, "copy");
  return same(s, g, "other", 1, false);
}

static bool same_again(subject *s) {
  test_case *t = s->t;
  char *bytes;
  size_t size;
  if (graft_module_print(s->m, GRAFT_FORMAT_BINARY, &bytes, &size) != GRAFT_OK) return library(t, "print");
  graft_module *m = graft_module_load_memory(t->context, bytes, size, "again.gfb", NULL);
  graft_free(t->context, bytes, size);
  const bool ok = m ? same(s, graft_module_get_graph(m, 0), "conv", 0, false) : library(t, "load");
  graft_module_destroy(m);
  return ok;
}

bool run_quantized(test_case *t) {
  subject *s = calloc(1, sizeof *s);
  graft_quantized_value y;
  if (!s) return fail(t, "out of memory");
  s->t = t;
  s->m = graft_module_create(t->context);
  bool ok = s->m && read_array(t, "x", &s->input) && read_array(t, "weight", &s->weight) &&
            (!has_array(t, "bias") || read_array(t, "bias", &s->bias)) && read_parameters(t, "x.qparams", &s->x) &&
            read_parameters(t, "weight.qparams", &s->w) && read_parameters(t, "y.qparams", &s->y);
  ok = ok && make(s, &y);
  graft_graph *g = ok ? graft_module_get_graph(s->m, 0) : NULL;
  if (ok && graft_module_verify(s->m) != GRAFT_OK) ok = library(t, "verify");
  ok = ok && same(s, g, "conv", 0, false) && same(s, g, "conv", 0, true) && same_copy(s) && same_again(s);
  graft_module_destroy(s->m);
  free(s);
  return ok;
}

/* ---- from_float ---- */

/* The line up to the scale, and after it: scales may differ in the last digits. */
static bool same_line(test_case *t, const char *got, const char *want) {
  const char *a = strstr(got, "scale="), *b = strstr(want, "scale=");
  if (!a || !b || a - got != b - want || strncmp(got, want, (size_t)(a - got)) != 0)
    return fail(t, "%s, not %s", got, want);
  const double s = strtod(a + 6, NULL), wanted = strtod(b + 6, NULL);
  if (!(fabs(s - wanted) <= 1e-6 * wanted)) return fail(t, "%s, not %s", got, want);
  a = strchr(a, ','), b = strchr(b, ',');
  return (a && b && strcmp(a, b) == 0) || fail(t, "%s, not %s", got, want);
}

static bool same_folded(test_case *t, graft_graph *g, const char *name) {
  static parameters w;
  graft_quantized_weight got = {.size = sizeof got};
  array bias;
  if (!read_parameters(t, "quant.weight.qparams", &w)) return false;
  if (graft_quantized_conv_get_weight_bias(g, name, &got) != GRAFT_OK) return library(t, "get_weight_bias");
  if (got.count != w.count) return fail(t, "%lld scales of the weight, not %u", (long long)got.count, w.count);
  for (uint32_t i = 0; i < w.count; i++)
    if (!(fabs((double)got.scale[i] - w.scale[i]) <= 1e-6 * w.scale[i]) || got.zero_point[i] != w.zeros[i])
      return fail(t, "the weight's scale %u is %.9g, not %.9g", i, (double)got.scale[i], w.scale[i]);
  if (!same_steps(t, "the weight", &got.type, got.data, "quant.weight")) return false;
  if (!has_array(t, "quant.bias")) return !got.bias || fail(t, "a bias");
  return read_array(t, "quant.bias", &bias) &&
         (got.bias ? same_array(t, "the bias", &bias.type, got.bias, "quant.bias", 5e-6) : fail(t, "no bias"));
}

bool same_from_float(test_case *t, graft_module *m, const char *name) {
  static parameters x;
  char line[1000];
  array input;
  graft_type type;
  graft_quantized_value y;
  graft_graph *g = graft_module_get_graph(m, 0);
  const json_t *quant = json_object_get(t->meta, "quant");
  const char *want = json_string_value(json_object_get(quant, "repr"));
  if (!read_parameters(t, "quant.x.qparams", &x) || !read_array(t, "input.3", &input)) return false;
  const graft_quantized_from_options options = {.size = sizeof options,
                                                .engine = json_string_value(json_object_get(t->meta, "engine")),
                                                .x = {.scale = x.scale[0], .zero_point = x.zeros[0]}};
  if (graft_quantized_conv_from_float(g, name, &options, &y) != GRAFT_OK) return library(t, "from_float");
  if (graft_module_verify(m) != GRAFT_OK || graft_output_add(g, "integers", y.integers) != GRAFT_OK)
    return library(t, "from_float");
  const char *mode = json_string_value(json_object_get(json_object_get(t->meta, "args"), "padding_mode"));
  const uint32_t nodes =
      mode && strcmp(mode, "reflect") == 0 ? 5 : 4; /* quantize, pad, convolution, dequantize and its scale */
  if (graft_node_count(g) != nodes) return fail(t, "from_float leaves %u nodes", graft_node_count(g));
  if (!graft_quantized_conv_repr(g, name, line, sizeof line)) return library(t, "repr");
  if (want && !same_line(t, line, want)) return false;
  graft_session *s = graft_session_create(g, NULL);
  bool ok = s && graft_session_set_input(s, 0, &input.type, input.data) == GRAFT_OK && graft_session_run(s) == GRAFT_OK;
  const void *integers = ok ? graft_session_get_output(s, graft_output_count(g) - 1, &type) : NULL;
  ok = integers ? same_steps(t, "from_float's result", &type, integers, "quant.y") : library(t, "run");
  graft_session_destroy(s);
  return ok && same_folded(t, g, name);
}
