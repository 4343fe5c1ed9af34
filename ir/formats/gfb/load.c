/* Tables to graph. Every index is checked before it is used; nothing here trusts the file. The tables of strings, types
 * and kinds are interned entry by entry, nodes and values are copied in one loop without hashing, and tensors borrow
 * their bytes from the file. */
#include "ir/formats/gfb/gfb_impl.h"
#include "ir/formats/gfb/gfb_int.h"

#include <string.h>

#define NAME_NUMBER_MAX 999999999u /* nine digits, as gr_name_split has it */

/* How far each table is read; lists belong to their owners in order. */
typedef struct cursors {
  uint32_t attrs, ints, floats, parents, spec_refs;
  uint32_t nodes, operands, values, handles, outputs, updates, use_specs, value_specs, marks;
} cursors;

/* A spec as interned, and how many uses and values a graph needs for its references to exist. */
typedef struct loaded_spec {
  uint32_t id, uses, values;
} loaded_spec;

typedef struct loader {
  graft_module *m;
  graft_context *c;
  gr_loc where;
  gr_gfb_tables t;
  cursors at;
  gr_buffer *file;
  gr_buffer *tables; /* the file's beginning where it can be read; NULL: in the file */
  uint32_t copied;   /* tensors that do not lie as their elements must */
  uint64_t data_start;
  uint64_t tensors_end; /* of the data that belongs to the tensors so far */
  uint32_t *types;      /* the file's number -> the module's */
  uint64_t *sizes;      /* bytes of a tensor of each type */
  uint32_t *ops, *sets; /* of each kind */
  loaded_spec *specs;
  GR_VEC(gr_spec_ref) refs;
  gr_attr_builder attrs; /* of the kind being read: too large for a stack */
} loader;

#define DAMAGED(l, ...) gr_error((l)->c, GRAFT_FORMAT, (l)->where, "damaged file: " __VA_ARGS__)

/* Whether `count` more items of a table with `total` of them are left. */
static bool take(uint32_t *at, uint64_t count, uint32_t total) {
  if (count > total - *at) return false;
  *at += (uint32_t)count;
  return true;
}

static void *new_array(loader *l, uint32_t count, size_t size) { return gr_calloc(l->c, (size_t)count + 1, size); }

static void free_array(loader *l, void *array, uint32_t count, size_t size) {
  gr_free(l->c, array, ((size_t)count + 1) * size);
}

/* ---- strings, types, kinds ---- */

/* The new module has only the empty string, as number 0 like the file: all numbers stay. */
static graft_status load_strings(loader *l) {
  const char *bytes = (const char *)l->t.string_bytes.data;
  const uint32_t *lengths = l->t.string_lengths.data;
  uint32_t size = l->t.string_bytes.count, count = l->t.string_lengths.count, at = 1;
  if (count == 0 || lengths[0] != 0 || size == 0 || bytes[0] != '\0') return DAMAGED(l, "no empty string");
  for (uint32_t i = 1; i < count; i++) {
    if (lengths[i] >= size - at || memchr(bytes + at, '\0', (size_t)lengths[i] + 1) != bytes + at + lengths[i])
      return DAMAGED(l, "string %u", i);
    at += lengths[i] + 1;
  }
  if (at != size) return DAMAGED(l, "%u bytes of the pool belong to no string", size - at);
  uint32_t done = gr_intern_pool(l->m, bytes + 1, size - 1, lengths + 1, count - 1);
  if (done == GRAFT_NONE) return GRAFT_NO_MEMORY;
  return done == count - 1 ? GRAFT_OK : DAMAGED(l, "string %u is there twice", done + 1);
}

static bool good_type(const gr_gfb_type *t) {
  if (t->dtype >= GRAFT_DTYPE_COUNT || t->rank < -1 || t->rank > GRAFT_MAX_RANK) return false;
  for (int32_t i = 0; i < GRAFT_MAX_RANK; i++) {
    if (i < t->rank ? t->dims[i] < -1 : t->dims[i] != 0) return false;
  }
  return true;
}

