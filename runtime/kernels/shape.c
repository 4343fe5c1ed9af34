/* Ops that move elements and know nothing of their dtype but its size. Most are one strided copy; where the elements
 * stand in one piece already the alias functions say so and nothing runs in a session. */
#include "runtime/kernel_impl.h"

#include <string.h>

#define GRAIN 16384

/* ---- strided copy
 * ---------------------------------------------------------------------------------------------------- */

typedef struct strided {
  char *to;         /* contiguous */
  const char *from; /* of element 0 */
  int64_t size;     /* of an element, bytes */
  int32_t rank;
  int64_t dims[GRAFT_MAX_RANK], strides[GRAFT_MAX_RANK]; /* in elements; 0 and negative ones are fine */
} strided;

static void copy_line(char *to, const char *from, int64_t n, int64_t stride, int64_t size) {
  if (stride == 1) {
    memcpy(to, from, (size_t)(n * size));
    return;
  }
  switch (size) {
#define CASE(T) \
  case sizeof(T): \
    for (int64_t i = 0; i < n; i++) ((T *)(void *)to)[i] = ((const T *)(const void *)from)[i * stride]; \
    break;
    CASE(uint8_t)
    CASE(uint16_t)
    CASE(uint32_t)
  default: CASE(uint64_t)
#undef CASE
  }
}

static void copy_lines(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const strided *s = user;
  int64_t inner = s->dims[s->rank - 1];
  (void)worker;
  for (int64_t line = begin; line < end; line++) {
    int64_t rest = line, at = 0;
    for (int32_t i = s->rank - 1; i-- > 0;) {
      at += rest % s->dims[i] * s->strides[i];
      rest /= s->dims[i];
    }
    copy_line(s->to + line * inner * s->size, s->from + at * s->size, inner, s->strides[s->rank - 1], s->size);
  }
}

/* Fills y from x: element (i0, i1 …) is x[start + i0 * strides[0] + …]. */
static graft_status strided_copy(const gr_kernel_call *k, const gr_out *y, const gr_in *x, int64_t start,
                                 const int64_t *strides) {
  if (y->count == 0) return GRAFT_OK;
  strided s = {.to = y->data, .size = (int64_t)graft_dtype_size(y->type->dtype)};
  s.from = (const char *)x->data + start * s.size;
  for (int32_t i = 0; i < y->type->rank; i++) {
    int64_t extent = y->type->dims[i];
    if (extent == 1) continue;
    if (s.rank > 0 && s.strides[s.rank - 1] == strides[i] * extent) {
      s.dims[s.rank - 1] *= extent;
      s.strides[s.rank - 1] = strides[i];
    } else {
      s.dims[s.rank] = extent;
      s.strides[s.rank++] = strides[i];
    }
  }
  if (s.rank == 0) s.rank = 1, s.dims[0] = 1, s.strides[0] = 1;
  int64_t inner = s.dims[s.rank - 1];
  gr_parallel_for(k->threads, y->count / inner, (GRAIN + inner - 1) / inner, copy_lines, &s);
  return GRAFT_OK;
}

static void row_major(const graft_type *t, int64_t *strides) {
  int64_t next = 1;
  for (int32_t i = t->rank; i-- > 0;) strides[i] = next, next *= t->dims[i];
}

/* ---- the same elements in the same order
 * ------------------------------------------------------------------------------ */

int64_t gr_alias_whole(const gr_kernel_call *k, uint32_t result, uint32_t *operand) {
  (void)k, (void)result;
  *operand = 0;
  return 0;
}

graft_status gr_kernel_copy(const gr_kernel_call *k) {
  if (k->operands[0].data != k->results[0].data)
    memcpy(k->results[0].data, k->operands[0].data, gr_in_bytes(&k->operands[0]));
  return GRAFT_OK;
}

/* ---- permute, transpose, expand
 * --------------------------------------------------------------------------------------- */

