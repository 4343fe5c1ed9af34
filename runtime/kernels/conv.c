/* Convolutions, 1-D to 3-D, written for three spatial axes; with fewer, the first ones have extent and kernel 1.
 *
 * conv: for each image and group a product weight [out, in * kernel] times columns [in * kernel, out positions], the
 * columns made piecewise as the product asks for them. Groups with one input channel (depthwise) are done directly.
 * conv_transpose: the product weight^T [out * kernel, in] times x [in, in positions], whose rows are added to where
 * their kernel position puts them. So is the gradient of a convolution's input made, of what flows to its result.
 *
 * The gradient of its weight: for each group a product dy [out, out positions] times columns^T, of image after image.
 */
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

GR_SAME_ATTR(stride, conv2d, conv_backward_input);
GR_SAME_ATTR(padding, conv2d, conv_backward_input);
GR_SAME_ATTR(dilation, conv2d, conv_backward_input);
GR_SAME_ATTR(groups, conv2d, conv_backward_input);
GR_SAME_ATTR(stride, conv2d, conv_backward_weight);
GR_SAME_ATTR(padding, conv2d, conv_backward_weight);
GR_SAME_ATTR(dilation, conv2d, conv_backward_weight);
GR_SAME_ATTR(groups, conv2d, conv_backward_weight);

static bool is_transposed(uint32_t op) { return gr_op_get(op)->families & GR_F_CONV_TRANSPOSE; }

/* Of the convolution, transposed or not, of x and w that gives y. */
static conv shape_of(const gr_kernel_call *k, const graft_type *x, const graft_type *w, const graft_type *y,
                     bool transposed) {
  const int32_t n = x->rank - 2;
  uint32_t count;
  const int64_t *stride = gr_k_ints(k, GR_ATTR_ND(conv, stride), &count),
                *padding = gr_k_ints(k, GR_ATTR_ND(conv, padding), &count);
  const int64_t *dilation =
      gr_k_ints(k, is_transposed(k->op) ? GR_ATTR_ND(conv_transpose, dilation) : GR_ATTR_ND(conv, dilation), &count);
  conv c = {.context = k->context,
            .images = x->dims[0],
            .groups = gr_k_int(k, GR_ATTR_ND(conv, groups)),
            .x_plane = 1,
            .y_plane = 1,
            .taps = 1};
  c.in = x->dims[1] / c.groups;
  c.out = transposed ? w->dims[1] : w->dims[0] / c.groups;
  for (int32_t i = 0; i < 3; i++) {
    const int32_t at = i - (3 - n);
    c.a[i] = (axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    if (at < 0) continue;
    c.a[i] = (axis){.in = x->dims[2 + at],
                    .out = y->dims[2 + at],
                    .kernel = w->dims[2 + at],
                    .stride = stride[at],
                    .padding = padding[at],
                    .dilation = dilation[at]};
    c.x_plane *= c.a[i].in;
    c.y_plane *= c.a[i].out;
    c.taps *= c.a[i].kernel;
  }
  return c;
}

/* Of the first `operands`, as far as they are there. */
static graft_status check_dtypes(const gr_kernel_call *k, uint32_t operands, gr_product *product) {
  const graft_dtype d = k->operands[0].type->dtype;
  if (!gr_product_of(d, product)) return gr_kernel_no_dtype(k, d);
  for (uint32_t i = 1; i < operands; i++)
    if (k->operands[i].data && k->operands[i].type->dtype != d)
      return gr_kernel_no_dtype(k, k->operands[i].type->dtype);
  return GRAFT_OK;
}

static graft_status read_conv(const gr_kernel_call *k, conv *c, gr_product *product) {
  *c = shape_of(k, k->operands[0].type, k->operands[1].type, k->results[0].type, is_transposed(k->op));
  c->x = k->operands[0].data;
  c->weight = k->operands[1].data;
  c->bias = k->operands[2].data;
  c->y = k->results[0].data;
  return check_dtypes(k, 3, product);
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
  graft_status status = read_conv(k, &c, &product);
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

static graft_status transpose(const gr_kernel_call *k, gr_product product, conv *c) {
  static graft_status (*const run[])(const gr_kernel_call *, conv *) = {transpose_f32, transpose_f64, transpose_u32,
                                                                        transpose_u64};
  return run[product](k, c);
}

graft_status gr_kernel_conv_transpose(const gr_kernel_call *k) {
  conv c;
  gr_product product = GR_PRODUCT_F32;
  graft_status status = read_conv(k, &c, &product);
  if (status != GRAFT_OK || k->results[0].count == 0) return status;
  return transpose(k, product, &c);
}

/* ---- gradients ---- */

graft_status gr_kernel_conv_backward_input(const gr_kernel_call *k) {
  gr_product product = GR_PRODUCT_F32;
  graft_status status = check_dtypes(k, 2, &product);
  if (status != GRAFT_OK || k->results[0].count == 0) return status;
  conv c = shape_of(k, k->operands[0].type, k->operands[1].type, k->results[0].type, true);
  c.x = k->operands[0].data;
  c.weight = k->operands[1].data;
  c.y = k->results[0].data;
  return transpose(k, product, &c);
}

graft_status gr_kernel_conv_backward_weight(const gr_kernel_call *k) {
  gr_product product = GR_PRODUCT_F32;
  graft_status status = check_dtypes(k, 2, &product);
  if (status != GRAFT_OK || k->results[0].count == 0) return status;
  conv c = shape_of(k, k->operands[1].type, k->results[0].type, k->operands[0].type, false);
  const size_t size = graft_dtype_size(k->results[0].type->dtype);
  if (c.images == 0 || c.y_plane == 0) memset(k->results[0].data, 0, (size_t)k->results[0].count * size);
  join_axes(&c);
  gr_gemm g = {.m = c.out,
               .n = c.in * c.taps,
               .k = c.y_plane,
               .batch = c.groups,
               .a_count = c.groups,
               .a_batch = c.out * c.y_plane,
               .a_row = c.y_plane,
               .a_col = 1,
               .c = k->results[0].data,
               .user = &c};
  static const gr_pack pack_rows[] = {pack_rows_f32, pack_rows_f64, pack_rows_u32, pack_rows_u64};
  gr_kernel_call one = *k; /* image: its working arrays are the next one's */
  one.scratch = gr_scratch_create(k->context);
  if (!one.scratch) return GRAFT_NO_MEMORY;
  for (int64_t i = 0; i < c.images && c.y_plane && status == GRAFT_OK; i++) {
    c.x = (const char *)k->operands[1].data + (size_t)(i * c.groups * c.in * c.x_plane) * size;
    g.a = (const char *)k->operands[0].data + (size_t)(i * c.groups * c.out * c.y_plane) * size;
    g.add = i > 0;
    status = gr_gemm_run(&one, product, &g, pack_rows[product]);
    gr_scratch_reset(one.scratch);
  }
  gr_scratch_destroy(one.scratch);
  return status;
}
