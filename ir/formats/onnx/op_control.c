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
  if (!branches[0] || !branches[1] || !branches[0]->g || !branches[1]->g)
    return gr_onnx_stays(in, NULL, "a branch is missing");
  if (!gr_known_ints(in->scope->graph, condition, &k)) return in->failed = true, false;
  if (!gr_known_whole(&k) || k.count != 1) return runs_if(in);
  return gr_vec_push(in->context, &in->scope->computed, condition) && gr_onnx_branch(in, branches[k.ints[0] != 0]->g);
}

/* ---- Loop ---- */

#define ROUNDS 6 /* in which the types of what is carried settle */

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

/* What the body's first inputs are: which time it is, the condition, as the body has them. */
static void number_type(graft_type *type, graft_dtype dtype, const Onnx__TypeProto *written) {
  graft_type said;
  const char *why;
  *type = (graft_type){.dtype = dtype, .rank = written && gr_onnx_type(written, &said, &why) && said.rank == 1};
  type->dims[0] = type->rank;
}

/* What the body's inputs from 2 on are the first time: the operands. `body`: its input for the first one. */
static bool operand_types(gr_onnx *in, graft_type *types, uint32_t first, Onnx__ValueInfoProto *const *body,
                          uint32_t count, uint32_t said_of) {
  for (uint32_t i = 0; i < count; i++) {
    const graft_value v = gr_onnx_input(in, first + i);
    graft_type said;
    const char *why;
    if (v == GRAFT_NONE)
      return gr_onnx_fail(in, GRAFT_TYPE, "%s: input %u is missing", in->row->name, first + i), false;
    types[2 + i] = *gr_onnx_value_type(in, v);
    if (i < said_of && gr_onnx_type(body[i]->type, &said, &why)) gr_onnx_merge_type(&types[2 + i], &said);
  }
  return true;
}

/* The body, read with types of what it carries that hold every time: those of the operands first, and again with what
 * they become. */
static const graft_graph *read_body(gr_onnx *in, const Onnx__GraphProto *body, const gr_onnx_names *captured,
                                    graft_type *types, uint32_t count, uint32_t carried, const gr_onnx_scan *scan) {
  const graft_graph **graphs = NULL;
  for (int round = 0; round < ROUNDS; round++) {
    const uint32_t before = in->module->graphs.len, tensors = in->module->tensors.len;
    bool wider = false;
    in->hints = types;
    in->hint_count = count;
    in->scan = scan;
    in->calls++; /* what it holds may be read again */
    const bool good =
        gr_onnx_claim(in, GR_ONNX_COST * (1 + body->n_node)) && (graphs = gr_onnx_nested(in, captured)) != NULL;
    in->calls--;
    if (!good) return NULL;
    for (uint32_t i = 2; i < 2 + carried; i++) {
      const gr_output *output = &graphs[0]->outputs.data[i - 1];
      wider = widen(&types[i], gr_type_of(graphs[0], gr_use_at(graphs[0], output->use)->value)) || wider;
    }
    if (!wider || round + 1 == ROUNDS) return graphs[0];
    if (round + 2 == ROUNDS) /* they did not settle so far */
      for (uint32_t i = 2; i < 2 + carried; i++) types[i] = (graft_type){.dtype = types[i].dtype, .rank = -1};
    if (!forget(in, before, tensors)) return NULL;
  }
  return NULL;
}

