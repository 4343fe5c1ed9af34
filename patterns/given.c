/* Quantization that came with the file: a value that a dequantize makes, or a quantize reads, has parameters already.
 * No place is made on it; what shares with it takes its parameters. What an earlier convert made (a mark) is not of
 * this kind: a second round may quantize it anew. Arithmetic of integers that the file spells out has its parameters in
 * factors, which are no activations either. */
#include <string.h>

#include "patterns/quantizer_impl.h"

static bool is_given(const graft_graph *g, graft_node n, uint32_t family) {
  const gr_op_info *op = n == GRAFT_NONE ? NULL : gr_info(g, n);
  return op && (op->families & family) && !gr_is_marked(g, n, GR_MARK_CONVERTED | GR_MARK_INSERTED);
}

enum { FAR = 8 }; /* nodes that are looked through */

/* A tensor, behind whatever moves of its elements. */
static bool is_stored(const graft_graph *g, graft_value v) {
  for (int i = 0; i < FAR && v != GRAFT_NONE; i++) {
    if (gr_value_tensor(g, v) != GRAFT_NONE) return true;
    const graft_node maker = gr_value_node(g, v);
    if (!(gr_node_families(g, maker) & GR_F_MOVES)) return false;
    v = gr_operand(g, maker, 0);
  }
  return false;
}

/* The dequantize that makes v; of a stored weight also one behind views, whose scales are of blocks. */
static graft_node dequantize_of(const graft_graph *g, graft_value v) {
  for (int i = 0; i < FAR && v != GRAFT_NONE; i++) {
    const graft_node maker = gr_value_node(g, v);
    if (is_given(g, maker, GR_F_DQ)) return i == 0 || is_stored(g, gr_operand(g, maker, 0)) ? maker : GRAFT_NONE;
    if (!(gr_node_families(g, maker) & GR_F_VIEW)) return GRAFT_NONE;
    v = gr_operand(g, maker, 0);
  }
  return GRAFT_NONE;
}

graft_node gr_given_by(const graft_graph *g, gr_spec_ref place) {
  if (!place.is_value) return dequantize_of(g, gr_use_at(g, place.id)->value);
  if (is_given(g, gr_value_node(g, place.id), GR_F_DQ)) return gr_value_node(g, place.id);
  for (uint32_t u = gr_value_at(g, place.id)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    uint32_t user = gr_use_at(g, u)->user;
    if (gr_user_is_node(user) && gr_use_slot(g, u) == 0 && is_given(g, user, GR_F_Q)) return user;
  }
  return GRAFT_NONE;
}

/* What a layer of integers gives, in float: a factor makes numbers of it. */
static bool is_accumulated(const graft_graph *g, graft_value v) {
  const graft_node maker = gr_value_node(g, v);
  const graft_value x = gr_node_families(g, maker) & GR_F_ELEMENTWISE ? gr_operand(g, maker, 0) : GRAFT_NONE;
  return x != GRAFT_NONE && gr_is_integer(gr_type_of(g, x)->dtype) &&
         (gr_node_families(g, gr_value_node(g, x)) & GR_F_LAYER);
}

/* Scales and zero points that q/dq read. */
static void mark_parameters(const graft_graph *g, graft_node n, bool *parameter) {
  const gr_op_info *op = gr_info(g, n);
  for (uint32_t i = 0; op && i < op->operand_count && i < gr_node_at(g, n)->operand_count; i++) {
    const graft_value v = gr_operand(g, n, i);
    if (op->operands[i].role == GR_QPARAM && v != GRAFT_NONE && gr_value_tensor(g, v) == GRAFT_NONE)
      parameter[v] = true;
  }
}

graft_status gr_claim_integer_arithmetic(graft_graph *g, bool *claimed) {
  const size_t count = (size_t)g->values.len + 1;
  bool *parameter = gr_calloc(g->module->context, count, 1);
  if (!parameter) return GRAFT_NO_MEMORY;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) mark_parameters(g, n, parameter);
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    if (!(gr_node_families(g, n) & GR_F_ELEMENTWISE)) continue;
    bool all = true, some = false, sums = false; /* all: tensors and parameters alone */
    for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count; i++) {
      const graft_value v = gr_operand(g, n, i);
      if (v == GRAFT_NONE || gr_value_tensor(g, v) != GRAFT_NONE) continue;
      some = some || parameter[v];
      all = all && parameter[v];
      sums = sums || is_accumulated(g, v);
    }
    for (uint32_t i = 0; some && all && i < gr_node_at(g, n)->result_count; i++)
      if (gr_result(g, n, i) != GRAFT_NONE) parameter[gr_result(g, n, i)] = true;
    claimed[n] = claimed[n] || some || sums;
  }
  gr_free(g->module->context, parameter, count);
  return GRAFT_OK;
}

/* The element of a constant of one; false: it is none. */
static bool element(graft_graph *g, graft_value v, graft_dtype dtype, double *out) {
  graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
  if (t == GRAFT_NONE || graft_type_elements(gr_tensor_type(g->module, t)) != 1) return false;
  const void *data = gr_tensor_type(g->module, t)->dtype == dtype ? graft_tensor_get_data(g->module, t) : NULL;
  if (data) *out = dtype == GRAFT_F32 ? (double)*(const float *)data : (double)*(const int32_t *)data;
  return data != NULL;
}

uint32_t gr_given_spec(graft_graph *g, graft_node qdq) {
  static const char *const names[] = {"dtype", "quant_min", "quant_max"};
  graft_module *m = g->module;
  const gr_op_info *op = gr_info(g, qdq), *fixed = gr_spec_info(GR_SPEC_fixed);
  double scale, zero_point;
  if (!element(g, gr_operand(g, qdq, 1), GRAFT_F32, &scale) || !(scale > 0) ||
      !element(g, gr_operand(g, qdq, 2), GRAFT_I32, &zero_point))
    return 0;
  gr_attr_builder b;
  gr_attrs_begin(&b, fixed);
  const gr_loc where = gr_node_loc(g, qdq);
  graft_attr set[2] = {{.name = "scale", .kind = GRAFT_ATTR_FLOAT, .as.f = scale},
                       {.name = "zero_point", .kind = GRAFT_ATTR_INT, .as.i = (int64_t)zero_point}};
  for (size_t i = 0; i < 2; i++)
    if (gr_attrs_set(m, &b, fixed, &set[i], where)) return GRAFT_NONE;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    int slot = gr_op_attr_slot(op, names[i], strlen(names[i]));
    if (slot < 0) return 0;
    graft_attr a = gr_attr_public(m, op, gr_attrs_of(g, qdq), (uint32_t)slot);
    if (gr_attrs_set(m, &b, fixed, &a, where)) return GRAFT_NONE;
  }
  uint32_t attrs = gr_attrs_intern(m, &b, fixed, where);
  return attrs == GRAFT_NONE ? GRAFT_NONE : gr_spec_intern(m, GR_SPEC_fixed, attrs, NULL, 0);
}
