/* The state of quantized convolution modules: weight and bias, scale and zero point of the result, and the line that
 * PyTorch prints of them. */
#include <float.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/formats/number_int.h"
#include "ir/graph/options_int.h"
#include "passes/quantized_impl.h"

/* Where the weight's operands are: at the convolution, or at what dequantizes it. */
static graft_node weight_reader(const gr_quantized_conv *q) { return q->dq == GRAFT_NONE ? q->n : q->dq; }

static uint32_t weight_slot(const gr_quantized_conv *q, uint32_t slot) {
  if (q->dq == GRAFT_NONE) return slot;
  return slot == GR_Q_WEIGHT ? 0 : slot == GR_Q_WEIGHT_SCALE ? 1 : 2;
}

static graft_value weight_operand(const gr_quantized_conv *q, uint32_t slot) {
  return gr_operand(q->g, weight_reader(q), weight_slot(q, slot));
}

/* The operand's tensor; GRAFT_NONE: it is absent or computed. */
static graft_tensor tensor_of(const gr_quantized_conv *q, graft_value v) {
  return v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(q->g, v);
}

static gr_conv conv_of(const gr_quantized_conv *q) {
  gr_conv conv;
  (void)gr_conv_of_node(q->g, q->n, GRAFT_NONE, &conv);
  return conv;
}

/* ---- weight and bias ---- */

static graft_status check_weight(const gr_quantized_conv *q, const gr_conv *conv, const graft_quantized_weight *w) {
  graft_context *c = q->g->module->context;
  const gr_loc where = gr_named_loc(q->name);
  const int64_t part = conv->out_channels / conv->groups;
  if (!w->data || !w->scale)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "a weight needs its integers and their scale");
  if (w->count != 1 && w->count != conv->out_channels && !(conv->transposed && w->count == part))
    return gr_error(c, GRAFT_TYPE, where, "the weight has %lld scales: one, or one for each of %lld output channels",
                    (long long)w->count, (long long)conv->out_channels);
  for (int64_t i = 0; i < w->count; i++) {
    if (!(w->scale[i] >= FLT_MIN && w->scale[i] <= FLT_MAX))
      return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "the weight's scale is %g, not a normal number above 0",
                      (double)w->scale[i]);
    if (w->zero_point && (w->zero_point[i] < INT8_MIN || w->zero_point[i] > INT8_MAX))
      return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "the weight's zero point is %d, no i8", (int)w->zero_point[i]);
  }
  return GRAFT_OK;
}

/* Scales and zero points as the graph has them: one, or one for each output channel. */
static graft_status put_qparams(const gr_quantized_conv *q, gr_arena *text, const gr_conv *conv,
                                const graft_quantized_weight *w, graft_value out[2]) {
  graft_module *m = q->g->module;
  const int64_t n = w->count == 1 ? 1 : conv->out_channels;
  const graft_type scale = graft_type_make(GRAFT_F32, w->count == 1 ? 0 : 1, &n),
                   zero = graft_type_make(GRAFT_I32, scale.rank, &n);
  float *scales = gr_calloc(m->context, (size_t)n, sizeof *scales);
  int32_t *zeros = gr_calloc(m->context, (size_t)n, sizeof *zeros);
  graft_tensor t[2] = {GRAFT_NONE, GRAFT_NONE};
  if (scales && zeros) {
    for (int64_t i = 0; i < n; i++) {
      scales[i] = w->scale[i % w->count];
      zeros[i] = w->zero_point ? w->zero_point[i % w->count] : 0;
    }
    t[0] = gr_module_tensor(m, text, q->name, "weight.scale", GRAFT_BUFFER, &scale, scales,
                            tensor_of(q, weight_operand(q, GR_Q_WEIGHT_SCALE)));
    t[1] = gr_module_tensor(m, text, q->name, "weight.zero_point", GRAFT_BUFFER, &zero, zeros,
                            tensor_of(q, weight_operand(q, GR_Q_WEIGHT_ZERO)));
  }
  gr_free(m->context, scales, (size_t)n * sizeof *scales);
  gr_free(m->context, zeros, (size_t)n * sizeof *zeros);
  for (int i = 0; i < 2; i++) {
    out[i] = t[i] == GRAFT_NONE ? GRAFT_NONE : gr_handle(q->g, t[i]);
    if (out[i] == GRAFT_NONE) return GRAFT_NAME;
  }
  return GRAFT_OK;
}

