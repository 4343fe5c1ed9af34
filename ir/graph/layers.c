/* The layers of a quantized graph (graft/layers.h): first which node belongs to which, then what is to be said of each.
 */
#include <math.h>

#include "ir/graph/options_int.h"
#include "ir/ir_int.h"
#include "ir/layers.h"

struct graft_layers {
  GR_HANDLE;
  graft_graph *graph;
  uint64_t edits; /* of the graph when it was looked at */
  gr_arena arena;
  GR_VEC(graft_quantized_layer) list;
};

/* What stands behind a node of floats: something done to each element, and the quantize. */
typedef struct gr_tail {
  graft_node activation, quantize; /* GRAFT_NONE: none */
} gr_tail;

/* The one node that reads the result, as its operand 0; GRAFT_NONE: there is none. */
static graft_node only_reader(const graft_graph *g, graft_value v) {
  if (v == GRAFT_NONE || !gr_one_use(g, v)) return GRAFT_NONE;
  const uint32_t use = gr_value_at(g, v)->first_use, user = gr_use_at(g, use)->user;
  return gr_user_is_node(user) && gr_use_slot(g, use) == 0 ? user : GRAFT_NONE;
}

static gr_tail tail_of(const graft_graph *g, graft_node n) {
  gr_tail t = {GRAFT_NONE, only_reader(g, gr_result(g, n, 0))};
  const uint32_t families = gr_node_families(g, t.quantize);
  if ((families & GR_F_ELEMENTWISE) && !(families & GR_F_Q) && gr_node_at(g, t.quantize)->operand_count == 1) {
    t.activation = t.quantize;
    t.quantize = only_reader(g, gr_result(g, t.activation, 0));
  }
  return gr_node_families(g, t.quantize) & GR_F_Q ? t : (gr_tail){GRAFT_NONE, GRAFT_NONE};
}

static bool is_dequantized(const graft_graph *g, graft_value v) {
  return gr_node_families(g, gr_value_node(g, v)) & GR_F_DQ;
}

static bool is_float_value(const graft_graph *g, graft_value v) {
  const graft_dtype d = gr_type_of(g, v)->dtype;
  return !gr_is_integer(d) && d != GRAFT_BOOL;
}

/* The declaration of an operand by its slot. */
static const gr_operand_decl *declared(const gr_op_info *op, uint32_t slot) {
  return &op->operands[slot < op->operand_count ? slot : op->operand_count - 1u];
}

/* NULL: nothing that has to be integers is float. */
static const char *what_is_float(const graft_graph *g, graft_node n, gr_tail tail) {
  const gr_op_info *op = gr_info(g, n);
  if (!op || (op->families & (GR_F_Q | GR_F_DQ))) return op && (op->families & GR_F_DQ) ? "result" : "x";
  for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count && op->operand_count; i++) {
    const gr_operand_decl *o = declared(op, i);
    const graft_value v = gr_operand(g, n, i);
    if (v == GRAFT_NONE || o->optional || (o->role != GR_DATA && o->role != GR_WEIGHT)) continue;
    if (is_float_value(g, v) && !is_dequantized(g, v)) return o->name;
  }
  const graft_value y = gr_result(g, n, 0);
  return y != GRAFT_NONE && is_float_value(g, y) && tail.quantize == GRAFT_NONE ? "result" : NULL;
}

/* ---- what integers stand for ---- */

static graft_layer_value plain(const graft_graph *g, graft_value v) {
  graft_layer_value q = {.value = v, .axis = -1, .groups = 1, .scale = GRAFT_NONE, .zero_point = GRAFT_NONE};
  if (v == GRAFT_NONE) return q;
  q.type = *gr_type_of(g, v);
  const graft_tensor t = gr_value_tensor(g, v);
  if (t != GRAFT_NONE && g->module->tensors.data[t].source != GR_TENSOR_ELIDED)
    q.data = graft_tensor_get_data(g->module, t);
  return q;
}

/* Known elements of a scale or zero point, of which there are *count. */
static const void *known(const graft_graph *g, graft_value v, graft_dtype dtype, uint32_t *count) {
  const graft_layer_value q = plain(g, v);
  const int64_t elements = q.data && q.type.dtype == dtype ? graft_type_elements(&q.type) : 0;
  *count = elements > 0 && elements <= UINT32_MAX ? (uint32_t)elements : 0;
  return *count ? q.data : NULL;
}

