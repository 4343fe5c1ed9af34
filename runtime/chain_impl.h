/* Ops run over a large array in blocks (chain.c), and what ops cost (work.c), for the evaluator. */
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

/* Multiply-adds, or elements looked at, of an op (work.c); extents that are not known yet are nothing. */
uint64_t gr_op_work(graft_module *m, uint32_t op, uint32_t attrs, const graft_type *const *operands, uint32_t count,
                    const graft_type *results, uint32_t result_count);

/* A buffer for an array of this type. */
graft_status gr_array_make(graft_context *c, const graft_type *type, gr_array *array);

#endif
