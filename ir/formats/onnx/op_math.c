/* Batch norm, matrix products, elementwise ops. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

/* ---- batch norm ---- */

/* The tensor behind input i, whatever updates it has seen; it holds statistics from now on. */
static graft_tensor statistics(gr_onnx *in, uint32_t i) {
  const gr_onnx_symbol *s = gr_onnx_scope_visible(in->scope, in->node->input[i]);
  if (!s || s->tensor == GRAFT_NONE) return GRAFT_NONE;
  in->module->tensors.data[s->tensor].kind = GRAFT_BUFFER;
  return s->tensor;
}

static bool update(gr_onnx *in, graft_tensor t, graft_value v) {
  gr_onnx_scope *s = gr_onnx_scope_base(in->scope);
  if (t == GRAFT_NONE) return true;
  while (s->updates.len <= t)
    if (!gr_vec_push(in->context, &s->updates, GRAFT_NONE)) return false;
  s->updates.data[t] = v;
  return true;
}

/* What the tensor is after the updates so far. */
static graft_value state_now(gr_onnx *in, graft_tensor t, graft_value initially) {
  const gr_onnx_scope *base = gr_onnx_scope_base(in->scope);
  const graft_value v = t < base->updates.len ? base->updates.data[t] : GRAFT_NONE;
  return v == GRAFT_NONE ? initially : v;
}

/* Statistics that another batch norm (one of another weight or bias) has updated, or that are the mean and the variance
 * at once, are one initializer by chance: they start as a copy. A module that is called twice goes on with what its
 * first call made. */
static bool part_statistics(gr_onnx *in, graft_value *operands, uint32_t i, graft_tensor taken, graft_tensor *t) {
  graft_graph *g = in->scope->graph;
  const graft_value v = state_now(in, *t, GRAFT_NONE);
  const graft_node other = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
  bool same = *t != taken || *t == GRAFT_NONE;
  for (uint32_t k = 1; k < 3 && other != GRAFT_NONE; k++) same = same && gr_operand(g, other, k) == operands[k];
  if (same) return true;
  *t = gr_tensor_copy(in->module, *t, GRAFT_BUFFER);
  operands[i] = *t == GRAFT_NONE ? GRAFT_NONE : gr_handle(g, *t);
  return operands[i] != GRAFT_NONE;
}

/* In training the running statistics become what PyTorch makes of them, whose variance divides by n - 1; ONNX's own
 * definition divides by n, which only somebody who reads the outputs can want. */
bool gr_onnx_batch_norm(gr_onnx *in) {
  graft_value operands[5];
  for (uint32_t i = 0; i < 5; i++) operands[i] = gr_onnx_input(in, i);
  if (in->failed) return false;
  bool read = false, outputs = false;
  for (uint32_t i = 1; i < in->node->n_output; i++) {
    outputs = outputs || in->node->output[i][0];
    read = read || gr_onnx_output_read(in, i);
  }
  bool training = in->opset >= 14 ? gr_onnx_attr_bool(in, "training_mode", false) : outputs;
  if (!training && read)
    return gr_onnx_fail(in, GRAFT_TYPE, "BatchNormalization: statistics are made in training only"), false;
  if (gr_onnx_output_read(in, 3) || gr_onnx_output_read(in, 4))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "its saved_mean or saved_var is read"), false;
  if (!gr_onnx_attr_bool(in, "spatial", true)) /* until opset 8 */
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "spatial 0, statistics of each element"), false;
  const Onnx__AttributeProto *momentum = gr_onnx_attr(in, "momentum");
  graft_tensor mean = statistics(in, 3), var = statistics(in, 4);
  operands[3] = state_now(in, mean, operands[3]);
  operands[4] = state_now(in, var, operands[4]);
  gr_onnx_begin(in, GR_OP_batch_norm);
  gr_onnx_set_bool(in, "training", training);
  gr_onnx_set_float(in, "eps", gr_onnx_attr_float(in, "epsilon", 1e-5));
  gr_onnx_set_float(in, "momentum", gr_onnx_one_minus(momentum ? momentum->f : 0.9f));
  if (!training) return gr_onnx_finish(in, operands, 5);
  if (!part_statistics(in, operands, 3, GRAFT_NONE, &mean) || !part_statistics(in, operands, 4, mean, &var))
    return false;
  gr_onnx_set_bool(in, "unbiased", !read);
  const char *names[3] = {NULL, NULL, NULL};
  for (uint32_t i = 0; i < 3 && i < in->node->n_output; i++) names[i] = in->node->output[i];
  graft_node n = gr_onnx_end(in, operands, 5, names, 3, 0, NULL);
  const graft_graph *g = in->scope->graph;
  return n != GRAFT_NONE && update(in, mean, gr_result(g, n, 1)) && update(in, var, gr_result(g, n, 2));
}

