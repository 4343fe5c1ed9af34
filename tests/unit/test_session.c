/* Sessions: updates, memory shared by values, shapes given late, threads, opaque ops, errors. */
#include "heap.h"
#include "runtime/runtime.h"
#include "runtime/session_impl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static graft_graph *graph;

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static graft_type type_of(graft_dtype dtype, int32_t rank, int64_t a, int64_t b) {
  return graft_type_make(dtype, rank, (int64_t[]){a, b});
}
static graft_value input(const char *name, int32_t rank, int64_t a, int64_t b) {
  graft_type t = type_of(GRAFT_F32, rank, a, b);
  return graft_input_add(graph, name, &t);
}
static graft_value op1(const char *op, graft_value x) { return graft_build(graph, op, &x, 1, NULL, 0); }
static graft_value op2(const char *op, graft_value x, graft_value y) {
  return graft_build(graph, op, (graft_value[]){x, y}, 2, NULL, 0);
}
static graft_value with_ints(const char *op, graft_value x, const char *name, const int64_t *ints, uint32_t count) {
  return graft_build(graph, op, &x, 1,
                     (graft_attr[]){{.name = name, .kind = GRAFT_ATTR_INTS, .count = count, .as.ints = ints}}, 1);
}

static graft_tensor buffer(const char *name, int64_t n, const float *data) {
  graft_type t = type_of(GRAFT_F32, 1, n, 0);
  return graft_tensor_create(module, name, GRAFT_BUFFER, &t, data);
}

static const char *last_error(void) {
  uint32_t n = graft_diagnostic_count(context);
  if (n == 0) return "";
  static char text[512];
  graft_diagnostic d = graft_diagnostic_get(context, n - 1);
  snprintf(text, sizeof text, "%s: %s", d.node, d.message);
  return text;
}

static graft_session *create(const graft_session_options *options) {
  graft_session *s = graft_session_create(graph, options);
  ck_assert_msg(s != NULL, "%s", last_error());
  return s;
}

static void set(graft_session *s, uint32_t index, int32_t rank, int64_t a, int64_t b, const float *data) {
  graft_type t = type_of(GRAFT_F32, rank, a, b);
  ck_assert_msg(graft_session_set_input(s, index, &t, data) == GRAFT_OK, "%s", last_error());
}

static bool same_bytes(const void *a, const void *b, size_t size) { return memcmp(a, b, size) == 0; }

static void run(graft_session *s) { ck_assert_msg(graft_session_run(s) == GRAFT_OK, "%s", last_error()); }

static void expect(graft_session *s, uint32_t index, int64_t n, const float *want) {
  graft_type t;
  const float *got = graft_session_get_output(s, index, &t);
  ck_assert_int_eq(graft_type_elements(&t), n);
  for (int64_t i = 0; i < n; i++) ck_assert_float_eq_tol(got[i], want[i], 1e-6f);
}

START_TEST(runs_one_op_many_times) {
  graft_value x = input("x", 1, 3, 0);
  graft_output_add(graph, "y", op1("relu", x));
  graft_session *s = create(NULL);
  ck_assert_ptr_null(graft_session_get_output(s, 0, NULL));
  ck_assert_int_eq(graft_session_run(s), GRAFT_INVALID_ARGUMENT);
  ck_assert_str_eq(last_error(), "x: the input has not been set");
  for (int i = 0; i < 3; i++) {
    float data[3] = {-1, (float)i, 2};
    set(s, 0, 1, 3, 0, data);
    run(s);
    expect(s, 0, 3, (float[]){0, (float)i, 2});
    ck_assert_float_eq(data[0], -1);
  }
  ck_assert_ptr_null(graft_session_get_output(s, 1, NULL));
  graft_session_destroy(s);
}
END_TEST

START_TEST(updates_land_at_the_end_of_the_step) {
  graft_value x = input("x", 1, 2, 0);
  graft_tensor t = buffer("state", 2, (float[]){1, 2});
  graft_value next = op2("add", graft_tensor_value(graph, t), x);
  graft_output_add(graph, "next", next);
  graft_output_add(graph, "old", graft_tensor_value(graph, t));
  graft_update_add(graph, t, next);
  graft_session *s = create(NULL);
  float data[2] = {10, 20};
  set(s, 0, 1, 2, 0, data);
  run(s);
  expect(s, 0, 2, (float[]){11, 22});
  expect(s, 1, 2, (float[]){1, 2});
  ck_assert_float_eq(((const float *)graft_tensor_get_data(module, t))[1], 22);
  run(s);
  expect(s, 1, 2, (float[]){11, 22});
  ck_assert_float_eq(((const float *)graft_tensor_get_data(module, t))[0], 21);
  graft_session_destroy(s);
}
END_TEST

START_TEST(two_tensors_are_swapped) {
  graft_tensor a = buffer("a", 2, (float[]){1, 2}), b = buffer("b", 2, (float[]){3, 4});
  graft_tensor c = buffer("c", 2, (float[]){5, 6});
  graft_update_add(graph, a, graft_tensor_value(graph, b));
  graft_update_add(graph, b, graft_tensor_value(graph, c));
  graft_update_add(graph, c, graft_tensor_value(graph, a));
  graft_session *s = create(NULL);
  run(s);
  ck_assert_float_eq(((const float *)graft_tensor_get_data(module, a))[0], 3);
  ck_assert_float_eq(((const float *)graft_tensor_get_data(module, b))[0], 5);
  ck_assert_float_eq(((const float *)graft_tensor_get_data(module, c))[1], 2);
  graft_session_destroy(s);
}
END_TEST

