/* Rules and patterns for the folders above, and for the quantizer reader next door.
 *
 * A pattern is a `match … where …` section: a small graph with names, compiled at load into one flat program for each
 * choice of its optional groups (a variant). A rule is a pattern and a `rewrite` section. A quantizer rule is a pattern
 * and what the quantizer makes of it: it uses gr_parser, gr_pattern and gr_expr directly (LANGUAGE.md has the syntax).
 */
#ifndef GRAFT_PATTERNS_INT_H
#define GRAFT_PATTERNS_INT_H

#include "ir/formats/text/lex_int.h"
#include "ir/ir_int.h"
#include "patterns/patterns.h"

/* ---- parsing (parse.c, expr.c, compile.c) -------------------------------------------------------------------------
 *
 * One parser a file. Everything it makes lives in `arena`, which must outlive patterns and expressions. The text must
 * outlive them too (diagnostics show lines of it). The owner reads tokens from `lex` and calls the functions below
 * where a section or an expression begins; each leaves `lex` on the first token that is not its own. They return NULL
 * or false with a diagnostic; after gr_parser_skip reading goes on. */

/* A file that ships. The build makes an array of rules and one of quantizers, each ended by a NULL name. */
typedef struct gr_builtin {
  const char *name, *text; /* "qat/fuse_conv_bn_qat.pat" */
  const char *declares;    /* names of its rules or of its quantizer, each ended by a 0, then one more */
  const uint16_t *needs;   /* of each rule: ops without which it cannot match, ended by GR_OP_COUNT */
} gr_builtin;

typedef struct gr_pattern gr_pattern;
typedef struct gr_expr gr_expr;
typedef struct gr_opset gr_opset;

typedef struct gr_definition gr_definition; /* a condition that the file defines */
typedef struct gr_custom {                  /* a predicate of the embedder */
  const char *name;
  uint32_t arity;
  bool (*holds)(void *user, const graft_graph *graph, const graft_value *values, uint32_t count);
  void *user;
} gr_custom;
typedef GR_VEC(gr_custom *) gr_customs; /* each with its name behind it */
graft_status gr_customs_add(graft_context *c, gr_customs *all, const graft_predicate *given);
void gr_customs_free(graft_context *c, gr_customs *all);

/* Names, numbered in the order of declaration (named.c); the texts are borrowed. To take the last ones back, shorten
 * `names`. */
typedef struct gr_word {
  const char *text;
  size_t length;
} gr_word;
typedef struct gr_named {
  gr_map numbers;
  GR_VEC(gr_word) names;
} gr_named;
uint32_t gr_named_find(const gr_named *n, const char *name, size_t length); /* GRAFT_NONE: none */
bool gr_named_add(graft_context *c, gr_named *n, const char *name, size_t length);
void gr_named_free(graft_context *c, gr_named *n);

typedef struct gr_option_name { /* of a quantizer file */
  const char *name;
  graft_attr_kind kind;
} gr_option_name;

typedef struct gr_parser {
  graft_context *context;
  gr_arena *arena;
  gr_lexer lex;
  GR_VEC(gr_opset *) families;    /* declared in the file: `family @name = relu @pool …` */
  GR_VEC(gr_option_name) options; /* names that stand for values given at match time, in this order: `if qat` */
  GR_VEC(const gr_definition *) conditions;
  gr_named family_names, condition_names;
  gr_custom *const *customs; /* of the set that the file is read into */
  uint32_t custom_count;
  bool failed; /* an error was reported; reading goes on, so that all of a file are */
} gr_parser;

void gr_parser_init(gr_parser *p, graft_context *c, gr_arena *arena, const char *file, const char *text, size_t size);
/* Or the error that it is none, but not the one of each line. */
bool gr_is_text(graft_context *c, const char *file, const char *text, size_t size, const char *what);
void gr_parser_free(gr_parser *p);                                           /* not the arena */
bool gr_parser_option(gr_parser *p, const char *name, graft_attr_kind kind); /* `name` is borrowed */
/* `family @name = relu @pool "vendor.op" …`, with the lexer on `family`. The list ends where a line starts. */
bool gr_parse_family(gr_parser *p);
/* `condition name(%a, $b) = …`, with the lexer on `condition`. */
bool gr_parse_condition(gr_parser *p);

