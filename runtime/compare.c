/* Two sessions. The hook of the first keeps the values that are layers as f32; the hook of the second holds its own
 * against them. In the second run of b the hook then writes a's numbers over b's. What is inside an if or a loop comes
 * as often as that runs: its times are numbered within a step, in both. */
#include "ir/graph/options_int.h"
#include "runtime/compare_impl.h"
#include "runtime/numbers_int.h"

#include <math.h>
#include <string.h>

enum { CODES_MAX = 1 << 16 };

/* ---- quantized numbers ---- */

static int64_t attr_int(const graft_graph *g, graft_node n, const char *name, int64_t otherwise) {
  graft_attr attr;
  return graft_node_attr(g, n, name, &attr) && attr.kind == GRAFT_ATTR_INT ? attr.as.i : otherwise;
}

/* An operand of node n: in the call at hand, or of another node, where a tensor has it. */
static const void *parameter(const graft_node_done *done, graft_node n, uint32_t slot, graft_type *type) {
  if (n == done->node) {
    if (slot >= done->operand_count) return NULL;
    *type = done->operand_types[slot];
    return done->operands[slot];
  }
  const graft_value v = gr_operand(done->graph, n, slot);
  const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(done->graph, v);
  if (t == GRAFT_NONE) return NULL;
  *type = *gr_tensor_type(done->graph->module, t);
  return graft_tensor_get_data(done->graph->module, t);
}

/* A dequantize that reads the node's first result, which says what its integers stand for where no other does. */
static graft_node dequantize_of(const graft_graph *g, graft_node n) {
  const graft_value y = gr_node_at(g, n)->first_result;
  for (uint32_t u = gr_value_at(g, y)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    const uint32_t user = gr_use_at(g, u)->user;
    const gr_op_info *info = gr_user_is_node(user) ? gr_info(g, user) : NULL;
    if (info && (info->families & GR_F_DQ) && gr_operand(g, user, 0) == y) return user;
  }
  return GRAFT_NONE;
}

/* Of the node's first result; false: it is not quantized, or not in a way that this understands. */
static bool find_quantizer(const graft_node_done *done, quantizer *q) {
  uint32_t scale, zero_point;
  const graft_graph *g = done->graph;
  graft_node n = gr_scale_node(g, done->node);
  if (n == GRAFT_NONE && gr_is_integer(done->result_types[0].dtype)) n = dequantize_of(g, done->node);
  graft_type s, z;
  if (n == GRAFT_NONE || !gr_result_scale(g, n, &scale, &zero_point)) return false;
  q->fitted = false;
  q->scale = parameter(done, n, scale, &s);
  q->zero_point = parameter(done, n, zero_point, &z);
  if (!q->scale || !q->zero_point || s.dtype != GRAFT_F32 || z.dtype != GRAFT_I32) return false;
  const int64_t count = graft_type_elements(&s);
  const graft_type *x = &done->result_types[0];
  q->channels = gr_channels_whole(x);
  if (graft_type_elements(&z) != count || (count != 1 && n != done->node)) return false;
  if (count != 1 && (!gr_channels_make(x, attr_int(g, n, "axis", 0), attr_int(g, n, "groups", 1), &q->channels) ||
                     gr_channels_total(q->channels) != count))
    return false;
  q->low = attr_int(g, n, "quant_min", -128);
  q->high = attr_int(g, n, "quant_max", 127);
  return q->low < q->high;
}

/* Integers become the numbers that they stand for, in f32 as a dequantize has them. */
static void dequantize(const quantizer *q, int64_t from, int64_t n, double *x) {
  for (int64_t i = 0; i < n; i++) {
    const int64_t c = gr_channel_of(&q->channels, from + i);
    x[i] = (double)(float)((x[i] - q->zero_point[c]) * (double)q->scale[c]);
  }
}

