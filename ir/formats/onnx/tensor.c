/* TensorProto to bytes: raw data (which the file lends, where it is large), typed lists, external files. */
#include "ir/formats/onnx/onnx_impl.h"

#include <string.h>

/* ---- dtypes and types ---- */

bool gr_onnx_dtype(int32_t code, graft_dtype *dtype) {
  static const int32_t codes[GRAFT_DTYPE_COUNT] = {
#define ELEMENT(id, name, bytes, kind, npy, safetensors, onnx, ...) \
  [GRAFT_##id] = ONNX__TENSOR_PROTO__DATA_TYPE__##onnx,
#include "ir/dtypes.def"
#undef ELEMENT
  };
  for (int d = GRAFT_UNKNOWN + 1; d < GRAFT_DTYPE_COUNT; d++)
    if (codes[d] == code) return *dtype = (graft_dtype)d, true;
  return false;
}

const char *gr_onnx_dtype_name(int32_t code) {
  const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(&onnx__tensor_proto__data_type__descriptor, code);
  /* Later ones than the system's onnx.proto may have. */
  static const char *const later[] = {"FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ",
                                      "UINT4",        "INT4",           "FLOAT4E2M1", "FLOAT8E8M0"};
  if (!v && code >= 17 && code < 17 + (int32_t)(sizeof later / sizeof *later)) return later[code - 17];
  return v ? v->name : "unknown dtype";
}

bool gr_onnx_type(const Onnx__TypeProto *t, graft_type *type, const char **why) {
  if (!t || t->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || !t->tensor_type)
    return *why = t && t->value_case ? "it is not a tensor" : "it has no type", false;
  const Onnx__TypeProto__Tensor *tensor = t->tensor_type;
  *type = (graft_type){.rank = -1};
  if (!gr_onnx_dtype(tensor->elem_type, &type->dtype)) return *why = gr_onnx_dtype_name(tensor->elem_type), false;
  if (!tensor->shape) return true;
  if (tensor->shape->n_dim > GRAFT_MAX_RANK) return *why = "more than 8 axes", false;
  type->rank = (int32_t)tensor->shape->n_dim;
  for (int32_t i = 0; i < type->rank; i++) {
    const Onnx__TensorShapeProto__Dimension *d = tensor->shape->dim[i];
    bool known = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value >= 0;
    type->dims[i] = known ? d->dim_value : -1;
  }
  return true;
}

/* ---- memory ---- */

bool gr_onnx_claim(gr_onnx *in, uint64_t bytes) {
  if (bytes > in->room) {
    gr_error(in->context, GRAFT_UNSUPPORTED, in->where, "this makes more than a file of this size may ask for");
    in->failed = true;
    return false;
  }
  in->room -= bytes;
  return true;
}

/* ---- external data ---- */

static gr_buffer *external_file(gr_onnx *in, const char *what, const char *location) {
  const char *why;
  const uint64_t before = in->beside->bytes;
  gr_buffer *file = gr_beside_read(in->beside, location, &why);
  in->room += in->beside->bytes - before;
  if (!file && why) gr_onnx_fail(in, GRAFT_IO, "%s is in the file '%s', which %s", what, location, why);
  return file;
}

static bool parse_size(const char *text, uint64_t *out) {
  uint64_t v = 0;
  if (!*text) return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9' || v > (UINT64_MAX - 9) / 10) return false;
    v = v * 10 + (uint64_t)(*text - '0');
  }
  *out = v;
  return true;
}

