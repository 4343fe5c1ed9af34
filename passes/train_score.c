/* The loss of validation where the first graph has none: the op that makes the loss of `train`, alone in a graph of its
 * own, on what the first graph predicts. */
#include <string.h>

#include "ir/inspect.h"
#include "passes/train_impl.h"

enum { PREDICTION, LABELS, OPERANDS };

/* The output of `train`, and so of the first graph, that is the value. */
static uint32_t output_of(const graft_graph *train, const graft_graph *first, graft_value v) {
  for (uint32_t i = 0; i < graft_output_count(first) && i < graft_output_count(train); i++)
    if (graft_output_get(train, i) == v) return i;
  return GRAFT_NONE;
}

static graft_status make(gr_score *s, const graft_graph *train, graft_node n) {
  graft_context *c = train->module->context;
  graft_attr attrs[GR_MAX_ATTRS];
  graft_value operands[OPERANDS];
  static const char *const names[] = {"prediction", "labels"};
  graft_node_options o = {.size = sizeof o,
                          .op = graft_node_get_op(train, n),
                          .operands = operands,
                          .operand_count = OPERANDS,
                          .attrs = attrs};
  while (o.attr_count < GR_MAX_ATTRS && graft_node_attr_get(train, n, o.attr_count, &attrs[o.attr_count]))
    o.attr_count++;
  s->m = graft_module_create(c);
  s->g = s->m ? graft_graph_create(s->m, "loss") : NULL;
  if (!s->g) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < OPERANDS; i++) {
    const graft_type type = graft_value_get_type(train, gr_operand(train, n, i));
    operands[i] = graft_input_add(s->g, names[i], &type);
    if (operands[i] == GRAFT_NONE) return GRAFT_NO_MEMORY;
  }
  const graft_node made = graft_node_create(s->g, &o);
  if (made == GRAFT_NONE) return GRAFT_PASS;
  return graft_output_add(s->g, "loss", graft_node_result(s->g, made, 0));
}

graft_status gr_score_begin(gr_score *s, graft_graph *train, const graft_graph *first, graft_value loss,
                            const gr_table *t) {
  const graft_node n = graft_value_node(train, loss);
  *s = (gr_score){0};
  if (n == GRAFT_NONE || t->labels == GRAFT_NONE || !(gr_node_families(train, n) & GR_F_LOSS)) return GRAFT_OK;
  for (uint32_t i = 0; i < gr_node_at(train, n)->operand_count; i++)
    if ((gr_operand(train, n, i) == GRAFT_NONE) != (i >= OPERANDS)) return GRAFT_OK; /* weights of classes: not alone */
  char name[512];
  graft_value_name(train, gr_operand(train, n, LABELS), name, sizeof name);
  s->output = output_of(train, first, gr_operand(train, n, PREDICTION));
  if (s->output == GRAFT_NONE || strcmp(name, t->columns[t->labels].from.name) != 0) return GRAFT_OK;
  return make(s, train, n);
}

const void *gr_score_run(gr_score *s, const gr_table *t, const graft_session_options *options, const graft_type *type,
                         const void *prediction, graft_type *result) {
  const gr_column *labels = &t->columns[t->labels];
  if (!s->session) s->session = graft_session_create(s->g, options);
  if (!s->session || graft_session_set_input(s->session, PREDICTION, type, prediction) ||
      graft_session_set_input(s->session, LABELS, &labels->type, labels->batch) || graft_session_run(s->session))
    return NULL;
  return graft_session_get_output(s->session, 0, result);
}

void gr_score_end(gr_score *s) {
  graft_session_destroy(s->session);
  graft_module_destroy(s->m);
  *s = (gr_score){0};
}
