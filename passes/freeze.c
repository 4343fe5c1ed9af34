/* The first step of convert: observers stop. Each is replaced by the state it has in its buffer. A state that no step
 * has set yet but that watches only tensors (a weight's) is computed now; one that watches an activation stays unset,
 * which gives scale 1 and zero point 0, and a warning names the activation. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "passes/passes_impl.h"
#include "passes/quant_impl.h"
#include "runtime/quant_int.h"

/* Scaled weights are needed one after the other: their memory is used again. */
enum { FORGET_ABOVE = 1 << 20 };

typedef struct new_state {
  graft_tensor tensor;
  gr_buffer *buffer;
} new_state;

typedef struct freezer {
  gr_pass *pass;
  graft_graph *graph;
  gr_cones *cones;
  graft_tensor *root; /* by node: the buffer that an observer's chain of states starts from; GRAFT_NONE: no observer */
  uint32_t root_count;
  const uint8_t *only; /* by tensor: the states that are meant; NULL: all */
  bool again;          /* observers of weights run once more, whatever they have seen */
  GR_VEC(graft_node) observers;
  GR_VEC(new_state) states; /* of observers that ran now, */
  gr_map state_of;          /* and by tensor which of them */
  gr_notice *unseen;        /* places that nothing was observed at */
} freezer;

typedef enum state_kind { SET, UNSET, SPOILT } state_kind;

/* (min…, max…) or (min, max, bins…) that no step has set has its first minimum above its first maximum; a channel that
 * has seen no finite number is NaN. */
static state_kind kind_of(const graft_type *type, const float *data) {
  int64_t n = graft_type_elements(type), channels = type->rank > 1 ? n / 2 : 1;
  if (type->dtype != GRAFT_F32 || n < 2) return SET;
  for (int64_t i = 0; i < channels; i++)
    if (isnan(data[i]) || isnan(data[channels + i])) return SPOILT;
  return data[0] <= data[channels] ? SET : UNSET;
}

static graft_status spoilt(const freezer *f, graft_node n) {
  char name[256];
  gr_notice_name(f->graph, gr_operand(f->graph, n, 0), name, sizeof name);
  return gr_error(f->pass->context, GRAFT_PASS, gr_node_loc(f->graph, n),
                  "the observer of '%s' has seen no finite number, only NaN or infinity", name);
}

static graft_tensor root_of(const freezer *f, graft_value state) {
  graft_tensor t = state == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(f->graph, state);
  graft_node n = state == GRAFT_NONE ? GRAFT_NONE : gr_value_node(f->graph, state);
  return n != GRAFT_NONE && n < f->root_count ? f->root[n] : t;
}

static graft_status find_observers(freezer *f) {
  graft_graph *g = f->graph;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_op_info *info = gr_info(g, n);
    if (!info || !(info->families & GR_F_OBSERVE)) continue;
    f->root[n] = root_of(f, gr_operand(g, n, 1));
    if (f->only && f->root[n] != GRAFT_NONE && !f->only[f->root[n]]) continue;
    if (f->root[n] != GRAFT_NONE && !gr_vec_push(f->pass->context, &f->observers, n)) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

/* One observer whose buffer is unset, or any where they run again: the state after it, when tensors alone give it. */
static graft_status run_observer(freezer *f, graft_node n) {
  graft_graph *g = f->graph;
  graft_context *c = f->pass->context;
  graft_tensor t = f->root[n];
  const graft_type *type = gr_tensor_type(g->module, t);
  const float *data = graft_tensor_get_data(g->module, t);
  if (!data) return GRAFT_NO_MEMORY;
  state_kind kind = kind_of(type, data);
  if (kind == SPOILT) return spoilt(f, n);
  const bool known = gr_cones_is_const(f->cones, gr_result(g, n, 0));
  if (kind == SET && !(f->again && known)) return GRAFT_OK;
  if (!known) {
    char name[256];
    gr_notice_name(g, gr_operand(g, n, 0), name, sizeof name);
    gr_notice_add(f->unseen, name, "", 0.0);
    gr_count(f->pass, "never observed", 1);
    return GRAFT_OK;
  }
  gr_array state;
  if (!gr_cones_value(f->cones, gr_result(g, n, 0), &state)) return GRAFT_PASS;
  if (kind_of(&state.type, state.data) == SPOILT) return spoilt(f, n);
  size_t size = gr_tensor_bytes(g->module, t);
  gr_buffer *copy = gr_buffer_alloc(c, size);
  if (!copy) return GRAFT_NO_MEMORY;
  memcpy(copy->data, state.data, size);
  gr_cones_forget(f->cones, FORGET_ABOVE);
  const uint32_t before = gr_map_get(&f->state_of, t);
  if (before != GRAFT_NONE) {
    gr_buffer_release(c, f->states.data[before].buffer);
    f->states.data[before].buffer = copy;
    return GRAFT_OK;
  }
  gr_count(f->pass, "weights observed", 1);
  if (gr_map_put(c, &f->state_of, t, f->states.len) && gr_vec_push(c, &f->states, ((new_state){t, copy})))
    return GRAFT_OK;
  gr_buffer_release(c, copy);
  return GRAFT_NO_MEMORY;
}

/* States are written only after the last observer has run: values that were computed borrow from the buffers. */
static graft_status run_observers(freezer *f) {
  graft_module *m = f->graph->module;
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; !s && i < f->observers.len; i++) s = run_observer(f, f->observers.data[i]);
  gr_cones_destroy(f->cones);
  f->cones = NULL;
  for (uint32_t i = 0; i < f->states.len; i++) {
    if (s)
      gr_buffer_release(f->pass->context, f->states.data[i].buffer);
    else
      gr_tensor_set_buffer(m, f->states.data[i].tensor, f->states.data[i].buffer, 0);
  }
  return s;
}

