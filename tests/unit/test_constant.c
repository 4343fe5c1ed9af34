/* What is known of integers (ir/infer/constant.c) against the kernels: random graphs of integer ops over shapes with
 * known and unknown extents and over constants. Whatever the evaluator says of an element, the kernels must make. */
#include "ir/ir_int.h"
#include "runtime/runtime_int.h"

#include <check.h>
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

/* ---- random numbers ---- */

static uint64_t state;

static uint32_t below(uint32_t n) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)((state >> 33) % n);
}
static int64_t between(int64_t lo, int64_t hi) { return lo + (int64_t)below((uint32_t)(hi - lo + 1)); }

/* ---- a graph in the making, and what the kernels make of it ---- */

#define MAX_VALUES 160
static struct {
  graft_value v;
  gr_array a;
} values[MAX_VALUES];
static uint32_t value_count;
static uint32_t elements_known, wholly_known, tried;

static bool integer(const graft_type *t) {
  return t->dtype != GRAFT_F32 && t->dtype != GRAFT_F64 && t->dtype != GRAFT_UNKNOWN;
}

static uint32_t any(void) { return below(value_count); }

/* One of the dtype, where a few tries find one. */
static uint32_t any_like(uint32_t i) {
  uint32_t k = any();
  for (int n = 0; n < 20 && values[k].a.type.dtype != values[i].a.type.dtype; n++) k = any();
  return k;
}

static int64_t element(const gr_array *a, uint32_t i) {
  switch (a->type.dtype) {
  case GRAFT_I8: return (int64_t)((const int8_t *)a->data)[i];
  case GRAFT_U8: return ((const uint8_t *)a->data)[i];
  case GRAFT_I16: return ((const int16_t *)a->data)[i];
  case GRAFT_I32: return ((const int32_t *)a->data)[i];
  case GRAFT_I64: return ((const int64_t *)a->data)[i];
  default: return ((const uint8_t *)a->data)[i];
  }
}

static void compare(graft_value v, const gr_array *a, const char *op) {
  gr_known k;
  ck_assert(gr_known_ints(graph, v, &k));
  if (k.type.rank < 0) {
    ck_assert_msg(k.unknown != GRAFT_NONE, "%s: nothing is known, and not why", op);
    return;
  }
  ck_assert_int_eq(k.type.dtype, a->type.dtype);
  ck_assert_msg(gr_type_equal(&k.type, &a->type), "%s: another shape", op);
  for (uint32_t i = 0; i < k.count; i++) {
    if (!(k.mask >> i & 1)) continue;
    ck_assert_msg(k.ints[i] == element(a, i), "%s[%u]: %lld, the kernel makes %lld", op, i, (long long)k.ints[i],
                  (long long)element(a, i));
    elements_known++;
  }
  ck_assert_msg(gr_known_whole(&k) == (k.unknown == GRAFT_NONE), "%s: why it is not known", op);
  wholly_known += gr_known_whole(&k);
}

/* Adds a node and runs its kernel; a node that contradicts its op, or that the kernel refuses, is left unused. */
static void add(const char *op, const uint32_t *operands, uint32_t count, const graft_attr *attrs, uint32_t attr_count,
                uint32_t result_count) {
  graft_value in[4];
  gr_array arrays[4], results[4] = {{.data = NULL}};
  for (uint32_t i = 0; i < count; i++) {
    in[i] = operands[i] == GRAFT_NONE ? (graft_value)GRAFT_NONE : values[operands[i]].v;
    arrays[i] = operands[i] == GRAFT_NONE ? (gr_array){.data = NULL} : values[operands[i]].a;
  }
  graft_node_options o = {.size = sizeof o,
                          .op = op,
                          .operands = in,
                          .operand_count = count,
                          .attrs = attrs,
                          .attr_count = attr_count,
                          .result_count = result_count};
  graft_node n = graft_node_create(graph, &o);
  if (n == GRAFT_NONE) {
    graft_diagnostics_clear(context);
    return;
  }
  tried++;
  const gr_node *node = gr_node_at(graph, n);
  if (gr_runtime_evaluate(NULL, module, node->op, node->attrs, arrays, count, results, node->result_count,
                          (gr_loc){0}) != GRAFT_OK) {
    graft_diagnostics_clear(context);
    gr_known k;
    ck_assert(gr_known_ints(graph, gr_result(graph, n, 0), &k));
    ck_assert_msg(!gr_known_whole(&k), "%s: the kernel refuses it, and it is known", op);
    return;
  }
  for (uint32_t i = 0; i < gr_node_at(graph, n)->result_count; i++) {
    graft_value v = gr_result(graph, n, i);
    compare(v, &results[i], op);
    if (value_count < MAX_VALUES && integer(&results[i].type) && graft_type_elements(&results[i].type) <= 64)
      values[value_count].v = v, values[value_count++].a = results[i];
    else
      gr_buffer_release(context, results[i].buffer);
  }
}