static void scaled(const graft_graph *g, graft_layer_value *q, graft_value scale, graft_value zero_point) {
  uint32_t scales = 0, zero_points = 0;
  q->quantized = true;
  q->scale = scale, q->zero_point = zero_point;
  if (scale == GRAFT_NONE || zero_point == GRAFT_NONE) return;
  const float *s = known(g, scale, GRAFT_F32, &scales);
  const int32_t *z = known(g, zero_point, GRAFT_I32, &zero_points);
  if (scales != zero_points) return;
  q->count = scales, q->scales = s, q->zero_points = z;
}

static int64_t int_attr(const graft_graph *g, graft_node n, const char *name, int64_t otherwise) {
  const int slot = gr_op_attr_slot(gr_info(g, n), name, strlen(name));
  return slot < 0 ? otherwise : gr_attr_int(g->module, gr_attrs_of(g, n), (uint32_t)slot);
}

/* The parameters of a quantize or dequantize, for the integers of `v`. */
static graft_layer_value of_pair(const graft_graph *g, graft_node n, graft_value v) {
  graft_layer_value q = plain(g, v);
  scaled(g, &q, gr_operand(g, n, 1), gr_operand(g, n, 2));
  q.quant_min = int_attr(g, n, "quant_min", 0);
  q.quant_max = int_attr(g, n, "quant_max", 0);
  q.axis = (int32_t)int_attr(g, n, "axis", -1);
  q.groups = int_attr(g, n, "groups", 1);
  if (gr_op_attr_slot(gr_info(g, n), "axis", 4) >= 0 && q.axis < 0 && q.type.rank > 0) q.axis += q.type.rank;
  return q;
}

/* The operand `NAME_scale` or `NAME_zero_point` of an op that computes in integers; -1: there is none. */
static int of_name(const gr_op_info *op, const char *name, const char *what) {
  for (int i = 0; i < op->operand_count; i++) {
    const char *n = op->operands[i].name;
    const size_t length = strlen(name);
    if (op->operands[i].role == GR_QPARAM && strncmp(n, name, length) == 0 && strcmp(n + length, what) == 0) return i;
  }
  return -1;
}

/* Of an op that computes in integers: by the names of its operands. */
static graft_layer_value of_names(const graft_graph *g, graft_node n, graft_value v, const char *name) {
  const gr_op_info *op = gr_info(g, n);
  graft_layer_value q = plain(g, v);
  const int scale = of_name(op, name, "_scale"), zero_point = of_name(op, name, "_zero_point");
  if (v == GRAFT_NONE || scale < 0 || zero_point < 0) return q;
  scaled(g, &q, gr_operand(g, n, (uint32_t)scale), gr_operand(g, n, (uint32_t)zero_point));
  (void)gr_dtype_range(q.type.dtype, &q.quant_min, &q.quant_max);
  if (q.count > 1 && op->weight_axis >= 0) {
    q.axis = op->weight_axis;
    if (op->weight_axis > 0) q.groups = int_attr(g, n, "groups", 1);
  }
  return q;
}

/* … of a list: by its place there. */
static graft_layer_value of_list(const graft_graph *g, graft_node n, graft_value v, uint32_t at) {
  const gr_op_info *op = gr_info(g, n);
  graft_layer_value q = plain(g, v);
  const int scales = of_name(op, "scales", ""), zero_points = of_name(op, "zero_points", "");
  if (scales < 0 || zero_points < 0) return q;
  scaled(g, &q, gr_operand(g, n, (uint32_t)scales), gr_operand(g, n, (uint32_t)zero_points));
  (void)gr_dtype_range(q.type.dtype, &q.quant_min, &q.quant_max);
  q.scale = q.zero_point = GRAFT_NONE;
  const bool there = at < q.count;
  q.scales = there ? q.scales + at : NULL;
  q.zero_points = there ? q.zero_points + at : NULL;
  q.count = there;
  return q;
}

static graft_layer_value operand_of(const graft_graph *g, graft_node n, uint32_t slot, bool integers) {
  const gr_op_info *op = gr_info(g, n);
  const graft_value v = gr_operand(g, n, slot);
  if (op && (op->families & GR_F_QUANTIZED)) {
    const gr_operand_decl *o = declared(op, slot);
    return o->variadic ? of_list(g, n, v, slot - (op->operand_count - 1u)) : of_names(g, n, v, o->name);
  }
  if (op && (op->families & GR_F_DQ)) return slot == 0 ? of_pair(g, n, v) : plain(g, v);
  if (integers && v != GRAFT_NONE && is_dequantized(g, v)) {
    const graft_node dq = gr_value_node(g, v);
    return of_pair(g, dq, gr_operand(g, dq, 0));
  }
  return plain(g, v);
}

