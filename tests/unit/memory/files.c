/* Files in and out: every format, state files, layers as JSON. */
#include "ir/state.h"
#include "passes/passes.h"
#include "roads.h"

static graft_status load(trial *t) {
  t->m = road_load(t);
  if (!t->m) return GRAFT_NO_MEMORY;
  append_module(&t->out, t->m);
  return GRAFT_OK;
}

/* What was written is read again. */
static graft_status load_printed(trial *t) {
  road_load_for_sure(t);
  road_heap.off = true;
  char *file;
  size_t size;
  ck_assert_int_eq(graft_module_print(t->m, t->road->format, &file, &size), GRAFT_OK);
  road_heap.off = false;
  graft_module *m = graft_module_load_memory(t->c, file, size, "network", NULL);
  road_heap.off = true;
  graft_free(t->c, file, size);
  if (m) append_module(&t->out, m);
  graft_module_destroy(m);
  road_heap.off = false;
  return m ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static graft_status print(trial *t) {
  road_load_for_sure(t);
  char *file;
  size_t size;
  const graft_status s = graft_module_print(t->m, t->road->format, &file, &size);
  if (s) return s;
  append(&t->out, file, size);
  graft_free(t->c, file, size);
  return GRAFT_OK;
}

/* On failure no file is there. */
static graft_status saved(trial *t, graft_status s) {
  const uint32_t files = road_files(&t->out);
  if (s) ck_assert_msg(files == 0, "%u files are left of a save that failed", files);
  return s;
}

static graft_status save(trial *t) {
  static const char *const endings[] = {
      [GRAFT_FORMAT_TEXT] = "gir", [GRAFT_FORMAT_BINARY] = "gfb", [GRAFT_FORMAT_ONNX] = "onnx"};
  road_load_for_sure(t);
  road_step(t);
  char target[128];
  snprintf(target, sizeof target, "%s/file.%s", road_folder, endings[t->road->format]);
  return saved(t, graft_module_save(t->m, target, GRAFT_FORMAT_AUTO));
}

/* Read from a file with the tensors beside it, mapped or not. */
static graft_status load_saved(trial *t) {
  road_load_for_sure(t);
  road_heap.off = true;
  char path[128];
  snprintf(path, sizeof path, "%s/file.%s", road_folder, t->road->pipeline);
  ck_assert_int_eq(graft_module_save(t->m, path, GRAFT_FORMAT_AUTO), GRAFT_OK);
  road_heap.off = false;
  graft_status s = GRAFT_OK;
  for (int i = 0; i < 2 && !s; i++) {
    graft_module *m =
        graft_module_load(t->c, path, &(graft_load_options){.size = sizeof(graft_load_options), .map = i});
    if (m)
      append_module(&t->out, m);
    else
      s = GRAFT_NO_MEMORY;
    graft_module_destroy(m);
  }
  bytes file = {0};
  road_files(&file);
  forget(&file);
  return s;
}

static graft_status save_state(trial *t) {
  road_load_for_sure(t);
  road_step(t);
  char target[128];
  snprintf(target, sizeof target, "%s/state.safetensors", road_folder);
  return saved(t, graft_state_save(t->m, target, NULL));
}

/* The state that was saved, into a network with other numbers. */
static graft_status load_state(trial *t) {
  road_load_for_sure(t);
  road_heap.off = true;
  char path[128];
  snprintf(path, sizeof path, "%s/state.safetensors", road_folder);
  ck_assert_int_eq(graft_state_save(t->m, path, NULL), GRAFT_OK);
  const float zero[4] = {0};
  ck_assert_int_eq(graft_tensor_set_data(t->m, graft_tensor_find(t->m, "conv.weight"), zero), GRAFT_OK);
  bytes file = {0};
  FILE *f = fopen(path, "rb");
  ck_assert_ptr_nonnull(f);
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;) append(&file, buffer, n);
  fclose(f);
  road_heap.off = false;
  graft_status s = GRAFT_OK;
  for (int i = 0; i < 3 && !s; i++) {
    road_step(t);
    const graft_state_options o = {.size = sizeof o, .partial = i == 1, .map = i == 1};
    s = i == 2 ? graft_state_load_memory(t->m, file.data, file.size, "state.safetensors", NULL)
               : graft_state_load(t->m, path, &o);
  }
  if (!s) append_module(&t->out, t->m);
  forget(&file);
  road_files(&file);
  forget(&file);
  return s;
}