#define INT(n, v) \
  { .name = n, .kind = GRAFT_ATTR_INT, .as.i = (v) }
#define INTS(n, c, v) \
  { .name = n, .kind = GRAFT_ATTR_INTS, .count = (c), .as.ints = (v) }
#define ADD(op, count, results, ...) \
  add(op, in, count, (graft_attr[]){__VA_ARGS__}, \
      (uint32_t)(sizeof((graft_attr[]){__VA_ARGS__}) / sizeof(graft_attr)), results)

static void constant(void) {
  static const graft_dtype dtypes[] = {GRAFT_I64, GRAFT_I64, GRAFT_I64, GRAFT_I32,
                                       GRAFT_I16, GRAFT_I8,  GRAFT_U8,  GRAFT_BOOL};
  static const int64_t extremes[] = {INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN, -128, 127};
  graft_type t = {.dtype = dtypes[below(8)], .rank = (int32_t)below(4)};
  int64_t n = 1;
  for (int32_t i = 0; i < t.rank; i++) n *= t.dims[i] = between(below(20) ? 1 : 0, 3);
  int64_t data[27];
  for (int64_t i = 0; i < n; i++) data[i] = below(12) ? between(-4, 4) : extremes[below(6)];
  if (t.dtype == GRAFT_BOOL)
    for (int64_t i = 0; i < n; i++) ((uint8_t *)data)[i] = below(2) != 0;
  graft_tensor tensor = graft_tensor_create(module, "c", GRAFT_CONSTANT, &t, data);
  ck_assert_uint_ne(tensor, GRAFT_NONE);
  graft_value v = gr_handle(graph, tensor);
  values[value_count].v = v;
  gr_array *a = &values[value_count++].a;
  *a = (gr_array){.type = t, .data = graft_tensor_get_data(module, tensor), .buffer = NULL};
  compare(v, a, "constant");
}