/* ---- matrix products ---- */

static graft_value transposed(gr_onnx *in, graft_value v) {
  gr_onnx_begin(in, GR_OP_transpose);
  gr_onnx_set_int(in, "dim0", 0);
  gr_onnx_set_int(in, "dim1", 1);
  return gr_onnx_step(in, &v, 1);
}

bool gr_onnx_gemm(gr_onnx *in) {
  graft_value a = gr_onnx_input(in, 0), b = gr_onnx_input(in, 1), c = gr_onnx_input(in, 2);
  double alpha = gr_onnx_attr_float(in, "alpha", 1.0), beta = gr_onnx_attr_float(in, "beta", 1.0);
  if (in->failed) return false;
  gr_onnx_parameter(in, a);
  gr_onnx_parameter(in, b);
  gr_onnx_parameter(in, c);
  /* Without C, alpha is part of the layer, not a multiplication after it. */
  if (c == GRAFT_NONE && alpha != 1.0 && gr_value_tensor(in->scope->graph, b) != GRAFT_NONE) {
    c = graft_scalar(in->scope->graph, gr_onnx_value_type(in, b)->dtype, 0.0);
    beta = 0.0;
    if (c == GRAFT_NONE) return false;
  }
  if (gr_onnx_attr_bool(in, "transA", false)) a = transposed(in, a);
  if (!in->failed && gr_onnx_attr_bool(in, "transB", false)) b = transposed(in, b);
  if (in->failed) return false;
  if (c != GRAFT_NONE) {
    gr_onnx_begin(in, GR_OP_addmm);
    gr_onnx_set_float(in, "alpha", alpha);
    gr_onnx_set_float(in, "beta", beta);
    return gr_onnx_finish(in, (graft_value[]){c, a, b}, 3);
  }
  gr_onnx_begin(in, GR_OP_matmul);
  if (alpha == 1.0) return gr_onnx_finish(in, (graft_value[]){a, b}, 2);
  graft_value product = gr_onnx_step(in, (graft_value[]){a, b}, 2);
  if (product == GRAFT_NONE) return false;
  graft_value factor = graft_scalar(in->scope->graph, gr_onnx_value_type(in, product)->dtype, alpha);
  if (factor == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_mul);
  return gr_onnx_finish(in, (graft_value[]){product, factor}, 2);
}

bool gr_onnx_matmul(gr_onnx *in) {
  graft_value operands[2] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1)};
  if (in->failed) return false;
  gr_onnx_parameter(in, operands[0]);
  gr_onnx_parameter(in, operands[1]);
  gr_onnx_begin(in, GR_OP_matmul);
  return gr_onnx_finish(in, operands, 2);
}

/* The addition after a matrix product is how exporters write a linear layer's bias. */
bool gr_onnx_add(gr_onnx *in) {
  graft_value operands[2] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1)};
  const graft_graph *g = in->scope->graph;
  if (in->failed) return false;
  for (uint32_t i = 0; i < 2; i++) {
    graft_node n = gr_value_node(g, operands[i]);
    if (n != GRAFT_NONE && gr_node_at(g, n)->op == GR_OP_matmul && gr_onnx_value_type(in, operands[1 - i])->rank == 1)
      gr_onnx_parameter(in, operands[1 - i]);
  }
  gr_onnx_begin(in, GR_OP_add);
  return gr_onnx_finish(in, operands, 2);
}

/* ---- elementwise ---- */

static graft_value converted(gr_onnx *in, graft_value x, graft_dtype dtype) {
  gr_onnx_begin(in, GR_OP_to);
  gr_onnx_set_dtype(in, "dtype", dtype);
  return gr_onnx_step(in, &x, 1);
}

