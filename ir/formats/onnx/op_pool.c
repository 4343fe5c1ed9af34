/* Pools. Their padding may be symmetric and at most half the kernel, as PyTorch's is; any other becomes a pad node. */
#include "ir/formats/onnx/handler_impl.h"

#include <math.h>
#include <string.h>

static bool read_kernel(gr_onnx *in, gr_window *w, graft_value x) {
  const Onnx__AttributeProto *a = gr_onnx_attr(in, "kernel_shape");
  size_t n = a ? a->n_ints : 0;
  if (n < 1 || n > GR_ONNX_SPATIAL) {
    gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: kernel_shape must have 1 to 3 entries", in->row->name);
    return false;
  }
  int32_t rank = gr_onnx_value_type(in, x)->rank;
  if (rank >= 0 && rank != (int32_t)n + 2) {
    gr_onnx_fail(in, GRAFT_TYPE, "%s: kernel_shape has %zu entries, the input rank %d", in->row->name, n, rank);
    return false;
  }
  w->n = (uint32_t)n;
  memcpy(w->kernel, a->ints, n * sizeof *a->ints);
  return gr_onnx_window(in, w, x);
}

static bool plain_padding(const gr_window *w) {
  for (uint32_t i = 0; i < w->n; i++)
    if (w->begin[i] * 2 > w->kernel[i]) return false;
  return gr_onnx_symmetric(w);
}

static void begin_pool(gr_onnx *in, uint32_t op, const gr_window *w, bool ceil_mode) {
  gr_onnx_begin(in, op + w->n - 1);
  gr_onnx_set_ints(in, "kernel_size", w->kernel, w->n);
  gr_onnx_set_ints(in, "stride", w->stride, w->n);
  gr_onnx_set_ints(in, "padding", w->begin, w->n);
  gr_onnx_set_bool(in, "ceil_mode", ceil_mode);
}

/* ---- maximum ---- */

/* A value that no element is below. */
static double lowest(graft_dtype dtype) {
  int64_t low, high;
  return gr_integer_range(dtype, &low, &high) ? (double)low : -INFINITY;
}

static graft_value i64_scalar(gr_onnx *in, int64_t v) {
  graft_type type = {.dtype = GRAFT_I64};
  return gr_onnx_make_constant(in, "scalar", &type, &v);
}

static graft_value binary(gr_onnx *in, uint32_t op, graft_value a, graft_value b) {
  gr_onnx_begin(in, op);
  return gr_onnx_step(in, (graft_value[]){a, b}, 2);
}

/* From row-major to column-major positions in a plane of height x width. */
static graft_value column_major(gr_onnx *in, graft_value index, int64_t height, int64_t width) {
  graft_value wide = i64_scalar(in, width);
  graft_value row = binary(in, GR_OP_div, index, wide);
  graft_value column = binary(in, GR_OP_sub, index, binary(in, GR_OP_mul, row, wide));
  return binary(in, GR_OP_add, binary(in, GR_OP_mul, column, i64_scalar(in, height)), row);
}

/* ONNX counts the maximum's position over the whole tensor, graft (as PyTorch) over the plane. */
static bool whole_tensor_indices(gr_onnx *in, const gr_window *w, graft_value x, graft_value index) {
  const graft_type *t = gr_onnx_value_type(in, x);
  int64_t plane = 1, planes = graft_type_elements(t);
  bool column = gr_onnx_attr_bool(in, "storage_order", false);
  if (planes <= 0 || (column && w->n == 3)) {
    gr_onnx_fail(in, GRAFT_UNSUPPORTED, "MaxPool: Indices need a known shape, and rows before columns in 3-D");
    return false;
  }
  int64_t dims[GRAFT_MAX_RANK];
  memcpy(dims, t->dims, sizeof dims);
  for (uint32_t i = 0; i < w->n; i++) plane *= dims[i + 2];
  if (column && w->n == 2) index = column_major(in, index, dims[2], dims[3]);
  planes /= plane;
  graft_type type = {.dtype = GRAFT_I64, .rank = (int32_t)w->n + 2, .dims = {dims[0], dims[1], 1, 1, 1}};
  if (type.rank < 5) type.dims[4] = 0;
  if (type.rank < 4) type.dims[3] = 0;
  int64_t *offsets = gr_onnx_room(in, (uint64_t)planes, sizeof *offsets);
  if (!offsets) return false;
  for (int64_t i = 0; i < planes; i++) offsets[i] = i * plane;
  graft_value operands[2] = {index, gr_onnx_make_constant(in, "plane_offsets", &type, offsets)};
  gr_onnx_begin(in, GR_OP_add);
  return gr_onnx_end(in, operands, 2, (const char *[]){in->node->output[1]}, 1, 0, NULL) != GRAFT_NONE;
}

bool gr_onnx_max_pool(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0), padded = x;
  gr_window w = {0};
  if (in->failed || !read_kernel(in, &w, x)) return false;
  bool indices = gr_onnx_output_read(in, 1);
  if (indices && gr_onnx_rank(in, x) < 0) return false;
  if (!plain_padding(&w)) {
    if (indices) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "MaxPool: Indices with uneven padding"), false;
    padded = gr_onnx_pad(in, &w, x, lowest(gr_onnx_value_type(in, x)->dtype));
  }
  begin_pool(in, GR_OP_max_pool1d, &w, gr_onnx_attr_bool(in, "ceil_mode", false));
  gr_onnx_set_ints(in, "dilation", w.dilation, w.n);
  if (!indices) return gr_onnx_finish(in, &padded, 1);
  graft_node n = gr_onnx_end(in, &padded, 1, (const char *[]){in->node->output[0], NULL}, 2, 0, NULL);
  return n != GRAFT_NONE && whole_tensor_indices(in, &w, x, gr_result(in->scope->graph, n, 1));
}

