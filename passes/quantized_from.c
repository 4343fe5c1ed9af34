/* Quantized modules from float, trained and reference ones. The part of the graph that is called so is taken out into a
 * module of its own, which the passes convert and lower as they would a network; what comes of it, integers and their
 * parameters, is put back in its place. So there is one way of folding, observing and quantizing. */
#include <string.h>

#include "passes/passes_impl.h"
#include "passes/quant_impl.h"
#include "passes/quantized_impl.h"
#include "runtime/runtime_int.h"

/* What a node of the graph is to the part: of it; or what quantizes or dequantizes a value on its way in. */
enum { OUTSIDE, MEMBER, BORROWED };

enum { INPUTS = 4 }; /* x and what is added, each perhaps with its integers */

typedef struct part {
  graft_graph *g, *t; /* t: of the part's own module */
  graft_module *m, *tm;
  graft_context *c;
  const char *name;
  graft_quantized_from_options options;
  const char *engine;
  gr_arena text;
  gr_edit edit;
  uint8_t *role;    /* by node of g */
  graft_value *map; /* by value of g: the one of t */
  uint32_t nodes, values;
  gr_cones *cones;
  graft_value inputs[INPUTS]; /* of g; those of t in this order */
  uint32_t input_count;
  graft_value y; /* of g: what others read */
  bool dynamic;
} part;

static graft_status refuse(const part *p, const char *why) {
  return gr_error(p->c, GRAFT_PASS, gr_named_loc(p->name), "%s", why);
}

static graft_node maker(const graft_graph *g, graft_value v) {
  return v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
}

/* ---- which nodes ---- */

static graft_status select_members(part *p, const char *list) {
  gr_selector s;
  graft_graph *g = p->g;
  uint32_t convolutions = 0, trained = 0, members = 0; /* trained: the stable form has two of one */
  if (!gr_selector_init(&s, p->m, list)) return GRAFT_NO_MEMORY;
  bool ok = true;
  for (graft_node n = g->first; ok && n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const uint32_t found = gr_selector_find(&s, g, n);
    ok = found != GRAFT_NONE;
    if (!ok || !found) continue;
    p->role[n] = MEMBER;
    members++;
    if (!(gr_node_families(g, n) & GR_F_CONV)) continue;
    if (gr_is_marked(g, n, GR_MARK_TRAINING_FORM))
      trained = 1;
    else
      convolutions++;
  }
  gr_selector_free(&s);
  if (!ok) return GRAFT_NO_MEMORY;
  if (members == 0) return gr_error(p->c, GRAFT_NAME, gr_named_loc(p->name), "no module is called '%s'", p->name);
  convolutions += trained;
  return convolutions == 1 ? GRAFT_OK
                           : refuse(p, convolutions ? "it holds several convolutions" : "it holds no convolution");
}

/* What quantizes a value that the part reads comes along. Users come after makers: one sweep from the end. */
static void borrow(part *p) {
  const uint32_t wanted = GR_F_OBSERVE | GR_F_QPARAMS | GR_F_FAKE_QUANTIZE | GR_F_DQ;
  for (graft_node n = p->g->last; n != GRAFT_NONE; n = gr_node_at(p->g, n)->prev) {
    if (p->role[n] == OUTSIDE) continue;
    for (uint32_t i = 0; i < gr_node_at(p->g, n)->operand_count; i++) {
      const graft_node k = maker(p->g, gr_operand(p->g, n, i));
      if (k != GRAFT_NONE && p->role[k] == OUTSIDE && (gr_node_families(p->g, k) & wanted)) p->role[k] = BORROWED;
    }
  }
}

static bool is_read_outside(const part *p, graft_value v) {
  for (uint32_t u = gr_value_at(p->g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(p->g, u)->next) {
    const uint32_t user = gr_use_at(p->g, u)->user;
    if (gr_user_is_node(user) ? p->role[user] == OUTSIDE : (user & GR_USER_UPDATE) == GR_USER_OUTPUT) return true;
  }
  return false;
}

static graft_status find_result(part *p) {
  graft_graph *g = p->g;
  p->y = GRAFT_NONE;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    if (p->role[n] != MEMBER) continue;
    for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++) {
      const graft_value v = gr_result(g, n, i);
      if (v == GRAFT_NONE || !is_read_outside(p, v)) continue;
      if (p->y != GRAFT_NONE) return refuse(p, "more than one of its values is read elsewhere");
      p->y = v;
    }
  }
  return p->y == GRAFT_NONE ? refuse(p, "nothing reads its result") : GRAFT_OK;
}

