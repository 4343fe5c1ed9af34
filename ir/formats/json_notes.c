/* What JSON says about nodes and values: provenance records, one table of a module, and quantization specs, one of each
 * graph. Nodes refer to them by number, so that the text is as long as the module and not longer, whatever shares what.
 */
#include "ir/formats/json_impl.h"

#include <string.h>

static void set(gr_json *w, json_t *object, const char *key, json_t *value) {
  gr_json_set(&w->failed, object, key, value);
}
static void set_string(gr_json *w, json_t *object, const char *key, uint32_t string) {
  if (string) set(w, object, key, gr_json_string(w, string));
}

/* ---- records ---- */

/* Those that live nodes go back to, numbered by id; parents have smaller ids, so one sweep down finds them. */
static void number_records(gr_json *w) {
  const graft_module *m = w->m;
  for (uint32_t k = 0; k < m->graphs.len; k++) {
    const graft_graph *g = m->graphs.data[k];
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next)
      w->record_number[gr_node_at(g, n)->provenance] = 1;
  }
  for (uint32_t r = m->records.len; r-- > 1;)
    for (uint32_t i = 0; w->record_number[r] && i < m->records.data[r].parent_count; i++)
      w->record_number[gr_record_parents(m, r)[i]] = 1;
  uint32_t number = 0;
  w->record_number[0] = 0;
  for (uint32_t r = 1; r < m->records.len; r++) {
    const gr_record *record = gr_record_get(m, r);
    if (w->record_number[r]) w->record_number[r] = ++number;
    w->record_source[r] = record->source         ? record->source
                          : record->parent_count ? w->record_source[*gr_record_parents(m, r)]
                                                 : 0;
  }
}

static void set_record(gr_json *w, json_t *object, uint32_t id) {
  const gr_record *r = gr_record_get(w->m, id);
  set_string(w, object, "source", w->record_source[id]);
  set_string(w, object, "pass", r->pass);
  set_string(w, object, "rule", r->rule);
  set_string(w, object, "equals", r->equals);
}

static json_t *record_item(gr_json *w, uint32_t id) {
  const uint32_t count = gr_record_get(w->m, id)->parent_count;
  json_t *object = json_object();
  set_record(w, object, id);
  if (count == 0) return object;
  json_t *parents = json_array();
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t number = w->record_number[gr_record_parents(w->m, id)[i]];
    gr_json_append(&w->failed, parents, number ? json_integer(number - 1) : json_null());
  }
  set(w, object, "parents", parents);
  return object;
}

void gr_json_put_records(gr_json *w) {
  bool any = false;
  for (uint32_t r = 1; w->record_number && r < w->m->records.len && !w->out->failed; r++) {
    if (!w->record_number[r]) continue;
    gr_sink_text(w->out, any ? ",\n  " : ",\n\"records\":[\n  ");
    any = true;
    gr_json_put(w, record_item(w, r));
  }
  if (any) gr_sink_text(w->out, "]");
}

/* ---- specs ---- */

static json_t *place_value(gr_json *w, const gr_spec_ref *r) {
  const graft_graph *g = w->g;
  json_t *place = json_object();
  if (r->is_value && gr_is_value(g, r->id)) {
    set(w, place, "value", gr_json_name(w, gr_value_get_name(g, r->id)));
  } else if (!r->is_value && r->id < g->uses.len && gr_use_at(g, r->id)->value != GRAFT_NONE &&
             gr_user_is_node(gr_use_at(g, r->id)->user)) {
    set(w, place, "node", gr_json_node_name(w, gr_use_at(g, r->id)->user));
    set(w, place, "operand", json_integer(gr_use_slot(g, r->id)));
  }
  return place; /* what is gone: {} */
}

static json_t *spec_item(gr_json *w, uint32_t i) {
  const gr_spec *s = gr_spec_get(w->m, w->specs.data[i]);
  json_t *object = json_object();
  set(w, object, "kind", json_string(gr_spec_info(s->kind)->name));
  set(w, object, "attrs", gr_json_attrs(w, gr_spec_info(s->kind), s->attrs));
  if (s->ref_count == 0) return object;
  json_t *places = json_array();
  for (uint32_t k = 0; k < s->ref_count; k++)
    gr_json_append(&w->failed, places, place_value(w, &gr_spec_refs(w->m, w->specs.data[i])[k]));
  set(w, object, "places", places);
  return object;
}