/* The operand reads another value; what it read goes, where nothing else reads it. */
static graft_status set_operand(const gr_quantized_conv *q, graft_node n, uint32_t slot, graft_value v) {
  const graft_value before = gr_operand(q->g, n, slot);
  if (before == v) return GRAFT_OK;
  const graft_tensor old = tensor_of(q, before);
  const graft_status s = graft_node_set_operand(q->g, n, slot, v);
  if (!s) gr_erase_unused(q->g->module, old);
  return s;
}

/* A node that dequantizes the weight per tensor or per channel takes the place of the one that is there. */
static graft_status set_dequantize(gr_quantized_conv *q, const gr_conv *conv, graft_value weight,
                                   const graft_value qparams[2]) {
  graft_graph *g = q->g;
  const bool by_channel = gr_type_of(g, qparams[0])->rank == 1;
  const graft_attr attrs[] = {{.name = "axis", .kind = GRAFT_ATTR_INT, .as.i = conv->transposed ? 1 : 0},
                              {.name = "groups", .kind = GRAFT_ATTR_INT, .as.i = conv->transposed ? conv->groups : 1}};
  const graft_value operands[] = {weight, qparams[0], qparams[1]};
  const graft_node old = q->dq;
  graft_tensor before[3];
  for (uint32_t i = 0; i < 3; i++) before[i] = tensor_of(q, gr_operand(g, old, i));
  const graft_value made =
      gr_module_node(g, &(gr_new_node){.op = by_channel ? "dequantize_per_channel" : "dequantize_per_tensor",
                                       .source = q->name,
                                       .operands = operands,
                                       .operand_count = 3,
                                       .attrs = attrs,
                                       .attr_count = by_channel ? 2 : 0,
                                       .before = old});
  if (made == GRAFT_NONE) return GRAFT_TYPE;
  const graft_status s = graft_node_set_operand(g, q->n, GR_Q_WEIGHT, made);
  if (s) return s;
  if (gr_unused(g, gr_result(g, old, 0))) gr_node_erase(g, old);
  q->dq = gr_value_node(g, made);
  for (uint32_t i = 0; i < 3; i++) gr_erase_unused(g->module, before[i]);
  return GRAFT_OK;
}

graft_status gr_quantized_set_weight(gr_quantized_conv *q, gr_arena *text, const graft_quantized_weight *w) {
  graft_graph *g = q->g;
  graft_module *m = g->module;
  const gr_conv conv = conv_of(q);
  graft_type weight = gr_conv_weight_type(&conv), bias = graft_type_make(GRAFT_F32, 1, &conv.out_channels);
  weight.dtype = GRAFT_I8;
  graft_status s = check_weight(q, &conv, w);
  if (s) return s;
  graft_value qparams[2], values[2] = {GRAFT_NONE, GRAFT_NONE};
  const graft_tensor t = gr_module_tensor(m, text, q->name, "weight", GRAFT_BUFFER, &weight, w->data,
                                          tensor_of(q, weight_operand(q, GR_Q_WEIGHT)));
  if (t == GRAFT_NONE || (values[0] = gr_handle(g, t)) == GRAFT_NONE) return GRAFT_NAME;
  s = put_qparams(q, text, &conv, w, qparams);
  if (s) return s;
  const void *data = w->bias;
  if (!data && gr_engine_keeps_zeros(gr_quantized_engine(g, q->n))) {
    void *zeros = gr_arena_alloc(text, (size_t)conv.out_channels * sizeof(float));
    if (!zeros) return GRAFT_NO_MEMORY;
    data = memset(zeros, 0, (size_t)conv.out_channels * sizeof(float));
  }
  if (data) {
    const graft_tensor b = gr_module_tensor(m, text, q->name, "bias", GRAFT_PARAMETER, &bias, data,
                                            tensor_of(q, gr_operand(g, q->n, GR_Q_BIAS)));
    if (b == GRAFT_NONE || (values[1] = gr_handle(g, b)) == GRAFT_NONE) return GRAFT_NAME;
  }
  if (q->dq != GRAFT_NONE) {
    s = set_dequantize(q, &conv, values[0], qparams);
  } else {
    /* Both at once would fit; in between a scale may have another rank than its zero point. */
    const graft_value scale = gr_operand(g, q->n, GR_Q_WEIGHT_SCALE), zero = gr_operand(g, q->n, GR_Q_WEIGHT_ZERO);
    const graft_tensor old[] = {tensor_of(q, scale), tensor_of(q, zero)};
    const uint32_t first = gr_node_at(g, q->n)->first_use;
    s = set_operand(q, q->n, GR_Q_WEIGHT, values[0]);
    if (!s && scale != qparams[0]) s = gr_use_set(g, first + GR_Q_WEIGHT_SCALE, qparams[0]);
    if (!s && zero != qparams[1]) s = gr_use_set(g, first + GR_Q_WEIGHT_ZERO, qparams[1]);
    for (int i = 0; i < 2 && !s; i++) gr_erase_unused(m, old[i]);
  }
  return s ? s : set_operand(q, q->n, GR_Q_BIAS, values[1]);
}

