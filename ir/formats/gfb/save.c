/* Graph to tables: one walk in graph order that numbers whatever it meets, so erased things and the module's history
 * leave no trace in the file. The module is not changed. */
#include "ir/formats/gfb/gfb_impl.h"
#include "ir/formats/gfb/gfb_int.h"
#include "ir/formats/gfb/listing_impl.h"
#include "ir/formats/stage_impl.h"

#include <string.h>

typedef struct saver {
  graft_module *m;
  graft_context *c;
#define SCALARS(name, type) GR_VEC(type) name;
#define STRUCTS(name, type, schema) GR_VEC(type) name;
  GR_GFB_VECTORS(SCALARS, STRUCTS)
#undef SCALARS
#undef STRUCTS
  /* The file's number of each of the module's things, GRAFT_NONE: not met yet. */
  uint32_t *string_ids, *type_ids, *record_ids, *spec_ids;
  gr_gfb_listing listing;
  gr_held_list handles_kept;  /* of the graph being saved, by the file's tensors */
  GR_VEC(uint32_t) specs_met; /* in the graph being saved */
  gr_map kind_ids;            /* op and attribute set -> kind */
  gr_map text_ids;            /* hash of a text that the module's pool lacks (names of ops, attributes) -> string */
  GR_VEC(uint32_t) stack;
  uint64_t data_length;
  bool no_provenance;
  bool failed; /* no memory; reported */
} saver;

/* Numbers in the graph being saved; `use_ids` only where it has annotations. */
typedef struct graph_saver {
  saver *s;
  const graft_graph *g;
  uint32_t *value_ids, *use_ids;
  uint32_t uses;
} graph_saver;

#define PUSH(s, vec, item) ((s)->failed |= !gr_vec_push((s)->c, &(s)->vec, item))

static uint32_t *new_ids(saver *s, uint32_t count) {
  uint32_t *ids = gr_alloc(s->c, ((size_t)count + 1) * sizeof *ids);
  if (ids) memset(ids, 0xff, ((size_t)count + 1) * sizeof *ids);
  s->failed |= !ids;
  return ids;
}

static void free_ids(saver *s, uint32_t *ids, uint32_t count) { gr_free(s->c, ids, ((size_t)count + 1) * sizeof *ids); }

static uint32_t add_text(saver *s, const char *text, uint32_t length) {
  if (!gr_vec_reserve(s->c, &s->string_bytes, (uint64_t)length + 1)) {
    s->failed = true;
    return 0;
  }
  if (length) memcpy(s->string_bytes.data + s->string_bytes.len, text, length);
  s->string_bytes.data[s->string_bytes.len + length] = '\0';
  s->string_bytes.len += length + 1;
  PUSH(s, string_lengths, length);
  return s->string_lengths.len - 1;
}

static uint32_t string_id(saver *s, uint32_t id) {
  if (s->string_ids[id] == GRAFT_NONE)
    s->string_ids[id] = add_text(s, gr_string_text(s->m, id), gr_string_length(s->m, id));
  return s->string_ids[id];
}

/* A text of the op table, which the module's pool may or may not have. */
static uint32_t text_id(saver *s, const char *text) {
  uint32_t length = (uint32_t)strlen(text), id = gr_intern_find(s->m, text, length);
  if (id != GRAFT_NONE) return string_id(s, id);
  uint64_t hash = gr_hash_bytes(text, length);
  id = gr_map_get(&s->text_ids, hash);
  if (id == GRAFT_NONE) {
    id = add_text(s, text, length);
    s->failed |= !gr_map_put(s->c, &s->text_ids, hash, id);
  }
  return id;
}

static uint32_t type_id(saver *s, uint32_t id) {
  if (id == GRAFT_NONE) return GRAFT_NONE;
  if (s->type_ids[id] == GRAFT_NONE) {
    const graft_type *t = &s->m->types.data[id];
    gr_gfb_type type = {.dtype = (uint32_t)t->dtype, .rank = t->rank};
    for (int32_t i = 0; i < t->rank; i++) type.dims[i] = t->dims[i];
    s->type_ids[id] = s->types.len;
    PUSH(s, types, type);
  }
  return s->type_ids[id];
}

/* All NaNs as one: attributes compare by their bits. */
static double plain(double f) {
  uint64_t bits = GR_GFB_NAN;
  if (f != f) memcpy(&f, &bits, sizeof f);
  return f;
}

