/* Undo (undo.c): after a failure a module is the one before, whatever was under way.
 *
 *     gr_edit edit = gr_edit_begin(m);
 *     graft_status status = …changes…;
 *     return gr_edit_end(m, edit, status);
 *
 * During an edit whatever changes a module writes down what was there before. Ending it with GRAFT_OK keeps the
 * changes; any other status takes them back, down to the ids. Edits nest: an inner one that is kept can still be taken
 * back with the outer one. The pass runner holds an edit round each pass, so a pass needs none; a step that may fail
 * while the pass goes on (a rule) begins its own. Nothing is written down, and nothing is paid, outside of edits.
 *
 * Strings, types, attribute sets, specs and records are interned: more of them do no harm, and they stay.
 *
 * Taking back needs no memory, writing down does. A function that cannot write a change down does not make it; one that
 * returns nothing leaves the graph as it is, further changes are refused too, and ending the edit takes all of it back
 * and gives GRAFT_NO_MEMORY. So nothing but the functions below may write to nodes, uses, values, outputs, updates,
 * handles, specs and tensors of a module that others can see; a reader that fills a new module may. */
#ifndef GRAFT_UNDO_INT_H
#define GRAFT_UNDO_INT_H

#include "ir/graph/graph_int.h"
#include "ir/graph/tensor_int.h"

typedef struct gr_edit {
  uint32_t at; /* entries before it belong to outer edits */
  bool lost;   /* an outer edit's entry was lost already */
} gr_edit;

/* A module's entries, newest last: the words of what was there before, then what kind of change it was. */
typedef struct gr_undo {
  GR_VEC(uint32_t) words;
  uint32_t open;                 /* edits */
  uint32_t owners;               /* entries that hold a buffer or an array */
  GR_VEC(graft_graph *) removed; /* graphs that went: they end with the last edit */
  bool lost;                     /* an entry could not be written */
  bool refused;                  /* … since a session runs on the module */
} gr_undo;

gr_edit gr_edit_begin(graft_module *m);
/* GRAFT_OK, or why everything since the mark is undone: `status`, GRAFT_NO_MEMORY, or GRAFT_INVALID_ARGUMENT where a
 * session runs on the module. */
graft_status gr_edit_end(graft_module *m, gr_edit edit, graft_status status);

/* ---- for the functions that change a module: room first, then entries, each before its change ---- */

typedef enum gr_array_of {
  GR_NODES,
  GR_USES,
  GR_VALUES,
  GR_INPUTS,
  GR_OUTPUTS,
  GR_UPDATES,
  GR_HANDLES,
  GR_SPEC_OF_USE,
  GR_SPEC_OF_VALUE,
  GR_ORIGIN_OF_USE,
  GR_ORIGIN_OF_VALUE,
  GR_NODE_USERS
} gr_array_of;

/* Maps with stale entries: who finds one looks whether it still holds. */
typedef enum gr_names_of {
  GR_NAMES_VALUES,
  GR_NAMES_TENSORS,
  GR_CONSTANTS,
  GR_NAMES_OUTPUTS, /* the last three: index.c */
  GR_NAMES_GRAPHS,
  GR_UPDATED
} gr_names_of;

/* No entry takes more words than this; room for `entries` of them. False: no memory, an entry was lost before, or a
 * session runs on the module, which is an error. */
#define GR_UNDO_WORDS 24u
static inline bool gr_undo_room(graft_module *m, uint64_t entries);
bool gr_undo_make_room(graft_module *m, uint64_t entries); /* the same, where there is none, or no session may run */
/* For gr_undo_built: looking up is no change, also while a session runs. */
bool gr_undo_room_for_names(graft_module *m);
void gr_undo_item(graft_graph *g, gr_array_of array, uint32_t index); /* the item is going to change */
void gr_undo_length(graft_graph *g, gr_array_of array);               /* the array is going to grow */
void gr_undo_array(graft_graph *g, gr_array_of array);                /* the array is given up: empty from here on */
void gr_undo_added(graft_graph *g, graft_node n);     /* a node with its operands and results was added */
void gr_undo_linked(graft_graph *g, uint32_t use);    /* the use was put into a list */
void gr_undo_unlinking(graft_graph *g, uint32_t use); /* … is going to be taken out of it */
/* All uses of `from`, the last being `last`, went to the front of those of `to`. */
void gr_undo_moved(graft_graph *g, graft_value from, graft_value to, uint32_t last);
void gr_undo_unordering(graft_graph *g, graft_node n); /* the node is going to leave the order */
void gr_undo_ordered(graft_graph *g, graft_node n);    /* it has come back to it, elsewhere */
void gr_undo_graph_name(graft_graph *g);               /* is going to change */
void gr_undo_number(graft_module *m, uint32_t string); /* the next number of a name's base changes */
void gr_undo_tensor(graft_module *m, graft_tensor t);  /* its record is going to change, or its bytes */
void gr_undo_tensor_added(graft_module *m);
void gr_undo_graph_added(graft_module *m);
/* The last graph is going to leave the module, which it does here; it is freed when it cannot come back any more.
 * False: no memory. */
bool gr_undo_graph_removing(graft_module *m);
void gr_undo_built(graft_module *m, graft_graph *g, gr_names_of which); /* the map is going to be made */
/* gr_map_put of a map whose entries are looked at before they are believed. */
bool gr_undo_put(graft_module *m, graft_graph *g, gr_names_of which, uint64_t key, uint32_t value);
gr_map *gr_map_of(graft_module *m, graft_graph *g, gr_names_of which); /* `g` NULL where it is the module's */

#endif
