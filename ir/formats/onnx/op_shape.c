/* Ops that move or rename elements. What ONNX gives as constant operands are attributes here. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

bool gr_onnx_concat(gr_onnx *in) {
  size_t n = in->node->n_input;
  if (!gr_onnx_attr(in, "axis") && in->opset >= 4)
    return gr_onnx_fail(in, GRAFT_TYPE, "Concat needs the attribute 'axis'"), false;
  graft_value *operands = n < INT32_MAX ? gr_arena_alloc(&in->scratch, n * sizeof *operands) : NULL;
  if (!operands) return false;
  for (uint32_t i = 0; i < n; i++)
    if ((operands[i] = gr_onnx_input(in, i)) == GRAFT_NONE) {
      if (!in->failed) gr_onnx_fail(in, GRAFT_TYPE, "Concat: input %u is missing", i);
      return false;
    }
  gr_onnx_begin(in, GR_OP_cat);
  gr_onnx_set_int(in, "dim", gr_onnx_attr_int(in, "axis", 1));
  return gr_onnx_finish(in, operands, (uint32_t)n);
}

/* ---- new shapes ---- */

static void begin_flatten(gr_onnx *in, int64_t start, int64_t end) {
  gr_onnx_begin(in, GR_OP_flatten);
  gr_onnx_set_int(in, "start_dim", start);
  gr_onnx_set_int(in, "end_dim", end);
}

static void begin_unsqueeze(gr_onnx *in, int64_t dim) {
  gr_onnx_begin(in, GR_OP_unsqueeze);
  gr_onnx_set_int(in, "dim", dim);
}

/* ONNX always flattens to two axes: those before `axis` and those from it on. */
bool gr_onnx_flatten(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  int64_t axis = gr_onnx_attr_int(in, "axis", 1);
  if (in->failed) return false;
  int32_t rank = gr_onnx_value_type(in, x)->rank;
  if (axis == 1 && rank != 1 && rank != 0) {
    begin_flatten(in, 1, -1);
    return gr_onnx_finish(in, &x, 1);
  }
  if ((rank = gr_onnx_rank(in, x)) < 0) return false;
  if (axis < -rank || axis > rank)
    return gr_onnx_fail(in, GRAFT_TYPE, "Flatten: axis %lld of a tensor of rank %d", (long long)axis, rank), false;
  if (axis < 0) axis += rank;
  if (axis == 0 || axis == rank) { /* one of the two is empty */
    begin_flatten(in, 0, -1);
    x = gr_onnx_step(in, &x, 1);
    begin_unsqueeze(in, axis == 0 ? 0 : 1);
    return gr_onnx_finish(in, &x, 1);
  }
  begin_flatten(in, 0, axis - 1);
  if (axis == rank - 1) return gr_onnx_finish(in, &x, 1);
  x = gr_onnx_step(in, &x, 1);
  begin_flatten(in, 1, -1);
  return gr_onnx_finish(in, &x, 1);
}

bool gr_onnx_reshape(gr_onnx *in) {
  graft_value operands[2] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1)};
  bool allow_zero = in->opset >= 14 && gr_onnx_attr_bool(in, "allowzero", false);
  if (in->failed) return false;
  uint32_t count;
  const int64_t *shape;
  if (!gr_onnx_try_ints(in, 1, &shape, &count)) return false;
  if (!shape) {
    gr_onnx_begin(in, GR_OP_reshape);
    gr_onnx_set_bool(in, "allowzero", allow_zero);
    return gr_onnx_finish(in, operands, 2);
  }
  if (count > GRAFT_MAX_RANK) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "to more than 8 axes"), false;
  const graft_type *t = gr_onnx_value_type(in, operands[0]);
  int64_t size[GRAFT_MAX_RANK];
  bool plain = true; /* no extent that is copied without being known */
  for (uint32_t i = 0; i < count; i++) {
    size[i] = shape[i];
    if (shape[i] != 0 || allow_zero) continue;
    size[i] = (int32_t)i < t->rank ? t->dims[i] : -1;
    plain = plain && size[i] >= 0;
  }
  gr_onnx_begin(in, plain ? GR_OP_view : GR_OP_reshape);
  gr_onnx_set_ints(in, plain ? "size" : "shape", plain ? size : shape, count);
  if (!plain) gr_onnx_set_bool(in, "allowzero", allow_zero);
  return gr_onnx_finish(in, operands, 1);
}

