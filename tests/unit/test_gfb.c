/* .gfb: everything in a module survives, the second save equals the first, and damaged files are refused. */
#include "heap.h"
#include "ir/formats/file_int.h"
#include "ir/formats/gfb/gfb_impl.h"
#include "ir/formats/gfb/gfb_int.h"
#include "ir/formats/sink_int.h"
#include "scratch.h"

static graft_context *context;
static graft_module *module;

#define TYPE(dtype, ...) \
  graft_type_make(dtype, (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__})

/* The spec row `op` with its defaults. */
static uint32_t default_spec(const char *op, const gr_spec_ref *refs, uint32_t count) {
  uint32_t id = gr_spec_kind_find(op, strlen(op));
  gr_attr_builder b;
  gr_attrs_begin(&b, gr_spec_info(id));
  uint32_t set = gr_attrs_intern(module, &b, gr_spec_info(id), (gr_loc){0});
  ck_assert_uint_ne(set, GRAFT_NONE);
  return gr_spec_intern(module, id, set, refs, count);
}

static uint32_t text(const char *s) { return gr_intern(module, s, strlen(s)); }

/* conv, bn in training, an opaque op, annotations, provenance, erased things; and a second graph. */
static void build_network(void) {
  graft_type image = TYPE(GRAFT_F32, 1, 3, 5, 5), kernel = TYPE(GRAFT_F32, 4, 3, 3, 3), four = TYPE(GRAFT_F32, 4),
             count = graft_type_make(GRAFT_I64, 0, NULL), flags = TYPE(GRAFT_BOOL, 3), none = TYPE(GRAFT_U8, 0, 7);
  graft_tensor dead = graft_tensor_create(module, "dead", GRAFT_CONSTANT, &four, (float[4]){9, 9, 9, 9});
  graft_tensor w = graft_tensor_create(module, "conv.weight", GRAFT_PARAMETER, &kernel, (float[108]){1, 2, 3});
  graft_tensor gamma = graft_tensor_fill(module, "bn.weight", GRAFT_PARAMETER, &four, 0.5, 1.5);
  graft_tensor mean = graft_tensor_create(module, "bn.running_mean", GRAFT_BUFFER, &four, (float[4]){0, 1, 2, 3});
  graft_tensor var = graft_tensor_create(module, "bn.running_var", GRAFT_BUFFER, &four, (float[4]){1, 1, 2, 3});
  graft_tensor n = graft_tensor_create(module, "bn.count_3", GRAFT_BUFFER, &count, (int64_t[1]){7});
  graft_tensor_create(module, "flags", GRAFT_CONSTANT, &flags, "\1\0\1");
  graft_tensor_create(module, "nothing", GRAFT_CONSTANT, &none, "");
  gr_name elided = gr_name_split(module, "elided", 6);
  graft_tensor e = gr_tensor_add(module, elided, GRAFT_CONSTANT, gr_type_intern(module, &four), NULL, 0);
  module->tensors.data[e].hash = 12345;

  graft_graph *g = graft_graph_create(module, "main"), *body = graft_graph_create(module, "body");
  graft_value x = graft_input_add(g, "x", &image);
  graft_build(g, "relu", &x, 1, NULL, 0); /* to be erased: ids in memory and in the file differ */
  graft_value y = graft_build(
      g, "conv2d", (graft_value[]){x, gr_handle(g, w)}, 2,
      &(graft_attr){.name = "stride", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){2, 2}}, 1);
  ck_assert_uint_ne(y, GRAFT_NONE);
  graft_value bn_operands[] = {
      y, gr_handle(g, gamma), GRAFT_NONE, gr_handle(g, mean), gr_handle(g, var), gr_handle(g, n)};
  graft_node bn = graft_node_create(
      g, &(graft_node_options){.size = sizeof(graft_node_options),
                               .op = "batch_norm",
                               .operands = bn_operands,
                               .operand_count = 6,
                               .attrs = (graft_attr[]){{.name = "training", .kind = GRAFT_ATTR_BOOL, .as.b = true},
                                                       {.name = "momentum", .kind = GRAFT_ATTR_NONE}},
                               .attr_count = 2,
                               .result_count = 4,
                               .name = "bn",
                               .source = "layer1.bn"});
  ck_assert_uint_ne(bn, GRAFT_NONE);
  graft_node odd = graft_node_create(
      g, &(graft_node_options){
             .size = sizeof(graft_node_options),
             .op = "vendor.op",
             .operands = (graft_value[]){gr_result(g, bn, 0), GRAFT_NONE, y},
             .operand_count = 3,
             .attrs =
                 (graft_attr[]){{.name = "f", .kind = GRAFT_ATTR_FLOATS, .count = 2, .as.floats = (double[]){0.5, -1}},
                                {.name = "s", .kind = GRAFT_ATTR_STRING, .as.s = "text"},
                                {.name = "d", .kind = GRAFT_ATTR_DTYPE, .as.dtype = GRAFT_I8},
                                {.name = "body", .kind = GRAFT_ATTR_GRAPH, .as.graph = 1}},
             .attr_count = 4,
             .result_count = 2});
  ck_assert_uint_ne(odd, GRAFT_NONE);
  graft_output_add(g, "odd", gr_result(g, odd, 0));
  graft_output_add(g, "y", y);
  graft_update_add(g, mean, gr_result(g, bn, 1));
  graft_update_add(g, var, gr_result(g, bn, 2));
  graft_update_add(g, n, gr_result(g, bn, 3));
  gr_update_erase(g, 1);
  gr_node_erase(g, g->first);
  gr_tensor_erase(module, dead);

  graft_node conv = gr_value_node(g, y);
  uint32_t use = gr_node_at(g, conv)->first_use;
  gr_spec_ref refs[] = {{.is_value = false, .id = use}, {.is_value = true, .id = y}};
  gr_spec_set_use(g, use, default_spec("spec", NULL, 0));
  gr_spec_set_use(g, use + 1, default_spec("derived", refs, 2));
  gr_spec_set_value(g, y, default_spec("shared", refs, 1));
  gr_spec_set_value(g, gr_handle(g, w), default_spec("spec", NULL, 0));

  uint32_t source = gr_node_at(g, bn)->provenance;
  gr_record r = {.pass = text("fuse"), .rule = text("conv_bn"), .equals = text("old"), .parent_count = 2};
  gr_record first = {.source = text("layer1.conv")};
  uint32_t parents[] = {gr_record_intern(module, &first, NULL), source};
  gr_node_at(g, conv)->provenance = gr_record_intern(module, &r, parents);

  graft_type any = graft_type_make(GRAFT_F32, -1, NULL), rows = TYPE(GRAFT_F32, -1, 2);
  graft_value a = graft_input_add(body, "a", &any), b = graft_input_add(body, "b", &rows);
  graft_output_add(body, "sum", graft_build(body, "add", (graft_value[]){a, b}, 2, NULL, 0));
}

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  scratch_create();
  build_network();
  ck_assert(!graft_context_has_errors(context));
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
  scratch_destroy();
}

