/* Compaction: erased nodes, uses, values and tensors go, the rest is renumbered in graph order. */
#include "ir/ir_int.h"

#include <assert.h>
#include <string.h>

/* Old index -> new index; GRAFT_NONE: dropped. */
typedef struct maps {
  uint32_t *uses, *values;
} maps;

/* New, dense arrays of one graph, built beside the old ones: of all graphs, before any changes. */
typedef struct dense {
  GR_VEC(gr_node) nodes;
  GR_VEC(gr_use) uses;
  GR_VEC(gr_value) values;
  gr_tensor_handles handles;
  GR_VEC(uint32_t) spec_of_use;
  GR_VEC(uint32_t) spec_of_value;
  GR_VEC(uint32_t) origin_of_use;
  GR_VEC(uint32_t) origin_of_value;
  GR_VEC(void *) users;
  maps map;
} dense;

static uint32_t *new_map(graft_context *c, uint32_t n) {
  uint32_t *map = gr_alloc(c, ((size_t)n + 1) * sizeof *map);
  if (map) memset(map, 0xff, ((size_t)n + 1) * sizeof *map);
  return map;
}

static void add_value(const graft_graph *g, dense *d, maps *map, graft_value v, uint32_t def) {
  gr_value value = *gr_value_at(g, v);
  value.def = def & 0x3FFFFFFFu;
  value.first_use = GRAFT_NONE;
  map->values[v] = d->values.len;
  assert(d->values.data); /* reserved for all of them */
  d->values.data[d->values.len++] = value;
}

/* A use in its new place; linked by relink. */
static uint32_t add_use(graft_graph *g, dense *d, maps *map, uint32_t use, uint32_t user) {
  map->uses[use] = d->uses.len;
  assert(d->uses.data);
  d->uses.data[d->uses.len++] = (gr_use){gr_use_at(g, use)->value, user, GRAFT_NONE, GRAFT_NONE};
  return d->uses.len - 1;
}

/* Use lists keep the order they had (newest first): walk each value's old list. */
static void relink(graft_graph *g, dense *d, const maps *map) {
  for (graft_value old = 0; old < g->values.len; old++) {
    uint32_t v = map->values[old], prev = GRAFT_NONE;
    if (v == GRAFT_NONE) continue;
    for (uint32_t u = gr_value_at(g, old)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
      uint32_t n = map->uses[u];
      gr_use *use = &d->uses.data[n];
      use->value = v;
      use->prev = prev;
      if (prev == GRAFT_NONE)
        d->values.data[v].first_use = n;
      else
        d->uses.data[prev].next = n;
      prev = n;
    }
  }
}

static graft_status remap_specs(graft_graph *g, dense *d) {
  graft_module *m = g->module;
  const maps *map = &d->map;
  const uint32_t uses = d->uses.len, values = d->values.len;
  graft_context *c = m->context;
  gr_map done = {0}; /* old spec -> new spec */
  graft_status status = GRAFT_OK;
  GR_VEC(gr_spec_ref) refs = {0};
  if (!gr_vec_reserve(c, &d->spec_of_use, uses) || !gr_vec_reserve(c, &d->spec_of_value, values))
    status = GRAFT_NO_MEMORY;
  if (status == GRAFT_OK) {
    if (uses) memset(d->spec_of_use.data, 0, uses * sizeof *d->spec_of_use.data);
    if (values) memset(d->spec_of_value.data, 0, values * sizeof *d->spec_of_value.data);
    d->spec_of_use.len = uses;
    d->spec_of_value.len = values;
  }
  for (uint32_t pass = 0; pass < 2 && status == GRAFT_OK; pass++) {
    uint32_t len = pass ? g->spec_of_value.len : g->spec_of_use.len;
    for (uint32_t i = 0; i < len && status == GRAFT_OK; i++) {
      uint32_t spec = pass ? g->spec_of_value.data[i] : g->spec_of_use.data[i],
               at = (pass ? map->values : map->uses)[i];
      if (!spec || at == GRAFT_NONE) continue;
      uint32_t now = gr_map_get(&done, spec);
      if (now == GRAFT_NONE) {
        gr_spec s = m->specs.data[spec];
        refs.len = 0;
        for (uint32_t k = 0; k < s.ref_count && status == GRAFT_OK; k++) {
          gr_spec_ref r = m->spec_refs.data[s.first_ref + k];
          uint32_t to = (r.is_value ? map->values : map->uses)[r.id];
          if (to == GRAFT_NONE) continue; /* what it shared with is gone */
          r.id = to;
          if (!gr_vec_push(c, &refs, r)) status = GRAFT_NO_MEMORY;
        }
        if (status != GRAFT_OK) break;
        now = s.ref_count ? refs.len ? gr_spec_intern(m, s.kind, s.attrs, refs.data, refs.len) : 0 : spec;
        if (now == GRAFT_NONE || !gr_map_put(c, &done, spec, now)) status = GRAFT_NO_MEMORY;
      }
      if (status != GRAFT_OK) break;
      uint32_t *specs = pass ? d->spec_of_value.data : d->spec_of_use.data;
      assert(specs);
      specs[at] = now;
    }
  }
  gr_vec_free(c, &refs);
  gr_map_free(c, &done);
  return status;
}

