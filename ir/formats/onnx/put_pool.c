/* Pools. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

GR_SAME_ATTR(kernel_size, max_pool2d, avg_pool2d);
GR_SAME_ATTR(stride, max_pool2d, avg_pool2d);
GR_SAME_ATTR(padding, max_pool2d, avg_pool2d);
GR_SAME_ATTR(kernel_size, max_pool2d, lp_pool2d);
GR_SAME_ATTR(dilation, max_pool2d, lp_pool2d);
GR_SAME_ATTR(ceil_mode, max_pool2d, lp_pool2d);

static bool is_dilated(const int64_t *dilation, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (dilation[i] != 1) return true;
  return false;
}

/* What all pools have. Padding is always written: its absence says that the pool was an adaptive one (op_pool.c). */
static Onnx__NodeProto *begin(gr_out *w, uint32_t ceil_slot, uint32_t dilation_slot, int64_t since) {
  const uint32_t set = gr_out_attrs(w);
  uint32_t n;
  const int64_t *dilation = gr_attr_ints(w->module, set, dilation_slot, &n);
  const int64_t *padding = gr_attr_ints(w->module, set, GR_ATTR_ND(max_pool, padding), &n);
  const bool ceil_mode = gr_attr_bool(w->module, set, ceil_slot), dilated = is_dilated(dilation, n);
  int64_t pads[2 * GRAFT_MAX_RANK] = {0};
  if (w->opset < since && (dilated || (ceil_mode && strcmp(w->row->onnx, "LpPool") == 0))) {
    gr_out_refuse(w, "%s has %s from opset %lld on: write that or a later one", w->row->onnx,
                  dilated ? "dilations" : "ceil_mode", (long long)since);
    return NULL;
  }
  Onnx__NodeProto *node = gr_out_begin(w, w->row->onnx);
  if (ceil_mode) gr_out_set_int(w, node, "ceil_mode", 1);
  if (dilated) gr_out_set_ints(w, node, "dilations", dilation, n);
  gr_out_set_list(w, node, "kernel_shape", GR_ATTR_ND(max_pool, kernel_size));
  for (uint32_t i = 0; i < n; i++) pads[i] = pads[n + i] = padding[i];
  gr_out_set_ints(w, node, "pads", pads, 2 * n);
  gr_out_set_list(w, node, "strides", GR_ATTR_ND(max_pool, stride));
  return node;
}

/* ONNX counts in the whole tensor, graft in a plane: what is left when planes are taken away. */
static bool plane_indices(gr_out *w, Onnx__NodeProto *node, uint32_t n) {
  const graft_type *x = gr_out_type(w, 0);
  const char *input = gr_out_operand(w, 0), *result = gr_out_result(w, 0);
  int64_t plane = 1;
  for (uint32_t i = 0; i < n; i++) {
    if (x->rank != (int32_t)n + 2 || x->dims[i + 2] < 0)
      return gr_out_refuse(
          w, "MaxPool's indices count in the whole tensor: to count in a plane its extents must be known: "
             "give the inputs their shapes");
    plane *= x->dims[i + 2];
  }
  const char *outputs[2] = {result, gr_out_claim(w, gr_out_text(w, "%s.in_all", result))};
  if (!gr_out_end(w, node, &input, 1, outputs, 2)) return false;
  const char *indices = gr_out_result(w, 1), *extent = gr_out_number(w, "plane", GRAFT_I64, (double)plane);
  return gr_out_end(w, gr_out_begin(w, "Mod"), (const char *[]){outputs[1], extent}, 2, &indices, 1);
}

bool gr_put_max_pool(gr_out *w) {
  uint32_t n;
  (void)gr_attr_ints(w->module, gr_out_attrs(w), GR_ATTR_ND(max_pool, kernel_size), &n);
  Onnx__NodeProto *node = begin(w, GR_ATTR_ND(max_pool, ceil_mode), GR_ATTR_ND(max_pool, dilation), 13);
  if (!node) return false;
  const graft_value indices = gr_result(w->g, w->n, GR_RESULT(max_pool2d, indices));
  if (indices != GRAFT_NONE && !gr_unused(w->g, indices)) return plane_indices(w, node, n);
  const char *x = gr_out_operand(w, 0);
  return gr_out_finish(w, node, &x, 1);
}

bool gr_put_avg_pool(gr_out *w) {
  Onnx__NodeProto *node = begin(w, GR_ATTR_ND(avg_pool, ceil_mode), GR_ATTR_ND(avg_pool, dilation), 19);
  if (!node) return false;
  if (gr_attr_bool(w->module, gr_out_attrs(w), GR_ATTR_ND(avg_pool, count_include_pad)))
    gr_out_set_int(w, node, "count_include_pad", 1);
  return gr_out_same(w, node);
}

bool gr_put_lp_pool(gr_out *w) {
  const double p = gr_attr_float(w->module, gr_out_attrs(w), GR_ATTR_ND(lp_pool, norm_type));
  Onnx__NodeProto *node = begin(w, GR_ATTR_ND(lp_pool, ceil_mode), GR_ATTR_ND(lp_pool, dilation), 18);
  if (!node) return false;
  if (p != (double)(int64_t)p) return gr_out_refuse(w, "LpPool's p is an integer, not %g: write .gfb instead", p);
  gr_out_set_int(w, node, "p", (int64_t)p);
  return gr_out_same(w, node);
}

/* Windows that tile x, or one over all of space. */
bool gr_put_adaptive_pool(gr_out *w) {
  GR_SAME_ATTR(output_size, adaptive_avg_pool2d, adaptive_max_pool2d);
  const bool average = strcmp(w->row->onnx, "AveragePool") == 0;
  const graft_type *x = gr_out_type(w, 0);
  uint32_t n;
  const int64_t *size = gr_attr_ints(w->module, gr_out_attrs(w), GR_ATTR_ND(adaptive_avg_pool, output_size), &n);
  int64_t kernel[GRAFT_MAX_RANK] = {0};
  bool global = true, tiles = x->rank == (int32_t)n + 2;
  for (uint32_t i = 0; i < n; i++) {
    const int64_t extent = tiles ? x->dims[i + 2] : -1;
    global = global && size[i] == 1;
    tiles = tiles && extent > 0 && extent % size[i] == 0;
    if (tiles) kernel[i] = extent / size[i];
  }
  const graft_value indices = gr_result(w->g, w->n, GR_RESULT(adaptive_max_pool2d, indices));
  if (!average && indices != GRAFT_NONE && !gr_unused(w->g, indices))
    return gr_out_refuse(w, "ONNX has no indices of an adaptive pool: make it a max_pool, or write .gfb");
  const char *input = gr_out_operand(w, 0);
  if (global && (x->rank < 0 || x->rank == (int32_t)n + 2))
    return gr_out_finish(w, gr_out_begin(w, average ? "GlobalAveragePool" : "GlobalMaxPool"), &input, 1);
  if (!tiles)
    return gr_out_refuse(
        w, "ONNX's pools have windows of one size, and this one's do not tile its input: give it an output "
           "size that divides the input's extents, or write .gfb");
  Onnx__NodeProto *node = gr_out_begin(w, w->row->onnx);
  gr_out_set_ints(w, node, "kernel_shape", kernel, n);
  gr_out_set_ints(w, node, "strides", kernel, n);
  return gr_out_finish(w, node, &input, 1);
}