static gr_buffer *print(graft_module *m) {
  gr_sink sink;
  gr_sink_init(&sink, context);
  ck_assert_int_eq(gr_gfb_print(m, NULL, &sink), GRAFT_OK);
  gr_buffer *b = gr_buffer_create(context, sink.bytes.len);
  memcpy(b->data, sink.bytes.data, sink.bytes.len);
  gr_sink_free(&sink);
  return b;
}

static gr_buffer *cut(const gr_buffer *b, size_t size) {
  gr_buffer *copy = gr_buffer_create(context, size);
  if (size) memcpy(copy->data, b->data, size);
  return copy;
}

START_TEST(second_save_equals_the_first) {
  gr_buffer *first = print(module);
  graft_module *loaded = gr_gfb_load(context, first, "a.gfb", true);
  ck_assert_ptr_nonnull(loaded);
  gr_buffer *second = print(loaded);
  ck_assert_uint_eq(first->size, second->size);
  ck_assert_mem_eq(first->data, second->data, first->size);
  graft_module_destroy(loaded);
  gr_buffer_release(context, second);
  /* Nor do ids in memory matter. */
  ck_assert_int_eq(graft_module_compact(module), GRAFT_OK);
  second = print(module);
  ck_assert_uint_eq(first->size, second->size);
  ck_assert_mem_eq(first->data, second->data, first->size);
  gr_buffer_release(context, second);
  gr_buffer_release(context, first);
}
END_TEST