/* ---- kinds: an op with its attributes ---- */

static void add_attr(saver *s, const graft_attr *a) {
  gr_gfb_attr attr = {.name = text_id(s, a->name), .kind = (uint32_t)a->kind};
  switch (a->kind) {
  case GRAFT_ATTR_NONE: break;
  case GRAFT_ATTR_BOOL: attr.value = a->as.b; break;
  case GRAFT_ATTR_INT: attr.value = (uint64_t)a->as.i; break;
  case GRAFT_ATTR_FLOAT: {
    double f = plain(a->as.f);
    memcpy(&attr.value, &f, sizeof attr.value);
    break;
  }
  case GRAFT_ATTR_STRING: attr.value = text_id(s, a->as.s); break;
  case GRAFT_ATTR_DTYPE: attr.value = (uint64_t)a->as.dtype; break;
  case GRAFT_ATTR_GRAPH: attr.value = a->as.graph; break;
  case GRAFT_ATTR_INTS:
    attr.value = a->count;
    for (uint32_t i = 0; i < a->count; i++) PUSH(s, ints, a->as.ints[i]);
    break;
  case GRAFT_ATTR_FLOATS:
    attr.value = a->count;
    for (uint32_t i = 0; i < a->count; i++) PUSH(s, floats, plain(a->as.floats[i]));
    break;
  }
  PUSH(s, attrs, attr);
}

/* `info` NULL: opaque; `row` tells the rows apart (an op's number). */
static uint32_t kind_id(saver *s, const char *name, const gr_op_info *info, uint32_t row, uint32_t set) {
  uint64_t key = (uint64_t)row << 32 | set;
  uint32_t id = gr_map_get(&s->kind_ids, key);
  if (id != GRAFT_NONE) return id;
  gr_gfb_kind kind = {.op = text_id(s, name)};
  gr_attrs_get(s->m, set, &kind.attr_count);
  for (uint32_t i = 0; i < kind.attr_count; i++) {
    graft_attr a = gr_attr_public(s->m, info, set, i);
    add_attr(s, &a);
  }
  id = s->kinds.len;
  PUSH(s, kinds, kind);
  s->failed |= !gr_map_put(s->c, &s->kind_ids, key, id);
  return id;
}

/* ---- provenance ---- */

/* Parents get their numbers first; the DAG may be deep, so the path is a stack of our own. */
static uint32_t record_id(saver *s, uint32_t id) {
  if (id == 0 || s->no_provenance) return 0;
  if (s->record_ids[id] == GRAFT_NONE) PUSH(s, stack, id);
  while (s->stack.len > 0 && !s->failed) {
    uint32_t top = s->stack.data[s->stack.len - 1];
    const gr_record *r = gr_record_get(s->m, top);
    const uint32_t *parents = gr_record_parents(s->m, top);
    bool ready = true;
    for (uint32_t i = r->parent_count; s->record_ids[top] == GRAFT_NONE && i-- > 0;) {
      if (s->record_ids[parents[i]] != GRAFT_NONE) continue;
      PUSH(s, stack, parents[i]);
      ready = false;
    }
    if (!ready) continue;
    s->stack.len--;
    if (s->record_ids[top] != GRAFT_NONE) continue;
    gr_gfb_record record = {.source = string_id(s, r->source),
                            .pass = string_id(s, r->pass),
                            .rule = string_id(s, r->rule),
                            .equals = string_id(s, r->equals),
                            .parent_count = r->parent_count};
    for (uint32_t i = 0; i < r->parent_count; i++) PUSH(s, parents, s->record_ids[parents[i]]);
    s->record_ids[top] = s->records.len;
    PUSH(s, records, record);
  }
  return s->failed ? 0 : s->record_ids[id] + 1;
}

/* ---- tensors ---- */

static uint64_t aligned(uint64_t offset) {
  return (offset + GR_GFB_ALIGNMENT - 1) / GR_GFB_ALIGNMENT * GR_GFB_ALIGNMENT;
}

/* A fill stays a fill until it is written to: that somebody read it must not change the file. */
static const void *stored_bytes(const gr_tensor *t) {
  return t->source == GR_TENSOR_DATA && t->buffer && !t->erased ? (const char *)t->buffer->data + t->offset : NULL;
}

