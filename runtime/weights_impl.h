/* Weights that one graph has as floats and another as integers. */
#ifndef GRAFT_WEIGHTS_IMPL_H
#define GRAFT_WEIGHTS_IMPL_H

#include "runtime/compare.h"
#include "runtime/match_impl.h"

typedef struct gr_weights {
  graft_weight *data;
  uint32_t len, cap;
  gr_missed missed;  /* read as integers, with neither such floats nor the same integers in the first graph's module */
  gr_missed unknown; /* with such floats, but not read in a way that says what they stand for */
} gr_weights;

/* All that b and the graphs inside it read, in order, each tensor once. On failure gr_weights_end still has to be
 * called. */
graft_status gr_weights_begin(gr_weights *w, graft_module *other, graft_graph *b);
void gr_weights_end(gr_weights *w, graft_context *c);

#endif