/* ---- the part as a module of its own ---- */

static graft_value copy_tensor(part *p, const graft_type *type, graft_tensor_kind kind, const char *name,
                               const void *data) {
  if (!data) return GRAFT_NONE;
  const graft_tensor t = graft_tensor_create(p->tm, name, kind, type, data);
  return t == GRAFT_NONE ? GRAFT_NONE : gr_handle(p->t, t);
}

/* A value that no node of the part makes: a tensor, what is known now, or an input. */
static graft_value bring(part *p, graft_value v) {
  const graft_tensor t = gr_value_tensor(p->g, v);
  gr_array known;
  if (t != GRAFT_NONE) {
    char name[512];
    (void)graft_tensor_name(p->m, t, name, sizeof name);
    return copy_tensor(p, gr_tensor_type(p->m, t), graft_tensor_get_kind(p->m, t), name,
                       graft_tensor_get_data(p->m, t));
  }
  if (gr_cones_is_const(p->cones, v)) {
    if (!gr_cones_value(p->cones, v, &known)) return GRAFT_NONE;
    return copy_tensor(p, &known.type, GRAFT_CONSTANT, "known", known.data);
  }
  if (p->input_count == INPUTS) return (void)refuse(p, "it reads more than x and what is added"), GRAFT_NONE;
  p->inputs[p->input_count++] = v;
  char name[16] = "input0";
  name[5] = (char)('0' + p->input_count);
  return graft_input_add(p->t, name, gr_type_of(p->g, v));
}

static graft_status copy_node(part *p, graft_node n) {
  graft_graph *g = p->g;
  const gr_op_info *info = gr_info(g, n);
  const gr_node node = *gr_node_at(g, n);
  if (!info) return refuse(p, "it holds an op that graft does not know");
  graft_value *operands = gr_arena_alloc(&p->text, (node.operand_count + 1) * sizeof *operands);
  graft_attr attrs[GR_MAX_ATTRS];
  char label[256];
  if (!operands) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < node.operand_count; i++) {
    const graft_value v = gr_operand(g, n, i);
    if (v != GRAFT_NONE && p->map[v] == GRAFT_NONE && (p->map[v] = bring(p, v)) == GRAFT_NONE) return GRAFT_PASS;
    operands[i] = v == GRAFT_NONE ? GRAFT_NONE : p->map[v];
  }
  for (uint32_t i = 0; i < info->attr_count; i++)
    if (!graft_node_attr(g, n, info->attrs[i].name, &attrs[i]))
      attrs[i] = (graft_attr){.name = info->attrs[i].name, .kind = GRAFT_ATTR_NONE};
  (void)graft_node_name(g, n, label, sizeof label);
  const uint32_t source = gr_record_source(p->m, node.provenance);
  const graft_node made =
      graft_node_create(p->t, &(graft_node_options){.size = sizeof(graft_node_options),
                                                    .op = info->name,
                                                    .operands = operands,
                                                    .operand_count = node.operand_count,
                                                    .attrs = attrs,
                                                    .attr_count = info->attr_count,
                                                    .result_count = node.result_count,
                                                    .name = label[0] ? label : NULL,
                                                    .source = source ? gr_string_text(p->m, source) : p->name});
  if (made == GRAFT_NONE) return GRAFT_PASS;
  for (uint32_t i = 0; i < GR_MARK_COUNT; i++)
    if ((node.marks >> i & 1u) && graft_node_set_mark(p->t, made, graft_mark_name(i), true)) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < node.result_count; i++)
    if (gr_result(g, n, i) != GRAFT_NONE) p->map[gr_result(g, n, i)] = gr_result(p->t, made, i);
  return GRAFT_OK;
}

static graft_status copy_updates(part *p) {
  graft_graph *g = p->g;
  for (uint32_t u = 0; u < g->updates.len; u++) {
    const graft_tensor t = g->updates.data[u].tensor;
    if (t == GRAFT_NONE) continue;
    const graft_value v = gr_use_at(g, g->updates.data[u].use)->value, handle = gr_handle(g, t);
    if (handle == GRAFT_NONE) return GRAFT_NO_MEMORY;
    if (v >= p->values || handle >= p->values || p->map[v] == GRAFT_NONE || p->map[handle] == GRAFT_NONE) continue;
    const graft_status s = graft_update_add(p->t, gr_value_tensor(p->t, p->map[handle]), p->map[v]);
    if (s) return s;
  }
  return GRAFT_OK;
}

