/* State files: what is saved, what is loaded, what is said where the two differ, and that a failure changes nothing. */
#include "heap.h"
#include "ir/inspect.h"
#include "ir/ir_int.h"
#include "ir/state.h"
#include "scratch.h"

#include <jansson.h>
#include <math.h>

static test_heap heap;

/* Jansson's allocator is global state, which only a test may set. */
static void *allocate_for_jansson(size_t size) { return heap_refuses(&heap) ? NULL : malloc(size); }

static graft_context *context;

static void setup(void) {
  memset(&heap, 0, sizeof heap);
  context = heap_context(&heap);
  scratch_create();
}

static void teardown(void) {
  scratch_destroy();
  graft_context_destroy(context);
  ck_assert_uint_eq(heap.live, 0);
}

/* A conv and its batch norm as version 2 calls them, a float constant, constants that are none of the state, a weight
 * in integers with its scales, and a large tensor. */
static const char network[] =
    "graft 1\n"
    "tensor %conv.weight: f32[2, 1, 1, 1] parameter = [0.5, -0.25]\n"
    "tensor %conv.bn.weight: f32[2] parameter = [1.0, 2.0]\n"
    "tensor %conv.bn.bias: f32[2] parameter = [0.0, 0.0]\n"
    "tensor %conv.bn.running_mean: f32[2] buffer = [0.0, 0.0]\n"
    "tensor %conv.bn.running_var: f32[2] buffer = [1.0, 1.0]\n"
    "tensor %conv.bn.num_batches_tracked: i64[] buffer = 7\n"
    "tensor %norm.weight: f32[1] constant = [1.0]\n"
    "tensor %shape: i64[2] constant = [-1, 2]\n"
    "tensor %fc.weight: i8[2, 2] constant = [1, 2, 3, 4]\n"
    "tensor %fc.scale: f32[2] constant = [0.5, 0.25]\n"
    "tensor %fc.zero_point: i32[2] constant = [0, 0]\n"
    "tensor %big: f32[600] buffer = fill(\"big\", -1.0, 1.0)\n"
    "graph main(%x: f32[2, 1, 2, 2]) {\n"
    "  %c = conv2d(%x, %conv.weight): f32[2, 2, 2, 2]\n"
    "  %n = batch_norm(%c, %conv.bn.weight, %conv.bn.bias, %conv.bn.running_mean, %conv.bn.running_var, "
    "%conv.bn.num_batches_tracked): f32[2, 2, 2, 2]\n"
    "  %m = mul(%n, %norm.weight): f32[2, 2, 2, 2]\n"
    "  %h = mul(%m, 2.0): f32[2, 2, 2, 2]\n"
    "  %r = reshape(%h, %shape): f32[8, 2]\n"
    "  %w = dequantize_per_channel(%fc.weight, %fc.scale, %fc.zero_point): f32[2, 2]\n"
    "  %y = linear(%r, %w): f32[8, 2]\n"
    "  return %y, %big\n"
    "}\n";

static graft_module *parse(const char *text) {
  graft_module *m = graft_module_load_memory(context, text, strlen(text), "network", NULL);
  ck_assert_ptr_nonnull(m);
  return m;
}

static float floats(graft_module *m, const char *name, int index) {
  const float *data = graft_tensor_get_data(m, graft_tensor_find(m, name));
  ck_assert_ptr_nonnull(data);
  return data[index];
}

/* Every diagnostic, a line each. */
static const char *said(void) {
  static char all[16384];
  char text[4096];
  all[0] = '\0';
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++) {
    graft_diagnostic d = graft_diagnostic_get(context, i);
    graft_diagnostic_format(&d, text, sizeof text);
    snprintf(all + strlen(all), sizeof all - strlen(all), "%s\n", text);
  }
  return all;
}

/* ---- files, made here ---- */

typedef struct file {
  char bytes[32768];
  char header[16384], data[8192];
  size_t data_size;
} file;

static void file_begin(file *f) { *f = (file){.header = ""}; }

static void file_add(file *f, const char *key, const char *dtype, const char *shape, const void *data, size_t size) {
  const size_t at = strlen(f->header);
  snprintf(f->header + at, sizeof f->header - at, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
           at ? "," : "", key, dtype, shape, f->data_size, f->data_size + size);
  memcpy(f->data + f->data_size, data, size);
  f->data_size += size;
}

