/* from_float: a part of a float graph, by name, becomes a QAT module in its place. What observes it already may hand
 * its ranges on. */
#include <string.h>

#include "passes/modules_impl.h"
#include "passes/quant_impl.h"

/* A range that was observed: least values, then largest, one each for each channel. */
typedef struct range {
  int64_t channels; /* 0: none */
  float *data;      /* in the arena */
} range;

typedef struct part {
  graft_graph *g;
  graft_module *m;
  graft_context *c;
  const char *name;
  gr_arena text;
  uint8_t *named; /* by node: has the name */
  uint32_t node_count;
  range weight, output;
} part;

static graft_status refuse(const part *p, const char *why) {
  return gr_error(p->c, GRAFT_INVALID_ARGUMENT, gr_named_loc(p->name), "%s", why);
}

static bool is_layer(const graft_graph *g, graft_node n) { return gr_node_families(g, n) & (GR_F_CONV | GR_F_LINEAR); }

static graft_node maker(const graft_graph *g, graft_node n, uint32_t slot) {
  const graft_value v = gr_operand(g, n, slot);
  return v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
}

/* ---- the part ---- */

static graft_status find_nodes(part *p) {
  graft_graph *g = p->g;
  gr_selector s;
  p->node_count = g->nodes.len;
  p->named = gr_calloc(p->c, (size_t)p->node_count + 1, 1);
  if (!p->named || !gr_selector_init(&s, p->m, p->name)) return GRAFT_NO_MEMORY;
  graft_status status = GRAFT_OK;
  for (graft_node n = g->first; n != GRAFT_NONE && !status; n = gr_node_at(g, n)->next) {
    const uint32_t found = gr_selector_find(&s, g, n);
    if (found == GRAFT_NONE) status = GRAFT_NO_MEMORY;
    p->named[n] = found == 1;
  }
  gr_selector_free(&s);
  return status;
}

static graft_status find_layer(const part *p, graft_node *layer) {
  const graft_graph *g = p->g;
  uint32_t count = 0;
  *layer = GRAFT_NONE;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    if (!p->named[n] || !is_layer(g, n)) continue;
    if (count++ == 0) *layer = n;
    if (gr_is_marked(g, n, GR_MARK_TRAINING_FORM))
      return refuse(p, "from_float only works for float modules; this one trains already");
  }
  if (count == 1) return GRAFT_OK;
  if (count == 0) return refuse(p, "no convolution or linear is called so or stands below it");
  return gr_error(p->c, GRAFT_INVALID_ARGUMENT, gr_named_loc(p->name), "a module has one layer; %u are below this name",
                  count);
}

/* The last value of the part, going from the layer from one reader to the next. */
static graft_value output_of(const part *p, graft_node layer) {
  const graft_graph *g = p->g;
  graft_value y = gr_result(g, layer, 0);
  while (gr_quantized_value(g, y) == y && gr_one_use(g, y)) {
    const uint32_t user = gr_use_at(g, gr_value_at(g, y)->first_use)->user;
    if (!gr_user_is_node(user) || user >= p->node_count || !p->named[user] || gr_result(g, user, 0) == GRAFT_NONE)
      break;
    y = gr_result(g, user, 0);
  }
  return y;
}

/* ---- ranges that are handed on ---- */

/* The tensor that holds what the fake-quant's scale is made of, where that is an observer of its own. */
static graft_tensor state_of(const graft_graph *g, graft_node fake_quantize) {
  const graft_node qparams = maker(g, fake_quantize, 1);
  if (!(gr_node_families(g, qparams) & GR_F_QPARAMS)) return GRAFT_NONE;
  const graft_node observe = maker(g, qparams, 0);
  const graft_value state =
      (gr_node_families(g, observe) & GR_F_OBSERVE) ? gr_operand(g, observe, 1) : gr_operand(g, qparams, 0);
  return state == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, state);
}

static int64_t channels_of(const graft_type *state) { return state->rank == 2 ? state->dims[1] : 1; }

static graft_status keep(part *p, graft_node fake_quantize, range *out) {
  const graft_tensor t = state_of(p->g, fake_quantize);
  if (t == GRAFT_NONE) return refuse(p, "a fake-quant of this module has no observer of its own");
  const float *state = graft_tensor_get_data(p->m, t);
  out->channels = channels_of(gr_tensor_type(p->m, t));
  const size_t size = 2 * (size_t)out->channels * sizeof *out->data;
  out->data = gr_arena_alloc(&p->text, size);
  if (!state || !out->data) return GRAFT_NO_MEMORY;
  memcpy(out->data, state, size);
  return GRAFT_OK;
}

/* Nothing but updates of state reads it. */
static bool is_idle(const graft_graph *g, graft_value v) {
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next)
    if ((gr_use_at(g, u)->user & GR_USER_UPDATE) != GR_USER_UPDATE) return false;
  return true;
}

static void erase_idle(graft_graph *g, graft_node n) {
  if (n == GRAFT_NONE) return;
  for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++)
    if (gr_result(g, n, i) != GRAFT_NONE && !is_idle(g, gr_result(g, n, i))) return;
  for (uint32_t u = 0; u < g->updates.len; u++)
    if (g->updates.data[u].tensor != GRAFT_NONE && gr_value_node(g, gr_use_at(g, g->updates.data[u].use)->value) == n)
      gr_update_erase(g, u);
  gr_node_erase(g, n);
}

