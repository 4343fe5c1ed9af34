/* graft/inspect.h - what a backend reads of a graph beside its nodes, values and tensors (ir.h): who uses a value,
 * attributes by index, updates, the limits of indices, and where a node comes from. What the op table says of an op is
 * in op_table.h, how edges and values are to be quantized in annotations.h.
 *
 * Nothing here changes a module, needs memory or can fail: of what is not there (NULL, GRAFT_NONE, an index that is
 * erased or of nothing) the answer is neutral, GRAFT_NONE, 0, false or "". Several threads may read one module while
 * none changes it. Strings live as long as the module. O(1), where nothing else is said. */
#ifndef GRAFT_INSPECT_H
#define GRAFT_INSPECT_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* ---- graphs ---- */

GRAFT_API const char *graft_graph_get_name(const graft_graph *graph); /* "" of NULL */
/* The module that it is in; NULL of NULL. */
GRAFT_API graft_module *graft_graph_get_module(const graft_graph *graph);
/* Its number in the module, as graft_module_get_graph and attributes of kind GRAFT_ATTR_GRAPH have it. */
GRAFT_API uint32_t graft_graph_get_index(const graft_graph *graph);
/* The first graph of this name; NULL: there is none. O(graphs). */
GRAFT_API graft_graph *graft_module_find_graph(const graft_module *module, const char *name);

/* Nodes from the end: GRAFT_NONE in an empty graph. */
GRAFT_API graft_node graft_node_last(const graft_graph *graph);
/* The node before; GRAFT_NONE before the first one, and of what is no node. */
GRAFT_API graft_node graft_node_prev(const graft_graph *graph, graft_node node);

/* ---- indices ----
 *
 * Every index is below its limit: an array with room for `limit` entries can be indexed by them. Erased ones are not
 * given again, so a limit is at least the count, and after passes that replace nodes (convert) far more: walk with
 * first and next, or ask whether an index is live. graft_module_compact renumbers, in graph order; then limit and count
 * are equal. What is added later has an index from the limit on. */

/* All nodes of the graph have indices below it. */
GRAFT_API uint32_t graft_node_limit(const graft_graph *graph);
/* All values: inputs, results (absent ones too) and tensors' handles. */
GRAFT_API uint32_t graft_value_limit(const graft_graph *graph);
/* All tensors of the module. */
GRAFT_API uint32_t graft_tensor_limit(const graft_module *module);
/* Is it there, neither erased nor out of range? */
GRAFT_API bool graft_node_is_live(const graft_graph *graph, graft_node node);
/* The same: an input, a result that is not absent, or a tensor's handle, whether or not anything uses it. */
GRAFT_API bool graft_value_is_live(const graft_graph *graph, graft_value value);
/* The same of a tensor, whether or not any graph has a handle of it. */
GRAFT_API bool graft_tensor_is_live(const graft_module *module, graft_tensor tensor);
/* The live tensors in the order of their indices: the first; GRAFT_NONE where there is none. */
GRAFT_API graft_tensor graft_tensor_first(const graft_module *module);
/* The live one after that index, be it live or not; GRAFT_NONE after the last one. O(limit) for all of them. */
GRAFT_API graft_tensor graft_tensor_next(const graft_module *module, graft_tensor tensor);
/* Which result of its node the value is, or which input of the graph; GRAFT_NONE of a tensor's handle. */
GRAFT_API uint32_t graft_value_index(const graft_graph *graph, graft_value value);

/* ---- uses: where a value is read ---- */

typedef uint32_t graft_use; /* index of a use in its graph */

/* What reads a value. */
typedef enum graft_user_kind {
  GRAFT_USER_NONE,   /* of what is no use */
  GRAFT_USER_NODE,   /* an operand of a node */
  GRAFT_USER_OUTPUT, /* the graph returns it */
  GRAFT_USER_UPDATE  /* a tensor takes it at the end of a step */
} graft_user_kind;

/* One use of a value. */
typedef struct graft_user {
  graft_user_kind kind;
  graft_value value; /* what is used */
  graft_node node;   /* of GRAFT_USER_NODE, else GRAFT_NONE */
  uint32_t index;    /* the operand's slot, the output's index, or the update's */
} graft_user;

/* The uses of a value, each once, newest first; GRAFT_NONE: no (further) one. A change of the use (another operand, an
 * erased node) takes it out of the walk: ask for the next one first. */
GRAFT_API graft_use graft_value_first_use(const graft_graph *graph, graft_value value);
/* The use after it, of the same value. */
GRAFT_API graft_use graft_use_next(const graft_graph *graph, graft_use use);
/* Who uses what, and where. */
GRAFT_API graft_user graft_use_get(const graft_graph *graph, graft_use use);

/* ---- attributes ---- */

/* All that the node has, with defaults: of a known op in the order of the op table, of an opaque one as they were
 * given. The values are borrowed until attributes are added to the module. */
GRAFT_API uint32_t graft_node_attr_count(const graft_graph *graph, graft_node node);
/* One of them; false past the last one; `attr` NULL: only asks. */
GRAFT_API bool graft_node_attr_get(const graft_graph *graph, graft_node node, uint32_t index, graft_attr *attr);

/* ---- updates: at the end of a step a tensor takes a value ---- */

/* With those that are gone, until graft_module_compact: of these tensor and value are GRAFT_NONE. */
GRAFT_API uint32_t graft_update_count(const graft_graph *graph);
/* What takes the value. */
GRAFT_API graft_tensor graft_update_tensor(const graft_graph *graph, uint32_t index);
/* The value that it takes. */
GRAFT_API graft_value graft_update_value(const graft_graph *graph, uint32_t index);

/* ---- provenance ----
 *
 * A record says where a node comes from: from the source network, under a name there, or made by a pass and a rule out
 * of nodes with records of their own, the parents. Records are shared (equal ones are one), never change, and keep
 * their number, after graft_module_compact too; a parent's is less than its child's, so that walks end. What passes
 * decide by are marks, not records. */

typedef uint32_t graft_record; /* number of a record in its module; 0: none */

/* A record as it is read. */
typedef struct graft_provenance {
  const char *source;          /* the name in the source network; "": it is from there by its parents alone */
  const char *pass, *rule;     /* what made the node; "": it came with the network, or no rule did */
  const char *equals;          /* the old value that the first result equals but for quantization; "": none */
  const graft_record *parents; /* what it was made of, the one whose name it continues first; borrowed until nodes are
                                * added or passes run */
  uint32_t parent_count;       /* of `parents` */
} graft_provenance;

GRAFT_API graft_record graft_node_get_record(const graft_graph *graph, graft_node node); /* 0: it has none */
/* Of 0, or what is no record: empty texts and no parents. */
GRAFT_API graft_provenance graft_record_get(const graft_module *module, graft_record record);
/* Every record is below it. */
GRAFT_API uint32_t graft_record_limit(const graft_module *module);
/* The name in the source network, of the record or the first one that it goes back to by first parents; "": none.
 * O(depth), which is the number of passes that a node went through. */
GRAFT_API const char *graft_record_source(const graft_module *module, graft_record record);
/* The same of the node's record. */
GRAFT_API const char *graft_node_source(const graft_graph *graph, graft_node node);

#if defined(__cplusplus)
}
#endif
#endif
