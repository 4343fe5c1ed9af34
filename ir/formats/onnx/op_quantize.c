/* QuantizeLinear and DequantizeLinear, and what other ops of quantized operands are made of. graft's scale is f32 and
 * its zero point i32, both of rank 0 (per tensor) or 1 (per channel); scales of blocks become those of channels of a
 * view. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

/* ---- scale and zero point ---- */

static graft_value to_dtype(gr_onnx *in, graft_value v, graft_dtype dtype) {
  if (v == GRAFT_NONE) return v;
  const graft_dtype is = gr_onnx_value_type(in, v)->dtype;
  if (is == dtype || (is == GRAFT_UNKNOWN && dtype == GRAFT_F32)) return v;
  gr_onnx_begin(in, GR_OP_to);
  gr_onnx_set_dtype(in, "dtype", dtype);
  return gr_onnx_step(in, &v, 1);
}

static graft_value viewed(gr_onnx *in, graft_value v, const int64_t *size, uint32_t rank) {
  if (v == GRAFT_NONE) return v;
  gr_onnx_begin(in, GR_OP_view);
  gr_onnx_set_ints(in, "size", size, rank);
  return gr_onnx_step(in, &v, 1);
}

/* A constant as i32 or f32, a vector or, of one entry, a scalar. */
static graft_value converted(gr_onnx *in, graft_tensor t, graft_dtype dtype, bool vector) {
  const graft_type from = *gr_tensor_type(in->module, t);
  graft_type type = {.dtype = dtype, .rank = vector ? 1 : 0};
  const int64_t n = graft_type_elements(&from);
  const size_t each = graft_dtype_size(from.dtype);
  if (vector) type.dims[0] = n;
  const char *data = gr_onnx_consume(in, t);
  void *out = data ? gr_onnx_room(in, (uint64_t)n, sizeof(float)) : NULL;
  for (int64_t i = 0; out && i < n; i++)
    if (dtype == GRAFT_I32)
      ((int32_t *)out)[i] = (int32_t)gr_element_int(from.dtype, data + (size_t)i * each);
    else
      ((float *)out)[i] = (float)gr_element_float(from.dtype, data + (size_t)i * each);
  return out ? gr_onnx_make_constant(in, dtype == GRAFT_I32 ? "zero_point" : "scale", &type, out) : GRAFT_NONE;
}

static graft_value parameter(gr_onnx *in, graft_value v, graft_dtype dtype, bool vector) {
  const graft_type type = *gr_onnx_value_type(in, v);
  const graft_tensor t = gr_value_tensor(in->scope->graph, v);
  const bool shaped = vector ? type.rank == 1 : type.rank == 0;
  if (shaped && type.dtype == dtype) return v;
  if (t != GRAFT_NONE && (vector || graft_type_elements(&type) == 1)) return converted(in, t, dtype, vector);
  v = to_dtype(in, v, dtype);
  return shaped || vector ? v : viewed(in, v, NULL, 0);
}

/* Zeros for an absent zero point. */
static graft_value zeros(gr_onnx *in, const graft_type *scale, bool vector) {
  graft_type type = {.dtype = GRAFT_I32, .rank = vector ? 1 : 0};
  if (vector) type.dims[0] = scale->dims[0];
  const int64_t n = graft_type_elements(&type);
  if (n < 0) return gr_onnx_stays(in, NULL, "the length of the scale is not known"), GRAFT_NONE;
  void *values = gr_onnx_room(in, (uint64_t)n, sizeof(int32_t));
  if (!values) return GRAFT_NONE;
  memset(values, 0, (size_t)n * sizeof(int32_t));
  return gr_onnx_make_constant(in, "zero_point", &type, values);
}

/* ---- one node ---- */