/* order[i] is the axis of x that becomes axis i. */
static void axis_order(const gr_kernel_call *k, int32_t *order) {
  int32_t rank = k->operands[0].type->rank;
  if (k->op == GR_OP_permute) {
    uint32_t count;
    const int64_t *dims = gr_k_ints(k, GR_ATTR(permute, dims), &count);
    for (int32_t i = 0; i < rank; i++) order[i] = gr_axis(dims[i], rank);
    return;
  }
  for (int32_t i = 0; i < rank; i++) order[i] = i;
  if (rank == 0) return;
  int32_t a = gr_axis(gr_k_int(k, GR_ATTR(transpose, dim0)), rank),
          b = gr_axis(gr_k_int(k, GR_ATTR(transpose, dim1)), rank);
  order[a] = b;
  order[b] = a;
}

int64_t gr_alias_permute(const gr_kernel_call *k, uint32_t result, uint32_t *operand) {
  const graft_type *x = k->operands[0].type;
  int32_t order[GRAFT_MAX_RANK], last = -1;
  (void)result;
  *operand = 0;
  axis_order(k, order);
  for (int32_t i = 0; i < x->rank; i++) {
    if (x->dims[order[i]] == 1) continue;
    if (order[i] < last) return -1;
    last = order[i];
  }
  return 0;
}

graft_status gr_kernel_permute(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type;
  int32_t order[GRAFT_MAX_RANK];
  int64_t in[GRAFT_MAX_RANK], out[GRAFT_MAX_RANK];
  axis_order(k, order);
  row_major(x, in);
  for (int32_t i = 0; i < x->rank; i++) out[i] = in[order[i]];
  return strided_copy(k, &k->results[0], &k->operands[0], 0, out);
}

int64_t gr_alias_expand(const gr_kernel_call *k, uint32_t result, uint32_t *operand) {
  if (k->operands[GR_OPERAND(expand, shape)].type) return -1; /* the kernel compares */
  *operand = 0;
  return graft_type_elements(k->operands[0].type) == graft_type_elements(k->results[result].type) ? 0 : -1;
}

static graft_status broadcast(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type, *y = k->results[0].type;
  int64_t in[GRAFT_MAX_RANK], out[GRAFT_MAX_RANK];
  row_major(x, in);
  for (int32_t i = 0; i < y->rank; i++) {
    int32_t axis = i - (y->rank - x->rank);
    out[i] = axis < 0 || x->dims[axis] == 1 ? 0 : in[axis];
  }
  return strided_copy(k, &k->results[0], &k->operands[0], 0, out);
}

/* Where the extents follow from x alone, nobody has compared them with what `shape` says in this run. */
graft_status gr_kernel_expand(const gr_kernel_call *k) {
  const gr_in *shape = &k->operands[GR_OPERAND(expand, shape)];
  const graft_type *y = k->results[0].type;
  for (int64_t i = 0; shape->data && i < shape->count; i++) {
    const int64_t n = ((const int64_t *)shape->data)[i], axis = y->rank - shape->count + i;
    if (axis < 0 || (n != 1 && n != y->dims[axis]))
      return gr_kernel_error(k, "entry %jd of shape is %jd, the result has %jd", (intmax_t)i, (intmax_t)n,
                             (intmax_t)(axis < 0 ? 0 : y->dims[axis]));
  }
  return broadcast(k);
}

/* An axis that was summed has stride 0. */
graft_status gr_kernel_sum_backward(const gr_kernel_call *k) {
  const graft_type *y = k->results[0].type;
  uint32_t count;
  const int64_t *dims = gr_k_ints(k, GR_ATTR(sum_backward, dim), &count);
  bool summed[GRAFT_MAX_RANK];
  int64_t strides[GRAFT_MAX_RANK], next = 1;
  for (int32_t i = 0; i < y->rank; i++) summed[i] = count == 0;
  for (uint32_t i = 0; i < count && y->rank > 0; i++) summed[gr_axis(dims[i], y->rank)] = true;
  for (int32_t i = y->rank; i-- > 0;) {
    strides[i] = summed[i] ? 0 : next;
    if (!summed[i]) next *= y->dims[i];
  }
  return strided_copy(k, &k->results[0], &k->operands[0], 0, strides);
}

