/* Graphs: nodes, uses, values; adding, changing, reading (graph.c); types and their inference (type.c, infer*.c). */
#ifndef GRAFT_GRAPH_INT_H
#define GRAFT_GRAPH_INT_H

#include "ir/graph/attr_int.h"
#include "ir/graph/intern_int.h"

enum gr_mark_index {
#define MARK(id, name, doc) GR_MARK_INDEX_##id,
#include "ir/marks.def"
#undef MARK
  GR_MARK_COUNT
};
enum gr_mark {
#define MARK(id, name, doc) GR_MARK_##id = 1 << GR_MARK_INDEX_##id,
#include "ir/marks.def"
#undef MARK
};
uint32_t gr_mark_find(const char *name, size_t length); /* the bit; 0: no mark is called so */

typedef struct gr_node {
  uint32_t op;        /* gr_op, or opaque */
  uint32_t attrs;     /* attribute set */
  uint32_t first_use; /* operand i is use first_use + i */
  uint32_t operand_count;
  uint32_t first_result; /* result i is value first_result + i */
  uint32_t result_count;
  uint32_t prev, next; /* graph order; GRAFT_NONE at the ends */
  uint32_t provenance; /* record, 0: none */
  uint32_t marks;      /* GR_MARK_…, what passes go by */
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

/* A graph's handles of tensors (tensor_handle.c): a table with free slots, in no order. */
#define GR_HANDLE_GONE (GRAFT_NONE - 1u) /* in a slot whose handle was erased; GRAFT_NONE: never taken */
typedef struct gr_tensor_handles {
  graft_value *data; /* laid out as a GR_VEC */
  uint32_t len, cap;
  uint32_t taken; /* slots that are not GRAFT_NONE, at least: what is taken back is not counted off */
} gr_tensor_handles;

struct graft_graph {
  GR_HANDLE;
  graft_module *module;
  uint32_t index; /* in the module */
  uint32_t name;  /* string */
  GR_VEC(gr_node) nodes;
  GR_VEC(gr_use) uses;
  GR_VEC(gr_value) values;
  GR_VEC(graft_value) inputs;
  GR_VEC(gr_output) outputs;
  GR_VEC(gr_update) updates;
  gr_tensor_handles handles;
  GR_VEC(uint32_t) spec_of_use;   /* by use; shorter than uses means 0 from there on; 0: no spec */
  GR_VEC(uint32_t) spec_of_value; /* by value */
  GR_VEC(uint32_t)
  origin_of_use, origin_of_value; /* strings, 0: not known: what annotated; in no file, for --explain */
  gr_map referred;                /* uses and values that specs refer to (referred.c) */
  bool referred_known;
  uint32_t first, last, live; /* nodes in order; how many */
  uint64_t edits;             /* counts changes of nodes, values, inputs, outputs and updates, those taken back too */
  GR_VEC(uint64_t) order;     /* labels by node (order.c); empty, or as long as nodes */
  GR_VEC(void *) users;       /* an embedder's, by node; may be shorter than nodes: NULL from there on (user.c) */
  gr_map names;               /* gr_name -> value, built on first use */
  bool names_built;
  gr_map output_names, updated; /* string -> output, tensor -> update, where there are many (index.c) */
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
static inline bool gr_is_marked(const graft_graph *g, graft_node n, uint32_t marks) {
  return g->nodes.data[n].marks & marks;
}
/* An erased node has op GRAFT_NONE. */
static inline bool gr_node_live(const graft_graph *g, graft_node n) { return g->nodes.data[n].op != GRAFT_NONE; }
/* Of any number, as it comes from outside: a node or value that the graph has (not erased, not absent)? */
static inline bool gr_is_node(const graft_graph *g, graft_node n) { return n < g->nodes.len && gr_node_live(g, n); }
static inline bool gr_is_value(const graft_graph *g, graft_value v) {
  return v < g->values.len && g->values.data[v].def_kind != GR_DEF_DEAD && g->values.data[v].type != GRAFT_NONE;
}
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
/* The annotation of an edge or value; 0: none. */
static inline uint32_t gr_spec_of_use(const graft_graph *g, uint32_t use) {
  return use < g->spec_of_use.len ? g->spec_of_use.data[use] : 0;
}
static inline uint32_t gr_spec_of_value(const graft_graph *g, graft_value v) {
  return v < g->spec_of_value.len ? g->spec_of_value.data[v] : 0;
}
/* The slot of a use in its user node. */
static inline uint32_t gr_use_slot(const graft_graph *g, uint32_t use) {
  return use - g->nodes.data[g->uses.data[use].user].first_use;
}
const graft_type *gr_type_of(const graft_graph *g, graft_value v); /* borrowed from the type table */
const char *gr_op_text(const graft_module *m, uint32_t op);        /* the op's name, opaque ones too */
const gr_op_info *gr_info(const graft_graph *g, graft_node n);     /* NULL for an opaque node */
uint32_t gr_node_families(const graft_graph *g, graft_node n);     /* 0 for an opaque node, and for GRAFT_NONE */

typedef struct gr_node_desc {
  uint32_t op, attrs;
  const graft_value *operands;
  uint32_t operand_count;
  uint32_t result_count;
  uint32_t absent_results; /* bit i: optional result i is absent */
  const gr_name *names;    /* one a result, or NULL: made from the op's name */
  uint32_t name_base;      /* without `names`: string that the made name begins with; 0: the op's name */
  uint32_t provenance;
  uint32_t marks;        /* GR_MARK_… */
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
/* The tensor's handle, made where the graph has none; GRAFT_NONE: no memory. */
graft_value gr_handle(graft_graph *g, graft_tensor t);
graft_value gr_handle_probe(const graft_graph *g, graft_tensor t); /* gr_handle_of, where a look is not enough */
/* … GRAFT_NONE: the graph has none. O(1). */
static inline graft_value gr_handle_of(const graft_graph *g, graft_tensor t) {
  const graft_value v = t < g->handles.len ? g->handles.data[t] : GR_HANDLE_GONE;
  return v == GRAFT_NONE || (v < g->values.len && gr_value_tensor(g, v) == t) ? v : gr_handle_probe(g, t);
}
/* All handles, in no order: those of slots 0 to handles.len - 1 that are not GRAFT_NONE. */
static inline graft_value gr_handle_at(const graft_graph *g, uint32_t slot) {
  return g->handles.data[slot] == GR_HANDLE_GONE ? GRAFT_NONE : g->handles.data[slot];
}
uint32_t gr_handle_slot(const graft_graph *g, graft_tensor t); /* of the tensor's handle; GRAFT_NONE: none */
uint32_t gr_handle_count(const graft_graph *g);
typedef struct gr_held {
  graft_tensor tensor;
  graft_value value;
} gr_held;
typedef GR_VEC(gr_held) gr_held_list;
/* All handles in the order of their tensors, into a list that may have served before. False: no memory. */
bool gr_handles_list(const graft_graph *g, gr_held_list *out);
void gr_held_sort(gr_held_list *list);               /* by tensor */
void gr_handle_erase(graft_graph *g, uint32_t slot); /* of an unused one; 3 entries */
/* An empty table for `count` handles of tensors below `end`, and one of them into it, each tensor once. */
bool gr_handles_create(graft_context *c, gr_tensor_handles *h, uint32_t count, uint32_t end);
void gr_handles_put_aside(gr_tensor_handles *h, graft_tensor t, graft_value v); /* where its own slot is taken */
static inline void gr_handles_put(gr_tensor_handles *h, graft_tensor t, graft_value v) {
  if (t < h->len && h->data[t] == GRAFT_NONE) {
    h->data[t] = v;
    h->taken++;
  } else {
    gr_handles_put_aside(h, t, v);
  }
}
/* Does a node, a result or the value of an update use the tensor's handle in any graph? In any but this one? */
bool gr_tensor_is_read(graft_module *m, graft_tensor t);
graft_status gr_tensor_updated_in(graft_module *m, graft_tensor t, graft_graph **g); /* NULL: no graph updates it */
bool gr_tensor_is_read_beside(const graft_graph *own, graft_module *m, graft_tensor t);

/* Graphs that may hold a tensor's handle or update it, and no others where there are many (holders.c):
 *
 *     gr_holder_walk w = gr_holders_of(m, t);
 *     for (graft_graph *g; (g = gr_holders_next(&w));) …look whether it does…
 *
 * Handles may be made and erased meanwhile. A graph may come twice. */
typedef struct gr_holder {
  uint32_t graph, next;
} gr_holder;
typedef struct gr_holders {
  GR_VEC(uint32_t) last; /* by tensor: the entry before that where a walk begins; GRAFT_NONE: no graph does */
  GR_VEC(gr_holder) entries;
  bool built;
} gr_holders;
typedef struct gr_holder_walk {
  graft_module *module;
  graft_tensor tensor;
  uint32_t at, now, before; /* entries: the next one, that of the last graph given, the one before that */
  bool listed, begun;       /* not listed: all graphs, by number */
} gr_holder_walk;
bool gr_holders_ready(graft_module *m); /* lists them; false: no memory, a walk goes through all graphs then */
gr_holder_walk gr_holders_of(graft_module *m, graft_tensor t);
graft_graph *gr_holders_next(gr_holder_walk *w);     /* NULL: that was all */
void gr_holders_keep(const gr_holder_walk *w);       /* the next walk begins with the graph that was given last */
bool gr_holders_put(graft_graph *g, graft_tensor t); /* the graph is going to hold its handle; false: no memory */
void gr_holders_drop(graft_module *m);
/* An input of exactly this name, which the giver knows to be free. */
graft_value gr_input_add(graft_graph *g, gr_name name, const graft_type *type);
graft_value gr_find_value(graft_graph *g, gr_name name); /* inputs, results, tensors' handles; GRAFT_NONE */
graft_status gr_value_rename(graft_graph *g, graft_value v, gr_name name);
/* An operand is defined before who reads it: refuses, with the reader's name, what is not so. `n` GRAFT_NONE: a node to
 * be at the end. */
graft_status gr_check_defined(graft_graph *g, graft_value operand, graft_node n, gr_loc where);
/* The node's results inferred again, of an op that the table knows; `*changed` counts those of another type. */
graft_status gr_node_infer(graft_graph *g, graft_node n, uint32_t *changed);
/* Do its operands still give results of the types that they have? GRAFT_TYPE with a diagnostic. */
graft_status gr_node_agrees(graft_graph *g, graft_node n);
graft_status gr_value_set_type(graft_graph *g, graft_value v, uint32_t type);
graft_status gr_node_set_provenance(graft_graph *g, graft_node n, uint32_t record);
gr_name gr_value_get_name(const graft_graph *g, graft_value v);
/* For diagnostics: as long as the module lives, whatever becomes of the node. */
gr_loc gr_node_loc(const graft_graph *g, graft_node n);
gr_loc gr_value_loc(const graft_graph *g, graft_value v);
gr_loc gr_module_loc(const graft_module *m); /* its file */
/* The node's name as text, in a buffer that is overwritten by the fourth call from now. */
const char *gr_node_label(graft_graph *g, graft_node n);
const char *gr_value_label(graft_graph *g, graft_value v);
const char *gr_name_label(graft_module *m, gr_name name);
void gr_update_erase(graft_graph *g, uint32_t index);
/* Would the update give a tensor the value that it has? `update t = t` is none. */
static inline bool gr_update_is_idle(const graft_graph *g, uint32_t index, graft_value v) {
  return g->updates.data[index].tensor != GRAFT_NONE && gr_value_tensor(g, v) == g->updates.data[index].tensor;
}

/* ---- what may happen to a node (effect.c): the one place that says so ----
 *
 * An opaque op may do anything, an op that draws random numbers is one that draws while it trains; everything else
 * computes its results from its operands and nothing else, state included. */
enum {
  GR_MAY_ERASE = 1,      /* where nothing reads its results */
  GR_MAY_MERGE = 2,      /* with an equal node */
  GR_MAY_PRECOMPUTE = 4, /* once, where its operands are known before the step: by a session, by const() in a rule */
  GR_MAY_FOLD = 8        /* into constants of the module: quantization stays, or folding a dequantize would undo it */
};
uint32_t gr_node_may(const graft_graph *g, graft_node n);
/* Has the op the attribute `training`, and is it set? */
bool gr_is_training(const graft_graph *g, graft_node n);

/* One more graph of the module, with the same nodes, values, outputs and updates under the same numbers, without
 * annotations, inside an edit: what it has is taken back with it. NULL with a diagnostic. */
graft_graph *gr_graph_copy(const graft_graph *from, const char *name);

/* By graph: an attribute of a node names it, so that it is run inside another one. NULL: no memory. The caller's to
 * free: as many bytes as the module has graphs, and one. */
bool *gr_nested_graphs(graft_module *m);
/* Drops the last graphs of a module that is being read, from number `from` on. */
void gr_graphs_drop(graft_module *m, uint32_t from);

/* ---- types (type.c) and inference (infer*.c) ---- */

graft_dtype gr_dtype_find(const char *name, size_t length); /* GRAFT_UNKNOWN: no dtype is called so */
typedef enum gr_dtype_kind {
  GR_KIND_NONE,
  GR_KIND_FLOAT,
  GR_KIND_SIGNED,
  GR_KIND_UNSIGNED,
  GR_KIND_TRUTH
} gr_dtype_kind;
gr_dtype_kind gr_dtype_kind_of(graft_dtype dtype);
static inline bool gr_is_float(graft_dtype d) { return gr_dtype_kind_of(d) == GR_KIND_FLOAT; }
static inline bool gr_is_half(graft_dtype d) { return d == GRAFT_F16 || d == GRAFT_BF16; }
static inline bool gr_is_integer(graft_dtype d) { /* bool is none */
  return gr_dtype_kind_of(d) == GR_KIND_SIGNED || gr_dtype_kind_of(d) == GR_KIND_UNSIGNED;
}
/* The bound on extents and on their product, those of extent 0 apart, so that no sum or product of a few sizes
 * overflows. Every type of a module is within it, since interning refuses any other. */
#define GR_MAX_ELEMENTS ((int64_t)1 << 48)
bool gr_type_fits(const graft_type *t);
/* GRAFT_NONE with a diagnostic: a type that does not fit, or no memory. */
uint32_t gr_type_intern(graft_module *m, const graft_type *t);
uint32_t gr_type_intern_at(graft_module *m, const graft_type *t, gr_loc where);
/* One from outside: false with a diagnostic where it is none. */
bool gr_type_given(graft_context *c, const graft_type *t, gr_loc where);
bool gr_type_equal(const graft_type *a, const graft_type *b);
/* The same but for the dtype. */
bool gr_same_shape(const graft_type *a, const graft_type *b);
/* Equal, or an unknown dtype, rank or extent on either side. */
bool gr_type_compatible(const graft_type *a, const graft_type *b);
/* "f32[1, 3, ?, 5]" as .gir has it (rank 0 is [], an unknown rank [*]), into `buffer` as snprintf does. */
#define GR_TYPE_SIZE (16 + 22 * GRAFT_MAX_RANK)
size_t gr_type_format(const graft_type *t, char *buffer, size_t size);
/* Least and greatest value of a type that quantized numbers can have; false for any other type. */
bool gr_dtype_range(graft_dtype dtype, int64_t *low, int64_t *high);

#define GR_UNKNOWN_INT INT64_MIN

typedef struct gr_infer {
  const graft_module *module;
  uint32_t op, attrs;
  const graft_type *const *operands; /* NULL: absent */
  uint32_t operand_count;
  /* The elements of an integer operand, for shapes (reshape's size), GR_UNKNOWN_INT where one is not known; NULL: none
   * is known. May be NULL. */
  const int64_t *(*constant)(void *user, uint32_t operand, uint32_t *count);
  void *user;
  graft_type *results; /* result_count of them */
  uint32_t result_count;
  char *error; /* 160 bytes: "C2: weight has 4 input channels, x has 3" */
} gr_infer;

/* Result types from operand types; false with `error` set when they contradict the op. Opaque: unknown. */
bool gr_infer_types(gr_infer *in);
/* How many integers arange makes; false: step is 0, or they are more than a type may have elements. */
bool gr_range_count(int64_t start, int64_t end, int64_t step, int64_t *count);
/* A1 to A3 alone, which inference begins with: are operands and results as many as the row says? `given(user, i)`:
 * operand i is not absent. */
bool gr_check_arity(const gr_op_info *op, uint32_t operand_count, bool (*given)(const void *, uint32_t),
                    const void *user, uint32_t result_count, char *error);

/* ---- integers that are the same in every run (infer/constant.c) ---- */

#define GR_KNOWN_INTS 16
typedef struct gr_known {
  graft_type type;             /* integers or bool, all extents known; rank -1: nothing is known */
  uint32_t count, mask;        /* elements; bit i: element i is known */
  int64_t ints[GR_KNOWN_INTS]; /* row-major; 0 where not known */
  graft_value unknown; /* where what is known ends: a graph input, a result that depends on data; GRAFT_NONE: all is
                        * known, or too much would have to be looked at */
} gr_known;
static inline bool gr_known_whole(const gr_known *k) { return k->type.rank >= 0 && k->mask == (1u << k->count) - 1u; }
/* False: no memory, with a diagnostic. */
bool gr_known_ints(graft_graph *g, graft_value v, gr_known *out);

/* The `user` of gr_known_operand, which answers inference: operands of node `n`, or of one to be. */
typedef struct gr_known_operands {
  graft_graph *g;
  graft_node n;
  const graft_value *operands; /* NULL: those of `n` */
  bool asked;                  /* the types depend on more than the operands' types */
  bool failed;                 /* no memory */
  gr_known known;
} gr_known_operands;
const int64_t *gr_known_operand(void *user, uint32_t slot, uint32_t *count);

/* One remembered inference (result_types.c): types by id, unused entries 0. */
#define GR_INFERRED_OPERANDS 6
#define GR_INFERRED_RESULTS 4
#define GR_INFERRED_COUNT 64 /* a module remembers */
typedef struct gr_inferred {
  uint32_t op, attrs, absent_results, operand_count, result_count; /* result_count 0: nothing is remembered here */
  uint32_t operands[GR_INFERRED_OPERANDS];                         /* GRAFT_NONE: absent */
  uint32_t results[GR_INFERRED_RESULTS];                           /* last: what stands before is the key */
} gr_inferred;

/* Result types of a node to be, interned, into `types`: GRAFT_NONE for absent ones. */
graft_status gr_result_types(graft_graph *g, const gr_node_desc *d, uint32_t operand_count, uint32_t *types);

#endif
