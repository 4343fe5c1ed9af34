/* Ops that move or rename elements. Shapes and axes are operands in ONNX: constants of the writer's making. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

/* ---- new shapes ---- */

/* An extent of 0 is one, not a copy of x's: `plain`. */
static bool reshape_to(gr_out *w, const char *shape, bool plain) {
  Onnx__NodeProto *node = gr_out_begin(w, "Reshape");
  if (plain && w->opset < 14)
    return gr_out_refuse(w, "Reshape to an extent of 0 is there from opset 14 on: write that or a later one");
  if (plain) gr_out_set_int(w, node, "allowzero", 1);
  return gr_out_finish(w, node, (const char *[]){gr_out_operand(w, 0), shape}, 2);
}

static bool has_zero(const int64_t *list, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (list[i] == 0) return true;
  return false;
}

bool gr_put_view(gr_out *w) {
  uint32_t n;
  const int64_t *size = gr_attr_ints(w->module, gr_out_attrs(w), GR_ATTR(view, size), &n);
  return reshape_to(w, gr_out_ints(w, "shape", size, n), has_zero(size, n));
}

bool gr_put_reshape(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  uint32_t n;
  const int64_t *shape = gr_attr_ints(w->module, set, GR_ATTR(reshape, shape), &n);
  const bool zero = gr_attr_bool(w->module, set, GR_ATTR(reshape, allowzero));
  if (shape) return reshape_to(w, gr_out_ints(w, "shape", shape, n), zero && has_zero(shape, n));
  const char *size = gr_out_operand(w, 1);
  if (!w->failed && gr_out_type(w, 1)->dtype != GRAFT_I64) size = gr_out_cast(w, "long", size, GRAFT_I64);
  return reshape_to(w, size, zero);
}

/* Flatten makes two axes; other forms are a Reshape in which zeros copy the axes before and -1 is what is joined. */
bool gr_put_flatten(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const graft_type *x = gr_out_type(w, 0);
  int64_t start = gr_attr_int(w->module, set, GR_ATTR(flatten, start_dim)),
          end = gr_attr_int(w->module, set, GR_ATTR(flatten, end_dim)), axis = -1, shape[GRAFT_MAX_RANK];
  const char *input = gr_out_operand(w, 0);
  if (x->rank >= 0 && start < 0) start += x->rank;
  if (x->rank >= 0 && end < 0) end += x->rank;
  const bool to_last = end == -1 || end == x->rank - 1;
  if (start == 1 && to_last && x->rank != 1) axis = 1;
  if (start == 0 && x->rank >= 2 && end == x->rank - 2) axis = x->rank - 1;
  if (axis > 0) {
    Onnx__NodeProto *node = gr_out_begin(w, "Flatten");
    if (axis != 1) gr_out_set_int(w, node, "axis", axis);
    return gr_out_finish(w, node, &input, 1);
  }
  uint32_t n = 0;
  if (start == 0 && to_last) {
    shape[n++] = -1;
  } else if (x->rank < 0) {
    return gr_out_refuse(w, "to join these axes the rank of x must be known: give the inputs their shapes");
  } else if (x->rank == 0) {
    shape[n++] = 1;
  } else {
    for (int64_t i = 0; i < start; i++) shape[n++] = x->dims[i] > 0 ? x->dims[i] : 0;
    shape[n++] = -1;
    for (int64_t i = end + 1; i < x->rank; i++) {
      if (x->dims[i] < 0)
        return gr_out_refuse(
            w, "Reshape can copy the extents before the joined axes, not those behind, and one is not known: "
               "give the inputs their shapes");
      shape[n++] = x->dims[i];
    }
  }
  return reshape_to(w, gr_out_ints(w, "shape", shape, n), false);
}

bool gr_put_permute(gr_out *w) {
  uint32_t n;
  const int64_t *dims = gr_attr_ints(w->module, gr_out_attrs(w), GR_ATTR(permute, dims), &n);
  int64_t perm[GRAFT_MAX_RANK];
  for (uint32_t i = 0; i < n && i < GRAFT_MAX_RANK; i++) perm[i] = dims[i] < 0 ? dims[i] + n : dims[i];
  Onnx__NodeProto *node = gr_out_begin(w, "Transpose");
  gr_out_set_ints(w, node, "perm", perm, n < GRAFT_MAX_RANK ? n : GRAFT_MAX_RANK);
  return gr_out_same(w, node);
}

