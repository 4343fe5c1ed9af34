/* Reductions over axes, which opsets from 18 on (ReduceSum: 13) name by an operand, and sums along one axis. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

/* The row names the op; these take a further one. */
typedef enum reduction { PLAIN, L1, L2, LOG_SUM, SUM_SQUARE } reduction;

static reduction reduction_of(const gr_onnx *in) {
  const char *name = in->row->name;
  return strcmp(name, "ReduceL1") == 0          ? L1
         : strcmp(name, "ReduceL2") == 0        ? L2
         : strcmp(name, "ReduceLogSum") == 0    ? LOG_SUM
         : strcmp(name, "ReduceSumSquare") == 0 ? SUM_SQUARE
                                                : PLAIN;
}

/* No axis is reduced: the sum is of one element, but what goes before and after it is done. */
static bool each_by_itself(gr_onnx *in, reduction kind, graft_value x) {
  if (kind != L1 && kind != L2 && kind != LOG_SUM) return gr_onnx_alias(in, 0, x);
  gr_onnx_begin(in, kind == LOG_SUM ? GR_OP_log : GR_OP_abs);
  return gr_onnx_finish(in, &x, 1);
}

bool gr_onnx_reduce(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  uint32_t count;
  gr_onnx_keeps_rank(in, x, 0);
  if (!gr_onnx_attr_bool(in, "keepdims", true)) in->kept.rank = -1;
  const int64_t *axes = gr_onnx_list(in, "axes", 1, &count);
  const reduction kind = reduction_of(in);
  if (in->failed) return false;
  if (count > GRAFT_MAX_RANK) return gr_onnx_fail(in, GRAFT_TYPE, "%s: too many axes", in->row->name), false;
  if (kind == SUM_SQUARE) {
    x = gr_onnx_binary(in, GR_OP_mul, x, x);
    if (x == GRAFT_NONE) return false;
  }
  if (count == 0 && gr_onnx_attr_bool(in, "noop_with_empty_axes", false)) return each_by_itself(in, kind, x);
  gr_onnx_begin(in, in->row->op);
  if (count) gr_onnx_set_ints(in, "dim", axes, count);
  gr_onnx_set_bool(in, "keepdim", gr_onnx_attr_bool(in, "keepdims", true));
  if (kind == L1 || kind == L2) gr_onnx_set_float(in, "ord", kind == L1 ? 1 : 2);
  if (kind != LOG_SUM) return gr_onnx_finish(in, &x, 1);
  if ((x = gr_onnx_step(in, &x, 1)) == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_log);
  return gr_onnx_finish(in, &x, 1);
}

bool gr_onnx_cumsum(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  uint32_t count;
  if (x != GRAFT_NONE) in->kept = *gr_onnx_value_type(in, x);
  const int64_t *axis = in->failed ? NULL : gr_onnx_ints(in, 1, "axis", &count);
  if (!axis) return false;
  if (count != 1) return gr_onnx_fail(in, GRAFT_TYPE, "CumSum: axis has %u elements", count), false;
  gr_onnx_begin(in, GR_OP_cumsum);
  gr_onnx_set_int(in, "dim", *axis);
  gr_onnx_set_mapped(in);
  return gr_onnx_finish(in, &x, 1);
}
