/* Interned strings, and names made of a string and a number (intern.c). */
#ifndef GRAFT_INTERN_INT_H
#define GRAFT_INTERN_INT_H

#include "ir/graph/base_int.h"

typedef struct gr_string {
  uint32_t address, length; /* in the pool's pages; NUL-terminated there */
  uint32_t next_number;     /* every name made so far with this base has a smaller number */
} gr_string;

/* Pages lie in blocks of one or more in a row and never move: a string's text stays where it is while the module
 * lives, and whoever holds a pointer to it (a location, an embedder) may keep it. */
#define GR_PAGE_BITS 14
typedef struct gr_string_page {
  char *data;
  uint32_t room; /* bytes from here to the end of the block */
} gr_string_page;

typedef struct gr_strings {
  GR_VEC(gr_string) items; /* 0 is "" */
  GR_VEC(gr_string_page) pages;
  uint32_t next, end; /* addresses: free bytes of the last block */
  uint64_t *slots; /* open addressing: hash << 32 | string id + 1, so that probing seldom leaves the table; 0: free */
  uint32_t slot_count;
} gr_strings;

uint32_t gr_intern(graft_module *m, const char *text, size_t length); /* GRAFT_NONE: no memory */
/* Room for that many more strings, so that the table is not rebuilt again and again. */
bool gr_intern_reserve(graft_module *m, uint32_t extra);
uint32_t gr_intern_find(const graft_module *m, const char *text, size_t length);
/* Many at once, as a file has them, each followed by a zero byte; `size` bytes in all. Their ids follow each other.
 * Gives `count`, or the index of the first that the module has already (it is then in disorder: destroy it), or
 * GRAFT_NONE: no memory. */
uint32_t gr_intern_pool(graft_module *m, const char *pool, uint32_t size, const uint32_t *lengths, uint32_t count);
const char *gr_string_text(const graft_module *m, uint32_t id); /* good as long as the module */
bool gr_string_sound(const graft_module *m, uint32_t id);       /* for the verifier: it is, and ends, in the pool */
void gr_strings_free(graft_context *c, gr_strings *s);
uint32_t gr_string_length(const graft_module *m, uint32_t id);
/* The base GRAFT_NONE: no memory. */
gr_name gr_name_split(graft_module *m, const char *text, size_t length);
/* The same of a name that may be new: base GRAFT_NONE then, and nothing is added. */
gr_name gr_name_find(const graft_module *m, const char *text);
/* Length of the base that gr_name_split finds in a text, and the number, 0: none. */
size_t gr_name_base(const char *text, size_t length, uint32_t *number);
/* That number alone. */
uint32_t gr_name_number(const char *text, size_t length);
size_t gr_name_format(const graft_module *m, gr_name name, char *buffer, size_t size);
/* A name that nothing in the module has: `wanted` if it is free, else its base with the next number. */
gr_name gr_name_unique(graft_module *m, gr_name wanted);
/* A name given from outside is in use: made-up names keep clear of it. The giver has checked that it is free. */
void gr_name_taken(graft_module *m, gr_name name);
/* The next free name of a base: O(1). */
gr_name gr_name_next(graft_module *m, uint32_t base);
/* A free name like this one for a tensor made from another: NAME.1, NAME.2 … */
gr_name gr_name_derived(graft_module *m, gr_name from);
static inline bool gr_name_equal(gr_name a, gr_name b) { return a.base == b.base && a.number == b.number; }

#endif
