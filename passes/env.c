/* What one run of a pipeline holds: rules and quantizers, and the interpreter that rules evaluate with. */
#include "passes/passes_impl.h"
#include "runtime/runtime_int.h"

void gr_pass_env_init(gr_pass_env *env, graft_context *c, const graft_pass_options *options) {
  *env = (gr_pass_env){.context = c, .options = options};
}

void gr_pass_env_free(gr_pass_env *env) { *env = (gr_pass_env){0}; }

gr_evaluator gr_pass_evaluator(const gr_pass *p, void **user) {
  (void)p;
  *user = NULL;
  return gr_runtime_evaluate;
}
