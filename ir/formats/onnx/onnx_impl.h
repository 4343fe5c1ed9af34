/* ONNX import, private to this folder.
 *
 * load.c checks and unpacks the file; import.c goes through each graph node by node and hands every node to its row of
 * import.def; op_*.c are the rows' handlers, emit.c is what they build nodes with. A name of the file is a symbol of
 * its graph's scope. Handlers return false after they have reported an error. */
#ifndef GRAFT_ONNX_IMPL_H
#define GRAFT_ONNX_IMPL_H

#include "ir/formats/file_int.h"
#include "ir/formats/onnx/onnx.pb-c.h"
#include "ir/formats/onnx/onnx_int.h"

/* ---- wire.c, decimal.c ----------------------------------------------------------------------------------------------
 */

/* Is this a well-formed message of the type, at most 64 levels deep, whose unpacked form is at most 64 MB and 40 times
 * its size? */
graft_status gr_wire_check(graft_context *c, const ProtobufCMessageDescriptor *type, const void *bytes, size_t size,
                           gr_loc where);
/* The double nearest to the shortest decimal of a float, and to one minus that decimal. */
double gr_onnx_decimal(float x);
double gr_onnx_one_minus(float x);

/* ---- scopes (scope.c)
 * ------------------------------------------------------------------------------------------------- */

/* What a name of the file stands for. */
typedef struct gr_onnx_symbol {
  const char *text; /* borrowed from the message */
  gr_name name;     /* what its value is called */
  graft_value value;
  graft_tensor tensor;              /* outranks `value`; both GRAFT_NONE: the node that makes it was not reached yet */
  const Onnx__ValueInfoProto *info; /* what the file says of its type, or NULL */
  bool read;                        /* by a node, as a graph output, or from a nested graph */
} gr_onnx_symbol;

typedef struct gr_onnx_slot {
  uint32_t hash, symbol; /* symbol index + 1; 0: free */
} gr_onnx_slot;

typedef struct gr_onnx_scope {
  struct gr_onnx_scope *outer;
  graft_graph *graph;
  const Onnx__GraphProto *proto;
  GR_VEC(gr_onnx_symbol) symbols;
  gr_onnx_slot *slots; /* open addressing */
  uint32_t slot_count;
  GR_VEC(graft_value) updates; /* by tensor: its value after the updates so far; GRAFT_NONE: none */
} gr_onnx_scope;

/* Adds a symbol; false with an error when it is defined twice. */
bool gr_onnx_scope_define(graft_module *m, gr_onnx_scope *s, const char *text, gr_loc where);
/* Borrowed until the next definition. In this scope alone; NULL: not there. */
gr_onnx_symbol *gr_onnx_scope_find(const gr_onnx_scope *s, const char *text);
void gr_onnx_scope_free(graft_context *c, gr_onnx_scope *s);
/* Marks what nodes and outputs read, in the scopes that define it. */
void gr_onnx_scope_mark_reads(gr_onnx_scope *s, const Onnx__GraphProto *g);

/* ---- the importer
 * ------------------------------------------------------------------------------------------------------ */

typedef struct gr_onnx gr_onnx;

#define GR_ONNX_ATTRS 9
#define GR_ONNX_MANY UINT32_MAX

/* A row of import.def. */
typedef struct gr_onnx_op {
  const char *name;
  bool (*handler)(gr_onnx *);
  uint32_t op; /* what `direct` makes of it */
  int64_t since;
  uint32_t min_inputs, max_inputs, max_outputs;
  struct {
    const char *name;
    int type; /* of AttributeProto */
  } attrs[GR_ONNX_ATTRS];
} gr_onnx_op;

typedef struct gr_onnx_file {
  const char *location;
  gr_buffer *buffer;
} gr_onnx_file;

struct gr_onnx {
  graft_context *context;
  graft_module *module;
  const char *file, *directory;
  int64_t opset; /* of the default domain; 0: not imported */
  bool pytorch;  /* its exporter wrote the model */
  gr_arena scratch;
  GR_VEC(gr_onnx_file) files;    /* external data, each opened once */
  GR_VEC(graft_tensor) consumed; /* tensors that became attributes: nobody may use them any more */
  gr_onnx_scope *scope;