/* ONNX broadcasts both ways: an extent of 1 in the shape keeps the input's. */
bool gr_onnx_expand(gr_onnx *in) {
  graft_value operands[2] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1)};
  const int64_t *shape;
  uint32_t count;
  if (in->failed || !gr_onnx_try_ints(in, 1, &shape, &count)) return false;
  const int32_t rank = gr_onnx_value_type(in, operands[0])->rank;
  gr_onnx_begin(in, GR_OP_expand);
  if (!shape || rank < 0) return gr_onnx_finish(in, operands, 2);
  if (count > GRAFT_MAX_RANK) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "to more than 8 axes"), false;
  const int32_t made = rank > (int32_t)count ? rank : (int32_t)count;
  int64_t size[GRAFT_MAX_RANK];
  for (int32_t i = 0; i < made; i++) {
    const int32_t own = i - (made - rank), given = i - (made - (int32_t)count);
    size[i] = given < 0 ? 1 : shape[given];
    if (size[i] < 0) return gr_onnx_fail(in, GRAFT_TYPE, "Expand: the extent %lld", (long long)size[i]), false;
    if (size[i] == 1 && own >= 0) size[i] = -1;
  }
  gr_onnx_set_ints(in, "size", size, (uint32_t)made);
  return gr_onnx_finish(in, operands, 1);
}

bool gr_onnx_tile(gr_onnx *in) {
  graft_value operands[2] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1)};
  const int64_t *repeats;
  uint32_t count;
  if (in->failed || !gr_onnx_try_ints(in, 1, &repeats, &count)) return false;
  gr_onnx_begin(in, GR_OP_repeat);
  if (repeats) gr_onnx_set_ints(in, "repeats", repeats, count);
  return gr_onnx_finish(in, operands, repeats ? 1 : 2);
}

bool gr_onnx_squeeze(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  uint32_t count;
  gr_onnx_keeps_rank(in, x, GRAFT_MAX_RANK + 1); /* the dtype alone */
  const int64_t *axes = gr_onnx_list(in, "axes", 1, &count);
  if (in->failed) return false;
  if (count > GRAFT_MAX_RANK) return gr_onnx_fail(in, GRAFT_TYPE, "Squeeze: too many axes"), false;
  gr_onnx_begin(in, GR_OP_squeeze);
  if (axes) gr_onnx_set_ints(in, "dim", axes, count);
  return gr_onnx_finish(in, &x, 1);
}

/* Of a value of unknown rank: axes from the front go in from the first on, axes from the end from the last on, each
 * where the result wants it. Those of both kinds need the rank, and the node stays as it is. */
static bool unsqueeze_any_rank(gr_onnx *in, graft_value x, const int64_t *axes, uint32_t count) {
  uint32_t added[2] = {0, 0}, left = count;
  for (uint32_t i = 0; i < count; i++) {
    const int64_t from_end = axes[i] < 0, axis = from_end ? -1 - axes[i] : axes[i];
    if (axis >= GRAFT_MAX_RANK) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "to more than 8 axes"), false;
    if (added[from_end] >> axis & 1u)
      return gr_onnx_fail(in, GRAFT_TYPE, "Unsqueeze: axis %lld twice", (long long)axes[i]), false;
    added[from_end] |= 1u << axis;
  }
  if (added[0] && added[1]) {
    const graft_type type = {.dtype = gr_onnx_value_type(in, x)->dtype, .rank = -1};
    return gr_onnx_stays(in, &type, "axes of both signs, and the rank of its input is not known");
  }
  for (int64_t axis = 0; axis < GRAFT_MAX_RANK; axis++) {
    if (!((added[0] | added[1]) >> axis & 1u)) continue;
    begin_unsqueeze(in, added[0] ? axis : -1 - axis);
    if (--left == 0) return gr_onnx_finish(in, &x, 1);
    x = gr_onnx_step(in, &x, 1);
  }
  return false;
}

