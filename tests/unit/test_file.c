/* Modules in files and in memory: formats told by content and extension, companions, failures that leave nothing. */
#include "heap.h"
#include "ir/ir_int.h"
#include "scratch.h"

#include <jansson.h>
#include <sys/stat.h>

static graft_context *context;

static test_heap heap;

static void setup(void) {
  heap = (test_heap){0};
  context = heap_context(&heap);
  scratch_create();
}

static void teardown(void) {
  graft_context_destroy(context);
  ck_assert_uint_eq(heap.live, 0); /* every free named the size that was asked for */
  scratch_destroy();
}

static const char *const small = "# a comment first\n\n"
                                 "graft 1\n"
                                 "tensor %w: f32[3] parameter = [0.5, 1.0, 2.0]\n"
                                 "graph main(%x: f32[2, 3]) {\n"
                                 "  %y = mul(%x, %w): f32[2, 3] from \"layer\"\n"
                                 "  %z = add(%y, 1.5): f32[2, 3]\n"
                                 "  return %z as \"out\"\n"
                                 "}\n";

static graft_module *parse(const char *text, const char *name) {
  return graft_module_load_memory(context, text, strlen(text), name, NULL);
}

static const char *message(void) {
  ck_assert_uint_gt(graft_diagnostic_count(context), 0);
  return graft_diagnostic_get(context, 0).message;
}

static graft_module *with_large_tensor(void) {
  graft_module *m = graft_module_create(context);
  graft_graph *g = graft_graph_create(m, "main");
  float data[100];
  for (int i = 0; i < 100; i++) data[i] = (float)i / 3;
  graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){100});
  graft_value x = graft_input_add(g, "x", &type);
  graft_tensor w = graft_tensor_create(m, "w", GRAFT_PARAMETER, &type, data);
  graft_value y = graft_build(g, "add", (graft_value[]){x, graft_tensor_value(g, w)}, 2, NULL, 0);
  graft_output_add(g, "y", y);
  return m;
}

START_TEST(formats_are_told_by_content) {
  graft_module *m = parse(small, "a");
  ck_assert_ptr_nonnull(m);
  uint64_t hash = graft_module_hash(m);
  static const char *const names[] = {"a.gir", "a.gfb", "a"};
  for (size_t i = 0; i < 3; i++) {
    ck_assert_int_eq(graft_module_save(m, scratch_path(names[i]), GRAFT_FORMAT_AUTO), GRAFT_OK);
    ck_assert_int_eq(rename(scratch_path(names[i]), scratch_path("no.extension")), 0);
    graft_module *again = graft_module_load(context, scratch_path("no.extension"), NULL);
    ck_assert_ptr_nonnull(again);
    ck_assert(graft_module_hash(again) == hash);
    graft_module_destroy(again);
  }
  graft_module_destroy(m);
}
END_TEST

static const struct {
  const char *bytes;
  size_t size;
  const char *message;
} unknown[] = {
    {"", 0, "the file is empty"},
    {"\0", 1, "neither a .gir text"},
    {"hello", 5, "neither a .gir text"},
    {"# only a comment", 16, "neither a .gir text"},
    {"graft", 5, "neither a .gir text"},
    {"graft 1", 7, "the text has no graph"},
    {"graft 1\0graph", 13, "unexpected character"},
    {"\0\0\0\0\0\0\0\0GRFT", 12, ""},
    {"\x08\x07", 2, ""},
};

START_TEST(damaged_files_are_refused) {
  graft_module *m = graft_module_load_memory(context, unknown[_i].bytes, unknown[_i].size, "file", NULL);
  ck_assert_ptr_null(m);
  ck_assert_msg(strstr(message(), unknown[_i].message), "%s", message());
  ck_assert_str_eq(graft_diagnostic_get(context, 0).file, "file");
}
END_TEST

START_TEST(a_missing_file_is_an_error) {
  ck_assert_ptr_null(graft_module_load(context, scratch_path("none.gir"), NULL));
  ck_assert_int_eq(graft_diagnostic_get(context, 0).code, GRAFT_IO);
}
END_TEST

START_TEST(a_format_may_be_asked_for) {
  graft_load_options o = {.size = sizeof o, .format = GRAFT_FORMAT_BINARY};
  ck_assert_ptr_null(graft_module_load_memory(context, small, strlen(small), "a", &o));
  o.format = GRAFT_FORMAT_JSON;
  graft_diagnostics_clear(context);
  ck_assert_ptr_null(graft_module_load_memory(context, small, strlen(small), "a", &o));
  ck_assert_str_eq(message(), "this format can only be written");
}
END_TEST

START_TEST(what_is_loaded_is_verified) {
  const char *inside =
      "graft 1\ngraph main(%x: f32[1]) {\n  %y = \"vendor.op\"(%x) {body: @main}: f32[1]\n  return %y\n}\n";
  ck_assert_ptr_null(parse(inside, "inside"));
  ck_assert_int_eq(graft_diagnostic_get(context, 0).code, GRAFT_VERIFY);
}
END_TEST

