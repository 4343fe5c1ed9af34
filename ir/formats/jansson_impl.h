/* Jansson's values joined with each result checked. It allocates by itself (to give it the context's allocator would
 * take its global state), and NULL stands for no memory in all that it makes: a value that is missing, or that could
 * not be joined to the others, is remembered in `failed`, which whoever writes the whole asks once. */
#ifndef GRAFT_JANSSON_IMPL_H
#define GRAFT_JANSSON_IMPL_H

#include "ir/formats/sink_int.h"

#include <jansson.h>
#include <stdbool.h>

/* Both take the value over. `key` is UTF-8. */
static inline void gr_json_set(bool *failed, json_t *object, const char *key, json_t *value) {
  if (json_object_set_new_nocheck(object, key, value) != 0) *failed = true;
}
static inline void gr_json_append(bool *failed, json_t *list, json_t *value) {
  if (json_array_append_new(list, value) != 0) *failed = true;
}
static inline int gr_json_to_sink(const char *bytes, size_t size, void *sink) {
  gr_sink *s = sink;
  gr_sink_write(s, bytes, size);
  return s->failed ? -1 : 0;
}
/* Not json_dumps: where that has no memory, parts may be missing from what it gives. */
static inline void gr_json_write(gr_sink *s, const json_t *value, size_t flags) {
  if (!value || json_dump_callback(value, gr_json_to_sink, s, flags) != 0) s->failed = true;
}

#endif
