/* The names of one graph of the file: all are defined before the first node is imported, so that graft's own names
 * keep clear of them, and so that a name read too early can be told from one that does not exist. */
#include "ir/formats/onnx/onnx_impl.h"

#include <string.h>

/* The slot of a name, or the free one where it would go. Only equal hashes touch the names themselves. */
static gr_onnx_slot *slot_of(const gr_onnx_scope *s, const char *text, uint32_t hash) {
  uint32_t mask = s->slot_count - 1;
  for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
    gr_onnx_slot *slot = &s->slots[i];
    if (!slot->symbol || (slot->hash == hash && strcmp(s->symbols.data[slot->symbol - 1].text, text) == 0)) return slot;
  }
}

static bool grow(graft_context *c, gr_onnx_scope *s) {
  uint32_t old = s->slot_count, count = old ? old * 2u : 64u;
  gr_onnx_slot *slots = gr_calloc(c, count, sizeof *slots);
  if (!slots) return false;
  for (uint32_t i = 0; i < old; i++) {
    uint32_t at = s->slots[i].hash & (count - 1);
    if (!s->slots[i].symbol) continue;
    while (slots[at].symbol) at = (at + 1) & (count - 1);
    slots[at] = s->slots[i];
  }
  gr_free(c, s->slots, old * sizeof *slots);
  s->slots = slots;
  s->slot_count = count;
  return true;
}

bool gr_onnx_scope_define(graft_module *m, gr_onnx_scope *s, const char *text, gr_loc where) {
  graft_context *c = m->context;
  if ((s->symbols.len + 1u) * 2u > s->slot_count && !grow(c, s)) return false;
  size_t length = strlen(text);
  uint32_t hash = (uint32_t)gr_hash_bytes(text, length);
  gr_onnx_slot *slot = slot_of(s, text, hash);
  if (slot->symbol) {
    gr_error(c, GRAFT_NAME, where, "'%s' is defined twice", text);
    return false;
  }
  gr_onnx_symbol symbol = {.text = text,
                           .name = gr_name_split(m, text, length),
                           .value = GRAFT_NONE,
                           .tensor = GRAFT_NONE,
                           .node = GRAFT_NONE};
  if (symbol.name.base == GRAFT_NONE || !gr_vec_push(c, &s->symbols, symbol)) return false;
  *slot = (gr_onnx_slot){.hash = hash, .symbol = s->symbols.len};
  return true;
}

gr_onnx_symbol *gr_onnx_scope_find(const gr_onnx_scope *s, const char *text) {
  if (!s->slot_count) return NULL;
  uint32_t slot = slot_of(s, text, (uint32_t)gr_hash_bytes(text, strlen(text)))->symbol;
  return slot ? &s->symbols.data[slot - 1] : NULL;
}

/* The next one that s sees into. */
static gr_onnx_scope *around(const gr_onnx_scope *s) { return s->call ? NULL : s->outer; }

gr_onnx_symbol *gr_onnx_scope_visible(const gr_onnx_scope *s, const char *text) {
  gr_onnx_symbol *found = NULL;
  for (; s && !found; s = around(s)) found = gr_onnx_scope_find(s, text);
  return found;
}

gr_onnx_symbol *gr_onnx_scope_lookup(const gr_onnx_scope *s, const char *text) {
  const graft_graph *g = s->graph;
  gr_onnx_symbol *found = NULL;
  for (; s && s->graph == g && !found; s = around(s)) found = gr_onnx_scope_find(s, text);
  return found;
}

const gr_onnx_call *gr_onnx_scope_call(const gr_onnx_scope *s) {
  while (s && !s->call) s = s->outer;
  return s ? s->call : NULL;
}

gr_onnx_scope *gr_onnx_scope_base(gr_onnx_scope *s) {
  while (s->outer && s->outer->graph == s->graph) s = s->outer;
  return s;
}

static void mark(gr_onnx_scope *s, const char *text) {
  gr_onnx_symbol *symbol = gr_onnx_scope_visible(s, text);
  if (symbol) symbol->read = true;
}

/* Names that a nested graph defines itself are marked too where the outer one has them: that only keeps a result. */
void gr_onnx_scope_mark_reads(gr_onnx_scope *s, const Onnx__GraphProto *g) {
  for (size_t i = 0; i < g->n_output; i++)
    if (g->output[i]->name) mark(s, g->output[i]->name);
  for (size_t i = 0; i < g->n_node; i++) {
    const Onnx__NodeProto *node = g->node[i];
    for (size_t k = 0; k < node->n_input; k++) mark(s, node->input[k]);
    for (size_t k = 0; k < node->n_attribute; k++) {
      const Onnx__AttributeProto *a = node->attribute[k];
      if (a->g) gr_onnx_scope_mark_reads(s, a->g);
      for (size_t j = 0; j < a->n_graphs; j++) gr_onnx_scope_mark_reads(s, a->graphs[j]);
    }
  }
}

void gr_onnx_scope_free(graft_context *c, gr_onnx_scope *s) {
  gr_vec_free(c, &s->symbols);
  gr_vec_free(c, &s->updates);
  gr_vec_free(c, &s->computed);
  gr_free(c, s->slots, s->slot_count * sizeof *s->slots);
  s->slots = NULL;
  s->slot_count = 0;
}
