/* Which handler a node has. */
#include "ir/formats/onnx/writer_impl.h"

static const gr_out_row rows[GR_OP_COUNT] = {
#define EXPORT(op, handler, onnx, since) [GR_OP_##op] = {gr_put_##handler, onnx, since},
#include "ir/formats/onnx/export.def"
#undef EXPORT
};

/* The row of import.def that makes nothing but this op; of two the later one, which outdated the other. */
static const gr_onnx_op *direct_row(uint32_t op) {
  for (uint32_t i = gr_onnx_op_count; i-- > 0;)
    if (gr_onnx_ops[i].op == op && gr_onnx_is_direct(&gr_onnx_ops[i])) return &gr_onnx_ops[i];
  return NULL;
}

static bool refuse_opset(gr_out *w, const char *onnx, int64_t since) {
  return gr_out_refuse(w,
                       "opset %lld has no %s, which '%s' becomes: write opset %lld or later, or lower it with the pass "
                       "to-onnx{opset=%lld}",
                       (long long)w->opset, onnx, gr_op_text(w->module, gr_node_at(w->g, w->n)->op), (long long)since,
                       (long long)w->opset);
}

bool gr_out_node(gr_out *w) {
  const uint32_t op = gr_node_at(w->g, w->n)->op;
  if (op >= GR_OP_COUNT) return gr_out_opaque(w);
  if (gr_out_absorbed(w->g, w->n)) return true;
  w->row = &rows[op];
  if (w->row->handler) {
    if (w->opset < w->row->since) return refuse_opset(w, w->row->onnx, w->row->since);
    return w->row->handler(w);
  }
  const gr_onnx_op *row = direct_row(op);
  if (row && w->opset < row->since) return refuse_opset(w, row->name, row->since);
  if (row) return gr_out_direct(w, row);
  if (gr_op_get(op)->families & GR_F_QUANTIZED)
    return gr_out_refuse(
        w,
        "'%s' goes out through the pass to-onnx, where its sums are brought to scale by floats and its "
        "scales are constants: run that, lower with requantize=float, or write .gfb",
        gr_op_text(w->module, op));
  return gr_out_refuse(
      w, "ONNX has no op for '%s': lower it first, with the pass to-onnx or rules of your own, or write .gfb",
      gr_op_text(w->module, op));
}
