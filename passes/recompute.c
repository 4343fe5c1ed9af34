/* recompute: memory for time. What a backward node reads of a chosen node is computed again right before it, from what
 * is kept; so the plan of a session needs the first one no longer than the nodes that come forward do. Each is computed
 * again once, by its required results alone: no statistics, no observer, no update. */
#include <string.h>

#include "passes/quant_impl.h"

enum { LARGE = 1 << 16 }; /* bytes */

typedef struct recomputer {
  gr_pass *pass;
  graft_graph *g;
  uint32_t node_count;
  bool *chosen;       /* by node */
  graft_value *again; /* by node: its first result once more */
  GR_VEC(graft_node) stack;
  GR_VEC(graft_value) operands;
} recomputer;

/* Two results of one network side by side would have to be kept or computed again from its beginning. */
static bool has_one_activation(const graft_graph *g, graft_node n) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count; i++) {
    const graft_value v = gr_operand(g, n, i);
    const graft_node maker = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
    if (i < gr_info(g, n)->operand_count && gr_info(g, n)->operands[i].role == GR_LIKE) continue;
    count += maker != GRAFT_NONE && gr_is_float(gr_type_of(g, v)->dtype) &&
             !(gr_node_families(g, maker) & GR_F_NOT_DIFFERENTIABLE);
  }
  return count == 1;
}

static bool has_statistics(const gr_op_info *info) {
  for (uint32_t i = 0; i < info->operand_count; i++)
    if (info->operands[i].role == GR_STATISTICS) return true;
  return false;
}

/* Is keeping it worth a second look? A small result would cost a node and free next to nothing; where the extents are
 * not known yet, it may be large. */
static bool is_large(const graft_graph *g, graft_node n) {
  const graft_type *type = gr_type_of(g, gr_result(g, n, 0));
  const int64_t elements = graft_type_elements(type), size = (int64_t)graft_dtype_size(type->dtype);
  return elements < 0 || !size || elements >= LARGE / size;
}

/* Of nodes that can be computed a second time at all; not those with any number of results (split), which move. */
static bool can_be(const graft_graph *g, graft_node n) {
  const uint32_t effects = GR_F_OBSERVE | GR_F_QPARAMS | GR_F_OPTIMIZER | GR_F_CONTROL;
  return gr_info(g, n) && gr_op_required_results(gr_info(g, n)) && !(gr_info(g, n)->families & effects) &&
         !gr_is_marked(g, n, GR_MARK_BACKWARD) && (gr_node_may(g, n) & GR_MAY_MERGE);
}

static graft_status choose(recomputer *r) {
  gr_pass *p = r->pass;
  const graft_graph *g = r->g;
  const char *list = gr_option_string(p, "recompute");
  const bool all = strcmp(list, "auto") == 0;
  gr_selector names;
  graft_status s = gr_selector_init(&names, p->module, all ? "" : list) ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (graft_node n = g->first; n != GRAFT_NONE && !s; n = gr_node_at(g, n)->next) {
    const gr_op_info *info = gr_info(g, n);
    if (!can_be(g, n)) continue;
    if (all)
      r->chosen[n] =
          (!(info->families & GR_F_LAYER) || has_statistics(info)) && has_one_activation(g, n) && is_large(g, n);
    else
      s = gr_selector_has(&names, r->g, n, &r->chosen[n]);
  }
  if (!s && !all) gr_selector_warn(p, &names, "recompute", "node");
  gr_selector_free(&names);
  return s;
}

/* The node whose first result the value is, where it is to be computed again; GRAFT_NONE: the value is kept. */
static graft_node chosen_maker(const recomputer *r, graft_value v) {
  const graft_node n = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(r->g, v);
  return n < r->node_count && r->chosen[n] && gr_result(r->g, n, 0) == v ? n : GRAFT_NONE;
}