/* As many new numbers, the old ones at their new places, into `now`; NULL where there are none. False: no memory. */
static bool move_numbers(graft_context *c, const uint32_t *old, uint32_t old_count, const uint32_t *map, uint32_t count,
                         uint32_t **now) {
  *now = old_count && count ? gr_calloc(c, count, sizeof **now) : NULL;
  if (!*now) return old_count == 0 || count == 0;
  for (uint32_t i = 0; i < old_count; i++)
    if (map[i] != GRAFT_NONE) (*now)[map[i]] = old[i];
  return true;
}

/* Who said the specs. */
static bool move_origins(const graft_graph *g, dense *d) {
  graft_context *c = g->module->context;
  const uint32_t uses = d->uses.len, values = d->values.len;
  uint32_t *of_use = NULL, *of_value = NULL;
  if (!move_numbers(c, g->origin_of_use.data, g->origin_of_use.len, d->map.uses, uses, &of_use)) return false;
  if (of_use) d->origin_of_use.len = d->origin_of_use.cap = uses;
  d->origin_of_use.data = of_use;
  if (!move_numbers(c, g->origin_of_value.data, g->origin_of_value.len, d->map.values, values, &of_value)) return false;
  if (of_value) d->origin_of_value.len = d->origin_of_value.cap = values;
  d->origin_of_value.data = of_value;
  return true;
}

/* Numbers the handles in the order of their tensors. */
static bool move_handles(const graft_graph *g, const uint32_t *tensors, dense *d, gr_held_list *held) {
  if (!gr_handles_list(g, held)) return false;
  uint32_t count = 0, end = 0;
  for (uint32_t i = 0; i < held->len; i++) {
    const graft_tensor now = tensors[held->data[i].tensor];
    if (now == GRAFT_NONE) continue;
    count++;
    end = now + 1;
  }
  if (!gr_handles_create(g->module->context, &d->handles, count, end)) return false;
  for (uint32_t i = 0; i < held->len; i++) {
    const graft_tensor now = tensors[held->data[i].tensor];
    if (now == GRAFT_NONE) continue;
    add_value(g, d, &d->map, held->data[i].value, now);
    gr_handles_put(&d->handles, now, d->map.values[held->data[i].value]);
  }
  return true;
}

static graft_status make_dense(graft_graph *g, const uint32_t *tensors, dense *d, gr_held_list *held) {
  graft_context *c = g->module->context;
  maps *map = &d->map;
  map->uses = new_map(c, g->uses.len);
  map->values = new_map(c, g->values.len);
  if (!map->uses || !map->values || !gr_vec_reserve(c, &d->nodes, g->live) ||
      !gr_vec_reserve(c, &d->uses, g->uses.len) || !gr_vec_reserve(c, &d->values, g->values.len) ||
      !gr_vec_reserve(c, &d->users, g->users.len ? g->live : 0u))
    return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < g->inputs.len; i++) add_value(g, d, map, g->inputs.data[i], i);
  if (!move_handles(g, tensors, d, held)) return GRAFT_NO_MEMORY;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    gr_node node = *gr_node_at(g, n);
    uint32_t id = d->nodes.len, first_use = d->uses.len, first_result = d->values.len;
    for (uint32_t i = 0; i < node.operand_count; i++) add_use(g, d, map, node.first_use + i, id);
    for (uint32_t i = 0; i < node.result_count; i++) add_value(g, d, map, node.first_result + i, id);
    node.first_use = first_use;
    node.first_result = first_result;
    node.prev = id ? id - 1 : GRAFT_NONE;
    node.next = id + 1 < g->live ? id + 1 : GRAFT_NONE;
    d->nodes.data[d->nodes.len++] = node;
    if (g->users.len) d->users.data[d->users.len++] = n < g->users.len ? g->users.data[n] : NULL;
  }
  uint32_t updates = 0;
  for (uint32_t i = 0; i < g->outputs.len; i++) add_use(g, d, map, g->outputs.data[i].use, GR_USER_OUTPUT | i);
  for (uint32_t i = 0; i < g->updates.len; i++)
    if (g->updates.data[i].tensor != GRAFT_NONE) add_use(g, d, map, g->updates.data[i].use, GR_USER_UPDATE | updates++);
  relink(g, d, map);
  if (!move_origins(g, d)) return GRAFT_NO_MEMORY;
  return g->spec_of_use.len || g->spec_of_value.len ? remap_specs(g, d) : GRAFT_OK;
}

