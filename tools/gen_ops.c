/* Writes what comes from the op table at build time:
 *
 *     gen_ops ops.h OPS.md constraints.def SOURCE...
 *
 * ops.h has a typed builder for each op, OPS.md the reference, constraints.def one CONSTRAINT(rule, number) for each
 * numbered constraint. These are the comments "C3: ..." in the bodies of the shape rules ("bool gr_rule_conv(") of the
 * sources, and those of all ops ("A1: ...") and of the verifier ("V1: ...") anywhere in them. */
#include "ir/ir_int.h"

#include <ctype.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const rule_of[] = {
#define OP(id, name, families, axis, flags, operands, attrs, results, rule, doc) #rule,
#include "ir/ops.def"
#undef OP
};

/* ---- constraints, out of the sources ---- */

typedef struct constraint {
  char rule[32]; /* "" for A and V */
  char label;
  int number;
  char text[600];
} constraint;

static constraint constraints[400];
static int constraint_count;

static void die(const char *what, const char *which) {
  fprintf(stderr, "gen_ops: %s: %s\n", which, what);
  exit(1);
}

static char *read_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (f == NULL) die("cannot open", path);
  static char text[200000];
  const size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  if (n == sizeof text - 1) die("too large", path);
  text[n] = '\0';
  return text;
}

/* The comment's words, joined by single spaces; gives the place after it back. */
static const char *read_comment(const char *p, constraint *c) {
  size_t n = 0;
  bool space = false;
  for (; *p != '\0' && strncmp(p, "*/", 2) != 0; ++p) {
    if (*p == '\n') {
      while (isspace((unsigned char)p[1]) || (p[1] == '*' && p[2] != '/')) ++p;
      space = true;
    } else if (isspace((unsigned char)*p)) {
      space = true;
    } else {
      if (n + 2 >= sizeof c->text) die("a constraint is too long", c->rule);
      if (space && n > 0) c->text[n++] = ' ';
      space = false;
      c->text[n++] = *p;
    }
  }
  c->text[n] = '\0';
  return p;
}

static void read_constraints(const char *path) {
  char rule[sizeof constraints->rule] = "";
  for (const char *p = read_file(path); *p != '\0'; ++p) {
    static const char definition[] = "bool gr_rule_";
    if (strncmp(p, definition, sizeof definition - 1) == 0) {
      p += sizeof definition - 1;
      snprintf(rule, sizeof rule, "%.*s", (int)strcspn(p, "("), p);
    }
    if (strncmp(p, "/* ", 3) != 0 || strchr("ACV", p[3]) == NULL || !isdigit((unsigned char)p[4])) continue;
    char *end;
    const long number = strtol(p + 4, &end, 10);
    if (*end != ':') continue;
    if (constraint_count == (int)(sizeof constraints / sizeof *constraints)) die("too many constraints", path);
    constraint *c = &constraints[constraint_count++];
    *c = (constraint){.label = p[3], .number = (int)number};
    if (c->label == 'C') memcpy(c->rule, rule, sizeof rule);
    p = read_comment(end + 1, c);
  }
}

static int compare_constraints(const void *a, const void *b) {
  const constraint *x = a, *y = b;
  if (x->label != y->label) return x->label - y->label;
  const int rule = strcmp(x->rule, y->rule);
  return rule != 0 ? rule : x->number - y->number;
}

/* Numbers begin at 1 and have no holes or doubles, so that a message leads to one sentence. */
static void check_constraints(void) {
  qsort(constraints, (size_t)constraint_count, sizeof *constraints, compare_constraints);
  for (int i = 0; i < constraint_count; ++i) {
    const bool first = i == 0 || constraints[i].label != constraints[i - 1].label ||
                       strcmp(constraints[i].rule, constraints[i - 1].rule) != 0;
    if (constraints[i].number != (first ? 1 : constraints[i - 1].number + 1))
      die("constraints are not numbered from 1 without holes", constraints[i].rule);
  }
}

/* ---- ops.h ---- */

