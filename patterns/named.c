/* What has a name in a file or a set of rules: numbered in the order of declaration, found by name. */
#include "patterns/patterns_int.h"

#include <string.h>

static bool is_called(const gr_named *n, uint32_t i, const char *name, size_t length) {
  return i < n->names.len && n->names.data[i].length == length && memcmp(n->names.data[i].text, name, length) == 0;
}

uint32_t gr_named_find(const gr_named *n, const char *name, size_t length) {
  uint64_t key = gr_hash_bytes(name, length);
  for (uint32_t i; (i = gr_map_get(&n->numbers, key)) != GRAFT_NONE; key++)
    if (is_called(n, i, name, length)) return i;
  return GRAFT_NONE;
}

bool gr_named_add(graft_context *c, gr_named *n, const char *name, size_t length) {
  uint64_t key = gr_hash_bytes(name, length);
  /* What has been taken back is overwritten. */
  for (uint32_t i; (i = gr_map_get(&n->numbers, key)) != GRAFT_NONE && i < n->names.len;) key++;
  return gr_vec_reserve(c, &n->names, 1u) && gr_map_put(c, &n->numbers, key, n->names.len) &&
         gr_vec_push(c, &n->names, ((gr_word){name, length}));
}

void gr_named_free(graft_context *c, gr_named *n) {
  gr_map_free(c, &n->numbers);
  gr_vec_free(c, &n->names);
}