static graft_status take_out(part *p) {
  graft_status s = GRAFT_OK;
  for (graft_node n = p->g->first; !s && n != GRAFT_NONE; n = gr_node_at(p->g, n)->next)
    if (p->role[n] != OUTSIDE) s = copy_node(p, n);
  if (!s) s = copy_updates(p);
  return s ? s : graft_output_add(p->t, "y", p->map[p->y]);
}

/* ---- quantize and dequantize where the graph has none ---- */

static graft_value one_node(graft_graph *g, const char *op, const graft_value operands[3], const graft_attr range[3],
                            const char *source, graft_node before) {
  return gr_module_node(g, &(gr_new_node){.op = op,
                                          .source = source,
                                          .operands = operands,
                                          .operand_count = 3,
                                          .attrs = range,
                                          .attr_count = 3,
                                          .before = before});
}

static void range_attrs(graft_attr out[3], int64_t low, int64_t high, graft_dtype dtype) {
  out[0] = (graft_attr){.name = "quant_min", .kind = GRAFT_ATTR_INT, .as.i = low};
  out[1] = (graft_attr){.name = "quant_max", .kind = GRAFT_ATTR_INT, .as.i = high};
  out[2] = (graft_attr){.name = "dtype", .kind = GRAFT_ATTR_DTYPE, .as.dtype = dtype};
}

/* The value, quantized to u8 and back; GRAFT_NONE with a diagnostic. */
static graft_value quantized(part *p, graft_value v, const graft_given_qparams *q, graft_node before) {
  graft_attr range[3];
  range_attrs(range, 0, 255, GRAFT_U8);
  graft_value operands[3] = {v, graft_scalar(p->t, GRAFT_F32, q->scale),
                             graft_scalar(p->t, GRAFT_I32, (double)q->zero_point)};
  operands[0] = one_node(p->t, "quantize_per_tensor", operands, range, p->name, before);
  return operands[0] == GRAFT_NONE ? GRAFT_NONE
                                   : one_node(p->t, "dequantize_per_tensor", operands, range, p->name, before);
}

/* The convolution whose weight is quantized: the stable training form has another one beside it. */
static graft_node convolution(const graft_graph *t) {
  graft_node first = GRAFT_NONE;
  for (graft_node n = t->first; n != GRAFT_NONE; n = gr_node_at(t, n)->next) {
    if (!(gr_node_families(t, n) & GR_F_CONV) || (gr_node_families(t, n) & GR_F_QUANTIZED)) continue;
    if (gr_node_families(t, maker(t, gr_operand(t, n, GR_Q_WEIGHT))) & (GR_F_FAKE_QUANTIZE | GR_F_DQ)) return n;
    if (first == GRAFT_NONE) first = n;
  }
  return first;
}

/* Where a value comes from, through what has one operand: an input of the part, or else GRAFT_NONE. */
static graft_value origin(const graft_graph *t, graft_value v) {
  while (v != GRAFT_NONE && gr_value_node(t, v) != GRAFT_NONE) v = gr_operand(t, gr_value_node(t, v), 0);
  return v != GRAFT_NONE && gr_value_at(t, v)->def_kind == GR_DEF_INPUT ? v : GRAFT_NONE;
}

/* Does a node of the part compute with it as it is, in floats? */
static bool is_computed_with(const graft_graph *t, graft_value v) {
  for (uint32_t u = gr_value_at(t, v)->first_use; u != GRAFT_NONE; u = gr_use_at(t, u)->next) {
    const uint32_t user = gr_use_at(t, u)->user;
    if (gr_user_is_node(user) && !(gr_node_families(t, user) & (GR_F_OBSERVE | GR_F_FAKE_QUANTIZE | GR_F_Q | GR_F_DQ)))
      return true;
  }
  return false;
}

