/* Outputs of a graph, many at a time. */
#ifndef GRAFT_ENDS_INT_H
#define GRAFT_ENDS_INT_H

#include "ir/graph/graph_int.h"

/* Removes the outputs i with goes[i], in one go; within an edit, which a failure takes back. */
graft_status gr_outputs_remove(graft_graph *g, const uint8_t *goes);

#endif