/* How many axes the operand names, where its type says that; else more than there can be. */
static int32_t axes_named(gr_onnx *in) {
  const graft_value v = gr_onnx_input(in, 1);
  const graft_type *t = v == GRAFT_NONE ? NULL : gr_onnx_value_type(in, v);
  const bool known = t && t->rank == 1 && t->dims[0] >= 0 && t->dims[0] <= GRAFT_MAX_RANK;
  return known ? (int32_t)t->dims[0] : t && t->rank == 0 ? 1 : GRAFT_MAX_RANK + 1;
}

bool gr_onnx_unsqueeze(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  uint32_t count;
  gr_onnx_keeps_rank(in, x, axes_named(in));
  const int64_t *axes = gr_onnx_list(in, "axes", 1, &count);
  if (in->failed) return false;
  if (!axes) return gr_onnx_fail(in, GRAFT_TYPE, "Unsqueeze without axes"), false;
  if (count == 0) return gr_onnx_alias(in, 0, x);
  const int32_t rank = gr_onnx_value_type(in, x)->rank;
  bool added[GRAFT_MAX_RANK] = {false};
  if (count > (uint32_t)(GRAFT_MAX_RANK - (rank < 0 ? 0 : rank)))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "to more than 8 axes"), false;
  if (rank < 0) return unsqueeze_any_rank(in, x, axes, count);
  for (uint32_t i = 0; i < count; i++) {
    int64_t axis;
    if (!gr_onnx_axis(in, axes[i], rank + (int32_t)count, &axis)) return false;
    if (added[axis]) return gr_onnx_fail(in, GRAFT_TYPE, "Unsqueeze: axis %lld twice", (long long)axis), false;
    added[axis] = true;
  }
  uint32_t left = count;
  for (int64_t axis = 0; axis < GRAFT_MAX_RANK; axis++) {
    if (!added[axis]) continue;
    begin_unsqueeze(in, axis);
    if (--left == 0) return gr_onnx_finish(in, &x, 1);
    x = gr_onnx_step(in, &x, 1);
  }
  return false;
}

bool gr_onnx_transpose(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  const Onnx__AttributeProto *a = gr_onnx_attr(in, "perm");
  int64_t dims[GRAFT_MAX_RANK];
  if (in->failed) return false;
  int32_t rank = a ? (int32_t)(a->n_ints < 99 ? a->n_ints : 99) : gr_onnx_rank(in, x);
  if (rank < 0) return false;
  if (rank > GRAFT_MAX_RANK) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "of more than 8 axes"), false;
  int32_t moved[GRAFT_MAX_RANK], count = 0;
  for (int32_t i = 0; i < rank; i++) {
    dims[i] = a ? a->ints[i] : rank - 1 - i;
    if (dims[i] != i) moved[count++] = i;
  }
  if (count == 2 && dims[moved[0]] == moved[1] && dims[moved[1]] == moved[0]) {
    gr_onnx_begin(in, GR_OP_transpose);
    gr_onnx_set_int(in, "dim0", moved[0]);
    gr_onnx_set_int(in, "dim1", moved[1]);
  } else {
    gr_onnx_begin(in, GR_OP_permute);
    gr_onnx_set_ints(in, "dims", dims, (uint32_t)rank);
  }
  return gr_onnx_finish(in, &x, 1);
}

/* ---- parts ---- */

/* A list of Slice's: an attribute or known integers, else the value that holds them, of `count` entries where known. */
typedef struct bounds {
  const int64_t *known;
  graft_value value;
  int64_t count; /* -1: not known */
} bounds;

