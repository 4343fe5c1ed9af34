/* ONNX files rather than models: external data, the wire format, lack of memory, size. */
#include "ir/formats/file_int.h"
#include "ir/formats/onnx/onnx_impl.h"
#include "ir/inspect.h"

#include "fixture.h"
#include "tests/unit/heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- external data ---- */

static char directory[64];

static void write_data(const char *name, const void *data, size_t size) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *f = fopen(path, "wb");
  ck_assert(f != NULL);
  ck_assert_uint_eq(fwrite(data, 1, size, f), size);
  fclose(f);
}

static void make_directory(void) {
  strcpy(directory, "/tmp/graft-onnx-XXXXXX");
  ck_assert(mkdtemp(directory) != NULL);
  char path[128];
  snprintf(path, sizeof path, "%s/model", directory);
  ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void remove_directory(void) {
  static const char *const names[] = {"/model/link", "/model/w.bin", "/model/m.onnx", "/outside.bin", "/model", ""};
  char path[128];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s%s", directory, names[i]);
    if (unlink(path) != 0) rmdir(path);
  }
}

/* Loads a model with one external initializer of three floats. NULL: a message that holds `part` was left. */
static void load_external(const char *location, const char *offset, const char *length, const char *part) {
  char path[128];
  Onnx__TensorProto *t = new_tensor("w", 1, 1, INTS(3));
  add_external(t, "location", location);
  if (offset) add_external(t, "offset", offset);
  if (length) add_external(t, "length", length);
  add_initializer(g, t);
  add_input(g, "x", 1, 1, INTS(3));
  add_node(g, "Add", "/a", NAMES("x", "w"), NAMES("y"));
  add_untyped_output(g, "y");
  snprintf(path, sizeof path, "%s/model", directory);
  m = model_load(c, proto, path);
  if (!part) {
    ck_assert(m != NULL);
    return;
  }
  ck_assert(m == NULL);
  graft_diagnostic d = graft_diagnostic_get(c, 0);
  ck_assert_msg(strstr(d.message, part) != NULL, "message: %s", d.message);
}

static void setup_external(void) {
  setup();
  make_directory();
  const float values[] = {9, 1, 2, 3, 4};
  write_data("model/w.bin", values, sizeof values);
  write_data("outside.bin", values, sizeof values);
}

static void teardown_external(void) {
  teardown();
  remove_directory();
}

static void check_external(float first) {
  const float *data = graft_tensor_get_data(m, graft_tensor_find(m, "w"));
  for (int i = 0; i < 3; i++) ck_assert_float_eq(data[i], first + (float)i);
}

START_TEST(external_data) {
  load_external("w.bin", "8", "12", NULL);
  check_external(2);
}
END_TEST

START_TEST(external_data_is_read_once) { /* both tensors lie in the same bytes */
  for (int i = 0; i < 2; i++) {
    Onnx__TensorProto *t = new_tensor(i ? "v" : "w", 1, 1, INTS(1));
    add_external(t, "location", "w.bin");
    add_external(t, "offset", i ? "16" : "8");
    add_initializer(g, t);
  }
  add_node(g, "Add", "/a", NAMES("v", "w"), NAMES("y"));
  add_untyped_output(g, "y");
  char path[128];
  snprintf(path, sizeof path, "%s/model", directory);
  m = model_load(c, proto, path);
  ck_assert(m != NULL);
  const float *w = graft_tensor_get_data(m, graft_tensor_find(m, "w")),
              *v = graft_tensor_get_data(m, graft_tensor_find(m, "v"));
  ck_assert(v == w + 2 && *w == 2 && *v == 4);
}
END_TEST

