#include "bounded.h"

#include <stdlib.h>
#include <string.h>

#define HEADER 16 /* before each block: its size */

void *bounded_allocate(void *user, void *p, size_t old_size, size_t new_size) {
  bounded_memory *m = user;
  char *block = p ? (char *)p - HEADER : NULL;
  size_t had = 0;
  if (block) memcpy(&had, block, sizeof had);
  if (had != old_size && p) m->lied = true;
  if (new_size > m->limit || m->used - had > m->limit - new_size) return NULL;
  if (new_size) {
    block = realloc(block, new_size + HEADER);
    if (!block) return NULL;
    memcpy(block, &new_size, sizeof new_size);
  } else {
    free(block);
  }
  m->used = m->used - had + new_size;
  return new_size ? block + HEADER : NULL;
}

const char *bounded_fault(const bounded_memory *m) {
  if (m->lied) return "memory was given back with another size";
  return m->used ? "memory was not given back" : NULL;
}
