/* What parse, compile, match and apply share. Private to this folder.
 *
 * Text -> sections (pt_section: the lines as written) -> variants (pt_variant: one choice of the optional groups, a
 * flat program) -> matches (pt_frame: what every name stands for). Names are numbered per pattern; a variant maps each
 * value name to a slot of the frame, since aliases may join names. Slot 0 always holds GRAFT_NONE: an absent value.
 *
 * Everything lives in the parser's arena; nothing here is freed on its own. */
#ifndef GRAFT_PATTERNS_IMPL_H
#define GRAFT_PATTERNS_IMPL_H

#include "patterns/syntax_impl.h"

/* ---- variants -------------------------------------------------------------------------------------------------------
 */

#define PT_UNBOUND UINT16_MAX

typedef enum pt_code {
  PT_NODE,       /* a: node, b: slot of a value, c: which result it is; the value's node has an op of the line's set */
  PT_USER,       /* a: node, b: slot, c: operand; some other user of the value, which reads it there */
  PT_UNLESS,     /* b: the instruction after its own; they must not match */
  PT_ORDERED,    /* what the rewrite reads is made before all that it replaces */
  PT_SPLIT,      /* a: node; how many operands its first ..%rest has: told by the others, or tried */
  PT_RANGE_NODE, /* a: node, b: range, c: first result; the range is the results of one node, from this one on */
  PT_COMMUTE,    /* a: node, b: bit; try both orders of its first two operands */
  PT_BIND,       /* a: node, b: slot, c: operand; the operand is there */
  PT_BIND_OPT,   /* the same, it may be absent */
  PT_SAME,       /* the operand is what the slot holds */
  PT_ABSENT,     /* a: node, c: operand */
  PT_NUMBER,     /* a: node, b: literal, c: operand; a constant whose elements all are this number */
  PT_AT_MOST,    /* a: node, c: number of operands */
  PT_RANGE_BIND, /* a: node, b: range, c: first operand */
  PT_RANGE_SAME,
  PT_RESULT, /* a: node, b: slot, c: result; bind a result that is there */
  PT_RESULT_OPT,
  PT_RESULT_SAME,
  PT_RESULT_RANGE, /* a: node, b: range, c: first result */
  PT_UNUSED,       /* a: node, c: first result; these and later results have no uses */
  PT_ONE_USE,      /* a: node, b: slot */
  PT_ATTRS,        /* a: node; attributes that the line binds, or compares with literals */
  PT_ATTRS_LATE,   /* a: node; those compared with what other lines bind */
  PT_NO_GROUP,     /* a: group, b: condition; where the group's lines match too, it must hold with the group */
  PT_WHERE         /* b: condition */
} pt_code;

typedef struct pt_instr {
  uint8_t code;
  uint16_t a, b, c;
} pt_instr;

/* An attribute in a matched line, ready to be compared or bound. */
typedef struct pt_attr_step {
  const pt_attr *attr;
  enum { PT_ATTR_COMPARE, PT_ATTR_COMPARE_LATE, PT_ATTR_BIND, PT_ATTR_SAME, PT_ATTR_REST_BIND, PT_ATTR_REST_SAME } how;
  int capture;   /* attr or rest name */
  int8_t *slots; /* attribute slot by member; -1: by name (opaque) */
} pt_attr_step;

typedef struct pt_vnode {
  const pt_call *call;
  const pt_line *line;     /* NULL: a nested call */
  uint16_t *operand_slots; /* by argument; PT_UNBOUND for ranges, literals */
  uint16_t *result_slots;  /* by result */
  uint16_t rest, rest2;    /* arguments that are ..%rest with others behind them, or a second one; PT_UNBOUND: none */
  uint32_t result_count;
  pt_attr_step *attrs;
  uint32_t attr_count;
  bool tag_bound; /* an earlier line has bound the tag: compare */
} pt_vnode;

/* Annotations of a matched node that the rewrite carries, drops or excludes by name: bits by operand and result. */
typedef struct pt_claims {
  uint64_t operands, results;
} pt_claims;

