/* What of a module is its state, and what its tensors are called in a file. */
#include "ir/formats/state/state_impl.h"

#include <string.h>

/* The role of a constant in one of its uses: a dequantized one is a weight, whatever it lies in. */
static bool is_needed(const gr_op_info *op, uint32_t slot) {
  if (!op || op->operand_count == 0) return false;
  if (op->families & GR_F_DQ) return true;
  const gr_role role = op->operands[slot < op->operand_count ? slot : op->operand_count - 1u].role;
  return role == GR_WEIGHT || role == GR_STATISTICS || role == GR_QPARAM;
}

static void add_uses(const graft_graph *g, uint8_t *parts) {
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_op_info *op = gr_info(g, n);
    for (uint32_t slot = 0; slot < gr_node_at(g, n)->operand_count; slot++) {
      const graft_value v = gr_operand(g, n, slot);
      const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
      if (t != GRAFT_NONE && gr_tensor_type(g->module, t)->rank > 0 && is_needed(op, slot)) parts[t] = GR_STATE_NEEDED;
    }
  }
}

uint8_t *gr_state_parts(graft_module *m) {
  uint8_t *parts = gr_calloc(m->context, (size_t)m->tensors.len + 1, sizeof *parts);
  if (!parts) return NULL;
  for (graft_tensor t = 0; t < m->tensors.len; t++) {
    const gr_tensor *tensor = &m->tensors.data[t];
    const graft_type *type = gr_tensor_type(m, t);
    if (tensor->erased) continue;
    if (tensor->kind != GRAFT_CONSTANT)
      parts[t] = GR_STATE_NEEDED;
    else if (type->rank > 0 && gr_is_float(type->dtype))
      parts[t] = GR_STATE_ALSO;
  }
  for (uint32_t i = 0; i < m->graphs.len; i++) add_uses(m->graphs.data[i], parts);
  return parts;
}

gr_state_scope gr_state_scope_of(const graft_state_options *o) {
  gr_state_scope scope = {.module = o->module ? o->module : "", .prefix = o->prefix ? o->prefix : ""};
  scope.module_length = strlen(scope.module);
  scope.prefix_length = strlen(scope.prefix);
  return scope;
}

const char *gr_state_inside(const gr_state_scope *scope, const char *name) {
  if (scope->module_length == 0) return name;
  if (strncmp(name, scope->module, scope->module_length) != 0) return NULL;
  name += scope->module_length;
  return name[0] == '.' && name[1] ? name + 1 : NULL;
}

graft_status gr_state_check_scope(graft_module *m, const gr_state_scope *scope, const char *path) {
  bool found = scope->module_length == 0;
  gr_sink name;
  gr_sink_init(&name, m->context);
  for (graft_tensor t = 0; t < m->tensors.len && !found && !name.failed; t++) {
    if (m->tensors.data[t].erased) continue;
    gr_state_name(&name, m, t);
    found = !name.failed && gr_state_inside(scope, name.bytes.data);
  }
  const bool failed = name.failed;
  gr_sink_free(&name);
  if (failed) return GRAFT_NO_MEMORY;
  if (found) return GRAFT_OK;
  return gr_error(m->context, GRAFT_NAME, (gr_loc){.file = path},
                  "no tensor of the network lies below the module '%s': '%s.weight' or the like", scope->module,
                  scope->module);
}

void gr_state_name(gr_sink *text, const graft_module *m, graft_tensor t) {
  const gr_name name = m->tensors.data[t].name;
  text->bytes.len = 0;
  gr_sink_write(text, gr_string_text(m, name.base), gr_string_length(m, name.base));
  if (name.number) gr_sink_format(text, "_%u", name.number);
  gr_sink_write(text, "", 1);
}