START_TEST(a_failed_step_changes_no_tensor) {
  graft_tensor a = buffer("a", 2, (float[]){1, 2});
  graft_type t = type_of(GRAFT_I64, 1, 1, 0);
  graft_value index = graft_input_add(graph, "index", &t);
  graft_value next = op1("relu", graft_tensor_value(graph, a));
  graft_update_add(graph, a, op2("add", next, next));
  graft_output_add(graph, "y", op2("index_select", next, index));
  graft_session *s = create(NULL);
  const int64_t outside = 7;
  ck_assert_int_eq(graft_session_set_input(s, 0, &t, &outside), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_RUN);
  ck_assert_str_eq(last_error(), "index_select: index 7 is outside an axis of 2");
  ck_assert_float_eq(((const float *)graft_tensor_get_data(module, a))[0], 1);
  ck_assert_ptr_null(graft_session_get_output(s, 0, NULL));
  graft_session_destroy(s);
}
END_TEST

/* Calibration with NaN or infinity, if only one, is an error that names the place; training goes on. */
START_TEST(observers_refuse_what_is_no_number) {
  graft_type t = type_of(GRAFT_F32, 1, 3, 0);
  graft_value x = graft_input_add(graph, "activation", &t);
  graft_tensor state = buffer("state", 2, (float[]){INFINITY, -INFINITY});
  graft_value next = op2("observe", x, graft_tensor_value(graph, state));
  graft_update_add(graph, state, next);
  graft_output_add(graph, "y", next);
  graft_session *s = create(NULL);
  static const float bad[][3] = {{1, NAN, 2}, {1, 2, INFINITY}, {-INFINITY, 0, 0}};
  for (size_t i = 0; i < 3; i++) {
    ck_assert_int_eq(graft_session_set_input(s, 0, &t, bad[i]), GRAFT_OK);
    ck_assert_int_eq(graft_session_run(s), GRAFT_RUN);
    ck_assert_str_eq(last_error(), "observe: NaN or infinity is observed in 'activation'");
    ck_assert_float_infinite(((const float *)graft_tensor_get_data(module, state))[0]);
    graft_diagnostics_clear(context);
  }
  static const float good[] = {1, 2, 3};
  ck_assert_int_eq(graft_session_set_input(s, 0, &t, good), GRAFT_OK);
  run(s);
  ck_assert_float_eq(((const float *)graft_tensor_get_data(module, state))[1], 3);
  graft_session_destroy(s);
}
END_TEST

START_TEST(shared_buffers_are_copied_on_update) {
  graft_tensor a = buffer("a", 1, (float[]){1});
  graft_type t = type_of(GRAFT_F32, 1, 1, 0);
  gr_name name = gr_name_split(module, "b", 1);
  graft_tensor b = gr_tensor_add(module, name, GRAFT_BUFFER, gr_type_intern(module, &t),
                                 gr_buffer_retain(module->tensors.data[a].buffer), 0);
  graft_update_add(graph, a, op2("add", graft_tensor_value(graph, a), graft_scalar(graph, GRAFT_F32, 1)));
  graft_session *s = create(NULL);
  for (int i = 0; i < 4; i++) {
    run(s);
    ck_assert_float_eq(*(const float *)graft_tensor_get_data(module, a), (float)(i + 2));
    ck_assert_float_eq(*(const float *)graft_tensor_get_data(module, b), 1);
  }
  graft_session_destroy(s);
}
END_TEST

START_TEST(shapes_may_come_with_the_input) {
  graft_value x = input("x", 2, -1, 2);
  graft_value rows =
      graft_build(graph, "shape", &x, 1, (graft_attr[]){{.name = "end", .kind = GRAFT_ATTR_INT, .as.i = 1}}, 1);
  graft_type one = type_of(GRAFT_I64, 1, 1, 0);
  graft_value minus = graft_tensor_value(graph, gr_constant(module, "m", &one, (int64_t[]){-1}));
  graft_value size = graft_build(graph, "cat", (graft_value[]){minus, rows}, 2, NULL, 0);
  graft_output_add(graph, "y", op2("reshape", x, size));
  graft_session *s = create(NULL);
  ck_assert_uint_eq(graft_session_memory(s), 0);
  for (int64_t n = 1; n < 4; n++) {
    float data[] = {1, 2, 3, 4, 5, 6};
    set(s, 0, 2, n, 2, data);
    run(s);
    graft_type t;
    ck_assert_ptr_nonnull(graft_session_get_output(s, 0, &t));
    ck_assert_int_eq(t.dims[0], 2);
    ck_assert_int_eq(t.dims[1], n);
    expect(s, 0, 2 * n, data);
  }
  graft_type bad = type_of(GRAFT_F32, 2, 1, 3);
  ck_assert_int_eq(graft_session_set_input(s, 0, &bad, (float[]){1, 2, 3}), GRAFT_TYPE);
  ck_assert_str_eq(last_error(), "x: the input is f32[1, 3], the graph's is f32[?, 2]");
  graft_session_destroy(s);
}
END_TEST

START_TEST(types_contradict_only_at_run_time) {
  graft_value x = input("x", 1, -1, 0);
  graft_value z = input("z", 1, 3, 0);
  graft_output_add(graph, "y", op2("add", x, z));
  graft_type types[2] = {type_of(GRAFT_F32, 1, 2, 0), type_of(GRAFT_F32, 1, 3, 0)};
  graft_session_options options = {.size = sizeof options, .input_types = types};
  ck_assert_ptr_null(graft_session_create(graph, &options));
  ck_assert_msg(strncmp(last_error(), "add: add: C2", 12) == 0, "%s", last_error());
  types[0] = z == x ? types[0] : type_of(GRAFT_F32, 1, 1, 0);
  graft_session *s = create(&options);
  graft_session_destroy(s);
}
END_TEST