/* Bytes of a tensor of this type; UINT64_MAX: no tensor can have it. */
static uint64_t tensor_size(const graft_type *type) {
  int64_t elements = graft_type_elements(type);
  if (type->dtype == GRAFT_UNKNOWN || elements < 0 || elements > PTRDIFF_MAX / 8) return UINT64_MAX;
  return (uint64_t)elements * graft_dtype_size(type->dtype);
}

static graft_status load_types(loader *l) {
  for (uint32_t i = 0; i < l->t.types.count; i++) {
    const gr_gfb_type *t = &l->t.types.data[i];
    if (!good_type(t)) return DAMAGED(l, "type %u", i);
    graft_type type = graft_type_make((graft_dtype)t->dtype, t->rank, t->dims);
    if (!gr_type_fits(&type)) return DAMAGED(l, "type %u: its extents multiply to more than 2^48", i);
    l->types[i] = gr_type_intern(l->m, &type);
    if (l->types[i] == GRAFT_NONE) return GRAFT_NO_MEMORY;
    l->sizes[i] = tensor_size(&type);
  }
  return GRAFT_OK;
}

/* Attributes compare by their bits, and the text has one nan: neither has the file another. */
static bool is_odd_nan(double f) {
  uint64_t bits;
  memcpy(&bits, &f, sizeof bits);
  return f != f && bits != GR_GFB_NAN;
}

/* The public form of one attribute; lists are borrowed from the file. */
static graft_status read_attr(loader *l, const gr_gfb_attr *in, graft_attr *out) {
  if (in->name >= l->t.string_lengths.count) return DAMAGED(l, "the name of an attribute");
  *out = (graft_attr){.name = gr_string_text(l->m, in->name), .kind = (graft_attr_kind)in->kind};
  switch (in->kind) {
  case GRAFT_ATTR_NONE: return GRAFT_OK;
  case GRAFT_ATTR_INT: out->as.i = (int64_t)in->value; return GRAFT_OK;
  case GRAFT_ATTR_FLOAT:
    memcpy(&out->as.f, &in->value, sizeof out->as.f);
    if (!is_odd_nan(out->as.f)) return GRAFT_OK;
    break;
  case GRAFT_ATTR_BOOL:
    out->as.b = in->value != 0;
    if (in->value <= 1) return GRAFT_OK;
    break;
  case GRAFT_ATTR_DTYPE:
    out->as.dtype = (graft_dtype)(in->value % GRAFT_DTYPE_COUNT);
    if (in->value < GRAFT_DTYPE_COUNT) return GRAFT_OK;
    break;
  case GRAFT_ATTR_STRING:
    if (in->value >= l->t.string_lengths.count) break;
    out->as.s = gr_string_text(l->m, (uint32_t)in->value);
    return GRAFT_OK;
  case GRAFT_ATTR_GRAPH:
    if (in->value >= l->t.graphs.count) break;
    out->as.graph = (uint32_t)in->value;
    return GRAFT_OK;
  case GRAFT_ATTR_INTS:
    out->as.ints = l->t.ints.data ? l->t.ints.data + l->at.ints : NULL;
    if (!take(&l->at.ints, in->value, l->t.ints.count)) break;
    out->count = (uint32_t)in->value;
    return GRAFT_OK;
  case GRAFT_ATTR_FLOATS:
    out->as.floats = l->t.floats.data ? l->t.floats.data + l->at.floats : NULL;
    if (!take(&l->at.floats, in->value, l->t.floats.count)) break;
    out->count = (uint32_t)in->value;
    for (uint32_t i = 0; out->as.floats && i < out->count; i++) {
      if (is_odd_nan(out->as.floats[i])) return DAMAGED(l, "a NaN in attribute '%s'", out->name);
    }
    return GRAFT_OK;
  default: break;
  }
  return DAMAGED(l, "the value of attribute '%s'", out->name);
}

/* In `ops`, a kind that is of a spec. */
#define SPEC_KIND(kind) (GRAFT_NONE - (kind))