bool gr_put_transpose(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const graft_type *x = gr_out_type(w, 0);
  int64_t a = gr_attr_int(w->module, set, GR_ATTR(transpose, dim0)),
          b = gr_attr_int(w->module, set, GR_ATTR(transpose, dim1)), perm[GRAFT_MAX_RANK];
  if (x->rank < 0)
    return gr_out_refuse(w, "Transpose names all axes, and how many x has is not known: give the inputs their shapes");
  if (a < 0) a += x->rank;
  if (b < 0) b += x->rank;
  for (int32_t i = 0; i < x->rank; i++) perm[i] = i == a ? b : i == b ? a : i;
  Onnx__NodeProto *node = gr_out_begin(w, "Transpose");
  gr_out_set_ints(w, node, "perm", perm, (size_t)x->rank);
  return gr_out_same(w, node);
}

/* ONNX's fails where an axis is longer than 1, PyTorch's leaves that axis as it is. */
bool gr_put_squeeze(gr_out *w) {
  uint32_t n, kept = 0;
  const int64_t *dims = gr_attr_ints(w->module, gr_out_attrs(w), GR_ATTR(squeeze, dim), &n);
  const graft_type *x = gr_out_type(w, 0);
  int64_t axes[GRAFT_MAX_RANK];
  for (uint32_t i = 0; i < n && kept < GRAFT_MAX_RANK; i++) {
    const int64_t axis = dims[i] < 0 ? dims[i] + x->rank : dims[i];
    const int64_t extent = x->rank >= 0 && axis >= 0 && axis < x->rank ? x->dims[axis] : -1;
    if (extent < 0 && !w->open_squeeze)
      gr_warning(w->context, GRAFT_TYPE, gr_node_loc(w->g, w->n),
                 "the extent of axis %lld is not known: ONNX's Squeeze, here and in nodes like this one, fails where "
                 "it is not 1",
                 (long long)dims[i]);
    w->open_squeeze |= extent < 0;
    if (extent < 0 || extent == 1) axes[kept++] = dims[i];
  }
  if (dims && kept == 0) return gr_out_same(w, gr_out_begin(w, "Identity"));
  const char *inputs[] = {gr_out_operand(w, 0), dims ? gr_out_ints(w, "axes", axes, kept) : ""};
  return gr_out_finish(w, gr_out_begin(w, "Squeeze"), inputs, 2);
}

bool gr_put_unsqueeze(gr_out *w) {
  const int64_t dim = gr_attr_int(w->module, gr_out_attrs(w), GR_ATTR(unsqueeze, dim));
  const char *inputs[] = {gr_out_operand(w, 0), gr_out_ints(w, "axes", &dim, 1)};
  return gr_out_finish(w, gr_out_begin(w, "Unsqueeze"), inputs, 2);
}

/* ONNX broadcasts both ways: 1 keeps an extent. */
bool gr_put_expand(gr_out *w) {
  uint32_t n;
  const int64_t *size = gr_attr_ints(w->module, gr_out_attrs(w), GR_ATTR(expand, size), &n);
  int64_t shape[GRAFT_MAX_RANK];
  if (!size) {
    const char *given = gr_out_operand(w, 1);
    if (!w->failed && gr_out_type(w, 1)->dtype != GRAFT_I64) given = gr_out_cast(w, "long", given, GRAFT_I64);
    return gr_out_finish(w, gr_out_begin(w, "Expand"), (const char *[]){gr_out_operand(w, 0), given}, 2);
  }
  for (uint32_t i = 0; i < n && i < GRAFT_MAX_RANK; i++) shape[i] = size[i] == -1 ? 1 : size[i];
  const char *inputs[] = {gr_out_operand(w, 0),
                          gr_out_ints(w, "shape", shape, n < GRAFT_MAX_RANK ? n : GRAFT_MAX_RANK)};
  return gr_out_finish(w, gr_out_begin(w, "Expand"), inputs, 2);
}

/* ONNX has a number for each axis; more of them are axes in front. */
bool gr_put_repeat(gr_out *w) {
  uint32_t n;
  const int64_t *repeats = gr_attr_ints(w->module, gr_out_attrs(w), GR_ATTR(repeat, repeats), &n);
  const graft_type *x = gr_out_type(w, 0);
  const char *input = gr_out_operand(w, 0), *times = NULL;
  int64_t axes[GRAFT_MAX_RANK], count = n;
  if (!repeats) {
    const graft_type *t = gr_out_type(w, 1);
    count = t->rank == 1 ? t->dims[0] : -1;
    times = gr_out_operand(w, 1);
    if (!w->failed && t->dtype != GRAFT_I64) times = gr_out_cast(w, "long", times, GRAFT_I64);
  }
  if (x->rank < 0 || count < x->rank || count > GRAFT_MAX_RANK)
    return gr_out_refuse(
        w, "Tile has a number for each axis, and how many x has, or there are numbers, is not known: give the "
           "inputs their shapes");
  for (int32_t i = 0; i < count - x->rank; i++) axes[i] = i;
  if (count > x->rank) input = gr_out_unsqueezed(w, "axes_in_front", input, axes, (uint32_t)(count - x->rank));
  if (repeats) times = gr_out_ints(w, "repeats", repeats, n);
  return gr_out_finish(w, gr_out_begin(w, "Tile"), (const char *[]){input, times}, 2);
}

