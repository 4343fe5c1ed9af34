/* Forms that graft cannot express. A handler that meets one says so, by gr_onnx_stays or by an error GRAFT_UNSUPPORTED:
 * what it has made is taken back (nodes.c), and the node stays as it is, with the reason for the warning of what will
 * not run. One such node never rejects a file; what is wrong with a node, any other code, does. */
#include "ir/formats/onnx/handler_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WHY_SIZE 512

/* The reason stands beside the op's name: "Pad: the pads …" begins after it. */
static void refuse(gr_onnx *in, const char *text) {
  const size_t length = strlen(in->row->name);
  if (strncmp(text, in->row->name, length) == 0 && strncmp(text + length, ": ", 2) == 0) text += length + 2;
  in->why = gr_arena_copy(&in->scratch, text, strlen(text));
  in->refused = in->why != NULL;
  in->failed = true;
}

graft_status gr_onnx_fail(gr_onnx *in, graft_status code, const char *format, ...) {
  char text[WHY_SIZE];
  va_list args;
  if (in->refused) return code; /* the first reason stands, and what follows from it is no error */
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (in->handling && code == GRAFT_UNSUPPORTED)
    refuse(in, text);
  else
    gr_error(in->context, code, in->where, "%s", text);
  in->failed = true;
  return code;
}

void gr_onnx_keeps_rank(gr_onnx *in, graft_value v, int32_t more) {
  if (v == GRAFT_NONE) return;
  const graft_type *t = gr_type_of(in->scope->graph, v);
  const bool fits = t->rank >= 0 && t->rank + more <= GRAFT_MAX_RANK;
  in->kept = (graft_type){.dtype = t->dtype, .rank = fits ? t->rank + more : -1};
  for (int32_t d = 0; d < in->kept.rank; d++) in->kept.dims[d] = -1;
}

bool gr_onnx_stays(gr_onnx *in, const graft_type *type, const char *format, ...) {
  char text[WHY_SIZE];
  va_list args;
  if (in->failed) return false;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (type) in->kept = *type;
  refuse(in, text);
  return false;
}
