/* Quantized convolution modules: they are built, found by name, and copied. */
#include "passes/quantized_impl.h"

#include <string.h>

/* ---- nodes and tensors ---- */

static graft_attr int_attr(const char *name, int64_t value) {
  return (graft_attr){.name = name, .kind = GRAFT_ATTR_INT, .as.i = value};
}

static graft_attr dtype_attr(graft_dtype dtype) {
  return (graft_attr){.name = "dtype", .kind = GRAFT_ATTR_DTYPE, .as.dtype = dtype};
}

graft_value gr_module_node(graft_graph *g, const gr_new_node *n) {
  const graft_node made = graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                                     .op = n->op,
                                                                     .operands = n->operands,
                                                                     .operand_count = n->operand_count,
                                                                     .attrs = n->attrs,
                                                                     .attr_count = n->attr_count,
                                                                     .result_count = n->result_count,
                                                                     .name = n->name,
                                                                     .source = n->source,
                                                                     .insert = n->before != GRAFT_NONE,
                                                                     .before = n->before});
  return made == GRAFT_NONE ? GRAFT_NONE : gr_result(g, made, 0);
}

graft_tensor gr_module_tensor(graft_module *m, gr_arena *text, const char *name, const char *suffix,
                              graft_tensor_kind kind, const graft_type *type, const void *data, graft_tensor old) {
  const char *full = gr_text(text, "%s.%s", name, suffix);
  if (!full) return GRAFT_NONE;
  const gr_name wanted = gr_name_split(m, full, strlen(full));
  if (wanted.base == GRAFT_NONE) return GRAFT_NONE;
  const bool own = old != GRAFT_NONE && gr_find_tensor(m, wanted) == old;
  if (own && gr_type_equal(gr_tensor_type(m, old), type)) return graft_tensor_set_data(m, old, data) ? GRAFT_NONE : old;
  if (own && gr_tensor_rename(m, old, gr_name_derived(m, m->tensors.data[old].name))) return GRAFT_NONE;
  bool taken = gr_find_tensor(m, wanted) != GRAFT_NONE;
  for (uint32_t i = 0; i < m->graphs.len; i++) taken |= gr_find_value(m->graphs.data[i], wanted) != GRAFT_NONE;
  if (taken)
    return gr_error(m->context, GRAFT_NAME, gr_named_loc(name), "something is called '%s' already", full), GRAFT_NONE;
  /* Names that were taken once get a number: this one is free again. */
  const graft_tensor t = graft_tensor_create(m, full, kind, type, data);
  return t == GRAFT_NONE || gr_tensor_rename(m, t, wanted) ? GRAFT_NONE : t;
}

graft_status gr_module_outcome(graft_context *c, uint32_t errors_before, graft_status status) {
  return gr_outcome(c, errors_before, gr_error_count(c) == errors_before ? status : GRAFT_OK);
}

void gr_erase_unused(graft_module *m, graft_tensor t) {
  if (t == GRAFT_NONE || !gr_is_tensor(m, t) || gr_tensor_is_read(m, t)) return;
  for (uint32_t i = 0; i < m->graphs.len; i++) {
    const graft_graph *g = m->graphs.data[i];
    for (uint32_t u = 0; u < g->updates.len; u++)
      if (g->updates.data[u].tensor == t) return;
  }
  gr_tensor_erase(m, t);
}

bool gr_result_range(graft_dtype dtype, int64_t *low, int64_t *high) {
  return (dtype == GRAFT_U8 || dtype == GRAFT_I8) && gr_integer_range(dtype, low, high);
}

/* ---- building ---- */

static const char *const shapes[2][4] = {{"", "(N, C, L)", "(N, C, H, W)", "(N, C, D, H, W)"},
                                         {"", "(N, C, L)", "(N, C, H, W)", "(N, C, T, H, W)"}};

