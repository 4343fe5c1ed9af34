/* Rules as written: op sets, names, expressions, and the lines of match and rewrite sections. Everything lives in the
 * parser's arena; nothing here is freed on its own. */
#ifndef GRAFT_SYNTAX_IMPL_H
#define GRAFT_SYNTAX_IMPL_H

#include "patterns/patterns_int.h"

#define PT_MAX_NAMES 1000        /* of each kind in one rule */
#define PT_MAX_RULES 100000      /* in a set */
#define PT_MAX_NODES_MATCHED 200 /* by one pattern */
#define PT_MAX_VARIANTS 64       /* of one pattern */
#define PT_MAX_DEPTH 40          /* nesting of expressions, calls and groups */
#define PT_MAX_NODES 1000        /* of one expression */
#define PT_MAX_PARAMS 8          /* of a condition that has a name */
#define PT_MAX_LOCALS 4          /* map in map in map … */
#define PT_MAX_UNLESS 64         /* blocks of one rule: each may be read to the rule's end */
#define PT_MAX_ALSO 3            /* lines found among users, in one variant */
#define PT_MAX_COMMUTES 8        /* commutative lines in one variant: 2^n orders */

/* A GR_VEC that grows in an arena; what it grows out of is not given back. */
bool gr_pt_grow(gr_arena *a, void *vec, size_t item_size);
#define pt_push(a, v, item) \
  ((v)->len < (v)->cap || gr_pt_grow((a), (v), sizeof *(v)->data) ? ((v)->data[(v)->len++] = (item), true) : false)

/* ---- ops ----------------------------------------------------------------------------------------------------------
 */

typedef struct pt_member {
  uint32_t op;        /* GR_OP_COUNT: opaque */
  const char *opaque; /* its name */
} pt_member;

/* One op, or the members of a family in order. */
struct gr_opset {
  const char *name; /* without @ */
  bool family;
  bool any; /* @any, or with it */
  uint32_t count;
  pt_member *members;
  const gr_opset *pair;        /* member i goes with member i of this one: @dq with @q */
  uint32_t index[GR_OP_COUNT]; /* member number + 1; 0: none */
};

const gr_opset *gr_pt_opset_of_op(gr_parser *p, const char *name, size_t length, gr_loc where); /* an op of the table */
const gr_opset *gr_pt_opset_of_opaque(gr_parser *p, const char *name, size_t length);           /* "vendor.op" */
const gr_opset *gr_pt_opset_of_family(gr_parser *p, const char *name, size_t length, gr_loc where); /* @name */
const gr_opset *gr_pt_opset_join(gr_parser *p, const gr_opset *a, const gr_opset *b, gr_loc where);
/* The member number of a node's op; -1: none. */
int gr_pt_opset_find(const gr_opset *s, const graft_module *m, uint32_t op);
bool gr_pt_opset_covers(const gr_opset *a, const gr_opset *b); /* every member of b is one of a */
/* The table's row of a member, NULL for an opaque one. */
const gr_op_info *gr_pt_member_info(const gr_opset *s, uint32_t member);
/* What all members agree on: the slot of an attribute or operand; -1: some member lacks it; -2: slots differ; -3:
 * opaque members. */
int gr_pt_opset_attr(const gr_opset *s, const char *name, size_t length, graft_attr_kind *kind);
int gr_pt_opset_operand(const gr_opset *s, const char *name, size_t length);

/* ---- names ----------------------------------------------------------------------------------------------------------
 */

typedef enum pt_name_kind { PT_VALUE, PT_RANGE, PT_ATTR, PT_REST, PT_TAG, PT_GROUP, PT_NAME_KINDS } pt_name_kind;

typedef struct pt_name {
  const char *text;
  uint32_t length;
  gr_loc first;        /* where it was met first */
  uint32_t match_uses; /* in match lines */
  uint32_t other_uses; /* in conditions and rewrite lines */
  const gr_opset *ops; /* of a tag */
  bool hidden;         /* of an `unless` that has been read: stands for nothing outside */
  bool lost;           /* stands in a text that was not understood: nothing more is said of it */
} pt_name;

typedef struct pt_names {
  GR_VEC(pt_name) kind[PT_NAME_KINDS];
} pt_names;

