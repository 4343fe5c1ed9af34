/* The verifier's first part: strings, attributes, types, records and tensors, and the names of all. */
#include "ir/graph/verify_impl.h"

#include <stdarg.h>
#include <stdio.h>

void gr_verify_fail(gr_verifier *v, int constraint, const char *node, const char *format, ...) {
  graft_module *m = v->module;
  const gr_loc where = {.file = gr_string_sound(m, m->file) ? gr_string_text(m, m->file) : "", .node = node};
  if (v->errors++ == GR_VERIFY_MAX_ERRORS) gr_note(m->context, where, "further errors are not reported");
  if (v->errors > GR_VERIFY_MAX_ERRORS) return;
  char message[512];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(message, sizeof message, format, args);
  va_end(args);
  gr_error(m->context, GRAFT_VERIFY, where, "V%d: %s", constraint, message);
}

/* A string of the module, or the number of one of its choice's words. */
static bool is_text(const graft_module *m, const gr_attr *a) {
  if (a->choice == GR_NO_CHOICE) return (uint64_t)a->as.i < m->strings.items.len;
  const char *const *words = gr_choice_words((gr_choice)a->choice);
  int64_t count = 0;
  while (words[count]) count++;
  return a->as.i >= 0 && a->as.i < count;
}

static void check_pools(gr_verifier *v) {
  const graft_module *m = v->module;
  /* V1: every index is in its array: types, attributes, strings, values, uses, tensors, records. */
  for (uint32_t i = 0; i < m->attrs.sets.len; ++i)
    if (!gr_in_range(m->attrs.sets.data[i].first, m->attrs.sets.data[i].count, m->attrs.items.len))
      gr_verify_fail(v, 1, "", "attribute set %u is out of range", i);
  for (uint32_t i = 0; i < m->attrs.items.len; ++i) {
    const gr_attr *a = &m->attrs.items.data[i];
    const bool list = a->kind == GRAFT_ATTR_INTS || a->kind == GRAFT_ATTR_FLOATS;
    const uint32_t pool = a->kind == GRAFT_ATTR_INTS ? m->attrs.ints.len : m->attrs.floats.len;
    if (a->kind > GRAFT_ATTR_GRAPH || a->name >= m->strings.items.len ||
        (list && !gr_in_range(a->as.list.offset, a->as.list.count, pool)) ||
        (a->kind == GRAFT_ATTR_STRING && !is_text(m, a)) ||
        (a->kind == GRAFT_ATTR_DTYPE && (uint64_t)a->as.i >= GRAFT_DTYPE_COUNT)) /* graphs: V11, sets outlive them */
      gr_verify_fail(v, 1, "", "attribute %u is out of range", i);
  }
  for (uint32_t i = 0; i < m->specs.len; ++i) {
    const gr_spec *s = &m->specs.data[i];
    if (!gr_in_range(s->first_ref, s->ref_count, m->spec_refs.len) || s->attrs >= m->attrs.sets.len)
      gr_verify_fail(v, 1, "", "spec %u is out of range", i);
  }
  for (uint32_t i = 0; i < m->records.len; ++i) {
    const gr_record *record = &m->records.data[i];
    if (record->source >= m->strings.items.len || record->pass >= m->strings.items.len ||
        record->rule >= m->strings.items.len || record->equals >= m->strings.items.len ||
        !gr_in_range(record->first_parent, record->parent_count, m->record_parents.len))
      gr_verify_fail(v, 1, "", "provenance record %u is out of range", i);
  }
  if (m->file >= m->strings.items.len) gr_verify_fail(v, 1, "", "the file's name is out of range");
}

static void check_types(gr_verifier *v) {
  const graft_module *m = v->module;
  /* V2: a type has a rank of at most 8 (-1: unknown) and extents that are not negative (-1: unknown); those other than
   * 0 multiply to at most 2^48. */
  for (uint32_t i = 0; i < m->types.len; ++i) {
    const graft_type *t = &m->types.data[i];
    bool good = (unsigned)t->dtype < GRAFT_DTYPE_COUNT && t->rank >= -1 && t->rank <= GRAFT_MAX_RANK;
    for (int32_t d = 0; good && d < t->rank; ++d) good = t->dims[d] >= -1;
    good = good && gr_type_fits(t);
    if (!good) gr_verify_fail(v, 2, "", "type %u is malformed", i);
  }
}

static void check_records(gr_verifier *v) {
  const graft_module *m = v->module;
  /* V4: a provenance record was made from earlier ones. */
  for (uint32_t i = 0; i < m->records.len; ++i)
    for (uint32_t k = 0; k < m->records.data[i].parent_count; ++k)
      if (m->record_parents.data[m->records.data[i].first_parent + k] >= i)
        gr_verify_fail(v, 4, "", "provenance record %u has a parent that is not before it", i);
}

/* ---- names ---- */

/* Checks the strings, and lays out the bits of those that are bases of names. */
static graft_status check_strings(gr_verifier *v) {
  const graft_module *m = v->module;
  const uint32_t count = m->strings.items.len;
  uint64_t named = m->tensors.len, bits = 0;
  for (uint32_t i = 0; i < m->graphs.len; ++i) named += m->graphs.data[i]->values.len;
  const uint64_t most = named * 8 + count; /* what is sparser goes to the map */
  v->name_offset = gr_alloc(m->context, ((size_t)count + 1) * sizeof *v->name_offset);
  if (v->name_offset == NULL) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < count; ++i) {
    const gr_string *s = &m->strings.items.data[i];
    if (!gr_string_sound(m, i)) gr_verify_fail(v, 1, "", "string %u is out of range", i);
    v->name_offset[i] = (uint32_t)bits;
    if (bits + s->next_number <= most && bits + s->next_number < UINT32_MAX) bits += s->next_number;
  }
  v->name_offset[count] = (uint32_t)bits;
  v->name_bit_count = bits;
  v->name_bits = gr_calloc(m->context, (size_t)(bits / 64 + 1), sizeof *v->name_bits);
  return v->name_bits == NULL ? GRAFT_NO_MEMORY : GRAFT_OK;
}

