/* The public view of graphs, of the order and the limits of their nodes and values, and of who uses a value. */
#include "ir/inspect.h"
#include "ir/ir_int.h"

#include <string.h>

const char *graft_graph_get_name(const graft_graph *g) {
  return GR_IS(g, GRAPH) ? gr_string_text(g->module, g->name) : "";
}
graft_module *graft_graph_get_module(const graft_graph *g) { return GR_IS(g, GRAPH) ? g->module : NULL; }
uint32_t graft_graph_get_index(const graft_graph *g) { return GR_IS(g, GRAPH) ? g->index : GRAFT_NONE; }

graft_graph *graft_module_find_graph(const graft_module *m, const char *name) {
  for (uint32_t i = 0; GR_IS(m, MODULE) && name && i < m->graphs.len; i++)
    if (strcmp(graft_graph_get_name(m->graphs.data[i]), name) == 0) return m->graphs.data[i];
  return NULL;
}

graft_node graft_node_last(const graft_graph *g) { return GR_IS(g, GRAPH) ? g->last : GRAFT_NONE; }
graft_node graft_node_prev(const graft_graph *g, graft_node n) {
  return graft_node_is_live(g, n) ? gr_node_at(g, n)->prev : GRAFT_NONE;
}

/* ---- indices ---- */

uint32_t graft_node_limit(const graft_graph *g) { return GR_IS(g, GRAPH) ? g->nodes.len : 0; }
uint32_t graft_value_limit(const graft_graph *g) { return GR_IS(g, GRAPH) ? g->values.len : 0; }
uint32_t graft_tensor_limit(const graft_module *m) { return GR_IS(m, MODULE) ? m->tensors.len : 0; }
bool graft_node_is_live(const graft_graph *g, graft_node n) { return GR_IS(g, GRAPH) && gr_is_node(g, n); }
bool graft_value_is_live(const graft_graph *g, graft_value v) { return GR_IS(g, GRAPH) && gr_is_value(g, v); }
bool graft_tensor_is_live(const graft_module *m, graft_tensor t) { return GR_IS(m, MODULE) && gr_is_tensor(m, t); }

static graft_tensor live_from(const graft_module *m, graft_tensor t) {
  while (t < graft_tensor_limit(m) && m->tensors.data[t].erased) t++;
  return t < graft_tensor_limit(m) ? t : GRAFT_NONE;
}
graft_tensor graft_tensor_first(const graft_module *m) { return live_from(m, 0); }
graft_tensor graft_tensor_next(const graft_module *m, graft_tensor t) {
  return t == GRAFT_NONE ? GRAFT_NONE : live_from(m, t + 1);
}

uint32_t graft_value_index(const graft_graph *g, graft_value v) {
  if (!graft_value_is_live(g, v)) return GRAFT_NONE;
  const gr_value *value = gr_value_at(g, v);
  if (value->def_kind == GR_DEF_NODE) return v - gr_node_at(g, value->def)->first_result;
  return value->def_kind == GR_DEF_INPUT ? value->def : GRAFT_NONE;
}

/* ---- uses ---- */

static bool is_use(const graft_graph *g, graft_use u) {
  return GR_IS(g, GRAPH) && u < g->uses.len && gr_use_at(g, u)->value != GRAFT_NONE;
}

graft_use graft_value_first_use(const graft_graph *g, graft_value v) {
  return graft_value_is_live(g, v) ? gr_value_at(g, v)->first_use : GRAFT_NONE;
}
graft_use graft_use_next(const graft_graph *g, graft_use u) {
  return is_use(g, u) ? gr_use_at(g, u)->next : GRAFT_NONE;
}

graft_user graft_use_get(const graft_graph *g, graft_use u) {
  if (!is_use(g, u)) return (graft_user){GRAFT_USER_NONE, GRAFT_NONE, GRAFT_NONE, GRAFT_NONE};
  const gr_use *use = gr_use_at(g, u);
  if (gr_user_is_node(use->user)) return (graft_user){GRAFT_USER_NODE, use->value, use->user, gr_use_slot(g, u)};
  const bool update = (use->user & GR_USER_UPDATE) == GR_USER_UPDATE;
  return (graft_user){update ? GRAFT_USER_UPDATE : GRAFT_USER_OUTPUT, use->value, GRAFT_NONE,
                      use->user & GR_USER_INDEX};
}

/* ---- attributes and updates ---- */

uint32_t graft_node_attr_count(const graft_graph *g, graft_node n) {
  uint32_t count = 0;
  if (graft_node_is_live(g, n)) gr_attrs_get(g->module, gr_node_at(g, n)->attrs, &count);
  return count;
}

bool graft_node_attr_get(const graft_graph *g, graft_node n, uint32_t index, graft_attr *attr) {
  if (index >= graft_node_attr_count(g, n)) return false;
  if (attr) *attr = gr_attr_public(g->module, gr_info(g, n), gr_node_at(g, n)->attrs, index);
  return true;
}

uint32_t graft_update_count(const graft_graph *g) { return GR_IS(g, GRAPH) ? g->updates.len : 0; }
graft_tensor graft_update_tensor(const graft_graph *g, uint32_t index) {
  return index < graft_update_count(g) ? g->updates.data[index].tensor : GRAFT_NONE;
}
graft_value graft_update_value(const graft_graph *g, uint32_t index) {
  if (graft_update_tensor(g, index) == GRAFT_NONE) return GRAFT_NONE;
  return gr_use_at(g, g->updates.data[index].use)->value;
}

/* ---- provenance ---- */

graft_record graft_node_get_record(const graft_graph *g, graft_node n) {
  return graft_node_is_live(g, n) ? gr_node_at(g, n)->provenance : 0;
}
uint32_t graft_record_limit(const graft_module *m) { return GR_IS(m, MODULE) ? m->records.len : 0; }

graft_provenance graft_record_get(const graft_module *m, graft_record record) {
  static const graft_record none = 0;
  if (record >= graft_record_limit(m)) return (graft_provenance){"", "", "", "", &none, 0};
  const gr_record *r = gr_record_get(m, record);
  return (graft_provenance){gr_string_text(m, r->source), gr_string_text(m, r->pass),   gr_string_text(m, r->rule),
                            gr_string_text(m, r->equals), gr_record_parents(m, record), r->parent_count};
}

const char *graft_record_source(const graft_module *m, graft_record record) {
  return record < graft_record_limit(m) ? gr_string_text(m, gr_record_source(m, record)) : "";
}
const char *graft_node_source(const graft_graph *g, graft_node n) {
  return graft_node_is_live(g, n) ? graft_record_source(g->module, gr_node_at(g, n)->provenance) : "";
}
