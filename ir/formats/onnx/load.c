/* From the bytes of an .onnx file to a module: bounded, read, then imported graph by graph. */
#include "ir/formats/foreign_int.h"
#include "ir/formats/onnx/onnx_impl.h"

#include <string.h>

/* What import may make beyond the file's own bytes: constants of a shape, shares of windows, copies. */
#define FREE_ROOM (32u << 20)
#define ROOM_PER_BYTE 4u

static bool read_opsets(gr_onnx *in, const Onnx__ModelProto *model) {
  for (size_t i = 0; i < model->n_opset_import; i++) {
    const Onnx__OperatorSetIdProto *o = model->opset_import[i];
    if (o->domain && o->domain[0] && strcmp(o->domain, "ai.onnx") != 0) continue;
    if (in->opset) return gr_onnx_fail(in, GRAFT_FORMAT, "two opsets of the default domain"), false;
    if (o->version < 1)
      return gr_onnx_fail(in, GRAFT_FORMAT, "opset %lld of the default domain", (long long)o->version), false;
    in->opset = o->version;
  }
  return true;
}

/* What only became attributes is not kept as a tensor too. */
static bool drop_consumed(gr_onnx *in) {
  graft_module *m = in->module;
  uint8_t *used = gr_calloc(in->context, (size_t)m->tensors.len + 1, 1);
  if (!used) return false;
  for (uint32_t i = 0; i < m->graphs.len; i++) {
    const graft_graph *g = m->graphs.data[i];
    for (uint32_t k = 0; k < g->handles.len; k++) {
      const graft_value v = gr_handle_at(g, k);
      if (v != GRAFT_NONE && !gr_unused(g, v)) used[gr_value_tensor(g, v)] = 1;
    }
  }
  for (uint32_t i = 0; i < in->consumed.len; i++) {
    graft_tensor t = in->consumed.data[i];
    if (!used[t] && !m->tensors.data[t].erased) gr_tensor_erase(m, t);
  }
  gr_free(in->context, used, (size_t)m->tensors.len + 1);
  return true;
}

static bool import_model(gr_onnx *in, const Onnx__ModelProto *model) {
  if (!model->graph) return gr_onnx_fail(in, GRAFT_FORMAT, "the model has no graph"), false;
  if (!read_opsets(in, model)) return false;
  in->pytorch = model->producer_name &&
                (strcmp(model->producer_name, "pytorch") == 0 || strcmp(model->producer_name, "graft") == 0);
  graft_module *m = in->module;
  m->file = gr_intern(m, in->file, strlen(in->file));
  if (m->file == GRAFT_NONE) return false;
  graft_graph *g = graft_graph_create(m, "main");
  return g && gr_onnx_read_functions(in, model) && gr_onnx_graph(in, g, model->graph, NULL, &(gr_onnx_names){0}) &&
         gr_onnx_split_state(in) && drop_consumed(in) && gr_onnx_read_notes(in, model) && gr_warn_foreign(m);
}

static const gr_onnx_reader reader = {.row = gr_onnx_op_find, .nodes = gr_onnx_nodes, .graph = gr_onnx_graph};

graft_module *gr_onnx_load(const gr_source *source) {
  graft_context *c = source->context;
  gr_buffer *file = source->file;
  const bool move = file->refs == 1 && !gr_file_mapped(file);
  gr_onnx in = {.reader = &reader,
                .context = c,
                .file = source->name,
                .bytes = file,
                .beside = source->beside,
                .where = {.file = source->name},
                .room = FREE_ROOM + ROOM_PER_BYTE * (uint64_t)file->size};
  gr_arena_init(&in.scratch, c);
  const Onnx__ModelProto *model =
      gr_message_read(&in.scratch, &onnx__model_proto__descriptor, file->data, file->size, move, in.where);
  in.module = model ? graft_module_create(c) : NULL;
  if (model && in.module && !import_model(&in, model)) {
    graft_module_destroy(in.module);
    in.module = NULL;
  }
  gr_vec_free(c, &in.consumed);
  gr_vec_free(c, &in.functions);
  gr_arena_free(&in.scratch);
  return in.module;
}
