/* Structs from outside that begin with their size (options.c), beside gr_take_options of base_int.h: in lists, and
 * given back.
 *
 * A size is that of the struct in the program's header. A smaller one is an older program's: what it lacks is zero, or
 * what `ours` had. A larger one is a newer program's: what is set beyond the end is an error, since it would be passed
 * over. What cannot be the size of any such struct (0, not a multiple of its alignment, beyond all reason) is an
 * error. */
#ifndef GRAFT_OPTIONS_INT_H
#define GRAFT_OPTIONS_INT_H

#include "ir/graph/base_int.h"

/* Element `index` of a list of such structs, all of the size of the first, which is how far they are apart. `what`
 * names the list in diagnostics: "kernel 2 …". */
graft_status gr_take_item(graft_context *c, void *ours, size_t size, const void *list, uint32_t index,
                          const char *what);
/* A struct of the caller's that is to be filled, who has set its size and perhaps nothing else: can it be one? Of `c`
 * NULL nothing is said. */
graft_status gr_check_place(graft_context *c, const void *given, size_t size);
/* Fills it: its size stays, what it has beyond ours is zero. */
void gr_give(void *given, const void *ours, size_t size);

#endif
