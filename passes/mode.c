/* Training and evaluation mode: the attribute `training`, in any order with other passes, and what belongs to it: a
 * node that begins to train makes the next values of its statistics, and they are updated. Which ops have a mode and
 * statistics is read from the op table: results 1, 2, … are the next values of the operands that are statistics. What
 * else is to be trained is named.
 *
 * A batch norm is in training or not, and frozen or not; a frozen one never trains. As in PyTorch's modules to-eval and
 * to-train leave frozen ones alone, freeze-bn stops one whatever the mode, and unfreeze-bn lets it train whatever the
 * mode. So each call sets the same state wherever it comes from, and repeating it changes nothing. reestimate-bn makes
 * batch norms average over the batches that come; whatever sets the mode anew ends that. */
#include <stdio.h>
#include <string.h>

#include "passes/gradient_impl.h"
#include "passes/quant_impl.h"

typedef enum change { TO_EVAL, TO_TRAIN, FREEZE, UNFREEZE, REESTIMATE } change;

typedef struct changer {
  gr_pass *pass;
  change what;
  gr_selector names; /* of the batch norms that are meant */
  graft_graph *g;
  uint32_t *update; /* by tensor: its update that this pass made; GRAFT_NONE: none; THEIRS: another one */
  uint32_t tensor_count;
  int8_t modes[GR_OP_COUNT]; /* by op: 1 + the slot of its attribute `training`; 0: not looked up yet, -1: none */
} changer;

#define THEIRS (GRAFT_NONE - 1)

/* The tensor that operand `slot` is, as a buffer; what an earlier node made of it, where this pass saw to it, goes on
 * in
 * `*v`. GRAFT_NONE without an error: it is none. */
static graft_status state_of(changer *c, graft_node n, uint32_t slot, graft_tensor *t, graft_value *v) {
  graft_module *m = c->g->module;
  *v = gr_operand(c->g, n, slot);
  *t = *v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(c->g, *v);
  if (*t == GRAFT_NONE || m->tensors.data[*t].kind != GRAFT_CONSTANT) return GRAFT_OK;
  *t = gr_tensor_copy(m, *t, GRAFT_BUFFER);
  *v = *t == GRAFT_NONE ? GRAFT_NONE : gr_handle(c->g, *t);
  return *v == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
}

/* What the node's operands become where it trains, and the tensors that its results 1, 2, … are the next values of; how
 * many of those there are. 0: another node's results update one of them. */
static graft_status statistics_of(changer *c, graft_node n, graft_value *operands, graft_tensor *tensors,
                                  uint32_t *count) {
  graft_graph *g = c->g;
  const gr_op_info *op = gr_info(g, n);
  graft_status s = GRAFT_OK;
  uint32_t k = 1;
  for (uint32_t i = 0; !s && i < gr_node_at(g, n)->operand_count && k < GR_MAX_RESULTS; i++) {
    operands[i] = gr_operand(g, n, i);
    if (op->operands[i].role != GR_STATISTICS || operands[i] == GRAFT_NONE) continue;
    s = state_of(c, n, i, &tensors[k], &operands[i]);
    const uint32_t update = tensors[k] < c->tensor_count ? c->update[tensors[k]] : GRAFT_NONE;
    if (update == THEIRS) {
      *count = 0;
      return s;
    }
    /* a module that is called twice: this call goes on with what the one before made */
    if (update != GRAFT_NONE) operands[i] = gr_use_at(g, g->updates.data[update].use)->value;
    k++;
  }
  *count = k;
  return s;
}