/* One input or more: the op of each with what came before. */
bool gr_onnx_variadic(gr_onnx *in) {
  const size_t count = in->node->n_input;
  graft_value y = gr_onnx_input(in, 0);
  for (uint32_t i = 1; i + 1 < count && y != GRAFT_NONE; i++)
    y = gr_onnx_binary(in, in->row->op, y, gr_onnx_input(in, i));
  if (in->failed || y == GRAFT_NONE) return false;
  if (count == 1) return gr_onnx_alias(in, 0, y);
  const graft_value last = gr_onnx_input(in, (uint32_t)count - 1);
  gr_onnx_begin(in, in->row->op);
  return gr_onnx_finish(in, (graft_value[]){y, last}, 2);
}

bool gr_onnx_mean(gr_onnx *in) {
  graft_value y = gr_onnx_input(in, 0);
  if (in->failed) return false;
  if (in->node->n_input == 1) return gr_onnx_alias(in, 0, y);
  if (gr_onnx_value_type(in, y)->dtype == GRAFT_UNKNOWN)
    return gr_onnx_stays(in, gr_onnx_value_type(in, y), "the dtype of its inputs is not known");
  for (uint32_t i = 1; i < in->node->n_input && y != GRAFT_NONE; i++)
    y = gr_onnx_binary(in, GR_OP_add, y, gr_onnx_input(in, i));
  if (in->failed || y == GRAFT_NONE) return false;
  const graft_value n = graft_scalar(in->scope->graph, gr_onnx_value_type(in, y)->dtype, (double)in->node->n_input);
  if (n == GRAFT_NONE) return in->failed = true, false;
  gr_onnx_begin(in, GR_OP_div);
  return gr_onnx_finish(in, (graft_value[]){y, n}, 2);
}

/* fmod has the sign of the first operand, else the second's. */
bool gr_onnx_mod(gr_onnx *in) {
  graft_value operands[2] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1)};
  gr_onnx_begin(in, gr_onnx_attr_bool(in, "fmod", false) ? GR_OP_fmod : GR_OP_remainder);
  return gr_onnx_finish(in, operands, 2);
}

bool gr_onnx_bit_shift(gr_onnx *in) {
  graft_value operands[2] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1)};
  const bool left = gr_onnx_attr_is(in, "direction", "LEFT");
  if (!left && !gr_onnx_attr_is(in, "direction", "RIGHT"))
    return gr_onnx_fail(in, GRAFT_TYPE, "BitShift: direction is neither LEFT nor RIGHT"), false;
  gr_onnx_begin(in, left ? GR_OP_bitwise_left_shift : GR_OP_bitwise_right_shift);
  return gr_onnx_finish(in, operands, 2);
}

/* x + bias below -lambd, x - bias above lambd, 0 between. */
bool gr_onnx_shrink(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  const double bias = gr_onnx_attr_float(in, "bias", 0), lambd = gr_onnx_attr_float(in, "lambd", 0.5);
  if (in->failed) return false;
  const graft_dtype dtype = gr_onnx_value_type(in, x)->dtype;
  if (bias == 0 || bias == lambd) {
    gr_onnx_begin(in, bias == 0 ? GR_OP_hardshrink : GR_OP_softshrink);
    gr_onnx_set_float(in, "lambd", lambd);
    return gr_onnx_finish(in, &x, 1);
  }
  graft_graph *g = in->scope->graph;
  const graft_value above = gr_onnx_binary(in, GR_OP_gt, x, graft_scalar(g, dtype, lambd)),
                    below = gr_onnx_binary(in, GR_OP_lt, x, graft_scalar(g, dtype, -lambd)),
                    less = gr_onnx_binary(in, GR_OP_sub, x, graft_scalar(g, dtype, bias)),
                    more = gr_onnx_binary(in, GR_OP_add, x, graft_scalar(g, dtype, bias)),
                    zero = graft_scalar(g, dtype, 0);
  if (above == GRAFT_NONE || below == GRAFT_NONE || less == GRAFT_NONE || more == GRAFT_NONE || zero == GRAFT_NONE)
    return in->failed = true, false;
  gr_onnx_begin(in, GR_OP_where);
  const graft_value positive = gr_onnx_step(in, (graft_value[]){above, less, zero}, 3);
  gr_onnx_begin(in, GR_OP_where);
  return gr_onnx_finish(in, (graft_value[]){below, more, positive}, 3);
}

/* Base and exponent may have different types, and the result has the base's: a power of an integer base to a float is
 * made in f64, any other in the base's type. */
