/* .npy, numpy's file of one array. A version 1 to 3 header is the text of a Python dict:
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 * Fortran order and big-endian elements are converted on reading; we write version 1, C order, little-endian. numpy has
 * no bf16: such an array is written as f32, which holds its every value. */
#include "ir/formats/file_int.h"
#include "ir/formats/npy_int.h"
#include "ir/formats/stage_impl.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the readers and writers copy little-endian bytes as they are");

typedef struct header {
  const char *at, *end;
  graft_type type;
  bool fortran, swapped;
} header;

static void skip_space(header *h) {
  while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t')) h->at++;
}

static bool take(header *h, char c) {
  skip_space(h);
  if (h->at == h->end || *h->at != c) return false;
  h->at++;
  return true;
}

static bool take_word(header *h, const char *word) {
  size_t length = strlen(word);
  skip_space(h);
  if ((size_t)(h->end - h->at) < length || memcmp(h->at, word, length) != 0) return false;
  h->at += length;
  return true;
}

/* A string without escapes, into `out`. */
static bool take_string(header *h, char *out, size_t size) {
  skip_space(h);
  if (h->at == h->end || (*h->at != '\'' && *h->at != '"')) return false;
  char quote = *h->at++;
  size_t length = 0;
  for (; h->at < h->end && *h->at != quote; h->at++) {
    if (*h->at == '\\' || *h->at < ' ' || length + 1 >= size) return false;
    out[length++] = *h->at;
  }
  out[length] = '\0';
  return take(h, quote);
}

static bool take_extent(header *h, int64_t *value) {
  skip_space(h);
  if (h->at == h->end || *h->at < '0' || *h->at > '9') return false;
  *value = 0;
  for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++) {
    if (*value > (INT64_MAX - 9) / 10) return false;
    *value = *value * 10 + (*h->at - '0');
  }
  if (h->at < h->end && *h->at == 'L') h->at++; /* as Python 2 wrote it */
  return true;
}

static const char *const codes[GRAFT_DTYPE_COUNT] = {
/* NULL: numpy has no such type */
#define ELEMENT(id, name, bytes, kind, npy, ...) [GRAFT_##id] = npy,
#include "ir/dtypes.def"
#undef ELEMENT
};

static bool find_dtype(header *h, const char *descr) {
  char order = descr[0];
  if (order != '<' && order != '>' && order != '|' && order != '=') return false;
  for (int d = 0; d < GRAFT_DTYPE_COUNT; d++) {
    if (!codes[d] || strcmp(descr + 1, codes[d]) != 0) continue;
    h->type.dtype = (graft_dtype)d;
    h->swapped = order == '>';
    return order != '|' || graft_dtype_size(h->type.dtype) == 1;
  }
  return false;
}

/* NULL, or what is wrong. `descr` keeps a type that we do not know. */
static const char *parse_shape(header *h) {
  if (!take(h, '(')) return "the shape is no tuple";
  h->type.rank = 0;
  while (!take(h, ')')) {
    int64_t extent;
    if (!take_extent(h, &extent)) return "the shape has something that is no extent";
    if (h->type.rank == GRAFT_MAX_RANK) return "the array has more than 8 axes";
    h->type.dims[h->type.rank++] = extent;
    if (take(h, ',')) continue;
    if (h->type.rank < 2) return "the shape is no tuple"; /* (3) is a number */
    if (!take(h, ')')) return "the shape does not end";
    break;
  }
  return NULL;
}

