/* Passes over dequantize nodes and annotations that no rule can say: they go by users, not by pattern. */
#include <string.h>

#include "passes/quant_impl.h"

/* ---- duplicate-dequantize
 * ---------------------------------------------------------------------------------------------- */

uint8_t *gr_annotated_nodes(const graft_graph *g) {
  uint8_t *annotated = gr_calloc(g->module->context, g->nodes.len, 1);
  for (graft_node n = g->first; annotated && n != GRAFT_NONE; n = gr_node_at(g, n)->next)
    annotated[n] = gr_is_annotated(g, n);
  return annotated;
}

/* Scale and zero point computed at run time: a copy would not help a backend that looks for the whole group. */
static bool is_dynamic(const graft_graph *g, graft_node dq) {
  for (uint32_t i = 1; i < gr_node_at(g, dq)->operand_count; i++)
    if (gr_operand(g, dq, i) != GRAFT_NONE && gr_value_node(g, gr_operand(g, dq, i)) != GRAFT_NONE) return true;
  return false;
}

static graft_node copy_node(graft_graph *g, graft_node n, graft_node before) {
  graft_value operands[GR_MAX_OPERANDS];
  gr_node node = *gr_node_at(g, n);
  for (uint32_t i = 0; i < node.operand_count && i < GR_MAX_OPERANDS; i++) operands[i] = gr_operand(g, n, i);
  uint32_t base = gr_value_get_name(g, gr_result(g, n, 0)).base;
  gr_node_desc desc = {.op = node.op,
                       .attrs = node.attrs,
                       .operands = operands,
                       .operand_count = node.operand_count,
                       .result_count = node.result_count,
                       .name_base = base,
                       .provenance = node.provenance,
                       .marks = node.marks,
                       .before = before,
                       .where = gr_node_loc(g, n)};
  return gr_node_add(g, &desc);
}

typedef struct duplicator {
  gr_pass *pass;
  graft_graph *g;
  uint8_t *annotated;    /* by node */
  GR_VEC(uint32_t) uses; /* of one dequantize, newest first as in the use list */
} duplicator;

/* The user that keeps the original: GRAFT_NONE where users without a spec share it. Else the oldest. */
static uint32_t keeper(const duplicator *d) {
  for (uint32_t i = 0; i < d->uses.len; i++) {
    uint32_t user = gr_use_at(d->g, d->uses.data[i])->user;
    if (!gr_user_is_node(user) || !d->annotated[user]) return GRAFT_NONE;
  }
  return gr_use_at(d->g, d->uses.data[d->uses.len - 1])->user;
}

static graft_status duplicate(duplicator *d, graft_node dq) {
  graft_graph *g = d->g;
  graft_value v = gr_result(g, dq, 0);
  if (gr_unused(g, v) || gr_one_use(g, v)) return GRAFT_OK;
  d->uses.len = 0;
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next)
    if (!gr_vec_push(d->pass->context, &d->uses, u)) return GRAFT_NO_MEMORY;
  uint32_t keeps = keeper(d);
  graft_node behind = gr_node_at(g, dq)->next;
  for (uint32_t i = d->uses.len; i-- > 0;) {
    const gr_use *use = gr_use_at(g, d->uses.data[i]);
    uint32_t user = use->user;
    if (use->value != v || user == keeps || !gr_user_is_node(user) || !d->annotated[user]) continue;
    graft_node copy = copy_node(g, dq, behind);
    if (copy == GRAFT_NONE) return GRAFT_NO_MEMORY;
    uint32_t first = gr_node_at(g, user)->first_use, count = gr_node_at(g, user)->operand_count;
    for (uint32_t slot = 0; slot < count; slot++)
      if (gr_use_at(g, first + slot)->value == v) gr_use_set(g, first + slot, gr_result(g, copy, 0));
    gr_count(d->pass, "dequantizes added", 1);
  }
  return GRAFT_OK;
}

graft_status gr_pass_duplicate_dequantize(gr_pass *p) {
  duplicator d = {.pass = p};
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; !s && i < p->module->graphs.len; i++) {
    graft_graph *g = d.g = p->module->graphs.data[i];
    uint32_t count = g->nodes.len; /* copies read no dequantize that is still to come */
    d.annotated = gr_annotated_nodes(g);
    if (!d.annotated) s = GRAFT_NO_MEMORY;
    for (graft_node n = g->first, next; !s && n != GRAFT_NONE; n = next) {
      next = gr_node_at(g, n)->next; /* copies come right behind and are not looked at again */
      const gr_op_info *info = gr_info(g, n);
      if (info && (info->families & GR_F_DQ) && !is_dynamic(g, n)) s = duplicate(&d, n);
    }
    if (d.annotated) gr_free(p->context, d.annotated, count);
  }
  gr_vec_free(p->context, &d.uses);
  return s;
}

/* ---- the end of convert
 * -------------------------------------------------------------------------------------------------- */

graft_status gr_pass_clear_annotations(gr_pass *p) {
  for (uint32_t i = 0; i < p->module->graphs.len; i++) gr_spec_clear(p->module->graphs.data[i]);
  return GRAFT_OK;
}

/* What only a prepared graph may hold is an error after convert; each such node is named. */
static graft_status check_graph(gr_pass *p, graft_graph *g, bool nested, void *user) {
  graft_status *worst = user; /* every graph's nodes are named */
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_op_info *info = gr_info(g, n);
    if (info && (info->families & (GR_F_OBSERVE | GR_F_QPARAMS | GR_F_FAKE_QUANTIZE)))
      *worst = gr_error(p->context, GRAFT_PASS, gr_node_loc(g, n),
                        "%s is left after convert: it was not turned into q/dq nodes", info->name);
    else if (gr_is_marked(g, n, GR_MARK_TRAINING_FORM))
      *worst = gr_error(p->context, GRAFT_PASS, gr_node_loc(g, n),
                        "%s of the training form is left after convert: the batch norm was not folded",
                        gr_op_text(g->module, gr_node_at(g, n)->op));
  }
  return gr_count_layers(p, g, nested ? GR_LAYERS_NESTED : GR_LAYERS_PLACED, NULL, NULL);
}

graft_status gr_pass_check_converted(gr_pass *p) {
  graft_status worst = GRAFT_OK, s = gr_each_graph(p, check_graph, &worst);
  if (!s) s = worst;
  return s ? s : gr_warn_of_float_layers(p, NULL);
}
