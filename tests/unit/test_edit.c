/* Edits through the public headers: what goes, other names, another order; what the verifier refuses they refuse, and
 * after a refusal, a lack of memory, or an edit taken back the module is the one before, byte for byte. */
#include "ir/edit.h"

#include "heap.h"
#include "ir/graph/graph_impl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static test_heap heap;

static const char network[] = "graft 1\n"
                              "tensor %w: f32[2, 2] parameter = [0.5, -0.25, 0.125, 1.0]\n"
                              "tensor %s: f32[2, 2] buffer = fill(\"s\", -0.5, 0.5)\n"
                              "tensor %t: f32[2, 2] buffer = [1.0, 1.0, 1.0, 1.0]\n"
                              "tensor %c: f32[2, 2] constant = [1.0, 2.0, 3.0, 4.0]\n"
                              "graph main(%x: f32[2, 2], %y: f32[2, 2], %unused: f32[3], %p: bool[]) {\n"
                              "  %add = add(%x, %w): f32[2, 2] from \"first\"\n"
                              "  %relu = relu(%add): f32[2, 2]\n"
                              "  %mul = mul(%relu, %s): f32[2, 2]\n"
                              "  %if = if(%p, %mul) {then_branch: @then, else_branch: @else}: f32[2, 2]\n"
                              "  %last = add(%if, %c): f32[2, 2]\n"
                              "  return %last as \"a\", %mul as \"b\", %x as \"c\"\n"
                              "  update %s = %mul\n"
                              "}\n"
                              "graph spare(%a: f32[2]) {\n  return %a\n}\n"
                              "graph then(%a: f32[2, 2]) {\n  %m = relu(%a): f32[2, 2]\n  return %m\n}\n"
                              "graph else(%a: f32[2, 2]) {\n  return %a\n}\n";

static graft_context *c;
static graft_module *m;
static graft_graph *g;

static void setup(void) {
  heap = (test_heap){0};
  c = heap_context(&heap);
  m = graft_module_load_memory(c, network, sizeof network - 1, "network", NULL);
  ck_assert_msg(m != NULL, "%s", graft_diagnostic_get(c, 0).message);
  g = graft_module_get_graph(m, 0);
}

static void teardown(void) {
  graft_module_destroy(m);
  graft_context_destroy(c);
}

static graft_value value(const char *name) { return graft_value_find(g, name); }
static graft_tensor tensor(const char *name) { return graft_tensor_find(m, name); }
static graft_node node(const char *name) { return graft_value_node(g, value(name)); }

typedef struct text {
  char *bytes;
  size_t size;
} text;

static text written(void) {
  text t;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_TEXT, &t.bytes, &t.size), GRAFT_OK);
  return t;
}

static bool same(text *a, text *b) {
  const bool equal = a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
  graft_free(c, a->bytes, a->size);
  graft_free(c, b->bytes, b->size);
  return equal;
}

static void sound(void) {
  const graft_status status = graft_module_verify(m);
  ck_assert_msg(status == GRAFT_OK, "%s: %s", graft_diagnostic_get(c, 0).node, graft_diagnostic_get(c, 0).message);
}

