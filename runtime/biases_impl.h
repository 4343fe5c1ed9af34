/* Bias correction: what the layers of the second graph are off by on average, taken from their biases. */
#ifndef GRAFT_BIASES_IMPL_H
#define GRAFT_BIASES_IMPL_H

#include "runtime/compare.h"

/* A layer's sum of b - a, by channel of its result. */
typedef struct gr_shift {
  double *sum;
  int64_t channels, count; /* count: elements of a channel */
} gr_shift;

typedef struct gr_shifts {
  gr_shift *of; /* by node of b; NULL: nothing seen */
  uint32_t nodes;
} gr_shifts;

/* A result of a layer with a weight, and what a has there; others are passed over. */
graft_status gr_shifts_add(gr_shifts *s, const graft_node_done *done, const float *a);
/* All biases or, on failure, none. */
graft_status gr_shifts_apply(const gr_shifts *s, graft_graph *b, graft_bias_correction *out);
void gr_shifts_free(gr_shifts *s, graft_context *c);

#endif