static graft_status load_kind(loader *l, uint32_t i) {
  const gr_gfb_kind *kind = &l->t.kinds.data[i];
  uint32_t first = l->at.attrs;
  if (kind->op == 0 || kind->op >= l->t.string_lengths.count) return DAMAGED(l, "the op of kind %u", i);
  if (!take(&l->at.attrs, kind->attr_count, l->t.attrs.count)) return DAMAGED(l, "the attributes of kind %u", i);
  uint32_t name = kind->op;
  const char *text = gr_string_text(l->m, name);
  uint32_t op = gr_op_find(text, gr_string_length(l->m, name));
  uint32_t spec = gr_spec_kind_find(text, gr_string_length(l->m, name));
  const gr_op_info *info = spec < GR_SPEC_KIND_COUNT ? gr_spec_info(spec) : gr_op_get(op);
  l->ops[i] = spec < GR_SPEC_KIND_COUNT ? SPEC_KIND(spec) : op == GR_OP_COUNT ? GR_OP_COUNT + name : op;
  gr_loc where = {.file = l->where.file, .node = gr_string_text(l->m, name)};
  gr_attrs_begin(&l->attrs, info);
  for (uint32_t k = 0; k < kind->attr_count; k++) {
    graft_attr attr;
    graft_status status = read_attr(l, &l->t.attrs.data[first + k], &attr);
    if (!status) status = gr_attrs_set(l->m, &l->attrs, info, &attr, where);
    if (status) return status;
  }
  l->sets[i] = gr_attrs_intern(l->m, &l->attrs, info, where);
  return l->sets[i] == GRAFT_NONE ? GRAFT_FORMAT : GRAFT_OK;
}

static bool is_spec_kind(const loader *l, uint32_t kind) { return l->ops[kind] > SPEC_KIND(GR_SPEC_KIND_COUNT); }

/* ---- names ---- */

/* Base and number, in the one form that the text has: ("relu_2", 0) would be a second relu_2. */
static bool read_name(loader *l, uint32_t base, uint32_t number, gr_name *name) {
  if (base >= l->t.string_lengths.count || number > NAME_NUMBER_MAX) return false;
  *name = (gr_name){base, number};
  gr_string *s = &l->m->strings.items.data[base];
  if (number == 0 && gr_name_number(gr_string_text(l->m, base), s->length)) return false;
  if (number >= s->next_number) s->next_number = number + 1;
  return base != 0 || number == 0;
}

/* ---- tensors ---- */

static graft_status check_bytes(loader *l, uint32_t i, graft_dtype dtype, uint64_t size) {
  const gr_gfb_tensor *t = &l->t.tensors.data[i];
  if (t->length != size)
    return DAMAGED(l, "tensor %u has %llu bytes of %llu", i, (unsigned long long)t->length, (unsigned long long)size);
  if (t->offset % GR_GFB_ALIGNMENT != 0 || t->offset > l->t.data_length || size > l->t.data_length - t->offset)
    return DAMAGED(l, "tensor %u is outside the data", i);
  /* They stand in order: bytes that many tensors share would be a small file that becomes large. */
  if (t->offset < l->tensors_end) return DAMAGED(l, "tensor %u overlaps one before it", i);
  l->tensors_end = t->offset + size;
  const unsigned char *bytes = (const unsigned char *)l->file->data + l->data_start + t->offset;
  for (uint64_t k = 0; dtype == GRAFT_BOOL && k < size; k++) {
    if (bytes[k] > 1) return DAMAGED(l, "tensor %u has a bool that is neither 0 nor 1", i);
  }
  return GRAFT_OK;
}

/* The hash is checked, not kept: without the check, constants would be merged by what the file says of them. */
static graft_status check_hash(loader *l, uint32_t i) {
  if (gr_tensor_hash(l->m, i) == l->t.tensors.data[i].hash) return GRAFT_OK;
  char name[64];
  graft_tensor_name(l->m, i, name, sizeof name);
  return DAMAGED(l, "the data of tensor '%s' does not have the hash it was written with", name);
}

/* The tensor borrows from the file, but for what memory that an embedder lent does not have in its place. */
static bool place_bytes(loader *l, gr_tensor *t, uint64_t offset, uint64_t size, size_t element) {
  const char *bytes = (const char *)l->file->data + l->data_start + offset;
  if (size == 0 || (uintptr_t)bytes % element == 0) {
    t->buffer = gr_buffer_retain(l->file);
    t->offset = l->data_start + offset;
    return true;
  }
  t->buffer = gr_buffer_alloc(l->c, (size_t)size);
  if (t->buffer) memcpy(t->buffer->data, bytes, (size_t)size);
  l->copied++;
  return t->buffer != NULL;
}

