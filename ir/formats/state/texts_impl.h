/* Texts of a file, each with its number: found again in O(1). They are borrowed, and may hold any bytes. */
#ifndef GRAFT_TEXTS_IMPL_H
#define GRAFT_TEXTS_IMPL_H

#include "ir/graph/base_int.h"

#include <string.h>

typedef struct gr_text {
  const char *bytes;
  size_t length;
} gr_text;

static inline bool gr_text_is(gr_text t, const char *word) {
  return t.length == strlen(word) && memcmp(t.bytes, word, t.length) == 0;
}

typedef struct gr_texts {
  gr_map map; /* hash, the next one where it is another text's -> number */
  GR_VEC(gr_text) items;
} gr_texts;

/* GRAFT_NONE: it is not there. */
static inline uint32_t gr_texts_find(const gr_texts *t, gr_text text) {
  for (uint64_t key = gr_hash_bytes(text.bytes, text.length);; key++) {
    const uint32_t at = gr_map_get(&t->map, key);
    if (at >= t->items.len) return GRAFT_NONE;
    const gr_text *have = &t->items.data[at];
    if (have->length == text.length && memcmp(have->bytes, text.bytes, text.length) == 0) return at;
  }
}

/* One that is not there yet; false: no memory. */
static inline bool gr_texts_add(graft_context *c, gr_texts *t, gr_text text) {
  uint64_t key = gr_hash_bytes(text.bytes, text.length);
  while (gr_map_get(&t->map, key) != GRAFT_NONE) key++;
  return gr_vec_push(c, &t->items, text) && gr_map_put(c, &t->map, key, t->items.len - 1);
}

static inline void gr_texts_free(graft_context *c, gr_texts *t) {
  gr_map_free(c, &t->map);
  gr_vec_free(c, &t->items);
}

#endif
