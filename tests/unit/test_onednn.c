/* Every kind of step that oneDNN runs, against the plain kernels. Built only where oneDNN is. */
#include "runtime/onednn/onednn_impl.h"
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

typedef struct shape {
  int32_t rank;
  int64_t dims[6];
} shape;

typedef struct fast_case {
  const char *op;
  shape x, operands[4]; /* operands 1 …: parameters; rank -1: absent; rank 0 ends them */
  int64_t stride, padding, dilation, extra, groups, kernel;
  bool exclude_pad, ceil, plain; /* plain: not for oneDNN */
  bool cut;                      /* into pieces, on any machine; others are where the layout lets them */
} fast_case;

#define ABSENT \
  { \
    -1, { \
      0 \
    } \
  }
static const fast_case cases[] = {
    {"conv2d", {4, {1, 3, 64, 64}}, {{4, {16, 3, 3, 3}}, {1, {16}}}, .stride = 2, .padding = 1},
    {"conv2d", {4, {2, 16, 14, 14}}, {{4, {32, 16, 3, 3}}}, .padding = 1},
    {"conv2d", {4, {2, 17, 14, 15}}, {{4, {33, 17, 3, 3}}, {1, {33}}}, .dilation = 2},
    {"conv2d", {4, {1, 32, 30, 30}}, {{4, {32, 1, 3, 3}}, {1, {32}}}, .padding = 1, .groups = 32},
    {"conv2d", {4, {1, 24, 30, 30}}, {{4, {12, 6, 3, 3}}, {1, {12}}}, .padding = 1, .groups = 4},
    {"conv2d", {4, {1, 64, 28, 28}}, {{4, {40, 64, 1, 1}}}, .groups = 1},
    {"conv1d", {3, {2, 20, 200}}, {{3, {20, 20, 5}}, {1, {20}}}, .padding = 2},
    {"conv3d", {5, {1, 8, 8, 9, 10}}, {{5, {8, 8, 3, 3, 3}}, {1, {8}}}, .padding = 1, .stride = 2},
    {"conv_transpose2d", {4, {1, 16, 14, 14}}, {{4, {16, 24, 3, 3}}, {1, {24}}}, .stride = 2, .padding = 1, .extra = 1},
    {"conv_transpose2d", {4, {2, 16, 10, 10}}, {{4, {16, 6, 4, 4}}, {1, {24}}}, .groups = 4, .stride = 2},
    {"conv_transpose2d", {4, {1, 8, 12, 12}}, {{4, {8, 16, 3, 3}}}, .dilation = 2},
    {"conv_transpose1d", {3, {1, 32, 100}}, {{3, {32, 16, 3}}, {1, {16}}}, .stride = 2},
    {"conv_transpose3d", {5, {1, 8, 6, 6, 6}}, {{5, {8, 8, 3, 3, 3}}, {1, {8}}}, .padding = 1},
    {"conv2d", {4, {1, 2, 4, 4}}, {{4, {2, 2, 3, 3}}}, .plain = true},
    {"conv1d", {3, {1, 1, 4}}, {{3, {1, 1, 4}}}, .padding = 1073741823, .stride = 1677721, .plain = true},
    {"conv3d", {5, {1, 8, 7, 16, 16}}, {{5, {1, 8, 1, 3, 1}}}, .padding = 100000, .stride = 20000, .plain = true},
    {"avg_pool1d", {3, {1, 8, 4000}}, {{0}}, .kernel = 2147483646, .padding = 1073741823, .stride = 104, .plain = true},
    {"linear", {2, {1, 512}}, {{2, {300, 512}}, {1, {300}}}, .groups = 0},
    {"linear", {3, {4, 33, 65}}, {{2, {70, 65}}}, .groups = 0},
    {"matmul", {2, {70, 65}}, {{2, {65, 90}}}, .groups = 0},
    {"matmul", {4, {2, 1, 40, 65}}, {{3, {3, 65, 50}}}, .groups = 0},
    {"matmul", {1, {700}}, {{2, {700, 300}}}, .groups = 0},
    {"matmul", {2, {300, 700}}, {{1, {700}}}, .groups = 0},
    {"max_pool2d", {4, {2, 16, 30, 31}}, {{0}}, .kernel = 3, .stride = 2, .padding = 1, .plain = true},
    {"max_pool2d", {4, {2, 16, 30, 31}}, {{0}}, .kernel = 2, .dilation = 2, .plain = true},
    {"max_pool1d", {3, {2, 16, 1000}}, {{0}}, .kernel = 2, .stride = 2, .plain = true},
    {"max_pool3d", {5, {2, 8, 12, 12, 12}}, {{0}}, .kernel = 2, .stride = 2, .plain = true},
    {"avg_pool2d", {4, {2, 16, 30, 31}}, {{0}}, .kernel = 3, .stride = 2, .padding = 1},
    {"avg_pool2d", {4, {2, 16, 30, 31}}, {{0}}, .kernel = 3, .stride = 2, .padding = 1, .exclude_pad = true},
    {"avg_pool2d", {4, {2, 16, 30, 31}}, {{0}}, .kernel = 2, .stride = 2, .ceil = true, .plain = true},
    {"avg_pool3d", {5, {2, 8, 12, 12, 12}}, {{0}}, .kernel = 2, .stride = 2},
    {"batch_norm", {4, {2, 17, 30, 31}}, {{1, {17}}, {1, {17}}, {1, {17}}, {1, {17}}}, .groups = 0},
    {"batch_norm", {3, {2, 17, 900}}, {ABSENT, {1, {17}}, {1, {17}}, {1, {17}}}, .groups = 0},
    {"batch_norm", {2, {600, 30}}, {ABSENT, ABSENT, {1, {30}}, {1, {30}}}, .groups = 0},
    /* Large enough to be cut: by images, rows or channels. */
    {"conv2d", {4, {1, 32, 29, 30}}, {{4, {64, 32, 3, 3}}, {1, {64}}}, .padding = 1},
    {"conv2d", {4, {1, 24, 57, 31}}, {{4, {72, 24, 5, 5}}, {1, {72}}}, .padding = 3, .stride = 2, .dilation = 2},
    {"conv2d", {4, {1, 3, 96, 97}}, {{4, {64, 3, 7, 7}}}, .padding = 3, .stride = 2},
    {"conv2d", {4, {3, 16, 30, 30}}, {{4, {96, 16, 3, 3}}, {1, {96}}}, .padding = 1},
    {"conv2d", {4, {19, 16, 14, 14}}, {{4, {32, 16, 3, 3}}}, .padding = 1},
    {"conv2d", {4, {1, 144, 56, 57}}, {{4, {144, 1, 3, 3}}, {1, {144}}}, .padding = 1, .groups = 144},
    {"conv2d", {4, {1, 64, 28, 28}}, {{4, {96, 16, 3, 3}}, {1, {96}}}, .padding = 1, .groups = 4},
    {"conv1d", {3, {1, 40, 900}}, {{3, {70, 40, 9}}, {1, {70}}}, .padding = 4},
    {"conv3d", {5, {1, 16, 9, 12, 13}}, {{5, {32, 16, 3, 3, 3}}, {1, {32}}}, .padding = 1},
    {"conv_transpose2d", {4, {1, 64, 20, 20}}, {{4, {64, 96, 3, 3}}, {1, {96}}}, .stride = 2, .padding = 1, .extra = 1},
    {"conv_transpose2d", {4, {2, 32, 20, 20}}, {{4, {32, 24, 4, 4}}, {1, {48}}}, .groups = 2, .stride = 2},
    {"linear", {2, {1, 512}}, {{2, {2100, 512}}, {1, {2100}}}, .groups = 0},
    {"linear", {3, {4, 33, 165}}, {{2, {170, 165}}, {1, {170}}}, .groups = 0, .cut = true},
    {"matmul", {2, {170, 165}}, {{2, {165, 190}}}, .groups = 0, .cut = true},
    {"matmul", {4, {5, 3, 60, 65}}, {{4, {5, 3, 65, 90}}}, .groups = 0, .cut = true},
    {"avg_pool2d", {4, {3, 64, 60, 61}}, {{0}}, .kernel = 3, .stride = 2, .padding = 1, .cut = true},
    {"avg_pool2d", {4, {1, 64, 120, 61}}, {{0}}, .kernel = 3, .padding = 1, .exclude_pad = true, .cut = true},
    {"batch_norm", {4, {2, 64, 60, 61}}, {{1, {64}}, {1, {64}}, {1, {64}}, {1, {64}}}, .groups = 0, .cut = true},
    /* What flows back through convolutions: dy, then weight or x, then x or weight. */
    {"conv_backward_input",
     {4, {1, 64, 28, 28}},
     {{4, {64, 64, 3, 3}}, {4, {1, 64, 28, 28}}},
     .padding = 1,
     .cut = true},
    {"conv_backward_input",
     {4, {3, 64, 14, 14}},
     {{4, {64, 32, 3, 3}}, {4, {3, 32, 28, 27}}},
     .padding = 1,
     .stride = 2,
     .cut = true},
    {"conv_backward_input", {4, {1, 33, 10, 11}}, {{4, {33, 17, 3, 3}}, {4, {1, 17, 14, 15}}}, .dilation = 2},
    {"conv_backward_input",
     {4, {1, 96, 28, 28}},
     {{4, {96, 16, 3, 3}}, {4, {1, 64, 28, 28}}},
     .padding = 1,
     .groups = 4},
    {"conv_backward_input",
     {4, {2, 48, 30, 30}},
     {{4, {48, 1, 3, 3}}, {4, {2, 48, 30, 30}}},
     .padding = 1,
     .groups = 48},
    {"conv_backward_input", {4, {2, 128, 14, 14}}, {{4, {128, 64, 1, 1}}, {4, {2, 64, 28, 28}}}, .stride = 2},
    {"conv_backward_input", {3, {1, 70, 900}}, {{3, {70, 40, 9}}, {3, {1, 40, 900}}}, .padding = 4},
    {"conv_backward_input", {5, {1, 32, 9, 12, 13}}, {{5, {32, 16, 3, 3, 3}}, {5, {1, 16, 9, 12, 13}}}, .padding = 1},
    {"conv_backward_input", {4, {1, 64, 8, 8}}, {{4, {64, 64, 3, 3}}, {4, {1, 64, 28, 28}}}, .plain = true},
    {"conv_backward_weight",
     {4, {1, 64, 28, 28}},
     {{4, {1, 64, 28, 28}}, {4, {64, 64, 3, 3}}},
     .padding = 1,
     .cut = true},
    {"conv_backward_weight",
     {4, {1, 64, 48, 49}},
     {{4, {1, 3, 96, 97}}, {4, {64, 3, 7, 7}}},
     .padding = 3,
     .stride = 2},
    {"conv_backward_weight",
     {4, {5, 32, 14, 14}},
     {{4, {5, 32, 28, 27}}, {4, {32, 32, 3, 3}}},
     .padding = 1,
     .stride = 2,
     .cut = true},
    {"conv_backward_weight",
     {4, {2, 128, 14, 14}},
     {{4, {2, 64, 28, 28}}, {4, {128, 64, 1, 1}}},
     .stride = 2,
     .cut = true},
    {"conv_backward_weight", {4, {1, 33, 10, 11}}, {{4, {1, 17, 14, 15}}, {4, {33, 17, 3, 3}}}, .dilation = 2},
    {"conv_backward_weight",
     {4, {1, 96, 28, 28}},
     {{4, {1, 64, 28, 28}}, {4, {96, 16, 3, 3}}},
     .padding = 1,
     .groups = 4},
    {"conv_backward_weight",
     {4, {2, 48, 30, 30}},
     {{4, {2, 48, 30, 30}}, {4, {48, 1, 3, 3}}},
     .padding = 1,
     .groups = 48},
    {"conv_backward_weight", {3, {2, 70, 900}}, {{3, {2, 40, 900}}, {3, {70, 40, 9}}}, .padding = 4},
    {"conv_backward_weight", {5, {1, 32, 9, 12, 13}}, {{5, {1, 16, 9, 12, 13}}, {5, {32, 16, 3, 3, 3}}}, .padding = 1},
};

