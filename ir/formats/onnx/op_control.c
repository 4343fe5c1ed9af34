/* Nodes that run graphs. */
#include "ir/formats/onnx/handler_impl.h"

#include <string.h>

/* The graph that was made of the attribute of this name. */
static const graft_graph *graph_of(const gr_onnx *in, const graft_graph *const *graphs, const char *name) {
  for (size_t i = 0; i < in->node->n_attribute; i++) {
    if (!in->node->attribute[i]->g) continue;
    if (strcmp(in->node->attribute[i]->name, name) == 0) return *graphs;
    graphs++;
  }
  return NULL;
}

/* What the file says of the results that inference does not know. */
static bool add_said_types(gr_onnx *in, graft_node n) {
  graft_graph *g = in->scope->graph;
  for (uint32_t i = 0; i < in->node->n_output; i++) {
    const gr_onnx_symbol *s = in->node->output[i][0] ? gr_onnx_scope_find(in->scope, in->node->output[i]) : NULL;
    const graft_value v = gr_result(g, n, i);
    graft_type said, type;
    const char *why;
    if (!s || !s->info || v == GRAFT_NONE || !gr_onnx_type(s->info->type, &said, &why)) continue;
    type = *gr_type_of(g, v);
    gr_onnx_merge_type(&type, &said);
    const uint32_t id = gr_type_intern_at(in->module, &type, in->where);
    if (id == GRAFT_NONE || gr_value_set_type(g, v, id) != GRAFT_OK) return false;
  }
  return true;
}

/* The node's first operands, then what its graphs capture. */
static graft_value *with_captured(gr_onnx *in, uint32_t own, const gr_onnx_names *captured) {
  const uint32_t more = captured->names.len;
  if (in->node->n_output > UINT16_MAX || more > UINT16_MAX - own)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "more than 65535 inputs or outputs"), NULL;
  graft_value *operands = gr_arena_alloc(&in->scratch, (own + more + 1u) * sizeof *operands);
  if (!operands) return NULL;
  for (uint32_t i = 0; i < own; i++) operands[i] = gr_onnx_input(in, i);
  for (uint32_t i = 0; i < more; i++) operands[own + i] = gr_onnx_value(in, captured->names.data[i]);
  return in->failed ? NULL : operands;
}

static bool finish(gr_onnx *in, const graft_value *operands, uint32_t count) {
  const graft_node n =
      gr_onnx_end(in, operands, count, (const char *const *)in->node->output, (uint32_t)in->node->n_output, 0, NULL);
  return n != GRAFT_NONE && add_said_types(in, n);
}

static bool stays(gr_onnx *in) { return gr_onnx_stays(in, &(graft_type){.dtype = GRAFT_UNKNOWN, .rank = -1}); }

/* ---- If ---- */

static bool runs_if(gr_onnx *in) {
  gr_onnx_names captured = {0};
  const graft_graph **graphs = gr_onnx_captured(in, &captured) ? gr_onnx_nested(in, &captured) : NULL;
  const graft_value *operands = graphs ? with_captured(in, 1, &captured) : NULL;
  if (operands) {
    gr_onnx_begin(in, GR_OP_if);
    gr_onnx_set_graph(in, "then_branch", graph_of(in, graphs, "then_branch"));
    gr_onnx_set_graph(in, "else_branch", graph_of(in, graphs, "else_branch"));
  }
  const bool good = operands && finish(in, operands, 1 + captured.names.len);
  gr_vec_free(in->context, &captured.names);
  return good;
}

/* A condition that is known, from shapes for example, leaves one branch. */
bool gr_onnx_if_node(gr_onnx *in) {
  const Onnx__AttributeProto *branches[2] = {gr_onnx_attr(in, "else_branch"), gr_onnx_attr(in, "then_branch")};
  const graft_value condition = gr_onnx_input(in, 0);
  gr_known k = {0};
  if (in->failed) return false;
  if (!branches[0] || !branches[1] || !branches[0]->g || !branches[1]->g) return stays(in);
  if (!gr_known_ints(in->scope->graph, condition, &k)) return in->failed = true, false;
  if (!gr_known_whole(&k) || k.count != 1) return runs_if(in);
  return gr_vec_push(in->context, &in->scope->computed, condition) && gr_onnx_branch(in, branches[k.ints[0] != 0]->g);
}

/* ---- Loop ---- */

#define ROUNDS 6 /* in which the types of what is carried settle */
#define COST 64u /* of a node in memory, at least */

