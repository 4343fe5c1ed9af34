/* Marks of nodes (marks.def) by name. */
#include "ir/ir_int.h"

#include <string.h>

static const struct {
  const char *name, *doc;
} marks[] = {
#define MARK(id, name, doc) {name, doc},
#include "ir/marks.def"
#undef MARK
};

#define COUNT ((uint32_t)(sizeof marks / sizeof *marks))

uint32_t graft_mark_count(void) { return COUNT; }
const char *graft_mark_name(uint32_t index) { return index < COUNT ? marks[index].name : NULL; }
const char *graft_mark_doc(uint32_t index) { return index < COUNT ? marks[index].doc : NULL; }

uint32_t gr_mark_find(const char *name, size_t length) {
  for (uint32_t i = 0; i < COUNT; i++)
    if (strlen(marks[i].name) == length && memcmp(marks[i].name, name, length) == 0) return 1u << i;
  return 0;
}

bool graft_node_has_mark(const graft_graph *g, graft_node n, const char *mark) {
  if (!GR_IS(g, GRAPH)) return false;
  return gr_is_node(g, n) && mark && (gr_node_at(g, n)->marks & gr_mark_find(mark, strlen(mark)));
}

graft_status graft_node_set_mark(graft_graph *g, graft_node n, const char *mark, bool set) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_context *c = g->module->context;
  if (!mark) mark = "";
  uint32_t bit = gr_mark_find(mark, strlen(mark));
  if (!gr_is_node(g, n)) return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "no node to mark as '%s'", mark);
  if (!bit) return gr_error(c, GRAFT_NAME, gr_node_loc(g, n), "there is no mark '%s'", mark);
  if (!gr_undo_room(g->module, 1)) return GRAFT_NO_MEMORY;
  gr_undo_item(g, GR_NODES, n);
  gr_node *node = gr_node_at(g, n);
  node->marks = set ? node->marks | bit : node->marks & ~bit;
  return GRAFT_OK;
}
