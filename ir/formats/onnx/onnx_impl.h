/* ONNX import, private to this folder. Each file uses only those of the layers before its own:
 *
 *   1  message.c            bytes to messages, where they are sound
 *      decimal.c            what number is meant
 *      refuse.c             errors at a node, and forms that graft cannot express
 *   2  scope.c              names of one graph of the file
 *      order.c              which node comes first; what nested graphs read
 *      words.c              words of attributes in two spellings
 *   3  tensor.c             TensorProto to bytes, TypeProto to a type
 *      names.c              a graph's names and initializers
 *   4  read.c, build.c      what a handler reads of its node; what it makes (handler_impl.h)
 *   5  window.c             what convolutions and pools share
 *      part.c               what a handler borrows from another
 *      nested.c             graphs inside a node, and what becomes part of the graph around it
 *      function.c           the model's functions, and nodes that are inside one
 *   6  op_*.c, opaque.c     one handler a row of import.def or contrib.def; nodes that have no row
 *      notes.c              what graft's own files say beside the graphs
 *   7  table.c              the rows
 *   8  nodes.c              the nodes of a graph
 *      graph.c              a graph: its names, tensors, inputs, nodes, outputs
 *   9  load.c, onnx.c       the file
 *
 * A node may hold graphs: layers 5 and 6 reach those above them through gr_onnx_reader.
 *
 * A name of the file is a symbol of its graph's scope. Functions that give a bool, a value or a pointer have reported
 * an error when they give false, GRAFT_NONE or NULL, unless they say otherwise. */
#ifndef GRAFT_ONNX_IMPL_H
#define GRAFT_ONNX_IMPL_H

#include "ir/formats/file_int.h"
#include "ir/formats/onnx/onnx.pb-c.h"
#include "ir/formats/onnx/onnx_int.h"

/* ---- 1: bytes ---- */

/* The message, whose texts and lists are in the arena and whose bytes are lent by the file; NULL, reported, when it is
 * not well-formed, more than 64 levels deep, or would unpack to more than 64 MB and 40 times its size. `move`: bytes
 * that elements of tensors may be are moved to multiples of 8, within `bytes`. */
void *gr_message_read(gr_arena *arena, const ProtobufCMessageDescriptor *type, void *bytes, size_t size, bool move,
                      gr_loc where);
/* The double nearest to the shortest decimal of a float, and to one minus that decimal. */
double gr_onnx_decimal(float x);
double gr_onnx_one_minus(float x);

/* ---- 2: scopes ---- */

/* What a name of the file stands for. */
typedef struct gr_onnx_symbol {
  const char *text; /* borrowed from the message */
  gr_name name;     /* what its value is called */
  graft_value value;
  graft_tensor tensor;              /* outranks `value`; both GRAFT_NONE: the node that makes it was not reached yet */
  const Onnx__ValueInfoProto *info; /* what the file says of its type, or NULL */
  uint32_t node;                    /* of the file, that makes it; GRAFT_NONE: none does */
  bool read;                        /* by a node, as a graph output, or from a nested graph */
  bool listed;                      /* as a graph output */
  bool absent;                      /* an input that the call of a function leaves out */
} gr_onnx_symbol;

typedef struct gr_onnx_slot {
  uint32_t hash, symbol; /* symbol index + 1; 0: free */
} gr_onnx_slot;

typedef struct gr_onnx_call gr_onnx_call;
typedef struct gr_onnx_names gr_onnx_names;

typedef struct gr_onnx_scope {
  struct gr_onnx_scope *outer;
  graft_graph *graph;
  const Onnx__GraphProto *proto;
  const struct gr_onnx_scan *scan;
  const gr_onnx_call *call; /* of a function: its nodes see nothing around them */
  GR_VEC(gr_onnx_symbol) symbols;
  gr_onnx_slot *slots; /* open addressing */
  uint32_t slot_count;
  GR_VEC(graft_value) updates;  /* of a base: by tensor, its value after the updates so far; GRAFT_NONE: none */
  GR_VEC(graft_value) computed; /* values whose elements became attributes */
} gr_onnx_scope;

