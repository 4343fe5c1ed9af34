/* What passes/ takes from runtime/ besides the public header. */
#ifndef GRAFT_RUNTIME_INT_H
#define GRAFT_RUNTIME_INT_H

#include "ir/ir_int.h"
#include "runtime/runtime.h"

/* Runs one op once: infers the result types, allocates the results' buffers and runs the reference kernel. Absent
 * results: ask for fewer (`result_count`); results[i].type is set by it. `user`: the embedder's kernels
 * (own_kernel_int.h), or NULL. On failure no result holds a buffer and a diagnostic is left. Of type gr_evaluator
 * (evaluate.c). */
graft_status gr_runtime_evaluate(void *user, graft_module *m, uint32_t op, uint32_t attrs, const gr_array *operands,
                                 uint32_t operand_count, gr_array *results, uint32_t result_count, gr_loc where);
/* The same, but to quantize NaN or an infinity is an error: an integer would hide it. What passes compute with. */
graft_status gr_runtime_evaluate_finite(void *user, graft_module *m, uint32_t op, uint32_t attrs,
                                        const gr_array *operands, uint32_t operand_count, gr_array *results,
                                        uint32_t result_count, gr_loc where);

/* Of the next run's random ops (session.c). */
void gr_session_seed(graft_session *s, uint64_t seed);
/* Called in each run of a session whose updates land, when all results are there and no update has landed yet. It may
 * do what after_node may; a failure ends the run, with a diagnostic of its own, and nothing lands. */
typedef graft_status (*gr_inspector)(void *user, graft_session *s);
void gr_session_inspect(graft_session *s, gr_inspector inspector, void *user);
/* An output of the run at hand, for the inspector. */
const void *gr_session_result(const graft_session *s, uint32_t index, graft_type *type);

#endif