static void upper(const char *name, char *out, size_t size) {
  size_t i = 0;
  for (; name[i] != '\0' && i + 1 < size; ++i) out[i] = (char)toupper((unsigned char)name[i]);
  out[i] = '\0';
}

static bool any_count(const gr_attr_decl *a) {
  return (a->kind == GRAFT_ATTR_INTS || a->kind == GRAFT_ATTR_FLOATS) && a->count < 0;
}

static const char *c_type(const gr_attr_decl *a) {
  switch (a->kind) {
  case GRAFT_ATTR_BOOL: return "bool ";
  case GRAFT_ATTR_INT: return "int64_t ";
  case GRAFT_ATTR_FLOAT: return "double ";
  case GRAFT_ATTR_STRING: return "const char *";
  case GRAFT_ATTR_DTYPE: return "graft_dtype ";
  case GRAFT_ATTR_GRAPH: return "uint32_t ";
  case GRAFT_ATTR_INTS: return a->required || any_count(a) ? "const int64_t *" : "int64_t ";
  case GRAFT_ATTR_FLOATS: return "const double *";
  default: die("no C type for the attribute", a->name); return "";
  }
}

static void put_int(FILE *f, int64_t i) {
  if (i == INT64_MAX)
    fputs("INT64_MAX", f);
  else
    fprintf(f, "%" PRId64, i);
}

static void put_float(FILE *f, double d) {
  char text[40];
  if (isinf(d)) {
    fputs(d < 0 ? "-INFINITY" : "INFINITY", f);
    return;
  }
  snprintf(text, sizeof text, "%.15g", d);
  fprintf(f, strtod(text, NULL) == d ? "%.15g" : "%.17g", d);
}

static void put_c_default(FILE *f, const gr_attr_decl *a) {
  static const char *const dtypes[] = {
#define ELEMENT(id, ...) [GRAFT_##id] = #id,
#include "ir/dtypes.def"
#undef ELEMENT
  };
  if (a->default_none) {
    fputs(a->kind == GRAFT_ATTR_INT ? "GRAFT_NO_INT" : a->kind == GRAFT_ATTR_FLOAT ? "GRAFT_NO_FLOAT" : "NULL, 0", f);
    return;
  }
  switch (a->kind) {
  case GRAFT_ATTR_BOOL: fputs(a->i != 0 ? "true" : "false", f); break;
  case GRAFT_ATTR_INT: put_int(f, a->i); break;
  case GRAFT_ATTR_FLOAT: put_float(f, a->f); break;
  case GRAFT_ATTR_STRING: fprintf(f, "\"%s\"", gr_choice_words(a->choice)[a->i]); break;
  case GRAFT_ATTR_DTYPE: fprintf(f, "GRAFT_%s", dtypes[a->i]); break;
  default:
    fputc('{', f);
    for (int k = 0; k < a->count; ++k) fprintf(f, "%s%" PRId64, k > 0 ? ", " : "", a->i);
    fputc('}', f);
  }
}

/* What an attribute is called among the options, which have members of their own. */
static const char *member(const gr_attr_decl *a) {
  static char text[80];
  const bool taken = strcmp(a->name, "size") == 0 || strcmp(a->name, "name") == 0 || strcmp(a->name, "source") == 0 ||
                     strcmp(a->name, "results") == 0;
  if (a->required || !taken) return a->name;
  snprintf(text, sizeof text, "%s_", a->name);
  return text;
}

/* The words that an attribute may be, its range, or its name alone. */
static void put_meaning(FILE *f, const gr_attr_decl *a) {
  fputs("; /*", f);
  if (a->kind == GRAFT_ATTR_STRING && a->choice)
    for (const char *const *word = gr_choice_words(a->choice); *word; ++word) fprintf(f, " %s", *word);
  else if (a->kind == GRAFT_ATTR_INT && a->least != a->greatest)
    fprintf(f, " %" PRId64 " to %" PRId64, a->least, a->greatest);
  else
    fprintf(f, " the attribute %s", a->name);
  fputs(" */\n", f);
}

