/* ONNX export, private to this folder. A node of the graph becomes nodes of the file by its row of export.def or, where
 * the mapping is one to one, by its row of import.def read the other way.
 *
 *   write_names.c      names, which are unique in the whole file; memory
 *   write_tensor.c     tensors and types
 *   write_absorbed.c   nodes that another one of ONNX does by itself
 *   write_hand.c       what a handler asks of the node at hand; its constants
 *   write_notes.c      what ONNX has no place for: provenance, marks, kinds of tensors (notes.c reads them back)
 *   write_types.c      element types that ONNX has an op not for
 *   write_node.c       what handlers build the file's nodes with
 *   write_direct.c     rows of import.def, from right to left; write_opaque.c: nodes that the op table does not know
 *   put_*.c            one handler a row of export.def
 *   write_rows.c       the rows
 *   write_graph.c      a graph: inputs, outputs, nodes in order; those nested in a node are reached through gr_out
 *   write.c            the model: opsets, metadata, bytes
 *
 * Each uses only those before its own.
 * Everything is made in one arena and written at the end, so that a failure leaves nothing behind. A function that
 * gives NULL or false has reported an error, or remembered one in `failed`. */
#ifndef GRAFT_ONNX_WRITER_IMPL_H
#define GRAFT_ONNX_WRITER_IMPL_H

#include "ir/formats/onnx/notes_impl.h"
#include "ir/formats/onnx/onnx_int.h"
#include "ir/formats/sink_int.h"

#include <string.h>

#define GR_OUT_OPSET 17
#define GR_OUT_ODD_SHOWN 4

typedef struct gr_out gr_out;

typedef struct gr_out_row {
  bool (*handler)(gr_out *);
  const char *onnx; /* the op that it becomes, or what is to be done about it */
  int64_t since;    /* the first opset that has the op */
} gr_out_row;

/* A name of the file. */
typedef struct gr_out_name {
  const char *text;
  uint32_t next;        /* the number that a further one like it is tried with */
  uint32_t initializer; /* that is called so, and 1; 0: none */
} gr_out_name;

typedef struct gr_out_tensor_record {
  Onnx__TensorProto *proto;
  graft_tensor_kind kind;
} gr_out_tensor_record;

/* A graph that is being written. */
typedef struct gr_out_graph {
  struct gr_out_graph *outer;
  graft_graph *g;
  const char **names; /* by value; NULL: not made yet */
  GR_VEC(Onnx__NodeProto *) nodes;
  GR_VEC(Onnx__ValueInfoProto *) infos;
} gr_out_graph;

struct gr_out {
  graft_context *context;
  graft_module *module;
  int64_t opset;
  gr_arena arena;
  gr_map name_ids; /* hash -> index in names */
  GR_VEC(gr_out_name) names;
  GR_VEC(gr_out_tensor_record) initializers;
  GR_VEC(const char *) domains;
  const char **tensor_names;                 /* by tensor */
  bool *tensor_written;                      /* by tensor: it is among the initializers */
  gr_map source_counts;                      /* source string -> how many nodes go back to it */
  GR_VEC(const char *) notes[GR_NOTE_COUNT]; /* names, by what is noted of them (write_notes.c) */
  gr_map zero_points;                        /* (zero point, scale, dtype) -> name (put_quantize.c) */
  Onnx__GraphProto *(*nested)(gr_out *, graft_graph *, uint32_t, const char *const *); /* gr_out_graph_of */
  uint32_t depth;
  bool lost_counts;   /* num_batches_tracked, said once */
  bool open_squeeze;  /* it was said that an axis may be longer than 1 */
  uint32_t odd_types; /* nodes of types that ONNX has their op not for (write_types.c) */
  const char *odd;    /* the first of them, as text */
  bool failed;

  /* the node at hand */
  gr_out_graph *graph;
  graft_graph *g;
  graft_node n;
  const gr_out_row *row;
  const char *node_name; /* in the file, once it has one */
};

#define GR_OUT_PUSH(w, vec, item) ((w)->failed |= !gr_vec_push((w)->context, &(vec), item))

/* ---- errors ---- */

static inline bool gr_out_failed(gr_out *w) { return w->failed = true, false; }
/* The node at hand cannot be said in ONNX; the text ends with what is to be done. */
#define gr_out_refuse(w, ...) \
  (gr_error((w)->context, GRAFT_UNSUPPORTED, gr_node_loc((w)->g, (w)->n), __VA_ARGS__), gr_out_failed(w))

/* The messages' members are not const; what they point to is lent, and only read. */
static inline void *gr_out_lent(const void *bytes) {
  void *p;
  memcpy(&p, &bytes, sizeof p);
  return p;
}

/* ---- names (write_names.c) ---- */

