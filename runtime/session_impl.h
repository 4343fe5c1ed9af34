/* A session's plan: which kernel runs when, and where every value lies. Made by plan.c and those that plan_impl.h
 * names, laid out by memory.c, run by session.c. */
#ifndef GRAFT_SESSION_IMPL_H
#define GRAFT_SESSION_IMPL_H

#include "ir/graph/running_int.h"
#include "runtime/backend_impl.h"
#include "runtime/kernel_impl.h"
#include "runtime/runtime.h"
#include "runtime/runtime_int.h"

/* Memory that one value or several share. */
typedef enum gr_place {
  GR_PLACE_ARENA,  /* `id` unused; at `offset` in the plan's arena */
  GR_PLACE_INPUT,  /* of the graph */
  GR_PLACE_TENSOR, /* of the module */
  GR_PLACE_KNOWN,  /* computed when the plan was made: at `offset` in plan->known */
  GR_PLACE_LATE    /* gets its memory when it is made: how large it is depends on data */
} gr_place;

typedef struct gr_storage {
  gr_place place;
  uint32_t id;
  size_t size, offset;
  uint32_t first, last; /* steps between which it holds something; last is the number of steps for what outlives them */
  uint32_t pending;     /* while planning: reads that are still to come */
  uint64_t shapes;      /* of a tensor that shapes depend on: its version, */
  uint64_t hash;        /* and that of its bytes; 0: they do not */
  bool fixed;           /* a tensor that the graph does not update, or computed from such ones alone */
  bool kept;            /* outlives the steps, or the prologue and is read behind it */
} gr_storage;

typedef struct gr_slot {
  uint32_t storage; /* GRAFT_NONE: the value is not needed */
  size_t offset;    /* in the storage */
  graft_type type;  /* of one in GR_PLACE_LATE: of the last run */
  gr_layout layout; /* in which it was made */
  uint32_t forms;   /* the same in other layouts: first of a list in the plan's forms; GRAFT_NONE: none */
} gr_slot;

/* A value once more, in another layout. */
typedef struct gr_form {
  gr_layout layout;
  uint32_t storage, next;
} gr_form;

/* What a step reads or writes. */
typedef struct gr_place_of {
  graft_value value; /* GRAFT_NONE: absent */
  uint32_t storage;
  size_t offset;
  gr_layout layout;
  int64_t elements; /* the kernel sees a vector of so many, the elements as they lie; 0: an array of the value's type */
} gr_place_of;

typedef struct gr_control gr_control;

typedef struct gr_plan_step {
  graft_node node;
  uint32_t args; /* in the plan's args: its operands, then its results (of storage GRAFT_NONE: nobody wants it) */
  uint32_t operand_count, result_count;
  uint32_t random; /* number among random steps, from 1 */
  gr_kernel run;   /* NULL: an embedder's kernel */
  const graft_kernel *opaque;
  gr_fast fast;        /* runs instead of `run`, where a backend took the step */
  bool reorder;        /* moves its operand to another layout, on behalf of the node */
  gr_control *control; /* of an op that runs graphs; NULL: of another one */
  bool late;           /* the types of its results are inferred when it runs, from what its operands are then */
} gr_plan_step;

/* A node whose results are there when its turn comes: with its step and the reorders around it, or without one (views,
 * what is known); or reorders for which there is no such turn. */
typedef struct gr_plan_event {
  graft_node node;
  uint32_t begin, end; /* steps */
  bool reorders_only;
  bool fused; /* it ran within an earlier step */
} gr_plan_event;

typedef struct gr_returned {
  graft_value value;
  uint32_t storage; /* after the copies */
  size_t offset;
} gr_returned;

/* At the end of a step: bytes of a value to memory that nothing else writes. */
typedef struct gr_copy {
  uint32_t from, to; /* storages */
  size_t offset;     /* in `from` */
} gr_copy;

typedef struct gr_store {
  graft_tensor tensor;
  uint32_t storage;
  size_t offset;
} gr_store;

typedef struct gr_plan {
  graft_context *context;
  gr_slot *slots; /* by value */
  uint32_t slot_count;
  GR_VEC(gr_storage) storages;
  GR_VEC(gr_form) forms;
  GR_VEC(gr_place_of) args;
  GR_VEC(gr_plan_step) steps;
  bool packs_only;              /* the prologue moves tensors to other layouts, and does nothing else */
  uint32_t prologue;            /* so many of the steps depend on fixed tensors alone */
  GR_VEC(gr_plan_event) events; /* where they were asked for: every planned node */
  uint32_t prologue_events;
  uint32_t max_in, max_out; /* operands and results of a step, and at least what kernels are promised */
  GR_VEC(gr_copy) copies;
  GR_VEC(gr_store) stores;
  uint32_t landing;            /* from this step on tensors are written to: nothing behind it fails */
  GR_VEC(graft_tensor) landed; /* those that steps write to themselves */
  GR_VEC(char) known;
  GR_VEC(gr_returned) outputs;
  size_t arena_size;
  gr_backends backends; /* none: plain kernels only */
} gr_plan;