graft_status gr_quantized_conv_check_x(graft_graph *g, const char *name, const gr_conv *conv, graft_value x) {
  const int32_t rank = gr_type_of(g, x)->rank;
  const char *shape = shapes[conv->transposed][conv->dims & 3];
  if (rank < 0 || rank == (int32_t)conv->dims + 2) return GRAFT_OK;
  return gr_error(g->module->context, GRAFT_TYPE, gr_named_loc(name),
                  "expected %s: Input shape must be `%s`!, not of rank %d", shape, shape, (int)rank);
}

/* PyTorch's own checks of quantized modules, then those of all convolutions. */
static graft_status take_conv(graft_context *c, const char *name, const graft_conv_arguments *given, gr_conv *conv) {
  graft_conv_arguments a = {.size = sizeof a};
  const gr_loc where = gr_named_loc(name);
  if (!given) return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "a convolution needs its arguments");
  graft_status s = gr_take_options(c, &a, sizeof a, given);
  if (s) return s;
  const char *mode = a.padding_mode ? a.padding_mode : "zeros";
  const bool zeros = strcmp(mode, "zeros") == 0, reflect = strcmp(mode, "reflect") == 0;
  if (reflect && !a.transposed && a.dims == 3)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "Conv3d does not support reflection padding");
  if (!zeros && a.transposed && a.dims >= 1 && a.dims <= 3)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "Only \"zeros\" padding mode is supported for ConvTranspose%ud",
                    a.dims);
  if (!zeros && !reflect) a.padding_mode = NULL;
  s = gr_conv_take(c, name, &a, conv);
  if (!s && !zeros && !reflect)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "'padding_mode' %s is not supported by quantized convolution",
                    mode);
  return s;
}

static graft_status check_quantized(graft_graph *g, const char *name, const char *what,
                                    const graft_quantized_value *v) {
  graft_context *c = g->module->context;
  const gr_loc where = gr_named_loc(name);
  int64_t low, high;
  if (!v || !gr_is_value(g, v->integers) || !gr_is_value(g, v->scale) || !gr_is_value(g, v->zero_point))
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "%s, its scale and its zero point are values of the graph", what);
  const graft_dtype d = gr_type_of(g, v->integers)->dtype;
  if (!gr_result_range(d, &low, &high))
    return gr_error(c, GRAFT_TYPE, where, "%s is %s: quantized modules read u8 or i8", what, graft_dtype_name(d));
  return GRAFT_OK;
}

static const char *op_of(const gr_quantized_parts *p, gr_arena *text) {
  const bool sum = p->other && !p->dynamic, relu = p->relu && !p->dynamic;
  return gr_text(text, "%s%s%ud%s%s", p->dynamic ? "" : "quantized.", p->conv.transposed ? "conv_transpose" : "conv",
                 p->conv.dims, sum ? "_add" : "", relu ? "_relu" : "");
}

/* As PyTorch pads: before and after, from the last axis on. */
static graft_value pad(graft_graph *g, const gr_quantized_parts *p, graft_value x) {
  int64_t pads[6];
  const uint32_t dims = p->conv.dims;
  if (gr_conv_check_pad(g, &p->conv, p->name, x)) return GRAFT_NONE;
  for (uint32_t i = 0; i < dims; i++) pads[2 * i] = pads[2 * i + 1] = p->conv.padding[dims - 1 - i];
  const graft_attr attrs[] = {gr_ints_attr("pad", pads, 2 * dims),
                              {.name = "mode", .kind = GRAFT_ATTR_STRING, .as.s = "reflect"}};
  return gr_module_node(g, &(gr_new_node){.op = "pad",
                                          .source = p->name,
                                          .operands = &x,
                                          .operand_count = 1,
                                          .attrs = attrs,
                                          .attr_count = 2,
                                          .before = p->before});
}

