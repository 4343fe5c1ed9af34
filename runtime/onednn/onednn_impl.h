/* A step run by oneDNN: one primitive, and reorders between the plain layout of values and the layouts that the
 * primitive likes best. */
#ifndef GRAFT_ONEDNN_IMPL_H
#define GRAFT_ONEDNN_IMPL_H

#include "runtime/fast_impl.h"

#include <dnnl.h>

#define GR_DNNL_ARGS 6

/* An operand or result of the primitive. */
typedef struct gr_dnnl_arg {
  int arg; /* DNNL_ARG_… */
  uint32_t slot;
  bool result;
  dnnl_memory_desc_t plain; /* as graft has it */
} gr_dnnl_arg;

/* What a step asks for. */
typedef struct gr_dnnl_plan {
  gr_dnnl_arg args[GR_DNNL_ARGS];
  uint32_t count;
  dnnl_primitive_desc_t desc;
} gr_dnnl_plan;

struct gr_fast {
  graft_context *context;
  uint32_t threads;
  bool ready, failed; /* what follows */
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_attr_t attr; /* scratch memory is given to each call */
};

/* Made when the first step wants it; false: not to be had. */
bool gr_dnnl_start(gr_fast *f);

/* False: this step is not for oneDNN. On success `desc` is set. `fixed` as in gr_fast_prepare. */
typedef bool (*gr_dnnl_planner)(gr_fast *f, const gr_kernel_call *k, uint32_t fixed, gr_dnnl_plan *p);
bool gr_dnnl_plan_conv(gr_fast *f, const gr_kernel_call *k, uint32_t fixed, gr_dnnl_plan *p);
bool gr_dnnl_plan_linear(gr_fast *f, const gr_kernel_call *k, uint32_t fixed, gr_dnnl_plan *p);
bool gr_dnnl_plan_matmul(gr_fast *f, const gr_kernel_call *k, uint32_t fixed, gr_dnnl_plan *p);
bool gr_dnnl_plan_pool(gr_fast *f, const gr_kernel_call *k, uint32_t fixed, gr_dnnl_plan *p);
bool gr_dnnl_plan_batch_norm(gr_fast *f, const gr_kernel_call *k, uint32_t fixed, gr_dnnl_plan *p);

/* A row-major float array. */
dnnl_memory_desc_t gr_dnnl_rows(int rank, const int64_t *dims);
dnnl_memory_desc_t gr_dnnl_type(const graft_type *t);
/* The same extents in whatever layout oneDNN chooses. */
dnnl_memory_desc_t gr_dnnl_any(const dnnl_memory_desc_t *d);
void gr_dnnl_add(gr_dnnl_plan *p, int arg, uint32_t slot, bool result, const dnnl_memory_desc_t *plain);

#endif