static void file_floats(file *f, const char *key, float first, float second) {
  file_add(f, key, "F32", "[2]", (float[]){first, second}, 8);
}

static graft_status load(file *f, graft_module *m, const graft_state_options *o) {
  const uint64_t length = strlen(f->header) + 2;
  memcpy(f->bytes, &length, 8);
  snprintf(f->bytes + 8, sizeof f->bytes - 8, "{%s}", f->header);
  memcpy(f->bytes + 8 + length, f->data, f->data_size);
  graft_diagnostics_clear(context);
  const graft_status status =
      graft_state_load_memory(m, f->bytes, 8 + (size_t)length + f->data_size, "a.safetensors", o);
  ck_assert((status == GRAFT_OK) != graft_context_has_errors(context));
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  return status;
}

/* Nothing of the module may have changed, and the message must say this. */
static void refused(file *f, const graft_state_options *o, graft_status status, const char *what) {
  graft_module *m = parse(network);
  const uint64_t before = graft_module_hash(m);
  ck_assert_msg(load(f, m, o) == status, "%s\n%s", f->header, said());
  ck_assert_msg(strstr(said(), what) != NULL, "'%s' lacks '%s'", said(), what);
  ck_assert(graft_module_hash(m) == before);
  graft_module_destroy(m);
}

static const graft_state_options partial = {.size = sizeof partial, .partial = true};

/* ---- tests ---- */

START_TEST(a_saved_state_loads_into_the_same_network) {
  graft_module *m = parse(network), *other = parse(network);
  const char *path = scratch_path("a.safetensors");
  const uint64_t hash = graft_module_hash(m);
  for (graft_tensor t = graft_tensor_first(other); t != GRAFT_NONE;
       t = graft_tensor_next(other, t)) { /* all of it is made another, but for the shape */
    graft_type type = graft_tensor_get_type(other, t);
    if (type.rank == 0 || t == graft_tensor_find(other, "shape")) continue;
    memset(gr_tensor_write(other, t), 1, gr_tensor_bytes(other, t));
  }
  ck_assert(graft_module_hash(other) != hash);
  ck_assert_int_eq(graft_state_save(m, path, NULL), GRAFT_OK);
  ck_assert_int_eq(graft_state_load(other, path, NULL), GRAFT_OK);
  ck_assert_str_eq(said(), "");
  ck_assert(graft_module_hash(other) == hash);
  ck_assert_int_eq(graft_state_load(other, path, &(graft_state_options){.size = sizeof partial, .map = true}),
                   GRAFT_OK);
  ck_assert(graft_module_hash(other) == hash);
  graft_module_destroy(m);
  graft_module_destroy(other);
}
END_TEST

/* Scalars of the graph and its shapes are not in the file; what was learned, counted and calibrated is. */
START_TEST(the_state_is_what_was_learned) {
  graft_module *m = parse(network);
  const char *path = scratch_path("a.safetensors");
  ck_assert_int_eq(graft_state_save(m, path, NULL), GRAFT_OK);
  char text[8192] = "";
  FILE *f = fopen(path, "rb");
  ck_assert(f && fread(text, 1, sizeof text, f) > 0);
  fclose(f);
  static const char *const keys[] = {"conv.weight",
                                     "conv.bn.running_var",
                                     "conv.bn.num_batches_tracked",
                                     "norm.weight",
                                     "fc.weight",
                                     "fc.scale",
                                     "fc.zero_point",
                                     "big"};
  json_t *header =
      json_loadb(text + 8, (unsigned char)text[8 - 8] + 256u * (unsigned char)text[1], JSON_DISABLE_EOF_CHECK, NULL);
  ck_assert_uint_eq(json_object_size(header), 11);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) ck_assert_ptr_nonnull(json_object_get(header, keys[i]));
  json_decref(header);
  graft_module_destroy(m);
}
END_TEST