/* The convolution, quantized or of floats, of what may be padded already. */
static graft_value convolution(graft_graph *g, gr_arena *text, const gr_quantized_parts *p, const graft_value *operands,
                               uint32_t count) {
  static const int64_t none[3] = {0, 0, 0};
  const gr_conv *conv = &p->conv;
  const bool reflect = conv->padding_mode == GR_pad_mode_reflect;
  graft_attr attrs[9] = {gr_ints_attr("stride", conv->stride, conv->dims),
                         gr_ints_attr("padding", reflect ? none : conv->padding, conv->dims),
                         gr_ints_attr("dilation", conv->dilation, conv->dims), int_attr("groups", conv->groups)};
  uint32_t attr_count = 4;
  if (conv->transposed) attrs[attr_count++] = gr_ints_attr("output_padding", conv->output_padding, conv->dims);
  if (!p->dynamic) {
    graft_dtype dtype = p->dtype;
    int64_t low = p->quant_min, high = p->quant_max;
    if (dtype == GRAFT_UNKNOWN) {
      dtype = gr_type_of(g, p->qx->integers)->dtype;
      if (!gr_result_range(dtype, &low, &high)) return GRAFT_NONE;
    }
    attrs[attr_count++] = int_attr("quant_min", low);
    attrs[attr_count++] = int_attr("quant_max", high);
    attrs[attr_count++] = dtype_attr(dtype);
    attrs[attr_count++] = (graft_attr){.name = "requantize", .kind = GRAFT_ATTR_STRING, .as.s = p->engine};
  }
  const char *op = op_of(p, text);
  return op ? gr_module_node(g, &(gr_new_node){.op = op,
                                               .name = p->name,
                                               .source = p->name,
                                               .operands = operands,
                                               .operand_count = count,
                                               .attrs = attrs,
                                               .attr_count = attr_count,
                                               .before = p->before})
            : GRAFT_NONE;
}

bool gr_engine_keeps_zeros(const char *engine) { return strcmp(engine, "qnnpack") == 0; }

static graft_value handle(graft_graph *g, graft_tensor t) { return t == GRAFT_NONE ? GRAFT_NONE : gr_handle(g, t); }

/* The weight, its scale and zero point, and the bias: zeros of scale 1. */
static bool state(graft_graph *g, gr_arena *text, const gr_quantized_parts *p, graft_value out[4]) {
  static const float one = 1.0f;
  static const int32_t zero = 0;
  graft_module *m = g->module;
  graft_type weight = gr_conv_weight_type(&p->conv);
  const graft_type scale = {.dtype = GRAFT_F32}, zero_point = {.dtype = GRAFT_I32},
                   bias = graft_type_make(GRAFT_F32, 1, &p->conv.out_channels);
  const bool has_bias = p->conv.bias || (!p->dynamic && gr_engine_keeps_zeros(p->engine));
  weight.dtype = GRAFT_I8;
  const int64_t elements = graft_type_elements(&weight), channels = p->conv.out_channels;
  const size_t size = (size_t)(elements > channels * 4 ? elements : channels * 4);
  void *zeros = gr_calloc(m->context, size, 1);
  if (!zeros) return false;
  out[0] = handle(g, gr_module_tensor(m, text, p->name, "weight", GRAFT_BUFFER, &weight, zeros, GRAFT_NONE));
  out[1] = handle(g, gr_module_tensor(m, text, p->name, "weight.scale", GRAFT_BUFFER, &scale, &one, GRAFT_NONE));
  out[2] =
      handle(g, gr_module_tensor(m, text, p->name, "weight.zero_point", GRAFT_BUFFER, &zero_point, &zero, GRAFT_NONE));
  out[3] = has_bias ? handle(g, gr_module_tensor(m, text, p->name, "bias", GRAFT_PARAMETER, &bias, zeros, GRAFT_NONE))
                    : GRAFT_NONE;
  gr_free(m->context, zeros, size);
  return out[0] != GRAFT_NONE && out[1] != GRAFT_NONE && out[2] != GRAFT_NONE && (out[3] != GRAFT_NONE || !has_bias);
}

