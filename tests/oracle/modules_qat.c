/* The QAT modules' cases: three training steps, one with frozen statistics, evaluation, the float module, and the
 * quantized one. */
#include "modules.h"

#include "passes/quantized_modules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "module"

static const double float_tolerance = 5e-6, scale_tolerance = 1e-6;

/* A value that a run leaves here: copied when its node is told. */
typedef struct watched {
  graft_value value;
  graft_type type;
  void *data;
} watched;

enum { Y, FQ, WEIGHT_SCALE, WEIGHT_ZERO, ACT_SCALE, ACT_ZERO, WATCHED };

typedef struct subject {
  test_case *t;
  graft_module *module;
  graft_graph *graph;
  graft_node weight_fq, act_fq;
  watched watch[WATCHED];
} subject;

static graft_status look(void *user, const graft_node_done *done) {
  subject *s = user;
  for (uint32_t r = 0; r < done->result_count; r++)
    for (uint32_t i = 0; i < WATCHED; i++) {
      watched *w = &s->watch[i];
      if (w->value == GRAFT_NONE || graft_node_result(done->graph, done->node, r) != w->value) continue;
      const size_t size =
          (size_t)graft_type_elements(&done->result_types[r]) * graft_dtype_size(done->result_types[r].dtype);
      void *copy = done->results[r] ? realloc(w->data, size ? size : 1) : NULL;
      if (!copy) return GRAFT_RUN;
      memcpy(copy, done->results[r], size);
      w->data = copy;
      w->type = done->result_types[r];
    }
  return GRAFT_OK;
}

/* ---- the graph ---- */

static bool op_is(const graft_graph *g, graft_node n, const char *op) {
  return n != GRAFT_NONE && strcmp(graft_node_get_op(g, n), op) == 0;
}

static graft_node maker(const graft_graph *g, graft_node n, uint32_t slot) {
  const graft_value v = graft_node_operand(g, n, slot);
  return v == GRAFT_NONE ? GRAFT_NONE : graft_value_node(g, v);
}

/* The convolution's or linear's fake-quantized weight, and the module's output. */
static bool find_places(subject *s, graft_value output) {
  graft_graph *g = s->graph;
  s->act_fq = graft_value_node(g, output);
  s->weight_fq = GRAFT_NONE;
  for (graft_node n = graft_node_first(g); n != GRAFT_NONE; n = graft_node_next(g, n)) {
    const char *op = graft_node_get_op(g, n);
    if (strncmp(op, "conv", 4) == 0 || strcmp(op, "linear") == 0) {
      const graft_node w = maker(g, n, 1);
      if (op_is(g, w, "fake_quantize")) s->weight_fq = w;
    }
  }
  if (!op_is(g, s->act_fq, "fake_quantize") || s->weight_fq == GRAFT_NONE)
    return fail(s->t, "the module has no fake-quants");
  s->watch[Y].value = graft_node_operand(g, s->act_fq, 0);
  s->watch[FQ].value = output;
  s->watch[WEIGHT_SCALE].value = graft_node_operand(g, s->weight_fq, 1);
  s->watch[WEIGHT_ZERO].value = graft_node_operand(g, s->weight_fq, 2);
  s->watch[ACT_SCALE].value = graft_node_operand(g, s->act_fq, 1);
  s->watch[ACT_ZERO].value = graft_node_operand(g, s->act_fq, 2);
  return true;
}

static const char *const state_names[] = {
    "weight", "bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked"};
enum { STATES = sizeof state_names / sizeof *state_names, COUNT = 6 };

static graft_tensor tensor_of(const subject *s, const char *state) {
  char name[64];
  snprintf(name, sizeof name, NAME ".%s", state);
  return graft_tensor_find(s->module, name);
}

