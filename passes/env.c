/* What one run of a pipeline holds: the rules that its passes named so far, the quantizers, what the embedder adds, and
 * the interpreter that rules evaluate with. */
#include "passes/passes_impl.h"

#include <string.h>

#include "ir/graph/options_int.h"
#include "patterns/quantizer_int.h"
#include "patterns/sequence_int.h"
#include "runtime/runtime_int.h"

/* ---- the options ---- */

static graft_status foreign(graft_context *c, const char *what, uint32_t i, bool there) {
  return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "set %u of %s %s", i, what,
                  there ? "belongs to another context" : "is not there");
}

static graft_status check_sets(graft_context *c, const graft_pass_options *o) {
  for (uint32_t i = 0; i < o->rules_count; i++)
    if (!GR_IS(o->rules[i], RULES) || gr_rules_context(o->rules[i]) != c)
      return foreign(c, "rules", i, GR_IS(o->rules[i], RULES));
  for (uint32_t i = 0; i < o->quantizers_count; i++)
    if (!GR_IS(o->quantizers[i], QUANTIZERS) || gr_quantizers_context(o->quantizers[i]) != c)
      return foreign(c, "quantizers", i, GR_IS(o->quantizers[i], QUANTIZERS));
  return GRAFT_OK;
}

/* They are neither changed nor destroyed meanwhile. */
static void use_sets(gr_pass_env *env, bool begins) {
  const graft_pass_options *o = env->options;
  for (uint32_t i = 0; i < o->rules_count; i++) gr_rules_use(o->rules[i], begins);
  for (uint32_t i = 0; i < o->quantizers_count; i++) gr_quantizers_use(o->quantizers[i], begins);
  env->uses_sets = begins;
}

static graft_status take_kernels(gr_pass_env *env) {
  graft_context *c = env->context;
  const graft_pass_options *o = env->options;
  if (!o->kernel_count) return GRAFT_OK;
  env->kernels.kernels = gr_arena_alloc(&env->own.arena, o->kernel_count * sizeof *env->kernels.kernels);
  if (!env->kernels.kernels) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < o->kernel_count; i++) {
    graft_kernel *k = &env->kernels.kernels[i];
    const graft_status status = gr_own_kernel_take(c, o->kernels, i, env->kernels.kernels, k);
    if (status) return status;
    if (k->pure && !k->infer)
      return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0},
                      "kernel %u: that of a pure op, %s, is computed with in passes: it needs `infer`", (unsigned)i,
                      k->op);
    k->op = gr_arena_copy(&env->own.arena, k->op, strlen(k->op));
    if (!k->op) return GRAFT_NO_MEMORY;
    env->kernels.count++;
  }
  return GRAFT_OK;
}

graft_status gr_pass_env_init(gr_pass_env *env, graft_context *c, const graft_pass_options *o) {
  *env = (gr_pass_env){.context = c, .options = o};
  gr_arena_init(&env->own.arena, c);
  if ((o->pattern_file_count && !o->pattern_files) || (o->quantizer_file_count && !o->quantizer_files) ||
      (o->predicate_count && !o->predicates) || (o->rules_count && !o->rules) ||
      (o->quantizers_count && !o->quantizers) || (o->pass_count && !o->passes) ||
      (o->callback_count && !o->callbacks) || (o->kernel_count && !o->kernels))
    return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0},
                    "the options count files, sets, predicates, passes, callbacks or kernels that are not there");
  const graft_status status = check_sets(c, o);
  if (status) return status;
  use_sets(env, true);
  const graft_status own = gr_own_begin(&env->own, c, o);
  return own ? own : take_kernels(env);
}