START_TEST(version_1_loads_into_version_2) {
  file f;
  file_begin(&f);
  graft_module *m = parse(network);
  file_floats(&f, "conv.gamma", 3, 4);
  file_floats(&f, "conv.beta", 5, 6);
  file_floats(&f, "conv.running_mean", 7, 8);
  file_floats(&f, "conv.running_var", 9, 10);
  file_add(&f, "conv.num_batches_tracked", "I64", "[]", (int64_t[]){12}, 8);
  ck_assert_int_eq(load(&f, m, &partial), GRAFT_OK);
  ck_assert(floats(m, "conv.bn.weight", 1) == 4 && floats(m, "conv.bn.bias", 0) == 5);
  ck_assert(floats(m, "conv.bn.running_mean", 0) == 7 && floats(m, "conv.bn.running_var", 1) == 10);
  ck_assert_int_eq(*(const int64_t *)graft_tensor_get_data(m, graft_tensor_find(m, "conv.bn.num_batches_tracked")), 12);
  ck_assert_ptr_null(strstr(said(), "unexpected"));
  graft_module_destroy(m);
  file_floats(&f, "conv.bn.bias", 0, 0);
  refused(&f, &partial, GRAFT_NAME, "conv.beta and conv.bn.bias are both of tensor conv.bn.bias");
}
END_TEST

/* A whole network may be one such module: its keys have no name before them. */
START_TEST(the_module_may_have_no_name) {
  file f;
  file_begin(&f);
  file_floats(&f, "gamma", 3, 4);
  graft_module *m = parse("graft 1\ntensor %bn.weight: f32[2] parameter = [1.0, 1.0]\ngraph main() {\n"
                          "  return %bn.weight\n}\n");
  ck_assert_int_eq(load(&f, m, NULL), GRAFT_OK);
  ck_assert(floats(m, "bn.weight", 1) == 4);
  graft_module_destroy(m);
}
END_TEST

START_TEST(all_missing_and_unexpected_keys_are_listed) {
  file f;
  file_begin(&f);
  file_floats(&f, "conv.bn.weight", 3, 4);
  file_floats(&f, "extra", 0, 0);
  file_floats(&f, "conv.more", 0, 0);
  refused(&f, NULL, GRAFT_NAME,
          "8 keys are missing: conv.weight, conv.bn.bias, conv.bn.running_mean, conv.bn.running_var, fc.weight, "
          "fc.scale, fc.zero_point, big\n");
  ck_assert_ptr_nonnull(strstr(said(), "error: 2 keys are unexpected: extra, conv.more\n"));
  graft_module *m = parse(network);
  ck_assert_int_eq(load(&f, m, &partial), GRAFT_OK);
  ck_assert_ptr_nonnull(strstr(said(), "warning: 2 keys are unexpected: extra, conv.more\n"));
  ck_assert(floats(m, "conv.bn.weight", 0) == 3 && floats(m, "conv.bn.bias", 0) == 0);
  graft_module_destroy(m);
}
END_TEST

START_TEST(many_keys_are_counted) {
  file f;
  file_begin(&f);
  for (int i = 0; i < 100; i++) {
    char key[64];
    snprintf(key, sizeof key, "a_rather_long_name_of_a_module.%d", i);
    file_add(&f, key, "U8", "[0]", "", 0);
  }
  refused(&f, &partial, GRAFT_OK, "warning: 100 keys are unexpected: a_rather_long_name_of_a_module.0, ");
  ck_assert_ptr_nonnull(strstr(said(), " more\n"));
}
END_TEST

START_TEST(shapes_and_dtypes_are_checked) {
  static const struct {
    const char *key, *dtype, *shape;
    size_t size;
    const char *what;
  } cases[] = {
      {"conv.bn.weight", "F32", "[3]", 12, "conv.bn.weight: the file has f32[3], the module f32[2]"},
      {"conv.bn.weight", "F32", "[2,1]", 8, "conv.bn.weight: the file has f32[2, 1], the module f32[2]"},
      {"conv.bn.weight", "F32", "[]", 4, "conv.bn.weight: the file has f32[], the module f32[2]"},
      {"conv.bn.weight", "I32", "[2]", 8, "conv.bn.weight: the file has i32[2], the module f32[2]"},
      {"conv.bn.num_batches_tracked", "F32", "[]", 4, "num_batches_tracked: the file has f32[], the module i64[]"},
      {"conv.bn.num_batches_tracked", "BOOL", "[]", 1, "num_batches_tracked: the file has bool[], the module i64[]"},
      {"conv.gamma", "F32", "[3]", 12, "conv.bn.weight: the file has f32[3], the module f32[2]"},
      {"shape", "I64", "[2]", 16, "shape: the file has other elements than the module"},
      {"fc.weight", "I16", "[2,2]", 8, "element 0 of the file's i16 does not fit the module's i8"},
      {"fc.zero_point", "U64", "[2]", 16, "element 0 of the file's u64 does not fit the module's i32"},
  };
  char data[64];
  memset(data, 0xff, sizeof data);
  data[0] = '\1';
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    file f;
    file_begin(&f);
    file_floats(&f, "conv.bn.bias", 9, 9); /* which would fit */
    file_add(&f, cases[i].key, cases[i].dtype, cases[i].shape, data, cases[i].size);
    refused(&f, &partial, GRAFT_TYPE, cases[i].what);
  }
}
END_TEST

