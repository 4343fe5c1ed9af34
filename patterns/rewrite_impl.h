/* State of one gr_rewrite: what apply.c, carry.c and rewrite.c share. */
#ifndef GRAFT_REWRITE_IMPL_H
#define GRAFT_REWRITE_IMPL_H

#include "patterns/patterns_impl.h"

/* The last attribute set that a step made, and of what. */
typedef struct pt_attr_cache {
  uint32_t ops[PT_MAX_INPUTS], sets[PT_MAX_INPUTS];
  uint32_t set; /* GRAFT_NONE: empty */
} pt_attr_cache;

typedef struct pt_moved { /* an old edge or value and what stands for it now */
  uint32_t from, to;
} pt_moved;

typedef struct pt_pending { /* an annotation on its way to a new edge or value */
  const pt_carry *carry;
  uint32_t spec, from, operand; /* `from`: the old use or value */
} pt_pending;

typedef struct pt_takeover { /* a tensor that is called as the old one, if nothing needs that one in the end */
  graft_tensor tensor, old;
} pt_takeover;

typedef struct pt_rewriter {
  graft_graph *g;
  graft_module *m;
  graft_context *c;
  const gr_rewrite_options *options;
  gr_rewrite_stats *stats;
  gr_matcher matcher;
  gr_cones *cones;
  pt_attr_cache *caches;          /* of the rule in hand, by step number */
  uint32_t pass;                  /* string */
  const pt_rule *rule;            /* applied last, */
  uint32_t rule_string, rootless; /* its name, and its record where the matched nodes have none */
  bool specs, refs;
  bool trial; /* rewrites are taken back, whether they fit or not */
  GR_VEC(graft_value) operands;
  GR_VEC(uint32_t) entries, records, dead;
  GR_VEC(pt_pending) pending;
  GR_VEC(pt_moved) moved_uses, moved_values;
  GR_VEC(pt_takeover) takeovers;
  GR_VEC(graft_node) made;          /* nodes that the last rewrite made, then the root where it stays */
  GR_VEC(graft_node) touched;       /* whose operands or types it changed */
  GR_VEC(graft_value) lost;         /* it took a use away from these, */
  GR_VEC(graft_value) faded;        /* read by what lives no more, though it is there */
  GR_VEC(graft_value) gained;       /* and these stand for what it replaced */
  GR_VEC(graft_node) doomed;        /* dead users on their way out */
  GR_VEC(uint32_t) fresh;           /* entries that became tensors */
  GR_VEC(const char *) warnings;    /* said once the rewrite stands */
  GR_VEC(graft_value) spliced;      /* the root's operands after a rewrite at several places; empty: at one */
  GR_VEC(graft_node) spliced_nodes; /* matched there, without the root */
  uint32_t erased;
  GR_VEC(graft_node) step_nodes; /* by step of the program being run */
} pt_rewriter;

/* Rewrites what the matcher has just bound. *applied: false when the rule has to leave this match alone; nothing has
 * changed then. */
graft_status gr_pt_apply(pt_rewriter *r, const pt_rule *rule, const gr_match *match, bool *applied);

/* After a match of a rule that splices: the other places of the root where it matches too. False: no memory. */
bool gr_pt_splice(pt_rewriter *r, const gr_pattern *p, uint32_t variant, graft_node root, gr_match *match,
                  uint32_t *places);

/* Would the rewriter rewrite? For --explain: each attempt is taken back. `end` takes NULL. */
typedef struct pt_trial pt_trial;
pt_trial *gr_pt_trial_begin(graft_graph *g, gr_evaluator evaluate);
/* At a root where the variant matches; if not, `why` is the reason, or empty. */
bool gr_pt_try(pt_trial *t, const pt_rule *rule, uint32_t variant, graft_node root, char *why, size_t size);
void gr_pt_trial_end(pt_trial *t);

/* ---- who may see a change (watch.c) ---- */

typedef struct pt_seen {  /* of a node */
  uint32_t queued;        /* the round that it is queued for */
  uint32_t round, levels; /* in this round, those so many levels above it are awake */
} pt_seen;

typedef struct pt_asked { /* of a value whose uses are others */
  uint32_t rewrite;       /* the last one that was asked for */
  uint32_t woken;         /* the last round for which its users were woken */
} pt_asked;

typedef struct pt_watch {
  const bool *wanted;          /* by op, then opaque ones: the root of some rule */
  bool inner[GR_OP_COUNT + 1]; /* stands below the root of some rule */
  bool one_use, counts;        /* some rule looks at uses so */
  bool also;                   /* some rule looks for lines among users */
  uint32_t depth;              /* levels from a root to the furthest value that a rule sees */
  uint32_t nodes;              /* of the largest pattern */
  GR_VEC(graft_node) next, stack;
  GR_VEC(pt_seen) seen;
  GR_VEC(pt_asked) asked;
  uint32_t rewrites;
  uint64_t uses; /* gone through */
} pt_watch;

bool gr_pt_watch_begin(pt_watch *w, graft_context *c, const pt_rule **rules, uint32_t count, const bool *wanted);
void gr_pt_watch_end(pt_watch *w, graft_context *c);
/* After a rewrite: queues in `next`, for this round, all nodes at which a match may be there now that was not. */
bool gr_pt_watch_rewrite(pt_watch *w, pt_rewriter *r, uint32_t round);

/* Without a fixed point: only those who may see that users of a value live no more. */
bool gr_pt_watch_faded(pt_watch *w, pt_rewriter *r, uint32_t round);

/* carry.c */
bool gr_pt_carry_begin(pt_rewriter *r, const gr_match *match);
bool gr_pt_carry_end(pt_rewriter *r, const gr_match *match, uint32_t old_root_result);
graft_status gr_pt_carry_finish(pt_rewriter *r); /* once a pass */

#endif
