/* A format: how its files are told from others, read and written. Each format defines one of these tables beside its
 * code, and file.c, which alone knows all of them, chooses. */
#ifndef GRAFT_FORMAT_INT_H
#define GRAFT_FORMAT_INT_H

#include "ir/formats/beside_int.h"
#include "ir/formats/sink_int.h"
#include "ir/ir_int.h"

/* What is read. A loader that copies what it needs may release `file` early and set it to NULL. */
typedef struct gr_source {
  graft_context *context;
  gr_buffer *file;
  const char *name; /* in diagnostics */
  gr_beside *beside;
  bool check_hashes;
} gr_source;

typedef struct gr_format {
  const char *extension;
  bool (*tells)(const char *bytes, size_t size); /* by content */
  bool moves; /* `load` moves bytes within the file: mapped, page after page of it would be copied */
  /* A module that has not been verified yet, owned by the caller; NULL: reported. */
  graft_module *(*load)(gr_source *in);
  graft_status (*print)(graft_module *m, const graft_save_options *options, gr_sink *out);
  /* NULL: what `print` gives is the file. */
  graft_status (*save)(graft_module *m, const graft_save_options *options, const char *path);
} gr_format; /* `load` or `print` NULL: the format cannot be read, written */

extern const gr_format gr_format_text, gr_format_gfb, gr_format_onnx, gr_format_json, gr_format_dot;

#endif