static void quantize(const quantizer *q, int64_t from, int64_t n, double *x) {
  for (int64_t i = 0; i < n; i++) {
    const int64_t c = gr_channel_of(&q->channels, from + i);
    const double code = rint(x[i] / (double)q->scale[c]) + q->zero_point[c];
    x[i] = code > (double)q->low ? (code < (double)q->high ? code : (double)q->high) : (double)q->low;
  }
}

/* ---- a's run ---- */

/* Room for one time more; what it has from an earlier step stays. */
static kept *next_time(graft_context *c, history *h, bool once) {
  if (once) h->told = 0;
  h->once = once;
  if (h->told == h->times.len && !gr_vec_push(c, &h->times, (kept){0})) return NULL;
  return &h->times.data[h->told++];
}

static graft_status keep(graft_compare *c, history *h, bool once, const graft_type *type, const void *data,
                         const quantizer *q) {
  if (!h->wanted) return GRAFT_OK;
  kept *k = next_time(c->context, h, once);
  if (!k) return GRAFT_NO_MEMORY;
  const int64_t count = graft_type_elements(type);
  const size_t size = gr_size3((size_t)count, sizeof(float), 1);
  if (k->size != size) {
    gr_free(c->context, k->data, k->size);
    k->size = 0;
    k->data = gr_alloc(c->context, size ? size : 1);
    if (!k->data) return GRAFT_NO_MEMORY;
    k->size = size ? size : 1;
  }
  k->type = *type;
  k->raw = !gr_is_float(type->dtype) && !q;
  k->said = (whole_scale){0};
  if (q && gr_channels_total(q->channels) == 1) k->said = (whole_scale){q->scale[0], q->zero_point[0], q->low, q->high};
  const bool integers = q && !gr_is_float(type->dtype);
  double x[GR_BLOCK];
  for (int64_t from = 0; from < count; from += GR_BLOCK) {
    const int64_t n = count - from < GR_BLOCK ? count - from : GR_BLOCK;
    gr_elements(type->dtype, data, from, n, x);
    if (integers) dequantize(q, from, n, x);
    for (int64_t i = 0; i < n; i++) k->data[from + i] = (float)x[i];
  }
  return GRAFT_OK;
}

static graft_status after_a(void *user, const graft_node_done *done) {
  graft_compare *c = user;
  const uint32_t p = c->matches.pair_of_a[done->graph->index];
  quantizer q;
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; p != GRAFT_NONE && status == GRAFT_OK && i < done->result_count; i++) {
    const graft_value v = graft_node_result(done->graph, done->node, i);
    if (v == GRAFT_NONE || !done->results[i] || !c->pairs[p].of_a[v].wanted) continue;
    const bool quantized = i == 0 && find_quantizer(done, &q);
    status = keep(c, &c->pairs[p].of_a[v], done->once, &done->result_types[i], done->results[i], quantized ? &q : NULL);
  }
  return status;
}

/* ---- b's runs ---- */

static void add_pair(sums *s, double a, double b, double scale) {
  const double e = fabs(b - a);
  s->aa += a * a;
  s->bb += b * b;
  s->ab += a * b;
  s->noise += e * e;
  s->count++;
  s->differing += e > 0;
  if (e > s->largest) s->largest = e;
  if (scale > 0 && e / scale > s->steps) s->steps = e / scale;
}

static void bin(int64_t *histogram, const layer *l, double x) {
  const double at = (x - l->low) / (l->high - l->low) * GRAFT_HISTOGRAM;
  histogram[at >= GRAFT_HISTOGRAM - 1 ? GRAFT_HISTOGRAM - 1 : at > 0 ? (int)at : 0]++;
}