/* NAME.scale, which is a double, as an f32, and NAME.zero_point. */
static bool output_state(graft_graph *g, gr_arena *text, const gr_quantized_parts *p, graft_quantized_value *y) {
  static const double one = 1.0;
  static const int32_t zero = 0;
  graft_module *m = g->module;
  const graft_type scale = {.dtype = GRAFT_F64}, zero_point = {.dtype = GRAFT_I32};
  const graft_value wide =
      handle(g, gr_module_tensor(m, text, p->name, "scale", GRAFT_BUFFER, &scale, &one, GRAFT_NONE));
  y->zero_point =
      handle(g, gr_module_tensor(m, text, p->name, "zero_point", GRAFT_BUFFER, &zero_point, &zero, GRAFT_NONE));
  if (wide == GRAFT_NONE || y->zero_point == GRAFT_NONE) return false;
  const graft_attr to = dtype_attr(GRAFT_F32);
  y->scale = gr_module_node(g, &(gr_new_node){.op = "to",
                                              .source = p->name,
                                              .operands = &wide,
                                              .operand_count = 1,
                                              .attrs = &to,
                                              .attr_count = 1,
                                              .before = p->before});
  return y->scale != GRAFT_NONE;
}

static graft_status build(graft_graph *g, gr_arena *text, const gr_quantized_parts *p, graft_quantized_value *y) {
  graft_value w[4], operands[GR_Q_COUNT];
  if (!state(g, text, p, w) || !output_state(g, text, p, y)) return GRAFT_TYPE;
  operands[GR_Q_X] = p->conv.padding_mode == GR_pad_mode_reflect ? pad(g, p, p->qx->integers) : p->qx->integers;
  if (operands[GR_Q_X] == GRAFT_NONE) return GRAFT_TYPE;
  operands[GR_Q_WEIGHT] = w[0];
  operands[GR_Q_BIAS] = w[3];
  operands[GR_Q_X_SCALE] = p->qx->scale;
  operands[GR_Q_X_ZERO] = p->qx->zero_point;
  operands[GR_Q_WEIGHT_SCALE] = w[1];
  operands[GR_Q_WEIGHT_ZERO] = w[2];
  operands[GR_Q_Y_SCALE] = y->scale;
  operands[GR_Q_Y_ZERO] = y->zero_point;
  if (p->other) {
    operands[GR_Q_OTHER] = p->other->integers;
    operands[GR_Q_OTHER_SCALE] = p->other->scale;
    operands[GR_Q_OTHER_ZERO] = p->other->zero_point;
  }
  y->integers = convolution(g, text, p, operands, p->other ? GR_Q_COUNT : GR_Q_OTHER);
  return y->integers == GRAFT_NONE ? GRAFT_TYPE : GRAFT_OK;
}

/* One node of the dynamic form. */
static graft_value dynamic_node(graft_graph *g, const gr_quantized_parts *p, const char *op,
                                const graft_value *operands, uint32_t count, const graft_attr *attrs,
                                uint32_t attr_count) {
  return gr_module_node(g, &(gr_new_node){.op = op,
                                          .source = p->name,
                                          .operands = operands,
                                          .operand_count = count,
                                          .attrs = attrs,
                                          .attr_count = attr_count,
                                          .before = p->before});
}

