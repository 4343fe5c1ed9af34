/* Runs of a module's graphs (running.c), which may be in several threads: many that only read the module, or one whose
 * updates will land in it. While there are any, the functions that change a module refuse to (undo.c), but for the one
 * that lands its updates: so what a run has looked up of the module holds until its end. A wrong use across threads is
 * found when it meets the other one, not for certain; what is found is an error and nothing has happened.
 *
 * Beginning a run after another has ended makes what that one wrote visible. */
#ifndef GRAFT_RUNNING_INT_H
#define GRAFT_RUNNING_INT_H

#include "ir/ir_int.h"

typedef enum gr_run_kind { GR_RUN_READS, GR_RUN_LANDS } gr_run_kind;

/* GRAFT_INVALID_ARGUMENT: another run, of the other kind, is not over. Errors go to `c`. */
graft_status gr_run_begin(graft_module *m, gr_run_kind kind, graft_context *c);
void gr_run_end(graft_module *m, gr_run_kind kind);
/* For the time in which one that lands calls the embedder, who may run others that only read. */
void gr_run_pause(graft_module *m, gr_run_kind kind);
graft_status gr_run_go_on(graft_module *m, gr_run_kind kind, graft_context *c);
/* The run that lands writes to tensors now, or no longer. */
void gr_run_landing(graft_module *m, bool landing);

#endif