START_TEST(wrong_tensors_are_counted) {
  char text[8192] = "graft 1\n";
  file f;
  file_begin(&f);
  for (int i = 0; i < 40; i++) {
    char key[16];
    snprintf(key, sizeof key, "t.%d", i);
    snprintf(text + strlen(text), sizeof text - strlen(text), "tensor %%t.%d: f32[2] parameter = [1.0, 1.0]\n", i);
    file_add(&f, key, "F32", "[1]", "\0\0\0\0", 4);
  }
  strcat(text, "graph main() {\n  return\n}\n");
  graft_module *m = parse(text);
  ck_assert_int_eq(load(&f, m, NULL), GRAFT_TYPE);
  ck_assert_uint_eq(graft_diagnostic_count(context), 17);
  ck_assert_ptr_nonnull(strstr(said(), "and 24 more tensors do not fit"));
  graft_module_destroy(m);
}
END_TEST

START_TEST(floats_are_cast_and_integers_fit) {
  file f;
  file_begin(&f);
  file_add(&f, "conv.bn.weight", "F64", "[2]", (double[]){0.1, 1e300}, 16);
  file_add(&f, "conv.bn.bias", "F16", "[2]", (uint16_t[]){0x3c00, 0xc000}, 4);
  file_add(&f, "conv.bn.running_mean", "BF16", "[2]", (uint16_t[]){0x3f80, 0xbf00}, 4);
  file_add(&f, "fc.zero_point", "I64", "[2]", (int64_t[]){-3, 4}, 16);
  file_add(&f, "conv.bn.num_batches_tracked", "I32", "[1]", (int32_t[]){5}, 4); /* an old scalar has an axis */
  graft_module *m = parse(network);
  ck_assert_int_eq(load(&f, m, &partial), GRAFT_OK);
  ck_assert_msg(strstr(said(), "warning: 3 tensors are cast: conv.bn.weight (f64 to f32), conv.bn.bias (f16 to f32), "
                               "conv.bn.running_mean (bf16 to f32)\n") != NULL,
                "%s", said());
  ck_assert(floats(m, "conv.bn.weight", 0) == 0.1F && isinf(floats(m, "conv.bn.weight", 1)));
  ck_assert(floats(m, "conv.bn.bias", 0) == 1 && floats(m, "conv.bn.bias", 1) == -2);
  ck_assert(floats(m, "conv.bn.running_mean", 0) == 1 && floats(m, "conv.bn.running_mean", 1) == -0.5F);
  const int32_t *zero_point = graft_tensor_get_data(m, graft_tensor_find(m, "fc.zero_point"));
  ck_assert(zero_point[0] == -3 && zero_point[1] == 4);
  ck_assert_int_eq(*(const int64_t *)graft_tensor_get_data(m, graft_tensor_find(m, "conv.bn.num_batches_tracked")), 5);
  graft_module_destroy(m);
}
END_TEST

/* A constant that makes shapes is the graph's: the file may have it as it is. */
START_TEST(other_constants_may_be_there_unchanged) {
  file f;
  file_begin(&f);
  file_add(&f, "shape", "I64", "[2]", (int64_t[]){-1, 2}, 16);
  refused(&f, &partial, GRAFT_OK, "keys are missing");
  graft_module *m = parse("graft 1\ntensor %logit_scale: f32[] constant = 1.0\ngraph main() {\n"
                          "  return %logit_scale\n}\n");
  file_begin(&f);
  file_add(&f, "logit_scale", "F32", "[]", (float[]){3}, 4);
  ck_assert_int_eq(load(&f, m, NULL), GRAFT_OK);
  ck_assert(floats(m, "logit_scale", 0) == 3);
  graft_module_destroy(m);
}
END_TEST

