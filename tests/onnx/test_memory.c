/* Every allocation of import fails, once and for good: an error, or the module that comes of it otherwise, byte for
 * byte. Never a module and an error that stands; and nothing leaks. */
#include "fixture.h"
#include "tests/unit/heap.h"
#include "tests/unit/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- models that between them take every handler ---- */

static void float_input(const char *name, int64_t a, int64_t b, int64_t d, int64_t e) {
  add_input(g, name, 1, 4, INTS(a, b, d, e));
}

static void windows(void) {
  float_input("x", 1, 2, 6, 6);
  add_zeros(g, "w", 1, 4, 4, INTS(4, 2, 3, 3));
  add_zeros(g, "b", 1, 4, 1, INTS(4));
  add_ints(add_node(g, "Conv", "/conv", NAMES("x", "w", "b"), NAMES("c")), "pads", 4, INTS(1, 0, 2, 1));
  add_zeros(g, "up", 1, 4, 4, INTS(4, 2, 3, 3));
  Onnx__NodeProto *n = add_node(g, "ConvTranspose", "/up", NAMES("c", "up"), NAMES("u"));
  add_ints(n, "strides", 2, INTS(2, 2));
  add_ints(n, "pads", 4, INTS(2, 1, 1, 2));
  n = add_node(g, "MaxPool", "/max", NAMES("u"), NAMES("p", "i"));
  add_ints(n, "kernel_shape", 2, INTS(2, 2));
  add_int(n, "storage_order", 1);
  n = add_node(g, "AveragePool", "/avg", NAMES("p"), NAMES("a"));
  add_ints(n, "kernel_shape", 2, INTS(3, 3));
  add_ints(n, "pads", 4, INTS(1, 0, 0, 1));
  add_node(g, "GlobalAveragePool", "/gap", NAMES("a"), NAMES("y"));
  add_untyped_output(g, "i");
  add_untyped_output(g, "y");
}

static void norms_and_products(void) {
  add_node(g, "Clip", "/clip", NAMES("z", "low"), NAMES("y")); /* not sorted */
  Onnx__NodeProto *n = bn_model(true);
  n->output[0][0] = 'v';
  proto->graph->output[0]->name[0] = 'v';
  add_int(add_node(g, "Flatten", "/flat", NAMES("v"), NAMES("f")), "axis", 1);
  add_f32(g, "low", 1, INTS(1), FLOATS(-1));
  add_zeros(g, "fc", 1, 4, 2, INTS(5, 48));
  n = add_node(g, "Gemm", "/fc", NAMES("f", "fc"), NAMES("h"));
  add_int(n, "transB", 1);
  add_float(n, "alpha", 0.5f);
  add_zeros(g, "m", 1, 4, 2, INTS(5, 5));
  add_zeros(g, "mb", 1, 4, 1, INTS(5));
  add_node(g, "MatMul", "/mm", NAMES("h", "m"), NAMES("k"));
  add_node(g, "Add", "/ma", NAMES("k", "mb"), NAMES("l"));
  add_node(g, "Dropout", "/drop", NAMES("l"), NAMES("d", "mask"));
  add_node(g, "Softmax", "/soft", NAMES("d"), NAMES("s"));
  add_int(add_node(g, "ReduceMean", "/mean", NAMES("s"), NAMES("z")), "keepdims", 0);
  add_untyped_output(g, "mask");
  add_untyped_output(g, "y");
}