/* x by its own range, the weight's integers, and a convolution of what they stand for. */
static graft_status build_dynamic(graft_graph *g, gr_arena *text, const gr_quantized_parts *p,
                                  graft_quantized_value *y) {
  const graft_attr range[] = {int_attr("quant_min", 0),
                              int_attr("quant_max", 255),
                              dtype_attr(GRAFT_U8),
                              {.name = "formula", .kind = GRAFT_ATTR_STRING, .as.s = "kernel"}},
                   bytes[] = {int_attr("quant_min", -128), int_attr("quant_max", 127), dtype_attr(GRAFT_I8)};
  graft_value w[4], q[3];
  *y = (graft_quantized_value){GRAFT_NONE, GRAFT_NONE, GRAFT_NONE};
  if (!state(g, text, p, w)) return GRAFT_TYPE;
  q[1] = dynamic_node(g, p, "choose_qparams", &p->x, 1, range, 4);
  if (q[1] == GRAFT_NONE) return GRAFT_TYPE;
  q[2] = gr_result(g, gr_value_node(g, q[1]), 1);
  q[0] = dynamic_node(g, p, "quantize_per_tensor", (const graft_value[]){p->x, q[1], q[2]}, 3, range, 3);
  if (q[0] == GRAFT_NONE) return GRAFT_TYPE;
  graft_value x = dynamic_node(g, p, "dequantize_per_tensor", q, 3, range, 3);
  if (x != GRAFT_NONE && p->conv.padding_mode == GR_pad_mode_reflect) x = pad(g, p, x);
  const graft_value weight = dynamic_node(g, p, "dequantize_per_tensor", w, 3, bytes, 3);
  if (x == GRAFT_NONE || weight == GRAFT_NONE) return GRAFT_TYPE;
  graft_value sum = convolution(g, text, p, (const graft_value[]){x, weight, w[3]}, 3);
  if (sum != GRAFT_NONE && p->other)
    sum = dynamic_node(g, p, "add", (const graft_value[]){sum, p->other->integers}, 2, NULL, 0);
  if (sum != GRAFT_NONE && p->relu) sum = dynamic_node(g, p, "relu", &sum, 1, NULL, 0);
  y->integers = sum;
  return sum == GRAFT_NONE ? GRAFT_TYPE : GRAFT_OK;
}

graft_status gr_quantized_conv_build(graft_graph *g, gr_arena *text, const gr_quantized_parts *p,
                                     graft_quantized_value *y) {
  graft_context *c = g->module->context;
  const uint32_t errors = gr_error_count(c);
  if (p->other && p->conv.transposed && !p->dynamic)
    return gr_error(c, GRAFT_UNSUPPORTED, gr_named_loc(p->name), "there is no sum of a transposed convolution");
  if (gr_choice_find(GR_CHOICE_requantization, p->engine) < 0) {
    char words[128];
    gr_choice_list(GR_CHOICE_requantization, words, sizeof words);
    return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_named_loc(p->name), "no engine is called '%s': %s", p->engine, words);
  }
  const graft_status s = p->dynamic ? build_dynamic(g, text, p, y) : build(g, text, p, y);
  return s && gr_error_count(c) == errors ? GRAFT_NO_MEMORY : s;
}

graft_status graft_quantized_conv_create(graft_graph *g, const char *name, const graft_quantized_value *x,
                                         const graft_conv_arguments *arguments,
                                         const graft_quantized_conv_options *given, graft_quantized_value *y) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_module *m = g->module;
  graft_context *c = m->context;
  graft_quantized_conv_options options = {.size = sizeof options};
  gr_quantized_parts p = {.name = name, .qx = x, .before = GRAFT_NONE};
  graft_quantized_value made = {GRAFT_NONE, GRAFT_NONE, GRAFT_NONE};
  gr_arena text;
  const uint32_t errors = gr_error_count(c);
  gr_arena_init(&text, c);
  gr_edit edit = gr_edit_begin(m);
  graft_status s = gr_module_name_check(m, &text, name);
  if (!s && !y) s = gr_error(c, GRAFT_INVALID_ARGUMENT, gr_named_loc(name), "there is no place for the result");
  if (!s) s = gr_take_options(c, &options, sizeof options, given);
  if (!s) s = take_conv(c, name, arguments, &p.conv);
  if (!s) s = check_quantized(g, name, "x", x);
  if (!s) s = gr_quantized_conv_check_x(g, name, &p.conv, x->integers);
  if (!s && options.other) s = check_quantized(g, name, "other", options.other);
  p.engine = options.engine ? options.engine : "float";
  p.relu = options.relu;
  p.other = options.other;
  if (!s) s = gr_quantized_conv_build(g, &text, &p, &made);
  gr_arena_free(&text);
  s = gr_edit_end(m, edit, gr_module_outcome(c, errors, s));
  if (!s && y) *y = made;
  return s;
}

/* ---- finding ---- */

static bool is_source(const graft_graph *g, graft_node n, uint32_t name) {
  return gr_record_source(g->module, gr_node_at(g, n)->provenance) == name;
}