static bool read_bounds(gr_onnx *in, const char *name, uint32_t i, bounds *b) {
  uint32_t count = 0;
  *b = (bounds){.value = gr_onnx_input(in, i), .count = -1};
  if (in->failed) return false;
  if (b->value == GRAFT_NONE) {
    b->known = name ? gr_onnx_list(in, name, i, &count) : NULL;
  } else if (gr_value_tensor(in->scope->graph, b->value) != GRAFT_NONE) {
    b->known = gr_onnx_ints(in, i, name ? name : "steps", &count); /* a wrong constant is an error */
  } else {
    if (!gr_onnx_try_ints(in, i, &b->known, &count)) return false;
    const graft_type *t = gr_onnx_value_type(in, b->value);
    if (!b->known && t->rank == 1) b->count = t->dims[0];
  }
  if (b->known) b->count = count;
  return !in->failed;
}

/* Sets the attribute, or gives the operand that stands for it; GRAFT_NONE: none does. */
static graft_value set_bound(gr_onnx *in, const char *attr, const bounds *b, int64_t i, const graft_value *made) {
  if (b->known) gr_onnx_set_int(in, attr, b->known[i]);
  return b->known ? GRAFT_NONE : made[i];
}

/* Entry i of a list that is not known, as one i64, for each i: before the slices begin. */
static bool make_bounds(gr_onnx *in, const bounds *b, int64_t count, graft_value *made) {
  for (int64_t i = 0; i < count; i++) {
    made[i] = GRAFT_NONE;
    if (b->known || b->value == GRAFT_NONE) continue;
    const graft_value entry = gr_onnx_binary(in, GR_OP_index_select, b->value, gr_onnx_number(in, i));
    made[i] = gr_onnx_to(in, entry, GRAFT_I64);
    if (made[i] == GRAFT_NONE) return false;
  }
  return true;
}

bool gr_onnx_slice(gr_onnx *in) {
  graft_value operands[4] = {gr_onnx_input(in, 0)}, made[3][GRAFT_MAX_RANK];
  bounds starts, ends, steps;
  uint32_t axis_count = 0;
  gr_onnx_keeps_rank(in, operands[0], 0);
  if (in->failed || !read_bounds(in, "starts", 1, &starts) || !read_bounds(in, "ends", 2, &ends) ||
      !read_bounds(in, NULL, 4, &steps))
    return false;
  const int64_t *axes = gr_onnx_list(in, "axes", 3, &axis_count);
  if (in->failed) return false;
  const bool stepped = steps.known || steps.value != GRAFT_NONE;
  if ((!starts.known && starts.value == GRAFT_NONE) || (!ends.known && ends.value == GRAFT_NONE))
    return gr_onnx_fail(in, GRAFT_TYPE, "Slice without starts or ends"), false;
  const int64_t count = axes                ? axis_count
                        : starts.count >= 0 ? starts.count
                        : ends.count >= 0   ? ends.count
                                            : steps.count;
  if (count < 0) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "it needs to know how many axes it cuts"), false;
  if (count > GRAFT_MAX_RANK || (starts.count >= 0 && starts.count != count) ||
      (ends.count >= 0 && ends.count != count) || (stepped && steps.count >= 0 && steps.count != count))
    return gr_onnx_fail(in, GRAFT_TYPE, "Slice: starts, ends, axes and steps differ in length"), false;
  if (count == 0) return gr_onnx_alias(in, 0, operands[0]);
  if (!make_bounds(in, &starts, count, made[0]) || !make_bounds(in, &ends, count, made[1]) ||
      !make_bounds(in, &steps, count, made[2]))
    return false;
  for (int64_t i = 0; i < count; i++) {
    gr_onnx_begin(in, GR_OP_slice);
    gr_onnx_set_int(in, "dim", axes ? axes[i] : i);
    operands[1] = set_bound(in, "start", &starts, i, made[0]);
    operands[2] = set_bound(in, "end", &ends, i, made[1]);
    operands[3] = stepped ? set_bound(in, "step", &steps, i, made[2]) : GRAFT_NONE;
    if (i + 1 == count) break;
    operands[0] = gr_onnx_step(in, operands, 4);
    if (operands[0] == GRAFT_NONE) return false;
  }
  return gr_onnx_finish(in, operands, 4);
}

