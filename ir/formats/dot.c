/* Graphviz: one node a line; edges carry types; constants and other tensors stay out of the picture, except as words
 * in the node that reads them. */
#include "ir/formats/format_int.h"

#include <string.h>

typedef struct writer {
  gr_sink *out;
  graft_module *m;
  const graft_graph *g;
  uint32_t index; /* of the graph: prefix of its nodes */
} writer;

/* Inside a label: quotes and backslashes escaped, control characters and what is not UTF-8 shown as `?`. */
static void put_text(writer *w, const char *text, size_t length) {
  for (size_t i = 0; i < length;) {
    size_t n = gr_utf8_length(text + i, length - i);
    unsigned char c = (unsigned char)text[i];
    if (n == 0 || c < 0x20 || c == 0x7F)
      gr_sink_write(w->out, "?", 1);
    else if (c == '"' || c == '\\')
      gr_sink_write(w->out, "\\", 1), gr_sink_write(w->out, text + i, 1);
    else
      gr_sink_write(w->out, text + i, n);
    i += n ? n : 1;
  }
}

static void put_string(writer *w, uint32_t id) { put_text(w, gr_string_text(w->m, id), gr_string_length(w->m, id)); }

static void put_name(writer *w, gr_name name) {
  put_string(w, name.base);
  if (name.number) gr_sink_format(w->out, "_%u", name.number);
}

static void put_type(writer *w, uint32_t id) {
  if (id != GRAFT_NONE) gr_sink_type(w->out, &w->m->types.data[id]);
}

/* Where an edge from `v` begins; false for tensors. */
static bool put_source(writer *w, graft_value v) {
  const gr_value *value = gr_value_at(w->g, v);
  if (value->def_kind == GR_DEF_NODE)
    gr_sink_format(w->out, "  g%un%u", w->index, (unsigned)value->def);
  else if (value->def_kind == GR_DEF_INPUT)
    gr_sink_format(w->out, "  g%ui%u", w->index, (unsigned)value->def);
  return value->def_kind == GR_DEF_NODE || value->def_kind == GR_DEF_INPUT;
}

static void put_edge(writer *w, graft_value v, const char *kind, uint32_t to) {
  if (v == GRAFT_NONE || !put_source(w, v)) return;
  gr_sink_format(w->out, " -> g%u%s%u [label=\"", w->index, kind, to);
  put_type(w, gr_value_at(w->g, v)->type);
  gr_sink_text(w->out, "\"];\n");
}

static void put_node(writer *w, graft_node n) {
  const gr_node *node = gr_node_at(w->g, n);
  const char *op = gr_op_text(w->m, node->op);
  gr_sink_format(w->out, "  g%un%u [label=\"", w->index, n);
  for (uint32_t i = 0; i < node->result_count; i++) {
    if (gr_result(w->g, n, i) == GRAFT_NONE) continue;
    put_name(w, gr_value_at(w->g, node->first_result + i)->name);
    gr_sink_text(w->out, "\\n");
    break;
  }
  put_text(w, op, strlen(op));
  for (uint32_t i = 0; i < node->operand_count; i++) {
    graft_value v = gr_operand(w->g, n, i);
    graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(w->g, v);
    if (t == GRAFT_NONE) continue;
    gr_sink_text(w->out, "\\l");
    put_name(w, w->m->tensors.data[t].name);
    gr_sink_text(w->out, " ");
    put_type(w, w->m->tensors.data[t].type);
  }
  gr_sink_text(w->out, "\"];\n");
  for (uint32_t i = 0; i < node->operand_count; i++) put_edge(w, gr_operand(w->g, n, i), "n", n);
}

static void put_graph(writer *w, const graft_graph *g) {
  w->g = g;
  w->index = g->index;
  gr_sink_format(w->out, "subgraph cluster_%u {\n  label=\"", g->index);
  put_string(w, g->name);
  gr_sink_text(w->out, "\";\n");
  for (uint32_t i = 0; i < g->inputs.len; i++) {
    gr_sink_format(w->out, "  g%ui%u [shape=oval,label=\"", w->index, i);
    put_name(w, gr_value_get_name(g, g->inputs.data[i]));
    gr_sink_text(w->out, "\"];\n");
  }
  for (graft_node n = g->first; n != GRAFT_NONE && !w->out->failed; n = gr_node_at(g, n)->next) put_node(w, n);
  for (uint32_t i = 0; i < g->outputs.len; i++) {
    gr_sink_format(w->out, "  g%uo%u [shape=oval,label=\"", w->index, i);
    put_string(w, g->outputs.data[i].name);
    gr_sink_text(w->out, "\"];\n");
    put_edge(w, gr_use_at(g, g->outputs.data[i].use)->value, "o", i);
  }
  for (uint32_t i = 0; i < g->updates.len; i++) {
    if (g->updates.data[i].tensor == GRAFT_NONE) continue;
    gr_sink_format(w->out, "  g%uu%u [shape=cylinder,label=\"", w->index, i);
    put_name(w, w->m->tensors.data[g->updates.data[i].tensor].name);
    gr_sink_text(w->out, "\"];\n");
    put_edge(w, gr_use_at(g, g->updates.data[i].use)->value, "u", i);
  }
  gr_sink_text(w->out, "}\n");
}

static graft_status print(graft_module *m, const graft_save_options *options, gr_sink *out) {
  (void)options;
  writer w = {.out = out, .m = m};
  gr_sink_text(out, "digraph graft {\nnode [shape=box,fontsize=10];\nedge [fontsize=8];\n");
  for (uint32_t i = 0; i < m->graphs.len && !out->failed; i++) put_graph(&w, m->graphs.data[i]);
  gr_sink_text(out, "}\n");
  return out->failed ? gr_no_memory(m->context) : GRAFT_OK;
}

const gr_format gr_format_dot = {.extension = ".dot", .print = print};