static const road roads[] = {
    {"load text", load, road_network, NULL, NULL, 0},
    {"load control flow", load, road_branches, NULL, NULL, 0},
    {"load ONNX", load, NULL, NULL, NULL, 0},
    {"load binary", load_printed, road_network, NULL, NULL, GRAFT_FORMAT_BINARY},
    {"load annotated binary", load_printed, road_network, "annotate", NULL, GRAFT_FORMAT_BINARY},
    {"load annotated text", load_printed, road_network, "annotate", NULL, GRAFT_FORMAT_TEXT},
    {"load ONNX qdq", load_printed, road_layers, CONVERTED ",to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {"load ONNX qdq, float bias", load_printed, road_layers, CONVERTED ",to-onnx{int32-bias=false}", NULL,
     GRAFT_FORMAT_ONNX},
    {"load ONNX qoperator", load_printed, road_layers, CONVERTED ",lower,to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {"load ONNX control flow", load_printed, road_branches, "to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {"load saved text", load_saved, road_layers, NULL, "gir", 0},
    {"load saved binary", load_saved, road_layers, NULL, "gfb", 0},
    {"load saved ONNX", load_saved, road_layers, "to-onnx", "onnx", 0},
    {"print text", print, road_network, NULL, NULL, GRAFT_FORMAT_TEXT},
    {"print binary", print, road_network, NULL, NULL, GRAFT_FORMAT_BINARY},
    {"print JSON", print, road_network, NULL, NULL, GRAFT_FORMAT_JSON},
    {"print annotated JSON", print, road_network, "annotate", NULL, GRAFT_FORMAT_JSON},
    {"print JSON of integers", print, road_layers, CONVERTED ",lower", NULL, GRAFT_FORMAT_JSON},
    {"print JSON of graphs", print, road_branches, NULL, NULL, GRAFT_FORMAT_JSON},
    {"print DOT", print, road_network, NULL, NULL, GRAFT_FORMAT_DOT},
    {"save text", save, road_network, NULL, NULL, GRAFT_FORMAT_TEXT},
    {"save binary", save, road_network, NULL, NULL, GRAFT_FORMAT_BINARY},
    {"save ONNX", save, road_network, NULL, NULL, GRAFT_FORMAT_ONNX},
    {"save ONNX of layers", save, road_layers, "to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {"save ONNX again", save, NULL, NULL, NULL, GRAFT_FORMAT_ONNX},
    {"save ONNX qdq", save, road_network, "to-eval,prepare,convert", NULL, GRAFT_FORMAT_ONNX},
    {"save ONNX qdq, float bias", save, road_layers, CONVERTED ",to-onnx{int32-bias=false}", NULL, GRAFT_FORMAT_ONNX},
    {"save ONNX qdq, int32 bias", save, road_layers, CONVERTED ",to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {"save ONNX qdq, u8", save, road_layers, CONVERTED ",u8-activations,to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {"save ONNX qoperator", save, road_network, "to-eval,prepare,convert,lower,to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {"save ONNX qoperator of layers", save, road_layers, CONVERTED ",lower,to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {"save ONNX integers", save, road_layers, CONVERTED ",lower,to-onnx{qoperator=false}", NULL, GRAFT_FORMAT_ONNX},
    {"save ONNX control flow", save, road_branches, "to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {"save state", save_state, road_network, NULL, NULL, 0},
    {"load state", load_state, road_network, NULL, NULL, 0},
};

int main(int argc, char **argv) { return roads_main(argc, argv, roads, sizeof roads / sizeof *roads); }
