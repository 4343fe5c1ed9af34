/* The model: graphs, opsets, metadata; its bytes, and the file beside it that holds tensors where a message would
 * become too long for protobuf. */
#include "ir/formats/onnx/writer_impl.h"

#include "ir/formats/stage_impl.h"
#include "ir/inspect.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOST_BYTES ((uint64_t)INT32_MAX - (64u << 20)) /* of tensors in the message itself */
#define LARGE 256u                                     /* smaller ones stay in the message */
#define ALIGNMENT 64u

/* ---- the message ---- */

/* The least version of the format that a reader of the opset has. */
static int64_t ir_version(int64_t opset) { return opset < 15 ? 7 : opset < 19 ? 8 : opset < 21 ? 9 : 10; }

static Onnx__OperatorSetIdProto *opset_of(gr_out *w, const char *domain, int64_t version) {
  Onnx__OperatorSetIdProto *o = gr_out_alloc(w, sizeof *o);
  if (!o) return NULL;
  onnx__operator_set_id_proto__init(o);
  o->domain = gr_out_lent(domain);
  o->has_version = 1;
  o->version = version;
  return o;
}

/* Only the first graph is a model; the others are parts of its nodes. A step of training stands apart from both. */
static bool check_graphs(gr_out *w) {
  graft_module *m = w->module;
  bool *nested = gr_nested_graphs(m);
  uint32_t apart = 0;
  char names[200] = "";
  if (!nested) return gr_out_failed(w);
  for (uint32_t i = 0; i < m->graphs.len; i++) {
    if (nested[i] || !apart++) continue;
    const size_t used = strlen(names);
    (void)snprintf(names + used, sizeof names - used, "%s%s", used ? "," : "", graft_graph_get_name(m->graphs.data[i]));
  }
  gr_free(w->context, nested, m->graphs.len + 1u);
  if (apart == 1) return true;
  if (!apart)
    gr_error(w->context, GRAFT_UNSUPPORTED, gr_module_loc(m), "a model of ONNX is one graph, the module has none");
  else
    gr_error(w->context, GRAFT_UNSUPPORTED, gr_module_loc(m),
             "a model of ONNX is one graph, the module has %u: the pass drop-graph{graph=\"%s\"} takes the others away "
             "(of training convert does it too), or write .gfb",
             apart, names);
  return gr_out_failed(w);
}

/* Initializers stand in the order in which nodes read them, whatever they were made in. */
static void add_initializer(gr_out *w, Onnx__GraphProto *main, const char *name) {
  const uint32_t id = gr_out_find_name(w, name), at = id == GRAFT_NONE ? 0 : w->names.data[id].initializer;
  if (at == 0) return;
  const gr_out_tensor_record *t = &w->initializers.data[at - 1];
  w->names.data[id].initializer = 0;
  main->initializer[main->n_initializer++] = t->proto;
  if (t->kind == GRAFT_PARAMETER) gr_out_note(w, GR_NOTE_PARAMETERS, name);
  if (t->kind == GRAFT_BUFFER) gr_out_note(w, GR_NOTE_BUFFERS, name);
}

static void order_initializers(gr_out *w, Onnx__GraphProto *main, const Onnx__GraphProto *g) {
  for (size_t i = 0; i < g->n_node; i++) {
    const Onnx__NodeProto *node = g->node[i];
    for (size_t k = 0; k < node->n_input; k++) add_initializer(w, main, node->input[k]);
    for (size_t k = 0; k < node->n_attribute; k++)
      if (node->attribute[k]->g) order_initializers(w, main, node->attribute[k]->g);
  }
}

