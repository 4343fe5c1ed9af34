/* Shape rules of pooling. */
#include "ir/infer/infer_impl.h"

/* Windows along one axis, as PyTorch counts them; -1: the kernel does not fit, or a number is out of range. */
static int64_t count_windows(int64_t n, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation,
                             bool ceil_mode) {
  int64_t padded, span; /* of the starts of windows, less 1 */
  if (__builtin_mul_overflow(padding, 2, &padded) || __builtin_add_overflow(padded, n, &padded) ||
      __builtin_mul_overflow(dilation, kernel - 1, &span) || __builtin_sub_overflow(padded - 1, span, &span))
    return -1;
  if (ceil_mode && __builtin_add_overflow(span, stride - 1, &span)) return -1;
  if (span < 0) return -1;
  int64_t windows = span / stride + 1;
  /* the last window starts inside the input or its left padding */
  if (ceil_mode && windows > 1 && (windows - 1) * stride >= n + padding) --windows;
  return windows;
}

GR_SAME_ATTR(kernel_size, max_pool2d, avg_pool2d);
GR_SAME_ATTR(stride, max_pool2d, avg_pool2d);
GR_SAME_ATTR(padding, max_pool2d, avg_pool2d);
GR_SAME_ATTR(dilation, max_pool2d, lp_pool2d);
GR_SAME_ATTR(ceil_mode, max_pool2d, lp_pool2d);

/* The positions of what was chosen, a second result that may be absent. */
static void set_indices(const gr_rule *r) {
  if (r->in->result_count < 2) return;
  r->in->results[1] = r->in->results[0];
  r->in->results[1].dtype = GRAFT_I64;
}

bool gr_rule_pool(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(max_pool2d, x));
  graft_type *y = gr_rule_result(r);
  const uint32_t op = r->in->op;
  const bool max = op == GR_OP_max_pool1d || op == GR_OP_max_pool2d || op == GR_OP_max_pool3d;
  const bool avg = op == GR_OP_avg_pool1d || op == GR_OP_avg_pool2d || op == GR_OP_avg_pool3d;
  uint32_t axes;
  const int64_t *kernel = gr_rule_list(r, GR_ATTR_ND(max_pool, kernel_size), &axes),
                *stride = gr_rule_list(r, GR_ATTR_ND(max_pool, stride), &axes);
  const int64_t *padding = gr_rule_list(r, GR_ATTR_ND(max_pool, padding), &axes);
  const int64_t *dilation =
      gr_rule_list(r, avg ? GR_ATTR_ND(avg_pool, dilation) : GR_ATTR_ND(max_pool, dilation), &axes);
  const bool ceil_mode = gr_rule_int(r, avg ? GR_ATTR_ND(avg_pool, ceil_mode) : GR_ATTR_ND(max_pool, ceil_mode)) != 0;
  const int32_t rank = (int32_t)axes + 2;
  /* C1: x is [batch, channels, space...], with the op's number of spatial axes. */
  if (!gr_check_rank(r, 1, GR_OPERAND(max_pool2d, x), rank)) return false;
  /* C2: x is numeric; of avg_pool and lp_pool floats. */
  if (!max && !gr_check_float(r, 2, GR_OPERAND(max_pool2d, x))) return false;
  if (x->dtype == GRAFT_BOOL) return gr_infer_fail(r, 2, "x is bool");
  gr_type_set(y, x->dtype, rank);
  for (int32_t i = 0; i < rank; ++i) y->dims[i] = x->rank < 0 ? -1 : x->dims[i];
  for (uint32_t i = 0; i < axes; ++i) {
    const int64_t dilated = dilation[i];
    /* C3: padding is at most half of the (dilated) kernel. */
    int64_t reach;
    if (__builtin_mul_overflow(dilated, kernel[i] - 1, &reach) || padding[i] > reach / 2 + (reach & 1))
      return gr_infer_fail(r, 3, "padding is %jd, kernel_size %jd, dilation %jd", padding[i], kernel[i], dilated);
    /* C4: the (dilated) kernel fits into the padded input; in ceil_mode the last window may reach past it. */
    int64_t *extent = &y->dims[i + 2];
    if (*extent < 0) continue;
    const int64_t n = *extent;
    *extent = n > 0 ? count_windows(n, kernel[i], stride[i], padding[i], dilated, ceil_mode) : -1;
    if (*extent < 0)
      return gr_infer_fail(r, 4, "kernel_size %jd (dilation %jd), input of %jd (padding %jd)", kernel[i], dilated, n,
                           padding[i]);
  }
  set_indices(r);
  return true;
}

