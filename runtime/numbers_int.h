/* Elements of any dtype as doubles, by the block. */
#ifndef GRAFT_NUMBERS_INT_H
#define GRAFT_NUMBERS_INT_H

#include "ir/ir_int.h"
#include "runtime/numbers.h"

enum { GR_BLOCK = 512 };

/* Elements [from, from + n) of an array. */
void gr_elements(graft_dtype dtype, const void *data, int64_t from, int64_t n, double *out);
/* The other way: floats are rounded, integers too, and clamped. */
void gr_elements_set(graft_dtype dtype, void *data, int64_t from, int64_t n, const double *in);

#endif