/* Fails no more: the graph takes the new arrays. */
static void take_dense(graft_graph *g, const uint32_t *tensors, dense *d) {
  graft_context *c = g->module->context;
  const maps *map = &d->map;
  for (uint32_t i = 0; i < g->outputs.len; i++) g->outputs.data[i].use = map->uses[g->outputs.data[i].use];
  uint32_t updates = 0;
  for (uint32_t i = 0; i < g->updates.len; i++) {
    gr_update u = g->updates.data[i];
    if (u.tensor != GRAFT_NONE) g->updates.data[updates++] = (gr_update){map->uses[u.use], tensors[u.tensor]};
  }
  g->updates.len = updates;
  for (uint32_t i = 0; i < g->inputs.len; i++) g->inputs.data[i] = i;
#define TAKE(field) \
  gr_vec_free(c, &g->field); \
  memcpy(&g->field, &d->field, sizeof d->field); \
  memset(&d->field, 0, sizeof d->field)
  gr_free(c, map->uses, ((size_t)g->uses.len + 1) * 4);
  gr_free(c, map->values, ((size_t)g->values.len + 1) * 4);
  d->map = (maps){0};
  TAKE(nodes);
  TAKE(uses);
  TAKE(values);
  TAKE(handles);
  gr_referred_forget(g);
  TAKE(spec_of_use);
  TAKE(spec_of_value);
  TAKE(origin_of_use);
  TAKE(origin_of_value);
  TAKE(users);
#undef TAKE
  g->edits++;
  g->module->edits++;
  g->first = g->live ? 0 : GRAFT_NONE;
  g->last = g->live ? g->live - 1 : GRAFT_NONE;
  gr_map_free(c, &g->names);
  g->names_built = false;
  gr_map_free(c, &g->updated);
  gr_vec_free(c, &g->order);
}

static void drop_dense(const graft_graph *g, dense *d) {
  graft_context *c = g->module->context;
  gr_free(c, d->map.uses, ((size_t)g->uses.len + 1) * 4);
  gr_free(c, d->map.values, ((size_t)g->values.len + 1) * 4);
  gr_vec_free(c, &d->nodes);
  gr_vec_free(c, &d->uses);
  gr_vec_free(c, &d->values);
  gr_vec_free(c, &d->handles);
  gr_vec_free(c, &d->spec_of_use);
  gr_vec_free(c, &d->spec_of_value);
  gr_vec_free(c, &d->origin_of_use);
  gr_vec_free(c, &d->origin_of_value);
  gr_vec_free(c, &d->users);
}

static void compact_tensors(graft_module *m, const uint32_t *tensors, uint32_t kept) {
  graft_context *c = m->context;
  for (uint32_t i = 0; i < m->constants.slot_count; i++) {
    gr_map_slot *s = &m->constants.slots[i];
    /* A constant that went leaves its slot taken by a tensor that is not equal: gr_constant compares before it
     * believes. */
    if (s->value == GRAFT_NONE) continue;
    s->value = s->value < m->tensors.len && tensors[s->value] != GRAFT_NONE ? tensors[s->value] : 0;
  }
  for (graft_tensor t = 0; t < m->tensors.len; t++)
    if (tensors[t] != GRAFT_NONE) m->tensors.data[tensors[t]] = m->tensors.data[t];
  m->tensors.len = kept;
  gr_map_free(c, &m->tensor_names);
  m->tensor_names_built = false;
  gr_holders_drop(m);
  if (kept == 0) gr_map_free(c, &m->constants);
}

graft_status graft_module_compact(graft_module *m) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  graft_context *c = m->context;
  if (m->undo.open || m->pipelines) /* what is written down are numbers */
    return gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "a pass is at work: compact before or after it");
  if (!gr_undo_room(m, 0)) return GRAFT_INVALID_ARGUMENT;
  uint32_t *tensors = new_map(c, m->tensors.len), kept = 0;
  const size_t bytes = ((size_t)m->tensors.len + 1) * 4;
  dense *all = gr_calloc(c, m->graphs.len, sizeof *all);
  gr_held_list held = {0};
  graft_status status = tensors && all ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (graft_tensor t = 0; t < m->tensors.len && status == GRAFT_OK; t++)
    if (!m->tensors.data[t].erased) tensors[t] = kept++;
  for (uint32_t i = 0; i < m->graphs.len && status == GRAFT_OK; i++)
    status = make_dense(m->graphs.data[i], tensors, &all[i], &held);
  for (uint32_t i = 0; i < m->graphs.len && status == GRAFT_OK; i++) take_dense(m->graphs.data[i], tensors, &all[i]);
  for (uint32_t i = 0; all && i < m->graphs.len && status != GRAFT_OK; i++) drop_dense(m->graphs.data[i], &all[i]);
  if (status == GRAFT_OK) compact_tensors(m, tensors, kept);
  gr_vec_free(c, &held);
  gr_free(c, all, m->graphs.len * sizeof *all);
  gr_free(c, tensors, bytes);
  return status;
}
