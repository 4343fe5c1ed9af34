/* The verifier in three parts, in this order: the module's pools, tensors and records (verify_module.c), the links of a
 * graph's structs (verify_graph.c), nodes and annotations (verify.c). A later part reads what an earlier one found
 * sound. Modules are larger than caches: each array is gone through as few times as can be. */
#ifndef GRAFT_VERIFY_IMPL_H
#define GRAFT_VERIFY_IMPL_H

#include "ir/ir_int.h"

#define GR_VERIFY_MAX_ERRORS 20 /* further ones are counted, not reported */

typedef struct gr_verifier {
  graft_module *module;
  uint32_t errors;
  /* Names taken: a bit for each number of a base where the numbers are dense, a map for the rest. */
  uint64_t *name_bits;
  uint64_t name_bit_count;
  uint32_t *name_offset; /* by string: where its bits begin; they end where the next one's begin */
  gr_map names;
  uint64_t *updated; /* a bit for each tensor, of the graph being looked at; none are set between graphs */
} gr_verifier;

/* Reports a broken constraint: "V7: ..." with the name of the node concerned, or "". */
void gr_verify_fail(gr_verifier *v, int constraint, const char *node, const char *format, ...)
    __attribute__((format(printf, 4, 5), cold));
/* Marks a name as taken, or forgets it; false: it was taken. The base is in range. */
bool gr_verify_name(gr_verifier *v, gr_name name, bool taken, graft_status *status);

/* Each gives GRAFT_OK back also when it found errors, which are counted; another status: no memory. */
graft_status gr_verify_module(gr_verifier *v);
graft_status gr_verify_graph(gr_verifier *v, graft_graph *g);

static inline size_t gr_updated_words(const graft_module *m) { return m->tensors.len / 64 + 1; }
static inline bool gr_in_range(uint64_t first, uint64_t count, uint64_t length) {
  return first <= length && count <= length - first;
}
static inline bool gr_bit(const uint64_t *bits, uint64_t i) { return (bits[i / 64] >> i % 64 & 1u) != 0; }
static inline void gr_bit_set(uint64_t *bits, uint64_t i) { bits[i / 64] |= (uint64_t)1 << i % 64; }

/* The scales and zero points of an integer op that are constants (verify_scales.c). */
void gr_verify_scales(gr_verifier *v, graft_graph *g, graft_node n);

#endif
