/* Shape rules of ops that put elements into another order, or lay blocks of an image side by side. */
#include "ir/infer/infer_impl.h"

bool gr_rule_flip(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(flip, x));
  uint32_t count;
  const int64_t *dims = gr_rule_list(r, GR_ATTR(flip, dims), &count);
  bool flipped[GRAFT_MAX_RANK] = {false};
  *gr_rule_result(r) = *x;
  /* C1: each of dims is an axis of x, none twice. */
  for (uint32_t i = 0; i < count && x->rank >= 0; ++i) {
    int32_t axis;
    if (!gr_check_axis(r, 1, "dims", dims[i], x->rank, &axis)) return false;
    if (flipped[axis]) return gr_infer_fail(r, 1, "dims has axis %d twice", axis);
    flipped[axis] = true;
  }
  return true;
}

bool gr_rule_roll(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(roll, x));
  uint32_t count, axes;
  (void)gr_rule_list(r, GR_ATTR(roll, shifts), &count);
  const int64_t *dims = gr_rule_ints(r, GR_ATTR(roll, dims), &axes);
  *gr_rule_result(r) = *x;
  /* C1: there is a shift for each of dims, or one where there are none. */
  if (count != (dims != NULL ? axes : 1)) return gr_infer_fail(r, 1, "there are %u shifts and %u dims", count, axes);
  /* C2: each of dims is an axis of x. */
  for (uint32_t i = 0; i < axes && x->rank >= 0; ++i) {
    int32_t axis;
    if (!gr_check_axis(r, 2, "dims", dims[i], x->rank, &axis)) return false;
  }
  return true;
}

bool gr_rule_reverse_sequence(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(reverse_sequence, x)),
                   *lengths = gr_rule_operand(r, GR_OPERAND(reverse_sequence, lengths));
  int32_t batch, time;
  *gr_rule_result(r) = *x;
  /* C1: lengths is an i64 vector, with an entry for each of x's along batch_dim. */
  if (lengths->dtype != GRAFT_I64 && lengths->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 1, "lengths is %s", graft_dtype_name(lengths->dtype));
  if (!gr_check_rank(r, 1, GR_OPERAND(reverse_sequence, lengths), 1)) return false;
  if (x->rank < 0) return true;
  /* C2: batch_dim and time_dim are two axes of x. */
  if (!gr_check_axis(r, 2, "batch_dim", gr_rule_int(r, GR_ATTR(reverse_sequence, batch_dim)), x->rank, &batch) ||
      !gr_check_axis(r, 2, "time_dim", gr_rule_int(r, GR_ATTR(reverse_sequence, time_dim)), x->rank, &time))
    return false;
  if (batch == time) return gr_infer_fail(r, 2, "both are axis %d", batch);
  if (lengths->rank == 1 && !gr_extent_merge(&gr_rule_result(r)->dims[batch], lengths->dims[0]))
    return gr_infer_fail(r, 1, "lengths has %jd entries, x has %jd along axis %d", lengths->dims[0], x->dims[batch],
                         batch);
  return true;
}

bool gr_rule_eye(const gr_rule *r) {
  const graft_type *like = gr_rule_operand(r, GR_OPERAND(eye, like));
  graft_type *y = gr_rule_result(r);
  /* C1: like has two axes. */
  if (!gr_check_rank(r, 1, GR_OPERAND(eye, like), 2)) return false;
  gr_type_set(y, (graft_dtype)gr_rule_int(r, GR_ATTR(eye, dtype)), 2);
  for (int32_t i = 0; i < 2; ++i) y->dims[i] = like->rank < 0 ? -1 : like->dims[i];
  return true;
}

/* ---- blocks ---- */

GR_SAME_ATTR(kernel_size, im2col, col2im);
GR_SAME_ATTR(dilation, im2col, col2im);
GR_SAME_ATTR(padding, im2col, col2im);
GR_SAME_ATTR(stride, im2col, col2im);

/* How many blocks an image of these extents has, -1: not known, and the places of a kernel. Constraint `c`: the lists
 * are of one length, c + 1: the block fits, and neither product is more than 2^48. */