/* ---- parts ---- */

/* One i64, which ONNX wants as a list. */
static const char *bound(gr_out *w, uint32_t operand, const char *what, const char *list, int64_t otherwise) {
  if (!gr_out_has(w, operand)) return gr_out_ints(w, what, &otherwise, 1);
  const graft_type *t = gr_out_type(w, operand);
  const char *name = gr_out_operand(w, operand);
  if (!w->failed && t->dtype != GRAFT_I64) name = gr_out_cast(w, gr_out_text(w, "%s.long", list), name, GRAFT_I64);
  if (w->failed || t->rank == 1) return name;
  return gr_out_unsqueezed(w, list, name, (int64_t[]){0}, 1);
}

bool gr_put_slice(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const graft_module *m = w->module;
  const int64_t dim = gr_attr_int(m, set, GR_ATTR(slice, dim)), step = gr_attr_int(m, set, GR_ATTR(slice, step));
  const char *x = gr_out_operand(w, 0);
  const char *starts =
      bound(w, GR_OPERAND(slice, start), "starts", "start", gr_attr_int(m, set, GR_ATTR(slice, start)));
  const char *ends = bound(w, GR_OPERAND(slice, end), "ends", "end", gr_attr_int(m, set, GR_ATTR(slice, end)));
  const char *axes = gr_out_ints(w, "axes", &dim, 1);
  const bool stepped = step != 1 || gr_out_has(w, GR_OPERAND(slice, step));
  const char *steps = stepped ? bound(w, GR_OPERAND(slice, step), "steps", "step", step) : "";
  return gr_out_finish(w, gr_out_begin(w, "Slice"), (const char *[]){x, starts, ends, axes, steps}, 5);
}

bool gr_put_flip(gr_out *w) {
  uint32_t n;
  const int64_t *dims = gr_attr_ints(w->module, gr_out_attrs(w), GR_ATTR(flip, dims), &n);
  int64_t starts[GRAFT_MAX_RANK], ends[GRAFT_MAX_RANK];
  if (n > GRAFT_MAX_RANK) return gr_out_refuse(w, "flip names an axis twice");
  for (uint32_t i = 0; i < n; i++) starts[i] = -1, ends[i] = INT64_MIN;
  const char *x = gr_out_operand(w, 0), *from = gr_out_ints(w, "starts", starts, n),
             *to = gr_out_ints(w, "ends", ends, n), *axes = gr_out_ints(w, "axes", dims, n),
             *steps = gr_out_ints(w, "steps", starts, n);
  return gr_out_finish(w, gr_out_begin(w, "Slice"), (const char *[]){x, from, to, axes, steps}, 5);
}

bool gr_put_split(gr_out *w) {
  const uint32_t set = gr_out_attrs(w), count = gr_node_at(w->g, w->n)->result_count;
  uint32_t n;
  const int64_t *sizes = gr_attr_ints(w->module, set, GR_ATTR(split, split_sizes), &n);
  const int64_t dim = gr_attr_int(w->module, set, GR_ATTR(split, dim));
  const char *inputs[] = {gr_out_operand(w, 0), gr_out_ints(w, "split", sizes, n)};
  const char **outputs = gr_out_alloc(w, count * sizeof *outputs);
  for (uint32_t i = 0; outputs && i < count; i++) outputs[i] = gr_out_result(w, i);
  Onnx__NodeProto *node = gr_out_begin(w, "Split");
  gr_out_set_int(w, node, "axis", dim);
  return outputs && gr_out_end(w, node, inputs, 2, outputs, count);
}

bool gr_put_cat(gr_out *w) {
  Onnx__NodeProto *node = gr_out_begin(w, "Concat");
  gr_out_set_int(w, node, "axis", gr_attr_int(w->module, gr_out_attrs(w), GR_ATTR(cat, dim)));
  return gr_out_same(w, node);
}

/* The pads of an operand, all of graft's order, in ONNX's. */
static const char *pads_in_order(gr_out *w, int32_t rank) {
  int64_t from[2 * GRAFT_MAX_RANK];
  for (int32_t i = 0; i < rank; i++) {
    from[i] = 2 * (int64_t)(rank - 1 - i);
    from[i + rank] = from[i] + 1;
  }
  return gr_out_binary(w, "Gather", "pads", gr_out_operand(w, GR_OPERAND(pad, pads)),
                       gr_out_ints(w, "pairs", from, 2 * (uint32_t)rank));
}

