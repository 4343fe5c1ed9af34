/* The op table: rows of ops.def as structs, and look-ups in it (op.c). */
#ifndef GRAFT_OP_INT_H
#define GRAFT_OP_INT_H

#include "ir/graph/base_int.h"

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
/* Slot of an attribute or operand; -1 when the op has none of this name. */
int gr_op_attr_slot(const gr_op_info *op, const char *name, size_t length);
int gr_op_operand_slot(const gr_op_info *op, const char *name, size_t length);

#endif