static bool is_unset(graft_module *m, graft_tensor t) {
  const float *data = graft_tensor_get_data(m, t);
  return !data || kind_of(gr_tensor_type(m, t), data) == UNSET;
}

static graft_status erase_observers(freezer *f) {
  graft_graph *g = f->graph;
  for (uint32_t i = f->observers.len; i-- > 0;) {
    graft_node n = f->observers.data[i];
    if (f->only && is_unset(g->module, f->root[n])) continue;
    graft_value handle = gr_handle(g, f->root[n]);
    if (handle == GRAFT_NONE) return GRAFT_NO_MEMORY;
    gr_replace_uses(g, gr_result(g, n, 0), handle);
    gr_node_erase(g, n);
    gr_count(f->pass, "observers frozen", 1);
  }
  return GRAFT_OK;
}

static graft_status freeze(gr_pass *p, graft_graph *g, const uint8_t *only, bool again, gr_notice *unseen) {
  freezer f = {.pass = p, .graph = g, .root_count = g->nodes.len, .only = only, .again = again, .unseen = unseen};
  size_t size = ((size_t)f.root_count + 1) * sizeof *f.root;
  void *user;
  gr_evaluator evaluator = gr_pass_evaluator(p, &user);
  f.root = gr_alloc(p->context, size);
  f.cones = gr_cones_create(g, evaluator, user);
  graft_status s = f.root && f.cones ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (!s) {
    memset(f.root, 0xFF, size); /* GRAFT_NONE */
    s = find_observers(&f);
  }
  if (!s) s = run_observers(&f);
  if (!s) s = erase_observers(&f);
  gr_cones_destroy(f.cones);
  gr_vec_free(p->context, &f.observers);
  gr_vec_free(p->context, &f.states);
  gr_map_free(p->context, &f.state_of);
  gr_free(p->context, f.root, size);
  return s;
}

graft_status gr_freeze_observers(gr_pass *p, graft_graph *g, const uint8_t *only, gr_notice *unseen) {
  return freeze(p, g, only, false, unseen);
}

graft_status gr_pass_freeze_observers(gr_pass *p) {
  graft_status s = GRAFT_OK;
  const bool again = gr_option_bool(p, "observe-weights");
  gr_notice unseen = {0};
  for (uint32_t i = 0; !s && i < p->module->graphs.len; i++)
    s = freeze(p, p->module->graphs.data[i], NULL, again, &unseen);
  if (!s) gr_notice_warn(p, &unseen, "never observed, so that the scale is 1 and the zero point 0");
  return s;
}

/* ---- freeze-qparams -------------------------------------------------------------------------------------------------
 */

static bool is_constant(const graft_graph *g, graft_value v) {
  graft_tensor t = gr_value_tensor(g, v);
  return t != GRAFT_NONE && g->module->tensors.data[t].kind == GRAFT_CONSTANT;
}

/* A scale or zero point that tensors alone give, a learnable one too, becomes a constant; equal ones are one. `made` is
 * by value. */
