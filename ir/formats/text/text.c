/* The text form among the formats: told by its first word, and written beside a companion of large tensors. */
#include "ir/formats/format_int.h"
#include "ir/formats/safetensors_int.h"
#include "ir/formats/stage_impl.h"
#include "ir/formats/text/text_int.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The word `graft`, after space and comments. */
static bool tells(const char *p, size_t size) {
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

/* The lexer wants a NUL after the text; the file's bytes are not needed beside the copy. */
static graft_module *load(gr_source *in) {
  size_t size = in->file->size;
  char *text = gr_alloc(in->context, size + 1);
  if (!text) return NULL;
  if (size) memcpy(text, in->file->data, size);
  text[size] = '\0';
  gr_buffer_release(in->context, in->file);
  in->file = NULL;
  graft_module *m = gr_text_parse(in->context, text, size, in->name, in->beside);
  gr_free(in->context, text, size + 1);
  return m;
}

static gr_text_options text_options(const graft_save_options *options, const char *companion) {
  return (gr_text_options){.companion = companion,
                           .large = options->inline_data ? UINT32_MAX : GR_TEXT_LARGE,
                           .no_provenance = options->no_provenance};
}

static graft_status print(graft_module *m, const graft_save_options *options, gr_sink *out) {
  gr_text_options o = text_options(options, NULL);
  return gr_text_print(m, out, &o);
}

/* ---- with a companion ---- */

/* Tensors that the companion holds, `*count` of them. */
static graft_tensor *large_tensors(graft_module *m, uint32_t large, uint32_t *count) {
  *count = 0;
  graft_tensor *list = gr_alloc(m->context, (m->tensors.len + 1u) * sizeof *list);
  for (graft_tensor t = 0; list && t < m->tensors.len; t++)
    if (gr_text_is_large(m, t, large)) list[(*count)++] = t;
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
static graft_status save(graft_module *m, const graft_save_options *options, const char *path) {
  graft_context *c = m->context;
  gr_text_options o = text_options(options, NULL);
  uint32_t count = 0;
  size_t size = 0;
  graft_tensor *large = large_tensors(m, o.large, &count);
  char *companion = large ? companion_path(c, path, &size) : NULL;
  gr_sink out;
  gr_stage stage;
  gr_sink_init(&out, c);
  graft_status status = companion ? gr_stage_open(&stage, c, path) : GRAFT_NO_MEMORY;
  if (status == GRAFT_OK) {
    bool beside = count > 0 && stage.temporary, was_there = beside && access(companion, F_OK) == 0;
    const char *slash = companion ? strrchr(companion, '/') : NULL;
    if (beside) o.companion = slash ? slash + 1 : companion;
    status = gr_text_print(m, &out, &o);
    if (status == GRAFT_OK) gr_stage_write(&stage, out.bytes.data, out.bytes.len);
    if (status == GRAFT_OK && beside) status = gr_stage_flush(&stage);
    if (status == GRAFT_OK && beside) status = gr_safetensors_write(m, companion, large, count, NULL);
    graft_status closed = gr_stage_close(&stage, status == GRAFT_OK);
    if (closed != GRAFT_OK && status == GRAFT_OK && beside && !was_there) (void)unlink(companion);
    if (status == GRAFT_OK) status = closed;
  }
  gr_sink_free(&out);
  gr_free(c, companion, size);
  gr_free(c, large, (m->tensors.len + 1u) * sizeof *large);
  return status;
}

const gr_format gr_format_text = {.extension = ".gir", .tells = tells, .load = load, .print = print, .save = save};
