/* Copies of modules: every array as it is, so that all numbers stay. */
#include "ir/edit.h"
#include "ir/graph/budget_int.h"
#include "ir/graph/graph_impl.h"

#include <string.h>

/* `to`, which is empty, becomes a copy of `from`. False: no memory. */
#define COPY(c, to, from) \
  (gr_vec_reserve((c), (to), (from)->len) \
       ? ((from)->len ? memcpy((to)->data, (from)->data, (from)->len * sizeof *(from)->data) : NULL, \
          (to)->len = (from)->len, true) \
       : false)

static bool copy_map(graft_context *c, gr_map *to, const gr_map *from) {
  if (!from->slot_count) return true;
  to->slots = gr_alloc(c, (size_t)from->slot_count * sizeof *to->slots);
  if (!to->slots) return false;
  memcpy(to->slots, from->slots, (size_t)from->slot_count * sizeof *to->slots);
  to->slot_count = from->slot_count;
  to->used = from->used;
  return true;
}

/* Slots of an open-addressed table of ids. */
static bool copy_slots(graft_context *c, uint32_t **to, uint32_t *to_count, const uint32_t *from, uint32_t count) {
  if (!count) return true;
  gr_free(c, *to, (size_t)*to_count * sizeof **to);
  *to_count = 0;
  *to = gr_alloc(c, (size_t)count * sizeof **to);
  if (!*to) return false;
  memcpy(*to, from, (size_t)count * sizeof **to);
  *to_count = count;
  return true;
}

/* The new module has only the empty string, as number 0 like any other: all numbers stay. */
static bool copy_strings(graft_module *to, const graft_module *from) {
  if (!gr_intern_reserve(to, from->strings.items.len)) return false;
  for (uint32_t i = 0; i < from->strings.items.len; i++) {
    if (gr_intern(to, gr_string_text(from, i), gr_string_length(from, i)) == GRAFT_NONE) return false;
    to->strings.items.data[i].next_number = from->strings.items.data[i].next_number;
  }
  return true;
}

static bool copy_pools(graft_module *to, const graft_module *from) {
  graft_context *c = to->context;
  to->attrs.sets.len = to->attrs.items.len = to->records.len = to->specs.len = 0; /* what every module begins with */
  if (!COPY(c, &to->types, &from->types) || !COPY(c, &to->attrs.sets, &from->attrs.sets) ||
      !COPY(c, &to->attrs.items, &from->attrs.items) || !COPY(c, &to->attrs.ints, &from->attrs.ints) ||
      !COPY(c, &to->attrs.floats, &from->attrs.floats) || !COPY(c, &to->specs, &from->specs) ||
      !COPY(c, &to->spec_refs, &from->spec_refs) || !COPY(c, &to->records, &from->records) ||
      !COPY(c, &to->record_parents, &from->record_parents) || !copy_map(c, &to->spec_ids, &from->spec_ids) ||
      !copy_map(c, &to->record_ids, &from->record_ids) || !copy_map(c, &to->whys, &from->whys) ||
      !copy_map(c, &to->constants, &from->constants) ||
      !copy_slots(c, &to->type_slots, &to->type_slot_count, from->type_slots, from->type_slot_count) ||
      !copy_slots(c, &to->attrs.slots, &to->attrs.slot_count, from->attrs.slots, from->attrs.slot_count))
    return false;
  to->records_known = from->records_known;
  to->file = from->file;
  to->said_foreign = from->said_foreign;
  memcpy(to->caches->result_strings, from->caches->result_strings, sizeof to->caches->result_strings);
  return true;
}

/* A tensor's bytes in another context, once for all that have the same ones: `made` leads from where they are to the
 * first tensor of them. */
