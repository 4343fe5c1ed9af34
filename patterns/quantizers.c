/* Sets of quantizers: those that ship, compiled into the library, and those of files. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/formats/file_int.h"
#include "patterns/quantizer_impl.h"

struct graft_quantizers {
  GR_HANDLE;
  gr_quantizer *first, *last;
  gr_customs customs;
  bool others; /* names of quantizers that ship are taken, whether or not they were read */
};

static graft_status add(graft_quantizers *set, const char *text, size_t size, const char *name, bool ships);

/* Those that ship; `name`: that one alone, if there is one. */
static graft_quantizers *create(graft_context *context, bool builtin, const char *name) {
  graft_quantizers *set = gr_calloc(context, 1, sizeof *set);
  if (!set) return NULL;
  gr_handle_begin(set, GR_HANDLE_QUANTIZERS, context);
  for (const gr_builtin *b = gr_builtin_quantizers; builtin && b->name; b++) {
    if (name && strcmp(b->declares, name) != 0) continue;
    if (add(set, b->text, strlen(b->text), b->name, name != NULL)) {
      graft_quantizers_destroy(set);
      return NULL;
    }
  }
  set->others = builtin;
  return set;
}

graft_quantizers *graft_quantizers_create(graft_context *context, bool builtin) {
  if (!GR_LIVE(context, CONTEXT)) return NULL;
  return create(context, builtin, NULL);
}

graft_quantizers *gr_quantizers_create_for(graft_context *context, const char *name) {
  return create(context, true, name);
}

void graft_quantizers_destroy(graft_quantizers *set) {
  if (!set || !GR_LIVE(set, QUANTIZERS)) return;
  for (gr_quantizer *q = set->first, *next; q; q = next) {
    next = q->next;
    qz_destroy(q);
  }
  gr_customs_free(set->context, &set->customs);
  gr_handle_end(set, sizeof *set);
}

const gr_quantizer *gr_quantizers_find(const graft_quantizers *set, const char *name) {
  for (const gr_quantizer *q = set->first; q; q = q->next)
    if (strcmp(q->name, name) == 0) return q;
  return NULL;
}

static bool is_taken(const graft_quantizers *set, const char *name) {
  for (const gr_builtin *b = gr_builtin_quantizers; set->others && b->name; b++)
    if (strcmp(b->declares, name) == 0) return true;
  return gr_quantizers_find(set, name) != NULL;
}

static graft_status add(graft_quantizers *set, const char *text, size_t size, const char *name, bool ships) {
  graft_context *c = set->context;
  if (!name) name = "";
  if (!text && size) return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){.file = name}, "there is no text");
  const uint32_t errors = gr_error_count(c);
  gr_quantizer *q = qz_parse(c, &set->customs, text, size, name, ships);
  const graft_status parsed = gr_outcome(c, errors, q ? GRAFT_OK : GRAFT_RULE);
  if (parsed || !q) {
    if (q) qz_destroy(q);
    return parsed;
  }
  if (is_taken(set, q->name)) {
    graft_status status =
        gr_error(set->context, GRAFT_NAME, (gr_loc){.file = name}, "there is a quantizer '%s' already", q->name);
    qz_destroy(q);
    return status;
  }
  *(set->last ? &set->last->next : &set->first) = q;
  set->last = q;
  return GRAFT_OK;
}

graft_status graft_quantizers_add(graft_quantizers *set, const char *text, size_t size, const char *name) {
  if (!GR_LIVE(set, QUANTIZERS)) return GRAFT_INVALID_ARGUMENT;
  return add(set, text, size, name, false);
}

void gr_quantizers_offer(const graft_quantizers *set, gr_closest *near) {
  for (const gr_quantizer *q = set->first; q; q = q->next) gr_closest_offer(near, q->name, strlen(q->name));
  for (const gr_builtin *b = gr_builtin_quantizers; set->others && b->name; b++)
    gr_closest_offer(near, b->declares, strlen(b->declares));
}

