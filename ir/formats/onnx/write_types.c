/* Nodes of element types that ONNX has their op not for: written all the same, since graft reads them back, and said,
 * once, since others refuse them. */
#include "ir/formats/onnx/writer_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum {
#define ELEMENT(id, ...) id = 1u << GRAFT_##id,
#include "ir/dtypes.def"
#undef ELEMENT
  FLOATS = F16 | BF16 | F32 | F64,
  SIGNED = I8 | I16 | I32 | I64,
  INTEGERS = SIGNED | U8 | U16 | U32 | U64,
  NUMBERS = FLOATS | INTEGERS,
  WIDE = FLOATS | I32 | I64 | U32 | U64,
  ANY = NUMBERS | BOOL,
};

typedef struct row {
  const char *onnx;
  uint32_t types;
  int64_t later; /* opset; 0: none */
  uint32_t types_then;
} row;

static const row rows[] = {
#define TYPES(onnx, types, later, types_then) {#onnx, types, later, types_then},
#include "ir/formats/onnx/types.def"
#undef TYPES
};

static int by_name(const void *name, const void *item) { return strcmp(name, ((const row *)item)->onnx); }

/* Of the operand of the node at hand that is called so; what a step of its own made is not known. */
static graft_dtype dtype_of(gr_out *w, const char *name) {
  for (uint32_t i = 0; i < gr_node_at(w->g, w->n)->operand_count; i++)
    if (gr_out_has(w, i) && gr_out_operand(w, i) == name) return gr_out_type(w, i)->dtype;
  return GRAFT_UNKNOWN;
}

void gr_out_check_types(gr_out *w, const Onnx__NodeProto *node) {
  if (w->n == GRAFT_NONE || gr_node_at(w->g, w->n)->op >= GR_OP_COUNT || !node->n_input) return;
  const row *r = bsearch(node->op_type, rows, sizeof rows / sizeof *rows, sizeof *rows, by_name);
  const graft_dtype dtype = r ? dtype_of(w, node->input[0]) : GRAFT_UNKNOWN;
  if (dtype == GRAFT_UNKNOWN) return;
  const bool later = r->types_then & 1u << dtype;
  if ((r->types | (w->opset >= r->later ? r->types_then : 0)) & 1u << dtype) return;
  if (w->odd_types++ >= GR_OUT_ODD_SHOWN) return;
  const char *from = later ? gr_out_text(w, " (opset %lld has it)", (long long)r->later) : "";
  w->odd = gr_out_text(w, "%s%s%s of %s, '%s'%s", w->odd ? w->odd : "", w->odd ? "; " : "", r->onnx,
                       graft_dtype_name(dtype), node->name, from ? from : "");
}

void gr_out_tell_types(gr_out *w) {
  if (!w->odd_types || !w->odd) return;
  char more[40] = "";
  if (w->odd_types > GR_OUT_ODD_SHOWN)
    snprintf(more, sizeof more, "; and %u more", (unsigned)(w->odd_types - GR_OUT_ODD_SHOWN));
  gr_warning(w->context, GRAFT_UNSUPPORTED, gr_module_loc(w->module),
             "ONNX has no such op of this type, other runtimes refuse it: %s%s", w->odd, more);
}
