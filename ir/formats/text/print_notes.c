/* The numbered tables: provenance of a module, specs of a graph. */
#include "ir/formats/text/print_impl.h"

/* ---- provenance ---- */

/* A source name and nothing else stands on the node's line, if no other record is made from it. */
static bool plain_source(const gr_record *r) {
  return r->source && !r->pass && !r->rule && !r->equals && !r->parent_count;
}

enum { USED = 1, PARENT = 2 };

/* Marks what live nodes go back to; parents have smaller ids, so one sweep down is enough. */
static void mark(printer *p) {
  const graft_module *m = p->module;
  for (uint32_t k = 0; k < m->graphs.len; k++) {
    const graft_graph *g = m->graphs.data[k];
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next)
      p->record[gr_node_at(g, n)->provenance] |= USED;
  }
  for (uint32_t r = m->records.len; r-- > 1;) {
    if (!p->record[r]) continue;
    const uint32_t *parents = gr_record_parents(m, r);
    for (uint32_t i = 0; i < m->records.data[r].parent_count; i++) p->record[parents[i]] |= USED | PARENT;
  }
}

static void print_word(printer *p, const char *word, uint32_t string) {
  if (!string) return;
  gr_sink_text(p->out, word);
  gr_print_string(p, string);
}

static void print_record(printer *p, uint32_t id) {
  const graft_module *m = p->module;
  const gr_record *r = gr_record_get(m, id);
  const uint32_t *parents = gr_record_parents(m, id);
  gr_print_text(p, "record ");
  gr_print_int(p, p->record_number[id]);
  gr_print_text(p, " =");
  print_word(p, " ", r->source);
  print_word(p, " pass ", r->pass);
  print_word(p, " rule ", r->rule);
  for (uint32_t i = 0; i < r->parent_count; i++) {
    gr_sink_text(p->out, i ? ", " : " from ");
    gr_print_int(p, p->record_number[parents[i]]);
  }
  print_word(p, " equals ", r->equals);
  gr_print_text(p, "\n");
}

static bool in_table(const printer *p, uint32_t id) {
  return (p->record[id] & PARENT) || (p->record[id] && !plain_source(gr_record_get(p->module, id)));
}

/* Prints a record after all that it is made from. The order is that of the nodes, whatever the records' ids. */
static bool print_with_parents(printer *p, uint32_t id) {
  graft_context *c = p->module->context;
  p->record_stack.len = 0;
  if (!gr_vec_push(c, &p->record_stack, id)) return false;
  while (p->record_stack.len) {
    uint32_t at = p->record_stack.data[p->record_stack.len - 1];
    const gr_record *r = gr_record_get(p->module, at);
    const uint32_t *parents = gr_record_parents(p->module, at);
    uint32_t before = p->record_stack.len;
    for (uint32_t i = r->parent_count; i-- > 0;)
      if (!p->record_number[parents[i]] && !gr_vec_push(c, &p->record_stack, parents[i])) return false;
    if (p->record_stack.len > before) continue;
    p->record_stack.len--;
    if (p->record_number[at]) continue;
    p->record_number[at] = ++p->record_count;
    print_record(p, at);
  }
  return true;
}

bool gr_print_records(printer *p) {
  const graft_module *m = p->module;
  if (p->no_provenance) return true;
  mark(p);
  for (uint32_t k = 0; k < m->graphs.len; k++) {
    const graft_graph *g = m->graphs.data[k];
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
      uint32_t r = gr_node_at(g, n)->provenance;
      if (r && !p->record_number[r] && in_table(p, r) && !print_with_parents(p, r)) return false;
    }
  }
  return true;
}

void gr_print_from(printer *p, uint32_t record) {
  if (record == 0 || p->no_provenance) return;
  gr_print_text(p, " from ");
  if (p->record_number[record])
    gr_print_int(p, p->record_number[record]);
  else
    gr_print_string(p, gr_record_get(p->module, record)->source);
}

/* ---- specs ---- */

