/* Graphs inside a node, and what becomes part of the graph around it: branches and functions. */
#include "ir/formats/onnx/handler_impl.h"

#include <stdio.h>
#include <string.h>

bool gr_onnx_drop_computed(gr_onnx *in, gr_onnx_scope *s) {
  graft_graph *g = s->graph;
  while (s->computed.len > 0) {
    const graft_value v = s->computed.data[--s->computed.len];
    const graft_tensor t = gr_value_tensor(g, v);
    const graft_node n = gr_value_node(g, v);
    if (t != GRAFT_NONE && !gr_vec_push(in->context, &in->consumed, t)) return false;
    bool unused = n != GRAFT_NONE && gr_node_live(g, n) && gr_node_at(g, n)->op < GR_OP_COUNT;
    for (uint32_t i = 0; unused && i < gr_node_at(g, n)->result_count; i++)
      unused = gr_result(g, n, i) == GRAFT_NONE || gr_unused(g, gr_result(g, n, i));
    if (!unused) continue;
    for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count; i++) {
      const graft_value operand = gr_operand(g, n, i);
      if (operand != GRAFT_NONE && !gr_vec_push(in->context, &s->computed, operand)) return false;
    }
    gr_node_erase(g, n);
  }
  return true;
}

static void come_back(gr_onnx *in, const gr_onnx *to) {
  in->scope = to->scope;
  in->node = to->node;
  in->row = to->row;
  in->where = to->where;
  in->record = to->record;
  in->handling = to->handling;
  in->opaque = to->opaque;
  in->why = to->why;
  in->kept_by_all = to->kept_by_all;
  in->kept = to->kept;
  in->opset = to->opset;
  in->calls = to->calls;
}

bool gr_onnx_leave(gr_onnx *in, const gr_onnx *here, gr_onnx_scope *s, const graft_value *results) {
  bool good = results != NULL;
  come_back(in, here);
  for (uint32_t i = 0; good && i < in->node->n_output; i++)
    good = !in->node->output[i][0] || gr_onnx_alias(in, i, results[i]);
  good = good && gr_onnx_drop_computed(in, s);
  gr_onnx_scope_free(in->context, s);
  return good;
}

bool gr_onnx_captured(gr_onnx *in, gr_onnx_names *captured) {
  if (!gr_onnx_captures(in, in->scope, in->node, captured)) return false;
  uint32_t kept = 0; /* tensors belong to the module: nested graphs see them without */
  for (uint32_t i = 0; i < captured->names.len; i++) {
    const gr_onnx_symbol *s = gr_onnx_scope_lookup(in->scope, captured->names.data[i]);
    if (s->tensor != GRAFT_NONE || s->absent) continue;
    captured->names.data[kept++] = captured->names.data[i];
    if (gr_onnx_value(in, s->text) == GRAFT_NONE) return false;
  }
  captured->names.len = kept;
  return true;
}

/* The length of a name without the number that it had from here when it was read before. */
static size_t unnumbered(const char *name) {
  size_t length = strlen(name), digits = length;
  if (length > INT16_MAX) return INT16_MAX;
  while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') digits--;
  return digits > 1 && digits < length && name[digits - 1] == '.' ? digits - 1 : length;
}

const graft_graph **gr_onnx_nested(gr_onnx *in, const gr_onnx_names *captured) {
  const Onnx__NodeProto *node = in->node;
  const gr_onnx outer = *in; /* the place to come back to */
  in->handling = false;
  const graft_graph **graphs = gr_arena_alloc(&in->scratch, (node->n_attribute + 1) * sizeof *graphs);
  bool good = graphs != NULL;
  for (size_t i = 0, k = 0; good && i < node->n_attribute; i++) {
    const Onnx__AttributeProto *a = node->attribute[i];
    if (!a->g) continue;
    const char *name = a->g->name && a->g->name[0] ? a->g->name : a->name;
    const size_t length = unnumbered(name), size = length + 16;
    char *title = gr_arena_alloc(&in->scratch, size); /* no two graphs are called alike */
    if (title) snprintf(title, size, "%.*s.%u", (int)length, name, (unsigned)graft_module_graph_count(in->module));
    graft_graph *g = title ? graft_graph_create(in->module, title) : NULL;
    good = g && in->reader->graph(in, g, a->g, outer.scope, captured);
    graphs[k++] = g;
    come_back(in, &outer);
  }
  return good ? graphs : NULL;
}

bool gr_onnx_branch(gr_onnx *in, const Onnx__GraphProto *branch) {
  const gr_onnx here = *in;
  const gr_onnx_names nothing = {0};
  gr_onnx_scope scope = {.outer = in->scope, .graph = in->scope->graph, .proto = branch};
  graft_value *results = gr_arena_alloc(&in->scratch, (here.node->n_output + 1) * sizeof *results);
  if (branch->n_input || branch->n_output != here.node->n_output)
    return gr_onnx_fail(in, GRAFT_TYPE, "If: the branch has %zu inputs and %zu outputs", branch->n_input,
                        branch->n_output),
           false;
  in->scope = &scope;
  in->handling = false; /* its nodes have handlers of their own */
  bool good = gr_onnx_claim_again(in, branch) && results && gr_onnx_define_names(in, &scope, &nothing) &&
              gr_onnx_add_initializers(in, &scope) && in->reader->nodes(in, &scope);
  in->where = here.where;
  for (size_t i = 0; good && i < branch->n_output; i++)
    good = branch->output[i]->name && (results[i] = gr_onnx_value(in, branch->output[i]->name)) != GRAFT_NONE;
  return gr_onnx_leave(in, &here, &scope, good ? results : NULL);
}