/* The numbers that say what the layer is like, in its first step. */
static graft_status begin_layer(graft_compare *c, layer *l, const kept *k, const quantizer *q) {
  l->seen = true;
  l->low = INFINITY, l->high = -INFINITY;
  const int64_t count = graft_type_elements(&k->type);
  for (int64_t i = 0; i < count; i++) {
    const double x = (double)k->data[i];
    if (!isfinite(x)) continue;
    l->low = x < l->low ? x : l->low;
    l->high = x > l->high ? x : l->high;
  }
  if (!(l->low <= l->high)) l->low = l->high = 0;
  if (l->low == l->high) l->low -= 0.5, l->high += 0.5;
  if (!q) return GRAFT_OK;
  l->quantized = true;
  l->fitted = q->fitted;
  l->channels = (uint32_t)gr_channels_total(q->channels);
  l->zero_point = q->zero_point[0];
  l->quant_min = q->low;
  l->quant_max = q->high;
  if (q->high - q->low >= CODES_MAX) return GRAFT_OK;
  l->code_words = (size_t)(q->high - q->low) / 64 + 1;
  l->codes = gr_calloc(c->context, l->code_words, sizeof *l->codes);
  return l->codes ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static void see_scales(layer *l, const quantizer *q) {
  l->scale_min = l->scale_max = q->scale[0];
  for (uint32_t i = 1; i < l->channels; i++) {
    if (q->scale[i] < l->scale_min) l->scale_min = q->scale[i];
    if (q->scale[i] > l->scale_max) l->scale_max = q->scale[i];
  }
}

/* What the quantized layer makes of element a and has as b. */
static void see_code(layer *l, const quantizer *q, int64_t channel, double a, double b) {
  const double scale = (double)q->scale[channel], z = q->zero_point[channel];
  const double wanted = rint(a / scale) + z, code = rint(b / scale) + z;
  l->clipped += wanted < (double)q->low || wanted > (double)q->high;
  if (!l->codes || !(code >= (double)q->low && code <= (double)q->high)) return;
  const uint64_t at = (uint64_t)((int64_t)code - q->low);
  l->codes[at / 64] |= 1ull << at % 64;
}

static graft_status look(graft_compare *c, layer *l, const kept *k, const graft_type *type, const void *data,
                         const quantizer *q, const quantizer *integers) {
  if (!l->seen) {
    graft_status status = begin_layer(c, l, k, q);
    if (status != GRAFT_OK) return status;
  }
  l->type = *type;
  const int64_t count = graft_type_elements(type);
  sums *s = c->forced ? &l->own : &l->total;
  if (q && !c->forced) see_scales(l, q);
  if (!c->forced) graft_statistics_add(&l->of_a, GRAFT_F32, k->data, count);
  double x[GR_BLOCK];
  for (int64_t from = 0; from < count; from += GR_BLOCK) {
    const int64_t n = count - from < GR_BLOCK ? count - from : GR_BLOCK;
    gr_elements(type->dtype, data, from, n, x);
    if (integers) dequantize(integers, from, n, x);
    if (!c->forced) graft_statistics_add(&l->of_b, GRAFT_F64, x, n);
    for (int64_t i = 0; i < n; i++) {
      const double a = (double)k->data[from + i], b = x[i];
      if (!isfinite(a) || !isfinite(b)) {
        const bool differs = !(a == b || (isnan(a) && isnan(b)));
        s->differing += differs;
        if (!c->forced) l->not_numbers += differs;
        continue;
      }
      const int64_t channel = q ? gr_channel_of(&q->channels, from + i) : 0;
      add_pair(s, a, b, q ? (double)q->scale[channel] : 0);
      if (c->forced) continue;
      bin(l->histogram_a, l, a);
      bin(l->histogram_b, l, b);
      if (q) see_code(l, q, channel, a, b);
    }
  }
  return GRAFT_OK;
}

/* a's numbers over b's. */
static void replace(const kept *k, const graft_type *type, void *data, const quantizer *integers) {
  double x[GR_BLOCK];
  const int64_t count = graft_type_elements(type);
  for (int64_t from = 0; from < count; from += GR_BLOCK) {
    const int64_t n = count - from < GR_BLOCK ? count - from : GR_BLOCK;
    for (int64_t i = 0; i < n; i++) x[i] = (double)k->data[from + i];
    if (integers) quantize(integers, from, n, x);
    gr_elements_set(type->dtype, data, from, n, x);
  }
}

static bool is_code(graft_dtype d) { return d == GRAFT_I8 || d == GRAFT_U8 || d == GRAFT_I16 || d == GRAFT_U16; }

/* What codes have to stand for to come closest to a's floats: the line through both, least and greatest code left out,
 * where they were clipped. Scale 0: there is none. */
static whole_scale fit(const kept *k, const graft_type *type, const void *data) {
  const int64_t count = graft_type_elements(type);
  double x[GR_BLOCK], least = (double)INFINITY, most = -(double)INFINITY, n = 0, a = 0, b = 0, aa = 0, ab = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int64_t from = 0; from < count; from += GR_BLOCK) {
      const int64_t many = count - from < GR_BLOCK ? count - from : GR_BLOCK;
      gr_elements(type->dtype, data, from, many, x);
      for (int64_t i = 0; i < many; i++) {
        const double y = (double)k->data[from + i];
        if (pass == 0) {
          least = x[i] < least ? x[i] : least;
          most = x[i] > most ? x[i] : most;
        } else if (isfinite(y) && x[i] > least && x[i] < most) {
          n++, a += y, b += x[i], aa += y * y, ab += y * x[i];
        }
      }
    }
  const double spread = n * aa - a * a, slope = spread > 0 ? (n * ab - a * b) / spread : 0;
  if (!(slope > 0)) return (whole_scale){0};
  const double zero_point = rint((b - slope * a) / n);
  const double per_step = (ab - zero_point * a) / aa; /* once more, the zero point being whole */
  if (!(per_step > 0) || fabs(zero_point) > CODES_MAX) return (whole_scale){0};
  const bool sign = type->dtype == GRAFT_I8 || type->dtype == GRAFT_I16;
  const int64_t codes = (int64_t)1 << 8 * graft_dtype_size(type->dtype), low = sign ? -codes / 2 : 0;
  return (whole_scale){(float)(1 / per_step), (int32_t)zero_point, low, low + codes - 1};
}

