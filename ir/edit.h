/* graft/edit.h - changing a module that is there: what goes, other names, another order, copies, borrowed weights, an
 * embedder's own data.
 *
 * Every edit is done as a whole or not at all: another status than GRAFT_OK leaves a diagnostic that names the node,
 * tensor, output or graph, and a module in which nothing has changed, of memory too (GRAFT_NO_MEMORY). Inside a pass an
 * edit is taken back with the pass when that fails. What the verifier (graft_module_verify) refuses is refused here, as
 * by the builders of ir.h, but for what cannot be seen from the place of the edit, which the verifier says afterwards:
 *
 * - types further downstream, when an operand, an attribute, or a constant that a shape comes from changes (V12: the
 * pass infer-types computes them again);
 * - nodes that run a graph whose inputs or outputs have changed (V12).
 *
 * Functions of a graph or module that is NULL do nothing and give GRAFT_INVALID_ARGUMENT, 0 or NULL. As everywhere, one
 * context and its modules belong to one thread at a time. */
#ifndef GRAFT_EDIT_H
#define GRAFT_EDIT_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* ---- inputs, outputs, updates -------------------------------------------------------------------------------------
 */

/* Inputs and outputs behind the one that goes get the index before theirs: O(those behind it). GRAFT_INVALID_ARGUMENT:
 * no such input or output; an input that is still used. */
GRAFT_API graft_status graft_input_remove(graft_graph *graph, uint32_t index);
/* The same of an output, whose value stays. */
GRAFT_API graft_status graft_output_remove(graft_graph *graph, uint32_t index);
/* Output `index` returns `value` from now on, under its name and of whatever type. O(1). GRAFT_INVALID_ARGUMENT: no
 * such output, or no value of the graph. */
GRAFT_API graft_status graft_output_set(graft_graph *graph, uint32_t index, graft_value value);
/* The tensor keeps its value after a step. O(1). GRAFT_INVALID_ARGUMENT: no such tensor, or the graph does not update
 * it. */
GRAFT_API graft_status graft_update_remove(graft_graph *graph, graft_tensor tensor);
/* Another type for an input, and for all that is computed from it: O(nodes). GRAFT_INVALID_ARGUMENT, GRAFT_UNSUPPORTED:
 * no such input, no type; GRAFT_TYPE: a node, which is named, or an update cannot take what comes of it. */
GRAFT_API graft_status graft_input_set_type(graft_graph *graph, uint32_t index, const graft_type *type);

/* ---- names --------------------------------------------------------------------------------------------------------
 *
 * No pass changes the names of a graph's inputs and outputs, which are its interface; an embedder may. GRAFT_NAME: the
 * name is taken (where a builder would make up a number, nothing is made up here); GRAFT_INVALID_ARGUMENT: no name, or
 * nothing to call so. What has the name already keeps it. O(1), for a tensor O(graphs); the first time maps of the
 * names may be made, in O(values). */

/* Of input `index`, and of its value. */
GRAFT_API graft_status graft_input_rename(graft_graph *graph, uint32_t index, const char *name);
/* Of output `index`; the value that it returns keeps its own name. */
GRAFT_API graft_status graft_output_rename(graft_graph *graph, uint32_t index, const char *name);
/* Of a node's result; a node is called as its first one. Its source name, which provenance has, stays. */
GRAFT_API graft_status graft_value_rename(graft_graph *graph, graft_value value, const char *name);
/* Of a tensor; what a formula fills keeps its numbers. */
GRAFT_API graft_status graft_tensor_rename(graft_module *module, graft_tensor tensor, const char *name);
/* Of a graph. */
GRAFT_API graft_status graft_graph_rename(graft_graph *graph, const char *name);

/* ---- nodes and uses ------------------------------------------------------------------------------------------------
 */

/* The node stands right before `before` (GRAFT_NONE: last) from now on: O(operands and uses), and O(nodes) the first
 * time in a graph, as for all that asks which of two nodes comes first. GRAFT_INVALID_ARGUMENT: no such node; it would
 * come before what it reads, or after what reads it. */