START_TEST(a_graph_need_not_count_batches) {
  file f;
  file_begin(&f);
  graft_module *m = parse("graft 1\ntensor %bn.running_mean: f32[1] buffer = [1.0]\ngraph main() {\n"
                          "  return %bn.running_mean\n}\n");
  file_add(&f, "bn.running_mean", "F32", "[1]", (float[]){2}, 4);
  file_add(&f, "bn.num_batches_tracked", "I64", "[]", (int64_t[]){3}, 8);
  ck_assert_int_eq(load(&f, m, NULL), GRAFT_OK);
  ck_assert_str_eq(said(), "a.safetensors: warning: the graph counts no batches, so 1 key is passed over: "
                           "bn.num_batches_tracked\n");
  ck_assert(floats(m, "bn.running_mean", 0) == 2);
  file_add(&f, "other.num_batches_tracked", "I64", "[]", (int64_t[]){3}, 8);
  ck_assert_int_eq(load(&f, m, NULL), GRAFT_NAME);
  graft_module_destroy(m);
}
END_TEST

START_TEST(a_prefix_is_taken_off_and_hinted_at) {
  file f;
  file_begin(&f);
  file_floats(&f, "module.conv.bn.weight", 3, 4);
  refused(&f, NULL, GRAFT_NAME,
          "1 key is unexpected: module.conv.bn.weight; they would not be if 'module.' were the keys' prefix");
  graft_module *m = parse(network);
  graft_state_options o = {.size = sizeof o, .partial = true, .prefix = "module."};
  ck_assert_int_eq(load(&f, m, &o), GRAFT_OK);
  ck_assert(floats(m, "conv.bn.weight", 1) == 4);
  ck_assert_ptr_nonnull(strstr(said(), "missing: module.conv.weight, module.conv.bn.bias"));
  file_floats(&f, "conv.bn.bias", 3, 4);
  ck_assert_int_eq(load(&f, m, &o), GRAFT_OK);
  ck_assert_ptr_nonnull(strstr(said(), "unexpected: conv.bn.bias\n"));
  graft_module_destroy(m);
}
END_TEST

START_TEST(a_part_of_the_network_has_a_state) {
  graft_module *m = parse(network), *other = parse(network);
  graft_state_options bn = {.size = sizeof bn, .module = "conv.bn"},
                      renamed = {.size = sizeof bn, .prefix = "conv.bn."};
  const char *path = scratch_path("a.safetensors");
  *(float *)gr_tensor_write(m, graft_tensor_find(m, "conv.bn.weight")) = 5;
  *(float *)gr_tensor_write(m, graft_tensor_find(m, "conv.weight")) = 5;
  ck_assert_int_eq(graft_state_save(m, path, &bn), GRAFT_OK);
  ck_assert_int_eq(graft_state_load(other, path, &bn), GRAFT_OK);
  ck_assert(floats(other, "conv.bn.weight", 0) == 5 && floats(other, "conv.weight", 0) == 0.5F);
  /* The same keys, made by a prefix and the other way round. */
  graft_module *alone =
      parse("graft 1\ntensor %weight: f32[2] parameter = [1.0, 1.0]\ntensor %bias: f32[2] parameter = "
            "[1.0, 1.0]\ntensor %running_mean: f32[2] buffer = [1.0, 1.0]\ntensor %running_var: f32[2] "
            "buffer = [1.0, 1.0]\ntensor %num_batches_tracked: i64[] buffer = 1\ngraph main() {\n  "
            "return\n}\n");
  ck_assert_int_eq(graft_state_load(alone, path, NULL), GRAFT_OK);
  ck_assert(floats(alone, "weight", 0) == 5);
  ck_assert_int_eq(graft_state_save(alone, path, &renamed), GRAFT_OK);
  ck_assert_int_eq(graft_state_load(other, path, NULL), GRAFT_NAME);
  ck_assert_ptr_null(strstr(said(), "unexpected"));
  ck_assert_int_eq(graft_state_load(alone, path, &renamed), GRAFT_OK);
  graft_module_destroy(m);
  graft_module_destroy(other);
  graft_module_destroy(alone);
}
END_TEST

START_TEST(wrong_calls_are_errors) {
  graft_module *m = parse(network);
  const graft_state_options no_size = {.size = 0};
  ck_assert_int_eq(graft_state_load(m, NULL, NULL), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_state_save(m, NULL, NULL), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_state_load(m, "a", &no_size), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_state_save(m, "a", &no_size), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_state_load_memory(m, NULL, 3, NULL, NULL), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_state_load_memory(m, NULL, 0, NULL, NULL), GRAFT_FORMAT);
  ck_assert_int_eq(graft_state_load(m, scratch_path("none"), NULL), GRAFT_IO);
  ck_assert_int_eq(graft_state_save(m, scratch_path("a.pth"), NULL), GRAFT_UNSUPPORTED);
  graft_module_destroy(m);
  ck_assert_uint_eq(scratch_destroy(), 0);
  scratch_create();
}
END_TEST