/* Where one of the two does not say what integers stand for (a sum that is spelled out), the other does; where that has
 * floats, they stand for what fits these. False: the two are not held against each other. */
static bool agree(kept *k, layer *l, const graft_type *type, const void *data, bool *quantized, quantizer *q) {
  const bool floats = gr_is_float(type->dtype);
  if (*quantized && k->raw) {
    for (int64_t i = 0; i < graft_type_elements(&k->type); i++) {
      double x = (double)k->data[i];
      dequantize(q, i, 1, &x);
      k->data[i] = (float)x;
    }
    k->raw = false;
  }
  if (*quantized || floats || k->raw) return *quantized || floats != k->raw;
  const bool said = k->said.scale > 0;
  if (said)
    l->scale = k->said;
  else if (!l->seen && is_code(type->dtype))
    l->scale = fit(k, type, data);
  *quantized = l->scale.scale > 0;
  *q = (quantizer){&l->scale.scale, &l->scale.zero_point, gr_channels_whole(type), l->scale.low, l->scale.high, !said};
  return *quantized;
}

/* a's value, the time that b's has now come; NULL: it was not there then. */
static kept *same_time(pair *p, graft_value of_a, graft_value of_b) {
  history *h = &p->of_a[of_a];
  const uint32_t time = h->once ? 0 : p->times_of_b[of_b]++;
  return time < h->told ? &h->times.data[time] : NULL;
}

/* What the node's result is off by, a's inputs given. */
static graft_status add_shift(graft_compare *c, const graft_node_done *done, uint32_t pair_of_b) {
  const graft_value v = graft_node_result(done->graph, done->node, 0);
  const gr_match *m = v == GRAFT_NONE || !done->results[0] ? NULL : &c->matches.pairs.data[pair_of_b].of[v];
  const history *h = m && m->a != GRAFT_NONE ? &c->pairs[pair_of_b].of_a[m->a] : NULL;
  if (!h || !h->told) return GRAFT_OK;
  const kept *k = &h->times.data[0];
  if (!k->data || k->raw || !gr_same_shape(&k->type, &done->result_types[0])) return GRAFT_OK;
  return gr_shifts_add(&c->shifts, done, k->data);
}