static bool number(printer *p, uint32_t spec) {
  if (spec == 0 || p->spec[spec]) return true;
  if (!gr_vec_push(p->module->context, &p->specs, spec)) return false;
  p->spec[spec] = p->specs.len;
  return true;
}

/* Numbers in the order of the text. */
static bool number_all(printer *p) {
  const graft_graph *g = p->graph;
  for (uint32_t i = 0; i < g->inputs.len; i++)
    if (!number(p, gr_spec_of_value(g, g->inputs.data[i]))) return false;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_node *node = gr_node_at(g, n);
    for (uint32_t i = 0; i < node->operand_count; i++)
      if (!number(p, gr_spec_of_use(g, node->first_use + i))) return false;
    for (uint32_t i = 0; i < node->result_count; i++)
      if (!number(p, gr_spec_of_value(g, node->first_result + i))) return false;
  }
  if (!gr_handles_list(g, &p->handles)) return false;
  for (uint32_t i = 0; i < p->handles.len; i++)
    if (!number(p, gr_spec_of_value(g, p->handles.data[i].value))) return false;
  return true;
}

static void print_node_name(printer *p, graft_node n) {
  const gr_node *node = gr_node_at(p->graph, n);
  for (uint32_t i = 0; i < node->result_count; i++)
    if (gr_result(p->graph, n, i) != GRAFT_NONE) {
      gr_print_name(p, gr_value_get_name(p->graph, node->first_result + i));
      return;
    }
}

static bool has_name(const graft_graph *g, graft_node n) {
  for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++)
    if (gr_result(g, n, i) != GRAFT_NONE) return true;
  return false;
}

/* What no longer exists is `_`. */
static void print_ref(printer *p, const gr_spec_ref *r) {
  const graft_graph *g = p->graph;
  if (r->is_value && r->id < g->values.len && gr_value_at(g, r->id)->def_kind != GR_DEF_DEAD) {
    gr_print_name(p, gr_value_get_name(g, r->id));
    return;
  }
  bool use = !r->is_value && r->id < g->uses.len && gr_use_at(g, r->id)->value != GRAFT_NONE;
  uint32_t user = use ? gr_use_at(g, r->id)->user : 0;
  if (use && gr_user_is_node(user) && gr_node_live(g, user) && has_name(g, user)) {
    print_node_name(p, user);
    gr_sink_format(p->out, "[%u]", gr_use_slot(g, r->id));
  } else {
    gr_print_text(p, "_");
  }
}

static void print_spec(printer *p, uint32_t id) {
  const graft_module *m = p->module;
  const gr_spec *s = gr_spec_get(m, id);
  gr_print_text(p, "  spec ");
  gr_print_int(p, p->spec[id]);
  gr_print_text(p, " = ");
  gr_sink_text(p->out, gr_spec_info(s->kind)->name);
  for (uint32_t i = 0; i < s->ref_count; i++) {
    gr_print(p, i ? ", " : "(", i ? 2 : 1);
    print_ref(p, &gr_spec_refs(m, id)[i]);
  }
  if (s->ref_count) gr_print_text(p, ")");
  gr_print_attrs(p, gr_spec_info(s->kind), GRAFT_NONE - s->kind, s->attrs);
  gr_print_text(p, "\n");
}

bool gr_print_specs_begin(printer *p) {
  p->specs.len = p->handles.len = 0;
  return !gr_has_specs(p->graph) || number_all(p);
}

void gr_print_specs(printer *p) {
  const graft_graph *g = p->graph;
  if (p->specs.len == 0) return;
  for (uint32_t i = 0; i < p->specs.len; i++) print_spec(p, p->specs.data[i]);
  for (uint32_t i = 0; i < p->handles.len; i++) {
    const graft_value v = p->handles.data[i].value;
    if (!gr_spec_of_value(g, v)) continue;
    gr_print_text(p, "  value ");
    gr_print_name(p, gr_value_get_name(g, v));
    gr_print_place(p, gr_spec_of_value(g, v));
    gr_print_text(p, "\n");
  }
}

void gr_print_specs_end(printer *p) {
  for (uint32_t i = 0; i < p->specs.len; i++) p->spec[p->specs.data[i]] = 0;
}
