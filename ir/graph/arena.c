/* Allocation through the context, growing arrays, bump allocation. */
#include "ir/graph/context_impl.h"

#include <string.h>

#define MAX_ALLOCATION \
  ((size_t)1 << 40) /* a larger one comes of a wrong size: no memory, whatever the allocator would say */

/* Needs no memory: the diagnostic is static and comes last (graft_diagnostic_get). */
graft_status gr_no_memory(graft_context *c) {
  c->errors++;
  if (c->budget.refused) return GRAFT_LIMIT;   /* it is reported already, */
  if (c->budget.ended) return c->budget.ended; /* as why the call has to end */
  c->out_of_memory = true;
  c->last_of_memory = c->errors;
  return GRAFT_NO_MEMORY;
}

void *gr_realloc(graft_context *c, void *p, size_t old_size, size_t new_size) {
  if (new_size == 0) {
    gr_free(c, p, old_size);
    return NULL;
  }
  if (!p) old_size = 0;
  if (p && !old_size) old_size = 1;
  const size_t more = new_size > old_size ? new_size - old_size : 0;
  if (more && !gr_bytes_take(c, more)) return NULL;
  void *q = new_size < MAX_ALLOCATION ? c->allocator(c->allocator_user, p, old_size, new_size) : NULL;
  if (!q) {
    gr_bytes_give(c, more);
    c->budget.refused = false;
    gr_no_memory(c);
  } else if (old_size > new_size) {
    gr_bytes_give(c, old_size - new_size);
  }
  return q;
}

void *gr_alloc(graft_context *c, size_t size) { return gr_realloc(c, NULL, 0, size ? size : 1); }

void *gr_calloc(graft_context *c, size_t count, size_t size) {
  if (size && count > PTRDIFF_MAX / size) {
    gr_no_memory(c);
    return NULL;
  }
  void *p = gr_alloc(c, count * size);
  if (p) memset(p, 0, count * size);
  return p;
}

void gr_free(graft_context *c, void *p, size_t size) {
  if (!p) return;
  if (!size) size = 1; /* 0 bytes were asked for as 1 */
  c->allocator(c->allocator_user, p, size, 0);
  gr_bytes_give(c, size);
}

void graft_free(graft_context *c, void *p, size_t size) {
  /* of a destroyed context too, which lives on as long as its handles do */
  if (c && (c->tag & ~GR_DEAD) == (GR_TAG | GR_HANDLE_CONTEXT)) gr_free(c, p, size);
}

/* GR_VEC of any item type: the data pointer is copied through memcpy, since its type is not known here. */
bool gr_vec_grow(graft_context *c, void *vec, size_t item_size, uint64_t need) {
  struct {
    void *data;
    uint32_t len, cap;
  } v;
  memcpy(&v, vec, sizeof v);
  if (need <= v.cap) return true;
  if (need > GRAFT_NONE - 1u) return gr_no_memory(c), false;
  uint64_t cap = (uint64_t)v.cap + v.cap / 2 + 8;
  if (cap < need) cap = need;
  if (cap > GRAFT_NONE - 1u) cap = GRAFT_NONE - 1u;
  void *data = gr_realloc(c, v.data, (size_t)v.cap * item_size, (size_t)cap * item_size);
  if (!data) return false;
  v.data = data;
  v.cap = (uint32_t)cap;
  memcpy(vec, &v, sizeof v);
  return true;
}

#define BLOCK_SIZE ((size_t)64 * 1024)

struct gr_arena_block {
  struct gr_arena_block *next;
  size_t size; /* of the whole block */
};

#define BLOCK_HEADER ((sizeof(struct gr_arena_block) + 15) & ~(size_t)15)

void gr_arena_init(gr_arena *a, graft_context *c) { *a = (gr_arena){.context = c}; }

void *gr_arena_alloc(gr_arena *a, size_t size) {
  if (size > PTRDIFF_MAX / 2) return gr_no_memory(a->context), NULL;
  size = (size + 15) & ~(size_t)15;
  if (!a->block || a->used + size > a->block->size) {
    size_t block_size = BLOCK_HEADER + size > BLOCK_SIZE ? BLOCK_HEADER + size : BLOCK_SIZE;
    struct gr_arena_block *b = gr_alloc(a->context, block_size);
    if (!b) return NULL;
    b->size = block_size;
    b->next = a->block;
    a->block = b;
    a->used = BLOCK_HEADER;
  }
  void *p = (char *)a->block + a->used;
  a->used += size;
  return p;
}

char *gr_arena_copy(gr_arena *a, const char *text, size_t length) {
  char *p = gr_arena_alloc(a, length + 1);
  if (!p) return NULL;
  if (length) memcpy(p, text, length); /* else the text may be NULL */
  p[length] = '\0';
  return p;
}

void gr_arena_clear(gr_arena *a) {
  while (a->block && a->block->next) {
    struct gr_arena_block *older = a->block->next;
    a->block->next = older->next;
    gr_free(a->context, older, older->size);
  }
  a->used = BLOCK_HEADER;
}

void gr_arena_free(gr_arena *a) {
  while (a->block) {
    struct gr_arena_block *next = a->block->next;
    gr_free(a->context, a->block, a->block->size);
    a->block = next;
  }
  a->used = 0;
}
