/* Where the values of a plan lie in its one arena: offsets are given in the order of the steps, from what has become
 * free (two-level lists of free blocks by size, so each takes constant time), else at the end. */
#include "runtime/session_impl.h"

#define ALIGNMENT 64u
#define CLASSES (64 * 8) /* by the highest bit and the three below it */

typedef struct block {
  size_t offset, size;
  uint32_t before, after;       /* neighbours in the arena */
  uint32_t previous, next_free; /* in the list of its class */
  bool free;
} block;

typedef struct memory {
  graft_context *context;
  GR_VEC(block) blocks;
  uint32_t unused; /* records to use again, a list through next_free */
  uint32_t last;   /* block at the end of the arena */
  uint32_t lists[CLASSES];
  uint64_t filled[CLASSES / 64]; /* classes that have a block */
  size_t size;
} memory;

static uint32_t class_of(size_t size) {
  size_t units = size / ALIGNMENT;
  if (units < 8) return (uint32_t)units;
  uint32_t bit = 63u - (uint32_t)__builtin_clzll(units);
  return (bit - 2) * 8 + (uint32_t)(units >> (bit - 3) & 7);
}

static void list_add(memory *m, uint32_t b) {
  block *k = &m->blocks.data[b];
  uint32_t c = class_of(k->size);
  k->free = true;
  k->previous = GRAFT_NONE;
  k->next_free = m->lists[c];
  if (k->next_free != GRAFT_NONE) m->blocks.data[k->next_free].previous = b;
  m->lists[c] = b;
  m->filled[c / 64] |= 1ull << c % 64;
}

static void list_remove(memory *m, uint32_t b) {
  block *k = &m->blocks.data[b];
  uint32_t c = class_of(k->size);
  k->free = false;
  if (k->next_free != GRAFT_NONE) m->blocks.data[k->next_free].previous = k->previous;
  if (k->previous != GRAFT_NONE) {
    m->blocks.data[k->previous].next_free = k->next_free;
  } else {
    m->lists[c] = k->next_free;
    if (k->next_free == GRAFT_NONE) m->filled[c / 64] &= ~(1ull << c % 64);
  }
}

static uint32_t new_block(memory *m, block k) {
  uint32_t b = m->unused;
  if (b != GRAFT_NONE) {
    m->unused = m->blocks.data[b].next_free;
    m->blocks.data[b] = k;
  } else {
    b = m->blocks.len;
    if (!gr_vec_push(m->context, &m->blocks, k)) return GRAFT_NONE;
  }
  if (k.after != GRAFT_NONE)
    m->blocks.data[k.after].before = b;
  else
    m->last = b;
  if (k.before != GRAFT_NONE) m->blocks.data[k.before].after = b;
  return b;
}

static void drop_block(memory *m, uint32_t b) {
  block *k = &m->blocks.data[b];
  if (k->after != GRAFT_NONE)
    m->blocks.data[k->after].before = k->before;
  else
    m->last = k->before;
  if (k->before != GRAFT_NONE) m->blocks.data[k->before].after = k->after;
  k->next_free = m->unused;
  m->unused = b;
}

/* A free block of at least `size`, the tightest class first; GRAFT_NONE: none. */
static uint32_t find(const memory *m, size_t size) {
  uint32_t c = class_of(size);
  int tries = 8; /* in its own class a block may be a little too small */
  for (uint32_t b = m->lists[c]; b != GRAFT_NONE && tries-- > 0; b = m->blocks.data[b].next_free)
    if (m->blocks.data[b].size >= size) return b;
  for (c++; c < CLASSES; c = (c / 64 + 1) * 64) {
    uint64_t above = m->filled[c / 64] >> c % 64 << c % 64;
    if (above) return m->lists[c / 64 * 64 + (uint32_t)__builtin_ctzll(above)];
  }
  return GRAFT_NONE;
}