/* The node that has begun to train gets the results that it lacks and updates of what they are the next values of. */
static graft_status update_statistics(changer *c, graft_node n) {
  graft_graph *g = c->g;
  const gr_node node = *gr_node_at(g, n);
  graft_value operands[GR_MAX_OPERANDS] = {0};
  graft_tensor tensors[GR_MAX_RESULTS] = {0};
  uint32_t specs[GR_MAX_OPERANDS] = {0}, count;
  if (node.operand_count > GR_MAX_OPERANDS) return GRAFT_OK;
  for (uint32_t i = 0; i < node.operand_count; i++) specs[i] = gr_spec_of_use(g, node.first_use + i);
  graft_status s = statistics_of(c, n, operands, tensors, &count);
  if (s || count <= 1) return s;
  gr_node_desc d = {.op = node.op,
                    .attrs = node.attrs,
                    .operands = operands,
                    .operand_count = node.operand_count,
                    .result_count = node.result_count > count ? node.result_count : count,
                    .provenance = node.provenance,
                    .marks = node.marks,
                    .where = gr_node_loc(g, n)};
  s = gr_node_become(g, n, &d);
  for (uint32_t i = 0; !s && i < node.operand_count; i++)
    if (specs[i]) s = gr_spec_set_use(g, gr_node_at(g, n)->first_use + i, specs[i]);
  for (uint32_t k = 1; !s && k < count; k++) {
    const graft_tensor t = tensors[k];
    if (t == GRAFT_NONE) continue;
    if (t < c->tensor_count && c->update[t] != GRAFT_NONE) {
      s = gr_use_set(g, g->updates.data[c->update[t]].use, gr_result(g, n, k));
      continue;
    }
    s = graft_update_add(g, t, gr_result(g, n, k));
    if (t < c->tensor_count) c->update[t] = g->updates.len - 1;
    gr_count(c->pass, "statistics updated", 1);
  }
  return s;
}

/* A batch norm that counts no batches begins to, from 0. */
static graft_status count_batches(changer *c, graft_node n) {
  enum { COUNT = GR_OPERAND(batch_norm, num_batches_tracked), NEXT_COUNT = GR_RESULT(batch_norm, count) };
  graft_graph *g = c->g;
  const gr_node node = *gr_node_at(g, n);
  if (gr_operand(g, n, COUNT) != GRAFT_NONE) return GRAFT_OK;
  const graft_tensor mean = gr_value_tensor(g, gr_operand(g, n, GR_OPERAND(batch_norm, running_mean)));
  char name[512], text[540];
  graft_tensor_name(g->module, mean, name, sizeof name);
  char *point = strrchr(name, '.');
  (void)snprintf(text, sizeof text, "%.*snum_batches_tracked", point ? (int)(point + 1 - name) : 0, name);
  const graft_type type = graft_type_make(GRAFT_I64, 0, NULL);
  const graft_tensor t = graft_tensor_create(g->module, text, GRAFT_BUFFER, &type, &(int64_t){0});
  graft_value operands[COUNT + 1];
  uint32_t specs[COUNT + 1] = {0};
  for (uint32_t i = 0; i < COUNT; i++) {
    operands[i] = gr_operand(g, n, i);
    if (i < node.operand_count) specs[i] = gr_spec_of_use(g, node.first_use + i);
  }
  if (t == GRAFT_NONE || (operands[COUNT] = gr_handle(g, t)) == GRAFT_NONE) return GRAFT_NO_MEMORY;
  gr_node_desc d = {.op = node.op,
                    .attrs = node.attrs,
                    .operands = operands,
                    .operand_count = COUNT + 1,
                    .result_count = node.result_count > NEXT_COUNT ? node.result_count : NEXT_COUNT + 1,
                    .provenance = node.provenance,
                    .marks = node.marks,
                    .where = gr_node_loc(g, n)};
  graft_status s = gr_node_become(g, n, &d);
  for (uint32_t i = 0; !s && i < COUNT; i++)
    if (specs[i]) s = gr_spec_set_use(g, gr_node_at(g, n)->first_use + i, specs[i]);
  return s ? s : graft_update_add(g, t, gr_result(g, n, NEXT_COUNT));
}

static graft_status set_cumulative(changer *c, graft_node n, bool cumulative) {
  graft_attr attr;
  if (gr_node_at(c->g, n)->op != GR_OP_batch_norm ||
      gr_attr_bool(c->g->module, gr_attrs_of(c->g, n), GR_ATTR(batch_norm, cumulative)) == cumulative ||
      !graft_node_attr(c->g, n, "cumulative", &attr))
    return GRAFT_OK;
  attr.as.b = cumulative;
  return graft_node_set_attr(c->g, n, &attr);
}

static bool is_set_already(changer *c, graft_node n, bool training) {
  int8_t *mode = &c->modes[gr_node_at(c->g, n)->op];
  if (*mode == 0) {
    const int slot = gr_op_attr_slot(gr_info(c->g, n), "training", 8);
    *mode = (int8_t)(slot < 0 ? -1 : slot + 1);
  }
  return *mode < 0 || gr_attr_bool(c->g->module, gr_attrs_of(c->g, n), (uint32_t)*mode - 1) == training;
}

