/* A weight is a tensor of more than one integer that a dequantize or an op on integers reads; its floats are the tensor
 * of its name and shape. */
#include "runtime/numbers_int.h"
#include "runtime/quant_int.h"
#include "runtime/weights_impl.h"

#include <math.h>
#include <string.h>

/* How a node reads the integers of a tensor. */
typedef struct reading {
  graft_tensor tensor;
  const void *data;
  const float *scale;
  const int32_t *zero_point;
  int64_t low, high;
  gr_channels scales;   /* that have a scale each */
  gr_channels channels; /* that are told apart: the same or, with one scale, those of the result */
} reading;

typedef struct channel {
  double signal, noise;
} channel;

static uint32_t slot_of(const gr_op_info *op, const char *name) {
  for (uint32_t i = 0; i < op->operand_count; i++)
    if (strcmp(op->operands[i].name, name) == 0) return i;
  return GRAFT_NONE;
}

static graft_tensor tensor_at(const graft_graph *g, graft_node n, uint32_t slot) {
  const graft_value v = slot == GRAFT_NONE ? GRAFT_NONE : gr_operand(g, n, slot);
  return v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
}

static int64_t int_attr(const graft_graph *g, graft_node n, const char *name, int64_t otherwise) {
  graft_attr attr;
  return graft_node_attr(g, n, name, &attr) && attr.kind == GRAFT_ATTR_INT ? attr.as.i : otherwise;
}

/* The channels of the weight that n reads in this slot; per tensor where the op has no weight there. */
static gr_channels channels_of(const graft_graph *g, graft_node n, uint32_t slot, const graft_type *type) {
  const gr_op_info *op = gr_info(g, n);
  gr_channels c = gr_channels_whole(type);
  if (!op || op->weight_axis < 0 || slot != slot_of(op, "weight")) return c;
  const int64_t groups = op->weight_axis == 1 ? int_attr(g, n, "groups", 1) : 1;
  return gr_channels_make(type, op->weight_axis, groups, &c) ? c : gr_channels_whole(type);
}

/* Of what a dequantize makes: as the first layer that reads it has them. */
static gr_channels channels_behind(const graft_graph *g, graft_node dequantize, const graft_type *type) {
  const graft_value y = gr_result(g, dequantize, 0);
  for (uint32_t u = gr_value_at(g, y)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    const uint32_t user = gr_use_at(g, u)->user;
    if (!gr_user_is_node(user)) continue;
    for (uint32_t i = 0; i < gr_node_at(g, user)->operand_count; i++) {
      const gr_channels c = channels_of(g, user, i, type);
      if (gr_operand(g, user, i) == y && gr_channels_total(c) > 1) return c;
    }
  }
  return gr_channels_whole(type);
}

static bool is_narrow(graft_dtype d) { return d == GRAFT_I8 || d == GRAFT_U8 || d == GRAFT_I16 || d == GRAFT_U16; }

static bool read_parameters(graft_graph *g, graft_node n, const gr_op_info *op, bool dequantizes, reading *r) {
  graft_module *m = g->module;
  const graft_tensor s = tensor_at(g, n, slot_of(op, dequantizes ? "scale" : "weight_scale"));
  const graft_tensor z = tensor_at(g, n, slot_of(op, dequantizes ? "zero_point" : "weight_zero_point"));
  if (s == GRAFT_NONE || z == GRAFT_NONE) return false;
  const graft_type *ts = gr_tensor_type(m, s), *tz = gr_tensor_type(m, z);
  const int64_t count = graft_type_elements(ts);
  if (ts->dtype != GRAFT_F32 || tz->dtype != GRAFT_I32 || graft_type_elements(tz) != count) return false;
  if (count == 1)
    r->scales = gr_channels_whole(gr_tensor_type(m, r->tensor));
  else if (gr_channels_total(r->scales) != count)
    return false;
  r->scale = graft_tensor_get_data(m, s);
  r->zero_point = graft_tensor_get_data(m, z);
  r->data = graft_tensor_get_data(m, r->tensor);
  return r->scale && r->zero_point && r->data;
}

