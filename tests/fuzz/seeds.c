#include "seeds.h"
#include "ir/ir_int.h"
#include "tests/onnx/onnx_model.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Takes over `bytes`. */
static void add(seed_list *list, const char *name, attempt_kind kind, unsigned char *bytes, size_t size) {
  if (list->count == list->room) {
    list->room = list->room ? list->room * 2 : 64;
    list->items = realloc(list->items, list->room * sizeof *list->items);
    if (!list->items) exit(2);
  }
  seed *s = &list->items[list->count++];
  *s = (seed){.kind = kind, .bytes = bytes, .size = size};
  snprintf(s->name, sizeof s->name, "%s", name);
}

static bool ends_with(const char *name, const char *extension) {
  size_t n = strlen(name), e = strlen(extension);
  return n >= e && strcmp(name + n - e, extension) == 0;
}

/* The same module in the other form. */
static void add_binary(seed_list *list, const char *name, const char *path) {
  graft_context *c = graft_context_create(NULL);
  graft_module *m = graft_module_load(c, path, NULL);
  char *bytes = NULL, label[128];
  size_t size = 0;
  if (m && graft_module_print(m, GRAFT_FORMAT_BINARY, &bytes, &size) == GRAFT_OK) {
    unsigned char *copy = malloc(size);
    if (!copy) exit(2);
    memcpy(copy, bytes, size);
    graft_free(c, bytes, size);
    snprintf(label, sizeof label, "%s.gfb", name);
    add(list, label, ATTEMPT_MODULE, copy, size);
  }
  graft_module_destroy(m);
  graft_context_destroy(c);
}