graft_status gr_kernel_repeat(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type, *y = k->results[0].type;
  const int32_t more = y->rank - x->rank, last = y->rank - 1;
  if (k->results[0].count == 0) return GRAFT_OK;
  if (x->rank == 0) return broadcast(k);
  int64_t strides[GRAFT_MAX_RANK];
  row_major(x, strides);
  const int64_t line = x->dims[x->rank - 1] * (int64_t)graft_dtype_size(x->dtype),
                times = y->dims[last] / x->dims[x->rank - 1];
  const int64_t lines = gr_extent(y, 0, last);
  char *to = k->results[0].data;
  for (int64_t i = 0; i < lines; i++) {
    int64_t rest = i, at = 0;
    for (int32_t d = last; d-- > 0; rest /= y->dims[d])
      if (d >= more) at += rest % y->dims[d] % x->dims[d - more] * strides[d - more];
    const char *from = (const char *)k->operands[0].data + at * (int64_t)graft_dtype_size(x->dtype);
    for (int64_t j = 0; j < times; j++, to += line) memcpy(to, from, (size_t)line);
  }
  return GRAFT_OK;
}

/* ---- slice, split, cat
 * ------------------------------------------------------------------------------------------------ */

/* First index of a slice of an axis of n, as Python clamps it. */
static int64_t slice_start(int64_t start, int64_t n, int64_t step) {
  if (start < 0) start = start < -n ? -1 : start + n;
  if (step > 0) return start < 0 ? 0 : start > n ? n : start;
  return start > n - 1 ? n - 1 : start;
}

/* A part of axis `axis` from `start` on is one piece of x when every axis before has extent 1. */
static int64_t part_alias(const graft_type *x, const graft_type *y, int32_t axis, int64_t start) {
  if (x->dims[axis] == y->dims[axis]) return 0;
  if (gr_extent(x, 0, axis) != 1) return -1;
  return start * gr_extent(x, axis + 1, x->rank) * (int64_t)graft_dtype_size(x->dtype);
}

int64_t gr_alias_slice(const gr_kernel_call *k, uint32_t result, uint32_t *operand) {
  const graft_type *x = k->operands[0].type, *y = k->results[result].type;
  int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(slice, dim)), x->rank);
  int64_t step = gr_k_int(k, GR_ATTR(slice, step));
  *operand = 0;
  if (y->dims[axis] == 0) return 0;
  for (uint32_t i = GR_OPERAND(slice, start); i <= GR_OPERAND(slice, step); i++)
    if (k->operands[i].type) return -1; /* data tells */
  if (step != 1 && y->dims[axis] != 1) return -1;
  return part_alias(x, y, axis, slice_start(gr_k_int(k, GR_ATTR(slice, start)), x->dims[axis], step));
}

/* Of the operand, which outranks the attribute. */
static int64_t slice_bound(const gr_kernel_call *k, uint32_t operand, uint32_t attr) {
  const int64_t *data = k->operands[operand].data;
  return data ? *data : gr_k_int(k, attr);
}

graft_status gr_kernel_slice(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type;
  int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(slice, dim)), x->rank);
  int64_t step = slice_bound(k, GR_OPERAND(slice, step), GR_ATTR(slice, step)), strides[GRAFT_MAX_RANK];
  row_major(x, strides);
  int64_t start = slice_start(slice_bound(k, GR_OPERAND(slice, start), GR_ATTR(slice, start)), x->dims[axis], step);
  start *= strides[axis];
  if (k->results[0].type->dims[axis] > 1) strides[axis] *= step; /* else a step of any size is no step */
  return strided_copy(k, &k->results[0], &k->operands[0], start, strides);
}

static int64_t split_start(const gr_kernel_call *k, uint32_t result) {
  uint32_t count;
  const int64_t *sizes = gr_k_ints(k, GR_ATTR(split, split_sizes), &count);
  int64_t start = 0;
  for (uint32_t i = 0; i < result; i++) start += sizes[i];
  return start;
}

int64_t gr_alias_split(const gr_kernel_call *k, uint32_t result, uint32_t *operand) {
  const graft_type *x = k->operands[0].type, *y = k->results[result].type;
  *operand = 0;
  if (graft_type_elements(y) == 0) return 0;
  return part_alias(x, y, gr_axis(gr_k_int(k, GR_ATTR(split, dim)), x->rank), split_start(k, result));
}

