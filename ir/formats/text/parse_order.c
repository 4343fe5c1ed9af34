/* Graphs in a text stand in any order; in a module each comes before those that it names, the entry first. */
#include "ir/formats/text/parse_impl.h"

/* By graph: how many name it, and where those that it names begin in `used`. */
typedef struct edges {
  uint32_t *users, *first, *used;
  uint32_t *order, count; /* what is done, behind which stands what may come next */
} edges;

static void sort(const parser *p, edges *e) {
  const uint32_t graphs = p->scanned.len, uses = p->graph_uses.len;
  for (uint32_t i = 0; i < uses; i++) {
    e->users[p->graph_uses.data[i].used]++;
    e->first[p->graph_uses.data[i].user + 1]++;
  }
  for (uint32_t g = 0; g < graphs; g++) e->first[g + 1] += e->first[g];
  for (uint32_t i = uses; i-- > 0;) { /* fills each graph's part from its end, and then begins right again */
    const graph_use *u = &p->graph_uses.data[i];
    e->used[--e->first[u->user + 1]] = u->used;
  }
  for (uint32_t g = 0; g < graphs; g++) e->first[g] = e->first[g + 1];
  e->first[graphs] = uses;
  for (uint32_t g = 0; g < graphs; g++)
    if (e->users[g] == 0) e->order[e->count++] = g;
  for (uint32_t done = 0; done < e->count; done++) {
    const uint32_t g = e->order[done];
    for (uint32_t i = e->first[g]; i < e->first[g + 1]; i++)
      if (--e->users[e->used[i]] == 0) e->order[e->count++] = e->used[i];
  }
}

uint32_t *gr_parse_order(const parser *p) {
  graft_context *c = p->context;
  const size_t graphs = p->scanned.len, uses = p->graph_uses.len, size = (graphs + 2) * sizeof(uint32_t);
  edges e = {gr_calloc(c, 1, size), gr_calloc(c, 1, size), gr_alloc(c, (uses + 1) * sizeof(uint32_t)),
             gr_alloc(c, graphs * sizeof(uint32_t)), 0};
  if (e.users && e.first && e.used && e.order) sort(p, &e);
  if (e.users) gr_free(c, e.users, size);
  if (e.first) gr_free(c, e.first, size);
  if (e.used) gr_free(c, e.used, (uses + 1) * sizeof(uint32_t));
  if (e.order && e.count == graphs) return e.order;
  if (e.order) gr_free(c, e.order, graphs * sizeof(uint32_t));
  return NULL;
}