/* Tensors keep their numbers, too. */
static graft_status load_tensors(loader *l, bool check_hashes) {
  graft_module *m = l->m;
  if (!gr_vec_reserve(l->c, &m->tensors, l->t.tensors.count)) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < l->t.tensors.count; i++) {
    const gr_gfb_tensor *in = &l->t.tensors.data[i];
    if (in->type >= l->t.types.count || in->kind > GRAFT_CONSTANT || in->source > GR_TENSOR_ELIDED || in->name == 0)
      return DAMAGED(l, "tensor %u", i);
    uint64_t size = l->sizes[in->type];
    gr_tensor *t = &m->tensors.data[m->tensors.len];
    *t = (gr_tensor){.type = l->types[in->type], .kind = (uint8_t)in->kind, .source = (uint8_t)in->source};
    graft_dtype dtype = m->types.data[t->type].dtype;
    if (size == UINT64_MAX) return DAMAGED(l, "the type of tensor %u", i);
    if (!read_name(l, in->name, in->number, &t->name)) return DAMAGED(l, "the name of tensor %u", i);
    if (in->source == GR_TENSOR_DATA) {
      graft_status status = check_bytes(l, i, dtype, size);
      if (status) return status;
      if (!place_bytes(l, t, in->offset, size, graft_dtype_size(dtype))) return GRAFT_NO_MEMORY;
    } else if (in->source == GR_TENSOR_FILL) {
      if (!gr_is_float(dtype) || !read_name(l, in->fill, in->fill_number, &t->fill) || is_odd_nan(in->lo) ||
          is_odd_nan(in->hi))
        return DAMAGED(l, "the fill of tensor %u", i);
      t->lo = in->lo;
      t->hi = in->hi;
    } else {
      t->hash = in->hash;
    }
    gr_tensor_renew(m, t);
    m->tensors.len++;
    graft_status status = check_hashes && t->buffer ? check_hash(l, i) : GRAFT_OK;
    if (status) return status;
  }
  return GRAFT_OK;
}

/* ---- provenance and specs ---- */

/* Copied as they are; the module interns them when it makes its next one. Its record 0 is none: numbers move by 1. */
static graft_status load_records(loader *l) {
  uint32_t strings = l->t.string_lengths.count, count = l->t.records.count;
  if (!gr_vec_reserve(l->c, &l->m->records, count) || !gr_vec_reserve(l->c, &l->m->record_parents, l->t.parents.count))
    return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < count; i++) {
    const gr_gfb_record *in = &l->t.records.data[i];
    uint32_t first = l->at.parents;
    if (in->source >= strings || in->pass >= strings || in->rule >= strings || in->equals >= strings ||
        !take(&l->at.parents, in->parent_count, l->t.parents.count))
      return DAMAGED(l, "provenance record %u", i);
    for (uint32_t k = 0; k < in->parent_count; k++) {
      uint32_t parent = l->t.parents.data[first + k];
      if (parent >= i) return DAMAGED(l, "provenance record %u is made from a later one", i);
      l->m->record_parents.data[l->m->record_parents.len++] = parent + 1;
    }
    l->m->records.data[l->m->records.len++] = (gr_record){.source = in->source,
                                                          .pass = in->pass,
                                                          .rule = in->rule,
                                                          .equals = in->equals,
                                                          .first_parent = first,
                                                          .parent_count = in->parent_count};
  }
  return GRAFT_OK;
}

static graft_status load_spec(loader *l, uint32_t i) {
  const gr_gfb_spec *in = &l->t.specs.data[i];
  loaded_spec *out = &l->specs[i];
  uint32_t first = l->at.spec_refs;
  if (in->kind >= l->t.kinds.count || !is_spec_kind(l, in->kind) ||
      !take(&l->at.spec_refs, in->ref_count, l->t.spec_refs.count))
    return DAMAGED(l, "quantization spec %u", i);
  l->refs.len = 0;
  if (!gr_vec_reserve(l->c, &l->refs, in->ref_count)) return GRAFT_NO_MEMORY;
  for (uint32_t k = 0; k < in->ref_count; k++) {
    const gr_gfb_spec_ref *ref = &l->t.spec_refs.data[first + k];
    uint32_t *needed = ref->is_value ? &out->values : &out->uses;
    if (ref->id >= *needed) *needed = ref->id < GRAFT_NONE ? ref->id + 1 : GRAFT_NONE;
    l->refs.data[l->refs.len++] = (gr_spec_ref){.is_value = ref->is_value != 0, .id = ref->id};
  }
  out->id = gr_spec_intern(l->m, GRAFT_NONE - l->ops[in->kind], l->sets[in->kind], l->refs.data, l->refs.len);
  return out->id == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
}

