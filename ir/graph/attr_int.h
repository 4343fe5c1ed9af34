/* Attribute sets (attr.c). */
#ifndef GRAFT_ATTR_INT_H
#define GRAFT_ATTR_INT_H

#include "ir/graph/op_int.h"

/* Attribute sets are interned: equal sets have equal ids, so comparing attributes is comparing two numbers. The set of
 * a known op has exactly its declared attributes, in the table's order; that of an opaque op has names of its own. */
typedef struct gr_attr {
  uint32_t name;   /* string id; known ops: unused, 0 */
  uint16_t kind;   /* graft_attr_kind */
  uint16_t choice; /* gr_choice of a word, GR_NO_CHOICE: a string of its own */
  union {
    int64_t i; /* bool, int, dtype, graph, number of the word, string id */
    double f;
    struct {
      uint32_t offset, count;
    } list; /* in m->attrs.ints or .floats */
  } as;
} gr_attr;

typedef struct gr_attr_set {
  uint32_t first, count; /* in m->attrs.items */
  uint32_t hash;
} gr_attr_set;

typedef struct gr_attr_table {
  GR_VEC(gr_attr_set) sets; /* 0 is the empty set */
  GR_VEC(gr_attr) items;
  GR_VEC(int64_t) ints;
  GR_VEC(double) floats;
  uint32_t *slots;
  uint32_t slot_count;
} gr_attr_table;

/* A set under construction, outside any module's tables. Strings and lists are borrowed until gr_attrs_intern. */
typedef struct gr_attr_builder {
  graft_attr items[GR_MAX_ATTRS]; /* known op: by slot; opaque: in order */
  uint32_t count;
} gr_attr_builder;

/* The op's defaults (required ones: kind NONE with `name` set, reported by gr_attrs_intern); opaque: empty. */
void gr_attrs_begin(gr_attr_builder *b, const gr_op_info *op);
/* Begins with an existing set. */
void gr_attrs_begin_from(gr_attr_builder *b, const graft_module *m, const gr_op_info *op, uint32_t set);
#define GR_ATTR_MESSAGE_SIZE 320
/* The value against the row: is the word one of its words, each number in its range? False with a message. */
bool gr_attr_check(const gr_op_info *op, uint32_t slot, const graft_attr *a, char *message, size_t size);
/* One from outside: it has a name, a kind that exists, and what it points to; a graph is one after `g`, that of the
 * node (NULL: none is). */
graft_status gr_attr_given(graft_module *m, const graft_graph *g, const graft_attr *a, gr_loc where);
/* Checks name, kind (an int stands for a float; none where allowed), and the value against the row: its words, its
 * range. `where` is for the diagnostic. */
graft_status gr_attrs_set(graft_module *m, gr_attr_builder *b, const gr_op_info *op, const graft_attr *attr,
                          gr_loc where);
/* The set's id, or GRAFT_NONE with a diagnostic (a required attribute missing, a list's number out of range, no
 * memory). */
uint32_t gr_attrs_intern(graft_module *m, gr_attr_builder *b, const gr_op_info *op, gr_loc where);
/* The set of the op's defaults, as above. */
uint32_t gr_attrs_defaults(graft_module *m, const gr_op_info *op, gr_loc where);
/* A graph goes that no node names: those after it get the number before theirs, in every set. Needs no memory. */
void gr_attrs_drop_graph(graft_module *m, uint32_t graph);
/* The attributes of a set, in order; `*count` of them. */
const gr_attr *gr_attrs_get(const graft_module *m, uint32_t set, uint32_t *count);
/* Attribute `slot` in the public form; strings and lists borrowed. op NULL: opaque. */
graft_attr gr_attr_public(const graft_module *m, const gr_op_info *op, uint32_t set, uint32_t slot);
bool gr_attr_equal(const graft_attr *a, const graft_attr *b); /* names apart */
uint64_t gr_attr_hash(const graft_attr *a);                   /* equal ones have equal ones */

#endif
