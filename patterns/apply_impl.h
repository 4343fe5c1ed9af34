/* What the parts of a rewrite share: apply.c runs its steps; apply_attrs.c says ops and attributes of what is made,
 * apply_const.c computes values beforehand, apply_users.c sees to who reads what is replaced and what is left over. */
#ifndef GRAFT_APPLY_IMPL_H
#define GRAFT_APPLY_IMPL_H

#include "patterns/rewrite_impl.h"

#define PT_FEW 32

typedef struct pt_apply {
  pt_rewriter *r;
  const pt_rule *rule;
  const gr_match *match;
  const pt_variant *v;
  pt_frame *f;
  graft_node root, before;    /* new nodes stand before this one: the first that is replaced */
  uint32_t record_of[PT_FEW]; /* records made, by the source's place */
  gr_name *taken;
  uint32_t types[PT_FEW]; /* of the root's results */
  bool broken;            /* an error that is none of the match's: it is reported */
} pt_apply;

static inline gr_loc pt_apply_root_loc(const pt_apply *a) { return gr_node_loc(a->r->g, a->root); }

/* No match after all, because of the match or the graph: false. Muted, for who asks why. */
#define PT_UNFIT(a, ...) (gr_error((a)->r->c, GRAFT_RULE, pt_apply_root_loc(a), __VA_ARGS__) == GRAFT_OK)
#define PT_OTHER_TYPE "a result would be of another type than the root's"

/* What went wrong is no reason to go on without this match. */
static inline bool pt_apply_broken(pt_apply *a) {
  a->broken = true;
  return false;
}

static inline pt_eval pt_apply_evaluation(const pt_apply *a) {
  return (pt_eval){.match = a->match, .context = a->r->c, .options = a->r->matcher.options, .quiet = true};
}

static inline graft_value pt_apply_root_result(const pt_apply *a, uint32_t i) { return gr_result(a->r->g, a->root, i); }

static inline graft_value pt_range_value(const pt_apply *a, const pt_range *x, uint32_t i) {
  return x->results ? gr_result(a->r->g, x->node, x->first + i) : gr_operand(a->r->g, x->node, x->first + i);
}

/* ---- apply_attrs.c ---- */

/* Does the step's condition hold? */
bool gr_pt_apply_holds(pt_apply *a, const pt_step *s);
/* GRAFT_NONE: no memory. */
uint32_t gr_pt_apply_op(const pt_apply *a, const pt_call *call);
/* The attribute set of a step; GRAFT_NONE: one has no value, or does not fit. */
uint32_t gr_pt_apply_attrs(pt_apply *a, const pt_step *s, uint32_t op);

/* ---- apply_users.c ---- */

/* Both types' knowledge; false where they contradict each other. */
bool gr_pt_apply_merge(const graft_type *a, const graft_type *b, graft_type *out);
/* Users of `from` read `to`; an update of a tensor by itself is none. */
bool gr_pt_apply_replace(pt_apply *a, graft_value from, graft_value to);
/* The values that the node reads lose a use: their producers may be dead afterwards. */
bool gr_pt_apply_leave(pt_rewriter *r, graft_node n);
/* The users of results from..: dead nodes, and theirs before them. */
bool gr_pt_apply_erase_users(pt_apply *a, graft_node n, uint32_t from);
/* What the match no longer needs goes. */
bool gr_pt_apply_clean(pt_apply *a);
/* A live root's new nodes live, and so does what they read. */
bool gr_pt_apply_settle(pt_apply *a);
/* A root that stays may have lost the updates that it lived by. It is dead then, and so is what only it needs. */
bool gr_pt_apply_settle_root(pt_apply *a);

/* ---- apply_const.c ---- */

/* A number of the rewrite in the type that its step gives it; false where it is none of that type. */
bool gr_pt_apply_literal(const pt_apply *a, const pt_step *s, const pt_operand *o, graft_type *type,
                         unsigned char bytes[8], graft_attr *number);
bool gr_pt_apply_const(pt_apply *a, const pt_step *s);

#endif