/* The nodes that compute with it read it quantized. */
static graft_status quantize_input(part *p, graft_value v, const graft_given_qparams *q) {
  graft_graph *t = p->t;
  const graft_value to = quantized(p, v, q, t->first);
  if (to == GRAFT_NONE) return GRAFT_PASS;
  uint32_t next;
  for (uint32_t u = gr_value_at(t, v)->first_use; u != GRAFT_NONE; u = next) {
    const uint32_t user = gr_use_at(t, u)->user;
    next = gr_use_at(t, u)->next;
    if (!gr_user_is_node(user) || (gr_node_families(t, user) & (GR_F_OBSERVE | GR_F_FAKE_QUANTIZE | GR_F_Q))) continue;
    const graft_status s = graft_node_set_operand(t, user, gr_use_slot(t, u), to);
    if (s) return s;
  }
  return GRAFT_OK;
}

static graft_status check_given(const part *p, const char *what, const graft_given_qparams *q) {
  if (q->scale == 0) return GRAFT_OK;
  if (q->scale > 0 && (float)q->scale > 0 && q->zero_point >= 0 && q->zero_point <= 255) return GRAFT_OK;
  return gr_error(p->c, GRAFT_INVALID_ARGUMENT, gr_named_loc(p->name),
                  "scale and zero point of %s are no numbers of a u8: %g, %lld", what, q->scale,
                  (long long)q->zero_point);
}

static graft_status quantize_inputs(part *p) {
  graft_graph *t = p->t;
  const graft_value x = origin(t, gr_operand(t, convolution(t), GR_Q_X));
  for (uint32_t i = 0; i < p->input_count; i++) {
    const graft_value v = graft_input_get(t, i);
    if (!gr_is_float(gr_type_of(t, v)->dtype) || !is_computed_with(t, v)) continue;
    const graft_given_qparams *q = v == x ? &p->options.x : &p->options.other;
    if (q->scale == 0)
      return refuse(p, v == x ? "its input is float: convert what makes it first, or give options->x"
                              : "what is added is float: convert what makes it first, or give options->other");
    const graft_status s = quantize_input(p, v, q);
    if (s) return s;
  }
  return GRAFT_OK;
}

/* Its scale and zero point, where the graph has none: those given, or the module is dynamic. */
static graft_status quantize_result(part *p, bool reference) {
  graft_graph *t = p->t;
  const graft_value y = graft_output_get(t, 0);
  if (gr_node_families(t, maker(t, y)) & (GR_F_FAKE_QUANTIZE | GR_F_DQ)) return GRAFT_OK;
  if (p->options.y.scale != 0) {
    const graft_value to = quantized(p, y, &p->options.y, GRAFT_NONE);
    return to == GRAFT_NONE ? GRAFT_PASS : gr_use_set(t, t->outputs.data[0].use, to);
  }
  if (reference) return refuse(p, "a reference module needs options->y");
  p->dynamic = true;
  for (uint32_t i = 0; i < p->input_count; i++)
    if (!gr_is_float(gr_type_of(t, graft_input_get(t, i))->dtype) || !is_computed_with(t, graft_input_get(t, i)))
      return refuse(p, "its input is quantized and its result is not: give options->y");
  return GRAFT_OK;
}

/* "Input float module must have qconfig defined." */
static graft_status check_weight(const part *p, bool reference) {
  const graft_graph *t = p->t;
  graft_value w = gr_operand(t, convolution(t), GR_Q_WEIGHT);
  const uint32_t wanted = reference ? GR_F_DQ : GR_F_FAKE_QUANTIZE | GR_F_DQ;
  if (gr_node_families(t, maker(t, w)) & wanted) return GRAFT_OK;
  return refuse(p, reference
                       ? "its weight is no dequantized one: it is no reference module"
                       : "Input float module must have qconfig defined: its weight has no observer or fake-quant");
}

/* ---- conversion ---- */

static graft_status run(part *p, const char *pipeline) {
  const graft_status s = pipeline ? graft_run_passes(p->tm, pipeline, NULL) : GRAFT_NO_MEMORY;
  return s && s != GRAFT_NO_MEMORY ? refuse(p, "it cannot be quantized, as said before") : s;
}

static graft_status convert(part *p, bool reference) {
  graft_status s = check_weight(p, reference);
  if (!s) s = quantize_result(p, reference);
  if (!s && !p->dynamic) s = quantize_inputs(p);
  if (!s) s = run(p, "to-eval,convert{qparams=observer,observe-weights=true}");
  if (!s && !p->dynamic) s = run(p, gr_text(&p->text, "lower{requantize=%s}", p->engine));
  return s;
}