/* ---- a graph ---- */

static void link_use(graft_graph *g, uint32_t value, uint32_t user) {
  uint32_t u = g->uses.len++, next = GRAFT_NONE;
  if (value != GRAFT_NONE) {
    next = g->values.data[value].first_use;
    if (next != GRAFT_NONE) g->uses.data[next].prev = u;
    g->values.data[value].first_use = u;
  }
  gr_use *use = &g->uses.data[u];
  use->value = value;
  use->user = user;
  use->prev = GRAFT_NONE;
  use->next = next;
}

/* All tensors that the graph has handles of are before this one. */
static uint32_t tensors_read(const loader *l, const gr_gfb_graph *in) {
  uint32_t end = 0;
  if (l->m->tensors.len <= in->handles) return l->m->tensors.len;
  for (uint32_t i = 0; i < in->handles; i++) {
    const uint32_t t = l->t.handles.data[l->at.handles + i];
    if (t >= end && t < l->m->tensors.len) end = t + 1;
  }
  return end;
}

static bool reserve_graph(loader *l, graft_graph *g, const gr_gfb_graph *in) {
  uint64_t values = (uint64_t)in->inputs + in->results + in->handles;
  uint64_t uses = (uint64_t)in->operands + in->outputs + in->updates;
  if (values >= GR_USER_INDEX || uses >= GR_USER_INDEX) return false;
  return gr_vec_reserve(l->c, &g->nodes, in->nodes) && gr_vec_reserve(l->c, &g->values, values) &&
         gr_vec_reserve(l->c, &g->uses, uses) && gr_vec_reserve(l->c, &g->inputs, in->inputs) &&
         gr_vec_reserve(l->c, &g->outputs, in->outputs) && gr_vec_reserve(l->c, &g->updates, in->updates) &&
         gr_handles_create(l->c, &g->handles, in->handles, tensors_read(l, in));
}

/* Inputs, or all results; load_nodes says of which node. Each value is made where it stays. */
static graft_status load_values(loader *l, graft_graph *g, uint32_t count, gr_def kind) {
  if (count == 0) return GRAFT_OK;
  const gr_gfb_value *in = l->t.values.data + l->at.values;
  gr_value *v = g->values.data + g->values.len;
  const uint32_t types = l->t.types.count;
  for (uint32_t i = 0; i < count; i++, in++, v++) {
    v->def = i & GR_USER_INDEX;
    v->def_kind = kind;
    v->first_use = GRAFT_NONE;
    v->type = GRAFT_NONE;
    v->name = (gr_name){0, 0};
    if (in->type == GRAFT_NONE && kind != GR_DEF_INPUT) continue;
    if (in->type >= types) return DAMAGED(l, "the type of value %u", g->values.len + i);
    v->type = l->types[in->type];
    if (!read_name(l, in->name, in->number, &v->name)) return DAMAGED(l, "the name of value %u", g->values.len + i);
  }
  l->at.values += count;
  g->values.len += count;
  return GRAFT_OK;
}

static graft_status load_handles(loader *l, graft_graph *g, uint32_t count) {
  if (count == 0) return GRAFT_OK;
  const uint32_t *tensors = l->t.handles.data + l->at.handles;
  for (uint32_t i = 0; i < count; i++) {
    const graft_tensor t = tensors[i];
    if (t >= l->m->tensors.len || gr_handle_of(g, t) != GRAFT_NONE) return DAMAGED(l, "handle %u of a tensor", i);
    gr_value *v = &g->values.data[g->values.len];
    *v = (gr_value){.type = l->m->tensors.data[t].type, .first_use = GRAFT_NONE};
    v->def_kind = GR_DEF_TENSOR;
    v->def = t & GR_USER_INDEX;
    gr_handles_put(&g->handles, t, g->values.len++);
  }
  l->at.handles += count;
  return GRAFT_OK;
}

