/* ONNX's own node tests (Debian: libonnx-testdata), for every model whose ops are all imported. Each graph input but
 * the first becomes an initializer, then the model is loaded, run and compared.
 *
 *     node_tests DIRECTORY...   each holds model.onnx and test_data_set_N/
 *
 * Prints the tests skipped with their reason and "N passed, M failed, K skipped"; exit status 1 if any failed. */
#include "ir/formats/npy_int.h"
#include "ir/formats/onnx/onnx.pb-c.h"
#include "ir/ir_int.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *ir_run;                           /* the command */
static char work[] = "/tmp/graft-node-tests-XXXXXX"; /* for its files */

/* ---- files ---- */

typedef struct bytes {
  unsigned char *data;
  size_t size;
} bytes;

static bool read_file(const char *path, bytes *out) {
  FILE *f = fopen(path, "rb");
  if (!f) return false;
  *out = (bytes){NULL, 0};
  unsigned char block[65536];
  size_t n;
  while ((n = fread(block, 1, sizeof block, f)) > 0) {
    unsigned char *grown = realloc(out->data, out->size + n);
    if (!grown) abort();
    memcpy(grown + out->size, block, n);
    out->data = grown;
    out->size += n;
  }
  fclose(f);
  return true;
}

static Onnx__TensorProto *read_tensor(const char *directory, int set, const char *kind, int index) {
  char path[4096];
  bytes file;
  snprintf(path, sizeof path, "%s/test_data_set_%d/%s_%d.pb", directory, set, kind, index);
  if (!read_file(path, &file)) return NULL;
  Onnx__TensorProto *t = onnx__tensor_proto__unpack(NULL, file.size, file.data);
  free(file.data);
  return t;
}

/* ---- what is imported ---- */

static bool is_imported(const char *op) {
  static const char *const ops[] = {
#define ONNX(name, ...) #name,
#include "ir/formats/onnx/import.def"
#undef ONNX
  };
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    if (strcmp(ops[i], op) == 0) return true;
  return false;
}

static bool all_imported(const Onnx__GraphProto *g) {
  for (size_t i = 0; i < g->n_node; i++)
    if ((g->node[i]->domain && g->node[i]->domain[0]) || !is_imported(g->node[i]->op_type)) return false;
  return true;
}