static bool build(subject *s) {
  test_case *t = s->t;
  const json_t *args = json_object_get(t->meta, "args"), *shape = json_object_get(t->meta, "shape");
  const char *kind = json_string_value(json_object_get(t->meta, "kind"));
  const uint32_t dims = (uint32_t)json_integer_value(json_object_get(t->meta, "dim"));
  const bool channel =
      strcmp(json_string_value(json_object_get(t->meta, "granularity")), "channel") == 0; /* else "tensor" */
  array before[STATES] = {{{0}, NULL}};
  for (int i = 0; i < STATES; i++) {
    char name[64];
    snprintf(name, sizeof name, "before.%s", state_names[i]);
    if (has_array(t, name) && !read_array(t, name, &before[i])) return false;
  }
  const graft_qconfig qconfig = {.size = sizeof qconfig,
                                 .quantizer = "fx",
                                 .quantizer_options = channel ? "per-channel=true" : NULL,
                                 .form = json_is_true(json_object_get(t->meta, "slow")) ? "stable" : "approximate"};
  const graft_qat_arguments qat = {.size = sizeof qat,
                                   .qconfig = &qconfig,
                                   .batch_norm = strstr(kind, "Bn") != NULL,
                                   .relu = strstr(kind, "ReLU") != NULL,
                                   .eps = json_number_value(json_object_get(args, "eps")),
                                   .momentum = json_number_value(json_object_get(args, "momentum")),
                                   .weight = before[0].data,
                                   .bias = before[1].data,
                                   .gamma = before[2].data,
                                   .beta = before[3].data,
                                   .running_mean = before[4].data,
                                   .running_var = before[5].data};
  graft_type type = {.dtype = GRAFT_F32, .rank = (int32_t)json_array_size(shape)};
  if (type.rank > GRAFT_MAX_RANK) return fail(t, "rank %d", (int)type.rank);
  for (size_t i = 0; i < (size_t)type.rank; i++) type.dims[i] = json_integer_value(json_array_get(shape, i));
  const graft_value x = graft_input_add(s->graph, "x", &type);
  graft_value y;
  if (strncmp(kind, "Linear", 6) == 0) {
    const json_t *bias = json_object_get(args, "bias");
    const graft_linear_arguments linear = {.size = sizeof linear,
                                           .in_features = json_integer_value(json_object_get(args, "in_features")),
                                           .out_features = json_integer_value(json_object_get(args, "out_features")),
                                           .bias = bias ? json_is_true(bias) : true};
    y = graft_build_qat_linear(s->graph, NAME, x, &linear, &qat);
  } else {
    int64_t store[18];
    graft_conv_arguments conv;
    read_conv_arguments(args, dims, store, &conv);
    conv.transposed = strstr(kind, "Transpose") != NULL;
    y = graft_build_qat_conv(s->graph, NAME, x, &conv, &qat);
  }
  if (y == GRAFT_NONE || graft_output_add(s->graph, "y", y)) return library(t, "building the module");
  if (before[COUNT].data &&
      graft_tensor_set_data(s->module, tensor_of(s, "bn.num_batches_tracked"), before[COUNT].data))
    return library(t, "num_batches_tracked");
  return find_places(s, y);
}

/* ---- runs ---- */

/* One step on input.N. */
static bool step(subject *s, int number, const char *what) {
  test_case *t = s->t;
  char name[32];
  array x;
  snprintf(name, sizeof name, "input.%d", number);
  if (!read_array(t, name, &x)) return false;
  graft_session *session = graft_session_create(
      s->graph,
      &(graft_session_options){.size = sizeof(graft_session_options), .after_node = look, .after_node_user = s});
  const bool ok = session && graft_session_set_input(session, 0, &x.type, x.data) == GRAFT_OK &&
                  graft_session_run(session) == GRAFT_OK;
  graft_session_destroy(session);
  return ok || library(t, what);
}

static bool same_watched(subject *s, int which, const char *file) {
  const watched *w = &s->watch[which];
  return same_array(s->t, file, &w->type, w->data, file, float_tolerance);
}

