/* The op table: rows of ops.def as structs, and look-ups in it (op.c). */
#ifndef GRAFT_OP_INT_H
#define GRAFT_OP_INT_H

#include "ir/graph/base_int.h"

#include <stddef.h>

typedef enum gr_op {
#define OP(id, ...) GR_OP_##id,
#include "ir/ops.def"
#undef OP
  GR_OP_COUNT /* an op number from here on is opaque: GR_OP_COUNT + the string id of its name */
} gr_op;

/* What an annotation is: rows of specs.def, which have attributes as ops do. */
typedef enum gr_spec_kind {
#define SPEC(id, ...) GR_SPEC_##id,
#include "ir/specs.def"
#undef SPEC
  GR_SPEC_KIND_COUNT
} gr_spec_kind;

#define GR_MAX_OPERANDS 12 /* declared, a variadic one counts once */
#define GR_MAX_ATTRS 20
#define GR_MAX_RESULTS 7

/* Families and flags; a family is written @name in rules. */
typedef enum gr_family_bit {
#define FAMILY(id, name, doc) GR_BIT_##id,
#include "ir/families.def"
#undef FAMILY
  GR_FAMILY_COUNT
} gr_family_bit;
enum {
#define FAMILY(id, name, doc) GR_F_##id = 1 << GR_BIT_##id,
#include "ir/families.def"
#undef FAMILY
  GR_F_COMMUTES = 1 << GR_FAMILY_COUNT,      /* the operands may be given in any order */
  GR_F_RANDOM = 1 << (GR_FAMILY_COUNT + 1),  /* has an effect while `training` */
  GR_F_PASSING = 1 << (GR_FAMILY_COUNT + 2), /* made and replaced within one pass: not run, not annotated */
  GR_F_EXTENTS = 1 << (GR_FAMILY_COUNT + 3)  /* its result is made of extents, whatever they are of */
};
typedef struct gr_family {
  const char *name, *doc;
  uint32_t mask;
} gr_family;
extern const gr_family gr_families[GR_FAMILY_COUNT];

/* The types of words, and each one's words: enum gr_pad_mode { GR_pad_mode_constant, … }. */
typedef enum gr_choice {
  GR_NO_CHOICE,
#define CHOICES(type, words) GR_CHOICE_##type,
#include "ir/words.def"
#undef CHOICES
  GR_CHOICE_COUNT
} gr_choice;
#define WORD(type, word) GR_##type##_##word,
#define CHOICES(type, words) typedef enum gr_##type{words GR_##type##_count} gr_##type;
#include "ir/words.def"
#undef CHOICES
#undef WORD
static inline bool gr_is_symmetric(int64_t scheme) {
  return scheme == GR_scheme_per_tensor_symmetric || scheme == GR_scheme_per_channel_symmetric;
}
static inline bool gr_is_per_channel(int64_t scheme) {
  return scheme == GR_scheme_per_channel_affine || scheme == GR_scheme_per_channel_symmetric;
}
const char *const *gr_choice_words(gr_choice choice); /* NULL ends the list */
/* -1: no such word. */
int gr_choice_find(gr_choice choice, const char *word);
/* "none, tanh", into `buffer`. */
void gr_choice_list(gr_choice choice, char *buffer, size_t size);

typedef enum gr_role { GR_DATA, GR_WEIGHT, GR_STATISTICS, GR_QPARAM, GR_LIKE, GR_MEASURE } gr_role;

typedef struct gr_operand_decl {
  const char *name; /* NULL ends the list */
  gr_role role;
  bool optional, variadic;
  bool positive; /* above 0, also where it is trained */
} gr_operand_decl;

typedef struct gr_result_decl {
  const char *name; /* NULL ends the list */
  bool optional, variadic;
  bool saved;       /* optional, and what gradients read: the pass gradient adds it */
  double low, high; /* of GR_F_FIXED_RANGE: where its elements lie */
} gr_result_decl;

typedef struct gr_attr_decl {
  const char *name; /* NULL ends the list */
  graft_attr_kind kind;
  gr_choice choice;  /* of a string: it is a word of this type, stored as the enum's number */
  bool required;     /* no default */
  bool none_allowed; /* may be `none` */
  bool default_none;
  bool own;     /* a rest of attributes leaves it behind, at its default, where the other op has none of the name */
  int8_t count; /* of ints: the default is `i` this many times, and the list has this length; -1: any length */
  int64_t i;    /* default of int, bool, dtype, word; element of ints */
  double f;
  int64_t least, greatest; /* of int, and of each of ints; the same: any */
  double low, high;        /* of float; the same: any */
} gr_attr_decl;

