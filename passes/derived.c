/* fit-derived: a constant whose parameters are derived from those of other edges (a bias in int32, of scale input scale
 * times weight scale) must fit its range. Where an element does not, the scale of the weight's channel is raised until
 * it does (per tensor the one scale), and everything that is derived from it follows; or the constant stays in float,
 * or it is an error. Runs between folding batch norms, which makes biases, and folding quantizes, which would clip. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "passes/passes_impl.h"
#include "runtime/quant_int.h"

typedef struct fitter {
  gr_pass *pass;
  graft_graph *g;
  graft_module *m;
  gr_cones *cones;
  uint64_t raised, floats;
  char worst[400]; /* of the one that is furthest out */
  double ratio;
} fitter;

/* A quantize and a dequantize behind it, by the value that an edge reads; nodes are GRAFT_NONE where it is no such
 * pair. */
typedef struct pair {
  graft_node q, dq;
} pair;

static pair pair_of(const graft_graph *g, graft_value v) {
  pair p = {GRAFT_NONE, GRAFT_NONE};
  graft_node dq = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
  const gr_op_info *op = dq == GRAFT_NONE ? NULL : gr_info(g, dq);
  if (!op || !(op->families & GR_F_DQ)) return p;
  p.dq = dq;
  graft_value i = gr_operand(g, dq, 0);
  graft_node q = i == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, i);
  op = q == GRAFT_NONE ? NULL : gr_info(g, q);
  if (op && (op->families & GR_F_Q)) p.q = q;
  return p;
}

static const void *constant(const fitter *f, graft_value v, int64_t *count) {
  graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(f->g, v);
  if (t == GRAFT_NONE) return NULL;
  *count = graft_type_elements(gr_tensor_type(f->m, t));
  return graft_tensor_get_data(f->m, t);
}

static graft_status set_constant(const fitter *f, pair p, uint32_t slot, const graft_type *type, const void *data) {
  char name[256];
  graft_value_name(f->g, gr_operand(f->g, p.q, slot), name, sizeof name);
  graft_tensor t = gr_constant(f->m, name, type, data);
  graft_value v = t == GRAFT_NONE ? GRAFT_NONE : gr_handle(f->g, t);
  if (v == GRAFT_NONE) return GRAFT_NO_MEMORY;
  graft_status s = gr_use_set(f->g, gr_node_at(f->g, p.q)->first_use + slot, v);
  return s ? s : gr_use_set(f->g, gr_node_at(f->g, p.dq)->first_use + slot, v);
}

/* ---- one derived edge ---- */

typedef struct edge {
  uint32_t use, weight_use;
  pair bias, weight;
  double others;  /* product of the scales per tensor */
  int64_t scales; /* of the weight */
  const float *weight_scale;
} edge;

/* False: not one of this kind (no constant, or scales that are not known): left alone. */
static bool read_edge(const fitter *f, uint32_t use, edge *e) {
  graft_graph *g = f->g;
  const uint32_t id = gr_spec_of_use(g, use);
  const gr_spec *spec = id ? gr_spec_get(f->m, id) : NULL;
  if (!spec || spec->kind != GR_SPEC_derived) return false;
  *e = (edge){.use = use, .bias = pair_of(g, gr_use_at(g, use)->value), .others = 1.0};
  if (e->bias.q == GRAFT_NONE || !gr_cones_is_const(f->cones, gr_operand(g, e->bias.q, 0))) return false;
  for (uint32_t i = 0; i < spec->ref_count; i++) {
    const gr_spec_ref ref = gr_spec_refs(f->m, id)[i];
    pair p = ref.is_value ? (pair){GRAFT_NONE, GRAFT_NONE} : pair_of(g, gr_use_at(g, ref.id)->value);
    int64_t n = 0;
    const float *scale = p.dq == GRAFT_NONE ? NULL : constant(f, gr_operand(g, p.dq, 1), &n);
    if (!scale) return false;
    if (p.q != GRAFT_NONE && !e->weight_scale && gr_cones_is_const(f->cones, gr_operand(g, p.q, 0))) {
      e->weight = p;
      e->weight_use = ref.id;
      e->weight_scale = scale;
      e->scales = n;
    } else if (n == 1) {
      e->others *= (double)scale[0];
    } else {
      return false;
    }
  }
  return e->weight_scale != NULL;
}

