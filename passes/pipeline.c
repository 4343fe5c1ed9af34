/* Runs a pipeline: passes in order, the verifier after each, callbacks round them, time and statistics. */
#include <string.h>
#include <time.h>

#include "ir/graph/budget_int.h"
#include "passes/passes_impl.h"

#if defined(NDEBUG)
#define ALWAYS_VERIFY false
#else
#define ALWAYS_VERIFY true
#endif

enum { PASS_WORK = 1024 }; /* of a pass that finds nothing to do */
enum { MAX_OPEN = 16 };    /* named pipelines that are open at once; the compiler allows fewer */
enum { MAX_NESTED = 16 };  /* runs of a module within passes and callbacks of others */

typedef struct runner {
  graft_module *module;
  const graft_pass_options *options;
  uint32_t index, count; /* of the next report; reports in all */
  struct {
    graft_pass_report report;
    double start;
  } open[MAX_OPEN];
  uint32_t open_count;
} runner;

static double now(void) {
  struct timespec t;
  return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : 0.0;
}

/* The embedder's callback; it may leave a diagnostic, one that ends the run without any gets one. */
static graft_status call(const runner *r, graft_pass_callback callback, const char *when,
                         const graft_pass_report *report) {
  graft_context *c = r->module->context;
  const uint32_t errors = gr_error_count(c);
  graft_status s = callback ? callback(r->options->user, r->module, report) : GRAFT_OK;
  if (s && !gr_error_stands(c, errors))
    gr_error(c, s, (gr_loc){0}, "the run was ended %s '%s': %s", when, report->name, graft_status_text(s));
  return gr_outcome(c, errors, s);
}

static graft_status verify(runner *r, const gr_pass_info *info, graft_pass_report *report) {
  double start = now();
  graft_status s = graft_module_verify(r->module);
  report->verify_seconds = now() - start;
  if (s) gr_note(r->module->context, (gr_loc){0}, "the verifier found this after the pass '%s'", info->name);
  return s;
}

/* After an error: which of the passes it was. */
static void note_pass(graft_context *c, const gr_pipe_step *step) {
  gr_note(c, (gr_loc){0}, "in the pass '%s' (%u of %u)%s%s%s", step->info->name, step->number, step->of,
          step->in ? " of the pipeline '" : "", step->in ? step->in->name : "", step->in ? "'" : "");
}

static graft_pass_report begin_report(runner *r, const gr_pipe_step *step) {
  return (graft_pass_report){.size = sizeof(graft_pass_report),
                             .name = step->info->name,
                             .pipeline = step->kind != GR_STEP_PASS,
                             .depth = step->depth,
                             .index = r->index++,
                             .number = step->number,
                             .of = step->of,
                             .in = step->in ? step->in->name : ""};
}

/* Of a step; without a module while its options are only checked. The caller frees `text`. */
static gr_pass pass_of(graft_context *c, graft_module *module, const gr_pipe_step *step, gr_pass_env *env) {
  gr_pass pass = {.module = module,
                  .context = c,
                  .info = step->info,
                  .values = step->values,
                  .rest = step->rest,
                  .rest_count = step->rest_count,
                  .env = env};
  gr_arena_init(&pass.text, c);
  return pass;
}

static graft_status run_pass(runner *r, const gr_pipe_step *step, struct gr_pass_env *env) {
  graft_context *c = r->module->context;
  graft_pass_report report = begin_report(r, step);
  graft_status s = call(r, r->options->before, "before", &report);
  if (s) return s;
  gr_pass pass = pass_of(c, r->module, step, env);
  const uint32_t errors = gr_error_count(c);
  double start = now();
  gr_edit edit = gr_edit_begin(r->module);
  gr_progress(c, report.name, report.index, r->count);
  s = gr_spend(c, (gr_loc){0}, PASS_WORK);
  if (!s) s = step->info->run(&pass);
  report.seconds = now() - start;
  if (s && !gr_error_stands(c, errors))
    gr_error(c, s, (gr_loc){0}, "the pass '%s' failed: %s", step->info->name, graft_status_text(s));
  s = gr_outcome(c, errors, s);
  if (!s && (r->options->verify_each || step->info->own || ALWAYS_VERIFY)) s = verify(r, step->info, &report);
  s = gr_edit_end(r->module, edit, s);
  report.statistics = pass.statistics;
  report.statistic_count = pass.statistic_count;
  report.rules = pass.rules.data;
  report.rule_count = pass.rules.len;
  report.layers = pass.layers.data;
  report.layer_count = pass.layers.len;
  if (s)
    note_pass(c, step);
  else
    s = call(r, r->options->after, "after", &report);
  gr_vec_free(c, &pass.rules);
  gr_vec_free(c, &pass.layers);
  gr_arena_free(&pass.text);
  return s;
}

static graft_status begin_pipeline(runner *r, const gr_pipe_step *step) {
  if (r->open_count == MAX_OPEN)
    return gr_error(r->module->context, GRAFT_PASS, (gr_loc){0}, "pipelines are nested too deep");
  graft_pass_report *report = &r->open[r->open_count].report;
  *report = begin_report(r, step);
  r->open[r->open_count++].start = now();
  return call(r, r->options->before, "before", report);
}

