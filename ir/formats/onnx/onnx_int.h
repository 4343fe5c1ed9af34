/* ONNX files: the importer. External data files are looked for in `directory`. */
#ifndef GRAFT_ONNX_INT_H
#define GRAFT_ONNX_INT_H

#include "ir/ir_int.h"

graft_module *gr_onnx_load(graft_context *c, gr_buffer *file, const char *name, const char *directory);

#endif
