/* The ends of a graph: what is added to and taken from its inputs, outputs and updates. (Inputs are added in graph.c.)
 * What the verifier would refuse is refused here. */
#include "ir/edit.h"
#include "ir/graph/ends_int.h"
#include "ir/graph/graph_impl.h"

#include <string.h>

static gr_loc called(graft_graph *g, const char *name) {
  gr_loc where = gr_module_loc(g->module);
  where.node = name;
  return where;
}

static graft_status no_such(graft_graph *g, const char *what, uint32_t index) {
  return gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(g->module), "the graph has no %s %u", what,
                  index);
}

/* ---- inputs ---- */

static graft_status remove_input(graft_graph *g, uint32_t index) {
  const uint32_t behind = g->inputs.len - index;
  if (!gr_undo_room(g->module, 4 + 2 * (uint64_t)behind)) return GRAFT_NO_MEMORY;
  gr_kill_value(g, g->inputs.data[index]);
  for (uint32_t i = index; i < g->inputs.len; i++) {
    gr_undo_item(g, GR_INPUTS, i);
    if (i + 1 == g->inputs.len) break;
    const graft_value v = g->inputs.data[i] = g->inputs.data[i + 1];
    gr_undo_item(g, GR_VALUES, v);
    gr_value_at(g, v)->def = i & 0x3FFFFFFFu;
  }
  gr_undo_length(g, GR_INPUTS);
  g->inputs.len--;
  return GRAFT_OK;
}

graft_status graft_input_remove(graft_graph *g, uint32_t index) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  if (index >= g->inputs.len) return no_such(g, "input", index);
  const graft_value v = g->inputs.data[index];
  if (!gr_unused(g, v))
    return gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, gr_value_loc(g, v), "the input is still used");
  gr_edit edit = gr_edit_begin(g->module);
  return gr_edit_end(g->module, edit, remove_input(g, index));
}

/* ---- outputs ---- */

/* The string of a name that no output has. */
static graft_status output_name(graft_graph *g, const char *name, uint32_t *string) {
  graft_module *m = g->module;
  const gr_loc where = called(g, name);
  uint32_t other;
  if (!name || !name[0]) return gr_error(m->context, GRAFT_INVALID_ARGUMENT, where, "an output needs a name");
  *string = gr_intern(m, name, strlen(name));
  if (*string == GRAFT_NONE || !gr_index_find(m, g, GR_NAMES_OUTPUTS, *string, &other)) return GRAFT_NO_MEMORY;
  return other == GRAFT_NONE ? GRAFT_OK : gr_error(m->context, GRAFT_NAME, where, "another output has this name");
}

graft_status graft_output_add(graft_graph *g, const char *name, graft_value value) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_module *m = g->module;
  uint32_t id = GRAFT_NONE;
  const graft_status status = output_name(g, name, &id);
  if (status != GRAFT_OK) return status;
  if (!gr_is_value(g, value))
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, called(g, name), "the output is no value of the graph");
  if (!gr_vec_reserve(m->context, &g->outputs, 1u) || !gr_vec_reserve(m->context, &g->uses, 1u) ||
      !gr_undo_room(m, 5) || !gr_index_put(m, g, GR_NAMES_OUTPUTS, id, g->outputs.len))
    return GRAFT_NO_MEMORY;
  gr_undo_length(g, GR_OUTPUTS);
  uint32_t use = gr_lone_use(g, GR_USER_OUTPUT | g->outputs.len, value);
  g->outputs.data[g->outputs.len++] = (gr_output){use, id};
  return GRAFT_OK;
}

graft_status graft_output_set(graft_graph *g, uint32_t index, graft_value value) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  if (index >= g->outputs.len) return no_such(g, "output", index);
  const gr_output *o = &g->outputs.data[index];
  if (!gr_is_value(g, value))
    return gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, called(g, gr_string_text(g->module, o->name)),
                    "the output is no value of the graph");
  gr_edit edit = gr_edit_begin(g->module);
  return gr_edit_end(g->module, edit, gr_use_set(g, o->use, value));
}

static graft_status remove_output(graft_graph *g, uint32_t index) {
  graft_module *m = g->module;
  const uint32_t behind = g->outputs.len - index;
  if (!gr_undo_room(m, 3 + 3 * (uint64_t)behind)) return GRAFT_NO_MEMORY;
  gr_change_use(g, g->outputs.data[index].use, GRAFT_NONE);
  for (uint32_t i = index; i < g->outputs.len; i++) {
    gr_undo_item(g, GR_OUTPUTS, i);
    if (i + 1 == g->outputs.len) break;
    const gr_output o = g->outputs.data[i] = g->outputs.data[i + 1];
    gr_undo_item(g, GR_USES, o.use);
    gr_use_at(g, o.use)->user = GR_USER_OUTPUT | i;
    if (!gr_index_put(m, g, GR_NAMES_OUTPUTS, o.name, i)) return GRAFT_NO_MEMORY;
  }
  gr_undo_length(g, GR_OUTPUTS);
  g->outputs.len--;
  return GRAFT_OK;
}

graft_status graft_output_remove(graft_graph *g, uint32_t index) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  if (index >= g->outputs.len) return no_such(g, "output", index);
  gr_edit edit = gr_edit_begin(g->module);
  return gr_edit_end(g->module, edit, remove_output(g, index));
}