static void add_tensors(saver *s) {
  const gr_gfb_listing *l = &s->listing;
  for (uint32_t i = 0; i < l->tensors.len && !s->failed; i++) {
    const graft_tensor id = l->tensors.data[i];
    const gr_tensor *t = &s->m->tensors.data[id];
    const bool named = i < l->literals;
    gr_gfb_tensor tensor = {.name = named ? string_id(s, t->name.base) : text_id(s, "scalar"),
                            .number = named ? t->name.number : l->numbers.data[i - l->literals],
                            .type = type_id(s, t->type),
                            .kind = t->kind,
                            .source = t->source};
    const void *bytes = stored_bytes(t);
    if (bytes) {
      tensor.source = GR_TENSOR_DATA;
      tensor.offset = aligned(s->data_length);
      tensor.length = gr_tensor_bytes(s->m, id);
      tensor.hash = gr_tensor_hash(s->m, id);
      s->data_length = tensor.offset + tensor.length;
    } else if (t->source == GR_TENSOR_FILL) {
      tensor.lo = plain(t->lo);
      tensor.hi = plain(t->hi);
      tensor.fill = string_id(s, t->fill.base);
      tensor.fill_number = t->fill.number;
    } else {
      tensor.source = GR_TENSOR_ELIDED;
      tensor.hash = t->hash;
    }
    PUSH(s, tensors, tensor);
  }
}

/* ---- a graph ---- */

static void add_value(graph_saver *gs, graft_value v) {
  const gr_value *value = gr_value_at(gs->g, v);
  gr_gfb_value out = {.type = type_id(gs->s, value->type)};
  if (value->type != GRAFT_NONE) {
    out.name = string_id(gs->s, value->name.base);
    out.number = value->name.number;
  }
  PUSH(gs->s, values, out);
}

/* Marks (by 0 in value_ids) what the specs of one side array refer to. */
static void mark_refs(graph_saver *gs, const uint32_t *specs, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    const gr_spec *spec = specs[i] ? gr_spec_get(gs->s->m, specs[i]) : NULL;
    const gr_spec_ref *refs = spec ? gr_spec_refs(gs->s->m, specs[i]) : NULL;
    for (uint32_t k = 0; spec && k < spec->ref_count; k++) {
      if (refs[k].is_value) gs->value_ids[refs[k].id] = 0;
    }
  }
}

/* Marks the handles of tensors that anything here speaks of; others were made in passing and are dropped. */
static void mark_handles(graph_saver *gs) {
  const graft_graph *g = gs->g;
  mark_refs(gs, g->spec_of_use.data, g->spec_of_use.len);
  mark_refs(gs, g->spec_of_value.data, g->spec_of_value.len);
  for (uint32_t i = 0; i < g->updates.len; i++) {
    graft_tensor t = g->updates.data[i].tensor;
    const graft_value v = t == GRAFT_NONE ? GRAFT_NONE : gr_handle_of(g, t);
    if (v != GRAFT_NONE) gs->value_ids[v] = 0;
  }
  for (uint32_t i = 0; i < g->handles.len; i++) {
    const graft_value v = gr_handle_at(g, i);
    if (v != GRAFT_NONE && (!gr_unused(g, v) || gr_spec_of_value(g, v))) gs->value_ids[v] = 0;
  }
}

/* In the order of the file's tensors. */
static void number_handles(graph_saver *gs, gr_gfb_graph *graph, uint32_t next) {
  saver *s = gs->s;
  const graft_graph *g = gs->g;
  gr_held_list *kept = &s->handles_kept;
  kept->len = 0;
  for (uint32_t i = 0; i < g->handles.len; i++) {
    const graft_value v = gr_handle_at(g, i);
    if (v == GRAFT_NONE || gs->value_ids[v] == GRAFT_NONE) continue;
    const gr_held held = {s->listing.ids[gr_value_tensor(g, v)], v};
    s->failed |= !gr_vec_push(s->c, kept, held);
  }
  gr_held_sort(kept);
  for (uint32_t i = 0; i < kept->len; i++) {
    const bool again = i > 0 && kept->data[i - 1].tensor == kept->data[i].tensor; /* equal literals are one */
    gs->value_ids[kept->data[i].value] = again ? next - 1 : next++;
    if (again) continue;
    PUSH(s, handles, kept->data[i].tensor);
    graph->handles++;
  }
}