/* ---- expressions --------------------------------------------------------------------------------------------------
 */

typedef enum pt_expr_kind {
  PT_E_LITERAL,
  PT_E_LIST,      /* args */
  PT_E_ATTR,      /* $a: name */
  PT_E_REST_ATTR, /* $conv.groups: name, text */
  PT_E_PROPERTY,  /* @conv.weight_axis: name, index */
  PT_E_IN,        /* @c in @conv: name, ops */
  PT_E_VALUE,     /* %a: name; a condition: is it present */
  PT_E_EDGE,      /* %y.weight: name, text */
  PT_E_RANGE,     /* ..%xs: name */
  PT_E_ELEMENT,   /* %xs[0]: one of ..%xs: name, number */
  PT_E_LOCAL,     /* $i of map($i in …): name is its number */
  PT_E_EACH,      /* map, every, some: index, name of the local, args: the list, what is said of each */
  PT_E_CUSTOM,    /* a predicate of the embedder: custom, args */
  PT_E_ALL,       /* .. : no_spec(..) */
  PT_E_GROUP,     /* name */
  PT_E_OPTION,    /* index */
  PT_E_WRONG,     /* was not understood, and that has been said */
  PT_E_CALL,      /* function, args */
  PT_E_INDEX,     /* args[0][args[1]] */
  PT_E_IF,        /* args[0] if args[1] else args[2] */
  PT_E_NOT,
  PT_E_AND,
  PT_E_OR,
  PT_E_EQ,
  PT_E_NE,
  PT_E_LT,
  PT_E_LE,
  PT_E_GT,
  PT_E_GE,
  PT_E_ADD,
  PT_E_SUB,
  PT_E_MUL,
  PT_E_DIV,
  PT_E_NEGATE
} pt_expr_kind;

typedef enum pt_function {
#define PREDICATE(name, ...) PT_F_##name,
#include "patterns/predicates.def"
#undef PREDICATE
  PT_F_COUNT
} pt_function;

typedef struct pt_function_info {
  const char *name;
  const char *params;     /* a letter each: see predicates.def */
  graft_attr_kind result; /* GRAFT_ATTR_NONE: depends */
  const char *doc;
} pt_function_info;

const pt_function_info *gr_pt_function_get(uint32_t function);
uint32_t gr_pt_function_find(const char *name, size_t length); /* PT_F_COUNT: none */

typedef enum pt_property {
  PT_P_WEIGHT_AXIS,
  PT_P_WEIGHT_GROUPS,
  PT_P_INPUT_AXIS,
  PT_P_INPUT_GROUPS,
  PT_P_COUNT
} pt_property;

typedef enum pt_each { PT_EACH_MAP, PT_EACH_EVERY, PT_EACH_SOME, PT_EACH_COUNT } pt_each;

struct gr_expr {
  uint8_t kind; /* pt_expr_kind */
  uint8_t arg_count;
  uint16_t name;
  uint16_t index;  /* function, property, option */
  uint32_t length; /* of text */
  const char *text;
  graft_attr value; /* of a literal */
  const gr_opset *ops;
  const gr_custom *custom;
  struct gr_expr **args;
  gr_loc where;
};

/* ---- sections, as written
 * -------------------------------------------------------------------------------------------- */

struct pt_call;

typedef enum pt_arg_kind {
  PT_ARG_VALUE,
  PT_ARG_RANGE,
  PT_ARG_ABSENT,
  PT_ARG_LITERAL,
  PT_ARG_NUMBER,
  PT_ARG_CALL
} pt_arg_kind;

typedef struct pt_arg {
  pt_arg_kind kind;
  bool optional;
  int name;
  struct pt_call *call;
  graft_dtype dtype; /* of a literal; GRAFT_UNKNOWN: any in a match, the other operands' in a rewrite */
  graft_attr number; /* of kind int or float */
  gr_expr *expr;     /* of PT_ARG_NUMBER: what is a number while rewriting */
  gr_loc where;
} pt_arg;

typedef enum pt_attr_kind { PT_ATTR_NAMED, PT_ATTR_REST_OF, PT_ATTR_DROP, PT_ATTR_DROP_REST } pt_attr_kind;