/* Drops what a round has made. */
static bool forget(gr_onnx *in, uint32_t graphs, uint32_t tensors) {
  graft_module *m = in->module;
  gr_graphs_drop(m, graphs);
  for (graft_tensor t = tensors; t < m->tensors.len; t++)
    if (!gr_vec_push(in->context, &in->consumed, t)) return false;
  return true;
}

/* Makes the type true of `made` too, a value of the next time; false: it was already. */
static bool widen(graft_type *type, const graft_type *made) {
  bool wider = false;
  if (type->rank < 0 || (made->rank >= 0 && made->rank != type->rank)) {
    wider = type->rank >= 0;
    *type = (graft_type){.dtype = type->dtype, .rank = -1};
  }
  for (int32_t d = 0; d < type->rank; d++) {
    if (type->dims[d] < 0 || (made->rank >= 0 && made->dims[d] == type->dims[d])) continue;
    type->dims[d] = -1;
    wider = true;
  }
  return wider;
}

/* What the body's inputs are the first time: which one it is, the condition, the operands. */
static graft_type *first_types(gr_onnx *in, const Onnx__GraphProto *body, uint32_t count) {
  graft_type *types = gr_arena_alloc(&in->scratch, count * sizeof *types);
  const char *why;
  for (uint32_t i = 0; types && i < count; i++) {
    graft_type said;
    const bool given = gr_onnx_type(body->input[i]->type, &said, &why);
    types[i] = (graft_type){.dtype = i == 0 ? GRAFT_I64 : GRAFT_BOOL, .rank = given && i < 2 && said.rank == 1};
    if (i < 2) types[i].dims[0] = types[i].rank;
    if (i < 2) continue;
    const graft_value v = gr_onnx_input(in, i);
    if (v == GRAFT_NONE) return gr_onnx_fail(in, GRAFT_TYPE, "Loop: input %u is missing", i), NULL;
    types[i] = *gr_onnx_value_type(in, v);
    if (given) gr_onnx_merge_type(&types[i], &said);
  }
  return types;
}

/* The body, read with types of what it carries that hold every time: those of the operands first, and again with what
 * they become. */
static const graft_graph *read_body(gr_onnx *in, const Onnx__GraphProto *body, const gr_onnx_names *captured) {
  const uint32_t count = (uint32_t)body->n_input;
  graft_type *types = first_types(in, body, count);
  const graft_graph **graphs = NULL;
  for (int round = 0; types && round < ROUNDS; round++) {
    const uint32_t before = in->module->graphs.len, tensors = in->module->tensors.len;
    bool wider = false;
    in->hints = types;
    in->hint_count = count;
    in->calls++; /* what it holds may be read again */
    const bool good = gr_onnx_claim(in, COST * (1 + body->n_node)) && (graphs = gr_onnx_nested(in, captured)) != NULL;
    in->calls--;
    if (!good) return NULL;
    for (uint32_t i = 2; i < count; i++) {
      const gr_output *output = &graphs[0]->outputs.data[i - 1];
      wider = widen(&types[i], gr_type_of(graphs[0], gr_use_at(graphs[0], output->use)->value)) || wider;
    }
    if (!wider || round + 1 == ROUNDS) return graphs[0];
    if (round + 2 == ROUNDS) /* they did not settle so far */
      for (uint32_t i = 2; i < count; i++) types[i] = (graft_type){.dtype = types[i].dtype, .rank = -1};
    if (!forget(in, before, tensors)) return NULL;
  }
  return NULL;
}

bool gr_onnx_loop_node(gr_onnx *in) {
  const Onnx__AttributeProto *a = gr_onnx_attr(in, "body");
  const size_t inputs = in->node->n_input, outputs = in->node->n_output;
  if (!a || !a->g || inputs < 2) return stays(in);
  const Onnx__GraphProto *body = a->g;
  if (body->n_input != inputs || body->n_output != outputs + 1 || outputs + 2 < inputs || inputs > UINT16_MAX)
    return gr_onnx_fail(in, GRAFT_TYPE, "Loop: the body has %zu inputs and %zu outputs, the node %zu and %zu",
                        body->n_input, body->n_output, inputs, outputs),
           false;
  gr_onnx_names captured = {0};
  const graft_graph *g = gr_onnx_captured(in, &captured) ? read_body(in, body, &captured) : NULL;
  const graft_value *operands = g ? with_captured(in, (uint32_t)inputs, &captured) : NULL;
  if (operands) {
    gr_onnx_begin(in, GR_OP_loop);
    gr_onnx_set_graph(in, "body", g);
    gr_onnx_set_int(in, "carried", (int64_t)inputs - 2);
  }
  const bool good = operands && finish(in, operands, (uint32_t)inputs + captured.names.len);
  gr_vec_free(in->context, &captured.names);
  return good;
}
