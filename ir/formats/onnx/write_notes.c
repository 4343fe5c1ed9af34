/* What ONNX has no place for. Where a node comes from stands in its doc_string, as lines
 *
 *   graft provenance
 *   pass P / rule R / equals V
 *   from SOURCE …
 *
 * of which the last ones are the names of the nodes of the source network; marks, kinds of tensors and what else is
 * noted of a name are lists in the model's metadata (notes.def). All of it is read back from files of graft's own. */
#include "ir/formats/onnx/writer_impl.h"

#include <string.h>

_Static_assert(GR_NOTE_INSERTED == (int)GR_MARK_INDEX_INSERTED &&
                   GR_NOTE_TRAINING_FORM == (int)GR_MARK_INDEX_TRAINING_FORM &&
                   GR_NOTE_CONVERTED == (int)GR_MARK_INDEX_CONVERTED && GR_NOTE_FUSED == (int)GR_MARK_INDEX_FUSED &&
                   GR_NOTE_FROZEN == (int)GR_MARK_INDEX_FROZEN && GR_NOTE_BACKWARD == (int)GR_MARK_INDEX_BACKWARD &&
                   (int)GR_MARK_COUNT == GR_NOTE_BY_MULTIPLICATION,
               "notes.def begins with the marks");

void gr_out_note(gr_out *w, gr_onnx_note note, const char *name) { GR_OUT_PUSH(w, w->notes[note], name); }

/* What serves another node does not take its name. */
static uint32_t source_of(const graft_graph *g, graft_node n) {
  const gr_op_info *op = gr_info(g, n);
  if (gr_out_absorbed(g, n) || (op && (op->families & (GR_F_Q | GR_F_DQ)))) return 0;
  return gr_record_source(g->module, gr_node_at(g, n)->provenance);
}

bool gr_out_count_sources(gr_out *w) {
  for (uint32_t i = 0; i < w->module->graphs.len; i++) {
    const graft_graph *g = w->module->graphs.data[i];
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
      const uint32_t source = source_of(g, n);
      const uint32_t count = source ? gr_map_get(&w->source_counts, source) : 0;
      if (source && !gr_map_put(w->context, &w->source_counts, source, count == GRAFT_NONE ? 1 : count + 1))
        return gr_out_failed(w);
    }
  }
  return true;
}

/* The source's, where no other node goes back to it, else that of the result. Names of nodes are apart from those of
 * values, which no name begins like. */
const char *gr_out_node_name(gr_out *w) {
  const uint32_t source = source_of(w->g, w->n);
  const bool alone = source && gr_map_get(&w->source_counts, source) == 1;
  const char *result = "";
  for (uint32_t i = 0; i < gr_node_at(w->g, w->n)->result_count && !result[0] && !w->failed; i++) {
    const char *name = gr_out_result(w, i);
    if (name) result = name;
  }
  const char *name = gr_out_claim(w, gr_out_text(w, "\1%s", alone ? gr_string_text(w->module, source) : result));
  const uint32_t marks = gr_node_at(w->g, w->n)->marks;
  for (uint32_t i = 0; i < GR_MARK_COUNT; i++)
    if (marks & 1u << i) gr_out_note(w, (gr_onnx_note)i, result);
  return name ? name + 1 : NULL;
}

static void put_line(gr_sink *s, const char *word, const char *text) {
  gr_sink_text(s, word);
  for (; *text; text++) gr_sink_write(s, *text == '\n' ? " " : text, 1);
  gr_sink_text(s, "\n");
}

/* The names of all that the record was made from, but for the node's own. */
static void put_sources(gr_out *w, gr_sink *s, uint32_t record, const char *own) {
  uint32_t seen[GR_ONNX_RECORDS], count = 1;
  seen[0] = record;
  for (uint32_t at = 0; at < count; at++) {
    const gr_record *r = gr_record_get(w->module, seen[at]);
    const uint32_t *parents = gr_record_parents(w->module, seen[at]);
    if (r->source && strcmp(gr_string_text(w->module, r->source), own) != 0) {
      bool again = false;
      for (uint32_t i = 0; i < at; i++) again = again || gr_record_get(w->module, seen[i])->source == r->source;
      if (!again) put_line(s, "from ", gr_string_text(w->module, r->source));
    }
    for (uint32_t i = 0; i < r->parent_count && count < GR_ONNX_RECORDS; i++) {
      bool again = false;
      for (uint32_t k = 0; k < count; k++) again = again || seen[k] == parents[i];
      if (!again) seen[count++] = parents[i];
    }
  }
}

/* What a value is called that got another name in the file: of a result of the graph, or where that had taken its. */
static const char *renamed(gr_out *w) {
  const graft_value v = gr_result(w->g, w->n, 0);
  const char *name = v == GRAFT_NONE ? NULL : gr_value_label(w->g, v);
  return name && name[0] && strcmp(name, gr_out_result(w, 0)) != 0 ? name : "";
}

/* The record of what was rewritten to be written: that is no step of its own to who reads it. */
static const gr_record *before_writing(const gr_out *w, const gr_record *r, uint32_t record) {
  while (r->pass && r->parent_count && strcmp(gr_string_text(w->module, r->pass), "to-onnx") == 0) {
    record = gr_record_parents(w->module, record)[0];
    r = gr_record_get(w->module, record);
  }
  return r;
}

const char *gr_out_provenance(gr_out *w) {
  const uint32_t record = gr_node_at(w->g, w->n)->provenance;
  if (w->failed) return NULL;
  const gr_record *own = gr_record_get(w->module, record), *r = before_writing(w, own, record);
  const char *equals = own->equals ? gr_string_text(w->module, own->equals) : own->pass ? "" : renamed(w);
  gr_sink s;
  gr_sink_init(&s, w->context);
  gr_sink_text(&s, GR_ONNX_PROVENANCE);
  const uint32_t empty = s.bytes.len;
  if (r->pass) put_line(&s, "pass ", gr_string_text(w->module, r->pass));
  if (r->rule) put_line(&s, "rule ", gr_string_text(w->module, r->rule));
  if (equals[0]) put_line(&s, "equals ", equals);
  put_sources(w, &s, record, w->node_name);
  const char *text = s.bytes.len == empty ? NULL : gr_arena_copy(&w->arena, s.bytes.data, s.bytes.len);
  if (s.failed || (s.bytes.len != empty && !text)) w->failed = true;
  gr_sink_free(&s);
  return gr_out_check_text(w, text) ? text : NULL;
}

void gr_out_metadata(gr_out *w, Onnx__ModelProto *model) {
  model->metadata_props = gr_out_alloc(w, GR_NOTE_COUNT * sizeof *model->metadata_props);
  for (uint32_t i = 0; i < GR_NOTE_COUNT && !w->failed; i++) {
    gr_sink s;
    gr_sink_init(&s, w->context);
    for (uint32_t k = 0; k < w->notes[i].len; k++) put_line(&s, "", w->notes[i].data[k]);
    Onnx__StringStringEntryProto *entry = s.bytes.len ? gr_out_alloc(w, sizeof *entry) : NULL;
    char *text = entry ? gr_arena_copy(&w->arena, s.bytes.data, s.bytes.len - 1) : NULL;
    if (entry && text) {
      onnx__string_string_entry_proto__init(entry);
      entry->key = gr_out_lent(gr_onnx_note_keys[i]);
      entry->value = text;
      model->metadata_props[model->n_metadata_props++] = entry;
    } else if (s.bytes.len || s.failed) {
      w->failed = true;
    }
    gr_sink_free(&s);
  }
}
