/* The graph as plain structs, for the folders above ir/ (never installed). Everything here is an index into an arena.
 *
 * One rule for callers: a pointer into an arena (gr_node_at, gr_value_at …) is good until the next call that adds to
 * that arena. Hold indices, not pointers. Ids are dense: scratch data of a pass sits in arrays indexed by node id
 * (g->nodes.len entries) or value id, never in the node. */
#ifndef GRAFT_IR_INT_H
#define GRAFT_IR_INT_H

#include "ir/base_int.h"
#include "ir/ir.h"

/* ---- the op table (op.c) --------------------------------------------------------------------------------------------
 */

typedef enum gr_op {
#define OP(name, ...) GR_OP_##name,
#include "ir/ops.def"
#undef OP
  GR_OP_COUNT /* an op number from here on is opaque: GR_OP_COUNT + the string id of its name */
} gr_op;

#define GR_MAX_OPERANDS 8 /* declared, a variadic one counts once */
#define GR_MAX_ATTRS 20
#define GR_MAX_RESULTS 4

/* Families and flags; a family is written @name in rules. */
enum {
  GR_F_CONV = 1 << 0,           /* @conv: convolutions, transposed ones too */
  GR_F_CONV_TRANSPOSE = 1 << 1, /* @conv_transpose */
  GR_F_LINEAR = 1 << 2,         /* @linear */
  GR_F_Q = 1 << 3,              /* @q: quantize_per_tensor, quantize_per_channel */
  GR_F_DQ = 1 << 4,             /* @dq */
  GR_F_POOL = 1 << 5,           /* @pool */
  GR_F_VIEW = 1 << 6,           /* @view: only moves or renames elements */
  GR_F_OBSERVE = 1 << 7,
  GR_F_QPARAMS = 1 << 8,
  GR_F_FAKE_QUANTIZE = 1 << 9,
  GR_F_SPEC = 1 << 10,        /* not a node: a row that describes an annotation */
  GR_F_ELEMENTWISE = 1 << 11, /* one element in, one out */
  GR_F_COMMUTES = 1 << 12,
  GR_F_RANDOM = 1 << 13 /* has an effect while `training` */
};

typedef enum gr_role { GR_DATA, GR_WEIGHT, GR_STATISTICS, GR_QPARAM, GR_LIKE } gr_role;

typedef struct gr_operand_decl {
  const char *name; /* NULL ends the list */
  gr_role role;
  bool optional, variadic;
} gr_operand_decl;

typedef struct gr_result_decl {
  const char *name; /* NULL ends the list */
  bool optional, variadic;
} gr_result_decl;

typedef struct gr_attr_decl {
  const char *name; /* NULL ends the list */
  graft_attr_kind kind;
  bool required;     /* no default */
  bool none_allowed; /* may be `none` */
  bool default_none;
  int8_t count; /* of ints: the default is `i` this many times, and the list has this length; -1: any length */
  int64_t i;    /* default of int, bool, dtype; element of ints */
  double f;
  const char *s;
} gr_attr_decl;

typedef struct gr_op_info {
  const char *name;
  uint32_t families;   /* GR_F_… */
  int32_t weight_axis; /* output channels in the weight; -1 where there is no weight */
  gr_operand_decl operands[GR_MAX_OPERANDS + 1];
  gr_attr_decl attrs[GR_MAX_ATTRS + 1];
  gr_result_decl results[GR_MAX_RESULTS + 1];
  uint8_t operand_count, attr_count, result_count; /* declared */
  const char *doc;
} gr_op_info;