/* The float convolution that the node computes in integers or, `dynamic`, in floats; GRAFT_NONE: it is none. */
static uint32_t convolution_of(const graft_graph *g, graft_node n, bool *dynamic) {
  const uint32_t op = gr_node_at(g, n)->op;
  const gr_op_info *info = gr_op_get(op), *of;
  *dynamic = info && !(info->families & GR_F_QUANTIZED);
  const uint32_t layer = !info ? GRAFT_NONE : *dynamic ? op : gr_integer_of(op);
  of = layer == GRAFT_NONE ? NULL : gr_op_get(layer);
  return of && (of->families & GR_F_CONV) ? layer : GRAFT_NONE;
}

static bool is_of(const graft_graph *g, graft_node n, uint32_t families) {
  const gr_op_info *info = gr_info(g, n);
  return info && (info->families & families);
}

static graft_node made_by(const graft_graph *g, graft_value v) { return v == GRAFT_NONE ? v : gr_value_node(g, v); }

/* Of the convolution of a dynamic module, which reads x by its own range: what dequantizes its weight from a tensor of
 * i8; else GRAFT_NONE. */
static graft_node dequantize_of(const graft_graph *g, graft_node n) {
  const graft_node dq = made_by(g, gr_operand(g, n, GR_Q_WEIGHT));
  graft_node x = made_by(g, gr_operand(g, n, GR_Q_X));
  if (x != GRAFT_NONE && gr_node_at(g, x)->op == GR_OP_pad) x = made_by(g, gr_operand(g, x, 0));
  if (dq == GRAFT_NONE || x == GRAFT_NONE || !is_of(g, dq, GR_F_DQ) || !is_of(g, x, GR_F_DQ)) return GRAFT_NONE;
  const graft_node range = made_by(g, gr_operand(g, x, 1));
  const graft_value w = gr_operand(g, dq, 0);
  return range != GRAFT_NONE && gr_node_at(g, range)->op == GR_OP_choose_qparams &&
                 gr_value_tensor(g, w) != GRAFT_NONE && gr_type_of(g, w)->dtype == GRAFT_I8
             ? dq
             : GRAFT_NONE;
}

void gr_quantized_conv_built(graft_graph *g, const char *name, graft_value y, gr_quantized_conv *q) {
  graft_node n = gr_value_node(g, y);
  bool dynamic;
  while (convolution_of(g, n, &dynamic) == GRAFT_NONE) n = made_by(g, gr_operand(g, n, 0)); /* a relu, a sum */
  const graft_node before = made_by(g, gr_operand(g, n, GR_Q_X));
  *q = (gr_quantized_conv){g, name, n, GRAFT_NONE, dynamic ? dequantize_of(g, n) : GRAFT_NONE};
  if (before != GRAFT_NONE && gr_node_at(g, before)->op == GR_OP_pad) q->pad = before;
}

graft_status gr_quantized_conv_find(graft_graph *g, const char *name, gr_quantized_conv *q) {
  graft_module *m = g->module;
  graft_context *c = m->context;
  if (!name || !name[0]) return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "a module needs a name");
  const uint32_t id = gr_intern_find(m, name, strlen(name));
  *q = (gr_quantized_conv){g, name, GRAFT_NONE, GRAFT_NONE, GRAFT_NONE};
  for (graft_node n = id == GRAFT_NONE ? GRAFT_NONE : g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    bool dynamic;
    if (convolution_of(g, n, &dynamic) == GRAFT_NONE || !is_source(g, n, id)) continue;
    const graft_node dq = dynamic ? dequantize_of(g, n) : GRAFT_NONE;
    if (dynamic && dq == GRAFT_NONE) continue;
    if (q->n != GRAFT_NONE)
      return gr_error(c, GRAFT_NAME, gr_named_loc(name), "several quantized convolutions are called so");
    q->n = n;
    q->dq = dq;
  }
  if (q->n == GRAFT_NONE)
    return gr_error(c, GRAFT_NAME, gr_named_loc(name), "no quantized convolution is called '%s'", name);
  const graft_node before = made_by(g, gr_operand(g, q->n, GR_Q_X));
  if (before != GRAFT_NONE && gr_node_at(g, before)->op == GR_OP_pad && is_source(g, before, id)) q->pad = before;
  return GRAFT_OK;
}

