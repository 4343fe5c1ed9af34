/* Where a maximum stood. ONNX counts positions over the whole tensor, along rows or (storage_order) along columns;
 * graft, as PyTorch, along the rows of one plane. What is made here for the one is taken back for the other: MaxUnpool.
 */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

static graft_value extents(gr_onnx *in, graft_value x, int64_t start, int64_t end) {
  gr_onnx_begin(in, GR_OP_shape);
  gr_onnx_set_int(in, "start", start);
  gr_onnx_set_int(in, "end", end);
  return gr_onnx_step(in, &x, 1);
}

static graft_value extent(gr_onnx *in, graft_value x, int64_t axis) {
  const int64_t n = gr_onnx_value_type(in, x)->dims[axis];
  return n >= 0 ? gr_onnx_number(in, n) : extents(in, x, axis, axis + 1);
}

static graft_value add(gr_onnx *in, graft_value a, graft_value b) { return gr_onnx_binary(in, GR_OP_add, a, b); }
static graft_value sub(gr_onnx *in, graft_value a, graft_value b) { return gr_onnx_binary(in, GR_OP_sub, a, b); }
static graft_value mul(gr_onnx *in, graft_value a, graft_value b) { return gr_onnx_binary(in, GR_OP_mul, a, b); }

/* ---- offsets of planes ---- */

/* A vector of what each plane of x is the how-maniest of, [batch, channels, 1...], times the elements of a plane. */
static graft_value computed_offsets(gr_onnx *in, graft_value x, uint32_t axes, graft_value plane) {
  static const int64_t ones[GR_ONNX_SPATIAL] = {1, 1, 1};
  const graft_type list = graft_type_make(GRAFT_I64, 1, (int64_t[]){axes});
  graft_value batch = extents(in, x, 0, 2), tail = gr_onnx_make_constant(in, "ones", &list, ones);
  graft_value count = gr_onnx_unary(in, GR_OP_prod, batch);
  graft_value range[] = {gr_onnx_number(in, 0), count, gr_onnx_number(in, 1)};
  if (in->failed || count == GRAFT_NONE) return GRAFT_NONE;
  gr_onnx_begin(in, GR_OP_arange);
  graft_value offsets = mul(in, gr_onnx_step(in, range, 3), plane);
  gr_onnx_begin(in, GR_OP_cat);
  graft_value shape = gr_onnx_step(in, (graft_value[]){batch, tail}, 2);
  if (offsets == GRAFT_NONE || shape == GRAFT_NONE) return GRAFT_NONE;
  gr_onnx_begin(in, GR_OP_reshape);
  return gr_onnx_step(in, (graft_value[]){offsets, shape}, 2);
}

/* `plane`: the extents of a plane, -1 where x knows them at run time only. */
static graft_value plane_offsets(gr_onnx *in, graft_value x, uint32_t axes, const int64_t *plane) {
  const graft_type *t = gr_onnx_value_type(in, x);
  graft_type type = {.dtype = GRAFT_I64, .rank = (int32_t)axes + 2, .dims = {-1, -1, 1, 1, 1}};
  if (type.rank < 5) type.dims[4] = 0;
  if (type.rank < 4) type.dims[3] = 0;
  if (t->rank == type.rank) memcpy(type.dims, t->dims, 2 * sizeof *t->dims);
  int64_t each = 1;
  for (uint32_t i = 0; i < axes && each >= 0; i++)
    if (plane[i] < 0 || __builtin_mul_overflow(each, plane[i], &each)) each = -1;
  const int64_t planes = graft_type_elements(&type);
  if (planes >= 0 && each >= 0) {
    int64_t *offsets = gr_onnx_room(in, (uint64_t)planes, sizeof *offsets), past;
    if (!offsets) return GRAFT_NONE;
    if (__builtin_mul_overflow(planes, each, &past))
      return gr_onnx_fail(in, GRAFT_TYPE, "%s: positions are out of range", in->row->name), GRAFT_NONE;
    for (int64_t i = 0; i < planes; i++) offsets[i] = i * each;
    return gr_onnx_make_constant(in, "plane_offsets", &type, offsets);
  }
  graft_value size =
      each >= 0 ? gr_onnx_number(in, each) : gr_onnx_unary(in, GR_OP_prod, extents(in, x, 2, (int64_t)axes + 2));
  return computed_offsets(in, x, axes, size);
}

/* ---- MaxPool ---- */

/* From positions along the rows of a padded plane to those along the rows or columns of x's. A window that holds
 * nothing above the padding says the nearest one. */
static graft_value rearranged(gr_onnx *in, const gr_window *padded, graft_value x, graft_value indices, bool column) {
  graft_value own[GR_ONNX_SPATIAL] = {0}, at[GR_ONNX_SPATIAL] = {0}, rest = indices;
  const uint32_t n = padded->n;
  for (uint32_t i = n; i-- > 0;) {
    const int64_t extra = padded->begin[i] + padded->end[i];
    own[i] = extent(in, x, (int64_t)i + 2);
    at[i] = rest;
    if (i > 0) {
      graft_value wide = extra ? add(in, own[i], gr_onnx_number(in, extra)) : own[i];
      rest = gr_onnx_binary(in, GR_OP_div, rest, wide);
      at[i] = sub(in, at[i], mul(in, rest, wide));
    }
    if (!extra) continue;
    graft_value bounded[] = {sub(in, at[i], gr_onnx_number(in, padded->begin[i])), gr_onnx_number(in, 0),
                             sub(in, own[i], gr_onnx_number(in, 1))};
    if (in->failed || bounded[0] == GRAFT_NONE || bounded[2] == GRAFT_NONE) return GRAFT_NONE;
    gr_onnx_begin(in, GR_OP_clamp);
    at[i] = gr_onnx_step(in, bounded, 3);
  }
  graft_value y = column ? at[n - 1] : at[0];
  for (uint32_t i = 1; i < n; i++) {
    const uint32_t axis = column ? n - 1 - i : i;
    y = add(in, mul(in, y, own[axis]), at[axis]);
  }
  return y;
}