static Onnx__ModelProto *model_of(gr_out *w) {
  graft_module *m = w->module;
  Onnx__ModelProto *model = gr_out_alloc(w, sizeof *model);
  w->tensor_names = gr_out_alloc(w, (m->tensors.len + 1u) * sizeof *w->tensor_names);
  w->tensor_written = gr_out_alloc(w, m->tensors.len + 1u);
  if (w->failed || !check_graphs(w) || !gr_out_count_sources(w)) return NULL;
  Onnx__GraphProto *graph = gr_out_graph_of(w, m->graphs.data[0], UINT32_MAX, NULL);
  if (!graph) return NULL;
  onnx__model_proto__init(model);
  model->has_ir_version = 1;
  model->ir_version = ir_version(w->opset);
  model->producer_name = gr_out_lent("graft");
  model->producer_version = gr_out_lent(GRAFT_VERSION);
  model->graph = graph;
  graph->initializer = gr_out_alloc(w, w->initializers.len * sizeof *graph->initializer);
  if (w->failed) return NULL;
  order_initializers(w, graph, graph);
  model->opset_import = gr_out_alloc(w, (w->domains.len + 1u) * sizeof *model->opset_import);
  if (w->failed) return NULL;
  model->opset_import[model->n_opset_import++] = opset_of(w, "", w->opset);
  for (uint32_t i = 0; i < w->domains.len; i++)
    model->opset_import[model->n_opset_import++] = opset_of(w, w->domains.data[i], 1);
  gr_out_metadata(w, model);
  if (!w->failed) gr_out_tell_types(w);
  return w->failed ? NULL : model;
}

/* ---- the writer ---- */

static Onnx__ModelProto *begin(gr_out *w, graft_module *m, const graft_save_options *options) {
  *w = (gr_out){.context = m->context,
                .module = m,
                .opset = options->opset ? options->opset : GR_OUT_OPSET,
                .nested = gr_out_graph_of};
  gr_arena_init(&w->arena, m->context);
  if (w->opset < GR_OUT_FIRST_OPSET || w->opset > GR_OUT_LAST_OPSET) {
    gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "opset %lld cannot be written: %d to %d can",
             (long long)w->opset, GR_OUT_FIRST_OPSET, GR_OUT_LAST_OPSET);
    return NULL;
  }
  if (m->graphs.len == 0) {
    gr_error(m->context, GRAFT_UNSUPPORTED, gr_module_loc(m), "the module has no graph");
    return NULL;
  }
  return model_of(w);
}

static void end(gr_out *w) {
  gr_map_free(w->context, &w->name_ids);
  gr_map_free(w->context, &w->source_counts);
  gr_map_free(w->context, &w->zero_points);
  gr_vec_free(w->context, &w->names);
  gr_vec_free(w->context, &w->initializers);
  gr_vec_free(w->context, &w->domains);
  for (uint32_t i = 0; i < GR_NOTE_COUNT; i++) gr_vec_free(w->context, &w->notes[i]);
  gr_arena_free(&w->arena);
}

typedef struct target {
  ProtobufCBuffer base;
  gr_sink *out;
} target;

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *bytes) {
  gr_sink_write(((target *)(void *)buffer)->out, bytes, size);
}

static graft_status pack(const Onnx__ModelProto *model, gr_sink *out) {
  target t = {.base = {.append = append}, .out = out};
  protobuf_c_message_pack_to_buffer(&model->base, &t.base);
  return out->failed ? gr_no_memory(out->context) : GRAFT_OK;
}

static uint64_t tensor_bytes(const gr_out *w) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < w->initializers.len; i++) sum += w->initializers.data[i].proto->raw_data.len;
  return sum;
}

/* Nothing is written before all could be made: with an error that stands, there is no model. One that has no code of
 * its own was one of memory. */
static graft_status outcome(const gr_out *w, const Onnx__ModelProto *model, uint32_t errors) {
  const bool told = gr_error_count(w->context) > errors;
  return model || told ? gr_outcome(w->context, errors, GRAFT_OK) : gr_no_memory(w->context);
}

graft_status gr_onnx_print(graft_module *m, const graft_save_options *options, gr_sink *out) {
  gr_out w;
  const uint32_t errors = gr_error_count(m->context);
  const Onnx__ModelProto *model = begin(&w, m, options);
  graft_status status = outcome(&w, model, errors);
  if (status == GRAFT_OK && tensor_bytes(&w) > MOST_BYTES)
    status = gr_error(
        m->context, GRAFT_UNSUPPORTED, gr_module_loc(m),
        "the tensors are more than one message of ONNX may hold: save it as a file, which gets another one beside it");
  if (status == GRAFT_OK) status = pack(model, out);
  end(&w);
  return status;
}