static void take_ints(const graft_module *m, uint32_t set, uint32_t slot, int64_t *out) {
  uint32_t count;
  const int64_t *from = gr_attr_ints(m, set, slot, &count);
  for (uint32_t i = 0; i < count && i < 3; i++) out[i] = from[i];
}

/* The padding of a module that reflects; false: this pad is another one. */
static bool take_pad(const graft_graph *g, graft_node pad, gr_conv *conv) {
  const uint32_t set = gr_attrs_of(g, pad);
  uint32_t count;
  const int64_t *pads = gr_attr_ints(g->module, set, GR_ATTR(pad, pad), &count);
  if (gr_attr_int(g->module, set, GR_ATTR(pad, mode)) != GR_pad_mode_reflect || !pads || count > 2 * conv->dims)
    return false;
  for (uint32_t i = 0; i < conv->dims; i++) {
    if (conv->padding[i] != 0) return false;
    const uint32_t at = 2 * (conv->dims - 1 - i);
    if (at < count && (at + 1 >= count || pads[at] != pads[at + 1])) return false;
    conv->padding[i] = at < count ? pads[at] : 0;
  }
  conv->padding_mode = GR_pad_mode_reflect;
  return true;
}

bool gr_conv_of_node(const graft_graph *g, graft_node n, graft_node pad, gr_conv *conv) {
  bool dynamic;
  const graft_module *m = g->module;
  const gr_op_info *of = gr_op_get(convolution_of(g, n, &dynamic));
  const graft_type *w = gr_type_of(g, gr_operand(g, n, GR_Q_WEIGHT));
  const uint32_t set = gr_attrs_of(g, n);
  *conv = (gr_conv){.dims = (uint32_t)w->rank - 2,
                    .transposed = of->families & GR_F_CONV_TRANSPOSE,
                    .bias = gr_operand(g, n, GR_Q_BIAS) != GRAFT_NONE,
                    .padding_mode = GR_pad_mode_constant};
  conv->groups = gr_attr_int(m, set, conv->transposed ? GR_ATTR_ND(conv_transpose, groups) : GR_ATTR_ND(conv, groups));
  take_ints(m, set, GR_ATTR_ND(conv, stride), conv->stride);
  take_ints(m, set, GR_ATTR_ND(conv, padding), conv->padding);
  take_ints(m, set, conv->transposed ? GR_ATTR_ND(conv_transpose, dilation) : GR_ATTR_ND(conv, dilation),
            conv->dilation);
  if (conv->transposed) take_ints(m, set, GR_ATTR_ND(conv_transpose, output_padding), conv->output_padding);
  for (uint32_t i = 0; i < conv->dims; i++) conv->kernel_size[i] = w->dims[2 + i];
  conv->in_channels = conv->transposed ? w->dims[0] : w->dims[1] * conv->groups;
  conv->out_channels = conv->transposed ? w->dims[1] * conv->groups : w->dims[0];
  return pad == GRAFT_NONE || take_pad(g, pad, conv);
}

GR_SAME_ATTR(stride, conv2d, conv_transpose2d);
GR_SAME_ATTR(padding, conv2d, conv_transpose2d);
GR_SAME_OPERAND(weight, quantized_conv2d_add, conv2d);
GR_SAME_OPERAND(bias, quantized_conv2d_add, conv2d);

/* ---- copies ---- */

const char *gr_quantized_engine(const graft_graph *g, graft_node n) {
  const gr_op_info *info = gr_info(g, n);
  const int slot = gr_op_attr_slot(info, "requantize", strlen("requantize"));
  return slot < 0
             ? "float"
             : gr_choice_words(GR_CHOICE_requantization)[gr_attr_int(g->module, gr_attrs_of(g, n), (uint32_t)slot)];
}