typedef struct change {
  graft_module *m;
  graft_context *c;
  gr_edit edit;
  gr_arena text;
  uint32_t errors;
} change;

static void begin_change(change *h, graft_graph *g) {
  *h = (change){.m = g->module, .c = g->module->context};
  h->errors = gr_error_count(h->c);
  gr_arena_init(&h->text, h->c);
  h->edit = gr_edit_begin(h->m);
}

static graft_status end_change(change *h, graft_status s) {
  if (s && gr_error_count(h->c) == h->errors) s = GRAFT_NO_MEMORY;
  gr_arena_free(&h->text);
  return gr_edit_end(h->m, h->edit, gr_module_outcome(h->c, h->errors, s));
}

graft_status graft_quantized_conv_set_weight_bias(graft_graph *g, const char *name,
                                                  const graft_quantized_weight *given) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  change h;
  gr_quantized_conv q;
  graft_quantized_weight w = {.size = sizeof w};
  begin_change(&h, g);
  graft_status s = gr_quantized_conv_find(g, name, &q);
  if (!s && !given) s = gr_error(h.c, GRAFT_INVALID_ARGUMENT, gr_named_loc(name), "there is no weight");
  if (!s) s = gr_take_options(h.c, &w, sizeof w, given);
  if (!s) s = gr_quantized_set_weight(&q, &h.text, &w);
  return end_change(&h, s);
}

/* The bytes of an operand that is a tensor of this dtype. */
static graft_status read_operand(const gr_quantized_conv *q, graft_value v, const char *what, graft_dtype dtype,
                                 const void **data) {
  graft_module *m = q->g->module;
  const graft_tensor t = tensor_of(q, v);
  if (t == GRAFT_NONE || gr_tensor_type(m, t)->dtype != dtype)
    return gr_error(m->context, GRAFT_UNSUPPORTED, gr_named_loc(q->name), "%s is no tensor of %s", what,
                    graft_dtype_name(dtype));
  const uint32_t errors = gr_error_count(m->context);
  *data = graft_tensor_get_data(m, t);
  if (*data) return GRAFT_OK;
  if (gr_error_count(m->context) > errors) return GRAFT_NO_MEMORY;
  return gr_error(m->context, GRAFT_UNSUPPORTED, gr_named_loc(q->name), "%s has no data", what);
}