/* Adds a symbol; an error when it is defined twice. */
bool gr_onnx_scope_define(graft_module *m, gr_onnx_scope *s, const char *text, gr_loc where);
/* Borrowed until the next definition. In this scope alone; NULL, without an error: not there. */
gr_onnx_symbol *gr_onnx_scope_find(const gr_onnx_scope *s, const char *text);
/* The same in all scopes that s sees into, those of graphs around its own too. */
gr_onnx_symbol *gr_onnx_scope_visible(const gr_onnx_scope *s, const char *text);
/* The same in those of its graph alone: a branch may have become part of it. */
gr_onnx_symbol *gr_onnx_scope_lookup(const gr_onnx_scope *s, const char *text);
/* The outermost scope of the same graph. */
gr_onnx_scope *gr_onnx_scope_base(gr_onnx_scope *s);
void gr_onnx_scope_free(graft_context *c, gr_onnx_scope *s);
/* Marks what nodes and outputs read, in the scopes that define it. */
void gr_onnx_scope_mark_reads(gr_onnx_scope *s, const Onnx__GraphProto *g);
/* The call whose function s is in; NULL: none. */
const gr_onnx_call *gr_onnx_scope_call(const gr_onnx_scope *s);

/* ---- the importer ---- */

typedef struct gr_onnx gr_onnx;
typedef struct gr_onnx_part gr_onnx_part;

#define GR_ONNX_ATTRS 10
#define GR_ONNX_MANY UINT32_MAX

/* An attribute of a row. */
typedef struct gr_onnx_attr_row {
  const char *name; /* NULL ends the list */
  int type;         /* of AttributeProto */
  const char *is;   /* the graft op's attribute that it is; NULL: its handler reads it */
  graft_attr_kind kind;
  bool no_default;   /* not given, the graft op's default stands */
  int64_t i;         /* ONNX's default of an int or bool */
  double f;          /* of a float */
  const char *word;  /* of a word, in ONNX's spelling; NULL: as no_default */
  const char *words; /* those that ONNX has, "theirs" or "theirs=own", separated by blanks */
} gr_onnx_attr_row;

/* A row of import.def or contrib.def. */
typedef struct gr_onnx_op {
  const char *name;
  bool (*handler)(gr_onnx *);
  uint32_t op; /* what it becomes; GR_OP_COUNT: that depends */
  int64_t since;
  uint32_t min_inputs, max_inputs, max_outputs;
  gr_onnx_attr_row attrs[GR_ONNX_ATTRS];
} gr_onnx_op;

/* What lower layers ask of those above them. */
typedef struct gr_onnx_reader {
  const gr_onnx_op *(*row)(const char *name); /* gr_onnx_op_find */
  bool (*nodes)(gr_onnx *in, gr_onnx_scope *s);
  bool (*graph)(gr_onnx *in, graft_graph *g, const Onnx__GraphProto *proto, gr_onnx_scope *outer,
                const gr_onnx_names *captured);
} gr_onnx_reader;

/* The rows, sorted by name (table.c). */
extern const gr_onnx_op gr_onnx_ops[];
extern const uint32_t gr_onnx_op_count;
bool gr_onnx_is_direct(const gr_onnx_op *row);
const gr_onnx_op *gr_onnx_op_find(const char *name);      /* NULL: there is no row */
const gr_onnx_op *gr_onnx_contrib_find(const char *name); /* the same in contrib.def */

/* A word of an attribute's list, in ONNX's spelling and in graft's; neither ends in a zero. */
typedef struct gr_onnx_word {
  const char *theirs, *own;
  size_t length, own_length;
} gr_onnx_word;
/* Takes the next word off the list; false at its end. */
bool gr_onnx_next_word(const char **rest, gr_onnx_word *word);
/* The number of the word that ONNX spells so; -1: the row has none. */
int gr_onnx_own_word(const gr_onnx_attr_row *row, gr_choice choice, const char *theirs, size_t length);