bool gr_onnx_tensor_indices(gr_onnx *in, const gr_window *padded, graft_value x, graft_value indices) {
  const graft_type *t = gr_onnx_value_type(in, x);
  const bool column = padded->n > 1 && gr_onnx_attr_bool(in, "storage_order", false);
  bool moved = column;
  for (uint32_t i = 0; i < padded->n; i++) moved = moved || padded->begin[i] || padded->end[i];
  if (moved) indices = rearranged(in, padded, x, indices, column);
  int64_t plane[GR_ONNX_SPATIAL];
  memcpy(plane, t->dims + 2, sizeof plane);
  graft_value operands[2] = {indices, plane_offsets(in, x, padded->n, plane)};
  if (in->failed || operands[0] == GRAFT_NONE || operands[1] == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_add);
  return gr_onnx_end(in, operands, 2, (const char *[]){in->node->output[1]}, 1, 0, NULL) != GRAFT_NONE;
}

/* ---- MaxUnpool ---- */

/* What the window makes of x, and what is asked for instead. False: an error; `*known`: all are. */
static bool read_sizes(gr_onnx *in, const gr_window *w, graft_value x, int64_t *made, int64_t *wanted, bool *known) {
  const int64_t *list = NULL;
  uint32_t count = 0;
  *known = true;
  if (gr_onnx_has_input(in, 2)) {
    if (!gr_onnx_try_ints(in, 2, &list, &count)) return false;
    *known = list != NULL;
    if (list && count != w->n + 2)
      return gr_onnx_fail(in, GRAFT_TYPE, "MaxUnpool: output_shape has %u entries", count), false;
  }
  for (uint32_t i = 0; i < w->n; i++) {
    const int64_t n = gr_onnx_spatial(in, x, i);
    if (n < 1 || n >= GR_ONNX_MAX_EXTENT) return *known = false, true;
    made[i] = (n - 1) * w->stride[i] - w->begin[i] - w->end[i] + w->kernel[i];
    wanted[i] = list ? list[i + 2] : made[i];
    if (made[i] < 1 || made[i] > wanted[i] || wanted[i] >= GR_ONNX_MAX_EXTENT)
      return gr_onnx_fail(in, GRAFT_TYPE, "MaxUnpool: an output of %lld, of %lld wanted", (long long)made[i],
                          (long long)wanted[i]),
             false;
  }
  return true;
}

/* The positions that a MaxPool of this file said of planes of this size, as graft's max_pool said them; GRAFT_NONE: it
 * is none. */
static graft_value said_by_pool(gr_onnx *in, graft_value indices, const int64_t *plane, uint32_t axes) {
  const graft_graph *g = in->scope->graph;
  const graft_node n = gr_value_node(g, indices);
  if (n == GRAFT_NONE || gr_node_at(g, n)->op != GR_OP_add) return GRAFT_NONE;
  const graft_value said = gr_operand(g, n, 0);
  const graft_node pool = gr_value_node(g, said);
  if (pool == GRAFT_NONE || gr_node_at(g, pool)->op != GR_OP_max_pool1d + axes - 1 ||
      gr_node_at(g, pool)->result_count < 2 || gr_result(g, pool, 1) != said)
    return GRAFT_NONE;
  const graft_type *t = gr_onnx_value_type(in, gr_operand(g, pool, 0));
  return t->rank == (int32_t)axes + 2 && memcmp(t->dims + 2, plane, axes * sizeof *plane) == 0 ? said : GRAFT_NONE;
}

/* Zeros behind what there is. */
static bool widened(gr_onnx *in, graft_value y, const int64_t *made, const int64_t *wanted, uint32_t axes) {
  int64_t pads[2 * GR_ONNX_SPATIAL] = {0};
  for (uint32_t i = 0; i < axes; i++) pads[2 * (axes - 1 - i) + 1] = wanted[i] - made[i];
  gr_onnx_begin(in, GR_OP_pad);
  gr_onnx_set_ints(in, "pad", pads, 2 * axes);
  return y != GRAFT_NONE && gr_onnx_finish(in, &y, 1);
}

/* Positions count in the output that the window makes; output_shape adds zeros behind it. Where they come from a
 * MaxPool whose input was as large as output_shape says, they count there. */
bool gr_onnx_max_unpool(gr_onnx *in) {
  graft_value operands[2] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1)};
  int64_t made[GR_ONNX_SPATIAL], wanted[GR_ONNX_SPATIAL];
  gr_window w = {0};
  bool known;
  if (in->failed || !gr_onnx_pool_window(in, &w, operands[0]) || !read_sizes(in, &w, operands[0], made, wanted, &known))
    return false;
  if (!known) return gr_onnx_pool_stays(in, &w, operands[0]);
  graft_value said = said_by_pool(in, operands[1], wanted, w.n);
  if (said != GRAFT_NONE) {
    memcpy(made, wanted, sizeof made);
    operands[1] = said;
  } else {
    operands[1] = sub(in, operands[1], plane_offsets(in, operands[0], w.n, made));
  }
  if (in->failed || operands[1] == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_max_unpool1d + w.n - 1);
  gr_onnx_set_ints(in, "output_size", made, w.n);
  if (memcmp(made, wanted, w.n * sizeof *made) == 0) return gr_onnx_finish(in, operands, 2);
  return widened(in, gr_onnx_step(in, operands, 2), made, wanted, w.n);
}