/* Fake-quantized values: at most one of a thousand a step beside. */
static bool same_fake_quantized(subject *s, const char *file) {
  array want;
  const watched *w = &s->watch[FQ];
  if (!read_array(s->t, file, &want)) return false;
  const int64_t n = graft_type_elements(&want.type);
  if (!w->data || graft_type_elements(&w->type) != n) return fail(s->t, "%s: another shape", file);
  const float *got = w->data, *expected = want.data;
  const double scale = (double)*(const float *)s->watch[ACT_SCALE].data;
  int64_t off = 0;
  for (int64_t i = 0; i < n; i++) {
    const double steps = fabs((double)got[i] - (double)expected[i]) / scale;
    if (!(steps < 1.5)) return fail(s->t, "%s[%lld] is %.2f steps off", file, (long long)i, steps);
    off += steps > 0.5;
  }
  return (double)off <= 1e-3 * (double)n ||
         fail(s->t, "%s: %lld of %lld elements a step off", file, (long long)off, (long long)n);
}

/* A fake-quant's scale and zero point of the last run, its range as it is now. */
static bool same_place(subject *s, const char *key, graft_node fake_quantize, int scale, int zero) {
  test_case *t = s->t;
  graft_graph *g = s->graph;
  const json_t *want = json_object_get(t->meta, key);
  char what[64];
  const graft_node observe = maker(g, maker(g, fake_quantize, 1), 0);
  const graft_tensor state = graft_value_tensor(g, graft_node_operand(g, observe, 1));
  const float *range = graft_tensor_get_data(s->module, state);
  const uint32_t n = (uint32_t)graft_type_elements(&s->watch[scale].type);
  const int32_t *zeros = s->watch[zero].data;
  float zero_points[1024];
  if (!range || !zeros || n > 1024) return fail(t, "%s: no state", key);
  for (uint32_t i = 0; i < n; i++) zero_points[i] = (float)zeros[i];
  snprintf(what, sizeof what, "%s.scale", key);
  if (!same_numbers(t, what, s->watch[scale].data, n, json_object_get(want, "scale"), scale_tolerance)) return false;
  snprintf(what, sizeof what, "%s.zero_point", key);
  if (!same_numbers(t, what, zero_points, n, json_object_get(want, "zero_point"), 0)) return false;
  snprintf(what, sizeof what, "%s.min", key);
  if (!same_numbers(t, what, range, n, json_object_get(want, "min"), float_tolerance)) return false;
  snprintf(what, sizeof what, "%s.max", key);
  return same_numbers(t, what, range + n, n, json_object_get(want, "max"), float_tolerance);
}

static bool train(subject *s) {
  test_case *t = s->t;
  char file[32];
  for (int i = 0; i < 3; i++) {
    if (!step(s, i, "training")) return false;
    snprintf(file, sizeof file, "train.y.%d", i);
    if (!same_watched(s, Y, file)) return false;
    snprintf(file, sizeof file, "train.fq.%d", i);
    if (!same_fake_quantized(s, file)) return false;
  }
  for (int i = 0; i < STATES; i++) {
    const graft_tensor tensor = tensor_of(s, state_names[i]);
    snprintf(file, sizeof file, "after.%s", state_names[i]);
    if (has_array(t, file) != (tensor != GRAFT_NONE)) return fail(t, "%s is not what the module has", file);
    if (tensor == GRAFT_NONE) continue;
    const graft_type type = graft_tensor_get_type(s->module, tensor);
    if (!same_array(t, file, &type, graft_tensor_get_data(s->module, tensor), file, float_tolerance)) return false;
  }
  return same_place(s, "weight_fq", s->weight_fq, WEIGHT_SCALE, WEIGHT_ZERO) &&
         same_place(s, "act_fq", s->act_fq, ACT_SCALE, ACT_ZERO);
}

static bool passes(subject *s, const char *pipeline) {
  return graft_run_passes(s->module, pipeline, NULL) == GRAFT_OK || library(s->t, pipeline);
}

