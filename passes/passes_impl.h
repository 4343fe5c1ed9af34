/* Private to passes/: the compiled form of a pipeline and what one run holds. */
#ifndef GRAFT_PASSES_IMPL_H
#define GRAFT_PASSES_IMPL_H

#include "passes/passes_int.h"
#include "patterns/patterns_int.h"

/* ---- one run (env.c): built-in rules and quantizers and those of the options' files, read on first use ---- */

typedef struct gr_pass_env {
  graft_context *context;
  const graft_pass_options *options;
  graft_rules *rules; /* NULL: not read yet */
} gr_pass_env;

void gr_pass_env_init(gr_pass_env *env, graft_context *c, const graft_pass_options *options);
void gr_pass_env_free(gr_pass_env *env);
const graft_rules *gr_pass_env_rules(gr_pass_env *env); /* NULL with a diagnostic */

/* ---- the table (table.c)
 * ---------------------------------------------------------------------------------------------- */

const gr_pass_info *gr_pass_find(const char *name, size_t length); /* NULL: none */

/* ---- pipeline text (parse.c)
 * -------------------------------------------------------------------------------------------- */

typedef struct gr_pipe_option {
  const char *name, *value;
  gr_loc name_where, value_where;
  struct gr_pipe_option *next;
} gr_pipe_option;

typedef struct gr_pipe_item {
  const gr_pass_info *info;
  gr_pipe_option *options;
  gr_loc where;
  struct gr_pipe_item *next;
} gr_pipe_item;

/* Reads a pipeline's text. Everything lives in `arena`; `text` must live as long. */
graft_status gr_pipeline_parse(gr_arena *arena, const char *text, gr_pipe_item **items);

/* ---- the program (compile.c): passes in order, pipelines as brackets round them
 * ---------------------------------------------- */

typedef enum gr_step_kind { GR_STEP_PASS, GR_STEP_BEGIN, GR_STEP_END } gr_step_kind;

typedef struct gr_step {
  gr_step_kind kind;
  const gr_pass_info *info;
  gr_option_value *values;
  gr_option_text *rest;
  uint32_t rest_count;
  uint32_t depth;
} gr_step;

typedef struct gr_program {
  gr_arena arena;
  GR_VEC(gr_step) steps;
} gr_program;

graft_status gr_program_compile(gr_program *program, graft_context *c, const char *text);
void gr_program_free(gr_program *program);

#endif