/* Refused with this status; the first diagnostic has both texts; nothing has changed. */
#define REFUSED(status, of, says, call) \
  do { \
    text before = written(); \
    ck_assert_msg((call) == (status), "%s", #call); \
    ck_assert_msg(graft_diagnostic_count(c) > 0, "%s: no diagnostic", #call); \
    const graft_diagnostic d = graft_diagnostic_get(c, 0); \
    ck_assert_msg(strncmp(d.node, of, strlen(of)) == 0 && strstr(d.message, says), "%s: '%s: %s'", #call, d.node, \
                  d.message); \
    graft_diagnostics_clear(c); \
    text after = written(); \
    ck_assert_msg(same(&before, &after), "%s: something has changed", #call); \
    sound(); \
  } while (0)

#define DONE(call) \
  do { \
    const graft_status status_ = (call); \
    ck_assert_msg(status_ == GRAFT_OK, "%s: %s", #call, graft_diagnostic_get(c, 0).message); \
    sound(); \
  } while (0)

START_TEST(builders_refuse_what_the_verifier_refuses) {
  const graft_type bad = {(graft_dtype)77, 1, {2}}, odd = {GRAFT_F32, 2, {2, -7}}, deep = {GRAFT_F32, 9, {2}},
                   low = {GRAFT_F32, -2, {0}}, small = {GRAFT_F32, 1, {3}};
  graft_value x = value("x"), p = value("p");
  REFUSED(GRAFT_INVALID_ARGUMENT, "s", "updated twice", graft_update_add(g, tensor("s"), x));
  REFUSED(GRAFT_INVALID_ARGUMENT, "c", "constant", graft_update_add(g, tensor("c"), x));
  REFUSED(GRAFT_TYPE, "t", "another type", graft_update_add(g, tensor("t"), p));
  REFUSED(GRAFT_NAME, "b", "another output", graft_output_add(g, "b", x));
  REFUSED(GRAFT_INVALID_ARGUMENT, "", "needs a name", graft_output_add(g, "", x));
  REFUSED(GRAFT_NONE, "y", "taken", graft_input_add(g, "y", &small));
  REFUSED(GRAFT_NONE, "w", "taken", graft_input_add(g, "w", &small));
  REFUSED(GRAFT_NONE, "mul", "taken", graft_input_add(g, "mul", &small));
  REFUSED(GRAFT_NONE, "n", "dtype 77", graft_input_add(g, "n", &bad));
  REFUSED(GRAFT_NONE, "n", "extent -7 of axis 1", graft_input_add(g, "n", &odd));
  REFUSED(GRAFT_NONE, "n", "rank 9", graft_input_add(g, "n", &deep));
  REFUSED(GRAFT_NONE, "n", "rank -2", graft_input_add(g, "n", &low));
  REFUSED(GRAFT_NONE, "n", "extent -7 of axis 1", graft_tensor_create(m, "n", GRAFT_CONSTANT, &odd, "12345678"));
  REFUSED(GRAFT_NONE, "n", "kind", graft_tensor_create(m, "n", (graft_tensor_kind)7, &small, "123456789012"));
  REFUSED(NULL, "", "called 'main'", graft_graph_create(m, "main"));
  REFUSED(NULL, "", "needs a name", graft_graph_create(m, ""));
  const graft_attr kind = {.name = "level", .kind = (graft_attr_kind)9},
                   dtype = {.name = "dtype", .kind = GRAFT_ATTR_DTYPE, .as.dtype = (graft_dtype)77},
                   lost = {.name = "body", .kind = GRAFT_ATTR_GRAPH, .as.graph = 17},
                   itself = {.name = "body", .kind = GRAFT_ATTR_GRAPH, .as.graph = 0};
  REFUSED(GRAFT_NONE, "vendor.op", "kind 9", graft_build(g, "vendor.op", &x, 1, &kind, 1));
  REFUSED(GRAFT_NONE, "vendor.op", "dtype 77", graft_build(g, "vendor.op", &x, 1, &dtype, 1));
  REFUSED(GRAFT_NONE, "vendor.op", "graph 17, the module has 4", graft_build(g, "vendor.op", &x, 1, &lost, 1));
  REFUSED(GRAFT_NONE, "vendor.op", "does not come after", graft_build(g, "vendor.op", &x, 1, &itself, 1));
  REFUSED(GRAFT_NONE, "vendor.op", "dtype 77",
          graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                     .op = "vendor.op",
                                                     .operands = &x,
                                                     .operand_count = 1,
                                                     .result_count = 1,
                                                     .types = &bad}));
  const graft_attr bare[] = {{.name = "then_branch", .kind = GRAFT_ATTR_GRAPH, .as.graph = 4},
                             {.name = "else_branch", .kind = GRAFT_ATTR_GRAPH, .as.graph = 4}};
  ck_assert_ptr_nonnull(graft_graph_create(m, "empty"));
  REFUSED(GRAFT_NONE, "if", "no result", graft_build(g, "if", &p, 1, bare, 2));
  REFUSED(GRAFT_NONE, "if", "needs the attribute 'then_branch'", graft_build(g, "if", &p, 1, NULL, 0));
  const graft_attr nan = {.name = "momentum", .kind = GRAFT_ATTR_FLOAT, .as.f = (double)NAN};
  const graft_value norm[] = {x, GRAFT_NONE, GRAFT_NONE, x, x};
  REFUSED(GRAFT_NONE, "batch_norm", "momentum", graft_build(g, "batch_norm", norm, 5, &nan, 1));
}
END_TEST

/* Numbers that integers cannot be computed with. */
START_TEST(scales_are_looked_at) {
  const graft_type type = {GRAFT_U8, 1, {3}};
  graft_value q = graft_input_add(g, "q", &type), one = graft_scalar(g, GRAFT_F32, 1),
              zero = graft_scalar(g, GRAFT_I32, 0);
  graft_value none = graft_scalar(g, GRAFT_F32, 0), far = graft_scalar(g, GRAFT_I32, 256);
  graft_value operands[] = {q, q, none, zero, one, zero, one, zero};
  REFUSED(GRAFT_NONE, "quantized", "x_scale is 0", graft_build(g, "quantized.add", operands, 8, NULL, 0));
  operands[2] = one;
  const graft_node n = graft_value_node(g, graft_build(g, "quantized.add", operands, 8, NULL, 0));
  REFUSED(GRAFT_TYPE, "quantized", "x_zero_point is 256", graft_node_set_operand(g, n, 3, far));
  const float bad = 0;
  REFUSED(GRAFT_TYPE, "quantized", "scale is 0", graft_tensor_set_data(m, graft_value_tensor(g, one), &bad));
  REFUSED(GRAFT_TYPE, "quantized", "scale is 0", graft_value_replace_uses(g, one, none));
}
END_TEST

START_TEST(operands_come_before_their_readers) {
  const graft_value last = value("last"), add = value("add"), mul = value("mul");
  REFUSED(GRAFT_INVALID_ARGUMENT, "relu", "%last is defined later", graft_node_set_operand(g, node("relu"), 0, last));
  REFUSED(GRAFT_INVALID_ARGUMENT, "relu", "%relu is defined later",
          graft_node_set_operand(g, node("relu"), 0, value("relu")));
  REFUSED(GRAFT_INVALID_ARGUMENT, "relu", "%mul is defined later", graft_value_replace_uses(g, add, mul));
  REFUSED(GRAFT_NONE, "relu", "%mul is defined later",
          graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                     .op = "relu",
                                                     .operands = &mul,
                                                     .operand_count = 1,
                                                     .insert = true,
                                                     .before = node("relu")}));
  REFUSED(GRAFT_INVALID_ARGUMENT, "relu", "%add would be defined later",
          graft_node_move_before(g, node("relu"), node("add")));
  REFUSED(GRAFT_INVALID_ARGUMENT, "add", "'relu', which reads it", graft_node_move_before(g, node("add"), node("mul")));
  REFUSED(GRAFT_INVALID_ARGUMENT, "mul", "which reads it", graft_node_move_before(g, node("mul"), GRAFT_NONE));
  graft_value x = value("x"), free_one = graft_build(g, "tanh", &x, 1, NULL, 0);
  const graft_node n = graft_value_node(g, free_one);
  DONE(graft_node_move_before(g, n, node("add")));
  ck_assert_uint_eq(graft_node_first(g), n);
  DONE(graft_node_move_before(g, n, GRAFT_NONE));
  ck_assert_uint_eq(graft_node_next(g, n), GRAFT_NONE);
  DONE(graft_node_move_before(g, n, node("relu")));
  /* between what is read and who reads it */
  graft_node_options o = {
      .size = sizeof o, .op = "tanh", .operands = &add, .operand_count = 1, .insert = true, .before = node("relu")};
  const graft_node between = graft_node_create(g, &o);
  const graft_value t = graft_node_result(g, between, 0);
  REFUSED(GRAFT_INVALID_ARGUMENT, "tanh_1", "is defined later", graft_value_replace_uses(g, add, t));
  DONE(graft_value_replace_uses_except(g, add, t, between));
  ck_assert_uint_eq(graft_node_operand(g, between, 0), add);
  ck_assert_uint_eq(graft_node_operand(g, node("relu"), 0), t);
  ck_assert_uint_eq(graft_value_use_count(g, add), 1);
}
END_TEST

