/* What onnxruntime's optimizer makes of several ops, taken apart again. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

/* ---- with an activation at the end ---- */

typedef struct activation {
  const char *name;
  uint32_t op;
  const char *attrs[2]; /* graft's, for activation_params or activation_alpha and activation_beta */
  double otherwise[2];
} activation;

/* "" or NULL: none. False: one that is not known. */
static bool find_activation(const gr_onnx *in, activation *found) {
  static const activation rows[] = {{"", GR_OP_COUNT, {NULL}, {0}},
                                    {"Relu", GR_OP_relu, {NULL}, {0}},
                                    {"Tanh", GR_OP_tanh, {NULL}, {0}},
                                    {"Sigmoid", GR_OP_sigmoid, {NULL}, {0}},
                                    {"HardSwish", GR_OP_hardswish, {NULL}, {0}},
                                    {"LeakyRelu", GR_OP_leaky_relu, {"negative_slope", NULL}, {0.01, 0}},
                                    {"HardSigmoid", GR_OP_hardsigmoid, {"alpha", "beta"}, {0.2, 0.5}},
                                    {"Clip", GR_OP_hardtanh, {"min_val", "max_val"}, {0, 6}}};
  *found = rows[0];
  if (!gr_onnx_attr(in, "activation")) return true;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (gr_onnx_attr_is(in, "activation", rows[i].name)) return *found = rows[i], true;
  return false;
}

static bool finish_activated(gr_onnx *in, const activation *a, graft_value y) {
  static const char *const names[2] = {"activation_alpha", "activation_beta"};
  const Onnx__AttributeProto *params = gr_onnx_attr(in, "activation_params");
  if (y == GRAFT_NONE) return false;
  gr_onnx_begin(in, a->op);
  for (uint32_t i = 0; i < 2 && a->attrs[i]; i++)
    gr_onnx_set_float(in, a->attrs[i],
                      params && i < params->n_floats ? gr_onnx_decimal(params->floats[i])
                                                     : gr_onnx_attr_float(in, names[i], a->otherwise[i]));
  return gr_onnx_finish(in, &y, 1);
}

static bool stays(gr_onnx *in, const char *why) {
  const graft_value x = gr_onnx_input(in, 0);
  return !in->failed &&
         gr_onnx_stays(in, &(graft_type){.dtype = gr_onnx_value_type(in, x)->dtype, .rank = -1}, "%s", why);
}

/* The fourth input is added before the activation. */
bool gr_onnx_fused_conv(gr_onnx *in) {
  const graft_value parts[3] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1), gr_onnx_input(in, 2)},
                    z = gr_onnx_input(in, 3);
  activation a;
  if (in->failed) return false;
  if (!find_activation(in, &a)) return stays(in, "its activation is none that is known");
  if (a.op == GR_OP_COUNT && z == GRAFT_NONE) return gr_onnx_finish_of(in, "Conv", parts, 3);
  graft_value y = gr_onnx_step_of(in, "Conv", parts, 3);
  if (z == GRAFT_NONE) return finish_activated(in, &a, y);
  if (y == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_add);
  if (a.op == GR_OP_COUNT) return gr_onnx_finish(in, (graft_value[]){y, z}, 2);
  return finish_activated(in, &a, gr_onnx_step(in, (graft_value[]){y, z}, 2));
}

bool gr_onnx_fused_gemm(gr_onnx *in) {
  const graft_value parts[3] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1), gr_onnx_input(in, 2)};
  activation a;
  if (in->failed) return false;
  if (!find_activation(in, &a)) return stays(in, "its activation is none that is known");
  if (a.op == GR_OP_COUNT) return gr_onnx_finish_of(in, "Gemm", parts, 3);
  return finish_activated(in, &a, gr_onnx_step_of(in, "Gemm", parts, 3));
}

/* ---- products ---- */

/* The last two axes swapped; a vector has none to swap. */
static graft_value transposed(gr_onnx *in, graft_value v) {
  gr_onnx_parameter(in, v);
  if (gr_onnx_value_type(in, v)->rank == 1) return v;
  gr_onnx_begin(in, GR_OP_transpose);
  gr_onnx_set_int(in, "dim0", -2);
  gr_onnx_set_int(in, "dim1", -1);
  return gr_onnx_step(in, &v, 1);
}

