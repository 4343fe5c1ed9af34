/* loss: what training makes less. Either the graph has it, or an op of the family `loss` makes it of a prediction and
 * of what is right, which becomes an input. Which ops there are, and what they take, the op table says. */
#include <stdio.h>
#include <string.h>

#include "passes/passes_int.h"

/* An op of the family: by its name, or without the `_loss` behind it. */
static uint32_t op_of(const char *name) {
  char text[128];
  uint32_t op = gr_op_find(name, strlen(name));
  (void)snprintf(text, sizeof text, "%s_loss", name);
  if (op == GR_OP_COUNT) op = gr_op_find(text, strlen(text));
  return op < GR_OP_COUNT && (gr_op_get(op)->families & GR_F_LOSS) ? op : GR_OP_COUNT;
}

graft_status gr_check_loss(gr_pass *p) {
  const char *name = gr_option_string(p, "loss");
  if (name[0]) return GRAFT_OK;
  return gr_error(p->context, GRAFT_INVALID_ARGUMENT, gr_option_loc(p, "loss"), "'loss' needs a loss");
}

static graft_status no_such(gr_pass *p, const char *name) {
  gr_closest near = gr_closest_begin(name, strlen(name));
  for (uint32_t op = 0; op < GR_OP_COUNT; op++)
    if (gr_op_get(op)->families & GR_F_LOSS) gr_closest_offer(&near, gr_op_get(op)->name, strlen(gr_op_get(op)->name));
  return gr_error(p->context, GRAFT_NAME, gr_option_loc(p, "loss"),
                  "no op of the family loss and no value is called '%s'%s", name, gr_closest_hint(&near, ""));
}

static graft_status find_prediction(gr_pass *p, graft_graph *g, graft_value *x) {
  const char *name = gr_option_string(p, "prediction");
  *x = GRAFT_NONE;
  for (uint32_t i = 0; i < graft_output_count(g) && *x == GRAFT_NONE; i++)
    if (!name[0] || strcmp(graft_output_name(g, i), name) == 0) *x = graft_output_get(g, i);
  if (*x != GRAFT_NONE) return GRAFT_OK;
  return gr_error(p->context, GRAFT_NAME, gr_option_loc(p, "prediction"),
                  name[0] ? "no output is called '%s'" : "the graph has no output", name);
}

/* The options that the op has as attributes. */
static graft_status attrs_of(gr_pass *p, uint32_t op, uint32_t *set) {
  const gr_op_info *info = gr_op_get(op);
  graft_module *m = p->module;
  gr_attr_builder b;
  graft_status s = GRAFT_OK;
  gr_attrs_begin(&b, info);
  for (uint32_t i = 0; i < info->attr_count && !s; i++) {
    const char *name = info->attrs[i].name;
    graft_attr a = {.name = name};
    if (strcmp(name, "reduction") == 0) {
      a.kind = GRAFT_ATTR_STRING;
      a.as.s = gr_option_string(p, "reduction");
    } else if (strcmp(name, "label_smoothing") == 0) {
      a.kind = GRAFT_ATTR_FLOAT;
      a.as.f = gr_option_float(p, "label-smoothing");
    } else if (strcmp(name, "ignore_index") == 0) {
      a.kind = GRAFT_ATTR_INT;
      a.as.i = gr_option_int(p, "ignore-index");
    } else {
      continue;
    }
    s = gr_attrs_set(m, &b, info, &a, gr_option_loc(p, "loss"));
  }
  static const char *const own[][2] = {{"label-smoothing", "label_smoothing"}, {"ignore-index", "ignore_index"}};
  for (int i = 0; i < 2 && !s; i++)
    if (gr_option_given(p, own[i][0]) && gr_op_attr_slot(info, own[i][1], strlen(own[i][1])) < 0)
      s = gr_error(p->context, GRAFT_INVALID_ARGUMENT, gr_option_loc(p, own[i][0]), "'%s' has no %s", info->name,
                   own[i][1]);
  if (!s && (*set = gr_attrs_intern(m, &b, info, gr_option_loc(p, "loss"))) == GRAFT_NONE) s = GRAFT_NO_MEMORY;
  return s;
}

/* What is right is given as the prediction is, or as a class for each row: the first that the op takes. */
static graft_status type_of_labels(gr_pass *p, graft_graph *g, uint32_t op, uint32_t attrs, graft_value x,
                                   graft_type *out) {
  const graft_type prediction = *gr_type_of(g, x);
  const graft_type *operands[] = {&prediction, out};
  graft_type result;
  char error[160];
  gr_infer in = {.module = p->module,
                 .op = op,
                 .attrs = attrs,
                 .operands = operands,
                 .operand_count = 2,
                 .results = &result,
                 .result_count = 1,
                 .error = error};
  *out = prediction;
  if (gr_infer_types(&in)) return GRAFT_OK;
  *out = (graft_type){.dtype = GRAFT_I64, .rank = prediction.rank < 0 ? -1 : 0};
  for (int32_t i = 0; i < prediction.rank; i++)
    if (i != (prediction.rank == 1 ? 0 : 1)) out->dims[out->rank++] = prediction.dims[i];
  if (gr_infer_types(&in)) return GRAFT_OK;
  return gr_error(p->context, GRAFT_TYPE, gr_value_loc(g, x), "%s cannot be taken of '%s': %s", gr_op_get(op)->name,
                  gr_value_label(g, x), error);
}

static graft_status make_loss(gr_pass *p, graft_graph *g, uint32_t op, graft_value *loss) {
  graft_value x;
  graft_type type;
  uint32_t attrs = GRAFT_NONE;
  graft_status s = find_prediction(p, g, &x);
  if (!s) s = attrs_of(p, op, &attrs);
  if (!s) s = type_of_labels(p, g, op, attrs, x, &type);
  if (s) return s;
  const graft_value labels = graft_input_add(g, gr_option_string(p, "labels"), &type);
  if (labels == GRAFT_NONE) return GRAFT_PASS;
  const char *name = "loss";
  const gr_node_desc d = {.op = op,
                          .attrs = attrs,
                          .operands = (graft_value[]){x, labels},
                          .operand_count = 2,
                          .result_count = 1,
                          .name_base = gr_intern(p->module, name, strlen(name)),
                          .before = GRAFT_NONE,
                          .where = gr_value_loc(g, x)};
  const graft_node n = d.name_base == GRAFT_NONE ? GRAFT_NONE : gr_node_add(g, &d);
  *loss = n == GRAFT_NONE ? GRAFT_NONE : gr_result(g, n, 0);
  return n == GRAFT_NONE ? GRAFT_PASS : GRAFT_OK;
}

graft_status gr_pass_loss(gr_pass *p) {
  const char *name = gr_option_string(p, "loss");
  const uint32_t op = op_of(name);
  graft_graph *g;
  graft_status s = gr_graph_to_train(p, &g);
  if (s) return s;
  graft_value loss = graft_value_find(g, name);
  if (op == GR_OP_COUNT && loss == GRAFT_NONE) return no_such(p, name);
  if (op < GR_OP_COUNT) s = make_loss(p, g, op, &loss);
  if (!s && gr_type_of(g, loss)->rank > 0)
    s = gr_error(p->context, GRAFT_TYPE, gr_value_loc(g, loss), "'%s' has %d axes: a loss is one number", name,
                 gr_type_of(g, loss)->rank);
  return s ? s : graft_output_add(g, "loss", loss);
}