graft_status graft_quantized_conv_get_weight_bias(graft_graph *g, const char *name, graft_quantized_weight *out) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_context *c = g->module->context;
  const void *data[4] = {NULL, NULL, NULL, NULL};
  gr_quantized_conv q;
  graft_status s = gr_quantized_conv_find(g, name, &q);
  if (!s && !out) s = gr_error(c, GRAFT_INVALID_ARGUMENT, gr_named_loc(name), "there is no place for the weight");
  if (!s) s = gr_check_place(c, out, sizeof *out);
  if (s) return s;
  const graft_value weight = weight_operand(&q, GR_Q_WEIGHT), scale = weight_operand(&q, GR_Q_WEIGHT_SCALE);
  s = read_operand(&q, weight, "the weight", GRAFT_I8, &data[0]);
  if (!s) s = read_operand(&q, scale, "the weight's scale", GRAFT_F32, &data[1]);
  if (!s) s = read_operand(&q, weight_operand(&q, GR_Q_WEIGHT_ZERO), "the weight's zero point", GRAFT_I32, &data[2]);
  const graft_value bias = gr_operand(g, q.n, GR_Q_BIAS);
  if (!s && bias != GRAFT_NONE) s = read_operand(&q, bias, "the bias", GRAFT_F32, &data[3]);
  if (s) return s;
  const graft_quantized_weight got = {.size = sizeof got,
                                      .type = *gr_type_of(g, weight),
                                      .data = data[0],
                                      .scale = data[1],
                                      .zero_point = data[2],
                                      .count = graft_type_elements(gr_type_of(g, scale)),
                                      .bias = data[3]};
  gr_give(out, &got, sizeof got);
  return GRAFT_OK;
}

/* ---- scale and zero point of the result ---- */

/* The tensor that holds the scale: of a `to` its operand. */
static graft_tensor scale_tensor(const gr_quantized_conv *q) {
  const graft_graph *g = q->g;
  const graft_value v = gr_operand(g, q->n, GR_Q_Y_SCALE);
  const graft_node n = gr_value_node(g, v);
  if (n == GRAFT_NONE) return gr_value_tensor(g, v);
  return gr_node_at(g, n)->op == GR_OP_to ? gr_value_tensor(g, gr_operand(g, n, 0)) : GRAFT_NONE;
}

static graft_tensor zero_tensor(const gr_quantized_conv *q) {
  return gr_value_tensor(q->g, gr_operand(q->g, q->n, GR_Q_Y_ZERO));
}

graft_status gr_quantized_set_output(const gr_quantized_conv *q, double scale, int64_t zero_point) {
  graft_module *m = q->g->module;
  graft_context *c = m->context;
  const gr_loc where = gr_named_loc(q->name);
  const graft_tensor t = q->dq == GRAFT_NONE ? scale_tensor(q) : GRAFT_NONE,
                     z = q->dq == GRAFT_NONE ? zero_tensor(q) : GRAFT_NONE;
  const int32_t zero = (int32_t)zero_point;
  int64_t low, high;
  if (q->dq != GRAFT_NONE) return gr_error(c, GRAFT_UNSUPPORTED, where, "a dynamic module has no scale of its result");
  if (t == GRAFT_NONE || z == GRAFT_NONE || gr_tensor_type(m, t)->dtype != GRAFT_F64 ||
      m->tensors.data[t].kind == GRAFT_CONSTANT || m->tensors.data[z].kind == GRAFT_CONSTANT)
    return gr_error(c, GRAFT_UNSUPPORTED, where,
                    "scale and zero point of the result are constants, which others may share, and no state of the "
                    "module: graft_quantized_conv_copy makes one that has its own");
  if (!(scale > 0) || !((float)scale >= FLT_MIN && (float)scale <= FLT_MAX))
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "scale is %g, not a normal number above 0", scale);
  if (!gr_result_range(gr_type_of(q->g, gr_result(q->g, q->n, 0))->dtype, &low, &high) || zero_point < low ||
      zero_point > high)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "zero_point is %lld, which the result's integers do not have",
                    (long long)zero_point);
  const graft_status s = graft_tensor_set_data(m, t, &scale);
  return s ? s : graft_tensor_set_data(m, z, &zero);
}

graft_status graft_quantized_conv_set_output(graft_graph *g, const char *name, double scale, int64_t zero_point) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  change h;
  gr_quantized_conv q;
  begin_change(&h, g);
  graft_status s = gr_quantized_conv_find(g, name, &q);
  if (!s) s = gr_quantized_set_output(&q, scale, zero_point);
  return end_change(&h, s);
}

