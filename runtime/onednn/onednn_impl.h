/* A step run by oneDNN: one primitive, in the layouts that it likes best. */
#ifndef GRAFT_ONEDNN_IMPL_H
#define GRAFT_ONEDNN_IMPL_H

#include "runtime/backend_impl.h"

#include <dnnl.h>

typedef struct gr_dnnl_layout gr_dnnl_layout; /* layouts.c */

#define GR_DNNL_ARGS 6

/* An operand or result of the primitive. */
typedef struct gr_dnnl_arg {
  int arg; /* DNNL_ARG_… */
  uint32_t slot;
  bool result;
  dnnl_memory_desc_t plain; /* as graft has it */
} gr_dnnl_arg;

#define GR_DNNL_AFTER 2

/* An op that runs within the primitive, on its result. */
typedef struct gr_dnnl_after {
  uint32_t op, attrs;
} gr_dnnl_after;

typedef struct gr_dnnl_careful gr_dnnl_careful; /* after.c */

/* What a step asks for. */
typedef struct gr_dnnl_plan {
  gr_dnnl_arg args[GR_DNNL_ARGS];
  uint32_t count;
  dnnl_primitive_desc_t desc;
  gr_dnnl_after after[GR_DNNL_AFTER];
  uint32_t after_count;
  dnnl_primitive_attr_t attr; /* where something comes after; NULL: the state's */
} gr_dnnl_plan;

typedef struct gr_dnnl {
  graft_context *context;
  bool ready, failed; /* what follows */
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_attr_t attr; /* scratch memory is given to each call */
  GR_VEC(gr_dnnl_layout) layouts;
  gr_map numbers; /* of the layouts, by hash */
} gr_dnnl;

/* Made when the first step wants it; false: not to be had. */
bool gr_dnnl_start(gr_dnnl *d);

/* ---- layouts.c ---- */

/* The number of the layout `best` of an array that is `plain` in C order; false: no memory. */
bool gr_dnnl_number(gr_dnnl *d, const dnnl_memory_desc_t *plain, const dnnl_memory_desc_t *best, uint32_t *layout);
/* An operand as it lies (gr_request.layouts), of the dtype of `plain`, which describes it in C order. */
dnnl_memory_desc_t gr_dnnl_in_layout(const gr_dnnl *d, uint32_t layout, const dnnl_memory_desc_t *plain);
dnnl_data_type_t gr_dnnl_dtype(graft_dtype dtype); /* undef: oneDNN has none */
void gr_dnnl_free_layouts(gr_dnnl *d);
void gr_dnnl_layout_info(const void *state, uint32_t layout, graft_dtype dtype, gr_layout_info *info);
graft_status gr_dnnl_reorder(void *state, const graft_type *type, uint32_t from, uint32_t to, void **kernel);

/* ---- engine.c ---- */

/* Primitives are made, and run, for the calling thread alone: they divide their work among as many as OpenMP has at the
 * time. Gives what the other one puts back. */
int gr_dnnl_alone(void);
void gr_dnnl_together(int threads);

/* What one thread does at a time. */
typedef struct gr_dnnl_piece {
  dnnl_primitive_t primitive;
  dnnl_memory_t memory[GR_DNNL_ARGS], scratchpad;
  size_t at[GR_DNNL_ARGS]; /* bytes from the begin of the array to the piece's slice */
  uint32_t part;           /* of the sum that the result is */
  bool failed, met_nan;
} gr_dnnl_piece;

/* A prepared step. */
typedef struct gr_dnnl_kernel {
  gr_dnnl *dnnl;
  gr_dnnl_arg args[GR_DNNL_ARGS];
  uint32_t count;
  GR_VEC(gr_dnnl_piece) pieces;
  uint32_t parts;           /* that the result is the sum of: those after the first have arrays of their own; 0: one */
  size_t part_size;         /* bytes of the result */
  size_t scratchpad_size;   /* of each thread */
  gr_dnnl_careful *careful; /* instead, where a NaN was met; NULL: nothing comes after */
} gr_dnnl_kernel;

