/* The shape rules of ops that run graphs of the module. A reader makes the nodes of a graph before the graphs that they
 * name: while such a graph has no outputs, nothing is known of the results. */
#include "ir/infer/infer_impl.h"

/* NULL: it is not there yet. */
static const graft_graph *graph_of(const gr_rule *r, uint32_t slot) {
  const uint64_t index = (uint64_t)gr_rule_int(r, slot);
  const graft_graph *g = index < r->in->module->graphs.len ? r->in->module->graphs.data[index] : NULL;
  return g && g->outputs.len ? g : NULL;
}

static const graft_type *output_type(const graft_graph *g, uint32_t i) {
  return gr_type_of(g, gr_use_at(g, g->outputs.data[i].use)->value);
}

/* The operands from `first` on go into the inputs of g from `input` on. */
static bool check_inputs(const gr_rule *r, int constraint, const graft_graph *g, uint32_t first, uint32_t input) {
  const uint32_t given = r->in->operand_count > first ? r->in->operand_count - first : 0;
  if (g->inputs.len != input + given)
    return gr_infer_fail(r, constraint, "graph %u has %u inputs, not %u", g->index, g->inputs.len, input + given);
  for (uint32_t i = 0; i < given; ++i) {
    const graft_type *t = gr_rule_operand(r, first + i), *wanted = gr_type_of(g, g->inputs.data[input + i]);
    if (t == NULL) return gr_infer_fail(r, constraint, "operand %u is absent", first + i);
    if (!gr_type_compatible(t, wanted))
      return gr_infer_fail(r, constraint, "operand %u is of another type than input %u of graph %u", first + i,
                           input + i, g->index);
  }
  return true;
}

/* What is true of both: false where they are of two dtypes. */
static bool join(graft_type *into, const graft_type *t) {
  if (into->dtype == GRAFT_UNKNOWN) into->dtype = t->dtype;
  if (t->dtype != GRAFT_UNKNOWN && t->dtype != into->dtype) return false;
  if (into->rank != t->rank) gr_type_set(into, into->dtype, -1);
  for (int32_t d = 0; d < into->rank; ++d)
    if (into->dims[d] != t->dims[d]) into->dims[d] = -1;
  return true;
}

/* The operand, if given, is one element of this dtype. */
static bool check_one(const gr_rule *r, int constraint, uint32_t slot, graft_dtype dtype) {
  const graft_type *t = gr_rule_operand(r, slot);
  if (t == NULL) return true;
  if (t->dtype != dtype && t->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, constraint, "%s is %s", gr_rule_operand_name(r, slot), graft_dtype_name(t->dtype));
  for (int32_t d = 0; d < t->rank; ++d)
    if (t->dims[d] >= 0 && t->dims[d] != 1)
      return gr_infer_fail(r, constraint, "%s has %jd entries along axis %d", gr_rule_operand_name(r, slot), t->dims[d],
                           d);
  return true;
}

static void all_unknown(const gr_rule *r) {
  for (uint32_t i = 0; i < r->in->result_count; ++i) gr_type_set(&r->in->results[i], GRAFT_UNKNOWN, -1);
}

bool gr_rule_if(const gr_rule *r) {
  const graft_graph *branches[] = { graph_of(r, GR_ATTR(if, then_branch)), graph_of(r, GR_ATTR(if, else_branch)) };
  /* C1: condition is one bool. */
  if (!check_one(r, 1, GR_OPERAND(if, condition), GRAFT_BOOL)) return false;
  all_unknown(r);
  for (int k = 0; k < 2 && branches[0] && branches[1]; ++k) {
    const graft_graph *g = branches[k];
    /* C2: the captured operands are the inputs of both graphs, of their types. */
    if (!check_inputs(r, 2, g, GR_OPERAND(if, captured), 0)) return false;
    /* C3: both graphs have as many outputs as there are results, of the same dtypes. */
    if (g->outputs.len != r->in->result_count)
      return gr_infer_fail(r, 3, "graph %u has %u outputs, not %u", g->index, g->outputs.len, r->in->result_count);
    for (uint32_t i = 0; i < g->outputs.len; ++i)
      if (k == 0)
        r->in->results[i] = *output_type(g, i);
      else if (!join(&r->in->results[i], output_type(g, i)))
        return gr_infer_fail(r, 3, "output %u of graph %u is %s, that of graph %u %s", i, g->index,
                             graft_dtype_name(output_type(g, i)->dtype), branches[0]->index,
                             graft_dtype_name(r->in->results[i].dtype));
  }
  return true;
}

/* Outputs of the body go into its inputs the next time. */
static bool check_carried(const gr_rule *r, const graft_graph *body, uint32_t carried) {
  for (uint32_t i = 0; i <= carried; ++i) {
    const graft_type *made = output_type(body, i), *taken = gr_type_of(body, body->inputs.data[1 + i]);
    if (i == 0 && made->dtype != GRAFT_BOOL && made->dtype != GRAFT_UNKNOWN)
      return gr_infer_fail(r, 5, "the condition of graph %u is %s", body->index, graft_dtype_name(made->dtype));
    if (i > 0 && !gr_type_compatible(made, taken))
      return gr_infer_fail(r, 5, "output %u of graph %u is of another type than its input %u", i, body->index, 1 + i);
  }
  return true;
}

bool gr_rule_loop(const gr_rule *r) {
  enum { COUNT = GR_OPERAND(loop, count), CONDITION = GR_OPERAND(loop, condition), VALUES = GR_OPERAND(loop, values) };
  const graft_graph *body = graph_of(r, GR_ATTR(loop, body));
  const uint32_t carried = (uint32_t)gr_rule_int(r, GR_ATTR(loop, carried)), results = r->in->result_count;
  /* C1: count is one i64. */
  if (!check_one(r, 1, COUNT, GRAFT_I64)) return false;
  /* C2: condition is one bool. */
  if (!check_one(r, 2, CONDITION, GRAFT_BOOL)) return false;
  /* C3: carried is at most the number of values, and of results. */
  if (carried > results || r->in->operand_count < VALUES + carried)
    return gr_infer_fail(r, 3, "%u values are carried", carried);
  all_unknown(r);
  if (!body) return true;
  /* C4: body's inputs are the time, the condition and the values, its outputs the condition and the results. */
  if (!check_inputs(r, 4, body, VALUES, 2)) return false;
  if (body->outputs.len != 1 + results)
    return gr_infer_fail(r, 4, "graph %u has %u outputs, not %u", body->index, body->outputs.len, 1 + results);
  /* C5: the body's condition is one bool, and what it carries on is of its inputs' types. */
  if (!check_carried(r, body, carried)) return false;
  for (uint32_t i = 0; i < results; ++i) {
    const graft_type *made = output_type(body, 1 + i);
    graft_type *y = &r->in->results[i];
    *y = *made;
    if (i < carried) {
      if (!join(y, gr_rule_operand(r, VALUES + i)))
        return gr_infer_fail(r, 5, "value %u changes its dtype to %s", i, graft_dtype_name(made->dtype));
    } else if (made->rank >= 0) {
      /* C6: what is stacked has at most 7 axes. */
      if (made->rank >= GRAFT_MAX_RANK) return gr_infer_fail(r, 6, "output %u has rank %d", 1 + i, made->rank);
      gr_type_set(y, made->dtype, made->rank + 1);
      y->dims[0] = -1;
      for (int32_t d = 0; d < made->rank; ++d) y->dims[d + 1] = made->dims[d];
    }
  }
  return true;
}
