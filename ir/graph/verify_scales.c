/* The verifier's look at the numbers that integer ops compute with, where they are constants. */
#include "ir/graph/verify_impl.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

/* The elements of a constant; NULL: it is none, or they are not at hand. */
static const void *elements(graft_graph *g, graft_value v, graft_dtype dtype, int64_t *count) {
  const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
  if (t == GRAFT_NONE) return NULL;
  const gr_tensor *tensor = &g->module->tensors.data[t];
  if (tensor->kind != GRAFT_CONSTANT || tensor->source != GR_TENSOR_DATA || gr_type_of(g, v)->dtype != dtype)
    return NULL;
  *count = graft_type_elements(gr_type_of(g, v));
  return graft_tensor_get_data(g->module, t);
}

/* The type of the integers that the operand of this name belongs to: x_scale to x, y_zero_point to the result. */
static graft_dtype dtype_of(graft_graph *g, graft_node n, const gr_op_info *op, const char *name, size_t length) {
  const int slot = gr_op_operand_slot(op, name, length);
  const graft_value v = slot >= 0 ? gr_operand(g, n, (uint32_t)slot) : gr_result(g, n, 0);
  return v == GRAFT_NONE ? GRAFT_UNKNOWN : gr_type_of(g, v)->dtype;
}

static bool scales_sound(graft_graph *g, graft_node n, char *message, size_t size) {
  const gr_op_info *op = gr_info(g, n);
  if (op == NULL || (op->families & GR_F_QUANTIZED) == 0) return true;
  for (uint32_t i = 0; i < op->operand_count && i < gr_node_at(g, n)->operand_count; ++i) {
    if (op->operands[i].role != GR_QPARAM) continue;
    const char *name = op->operands[i].name, *scale = strstr(name, "_scale"), *zero = strstr(name, "_zero_point");
    int64_t count = 0, low, high;
    /* V22: constant scales of an integer op are normal numbers above 0, its constant zero points numbers of what they
     * belong to. */
    const float *scales = zero ? NULL : elements(g, gr_operand(g, n, i), GRAFT_F32, &count);
    for (int64_t k = 0; scales != NULL && k < count; ++k)
      if (!(scales[k] >= FLT_MIN && scales[k] <= FLT_MAX)) {
        snprintf(message, size, "%s is %g, not a normal number above 0", name, (double)scales[k]);
        return false;
      }
    const int32_t *zeros = zero ? elements(g, gr_operand(g, n, i), GRAFT_I32, &count) : NULL;
    if (zeros == NULL || scale || !gr_dtype_range(dtype_of(g, n, op, name, (size_t)(zero - name)), &low, &high))
      continue;
    for (int64_t k = 0; k < count; ++k)
      if (zeros[k] < low || zeros[k] > high) {
        snprintf(message, size, "%s is %d, not from %jd to %jd", name, zeros[k], (intmax_t)low, (intmax_t)high);
        return false;
      }
  }
  return true;
}

void gr_verify_scales(gr_verifier *v, graft_graph *g, graft_node n) {
  char message[128];
  if (!scales_sound(g, n, message, sizeof message)) gr_verify_fail(v, 22, gr_node_label(g, n), "%s", message);
}

graft_status gr_check_scales(graft_graph *g, graft_node n) {
  char message[128];
  if (scales_sound(g, n, message, sizeof message)) return GRAFT_OK;
  return gr_error(g->module->context, GRAFT_TYPE, gr_node_loc(g, n), "%s: %s",
                  gr_op_text(g->module, gr_node_at(g, n)->op), message);
}