/* Begins the node of these operands and makes graft's of them. */
static bool begin(gr_onnx *in, bool quantize, graft_dtype dtype, int64_t axis, graft_value operands[3]) {
  const graft_type x = *gr_onnx_value_type(in, operands[0]), scale = *gr_onnx_value_type(in, operands[1]);
  const graft_value zero = operands[2];
  int64_t lo, hi;
  if (!gr_dtype_range(dtype, &lo, &hi) || (quantize && dtype == GRAFT_I32))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: quantized data of dtype %s", in->row->name,
                        graft_dtype_name(dtype)),
           false;
  if (scale.rank < 0) return gr_onnx_stays(in, NULL, "the rank of the scale is not known");
  if (scale.rank > 1) return gr_onnx_fail(in, GRAFT_TYPE, "%s: the scale must have rank 0 or 1", in->row->name), false;
  const bool vector = scale.rank == 1 && scale.dims[0] != 1;
  if (zero != GRAFT_NONE && gr_value_tensor(in->scope->graph, zero) != GRAFT_NONE &&
      graft_type_elements(gr_onnx_value_type(in, zero)) != graft_type_elements(&scale))
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: scale and zero point differ in length", in->row->name), false;
  operands[1] = parameter(in, operands[1], GRAFT_F32, vector);
  operands[2] = zero == GRAFT_NONE ? zeros(in, &scale, vector) : parameter(in, zero, GRAFT_I32, vector);
  if (in->failed || operands[1] == GRAFT_NONE || operands[2] == GRAFT_NONE) return false;
  if (vector && x.rank >= 0 && !gr_onnx_axis(in, axis, x.rank, &axis)) return false;
  gr_onnx_begin(in, quantize ? (vector ? GR_OP_quantize_per_channel : GR_OP_quantize_per_tensor)
                             : (vector ? GR_OP_dequantize_per_channel : GR_OP_dequantize_per_tensor));
  gr_onnx_set_int(in, "quant_min", lo);
  gr_onnx_set_int(in, "quant_max", hi);
  gr_onnx_set_dtype(in, "dtype", dtype);
  if (quantize) gr_onnx_set_bool(in, "by_division", true);
  if (vector) gr_onnx_set_int(in, "axis", axis);
  return true;
}

graft_value gr_onnx_dequantized(gr_onnx *in, graft_value x, graft_value scale, graft_value zero, int64_t axis) {
  if (in->failed || x == GRAFT_NONE || scale == GRAFT_NONE) return GRAFT_NONE;
  graft_dtype dtype = gr_onnx_value_type(in, x)->dtype;
  if (dtype == GRAFT_UNKNOWN && zero != GRAFT_NONE) dtype = gr_onnx_value_type(in, zero)->dtype;
  graft_value operands[3] = {x, scale, zero};
  return begin(in, false, dtype, axis, operands) ? gr_onnx_step(in, operands, 3) : GRAFT_NONE;
}

graft_value gr_onnx_quantized(gr_onnx *in, graft_value y, graft_value scale, graft_value zero, graft_dtype dtype) {
  graft_value operands[3] = {y, scale, zero};
  return begin(in, true, dtype, 1, operands) ? gr_onnx_step(in, operands, 3) : GRAFT_NONE;
}

bool gr_onnx_finish_quantized(gr_onnx *in, graft_value y, graft_value scale, graft_value zero, graft_dtype dtype) {
  if (in->failed || y == GRAFT_NONE || scale == GRAFT_NONE) return false;
  graft_value operands[3] = {y, scale, zero};
  return begin(in, true, dtype, 1, operands) && gr_onnx_finish(in, operands, 3);
}

/* ---- blocks ---- */

/* A scale for each block of entries along an axis: the axis becomes the last one, its blocks rows of their own, each a
 * channel. */
typedef struct blocks {
  graft_type x; /* its extents */
  int64_t size, count, n;
  int32_t axis;
} blocks;