/* After an error: on to the next line that begins with one of the words (ended by NULL), the line of the error not
 * among them unless its first token is what failed and lies past `from`. */
void gr_parser_skip(gr_parser *p, const char *from, const char *const *words);

/* The lines after `match` (whose token has been taken) and the conditions after `where`, compiled. The last line that
 * is in no group is the root. Inside a pattern `@name` is a family, an op name is checked with the op table. */
gr_pattern *gr_pattern_parse(gr_parser *p);
/* Errors were found in it: it only serves to read on. */
bool gr_pattern_is_wrong(const gr_pattern *p);
/* An expression over the pattern's names ($a, %b, @conv.weight_axis, rank(%x), group names, options). NULL pattern:
 * over options alone. */
gr_expr *gr_expr_parse(gr_parser *p, gr_pattern *pattern);
/* Where the expression stands. */
gr_loc gr_expr_loc(const gr_expr *e);

/* The number of ..%name, a rest of results, for gr_match_results; -1 when no line of the pattern has such results. */
int gr_pattern_results(const gr_pattern *p, const char *name, size_t length);
/* A name's number in the pattern, for gr_match_value; -1 when the pattern has no value of this name. */
int gr_pattern_value(const gr_pattern *p, const char *name, size_t length);

/* ---- matching (match.c) -------------------------------------------------------------------------------------------
 */

typedef struct gr_cones gr_cones; /* const values and their data: see gr_cones_create */

typedef struct gr_late { /* the last turns in which a node … */
  uint32_t grown, waits; /* got a long list of operands; was left for the next one */
} gr_late;

typedef struct gr_sole { /* of a value that a long root reads */
  uint32_t attempt;      /* at a root, for which … */
  bool yes;              /* nothing but matched nodes use it */
} gr_sole;

/* Scratch of matching over one graph; reused for any number of patterns. */
typedef struct gr_matcher {
  graft_graph *graph;
  const graft_attr *options; /* values of the parser's options, same order */
  gr_cones *cones;           /* NULL: const(%x) looks at tensors only, and no value can be computed */
  gr_arena scratch;
  GR_VEC(uint8_t) dead; /* by node (live.c); those past the end live */
  bool dead_known;
  GR_VEC(gr_late) late;       /* by node (late.c); those past the end are not */
  GR_VEC(graft_node) waiting; /* for the next turn */
  uint32_t turn;
  GR_VEC(gr_sole) sole; /* by value */
  uint32_t attempt;     /* so many roots were looked at */
  uint64_t uses;        /* gone through to see whether a value has others */
  bool met_late;        /* the last match left out what has grown in this turn */
  uint32_t first_split; /* where the search for the length of the root's first rest begins */
  graft_node bare_root; /* the root, known to have no annotation: it is asked for each place */
  uint32_t conflict;    /* commutative lines whose other order might still help after a failure */
  bool failed;          /* no memory: a match was refused that might have been one */
  void *frame;          /* bindings of the last match */
  void *inner;          /* of what must not match */
  size_t frame_size;
  char *reason; /* not NULL: where the reason of a failed check is written, reason_size bytes */
  size_t reason_size;
  void *failure;          /* with a reason: the check that came furthest */
  GR_VEC(uint64_t) order; /* by node: where it stands in the graph, made on first use (order.c) */
} gr_matcher;

void gr_matcher_init(gr_matcher *m, graft_graph *g, const graft_attr *options, gr_cones *cones);
void gr_matcher_free(gr_matcher *m);

/* What one match bound: valid until the matcher's next match. */
typedef struct gr_match {
  const gr_pattern *pattern;
  uint32_t variant;
  gr_matcher *matcher;
} gr_match;

/* Ops that the root of some variant may have: `visit(user, op)` for each table op; opaque ones by name with op
 * GR_OP_COUNT. Use it to index patterns by root op. */
