/* ONNX files: the importer. External data files are looked for in the source's directory. */
#ifndef GRAFT_ONNX_INT_H
#define GRAFT_ONNX_INT_H

#include "ir/formats/format_int.h"

graft_module *gr_onnx_load(const gr_source *source);

#endif