static bool read_blocks(gr_onnx *in, blocks *b, graft_value x, graft_value scale, int64_t size, int64_t axis) {
  const graft_type *s = gr_onnx_value_type(in, scale);
  b->x = *gr_onnx_value_type(in, x);
  b->size = size;
  if (s->rank < 0 || b->x.rank < 0) return gr_onnx_stays(in, NULL, "the rank of the blocks is not known");
  if (size < 1 || s->rank != b->x.rank)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: block_size is %lld, the scale has rank %d", in->row->name, (long long)size,
                        s->rank),
           false;
  if (!gr_onnx_axis(in, axis, b->x.rank, &axis)) return false;
  b->axis = (int32_t)axis;
  for (int32_t d = 0; d < s->rank; d++) {
    if (d != b->axis && b->x.dims[d] < 0) b->x.dims[d] = s->dims[d];
    if (s->dims[d] < 0 || b->x.dims[d] < 0)
      return gr_onnx_stays(in, &b->x, "blocks need to know the extents of their scales");
    const int64_t n = b->x.dims[d];
    if (s->dims[d] != (d == b->axis ? n / size + (n % size != 0) : n))
      return gr_onnx_fail(in, GRAFT_TYPE, "%s: %lld scales along axis %d of %lld entries", in->row->name,
                          (long long)s->dims[d], d, (long long)n),
             false;
  }
  b->n = b->x.dims[b->axis];
  b->count = s->dims[b->axis];
  return true;
}

/* The axis to the end, or back from there. */
static graft_value axis_moved(gr_onnx *in, const blocks *b, graft_value v, bool back) {
  int64_t dims[GRAFT_MAX_RANK];
  const int32_t rank = b->x.rank, last = rank - 1;
  if (v == GRAFT_NONE || b->axis == last) return v;
  for (int32_t d = 0; d < rank; d++)
    dims[d] = back ? (d == b->axis ? last : d - (d > b->axis)) : (d == last ? b->axis : d + (d >= b->axis));
  gr_onnx_begin(in, GR_OP_permute);
  gr_onnx_set_ints(in, "dims", dims, (uint32_t)rank);
  return gr_onnx_step(in, &v, 1);
}

/* One vector of the scales or the zero points, in the order of the rows. */
static graft_value block_parameter(gr_onnx *in, const blocks *b, graft_value v) {
  return viewed(in, axis_moved(in, b, v, false), (int64_t[]){-1}, 1);
}

static graft_value rows_of(gr_onnx *in, const blocks *b, graft_value x) {
  x = axis_moved(in, b, x, false);
  if (x != GRAFT_NONE && b->count * b->size != b->n) {
    gr_onnx_begin(in, GR_OP_pad);
    gr_onnx_set_ints(in, "pad", (int64_t[]){0, b->count * b->size - b->n}, 2);
    x = gr_onnx_step(in, &x, 1);
  }
  return viewed(in, x, (int64_t[]){-1, b->size}, 2);
}

static graft_value rows_joined(gr_onnx *in, const blocks *b, graft_value y) {
  int64_t dims[GRAFT_MAX_RANK];
  int32_t rank = 0;
  for (int32_t d = 0; d < b->x.rank; d++)
    if (d != b->axis) dims[rank++] = b->x.dims[d];
  dims[rank++] = b->count * b->size;
  y = viewed(in, y, dims, (uint32_t)rank);
  if (y != GRAFT_NONE && b->count * b->size != b->n) {
    gr_onnx_begin(in, GR_OP_slice);
    gr_onnx_set_int(in, "dim", rank - 1);
    gr_onnx_set_int(in, "end", b->n);
    y = gr_onnx_step(in, &y, 1);
  }
  return axis_moved(in, b, y, true);
}

static graft_value by_blocks(gr_onnx *in, bool quantize, graft_dtype dtype, int64_t size, int64_t axis,
                             graft_value operands[3]) {
  blocks b;
  if (!read_blocks(in, &b, operands[0], operands[1], size, axis)) return GRAFT_NONE;
  operands[0] = rows_of(in, &b, operands[0]);
  operands[1] = block_parameter(in, &b, operands[1]);
  operands[2] = block_parameter(in, &b, operands[2]);
  if (in->failed || !begin(in, quantize, dtype, 0, operands)) return GRAFT_NONE;
  return rows_joined(in, &b, gr_onnx_step(in, operands, 3));
}