static bool copy_bytes(graft_module *to, const graft_module *from, graft_tensor t, gr_map *made) {
  const gr_tensor *old = &from->tensors.data[t];
  gr_tensor *now = &to->tensors.data[t];
  const size_t size = gr_tensor_bytes(from, t);
  uint64_t key = gr_mix((uint64_t)(uintptr_t)old->buffer + gr_mix(gr_tensor_offset(old)) + size);
  for (graft_tensor first; (first = gr_map_get(made, key)) != GRAFT_NONE; key++) {
    const gr_tensor *f = &from->tensors.data[first];
    if (f->buffer != old->buffer || gr_tensor_offset(f) != gr_tensor_offset(old) ||
        gr_tensor_bytes(from, first) != size)
      continue;
    now->buffer = gr_buffer_retain(to->tensors.data[first].buffer);
    return true;
  }
  if (!gr_map_put(to->context, made, key, t)) return false;
  now->buffer = gr_buffer_alloc(to->context, size);
  if (now->buffer && size) memcpy(now->buffer->data, (const char *)old->buffer->data + gr_tensor_offset(old), size);
  return now->buffer != NULL;
}

static bool copy_tensors(graft_module *to, const graft_module *from) {
  gr_map made = {0};
  bool good = gr_vec_reserve(to->context, &to->tensors, from->tensors.len);
  for (graft_tensor t = 0; t < from->tensors.len && good; t++) {
    gr_tensor tensor = from->tensors.data[t];
    gr_buffer *buffer = tensor.buffer;
    tensor.buffer = NULL;
    if (to->context == from->context)
      tensor.buffer = gr_buffer_retain(buffer);
    else if (tensor.source != GR_TENSOR_FILL)
      tensor.offset = 0;
    to->tensors.data[to->tensors.len++] = tensor;
    if (buffer && to->context != from->context) good = copy_bytes(to, from, t, &made);
  }
  gr_map_free(to->context, &made);
  return good;
}

static bool copy_body(graft_graph *g, const graft_graph *from) {
  graft_context *c = g->module->context;
  g->first = from->first;
  g->last = from->last;
  g->live = from->live;
  g->handles.taken = from->handles.taken;
  return COPY(c, &g->nodes, &from->nodes) && COPY(c, &g->uses, &from->uses) && COPY(c, &g->values, &from->values) &&
         COPY(c, &g->inputs, &from->inputs) && COPY(c, &g->outputs, &from->outputs) &&
         COPY(c, &g->updates, &from->updates) && COPY(c, &g->handles, &from->handles);
}

static bool copy_specs(graft_graph *g, const graft_graph *from) {
  graft_context *c = g->module->context;
  return COPY(c, &g->spec_of_use, &from->spec_of_use) && COPY(c, &g->spec_of_value, &from->spec_of_value) &&
         COPY(c, &g->origin_of_use, &from->origin_of_use) && COPY(c, &g->origin_of_value, &from->origin_of_value);
}

static bool copy_graph(graft_module *to, const graft_graph *from) {
  graft_context *c = to->context;
  graft_graph *g = gr_calloc(c, 1, sizeof *g);
  if (!g) return false;
  gr_handle_begin(g, GR_HANDLE_GRAPH, c);
  if (!gr_vec_push(c, &to->graphs, g)) return gr_handle_end(g, sizeof *g), false;
  g->module = to;
  g->index = from->index;
  g->name = from->name;
  return copy_body(g, from) && copy_specs(g, from);
}

graft_graph *gr_graph_copy(const graft_graph *from, const char *name) {
  graft_graph *g = graft_graph_create(from->module, name);
  return g && copy_body(g, from) ? g : NULL;
}

graft_module *graft_module_clone(graft_context *c, const graft_module *m) {
  if (!GR_LIVE_IN(GR_IS(c, CONTEXT) ? c : NULL, m, MODULE)) return NULL;
  if (c && !GR_LIVE_IN(m->context, c, CONTEXT)) return NULL;
  graft_module *to = graft_module_create(c ? c : m->context);
  if (!to) return NULL;
  bool good = copy_strings(to, m) && copy_pools(to, m) && copy_tensors(to, m);
  for (uint32_t i = 0; i < m->graphs.len && good; i++) good = copy_graph(to, m->graphs.data[i]);
  to->last_version = m->last_version;
  if (good) gr_given_to(to, m->given);
  if (good) return to;
  graft_module_destroy(to);
  return NULL;
}
