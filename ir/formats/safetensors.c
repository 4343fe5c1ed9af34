/* .safetensors: 8 bytes of header length, a JSON header {"NAME": {"dtype", "shape", "data_offsets"}, …}, the bytes.
 * The tensors must fill the data without hole or overlap, as the format demands. */
#include "ir/formats/jansson_impl.h"
#include "ir/formats/safetensors_int.h"
#include "ir/formats/sink_int.h"
#include "ir/formats/stage_impl.h"

#include <stdlib.h>
#include <string.h>

#define MAX_HEADER ((uint64_t)100 << 20) /* the reference implementation's limit */
#define HEADER_ALIGNMENT 8u

static const char *const dtypes[GRAFT_DTYPE_COUNT] = {
#define ELEMENT(id, name, bytes, kind, npy, safetensors, ...) [GRAFT_##id] = safetensors,
#include "ir/dtypes.def"
#undef ELEMENT
};

typedef struct entry {
  const char *name; /* borrowed from the JSON */
  graft_type type;
  uint64_t begin, end;
} entry;

typedef struct reader {
  graft_context *context;
  gr_loc where;
  uint64_t data_size;
  GR_VEC(entry) entries;
} reader;

static graft_status bad(reader *r, const char *name, const char *what) {
  return gr_error(r->context, GRAFT_FORMAT, r->where, "tensor %s: %s", name, what);
}

static graft_status read_type(reader *r, const char *name, const json_t *info, graft_type *type) {
  const char *dtype = json_string_value(json_object_get(info, "dtype"));
  const json_t *shape = json_object_get(info, "shape");
  if (!dtype || !json_is_array(shape)) return bad(r, name, "no dtype or no shape");
  int d = 0;
  while (d < GRAFT_DTYPE_COUNT && (!dtypes[d] || strcmp(dtype, dtypes[d]) != 0)) d++;
  if (d == GRAFT_DTYPE_COUNT) {
    return gr_error(r->context, GRAFT_UNSUPPORTED, r->where, "tensor %s: dtype %.16s is not supported", name, dtype);
  }
  size_t rank = json_array_size(shape);
  if (rank > GRAFT_MAX_RANK) return bad(r, name, "more than 8 axes");
  *type = (graft_type){.dtype = (graft_dtype)d, .rank = (int32_t)rank};
  for (size_t axis = 0; axis < rank; axis++) {
    const json_t *extent = json_array_get(shape, axis);
    if (!json_is_integer(extent) || json_integer_value(extent) < 0) return bad(r, name, "an extent is no count");
    type->dims[axis] = json_integer_value(extent);
  }
  return GRAFT_OK;
}

static graft_status read_entry(reader *r, const char *name, const json_t *info) {
  entry e = {.name = name};
  graft_status status = read_type(r, name, info, &e.type);
  if (status) return status;
  const json_t *offsets = json_object_get(info, "data_offsets");
  const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
  if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
      json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin)) {
    return bad(r, name, "data_offsets are no range");
  }
  e.begin = (uint64_t)json_integer_value(begin);
  e.end = (uint64_t)json_integer_value(end);
  if (e.end > r->data_size) return bad(r, name, "the data is outside the file");
  int64_t elements = graft_type_elements(&e.type);
  uint64_t width = graft_dtype_size(e.type.dtype);
  if (elements < 0 || (uint64_t)elements > (e.end - e.begin) / width || (uint64_t)elements * width != e.end - e.begin) {
    return bad(r, name, "the shape does not fit the data");
  }
  return gr_vec_push(r->context, &r->entries, e) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static int by_offset(const void *a, const void *b) {
  const entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return strcmp(x->name, y->name);
}