static graft_status after_b(void *user, const graft_node_done *done) {
  graft_compare *c = user;
  quantizer q;
  const bool fixed = done->once || strcmp(done->kernel, "known") == 0; /* weights and shapes: not to be written to */
  const uint32_t p = c->matches.pair_of_b[done->graph->index];
  if (c->forced && c->biases && done->graph == c->b && p != GRAFT_NONE && done->result_count) {
    const graft_status status = add_shift(c, done, p);
    if (status != GRAFT_OK) return status;
  }
  for (uint32_t i = 0; p != GRAFT_NONE && i < done->result_count; i++) {
    const graft_value v = graft_node_result(done->graph, done->node, i);
    const graft_type *type = &done->result_types[i];
    if (v == GRAFT_NONE || !done->results[i]) continue;
    const gr_match *m = &c->matches.pairs.data[p].of[v];
    kept *k = m->layer == GRAFT_NONE ? NULL : same_time(&c->pairs[p], m->a, v);
    if (!k || !k->data || !gr_same_shape(&k->type, type)) continue;
    layer *l = &c->layers[m->layer];
    bool quantized = i == 0 && find_quantizer(done, &q);
    if (!agree(k, l, type, done->results[i], &quantized, &q)) {
      l->unknown = true;
      continue;
    }
    const bool integers = quantized && !gr_is_float(type->dtype);
    if (m->shown) {
      graft_status status = look(c, l, k, type, done->results[i], quantized ? &q : NULL, integers ? &q : NULL);
      if (status != GRAFT_OK) return status;
    }
    if (c->forced && !fixed) replace(k, type, done->results[i], integers ? &q : NULL);
  }
  return GRAFT_OK;
}

/* ---- create and destroy ---- */

static graft_status find_inputs(graft_compare *c) {
  char name[4096], other[4096];
  c->input_count = c->b->inputs.len;
  c->input_of = gr_alloc(c->context, (c->input_count + 1u) * sizeof *c->input_of);
  if (!c->input_of) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < c->b->inputs.len; i++) {
    graft_value_name(c->b, c->b->inputs.data[i], name, sizeof name);
    uint32_t found = GRAFT_NONE;
    for (uint32_t j = 0; found == GRAFT_NONE && j < c->a->inputs.len; j++) {
      graft_value_name(c->a, c->a->inputs.data[j], other, sizeof other);
      if (strcmp(name, other) == 0) found = j;
    }
    if (found == GRAFT_NONE)
      return gr_error(c->context, GRAFT_NAME, gr_value_loc(c->b, c->b->inputs.data[i]),
                      "the graph that this is compared with has no input of this name");
    c->input_of[i] = found;
  }
  return GRAFT_OK;
}

static graft_status begin_pairs(graft_compare *c) {
  const gr_matches *all = &c->matches;
  c->pairs = gr_calloc(c->context, all->pairs.len + 1u, sizeof *c->pairs);
  c->layers = gr_calloc(c->context, all->layer_count + 1u, sizeof *c->layers);
  if (!c->pairs || !c->layers) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < all->pairs.len; i++) {
    const gr_pair *of = &all->pairs.data[i];
    pair *p = &c->pairs[i];
    p->count_a = of->a->values.len;
    p->count_b = of->count;
    p->of_a = gr_calloc(c->context, p->count_a + 1u, sizeof *p->of_a);
    p->times_of_b = gr_calloc(c->context, p->count_b + 1u, sizeof *p->times_of_b);
    if (!p->of_a || !p->times_of_b) return GRAFT_NO_MEMORY;
    for (uint32_t v = 0; v < of->count; v++) {
      const gr_match *m = &of->of[v];
      if (m->layer == GRAFT_NONE) continue;
      p->of_a[m->a].wanted = true;
      if (m->shown) c->layers[m->layer].pair = i, c->layers[m->layer].a = m->a, c->layers[m->layer].b = v;
    }
  }
  return GRAFT_OK;
}

