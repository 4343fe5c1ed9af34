/* One thing that a folder above keeps with a context, as long as that lives. */
#ifndef GRAFT_KEEP_INT_H
#define GRAFT_KEEP_INT_H

#include "ir/ir.h"

void *gr_context_kept(const graft_context *c); /* NULL: nothing yet */
/* `thing` is a handle of the context (handle_int.h). */
void gr_context_keep(graft_context *c, void *thing, void (*drop)(void *thing));

#endif
