/* How a pass is written. A row in passes.def names a function
 *
 *     graft_status gr_pass_NAME(gr_pass *p);
 *
 * that changes p->module: every graph of it, in linear time, leaving it valid, with scratch in arrays by node id. A
 * pass knows nothing of the others; what it must be told comes as options, what it has to say goes into statistics and
 * diagnostics. It matches no ops by hand: what rewrites by op is a rule under patterns/rules. When it fails, or leaves
 * an error among the diagnostics, all that it changed is taken back (ir/graph/undo_int.h): it need not clean up. */
#ifndef GRAFT_PASSES_INT_H
#define GRAFT_PASSES_INT_H

#include "ir/ir_int.h"
#include "passes/passes.h"

#define GR_MAX_OPTIONS 10 /* of a pass of the table */
#define GR_MAX_STATISTICS 16

/* What a learned scale does not go below. PyTorch's learnable fake-quantizers raise theirs to this before each forward,
 * which comes to the same as after each step. */
#define GR_LEAST_SCALE 0x1p-23f

typedef enum gr_option_kind {
  GR_OPTION_END, /* ends a list of declarations */
  GR_OPTION_BOOL,
  GR_OPTION_INT,
  GR_OPTION_FLOAT,
  GR_OPTION_STRING,
  GR_OPTION_LIST,  /* comma-separated strings */
  GR_OPTION_CHOICE /* one of `choices` */
} gr_option_kind;

typedef struct gr_option_decl {
  gr_option_kind kind;
  const char *name;
  bool b; /* defaults */
  int64_t i;
  double f;
  const char *s;       /* of string, list and choice; "" where there is none */
  const char *choices; /* "trained|observer" */
  double least, most;  /* of numbers */
} gr_option_decl;

typedef struct gr_option_value {
  bool given;
  bool b;
  int64_t i;
  double f;
  const char *s;
  gr_loc where; /* in the pipeline's text, when given */
} gr_option_value;

typedef struct gr_pass gr_pass;
typedef graft_status (*gr_pass_function)(gr_pass *p);

typedef struct gr_pass_info {
  const char *name;
  gr_pass_function run;          /* NULL: a named pipeline */
  gr_pass_function check;        /* of its options, before any pass runs, without a module; NULL: nothing to check */
  const char *members;           /* of a named pipeline; of an alias of `rewrite`, the rules */
  bool open;                     /* takes options that it does not declare */
  uint32_t marks;                /* of the nodes that it makes */
  const gr_option_decl *options; /* up to GR_OPTION_END */
  const struct gr_own_pass *own; /* of the embedder: what gr_pass_run_own calls */
  const char *doc;
} gr_pass_info;

struct gr_pass_env; /* rules and quantizers of one run: passes_impl.h */

struct gr_pass {
  graft_module *module; /* NULL in `check` */
  graft_context *context;
  const gr_pass_info *info;
  const gr_option_value *values; /* by the declaration's index */
  const gr_option_text *rest;    /* undeclared ones of an open pass: annotate's are the quantizer's */
  uint32_t rest_count;
  struct gr_pass_env *env;
  graft_pass_statistic statistics[GR_MAX_STATISTICS];
  uint32_t statistic_count;
  GR_VEC(graft_rule_statistic) rules;
  GR_VEC(graft_layer_statistic) layers;
  gr_arena text; /* of what the statistics say */
};

/* An option's value before it is given, and as the text gives it: an error where that is of another kind. */
gr_option_value gr_option_default(const gr_option_decl *decl);
graft_status gr_option_set(graft_context *c, const gr_option_decl *decl, const gr_option_text *o, gr_option_value *v);
bool gr_same_option(const char *a, const char *b); /* `-` and `_` are the same */

