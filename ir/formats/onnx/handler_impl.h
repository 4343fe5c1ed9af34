/* What the handlers of ONNX ops are written with (layers 4 to 6 of onnx_impl.h): what they read of the node at hand,
 * and how they build graft's nodes. */
#ifndef GRAFT_ONNX_HANDLER_IMPL_H
#define GRAFT_ONNX_HANDLER_IMPL_H

#include "ir/formats/onnx/onnx_impl.h"

/* ---- reading the node (read.c) ---- */

/* The value that a name stands for at this point. */
graft_value gr_onnx_value(gr_onnx *in, const char *name);
bool gr_onnx_has_input(const gr_onnx *in, uint32_t i);
graft_value gr_onnx_input(gr_onnx *in, uint32_t i); /* GRAFT_NONE: absent, or an error (then in->failed) */
const graft_type *gr_onnx_value_type(const gr_onnx *in, graft_value v);
/* The rank. -1: it is not known, and the node stays as it is, with a result of v's dtype. */
int32_t gr_onnx_rank(gr_onnx *in, graft_value v);
bool gr_onnx_output_read(const gr_onnx *in, uint32_t i);

const Onnx__AttributeProto *gr_onnx_attr(const gr_onnx *in, const char *name); /* NULL: not given */
int64_t gr_onnx_attr_int(const gr_onnx *in, const char *name, int64_t otherwise);
bool gr_onnx_attr_bool(const gr_onnx *in, const char *name, bool otherwise);
double gr_onnx_attr_float(const gr_onnx *in, const char *name, double otherwise);
bool gr_onnx_attr_is(const gr_onnx *in, const char *name, const char *text);
/* `count` integers, or `otherwise` that many times; an error when the list has another length. */
bool gr_onnx_attr_ints(gr_onnx *in, const char *name, uint32_t count, int64_t otherwise, int64_t *out);
/* An axis of a tensor of this rank, negative ones counted from the end; an error when out of range. */
bool gr_onnx_axis(gr_onnx *in, int64_t axis, int32_t rank, int64_t *out);

/* The tensor that input i is, if it is one that never changes; GRAFT_NONE, without an error, if not. */
graft_tensor gr_onnx_constant(gr_onnx *in, uint32_t i);
/* The bytes of a tensor that become attributes, or another tensor. */
const void *gr_onnx_consume(gr_onnx *in, graft_tensor t);
/* The integers of input i, which are constant or computed from constants and known extents, for as long as the import;
 * an error that says what they depend on when they are not known. */
const int64_t *gr_onnx_ints(gr_onnx *in, uint32_t i, const char *what, uint32_t *count);
/* The same where not knowing them is no error: `*known` tells. False: an error. */
bool gr_onnx_try_ints(gr_onnx *in, uint32_t i, const int64_t **known, uint32_t *count);
/* The same from input i or, as older opsets have it, an attribute; NULL without an error: neither is there. */
const int64_t *gr_onnx_list(gr_onnx *in, const char *name, uint32_t i, uint32_t *count);
/* What is known of the shape that input i holds: `type` gets its rank, and extents of which those not known are -1. */
bool gr_onnx_shape_in(gr_onnx *in, uint32_t i, graft_type *type);
/* A constant of one element. */
bool gr_onnx_scalar(gr_onnx *in, uint32_t i, const char *what, double *out);
/* A float operand in a weight role is a parameter, also behind a transpose. */
void gr_onnx_parameter(gr_onnx *in, graft_value v);
/* If the node has to stay as it is, its first result has v's dtype and, where v has a rank, that many axes and `more`.
 */
void gr_onnx_keeps_rank(gr_onnx *in, graft_value v, int32_t more);
/* The node stays as it is, an opaque one whose first result has this type (NULL: nothing is known of it), for this
 * reason; what its handler has made so far is taken back. Gives false, and in->failed is true from here on: to the
 * handler it is as an error (refuse.c). */
