/* The binary form: a FlatBuffer of tables (graft.fbs), then the tensors' bytes. gfb.c makes a format of it. */
#ifndef GRAFT_GFB_INT_H
#define GRAFT_GFB_INT_H

#include "ir/formats/sink_int.h"
#include "ir/ir_int.h"

#define GR_GFB_VERSION 2u /* 2: marks; a file without them is of version 1 */

/* Tensors borrow from `file` (which is retained). */
graft_module *gr_gfb_load(graft_context *c, gr_buffer *file, const char *name, bool check_hashes);
/* Options: NULL for none. Saving streams tensors: it never holds them twice. */
graft_status gr_gfb_save(graft_module *m, const graft_save_options *options, const char *path);
graft_status gr_gfb_print(graft_module *m, const graft_save_options *options, gr_sink *out);

#endif
