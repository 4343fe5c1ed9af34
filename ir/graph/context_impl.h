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
  gr_handles handles;
  graft_allocator allocator;
  void *allocator_user;
  GR_VEC(gr_diagnostic_text) diagnostics;
  uint32_t max_diagnostics;
  uint32_t dropped;        /* past the maximum */
  uint32_t errors;         /* also those whose diagnostic could not be kept */
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
