/* Dead code elimination with state in view. Roots are the outputs, nodes with an effect (dropout in training, ops that
 * the table does not know) and updates of tensors that nothing reads. An update of a tensor that is read lives when a
 * live node reads it: a batch norm's running statistics stay while the batch norm does, an observer's state while its
 * fake-quant does, and `num_batches_tracked` goes with the chain that only counts itself. Linear in nodes and uses. */
#include "passes/passes_int.h"

typedef struct place {
  uint32_t graph, index;
} place;

typedef struct sweep {
  gr_pass *pass;
  graft_module *module;
  uint8_t **live;         /* by graph, by node */
  uint32_t *node_counts;  /* what was allocated, by graph */
  uint8_t *tensor_flags;  /* by tensor */
  uint32_t *first_update; /* by tensor: in `updates`, GRAFT_NONE: none */
  GR_VEC(place) updates;  /* index: in the graph's updates */
  GR_VEC(uint32_t) next_update;
  GR_VEC(place) work; /* index: node */
} sweep;

enum { READ = 1, HAS_READER = 2 };

static void free_sweep(sweep *s) {
  graft_context *c = s->pass->context;
  uint32_t graphs = s->module->graphs.len, tensors = s->module->tensors.len;
  for (uint32_t i = 0; s->live && s->node_counts && i < graphs; i++) gr_free(c, s->live[i], s->node_counts[i] + 1);
  gr_free(c, s->live, graphs * sizeof *s->live);
  gr_free(c, s->node_counts, graphs * sizeof *s->node_counts);
  gr_free(c, s->tensor_flags, (size_t)tensors + 1);
  gr_free(c, s->first_update, ((size_t)tensors + 1) * sizeof *s->first_update);
  gr_vec_free(c, &s->updates);
  gr_vec_free(c, &s->next_update);
  gr_vec_free(c, &s->work);
}

static bool init_sweep(sweep *s) {
  graft_context *c = s->pass->context;
  uint32_t graphs = s->module->graphs.len, tensors = s->module->tensors.len;
  s->live = gr_calloc(c, graphs, sizeof *s->live);
  s->node_counts = gr_calloc(c, graphs, sizeof *s->node_counts);
  s->tensor_flags = gr_calloc(c, (size_t)tensors + 1, 1);
  s->first_update = gr_alloc(c, ((size_t)tensors + 1) * sizeof *s->first_update);
  if (!s->live || !s->node_counts || !s->tensor_flags || !s->first_update) return false;
  for (uint32_t t = 0; t <= tensors; t++) s->first_update[t] = GRAFT_NONE;
  for (uint32_t i = 0; i < graphs; i++) {
    const graft_graph *g = s->module->graphs.data[i];
    s->node_counts[i] = g->nodes.len;
    s->live[i] = gr_calloc(c, (size_t)g->nodes.len + 1, 1);
    if (!s->live[i]) return false;
    for (uint32_t u = 0; u < g->updates.len; u++) {
      graft_tensor t = g->updates.data[u].tensor;
      if (t == GRAFT_NONE) continue;
      if (!gr_vec_push(c, &s->next_update, s->first_update[t])) return false;
      s->first_update[t] = s->updates.len;
      if (!gr_vec_push(c, &s->updates, ((place){i, u}))) return false;
    }
  }
  return true;
}

static bool mark_node(sweep *s, uint32_t graph, graft_node n) {
  if (s->live[graph][n]) return true;
  s->live[graph][n] = 1;
  return gr_vec_push(s->pass->context, &s->work, ((place){graph, n}));
}

/* Marks what computes a value. A tensor that is read makes its updates live: their values are marked in turn, without
 * recursion, since a chain of tensors may be long. */
static bool mark_value(sweep *s, uint32_t graph, graft_value v) {
  const graft_graph *g = s->module->graphs.data[graph];
  if (v == GRAFT_NONE) return true;
  if (gr_value_node(g, v) != GRAFT_NONE) return mark_node(s, graph, gr_value_node(g, v));
  graft_tensor t = gr_value_tensor(g, v);
  if (t == GRAFT_NONE || (s->tensor_flags[t] & READ)) return true;
  s->tensor_flags[t] |= READ;
  for (uint32_t u = s->first_update[t]; u != GRAFT_NONE; u = s->next_update.data[u])
    if (!gr_vec_push(s->pass->context, &s->work,
                     ((place){s->updates.data[u].graph, GR_USER_UPDATE | s->updates.data[u].index})))
      return false;
  return true;
}

static graft_value update_value(const graft_graph *g, uint32_t index) {
  return gr_use_at(g, g->updates.data[index].use)->value;
}

