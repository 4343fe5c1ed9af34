/* One graph of the file: names first, then tensors and inputs, then every node through its row of import.def, with the
 * graphs nested in it before it. */
#include "ir/formats/onnx/handler_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The last opset whose changes are known: what a later one adds to these ops is an attribute that no row lists, or a
 * dtype that graft does not have. */
#define LAST_OPSET 28

/* ---- names ---- */

static const char *tensor_label(gr_onnx *in, const char *name) {
  size_t size = strlen(name) + 24;
  char *text = gr_arena_alloc(&in->scratch, size);
  if (text) snprintf(text, size, "initializer '%s'", name);
  return text;
}

/* Everything that the graph defines, before anything is made: graft's own names must keep clear of them. */
static bool define_names(gr_onnx *in, gr_onnx_scope *s, const gr_onnx_names *captured) {
  const Onnx__GraphProto *g = s->proto;
  graft_module *m = in->module;
  in->where.node = NULL;
  for (size_t i = 0; i < g->n_initializer; i++) {
    const char *name = g->initializer[i]->name;
    if (!name || !name[0]) return gr_onnx_fail(in, GRAFT_FORMAT, "initializer %zu has no name", i), false;
    if (!gr_onnx_scope_define(m, s, name, in->where)) return false;
  }
  uint32_t initializers = s->symbols.len;
  for (size_t i = 0; i < g->n_input; i++) {
    const char *name = g->input[i]->name;
    if (!name || !name[0]) return gr_onnx_fail(in, GRAFT_FORMAT, "input %zu has no name", i), false;
    const gr_onnx_symbol *known = gr_onnx_scope_find(s, name);
    if (known && known < s->symbols.data + initializers) continue; /* an input with a default value: a tensor */
    if (!gr_onnx_scope_define(m, s, name, in->where)) return false;
  }
  for (uint32_t i = 0; i < captured->names.len; i++)
    if (!gr_onnx_scope_define(m, s, captured->names.data[i], in->where)) return false;
  for (size_t i = 0; i < g->n_node; i++) {
    const Onnx__NodeProto *node = g->node[i];
    in->where.node = node->name;
    for (size_t k = 0; k < node->n_output; k++) {
      if (!node->output[k][0]) continue;
      if (!gr_onnx_scope_define(m, s, node->output[k], in->where)) return false;
      s->symbols.data[s->symbols.len - 1].node = (uint32_t)i;
    }
  }
  in->where.node = NULL;
  bool nested = s->outer != NULL;
  for (uint32_t i = 0; i < s->symbols.len; i++) {
    gr_onnx_symbol *symbol = &s->symbols.data[i];
    /* Sibling graphs may use a name twice: the second one is called otherwise. */
    if (nested)
      symbol->name = gr_name_unique(m, symbol->name);
    else
      gr_name_taken(m, symbol->name);
    if (symbol->name.base == GRAFT_NONE) return false;
  }
  for (size_t i = 0; i < g->n_value_info + g->n_output; i++) {
    const Onnx__ValueInfoProto *info = i < g->n_value_info ? g->value_info[i] : g->output[i - g->n_value_info];
    gr_onnx_symbol *symbol = info->name ? gr_onnx_scope_find(s, info->name) : NULL;
    if (symbol) symbol->info = info;
  }
  gr_onnx_scope_mark_reads(s, g);
  return true;
}

/* ---- tensors, inputs, outputs ---- */

static bool add_initializers(gr_onnx *in, gr_onnx_scope *s) {
  graft_module *m = in->module;
  for (size_t i = 0; i < s->proto->n_initializer; i++) {
    Onnx__TensorProto *t = s->proto->initializer[i];
    graft_type type;
    uint64_t offset;
    const char *label = tensor_label(in, t->name);
    gr_buffer *b = label ? gr_onnx_tensor(in, t, label, &type, &offset) : NULL;
    if (!b) return false;
    uint32_t id = gr_type_intern_at(m, &type, (gr_loc){.file = in->where.file, .node = t->name});
    gr_onnx_symbol *symbol = gr_onnx_scope_find(s, t->name);
    if (id == GRAFT_NONE) {
      gr_buffer_release(in->context, b);
      return false;
    }
    symbol->tensor = gr_tensor_add(m, symbol->name, GRAFT_CONSTANT, id, b, offset);
    if (symbol->tensor == GRAFT_NONE) return false;
  }
  if (s->proto->n_sparse_initializer)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "sparse initializers are not supported"), false;
  return true;
}

