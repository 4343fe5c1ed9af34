/* Convolution and transposed convolution, and what flows back through a convolution. */
#include "runtime/onednn/onednn_impl.h"

#include <string.h>

GR_SAME_ATTR(stride, conv2d, conv_transpose2d);
GR_SAME_ATTR(padding, conv2d, conv_transpose2d);
GR_SAME_ATTR(groups, conv2d, conv_transpose2d);
GR_SAME_ATTR(stride, conv2d, conv_backward_input);
GR_SAME_ATTR(padding, conv2d, conv_backward_input);
GR_SAME_ATTR(dilation, conv2d, conv_backward_input);
GR_SAME_ATTR(groups, conv2d, conv_backward_input);
GR_SAME_ATTR(stride, conv2d, conv_backward_weight);
GR_SAME_ATTR(padding, conv2d, conv_backward_weight);
GR_SAME_ATTR(dilation, conv2d, conv_backward_weight);
GR_SAME_ATTR(groups, conv2d, conv_backward_weight);

#define WORTHWHILE (1 << 17) /* multiplications below which the plain kernel is as fast */

typedef struct window {
  dnnl_dims_t stride, dilation, before, after; /* oneDNN's dilation is one less than PyTorch's */
} window;

static window read_window(const gr_kernel_call *k, bool transposed) {
  uint32_t axes;
  const int64_t *stride = gr_k_ints(k, GR_ATTR_ND(conv, stride), &axes),
                *padding = gr_k_ints(k, GR_ATTR_ND(conv, padding), &axes);
  const int64_t *dilation =
      gr_k_ints(k, transposed ? GR_ATTR_ND(conv_transpose, dilation) : GR_ATTR_ND(conv, dilation), &axes);
  const int64_t *extra = transposed ? gr_k_ints(k, GR_ATTR_ND(conv_transpose, output_padding), &axes) : NULL;
  window w = {.stride = {0}};
  for (uint32_t i = 0; i < axes; i++) {
    w.stride[i] = stride[i];
    w.dilation[i] = dilation[i] - 1;
    w.before[i] = padding[i];
    w.after[i] = padding[i] - (extra ? extra[i] : 0);
  }
  return w;
}

static bool is_small(const window *w, const graft_type *x, const graft_type *y, bool transposed) {
  int64_t volume = x->dims[1] > y->dims[1] ? x->dims[1] : y->dims[1];
  for (int32_t i = 0; i < x->rank - 2; i++)
    if (!gr_dnnl_spans(&volume, transposed ? y->dims[2 + i] : x->dims[2 + i], w->before[i], w->after[i], w->stride[i]))
      return false;
  return true;
}

/* The weight as oneDNN numbers its axes: groups (where there are several), out, in, kernel. */
static dnnl_memory_desc_t weight_desc(const graft_type *w, int64_t groups, bool transposed) {
  int64_t dims[DNNL_MAX_NDIMS], strides[DNNL_MAX_NDIMS], taps = gr_extent(w, 2, w->rank), next = taps;
  int64_t in = transposed ? w->dims[0] / groups : w->dims[1], out = transposed ? w->dims[1] : w->dims[0] / groups;
  int n = 0;
  if (groups > 1) dims[n] = groups, strides[n++] = in * out * taps;
  dims[n] = out, strides[n++] = (transposed ? 1 : in) * taps;
  dims[n] = in, strides[n++] = (transposed ? out : 1) * taps;
  for (int32_t i = 2; i < w->rank; i++) {
    next /= w->dims[i];
    dims[n] = w->dims[i], strides[n++] = next;
  }
  dnnl_memory_desc_t d;
  memset(&d, 0, sizeof d);
  (void)dnnl_memory_desc_init_by_strides(&d, n, dims, dnnl_f32, strides);
  return d;
}

bool gr_dnnl_plan_conv(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p) {
  const graft_type *x = k->operands[0].type, *w = k->operands[1].type, *b = k->operands[2].type;
  const graft_type *y = k->results[0].type;
  bool transposed = gr_op_get(k->op)->families & GR_F_CONV_TRANSPOSE;
  if (!gr_dnnl_floats(k, 3)) return false;
  /* Each weight meets every position of x (transposed) or of y, in every image. */
  double positions =
      transposed ? (double)k->operands[0].count / (double)x->dims[1] : (double)k->results[0].count / (double)y->dims[1];
  if (positions * (double)k->operands[1].count < WORTHWHILE || !gr_dnnl_start(d)) return false;
  window win = read_window(k, transposed);
  if (!is_small(&win, x, y, transposed)) return false;
  dnnl_memory_desc_t src = gr_dnnl_type(x), dst = gr_dnnl_type(y), bias = {0};
  dnnl_memory_desc_t weight = weight_desc(w, gr_k_int(k, GR_ATTR_ND(conv, groups)), transposed);
  dnnl_memory_desc_t any_src = gr_dnnl_any(&src), any_dst = gr_dnnl_any(&dst), any_weight = gr_dnnl_any(&weight);
  if (b) bias = gr_dnnl_type(b);
  union {
    dnnl_convolution_desc_t conv;
    dnnl_deconvolution_desc_t deconv;
  } desc;
  dnnl_status_t status =
      transposed
          ? dnnl_dilated_deconvolution_forward_desc_init(
                &desc.deconv, dnnl_forward_inference, dnnl_deconvolution_direct, &any_src, &any_weight,
                b ? &bias : NULL, &any_dst, win.stride, win.dilation, win.before, win.after)
          : dnnl_dilated_convolution_forward_desc_init(&desc.conv, dnnl_forward_inference, dnnl_convolution_direct,
                                                       &any_src, &any_weight, b ? &bias : NULL, &any_dst, win.stride,
                                                       win.dilation, win.before, win.after);
  if (status != dnnl_success ||
      dnnl_primitive_desc_create(&p->desc, &desc, gr_dnnl_attr(d, r, p), d->engine, NULL) != dnnl_success)
    return false;
  gr_dnnl_add(p, DNNL_ARG_SRC, 0, false, &src);
  gr_dnnl_add(p, DNNL_ARG_WEIGHTS, 1, false, &weight);
  if (b) gr_dnnl_add(p, DNNL_ARG_BIAS, 2, false, &bias);
  gr_dnnl_add(p, DNNL_ARG_DST, 0, true, &dst);
  return true;
}