graft_status gr_pass_env_pure(const gr_pass_env *env, graft_module *m) {
  for (uint32_t i = 0; i < env->kernels.count; i++) {
    const graft_kernel *k = &env->kernels.kernels[i];
    if (!k->pure) continue;
    const uint32_t name = gr_intern(m, k->op, strlen(k->op));
    if (name == GRAFT_NONE || !gr_map_put(env->context, &m->pure, GR_OP_COUNT + name, i)) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

void gr_pass_env_free(gr_pass_env *env) {
  graft_context *c = env->context;
  if (env->uses_sets) use_sets(env, false);
  for (uint32_t i = 0; i < env->mappings.len; i++) graft_rules_destroy(env->mappings.data[i].rules);
  gr_vec_free(c, &env->mappings);
  if (env->own_rules) graft_rules_destroy(env->rules);
  graft_quantizers_destroy(env->quantizers);
  gr_own_end(&env->own);
  *env = (gr_pass_env){0};
}

static graft_status take_predicate(const gr_pass_env *env, uint32_t i, graft_predicate *out) {
  *out = (graft_predicate){.size = sizeof *out};
  return gr_take_item(env->context, out, sizeof *out, env->options->predicates, i, "predicate");
}

/* ---- rules ---- */

/* Over those that ship, of which the context keeps what was read. */
static graft_status create(const gr_pass_env *env, graft_rules **rules) {
  graft_rules *base = gr_rules_shipped(env->context);
  const graft_pass_options *o = env->options;
  *rules = base ? gr_rules_create_over(base) : NULL;
  graft_status status = *rules ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < o->predicate_count && !status; i++) {
    graft_predicate predicate;
    status = take_predicate(env, i, &predicate);
    if (!status) status = graft_rules_add_predicate(*rules, &predicate);
  }
  return status;
}

static graft_status read_own(const gr_pass_env *env, graft_rules **rules) {
  const graft_pass_options *o = env->options;
  graft_status status = create(env, rules);
  for (uint32_t i = 0; i < o->rules_count && !status; i++) status = gr_rules_borrow(*rules, o->rules[i]);
  for (uint32_t i = 0; i < o->pattern_file_count && !status; i++)
    status = graft_rules_load(*rules, o->pattern_files[i]);
  return status;
}

graft_status gr_pass_env_all_rules(gr_pass_env *env, graft_rules **rules) {
  const graft_pass_options *o = env->options;
  *rules = env->rules;
  if (*rules) return GRAFT_OK;
  env->own_rules = o->predicate_count || o->pattern_file_count || o->rules_count;
  if (!env->own_rules) *rules = gr_rules_shipped(env->context);
  graft_status status = env->own_rules ? read_own(env, rules) : *rules ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (!status) env->rules = *rules;
  if (status && env->own_rules) graft_rules_destroy(*rules);
  return status;
}

const graft_rules *gr_pass_env_rules(gr_pass_env *env, const char *const *names, uint32_t count,
                                     const graft_module *module) {
  graft_rules *rules;
  const graft_status status = gr_pass_env_all_rules(env, &rules);
  return !status && gr_rules_need(rules, names, count, module) == GRAFT_OK ? rules : NULL;
}

graft_status gr_pass_env_rules_with(gr_pass_env *env, const char *file, graft_rules **rules) {
  graft_rules *all;
  graft_status status = gr_pass_env_all_rules(env, &all);
  if (!status) status = gr_rules_need_sequences(all);
  *rules = all;
  if (status || !file[0]) return status;
  for (uint32_t i = 0; i < env->mappings.len; i++)
    if (strcmp(env->mappings.data[i].file, file) == 0) return *rules = env->mappings.data[i].rules, GRAFT_OK;
  const char *name = gr_arena_copy(&env->own.arena, file, strlen(file));
  status = create(env, rules);
  if (!name) status = GRAFT_NO_MEMORY;
  if (!status && env->own_rules) status = gr_rules_borrow(*rules, all);
  if (!status) status = gr_rules_load_sequences(*rules, file);
  if (!status && !gr_vec_push(env->context, &env->mappings, ((gr_mapping){name, *rules}))) status = GRAFT_NO_MEMORY;
  if (status) graft_rules_destroy(*rules);
  return status;
}

/* ---- quantizers ---- */

static graft_status read_quantizers(gr_pass_env *env, graft_quantizers *set) {
  const graft_pass_options *o = env->options;
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; i < o->predicate_count && !status; i++) {
    graft_predicate predicate;
    status = take_predicate(env, i, &predicate);
    if (!status) status = graft_quantizers_add_predicate(set, &predicate);
  }
  for (uint32_t i = 0; i < o->quantizers_count && !status; i++) status = gr_quantizers_borrow(set, o->quantizers[i]);
  for (uint32_t i = 0; i < o->quantizer_file_count && !status; i++)
    status = graft_quantizers_load(set, o->quantizer_files[i]);
  for (uint32_t i = 0; i < env->own.quantizers.len && !status; i++)
    if (gr_quantizers_knows(set, env->own.quantizers.data[i]->name))
      status = gr_error(env->context, GRAFT_NAME, (gr_loc){0}, "there is a quantizer '%s' already",
                        env->own.quantizers.data[i]->name);
  return status;
}

graft_status gr_pass_env_quantizers(gr_pass_env *env, graft_quantizers **set) {
  *set = env->quantizers;
  if (*set) return GRAFT_OK;
  *set = gr_quantizers_create_pending(env->context);
  const graft_status status = *set ? read_quantizers(env, *set) : GRAFT_NO_MEMORY;
  if (status)
    graft_quantizers_destroy(*set);
  else
    env->quantizers = *set;
  return status;
}

graft_status gr_pass_env_read(gr_pass_env *env) {
  graft_rules *rules;
  graft_quantizers *quantizers;
  const graft_status status = gr_pass_env_all_rules(env, &rules);
  return status ? status : gr_pass_env_quantizers(env, &quantizers);
}

gr_evaluator gr_pass_evaluator(const gr_pass *p, void **user) {
  *user = p->env ? &p->env->kernels : NULL;
  return gr_runtime_evaluate_finite;
}