static void put_options(FILE *f, const gr_op_info *op, const char *macro, bool counted) {
  fprintf(f, "typedef struct graft_%s_options {\n  size_t size; /* set by GRAFT_%s_DEFAULTS */\n", op->id, macro);
  for (int i = 0; i < op->attr_count; ++i) {
    const gr_attr_decl *a = &op->attrs[i];
    if (a->required) continue;
    fprintf(f, "  %s%s", c_type(a), member(a));
    if (any_count(a))
      fprintf(f, "; /* NULL: none */\n  uint32_t %s_count; /* length of %s */\n", a->name, a->name);
    else if (a->kind == GRAFT_ATTR_INTS)
      fprintf(f, "[%d]; /* %s of each extent */\n", a->count, a->name);
    else if (a->none_allowed)
      fprintf(f, "; /* or GRAFT_NO_%s */\n", a->kind == GRAFT_ATTR_INT ? "INT" : "FLOAT");
    else
      put_meaning(f, a);
  }
  if (counted) fputs("  uint32_t results; /* how many, from the first; 0: the required ones */\n", f);
  fprintf(f, "  const char *name, *source; /* of the first result; in the source network */\n} graft_%s_options;\n",
          op->id);
  fprintf(f, "/* What they begin as. */\n");
  fprintf(f, "#define GRAFT_%s_DEFAULTS \\\n  { sizeof(graft_%s_options), ", macro, op->id);
  for (int i = 0; i < op->attr_count; ++i) {
    if (op->attrs[i].required) continue;
    put_c_default(f, &op->attrs[i]);
    fputs(", ", f);
  }
  fprintf(f, "%sNULL, NULL }\n", counted ? "0, " : "");
}

/* One attribute of the node: from a parameter where it is required, else from the options. */
static void put_attr(FILE *f, const gr_attr_decl *a, int slot) {
  const char *from = a->required ? "" : "o->";
  fprintf(f, "  attrs[%d] = graft_attr_%s%s(\"%s\", %s%s", slot, a->none_allowed && !any_count(a) ? "optional_" : "",
          gr_kind_name(a->kind), a->name, from, member(a));
  if (any_count(a))
    fprintf(f, ", %s%s_count", from, a->name);
  else if (a->kind == GRAFT_ATTR_INTS)
    fprintf(f, ", %d", a->count);
  fputs(");\n", f);
}