/* Options by name; the row in passes.def must declare them with this kind. */
bool gr_option_bool(const gr_pass *p, const char *name);
int64_t gr_option_int(const gr_pass *p, const char *name);
double gr_option_float(const gr_pass *p, const char *name);
const char *gr_option_string(const gr_pass *p, const char *name); /* of a list the whole text */
bool gr_option_given(const gr_pass *p, const char *name);
/* Where the option's value stands, for a diagnostic; nowhere when it was not given. */
gr_loc gr_option_loc(const gr_pass *p, const char *name);
/* Steps through a comma-separated text: `*at` starts as the text, ends NULL. Blanks round an item are not part of it,
 * empty items are skipped. False: no more. */
bool gr_list_next(const char **at, const char **item, size_t *length);

/* Is the tensor or node called so, or does it stand in a module called so? */
bool gr_is_or_below(const char *name, const char *item, size_t length);
/* All of the name, however long, and `suffix` behind it, for as long as the pass runs; NULL: no memory. */
char *gr_name_text(gr_pass *p, gr_name name, const char *suffix);

/* The items as an array of strings; NULL: no memory. */
const char **gr_list_split(gr_arena *arena, const char *list, uint32_t *count);

/* Is the graph one that the list option `graph` means? "": all are; `!NAME`: all but that one. */
bool gr_graph_chosen(const gr_pass *p, const graft_graph *g);
/* The graph that the option `graph` names: without it the graph `train`, where there is none the first one. */
graft_status gr_graph_to_train(const gr_pass *p, graft_graph **g);
/* For passes that change what forward nodes compute: an error where a graph has gradients of them. */
graft_status gr_refuse_gradients(gr_pass *p);

/* Adds to a statistic; `name` lives as long as the pass. */
void gr_count(gr_pass *p, const char *name, uint64_t by);

/* The interpreter's function for single ops, for rules' `const` lines and constant folding. */
gr_evaluator gr_pass_evaluator(const gr_pass *p, void **user);

/* Adds to what the pass reports of the rule; `user`: the pass. */
struct gr_rule_stats;
bool gr_count_rule(void *user, const struct gr_rule_stats *stats);
bool gr_count_rule_copied(void *user, const struct gr_rule_stats *stats); /* of rules that may be gone by then */
/* Applies rules by name, in this order, to every graph; those of `--pattern-file` are known too (rewrite.c). Adds to
 * the statistics. `where` is of the names. */
graft_status gr_apply_rules(gr_pass *p, const char *rules, gr_loc where);
/* The rules that make the options `form` and `exact` of the training form that fuse_conv_bn_qat gives, one after the
 * other, ended by NULL. The stable form is made of the approximate one where that has the exact scale: in every layer,
 * or in those whose scales are too uneven. */
graft_status gr_form_rules(const gr_pass *p, const char *const **rules);
/* The same until none of them matches. */
graft_status gr_settle_rules(gr_pass *p, const char *rules);

/* A byte for each node of the graph: has it a spec on an edge or a result? The caller frees `nodes.len` bytes; NULL: no
 * memory. For passes that go from users to makers: a node of many operands must not be looked through for each. */
uint8_t *gr_annotated_nodes(const graft_graph *g);

/* What graft_check_pipeline does with the text alone: no rule, quantizer or file is looked for. */
graft_status gr_pipeline_check_text(graft_context *c, const char *text);

#define PASS(name, id, ...) graft_status gr_pass_##id(gr_pass *p);
#define CHECKED_PASS(name, id, ...) \
  graft_status gr_pass_##id(gr_pass *p); \
  graft_status gr_check_##id(gr_pass *p);
#define MARKING_PASS(name, id, ...) graft_status gr_pass_##id(gr_pass *p);
#define CHECKED_MARKING_PASS CHECKED_PASS
#define OPEN_PASS(name, id, ...) \
  graft_status gr_pass_##id(gr_pass *p); \
  graft_status gr_check_##id(gr_pass *p);
#define ALIAS(...)
#define PIPELINE(...)
#include "passes/passes.def"
#undef PASS
#undef CHECKED_PASS
#undef CHECKED_MARKING_PASS
#undef MARKING_PASS
#undef OPEN_PASS
#undef ALIAS
#undef PIPELINE

#endif