START_TEST(ends_go) {
  REFUSED(GRAFT_INVALID_ARGUMENT, "x", "still used", graft_input_remove(g, 0));
  REFUSED(GRAFT_INVALID_ARGUMENT, "", "no input 4", graft_input_remove(g, 4));
  DONE(graft_input_remove(g, 2));
  ck_assert_uint_eq(graft_input_count(g), 3);
  ck_assert_uint_eq(graft_input_get(g, 2), value("p"));
  DONE(graft_output_remove(g, 0));
  ck_assert_uint_eq(graft_output_count(g), 2);
  ck_assert_str_eq(graft_output_name(g, 0), "b");
  ck_assert_str_eq(graft_output_name(g, 1), "c");
  DONE(graft_output_set(g, 1, value("add")));
  ck_assert_uint_eq(graft_output_get(g, 1), value("add"));
  REFUSED(GRAFT_INVALID_ARGUMENT, "b", "no value", graft_output_set(g, 0, 1000));
  DONE(graft_output_add(g, "a", value("x")));
}
END_TEST

START_TEST(tensors_and_graphs_go) {
  REFUSED(GRAFT_INVALID_ARGUMENT, "w", "still read", graft_tensor_erase(m, tensor("w")));
  DONE(graft_node_set_operand(g, node("mul"), 1, value("w")));
  REFUSED(GRAFT_INVALID_ARGUMENT, "s", "'main' still updates", graft_tensor_erase(m, tensor("s")));
  REFUSED(GRAFT_INVALID_ARGUMENT, "s", "'main' updates", graft_tensor_set_kind(m, tensor("s"), GRAFT_CONSTANT));
  REFUSED(GRAFT_INVALID_ARGUMENT, "t", "kind 5", graft_tensor_set_kind(m, tensor("t"), (graft_tensor_kind)5));
  DONE(graft_update_remove(g, tensor("s")));
  REFUSED(GRAFT_INVALID_ARGUMENT, "s", "does not update", graft_update_remove(g, tensor("s")));
  DONE(graft_tensor_set_kind(m, tensor("s"), GRAFT_CONSTANT));
  DONE(graft_tensor_erase(m, tensor("s")));
  ck_assert_uint_eq(tensor("s"), GRAFT_NONE);
  DONE(graft_update_add(g, tensor("t"), value("mul"))); /* and once more after it went */
  DONE(graft_update_remove(g, tensor("t")));
  DONE(graft_update_add(g, tensor("t"), value("mul")));
  graft_graph *spare = graft_module_get_graph(m, 1), *then = graft_module_get_graph(m, 2);
  REFUSED(GRAFT_INVALID_ARGUMENT, "", "entry", graft_graph_remove(g));
  REFUSED(GRAFT_INVALID_ARGUMENT, "if", "runs graph 'then'", graft_graph_remove(then));
  const uint64_t hash = graft_module_hash(m);
  DONE(graft_graph_remove(spare));
  ck_assert_uint_eq(graft_module_graph_count(m), 3);
  ck_assert_ptr_eq(graft_module_get_graph(m, 1), then);
  graft_attr branch;
  ck_assert(graft_node_attr(g, node("if"), "else_branch", &branch));
  ck_assert_uint_eq(branch.as.graph, 2);
  ck_assert(graft_module_hash(m) != hash);
  graft_value args[] = {value("p"), value("mul")};
  const graft_attr attrs[] = {{.name = "then_branch", .kind = GRAFT_ATTR_GRAPH, .as.graph = 1},
                              {.name = "else_branch", .kind = GRAFT_ATTR_GRAPH, .as.graph = 2}};
  const graft_value again = graft_build(g, "if", args, 2, attrs, 2);
  ck_assert_uint_ne(again, GRAFT_NONE);
  ck_assert_uint_eq(gr_node_at(g, graft_value_node(g, again))->attrs, gr_node_at(g, node("if"))->attrs);
  sound();
}
END_TEST