/* ---- split ---- */

/* The parts end where these numbers say, the last one with the axis. */
static bool cut_at(gr_onnx *in, graft_value x, int64_t axis, const graft_value *ends, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    graft_value operands[3] = {x, i ? ends[i - 1] : GRAFT_NONE, i + 1 < count ? ends[i] : GRAFT_NONE};
    gr_onnx_begin(in, GR_OP_slice);
    gr_onnx_set_int(in, "dim", axis);
    if (gr_onnx_end(in, operands, 3, (const char *const *)&in->node->output[i], 1, 0, NULL) == GRAFT_NONE) return false;
  }
  return true;
}

/* Sizes that are known when it runs. */
static bool split_by_data(gr_onnx *in, graft_value x, int64_t axis, uint32_t count) {
  const graft_value sizes = gr_onnx_to(in, gr_onnx_input(in, 1), GRAFT_I64);
  graft_value *ends = gr_arena_alloc(&in->scratch, count * sizeof *ends);
  if (in->failed || !ends) return false;
  const graft_type t = *gr_onnx_value_type(in, sizes);
  if (t.rank > 1 || (t.rank == 1 && t.dims[0] >= 0 && t.dims[0] != count))
    return gr_onnx_fail(in, GRAFT_TYPE, "Split: %lld sizes for %u outputs", (long long)t.dims[0], count), false;
  for (uint32_t i = 0; i + 1 < count; i++) {
    ends[i] = gr_onnx_binary(in, GR_OP_index_select, sizes, gr_onnx_number(in, i));
    if (i) ends[i] = gr_onnx_binary(in, GR_OP_add, ends[i - 1], ends[i]);
    if (ends[i] == GRAFT_NONE) return false;
  }
  return cut_at(in, x, axis, ends, count);
}

/* Equal parts of an extent that is known when it runs. */
static bool split_evenly(gr_onnx *in, graft_value x, int64_t axis, uint32_t count) {
  graft_value *ends = gr_arena_alloc(&in->scratch, count * sizeof *ends);
  if (!ends) return false;
  gr_onnx_begin(in, GR_OP_shape);
  gr_onnx_set_int(in, "start", axis);
  gr_onnx_set_int(in, "end", axis + 1);
  graft_value n = gr_onnx_step(in, &x, 1);
  n = gr_onnx_binary(in, GR_OP_index_select, n, gr_onnx_number(in, 0));
  n = gr_onnx_binary(in, GR_OP_add, n, gr_onnx_number(in, (int64_t)count - 1));
  const graft_value each = gr_onnx_binary(in, GR_OP_div, n, gr_onnx_number(in, count));
  for (uint32_t i = 0; i + 1 < count; i++)
    if ((ends[i] = gr_onnx_binary(in, GR_OP_mul, each, gr_onnx_number(in, (int64_t)i + 1))) == GRAFT_NONE) return false;
  return cut_at(in, x, axis, ends, count);
}

/* Equal parts; the last one is smaller where num_outputs asks for that. *unknown: the axis has an extent that is not
 * known, and is counted from the front. */
static bool equal_parts(gr_onnx *in, graft_value x, int64_t *given, int64_t *sizes, uint32_t count, bool *unknown) {
  int64_t axis = *given;
  int32_t rank = gr_onnx_rank(in, x);
  in->kept_by_all = rank < 0;
  if (rank < 0 || !gr_onnx_axis(in, axis, rank, &axis)) return false;
  int64_t extent = gr_onnx_value_type(in, x)->dims[axis];
  bool rounded = gr_onnx_attr(in, "num_outputs") != NULL;
  *unknown = extent < 0;
  if (*unknown) *given = axis;
  if (gr_onnx_attr_int(in, "num_outputs", count) != (int64_t)count || (!rounded && extent >= 0 && extent % count))
    return gr_onnx_fail(in, GRAFT_TYPE, "Split: %u outputs of an axis of %lld", count, (long long)extent), false;
  if (extent < 0) return true;
  int64_t each = extent / count + (extent % count != 0), left = extent;
  for (uint32_t i = 0; i < count; i++) {
    sizes[i] = left < each ? left : each;
    left -= sizes[i];
  }
  return true;
}