/* The least scale of the weight that lets the element in. */
static double least_scale(const fitter *f, const edge *e, double element) {
  const uint32_t attrs = gr_attrs_of(f->g, e->bias.q);
  const double low = (double)gr_attr_int(f->m, attrs, GR_ATTR(quantize_per_tensor, quant_min)),
               high = (double)gr_attr_int(f->m, attrs, GR_ATTR(quantize_per_tensor, quant_max));
  const double most = element < 0 ? -low : high;
  return most > 0 ? fabs(element) / most / e->others : 0.0;
}

/* New scales, and for an affine weight the zero points that go with them. */
static graft_status raise(fitter *f, const edge *e, float *scales) {
  graft_graph *g = f->g;
  const graft_type type = *gr_type_of(g, gr_operand(g, e->weight.q, 1));
  const uint32_t id = gr_spec_of_use(g, e->weight_use);
  const gr_spec *spec = id ? gr_spec_get(f->m, id) : NULL;
  const bool affine =
      spec && spec->kind == GR_SPEC_spec && !gr_is_symmetric(gr_attr_int(f->m, spec->attrs, GR_ATTR(spec, scheme)));
  graft_status s = GRAFT_OK;
  gr_array w;
  if (affine && !gr_cones_value(f->cones, gr_operand(g, e->weight.q, 0), &w)) return GRAFT_PASS;
  if (affine && w.type.dtype == GRAFT_F32) {
    const uint32_t attrs = gr_attrs_of(g, e->weight.q);
    const bool per_channel = gr_node_at(g, e->weight.q)->op == GR_OP_quantize_per_channel;
    gr_channels ch = gr_channels_whole(&w.type);
    if (per_channel && !gr_channels_make(&w.type, gr_attr_int(f->m, attrs, GR_ATTR(quantize_per_channel, axis)),
                                         gr_attr_int(f->m, attrs, GR_ATTR(quantize_per_channel, groups)), &ch))
      return GRAFT_OK;
    const double low = (double)gr_attr_int(f->m, attrs, GR_ATTR(quantize_per_tensor, quant_min)),
                 high = (double)gr_attr_int(f->m, attrs, GR_ATTR(quantize_per_tensor, quant_max));
    const size_t n = (size_t)e->scales;
    float *range = gr_alloc(f->pass->context, 2 * n * sizeof *range);
    int32_t *zero = gr_alloc(f->pass->context, n * sizeof *zero);
    int64_t zeros = 0;
    const int32_t *old = constant(f, gr_operand(g, e->weight.q, 2), &zeros);
    if (range && zero && old && zeros == e->scales && gr_channels_total(ch) == e->scales) {
      gr_range_f32(GR_ISA_PLAIN, w.data, ch, range, range + n);
      for (size_t i = 0; i < n; i++) {
        zero[i] = old[i];
        if (!(scales[i] > e->weight_scale[i])) continue;
        const double least = range[i] < 0.0f ? (double)range[i] : 0.0, z = low - rint(least / (double)scales[i]);
        zero[i] = (int32_t)(z < low ? low : z > high ? high : z);
      }
      graft_type of_zero = type;
      of_zero.dtype = GRAFT_I32;
      s = set_constant(f, e->weight, 2, &of_zero, zero);
    } else if (!range || !zero) {
      s = GRAFT_NO_MEMORY;
    }
    if (range) gr_free(f->pass->context, range, 2 * n * sizeof *range);
    if (zero) gr_free(f->pass->context, zero, n * sizeof *zero);
  }
  return s ? s : set_constant(f, e->weight, 1, &type, scales);
}

typedef enum how { SCALE, FLOAT, ERROR } how;

