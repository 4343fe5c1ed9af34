/* A hash map of 64-bit keys with linear probing, and the hashes used everywhere. */
#include "ir/graph/base_int.h"

#include <xxhash.h>

uint64_t gr_mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93u;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93u;
  x ^= x >> 32;
  return x;
}

uint64_t gr_hash_bytes(const void *data, size_t size) { return XXH3_64bits(data, size); }

static gr_map_slot *find(const gr_map *m, uint64_t key) {
  uint32_t mask = m->slot_count - 1;
  uint32_t i = (uint32_t)gr_mix(key) & mask;
  while (m->slots[i].value != GRAFT_NONE && m->slots[i].key != key) i = (i + 1) & mask;
  return &m->slots[i];
}

uint32_t gr_map_get(const gr_map *m, uint64_t key) { return m->slot_count ? find(m, key)->value : GRAFT_NONE; }

bool gr_map_reserve(graft_context *c, gr_map *m, uint32_t count) {
  uint64_t need = 16;
  while (need * 3 / 4 < count) need *= 2;
  if (need <= m->slot_count) return true;
  if (need > UINT32_C(1) << 31) return gr_no_memory(c), false;
  gr_map bigger = {
      .slots = gr_alloc(c, (size_t)need * sizeof *bigger.slots), .slot_count = (uint32_t)need, .used = m->used};
  if (!bigger.slots) return false;
  for (uint32_t i = 0; i < bigger.slot_count; i++) bigger.slots[i] = (gr_map_slot){0, GRAFT_NONE};
  for (uint32_t i = 0; i < m->slot_count; i++)
    if (m->slots[i].value != GRAFT_NONE) *find(&bigger, m->slots[i].key) = m->slots[i];
  gr_map_free(c, m);
  *m = bigger;
  return true;
}

bool gr_map_put(graft_context *c, gr_map *m, uint64_t key, uint32_t value) {
  gr_map_slot *s = m->slot_count ? find(m, key) : NULL;
  if (!s || s->value == GRAFT_NONE) {
    const gr_map_slot *slots = m->slots;
    if (!gr_map_reserve(c, m, m->used + 1)) return false;
    if (!s || slots != m->slots) s = find(m, key);
    m->used++;
  }
  *s = (gr_map_slot){key, value};
  return true;
}

void gr_map_free(graft_context *c, gr_map *m) {
  gr_free(c, m->slots, (size_t)m->slot_count * sizeof *m->slots);
  *m = (gr_map){0};
}