static void add_attr(graft_attr *attrs, uint32_t *count, const char *op, uint32_t axes, const char *name, int64_t value,
                     int64_t *list) {
  const gr_op_info *info = gr_op_get(gr_op_find(op, strlen(op)));
  int slot = gr_op_attr_slot(info, name, strlen(name));
  if (slot < 0 || (value == 0 && !info->attrs[slot].required)) return;
  if (value == 0) value = (int64_t)info->attrs[slot].least;
  graft_attr a = {.name = name, .kind = info->attrs[slot].kind};
  if (a.kind == GRAFT_ATTR_INTS) {
    a.count = info->attrs[slot].count < 0 ? axes : (uint32_t)info->attrs[slot].count;
    for (uint32_t i = 0; i < a.count; i++) list[i] = value;
    a.as.ints = list;
  } else if (a.kind == GRAFT_ATTR_BOOL) {
    a.as.b = value > 0;
  } else {
    a.as.i = value;
  }
  attrs[(*count)++] = a;
}

static graft_type build(const fast_case *t) {
  graft_type type = graft_type_make(GRAFT_F32, t->x.rank, t->x.dims);
  graft_value operands[5] = {graft_input_add(graph, "x", &type)};
  uint32_t count = 1, attr_count = 0;
  for (; count < 5 && t->operands[count - 1].rank != 0; count++) {
    const shape *s = &t->operands[count - 1];
    operands[count] = GRAFT_NONE;
    if (s->rank < 0) continue;
    char name[16];
    snprintf(name, sizeof name, "p%u", (unsigned)count);
    graft_type pt = graft_type_make(GRAFT_F32, s->rank, s->dims);
    double low = count == 4 ? 0.5 : -1; /* a variance is positive */
    operands[count] = graft_tensor_value(graph, graft_tensor_fill(module, name, GRAFT_PARAMETER, &pt, low, 1));
  }
  graft_attr attrs[8];
  int64_t lists[8][3];
  const uint32_t axes = (uint32_t)t->x.rank - 2;
  add_attr(attrs, &attr_count, t->op, axes, "stride", t->stride, lists[0]);
  add_attr(attrs, &attr_count, t->op, axes, "padding", t->padding, lists[1]);
  add_attr(attrs, &attr_count, t->op, axes, "dilation", t->dilation, lists[2]);
  add_attr(attrs, &attr_count, t->op, axes, "output_padding", t->extra, lists[3]);
  add_attr(attrs, &attr_count, t->op, axes, "kernel_size", t->kernel, lists[4]);
  add_attr(attrs, &attr_count, t->op, axes, "groups", t->groups, lists[5]);
  add_attr(attrs, &attr_count, t->op, axes, "count_include_pad", t->exclude_pad ? -1 : 0, lists[6]);
  add_attr(attrs, &attr_count, t->op, axes, "ceil_mode", t->ceil, lists[7]);
  graft_value y = graft_build(graph, t->op, operands, count, attrs, attr_count);
  ck_assert_msg(y != GRAFT_NONE, "%s: %s", t->op, y == GRAFT_NONE ? graft_diagnostic_get(context, 0).message : "");
  graft_output_add(graph, "y", y);
  return type;
}

