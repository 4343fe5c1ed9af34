/* Provenance records: interned, each pointing to the records it was made from. */
#include "ir/ir_int.h"

#include <string.h>

static bool same(const graft_module *m, uint32_t id, const gr_record *r, const uint32_t *parents) {
  const gr_record *s = &m->records.data[id];
  if (s->source != r->source || s->pass != r->pass || s->rule != r->rule || s->equals != r->equals ||
      s->parent_count != r->parent_count)
    return false;
  for (uint32_t i = 0; i < r->parent_count; i++)
    if (m->record_parents.data[s->first_parent + i] != parents[i]) return false;
  return true;
}

static uint64_t key_of(const gr_record *r, const uint32_t *parents) {
  uint64_t key = gr_mix((uint64_t)r->source << 32 | r->pass) + gr_mix((uint64_t)r->rule << 32 | r->equals);
  for (uint32_t i = 0; i < r->parent_count; i++) key = gr_mix(key + parents[i]);
  return key;
}

/* Records that a reader appended get their place in the map when somebody looks for one. */
static bool know_all(graft_module *m) {
  if (!gr_map_reserve(m->context, &m->record_ids, m->records.len)) return false;
  for (uint32_t id = m->records_known ? m->records_known : 1; id < m->records.len; id++) {
    const gr_record *r = &m->records.data[id];
    uint64_t key = key_of(r, gr_record_parents(m, id));
    while (gr_map_get(&m->record_ids, key) != GRAFT_NONE) key++;
    if (!gr_map_put(m->context, &m->record_ids, key, id)) return false;
  }
  m->records_known = m->records.len;
  return true;
}

uint32_t gr_record_intern(graft_module *m, const gr_record *r, const uint32_t *parents) {
  graft_context *c = m->context;
  if (m->records_known < m->records.len && !know_all(m)) return GRAFT_NONE;
  uint64_t key = key_of(r, parents);
  uint32_t id;
  for (; (id = gr_map_get(&m->record_ids, key)) != GRAFT_NONE; key++)
    if (same(m, id, r, parents)) return id;
  gr_record record = *r;
  record.first_parent = m->record_parents.len;
  if (!gr_vec_reserve(c, &m->record_parents, r->parent_count) || !gr_vec_reserve(c, &m->records, 1u) ||
      !gr_map_put(c, &m->record_ids, key, m->records.len))
    return GRAFT_NONE;
  m->records.data[m->records.len++] = record;
  m->records_known = m->records.len;
  for (uint32_t i = 0; i < r->parent_count; i++) m->record_parents.data[m->record_parents.len++] = parents[i];
  return m->records.len - 1;
}

const gr_record *gr_record_get(const graft_module *m, uint32_t record) { return &m->records.data[record]; }
const uint32_t *gr_record_parents(const graft_module *m, uint32_t record) {
  return m->record_parents.data + m->records.data[record].first_parent;
}

/* Parents have smaller ids than their children, so this ends. */
uint32_t gr_record_source(const graft_module *m, uint32_t record) {
  while (record && !m->records.data[record].source) {
    const gr_record *r = &m->records.data[record];
    record = r->parent_count ? m->record_parents.data[r->first_parent] : 0;
  }
  return record ? m->records.data[record].source : 0;
}

/* What was dequantized and is quantized once more, to another scale, is called nothing. */
static graft_value unquantized(const graft_graph *g, graft_value v) {
  enum { DEEP = 64 }; /* quantizers in a row */
  uint32_t last = 0;
  for (int i = 0; i < DEEP; i++) {
    const graft_node n = gr_value_node(g, v);
    const gr_op_info *op = n == GRAFT_NONE ? NULL : gr_info(g, n);
    const uint32_t families = op ? op->families & (GR_F_Q | GR_F_DQ | GR_F_FAKE_QUANTIZE) : 0;
    const graft_value x = families ? gr_operand(g, n, 0) : GRAFT_NONE;
    if (x == GRAFT_NONE || gr_value_at(g, x)->def_kind == GR_DEF_TENSOR) break;
    if ((last & GR_F_Q) && (families & GR_F_DQ)) return GRAFT_NONE;
    last = families;
    v = x;
  }
  return v;
}

uint32_t gr_known_as(graft_graph *g, graft_value v) {
  v = unquantized(g, v);
  if (v == GRAFT_NONE) return 0;
  const graft_node n = gr_value_node(g, v);
  const gr_record *r = n == GRAFT_NONE ? NULL : gr_record_get(g->module, gr_node_at(g, n)->provenance);
  /* made of nodes that had no record, it may have none that says more than by whom */
  if (r && r->pass && (r->parent_count || r->equals)) return v == gr_node_at(g, n)->first_result ? r->equals : 0;
  const char *name = gr_value_label(g, v);
  return gr_intern(g->module, name, strlen(name));
}

/* Of the first result that there is; 0: it has none, or no name. */
static uint64_t named_by(const graft_graph *g, graft_node n) {
  for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++) {
    if (gr_result(g, n, i) == GRAFT_NONE) continue;
    const gr_name name = gr_value_get_name(g, gr_result(g, n, i));
    return (uint64_t)name.base << 32 | name.number;
  }
  return 0;
}

bool gr_why_set(graft_graph *g, graft_node n, const char *why) {
  graft_module *m = g->module;
  const uint64_t name = named_by(g, n);
  const uint32_t text = gr_intern(m, why, strlen(why));
  return text != GRAFT_NONE && (name == 0 || gr_map_put(m->context, &m->whys, name, text));
}

const char *gr_why(const graft_graph *g, graft_node n) {
  const uint64_t name = named_by(g, n);
  const uint32_t text = name == 0 ? GRAFT_NONE : gr_map_get(&g->module->whys, name);
  return text == GRAFT_NONE ? NULL : gr_string_text(g->module, text);
}
