/* Quantize and dequantize. ONNX's zero point has the dtype of what is quantized, its range is the dtype's, and int32
 * has no zero point. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

GR_SAME_OPERAND(scale, quantize_per_tensor, dequantize_per_channel);
GR_SAME_OPERAND(zero_point, quantize_per_tensor, dequantize_per_channel);
GR_SAME_ATTR(quant_min, quantize_per_tensor, dequantize_per_channel);
GR_SAME_ATTR(dtype, quantize_per_tensor, dequantize_per_channel);
GR_SAME_ATTR(axis, quantize_per_channel, dequantize_per_channel);
GR_SAME_ATTR(groups, quantize_per_channel, dequantize_per_channel);

enum { X, SCALE = GR_OPERAND(quantize_per_tensor, scale), ZERO = GR_OPERAND(quantize_per_tensor, zero_point) };

typedef struct quantized {
  bool per_channel, quantizes;
  graft_dtype dtype;
  int64_t low, high, axis, groups;
} quantized;

static quantized read(const gr_out *w) {
  const uint32_t set = gr_out_attrs(w), op = gr_node_at(w->g, w->n)->op;
  const graft_module *m = w->module;
  quantized q = {.per_channel = op == GR_OP_quantize_per_channel || op == GR_OP_dequantize_per_channel,
                 .quantizes = op == GR_OP_quantize_per_tensor || op == GR_OP_quantize_per_channel,
                 .dtype = (graft_dtype)gr_attr_int(m, set, GR_ATTR(quantize_per_tensor, dtype)),
                 .low = gr_attr_int(m, set, GR_ATTR(quantize_per_tensor, quant_min)),
                 .high = gr_attr_int(m, set, GR_ATTR(quantize_per_tensor, quant_max)),
                 .groups = 1};
  if (!q.per_channel) return q;
  q.axis = gr_attr_int(m, set, GR_ATTR(quantize_per_channel, axis));
  q.groups = gr_attr_int(m, set, GR_ATTR(quantize_per_channel, groups));
  return q;
}

/* ---- scale and zero point ---- */

/* Of one channel: a scalar, as the reader takes it for. */
static const char *scale_of(gr_out *w) {
  const graft_type *t = gr_out_type(w, SCALE);
  const graft_tensor tensor = gr_value_tensor(w->g, gr_operand(w->g, w->n, SCALE));
  if (t->rank != 1 || t->dims[0] != 1 || tensor == GRAFT_NONE) return gr_out_operand(w, SCALE);
  const float *data = graft_tensor_get_data(w->module, tensor);
  return data ? gr_out_number(w, "scale", GRAFT_F32, (double)*data) : (gr_out_failed(w), NULL);
}

/* The same numbers in another dtype, made once for each scale. */
static const char *constant_zero(gr_out *w, const quantized *q, const char *scale, graft_tensor t,
                                 graft_tensor scales) {
  graft_type type = *gr_tensor_type(w->module, t);
  const int32_t *data = graft_tensor_get_data(w->module, t);
  const int64_t n = graft_type_elements(&type);
  const uint64_t key = gr_mix((uint64_t)t << 32 | scales) + (uint64_t)q->dtype;
  int64_t low, high;
  if (!data) return gr_out_failed(w), NULL;
  const uint32_t known = gr_map_get(&w->zero_points, key);
  if (scales != GRAFT_NONE && known != GRAFT_NONE) return w->names.data[known].text;
  const size_t each = graft_dtype_size(q->dtype);
  char *zeros = gr_out_alloc(w, (size_t)n * each);
  if (!zeros || !gr_dtype_range(q->dtype, &low, &high)) return gr_out_failed(w), NULL;
  for (int64_t i = 0; i < n; i++) {
    if (data[i] < low || data[i] > high)
      return gr_out_refuse(w, "the zero point %d is no %s, which ONNX wants it to be: quantize with one that is",
                           data[i], graft_dtype_name(q->dtype)),
             NULL;
    gr_element_set_int(q->dtype, zeros + (size_t)i * each, data[i]);
  }
  if (type.rank == 1 && n == 1) type = (graft_type){.dtype = type.dtype};
  type.dtype = q->dtype;
  const char *name = gr_out_claim(w, gr_out_text(w, "%s.zero_point", scale));
  if (!name || !gr_out_initializer(w, gr_out_tensor(w, name, &type, zeros), GRAFT_CONSTANT)) return NULL;
  if (scales != GRAFT_NONE && !gr_map_put(w->context, &w->zero_points, key, gr_out_find_name(w, name)))
    return gr_out_failed(w), NULL;
  return name;
}

