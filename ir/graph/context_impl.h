/* What a context holds: the allocator and the diagnostics. */
#ifndef GRAFT_CONTEXT_IMPL_H
#define GRAFT_CONTEXT_IMPL_H

#include <stdatomic.h>

#include "ir/graph/base_int.h"

typedef struct gr_diagnostic_text {
  graft_diagnostic public;
  char *text; /* one block that every string of `public` points into */
  size_t text_size;
} gr_diagnostic_text;

/* What one call may cost, and what it has cost so far (budget_int.h). */
typedef struct gr_budget {
  uint64_t max_bytes, max_work; /* 0: they grow with `given` */
  uint64_t given;               /* bytes of files, and of what an embedder built */
  uint64_t live;                /* bytes that are allocated */
  uint64_t work;                /* of the call at hand */
  uint32_t calls;               /* within each other */
  int cancelled;
  graft_status ended; /* why the call at hand has to end; GRAFT_OK: it goes on */
  bool refused;       /* an allocation, for the limit: no memory is a limit then */
  bool reporting;     /* a diagnostic is made, which the limit does not touch */
  gr_loc at;          /* whose memory is allocated */
  graft_progress_function progress;
  void *progress_user;
  graft_progress now;
  uint64_t told; /* work until the progress function is called again */
  bool telling;  /* it is at work: what it calls tells nobody */
} gr_budget;

/* For arena.c: `more` bytes are going to be allocated (false: they may not be, and it is reported), or are free. */
bool gr_bytes_take(graft_context *c, size_t more);
void gr_bytes_give(graft_context *c, size_t less);

typedef struct gr_dead_list { /* oldest first */
  struct gr_dead *first, *last;
  uint32_t count;
} gr_dead_list;

typedef struct gr_handles {
  atomic_flag busy;
  uint32_t live; /* of the context, without those that it keeps itself */
  bool closing;  /* the context was destroyed: it goes with the last of them */
  gr_dead_list dead[GR_HANDLE_KINDS];
} gr_handles;

struct graft_context {
  GR_HANDLE; /* its own */
  gr_looking looking;
  uint64_t looks; /* so far */
  gr_handles handles;
  graft_allocator allocator;
  void *allocator_user;
  gr_budget budget;
  graft_thread_pool pool; /* size 0: none */
  GR_VEC(gr_diagnostic_text) diagnostics;
  uint32_t max_diagnostics;
  uint32_t dropped;        /* past the maximum */
  uint32_t errors;         /* also those whose diagnostic could not be kept, and those that were cleared */
  uint32_t cleared;        /* of them */
  uint32_t last_of_memory; /* `errors` after the last error of memory; 0: none */
  bool out_of_memory;      /* reported once, from static text */
  bool muted;              /* errors are answers just now, and not kept */
  char *heard;             /* NULL, or who asks why: the first of them goes here, */
  size_t heard_size;
  void (*watch_temporary)(const char *path, bool begins); /* NULL, or who removes what a signal leaves */
  void *kept; /* what a folder above keeps with the context, and what ends it */
  void (*drop_kept)(void *kept);
};

void gr_diagnostics_drop(graft_context *c);
void gr_handles_free(graft_context *c); /* the dead ones (handle.c) */
void gr_context_free(graft_context *c); /* no handle of it lives */

#endif
