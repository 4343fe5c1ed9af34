/* graft/op_table.h - what the op table (OPS.md) says of an op: operands, attributes, results, families.
 *
 * Ops are called by their names. The index that graft_op_find gives is for the other functions here, in this run of the
 * program: another version of the library may number ops otherwise. The table is constant: nothing here needs a context
 * or can fail, everything may be called from any thread, and strings are static. Of what is not there the answer is
 * neutral: GRAFT_NONE, 0, false, -1 or "". */
#ifndef GRAFT_OP_TABLE_H
#define GRAFT_OP_TABLE_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* The op's index, below graft_op_count(); GRAFT_NONE: no op of the table is called so. O(ops). */
GRAFT_API uint32_t graft_op_find(const char *name);
/* The op of a node: O(1). GRAFT_NONE of an opaque one. */
GRAFT_API uint32_t graft_node_get_op_index(const graft_graph *graph, graft_node node);

/* What an operand is for. */
typedef enum graft_role {
  GRAFT_ROLE_DATA,
  GRAFT_ROLE_WEIGHT,
  GRAFT_ROLE_STATISTICS, /* of a batch norm, and states of observers */
  GRAFT_ROLE_QPARAM,     /* a scale or zero point */
  GRAFT_ROLE_LIKE,       /* only its shape is read */
  GRAFT_ROLE_MEASURE     /* says where or how much: no gradient flows to it, and training leaves it */
} graft_role;

/* An operand as it is declared. */
typedef struct graft_op_operand {
  const char *name;
  graft_role role;
  bool optional;
  bool variadic; /* the last one: it takes any number of operands, one at least where it is not optional */
} graft_op_operand;

/* A result as it is declared. */
typedef struct graft_op_result {
  const char *name;
  bool optional, variadic;
  double low, high; /* where its elements lie, of ops in the family fixed_range; else -inf to inf */
} graft_op_result;

/* An attribute as it is declared. */
typedef struct graft_op_attr {
  const char *name;
  graft_attr_kind kind;
  bool required;            /* it has no default: `value` is none */
  bool none_allowed;        /* it may be none */
  int32_t count;            /* length of a list; -1: any length, or no list */
  const char *const *words; /* what a text may be, ended by NULL; NULL: anything */
  int64_t least, greatest;  /* of an integer, and of each of a list; INT64_MIN, INT64_MAX: any */
  double low, high;         /* of a number; -inf, inf: any */
  graft_attr value;         /* the default */
} graft_op_attr;

/* Declared ones: a variadic one counts once. */
GRAFT_API uint32_t graft_op_operand_count(uint32_t op);
/* Of a slot: from the variadic one's on all are that one. */
GRAFT_API graft_op_operand graft_op_operand_get(uint32_t op, uint32_t slot);
GRAFT_API uint32_t graft_op_find_operand(uint32_t op, const char *name); /* its slot, or GRAFT_NONE */
/* Declared ones: a variadic one counts once. 0 of no op. */
GRAFT_API uint32_t graft_op_result_count(uint32_t op);
GRAFT_API graft_op_result graft_op_result_get(uint32_t op, uint32_t index); /* variadic as above */
/* Its index; GRAFT_NONE where the op has no result of the name. */
GRAFT_API uint32_t graft_op_find_result(uint32_t op, const char *name);
/* Attributes of the op; 0 of no op. */
GRAFT_API uint32_t graft_op_attr_count(uint32_t op);
/* What the table says of attribute `index`; an empty name past the last one. */
GRAFT_API graft_op_attr graft_op_attr_get(uint32_t op, uint32_t index);
/* Its index; GRAFT_NONE where the op has no attribute of the name. */
GRAFT_API uint32_t graft_op_find_attr(uint32_t op, const char *name);

/* The axis of the output channels in the op's weight; -1: it has no weight. */
GRAFT_API int32_t graft_op_weight_axis(uint32_t op);
GRAFT_API bool graft_op_commutes(uint32_t op);  /* its two operands may change places */
GRAFT_API bool graft_op_is_random(uint32_t op); /* draws numbers while its attribute `training` is set */

/* Families, which rules write as @name: "conv", "q", "dq", "layer", "quantized" … */
GRAFT_API uint32_t graft_family_count(void);             /* how many there are */
GRAFT_API const char *graft_family_name(uint32_t index); /* "" past the last one */
/* What its members have in common, static; "" past the last one. */
GRAFT_API const char *graft_family_doc(uint32_t index);
/* Is the op in the family? False of no op and no family. */
GRAFT_API bool graft_op_is_in(uint32_t op, const char *family);
/* Is the node's op in the family? False of no node, an opaque op, and no family. */
GRAFT_API bool graft_node_is_in(const graft_graph *graph, graft_node node, const char *family);

/* A node's operand and result by the names that its op gives them; GRAFT_NONE: absent, or no such name (an opaque op
 * has no names). Of a variadic one the first. */
GRAFT_API graft_value graft_node_find_operand(const graft_graph *graph, graft_node node, const char *name);
/* The result of this name, as graft_node_find_operand. */
GRAFT_API graft_value graft_node_find_result(const graft_graph *graph, graft_node node, const char *name);

#if defined(__cplusplus)
}
#endif
#endif