static void put_builder(FILE *f, const gr_op_info *op) {
  char macro[64];
  upper(op->id, macro, sizeof macro);
  const bool variadic_results = op->results[op->result_count - 1].variadic;
  const bool several = op->result_count > 1 && !variadic_results;
  const bool counted = several && gr_op_required_results(op) != op->result_count;
  const bool variadic = op->operand_count > 0 && op->operands[op->operand_count - 1].variadic;
  fprintf(f, "\n/* Of graft_build_%s. */\n", op->id);
  put_options(f, op, macro, counted);
  char type[80] = "graft_value";
  if (variadic_results) snprintf(type, sizeof type, "graft_node");
  if (several) {
    snprintf(type, sizeof type, "graft_%s_results", op->id);
    fprintf(f, "/* Of graft_build_%s. */\ntypedef struct %s {\n  graft_value ", op->id, type);
    for (int i = 0; i < op->result_count; ++i) fprintf(f, "%s%s", i > 0 ? ", " : "", op->results[i].name);
    fprintf(f, "; /* the results by name */\n} %s;\n", type);
  }
  fprintf(f, "/* %s: %s. */\n", op->name, op->doc);
  fprintf(f, "static inline %s graft_build_%s(graft_graph *graph", type, op->id);
  for (int i = 0; i < op->operand_count; ++i) {
    if (op->operands[i].variadic)
      fprintf(f, ", const graft_value *%s, uint32_t %s_count", op->operands[i].name, op->operands[i].name);
    else
      fprintf(f, ", graft_value %s", op->operands[i].name);
  }
  for (int i = 0; i < op->attr_count; ++i) {
    const gr_attr_decl *a = &op->attrs[i];
    if (!a->required) continue;
    fprintf(f, ", %s%s", c_type(a), a->name);
    if (any_count(a)) fprintf(f, ", uint32_t %s_count", a->name);
  }
  fprintf(f, ", const graft_%s_options *options) {\n", op->id);
  fprintf(f, "  static const graft_%s_options defaults = GRAFT_%s_DEFAULTS;\n", op->id, macro);
  fprintf(f, "  const graft_%s_options *o = options ? options : &defaults;\n", op->id);
  const int fixed = variadic ? op->operand_count - 1 : op->operand_count;
  if (fixed > 0) {
    fputs("  const graft_value operands[] = {", f);
    for (int i = 0; i < fixed; ++i) fprintf(f, "%s%s", i > 0 ? ", " : "", op->operands[i].name);
    fputs("};\n", f);
  }
  if (op->attr_count > 0) fprintf(f, "  graft_attr attrs[%d];\n", op->attr_count);
  for (int i = 0; i < op->attr_count; ++i) put_attr(f, &op->attrs[i], i);
  fprintf(f, "  %s graft_build_node(graph, \"%s\", o->size == sizeof *o, ",
          several            ? "const graft_node node ="
          : variadic_results ? "return"
                             : "const graft_node node =",
          op->name);
  fprintf(f, "%s, %d, ", fixed > 0 ? "operands" : "NULL", fixed);
  if (variadic)
    fprintf(f, "%s, %s_count, ", op->operands[fixed].name, op->operands[fixed].name);
  else
    fputs("NULL, 0, ", f);
  fprintf(f, "%s, %d, %s, o->name, o->source);\n", op->attr_count > 0 ? "attrs" : "NULL", op->attr_count,
          counted ? "o->results" : "0");
  if (several) {
    fprintf(f, "  %s r;\n", type);
    for (int i = 0; i < op->result_count; ++i)
      fprintf(f, "  r.%s = graft_built_result(graph, node, %d);\n", op->results[i].name, i);
    fputs("  return r;\n", f);
  } else if (!variadic_results) {
    fputs("  return graft_built_result(graph, node, 0);\n", f);
  }
  fputs("}\n", f);
}

static const char prologue[] =
    "/* graft/ops.h - a typed builder for each op, generated from the op table.\n"
    " *\n"
    " *     graft_conv2d_options o = GRAFT_CONV2D_DEFAULTS;\n"
    " *     o.stride[0] = o.stride[1] = 2;\n"
    " *     graft_value y = graft_build_conv2d(graph, x, weight, GRAFT_NONE, &o);\n"
    " *     y = graft_build_relu(graph, y, NULL);\n"
    " *     y = graft_build_permute(graph, y, GRAFT_LIST(0, 2, 3, 1), NULL);\n"
    " *\n"
    " * Operands come first (GRAFT_NONE for an absent optional one), then the attributes that have no default, then "
    "options,\n"
    " * NULL for the defaults. Options begin as GRAFT_..._DEFAULTS, which sets their size: others are refused. A "
    "builder\n"
    " * gives the result, or a struct of all results (GRAFT_NONE for those the node does not have; `results` in the "
    "options\n"
    " * asks for optional ones), or the node where their number varies. GRAFT_NONE: the operands contradict the op, a\n"
    " * diagnostic says how. `name` is the first result's, `source` the name in the source network.\n"
    " *\n"
    " * Ops that run graphs have none, since nothing here knows how many results they have: graft_node_create makes "
    "them.\n"
    " *\n"
    " * All of it is inline code over graft_node_create: nothing here is part of the ABI. */\n"
    "#ifndef GRAFT_OPS_H\n"
    "#define GRAFT_OPS_H\n"
    "\n"
    "#include \"ir.h\"\n"
    "\n"
    "#include <math.h>\n"
    "\n"
    "#define GRAFT_NO_INT INT64_MIN /* an optional integer that is not given */\n"
    "#define GRAFT_NO_FLOAT ((double)NAN)     /* the same of a number */\n"
    "/* A list and its length, for two parameters (C only). */\n"
    "#define GRAFT_LIST(...) (const int64_t[]){__VA_ARGS__}, (uint32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / "
    "sizeof(int64_t))\n"
    "\n"
    "/* An attribute that is not given. */\n"
    "static inline graft_attr graft_attr_none(const char *name) {\n"
    "  graft_attr a;\n"
    "  a.name = name;\n"
    "  a.kind = GRAFT_ATTR_NONE;\n"
    "  a.count = 0;\n"
    "  a.as.i = 0;\n"
    "  return a;\n"
    "}\n";

