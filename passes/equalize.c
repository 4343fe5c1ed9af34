/* equalize: cross-layer equalization (Nagel et al. 2019). Between two layers the rule equalize_pair puts a scale for
 * each channel, which changes nothing that the network computes: the first layer's weight is divided by it, the
 * second's multiplied. Here the scales are chosen, so that in each channel both weights reach equally far; the rules of
 * equalize/fold then multiply them into the weights. A layer in the middle of a chain has a scale on both of its sides,
 * so each scale is set in turn, given the others, until none moves: sqrt(reach of the first / reach of the second). */
#include <math.h>
#include <string.h>

#include "passes/quant_impl.h"

/* Along which axis of a weight its scale goes; where that has more entries than the axis, in groups along axis 0. */
typedef struct side {
  uint32_t scale; /* GRAFT_NONE: this side has none */
  int64_t axis, groups;
} side;

enum { DIVIDED, MULTIPLIED, SIDES };

/* A weight seen as a matrix of its first two axes: the largest |element| of each entry. */
typedef struct weight {
  graft_tensor tensor;
  int64_t rows, columns;
  float *reach;
  side sides[SIDES];
} weight;

typedef struct scale {
  graft_tensor tensor;
  int64_t channels;
  double *value, *first, *second; /* and how far the two weights reach without it */
  uint32_t weights[SIDES];
} scale;

typedef struct balance {
  gr_pass *pass;
  graft_graph *g;
  graft_module *m;
  gr_arena arena;
  GR_VEC(weight) weights;
  GR_VEC(scale) scales;
  graft_tensor before;        /* tensors that the rule made come after */
  gr_map weight_of, scale_of; /* tensor -> its number */
} balance;

static int64_t channel(const weight *w, const side *s, int64_t row, int64_t column) {
  return s->axis == 0 ? row : row / (w->rows / s->groups) * w->columns + column;
}

/* ---- the scales that the rule put in, and the weights that they stand between ---- */

static bool is_op(const graft_graph *g, graft_node n, uint32_t op) {
  return n != GRAFT_NONE && gr_node_at(g, n)->op == op;
}

/* The tensor that a weight is made from: what is in the middle of a chain is multiplied before it is divided. */
static graft_tensor weight_below(const balance *b, graft_value v) {
  const graft_node maker = gr_value_node(b->g, v);
  return gr_value_tensor(b->g, is_op(b->g, maker, GR_OP_mul) ? gr_operand(b->g, maker, 0) : v);
}