/* ---- the ops ---- */

/* Of the quantized side: the zero point's, where there is one, else the data's or what the node says. `*result` is what
 * DequantizeLinear gives. */
static bool quantized_dtype(gr_onnx *in, bool quantize, const graft_value operands[3], graft_dtype *dtype,
                            graft_dtype *result) {
  const int64_t out = gr_onnx_attr_int(in, "output_dtype", 0), precision = gr_onnx_attr_int(in, "precision", 0);
  const graft_value zero = operands[2];
  graft_dtype said = GRAFT_UNKNOWN;
  if (precision != 0 && precision != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: a precision other than float", in->row->name), false;
  if (out != 0 && (out < 0 || out > INT32_MAX || !gr_onnx_dtype((int32_t)out, &said)))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: output_dtype %s", in->row->name,
                        out == (int32_t)out ? gr_onnx_dtype_name((int32_t)out) : "out of range"),
           false;
  const graft_dtype of_zero = zero == GRAFT_NONE ? GRAFT_UNKNOWN : gr_onnx_value_type(in, zero)->dtype;
  *dtype = quantize ? (said != GRAFT_UNKNOWN ? said : GRAFT_U8) : gr_onnx_value_type(in, operands[0])->dtype;
  if (zero != GRAFT_NONE && (quantize || *dtype == GRAFT_UNKNOWN)) *dtype = of_zero;
  if (quantize && said != GRAFT_UNKNOWN && said != *dtype)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: output_dtype and zero point differ in dtype", in->row->name), false;
  if (!quantize && zero != GRAFT_NONE && of_zero != *dtype)
    return gr_onnx_fail(in, GRAFT_TYPE, "DequantizeLinear: data and zero point differ in dtype"), false;
  *result = said != GRAFT_UNKNOWN ? said : gr_onnx_value_type(in, operands[1])->dtype;
  if (!quantize && *result != GRAFT_UNKNOWN && *result != GRAFT_F32 && !gr_is_half(*result))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: output_dtype %s", in->row->name, graft_dtype_name(*result)), false;
  return true;
}

static bool linear(gr_onnx *in, bool quantize) {
  graft_value operands[3] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1), gr_onnx_input(in, 2)}, y = GRAFT_NONE;
  const int64_t size = gr_onnx_attr_int(in, "block_size", 0), axis = gr_onnx_attr_int(in, "axis", 1);
  graft_dtype dtype, result;
  if (in->failed || !quantized_dtype(in, quantize, operands, &dtype, &result)) return false;
  const bool rounds = !quantize && result != GRAFT_F32 && result != GRAFT_UNKNOWN;
  const graft_dtype of_x = gr_onnx_value_type(in, operands[0])->dtype;
  if (quantize && !gr_is_half(of_x)) operands[0] = to_dtype(in, operands[0], GRAFT_F32);
  if (in->failed) return false;
  if (size != 0) {
    y = by_blocks(in, quantize, dtype, size, axis, operands);
  } else if (begin(in, quantize, dtype, axis, operands)) {
    if (!rounds) return gr_onnx_finish(in, operands, 3);
    y = gr_onnx_step(in, operands, 3);
  }
  if (in->refused) in->kept.dtype = quantize ? dtype : result;
  if (y == GRAFT_NONE) return false;
  if (!rounds) return gr_onnx_alias(in, 0, y);
  gr_onnx_begin(in, GR_OP_to);
  gr_onnx_set_dtype(in, "dtype", result);
  return gr_onnx_finish(in, &y, 1);
}

bool gr_onnx_quantize(gr_onnx *in) { return linear(in, true); }
bool gr_onnx_dequantize(gr_onnx *in) { return linear(in, false); }