static graft_status set_training(changer *c, graft_node n, bool training) {
  graft_graph *g = c->g;
  graft_attr attr;
  if (is_set_already(c, n, training) || !graft_node_attr(g, n, "training", &attr)) return GRAFT_OK;
  attr.as.b = training;
  gr_count(c->pass, "nodes changed", 1);
  graft_status s = graft_node_set_attr(g, n, &attr);
  return s || !training ? s : update_statistics(c, n);
}

static graft_status set_frozen(changer *c, graft_node n, bool frozen) {
  if ((gr_is_marked(c->g, n, GR_MARK_FROZEN) != 0) == frozen) return GRAFT_OK;
  gr_count(c->pass, frozen ? "batch norms frozen" : "batch norms unfrozen", 1);
  return graft_node_set_mark(c->g, n, graft_mark_name(GR_MARK_INDEX_FROZEN), frozen);
}

/* Does the change look at the op? */
static bool is_meant(const changer *c, uint32_t op) {
  if (op == GR_OP_batch_norm_backward) return false; /* it follows */
  return c->what == TO_EVAL || c->what == TO_TRAIN ? op < GR_OP_COUNT : op == GR_OP_batch_norm;
}

/* Fresh statistics of the batches to come. A module that is called twice has one count for both calls, which is not
 * told apart here. */
static graft_status reestimate(changer *c, graft_node n) {
  const graft_graph *g = c->g;
  const graft_value mean = gr_operand(g, n, GR_OPERAND(batch_norm, running_mean));
  if (gr_is_marked(g, n, GR_MARK_FROZEN) || mean == GRAFT_NONE) return GRAFT_OK;
  if (gr_value_tensor(g, mean) == GRAFT_NONE) {
    gr_warning(c->pass->context, GRAFT_PASS, gr_node_loc(g, n),
               "its running statistics are another node's results: they are not re-estimated");
    return GRAFT_OK;
  }
  graft_status s = set_training(c, n, true);
  if (!s) s = count_batches(c, n);
  if (!s) s = gr_reset_statistics(c->pass, c->g, n);
  if (!s) s = set_cumulative(c, n, true);
  gr_count(c->pass, "batch norms re-estimated", 1);
  return s;
}

static graft_status change_node(changer *c, graft_node n) {
  bool named = true;
  graft_status s = GRAFT_OK;
  if (c->what != TO_EVAL && c->what != TO_TRAIN) s = gr_selector_has(&c->names, c->g, n, &named);
  if (s || !named) return s;
  if (c->what == REESTIMATE) return reestimate(c, n);
  s = set_cumulative(c, n, false);
  if (!s && (c->what == FREEZE || c->what == UNFREEZE)) s = set_frozen(c, n, c->what == FREEZE);
  const bool trains = c->what == UNFREEZE || (c->what == TO_TRAIN && !gr_is_marked(c->g, n, GR_MARK_FROZEN));
  return s ? s : set_training(c, n, trains);
}

/* What flows back through a batch norm is computed in its mode. */
static graft_status follow(changer *c, graft_node n) {
  graft_graph *g = c->g;
  const graft_value of = gr_operand(g, n, GR_OPERAND(batch_norm_backward, batch_mean));
  const graft_node forward = of == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, of);
  graft_attr mode, attr;
  if (forward == GRAFT_NONE || gr_node_at(g, forward)->op != GR_OP_batch_norm ||
      !graft_node_attr(g, forward, "training", &mode) || !graft_node_attr(g, n, "training", &attr) ||
      attr.as.b == mode.as.b)
    return GRAFT_OK;
  attr.as.b = mode.as.b;
  return graft_node_set_attr(g, n, &attr);
}

static graft_status change_graph(changer *c) {
  graft_graph *g = c->g;
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < g->updates.len; i++)
    if (g->updates.data[i].tensor < c->tensor_count) c->update[g->updates.data[i].tensor] = THEIRS;
  for (graft_node n = g->first; !s && n != GRAFT_NONE; n = gr_node_at(g, n)->next)
    if (is_meant(c, gr_node_at(g, n)->op)) s = change_node(c, n);
  for (graft_node n = g->first; !s && n != GRAFT_NONE; n = gr_node_at(g, n)->next)
    if (gr_node_at(g, n)->op == GR_OP_batch_norm_backward) s = follow(c, n);
  for (uint32_t i = 0; i < g->updates.len; i++) /* as it was, for the next graph */
    if (g->updates.data[i].tensor < c->tensor_count) c->update[g->updates.data[i].tensor] = GRAFT_NONE;
  return s;
}