/* ---- back in its place ---- */

static const void *data_of(const part *p, graft_value v) {
  const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(p->t, v);
  return t == GRAFT_NONE ? NULL : graft_tensor_get_data(p->tm, t);
}

/* A quantized value of the part in g: the integers that come in, or a quantize of floats, before `before`. */
static graft_status place(part *p, graft_value integers, graft_value scale, graft_value zero, graft_node before,
                          graft_quantized_value *out) {
  graft_graph *g = p->g, *t = p->t;
  const graft_node q = maker(t, integers);
  const graft_value from = q == GRAFT_NONE ? integers : gr_operand(t, q, 0);
  uint32_t input = 0;
  if (q != GRAFT_NONE && !(gr_node_families(t, q) & GR_F_Q)) return refuse(p, "what it reads is no quantized value");
  while (input < p->input_count && graft_input_get(t, input) != from) input++;
  if (input == p->input_count) return refuse(p, "what it reads is no value of the graph");
  const graft_value v = p->inputs[input];
  if (q == GRAFT_NONE) {
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
      if (n >= p->nodes || p->role[n] == OUTSIDE || !(gr_node_families(g, n) & GR_F_DQ) || gr_operand(g, n, 0) != v)
        continue;
      *out = (graft_quantized_value){v, gr_operand(g, n, 1), gr_operand(g, n, 2)};
      return GRAFT_OK;
    }
    return refuse(p, "what it reads is not dequantized");
  }
  const float *s = data_of(p, scale);
  const int32_t *z = data_of(p, zero);
  if (!s || !z) return refuse(p, "scale and zero point of what it reads are not known");
  int64_t low, high;
  const graft_dtype dtype = gr_type_of(t, integers)->dtype;
  if (!gr_result_range(dtype, &low, &high)) return refuse(p, "what it reads is neither u8 nor i8");
  graft_attr range[3];
  range_attrs(range, low, high, dtype);
  (void)graft_node_attr(t, q, "quant_min", &range[0]);
  (void)graft_node_attr(t, q, "quant_max", &range[1]);
  out->scale = graft_scalar(g, GRAFT_F32, (double)*s);
  out->zero_point = graft_scalar(g, GRAFT_I32, (double)*z);
  if (out->scale == GRAFT_NONE || out->zero_point == GRAFT_NONE) return GRAFT_NO_MEMORY;
  out->integers =
      one_node(g, "quantize_per_tensor", (const graft_value[]){v, out->scale, out->zero_point}, range, p->name, before);
  return out->integers == GRAFT_NONE ? GRAFT_PASS : GRAFT_OK;
}

static graft_status read_weight(const part *p, graft_value weight, graft_value scale, graft_value zero,
                                graft_value bias, graft_quantized_weight *w) {
  *w = (graft_quantized_weight){.size = sizeof *w,
                                .data = data_of(p, weight),
                                .scale = data_of(p, scale),
                                .zero_point = data_of(p, zero),
                                .count = graft_type_elements(gr_type_of(p->t, scale)),
                                .bias = data_of(p, bias)};
  if (!w->data || !w->scale || !w->zero_point || (bias != GRAFT_NONE && !w->bias))
    return refuse(p, "its weight and bias are not known after conversion");
  if (gr_type_of(p->t, weight)->dtype != GRAFT_I8) return refuse(p, "Weight observer must have a dtype of qint8");
  if (bias != GRAFT_NONE && gr_type_of(p->t, bias)->dtype != GRAFT_F32)
    return refuse(p, "its bias is quantized: quantized modules keep a float one");
  return GRAFT_OK;
}

/* The tensors that members read and that are called as the module's go by other names from now on. */
static graft_status free_names(part *p) {
  static const char *const suffixes[] = {"weight", "bias", "scale", "zero_point", "weight.scale", "weight.zero_point"};
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    const char *name = gr_text(&p->text, "%s.%s", p->name, suffixes[i]);
    if (!name) return GRAFT_NO_MEMORY;
    const graft_tensor t = graft_tensor_find(p->m, name);
    const graft_value v = t == GRAFT_NONE ? GRAFT_NONE : gr_handle_of(p->g, t);
    if (v == GRAFT_NONE || v >= p->values || p->map[v] == GRAFT_NONE) continue;
    const graft_status s = gr_tensor_rename(p->m, t, gr_name_derived(p->m, p->m->tensors.data[t].name));
    if (s) return s;
  }
  return GRAFT_OK;
}