static void quantized(void) {
  float_input("x", 1, 3, 2, 2);
  add_f32(g, "s", 1, INTS(3), FLOATS(0.5f, 0.25f, 1));
  add_f32(g, "s1", 1, INTS(1), FLOATS(0.5f));
  add_zeros(g, "z", 3, 1, 1, INTS(3));
  add_node(g, "QuantizeLinear", "/q", NAMES("x", "s", "z"), NAMES("q"));
  add_node(g, "DequantizeLinear", "/dq", NAMES("q", "s", "z"), NAMES("d"));
  add_node(g, "QuantizeLinear", "/q1", NAMES("d", "s1"), NAMES("y"));
  add_untyped_output(g, "y");
  add_zeros(g, "w", 3, 1, 4, INTS(3, 3, 1, 1));
  add_zeros(g, "b", 6, 4, 1, INTS(3));
  add_zeros(g, "z0", 3, 1, 0, NULL);
  add_node(g, "QuantizeLinear", "/q2", NAMES("x", "s1", "z0"), NAMES("q2"));
  add_ints(add_node(g, "QLinearConv", "/qc", NAMES("q2", "s1", "z0", "w", "s", "z", "s1", "z0", "b"), NAMES("v")),
           "pads", 4, INTS(0, 1, 0, 0));
  add_node(g, "ConvInteger", "/ci", NAMES("v", "w", "z0", "z"), NAMES("ci"));
  add_untyped_output(g, "ci");
  add_node(g, "DynamicQuantizeLinear", "/dq2", NAMES("x"), NAMES("u", "us", "uz"));
  add_zeros(g, "w2", 3, 1, 2, INTS(2, 3));
  add_zeros(g, "z2", 3, 1, 2, INTS(2, 2));
  add_f32(g, "s2", 2, INTS(2, 2), FLOATS(1, 2, 3, 4));
  add_node(g, "MatMulInteger", "/mi", NAMES("u", "w2", "uz", "z"), NAMES("mi"));
  add_untyped_output(g, "mi");
  add_int(add_node(g, "DequantizeLinear", "/bd", NAMES("w2", "s2", "z2"), NAMES("bd")), "block_size", 2);
  add_untyped_output(g, "bd");
}

static Onnx__NodeProto *contrib_node(const char *op, const char *const *inputs, const char *out) {
  Onnx__NodeProto *n = add_node(g, op, out, inputs, NAMES(out));
  free(n->domain);
  n->domain = strdup("com.microsoft");
  add_untyped_output(g, out);
  return n;
}

static void contrib(void) {
  float_input("x", 1, 3, 2, 2);
  add_f32(g, "s", 0, NULL, FLOATS(0.5f));
  add_zeros(g, "z", 3, 1, 0, NULL);
  add_zeros(g, "w", 1, 4, 4, INTS(3, 3, 1, 1));
  add_zeros(g, "v", 1, 4, 1, INTS(2));
  add_zeros(g, "b", 3, 1, 2, INTS(2, 3));
  add_zeros(g, "c", 6, 4, 1, INTS(3));
  add_string(contrib_node("FusedConv", NAMES("x", "w", "", "x"), "f"), "activation", "LeakyRelu");
  add_int(contrib_node("FusedMatMul", NAMES("x", "x"), "m"), "transB", 1);
  contrib_node("QuickGelu", NAMES("x"), "k");
  contrib_node("SkipLayerNormalization", NAMES("x", "x", "v", "", "v"), "n");
  add_node(g, "QuantizeLinear", "/q", NAMES("x", "s", "z"), NAMES("q"));
  contrib_node("QLinearAdd", NAMES("q", "s", "z", "q", "s", "", "s"), "a");
  add_ints(contrib_node("QLinearAveragePool", NAMES("q", "s", "", "s", "z"), "p"), "kernel_shape", 2, INTS(2, 2));
  contrib_node("QLinearConcat", NAMES("s", "z", "q", "s", "z", "a", "s", "z"), "l");
  add_int(contrib_node("QLinearSoftmax", NAMES("q", "s", "z", "s", "z"), "o"), "opset", 12);
  add_int(add_node(g, "Flatten", "/flat", NAMES("q"), NAMES("r")), "axis", 3);
  add_float(contrib_node("QGemm", NAMES("r", "s", "z", "b", "s", "z", "c"), "e"), "alpha", 2);
  contrib_node("DynamicQuantizeMatMul", NAMES("x", "b", "s", "z"), "d");
}