static bool add_captured(gr_onnx_scope *s, const gr_onnx_names *captured) {
  for (uint32_t i = 0; i < captured->names.len; i++) {
    const gr_onnx_symbol *outer = gr_onnx_scope_lookup(s->outer, captured->names.data[i]);
    graft_type type = *gr_type_of(s->outer->graph, outer->value);
    gr_onnx_symbol *symbol = gr_onnx_scope_find(s, captured->names.data[i]);
    symbol->value = gr_input_add(s->graph, symbol->name, &type);
    if (symbol->value == GRAFT_NONE) return false;
  }
  return true;
}

/* An input of graft's own making. */
static graft_value add_own_input(gr_onnx *in, const char *name, const graft_type *type) {
  const gr_name split = gr_name_split(in->module, name, strlen(name));
  const gr_name unique = split.base == GRAFT_NONE ? split : gr_name_unique(in->module, split);
  return unique.base == GRAFT_NONE ? GRAFT_NONE : gr_input_add(in->scope->graph, unique, type);
}

/* The entry of what is scanned that it is the time for. */
static bool add_entry(gr_onnx *in, graft_value array, graft_value time, uint32_t k, const char *name) {
  if (in->scope->scan->reversed[k]) time = gr_onnx_binary(in, GR_OP_sub, gr_onnx_number(in, -1), time);
  gr_onnx_begin(in, GR_OP_index_select);
  gr_onnx_set_int(in, "dim", in->scope->scan->axes[k]);
  return time != GRAFT_NONE && gr_onnx_end(in, (graft_value[]){array, time}, 2, &name, 1, 0, NULL) != GRAFT_NONE;
}

static bool add_scan_inputs(gr_onnx *in, gr_onnx_scope *s, const gr_onnx_names *captured, const graft_type *hints) {
  const uint32_t states = s->scan->states, count = (uint32_t)s->proto->n_input;
  graft_value *arrays = gr_arena_alloc(&in->scratch, (count + 1) * sizeof *arrays);
  const graft_value time = add_own_input(in, "time", &hints[0]);
  if (!arrays || time == GRAFT_NONE || add_own_input(in, "condition", &hints[1]) == GRAFT_NONE) return false;
  for (uint32_t i = 0; i < count; i++) {
    gr_onnx_symbol *symbol = gr_onnx_scope_find(s, s->proto->input[i]->name);
    if (symbol->tensor != GRAFT_NONE)
      return gr_onnx_fail(in, GRAFT_TYPE, "Scan: input '%s' of the body is an initializer", symbol->text), false;
    arrays[i] =
        i < states ? gr_input_add(s->graph, symbol->name, &hints[2 + i]) : add_own_input(in, "scanned", &hints[2 + i]);
    if (arrays[i] == GRAFT_NONE) return false;
    if (i < states) symbol->value = arrays[i];
  }
  if (!add_captured(s, captured)) return false;
  for (uint32_t i = states; i < count; i++)
    if (!add_entry(in, arrays[i], time, i - states, s->proto->input[i]->name)) return false;
  return true;
}

static bool add_inputs(gr_onnx *in, gr_onnx_scope *s, const gr_onnx_names *captured) {
  const Onnx__GraphProto *g = s->proto;
  const graft_type *hints = in->hints;
  const uint32_t count = hints ? in->hint_count : 0;
  s->scan = in->scan;
  in->hints = NULL; /* not of the graphs in this one */
  in->scan = NULL;
  if (s->scan) return add_scan_inputs(in, s, captured, hints);
  for (size_t i = 0; i < g->n_input; i++) {
    gr_onnx_symbol *symbol = gr_onnx_scope_find(s, g->input[i]->name);
    if (symbol->tensor != GRAFT_NONE) continue;
    graft_type type;
    const char *why = NULL;
    if (i < count) {
      type = hints[i];
    } else if (!gr_onnx_type(g->input[i]->type, &type, &why)) {
      if (!s->outer)
        return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "input '%s' cannot be imported: %s", symbol->text, why), false;
      type = (graft_type){.dtype = GRAFT_UNKNOWN, .rank = -1}; /* a loop's body may leave types to be inferred */
    }
    symbol->value = gr_input_add(s->graph, symbol->name, &type);
    if (symbol->value == GRAFT_NONE) return false;
  }
  return add_captured(s, captured);
}

