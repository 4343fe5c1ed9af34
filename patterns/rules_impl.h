/* What rule sets offer the rewriter, and the texts that the build compiles in. */
#ifndef GRAFT_RULES_IMPL_H
#define GRAFT_RULES_IMPL_H

#include "patterns/patterns_impl.h"

extern const gr_builtin gr_builtin_rules[];

const pt_rule *gr_pt_rules_at(const graft_rules *set, uint32_t i);
bool gr_pt_name_fits(const pt_rule *rule, const char *name); /* the rule's own, or its file's or folder's */
bool gr_pt_file_fits(const char *file, const char *name);    /* the latter */
uint32_t gr_pt_rules_step_count(const graft_rules *set);
/* Rules of a file, by what a rule must have that one of them shadows. */
typedef struct gr_shadow_entry {
  const pt_rule *rule;
  uint32_t next; /* under the same key; GRAFT_NONE: the last */
} gr_shadow_entry;
typedef struct gr_shadow_index {
  gr_map heads;
  GR_VEC(gr_shadow_entry) entries;
} gr_shadow_index;
/* False with an error: every match of the rule is one of a rule that is there. */
bool gr_pt_shadow_add(graft_context *c, gr_shadow_index *x, const pt_rule *rule);
void gr_pt_shadow_free(graft_context *c, gr_shadow_index *x);

#endif