graft_status gr_kernel_split(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type;
  int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(split, dim)), x->rank);
  uint32_t count;
  const int64_t *sizes = gr_k_ints(k, GR_ATTR(split, split_sizes), &count);
  int64_t strides[GRAFT_MAX_RANK], start = 0;
  row_major(x, strides);
  for (uint32_t i = 0; i < k->result_count && i < count; start += sizes[i++]) {
    if (!k->results[i].data) continue;
    graft_status status = strided_copy(k, &k->results[i], &k->operands[0], start * strides[axis], strides);
    if (status != GRAFT_OK) return status;
  }
  return GRAFT_OK;
}

int64_t gr_alias_cat(const gr_kernel_call *k, uint32_t result, uint32_t *operand) {
  (void)result;
  *operand = 0;
  return k->operand_count == 1 ? 0 : -1;
}

graft_status gr_kernel_cat(const gr_kernel_call *k) {
  const gr_out *y = &k->results[0];
  if (y->count == 0) return GRAFT_OK;
  int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(cat, dim)), y->type->rank);
  int64_t inner = gr_extent(y->type, axis + 1, y->type->rank) * (int64_t)graft_dtype_size(y->type->dtype);
  int64_t outer = gr_extent(y->type, 0, axis), row = y->type->dims[axis] * inner;
  char *to = y->data;
  for (uint32_t i = 0; i < k->operand_count; i++) {
    const gr_in *x = &k->operands[i];
    if (x->count == 0) continue;
    int64_t part = x->type->dims[axis] * inner;
    for (int64_t j = 0; j < outer; j++) memcpy(to + j * row, (const char *)x->data + j * part, (size_t)part);
    to += part;
  }
  return GRAFT_OK;
}

/* ---- pad
 * -------------------------------------------------------------------------------------------------------------- */

typedef struct padding {
  const char *from;
  char *to;
  char fill[8];
  int64_t size;
  int32_t rank;
  int64_t dims[GRAFT_MAX_RANK], strides[GRAFT_MAX_RANK];
  int64_t *source[GRAFT_MAX_RANK]; /* by axis and index in y: index in x, or -1 for the fill */
  int64_t first, length;           /* the part of y's last axis that is x's from `source` on, in one piece */
} padding;

static void pad_lines(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const padding *p = user;
  int32_t last = p->rank - 1;
  (void)worker;
  for (int64_t line = begin; line < end; line++) {
    int64_t rest = line, at = 0;
    bool fill = false;
    for (int32_t i = last; i-- > 0;) {
      int64_t index = p->source[i][rest % p->dims[i]];
      rest /= p->dims[i];
      fill |= index < 0;
      at += index * p->strides[i];
    }
    char *to = p->to + line * p->dims[last] * p->size;
    for (int64_t i = 0; i < p->dims[last]; i++) {
      int64_t index = p->source[last][i];
      if (i == p->first && !fill && p->length > 0) {
        memcpy(to + i * p->size, p->from + (at + index) * p->size, (size_t)(p->length * p->size));
        i += p->length - 1;
      } else {
        memcpy(to + i * p->size, fill || index < 0 ? p->fill : p->from + (at + index) * p->size, (size_t)p->size);
      }
    }
  }
}

/* Index in x of index i - before, in the given mode. */
static int64_t pad_source(int64_t i, int64_t n, int64_t mode) {
  if (i >= 0 && i < n) return i;
  if (mode == GR_pad_mode_constant) return -1;
  if (mode == GR_pad_mode_replicate) return i < 0 ? 0 : n - 1;
  if (mode == GR_pad_mode_circular) return i % n + (i % n < 0 ? n : 0);
  return i < 0 ? -i : 2 * (n - 1) - i; /* reflect; checked before */
}

/* False where the dtype has no such number. */
static bool store_value(graft_dtype dtype, double value, char *out) {
  int64_t low, high;
  if (!gr_integer_range(dtype, &low, &high))
    gr_element_set_float(dtype, out, value);
  else if (dtype == GRAFT_BOOL)
    gr_element_set_int(dtype, out, value != 0);
  else if (value >= (double)low && value <= (double)high && value < 0x1p63)
    gr_element_set_int(dtype, out, (int64_t)value);
  else
    return false;
  return true;
}