/* ---- average ---- */

/* With uneven padding that does not count: the mean over the padded windows is too small by the share of true elements
 * in each window, which is known for known extents. */
static graft_value shares(gr_onnx *in, const gr_window *given, const gr_window *w, graft_value x, graft_value mean) {
  const graft_type *xt = gr_onnx_value_type(in, x), *yt = gr_onnx_value_type(in, mean);
  graft_type type = {.dtype = xt->dtype, .rank = (int32_t)w->n + 2, .dims = {1, 1}};
  for (uint32_t i = 0; i < w->n; i++)
    type.dims[i + 2] = xt->rank > 0 && yt->rank > 0 && xt->dims[i + 2] >= 0 ? yt->dims[i + 2] : -1;
  int64_t n = graft_type_elements(&type);
  if (n < 0 || !gr_is_float(xt->dtype)) {
    gr_onnx_fail(in, GRAFT_UNSUPPORTED,
                 "AveragePool: uneven padding that does not count needs floats of a known shape");
    return GRAFT_NONE;
  }
  double *share = gr_onnx_room(in, (uint64_t)n, sizeof *share);
  if (!share) return GRAFT_NONE;
  for (int64_t k = 0; k < n; k++) {
    int64_t rest = k;
    share[k] = 1;
    for (uint32_t i = w->n; i-- > 0;) {
      int64_t at = rest % type.dims[i + 2] * w->stride[i], extent = xt->dims[i + 2];
      rest /= type.dims[i + 2];
      int64_t end = at + w->kernel[i], limit = extent + given->begin[i] + given->end[i];
      if (end > limit) end = limit; /* ceil_mode: what lies beyond the padding counts nowhere */
      int64_t lo = at > given->begin[i] ? at : given->begin[i];
      int64_t hi = end < given->begin[i] + extent ? end : given->begin[i] + extent;
      share[k] *= (double)(hi > lo ? hi - lo : 0) / (double)(end > at ? end - at : 1);
    }
  }
  if (type.dtype == GRAFT_F32)
    for (int64_t k = 0; k < n; k++) {
      float f = (float)share[k];
      memcpy((char *)share + k * 4, &f, sizeof f);
    }
  return gr_onnx_make_constant(in, "window_shares", &type, share);
}

/* What PyTorch's exporter makes of adaptive_avg_pool: windows that tile the input, and no word of padding, which it
 * writes for avg_pool always. The mean is the same; a quantizer takes the two for different ops. */
static bool is_adaptive(gr_onnx *in, const gr_window *w, graft_value x) {
  const graft_type *t = gr_onnx_value_type(in, x);
  static const char *const absent[] = {"pads", "auto_pad", "ceil_mode", "count_include_pad"};
  for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
    if (gr_onnx_attr(in, absent[i])) return false;
  for (uint32_t i = 0; i < w->n; i++)
    if (w->stride[i] != w->kernel[i] || t->rank < 0 || t->dims[i + 2] < 0 || t->dims[i + 2] % w->kernel[i])
      return false;
  return in->pytorch;
}

static bool adaptive_pool(gr_onnx *in, const gr_window *w, graft_value x) {
  const graft_type *t = gr_onnx_value_type(in, x);
  int64_t size[GR_ONNX_SPATIAL] = {0};
  for (uint32_t i = 0; i < w->n; i++) size[i] = t->dims[i + 2] / w->kernel[i];
  gr_onnx_begin(in, GR_OP_adaptive_avg_pool1d + w->n - 1);
  gr_onnx_set_ints(in, "output_size", size, w->n);
  return gr_onnx_finish(in, &x, 1);
}

bool gr_onnx_average_pool(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  gr_window w = {0};
  if (in->failed || !read_kernel(in, &w, x)) return false;
  for (uint32_t i = 0; i < w.n; i++)
    if (w.dilation[i] != 1) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "AveragePool with dilations"), false;
  if (is_adaptive(in, &w, x)) return adaptive_pool(in, &w, x);
  bool ceil_mode = gr_onnx_attr_bool(in, "ceil_mode", false), count = gr_onnx_attr_bool(in, "count_include_pad", false);
  bool plain = plain_padding(&w);
  if (!plain && !count && gr_onnx_rank(in, x) < 0) return false;
  const gr_window given = w;
  graft_value padded = plain ? x : gr_onnx_pad(in, &w, x, 0.0);
  begin_pool(in, GR_OP_avg_pool1d, &w, ceil_mode);
  gr_onnx_set_bool(in, "count_include_pad", count || !plain);
  if (plain || count) return gr_onnx_finish(in, &padded, 1);
  graft_value mean = gr_onnx_step(in, &padded, 1);
  if (mean == GRAFT_NONE) return false;
  graft_value share = shares(in, &given, &w, x, mean);
  gr_onnx_begin(in, GR_OP_div);
  return gr_onnx_finish(in, (graft_value[]){mean, share}, 2);
}

bool gr_onnx_global_average_pool(gr_onnx *in) {
  static const int64_t ones[GR_ONNX_SPATIAL] = {1, 1, 1};
  graft_value x = gr_onnx_input(in, 0);
  int32_t rank = x == GRAFT_NONE ? -1 : gr_onnx_rank(in, x);
  if (rank < 0) return false;
  if (rank < 3 || rank > 2 + GR_ONNX_SPATIAL)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "GlobalAveragePool: only 1 to 3 spatial axes are supported"), false;
  gr_onnx_begin(in, GR_OP_adaptive_avg_pool1d + (uint32_t)rank - 3);
  gr_onnx_set_ints(in, "output_size", ones, (uint32_t)rank - 2);
  return gr_onnx_finish(in, &x, 1);
}
