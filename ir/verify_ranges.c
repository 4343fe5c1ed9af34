/* The first half of the verifier: every index is in its array, every type well-formed. */
#include "ir/verify_impl.h"

#include <stdarg.h>
#include <stdio.h>

void gr_verify_fail(gr_report *r, int constraint, const char *node, const char *format, ...) {
  graft_module *m = r->module;
  const bool named =
      m->file < m->strings.items.len && gr_in_range(m->strings.items.data[m->file].offset, 1, m->strings.bytes.len);
  const gr_loc where = {.file = named ? gr_string_text(m, m->file) : "", .node = node};
  if (r->errors++ == GR_VERIFY_MAX_ERRORS) gr_note(m->context, where, "further errors are not reported");
  if (r->errors > GR_VERIFY_MAX_ERRORS) return;
  char message[512];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(message, sizeof message, format, args);
  va_end(args);
  gr_error(m->context, GRAFT_VERIFY, where, "V%d: %s", constraint, message);
}

static void check_types(gr_report *r) {
  const graft_module *m = r->module;
  /* V2: a type has a rank of at most 8 (-1: unknown) and extents from 0 to 2^62 (-1: unknown). */
  for (uint32_t i = 0; i < m->types.len; ++i) {
    const graft_type *t = &m->types.data[i];
    bool good = (unsigned)t->dtype < GRAFT_DTYPE_COUNT && t->rank >= -1 && t->rank <= GRAFT_MAX_RANK;
    for (int32_t d = 0; good && d < t->rank; ++d) good = t->dims[d] >= -1 && t->dims[d] <= (int64_t)1 << 62;
    if (!good) gr_verify_fail(r, 2, "", "type %u is malformed", i);
  }
}

void gr_verify_pools(gr_report *r) {
  const graft_module *m = r->module;
  /* V1: every index is in its array: types, attributes, strings, values, uses, tensors, records. */
  for (uint32_t i = 0; i < m->strings.items.len; ++i) {
    const gr_string *s = &m->strings.items.data[i];
    if (!gr_in_range(s->offset, (uint64_t)s->length + 1, m->strings.bytes.len) ||
        m->strings.bytes.data[s->offset + s->length] != '\0')
      gr_verify_fail(r, 1, "", "string %u is out of range", i);
  }
  for (uint32_t i = 0; i < m->attrs.sets.len; ++i)
    if (!gr_in_range(m->attrs.sets.data[i].first, m->attrs.sets.data[i].count, m->attrs.items.len))
      gr_verify_fail(r, 1, "", "attribute set %u is out of range", i);
  for (uint32_t i = 0; i < m->attrs.items.len; ++i) {
    const gr_attr *a = &m->attrs.items.data[i];
    const bool list = a->kind == GRAFT_ATTR_INTS || a->kind == GRAFT_ATTR_FLOATS;
    const uint32_t pool = a->kind == GRAFT_ATTR_INTS ? m->attrs.ints.len : m->attrs.floats.len;
    if (a->kind > GRAFT_ATTR_GRAPH || a->name >= m->strings.items.len ||
        (list && !gr_in_range(a->as.list.offset, a->as.list.count, pool)) ||
        (a->kind == GRAFT_ATTR_STRING && (uint64_t)a->as.i >= m->strings.items.len) ||
        (a->kind == GRAFT_ATTR_DTYPE && (uint64_t)a->as.i >= GRAFT_DTYPE_COUNT) ||
        (a->kind == GRAFT_ATTR_GRAPH && (uint64_t)a->as.i >= m->graphs.len))
      gr_verify_fail(r, 1, "", "attribute %u is out of range", i);
  }
  for (uint32_t i = 0; i < m->tensors.len; ++i) {
    const gr_tensor *t = &m->tensors.data[i];
    if (t->erased != 0) continue;
    if (t->type >= m->types.len || t->name.base >= m->strings.items.len || t->fill >= m->strings.items.len ||
        t->kind > GRAFT_CONSTANT || t->source > GR_TENSOR_ELIDED)
      gr_verify_fail(r, 1, "", "tensor %u is out of range", i);
  }
  for (uint32_t i = 0; i < m->specs.len; ++i) {
    const gr_spec *s = &m->specs.data[i];
    if (!gr_in_range(s->first_ref, s->ref_count, m->spec_refs.len) || s->attrs >= m->attrs.sets.len)
      gr_verify_fail(r, 1, "", "spec %u is out of range", i);
  }
  for (uint32_t i = 0; i < m->records.len; ++i) {
    const gr_record *record = &m->records.data[i];
    if (record->source >= m->strings.items.len || record->pass >= m->strings.items.len ||
        record->rule >= m->strings.items.len || record->equals >= m->strings.items.len ||
        !gr_in_range(record->first_parent, record->parent_count, m->record_parents.len))
      gr_verify_fail(r, 1, "", "provenance record %u is out of range", i);
  }
  if (m->file >= m->strings.items.len) gr_verify_fail(r, 1, "", "the file's name is out of range");
  check_types(r);
}