static float *random_data(const graft_type *t) {
  int64_t n = graft_type_elements(t);
  float *x = malloc((size_t)n * sizeof *x);
  for (int64_t i = 0; i < n; i++) x[i] = graft_fill_element("x", (uint64_t)i, -1, 1);
  return x;
}

static const float *run(graft_session *s, const graft_type *t, const float *x) {
  ck_assert_int_eq(graft_session_set_input(s, 0, t, x), GRAFT_OK);
  ck_assert_int_eq(graft_session_run(s), GRAFT_OK);
  return graft_session_get_output(s, 0, NULL);
}

/* What flows to a weight is a sum over all positions; the plain kernel's has terms for those outside of x too, 0 times
 * dy, which are NaN where dy is. */
static void compare(const char *op, const float *got, const float *want) {
  graft_type y = graft_value_get_type(graph, graft_output_get(graph, 0));
  const bool of_weight = strcmp(op, "conv_backward_weight") == 0;
  const float tolerance = of_weight ? 1e-4f : 2e-5f;
  for (int64_t i = 0; i < graft_type_elements(&y); i++)
    ck_assert_msg((isnan(want[i]) && (of_weight || isnan(got[i]))) ||
                      fabsf(got[i] - want[i]) <= tolerance * (1 + fabsf(want[i])),
                  "%s: element %lld is %.9g, not %.9g", op, (long long)i, (double)got[i], (double)want[i]);
}

