/* Scratch memory of kernels: a bump allocator that keeps its memory between kernels, so that large working arrays are
 * not mapped and unmapped at every node. Each new block is at least twice the one before, and the newest is kept, so it
 * soon holds what the hungriest kernel needs. */
#include "runtime/kernel_impl.h"

#define ALIGNMENT 64u
#define FIRST_BLOCK 4096u

typedef struct scratch_block {
  struct scratch_block *next; /* older */
  size_t size;                /* of the whole allocation */
  size_t start;               /* of the aligned bytes, from the block's own address */
} scratch_block;

struct gr_scratch {
  graft_context *context;
  scratch_block *block;
  size_t used; /* in the newest block, from its start */
};

gr_scratch *gr_scratch_create(graft_context *c) {
  gr_scratch *s = gr_alloc(c, sizeof *s);
  if (s) *s = (gr_scratch){.context = c};
  return s;
}

static scratch_block *block_create(graft_context *c, size_t size) {
  scratch_block *b = gr_alloc(c, size);
  if (!b) return NULL;
  uintptr_t first = ((uintptr_t)(b + 1) + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
  *b = (scratch_block){.size = size, .start = first - (uintptr_t)b};
  return b;
}

void *gr_scratch_alloc(gr_scratch *s, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 4) {
    gr_no_memory(s->context);
    return NULL;
  }
  bytes = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  if (bytes == 0) bytes = ALIGNMENT;
  if (!s->block || bytes > s->block->size - s->block->start - s->used) {
    size_t room = s->block ? 2 * s->block->size : FIRST_BLOCK;
    if (room < bytes) room = bytes;
    scratch_block *b = block_create(s->context, room + sizeof *b + ALIGNMENT);
    if (!b) return NULL;
    b->next = s->block;
    s->block = b;
    s->used = 0;
  }
  void *p = (char *)s->block + s->block->start + s->used;
  s->used += bytes;
  return p;
}

static void blocks_free(gr_scratch *s, scratch_block *from) {
  for (scratch_block *b = from; b;) {
    scratch_block *next = b->next;
    gr_free(s->context, b, b->size);
    b = next;
  }
}

void gr_scratch_reset(gr_scratch *s) {
  s->used = 0;
  if (!s->block) return;
  blocks_free(s, s->block->next);
  s->block->next = NULL;
}

void gr_scratch_destroy(gr_scratch *s) {
  if (!s) return;
  blocks_free(s, s->block);
  gr_free(s->context, s, sizeof *s);
}