static bool known_dtype(int32_t t, graft_dtype *dtype) {
  static const int32_t codes[GRAFT_DTYPE_COUNT] = {
#define ELEMENT(id, name, bytes, kind, npy, safetensors, onnx, ...) \
  [GRAFT_##id] = ONNX__TENSOR_PROTO__DATA_TYPE__##onnx,
#include "ir/dtypes.def"
#undef ELEMENT
  };
  for (int d = GRAFT_UNKNOWN + 1; d < GRAFT_DTYPE_COUNT; d++)
    if (codes[d] == t) return *dtype = (graft_dtype)d, true;
  return false;
}

/* Why a value of the interface cannot be tested; NULL: it can. */
static const char *unusable(const Onnx__ValueInfoProto *v) {
  graft_dtype dtype;
  if (!v->type || v->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) return "sequence or optional";
  return known_dtype(v->type->tensor_type->elem_type, &dtype) ? NULL : "dtype";
}

/* ---- tensors ---- */

typedef struct array {
  graft_type type;
  void *data; /* C order */
  int64_t count;
} array;

static bool to_array(const Onnx__TensorProto *t, array *a) {
  if (!known_dtype(t->data_type, &a->type.dtype) || t->n_dims > GRAFT_MAX_RANK) return false;
  graft_dtype dtype = a->type.dtype;
  a->type = graft_type_make(dtype, (int32_t)t->n_dims, t->dims);
  a->count = graft_type_elements(&a->type);
  size_t each = graft_dtype_size(dtype), size = (size_t)a->count * each;
  a->data = calloc(size + 1, 1);
  if (!a->data) abort();
  if (size && t->has_raw_data && t->raw_data.len == size) {
    memcpy(a->data, t->raw_data.data, size);
    return true;
  }
  for (int64_t i = 0; i < a->count; i++) switch (dtype) {
    case GRAFT_F32: ((float *)a->data)[i] = t->float_data[i]; break;
    case GRAFT_F64: ((double *)a->data)[i] = t->double_data[i]; break;
    case GRAFT_I64: ((int64_t *)a->data)[i] = t->int64_data[i]; break;
    case GRAFT_U64: ((uint64_t *)a->data)[i] = t->uint64_data[i]; break;
    case GRAFT_U32: ((uint32_t *)a->data)[i] = (uint32_t)t->uint64_data[i]; break;
    default: memcpy((char *)a->data + (size_t)i * each, &t->int32_data[i], each); break; /* little-endian */
    }
  return true;
}

static double element(graft_dtype dtype, const void *data, int64_t i) {
  return gr_element_float(dtype, (const char *)data + (size_t)i * graft_dtype_size(dtype));
}

/* The data files have bf16 as u16, .npy as f32. */
static void as_declared(array *a, const Onnx__ValueInfoProto *v) {
  graft_dtype dtype;
  const bool known = v->type && v->type->tensor_type && known_dtype(v->type->tensor_type->elem_type, &dtype);
  if (known && dtype == GRAFT_BF16 && a->type.dtype == GRAFT_U16) a->type.dtype = GRAFT_BF16;
}

/* ONNX's tolerances for floats; integers are exact. */
static bool equal(const array *want, const graft_type *type, const void *data, char *why, size_t size) {
  const bool travels = want->type.dtype == GRAFT_BF16 && type->dtype == GRAFT_F32;
  if ((type->dtype != want->type.dtype && !travels) || type->rank != want->type.rank ||
      memcmp(type->dims, want->type.dims, sizeof type->dims) != 0) {
    snprintf(why, size, "another dtype or shape");
    return false;
  }
  const bool real = gr_is_float(type->dtype);
  for (int64_t i = 0; i < want->count; i++) {
    double a = element(want->type.dtype, want->data, i), b = element(type->dtype, data, i);
    if (a == b || (isnan(a) && isnan(b))) continue;
    if (real && fabs(a - b) <= 1e-7 + 1e-3 * fabs(a)) continue;
    snprintf(why, size, "element %lld is %.9g, expected %.9g", (long long)i, b, a);
    return false;
  }
  return true;
}

/* ---- one test ---- */

/* The model with every input but the first as an initializer. False: a data file is missing or no tensor. */
static bool make_constant(Onnx__ModelProto *model, const char *directory, int set) {
  Onnx__GraphProto *g = model->graph;
  size_t extra = g->n_input ? g->n_input - 1 : 0;
  Onnx__TensorProto **all = realloc(g->initializer, (g->n_initializer + extra + 1) * sizeof *all);
  if (!all) abort();
  g->initializer = all;
  for (size_t i = 1; i < g->n_input; i++) {
    Onnx__TensorProto *t = read_tensor(directory, set, "input", (int)i);
    if (!t) return false;
    free(t->name);
    t->name = strdup(g->input[i]->name);
    g->initializer[g->n_initializer++] = t;
    onnx__value_info_proto__free_unpacked(g->input[i], NULL);
  }
  if (g->n_input > 1) g->n_input = 1;
  return true;
}

static void work_file(char *path, size_t size, const char *name) { snprintf(path, size, "%s/%s", work, name); }

/* Runs the command; what it says on standard error goes to `why` when it fails. */
static bool command(char *const *arguments, char *why, size_t size) {
  char log[64];
  int status = -1;
  pid_t child;
  posix_spawn_file_actions_t actions;
  work_file(log, sizeof log, "log");
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  bool ok = posix_spawn(&child, ir_run, &actions, NULL, arguments, environ) == 0 && waitpid(child, &status, 0) == child;
  posix_spawn_file_actions_destroy(&actions);
  if (ok && status == 0) return true;
  FILE *f = fopen(log, "r");
  size_t n = f ? fread(why, 1, size - 1, f) : 0;
  why[n] = '\0';
  if (f) fclose(f);
  return false;
}

/* In file names each other character is an underscore. */
static void safe_name(char *name) {
  for (; *name; name++)
    if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", *name)) *name = '_';
}

static bool compare_output(graft_context *c, const Onnx__ValueInfoProto *output, const char *directory, int set,
                           size_t index, char *why, size_t size) {
  char safe[128], file[256], path[512];
  snprintf(safe, sizeof safe, "%s", output->name);
  safe_name(safe);
  snprintf(file, sizeof file, "%s.0.npy", safe);
  work_file(path, sizeof path, file);
  graft_type type;
  gr_buffer *got = NULL;
  Onnx__TensorProto *t = read_tensor(directory, set, "output", (int)index);
  array want = {.data = NULL};
  snprintf(why, size, "no output %s", file);
  bool good = t && gr_npy_read(c, path, &type, &got) == GRAFT_OK && to_array(t, &want);
  if (good) as_declared(&want, output);
  good = good && equal(&want, &type, got->data, why, size);
  free(want.data);
  gr_buffer_release(c, got);
  if (t) onnx__tensor_proto__free_unpacked(t, NULL);
  unlink(path);
  return good;
}

/* One step of ir-run on the data set's first input. */
static bool run(graft_context *c, const Onnx__ModelProto *model, const char *directory, int set, char *why,
                size_t size) {
  char file[64], x_file[64], input[512];
  const Onnx__GraphProto *g = model->graph;
  work_file(file, sizeof file, "model.onnx");
  work_file(x_file, sizeof x_file, "x.npy");
  bool good = true;
  if (g->n_input > 0) {
    array x = {.data = NULL};
    Onnx__TensorProto *t = read_tensor(directory, set, "input", 0);
    good = t && to_array(t, &x);
    if (good) as_declared(&x, g->input[0]);
    good = good && gr_npy_write(c, x_file, &x.type, x.data) == GRAFT_OK;
    free(x.data);
    if (t) onnx__tensor_proto__free_unpacked(t, NULL);
    snprintf(input, sizeof input, "%s=%s", g->input[0]->name, x_file);
  }
  char *const arguments[] = {(char[]){"ir-run"},
                             file,
                             (char[]){"--output-dir"},
                             work,
                             g->n_input > 0 ? (char[]){"--input"} : NULL,
                             input,
                             NULL};
  good = good && command(arguments, why, size);
  for (size_t i = 0; good && i < g->n_output; i++) good = compare_output(c, g->output[i], directory, set, i, why, size);
  return good;
}

static bool write_file(const char *path, const unsigned char *data, size_t size) {
  FILE *f = fopen(path, "wb");
  bool good = f && fwrite(data, 1, size, f) == size;
  return (!f || fclose(f) == 0) && good;
}

static bool test_set(const Onnx__ModelProto *original, const char *directory, int set, char *why, size_t size) {
  size_t packed_size = onnx__model_proto__get_packed_size(original);
  unsigned char *packed = malloc(packed_size);
  if (!packed) abort();
  onnx__model_proto__pack(original, packed);
  Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, packed_size, packed);
  free(packed);
  bool good = false;
  graft_context *c = graft_context_create(NULL);
  snprintf(why, size, "a data file is missing");
  if (model && make_constant(model, directory, set)) {
    char file[64];
    work_file(file, sizeof file, "model.onnx");
    packed_size = onnx__model_proto__get_packed_size(model);
    packed = malloc(packed_size);
    if (!packed) abort();
    onnx__model_proto__pack(model, packed);
    good = write_file(file, packed, packed_size) && run(c, model, directory, set, why, size);
    free(packed);
  }
  graft_context_destroy(c);
  if (model) onnx__model_proto__free_unpacked(model, NULL);
  return good;
}