static graft_status read_header(reader *r, json_t *root) {
  if (!json_is_object(root)) return gr_error(r->context, GRAFT_FORMAT, r->where, "the header is no JSON object");
  for (void *at = json_object_iter(root); at; at = json_object_iter_next(root, at)) {
    if (strcmp(json_object_iter_key(at), "__metadata__") == 0) continue;
    graft_status status = read_entry(r, json_object_iter_key(at), json_object_iter_value(at));
    if (status) return status;
  }
  if (r->entries.len) qsort(r->entries.data, r->entries.len, sizeof *r->entries.data, by_offset);
  uint64_t end = 0;
  for (uint32_t i = 0; i < r->entries.len; i++) {
    if (r->entries.data[i].begin != end) return bad(r, r->entries.data[i].name, "a hole or an overlap before its data");
    end = r->entries.data[i].end;
  }
  if (end != r->data_size) {
    return gr_error(r->context, GRAFT_FORMAT, r->where, "%llu bytes belong to no tensor",
                    (unsigned long long)(r->data_size - end));
  }
  return GRAFT_OK;
}

/* Bytes that are no 0 or 1 must not reach code that reads them as bool. */
static graft_status check_bools(reader *r, const entry *e, const unsigned char *data) {
  for (uint64_t i = e->begin; e->type.dtype == GRAFT_BOOL && i < e->end; i++) {
    if (data[i] > 1) return bad(r, e->name, "a BOOL is neither 0 nor 1");
  }
  return GRAFT_OK;
}

graft_status gr_safetensors_parse(graft_context *c, const gr_buffer *file, const char *path, gr_safetensors_visit visit,
                                  void *user) {
  reader r = {.context = c, .where = {.file = path}};
  const unsigned char *bytes = file->data;
  if (file->size < 8) return gr_error(c, GRAFT_FORMAT, r.where, "the file is cut short");
  uint64_t length = 0;
  for (unsigned i = 0; i < 8; i++) length |= (uint64_t)bytes[i] << (8 * i);
  if (length > file->size - 8) return gr_error(c, GRAFT_FORMAT, r.where, "the header is cut short");
  if (length > MAX_HEADER) return gr_error(c, GRAFT_FORMAT, r.where, "the header is longer than 100 MiB");
  json_error_t problem;
  json_t *root = json_loadb((const char *)bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &problem);
  if (!root && json_error_code(&problem) == json_error_out_of_memory) return gr_no_memory(c);
  if (!root) return gr_error(c, GRAFT_FORMAT, r.where, "the header is no JSON: %s", problem.text);
  r.data_size = file->size - 8 - length;
  const unsigned char *data = bytes + 8 + length;
  graft_status status = read_header(&r, root);
  for (uint32_t i = 0; !status && i < r.entries.len; i++) {
    const entry *e = &r.entries.data[i];
    status = check_bools(&r, e, data);
    if (!status) status = visit(user, e->name, &e->type, data + e->begin, (size_t)(e->end - e->begin));
  }
  gr_vec_free(c, &r.entries);
  json_decref(root);
  return status;
}

/* ---- writing ---- */

/* Wide elements first, so that all are aligned though the format allows no holes; otherwise the caller's order. */
static void order_by_width(const graft_module *m, const graft_tensor *tensors, uint32_t count, graft_tensor *ordered) {
  uint32_t n = 0;
  for (size_t width = 8; width > 0; width /= 2) {
    for (uint32_t i = 0; i < count; i++) {
      if (graft_dtype_size(gr_tensor_type(m, tensors[i])->dtype) == width) ordered[n++] = tensors[i];
    }
  }
}

/* {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} */
static json_t *describe(const graft_type *type, uint64_t begin, uint64_t end, bool *failed) {
  json_t *described = json_object(), *shape = json_array(), *offsets = json_array();
  for (int32_t axis = 0; axis < type->rank; axis++) gr_json_append(failed, shape, json_integer(type->dims[axis]));
  gr_json_append(failed, offsets, json_integer((json_int_t)begin));
  gr_json_append(failed, offsets, json_integer((json_int_t)end));
  gr_json_set(failed, described, "dtype", json_string(dtypes[type->dtype]));
  gr_json_set(failed, described, "shape", shape);
  gr_json_set(failed, described, "data_offsets", offsets);
  return described;
}