START_TEST(dead_nodes_do_not_run_and_dead_inputs_do_not_matter) {
  graft_value x = input("x", 1, 4, 0);
  op1("sigmoid", op1("tanh", x));
  graft_output_add(graph, "y", op1("relu", x));
  graft_session *s = create(NULL);
  ck_assert_uint_eq(graft_session_memory(s), 64);
  graft_session_destroy(s);
}
END_TEST

START_TEST(elementwise_chains_use_one_array) {
  graft_value x = input("x", 2, 100, 100), y = x;
  for (int i = 0; i < 50; i++) y = op1(i % 2 ? "relu" : "tanh", y);
  graft_output_add(graph, "y", y);
  graft_session *s = create(NULL);
  ck_assert_uint_eq(graft_session_memory(s), 40000);
  graft_session_destroy(s);
  graft_session_options options = {.size = sizeof options, .no_reuse = true};
  s = create(&options);
  ck_assert_uint_eq(graft_session_memory(s), 50 * 40000);
  graft_session_destroy(s);
}
END_TEST

/* What depends on tensors alone is computed when they change. */
START_TEST(constants_are_dequantized_once) {
  graft_value x = input("x", 1, 3, 0);
  graft_type t = type_of(GRAFT_I8, 1, 3, 0), scalar = type_of(GRAFT_F32, 0, 0, 0);
  graft_tensor q = graft_tensor_create(module, "q", GRAFT_CONSTANT, &t, (int8_t[]){1, 2, 3});
  graft_tensor scale = graft_tensor_create(module, "scale", GRAFT_CONSTANT, &scalar, (float[]){0.5f});
  graft_value operands[3] = {graft_tensor_value(graph, q), graft_tensor_value(graph, scale),
                             graft_scalar(graph, GRAFT_I32, 1)};
  graft_value w = graft_build(graph, "dequantize_per_tensor", operands, 3, NULL, 0);
  int64_t large[2] = {1000, 3};
  graft_value wide = with_ints("expand", op1("relu", op1("tanh", w)), "size", large, 2);
  graft_output_add(graph, "y", op2("mul", x, w));
  graft_output_add(graph, "wide", op2("add", wide, x));
  gr_plan plan = {0};
  graft_type in = type_of(GRAFT_F32, 1, 3, 0);
  gr_plan_options options = {.input_types = &in};
  ck_assert_int_eq(gr_plan_begin(&plan, context, graph, &options), GRAFT_OK);
  ck_assert_uint_eq(plan.prologue, 3); /* not the large one */
  ck_assert_uint_eq(plan.steps.len, 6);
  gr_plan_end(&plan);
  graft_session *s = create(NULL);
  float data[3] = {1, 10, 100};
  set(s, 0, 1, 3, 0, data);
  for (int i = 0; i < 2; i++) {
    run(s);
    expect(s, 0, 3, (float[]){0, 5, 100});
  }
  ck_assert_int_eq(graft_tensor_set_data(module, scale, (float[]){2}), GRAFT_OK);
  run(s);
  expect(s, 0, 3, (float[]){0, 20, 400});
  graft_session_destroy(s);
}
END_TEST

/* ---- opaque ops
 * ------------------------------------------------------------------------------------------------------------ */

static graft_status double_it(void *user, const graft_kernel_call *call) {
  int *calls = user;
  if (++*calls == 3) return GRAFT_UNSUPPORTED;
  ck_assert_uint_eq(call->operand_count, 2);
  ck_assert_ptr_null(call->operands[0]);
  graft_attr factor;
  ck_assert(graft_node_attr(call->graph, call->node, "factor", &factor));
  int64_t n = graft_type_elements(&call->operand_types[1]);
  for (int64_t i = 0; i < n; i++)
    ((float *)call->results[0])[i] = ((const float *)call->operands[1])[i] * (float)factor.as.f;
  return GRAFT_OK;
}

static graft_status same_type(void *user, const graft_kernel_call *call, graft_type *types) {
  (void)user;
  types[0] = call->operand_types[1];
  return GRAFT_OK;
}

static graft_status no_type(void *user, const graft_kernel_call *call, graft_type *types) {
  (void)call;
  types[0] = *(const graft_type *)user;
  return GRAFT_OK;
}

START_TEST(a_kernel_that_infers_what_is_no_type_is_named) {
  const graft_type bad[] = {{GRAFT_F32, 99, {1}}, {GRAFT_F32, 1, {-5}}, {(graft_dtype)77, 1, {3}}};
  const char *const said[] = {"rank 99", "extent -5", "77"};
  graft_value x = input("x", 1, 2, 0);
  graft_node n = graft_node_create(graph, &(graft_node_options){.size = sizeof(graft_node_options),
                                                                .op = "vendor.scale",
                                                                .operands = &x,
                                                                .operand_count = 1,
                                                                .result_count = 1,
                                                                .name = "scaled"});
  graft_output_add(graph, "y", op1("relu", graft_node_result(graph, n, 0)));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    graft_type type = bad[i];
    const graft_kernel kernel = {
        .size = sizeof kernel, .op = "vendor.scale", .infer = no_type, .run = double_it, .user = &type};
    const graft_session_options options = {.size = sizeof options, .kernels = &kernel, .kernel_count = 1};
    graft_session *s = graft_session_create(graph, &options); /* it may be planned with the first run */
    ck_assert(!s || (graft_session_set_input(s, 0, &(graft_type){GRAFT_F32, 1, {2}}, (float[]){1, 2}) == GRAFT_OK &&
                     graft_session_run(s) == GRAFT_TYPE));
    ck_assert_msg(strncmp(last_error(), "scaled: ", 8) == 0 && strstr(last_error(), said[i]), "%s", last_error());
    graft_session_destroy(s);
  }
}
END_TEST

