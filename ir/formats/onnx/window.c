/* Sliding windows and the padding that convolutions and pools share. Every number read is in range before anything is
 * computed of it (GR_ONNX_MAX_EXTENT). */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

bool gr_onnx_window_in_range(gr_onnx *in, const gr_window *w) {
  for (uint32_t i = 0; i < w->n; i++) {
    bool good = w->kernel[i] >= 1 && w->kernel[i] < GR_ONNX_MAX_EXTENT && w->stride[i] >= 1 &&
                w->stride[i] < GR_ONNX_MAX_EXTENT && w->dilation[i] >= 1 && w->dilation[i] < GR_ONNX_MAX_EXTENT &&
                w->begin[i] >= 0 && w->begin[i] < GR_ONNX_MAX_EXTENT && w->end[i] >= 0 &&
                w->end[i] < GR_ONNX_MAX_EXTENT;
    if (!good) {
      gr_onnx_fail(in, GRAFT_TYPE, "%s: a kernel, stride, dilation or padding is out of range", in->row->name);
      return false;
    }
  }
  return true;
}

int64_t gr_onnx_spatial(const gr_onnx *in, graft_value x, uint32_t i) {
  const graft_type *t = gr_onnx_value_type(in, x);
  return t->rank > (int32_t)i + 2 ? t->dims[i + 2] : -1;
}

gr_auto_pad gr_onnx_read_auto_pad(gr_onnx *in) {
  if (!gr_onnx_attr(in, "auto_pad") || gr_onnx_attr_is(in, "auto_pad", "NOTSET")) return GR_PAD_NOTSET;
  if (gr_onnx_attr_is(in, "auto_pad", "VALID")) return GR_PAD_VALID;
  if (gr_onnx_attr_is(in, "auto_pad", "SAME_UPPER")) return GR_PAD_SAME_UPPER;
  if (gr_onnx_attr_is(in, "auto_pad", "SAME_LOWER")) return GR_PAD_SAME_LOWER;
  gr_onnx_fail(in, GRAFT_TYPE, "%s: unknown auto_pad", in->row->name);
  return GR_PAD_BAD;
}

static bool read_pads(gr_onnx *in, gr_window *w) {
  int64_t pads[2 * GR_ONNX_SPATIAL];
  if (!gr_onnx_attr_ints(in, "pads", 2 * w->n, 0, pads)) return false;
  memcpy(w->begin, pads, w->n * sizeof *pads);
  memcpy(w->end, pads + w->n, w->n * sizeof *pads);
  return true;
}

bool gr_onnx_read_window(gr_onnx *in, gr_window *w) {
  return gr_onnx_attr_ints(in, "strides", w->n, 1, w->stride) &&
         gr_onnx_attr_ints(in, "dilations", w->n, 1, w->dilation) && read_pads(in, w) && gr_onnx_window_in_range(in, w);
}

bool gr_onnx_window(gr_onnx *in, gr_window *w, graft_value x) {
  if (!gr_onnx_read_window(in, w)) return false;
  gr_auto_pad mode = gr_onnx_read_auto_pad(in);
  if (mode == GR_PAD_BAD) return false;
  if (mode == GR_PAD_NOTSET) return true;
  for (uint32_t i = 0; i < w->n; i++) {
    w->begin[i] = w->end[i] = 0;
    if (mode == GR_PAD_VALID) continue;
    int64_t reach = (w->kernel[i] - 1) * w->dilation[i] + 1, extent = gr_onnx_spatial(in, x, i);
    if (extent < 0 && w->stride[i] != 1) {
      if (gr_onnx_rank(in, x) < 0) return false;
      w->late = mode;
      continue;
    }
    if (extent >= GR_ONNX_MAX_EXTENT) {
      gr_onnx_fail(in, GRAFT_TYPE, "%s: auto_pad of an extent that is out of range", in->row->name);
      return false;
    }
    int64_t out = extent < 0 ? 0 : (extent + w->stride[i] - 1) / w->stride[i];
    int64_t total = extent < 0 ? reach - 1 : (out - 1) * w->stride[i] + reach - extent;
    if (total < 0) total = 0;
    w->begin[i] = mode == GR_PAD_SAME_UPPER ? total / 2 : total - total / 2;
    w->end[i] = total - w->begin[i];
  }
  return gr_onnx_window_in_range(in, w);
}

