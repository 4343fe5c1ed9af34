/* What one run of a pipeline holds: the rules that its passes named so far, and the interpreter that rules evaluate
 * with. */
#include "ir/graph/options_int.h"
#include "passes/passes_impl.h"
#include "patterns/sequence_int.h"
#include "runtime/runtime_int.h"

void gr_pass_env_init(gr_pass_env *env, graft_context *c, const graft_pass_options *options) {
  *env = (gr_pass_env){.context = c, .options = options};
}

void gr_pass_env_free(gr_pass_env *env) {
  if (env->own_rules) graft_rules_destroy(env->rules);
  *env = (gr_pass_env){0};
}

graft_status gr_pass_predicate(graft_context *c, const graft_pass_options *o, uint32_t index, graft_predicate *out) {
  *out = (graft_predicate){.size = sizeof *out};
  return gr_take_item(c, out, sizeof *out, o->predicates, index, "predicate");
}

static graft_rules *read_own(const gr_pass_env *env) {
  graft_rules *rules = gr_rules_create_pending(env->context);
  for (uint32_t i = 0; rules && i < env->options->predicate_count; i++) {
    graft_predicate predicate;
    if (gr_pass_predicate(env->context, env->options, i, &predicate) == GRAFT_OK &&
        graft_rules_add_predicate(rules, &predicate) == GRAFT_OK)
      continue;
    graft_rules_destroy(rules);
    return NULL;
  }
  for (uint32_t i = 0; rules && i < env->options->pattern_file_count; i++) {
    if (graft_rules_load(rules, env->options->pattern_files[i]) == GRAFT_OK) continue;
    graft_rules_destroy(rules);
    return NULL;
  }
  return rules;
}

static graft_rules *read_rules(gr_pass_env *env) {
  env->own_rules = env->options->predicate_count || env->options->pattern_file_count;
  return env->own_rules ? read_own(env) : gr_rules_shipped(env->context);
}

graft_rules *gr_pass_env_rules_with(gr_pass_env *env, const char *file) {
  graft_rules *rules = read_own(env);
  graft_status status = rules ? gr_rules_need_sequences(rules) : GRAFT_NO_MEMORY;
  if (!status && file[0]) status = gr_rules_load_sequences(rules, file);
  if (!status) return rules;
  graft_rules_destroy(rules);
  return NULL;
}

const graft_rules *gr_pass_env_rules(gr_pass_env *env, const char *const *names, uint32_t count,
                                     const graft_module *module) {
  if (!env->rules) env->rules = read_rules(env);
  bool ok = env->rules && gr_rules_need(env->rules, names, count, module) == GRAFT_OK;
  return ok ? env->rules : NULL;
}

const char *const *gr_pass_quantizer_files(const gr_pass *p, uint32_t *count) {
  *count = p->env->options->quantizer_file_count;
  return p->env->options->quantizer_files;
}

gr_evaluator gr_pass_evaluator(const gr_pass *p, void **user) {
  (void)p;
  *user = NULL;
  return gr_runtime_evaluate_finite;
}