/* Does dy have all entries that the convolution gives? */
static bool is_whole(const window *w, const graft_type *x, const graft_type *weight, const graft_type *dy) {
  for (int32_t i = 0; i < x->rank - 2; i++) {
    const int64_t reach = (weight->dims[2 + i] - 1) * (w->dilation[i] + 1) + 1;
    const int64_t stride = w->stride[i] > 0 ? w->stride[i] : 1; /* which inference has seen to */
    if ((x->dims[2 + i] + w->before[i] + w->after[i] - reach) / stride + 1 != dy->dims[2 + i]) return false;
  }
  return true;
}

typedef struct backward {
  bool of_input;
  dnnl_memory_desc_t src, weight, dst; /* as they are wanted */
  window win;
} backward;

static bool make_backward(const gr_dnnl *d, const backward *b, dnnl_primitive_desc_t *made) {
  dnnl_convolution_desc_t desc;
  const window *w = &b->win;
  const dnnl_status_t status =
      b->of_input
          ? dnnl_dilated_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, &b->src, &b->weight,
                                                             &b->dst, w->stride, w->dilation, w->before, w->after)
          : dnnl_dilated_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct, &b->src, &b->weight,
                                                                NULL, &b->dst, w->stride, w->dilation, w->before,
                                                                w->after);
  return status == dnnl_success && dnnl_primitive_desc_create(made, &desc, d->attr, d->engine, NULL) == dnnl_success;
}

/* In the layout that x, or dy, comes in, if there is a fast implementation; of one image in the one that can be cut. */
static bool make_as_it_lies(const gr_dnnl *d, const gr_request *r, const backward *any, const dnnl_memory_desc_t *src,
                            const dnnl_memory_desc_t *dst, dnnl_primitive_desc_t *made) {
  const uint32_t layout = r->layouts[any->of_input ? 0 : 1];
  const char *name = "";
  backward b = *any;
  if (!layout || src->dims[0] == 1) return false;
  if (b.of_input)
    b.dst = gr_dnnl_in_layout(d, layout, dst);
  else
    b.src = gr_dnnl_in_layout(d, layout, src);
  if (!make_backward(d, &b, made)) return false;
  (void)dnnl_primitive_desc_query(*made, dnnl_query_impl_info_str, 0, &name);
  if (strncmp(name, "jit", 3) == 0 || strncmp(name, "brg", 3) == 0) return true;
  (void)dnnl_primitive_desc_destroy(*made);
  *made = NULL;
  return false;
}

bool gr_dnnl_plan_conv_backward(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p) {
  const bool of_input = k->op == GR_OP_conv_backward_input;
  const graft_type *dy = k->operands[0].type, *other = k->operands[1].type, *result = k->results[0].type;
  const graft_type *x = of_input ? result : other, *w = of_input ? other : result;
  if (!gr_dnnl_floats(k, 2)) return false;
  const double positions = (double)k->operands[0].count / (double)dy->dims[1];
  if (positions * (double)graft_type_elements(w) < WORTHWHILE || !gr_dnnl_start(d)) return false;
  const window win = read_window(k, false);
  if (!is_small(&win, x, dy, false) || !is_whole(&win, x, w, dy)) return false;
  const dnnl_memory_desc_t src = gr_dnnl_type(x), dst = gr_dnnl_type(dy);
  const dnnl_memory_desc_t weight = weight_desc(w, gr_k_int(k, GR_ATTR_ND(conv, groups)), false);
  const backward any = {.of_input = of_input,
                        .src = gr_dnnl_any(&src),
                        .weight = gr_dnnl_any(&weight),
                        .dst = gr_dnnl_any(&dst),
                        .win = win};
  if (!make_as_it_lies(d, r, &any, &src, &dst, &p->desc) && !make_backward(d, &any, &p->desc)) return false;
  gr_dnnl_add(p, DNNL_ARG_DIFF_DST, 0, false, &dst);
  if (of_input) {
    gr_dnnl_add(p, DNNL_ARG_WEIGHTS, 1, false, &weight);
    gr_dnnl_add(p, DNNL_ARG_DIFF_SRC, 0, true, &src);
  } else {
    gr_dnnl_add(p, DNNL_ARG_SRC, 1, false, &src);
    gr_dnnl_add(p, DNNL_ARG_DIFF_WEIGHTS, 0, true, &weight);
  }
  return true;
}
