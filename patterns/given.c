/* Quantization that came with the file: a value that a dequantize makes, or a quantize reads, has parameters already.
 * No place is made on it; what shares with it takes its parameters. What an earlier convert made (a mark) is not of
 * this kind: a second round may quantize it anew. */
#include <string.h>

#include "patterns/quantizer_impl.h"

static bool is_given(const graft_graph *g, graft_node n, uint32_t family) {
  const gr_op_info *op = n == GRAFT_NONE ? NULL : gr_info(g, n);
  return op && (op->families & family) && !gr_is_marked(g, n, GR_MARK_CONVERTED | GR_MARK_INSERTED);
}

graft_node gr_given_by(const graft_graph *g, gr_spec_ref place) {
  if (!place.is_value) {
    graft_value v = gr_use_at(g, place.id)->value;
    graft_node maker = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
    return is_given(g, maker, GR_F_DQ) ? maker : GRAFT_NONE;
  }
  if (is_given(g, gr_value_node(g, place.id), GR_F_DQ)) return gr_value_node(g, place.id);
  for (uint32_t u = gr_value_at(g, place.id)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    uint32_t user = gr_use_at(g, u)->user;
    if (gr_user_is_node(user) && gr_use_slot(g, u) == 0 && is_given(g, user, GR_F_Q)) return user;
  }
  return GRAFT_NONE;
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
