/* Every node of a graph, through its row of import.def or contrib.def, a function of the model, or as it is. */
#include "ir/formats/onnx/handler_impl.h"
#include "ir/formats/onnx/onnx_int.h"

#include <string.h>

static bool check_attributes(gr_onnx *in) {
  uint32_t seen = 0;
  for (size_t i = 0; i < in->node->n_attribute; i++) {
    const Onnx__AttributeProto *a = in->node->attribute[i];
    uint32_t k = 0;
    while (in->row->attrs[k].name && strcmp(in->row->attrs[k].name, a->name) != 0) k++;
    if (!in->row->attrs[k].name)
      return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s has no attribute '%s'", in->row->name, a->name), false;
    if (seen >> k & 1)
      return gr_onnx_fail(in, GRAFT_FORMAT, "%s: attribute '%s' is given twice", in->row->name, a->name), false;
    seen |= 1u << k;
    if ((int)a->type != in->row->attrs[k].type || a->ref_attr_name ||
        (a->g && a->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH))
      return gr_onnx_fail(in, GRAFT_TYPE, "%s: attribute '%s' is of the wrong kind", in->row->name, a->name), false;
  }
  return true;
}

/* Of onnxruntime's ops: has the node only what the row knows? A later version of one may have more. */
static bool is_known_form(const gr_onnx *in) {
  for (size_t i = 0; i < in->node->n_attribute; i++) {
    uint32_t k = 0;
    while (in->row->attrs[k].name && strcmp(in->row->attrs[k].name, in->node->attribute[i]->name) != 0) k++;
    if (!in->row->attrs[k].name) return false;
  }
  return in->node->n_input <= in->row->max_inputs && in->node->n_output <= in->row->max_outputs;
}

static bool check_counts(gr_onnx *in) {
  const gr_onnx_op *row = in->row;
  size_t inputs = in->node->n_input, outputs = in->node->n_output;
  for (uint32_t i = 0; i < row->min_inputs; i++)
    if (!gr_onnx_has_input(in, i)) return gr_onnx_fail(in, GRAFT_TYPE, "%s: input %u is missing", row->name, i), false;
  if (inputs > row->max_inputs)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s has %zu inputs, at most %u are known", row->name, inputs, row->max_inputs),
           false;
  if (outputs > row->max_outputs || outputs > UINT16_MAX)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s has %zu outputs, at most %u are known", row->name, outputs,
                        row->max_outputs),
           false;
  return outputs > 0 || (gr_onnx_fail(in, GRAFT_TYPE, "%s has no output", row->name), false);
}

static bool import_opaque(gr_onnx *in) {
  gr_onnx_names captured = {0};
  const graft_graph **graphs = gr_onnx_captured(in, &captured) ? gr_onnx_nested(in, &captured) : NULL;
  const bool good = graphs && gr_onnx_opaque(in, graphs, &captured);
  gr_vec_free(in->context, &captured.names);
  return good;
}

/* Does the op mean in the model's opset what its handler makes of it? */
static bool check_opset(gr_onnx *in) {
  if (in->opset == 0) return gr_onnx_fail(in, GRAFT_FORMAT, "no opset of the default domain is imported"), false;
  if (in->opset < in->row->since)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s is read from opset %lld on, the model has opset %lld", in->row->name,
                        (long long)in->row->since, (long long)in->opset),
           false;
  if (in->opset > GR_ONNX_LAST_OPSET)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "what %s means in opset %lld is not known; %d is the last one",
                        in->row->name, (long long)in->opset, GR_ONNX_LAST_OPSET),
           false;
  return true;
}

/* ---- what its handler makes of a node ---- */

/* What was there before the handler ran. */
typedef struct mark {
  uint32_t nodes, graphs, tensors, computed;
} mark;

static bool take_back(gr_onnx *in, const mark *to) {
  graft_graph *g = in->scope->graph;
  graft_module *m = in->module;
  for (uint32_t i = 0; i < in->node->n_output; i++) {
    gr_onnx_symbol *s = in->node->output[i][0] ? gr_onnx_scope_find(in->scope, in->node->output[i]) : NULL;
    if (s) s->value = s->tensor = GRAFT_NONE;
  }
  for (graft_node n = g->nodes.len; n-- > to->nodes;)
    if (gr_node_live(g, n)) gr_node_erase(g, n);
  gr_graphs_drop(m, to->graphs);
  in->scope->computed.len = to->computed;
  for (graft_tensor t = to->tensors; t < m->tensors.len; t++)
    if (!gr_vec_push(in->context, &in->consumed, t)) return false;
  return true;
}

/* False: an error, or, with in->opaque, the node is to stay as it is. */
static bool handle(gr_onnx *in) {
  const mark before = {.nodes = in->scope->graph->nodes.len,
                       .graphs = in->module->graphs.len,
                       .tensors = in->module->tensors.len,
                       .computed = in->scope->computed.len};
  in->kept = (graft_type){.dtype = GRAFT_UNKNOWN, .rank = -1};
  in->handling = true;
  const bool good = in->row->handler(in) && !in->failed;
  in->handling = false;
  if (!in->refused) return good;
  in->refused = in->failed = false;
  in->opaque = take_back(in, &before);
  return false;
}

static bool import_node(gr_onnx *in, const Onnx__NodeProto *written) {
  const Onnx__NodeProto *node = gr_onnx_resolve(in, written);
  if (!node) return false;
  bool in_default_domain = !node->domain || !node->domain[0] || strcmp(node->domain, "ai.onnx") == 0;
  in->node = node;
  in->record = 0;
  in->opaque = in->kept_by_all = false;
  in->why = NULL;
  in->where.node = node->name && node->name[0] ? node->name : node->n_output ? node->output[0] : NULL;
  if (!node->op_type || !node->op_type[0]) return gr_onnx_fail(in, GRAFT_FORMAT, "a node without an op"), false;
  for (size_t i = 0; i < node->n_attribute; i++)
    if (!node->attribute[i]->name || !node->attribute[i]->name[0])
      return gr_onnx_fail(in, GRAFT_FORMAT, "an attribute without a name"), false;
  if (node->name && node->name[0] && (in->record = gr_onnx_read_provenance(in, node)) == GRAFT_NONE) return false;
  in->row = in_default_domain ? gr_onnx_op_find(node->op_type) : NULL;
  const gr_onnx_function *f = in->row ? NULL : gr_onnx_function_find(in, node);
  if (f) return gr_onnx_call_function(in, f);
  const bool contrib = !in->row && node->domain && strcmp(node->domain, "com.microsoft") == 0;
  if (contrib) in->row = gr_onnx_contrib_find(node->op_type);
  if (contrib && in->row && !is_known_form(in)) in->why = "an attribute, input or output that is not known";
  if (!in->row || in->why) return import_opaque(in);
  if (!contrib && !check_opset(in)) return false;
  if (!check_counts(in) || !check_attributes(in)) return false;
  return handle(in) || (in->opaque && import_opaque(in));
}

bool gr_onnx_nodes(gr_onnx *in, gr_onnx_scope *s) {
  const uint32_t *order = gr_onnx_order(in, s);
  bool good = order != NULL;
  for (size_t i = 0; good && i < s->proto->n_node; i++) good = import_node(in, s->proto->node[order[i]]);
  return good;
}
