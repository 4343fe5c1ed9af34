/* A quantizer file in memory. Private to this folder: reading (quantizer_parse.c), checking (quantizer_check.c), sets
 * of quantizers (quantizers.c) and annotating (annotate.c). Everything lives in the quantizer's arena. */
#ifndef GRAFT_QUANTIZER_IMPL_H
#define GRAFT_QUANTIZER_IMPL_H

#include "patterns/patterns_impl.h"
#include "patterns/quantizer_int.h"

#define QZ_MAX_OPTIONS 24
#define QZ_MAX_SPECS 200
#define QZ_MAX_RULES 100
#define QZ_MAX_LINES 64
#define QZ_MAX_REFS 8
#define QZ_MAX_TOGETHER 16 /* rules that are tried node by node */

typedef struct qz_option {
  const char *name;
  graft_attr value; /* the default: bool, int, float or string */
  gr_loc where;
} qz_option;

/* The value of a spec's attribute: a word, an expression over the options, or the weight axis of the op that reads the
 * edge; with `if`, one of two. */
typedef struct qz_value {
  enum { QZ_WORD, QZ_EXPR, QZ_WEIGHT_AXIS } kind;
  const char *word;
  gr_expr *expr;
  gr_expr *condition; /* NULL: always */
  struct qz_value *otherwise;
  gr_loc where;
} qz_value;

typedef struct qz_spec {
  const char *name;
  uint32_t kind;                  /* GR_SPEC_spec, GR_SPEC_derived, GR_SPEC_fixed */
  int axis;                       /* slot of the kind's attribute of that name; -1: it has none */
  qz_value *values[GR_MAX_ATTRS]; /* by attribute; NULL: the default */
  bool used;
  bool wrong; /* has errors that have been said */
  gr_loc where;
} qz_spec;

/* %c.weight, %c.tensors[1..], %r, ..%parts */
typedef struct qz_place {
  int value; /* name in the pattern */
  bool rest; /* ..%parts: the results that `value`, a rest's name, stands for */
  bool edge;
  const char *operand;
  uint32_t operand_length;
  bool of_rest;         /* %xs[first]: `value` names the rest ..%xs */
  uint32_t first, last; /* of a variadic operand; last GRAFT_NONE: to the end */
  gr_loc where;
} qz_place;

/* What a place gets. */
typedef struct qz_setting {
  enum { QZ_NONE, QZ_SPEC, QZ_SHARED } kind;
  uint32_t spec; /* of QZ_SPEC */
  qz_place refs[QZ_MAX_REFS];
  uint32_t ref_count;
  gr_expr *condition;           /* NULL: always */
  struct qz_setting *otherwise; /* NULL: nothing */
  gr_loc where;
} qz_setting;

typedef struct qz_line {
  qz_place target;
  qz_setting *setting;
} qz_line;

typedef struct qz_rule {
  const char *name;
  gr_expr *condition; /* over the options; NULL: always */
  gr_pattern *pattern;
  GR_VEC(qz_line) lines;
  bool skip;     /* claims, and annotates nothing */
  bool together; /* with the rule before it, node by node */
  bool wrong;    /* has errors that have been said */
  gr_loc where;
} qz_rule;

struct gr_quantizer {
  graft_context *context;
  gr_arena arena;
  gr_parser parser;
  const char *name, *doc, *file;
  GR_VEC(qz_option) options;
  GR_VEC(qz_spec) specs;
  GR_VEC(qz_rule) rules;
  const graft_quantizers *owner;
  bool ships;
};

/* The dequantize or quantize, come with the file, that gives the edge or value its parameters; GRAFT_NONE (given.c). */
graft_node gr_given_by(const graft_graph *g, gr_spec_ref place);
/* Claims the elementwise nodes that compute with scales which q/dq read, or with sums of a layer of integers: no rule
 * is to quantize them (given.c). */
graft_status gr_claim_integer_arithmetic(graft_graph *g, bool *claimed);
/* A bias of zeros in the layer's optional slot, where folding will make one (absent.c); else nothing. */
graft_status gr_make_absent(graft_graph *g, const gr_match *m, graft_node layer, uint32_t slot);
/* Its parameters as a fixed spec; 0: they are per channel or no constants; GRAFT_NONE with a diagnostic. */
uint32_t gr_given_spec(graft_graph *g, graft_node qdq);

/* The files that ship, made by the build; ended by a NULL name. */
extern const gr_builtin gr_builtin_quantizers[];

/* NULL with diagnostics: the text is wrong. It is copied. `ships`: that each of its rules is reached the tests have
 * seen.
 */
gr_quantizer *qz_parse(graft_context *c, const gr_customs *customs, const char *text, size_t size, const char *file,
                       bool ships);
void qz_destroy(gr_quantizer *q);
/* After parsing: ranges, kinds and names in every choice of the bool options; places; rules that can never match. */
bool qz_check(gr_quantizer *q, bool ships);
/* `active`: for each choice of the options, for each rule, does its condition hold (quantizer_reach.c). */
bool qz_check_reach(gr_quantizer *q, const bool *active, uint32_t choices);

/* The value's leaf under these options; false with a diagnostic. */
bool qz_value_eval(const gr_quantizer *q, const qz_value *v, const graft_attr *options, graft_attr *out,
                   bool *weight_axis);
/* All attributes of a spec, by slot, in public form; `axis` and `groups` where it says @op.weight_axis. Checked:
 * kinds, range, names. A spec per tensor has no axis. */
bool qz_spec_eval(const gr_quantizer *q, const qz_spec *s, const graft_attr *options, int64_t axis, int64_t groups,
                  graft_attr attrs[GR_MAX_ATTRS], bool *weight_axis);
void qz_defaults(const gr_quantizer *q, graft_attr options[QZ_MAX_OPTIONS]);
/* "xnnpack{per-channel=true, …}" with the values of the options, as snprintf does. */
size_t qz_describe(const gr_quantizer *q, const graft_attr *options, char *buffer, size_t size);
bool qz_condition(const gr_quantizer *q, const gr_expr *e, const gr_match *m, const graft_attr *options, bool *out);

#endif