/* The part's nodes and updates, and the tensors that nothing reads any more. */
static void erase_part(const part *p) {
  graft_graph *g = p->g;
  for (uint32_t u = 0; u < g->updates.len; u++) {
    if (g->updates.data[u].tensor == GRAFT_NONE) continue;
    const graft_node n = maker(g, gr_use_at(g, g->updates.data[u].use)->value);
    if (n != GRAFT_NONE && n < p->nodes && p->role[n] == MEMBER) gr_update_erase(g, u);
  }
  for (graft_node n = g->last, prev; n != GRAFT_NONE; n = prev) {
    prev = gr_node_at(g, n)->prev;
    if (n >= p->nodes || p->role[n] != MEMBER) continue;
    bool used = false;
    for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++)
      used |= gr_result(g, n, i) != GRAFT_NONE && !gr_unused(g, gr_result(g, n, i));
    if (!used) gr_node_erase(g, n);
  }
  for (graft_value v = 0; v < p->values; v++)
    if (p->map[v] != GRAFT_NONE && gr_value_at(g, v)->def_kind == GR_DEF_TENSOR)
      gr_erase_unused(p->m, gr_value_tensor(g, v));
}

/* The result is called as the module, which the float convolution was. */
static graft_status name_result(part *p, graft_value v) {
  const gr_name name = gr_name_split(p->m, p->name, strlen(p->name));
  if (name.base == GRAFT_NONE) return GRAFT_NO_MEMORY;
  return gr_find_value(p->g, name) == GRAFT_NONE ? gr_value_rename(p->g, v, name) : GRAFT_OK;
}

static graft_status finish(part *p, const gr_quantized_parts *parts, const graft_quantized_weight *w,
                           const double *scale, int64_t zero_point, graft_quantized_value *y) {
  gr_quantized_conv made;
  graft_graph *g = p->g;
  graft_status s = gr_quantized_conv_build(g, &p->text, parts, y);
  if (s) return s;
  gr_quantized_conv_built(g, p->name, y->integers, &made);
  s = gr_quantized_set_weight(&made, &p->text, w);
  if (!s && scale) s = gr_quantized_set_output(&made, *scale, zero_point);
  if (s) return s;
  graft_value back = y->integers;
  if (scale) {
    graft_attr range[3];
    range_attrs(range, parts->quant_min, parts->quant_max, parts->dtype);
    back = one_node(g, "dequantize_per_tensor", (const graft_value[]){y->integers, y->scale, y->zero_point}, range,
                    p->name, parts->before);
    if (back == GRAFT_NONE) return GRAFT_PASS;
  }
  gr_replace_uses(g, p->y, back);
  erase_part(p);
  return name_result(p, gr_result(g, made.n, 0));
}