typedef struct pt_variant {
  bool never;      /* a condition excludes this choice of the groups */
  bool known;      /* compiled, with errors of single lines perhaps */
  bool *groups;    /* by group name */
  bool *decided;   /* the choice is one of this group too */
  uint16_t *slots; /* by value name */
  uint16_t slot_count;
  uint16_t *slot_node, *slot_result; /* which node's result a slot is; PT_UNBOUND: none */
  bool *slot_optional;               /* may hold GRAFT_NONE */
  bool *range_bound, *tag_bound;     /* by name */
  uint8_t *attr_kinds;               /* graft_attr_kind + 1 of a captured attribute; 0: not bound; 255: any (opaque) */
  const pt_call **rests;             /* the call that binds a rest of attributes */
  uint16_t *attr_node, *rest_node, *tag_node; /* by name: the node that binds it */
  pt_vnode *nodes;                            /* the root first, users before producers */
  uint32_t node_count, place_count;           /* matched; with those of `unless`, which come after */
  bool also, unless; /* has lines found among users that are replaced; blocks that must not match */
  pt_instr *code;
  gr_loc *code_where; /* by instruction, for --explain */
  uint32_t code_count;
  uint32_t *masks; /* by instruction: the commutative lines whose order decides what it sees */
  gr_expr **wheres;
  uint32_t where_count;
  const pt_group **where_in; /* the innermost group that the condition stands in */
  const gr_opset *root_ops;
  pt_claims *claims;          /* by node; NULL in a bare pattern */
  struct pt_program *program; /* the rewrite section's; NULL in a bare pattern */
} pt_variant;

struct gr_pattern {
  gr_parser *parser;
  pt_names names;
  pt_items items;
  pt_variant *variants;
  uint32_t variant_count;
  bool *nested;      /* by two groups: the first stands in the second, where that is there */
  bool bare;         /* no rewrite follows: nothing can be lost, attributes may go unnamed */
  bool wrong;        /* errors have been said of it; it is there for the checks of what follows alone */
  uint32_t compiled; /* variants whose names and nodes are known, errors or not */
  gr_loc where;
};

/* ---- rewriting
 * -------------------------------------------------------------------------------------------------------- */

typedef enum pt_step_kind {
  PT_S_CONST, /* first: they only need the match */
  PT_S_WARN,
  PT_S_NODE,
  PT_S_ALIAS,
  PT_S_ROOT /* last: the root becomes another node */
} pt_step_kind;

typedef struct pt_operand {
  enum { PT_O_SLOT, PT_O_RANGE, PT_O_LITERAL /* by number or expr */ } kind;
  uint16_t slot;     /* or range name */
  graft_dtype dtype; /* of a literal; GRAFT_UNKNOWN: that of the first operand that is no literal and, if there is one,
                        no bool */
  const graft_attr *number;
  const gr_expr *expr; /* the number is what it gives; NULL: `number` */
} pt_operand;

#define PT_MAX_INPUTS 4

typedef struct pt_step {
  uint8_t kind;
  bool negate;              /* the `else` of a condition */
  bool replaces;            /* of alias: the node that made it stands for a result of an `also` line */
  bool materialize;         /* of const: a graph line reads it, so that it becomes a tensor */
  bool cached;              /* its attributes depend on the attribute sets of `inputs` alone */
  const gr_expr *condition; /* NULL: always */
  const pt_line *line;
  const pt_call *call; /* NULL: const from an expression, alias */
  uint16_t alias;      /* slot that an alias, or a const copy, takes */
  pt_operand *operands;
  uint32_t operand_count;
  uint16_t *results; /* slots */
  uint32_t result_count;
  int result_range;  /* name of ..%rest results; -1 */
  int source, edges; /* matched nodes, -1 */
  int copy;          /* matched node whose attribute set is exactly this one's; -1 */
  uint16_t inputs[PT_MAX_INPUTS];
  uint32_t input_count;
  uint32_t number; /* in the rule: for caches */
} pt_step;

typedef struct pt_carry { /* an annotation that goes to another place */
  uint16_t node;          /* matched */
  int operand;            /* of an edge */
  uint32_t step;          /* GRAFT_NONE: the root stays */
  int to_operand;
  uint16_t from, to; /* slots, of a value */
  bool value;
} pt_carry;

