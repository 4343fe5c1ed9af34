/* A .gfb file's tables as C arrays: what stands between FlatBuffers (gfb.cc) and the graph (load.c, save.c).
 * The structs are those of graft.fbs, member by member; gfb.cc asserts their sizes. */
#ifndef GRAFT_GFB_IMPL_H
#define GRAFT_GFB_IMPL_H

#include "ir/ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

#define GR_GFB_ALIGNMENT 64u                    /* of each tensor's data */
#define GR_GFB_NAN UINT64_C(0x7ff8000000000000) /* the only NaN that attributes are written as */
#define GR_GFB_MAX_BLOCK 0x7fffffffu            /* FlatBuffers' own limit */

typedef struct gr_gfb_type {
  uint32_t dtype;
  int32_t rank;
  int64_t dims[8];
} gr_gfb_type;

typedef struct gr_gfb_kind {
  uint32_t op, attr_count;
} gr_gfb_kind;

typedef struct gr_gfb_attr {
  uint32_t name, kind;
  uint64_t value;
} gr_gfb_attr;

typedef struct gr_gfb_tensor {
  uint64_t offset, length, hash;
  double lo, hi;
  uint32_t name, number, type, fill, fill_number, kind, source, reserved;
} gr_gfb_tensor;

typedef struct gr_gfb_record {
  uint32_t source, pass, rule, equals, parent_count;
} gr_gfb_record;

typedef struct gr_gfb_spec {
  uint32_t kind, ref_count;
} gr_gfb_spec;

typedef struct gr_gfb_spec_ref {
  uint32_t is_value, id;
} gr_gfb_spec_ref;

typedef struct gr_gfb_graph {
  uint32_t name, inputs, nodes, operands, results, handles, outputs, updates, use_specs, value_specs;
} gr_gfb_graph;

typedef struct gr_gfb_node {
  uint32_t kind, operand_count, result_count, record;
} gr_gfb_node;

typedef struct gr_gfb_value {
  uint32_t type, name, number;
} gr_gfb_value;

typedef struct gr_gfb_output {
  uint32_t value, name;
} gr_gfb_output;

typedef struct gr_gfb_update {
  uint32_t value, tensor;
} gr_gfb_update;

typedef struct gr_gfb_mark {
  uint32_t node, word;
} gr_gfb_mark;

typedef struct gr_gfb_annotation {
  uint32_t place, spec;
} gr_gfb_annotation;

/* Every vector of the root table: SCALARS(name, C type) or STRUCTS(name, C type, schema type). */
#define GR_GFB_VECTORS(SCALARS, STRUCTS) \
  SCALARS(string_lengths, uint32_t) \
  SCALARS(string_bytes, uint8_t) \
  STRUCTS(types, gr_gfb_type, Type) \
  STRUCTS(kinds, gr_gfb_kind, Kind) \
  STRUCTS(attrs, gr_gfb_attr, Attr) \
  SCALARS(ints, int64_t) \
  SCALARS(floats, double) \
  STRUCTS(tensors, gr_gfb_tensor, Tensor) \
  STRUCTS(records, gr_gfb_record, Record) \
  SCALARS(parents, uint32_t) \
  STRUCTS(specs, gr_gfb_spec, Spec) \
  STRUCTS(spec_refs, gr_gfb_spec_ref, SpecRef) \
  STRUCTS(graphs, gr_gfb_graph, Graph) \
  STRUCTS(nodes, gr_gfb_node, Node) \
  SCALARS(operands, uint32_t) \
  STRUCTS(values, gr_gfb_value, Value) \
  SCALARS(handles, uint32_t) \
  STRUCTS(outputs, gr_gfb_output, Output) \
  STRUCTS(updates, gr_gfb_update, Update) \
  STRUCTS(use_specs, gr_gfb_annotation, Annotation) \
  STRUCTS(value_specs, gr_gfb_annotation, Annotation) \
  STRUCTS(marks, gr_gfb_mark, Mark)

#define GR_GFB_ONE(...) +1
#define GR_GFB_VECTOR_COUNT (0 GR_GFB_VECTORS(GR_GFB_ONE, GR_GFB_ONE))
/* Of the root table: version and data_length first, then the vectors. */
#define GR_GFB_FIELDS (2 + GR_GFB_VECTOR_COUNT)

#define GR_GFB_ARRAY(type) \
  struct { \
    const type *data; \
    uint32_t count; \
  }

/* Borrowed arrays: from the file when reading, from the saver when writing. */
typedef struct gr_gfb_tables {
  uint32_t version;
  uint64_t data_length;
#define SCALARS(name, type) GR_GFB_ARRAY(type) name;
#define STRUCTS(name, type, schema) GR_GFB_ARRAY(type) name;
  GR_GFB_VECTORS(SCALARS, STRUCTS)
#undef SCALARS
#undef STRUCTS
} gr_gfb_tables;

/* Checks the FlatBuffer at the start of a file and finds its arrays; `*end` is where it ends. No index in the arrays
 * has been checked. NULL, or what is wrong. */
const char *gr_gfb_decode(const void *file, size_t size, gr_gfb_tables *tables, size_t *end);

/* The FlatBuffer of the tables in pieces, in order; its size must be within GR_GFB_MAX_BLOCK. */
typedef void (*gr_gfb_write)(void *user, const void *bytes, size_t size);
uint64_t gr_gfb_encoded_size(const gr_gfb_tables *tables);
void gr_gfb_encode(const gr_gfb_tables *tables, gr_gfb_write write, void *user);

#if defined(__cplusplus)
}
#endif
#endif
