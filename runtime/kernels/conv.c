/* Convolutions, 1-D to 3-D, written for three spatial axes; with fewer, the first ones have extent and kernel 1.
 *
 * conv: for each image and group a product weight [out, in * kernel] times columns [in * kernel, out positions], the
 * columns made piecewise as the product asks for them. Groups with one input channel (depthwise) are done directly.
 * conv_transpose: the product weight^T [out * kernel, in] times x [in, in positions], whose rows are added to where
 * their kernel position puts them. */
#include "runtime/kernels/gemm_impl.h"

#include <string.h>

typedef struct axis {
  int64_t in, out, kernel, stride, padding, dilation;
} axis;

typedef struct conv {
  const graft_context *context;
  const void *x, *weight, *bias; /* bias may be NULL */
  void *y;
  int64_t images, groups, in, out; /* channels of a group */
  axis a[3];
  int64_t x_plane, y_plane, taps; /* elements in a plane of x, of y, and in a kernel */
  int64_t chunk, chunks;          /* conv_transpose: output channels in a piece of work, pieces in a group */
  void *columns;                  /* conv_transpose: chunk * taps * NC for each worker */
} conv;

GR_SAME_ATTR(stride, conv2d, conv_transpose2d);
GR_SAME_ATTR(padding, conv2d, conv_transpose2d);
GR_SAME_ATTR(groups, conv2d, conv_transpose2d);

static graft_status read_conv(const gr_kernel_call *k, int n, bool transposed, conv *c, gr_product *product) {
  const graft_type *x = k->operands[0].type, *w = k->operands[1].type, *y = k->results[0].type;
  uint32_t count;
  const int64_t *stride = gr_k_ints(k, GR_ATTR_ND(conv, stride), &count),
                *padding = gr_k_ints(k, GR_ATTR_ND(conv, padding), &count);
  const int64_t *dilation =
      gr_k_ints(k, transposed ? GR_ATTR_ND(conv_transpose, dilation) : GR_ATTR_ND(conv, dilation), &count);
  *c = (conv){.context = k->context,
              .x = k->operands[0].data,
              .weight = k->operands[1].data,
              .bias = k->operands[2].data,
              .y = k->results[0].data,
              .images = x->rank == n + 2 ? x->dims[0] : 1,
              .groups = gr_k_int(k, GR_ATTR_ND(conv, groups)),
              .x_plane = 1,
              .y_plane = 1,
              .taps = 1};
  c->in = x->dims[x->rank - n - 1] / c->groups;
  c->out = transposed ? w->dims[1] : w->dims[0] / c->groups;
  for (int i = 0; i < 3; i++) {
    int at = i - (3 - n);
    c->a[i] = (axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    if (at < 0) continue;
    c->a[i] = (axis){.in = x->dims[x->rank - n + at],
                     .out = y->dims[y->rank - n + at],
                     .kernel = w->dims[2 + at],
                     .stride = stride[at],
                     .padding = padding[at],
                     .dilation = dilation[at]};
    c->x_plane *= c->a[i].in;
    c->y_plane *= c->a[i].out;
    c->taps *= c->a[i].kernel;
  }
  graft_dtype d = x->dtype;
  if (!gr_product_of(d, product)) return gr_kernel_no_dtype(k, d);
  for (uint32_t i = 1; i < 3; i++)
    if (k->operands[i].data && k->operands[i].type->dtype != d)
      return gr_kernel_no_dtype(k, k->operands[i].type->dtype);
  return GRAFT_OK;
}

/* Outputs [first, last) of an axis for which kernel position `tap` reads inside the input. */
static void reach(const axis *a, int64_t tap, int64_t *first, int64_t *last) {
  int64_t offset = tap * a->dilation - a->padding; /* input = output * stride + offset */
  *first = offset >= 0 ? 0 : (-offset + a->stride - 1) / a->stride;
  *last = offset >= a->in ? 0 : (a->in - 1 - offset) / a->stride + 1;
  if (*last > a->out) *last = a->out;
  if (*first > *last) *first = *last;
}

#define NR GR_GEMM_NR_32
#define T float
#define NAME(name) name##_f32
#include "runtime/kernels/conv.inc"
#undef T
#undef NAME
#define T uint32_t
#define NAME(name) name##_u32
#include "runtime/kernels/conv.inc"
#undef T
#undef NAME
#undef NR
#define NR GR_GEMM_NR_64
#define T double
#define NAME(name) name##_f64
#include "runtime/kernels/conv.inc"
#undef T
#undef NAME
#define T uint64_t
#define NAME(name) name##_u64
#include "runtime/kernels/conv.inc"
#undef T
#undef NAME
#undef NR

/* A pointwise convolution is a product over one long axis. */
static void join_axes(conv *c) {
  for (int i = 0; i < 3; i++)
    if (c->a[i].kernel != 1 || c->a[i].stride != 1 || c->a[i].padding != 0) return;
  axis one = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
  c->a[0] = c->a[1] = c->a[2] = one;
  c->a[2].in = c->a[2].out = c->x_plane;
}

graft_status gr_kernel_conv(const gr_kernel_call *k) {
  conv c;
  gr_product product = GR_PRODUCT_F32;
  graft_status status = read_conv(k, k->op == GR_OP_conv1d ? 1 : k->op == GR_OP_conv2d ? 2 : 3, false, &c, &product);
  if (status != GRAFT_OK || k->results[0].count == 0) return status;
  if (c.in == 1 && c.out <= 4) {
    static const gr_range_function depthwise[] = {depthwise_f32, depthwise_f64, depthwise_u32, depthwise_u64};
    gr_parallel_for(k->threads, c.images * c.groups * c.out, 1 + 65536 / (c.y_plane * c.taps + 1), depthwise[product],
                    &c);
    return GRAFT_OK;
  }
  join_axes(&c);
  gr_gemm g = {.m = c.out,
               .n = c.y_plane,
               .k = c.in * c.taps,
               .batch = c.images * c.groups,
               .a = c.weight,
               .a_count = c.groups,
               .a_batch = c.out * c.in * c.taps,
               .a_row = c.in * c.taps,
               .a_col = 1,
               .c = c.y,
               .row_bias = c.bias,
               .user = &c};
  static const gr_pack pack_columns[] = {pack_columns_f32, pack_columns_f64, pack_columns_u32, pack_columns_u64};
  return gr_gemm_run(k, product, &g, pack_columns[product]);
}

graft_status gr_kernel_conv_transpose(const gr_kernel_call *k) {
  int n = k->op == GR_OP_conv_transpose1d ? 1 : k->op == GR_OP_conv_transpose2d ? 2 : 3;
  conv c;
  gr_product product = GR_PRODUCT_F32;
  graft_status status = read_conv(k, n, true, &c, &product);
  if (status != GRAFT_OK || k->results[0].count == 0) return status;
  static graft_status (*const transpose[])(const gr_kernel_call *, conv *) = {transpose_f32, transpose_f64,
                                                                              transpose_u32, transpose_u64};
  return transpose[product](k, &c);
}