START_TEST(opaque_ops_run_the_embedders_kernel) {
  graft_value x = input("x", 1, 2, 0);
  graft_attr factor = {.name = "factor", .kind = GRAFT_ATTR_FLOAT, .as.f = 3};
  graft_node_options node = {.size = sizeof node,
                             .op = "vendor.scale",
                             .operands = (graft_value[]){GRAFT_NONE, x},
                             .operand_count = 2,
                             .attrs = &factor,
                             .attr_count = 1,
                             .result_count = 1,
                             .name = "scaled"};
  graft_node n = graft_node_create(graph, &node);
  graft_output_add(graph, "y", op1("relu", graft_node_result(graph, n, 0)));
  ck_assert_ptr_null(graft_session_create(graph, NULL));
  ck_assert_str_eq(last_error(), "scaled: vendor.scale: there is no kernel for this op");
  int calls = 0;
  graft_kernel kernel = {.size = sizeof kernel, .op = "vendor.scale", .run = double_it, .user = &calls};
  graft_session_options options = {.size = sizeof options, .kernels = &kernel, .kernel_count = 1};
  ck_assert_ptr_null(graft_session_create(graph, &options)); /* of unknown type */
  kernel.infer = same_type;
  graft_session *s = create(&options);
  set(s, 0, 1, 2, 0, (float[]){1, -2});
  run(s);
  expect(s, 0, 2, (float[]){3, 0});
  run(s);
  ck_assert_int_eq(graft_session_run(s), GRAFT_UNSUPPORTED);
  ck_assert_str_eq(last_error(), "scaled: vendor.scale failed");
  graft_session_destroy(s);
}
END_TEST

/* ---- dropout
 * ----------------------------------------------------------------------------------------------------------------- */

START_TEST(dropout_is_a_function_of_the_seed_and_the_step) {
  graft_type t = type_of(GRAFT_F32, 1, 100000, 0);
  graft_value x = graft_input_add(graph, "x", &t);
  graft_attr attrs[] = {{.name = "p", .kind = GRAFT_ATTR_FLOAT, .as.f = 0.25},
                        {.name = "training", .kind = GRAFT_ATTR_BOOL, .as.b = true}};
  graft_output_add(graph, "a", graft_build(graph, "dropout", &x, 1, attrs, 2));
  graft_output_add(graph, "b", graft_build(graph, "dropout", &x, 1, attrs, 2));
  float *data = malloc(100000 * sizeof *data), *first[4];
  for (int i = 0; i < 100000; i++) data[i] = 1;
  for (uint64_t i = 0; i < 4; i++) { /* seeds 0, 0, 1, and 0 with threads */
    graft_session_options options = {.size = sizeof options, .seed = i == 2, .threads = i == 3 ? 3 : 1};
    graft_session *s = create(&options);
    ck_assert_int_eq(graft_session_set_input(s, 0, &t, data), GRAFT_OK);
    run(s);
    first[i] = malloc(100000 * sizeof *data);
    memcpy(first[i], graft_session_get_output(s, 0, NULL), 100000 * sizeof *data);
    ck_assert(!same_bytes(first[i], graft_session_get_output(s, 1, NULL), 100000 * sizeof *data));
    run(s);
    ck_assert(!same_bytes(first[i], graft_session_get_output(s, 0, NULL), 100000 * sizeof *data));
    graft_session_destroy(s);
  }
  int kept = 0;
  for (int i = 0; i < 100000; i++) {
    ck_assert(first[0][i] == 0 || fabsf(first[0][i] - 4.0f / 3) < 1e-6f);
    kept += first[0][i] != 0;
  }
  ck_assert_int_lt(abs(kept - 75000), 1000);
  ck_assert(same_bytes(first[0], first[1], 100000 * sizeof *data));
  ck_assert(!same_bytes(first[0], first[2], 100000 * sizeof *data));
  ck_assert(same_bytes(first[0], first[3], 100000 * sizeof *data));
  for (int i = 0; i < 4; i++) free(first[i]);
  free(data);
}
END_TEST

/* Of a tensor that nothing updates, too: it is not computed once for all runs. */
START_TEST(dropout_of_a_weight_is_drawn_in_every_run) {
  enum { N = 1000 };
  graft_type t = type_of(GRAFT_F32, 1, N, 0);
  graft_value w = graft_tensor_value(graph, graft_tensor_fill(module, "w", GRAFT_PARAMETER, &t, 1, 2));
  graft_attr attrs[] = {{.name = "p", .kind = GRAFT_ATTR_FLOAT, .as.f = 0.5},
                        {.name = "training", .kind = GRAFT_ATTR_BOOL, .as.b = true}};
  graft_value dropped = graft_build(graph, "dropout", &w, 1, attrs, 2);
  graft_output_add(graph, "y", op1("relu", dropped));
  graft_session *s = create(NULL);
  float first[N];
  run(s);
  memcpy(first, graft_session_get_output(s, 0, NULL), sizeof first);
  run(s);
  ck_assert(!same_bytes(first, graft_session_get_output(s, 0, NULL), sizeof first));
  graft_session_destroy(s);
}
END_TEST

/* ---- random graphs: planned memory against memory of its own for each value
 * ---------------------------------------------------- */

static uint64_t state;
static int64_t choose(int64_t low, int64_t high) {
  state = gr_mix(state + 1);
  return low + (int64_t)(state % (uint64_t)(high - low + 1));
}

#define POOL 200

