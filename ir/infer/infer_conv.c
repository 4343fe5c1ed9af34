/* Shape rules of convolutions and matrix products. */
#include <assert.h>

#include "ir/infer/infer_impl.h"

GR_SAME_OPERAND(bias, conv2d, conv_transpose2d);

typedef struct window {
  const int64_t *stride, *padding, *dilation, *output_padding;
  int32_t axes;
} window;

/* The operand is a float or an integer of 32 or 64 bits, whose sums wrap. */
static bool check_element(const gr_rule *r, int constraint, uint32_t slot) {
  const graft_dtype dtype = gr_rule_operand(r, slot)->dtype;
  if (gr_dtype_is_float(dtype) || dtype == GRAFT_I32 || dtype == GRAFT_U32 || dtype == GRAFT_I64 || dtype == GRAFT_U64)
    return true;
  return gr_infer_fail(r, constraint, "%s is %s, neither a float type nor an integer of 32 or 64 bits",
                       gr_rule_operand_name(r, slot), graft_dtype_name(dtype));
}

static bool check_operands(const gr_rule *r, int ranks, int dtypes, int32_t axes) {
  return gr_check_rank(r, ranks, GR_OPERAND(conv2d, x), axes + 2) &&
         gr_check_rank(r, ranks, GR_OPERAND(conv2d, weight), axes + 2) &&
         check_element(r, dtypes, GR_OPERAND(conv2d, x)) && check_element(r, dtypes, GR_OPERAND(conv2d, weight)) &&
         gr_check_same_dtype(r, dtypes, GR_OPERAND(conv2d, weight), GR_OPERAND(conv2d, x)) &&
         gr_check_same_dtype(r, dtypes, GR_OPERAND(conv2d, bias), GR_OPERAND(conv2d, x));
}

/* Extent `i` of a type of unknown rank is unknown. */
static int64_t extent(const graft_type *t, int32_t i) { return t->rank < 0 ? -1 : t->dims[i]; }

static void begin_result(const gr_rule *r, const graft_type *x, const graft_type *w, int32_t rank) {
  gr_type_set(gr_rule_result(r), x->dtype != GRAFT_UNKNOWN ? x->dtype : w->dtype, rank);
}

bool gr_rule_conv(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(conv2d, x)),
                   *weight = gr_rule_operand(r, GR_OPERAND(conv2d, weight));
  graft_type *y = gr_rule_result(r);
  uint32_t axes;
  const window win = {.stride = gr_rule_list(r, GR_ATTR_ND(conv, stride), &axes),
                      .padding = gr_rule_list(r, GR_ATTR_ND(conv, padding), &axes),
                      .dilation = gr_rule_list(r, GR_ATTR_ND(conv, dilation), &axes),
                      .axes = (int32_t)axes};
  const int64_t groups = gr_rule_int(r, GR_ATTR_ND(conv, groups));
  /* C1: x is [batch, channels, space...] and weight [out, in / groups, kernel...], with the op's number of spatial
   * axes. */
  /* C2: x, weight and bias have the same type, a float or an integer of 32 or 64 bits. */
  if (!check_operands(r, 1, 2, win.axes)) return false;
  const int64_t channels = extent(x, 1), group_channels = extent(weight, 1);
  int64_t out = extent(weight, 0);
  /* C4: groups divides the input and the output channels. */
  if (channels >= 0 && channels % groups != 0)
    return gr_infer_fail(r, 4, "groups is %jd, x has %jd channels", groups, channels);
  if (out >= 0 && out % groups != 0)
    return gr_infer_fail(r, 4, "groups is %jd, weight has %jd output channels", groups, out);
  /* C3: weight has channels of x / groups input channels. */
  if (channels >= 0 && group_channels >= 0 && channels / groups != group_channels)
    return gr_infer_fail(r, 3, "weight has %jd input channels per group, x has %jd", group_channels, channels / groups);
  /* C5: bias is a vector of the output channels. */
  if (!gr_check_vector(r, 5, GR_OPERAND(conv2d, bias), &out, "output channels")) return false;

  begin_result(r, x, weight, win.axes + 2);
  y->dims[0] = extent(x, 0);
  y->dims[1] = out;
  for (int32_t i = 0; i < win.axes; ++i) {
    const int64_t n = extent(x, i + 2), k = extent(weight, i + 2);
    const int64_t stride = win.stride[i], padding = win.padding[i], dilation = win.dilation[i];
    /* C6: the kernel has at least one element and, dilated, fits into the padded input. */
    if (k == 0) return gr_infer_fail(r, 6, "weight is empty");
    y->dims[i + 2] = -1;
    if (n < 0 || k < 0) continue;
    int64_t padded, kernel;
    if (__builtin_mul_overflow(padding, 2, &padded) || __builtin_add_overflow(padded, n, &padded) ||
        __builtin_mul_overflow(dilation, k - 1, &kernel) || kernel >= padded)
      return gr_infer_fail(r, 6, "kernel of %jd (dilation %jd), input of %jd (padding %jd)", k, dilation, n, padding);
    assert(stride > 0); /* the row says so */
    y->dims[i + 2] = (padded - kernel - 1) / stride + 1;
  }
  return true;
}

