/* A graph of the module as one of the file: names that are unique in the whole file, since a nested graph sees those
 * around it; inputs, outputs, nodes in order. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

#define MAX_DEPTH 60 /* of nested graphs; readers bound the nesting of messages */

/* ---- inputs and outputs ---- */

static const char *output_text(const gr_out_graph *s, uint32_t i) {
  return gr_string_text(s->g->module, s->g->outputs.data[i].name);
}

/* Interface names come first: nothing else may have them. */
static bool name_interface(gr_out *w, gr_out_graph *s, uint32_t own, const char **outputs) {
  graft_graph *g = s->g;
  const bool nested = s->outer != NULL;
  for (uint32_t i = 0; i < own && i < g->inputs.len; i++) {
    const graft_value v = g->inputs.data[i];
    s->names[v] = gr_out_claim(w, gr_out_own_name(w, gr_value_get_name(g, v)));
  }
  for (uint32_t i = 0; i < g->outputs.len && !w->failed; i++) {
    const graft_value v = gr_use_at(g, g->outputs.data[i].use)->value;
    const char *text = output_text(s, i);
    if (!nested && s->names[v] && strcmp(s->names[v], text) == 0) { /* an input that is returned as it is */
      outputs[i] = s->names[v];
      continue;
    }
    if (!nested && gr_out_find_name(w, text) != GRAFT_NONE) {
      gr_error(w->context, GRAFT_UNSUPPORTED, gr_module_loc(w->module),
               "ONNX cannot say that two inputs or outputs are called '%s': give them other names", text);
      return gr_out_failed(w);
    }
    outputs[i] = gr_out_claim(w, text);
    if (!s->names[v] && gr_value_at(g, v)->def_kind == GR_DEF_NODE) s->names[v] = outputs[i];
  }
  return !w->failed;
}

static bool name_results(gr_out *w, gr_out_graph *s) {
  const graft_graph *g = s->g;
  for (graft_node n = g->first; n != GRAFT_NONE && !w->failed; n = gr_node_at(g, n)->next)
    for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++) {
      const graft_value v = gr_result(g, n, i);
      if (v != GRAFT_NONE && !s->names[v]) s->names[v] = gr_out_claim(w, gr_out_own_name(w, gr_value_get_name(g, v)));
    }
  return !w->failed;
}

/* What is returned under a second name, or is no result of a node. */
static bool add_identities(gr_out *w, gr_out_graph *s, const char *const *outputs) {
  for (uint32_t i = 0; i < s->g->outputs.len && !w->failed; i++) {
    const graft_value v = gr_use_at(s->g, s->g->outputs.data[i].use)->value;
    if (s->names[v] && s->names[v] == outputs[i]) continue;
    const char *from = gr_out_value_name(w, v);
    Onnx__NodeProto *node = gr_out_begin(w, "Identity");
    gr_out_end(w, node, &from, 1, &outputs[i], 1);
  }
  return !w->failed;
}

static Onnx__ValueInfoProto **infos_of(gr_out *w, const gr_out_graph *s, uint32_t count, bool inputs,
                                       const char *const *names) {
  Onnx__ValueInfoProto **infos = gr_out_alloc(w, count * sizeof *infos);
  for (uint32_t i = 0; infos && i < count; i++) {
    const graft_value v = inputs ? s->g->inputs.data[i] : gr_use_at(s->g, s->g->outputs.data[i].use)->value;
    infos[i] = gr_out_value_info(w, inputs ? s->names[v] : names[i], gr_type_of(s->g, v));
  }
  return infos;
}

/* ---- updates ---- */

/* Training batch norms update their own statistics, in ONNX without a word. */
static bool is_own_update(const graft_graph *g, const gr_update *u, graft_value v) {
  graft_node n = gr_value_node(g, v);
  if (n == GRAFT_NONE || gr_node_at(g, n)->op != GR_OP_batch_norm) return false;
  const uint32_t result = v - gr_node_at(g, n)->first_result;
  while (n != GRAFT_NONE && gr_node_at(g, n)->op == GR_OP_batch_norm && result > 0) {
    const graft_value state = gr_operand(g, n, GR_OPERAND(batch_norm, running_mean) + result - 1);
    if (state == GRAFT_NONE) return false;
    if (gr_value_tensor(g, state) != GRAFT_NONE) return gr_value_tensor(g, state) == u->tensor;
    n = gr_value_node(g, state);
  }
  return false;
}