/* What the file says an output is against what the graph makes of it. */
static bool check_output(gr_onnx *in, const Onnx__ValueInfoProto *info, graft_value v) {
  graft_type said;
  const char *why;
  if (!gr_onnx_type(info->type, &said, &why)) return true;
  const graft_type *made = gr_onnx_value_type(in, v);
  if (made->dtype != GRAFT_UNKNOWN && made->dtype != said.dtype)
    return gr_onnx_fail(in, GRAFT_TYPE, "output '%s' is declared %s, the graph makes %s", info->name,
                        graft_dtype_name(said.dtype), graft_dtype_name(made->dtype)),
           false;
  if (made->rank >= 0 && said.rank >= 0 && made->rank != said.rank)
    return gr_onnx_fail(in, GRAFT_TYPE, "output '%s' is declared with rank %d, the graph makes rank %d", info->name,
                        said.rank, made->rank),
           false;
  if (!gr_type_compatible(&said, made)) /* exporters get these wrong */
    gr_warning(in->context, GRAFT_TYPE, in->where, "output '%s' is declared with other extents than the graph makes",
               info->name);
  return true;
}

/* A scan goes on as long as there is something: its condition is the one that it was given. */
static bool add_condition(gr_onnx *in, gr_onnx_scope *s) {
  const size_t size = 16 + s->proto->n_output;
  char *name = gr_arena_alloc(&in->scratch, size);
  if (!name) return false;
  size_t length = (size_t)snprintf(name, size, "condition");
  for (size_t i = 0; i < s->proto->n_output; i++)
    if (s->proto->output[i]->name && strcmp(s->proto->output[i]->name, name) == 0) {
      name[length++] = '_';
      name[length] = '\0';
      i = (size_t)-1;
    }
  return graft_output_add(s->graph, name, s->graph->inputs.data[1]) == GRAFT_OK;
}

static bool add_outputs(gr_onnx *in, gr_onnx_scope *s) {
  if (s->scan && !add_condition(in, s)) return false;
  for (size_t i = 0; i < s->proto->n_output; i++) {
    const Onnx__ValueInfoProto *info = s->proto->output[i];
    if (!info->name || !info->name[0]) return gr_onnx_fail(in, GRAFT_FORMAT, "output %zu has no name", i), false;
    graft_value v = gr_onnx_value(in, info->name);
    if (v == GRAFT_NONE || !check_output(in, info, v) || graft_output_add(s->graph, info->name, v) != GRAFT_OK)
      return false;
  }
  for (uint32_t t = 0; t < s->updates.len; t++)
    if (s->updates.data[t] != GRAFT_NONE && graft_update_add(s->graph, t, s->updates.data[t]) != GRAFT_OK) return false;
  return true;
}

/* ---- nodes ---- */

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

/* What only became attributes is not kept as nodes too: those that computed it, where nothing else reads them. */
static bool drop_computed(gr_onnx *in, gr_onnx_scope *s) {
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
  in->opaque = to->opaque;
  in->kept_by_all = to->kept_by_all;
  in->opset = to->opset;
  in->calls = to->calls;
}

bool gr_onnx_leave(gr_onnx *in, const gr_onnx *here, gr_onnx_scope *s, const graft_value *results) {
  bool good = results != NULL;
  come_back(in, here);
  for (uint32_t i = 0; good && i < in->node->n_output; i++)
    good = !in->node->output[i][0] || gr_onnx_alias(in, i, results[i]);
  good = good && drop_computed(in, s);
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

const graft_graph **gr_onnx_nested(gr_onnx *in, const gr_onnx_names *captured) {
  const Onnx__NodeProto *node = in->node;
  const gr_onnx outer = *in; /* the place to come back to */
  const graft_graph **graphs = gr_arena_alloc(&in->scratch, (node->n_attribute + 1) * sizeof *graphs);
  bool good = graphs != NULL;
  for (size_t i = 0, k = 0; good && i < node->n_attribute; i++) {
    const Onnx__AttributeProto *a = node->attribute[i];
    if (!a->g) continue;
    const char *name = a->g->name && a->g->name[0] ? a->g->name : a->name;
    const size_t size = strlen(name) + 16;
    char *title = gr_arena_alloc(&in->scratch, size); /* no two graphs are called alike */
    if (title) snprintf(title, size, "%s.%u", name, graft_module_graph_count(in->module));
    graft_graph *g = title ? graft_graph_create(in->module, title) : NULL;
    good = g && gr_onnx_graph(in, g, a->g, outer.scope, captured);
    graphs[k++] = g;
    come_back(in, &outer);
  }
  return good ? graphs : NULL;
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
  if (in->opset > LAST_OPSET)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "what %s means in opset %lld is not known; %d is the last one",
                        in->row->name, (long long)in->opset, LAST_OPSET),
           false;
  return true;
}