/* A Scan, whose body becomes that of a loop: its inputs are which time it is, the condition, the states, then what is
 * scanned, whole; of that its nodes read an entry. */
typedef struct gr_onnx_scan {
  uint32_t states;
  const int64_t *axes;  /* of what is scanned */
  const bool *reversed; /* from the last entry on */
} gr_onnx_scan;

/* A function of the model: what it is called by, and what the library's messages do not know of it. */
typedef struct gr_onnx_function {
  const char *domain, *name, *overload;
  const Onnx__FunctionProto *proto;
  Onnx__AttributeProto **defaults; /* of its attributes, owned */
  uint32_t default_count;
  int64_t opset;
  uint64_t cost; /* of its nodes, in bytes of the room */
} gr_onnx_function;

/* The node at hand calls a function. */
struct gr_onnx_call {
  const gr_onnx_function *function;
  const Onnx__NodeProto *node;
  const char *name; /* goes before the names of the function's nodes and values */
};

struct gr_onnx {
  const gr_onnx_reader *reader;
  graft_context *context;
  graft_module *module;
  const char *file;
  gr_beside *beside; /* external data */
  gr_buffer *bytes;  /* of the file, which messages and tensors borrow from */
  int64_t opset;     /* of the default domain; 0: not imported */
  bool pytorch;      /* its exporter wrote the model */
  gr_arena scratch;
  uint64_t room;                      /* bytes that import may still make beyond those of the file */
  GR_VEC(gr_onnx_function) functions; /* sorted */
  uint32_t calls;                     /* of functions, that the node at hand is in: what it holds is read again */
  GR_VEC(graft_tensor) consumed;      /* tensors that became attributes: nobody may use them any more */
  gr_onnx_scope *scope;
  const gr_onnx_scan *scan; /* the graph to be imported next is the body of one; or NULL */
  const graft_type *hints;  /* of the first inputs of the graph to be imported next, instead of what it says; or NULL */
  uint32_t hint_count;

  /* the node at hand */
  const Onnx__NodeProto *node;
  const gr_onnx_op *row;
  gr_loc where;
  uint32_t record;    /* its provenance */
  bool handling;      /* its handler runs */
  bool refused;       /* … and found a form that graft cannot express (refuse.c): the node will stay as it is */
  bool opaque;        /* it stays as it is */
  const char *why;    /* … and why; NULL: graft has no such op */
  bool kept_by_all;   /* every result has the type `kept`, not the first alone */
  graft_type kept;    /* the type of its first result then */
  gr_onnx_part *part; /* what a handler borrows from another op; NULL: the node itself */

  /* the graft node in the making (build.c) */
  uint32_t op;
  gr_attr_builder attrs;
  bool failed;
};

/* Reports an error at the node at hand. GRAFT_UNSUPPORTED of a handler's is none: the file is valid, and the node stays
 * as it is, with the message as the reason (refuse.c). */