static bool uses_onednn(const graft_type *input, uint32_t *pieces) {
  gr_plan plan = {0};
  gr_plan_options options = {.input_types = input, .threads = 1};
  ck_assert_int_eq(gr_plan_begin(&plan, context, graph, &options), GRAFT_OK);
  bool fast = false;
  for (uint32_t i = 0; i < plan.steps.len; i++)
    if (!plan.steps.data[i].reorder) {
      const gr_dnnl_kernel *kernel = plan.steps.data[i].fast.kernel;
      fast = kernel != NULL;
      *pieces = kernel ? kernel->pieces.len : 0;
    }
  gr_plan_end(&plan);
  return fast;
}

static void same_for_any_number_of_threads(const fast_case *t, const graft_type *type, const float *x,
                                           const float *want) {
  const graft_type y = graft_value_get_type(graph, graft_output_get(graph, 0));
  for (uint32_t threads = 2; threads < 4; threads++) {
    const graft_session_options options = {.size = sizeof options, .threads = threads};
    graft_session *s = graft_session_create(graph, &options);
    for (int i = 0; i < 3; i++)
      ck_assert_msg(memcmp(run(s, type, x), want, (size_t)graft_type_elements(&y) * sizeof *want) == 0,
                    "%s: %u threads make another result", t->op, (unsigned)threads);
    graft_session_destroy(s);
  }
}

