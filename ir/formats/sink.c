/* Bytes that grow. After a failure writes do nothing, so that writers check once, at the end. */
#include "ir/formats/number_int.h"
#include "ir/formats/sink_int.h"
#include "ir/ir_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void gr_sink_init(gr_sink *s, graft_context *c) { *s = (gr_sink){.context = c}; }

void gr_sink_free(gr_sink *s) { gr_vec_free(s->context, &s->bytes); }

/* Room for `size` more bytes, NULL when there is none. */
static char *room(gr_sink *s, size_t size) {
  if (s->failed) return NULL;
  if (size > UINT32_MAX || !gr_vec_reserve(s->context, &s->bytes, size)) {
    s->failed = true;
    return NULL;
  }
  return s->bytes.data + s->bytes.len;
}

void gr_sink_write(gr_sink *s, const void *data, size_t size) {
  if (size == 0) return;
  char *p = room(s, size);
  if (!p) return;
  memcpy(p, data, size);
  s->bytes.len += (uint32_t)size;
}

void gr_sink_text(gr_sink *s, const char *text) { gr_sink_write(s, text, strlen(text)); }

void gr_sink_format(gr_sink *s, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  char *p = n < 0 ? NULL : room(s, (size_t)n + 1);
  if (p) {
    (void)vsnprintf(p, (size_t)n + 1, format, again);
    s->bytes.len += (uint32_t)n;
  } else {
    s->failed = true;
  }
  va_end(again);
  va_end(args);
}

void gr_sink_int(gr_sink *s, int64_t value) {
  char text[24];
  char *p = text + sizeof text;
  uint64_t v = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    *--p = (char)('0' + v % 10);
    v /= 10;
  } while (v);
  if (value < 0) *--p = '-';
  gr_sink_write(s, p, (size_t)(text + sizeof text - p));
}

void gr_sink_float(gr_sink *s, double value, bool single) {
  char text[GR_NUMBER_SIZE];
  gr_sink_write(s, text, gr_number_format(text, value, single));
}

void gr_sink_type(gr_sink *s, const graft_type *type) {
  char text[GR_TYPE_SIZE];
  gr_sink_write(s, text, gr_type_format(type, text, sizeof text));
}