bool gr_rule_conv_transpose(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(conv_transpose2d, x)),
                   *weight = gr_rule_operand(r, GR_OPERAND(conv_transpose2d, weight));
  graft_type *y = gr_rule_result(r);
  uint32_t axes;
  const window win = {.stride = gr_rule_list(r, GR_ATTR_ND(conv_transpose, stride), &axes),
                      .padding = gr_rule_list(r, GR_ATTR_ND(conv_transpose, padding), &axes),
                      .output_padding = gr_rule_list(r, GR_ATTR_ND(conv_transpose, output_padding), &axes),
                      .dilation = gr_rule_list(r, GR_ATTR_ND(conv_transpose, dilation), &axes),
                      .axes = (int32_t)axes};
  const int64_t groups = gr_rule_int(r, GR_ATTR_ND(conv_transpose, groups));
  /* C1: x is [batch, channels, space...] and weight [in, out / groups, kernel...], with the op's number of spatial
   * axes. */
  /* C2: x, weight and bias have the same type, a float or an integer of 32 or 64 bits. */
  if (!check_operands(r, 1, 2, win.axes)) return false;
  const int64_t channels = extent(x, 1), in = extent(weight, 0), columns = extent(weight, 1);
  /* C3: weight's axis 0 is the channels of x. */
  if (channels >= 0 && in >= 0 && channels != in)
    return gr_infer_fail(r, 3, "weight has %jd input channels, x has %jd", in, channels);
  /* C4: groups divides the input channels. */
  if (channels >= 0 && channels % groups != 0)
    return gr_infer_fail(r, 4, "groups is %jd, x has %jd channels", groups, channels);
  if (in >= 0 && in % groups != 0)
    return gr_infer_fail(r, 4, "groups is %jd, weight has %jd input channels", groups, in);
  int64_t out = columns;
  if (out >= 0 && !gr_extent_mul(&out, groups))
    return gr_infer_fail(r, 4, "groups is %jd, weight has %jd output channels per group", groups, columns);
  /* C5: bias is a vector of the output channels. */
  if (!gr_check_vector(r, 5, GR_OPERAND(conv_transpose2d, bias), &out, "output channels")) return false;

  begin_result(r, x, weight, win.axes + 2);
  y->dims[0] = extent(x, 0);
  y->dims[1] = out;
  for (int32_t i = 0; i < win.axes; ++i) {
    const int64_t n = extent(x, i + 2), k = extent(weight, i + 2);
    const int64_t stride = win.stride[i], padding = win.padding[i], dilation = win.dilation[i];
    const int64_t extra = win.output_padding[i];
    /* C6: output_padding is less than stride or dilation. */
    if (extra >= stride && extra >= dilation)
      return gr_infer_fail(r, 6, "output_padding is %jd, stride %jd and dilation %jd", extra, stride, dilation);
    y->dims[i + 2] = -1;
    /* C7: input and kernel are not empty, and padding leaves at least one output element. */
    if (n == 0 || k == 0) return gr_infer_fail(r, 7, "%s is empty", n == 0 ? "x" : "weight");
    if (n < 0 || k < 0) continue;
    int64_t size, kernel, cut;
    if (__builtin_mul_overflow(n - 1, stride, &size) || __builtin_mul_overflow(k - 1, dilation, &kernel) ||
        __builtin_mul_overflow(padding, 2, &cut) || __builtin_add_overflow(size, kernel, &size) ||
        __builtin_add_overflow(size, extra, &size) || __builtin_add_overflow(size, 1, &size) || size <= cut)
      return gr_infer_fail(r, 7, "input of %jd, stride %jd, kernel of %jd, padding %jd", n, stride, k, padding);
    y->dims[i + 2] = size - cut;
  }
  return true;
}

