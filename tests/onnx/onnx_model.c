/* Small ONNX models for tests. */
#include "onnx_model.h"
#include "ir/formats/onnx/onnx_int.h"

#include <stdlib.h>
#include <string.h>

static void *checked(void *p) {
  if (!p) abort();
  return p;
}

static char *copy(const char *text) { return text ? checked(strdup(text)) : NULL; }

/* Appends to a repeated field, which has room up to the next power of two. */
#define PUSH(array, count, item) \
  do { \
    if (((count) & ((count)-1)) == 0) \
      (array) = checked(realloc((array), ((count) ? 2 * (count) : 1) * sizeof *(array))); \
    (array)[(count)++] = (item); \
  } while (0)

#define NEW(Type, init) ((Type *)init(checked(malloc(sizeof(Type)))))
#define INIT(Type, lower) \
  static void *init_##lower(void *p) { \
    onnx__##lower##__init(p); \
    return p; \
  }
INIT(Onnx__ModelProto, model_proto)
INIT(Onnx__GraphProto, graph_proto)
INIT(Onnx__NodeProto, node_proto)
INIT(Onnx__AttributeProto, attribute_proto)
INIT(Onnx__TensorProto, tensor_proto)
INIT(Onnx__ValueInfoProto, value_info_proto)
INIT(Onnx__TypeProto, type_proto)
INIT(Onnx__TypeProto__Tensor, type_proto__tensor)
INIT(Onnx__TensorShapeProto, tensor_shape_proto)
INIT(Onnx__TensorShapeProto__Dimension, tensor_shape_proto__dimension)
INIT(Onnx__OperatorSetIdProto, operator_set_id_proto)
INIT(Onnx__StringStringEntryProto, string_string_entry_proto)
INIT(Onnx__FunctionProto, function_proto)

Onnx__GraphProto *graph_new(const char *name) {
  Onnx__GraphProto *g = NEW(Onnx__GraphProto, init_graph_proto);
  g->name = copy(name);
  return g;
}

Onnx__ModelProto *model_new(int64_t opset) {
  Onnx__ModelProto *m = NEW(Onnx__ModelProto, init_model_proto);
  Onnx__OperatorSetIdProto *o = NEW(Onnx__OperatorSetIdProto, init_operator_set_id_proto);
  o->has_version = 1;
  o->version = opset;
  m->has_ir_version = 1;
  m->ir_version = 8;
  PUSH(m->opset_import, m->n_opset_import, o);
  m->graph = graph_new("test");
  return m;
}

void model_free(Onnx__ModelProto *m) { onnx__model_proto__free_unpacked(m, NULL); }

Onnx__NodeProto *add_node(Onnx__GraphProto *g, const char *op, const char *name, const char *const *inputs,
                          const char *const *outputs) {
  Onnx__NodeProto *n = NEW(Onnx__NodeProto, init_node_proto);
  n->op_type = copy(op);
  n->name = copy(name);
  for (; *inputs; inputs++) PUSH(n->input, n->n_input, copy(*inputs));
  for (; *outputs; outputs++) PUSH(n->output, n->n_output, copy(*outputs));
  PUSH(g->node, g->n_node, n);
  return n;
}

Onnx__AttributeProto *add_attr(Onnx__NodeProto *n, const char *name, int type) {
  Onnx__AttributeProto *a = NEW(Onnx__AttributeProto, init_attribute_proto);
  a->name = copy(name);
  a->has_type = 1;
  a->type = (Onnx__AttributeProto__AttributeType)type;
  PUSH(n->attribute, n->n_attribute, a);
  return a;
}