graft_status gr_kernel_pad(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0], *fill = &k->operands[1];
  const gr_out *y = &k->results[0];
  const int64_t mode = gr_k_int(k, GR_ATTR(pad, mode));
  padding p = {
      .from = x->data, .to = y->data, .rank = x->type->rank, .size = (int64_t)graft_dtype_size(x->type->dtype)};
  double value = gr_k_float(k, GR_ATTR(pad, value));
  if (fill->data) {
    if (fill->type->dtype != x->type->dtype || fill->count != 1)
      return gr_kernel_error(k, "fill is not one %s", graft_dtype_name(x->type->dtype));
    memcpy(p.fill, fill->data, (size_t)p.size);
  } else {
    if (!store_value(x->type->dtype, value, p.fill))
      return gr_kernel_error(k, "%g is no %s", value, graft_dtype_name(x->type->dtype));
  }
  if (y->count == 0) return GRAFT_OK;
  if (p.rank == 0) return gr_kernel_copy(k);
  uint32_t count;
  const gr_in *pads = &k->operands[2];
  const int64_t *pad = gr_k_ints(k, GR_ATTR(pad, pad), &count);
  if (pads->data) {
    pad = pads->data;
    count = (uint32_t)pads->count;
  }
  row_major(x->type, p.strides);
  for (int32_t i = 0; i < p.rank; i++) {
    uint32_t pair = (uint32_t)(p.rank - 1 - i);
    int64_t before = 2 * pair + 1 < count ? pad[2 * pair] : 0, after = 2 * pair + 1 < count ? pad[2 * pair + 1] : 0;
    int64_t n = x->type->dims[i];
    if (mode != GR_pad_mode_constant && (before > 0 || after > 0) &&
        (n == 0 || (mode == GR_pad_mode_reflect && (before >= n || after >= n))))
      return gr_kernel_error(k, "an axis of %lld cannot be padded by %lld and %lld (%s)", (long long)n,
                             (long long)before, (long long)after, gr_choice_words(GR_CHOICE_pad_mode)[mode]);
    p.dims[i] = y->type->dims[i];
    p.source[i] = gr_scratch_alloc(k->scratch, (size_t)p.dims[i], sizeof *p.source[i]);
    if (!p.source[i]) return GRAFT_NO_MEMORY;
    for (int64_t j = 0; j < p.dims[i]; j++) p.source[i][j] = pad_source(j - before, n, mode);
    p.first = before > 0 ? before : 0;
    p.length = (n + before < p.dims[i] ? n + before : p.dims[i]) - p.first;
  }
  int64_t inner = p.dims[p.rank - 1];
  gr_parallel_for(k->threads, y->count / inner, (GRAIN + inner - 1) / inner, pad_lines, &p);
  return GRAFT_OK;
}

/* ---- index_select, shape, zeros_like
 * ---------------------------------------------------------------------------------- */

graft_status gr_kernel_index_select(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0], *index = &k->operands[1];
  const gr_out *y = &k->results[0];
  graft_dtype d = index->type->dtype;
  if (d != GRAFT_I64 && d != GRAFT_I32) return gr_kernel_error(k, "an index of %s", graft_dtype_name(d));
  if (x->type->rank == 0) return gr_kernel_error(k, "x has no axis to select from");
  int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(index_select, dim)), x->type->rank);
  int64_t n = x->type->dims[axis], outer = gr_extent(x->type, 0, axis);
  size_t entry = (size_t)gr_extent(x->type, axis + 1, x->type->rank) * graft_dtype_size(x->type->dtype);
  for (int64_t i = 0; i < index->count; i++) {
    int64_t at = d == GRAFT_I64 ? ((const int64_t *)index->data)[i] : ((const int32_t *)index->data)[i];
    if (at < -n || at >= n)
      return gr_kernel_error(k, "index %lld is outside an axis of %lld", (long long)at, (long long)n);
    if (at < 0) at += n;
    if (y->count == 0) continue;
    for (int64_t j = 0; j < outer; j++)
      memcpy((char *)y->data + (size_t)(j * index->count + i) * entry,
             (const char *)x->data + (size_t)(j * n + at) * entry, entry);
  }
  return GRAFT_OK;
}

graft_status gr_kernel_shape(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type;
  int64_t start = gr_k_int(k, GR_ATTR(shape, start)), *y = k->results[0].data;
  if (start < 0) start += x->rank;
  if (start < 0) start = 0;
  for (int64_t i = 0; i < k->results[0].count; i++) y[i] = x->dims[start + i];
  return GRAFT_OK;
}

