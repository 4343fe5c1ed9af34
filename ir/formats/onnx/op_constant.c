/* Constants: given, or filled. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

/* A constant called as the node's output; a scalar is merged with its equals and needs no name. */
static bool add_constant(gr_onnx *in, const graft_type *type, gr_buffer *b, uint64_t offset) {
  graft_module *m = in->module;
  gr_onnx_symbol *s = gr_onnx_scope_find(in->scope, in->node->output[0]);
  if (!s) return gr_buffer_release(in->context, b), true;
  if (type->rank == 0) {
    s->tensor = gr_constant(m, "scalar", type, (const char *)b->data + offset);
    gr_buffer_release(in->context, b);
    return s->tensor != GRAFT_NONE;
  }
  uint32_t id = gr_type_intern_at(m, type, in->where);
  if (id == GRAFT_NONE) return gr_buffer_release(in->context, b), false;
  s->tensor = gr_tensor_add(m, s->name, GRAFT_CONSTANT, id, b, offset);
  return s->tensor != GRAFT_NONE;
}

static bool add_values(gr_onnx *in, graft_dtype dtype, int32_t rank, const void *values, size_t n) {
  graft_type type = {.dtype = dtype, .rank = rank, .dims = {rank ? (int64_t)n : 0}};
  gr_buffer *b = gr_buffer_create(in->context, n * graft_dtype_size(dtype));
  if (!b) return false;
  if (n) memcpy(b->data, values, n * graft_dtype_size(dtype));
  return add_constant(in, &type, b, 0);
}

bool gr_onnx_constant_node(gr_onnx *in) {
  if (in->node->n_attribute != 1) return gr_onnx_fail(in, GRAFT_FORMAT, "Constant needs one value"), false;
  const Onnx__AttributeProto *a = in->node->attribute[0];
  switch (a->type) {
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT: return add_values(in, GRAFT_I64, 0, &a->i, 1);
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT: return add_values(in, GRAFT_F32, 0, &a->f, 1);
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS: return add_values(in, GRAFT_I64, 1, a->ints, a->n_ints);
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS: return add_values(in, GRAFT_F32, 1, a->floats, a->n_floats);
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR: {
    graft_type type;
    uint64_t offset;
    gr_buffer *b = a->t ? gr_onnx_tensor(in, a->t, "the constant", &type, &offset) : NULL;
    return b && add_constant(in, &type, b, offset);
  }
  default: return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "Constant: strings and sparse tensors are not supported"), false;
  }
}

/* ---- filled ---- */

/* The element to fill with, a constant of rank 0; GRAFT_NONE without an error: of a dtype that graft does not have. */
static graft_value filling(gr_onnx *in) {
  const Onnx__AttributeProto *a = gr_onnx_attr(in, "value");
  const float zero = 0;
  graft_type type = {.dtype = GRAFT_F32};
  if (!a || !a->t) return gr_onnx_make_constant(in, "filling", &type, &zero);
  if (!gr_onnx_dtype(a->t->data_type, &type.dtype)) return GRAFT_NONE;
  uint64_t offset;
  gr_buffer *b = gr_onnx_tensor(in, a->t, "the value", &type, &offset);
  if (!b) return in->failed = true, GRAFT_NONE;
  graft_value made = GRAFT_NONE;
  if (graft_type_elements(&type) != 1)
    gr_onnx_fail(in, GRAFT_TYPE, "ConstantOfShape: the value has more than one element");
  else
    made = gr_onnx_make_constant(in, "filling", &(graft_type){.dtype = type.dtype}, (const char *)b->data + offset);
  gr_buffer_release(in->context, b);
  return made;
}

/* A constant where the shape is known and there is room for it, else an expand. */
bool gr_onnx_constant_of_shape(gr_onnx *in) {
  const int64_t *shape;
  uint32_t rank = 0;
  if (!gr_onnx_try_ints(in, 0, &shape, &rank)) return false;
  graft_value operands[2] = {filling(in), gr_onnx_input(in, 0)};
  if (in->failed) return false;
  if (operands[0] == GRAFT_NONE) {
    graft_type type = {.dtype = GRAFT_UNKNOWN};
    return gr_onnx_shape_in(in, 0, &type) &&
           gr_onnx_stays(in, &type, "its value is of a dtype that graft does not have");
  }
  gr_onnx_begin(in, GR_OP_expand);
  if (!shape) return gr_onnx_finish(in, operands, 2);
  if (rank > GRAFT_MAX_RANK) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "of more than 8 axes"), false;
  graft_type type = {.dtype = gr_onnx_value_type(in, operands[0])->dtype, .rank = (int32_t)rank};
  for (uint32_t i = 0; i < rank; i++) {
    type.dims[i] = shape[i];
    if (shape[i] < 0)
      return gr_onnx_fail(in, GRAFT_TYPE, "ConstantOfShape: the extent %lld", (long long)shape[i]), false;
  }
  const int64_t n = graft_type_elements(&type);
  const size_t size = graft_dtype_size(type.dtype);
  if (n < 0 || (uint64_t)n > in->room / size) {
    gr_onnx_set_ints(in, "size", shape, rank);
    return gr_onnx_finish(in, operands, 1);
  }
  const void *element = graft_tensor_get_data(in->module, gr_value_tensor(in->scope->graph, operands[0]));
  unsigned char *data = gr_onnx_room(in, (uint64_t)n, size);
  if (!data || !element) return in->failed = true, false;
  for (int64_t i = 0; i < n; i++) memcpy(data + (size_t)i * size, element, size);
  const graft_value made = gr_onnx_make_constant(in, "filled", &type, data);
  return made != GRAFT_NONE && gr_onnx_alias(in, 0, made);
}
