/* The rows of import.def, for whoever reads ONNX and whoever writes it. */
#include "ir/formats/onnx/handler_impl.h"

#include <stdlib.h>
#include <string.h>

#define TYPE(type) ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##type
#define ATTRS(...) __VA_ARGS__
#define A_INT(n) {.name = n, .type = TYPE(INT)},
#define A_INTS(n) {.name = n, .type = TYPE(INTS)},
#define A_FLOAT(n) {.name = n, .type = TYPE(FLOAT)},
#define A_FLOATS(n) {.name = n, .type = TYPE(FLOATS)},
#define A_STRING(n) {.name = n, .type = TYPE(STRING)},
#define A_STRINGS(n) {.name = n, .type = TYPE(STRINGS)},
#define A_TENSOR(n) {.name = n, .type = TYPE(TENSOR)},
#define A_GRAPH(n) {.name = n, .type = TYPE(GRAPH)},
#define A_SPARSE(n) {.name = n, .type = TYPE(SPARSE_TENSOR)},
#define IS_INT(n, own, d) {.name = n, .type = TYPE(INT), .is = #own, .kind = GRAFT_ATTR_INT, .i = (d)},
#define IS_BOOL(n, own, d) {.name = n, .type = TYPE(INT), .is = #own, .kind = GRAFT_ATTR_BOOL, .i = (d)},
#define IS_FLOAT(n, own, d) {.name = n, .type = TYPE(FLOAT), .is = #own, .kind = GRAFT_ATTR_FLOAT, .f = (d)},
#define IS_INTS(n, own) {.name = n, .type = TYPE(INTS), .is = #own, .kind = GRAFT_ATTR_INTS, .no_default = true},
#define REQ_IS_INT(n, own) {.name = n, .type = TYPE(INT), .is = #own, .kind = GRAFT_ATTR_INT, .no_default = true},
#define REQ_IS_DTYPE(n, own) {.name = n, .type = TYPE(INT), .is = #own, .kind = GRAFT_ATTR_DTYPE, .no_default = true},
#define IS_WORD(n, own, d, others) \
  {.name = n, .type = TYPE(STRING), .is = #own, .kind = GRAFT_ATTR_STRING, .word = (d), .words = (others)},

const gr_onnx_op gr_onnx_ops[] = {
#define ONNX(name, handler, op, since, min_inputs, max_inputs, max_outputs, attrs) \
  {#name, gr_onnx_##handler, GR_OP_##op, since, min_inputs, max_inputs, max_outputs, {attrs{0}}},
#include "ir/formats/onnx/import.def"
};
const uint32_t gr_onnx_op_count = sizeof gr_onnx_ops / sizeof *gr_onnx_ops;

static const gr_onnx_op contrib[] = {
#include "ir/formats/onnx/contrib.def"
#undef ONNX
};

static int compare(const void *key, const void *row) { return strcmp(key, ((const gr_onnx_op *)row)->name); }

const gr_onnx_op *gr_onnx_op_find(const char *name) {
  return bsearch(name, gr_onnx_ops, gr_onnx_op_count, sizeof *gr_onnx_ops, compare);
}

const gr_onnx_op *gr_onnx_contrib_find(const char *name) {
  return bsearch(name, contrib, sizeof contrib / sizeof *contrib, sizeof *contrib, compare);
}

bool gr_onnx_is_direct(const gr_onnx_op *row) { return row->handler == gr_onnx_direct; }
