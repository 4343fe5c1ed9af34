/* A file that appears whole or not at all: written beside its place, then renamed. One that is there keeps its mode
 * and, where the system lets us, its owner; a symbolic link stays, and what it leads to is written. Devices, pipes and
 * what a descriptor stands for (/dev/stdout) are written as they are. Nothing waits for a disk (fsync): against a crash
 * of the machine a compiler's output is made again. */
#ifndef GRAFT_STAGE_IMPL_H
#define GRAFT_STAGE_IMPL_H

#include "ir/graph/base_int.h"

#include <stdio.h>

typedef struct gr_stage {
  graft_context *context;
  const char *path; /* borrowed; for diagnostics */
  char *target;     /* what the path leads to, through links */
  size_t target_size;
  char *temporary; /* NULL: written in place */
  size_t temporary_size;
  FILE *file;
  int error; /* errno of the first failed write; further writes do nothing */
} gr_stage;

graft_status gr_stage_open(gr_stage *s, graft_context *c, const char *path);
void gr_stage_write(gr_stage *s, const void *data, size_t size);
/* Before another file is exchanged: what was written so far is in the file, or the stage has failed. */
graft_status gr_stage_flush(gr_stage *s);
/* Ends a stage that was opened. `keep` false, or any failed write: the file is as it was before. */
graft_status gr_stage_close(gr_stage *s, bool keep);

#endif
