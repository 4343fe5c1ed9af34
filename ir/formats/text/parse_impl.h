/* The parser's state, private to text/. Tokens go straight into the module: there is no syntax tree, and the grammar
 * (GIR.md) does not nest, so nothing recurses. Functions that return false have reported why.
 *
 * Its files stand on each other, and none calls back:
 *   parse.c (module, graphs, nodes) > parse_notes.c (records, specs), parse_tensor.c (tensor lines) >
 *   parse_value.c (types, attributes, elements) > parse_core.c (errors, strings, names) > scope.c > the lexer. */
#ifndef GRAFT_TEXT_PARSE_IMPL_H
#define GRAFT_TEXT_PARSE_IMPL_H

#include "ir/formats/text/lex_int.h"
#include "ir/formats/text/text_int.h"

/* What a name stands for, by its base's string id, so that names in file order are memory in order: a graph's value, or
 * a tensor with SCOPE_TENSOR set; GRAFT_NONE: nothing. */
#define SCOPE_TENSOR 0x80000000u
#define SCOPE_LOST 0xFFFFFFFDu /* a statement with an error would have said what */
typedef struct scope_base {
  uint32_t plain; /* the name without a number */
  uint32_t row;   /* of those with one, + 1 */
} scope_base;

typedef struct scope_row {
  uint32_t *data; /* by number */
  uint32_t count, used;
} scope_row;

typedef struct scope {
  GR_VEC(scope_base) bases;
  GR_VEC(scope_row) rows;
  gr_map sparse; /* numbers that would waste rows */
} scope;

uint32_t gr_scope_get(const scope *s, gr_name name);
/* Offers every name whose value is known. The nearest one is copied into `buffer`. */
void gr_scope_closest(const scope *s, const graft_module *m, gr_closest *near, char *buffer, size_t size);
bool gr_scope_put(graft_context *c, scope *s, gr_name name, uint32_t what);
bool gr_scope_remove(graft_context *c, scope *s, gr_name name);
void gr_scope_free(graft_context *c, scope *s);

/* Text seen before, with what it stood for: attribute lists and types repeat a lot. */
#define MEMO_SIZE 256
#define RECENT 32u
typedef struct memo {
  const char *text;
  uint32_t length, op, id;
} memo;

/* What stands between a tensor's name and its fill's name, and behind that. */
typedef struct tensor_head {
  uint32_t type;
  graft_tensor_kind kind;
} tensor_head;

typedef struct fill_bounds {
  double lo, hi;
} fill_bounds;

/* `~3` somewhere: set once the graph's specs are known. */
typedef struct spec_place {
  uint32_t id; /* use or value */
  bool is_value;
  uint32_t number;
  gr_token token;
} spec_place;

typedef struct spec_line {
  uint32_t kind, attrs;
  uint32_t first_ref, ref_count;
  uint32_t id; /* once interned */
} spec_line;

/* `%conv[0]`, `%y`, `_`: looked up at the graph's end. */
typedef struct spec_ref {
  gr_token token;
  int64_t slot; /* -1: the value */
} spec_ref;

typedef struct companion {
  uint32_t name;   /* string */
  gr_buffer *file; /* of `beside` */
} companion;

typedef struct companion_tensor {
  graft_type type;
  gr_buffer *buffer; /* the file, or where its bytes lie askew a copy; both made once, by whoever names it first */
  size_t offset, size;
  uint64_t hash; /* 0: not known yet */
} companion_tensor;

typedef struct scanned_graph {
  gr_token name;
  uint32_t nodes; /* lines that seem to be one */
  graft_graph *graph;
} scanned_graph;

/* Graph `user` of the module has an attribute that is graph `used`. */
typedef struct graph_use {
  uint32_t user, used;
} graph_use;

