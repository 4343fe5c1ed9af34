#include "network.h"

#include "ir/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 200 };

static const char *errors(graft_context *c) {
  static char text[2048];
  size_t at = 0;
  text[0] = '\0';
  for (uint32_t i = 0; i < graft_diagnostic_count(c) && at < sizeof text; i++) {
    graft_diagnostic d = graft_diagnostic_get(c, i);
    at += (size_t)snprintf(text + at, sizeof text - at, "%s: %s\n", d.node, d.message);
  }
  return text;
}

/* ---- building ---- */

network network_of(graft_context *context, graft_module *module) {
  ck_assert_msg(module != NULL, "%s", errors(context));
  return (network){.context = context, .module = module, .graph = graft_module_get_graph(module, 0)};
}

network network_begin(int dim) {
  graft_context *c = graft_context_create(NULL);
  graft_module *m = graft_module_create(c);
  ck_assert_ptr_nonnull(graft_graph_create(m, "main"));
  network n = network_of(c, m);
  n.dim = dim;
  return n;
}

network network_from_text(const char *gir) {
  graft_context *c = graft_context_create(NULL);
  return network_of(c, graft_module_load_memory(c, gir, strlen(gir), "test.gir", NULL));
}

network network_clone(const network *n) {
  char *bytes;
  size_t size;
  ck_assert_int_eq(graft_module_print(n->module, GRAFT_FORMAT_BINARY, &bytes, &size), GRAFT_OK);
  graft_context *c = graft_context_create(NULL);
  network copy = network_of(c, graft_module_load_memory(c, bytes, size, "clone.gfb", NULL));
  graft_free(n->context, bytes, size);
  copy.dim = n->dim;
  return copy;
}

void network_end(network *n, graft_value y) {
  ck_assert_msg(y != GRAFT_NONE, "%s", errors(n->context));
  ck_assert_int_eq(graft_output_add(n->graph, "y", y), GRAFT_OK);
  ck_assert_msg(graft_module_verify(n->module) == GRAFT_OK, "%s", errors(n->context));
}

void network_destroy(network *n) {
  graft_module_destroy(n->module);
  graft_context_destroy(n->context);
}

graft_value add_input(network *n, int64_t batch, int64_t channels, int64_t extent) {
  graft_type type = graft_type_make(GRAFT_F32, n->dim + 2, (int64_t[GRAFT_MAX_RANK]){batch, channels, extent, extent});
  return graft_input_add(n->graph, "x", &type);
}

static graft_value filled(network *n, const char *name, const char *part, graft_tensor_kind kind, int32_t rank,
                          const int64_t *dims, double lo, double hi) {
  char text[NAME];
  snprintf(text, sizeof text, "%s.%s", name, part);
  graft_type type = graft_type_make(GRAFT_F32, rank, dims);
  return graft_tensor_value(n->graph, graft_tensor_fill(n->module, text, kind, &type, lo, hi));
}

static graft_value weight(network *n, const char *name, int32_t rank, const int64_t *dims) {
  double fan = 1;
  for (int32_t i = 1; i < rank; i++) fan *= (double)dims[i];
  return filled(n, name, "weight", GRAFT_PARAMETER, rank, dims, -sqrt(6 / fan), sqrt(6 / fan));
}

graft_value add_conv(network *n, const char *name, graft_value x, layer l) {
  int64_t groups = l.groups ? l.groups : 1, one = l.stride ? l.stride : 1, dilation = l.dilation ? l.dilation : 1;
  int64_t dims[GRAFT_MAX_RANK] = {l.transpose ? l.in : l.out, (l.transpose ? l.out : l.in) / groups, l.kernel,
                                  l.kernel};
  graft_value operands[] = {x, weight(n, name, n->dim + 2, dims),
                            l.bias ? filled(n, name, "bias", GRAFT_PARAMETER, 1, &l.out, -0.1, 0.1) : GRAFT_NONE};
  graft_attr attrs[] = {graft_attr_ints("stride", (int64_t[]){one, one}, (uint32_t)n->dim),
                        graft_attr_ints("padding", (int64_t[]){l.padding, l.padding}, (uint32_t)n->dim),
                        graft_attr_ints("dilation", (int64_t[]){dilation, dilation}, (uint32_t)n->dim),
                        graft_attr_int("groups", groups)};
  char op[32];
  snprintf(op, sizeof op, "conv%s%dd", l.transpose ? "_transpose" : "", n->dim);
  graft_node_options o = {.size = sizeof o,
                          .op = op,
                          .operands = operands,
                          .operand_count = 3,
                          .attrs = attrs,
                          .attr_count = 4,
                          .name = name,
                          .source = name};
  graft_node node = graft_node_create(n->graph, &o);
  ck_assert_msg(node != GRAFT_NONE, "%s", errors(n->context));
  return graft_node_result(n->graph, node, 0);
}

