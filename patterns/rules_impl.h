/* What rule sets offer the rewriter, and the texts that the build compiles in. */
#ifndef GRAFT_RULES_IMPL_H
#define GRAFT_RULES_IMPL_H

#include "patterns/patterns_impl.h"
#include "patterns/sequence_int.h"

extern const gr_builtin gr_builtin_rules[];

/* A rule that ships. */
typedef struct gr_shipped {
  const gr_builtin *file;
  const char *name;
  const uint16_t *needs; /* ops that each match has, ended by GR_OP_COUNT */
  bool pending, wanted;  /* not read yet; to be read now */
} gr_shipped;

typedef struct gr_rule_file {
  gr_arena arena; /* the text and everything compiled from it */
  const char *name;
  uint32_t place;          /* of its rules */
  const gr_shipped *ships; /* while a file that ships is read: its rules, */
  uint32_t met;            /* of which so many were met */
} gr_rule_file;

struct graft_rules {
  GR_HANDLE;
  graft_rules *base; /* its rules and sequences, and those that ship, stand behind those here; NULL: none */
  GR_VEC(gr_rule_file *) files;
  GR_VEC(const pt_rule *) rules;
  gr_named names; /* of the rules */
  GR_VEC(gr_sequence *) sequences;
  bool sequences_read; /* those that ship */
  gr_customs customs;
  uint32_t in_use; /* runs of passes that have it */
  uint64_t compared;
  GR_VEC(gr_shipped) shipped; /* in the order of the build; empty: the set is without them */
  gr_named shipped_names;
};

/* ---- rules that ship (shipped.c) ---- */

graft_status gr_rules_add_shipped(graft_rules *set, const gr_shipped *rules); /* of one file, those wanted (rules.c) */
bool gr_shipped_begin(graft_rules *set); /* from now on those that ship are in the set, and none is read */
const char *gr_shipped_file_with(const graft_rules *set, const char *name); /* of a rule not read yet; NULL: none */
bool gr_shipped_fits(const graft_rules *set, const char *name);             /* is it such a rule, file or folder? */
void gr_shipped_offer(const graft_rules *set, gr_closest *near);            /* names of those not read */

const pt_rule *gr_pt_rules_at(const graft_rules *set, uint32_t i);
bool gr_pt_name_fits(const pt_rule *rule, const char *name); /* the rule's own, or its file's or folder's */
bool gr_pt_file_fits(const char *file, const char *name);    /* the latter */

/* ---- rules that are never reached (shadow.c, shadow_index.c) ---- */

bool gr_pt_can_cover(const pt_variant *v); /* nothing in it that shadow.c does not understand */
/* Does the earlier rule take every match of the later one? *failed: there was no memory to tell. */
bool gr_pt_covers(graft_context *c, const pt_rule *earlier, const pt_rule *later, bool *failed);

typedef struct gr_shadow_entry {
  const pt_rule *rule;
  uint32_t next; /* in the same place; 0: the last */
} gr_shadow_entry;
typedef struct gr_shadow_index {
  gr_map places; /* what is spelt with things -> the last entry there; 0: none, only the way to others */
  gr_map seen;   /* thing -> so many variants have it */
  GR_VEC(gr_shadow_entry) entries; /* in the order of the rules, from 1 on */
  GR_VEC(uint64_t) things;         /* of the rule in hand */
  uint64_t compared;               /* pairs of rules */
} gr_shadow_index;
/* False with an error: every match of the rule is one of a rule that is there. */
bool gr_pt_shadow_add(graft_context *c, gr_shadow_index *x, const pt_rule *rule);
void gr_pt_shadow_free(graft_context *c, gr_shadow_index *x);

#endif
