/* Diagnostics: copied into the context, formatted on demand. */
#include "ir/graph/context_impl.h"
#include "ir/graph/intern_int.h"
#include "ir/graph/printable_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 2048
#define SOURCE_MAX 200

enum {
  STATUS_COUNT = 0
#define ERROR(code, text) +1
#include "ir/errors.def"
#undef ERROR
};

const char *graft_status_text(graft_status status) {
  switch (status) {
#define ERROR(code, text) \
  case GRAFT_##code: \
    return text;
#include "ir/errors.def"
#undef ERROR
  }
  return "unknown status";
}

static char *put(char **at, const char *text, size_t length) {
  char *start = *at;
  memcpy(start, text, length);
  start[length] = '\0';
  *at += length + 1;
  return start;
}

/* The last warning with its notes makes room for an error: an error is never lost for warnings. */
static bool displace_warning(graft_context *c) {
  gr_diagnostic_text *all = c->diagnostics.data;
  uint32_t at = c->diagnostics.len, end;
  while (at > 0 && all[at - 1].public.severity != GRAFT_WARNING) at--;
  if (at-- == 0) return false;
  for (end = at + 1; end < c->diagnostics.len && all[end].public.severity == GRAFT_NOTE;) end++;
  for (uint32_t i = at; i < end; i++) gr_free(c, all[i].text, all[i].text_size);
  memmove(all + at, all + end, (c->diagnostics.len - end) * sizeof *all);
  c->diagnostics.len -= end - at;
  c->dropped += end - at;
  return true;
}

__attribute__((format(printf, 5, 0))) static void add(graft_context *c, graft_severity severity, graft_status code,
                                                      gr_loc where, const char *format, va_list args) {
  const bool ends = code == GRAFT_LIMIT || code == GRAFT_CANCELLED; /* no answer, but the end of who asks */
  if (severity != GRAFT_WARNING && c->muted && !ends) {
    if (severity == GRAFT_ERROR && c->heard && !c->heard[0]) (void)vsnprintf(c->heard, c->heard_size, format, args);
    return;
  }
  if (severity == GRAFT_ERROR) c->errors++;
  bool full = c->diagnostics.len >= c->max_diagnostics && !(severity == GRAFT_ERROR && displace_warning(c));
  if (full || c->out_of_memory) {
    c->dropped++;
    return;
  }
  char message[MESSAGE_MAX];
  int printed = vsnprintf(message, sizeof message, format, args);
  size_t message_length = printed < 0 ? 0 : (size_t)printed < sizeof message ? (size_t)printed : sizeof message - 1;
  char name[256] = "";
  if (where.module) gr_name_format(where.module, where.name, name, sizeof name);
  const char *file = where.file ? where.file : "", *node = where.module ? name : where.node ? where.node : "";
  size_t source_length = 0, file_length = strlen(file), node_length = strnlen(node, MESSAGE_MAX);
  if (where.source)
    while (source_length < SOURCE_MAX && where.source[source_length] && where.source[source_length] != '\n')
      source_length++;
  size_t size = message_length + file_length + node_length + source_length + 4;
  const bool reporting = c->budget.reporting;
  c->budget.reporting = true;
  char *text = gr_alloc(c, size);
  if (text && !gr_vec_reserve(c, &c->diagnostics, 1u)) {
    gr_free(c, text, size);
    text = NULL;
  }
  c->budget.reporting = reporting;
  if (!text) return;
  gr_diagnostic_text d = {.text = text, .text_size = size};
  d.public = (graft_diagnostic){.code = code, .severity = severity, .line = where.line, .column = where.column};
  char *at = text;
  d.public.message = put(&at, message, message_length);
  d.public.file = put(&at, file, file_length);
  d.public.node = put(&at, node, node_length);
  d.public.source = put(&at, where.source ? where.source : "", source_length);
  c->diagnostics.data[c->diagnostics.len++] = d;
}

graft_status gr_error(graft_context *c, graft_status code, gr_loc where, const char *format, ...) {
  va_list args;
  va_start(args, format);
  add(c, GRAFT_ERROR, code, where, format, args);
  va_end(args);
  return code;
}

void gr_warning(graft_context *c, graft_status code, gr_loc where, const char *format, ...) {
  va_list args;
  va_start(args, format);
  add(c, GRAFT_WARNING, code, where, format, args);
  va_end(args);
}

void gr_note(graft_context *c, gr_loc where, const char *format, ...) {
  va_list args;
  va_start(args, format);
  add(c, GRAFT_NOTE, GRAFT_OK, where, format, args);
  va_end(args);
}

