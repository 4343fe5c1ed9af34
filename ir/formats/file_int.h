/* Whole files: read into buffers (read.c), written so that they appear whole or not at all (stage.c). */
#ifndef GRAFT_FILE_INT_H
#define GRAFT_FILE_INT_H

#include "ir/ir_int.h"

/* A mapped file is released by its last reference. What has no length of its own (a pipe, a device) is read as far as
 * the limit on bytes goes, for it raises none. */
gr_buffer *gr_file_read(graft_context *c, const char *path, bool map);
/* The same of an open file, which is closed; `path`: for diagnostics. */
gr_buffer *gr_file_read_open(graft_context *c, int fd, const char *path, bool map);
/* To the end of what is open for reading; `name` is for diagnostics. */
gr_buffer *gr_stream_read(graft_context *c, int fd, const char *name);
bool gr_file_mapped(const gr_buffer *b);
/* Writes beside `path` and renames: on failure nothing is left. */
graft_status gr_file_write(graft_context *c, const char *path, const void *bytes, size_t size);

#endif
