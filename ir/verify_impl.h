/* The two halves of the verifier: indices that stay in their arrays (verify_ranges.c), then what they mean (verify.c).
 */
#ifndef GRAFT_VERIFY_IMPL_H
#define GRAFT_VERIFY_IMPL_H

#include "ir/ir_int.h"

#define GR_VERIFY_MAX_ERRORS 20 /* further ones are counted, not reported */

typedef struct gr_report {
  graft_module *module;
  uint32_t errors;
} gr_report;

/* Reports a broken constraint: "V7: ..." with the name of the node concerned, or "". */
void gr_verify_fail(gr_report *r, int constraint, const char *node, const char *format, ...)
    __attribute__((format(printf, 4, 5), cold));

static inline bool gr_in_range(uint64_t first, uint64_t count, uint64_t length) {
  return first <= length && count <= length - first;
}

/* V1 and V2. Nothing else may be read before these hold. */
void gr_verify_pools(gr_report *r);
void gr_verify_ranges(gr_report *r, const graft_graph *g);

#endif
