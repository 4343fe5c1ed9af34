/* What graft's own files say beside the graphs (write_notes.c writes it): read back. */
#include "ir/formats/onnx/notes_impl.h"

#include <string.h>

const char *const gr_onnx_note_keys[GR_NOTE_COUNT] = {
#define NOTE(id, key) key,
#include "ir/formats/onnx/notes.def"
#undef NOTE
};

static uint64_t key_of(gr_name name) { return (uint64_t)name.base << 32 | name.number; }

/* The next line; false at the end. */
static bool next_line(const char **text, const char **line, size_t *length) {
  if (!**text) return false;
  *line = *text;
  *length = strcspn(*text, "\n");
  *text += *length;
  if (**text) ++*text;
  return true;
}

static bool read_note(gr_onnx *in, gr_map *notes, uint32_t bit, const char *text) {
  const char *line;
  size_t length;
  while (next_line(&text, &line, &length)) {
    const char *name = gr_arena_copy(&in->scratch, line, length);
    if (!name) return false;
    const gr_name known = gr_name_find(in->module, name);
    if (known.base == GRAFT_NONE) continue;
    const uint32_t before = gr_map_get(notes, key_of(known));
    if (!gr_map_put(in->context, notes, key_of(known), (before == GRAFT_NONE ? 0 : before) | 1u << bit)) return false;
  }
  return true;
}

static bool apply_to_node(graft_graph *g, graft_node n, uint32_t bits) {
  gr_node *node = gr_node_at(g, n);
  const gr_op_info *op = gr_op_get(node->op);
  node->marks |= bits & ((1u << GR_MARK_COUNT) - 1u);
  if (op && (op->families & GR_F_Q) && bits >> GR_NOTE_BY_MULTIPLICATION & 1u)
    return graft_node_set_attr(g, n, &(graft_attr){.name = "by_division", .kind = GRAFT_ATTR_BOOL}) == GRAFT_OK;
  if (node->op == GR_OP_batch_norm && bits >> GR_NOTE_BIASED & 1u)
    return graft_node_set_attr(g, n, &(graft_attr){.name = "unbiased", .kind = GRAFT_ATTR_BOOL}) == GRAFT_OK;
  return true;
}

static bool apply(gr_onnx *in, const gr_map *notes) {
  graft_module *m = in->module;
  for (graft_tensor t = 0; t < m->tensors.len; t++) {
    gr_tensor *tensor = &m->tensors.data[t];
    const uint32_t bits = gr_map_get(notes, key_of(tensor->name));
    if (tensor->erased || (bits == GRAFT_NONE && tensor->kind == GRAFT_BUFFER)) continue; /* a copy of its own */
    tensor->kind = bits == GRAFT_NONE                ? GRAFT_CONSTANT
                   : bits >> GR_NOTE_PARAMETERS & 1u ? GRAFT_PARAMETER
                   : bits >> GR_NOTE_BUFFERS & 1u    ? GRAFT_BUFFER
                                                     : GRAFT_CONSTANT;
  }
  for (uint32_t i = 0; i < m->graphs.len; i++) {
    graft_graph *g = m->graphs.data[i];
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next)
      for (uint32_t k = 0; k < gr_node_at(g, n)->result_count; k++) {
        const graft_value v = gr_result(g, n, k);
        if (v == GRAFT_NONE) continue;
        const uint32_t bits = gr_map_get(notes, key_of(gr_value_get_name(g, v)));
        if (bits != GRAFT_NONE && !apply_to_node(g, n, bits)) return false;
        break;
      }
  }
  return true;
}

bool gr_onnx_read_notes(gr_onnx *in, const Onnx__ModelProto *model) {
  if (!model->producer_name || strcmp(model->producer_name, "graft") != 0) return true;
  gr_map notes = {0};
  bool good = true;
  for (size_t i = 0; good && i < model->n_metadata_props; i++) {
    const Onnx__StringStringEntryProto *entry = model->metadata_props[i];
    for (uint32_t k = 0; good && k < GR_NOTE_COUNT; k++)
      if (entry->key && entry->value && strcmp(entry->key, gr_onnx_note_keys[k]) == 0)
        good = read_note(in, &notes, k, entry->value);
  }
  good = good && apply(in, &notes);
  gr_map_free(in->context, &notes);
  return good;
}

uint32_t gr_onnx_read_provenance(gr_onnx *in, const Onnx__NodeProto *node) {
  gr_record r = {.source = gr_intern(in->module, node->name, strlen(node->name))};
  const char *text = node->doc_string, *line;
  uint32_t parents[GR_ONNX_RECORDS], count = 0;
  size_t length;
  bool good = r.source != GRAFT_NONE;
  if (text && strncmp(text, GR_ONNX_PROVENANCE, strlen(GR_ONNX_PROVENANCE)) == 0)
    for (text += strlen(GR_ONNX_PROVENANCE); good && next_line(&text, &line, &length);) {
      const size_t word = strcspn(line, " \n");
      if (word >= length) continue;
      const uint32_t value = gr_intern(in->module, line + word + 1, length - word - 1);
      good = value != GRAFT_NONE;
      if (good && strncmp(line, "pass ", 5) == 0) r.pass = value;
      if (good && strncmp(line, "rule ", 5) == 0) r.rule = value;
      if (good && strncmp(line, "equals ", 7) == 0) r.equals = value;
      if (!good || strncmp(line, "from ", 5) != 0 || count == GR_ONNX_RECORDS) continue;
      parents[count] = gr_record_intern(in->module, &(gr_record){.source = value}, NULL);
      good = parents[count++] != GRAFT_NONE;
    }
  r.parent_count = count;
  return good ? gr_record_intern(in->module, &r, parents) : GRAFT_NONE;
}