static json_t *said_of(gr_json *w, gr_spec_ref place) {
  json_t *object = json_object();
  set(w, object, "spec", json_integer(w->spec_number[gr_spec_at(w->g, place)] - 1));
  if (w->record_number) set_string(w, object, "origin", gr_spec_origin(w->g, place));
  return object;
}

static json_t *operand_item(gr_json *w, uint32_t use) {
  json_t *object = said_of(w, (gr_spec_ref){false, use});
  set(w, object, "operand", json_integer(gr_use_slot(w->g, use)));
  return object;
}

static json_t *result_item(gr_json *w, graft_value v) {
  json_t *object = said_of(w, (gr_spec_ref){true, v});
  set(w, object, "result", json_integer(v - gr_node_at(w->g, gr_value_node(w->g, v))->first_result));
  return object;
}

static json_t *value_item(gr_json *w, graft_value v) {
  json_t *object = said_of(w, (gr_spec_ref){true, v});
  set(w, object, "value", gr_json_name(w, gr_value_get_name(w->g, v)));
  return object;
}

/* The graph's specs, in the order in which they are said. */
static bool number_specs(gr_json *w) {
  for (uint32_t i = 0; i < w->specs.len; i++) w->spec_number[w->specs.data[i]] = 0;
  w->specs.len = 0;
  graft_place at;
  for (bool more = graft_spec_first(w->g, &at); more; more = graft_spec_next(w->g, &at)) {
    const uint32_t id = graft_spec_id(w->g, at);
    if (w->spec_number[id]) continue;
    if (!gr_vec_push(w->m->context, &w->specs, id)) return false;
    w->spec_number[id] = w->specs.len;
  }
  return true;
}

void gr_json_put_specs(gr_json *w) {
  if (!number_specs(w)) w->out->failed = true;
  if (w->specs.len == 0 || w->out->failed) return;
  gr_sink_text(w->out, ",\"specs\":");
  gr_json_put_list(w, w->specs.len, spec_item);
  bool any = false;
  graft_place at;
  for (bool more = graft_spec_first(w->g, &at); more; more = graft_spec_next(w->g, &at)) {
    if (at.value == GRAFT_NONE || gr_value_node(w->g, at.value) != GRAFT_NONE) break; /* those of nodes come last */
    gr_sink_text(w->out, any ? "," : ",\"annotated\":[");
    any = true;
    gr_json_put(w, value_item(w, at.value));
  }
  if (any) gr_sink_text(w->out, "]");
}

/* ---- nodes ---- */

void gr_json_note_node(gr_json *w, json_t *object, graft_node n) {
  const gr_node *node = gr_node_at(w->g, n);
  if (node->provenance && w->record_number) {
    set_record(w, object, node->provenance);
    set(w, object, "record", json_integer(w->record_number[node->provenance] - 1));
  }
  if (w->specs.len == 0 || !gr_is_annotated(w->g, n)) return;
  json_t *specs = json_array();
  for (uint32_t i = 0; i < node->operand_count; i++)
    if (gr_spec_of_use(w->g, node->first_use + i))
      gr_json_append(&w->failed, specs, operand_item(w, node->first_use + i));
  for (uint32_t i = 0; i < node->result_count; i++)
    if (gr_spec_of_value(w->g, node->first_result + i))
      gr_json_append(&w->failed, specs, result_item(w, node->first_result + i));
  set(w, object, "specs", specs);
}

bool gr_json_notes_begin(gr_json *w, bool no_provenance) {
  graft_context *c = w->m->context;
  w->spec_number = gr_calloc(c, w->m->specs.len, sizeof *w->spec_number);
  if (!w->spec_number || no_provenance) return w->spec_number;
  w->record_number = gr_calloc(c, w->m->records.len, sizeof *w->record_number);
  w->record_source = gr_calloc(c, w->m->records.len, sizeof *w->record_source);
  if (!w->record_number || !w->record_source) return false;
  number_records(w);
  return true;
}

void gr_json_notes_end(gr_json *w) {
  graft_context *c = w->m->context;
  gr_free(c, w->spec_number, w->m->specs.len * sizeof *w->spec_number);
  gr_free(c, w->record_number, w->m->records.len * sizeof *w->record_number);
  gr_free(c, w->record_source, w->m->records.len * sizeof *w->record_source);
  gr_vec_free(c, &w->specs);
}
