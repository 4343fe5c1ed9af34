/* fuse-modules in two parts: which nodes become one module (fuse_find.c), and what is made of them (fuse_modules.c). */
#ifndef GRAFT_FUSE_IMPL_H
#define GRAFT_FUSE_IMPL_H

#include "passes/quant_impl.h"
#include "patterns/sequence_int.h"

typedef struct gr_fused_part {
  const char *name; /* as the option has it, or the node's */
  graft_node node;  /* what the module gives is a result of this one; GRAFT_NONE: none was found yet */
  graft_graph *graph;
  uint32_t nodes, exits; /* of the module: how many, and how many of them are read elsewhere */
} gr_fused_part;

/* Modules that follow each other and become one. */
typedef struct gr_fusion {
  uint32_t first, count; /* in gr_fusions.parts */
  graft_graph *graph;
  const gr_sequence *kind;
} gr_fusion;

typedef struct gr_fusions {
  gr_pass *pass;
  graft_rules *rules;
  bool qat, all; /* all: found, not named; what does not fit is left alone */
  gr_arena text;
  GR_VEC(gr_fused_part) parts;
  GR_VEC(gr_fusion) list;
} gr_fusions;

static inline gr_fused_part *gr_fusion_part(const gr_fusions *f, const gr_fusion *one, uint32_t i) {
  return &f->parts.data[one->first + i];
}
/* The names alone, as the option has them. */
graft_status gr_fusions_read(gr_fusions *f, const char *modules);
/* Those that `modules` names: each is checked. */
graft_status gr_fusions_named(gr_fusions *f, const char *modules);
/* The longest ones that there are, from the start of each graph. */
graft_status gr_fusions_all(gr_fusions *f);
void gr_fusions_free(gr_fusions *f);

#endif
