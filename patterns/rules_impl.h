/* What rule sets offer the rewriter, and the texts that the build compiles in. */
#ifndef GRAFT_RULES_IMPL_H
#define GRAFT_RULES_IMPL_H

#include "patterns/patterns_impl.h"

/* The files that ship, made by the build; ended by a NULL name. */
typedef struct gr_builtin_rule {
  const char *name, *text; /* "qat/fuse_conv_bn_qat.pat" */
} gr_builtin_rule;
extern const gr_builtin_rule gr_builtin_rules[];

const pt_rule *gr_pt_rules_at(const graft_rules *set, uint32_t i);
bool gr_pt_name_fits(const pt_rule *rule, const char *name); /* the rule's own, or its file's or folder's */
uint32_t gr_pt_rules_step_count(const graft_rules *set);
/* False with an error: every match of the later rule is one of the earlier. */
bool gr_pt_check_shadow(graft_context *c, const pt_rule *earlier, const pt_rule *later);

#endif