/* Operands must be defined before: inputs, results of earlier nodes, handles. */
static graft_status load_operands(loader *l, graft_graph *g, uint32_t count, uint32_t node, uint32_t defined,
                                  uint32_t handles) {
  if (count == 0) return GRAFT_OK;
  const uint32_t *operands = l->t.operands.data + l->at.operands;
  l->at.operands += count;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t v = operands[i];
    bool absent = v == GRAFT_NONE && i + 1 < count; /* trailing absent ones are never kept */
    bool known = v < defined || (v >= handles && v < g->values.len);
    if (!absent && (!known || g->values.data[v].type == GRAFT_NONE))
      return DAMAGED(l, "operand %u of node %u is no value defined before it", i, node);
    link_use(g, v, node);
  }
  return GRAFT_OK;
}

/* The marks of the node read last. A word that is none is damage: what it would decide is not known here. */
static graft_status load_marks(loader *l, gr_node *node) {
  for (; l->at.marks < l->t.marks.count && l->t.marks.data[l->at.marks].node == l->at.nodes - 1; l->at.marks++) {
    uint32_t word = l->t.marks.data[l->at.marks].word, mark = 0;
    if (word < l->t.string_lengths.count) mark = gr_mark_find(gr_string_text(l->m, word), gr_string_length(l->m, word));
    if (!mark || node->marks >= mark) return DAMAGED(l, "mark %u", l->at.marks);
    node->marks |= mark;
  }
  return GRAFT_OK;
}

static graft_status load_nodes(loader *l, graft_graph *g, const gr_gfb_graph *in) {
  uint32_t results_end = in->inputs + in->results, first_result = in->inputs;
  uint32_t operands_end = l->at.operands + in->operands;
  for (uint32_t i = 0; i < in->nodes; i++) {
    const gr_gfb_node *n = &l->t.nodes.data[l->at.nodes++];
    if (n->kind >= l->t.kinds.count || is_spec_kind(l, n->kind) || n->record > l->t.records.count ||
        n->result_count > results_end - first_result || n->operand_count > operands_end - l->at.operands)
      return DAMAGED(l, "node %u", i);
    gr_node *node = &g->nodes.data[g->nodes.len++];
    node->op = l->ops[n->kind];
    node->attrs = l->sets[n->kind];
    node->first_use = g->uses.len;
    node->operand_count = n->operand_count;
    node->first_result = first_result;
    node->result_count = n->result_count;
    node->prev = i ? i - 1 : GRAFT_NONE;
    node->next = i + 1 < in->nodes ? i + 1 : GRAFT_NONE;
    node->provenance = n->record;
    node->marks = 0;
    graft_status status = load_marks(l, node);
    if (status) return status;
    for (uint32_t k = 0; k < n->result_count; k++) g->values.data[first_result + k].def = i & GR_USER_INDEX;
    status = load_operands(l, g, n->operand_count, i, first_result, results_end);
    if (status) return status;
    first_result += n->result_count;
  }
  g->live = in->nodes;
  g->first = in->nodes ? 0 : GRAFT_NONE;
  g->last = in->nodes ? in->nodes - 1 : GRAFT_NONE;
  if (first_result != results_end || l->at.operands != operands_end)
    return DAMAGED(l, "a graph has results or operands of no node");
  return GRAFT_OK;
}

static bool readable(const graft_graph *g, uint32_t value) {
  return value < g->values.len && g->values.data[value].type != GRAFT_NONE;
}

static graft_status load_ends(loader *l, graft_graph *g, const gr_gfb_graph *in) {
  for (uint32_t i = 0; i < in->outputs; i++) {
    const gr_gfb_output *o = &l->t.outputs.data[l->at.outputs++];
    if (!readable(g, o->value) || o->name >= l->t.string_lengths.count) return DAMAGED(l, "output %u", i);
    g->outputs.data[g->outputs.len++] = (gr_output){g->uses.len, o->name};
    link_use(g, o->value, GR_USER_OUTPUT | i);
  }
  for (uint32_t i = 0; i < in->updates; i++) {
    const gr_gfb_update *u = &l->t.updates.data[l->at.updates++];
    if (!readable(g, u->value) || u->tensor >= l->m->tensors.len) return DAMAGED(l, "update %u", i);
    g->updates.data[g->updates.len++] = (gr_update){g->uses.len, u->tensor};
    l->m->tensors.data[u->tensor].updated = 1;
    link_use(g, u->value, GR_USER_UPDATE | i);
  }
  return GRAFT_OK;
}