/* A row of ops.def; one of specs.def has a name, attributes and doc. */
typedef struct gr_op_info {
  const char *name, *id; /* as files write it; as C does */
  uint32_t families;     /* GR_F_… */
  int32_t weight_axis;   /* output channels in the weight; -1 where there is no weight */
  gr_operand_decl operands[GR_MAX_OPERANDS + 1];
  gr_attr_decl attrs[GR_MAX_ATTRS + 1];
  gr_result_decl results[GR_MAX_RESULTS + 1];
  uint8_t operand_count, attr_count, result_count; /* declared */
  const char *doc;
} gr_op_info;

/* The kinds of attributes, as signatures and as messages call them. */
#define GR_KINDS(X) \
  X(NONE, "none", "none") \
  X(BOOL, "bool", "a bool") \
  X(INT, "int", "an integer") \
  X(FLOAT, "float", "a number") \
  X(STRING, "string", "a string") \
  X(DTYPE, "dtype", "a dtype") \
  X(INTS, "ints", "a list of integers") \
  X(FLOATS, "floats", "a list of numbers") \
  X(GRAPH, "graph", "a graph")
const char *gr_kind_name(graft_attr_kind kind);
const char *gr_kind_phrase(graft_attr_kind kind);
/* As graft_op_signature, of a spec too. */
size_t gr_signature(const gr_op_info *op, char *buffer, size_t size);

/* The leading results that are not optional: how many a node has when nobody says. */
uint32_t gr_op_required_results(const gr_op_info *op);
/* NULL for an opaque op. */
const gr_op_info *gr_op_get(uint32_t op);
const gr_op_info *gr_spec_info(uint32_t kind); /* kind < GR_SPEC_KIND_COUNT */
/* GR_SPEC_KIND_COUNT when there is none. */
uint32_t gr_spec_kind_find(const char *name, size_t length);
/* GR_OP_COUNT when the table has no such op. */
uint32_t gr_op_find(const char *name, size_t length);
/* The op that this one is the gradient of: slice of slice_backward; GR_OP_COUNT where it is none. Their attributes have
 * the same slots. */
uint32_t gr_op_forward(uint32_t op);
/* Families by the name rules use ("conv", "q"); 0 when unknown. */
uint32_t gr_family_find(const char *name, size_t length);
/* ---- ops that compute in integers ---- */

/* FORM(the op, of which float op, RELU where the result is at least the zero point). */
#define GR_INTEGER_LAYER(FORM, of) FORM(of, of, 0) FORM(of##_relu, of, 1)
#define GR_INTEGER_SUM(FORM, of) GR_INTEGER_LAYER(FORM, of) FORM(of##_add, of, 0) FORM(of##_add_relu, of, 1)
#define GR_INTEGER_LAYERS(FORM) \
  GR_INTEGER_SUM(FORM, conv1d) \
  GR_INTEGER_SUM(FORM, conv2d) \
  GR_INTEGER_SUM(FORM, conv3d) \
  GR_INTEGER_SUM(FORM, linear) \
  GR_INTEGER_LAYER(FORM, conv_transpose1d) \
  GR_INTEGER_LAYER(FORM, conv_transpose2d) \
  GR_INTEGER_LAYER(FORM, conv_transpose3d)
#define GR_INTEGER_PAIRS(FORM) GR_INTEGER_LAYER(FORM, add) GR_INTEGER_LAYER(FORM, mul) FORM(matmul, matmul, 0)
#define GR_INTEGER_MEANS(FORM) \
  FORM(avg_pool1d, avg_pool1d, 0) \
  FORM(avg_pool2d, avg_pool2d, 0) \
  FORM(avg_pool3d, avg_pool3d, 0) \
  FORM(adaptive_avg_pool1d, adaptive_avg_pool1d, 0) \
  FORM(adaptive_avg_pool2d, adaptive_avg_pool2d, 0) \
  FORM(adaptive_avg_pool3d, adaptive_avg_pool3d, 0) \
  FORM(mean, mean, 0)
