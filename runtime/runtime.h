/* graft/runtime.h - runs a graph: plan once, run many times.
 *
 *     graft_session *s = graft_session_create(graph, NULL);
 *     graft_session_set_input(s, 0, &type, data);
 *     if (graft_session_run(s) == GRAFT_OK) y = graft_session_get_output(s, 0, &type);
 *     graft_session_destroy(s);
 *
 * Who owns what. A session belongs to its caller; it borrows the graph (and its module), which is not to be changed
 * meanwhile: after a change of nodes, values, inputs, outputs or updates (also one that was taken back) the session
 * refuses to run, with GRAFT_INVALID_ARGUMENT, and another one is to be made. Tensors may be given other data between
 * runs; of constants that shapes depend on it is refused in the same way. Inputs are borrowed from
 * graft_session_set_input until they are set again or the session ends, but one that lies in the session's own memory
 * (an output of the run before) is copied at once; outputs are borrowed until the next run, and never share memory with
 * an input or a tensor.
 *
 * A run is one step: every `update` of the graph lands in the module's tensors at its end, all of them or, when the run
 * fails, none. A session whose run failed can run again. Errors are diagnostics of the session's context, which is the
 * module's unless another was given, and name the node.
 *
 * Threads. A session belongs to one thread at a time. Several sessions of one module, each with a context of its own,
 * may run at the same time in several threads if no updates land: their graphs have none, or `keep_state` is set. Such
 * a run only reads the module. One whose updates land has the module, and the module's context, to itself. So have
 * functions that change a module, and the making of a session. Whoever breaks this gets GRAFT_INVALID_ARGUMENT where it
 * is seen: a run refuses to begin while one of the other kind is not over, and a module refuses to be changed or
 * destroyed while a session runs on it.
 *
 * Callbacks (after_node, kernels, backends) may read the graph and its tensors, and after_node may run, and make, other
 * sessions, of this module too if no updates land; not this one again. Of look-ups by name (graft_value_find,
 * graft_tensor_find) the first builds a table: it is made before several threads look up.
 *
 * Memory. All that grows with the graph and its values comes from the context's allocator: plans, values, weights in a
 * kernel's own layout, scratch memory of kernels and of oneDNN's. From elsewhere come oneDNN's objects and generated
 * code (which it keeps for later sessions, up to its own limit), some bytes of OpenMP's for each thread, and the stacks
 * of graft's own threads.
 *
 * Runs are deterministic, with `reference` also in the number of threads; random ops (dropout in training) draw from a
 * counter-based generator with the session's seed. */
#ifndef GRAFT_RUNTIME_H
#define GRAFT_RUNTIME_H

#include "ir.h"
#include "qparams.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* A plan for a graph and the memory to run it in. */
typedef struct graft_session graft_session;

/* A call of an opaque op's kernel. Everything is borrowed for the time of the call. Attributes and operand names are
 * read from the node (graft_node_attr …). */
typedef struct graft_kernel_call {
  size_t size;
  graft_graph *graph;
  graft_node node;
  uint32_t operand_count, result_count;
  const graft_type *operand_types; /* concrete; of an absent operand all zero */
  const void *const *operands;     /* C order; NULL: absent, and everywhere in `infer` */
  const graft_type *result_types;  /* in `infer`: what the graph says, extents may be unknown */
  void *const *results;            /* to be written in full; NULL in `infer` */
  /* Of a graft_backend's calls. In `prepare`: bit i: operand i is the same in most runs; in `run`: numbers that change
   * when the bytes of an operand do (0: they may be new in every run), for what is made of them once. */
  uint32_t fixed;
  const uint64_t *versions;
  /* In `prepare`: nodes that follow in a row, of which each is elementwise, reads nothing but the result before it, and
   * is alone in that. A kernel may do some of them too, and says how many in *taken: result 0 is then the last one's.
   */
  uint32_t after_count;
  const graft_node *after;
  uint32_t *taken;
} graft_kernel_call;

/* The embedder's kernel for an op that the table does not know (of one that it knows: refused, as is a second one for
 * an op), by name. An error that a callback leaves in the session's context fails the run, whatever it gives back. Both
 * callbacks leave a diagnostic of their own or none: the session adds one that names the node. */
typedef struct graft_kernel {
  size_t size; /* of all in a list the same */
  const char *op;
  /* Concrete result types into `types`. NULL: those of the graph, which then must be fully known. */
  graft_status (*infer)(void *user, const graft_kernel_call *call, graft_type *types);
  graft_status (*run)(void *user, const graft_kernel_call *call);
  void *user;
  /* Results follow from operands and attributes alone, and nothing else happens. Passes (graft_pass_options.kernels)
   * then compute nodes whose operands are constants beforehand (fold-constants, rules), merge equal ones (cse) and
   * remove those that nothing reads (dce). There `call` has a graph that holds this node alone, and `infer` is needed.
   */
  bool pure;
} graft_kernel;

/* Other kernels for ops that the table knows: a session offers each step to its backends, in the order of the list,
 * before the kernels that are built in. Callbacks leave a diagnostic of their own or none: the session adds one that
 * names the node. They are called from the thread that made, runs or destroys the session, and see the call in C order:
 * types in `prepare`, data too in `run`. */