static graft_status add_weight(balance *b, graft_tensor t, uint32_t *number) {
  *number = gr_map_get(&b->weight_of, t);
  if (*number != GRAFT_NONE) return GRAFT_OK;
  const graft_type type = *gr_tensor_type(b->m, t);
  const float *data = graft_tensor_get_data(b->m, t);
  weight w = {.tensor = t, .rows = type.dims[0], .columns = type.dims[1]};
  const int64_t entries = w.rows * w.columns, each = entries ? graft_type_elements(&type) / entries : 0;
  w.sides[DIVIDED].scale = w.sides[MULTIPLIED].scale = GRAFT_NONE;
  w.reach = gr_arena_alloc(&b->arena, ((size_t)entries + 1) * sizeof *w.reach);
  if (!data || !w.reach) return GRAFT_NO_MEMORY;
  for (int64_t i = 0; i < entries; i++) {
    float most = 0.0f;
    for (int64_t k = i * each; k < (i + 1) * each; k++) most = fabsf(data[k]) > most ? fabsf(data[k]) : most;
    w.reach[i] = most;
  }
  *number = b->weights.len;
  graft_context *c = b->pass->context;
  return gr_map_put(c, &b->weight_of, t, *number) && gr_vec_push(c, &b->weights, w) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static graft_status add_scale(balance *b, graft_tensor t, uint32_t *number) {
  *number = gr_map_get(&b->scale_of, t);
  if (*number != GRAFT_NONE) return GRAFT_OK;
  scale s = {.tensor = t, .channels = gr_tensor_type(b->m, t)->dims[0], .weights = {GRAFT_NONE, GRAFT_NONE}};
  s.value = gr_arena_alloc(&b->arena, 3 * (size_t)s.channels * sizeof *s.value);
  if (!s.value) return GRAFT_NO_MEMORY;
  s.first = s.value + s.channels;
  s.second = s.first + s.channels;
  for (int64_t i = 0; i < s.channels; i++) s.value[i] = 1.0;
  *number = b->scales.len;
  graft_context *c = b->pass->context;
  return gr_map_put(c, &b->scale_of, t, *number) && gr_vec_push(c, &b->scales, s) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* A `channel` node of the rule's: what reads it divides or multiplies a weight by the scale. */
static graft_status add_side(balance *b, graft_node n) {
  const graft_graph *g = b->g;
  const graft_tensor t = gr_value_tensor(g, gr_operand(g, n, 0));
  const graft_tensor w = weight_below(b, gr_operand(g, n, 1));
  const graft_value v = gr_result(g, n, 0);
  if (t == GRAFT_NONE || t < b->before || w == GRAFT_NONE || !gr_one_use(g, v)) return GRAFT_OK;
  uint32_t number, middle;
  graft_status s = add_weight(b, w, &number);
  if (!s) s = add_scale(b, t, &middle);
  if (s) return s;
  const int which = is_op(g, gr_use_at(g, gr_value_at(g, v)->first_use)->user, GR_OP_div) ? DIVIDED : MULTIPLIED;
  const uint32_t set = gr_attrs_of(g, n);
  b->scales.data[middle].weights[which] = number;
  b->weights.data[number].sides[which] = (side){.scale = middle,
                                                .axis = gr_attr_int(b->m, set, GR_ATTR(channel, axis)),
                                                .groups = gr_attr_int(b->m, set, GR_ATTR(channel, groups))};
  return GRAFT_OK;
}

/* ---- choosing them ---- */

/* How far the weight reaches in each channel of one side, the other side's scale applied. */
static void reach(const balance *b, const weight *w, int which, double *out) {
  const side *own = &w->sides[which], *other = &w->sides[!which];
  const double *by = other->scale == GRAFT_NONE ? NULL : b->scales.data[other->scale].value;
  for (int64_t r = 0; r < w->rows; r++)
    for (int64_t c = 0; c < w->columns; c++) {
      const double k = by ? by[channel(w, other, r, c)] : 1.0, most = (double)w->reach[r * w->columns + c];
      const double now = which == DIVIDED ? most * k : most / k;
      double *of = &out[channel(w, own, r, c)];
      if (now > *of) *of = now;
    }
}

/* Sets the scale, given the others; the largest change of an exponent of e. A channel that a weight does not use
 * keeps 1.
 */
static double settle(const balance *b, scale *s) {
  double most = 0.0;
  memset(s->first, 0, 2 * (size_t)s->channels * sizeof *s->first);
  reach(b, &b->weights.data[s->weights[DIVIDED]], DIVIDED, s->first);
  reach(b, &b->weights.data[s->weights[MULTIPLIED]], MULTIPLIED, s->second);
  for (int64_t i = 0; i < s->channels; i++) {
    const double now = s->first[i] > 0.0 && s->second[i] > 0.0 ? sqrt(s->first[i] / s->second[i]) : 1.0;
    if (!isfinite(now) || now < 1e-18 || now > 1e18) continue; /* NaN, infinity: convert names the weight */
    most = fmax(most, fabs(log(now / s->value[i])));
    s->value[i] = now;
  }
  return most;
}

static graft_status store(const balance *b, const scale *s) {
  float *data = (float *)s->first; /* no longer needed */
  for (int64_t i = 0; i < s->channels; i++) data[i] = (float)s->value[i];
  return graft_tensor_set_data(b->m, s->tensor, data);
}

static graft_status solve(balance *b) {
  const int64_t most = gr_option_int(b->pass, "iterations");
  const double enough = 1e-4;
  double moved = b->scales.len ? 1.0 : 0.0;
  graft_status s = GRAFT_OK;
  for (int64_t i = 0; i < most && moved > enough; i++) {
    moved = 0.0;
    for (uint32_t k = 0; k < b->scales.len; k++) moved = fmax(moved, settle(b, &b->scales.data[k]));
    gr_count(b->pass, "iterations", 1);
  }
  if (moved > enough)
    gr_warning(b->pass->context, GRAFT_PASS, gr_option_loc(b->pass, "iterations"),
               "after %lld iterations a scale still moves by %.2g %%: with iterations=… there are more",
               (long long)most, 100.0 * moved);
  for (uint32_t k = 0; k < b->scales.len && !s; k++) s = store(b, &b->scales.data[k]);
  return s;
}

/* ---- what is left alone ---- */

/* Has the rule divided what the layer makes? */
static bool is_first_of_pair(const balance *b, graft_node layer) {
  const graft_value w = gr_operand(b->g, layer, GR_OPERAND(conv2d, weight));
  const graft_node maker = w == GRAFT_NONE ? GRAFT_NONE : gr_value_node(b->g, w);
  if (!is_op(b->g, maker, GR_OP_div)) return false;
  const graft_node by = gr_value_node(b->g, gr_operand(b->g, maker, 1));
  const graft_tensor t = is_op(b->g, by, GR_OP_channel) ? gr_value_tensor(b->g, gr_operand(b->g, by, 0)) : GRAFT_NONE;
  return t != GRAFT_NONE && gr_map_get(&b->scale_of, t) != GRAFT_NONE;
}

/* Goes through what keeps channels apart, to what stops it. */
static const char *why_alone(const graft_graph *g, graft_node layer, graft_node *stop) {
  graft_value v = gr_result(g, layer, 0);
  for (bool direct = true;; direct = false) {
    const uint32_t first = gr_value_at(g, v)->first_use;
    const uint32_t user = first == GRAFT_NONE ? GR_USER_OUTPUT : gr_use_at(g, first)->user;
    if (!gr_one_use(g, v)) return "left alone: read more than once";
    if (!gr_user_is_node(user)) return "left alone: a result of the graph";
    *stop = user;
    const uint32_t families = gr_node_families(g, user);
    if (direct && (families & (GR_F_CONV | GR_F_LINEAR)))
      return "left alone: a weight that is shared, computed, annotated or not of f32";
    if (!(families & (GR_F_ELEMENTWISE | GR_F_POOL)) || gr_node_at(g, user)->operand_count != 1)
      return "left alone: what stands before the next layer";
    v = gr_result(g, user, 0);
  }
}

static void say_why(const balance *b, graft_node layer, gr_notice *norms) {
  graft_node stop = GRAFT_NONE;
  char name[200];
  gr_count(b->pass, why_alone(b->g, layer, &stop), 1);
  if (!is_op(b->g, stop, GR_OP_batch_norm)) return;
  graft_node_name(b->g, layer, name, sizeof name);
  gr_notice_add(norms, name, "", 0);
}

/* ---- a graph ---- */

static graft_status equalize(balance *b, gr_notice *norms) {
  const graft_graph *g = b->g;
  graft_status s = GRAFT_OK;
  for (graft_node n = g->first; n != GRAFT_NONE && !s; n = gr_node_at(g, n)->next)
    if (is_op(g, n, GR_OP_channel)) s = add_side(b, n);
  if (!s) s = solve(b);
  gr_count(b->pass, "pairs equalized", b->scales.len);
  for (graft_node n = g->first; n != GRAFT_NONE && !s; n = gr_node_at(g, n)->next)
    if ((gr_node_families(g, n) & (GR_F_CONV | GR_F_LINEAR)) && !is_first_of_pair(b, n)) say_why(b, n, norms);
  return s;
}

/* The scales themselves, once they are folded. */
static void erase_scales(graft_module *m, graft_tensor before) {
  for (graft_tensor t = before; t < m->tensors.len; t++)
    if (!m->tensors.data[t].erased && graft_tensor_get_kind(m, t) == GRAFT_BUFFER && !gr_tensor_is_read(m, t))
      gr_tensor_erase(m, t);
}

graft_status gr_pass_equalize(gr_pass *p) {
  graft_context *c = p->context;
  gr_notice norms = {0};
  const uint32_t before = p->module->tensors.len;
  graft_status s = gr_refuse_gradients(p);
  if (!s) s = gr_apply_rules(p, "equalize_pair", (gr_loc){0});
  for (uint32_t i = 0; i < p->module->graphs.len && !s; i++) {
    balance b = {.pass = p, .g = p->module->graphs.data[i], .m = p->module, .before = before};
    gr_arena_init(&b.arena, c);
    s = equalize(&b, &norms);
    gr_map_free(c, &b.weight_of);
    gr_map_free(c, &b.scale_of);
    gr_vec_free(c, &b.weights);
    gr_vec_free(c, &b.scales);
    gr_arena_free(&b.arena);
  }
  if (!s) s = gr_settle_rules(p, "equalize/fold");
  if (!s) erase_scales(p->module, before);
  gr_notice_warn(p, &norms, "not equalized, since a batch norm stands behind it (fold-conv-bn first)");
  return s;
}