/* The weight's observer goes on, the activation's does not. */
static bool freeze_and_evaluate(subject *s) {
  const graft_node observe = maker(s->graph, maker(s->graph, s->act_fq, 1), 0);
  const graft_attr off = {.name = "enabled", .kind = GRAFT_ATTR_BOOL, .as.b = false};
  if (graft_node_set_attr(s->graph, observe, &off)) return library(s->t, "the activation's observer");
  if (has_array(s->t, "frozen_train.y")) {
    if (!passes(s, "freeze-bn") || !step(s, 3, "frozen training") || !same_watched(s, Y, "frozen_train.y"))
      return false;
  }
  return passes(s, "to-eval") && step(s, 3, "evaluation") && same_watched(s, Y, "eval.y");
}

/* ---- the float and the quantized module, each from a copy ---- */

static bool copy_of(subject *s, subject *copy) {
  char *bytes;
  size_t size;
  *copy = (subject){.t = s->t};
  for (int i = 0; i < WATCHED; i++) copy->watch[i].value = GRAFT_NONE;
  if (graft_module_print(s->module, GRAFT_FORMAT_BINARY, &bytes, &size)) return library(s->t, "saving");
  copy->module = graft_module_load_memory(s->t->context, bytes, size, "copy.gfb", NULL);
  graft_free(s->t->context, bytes, size);
  if (!copy->module) return library(s->t, "loading");
  copy->graph = graft_module_get_graph(copy->module, 0);
  return true;
}

static void drop(subject *s) {
  for (int i = 0; i < WATCHED; i++) free(s->watch[i].data);
  graft_module_destroy(s->module);
}

static bool same_tensor(subject *s, const char *state, const char *file, double relative) {
  const graft_tensor tensor = tensor_of(s, state);
  if (tensor == GRAFT_NONE) return fail(s->t, "there is no tensor %s for %s", state, file);
  const graft_type type = graft_tensor_get_type(s->module, tensor);
  const void *data = graft_tensor_get_data(s->module, tensor);
  return type.dtype == GRAFT_F32 ? same_array(s->t, file, &type, data, file, relative)
                                 : same_steps(s->t, file, &type, data, file);
}

/* PyTorch's engines may keep a bias of zeros where there is none. */
static bool same_bias(subject *s, const char *file) {
  array want;
  if (!has_array(s->t, file)) return true;
  if (tensor_of(s, "bias") != GRAFT_NONE) return same_tensor(s, "bias", file, float_tolerance);
  if (!read_array(s->t, file, &want)) return false;
  const float *zeros = want.data;
  for (int64_t i = 0; i < graft_type_elements(&want.type); i++)
    if (zeros[i] != 0.0f) return fail(s->t, "there is no bias for %s", file);
  return true;
}

static bool float_module(subject *s) {
  subject f;
  bool ok = copy_of(s, &f) && passes(&f, "qat-to-float");
  for (graft_node n = ok ? graft_node_first(f.graph) : GRAFT_NONE; ok && n != GRAFT_NONE;
       n = graft_node_next(f.graph, n))
    if (op_is(f.graph, n, "batch_norm") || op_is(f.graph, n, "fake_quantize") || op_is(f.graph, n, "observe"))
      ok = fail(s->t, "a %s is left in the float module", graft_node_get_op(f.graph, n));
  if (ok) ok = same_tensor(&f, "weight", "float.weight", float_tolerance);
  if (ok) ok = same_bias(&f, "float.bias");
  if (ok) {
    f.watch[Y].value = graft_output_get(f.graph, 0);
    ok = step(&f, 3, "the float module") && same_watched(&f, Y, "float.y");
  }
  drop(&f);
  return ok;
}