/* The leading results that are not optional: how many a node has when nobody says. */
uint32_t gr_op_required_results(const gr_op_info *op);
/* NULL for an opaque op. */
const gr_op_info *gr_op_get(uint32_t op);
/* GR_OP_COUNT when the table has no such op. */
uint32_t gr_op_find(const char *name, size_t length);
/* Families by the name rules use ("conv", "q"); 0 when unknown. */
uint32_t gr_family_find(const char *name, size_t length);
/* Slot of an attribute, operand or result; -1 when the op has none of this name. */
int gr_op_attr_slot(const gr_op_info *op, const char *name, size_t length);
int gr_op_operand_slot(const gr_op_info *op, const char *name, size_t length);
int gr_op_result_slot(const gr_op_info *op, const char *name, size_t length);

/* ---- names and strings (intern.c)
 * ------------------------------------------------------------------------------------ */

/* A name is a string and a number: "relu_2" is ("relu", 2), "relu" is ("relu", 0), so that made-up names cost no bytes.
 * gr_name_split keeps the two forms one to one ("a_0", "a_01" have no number). Base 0 (the empty string): unnamed. */
typedef struct gr_name {
  uint32_t base, number;
} gr_name;

typedef struct gr_string {
  uint32_t offset, length; /* in the pool's bytes; NUL-terminated there */
  uint32_t next_number;    /* every name made so far with this base has a smaller number */
} gr_string;

typedef struct gr_strings {
  GR_VEC(gr_string) items; /* 0 is "" */
  GR_VEC(char) bytes;
  uint64_t *slots; /* open addressing: hash << 32 | string id + 1, so that probing seldom leaves the table; 0: free */
  uint32_t slot_count;
} gr_strings;

uint32_t gr_intern(graft_module *m, const char *text, size_t length); /* GRAFT_NONE: no memory */
/* Room for that many more strings, so that the table is not rebuilt again and again. */
bool gr_intern_reserve(graft_module *m, uint32_t extra);
uint32_t gr_intern_find(const graft_module *m, const char *text, size_t length);
/* Many at once, as a file has them, each followed by a zero byte; `size` bytes in all. Their ids follow each other.
 * Gives `count`, or the index of the first that the module has already (it is then in disorder: destroy it), or
 * GRAFT_NONE: no memory. */
uint32_t gr_intern_pool(graft_module *m, const char *pool, uint32_t size, const uint32_t *lengths, uint32_t count);
const char *gr_string_text(const graft_module *m, uint32_t id);
uint32_t gr_string_length(const graft_module *m, uint32_t id);
/* The base GRAFT_NONE: no memory. */
gr_name gr_name_split(graft_module *m, const char *text, size_t length);
/* The number that gr_name_split finds in a text; 0: none. */
uint32_t gr_name_number(const char *text, size_t length);
size_t gr_name_format(const graft_module *m, gr_name name, char *buffer, size_t size);
/* A name that nothing in the module has: `wanted` if it is free, else its base with the next number. */
gr_name gr_name_unique(graft_module *m, gr_name wanted);
/* A name given from outside is in use: made-up names keep clear of it. The giver has checked that it is free. */
void gr_name_taken(graft_module *m, gr_name name);
/* The next free name of a base: O(1). */
gr_name gr_name_next(graft_module *m, uint32_t base);
static inline bool gr_name_equal(gr_name a, gr_name b) { return a.base == b.base && a.number == b.number; }

/* ---- attributes (attr.c)
 * ----------------------------------------------------------------------------------------------- */

/* Attribute sets are interned: equal sets have equal ids, so comparing attributes is comparing two numbers. The set of
 * a known op has exactly its declared attributes, in the table's order; that of an opaque op has names of its own. */
typedef struct gr_attr {
  uint32_t name; /* string id; known ops: unused, 0 */
  uint16_t kind; /* graft_attr_kind */
  uint16_t pad;
  union {
    int64_t i; /* bool, int, dtype, graph, string id */
    double f;
    struct {
      uint32_t offset, count;
    } list; /* in m->attrs.ints or .floats */
  } as;
} gr_attr;

typedef struct gr_attr_set {
  uint32_t first, count; /* in m->attrs.items */
  uint32_t hash;
} gr_attr_set;