bool gr_rule_avg_pool_backward(const gr_rule *r) {
  const graft_type *dy = gr_rule_operand(r, GR_OPERAND(avg_pool_backward, dy)),
                   *like = gr_rule_operand(r, GR_OPERAND(avg_pool_backward, like));
  uint32_t axes, strides, paddings, dilations;
  const int64_t *kernel = gr_rule_list(r, GR_ATTR(avg_pool_backward, kernel_size), &axes),
                *stride = gr_rule_list(r, GR_ATTR(avg_pool_backward, stride), &strides),
                *padding = gr_rule_list(r, GR_ATTR(avg_pool_backward, padding), &paddings),
                *dilation = gr_rule_list(r, GR_ATTR(avg_pool_backward, dilation), &dilations);
  const int32_t rank = (int32_t)axes + 2;
  /* C1: kernel_size, stride, padding and dilation have an entry for each axis of space, of which there are 1 to 3. */
  if (axes < 1 || axes > 3 || strides != axes || paddings != axes || dilations != axes)
    return gr_infer_fail(r, 1, "they have %u, %u, %u and %u", axes, strides, paddings, dilations);
  /* C2: dy is of floats, and dy and like are [batch, channels, space...]. */
  if (!gr_check_float(r, 2, GR_OPERAND(avg_pool_backward, dy)) ||
      !gr_check_rank(r, 2, GR_OPERAND(avg_pool_backward, dy), rank) ||
      !gr_check_rank(r, 2, GR_OPERAND(avg_pool_backward, like), rank))
    return false;
  /* C3: dy has the extents that the pool of like has. */
  for (int32_t i = 0; i < rank && like->rank >= 0 && dy->rank >= 0; ++i) {
    int64_t n = like->dims[i];
    if (n >= 0 && i > 1)
      n = count_windows(n, kernel[i - 2], stride[i - 2], padding[i - 2], dilation[i - 2],
                        gr_rule_int(r, GR_ATTR(avg_pool_backward, ceil_mode)) != 0);
    if (like->dims[i] >= 0 && dy->dims[i] >= 0 && n != dy->dims[i])
      return gr_infer_fail(r, 3, "dy has %jd entries along axis %d, the pool %jd", dy->dims[i], i, n);
  }
  *gr_rule_result(r) = *like;
  gr_rule_result(r)->dtype = dy->dtype;
  return true;
}

bool gr_rule_adaptive_pool(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(adaptive_avg_pool2d, x));
  graft_type *y = gr_rule_result(r);
  uint32_t axes;
  const int64_t *size = gr_rule_list(r, GR_ATTR_ND(adaptive_avg_pool, output_size), &axes);
  const uint32_t op = r->in->op;
  const bool max =
      op == GR_OP_adaptive_max_pool1d || op == GR_OP_adaptive_max_pool2d || op == GR_OP_adaptive_max_pool3d;
  const int32_t rank = (int32_t)axes + 2;
  /* C1: x is [batch, channels, space...], with the op's number of spatial axes. */
  if (!gr_check_rank(r, 1, GR_OPERAND(adaptive_avg_pool2d, x), rank)) return false;
  /* C2: x is numeric; of a mean floats. */
  if (!max && !gr_check_float(r, 2, GR_OPERAND(adaptive_avg_pool2d, x))) return false;
  if (x->dtype == GRAFT_BOOL) return gr_infer_fail(r, 2, "x is bool");
  gr_type_set(y, x->dtype, rank);
  for (int32_t i = 0; i < 2; ++i) y->dims[i] = x->rank < 0 ? -1 : x->dims[i];
  for (uint32_t i = 0; i < axes; ++i) {
    /* C3: the input is not empty. */
    if (x->rank > 0 && x->dims[i + 2] == 0) return gr_infer_fail(r, 3, "x is empty along axis %u", i + 2);
    y->dims[i + 2] = size[i];
  }
  set_indices(r);
  return true;
}

bool gr_rule_max_unpool(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(max_unpool2d, x)),
                   *indices = gr_rule_operand(r, GR_OPERAND(max_unpool2d, indices));
  graft_type *y = gr_rule_result(r);
  uint32_t axes;
  const int64_t *size = gr_rule_list(r, GR_ATTR_ND(max_unpool, output_size), &axes);
  const int32_t rank = (int32_t)axes + 2;
  /* C1: x is [batch, channels, space...], with the op's number of spatial axes. */
  if (!gr_check_rank(r, 1, GR_OPERAND(max_unpool2d, x), rank)) return false;
  /* C2: indices is i64. */
  if (indices->dtype != GRAFT_I64 && indices->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 2, "indices is %s, not i64", graft_dtype_name(indices->dtype));
  /* C3: indices has the shape of x. */
  if (!gr_check_rank(r, 3, GR_OPERAND(max_unpool2d, indices), rank)) return false;
  gr_type_set(y, x->dtype, rank);
  for (int32_t i = 0; i < rank; ++i) {
    y->dims[i] = x->rank < 0 ? -1 : x->dims[i];
    if (indices->rank >= 0 && !gr_extent_merge(&y->dims[i], indices->dims[i]))
      return gr_infer_fail(r, 3, "indices has %jd entries along axis %d, x has %jd", indices->dims[i], i, y->dims[i]);
  }
  for (uint32_t i = 0; i < axes; ++i) y->dims[i + 2] = size[i];
  return true;
}
