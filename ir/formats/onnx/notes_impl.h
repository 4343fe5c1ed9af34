/* What ONNX has no place for, in files of graft's own: written by write_notes.c, read by notes.c. */
#ifndef GRAFT_ONNX_NOTES_IMPL_H
#define GRAFT_ONNX_NOTES_IMPL_H

#include "ir/formats/onnx/onnx_impl.h"

typedef enum gr_onnx_note {
#define NOTE(id, key) GR_NOTE_##id,
#include "ir/formats/onnx/notes.def"
#undef NOTE
  GR_NOTE_COUNT
} gr_onnx_note;
extern const char *const gr_onnx_note_keys[GR_NOTE_COUNT];

#define GR_ONNX_PROVENANCE "graft provenance\n" /* the first line of a doc_string */
#define GR_ONNX_RECORDS 64u                     /* that are looked at for one node's sources */

#endif