bool gr_rule_linear(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(linear, x)),
                   *weight = gr_rule_operand(r, GR_OPERAND(linear, weight));
  graft_type *y = gr_rule_result(r);
  /* C1: x has at least one axis and weight is [out, in]. */
  if (x->rank == 0) return gr_infer_fail(r, 1, "x has rank 0");
  if (!gr_check_rank(r, 1, GR_OPERAND(linear, weight), 2)) return false;
  /* C2: x, weight and bias have the same type, a float or an integer of 32 or 64 bits. */
  if (!check_element(r, 2, GR_OPERAND(linear, x)) || !check_element(r, 2, GR_OPERAND(linear, weight)) ||
      !gr_check_same_dtype(r, 2, GR_OPERAND(linear, weight), GR_OPERAND(linear, x)) ||
      !gr_check_same_dtype(r, 2, GR_OPERAND(linear, bias), GR_OPERAND(linear, x)))
    return false;
  /* C3: weight's axis 1 is the last axis of x. */
  const int64_t features = x->rank < 0 ? -1 : x->dims[x->rank - 1], in = extent(weight, 1);
  if (features >= 0 && in >= 0 && features != in)
    return gr_infer_fail(r, 3, "weight has %jd input features, x has %jd", in, features);
  /* C4: bias is a vector of the output features. */
  int64_t out = extent(weight, 0);
  if (!gr_check_vector(r, 4, GR_OPERAND(linear, bias), &out, "output features")) return false;
  *y = *x;
  if (x->dtype == GRAFT_UNKNOWN) y->dtype = weight->dtype;
  if (x->rank > 0) y->dims[x->rank - 1] = out;
  return true;
}

bool gr_rule_addmm(const gr_rule *r) {
  const graft_type *input = gr_rule_operand(r, GR_OPERAND(addmm, input)),
                   *a = gr_rule_operand(r, GR_OPERAND(addmm, mat1)), *b = gr_rule_operand(r, GR_OPERAND(addmm, mat2));
  graft_type *y = gr_rule_result(r);
  /* C1: mat1 is [n, k] and mat2 [k, m]. */
  if (!gr_check_rank(r, 1, GR_OPERAND(addmm, mat1), 2) || !gr_check_rank(r, 1, GR_OPERAND(addmm, mat2), 2))
    return false;
  const int64_t k1 = extent(a, 1), k2 = extent(b, 0);
  if (k1 >= 0 && k2 >= 0 && k1 != k2) return gr_infer_fail(r, 1, "mat1 has %jd columns, mat2 %jd rows", k1, k2);
  /* C2: all have the same element type. */
  if (!gr_check_same_dtype(r, 2, GR_OPERAND(addmm, mat1), GR_OPERAND(addmm, input)) ||
      !gr_check_same_dtype(r, 2, GR_OPERAND(addmm, mat2), GR_OPERAND(addmm, mat1)) ||
      !gr_check_same_dtype(r, 2, GR_OPERAND(addmm, mat2), GR_OPERAND(addmm, input)))
    return false;
  gr_type_set(y, a->dtype != GRAFT_UNKNOWN ? a->dtype : b->dtype, 2);
  y->dims[0] = extent(a, 0);
  y->dims[1] = extent(b, 1);
  /* C3: input broadcasts to [n, m]. */
  if (input->rank > 2) return gr_infer_fail(r, 3, "input has rank %d", input->rank);
  for (int32_t i = 1; i <= input->rank; ++i) {
    const int64_t n = input->dims[input->rank - i];
    if (n != 1 && !gr_extent_merge(&y->dims[2 - i], n))
      return gr_infer_fail(r, 3, "input's axis %d has %jd entries, the product's %jd", -i, n, y->dims[2 - i]);
  }
  return true;
}