void gr_pattern_root_ops(const gr_pattern *p, void (*visit)(void *user, uint32_t op, const char *opaque), void *user);
/* Tries every variant at `root`, in order. */
bool gr_pattern_match(gr_matcher *m, const gr_pattern *p, graft_node root, gr_match *out);
/* GRAFT_NONE for an absent optional one, and for names that the variant does not have. */
graft_value gr_match_value(const gr_match *m, int value);
/* The results that a rest stands for: values *first, *first + 1, …; 0: none, and in variants that do not have it. */
uint32_t gr_match_results(const gr_match *m, int results, graft_value *first);
/* The i-th value of the rest with this number; GRAFT_NONE: there are fewer. */
graft_value gr_match_element(const gr_match *m, int rest, uint32_t i);
/* The matched node that has this value as a result; GRAFT_NONE for names that are no node's result in the variant. */
graft_node gr_match_node(const gr_match *m, int value);
/* The nodes matched, the root first. */
/* `context` lines are neither claimed nor replaced. */
bool gr_match_is_context(const gr_match *m, uint32_t i);
uint32_t gr_match_node_count(const gr_match *m);
graft_node gr_match_node_at(const gr_match *m, uint32_t i);
/* False with a diagnostic: no such value (an absent operand's rank, a list index out of range …). Lists and strings
 * live in the matcher's scratch or the module, until the next match. `m` may be NULL for expressions without a pattern.
 */
bool gr_expr_eval(const gr_expr *e, const gr_match *m, const graft_attr *options, graft_context *c, graft_attr *out);
/* Is it true? What has no value is not; check m->matcher->failed. */
bool gr_expr_holds(const gr_expr *e, const gr_match *m, const graft_attr *options, graft_context *c);

/* ---- const values (cone.c): values whose backward cone holds module tensors only, evaluated once a pass -------------
 */

gr_cones *gr_cones_create(graft_graph *g, gr_evaluator evaluate,
                          void *user); /* evaluate NULL: no data, only const(%x) */
void gr_cones_destroy(gr_cones *k);
bool gr_cones_is_const(gr_cones *k, graft_value v);
bool gr_cones_failed(const gr_cones *k);               /* there was no memory: what is said not to be const may be */
bool gr_cones_is_constant(gr_cones *k, graft_value v); /* tensors of kind constant only */
/* Its data, kept by `k`; false with a diagnostic when it is not const or cannot be evaluated. */
bool gr_cones_value(gr_cones *k, graft_value v, gr_array *out);
/* Drops the data of everything when it is more than `above` bytes: for who needs one value after the other. */
void gr_cones_forget(gr_cones *k, size_t above);

/* ---- rewriting (rules.c, apply.c) -----------------------------------------------------------------------------------
 */

/* graft_rules_explain and graft_quantizers_explain, with what evaluates const values: as the passes do. */
graft_status gr_rules_explain(const graft_rules *rules, graft_graph *g, const char *name, const char *only,
                              gr_evaluator evaluate, char **text, size_t *size);
graft_status gr_quantizers_explain(const graft_quantizers *quantizers, uint32_t index, graft_graph *g, const char *name,
                                   const char *only, gr_evaluator evaluate, char **text, size_t *size);

/* What one rule did. Matches that it had to leave alone: a type or an operand that it needs was not there. */
typedef struct gr_rule_stats {
  const char *name; /* lives as long as the rules */
  uint32_t matches, refused, overlaps;
} gr_rule_stats;

/* Groups of nodes that rules are kept to: a match lies in one group, with all nodes but those of `context` lines. What
 * a rewrite makes joins the group. */
typedef struct gr_within {
  GR_VEC(uint32_t) group;    /* by node; 0, as of those past the end: in none */
  GR_VEC(uint32_t) rewrites; /* by group: how many it had; as long as the giver makes it */
} gr_within;
bool gr_within_begin(gr_within *w, const graft_graph *g, uint32_t groups); /* no node is in any; false: no memory */
void gr_within_free(gr_within *w, graft_context *c);
static inline uint32_t gr_within_of(const gr_within *w, graft_node n) {
  return n < w->group.len ? w->group.data[n] : 0;
}