typedef struct builder {
  graft_value values[POOL];
  uint32_t count;
} builder;

static graft_value any(const builder *b) {
  /* mostly recent ones, so that older ones die */
  int64_t low = choose(0, 3) ? b->count > 6 ? b->count - 6 : 0 : 0;
  return b->values[choose(low, b->count - 1)];
}

static void keep(builder *b, graft_value v) {
  if (v != GRAFT_NONE && b->count < POOL) b->values[b->count++] = v;
  graft_diagnostics_clear(context); /* operands that did not go together */
}

static graft_attr int_attr(const char *name, int64_t i) {
  return (graft_attr){.name = name, .kind = GRAFT_ATTR_INT, .as.i = i};
}

static void add_random_node(builder *b) {
  static const char *const unary[] = {"relu", "tanh", "sigmoid", "hardswish", "silu", "hardtanh"};
  static const char *const binary[] = {"add", "sub", "mul", "add"};
  graft_value x = any(b), z = any(b);
  graft_type t = graft_value_get_type(graph, x);
  int32_t axis = (int32_t)choose(0, t.rank - 1);
  int64_t extent = t.dims[axis];
  switch (choose(0, 11)) {
  case 0:
  case 1: keep(b, op1(unary[choose(0, 5)], x)); break;
  case 2:
  case 3:
  case 4: keep(b, op2(binary[choose(0, 3)], x, z)); break;
  case 5: {
    int64_t n = graft_type_elements(&t), d = choose(1, 4);
    keep(b, n % d ? op1("flatten", x) : with_ints("view", x, "size", (int64_t[]){d, n / d}, 2));
    break;
  }
  case 6: {
    graft_attr attrs[] = {int_attr("dim", axis), int_attr("start", choose(0, extent - 1)), int_attr("end", extent)};
    keep(b, graft_build(graph, "slice", &x, 1, attrs, 3));
    break;
  }
  case 7: {
    if (extent < 2) break;
    int64_t sizes[2] = {choose(1, extent - 1)};
    sizes[1] = extent - sizes[0];
    graft_attr attrs[] = {{.name = "split_sizes", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = sizes},
                          int_attr("dim", axis)};
    graft_node_options o = {.size = sizeof o,
                            .op = "split",
                            .operands = &x,
                            .operand_count = 1,
                            .attrs = attrs,
                            .attr_count = 2,
                            .result_count = 2};
    graft_node n = graft_node_create(graph, &o);
    if (n == GRAFT_NONE) break;
    keep(b, graft_node_result(graph, n, 0));
    keep(b, graft_node_result(graph, n, 1));
    break;
  }
  case 8: {
    graft_attr dim = int_attr("dim", axis);
    if (extent < 8) keep(b, graft_build(graph, "cat", (graft_value[]){x, choose(0, 1) ? x : z}, 2, &dim, 1));
    break;
  }
  case 9: {
    graft_attr attrs[] = {int_attr("dim0", 0), int_attr("dim1", axis)};
    keep(b, graft_build(graph, "transpose", &x, 1, attrs, 2));
    break;
  }
  case 10: {
    graft_attr dim = int_attr("dim", axis);
    keep(b, graft_build(graph, "softmax", &x, 1, &dim, 1));
    break;
  }
  default: {
    graft_value low = graft_scalar(graph, GRAFT_F32, -0.5);
    keep(b, graft_build(graph, "clamp", (graft_value[]){x, choose(0, 1) ? low : z, choose(0, 1) ? x : z}, 3, NULL, 0));
  }
  }
}

static void build_random(uint64_t seed) {
  state = seed;
  builder b = {.count = 0};
  for (int i = 0; i < 3; i++) {
    char name[8];
    snprintf(name, sizeof name, "x%d", i);
    keep(&b, input(name, 2, 4, 6));
  }
  for (int i = 0; i < 3; i++) {
    char name[8];
    snprintf(name, sizeof name, "t%d", i);
    graft_type t = type_of(GRAFT_F32, 2, 4, 6);
    keep(&b, graft_tensor_value(graph, graft_tensor_fill(module, name, GRAFT_BUFFER, &t, -1, 1)));
  }
  int64_t nodes = choose(5, 60);
  for (int64_t i = 0; i < nodes; i++) add_random_node(&b);
  for (int i = 0; i < 3; i++) {
    char name[8];
    snprintf(name, sizeof name, "y%d", i);
    graft_output_add(graph, name, any(&b));
  }
  for (graft_tensor t = 0; t < 3; t++)
    for (int tries = 0; tries < 20; tries++) {
      graft_value v = any(&b);
      graft_type type = graft_value_get_type(graph, v);
      if (type.rank != 2 || type.dims[0] != 4 || type.dims[1] != 6) continue;
      graft_update_add(graph, t, v);
      break;
    }
}

/* Three steps; all outputs and the tensors after them, appended to `log`. */
static size_t record(const graft_session_options *options, char *log, size_t room) {
  float data[3][24];
  size_t used = 0;
  graft_session *s = create(options);
  for (int step = 0; step < 3; step++) {
    for (int j = 0; j < 24; j++) data[0][j] = (float)(step + j);
    ck_assert_int_eq(graft_tensor_set_data(module, (graft_tensor)step, data[0]), GRAFT_OK);
    for (uint32_t i = 0; i < 3; i++) {
      for (int j = 0; j < 24; j++)
        data[i][j] = graft_fill_element("data", (uint64_t)step * 72 + i * 24u + (uint64_t)j, -1, 1);
      set(s, i, 2, 4, 6, data[i]);
    }
    run(s);
    for (uint32_t i = 0; i < graft_output_count(graph); i++) {
      graft_type t;
      const void *y = graft_session_get_output(s, i, &t);
      size_t size = (size_t)graft_type_elements(&t) * sizeof(float);
      ck_assert_uint_lt(used + size, room);
      memcpy(log + used, y, size);
      used += size;
    }
  }
  for (graft_tensor t = 0; t < 3; t++) {
    memcpy(log + used, graft_tensor_get_data(module, t), 96);
    used += 96;
  }
  graft_session_destroy(s);
  return used;
}