bool gr_onnx_split(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  uint32_t count = (uint32_t)in->node->n_output, n;
  int64_t axis = gr_onnx_attr_int(in, "axis", 0), *equal = NULL;
  const int64_t *sizes = NULL;
  bool unknown = false;
  if (in->failed) return false;
  if (gr_onnx_has_input(in, 1)) {
    if (!gr_onnx_try_ints(in, 1, &sizes, &n)) return false;
    if (!sizes && gr_onnx_constant(in, 1) == GRAFT_NONE) return split_by_data(in, x, axis, count);
  }
  if (!sizes) sizes = gr_onnx_list(in, "split", 1, &n);
  if (in->failed) return false;
  if (!sizes) {
    n = count;
    sizes = equal = gr_arena_alloc(&in->scratch, count * sizeof *equal);
    if (!equal || !equal_parts(in, x, &axis, equal, count, &unknown)) return false;
    if (unknown) return split_evenly(in, x, axis, count);
  }
  if (n != count) return gr_onnx_fail(in, GRAFT_TYPE, "Split: %u sizes for %u outputs", n, count), false;
  gr_onnx_begin(in, GR_OP_split);
  gr_onnx_set_ints(in, "split_sizes", sizes, count);
  gr_onnx_set_int(in, "dim", axis);
  return gr_onnx_end(in, &x, 1, (const char *const *)in->node->output, count, 0, NULL) != GRAFT_NONE;
}

bool gr_onnx_shape(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  gr_onnx_begin(in, GR_OP_shape);
  gr_onnx_set_int(in, "start", gr_onnx_attr_int(in, "start", 0));
  if (gr_onnx_attr(in, "end")) gr_onnx_set_int(in, "end", gr_onnx_attr_int(in, "end", 0));
  return gr_onnx_finish(in, &x, 1);
}

/* ---- padding ---- */

/* Begins and ends by axis, from the operands pads and axes. */
static bool read_pads(gr_onnx *in, int32_t rank, int64_t *begin, int64_t *end) {
  uint32_t count, axis_count = (uint32_t)rank;
  const int64_t *pads = gr_onnx_list(in, "pads", 1, &count), *axes = NULL;
  if (!pads && !in->failed) gr_onnx_fail(in, GRAFT_TYPE, "Pad without pads");
  if (!pads || (gr_onnx_has_input(in, 3) && !(axes = gr_onnx_ints(in, 3, "axes", &axis_count)))) return false;
  if (count != 2 * axis_count || axis_count > (uint32_t)rank)
    return gr_onnx_fail(in, GRAFT_TYPE, "Pad: %u pads for %u axes", count, axis_count), false;
  for (uint32_t i = 0; i < axis_count; i++) {
    int64_t axis = i;
    if (axes && !gr_onnx_axis(in, axes[i], rank, &axis)) return false;
    begin[axis] = pads[i];
    end[axis] = pads[i + axis_count];
  }
  return true;
}

