/* Average pooling, and batch norm in eval: on the plain layout, so that there is nothing to reorder. */
#include "runtime/onednn/onednn_impl.h"

#define WORTHWHILE (1 << 14) /* elements */

/* Averages only: oneDNN's maximum does not let NaN through. */
bool gr_dnnl_plan_pool(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p) {
  const graft_type *x = k->operands[0].type, *y = k->results[0].type;
  (void)r;
  if (!gr_dnnl_floats(k) || k->operands[0].count < WORTHWHILE) return false;
  uint32_t axes;
  const int64_t *kernel = gr_k_ints(k, GR_ATTR_ND(avg_pool, kernel_size), &axes),
                *stride = gr_k_ints(k, GR_ATTR_ND(avg_pool, stride), &axes);
  const int64_t *padding = gr_k_ints(k, GR_ATTR_ND(avg_pool, padding), &axes),
                *dilation = gr_k_ints(k, GR_ATTR_ND(avg_pool, dilation), &axes);
  for (uint32_t i = 0; i < axes; i++) {
    if (dilation[i] != 1) return false;
    /* Windows of ceil_mode that reach past the padding are counted otherwise there. */
    int64_t reach = (y->dims[2 + i] - 1) * stride[i] + kernel[i];
    if (reach > x->dims[2 + i] + 2 * padding[i]) return false;
  }
  if (!gr_dnnl_start(d)) return false;
  dnnl_memory_desc_t src = gr_dnnl_type(x), dst = gr_dnnl_type(y);
  dnnl_pooling_desc_t desc;
  if (dnnl_pooling_forward_desc_init(&desc, dnnl_forward_inference,
                                     gr_k_bool(k, GR_ATTR_ND(avg_pool, count_include_pad))
                                         ? dnnl_pooling_avg_include_padding
                                         : dnnl_pooling_avg_exclude_padding,
                                     &src, &dst, stride, kernel, padding, padding) != dnnl_success ||
      dnnl_primitive_desc_create(&p->desc, &desc, d->attr, d->engine, NULL) != dnnl_success)
    return false;
  gr_dnnl_add(p, DNNL_ARG_SRC, 0, false, &src);
  gr_dnnl_add(p, DNNL_ARG_DST, 0, true, &dst);
  return true;
}

bool gr_dnnl_plan_batch_norm(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p) {
  enum { WEIGHT = 1, BIAS, MEAN, VAR };
  const graft_type *x = k->operands[0].type;
  (void)r;
  if (!gr_dnnl_floats(k) || k->operands[0].count < WORTHWHILE || gr_k_bool(k, GR_ATTR(batch_norm, training)))
    return false;
  for (uint32_t i = 1; i < k->result_count; i++)
    if (k->results[i].type) return false;
  if (!gr_dnnl_start(d)) return false;
  unsigned flags = dnnl_use_global_stats;
  if (k->operands[WEIGHT].type) flags |= dnnl_use_scale;
  if (k->operands[BIAS].type) flags |= dnnl_use_shift;
  dnnl_memory_desc_t data = gr_dnnl_type(x), channels = gr_dnnl_rows(1, &x->dims[1]);
  dnnl_batch_normalization_desc_t desc;
  if (dnnl_batch_normalization_forward_desc_init(&desc, dnnl_forward_inference, &data,
                                                 (float)gr_k_float(k, GR_ATTR(batch_norm, eps)),
                                                 flags) != dnnl_success ||
      dnnl_primitive_desc_create(&p->desc, &desc, d->attr, d->engine, NULL) != dnnl_success)
    return false;
  gr_dnnl_add(p, DNNL_ARG_SRC, 0, false, &data);
  gr_dnnl_add(p, DNNL_ARG_MEAN, MEAN, false, &channels);
  gr_dnnl_add(p, DNNL_ARG_VARIANCE, VAR, false, &channels);
  if (flags & dnnl_use_scale) gr_dnnl_add(p, DNNL_ARG_SCALE, WEIGHT, false, &channels);
  if (flags & dnnl_use_shift) gr_dnnl_add(p, DNNL_ARG_SHIFT, BIAS, false, &channels);
  gr_dnnl_add(p, DNNL_ARG_DST, 0, true, &data);
  return true;
}