START_TEST(random_graphs_give_the_same_with_planned_memory) {
  enum { ROOM = 1 << 20 };
  char *own = malloc(ROOM), *planned = malloc(ROOM), *threaded = malloc(ROOM);
  for (uint64_t seed = 0; seed < 150; seed++) {
    size_t sizes[3];
    for (int i = 0; i < 3; i++) {
      teardown();
      setup();
      build_random(gr_mix(seed + (uint64_t)_i * 1000));
      graft_session_options options = {.size = sizeof options, .no_reuse = i == 0, .threads = i == 2 ? 3 : 1};
      sizes[i] = record(&options, i == 0 ? own : i == 1 ? planned : threaded, ROOM);
    }
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_msg(memcmp(own, planned, sizes[0]) == 0, "seed %d: planned memory differs", (int)seed);
    ck_assert_msg(memcmp(own, threaded, sizes[0]) == 0, "seed %d: threads differ", (int)seed);
  }
  free(own);
  free(planned);
  free(threaded);
}
END_TEST

/* The plan itself: values that live at the same time lie apart, whole, and within the arena. */
START_TEST(planned_values_lie_apart) {
  for (uint64_t seed = 0; seed < 60; seed++) {
    teardown();
    setup();
    build_random(gr_mix(seed + 77));
    graft_type types[3];
    for (int i = 0; i < 3; i++) types[i] = type_of(GRAFT_F32, 2, 4, 6);
    gr_plan plan = {0};
    gr_plan_options options = {.input_types = types, .threads = 1, .reference = true};
    ck_assert_int_eq(gr_plan_begin(&plan, context, graph, &options), GRAFT_OK);
    for (uint32_t i = 0; i < plan.storages.len; i++) {
      const gr_storage *a = &plan.storages.data[i];
      if (a->place != GR_PLACE_ARENA) continue;
      ck_assert_uint_le(a->offset + a->size, plan.arena_size);
      ck_assert_uint_eq(a->offset % 64, 0);
      for (uint32_t j = 0; j < i; j++) {
        const gr_storage *b = &plan.storages.data[j];
        if (b->place != GR_PLACE_ARENA || b->last < a->first || a->last < b->first) continue;
        ck_assert_msg(b->offset + b->size <= a->offset || a->offset + a->size <= b->offset,
                      "seed %d: storages %u and %u overlap", (int)seed, j, i);
      }
    }
    gr_plan_end(&plan);
  }
}
END_TEST

/* ---- threads, memory
 * ----------------------------------------------------------------------------------------------------------- */

START_TEST(results_do_not_depend_on_the_number_of_threads) {
  graft_type t = graft_type_make(GRAFT_F32, 4, (int64_t[]){2, 12, 17, 19});
  graft_type wt = graft_type_make(GRAFT_F32, 4, (int64_t[]){70, 12, 3, 3});
  graft_value x = graft_input_add(graph, "x", &t);
  graft_value w = graft_tensor_value(graph, graft_tensor_fill(module, "w", GRAFT_PARAMETER, &wt, -1, 1));
  graft_value y = op2("conv2d", x, w);
  graft_attr size = {.name = "output_size", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){4, 3}};
  y = graft_build(graph, "adaptive_avg_pool2d", &y, 1, &size, 1);
  y = graft_build(graph, "flatten", &y, 1, (graft_attr[]){int_attr("start_dim", 1)}, 1);
  graft_type lt = type_of(GRAFT_F32, 2, 10, 840);
  graft_value l = graft_tensor_value(graph, graft_tensor_fill(module, "l", GRAFT_PARAMETER, &lt, -1, 1));
  graft_output_add(graph, "y", op2("linear", y, l));
  float *data = malloc((size_t)graft_type_elements(&t) * sizeof *data), first[20];
  for (int64_t i = 0; i < graft_type_elements(&t); i++) data[i] = graft_fill_element("x", (uint64_t)i, -1, 1);
  for (uint32_t threads = 1; threads < 6; threads++) {
    graft_session_options options = {.size = sizeof options, .threads = threads};
    graft_session *s = create(&options);
    ck_assert_int_eq(graft_session_set_input(s, 0, &t, data), GRAFT_OK);
    run(s);
    const float *got = graft_session_get_output(s, 0, NULL);
    if (threads == 1) memcpy(first, got, sizeof first);
    ck_assert(same_bytes(first, got, sizeof first));
    graft_session_destroy(s);
  }
  free(data);
}
END_TEST

START_TEST(running_out_of_memory_is_an_error) {
  static test_heap heap; /* the teardown frees with it */
  const graft_session_options threaded = {.size = sizeof threaded, .threads = 2};
  teardown();
  context = heap_context(&heap);
  module = graft_module_create(context);
  graph = graft_graph_create(module, "main");
  build_random(7);
  float data[24] = {0};
  bool done = false;
  for (uint64_t n = 1; n < 2000 && !done; n++) {
    heap_fail(&heap, n, true);
    graft_session *s = graft_session_create(graph, n % 2 ? NULL : &threaded);
    if (s) {
      for (uint32_t i = 0; i < 3; i++) {
        graft_type t = type_of(GRAFT_F32, 2, 4, 6);
        (void)graft_session_set_input(s, i, &t, data);
      }
      const graft_status status = graft_session_run(s);
      done = status == GRAFT_OK;
      ck_assert(done || status == GRAFT_NO_MEMORY);
    }
    ck_assert(done != graft_context_has_errors(context));
    ck_assert(heap_fail(&heap, 0, false) >= n || done);
    graft_session_destroy(s);
    graft_diagnostics_clear(context);
  }
  ck_assert(done);
}
END_TEST

