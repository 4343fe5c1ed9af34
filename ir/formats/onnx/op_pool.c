/* Pools. Their padding may be symmetric and at most half the kernel, as PyTorch's is; any other becomes a pad node. */
#include "ir/formats/onnx/handler_impl.h"

#include <math.h>
#include <string.h>

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

/* Whether padding by a node of its own gives as many windows: where ceil_mode lets one begin in the padding behind x,
 * which graft and PyTorch leave out, less is padded there. False: it depends on an extent that is not known. */
static bool fit_padding(const gr_onnx *in, gr_window *w, graft_value x, bool ceil_mode) {
  if (ceil_mode && w->late != GR_PAD_NOTSET) return false;
  for (uint32_t i = 0; i < w->n && ceil_mode; i++) {
    const int64_t n = gr_onnx_spatial(in, x, i), reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
    if (w->stride[i] + w->end[i] <= reach) continue;
    if (n < 0 || n >= GR_ONNX_MAX_EXTENT) return false;
    const int64_t span = n + w->begin[i] + w->end[i] - reach, last = (span + w->stride[i] - 1) / w->stride[i];
    if (span < 0 || last == 0 || last * w->stride[i] < n + w->begin[i]) continue;
    const int64_t rest = (last - 1) * w->stride[i] + reach - n - w->begin[i];
    if (rest < w->end[i]) w->end[i] = rest > 0 ? rest : 0;
  }
  return true;
}

bool gr_onnx_max_pool(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0), padded = x;
  gr_window w = {0};
  if (in->failed || !gr_onnx_pool_window(in, &w, x)) return false;
  const bool indices = gr_onnx_output_read(in, 1), ceil_mode = gr_onnx_attr_bool(in, "ceil_mode", false);
  gr_window given = {.n = w.n}; /* the padding that a node of its own has */
  if (indices && gr_onnx_rank(in, x) < 0) return false;
  if (indices && w.late != GR_PAD_NOTSET) return gr_onnx_pool_stays(in, &w, x);
  if (!plain_padding(&w)) {
    if (!fit_padding(in, &w, x, ceil_mode)) return gr_onnx_pool_stays(in, &w, x);
    given = w;
    padded = gr_onnx_pad(in, &w, x, lowest(gr_onnx_value_type(in, x)->dtype));
  }
  begin_pool(in, GR_OP_max_pool1d, &w, ceil_mode);
  gr_onnx_set_ints(in, "dilation", w.dilation, w.n);
  if (!indices) return gr_onnx_finish(in, &padded, 1);
  graft_node n = gr_onnx_end(in, &padded, 1, (const char *[]){in->node->output[0], NULL}, 2, 0, NULL);
  return n != GRAFT_NONE && gr_onnx_tensor_indices(in, &given, x, gr_result(in->scope->graph, n, 1));
}

bool gr_onnx_lp_pool(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  gr_window w = {0};
  if (in->failed || !gr_onnx_pool_window(in, &w, x)) return false;
  const bool ceil_mode = gr_onnx_attr_bool(in, "ceil_mode", false), plain = plain_padding(&w);
  if (!plain && !fit_padding(in, &w, x, ceil_mode)) return gr_onnx_pool_stays(in, &w, x);
  if (!plain) x = gr_onnx_pad(in, &w, x, 0.0);
  begin_pool(in, GR_OP_lp_pool1d, &w, ceil_mode);
  gr_onnx_set_ints(in, "dilation", w.dilation, w.n);
  gr_onnx_set_float(in, "norm_type", (double)gr_onnx_attr_int(in, "p", 2));
  return gr_onnx_finish(in, &x, 1);
}

/* ---- average ---- */

/* How many elements of a window that begins at `at` lie from `low` to `high`. */
static int64_t between(const gr_window *w, uint32_t i, int64_t at, int64_t low, int64_t high) {
  const int64_t d = w->dilation[i], from = low > at ? (low - at + d - 1) / d : 0;
  int64_t to = high > at ? (high - at + d - 1) / d : 0;
  if (to > w->kernel[i]) to = w->kernel[i];
  return to > from ? to - from : 0;
}

/* With uneven padding that does not count: the mean over the padded windows is too small by the share of true elements
 * in each window, which is known for known extents. */
static graft_value known_shares(gr_onnx *in, const gr_window *given, const gr_window *w, graft_value x,
                                const graft_type *type, int64_t n) {
  const graft_type *xt = gr_onnx_value_type(in, x);
  double *share = gr_onnx_room(in, (uint64_t)n, sizeof *share);
  if (!share) return GRAFT_NONE;
  for (int64_t k = 0; k < n; k++) {
    int64_t rest = k;
    share[k] = 1;
    for (uint32_t i = w->n; i-- > 0;) {
      const int64_t at = rest % type->dims[i + 2] * w->stride[i], extent = xt->dims[i + 2];
      rest /= type->dims[i + 2];
      /* ceil_mode: what lies beyond the padding counts nowhere */
      const int64_t all = between(w, i, at, 0, extent + given->begin[i] + given->end[i]),
                    good = between(w, i, at, given->begin[i], given->begin[i] + extent);
      share[k] *= good > 0 ? (double)good / (double)all : 1; /* where there is none the sum is 0 too */
    }
  }
  if (type->dtype == GRAFT_F32)
    for (int64_t k = 0; k < n; k++) {
      float f = (float)share[k];
      memcpy((char *)share + k * 4, &f, sizeof f);
    }
  return gr_onnx_make_constant(in, "window_shares", type, share);
}