/* `n`: quantized.conv… of t, whose result is dequantized into the part's. */
static graft_status put_back(part *p, graft_quantized_value *y) {
  graft_graph *t = p->t;
  const graft_node dq = maker(t, graft_output_get(t, 0)),
                   n = gr_node_families(t, dq) & GR_F_DQ ? maker(t, gr_operand(t, dq, 0)) : GRAFT_NONE;
  const uint32_t of = n == GRAFT_NONE ? GRAFT_NONE : gr_integer_of(gr_node_at(t, n)->op);
  if (of == GRAFT_NONE || !(gr_op_get(of)->families & GR_F_CONV))
    return refuse(p,
                  "it is more than a convolution, a batch norm, a sum and a relu, or its activations are no integers "
                  "of 8 bits");
  gr_quantized_parts parts = {.name = p->name,
                              .engine = p->engine,
                              .relu = gr_integer_relu(gr_node_at(t, n)->op),
                              .dtype = gr_type_of(t, gr_result(t, n, 0))->dtype,
                              .before = gr_value_node(p->g, p->y)};
  graft_attr low = {.as.i = 0}, high = {.as.i = 0};
  (void)graft_node_attr(t, n, "quant_min", &low);
  (void)graft_node_attr(t, n, "quant_max", &high);
  parts.quant_min = low.as.i;
  parts.quant_max = high.as.i;
  graft_value x = gr_operand(t, n, GR_Q_X);
  graft_node pad = maker(t, x);
  if (gr_node_families(t, pad) & GR_F_Q) pad = GRAFT_NONE;
  if (pad != GRAFT_NONE) x = gr_operand(t, pad, 0);
  if (!gr_conv_of_node(t, n, pad, &parts.conv)) return refuse(p, "what stands before its convolution is no padding");
  const float *scale = data_of(p, gr_operand(t, n, GR_Q_Y_SCALE));
  const int32_t *zero = data_of(p, gr_operand(t, n, GR_Q_Y_ZERO));
  if (!scale || !zero) return refuse(p, "scale and zero point of its result are not known");
  const double wide = (double)*scale;
  graft_quantized_value qx = {GRAFT_NONE, GRAFT_NONE, GRAFT_NONE}, other = qx;
  graft_quantized_weight w;
  graft_status s = free_names(p);
  if (!s)
    s = read_weight(p, gr_operand(t, n, GR_Q_WEIGHT), gr_operand(t, n, GR_Q_WEIGHT_SCALE),
                    gr_operand(t, n, GR_Q_WEIGHT_ZERO), gr_operand(t, n, GR_Q_BIAS), &w);
  if (!s) s = place(p, x, gr_operand(t, n, GR_Q_X_SCALE), gr_operand(t, n, GR_Q_X_ZERO), parts.before, &qx);
  if (!s) s = gr_quantized_conv_check_x(p->g, p->name, &parts.conv, qx.integers);
  parts.qx = &qx;
  if (!s && gr_operand(t, n, GR_Q_OTHER) != GRAFT_NONE) {
    s = place(p, gr_operand(t, n, GR_Q_OTHER), gr_operand(t, n, GR_Q_OTHER_SCALE), gr_operand(t, n, GR_Q_OTHER_ZERO),
              parts.before, &other);
    parts.other = &other;
  }
  return s ? s : finish(p, &parts, &w, &wide, *zero, y);
}

/* What follows the convolution of floats in the converted part: what is added, then whether there is a relu. */
static graft_status read_tail(part *p, graft_value conv, gr_quantized_parts *parts, graft_quantized_value *other) {
  graft_graph *t = p->t;
  graft_node n = maker(t, graft_output_get(t, 0));
  if (n != GRAFT_NONE && gr_node_at(t, n)->op == GR_OP_relu) {
    parts->relu = true;
    n = maker(t, gr_operand(t, n, 0));
  }
  if (n != GRAFT_NONE && gr_node_at(t, n)->op == GR_OP_add) {
    const graft_value a = gr_operand(t, n, 0), b = gr_operand(t, n, 1), added = a == conv ? b : a;
    for (uint32_t i = 0; i < p->input_count; i++)
      if (graft_input_get(t, i) == added) {
        other->integers = p->inputs[i];
        parts->other = other;
      }
    n = (a == conv || b == conv) && parts->other ? maker(t, conv) : GRAFT_NONE;
  }
  return n != GRAFT_NONE && n == maker(t, conv)
             ? GRAFT_OK
             : refuse(p, "it is more than a convolution, a batch norm, a sum and a relu");
}

static graft_status put_back_dynamic(part *p, graft_quantized_value *y) {
  graft_graph *t = p->t;
  const graft_node n = convolution(t), dq = maker(t, gr_operand(t, n, GR_Q_WEIGHT));
  gr_quantized_parts parts = {
      .name = p->name, .engine = p->engine, .dynamic = true, .before = gr_value_node(p->g, p->y), .x = GRAFT_NONE};
  graft_quantized_value other = {GRAFT_NONE, GRAFT_NONE, GRAFT_NONE};
  graft_quantized_weight w;
  graft_value x = gr_operand(t, n, GR_Q_X);
  const graft_node pad = maker(t, x);
  if (!(gr_node_families(t, dq) & GR_F_DQ)) return refuse(p, "its weight is not quantized");
  if (pad != GRAFT_NONE) x = gr_operand(t, pad, 0);
  for (uint32_t i = 0; i < p->input_count; i++)
    if (graft_input_get(t, i) == x) parts.x = p->inputs[i];
  if (parts.x == GRAFT_NONE || !gr_conv_of_node(t, n, pad, &parts.conv))
    return refuse(p, "what stands before its convolution is no padding");
  graft_status s = read_tail(p, gr_result(t, n, 0), &parts, &other);
  if (!s) s = free_names(p);
  if (!s)
    s = read_weight(p, gr_operand(t, dq, 0), gr_operand(t, dq, 1), gr_operand(t, dq, 2), gr_operand(t, n, GR_Q_BIAS),
                    &w);
  return s ? s : finish(p, &parts, &w, NULL, 0, y);
}