START_TEST(no_session_does_nothing) {
  graft_type t = type_of(GRAFT_F32, 1, 1, 0);
  const float x = 1;
  ck_assert_ptr_null(graft_session_create(NULL, NULL));
  ck_assert_int_eq(graft_session_set_input(NULL, 0, &t, &x), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_session_run(NULL), GRAFT_INVALID_ARGUMENT);
  ck_assert_ptr_null(graft_session_get_output(NULL, 0, &t));
  ck_assert_int_eq(t.rank, -1);
  ck_assert_uint_eq(graft_session_input_count(NULL) + graft_session_output_count(NULL), 0);
  ck_assert_uint_eq(graft_session_memory(NULL), 0);
  graft_session_destroy(NULL);
}
END_TEST

/* How many elements are not 0, only the data says: in each run anew, and what is made of them follows. */
START_TEST(extents_may_depend_on_data) {
  static const float runs[][4] = {{0, 5, 0, 7}, {1, 2, 3, 4}, {0, 0, 0, 0}, {9, 0, 0, 0}};
  static const uint32_t counts[] = {2, 4, 0, 1};
  graft_value x = input("x", 1, 4, 0);
  graft_value at = op1("nonzero", x), flat = with_ints("view", at, "size", (int64_t[]){-1}, 1);
  graft_value picked = op2("index_select", x, flat), twice = op2("add", picked, picked);
  graft_output_add(graph, "picked", twice);
  graft_output_add(graph, "places", at);
  graft_output_add(graph, "sum", op2("add", x, x));
  graft_session *s = create(NULL);
  for (int k = 0; k < 4; k++) {
    graft_type type = type_of(GRAFT_F32, 1, 4, 0);
    ck_assert_int_eq(graft_session_set_input(s, 0, &type, runs[k]), GRAFT_OK);
    ck_assert_msg(graft_session_run(s) == GRAFT_OK, "%s", last_error());
    const float *y = graft_session_get_output(s, 0, &type);
    ck_assert_int_eq(type.dims[0], counts[k]);
    for (uint32_t i = 0, from = 0; i < counts[k]; i++, from++) {
      while (runs[k][from] == 0) from++;
      ck_assert(y[i] == 2 * runs[k][from]);
      ck_assert_int_eq(((const int64_t *)graft_session_get_output(s, 1, NULL))[i], from);
    }
    graft_session_get_output(s, 1, &type);
    ck_assert_int_eq(type.dims[0], counts[k]);
    ck_assert_int_eq(type.dims[1], 1);
    ck_assert(((const float *)graft_session_get_output(s, 2, NULL))[3] == 2 * runs[k][3]);
  }
  graft_session_destroy(s);
}
END_TEST

/* A tensor has the size that it has. */
START_TEST(an_update_whose_size_depends_on_data_is_an_error) {
  static const float ones[4] = {1, 1, 1, 1};
  graft_value x = input("x", 1, 4, 0);
  graft_tensor t = buffer("t", 4, ones);
  graft_value flat = with_ints("view", op1("nonzero", x), "size", (int64_t[]){-1}, 1);
  ck_assert_int_eq(graft_update_add(graph, t, op2("index_select", x, flat)), GRAFT_OK);
  ck_assert_ptr_null(graft_session_create(graph, NULL));
  ck_assert_ptr_nonnull(strstr(last_error(), "an update of another type than the tensor's"));
}
END_TEST

START_TEST(sizes_that_overflow_are_an_error) {
  graft_value x = input("x", 1, 1, 0);
  int64_t huge[2] = {INT64_C(1) << 31, INT64_C(1) << 30}, most[2] = {INT64_C(1) << 24, INT64_C(1) << 24};
  ck_assert_uint_eq(with_ints("expand", x, "size", huge, 2), GRAFT_NONE);
  graft_diagnostics_clear(context);
  graft_value y = with_ints("expand", x, "size", most, 2);
  ck_assert_uint_ne(y, GRAFT_NONE);
  graft_output_add(graph, "y", op1("relu", y));
  ck_assert_ptr_null(graft_session_create(graph, NULL));
  ck_assert(graft_context_has_errors(context));
}
END_TEST

/* ---- the hook after each node ---- */

typedef struct told {
  char text[1024];       /* "name kernel[!] first element; ": `!` marks what follows from tensors alone */
  const char *overwrite; /* of this node every element becomes 100 */
  const char *fail_at;
} told;

static graft_status tell(void *user, const graft_node_done *done) {
  told *t = user;
  char name[32];
  graft_node_name(done->graph, done->node, name, sizeof name);
  size_t used = strlen(t->text);
  const float *first = done->results[0];
  snprintf(t->text + used, sizeof t->text - used, "%s %s%s %g; ", name, done->kernel, done->once ? "!" : "",
           first && done->result_types[0].dtype == GRAFT_F32 ? (double)*first : 1234.0);
  ck_assert(done->seconds >= 0);
  if (t->overwrite && strcmp(name, t->overwrite) == 0)
    for (int64_t i = 0; i < graft_type_elements(&done->result_types[0]); i++) ((float *)done->results[0])[i] = 100;
  return t->fail_at && strcmp(name, t->fail_at) == 0 ? GRAFT_RUN : GRAFT_OK;
}