bool gr_rule_matmul(const gr_rule *r) {
  const graft_type *a = gr_rule_operand(r, GR_OPERAND(matmul, x)), *b = gr_rule_operand(r, GR_OPERAND(matmul, other));
  graft_type *y = gr_rule_result(r);
  /* C1: neither operand has rank 0. */
  if (a->rank == 0 || b->rank == 0) return gr_infer_fail(r, 1, "%s has rank 0", a->rank == 0 ? "x" : "other");
  /* C2: both have the same element type. */
  if (!gr_check_same_dtype(r, 2, GR_OPERAND(matmul, x), GR_OPERAND(matmul, other))) return false;
  gr_type_set(y, a->dtype != GRAFT_UNKNOWN ? a->dtype : b->dtype, -1);
  if (a->rank < 0 || b->rank < 0) return true;
  /* C3: the last axis of x is the second-to-last (of a vector the only) axis of other. */
  const int64_t k1 = a->dims[a->rank - 1], k2 = b->dims[b->rank > 1 ? b->rank - 2 : 0];
  if (k1 >= 0 && k2 >= 0 && k1 != k2) return gr_infer_fail(r, 3, "x has %jd columns, other %jd rows", k1, k2);
  /* C4: the axes before the last two broadcast. */
  graft_type batch_a = *a, batch_b = *b, batch;
  batch_a.rank = a->rank > 2 ? a->rank - 2 : 0;
  batch_b.rank = b->rank > 2 ? b->rank - 2 : 0;
  gr_type_set(&batch, y->dtype, 0);
  int32_t axis;
  if (!gr_type_broadcast(&batch_a, &batch_b, &batch, &axis))
    return gr_infer_fail(r, 4, "x has %jd, other %jd matrices along axis %d", batch_a.dims[batch_a.rank + axis],
                         batch_b.dims[batch_b.rank + axis], axis - 2);
  *y = batch;
  if (a->rank > 1) y->dims[y->rank++] = a->dims[a->rank - 2];
  if (b->rank > 1) y->dims[y->rank++] = b->dims[b->rank - 1];
  return true;
}

/* -- attention -- */

/* The axes before the last two. */
static graft_type batch_of(const graft_type *t) {
  graft_type batch = *t;
  batch.rank = t->rank > 2 ? t->rank - 2 : 0;
  return batch;
}

static int64_t from_end(const graft_type *t, int32_t i) { return t->rank >= i ? t->dims[t->rank - i] : -1; }

/* The batch axes so far and those of another operand, together. */
static bool join(const gr_rule *r, int constraint, uint32_t slot, const graft_type *other, graft_type *batch) {
  int32_t axis;
  if (gr_type_broadcast(batch, other, batch, &axis)) return true;
  return gr_infer_fail(r, constraint, "%s has %jd matrices along axis %d, those before it %jd",
                       gr_rule_operand_name(r, slot), other->dims[other->rank + axis], axis - 2,
                       batch->dims[batch->rank + axis]);
}

/* Of key or value. With enable_gqa a head of it stands for several of query. */
static bool join_heads(const gr_rule *r, uint32_t slot, bool grouped, const graft_type *query, graft_type *batch) {
  const graft_type *t = gr_rule_operand(r, slot);
  const int64_t heads = from_end(query, 3), own = from_end(t, 3);
  graft_type other = batch_of(t);
  if (grouped && heads >= 0 && own >= 0 && (own == 0 ? heads != 0 : heads % own != 0))
    return gr_infer_fail(r, 5, "%s has %jd heads, query %jd", gr_rule_operand_name(r, slot), own, heads);
  if (grouped && other.rank > 0 && query->rank > 2) other.dims[other.rank - 1] = heads;
  return join(r, 5, slot, &other, batch);
}

static bool check_mask(const gr_rule *r, uint32_t slot, graft_dtype dtype, int64_t queries, int64_t keys,
                       graft_type *batch) {
  const graft_type *mask = gr_rule_operand(r, slot);
  if (mask->dtype != GRAFT_BOOL && mask->dtype != GRAFT_UNKNOWN && dtype != GRAFT_UNKNOWN && mask->dtype != dtype)
    return gr_infer_fail(r, 6, "attn_mask is %s, query %s", graft_dtype_name(mask->dtype), graft_dtype_name(dtype));
  for (int32_t i = 1; i <= 2; ++i) {
    const int64_t n = mask->rank >= i ? from_end(mask, i) : 1, all = i == 1 ? keys : queries;
    if (n >= 0 && n != 1 && all >= 0 && n != all)
      return gr_infer_fail(r, 6, "attn_mask has %jd entries along axis %d, the scores have %jd", n, -i, all);
  }
  const graft_type other = batch_of(mask);
  return join(r, 6, slot, &other, batch);
}

