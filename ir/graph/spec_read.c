/* Annotations as embedders read them: what is at a place, and all places in order. */
#include "ir/annotations.h"
#include "ir/ir_int.h"

#include <string.h>

graft_place graft_place_value(graft_value v) { return (graft_place){v, GRAFT_NONE, 0}; }
graft_place graft_place_edge(graft_node n, uint32_t slot) { return (graft_place){GRAFT_NONE, n, slot}; }

gr_spec_ref gr_spec_place(const graft_graph *g, graft_place place) {
  if (place.value != GRAFT_NONE) return (gr_spec_ref){true, gr_is_value(g, place.value) ? place.value : GRAFT_NONE};
  if (!gr_is_node(g, place.node) || gr_operand(g, place.node, place.slot) == GRAFT_NONE)
    return (gr_spec_ref){false, GRAFT_NONE};
  return (gr_spec_ref){false, gr_node_at(g, place.node)->first_use + place.slot};
}

uint32_t gr_spec_at(const graft_graph *g, gr_spec_ref place) {
  if (place.id == GRAFT_NONE) return 0;
  return place.is_value ? gr_spec_of_value(g, place.id) : gr_spec_of_use(g, place.id);
}

static const graft_place nowhere = {GRAFT_NONE, GRAFT_NONE, 0};

static graft_place place_of(const graft_graph *g, const gr_spec_ref *r) {
  if (r->is_value) return gr_is_value(g, r->id) ? graft_place_value(r->id) : nowhere;
  if (r->id >= g->uses.len || gr_use_at(g, r->id)->value == GRAFT_NONE || !gr_user_is_node(gr_use_at(g, r->id)->user))
    return nowhere;
  return graft_place_edge(gr_use_at(g, r->id)->user, gr_use_slot(g, r->id));
}

/* ---- one place ---- */

uint32_t graft_spec_id(const graft_graph *g, graft_place place) {
  return GR_IS(g, GRAPH) ? gr_spec_at(g, gr_spec_place(g, place)) : 0;
}

static const gr_spec *spec_at(const graft_graph *g, graft_place place) {
  const uint32_t id = graft_spec_id(g, place);
  return id ? gr_spec_get(g->module, id) : NULL;
}

const char *graft_spec_kind(const graft_graph *g, graft_place place) {
  const gr_spec *s = spec_at(g, place);
  return s ? gr_spec_info(s->kind)->name : "";
}

uint32_t graft_spec_attr_count(const graft_graph *g, graft_place place) {
  const gr_spec *s = spec_at(g, place);
  return s ? gr_spec_info(s->kind)->attr_count : 0;
}

bool graft_spec_attr_get(const graft_graph *g, graft_place place, uint32_t index, graft_attr *attr) {
  const gr_spec *s = spec_at(g, place);
  if (!s || index >= gr_spec_info(s->kind)->attr_count) return false;
  if (attr) *attr = gr_attr_public(g->module, gr_spec_info(s->kind), s->attrs, index);
  return true;
}

bool graft_spec_attr(const graft_graph *g, graft_place place, const char *name, graft_attr *attr) {
  const gr_spec *s = name ? spec_at(g, place) : NULL;
  const int slot = s ? gr_op_attr_slot(gr_spec_info(s->kind), name, strlen(name)) : -1;
  return slot >= 0 && graft_spec_attr_get(g, place, (uint32_t)slot, attr);
}

uint32_t graft_spec_place_count(const graft_graph *g, graft_place place) {
  const gr_spec *s = spec_at(g, place);
  return s ? s->ref_count : 0;
}

graft_place graft_spec_place(const graft_graph *g, graft_place place, uint32_t index) {
  const uint32_t id = graft_spec_id(g, place);
  return index < graft_spec_place_count(g, place) ? place_of(g, &gr_spec_refs(g->module, id)[index]) : nowhere;
}

const char *graft_spec_origin(const graft_graph *g, graft_place place) {
  return graft_spec_id(g, place) ? gr_string_text(g->module, gr_spec_origin(g, gr_spec_place(g, place))) : "";
}

bool graft_is_annotated(const graft_graph *g, graft_node n) {
  return GR_IS(g, GRAPH) && gr_is_node(g, n) && gr_is_annotated(g, n);
}

/* ---- all places ---- */

/* From step `step` of node `n` on; steps are its operands, then its results. */
static bool from_node(const graft_graph *g, graft_node n, uint32_t step, graft_place *at) {
  for (; n != GRAFT_NONE; n = gr_node_at(g, n)->next, step = 0) {
    const gr_node *node = gr_node_at(g, n);
    for (; step < node->operand_count; step++)
      if (gr_spec_of_use(g, node->first_use + step)) return *at = graft_place_edge(n, step), true;
    for (uint32_t i = step - node->operand_count; i < node->result_count; i++)
      if (gr_spec_of_value(g, node->first_result + i)) return *at = graft_place_value(node->first_result + i), true;
  }
  return *at = nowhere, false;
}

/* Of the values that no node makes, from `v` on, then of nodes. */
static bool from_value(const graft_graph *g, graft_value v, graft_place *at) {
  for (; v < g->spec_of_value.len; v++)
    if (g->spec_of_value.data[v] && gr_is_value(g, v) && gr_value_node(g, v) == GRAFT_NONE)
      return *at = graft_place_value(v), true;
  return from_node(g, g->spec_of_use.len || g->spec_of_value.len ? g->first : GRAFT_NONE, 0, at);
}

bool graft_spec_first(const graft_graph *g, graft_place *at) {
  if (!at) return false;
  if (!GR_IS(g, GRAPH)) return *at = nowhere, false;
  return from_value(g, 0, at);
}

bool graft_spec_next(const graft_graph *g, graft_place *at) {
  if (!at) return false;
  if (!GR_IS(g, GRAPH) || gr_spec_place(g, *at).id == GRAFT_NONE) return *at = nowhere, false;
  if (at->value == GRAFT_NONE) return from_node(g, at->node, at->slot + 1, at);
  const graft_node n = gr_value_node(g, at->value);
  if (n == GRAFT_NONE) return from_value(g, at->value + 1, at);
  const gr_node *node = gr_node_at(g, n);
  return from_node(g, n, node->operand_count + (at->value - node->first_result) + 1, at);
}