static graft_status copy_to(const gr_quantized_conv *q, graft_graph *to, const graft_quantized_value *x,
                            gr_quantized_parts *p, gr_arena *text, graft_quantized_value *y) {
  graft_context *c = to->module->context;
  const gr_loc where = gr_named_loc(p->name);
  graft_quantized_weight weight = {.size = sizeof weight};
  gr_quantized_conv made = {0};
  double scale = 1.0;
  int64_t zero_point = 0;
  if (!gr_conv_of_node(q->g, q->n, q->pad, &p->conv))
    return gr_error(c, GRAFT_UNSUPPORTED, where, "the pad of '%s' is none of a module", q->name);
  p->dynamic = q->dq != GRAFT_NONE;
  p->engine = gr_quantized_engine(q->g, q->n);
  p->relu = !p->dynamic && gr_integer_relu(gr_node_at(q->g, q->n)->op);
  graft_attr low = {.as.i = 0}, high = {.as.i = 0};
  if (!p->dynamic && graft_node_attr(q->g, q->n, "quant_min", &low) &&
      graft_node_attr(q->g, q->n, "quant_max", &high)) {
    p->dtype = gr_type_of(q->g, gr_result(q->g, q->n, 0))->dtype;
    p->quant_min = low.as.i;
    p->quant_max = high.as.i;
  }
  const bool adds = !p->dynamic && gr_operand(q->g, q->n, GR_Q_OTHER) != GRAFT_NONE;
  if (adds != (p->other != NULL))
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "'%s' %s", q->name,
                    adds ? "adds: other is missing" : "adds nothing");
  if (!x || !gr_is_value(to, x->integers))
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "x is no value of the graph");
  p->x = x->integers;
  graft_status s = p->dynamic ? GRAFT_OK : check_quantized(to, p->name, "x", x);
  if (!s && p->other) s = check_quantized(to, p->name, "other", p->other);
  if (!s) s = gr_quantized_conv_check_x(to, p->name, &p->conv, x->integers);
  if (!s) s = graft_quantized_conv_get_weight_bias(q->g, q->name, &weight);
  if (!s) s = graft_quantized_conv_get_output(q->g, q->name, &scale, &zero_point);
  if (!s) s = gr_quantized_conv_build(to, text, p, y);
  if (!s) gr_quantized_conv_built(to, p->name, y->integers, &made);
  if (!s) s = graft_quantized_conv_get_weight_bias(q->g, q->name, &weight); /* tensors may have moved */
  if (!s) s = gr_quantized_set_weight(&made, text, &weight);
  if (!s && !p->dynamic) s = gr_quantized_set_output(&made, scale, zero_point);
  return s;
}

graft_status graft_quantized_conv_copy(graft_graph *from, const char *name, graft_graph *to, const char *new_name,
                                       const graft_quantized_value *x, const graft_quantized_value *other,
                                       graft_quantized_value *y) {
  if (!GR_LIVE(from, GRAPH) || !GR_LIVE_IN(from->context, to, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_module *m = to->module;
  graft_context *c = m->context;
  gr_quantized_parts p = {.name = new_name, .qx = x, .other = other, .before = GRAFT_NONE};
  gr_quantized_conv q = {.g = from};
  graft_quantized_value made = {GRAFT_NONE, GRAFT_NONE, GRAFT_NONE};
  gr_arena text;
  const uint32_t errors = gr_error_count(c);
  gr_arena_init(&text, c);
  gr_edit edit = gr_edit_begin(m);
  graft_status s = gr_quantized_conv_find(from, name, &q);
  if (!s) s = gr_module_name_check(m, &text, new_name);
  if (!s && !y) s = gr_error(c, GRAFT_INVALID_ARGUMENT, gr_named_loc(new_name), "there is no place for the result");
  if (!s) s = copy_to(&q, to, x, &p, &text, &made);
  gr_arena_free(&text);
  s = gr_edit_end(m, edit, gr_module_outcome(c, errors, s));
  if (!s && y) *y = made;
  return s;
}