graft_value add_batch_norm(network *n, const char *name, graft_value x, int64_t channels, double eps, double momentum) {
  graft_value gamma = filled(n, name, "weight", GRAFT_PARAMETER, 1, &channels, 0.5, 1.5),
              beta = filled(n, name, "bias", GRAFT_PARAMETER, 1, &channels, -0.2, 0.2),
              mean = filled(n, name, "running_mean", GRAFT_BUFFER, 1, &channels, -0.2, 0.2),
              var = filled(n, name, "running_var", GRAFT_BUFFER, 1, &channels, 0.5, 1.5);
  graft_batch_norm_options o = GRAFT_BATCH_NORM_DEFAULTS;
  o.training = true;
  o.eps = eps;
  o.momentum = momentum;
  o.results = 3;
  o.name = o.source = name;
  graft_batch_norm_results r = graft_build_batch_norm(n->graph, x, gamma, beta, mean, var, GRAFT_NONE, &o);
  ck_assert_msg(r.y != GRAFT_NONE, "%s", errors(n->context));
  ck_assert_int_eq(graft_update_add(n->graph, graft_value_tensor(n->graph, mean), r.mean), GRAFT_OK);
  ck_assert_int_eq(graft_update_add(n->graph, graft_value_tensor(n->graph, var), r.var), GRAFT_OK);
  return r.y;
}

graft_value add_linear(network *n, const char *name, graft_value x, int64_t in, int64_t out, bool bias) {
  graft_linear_options o = GRAFT_LINEAR_DEFAULTS;
  o.name = o.source = name;
  graft_value b = bias ? filled(n, name, "bias", GRAFT_PARAMETER, 1, &out, -0.1, 0.1) : GRAFT_NONE;
  return graft_build_linear(n->graph, x, weight(n, name, 2, (int64_t[]){out, in}), b, &o);
}

graft_value add_op(network *n, const char *op, const char *name, graft_value x, graft_value other) {
  graft_node_options o = {.size = sizeof o,
                          .op = op,
                          .operands = (graft_value[]){x, other},
                          .operand_count = other == GRAFT_NONE ? 1 : 2,
                          .name = name,
                          .source = name};
  graft_node node = graft_node_create(n->graph, &o);
  ck_assert_msg(node != GRAFT_NONE, "%s", errors(n->context));
  return graft_node_result(n->graph, node, 0);
}

/* ---- running ---- */

void run_passes(network *n, const char *pipeline) {
  graft_pass_options o = {.size = sizeof o, .verify_each = true};
  ck_assert_msg(graft_run_passes(n->module, pipeline, &o) == GRAFT_OK, "%s: %s", pipeline, errors(n->context));
}

void run_passes_error(network *n, const char *pipeline, const char *message) {
  graft_diagnostics_clear(n->context);
  ck_assert_int_ne(graft_run_passes(n->module, pipeline, NULL), GRAFT_OK);
  ck_assert_msg(strstr(errors(n->context), message) != NULL, "%s", errors(n->context));
}

static array run_with(network *n, array x, bool reference, uint32_t threads) {
  graft_session_options o = {.size = sizeof o, .reference = reference, .threads = threads};
  graft_session *s = graft_session_create(n->graph, &o);
  ck_assert_msg(s != NULL, "%s", errors(n->context));
  graft_type type = graft_value_get_type(n->graph, graft_input_get(n->graph, 0));
  if (type.rank == 3)
    type = graft_type_make(GRAFT_F32, 3, (int64_t[]){x.n, x.c, x.w});
  else if (type.rank < 5) /* else as the graph says */
    type = graft_type_make(GRAFT_F32, type.rank, (int64_t[]){x.n, x.c, x.h, x.w});
  ck_assert_int_eq(graft_type_elements(&type), array_count(x));
  ck_assert_msg(graft_session_set_input(s, 0, &type, x.data) == GRAFT_OK, "%s", errors(n->context));
  ck_assert_msg(graft_session_run(s) == GRAFT_OK, "%s", errors(n->context));
  const void *data = graft_session_get_output(s, 0, &type);
  ck_assert_int_eq(type.dtype, GRAFT_F32);
  const int64_t *d = type.dims;
  const int64_t h = type.rank > 4 ? d[2] * d[3] : type.rank > 3 ? d[2] : 1;
  array y = array_make(d[0], type.rank > 1 ? d[1] : 1, h, type.rank > 2 ? d[type.rank - 1] : 1);
  memcpy(y.data, data, (size_t)array_count(y) * sizeof *y.data);
  graft_session_destroy(s);
  return y;
}