static void put_maker(FILE *f, const char *name, const char *kind, const char *type, const char *member) {
  fprintf(f,
          "/* The attribute `name` with this value. */\n"
          "static inline graft_attr graft_attr_%s(const char *name, %svalue) {\n"
          "  graft_attr a = graft_attr_none(name);\n"
          "  a.kind = GRAFT_ATTR_%s;\n"
          "  a.as.%s = value;\n"
          "  return a;\n"
          "}\n",
          name, type, kind, member);
}

static const char helpers[] =
    "/* An empty list is one where `values` is not NULL. */\n"
    "static inline graft_attr graft_attr_ints(const char *name, const int64_t *values, uint32_t count) {\n"
    "  graft_attr a = graft_attr_none(name);\n"
    "  a.kind = values ? GRAFT_ATTR_INTS : GRAFT_ATTR_NONE;\n"
    "  a.count = values ? count : 0;\n"
    "  a.as.ints = values;\n"
    "  return a;\n"
    "}\n"
    "/* An empty list is one where `values` is not NULL. */\n"
    "static inline graft_attr graft_attr_floats(const char *name, const double *values, uint32_t count) {\n"
    "  graft_attr a = graft_attr_none(name);\n"
    "  a.kind = values ? GRAFT_ATTR_FLOATS : GRAFT_ATTR_NONE;\n"
    "  a.count = values ? count : 0;\n"
    "  a.as.floats = values;\n"
    "  return a;\n"
    "}\n"
    "/* The attribute `name`, not given where the value is GRAFT_NO_INT. */\n"
    "static inline graft_attr graft_attr_optional_int(const char *name, int64_t value) {\n"
    "  return value == GRAFT_NO_INT ? graft_attr_none(name) : graft_attr_int(name, value);\n"
    "}\n"
    "/* The attribute `name`, not given where the value is GRAFT_NO_FLOAT. */\n"
    "static inline graft_attr graft_attr_optional_float(const char *name, double value) {\n"
    "  return value != value ? graft_attr_none(name) : graft_attr_float(name, value);\n"
    "}\n"
    "\n"
    "/* What the builders share. `sized`: the options begin with their size. */\n"
    "static inline graft_node graft_build_node(graft_graph *graph, const char *op, bool sized, const graft_value "
    "*operands,\n"
    "                                          uint32_t operand_count, const graft_value *rest, uint32_t rest_count,\n"
    "                                          const graft_attr *attrs, uint32_t attr_count, uint32_t results,\n"
    "                                          const char *name, const char *source) {\n"
    "  graft_node_options o;\n"
    "  o.size = sized ? sizeof o : 0;\n"
    "  o.op = op;\n"
    "  o.operands = operands;\n"
    "  o.operand_count = operand_count;\n"
    "  o.rest = rest;\n"
    "  o.rest_count = rest_count;\n"
    "  o.attrs = attrs;\n"
    "  o.attr_count = attr_count;\n"
    "  o.result_count = results;\n"
    "  o.name = name;\n"
    "  o.source = source;\n"
    "  o.types = NULL;\n"
    "  o.names = NULL;\n"
    "  o.before = 0;\n"
    "  o.insert = false;\n"
    "  o.from = NULL;\n"
    "  o.from_count = 0;\n"
    "  o.pass = NULL;\n"
    "  o.rule = NULL;\n"
    "  o.equals = NULL;\n"
    "  return graft_node_create(graph, &o);\n"
    "}\n"
    "/* A result of the node, if there is a node. */\n"
    "static inline graft_value graft_built_result(graft_graph *graph, graft_node node, uint32_t index) {\n"
    "  return node == GRAFT_NONE ? GRAFT_NONE : graft_node_result(graph, node, index);\n"
    "}\n";