/* The float op that it computes, whose attributes its own begin with; GRAFT_NONE: it is none of them. */
uint32_t gr_integer_of(uint32_t op);
bool gr_integer_relu(uint32_t op); /* its result is at least the zero point */
/* Slot of an attribute or operand; -1 when the op has none of this name. */
int gr_op_attr_slot(const gr_op_info *op, const char *name, size_t length);
int gr_op_operand_slot(const gr_op_info *op, const char *name, size_t length);

/* ---- slots: GR_ATTR(conv2d, stride), GR_OPERAND(conv2d, weight), GR_RESULT(batch_norm, mean); specs: GR_ATTR(spec,
 * axis) ----
 *
 * Constants out of the rows: a struct with one char a name, and its offsets. A name that the row lacks does not
 * compile. Code that serves several ops names one of them and asserts that the others agree: GR_SAME_ATTR(stride,
 * conv2d, conv1d); GR_ATTR_ND(conv, stride) is the slot of conv1d, conv2d and conv3d. */
#define GR_OPERAND(op, name) ((uint32_t)offsetof(struct gr_operand_slots_##op, name))
#define GR_ATTR(op, name) ((uint32_t)offsetof(struct gr_attr_slots_##op, name))
#define GR_RESULT(op, name) ((uint32_t)offsetof(struct gr_result_slots_##op, name))
#define GR_SAME_ATTR(name, a, b) \
  _Static_assert(GR_ATTR(a, name) == GR_ATTR(b, name), "attribute " #name " of " #a " and " #b)
#define GR_SAME_OPERAND(name, a, b) \
  _Static_assert(GR_OPERAND(a, name) == GR_OPERAND(b, name), "operand " #name " of " #a " and " #b)
#define GR_SAME_RESULT(name, a, b) \
  _Static_assert(GR_RESULT(a, name) == GR_RESULT(b, name), "result " #name " of " #a " and " #b)
#define GR_ATTR_ND(op, name) \
  (GR_ATTR(op##2d, name) + \
   0 * sizeof(char[GR_ATTR(op##1d, name) == GR_ATTR(op##2d, name) && GR_ATTR(op##3d, name) == GR_ATTR(op##2d, name) \
                       ? 1 \
                       : -1]))

#define OPERANDS(...) char __VA_ARGS__;
#define ATTRS(...) char __VA_ARGS__;
#define RESULTS(...) char __VA_ARGS__;
#define NO_ATTRS
#define X(n) n
#define OPT_X(n) n
#define W(n) n
#define OPT_W(n) n
#define S(n) n
#define OPT_S(n) n
#define Q(n) n
#define SCALE(n) n
#define L(n) n
#define M(n) n
#define OPT_M(n) n
#define VARIADIC(n) n
#define OPT_VARIADIC(n) n
#define R(n) n
#define OPT_R(n) n
#define SAVED_R(n) n
#define R_IN(n, low, high) n
#define VARIADIC_R(n) n
#define BOOL(n, d) n
#define OWN_BOOL(n, d) n
#define INT(n, d) n
#define INT_IN(n, d, least, greatest) n
#define REQ_INT_IN(n, least, greatest) n
#define OPT_INT(n) n
#define OPT_INT_IN(n, least, greatest) n
#define FLOAT(n, d) n
#define FLOAT_IN(n, d, low, high) n
#define FLOAT_NONE(n, d, low, high) n
#define OPT_FLOAT(n) n
#define REQ_FLOAT_IN(n, low, high) n
#define CHOICE(n, type, d) n
#define REQ_STRING(n) n
#define DTYPE(n, d) n
#define REQ_DTYPE(n) n
#define REQ_GRAPH(n) n
#define INTS_IN(n, c, d, least, greatest) n
#define REQ_INTS(n, c) n
#define REQ_INTS_IN(n, c, least, greatest) n
#define OPT_FLOATS(n) n
#define OPT_INTS(n) n
#define OP(id, name, families, axis, flags, operand_list, attr_list, result_list, rule, doc) \
  struct gr_operand_slots_##id { \
    operand_list \
  }; \
  struct gr_attr_slots_##id { \
    attr_list char end_; \
  }; \
  struct gr_result_slots_##id { \
    result_list \
  };
#define SPEC(id, attr_list, doc) \
  struct gr_attr_slots_##id { \
    attr_list char end_; \
  };
#include "ir/ops.def"
#include "ir/specs.def"
#undef OP
#undef SPEC
#include "ir/columns_undef.h"

#endif
