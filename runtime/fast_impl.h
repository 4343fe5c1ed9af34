/* Faster kernels for single steps of a session (onednn/), chosen when the plan is made. Where none fits, or none is
 * built in, the step runs the plain kernel. */
#ifndef GRAFT_FAST_IMPL_H
#define GRAFT_FAST_IMPL_H

#include "runtime/kernel_impl.h"

typedef struct gr_fast gr_fast;               /* what the steps of a session share */
typedef struct gr_fast_kernel gr_fast_kernel; /* one step: prepared for its types and attributes */

#if defined(GRAFT_ONEDNN)
/* NULL: not to be had; the diagnostics are left as they are. */
gr_fast *gr_fast_create(graft_context *c, uint32_t threads);
void gr_fast_destroy(gr_fast *f);
/* The call has types and no data. Bit i of `fixed`: operand i is the same in most runs and comes with a version. */
gr_fast_kernel *gr_fast_prepare(gr_fast *f, const gr_kernel_call *k, uint32_t fixed);
graft_status gr_fast_run(gr_fast_kernel *kernel, const gr_kernel_call *k);
void gr_fast_drop(gr_fast_kernel *kernel);
/* Operands and results that are moved between C order and the kernel's own layout in every run. */
uint32_t gr_fast_reorders(const gr_fast_kernel *kernel);
#else
static inline gr_fast *gr_fast_create(graft_context *c, uint32_t threads) { return (void)c, (void)threads, NULL; }
static inline void gr_fast_destroy(gr_fast *f) { (void)f; }
static inline gr_fast_kernel *gr_fast_prepare(gr_fast *f, const gr_kernel_call *k, uint32_t fixed) {
  return (void)f, (void)k, (void)fixed, NULL;
}
static inline graft_status gr_fast_run(gr_fast_kernel *kernel, const gr_kernel_call *k) {
  return (void)kernel, (void)k, GRAFT_UNSUPPORTED;
}
static inline void gr_fast_drop(gr_fast_kernel *kernel) { (void)kernel; }
static inline uint32_t gr_fast_reorders(const gr_fast_kernel *kernel) { return (void)kernel, 0; }
#endif

#endif
