/* What one call may cost, in bytes held and in work done, and whether it is to go on at all (budget.c).
 *
 *     gr_call_begin(c);                                  what a caller asks for: to read, to run passes, to write
 *     …
 *     if ((status = gr_spend(c, where, work))) …         before work that a small file can ask much of
 *     …
 *     return gr_call_end(c, status);
 *
 * 1. Bytes are counted where they are allocated (arena.c): what is held now, not the sum. An allocation that goes
 *    beyond max_bytes fails like one that finds no memory, with a diagnostic of GRAFT_LIMIT instead.
 * 2. Work is counted in multiply-adds, or elements looked at, by who does it, from the first call that begins to its
 *    end; calls that are made within it add to it. Outside of calls work is not counted: what a session runs is its
 *    own matter, but where a pass runs it.
 * 3. Both limits grow with what was given: files, and what an embedder builds outside of calls. What a file only
 *    describes (a fill, an expanded constant) is cost, not input.
 * 4. gr_spend looks whether the call was cancelled, and tells of progress; so whoever spends can be ended there. Once a
 *    call has to end, every further gr_spend of it says so again, without a diagnostic. */
#ifndef GRAFT_BUDGET_INT_H
#define GRAFT_BUDGET_INT_H

#include "ir/graph/base_int.h"

void gr_call_begin(graft_context *c);
/* `status`, or where it is a failure why the call had to end. */
graft_status gr_call_end(graft_context *c, graft_status status);
/* Is work counted just now? For who would have to find out first how much it is. */
bool gr_call_counts(const graft_context *c);

/* GRAFT_OK: do it. Else GRAFT_LIMIT, GRAFT_CANCELLED, or what the progress function gave, with a diagnostic at `where`;
 * nothing was spent. `work` 0: only asks. Fast where nothing is the matter. */
graft_status gr_spend(graft_context *c, gr_loc where, uint64_t work);
static inline uint64_t gr_work_of(double work) { return work < 0x1p63 ? (uint64_t)work : (uint64_t)1 << 63; }
/* For pieces of a kernel, in any thread: true once nobody wants the result any more. Leaves no diagnostic: who runs the
 * kernel asks again when it returns. */
bool gr_cancelled(const graft_context *c);

/* Whose memory it is that is allocated from now on, for the diagnostic; gives what was before, to be put back. */
gr_loc gr_budget_at(graft_context *c, gr_loc where);
/* What is done now, for the progress function: `what` is static text or lives until it is replaced. */
void gr_progress(graft_context *c, const char *what, uint64_t done, uint64_t total);

/* Bytes that came from outside, so that the limits grow; those of a module go with it (graft_module.given). */
void gr_given(graft_context *c, uint64_t bytes);
void gr_given_to(graft_module *m, uint64_t bytes); /* nothing within a call: that is cost */
uint64_t gr_given_so_far(const graft_context *c);
void gr_given_gone(graft_context *c, uint64_t bytes);

#endif
