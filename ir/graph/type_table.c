/* The types of a module: checked, interned. */
#include "ir/ir_int.h"

bool gr_type_given(graft_context *c, const graft_type *t, gr_loc where) {
  if (!t) return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "a type is missing"), false;
  if ((unsigned)t->dtype >= GRAFT_DTYPE_COUNT)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "dtype %u is none", (unsigned)t->dtype), false;
  if (t->rank > GRAFT_MAX_RANK)
    return gr_error(c, GRAFT_UNSUPPORTED, where, "rank %d, at most %d is supported", t->rank, GRAFT_MAX_RANK), false;
  if (t->rank < -1)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "rank %d is none, nor unknown (-1)", t->rank), false;
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dims[i] < -1)
      return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "extent %jd of axis %d is none, nor unknown (-1)",
                      (intmax_t)t->dims[i], i),
             false;
  return true;
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
