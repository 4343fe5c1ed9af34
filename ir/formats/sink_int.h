/* Bytes that grow (sink.c), text in quotes (string.c). A failed write is remembered: check `failed` once at
 * the end. */
#ifndef GRAFT_SINK_INT_H
#define GRAFT_SINK_INT_H

#include "ir/graph/base_int.h"
#include "ir/graph/printable_int.h"

typedef struct gr_sink {
  graft_context *context;
  GR_VEC(char) bytes;
  bool failed; /* no memory; reported */
} gr_sink;

void gr_sink_init(gr_sink *s, graft_context *c);
void gr_sink_free(gr_sink *s);
void gr_sink_write(gr_sink *s, const void *data, size_t size);
void gr_sink_text(gr_sink *s, const char *text);
void gr_sink_format(gr_sink *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gr_sink_int(gr_sink *s, int64_t value);
/* The shortest decimal that reads back as the same number (double, or float where `single`); inf, -inf, nan as words.
 */
void gr_sink_float(gr_sink *s, double value, bool single);
void gr_sink_type(gr_sink *s, const graft_type *type);
/* In quotes, as the lexer reads it: what is not printable UTF-8 is escaped. */
void gr_sink_quoted(gr_sink *s, const char *text, size_t length);

#endif
