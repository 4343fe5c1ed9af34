/* What stands in a graph of the file before its nodes: the names that it defines, its initializers. */
#include "ir/formats/onnx/handler_impl.h"

#include <stdio.h>
#include <string.h>

static const char *tensor_label(gr_onnx *in, const char *name) {
  size_t size = strlen(name) + 24;
  char *text = gr_arena_alloc(&in->scratch, size);
  if (text) snprintf(text, size, "initializer '%s'", name);
  return text;
}

bool gr_onnx_define_names(gr_onnx *in, gr_onnx_scope *s, const gr_onnx_names *captured) {
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

/* Strings and the like are what an opaque node gives, so that what reads them stays as it is. */
static bool add_foreign(gr_onnx *in, const Onnx__TensorProto *t, const char *label) {
  static const char op[] = "onnx.Constant";
  const graft_type unknown = {.dtype = GRAFT_UNKNOWN, .rank = -1};
  const uint32_t type = gr_type_intern_at(in->module, &unknown, in->where),
                 id = gr_intern(in->module, op, sizeof op - 1);
  const size_t size = strlen(label) + 80;
  char *why = gr_arena_alloc(&in->scratch, size);
  if (type == GRAFT_NONE || id == GRAFT_NONE || !why) return false;
  snprintf(why, size, "%s is of dtype %s, which graft does not have", label, gr_onnx_dtype_name(t->data_type));
  in->record = 0;
  gr_onnx_begin(in, GR_OP_COUNT + id);
  const graft_node n = gr_onnx_end(in, NULL, 0, (const char *[]){t->name}, 1, 0, &type);
  return n != GRAFT_NONE && gr_why_set(in->scope->graph, n, why);
}

bool gr_onnx_add_initializers(gr_onnx *in, gr_onnx_scope *s) {
  graft_module *m = in->module;
  for (size_t i = 0; i < s->proto->n_initializer; i++) {
    Onnx__TensorProto *t = s->proto->initializer[i];
    graft_type type;
    uint64_t offset;
    const char *label = tensor_label(in, t->name);
    if (label && !gr_onnx_dtype(t->data_type, &type.dtype)) {
      if (!add_foreign(in, t, label)) return false;
      continue;
    }
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

bool gr_onnx_claim_again(gr_onnx *in, const Onnx__GraphProto *g) {
  const uint64_t parts = (uint64_t)g->n_node + g->n_initializer + g->n_input + g->n_output + g->n_value_info;
  return !in->calls || gr_onnx_claim(in, 1024 + GR_ONNX_COST * parts);
}