static void end_pairs(graft_compare *c) {
  for (uint32_t i = 0; c->pairs && i < c->matches.pairs.len; i++) {
    pair *p = &c->pairs[i];
    for (uint32_t v = 0; p->of_a && v < p->count_a; v++) {
      for (uint32_t k = 0; k < p->of_a[v].times.len; k++)
        gr_free(c->context, p->of_a[v].times.data[k].data, p->of_a[v].times.data[k].size);
      gr_vec_free(c->context, &p->of_a[v].times);
    }
    gr_free(c->context, p->of_a, (p->count_a + 1u) * sizeof *p->of_a);
    gr_free(c->context, p->times_of_b, (p->count_b + 1u) * sizeof *p->times_of_b);
  }
  gr_free(c->context, c->pairs, (c->matches.pairs.len + 1u) * sizeof *c->pairs);
}

static graft_status prepare(graft_compare *c, const graft_compare_options *o) {
  graft_session_options options = {.size = sizeof options,
                                   .threads = o->threads,
                                   .reference = o->reference,
                                   .seed = o->seed,
                                   .kernels = o->kernels,
                                   .kernel_count = o->kernel_count,
                                   .keep_state = true,
                                   .after_node = after_a,
                                   .after_node_user = c,
                                   .after_node_inside = true};
  c->bad = o->bad != 0 ? o->bad : 20;
  c->biases = o->biases;
  graft_status status = find_inputs(c);
  if (status == GRAFT_OK) status = gr_match_begin(&c->matches, c->a, c->b);
  if (status == GRAFT_OK) status = gr_weights_begin(&c->weights, (o->folded ? o->folded : c->a)->module, c->b);
  if (status != GRAFT_OK) return status;
  status = begin_pairs(c);
  if (status != GRAFT_OK) return status;
  c->of_a = graft_session_create(c->a, &options);
  if (!c->of_a) return GRAFT_RUN;
  options.after_node = after_b;
  options.writes_values = true;
  options.backends = o->backends;
  options.backend_count = o->backend_count;
  c->of_b = graft_session_create(c->b, &options);
  return c->of_b ? GRAFT_OK : GRAFT_RUN;
}

graft_compare *graft_compare_create(graft_graph *a, graft_graph *b, const graft_compare_options *options) {
  if (!GR_LIVE(a, GRAPH) || !GR_LIVE_IN(a->context, b, GRAPH)) return NULL;
  graft_context *context = a->module->context;
  const uint32_t errors = gr_error_count(context);
  graft_compare_options all = {.size = sizeof all};
  if (gr_take_options(context, &all, sizeof all, options)) return NULL;
  if (all.folded && !GR_LIVE_IN(context, all.folded, GRAPH)) return NULL;
  if (b->module->context != context || (all.folded && all.folded->module->context != context)) {
    gr_error(context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "graphs of two contexts are not compared");
    return NULL;
  }
  graft_compare *c = gr_calloc(context, 1, sizeof *c);
  if (!c) return NULL;
  gr_handle_begin(c, GR_HANDLE_COMPARE, context);
  gr_handle_pin(c->a = a);
  gr_handle_pin(c->b = b);
  if (gr_outcome(context, errors, prepare(c, &all)) == GRAFT_OK) return c;
  graft_compare_destroy(c);
  return NULL;
}

/* A callback of one of its runs calls it. */
static bool is_running(const graft_compare *c) {
  if (c->running) gr_error(c->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "the comparison is running at this moment");
  return c->running;
}

