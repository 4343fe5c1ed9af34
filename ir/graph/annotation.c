/* Quantization annotations: interned specs, and the two side arrays that say which edge or value has which. */
#include "ir/ir_int.h"

#include <string.h>

static bool same(const graft_module *m, uint32_t id, uint32_t kind, uint32_t attrs, const gr_spec_ref *refs,
                 uint32_t count) {
  const gr_spec *s = &m->specs.data[id];
  if (s->kind != kind || s->attrs != attrs || s->ref_count != count) return false;
  for (uint32_t i = 0; i < count; i++) {
    const gr_spec_ref *r = &m->spec_refs.data[s->first_ref + i];
    if (r->is_value != refs[i].is_value || r->id != refs[i].id) return false;
  }
  return true;
}

uint32_t gr_spec_intern(graft_module *m, uint32_t kind, uint32_t attrs, const gr_spec_ref *refs, uint32_t ref_count) {
  graft_context *c = m->context;
  uint64_t key = gr_mix((uint64_t)kind << 32 | attrs);
  for (uint32_t i = 0; i < ref_count; i++) key = gr_mix(key + ((uint64_t)refs[i].is_value << 32 | refs[i].id));
  uint32_t id;
  for (; (id = gr_map_get(&m->spec_ids, key)) != GRAFT_NONE; key++)
    if (same(m, id, kind, attrs, refs, ref_count)) return id;
  gr_spec s = {.kind = kind, .attrs = attrs, .first_ref = m->spec_refs.len, .ref_count = ref_count};
  if (!gr_vec_reserve(c, &m->spec_refs, ref_count) || !gr_vec_reserve(c, &m->specs, 1u) ||
      !gr_map_put(c, &m->spec_ids, key, m->specs.len))
    return GRAFT_NONE;
  m->specs.data[m->specs.len++] = s;
  for (uint32_t i = 0; i < ref_count; i++) m->spec_refs.data[m->spec_refs.len++] = refs[i];
  return m->specs.len - 1;
}

const gr_spec *gr_spec_get(const graft_module *m, uint32_t spec) { return &m->specs.data[spec]; }
const gr_spec_ref *gr_spec_refs(const graft_module *m, uint32_t spec) {
  return m->spec_refs.data + m->specs.data[spec].first_ref;
}

/* Arrays of one length with uses and values: grown to all of them at once, so that setting each is O(1). */
#define SET(array, id, index, total, spec) \
  if ((index) >= (array).len) { \
    if ((spec) == 0) return GRAFT_OK; \
    if (!gr_vec_reserve(g->module->context, &(array), (total) - (array).len)) return GRAFT_NO_MEMORY; \
    memset((array).data + (array).len, 0, ((total) - (array).len) * sizeof *(array).data); \
    (array).len = (total); \
  } \
  if (!gr_undo_room(g->module, 1)) return GRAFT_NO_MEMORY; \
  gr_undo_item(g, id, index); \
  (array).data[index] = (spec)

graft_status gr_spec_set_use(graft_graph *g, uint32_t use, uint32_t spec) {
  const uint32_t old = gr_spec_of_use(g, use);
  SET(g->spec_of_use, GR_SPEC_OF_USE, use, g->uses.len, spec);
  gr_referred_change(g, old, spec);
  return GRAFT_OK;
}

graft_status gr_spec_set_value(graft_graph *g, graft_value v, uint32_t spec) {
  const uint32_t old = gr_spec_of_value(g, v);
  SET(g->spec_of_value, GR_SPEC_OF_VALUE, v, g->values.len, spec);
  gr_referred_change(g, old, spec);
  return GRAFT_OK;
}

graft_status gr_spec_set_origin(graft_graph *g, gr_spec_ref place, uint32_t origin) {
  if (place.is_value) {
    SET(g->origin_of_value, GR_ORIGIN_OF_VALUE, place.id, g->values.len, origin);
    return GRAFT_OK;
  }
  SET(g->origin_of_use, GR_ORIGIN_OF_USE, place.id, g->uses.len, origin);
  return GRAFT_OK;
}

uint32_t gr_spec_origin(const graft_graph *g, gr_spec_ref place) {
  uint32_t origin = 0;
  if (place.is_value && place.id < g->origin_of_value.len) origin = g->origin_of_value.data[place.id];
  if (!place.is_value && place.id < g->origin_of_use.len) origin = g->origin_of_use.data[place.id];
  return origin < g->module->strings.items.len ? origin : 0;
}

/* The spec with its references to uses from..from+count moved to `to`; GRAFT_NONE: no memory. */
static uint32_t moved(graft_module *m, uint32_t id, uint32_t from, uint32_t to, uint32_t count) {
  const gr_spec s = m->specs.data[id];
  bool any = false;
  for (uint32_t i = 0; i < s.ref_count; i++)
    any |= !gr_spec_refs(m, id)[i].is_value && gr_spec_refs(m, id)[i].id - from < count;
  if (!any) return id;
  gr_spec_ref *refs = gr_alloc(m->context, s.ref_count * sizeof *refs);
  if (!refs) return GRAFT_NONE;
  for (uint32_t i = 0; i < s.ref_count; i++) {
    refs[i] = gr_spec_refs(m, id)[i];
    if (!refs[i].is_value && refs[i].id - from < count) refs[i].id += to - from;
  }
  const uint32_t now = gr_spec_intern(m, s.kind, s.attrs, refs, s.ref_count);
  gr_free(m->context, refs, s.ref_count * sizeof *refs);
  return now;
}

graft_status gr_spec_move_uses(graft_graph *g, uint32_t from, uint32_t to, uint32_t count) {
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; from != to && i < g->spec_of_use.len && !status; i++) {
    const uint32_t spec = gr_spec_of_use(g, i), now = spec ? moved(g->module, spec, from, to, count) : 0;
    if (now != spec) status = now == GRAFT_NONE ? GRAFT_NO_MEMORY : gr_spec_set_use(g, i, now);
  }
  for (graft_value i = 0; from != to && i < g->spec_of_value.len && !status; i++) {
    const uint32_t spec = gr_spec_of_value(g, i), now = spec ? moved(g->module, spec, from, to, count) : 0;
    if (now != spec) status = now == GRAFT_NONE ? GRAFT_NO_MEMORY : gr_spec_set_value(g, i, now);
  }
  return status;
}

void gr_spec_clear(graft_graph *g) {
  if (!gr_undo_room(g->module, 4)) return;
  gr_referred_forget(g);
  for (uint32_t a = GR_SPEC_OF_USE; a <= GR_ORIGIN_OF_VALUE; a++) gr_undo_array(g, (gr_array_of)a);
  g->spec_of_use.len = g->spec_of_value.len = g->origin_of_use.len = g->origin_of_value.len = 0;
}

bool gr_has_specs(const graft_graph *g) {
  for (uint32_t i = 0; i < g->spec_of_use.len; i++)
    if (g->spec_of_use.data[i]) return true;
  for (uint32_t i = 0; i < g->spec_of_value.len; i++)
    if (g->spec_of_value.data[i]) return true;
  return false;
}

bool gr_is_annotated(const graft_graph *g, graft_node n) {
  const gr_node *node = gr_node_at(g, n);
  for (uint32_t i = 0; i < node->operand_count; i++)
    if (gr_spec_of_use(g, node->first_use + i)) return true;
  for (uint32_t i = 0; i < node->result_count; i++)
    if (gr_spec_of_value(g, node->first_result + i)) return true;
  return false;
}
