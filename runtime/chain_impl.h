/* Ops run over a large array in blocks (chain.c), for the evaluator. */
#ifndef GRAFT_CHAIN_IMPL_H
#define GRAFT_CHAIN_IMPL_H

#include "runtime/kernel_impl.h"

/* Runs an op whose operand 0 is still to be made, together with the ops that make it. *done false, and no error: one of
 * them does not go in blocks, nothing was run. */
graft_status gr_chain_run(graft_module *m, gr_scratch *scratch, const gr_unmade *last, gr_array *result, gr_loc where,
                          bool *done);

/* A buffer for an array of this type. */
graft_status gr_array_make(graft_context *c, const graft_type *type, gr_array *array);

#endif