/* Not the embedder's text as format. */
__attribute__((format(printf, 5, 6))) static void add_text(graft_context *c, graft_severity severity, graft_status code,
                                                           gr_loc where, const char *format, ...) {
  va_list args;
  va_start(args, format);
  add(c, severity, code, where, format, args);
  va_end(args);
}

graft_status gr_diagnostic_given(graft_context *c, graft_severity severity, graft_status code, gr_loc where,
                                 const char *message) {
  const char *wrong = NULL;
  if (!message || !message[0])
    wrong = "a diagnostic without a message was added";
  else if (severity != GRAFT_ERROR && severity != GRAFT_WARNING && severity != GRAFT_NOTE)
    wrong = "a diagnostic was added whose severity is none";
  else if ((int)code < 0 || (uint32_t)code >= STATUS_COUNT || (severity == GRAFT_ERROR && code == GRAFT_OK))
    wrong = "a diagnostic was added whose code is none, or an error with the code GRAFT_OK";
  if (wrong) return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "%s", wrong);
  add_text(c, severity, code, where, "%s", message);
  return code;
}

graft_status graft_diagnostic_add(graft_context *c, const graft_diagnostic *d) {
  if (!GR_LIVE(c, CONTEXT)) return GRAFT_INVALID_ARGUMENT;
  if (!d) return gr_diagnostic_given(c, GRAFT_ERROR, GRAFT_OK, (gr_loc){0}, NULL);
  const gr_loc where = {.file = d->file, .line = d->line, .column = d->column, .node = d->node, .source = d->source};
  return gr_diagnostic_given(c, d->severity, d->code, where, d->message);
}

uint32_t graft_diagnostic_count(const graft_context *c) {
  return GR_IS(c, CONTEXT) ? c->diagnostics.len + (c->out_of_memory ? 1 : 0) : 0;
}

uint32_t graft_diagnostic_dropped(const graft_context *c) { return GR_IS(c, CONTEXT) ? c->dropped : 0; }

graft_diagnostic graft_diagnostic_get(const graft_context *c, uint32_t index) {
  const bool is = GR_IS(c, CONTEXT);
  if (is && index < c->diagnostics.len) return c->diagnostics.data[index].public;
  graft_diagnostic d = {.file = "", .node = "", .source = "", .message = ""};
  if (is && index == c->diagnostics.len && c->out_of_memory) {
    d.code = GRAFT_NO_MEMORY;
    d.message = graft_status_text(d.code);
  }
  return d;
}

bool graft_context_has_errors(const graft_context *c) { return GR_IS(c, CONTEXT) && c->errors != c->cleared; }
bool gr_mute(graft_context *c, bool muted) {
  bool before = c->muted;
  c->muted = muted;
  return before;
}

void gr_overhear(graft_context *c, char *text, size_t size) {
  c->heard = text;
  c->heard_size = size;
  if (text) text[0] = '\0';
}

static bool stands_before(const graft_diagnostic *a, const graft_diagnostic *b) {
  return a->line < b->line || (a->line == b->line && a->column < b->column);
}

void gr_diagnostics_sort(graft_context *c, uint32_t from) {
  gr_diagnostic_text *all = c->diagnostics.data;
  for (uint32_t i = from + 1; i < c->diagnostics.len; i++) { /* each with its notes: few, so by insertion */
    if (all[i].public.severity == GRAFT_NOTE) continue;
    uint32_t end = i + 1, at = i;
    while (end < c->diagnostics.len && all[end].public.severity == GRAFT_NOTE) end++;
    for (uint32_t k = i; k-- > from;)
      if (all[k].public.severity != GRAFT_NOTE) {
        if (!stands_before(&all[i].public, &all[k].public)) break;
        at = k;
      }
    for (uint32_t n = end - i; n > 0 && at < i; n--) { /* turn by one, so many times */
      gr_diagnostic_text last = all[end - 1];
      memmove(all + at + 1, all + at, (end - 1 - at) * sizeof *all);
      all[at] = last;
    }
  }
}

uint32_t gr_error_count(const graft_context *c) { return c->errors; }

static graft_status last_error(const graft_context *c) {
  if (c->out_of_memory) return GRAFT_NO_MEMORY;
  for (uint32_t i = c->diagnostics.len; i-- > 0;)
    if (c->diagnostics.data[i].public.severity == GRAFT_ERROR) return c->diagnostics.data[i].public.code;
  return GRAFT_NO_MEMORY;
}

