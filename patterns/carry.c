/* Annotations through a rewrite: from old edges and values to new ones, and, once a pass, in shared and derived specs
 * anywhere that refer to them. */
#include "patterns/rewrite_impl.h"

#include <string.h>

static uint32_t actual(const pt_frame *f, uint32_t place, uint32_t operand) {
  return f->swapped[place] && operand < 2 ? operand ^ 1u : operand;
}

static bool add_edge(pt_rewriter *r, const gr_match *match, const pt_carry *c, uint32_t operand, uint32_t to) {
  const pt_frame *f = pt_frame_of(match->matcher);
  const gr_node *n = gr_node_at(r->g, f->nodes[c->node]);
  uint32_t i = actual(f, c->node, operand);
  if (i >= n->operand_count) return true;
  uint32_t use = n->first_use + i;
  pt_pending p = {.carry = c, .spec = gr_spec_of_use(r->g, use), .from = use, .operand = to};
  return (!p.spec && !r->refs) || gr_vec_push(r->c, &r->pending, p);
}

/* Before anything changes: what is there. */
bool gr_pt_carry_begin(pt_rewriter *r, const gr_match *match) {
  const pt_variant *v = &match->pattern->variants[match->variant];
  r->pending.len = 0;
  if (!r->specs) return true;
  for (uint32_t i = 0; i < v->program->carry_count; i++) {
    const pt_carry *c = &v->program->carries[i];
    if (c->value) {
      graft_value from = pt_frame_of(match->matcher)->values[c->from];
      if (from == GRAFT_NONE) continue;
      pt_pending p = {.carry = c, .spec = gr_spec_of_value(r->g, from), .from = from};
      if ((p.spec || r->refs) && !gr_vec_push(r->c, &r->pending, p)) return false;
    } else if (c->operand >= 0) {
      if (!add_edge(r, match, c, (uint32_t)c->operand, (uint32_t)c->to_operand)) return false;
    } else {
      uint32_t count = gr_node_at(r->g, pt_frame_of(match->matcher)->nodes[c->node])->operand_count;
      for (uint32_t k = 0; k < count; k++)
        if (!add_edge(r, match, c, k, k)) return false;
    }
  }
  return true;
}

static bool moved_use(pt_rewriter *r, uint32_t from, uint32_t to) {
  return !r->refs || from == to || gr_vec_push(r->c, &r->moved_uses, ((pt_moved){from, to}));
}

static bool moved_value(pt_rewriter *r, uint32_t from, uint32_t to) {
  return !r->refs || from == to || gr_vec_push(r->c, &r->moved_values, ((pt_moved){from, to}));
}

static bool move_origin(graft_graph *g, bool is_value, uint32_t from, uint32_t to) {
  uint32_t origin = gr_spec_origin(g, (gr_spec_ref){is_value, from});
  return gr_spec_set_origin(g, (gr_spec_ref){is_value, to}, origin) == GRAFT_OK;
}

/* The root keeps its uses' ids where it can, so an old edge of the root may have the id of another new one: what leaves
 * the root is recorded first. */
static bool settle(pt_rewriter *r, const gr_match *match, bool of_root) {
  graft_graph *g = r->g;
  const pt_frame *f = pt_frame_of(match->matcher);
  for (uint32_t i = 0; i < r->pending.len; i++) {
    const pt_pending *p = &r->pending.data[i];
    if ((!p->carry->value && p->carry->node == 0) != of_root) continue;
    if (p->carry->value) {
      graft_value to = f->values[p->carry->to];
      if (to == GRAFT_NONE) continue;
      if (p->spec && (gr_spec_set_value(g, to, p->spec) != GRAFT_OK || !move_origin(g, true, p->from, to)))
        return false;
      if (!moved_value(r, p->from, to)) return false;
      continue;
    }
    graft_node n = r->step_nodes.data[p->carry->step];
    if (n == GRAFT_NONE || p->operand >= gr_node_at(g, n)->operand_count || gr_operand(g, n, p->operand) == GRAFT_NONE)
      continue;
    uint32_t use = gr_node_at(g, n)->first_use + p->operand;
    if (p->spec && (gr_spec_set_use(g, use, p->spec) != GRAFT_OK || !move_origin(g, false, p->from, use))) return false;
    if (!moved_use(r, p->from, use)) return false;
  }
  return true;
}