bool gr_onnx_loop_node(gr_onnx *in) {
  const Onnx__AttributeProto *a = gr_onnx_attr(in, "body");
  const size_t inputs = in->node->n_input, outputs = in->node->n_output;
  if (!a || !a->g || inputs < 2) return gr_onnx_stays(in, NULL, "it has no body, or less than two inputs");
  const Onnx__GraphProto *body = a->g;
  if (body->n_input != inputs || body->n_output != outputs + 1 || outputs + 2 < inputs || inputs > UINT16_MAX)
    return gr_onnx_fail(in, GRAFT_TYPE, "Loop: the body has %zu inputs and %zu outputs, the node %zu and %zu",
                        body->n_input, body->n_output, inputs, outputs),
           false;
  const uint32_t count = (uint32_t)inputs;
  graft_type *types = gr_arena_alloc(&in->scratch, count * sizeof *types);
  if (!types) return false;
  number_type(&types[0], GRAFT_I64, body->input[0]->type);
  number_type(&types[1], GRAFT_BOOL, body->input[1]->type);
  if (!operand_types(in, types, 2, body->input + 2, count - 2, count - 2)) return false;
  gr_onnx_names captured = {0};
  const graft_graph *g =
      gr_onnx_captured(in, &captured) ? read_body(in, body, &captured, types, count, count - 2, NULL) : NULL;
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

/* ---- Scan: a loop over the entries of what is scanned ---- */

/* A list of numbers, one for each of `count`; zeros where it is not given. */
static const int64_t *numbers(gr_onnx *in, const char *name, uint32_t count) {
  int64_t *out = gr_arena_alloc(&in->scratch, (count + 1u) * sizeof *out);
  return out && gr_onnx_attr_ints(in, name, count, 0, out) ? out : NULL;
}

static const bool *directions(gr_onnx *in, const char *name, uint32_t count) {
  const int64_t *given = numbers(in, name, count);
  bool *out = given ? gr_arena_alloc(&in->scratch, count + 1u) : NULL;
  for (uint32_t i = 0; out && i < count; i++) out[i] = given[i] != 0;
  return out;
}

/* How many entries there are. */
static graft_value entries(gr_onnx *in, uint32_t input, int64_t axis) {
  const graft_value x = gr_onnx_input(in, input);
  gr_onnx_begin(in, GR_OP_shape);
  gr_onnx_set_int(in, "start", axis);
  if (axis != -1) gr_onnx_set_int(in, "end", axis + 1);
  return gr_onnx_step(in, &x, 1);
}

/* Output i of the node is v, stacked from the other end and along another axis. */
static bool give_stacked(gr_onnx *in, uint32_t i, graft_value v, int64_t axis, bool reversed) {
  int64_t dims[GRAFT_MAX_RANK] = {0}, to;
  if (reversed) {
    gr_onnx_begin(in, GR_OP_flip);
    gr_onnx_set_ints(in, "dims", dims, 1);
    v = gr_onnx_step(in, &v, 1);
  }
  if (v == GRAFT_NONE || axis == 0) return gr_onnx_alias(in, i, v);
  const int32_t rank = gr_onnx_rank(in, v);
  if (rank < 0 || !gr_onnx_axis(in, axis, rank, &to)) return false;
  for (int32_t d = 0; d < rank; d++) dims[d] = d < to ? d + 1 : d == to ? 0 : d;
  gr_onnx_begin(in, GR_OP_permute);
  gr_onnx_set_ints(in, "dims", dims, (uint32_t)rank);
  return gr_onnx_alias(in, i, gr_onnx_step(in, &v, 1));
}

static bool finish_scan(gr_onnx *in, const graft_graph *body, const gr_onnx_names *captured, const gr_onnx_scan *scan) {
  const uint32_t inputs = (uint32_t)in->node->n_input, outputs = (uint32_t)in->node->n_output;
  const uint32_t stacked = outputs - scan->states, more = captured->names.len;
  const int64_t *axes = numbers(in, "scan_output_axes", stacked);
  for (uint32_t i = scan->states; axes && i < outputs; i++)
    if (axes[i - scan->states] != 0 &&
        gr_type_of(body, gr_use_at(body, body->outputs.data[1 + i].use)->value)->rank < 0)
      return gr_onnx_stays(in, NULL, "the rank of what it stacks is not known");
  const bool *reversed = axes ? directions(in, "scan_output_directions", stacked) : NULL;
  const graft_value *rest = reversed ? with_captured(in, inputs, captured) : NULL;
  graft_value *operands = rest ? gr_arena_alloc(&in->scratch, (2u + inputs + more) * sizeof *operands) : NULL;
  const char **names = operands ? gr_arena_alloc(&in->scratch, (outputs + 1u) * sizeof *names) : NULL;
  if (!names || (operands[0] = entries(in, scan->states, scan->axes[0])) == GRAFT_NONE) return false;
  operands[1] = GRAFT_NONE;
  memcpy(operands + 2, rest, (inputs + more) * sizeof *operands);
  for (uint32_t i = 0; i < outputs; i++) {
    const bool moved = i >= scan->states && (axes[i - scan->states] != 0 || reversed[i - scan->states]);
    names[i] = moved ? NULL : in->node->output[i];
  }
  gr_onnx_begin(in, GR_OP_loop);
  gr_onnx_set_graph(in, "body", body);
  gr_onnx_set_int(in, "carried", scan->states);
  const graft_node n = gr_onnx_end(in, operands, 2 + inputs + more, names, outputs, 0, NULL);
  for (uint32_t i = scan->states; n != GRAFT_NONE && i < outputs; i++) {
    const graft_value v = gr_result(in->scope->graph, n, i);
    if (!names[i] && !give_stacked(in, i, v, axes[i - scan->states], reversed[i - scan->states])) return false;
  }
  return n != GRAFT_NONE;
}

bool gr_onnx_scan_node(gr_onnx *in) {
  const Onnx__AttributeProto *a = gr_onnx_attr(in, "body");
  const size_t inputs = in->node->n_input, outputs = in->node->n_output;
  const int64_t scanned = gr_onnx_attr_int(in, "num_scan_inputs", 0);
  if (!a || !a->g) return gr_onnx_stays(in, NULL, "it has no body");
  if (in->opset < 9) return gr_onnx_stays(in, NULL, "that of opset 8 has a batch axis, and lengths");
  const Onnx__GraphProto *body = a->g;
  if (scanned < 1 || (uint64_t)scanned > inputs || inputs > UINT16_MAX || body->n_input != inputs ||
      body->n_output != outputs || outputs < inputs - (size_t)scanned)
    return gr_onnx_fail(in, GRAFT_TYPE,
                        "Scan: the body has %zu inputs and %zu outputs, the node %zu and %zu, and %lld "
                        "scanned ones",
                        body->n_input, body->n_output, inputs, outputs, (long long)scanned),
           false;
  const uint32_t count = (uint32_t)inputs, states = count - (uint32_t)scanned;
  gr_onnx_scan scan = {.states = states, .axes = numbers(in, "scan_input_axes", (uint32_t)scanned)};
  scan.reversed = scan.axes ? directions(in, "scan_input_directions", (uint32_t)scanned) : NULL;
  graft_type *types = scan.reversed ? gr_arena_alloc(&in->scratch, (2u + count) * sizeof *types) : NULL;
  if (!types) return false;
  number_type(&types[0], GRAFT_I64, NULL);
  number_type(&types[1], GRAFT_BOOL, NULL);
  if (!operand_types(in, types, 0, body->input, count, states)) return false;
  gr_onnx_names captured = {0};
  const graft_graph *g =
      gr_onnx_captured(in, &captured) ? read_body(in, body, &captured, types, 2 + count, states, &scan) : NULL;
  const bool good = g && finish_scan(in, g, &captured, &scan);
  gr_vec_free(in->context, &captured.names);
  return good;
}