/* Tensors that some graph updates. Found once for all graphs of a module; it outlives those that are told. */
typedef struct gr_updated {
  uint8_t *by_tensor; /* later ones are updated by none */
  uint32_t count;
} gr_updated;
bool gr_updated_find(gr_updated *u, const graft_module *m); /* false: no memory; gr_updated_free ends it either way */
void gr_updated_free(gr_updated *u, graft_context *c);
static inline bool gr_is_updated(const gr_updated *u, graft_tensor t) { return t < u->count && u->by_tensor[t]; }

typedef struct gr_rewrite_options {
  const char *pass;      /* for provenance and messages */
  uint32_t marks;        /* of the nodes made, beside those that the rule names */
  gr_evaluator evaluate; /* NULL: rules with const lines fail */
  void *evaluate_user;
  /* What graphs update is no constant: for rules whose result goes on being trained. NULL: it may be. */
  const struct gr_updated *updated;
  bool fixed_point;      /* go on until nothing matches */
  uint64_t max_rewrites; /* more are an error: rules without an end; 0: enough for rules that have one */
  bool report_overlaps;  /* a warning for each match, on the graph as it was, that wants what an earlier one does */
  gr_loc where;          /* of the names, for a name that is none */
  gr_within *within;     /* NULL: everywhere */
  /* Gets what each rule that matched anything did, in the order of the rules; NULL: nobody asks. */
  bool (*count_rule)(void *user, const gr_rule_stats *stats);
  void *count_user;
} gr_rewrite_options;

typedef struct gr_rewrite_stats {
  uint32_t matches, nodes_added, nodes_erased, tensors_added, overlaps;
  uint32_t unfit;          /* matches left alone: a type, a number or an attribute would not have fitted */
  uint64_t operands, uses; /* written to nodes; gone through to see who may match now: what rewriting costs */
} gr_rewrite_stats;

/* How often two rules were compared while files were read: a measure of what reading costs. */
uint64_t gr_rules_compared(const graft_rules *rules);

/* A set of the rules that ship, none of them read yet. */
graft_rules *gr_rules_create_pending(graft_context *context);
/* The one that a context keeps, made on first use; NULL with a diagnostic. */
graft_rules *gr_rules_shipped(graft_context *context);
/* An empty set of the run, over one that is kept: what ships is read there, and stands behind what is added here. */
graft_rules *gr_rules_create_over(graft_rules *base);
/* Adds the rules and sequences of a set that outlives this one, without reading them again; what ships is left out. */
graft_status gr_rules_borrow(graft_rules *set, const graft_rules *from);
const graft_context *gr_rules_context(const graft_rules *set);
/* A run of passes that has the set begins or ends: meanwhile it is neither changed nor destroyed. */
void gr_rules_use(const graft_rules *set, bool begins);
/* GRAFT_NAME, with the nearest one: no rule, file or folder is called so (whether it was read yet or not). */
graft_status gr_rules_check_name(const graft_rules *set, const char *name, gr_loc where);
/* Reads those that the names stand for, files and folders too, and that may match in the module: the others need an op
 * that is not there, nor made by a rule that the names stand for. NULL module: all may; NULL names: all. What no name
 * fits is an error of gr_rewrite's. */
graft_status gr_rules_need(graft_rules *set, const char *const *names, uint32_t count, const graft_module *module);
graft_status gr_rules_need_in(graft_rules *set, const char *const *names, uint32_t count, const graft_graph *graph);

/* Applies the named rules, rule by rule in this order, nodes in graph order. A name may be a rule or a file of rules
 * without its suffix ("canonicalize/gemm", or "canonicalize" for all of a folder). */
graft_status gr_rewrite(graft_graph *g, const graft_rules *rules, const char *const *names, uint32_t name_count,
                        const gr_rewrite_options *options, gr_rewrite_stats *stats);

#endif
