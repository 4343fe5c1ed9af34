/* What ir-opt shows of a module while passes run over it: --print-before, --print-after, --print-after-all and
 * --print-changed on standard error, --print-tree in files. */
#ifndef GRAFT_TOOLS_TRACE_H
#define GRAFT_TOOLS_TRACE_H

#include "passes/passes.h"
#include "tools/cli.h"

typedef struct trace_text {
  char *bytes;
  size_t size;
} trace_text;

typedef struct trace {
  cli_list before, after;         /* names of passes */
  uint64_t before_met, after_met; /* bits: those that have run, of the first 64 */
  bool after_all, changed;
  const char *tree;         /* folder; NULL: none */
  graft_save_options print; /* how texts are written */
  trace_text full, plain;   /* the module after the last pass, with provenance and without */
  cli_list folders;         /* owned: of the pipelines that are open, the outermost first */
} trace;

void trace_free(trace *t);
/* Before the first pass. What fails says why. */
bool trace_begin(trace *t, graft_module *module);
graft_status trace_before(trace *t, graft_module *module, const graft_pass_report *r);
/* After the last pass: a warning for each name that none was called. */
void trace_end(const trace *t);
graft_status trace_after(trace *t, graft_module *module, const graft_pass_report *r);

#endif