START_TEST(names_change) {
  DONE(graft_input_rename(g, 0, "image"));
  ck_assert_uint_eq(value("image"), graft_input_get(g, 0));
  ck_assert_uint_eq(value("x"), GRAFT_NONE);
  REFUSED(GRAFT_NAME, "image", "'y' is taken", graft_input_rename(g, 0, "y"));
  REFUSED(GRAFT_NAME, "image", "'w' is taken", graft_input_rename(g, 0, "w"));
  DONE(graft_input_rename(g, 0, "image"));
  DONE(graft_output_rename(g, 1, "middle"));
  ck_assert_str_eq(graft_output_name(g, 1), "middle");
  REFUSED(GRAFT_NAME, "a", "another output", graft_output_rename(g, 1, "a"));
  DONE(graft_output_rename(g, 1, "b"));
  DONE(graft_value_rename(g, value("mul"), "layer.1"));
  ck_assert_uint_eq(node("layer.1"), graft_value_node(g, graft_output_get(g, 1)));
  REFUSED(GRAFT_NAME, "layer.1", "'relu' is taken", graft_value_rename(g, value("layer.1"), "relu"));
  REFUSED(GRAFT_INVALID_ARGUMENT, "layer.1", "missing", graft_value_rename(g, value("layer.1"), ""));
  REFUSED(GRAFT_INVALID_ARGUMENT, "y", "graft_input_rename", graft_value_rename(g, value("y"), "z"));
  REFUSED(GRAFT_INVALID_ARGUMENT, "w", "graft_tensor_rename", graft_value_rename(g, value("w"), "z"));
  DONE(graft_tensor_rename(m, tensor("w"), "weight"));
  ck_assert_uint_eq(value("weight"), graft_tensor_value(g, tensor("weight")));
  REFUSED(GRAFT_NAME, "weight", "'add' is taken", graft_tensor_rename(m, tensor("weight"), "add"));
  REFUSED(GRAFT_NAME, "weight", "'m' is taken", graft_tensor_rename(m, tensor("weight"), "m")); /* of another graph */
  graft_value x = graft_input_get(g, 0), made = graft_build(g, "layer", &x, 1, NULL, 0);
  DONE(graft_value_rename(g, made, "layer_7"));
  made = graft_build(g, "layer", &x, 1, NULL, 0); /* what is made up keeps clear of it */
  sound();
  DONE(graft_graph_rename(g, "network"));
  REFUSED(GRAFT_NAME, "", "'then'", graft_graph_rename(g, "then"));
  ck_assert_ptr_nonnull(graft_graph_create(m, "main"));
  REFUSED(GRAFT_NAME, "", "'main'", graft_graph_rename(g, "main"));
}
END_TEST

/* Beyond a few the names are looked up in maps, which follow what goes and what is taken back. */
START_TEST(many_ends_and_graphs) {
  char name[32];
  for (int i = 0; i < 100; i++) {
    snprintf(name, sizeof name, "out.%d", i);
    DONE(graft_output_add(g, name, value("x")));
    snprintf(name, sizeof name, "graph.%d", i);
    ck_assert_ptr_nonnull(graft_graph_create(m, name));
  }
  REFUSED(GRAFT_NAME, "out.50", "another output", graft_output_add(g, "out.50", value("x")));
  REFUSED(NULL, "", "'graph.50'", graft_graph_create(m, "graph.50"));
  for (int i = 0; i < 40; i++) DONE(graft_output_remove(g, 20));
  REFUSED(GRAFT_NAME, "out.99", "another output", graft_output_add(g, "out.99", value("x")));
  DONE(graft_output_add(g, "out.50", value("y")));
  gr_edit edit = gr_edit_begin(m);
  DONE(graft_output_remove(g, 5));
  DONE(graft_output_rename(g, 5, "out.2"));
  ck_assert_int_eq(gr_edit_end(m, edit, GRAFT_PASS), GRAFT_PASS);
  REFUSED(GRAFT_NAME, "out.2", "another output", graft_output_add(g, "out.2", value("x")));
  REFUSED(GRAFT_NAME, "out.3", "another output", graft_output_add(g, "out.3", value("x")));
  while (graft_module_graph_count(m) > 5) DONE(graft_graph_remove(graft_module_get_graph(m, 4)));
  ck_assert_ptr_nonnull(graft_graph_create(m, "graph.50"));
  const graft_type type = {GRAFT_F32, 2, {2, 2}};
  graft_tensor first = GRAFT_NONE;
  for (int i = 0; i < 50; i++) {
    snprintf(name, sizeof name, "state.%d", i);
    graft_tensor t = graft_tensor_fill(m, name, GRAFT_BUFFER, &type, 0, 1);
    if (i == 0) first = t;
    DONE(graft_update_add(g, t, value("x")));
  }
  REFUSED(GRAFT_INVALID_ARGUMENT, "state.0", "twice", graft_update_add(g, first, value("x")));
  edit = gr_edit_begin(m);
  DONE(graft_update_remove(g, first));
  DONE(graft_update_add(g, first, value("y")));
  ck_assert_int_eq(gr_edit_end(m, edit, GRAFT_PASS), GRAFT_PASS);
  REFUSED(GRAFT_INVALID_ARGUMENT, "state.0", "twice", graft_update_add(g, first, value("x")));
  ck_assert_int_eq(graft_module_compact(m), GRAFT_OK);
  REFUSED(GRAFT_INVALID_ARGUMENT, "state.0", "twice", graft_update_add(g, tensor("state.0"), value("x")));
}
END_TEST