bool gr_verify_name(gr_verifier *v, gr_name name, bool taken, graft_status *status) {
  if (name.base == 0) return true;
  const uint32_t *offset = &v->name_offset[name.base];
  if (name.number < offset[1] - offset[0]) {
    const uint64_t i = (uint64_t)offset[0] + name.number, mask = (uint64_t)1 << i % 64;
    const bool was = (v->name_bits[i / 64] & mask) != 0;
    if (taken)
      v->name_bits[i / 64] |= mask;
    else
      v->name_bits[i / 64] &= ~mask;
    return !(taken && was);
  }
  const uint64_t key = gr_mix((uint64_t)name.base << 32 | name.number);
  const bool was = gr_map_get(&v->names, key) == 1;
  if ((taken || was) && !gr_map_put(v->module->context, &v->names, key, taken ? 1 : 0)) *status = GRAFT_NO_MEMORY;
  return !(taken && was);
}

/* ---- tensors ---- */

/* Bytes of each type's tensors; -1 where the type is not fully known. */
static int64_t *sizes_of_types(const graft_module *m) {
  int64_t *sizes = gr_alloc(m->context, ((size_t)m->types.len + 1) * sizeof *sizes);
  for (uint32_t i = 0; sizes != NULL && i < m->types.len; ++i) {
    const int64_t elements = graft_type_elements(&m->types.data[i]);
    const int64_t size = (int64_t)graft_dtype_size(m->types.data[i].dtype);
    sizes[i] = elements < 0 || size == 0 || elements > INT64_MAX / size ? -1 : elements * size;
  }
  return sizes;
}

static void check_tensor(gr_verifier *v, const gr_tensor *t, int64_t size) {
  graft_module *m = v->module;
  /* V3: a tensor has a known type, and as many bytes as the type says. */
  if (size < 0)
    gr_verify_fail(v, 3, gr_name_label(m, t->name), "the tensor's type is not fully known");
  else if (t->buffer != NULL && !gr_in_range(gr_tensor_offset(t), (uint64_t)size, t->buffer->size))
    gr_verify_fail(v, 3, gr_name_label(m, t->name), "the tensor has %zu bytes, its type wants %jd", t->buffer->size,
                   size);
  else if (t->buffer == NULL && t->source == GR_TENSOR_DATA && size > 0)
    gr_verify_fail(v, 3, gr_name_label(m, t->name), "the tensor has no data");
  if (t->source == GR_TENSOR_FILL && !gr_is_float(m->types.data[t->type].dtype))
    gr_verify_fail(v, 3, gr_name_label(m, t->name), "a fill is %s", graft_dtype_name(m->types.data[t->type].dtype));
}

#define AHEAD 16 /* tensors whose buffers are fetched meanwhile */

static graft_status check_tensors(gr_verifier *v) {
  graft_module *m = v->module;
  graft_status status = GRAFT_OK;
  int64_t *sizes = sizes_of_types(m);
  if (sizes == NULL) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < m->tensors.len && status == GRAFT_OK; ++i) {
    const gr_tensor *t = &m->tensors.data[i];
    if (i + AHEAD < m->tensors.len) __builtin_prefetch(t[AHEAD].buffer);
    if (t->erased != 0) continue;
    if (t->type >= m->types.len || t->name.base >= m->strings.items.len || t->kind > GRAFT_CONSTANT ||
        t->source > GR_TENSOR_ELIDED || (t->source == GR_TENSOR_FILL && t->fill.base >= m->strings.items.len)) {
      gr_verify_fail(v, 1, "", "tensor %u is out of range", i);
      continue;
    }
    check_tensor(v, t, sizes[t->type]);
    if (!gr_verify_name(v, t->name, true, &status))
      gr_verify_fail(v, 5, gr_name_label(m, t->name), "two tensors have this name");
  }
  gr_free(m->context, sizes, ((size_t)m->types.len + 1) * sizeof *sizes);
  return status;
}

static graft_status check_graph_names(gr_verifier *v) {
  const graft_module *m = v->module;
  gr_map names = {0};
  graft_status status = GRAFT_OK;
  /* V21: graphs have names, no two the same. */
  for (uint32_t i = 0; status == GRAFT_OK && i < m->graphs.len; ++i) {
    const uint32_t name = m->graphs.data[i]->name;
    if (name >= m->strings.items.len) continue; /* V1, with the graph */
    if (name == 0) gr_verify_fail(v, 21, "", "graph %u has no name", i);
    if (gr_map_get(&names, name) != GRAFT_NONE)
      gr_verify_fail(v, 21, "", "two graphs are called '%s'", gr_string_text(m, name));
    if (!gr_map_put(m->context, &names, name, i)) status = GRAFT_NO_MEMORY;
  }
  gr_map_free(m->context, &names);
  return status;
}

graft_status gr_verify_module(gr_verifier *v) {
  const graft_status status = check_strings(v);
  if (status != GRAFT_OK || v->errors > 0) return status;
  check_pools(v);
  check_types(v);
  if (v->errors > 0) return GRAFT_OK;
  check_records(v);
  const graft_status named = check_graph_names(v);
  return named == GRAFT_OK ? check_tensors(v) : named;
}
