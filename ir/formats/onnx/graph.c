/* One graph of the file: names first, then tensors and inputs, then every node, then outputs and updates. */
#include "ir/formats/onnx/handler_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- inputs, outputs ---- */

static bool add_captured(gr_onnx_scope *s, const gr_onnx_names *captured) {
  for (uint32_t i = 0; s->outer && i < captured->names.len; i++) { /* the outermost captures nothing */
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
      if (!s->outer) /* a loop's body may leave types to be inferred */
        gr_warning(in->context, GRAFT_TYPE, in->where, "input '%s' is of a type that graft does not have: %s",
                   symbol->text, why);
      type = (graft_type){.dtype = GRAFT_UNKNOWN, .rank = -1};
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

/* An output's name in the interface. A nested graph may list one value twice, a graph of the module may not. */
static const char *output_name(gr_onnx *in, gr_onnx_scope *s, size_t i) {
  const char *name = s->proto->output[i]->name;
  gr_onnx_symbol *symbol = gr_onnx_scope_visible(s, name);
  if (!s->outer || !symbol) return name;
  if (!symbol->listed) return symbol->listed = true, name;
  const size_t size = strlen(name) + 24;
  char *text = gr_arena_alloc(&in->scratch, size);
  if (text) snprintf(text, size, "%s.%zu", name, i);
  return text;
}

static bool add_outputs(gr_onnx *in, gr_onnx_scope *s) {
  if (s->scan && !add_condition(in, s)) return false;
  for (size_t i = 0; i < s->proto->n_output; i++) {
    const Onnx__ValueInfoProto *info = s->proto->output[i];
    if (!info->name || !info->name[0]) return gr_onnx_fail(in, GRAFT_FORMAT, "output %zu has no name", i), false;
    graft_value v = gr_onnx_value(in, info->name);
    const char *name = v == GRAFT_NONE ? NULL : output_name(in, s, i);
    if (!name || !check_output(in, info, v) || graft_output_add(s->graph, name, v) != GRAFT_OK) return false;
  }
  for (uint32_t t = 0; t < s->updates.len; t++)
    if (s->updates.data[t] != GRAFT_NONE && graft_update_add(s->graph, t, s->updates.data[t]) != GRAFT_OK) return false;
  return true;
}

bool gr_onnx_graph(gr_onnx *in, graft_graph *g, const Onnx__GraphProto *proto, gr_onnx_scope *outer,
                   const gr_onnx_names *captured) {
  gr_onnx_scope scope = {.outer = outer, .graph = g, .proto = proto};
  if (!gr_onnx_claim_again(in, proto)) return false;
  in->scope = &scope;
  bool good = gr_onnx_define_names(in, &scope, captured) && gr_onnx_add_initializers(in, &scope) &&
              add_inputs(in, &scope, captured) && gr_onnx_nodes(in, &scope);
  if (good) {
    in->where.node = NULL;
    good = add_outputs(in, &scope) && gr_onnx_drop_computed(in, &scope);
  }
  gr_onnx_scope_free(in->context, &scope);
  in->scope = outer;
  return good && !in->failed;
}