typedef struct gr_attr_table {
  GR_VEC(gr_attr_set) sets; /* 0 is the empty set */
  GR_VEC(gr_attr) items;
  GR_VEC(int64_t) ints;
  GR_VEC(double) floats;
  uint32_t *slots;
  uint32_t slot_count;
} gr_attr_table;

/* A set under construction, outside any module's tables. Strings and lists are borrowed until gr_attrs_intern. */
typedef struct gr_attr_builder {
  graft_attr items[GR_MAX_ATTRS]; /* known op: by slot; opaque: in order */
  uint32_t count;
} gr_attr_builder;

/* The op's defaults (required ones: kind NONE with `name` set, reported by gr_attrs_intern); opaque: empty. */
void gr_attrs_begin(gr_attr_builder *b, const gr_op_info *op);
/* Begins with an existing set. */
void gr_attrs_begin_from(gr_attr_builder *b, const graft_module *m, const gr_op_info *op, uint32_t set);
/* Checks name and kind (an int stands for a float; none where allowed); `where` and `node` are for the diagnostic. */
graft_status gr_attrs_set(graft_module *m, gr_attr_builder *b, const gr_op_info *op, const graft_attr *attr,
                          gr_loc where);
/* The set's id, or GRAFT_NONE with a diagnostic (a required attribute missing, no memory). */
uint32_t gr_attrs_intern(graft_module *m, gr_attr_builder *b, const gr_op_info *op, gr_loc where);
/* The attributes of a set, in order; `*count` of them. */
const gr_attr *gr_attrs_get(const graft_module *m, uint32_t set, uint32_t *count);
/* Attribute `slot` in the public form; strings and lists borrowed. op NULL: opaque. */
graft_attr gr_attr_public(const graft_module *m, const gr_op_info *op, uint32_t set, uint32_t slot);
bool gr_attr_equal(const graft_attr *a, const graft_attr *b); /* names apart */
/* By name, for code that knows its op; the attribute must exist with that kind. */
int64_t gr_attr_int(const graft_module *m, uint32_t op, uint32_t set, const char *name);
double gr_attr_float(const graft_module *m, uint32_t op, uint32_t set, const char *name);
bool gr_attr_bool(const graft_module *m, uint32_t op, uint32_t set, const char *name);
const char *gr_attr_str(const graft_module *m, uint32_t op, uint32_t set, const char *name);
/* NULL and 0 for none. */
const int64_t *gr_attr_ints(const graft_module *m, uint32_t op, uint32_t set, const char *name, uint32_t *count);
bool gr_attr_is_none(const graft_module *m, uint32_t op, uint32_t set, const char *name);

/* ---- the graph (graph.c, edit.c)
 * ---------------------------------------------------------------------------------------- */

typedef struct gr_node {
  uint32_t op;        /* gr_op, or opaque */
  uint32_t attrs;     /* attribute set */
  uint32_t first_use; /* operand i is use first_use + i */
  uint32_t operand_count;
  uint32_t first_result; /* result i is value first_result + i */
  uint32_t result_count;
  uint32_t prev, next; /* graph order; GRAFT_NONE at the ends */
  uint32_t provenance; /* record, 0: none */
} gr_node;

/* Who uses a value: a node's operand slot, or, flagged in the top bits of `user`, an output or an update. */
#define GR_USER_OUTPUT 0x80000000u
#define GR_USER_UPDATE 0xC0000000u
#define GR_USER_INDEX 0x3FFFFFFFu
#define GR_USER_NODE_MAX 0x7FFFFFFEu

typedef struct gr_use {
  uint32_t value; /* GRAFT_NONE: an absent optional operand, or erased */
  uint32_t user;
  uint32_t prev, next; /* among the value's uses */
} gr_use;

typedef enum gr_def { GR_DEF_DEAD, GR_DEF_INPUT, GR_DEF_NODE, GR_DEF_TENSOR } gr_def;