array run(network *n, array x) { return run_with(n, x, true, 1); }
array run_fast(network *n, array x) { return run_with(n, x, false, 1); }
array run_on_threads(network *n, array x, uint32_t threads) { return run_with(n, x, true, threads); }

void expect_close(array got, array want, double tolerance) {
  double top = 0;
  ck_assert_int_eq(array_count(got), array_count(want));
  for (int64_t i = 0; i < array_count(want); i++) top = fmax(top, fabs((double)want.data[i]));
  for (int64_t i = 0; i < array_count(want); i++)
    ck_assert_double_eq_tol((double)got.data[i], (double)want.data[i], tolerance * top);
}

void expect_same(array got, array want) {
  ck_assert_int_eq(array_count(got), array_count(want));
  for (int64_t i = 0; i < array_count(want); i++)
    ck_assert_msg(got.data[i] == want.data[i], "element %d is %.9g, expected %.9g", (int)i, (double)got.data[i],
                  (double)want.data[i]);
}

void expect_quantized(array got, array want, double step) {
  int64_t n = array_count(want), off = 0;
  ck_assert_int_eq(array_count(got), n);
  for (int64_t i = 0; i < n; i++) {
    double d = fabs((double)got.data[i] - (double)want.data[i]);
    ck_assert_msg(d <= 1.01 * step, "element %d is %.9g, expected %.9g: %.3g steps of %.3g", (int)i,
                  (double)got.data[i], (double)want.data[i], d / step, step);
    off += d > 0.01 * step;
  }
  ck_assert_msg(off <= 1 || 100 * off <= 3 * n, "%d of %d elements are a step off", (int)off, (int)n);
}

void expect_vector(network *n, const char *tensor, const float *want, int64_t size, double tolerance) {
  const float *got = tensor_floats(n, tensor);
  for (int64_t i = 0; i < size; i++)
    ck_assert_msg(fabs((double)got[i] - (double)want[i]) <= tolerance, "%s[%d] is %.9g, expected %.9g", tensor, (int)i,
                  (double)got[i], (double)want[i]);
}

/* ---- looking ---- */

const float *tensor_floats(network *n, const char *name) {
  graft_tensor t = graft_tensor_find(n->module, name);
  ck_assert_msg(t != GRAFT_NONE, "there is no tensor %s", name);
  ck_assert_int_eq(graft_tensor_get_type(n->module, t).dtype, GRAFT_F32);
  return graft_tensor_get_data(n->module, t);
}

graft_value output(const network *n) { return graft_output_get(n->graph, 0); }

graft_node maker(const network *n, graft_value v) {
  ck_assert_uint_ne(v, GRAFT_NONE);
  graft_node node = graft_value_node(n->graph, v);
  ck_assert_uint_ne(node, GRAFT_NONE);
  return node;
}

graft_node operand_maker(const network *n, graft_node node, uint32_t slot) {
  ck_assert_uint_lt(slot, graft_node_operand_count(n->graph, node));
  return maker(n, graft_node_operand(n->graph, node, slot));
}

graft_node find(const network *n, const char *name) {
  graft_value v = graft_value_find(n->graph, name);
  ck_assert_msg(v != GRAFT_NONE, "there is no node %s", name);
  return maker(n, v);
}

graft_node only(const network *n, const char *op) {
  ck_assert_int_eq(count(n, op), 1);
  graft_node node = graft_node_first(n->graph);
  while (strcmp(op_of(n, node), op) != 0) node = graft_node_next(n->graph, node);
  return node;
}

const char *op_of(const network *n, graft_node node) { return graft_node_get_op(n->graph, node); }

void expect_op(const network *n, graft_node node, const char *op) { ck_assert_str_eq(op_of(n, node), op); }

void expect_tensor(const network *n, graft_value v, const char *name) {
  graft_tensor t = graft_value_tensor(n->graph, v);
  char text[NAME];
  ck_assert_uint_ne(t, GRAFT_NONE);
  graft_tensor_name(n->module, t, text, sizeof text);
  ck_assert_str_eq(text, name);
}

int count(const network *n, const char *op) {
  int found = 0;
  for (graft_node i = graft_node_first(n->graph); i != GRAFT_NONE; i = graft_node_next(n->graph, i))
    found += strcmp(op_of(n, i), op) == 0;
  return found;
}

graft_attr attr(const network *n, graft_node node, const char *name) {
  graft_attr a;
  ck_assert_msg(graft_node_attr(n->graph, node, name, &a), "%s has no attribute %s", op_of(n, node), name);
  return a;
}

void expect_ints(const network *n, graft_node node, const char *name, int64_t each) {
  graft_attr a = attr(n, node, name);
  ck_assert_int_eq(a.count, n->dim);
  for (uint32_t i = 0; i < a.count; i++) ck_assert_int_eq(a.as.ints[i], each);
}