static graft_status end_pipeline(runner *r) {
  graft_pass_report *report = &r->open[--r->open_count].report;
  report->seconds = now() - r->open[r->open_count].start;
  return call(r, r->options->after, "after", report);
}

static graft_status run_steps(runner *r, const gr_pipeline *pipeline, struct gr_pass_env *env) {
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; !s && i < pipeline->steps.len; i++) {
    const gr_pipe_step *step = &pipeline->steps.data[i];
    switch (step->kind) {
    case GR_STEP_PASS: s = run_pass(r, step, env); break;
    case GR_STEP_BEGIN: s = begin_pipeline(r, step); break;
    case GR_STEP_END: s = end_pipeline(r); break;
    }
  }
  return s;
}

/* What a pass can say of its options before any pass runs. */
static graft_status check(graft_context *c, const gr_pipe_step *step, gr_pass_env *env) {
  if (step->kind != GR_STEP_PASS || !step->info->check) return GRAFT_OK;
  gr_pass pass = pass_of(c, NULL, step, env);
  const uint32_t errors = gr_error_count(c);
  const graft_status s = gr_outcome(c, errors, step->info->check(&pass));
  if (s) note_pass(c, step);
  gr_arena_free(&pass.text);
  return s;
}

/* All that is done before a module is looked at. The caller frees both. */
static graft_status begin(gr_pass_env *env, gr_pipeline *compiled, graft_context *c, const char *text,
                          const graft_pass_options *options) {
  graft_status s = gr_pass_env_init(env, c, options);
  if (!s) s = gr_pipeline_compile(compiled, c, &env->own, text);
  for (uint32_t i = 0; !s && i < compiled->steps.len; i++) s = check(c, &compiled->steps.data[i], env);
  return s;
}

static graft_status run_passes(graft_module *module, const char *pipeline, const graft_pass_options *options) {
  if (!pipeline)
    return gr_error(module->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(module), "there is no pipeline to run");
  graft_pass_options known = {.size = sizeof known};
  graft_status s = gr_take_options(module->context, &known, sizeof known, options);
  if (s) return s;
  gr_pass_env env;
  gr_pipeline compiled = {0};
  s = begin(&env, &compiled, module->context, pipeline, &known);
  runner r = {.module = module, .options = &known};
  for (uint32_t i = 0; i < compiled.steps.len; i++) r.count += compiled.steps.data[i].kind != GR_STEP_END;
  const gr_map pure = module->pure; /* of a run that this one is within */
  module->pure = (gr_map){0};
  if (!s) s = gr_pass_env_pure(&env, module);
  if (!s) s = run_steps(&r, &compiled, &env);
  gr_map_free(module->context, &module->pure);
  module->pure = pure;
  gr_pipeline_free(&compiled);
  gr_pass_env_free(&env);
  return s;
}

graft_status graft_run_passes(graft_module *module, const char *pipeline, const graft_pass_options *options) {
  if (!GR_LIVE(module, MODULE)) return GRAFT_INVALID_ARGUMENT;
  graft_context *c = module->context;
  if (gr_only_looks(c, module, "no passes can be run")) return GRAFT_INVALID_ARGUMENT;
  if (module->pipelines == MAX_NESTED) /* of a pass that runs itself there would be no end */
    return gr_error(c, GRAFT_PASS, gr_module_loc(module), "passes that run passes: %d pipelines run already",
                    MAX_NESTED);
  gr_call_begin(c);
  module->pipelines++;
  const graft_status s = run_passes(module, pipeline, options);
  module->pipelines--;
  return gr_call_end(c, s);
}

graft_status graft_check_pipeline(graft_context *context, const char *pipeline, const graft_pass_options *options) {
  if (!GR_LIVE(context, CONTEXT)) return GRAFT_INVALID_ARGUMENT;
  if (!pipeline) return gr_error(context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "there is no pipeline to check");
  graft_pass_options known = {.size = sizeof known};
  graft_status s = gr_take_options(context, &known, sizeof known, options);
  if (s) return s;
  gr_pass_env env;
  gr_pipeline compiled = {0};
  s = begin(&env, &compiled, context, pipeline, &known);
  if (!s) s = gr_pass_env_read(&env);
  gr_pipeline_free(&compiled);
  gr_pass_env_free(&env);
  return s;
}

graft_status gr_pipeline_check_text(graft_context *c, const char *text) {
  const graft_pass_options none = {.size = sizeof none};
  gr_pass_env env;
  gr_pipeline compiled = {0};
  graft_status s = gr_pass_env_init(&env, c, &none);
  if (!s) s = gr_pipeline_compile(&compiled, c, &env.own, text);
  gr_pipeline_free(&compiled);
  gr_pass_env_free(&env);
  return s;
}

void gr_count(gr_pass *p, const char *name, uint64_t by) {
  for (uint32_t i = 0; i < p->statistic_count; i++)
    if (strcmp(p->statistics[i].name, name) == 0) {
      p->statistics[i].value += by;
      return;
    }
  if (p->statistic_count < GR_MAX_STATISTICS) p->statistics[p->statistic_count++] = (graft_pass_statistic){name, by};
}