typedef struct gr_value {
  uint32_t type; /* GRAFT_NONE: an absent optional result */
  uint32_t def : 30;
  uint32_t def_kind : 2; /* gr_def; def is the input's index, the node, or the tensor */
  uint32_t first_use;    /* the newest; GRAFT_NONE: unused */
  gr_name name;          /* of an input or result; a tensor's handle is called as the tensor */
} gr_value;

typedef struct gr_output {
  uint32_t use;
  uint32_t name; /* string: the interface's name, which no pass changes */
} gr_output;

typedef struct gr_update {
  uint32_t use;
  graft_tensor tensor; /* GRAFT_NONE: erased */
} gr_update;

struct graft_graph {
  graft_module *module;
  uint32_t index; /* in the module */
  uint32_t name;  /* string */
  GR_VEC(gr_node) nodes;
  GR_VEC(gr_use) uses;
  GR_VEC(gr_value) values;
  GR_VEC(graft_value) inputs;
  GR_VEC(gr_output) outputs;
  GR_VEC(gr_update) updates;
  GR_VEC(graft_value) tensor_values; /* by tensor: its handle here, GRAFT_NONE: not used yet */
  GR_VEC(uint32_t) spec_of_use;      /* by use; shorter than uses means 0 from there on; 0: no spec */
  GR_VEC(uint32_t) spec_of_value;    /* by value */
  uint32_t first, last, live;        /* nodes in order; how many */
  gr_map names;                      /* gr_name -> value, built on first use */
  bool names_built;
};

static inline gr_node *gr_node_at(const graft_graph *g, graft_node n) { return &g->nodes.data[n]; }
static inline gr_value *gr_value_at(const graft_graph *g, graft_value v) { return &g->values.data[v]; }
static inline gr_use *gr_use_at(const graft_graph *g, uint32_t u) { return &g->uses.data[u]; }
/* GRAFT_NONE for an absent operand, also past the end. */
static inline graft_value gr_operand(const graft_graph *g, graft_node n, uint32_t slot) {
  const gr_node *node = &g->nodes.data[n];
  return slot < node->operand_count ? g->uses.data[node->first_use + slot].value : GRAFT_NONE;
}
static inline graft_value gr_result(const graft_graph *g, graft_node n, uint32_t i) {
  const gr_node *node = &g->nodes.data[n];
  return i < node->result_count && g->values.data[node->first_result + i].type != GRAFT_NONE ? node->first_result + i
                                                                                             : GRAFT_NONE;
}
/* An erased node has op GRAFT_NONE. */
static inline bool gr_node_live(const graft_graph *g, graft_node n) { return g->nodes.data[n].op != GRAFT_NONE; }
static inline graft_node gr_value_node(const graft_graph *g, graft_value v) {
  return g->values.data[v].def_kind == GR_DEF_NODE ? g->values.data[v].def : GRAFT_NONE;
}
static inline graft_tensor gr_value_tensor(const graft_graph *g, graft_value v) {
  return g->values.data[v].def_kind == GR_DEF_TENSOR ? g->values.data[v].def : GRAFT_NONE;
}
static inline bool gr_user_is_node(uint32_t user) { return user <= GR_USER_NODE_MAX; }
static inline bool gr_one_use(const graft_graph *g, graft_value v) {
  uint32_t u = g->values.data[v].first_use;
  return u != GRAFT_NONE && g->uses.data[u].next == GRAFT_NONE;
}
static inline bool gr_unused(const graft_graph *g, graft_value v) { return g->values.data[v].first_use == GRAFT_NONE; }
/* The slot of a use in its user node. */
static inline uint32_t gr_use_slot(const graft_graph *g, uint32_t use) {
  return use - g->nodes.data[g->uses.data[use].user].first_use;
}
const graft_type *gr_type_of(const graft_graph *g, graft_value v); /* borrowed from the type table */
const char *gr_op_text(const graft_module *m, uint32_t op);        /* the op's name, opaque ones too */
const gr_op_info *gr_info(const graft_graph *g, graft_node n);     /* NULL for an opaque node */