/* A graph that may be read more than once: what reading it takes, at least. */
static bool claim_again(gr_onnx *in, const Onnx__GraphProto *g) {
  const uint64_t parts = (uint64_t)g->n_node + g->n_initializer + g->n_input + g->n_output + g->n_value_info;
  return !in->calls || gr_onnx_claim(in, 1024 + GR_ONNX_COST * parts);
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
  bool good = claim_again(in, branch) && results && define_names(in, &scope, &nothing) &&
              add_initializers(in, &scope) && gr_onnx_nodes(in, &scope);
  in->where = here.where;
  for (size_t i = 0; good && i < branch->n_output; i++)
    good = branch->output[i]->name && (results[i] = gr_onnx_value(in, branch->output[i]->name)) != GRAFT_NONE;
  return gr_onnx_leave(in, &here, &scope, good ? results : NULL);
}

static bool import_node(gr_onnx *in, const Onnx__NodeProto *written) {
  const Onnx__NodeProto *node = gr_onnx_resolve(in, written);
  if (!node) return false;
  bool in_default_domain = !node->domain || !node->domain[0] || strcmp(node->domain, "ai.onnx") == 0;
  in->node = node;
  in->record = 0;
  in->opaque = in->kept_by_all = false;
  in->where.node = node->name && node->name[0] ? node->name : node->n_output ? node->output[0] : NULL;
  if (!node->op_type || !node->op_type[0]) return gr_onnx_fail(in, GRAFT_FORMAT, "a node without an op"), false;
  for (size_t i = 0; i < node->n_attribute; i++)
    if (!node->attribute[i]->name || !node->attribute[i]->name[0])
      return gr_onnx_fail(in, GRAFT_FORMAT, "an attribute without a name"), false;
  if (node->name && node->name[0]) {
    gr_record r = {.source = gr_intern(in->module, node->name, strlen(node->name))};
    if (r.source == GRAFT_NONE || (in->record = gr_record_intern(in->module, &r, NULL)) == GRAFT_NONE) return false;
  }
  in->row = in_default_domain ? gr_onnx_op_find(node->op_type) : NULL;
  const gr_onnx_function *f = in->row ? NULL : gr_onnx_function_find(in, node);
  if (f) return gr_onnx_call_function(in, f);
  const bool contrib = !in->row && node->domain && strcmp(node->domain, "com.microsoft") == 0;
  if (contrib) in->row = gr_onnx_contrib_find(node->op_type);
  if (!in->row || (contrib && !is_known_form(in))) return import_opaque(in);
  if (!contrib && !check_opset(in)) return false;
  if (!check_counts(in) || !check_attributes(in)) return false;
  const bool read =
      in->row->handler(in); /* or it says that the node stays, having made at most nodes that nothing reads */
  if (in->failed || (!read && !in->opaque)) return false;
  return !in->opaque || import_opaque(in);
}

bool gr_onnx_nodes(gr_onnx *in, gr_onnx_scope *s) {
  const uint32_t *order = gr_onnx_order(in, s);
  bool good = order != NULL;
  for (size_t i = 0; good && i < s->proto->n_node; i++) good = import_node(in, s->proto->node[order[i]]);
  return good;
}

bool gr_onnx_graph(gr_onnx *in, graft_graph *g, const Onnx__GraphProto *proto, gr_onnx_scope *outer,
                   const gr_onnx_names *captured) {
  gr_onnx_scope scope = {.outer = outer, .graph = g, .proto = proto};
  if (!claim_again(in, proto)) return false;
  in->scope = &scope;
  bool good = define_names(in, &scope, captured) && add_initializers(in, &scope) && add_inputs(in, &scope, captured) &&
              gr_onnx_nodes(in, &scope);
  if (good) {
    in->where.node = NULL;
    good = add_outputs(in, &scope) && drop_computed(in, &scope);
  }
  gr_onnx_scope_free(in->context, &scope);
  in->scope = outer;
  return good && !in->failed;
}