START_TEST(external_data_is_mapped) { /* if the caller wants that */
  enum { N = 100000 };
  float *values = calloc(N, sizeof *values);
  ck_assert(values != NULL);
  values[N - 1] = 7;
  write_data("model/w.bin", values, N * sizeof *values);
  free(values);
  Onnx__TensorProto *t = new_tensor("w", 1, 1, INTS(N));
  add_external(t, "location", "w.bin");
  add_initializer(g, t);
  add_input(g, "x", 1, 1, INTS(N));
  add_node(g, "Add", "/a", NAMES("x", "w"), NAMES("y"));
  add_untyped_output(g, "y");
  size_t size;
  unsigned char *bytes = model_pack(proto, &size);
  char path[128];
  snprintf(path, sizeof path, "%s/model/m.onnx", directory);
  write_data("model/m.onnx", bytes, size);
  free(bytes);
  for (int map = 0; map < 2; map++) {
    m = graft_module_load(c, path, &(graft_load_options){.size = sizeof(graft_load_options), .map = map != 0});
    ck_assert(m != NULL);
    ck_assert_float_eq(((const float *)graft_tensor_get_data(m, 0))[N - 1], 7);
    ck_assert_int_eq(gr_file_mapped(m->tensors.data[0].buffer), map);
    graft_module_destroy(m);
  }
  m = NULL;
}
END_TEST

START_TEST(external_data_misaligned) {
  load_external("w.bin", "4", NULL, NULL);
  check_external(1);
}
END_TEST

/* Aligned tensors are lent the file's bytes; those that lie askew are copied, as many as the file has bytes for. */
START_TEST(external_data_that_tensors_share) {
  enum { N = 1 << 20, COUNT = 100 };
  float *values = calloc(N + 1, sizeof *values);
  ck_assert_ptr_nonnull(values);
  write_data("model/w.bin", values, (N + 1) * sizeof *values);
  free(values);
  for (int i = 0; i < COUNT; i++) {
    char name[16];
    snprintf(name, sizeof name, "w%d", i);
    Onnx__TensorProto *t = new_tensor(name, 1, 1, INTS(N));
    add_external(t, "location", i % 2 ? "w.bin" : "./w.bin");
    add_external(t, "offset", _i ? "1" : i % 3 ? "4" : "0");
    add_initializer(g, t);
    add_node(g, "Relu", name, NAMES(name), NAMES(i ? name + 1 : "y"));
  }
  add_untyped_output(g, "y");
  char path[128];
  snprintf(path, sizeof path, "%s/model", directory);
  m = model_load(c, proto, path);
  ck_assert_int_eq(m != NULL, _i == 0);
  if (_i) ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(c, 0).message, "more than a file of this size"));
}
END_TEST

START_TEST(external_data_beyond_the_end) { load_external("w.bin", "12", "12", "beyond the end"); }
END_TEST
START_TEST(external_data_huge_offset) { load_external("w.bin", "18446744073709551615", "12", "external"); }
END_TEST
START_TEST(external_data_of_another_length) { load_external("w.bin", "0", "8", "needs 12 bytes"); }
END_TEST
START_TEST(external_data_offset_no_number) { load_external("w.bin", "-4", "12", "no number"); }
END_TEST
START_TEST(external_data_missing) { load_external("none.bin", NULL, NULL, "cannot be opened"); }
END_TEST
START_TEST(external_data_outside) {
  load_external("../outside.bin", NULL, NULL, "lies outside the folder of the file");
}
END_TEST
START_TEST(external_data_absolute) { load_external("/etc/passwd", NULL, NULL, "lies outside"); }
END_TEST
START_TEST(external_data_is_a_directory) { load_external(".", NULL, NULL, "is no regular file"); }
END_TEST

START_TEST(external_data_through_a_link) {
  char path[128];
  snprintf(path, sizeof path, "%s/model/link", directory);
  ck_assert_int_eq(symlink("../outside.bin", path), 0);
  load_external("link", NULL, NULL, "lies outside the folder of the file");
}
END_TEST

START_TEST(external_data_without_a_directory) {
  Onnx__TensorProto *t = new_tensor("w", 1, 1, INTS(3));
  add_external(t, "location", "w.bin");
  add_initializer(g, t);
  load_fails("", "no other file is opened");
}
END_TEST

/* ---- the wire format ---- */