bool gr_onnx_symmetric(const gr_window *w) {
  return w->late == GR_PAD_NOTSET && memcmp(w->begin, w->end, w->n * sizeof *w->begin) == 0;
}

static graft_value numbers(gr_onnx *in, const char *name, const int64_t *list, uint32_t count) {
  const graft_type type = graft_type_make(GRAFT_I64, 1, (int64_t[]){count});
  return gr_onnx_make_constant(in, name, &type, list);
}

graft_value gr_onnx_pad_pairs(gr_onnx *in, graft_value before, graft_value after, uint32_t axes) {
  int64_t order[2 * GRAFT_MAX_RANK];
  for (uint32_t i = 0; i < axes; i++) {
    order[2 * i] = axes - 1 - i;
    order[2 * i + 1] = 2 * (int64_t)axes - 1 - i;
  }
  if (before == GRAFT_NONE || after == GRAFT_NONE) return GRAFT_NONE;
  gr_onnx_begin(in, GR_OP_cat);
  const graft_value both = gr_onnx_step(in, (graft_value[]){before, after}, 2);
  return gr_onnx_binary(in, GR_OP_index_select, both, numbers(in, "pairs", order, 2 * axes));
}

/* What auto_pad SAME asks for extents n: as much as brings a window to each stride that n begins, in all
 * max(reach - 1 - (n - 1) % stride, 0). */
static graft_value same_pads(gr_onnx *in, const gr_window *w, graft_value x) {
  int64_t more[GR_ONNX_SPATIAL];
  for (uint32_t i = 0; i < w->n; i++) more[i] = (w->kernel[i] - 1) * w->dilation[i];
  gr_onnx_begin(in, GR_OP_shape);
  gr_onnx_set_int(in, "start", 2);
  graft_value v = gr_onnx_binary(in, GR_OP_sub, gr_onnx_step(in, &x, 1), gr_onnx_number(in, 1));
  v = gr_onnx_binary(in, GR_OP_remainder, v, numbers(in, "strides", w->stride, w->n));
  v = gr_onnx_binary(in, GR_OP_sub, numbers(in, "reach", more, w->n), v);
  v = gr_onnx_binary(in, GR_OP_maximum, v, gr_onnx_number(in, 0));
  const graft_value less = gr_onnx_binary(in, GR_OP_div, v, gr_onnx_number(in, 2)),
                    rest = gr_onnx_binary(in, GR_OP_sub, v, less);
  return w->late == GR_PAD_SAME_UPPER ? gr_onnx_pad_pairs(in, less, rest, w->n)
                                      : gr_onnx_pad_pairs(in, rest, less, w->n);
}

graft_value gr_onnx_pad(gr_onnx *in, gr_window *w, graft_value x, double value) {
  int64_t pads[2 * GR_ONNX_SPATIAL];
  const graft_value late = w->late == GR_PAD_NOTSET ? GRAFT_NONE : same_pads(in, w, x);
  if (in->failed) return GRAFT_NONE;
  w->late = GR_PAD_NOTSET;
  for (uint32_t i = 0; i < w->n; i++) { /* graft's begin with the last axis */
    pads[2 * i] = w->begin[w->n - 1 - i];
    pads[2 * i + 1] = w->end[w->n - 1 - i];
    w->begin[w->n - 1 - i] = w->end[w->n - 1 - i] = 0;
  }
  gr_onnx_begin(in, GR_OP_pad);
  if (late == GRAFT_NONE) gr_onnx_set_ints(in, "pad", pads, 2 * w->n);
  gr_onnx_set_float(in, "value", value);
  return gr_onnx_step(in, (graft_value[]){x, GRAFT_NONE, late}, late == GRAFT_NONE ? 1 : 3);
}

bool gr_onnx_pool_window(gr_onnx *in, gr_window *w, graft_value x) {
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

bool gr_onnx_pool_stays(gr_onnx *in, const gr_window *w, graft_value x) {
  graft_type type = {.dtype = gr_onnx_value_type(in, x)->dtype, .rank = (int32_t)w->n + 2};
  for (int32_t i = 0; i < type.rank; i++) type.dims[i] = -1;
  return gr_onnx_stays(in, &type, "its padding needs to know the extents of its input");
}
