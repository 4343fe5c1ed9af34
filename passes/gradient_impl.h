/* What the files of the pass gradient share. */
#ifndef GRAFT_GRADIENT_IMPL_H
#define GRAFT_GRADIENT_IMPL_H

#include "passes/passes_impl.h"

/* A node that was given results, and how many it had before. */
typedef struct gr_saved {
  graft_node node;
  uint32_t results;
} gr_saved;
typedef GR_VEC(gr_saved) gr_saved_list;

/* Gives each node up to `last` of which a result changes (`moves`, by value) the results that gradients read. Nodes
 * stay, values of those that were given some are new. */
graft_status gr_saved_add(graft_graph *g, const uint8_t *moves, graft_node last, gr_saved_list *list);
/* Takes away what nothing reads. */
graft_status gr_saved_trim(graft_graph *g, const gr_saved_list *list);

#endif