START_TEST(types_of_inputs) {
  const graft_type free_batch = {GRAFT_F32, 2, {-1, 2}}, three = {GRAFT_F32, 2, {2, 3}}, odd = {GRAFT_F32, 1, {-7}};
  REFUSED(GRAFT_TYPE, "add", "add", graft_input_set_type(g, 0, &three));
  REFUSED(GRAFT_INVALID_ARGUMENT, "x", "extent -7", graft_input_set_type(g, 0, &odd));
  DONE(graft_input_set_type(g, 2, &three)); /* nothing reads it */
  graft_value y = value("y"), t = graft_build(g, "tanh", &y, 1, NULL, 0), s = graft_build(g, "sigmoid", &t, 1, NULL, 0);
  DONE(graft_input_set_type(g, 1, &free_batch));
  ck_assert_int_eq(graft_value_get_type(g, t).dims[0], -1);
  ck_assert_int_eq(graft_value_get_type(g, s).dims[0], -1);
  DONE(graft_update_add(g, tensor("t"), s));
  REFUSED(GRAFT_TYPE, "t", "another type", graft_input_set_type(g, 1, &three));
}
END_TEST

/* ---- copies, borrowed bytes, data of the embedder's ---- */

static uint32_t releases;
static size_t released;

static void release(void *user, const void *data, size_t size) {
  (void)data;
  *(uint32_t *)user += 1;
  released = size;
}

START_TEST(clones_are_equal_and_apart) {
  graft_context *other = graft_context_create(NULL);
  graft_module *near = graft_module_clone(NULL, m), *far = graft_module_clone(other, m);
  ck_assert(near && far);
  ck_assert_ptr_eq(graft_module_get_context(near), c);
  ck_assert_ptr_eq(graft_module_get_context(far), other);
  ck_assert_int_eq(graft_module_verify(near), GRAFT_OK);
  ck_assert_int_eq(graft_module_verify(far), GRAFT_OK);
  const uint64_t hash = graft_module_hash(m);
  ck_assert(graft_module_hash(near) == hash && graft_module_hash(far) == hash);
  char *a, *b;
  size_t a_size, b_size;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_TEXT, &a, &a_size), GRAFT_OK);
  ck_assert_int_eq(graft_module_print(far, GRAFT_FORMAT_TEXT, &b, &b_size), GRAFT_OK);
  ck_assert(a_size == b_size && memcmp(a, b, a_size) == 0);
  graft_free(c, a, a_size);
  graft_free(other, b, b_size);
  const graft_tensor w = tensor("w");
  ck_assert_ptr_eq(graft_tensor_get_data(near, w), graft_tensor_get_data(m, w));
  ck_assert_ptr_ne(graft_tensor_get_data(far, w), graft_tensor_get_data(m, w));
  float *mine = gr_tensor_write(near, w);
  mine[0] = 7;
  ck_assert_ptr_ne(graft_tensor_get_data(near, w), graft_tensor_get_data(m, w));
  ck_assert(graft_module_hash(m) == hash && graft_module_hash(near) != hash);
  graft_graph *copy = graft_module_get_graph(far, 0);
  ck_assert_int_eq(graft_output_remove(copy, 0), GRAFT_OK);
  graft_value x = graft_input_get(copy, 0);
  ck_assert_uint_ne(graft_build(copy, "relu", &x, 1, NULL, 0), GRAFT_NONE);
  ck_assert_int_eq(graft_module_verify(far), GRAFT_OK);
  ck_assert(graft_module_hash(m) == hash);
  graft_module_destroy(near);
  teardown(); /* the original may go first */
  ck_assert_ptr_nonnull(graft_tensor_get_data(far, w));
  graft_module_destroy(far);
  graft_context_destroy(other);
  setup();
}
END_TEST

START_TEST(borrowed_bytes_stay_where_they_are) {
  static float bytes[4 + 1] = {1, 2, 3, 4, 5};
  const graft_type type = {GRAFT_F32, 2, {2, 2}};
  releases = 0;
  graft_tensor t = graft_tensor_borrow(m, "lent", GRAFT_PARAMETER, &type, bytes, release, &releases);
  ck_assert_ptr_eq(graft_tensor_get_data(m, t), bytes);
  sound();
  graft_module *near = graft_module_clone(NULL, m);
  float *mine = gr_tensor_write(m, t);
  ck_assert(mine != bytes && mine[3] == 4);
  ck_assert_uint_eq(releases, 0); /* the clone has them still */
  graft_module_destroy(near);
  ck_assert_uint_eq(releases, 1);
  ck_assert_uint_eq(released, sizeof(float) * 4);
  DONE(graft_tensor_set_data_borrowed(m, t, bytes + 1, release, &releases));
  ck_assert_ptr_eq(graft_tensor_get_data(m, t), bytes + 1);
  gr_edit edit = gr_edit_begin(m);
  DONE(graft_tensor_set_data(m, t, bytes));
  ck_assert_uint_eq(releases, 1); /* they may be wanted again */
  ck_assert_int_eq(gr_edit_end(m, edit, GRAFT_PASS), GRAFT_PASS);
  ck_assert_ptr_eq(graft_tensor_get_data(m, t), bytes + 1);
  DONE(graft_tensor_set_data(m, t, bytes));
  ck_assert_uint_eq(releases, 2);
  /* refused: released at once */
  REFUSED(GRAFT_NONE, "odd", "multiple of 4",
          graft_tensor_borrow(m, "odd", GRAFT_CONSTANT, &type, (char *)bytes + 1, release, &releases));
  ck_assert_uint_eq(releases, 3);
  REFUSED(GRAFT_NONE, "", "name", graft_tensor_borrow(m, "", GRAFT_CONSTANT, &type, bytes, release, &releases));
  REFUSED(GRAFT_INVALID_ARGUMENT, "", "no such tensor",
          graft_tensor_set_data_borrowed(m, 1000, bytes, release, &releases));
  ck_assert_uint_eq(graft_tensor_borrow(NULL, "n", GRAFT_CONSTANT, &type, bytes, release, &releases), GRAFT_NONE);
  ck_assert_uint_eq(releases, 6);
  t = graft_tensor_borrow(m, "lent", GRAFT_CONSTANT, &type, bytes, NULL, NULL);
  DONE(graft_tensor_erase(m, t));
}
END_TEST