static void check_spec(const graft_graph *g, uint32_t spec, const char *op, uint32_t refs) {
  ck_assert_uint_ne(spec, 0);
  ck_assert_str_eq(gr_spec_info(gr_spec_get(g->module, spec)->kind)->name, op);
  ck_assert_uint_eq(gr_spec_get(g->module, spec)->ref_count, refs);
}

START_TEST(everything_survives) {
  gr_buffer *file = print(module);
  graft_module *m = gr_gfb_load(context, file, "a.gfb", false);
  ck_assert_ptr_nonnull(m);
  ck_assert_uint_eq(m->graphs.len, 2);
  graft_graph *g = graft_module_get_graph(m, 0);
  ck_assert_uint_eq(graft_node_count(g), 3);
  graft_node conv = graft_node_first(g), bn = graft_node_next(g, conv), odd = graft_node_next(g, bn);
  ck_assert_str_eq(graft_node_get_op(g, conv), "conv2d");
  ck_assert_str_eq(graft_node_get_op(g, odd), "vendor.op");
  graft_attr attr;
  ck_assert(graft_node_attr(g, conv, "stride", &attr) && attr.count == 2 && attr.as.ints[1] == 2);
  ck_assert(graft_node_attr(g, bn, "training", &attr) && attr.as.b);
  ck_assert(graft_node_attr(g, bn, "momentum", &attr) && attr.kind == GRAFT_ATTR_NONE);
  ck_assert(graft_node_attr(g, odd, "f", &attr) && attr.as.floats[1] == -1);
  ck_assert(graft_node_attr(g, odd, "s", &attr) && strcmp(attr.as.s, "text") == 0);
  ck_assert(graft_node_attr(g, odd, "d", &attr) && attr.as.dtype == GRAFT_I8);
  ck_assert(graft_node_attr(g, odd, "body", &attr) && attr.as.graph == 1);
  ck_assert_uint_eq(graft_node_operand(g, bn, 2), GRAFT_NONE);
  ck_assert_uint_eq(graft_node_operand(g, odd, 1), GRAFT_NONE);
  ck_assert_uint_eq(graft_node_operand(g, odd, 2), graft_node_result(g, conv, 0));
  char name[32];
  graft_node_name(g, bn, name, sizeof name);
  ck_assert_str_eq(name, "bn");
  graft_type t = graft_value_get_type(g, graft_node_result(g, conv, 0));
  ck_assert_int_eq(t.dims[3], 2);
  ck_assert_int_eq(graft_value_get_type(graft_module_get_graph(m, 1), 0).rank, -1);
  ck_assert_str_eq(graft_output_name(g, 1), "y");
  ck_assert_uint_eq(g->updates.len, 2);
  ck_assert_uint_eq(graft_value_use_count(g, graft_node_result(g, conv, 0)), 3);

  uint32_t use = gr_node_at(g, conv)->first_use;
  check_spec(g, gr_spec_of_use(g, use), "spec", 0);
  check_spec(g, gr_spec_of_use(g, use + 1), "derived", 2);
  check_spec(g, gr_spec_of_value(g, graft_node_result(g, conv, 0)), "shared", 1);
  check_spec(g, gr_spec_of_value(g, graft_node_operand(g, conv, 1)), "spec", 0);
  const gr_spec_ref *refs = gr_spec_refs(m, gr_spec_of_use(g, use + 1));
  ck_assert(refs[0].id == use && refs[1].is_value && refs[1].id == graft_node_result(g, conv, 0));

  const gr_record *r = gr_record_get(m, gr_node_at(g, conv)->provenance);
  ck_assert_str_eq(gr_string_text(m, r->rule), "conv_bn");
  ck_assert_str_eq(gr_string_text(m, r->equals), "old");
  ck_assert_uint_eq(r->parent_count, 2);
  ck_assert_uint_eq(gr_record_parents(m, gr_node_at(g, conv)->provenance)[1], gr_node_at(g, bn)->provenance);
  ck_assert_str_eq(gr_string_text(m, gr_record_source(m, gr_node_at(g, bn)->provenance)), "layer1.bn");

  ck_assert_uint_eq(graft_tensor_count(m), 8);
  graft_tensor w = graft_tensor_find(m, "conv.weight"), gamma = graft_tensor_find(m, "bn.weight");
  ck_assert_ptr_eq(m->tensors.data[w].buffer, file); /* borrowed, not copied */
  ck_assert_uint_eq((uintptr_t)graft_tensor_get_data(m, w) % 16, 0);
  ck_assert_float_eq(((const float *)graft_tensor_get_data(m, w))[2], 3);
  ck_assert_int_eq(m->tensors.data[gamma].source, GR_TENSOR_FILL);
  ck_assert_float_eq(((const float *)graft_tensor_get_data(m, gamma))[3], graft_fill_element("bn.weight", 3, 0.5, 1.5));
  ck_assert_int_eq(graft_tensor_get_kind(m, graft_tensor_find(m, "bn.count_3")), GRAFT_BUFFER);
  graft_tensor elided = graft_tensor_find(m, "elided");
  ck_assert_ptr_null(graft_tensor_get_data(m, elided));
  ck_assert_uint_eq(m->tensors.data[elided].hash, 12345);

  /* Names that are made from now on do not meet the loaded ones. */
  gr_name free_name = gr_name_unique(m, gr_name_split(m, "bn", 2));
  gr_name_format(m, free_name, name, sizeof name);
  ck_assert_str_ne(name, "bn");
  ck_assert_uint_eq(gr_find_value(g, free_name), GRAFT_NONE);
  /* A write goes to a copy. */
  ck_assert_ptr_ne(gr_tensor_write(m, w), NULL);
  ck_assert_ptr_ne(m->tensors.data[w].buffer, file);
  gr_buffer_release(context, file);
  graft_module_destroy(m);
}
END_TEST