typedef struct parser {
  gr_lexer lex;
  graft_context *context;
  graft_module *module;
  graft_graph *graph; /* the one being read */
  gr_arena scratch;
  gr_beside *beside;
  scope scope;
  gr_map graph_names;            /* string -> index of the graph */
  GR_VEC(scanned_graph) scanned; /* as they stand in the text */
  const uint32_t *order;         /* by index of a graph: which one of the text it is; NULL: the same */
  GR_VEC(graph_use) graph_uses;
  bool backward; /* a graph stands before one that names it */
  uint32_t graphs_read;
  graft_tensor next_tensor; /* that the graph will read, at a guess */
  uint32_t errors;          /* that statements had */
  gr_token statement;       /* the first token of the one being read */
  bool operand_lost;        /* of the statement: it is read to its end, for its other errors, and is no node */
  bool names_lost;          /* the inputs have an error: an unknown name may be one of them */
  bool graph_failed;
  memo ops[MEMO_SIZE], types[MEMO_SIZE], attrs[MEMO_SIZE];
  uint32_t bases[MEMO_SIZE]; /* strings that names began with */
  /* Each of these ends in a character that cannot go on: what begins so is this. */
  memo recent_types[RECENT], recent_heads[RECENT], recent_fills[RECENT];
  tensor_head heads[RECENT + 1]; /* the last one: not to be remembered */
  fill_bounds fills[RECENT + 1];
  /* of the statement being read */
  GR_VEC(graft_value) operands;
  GR_VEC(gr_name) names; /* base 0: absent */
  GR_VEC(gr_token) name_tokens;
  GR_VEC(uint32_t) result_types;
  GR_VEC(int64_t) ints;
  GR_VEC(double) floats;
  /* annotations of the graph, provenance of the module */
  GR_VEC(spec_line) specs;
  GR_VEC(spec_ref) spec_refs;
  GR_VEC(spec_place) places;
  GR_VEC(gr_spec_ref) resolved;
  GR_VEC(uint32_t) records; /* by number - 1 */
  GR_VEC(uint32_t) parents;
  /* tensors */
  GR_VEC(graft_tensor) literals; /* to be named at the end */
  GR_VEC(companion) companions;
  GR_VEC(companion_tensor) companion_tensors;
  gr_map companion_names; /* file << 32 | string -> companion_tensors */
} parser;

/* An error at a token; always false. After one, nothing more is reported until gr_parse_recover. */
bool gr_parse_fail(parser *p, graft_status code, const gr_token *t, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* parse_core.c */
/* The slot of what stands at `text`, where that was seen before: the lexer then stands behind it, and gr_lex_next reads
 * on. RECENT: it was not. */
uint32_t gr_parse_again(parser *p, const memo *recent, const char *text);
/* Remembers a text, up to the end `to`; its slot, or RECENT. */
uint32_t gr_parse_remember(parser *p, memo *recent, const char *text, const char *to, uint32_t id);
/* A name's string and number; base GRAFT_NONE: no memory. */
gr_name gr_parse_split(parser *p, const char *text, uint32_t length);
/* The end of a list whose items have commas between them, or an error that says which of the two is missing. */
bool gr_parse_close(parser *p, int close);
/* After an error in a statement, `lost` of which has been marked so: the next line that begins a statement is the
 * current token; false: the errors so far end the reading. */
bool gr_parse_recover(parser *p, bool in_graph);
/* What the name would have stood for is not known: who uses it is lost too, and says its other errors alone. */
bool gr_parse_lose(parser *p, gr_name name);
bool gr_parse_name(parser *p, const gr_token *t, gr_name *name); /* checks and interns a %name */
/* A NUL-terminated copy; an error when the string holds a NUL. */
const char *gr_parse_string(parser *p, const gr_token *t);
/* The value of a %name, the handle of a tensor made on the way; GRAFT_NONE: an error was reported, of the statement or,
 * with p->operand_lost, of another one, and this one may be read on. */
graft_value gr_parse_lookup(parser *p, const gr_token *t);

/* parse_value.c */
bool gr_parse_type(parser *p, uint32_t *type);
/* `{…}` or nothing: the op's attribute set. `where` is the op's token. */
/* `key` tells the rows apart (an op's number); `info` NULL: opaque. */
bool gr_parse_attrs(parser *p, const gr_op_info *info, uint32_t key, const gr_token *where, uint32_t *set);
/* A number, true or false, with its dtype: a merged rank-0 constant. */
bool gr_parse_literal(parser *p, graft_value *value);
/* One element at `out`; takes the token. */
bool gr_parse_element(parser *p, graft_dtype dtype, void *out);

/* parse_order.c */
/* By index in the module: the graph's place in the text, such that each comes before those that it names. NULL: there
 * is no such order (which the verifier says), or no memory. */
uint32_t *gr_parse_order(const parser *p);

/* parse_tensor.c */
bool gr_parse_tensor(parser *p); /* after `tensor` */

/* parse_notes.c */
bool gr_parse_record(parser *p);                            /* after `record` */
bool gr_parse_from(parser *p, uint32_t *record);            /* `from 3`, `from "name"` or nothing */
bool gr_parse_spec(parser *p);                              /* after `spec` */
bool gr_parse_place(parser *p, bool is_value, uint32_t id); /* `~3` or nothing */
bool gr_parse_specs_resolve(parser *p);                     /* at the graph's end */
void gr_parse_specs_forget(parser *p);                      /* when it is left */

#endif
