/* The modules that fuse-modules left as several nodes: the mark says that a node is of one, its source of which. */
#include <string.h>

#include "passes/quant_impl.h"

/* Numbers them; then those of a single node are none: what was folded into one node is a layer like others. */
static bool number(gr_units *u, const graft_graph *g, gr_map *of_source) {
  if (!gr_vec_push(u->context, &u->size, 0)) return false;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const uint32_t source =
        gr_is_marked(g, n, GR_MARK_FUSED) ? gr_record_source(g->module, gr_node_at(g, n)->provenance) : 0;
    if (!source) continue;
    uint32_t unit = gr_map_get(of_source, source);
    if (unit == GRAFT_NONE) {
      unit = u->size.len;
      if (!gr_vec_push(u->context, &u->size, 0) || !gr_map_put(u->context, of_source, source, unit)) return false;
    }
    u->of[n] = unit;
    u->size.data[unit]++;
  }
  for (uint32_t n = 0; n < u->node_count; n++)
    if (u->size.data[u->of[n]] < 2) u->of[n] = 0;
  return true;
}

bool gr_units_find(gr_units *u, const graft_graph *g) {
  *u = (gr_units){.context = g->module->context, .node_count = g->nodes.len};
  bool any = false;
  for (graft_node n = g->first; n != GRAFT_NONE && !any; n = gr_node_at(g, n)->next)
    any = gr_is_marked(g, n, GR_MARK_FUSED);
  if (!any) return true;
  gr_map of_source = {0};
  u->of = gr_calloc(u->context, (size_t)u->node_count + 1, sizeof *u->of);
  const bool ok = u->of && number(u, g, &of_source);
  gr_map_free(u->context, &of_source);
  if (!ok) gr_units_free(u);
  return ok;
}

void gr_units_free(gr_units *u) {
  if (u->of) gr_free(u->context, u->of, ((size_t)u->node_count + 1) * sizeof *u->of);
  gr_vec_free(u->context, &u->size);
  u->of = NULL;
}
