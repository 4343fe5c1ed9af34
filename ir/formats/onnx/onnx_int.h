/* ONNX files: the importer, and which opsets go in and out. External data files are looked for in the source's
 * directory. */
#ifndef GRAFT_ONNX_INT_H
#define GRAFT_ONNX_INT_H

#include "ir/formats/format_int.h"

/* The last opset whose changes are known: what a later one adds to an op is an attribute that no row lists, or a dtype
 * that graft does not have. */
#define GR_ONNX_LAST_OPSET 28
#define GR_OUT_FIRST_OPSET 13
#define GR_OUT_LAST_OPSET 21

graft_module *gr_onnx_load(const gr_source *source);

#endif