typedef struct gr_node_desc {
  uint32_t op, attrs;
  const graft_value *operands;
  uint32_t operand_count;
  uint32_t result_count;
  uint32_t absent_results; /* bit i: optional result i is absent */
  const gr_name *names;    /* one a result, or NULL: made from the op's name */
  uint32_t name_base;      /* without `names`: string that the made name begins with; 0: the op's name */
  uint32_t provenance;
  graft_node before;     /* GRAFT_NONE: append */
  const uint32_t *types; /* result types, when known (a reader that verifies later, opaque nodes); NULL: infer */
  gr_loc where;          /* for diagnostics */
} gr_node_desc;

/* GRAFT_NONE with a diagnostic: the operands contradict the op, or no memory. Trailing absent operands are dropped. */
graft_node gr_node_add(graft_graph *g, const gr_node_desc *desc);
/* The node becomes another one in place: its id, position and first results stay, so users of them are untouched.
 * Results past the new count must be unused. More results than before get new value ids, and the old ones' uses move to
 * them. Specs on its uses are dropped (callers carry them), those on its values stay. */
graft_status gr_node_become(graft_graph *g, graft_node n, const gr_node_desc *desc);
void gr_node_erase(graft_graph *g, graft_node n); /* results must be unused */
graft_status gr_use_set(graft_graph *g, uint32_t use, graft_value v);
void gr_replace_uses(graft_graph *g, graft_value from, graft_value to);
void gr_node_move_before(graft_graph *g, graft_node n, graft_node before);
graft_value gr_handle(graft_graph *g, graft_tensor t);
/* An input of exactly this name, which the giver knows to be free. */
graft_value gr_input_add(graft_graph *g, gr_name name, const graft_type *type);
graft_value gr_find_value(graft_graph *g, gr_name name); /* inputs, results, tensors' handles; GRAFT_NONE */
graft_status gr_value_rename(graft_graph *g, graft_value v, gr_name name);
gr_name gr_value_get_name(const graft_graph *g, graft_value v);
gr_loc gr_node_loc(graft_graph *g, graft_node n); /* for diagnostics; good for the next few calls */
/* The node's name as text, in a buffer that is overwritten by the fourth call from now. */
const char *gr_node_label(graft_graph *g, graft_node n);
const char *gr_value_label(graft_graph *g, graft_value v);
const char *gr_name_label(graft_module *m, gr_name name);
void gr_update_erase(graft_graph *g, uint32_t index);

/* ---- types (type.c) and inference (infer*.c)
 * ------------------------------------------------------------------------------ */

uint32_t gr_type_intern(graft_module *m, const graft_type *t); /* GRAFT_NONE: no memory */
bool gr_type_equal(const graft_type *a, const graft_type *b);
/* Equal, or an unknown dtype, rank or extent on either side. */
bool gr_type_compatible(const graft_type *a, const graft_type *b);
/* "f32[1, 3, ?, 5]" (a rank-0 type has no brackets, an unknown rank is *), into `buffer` as snprintf does. */
size_t gr_type_format(const graft_type *t, char *buffer, size_t size);
/* Least and greatest value of a type that quantized numbers can have; false for any other type. */
bool gr_dtype_range(graft_dtype dtype, int64_t *low, int64_t *high);

typedef struct gr_infer {
  const graft_module *module;
  uint32_t op, attrs;
  const graft_type *const *operands; /* NULL: absent */
  uint32_t operand_count;
  /* Data of a constant integer operand, for shapes (reshape's size); NULL: not known. May be NULL. */
  const int64_t *(*constant)(void *user, uint32_t operand, uint32_t *count);
  void *user;
  graft_type *results; /* result_count of them */
  uint32_t result_count;
  char *error; /* 160 bytes: "C2: weight has 4 input channels, x has 3" */
} gr_infer;