graft_status gr_kernel_zeros_like(const gr_kernel_call *k) {
  memset(k->results[0].data, 0, gr_out_bytes(&k->results[0]));
  return GRAFT_OK;
}

/* ---- images ---- */

/* Extents of a reshaped image; where the elements of a part stand in the other one is a matter of strides. */
static graft_status move_image(const gr_kernel_call *k, const int64_t dims[6], const int64_t strides[6]) {
  const graft_type type = graft_type_make(k->results[0].type->dtype, 6, dims);
  const gr_out y = {.type = &type, .data = k->results[0].data, .count = k->results[0].count};
  return strided_copy(k, &y, &k->operands[0], 0, strides);
}

/* y[n, c, h, i, w, j] is x[n, (c, i, j), h, w], or [n, (i, j, c), h, w]. */
graft_status gr_kernel_pixel_shuffle(const gr_kernel_call *k) {
  const int64_t *x = k->operands[0].type->dims, r = gr_k_int(k, GR_ATTR(pixel_shuffle, upscale_factor));
  const int64_t c = x[1] / (r * r), plane = x[2] * x[3];
  const bool depth_first = gr_k_bool(k, GR_ATTR(pixel_shuffle, depth_first));
  const int64_t dims[6] = {x[0], c, x[2], r, x[3], r};
  const int64_t strides[6] = {x[1] * plane,
                              depth_first ? plane : r * r * plane,
                              x[3],
                              depth_first ? r * c * plane : r * plane,
                              1,
                              depth_first ? c * plane : plane};
  return move_image(k, dims, strides);
}

graft_status gr_kernel_pixel_unshuffle(const gr_kernel_call *k) {
  const int64_t *x = k->operands[0].type->dims, r = gr_k_int(k, GR_ATTR(pixel_unshuffle, downscale_factor));
  const int64_t plane = x[2] * x[3];
  if (gr_k_bool(k, GR_ATTR(pixel_unshuffle, depth_first)))
    return move_image(k, (int64_t[]){x[0], r, r, x[1], x[2] / r, x[3] / r},
                      (int64_t[]){x[1] * plane, x[3], 1, plane, r * x[3], r});
  return move_image(k, (int64_t[]){x[0], x[1], r, r, x[2] / r, x[3] / r},
                    (int64_t[]){x[1] * plane, plane, x[3], 1, r * x[3], r});
}

/* ---- triangles ---- */

static graft_status triangle(const gr_kernel_call *k, int64_t diagonal, bool upper) {
  const gr_in *x = &k->operands[0], *offset = &k->operands[GR_OPERAND(tril, offset)];
  const graft_type *t = x->type;
  const int64_t rows = t->dims[t->rank - 2], columns = t->dims[t->rank - 1];
  const size_t size = graft_dtype_size(t->dtype);
  if (offset->data) diagonal = *(const int64_t *)offset->data;
  if (x->data != k->results[0].data) memcpy(k->results[0].data, x->data, gr_in_bytes(x));
  for (int64_t row = 0; columns > 0 && row < x->count / columns; row++) {
    /* column - row of the first entry that a lower triangle leaves out */
    const int64_t from = diagonal > columns ? columns : diagonal < -rows ? -rows : diagonal;
    int64_t edge = row % rows + from + (upper ? 0 : 1);
    edge = edge < 0 ? 0 : edge > columns ? columns : edge;
    char *line = (char *)k->results[0].data + (size_t)(row * columns) * size;
    if (upper)
      memset(line, 0, (size_t)edge * size);
    else
      memset(line + (size_t)edge * size, 0, (size_t)(columns - edge) * size);
  }
  return GRAFT_OK;
}
GR_SAME_OPERAND(offset, tril, triu);

graft_status gr_kernel_tril(const gr_kernel_call *k) {
  return triangle(k, gr_k_int(k, GR_ATTR(tril, diagonal)), false);
}
graft_status gr_kernel_triu(const gr_kernel_call *k) { return triangle(k, gr_k_int(k, GR_ATTR(triu, diagonal)), true); }

/* ---- flip, roll, reverse_sequence ---- */