void graft_compare_destroy(graft_compare *c) {
  if (!c || !GR_LIVE(c, COMPARE) || is_running(c)) return;
  graft_session_destroy(c->of_a);
  graft_session_destroy(c->of_b);
  end_pairs(c);
  gr_shifts_free(&c->shifts, c->context);
  for (uint32_t i = 0; c->layers && i < c->matches.layer_count; i++)
    gr_free(c->context, c->layers[i].codes, c->layers[i].code_words * sizeof *c->layers[i].codes);
  gr_free(c->context, c->layers, (c->matches.layer_count + 1u) * sizeof *c->layers);
  gr_free(c->context, c->input_of, (c->input_count + 1u) * sizeof *c->input_of);
  gr_match_end(&c->matches, c->context);
  gr_weights_end(&c->weights, c->context);
  gr_handle_unpin(c->a);
  gr_handle_unpin(c->b);
  gr_handle_end(c, sizeof *c);
}

/* ---- steps ---- */

/* A run of one begins: no value was there yet. */
static void begin_run(graft_compare *c, bool of_a) {
  for (uint32_t i = 0; i < c->matches.pairs.len; i++) {
    pair *p = &c->pairs[i];
    for (uint32_t v = 0; of_a && v < p->count_a; v++)
      if (!p->of_a[v].once) p->of_a[v].told = 0;
    if (!of_a) memset(p->times_of_b, 0, p->count_b * sizeof *p->times_of_b);
  }
}

static graft_status run_b(graft_compare *c, bool forced) {
  begin_run(c, false);
  c->forced = forced;
  return graft_session_run(c->of_b);
}

static graft_status step(graft_compare *c, const graft_type *types, const void *const *data) {
  graft_status status = GRAFT_OK;
  begin_run(c, true);
  for (uint32_t i = 0; status == GRAFT_OK && i < c->a->inputs.len; i++) {
    status = graft_session_set_input(c->of_a, i, &types[i], data[i]);
    if (status == GRAFT_OK) status = keep(c, &c->pairs[0].of_a[c->a->inputs.data[i]], false, &types[i], data[i], NULL);
  }
  for (uint32_t i = 0; status == GRAFT_OK && i < c->b->inputs.len; i++)
    status = graft_session_set_input(c->of_b, i, &types[c->input_of[i]], data[c->input_of[i]]);
  if (status == GRAFT_OK) status = graft_session_run(c->of_a);
  if (status == GRAFT_OK) status = run_b(c, false);
  return status == GRAFT_OK ? run_b(c, true) : status;
}

graft_status graft_compare_step(graft_compare *c, const graft_type *types, const void *const *data) {
  if (!GR_LIVE(c, COMPARE) || !GR_LIVE_IN(c->context, c->a, GRAPH) || !GR_LIVE_IN(c->context, c->b, GRAPH))
    return GRAFT_INVALID_ARGUMENT;
  if (is_running(c)) return GRAFT_INVALID_ARGUMENT;
  for (uint32_t i = 0; i < c->a->inputs.len; i++)
    if (!types || !data || (!data[i] && graft_type_elements(&types[i]) != 0))
      return gr_error(c->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "input %u has no type or no data", i);
  const uint32_t errors = gr_error_count(c->context);
  c->steps++;
  c->running = true;
  const graft_status status = gr_outcome(c->context, errors, step(c, types, data));
  c->running = false;
  return status;
}

graft_status graft_compare_correct_biases(graft_compare *c, graft_bias_correction *out) {
  if (!GR_LIVE(c, COMPARE) || !GR_LIVE_IN(c->context, c->a, GRAPH) || !GR_LIVE_IN(c->context, c->b, GRAPH))
    return GRAFT_INVALID_ARGUMENT;
  if (is_running(c)) return GRAFT_INVALID_ARGUMENT;
  const uint32_t errors = gr_error_count(c->context);
  graft_bias_correction all = {.size = sizeof all};
  if (out && gr_check_place(c->context, out, sizeof *out)) return GRAFT_INVALID_ARGUMENT;
  if (!c->biases || !c->steps)
    return gr_error(c->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0},
                    "biases are corrected after a step, of a comparison with the option `biases`");
  const graft_status status = gr_outcome(c->context, errors, gr_shifts_apply(&c->shifts, c->b, &all));
  if (out) gr_give(out, &all, sizeof all);
  return status;
}
