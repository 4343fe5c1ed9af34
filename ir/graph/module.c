/* Modules: creation, destruction, memory in use. */
#include "ir/graph/budget_int.h"
#include "ir/graph/graph_impl.h"

#include <string.h>

const char *graft_version(void) { return GRAFT_VERSION; }

uint32_t graft_version_number(void) { return GRAFT_VERSION_NUMBER; }

graft_module *graft_module_create(graft_context *c) {
  if (!GR_LIVE(c, CONTEXT)) return NULL;
  graft_module *m = gr_calloc(c, 1, sizeof *m);
  if (!m) return NULL;
  gr_handle_begin(m, GR_HANDLE_MODULE, c);
  const gr_looking *looking = &((const gr_context_head *)(const void *)c)->looking;
  m->made_in = looking->who ? looking->number : 0;
  gr_attr_builder none = {.count = 0};
  gr_record no_record = {0};
  gr_spec no_spec = {0};
  /* Lists that may stay empty have an address all the same: an offset of 0 from it is then defined. */
  bool room = (m->caches = gr_calloc(c, 1, sizeof *m->caches)) && gr_vec_reserve(c, &m->attrs.items, 8u) &&
              gr_vec_reserve(c, &m->attrs.ints, 8u) && gr_vec_reserve(c, &m->attrs.floats, 8u) &&
              gr_vec_reserve(c, &m->spec_refs, 8u) && gr_vec_reserve(c, &m->record_parents, 8u);
  if (!room || gr_intern(m, "", 0) != 0 || gr_attrs_intern(m, &none, NULL, (gr_loc){0}) != 0 ||
      !gr_vec_push(c, &m->records, no_record) || !gr_vec_push(c, &m->specs, no_spec)) {
    graft_module_destroy(m);
    return NULL;
  }
  return m;
}

void gr_graph_free(graft_context *c, graft_graph *g) {
  gr_vec_free(c, &g->nodes);
  gr_vec_free(c, &g->uses);
  gr_vec_free(c, &g->values);
  gr_vec_free(c, &g->inputs);
  gr_vec_free(c, &g->outputs);
  gr_vec_free(c, &g->updates);
  gr_vec_free(c, &g->handles);
  gr_vec_free(c, &g->spec_of_use);
  gr_vec_free(c, &g->spec_of_value);
  gr_vec_free(c, &g->origin_of_use);
  gr_vec_free(c, &g->origin_of_value);
  gr_map_free(c, &g->names);
  gr_map_free(c, &g->referred);
  gr_vec_free(c, &g->order);
  gr_vec_free(c, &g->users);
  gr_map_free(c, &g->output_names);
  gr_map_free(c, &g->updated);
  gr_handle_end(g, sizeof *g);
}

void graft_module_destroy(graft_module *m) {
  if (!m || !GR_LIVE(m, MODULE)) return;
  graft_context *c = m->context;
  if (gr_only_looks(c, m, "the module cannot be destroyed")) return;
  if (!gr_module_changeable(m)) {
    gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "a session runs on the module: it cannot be destroyed");
    return;
  }
  if (m->pipelines) { /* a callback of a run: a pass, a quantizer, a predicate */
    gr_error(c, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "passes run on the module: it cannot be destroyed");
    return;
  }
  void (*const end)(void *) = m->destroy_user;
  m->destroy_user = NULL;
  m->pipelines++; /* it does not end twice */
  if (end) end(m->user);
  m->pipelines--;
  for (uint32_t i = 0; i < m->graphs.len; i++) gr_graph_free(c, m->graphs.data[i]);
  for (uint32_t i = 0; i < m->tensors.len; i++) gr_buffer_release(c, m->tensors.data[i].buffer);
  gr_vec_free(c, &m->graphs);
  gr_strings_free(c, &m->strings);
  gr_vec_free(c, &m->types);
  gr_free(c, m->type_slots, (size_t)m->type_slot_count * sizeof(uint32_t));
  gr_vec_free(c, &m->attrs.sets);
  gr_vec_free(c, &m->attrs.items);
  gr_vec_free(c, &m->attrs.ints);
  gr_vec_free(c, &m->attrs.floats);
  gr_free(c, m->attrs.slots, (size_t)m->attrs.slot_count * sizeof(uint32_t));
  gr_vec_free(c, &m->tensors);
  gr_map_free(c, &m->tensor_names);
  gr_map_free(c, &m->constants);
  gr_map_free(c, &m->graph_names);
  gr_holders_drop(m);
  gr_vec_free(c, &m->specs);
  gr_vec_free(c, &m->spec_refs);
  gr_map_free(c, &m->spec_ids);
  gr_vec_free(c, &m->records);
  gr_vec_free(c, &m->record_parents);
  gr_map_free(c, &m->record_ids);
  gr_map_free(c, &m->whys);
  gr_vec_free(c, &m->undo.words);
  gr_given_gone(c, m->given);
  gr_free(c, m->caches, sizeof *m->caches);
  gr_handle_end(m, sizeof *m);
}