START_TEST(saved_files_load_mapped_and_read) {
  ck_assert_int_eq(gr_gfb_save(module, NULL, scratch_path("a.gfb")), GRAFT_OK);
  gr_buffer *printed = print(module);
  for (int map = 0; map < 2; map++) {
    gr_buffer *file = gr_file_read(context, scratch_path("a.gfb"), map != 0);
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(file->size, printed->size);
    ck_assert_mem_eq(file->data, printed->data, file->size);
    graft_module *m = gr_gfb_load(context, file, "a.gfb", true);
    gr_buffer_release(context, file);
    ck_assert_ptr_nonnull(m);
    /* Saving over the file that the tensors are mapped from is safe: the new one takes its name. */
    ck_assert_int_eq(gr_gfb_save(m, NULL, scratch_path("a.gfb")), GRAFT_OK);
    graft_module_destroy(m);
  }
  gr_buffer_release(context, printed);
  ck_assert_int_eq(gr_gfb_save(module, NULL, scratch_path("no/a.gfb")), GRAFT_IO);
  ck_assert_int_eq(gr_gfb_save(module, NULL, "/dev/full"), GRAFT_IO);
  ck_assert_uint_eq(scratch_destroy(), 1);
  scratch_create();
}
END_TEST

START_TEST(a_fill_stays_one_until_it_is_written) {
  gr_buffer *before = print(module);
  graft_tensor gamma = graft_tensor_find(module, "bn.weight");
  graft_tensor_get_data(module, gamma);
  gr_buffer *read = print(module);
  ck_assert_uint_eq(read->size, before->size);
  ck_assert_mem_eq(read->data, before->data, read->size);
  ck_assert_ptr_nonnull(gr_tensor_write(module, gamma));
  gr_buffer *written = print(module);
  ck_assert_uint_eq(written->size, before->size + 64); /* 16 bytes, aligned, and a string less */
  gr_buffer_release(context, before);
  gr_buffer_release(context, read);
  gr_buffer_release(context, written);
}
END_TEST

START_TEST(a_module_without_a_graph_is_refused) {
  graft_module *m = graft_module_create(context);
  gr_buffer *file = print(m);
  ck_assert_ptr_null(gr_gfb_load(context, file, "a.gfb", true));
  gr_buffer_release(context, file);
  graft_module_destroy(m);
}
END_TEST