graft_status gr_outputs_remove(graft_graph *g, const uint8_t *goes) {
  graft_module *m = g->module;
  uint32_t kept = 0;
  if (!gr_undo_room(m, 1 + 4 * (uint64_t)g->outputs.len)) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < g->outputs.len; i++) {
    const gr_output o = g->outputs.data[i];
    if (goes[i]) {
      gr_change_use(g, o.use, GRAFT_NONE);
      gr_undo_item(g, GR_OUTPUTS, i);
      continue;
    }
    if (kept < i) {
      gr_undo_item(g, GR_OUTPUTS, kept);
      g->outputs.data[kept] = o;
      gr_undo_item(g, GR_USES, o.use);
      gr_use_at(g, o.use)->user = GR_USER_OUTPUT | kept;
      if (!gr_index_put(m, g, GR_NAMES_OUTPUTS, o.name, kept)) return GRAFT_NO_MEMORY;
    }
    kept++;
  }
  for (uint32_t i = kept; i < g->outputs.len; i++) gr_undo_item(g, GR_OUTPUTS, i);
  gr_undo_length(g, GR_OUTPUTS);
  g->outputs.len = kept;
  return GRAFT_OK;
}

graft_status graft_output_rename(graft_graph *g, uint32_t index, const char *name) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  if (index >= g->outputs.len) return no_such(g, "output", index);
  graft_module *m = g->module;
  uint32_t id = GRAFT_NONE;
  if (name && strcmp(name, gr_string_text(m, g->outputs.data[index].name)) == 0) return GRAFT_OK;
  const graft_status status = output_name(g, name, &id);
  if (status != GRAFT_OK) return status;
  if (!gr_undo_room(m, 2) || !gr_index_put(m, g, GR_NAMES_OUTPUTS, id, index)) return GRAFT_NO_MEMORY;
  gr_undo_item(g, GR_OUTPUTS, index);
  g->outputs.data[index].name = id;
  return GRAFT_OK;
}

/* ---- updates ---- */

static graft_status check_update(graft_graph *g, graft_tensor tensor, graft_value value) {
  graft_module *m = g->module;
  if (!gr_is_tensor(m, tensor) || !gr_is_value(g, value))
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m),
                    "an update of no tensor, or with no value of the graph");
  const gr_loc where = {.file = gr_string_text(m, m->file), .module = m, .name = m->tensors.data[tensor].name};
  uint32_t other;
  if (m->tensors.data[tensor].kind == GRAFT_CONSTANT)
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, where, "a constant is updated");
  if (!gr_type_compatible(gr_type_of(g, value), gr_tensor_type(m, tensor)))
    return gr_error(m->context, GRAFT_TYPE, where, "the update %%%s has another type than the tensor",
                    gr_value_label(g, value));
  if (!m->tensors.data[tensor].updated) return GRAFT_OK;
  if (!gr_index_find(m, g, GR_UPDATED, tensor, &other)) return GRAFT_NO_MEMORY;
  return other == GRAFT_NONE ? GRAFT_OK
                             : gr_error(m->context, GRAFT_INVALID_ARGUMENT, where, "the tensor is updated twice");
}

graft_status graft_update_add(graft_graph *g, graft_tensor tensor, graft_value value) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_module *m = g->module;
  graft_context *c = m->context;
  const graft_status status = check_update(g, tensor, value);
  if (status != GRAFT_OK) return status;
  if (gr_handle(g, tensor) == GRAFT_NONE || !gr_vec_reserve(c, &g->updates, 1u) || !gr_vec_reserve(c, &g->uses, 1u) ||
      !gr_undo_room(m, 5) || !gr_index_put(m, g, GR_UPDATED, tensor, g->updates.len))
    return GRAFT_NO_MEMORY;
  gr_undo_length(g, GR_UPDATES);
  uint32_t use = gr_lone_use(g, GR_USER_UPDATE | g->updates.len, value);
  g->updates.data[g->updates.len++] = (gr_update){use, tensor};
  m->tensors.data[tensor].updated = 1;
  return GRAFT_OK;
}

void gr_update_erase(graft_graph *g, uint32_t index) {
  if (!gr_undo_room(g->module, 2)) return;
  gr_change_use(g, g->updates.data[index].use, GRAFT_NONE);
  gr_undo_item(g, GR_UPDATES, index);
  g->updates.data[index].tensor = GRAFT_NONE;
}

graft_status graft_update_remove(graft_graph *g, graft_tensor tensor) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;
  graft_module *m = g->module;
  if (!gr_is_tensor(m, tensor))
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "no such tensor in the module");
  uint32_t index;
  if (!gr_index_find(m, g, GR_UPDATED, tensor, &index)) return GRAFT_NO_MEMORY;
  if (index == GRAFT_NONE)
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT,
                    (gr_loc){.file = gr_string_text(m, m->file), .module = m, .name = m->tensors.data[tensor].name},
                    "the graph does not update the tensor");
  gr_edit edit = gr_edit_begin(m);
  gr_update_erase(g, index);
  return gr_edit_end(m, edit, GRAFT_OK);
}
