/* check-qparams: what is stored of a quantize or dequantize makes sense. A scale that is 0, negative, NaN, infinite or
 * subnormal, a zero point that its integers do not have, stored integers outside of the range that their dequantize
 * names: rules and backends would each make something else of it, so it is an error that names the node. What is
 * computed is checked by the kernels, what integer ops have by the verifier. */
#include <float.h>

#include "passes/quant_impl.h"

typedef struct place {
  graft_graph *g;
  graft_node n;
  const gr_op_info *op;
} place;

/* Elements of a stored operand; NULL: it is computed, or of another type. */
static const void *stored(const place *p, uint32_t slot, graft_dtype dtype, int64_t *count) {
  const graft_value v = gr_operand(p->g, p->n, slot);
  const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(p->g, v);
  if (t == GRAFT_NONE) return NULL;
  const graft_type *type = gr_tensor_type(p->g->module, t);
  *count = graft_type_elements(type);
  return type->dtype == dtype ? graft_tensor_get_data(p->g->module, t) : NULL;
}

static graft_dtype operand_dtype(const place *p, uint32_t slot) {
  const graft_value v = gr_operand(p->g, p->n, slot);
  return v == GRAFT_NONE ? GRAFT_UNKNOWN : gr_type_of(p->g, v)->dtype;
}

enum { SCALE = GR_OPERAND(quantize_per_tensor, scale), ZERO_POINT };
GR_SAME_OPERAND(scale, quantize_per_tensor, quantize_per_channel);
GR_SAME_OPERAND(scale, quantize_per_tensor, dequantize_per_tensor);
GR_SAME_OPERAND(scale, quantize_per_tensor, dequantize_per_channel);

static graft_status check_scale(const place *p) {
  graft_context *c = p->g->module->context;
  int64_t count = 0, low, high;
  const float *scale = stored(p, SCALE, GRAFT_F32, &count);
  for (int64_t i = 0; scale && i < count; i++)
    if (!(scale[i] >= FLT_MIN && scale[i] <= FLT_MAX))
      return gr_error(c, GRAFT_PASS, gr_node_loc(p->g, p->n), "scale is %g, not a normal number above 0",
                      (double)scale[i]);
  const graft_dtype dtype =
      (p->op->families & GR_F_DQ) ? operand_dtype(p, 0) : gr_type_of(p->g, gr_result(p->g, p->n, 0))->dtype;
  const int32_t *zero = stored(p, ZERO_POINT, GRAFT_I32, &count);
  for (int64_t i = 0; zero && i < count && gr_dtype_range(dtype, &low, &high); i++)
    if (zero[i] < low || zero[i] > high)
      return gr_error(c, GRAFT_PASS, gr_node_loc(p->g, p->n), "zero_point is %d, no %s", zero[i],
                      graft_dtype_name(dtype));
  return GRAFT_OK;
}

#define FIND(T) \
  do { \
    const T *x = data; \
    for (int64_t i = 0; i < count; i++) \
      if (x[i] < low || x[i] > high) return i; \
    return -1; \
  } while (0)
static int64_t find_outside(graft_dtype dtype, const void *data, int64_t count, int64_t low, int64_t high) {
  switch (dtype) {
  case GRAFT_I8: FIND(int8_t);
  case GRAFT_U8: FIND(uint8_t);
  case GRAFT_I16: FIND(int16_t);
  case GRAFT_I32: FIND(int32_t);
  default: return -1;
  }
}

static int64_t attr_int(const place *p, const char *name) {
  graft_attr attr;
  return graft_node_attr(p->g, p->n, name, &attr) && attr.kind == GRAFT_ATTR_INT ? attr.as.i : 0;
}

static graft_status check_integers(const place *p) {
  const int64_t low = attr_int(p, "quant_min"), high = attr_int(p, "quant_max");
  const graft_dtype dtype = operand_dtype(p, 0);
  int64_t count = 0, least, most;
  if (!gr_dtype_range(dtype, &least, &most) || (low <= least && high >= most)) return GRAFT_OK;
  const void *data = stored(p, 0, dtype, &count);
  const int64_t at = data ? find_outside(dtype, data, count, low, high) : -1;
  if (at < 0) return GRAFT_OK;
  char name[256];
  graft_value_name(p->g, gr_operand(p->g, p->n, 0), name, sizeof name);
  return gr_error(p->g->module->context, GRAFT_PASS, gr_node_loc(p->g, p->n),
                  "element %lld of '%s' is outside of the range %lld to %lld that is said here", (long long)at, name,
                  (long long)low, (long long)high);
}

static graft_status check_graph(graft_graph *g) {
  graft_status s = GRAFT_OK;
  for (graft_node n = g->first; n != GRAFT_NONE && !s; n = gr_node_at(g, n)->next) {
    const place p = {g, n, gr_info(g, n)};
    if (!p.op || !(p.op->families & (GR_F_Q | GR_F_DQ))) continue;
    s = check_scale(&p);
    if (!s && (p.op->families & GR_F_DQ)) s = check_integers(&p);
  }
  return s;
}

graft_status gr_pass_check_qparams(gr_pass *p) {
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < p->module->graphs.len && !s; i++) s = check_graph(p->module->graphs.data[i]);
  return s;
}