START_TEST(every_truncation_is_an_error) {
  gr_buffer *file = print(module);
  for (size_t size = 0; size < file->size; size++) {
    gr_buffer *shorter = cut(file, size);
    graft_diagnostics_clear(context);
    ck_assert_ptr_null(gr_gfb_load(context, shorter, "a.gfb", false));
    ck_assert(graft_context_has_errors(context));
    gr_buffer_release(context, shorter);
  }
  gr_buffer *longer = gr_buffer_create(context, file->size + 1);
  memcpy(longer->data, file->data, file->size);
  ck_assert_ptr_null(gr_gfb_load(context, longer, "a.gfb", false));
  gr_buffer_release(context, longer);
  gr_buffer_release(context, file);
}
END_TEST

/* Loads, and uses what was loaded enough for a sanitizer to see a bad index. */
static void try_load(gr_buffer *file) {
  graft_diagnostics_clear(context);
  graft_module *m = gr_gfb_load(context, file, "a.gfb", true);
  ck_assert((m == NULL) == graft_context_has_errors(context));
  if (!m) return;
  gr_buffer *again = print(m);
  graft_module *second = gr_gfb_load(context, again, "b.gfb", true);
  ck_assert_ptr_nonnull(second);
  gr_buffer_release(context, again);
  graft_module_destroy(second);
  graft_module_destroy(m);
}

START_TEST(every_flipped_bit_is_survived) {
  gr_buffer *file = print(module), *flipped = cut(file, file->size);
  unsigned char *bytes = flipped->data;
  for (size_t bit = 0; bit < file->size * 8; bit++) {
    bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    try_load(flipped);
    bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  gr_buffer_release(context, flipped);
  gr_buffer_release(context, file);
}
END_TEST

START_TEST(every_number_made_extreme_is_survived) {
  static const uint32_t extremes[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x10000};
  gr_buffer *file = print(module), *changed = cut(file, file->size);
  for (size_t at = 0; at + 4 <= file->size; at += 4) {
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
      memcpy((char *)changed->data + at, &extremes[i], 4);
      try_load(changed);
    }
    memcpy((char *)changed->data + at, (char *)file->data + at, 4);
  }
  gr_buffer_release(context, changed);
  gr_buffer_release(context, file);
}
END_TEST

START_TEST(a_changed_byte_of_data_is_seen_on_request) {
  gr_buffer *file = print(module);
  unsigned char *weight = memmem(file->data, file->size, (float[]){1, 2, 3}, 12);
  ck_assert_ptr_nonnull(weight);
  weight[7] ^= 1;
  graft_module *m = gr_gfb_load(context, file, "a.gfb", false);
  ck_assert_ptr_nonnull(m);
  graft_module_destroy(m);
  ck_assert_ptr_null(gr_gfb_load(context, file, "a.gfb", true));
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(context, 0).message, "hash"));
  ck_assert_str_eq(graft_diagnostic_get(context, 0).file, "a.gfb");
  gr_buffer_release(context, file);
}
END_TEST

START_TEST(bytes_that_two_tensors_share_are_refused) {
  gr_buffer *file = print(module);
  gr_gfb_tables tables;
  size_t end;
  ck_assert_ptr_null(gr_gfb_decode(file->data, file->size, &tables, &end));
  uint64_t offsets[16];
  uint32_t count = tables.tensors.count, stored = 0, last = 0;
  for (uint32_t i = 0; i < count && stored < 16; i++)
    if (tables.tensors.data[i].length) offsets[stored++] = tables.tensors.data[i].offset, last = i;
  ck_assert_uint_gt(stored, 2);
  gr_gfb_tensor *t = (gr_gfb_tensor *)&tables.tensors.data[last]; /* lies in our buffer */
  for (uint32_t i = 0; i < stored; i++) {
    t->offset = offsets[i];
    graft_module *m = gr_gfb_load(context, file, "a.gfb", false);
    ck_assert_int_eq(m != NULL, i + 1 == stored);
    graft_module_destroy(m);
  }
  ck_assert_ptr_nonnull(strstr(graft_diagnostic_get(context, 0).message, "overlaps one before it"));
  gr_buffer_release(context, file);
}
END_TEST