/* False: none, or not in a way that says what they stand for; then only the tensor is told, if there is one. */
static bool read_node(graft_graph *g, graft_node n, reading *r) {
  const gr_op_info *op = gr_info(g, n);
  const bool dequantizes = op && (op->families & GR_F_DQ), integers = op && (op->families & GR_F_QUANTIZED);
  const uint32_t slot = integers ? slot_of(op, "weight") : gr_node_at(g, n)->operand_count ? 0 : GRAFT_NONE;
  *r = (reading){.tensor = tensor_at(g, n, slot)};
  const graft_type *type = r->tensor == GRAFT_NONE ? NULL : gr_tensor_type(g->module, r->tensor);
  if (!type || !is_narrow(type->dtype) || graft_type_elements(type) < 2) return r->tensor = GRAFT_NONE, false;
  if (!dequantizes && !integers) return false;
  const int bits = 8 * (int)graft_dtype_size(type->dtype);
  const bool sign = type->dtype == GRAFT_I8 || type->dtype == GRAFT_I16;
  r->low = sign ? -((int64_t)1 << (bits - 1)) : 0;
  r->high = r->low + ((int64_t)1 << bits) - 1;
  if (dequantizes) {
    r->low = int_attr(g, n, "quant_min", r->low);
    r->high = int_attr(g, n, "quant_max", r->high);
    r->channels = channels_behind(g, n, type);
    r->scales = gr_channels_whole(type);
    const int64_t groups = int_attr(g, n, "groups", 1);
    gr_channels c;
    if (slot_of(op, "axis") == GRAFT_NONE && gr_channels_make(type, int_attr(g, n, "axis", 0), groups, &c))
      r->scales = c;
  } else {
    r->channels = r->scales = channels_of(g, n, slot, type);
  }
  if (!read_parameters(g, n, op, dequantizes, r)) return false;
  if (gr_channels_total(r->scales) > 1) r->channels = r->scales;
  return r->low < r->high;
}

/* ---- holding them against floats ---- */

static double decibels(double signal, double noise) {
  if (noise <= 0) return (double)INFINITY;
  return signal > 0 ? 10 * log10(signal / noise) : -(double)INFINITY;
}

static void find_worst(graft_weight *w, const channel *sums) {
  w->worst_snr = (double)INFINITY;
  for (uint32_t i = 0; i < w->channels; i++) {
    const double snr = decibels(sums[i].signal, sums[i].noise);
    if (i && !(snr < w->worst_snr)) continue;
    w->worst_snr = snr;
    w->worst = i;
  }
}

static void measure(graft_weight *w, const reading *r, graft_dtype floats, graft_dtype integers, int64_t count,
                    const void *as, channel *sums, uint8_t *used) {
  double a[GR_BLOCK], b[GR_BLOCK], aa = 0, bb = 0, ab = 0, noise = 0, largest = 0, steps = 0;
  int64_t clipped = 0, taken = 0;
  for (int64_t from = 0; from < count; from += GR_BLOCK) {
    const int64_t n = count - from < GR_BLOCK ? count - from : GR_BLOCK;
    gr_elements(floats, as, from, n, a);
    gr_elements(integers, r->data, from, n, b);
    for (int64_t i = 0; i < n; i++) {
      const int64_t at = gr_channel_of(&r->scales, from + i);
      const double scale = (double)r->scale[at], z = r->zero_point[at];
      if (b[i] >= (double)r->low && b[i] <= (double)r->high) used[(int64_t)b[i] - r->low] = 1;
      const double wanted = rint(a[i] / scale) + z, x = (double)(float)((b[i] - z) * scale), e = fabs(x - a[i]);
      clipped += wanted < (double)r->low || wanted > (double)r->high;
      channel *c = &sums[gr_channel_of(&r->channels, from + i)];
      c->signal += a[i] * a[i];
      c->noise += e * e;
      aa += a[i] * a[i], bb += x * x, ab += a[i] * x, noise += e * e;
      largest = e > largest ? e : largest;
      steps = e / scale > steps ? e / scale : steps;
    }
  }
  const double lengths = sqrt(aa) * sqrt(bb);
  for (int64_t i = 0; i <= r->high - r->low; i++) taken += used[i];
  w->error = (graft_error){.snr = decibels(aa, noise),
                           .cosine = lengths > 0 ? ab / lengths
                                     : aa == bb  ? 1
                                                 : 0,
                           .largest = largest,
                           .steps = steps};
  w->clipped = count ? (double)clipped / (double)count : 0;
  w->unused = 1 - (double)taken / (double)(r->high - r->low + 1);
  find_worst(w, sums);
}