/* Of int32: none, since it must be 0. */
static const char *zero_of(gr_out *w, const quantized *q, const char *scale) {
  const graft_value v = gr_operand(w->g, w->n, ZERO);
  const graft_tensor t = gr_value_tensor(w->g, v), scales = gr_value_tensor(w->g, gr_operand(w->g, w->n, SCALE));
  if (q->dtype == GRAFT_I32) {
    const graft_type *type = gr_out_type(w, ZERO);
    const int32_t *data = t == GRAFT_NONE ? NULL : graft_tensor_get_data(w->module, t);
    bool zero = data != NULL;
    for (int64_t i = 0; zero && i < graft_type_elements(type); i++) zero = data[i] == 0;
    if (!zero)
      return gr_out_refuse(
                 w, "ONNX dequantizes int32 without a zero point, and this one is not 0: quantize it symmetrically, or "
                    "to 8 or 16 bits"),
             NULL;
    return "";
  }
  const graft_node maker = gr_value_node(w->g, v);
  if (maker != GRAFT_NONE && gr_out_absorbed(w->g, maker)) return gr_out_value_name(w, gr_operand(w->g, maker, 0));
  if (t == GRAFT_NONE) return gr_out_cast(w, "zero_point", gr_out_operand(w, ZERO), q->dtype);
  return constant_zero(w, q, scale, t, scales);
}

/* ---- dtypes and ranges ---- */

static bool has_16_bits(const quantized *q) { return q->dtype == GRAFT_I16 || q->dtype == GRAFT_U16; }

static bool check_dtype(gr_out *w, const quantized *q) {
  const bool wide = has_16_bits(q);
  if (wide && w->opset < 21)
    return gr_out_refuse(w, "ONNX quantizes to %s from opset 21 on: write that (--opset 21), or quantize to 8 bits",
                         graft_dtype_name(q->dtype));
  if (q->dtype == GRAFT_I8 || q->dtype == GRAFT_U8 || wide || (q->dtype == GRAFT_I32 && !q->quantizes)) return true;
  return gr_out_refuse(w, "ONNX does not quantize to %s: quantize to 8 or 16 bits, or write .gfb",
                       graft_dtype_name(q->dtype));
}

/* A number at the end of int32 is one that did not fit. */
static bool check_overflow(gr_out *w, const quantized *q) {
  const graft_tensor t = gr_value_tensor(w->g, gr_operand(w->g, w->n, X));
  if (q->quantizes || q->dtype != GRAFT_I32 || t == GRAFT_NONE) return true;
  const graft_type *type = gr_tensor_type(w->module, t);
  const int32_t *data = type->dtype == GRAFT_I32 ? graft_tensor_get_data(w->module, t) : NULL;
  for (int64_t i = 0; data && i < graft_type_elements(type); i++)
    if (data[i] == INT32_MAX || data[i] == INT32_MIN)
      return gr_out_refuse(w,
                           "entry %lld of the bias does not fit in int32 by the scales of its layer: convert with "
                           "bias-overflow=scale",
                           (long long)i);
  return true;
}

/* ---- groups ---- */

/* A grouped transposed convolution's weight [in, out/groups, ...] has a scale for each output: as [out, in/groups, ...]
 * they lie along axis 0. `back`: to the weight's own form. */
static const char *regrouped(gr_out *w, const char *x, const graft_type *t, int64_t groups, bool back) {
  const int64_t in = t->dims[0] / groups, out = t->dims[1];
  int64_t parted[GRAFT_MAX_RANK + 1] = {groups, back ? out : in, back ? in : out}, joined[GRAFT_MAX_RANK],
                                  perm[GRAFT_MAX_RANK + 1] = {0, 2, 1};
  const char *what = back ? "weight" : "rows";
  for (int32_t i = 2; i < t->rank; i++) parted[i + 1] = joined[i] = t->dims[i], perm[i + 1] = i + 1;
  joined[0] = back ? t->dims[0] : groups * out;
  joined[1] = back ? out : in;
  const char *shape = gr_out_ints(w, gr_out_text(w, "%s_parted.shape", what), parted, (uint32_t)t->rank + 1);
  x = gr_out_binary(w, "Reshape", gr_out_text(w, "%s_parted", what), x, shape);
  Onnx__NodeProto *turn = gr_out_begin(w, "Transpose");
  gr_out_set_ints(w, turn, "perm", perm, (size_t)t->rank + 1);
  x = gr_out_step(w, turn, gr_out_text(w, "%s_turned", what), &x, 1);
  shape = gr_out_ints(w, back ? "shape" : "rows.shape", joined, (uint32_t)t->rank);
  if (!back) return gr_out_binary(w, "Reshape", what, x, shape);
  return gr_out_finish(w, gr_out_begin(w, "Reshape"), (const char *[]){x, shape}, 2) ? "" : NULL;
}