typedef struct gr_plan_options {
  const graft_type *input_types; /* concrete */
  const graft_kernel *kernels;
  uint32_t kernel_count;
  const graft_backend *const *backends;
  uint32_t backend_count;
  uint32_t threads;
  bool reference, no_reuse;
  bool no_views; /* every result is written by a step, or known */
  bool events;
  bool lands;   /* updates land, and nobody looks at what was there before */
  bool c_order; /* every value is in C order when its node's turn is over, and read from there */
} gr_plan_options;

/* The plan is empty (zeros) before; on failure gr_plan_end still has to be called. */
graft_status gr_plan_begin(gr_plan *p, graft_context *c, graft_graph *g, const gr_plan_options *options);
void gr_plan_end(gr_plan *p);
/* ---- late.c ---- */

/* Memory of a storage in GR_PLACE_LATE. */
typedef struct gr_late {
  void *memory; /* not aligned; NULL: none at present */
  size_t size;
} gr_late;

/* Before a late step runs: types of its results, and memory for those that have none. `call` has the operands; `base`
 * and `late` go by storage. */
graft_status gr_late_begin(gr_plan *p, const gr_plan_step *step, const gr_kernel_call *call, char **base,
                           gr_late *late);
/* Result i has this type. */
graft_status gr_late_settle(gr_plan *p, const gr_kernel_call *call, uint32_t i, const graft_type *type, char **base,
                            gr_late *late);
/* After it: frees what was read for the last time. `at`: its number. */
void gr_late_end(const gr_plan *p, uint32_t at, const graft_graph *g, gr_late *late);
void gr_late_free(graft_context *c, gr_late *late);

/* ---- control.c ---- */

/* The sessions of a step that runs graphs; they are made when they are needed. */
gr_control *gr_control_create(graft_context *c);
void gr_control_destroy(graft_context *c, gr_control *control);
/* Runs such a step, whose call has the operands; `s` is the session that it is in. */
graft_status gr_control_run(graft_session *s, gr_plan *p, const gr_plan_step *step, const gr_kernel_call *call,
                            char **base, gr_late *late);
/* A session for a graph that a node of `outer`'s runs: with its kernels and its threads (session.c). */
graft_session *gr_session_nested(graft_session *outer, graft_graph *g);

/* Gives the arena storages their offsets; sets arena_size. `reuse` false: no two overlap. */
graft_status gr_plan_memory(gr_plan *p, bool reuse);

/* ---- a session ---- */

typedef struct gr_session_input {
  graft_type type;  /* concrete, or rank -1: not known yet */
  const void *data; /* NULL: not set yet */
  void *own;        /* a copy of what lay in the session's own memory; NULL: none */
  size_t own_size;
} gr_session_input;

struct graft_session {
  GR_HANDLE;
  graft_graph *graph; /* pinned; it may be dead when the session is called */
  gr_session_input *inputs;
  graft_type *types; /* of the inputs, as the plan wants them */
  uint32_t input_count, output_count;
  graft_kernel *kernels; /* names copied, owned */
  uint32_t kernel_count;
  graft_backend **backends; /* copied, owned */
  uint32_t backend_count;
  gr_isa isa;
  bool reference, no_reuse, writes_values, keep_state, times_only, inside;
  gr_run_kind kind;
  graft_node_hook after_node;
  void *after_node_user;
  gr_inspector inspector; /* NULL: none */
  void *inspector_user;
  uint64_t seed, step; /* steps done */
  uint64_t given;      /* bytes of inputs that were set */
  gr_threads *threads; /* NULL: one */
  uint32_t depth;      /* of a graph that a node runs: how many sessions are around it, whose threads it has */
  gr_scratch *scratch;
  bool planned, ran;
  atomic_bool running; /* now */
  uint64_t edits;      /* of the graph, when the session was made */
  gr_plan plan;
  void *memory; /* of the arena, not aligned */
  size_t memory_size;
  char *arena;
  char **base;        /* by storage */
  uint64_t *seen;     /* by storage: version of a fixed tensor at the last run */
  uint64_t *versions; /* by storage: of what is fixed; 0: not made yet */
  gr_late *late;      /* by storage */
  uint64_t last_version;
  bool prologue_done; /* with the tensors as they are */
  uint32_t errors;    /* of the context, when the run began */
  bool landing;       /* steps write to tensors at this moment: they are not interrupted */
  uint32_t base_count;
  gr_in *in; /* of the step at hand */
  gr_out *out;
  const void **opaque_in;
  void **opaque_out;
  graft_type *opaque_types;
  graft_type *vector_types; /* of operands and results that are run on as they lie */
  graft_type *told_types;   /* for the hook: of a node's operands, then its results */
  void **told;
  const void **told_operands;
};

/* The steps and what comes of them, within a run of the outermost session (run.c). */
graft_status gr_session_run(graft_session *s);
/* GRAFT_INVALID_ARGUMENT: the graph is another one than when the session was made (session.c). */
graft_status gr_session_check(const graft_session *s);
/* The plan for the inputs' types, where there is none (session.c). */
graft_status gr_session_plan(graft_session *s);

#endif
