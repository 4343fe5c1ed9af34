/* The text form (GIR.md). Printing what was parsed from a print gives the same bytes. */
#include "ir/formats/literal_int.h"
#include "ir/formats/text/print_impl.h"

#include <string.h>

static void print_results(printer *p, const gr_node *node) {
  const graft_graph *g = p->graph;
  for (uint32_t i = 0; i < node->result_count; i++) {
    const gr_value *v = gr_value_at(g, node->first_result + i);
    if (i) gr_print_text(p, ", ");
    if (v->type == GRAFT_NONE)
      gr_print_text(p, "_");
    else
      gr_print_name(p, v->name);
  }
  if (node->result_count) gr_print_text(p, " = ");
}

static void print_result_types(printer *p, const gr_node *node) {
  const graft_graph *g = p->graph;
  if (node->result_count == 0) return;
  bool many = node->result_count > 1 || gr_value_at(g, node->first_result)->type == GRAFT_NONE;
  gr_print(p, ": (", many ? 3 : 2);
  for (uint32_t i = 0; i < node->result_count; i++) {
    graft_value v = node->first_result + i;
    uint32_t type = gr_value_at(g, v)->type;
    if (i) gr_print_text(p, ", ");
    if (type == GRAFT_NONE) {
      gr_print_text(p, "_");
      continue;
    }
    gr_print_type(p, type);
    gr_print_place(p, gr_spec_of_value(g, v));
  }
  if (many) gr_print_text(p, ")");
}

static void print_marks(printer *p, uint32_t marks) {
  const char *before = " mark ";
  for (uint32_t i = 0; i < GR_MARK_COUNT; i++) {
    if (!(marks & 1u << i)) continue;
    gr_sink_text(p->out, before);
    gr_sink_text(p->out, graft_mark_name(i));
    before = ", ";
  }
}

static void print_node(printer *p, graft_node n) {
  const graft_graph *g = p->graph;
  const gr_node *node = gr_node_at(g, n);
  gr_print_text(p, "  ");
  print_results(p, node);
  if (node->op < GR_OP_COUNT)
    gr_sink_text(p->out, gr_op_text(p->module, node->op));
  else
    gr_print_string(p, node->op - GR_OP_COUNT);
  gr_print_text(p, "(");
  for (uint32_t i = 0; i < node->operand_count; i++) {
    graft_value v = gr_operand(g, n, i);
    if (i) gr_print_text(p, ", ");
    if (v == GRAFT_NONE) {
      gr_print_text(p, "_");
      continue;
    }
    gr_print_value(p, v);
    gr_print_place(p, gr_spec_of_use(g, node->first_use + i));
  }
  gr_print_text(p, ")");
  gr_print_attrs(p, gr_op_get(node->op), node->op, node->attrs);
  print_result_types(p, node);
  gr_print_from(p, node->provenance);
  print_marks(p, node->marks);
  gr_print_text(p, "\n");
}

static void print_inputs(printer *p) {
  const graft_graph *g = p->graph;
  gr_print_text(p, "(");
  for (uint32_t i = 0; i < g->inputs.len; i++) {
    graft_value v = g->inputs.data[i];
    if (i) gr_print_text(p, ", ");
    gr_print_name(p, gr_value_get_name(g, v));
    gr_print_text(p, ": ");
    gr_print_type(p, gr_value_at(g, v)->type);
    gr_print_place(p, gr_spec_of_value(g, v));
  }
  gr_print_text(p, ")");
}

/* Is the value written as %text? Then `as` need not say so again. */
static bool named_so(const printer *p, graft_value v, uint32_t string) {
  const graft_module *m = p->module;
  graft_tensor t = gr_value_tensor(p->graph, v);
  if (t != GRAFT_NONE && p->literal[t]) return false;
  gr_name name = gr_value_get_name(p->graph, v);
  if (!name.number) return name.base == string;
  char text[16];
  size_t base = gr_string_length(m, name.base), length = gr_string_length(m, string);
  const char *wanted = gr_string_text(m, string);
  if (length < base + 2 || length - base >= sizeof text || memcmp(wanted, gr_string_text(m, name.base), base) != 0)
    return false;
  size_t n = 0;
  for (uint32_t i = name.number; i; i /= 10) text[sizeof text - ++n] = (char)('0' + i % 10);
  return wanted[base] == '_' && length == base + 1 + n && memcmp(wanted + base + 1, text + sizeof text - n, n) == 0;
}