  /* the node at hand */
  const Onnx__NodeProto *node;
  const gr_onnx_op *row;
  gr_loc where;
  uint32_t record; /* its provenance */

  /* the graft node in the making (emit.c) */
  uint32_t op;
  gr_attr_builder attrs;
  bool failed;
};

/* Reports an error at the node at hand: gr_onnx_fail(in, GRAFT_TYPE, "format", …). */
static inline graft_status gr_onnx_failed(gr_onnx *in, graft_status code) {
  in->failed = true;
  return code;
}
#define gr_onnx_fail(in, code, ...) gr_onnx_failed((in), gr_error((in)->context, (code), (in)->where, __VA_ARGS__))

/* ---- graphs (import.c), opaque nodes (opaque.c)
 * ----------------------------------------------------------------------------- */

/* Imports `proto` into `g`. `captured` names become inputs after the graph's own. */
bool gr_onnx_graph(gr_onnx *in, graft_graph *g, const Onnx__GraphProto *proto, gr_onnx_scope *outer,
                   const char *const *captured, uint32_t captured_count);
bool gr_onnx_opaque(gr_onnx *in);
/* The value that a name stands for at this point; GRAFT_NONE with an error when there is none. */
graft_value gr_onnx_value(gr_onnx *in, const char *name);

/* ---- tensors (tensor.c)
 * -------------------------------------------------------------------------------------------------------- */

/* False for the dtypes that graft does not have. */
bool gr_onnx_dtype(int32_t code, graft_dtype *dtype);
const char *gr_onnx_dtype_name(int32_t code);
/* The type and bytes of a tensor; takes raw bytes out of the message. `what` names it in errors. The buffer's reference
 * is the caller's. NULL: an error was reported. */
gr_buffer *gr_onnx_tensor(gr_onnx *in, Onnx__TensorProto *t, const char *what, graft_type *type, uint64_t *offset);
/* The allocator of messages, which remembers sizes so that bytes can be taken out of them. `user` is the context. */
ProtobufCAllocator gr_onnx_allocator(graft_context *c);
/* A tensor type from a ValueInfoProto's; unknown dims are -1. False: not a tensor of a dtype that graft has. */
bool gr_onnx_type(const Onnx__TypeProto *t, graft_type *type, const char **why);

/* ---- building nodes (emit.c)
 * ----------------------------------------------------------------------------------------------------- */

/* Inputs and attributes of the ONNX node. */
bool gr_onnx_has_input(const gr_onnx *in, uint32_t i);
graft_value gr_onnx_input(gr_onnx *in, uint32_t i); /* GRAFT_NONE: absent, or an error (then in->failed) */
const graft_type *gr_onnx_value_type(const gr_onnx *in, graft_value v);
/* The rank; -1 with an error that says which op wants to know it. */
int32_t gr_onnx_rank(gr_onnx *in, graft_value v);
bool gr_onnx_output_read(const gr_onnx *in, uint32_t i);
const Onnx__AttributeProto *gr_onnx_attr(const gr_onnx *in, const char *name);
int64_t gr_onnx_attr_int(const gr_onnx *in, const char *name, int64_t otherwise);
bool gr_onnx_attr_bool(const gr_onnx *in, const char *name, bool otherwise);
double gr_onnx_attr_float(const gr_onnx *in, const char *name, double otherwise);
bool gr_onnx_attr_is(const gr_onnx *in, const char *name, const char *text);
/* `count` integers, or `otherwise` that many times; false with an error when the list has another length. */
bool gr_onnx_attr_ints(gr_onnx *in, const char *name, uint32_t count, int64_t otherwise, int64_t *out);
/* An axis of a tensor of this rank, negative ones counted from the end; false with an error when out of range. */
bool gr_onnx_axis(gr_onnx *in, int64_t axis, int32_t rank, int64_t *out);
/* The tensor that input i is, if it is one that never changes. */
graft_tensor gr_onnx_constant(gr_onnx *in, uint32_t i);
/* The bytes of a tensor that become attributes, or another tensor. */
const void *gr_onnx_consume(gr_onnx *in, graft_tensor t);
/* The integers of a constant input, for as long as the import; NULL with an error when it is not constant. */
const int64_t *gr_onnx_ints(gr_onnx *in, uint32_t i, const char *what, uint32_t *count);
/* Input i where the model computes it from constants and known extents; else NULL, without an error. */
const int64_t *gr_onnx_computed_ints(gr_onnx *in, uint32_t i, uint32_t *count);
/* ConstantOfShape where the shape is known: a constant. False otherwise: it stays opaque. */
bool gr_onnx_constant_of_shape(gr_onnx *in);
/* The same from the constant input i or, as older opsets have it, an attribute; NULL without an error: neither is
 * there. */