static bool check_updates(gr_out *w, graft_graph *g) {
  for (uint32_t i = 0; i < g->updates.len; i++) {
    const gr_update *u = &g->updates.data[i];
    const graft_value v = gr_use_at(g, u->use)->value;
    if (u->tensor == GRAFT_NONE || gr_update_is_idle(g, i, v) || is_own_update(g, u, v)) continue;
    gr_error(w->context, GRAFT_UNSUPPORTED, gr_value_loc(g, v),
             "ONNX cannot say that a step updates '%s': make the graph one that does not train (--passes to-eval, "
             "convert) or "
             "write .gfb",
             gr_name_label(w->module, w->module->tensors.data[u->tensor].name));
    return gr_out_failed(w);
  }
  return true;
}

static bool check_annotations(gr_out *w, graft_graph *g) {
  for (graft_node n = g->first; gr_has_specs(g) && n != GRAFT_NONE; n = gr_node_at(g, n)->next)
    if (gr_is_annotated(g, n)) {
      gr_error(w->context, GRAFT_UNSUPPORTED, gr_node_loc(g, n),
               "ONNX cannot say how this is to be quantized: go on with prepare and convert, drop it (--passes "
               "clear-annotations), or "
               "write .gfb");
      return gr_out_failed(w);
    }
  return true;
}

/* ---- the graph ---- */

static bool write_nodes(gr_out *w, gr_out_graph *s) {
  const graft_graph *g = s->g;
  for (graft_node n = g->first; n != GRAFT_NONE && !w->failed; n = gr_node_at(g, n)->next) {
    w->graph = s;
    w->g = s->g;
    w->n = n;
    if (!gr_out_node(w)) return gr_out_failed(w);
  }
  w->graph = s;
  w->n = GRAFT_NONE;
  return !w->failed;
}

static Onnx__GraphProto *fill(gr_out *w, gr_out_graph *s, uint32_t own, const char **outputs) {
  graft_graph *g = s->g;
  Onnx__GraphProto *proto = gr_out_alloc(w, sizeof *proto);
  if (!proto || !name_interface(w, s, own, outputs) || (!s->outer && !gr_out_name_tensors(w)) || !name_results(w, s) ||
      !check_updates(w, g) || !check_annotations(w, g) || !write_nodes(w, s) || !add_identities(w, s, outputs))
    return NULL;
  onnx__graph_proto__init(proto);
  proto->name = gr_out_lent(gr_string_text(w->module, g->name));
  proto->n_node = s->nodes.len;
  proto->node = gr_out_alloc(w, s->nodes.len * sizeof *proto->node);
  if (proto->node && s->nodes.len) memcpy(proto->node, s->nodes.data, s->nodes.len * sizeof *proto->node);
  proto->n_input = own < g->inputs.len ? own : g->inputs.len;
  proto->input = infos_of(w, s, (uint32_t)proto->n_input, true, NULL);
  proto->n_output = g->outputs.len;
  proto->output = infos_of(w, s, g->outputs.len, false, outputs);
  proto->n_value_info = s->infos.len;
  proto->value_info = gr_out_alloc(w, s->infos.len * sizeof *proto->value_info);
  if (proto->value_info && s->infos.len)
    memcpy(proto->value_info, s->infos.data, s->infos.len * sizeof *proto->value_info);
  return w->failed ? NULL : proto;
}

Onnx__GraphProto *gr_out_graph_of(gr_out *w, graft_graph *g, uint32_t own, const char *const *captured) {
  const gr_out here = *w;
  gr_out_graph s = {.outer = w->graph, .g = g};
  const char **outputs = gr_out_alloc(w, (g->outputs.len + 1) * sizeof *outputs);
  s.names = gr_out_alloc(w, (g->values.len + 1) * sizeof *s.names);
  if (w->failed) return NULL;
  if (++w->depth > MAX_DEPTH) {
    gr_error(w->context, GRAFT_UNSUPPORTED, gr_module_loc(w->module), "graphs are nested more than %d deep", MAX_DEPTH);
    return gr_out_failed(w), NULL;
  }
  for (uint32_t i = own; i < g->inputs.len; i++) s.names[g->inputs.data[i]] = captured[i - own];
  w->graph = &s;
  w->g = g;
  w->n = GRAFT_NONE;
  Onnx__GraphProto *proto = fill(w, &s, own, outputs);
  gr_vec_free(w->context, &s.nodes);
  gr_vec_free(w->context, &s.infos);
  w->graph = here.graph;
  w->g = here.g;
  w->n = here.n;
  w->row = here.row;
  w->depth--;
  return proto;
}