bool gr_onnx_fused_matmul(gr_onnx *in) {
  graft_value parts[2] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1)};
  const double alpha = gr_onnx_attr_float(in, "alpha", 1);
  if (in->failed) return false;
  if (gr_onnx_attr_bool(in, "transBatchA", false) || gr_onnx_attr_bool(in, "transBatchB", false))
    return stays(in, "transBatchA or transBatchB moves the batch axes");
  if (gr_onnx_attr_bool(in, "transA", false)) parts[0] = transposed(in, parts[0]);
  if (parts[0] != GRAFT_NONE && gr_onnx_attr_bool(in, "transB", false)) parts[1] = transposed(in, parts[1]);
  if (in->failed) return false;
  if (alpha == 1) return gr_onnx_finish_of(in, "MatMul", parts, 2);
  const graft_value y = gr_onnx_step_of(in, "MatMul", parts, 2);
  if (y == GRAFT_NONE) return false;
  const graft_value factor = graft_scalar(in->scope->graph, gr_onnx_value_type(in, y)->dtype, alpha);
  if (factor == GRAFT_NONE) return in->failed = true, false;
  gr_onnx_begin(in, GR_OP_mul);
  return gr_onnx_finish(in, (graft_value[]){y, factor}, 2);
}

/* ---- gelu ---- */

/* BiasGelu by the error function, FastGelu by tanh, whose bias may be absent. */
bool gr_onnx_bias_gelu(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  const graft_value bias = gr_onnx_input(in, 1);
  if (!in->failed && bias != GRAFT_NONE) x = gr_onnx_binary(in, GR_OP_add, x, bias);
  if (in->failed) return false;
  gr_onnx_begin(in, GR_OP_gelu);
  if (strcmp(in->row->name, "FastGelu") == 0) gr_onnx_set_string(in, "approximate", "tanh");
  return gr_onnx_finish(in, &x, 1);
}

/* x * sigmoid(alpha x) */
bool gr_onnx_quick_gelu(gr_onnx *in) {
  const graft_value x = gr_onnx_input(in, 0);
  const double alpha = gr_onnx_attr_float(in, "alpha", 1.702);
  if (in->failed) return false;
  if (alpha == 1) {
    gr_onnx_begin(in, GR_OP_silu);
    return gr_onnx_finish(in, &x, 1);
  }
  const graft_dtype dtype = gr_onnx_value_type(in, x)->dtype;
  const graft_value factor = graft_scalar(in->scope->graph, dtype == GRAFT_UNKNOWN ? GRAFT_F32 : dtype, alpha);
  const graft_value gate = gr_onnx_unary(in, GR_OP_sigmoid, gr_onnx_binary(in, GR_OP_mul, x, factor));
  if (gate == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_mul);
  return gr_onnx_finish(in, (graft_value[]){x, gate}, 2);
}

/* ---- norms ---- */

/* The norm of x + skip + bias over the last axis, and that sum. Of SkipLayerNormalization the inputs after gamma are
 * beta and bias, of SkipSimplifiedLayerNormalization it is the bias. */
bool gr_onnx_skip_norm(gr_onnx *in) {
  const bool rms = in->row->op == GR_OP_rms_norm;
  const graft_value gamma = gr_onnx_input(in, 2), beta = rms ? GRAFT_NONE : gr_onnx_input(in, 3),
                    bias = gr_onnx_input(in, rms ? 3 : 4);
  graft_value sum = gr_onnx_binary(in, GR_OP_add, gr_onnx_input(in, 0), gr_onnx_input(in, 1));
  if (!in->failed && bias != GRAFT_NONE) sum = gr_onnx_binary(in, GR_OP_add, sum, bias);
  if (in->failed || sum == GRAFT_NONE) return false;
  if (gr_onnx_output_read(in, 1) || gr_onnx_output_read(in, 2))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: its mean or inv_std_var is read", in->row->name), false;
  const graft_type *t = gr_onnx_value_type(in, gamma);
  const int64_t extent = t->rank == 1 ? t->dims[0] : -1;
  gr_onnx_begin(in, in->row->op);
  gr_onnx_set_ints(in, "normalized_shape", &extent, 1);
  gr_onnx_set_mapped(in);
  return gr_onnx_finish(in, (graft_value[]){sum, gamma, beta}, rms ? 2 : 3) && gr_onnx_alias(in, 3, sum);
}