/* The operand pads where it is not known before it runs, in graft's order: an axis that `axes` leaves out has 0. */
static graft_value pads_value(gr_onnx *in, int32_t rank) {
  const graft_value pads = gr_onnx_input(in, 1);
  uint32_t count = (uint32_t)rank;
  const int64_t *axes = NULL;
  if (in->failed || (gr_onnx_has_input(in, 3) && !(axes = gr_onnx_ints(in, 3, "axes", &count)))) return GRAFT_NONE;
  const graft_type *t = gr_onnx_value_type(in, pads);
  const int64_t given = t->rank == 1 ? t->dims[0] : -1;
  if (count > (uint32_t)rank || (given >= 0 && given != 2 * (int64_t)count)) {
    gr_onnx_fail(in, GRAFT_TYPE, "Pad: %lld pads for %u axes", (long long)given, count);
    return GRAFT_NONE;
  }
  int64_t from[2 * GRAFT_MAX_RANK];
  for (int32_t i = 0; i < 2 * rank; i++) from[i] = 2 * (int64_t)count;
  for (uint32_t i = 0; i < count; i++) {
    int64_t axis = i;
    if (axes && !gr_onnx_axis(in, axes[i], rank, &axis)) return GRAFT_NONE;
    from[2 * (rank - 1 - axis)] = i;
    from[2 * (rank - 1 - axis) + 1] = (int64_t)i + count;
  }
  graft_value all = pads;
  const graft_type one = graft_type_make(GRAFT_I64, 1, (int64_t[]){1}),
                   list = graft_type_make(GRAFT_I64, 1, (int64_t[]){2 * (int64_t)rank});
  if (count < (uint32_t)rank) {
    const graft_value none = gr_onnx_make_constant(in, "none", &one, &(int64_t){0});
    gr_onnx_begin(in, GR_OP_cat);
    all = gr_onnx_step(in, (graft_value[]){pads, none}, 2);
  }
  return gr_onnx_binary(in, GR_OP_index_select, all, gr_onnx_make_constant(in, "pairs", &list, from));
}

bool gr_onnx_pad_node(gr_onnx *in) {
  graft_value operands[3] = {gr_onnx_input(in, 0), GRAFT_NONE, GRAFT_NONE};
  int64_t begin[GRAFT_MAX_RANK] = {0}, end[GRAFT_MAX_RANK] = {0}, pads[2 * GRAFT_MAX_RANK];
  int32_t rank = in->failed ? -1 : gr_onnx_rank(in, operands[0]);
  const int64_t *known = NULL;
  uint32_t known_count;
  gr_onnx_keeps_rank(in, operands[0], 0);
  if (rank < 0 || (gr_onnx_has_input(in, 1) && !gr_onnx_try_ints(in, 1, &known, &known_count))) return false;
  if (!known && gr_onnx_has_input(in, 1)) operands[2] = pads_value(in, rank);
  if (in->failed || (operands[2] == GRAFT_NONE && !read_pads(in, rank, begin, end))) return false;
  const char *mode = gr_onnx_attr_is(in, "mode", "reflect") ? "reflect"
                     : gr_onnx_attr_is(in, "mode", "edge")  ? "replicate"
                     : gr_onnx_attr_is(in, "mode", "wrap")  ? "circular"
                                                            : "constant";
  const bool constant = strcmp(mode, "constant") == 0;
  if (constant && gr_onnx_attr(in, "mode") && !gr_onnx_attr_is(in, "mode", "constant"))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "Pad: unknown mode"), false;
  uint32_t count = 0; /* graft's list goes from the last axis to the first one that is padded */
  for (int32_t i = 0; i < rank; i++) {
    int32_t axis = rank - 1 - i;
    pads[2 * i] = begin[axis];
    pads[2 * i + 1] = end[axis];
    if (begin[axis] || end[axis]) count = 2 * (uint32_t)(i + 1);
  }
  if (count == 0 && operands[2] == GRAFT_NONE) return gr_onnx_alias(in, 0, operands[0]);
  double value = in->opset < 11 ? gr_onnx_attr_float(in, "value", 0) : 0;
  if (gr_onnx_has_input(in, 2) && constant) {
    if (gr_onnx_constant(in, 2) == GRAFT_NONE)
      operands[1] = gr_onnx_input(in, 2);
    else if (!gr_onnx_scalar(in, 2, "constant_value", &value))
      return false;
  }
  gr_onnx_begin(in, GR_OP_pad);
  if (operands[2] == GRAFT_NONE) gr_onnx_set_ints(in, "pad", pads, count);
  gr_onnx_set_string(in, "mode", mode);
  gr_onnx_set_float(in, "value", value);
  return gr_onnx_finish(in, operands, operands[2] == GRAFT_NONE ? 2 : 3);
}