graft_context *graft_module_get_context(const graft_module *m) { return GR_IS(m, MODULE) ? m->context : NULL; }
uint32_t graft_module_graph_count(const graft_module *m) { return GR_IS(m, MODULE) ? m->graphs.len : 0; }
graft_graph *graft_module_get_graph(const graft_module *m, uint32_t index) {
  return GR_IS(m, MODULE) && index < m->graphs.len ? m->graphs.data[index] : NULL;
}

graft_status gr_graph_name_free(graft_module *m, const char *name, uint32_t *string) {
  gr_loc where = gr_module_loc(m);
  uint32_t other = GRAFT_NONE;
  if (!name || !name[0]) return gr_error(m->context, GRAFT_INVALID_ARGUMENT, where, "a graph needs a name");
  *string = gr_intern(m, name, strlen(name));
  if (*string == GRAFT_NONE || !gr_index_find(m, NULL, GR_NAMES_GRAPHS, *string, &other)) return GRAFT_NO_MEMORY;
  if (other == GRAFT_NONE) return GRAFT_OK;
  return gr_error(m->context, GRAFT_NAME, where, "another graph is called '%s'", name);
}

graft_graph *graft_graph_create(graft_module *m, const char *name) {
  if (!GR_LIVE(m, MODULE)) return NULL;
  uint32_t string = GRAFT_NONE;
  if (gr_graph_name_free(m, name, &string) != GRAFT_OK) return NULL;
  graft_graph *g = gr_calloc(m->context, 1, sizeof *g);
  if (!g) return NULL;
  gr_handle_begin(g, GR_HANDLE_GRAPH, m->context);
  g->module = m;
  g->index = m->graphs.len;
  g->first = g->last = GRAFT_NONE;
  g->name = string;
  if (!gr_index_put(m, NULL, GR_NAMES_GRAPHS, string, g->index) || !gr_undo_room(m, 1) ||
      !gr_vec_push(m->context, &m->graphs, g)) {
    gr_handle_end(g, sizeof *g);
    return NULL;
  }
  gr_undo_graph_added(m);
  return g;
}

#define BYTES(v) ((size_t)(v).len * sizeof *(v).data)

gr_memory gr_module_memory(const graft_module *m) {
  gr_memory n = {
      .graph = sizeof *m + sizeof *m->caches + BYTES(m->types) + m->type_slot_count * sizeof(uint32_t) +
               BYTES(m->attrs.sets) + BYTES(m->attrs.items) + BYTES(m->attrs.ints) + BYTES(m->attrs.floats) +
               m->attrs.slot_count * sizeof(uint32_t) + BYTES(m->specs) + BYTES(m->spec_refs) +
               (size_t)m->spec_ids.slot_count * sizeof(gr_map_slot),
      .tensors = BYTES(m->tensors) + (size_t)m->constants.slot_count * sizeof(gr_map_slot),
      .strings = BYTES(m->strings.items) + (size_t)m->strings.next + m->strings.slot_count * sizeof(uint64_t),
      .provenance =
          BYTES(m->records) + BYTES(m->record_parents) + (size_t)m->record_ids.slot_count * sizeof(gr_map_slot),
  };
  for (uint32_t i = 0; i < m->graphs.len; i++) {
    const graft_graph *g = m->graphs.data[i];
    const size_t handles = gr_handle_count(g) * sizeof *g->values.data;
    n.tensors += handles + BYTES(g->handles);
    n.graph += sizeof *g + BYTES(g->nodes) + BYTES(g->uses) + BYTES(g->values) - handles + BYTES(g->inputs) +
               BYTES(g->outputs) + BYTES(g->updates) + BYTES(g->spec_of_use) + BYTES(g->origin_of_use) +
               BYTES(g->origin_of_value) + BYTES(g->spec_of_value) + (size_t)g->names.slot_count * sizeof(gr_map_slot);
  }
  return n;
}

uint32_t gr_type_intern(graft_module *m, const graft_type *t) {
  return gr_type_intern_at(m, t, (gr_loc){.file = gr_string_text(m, m->file)});
}

void gr_graphs_drop(graft_module *m, uint32_t from) {
  while (m->graphs.len > from) gr_graph_free(m->context, m->graphs.data[--m->graphs.len]);
}