static graft_status clone(recomputer *r, graft_node n, graft_node before) {
  graft_graph *g = r->g;
  const gr_node node = *gr_node_at(g, n);
  r->operands.len = 0;
  for (uint32_t i = 0; i < node.operand_count; i++) {
    const graft_value v = gr_operand(g, n, i);
    const graft_node maker = chosen_maker(r, v);
    if (!gr_vec_push(r->pass->context, &r->operands, maker == GRAFT_NONE ? v : r->again[maker])) return GRAFT_NO_MEMORY;
  }
  const gr_node_desc d = {.op = node.op,
                          .attrs = node.attrs,
                          .operands = r->operands.data,
                          .operand_count = r->operands.len,
                          .result_count = gr_op_required_results(gr_op_get(node.op)),
                          .provenance = node.provenance,
                          .marks = node.marks | GR_MARK_BACKWARD,
                          .before = before,
                          .where = gr_node_loc(g, n)};
  const graft_node made = gr_node_add(g, &d);
  if (made == GRAFT_NONE) return GRAFT_PASS;
  r->again[n] = gr_result(g, made, 0);
  gr_count(r->pass, "nodes computed again", 1);
  return GRAFT_OK;
}

/* What a chosen node is computed from comes first; chains may be long. */
static graft_status compute_again(recomputer *r, graft_node n, graft_node before) {
  graft_context *c = r->pass->context;
  graft_status s = GRAFT_OK;
  r->stack.len = 0;
  if (!gr_vec_push(c, &r->stack, n)) return GRAFT_NO_MEMORY;
  while (r->stack.len && !s) {
    const graft_node at = r->stack.data[r->stack.len - 1];
    bool ready = true;
    for (uint32_t i = 0; i < gr_node_at(r->g, at)->operand_count && ready && r->again[at] == GRAFT_NONE; i++) {
      const graft_node maker = chosen_maker(r, gr_operand(r->g, at, i));
      if (maker == GRAFT_NONE || r->again[maker] != GRAFT_NONE) continue;
      ready = false;
      if (!gr_vec_push(c, &r->stack, maker)) return GRAFT_NO_MEMORY;
    }
    if (!ready) continue;
    r->stack.len--;
    if (r->again[at] == GRAFT_NONE) s = clone(r, at, before);
  }
  return s;
}

static graft_status run(recomputer *r) {
  graft_graph *g = r->g;
  graft_status s = choose(r);
  for (graft_node n = g->first; n != GRAFT_NONE && !s; n = gr_node_at(g, n)->next) {
    if (n >= r->node_count || !gr_is_marked(g, n, GR_MARK_BACKWARD)) continue;
    const gr_op_info *info = gr_info(g, n);
    for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count && !s; i++) {
      if (info && i < info->operand_count && info->operands[i].role == GR_LIKE) continue; /* no elements are read */
      const graft_node maker = chosen_maker(r, gr_operand(g, n, i));
      if (maker == GRAFT_NONE) continue;
      if (r->again[maker] == GRAFT_NONE) s = compute_again(r, maker, n);
      if (!s) s = gr_use_set(g, gr_node_at(g, n)->first_use + i, r->again[maker]);
    }
  }
  return s;
}

graft_status gr_pass_recompute(gr_pass *p) {
  graft_context *c = p->context;
  recomputer r = {.pass = p};
  const char *list = gr_option_string(p, "recompute");
  if (!list[0] || strcmp(list, "none") == 0) return GRAFT_OK;
  graft_status s = gr_graph_to_train(p, &r.g);
  if (s) return s;
  r.node_count = r.g->nodes.len;
  r.chosen = gr_calloc(c, (size_t)r.node_count + 1, sizeof *r.chosen);
  r.again = gr_alloc(c, ((size_t)r.node_count + 1) * sizeof *r.again);
  s = r.chosen && r.again ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t n = 0; n < r.node_count && !s; n++) r.again[n] = GRAFT_NONE;
  if (!s) s = run(&r);
  if (r.chosen) gr_free(c, r.chosen, ((size_t)r.node_count + 1) * sizeof *r.chosen);
  if (r.again) gr_free(c, r.again, ((size_t)r.node_count + 1) * sizeof *r.again);
  gr_vec_free(c, &r.stack);
  gr_vec_free(c, &r.operands);
  return s;
}