/* ---- the functions ---- */

static graft_status begin(part *p, const char *list, const graft_quantized_from_options *given) {
  graft_graph *g = p->g;
  if (!list || !list[0]) return gr_error(p->c, GRAFT_INVALID_ARGUMENT, gr_module_loc(p->m), "a module needs a name");
  const char *comma = strchr(list, ',');
  p->name = gr_arena_copy(&p->text, list, comma ? (size_t)(comma - list) : strlen(list));
  if (!p->name) return GRAFT_NO_MEMORY;
  p->options.size = sizeof p->options;
  graft_status s = gr_take_options(p->c, &p->options, sizeof p->options, given);
  if (!s) s = check_given(p, "x", &p->options.x);
  if (!s) s = check_given(p, "other", &p->options.other);
  if (!s) s = check_given(p, "y", &p->options.y);
  if (s) return s;
  p->engine = p->options.engine ? p->options.engine : "float";
  if (gr_choice_find(GR_CHOICE_requantization, p->engine) < 0)
    return gr_error(p->c, GRAFT_INVALID_ARGUMENT, gr_named_loc(p->name), "no engine is called '%s'", p->engine);
  p->nodes = g->nodes.len;
  p->role = gr_calloc(p->c, p->nodes + 1u, 1);
  if (!p->role) return GRAFT_NO_MEMORY;
  s = select_members(p, list);
  if (s) return s;
  borrow(p);
  s = find_result(p);
  if (s) return s;
  for (uint32_t u = 0; u < g->updates.len; u++) /* handles of all tensors that change */
    if (g->updates.data[u].tensor != GRAFT_NONE && gr_handle(g, g->updates.data[u].tensor) == GRAFT_NONE)
      return GRAFT_NO_MEMORY;
  p->values = g->values.len;
  p->map = gr_alloc(p->c, ((size_t)p->values + 1) * sizeof *p->map);
  p->cones = gr_cones_create(g, gr_runtime_evaluate, NULL);
  p->tm = graft_module_create(p->c);
  p->t = p->tm ? graft_graph_create(p->tm, "main") : NULL;
  if (!p->map || !p->cones || !p->t) return GRAFT_NO_MEMORY;
  for (uint32_t v = 0; v < p->values; v++) p->map[v] = GRAFT_NONE;
  return GRAFT_OK;
}

static void end(part *p) {
  if (p->cones) gr_cones_destroy(p->cones);
  graft_module_destroy(p->tm);
  gr_free(p->c, p->role, p->nodes + 1u);
  gr_free(p->c, p->map, ((size_t)p->values + 1) * sizeof *p->map);
  gr_arena_free(&p->text);
}

static graft_status from(graft_graph *g, const char *list, const graft_quantized_from_options *given, bool reference,
                         graft_quantized_value *y) {
  part p = {.g = g, .m = g->module, .c = g->module->context, .y = GRAFT_NONE};
  graft_quantized_value made = {GRAFT_NONE, GRAFT_NONE, GRAFT_NONE};
  const uint32_t errors = gr_error_count(p.c);
  gr_arena_init(&p.text, p.c);
  p.edit = gr_edit_begin(p.m);
  graft_status s = begin(&p, list, given);
  if (!s) s = take_out(&p);
  if (!s) s = convert(&p, reference);
  if (!s) s = p.dynamic ? put_back_dynamic(&p, &made) : put_back(&p, &made);
  if (s && gr_error_count(p.c) == errors) s = gr_no_memory(p.c);
  end(&p);
  s = gr_edit_end(p.m, p.edit, gr_module_outcome(p.c, errors, s));
  if (!s && y) *y = made;
  return s;
}

graft_status graft_quantized_conv_from_float(graft_graph *g, const char *name,
                                             const graft_quantized_from_options *options, graft_quantized_value *y) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  return from(g, name, options, false, y);
}

graft_status graft_quantized_conv_from_reference(graft_graph *g, const char *name,
                                                 const graft_quantized_from_options *options,
                                                 graft_quantized_value *y) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  return from(g, name, options, true, y);
}