/* The values of a constant i64 or i32 tensor of at most GRAFT_MAX_RANK elements, into `ints`; NULL for any other. */
const int64_t *gr_constant_ints(graft_module *m, graft_tensor t, int64_t *ints, uint32_t *count);
/* Result types from operand types; false with `error` set when they contradict the op. Opaque: unknown. */
bool gr_infer_types(gr_infer *in);

/* ---- tensors (tensor.c)
 * ---------------------------------------------------------------------------------------------------- */

typedef struct gr_buffer {
  void *data;
  size_t size;
  uint32_t refs;
  void (*release)(struct gr_buffer *); /* NULL: data was allocated with the context */
  void *owner;                         /* of a mapped file */
} gr_buffer;

typedef struct gr_tensor {
  gr_name name;
  uint32_t type;
  uint8_t kind;   /* graft_tensor_kind */
  uint8_t source; /* gr_tensor_source */
  uint8_t erased;
  uint8_t pad;
  gr_buffer *buffer; /* NULL: a fill not yet read, or elided */
  uint64_t offset;   /* in the buffer */
  uint64_t hash;     /* xxHash64 of the bytes; 0: not known */
  double lo, hi;     /* of a fill */
  uint32_t fill;     /* string: the name in the formula */
  uint32_t pad2;
} gr_tensor; /* 72 bytes */

/* A tensor's type and bytes outside any module: what an evaluator takes and gives. `data` NULL: an absent operand. A
 * result owns one reference of its buffer; of an operand it may be NULL (borrowed bytes). */
typedef struct gr_array {
  graft_type type;
  const void *data;
  gr_buffer *buffer;
} gr_array;

/* Runs one op on given operands; plugged into the rewriter by passes/, which alone sees runtime/. */
typedef graft_status (*gr_evaluator)(void *user, graft_module *m, uint32_t op, uint32_t attrs, const gr_array *operands,
                                     uint32_t operand_count, gr_array *results, uint32_t result_count, gr_loc where);

typedef enum gr_tensor_source { GR_TENSOR_DATA, GR_TENSOR_FILL, GR_TENSOR_ELIDED } gr_tensor_source;

static inline const graft_type *gr_tensor_type(const graft_module *m, graft_tensor t);
graft_tensor gr_find_tensor(graft_module *m, gr_name name); /* GRAFT_NONE: none */
/* Takes over one reference of `buffer` (also on failure). */
graft_tensor gr_tensor_add(graft_module *m, gr_name name, graft_tensor_kind kind, uint32_t type, gr_buffer *buffer,
                           uint64_t offset);
gr_buffer *gr_buffer_create(graft_context *c, size_t size); /* zeroed; one reference */
gr_buffer *gr_buffer_alloc(graft_context *c, size_t size);  /* not zeroed: large ones are not touched twice */
gr_buffer *gr_buffer_retain(gr_buffer *b);
void gr_buffer_release(graft_context *c, gr_buffer *b);
/* The tensor takes another buffer of the right size (one reference is taken over). */
void gr_tensor_set_buffer(graft_module *m, graft_tensor t, gr_buffer *buffer, uint64_t offset);
/* Bytes for writing: copied first when shared or borrowed. */
void *gr_tensor_write(graft_module *m, graft_tensor t);
size_t gr_tensor_bytes(const graft_module *m, graft_tensor t);
uint64_t gr_tensor_hash(graft_module *m, graft_tensor t);
/* Appends "name" or a free name like it for a tensor made from another: NAME.1, NAME.2 … */
gr_name gr_name_derived(graft_module *m, gr_name from);
void gr_tensor_erase(graft_module *m, graft_tensor t);
/* A rank-0 or rank-n constant equal to these bytes, merged with one the module has. */
graft_tensor gr_constant(graft_module *m, const char *name, const graft_type *type, const void *data);

/* ---- annotations and provenance (annotation.c, provenance.c)
 * ------------------------------------------------------------------- */