static const char *parse_header(header *h) {
  unsigned seen = 0;
  if (!take(h, '{')) return "the header is no dict";
  while (!take(h, '}')) {
    char key[32], descr[32];
    unsigned bit = 0;
    if (!take_string(h, key, sizeof key) || !take(h, ':')) return "the header has no key where one belongs";
    if (strcmp(key, "descr") == 0) {
      bit = 1;
      if (!take_string(h, descr, sizeof descr)) return "arrays of records are not supported";
      if (!find_dtype(h, descr)) return "elements of this type are not supported";
    } else if (strcmp(key, "fortran_order") == 0) {
      bit = 2;
      h->fortran = take_word(h, "True");
      if (!h->fortran && !take_word(h, "False")) return "fortran_order is neither True nor False";
    } else if (strcmp(key, "shape") == 0) {
      bit = 4;
      const char *error = parse_shape(h);
      if (error) return error;
    }
    if (!bit || (seen & bit)) return "the header has an unknown or repeated key";
    seen |= bit;
    if (take(h, ',')) continue;
    if (!take(h, '}')) return "the header does not end";
    break;
  }
  skip_space(h);
  if (h->at != h->end) return "something follows the header";
  return seen == 7 ? NULL : "the header lacks descr, fortran_order or shape";
}

static void swap_elements(unsigned char *bytes, size_t count, size_t width) {
  for (size_t i = 0; i < count; i++, bytes += width) {
    for (size_t a = 0, b = width - 1; a < b; a++, b--) {
      unsigned char byte = bytes[a];
      bytes[a] = bytes[b];
      bytes[b] = byte;
    }
  }
}

/* Column-major source to row-major target. */
static void reorder(unsigned char *to, const unsigned char *from, const graft_type *type, size_t count, size_t width) {
  size_t stride[GRAFT_MAX_RANK] = {0}, index[GRAFT_MAX_RANK] = {0}, offset = 0;
  for (size_t axis = 0, step = width; axis < (size_t)type->rank; axis++) {
    stride[axis] = step;
    step *= (size_t)type->dims[axis];
  }
  for (size_t i = 0; i < count; i++, to += width) {
    memcpy(to, from + offset, width);
    for (int32_t axis = type->rank - 1; axis >= 0; axis--) {
      offset += stride[axis];
      if (++index[axis] < (size_t)type->dims[axis]) break;
      offset -= stride[axis] * index[axis];
      index[axis] = 0;
    }
  }
}

/* Where header and data are; NULL, or what is wrong. */
static const char *find_parts(header *h, const unsigned char *bytes, size_t size, size_t *data) {
  if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0) return "not a .npy file";
  if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0) return "unknown version of .npy";
  size_t start = bytes[6] == 1 ? 10 : 12;
  if (size < start) return "the file is cut short";
  size_t length = bytes[8] | (size_t)bytes[9] << 8;
  if (bytes[6] > 1) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
  if (length > size - start) return "the file is cut short";
  *data = start + length;
  h->at = (const char *)bytes + start;
  h->end = h->at + length;
  return NULL;
}

/* The header; where the data begin. */
static graft_status read_header(graft_context *c, const void *bytes, size_t size, const char *name, header *h,
                                size_t *start) {
  const gr_loc where = {.file = name};
  const char *error = find_parts(h, bytes, size, start);
  if (!error) error = parse_header(h);
  if (error) return gr_error(c, GRAFT_FORMAT, where, "%s", error);
  const int64_t elements = graft_type_elements(&h->type);
  const size_t width = graft_dtype_size(h->type.dtype);
  if (elements < 0 || (uint64_t)elements > (size - *start) / width || (size_t)elements * width != size - *start)
    return gr_error(c, GRAFT_FORMAT, where, "the shape does not fit the %zu bytes of data", size - *start);
  return GRAFT_OK;
}

