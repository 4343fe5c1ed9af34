/* graft/annotations.h - quantization annotations (specs): how an edge or a value is to be quantized. The pass annotate
 * sets them by a quantizer's rules (patterns/quantizers/README.md), insert-fake-quant and insert-observers act on them,
 * convert clears them; here they are read, set, changed and removed.
 *
 * An edit that fails, of memory too, has changed nothing; within a pass it is taken back with the pass. Strings and the
 * values of attributes are borrowed until the module is changed. O(1), where nothing else is said. */
#ifndef GRAFT_ANNOTATIONS_H
#define GRAFT_ANNOTATIONS_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* What a spec is on: a value (input, result, tensor's handle), or, where `value` is GRAFT_NONE, the edge by which
 * operand `slot` of `node` is read. Both GRAFT_NONE: no place. */
typedef struct graft_place {
  graft_value value;
  graft_node node;
  uint32_t slot;
} graft_place;

/* The place that is the value itself. */
GRAFT_API graft_place graft_place_value(graft_value value);
/* The place that is the edge by which operand `slot` of the node is read. */
GRAFT_API graft_place graft_place_edge(graft_node node, uint32_t slot);

/* ---- setting ---- */

/* A spec to be set. */
typedef struct graft_spec {
  size_t size;
  const char *kind;        /* "spec" (observed), "shared", "derived", "fixed": the rows of OPS.md's table of specs */
  const graft_attr *attrs; /* those that differ from the row's defaults: dtype, quant_min, scheme, observer … */
  uint32_t attr_count;
  const graft_place *places; /* of shared the one, of derived those it is computed from */
  uint32_t place_count;
  const char *origin; /* who says so: "myquantizer: conv", for --explain and for readers; NULL: not known */
} graft_spec;

/* Annotates a place that has no spec yet: GRAFT_NAME when it has. GRAFT_RULE: the spec contradicts itself (a range that
 * its dtype does not have), or the place is not to be quantized (statistics, a scale); GRAFT_INVALID_ARGUMENT: there is
 * no such place; GRAFT_NAME, GRAFT_TYPE: there is no such kind or attribute, or it is of another type. All are copied.
 * The passes insert-fake-quant and insert-observers act on specs; the pass `annotate{quantizer=callback}` calls
 * graft_pass_options.annotate, which uses this. */
GRAFT_API graft_status graft_annotate(graft_graph *graph, graft_place place, const graft_spec *spec);
/* The same, in place of a spec that is there. */
GRAFT_API graft_status graft_spec_set(graft_graph *graph, graft_place place, const graft_spec *spec);
/* The place has no spec afterwards; GRAFT_OK too where it had none. A spec elsewhere that shares with it, or is derived
 * from it, is not changed: remove that too. */
GRAFT_API graft_status graft_spec_remove(graft_graph *graph, graft_place place);
/* Removes all specs of the graph. */
GRAFT_API graft_status graft_spec_clear(graft_graph *graph);

/* ---- reading: neutral (0, "", false) of a place without a spec, of no place, and of NULL ---- */

/* Has any operand or result of the node a spec? O(operands and results). */
GRAFT_API bool graft_is_annotated(const graft_graph *graph, graft_node node);
/* A number that two places of a graph have in common where their specs are equal; 0: no spec. It lasts until
 * graft_module_compact. */
GRAFT_API uint32_t graft_spec_id(const graft_graph *graph, graft_place place);
/* "spec", "shared", "derived" or "fixed"; "": no spec. */
GRAFT_API const char *graft_spec_kind(const graft_graph *graph, graft_place place);
/* All attributes of the kind, with defaults, in the table's order. */
GRAFT_API uint32_t graft_spec_attr_count(const graft_graph *graph, graft_place place);
/* Attribute `index` into *attr, which may be NULL; false past the last one. */
GRAFT_API bool graft_spec_attr_get(const graft_graph *graph, graft_place place, uint32_t index, graft_attr *attr);
/* The same by name; false where the kind has no such attribute. */
GRAFT_API bool graft_spec_attr(const graft_graph *graph, graft_place place, const char *name, graft_attr *attr);
/* What a shared or derived one refers to. One that is no longer in the graph is no place (GRAFT_NONE twice). */
GRAFT_API uint32_t graft_spec_place_count(const graft_graph *graph, graft_place place);
/* Place `index` of those; no place past the last one. */
GRAFT_API graft_place graft_spec_place(const graft_graph *graph, graft_place place, uint32_t index);
/* What set it: the quantizer with its options, and the rule ("xnnpack{qat=true}: conv_relu"), or what
 * graft_spec.origin said; "": not known. No file keeps it. */
GRAFT_API const char *graft_spec_origin(const graft_graph *graph, graft_place place);

/* Every place that has a spec: inputs and tensors' handles, then nodes in order, of each its operands, then its
 * results.
 *
 *     graft_place at;
 *     for (bool more = graft_spec_first(graph, &at); more; more = graft_spec_next(graph, &at)) …
 *
 * False at the end, and `at` is then no place. The spec may be removed or changed during the walk, its node not be
 * erased. A whole walk is O(nodes, operands and values), nothing where a graph has no specs. */
GRAFT_API bool graft_spec_first(const graft_graph *graph, graft_place *at);
/* From the place at `at` to the one after it. */
GRAFT_API bool graft_spec_next(const graft_graph *graph, graft_place *at);

#if defined(__cplusplus)
}
#endif
#endif
