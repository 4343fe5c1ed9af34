/* QuantizeLinear and DequantizeLinear. Here scale is f32 and zero point i32, both of rank 0 (per tensor) or 1. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

/* Input i as a vector, or as a scalar where it has one entry. */
static graft_value shaped(gr_onnx *in, graft_value v, bool per_channel) {
  const graft_type *t = gr_onnx_value_type(in, v);
  if (per_channel || t->rank == 0) return v;
  graft_tensor tensor = gr_value_tensor(in->scope->graph, v);
  if (tensor != GRAFT_NONE && t->dtype == GRAFT_F32) {
    graft_type scalar = {.dtype = GRAFT_F32};
    const void *data = gr_onnx_consume(in, tensor);
    return data ? gr_onnx_make_constant(in, "scalar", &scalar, data) : GRAFT_NONE;
  }
  gr_onnx_begin(in, GR_OP_view);
  gr_onnx_set_ints(in, "size", NULL, 0);
  return gr_onnx_step(in, &v, 1);
}

/* The zero point as i32: a constant one is converted here. Absent: zeros. */
static graft_value zero_point(gr_onnx *in, graft_value v, const graft_type *scale, bool per_channel) {
  graft_type type = {.dtype = GRAFT_I32, .rank = per_channel ? 1 : 0};
  if (per_channel) type.dims[0] = scale->dims[0];
  graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(in->scope->graph, v);
  if (v != GRAFT_NONE && t == GRAFT_NONE) {
    gr_onnx_begin(in, GR_OP_to);
    gr_onnx_set_dtype(in, "dtype", GRAFT_I32);
    v = gr_onnx_step(in, &v, 1);
    return v == GRAFT_NONE ? v : shaped(in, v, per_channel);
  }
  int64_t n = graft_type_elements(&type);
  if (n < 0)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: the number of scales must be known", in->row->name), GRAFT_NONE;
  int32_t *values = gr_onnx_room(in, (uint64_t)n, sizeof *values);
  if (!values) return GRAFT_NONE;
  memset(values, 0, (size_t)n * sizeof *values);
  if (t != GRAFT_NONE) {
    graft_type zt = *gr_tensor_type(in->module, t);
    if (graft_type_elements(&zt) != n)
      return gr_onnx_fail(in, GRAFT_TYPE, "%s: scale and zero point differ in length", in->row->name), GRAFT_NONE;
    const void *data = gr_onnx_consume(in, t);
    const size_t each = graft_dtype_size(zt.dtype);
    for (int64_t i = 0; data && i < n; i++)
      values[i] = (int32_t)gr_element_int(zt.dtype, (const char *)data + (size_t)i * each);
  }
  return gr_onnx_make_constant(in, "zero_point", &type, values);
}

/* Range of the integer dtype; false where quantized data cannot be of it. */
static bool range(graft_dtype dtype, int64_t *lo, int64_t *hi) {
  switch (dtype) {
  case GRAFT_I8: *lo = INT8_MIN, *hi = INT8_MAX; return true;
  case GRAFT_U8: *lo = 0, *hi = UINT8_MAX; return true;
  case GRAFT_I32: *lo = INT32_MIN, *hi = INT32_MAX; return true;
  default: return false;
  }
}

/* Of the quantized side: the zero point's, where there is one, else the data's or what the node says. What later opsets
 * add is refused where it is not as before. */
static bool quantized_dtype(gr_onnx *in, bool quantize, graft_value x, graft_value zero, graft_dtype *dtype) {
  const int64_t out = gr_onnx_attr_int(in, "output_dtype", 0), precision = gr_onnx_attr_int(in, "precision", 0);
  graft_dtype said;
  if (gr_onnx_attr_int(in, "block_size", 0) != 0)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: scales of blocks (block_size)", in->row->name), false;
  if (precision != 0 && precision != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: a precision other than float", in->row->name), false;
  if (out != 0 && (out < 0 || out > INT32_MAX || !gr_onnx_dtype((int32_t)out, &said)))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: output_dtype %lld", in->row->name, (long long)out), false;
  *dtype = quantize ? GRAFT_U8 : gr_onnx_value_type(in, x)->dtype;
  if (!quantize && out != 0 && said != GRAFT_F32)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: output_dtype %s", in->row->name, graft_dtype_name(said)), false;
  const graft_dtype of_zero = zero == GRAFT_NONE ? GRAFT_UNKNOWN : gr_onnx_value_type(in, zero)->dtype;
  if (zero != GRAFT_NONE && (quantize || *dtype == GRAFT_UNKNOWN))
    *dtype = of_zero;
  else if (quantize && out != 0)
    *dtype = said;
  if (quantize && out != 0 && said != *dtype)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: output_dtype and zero point differ in dtype", in->row->name), false;
  return true;
}

static bool linear(gr_onnx *in, bool quantize) {
  graft_value x = gr_onnx_input(in, 0), scale = gr_onnx_input(in, 1), zero = gr_onnx_input(in, 2);
  if (in->failed) return false;
  graft_type xt = *gr_onnx_value_type(in, x), st = *gr_onnx_value_type(in, scale);
  graft_dtype dtype;
  if (!quantized_dtype(in, quantize, x, zero, &dtype)) return false;
  int64_t lo, hi, axis = gr_onnx_attr_int(in, "axis", 1);
  if (!range(dtype, &lo, &hi) || (quantize && dtype == GRAFT_I32))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: quantized data of dtype %s", in->row->name,
                        graft_dtype_name(dtype)),
           false;
  if (!quantize && zero != GRAFT_NONE && gr_onnx_value_type(in, zero)->dtype != dtype)
    return gr_onnx_fail(in, GRAFT_TYPE, "DequantizeLinear: data and zero point differ in dtype"), false;
  if (st.rank > 1 || st.rank < 0)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: the scale must have rank 0 or 1", in->row->name), false;
  bool per_channel = st.rank == 1 && st.dims[0] != 1;
  scale = shaped(in, scale, per_channel);
  zero = zero_point(in, zero, &st, per_channel);
  if (scale == GRAFT_NONE || zero == GRAFT_NONE) return false;
  gr_onnx_begin(in, quantize ? (per_channel ? GR_OP_quantize_per_channel : GR_OP_quantize_per_tensor)
                             : (per_channel ? GR_OP_dequantize_per_channel : GR_OP_dequantize_per_tensor));
  gr_onnx_set_int(in, "quant_min", lo);
  gr_onnx_set_int(in, "quant_max", hi);
  gr_onnx_set_dtype(in, "dtype", dtype);
  if (quantize) gr_onnx_set_bool(in, "by_division", true);
  if (per_channel) {
    if (xt.rank >= 0 && !gr_onnx_axis(in, axis, xt.rank, &axis)) return false;
    gr_onnx_set_int(in, "axis", axis);
  }
  return gr_onnx_finish(in, (graft_value[]){x, scale, zero}, 3);
}

bool gr_onnx_quantize(gr_onnx *in) { return linear(in, true); }
bool gr_onnx_dequantize(gr_onnx *in) { return linear(in, false); }