/* graft's list begins with the last axis and may end early. */
bool gr_put_pad(gr_out *w) {
  static const char *const modes[] = {[GR_pad_mode_constant] = "constant",
                                      [GR_pad_mode_reflect] = "reflect",
                                      [GR_pad_mode_replicate] = "edge",
                                      [GR_pad_mode_circular] = "wrap"};
  const uint32_t set = gr_out_attrs(w);
  const graft_type *x = gr_out_type(w, 0);
  uint32_t n;
  const int64_t *pad = gr_attr_ints(w->module, set, GR_ATTR(pad, pad), &n);
  const int64_t mode = gr_attr_int(w->module, set, GR_ATTR(pad, mode));
  const double value = gr_attr_float(w->module, set, GR_ATTR(pad, value));
  int64_t pads[2 * GRAFT_MAX_RANK] = {0};
  if (x->rank < 0 || n > 2 * (uint32_t)x->rank)
    return gr_out_refuse(
        w, "Pad has numbers for each axis, and how many x has is not known: give the inputs their shapes");
  if (mode == GR_pad_mode_circular && w->opset < 19)
    return gr_out_refuse(w, "Pad has the mode wrap (circular) from opset 19 on: write that or a later one");
  for (uint32_t i = 0; i + 1 < n; i += 2) {
    const int32_t axis = x->rank - 1 - (int32_t)(i / 2);
    pads[axis] = pad[i];
    pads[axis + x->rank] = pad[i + 1];
  }
  const bool late = gr_out_has(w, GR_OPERAND(pad, pads));
  const graft_type *list = late ? gr_out_type(w, GR_OPERAND(pad, pads)) : NULL;
  if (late && (list->rank != 1 || list->dims[0] != 2 * (int64_t)x->rank))
    return gr_out_refuse(w, "Pad has numbers for each axis: give the operand pads two for each of x");
  const char *inputs[3] = {gr_out_operand(w, 0),
                           late ? pads_in_order(w, x->rank) : gr_out_ints(w, "pads", pads, 2 * (uint32_t)x->rank), ""};
  if (gr_out_has(w, GR_OPERAND(pad, fill)))
    inputs[2] = gr_out_operand(w, GR_OPERAND(pad, fill));
  else if (value != 0 && mode == GR_pad_mode_constant)
    inputs[2] = gr_out_number(w, "value", x->dtype, value);
  Onnx__NodeProto *node = gr_out_begin(w, "Pad");
  if (mode != GR_pad_mode_constant) gr_out_set_string(w, node, "mode", modes[mode]);
  return gr_out_finish(w, node, inputs, 3);
}

bool gr_put_shape(gr_out *w) {
  const uint32_t set = gr_out_attrs(w);
  const int64_t start = gr_attr_int(w->module, set, GR_ATTR(shape, start));
  const bool ends = !gr_attr_is_none(w->module, set, GR_ATTR(shape, end));
  const char *x = gr_out_operand(w, 0);
  if (w->opset < 15 && (start != 0 || ends)) {
    const int64_t end = ends ? gr_attr_int(w->module, set, GR_ATTR(shape, end)) : INT64_MAX;
    const char *inputs[] = {gr_out_unary(w, "Shape", "all", x), gr_out_ints(w, "starts", &start, 1),
                            gr_out_ints(w, "ends", &end, 1), gr_out_ints(w, "axes", (int64_t[]){0}, 1)};
    return gr_out_finish(w, gr_out_begin(w, "Slice"), inputs, 4);
  }
  Onnx__NodeProto *node = gr_out_begin(w, "Shape");
  if (ends) gr_out_set_int(w, node, "end", gr_attr_int(w->module, set, GR_ATTR(shape, end)));
  if (start != 0) gr_out_set_int(w, node, "start", start);
  return gr_out_finish(w, node, &x, 1);
}

bool gr_put_zeros_like(gr_out *w) {
  const graft_type type = graft_type_make(gr_out_result_type(w)->dtype, 1, (int64_t[]){1});
  const char *x = gr_out_operand(w, 0);
  if (type.dtype == GRAFT_UNKNOWN)
    return gr_out_refuse(w, "ConstantOfShape wants to know the dtype of x: give the inputs their types");
  const char *shape = gr_out_unary(w, "Shape", "shape", x);
  void *zero = gr_out_alloc(w, 8);
  Onnx__NodeProto *node = gr_out_begin(w, "ConstantOfShape");
  if (zero) gr_out_set_tensor(w, node, "value", gr_out_tensor(w, NULL, &type, zero));
  return gr_out_finish(w, node, &shape, 1);
}