static graft_status freeze_operand(gr_pass *p, graft_graph *g, gr_cones *cones, uint32_t use, graft_tensor *made) {
  graft_value v = gr_use_at(g, use)->value;
  if (v == GRAFT_NONE || is_constant(g, v) || !gr_cones_is_const(cones, v)) return GRAFT_OK;
  if (made[v] == GRAFT_NONE) {
    gr_array data;
    char name[256];
    if (!gr_cones_value(cones, v, &data)) return GRAFT_PASS;
    graft_value_name(g, v, name, sizeof name);
    made[v] = gr_constant(g->module, name, &data.type, data.data);
    if (made[v] == GRAFT_NONE) return GRAFT_NO_MEMORY;
    gr_count(p, "parameters frozen", 1);
  }
  graft_value handle = gr_handle(g, made[v]);
  return handle == GRAFT_NONE ? GRAFT_NO_MEMORY : gr_use_set(g, use, handle);
}

/* ---- scales that are clamped from below ---- */

typedef struct scale_notes {
  gr_notice scales;  /* by how much too large */
  gr_notice weights; /* by the share of their elements that became 0 */
  gr_notice lost;    /* the same, where the scale is given or was learned */
  gr_notice masked;  /* by the magnitude of the constant that sets the range */
} scale_notes;

enum { CLAMPED = 2 }; /* so many times too large; formulas differ by less in how they round the range */

typedef struct asked {
  double steps;
  bool symmetric;
} asked;

static asked asked_of(const graft_graph *g, graft_node qparams) {
  const graft_module *m = g->module;
  const uint32_t attrs = gr_attrs_of(g, qparams);
  const int64_t steps =
      gr_attr_int(m, attrs, GR_ATTR(qparams, quant_max)) - gr_attr_int(m, attrs, GR_ATTR(qparams, quant_min));
  return (asked){(double)steps / (gr_attr_bool(m, attrs, GR_ATTR(qparams, reduce_range)) ? 2 : 1),
                 gr_is_symmetric(gr_attr_int(m, attrs, GR_ATTR(qparams, scheme)))};
}

/* How many times larger than the range asks for the scale is; 1 where it is not CLAMPED. */
static double excess_of(const asked *a, float low, float high, float scale) {
  const double down = low < 0 ? -(double)low : 0, up = high > 0 ? (double)high : 0;
  const double exact = (a->symmetric ? 2 * (down > up ? down : up) : down + up) / a->steps;
  const bool excessive = low <= high && exact > 0 && isfinite(exact) && (double)scale >= CLAMPED * exact;
  return excessive ? (double)scale / exact : 1.0;
}

/* The most of it. Hardly any scale is CLAMPED: first a loop that the compiler makes vectors of asks whether one may be.
 */
static double most_excess(const asked *a, const float *low, const float *high, const float *scale, int64_t count) {
  const float least = (float)((a->symmetric ? 2 : 1) * 0.95 * CLAMPED / a->steps); /* the other half may be empty */
  int any = 0;
  for (int64_t i = 0; i < count; i++) {
    const float down = low[i] < 0 ? -low[i] : 0, up = high[i] > 0 ? high[i] : 0;
    any |= scale[i] > least * (down > up ? down : up);
  }
  double most = 1.0;
  for (int64_t i = 0; any && i < count; i++) {
    const double excess = excess_of(a, low[i], high[i], scale[i]);
    if (excess > most) most = excess;
  }
  return most;
}

/* Elements that are not 0 and become 0, in the channels whose scale is clamped. */
static uint64_t count_zeroed(const asked *a, const gr_array *x, gr_channels ch, const float *range,
                             const float *scales) {
  const float *data = x->data;
  const int64_t count = gr_channels_total(ch);
  uint64_t zeroed = 0;
  for (int64_t part = 0; part < ch.groups; part++)
    for (int64_t o = 0; o < ch.outer; o++)
      for (int64_t j = 0; j < ch.count; j++, data += ch.inner) {
        const int64_t c = part * ch.count + j;
        if (excess_of(a, range[c], range[count + c], scales[c]) < CLAMPED) continue;
        for (int64_t i = 0; i < ch.inner; i++) zeroed += data[i] != 0.0f && fabsf(data[i]) <= 0.5f * scales[c];
      }
  return zeroed;
}

/* False: the scales are not by these channels. */
static bool channels_of(const graft_graph *g, graft_node fake_quantize, const gr_array *x, int64_t scales,
                        gr_channels *ch) {
  const uint32_t attrs = gr_attrs_of(g, fake_quantize);
  *ch = gr_channels_whole(&x->type);
  if (x->type.dtype != GRAFT_F32) return false;
  if (scales > 1 && !gr_channels_make(&x->type, gr_attr_int(g->module, attrs, GR_ATTR(fake_quantize, axis)),
                                      gr_attr_int(g->module, attrs, GR_ATTR(fake_quantize, groups)), ch))
    return false;
  return gr_channels_total(*ch) == scales;
}