graft_status gr_onnx_fail(gr_onnx *in, graft_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

/* What graft's own files say beside the graphs (notes.c): of all nodes and tensors, after the graphs; the record
 * of one node, GRAFT_NONE: no memory. */
bool gr_onnx_read_notes(gr_onnx *in, const Onnx__ModelProto *model);
uint32_t gr_onnx_read_provenance(gr_onnx *in, const Onnx__NodeProto *node);

/* How many of an opaque node's last operands its graphs capture: an attribute of graft's, where there are some. */
#define GR_ONNX_CAPTURED "graft.captured"

/* After all graphs: state that others read too becomes tensors of its own (state.c). */
bool gr_onnx_split_state(gr_onnx *in);

/* ---- 3: tensors and types ---- */

/* False, without an error, for the dtypes that graft does not have. */
bool gr_onnx_dtype(int32_t code, graft_dtype *dtype);
const char *gr_onnx_dtype_name(int32_t code);
/* The type and bytes of a tensor; raw bytes are the file's where that can be. `what` names it in errors. The buffer's
 * reference is the caller's. */
gr_buffer *gr_onnx_tensor(gr_onnx *in, Onnx__TensorProto *t, const char *what, graft_type *type, uint64_t *offset);
#define GR_ONNX_COST 64u /* of a node, an operand, a result or an attribute in memory, at least */
/* Bytes that import makes beyond those of the file, counted: a file may ask for no more than its size allows. */
bool gr_onnx_claim(gr_onnx *in, uint64_t bytes);
/* Bytes for a constant of import's own making, or a copy of one, counted so too. */
void *gr_onnx_room(gr_onnx *in, uint64_t count, size_t each);
/* A tensor type from a ValueInfoProto's; unknown dims are -1. False, with `why` and no error: not a tensor of a dtype
 * that graft has. */
bool gr_onnx_type(const Onnx__TypeProto *t, graft_type *type, const char **why);

/* ---- 2: order ---- */

struct gr_onnx_names {
  GR_VEC(const char *) names;
};

/* Names of `s` that the graphs nested in the node read, each once; the list is the caller's to free. */
bool gr_onnx_captures(gr_onnx *in, const gr_onnx_scope *s, const Onnx__NodeProto *node, gr_onnx_names *out);
/* The nodes of s, each after those whose results it reads, else as the file has them: indices, in scratch memory. */
const uint32_t *gr_onnx_order(gr_onnx *in, const gr_onnx_scope *s);

/* ---- 3: what a graph has before its nodes ---- */

/* Defines everything that the graph will, before anything is made: graft's own names must keep clear of them. */
bool gr_onnx_define_names(gr_onnx *in, gr_onnx_scope *s, const gr_onnx_names *captured);
bool gr_onnx_add_initializers(gr_onnx *in, gr_onnx_scope *s);
/* A graph that may be read more than once: what reading it takes, at least. */
bool gr_onnx_claim_again(gr_onnx *in, const Onnx__GraphProto *g);

/* ---- 5: functions, nested graphs; 8: graphs ---- */

bool gr_onnx_read_functions(gr_onnx *in, const Onnx__ModelProto *model);
/* The function that the node calls; NULL, without an error: none. */
const gr_onnx_function *gr_onnx_function_find(gr_onnx *in, const Onnx__NodeProto *node);
/* A node of a function as the call has it: with the call's attributes for those that refer to one, without the inputs
 * that it leaves out, and named after it. Another node is given back as it is. */
const Onnx__NodeProto *gr_onnx_resolve(gr_onnx *in, const Onnx__NodeProto *node);
/* The call's nodes become nodes of the graph at hand, by gr_onnx_nodes. */
bool gr_onnx_call_function(gr_onnx *in, const gr_onnx_function *f);

/* All nodes of a scope whose names are defined. */
bool gr_onnx_nodes(gr_onnx *in, gr_onnx_scope *s);

/* The values that the graphs in the node's attributes capture, tensors apart: they become the node's operands. */
bool gr_onnx_captured(gr_onnx *in, gr_onnx_names *captured);
/* These graphs, made graphs of the module, in order; NULL: failed. */
const graft_graph **gr_onnx_nested(gr_onnx *in, const gr_onnx_names *captured);
/* The nodes of the branch become nodes of the graph at hand, and its outputs those of the node. */
bool gr_onnx_branch(gr_onnx *in, const Onnx__GraphProto *branch);
/* What only became attributes is not kept as nodes too: those that computed it, where nothing else reads them. */
bool gr_onnx_drop_computed(gr_onnx *in, gr_onnx_scope *s);
/* Ends what began as a scope of the graph at hand: back to the node, whose outputs are `results` (NULL: it failed). */
bool gr_onnx_leave(gr_onnx *in, const gr_onnx *here, gr_onnx_scope *s, const graft_value *results);
/* Imports `proto` into `g`. `captured` names become inputs after the graph's own. */
bool gr_onnx_graph(gr_onnx *in, graft_graph *g, const Onnx__GraphProto *proto, gr_onnx_scope *outer,
                   const gr_onnx_names *captured);

#endif