/* At each place in memory, and when every allocation fails in turn: right or an error, released once. */
START_TEST(files_are_read_in_place) {
  const size_t offset = (size_t[]){0, 8, 4, 1}[_i % 4];
  const graft_type large = {GRAFT_F32, 1, {5000}};
  ck_assert_uint_ne(graft_tensor_value(g, graft_tensor_fill(m, "large", GRAFT_PARAMETER, &large, 0, 1)), GRAFT_NONE);
  ck_assert_ptr_nonnull(gr_tensor_write(m, tensor("large")));
  const uint64_t hash = graft_module_hash(m);
  text file;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_BINARY, &file.bytes, &file.size), GRAFT_OK);
  char *block = aligned_alloc(64, (file.size + 128) / 64 * 64), *at = block + offset;
  memcpy(at, file.bytes, file.size);
  graft_free(c, file.bytes, file.size);
  const graft_load_options o = {
      .size = sizeof o, .borrow = true, .check_hashes = true, .release = release, .release_user = &releases};
  graft_module *read = NULL;
  uint32_t failures = 0;
  for (uint64_t fail = _i < 4 ? 0 : 1; !read; fail++) {
    releases = 0;
    heap_fail(&heap, fail, true);
    read = graft_module_load_memory(c, at, file.size, "lent", &o);
    heap_fail(&heap, 0, false);
    failures += !read;
    ck_assert_msg(read || graft_context_has_errors(c), "%lu: no diagnostic", (unsigned long)fail);
    ck_assert_uint_eq(releases, read && offset % 4 == 0 ? 0 : 1); /* at once where nothing is of use in its place */
    if (!read) graft_diagnostics_clear(c);
  }
  ck_assert(_i < 4 ? failures == 0 : failures > 10);
  const char *data = graft_tensor_get_data(read, graft_tensor_find(read, "large"));
  ck_assert((data >= at && data < at + file.size) == (offset % 4 == 0));
  ck_assert_uint_eq(graft_diagnostic_count(c), offset % 4 == 0 ? 0 : 1); /* said */
  ck_assert(graft_module_hash(read) == hash);
  graft_module_destroy(read);
  ck_assert_uint_eq(releases, 1);
  read = graft_module_load_memory(c, network, sizeof network - 1, "text", &o);
  ck_assert_ptr_nonnull(read);
  ck_assert_uint_eq(releases, 2);
  graft_module_destroy(read);
  ck_assert_ptr_null(graft_module_load_memory(c, at, file.size / 2, "cut", &o));
  ck_assert_uint_eq(releases, 3);
  free(block);
}
END_TEST

static uint32_t ended;
static void end(void *user) {
  (void)user;
  ended++;
}

START_TEST(data_of_the_embedder) {
  int a, b;
  const graft_node relu = node("relu"), mul = node("mul");
  ck_assert_ptr_null(graft_node_get_user(g, relu));
  ck_assert_int_eq(graft_node_set_user(g, relu, &a), GRAFT_OK);
  ck_assert_ptr_eq(graft_node_get_user(g, relu), &a);
  ck_assert_ptr_null(graft_node_get_user(g, mul));
  REFUSED(GRAFT_INVALID_ARGUMENT, "", "no such node", graft_node_set_user(g, 1000, &a));
  gr_edit edit = gr_edit_begin(m);
  ck_assert_int_eq(graft_node_set_user(g, relu, &b), GRAFT_OK);
  graft_value x = value("x");
  const graft_node made = graft_value_node(g, graft_build(g, "tanh", &x, 1, NULL, 0));
  ck_assert_int_eq(graft_node_set_user(g, made, &b), GRAFT_OK);
  ck_assert_int_eq(gr_edit_end(m, edit, GRAFT_PASS), GRAFT_PASS);
  ck_assert_ptr_eq(graft_node_get_user(g, relu), &a);
  const graft_node again = graft_value_node(g, graft_build(g, "tanh", &x, 1, NULL, 0));
  ck_assert_uint_eq(again, made); /* the number is free again: the pointer is not found there */
  ck_assert_ptr_null(graft_node_get_user(g, again));
  ck_assert_int_eq(graft_node_set_user(g, again, &b), GRAFT_OK);
  ck_assert_int_eq(graft_node_move_before(g, again, graft_node_first(g)), GRAFT_OK);
  graft_module *copy = graft_module_clone(NULL, m);
  ck_assert_ptr_null(graft_node_get_user(graft_module_get_graph(copy, 0), relu));
  graft_module_destroy(copy);
  ck_assert_int_eq(graft_module_compact(m), GRAFT_OK);
  ck_assert_ptr_eq(graft_node_get_user(g, graft_node_first(g)), &b);
  ck_assert_ptr_eq(graft_node_get_user(g, node("relu")), &a);
  ck_assert_int_eq(graft_node_erase(g, graft_node_first(g)), GRAFT_OK);
  ck_assert_ptr_null(graft_node_get_user(g, 0));
  ended = 0;
  ck_assert_int_eq(graft_module_set_user(m, &a, end), GRAFT_OK);
  ck_assert_ptr_eq(graft_module_get_user(m), &a);
  ck_assert_int_eq(graft_module_set_user(m, &b, end), GRAFT_OK);
  ck_assert_uint_eq(ended, 1);
  teardown();
  ck_assert_uint_eq(ended, 2);
  setup();
}
END_TEST