/* Numbers all values: inputs, results, handles of tensors. */
static void number_values(graph_saver *gs, gr_gfb_graph *graph) {
  const graft_graph *g = gs->g;
  uint32_t next = 0;
  mark_handles(gs);
  for (uint32_t i = 0; i < g->inputs.len; i++) gs->value_ids[g->inputs.data[i]] = next++;
  graph->inputs = next;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_node *node = gr_node_at(g, n);
    for (uint32_t i = 0; i < node->result_count; i++) gs->value_ids[node->first_result + i] = next++;
  }
  graph->results = next - graph->inputs;
  number_handles(gs, graph, next);
}

static void add_use(graph_saver *gs, uint32_t use, uint32_t *value) {
  graft_value v = gr_use_at(gs->g, use)->value;
  *value = v == GRAFT_NONE ? GRAFT_NONE : gs->value_ids[v];
  if (gs->use_ids) gs->use_ids[use] = gs->uses;
  gs->uses++;
}

static void add_marks(saver *s, uint32_t marks) {
  for (uint32_t i = 0; i < GR_MARK_COUNT; i++) {
    if (!(marks & 1u << i)) continue;
    gr_gfb_mark mark = {.node = s->nodes.len, .word = text_id(s, graft_mark_name(i))};
    PUSH(s, marks, mark);
  }
}

static void add_nodes(graph_saver *gs, gr_gfb_graph *graph) {
  saver *s = gs->s;
  const graft_graph *g = gs->g;
  for (uint32_t i = 0; i < g->inputs.len; i++) add_value(gs, g->inputs.data[i]);
  uint32_t operands = s->operands.len;
  for (graft_node n = g->first; n != GRAFT_NONE && !s->failed; n = gr_node_at(g, n)->next) {
    const gr_node *node = gr_node_at(g, n);
    gr_gfb_node out = {.kind = kind_id(s, gr_op_text(s->m, node->op), gr_op_get(node->op), node->op, node->attrs),
                       .operand_count = node->operand_count,
                       .result_count = node->result_count,
                       .record = record_id(s, node->provenance)};
    for (uint32_t i = 0; i < node->operand_count; i++) {
      uint32_t value;
      add_use(gs, node->first_use + i, &value);
      PUSH(s, operands, value);
    }
    for (uint32_t i = 0; i < node->result_count; i++) add_value(gs, node->first_result + i);
    if (node->marks) add_marks(s, node->marks);
    PUSH(s, nodes, out);
    graph->nodes++;
  }
  graph->operands = s->operands.len - operands;
}

static void add_ends(graph_saver *gs, gr_gfb_graph *graph) {
  saver *s = gs->s;
  const graft_graph *g = gs->g;
  for (uint32_t i = 0; i < g->outputs.len; i++) {
    gr_gfb_output out = {.name = string_id(s, g->outputs.data[i].name)};
    add_use(gs, g->outputs.data[i].use, &out.value);
    PUSH(s, outputs, out);
    graph->outputs++;
  }
  for (uint32_t i = 0; i < g->updates.len; i++) {
    if (g->updates.data[i].tensor == GRAFT_NONE) continue;
    gr_gfb_update out = {.tensor = s->listing.ids[g->updates.data[i].tensor]};
    add_use(gs, g->updates.data[i].use, &out.value);
    PUSH(s, updates, out);
    graph->updates++;
  }
}

/* ---- annotations ---- */

/* Number of what a spec refers to; GRAFT_NONE where it was erased. */
static uint32_t ref_id(const graph_saver *gs, const gr_spec_ref *ref) {
  if (!ref->is_value) return gs->use_ids[ref->id];
  return gr_value_at(gs->g, ref->id)->def_kind == GR_DEF_DEAD ? GRAFT_NONE : gs->value_ids[ref->id];
}

/* The spec's number in this graph. References to what was erased go, as in compaction, and with the last one the
 * spec: GRAFT_NONE. */
static uint32_t spec_id(graph_saver *gs, uint32_t id) {
  saver *s = gs->s;
  if (s->spec_ids[id] != GRAFT_NONE) return s->spec_ids[id];
  const gr_spec *spec = gr_spec_get(s->m, id);
  const gr_spec_ref *refs = gr_spec_refs(s->m, id);
  gr_gfb_spec entry = {0};
  for (uint32_t i = 0; i < spec->ref_count; i++) {
    gr_gfb_spec_ref ref = {.is_value = refs[i].is_value, .id = ref_id(gs, &refs[i])};
    if (ref.id == GRAFT_NONE) continue;
    PUSH(s, spec_refs, ref);
    entry.ref_count++;
  }
  if (spec->ref_count && !entry.ref_count) return GRAFT_NONE;
  entry.kind =
      kind_id(s, gr_spec_info(spec->kind)->name, gr_spec_info(spec->kind), GRAFT_NONE - spec->kind, spec->attrs);
  s->spec_ids[id] = s->specs.len;
  PUSH(s, specs_met, id);
  PUSH(s, specs, entry);
  return s->spec_ids[id];
}