static gr_buffer *external(gr_onnx *in, const Onnx__TensorProto *t, const char *what, size_t bytes, size_t each,
                           uint64_t *offset) {
  const char *location = NULL;
  uint64_t at = 0, length = bytes;
  for (size_t i = 0; i < t->n_external_data; i++) {
    const char *key = t->external_data[i]->key, *value = t->external_data[i]->value;
    if (!key || !value) continue;
    bool is_offset = strcmp(key, "offset") == 0;
    if (strcmp(key, "location") == 0)
      location = value;
    else if ((is_offset || strcmp(key, "length") == 0) && !parse_size(value, is_offset ? &at : &length))
      return gr_onnx_fail(in, GRAFT_FORMAT, "%s: the external %s '%s' is no number", what, key, value), NULL;
  }
  if (!location) return gr_onnx_fail(in, GRAFT_FORMAT, "%s: external data without a location", what), NULL;
  if (length != bytes)
    return gr_onnx_fail(in, GRAFT_FORMAT, "%s needs %zu bytes, its external data has %llu", what, bytes,
                        (unsigned long long)length),
           NULL;
  gr_buffer *file = external_file(in, what, location);
  if (!file) return NULL;
  if (at > file->size || length > file->size - at)
    return gr_onnx_fail(in, GRAFT_FORMAT, "%s: bytes %llu to %llu lie beyond the end of '%s'", what,
                        (unsigned long long)at, (unsigned long long)at + (unsigned long long)length, location),
           NULL;
  if (at % each == 0) return *offset = at, gr_buffer_retain(file);
  if (!gr_onnx_claim(in, bytes)) return NULL;          /* tensors that share bytes do not multiply them */
  gr_buffer *b = gr_buffer_create(in->context, bytes); /* kernels want elements aligned */
  if (b && bytes) memcpy(b->data, (const char *)file->data + at, bytes);
  return b;
}

/* ---- typed lists ---- */

/* Is `count` the number of elements? */
static bool counted(gr_onnx *in, const char *what, size_t count, size_t elements) {
  if (count == elements) return true;
  gr_onnx_fail(in, GRAFT_FORMAT, "%s has %zu elements, but data for %zu", what, elements, count);
  return false;
}

static gr_buffer *typed(gr_onnx *in, const Onnx__TensorProto *t, const char *what, graft_dtype dtype, size_t n) {
  const size_t each = graft_dtype_size(dtype);
  const bool wide = dtype == GRAFT_U32 || dtype == GRAFT_U64; /* in uint64_data */
  size_t count = dtype == GRAFT_F32   ? t->n_float_data
                 : dtype == GRAFT_F64 ? t->n_double_data
                 : dtype == GRAFT_I64 ? t->n_int64_data
                 : wide               ? t->n_uint64_data
                                      : t->n_int32_data;
  if (!counted(in, what, count, n)) return NULL;
  gr_buffer *b = gr_buffer_create(in->context, n * each);
  if (!b || n == 0) return b;
  switch (dtype) {
  case GRAFT_F32: memcpy(b->data, t->float_data, n * each); break;
  case GRAFT_F64: memcpy(b->data, t->double_data, n * each); break;
  case GRAFT_I64: memcpy(b->data, t->int64_data, n * each); break;
  default: /* the low bytes; halves travel as their bits */
    for (size_t i = 0; i < n; i++)
      gr_element_set_int(dtype, (char *)b->data + i * each, wide ? (int64_t)t->uint64_data[i] : t->int32_data[i]);
    break;
  }
  return b;
}

/* ---- raw bytes, which are little-endian ---- */

#define BORROWED_FROM 1024u /* fewer are copied, so that small tensors do not keep the whole file */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define NATIVE false
static void to_native(unsigned char *p, size_t n, size_t each) {
  for (size_t i = 0; i < n; i++, p += each)
    for (size_t k = 0; k < each / 2; k++) {
      unsigned char b = p[k];
      p[k] = p[each - 1 - k];
      p[each - 1 - k] = b;
    }
}
#else
#define NATIVE true
static void to_native(unsigned char *p, size_t n, size_t each) { (void)p, (void)n, (void)each; }
#endif

static gr_buffer *raw(gr_onnx *in, const ProtobufCBinaryData *data, size_t n, size_t each, uint64_t *offset) {
  const size_t size = n * each;
  if (NATIVE && size >= BORROWED_FROM && (uintptr_t)data->data % each == 0) {
    *offset = (uint64_t)(data->data - (const uint8_t *)in->bytes->data);
    return gr_buffer_retain(in->bytes);
  }
  if (in->calls && !gr_onnx_claim(in, size)) return NULL; /* calls of a function may copy the same bytes */
  gr_buffer *b = gr_buffer_create(in->context, size);
  if (!b) return NULL;
  memcpy(b->data, data->data, size);
  to_native(b->data, n, each);
  return b;
}