static graft_status add_entry(graft_module *m, json_t *header, graft_tensor t, const gr_safetensors_keys *keys,
                              uint64_t begin, uint64_t end) {
  const size_t length = graft_tensor_name(m, t, NULL, 0), before = strlen(keys->prefix);
  char *text = gr_alloc(m->context, before + length + 1);
  if (!text) return GRAFT_NO_MEMORY;
  graft_tensor_name(m, t, text + before, length + 1);
  char *name = text + keys->skip;
  memmove(name, keys->prefix, before);
  graft_status status = GRAFT_OK;
  bool failed = false;
  if (strcmp(name, "__metadata__") == 0 || !gr_utf8_valid(name, strlen(name)))
    status = gr_error(m->context, GRAFT_UNSUPPORTED, (gr_loc){.node = name},
                      ".safetensors cannot hold a tensor of this name");
  else
    gr_json_set(&failed, header, name, describe(gr_tensor_type(m, t), begin, end, &failed));
  gr_free(m->context, text, before + length + 1);
  return failed ? gr_no_memory(m->context) : status;
}

static graft_status make_header(graft_module *m, const graft_tensor *tensors, uint32_t count,
                                const gr_safetensors_keys *keys, gr_sink *text) {
  json_t *header = json_object();
  graft_status status = header ? GRAFT_OK : gr_no_memory(m->context);
  uint64_t offset = 0;
  for (uint32_t i = 0; !status && i < count; i++) {
    uint64_t end = offset + gr_tensor_bytes(m, tensors[i]);
    status = add_entry(m, header, tensors[i], keys, offset, end);
    offset = end;
  }
  if (!status) gr_json_write(text, header, JSON_COMPACT);
  json_decref(header);
  return text->failed ? gr_no_memory(m->context) : status;
}

static graft_status write_file(graft_module *m, const char *path, const gr_sink *header, const graft_tensor *tensors,
                               uint32_t count) {
  gr_stage stage;
  graft_status status = gr_stage_open(&stage, m->context, path);
  if (status) return status;
  size_t length = header->bytes.len, spaces = (HEADER_ALIGNMENT - length % HEADER_ALIGNMENT) % HEADER_ALIGNMENT;
  unsigned char prefix[8];
  for (unsigned i = 0; i < 8; i++) prefix[i] = (unsigned char)((uint64_t)(length + spaces) >> (8 * i));
  gr_stage_write(&stage, prefix, sizeof prefix);
  gr_stage_write(&stage, header->bytes.data, length);
  gr_stage_write(&stage, "        ", spaces);
  for (uint32_t i = 0; !status && i < count; i++) {
    const void *data = graft_tensor_get_data(m, tensors[i]);
    if (!data) {
      const gr_loc where = {.file = path, .module = m, .name = m->tensors.data[tensors[i]].name};
      status = gr_error(m->context, GRAFT_INVALID_ARGUMENT, where, "the tensor has no data to write");
    } else {
      gr_stage_write(&stage, data, gr_tensor_bytes(m, tensors[i]));
    }
  }
  graft_status closed = gr_stage_close(&stage, status == GRAFT_OK);
  return status ? status : closed;
}

graft_status gr_safetensors_write(graft_module *m, const char *path, const graft_tensor *tensors, uint32_t count,
                                  const gr_safetensors_keys *keys) {
  static const gr_safetensors_keys names = {.prefix = ""};
  size_t size = ((size_t)count + 1) * sizeof *tensors;
  graft_tensor *ordered = gr_alloc(m->context, size);
  if (!ordered) return GRAFT_NO_MEMORY;
  order_by_width(m, tensors, count, ordered);
  gr_sink header;
  gr_sink_init(&header, m->context);
  graft_status status = make_header(m, ordered, count, keys ? keys : &names, &header);
  if (!status) status = write_file(m, path, &header, ordered, count);
  gr_sink_free(&header);
  gr_free(m->context, ordered, size);
  return status;
}