static void note_share(gr_notice *notice, const char *name, uint64_t zeroed, int64_t all) {
  char text[64];
  const double share = (double)zeroed / (double)all;
  if (!zeroed) return;
  (void)snprintf(text, sizeof text, "(%.4g%%)", 100.0 * share);
  gr_notice_add(notice, name, text, share);
}

/* A scale that no range was asked for: given, or learned. Where it rounds a whole channel of a weight to 0 it is none
 * that anybody meant. */
static graft_status look_at_given_scale(scale_notes *out, graft_graph *g, gr_cones *cones, graft_node n) {
  const graft_value x = gr_operand(g, n, 0), scale = gr_operand(g, n, 1);
  gr_array data, scales;
  gr_channels ch;
  char name[256];
  if (!gr_cones_is_const(cones, scale)) return GRAFT_OK;
  if (!gr_cones_value(cones, scale, &scales)) return GRAFT_PASS;
  if (scales.type.dtype != GRAFT_F32) return GRAFT_OK;
  const int64_t count = graft_type_elements(&scales.type);
  const float *s = scales.data;
  gr_notice_name(g, x, name, sizeof name);
  for (int64_t i = 0; i < count; i++)
    if (!(s[i] > 0.0f) || !isfinite(s[i]))
      return gr_error(g->module->context, GRAFT_PASS, gr_node_loc(g, n), "'%s' cannot be quantized by the scale %g",
                      name, (double)s[i]);
  if (!gr_cones_is_const(cones, x)) return GRAFT_OK;
  if (!gr_cones_value(cones, x, &data)) return GRAFT_PASS;
  if (!channels_of(g, n, &data, count, &ch)) return GRAFT_OK;
  float *range = gr_alloc(g->module->context, 2 * (size_t)count * sizeof *range);
  uint64_t zeroed = 0;
  if (!range) return GRAFT_NO_MEMORY;
  gr_range_f32(GR_ISA_PLAIN, data.data, ch, range, range + count);
  for (int64_t i = 0; i < count; i++) {
    const float most = fmaxf(fabsf(range[i]), fabsf(range[count + i]));
    if (most > 0 && most <= 0.5f * s[i]) zeroed += (uint64_t)(ch.outer * ch.inner);
  }
  gr_free(g->module->context, range, 2 * (size_t)count * sizeof *range);
  note_share(&out->lost, name, zeroed, graft_type_elements(&data.type));
  return GRAFT_OK;
}

/* `n`: a fake-quantizer whose scale, still computed, is about to become a constant. */
static graft_status look_at_scale(graft_graph *g, gr_cones *cones, graft_node n, scale_notes *out) {
  graft_module *m = g->module;
  const graft_value scale = gr_operand(g, n, 1), x = gr_operand(g, n, 0);
  graft_node maker = scale == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, scale);
  if (scale != GRAFT_NONE && maker == GRAFT_NONE) return look_at_given_scale(out, g, cones, n);
  if (maker == GRAFT_NONE || gr_node_at(g, maker)->op != GR_OP_qparams || !gr_cones_is_const(cones, scale))
    return GRAFT_OK;
  gr_array state, scales, data;
  if (!gr_cones_value(cones, gr_operand(g, maker, 0), &state) || !gr_cones_value(cones, scale, &scales))
    return GRAFT_PASS;
  const uint32_t attrs = gr_attrs_of(g, maker);
  const int64_t count = graft_type_elements(&scales.type),
                half = state.type.rank == 2 ? count : 1; /* (min…, max…), or (min, max, bins…) */
  const float *range = state.data, *s = scales.data;
  char name[256];
  if (graft_type_elements(&state.type) < 2 * half ||
      gr_attr_int(m, attrs, GR_ATTR(qparams, formula)) == GR_formula_power_of_two)
    return GRAFT_OK;
  if (half == 1 && range[0] <= range[1]) {
    graft_status status = gr_note_dominated(&out->masked, g, cones, x, (double)range[0], (double)range[1]);
    if (status) return status;
  }
  const asked a = asked_of(g, maker);
  const double most = most_excess(&a, range, range + half, s, count);
  if (most < CLAMPED) return GRAFT_OK;
  gr_notice_name(g, x, name, sizeof name);
  gr_notice_add(&out->scales, name, "", most);
  if (!gr_cones_is_const(cones, x)) return GRAFT_OK;
  if (!gr_cones_value(cones, x, &data)) return GRAFT_PASS;
  gr_channels ch;
  if (!channels_of(g, n, &data, count, &ch)) return GRAFT_OK;
  note_share(&out->weights, name, count_zeroed(&a, &data, ch, range, s), graft_type_elements(&data.type));
  return GRAFT_OK;
}