/* ---- a layer ---- */

/* Of the sums of channel c: what one more of them stands for. */
static double step_of(const graft_layer_value *x, const graft_layer_value *w, uint32_t c) {
  return (double)x->scales[0] * (double)w->scales[w->count > 1 ? c : 0];
}

/* Steps of the sums, by channel, and what follows from them; nothing where a scale is not known. */
static bool add_numbers(graft_layers *ls, graft_quantized_layer *l) {
  const graft_layer_value *x = l->input, *w = l->weight, *b = l->bias;
  const int32_t axis = gr_info(ls->graph, l->node)->weight_axis;
  if (!l->integers || !x || !w || x->count != 1 || !w->count || axis < 0 || axis >= w->type.rank) return true;
  const int64_t groups = axis > 0 ? int_attr(ls->graph, l->node, "groups", 1) : 1;
  const int64_t channels = w->type.dims[axis] * groups;
  if (channels <= 0 || channels > UINT32_MAX || (w->count != 1 && w->count != channels)) return true;
  l->channels = (uint32_t)channels;
  if (l->output.count == 1) {
    double *m = gr_arena_alloc(&ls->arena, gr_size3(l->channels, sizeof *m, 1));
    if (!m) return false;
    for (uint32_t c = 0; c < l->channels; c++) m[c] = step_of(x, w, c) / (double)l->output.scales[0];
    l->multipliers = m;
  }
  if (!b || !b->data || graft_type_elements(&b->type) != channels || (b->quantized && !b->count)) return true;
  int32_t *steps = gr_arena_alloc(&ls->arena, gr_size3(l->channels, sizeof *steps, 1));
  if (!steps) return false;
  for (uint32_t c = 0; c < l->channels; c++) {
    const double step = step_of(x, w, c);
    const char *at = (const char *)b->data + c * graft_dtype_size(b->type.dtype);
    const uint32_t i = b->count > 1 ? c : 0;
    double v = gr_element_float(b->type.dtype, at);
    if (b->quantized)
      v = rint((v - b->zero_points[i]) * (double)b->scales[i] / step);
    else if (!gr_is_integer(b->type.dtype))
      v = rint(v / step);
    l->bias_clipped += !(v >= INT32_MIN && v <= INT32_MAX);
    steps[c] = v >= INT32_MAX ? INT32_MAX : v > INT32_MIN ? (int32_t)v : v <= INT32_MIN ? INT32_MIN : 0;
  }
  l->bias_i32 = steps;
  return true;
}

static bool add_layer(graft_layers *ls, graft_node n, gr_tail tail, const char *in_float) {
  const graft_graph *g = ls->graph;
  const gr_op_info *op = gr_info(g, n);
  const bool lowered = op && (op->families & GR_F_QUANTIZED);
  const uint32_t of = lowered ? gr_integer_of(gr_node_at(g, n)->op) : gr_node_at(g, n)->op;
  graft_quantized_layer l = {.size = sizeof l,
                             .node = n,
                             .last = tail.quantize == GRAFT_NONE ? n : tail.quantize,
                             .activation_node = tail.activation,
                             .op = lowered && of == GRAFT_NONE ? op->name + strlen("quantized.")
                                                               : gr_op_text(g->module, of),
                             .integers = !in_float,
                             .in_float = in_float};
  if (tail.activation != GRAFT_NONE) l.activation = gr_op_text(g->module, gr_node_at(g, tail.activation)->op);
  if (lowered && gr_integer_relu(gr_node_at(g, n)->op)) l.activation = gr_op_text(g->module, GR_OP_relu);
  const uint32_t count = gr_node_at(g, n)->operand_count;
  graft_layer_value *operands = gr_arena_alloc(&ls->arena, gr_size3((size_t)count + 1, sizeof *operands, 1));
  if (!operands) return false;
  l.operands = operands;
  for (uint32_t i = 0; i < count; i++) {
    const gr_operand_decl *o = op && op->operand_count ? declared(op, i) : NULL;
    if (o && lowered && o->role == GR_QPARAM) continue;
    graft_layer_value *q = &operands[l.operand_count++];
    *q = operand_of(g, n, i, l.integers);
    if (!o || q->value == GRAFT_NONE) continue;
    if (o->role == GR_DATA && !l.input)
      l.input = q;
    else if (strcmp(o->name, "other") == 0)
      l.other = q;
    else if (strcmp(o->name, "weight") == 0)
      l.weight = q;
    else if (strcmp(o->name, "bias") == 0)
      l.bias = q;
  }
  l.adds = lowered && l.weight && l.other;
  const graft_value y = gr_result(g, l.last, 0);
  if (lowered) {
    l.output = of_names(g, n, y, op->results[0].name);
    l.output.quant_min = int_attr(g, n, "quant_min", l.output.quant_min);
    l.output.quant_max = int_attr(g, n, "quant_max", l.output.quant_max);
    l.output.axis = -1, l.output.groups = 1;
  } else {
    l.output = gr_node_families(g, l.last) & GR_F_Q ? of_pair(g, l.last, y) : plain(g, y);
  }
  return (!op || add_numbers(ls, &l)) && gr_vec_push(g->module->context, &ls->list, l);
}

