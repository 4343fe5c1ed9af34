/* Which graphs hold a handle of a tensor, or update it. Where a module has many graphs they are listed, by tensor, when
 * it is first asked; from then on new handles and updates are added. Entries are never taken out: a graph is looked at
 * before it is believed.
 *
 * A tensor's entries are a ring, and a walk begins where gr_holders_keep left it: who asks for one graph that reads a
 * tensor, time and again while one graph after the other lets go of it, comes round once. */
#include "ir/graph/graph_impl.h"

#include <string.h>

#define FEW 16u

static bool put(graft_module *m, graft_tensor t, uint32_t graph) {
  gr_holders *h = &m->holders;
  if (t >= h->last.len) {
    const uint32_t more = t + 1 - h->last.len;
    if (!gr_vec_reserve(m->context, &h->last, more)) return false;
    memset(h->last.data + h->last.len, 0xff, more * sizeof *h->last.data);
    h->last.len += more;
  }
  uint32_t *last = &h->last.data[t];
  const uint32_t at = h->entries.len;
  if (*last != GRAFT_NONE && h->entries.data[*last].graph == graph) return true;
  if (!gr_vec_push(m->context, &h->entries, ((gr_holder){graph, at}))) return false;
  if (*last != GRAFT_NONE) {
    h->entries.data[at].next = h->entries.data[*last].next;
    h->entries.data[*last].next = at;
  }
  *last = at;
  return true;
}

bool gr_holders_ready(graft_module *m) {
  gr_holders *h = &m->holders;
  if (h->built || m->graphs.len <= FEW) return true;
  for (uint32_t i = 0; i < m->graphs.len; i++) {
    const graft_graph *g = m->graphs.data[i];
    for (uint32_t slot = 0; slot < g->handles.len; slot++) {
      const graft_value v = gr_handle_at(g, slot);
      if (v != GRAFT_NONE && !put(m, gr_value_tensor(g, v), i)) return gr_holders_drop(m), false;
    }
    for (uint32_t k = 0; k < g->updates.len; k++)
      if (g->updates.data[k].tensor != GRAFT_NONE && !put(m, g->updates.data[k].tensor, i))
        return gr_holders_drop(m), false;
  }
  return h->built = true;
}

bool gr_holders_put(graft_graph *g, graft_tensor t) { return !g->module->holders.built || put(g->module, t, g->index); }

void gr_holders_drop(graft_module *m) {
  gr_vec_free(m->context, &m->holders.last);
  gr_vec_free(m->context, &m->holders.entries);
  m->holders.built = false;
}

gr_holder_walk gr_holders_of(graft_module *m, graft_tensor t) {
  gr_holder_walk w = {.module = m, .tensor = t, .at = GRAFT_NONE, .listed = gr_holders_ready(m) && m->holders.built};
  if (!w.listed) w.at = 0;
  if (w.listed && t < m->holders.last.len) w.before = m->holders.last.data[t];
  if (w.listed && t < m->holders.last.len && w.before != GRAFT_NONE) w.at = m->holders.entries.data[w.before].next;
  return w;
}

graft_graph *gr_holders_next(gr_holder_walk *w) {
  graft_module *m = w->module;
  while (w->at != GRAFT_NONE) {
    const uint32_t at = w->at;
    if (!w->listed) {
      if (at >= m->graphs.len) break;
      w->at++;
      return m->graphs.data[at];
    }
    const gr_holder *e = &m->holders.entries.data[at];
    if (w->begun) w->before = w->now;
    w->begun = true;
    w->now = at;
    w->at = at == m->holders.last.data[w->tensor] ? GRAFT_NONE : e->next;
    if (e->graph < m->graphs.len) return m->graphs.data[e->graph];
  }
  w->at = GRAFT_NONE;
  return NULL;
}

void gr_holders_keep(const gr_holder_walk *w) {
  if (w->listed) w->module->holders.last.data[w->tensor] = w->before;
}