/* ---- random edits ---- */

static uint64_t seed;
static uint32_t below(uint32_t n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return n ? (uint32_t)(seed >> 33) % n : 0;
}

static graft_node any_node(void) { return below(g->nodes.len + 1); }
static graft_value any_value(void) { return below(g->values.len + 1); }
static graft_tensor any_tensor(void) { return below(m->tensors.len + 1); }

static const char *any_name(void) {
  static const char *const names[] = {"x",       "y", "mul", "mul_1", "w", "s",     "fresh",
                                      "fresh_2", "a", "out", "then",  "",  "relu_3"};
  return names[below(sizeof names / sizeof *names)];
}

static graft_status made(uint32_t id) { return id == GRAFT_NONE ? GRAFT_TYPE : GRAFT_OK; }

/* One edit of any kind with any arguments. */
static graft_status any_edit(void) {
  static const graft_type types[] = {{GRAFT_F32, 2, {2, 2}},    {GRAFT_F32, 2, {-1, 2}}, {GRAFT_F32, 2, {2, -7}},
                                     {(graft_dtype)77, 0, {0}}, {GRAFT_F32, 2, {2, 3}},  {GRAFT_I32, 2, {2, 2}}};
  static const float numbers[6] = {1, 2, 3, 4, 5, 6};
  const graft_type *type = &types[below(3) ? 0 : below(6)];
  graft_value pair[] = {any_value(), any_value()};
  graft_node_options o = {.size = sizeof o, .op = below(2) ? "relu" : "add", .operands = pair, .operand_count = 2};
  o.operand_count = o.op[0] == 'a' ? 2 : 1;
  o.insert = below(2);
  if (o.insert) o.before = any_node();
  o.name = any_name();
  switch (below(20)) {
  case 0: return graft_input_remove(g, below(8));
  case 1: return made(graft_input_add(g, any_name(), type));
  case 2: return graft_output_remove(g, below(8));
  case 3: return graft_output_add(g, any_name(), any_value());
  case 4: return graft_output_set(g, below(6), any_value());
  case 5: return graft_output_rename(g, below(6), any_name());
  case 6: return graft_update_remove(g, any_tensor());
  case 7: return graft_update_add(g, any_tensor(), any_value());
  case 8: return graft_tensor_erase(m, any_tensor());
  case 9: return graft_tensor_rename(m, any_tensor(), any_name());
  case 10: return graft_tensor_set_kind(m, any_tensor(), (graft_tensor_kind)below(4));
  case 11: return graft_value_rename(g, any_value(), any_name());
  case 12: return graft_input_rename(g, below(6), any_name());
  case 13: return graft_node_move_before(g, any_node(), below(6) ? any_node() : GRAFT_NONE);
  case 14: return graft_value_replace_uses(g, any_value(), any_value());
  case 15: return graft_value_replace_uses_except(g, any_value(), any_value(), any_node());
  case 16: return graft_node_erase(g, any_node());
  case 17: return made(graft_tensor_create(m, below(2) ? "t" : any_name(), (graft_tensor_kind)below(3), type, numbers));
  case 18: return graft_graph_rename(g, any_name());
  default: return made(graft_node_create(g, &o));
  }
}

/* Whatever is done, the verifier agrees; what is refused, or taken back, has changed nothing. */
START_TEST(random_edits_keep_the_module_valid) {
  seed = (uint64_t)_i * 7919 + 1;
  uint32_t done = 0, refused = 0;
  for (int i = 0; i < 150; i++) {
    if (graft_node_count(g) + graft_input_count(g) + graft_output_count(g) > 60) break;
    text before = written();
    const bool back = below(4) == 0;
    gr_edit edit = {0};
    if (back) edit = gr_edit_begin(m);
    graft_status status = GRAFT_OK;
    for (uint32_t k = back ? 1 + below(6) : 1; k > 0; k--) {
      status = any_edit();
      ck_assert_msg(status == GRAFT_OK || graft_diagnostic_count(c) > 0, "no diagnostic");
      graft_diagnostics_clear(c);
      *(status ? &refused : &done) += 1;
      sound();
    }
    if (back) (void)gr_edit_end(m, edit, GRAFT_PASS);
    text after = written();
    const bool equal = same(&before, &after);
    ck_assert(equal || (!back && status == GRAFT_OK));
    sound();
    if (below(30) == 0) ck_assert_int_eq(graft_module_compact(m), GRAFT_OK);
  }
  ck_assert(done > 5 && refused > 5);
}
END_TEST

