/* Modules in files: the format is told by content when reading, by the extension when writing. */
#include "ir/formats/file_int.h"
#include "ir/formats/format_int.h"
#include "ir/graph/budget_int.h"

#include <string.h>

static const gr_format *const formats[] = {
    [GRAFT_FORMAT_TEXT] = &gr_format_text, [GRAFT_FORMAT_BINARY] = &gr_format_gfb,
    [GRAFT_FORMAT_ONNX] = &gr_format_onnx, [GRAFT_FORMAT_JSON] = &gr_format_json,
    [GRAFT_FORMAT_DOT] = &gr_format_dot,
};
#define FORMAT_COUNT ((int)(sizeof formats / sizeof *formats))

/* NULL: there is no such format. */
static const gr_format *format_at(graft_format format) {
  return (int)format > 0 && (int)format < FORMAT_COUNT ? formats[format] : NULL;
}

/* ---- reading ---- */

static const gr_format *detect(const char *bytes, size_t size) {
  for (int i = 0; i < FORMAT_COUNT; i++)
    if (formats[i] && formats[i]->tells && formats[i]->tells(bytes, size)) return formats[i];
  return NULL;
}

/* The folder of a file, where those that belong to it lie. */
static char *folder_of(graft_context *c, const char *path, size_t *size) {
  const char *slash = strrchr(path, '/');
  const char *folder = slash ? path : ".";
  size_t length = slash ? (size_t)(slash - path) + 1 : strlen(folder);
  *size = length + 1;
  char *text = gr_alloc(c, *size);
  if (!text) return NULL;
  memcpy(text, folder, length);
  text[length] = '\0';
  return text;
}

/* Valid, and read without an error; a failure has one. */
static graft_module *verified(graft_context *c, uint32_t errors, graft_module *m) {
  if (gr_outcome(c, errors, m ? graft_module_verify(m) : GRAFT_FORMAT) == GRAFT_OK) return m;
  graft_module_destroy(m);
  return NULL;
}

static graft_module *read_as(const gr_format *format, gr_source *in) {
  gr_loc where = {.file = in->name};
  if (format && format->load) return format->load(in);
  if (format)
    gr_error(in->context, GRAFT_UNSUPPORTED, where, "this format can only be written");
  else if (in->file->size == 0)
    gr_error(in->context, GRAFT_FORMAT, where, "the file is empty");
  else
    gr_error(in->context, GRAFT_FORMAT, where, "neither a .gir text ('graft 1'), nor a .gfb, nor an ONNX file");
  return NULL;
}

static gr_buffer *copy_of(graft_context *c, const void *bytes, size_t size) {
  gr_buffer *b = gr_buffer_alloc(c, size);
  if (b && size) memcpy(b->data, bytes, size);
  return b;
}

/* Releases `file`. */
static graft_module *load(graft_context *c, gr_buffer *file, const char *name, const char *folder,
                          const graft_load_options *o) {
  const uint32_t errors = gr_error_count(c);
  gr_beside beside;
  gr_beside_init(&beside, c, folder, o->map);
  gr_source in = {.context = c, .file = file, .name = name, .beside = &beside, .check_hashes = o->check_hashes};
  graft_module *m = NULL;
  if (!gr_spend(c, (gr_loc){.file = name}, file->size)) {
    const bool told = o->format != GRAFT_FORMAT_AUTO;
    const gr_format *format = told ? format_at(o->format) : detect(file->data, file->size);
    if (format && format->moves && file->release) {
      in.file = gr_file_mapped(file) ? gr_file_read(c, name, false) : copy_of(c, file->data, file->size);
      gr_buffer_release(c, file);
    }
    m = in.file ? read_as(format, &in) : NULL;
  }
  gr_beside_free(&beside);
  gr_buffer_release(c, in.file);
  return verified(c, errors, m);
}

/* The limits that its files raised they raise as long as the module is there. */
static graft_module *loaded(graft_context *c, uint64_t given_before, graft_module *m) {
  const uint64_t given = gr_given_so_far(c) - given_before;
  if (m)
    m->given += given;
  else
    gr_given_gone(c, given);
  gr_call_end(c, GRAFT_OK);
  return m;
}

graft_module *graft_module_load(graft_context *c, const char *path, const graft_load_options *options) {
  if (!GR_LIVE(c, CONTEXT)) return NULL;
  if (!path) return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "no file is named to load"), NULL;
  graft_load_options o = {.size = sizeof o};
  if (gr_take_options(c, &o, sizeof o, options)) return NULL;
  const uint64_t given = gr_given_so_far(c);
  gr_call_begin(c);
  gr_progress(c, "load", 0, 0);
  gr_buffer *file = gr_file_read(c, path, o.map);
  if (!file || o.folder) return loaded(c, given, file ? load(c, file, path, o.folder, &o) : NULL);
  size_t size = 0;
  char *folder = folder_of(c, path, &size);
  graft_module *m = folder ? load(c, file, path, folder, &o) : NULL;
  if (!folder) gr_buffer_release(c, file);
  gr_free(c, folder, size);
  return loaded(c, given, m);
}

