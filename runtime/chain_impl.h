/* Ops run over a large array in blocks (chain.c), and what may be run at all (limits.c), for the evaluator. */
#ifndef GRAFT_CHAIN_IMPL_H
#define GRAFT_CHAIN_IMPL_H

#include "runtime/kernel_impl.h"

/* Runs an op in blocks, and where operand 0 is still to be made the ops that make it. *done false, and no error: one of
 * them does not go in blocks, nothing was run. `finite`: floats that are quantized must be. */
graft_status gr_chain_run(graft_module *m, gr_scratch *scratch, const gr_unmade *last, bool finite, gr_array *result,
                          gr_loc where, bool *done);

/* An error where the call quantizes floats of which some are NaN or infinite: an integer would hide them. Of what is
 * computed beforehand; `x`: operand 0, or a block of it. */
graft_status gr_quantizable(const gr_kernel_call *k, const void *x, int64_t count);

/* May this be computed beforehand? Operands and result are of known extents; false: the message says why not. */
bool gr_within_limits(graft_module *m, uint32_t op, uint32_t attrs, const graft_type *const *operands, uint32_t count,
                      const graft_type *result, char *message, size_t size);

/* A buffer for an array of this type. */
graft_status gr_array_make(graft_context *c, const graft_type *type, gr_array *array);

#endif
