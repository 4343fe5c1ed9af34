/* Graphs of a module as a whole: copied, dropped, chosen by name. */
#include <string.h>

#include "ir/edit.h"
#include "ir/inspect.h"
#include "passes/passes_int.h"

bool gr_graph_chosen(const gr_pass *p, const graft_graph *g) {
  const char *at = gr_option_string(p, "graph"), *item, *name = graft_graph_get_name(g);
  bool any = false, excluded = false, named = false;
  size_t length;
  while (gr_list_next(&at, &item, &length)) {
    const bool but = item[0] == '!';
    const bool is = strlen(name) == length - but && memcmp(item + but, name, length - but) == 0;
    excluded |= but && is;
    any |= !but;
    named |= !but && is;
  }
  return !excluded && (named || !any);
}

graft_status gr_graph_to_train(const gr_pass *p, graft_graph **g) {
  const char *name = gr_option_string(p, "graph");
  *g = graft_module_find_graph(p->module, name[0] ? name : "train");
  if (!*g && !name[0] && p->module->graphs.len) *g = p->module->graphs.data[0];
  if (*g) return GRAFT_OK;
  return gr_error(p->context, GRAFT_NAME, gr_option_loc(p, "graph"),
                  name[0] ? "no graph is called '%s'" : "the module has no graph", name);
}

graft_status gr_refuse_gradients(gr_pass *p) {
  for (uint32_t i = 0; i < p->module->graphs.len; i++) {
    const graft_graph *g = p->module->graphs.data[i];
    const char *name = graft_graph_get_name(g);
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next)
      if (gr_is_marked(g, n, GR_MARK_BACKWARD))
        return gr_error(p->context, GRAFT_PASS, gr_node_loc(g, n),
                        "the graph '%s' computes gradients of the nodes that it has, which would change: this comes "
                        "before train-step%s%s%s",
                        name, !i ? " or gradient" : ", or behind convert or drop-graph{graph=", i ? name : "",
                        i ? "}" : "");
  }
  return GRAFT_OK;
}

graft_status gr_pass_check_no_gradients(gr_pass *p) { return gr_refuse_gradients(p); }

graft_status gr_pass_copy_graph(gr_pass *p) {
  graft_module *m = p->module;
  const graft_graph *from = m->graphs.len ? m->graphs.data[0] : NULL;
  const char *to = gr_option_string(p, "to");
  if (!from) return gr_error(p->context, GRAFT_PASS, gr_module_loc(m), "the module has no graph to copy");
  if (graft_module_find_graph(m, to))
    return gr_error(p->context, GRAFT_NAME, gr_module_loc(m),
                    "there is a graph '%s' already: drop-graph{graph=%s} takes it away", to, to);
  for (graft_node n = from->first; n != GRAFT_NONE; n = gr_node_at(from, n)->next)
    if (gr_node_families(from, n) & GR_F_CONTROL)
      return gr_error(p->context, GRAFT_UNSUPPORTED, gr_node_loc(from, n),
                      "a graph whose nodes run others cannot be copied yet");
  return gr_graph_copy(from, to) ? GRAFT_OK : GRAFT_PASS;
}

/* By tensor: does another graph than those that go hold it, or nobody at all? */
static uint8_t *unused_without(gr_pass *p, const bool *goes) {
  const graft_module *m = p->module;
  uint8_t *gone = gr_calloc(p->context, (size_t)m->tensors.len + 1, 1);
  for (int kept = 0; gone && kept < 2; kept++) /* those that go first, then what stays */
    for (uint32_t i = 0; i < m->graphs.len; i++) {
      const graft_graph *g = m->graphs.data[i];
      if (goes[i] == (kept != 0)) continue;
      for (uint32_t k = 0; k < g->handles.len; k++) {
        const graft_value v = gr_handle_at(g, k);
        if (v != GRAFT_NONE && !gr_unused(g, v)) gone[gr_value_tensor(g, v)] = !kept;
      }
      for (uint32_t u = 0; u < g->updates.len; u++)
        if (g->updates.data[u].tensor != GRAFT_NONE) gone[g->updates.data[u].tensor] = !kept;
    }
  return gone;
}

graft_status gr_pass_drop_graph(gr_pass *p) {
  graft_module *m = p->module;
  const uint32_t count = m->graphs.len, tensors = m->tensors.len;
  bool *goes = gr_calloc(p->context, (size_t)count + 1, sizeof *goes), any = false;
  graft_status s = goes ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 1; !s && i < count; i++) any |= goes[i] = gr_graph_chosen(p, m->graphs.data[i]);
  uint8_t *gone = any ? unused_without(p, goes) : NULL;
  if (any && !gone) s = GRAFT_NO_MEMORY;
  for (uint32_t i = count; !s && i-- > 1;) {
    if (!goes[i]) continue;
    s = graft_graph_remove(m->graphs.data[i]);
    gr_count(p, "graphs removed", 1);
  }
  if (!s && any) gr_tensors_erase(m, gone);
  if (gone) gr_free(p->context, gone, (size_t)tensors + 1);
  gr_free(p->context, goes, ((size_t)count + 1) * sizeof *goes);
  return s;
}