static graft_status freeze_node(gr_pass *p, graft_graph *g, gr_cones *cones, graft_node n, graft_tensor *made) {
  const gr_op_info *info = gr_info(g, n);
  graft_status s = GRAFT_OK;
  if (!info) return s;
  const gr_node node = *gr_node_at(g, n);
  for (uint32_t i = 0; !s && i < node.operand_count && i < info->operand_count; i++)
    if (info->operands[i].role == GR_QPARAM) s = freeze_operand(p, g, cones, node.first_use + i, made);
  return s;
}

static graft_status freeze_graph_qparams(gr_pass *p, graft_graph *g, scale_notes *c, gr_stored *known) {
  void *user;
  gr_evaluator evaluator = gr_pass_evaluator(p, &user);
  size_t size = ((size_t)g->values.len + 1) * sizeof(graft_tensor);
  graft_tensor *made = gr_alloc(p->context, size);
  gr_cones *cones = gr_cones_create(g, evaluator, user);
  graft_status s = made && cones ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (!s) memset(made, 0xFF, size);
  for (graft_node n = g->first; !s && n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_op_info *info = gr_info(g, n);
    const bool quantizes = info && (info->families & GR_F_FAKE_QUANTIZE);
    if (quantizes) s = gr_stored_look(known, g, cones, n);
    if (!s && quantizes) s = look_at_scale(g, cones, n, c);
    if (!s) s = freeze_node(p, g, cones, n, made);
  }
  gr_cones_destroy(cones);
  gr_free(p->context, made, size);
  return s;
}

/* A learned zero point that came to NaN is none. `any`: there is a learned one, which a rule rounds. */
static graft_status check_zero_points(gr_pass *p, graft_graph *g, bool *any) {
  graft_status s = GRAFT_OK;
  for (graft_node n = g->first; !s && n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_op_info *info = gr_info(g, n);
    if (!info || !(info->families & GR_F_FAKE_QUANTIZE)) continue;
    const graft_value v = gr_operand(g, n, GR_OPERAND(fake_quantize, zero_point));
    const graft_tensor t = gr_type_of(g, v)->dtype == GRAFT_F32 ? gr_value_tensor(g, v) : GRAFT_NONE;
    *any |= gr_type_of(g, v)->dtype == GRAFT_F32;
    const float *z = t == GRAFT_NONE ? NULL : graft_tensor_get_data(g->module, t);
    const int64_t count = z ? graft_type_elements(gr_tensor_type(g->module, t)) : 0;
    if (t != GRAFT_NONE && !z) return GRAFT_NO_MEMORY;
    for (int64_t i = 0; i < count && !s; i++) {
      char name[256];
      if (!isnan(z[i])) continue;
      gr_notice_name(g, gr_operand(g, n, 0), name, sizeof name);
      s = gr_error(p->context, GRAFT_PASS, gr_node_loc(g, n), "'%s' cannot be quantized by the zero point nan", name);
    }
  }
  return s;
}

graft_status gr_pass_freeze_qparams(gr_pass *p) {
  graft_status s = GRAFT_OK;
  bool learned = false;
  for (uint32_t i = 0; !s && i < p->module->graphs.len; i++)
    s = check_zero_points(p, p->module->graphs.data[i], &learned);
  if (!s && learned) s = gr_apply_rules(p, "convert/round_zero_point", (gr_loc){0});
  if (s) return s;
  if (strcmp(gr_option_string(p, "qparams"), "observer") == 0)
    s = gr_apply_rules(p, "qparams_by_observer", (gr_loc){0});
  scale_notes c = {0};
  gr_stored known = {.pass = p};
  for (uint32_t i = 0; !s && i < p->module->graphs.len; i++)
    s = freeze_graph_qparams(p, p->module->graphs.data[i], &c, &known);
  if (!s)
    gr_notice_warn(p, &c.scales, "scales at their least value, larger than the range asks for (eps=, weight-eps=)");
  if (!s) gr_stored_warn(&known);
  if (!s)
    gr_notice_warn(
        p, &c.masked,
        "a constant (a mask?) sets the range, so that all else shares a few steps (skip-name=, or a mask of -inf)");
  if (!s) gr_notice_warn(p, &c.weights, "elements became 0 since the scale is at its least value");
  if (!s)
    gr_notice_warn(p, &c.lost, "whole channels became 0 since the scale, given or learned, is too large for them");
  return s;
}
