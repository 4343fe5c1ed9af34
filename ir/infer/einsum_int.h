/* What an einsum's equation says: one reading for its shape rule, its kernel, its limits and the ONNX reader. */
#ifndef GRAFT_EINSUM_INT_H
#define GRAFT_EINSUM_INT_H

#include "ir/ir_int.h"

/* A label is a letter's number, or GR_EINSUM_LETTERS + i for the i-th axis from the back of what "..." stands for. */
#define GR_EINSUM_LETTERS 52
#define GR_EINSUM_LABELS (GR_EINSUM_LETTERS + GRAFT_MAX_RANK)
#define GR_EINSUM_OPERANDS 16

typedef struct gr_einsum_term {
  uint8_t letters[GRAFT_MAX_RANK];
  int32_t count;  /* of letters */
  int32_t before; /* of them, before "..."; -1: there is none */
} gr_einsum_term;

typedef struct gr_einsum {
  gr_einsum_term operands[GR_EINSUM_OPERANDS], result;
  uint32_t count;
} gr_einsum;

/* False with a message. Without "->" the result has "..." and the letters that stand once, in order of the alphabet. */
bool gr_einsum_parse(const char *equation, gr_einsum *e, char *message, size_t size);

/* The label of each axis of a term whose value has this rank; false when the rank does not fit. */
bool gr_einsum_axes(const gr_einsum_term *t, int32_t rank, uint8_t *labels);

/* Of the result, where "..." stands for so many axes in it; -1: not known. */
static inline int32_t gr_einsum_result_rank(const gr_einsum *e, int32_t ellipsis) {
  if (e->result.before < 0) return e->result.count;
  return ellipsis < 0 ? -1 : e->result.count + ellipsis;
}

/* An extent for each label, where an axis of 1 stretches to the others that have its label; -1: not known, -2: no
 * operand of known rank has it. `ellipsis` is how many axes "..." stands for in the result, -1: not known. False with a
 * message. */
bool gr_einsum_extents(const gr_einsum *e, const graft_type *const *operands, int64_t *extents, int32_t *ellipsis,
                       char *message, size_t size);

#endif