static void print_outputs(printer *p) {
  const graft_graph *g = p->graph;
  gr_print_text(p, "  return");
  for (uint32_t i = 0; i < g->outputs.len; i++) {
    const gr_output *o = &g->outputs.data[i];
    graft_value v = gr_use_at(g, o->use)->value;
    if (i)
      gr_print_text(p, ", ");
    else
      gr_print_text(p, " ");
    gr_print_value(p, v);
    if (named_so(p, v, o->name)) continue;
    gr_print_text(p, " as ");
    gr_print_string(p, o->name);
  }
  gr_print_text(p, "\n");
}

static void print_updates(printer *p) {
  const graft_graph *g = p->graph;
  for (uint32_t i = 0; i < g->updates.len; i++) {
    const gr_update *u = &g->updates.data[i];
    if (u->tensor == GRAFT_NONE) continue;
    gr_print_text(p, "  update ");
    gr_print_name(p, p->module->tensors.data[u->tensor].name);
    gr_print_text(p, " = ");
    gr_print_value(p, gr_use_at(g, u->use)->value);
    gr_print_text(p, "\n");
  }
}

static void print_graph(printer *p, graft_graph *g) {
  p->graph = g;
  if (!gr_print_specs_begin(p)) p->out->failed = true;
  gr_print_text(p, "graph ");
  gr_print_graph_name(p, g->name);
  print_inputs(p);
  gr_print_text(p, " {\n");
  gr_print_specs(p);
  for (graft_node n = g->first; n != GRAFT_NONE && !p->out->failed; n = gr_node_at(g, n)->next) print_node(p, n);
  print_outputs(p);
  print_updates(p);
  gr_print_text(p, "}\n");
  gr_print_specs_end(p);
}

static void print_module(printer *p) {
  graft_module *m = p->module;
  gr_print_text(p, "graft 1\n");
  for (graft_tensor t = 0; t < m->tensors.len; t++)
    if (!m->tensors.data[t].erased && !p->literal[t]) gr_print_tensor(p, t);
  if (!gr_print_records(p)) p->out->failed = true;
  for (uint32_t i = 0; i < m->graphs.len && !p->out->failed; i++) print_graph(p, m->graphs.data[i]);
}

/* Side arrays by string, tensor, record, spec and type. */
static bool begin(printer *p) {
  graft_module *m = p->module;
  graft_context *c = m->context;
  p->name_form = gr_calloc(c, m->strings.items.len, sizeof *p->name_form);
  p->literal = gr_calloc(c, m->tensors.len + 1u, sizeof *p->literal);
  p->record = gr_calloc(c, m->records.len, sizeof *p->record);
  p->record_number = gr_calloc(c, m->records.len, sizeof *p->record_number);
  p->spec = gr_calloc(c, m->specs.len, sizeof *p->spec);
  if (!p->name_form || !p->literal || !p->record || !p->record_number || !p->spec ||
      !gr_vec_reserve(c, &p->types, m->types.len + 1u))
    return false;
  memset(p->types.data, 0, m->types.len * sizeof *p->types.data);
  gr_literals_find(m, p->literal);
  return true;
}

static void end(printer *p) {
  graft_module *m = p->module;
  graft_context *c = m->context;
  gr_free(c, p->name_form, m->strings.items.len * sizeof *p->name_form);
  gr_free(c, p->literal, (m->tensors.len + 1u) * sizeof *p->literal);
  gr_free(c, p->record, m->records.len * sizeof *p->record);
  gr_free(c, p->record_number, m->records.len * sizeof *p->record_number);
  gr_vec_free(c, &p->record_stack);
  gr_free(c, p->spec, m->specs.len * sizeof *p->spec);
  gr_vec_free(c, &p->specs);
  gr_vec_free(c, &p->handles);
  gr_vec_free(c, &p->types);
  gr_vec_free(c, &p->attrs);
  gr_map_free(c, &p->attr_ids);
}

graft_status gr_text_print(graft_module *m, gr_sink *out, const gr_text_options *options) {
  printer p = {.out = out, .module = m};
  if (options) {
    p.companion = options->companion;
    p.large = options->large;
    p.no_provenance = options->no_provenance;
  }
  if (begin(&p))
    print_module(&p);
  else
    out->failed = true;
  end(&p);
  if (p.status != GRAFT_OK) return p.status;
  return out->failed ? gr_no_memory(m->context) : GRAFT_OK;
}