/* In training the mask is numpy's. The operands are inputs, so their values are in the data files. */
static bool random_dropout(const Onnx__ModelProto *model, const char *directory) {
  const Onnx__GraphProto *g = model->graph;
  for (size_t i = 0; i < g->n_node; i++) {
    const Onnx__NodeProto *n = g->node[i];
    if (strcmp(n->op_type, "Dropout") != 0 || n->n_input < 3) continue;
    for (size_t k = 0; k < g->n_input; k++) {
      if (strcmp(g->input[k]->name, n->input[2]) != 0) continue;
      Onnx__TensorProto *t = read_tensor(directory, 0, "input", (int)k);
      array a = {.data = NULL};
      bool training = t && to_array(t, &a) && a.count == 1 && element(a.type.dtype, a.data, 0) != 0;
      free(a.data);
      if (t) onnx__tensor_proto__free_unpacked(t, NULL);
      if (training) return true;
    }
  }
  return false;
}

typedef struct counts {
  int passed, failed, skipped;
} counts;

/* Why the whole test is skipped; NULL: it is run. */
static const char *skip_reason(const Onnx__ModelProto *model, const char *directory, const char *name) {
  for (size_t i = 0; i < model->graph->n_input; i++)
    if (unusable(model->graph->input[i])) return unusable(model->graph->input[i]);
  for (size_t i = 0; i < model->graph->n_output; i++)
    if (unusable(model->graph->output[i])) return unusable(model->graph->output[i]);
  static const char *const cut[] = {"test_cast_FLOAT_to_BFLOAT16", "test_castlike_FLOAT_to_BFLOAT16",
                                    "test_castlike_FLOAT_to_BFLOAT16_expanded"};
  for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
    if (strcmp(name, cut[i]) == 0) return "a bf16 whose low bits are cut off; ONNX says that it is rounded";
  static const char *const fractional[] = {"test_resize_downsample_scales_cubic_align_corners",
                                           "test_resize_downsample_scales_linear_align_corners"};
  for (size_t i = 0; i < sizeof fractional / sizeof *fractional; i++)
    if (strcmp(name, fractional[i]) == 0)
      return "aligned to the corners of an image whose extent is no integer; PyTorch and ONNX Runtime round it down "
             "first";
  if (strcmp(name, "test_scan_sum") == 0) return "a Scan of opset 8, which has a batch axis";
  return random_dropout(model, directory) ? "dropout in training" : NULL;
}