static void bytes_fail(const unsigned char *bytes, size_t size, const char *part) {
  m = bytes_load(c, bytes, size, NULL);
  ck_assert(m == NULL);
  ck_assert_uint_gt(graft_diagnostic_count(c), 0);
  graft_diagnostic d = graft_diagnostic_get(c, 0);
  ck_assert_msg(strstr(d.message, part) != NULL, "message: %s", d.message);
}

START_TEST(wire_empty) { bytes_fail((const unsigned char *)"", 0, "no graph"); }
END_TEST
START_TEST(wire_length_beyond_the_end) { bytes_fail((const unsigned char *)"\x3a\x7f", 2, "beyond the end"); }
END_TEST
START_TEST(wire_endless_number) {
  bytes_fail((const unsigned char *)"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, "64 bits");
}
END_TEST
START_TEST(wire_group) { bytes_fail((const unsigned char *)"\xa3\x06\xa4\x06", 4, "unknown kind"); }
END_TEST
START_TEST(wire_field_zero) { bytes_fail((const unsigned char *)"\x00\x01", 2, "field number"); }
END_TEST
START_TEST(wire_two_graphs) { bytes_fail((const unsigned char *)"\x3a\x00\x3a\x00", 4, "'graph' of ModelProto twice"); }
END_TEST
START_TEST(wire_wrong_type) { bytes_fail((const unsigned char *)"\x38\x01", 2, "wrong type"); }
END_TEST
START_TEST(wire_not_text) { bytes_fail((const unsigned char *)"\x12\x02\xc3\x28", 4, "UTF-8"); }
END_TEST

/* The graph's one initializer has this list of numbers. */
static void list_fails(const char *list, size_t size) {
  unsigned char bytes[64] = {0x3a, (unsigned char)(size + 4), 0x2a, (unsigned char)(size + 2),
                             0x2a, (unsigned char)size};
  graft_diagnostics_clear(c);
  memcpy(bytes + 6, list, size);
  bytes_fail(bytes, size + 6, "a damaged list of numbers");
}

START_TEST(wire_list_of_damaged_numbers) {
  list_fails("\x01\x80", 2);
  list_fails("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
  list_fails("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11);
}
END_TEST

/* graph > node > attribute > graph …, 70 levels. */
START_TEST(wire_too_deep) {
  Onnx__GraphProto *inner = graph_new("leaf");
  for (int i = 0; i < 23; i++) {
    Onnx__GraphProto *outer = graph_new("level");
    add_graph(add_node(outer, "If", "/if", NO_NAMES, NAMES("y")), "then_branch", inner);
    inner = outer;
  }
  add_graph(add_node(g, "If", "/if", NO_NAMES, NAMES("y")), "then_branch", inner);
  size_t size;
  unsigned char *bytes = model_pack(proto, &size);
  bytes_fail(bytes, size, "64 levels");
  free(bytes);
}
END_TEST

/* Five million empty nodes in ten megabytes. */
START_TEST(wire_blow_up) {
  size_t nodes = (size_t)10 << 20, size = nodes + 5;
  unsigned char *bytes = malloc(size);
  ck_assert(bytes != NULL);
  static const unsigned char graph_head[] = {0x3a, 0x80, 0x80, 0x80, 0x05}, node[] = {0x0a, 0};
  memcpy(bytes, graph_head, sizeof graph_head);
  for (size_t i = 0; i < nodes; i += 2) memcpy(bytes + 5 + i, node, sizeof node);
  bytes_fail(bytes, size, "would unpack to more than");
  free(bytes);
}
END_TEST

/* ---- memory ---- */

/* Whichever allocation fails: no module, a diagnostic, nothing lost. */
START_TEST(out_of_memory) {
  bn_model(true);
  add_i64(g, "shape", 2, INTS(2, -1));
  add_node(g, "Reshape", "/r", NAMES("y", "shape"), NAMES("flat"));
  Onnx__NodeProto *n = add_node(g, "If", "/if", NAMES("x"), NAMES("z"));
  add_graph(n, "then_branch", branch("Add", "flat", "flat", "t"));
  add_untyped_output(g, "z");
  size_t size;
  unsigned char *bytes = model_pack(proto, &size);
  bool done = false;
  for (uint64_t i = 1; !done && i < 5000; i++) {
    test_heap heap = {.fail_at = i, .forever = true};
    graft_context *small = heap_context(&heap);
    if (!small) continue;
    gr_buffer *b = gr_buffer_create(small, size);
    if (b) memcpy(b->data, bytes, size);
    graft_module *loaded = b ? gr_onnx_load(&(gr_source){.context = small, .file = b, .name = "test.onnx"}) : NULL;
    gr_buffer_release(small, b);
    if (!loaded) ck_assert_uint_gt(graft_diagnostic_count(small), 0);
    done = loaded != NULL;
    graft_module_destroy(loaded);
    graft_context_destroy(small);
    ck_assert_uint_eq(heap.live, 0);
  }
  free(bytes);
  ck_assert(done);
}
END_TEST

/* ---- raw bytes ---- */

enum { ROWS = 20011 };

/* Of dtype 1, f32, or 11, f64, with names of every length: the bytes begin anywhere in the file. */
static void add_raw(int i, int dtype) {
  static const char name[] = "wwwwwwwwwwwwwwww";
  const size_t each = dtype == 1 ? 4 : 8;
  Onnx__TensorProto *t = add_zeros(g, name + sizeof name - 2 - i, dtype, each, 1, INTS(ROWS + i));
  for (int k = 0; k < ROWS + i; k++) {
    const double d = k + 0.5 * i;
    const float f = (float)d;
    memcpy(t->raw_data.data + (size_t)k * each, dtype == 1 ? (const void *)&f : &d, each);
  }
}

static void check_raw(void) {
  for (graft_tensor t = graft_tensor_first(m); t != GRAFT_NONE; t = graft_tensor_next(m, t)) {
    char name[32];
    const int i = (int)graft_tensor_name(m, t, name, sizeof name) - 1;
    const graft_type type = graft_tensor_get_type(m, t);
    const void *data = graft_tensor_get_data(m, t);
    ck_assert_uint_eq((uintptr_t)data % graft_dtype_size(type.dtype), 0);
    ck_assert_int_eq(type.dims[0], ROWS + i);
    for (int k = 0; k < ROWS + i; k++)
      ck_assert_double_eq(type.dtype == GRAFT_F32 ? ((const float *)data)[k] : ((const double *)data)[k], k + 0.5 * i);
  }
}

/* The file's own bytes become the tensors: from memory, read from disk, and where mapping was asked for. */
START_TEST(raw_bytes_are_lent) {
  size_t size;
  for (int i = 0; i < 14; i++) add_raw(i, i % 3 ? 1 : 11);
  add_node(g, "Relu", "/r", NAMES("w"), NAMES("y"));
  add_untyped_output(g, "y");
  unsigned char *bytes = model_pack(proto, &size);
  make_directory();
  write_data("model/w.bin", bytes, size);
  char path[128];
  snprintf(path, sizeof path, "%s/model/w.bin", directory);
  for (int way = 0; way < 3; way++) {
    test_heap k = {0};
    graft_context *counted = heap_context(&k);
    const graft_load_options options = {.size = sizeof options, .map = way == 2};
    m = way ? graft_module_load(counted, path, &options)
            : graft_module_load_memory(counted, bytes, size, "test.onnx", NULL);
    ck_assert(m != NULL);
    check_raw();
    ck_assert_uint_lt(k.peak, size + size / 5);
    ck_assert_uint_eq((uintptr_t)m->tensors.data[0].buffer->data % 64, 0); /* what makes reading fast */
    graft_module_destroy(m);
    graft_context_destroy(counted);
    ck_assert_uint_eq(k.live, 0);
  }
  m = NULL;
  unsigned char *again = model_pack(proto, &size); /* the file is as it was */
  FILE *f = fopen(path, "rb");
  ck_assert(f && fread(bytes, 1, size, f) == size && memcmp(bytes, again, size) == 0);
  fclose(f);
  free(again);
  free(bytes);
  remove_directory();
}
END_TEST

/* ---- size ---- */

START_TEST(many_nodes) {
  char a[32], b[32] = "x";
  add_input(g, "x", 1, 1, INTS(3));
  for (int i = 0; i < 50000; i++) {
    snprintf(a, sizeof a, "r_%d", i);
    Onnx__NodeProto *n = add_node(g, "Relu", a, NAMES(b), NAMES(a));
    (void)n;
    memcpy(b, a, sizeof b);
  }
  add_untyped_output(g, b);
  load();
  ck_assert_uint_eq(graft_node_count(graft_module_get_graph(m, 0)), 50000);
}
END_TEST

/* Of unknown length, which is read piece by piece. */
START_TEST(a_model_from_a_pipe) {
  add_zeros(g, "w", 1, 4, 1, INTS(9000));
  add_input(g, "x", 1, 1, INTS(9000));
  add_node(g, "Add", "/a", NAMES("x", "w"), NAMES("y"));
  add_untyped_output(g, "y");
  size_t size;
  unsigned char *bytes = model_pack(proto, &size);
  int ends[2];
  char path[32];
  ck_assert(pipe(ends) == 0 && write(ends[1], bytes, size) == (ssize_t)size && close(ends[1]) == 0);
  snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
  m = graft_module_load(c, path, NULL);
  ck_assert(m != NULL);
  ck_assert_uint_eq(m->tensors.data[0].buffer->size, size);
  close(ends[0]);
  free(bytes);
}
END_TEST

/* Each handler bears an input that there is not, whichever it is. */
START_TEST(inputs_that_there_are_not) {
  static const struct {
    const char *name, *domain;
    uint32_t least, most;
  } rows[] = {
#define ONNX(name, handler, op, since, least, most, outputs, attrs) {#name, "", least, most},
#include "ir/formats/onnx/import.def"
#undef ONNX
#define ONNX(name, handler, op, since, least, most, outputs, attrs) {#name, "com.microsoft", least, most},
#include "ir/formats/onnx/contrib.def"
#undef ONNX
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (uint32_t k = 0; k < rows[i].most && k < 9; k++) {
      const char *inputs[10] = {NULL};
      for (uint32_t j = 0; j <= k || j < rows[i].least; j++) inputs[j] = j == k ? "nowhere" : "x";
      teardown();
      setup();
      proto->opset_import[0]->version = 23;
      add_input(g, "x", 1, 4, INTS(1, 4, 4, 4));
      Onnx__NodeProto *n = add_node(g, rows[i].name, "/n", inputs, NAMES("y"));
      if (rows[i].domain[0]) in_domain(n, rows[i].domain);
      m = model_load(c, proto, NULL);
      ck_assert_msg(!m == graft_context_has_errors(c), "%s: input %u", rows[i].name, k);
    }
}
END_TEST

int main(void) {
  Suite *s = suite_create("onnx-files");
  TCase *file = tcase_create("file"), *external = tcase_create("external");
  tcase_add_checked_fixture(file, setup, teardown);
  tcase_add_checked_fixture(external, setup_external, teardown_external);
  tcase_set_timeout(file, 120);
  ADD(file, inputs_that_there_are_not, external_data_without_a_directory, wire_empty, wire_length_beyond_the_end,
      wire_endless_number, wire_group, wire_field_zero, wire_two_graphs, wire_wrong_type, wire_not_text,
      wire_list_of_damaged_numbers, wire_too_deep, wire_blow_up, out_of_memory, raw_bytes_are_lent, a_model_from_a_pipe,
      many_nodes);
  ADD(external, external_data, external_data_is_read_once, external_data_is_mapped, external_data_misaligned,
      external_data_beyond_the_end, external_data_huge_offset, external_data_of_another_length,
      external_data_offset_no_number, external_data_missing, external_data_outside, external_data_absolute,
      external_data_is_a_directory, external_data_through_a_link);
  suite_add_tcase(s, file);
  tcase_add_loop_test(external, external_data_that_tensors_share, 0, 2);
  suite_add_tcase(s, external);
  return run_suite(s);
}
