/* What a context holds: the allocator and the diagnostics. */
#ifndef GRAFT_CONTEXT_IMPL_H
#define GRAFT_CONTEXT_IMPL_H

#include "ir/graph/base_int.h"

typedef struct gr_diagnostic_text {
  graft_diagnostic public;
  char *text; /* one block that every string of `public` points into */
  size_t text_size;
} gr_diagnostic_text;

struct graft_context {
  graft_allocator allocator;
  void *allocator_user;
  GR_VEC(gr_diagnostic_text) diagnostics;
  uint32_t max_diagnostics;
  uint32_t dropped;   /* past the maximum */
  uint32_t errors;    /* also those whose diagnostic could not be kept */
  bool out_of_memory; /* reported once, from static text */
  bool muted;         /* errors are answers just now, and not kept */
  char *heard;        /* NULL, or who asks why: the first of them goes here, */
  size_t heard_size;
  void *kept; /* what a folder above keeps with the context, and what ends it */
  void (*drop_kept)(void *kept);
};

#endif
