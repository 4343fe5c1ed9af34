/* An allocator for contexts of hostile inputs: memory ends early, so that a claim of terabytes is refused quickly and
 * an allocation that follows the claim and not the file is seen; and what is given back must be what was taken. */
#ifndef GRAFT_FUZZ_BOUNDED_H
#define GRAFT_FUZZ_BOUNDED_H

#include "ir/ir.h"

typedef struct bounded_memory {
  size_t limit, used;
  bool lied; /* a block was given back with another size than it was asked for */
} bounded_memory;

void *bounded_allocate(void *user, void *pointer, size_t old_size, size_t new_size);
/* NULL, or what is wrong once the context is destroyed. */
const char *bounded_fault(const bounded_memory *m);

#endif