/* A spec says how one edge (use) or value is quantized. `op` is one of the table's spec rows (spec, shared, derived,
 * fixed) and `attrs` its attributes; shared and derived refer to edges or values. Specs are interned. */
typedef struct gr_spec_ref {
  bool is_value;
  uint32_t id; /* use or value, in the graph that the spec is used in */
} gr_spec_ref;

typedef struct gr_spec {
  uint32_t op, attrs;
  uint32_t first_ref, ref_count; /* in m->spec_refs */
} gr_spec;

uint32_t gr_spec_intern(graft_module *m, uint32_t op, uint32_t attrs, const gr_spec_ref *refs, uint32_t ref_count);
const gr_spec *gr_spec_get(const graft_module *m, uint32_t spec); /* spec > 0 */
const gr_spec_ref *gr_spec_refs(const graft_module *m, uint32_t spec);
uint32_t gr_spec_of_use(const graft_graph *g, uint32_t use); /* 0: none */
uint32_t gr_spec_of_value(const graft_graph *g, graft_value v);
graft_status gr_spec_set_use(graft_graph *g, uint32_t use, uint32_t spec);
graft_status gr_spec_set_value(graft_graph *g, graft_value v, uint32_t spec);
void gr_spec_clear(graft_graph *g);
bool gr_has_specs(const graft_graph *g);

/* Who made a node: a source name, or (pass, rule, records of the nodes it was made from). Interned; 0 is none. */
typedef struct gr_record {
  uint32_t source;                     /* string: name in the source network; 0: made by a pass */
  uint32_t pass, rule;                 /* strings */
  uint32_t equals;                     /* string: the old value that the first result equals; 0: none */
  uint32_t first_parent, parent_count; /* in m->record_parents */
} gr_record;

uint32_t gr_record_intern(graft_module *m, const gr_record *r, const uint32_t *parents);
const gr_record *gr_record_get(const graft_module *m, uint32_t record);
const uint32_t *gr_record_parents(const graft_module *m, uint32_t record);
/* The source name a record goes back to (the first one found through its first parents); 0: none. O(depth). */
uint32_t gr_record_source(const graft_module *m, uint32_t record);

/* ---- the module (module.c)
 * ------------------------------------------------------------------------------------------------------ */

struct graft_module {
  graft_context *context;
  uint32_t file; /* string: where it came from, for diagnostics */
  gr_strings strings;
  GR_VEC(graft_type) types;
  uint32_t *type_slots;
  uint32_t type_slot_count;
  gr_attr_table attrs;
  GR_VEC(gr_tensor) tensors;
  gr_map tensor_names; /* gr_name -> tensor, built on first use */
  bool tensor_names_built;
  gr_map constants; /* content hash -> tensor, of merged constants */
  GR_VEC(graft_graph *) graphs;
  GR_VEC(gr_spec) specs; /* 0 is none */
  GR_VEC(gr_spec_ref) spec_refs;
  gr_map spec_ids;
  GR_VEC(gr_record) records; /* 0 is none */
  GR_VEC(uint32_t) record_parents;
  gr_map record_ids; /* of the first `records_known` records; the rest, read from a file, on first use */
  uint32_t records_known;
  char labels[4][256]; /* names as text, for diagnostics */
  uint32_t next_label;
  uint32_t op_strings[GR_OP_COUNT]; /* string id of each op's name, for made-up names; 0: not yet */
};

static inline const graft_type *gr_tensor_type(const graft_module *m, graft_tensor t) {
  return &m->types.data[m->tensors.data[t].type];
}
/* Bytes that the module's arenas hold in use, the tensors' data apart: for benchmarks. */
typedef struct gr_memory {
  size_t graph;      /* nodes, uses, values, outputs, updates, attributes, types, annotations */
  size_t tensors;    /* tensor records, their handles and merged constants */
  size_t strings;    /* names of tensors, values and sources */
  size_t provenance; /* records */
} gr_memory;
gr_memory gr_module_memory(const graft_module *m);

#endif
