/* What an embedder adds for the time of a run (extend.h): its passes, found by name as those of the table are, and its
 * callbacks that annotate. own.c reads them once, before the text is; own_call.c is what their functions are given. */
#ifndef GRAFT_OWN_IMPL_H
#define GRAFT_OWN_IMPL_H

#include "passes/extend.h"
#include "passes/passes_int.h"
#include "patterns/patterns_int.h"

typedef struct gr_own_quantizer {
  const char *name;
  const gr_option_decl *options;
  graft_status (*annotate)(void *user, graft_graph *graph, graft_pass_call *call);
  graft_status (*plain)(void *user, graft_graph *graph); /* graft_pass_options.annotate: instead of the other */
  void *user;
} gr_own_quantizer;

typedef struct gr_own_pass {
  graft_status (*run)(void *user, graft_module *module, graft_pass_call *call);
  void *user;
} gr_own_pass;

typedef struct gr_own {
  gr_arena arena;
  GR_VEC(gr_pass_info *) passes;
  gr_named pass_names;
  GR_VEC(gr_own_quantizer *) quantizers;
  gr_named quantizer_names;
} gr_own;

/* Copies what is needed of the arrays and checks it: names, functions, options and their defaults. */
graft_status gr_own_begin(gr_own *own, graft_context *c, const graft_pass_options *options);
void gr_own_end(gr_own *own);
/* The table's passes, then these; NULL: none. */
const gr_pass_info *gr_own_pass_find(const gr_own *own, const char *name, size_t length);
const gr_own_quantizer *gr_own_quantizer_find(const gr_own *own, const char *name);

/* ---- a call (own_call.c) ---- */

struct graft_pass_call {
  gr_pass *pass;
  const char *name; /* of the pass, or of the quantizer */
  const gr_option_decl *options;
  const gr_option_value *values;
  const uint32_t *scope; /* by node */
  uint32_t scope_count;
};

graft_status gr_pass_run_own(gr_pass *p);

/* The values of what annotate was given beside its own options, in the pass's arena; an option that the quantizer does
 * not declare is an error. */
graft_status gr_own_quantizer_options(gr_pass *p, const gr_own_quantizer *q, const gr_option_value **values);
/* Calls it for one graph, and takes away what it annotated outside of its scopes (by node; 0: none). */
graft_status gr_own_quantizer_annotate(gr_pass *p, graft_graph *g, const gr_own_quantizer *q,
                                       const gr_option_value *values, const uint32_t *scope);

#endif