static graft_status get_output(const gr_quantized_conv *q, double *scale, int64_t *zero_point) {
  graft_module *m = q->g->module;
  *scale = 1.0;
  *zero_point = 0;
  if (q->dq != GRAFT_NONE) return GRAFT_OK;
  const graft_tensor t = scale_tensor(q), z = zero_tensor(q);
  const void *s = t == GRAFT_NONE ? NULL : graft_tensor_get_data(m, t),
             *zero = z == GRAFT_NONE ? NULL : graft_tensor_get_data(m, z);
  if (!s || !zero)
    return gr_error(m->context, GRAFT_UNSUPPORTED, gr_named_loc(q->name),
                    "scale and zero point of the result are computed, or have no data");
  *scale = gr_element_float(gr_tensor_type(m, t)->dtype, s);
  *zero_point = gr_element_int(gr_tensor_type(m, z)->dtype, zero);
  return GRAFT_OK;
}

graft_status graft_quantized_conv_get_output(graft_graph *g, const char *name, double *scale, int64_t *zero_point) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  gr_quantized_conv q;
  double own_scale = 1.0;
  int64_t own_zero = 0;
  graft_status s = gr_quantized_conv_find(g, name, &q);
  if (!s) s = get_output(&q, &own_scale, &own_zero);
  if (!s && scale) *scale = own_scale;
  if (!s && zero_point) *zero_point = own_zero;
  return s;
}

/* ---- the line ---- */

typedef struct line {
  char *buffer;
  size_t size, length;
} line;

static void say(line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(line *l, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const size_t room = l->length < l->size ? l->size - l->length : 0;
  const int n = vsnprintf(room ? l->buffer + l->length : NULL, room, format, args);
  va_end(args);
  if (n > 0) l->length += (size_t)n;
}

static void say_tuple(line *l, const char *name, const int64_t *values, uint32_t count) {
  say(l, ", %s=(", name);
  for (uint32_t i = 0; i < count; i++) say(l, "%s%lld", i ? ", " : "", (long long)values[i]);
  say(l, count == 1 ? ",)" : ")");
}

static bool all(const int64_t *values, uint32_t count, int64_t what) {
  for (uint32_t i = 0; i < count; i++)
    if (values[i] != what) return false;
  return true;
}

size_t graft_quantized_conv_repr(graft_graph *g, const char *name, char *buffer, size_t size) {
  if (buffer && size) buffer[0] = '\0';
  if (!GR_LIVE(g, GRAPH)) return 0;
  graft_context *c = g->module->context;
  gr_quantized_conv q;
  gr_conv conv;
  double scale;
  int64_t zero_point;
  char number[GR_NUMBER_SIZE];
  line l = {buffer, buffer ? size : 0, 0};
  if (l.size) buffer[0] = '\0';
  if (gr_quantized_conv_find(g, name, &q) || get_output(&q, &scale, &zero_point)) return 0;
  if (!gr_conv_of_node(g, q.n, q.pad, &conv)) {
    gr_error(c, GRAFT_UNSUPPORTED, gr_named_loc(name), "the pad before the convolution is none of a module");
    return 0;
  }
  const bool adds = q.dq == GRAFT_NONE && gr_operand(g, q.n, GR_Q_OTHER) != GRAFT_NONE,
             relu = gr_integer_relu(gr_node_at(g, q.n)->op);
  (void)gr_number_format(number, scale, false);
  say(&l, "%sQuantizedConv%s%s%s%ud(%lld, %lld", q.dq == GRAFT_NONE ? "" : "Dynamic", conv.transposed ? "Tranpose" : "",
      adds ? "Add" : "", relu ? "ReLU" : "", conv.dims, (long long)conv.in_channels, (long long)conv.out_channels);
  say_tuple(&l, "kernel_size", conv.kernel_size, conv.dims);
  say_tuple(&l, "stride", conv.stride, conv.dims);
  say(&l, ", scale=%s, zero_point=%lld", number, (long long)zero_point);
  if (!all(conv.padding, conv.dims, 0)) say_tuple(&l, "padding", conv.padding, conv.dims);
  if (!all(conv.dilation, conv.dims, 1)) say_tuple(&l, "dilation", conv.dilation, conv.dims);
  if (!all(conv.output_padding, conv.dims, 0)) say_tuple(&l, "output_padding", conv.output_padding, conv.dims);
  if (conv.groups != 1) say(&l, ", groups=%lld", (long long)conv.groups);
  if (!conv.bias) say(&l, ", bias=False");
  say(&l, ")");
  return l.length;
}
