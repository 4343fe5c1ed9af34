/* The embedder's kernels for ops that the table does not know (own_kernel.c). */
#ifndef GRAFT_OWN_KERNEL_INT_H
#define GRAFT_OWN_KERNEL_INT_H

#include "ir/ir_int.h"
#include "runtime/runtime.h"

/* What a run of passes may compute with: `user` of gr_runtime_evaluate, or NULL. */
typedef struct gr_own_kernels {
  graft_kernel *kernels;
  uint32_t count;
} gr_own_kernels;

/* Element `i` of a list of options, checked; `before`: those that were taken before it. Its op is not copied. */
graft_status gr_own_kernel_take(graft_context *c, const graft_kernel *list, uint32_t i, const graft_kernel *before,
                                graft_kernel *out);
/* NULL: none. */
const graft_kernel *gr_own_kernel_find(const gr_own_kernels *own, const char *op);
/* Runs it once; attributes are those of module m. A failure leaves no result and a diagnostic. */
graft_status gr_own_kernel_evaluate(const graft_kernel *kernel, const graft_module *m, uint32_t attrs,
                                    const gr_array *operands, uint32_t operand_count, gr_array *results,
                                    uint32_t result_count, gr_loc where);

#endif
