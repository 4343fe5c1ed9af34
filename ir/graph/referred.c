/* How many specs of a graph refer to an edge or a value, as shared and derived ones do: for who takes such a place
 * away. Counted in O(places) when it is first asked for, kept up by changes of single specs, forgotten by larger ones
 * (undo, clear, compaction). */
#include "ir/ir_int.h"

#include <stdio.h>

static uint64_t key_of(gr_spec_ref at) { return (uint64_t)at.is_value << 32 | at.id; }

void gr_referred_forget(graft_graph *g) {
  if (!g->referred_known) return;
  gr_map_free(g->module->context, &g->referred);
  g->referred_known = false;
}

static bool count(graft_graph *g, uint32_t spec, bool more) {
  const graft_module *m = g->module;
  for (uint32_t i = 0; spec && i < gr_spec_get(m, spec)->ref_count; i++) {
    const uint64_t key = key_of(gr_spec_refs(m, spec)[i]);
    const uint32_t now = gr_map_get(&g->referred, key), had = now == GRAFT_NONE ? 0 : now;
    if (!gr_map_put(m->context, &g->referred, key, more ? had + 1 : had - 1)) return false;
  }
  return true;
}

void gr_referred_change(graft_graph *g, uint32_t old, uint32_t now) {
  if (g->referred_known && (!count(g, old, false) || !count(g, now, true))) gr_referred_forget(g);
}

static bool know(graft_graph *g) {
  if (g->referred_known) return true;
  bool ok = true;
  for (uint32_t i = 0; ok && i < g->spec_of_use.len; i++) ok = count(g, g->spec_of_use.data[i], true);
  for (uint32_t i = 0; ok && i < g->spec_of_value.len; i++) ok = count(g, g->spec_of_value.data[i], true);
  g->referred_known = true;
  if (!ok) gr_referred_forget(g);
  return ok;
}

static bool is_referred(const graft_graph *g, gr_spec_ref at) {
  const uint32_t now = gr_map_get(&g->referred, key_of(at));
  return now != GRAFT_NONE && now > 0;
}

/* Place `i` of a node: its operands, then its results. */
static gr_spec_ref place(const gr_node *node, uint32_t i) {
  return i < node->operand_count ? (gr_spec_ref){false, node->first_use + i}
                                 : (gr_spec_ref){true, node->first_result + i - node->operand_count};
}

static graft_status refuse(const graft_graph *g, graft_node n, gr_spec_ref at) {
  const gr_node *node = gr_node_at(g, n);
  char what[32];
  (void)snprintf(what, sizeof what, at.is_value ? "result %u" : "operand %u",
                 (unsigned)(at.id - (at.is_value ? node->first_result : node->first_use)));
  return gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, gr_node_loc(g, n),
                  "a spec of another place refers to its %s: that one goes first (graft_spec_remove)", what);
}

/* What its own specs refer to goes with them. */
graft_status gr_referred_elsewhere(graft_graph *g, graft_node n) {
  const gr_node *node = gr_node_at(g, n);
  const uint32_t places = node->operand_count + node->result_count;
  graft_status status = GRAFT_OK;
  if (!g->spec_of_use.len && !g->spec_of_value.len) return GRAFT_OK;
  if (!know(g)) return GRAFT_NO_MEMORY;
  bool ok = true;
  for (uint32_t i = 0; i < places && ok; i++) ok = count(g, gr_spec_at(g, place(node, i)), false);
  for (uint32_t i = 0; i < places && ok && !status; i++)
    if (is_referred(g, place(node, i))) status = refuse(g, n, place(node, i));
  for (uint32_t i = 0; i < places && ok; i++) ok = count(g, gr_spec_at(g, place(node, i)), true);
  if (ok) return status;
  gr_referred_forget(g);
  return GRAFT_NO_MEMORY;
}
