/* Nodes of ops that graft does not know. */
#ifndef GRAFT_FOREIGN_INT_H
#define GRAFT_FOREIGN_INT_H

#include "ir/ir_int.h"

/* Warns once of a module: `will not run: Pad x2 (its rank is not known), com.acme.Frob`, each op by its name. Nothing
 * where it has none. False: no memory, reported. */
bool gr_warn_foreign(graft_module *m);

#endif