static void random_node(void) {
  uint32_t in[4] = {any(), any(), any(), any()};
  const graft_type *x = &values[in[0]].a.type;
  const int64_t rank = x->rank, n = graft_type_elements(x);
  int64_t list[GRAFT_MAX_RANK] = {0};
  switch (below(21)) {
  case 0:
  case 1:
  case 2: {
    static const char *const ops[] = {"add", "sub", "mul", "div", "pow", "eq", "ne", "lt", "le", "gt", "ge"};
    in[1] = any_like(in[0]);
    add(ops[below(below(2) ? 4 : 11)], in, 2, NULL, 0, 0);
    break;
  }
  case 3:
    in[1] = below(3) ? any_like(in[0]) : GRAFT_NONE;
    in[2] = below(3) ? any_like(in[0]) : GRAFT_NONE;
    add("clamp", in, 3, NULL, 0, 0);
    break;
  case 4: {
    static const graft_dtype to[] = {GRAFT_I64, GRAFT_I64, GRAFT_I32, GRAFT_I16, GRAFT_I8, GRAFT_U8, GRAFT_BOOL};
    ADD("to", 1, 0, {.name = "dtype", .kind = GRAFT_ATTR_DTYPE, .as.dtype = to[below(7)]});
    break;
  }
  case 5:
    list[0] = below(2) ? -1 : n;
    list[1] = 1;
    ADD(below(2) ? "view" : "reshape", 1, 0, INTS(below(2) ? "size" : "shape", 1 + below(2), list));
    break;
  case 6:
    for (int64_t w = 2; w < 5; w++)
      if (n % w == 0) list[0] = w, list[1] = n / w;
    ADD("view", 1, 0, INTS("size", 2, list));
    break;
  case 7: ADD("flatten", 1, 0, INT("start_dim", between(-1, 1)), INT("end_dim", between(-2, 1))); break;
  case 8: add("squeeze", in, 1, NULL, 0, 0); break;
  case 9: ADD("unsqueeze", 1, 0, INT("dim", between(-rank - 1, rank))); break;
  case 10: ADD("transpose", 1, 0, INT("dim0", between(-rank, rank)), INT("dim1", between(-rank, rank))); break;
  case 11:
    for (int64_t i = 0; i < rank; i++) list[i] = (i + (int64_t)below(3)) % rank - (below(2) ? rank : 0);
    ADD("permute", 1, 0, INTS("dims", (uint32_t)rank, list));
    break;
  case 12:
    for (int64_t i = 0; i <= rank; i++) list[i] = i == 0 ? between(1, 3) : x->dims[i - 1] == 1 ? between(1, 3) : -1;
    ADD("expand", 1, 0, INTS("size", (uint32_t)rank + 1, list));
    break;
  case 13: {
    static const int64_t steps[] = {1, 1, 2, -1, -2, INT64_MAX, INT64_MIN};
    int64_t start = below(8) ? between(-4, 4) : INT64_MAX, end = below(3) ? between(-5, 4) : INT64_MIN;
    ADD("slice", 1, 0, INT("dim", between(-rank, rank)), INT("start", start), INT("end", end),
        INT("step", steps[below(7)]));
    break;
  }
  case 14: {
    int64_t dim = rank ? between(0, rank - 1) : 0, extent = rank ? x->dims[dim] : 0;
    list[0] = between(0, extent);
    list[1] = extent - list[0];
    ADD("split", 1, 2, INTS("split_sizes", 2, list), INT("dim", dim));
    break;
  }
  case 15:
  case 16: {
    in[1] = any_like(in[0]);
    in[2] = any_like(in[0]);
    ADD("cat", 1 + below(3), 0, INT("dim", between(-rank, rank)));
    break;
  }
  case 18: {
    static const char *const ops[] = {"neg", "abs", "relu"};
    add(ops[below(3)], in, 1, NULL, 0, 0);
    break;
  }
  case 19:
    for (int i = 0; i < 40 && values[in[0]].a.type.dtype != GRAFT_BOOL; i++) in[0] = any();
    in[2] = any_like(in[1]);
    add("where", in, 3, NULL, 0, 0);
    break;
  case 17: ADD("index_select", 2, 0, INT("dim", between(-rank, rank))); break;
  default:
    if (below(2)) {
      ADD("shape", 1, 0, INT("start", between(-2, 2)));
    } else {
      ADD("shape", 1, 0, INT("start", between(-2, 2)), INT("end", between(-2, 5)));
    }
  }
}

/* The elements that the kernels make of a value do not matter for its shape. */
static void shape_of_input(const char *name) {
  graft_type known = {.dtype = GRAFT_F32, .rank = (int32_t)below(5)}, run = known;
  for (int32_t i = 0; i < known.rank; i++) {
    run.dims[i] = between(1, 6);
    known.dims[i] = below(3) ? run.dims[i] : -1;
  }
  graft_value x = graft_input_add(graph, name, &known);
  ck_assert_uint_ne(x, GRAFT_NONE);
  values[value_count].v = x;
  values[value_count++].a = (gr_array){.type = run, .data = &run}; /* which nobody reads */
  uint32_t in = value_count - 1;
  add("shape", &in, 1, NULL, 0, 0);
  values[in] = values[--value_count];
}