bool gr_rule_attention(const gr_rule *r) {
  enum { QUERY = GR_OPERAND(scaled_dot_product_attention, query), KEY, VALUE, MASK };
  const graft_type *query = gr_rule_operand(r, QUERY), *key = gr_rule_operand(r, KEY),
                   *value = gr_rule_operand(r, VALUE), *mask = gr_rule_operand(r, MASK);
  graft_type *y = gr_rule_result(r);
  /* C1: query, key and value have rank 2 or more. */
  for (uint32_t i = QUERY; i <= VALUE; ++i) {
    const graft_type *t = gr_rule_operand(r, i);
    if (t->rank >= 0 && t->rank < 2) return gr_infer_fail(r, 1, "%s has rank %d", gr_rule_operand_name(r, i), t->rank);
    /* C2: they have the same float type. */
    if (!gr_check_float(r, 2, i) || !gr_check_same_dtype(r, 2, i, QUERY)) return false;
  }
  if (!gr_check_same_dtype(r, 2, VALUE, KEY)) return false;
  gr_type_set(y,
              query->dtype != GRAFT_UNKNOWN ? query->dtype
              : key->dtype != GRAFT_UNKNOWN ? key->dtype
                                            : value->dtype,
              -1);
  /* C3: the last axes of query and key have the same extent. */
  int64_t depth = from_end(query, 1);
  if (!gr_extent_merge(&depth, from_end(key, 1)))
    return gr_infer_fail(r, 3, "query has %jd columns, key %jd", depth, from_end(key, 1));
  /* C4: key and value have as many rows. */
  int64_t keys = from_end(key, 2);
  if (!gr_extent_merge(&keys, from_end(value, 2)))
    return gr_infer_fail(r, 4, "key has %jd rows, value %jd", keys, from_end(value, 2));
  if (query->rank < 0 || key->rank < 0 || value->rank < 0 || (mask && mask->rank < 0)) return true;
  const bool grouped = gr_rule_int(r, GR_ATTR(scaled_dot_product_attention, enable_gqa)) != 0;
  graft_type batch = batch_of(query);
  /* C5: the axes before the last two broadcast; with enable_gqa the heads, third from the end, of key and of value
   * divide those of query. */
  if (!join_heads(r, KEY, grouped, query, &batch) || !join_heads(r, VALUE, grouped, query, &batch)) return false;
  /* C6: attn_mask is bool or has the element type of query, and broadcasts to [batch..., queries, keys]; it may bring
   * batch axes of its own. */
  if (mask && !check_mask(r, MASK, y->dtype, from_end(query, 2), keys, &batch)) return false;
  /* C7: attn_mask and is_causal are not given together. */
  if (mask && gr_rule_int(r, GR_ATTR(scaled_dot_product_attention, is_causal)))
    return gr_infer_fail(r, 7, "is_causal beside attn_mask");
  const graft_dtype dtype = y->dtype;
  *y = batch;
  y->dtype = dtype;
  y->dims[y->rank++] = from_end(query, 2);
  y->dims[y->rank++] = from_end(value, 1);
  return true;
}

/* -- gradients of convolutions -- */

GR_SAME_OPERAND(dy, conv_backward_input, conv_backward_weight);
GR_SAME_OPERAND(like, conv_backward_input, conv_backward_weight);
GR_SAME_ATTR(stride, conv_backward_input, conv_backward_weight);
GR_SAME_ATTR(padding, conv_backward_input, conv_backward_weight);
GR_SAME_ATTR(dilation, conv_backward_input, conv_backward_weight);
GR_SAME_ATTR(groups, conv_backward_input, conv_backward_weight);

/* Of the convolution of x and weight that dy is the gradient of; -1: not known. */
static int32_t backward_axes(const graft_type *dy, const graft_type *x, const graft_type *weight) {
  const int32_t rank = dy->rank >= 0 ? dy->rank : x->rank >= 0 ? x->rank : weight->rank;
  return rank < 0 ? -1 : rank - 2;
}