graft_status gr_kernel_flip(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type;
  int64_t strides[GRAFT_MAX_RANK], start = 0;
  uint32_t count;
  const int64_t *dims = gr_k_ints(k, GR_ATTR(flip, dims), &count);
  row_major(x, strides);
  for (uint32_t i = 0; i < count; i++) {
    const int32_t axis = gr_axis(dims[i], x->rank);
    start += (x->dims[axis] - 1) * strides[axis];
    strides[axis] = -strides[axis];
  }
  return strided_copy(k, &k->results[0], &k->operands[0], start, strides);
}

graft_status gr_kernel_roll(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  const gr_out *y = &k->results[0];
  uint32_t count, axes;
  const int64_t *shifts = gr_k_ints(k, GR_ATTR(roll, shifts), &count), *dims = gr_k_ints(k, GR_ATTR(roll, dims), &axes);
  if (y->count == 0) return GRAFT_OK;
  const graft_type whole = graft_type_make(x->type->dtype, 1, &x->count), *t = dims ? x->type : &whole;
  padding p = {.from = x->data, .to = y->data, .rank = t->rank, .size = (int64_t)graft_dtype_size(t->dtype)};
  if (t->rank == 0) return gr_kernel_copy(k);
  row_major(t, p.strides);
  for (int32_t i = 0; i < t->rank; i++) {
    int64_t n = t->dims[i], by = 0;
    for (uint32_t j = 0; j < count; j++)
      if (!dims || gr_axis(dims[j], t->rank) == i) by = (by + shifts[j] % n + n) % n;
    p.dims[i] = n;
    p.source[i] = gr_scratch_alloc(k->scratch, (size_t)n, sizeof *p.source[i]);
    if (!p.source[i]) return GRAFT_NO_MEMORY;
    for (int64_t j = 0; j < n; j++) p.source[i][j] = j < by ? j + n - by : j - by;
    p.first = by;
    p.length = n - by;
  }
  const int64_t inner = p.dims[p.rank - 1];
  gr_parallel_for(k->threads, y->count / inner, (GRAIN + inner - 1) / inner, pad_lines, &p);
  return GRAFT_OK;
}

graft_status gr_kernel_reverse_sequence(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  const graft_type *t = x->type;
  const int64_t *lengths = k->operands[1].data;
  const int32_t batch = gr_axis(gr_k_int(k, GR_ATTR(reverse_sequence, batch_dim)), t->rank),
                time = gr_axis(gr_k_int(k, GR_ATTR(reverse_sequence, time_dim)), t->rank),
                last = batch > time ? batch : time;
  const int64_t each_step = gr_extent(t, time + 1, t->rank), each = gr_extent(t, batch + 1, t->rank);
  for (int64_t i = 0; i < t->dims[batch]; i++)
    if (lengths[i] < 0 || lengths[i] > t->dims[time])
      return gr_kernel_error(k, "length %lld is not from 0 to %lld", (long long)lengths[i], (long long)t->dims[time]);
  if (x->count == 0) return GRAFT_OK;
  const int64_t lines = gr_extent(t, 0, last + 1), entries = x->count / lines;
  const size_t line = (size_t)entries * graft_dtype_size(t->dtype);
  for (int64_t i = 0; i < lines; i++) {
    const int64_t step = i * entries / each_step % t->dims[time], length = lengths[i * entries / each % t->dims[batch]];
    const int64_t from = step < length ? i + (length - 1 - 2 * step) * each_step / entries : i;
    memcpy((char *)k->results[0].data + (size_t)i * line, (const char *)x->data + (size_t)from * line, line);
  }
  return GRAFT_OK;
}

graft_status gr_kernel_eye(const gr_kernel_call *k) {
  const gr_out *y = &k->results[0];
  const int64_t rows = y->type->dims[0], columns = y->type->dims[1], diagonal = gr_k_int(k, GR_ATTR(eye, diagonal));
  const size_t size = graft_dtype_size(y->type->dtype);
  char one[8];
  if (y->count == 0) return GRAFT_OK;
  store_value(y->type->dtype, 1, one);
  memset(y->data, 0, gr_out_bytes(y));
  for (int64_t row = diagonal < 0 ? diagonal < -rows ? rows : -diagonal : 0; row < rows && diagonal < columns - row;
       row++)
    memcpy((char *)y->data + (size_t)(row * columns + row + diagonal) * size, one, size);
  return GRAFT_OK;
}