static void add_use_spec(graph_saver *gs, uint32_t use, gr_gfb_graph *graph) {
  uint32_t spec = gr_spec_of_use(gs->g, use);
  if (spec == 0) return;
  gr_gfb_annotation a = {.place = gs->use_ids[use], .spec = spec_id(gs, spec)};
  if (a.spec == GRAFT_NONE) return;
  PUSH(gs->s, use_specs, a);
  graph->use_specs++;
}

static void add_value_spec(graph_saver *gs, graft_value v, gr_gfb_graph *graph) {
  uint32_t spec = v == GRAFT_NONE ? 0 : gr_spec_of_value(gs->g, v);
  if (spec == 0) return;
  gr_gfb_annotation a = {.place = gs->value_ids[v], .spec = spec_id(gs, spec)};
  if (a.spec == GRAFT_NONE) return;
  PUSH(gs->s, value_specs, a);
  graph->value_specs++;
}

static void add_handle_specs(graph_saver *gs, gr_gfb_graph *graph) {
  const gr_held_list *kept = &gs->s->handles_kept;
  for (uint32_t i = 0; i < kept->len; i++) add_value_spec(gs, kept->data[i].value, graph);
}

/* In the order of the file's numbers. */
static void add_annotations(graph_saver *gs, gr_gfb_graph *graph) {
  const graft_graph *g = gs->g;
  saver *s = gs->s;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_node *node = gr_node_at(g, n);
    for (uint32_t i = 0; i < node->operand_count; i++) add_use_spec(gs, node->first_use + i, graph);
  }
  for (uint32_t i = 0; i < g->outputs.len; i++) add_use_spec(gs, g->outputs.data[i].use, graph);
  for (uint32_t i = 0; i < g->updates.len; i++) {
    if (g->updates.data[i].tensor != GRAFT_NONE) add_use_spec(gs, g->updates.data[i].use, graph);
  }
  for (uint32_t i = 0; i < g->inputs.len; i++) add_value_spec(gs, g->inputs.data[i], graph);
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_node *node = gr_node_at(g, n);
    for (uint32_t i = 0; i < node->result_count; i++) add_value_spec(gs, node->first_result + i, graph);
  }
  add_handle_specs(gs, graph);
  /* The same spec means other edges in another graph. */
  for (uint32_t i = 0; i < s->specs_met.len; i++) s->spec_ids[s->specs_met.data[i]] = GRAFT_NONE;
  s->specs_met.len = 0;
}

static void add_graph(saver *s, const graft_graph *g) {
  graph_saver gs = {.s = s, .g = g, .value_ids = new_ids(s, g->values.len)};
  gr_gfb_graph graph = {.name = string_id(s, g->name)};
  bool annotated = gr_has_specs(g);
  if (annotated) gs.use_ids = new_ids(s, g->uses.len);
  if (!s->failed && gr_vec_reserve(s->c, &s->nodes, g->live) && gr_vec_reserve(s->c, &s->operands, g->uses.len) &&
      gr_vec_reserve(s->c, &s->values, g->values.len)) {
    number_values(&gs, &graph);
    add_nodes(&gs, &graph);
    add_ends(&gs, &graph);
    if (annotated && !s->failed) add_annotations(&gs, &graph);
    PUSH(s, graphs, graph);
  } else {
    s->failed = true;
  }
  free_ids(s, gs.value_ids, g->values.len);
  free_ids(s, gs.use_ids, g->uses.len);
}

/* ---- the file ---- */