bool gr_onnx_pow(gr_onnx *in) {
  graft_value operands[2] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1)};
  if (in->failed) return false;
  graft_dtype base = gr_onnx_value_type(in, operands[0])->dtype, exponent = gr_onnx_value_type(in, operands[1])->dtype;
  bool real = base == GRAFT_F32 || base == GRAFT_F64, back = false;
  if (base != exponent && base != GRAFT_UNKNOWN && exponent != GRAFT_UNKNOWN) {
    back = !real && (exponent == GRAFT_F32 || exponent == GRAFT_F64);
    if (back && (operands[0] = converted(in, operands[0], GRAFT_F64)) == GRAFT_NONE) return false;
    if ((operands[1] = converted(in, operands[1], back ? GRAFT_F64 : base)) == GRAFT_NONE) return false;
  }
  gr_onnx_begin(in, GR_OP_pow);
  if (!back) return gr_onnx_finish(in, operands, 2);
  operands[0] = gr_onnx_step(in, operands, 2);
  if (operands[0] == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_to);
  gr_onnx_set_dtype(in, "dtype", base);
  return gr_onnx_finish(in, operands, 1);
}

/* A bound as a scalar: some exporters give it one axis. */
static graft_value bound(gr_onnx *in, uint32_t i) {
  graft_value v = gr_onnx_input(in, i);
  graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(in->scope->graph, v);
  if (t == GRAFT_NONE) return v;
  graft_type type = *gr_tensor_type(in->module, t);
  if (type.rank == 0 || graft_type_elements(&type) != 1) return v;
  graft_type scalar = {.dtype = type.dtype};
  unsigned char bytes[8] = {0};
  const void *data = gr_onnx_consume(in, t);
  if (!data) return GRAFT_NONE;
  memcpy(bytes, data, graft_dtype_size(type.dtype));
  return gr_onnx_make_constant(in, "scalar", &scalar, bytes);
}

/* The same from an attribute, as opsets before 11 have it. */
static graft_value given_bound(gr_onnx *in, const char *name, graft_value x) {
  if (!gr_onnx_attr(in, name)) return GRAFT_NONE;
  graft_dtype dtype = gr_onnx_value_type(in, x)->dtype;
  graft_value v =
      graft_scalar(in->scope->graph, dtype == GRAFT_UNKNOWN ? GRAFT_F32 : dtype, gr_onnx_attr_float(in, name, 0));
  if (v == GRAFT_NONE) in->failed = true;
  return v;
}

bool gr_onnx_clip(gr_onnx *in) {
  graft_value operands[3] = {gr_onnx_input(in, 0), GRAFT_NONE, GRAFT_NONE};
  if (in->failed) return false;
  if (in->opset < 11) {
    operands[1] = given_bound(in, "min", operands[0]);
    operands[2] = given_bound(in, "max", operands[0]);
  } else {
    operands[1] = bound(in, 1);
    operands[2] = bound(in, 2);
  }
  gr_onnx_begin(in, GR_OP_clamp);
  return gr_onnx_finish(in, operands, 3);
}

bool gr_onnx_hardsigmoid(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  double alpha = gr_onnx_attr_float(in, "alpha", 0.2);
  gr_onnx_begin(in, GR_OP_hardsigmoid);
  gr_onnx_set_float(in, "alpha", (float)alpha == (float)(1.0 / 6.0) ? 1.0 / 6.0 : alpha);
  gr_onnx_set_float(in, "beta", gr_onnx_attr_float(in, "beta", 0.5));
  return gr_onnx_finish(in, &x, 1);
}

/* Before opset 13 the softmax runs over all axes from `axis` on. */
static bool softmax_of_many(gr_onnx *in, graft_value x, int64_t axis) {
  graft_type t = *gr_onnx_value_type(in, x);
  gr_onnx_begin(in, GR_OP_flatten);
  gr_onnx_set_int(in, "start_dim", axis);
  graft_value y = gr_onnx_step(in, &x, 1);
  gr_onnx_begin(in, in->row->op);
  gr_onnx_set_int(in, "dim", -1);
  y = gr_onnx_step(in, &y, 1);
  if (graft_type_elements(&t) >= 0) {
    gr_onnx_begin(in, GR_OP_view);
    gr_onnx_set_ints(in, "size", t.dims, (uint32_t)t.rank);
    return gr_onnx_finish(in, &y, 1);
  }
  gr_onnx_begin(in, GR_OP_shape);
  graft_value size = gr_onnx_step(in, &x, 1);
  gr_onnx_begin(in, GR_OP_reshape);
  return gr_onnx_finish(in, (graft_value[]){y, size}, 2);
}