bool gr_error_stands(const graft_context *c, uint32_t errors_before) {
  return c->errors != (errors_before < c->cleared ? c->cleared : errors_before);
}

graft_status gr_outcome(graft_context *c, uint32_t errors_before, graft_status status) {
  if (errors_before < c->cleared) errors_before = c->cleared;
  if (status == GRAFT_OK) return c->errors == errors_before ? GRAFT_OK : last_error(c);
  if (c->errors == errors_before) return gr_error(c, status, (gr_loc){0}, "%s", graft_status_text(status));
  if (c->last_of_memory > errors_before) return GRAFT_NO_MEMORY; /* whatever the one who went without it called it */
  return status == GRAFT_NO_MEMORY ? last_error(c) : status;     /* which may be a limit on it */
}

void graft_diagnostics_clear(graft_context *c) {
  if (GR_LIVE(c, CONTEXT)) gr_diagnostics_drop(c);
}

void gr_diagnostics_drop(graft_context *c) {
  for (uint32_t i = 0; i < c->diagnostics.len; i++)
    gr_free(c, c->diagnostics.data[i].text, c->diagnostics.data[i].text_size);
  c->diagnostics.len = 0;
  c->dropped = 0;
  c->cleared = c->errors;
  c->out_of_memory = false;
  c->budget.refused = false;
}

/* ---- as text ---- */

/* What is put into a buffer of `size`, as snprintf does: `length` goes on where it is full. */
typedef struct text {
  char *buffer;
  size_t size, length;
} text;

static void put_bytes(text *t, const char *bytes, size_t count) {
  if (t->length + 1 < t->size) {
    const size_t room = t->size - 1 - t->length;
    memcpy(t->buffer + t->length, bytes, count < room ? count : room);
  }
  t->length += count;
}

static void put_plain(text *t, const char *ours) { put_bytes(t, ours, strlen(ours)); }

/* What may have come out of a file. Tabs of a source line stay, so that the caret lines up below them. */
static void put_shown(text *t, const char *theirs, bool tabs) {
  const size_t end = theirs ? strlen(theirs) : 0;
  for (size_t i = 0; i < end;) {
    gr_printable p;
    const size_t n = gr_printable_next(theirs + i, end - i, &p);
    if (tabs && theirs[i] == '\t')
      put_bytes(t, "\t", 1);
    else
      put_bytes(t, p.text, p.length);
    i += n;
  }
}

/* Below the byte at `column`, as the line above shows it; a line with a zero byte ends there. */
static void put_caret(text *t, const char *source, uint32_t column) {
  const size_t end = strlen(source);
  put_plain(t, "\n  ");
  for (size_t i = 0; i + 1 < column;) {
    gr_printable p = {.columns = 1};
    const size_t n = i < end ? gr_printable_next(source + i, end - i, &p) : 1;
    if (i + n >= column) break; /* the column is inside this character */
    if (i < end && source[i] == '\t')
      put_bytes(t, "\t", 1);
    else
      put_bytes(t, "                    ", p.columns);
    i += n;
  }
  put_plain(t, "^");
}

size_t graft_diagnostic_format(const graft_diagnostic *d, char *buffer, size_t size) {
  static const char *const severities[] = {[GRAFT_ERROR] = "error", [GRAFT_WARNING] = "warning", [GRAFT_NOTE] = "note"};
  text t = {.buffer = buffer, .size = size};
  if (!d) return size ? (size_t)(buffer[0] = '\0') : 0;
  const bool named = d->node && d->node[0], filed = d->file && d->file[0];
  char place[48] = "";
  if (d->line && d->column)
    snprintf(place, sizeof place, ":%u:%u", d->line, d->column);
  else if (d->line)
    snprintf(place, sizeof place, ":%u", d->line);
  put_shown(&t, d->file, false);
  put_plain(&t, place);
  if (filed || place[0]) put_plain(&t, ": ");
  put_plain(&t, (unsigned)d->severity <= GRAFT_NOTE ? severities[d->severity] : "?");
  put_plain(&t, ": ");
  put_shown(&t, d->node, false);
  if (named) put_plain(&t, ": ");
  put_shown(&t, d->message, false);
  if (d->source && d->source[0]) {
    put_plain(&t, "\n  ");
    put_shown(&t, d->source, true);
    if (d->column && d->column <= SOURCE_MAX) put_caret(&t, d->source, d->column);
  }
  if (size) buffer[t.length < size ? t.length : size - 1] = '\0';
  return t.length;
}