/* What PyTorch's QuantStub gives: the input, quantized by these parameters. */
static graft_node quantize_input(subject *s, const parameters *p) {
  graft_graph *g = s->graph;
  const graft_value x = graft_input_get(g, 0);
  const graft_node first = graft_node_first(g);
  const graft_value scale = graft_scalar(g, GRAFT_F32, p->scale[0]),
                    zero = graft_scalar(g, GRAFT_I32, p->zero_point[0]);
  const graft_attr attrs[] = {{.name = "quant_min", .kind = GRAFT_ATTR_INT, .as.i = 0},
                              {.name = "quant_max", .kind = GRAFT_ATTR_INT, .as.i = 255},
                              {.name = "dtype", .kind = GRAFT_ATTR_DTYPE, .as.dtype = GRAFT_U8}};
  graft_node_options o = {.size = sizeof o,
                          .op = "quantize_per_tensor",
                          .operands = (graft_value[]){x, scale, zero},
                          .operand_count = 3,
                          .attrs = attrs,
                          .attr_count = 3,
                          .before = first,
                          .insert = true};
  const graft_node q = graft_node_create(g, &o);
  if (q == GRAFT_NONE) return q;
  o.op = "dequantize_per_tensor";
  o.operands = (graft_value[]){graft_node_result(g, q, 0), scale, zero};
  const graft_node dq = graft_node_create(g, &o);
  for (graft_node n = dq == GRAFT_NONE ? dq : graft_node_next(g, dq); n != GRAFT_NONE; n = graft_node_next(g, n))
    for (uint32_t i = 0; i < graft_node_operand_count(g, n); i++)
      if (graft_node_operand(g, n, i) == x && graft_node_set_operand(g, n, i, graft_node_result(g, dq, 0)))
        return GRAFT_NONE;
  return dq == GRAFT_NONE ? dq : q;
}

static bool same_parameters(test_case *t, const char *what, const watched *scale, const watched *zero,
                            const parameters *want) {
  const int64_t n = graft_type_elements(&scale->type);
  const float *s = scale->data;
  const int32_t *z = zero->data;
  if (!s || !z || n != want->count) return fail(t, "%s: the quantized module has other parameters", what);
  for (int64_t i = 0; i < n; i++) {
    if (!(fabs((double)s[i] - want->scale[i]) <= scale_tolerance * want->scale[i]))
      return fail(t, "%s: scale %.9g instead of %.9g", what, (double)s[i], want->scale[i]);
    if ((double)z[i] != want->zero_point[i])
      return fail(t, "%s: zero point %d instead of %g", what, (int)z[i], want->zero_point[i]);
  }
  return true;
}

static bool watch_tensor(subject *s, watched *w, graft_value v) {
  const graft_tensor tensor = graft_value_tensor(s->graph, v);
  const graft_type type = graft_tensor_get_type(s->module, tensor);
  const void *data = tensor == GRAFT_NONE ? NULL : graft_tensor_get_data(s->module, tensor);
  const size_t size = data ? (size_t)graft_type_elements(&type) * graft_dtype_size(type.dtype) : 0;
  void *copy = size ? realloc(w->data, size) : NULL;
  if (!copy) return fail(s->t, "a scale or zero point is no constant");
  memcpy(copy, data, size);
  w->data = copy;
  w->type = type;
  return true;
}

/* PyTorch's line, word for word; the scale may be a rounding beside. */
static bool same_line(subject *s) {
  char got[500];
  const char *want = json_string_value(json_object_get(json_object_get(s->t->meta, "quant"), "repr"));
  if (graft_quantized_conv_repr(s->graph, NAME, got, sizeof got) == 0) return library(s->t, "repr");
  const char *a = strstr(got, "scale="), *b = want ? strstr(want, "scale=") : NULL;
  if (!a || !b || a - got != b - want || strncmp(got, want, (size_t)(a - got)) != 0)
    return fail(s->t, "repr is %s", got);
  /* qnnpack packs zeros where there is no bias, and PyTorch's line does not say that there is none */
  const char *engine = json_string_value(json_object_get(s->t->meta, "engine"));
  char *none = strstr(got, ", bias=False");
  if (none && engine && strcmp(engine, "qnnpack") == 0 && !strstr(want, "bias=False"))
    memmove(none, none + strlen(", bias=False"), strlen(none + strlen(", bias=False")) + 1);
  char *after_a, *after_b;
  const double scale = strtod(a + 6, &after_a), wanted = strtod(b + 6, &after_b);
  return (fabs(scale - wanted) <= scale_tolerance * wanted && strcmp(after_a, after_b) == 0) ||
         fail(s->t, "repr is %s", got);
}

