/* Short lists of integers that the model computes from constants and known extents. PyTorch's exporter writes the pads
 * of F.pad so when it does not fold constants, as in training; graft's pad has them as an attribute. */
#include "ir/formats/onnx/onnx_impl.h"

#include <string.h>

enum { MAX_INTS = 64, MAX_NODES = 256, MAX_FILLED = 1 << 20 };

/* One axis, or two: rows of `width`; a scalar is a list of one. */
typedef struct ints {
  int64_t v[MAX_INTS];
  uint32_t n, width; /* width 0: one axis */
} ints;

typedef struct folder {
  gr_onnx *in;
  graft_graph *g;
  uint32_t visits;
} folder;

static bool of_tensor(const folder *f, graft_tensor t, ints *out) {
  const graft_type *type = gr_tensor_type(f->in->module, t);
  int64_t n = graft_type_elements(type);
  if (type->dtype != GRAFT_I64 || type->rank > 1 || n < 0 || n > MAX_INTS) return false;
  const int64_t *data = graft_tensor_get_data(f->in->module, t);
  if (!data) return false;
  *out = (ints){.n = (uint32_t)n};
  memcpy(out->v, data, (size_t)n * sizeof *data);
  return true;
}

static bool of_shape(const folder *f, graft_node n, ints *out) {
  const graft_type *x = gr_onnx_value_type(f->in, gr_operand(f->g, n, 0));
  const gr_node *node = gr_node_at(f->g, n);
  if (x->rank < 0 || gr_attr_int(f->in->module, node->attrs, GR_ATTR(shape, start)) != 0 ||
      !gr_attr_is_none(f->in->module, node->attrs, GR_ATTR(shape, end)))
    return false;
  *out = (ints){.n = (uint32_t)x->rank};
  for (int32_t i = 0; i < x->rank; i++) {
    if (x->dims[i] < 0) return false;
    out->v[i] = x->dims[i];
  }
  return true;
}

static bool arithmetic(uint32_t op, ints *a, const ints *b) {
  if (a->width || b->width || (b->n != a->n && b->n != 1)) return false;
  for (uint32_t i = 0; i < a->n; i++) {
    uint64_t x = (uint64_t)a->v[i], y = (uint64_t)b->v[b->n == 1 ? 0 : i];
    a->v[i] = (int64_t)(op == GR_OP_add ? x + y : op == GR_OP_sub ? x - y : x * y);
  }
  return true;
}

static bool joined(ints *a, const ints *b) {
  if (a->width || b->width || a->n + b->n > MAX_INTS) return false;
  memcpy(a->v + a->n, b->v, b->n * sizeof *b->v);
  a->n += b->n;
  return true;
}

static bool reshaped(ints *a, const int64_t *shape, uint32_t rank) {
  if (!shape || rank < 1 || rank > 2) return false;
  int64_t width = rank == 2 ? shape[1] : 0, height = shape[0];
  if (rank == 2 && (width < 1 || width > MAX_INTS || a->n % (uint32_t)width)) return false;
  int64_t lines = rank == 2 ? a->n / (uint32_t)width : a->n;
  if (height != -1 && height != lines) return false;
  a->width = (uint32_t)width;
  return true;
}

static void turn(ints *a) {
  ints b = *a;
  uint32_t height = a->n / a->width;
  for (uint32_t i = 0; i < a->n; i++) a->v[i % a->width * height + i / a->width] = b.v[i];
  a->width = height;
}

/* Lines in opposite order: the slice from the last to the first. */
static void reversed(ints *a) {
  ints b = *a;
  uint32_t width = a->width ? a->width : 1, height = a->n / width;
  for (uint32_t i = 0; i < a->n; i++) a->v[i] = b.v[(height - 1 - i / width) * width + i % width];
}

static bool value(folder *f, graft_value v, ints *out);

