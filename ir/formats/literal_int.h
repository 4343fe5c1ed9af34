/* Literals: constants of rank 0 that a text writes where they are used. They have no name and no place of their own, in
 * no format, so that what went through text is the same file again. */
#ifndef GRAFT_LITERAL_INT_H
#define GRAFT_LITERAL_INT_H

#include "ir/ir_int.h"

/* Sets literal[t] for each tensor of the module that is one; the array is zeros. */
void gr_literals_find(graft_module *m, uint8_t *literal);
/* Decimals know one NaN of a dtype, and integers up to INT64_MAX: others are written as bytes, and are no literals. */
bool gr_literal_needs_bytes(graft_dtype dtype, const void *data);

#endif