graft_status graft_quantizers_add_predicate(graft_quantizers *set, const graft_predicate *predicate) {
  if (!GR_LIVE(set, QUANTIZERS)) return GRAFT_INVALID_ARGUMENT;
  return gr_customs_add(set->context, &set->customs, predicate);
}

graft_status graft_quantizers_load(graft_quantizers *set, const char *path) {
  if (!GR_LIVE(set, QUANTIZERS)) return GRAFT_INVALID_ARGUMENT;
  if (!path) return gr_error(set->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "no quantizer file is named");
  gr_buffer *file = gr_file_read(set->context, path, false);
  if (!file) return GRAFT_IO;
  graft_status status = graft_quantizers_add(set, file->data, file->size, path);
  gr_buffer_release(set->context, file);
  return status;
}

uint32_t graft_quantizers_count(const graft_quantizers *set) {
  if (!GR_IS(set, QUANTIZERS)) return 0;
  uint32_t count = 0;
  for (const gr_quantizer *q = set->first; q; q = q->next) count++;
  return count;
}

static const gr_quantizer *at(const graft_quantizers *set, uint32_t index) {
  const gr_quantizer *q = GR_IS(set, QUANTIZERS) ? set->first : NULL;
  while (q && index-- > 0) q = q->next;
  return q;
}

const char *graft_quantizers_name(const graft_quantizers *set, uint32_t index) {
  const gr_quantizer *q = at(set, index);
  return q ? q->name : NULL;
}

/* Appends at `used`; the length so far, whether or not it fits. */
__attribute__((format(printf, 4, 5))) static size_t append(char *buffer, size_t size, size_t used, const char *format,
                                                           ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(used < size ? buffer + used : NULL, used < size ? size - used : 0, format, args);
  va_end(args);
  return used + (n > 0 ? (size_t)n : 0);
}

size_t qz_describe(const gr_quantizer *q, const graft_attr *options, char *buffer, size_t size) {
  size_t used = append(buffer, size, 0, "%s", q->name);
  for (uint32_t i = 0; i < q->options.len; i++) {
    used = append(buffer, size, used, "%s", i ? ", " : "{");
    for (const char *s = q->options.data[i].name; *s; s++)
      used = append(buffer, size, used, "%c", *s == '_' ? '-' : *s);
    switch (options[i].kind) {
    case GRAFT_ATTR_BOOL: used = append(buffer, size, used, "=%s", options[i].as.b ? "true" : "false"); break;
    case GRAFT_ATTR_INT: used = append(buffer, size, used, "=%lld", (long long)options[i].as.i); break;
    case GRAFT_ATTR_STRING: used = append(buffer, size, used, "=%s", options[i].as.s); break;
    default: used = append(buffer, size, used, "=%g", options[i].as.f); break;
    }
  }
  return q->options.len ? append(buffer, size, used, "}") : used;
}

void qz_defaults(const gr_quantizer *q, graft_attr options[QZ_MAX_OPTIONS]) {
  for (uint32_t i = 0; i < q->options.len; i++) options[i] = q->options.data[i].value;
}

size_t graft_quantizers_signature(const graft_quantizers *set, uint32_t index, char *buffer, size_t size) {
  const gr_quantizer *q = at(set, index);
  graft_attr options[QZ_MAX_OPTIONS];
  if (!q) return append(buffer, size, 0, "%s", "");
  qz_defaults(q, options);
  return qz_describe(q, options, buffer, size);
}

const char *graft_quantizers_doc(const graft_quantizers *set, uint32_t index) {
  const gr_quantizer *q = at(set, index);
  return q ? q->doc : NULL;
}

const char *graft_quantizers_file(const graft_quantizers *set, uint32_t index) {
  const gr_quantizer *q = at(set, index);
  return q ? q->file : NULL;
}