graft_status gr_npy_parse(graft_context *c, const void *bytes, size_t size, const char *name, graft_type *type,
                          gr_buffer **buffer) {
  header h = {0};
  size_t start = 0;
  const graft_status status = read_header(c, bytes, size, name, &h, &start);
  if (status != GRAFT_OK) return status;
  const int64_t elements = graft_type_elements(&h.type);
  const size_t width = graft_dtype_size(h.type.dtype);
  gr_buffer *b = gr_buffer_alloc(c, size - start);
  if (!b) return GRAFT_NO_MEMORY;
  const unsigned char *data = (const unsigned char *)bytes + start;
  if (elements > 0) {
    if (h.fortran && h.type.rank > 1) {
      reorder(b->data, data, &h.type, (size_t)elements, width);
    } else {
      memcpy(b->data, data, size - start);
    }
    if (h.swapped) swap_elements(b->data, (size_t)elements, width);
  }
  if (h.type.dtype == GRAFT_BOOL) {
    unsigned char *bits = b->data;
    for (int64_t i = 0; i < elements; i++) bits[i] = bits[i] != 0;
  }
  *type = h.type;
  *buffer = b;
  return GRAFT_OK;
}

graft_status gr_npy_read(graft_context *c, const char *path, graft_type *type, gr_buffer **buffer) {
  gr_buffer *file = gr_file_read(c, path, false);
  if (!file) return GRAFT_IO;
  graft_status status = gr_npy_parse(c, file->data, file->size, path, type, buffer);
  gr_buffer_release(c, file);
  return status;
}

graft_status gr_npy_map(graft_context *c, const char *path, graft_type *type, gr_buffer **buffer, const void **data) {
  gr_buffer *file = gr_file_read(c, path, true);
  if (!file) return GRAFT_IO;
  header h = {0};
  size_t start = 0;
  graft_status status = read_header(c, file->data, file->size, path, &h, &start);
  const bool as_it_is = status == GRAFT_OK && (!h.fortran || h.type.rank < 2) && !h.swapped &&
                        h.type.dtype != GRAFT_BOOL && start % graft_dtype_size(h.type.dtype) == 0;
  if (as_it_is) {
    *type = h.type;
    *buffer = file;
    *data = (const char *)file->data + start;
    return GRAFT_OK;
  }
  if (status == GRAFT_OK) status = gr_npy_parse(c, file->data, file->size, path, type, buffer);
  if (status == GRAFT_OK) *data = (*buffer)->data;
  gr_buffer_release(c, file);
  return status;
}

static void write_widened(gr_stage *stage, const uint16_t *data, size_t count) {
  float block[1024];
  for (size_t at = 0; at < count; at += sizeof block / sizeof *block) {
    size_t n = count - at < sizeof block / sizeof *block ? count - at : sizeof block / sizeof *block;
    for (size_t i = 0; i < n; i++) block[i] = gr_bf16_to_float(data[at + i]);
    gr_stage_write(stage, block, n * sizeof *block);
  }
}

graft_status gr_npy_write(graft_context *c, const char *path, const graft_type *type, const void *data) {
  int64_t elements = graft_type_elements(type);
  const graft_dtype stored = type->dtype == GRAFT_BF16 ? GRAFT_F32 : type->dtype;
  size_t width = graft_dtype_size(stored);
  if (elements < 0 || width == 0) {
    return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){.file = path}, "an array needs a dtype and known extents");
  }
  char text[320]; /* 8 extents of at most 19 digits */
  int length = snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                        width == 1 ? '|' : '<', codes[stored]);
  for (int32_t i = 0; i < type->rank; i++) {
    length += snprintf(text + length, sizeof text - (size_t)length, i ? ", %lld" : "%lld", (long long)type->dims[i]);
  }
  length += snprintf(text + length, sizeof text - (size_t)length, type->rank == 1 ? ",), }" : "), }");
  while ((10 + length) % 64 != 63) text[length++] = ' ';
  text[length++] = '\n';
  unsigned char head[10] = {
      0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(length & 255), (unsigned char)(length >> 8)};
  gr_stage stage;
  graft_status status = gr_stage_open(&stage, c, path);
  if (status) return status;
  gr_stage_write(&stage, head, sizeof head);
  gr_stage_write(&stage, text, (size_t)length);
  if (stored == type->dtype)
    gr_stage_write(&stage, data, (size_t)elements * width);
  else
    write_widened(&stage, data, (size_t)elements);
  return gr_stage_close(&stage, true);
}