static graft_status fit(fitter *f, const edge *e, how mode) {
  graft_graph *g = f->g;
  graft_context *c = f->pass->context;
  gr_array b;
  char name[256];
  if (!gr_cones_value(f->cones, gr_operand(g, e->bias.q, 0), &b)) return GRAFT_PASS;
  const int64_t n = graft_type_elements(&b.type);
  if (b.type.dtype != GRAFT_F32 || e->scales < 1 || (e->scales != 1 && e->scales != n)) return GRAFT_OK;
  const size_t size = (size_t)e->scales * sizeof(float);
  float *scales = gr_alloc(c, size);
  if (!scales) return GRAFT_NO_MEMORY;
  memcpy(scales, e->weight_scale, size);
  bool out = false;
  graft_value_name(g, gr_operand(g, e->bias.q, 0), name, sizeof name);
  for (int64_t i = 0; i < n; i++) {
    const int64_t k = e->scales == 1 ? 0 : i;
    const double element = (double)((const float *)b.data)[i], least = least_scale(f, e, element),
                 old = (double)e->weight_scale[k];
    if (!isfinite(element) || !(least > (double)scales[k])) continue;
    out = true;
    scales[k] = (float)(least * (1.0 + 1e-6) < (double)FLT_MAX ? least * (1.0 + 1e-6) : (double)FLT_MAX);
    if (least / old <= f->ratio) continue;
    f->ratio = least / old;
    (void)snprintf(f->worst, sizeof f->worst, "'%.200s', element %lld: the weight's scale %.6g %s %.6g", name,
                   (long long)i, old, mode == SCALE ? "becomes" : "would have to be", (double)scales[k]);
  }
  graft_status s = GRAFT_OK;
  if (out && mode == ERROR)
    s = gr_error(c, GRAFT_PASS, gr_node_loc(g, e->bias.q), "it does not fit the range that is derived for it: %s",
                 f->worst);
  if (out && mode == FLOAT) {
    f->floats++;
    s = gr_use_set(g, e->use, gr_operand(g, e->bias.q, 0));
  }
  if (out && mode == SCALE) {
    f->raised++;
    s = raise(f, e, scales);
  }
  gr_free(c, scales, size);
  return s;
}

/* The scale that follows from the others as they are now. */
static graft_status follow(const fitter *f, const edge *e) {
  const graft_value now = gr_operand(f->g, e->bias.q, 1);
  const graft_type type = *gr_type_of(f->g, now);
  int64_t n = 0;
  const float *old = constant(f, now, &n);
  if (!old || n != e->scales) return GRAFT_OK;
  const size_t size = (size_t)n * sizeof(float);
  float *scales = gr_alloc(f->pass->context, size);
  if (!scales) return GRAFT_NO_MEMORY;
  for (int64_t i = 0; i < n; i++) scales[i] = (float)e->others * e->weight_scale[i];
  graft_status s = set_constant(f, e->bias, 1, &type, scales);
  gr_free(f->pass->context, scales, size);
  return s;
}

static graft_status each(fitter *f, how mode, bool following) {
  graft_graph *g = f->g;
  graft_status s = GRAFT_OK;
  for (graft_node n = g->first; !s && n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_node node = *gr_node_at(g, n);
    for (uint32_t use = node.first_use; !s && use < node.first_use + node.operand_count; use++) {
      edge e;
      if (!gr_spec_of_use(g, use) || !read_edge(f, use, &e)) continue;
      s = following ? follow(f, &e) : fit(f, &e, mode);
    }
  }
  return s;
}

static how mode_of(const gr_pass *p) {
  const char *word = gr_option_string(p, "bias-overflow");
  return strcmp(word, "float") == 0 ? FLOAT : strcmp(word, "error") == 0 ? ERROR : SCALE;
}

graft_status gr_pass_fit_derived(gr_pass *p) {
  const how mode = mode_of(p);
  graft_status s = GRAFT_OK;
  uint64_t raised = 0, floats = 0;
  fitter f = {.pass = p, .m = p->module};
  for (uint32_t i = 0; !s && i < p->module->graphs.len; i++) {
    void *user;
    gr_evaluator evaluator = gr_pass_evaluator(p, &user);
    f.g = p->module->graphs.data[i];
    if (!gr_has_specs(f.g)) continue;
    f.cones = gr_cones_create(f.g, evaluator, user);
    s = f.cones ? each(&f, mode, false) : GRAFT_NO_MEMORY;
    if (!s && f.raised > raised) s = each(&f, mode, true);
    raised = f.raised;
    floats = f.floats;
    gr_cones_destroy(f.cones);
  }
  if (raised) gr_count(p, "biases made to fit", raised);
  if (floats) gr_count(p, "biases left in float", floats);
  if (!s && raised + floats)
    gr_warning(p->context, GRAFT_PASS, gr_module_loc(p->module),
               "%llu of the biases do not fit the range that is derived for them%s (%s)",
               (unsigned long long)raised + (unsigned long long)floats,
               floats ? " and stay in float" : ", so that scales of weights are raised", f.worst);
  return s;
}