/* Each graph reads a tensor of its own and a literal, which stands behind all tensors of a file. */
START_TEST(many_graphs_and_tensors_are_read_again) {
  enum { MANY = 8500 };
  graft_module *wide = graft_module_create(context);
  const graft_type scalar = graft_type_make(GRAFT_F32, 1, (int64_t[]){1});
  for (uint32_t i = 0; i < MANY; i++) {
    char name[32];
    snprintf(name, sizeof name, "part%u", i);
    graft_graph *g = graft_graph_create(wide, name);
    snprintf(name, sizeof name, "w%u.a", i);
    const graft_tensor w = graft_tensor_create(wide, name, GRAFT_PARAMETER, &scalar, &(float){(float)i});
    const graft_value operands[] = {graft_tensor_value(g, w), graft_scalar(g, GRAFT_F32, 2)};
    graft_output_add(g, "y", graft_build(g, "mul", operands, 2, NULL, 0));
  }
  gr_buffer *file = print(wide);
  graft_module *again = gr_gfb_load(context, file, "wide.gfb", true);
  ck_assert_ptr_nonnull(again);
  ck_assert(graft_module_hash(again) == graft_module_hash(wide));
  graft_module_destroy(again);
  graft_module_destroy(wide);
  gr_buffer_release(context, file);
}
END_TEST

/* From the n-th call on there is no memory: no leak, no crash, an error. */
START_TEST(memory_may_run_out_anywhere) {
  gr_buffer *file = print(module);
  test_heap heap = {0};
  graft_context *c = heap_context(&heap);
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    heap_fail(&heap, 0, false);
    graft_diagnostics_clear(c);
    gr_buffer *copy = gr_buffer_create(c, file->size);
    memcpy(copy->data, file->data, file->size);
    heap_fail(&heap, n, true);
    graft_module *m = gr_gfb_load(c, copy, "a.gfb", false);
    heap_fail(&heap, m ? n : 1, true);
    if (m && gr_gfb_save(m, NULL, scratch_path("a.gfb")) == GRAFT_OK) done = true;
    ck_assert(done || graft_context_has_errors(c));
    graft_module_destroy(m);
    gr_buffer_release(c, copy);
    ck_assert_uint_lt(n, 5000);
  }
  graft_context_destroy(c);
  ck_assert_uint_eq(heap.live, 0);
  gr_buffer_release(context, file);
}
END_TEST

static void to_sink(void *user, const void *bytes, size_t size) { gr_sink_write(user, bytes, size); }

/* The file that these tables make. */
static gr_buffer *encode(const gr_gfb_tables *tables) {
  gr_sink sink;
  gr_sink_init(&sink, context);
  gr_gfb_encode(tables, to_sink, &sink);
  ck_assert_uint_eq(sink.bytes.len, gr_gfb_encoded_size(tables));
  gr_buffer *file = gr_buffer_create(context, (sink.bytes.len + 63) / 64 * 64);
  memcpy(file->data, sink.bytes.data, sink.bytes.len);
  gr_sink_free(&sink);
  return file;
}

START_TEST(a_version_from_the_future_is_named) {
  gr_gfb_tables tables = {.version = GR_GFB_VERSION + 1, .string_lengths = {(uint32_t[]){0}, 1}};
  gr_buffer *file = encode(&tables);
  ck_assert_ptr_null(gr_gfb_load(context, file, "a.gfb", false));
  ck_assert_int_eq(graft_diagnostic_get(context, 0).code, GRAFT_UNSUPPORTED);
  gr_buffer_release(context, file);
}
END_TEST

static uint32_t version_of(gr_buffer *file) {
  gr_gfb_tables tables;
  size_t end;
  ck_assert_ptr_null(gr_gfb_decode(file->data, file->size, &tables, &end));
  return tables.version;
}

