/* The text form (GIR.md): parser, printer. text.c makes a format of them. */
#ifndef GRAFT_TEXT_INT_H
#define GRAFT_TEXT_INT_H

#include "ir/formats/beside_int.h"
#include "ir/formats/sink_int.h"
#include "ir/ir_int.h"

/* text[size] must be NUL. */
graft_module *gr_text_parse(graft_context *c, const char *text, size_t size, const char *name, gr_beside *beside);

#define GR_TEXT_LARGE 64 /* elements from which a tensor does not stand in the text */

typedef struct gr_text_options {
  const char *companion; /* file name of the .safetensors that holds large tensors; NULL: elide them with their hash */
  uint32_t large;        /* elements from which a tensor is large; 0: GR_TEXT_LARGE, UINT32_MAX: none is */
  bool no_provenance;
} gr_text_options;
graft_status gr_text_print(graft_module *m, gr_sink *out, const gr_text_options *options);
/* Does the companion hold this tensor's bytes? */
bool gr_text_is_large(graft_module *m, graft_tensor t, uint32_t large);

#endif
