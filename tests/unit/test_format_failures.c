/* Every allocation of each reader and writer fails once, Jansson's too. A writer then gives exactly the right bytes, or
 * an error and no file; a reader the right module, or none and an error; nothing leaks, and no error stands beside
 * GRAFT_OK. */
#include "heap.h"
#include "ir/formats/npy_int.h"
#include "ir/formats/safetensors_int.h"
#include "ir/inspect.h"
#include "scratch.h"

#include <jansson.h>

static test_heap heap;

/* Jansson's allocator is global state, which only a test may set. */
static void *allocate_for_jansson(size_t size) { return heap_refuses(&heap) ? NULL : malloc(size); }

/* Tensors in every form, names of every kind, two graphs, specs, records, marks, updates. */
static const char network[] =
    "graft 1\n"
    "tensor %w: f32[2, 2, 1, 1] parameter = [0.5, -0.25, 0.125, 1e-20]\n"
    "tensor %\"odd name\xc3\xa9\": f64[3] constant = [0.1, inf, nan]\n"
    "tensor %fc.weight: f32[3, 2] parameter = fill(\"fc.weight\", -0.5, 0.5)\n"
    "tensor %big: i64[70] constant = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, "
    "23,"
    " 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, "
    "52,"
    " 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70]\n"
    "tensor %flags: bool[66] buffer = [true, false, true, false, true, false, true, false, true, false, true, false, "
    "true,"
    " false, true, false, true, false, true, false, true, false, true, false, true, false, true, false, true, false, "
    "true,"
    " false, true, false, true, false, true, false, true, false, true, false, true, false, true, false, true, false, "
    "true,"
    " false, true, false, true, false, true, false, true, false, true, false, true, false, true, false, true, true]\n"
    "record 1 = \"layer\"\n"
    "record 2 = pass \"p\" rule \"r\" from 1 equals \"bn\"\n"
    "graph main(%x: f32[2, 2, 2, 2] ~1) {\n"
    "  spec 1 = spec {dtype: u8, quant_min: 0, quant_max: 255}\n"
    "  spec 2 = shared(%conv[0])\n"
    "  %conv = conv2d(%x ~1, %w) {stride: [1, 1]}: f32[2, 2, 2, 2] ~2 from 2 mark inserted\n"
    "  %q = quantize_per_tensor(%conv, 0.5, 3: i32) {quant_min: 0, quant_max: 255, dtype: u8}: u8[2, 2, 2, 2]\n"
    "  %a_7, _ = \"their.op\"(%q, _, %\"odd name\xc3\xa9\") {f: [0.5, 2], g: @second, s: \"a\\\"b\"}: (?[*], _)\n"
    "  %m = mul(%conv, 3.0): f32[2, 2, 2, 2] from \"mul\"\n"
    "  return %a_7 as \"y\", %m, %big, %flags\n"
    "  update %fc.weight = %fc.weight\n"
    "}\n"
    "graph second() {\n"
    "  return\n"
    "}\n";

static graft_module *network_module(graft_context *c) {
  graft_module *m = graft_module_load_memory(c, network, sizeof network - 1, "network", NULL);
  if (m) { /* names that its string pool does not have are interned while writing */
    graft_type pair = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
    if (graft_tensor_create(m, "last", GRAFT_BUFFER, &pair, (float[]){1, 2}) == GRAFT_NONE) {
      graft_module_destroy(m);
      m = NULL;
    }
  }
  return m;
}

/* ---- writers: each writes `files` in the scratch directory ---- */

typedef struct writer {
  const char *name;
  graft_status (*write)(graft_context *c, graft_module *m);
  const char *files[2];
} writer;

static graft_status save(graft_module *m, const char *file) {
  return graft_module_save(m, scratch_path(file), GRAFT_FORMAT_AUTO);
}

static graft_status save_text(graft_context *c, graft_module *m) { return (void)c, save(m, "a.gir"); }
static graft_status save_gfb(graft_context *c, graft_module *m) { return (void)c, save(m, "a.gfb"); }
static graft_status save_json(graft_context *c, graft_module *m) { return (void)c, save(m, "a.json"); }
static graft_status save_dot(graft_context *c, graft_module *m) { return (void)c, save(m, "a.dot"); }

static graft_status save_inline(graft_context *c, graft_module *m) {
  (void)c;
  graft_save_options o = {.size = sizeof o, .inline_data = true, .no_provenance = true};
  return graft_module_save_with(m, scratch_path("a.gir"), &o);
}