static void shapes(void) {
  add_input(g, "x", 1, 3, INTS(-1, 6, 4));
  add_i64(g, "0", 1, INTS(0));
  add_i64(g, "1", 1, INTS(1));
  add_i64(g, "2", 1, INTS(2));
  add_node(g, "Shape", "/shape", NAMES("x"), NAMES("n"));
  add_node(g, "Gather", "/g0", NAMES("n", "0"), NAMES("n0"));
  add_node(g, "Gather", "/g1", NAMES("n", "1"), NAMES("n1"));
  add_node(g, "Div", "/half", NAMES("n1", "2"), NAMES("half"));
  add_node(g, "Slice", "/slice", NAMES("x", "half", "n1", "1"), NAMES("part"));
  add_int(add_node(g, "Concat", "/cat", NAMES("n0", "half", "2", "2"), NAMES("size")), "axis", 0);
  add_node(g, "Reshape", "/reshape", NAMES("part", "size"), NAMES("r"));
  add_int(add_node(g, "Concat", "/cat2", NAMES("half", "2", "2"), NAMES("fill")), "axis", 0);
  add_node(g, "ConstantOfShape", "/filled", NAMES("fill"), NAMES("ones"));
  add_node(g, "Add", "/add", NAMES("r", "ones"), NAMES("a"));
  add_ints(add_node(g, "Transpose", "/t", NAMES("a"), NAMES("t")), "perm", 4, INTS(0, 2, 3, 1));
  add_i64(g, "pads", 8, INTS(0, 0, 1, 1, 0, 0, 1, 0));
  add_node(g, "Pad", "/pad", NAMES("t", "pads"), NAMES("p"));
  add_int(add_node(g, "Split", "/split", NAMES("p"), NAMES("l", "e")), "axis", 1);
  add_i64(g, "axes", 2, INTS(0, 3));
  add_node(g, "Unsqueeze", "/uns", NAMES("l", "axes"), NAMES("u"));
  add_node(g, "Squeeze", "/squ", NAMES("u", "axes"), NAMES("y"));
  add_int(add_node(g, "Cast", "/cast", NAMES("e"), NAMES("c")), "to", 11);
  add_untyped_output(g, "y");
  add_untyped_output(g, "c");
}

/* The body is read twice, since what it carries grows; it calls a function. */
static void add_loop(void) {
  Onnx__GraphProto *f = graph_new("");
  add_ref(add_node(f, "Concat", "cat", NAMES("a", "b"), NAMES("y")), "axis", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
          "dim");
  add_default(add_function(proto, "local", "join", 15, NAMES("a", "b"), NAMES("y"), f), "dim", 0);
  add_input(g, "n", 7, 0, NULL);
  Onnx__GraphProto *body = graph_new("body");
  add_input(body, "i", 7, 0, NULL);
  add_input(body, "c", 9, 0, NULL);
  add_input(body, "v", 1, 4, INTS(-1, 3, 2, 2));
  add_zeros(body, "lw", 1, 4, 4, INTS(1, 3, 2, 2));
  in_domain(add_node(body, "join", "/join", NAMES("v", "lw"), NAMES("v1")), "local");
  add_node(body, "Mul", "/mul", NAMES("lw", "x"), NAMES("s"));
  add_untyped_output(body, "c");
  add_untyped_output(body, "v1");
  add_untyped_output(body, "s");
  add_graph(add_node(g, "Loop", "/loop", NAMES("n", "", "x"), NAMES("carried", "all")), "body", body);
  add_untyped_output(g, "carried");
  add_untyped_output(g, "all");
}

static void foreign(void) {
  float_input("x", 1, 3, 2, 2);
  add_input(g, "cond", 9, 0, NULL);
  add_zeros(g, "w", 1, 4, 4, INTS(1, 3, 1, 1));
  Onnx__NodeProto *n = add_node(g, "Foreign", "/f", NAMES("x"), NAMES("f"));
  add_int(n, "i", 3);
  add_float(n, "f", 0.1f);
  add_ints(n, "is", 3, INTS(1, 2, 3));
  add_string(n, "s", "text");
  add_node(g, "Relu", "/r", NAMES("f"), NAMES("r"));
  n = add_node(g, "If", "/if", NAMES("cond"), NAMES("y"));
  Onnx__GraphProto *inner = graph_new("branch");
  add_node(inner, "Mul", "/inner", NAMES("r", "w"), NAMES("t"));
  add_graph(add_node(inner, "If", "/deep", NAMES("cond"), NAMES("u")), "then_branch", branch("Add", "t", "r", "v"));
  add_untyped_output(inner, "u");
  add_graph(n, "then_branch", inner);
  add_graph(n, "else_branch", branch("Add", "x", "r", "t"));
  add_node(g, "Identity", "/id", NAMES("y"), NAMES("out"));
  add_loop();
  add_untyped_output(g, "out");
}

