/* Temporary files (context.c): a program that is ended by a signal removes those that it was told of. */
#ifndef GRAFT_TEMPORARY_INT_H
#define GRAFT_TEMPORARY_INT_H

#include "ir/graph/base_int.h"

void gr_watch_temporaries(graft_context *c, void (*watch)(const char *path, bool begins));
void gr_tell_temporary(const graft_context *c, const char *path, bool begins);

#endif