static graft_status hold(gr_weights *all, graft_graph *g, graft_node n, const reading *r, graft_module *m,
                         graft_tensor t) {
  graft_context *c = g->module->context;
  const graft_type *type = gr_tensor_type(g->module, r->tensor), *floats = gr_tensor_type(m, t);
  const size_t channels = (size_t)gr_channels_total(r->channels), codes = (size_t)(r->high - r->low) + 1;
  graft_weight w = {.size = sizeof w,
                    .a = t,
                    .b = r->tensor,
                    .graph = g,
                    .reader = n,
                    .channels = (uint32_t)channels,
                    .quant_min = r->low,
                    .quant_max = r->high};
  w.scale_min = w.scale_max = r->scale[0];
  for (int64_t i = 1; i < gr_channels_total(r->scales); i++) {
    w.scale_min = r->scale[i] < w.scale_min ? r->scale[i] : w.scale_min;
    w.scale_max = r->scale[i] > w.scale_max ? r->scale[i] : w.scale_max;
  }
  const void *data = graft_tensor_get_data(m, t);
  channel *sums = gr_calloc(c, channels, sizeof *sums);
  uint8_t *used = gr_calloc(c, codes, sizeof *used);
  const bool ok = data && sums && used;
  if (ok) measure(&w, r, floats->dtype, type->dtype, graft_type_elements(type), data, sums, used);
  gr_free(c, sums, channels * sizeof *sums);
  gr_free(c, used, codes * sizeof *used);
  return ok && gr_vec_push(c, all, w) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* ---- all of them ---- */

static graft_tensor find_floats(graft_module *floats, const graft_module *b, graft_tensor t) {
  char name[4096];
  graft_tensor_name(b, t, name, sizeof name);
  const graft_tensor found = graft_tensor_find(floats, name);
  if (found == GRAFT_NONE) return GRAFT_NONE;
  const graft_type *x = gr_tensor_type(floats, found), *y = gr_tensor_type(b, t);
  const bool same =
      gr_is_float(x->dtype) && x->rank == y->rank && memcmp(x->dims, y->dims, (size_t)y->rank * sizeof *y->dims) == 0;
  return same ? found : GRAFT_NONE;
}

/* Does the other have the same integers under the same name? Then there is nothing to be said of them. */
static bool is_shared(graft_module *other, graft_module *b, graft_tensor t) {
  char name[4096];
  graft_tensor_name(b, t, name, sizeof name);
  const graft_tensor found = graft_tensor_find(other, name);
  if (found == GRAFT_NONE || !gr_type_equal(gr_tensor_type(other, found), gr_tensor_type(b, t))) return false;
  const void *x = graft_tensor_get_data(other, found), *y = graft_tensor_get_data(b, t);
  return x && y && memcmp(x, y, gr_tensor_bytes(b, t)) == 0;
}

static void miss(gr_missed *m, graft_graph *g, graft_node n) {
  if (m->count++) return;
  m->graph = g;
  m->node = n;
}

/* `floats`: NULL: there are none. */
static graft_status look_at(gr_weights *w, graft_module *other, graft_module *floats, graft_graph *g, gr_map *seen) {
  graft_context *c = g->module->context;
  graft_status status = GRAFT_OK;
  for (graft_node n = g->first; status == GRAFT_OK && n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    reading r;
    const bool read = read_node(g, n, &r);
    if (r.tensor == GRAFT_NONE || gr_map_get(seen, gr_mix(r.tensor)) != GRAFT_NONE) continue;
    if (!gr_map_put(c, seen, gr_mix(r.tensor), 1)) return GRAFT_NO_MEMORY;
    const graft_tensor t = floats ? find_floats(floats, g->module, r.tensor) : GRAFT_NONE;
    if (read && t != GRAFT_NONE)
      status = hold(w, g, n, &r, floats, t);
    else if (read && !is_shared(other, g->module, r.tensor))
      miss(&w->missed, g, n);
    else if (!read && t != GRAFT_NONE)
      miss(&w->unknown, g, n);
  }
  return status;
}

/* Do batch norms still scale weights while it runs, as training with fake-quantizers wants them? Its floats are others.
 */
static bool is_training_form(const graft_module *m) {
  for (uint32_t i = 0; i < m->graphs.len; i++)
    for (graft_node n = m->graphs.data[i]->first; n != GRAFT_NONE; n = gr_node_at(m->graphs.data[i], n)->next)
      if (gr_is_marked(m->graphs.data[i], n, GR_MARK_TRAINING_FORM)) return true;
  return false;
}

graft_status gr_weights_begin(gr_weights *w, graft_module *other, graft_graph *b) {
  graft_module *floats = other;
  graft_module *m = b->module;
  graft_context *c = m->context;
  gr_map seen = {0};
  if (is_training_form(floats)) floats = NULL;
  bool *nested = gr_nested_graphs(m);
  graft_status status = nested ? look_at(w, other, floats, b, &seen) : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; status == GRAFT_OK && i < m->graphs.len; i++)
    if (nested[i]) status = look_at(w, other, floats, m->graphs.data[i], &seen);
  gr_free(c, nested, ((size_t)m->graphs.len + 1) * sizeof *nested);
  gr_map_free(c, &seen);
  return status;
}

void gr_weights_end(gr_weights *w, graft_context *c) {
  gr_free(c, w->data, (size_t)w->cap * sizeof *w->data);
  *w = (gr_weights){0};
}