/* GRAFT_NONE: no memory. */
static uint32_t take(memory *m, size_t size) {
  uint32_t b = find(m, size);
  if (b == GRAFT_NONE) { /* at the end, from a free block there on */
    if (m->last != GRAFT_NONE && m->blocks.data[m->last].free) {
      b = m->last;
      list_remove(m, b);
      m->size += size - m->blocks.data[b].size;
      m->blocks.data[b].size = size;
      return b;
    }
    b = new_block(m, (block){.offset = m->size, .size = size, .before = m->last, .after = GRAFT_NONE});
    if (b != GRAFT_NONE) m->size += size;
    return b;
  }
  list_remove(m, b);
  block k = m->blocks.data[b];
  if (k.size > size) {
    uint32_t rest =
        new_block(m, (block){.offset = k.offset + size, .size = k.size - size, .before = b, .after = k.after});
    if (rest == GRAFT_NONE) return GRAFT_NONE;
    m->blocks.data[b].size = size;
    list_add(m, rest);
  }
  return b;
}

static void give_back(memory *m, uint32_t b) {
  uint32_t after = m->blocks.data[b].after, before = m->blocks.data[b].before;
  if (after != GRAFT_NONE && m->blocks.data[after].free) {
    list_remove(m, after);
    m->blocks.data[b].size += m->blocks.data[after].size;
    drop_block(m, after);
  }
  if (before != GRAFT_NONE && m->blocks.data[before].free) {
    list_remove(m, before);
    m->blocks.data[before].size += m->blocks.data[b].size;
    drop_block(m, b);
    b = before;
  }
  list_add(m, b);
}

typedef struct ends {
  uint32_t *first;         /* by step: storages last read there, a list through `next` */
  uint32_t *next, *blocks; /* by storage */
  uint32_t freed;          /* steps whose storages have been given back */
} ends;

/* Storages of the prologue, or the others: in order of their first step by number. */
static graft_status place_part(gr_plan *p, memory *m, bool reuse, bool prologue, ends *e) {
  for (uint32_t s = 0; s < p->storages.len; s++) {
    gr_storage *storage = &p->storages.data[s];
    if (storage->place != GR_PLACE_ARENA || storage->fixed != prologue) continue;
    for (; reuse && e->freed < storage->first; e->freed++)
      for (uint32_t i = e->first[e->freed]; i != GRAFT_NONE; i = e->next[i]) give_back(m, e->blocks[i]);
    if (storage->size > SIZE_MAX / 4 - m->size) return gr_no_memory(p->context);
    size_t size = (storage->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    e->blocks[s] = take(m, size ? size : ALIGNMENT);
    if (e->blocks[s] == GRAFT_NONE) return GRAFT_NO_MEMORY;
    storage->offset = m->blocks.data[e->blocks[s]].offset;
    if (storage->last >= p->steps.len) continue; /* kept to the end */
    e->next[s] = e->first[storage->last];
    e->first[storage->last] = s;
  }
  return GRAFT_OK;
}

graft_status gr_plan_memory(gr_plan *p, bool reuse) {
  graft_context *c = p->context;
  memory m = {.context = c, .unused = GRAFT_NONE, .last = GRAFT_NONE};
  for (uint32_t i = 0; i < CLASSES; i++) m.lists[i] = GRAFT_NONE;
  size_t steps = (size_t)p->steps.len + 1, storages = (size_t)p->storages.len + 1; /* never none */
  ends e = {.first = gr_alloc(c, steps * sizeof *e.first),
            .next = gr_alloc(c, storages * sizeof *e.next),
            .blocks = gr_alloc(c, storages * sizeof *e.blocks)};
  graft_status status = GRAFT_NO_MEMORY;
  if (e.first && e.next && e.blocks) {
    for (size_t i = 0; i < steps; i++) e.first[i] = GRAFT_NONE;
    status = place_part(p, &m, reuse, true, &e);
    if (status == GRAFT_OK) status = place_part(p, &m, reuse, false, &e);
  }
  p->arena_size = m.size;
  gr_free(c, e.blocks, storages * sizeof *e.blocks);
  gr_free(c, e.next, storages * sizeof *e.next);
  gr_free(c, e.first, steps * sizeof *e.first);
  gr_vec_free(c, &m.blocks);
  return status;
}
