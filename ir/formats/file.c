/* Modules in files: the format is told by content when reading, by the extension when writing. */
#include "ir/formats/stage_impl.h"
#include "ir/formats/io_int.h"

#include <string.h>
#include <unistd.h>

/* ---- reading ---- */

/* A text begins with the word `graft`, after space and comments. */
static bool is_text(const char *p, size_t size) {
  const char *end = p + size;
  while (p < end && (*p == '#' || *p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
    if (*p == '#') {
      const char *newline = memchr(p, '\n', (size_t)(end - p));
      p = newline ? newline : end;
    } else {
      p++;
    }
  }
  return end - p > 5 && memcmp(p, "graft", 5) == 0 && (p[5] == ' ' || p[5] == '\t');
}

/* Protobuf messages have no magic number: a field of ONNX's ModelProto, of the wire type that it has there. */
static bool is_onnx(const unsigned char *p, size_t size) {
  if (size < 2) return false;
  unsigned field = p[0] >> 3, wire = p[0] & 7;
  bool number = field == 1 || field == 5, bytes = (field >= 2 && field <= 4) || (field >= 6 && field <= 8);
  return (wire == 0 && number) || (wire == 2 && (bytes || field == 14 || field == 20));
}

static graft_format detect(const char *p, size_t size) {
  if (size >= 12 && memcmp(p + 8, "GRFT", 4) == 0) return GRAFT_FORMAT_BINARY;
  if (is_text(p, size)) return GRAFT_FORMAT_TEXT;
  return is_onnx((const unsigned char *)p, size) ? GRAFT_FORMAT_ONNX : GRAFT_FORMAT_AUTO;
}

static graft_load_options complete(const graft_load_options *given) {
  graft_load_options o = {.size = sizeof o};
  if (given) memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
  return o;
}

/* The folder of a file, where its external data lies; "" when it has no name. */
static char *directory_of(graft_context *c, const char *name, size_t *size) {
  const char *slash = strrchr(name, '/');
  const char *folder = slash ? name : name[0] ? "." : "";
  size_t length = slash ? (size_t)(slash - name) + 1 : strlen(folder);
  *size = length + 1;
  char *text = gr_alloc(c, *size);
  if (!text) return NULL;
  memcpy(text, folder, length);
  text[length] = '\0';
  return text;
}

/* The lexer wants a NUL after the text; the file's bytes are not needed beside the copy. */
static graft_module *parse(graft_context *c, const char *bytes, size_t size, const char *name, const char *directory,
                           gr_buffer **file) {
  char *text = gr_alloc(c, size + 1);
  if (!text) return NULL;
  if (size) memcpy(text, bytes, size);
  text[size] = '\0';
  if (file) {
    gr_buffer_release(c, *file);
    *file = NULL;
  }
  graft_module *m = gr_text_parse(c, text, size, name, directory);
  gr_free(c, text, size + 1);
  return m;
}

static graft_module *unknown(graft_context *c, const char *name, size_t size) {
  gr_loc where = {.file = name};
  if (size == 0)
    gr_error(c, GRAFT_FORMAT, where, "the file is empty");
  else
    gr_error(c, GRAFT_FORMAT, where, "neither a .gir text ('graft 1'), nor a .gfb, nor an ONNX file");
  return NULL;
}

static graft_module *verified(graft_module *m) {
  if (m && graft_module_verify(m) == GRAFT_OK) return m;
  graft_module_destroy(m);
  return NULL;
}

/* Releases `file`. */
static graft_module *load(graft_context *c, gr_buffer *file, const char *name, const graft_load_options *o) {
  const char *bytes = file->data;
  size_t size = file->size, directory_size = 0;
  char *directory = directory_of(c, name, &directory_size);
  graft_module *m = NULL;
  if (directory) {
    switch (o->format == GRAFT_FORMAT_AUTO ? detect(bytes, size) : o->format) {
    case GRAFT_FORMAT_TEXT: m = parse(c, bytes, size, name, directory, &file); break;
    case GRAFT_FORMAT_BINARY: m = gr_gfb_load(c, file, name, o->check_hashes); break;
    case GRAFT_FORMAT_ONNX: m = gr_onnx_load(c, file, name, directory); break;
    case GRAFT_FORMAT_AUTO: unknown(c, name, size); break;
    default: gr_error(c, GRAFT_UNSUPPORTED, (gr_loc){.file = name}, "this format can only be written"); break;
    }
    gr_free(c, directory, directory_size);
  }
  gr_buffer_release(c, file);
  return verified(m);
}

graft_module *graft_module_load(graft_context *c, const char *path, const graft_load_options *options) {
  graft_load_options o = complete(options);
  gr_buffer *file = gr_file_read(c, path, o.map);
  return file ? load(c, file, path, &o) : NULL;
}

graft_module *graft_module_load_memory(graft_context *c, const void *bytes, size_t size, const char *name,
                                       const graft_load_options *options) {
  graft_load_options o = complete(options);
  if (!name) name = "";
  gr_buffer *copy = gr_buffer_create(c, size);
  if (!copy) return NULL;
  if (size) memcpy(copy->data, bytes, size);
  return load(c, copy, name, &o);
}

/* ---- writing ---- */

static graft_format by_extension(const char *path) {
  static const struct {
    const char *extension;
    graft_format format;
  } known[] = {{".gir", GRAFT_FORMAT_TEXT},
               {".gfb", GRAFT_FORMAT_BINARY},
               {".onnx", GRAFT_FORMAT_ONNX},
               {".json", GRAFT_FORMAT_JSON},
               {".dot", GRAFT_FORMAT_DOT}};
  const char *dot = strrchr(path, '.');
  for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
    if (strcmp(dot, known[i].extension) == 0) return known[i].format;
  return GRAFT_FORMAT_TEXT;
}

/* `path`: for diagnostics. */
static graft_status print(graft_module *m, const char *path, graft_format format, gr_sink *out) {
  switch (format) {
  case GRAFT_FORMAT_AUTO:
  case GRAFT_FORMAT_TEXT: return gr_text_print(m, out, NULL);
  case GRAFT_FORMAT_BINARY: return gr_gfb_print(m, out);
  case GRAFT_FORMAT_JSON: return gr_json_print(m, out);
  case GRAFT_FORMAT_DOT: return gr_dot_print(m, out);
  case GRAFT_FORMAT_ONNX: break;
  }
  return gr_error(m->context, GRAFT_UNSUPPORTED, (gr_loc){.file = path},
                  "writing ONNX is not supported; .gir, .gfb, .json and .dot are");
}

/* Tensors that the companion holds, `*count` of them. */
static graft_tensor *large_tensors(graft_module *m, uint32_t *count) {
  *count = 0;
  graft_tensor *list = gr_alloc(m->context, (m->tensors.len + 1u) * sizeof *list);
  for (graft_tensor t = 0; list && t < m->tensors.len; t++)
    if (gr_text_is_large(m, t, 0)) list[(*count)++] = t;
  return list;
}

/* net.gir -> net.safetensors */
static char *companion_path(graft_context *c, const char *path, size_t *size) {
  static const char extension[] = ".safetensors";
  size_t length = strlen(path);
  if (length > 4 && strcmp(path + length - 4, ".gir") == 0) length -= 4;
  *size = length + sizeof extension;
  char *text = gr_alloc(c, *size);
  if (!text) return NULL;
  (void)snprintf(text, *size, "%.*s%s", (int)length, path, extension);
  return text;
}

/* The text is staged before the companion is written and appears after it. A device has no companion. */
static graft_status save_text(graft_module *m, const char *path) {
  graft_context *c = m->context;
  uint32_t count = 0;
  size_t size = 0;
  graft_tensor *large = large_tensors(m, &count);
  char *companion = large ? companion_path(c, path, &size) : NULL;
  gr_sink out;
  gr_stage stage;
  gr_sink_init(&out, c);
  graft_status status = companion ? gr_stage_open(&stage, c, path) : GRAFT_NO_MEMORY;
  if (status == GRAFT_OK) {
    bool beside = count > 0 && stage.temporary, was_there = beside && access(companion, F_OK) == 0;
    const char *slash = companion ? strrchr(companion, '/') : NULL;
    gr_text_options options = {.companion = !beside ? NULL : slash ? slash + 1 : companion};
    status = gr_text_print(m, &out, &options);
    if (status == GRAFT_OK) gr_stage_write(&stage, out.bytes.data, out.bytes.len);
    if (status == GRAFT_OK && beside) status = gr_safetensors_write(m, companion, large, count);
    graft_status closed = gr_stage_close(&stage, status == GRAFT_OK);
    if (closed != GRAFT_OK && status == GRAFT_OK && beside && !was_there) (void)unlink(companion);
    if (status == GRAFT_OK) status = closed;
  }
  gr_sink_free(&out);
  gr_free(c, companion, size);
  gr_free(c, large, (m->tensors.len + 1u) * sizeof *large);
  return status;
}

graft_status graft_module_save(graft_module *m, const char *path, graft_format format) {
  if (format == GRAFT_FORMAT_AUTO) format = by_extension(path);
  if (format == GRAFT_FORMAT_TEXT) return save_text(m, path);
  if (format == GRAFT_FORMAT_BINARY) return gr_gfb_save(m, path);
  gr_sink out;
  gr_sink_init(&out, m->context);
  graft_status status = print(m, path, format, &out);
  if (status == GRAFT_OK) status = gr_file_write(m->context, path, out.bytes.data, out.bytes.len);
  gr_sink_free(&out);
  return status;
}

graft_status graft_module_print(graft_module *m, graft_format format, char **bytes, size_t *size) {
  gr_sink out;
  gr_sink_init(&out, m->context);
  graft_status status = print(m, gr_string_text(m, m->file), format, &out);
  *bytes = NULL;
  *size = 0;
  if (status == GRAFT_OK) { /* the caller frees `size` bytes, so that many it must be */
    *bytes = gr_realloc(m->context, out.bytes.data, out.bytes.cap, out.bytes.len);
    if (*bytes) {
      *size = out.bytes.len;
      return GRAFT_OK;
    }
    status = GRAFT_NO_MEMORY;
  }
  gr_sink_free(&out);
  return status;
}
