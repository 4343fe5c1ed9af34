/* Names to values, in rows by base and number: no hashing, and names used together lie together. */
#include "ir/formats/text/parse_impl.h"

#include <string.h>

#define REMOVED (GRAFT_NONE - 1u) /* in the sparse map, which cannot forget */

static uint64_t key(gr_name name) { return (uint64_t)name.base << 32 | name.number; }

uint32_t gr_scope_get(const scope *s, gr_name name) {
  if (name.base >= s->bases.len) return GRAFT_NONE;
  const scope_base *base = &s->bases.data[name.base];
  if (name.number == 0) return base->plain;
  const scope_row *row = base->row ? &s->rows.data[base->row - 1] : NULL;
  if (row && name.number < row->count && row->data[name.number] != GRAFT_NONE) return row->data[name.number];
  uint32_t what = s->sparse.used ? gr_map_get(&s->sparse, key(name)) : GRAFT_NONE;
  return what == REMOVED ? GRAFT_NONE : what;
}

static bool grow_bases(graft_context *c, scope *s, uint32_t count) {
  uint32_t old = s->bases.len;
  if (count <= old) return true;
  if (!gr_vec_reserve(c, &s->bases, count - old)) return false;
  for (uint32_t i = old; i < count; i++) s->bases.data[i] = (scope_base){.plain = GRAFT_NONE};
  s->bases.len = count;
  return true;
}

static scope_row *row_of(graft_context *c, scope *s, uint32_t base) {
  scope_base *b = &s->bases.data[base];
  scope_row empty = {.count = 0};
  if (!b->row) {
    if (!gr_vec_push(c, &s->rows, empty)) return NULL;
    b->row = s->rows.len;
  }
  return &s->rows.data[b->row - 1];
}

/* A row holds numbers up to a multiple of how many it has, so that memory stays linear in the names. */
static bool fits(const scope_row *row, uint32_t number) {
  return number < row->count || number <= (uint64_t)row->used * 4 + 16;
}

static bool grow_row(graft_context *c, scope_row *row, uint32_t number) {
  if (number < row->count) return true;
  uint32_t count = number + 1 > row->count * 2 ? number + 1 : row->count * 2;
  uint32_t *data = gr_realloc(c, row->data, row->count * sizeof *data, count * sizeof *data);
  if (!data) return false;
  memset(data + row->count, 0xFF, (count - row->count) * sizeof *data);
  row->data = data;
  row->count = count;
  return true;
}

bool gr_scope_put(graft_context *c, scope *s, gr_name name, uint32_t what) {
  if (!grow_bases(c, s, name.base + 1)) return false;
  if (name.number == 0) {
    s->bases.data[name.base].plain = what;
    return true;
  }
  scope_row *row = row_of(c, s, name.base);
  if (!row) return false;
  if (!fits(row, name.number)) return gr_map_put(c, &s->sparse, key(name), what);
  if (!grow_row(c, row, name.number)) return false;
  row->data[name.number] = what;
  row->used++;
  return true;
}

bool gr_scope_remove(graft_context *c, scope *s, gr_name name) {
  if (name.base >= s->bases.len) return true;
  scope_base *base = &s->bases.data[name.base];
  if (name.number == 0) {
    base->plain = GRAFT_NONE;
    return true;
  }
  scope_row *row = base->row ? &s->rows.data[base->row - 1] : NULL;
  if (row && name.number < row->count) row->data[name.number] = GRAFT_NONE;
  if (!s->sparse.used || gr_map_get(&s->sparse, key(name)) == GRAFT_NONE) return true;
  return gr_map_put(c, &s->sparse, key(name), REMOVED);
}

void gr_scope_free(graft_context *c, scope *s) {
  for (uint32_t i = 0; i < s->rows.len; i++) gr_free(c, s->rows.data[i].data, s->rows.data[i].count * sizeof(uint32_t));
  gr_vec_free(c, &s->rows);
  gr_vec_free(c, &s->bases);
  gr_map_free(c, &s->sparse);
}

static void offer(const graft_module *m, gr_name name, gr_closest *near, char *buffer, size_t size) {
  char text[64];
  size_t length = gr_name_format(m, name, text, sizeof text);
  const char *before = near->word;
  if (length >= sizeof text || length >= size) return;
  gr_closest_offer(near, text, length);
  if (near->word == before) return;
  memcpy(buffer, text, length + 1);
  near->word = buffer;
}

static bool stands_for(uint32_t what) { return what != GRAFT_NONE && what != SCOPE_LOST && what != REMOVED; }

void gr_scope_closest(const scope *s, const graft_module *m, gr_closest *near, char *buffer, size_t size) {
  for (uint32_t b = 0; b < s->bases.len; b++) {
    const scope_base *base = &s->bases.data[b];
    const scope_row *row = base->row ? &s->rows.data[base->row - 1] : NULL;
    if (stands_for(base->plain)) offer(m, (gr_name){b, 0}, near, buffer, size);
    for (uint32_t n = 1; row && n < row->count; n++)
      if (stands_for(row->data[n])) offer(m, (gr_name){b, n}, near, buffer, size);
  }
  for (uint32_t i = 0; i < s->sparse.slot_count; i++) {
    const gr_map_slot *slot = &s->sparse.slots[i];
    if (!stands_for(slot->value)) continue;
    offer(m, (gr_name){(uint32_t)(slot->key >> 32), (uint32_t)slot->key}, near, buffer, size);
  }
}