bool gr_pt_carry_end(pt_rewriter *r, const gr_match *match, uint32_t old_root_result) {
  graft_graph *g = r->g;
  const pt_frame *f = pt_frame_of(match->matcher);
  if (!settle(r, match, true) || !settle(r, match, false)) return false;
  const gr_node *root = gr_node_at(g, f->nodes[0]);
  if (gr_node_live(g, f->nodes[0]) && root->first_result != old_root_result)
    for (uint32_t i = 0; i < root->result_count; i++)
      if (!moved_value(r, old_root_result + i, root->first_result + i)) return false;
  return true;
}

/* ---- once a pass ---- */

/* Dense: where each id went, following later moves. */
static uint32_t *table(pt_rewriter *r, const pt_moved *moved, uint32_t count, uint32_t size) {
  uint32_t *to = gr_alloc(r->c, (size_t)(size + 1) * sizeof *to);
  if (!to) return NULL;
  for (uint32_t i = 0; i < size; i++) to[i] = i;
  for (uint32_t i = count; i-- > 0;) to[moved[i].from] = to[moved[i].to];
  return to;
}

typedef struct remap {
  pt_rewriter *r;
  const uint32_t *uses, *values;
  gr_map done; /* spec -> spec */
  GR_VEC(gr_spec_ref) refs;
} remap;

static uint32_t new_spec(remap *x, uint32_t spec) {
  graft_module *m = x->r->m;
  uint32_t known = gr_map_get(&x->done, spec);
  if (known != GRAFT_NONE) return known;
  gr_spec s = *gr_spec_get(m, spec);
  uint32_t to = spec;
  if (s.ref_count) {
    x->refs.len = 0;
    bool changed = false;
    for (uint32_t i = 0; i < s.ref_count; i++) {
      gr_spec_ref ref = gr_spec_refs(m, spec)[i];
      uint32_t id = ref.is_value ? x->values[ref.id] : x->uses[ref.id];
      changed |= id != ref.id;
      ref.id = id;
      if (!gr_vec_push(x->r->c, &x->refs, ref)) return GRAFT_NONE;
    }
    if (changed) to = gr_spec_intern(m, s.kind, s.attrs, x->refs.data, s.ref_count);
  }
  return to != GRAFT_NONE && gr_map_put(x->r->c, &x->done, spec, to) ? to : GRAFT_NONE;
}

graft_status gr_pt_carry_finish(pt_rewriter *r) {
  if (r->moved_uses.len == 0 && r->moved_values.len == 0) return GRAFT_OK;
  graft_graph *g = r->g;
  uint32_t uses = g->uses.len, values = g->values.len;
  uint32_t *use_to = table(r, r->moved_uses.data, r->moved_uses.len, uses);
  uint32_t *value_to = table(r, r->moved_values.data, r->moved_values.len, values);
  remap x = {.r = r, .uses = use_to, .values = value_to};
  graft_status status = use_to && value_to ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < g->spec_of_use.len && status == GRAFT_OK; i++) {
    uint32_t old = g->spec_of_use.data[i], spec = old ? new_spec(&x, old) : 0;
    if (spec != old) status = spec == GRAFT_NONE ? GRAFT_NO_MEMORY : gr_spec_set_use(g, i, spec);
  }
  for (uint32_t i = 0; i < g->spec_of_value.len && status == GRAFT_OK; i++) {
    uint32_t old = g->spec_of_value.data[i], spec = old ? new_spec(&x, old) : 0;
    if (spec != old) status = spec == GRAFT_NONE ? GRAFT_NO_MEMORY : gr_spec_set_value(g, i, spec);
  }
  if (use_to) gr_free(r->c, use_to, (size_t)(uses + 1) * sizeof *use_to);
  if (value_to) gr_free(r->c, value_to, (size_t)(values + 1) * sizeof *value_to);
  gr_map_free(r->c, &x.done);
  gr_vec_free(r->c, &x.refs);
  return status;
}
