/* The runs that a module is in: a count of those that read it, or -1 for one that will write. */
#include "ir/graph/running_int.h"

#include "ir/graph/context_impl.h"

enum { LANDS = -1 };

static graft_status refuse(const graft_module *m, graft_context *c, const char *why) {
  return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "%s", why);
}

static bool replace(graft_module *m, int from, int to) {
  return atomic_compare_exchange_strong_explicit(&m->runs, &from, to, memory_order_acq_rel, memory_order_relaxed);
}

graft_status gr_run_begin(graft_module *m, gr_run_kind kind, graft_context *c) {
  if (kind == GR_RUN_LANDS && gr_only_looked_at(m)) return refuse(m, c, m->context->looking.who);
  if (kind == GR_RUN_LANDS)
    return replace(m, 0, LANDS)
               ? GRAFT_OK
               : refuse(m, c, "another session runs on this module: one whose updates land has it to itself");
  int runs = atomic_load_explicit(&m->runs, memory_order_relaxed);
  do {
    if (runs == LANDS) return refuse(m, c, "a session whose updates land runs on this module, and has it to itself");
  } while (
      !atomic_compare_exchange_weak_explicit(&m->runs, &runs, runs + 1, memory_order_acq_rel, memory_order_relaxed));
  return GRAFT_OK;
}

void gr_run_end(graft_module *m, gr_run_kind kind) {
  if (kind == GR_RUN_LANDS)
    atomic_store_explicit(&m->runs, 0, memory_order_release);
  else
    atomic_fetch_sub_explicit(&m->runs, 1, memory_order_acq_rel);
}

void gr_run_pause(graft_module *m, gr_run_kind kind) {
  if (kind == GR_RUN_LANDS) atomic_store_explicit(&m->runs, 1, memory_order_release);
}

graft_status gr_run_go_on(graft_module *m, gr_run_kind kind, graft_context *c) {
  if (kind == GR_RUN_READS || replace(m, 1, LANDS)) return GRAFT_OK;
  return refuse(m, c, "another session began to run on this module: one whose updates land has it to itself");
}

void gr_run_landing(graft_module *m, bool landing) { m->landing = landing; }