bool gr_rule_conv_backward(const gr_rule *r) {
  const graft_type *dy = gr_rule_operand(r, GR_OPERAND(conv_backward_input, dy)), *other = gr_rule_operand(r, 1),
                   *like = gr_rule_operand(r, GR_OPERAND(conv_backward_input, like));
  const bool of_input = r->in->op == GR_OP_conv_backward_input;
  const graft_type *x = of_input ? like : other, *weight = of_input ? other : like;
  uint32_t n[3];
  const window win = {.stride = gr_rule_list(r, GR_ATTR(conv_backward_input, stride), &n[0]),
                      .padding = gr_rule_list(r, GR_ATTR(conv_backward_input, padding), &n[1]),
                      .dilation = gr_rule_list(r, GR_ATTR(conv_backward_input, dilation), &n[2]),
                      .axes = backward_axes(dy, x, weight)};
  const int64_t groups = gr_rule_int(r, GR_ATTR(conv_backward_input, groups));
  /* C1: all operands have one rank, 3 to 5; stride, padding and dilation have an entry for each axis but the first two.
   */
  for (uint32_t i = 0; i < 3; ++i)
    if (!gr_check_rank(r, 1, i, win.axes + 2)) return false;
  const uint32_t axes = win.axes < 0 ? n[0] : (uint32_t)win.axes;
  if (axes == 0 || axes > 3 || n[0] != axes || n[1] != axes || n[2] != axes)
    return gr_infer_fail(r, 1, "%u axes, stride of %u, padding of %u, dilation of %u", axes, n[0], n[1], n[2]);
  /* C2: the first two operands have the same float type. */
  if (!gr_check_float(r, 2, 0) || !gr_check_float(r, 2, 1) || !gr_check_same_dtype(r, 2, 1, 0)) return false;
  /* C3: x and dy have as many images; groups divides the channels of both; weight is [channels of dy, channels of x /
   * groups, kernel...]. */
  const int64_t images = extent(x, 0), in = extent(x, 1), out = extent(dy, 1);
  if (images >= 0 && extent(dy, 0) >= 0 && images != extent(dy, 0))
    return gr_infer_fail(r, 3, "x has %jd images, dy %jd", images, extent(dy, 0));
  if (in >= 0 && in % groups != 0) return gr_infer_fail(r, 3, "groups is %jd, x has %jd channels", groups, in);
  if (out >= 0 && out % groups != 0) return gr_infer_fail(r, 3, "groups is %jd, dy has %jd channels", groups, out);
  if (out >= 0 && extent(weight, 0) >= 0 && out != extent(weight, 0))
    return gr_infer_fail(r, 3, "weight has %jd output channels, dy %jd", extent(weight, 0), out);
  if (in >= 0 && extent(weight, 1) >= 0 && in / groups != extent(weight, 1))
    return gr_infer_fail(r, 3, "weight has %jd input channels per group, x has %jd", extent(weight, 1), in / groups);
  for (int32_t i = 0; i < win.axes; ++i) {
    const int64_t from = extent(x, i + 2), k = extent(weight, i + 2), to = extent(dy, i + 2);
    /* C4: dy has at most as many entries along an axis as the convolution gives. */
    if (k == 0) return gr_infer_fail(r, 4, "weight is empty");
    if (from < 0 || k < 0 || to <= 0) continue;
    int64_t padded, kernel, last;
    if (__builtin_mul_overflow(win.padding[i], 2, &padded) || __builtin_add_overflow(padded, from, &padded) ||
        __builtin_mul_overflow(win.dilation[i], k - 1, &kernel) ||
        __builtin_mul_overflow(win.stride[i], to - 1, &last) || __builtin_add_overflow(last, kernel, &last) ||
        last >= padded)
      return gr_infer_fail(r, 4, "dy of %jd, stride %jd, kernel of %jd (dilation %jd), x of %jd (padding %jd)", to,
                           win.stride[i], k, win.dilation[i], from, win.padding[i]);
  }
  *gr_rule_result(r) = *like;
  gr_rule_result(r)->dtype = dy->dtype != GRAFT_UNKNOWN ? dy->dtype : other->dtype;
  return true;
}
