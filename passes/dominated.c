/* A mask of finite numbers (-1e4, -3.4e38) that is added to attention scores sets the range that is observed there, as
 * it does in PyTorch: all other values share a few steps, and softmax sees none of their differences. It is said where
 * a constant operand makes one end of the range and the other end is within three of 255 steps from 0. */
#include <math.h>
#include <stdio.h>

#include "passes/quant_impl.h"

enum { TIMES = 100 }; /* further out than the other end */

/* Its operands come through as they are: a product's range says nothing of its factors. */
static bool takes_part_whole(uint32_t op) {
  switch (op) {
  case GR_OP_add:
  case GR_OP_sub:
  case GR_OP_where: return true;
  default: return false;
  }
}

static double largest(const gr_array *x) {
  const int64_t count = graft_type_elements(&x->type);
  const float *data = x->data;
  double most = 0;
  for (int64_t i = 0; x->type.dtype == GRAFT_F32 && i < count; i++) most = fmax(most, fabs((double)data[i]));
  return most;
}

graft_status gr_note_dominated(gr_notice *out, graft_graph *g, gr_cones *cones, graft_value x, double low,
                               double high) {
  const graft_node n = gr_value_node(g, x);
  const double far = fmax(fabs(low), fabs(high)), near = low < 0 && high > 0 ? fmin(fabs(low), fabs(high)) : 0;
  if (n == GRAFT_NONE || !takes_part_whole(gr_node_at(g, n)->op) || !(far > TIMES * near)) return GRAFT_OK;
  for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count; i++) {
    const graft_value c = gr_operand(g, n, i);
    gr_array data;
    if (c == GRAFT_NONE || !gr_cones_is_const(cones, c) || gr_type_of(g, c)->dtype != GRAFT_F32) continue;
    if (!gr_cones_value(cones, c, &data)) return GRAFT_PASS;
    const double most = largest(&data);
    if (!(most >= 0.5 * far && most <= 2 * far)) continue;
    char name[256], text[64];
    graft_value_name(g, x, name, sizeof name);
    (void)snprintf(text, sizeof text, "(%.4g to %.4g)", low, high);
    gr_notice_add(out, name, text, far);
    return GRAFT_OK;
  }
  return GRAFT_OK;
}