/* ---- external data ---- */

static Onnx__StringStringEntryProto *entry_of(gr_out *w, const char *key, const char *value) {
  Onnx__StringStringEntryProto *e = gr_out_alloc(w, sizeof *e);
  if (!e || !value) return w->failed = true, NULL;
  onnx__string_string_entry_proto__init(e);
  e->key = gr_out_lent(key);
  e->value = gr_out_lent(value);
  return e;
}

/* Large tensors go to the file; the message names their place. */
static graft_status move_out(gr_out *w, const Onnx__ModelProto *model, gr_stage *data, const char *location) {
  static const char zeros[ALIGNMENT];
  uint64_t at = 0;
  for (size_t i = 0; i < model->graph->n_initializer && !w->failed; i++) {
    Onnx__TensorProto *t = model->graph->initializer[i];
    if (t->raw_data.len < LARGE) continue;
    const uint64_t gap = (ALIGNMENT - at % ALIGNMENT) % ALIGNMENT;
    gr_stage_write(data, zeros, gap);
    gr_stage_write(data, t->raw_data.data, t->raw_data.len);
    at += gap;
    t->n_external_data = 3;
    t->external_data = gr_out_alloc(w, 3 * sizeof *t->external_data);
    if (w->failed) break;
    t->external_data[0] = entry_of(w, "location", location);
    t->external_data[1] = entry_of(w, "offset", gr_out_text(w, "%llu", (unsigned long long)at));
    t->external_data[2] = entry_of(w, "length", gr_out_text(w, "%zu", t->raw_data.len));
    at += t->raw_data.len;
    t->has_data_location = 1;
    t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    t->has_raw_data = 0;
  }
  return w->failed ? gr_no_memory(w->context) : GRAFT_OK;
}

static graft_status save_beside(gr_out *w, const Onnx__ModelProto *model, const char *path, const char *beside) {
  gr_stage message, data;
  gr_sink out;
  const char *slash = strrchr(beside, '/');
  graft_status status = gr_stage_open(&message, w->context, path);
  if (status) return status;
  const bool was_there = access(beside, F_OK) == 0;
  gr_sink_init(&out, w->context);
  if (message.temporary)
    status = gr_stage_open(&data, w->context, beside);
  else
    status =
        gr_error(w->context, GRAFT_UNSUPPORTED, (gr_loc){.file = path}, "no file can lie beside a device or a pipe");
  if (status == GRAFT_OK) {
    status = move_out(w, model, &data, slash ? slash + 1 : beside);
    if (status == GRAFT_OK) status = pack(model, &out);
    if (status == GRAFT_OK) gr_stage_write(&message, out.bytes.data, out.bytes.len);
    if (status == GRAFT_OK) status = gr_stage_flush(&message);
    const graft_status closed = gr_stage_close(&data, status == GRAFT_OK);
    if (status == GRAFT_OK) status = closed;
  }
  const graft_status closed = gr_stage_close(&message, status == GRAFT_OK);
  if (status == GRAFT_OK && closed && !was_there) (void)unlink(beside);
  gr_sink_free(&out);
  return status ? status : closed;
}

graft_status gr_onnx_save(graft_module *m, const graft_save_options *options, const char *path) {
  gr_out w;
  gr_sink out;
  const uint32_t errors = gr_error_count(m->context);
  const Onnx__ModelProto *model = begin(&w, m, options);
  graft_status status = outcome(&w, model, errors);
  gr_sink_init(&out, m->context);
  if (status == GRAFT_OK && (options->external_data || tensor_bytes(&w) > MOST_BYTES)) {
    const char *beside = gr_out_text(&w, "%s.data", path);
    status = beside ? save_beside(&w, model, path, beside) : gr_no_memory(m->context);
  } else if (status == GRAFT_OK) {
    status = pack(model, &out);
    if (status == GRAFT_OK) status = gr_file_write(m->context, path, out.bytes.data, out.bytes.len);
  }
  gr_sink_free(&out);
  end(&w);
  return status;
}