/* Any byte but 0 is true; what the file lends is not changed. */
static gr_buffer *bools(gr_onnx *in, gr_buffer *b, uint64_t *offset, size_t n) {
  gr_buffer *out = gr_buffer_create(in->context, n);
  for (size_t i = 0; out && i < n; i++) ((uint8_t *)out->data)[i] = ((const uint8_t *)b->data)[*offset + i] != 0;
  *offset = 0;
  gr_buffer_release(in->context, b);
  return out;
}

static bool tensor_type(gr_onnx *in, const Onnx__TensorProto *t, const char *what, graft_type *type) {
  *type = (graft_type){.rank = (int32_t)t->n_dims};
  if (!gr_onnx_dtype(t->data_type, &type->dtype)) {
    gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s is of dtype %s, which graft does not have", what,
                 gr_onnx_dtype_name(t->data_type));
    return false;
  }
  if (t->n_dims > GRAFT_MAX_RANK) {
    gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s has %zu axes, at most %d are supported", what, t->n_dims, GRAFT_MAX_RANK);
    return false;
  }
  for (size_t i = 0; i < t->n_dims; i++) {
    type->dims[i] = t->dims[i];
    if (t->dims[i] < 0) {
      gr_onnx_fail(in, GRAFT_FORMAT, "%s has the extent %lld", what, (long long)t->dims[i]);
      return false;
    }
  }
  int64_t n = graft_type_elements(type);
  if (n < 0 || (uint64_t)n > PTRDIFF_MAX / 8) {
    gr_onnx_fail(in, GRAFT_FORMAT, "%s has too many elements", what);
    return false;
  }
  return true;
}

gr_buffer *gr_onnx_tensor(gr_onnx *in, Onnx__TensorProto *t, const char *what, graft_type *type, uint64_t *offset) {
  if (!tensor_type(in, t, what, type)) return NULL;
  if (t->segment) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s is stored in segments", what), NULL;
  size_t n = (size_t)graft_type_elements(type), each = graft_dtype_size(type->dtype);
  gr_buffer *b;
  *offset = 0;
  if (t->has_data_location && t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
    b = external(in, t, what, n * each, each, offset);
    if (b && type->dtype == GRAFT_BOOL && !gr_onnx_claim(in, n)) { /* nor the time to look at them */
      gr_buffer_release(in->context, b);
      return NULL;
    }
    if (b && type->dtype == GRAFT_BOOL)
      for (size_t i = 0; i < n; i++)
        if (((const uint8_t *)b->data)[*offset + i] > 1) {
          gr_onnx_fail(in, GRAFT_FORMAT, "%s holds a bool that is neither 0 nor 1", what);
          gr_buffer_release(in->context, b);
          return NULL;
        }
    return b;
  }
  if (t->has_raw_data && t->raw_data.len) {
    if (t->raw_data.len != n * each)
      return gr_onnx_fail(in, GRAFT_FORMAT, "%s needs %zu bytes, it has %zu", what, n * each, t->raw_data.len), NULL;
    b = raw(in, &t->raw_data, n, each, offset);
  } else {
    b = typed(in, t, what, type->dtype, n);
  }
  return b && type->dtype == GRAFT_BOOL ? bools(in, b, offset, n) : b;
}

void *gr_onnx_room(gr_onnx *in, uint64_t count, size_t each) {
  if (count > in->room / each) {
    gr_error(in->context, GRAFT_UNSUPPORTED, in->where,
             "%s: a constant of %llu elements, more than a file of this size may ask for", in->row->name,
             (unsigned long long)count);
    in->failed = true;
    return NULL;
  }
  in->room -= count * each;
  void *p = gr_arena_alloc(&in->scratch, (size_t)(count * each + 1));
  if (!p) in->failed = true;
  return p;
}
