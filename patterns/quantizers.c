/* Sets of quantizers: those that ship, compiled into the library, and those of files. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/formats/file_int.h"
#include "patterns/quantizer_impl.h"

struct graft_quantizers {
  GR_HANDLE;
  GR_VEC(gr_quantizer *) all; /* those of other sets too, which have another owner */
  gr_named names;
  gr_customs customs;
  uint32_t in_use; /* runs of passes that have it */
  bool others;     /* names of quantizers that ship are taken, whether or not they were read */
};

static graft_status add(graft_quantizers *set, const char *text, size_t size, const char *name, bool checked);

/* One that ships. `checked`: that each of its rules is reached the tests have seen. */
static graft_status add_shipped(graft_quantizers *set, const gr_builtin *b, bool checked) {
  const bool others = set->others;
  set->others = false;
  const graft_status status = add(set, b->text, strlen(b->text), b->name, checked);
  set->others = others;
  if (!status) set->all.data[set->all.len - 1]->ships = true;
  return status;
}

graft_quantizers *graft_quantizers_create(graft_context *context, bool builtin) {
  if (!GR_LIVE(context, CONTEXT)) return NULL;
  graft_quantizers *set = gr_calloc(context, 1, sizeof *set);
  if (!set) return NULL;
  gr_handle_begin(set, GR_HANDLE_QUANTIZERS, context);
  for (const gr_builtin *b = gr_builtin_quantizers; builtin && b->name; b++) {
    if (!add_shipped(set, b, false)) continue;
    graft_quantizers_destroy(set);
    return NULL;
  }
  set->others = builtin;
  return set;
}

graft_quantizers *gr_quantizers_create_pending(graft_context *context) {
  graft_quantizers *set = graft_quantizers_create(context, false);
  if (set) set->others = true;
  return set;
}

/* While it is read, or passes run with it, it stays as it is. */
static bool fixed(const graft_quantizers *set, const char *what) {
  if (set->in_use) gr_error(set->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "%s: it is in use", what);
  return set->in_use > 0;
}

void gr_quantizers_use(const graft_quantizers *set, bool begins) {
  uint32_t *in_use = &((graft_quantizers *)set)->in_use; /* the one thing of it that a run changes */
  *in_use = begins ? *in_use + 1 : *in_use - 1;
}

void graft_quantizers_destroy(graft_quantizers *set) {
  if (!set || !GR_LIVE(set, QUANTIZERS) || fixed(set, "the set of quantizers cannot be destroyed")) return;
  for (uint32_t i = 0; i < set->all.len; i++)
    if (set->all.data[i]->owner == set) qz_destroy(set->all.data[i]);
  gr_vec_free(set->context, &set->all);
  gr_named_free(set->context, &set->names);
  gr_customs_free(set->context, &set->customs);
  gr_handle_end(set, sizeof *set);
}

const gr_quantizer *gr_quantizers_find(const graft_quantizers *set, const char *name) {
  const uint32_t i = gr_named_find(&set->names, name, strlen(name));
  return i < set->all.len ? set->all.data[i] : NULL;
}

graft_status gr_quantizers_need(graft_quantizers *set, const char *name, const gr_quantizer **q) {
  graft_status status = GRAFT_OK;
  *q = gr_quantizers_find(set, name);
  for (const gr_builtin *b = gr_builtin_quantizers; !*q && !status && b->name; b++)
    if (strcmp(b->declares, name) == 0) {
      status = add_shipped(set, b, true);
      *q = gr_quantizers_find(set, name);
    }
  return status;
}

static bool is_taken(const graft_quantizers *set, const char *name) {
  for (const gr_builtin *b = gr_builtin_quantizers; set->others && b->name; b++)
    if (strcmp(b->declares, name) == 0) return true;
  return gr_quantizers_find(set, name) != NULL;
}

bool gr_quantizers_knows(const graft_quantizers *set, const char *name) { return is_taken(set, name); }

static graft_status push(graft_quantizers *set, gr_quantizer *q) {
  if (is_taken(set, q->name))
    return gr_error(set->context, GRAFT_NAME, (gr_loc){.file = q->file}, "there is a quantizer '%s' already", q->name);
  const bool ok =
      gr_vec_push(set->context, &set->all, q) && gr_named_add(set->context, &set->names, q->name, strlen(q->name));
  return ok ? GRAFT_OK : GRAFT_NO_MEMORY;
}

graft_status gr_quantizers_borrow(graft_quantizers *set, const graft_quantizers *from) {
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; i < from->all.len && !status; i++)
    if (!from->all.data[i]->ships) status = push(set, from->all.data[i]);
  return status;
}

const graft_context *gr_quantizers_context(const graft_quantizers *set) { return set->context; }

static graft_status add(graft_quantizers *set, const char *text, size_t size, const char *name, bool checked) {
  graft_context *c = set->context;
  if (!name) name = "";
  if (!text && size) return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){.file = name}, "there is no text");
  const uint32_t errors = gr_error_count(c);
  gr_quantizer *q = qz_parse(c, &set->customs, text, size, name, checked);
  const graft_status parsed = gr_outcome(c, errors, q ? GRAFT_OK : GRAFT_RULE);
  if (parsed || !q) {
    if (q) qz_destroy(q);
    return parsed;
  }
  const uint32_t before = set->all.len;
  q->owner = set;
  const graft_status status = push(set, q);
  if (!status) return GRAFT_OK;
  set->all.len = before;
  qz_destroy(q);
  return status;
}

graft_status graft_quantizers_add(graft_quantizers *set, const char *text, size_t size, const char *name) {
  if (!GR_LIVE(set, QUANTIZERS) || fixed(set, "nothing can be added to the set of quantizers"))
    return GRAFT_INVALID_ARGUMENT;
  gr_quantizers_use(set, true);
  const graft_status status = add(set, text, size, name, false);
  gr_quantizers_use(set, false);
  return status;
}

void gr_quantizers_offer(const graft_quantizers *set, gr_closest *near) {
  for (uint32_t i = 0; i < set->all.len; i++)
    gr_closest_offer(near, set->all.data[i]->name, strlen(set->all.data[i]->name));
  for (const gr_builtin *b = gr_builtin_quantizers; set->others && b->name; b++)
    gr_closest_offer(near, b->declares, strlen(b->declares));
}

graft_status graft_quantizers_add_predicate(graft_quantizers *set, const graft_predicate *predicate) {
  if (!GR_LIVE(set, QUANTIZERS) || fixed(set, "nothing can be added to the set of quantizers"))
    return GRAFT_INVALID_ARGUMENT;
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

uint32_t graft_quantizers_count(const graft_quantizers *set) { return GR_IS(set, QUANTIZERS) ? set->all.len : 0; }

static const gr_quantizer *at(const graft_quantizers *set, uint32_t index) {
  return GR_IS(set, QUANTIZERS) && index < set->all.len ? set->all.data[index] : NULL;
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