/* The first entry along an axis, which stays. */
static graft_value first_of(gr_onnx *in, graft_value x, int64_t axis) {
  gr_onnx_begin(in, GR_OP_slice);
  gr_onnx_set_int(in, "dim", axis);
  gr_onnx_set_int(in, "end", 1);
  return x == GRAFT_NONE ? x : gr_onnx_step(in, &x, 1);
}

static graft_value average(gr_onnx *in, const gr_window *w, graft_value x, bool ceil_mode) {
  begin_pool(in, GR_OP_avg_pool1d, w, ceil_mode);
  gr_onnx_set_ints(in, "dilation", w->dilation, w->n);
  return x == GRAFT_NONE ? x : gr_onnx_step(in, &x, 1);
}

/* The same at run time: the mean of ones. */
static graft_value computed_shares(gr_onnx *in, gr_window given, graft_value x, bool ceil_mode) {
  graft_value zeros = gr_onnx_unary(in, GR_OP_zeros_like, first_of(in, first_of(in, x, 0), 1));
  if (zeros == GRAFT_NONE) return GRAFT_NONE;
  graft_value one = graft_scalar(in->scope->graph, gr_onnx_value_type(in, zeros)->dtype, 1.0);
  graft_value ones = gr_onnx_binary(in, GR_OP_add, zeros, one);
  return ones == GRAFT_NONE ? ones : average(in, &given, gr_onnx_pad(in, &given, ones, 0.0), ceil_mode);
}

static graft_value shares(gr_onnx *in, const gr_window *given, const gr_window *w, graft_value x, graft_value mean,
                          bool ceil_mode) {
  const graft_type *xt = gr_onnx_value_type(in, x), *yt = gr_onnx_value_type(in, mean);
  graft_type type = {.dtype = xt->dtype, .rank = (int32_t)w->n + 2, .dims = {1, 1}};
  for (uint32_t i = 0; i < w->n; i++)
    type.dims[i + 2] = xt->rank > 0 && yt->rank > 0 && xt->dims[i + 2] >= 0 ? yt->dims[i + 2] : -1;
  const int64_t n = graft_type_elements(&type);
  if (n < 0 || (xt->dtype != GRAFT_F32 && xt->dtype != GRAFT_F64)) return computed_shares(in, *given, x, ceil_mode);
  return known_shares(in, given, w, x, &type, n);
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
  if (in->failed || !gr_onnx_pool_window(in, &w, x)) return false;
  if (is_adaptive(in, &w, x)) return adaptive_pool(in, &w, x);
  bool ceil_mode = gr_onnx_attr_bool(in, "ceil_mode", false), count = gr_onnx_attr_bool(in, "count_include_pad", false);
  bool plain = plain_padding(&w);
  if (!plain && !count && gr_onnx_rank(in, x) < 0) return false;
  if (!plain && !fit_padding(in, &w, x, ceil_mode)) return gr_onnx_pool_stays(in, &w, x);
  const gr_window given = w;
  graft_value padded = plain ? x : gr_onnx_pad(in, &w, x, 0.0);
  begin_pool(in, GR_OP_avg_pool1d, &w, ceil_mode);
  gr_onnx_set_ints(in, "dilation", w.dilation, w.n);
  gr_onnx_set_bool(in, "count_include_pad", count || !plain);
  if (plain || count) return gr_onnx_finish(in, &padded, 1);
  graft_value mean = gr_onnx_step(in, &padded, 1);
  if (mean == GRAFT_NONE) return false;
  graft_value share = shares(in, &given, &w, x, mean, ceil_mode);
  gr_onnx_begin(in, GR_OP_div);
  return share != GRAFT_NONE && gr_onnx_finish(in, (graft_value[]){mean, share}, 2);
}

/* ---- over all of space ---- */

/* PyTorch's pool of output_size 1; over other than one to three axes a reduction, which is the same. */
static bool global(gr_onnx *in, uint32_t pool, uint32_t reduce) {
  static const int64_t ones[GR_ONNX_SPATIAL] = {1, 1, 1};
  int64_t axes[GRAFT_MAX_RANK];
  graft_value x = gr_onnx_input(in, 0);
  int32_t rank = x == GRAFT_NONE ? -1 : gr_onnx_rank(in, x);
  if (rank < 0) return false;
  if (rank < 3) return gr_onnx_fail(in, GRAFT_TYPE, "%s: the input has no axis of space", in->row->name), false;
  if (rank <= 2 + GR_ONNX_SPATIAL && pool != GR_OP_COUNT) {
    gr_onnx_begin(in, pool + (uint32_t)rank - 3);
    gr_onnx_set_ints(in, "output_size", ones, (uint32_t)rank - 2);
    return gr_onnx_finish(in, &x, 1);
  }
  for (int32_t i = 2; i < rank; i++) axes[i - 2] = i;
  gr_onnx_begin(in, reduce);
  gr_onnx_set_ints(in, "dim", axes, (uint32_t)rank - 2);
  gr_onnx_set_bool(in, "keepdim", true);
  if (reduce == GR_OP_linalg_vector_norm) gr_onnx_set_float(in, "ord", (double)gr_onnx_attr_int(in, "p", 2));
  return gr_onnx_finish(in, &x, 1);
}

bool gr_onnx_global_average_pool(gr_onnx *in) { return global(in, GR_OP_adaptive_avg_pool1d, GR_OP_mean); }
bool gr_onnx_global_max_pool(gr_onnx *in) { return global(in, GR_OP_adaptive_max_pool1d, GR_OP_amax); }
bool gr_onnx_global_lp_pool(gr_onnx *in) { return global(in, GR_OP_COUNT, GR_OP_linalg_vector_norm); }
