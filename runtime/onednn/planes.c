/* Pooling, and batch norm in eval: in the layout that x has, so that there is nothing to reorder. */
#include "runtime/onednn/onednn_impl.h"

#define WORTHWHILE (1 << 14) /* elements below which the plain kernel is as fast on C order */

/* Is x, as it lies, for oneDNN? In a layout of its own it is, whatever the size: else it would have to be reordered. */
static bool is_taken(const gr_kernel_call *k, const gr_request *r, uint32_t operands) {
  return gr_dnnl_floats(k, operands) && (r->layouts[0] || k->operands[0].count >= WORTHWHILE);
}

/* `dims`: of the result with all axes of x. */
static bool pool(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, dnnl_alg_kind_t kind, const int64_t *dims,
                 const int64_t *stride, const int64_t *kernel, const int64_t *padding, gr_dnnl_plan *p) {
  if (!gr_dnnl_start(d)) return false;
  const dnnl_memory_desc_t plain = gr_dnnl_type(k->operands[0].type);
  const dnnl_memory_desc_t src = gr_dnnl_in_layout(d, r->layouts[0], &plain);
  const dnnl_memory_desc_t dst = gr_dnnl_rows(plain.ndims, dims), any = gr_dnnl_any(&dst);
  dnnl_pooling_desc_t desc;
  if (dnnl_pooling_forward_desc_init(&desc, dnnl_forward_inference, kind, &src, &any, stride, kernel, padding,
                                     padding) != dnnl_success ||
      dnnl_primitive_desc_create(&p->desc, &desc, d->attr, d->engine, NULL) != dnnl_success)
    return false;
  gr_dnnl_add(p, DNNL_ARG_SRC, 0, false, &plain);
  gr_dnnl_add(p, DNNL_ARG_DST, 0, true, &dst);
  return true;
}

/* Averages only: oneDNN's maximum does not let NaN through. */
bool gr_dnnl_plan_pool(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p) {
  const graft_type *x = k->operands[0].type, *y = k->results[0].type;
  if (!is_taken(k, r, 1)) return false;
  uint32_t axes;
  const int64_t *kernel = gr_k_ints(k, GR_ATTR_ND(avg_pool, kernel_size), &axes),
                *stride = gr_k_ints(k, GR_ATTR_ND(avg_pool, stride), &axes);
  const int64_t *padding = gr_k_ints(k, GR_ATTR_ND(avg_pool, padding), &axes),
                *dilation = gr_k_ints(k, GR_ATTR_ND(avg_pool, dilation), &axes);
  int64_t volume = x->dims[1];
  for (uint32_t i = 0; i < axes; i++) {
    if (dilation[i] != 1 || !gr_dnnl_spans(&volume, x->dims[2 + i], padding[i], padding[i], stride[i])) return false;
    /* Windows of ceil_mode that reach past the padding are counted otherwise there. */
    int64_t reach = (y->dims[2 + i] - 1) * stride[i] + kernel[i];
    if (reach > x->dims[2 + i] + 2 * padding[i]) return false;
  }
  return pool(d, k, r,
              gr_k_bool(k, GR_ATTR_ND(avg_pool, count_include_pad)) ? dnnl_pooling_avg_include_padding
                                                                    : dnnl_pooling_avg_exclude_padding,
              y->dims, stride, kernel, padding, p);
}

/* Means over all of space, as one window. */
bool gr_dnnl_plan_global_average(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p) {
  const graft_type *x = k->operands[0].type;
  static const int64_t zeros[GRAFT_MAX_RANK];
  int64_t dims[GRAFT_MAX_RANK];
  if (!gr_dnnl_floats(k, 1) || !r->layouts[0] || x->rank < 3 || x->rank > 5) return false;
  if (k->results[0].count != x->dims[0] * x->dims[1]) return false; /* not one for each image and channel */
  uint32_t axes, over = 0;
  const int64_t *dim = k->op == GR_OP_mean ? gr_k_ints(k, GR_ATTR(mean, dim), &axes) : NULL;
  for (uint32_t i = 0; dim && i < axes; i++) over |= 1u << gr_axis(dim[i], x->rank);
  if (dim && over != (1u << x->rank) - 4u) return false;
  for (int32_t i = 0; i < x->rank; i++) dims[i] = i < 2 ? x->dims[i] : 1;
  return pool(d, k, r, dnnl_pooling_avg_exclude_padding, dims, x->dims + 2, x->dims + 2, zeros, p);
}

bool gr_dnnl_plan_batch_norm(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p) {
  enum { WEIGHT = 1, BIAS, MEAN, VAR };
  const graft_type *x = k->operands[0].type;
  if (!is_taken(k, r, VAR + 1) || gr_k_bool(k, GR_ATTR(batch_norm, training))) return false;
  for (uint32_t i = 1; i < k->result_count; i++)
    if (k->results[i].type) return false;
  if (!gr_dnnl_start(d)) return false;
  unsigned flags = dnnl_use_global_stats;
  if (k->operands[WEIGHT].type) flags |= dnnl_use_scale;
  if (k->operands[BIAS].type) flags |= dnnl_use_shift;
  const dnnl_memory_desc_t plain = gr_dnnl_type(x), data = gr_dnnl_in_layout(d, r->layouts[0], &plain);
  const dnnl_memory_desc_t channels = gr_dnnl_rows(1, &x->dims[1]);
  dnnl_batch_normalization_desc_t desc;
  if (dnnl_batch_normalization_forward_desc_init(&desc, dnnl_forward_inference, &data,
                                                 (float)gr_k_float(k, GR_ATTR(batch_norm, eps)),
                                                 flags) != dnnl_success ||
      dnnl_primitive_desc_create(&p->desc, &desc, d->attr, d->engine, NULL) != dnnl_success)
    return false;
  gr_dnnl_add(p, DNNL_ARG_SRC, 0, false, &plain);
  gr_dnnl_add(p, DNNL_ARG_MEAN, MEAN, false, &channels);
  gr_dnnl_add(p, DNNL_ARG_VARIANCE, VAR, false, &channels);
  if (flags & dnnl_use_scale) gr_dnnl_add(p, DNNL_ARG_SCALE, WEIGHT, false, &channels);
  if (flags & dnnl_use_shift) gr_dnnl_add(p, DNNL_ARG_SHIFT, BIAS, false, &channels);
  gr_dnnl_add(p, DNNL_ARG_DST, 0, true, &plain);
  return true;
}
