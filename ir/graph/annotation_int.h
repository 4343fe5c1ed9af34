/* Quantization annotations (annotation.c) and provenance (provenance.c). */
#ifndef GRAFT_ANNOTATION_INT_H
#define GRAFT_ANNOTATION_INT_H

#include "ir/annotations.h"
#include "ir/graph/op_int.h"

/* A spec says how one edge (use) or value is quantized. `kind` is a row of specs.def (spec, shared, derived, fixed) and
 * `attrs` its attributes; shared and derived refer to edges or values. Specs are interned. */
typedef struct gr_spec_ref {
  bool is_value;
  uint32_t id; /* use or value, in the graph that the spec is used in */
} gr_spec_ref;

typedef struct gr_spec {
  uint32_t kind, attrs;          /* gr_spec_kind */
  uint32_t first_ref, ref_count; /* in m->spec_refs */
} gr_spec;

uint32_t gr_spec_intern(graft_module *m, uint32_t kind, uint32_t attrs, const gr_spec_ref *refs, uint32_t ref_count);
const gr_spec *gr_spec_get(const graft_module *m, uint32_t spec); /* spec > 0 */
const gr_spec_ref *gr_spec_refs(const graft_module *m, uint32_t spec);
/* gr_spec_of_use and gr_spec_of_value are in graph_int.h. */
graft_status gr_spec_set_use(graft_graph *g, uint32_t use, uint32_t spec);
graft_status gr_spec_set_value(graft_graph *g, graft_value v, uint32_t spec);
/* What annotated a place: "xnnpack{qat=true}: conv", a string; 0: not known. For messages only, in no file. */
graft_status gr_spec_set_origin(graft_graph *g, gr_spec_ref place, uint32_t origin);
uint32_t gr_spec_origin(const graft_graph *g, gr_spec_ref place);
/* A node's operands got uses of other numbers: specs anywhere that refer to them do so by those. O(specs). */
graft_status gr_spec_move_uses(graft_graph *g, uint32_t from, uint32_t to, uint32_t count);
void gr_spec_clear(graft_graph *g);
/* GRAFT_INVALID_ARGUMENT with a diagnostic: the spec of a place that is not the node's refers to one of its operands or
 * results. O(its operands, results and their references), and O(places) the first time (referred.c). */
graft_status gr_referred_elsewhere(graft_graph *g, graft_node n);
/* For whoever changes the specs of a graph: of one place from `old` to `now`, or in another way. */
void gr_referred_change(graft_graph *g, uint32_t old, uint32_t now);
void gr_referred_forget(graft_graph *g);
bool gr_has_specs(const graft_graph *g);
/* The use or value that a place is; id GRAFT_NONE: there is none. */
gr_spec_ref gr_spec_place(const graft_graph *g, graft_place place);
uint32_t gr_spec_at(const graft_graph *g, gr_spec_ref place); /* 0: none */
bool gr_is_annotated(const graft_graph *g, graft_node n);     /* has an edge or a result of the node a spec? */

/* What the attributes of a spec may be (spec_check.c): kinds, names, ranges and what does not go together, of quantizer
 * files and of specs set in C. By slot, in public form; a spec per tensor loses its axis. */
bool gr_spec_check(graft_context *c, uint32_t kind, graft_attr attrs[GR_MAX_ATTRS], const gr_loc where[GR_MAX_ATTRS]);
/* Of one attribute alone. */
bool gr_spec_attr_check(graft_context *c, uint32_t kind, uint32_t slot, graft_attr a, gr_loc where);

/* Who made a node: a source name, or (pass, rule, records of the nodes it was made from). Interned; 0 is none. */
typedef struct gr_record {
  uint32_t source;                     /* string: name in the source network; 0: made by a pass */
  uint32_t pass, rule;                 /* strings */
  uint32_t equals;                     /* string: the old value that the first result equals, if quantized; 0: none */
  uint32_t first_parent, parent_count; /* in m->record_parents */
} gr_record;

uint32_t gr_record_intern(graft_module *m, const gr_record *r, const uint32_t *parents);
const gr_record *gr_record_get(const graft_module *m, uint32_t record);
const uint32_t *gr_record_parents(const graft_module *m, uint32_t record);
/* The source name a record goes back to (the first one found through its first parents); 0: none. O(depth). */
uint32_t gr_record_source(const graft_module *m, uint32_t record);

/* What a value is called as far back as the records say: what it equals or, where no pass made it, its name; through
 * quantizers, what they quantize. 0: a pass made it, and it equals nothing. GRAFT_NONE: no memory. */
uint32_t gr_known_as(graft_graph *g, graft_value v);

/* Why a node that a reader left as it was will not run; NULL: nothing is known. For messages only, in no file. Kept by
 * the name of the node's first result. */
bool gr_why_set(graft_graph *g, graft_node n, const char *why);
const char *gr_why(const graft_graph *g, graft_node n);

#endif
