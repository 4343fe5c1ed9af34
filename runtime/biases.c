/* A layer that is given the float network's inputs is off by what its quantized weight and inputs make of them. The
 * mean of that over places and steps, a number for each channel, is a bias that quantizing brought in. */
#include "runtime/biases_impl.h"

#include "ir/ir_int.h"
#include "runtime/numbers_int.h"

#include <math.h>

static bool is_layer(const graft_graph *g, graft_node n) {
  const gr_op_info *info = gr_info(g, n);
  return info && (info->families & (GR_F_CONV | GR_F_LINEAR));
}

/* Axis 1 of a convolution's result, the last one of a linear's. */
static int32_t channel_axis(const graft_graph *g, graft_node n, const graft_type *type) {
  return gr_info(g, n)->families & GR_F_LINEAR ? type->rank - 1 : 1;
}

graft_status gr_shifts_add(gr_shifts *s, const graft_node_done *done, const float *a) {
  const graft_graph *g = done->graph;
  const graft_type *type = &done->result_types[0];
  if (!is_layer(g, done->node) || !gr_is_float(type->dtype)) return GRAFT_OK;
  graft_context *c = g->module->context;
  if (!s->of) {
    s->nodes = g->nodes.len;
    s->of = gr_calloc(c, s->nodes + 1u, sizeof *s->of);
    if (!s->of) return GRAFT_NO_MEMORY;
  }
  const int32_t axis = channel_axis(g, done->node, type);
  int64_t inner = 1;
  for (int32_t i = axis + 1; i < type->rank; i++) inner *= type->dims[i];
  gr_shift *shift = &s->of[done->node];
  if (!shift->sum) {
    shift->channels = type->dims[axis];
    shift->sum = gr_calloc(c, (size_t)shift->channels + 1, sizeof *shift->sum);
    if (!shift->sum) return GRAFT_NO_MEMORY;
  }
  const int64_t count = graft_type_elements(type);
  double x[GR_BLOCK];
  for (int64_t from = 0; from < count; from += GR_BLOCK) {
    const int64_t n = count - from < GR_BLOCK ? count - from : GR_BLOCK;
    gr_elements(type->dtype, done->results[0], from, n, x);
    for (int64_t i = 0; i < n; i++) shift->sum[(from + i) / inner % shift->channels] += x[i] - (double)a[from + i];
  }
  if (count) shift->count += count / shift->channels;
  return GRAFT_OK;
}

/* Its bias, as floats of its own; GRAFT_NONE: it has none, or that is quantized or shared. */
static graft_tensor bias_of(const graft_graph *g, graft_node n, int64_t channels, graft_bias_correction *out) {
  const uint32_t slot = GR_OPERAND(conv2d, bias);
  const graft_value v = gr_node_at(g, n)->operand_count > slot ? gr_operand(g, n, slot) : GRAFT_NONE;
  const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
  if (v == GRAFT_NONE) {
    out->without_bias++;
  } else if (t == GRAFT_NONE || !gr_one_use(g, v) || gr_tensor_type(g->module, t)->dtype != GRAFT_F32 ||
             graft_type_elements(gr_tensor_type(g->module, t)) != channels ||
             gr_tensor_is_read_beside(g, g->module, t)) { /* a graph that a node runs, or another of the module */
    out->not_stored++;
  } else {
    return t;
  }
  return GRAFT_NONE;
}

static graft_status correct(graft_module *m, graft_tensor t, const gr_shift *shift, graft_bias_correction *out) {
  const size_t size = (size_t)shift->channels * sizeof(float);
  const float *old = graft_tensor_get_data(m, t);
  float *bias = gr_alloc(m->context, size + 1);
  graft_status s = old && bias ? GRAFT_OK : GRAFT_NO_MEMORY;
  bool finite = true;
  for (int64_t i = 0; i < shift->channels && !s; i++) {
    const double by = shift->sum[i] / (double)shift->count;
    bias[i] = (float)((double)old[i] - by);
    finite &= isfinite(bias[i]) != 0;
  }
  if (!s && finite) s = graft_tensor_set_data(m, t, bias);
  if (finite)
    out->corrected++;
  else
    out->not_seen++;
  if (bias) gr_free(m->context, bias, size + 1);
  return s;
}

static graft_status correct_all(const gr_shifts *s, graft_graph *b, graft_bias_correction *out) {
  graft_status status = GRAFT_OK;
  for (graft_node n = b->first; n != GRAFT_NONE && !status; n = gr_node_at(b, n)->next) {
    if (!is_layer(b, n)) continue;
    const gr_shift *shift = s->of && n < s->nodes ? &s->of[n] : NULL;
    if (!shift || !shift->count) {
      out->not_seen++;
      continue;
    }
    const graft_tensor t = bias_of(b, n, shift->channels, out);
    if (t != GRAFT_NONE) status = correct(b->module, t, shift, out);
  }
  return status;
}

graft_status gr_shifts_apply(const gr_shifts *s, graft_graph *b, graft_bias_correction *out) {
  *out = (graft_bias_correction){.size = sizeof *out};
  gr_edit edit = gr_edit_begin(b->module);
  const graft_status status = gr_edit_end(b->module, edit, correct_all(s, b, out));
  if (status) *out = (graft_bias_correction){.size = sizeof *out};
  return status;
}

void gr_shifts_free(gr_shifts *s, graft_context *c) {
  for (uint32_t n = 0; s->of && n < s->nodes; n++)
    if (s->of[n].sum) gr_free(c, s->of[n].sum, ((size_t)s->of[n].channels + 1) * sizeof *s->of[n].sum);
  if (s->of) gr_free(c, s->of, (s->nodes + 1u) * sizeof *s->of);
  *s = (gr_shifts){0};
}