static graft_status load_annotations(loader *l, graft_graph *g, uint32_t count, bool of_values) {
  uint32_t places = of_values ? g->values.len : g->uses.len, least = 0;
  for (uint32_t i = 0; i < count; i++) {
    const gr_gfb_annotation *a =
        of_values ? &l->t.value_specs.data[l->at.value_specs++] : &l->t.use_specs.data[l->at.use_specs++];
    if (a->place < least || a->place >= places || a->spec >= l->t.specs.count) return DAMAGED(l, "annotation %u", i);
    const loaded_spec *spec = &l->specs[a->spec];
    if (spec->uses > g->uses.len || spec->values > g->values.len)
      return DAMAGED(l, "annotation %u refers to an edge or value that the graph lacks", i);
    graft_status status = of_values ? gr_spec_set_value(g, a->place, spec->id) : gr_spec_set_use(g, a->place, spec->id);
    if (status) return status;
    least = a->place + 1;
  }
  return GRAFT_OK;
}

static graft_status load_graph(loader *l, uint32_t index) {
  const gr_gfb_graph *in = &l->t.graphs.data[index];
  cursors end = l->at;
  if (in->name >= l->t.string_lengths.count || !take(&end.nodes, in->nodes, l->t.nodes.count) ||
      !take(&end.operands, in->operands, l->t.operands.count) ||
      !take(&end.values, (uint64_t)in->inputs + in->results, l->t.values.count) ||
      !take(&end.handles, in->handles, l->t.handles.count) || !take(&end.outputs, in->outputs, l->t.outputs.count) ||
      !take(&end.updates, in->updates, l->t.updates.count) ||
      !take(&end.use_specs, in->use_specs, l->t.use_specs.count) ||
      !take(&end.value_specs, in->value_specs, l->t.value_specs.count))
    return DAMAGED(l, "graph %u is larger than the tables", index);
  graft_graph *g = graft_graph_create(l->m, gr_string_text(l->m, in->name));
  if (!g) return GRAFT_NO_MEMORY;
  if (!reserve_graph(l, g, in)) return gr_no_memory(l->c);
  graft_status status = load_values(l, g, in->inputs, GR_DEF_INPUT);
  if (!status) status = load_values(l, g, in->results, GR_DEF_NODE);
  for (uint32_t i = 0; i < in->inputs; i++) g->inputs.data[i] = i;
  g->inputs.len = in->inputs;
  if (!status) status = load_handles(l, g, in->handles);
  if (!status) status = load_nodes(l, g, in);
  if (!status) status = load_ends(l, g, in);
  if (!status) status = load_annotations(l, g, in->use_specs, false);
  if (!status) status = load_annotations(l, g, in->value_specs, true);
  return status; /* the loops advanced the cursors themselves, as far as `end` */
}

/* ---- the file ---- */

static graft_status load_tables(loader *l, bool check_hashes) {
  if (l->t.graphs.count == 0) return DAMAGED(l, "no graph");
  graft_status status = load_strings(l);
  if (!status) status = load_types(l);
  for (uint32_t i = 0; !status && i < l->t.kinds.count; i++) status = load_kind(l, i);
  if (!status) status = load_tensors(l, check_hashes);
  if (!status) status = load_records(l);
  for (uint32_t i = 0; !status && i < l->t.specs.count; i++) status = load_spec(l, i);
  for (uint32_t i = 0; !status && i < l->t.graphs.count; i++) status = load_graph(l, i);
  if (status) return status;
  const cursors *at = &l->at;
  const gr_gfb_tables *t = &l->t;
  if (at->attrs != t->attrs.count || at->ints != t->ints.count || at->floats != t->floats.count ||
      at->parents != t->parents.count || at->spec_refs != t->spec_refs.count || at->nodes != t->nodes.count ||
      at->operands != t->operands.count || at->values != t->values.count || at->handles != t->handles.count ||
      at->outputs != t->outputs.count || at->updates != t->updates.count || at->use_specs != t->use_specs.count ||
      at->value_specs != t->value_specs.count || at->marks != t->marks.count)
    return DAMAGED(l, "the tables have entries that belong to nothing");
  return GRAFT_OK;
}

