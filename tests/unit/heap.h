/* The allocator of tests: it counts, and it fails where it is told to. One heap, one thread at a time. */
#ifndef GRAFT_TEST_HEAP_H
#define GRAFT_TEST_HEAP_H

#include "ir/ir.h"

#include <stdint.h>
#include <stdlib.h>

typedef struct test_heap {
  uint64_t calls;   /* that want memory, since heap_fail */
  uint64_t fail_at; /* this one gets none, from 1 on; 0: all get some */
  bool forever;     /* nor do those after it */
  bool off;         /* neither counted nor failing */
  size_t live, peak;
} test_heap;

/* Counts a call, and says whether it gets no memory. */
static inline bool heap_refuses(test_heap *h) {
  if (h->off) return false;
  h->calls++;
  return h->fail_at && (h->forever ? h->calls >= h->fail_at : h->calls == h->fail_at);
}

/* A graft_allocator, of which `user` is a heap. */
static inline void *heap_allocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  test_heap *h = user;
  if (new_size == 0) {
    h->live -= old_size;
    free(pointer);
    return NULL;
  }
  if (heap_refuses(h)) return NULL;
  void *p = realloc(pointer, new_size);
  if (!p) return NULL;
  h->live += new_size - old_size;
  if (h->live > h->peak) h->peak = h->live;
  return p;
}

/* From here on call `at` fails, and with `forever` all later ones; 0: none. Gives back how many calls there were. */
static inline uint64_t heap_fail(test_heap *h, uint64_t at, bool forever) {
  const uint64_t calls = h->calls;
  h->calls = 0;
  h->fail_at = at;
  h->forever = forever;
  return calls;
}

/* A context that has its memory of the heap; NULL: there was none. */
static inline graft_context *heap_context(test_heap *h) {
  return graft_context_create(
      &(graft_context_options){.size = sizeof(graft_context_options), .allocator = heap_allocate, .allocator_user = h});
}

#endif
