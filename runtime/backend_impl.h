/* Kernel backends: who else can run a step, chosen when the plan is made. A session has a list of them: the embedder's
 * (graft_backend of runtime.h, through backend.c), then those that are built in (onednn/). Each step is offered to them
 * in order; what none takes runs the plain kernel. A new backend is one gr_backend, and one row in backend.c. */
#ifndef GRAFT_BACKEND_IMPL_H
#define GRAFT_BACKEND_IMPL_H

#include "runtime/kernel_impl.h"

/* How a backend arranges the elements of an array: its own number, 0 for C order. What the numbers stand for is the
 * backend's business: the plan asks for a layout's size, compares numbers, and has arrays moved from one to another. A
 * layout is one of arrays of certain extents, of any dtype. */
typedef struct gr_layout_info {
  size_t bytes;     /* of an array of the dtype asked for */
  int64_t elements; /* with padding, if it is an array of elements without gaps; 0: it is not */
  bool padded;      /* of the elements some are none of the array's; they are 0 */
  const char *name; /* for tables; lives as long as the state */
} gr_layout_info;

/* What the plan knows of a step beside the call. */
typedef struct gr_request {
  uint32_t fixed;          /* bit i: operand i is the same in most runs and comes with a version */
  const uint32_t *layouts; /* by operand: the layout it was made in */
  /* Ops of which each is elementwise, and alone in reading the result before it, which is its only operand. */
  const gr_kernel_call *after;
  uint32_t after_count;
} gr_request;

/* A backend's kernel for a step, and in which layouts it wants the operands and makes the results. The arrays are the
 * plan's, all 0 at first. */
typedef struct gr_answer {
  void *kernel; /* NULL: not mine */
  uint32_t *operands, *results;
  uint32_t taken; /* so many of those that come after run within the kernel, which makes the last one's result */
} gr_answer;

typedef struct gr_backend {
  const char *name; /* in hooks and tables; an embedder's has its own */
  /* What the steps of a session share. `given`: the embedder's table; NULL for what is built in. *state NULL and no
   * error: it has nothing to offer. */
  graft_status (*open)(graft_context *c, const graft_backend *given, uint32_t threads, void **state);
  void (*close)(void *state);
  /* A kernel for the call, which has types and no data (dtypes are the backend's to check). An error (no memory, an
   * embedder's refusal) ends the plan. */
  graft_status (*prepare)(void *state, const gr_kernel_call *k, const gr_request *request, gr_answer *answer);
  graft_status (*run)(void *kernel, const gr_kernel_call *k); /* data is in the layouts of the answer */
  void (*drop)(void *kernel);
  /* NULL both where the backend keeps to C order. */
  void (*layout)(const void *state, uint32_t layout, graft_dtype dtype, gr_layout_info *info);
  /* A kernel that moves operand 0 of this type from one layout to result 0 in another; NULL: it cannot do these two. To
   * and from C order it can. */
  graft_status (*reorder)(void *state, const graft_type *type, uint32_t from, uint32_t to, void **kernel);
} gr_backend;

/* A backend that a session has opened. */
typedef struct gr_opened {
  const gr_backend *backend;
  const char *name;
  void *state;
} gr_opened;

/* `of` NULL: C order. */
typedef struct gr_layout {
  const gr_opened *of;
  uint32_t id;
} gr_layout;

static inline bool gr_layout_equal(gr_layout a, gr_layout b) { return a.of == b.of && a.id == b.id; }

/* The kernel of a step; backend NULL: the plain one. */
typedef struct gr_fast {
  const gr_opened *backend;
  void *kernel;
} gr_fast;

/* ---- backend.c ---- */

/* All that the session may use, the embedder's first. */
typedef struct gr_backends {
  graft_context *context;
  gr_opened *opened;
  uint32_t count, room;
} gr_backends;

graft_status gr_backends_open(gr_backends *b, graft_context *c, const graft_backend *const *given, uint32_t given_count,
                              uint32_t threads);
void gr_backends_close(gr_backends *b);
/* `layouts`: in which the operands are; changed to those in which the kernel wants them, and the results' set. `fast`
 * stays empty where none takes the step; *taken: of request->after. `scratch` is used. */
graft_status gr_backends_prepare(const gr_backends *b, const gr_kernel_call *k, const gr_request *request,
                                 gr_layout *layouts, gr_layout *results, gr_fast *fast, uint32_t *taken);
void gr_fast_drop(gr_fast *fast);

#if defined(GRAFT_ONEDNN)
extern const gr_backend gr_onednn;          /* onednn/engine.c */
extern const gr_backend gr_onednn_integers; /* onednn/integer.c */
#endif

#endif
