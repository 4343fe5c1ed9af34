/* Private to passes/: the compiled form of a pipeline and what one run holds. */
#ifndef GRAFT_PASSES_IMPL_H
#define GRAFT_PASSES_IMPL_H

#include "passes/own_impl.h"
#include "passes/passes_int.h"
#include "patterns/patterns_int.h"
#include "runtime/own_kernel_int.h"

/* ---- one run (env.c): rules and quantizers that ship, of the options' sets and of their files, read on first use; the
 * embedder's passes ---- */

typedef struct gr_mapping {
  const char *file;
  graft_rules *rules;
} gr_mapping;

typedef struct gr_pass_env {
  graft_context *context;
  const graft_pass_options *options;
  gr_own own;
  graft_rules *rules; /* NULL: not read yet */
  gr_own_kernels kernels;
  bool uses_sets; /* of the options */
  bool own_rules; /* with files, sets or predicates of the options; else the context's */
  graft_quantizers *quantizers;
  GR_VEC(gr_mapping) mappings; /* of the pass fuse-modules */
} gr_pass_env;

/* Checks the options. The caller frees it, whatever it gives. */
graft_status gr_pass_env_init(gr_pass_env *env, graft_context *c, const graft_pass_options *options);
void gr_pass_env_free(gr_pass_env *env);
/* Says to the module which of the kernels' ops are pure (its field `pure`). */
graft_status gr_pass_env_pure(const gr_pass_env *env, graft_module *m);
/* All that is read on first use. */
graft_status gr_pass_env_read(gr_pass_env *env);
/* Of what ships some is not read yet. */
graft_status gr_pass_env_all_rules(gr_pass_env *env, graft_rules **rules);
/* Those of the names at least that may match in the module are in it. NULL with a diagnostic. */
const graft_rules *gr_pass_env_rules(gr_pass_env *env, const char *const *names, uint32_t count,
                                     const graft_module *module);
/* With the sequences of modules and one more file of rules ("": none). */
graft_status gr_pass_env_rules_with(gr_pass_env *env, const char *file, graft_rules **rules);
graft_status gr_pass_env_quantizers(gr_pass_env *env, graft_quantizers **quantizers);

/* ---- the table (table.c)
 * ---------------------------------------------------------------------------------------------- */

const gr_pass_info *gr_pass_find(const char *name, size_t length); /* NULL: none */

/* ---- pipeline text (parse.c)
 * -------------------------------------------------------------------------------------------- */

typedef enum gr_pipe_kind { GR_PIPE_END, GR_PIPE_PASS, GR_PIPE_OPTION, GR_PIPE_ERROR } gr_pipe_kind;

typedef struct gr_pipe_piece {
  gr_pipe_kind kind;
  const char *text; /* the pass's or option's name, or what is wrong */
  uint32_t length;
  gr_loc where;
  const char *value; /* of an option, as written */
  uint32_t value_length;
  gr_loc value_where;
} gr_pipe_piece;

typedef struct gr_pipe_reader {
  const char *at, *line_start;
  uint32_t line;
  bool first, options; /* nothing was read yet; an option was read last */
} gr_pipe_reader;

/* The one reader of pipeline text: a pass, its options, the next pass … Nothing is allocated. */
void gr_pipe_begin(gr_pipe_reader *r, const char *text);
gr_pipe_piece gr_pipe_next(gr_pipe_reader *r);

typedef struct gr_pipe_option {
  gr_option_text text;
  struct gr_pipe_option *next;
} gr_pipe_option;

typedef struct gr_pipe_item {
  const gr_pass_info *info;
  gr_pipe_option *options;
  struct gr_pipe_item *members; /* of a named pipeline */
  struct gr_pipe_item *next;
} gr_pipe_item;

/* The items of a text, named pipelines opened up. Everything lives in `arena`; `text` must live as long. */
graft_status gr_pipeline_parse(gr_arena *arena, const gr_own *own, const char *text, gr_pipe_item **items);

/* ---- a pipeline as it runs (compile.c): passes in order, named pipelines as brackets round them
 * ---------------------------------------------- */

typedef enum gr_pipe_step_kind { GR_STEP_PASS, GR_STEP_BEGIN, GR_STEP_END } gr_pipe_step_kind;

typedef struct gr_pipe_step {
  gr_pipe_step_kind kind;
  const gr_pass_info *info;
  gr_option_value *values;
  gr_option_text *rest;
  uint32_t rest_count;
  uint32_t depth;
  uint32_t number, of; /* in `in`, the named pipeline that it is a member of; NULL: in the text */
  const gr_pass_info *in;
} gr_pipe_step;

typedef struct gr_pipeline {
  gr_arena arena;
  GR_VEC(gr_pipe_step) steps;
} gr_pipeline;

graft_status gr_pipeline_compile(gr_pipeline *pipeline, graft_context *c, const gr_own *own, const char *text);
void gr_pipeline_free(gr_pipeline *pipeline);

#endif
