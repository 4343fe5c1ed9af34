/* Kernel backends: who else can run a step, chosen when the plan is made. A session has a list of them: the embedder's
 * (graft_backend of runtime.h, through backend.c), then those that are built in (onednn/). Each step is offered to them
 * in order; what none takes runs the plain kernel. A new backend is one gr_backend, and one row in backend.c. */
#ifndef GRAFT_BACKEND_IMPL_H
#define GRAFT_BACKEND_IMPL_H

#include "runtime/kernel_impl.h"

/* What the plan knows of a step beside the call. */
typedef struct gr_request {
  uint32_t fixed; /* bit i: operand i is the same in most runs and comes with a version */
} gr_request;

typedef struct gr_backend {
  const char *name; /* in hooks and tables; an embedder's has its own */
  /* What the steps of a session share. `given`: the embedder's table; NULL for what is built in. *state NULL and no
   * error: it has nothing to offer. */
  graft_status (*open)(graft_context *c, const graft_backend *given, uint32_t threads, void **state);
  void (*close)(void *state);
  /* A kernel for the call, which has types and no data (dtypes are the backend's to check); *kernel NULL: not mine. An
   * error (no memory, an embedder's refusal) ends the plan. */
  graft_status (*prepare)(void *state, const gr_kernel_call *k, const gr_request *request, void **kernel);
  graft_status (*run)(void *kernel, const gr_kernel_call *k);
  void (*drop)(void *kernel);
  /* Operands and results that are moved between C order and the kernel's own layout in every run. */
  uint32_t (*reorders)(const void *kernel);
} gr_backend;

/* A backend that a session has opened. */
typedef struct gr_opened {
  const gr_backend *backend;
  const char *name;
  void *state;
} gr_opened;

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
/* `fast` stays empty where none takes the step. */
graft_status gr_backends_prepare(const gr_backends *b, const gr_kernel_call *k, const gr_request *request,
                                 gr_fast *fast);
void gr_fast_drop(gr_fast *fast);

#if defined(GRAFT_ONEDNN)
extern const gr_backend gr_onednn;          /* onednn/engine.c */
extern const gr_backend gr_onednn_integers; /* onednn/integer.c */
#endif

#endif