/* Graphs are no arguments. */
static bool has_builder(const gr_op_info *op) { return (op->families & GR_F_CONTROL) == 0; }

static void write_header(FILE *f) {
  fputs(prologue, f);
  put_maker(f, "bool", "BOOL", "bool ", "b");
  put_maker(f, "int", "INT", "int64_t ", "i");
  put_maker(f, "float", "FLOAT", "double ", "f");
  put_maker(f, "string", "STRING", "const char *", "s");
  put_maker(f, "dtype", "DTYPE", "graft_dtype ", "dtype");
  put_maker(f, "graph", "GRAPH", "uint32_t ", "graph");
  fputs(helpers, f);
  for (uint32_t i = 0; i < GR_OP_COUNT; ++i)
    if (has_builder(gr_op_get(i))) put_builder(f, gr_op_get(i));
  fputs("\n#endif\n", f);
}

/* ---- OPS.md ---- */

static void put_constraints(FILE *f, char label, const char *rule) {
  for (int i = 0; i < constraint_count; ++i) {
    const constraint *c = &constraints[i];
    if (c->label == label && strcmp(c->rule, rule) == 0) fprintf(f, "* %c%d: %s\n", c->label, c->number, c->text);
  }
}

static void put_families(FILE *f, uint32_t families) {
  for (size_t i = 0; i < GR_FAMILY_COUNT; ++i)
    if ((families & gr_families[i].mask) != 0) fprintf(f, "Family `@%s`. ", gr_families[i].name);
  if ((families & GR_F_COMMUTES) != 0) fputs("The operands commute. ", f);
  if ((families & GR_F_RANDOM) != 0) fputs("Random in training. ", f);
}

static void put_roles(FILE *f, const gr_op_info *op) {
  static const char *const titles[] = {"", "Weights", "Statistics or state", "Quantization parameters", "Shape only"};
  for (int role = GR_WEIGHT; role <= GR_LIKE; ++role) {
    bool any = false;
    for (int i = 0; i < op->operand_count; ++i) {
      if ((int)op->operands[i].role != role) continue;
      fprintf(f, "%s%s`%s`", any ? "" : titles[role], any ? ", " : ": ", op->operands[i].name);
      any = true;
    }
    if (any) fputs(". ", f);
  }
}

/* Why an op has neither a gradient rule nor the family `not_differentiable`; NULL: it has. */
static const char *without_gradient(const char *op) {
#define WITHOUT(name, why) \
  if (strcmp(op, name) == 0) return why;
#include "patterns/rules/gradient/without.def"
#undef WITHOUT
  return NULL;
}

static void put_gradient(FILE *f, const gr_op_info *op) {
  const char *why = without_gradient(op->name);
  fputs("Gradient: ", f);
  if (why)
    fprintf(f, "none (%s).", why);
  else
    fputs((op->families & GR_F_NOT_DIFFERENTIABLE) ? "not differentiable." : "by a rule.", f);
}

/* The words and ranges of attributes. */
static void put_values(FILE *f, const gr_op_info *op) {
  for (int i = 0; i < op->attr_count; ++i) {
    const gr_attr_decl *a = &op->attrs[i];
    char words[200];
    if (a->choice != GR_NO_CHOICE) {
      gr_choice_list(a->choice, words, sizeof words);
      fprintf(f, "* `%s`: %s\n", a->name, words);
    } else if (a->least < a->greatest) {
      fprintf(f, "* `%s`: %" PRId64 " to %" PRId64 "\n", a->name, a->least, a->greatest);
    } else if (a->low < a->high) {
      fprintf(f, "* `%s`: %s %g", a->name, a->low == DBL_TRUE_MIN ? "more than" : "from",
              a->low == DBL_TRUE_MIN ? 0 : a->low);
      fprintf(f, a->high < FLT_MAX ? ", at most %g\n" : ", finite\n", a->high);
    }
  }
}