/* view = relu(x) as [4]; y = view + -w; the negated weight depends on a tensor alone. */
static graft_tensor build_told(void) {
  graft_value x = input("x", 2, 2, 2);
  graft_tensor w = buffer("w", 4, (float[]){1, 2, 3, 4}), learned = buffer("learned", 4, (float[]){0, 0, 0, 0});
  graft_value weight = op1("neg", graft_tensor_value(graph, w));
  graft_value view = with_ints("reshape", op1("relu", x), "shape", (int64_t[]){4}, 1);
  graft_value y = op2("add", op1("abs", view), weight);
  graft_output_add(graph, "y", y);
  graft_update_add(graph, learned, y);
  return learned;
}

START_TEST(the_hook_hears_of_every_node_in_order) {
  build_told();
  told t = {0};
  graft_session_options options = {.size = sizeof options, .after_node = tell, .after_node_user = &t};
  graft_session *s = create(&options);
  set(s, 0, 2, 2, 2, (float[]){5, 6, 7, 8});
  run(s);
  ck_assert_str_eq(t.text, "neg plain! -1; relu plain 5; reshape view 5; abs plain 5; add plain 4; ");
  t.text[0] = '\0';
  run(s);
  ck_assert_str_eq(t.text, "relu plain 5; reshape view 5; abs plain 5; add plain 4; ");
  graft_session_destroy(s);
}
END_TEST

START_TEST(the_hook_may_write_where_it_says_so) {
  build_told();
  for (int i = 0; i < 2; i++) {
    told t = {.overwrite = i ? "reshape" : "abs"};
    graft_session_options options = {
        .size = sizeof options, .after_node = tell, .after_node_user = &t, .writes_values = true};
    graft_session *s = create(&options);
    float data[4] = {5, 6, 7, 8};
    set(s, 0, 2, 2, 2, data);
    run(s);
    expect(s, 0, 4, (float[]){99, 98, 97, 96});
    ck_assert_float_eq(data[0], 5);
    ck_assert(strstr(t.text, "reshape plain") != NULL);
    graft_session_destroy(s);
  }
}
END_TEST

START_TEST(a_hook_that_fails_ends_the_run) {
  graft_tensor learned = build_told();
  told t = {.fail_at = "abs"};
  graft_session_options options = {.size = sizeof options, .after_node = tell, .after_node_user = &t};
  graft_session *s = create(&options);
  set(s, 0, 2, 2, 2, (float[]){5, 6, 7, 8});
  ck_assert_int_eq(graft_session_run(s), GRAFT_RUN);
  const graft_diagnostic d = graft_diagnostic_get(context, graft_diagnostic_count(context) - 1);
  ck_assert_str_eq(d.message, "after_node ended the run here");
  ck_assert_str_ne(d.node, "");
  ck_assert_ptr_null(strstr(t.text, "add"));
  ck_assert_ptr_null(graft_session_get_output(s, 0, NULL));
  ck_assert_float_eq(((const float *)graft_tensor_get_data(module, learned))[0], 0);
  graft_session_destroy(s);
}
END_TEST

START_TEST(state_is_kept_where_that_is_asked_for) {
  graft_tensor learned = build_told();
  graft_session_options options = {.size = sizeof options, .keep_state = true};
  graft_session *s = create(&options);
  set(s, 0, 2, 2, 2, (float[]){5, 6, 7, 8});
  run(s);
  expect(s, 0, 4, (float[]){4, 4, 4, 4});
  ck_assert_float_eq(((const float *)graft_tensor_get_data(module, learned))[0], 0);
  graft_session_destroy(s);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("session");
  TCase *tc = tcase_create("session");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, runs_one_op_many_times);
  tcase_add_test(tc, updates_land_at_the_end_of_the_step);
  tcase_add_test(tc, two_tensors_are_swapped);
  tcase_add_test(tc, observers_refuse_what_is_no_number);
  tcase_add_test(tc, a_failed_step_changes_no_tensor);
  tcase_add_test(tc, shared_buffers_are_copied_on_update);
  tcase_add_test(tc, shapes_may_come_with_the_input);
  tcase_add_test(tc, types_contradict_only_at_run_time);
  tcase_add_test(tc, dead_nodes_do_not_run_and_dead_inputs_do_not_matter);
  tcase_add_test(tc, elementwise_chains_use_one_array);
  tcase_add_test(tc, constants_are_dequantized_once);
  tcase_add_test(tc, a_kernel_that_infers_what_is_no_type_is_named);
  tcase_add_test(tc, opaque_ops_run_the_embedders_kernel);
  tcase_add_test(tc, dropout_is_a_function_of_the_seed_and_the_step);
  tcase_add_test(tc, dropout_of_a_weight_is_drawn_in_every_run);
  tcase_add_test(tc, planned_values_lie_apart);
  tcase_add_loop_test(tc, random_graphs_give_the_same_with_planned_memory, 0, 4);
  tcase_add_test(tc, results_do_not_depend_on_the_number_of_threads);
  tcase_add_test(tc, running_out_of_memory_is_an_error);
  tcase_add_test(tc, no_session_does_nothing);
  tcase_add_test(tc, extents_may_depend_on_data);
  tcase_add_test(tc, an_update_whose_size_depends_on_data_is_an_error);
  tcase_add_test(tc, sizes_that_overflow_are_an_error);
  tcase_add_test(tc, the_hook_hears_of_every_node_in_order);
  tcase_add_test(tc, the_hook_may_write_where_it_says_so);
  tcase_add_test(tc, a_hook_that_fails_ends_the_run);
  tcase_add_test(tc, state_is_kept_where_that_is_asked_for);
  suite_add_tcase(suite, tc);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