typedef struct pt_attr {
  pt_attr_kind kind;
  const char *text; /* the attribute's name */
  uint32_t length;
  gr_expr *value;
  int name; /* of a rest */
  gr_loc where;
} pt_attr;

typedef struct pt_call {
  const gr_opset *ops;
  int tag; /* -1: a single op */
  GR_VEC(pt_arg) args;
  GR_VEC(pt_attr) attrs;
  gr_loc where;
} pt_call;

typedef struct pt_result {
  int name;
  bool optional, range;
  gr_loc where;
} pt_result;

typedef enum pt_line_kind { PT_LINE_CALL, PT_LINE_ALIAS, PT_LINE_ABSENT, PT_LINE_EXPR } pt_line_kind;

typedef struct pt_naming { /* named %w, named %w:bias, named %a if C else … */
  int name;
  const char *suffix; /* replaces what follows the last point */
  uint32_t length;
  gr_expr *condition; /* NULL: always */
  struct pt_naming *otherwise;
  gr_loc where;
} pt_naming;

typedef struct pt_line {
  GR_VEC(pt_result) results;
  pt_line_kind kind;
  pt_call *call;
  int alias; /* value name */
  bool alias_optional;
  gr_expr *expr;
  graft_dtype dtype; /* of an expression's constant */
  bool one_use, is_const;
  bool also;          /* of a match: found among the users of a value that is bound, not below the root */
  bool context;       /* of a match: must be there, is neither claimed nor replaced */
  gr_expr *condition; /* if … */
  struct pt_line *otherwise;
  int edges_from, source; /* value names, -1: none */
  gr_loc edges_where, source_where;
  pt_naming *naming;
  uint32_t marks;    /* of the node made, beside the rule's */
  uint32_t suffixes; /* words that stood behind it */
  int tensor_kind;   /* graft_tensor_kind, -1: constant */
  const char *text;  /* of a warning */
  gr_loc where;
} pt_line;

struct pt_group;

typedef enum pt_item_kind {
  PT_ITEM_LINE,
  PT_ITEM_UNLESS, /* unless { … }: group->present must not match */
  PT_ITEM_GROUP,  /* match: name? { … } else { … }; rewrite: if C { … } else { … } */
  PT_ITEM_WHERE,
  PT_ITEM_EDGE,  /* edge %y.weight -> %z.x */
  PT_ITEM_VALUE, /* value %y -> %z */
  PT_ITEM_DROP,  /* drop %y.weight, drop %y */
  PT_ITEM_WARN   /* warn "…" %x if C */
} pt_item_kind;

typedef struct pt_item {
  pt_item_kind kind;
  pt_line *line;
  struct pt_group *group;
  gr_expr *expr;             /* a condition, or the left side of edge, value and drop */
  gr_expr *to;               /* the right side */
  const struct pt_group *in; /* of what flattening gives: the innermost group */
  const char *text;          /* of warn */
  gr_loc where;
} pt_item;

typedef GR_VEC(pt_item) pt_items;

typedef struct pt_group {
  int name;           /* of a match group; -1: rewrite */
  gr_expr *condition; /* of a rewrite group */
  pt_items present, absent;
  const struct pt_group *parent; /* set by flattening */
  gr_loc where;
} pt_group;

/* ---- parsing (parse.c, parse_expr.c)
 * ------------------------------------------------------------------------------------- */

typedef struct pt_later {
  gr_lexer at; /* on `unless` */
  pt_items *items;
} pt_later;

typedef struct pt_parse {
  gr_parser *parser;
  pt_names *names;                  /* NULL: options alone */
  bool rewrite;                     /* uses count as other_uses, and no name may be met first */
  uint32_t depth, nodes;            /* of the expression being read */
  uint32_t blocks;                  /* braces that are open */
  bool unless;                      /* inside of one */
  GR_VEC(pt_later) later;           /* blocks of `unless`, read when all lines that bind names have been */
  bool bare;                        /* of a quantizer: lines need not keep every attribute */
  const struct pt_binding *binding; /* inside of the body of a condition */
  gr_token locals[PT_MAX_LOCALS];   /* of map and its like, the outermost first */
  uint32_t local_count;
} pt_parse;