static void (*const models[])(void) = {windows, norms_and_products, quantized, contrib, shapes, foreign};

/* ---- the road ---- */

/* A file: bytes in memory, or a path, mapped or read. */
typedef struct source {
  const void *file;
  size_t size;
  const char *path;
  bool map;
} source;

/* The module as text, owned by the caller; NULL: an error of memory stands. */
static char *road(test_heap *k, const source *from) {
  graft_context *context = heap_context(k);
  if (!context) return NULL;
  char *copy = NULL, *printed = NULL;
  size_t size = 0;
  const graft_load_options o = {.size = sizeof o, .map = from->map};
  graft_module *module = from->path ? graft_module_load(context, from->path, &o)
                                    : graft_module_load_memory(context, from->file, from->size, "test.onnx", NULL);
  const bool errors = graft_context_has_errors(context);
  ck_assert_msg((module == NULL) == errors, "allocation %llu: %s", (unsigned long long)k->fail_at,
                errors ? "a module, and an error stands" : "no module, and no error");
  if (errors) {
    char message[500];
    graft_diagnostic d = graft_diagnostic_get(context, graft_diagnostic_count(context) - 1);
    graft_diagnostic_format(&d, message, sizeof message);
    ck_assert_msg(k->fail_at && d.code == GRAFT_NO_MEMORY, "allocation %llu: %s", (unsigned long long)k->fail_at,
                  message);
  }
  if (module && graft_module_print(module, GRAFT_FORMAT_TEXT, &printed, &size) == GRAFT_OK) {
    copy = malloc(size + 1);
    memcpy(copy, printed, size);
    copy[size] = '\0';
    graft_free(context, printed, size);
  }
  graft_module_destroy(module);
  graft_context_destroy(context);
  return copy;
}

/* Each fails, once and for good. */
static void fail_everywhere(const source *from) {
  test_heap whole = {0};
  char *right = road(&whole, from);
  ck_assert_ptr_nonnull(right);
  ck_assert_uint_eq(whole.live, 0);
  for (uint64_t n = 2; n < 2 * whole.calls + 2; n++) {
    test_heap k = {.fail_at = n / 2, .forever = n % 2};
    char *made = road(&k, from);
    ck_assert_msg(!made || strcmp(made, right) == 0, "allocation %llu: another module", (unsigned long long)n / 2);
    ck_assert_msg(k.live == 0, "allocation %llu: %zu bytes leak", (unsigned long long)n / 2, k.live);
    free(made);
  }
  free(right);
}

START_TEST(every_allocation_may_fail) {
  models[_i]();
  source from = {0};
  unsigned char *file = model_pack(proto, &from.size);
  from.file = file;
  fail_everywhere(&from);
  free(file);
}
END_TEST

/* Weights beside the model, read and mapped. */
START_TEST(with_external_data) {
  scratch_create();
  Onnx__TensorProto *t = new_tensor("outside", 1, 1, INTS(3));
  add_external(t, "location", "w.bin");
  add_external(t, "offset", "4");
  add_initializer(g, t);
  add_input(g, "x", 1, 1, INTS(3));
  add_node(g, "Add", "/a", NAMES("x", "outside"), NAMES("y"));
  add_untyped_output(g, "y");
  size_t size;
  unsigned char *file = model_pack(proto, &size);
  const float values[] = {9, 1, 2, 3};
  const struct {
    const char *name;
    const void *bytes;
    size_t size;
  } files[] = {{"w.bin", values, sizeof values}, {"m.onnx", file, size}};
  for (int i = 0; i < 2; i++) {
    FILE *f = fopen(scratch_path(files[i].name), "wb");
    ck_assert(f && fwrite(files[i].bytes, 1, files[i].size, f) == files[i].size && fclose(f) == 0);
  }
  free(file);
  const source from = {.path = scratch_path("m.onnx"), .map = _i};
  fail_everywhere(&from);
  scratch_destroy();
}
END_TEST

int main(void) {
  Suite *s = suite_create("onnx-memory");
  TCase *t = tcase_create("memory");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, every_allocation_may_fail, 0, (int)(sizeof models / sizeof *models));
  tcase_add_loop_test(t, with_external_data, 0, 2);
  suite_add_tcase(s, t);
  return run_suite(s);
}
