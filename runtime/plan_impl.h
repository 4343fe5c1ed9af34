/* Making a plan: plan.c walks over the nodes, places.c says where their results lie and what outlives the steps,
 * layouts.c in which arrangement of their elements. */
#ifndef GRAFT_PLAN_IMPL_H
#define GRAFT_PLAN_IMPL_H

#include "runtime/session_impl.h"

#define GR_FOREVER (UINT32_MAX / 2) /* pending reads of a value that outlives the steps */

/* The prologue, or what comes after it, while both grow. */
typedef struct gr_part {
  GR_VEC(gr_plan_step) steps;
  GR_VEC(gr_plan_event) events;
} gr_part;

typedef struct gr_planner {
  gr_plan *plan;
  graft_graph *graph;
  graft_context *context;
  const gr_plan_options *options;
  bool *needed;       /* by node */
  bool *done;         /* by node: planned */
  bool *fused;        /* by node: runs within the step of one before */
  gr_map updated;     /* tensor -> update */
  uint32_t *reads;    /* by value: still to come */
  bool prologue;      /* the first walk */
  bool in_turn;       /* steps added now belong to the node at hand */
  graft_node landing; /* the optimizers at the graph's end begin here; GRAFT_NONE: there are none */
  bool in_landing;
  gr_part parts[2]; /* what comes after the prologue; the prologue */
  gr_scratch *scratch;
  GR_VEC(const graft_type *) types; /* of the node's operands; NULL: absent */
  GR_VEC(graft_type) results;
  GR_VEC(gr_in) in;
  GR_VEC(gr_out) out;
  GR_VEC(gr_place_of) places; /* of the node's operands, then of its results */
  GR_VEC(gr_layout) layouts;  /* the same: in which the kernel wants and makes them */
  graft_node node;            /* at hand */
  bool late;                  /* types of its operands or results are known only when it runs */
  uint32_t random;
} gr_planner;

static inline bool gr_plan_updates(const gr_planner *p, graft_tensor t) {
  return p->updated.used && gr_map_get(&p->updated, t) != GRAFT_NONE;
}

/* How a node's step runs. */
typedef struct gr_way {
  gr_fast fast;     /* a backend takes it */
  graft_node last;  /* the node whose result it makes: with fast, one that comes after */
  int64_t elements; /* the plain kernel on vectors of so many elements as they lie in a layout; 0: on arrays */
} gr_way;

/* ---- places.c ---- */

/* An error that names the node at hand (plan.c). */
graft_status gr_planner_fail(gr_planner *p, graft_status code, const char *message);
/* Reads of a value to come, when it is made. */
uint32_t gr_count_reads(const gr_planner *p, graft_value v);
graft_status gr_add_storage(gr_planner *p, gr_storage s, uint32_t *id);
void gr_place_value(gr_planner *p, graft_value v, uint32_t storage, size_t offset, gr_layout layout,
                    const graft_type *type);
/* Inputs and tensors that something reads. */
graft_status gr_place_outside(gr_planner *p);
/* A step that comes next in the part reads the storage. */
void gr_touch(gr_planner *p, uint32_t storage, bool prologue);
/* Results as aliases of operands; *done false where one is not. */
graft_status gr_place_aliases(gr_planner *p, const gr_kernel_info *info, const gr_kernel_call *call, bool *done);
/* Memory for the results of the step at hand, whose operands have places; with p->layouts. */
graft_status gr_place_results(gr_planner *p, const gr_kernel_info *info, const gr_kernel_call *call, const gr_way *way);
/* Does the node at hand read the elements of its operand in this slot, and not its type alone? */
bool gr_place_is_read(const gr_planner *p, uint32_t slot, uint32_t storage);
/* The node's operands have been read. */
void gr_end_reads(gr_planner *p);
/* The values that leave the graph: outputs, updates. */
graft_status gr_place_ends(gr_planner *p);
/* One list of steps; storages know when they end. */
graft_status gr_join_parts(gr_planner *p);

/* ---- landing.c ---- */

/* The optimizers that the graph ends with, which may write to tensors in place: p->landing. */
void gr_find_landing(gr_planner *p);
/* Before the first of them: what they read, and what leaves the graph, is in C order. */
graft_status gr_begin_landing(gr_planner *p);
/* The storage of the tensor that result i of the node at hand is the next value of, where it may be written to it at
 * once; else GRAFT_NONE. */
uint32_t gr_landing_storage(const gr_planner *p, const gr_kernel_info *info, uint32_t i);

/* ---- fuse.c ---- */

enum { GR_FOLLOWERS = 2 };

/* What could run within the step of the node at hand: elementwise ops in a row, each the only reader of what is before.
 */
typedef struct gr_followers {
  gr_kernel_call calls[GR_FOLLOWERS];
  graft_type types[GR_FOLLOWERS];
  gr_in in[GR_FOLLOWERS][GR_MAX_OPERANDS];
  gr_out out[GR_FOLLOWERS][GR_MAX_RESULTS];
  uint32_t count;
} gr_followers;

void gr_find_followers(const gr_planner *p, const gr_kernel_call *call, gr_followers *f);
/* The first `taken` are part of the step; what they hand to each other has no place. */
void gr_fuse(gr_planner *p, const gr_followers *f, uint32_t taken, gr_way *way);

/* ---- layouts.c ---- */

/* Where the value lies in this layout: a reorder step makes it so once, in the prologue where that can be. */
graft_status gr_place_in(gr_planner *p, graft_value v, gr_layout layout, gr_place_of *place);
/* An element of the result depends on one element of each operand, wherever they lie. */
bool gr_is_elementwise(const gr_kernel_call *k);
/* How the node runs, and in which layouts: p->layouts is set. */
graft_status gr_choose_way(gr_planner *p, const gr_kernel_info *info, const gr_kernel_call *call, gr_way *way);
/* Bytes of an array; false where its type is not concrete. */
bool gr_layout_bytes(gr_layout layout, const graft_type *type, size_t *bytes);
/* Results of the step just added that are to be in C order are moved there. */
graft_status gr_results_to_c_order(gr_planner *p);

#endif