static void warn_of_eval(changer *c) {
  const graft_graph *g = c->g;
  graft_node first = GRAFT_NONE;
  uint32_t count = 0;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_op_info *info = gr_info(g, n);
    if (!info || !is_meant(c, gr_node_at(g, n)->op) || gr_op_attr_slot(info, "training", 8) < 0) continue;
    if (count++ == 0) first = n;
  }
  if (count)
    gr_warning(c->pass->context, GRAFT_PASS, gr_node_loc(g, first), "%u nodes inside an if or a loop stay in eval mode",
               count);
}

static graft_status change_all(gr_pass *p, change what) {
  changer c = {.pass = p, .what = what, .tensor_count = p->module->tensors.len};
  const size_t size = ((size_t)c.tensor_count + 1) * sizeof *c.update;
  const bool training = what != TO_EVAL && what != FREEZE, named = what != TO_EVAL && what != TO_TRAIN;
  if (!gr_selector_init(&c.names, p->module, named ? gr_option_string(p, "name") : "")) return GRAFT_NO_MEMORY;
  c.update = gr_alloc(p->context, size);
  graft_status s = c.update ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (!s) memset(c.update, 0xFF, size); /* GRAFT_NONE */
  bool *nested = s ? NULL : gr_nested_graphs(p->module);
  if (!nested) s = GRAFT_NO_MEMORY;
  for (uint32_t i = 0; !s && i < p->module->graphs.len; i++) {
    c.g = p->module->graphs.data[i];
    if (!named && !gr_graph_chosen(p, c.g)) continue;
    if (training && nested[i]) /* it has no updates */
      warn_of_eval(&c);
    else
      s = change_graph(&c);
  }
  if (!s) gr_selector_warn(p, &c.names, "name", "batch norm");
  if (nested) gr_free(p->context, nested, ((size_t)p->module->graphs.len + 1) * sizeof *nested);
  if (c.update) gr_free(p->context, c.update, size);
  gr_selector_free(&c.names);
  return s;
}

/* ---- constants that training is to change ---- */

/* Float constants of these names, or of the modules called so, become parameters: an importer cannot tell the scale of
 * a layer norm from a number that the network's author wrote down. `all`: all that could be. */
static graft_status make_parameters(gr_pass *p) {
  graft_module *m = p->module;
  gr_selector names;
  if (!gr_option_string(p, "parameters")[0]) return GRAFT_OK;
  if (!gr_selector_init(&names, m, gr_option_string(p, "parameters"))) return GRAFT_NO_MEMORY;
  const uint32_t all = gr_selector_number(&names, "all", 3);
  graft_status s = all == GRAFT_NONE ? GRAFT_NO_MEMORY : all ? gr_make_parameters_of_all(p) : GRAFT_OK;
  if (!s && all) names.names.data[all - 1].found = true;
  for (graft_tensor t = 0; t < m->tensors.len && !s; t++) {
    gr_tensor *tensor = &m->tensors.data[t];
    bool yes;
    if (tensor->kind == GRAFT_BUFFER || !gr_is_float(gr_tensor_type(m, t)->dtype)) continue;
    s = gr_selector_has_tensor(&names, p, t, &yes);
    if (s || !yes || tensor->kind != GRAFT_CONSTANT) continue;
    tensor->kind = GRAFT_PARAMETER;
    gr_count(p, "parameters", 1);
  }
  if (!s) gr_selector_warn(p, &names, "parameters", "constant of floats");
  gr_selector_free(&names);
  return s;
}

static graft_status train(gr_pass *p, change what) {
  graft_status s = make_parameters(p);
  return s ? s : change_all(p, what);
}

graft_status gr_pass_to_eval(gr_pass *p) { return change_all(p, TO_EVAL); }
graft_status gr_pass_to_train(gr_pass *p) { return train(p, TO_TRAIN); }
graft_status gr_pass_freeze_bn(gr_pass *p) { return change_all(p, FREEZE); }
graft_status gr_pass_unfreeze_bn(gr_pass *p) { return train(p, UNFREEZE); }
graft_status gr_pass_reestimate_bn(gr_pass *p) { return change_all(p, REESTIMATE); }