static void put_op(FILE *f, uint32_t index) {
  const gr_op_info *op = gr_op_get(index);
  char signature[1024];
  graft_op_signature(index, signature, sizeof signature);
  fprintf(f, "\n## %s\n\n%c%s.\n\n    %s\n\n", op->name, toupper((unsigned char)op->doc[0]), op->doc + 1, signature);
  put_families(f, op->families);
  if (op->weight_axis >= 0) fprintf(f, "Output channels are axis %d of the weight. ", op->weight_axis);
  put_roles(f, op);
  put_gradient(f, op);
  fputs("\n\n", f);
  put_values(f, op);
  put_constraints(f, 'C', rule_of[index]);
}

static void write_reference(FILE *f) {
  fputs("# Ops\n\n"
        "Generated from `ir/ops.def` and the shape rules. Names, attributes and weight layouts are PyTorch's unless an "
        "op\n"
        "says that it is graft's. In a signature `?` is an optional operand or result, `...` any number. A message "
        "names\n"
        "the constraint that is broken: `conv2d: C3: weight has 4 input channels per group, x has 3`. What is unknown "
        "(an\n"
        "extent, a rank, an opaque node's type) breaks none. What the pass `gradient` makes of an op is a rule\n"
        "(`patterns/rules/gradient`), unless the op says that it has none.\n\n"
        "Every op:\n\n",
        f);
  put_constraints(f, 'A', "");
  fputs("\nEvery module (`graft_module_verify`, the pass `verify`):\n\n", f);
  put_constraints(f, 'V', "");
  fputs("\n# Families\n\nWhat rules and quantizers write for several ops at once; `@any` is every op.\n\n", f);
  for (size_t i = 0; i < GR_FAMILY_COUNT; ++i) fprintf(f, "* `@%s`: %s\n", gr_families[i].name, gr_families[i].doc);
  for (uint32_t i = 0; i < GR_OP_COUNT; ++i) put_op(f, i);
  fputs("\n# Quantization specs\n\nWhat an annotation says of an edge or a value; never nodes.\n", f);
  for (uint32_t i = 0; i < GR_SPEC_KIND_COUNT; ++i) {
    const gr_op_info *spec = gr_spec_info(i);
    char signature[1024];
    gr_signature(spec, signature, sizeof signature);
    fprintf(f, "\n## %s\n\n%c%s.\n\n    %s\n\n", spec->name, toupper((unsigned char)spec->doc[0]), spec->doc + 1,
            signature);
    put_values(f, spec);
  }
}

static void write_constraints(FILE *f) {
  fputs("/* Every numbered constraint: CONSTRAINT(rule, number); generated. */\n", f);
  for (int i = 0; i < constraint_count; ++i)
    if (constraints[i].label == 'C') fprintf(f, "CONSTRAINT(%s, %d)\n", constraints[i].rule, constraints[i].number);
}

static void write_file(const char *path, void (*write)(FILE *)) {
  FILE *f = fopen(path, "wb");
  if (f == NULL) die("cannot write", path);
  write(f);
  if (ferror(f) || fclose(f) != 0) die("cannot write", path);
}

int main(int argc, char **argv) {
  if (argc < 5) die("usage: gen_ops ops.h OPS.md constraints.def SOURCE...", "arguments");
  for (int i = 4; i < argc; ++i) read_constraints(argv[i]);
  check_constraints();
  write_file(argv[1], write_header);
  write_file(argv[2], write_reference);
  write_file(argv[3], write_constraints);
  return 0;
}