START_TEST(agrees_with_the_kernels) {
  for (uint32_t seed = 1; seed <= 400; seed++) {
    if (seed > 1) teardown(), setup();
    state = seed * 0x9e3779b97f4a7c15u;
    value_count = 0;
    for (int i = 0; i < 3; i++) shape_of_input((const char *[]){"x", "y", "z"}[i]);
    for (int i = 0; i < 6; i++) constant();
    for (int i = 0; i < 100 && value_count < MAX_VALUES - 4; i++) random_node();
    for (uint32_t i = 0; i < value_count; i++) gr_buffer_release(context, values[i].a.buffer);
  }
  /* That it knows little would be no error: see that it does not. */
  ck_assert_uint_gt(tried, 8000);
  ck_assert_uint_gt(wholly_known, tried / 3);
  ck_assert_uint_gt(elements_known, 2 * tried);
}
END_TEST

/* ---- limits ---- */

static graft_value shape_of(int32_t rank, const int64_t *dims) {
  graft_type t = graft_type_make(GRAFT_F32, rank, dims);
  graft_value x = graft_input_add(graph, "x", &t);
  return graft_build(graph, "shape", &x, 1, NULL, 0);
}

/* v + v, doubled 60 times: 2^60 roads to one value, each value looked at once. */
START_TEST(shared_values_are_looked_at_once) {
  graft_value v = shape_of(1, (int64_t[]){3});
  for (int i = 0; i < 60; i++) v = graft_build(graph, "add", (graft_value[]){v, v}, 2, NULL, 0);
  gr_known k;
  ck_assert(gr_known_ints(graph, v, &k));
  ck_assert(gr_known_whole(&k));
  ck_assert_int_eq(k.ints[0], (int64_t)3 << 60);
}
END_TEST

START_TEST(a_long_chain_is_not_known) {
  graft_value v = shape_of(1, (int64_t[]){3});
  for (int i = 0; i < 300; i++) v = graft_build(graph, "add", (graft_value[]){v, v}, 2, NULL, 0);
  gr_known k;
  ck_assert(gr_known_ints(graph, v, &k));
  ck_assert(!gr_known_whole(&k));
}
END_TEST

/* One unknown extent leaves the others known, also of a reshape by them. */
START_TEST(extents_are_known_one_by_one) {
  graft_value v = shape_of(3, (int64_t[]){-1, 4, 5});
  gr_known k;
  ck_assert(gr_known_ints(graph, v, &k));
  ck_assert_uint_eq(k.mask, 6);
  ck_assert_uint_eq(k.unknown, v);
  graft_type t = graft_type_make(GRAFT_F32, 2, (int64_t[]){-1, 20});
  graft_value y = graft_build(graph, "reshape", (graft_value[]){graft_input_add(graph, "y", &t), v}, 2, NULL, 0);
  graft_type made = graft_value_get_type(graph, y);
  ck_assert_int_eq(made.rank, 3);
  ck_assert_int_eq(made.dims[0], -1);
  ck_assert_int_eq(made.dims[1], 4);
  ck_assert_int_eq(made.dims[2], 5);
}
END_TEST

/* A buffer may be another one in the next run. */
START_TEST(buffers_are_not_known) {
  graft_type t = graft_type_make(GRAFT_I64, 1, (int64_t[]){2});
  graft_value v = gr_handle(graph, graft_tensor_create(module, "b", GRAFT_BUFFER, &t, (int64_t[]){1, 2}));
  gr_known k;
  ck_assert(gr_known_ints(graph, v, &k));
  ck_assert_int_eq(k.type.rank, -1);
  ck_assert_uint_eq(k.unknown, v);
}
END_TEST

int main(void) {
  Suite *s = suite_create("constant");
  TCase *t = tcase_create("constant");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, agrees_with_the_kernels);
  tcase_add_test(t, shared_values_are_looked_at_once);
  tcase_add_test(t, a_long_chain_is_not_known);
  tcase_add_test(t, extents_are_known_one_by_one);
  tcase_add_test(t, buffers_are_not_known);
  tcase_set_timeout(t, 60);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