void *gr_out_alloc(gr_out *w, size_t size); /* zeroed; NULL: failed */
char *gr_out_text(gr_out *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An error where it is not UTF-8. */
bool gr_out_check_text(gr_out *w, const char *text);
/* The name, or one like it that the file does not have yet. */
const char *gr_out_claim(gr_out *w, const char *wanted);
char *gr_out_own_name(gr_out *w, gr_name name);
/* Index in w->names; GRAFT_NONE: the name is free. */
uint32_t gr_out_find_name(const gr_out *w, const char *text);
const char *gr_out_value_name(gr_out *w, graft_value v); /* of the graph at hand; a tensor becomes an initializer */
/* A graph of the module, whose inputs from `own` on are what the node at hand captures: the names of those. */
Onnx__GraphProto *gr_out_graph_of(gr_out *w, graft_graph *g, uint32_t own, const char *const *captured);

/* ---- tensors (write_tensor.c) ---- */

int32_t gr_out_dtype(graft_dtype dtype);
Onnx__ValueInfoProto *gr_out_value_info(gr_out *w, const char *name, const graft_type *type);
/* An initializer of these elements, which live as long as the writer; NULL: failed. */
Onnx__TensorProto *gr_out_tensor(gr_out *w, const char *name, const graft_type *type, const void *data);
bool gr_out_initializer(gr_out *w, Onnx__TensorProto *t, graft_tensor_kind kind);
bool gr_out_name_tensors(gr_out *w);
const char *gr_out_tensor_name(gr_out *w, graft_tensor t); /* which becomes an initializer */
/* Constants of the node at hand, called RESULT.what. */
const char *gr_out_constant(gr_out *w, const char *what, const graft_type *type, const void *data);
const char *gr_out_ints(gr_out *w, const char *what, const int64_t *values, uint32_t count);
const char *gr_out_number(gr_out *w, const char *what, graft_dtype dtype, double value); /* rank 0 */

/* ---- the node at hand (write_node.c) ---- */

uint32_t gr_out_attrs(const gr_out *w); /* its attribute set */
const graft_type *gr_out_type(const gr_out *w, uint32_t operand);
const graft_type *gr_out_result_type(const gr_out *w);
bool gr_out_has(const gr_out *w, uint32_t operand);
const char *gr_out_operand(gr_out *w, uint32_t i); /* "": absent */
const char *gr_out_result(gr_out *w, uint32_t i);  /* "": absent */
/* An axis counted from the front; an error where the rank is not known and the axis is counted from the end. */
bool gr_out_axis(gr_out *w, int64_t axis, int64_t rank, int64_t *out);

/* A node of the file, with the attributes that are set before it ends. */
Onnx__NodeProto *gr_out_begin(gr_out *w, const char *op);
void gr_out_set_int(gr_out *w, Onnx__NodeProto *node, const char *name, int64_t value);
void gr_out_set_float(gr_out *w, Onnx__NodeProto *node, const char *name, double value);
void gr_out_set_string(gr_out *w, Onnx__NodeProto *node, const char *name, const char *value);
void gr_out_set_ints(gr_out *w, Onnx__NodeProto *node, const char *name, const int64_t *values, size_t count);
void gr_out_set_list(gr_out *w, Onnx__NodeProto *node, const char *name, uint32_t slot); /* the attribute of graft's */
void gr_out_set_floats(gr_out *w, Onnx__NodeProto *node, const char *name, const double *values, size_t count);
void gr_out_set_strings(gr_out *w, Onnx__NodeProto *node, const char *name, const char *const *values, size_t count);
void gr_out_set_tensor(gr_out *w, Onnx__NodeProto *node, const char *name, Onnx__TensorProto *value);
void gr_out_set_graph(gr_out *w, Onnx__NodeProto *node, const char *name, Onnx__GraphProto *value);
/* Trailing absent inputs and outputs ("") are left out. */
bool gr_out_end(gr_out *w, Onnx__NodeProto *node, const char *const *inputs, uint32_t input_count,
                const char *const *outputs, uint32_t output_count);
/* The same with one output: the node's first result, or a value called RESULT.what for a further node. */
bool gr_out_finish(gr_out *w, Onnx__NodeProto *node, const char *const *inputs, uint32_t count);
const char *gr_out_step(gr_out *w, Onnx__NodeProto *node, const char *what, const char *const *inputs, uint32_t count);
/* Such a value of an op without attributes. */
const char *gr_out_unary(gr_out *w, const char *op, const char *what, const char *x);
const char *gr_out_binary(gr_out *w, const char *op, const char *what, const char *x, const char *other);
const char *gr_out_cast(gr_out *w, const char *what, const char *x, graft_dtype to);
/* x with axes of extent 1 put in. */
const char *gr_out_unsqueezed(gr_out *w, const char *what, const char *x, const int64_t *axes, uint32_t count);
/* All of the node's operands to the ONNX op, one to one, and all of its results. */
bool gr_out_same(gr_out *w, Onnx__NodeProto *node);

/* Counts the node of the file where its first input is an operand of the node at hand, of a type that the op is not
 * for; and the warning about all of them (write_types.c). */
void gr_out_check_types(gr_out *w, const Onnx__NodeProto *node);
void gr_out_tell_types(gr_out *w);

/* What its readers do by themselves: the transpose of a product of two matrices, a zero point's cast
 * (write_absorbed.c). */
bool gr_out_absorbed(const graft_graph *g, graft_node n);

/* Writes the node at hand. */
bool gr_out_node(gr_out *w);
bool gr_out_direct(gr_out *w, const gr_onnx_op *row);
/* The attributes that a row of import.def maps; an error about another one that is not at its default. */
bool gr_out_mapped(gr_out *w, Onnx__NodeProto *node, const gr_onnx_op *row);
bool gr_out_opaque(gr_out *w);

/* ---- notes (write_notes.c) ---- */

void gr_out_note(gr_out *w, gr_onnx_note note, const char *name);
/* How many nodes go back to each source name. */
bool gr_out_count_sources(gr_out *w);
const char *gr_out_node_name(gr_out *w);  /* of the node at hand, in the file */
const char *gr_out_provenance(gr_out *w); /* what the name does not say of it; NULL: nothing */
void gr_out_metadata(gr_out *w, Onnx__ModelProto *model);

/* ---- handlers (put_*.c) ---- */

#define EXPORT(op, handler, onnx, since) bool gr_put_##handler(gr_out *w);
#include "ir/formats/onnx/export.def"
#undef EXPORT

/* ---- the file (write.c) ---- */

graft_status gr_onnx_print(graft_module *m, const graft_save_options *options, gr_sink *out);
graft_status gr_onnx_save(graft_module *m, const graft_save_options *options, const char *path);

#endif