static bool can_regroup(gr_out *w, const quantized *q, const graft_type *x) {
  bool known = x->rank >= 2 && x->rank < GRAFT_MAX_RANK && (q->axis == 1 || q->axis == 1 - x->rank);
  for (int32_t i = 0; known && i < x->rank; i++) known = x->dims[i] >= 0;
  if (known && x->dims[0] % q->groups == 0) return true;
  return gr_out_refuse(
      w, "ONNX has one scale for each entry of an axis, not for each group's: the weight's extents must be known "
         "to say it otherwise");
}

/* ---- the ops ---- */

/* From the type that graft computes in. */
static const char *quantized_x(gr_out *w) {
  const char *x = gr_out_operand(w, X);
  return w->failed || gr_out_type(w, X)->dtype == GRAFT_F32 ? x : gr_out_cast(w, "float", x, GRAFT_F32);
}

/* What is noted of the node belongs to the one that quantizes, also where another one cuts its range. */
static void note(gr_out *w, const quantized *q, const char *name, bool last) {
  const uint32_t slot =
      q->per_channel ? GR_ATTR(quantize_per_channel, by_division) : GR_ATTR(quantize_per_tensor, by_division);
  if (q->quantizes && !gr_attr_bool(w->module, gr_out_attrs(w), slot)) gr_out_note(w, GR_NOTE_BY_MULTIPLICATION, name);
  for (uint32_t i = 0; !last && i < GR_MARK_COUNT; i++)
    if (gr_is_marked(w->g, w->n, 1u << i)) gr_out_note(w, (gr_onnx_note)i, name);
}

static const char *write(gr_out *w, const quantized *q, const char *x, int64_t axis, bool last) {
  const char *scale = scale_of(w), *inputs[] = {x, scale, scale ? zero_of(w, q, scale) : NULL};
  Onnx__NodeProto *node = gr_out_begin(w, q->quantizes ? "QuantizeLinear" : "DequantizeLinear");
  const graft_type *scales = gr_out_type(w, SCALE);
  if (q->per_channel && !(scales->rank == 1 && scales->dims[0] == 1)) gr_out_set_int(w, node, "axis", axis);
  const char *name = last ? gr_out_result(w, 0) : gr_out_step(w, node, "unclipped", inputs, 3);
  if (!name || (last && !gr_out_finish(w, node, inputs, 3))) return NULL;
  note(w, q, name, last);
  return name;
}

/* A narrower range than the dtype's is cut behind; of 16 bits, which onnxruntime has no Clip of, in 32. */
static bool write_clipped(gr_out *w, const quantized *q, const char *x, int64_t axis) {
  const bool wider = has_16_bits(q);
  const graft_dtype dtype = wider ? GRAFT_I32 : q->dtype;
  x = write(w, q, x, axis, false);
  if (wider && x) x = gr_out_cast(w, "wider", x, dtype);
  const char *inputs[3] = {x, gr_out_number(w, "min", dtype, (double)q->low),
                           gr_out_number(w, "max", dtype, (double)q->high)};
  if (!wider) return gr_out_finish(w, gr_out_begin(w, "Clip"), inputs, 3);
  const char *clipped = gr_out_step(w, gr_out_begin(w, "Clip"), "clipped", inputs, 3);
  Onnx__NodeProto *back = gr_out_begin(w, "Cast");
  gr_out_set_int(w, back, "to", gr_out_dtype(q->dtype));
  return gr_out_finish(w, back, &clipped, 1);
}

bool gr_put_quantize(gr_out *w) {
  const quantized q = read(w);
  int64_t low, high;
  if (!check_dtype(w, &q)) return false;
  if (q.groups > 1)
    return gr_out_refuse(
        w, "ONNX has one scale for each entry of an axis, not for each group's: fold the weight into integers "
           "first (--passes convert)");
  const char *x = quantized_x(w);
  const bool whole = gr_dtype_range(q.dtype, &low, &high) && q.low <= low && q.high >= high;
  return whole ? write(w, &q, x, q.axis, true) != NULL : write_clipped(w, &q, x, q.axis);
}

bool gr_put_dequantize(gr_out *w) {
  const quantized q = read(w);
  const graft_type *x = gr_out_type(w, X);
  if (!check_dtype(w, &q) || !check_overflow(w, &q)) return false;
  const char *input = gr_out_operand(w, X);
  if (q.groups <= 1) return write(w, &q, input, q.axis, true) != NULL;
  if (!can_regroup(w, &q, x)) return false;
  const char *rows = regrouped(w, input, x, q.groups, false), *scale = scale_of(w);
  const char *inputs[] = {rows, scale, scale ? zero_of(w, &q, scale) : NULL};
  Onnx__NodeProto *node = gr_out_begin(w, "DequantizeLinear");
  gr_out_set_int(w, node, "axis", 0);
  return regrouped(w, gr_out_step(w, node, "dequantized", inputs, 3), x, q.groups, true) != NULL;
}
