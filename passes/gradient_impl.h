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

/* By node: could a gradient of an output flow through it? The caller frees `nodes.len + 1` bytes; NULL: no memory. */
uint8_t *gr_gradient_leads(const graft_graph *g);
/* Is the value a stored constant that training could change (several floats that a gradient can flow to)? */
bool gr_is_trainable_constant(const graft_graph *g, const uint8_t *leads, graft_value v);
/* All such constants of the module become parameters. */
graft_status gr_make_parameters_of_all(gr_pass *p);

/* Is there a gradient of each of `wrt` (`flowing`, by value)? Where the option `unreached` does not say that those
 * without one stay as they are, it is an error that names them. */
graft_status gr_check_reached(gr_pass *p, graft_graph *g, const graft_value *wrt, uint32_t count,
                              const graft_value *flowing);

#endif
