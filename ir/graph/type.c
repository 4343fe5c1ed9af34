/* Tensor types, interned in the module. */
#include "ir/ir_int.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  size_t size;
  int64_t least, greatest;
} dtypes[GRAFT_DTYPE_COUNT] = {
#define ELEMENT(id, text, bytes, low, high) [GRAFT_##id] = {text, bytes, low, high},
#include "ir/dtypes.def"
#undef ELEMENT
};

const char *graft_dtype_name(graft_dtype dtype) {
  return (unsigned)dtype < GRAFT_DTYPE_COUNT ? dtypes[dtype].name : "?";
}
graft_dtype gr_dtype_find(const char *name, size_t length) {
  for (int d = GRAFT_F32; d < GRAFT_DTYPE_COUNT; d++)
    if (strlen(dtypes[d].name) == length && memcmp(dtypes[d].name, name, length) == 0) return (graft_dtype)d;
  return GRAFT_UNKNOWN;
}
size_t graft_dtype_size(graft_dtype dtype) { return (unsigned)dtype < GRAFT_DTYPE_COUNT ? dtypes[dtype].size : 0; }

graft_type graft_type_make(graft_dtype dtype, int32_t rank, const int64_t *dims) {
  graft_type t = {.dtype = dtype, .rank = rank < -1 ? -1 : rank > GRAFT_MAX_RANK ? GRAFT_MAX_RANK : rank};
  for (int32_t i = 0; i < t.rank; i++) t.dims[i] = dims[i];
  return t;
}

int64_t graft_type_elements(const graft_type *t) {
  if (t->rank < 0) return -1;
  bool empty = false;
  for (int32_t i = 0; i < t->rank; i++) {
    if (t->dims[i] < 0) return -1;
    if (t->dims[i] == 0) empty = true;
  }
  if (empty) return 0;
  int64_t n = 1;
  for (int32_t i = 0; i < t->rank; i++) {
    if (t->dims[i] > (INT64_C(1) << 62) / n) return -1;
    n *= t->dims[i];
  }
  return n;
}

bool gr_type_equal(const graft_type *a, const graft_type *b) {
  if (a->dtype != b->dtype || a->rank != b->rank) return false;
  for (int32_t i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i]) return false;
  return true;
}

bool gr_type_compatible(const graft_type *a, const graft_type *b) {
  if (a->dtype != b->dtype && a->dtype != GRAFT_UNKNOWN && b->dtype != GRAFT_UNKNOWN) return false;
  if (a->rank < 0 || b->rank < 0) return true;
  if (a->rank != b->rank) return false;
  for (int32_t i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i] && a->dims[i] >= 0 && b->dims[i] >= 0) return false;
  return true;
}

bool gr_dtype_range(graft_dtype dtype, int64_t *low, int64_t *high) {
  if ((unsigned)dtype >= GRAFT_DTYPE_COUNT || dtypes[dtype].least >= dtypes[dtype].greatest) return false;
  *low = dtypes[dtype].least;
  *high = dtypes[dtype].greatest;
  return true;
}

size_t gr_type_format(const graft_type *t, char *buffer, size_t size) {
  char text[GR_TYPE_SIZE];
  int n = snprintf(text, sizeof text, t->rank < 0 ? "%s[*" : "%s[", graft_dtype_name(t->dtype));
  for (int32_t i = 0; i < t->rank; i++)
    n += t->dims[i] < 0 ? snprintf(text + n, sizeof text - (size_t)n, "%s?", i ? ", " : "")
                        : snprintf(text + n, sizeof text - (size_t)n, "%s%jd", i ? ", " : "", (intmax_t)t->dims[i]);
  return (size_t)snprintf(buffer, size, "%s]", text);
}

static uint32_t hash_type(const graft_type *t) {
  uint64_t h = (uint64_t)t->dtype << 8 ^ (uint64_t)(t->rank + 1);
  for (int32_t i = 0; i < t->rank; i++) h = (h ^ (uint64_t)t->dims[i]) * 0x9e3779b97f4a7c15u;
  return (uint32_t)(h ^ h >> 32);
}

static bool rehash(graft_module *m) {
  uint32_t count = m->type_slot_count ? m->type_slot_count * 2 : 32;
  uint32_t *slots = gr_calloc(m->context, count, sizeof *slots);
  if (!slots) return false;
  for (uint32_t id = 0; id < m->types.len; id++) {
    uint32_t i = hash_type(&m->types.data[id]) & (count - 1);
    while (slots[i]) i = (i + 1) & (count - 1);
    slots[i] = id + 1;
  }
  gr_free(m->context, m->type_slots, (size_t)m->type_slot_count * sizeof *slots);
  m->type_slots = slots;
  m->type_slot_count = count;
  return true;
}

bool gr_type_fits(const graft_type *t) {
  int64_t n = 1;
  for (int32_t i = 0; i < t->rank; i++) {
    if (t->dims[i] > 0 && t->dims[i] > GR_MAX_ELEMENTS / n) return false;
    if (t->dims[i] > 0) n *= t->dims[i];
  }
  return true;
}

uint32_t gr_type_intern_at(graft_module *m, const graft_type *t, gr_loc where) {
  if (!gr_type_fits(t)) {
    char text[32 + 24 * GRAFT_MAX_RANK];
    gr_type_format(t, text, sizeof text);
    gr_error(m->context, GRAFT_TYPE, where, "%s is too large: extents other than 0 multiply to at most 2^48", text);
    return GRAFT_NONE;
  }
  if ((m->types.len + 1) * 4u > m->type_slot_count * 3u && !rehash(m)) return GRAFT_NONE;
  uint32_t mask = m->type_slot_count - 1, i = hash_type(t) & mask;
  for (; m->type_slots[i]; i = (i + 1) & mask)
    if (gr_type_equal(&m->types.data[m->type_slots[i] - 1], t)) return m->type_slots[i] - 1;
  graft_type clean = graft_type_make(t->dtype, t->rank, t->dims);
  if (!gr_vec_push(m->context, &m->types, clean)) return GRAFT_NONE;
  m->type_slots[i] = m->types.len;
  return m->types.len - 1;
}