/* What the parameters of a condition stand for at a use. */
typedef struct pt_binding {
  const gr_definition *definition;
  gr_expr *args[PT_MAX_PARAMS];
  uint32_t sizes[PT_MAX_PARAMS]; /* in parts of an expression */
  uint32_t count;
} pt_binding;

/* Conditions that have a name (define.c). */
bool gr_pt_is_condition(const gr_parser *p, const gr_token *t);
bool gr_pt_is_special(const gr_token *t); /* map, every, some */
gr_expr *gr_pt_parse_condition_use(pt_parse *s, const gr_token *name, gr_loc where);
gr_expr *gr_pt_param_value(pt_parse *s, const char *text, size_t length, gr_loc where); /* NULL with an error */
gr_expr *gr_pt_param_attr(pt_parse *s, const gr_token *t, gr_loc where);
void gr_pt_offer_conditions(const gr_parser *p, gr_closest *near);

/* After an error (recover.c). `from`: where the part that failed begins. */
extern const char *const gr_pt_declarations[];
bool gr_pt_is_word(const gr_lexer *l, const char *const *words); /* ended by NULL */
bool gr_pt_begins_line(const gr_lexer *l);                       /* %a, %b = … */
bool gr_pt_begins_declaration(const gr_lexer *l);
bool gr_pt_ends_expression(const gr_lexer *l); /* a section or declaration begins */
const char *gr_pt_at(const gr_token *t);
const char *gr_pt_here(const gr_lexer *l);
void gr_pt_skip_item(pt_parse *s, const char *from);
bool gr_pt_skip_in_line(pt_parse *s, const gr_lexer *from);   /* to the } of a block, where it stands in this line */
bool gr_pt_skip_condition(pt_parse *s, const gr_lexer *from); /* `from`: on its first token; does one follow? */
void gr_pt_skip_field(gr_parser *p, const gr_lexer *from);
bool gr_pt_skip_arguments(gr_parser *p);                         /* from ( to what follows its ) */
bool gr_pt_skip_to_block(gr_parser *p);                          /* a { in this line */
bool gr_pt_skip_block(gr_parser *p);                             /* from before { to what follows its } */
void gr_pt_skip_to_word(gr_parser *p, const char *const *words); /* or to the next declaration */
/* Names from there to where reading goes on are lost. */
void gr_pt_lose(pt_parse *s, const gr_lexer *from);
/* The error, after which reading goes on as if the text were right. */
void gr_pt_mend(pt_parse *s, gr_loc where, const char *message);
gr_expr *gr_pt_wrong(pt_parse *s, gr_loc where);
bool gr_pt_fail(pt_parse *s, gr_loc where, const char *message); /* false, with the error */
/* Errors that say the mend; false, or, of an operator, whether there was one. */
bool gr_pt_stray(pt_parse *s);
bool gr_pt_begins_with_brace(pt_parse *s);    /* mended */
bool gr_pt_name_without_percent(pt_parse *s); /* was it one? */
bool gr_pt_comma(pt_parse *s, char end);      /* a comma, or the error */
bool gr_pt_foreign_operator(pt_parse *s);

int gr_pt_name_id(pt_parse *s, pt_name_kind kind, const char *text, size_t length,
                  gr_loc where);                                     /* finds or adds; -1: error */
int gr_pt_value_name(pt_parse *s, pt_name_kind kind, gr_loc *where); /* of a token GR_T_VALUE; -1 with an error */
int gr_pt_name_find(const pt_names *n, pt_name_kind kind, const char *text, size_t length);
const gr_opset *gr_pt_parse_op(gr_parser *p); /* op, "op" or @family; the token stays. NULL with an error */
pt_call *gr_pt_parse_call(pt_parse *s);       /* op(…) {…}; NULL with an error */
gr_expr *gr_pt_parse_expr(pt_parse *s);
bool gr_pt_parse_items(pt_parse *s, pt_items *items); /* lines of a match or rewrite section */
gr_expr *gr_pt_new_expr(pt_parse *s, pt_expr_kind kind, gr_loc where);
bool gr_pt_parse_reference(pt_parse *s, gr_expr **out); /* %y or %y.weight */
gr_pattern *gr_pt_parse_match(gr_parser *p,
                              bool bare); /* a match and its where, not compiled yet; p->failed: with errors */

#endif
