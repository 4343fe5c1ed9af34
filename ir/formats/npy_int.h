/* .npy, numpy's file of one array: any supported dtype, C or Fortran order, versions 1 to 3. */
#ifndef GRAFT_NPY_INT_H
#define GRAFT_NPY_INT_H

#include "ir/ir_int.h"

/* `*buffer` is owned by the caller, exactly the bytes. */
graft_status gr_npy_read(graft_context *c, const char *path, graft_type *type, gr_buffer **buffer);
graft_status gr_npy_parse(graft_context *c, const void *bytes, size_t size, const char *name, graft_type *type,
                          gr_buffer **buffer);
/* The same without reading it: where the file's elements are such as they are used, `*buffer` is the mapped file, and
 * `*data` lies in it; else the array is read. Who cuts the file short meanwhile ends the program. */
graft_status gr_npy_map(graft_context *c, const char *path, graft_type *type, gr_buffer **buffer, const void **data);
graft_status gr_npy_write(graft_context *c, const char *path, const graft_type *type, const void *data);

#endif