START_TEST(large_tensors_stand_in_a_companion) {
  graft_module *m = with_large_tensor();
  ck_assert_int_eq(graft_module_save(m, scratch_path("net.gir"), GRAFT_FORMAT_AUTO), GRAFT_OK);
  ck_assert_int_eq(access(scratch_path("net.safetensors"), R_OK), 0);
  graft_module *again = graft_module_load(context, scratch_path("net.gir"), NULL);
  ck_assert_ptr_nonnull(again);
  ck_assert(graft_module_hash(m) == graft_module_hash(again));
  ck_assert_mem_eq(graft_tensor_get_data(again, 0), graft_tensor_get_data(m, 0), 400);
  /* Saved over its own files: what was read is no longer needed. */
  ck_assert_int_eq(graft_module_save(again, scratch_path("net.gir"), GRAFT_FORMAT_AUTO), GRAFT_OK);
  graft_module_destroy(again);
  graft_module_destroy(m);
}
END_TEST

START_TEST(in_memory_large_tensors_are_elided) {
  graft_module *m = with_large_tensor();
  char *text;
  size_t size;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_TEXT, &text, &size), GRAFT_OK);
  graft_module *again = graft_module_load_memory(context, text, size, "a", NULL);
  ck_assert_ptr_nonnull(again);
  ck_assert_ptr_null(graft_tensor_get_data(again, 0));
  char *second;
  size_t second_size;
  ck_assert_int_eq(graft_module_print(again, GRAFT_FORMAT_TEXT, &second, &second_size), GRAFT_OK);
  ck_assert_uint_eq(size, second_size);
  ck_assert_mem_eq(text, second, size);
  graft_free(context, second, second_size);
  graft_free(context, text, size);
  graft_module_destroy(again);
  graft_module_destroy(m);
}
END_TEST

START_TEST(a_text_from_memory_has_no_companion) {
  graft_module *m = with_large_tensor();
  ck_assert_int_eq(graft_module_save(m, scratch_path("a.gir"), GRAFT_FORMAT_AUTO), GRAFT_OK);
  const char *text = "graft 1\ntensor %w: f32[100] parameter = file(\"a.safetensors\")\n"
                     "graph main() {\n  return %w\n}\n";
  const char *names[] = {"", "a.gir", scratch_path("a.gir")}; /* a name is what diagnostics call it, no place */
  for (size_t i = 0; i < 3; i++) {
    ck_assert_ptr_null(parse(text, names[i]));
    ck_assert_msg(strstr(message(), "no other file is opened"), "%s", message());
    graft_diagnostics_clear(context);
  }
  const graft_load_options o = {.size = sizeof o, .folder = scratch_directory};
  graft_module *again = graft_module_load_memory(context, text, strlen(text), "text", &o);
  ck_assert_ptr_nonnull(again);
  ck_assert_mem_eq(graft_tensor_get_data(again, 0), graft_tensor_get_data(m, 0), 400);
  graft_module_destroy(again);
  graft_module_destroy(m);
}
END_TEST

START_TEST(a_failed_save_leaves_nothing) {
  graft_module *m = with_large_tensor();
  ck_assert_int_ne(graft_module_save(m, scratch_path("none/net.gir"), GRAFT_FORMAT_AUTO), GRAFT_OK);
  ck_assert_int_ne(graft_module_save(m, scratch_path("none/net.onnx"), GRAFT_FORMAT_AUTO), GRAFT_OK);
  ck_assert_int_eq(mkdir(scratch_path("net.safetensors"), 0777), 0); /* the companion cannot be written */
  ck_assert_int_ne(graft_module_save(m, scratch_path("net.gir"), GRAFT_FORMAT_AUTO), GRAFT_OK);
  ck_assert_int_eq(rmdir(scratch_path("net.safetensors")), 0);
  graft_module_destroy(m);
  ck_assert_uint_eq(scratch_destroy(), 0);
  scratch_create();
}
END_TEST

START_TEST(a_device_is_written_in_place) {
  graft_module *m = with_large_tensor();
  ck_assert_int_eq(graft_module_save(m, "/dev/null", GRAFT_FORMAT_TEXT), GRAFT_OK);
  ck_assert_int_ne(access("/dev/null.safetensors", F_OK), 0);
  graft_module_destroy(m);
}
END_TEST

/* Every allocation of load, print and save fails once: an error and nothing left behind. */
static void fail_everywhere(const char *text, graft_format format) {
  for (uint64_t at = 1; at < 5000; at++) {
    graft_module *m = parse(text, "a");
    ck_assert_ptr_nonnull(m);
    graft_module_destroy(m);
    heap_fail(&heap, at, false);
    char *bytes = NULL;
    size_t size = 0;
    m = parse(text, "a");
    bool done = m && graft_module_print(m, format, &bytes, &size) == GRAFT_OK;
    const bool reached = heap_fail(&heap, 0, false) >= at;
    ck_assert_msg(done != reached || done, "call %u", (unsigned)at);
    if (!done) ck_assert(graft_context_has_errors(context));
    graft_free(context, bytes, size);
    graft_module_destroy(m);
    graft_diagnostics_clear(context);
    if (!reached) return;
  }
  ck_abort_msg("too many allocations");
}