typedef struct pt_program {
  uint16_t first_slot; /* of the names that the rewrite makes; those before are the match's */
  pt_step *steps;
  uint32_t step_count;
  pt_carry *carries;
  uint32_t carry_count;
  bool *slot_const; /* computed at rewrite time */
  bool *dies;       /* by matched node: the rewrite leaves it without users */
  bool splices;     /* it only puts operands in the place of one of the root's (splice.c) */
  bool keeps_root;  /* the root becomes another node (else its values are replaced) */
  uint16_t *reads;  /* where an `also` line is replaced: slots of the match that the rewrite reads */
  uint32_t read_count;
} pt_program;

typedef struct pt_rule {
  const char *name, *doc, *file;
  gr_pattern *pattern;
  pt_items rewrite;
  uint32_t marks; /* of the nodes that it makes */
  uint32_t place; /* of one that ships: where its file stands in their order, from 1 on; 0: a user's */
  gr_loc where;
  uint32_t step_count; /* of all variants */
} pt_rule;

bool gr_pt_compile_rewrite(gr_parser *p, pt_rule *rule);

/* ---- what a match bound
 * ------------------------------------------------------------------------------------------------ */

typedef struct pt_capture { /* an attribute, or for a rest the set; `call` says which names are not part of it */
  uint32_t op, set, slot;
  const pt_call *call;
} pt_capture;

typedef struct pt_range {
  graft_node node;
  uint32_t first, count;
  bool results;
} pt_range;

typedef struct pt_frame {
  graft_value *values;
  graft_node *nodes;
  pt_capture *captures, *rests;
  pt_range *ranges;
  uint32_t *tags;   /* member numbers */
  uint32_t *splits; /* by node: operands that its first ..%rest stands for, where others follow */
  uint8_t *swapped; /* by node: its first two operands are matched the other way round */
  uint32_t *consts; /* by slot: an entry of the cones, GRAFT_NONE */
  uint32_t value_cap, node_cap, capture_cap, rest_cap, range_cap, tag_cap, swap_cap, const_cap, split_cap;
} pt_frame;

static inline pt_frame *pt_frame_of(const gr_matcher *m) { return m->frame; }

bool gr_pt_frame_reserve(gr_matcher *m, const gr_pattern *p, const pt_variant *v);
bool gr_pt_match_variant(gr_matcher *m, const gr_pattern *p, uint32_t variant, graft_node root, gr_match *out);

/* ---- dead nodes (live.c) ---- */

bool gr_pt_is_dead(gr_matcher *m, graft_node n);
bool gr_pt_set_dead(gr_matcher *m, graft_node n, bool dead);     /* false: no memory */
bool gr_pt_is_needed(gr_matcher *m, graft_value v);              /* has a live user, or is an output or update */
bool gr_pt_used_here_only(const gr_match *match, graft_value v); /* nothing but matched and dead nodes use it */

/* The root, and each `also` line that is replaced as it is. */
static inline bool pt_is_root(const pt_variant *v, uint32_t place) {
  const pt_line *line = v->nodes[place].line;
  return place == 0 || (place < v->node_count && line && line->also && !line->context);
}
static inline bool pt_is_context(const pt_variant *v, uint32_t place) {
  return v->nodes[place].line && v->nodes[place].line->context;
}

uint16_t gr_pt_rest_maker(const pt_variant *v, int rest); /* PT_UNBOUND: no line */

/* ---- long lists that grow (late.c), in turns ---- */

#define PT_LONG 32 /* operands; shorter lists are copied in any order, any number of times */
bool gr_pt_late_grown(gr_matcher *m, graft_node n); /* false: no memory */
static inline bool gr_pt_late_is_grown(const gr_matcher *m, graft_node n) {
  return n < m->late.len && m->late.data[n].grown == m->turn;
}
bool gr_pt_late_wait(gr_matcher *m, graft_node n); /* the node is tried again in the next turn */
bool gr_pt_late_waits(const gr_matcher *m, graft_node n);

bool gr_pt_splices(const pt_variant *v); /* splice.c */

/* ---- graph order (order.c) ---- */

graft_node gr_pt_first_replaced(gr_matcher *m, const pt_variant *v);
bool gr_pt_is_ordered(gr_matcher *m, const pt_variant *v);