static bool of_node(folder *f, graft_node n, ints *out) {
  const graft_module *m = f->in->module;
  const gr_node node = *gr_node_at(f->g, n);
  ints other;
  uint32_t rank;
  if (node.op == GR_OP_shape) return of_shape(f, n, out);
  if (node.operand_count == 0 || !value(f, gr_operand(f->g, n, 0), out)) return false;
  switch (node.op) {
  case GR_OP_to: return gr_onnx_value_type(f->in, gr_result(f->g, n, 0))->dtype == GRAFT_I64;
  case GR_OP_add:
  case GR_OP_sub:
  case GR_OP_mul: return value(f, gr_operand(f->g, n, 1), &other) && arithmetic(node.op, out, &other);
  case GR_OP_cat:
    if (out->width || gr_attr_int(m, node.attrs, GR_ATTR(cat, dim)) != 0) return false;
    for (uint32_t i = 1; i < node.operand_count; i++)
      if (!value(f, gr_operand(f->g, n, i), &other) || !joined(out, &other)) return false;
    return true;
  case GR_OP_index_select:
    if (out->width || !value(f, gr_operand(f->g, n, 1), &other) || other.n != 1) return false;
    if (other.v[0] < 0) other.v[0] += out->n;
    if (other.v[0] < 0 || other.v[0] >= out->n) return false;
    *out = (ints){.v = {out->v[other.v[0]]}, .n = 1};
    return true;
  case GR_OP_view: {
    const int64_t *shape = gr_attr_ints(m, node.attrs, GR_ATTR(view, size), &rank);
    return reshaped(out, shape, rank);
  }
  case GR_OP_reshape: {
    const int64_t *shape = gr_attr_ints(m, node.attrs, GR_ATTR(reshape, shape), &rank);
    return reshaped(out, shape, rank);
  }
  case GR_OP_transpose:
    if (!out->width ||
        gr_attr_int(m, node.attrs, GR_ATTR(transpose, dim0)) + gr_attr_int(m, node.attrs, GR_ATTR(transpose, dim1)) !=
            1)
      return false;
    turn(out);
    return true;
  case GR_OP_slice:
    if (gr_attr_int(m, node.attrs, GR_ATTR(slice, dim)) != 0 ||
        gr_attr_int(m, node.attrs, GR_ATTR(slice, step)) != -1 ||
        gr_attr_int(m, node.attrs, GR_ATTR(slice, start)) != -1 ||
        gr_attr_int(m, node.attrs, GR_ATTR(slice, end)) > -(int64_t)MAX_INTS - 1)
      return false;
    reversed(out);
    return true;
  default: return false;
  }
}

static bool value(folder *f, graft_value v, ints *out) {
  if (v == GRAFT_NONE || f->visits++ >= MAX_NODES) return false;
  graft_tensor t = gr_value_tensor(f->g, v);
  graft_node n = gr_value_node(f->g, v);
  return t != GRAFT_NONE ? of_tensor(f, t, out) : n != GRAFT_NONE && of_node(f, n, out);
}

const int64_t *gr_onnx_computed_ints(gr_onnx *in, uint32_t i, uint32_t *count) {
  folder f = {.in = in, .g = in->scope->graph};
  ints list;
  if (!gr_onnx_has_input(in, i) || !value(&f, gr_onnx_value(in, in->node->input[i]), &list) || list.width) return NULL;
  int64_t *out = gr_arena_alloc(&in->scratch, (list.n ? list.n : 1) * sizeof *out);
  if (!out) return in->failed = true, NULL;
  memcpy(out, list.v, list.n * sizeof *out);
  *count = list.n;
  return out;
}

/* The element to fill with: f32, i32 or i64, as bytes. */
static bool filling(const Onnx__TensorProto *t, graft_dtype *dtype, unsigned char bytes[8]) {
  const void *given = NULL;
  *dtype = GRAFT_F32;
  memset(bytes, 0, 8);
  if (!t) return true;
  switch (t->data_type) {
  case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT: given = t->n_float_data == 1 ? t->float_data : NULL; break;
  case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
    *dtype = GRAFT_I32;
    given = t->n_int32_data == 1 ? t->int32_data : NULL;
    break;
  case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
    *dtype = GRAFT_I64;
    given = t->n_int64_data == 1 ? t->int64_data : NULL;
    break;
  default: return false;
  }
  size_t size = graft_dtype_size(*dtype);
  if (!given && t->raw_data.len == size) given = t->raw_data.data;
  if (given) memcpy(bytes, given, size);
  return given != NULL;
}

bool gr_onnx_constant_of_shape(gr_onnx *in) {
  const Onnx__AttributeProto *a = gr_onnx_attr(in, "value");
  uint32_t rank = 0;
  const int64_t *shape = in->node->n_output == 1 ? gr_onnx_computed_ints(in, 0, &rank) : NULL;
  graft_type type = {.rank = (int32_t)rank};
  unsigned char element[8];
  int64_t n = 1;
  if (in->failed) return false;
  bool known = shape && rank <= GRAFT_MAX_RANK && filling(a ? a->t : NULL, &type.dtype, element);
  for (uint32_t i = 0; i < rank && known; i++) {
    type.dims[i] = shape[i];
    known = shape[i] >= 0 && shape[i] <= MAX_FILLED;
    n *= known ? shape[i] : 1;
    known = known && n <= MAX_FILLED;
  }
  if (!known) return false;
  size_t size = graft_dtype_size(type.dtype);
  unsigned char *data = gr_arena_alloc(&in->scratch, (size_t)n * size + 1);
  if (!data) return in->failed = true, false;
  for (int64_t i = 0; i < n; i++) memcpy(data + (size_t)i * size, element, size);
  graft_value made = gr_onnx_make_constant(in, "filled", &type, data);
  return made != GRAFT_NONE && gr_onnx_alias(in, 0, made);
}