/* By node: it is no layer of its own, since others have taken it. */
static bool take(graft_layers *ls, bool *taken, uint32_t *left) {
  const graft_graph *g = ls->graph;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    if (!(gr_node_families(g, n) & GR_F_DQ)) continue;
    const graft_value y = gr_result(g, n, 0);
    left[n] = y == GRAFT_NONE ? 0 : graft_value_use_count(g, y);
  }
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_tail tail = tail_of(g, n);
    if (taken[n] || what_is_float(g, n, tail)) continue;
    if (tail.activation != GRAFT_NONE) taken[tail.activation] = true;
    if (tail.quantize != GRAFT_NONE) taken[tail.quantize] = true;
    for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count; i++) {
      const graft_value v = gr_operand(g, n, i);
      if (v != GRAFT_NONE && is_dequantized(g, v)) left[gr_value_node(g, v)]--;
    }
  }
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    if (taken[n] || ((gr_node_families(g, n) & GR_F_DQ) && left[n] == 0)) continue;
    const gr_tail tail = tail_of(g, n);
    const char *in_float = what_is_float(g, n, tail);
    if (!add_layer(ls, n, in_float ? (gr_tail){GRAFT_NONE, GRAFT_NONE} : tail, in_float)) return false;
  }
  return true;
}

graft_layers *graft_layers_create(graft_graph *g) {
  if (!GR_LIVE(g, GRAPH)) return NULL;
  graft_context *c = g->module->context;
  const uint32_t errors = gr_error_count(c);
  const size_t nodes = (size_t)g->nodes.len + 1;
  graft_layers *ls = gr_calloc(c, 1, sizeof *ls);
  bool *taken = gr_calloc(c, nodes, sizeof *taken);
  uint32_t *left = gr_calloc(c, nodes, sizeof *left);
  if (ls) {
    gr_handle_begin(ls, GR_HANDLE_LAYERS, c);
    gr_handle_pin(ls->graph = g);
    ls->edits = g->edits;
    gr_arena_init(&ls->arena, c);
  }
  const bool done = ls && taken && left && take(ls, taken, left);
  gr_free(c, taken, nodes * sizeof *taken);
  gr_free(c, left, nodes * sizeof *left);
  if (done && gr_error_count(c) == errors) return ls; /* else a fill could not be made into data, say */
  graft_layers_destroy(ls);
  return NULL;
}

void graft_layers_destroy(graft_layers *ls) {
  if (!ls || !GR_LIVE(ls, LAYERS)) return;
  graft_context *c = ls->context;
  gr_vec_free(c, &ls->list);
  gr_arena_free(&ls->arena);
  gr_handle_unpin(ls->graph);
  gr_handle_end(ls, sizeof *ls);
}

uint32_t graft_layers_count(const graft_layers *ls) { return GR_IS(ls, LAYERS) ? ls->list.len : 0; }

graft_status graft_layers_get(const graft_layers *ls, uint32_t index, graft_quantized_layer *layer) {
  if (!GR_LIVE(ls, LAYERS) || !GR_LIVE_IN(ls->context, ls->graph, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_context *c = ls->context;
  if (ls->edits != ls->graph->edits)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(ls->graph->module),
                    "graph %s was changed since its layers were made: make them anew",
                    gr_string_text(ls->graph->module, ls->graph->name));
  if (index >= ls->list.len)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(ls->graph->module),
                    "there are %u layers, and no number %u", ls->list.len, index);
  const graft_status status = gr_check_place(c, layer, sizeof *layer);
  if (!status) gr_give(layer, &ls->list.data[index], sizeof *layer);
  return status;
}