/* The place goes: what read it reads the value itself. */
static graft_status take_place(part *p, graft_node fake_quantize, range *out) {
  graft_graph *g = p->g;
  const graft_status s = keep(p, fake_quantize, out);
  if (s) return s;
  const graft_node qparams = maker(g, fake_quantize, 1), observe = maker(g, qparams, 0);
  gr_replace_uses(g, gr_result(g, fake_quantize, 0), gr_operand(g, fake_quantize, 0));
  gr_node_erase(g, fake_quantize);
  erase_idle(g, qparams);
  if (gr_node_families(g, observe) & GR_F_OBSERVE) erase_idle(g, observe);
  return GRAFT_OK;
}

/* What an earlier round said of the part's nodes is said anew. */
static graft_status forget_specs(const part *p) {
  graft_graph *g = p->g;
  graft_status s = GRAFT_OK;
  for (graft_node n = g->first; n != GRAFT_NONE && !s; n = gr_node_at(g, n)->next) {
    const gr_node node = *gr_node_at(g, n);
    if (!p->named[n] || gr_is_marked(g, n, GR_MARK_INSERTED)) continue;
    for (uint32_t use = node.first_use; use < node.first_use + node.operand_count && !s; use++)
      if (gr_spec_of_use(g, use)) s = gr_spec_set_use(g, use, 0);
    for (uint32_t i = 0; i < node.result_count && !s; i++)
      if (gr_result(g, n, i) != GRAFT_NONE && gr_spec_of_value(g, gr_result(g, n, i)))
        s = gr_spec_set_value(g, gr_result(g, n, i), 0);
  }
  return s;
}

static graft_status take_places(part *p, graft_node layer, bool precomputed) {
  const graft_graph *g = p->g;
  const graft_node weight = maker(g, layer, 1);
  const graft_value y = output_of(p, layer), after = gr_quantized_value(g, y);
  const bool has_weight = gr_node_families(g, weight) & GR_F_FAKE_QUANTIZE;
  if (!precomputed)
    return has_weight || after != y
               ? refuse(p,
                        "this module is observed or fake-quantized already: use_precomputed_fake_quant takes that over")
               : GRAFT_OK;
  if (!has_weight && after == y) return refuse(p, "there is no observer or fake-quant whose range could be taken over");
  graft_status s = has_weight ? take_place(p, weight, &p->weight) : GRAFT_OK;
  if (!s && after != y) s = take_place(p, gr_value_node(g, after), &p->output);
  return s ? s : forget_specs(p);
}

/* The new place begins with the range. */
static graft_status give(const part *p, graft_node fake_quantize, const range *from, const char *what) {
  const graft_tensor t =
      (gr_node_families(p->g, fake_quantize) & GR_F_FAKE_QUANTIZE) ? state_of(p->g, fake_quantize) : GRAFT_NONE;
  if (!from->channels) return GRAFT_OK;
  if (t == GRAFT_NONE)
    return gr_error(p->c, GRAFT_PASS, gr_named_loc(p->name),
                    "the quantizer observes no %s that a range could be given to", what);
  const graft_type *type = gr_tensor_type(p->m, t);
  if (channels_of(type) != from->channels || graft_type_elements(type) != 2 * from->channels)
    return gr_error(p->c, GRAFT_PASS, gr_named_loc(p->name),
                    "the %s was observed in %lld ranges, and the quantizer's observer is another", what,
                    (long long)from->channels);
  return graft_tensor_set_data(p->m, t, from->data);
}

static graft_status give_ranges(const part *p, graft_value y) {
  const graft_graph *g = p->g;
  graft_status s = GRAFT_OK;
  if (p->weight.channels) {
    graft_node weight = GRAFT_NONE;
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next)
      if (is_layer(g, n) && (n >= p->node_count || p->named[n]) &&
          (gr_node_families(g, maker(g, n, 1)) & GR_F_FAKE_QUANTIZE) && maker(g, n, 1) >= p->node_count)
        weight = maker(g, n, 1);
    s = give(p, weight, &p->weight, "weight");
  }
  return s ? s : give(p, gr_value_node(g, gr_quantized_value(g, y)), &p->output, "output");
}

static graft_status convert(part *p, const graft_qconfig *given, bool precomputed) {
  graft_qconfig q;
  graft_node layer;
  graft_status s = !p->name || !p->name[0] || strpbrk(p->name, ",\"\\\n") ? refuse(p, "this is no module's name")
                                                                          : gr_qconfig_take(p->c, p->name, given, &q);
  if (!s) s = find_nodes(p);
  if (!s) s = find_layer(p, &layer);
  if (!s) s = take_places(p, layer, precomputed);
  if (s) return s;
  const graft_value y = output_of(p, layer);
  s = gr_qat_prepare(p->g, &p->text, p->name, layer, &q);
  return s || !precomputed ? s : give_ranges(p, y);
}

graft_status graft_qat_from_float(graft_graph *g, const char *name, const graft_qconfig *qconfig,
                                  bool use_precomputed_fake_quant) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  part p = {.g = g, .m = g->module, .c = g->module->context, .name = name};
  const uint32_t errors = gr_error_count(p.c);
  gr_edit edit = gr_edit_begin(p.m);
  gr_arena_init(&p.text, p.c);
  graft_status s = convert(&p, qconfig, use_precomputed_fake_quant);
  s = gr_outcome(p.c, errors, s);
  if (p.named) gr_free(p.c, p.named, (size_t)p.node_count + 1);
  gr_arena_free(&p.text);
  return gr_edit_end(p.m, edit, s);
}
