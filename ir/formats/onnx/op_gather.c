/* Ops about places: which elements are not zero, and ones at given places. */
#include "ir/formats/onnx/handler_impl.h"

/* ONNX has the places by axis, graft (and PyTorch) by element. */
bool gr_onnx_nonzero(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  gr_onnx_begin(in, GR_OP_nonzero);
  if ((x = gr_onnx_step(in, &x, 1)) == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_transpose);
  gr_onnx_set_int(in, "dim0", 0);
  gr_onnx_set_int(in, "dim1", 1);
  return gr_onnx_finish(in, &x, 1);
}

/* Entry i of a vector, or with i < 0 the one element of x, as rank 0. */
static graft_value scalar_of(gr_onnx *in, graft_value x, int64_t i) {
  if (i >= 0) return gr_onnx_binary(in, GR_OP_index_select, x, gr_onnx_number(in, i));
  gr_onnx_begin(in, GR_OP_reshape);
  gr_onnx_set_ints(in, "shape", &i, 0);
  return gr_onnx_step(in, &x, 1);
}

/* where(index == arange(depth), on, off) along a new axis; an index below 0 counts from the end. */
bool gr_onnx_one_hot(gr_onnx *in) {
  graft_value index = gr_onnx_input(in, 0), depth = gr_onnx_input(in, 1), values = gr_onnx_input(in, 2);
  if (in->failed) return false;
  const int32_t rank = gr_onnx_value_type(in, index)->rank;
  if (rank < 0)
    return gr_onnx_stays(in, &(graft_type){.dtype = gr_onnx_value_type(in, values)->dtype, .rank = -1},
                         "the rank of the indices is not known");
  int64_t axis, shape[GRAFT_MAX_RANK];
  if (!gr_onnx_axis(in, gr_onnx_attr_int(in, "axis", -1), rank + 1, &axis)) return false;
  if (rank >= GRAFT_MAX_RANK) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "of more than 8 axes"), false;
  if ((depth = gr_onnx_to(in, depth, GRAFT_I64)) == GRAFT_NONE ||
      (index = gr_onnx_to(in, index, GRAFT_I64)) == GRAFT_NONE)
    return false;
  depth = scalar_of(in, depth, -1);
  const graft_value below = gr_onnx_binary(in, GR_OP_lt, index, gr_onnx_number(in, 0)),
                    wrapped = gr_onnx_binary(in, GR_OP_add, index, depth);
  if (below == GRAFT_NONE || wrapped == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_where);
  index = gr_onnx_step(in, (graft_value[]){below, wrapped, index}, 3);
  gr_onnx_begin(in, GR_OP_unsqueeze);
  gr_onnx_set_int(in, "dim", axis);
  if (index == GRAFT_NONE || (index = gr_onnx_step(in, &index, 1)) == GRAFT_NONE) return false;
  const graft_value zero = gr_onnx_number(in, 0), one = gr_onnx_number(in, 1);
  gr_onnx_begin(in, GR_OP_arange);
  graft_value classes = gr_onnx_step(in, (graft_value[]){zero, depth, one}, 3);
  for (int32_t i = 0; i <= rank; i++) shape[i] = i == axis ? -1 : 1;
  gr_onnx_begin(in, GR_OP_view);
  gr_onnx_set_ints(in, "size", shape, (uint32_t)rank + 1);
  if (classes == GRAFT_NONE || (classes = gr_onnx_step(in, &classes, 1)) == GRAFT_NONE) return false;
  const graft_value here = gr_onnx_binary(in, GR_OP_eq, index, classes), off = scalar_of(in, values, 0),
                    on = scalar_of(in, values, 1);
  if (here == GRAFT_NONE || off == GRAFT_NONE || on == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_where);
  return gr_onnx_finish(in, (graft_value[]){here, on, off}, 3);
}