static bool drain(sweep *s) {
  while (s->work.len) {
    place p = s->work.data[--s->work.len];
    const graft_graph *g = s->module->graphs.data[p.graph];
    if (!gr_user_is_node(p.index)) {
      if (!mark_value(s, p.graph, update_value(g, p.index & GR_USER_INDEX))) return false;
      continue;
    }
    uint32_t count = gr_node_at(g, p.index)->operand_count;
    for (uint32_t i = 0; i < count; i++)
      if (!mark_value(s, p.graph, gr_operand(g, p.index, i))) return false;
  }
  return true;
}

/* Does anything but the tensor's own update read its handle? */
static bool has_reader(const graft_graph *g, graft_value handle) {
  const graft_tensor t = gr_value_tensor(g, handle);
  for (uint32_t u = gr_value_at(g, handle)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    uint32_t user = gr_use_at(g, u)->user;
    if ((user & GR_USER_UPDATE) != GR_USER_UPDATE || g->updates.data[user & GR_USER_INDEX].tensor != t) return true;
  }
  return false;
}

static bool mark_roots(sweep *s) {
  for (uint32_t i = 0; i < s->module->graphs.len; i++) {
    const graft_graph *g = s->module->graphs.data[i];
    for (uint32_t k = 0; k < g->handles.len; k++) {
      const graft_value v = gr_handle_at(g, k);
      if (v != GRAFT_NONE && has_reader(g, v)) s->tensor_flags[gr_value_tensor(g, v)] |= HAS_READER;
    }
  }
  for (uint32_t i = 0; i < s->module->graphs.len; i++) {
    const graft_graph *g = s->module->graphs.data[i];
    for (uint32_t o = 0; o < g->outputs.len; o++)
      if (!mark_value(s, i, gr_use_at(g, g->outputs.data[o].use)->value)) return false;
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next)
      if (!(gr_node_may(g, n) & GR_MAY_ERASE) && !mark_node(s, i, n)) return false;
    for (uint32_t u = 0; u < g->updates.len; u++) {
      graft_tensor t = g->updates.data[u].tensor;
      if (t == GRAFT_NONE || (s->tensor_flags[t] & HAS_READER)) continue;
      s->tensor_flags[t] |= READ;
      if (!mark_value(s, i, update_value(g, u))) return false;
    }
  }
  return true;
}

/* `update t = t` changes nothing. */
static void erase_identity_updates(gr_pass *p, graft_graph *g) {
  for (uint32_t u = 0; u < g->updates.len; u++) {
    if (g->updates.data[u].tensor == GRAFT_NONE || !gr_update_is_idle(g, u, update_value(g, u))) continue;
    gr_update_erase(g, u);
    gr_count(p, "updates removed", 1);
  }
}

static void erase_dead(sweep *s, uint32_t graph) {
  graft_graph *g = s->module->graphs.data[graph];
  for (uint32_t u = 0; u < g->updates.len; u++) {
    graft_tensor t = g->updates.data[u].tensor;
    if (t == GRAFT_NONE || (s->tensor_flags[t] & READ)) continue;
    gr_update_erase(g, u);
    gr_count(s->pass, "updates removed", 1);
  }
  for (graft_node n = g->last, prev; n != GRAFT_NONE; n = prev) {
    prev = gr_node_at(g, n)->prev;
    if (s->live[graph][n]) continue;
    gr_node_erase(g, n);
    gr_count(s->pass, "nodes removed", 1);
  }
}

static graft_status erase_unused_tensors(gr_pass *p) {
  graft_module *m = p->module;
  uint32_t count = m->tensors.len;
  uint8_t *used = gr_calloc(p->context, (size_t)count + 1, 1);
  if (!used) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < m->graphs.len; i++) {
    const graft_graph *g = m->graphs.data[i];
    for (uint32_t k = 0; k < g->handles.len; k++) {
      const graft_value v = gr_handle_at(g, k);
      if (v != GRAFT_NONE && !gr_unused(g, v)) used[gr_value_tensor(g, v)] = 1;
    }
    for (uint32_t u = 0; u < g->updates.len; u++)
      if (g->updates.data[u].tensor != GRAFT_NONE) used[g->updates.data[u].tensor] = 1;
  }
  uint8_t *unused = used;
  for (uint32_t t = 0; t < count; t++) {
    unused[t] = !used[t] && !m->tensors.data[t].erased;
    if (unused[t]) gr_count(p, "tensors removed", 1);
  }
  gr_tensors_erase(m, unused);
  gr_free(p->context, used, (size_t)count + 1);
  return GRAFT_OK;
}

graft_status gr_pass_dce(gr_pass *p) {
  graft_module *m = p->module;
  for (uint32_t i = 0; i < m->graphs.len; i++) erase_identity_updates(p, m->graphs.data[i]);
  sweep s = {.pass = p, .module = m};
  bool ok = init_sweep(&s) && mark_roots(&s) && drain(&s);
  for (uint32_t i = 0; ok && i < m->graphs.len; i++) erase_dead(&s, i);
  free_sweep(&s);
  return ok ? erase_unused_tensors(p) : GRAFT_NO_MEMORY;
}
