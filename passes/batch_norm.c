/* The state of batch norms as it is before training: running statistics, and the parameters of a fused module as
 * PyTorch's reset_bn_parameters leaves them. Numbers are drawn by the fill formula from the tensor's name and the seed,
 * fill("NAME.SEED"), so that they are the same on every machine. */
#include <math.h>
#include <stdio.h>

#include "passes/modules_impl.h"
#include "passes/quant_impl.h"

/* Every element from `lo` to `hi`, drawn by the name; all equal where they are. */
static graft_status set_elements(graft_module *m, graft_tensor t, const char *name, double lo, double hi) {
  graft_context *c = m->context;
  const graft_type type = *gr_tensor_type(m, t);
  const size_t each = graft_dtype_size(type.dtype), count = (size_t)graft_type_elements(&type);
  char *data = gr_alloc(c, count * each + 1);
  if (!data) return GRAFT_NO_MEMORY;
  for (size_t i = 0; i < count; i++) {
    if (type.dtype == GRAFT_I64)
      ((int64_t *)(void *)data)[i] = (int64_t)lo;
    else
      gr_element_set_float(type.dtype, data + i * each, lo < hi ? (double)graft_fill_element(name, i, lo, hi) : lo);
  }
  const graft_status s = graft_tensor_set_data(m, t, data);
  gr_free(c, data, count * each + 1);
  return s;
}

static graft_tensor tensor_of(const graft_graph *g, graft_node n, uint32_t slot) {
  const graft_value v = gr_operand(g, n, slot);
  return v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
}

/* `v` itself, or what the nodes that make it read first, back to a tensor: of zeros_like(b), quantized or not, b. */
static graft_tensor origin_of(const graft_graph *g, graft_value v) {
  while (v != GRAFT_NONE && gr_value_tensor(g, v) == GRAFT_NONE) {
    const graft_node n = gr_value_node(g, v);
    v = n == GRAFT_NONE || gr_node_at(g, n)->operand_count == 0 ? GRAFT_NONE : gr_operand(g, n, 0);
  }
  return v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
}

graft_status gr_reset_statistics(gr_pass *p, graft_graph *g, graft_node n) {
  static const struct {
    uint32_t slot;
    double value;
  } fresh[] = {{GR_OPERAND(batch_norm, running_mean), 0.0},
               {GR_OPERAND(batch_norm, running_var), 1.0},
               {GR_OPERAND(batch_norm, num_batches_tracked), 0.0}};
  graft_status s = GRAFT_OK;
  for (size_t i = 0; i < sizeof fresh / sizeof *fresh && !s; i++) {
    const graft_tensor t = tensor_of(g, n, fresh[i].slot);
    if (t == GRAFT_NONE) continue;
    s = set_elements(g->module, t, "", fresh[i].value, fresh[i].value);
    gr_count(p, "statistics reset", 1);
  }
  return s;
}

/* The convolution or linear whose result the batch norm reads, straight or through the training form. */
static graft_node layer_before(const graft_graph *g, graft_node n) {
  for (;;) {
    const graft_value x = gr_operand(g, n, 0);
    n = x == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, x);
    const gr_op_info *info = n == GRAFT_NONE ? NULL : gr_info(g, n);
    if (!info) return GRAFT_NONE;
    if (info->families & (GR_F_CONV | GR_F_LINEAR)) return n;
    if (!gr_is_marked(g, n, GR_MARK_TRAINING_FORM)) return GRAFT_NONE;
  }
}

static graft_status draw(gr_pass *p, graft_tensor t, double lo, double hi) {
  char seed[32];
  (void)snprintf(seed, sizeof seed, ".%lld", (long long)gr_option_int(p, "seed"));
  const char *text = gr_name_text(p, p->module->tensors.data[t].name, seed);
  if (!text) return GRAFT_NO_MEMORY;
  gr_count(p, "parameters reset", 1);
  return set_elements(p->module, t, text, lo, hi);
}

/* The bias lies within 1 / sqrt(fan_in). */
static graft_status reset_bias(gr_pass *p, const graft_graph *g, graft_node layer) {
  const gr_op_info *info = gr_info(g, layer);
  const int weight = gr_op_operand_slot(info, "weight", 6), bias = gr_op_operand_slot(info, "bias", 4);
  if (weight < 0 || bias < 0) return GRAFT_OK;
  const graft_value w = gr_operand(g, layer, (uint32_t)weight);
  const graft_tensor b = origin_of(g, gr_operand(g, layer, (uint32_t)bias));
  const graft_type *type = w == GRAFT_NONE ? NULL : gr_type_of(g, w);
  if (b == GRAFT_NONE || !type || type->rank < 1 || !gr_is_float(gr_tensor_type(p->module, b)->dtype)) return GRAFT_OK;
  const int64_t fan_in = gr_fan_in(type);
  const double bound = fan_in > 0 ? 1.0 / sqrt((double)fan_in) : 0.0;
  return fan_in > 0 ? draw(p, b, -bound, bound) : GRAFT_OK;
}

static graft_status reset_parameters(gr_pass *p, graft_graph *g, graft_node n) {
  const graft_tensor gamma = tensor_of(g, n, GR_OPERAND(batch_norm, weight)),
                     beta = tensor_of(g, n, GR_OPERAND(batch_norm, bias));
  const graft_node layer = layer_before(g, n);
  graft_status s = gr_reset_statistics(p, g, n);
  if (!s && gamma != GRAFT_NONE) s = draw(p, gamma, 0.0, 1.0);
  if (!s && beta != GRAFT_NONE) s = draw(p, beta, 0.0, 0.0);
  return s || layer == GRAFT_NONE ? s : reset_bias(p, g, layer);
}

/* What `reset` does to the batch norms that the option `name` selects. */
static graft_status for_batch_norms(gr_pass *p, graft_status (*reset)(gr_pass *, graft_graph *, graft_node)) {
  gr_selector names;
  if (!gr_selector_init(&names, p->module, gr_option_string(p, "name"))) return GRAFT_NO_MEMORY;
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; !s && i < p->module->graphs.len; i++) {
    graft_graph *g = p->module->graphs.data[i];
    for (graft_node n = g->first; !s && n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
      bool named;
      if (gr_node_at(g, n)->op != GR_OP_batch_norm) continue;
      s = gr_selector_has(&names, g, n, &named);
      if (!s && named) s = reset(p, g, n);
    }
  }
  if (!s) gr_selector_warn(p, &names, "name", "batch norm");
  gr_selector_free(&names);
  return s;
}

graft_status gr_pass_reset_running_stats(gr_pass *p) { return for_batch_norms(p, gr_reset_statistics); }
graft_status gr_pass_reset_bn_parameters(gr_pass *p) { return for_batch_norms(p, reset_parameters); }