typedef struct graft_backend {
  size_t size;
  const char *name; /* told to graft_node_hook; copied */
  void *user;
  /* What a plan's steps share, into *state; `threads`: how many it may use. A session has one plan at a time, each
   * graph that a node runs has its own. NULL: `user` is the state. */
  graft_status (*open)(void *user, uint32_t threads, void **state);
  void (*close)(void *state); /* after all kernels were dropped; NULL: nothing to do */
  /* A kernel for a node whose types are known, into *kernel, or none (it stays NULL): the next backend is asked. A
   * failure ends the plan. */
  graft_status (*prepare)(void *state, const graft_kernel_call *call, void **kernel);
  graft_status (*run)(void *state, void *kernel, const graft_kernel_call *call);
  void (*drop)(void *state, void *kernel); /* NULL: nothing to do */
} graft_backend;

/* A node of the graph has its results. Everything is borrowed for the time of the call. */
typedef struct graft_node_done {
  size_t size;
  graft_graph *graph;
  graft_node node;
  const char *kernel; /* "plain", the name of a backend ("onednn"), "embedder's", "graph" (its branches and bodies); of
                       * what does not run in a step: "view" (an operand's bytes), "known" (computed with the plan) and,
                       * where after_node_times leaves that, "fused" (within the step of a node before). Static */
  uint32_t reorders;  /* operands and results that the kernel moves between C order and a layout of its own */
  double seconds;     /* what the kernel took */
  bool once; /* follows from tensors alone: told in runs in which it was computed, since a tensor had changed */
  uint32_t result_count;
  const graft_type *result_types; /* all zero: absent, or nothing needs it */
  void *const *results;           /* C order; NULL: absent, or nothing needs it */
  uint32_t operand_count;
  const graft_type *operand_types; /* all zero: absent */
  const void *const *operands;     /* NULL: absent, or a result lies where it was */
  const char *
      layout; /* of result 0 as the step made it: "C order", or what a backend calls it. Lives as long as the session */
  /* GRAFT_NONE; else this is no run of the node but what was done for it: a reorder of this value, to `layout` */
  graft_value reordered;
  const char *from;
} graft_node_done;

/* Called in graph order, first for the nodes of which `once` says that they follow from tensors alone. Nodes that
 * nothing needs do not run, and those of graphs that a node runs belong to that node, where after_node_inside does not
 * ask for them. A failure ends the run with that status, with the diagnostic that the hook left in the session's
 * context or else one that names the node, and no update lands. */
typedef graft_status (*graft_node_hook)(void *user, const graft_node_done *done);

/* Of graft_session_create. */
typedef struct graft_session_options {
  size_t size;
  uint32_t threads; /* with the caller's; 0: 1, or as many as the pool has */
  bool reference;   /* the plain kernels, even where faster ones are built in */
  bool no_reuse;    /* every value has memory of its own: for finding errors */
  uint64_t seed;    /* of random ops */
  /* Concrete types of the inputs, one each, so that the plan is made (and its errors found) at once. NULL: those of the
   * graph where they are concrete, else those of graft_session_set_input. */
  const graft_type *input_types;
  const graft_kernel *kernels; /* copied */
  uint32_t kernel_count;
  graft_node_hook after_node; /* NULL: none */
  void *after_node_user;
  /* after_node wants times, no data: it gets NULL for all operands and results, values stay in the kernels' layouts as
   * they do without a hook, and reorders are told one by one. Without it each value is in C order when its node is
   * told. */
  bool after_node_times;
  /* after_node may write to results of nodes that ran in a step and are not `once`: later nodes read what it leaves.
   * Views are copied then, so that nothing else is overwritten. */
  bool writes_values;
  bool keep_state;                      /* updates are computed, and do not land */
  const graft_backend *const *backends; /* copied; not asked with `reference` */
  uint32_t backend_count;
  bool after_node_inside; /* after_node is told of the nodes of graphs that a node runs, too: before that node, each
                           * time that they run */
  /* Threads of the embedder's, `threads` of them at most; copied. NULL: the context's, or else graft's own, which the
   * session starts and ends. oneDNN is given work for one thread at a time, which the session divides among these:
   * OpenMP's threads are not used either way. */
  const graft_thread_pool *pool;
  /* Its diagnostics and its memory; it outlives the session. NULL: the module's. For sessions that run at the same time
   * as others of the module. */
  graft_context *context;
} graft_session_options;

/* NULL with a diagnostic: no memory, or a graph that cannot be run. NULL options: defaults. Without a graph there is no
 * session and no diagnostic. Where a function below gets NULL for the session it is GRAFT_INVALID_ARGUMENT, NULL or 0,
 * and nothing happens. */
GRAFT_API graft_session *graft_session_create(graft_graph *graph, const graft_session_options *options);
/* Ends the session; the state that it updated is the module's. NULL is fine. */
GRAFT_API void graft_session_destroy(graft_session *session);
/* Inputs of the graph, to be set. */
GRAFT_API uint32_t graft_session_input_count(const graft_session *session);
/* Its outputs, to be had. */
GRAFT_API uint32_t graft_session_output_count(const graft_session *session);
/* The type must be the graph's where that is known. Another type than at the last run makes a new plan. */
GRAFT_API graft_status graft_session_set_input(graft_session *session, uint32_t index, const graft_type *type,
                                               const void *data);
/* One step. Every input must have been set. */
GRAFT_API graft_status graft_session_run(graft_session *session);
/* NULL with a diagnostic before the first successful run. `type` may be NULL. */
GRAFT_API const void *graft_session_get_output(graft_session *session, uint32_t index, graft_type *type);
/* Bytes that values take while the graph runs, inputs and tensors apart, but with what kernels have weights moved to; 0
 * before there is a plan. */
GRAFT_API size_t graft_session_memory(const graft_session *session);

#if defined(__cplusplus)
}
#endif
#endif