START_TEST(no_memory_is_an_error) {
  const char *text = "graft 1\n"
                     "tensor %\"a \\x41\": f32[2] parameter = [1, 2]\n"
                     "record 1 = pass \"p\" rule \"r\"\n"
                     "graph main(%x: f32[2] ~1) {\n"
                     "  spec 1 = spec {observer: \"min_max\"}\n"
                     "  spec 2 = shared(%y_20[0])\n"
                     "  %y_20 = mul(%x ~2, %\"a A\") from 1\n"
                     "  %z, %_ = \"op\"(%y_20, 2.5, 3: i64) {a: [1], b: [2.5], c: \"s\", g: @other}\n"
                     "  return %z\n"
                     "}\n"
                     "graph other() {\n  return\n}\n";
  fail_everywhere(text, GRAFT_FORMAT_TEXT);
  fail_everywhere(text, GRAFT_FORMAT_DOT);
}
END_TEST

START_TEST(json_says_what_scripts_need) {
  const char *text = "graft 1\n"
                     "tensor %\"w\\xff\": f32[2] parameter = [1, 2]\n"
                     "tensor %s: f32[2] constant = [0.5, 0.25]\n"
                     "tensor %z: i32[2] constant = [0, 0]\n"
                     "graph main(%x: f32[?, 2]) {\n"
                     "  %q = quantize_per_tensor(%x, 0.05, 3: i32)\n"
                     "  %d = dequantize_per_tensor(%q, 0.05, 3: i32)\n"
                     "  %c = quantize_per_channel(%\"w\\xff\", %s, %z)\n"
                     "  %l = clamp(%d, _, 6.0)\n"
                     "  %h = hardtanh(%l) {min_val: -inf, max_val: 0.1}\n"
                     "  return %h as \"y\", %c\n"
                     "}\n";
  graft_module *m = parse(text, "a");
  ck_assert_ptr_nonnull(m);
  char *bytes;
  size_t size;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_JSON, &bytes, &size), GRAFT_OK);
  json_t *root = json_loadb(bytes, size, 0, NULL), *graph = json_array_get(json_object_get(root, "graphs"), 0);
  ck_assert_ptr_nonnull(graph);
  json_t *nodes = json_object_get(graph, "nodes"), *q = json_array_get(nodes, 0), *c = json_array_get(nodes, 2);
  json_t *attrs = json_object_get(q, "attrs");
  ck_assert_str_eq(json_string_value(json_object_get(q, "op")), "quantize_per_tensor");
  ck_assert(json_real_value(json_object_get(attrs, "scale")) == 0.05);
  ck_assert_int_eq(json_integer_value(json_object_get(attrs, "zero_point")), 3);
  ck_assert_int_eq(json_integer_value(json_object_get(attrs, "quant_min")), -128);
  ck_assert_str_eq(json_string_value(json_object_get(attrs, "dtype")), "i8");
  ck_assert_str_eq(json_string_value(json_array_get(json_object_get(c, "inputs"), 0)), "w\\xff");
  ck_assert_str_eq(json_string_value(json_array_get(json_object_get(c, "inputs"), 1)), "s");
  ck_assert_ptr_null(json_object_get(json_object_get(c, "attrs"), "scale"));
  ck_assert(json_is_null(json_array_get(json_object_get(json_array_get(nodes, 3), "inputs"), 1)));
  attrs = json_object_get(json_array_get(nodes, 4), "attrs");
  ck_assert_str_eq(json_string_value(json_object_get(attrs, "min_val")), "-inf");
  ck_assert_ptr_nonnull(strstr(bytes, "\"max_val\":0.1}"));
  json_t *shape = json_object_get(json_array_get(json_object_get(q, "results"), 0), "shape");
  ck_assert_int_eq(json_integer_value(json_array_get(shape, 0)), -1);
  ck_assert_str_eq(json_string_value(json_array_get(json_object_get(graph, "output_names"), 0)), "y");
  json_decref(root);
  graft_free(context, bytes, size);
  graft_module_destroy(m);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("file");
  TCase *tests = tcase_create("file");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, formats_are_told_by_content);
  tcase_add_loop_test(tests, damaged_files_are_refused, 0, (int)(sizeof unknown / sizeof *unknown));
  tcase_add_test(tests, a_missing_file_is_an_error);
  tcase_add_test(tests, a_format_may_be_asked_for);
  tcase_add_test(tests, what_is_loaded_is_verified);
  tcase_add_test(tests, large_tensors_stand_in_a_companion);
  tcase_add_test(tests, in_memory_large_tensors_are_elided);
  tcase_add_test(tests, a_text_from_memory_has_no_companion);
  tcase_add_test(tests, a_failed_save_leaves_nothing);
  tcase_add_test(tests, a_device_is_written_in_place);
  tcase_add_test(tests, no_memory_is_an_error);
  tcase_add_test(tests, json_says_what_scripts_need);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