void add_int(Onnx__NodeProto *n, const char *name, int64_t value) {
  Onnx__AttributeProto *a = add_attr(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
  a->has_i = 1;
  a->i = value;
}

void add_ints(Onnx__NodeProto *n, const char *name, size_t count, const int64_t *values) {
  Onnx__AttributeProto *a = add_attr(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
  for (size_t i = 0; i < count; i++) PUSH(a->ints, a->n_ints, values[i]);
}

void add_float(Onnx__NodeProto *n, const char *name, float value) {
  Onnx__AttributeProto *a = add_attr(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
  a->has_f = 1;
  a->f = value;
}

void add_string(Onnx__NodeProto *n, const char *name, const char *value) {
  Onnx__AttributeProto *a = add_attr(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
  a->has_s = 1;
  a->s.len = strlen(value);
  a->s.data = (uint8_t *)copy(value);
}

void add_graph(Onnx__NodeProto *n, const char *name, Onnx__GraphProto *g) {
  add_attr(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = g;
}

void add_ref(Onnx__NodeProto *n, const char *name, int type, const char *of_call) {
  add_attr(n, name, type)->ref_attr_name = copy(of_call);
}

Onnx__NodeProto *in_domain(Onnx__NodeProto *n, const char *domain) {
  n->domain = copy(domain);
  return n;
}

Onnx__FunctionProto *add_function(Onnx__ModelProto *m, const char *domain, const char *name, int64_t opset,
                                  const char *const *inputs, const char *const *outputs, Onnx__GraphProto *body) {
  Onnx__FunctionProto *f = NEW(Onnx__FunctionProto, init_function_proto);
  Onnx__OperatorSetIdProto *o = NEW(Onnx__OperatorSetIdProto, init_operator_set_id_proto);
  o->has_version = 1;
  o->version = opset;
  PUSH(f->opset_import, f->n_opset_import, o);
  f->domain = copy(domain);
  f->name = copy(name);
  for (; *inputs; inputs++) PUSH(f->input, f->n_input, copy(*inputs));
  for (; *outputs; outputs++) PUSH(f->output, f->n_output, copy(*outputs));
  f->node = body->node;
  f->n_node = body->n_node;
  body->node = NULL;
  body->n_node = 0;
  onnx__graph_proto__free_unpacked(body, NULL);
  PUSH(m->functions, m->n_functions, f);
  return f;
}

void add_parameter(Onnx__FunctionProto *f, const char *name) { PUSH(f->attribute, f->n_attribute, copy(name)); }

/* The proto of the system may not know the field: it is written as an unknown one. */
void add_default(Onnx__FunctionProto *f, const char *name, int64_t value) {
  Onnx__NodeProto *n = NEW(Onnx__NodeProto, init_node_proto);
  add_int(n, name, value);
  const size_t size = onnx__attribute_proto__get_packed_size(n->attribute[0]);
  ProtobufCMessageUnknownField u = {.tag = 11, .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, .len = size + 1};
  if (size > 127) abort();
  u.data = checked(malloc(size + 1));
  u.data[0] = (uint8_t)size;
  onnx__attribute_proto__pack(n->attribute[0], u.data + 1);
  PUSH(f->base.unknown_fields, f->base.n_unknown_fields, u);
  onnx__node_proto__free_unpacked(n, NULL);
}

static Onnx__ValueInfoProto *value_info(const char *name, int dtype, size_t rank, const int64_t *dims) {
  Onnx__ValueInfoProto *v = NEW(Onnx__ValueInfoProto, init_value_info_proto);
  v->name = copy(name);
  if (dtype == 0) return v;
  v->type = NEW(Onnx__TypeProto, init_type_proto);
  v->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  v->type->tensor_type = NEW(Onnx__TypeProto__Tensor, init_type_proto__tensor);
  v->type->tensor_type->has_elem_type = 1;
  v->type->tensor_type->elem_type = dtype;
  Onnx__TensorShapeProto *shape = NEW(Onnx__TensorShapeProto, init_tensor_shape_proto);
  v->type->tensor_type->shape = shape;
  for (size_t i = 0; i < rank; i++) {
    Onnx__TensorShapeProto__Dimension *d = NEW(Onnx__TensorShapeProto__Dimension, init_tensor_shape_proto__dimension);
    if (dims[i] < 0) {
      d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
      d->dim_param = copy("n");
    } else {
      d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
      d->dim_value = dims[i];
    }
    PUSH(shape->dim, shape->n_dim, d);
  }
  return v;
}

void add_input(Onnx__GraphProto *g, const char *name, int dtype, size_t rank, const int64_t *dims) {
  PUSH(g->input, g->n_input, value_info(name, dtype, rank, dims));
}

void add_output(Onnx__GraphProto *g, const char *name, int dtype, size_t rank, const int64_t *dims) {
  PUSH(g->output, g->n_output, value_info(name, dtype, rank, dims));
}

void add_untyped_output(Onnx__GraphProto *g, const char *name) { add_output(g, name, 0, 0, NULL); }

Onnx__TensorProto *new_tensor(const char *name, int dtype, size_t rank, const int64_t *dims) {
  Onnx__TensorProto *t = NEW(Onnx__TensorProto, init_tensor_proto);
  t->name = copy(name);
  t->has_data_type = 1;
  t->data_type = dtype;
  for (size_t i = 0; i < rank; i++) PUSH(t->dims, t->n_dims, dims[i]);
  return t;
}

void add_initializer(Onnx__GraphProto *g, Onnx__TensorProto *t) { PUSH(g->initializer, g->n_initializer, t); }

Onnx__TensorProto *add_zeros(Onnx__GraphProto *g, const char *name, int dtype, size_t each, size_t rank,
                             const int64_t *dims) {
  Onnx__TensorProto *t = new_tensor(name, dtype, rank, dims);
  size_t n = each;
  for (size_t i = 0; i < rank; i++) n *= (size_t)dims[i];
  t->has_raw_data = 1;
  t->raw_data.len = n;
  t->raw_data.data = checked(calloc(n + 1, 1));
  add_initializer(g, t);
  return t;
}

void add_f32(Onnx__GraphProto *g, const char *name, size_t rank, const int64_t *dims, const float *values) {
  Onnx__TensorProto *t = add_zeros(g, name, 1, sizeof(float), rank, dims);
  memcpy(t->raw_data.data, values, t->raw_data.len);
}

void add_i64(Onnx__GraphProto *g, const char *name, size_t count, const int64_t *values) {
  int64_t dims[] = {(int64_t)count};
  Onnx__TensorProto *t = new_tensor(name, 7, 1, dims);
  for (size_t i = 0; i < count; i++) PUSH(t->int64_data, t->n_int64_data, values[i]);
  add_initializer(g, t);
}

void add_external(Onnx__TensorProto *t, const char *key, const char *value) {
  Onnx__StringStringEntryProto *e = NEW(Onnx__StringStringEntryProto, init_string_string_entry_proto);
  e->key = copy(key);
  e->value = copy(value);
  t->has_data_location = 1;
  t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
  PUSH(t->external_data, t->n_external_data, e);
}

unsigned char *model_pack(const Onnx__ModelProto *m, size_t *size) {
  *size = onnx__model_proto__get_packed_size(m);
  unsigned char *bytes = checked(malloc(*size + 1));
  onnx__model_proto__pack(m, bytes);
  return bytes;
}

graft_module *bytes_load(graft_context *c, const void *bytes, size_t size, const char *directory) {
  gr_buffer *b = checked(gr_buffer_create(c, size));
  if (size) memcpy(b->data, bytes, size);
  gr_beside beside;
  gr_beside_init(&beside, c, directory, false);
  graft_module *m = gr_onnx_load(&(gr_source){.context = c, .file = b, .name = "test.onnx", .beside = &beside});
  gr_beside_free(&beside);
  gr_buffer_release(c, b);
  if (m && graft_module_verify(m) != GRAFT_OK) {
    graft_module_destroy(m);
    m = NULL;
  }
  return m;
}

graft_module *model_load(graft_context *c, const Onnx__ModelProto *m, const char *directory) {
  size_t size;
  unsigned char *bytes = model_pack(m, &size);
  graft_module *loaded = bytes_load(c, bytes, size, directory);
  free(bytes);
  return loaded;
}
