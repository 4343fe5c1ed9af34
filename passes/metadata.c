/* port-metadata: quantize and dequantize nodes belong to the op that they serve. A dequantize takes the source of the
 * one annotated node that reads it, a quantize that of the node whose result it quantizes; in
 *
 *     Q -> [DQ -> conv -> Q] -> [DQ -> pool -> Q] -> DQ
 *
 * the brackets show who goes with whom. The first and the last belong to nobody. Own records stay as second parents. */
#include <string.h>

#include "passes/passes_int.h"

/* The op that the node serves; GRAFT_NONE: none. */
static graft_node served_by(const graft_graph *g, const uint8_t *annotated, graft_node n) {
  uint32_t families = gr_node_families(g, n);
  if (families & GR_F_Q) {
    graft_value x = gr_operand(g, n, 0);
    graft_node maker = x == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, x);
    return maker != GRAFT_NONE && !(gr_node_families(g, maker) & (GR_F_Q | GR_F_DQ)) ? maker : GRAFT_NONE;
  }
  graft_value y = (families & GR_F_DQ) ? gr_result(g, n, 0) : GRAFT_NONE;
  if (y == GRAFT_NONE || !gr_one_use(g, y)) return GRAFT_NONE;
  uint32_t user = gr_use_at(g, gr_value_at(g, y)->first_use)->user;
  return gr_user_is_node(user) && annotated[user] ? user : GRAFT_NONE;
}

/* An earlier convert has done it already. */
static bool is_ported(const graft_module *m, uint32_t record, uint32_t pass, uint32_t theirs) {
  const gr_record *r = record ? gr_record_get(m, record) : NULL;
  return r && r->pass == pass && r->parent_count && gr_record_parents(m, record)[0] == theirs;
}

static graft_status port(gr_pass *p, graft_graph *g, const uint8_t *annotated, uint32_t pass) {
  graft_module *m = p->module;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    graft_node served = served_by(g, annotated, n);
    uint32_t theirs = served == GRAFT_NONE ? 0 : gr_node_at(g, served)->provenance, own = gr_node_at(g, n)->provenance;
    if (!theirs || theirs == own || is_ported(m, own, pass, theirs)) continue;
    uint32_t parents[] = {theirs, own};
    gr_record r = {.pass = pass, .parent_count = own ? 2 : 1};
    uint32_t record = gr_record_intern(m, &r, parents);
    if (record == GRAFT_NONE || gr_node_set_provenance(g, n, record) != GRAFT_OK) return GRAFT_NO_MEMORY;
    gr_count(p, "nodes attributed", 1);
  }
  return GRAFT_OK;
}

graft_status gr_pass_port_metadata(gr_pass *p) {
  graft_module *m = p->module;
  uint32_t pass = gr_intern(m, p->info->name, strlen(p->info->name));
  graft_status s = pass == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
  for (uint32_t i = 0; i < m->graphs.len && !s; i++) {
    graft_graph *g = m->graphs.data[i];
    uint8_t *annotated = gr_annotated_nodes(g);
    if (!annotated) return GRAFT_NO_MEMORY;
    s = port(p, g, annotated, pass);
    gr_free(p->context, annotated, g->nodes.len);
  }
  return s;
}