static unsigned char *contents(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  if (!f) exit(2);
  fseek(f, 0, SEEK_END);
  *size = (size_t)ftell(f);
  rewind(f);
  unsigned char *bytes = malloc(*size + 1);
  if (!bytes || fread(bytes, 1, *size, f) != *size) exit(2);
  fclose(f);
  return bytes;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* What a file is, by its extension; false: nothing that is read here. */
static bool kind_of_file(const char *name, attempt_kind *kind) {
  static const struct {
    const char *extension;
    attempt_kind kind;
  } kinds[] = {{".gir", ATTEMPT_MODULE}, {".gfb", ATTEMPT_MODULE},   {".onnx", ATTEMPT_MODULE},
               {".npy", ATTEMPT_NPY},    {".pt", ATTEMPT_STATE},     {".safetensors", ATTEMPT_SAFETENSORS},
               {".pat", ATTEMPT_RULES},  {".qz", ATTEMPT_QUANTIZER}, {".passes", ATTEMPT_PIPELINE}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    *kind = kinds[i].kind;
    if (ends_with(name, kinds[i].extension)) return true;
  }
  return false;
}

static void add_file(seed_list *list, const char *folder, const char *name, size_t largest) {
  char path[1024];
  attempt_kind kind;
  if (!kind_of_file(name, &kind)) return;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  size_t size;
  unsigned char *bytes = contents(path, &size);
  if (size > largest) {
    free(bytes);
    return;
  }
  add(list, name, kind, bytes, size);
  if (ends_with(name, ".gir")) add_binary(list, name, path);
}

void seeds_read(seed_list *list, const char *folder, size_t largest) {
  char *names[4096];
  size_t count = 0;
  DIR *dir = opendir(folder);
  if (!dir) exit(2);
  for (struct dirent *e; (e = readdir(dir)) && count < 4096;) names[count++] = strdup(e->d_name);
  closedir(dir);
  qsort(names, count, sizeof *names, by_name);
  for (size_t i = 0; i < count; i++) {
    add_file(list, folder, names[i], largest);
    free(names[i]);
  }
}

/* ---- made from nothing ---- */

static void add_model(seed_list *list, const char *name, Onnx__ModelProto *m) {
  size_t size;
  unsigned char *bytes = model_pack(m, &size);
  add(list, name, ATTEMPT_MODULE, bytes, size);
  model_free(m);
}

static void make_conv(seed_list *list) {
  Onnx__ModelProto *m = model_new(13);
  Onnx__GraphProto *g = m->graph;
  add_input(g, "x", 1, 4, INTS(1, 2, 5, 5));
  add_zeros(g, "w", 1, 4, 4, INTS(3, 2, 3, 3));
  Onnx__NodeProto *conv = add_node(g, "Conv", "/layer/conv/Conv", NAMES("x", "w"), NAMES("c"));
  add_ints(conv, "pads", 4, INTS(0, 1, 1, 0));
  add_ints(conv, "strides", 2, INTS(2, 1));
  for (int i = 0; i < 4; i++)
    add_f32(g, (const char *const[]){"scale", "bias", "mean", "var"}[i], 1, INTS(3), FLOATS(1, 2, 3));
  Onnx__NodeProto *bn = add_node(g, "BatchNormalization", "bn", NAMES("c", "scale", "bias", "mean", "var"), NAMES("n"));
  add_float(bn, "epsilon", 1e-3F);
  add_node(g, "Relu", "relu", NAMES("n"), NAMES("r"));
  add_node(g, "GlobalAveragePool", "pool", NAMES("r"), NAMES("p"));
  add_i64(g, "shape", 2, INTS(1, -1));
  add_node(g, "Reshape", "reshape", NAMES("p", "shape"), NAMES("y"));
  add_output(g, "y", 1, 2, INTS(1, 3));
  add_model(list, "conv.onnx", m);
}

static void make_shapes(seed_list *list) {
  Onnx__ModelProto *m = model_new(17);
  Onnx__GraphProto *g = m->graph;
  add_input(g, "x", 1, 3, INTS(-1, 4, 6));
  add_i64(g, "starts", 1, INTS(1));
  add_i64(g, "ends", 1, INTS(INT64_MAX));
  add_i64(g, "axes", 1, INTS(-1));
  add_i64(g, "parts", 2, INTS(2, 2));
  add_node(g, "Slice", "", NAMES("x", "starts", "ends", "axes"), NAMES("s"));
  Onnx__NodeProto *t = add_node(g, "Transpose", "", NAMES("s"), NAMES("t"));
  add_ints(t, "perm", 3, INTS(1, 0, 2));
  Onnx__NodeProto *split = add_node(g, "Split", "", NAMES("t", "parts"), NAMES("a", "b"));
  add_int(split, "axis", 0);
  add_node(g, "Add", "", NAMES("a", "b"), NAMES("sum"));
  add_node(g, "Shape", "", NAMES("sum"), NAMES("dims"));
  Onnx__NodeProto *odd = add_node(g, "Odd", "odd", NAMES("sum", "", "dims"), NAMES("y"));
  add_string(odd, "mode", "text");
  Onnx__GraphProto *body = graph_new("body");
  add_input(body, "i", 1, 1, INTS(2));
  add_node(body, "Add", "", NAMES("i", "sum"), NAMES("o"));
  add_output(body, "o", 1, 1, INTS(2));
  add_graph(odd, "body", body);
  add_untyped_output(g, "y");
  add_model(list, "shapes.onnx", m);
}

static void make_arrays(seed_list *list) {
  static const char *const headers[] = {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
                                        "{'descr': '>i2', 'fortran_order': True, 'shape': (3, 2, 2), }",
                                        "{'descr': '|b1', 'fortran_order': False, 'shape': (24,), }"};
  for (int i = 0; i < 3; i++) {
    size_t length = strlen(headers[i]), start = i == 1 ? 12 : 10, size = start + length + 24;
    unsigned char *bytes = calloc(size, 1);
    if (!bytes) exit(2);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = i == 1 ? 2 : 1;
    bytes[8] = (unsigned char)length;
    snprintf((char *)bytes + start, length + 1, "%s", headers[i]);
    char name[16];
    snprintf(name, sizeof name, "%d.npy", i);
    add(list, name, ATTEMPT_NPY, bytes, size);
  }
}

/* A header and as many bytes of data, all 0. */
static void make_tensors(seed_list *list, const char *name, const char *json, size_t data) {
  size_t length = strlen(json), size = 8 + length + data;
  unsigned char *bytes = calloc(size, 1);
  if (!bytes) exit(2);
  bytes[0] = (unsigned char)length;
  bytes[1] = (unsigned char)(length >> 8);
  memcpy(bytes + 8, json, length);
  add(list, name, ATTEMPT_SAFETENSORS, bytes, size);
}

void seeds_make(seed_list *list) {
  make_conv(list);
  make_shapes(list);
  make_arrays(list);
  make_tensors(list, "0.safetensors",
               "{\"__metadata__\":{\"format\":\"pt\"},"
               "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
               "\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[24,32]},"
               "\"m\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[32,35]}} ",
               35);
  make_tensors(list, "version1.safetensors",
               "{\"conv.weight\":{\"dtype\":\"F32\",\"shape\":[2,1,1,1],\"data_offsets\":[0,8]},"
               "\"conv.gamma\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[8,12]},"
               "\"conv.running_mean\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[12,28]},"
               "\"conv.num_batches_tracked\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[28,32]},"
               "\"fc.weight.zero_point\":{\"dtype\":\"U64\",\"shape\":[2],\"data_offsets\":[32,48]},"
               "\"bool\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[48,50]}}",
               50);
}

void seeds_free(seed_list *list) {
  for (unsigned i = 0; i < list->count; i++) free(list->items[i].bytes);
  free(list->items);
  *list = (seed_list){0};
}