static graft_status save_safetensors(graft_context *c, graft_module *m) {
  (void)c;
  graft_tensor all[8];
  uint32_t n = 0;
  for (graft_tensor t = graft_tensor_first(m); t != GRAFT_NONE; t = graft_tensor_next(m, t))
    if (gr_tensor_type(m, t)->rank > 0) all[n++] = t;
  return gr_safetensors_write(m, scratch_path("a.safetensors"), all, n, NULL);
}

static graft_status save_npy(graft_context *c, graft_module *m) {
  graft_tensor t = graft_tensor_find(m, "w");
  if (t == GRAFT_NONE) return GRAFT_NO_MEMORY;
  graft_type type = graft_tensor_get_type(m, t);
  return gr_npy_write(c, scratch_path("a.npy"), &type, graft_tensor_get_data(m, t));
}

/* What printing into memory gives, in a file written by the test. */
static graft_status print_format(graft_context *c, graft_module *m, graft_format format) {
  char *bytes = NULL;
  size_t size = 0;
  graft_status status = graft_module_print(m, format, &bytes, &size);
  ck_assert((status == GRAFT_OK) == (bytes != NULL));
  if (status) return status;
  FILE *f = fopen(scratch_path("printed"), "wb");
  ck_assert(f && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
  graft_free(c, bytes, size);
  return GRAFT_OK;
}
static graft_status print_text(graft_context *c, graft_module *m) { return print_format(c, m, GRAFT_FORMAT_TEXT); }
static graft_status print_gfb(graft_context *c, graft_module *m) { return print_format(c, m, GRAFT_FORMAT_BINARY); }
static graft_status print_json(graft_context *c, graft_module *m) { return print_format(c, m, GRAFT_FORMAT_JSON); }
static graft_status print_dot(graft_context *c, graft_module *m) { return print_format(c, m, GRAFT_FORMAT_DOT); }

static const writer writers[] = {
    {"text and companion", save_text, {"a.gir", "a.safetensors"}},
    {"text, stable", save_inline, {"a.gir"}},
    {"gfb", save_gfb, {"a.gfb"}},
    {"json", save_json, {"a.json"}},
    {"dot", save_dot, {"a.dot"}},
    {"safetensors", save_safetensors, {"a.safetensors"}},
    {"npy", save_npy, {"a.npy"}},
    {"text in memory", print_text, {"printed"}},
    {"gfb in memory", print_gfb, {"printed"}},
    {"json in memory", print_json, {"printed"}},
    {"dot in memory", print_dot, {"printed"}},
};
#define WRITER_COUNT ((int)(sizeof writers / sizeof *writers))

/* NULL: there is no such file. */
static char *contents(const char *file, size_t *size) {
  *size = 0;
  FILE *f = fopen(scratch_path(file), "rb");
  if (!f) return NULL;
  char *bytes = malloc(1 << 20);
  *size = fread(bytes, 1, 1 << 20, f);
  fclose(f);
  return bytes;
}

static uint64_t calls_of_writer;

/* Writes with allocation `fail_at` failing, counted from the writer's first one. */
static graft_status attempt(const writer *w, uint64_t fail_at, bool forever, bool *errors) {
  heap_fail(&heap, 0, false);
  graft_context *c = heap_context(&heap);
  graft_module *m = network_module(c);
  ck_assert_ptr_nonnull(m);
  heap_fail(&heap, fail_at, forever);
  graft_status status = w->write(c, m);
  calls_of_writer = heap_fail(&heap, 0, false);
  *errors = graft_context_has_errors(c);
  ck_assert_msg(graft_module_verify(m) == GRAFT_OK, "%s, allocation %d: the module is not as before", w->name,
                (int)fail_at);
  graft_module_destroy(m);
  graft_context_destroy(c);
  ck_assert_msg(heap.live == 0, "%s, allocation %d: %zu bytes leak", w->name, (int)fail_at, heap.live);
  return status;
}

START_TEST(a_file_is_right_or_there_is_none) {
  const writer *w = &writers[_i];
  char *right[2] = {NULL, NULL};
  size_t sizes[2] = {0, 0};
  bool errors;
  scratch_create();
  ck_assert_int_eq(attempt(w, 0, false, &errors), GRAFT_OK);
  uint64_t calls = calls_of_writer, failures = 0;
  ck_assert_uint_gt(calls, 0);
  for (int i = 0; i < 2 && w->files[i]; i++) {
    right[i] = contents(w->files[i], &sizes[i]);
    ck_assert_ptr_nonnull(right[i]);
  }
  for (uint64_t k = 2; k < 2 * calls + 2; k++) { /* each once and for good */
    const uint64_t n = k / 2;
    for (int i = 0; i < 2 && w->files[i]; i++) unlink(scratch_path(w->files[i]));
    graft_status status = attempt(w, n, k % 2, &errors);
    ck_assert_msg((status != GRAFT_OK) == errors, "%s, allocation %d: status %d, errors %d", w->name, (int)n, status,
                  errors);
    failures += status != GRAFT_OK;
    for (int i = 0; i < 2 && w->files[i]; i++) {
      size_t size;
      char *bytes = contents(w->files[i], &size);
      ck_assert_msg((status == GRAFT_OK) == (bytes != NULL), "%s, allocation %d: status %d, %s %s", w->name, (int)n,
                    status, w->files[i], bytes ? "is there" : "is not there");
      ck_assert_msg(!bytes || (size == sizes[i] && memcmp(bytes, right[i], size) == 0), "%s, allocation %d: %s differs",
                    w->name, (int)n, w->files[i]);
      free(bytes);
    }
  }
  ck_assert_uint_gt(failures, 0);
  for (int i = 0; i < 2; i++) free(right[i]);
  for (int i = 0; i < 2 && w->files[i]; i++) unlink(scratch_path(w->files[i]));
  ck_assert_uint_eq(scratch_destroy(), 0); /* no temporary file was left */
}
END_TEST

/* ---- readers ---- */

static char *printed(graft_module *m) {
  char *bytes, *text;
  size_t size;
  graft_save_options o = {.size = sizeof o, .inline_data = true};
  if (graft_module_print_with(m, &o, &bytes, &size) != GRAFT_OK) return NULL;
  text = strndup(bytes, size);
  graft_free(graft_module_get_context(m), bytes, size);
  return text;
}

static uint64_t calls_of_reader;

static char *read_file(graft_context *c, const char *path) {
  graft_load_options o = {.size = sizeof o, .check_hashes = true};
  graft_module *m = graft_module_load(c, path, &o);
  if (!m) return NULL;
  calls_of_reader = heap_fail(&heap, 0, false);
  char *text = graft_context_has_errors(c) ? strdup("errors stand beside a module") : printed(m);
  graft_module_destroy(m);
  return text;
}

static char *read_npy(graft_context *c, const char *path) {
  graft_type type;
  gr_buffer *data;
  if (gr_npy_read(c, path, &type, &data) != GRAFT_OK) return NULL;
  char *text = strndup(data->data, data->size);
  gr_buffer_release(c, data);
  return text;
}

static const struct {
  const char *name, *file;
  char *(*read)(graft_context *c, const char *path);
  int writer; /* of the file */
} readers[] = {
    {"text and companion", "a.gir", read_file, 0},
    {"text", "a.gir", read_file, 1},
    {"gfb", "a.gfb", read_file, 2},
    {"npy", "a.npy", read_npy, 6},
};
#define READER_COUNT ((int)(sizeof readers / sizeof *readers))

START_TEST(a_module_is_right_or_there_is_none) {
  bool errors;
  scratch_create();
  ck_assert_int_eq(attempt(&writers[readers[_i].writer], 0, false, &errors), GRAFT_OK);
  char *right = NULL;
  uint64_t calls = 0, failures = 0;
  for (uint64_t k = 0; k < 2 * calls + 2; k++) { /* each once and for good */
    const uint64_t n = k / 2;
    heap_fail(&heap, 0, false);
    graft_context *c = heap_context(&heap);
    calls_of_reader = 0;
    heap_fail(&heap, n, k % 2);
    char *text = readers[_i].read(c, scratch_path(readers[_i].file));
    const uint64_t there = heap_fail(&heap, 0, false);
    if (k == 0) {
      calls = calls_of_reader ? calls_of_reader : there;
      right = text;
      ck_assert_ptr_nonnull(right);
    } else {
      ck_assert_msg(!text == graft_context_has_errors(c), "%s, allocation %d: %s", readers[_i].name, (int)n,
                    text ? "a module and an error" : "no module, no error");
      ck_assert_msg(!text || strcmp(text, right) == 0, "%s, allocation %d: another module\n%s", readers[_i].name,
                    (int)n, text);
      failures += !text;
      free(text);
    }
    graft_context_destroy(c);
    ck_assert_msg(heap.live == 0, "%s, allocation %d: %zu bytes leak", readers[_i].name, (int)n, heap.live);
  }
  ck_assert_uint_gt(failures, 0);
  free(right);
  scratch_destroy();
}
END_TEST

int main(void) {
  json_set_alloc_funcs(allocate_for_jansson, free);
  Suite *suite = suite_create("format failures");
  TCase *c = tcase_create("format failures");
  tcase_set_timeout(c, 120);
  tcase_add_loop_test(c, a_file_is_right_or_there_is_none, 0, WRITER_COUNT);
  tcase_add_loop_test(c, a_module_is_right_or_there_is_none, 0, READER_COUNT);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