/* The one integer layer of the lowered graph: its parameters, and its result on input.3. */
static bool same_integers(subject *s, graft_node quantize) {
  test_case *t = s->t;
  graft_graph *g = s->graph;
  graft_node layer = GRAFT_NONE;
  parameters weight, y;
  for (graft_node n = graft_node_first(g); n != GRAFT_NONE; n = graft_node_next(g, n)) {
    const char *op = graft_node_get_op(g, n);
    if (strncmp(op, "quantized.conv", 14) == 0 || strncmp(op, "quantized.linear", 16) == 0) layer = n;
  }
  if (layer == GRAFT_NONE) return fail(t, "nothing computes in integers");
  for (int i = 0; i < 4; i++) { /* x, weight, bias, x's parameters, the weight's, y's */
    static const uint32_t slots[] = {5, 6, 7, 8};
    static const int where[] = {WEIGHT_SCALE, WEIGHT_ZERO, ACT_SCALE, ACT_ZERO};
    if (!watch_tensor(s, &s->watch[where[i]], graft_node_operand(g, layer, slots[i]))) return false;
  }
  s->watch[Y].value = graft_node_result(g, layer, 0);
  s->watch[FQ].value = graft_node_result(g, quantize, 0);
  return read_parameters(t, "quant.weight.qparams", &weight) && read_parameters(t, "quant.y.qparams", &y) &&
         same_parameters(t, "quant.weight", &s->watch[WEIGHT_SCALE], &s->watch[WEIGHT_ZERO], &weight) &&
         same_parameters(t, "quant.y", &s->watch[ACT_SCALE], &s->watch[ACT_ZERO], &y) &&
         same_tensor(s, "weight", "quant.weight", 0) && same_bias(s, "quant.bias") && same_line(s) &&
         step(s, 3, "the quantized module") && same_watched(s, FQ, "quant.x") &&
         same_steps(t, "quant.y", &s->watch[Y].type, s->watch[Y].data, "quant.y");
}

/* PyTorch's from_float: the folded weight is observed once more, and the observer's formula gives all parameters. */
static bool quantized_module(subject *s) {
  test_case *t = s->t;
  subject q;
  parameters x;
  char lower[64];
  const char *engine = json_string_value(json_object_get(t->meta, "engine"));
  snprintf(lower, sizeof lower, "lower{requantize=%s}", engine ? engine : "float");
  if (!read_parameters(t, "quant.x.qparams", &x)) return false;
  bool ok = copy_of(s, &q);
  const graft_node quantize = ok ? quantize_input(&q, &x) : GRAFT_NONE;
  if (ok && quantize == GRAFT_NONE) ok = library(t, "quantizing the input");
  ok = ok && passes(&q, "convert{qparams=observer,observe-weights=true}") && passes(&q, lower) &&
       same_integers(&q, quantize);
  drop(&q);
  return ok;
}

/* The same by name, in place. */
static bool from_float(subject *s) {
  subject q;
  const bool ok = copy_of(s, &q) && same_from_float(s->t, q.module, NAME);
  drop(&q);
  return ok;
}

bool run_qat(test_case *t) {
  subject s = {.t = t, .module = graft_module_create(t->context)};
  for (int i = 0; i < WATCHED; i++) s.watch[i].value = GRAFT_NONE;
  s.graph = s.module ? graft_graph_create(s.module, "main") : NULL;
  bool ok = s.graph || library(t, "a module");
  ok = ok && build(&s) && train(&s) && freeze_and_evaluate(&s) && (!has_array(t, "quant.y") || from_float(&s)) &&
       (!has_array(t, "float.y") || float_module(&s)) && (!has_array(t, "quant.y") || quantized_module(&s));
  drop(&s);
  return ok;
}
