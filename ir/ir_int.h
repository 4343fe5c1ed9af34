/* The graph as plain structs, for the folders above ir/ (never installed). Everything here is an index into an arena.
 *
 * One rule for callers: a pointer into an arena (gr_node_at, gr_value_at …) is good until the next call that adds to
 * that arena. Hold indices, not pointers. Ids are dense: scratch data of a pass sits in arrays indexed by node id
 * (g->nodes.len entries) or value id, never in the node. */
#ifndef GRAFT_IR_INT_H
#define GRAFT_IR_INT_H

#include <stdatomic.h>

#include "ir/graph/annotation_int.h"
#include "ir/graph/attr_int.h"
#include "ir/graph/base_int.h"
#include "ir/graph/element_int.h"
#include "ir/graph/graph_int.h"
#include "ir/graph/intern_int.h"
#include "ir/graph/op_int.h"
#include "ir/graph/tensor_int.h"
#include "ir/graph/undo_int.h"

/* ---- the module (module.c) ---- */

/* What a module remembers so that it need not be made again: apart, since little is kept of a module that was
 * destroyed. */
typedef struct gr_module_caches {
  char labels[4][256]; /* names as text, for diagnostics */
  uint32_t next_label;
  gr_inferred inferred[GR_INFERRED_COUNT];
  /* String ids that made-up names of an op's results begin with; 0: not yet. */
  uint32_t result_strings[GR_OP_COUNT][GR_MAX_RESULTS];
} gr_module_caches;

struct graft_module {
  GR_HANDLE;
  uint32_t file; /* string: where it came from, for diagnostics */
  gr_strings strings;
  GR_VEC(graft_type) types;
  uint32_t *type_slots;
  uint32_t type_slot_count;
  gr_attr_table attrs;
  GR_VEC(gr_tensor) tensors;
  gr_map tensor_names; /* gr_name -> tensor, built on first use */
  bool tensor_names_built;
  gr_map constants; /* content hash -> tensor, of merged constants */
  GR_VEC(graft_graph *) graphs;
  gr_map graph_names;    /* string -> graph, where there are many (index.c) */
  gr_holders holders;    /* tensor -> graphs, where there are many (holders.c) */
  GR_VEC(gr_spec) specs; /* 0 is none */
  GR_VEC(gr_spec_ref) spec_refs;
  gr_map spec_ids;
  GR_VEC(gr_record) records; /* 0 is none */
  GR_VEC(uint32_t) record_parents;
  gr_map record_ids; /* of the first `records_known` records; the rest, read from a file, on first use */
  uint32_t records_known;
  gr_map whys; /* gr_name -> string (gr_why) */
  gr_undo undo;
  void *user; /* the embedder's, and what ends it */
  void (*destroy_user)(void *user);
  uint64_t made_in;      /* the call of one who only looks; 0: none */
  gr_map pure;           /* ops of the embedder's that only compute, while passes run that know them */
  uint64_t edits;        /* those of its graphs, and tensors and graphs that were added */
  uint32_t pipelines;    /* that run on it: one, and those that its passes and callbacks run */
  uint64_t given;        /* bytes that the limits grow by, as long as it lives (budget_int.h) */
  atomic_int runs;       /* running.c */
  bool landing;          /* updates of a run are being written */
  uint64_t last_version; /* of a tensor */
  bool said_foreign;     /* that it holds ops which will not run (formats/foreign.c) */
  gr_module_caches *caches;
};

/* Somebody is called who only looks, and it was there before that. */
static inline bool gr_only_looked_at(const graft_module *m) {
  const gr_looking *l = &((const gr_context_head *)(const void *)m->context)->looking;
  return l->who && l->number != m->made_in;
}
/* No session runs on it, but one that writes its updates at this moment, and nobody is called who only looks. */
static inline bool gr_module_changeable(const graft_module *m) {
  if (gr_only_looked_at(m)) return false;
  return atomic_load_explicit(&m->runs, memory_order_acquire) == 0 || m->landing;
}
/* Most edits are asked of modules that nobody runs, and that have room. */
static inline bool gr_undo_room(graft_module *m, uint64_t entries) {
  const gr_undo *u = &m->undo;
  const bool room = !u->open || (!u->lost && u->words.len + entries * GR_UNDO_WORDS <= u->words.cap);
  return (room && gr_module_changeable(m)) || gr_undo_make_room(m, entries);
}

/* Of any number, as it comes from outside: a tensor that the module has? */
static inline bool gr_is_tensor(const graft_module *m, graft_tensor t) {
  return t < m->tensors.len && !m->tensors.data[t].erased;
}
static inline void gr_tensor_renew(graft_module *m, gr_tensor *t) { t->version = ++m->last_version; }
static inline const graft_type *gr_tensor_type(const graft_module *m, graft_tensor t) {
  return &m->types.data[m->tensors.data[t].type];
}
/* Attribute `slot` (GR_ATTR) of a set, for code that knows its op. A word is the number of its enum: gr_attr_int. */
static inline const gr_attr *gr_attr_at(const graft_module *m, uint32_t set, uint32_t slot) {
  return &m->attrs.items.data[m->attrs.sets.data[set].first + slot];
}
static inline int64_t gr_attr_int(const graft_module *m, uint32_t set, uint32_t slot) {
  return gr_attr_at(m, set, slot)->as.i;
}
static inline bool gr_attr_bool(const graft_module *m, uint32_t set, uint32_t slot) {
  return gr_attr_at(m, set, slot)->as.i != 0;
}
static inline double gr_attr_float(const graft_module *m, uint32_t set, uint32_t slot) {
  return gr_attr_at(m, set, slot)->as.f;
}
static inline bool gr_attr_is_none(const graft_module *m, uint32_t set, uint32_t slot) {
  return gr_attr_at(m, set, slot)->kind == GRAFT_ATTR_NONE;
}
/* NULL and 0 for none; an empty list is not NULL. */
static inline const int64_t *gr_attr_ints(const graft_module *m, uint32_t set, uint32_t slot, uint32_t *count) {
  static const int64_t empty = 0;
  const gr_attr *a = gr_attr_at(m, set, slot);
  if (a->kind != GRAFT_ATTR_INTS) return *count = 0, NULL;
  *count = a->as.list.count;
  return *count ? m->attrs.ints.data + a->as.list.offset : &empty;
}
static inline const double *gr_attr_floats(const graft_module *m, uint32_t set, uint32_t slot, uint32_t *count) {
  static const double empty = 0;
  const gr_attr *a = gr_attr_at(m, set, slot);
  if (a->kind != GRAFT_ATTR_FLOATS) return *count = 0, NULL;
  *count = a->as.list.count;
  return *count ? m->attrs.floats.data + a->as.list.offset : &empty;
}
static inline uint32_t gr_attrs_of(const graft_graph *g, graft_node n) { return g->nodes.data[n].attrs; }

/* Bytes that the module's arenas hold in use, the tensors' data apart: for benchmarks. */
typedef struct gr_memory {
  size_t graph;      /* nodes, uses, values, outputs, updates, attributes, types, annotations */
  size_t tensors;    /* tensor records, their handles and merged constants */
  size_t strings;    /* names of tensors, values and sources */
  size_t provenance; /* records */
} gr_memory;
gr_memory gr_module_memory(const graft_module *m);

#endif