bool gr_onnx_softmax(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  int64_t axis = gr_onnx_attr_int(in, "axis", in->opset < 13 ? 1 : -1);
  if (in->failed) return false;
  if (in->opset < 13 && axis != -1) {
    int32_t rank = gr_onnx_rank(in, x);
    if (rank < 0 || !gr_onnx_axis(in, axis, rank, &axis)) return false;
    if (axis != rank - 1) return softmax_of_many(in, x, axis);
  }
  gr_onnx_begin(in, in->row->op);
  gr_onnx_set_int(in, "dim", axis);
  return gr_onnx_finish(in, &x, 1);
}

bool gr_onnx_identity(gr_onnx *in) { return gr_onnx_alias(in, 0, gr_onnx_input(in, 0)); }

/* In evaluation the mask is all true. */
static bool true_mask(gr_onnx *in, graft_value x) {
  gr_onnx_begin(in, GR_OP_zeros_like);
  graft_value zeros = gr_onnx_step(in, &x, 1);
  graft_value one = graft_scalar(in->scope->graph, gr_onnx_value_type(in, x)->dtype, 1);
  gr_onnx_begin(in, GR_OP_add);
  graft_value ones = gr_onnx_step(in, (graft_value[]){zeros, one}, 2);
  gr_onnx_begin(in, GR_OP_to);
  gr_onnx_set_dtype(in, "dtype", GRAFT_BOOL);
  return gr_onnx_end(in, &ones, 1, (const char *[]){in->node->output[1]}, 1, 0, NULL) != GRAFT_NONE;
}

bool gr_onnx_dropout(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  double ratio = gr_onnx_attr_float(in, "ratio", 0.5), training = 0;
  if (gr_onnx_has_input(in, 1) && !gr_onnx_scalar(in, 1, "ratio", &ratio)) return false;
  if (gr_onnx_has_input(in, 2) && !gr_onnx_scalar(in, 2, "training_mode", &training)) return false;
  bool mask = gr_onnx_output_read(in, 1);
  if (mask && training != 0) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "its mask is read in training"), false;
  gr_onnx_begin(in, GR_OP_dropout);
  gr_onnx_set_float(in, "p", ratio);
  gr_onnx_set_bool(in, "training", training != 0);
  return gr_onnx_finish(in, &x, 1) && (!mask || true_mask(in, x));
}

/* To the dtype of another value. */
bool gr_onnx_cast_like(gr_onnx *in) {
  const graft_value x = gr_onnx_input(in, 0), like = gr_onnx_input(in, 1);
  if (in->failed) return false;
  graft_type type = *gr_onnx_value_type(in, x);
  type.dtype = gr_onnx_value_type(in, like)->dtype;
  if (type.dtype == GRAFT_UNKNOWN) return gr_onnx_stays(in, &type, "the dtype to cast to is not known");
  gr_onnx_begin(in, GR_OP_to);
  gr_onnx_set_dtype(in, "dtype", type.dtype);
  return gr_onnx_finish(in, &x, 1);
}

/* x sigmoid(alpha x) */
bool gr_onnx_swish(gr_onnx *in) {
  const graft_value x = gr_onnx_input(in, 0);
  const double alpha = gr_onnx_attr_float(in, "alpha", 1);
  if (in->failed) return false;
  if (alpha == 1) {
    gr_onnx_begin(in, GR_OP_silu);
    return gr_onnx_finish(in, &x, 1);
  }
  const graft_type type = *gr_onnx_value_type(in, x);
  if (type.dtype == GRAFT_UNKNOWN) return gr_onnx_stays(in, &type, "the dtype of its input is not known");
  const graft_value share = gr_onnx_binary(in, GR_OP_mul, x, graft_scalar(in->scope->graph, type.dtype, alpha)),
                    gate = gr_onnx_unary(in, GR_OP_sigmoid, share);
  if (gate == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_mul);
  return gr_onnx_finish(in, (graft_value[]){x, gate}, 2);
}