static bool node_in_range(const graft_graph *g, const gr_node *n) {
  const graft_module *m = g->module;
  return (n->op < GR_OP_COUNT || n->op - GR_OP_COUNT < m->strings.items.len) && n->attrs < m->attrs.sets.len &&
         gr_in_range(n->first_use, n->operand_count, g->uses.len) &&
         gr_in_range(n->first_result, n->result_count, g->values.len) && n->provenance < m->records.len &&
         (n->prev < g->nodes.len || n->prev == GRAFT_NONE) && (n->next < g->nodes.len || n->next == GRAFT_NONE);
}

static bool user_in_range(const graft_graph *g, uint32_t user) {
  if (gr_user_is_node(user)) return user < g->nodes.len;
  const uint32_t index = user & GR_USER_INDEX;
  return (user & ~GR_USER_INDEX) == GR_USER_UPDATE ? index < g->updates.len : index < g->outputs.len;
}

void gr_verify_ranges(gr_report *r, const graft_graph *g) {
  const graft_module *m = r->module;
  const uint32_t values = g->values.len, uses = g->uses.len, strings = m->strings.items.len;
  if ((g->first >= g->nodes.len && g->first != GRAFT_NONE) || (g->last >= g->nodes.len && g->last != GRAFT_NONE) ||
      g->name >= strings)
    gr_verify_fail(r, 1, "", "the graph's first or last node is out of range");
  for (uint32_t i = 0; i < g->nodes.len; ++i)
    if (gr_node_live(g, i) && !node_in_range(g, gr_node_at(g, i)))
      gr_verify_fail(r, 1, "", "node %u is out of range", i);
  for (uint32_t i = 0; i < uses; ++i) {
    const gr_use *u = gr_use_at(g, i);
    if (u->value == GRAFT_NONE) continue;
    if (u->value >= values || (u->prev >= uses && u->prev != GRAFT_NONE) ||
        (u->next >= uses && u->next != GRAFT_NONE) || !user_in_range(g, u->user))
      gr_verify_fail(r, 1, "", "use %u is out of range", i);
  }
  for (uint32_t i = 0; i < values; ++i) {
    const gr_value *value = gr_value_at(g, i);
    const uint32_t defs = value->def_kind == GR_DEF_NODE    ? g->nodes.len
                          : value->def_kind == GR_DEF_INPUT ? g->inputs.len
                                                            : m->tensors.len;
    if (value->def_kind == GR_DEF_DEAD) continue;
    if (value->def >= defs || (value->first_use >= uses && value->first_use != GRAFT_NONE) ||
        value->name.base >= strings ||
        (value->type >= m->types.len && (value->type != GRAFT_NONE || value->def_kind != GR_DEF_NODE)))
      gr_verify_fail(r, 1, "", "value %u is out of range", i);
  }
  for (uint32_t i = 0; i < g->inputs.len; ++i)
    if (g->inputs.data[i] >= values) gr_verify_fail(r, 1, "", "input %u is out of range", i);
  for (uint32_t i = 0; i < g->outputs.len; ++i)
    if (g->outputs.data[i].use >= uses || g->outputs.data[i].name >= strings)
      gr_verify_fail(r, 1, "", "output %u is out of range", i);
  for (uint32_t i = 0; i < g->updates.len; ++i) {
    const gr_update *u = &g->updates.data[i];
    if (u->tensor != GRAFT_NONE && (u->tensor >= m->tensors.len || u->use >= uses))
      gr_verify_fail(r, 1, "", "update %u is out of range", i);
  }
  for (uint32_t i = 0; i < g->tensor_values.len; ++i)
    if (g->tensor_values.data[i] >= values && g->tensor_values.data[i] != GRAFT_NONE)
      gr_verify_fail(r, 1, "", "the handle of tensor %u is out of range", i);
  for (uint32_t i = 0; i < g->spec_of_use.len; ++i)
    if (g->spec_of_use.data[i] >= m->specs.len) gr_verify_fail(r, 1, "", "the spec of use %u is out of range", i);
  for (uint32_t i = 0; i < g->spec_of_value.len; ++i)
    if (g->spec_of_value.data[i] >= m->specs.len) gr_verify_fail(r, 1, "", "the spec of value %u is out of range", i);
  if (g->spec_of_use.len > uses || g->spec_of_value.len > values)
    gr_verify_fail(r, 1, "", "there are specs past the last value");
}