START_TEST(same_as_the_plain_kernel) {
  const fast_case *t = &cases[_i];
  graft_type type = build(t);
  uint32_t pieces = 0;
  ck_assert_msg(uses_onednn(&type, &pieces) == !t->plain, "%s, case %d", t->op, _i);
  ck_assert_msg(!t->cut || pieces > 1, "%s, case %d is not cut", t->op, _i);
  float *x = random_data(&type);
  graft_session_options plain = {.size = sizeof plain, .reference = true};
  graft_session *reference = graft_session_create(graph, &plain), *s = graft_session_create(graph, NULL);
  const float *want = run(reference, &type, x);
  compare(t->op, run(s, &type, x), want);
  compare(t->op, run(s, &type, x), want);
  same_for_any_number_of_threads(t, &type, x, run(s, &type, x));
  x[graft_type_elements(&type) / 2] = NAN; /* and what it reaches */
  want = run(reference, &type, x);
  compare(t->op, run(s, &type, x), want);
  if (t->operands[0].rank > 0) { /* other parameters between runs */
    graft_tensor w = graft_tensor_find(module, "p1");
    size_t size = gr_tensor_bytes(module, w);
    float *data = malloc(size);
    for (size_t i = 0; i < size / sizeof *data; i++) data[i] = graft_fill_element("other", i, -1, 1);
    ck_assert_int_eq(graft_tensor_set_data(module, w, data), GRAFT_OK);
    want = run(reference, &type, x);
    compare(t->op, run(s, &type, x), want);
    ((float *)gr_tensor_write(module, w))[size / sizeof *data - 1] = 7;
    want = run(reference, &type, x);
    compare(t->op, run(s, &type, x), want);
    free(data);
  }
  graft_session_destroy(s);
  graft_session_destroy(reference);
  free(x);
}
END_TEST