graft_module *graft_module_load_memory(graft_context *c, const void *bytes, size_t size, const char *name,
                                       const graft_load_options *options) {
  if (!GR_LIVE(c, CONTEXT)) return NULL;
  graft_load_options o = {.size = sizeof o};
  if (gr_take_options(c, &o, sizeof o, options)) return NULL;
  if (!name) name = "";
  if (!bytes && size) {
    if (o.borrow) gr_release(o.release, o.release_user, bytes, 0);
    return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){.file = name}, "there are no bytes"), NULL;
  }
  const uint64_t given = gr_given_so_far(c);
  gr_call_begin(c);
  gr_progress(c, "load", 0, 0);
  gr_given(c, size);
  gr_buffer *file = o.borrow ? gr_buffer_borrow(c, bytes, size, o.release, o.release_user) : copy_of(c, bytes, size);
  return loaded(c, given, file ? load(c, file, name, o.folder, &o) : NULL);
}

/* ---- writing ---- */

static const gr_format *by_extension(const char *path) {
  const char *dot = strrchr(path, '.');
  for (int i = 0; dot && i < FORMAT_COUNT; i++)
    if (formats[i] && strcmp(dot, formats[i]->extension) == 0) return formats[i];
  return &gr_format_text;
}

/* NULL: reported. `path`: for diagnostics. */
static const gr_format *to_write(const graft_module *m, const gr_format *format, const char *path) {
  if (format && format->print) return format;
  gr_error(m->context, GRAFT_UNSUPPORTED, (gr_loc){.file = path},
           "writing %s is not supported; .gir, .gfb, .onnx, .json and .dot are",
           format ? format->extension : "this format");
  return NULL;
}

static graft_status save(graft_module *m, const char *path, const graft_save_options *options) {
  graft_save_options o = {.size = sizeof o};
  graft_status taken = gr_take_options(m->context, &o, sizeof o, options);
  if (!taken) taken = gr_spend(m->context, gr_module_loc(m), 0);
  if (taken) return taken;
  const gr_format *format = to_write(m, o.format == GRAFT_FORMAT_AUTO ? by_extension(path) : format_at(o.format), path);
  if (!format) return GRAFT_UNSUPPORTED;
  if (format->save) return format->save(m, &o, path);
  gr_sink out;
  gr_sink_init(&out, m->context);
  graft_status status = format->print(m, &o, &out);
  if (status == GRAFT_OK) status = gr_file_write(m->context, path, out.bytes.data, out.bytes.len);
  gr_sink_free(&out);
  return status;
}

graft_status graft_module_save_with(graft_module *m, const char *path, const graft_save_options *options) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  const uint32_t errors = gr_error_count(m->context);
  if (!path) return gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "no file is named to save to");
  gr_call_begin(m->context);
  gr_progress(m->context, "save", 0, 0);
  return gr_call_end(m->context, gr_outcome(m->context, errors, save(m, path, options)));
}

graft_status graft_module_print_with(graft_module *m, const graft_save_options *options, char **bytes, size_t *size) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  const uint32_t errors = gr_error_count(m->context);
  graft_save_options o = {.size = sizeof o};
  if (!bytes || !size)
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m),
                    "there is no place for the bytes and their size");
  *bytes = NULL;
  *size = 0;
  graft_status taken = gr_take_options(m->context, &o, sizeof o, options);
  if (taken) return taken;
  const gr_format *format = o.format == GRAFT_FORMAT_AUTO ? &gr_format_text : format_at(o.format);
  format = to_write(m, format, gr_string_text(m, m->file));
  if (!format) return GRAFT_UNSUPPORTED;
  gr_sink out;
  gr_sink_init(&out, m->context);
  gr_call_begin(m->context);
  graft_status status = gr_call_end(m->context, gr_outcome(m->context, errors, format->print(m, &o, &out)));
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

graft_status graft_module_save(graft_module *m, const char *path, graft_format format) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  return graft_module_save_with(m, path, &(graft_save_options){.size = sizeof(graft_save_options), .format = format});
}

graft_status graft_module_print(graft_module *m, graft_format format, char **bytes, size_t *size) {
  graft_save_options o = {.size = sizeof o, .format = format};
  return graft_module_print_with(m, &o, bytes, size);
}