/* One more piece, whose arguments lie `at` bytes behind the begin of the step's. */
bool gr_dnnl_add_piece(gr_dnnl_kernel *kernel, const gr_dnnl_plan *p, dnnl_primitive_desc_t desc, const size_t *at);

void gr_dnnl_plan_end(gr_dnnl_plan *p);
/* A kernel for the plan; *result stays NULL where oneDNN cannot. The layouts of its arguments go
 * into `answer`, which may be NULL. */
graft_status gr_dnnl_make(gr_dnnl *d, gr_dnnl_plan *p, gr_answer *answer, void **result);

/* ---- pieces.c ---- */

/* Adds the pieces of the step; false: it is to be done in one, and pieces may have been added in vain. */
bool gr_dnnl_cut(gr_dnnl_kernel *kernel, const gr_dnnl_plan *p);

/* ---- after.c ---- */

/* The attributes for a primitive that can take ops after it: as many as it can go into the plan. */
const_dnnl_primitive_attr_t gr_dnnl_attr(gr_dnnl *d, const gr_request *r, gr_dnnl_plan *p);
bool gr_dnnl_is_slow(const_dnnl_primitive_desc_t desc);
/* What it takes to do the step again by the plain kernels; *careful stays NULL where that will not be. */
bool gr_dnnl_careful_make(gr_dnnl *d, const gr_dnnl_plan *p, gr_dnnl_careful **careful);
void gr_dnnl_careful_drop(gr_dnnl_careful *c);
/* GRAFT_RUN has no diagnostic where oneDNN failed. */
graft_status gr_dnnl_careful_run(const gr_dnnl_careful *c, const gr_kernel_call *k);
/* The calling thread's flag that a NaN was made or compared with. */
void gr_dnnl_flag_clear(void);
bool gr_dnnl_flag_raised(void);

/* ---- planners.c ---- */

/* False: this step is not for oneDNN. On success `desc` is set. Dtypes and extents are the planner's to check. A new
 * one gets a row in planners.c. */
typedef bool (*gr_dnnl_planner)(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p);
gr_dnnl_planner gr_dnnl_planner_of(uint32_t op); /* NULL: none */
/* Not empty, and no larger than oneDNN can count: it divides by extents that it has cut to 32 bits. */
bool gr_dnnl_fits(const graft_type *t);
/* The first operands and the first result are f32 and fit. */
bool gr_dnnl_floats(const gr_kernel_call *k, uint32_t operands);
/* May one more axis of a window's input (a transposed convolution's output) go to oneDNN, padded as it is? Its offsets
 * are products of extents, padding, stride, channels and bytes in 32 bits, and it divides by what comes out. *volume
 * begins as the number of channels. */
bool gr_dnnl_spans(int64_t *volume, int64_t extent, int64_t before, int64_t after, int64_t stride);

bool gr_dnnl_plan_conv(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p);
bool gr_dnnl_plan_conv_backward(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p);
bool gr_dnnl_plan_linear(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p);
bool gr_dnnl_plan_matmul(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p);
bool gr_dnnl_plan_pool(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p);
bool gr_dnnl_plan_global_average(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p);
bool gr_dnnl_plan_batch_norm(gr_dnnl *d, const gr_kernel_call *k, const gr_request *r, gr_dnnl_plan *p);

/* A row-major float array. */
dnnl_memory_desc_t gr_dnnl_rows(int rank, const int64_t *dims);
dnnl_memory_desc_t gr_dnnl_type(const graft_type *t);
/* The same extents in whatever layout oneDNN chooses. */
dnnl_memory_desc_t gr_dnnl_any(const dnnl_memory_desc_t *d);
void gr_dnnl_add(gr_dnnl_plan *p, int arg, uint32_t slot, bool result, const dnnl_memory_desc_t *plain);

#endif