static graft_status saver_fill(saver *s, graft_module *m, const graft_save_options *options) {
  *s = (saver){.m = m, .c = m->context, .no_provenance = options && options->no_provenance};
  s->string_ids = new_ids(s, m->strings.items.len);
  s->type_ids = new_ids(s, m->types.len);
  s->failed |= !gr_gfb_list(&s->listing, m);
  s->record_ids = new_ids(s, m->records.len);
  s->spec_ids = new_ids(s, m->specs.len);
  if (s->failed) return GRAFT_NO_MEMORY;
  string_id(s, 0); /* "" is string 0 */
  add_tensors(s);
  for (uint32_t i = 0; !s->failed && i < m->graphs.len; i++) add_graph(s, m->graphs.data[i]);
  return s->failed ? GRAFT_NO_MEMORY : GRAFT_OK;
}

static void saver_free(saver *s) {
#define SCALARS(name, type) gr_vec_free(s->c, &s->name);
#define STRUCTS(name, type, schema) gr_vec_free(s->c, &s->name);
  GR_GFB_VECTORS(SCALARS, STRUCTS)
#undef SCALARS
#undef STRUCTS
  free_ids(s, s->string_ids, s->m->strings.items.len);
  free_ids(s, s->type_ids, s->m->types.len);
  gr_vec_free(s->c, &s->handles_kept);
  gr_vec_free(s->c, &s->specs_met);
  gr_gfb_listing_free(&s->listing, s->m);
  free_ids(s, s->record_ids, s->m->records.len);
  free_ids(s, s->spec_ids, s->m->specs.len);
  gr_map_free(s->c, &s->kind_ids);
  gr_map_free(s->c, &s->text_ids);
  gr_vec_free(s->c, &s->stack);
}

/* Where the file goes: to disk, or into memory. */
typedef struct output {
  gr_stage *stage;
  gr_sink *sink;
  uint64_t written;
} output;

static void put(void *user, const void *bytes, size_t size) {
  output *o = user;
  o->written += size;
  if (o->stage) gr_stage_write(o->stage, bytes, size);
  if (o->sink) gr_sink_write(o->sink, bytes, size);
}

static void put_padding(output *o) {
  static const char zeros[GR_GFB_ALIGNMENT];
  put(o, zeros, (size_t)(aligned(o->written) - o->written));
}

static graft_status write_tables(saver *s, output *o) {
  gr_gfb_tables tables = {.version = s->marks.len ? GR_GFB_VERSION : 1, .data_length = s->data_length};
#define SCALARS(name, type) tables.name.data = s->name.data, tables.name.count = s->name.len;
#define STRUCTS(name, type, schema) SCALARS(name, type)
  GR_GFB_VECTORS(SCALARS, STRUCTS)
#undef SCALARS
#undef STRUCTS
  const uint64_t size = gr_gfb_encoded_size(&tables);
  if (size > GR_GFB_MAX_BLOCK) {
    return gr_error(s->c, GRAFT_UNSUPPORTED, gr_module_loc(s->m),
                    "the graph needs %llu bytes of tables, a .gfb file holds 2 GiB", (unsigned long long)size);
  }
  gr_gfb_encode(&tables, put, o);
  return GRAFT_OK;
}

static void write_tensors(const saver *s, output *o) {
  graft_module *m = s->m;
  bool first = true;
  put_padding(o);
  for (uint32_t i = 0; i < s->listing.tensors.len; i++) {
    const graft_tensor t = s->listing.tensors.data[i];
    const void *bytes = stored_bytes(&m->tensors.data[t]);
    if (!bytes) continue;
    if (!first) put_padding(o); /* before a tensor, so that the file ends with the last one's data */
    first = false;
    put(o, bytes, gr_tensor_bytes(m, t));
  }
}

static graft_status write_all(graft_module *m, const graft_save_options *options, output *o) {
  saver s;
  graft_status status = saver_fill(&s, m, options);
  if (!status) status = write_tables(&s, o);
  if (!status) write_tensors(&s, o);
  saver_free(&s);
  return status;
}

graft_status gr_gfb_save(graft_module *m, const graft_save_options *options, const char *path) {
  gr_stage stage;
  graft_status status = gr_stage_open(&stage, m->context, path);
  if (status) return status;
  output o = {.stage = &stage};
  status = write_all(m, options, &o);
  graft_status closed = gr_stage_close(&stage, status == GRAFT_OK);
  return status ? status : closed;
}

graft_status gr_gfb_print(graft_module *m, const graft_save_options *options, gr_sink *out) {
  output o = {.sink = out};
  graft_status status = write_all(m, options, &o);
  return status ? status : out->failed ? GRAFT_NO_MEMORY : GRAFT_OK;
}
