/* linear and matmul. */
#include "runtime/onednn/onednn_impl.h"

#define WORTHWHILE (1 << 17) /* multiplications */

bool gr_dnnl_plan_linear(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p) {
  const graft_type *w = k->operands[1].type, *b = k->operands[2].type;
  if (!gr_dnnl_floats(k, 3)) return false;
  int64_t rows = k->results[0].count / w->dims[0];
  if ((double)rows * (double)k->operands[1].count < WORTHWHILE || !gr_dnnl_start(d)) return false;
  dnnl_memory_desc_t src = gr_dnnl_rows(2, (int64_t[]){rows, w->dims[1]}), weight = gr_dnnl_type(w), bias = {0};
  dnnl_memory_desc_t dst = gr_dnnl_rows(2, (int64_t[]){rows, w->dims[0]}), any_weight = gr_dnnl_any(&weight);
  if (b) bias = gr_dnnl_type(b);
  dnnl_inner_product_desc_t desc;
  /* Reordering the weight costs as much as a product with few rows. */
  bool any = (r->fixed >> 1 & 1u) || rows >= 16;
  if (dnnl_inner_product_forward_desc_init(&desc, dnnl_forward_inference, &src, any ? &any_weight : &weight,
                                           b ? &bias : NULL, &dst) != dnnl_success ||
      dnnl_primitive_desc_create(&p->desc, &desc, gr_dnnl_attr(d, r, p), d->engine, NULL) != dnnl_success)
    return false;
  gr_dnnl_add(p, DNNL_ARG_SRC, 0, false, &src);
  gr_dnnl_add(p, DNNL_ARG_WEIGHTS, 1, false, &weight);
  if (b) gr_dnnl_add(p, DNNL_ARG_BIAS, 2, false, &bias);
  gr_dnnl_add(p, DNNL_ARG_DST, 0, true, &dst);
  return true;
}

/* A matrix with as many batch axes as the result, extents of 1 where it has none. */
static dnnl_memory_desc_t matrix(const graft_type *t, int rank, bool left) {
  int64_t dims[DNNL_MAX_NDIMS];
  for (int i = 0; i < rank; i++) dims[i] = 1;
  if (t->rank == 1) {
    dims[left ? rank - 1 : rank - 2] = t->dims[0];
  } else {
    for (int32_t i = 0; i < t->rank; i++) dims[rank - t->rank + i] = t->dims[i];
  }
  return gr_dnnl_rows(rank, dims);
}

bool gr_dnnl_plan_matmul(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p) {
  const graft_type *a = k->operands[0].type, *b = k->operands[1].type, *y = k->results[0].type;
  int rank = a->rank > b->rank ? a->rank : b->rank;
  (void)r;
  if (rank < 2) rank = 2;
  if (!gr_dnnl_floats(k, 3) || (double)k->results[0].count * (double)a->dims[a->rank - 1] < WORTHWHILE) return false;
  if (!gr_dnnl_start(d)) return false;
  dnnl_memory_desc_t left = matrix(a, rank, true), right = matrix(b, rank, false);
  int64_t dims[DNNL_MAX_NDIMS];
  for (int i = 0; i < rank - 2; i++) dims[i] = y->dims[i];
  dims[rank - 2] = left.dims[rank - 2];
  dims[rank - 1] = right.dims[rank - 1];
  dnnl_memory_desc_t dst = gr_dnnl_rows(rank, dims);
  dnnl_matmul_desc_t desc;
  if (dnnl_matmul_desc_init(&desc, &left, &right, NULL, &dst) != dnnl_success ||
      dnnl_primitive_desc_create(&p->desc, &desc, d->attr, d->engine, NULL) != dnnl_success)
    return false;
  gr_dnnl_add(p, DNNL_ARG_SRC, 0, false, &left);
  gr_dnnl_add(p, DNNL_ARG_WEIGHTS, 1, false, &right);
  gr_dnnl_add(p, DNNL_ARG_DST, 0, true, &dst);
  return true;
}
