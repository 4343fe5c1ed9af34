/* A file that appears whole or not at all: written beside its place, then renamed. */
#ifndef GRAFT_STAGE_IMPL_H
#define GRAFT_STAGE_IMPL_H

#include "ir/graph/base_int.h"

#include <stdio.h>

typedef struct gr_stage {
  graft_context *context;
  const char *path; /* borrowed */
  char *temporary;  /* NULL: written in place, since `path` is a device or a pipe */
  size_t temporary_size;
  FILE *file;
  int error; /* errno of the first failed write; further writes do nothing */
} gr_stage;

graft_status gr_stage_open(gr_stage *s, graft_context *c, const char *path);
void gr_stage_write(gr_stage *s, const void *data, size_t size);
/* Ends a stage that was opened. `keep` false, or any failed write: the file is as it was before. */
graft_status gr_stage_close(gr_stage *s, bool keep);

#endif
