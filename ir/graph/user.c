/* What an embedder keeps with nodes and with a module. Of nodes in an array by number, made when it is first needed. */
#include "ir/edit.h"
#include "ir/graph/graph_impl.h"

#include <string.h>

graft_status graft_node_set_user(graft_graph *g, graft_node n, void *user) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_module *m = g->module;
  if (!gr_is_node(g, n)) return gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "there is no such node");
  if (n >= g->users.len) {
    if (!user) return GRAFT_OK;
    const uint32_t more = g->nodes.len - g->users.len;
    if (!gr_vec_reserve(m->context, &g->users, more)) return GRAFT_NO_MEMORY;
    memset(g->users.data + g->users.len, 0, more * sizeof *g->users.data);
    g->users.len = g->nodes.len;
  }
  if (!gr_undo_room(m, 1)) return GRAFT_NO_MEMORY;
  gr_undo_item(g, GR_NODE_USERS, n);
  g->users.data[n] = user;
  return GRAFT_OK;
}

void *graft_node_get_user(const graft_graph *g, graft_node n) {
  return GR_IS(g, GRAPH) && gr_is_node(g, n) && n < g->users.len ? g->users.data[n] : NULL;
}

graft_status graft_module_set_user(graft_module *m, void *user, void (*destroy)(void *user)) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  void (*const end)(void *) = m->destroy_user;
  void *const old = m->user;
  m->user = user;
  m->destroy_user = destroy;
  if (end) end(old);
  return GRAFT_OK;
}

void *graft_module_get_user(const graft_module *m) { return GR_IS(m, MODULE) ? m->user : NULL; }