static void test_directory(const char *directory, const char *name, counts *n) {
  char path[4096], why[1024];
  bytes file;
  struct stat s;
  snprintf(path, sizeof path, "%s/model.onnx", directory);
  if (!read_file(path, &file)) return;
  Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, file.size, file.data);
  free(file.data);
  if (!model || !model->graph || !all_imported(model->graph)) {
    if (model) onnx__model_proto__free_unpacked(model, NULL);
    return;
  }
  const char *skip = skip_reason(model, directory, name);
  if (skip) {
    printf("skipped %s: %s\n", name, skip);
    n->skipped++;
  } else {
    bool good = true;
    int set = 0;
    for (; good; set++) {
      snprintf(path, sizeof path, "%s/test_data_set_%d", directory, set);
      if (stat(path, &s) != 0) break;
      good = test_set(model, directory, set, why, sizeof why);
    }
    if (set == 0) snprintf(why, sizeof why, "no data");
    if (good && set > 0)
      n->passed++;
    else
      printf("FAILED %s: %s\n", name, why), n->failed++;
  }
  onnx__model_proto__free_unpacked(model, NULL);
}

int main(int argc, char **argv) {
  counts n = {0, 0, 0};
  if (argc < 3 || !mkdtemp(work)) return 2;
  ir_run = argv[1];
  for (int i = 2; i < argc; i++) {
    struct dirent **entries = NULL;
    char path[4096];
    struct stat s;
    snprintf(path, sizeof path, "%s/model.onnx", argv[i]);
    if (stat(path, &s) == 0) {
      test_directory(argv[i], argv[i], &n);
      continue;
    }
    int count = scandir(argv[i], &entries, NULL, alphasort);
    for (int k = 0; k < count; k++) {
      if (entries[k]->d_name[0] != '.') {
        snprintf(path, sizeof path, "%s/%s", argv[i], entries[k]->d_name);
        test_directory(path, entries[k]->d_name, &n);
      }
      free(entries[k]);
    }
    free(entries);
  }
  static const char *const made[] = {"model.onnx", "x.npy", "log"};
  for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
    char path[64];
    work_file(path, sizeof path, made[i]);
    unlink(path);
  }
  rmdir(work);
  printf("%d passed, %d failed, %d skipped\n", n.passed, n.failed, n.skipped);
  return n.failed != 0 || n.passed == 0;
}