/* Without memory from some allocation on, the same. */
START_TEST(random_edits_without_memory) {
  seed = (uint64_t)_i * 104729 + 5;
  for (int i = 0; i < 40; i++) {
    text before = written();
    heap_fail(&heap, 1 + below(4), true);
    const graft_status status = any_edit();
    heap_fail(&heap, 0, false);
    ck_assert_msg(status == GRAFT_OK || graft_diagnostic_count(c) > 0, "no diagnostic");
    graft_diagnostics_clear(c);
    sound();
    text after = written();
    const bool equal = same(&before, &after);
    ck_assert(equal || status == GRAFT_OK);
    if (below(2)) (void)any_edit();
    graft_diagnostics_clear(c);
    sound();
  }
}
END_TEST

/* The order of operands: the builder's verdict is the verifier's of the graph with the edit made behind its back. */
START_TEST(both_judge_operands_alike) {
  seed = (uint64_t)_i * 31 + 7;
  uint32_t refused = 0;
  for (int i = 0; i < 60; i++) {
    graft_value operands[] = {graft_input_get(g, 0), graft_input_get(g, 1)};
    for (uint32_t k = 0; k < 2; k++)
      for (graft_node n = any_node(); below(4) && k < 2;)
        if (gr_is_node(g, n) && gr_result(g, n, 0) != GRAFT_NONE) {
          operands[k] = gr_result(g, n, 0);
          break;
        } else {
          n = any_node();
        }
    graft_node_options o = {
        .size = sizeof o, .op = "add", .operands = operands, .operand_count = 2, .insert = true, .before = any_node()};
    (void)graft_node_create(g, &o);
    graft_diagnostics_clear(c);
    sound();
    const graft_node n = any_node();
    const graft_value v = any_value();
    if (!gr_is_node(g, n) || !gr_is_value(g, v) || gr_node_at(g, n)->operand_count == 0) continue;
    const graft_value old = gr_operand(g, n, 0);
    if (!gr_type_equal(gr_type_of(g, v), gr_type_of(g, old))) continue;
    gr_edit edit = gr_edit_begin(m);
    ck_assert_int_eq(gr_use_set(g, gr_node_at(g, n)->first_use, v), GRAFT_OK);
    const graft_status verdict = graft_module_verify(m);
    (void)gr_edit_end(m, edit, GRAFT_PASS);
    graft_diagnostics_clear(c);
    const graft_status status = graft_node_set_operand(g, n, 0, v);
    ck_assert_int_eq(status == GRAFT_OK, verdict == GRAFT_OK);
    graft_diagnostics_clear(c);
    refused += status != GRAFT_OK;
  }
  ck_assert(refused > 0);
}
END_TEST

/* Nodes always put into the same place use up the labels between two others again and again. */
START_TEST(a_thousand_nodes_in_one_place) {
  const graft_value x = graft_input_get(g, 0);
  const graft_node first = graft_node_first(g), second = graft_node_next(g, first);
  graft_node at = _i % 2 ? first : second, last = GRAFT_NONE;
  for (int i = 0; i < 1000; i++) {
    graft_node_options o = {
        .size = sizeof o, .op = "relu", .operands = &x, .operand_count = 1, .insert = true, .before = at};
    const graft_node n = graft_node_create(g, &o);
    ck_assert_uint_ne(n, GRAFT_NONE);
    if (last != GRAFT_NONE) /* it stands after the one before, or before it */
      ck_assert_int_eq(graft_node_set_operand(g, n, 0, graft_node_result(g, last, 0)),
                       _i < 2 ? GRAFT_OK : GRAFT_INVALID_ARGUMENT);
    if (_i >= 2) at = n;
    last = n;
    if (_i >= 2) graft_diagnostics_clear(c);
  }
  for (graft_node n = graft_node_first(g), next; (next = graft_node_next(g, n)) != GRAFT_NONE; n = next)
    ck_assert(gr_comes_before(g, n, next));
  sound();
}
END_TEST

int main(void) {
  Suite *suite = suite_create("edit");
  TCase *t = tcase_create("edit");
  tcase_set_timeout(t, 300);
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, builders_refuse_what_the_verifier_refuses);
  tcase_add_test(t, scales_are_looked_at);
  tcase_add_test(t, operands_come_before_their_readers);
  tcase_add_test(t, ends_go);
  tcase_add_test(t, tensors_and_graphs_go);
  tcase_add_test(t, names_change);
  tcase_add_test(t, many_ends_and_graphs);
  tcase_add_test(t, types_of_inputs);
  tcase_add_test(t, clones_are_equal_and_apart);
  tcase_add_test(t, borrowed_bytes_stay_where_they_are);
  tcase_add_loop_test(t, files_are_read_in_place, 0, 8);
  tcase_add_test(t, data_of_the_embedder);
  tcase_add_loop_test(t, random_edits_keep_the_module_valid, 0, 60);
  tcase_add_loop_test(t, random_edits_without_memory, 0, 60);
  tcase_add_loop_test(t, both_judge_operands_alike, 0, 20);
  tcase_add_loop_test(t, a_thousand_nodes_in_one_place, 0, 4);
  suite_add_tcase(suite, t);
  SRunner *runner = srunner_create(suite);
  srunner_set_fork_status(runner, CK_NOFORK);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