/* Bytes of the FlatBuffer that a file begins with, as far as the file goes. */
static size_t tables_size(const void *file, size_t size) {
  uint32_t length;
  if (size < sizeof length) return size;
  memcpy(&length, file, sizeof length);
  return length < size - sizeof length ? length + sizeof length : size;
}

/* The FlatBuffer, the version, and whether the file ends where it says. */
static graft_status open_file(loader *l) {
  size_t end = 0;
  const void *start = l->file->data;
  if ((uintptr_t)start % 8 != 0) { /* lent by an embedder: the tables are copied, tensors where they must */
    const size_t size = tables_size(start, l->file->size);
    if (!(l->tables = gr_buffer_alloc(l->c, size))) return GRAFT_NO_MEMORY;
    if (size) memcpy(l->tables->data, start, size);
    start = l->tables->data;
  }
  const char *error = gr_gfb_decode(start, l->tables ? l->tables->size : l->file->size, &l->t, &end);
  if (error) return DAMAGED(l, "%s", error);
  if (l->t.version < 1 || l->t.version > GR_GFB_VERSION) {
    return gr_error(l->c, GRAFT_UNSUPPORTED, l->where, "version %u of .gfb; this library reads versions 1 to %u",
                    l->t.version, GR_GFB_VERSION);
  }
  l->data_start = ((uint64_t)end + GR_GFB_ALIGNMENT - 1) / GR_GFB_ALIGNMENT * GR_GFB_ALIGNMENT;
  if (l->data_start > l->file->size || l->t.data_length != l->file->size - l->data_start)
    return DAMAGED(l, "%llu bytes of tensors were written, the file's length differs",
                   (unsigned long long)l->t.data_length);
  return GRAFT_OK;
}

static graft_status load_all(loader *l, bool check_hashes) {
  graft_status status = open_file(l);
  if (status) return status;
  uint32_t types = l->t.types.count, kinds = l->t.kinds.count, specs = l->t.specs.count;
  l->types = new_array(l, types, sizeof *l->types);
  l->sizes = new_array(l, types, sizeof *l->sizes);
  l->ops = new_array(l, kinds, sizeof *l->ops);
  l->sets = new_array(l, kinds, sizeof *l->sets);
  l->specs = new_array(l, specs, sizeof *l->specs);
  status = GRAFT_NO_MEMORY;
  if (l->types && l->sizes && l->ops && l->sets && l->specs) status = load_tables(l, check_hashes);
  free_array(l, l->types, types, sizeof *l->types);
  free_array(l, l->sizes, types, sizeof *l->sizes);
  free_array(l, l->ops, kinds, sizeof *l->ops);
  free_array(l, l->sets, kinds, sizeof *l->sets);
  free_array(l, l->specs, specs, sizeof *l->specs);
  gr_vec_free(l->c, &l->refs);
  return status;
}

graft_module *gr_gfb_load(graft_context *c, gr_buffer *file, const char *name, bool check_hashes) {
  loader *l = gr_calloc(c, 1, sizeof *l);
  if (!l) return NULL;
  *l = (loader){.c = c, .where = {.file = name}, .file = file, .m = graft_module_create(c)};
  graft_module *m = l->m;
  if (m) {
    graft_status status = load_all(l, check_hashes);
    if (!status && l->copied)
      gr_warning(c, GRAFT_OK, l->where, "%u of %u tensors do not lie in memory as their elements must: they are copied",
                 l->copied, m->tensors.len);
    m->file = status ? 0 : gr_intern(m, name, strlen(name));
    if (status || m->file == GRAFT_NONE) {
      graft_module_destroy(m);
      m = NULL;
    }
  }
  gr_buffer_release(c, l->tables);
  gr_free(c, l, sizeof *l);
  return m;
}
