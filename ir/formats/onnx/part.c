/* Ops that are several others: a handler borrows those of their parts. */
#include "ir/formats/onnx/handler_impl.h"

static bool run(gr_onnx *in, const char *op, gr_onnx_part *part) {
  const gr_onnx_op *row = in->row;
  if (in->failed) return false;
  in->row = in->reader->row(op);
  in->part = part;
  const bool good = in->row->handler(in) && !in->failed;
  in->row = row;
  in->part = NULL;
  /* Where the part would stay as it is, the whole does, and what is known of the part's type is not known of it. */
  if (in->refused) in->kept = (graft_type){.dtype = GRAFT_UNKNOWN, .rank = -1};
  return good;
}

graft_value gr_onnx_step_of(gr_onnx *in, const char *op, const graft_value *inputs, uint32_t count) {
  gr_onnx_part part = {.inputs = inputs, .count = count, .result = GRAFT_NONE};
  return run(in, op, &part) ? part.result : GRAFT_NONE;
}

bool gr_onnx_finish_of(gr_onnx *in, const char *op, const graft_value *inputs, uint32_t count) {
  return run(in, op, &(gr_onnx_part){.inputs = inputs, .count = count, .ends = true, .result = GRAFT_NONE});
}