/* A weight that the graph itself updates is read anew in every step. */
START_TEST(updated_weights_are_seen) {
  graft_type type = build(&cases[1]);
  graft_tensor w = graft_tensor_find(module, "p1");
  graft_value twice = graft_build(
      graph, "add", (graft_value[]){graft_tensor_value(graph, w), graft_tensor_value(graph, w)}, 2, NULL, 0);
  graft_update_add(graph, w, twice);
  float *x = random_data(&type);
  graft_session *s = graft_session_create(graph, NULL);
  float first = run(s, &type, x)[5];
  ck_assert_float_eq_tol(run(s, &type, x)[5], 2 * first, 1e-4f);
  ck_assert_float_eq_tol(run(s, &type, x)[5], 4 * first, 1e-4f);
  graft_session_destroy(s);
  free(x);
}
END_TEST

/* What flows back takes values in the layouts that forward steps made them in; of one image, and of several. */
START_TEST(gradients_of_values_in_layouts) {
  char text[1400];
  snprintf(text, sizeof text,
           "graft 1\n"
           "tensor %%p1: f32[64, 16, 3, 3] parameter = fill(\"p1\", -0.1, 0.1)\n"
           "tensor %%p2: f32[32, 64, 3, 3] parameter = fill(\"p2\", -0.1, 0.1)\n"
           "graph main(%%x: f32[%d, 16, 28, 28]) {\n"
           "  %%y = conv2d(%%x, %%p1) {padding: [1, 1]}\n"
           "  %%r = relu(%%y)\n"
           "  %%z = conv2d(%%r, %%p2) {stride: [2, 2], padding: [1, 1]}\n"
           "  %%d = mul(%%z, %%z)\n"
           "  %%a = conv_backward_input(%%d, %%p2, %%r) {stride: [2, 2], padding: [1, 1], dilation: [1, 1]}\n"
           "  %%b = conv_backward_weight(%%d, %%r, %%p2) {stride: [2, 2], padding: [1, 1], dilation: [1, 1]}\n"
           "  %%c = conv_backward_weight(%%a, %%x, %%p1) {stride: [1, 1], padding: [1, 1], dilation: [1, 1]}\n"
           "  return %%a, %%b, %%c\n"
           "}\n",
           _i == 0 ? 1 : 5);
  graft_module *m = graft_module_load_memory(context, text, strlen(text), "text", NULL);
  ck_assert_ptr_nonnull(m);
  graft_graph *g = graft_module_get_graph(m, 0);
  const graft_type x_type = graft_value_get_type(g, graft_input_get(g, 0));
  float *x = random_data(&x_type);
  graft_session *s[4];
  for (uint32_t i = 0; i < 4; i++) {
    const graft_session_options options = {.size = sizeof options, .reference = i == 0, .threads = i ? i : 1};
    s[i] = graft_session_create(g, &options);
    ck_assert_int_eq(graft_session_set_input(s[i], 0, &x_type, x), GRAFT_OK);
    ck_assert_int_eq(graft_session_run(s[i]), GRAFT_OK);
  }
  for (uint32_t k = 0; k < 3; k++) {
    graft_type type;
    const float *want = graft_session_get_output(s[0], k, &type), *one = graft_session_get_output(s[1], k, NULL);
    const int64_t n = graft_type_elements(&type);
    double largest = 0;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)want[i]));
    for (int64_t i = 0; i < n; i++)
      ck_assert_msg(fabs((double)one[i] - (double)want[i]) <= 1e-5 * largest, "result %u, element %lld", k,
                    (long long)i);
    for (uint32_t i = 2; i < 4; i++)
      ck_assert_int_eq(memcmp(graft_session_get_output(s[i], k, NULL), one, (size_t)n * sizeof *one), 0);
  }
  for (uint32_t i = 0; i < 4; i++) graft_session_destroy(s[i]);
  graft_module_destroy(m);
  free(x);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("onednn");
  TCase *tc = tcase_create("onednn");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_set_timeout(tc, 60);
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, same_as_the_plain_kernel, 0, (int)(sizeof cases / sizeof *cases));
  tcase_add_test(tc, updated_weights_are_seen);
  tcase_add_loop_test(tc, gradients_of_values_in_layouts, 0, 2);
  suite_add_tcase(suite, tc);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