GRAFT_API graft_status graft_node_move_before(graft_graph *graph, graft_node node, graft_node before);
/* graft_value_replace_uses but for the operands of one node: `except` is the one that makes `to` of `from`. GRAFT_NONE:
 * no exception. */
GRAFT_API graft_status graft_value_replace_uses_except(graft_graph *graph, graft_value from, graft_value to,
                                                       graft_node except);

/* ---- tensors and graphs --------------------------------------------------------------------------------------------
 */

/* GRAFT_INVALID_ARGUMENT: no such tensor or kind; a tensor that a graph updates cannot become a constant. GRAFT_TYPE:
 * as a constant it is a scale or zero point that a node cannot compute with. O(graphs and uses). */
GRAFT_API graft_status graft_tensor_set_kind(graft_module *module, graft_tensor tensor, graft_tensor_kind kind);
/* Its number stays taken until graft_module_compact. GRAFT_INVALID_ARGUMENT: no such tensor, or something still reads
 * or updates it. O(graphs). */
GRAFT_API graft_status graft_tensor_erase(graft_module *module, graft_tensor tensor);
/* Destroys the graph; those after it get the index before theirs, in attributes too. GRAFT_INVALID_ARGUMENT: a node
 * runs it (which is named); it is the entry, graph 0; a pass is at work and the graph is not the last one, or a node
 * ran it once. Not to be taken back but with a pass that fails. O(nodes) if any node of the module runs a graph, else
 * O(graphs). */
GRAFT_API graft_status graft_graph_remove(graft_graph *graph);

/* ---- copies ---------------------------------------------------------------------------------------------------------
 */

/* A copy with the same numbers, names, marks, annotations, provenance and hash, in `context` (NULL: the module's own),
 * which the caller destroys. Within one context the bytes of tensors are shared until one of the two writes them; to
 * another one they are copied, so that the two modules may go to two threads. Data of the embedder's (below) stay with
 * the original. NULL with a diagnostic in `context`: no memory. O(module), tensors' bytes apart in the first case. */
GRAFT_API graft_module *graft_module_clone(graft_context *context, const graft_module *module);

/* ---- borrowed weights -----------------------------------------------------------------------------------------------
 *
 * Tensors whose bytes stay where the caller has them: graft reads them there, and makes a copy of its own where they
 * are written (by training, say). They begin at a multiple of their element's size, do not change, and do not go before
 * `release` says so (NULL: they outlive the module, its clones and its sessions). `release` is called exactly once
 * whatever comes: when the last tensor, clone or session that shares the bytes is gone or has other ones, and before
 * the function returns when it fails (with a size of 0 where that is not known). */

/* As graft_tensor_create otherwise. */
GRAFT_API graft_tensor graft_tensor_borrow(graft_module *module, const char *name, graft_tensor_kind kind,
                                           const graft_type *type, const void *data, graft_release release, void *user);
/* As graft_tensor_set_data otherwise. */
GRAFT_API graft_status graft_tensor_set_data_borrowed(graft_module *module, graft_tensor tensor, const void *data,
                                                      graft_release release, void *user);

/* ---- an embedder's own data -----------------------------------------------------------------------------------------
 *
 * Pointers that graft keeps and never looks at; in no file, no hash, no clone. A node keeps its pointer while it is
 * there: rewritten in place (its number stays), renamed, moved, renumbered by graft_module_compact. When it is erased
 * the pointer is NULL; when a pass that fails is taken back, it is again what it was before. O(1), the first time in a
 * graph O(nodes). */

/* GRAFT_INVALID_ARGUMENT: no such node. */
GRAFT_API graft_status graft_node_set_user(graft_graph *graph, graft_node node, void *user);
/* NULL: none, or no such node. */
GRAFT_API void *graft_node_get_user(const graft_graph *graph, graft_node node);
/* `destroy` (NULL: nothing) is called with the pointer when another one takes its place and when the module is
 * destroyed, before anything of the module is gone. */
GRAFT_API graft_status graft_module_set_user(graft_module *module, void *user, void (*destroy)(void *user));
/* NULL: none. */
GRAFT_API void *graft_module_get_user(const graft_module *module);

#if defined(__cplusplus)
}
#endif
#endif