/* ---- every allocation fails, once and for good ---- */

static uint64_t calls_of_load;

/* What the module is afterwards must be all of it or nothing. */
static graft_status load_failing(const char *path, uint64_t fail_at, bool forever, uint64_t before, uint64_t after) {
  graft_diagnostics_clear(context);
  graft_module *m = parse(network);
  heap_fail(&heap, fail_at, forever);
  const graft_status status = graft_state_load(m, path, NULL);
  const uint64_t calls = heap_fail(&heap, 0, false);
  ck_assert_msg((status != GRAFT_OK) == graft_context_has_errors(context), "allocation %d: %s", (int)fail_at, said());
  ck_assert_msg(graft_module_hash(m) == (status ? before : after), "allocation %d: half a state", (int)fail_at);
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  graft_module_destroy(m);
  if (calls_of_load < calls) calls_of_load = calls;
  return status;
}

START_TEST(all_or_nothing_without_memory) {
  graft_module *m = parse(network);
  const char *path = scratch_path("a.safetensors");
  const uint64_t before = graft_module_hash(m);
  memset(gr_tensor_write(m, graft_tensor_find(m, "conv.weight")), 1, 8);
  memset(gr_tensor_write(m, graft_tensor_find(m, "big")), 1, 2400);
  const uint64_t after = graft_module_hash(m);
  ck_assert_int_eq(graft_state_save(m, path, NULL), GRAFT_OK);
  graft_module_destroy(m);
  ck_assert_int_eq(load_failing(path, 0, false, before, after), GRAFT_OK);
  const uint64_t calls = calls_of_load;
  uint64_t failures = 0;
  for (uint64_t n = 1; n <= calls; n++)
    for (int forever = 0; forever < 2; forever++) failures += load_failing(path, n, forever, before, after) != GRAFT_OK;
  ck_assert_uint_gt(failures, 20);
}
END_TEST

START_TEST(a_state_is_saved_whole_or_not_at_all) {
  graft_module *m = parse(network);
  const char *path = scratch_path("a.safetensors");
  heap_fail(&heap, 0, false);
  ck_assert_int_eq(graft_state_save(m, path, NULL), GRAFT_OK);
  const uint64_t calls = heap.calls;
  for (uint64_t n = 2; n < 2 * calls + 2; n++) { /* each once and for good */
    unlink(path);
    graft_diagnostics_clear(context);
    heap_fail(&heap, n / 2, n % 2);
    const graft_status status = graft_state_save(m, path, NULL);
    heap_fail(&heap, 0, false);
    ck_assert((status != GRAFT_OK) == graft_context_has_errors(context));
    ck_assert((status == GRAFT_OK) == (access(path, R_OK) == 0));
    if (status == GRAFT_OK) ck_assert_int_eq(graft_state_load(m, path, NULL), GRAFT_OK);
  }
  graft_module_destroy(m);
}
END_TEST

int main(void) {
  json_set_alloc_funcs(allocate_for_jansson, free);
  Suite *suite = suite_create("state");
  TCase *c = tcase_create("state");
  tcase_set_timeout(c, 120);
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, a_saved_state_loads_into_the_same_network);
  tcase_add_test(c, the_state_is_what_was_learned);
  tcase_add_test(c, version_1_loads_into_version_2);
  tcase_add_test(c, the_module_may_have_no_name);
  tcase_add_test(c, all_missing_and_unexpected_keys_are_listed);
  tcase_add_test(c, many_keys_are_counted);
  tcase_add_test(c, shapes_and_dtypes_are_checked);
  tcase_add_test(c, wrong_tensors_are_counted);
  tcase_add_test(c, floats_are_cast_and_integers_fit);
  tcase_add_test(c, other_constants_may_be_there_unchanged);
  tcase_add_test(c, a_graph_need_not_count_batches);
  tcase_add_test(c, a_prefix_is_taken_off_and_hinted_at);
  tcase_add_test(c, a_part_of_the_network_has_a_state);
  tcase_add_test(c, wrong_calls_are_errors);
  tcase_add_test(c, all_or_nothing_without_memory);
  tcase_add_test(c, a_state_is_saved_whole_or_not_at_all);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