const int64_t *gr_onnx_list(gr_onnx *in, const char *name, uint32_t i, uint32_t *count);
/* A constant of one element. */
bool gr_onnx_scalar(gr_onnx *in, uint32_t i, const char *what, double *out);
/* A float operand in a weight role is a parameter, also behind a transpose. */
void gr_onnx_parameter(gr_onnx *in, graft_value v);

/* A graft node: begin, set attributes that differ from the defaults, then one of the ends. */
void gr_onnx_begin(gr_onnx *in, uint32_t op);
void gr_onnx_set_bool(gr_onnx *in, const char *name, bool value);
void gr_onnx_set_int(gr_onnx *in, const char *name, int64_t value);
void gr_onnx_set_float(gr_onnx *in, const char *name, double value);
void gr_onnx_set_string(gr_onnx *in, const char *name, const char *value);
void gr_onnx_set_dtype(gr_onnx *in, const char *name, graft_dtype value);
void gr_onnx_set_ints(gr_onnx *in, const char *name, const int64_t *values,
                      uint32_t count); /* borrowed until the end */
/* Ends it with `count` results; result i is bound to the ONNX value outputs[i] (NULL or "": a name of graft's making).
 */
graft_node gr_onnx_end(gr_onnx *in, const graft_value *operands, uint32_t operand_count, const char *const *outputs,
                       uint32_t count, uint32_t absent, const uint32_t *types);
/* One result of graft's own making, for a further node; GRAFT_NONE: failed. */
graft_value gr_onnx_step(gr_onnx *in, const graft_value *operands, uint32_t operand_count);
/* The ONNX node's first output. */
bool gr_onnx_finish(gr_onnx *in, const graft_value *operands, uint32_t operand_count);
/* The ONNX node's output i is an existing value. */
bool gr_onnx_alias(gr_onnx *in, uint32_t i, graft_value v);
/* A small constant of graft's making. */
graft_value gr_onnx_make_constant(gr_onnx *in, const char *name, const graft_type *type, const void *data);

/* ---- windows (op_conv.c), shared by convolutions and pools
 * ------------------------------------------------------------------------ */

#define GR_ONNX_SPATIAL 3

typedef struct gr_window {
  uint32_t n; /* spatial axes */
  int64_t kernel[GR_ONNX_SPATIAL], stride[GR_ONNX_SPATIAL], dilation[GR_ONNX_SPATIAL];
  int64_t begin[GR_ONNX_SPATIAL], end[GR_ONNX_SPATIAL]; /* padding */
} gr_window;

/* Reads strides, dilations, pads and auto_pad of a node whose first input is `x`; kernel and n are set already. */
bool gr_onnx_window(gr_onnx *in, gr_window *w, graft_value x);
bool gr_onnx_symmetric(const gr_window *w);
/* x with the window's padding as a node of its own, filled with `value`; the window has none afterwards. */
graft_value gr_onnx_pad(gr_onnx *in, gr_window *w, graft_value x, double value);

#define ONNX(name, handler, op, since, min_inputs, max_inputs, max_outputs, attrs) bool gr_onnx_##handler(gr_onnx *in);
#include "ir/formats/onnx/import.def"
#undef ONNX

#endif