/* A file without marks is one that version 1 of the library reads. */
START_TEST(marks_are_kept) {
  graft_graph *g = graft_module_get_graph(module, 0);
  gr_buffer *unmarked = print(module);
  ck_assert_uint_eq(version_of(unmarked), 1);
  gr_buffer_release(context, unmarked);
  graft_node first = graft_node_first(g), second = graft_node_next(g, first);
  graft_graph *body = graft_module_get_graph(module, 1);
  ck_assert_int_eq(graft_node_set_mark(g, second, "inserted", true), GRAFT_OK);
  ck_assert_int_eq(graft_node_set_mark(g, second, "training_form", true), GRAFT_OK);
  ck_assert_int_eq(graft_node_set_mark(body, graft_node_first(body), "training_form", true), GRAFT_OK);
  gr_buffer *file = print(module);
  ck_assert_uint_eq(version_of(file), GR_GFB_VERSION);
  graft_module *copy = gr_gfb_load(context, file, "a.gfb", false);
  ck_assert_ptr_nonnull(copy);
  g = graft_module_get_graph(copy, 0);
  body = graft_module_get_graph(copy, 1);
  first = graft_node_first(g);
  second = graft_node_next(g, first);
  ck_assert(!gr_node_at(g, first)->marks);
  ck_assert(graft_node_has_mark(g, second, "inserted") && graft_node_has_mark(g, second, "training_form"));
  ck_assert(!graft_node_has_mark(body, graft_node_first(body), "inserted"));
  ck_assert(graft_node_has_mark(body, graft_node_first(body), "training_form"));
  graft_module_destroy(copy);
  gr_buffer_release(context, file);
}
END_TEST

/* One node and two marks that make no sense. */
START_TEST(marks_are_checked) {
  gr_buffer *good = print(module);
  gr_gfb_tables tables;
  size_t end;
  ck_assert_ptr_null(gr_gfb_decode(good->data, good->size, &tables, &end));
  uint32_t lengths[256], words = tables.string_lengths.count, bytes = tables.string_bytes.count;
  uint8_t text[4096];
  ck_assert(words < 250 && bytes < 4000);
  memcpy(lengths, tables.string_lengths.data, words * sizeof *lengths);
  memcpy(text, tables.string_bytes.data, bytes);
  memcpy(text + bytes, "inserted\0training_form\0other", 29);
  lengths[words] = 8, lengths[words + 1] = 13, lengths[words + 2] = 5;
  tables.string_lengths.data = lengths, tables.string_lengths.count = words + 3;
  tables.string_bytes.data = text, tables.string_bytes.count = bytes + 29;
  static const struct {
    uint32_t node, word, second_node, second_word;
    bool good;
  } cases[] = {{1, 0, 1, 1, true},  {0, 1, 2, 1, true},    {1, 1, 1, 0, false}, {1, 0, 1, 0, false},
               {1, 0, 0, 1, false}, {0, 0, 900, 1, false}, {0, 2, 1, 1, false}, {0, 900, 1, 1, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    gr_gfb_mark marks[] = {{cases[i].node, words + cases[i].word},
                           {cases[i].second_node, words + cases[i].second_word}};
    tables.marks.data = marks, tables.marks.count = 2;
    gr_buffer *tables_only = encode(&tables);
    size_t start = (end + 63) / 64 * 64, rest = good->size - start; /* the tensors' data, as in the good file */
    gr_buffer *file = gr_buffer_create(context, tables_only->size + rest);
    memcpy(file->data, tables_only->data, tables_only->size);
    memcpy((char *)file->data + tables_only->size, (const char *)good->data + start, rest);
    graft_module *m = gr_gfb_load(context, file, "a.gfb", false);
    ck_assert_msg((m != NULL) == cases[i].good, "case %zu", i);
    if (m) graft_module_destroy(m);
    gr_buffer_release(context, file);
    gr_buffer_release(context, tables_only);
  }
  gr_buffer_release(context, good);
}
END_TEST

int main(void) {
  Suite *s = suite_create("gfb");
  TCase *t = tcase_create("gfb");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, second_save_equals_the_first);
  tcase_add_test(t, everything_survives);
  tcase_add_test(t, saved_files_load_mapped_and_read);
  tcase_add_test(t, a_fill_stays_one_until_it_is_written);
  tcase_add_test(t, a_module_without_a_graph_is_refused);
  tcase_add_test(t, every_truncation_is_an_error);
  tcase_add_test(t, every_flipped_bit_is_survived);
  tcase_add_test(t, every_number_made_extreme_is_survived);
  tcase_add_test(t, a_changed_byte_of_data_is_seen_on_request);
  tcase_add_test(t, bytes_that_two_tensors_share_are_refused);
  tcase_add_test(t, many_graphs_and_tensors_are_read_again);
  tcase_add_test(t, memory_may_run_out_anywhere);
  tcase_add_test(t, a_version_from_the_future_is_named);
  tcase_add_test(t, marks_are_kept);
  tcase_add_test(t, marks_are_checked);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