bool gr_onnx_stays(gr_onnx *in, const graft_type *type, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

/* ---- building graft's nodes (build.c) ---- */

/* Begin, set attributes that differ from the defaults, then one of the ends. */
void gr_onnx_begin(gr_onnx *in, uint32_t op);
void gr_onnx_set_bool(gr_onnx *in, const char *name, bool value);
void gr_onnx_set_int(gr_onnx *in, const char *name, int64_t value);
void gr_onnx_set_float(gr_onnx *in, const char *name, double value);
void gr_onnx_set_string(gr_onnx *in, const char *name, const char *value);
void gr_onnx_set_dtype(gr_onnx *in, const char *name, graft_dtype value);
void gr_onnx_set_graph(gr_onnx *in, const char *name, const graft_graph *value);
void gr_onnx_set_ints(gr_onnx *in, const char *name, const int64_t *values,
                      uint32_t count); /* borrowed until the end */
void gr_onnx_set_floats(gr_onnx *in, const char *name, const double *values, uint32_t count); /* so too */
/* The attributes that the row of import.def maps, as the node gives them or else as ONNX's defaults are. */
void gr_onnx_set_mapped(gr_onnx *in);
/* Ends it with `count` results; result i is bound to the ONNX value outputs[i] (NULL or "": a name of graft's making).
 */
graft_node gr_onnx_end(gr_onnx *in, const graft_value *operands, uint32_t operand_count, const char *const *outputs,
                       uint32_t count, uint32_t absent, const uint32_t *types);
/* One result of graft's own making, for a further node. */
graft_value gr_onnx_step(gr_onnx *in, const graft_value *operands, uint32_t operand_count);
/* The same of an op without attributes; GRAFT_NONE among the operands gives GRAFT_NONE. */
graft_value gr_onnx_unary(gr_onnx *in, uint32_t op, graft_value x);
graft_value gr_onnx_binary(gr_onnx *in, uint32_t op, graft_value x, graft_value other);
/* In this dtype; the value itself where it is already, GRAFT_NONE of GRAFT_NONE. */
graft_value gr_onnx_to(gr_onnx *in, graft_value v, graft_dtype dtype);
/* A constant i64 of rank 0. */
graft_value gr_onnx_number(gr_onnx *in, int64_t n);
/* The ONNX node's first output. */
bool gr_onnx_finish(gr_onnx *in, const graft_value *operands, uint32_t operand_count);
/* The ONNX node's output i is an existing value. */
bool gr_onnx_alias(gr_onnx *in, uint32_t i, graft_value v);
/* A constant of graft's making. */
graft_value gr_onnx_make_constant(gr_onnx *in, const char *name, const graft_type *type, const void *data);

/* ---- windows (window.c) ---- */

#define GR_ONNX_SPATIAL 3
/* Extents of sliding windows are bounded so that no sum of a few of them, and no product of two, overflows. */
#define GR_ONNX_MAX_EXTENT ((int64_t)1 << 31)

typedef enum gr_auto_pad {
  GR_PAD_NOTSET,
  GR_PAD_VALID,
  GR_PAD_SAME_UPPER,
  GR_PAD_SAME_LOWER,
  GR_PAD_BAD /* with an error */
} gr_auto_pad;

typedef struct gr_window {
  uint32_t n; /* spatial axes */
  int64_t kernel[GR_ONNX_SPATIAL], stride[GR_ONNX_SPATIAL], dilation[GR_ONNX_SPATIAL];
  int64_t begin[GR_ONNX_SPATIAL], end[GR_ONNX_SPATIAL]; /* padding */
  gr_auto_pad late; /* the padding depends on extents that are known only at run time, in this way; else NOTSET */
} gr_window;

/* Reads strides, dilations and pads; kernel and n are set already. */
bool gr_onnx_read_window(gr_onnx *in, gr_window *w);
gr_auto_pad gr_onnx_read_auto_pad(gr_onnx *in);
/* The same, and auto_pad, of a node whose first input is `x`. */
bool gr_onnx_window(gr_onnx *in, gr_window *w, graft_value x);
bool gr_onnx_window_in_range(gr_onnx *in, const gr_window *w);
/* The extent of spatial axis i; -1: not known. */
int64_t gr_onnx_spatial(const gr_onnx *in, graft_value x, uint32_t i);
bool gr_onnx_symmetric(const gr_window *w);
/* The window of a pool of `x`, whose kernel is an attribute. */
bool gr_onnx_pool_window(gr_onnx *in, gr_window *w, graft_value x);
/* The node as it is, with what is known of its first result: x's dtype and the window's rank. */
bool gr_onnx_pool_stays(gr_onnx *in, const gr_window *w, graft_value x);
/* The ONNX node's output 1 from what graft's max_pool of x says: positions in the whole tensor, of a plane stored by
 * rows or (storage_order) by columns. `padded` has the padding that was a node of its own before the pool
 * (pool_indices.c). */
bool gr_onnx_tensor_indices(gr_onnx *in, const gr_window *padded, graft_value x, graft_value indices);
/* (before, after) from the last axis on, as pad has it, of the i64 vectors of what goes before and behind. */
graft_value gr_onnx_pad_pairs(gr_onnx *in, graft_value before, graft_value after, uint32_t axes);
/* x with the window's padding as a node of its own, filled with `value`; the window has none afterwards. */
graft_value gr_onnx_pad(gr_onnx *in, gr_window *w, graft_value x, double value);

/* ---- what several op_*.c share ---- */

/* What another op's handler makes of these inputs and the node's attributes: a value for a further node, or the ONNX
 * node's first output (part.c). */
graft_value gr_onnx_step_of(gr_onnx *in, const char *op, const graft_value *inputs, uint32_t count);
bool gr_onnx_finish_of(gr_onnx *in, const char *op, const graft_value *inputs, uint32_t count);
struct gr_onnx_part {
  const graft_value *inputs;
  uint32_t count;
  bool ends;          /* it makes the node's output */
  graft_value result; /* else */
};
/* Begins the convolution of the node's window, which `w` gets and must outlive it; operands[0] may become x with its
 * padding (op_conv.c). */
bool gr_onnx_begin_conv(gr_onnx *in, gr_window *w, graft_value operands[3]);
/* x in float; one scale an entry of axis, where there are more than one. Zero point GRAFT_NONE: 0 (op_quantize.c). */
graft_value gr_onnx_dequantized(gr_onnx *in, graft_value x, graft_value scale, graft_value zero, int64_t axis);
graft_value gr_onnx_quantized(gr_onnx *in, graft_value y, graft_value scale, graft_value zero, graft_dtype dtype);
/* The ONNX node's first output is y quantized as ONNX does it, to this dtype. */
bool gr_onnx_finish_quantized(gr_onnx *in, graft_value y, graft_value scale, graft_value zero, graft_dtype dtype);

/* ---- handlers (op_*.c, opaque.c) ---- */

#define ONNX(name, handler, op, since, min_inputs, max_inputs, max_outputs, attrs) bool gr_onnx_##handler(gr_onnx *in);
#include "ir/formats/onnx/contrib.def"
#include "ir/formats/onnx/import.def"
#undef ONNX
/* The node as it is. `graphs`: those imported from its attributes, in order; `captured`: what they read. */
bool gr_onnx_opaque(gr_onnx *in, const graft_graph *const *graphs, const gr_onnx_names *captured);
/* What both say of a type: what only `said` knows. */
void gr_onnx_merge_type(graft_type *type, const graft_type *said);

#endif
