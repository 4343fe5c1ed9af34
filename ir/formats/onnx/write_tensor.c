/* Tensors and types of the file. Bytes are lent by the module until the file is written. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

int32_t gr_out_dtype(graft_dtype dtype) {
  static const int32_t codes[GRAFT_DTYPE_COUNT] = {
#define ELEMENT(id, name, bytes, kind, npy, safetensors, onnx, ...) \
  [GRAFT_##id] = ONNX__TENSOR_PROTO__DATA_TYPE__##onnx,
#include "ir/dtypes.def"
#undef ELEMENT
  };
  return codes[dtype];
}

/* Extents that are not known get no name: one name in two places would say that they are equal. */
static Onnx__TensorShapeProto *shape_of(gr_out *w, const graft_type *type) {
  Onnx__TensorShapeProto *shape = gr_out_alloc(w, sizeof *shape);
  if (!shape) return NULL;
  onnx__tensor_shape_proto__init(shape);
  shape->n_dim = (size_t)type->rank;
  shape->dim = gr_out_alloc(w, shape->n_dim * sizeof *shape->dim);
  for (int32_t i = 0; shape->dim && i < type->rank; i++) {
    Onnx__TensorShapeProto__Dimension *d = gr_out_alloc(w, sizeof *d);
    if (!d) return NULL;
    onnx__tensor_shape_proto__dimension__init(d);
    shape->dim[i] = d;
    if (type->dims[i] < 0) continue;
    d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    d->dim_value = type->dims[i];
  }
  return shape;
}

Onnx__ValueInfoProto *gr_out_value_info(gr_out *w, const char *name, const graft_type *type) {
  Onnx__ValueInfoProto *info = gr_out_alloc(w, sizeof *info);
  Onnx__TypeProto *t = gr_out_alloc(w, sizeof *t);
  Onnx__TypeProto__Tensor *tensor = gr_out_alloc(w, sizeof *tensor);
  if (!info || !t || !tensor) return NULL;
  onnx__value_info_proto__init(info);
  info->name = gr_out_lent(name);
  if (type->dtype == GRAFT_UNKNOWN) return info;
  onnx__type_proto__init(t);
  onnx__type_proto__tensor__init(tensor);
  info->type = t;
  t->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  t->tensor_type = tensor;
  tensor->has_elem_type = 1;
  tensor->elem_type = gr_out_dtype(type->dtype);
  if (type->rank >= 0) tensor->shape = shape_of(w, type);
  return info;
}

Onnx__TensorProto *gr_out_tensor(gr_out *w, const char *name, const graft_type *type, const void *data) {
  Onnx__TensorProto *t = gr_out_alloc(w, sizeof *t);
  if (!t) return NULL;
  onnx__tensor_proto__init(t);
  t->name = gr_out_lent(name);
  t->has_data_type = 1;
  t->data_type = gr_out_dtype(type->dtype);
  t->n_dims = (size_t)type->rank;
  t->dims = gr_out_alloc(w, t->n_dims * sizeof *t->dims);
  if (!t->dims) return NULL;
  memcpy(t->dims, type->dims, t->n_dims * sizeof *t->dims);
  const size_t each = graft_dtype_size(type->dtype), size = (size_t)graft_type_elements(type) * each;
  t->has_raw_data = 1;
  t->raw_data = (ProtobufCBinaryData){.len = size, .data = gr_out_lent(data)};
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  uint8_t *little = gr_out_alloc(w, size);
  for (size_t i = 0; little && i < size; i++) little[i] = ((const uint8_t *)data)[i - i % each + each - 1 - i % each];
  t->raw_data.data = little;
#endif
  return t;
}

bool gr_out_initializer(gr_out *w, Onnx__TensorProto *t, graft_tensor_kind kind) {
  if (!t || w->failed) return gr_out_failed(w);
  GR_OUT_PUSH(w, w->initializers, ((gr_out_tensor_record){t, kind}));
  w->names.data[gr_out_find_name(w, t->name)].initializer = w->initializers.len;
  return !w->failed;
}

bool gr_out_name_tensors(gr_out *w) {
  const graft_module *m = w->module;
  for (graft_tensor t = 0; t < m->tensors.len && !w->failed; t++) {
    if (m->tensors.data[t].erased) continue;
    const size_t n = gr_name_format(m, m->tensors.data[t].name, NULL, 0);
    char *text = gr_out_alloc(w, n + 1);
    if (!text) return false;
    gr_name_format(m, m->tensors.data[t].name, text, n + 1);
    w->tensor_names[t] = gr_out_claim(w, text);
  }
  return !w->failed;
}

const char *gr_out_tensor_name(gr_out *w, graft_tensor t) {
  const gr_tensor *tensor = &w->module->tensors.data[t];
  const char *name = w->tensor_names[t];
  if (w->failed || w->tensor_written[t]) return name;
  w->tensor_written[t] = true;
  if (tensor->source == GR_TENSOR_ELIDED) {
    gr_error(w->context, GRAFT_UNSUPPORTED, (gr_loc){.file = gr_module_loc(w->module).file, .node = name},
             "the text that this tensor came from left its elements out: read the module from the file that has them");
    return gr_out_failed(w), NULL;
  }
  const void *data = graft_tensor_get_data(w->module, t);
  if (!data) return gr_out_failed(w), NULL;
  Onnx__TensorProto *proto = gr_out_tensor(w, name, gr_tensor_type(w->module, t), data);
  return gr_out_initializer(w, proto, (graft_tensor_kind)w->module->tensors.data[t].kind) ? name : NULL;
}
