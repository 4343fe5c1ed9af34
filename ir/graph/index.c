/* Which output or graph has a name, which update a tensor. A few are looked through; where there are many, a map is
 * made when it is first asked. Its entries may be stale: what they lead to says whether it is called so. */
#include "ir/graph/graph_impl.h"

#define FEW 16u

static uint32_t length_of(const graft_module *m, const graft_graph *g, gr_names_of which) {
  return which == GR_NAMES_OUTPUTS ? g->outputs.len : which == GR_UPDATED ? g->updates.len : m->graphs.len;
}

static uint32_t key_of(const graft_module *m, const graft_graph *g, gr_names_of which, uint32_t i) {
  return which == GR_NAMES_OUTPUTS ? g->outputs.data[i].name
         : which == GR_UPDATED     ? g->updates.data[i].tensor
                                   : m->graphs.data[i]->name;
}

bool gr_index_find(graft_module *m, graft_graph *g, gr_names_of which, uint32_t key, uint32_t *index) {
  gr_map *map = gr_map_of(m, g, which);
  const uint32_t length = length_of(m, g, which);
  *index = GRAFT_NONE;
  if (!map->slot_count && length <= FEW) {
    for (uint32_t i = 0; i < length && *index == GRAFT_NONE; i++)
      if (key_of(m, g, which, i) == key) *index = i;
    return true;
  }
  if (!map->slot_count) {
    if (!gr_undo_room_for_names(m) || !gr_map_reserve(m->context, map, length)) return false;
    gr_undo_built(m, g, which);
    for (uint32_t i = 0; i < length; i++)
      if (!gr_map_put(m->context, map, key_of(m, g, which, i), i)) return false;
  }
  const uint32_t i = gr_map_get(map, key);
  if (i < length && key_of(m, g, which, i) == key) *index = i;
  return true;
}

bool gr_index_put(graft_module *m, graft_graph *g, gr_names_of which, uint32_t key, uint32_t index) {
  return !gr_map_of(m, g, which)->slot_count || gr_undo_put(m, g, which, key, index);
}