static bool count_blocks(const gr_rule *r, int c, const int64_t *image, uint32_t axes, int64_t *blocks, int64_t *taps) {
  uint32_t n[4];
  const int64_t *kernel = gr_rule_list(r, GR_ATTR(im2col, kernel_size), &n[0]),
                *dilation = gr_rule_list(r, GR_ATTR(im2col, dilation), &n[1]),
                *padding = gr_rule_list(r, GR_ATTR(im2col, padding), &n[2]),
                *stride = gr_rule_list(r, GR_ATTR(im2col, stride), &n[3]);
  if (axes == 0 || axes > GRAFT_MAX_RANK - 2 || n[0] != axes || n[1] != axes || n[2] != axes || n[3] != axes)
    return gr_infer_fail(r, c, "%u axes, kernel_size of %u, dilation of %u, padding of %u, stride of %u", axes, n[0],
                         n[1], n[2], n[3]);
  *blocks = *taps = 1;
  bool known = true;
  for (uint32_t i = 0; i < axes; ++i) {
    if (!gr_extent_mul(taps, kernel[i])) return gr_infer_fail(r, c + 1, "the kernel is too large");
    known = known && image[i] >= 0;
    if (image[i] < 0) continue;
    const int64_t left = image[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1;
    if (left < 0)
      return gr_infer_fail(r, c + 1, "kernel of %jd (dilation %jd), image of %jd (padding %jd)", kernel[i], dilation[i],
                           image[i], padding[i]);
    if (!gr_extent_mul(blocks, left / stride[i] + 1)) return gr_infer_fail(r, c + 1, "there are too many blocks");
  }
  if (!known) *blocks = -1;
  return true;
}

bool gr_rule_im2col(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(im2col, x));
  graft_type *y = gr_rule_result(r);
  int64_t taps, image[GRAFT_MAX_RANK];
  uint32_t axes;
  (void)gr_rule_list(r, GR_ATTR(im2col, kernel_size), &axes);
  gr_type_set(y, x->dtype, 3);
  for (int32_t i = 0; i < 3; ++i) y->dims[i] = -1;
  for (int32_t i = 0; i < GRAFT_MAX_RANK; ++i) image[i] = x->rank >= 0 && i + 2 < x->rank ? x->dims[i + 2] : -1;
  /* C1: x is [n, c, ...], and kernel_size, dilation, padding and stride have one entry for each of the others. */
  if (x->rank >= 0 && x->rank < 3) return gr_infer_fail(r, 1, "x has rank %d", x->rank);
  /* C2: a block lies within the padded image; neither blocks nor rows are more than 2^48. */
  if (!count_blocks(r, 1, image, x->rank >= 0 ? (uint32_t)x->rank - 2 : axes, &y->dims[2], &taps)) return false;
  if (x->rank < 0) return true;
  y->dims[0] = x->dims[0];
  y->dims[1] = x->dims[1];
  if (y->dims[1] >= 0 && !gr_extent_mul(&y->dims[1], taps)) return gr_infer_fail(r, 2, "there are too many rows");
  return true;
}

bool gr_rule_col2im(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(col2im, x));
  graft_type *y = gr_rule_result(r);
  uint32_t axes;
  const int64_t *size = gr_rule_list(r, GR_ATTR(col2im, output_size), &axes);
  int64_t blocks = -1, taps = 1;
  /* C1: x is [n, c * places of the kernel, blocks]. */
  if (!gr_check_rank(r, 1, GR_OPERAND(col2im, x), 3)) return false;
  /* C2: output_size, kernel_size, dilation, padding and stride are of one length. */
  /* C3: a block lies within the padded image; there are no more than 2^48 of them. */
  if (!count_blocks(r, 2, size, axes, &blocks, &taps)) return false;
  gr_type_set(y, x->dtype, (int32_t)axes + 2);
  y->dims[0] = y->dims[1] = -1;
  for (uint32_t i = 0; i < axes; ++i) y->dims[2 + i] = size[i];
  if (x->rank < 0) return true;
  /* C4: the kernel's places divide x's rows, and x has as many columns as the image has blocks. */
  if (x->dims[1] >= 0 && x->dims[1] % taps != 0)
    return gr_infer_fail(r, 4, "x has %jd rows, the kernel %jd places", x->dims[1], taps);
  if (x->dims[2] >= 0 && x->dims[2] != blocks)
    return gr_infer_fail(r, 4, "x has %jd columns, the image %jd blocks", x->dims[2], blocks);
  y->dims[0] = x->dims[0];
  y->dims[1] = x->dims[1] < 0 ? -1 : x->dims[1] / taps;
  return true;
}