static void expect_range(const network *n, graft_node node, const fake_quant_spec *want) {
  ck_assert_int_eq(attr(n, node, "dtype").as.dtype, want->dtype);
  ck_assert_int_eq(attr(n, node, "quant_min").as.i, want->quant_min);
  ck_assert_int_eq(attr(n, node, "quant_max").as.i, want->quant_max);
}

static void expect_axis(const network *n, graft_node node, const fake_quant_spec *want) {
  graft_attr axis = attr(n, node, "axis");
  ck_assert_int_eq(axis.kind, want->channels ? GRAFT_ATTR_INT : GRAFT_ATTR_NONE);
  if (want->channels) ck_assert_int_eq(axis.as.i, want->axis);
}

graft_value expect_fake_quant(const network *n, graft_value v, const fake_quant_spec *want) {
  graft_node fq = maker(n, v);
  expect_op(n, fq, "fake_quantize");
  expect_range(n, fq, want);
  expect_axis(n, fq, want);
  ck_assert(attr(n, fq, "enabled").as.b);
  graft_node qparams = operand_maker(n, fq, 1);
  expect_op(n, qparams, "qparams");
  ck_assert_uint_eq(qparams, operand_maker(n, fq, 2));
  expect_range(n, qparams, want);
  ck_assert_str_eq(attr(n, qparams, "scheme").as.s, want->scheme);
  ck_assert_str_eq(attr(n, qparams, "formula").as.s, want->formula);
  ck_assert_double_eq(attr(n, qparams, "eps").as.f, want->eps);
  graft_type type = graft_value_get_type(n->graph, graft_node_operand(n->graph, fq, 1));
  ck_assert_int_eq(type.rank, want->channels ? 1 : 0);
  if (want->channels) ck_assert_int_eq(type.dims[0], want->channels);
  graft_node observe = operand_maker(n, qparams, 0);
  expect_op(n, observe, "observe");
  expect_axis(n, observe, want);
  ck_assert_str_eq(attr(n, observe, "observer").as.s, "moving_average_min_max");
  ck_assert_double_eq(attr(n, observe, "averaging_constant").as.f, 0.01);
  ck_assert(attr(n, observe, "enabled").as.b);
  graft_value x = graft_node_operand(n->graph, fq, 0);
  ck_assert_uint_eq(graft_node_operand(n->graph, observe, 0), x);
  return x;
}

graft_tensor state_of(const network *n, graft_value v) {
  graft_node observe = operand_maker(n, operand_maker(n, maker(n, v), 1), 0);
  graft_value state = graft_node_operand(n->graph, observe, 1);
  while (graft_value_tensor(n->graph, state) == GRAFT_NONE) { /* an earlier place of the group */
    observe = maker(n, state);
    expect_op(n, observe, "observe");
    state = graft_node_operand(n->graph, observe, 1);
  }
  graft_tensor t = graft_value_tensor(n->graph, state);
  ck_assert_int_eq(graft_tensor_get_kind(n->module, t), GRAFT_BUFFER);
  return t;
}

graft_node expect_dequantized(const network *n, graft_value v, const fake_quant_spec *want, bool constant) {
  graft_node dq = maker(n, v);
  expect_op(n, dq, want->channels ? "dequantize_per_channel" : "dequantize_per_tensor");
  expect_range(n, dq, want);
  if (want->channels) expect_axis(n, dq, want);
  graft_value x = graft_node_operand(n->graph, dq, 0);
  ck_assert_int_eq(graft_value_get_type(n->graph, x).dtype, want->dtype);
  if (constant) {
    graft_tensor t = graft_value_tensor(n->graph, x);
    ck_assert_uint_ne(t, GRAFT_NONE);
    ck_assert_int_eq(graft_tensor_get_kind(n->module, t), GRAFT_CONSTANT);
    return dq;
  }
  graft_node q = maker(n, x);
  expect_op(n, q, want->channels ? "quantize_per_channel" : "quantize_per_tensor");
  expect_range(n, q, want);
  for (uint32_t i = 1; i < 3; i++)
    ck_assert_uint_eq(graft_node_operand(n->graph, q, i), graft_node_operand(n->graph, dq, i));
  return dq;
}

float scale_of(const network *n, graft_node node, int64_t channel) {
  graft_tensor t = graft_value_tensor(n->graph, graft_node_operand(n->graph, node, 1));
  ck_assert_uint_ne(t, GRAFT_NONE);
  graft_type type = graft_tensor_get_type(n->module, t);
  ck_assert_int_lt(channel, graft_type_elements(&type));
  return ((const float *)graft_tensor_get_data(n->module, t))[channel];
}

double output_step(const network *n) {
  graft_node dq = maker(n, output(n));
  expect_op(n, dq, "dequantize_per_tensor");
  return (double)scale_of(n, dq, 0);
}