/* The check that came furthest before it failed: for --explain. */
typedef struct pt_failure {
  uint32_t variant, pc;
  gr_loc where;
  char text[256];
} pt_failure;

/* ---- evaluation (expr.c, predicates.c)
 * ------------------------------------------------------------------------------- */

/* How the last expression's value is to be read. */
typedef enum pt_reading {
  PT_PLAIN,
  PT_EXTENTS, /* -1 says that an extent, or their number, is not known */
  PT_SINGLE,  /* an element of an f32 */
  PT_HALF,    /* of an f16 */
  PT_BFLOAT   /* of a bf16 */
} pt_reading;

typedef struct pt_eval {
  const gr_match *match; /* NULL: options alone */
  graft_context *context;
  const graft_attr *options;
  graft_attr *locals; /* of map and its like; NULL outside */
  int assumed;        /* a group whose lines match though another form was chosen, 1 + its name; 0: none */
  bool quiet;         /* what has no value is an answer, with a reason and no diagnostic */
  pt_reading reading;
} pt_eval;

bool gr_pt_eval_expr(pt_eval *e, const gr_expr *x, graft_attr *out);
/* False: it has no value. */
bool gr_pt_eval_condition(pt_eval *e, const gr_expr *x, bool *out);
bool gr_pt_holds(pt_eval *e, const gr_expr *x); /* it is true */
/* Notes why something failed, when anyone wants to know; always false. */
bool gr_pt_reason(const gr_matcher *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool gr_pt_eval_list_function(pt_eval *e, const gr_expr *x, graft_attr *out);
bool gr_pt_eval_einsum(pt_eval *e, const gr_expr *x, graft_attr *out); /* equation.c */
bool gr_pt_eval_each(pt_eval *e, const gr_expr *x, graft_attr *out);
bool gr_pt_eval_custom(pt_eval *e, const gr_expr *x, graft_attr *out);
/* %x, or %xs[0]; GRAFT_NONE: absent. */
graft_value gr_pt_eval_value(const pt_eval *e, const gr_expr *x);
bool gr_pt_known(gr_matcher *m, graft_value v, gr_array *out); /* the data of a const value; false: none to be had */
bool gr_pt_eval_function(pt_eval *e, const gr_expr *x, graft_attr *out);
void gr_pt_attr_text(const graft_attr *a, char *buffer, size_t size);
void gr_pt_value_text(const gr_matcher *m, graft_value v, char *buffer, size_t size);
static inline graft_value pt_frame_value(const gr_match *m, int name) {
  const pt_variant *v = &m->pattern->variants[m->variant];
  uint16_t slot = v->slots[name];
  return slot == PT_UNBOUND ? GRAFT_NONE : pt_frame_of(m->matcher)->values[slot];
}

/* ---- const values (cone.c): entries are numbered
 * ------------------------------------------------------------------------ */

bool gr_pt_cones_can_compute(const gr_cones *k, graft_value v);
uint32_t gr_pt_cones_entry(gr_cones *k, graft_value v); /* GRAFT_NONE with a diagnostic */
uint32_t gr_pt_cones_call(gr_cones *k, uint32_t op, uint32_t attrs, const uint32_t *inputs, uint32_t count,
                          uint32_t result_count, gr_loc where);
void gr_pt_cones_live(gr_cones *k, const gr_updated *written); /* before anything is asked: those are not const */
void gr_pt_cones_trim(gr_cones *k); /* after a rewrite: lets go of large data that became no tensor */
uint32_t gr_pt_cones_bytes(gr_cones *k, const graft_type *type, const void *data);
uint32_t gr_pt_cones_number(gr_cones *k, graft_dtype dtype, const graft_attr *number); /* it fits */
/* Would the op take entries of these types? */
bool gr_pt_cones_fits(gr_cones *k, uint32_t op, uint32_t attrs, const uint32_t *inputs, uint32_t count,
                      uint32_t result_count);
graft_dtype gr_pt_cones_dtype(const gr_cones *k, uint32_t entry);
void gr_pt_cones_unmake(gr_cones *k, const uint32_t *entries, uint32_t count); /* their tensors were taken back */
bool gr_pt_cones_is_new(const gr_cones *k, uint32_t entry, graft_tensor_kind kind);
graft_tensor gr_pt_cones_tensor(gr_cones *k, uint32_t entry, graft_tensor_kind kind, gr_name name, bool *made);
bool gr_pt_cones_changed(gr_cones *k, graft_node n); /* k may be NULL */
/* The nodes whose constness or values may have changed since this was asked last. */
const graft_node *gr_pt_cones_changes(gr_cones *k, uint32_t *count);

/* ---- numbers (number.c): attributes of kind int or float
 * ------------------------------------------------------------------------------- */

/* The element of this type that stands for the number, in `bytes`: rounded to a float; false where it is no integer of
 * the type, or too large. */
bool gr_pt_number_as(const graft_attr *n, graft_dtype d, unsigned char bytes[8]);
graft_attr gr_pt_element(const gr_array *a, int64_t i);
bool gr_pt_all(const gr_array *a, const graft_attr *n); /* every element is what stands for the number */
/* -1, 0, 1, exactly; PT_UNORDERED where one is not a number. */
enum { PT_UNORDERED = 2 };
int gr_pt_order(const graft_attr *a, const graft_attr *b);

/* Arena memory for `count` items of zeros, and one more. */
static inline void *pt_zeroed(gr_arena *a, size_t count, size_t size) {
  void *p = gr_arena_alloc(a, (count + 1) * size);
  if (p) memset(p, 0, (count + 1) * size);
  return p;
}

/* ---- compiling (compile.c, names.c)
 * ------------------------------------------------------------------------------------- */

bool gr_pt_compile_match(gr_parser *p, gr_pattern *pattern);
/* The program of a variant whose groups are chosen. */
bool gr_pt_compile_variant(gr_parser *p, gr_pattern *pattern, pt_variant *v);
/* Does the line name this attribute, to match, set or drop it? */
bool gr_pt_names_attr(const pt_call *c, const char *name);
/* Attribute `slot` of one op, which the other has not, at a default that says nothing more (OWN_BOOL of ops.def). */
bool gr_pt_stays_behind(const gr_op_info *from, uint32_t slot, const graft_attr *x, const gr_op_info *to);
/* The smaller checks of a call in the match: arity, attributes and that none is forgotten. */
bool gr_pt_check_shape(gr_parser *p, const pt_call *call, uint32_t result_count,
                       bool range_results); /* of a rewrite too */
/* Every call of a line, as it is read. */
bool gr_pt_check_line(gr_parser *p, const pt_line *line, bool complete);
bool gr_pt_check_number(gr_parser *p, const graft_attr *n, graft_dtype d, gr_loc where);
bool gr_pt_check_call(gr_parser *p, const pt_call *call, uint32_t result_count, bool range_results, bool complete);
/* What is bound in the variant and called much alike, the hint made already. */
gr_closest gr_pt_closest_name(const gr_pattern *pattern, const pt_variant *v, pt_name_kind kind, const pt_name *n);
/* The error; false. */
bool gr_pt_no_operand(gr_parser *p, const gr_opset *ops, uint32_t member, const char *text, uint32_t length,
                      gr_loc where);
bool gr_pt_schedule(gr_parser *p, const gr_pattern *pattern, pt_variant *v); /* last: schedule.c */
/* Static truth of a condition in a variant: 0 false, 1 true, -1 known at match time only. */
int gr_pt_static(const pt_variant *v, const gr_expr *e);
/* … if this group's lines matched as well; -1: none. */
int gr_pt_static_with(const pt_variant *v, const gr_expr *e, int assumed);
/* Kinds that never fit are errors (kinds.c). */
bool gr_pt_check_kinds(gr_parser *p, const pt_variant *v, const gr_expr *e);
/* Of its parts too; `v` NULL: an expression over options alone. */
bool gr_pt_check_all_kinds(gr_parser *p, const pt_variant *v, const gr_expr *e);
bool gr_pt_check_attr_value(gr_parser *p, const gr_op_info *op, const gr_attr_decl *d, const gr_expr *e);
/* Every name in the parts of the expression that are live is bound in the variant. */
bool gr_pt_check_expr(gr_parser *p, const gr_pattern *pattern, const pt_variant *v, const gr_expr *e, bool condition);

#endif
