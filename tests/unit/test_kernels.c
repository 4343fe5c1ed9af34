/* Every kernel on small cases worked out by hand (kernel_cases.def), results checked by the evaluator; larger ones
 * against plain loops, and with several threads. */
#include "runtime/kernel_impl.h"
#include "runtime/runtime_int.h"

#include "array_text.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
}

static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

typedef struct test_case {
  const char *op, *attrs, *operands, *results;
} test_case;

static const test_case cases[] = {
#define CASE(...) {__VA_ARGS__},
#include "kernel_cases.def"
#undef CASE
};

static void check_case(const test_case *t) {
  gr_array operands[MAX_ARRAYS], want[MAX_ARRAYS], got[MAX_ARRAYS];
  uint32_t op = gr_op_find(t->op, strlen(t->op)), count = text_arrays(t->operands, operands);
  uint32_t attrs = text_attrs(module, op, t->attrs);
  ck_assert_msg(attrs != GRAFT_NONE, "%s: attributes", t->op);
  bool fails = t->results[0] == '!';
  uint32_t results = fails ? gr_op_required_results(gr_op_get(op)) : text_arrays(t->results, want);
  graft_status status =
      gr_runtime_evaluate(NULL, module, op, attrs, operands, count, got, results, (gr_loc){.node = "n"});
  if (fails) {
    ck_assert_msg(status != GRAFT_OK, "%s(%s) succeeds", t->op, t->operands);
    graft_diagnostic d = graft_diagnostic_get(context, 0);
    ck_assert_msg(strstr(d.message, t->results + 2) != NULL, "%s: message '%s'", t->op, d.message);
    ck_assert_str_eq(d.node, "n");
    graft_diagnostics_clear(context);
  } else {
    ck_assert_msg(status == GRAFT_OK, "%s(%s): %s", t->op, t->operands,
                  status ? graft_diagnostic_get(context, 0).message : "");
    for (uint32_t i = 0; i < results; i++) {
      ck_assert_msg(text_same(&got[i], &want[i], 1e-6), "%s(%s) {%s}, result %u", t->op, t->operands, t->attrs, i);
      gr_buffer_release(context, got[i].buffer);
    }
    text_free(want, results);
  }
  text_free(operands, count);
}

START_TEST(hand_computed) { check_case(&cases[_i]); }
END_TEST

/* ---- convolutions against the definition
 * ------------------------------------------------------------------------------- */

typedef struct geometry {
  int64_t images, groups, in, out; /* channels of a group */
  int64_t x[3], kernel[3], stride[3], padding[3], dilation[3], extra[3];
  bool transposed, bias;
} geometry;

static uint64_t state = 1;
static int64_t choose(int64_t low, int64_t high) {
  state = gr_mix(state + 1);
  return low + (int64_t)(state % (uint64_t)(high - low + 1));
}

static gr_array random_array(graft_type type) {
  gr_array a = {.type = type};
  int64_t n = graft_type_elements(&type);
  float *data = malloc((size_t)n * sizeof *data + 1);
  for (int64_t i = 0; i < n; i++) data[i] = (float)choose(-1000, 1000) / 1000;
  a.data = data;
  return a;
}

/* Sum over everything that reaches each output, in double. */
static double *by_definition(const geometry *g, const gr_array *x, const gr_array *w, const gr_array *b,
                             const int64_t *y) {
  int64_t outs = g->groups * g->out, plane = y[0] * y[1] * y[2], from = g->x[0] * g->x[1] * g->x[2];
  int64_t taps = g->kernel[0] * g->kernel[1] * g->kernel[2];
  double *sum = calloc((size_t)(g->images * outs * plane), sizeof *sum);
  for (int64_t image = 0; image < g->images; image++)
    for (int64_t o = 0; o < outs; o++) {
      double *to = sum + (image * outs + o) * plane;
      for (int64_t i = 0; i < plane && g->bias; i++) to[i] = (double)((const float *)b->data)[o];
      for (int64_t i = 0; i < g->in; i++)
        for (int64_t p = 0; p < (g->transposed ? from : plane); p++)
          for (int64_t t = 0; t < taps; t++) {
            /* a: index on the side that is strided over, c: on the other */
            const int64_t *near = g->transposed ? g->x : y, *far = g->transposed ? y : g->x;
            int64_t at[3] = {p / near[2] / near[1], p / near[2] % near[1], p % near[2]};
            int64_t tap[3] = {t / g->kernel[2] / g->kernel[1], t / g->kernel[2] % g->kernel[1], t % g->kernel[2]};
            int64_t other = 0;
            bool inside = true;
            for (int d = 0; d < 3; d++) {
              int64_t c = at[d] * g->stride[d] + tap[d] * g->dilation[d] - g->padding[d];
              inside = inside && c >= 0 && c < far[d];
              other = other * far[d] + c;
            }
            if (!inside) continue;
            int64_t group = o / g->out, channel = group * g->in + i;
            int64_t weight = g->transposed ? (channel * g->out + o % g->out) * taps + t : (o * g->in + i) * taps + t;
            int64_t source = (image * g->groups * g->in + channel) * from + (g->transposed ? p : other);
            to[g->transposed ? other : p] +=
                (double)((const float *)x->data)[source] * (double)((const float *)w->data)[weight];
          }
    }
  return sum;
}

/* What flows to x and to the weight from dy, which flows to the convolution: each product's factors get dy times the
 * other one. */
static void gradients_by_definition(const geometry *g, const gr_array *x, const gr_array *w, const gr_array *dy,
                                    const int64_t *y, double *dx, double *dw) {
  const int64_t outs = g->groups * g->out, plane = y[0] * y[1] * y[2];
  const int64_t taps = g->kernel[0] * g->kernel[1] * g->kernel[2], in = g->in;
  for (int64_t n = 0; n < g->images * outs * plane * in * taps; n++) {
    const int64_t t = n % taps, i = n / taps % in, p = n / taps / in % plane, o = n / taps / in / plane % outs;
    const int64_t image = n / taps / in / plane / outs;
    const int64_t at[3] = {p / y[2] / y[1], p / y[2] % y[1], p % y[2]};
    const int64_t tap[3] = {t / g->kernel[2] / g->kernel[1], t / g->kernel[2] % g->kernel[1], t % g->kernel[2]};
    int64_t source = (image * g->groups + o / g->out) * in + i;
    bool inside = true;
    for (int d = 0; d < 3; d++) {
      const int64_t c = at[d] * g->stride[d] + tap[d] * g->dilation[d] - g->padding[d];
      inside = inside && c >= 0 && c < g->x[d];
      source = source * g->x[d] + c;
    }
    if (!inside) continue;
    const double flows = (double)((const float *)dy->data)[(image * outs + o) * plane + p];
    dx[source] += flows * (double)((const float *)w->data)[(o * in + i) * taps + t];
    dw[(o * in + i) * taps + t] += flows * (double)((const float *)x->data)[source];
  }
}

static void check_gradient(const char *name, const graft_attr *attrs, const gr_array *operands, const double *want) {
  const uint32_t op = gr_op_find(name, strlen(name));
  const gr_op_info *info = gr_op_get(op);
  gr_attr_builder builder;
  gr_array result;
  gr_attrs_begin(&builder, info);
  for (size_t i = 0; i < 4; i++)
    ck_assert_int_eq(gr_attrs_set(module, &builder, info, &attrs[i], (gr_loc){0}), GRAFT_OK);
  const uint32_t set = gr_attrs_intern(module, &builder, info, (gr_loc){0});
  ck_assert_int_eq(gr_runtime_evaluate(NULL, module, op, set, operands, 3, &result, 1, (gr_loc){.node = name}),
                   GRAFT_OK);
  for (int64_t i = 0; i < graft_type_elements(&result.type); i++)
    ck_assert_msg(fabs(want[i] - text_element(&result, i)) <= 1e-4 * (1 + fabs(want[i])),
                  "%s: element %lld is %g, not %g", name, (long long)i, text_element(&result, i), want[i]);
  gr_buffer_release(context, result.buffer);
}

static void check_gradients(const geometry *g, const graft_attr *attrs, const gr_array *x, const gr_array *w,
                            graft_type result, const int64_t *y) {
  gr_array dy = random_array(result);
  double *dx = calloc((size_t)graft_type_elements(&x->type), sizeof *dx);
  double *dw = calloc((size_t)graft_type_elements(&w->type), sizeof *dw);
  gradients_by_definition(g, x, w, &dy, y, dx, dw);
  check_gradient("conv_backward_input", attrs, (gr_array[]){dy, *w, *x}, dx);
  check_gradient("conv_backward_weight", attrs, (gr_array[]){dy, *x, *w}, dw);
  free(dx);
  free(dw);
  text_free(&dy, 1);
}

static void check_convolution(const geometry *g, uint32_t axes) {
  static const char *const names[2][3] = {{"conv1d", "conv2d", "conv3d"},
                                          {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}};
  const char *name = names[g->transposed][axes - 1];
  uint32_t op = gr_op_find(name, strlen(name)), first = 3 - axes;
  graft_type x = {.dtype = GRAFT_F32, .rank = (int32_t)axes + 2, .dims = {g->images, g->groups * g->in}};
  graft_type w = {.dtype = GRAFT_F32, .rank = (int32_t)axes + 2, .dims = {g->groups * g->out, g->in}};
  if (g->transposed) w.dims[0] = g->groups * g->in, w.dims[1] = g->out;
  for (uint32_t i = 0; i < axes; i++) x.dims[2 + i] = g->x[first + i], w.dims[2 + i] = g->kernel[first + i];
  graft_type b = {.dtype = GRAFT_F32, .rank = 1, .dims = {g->groups * g->out}};
  gr_array operands[3] = {random_array(x), random_array(w), random_array(b)}, result;
  gr_attr_builder builder;
  const gr_op_info *info = gr_op_get(op);
  gr_attrs_begin(&builder, info);
  graft_attr attrs[] = {
      {.name = "stride", .kind = GRAFT_ATTR_INTS, .count = axes, .as.ints = g->stride + first},
      {.name = "padding", .kind = GRAFT_ATTR_INTS, .count = axes, .as.ints = g->padding + first},
      {.name = "dilation", .kind = GRAFT_ATTR_INTS, .count = axes, .as.ints = g->dilation + first},
      {.name = "groups", .kind = GRAFT_ATTR_INT, .as.i = g->groups},
      {.name = "output_padding", .kind = GRAFT_ATTR_INTS, .count = axes, .as.ints = g->extra + first}};
  for (size_t i = 0; i < (g->transposed ? 5 : 4); i++)
    ck_assert_int_eq(gr_attrs_set(module, &builder, info, &attrs[i], (gr_loc){0}), GRAFT_OK);
  uint32_t set = gr_attrs_intern(module, &builder, info, (gr_loc){0});
  graft_status status =
      gr_runtime_evaluate(NULL, module, op, set, operands, g->bias ? 3 : 2, &result, 1, (gr_loc){.node = name});
  if (status == GRAFT_OK) {
    int64_t y[3] = {1, 1, 1};
    for (uint32_t i = 0; i < axes; i++) y[first + i] = result.type.dims[2 + i];
    double *want = by_definition(g, &operands[0], &operands[1], &operands[2], y);
    for (int64_t i = 0; i < graft_type_elements(&result.type); i++)
      ck_assert_msg(fabs(want[i] - text_element(&result, i)) <= 1e-5 * (1 + fabs(want[i])),
                    "%s: element %lld is %g, not %g", name, (long long)i, text_element(&result, i), want[i]);
    if (!g->transposed) check_gradients(g, attrs, &operands[0], &operands[1], result.type, y);
    free(want);
    gr_buffer_release(context, result.buffer);
  } else {
    ck_assert_int_eq(status, GRAFT_TYPE); /* a kernel that does not fit */
    graft_diagnostics_clear(context);
  }
  text_free(operands, 3);
}

START_TEST(convolutions_by_definition) {
  int done = 0;
  for (int i = 0; i < 400; i++) {
    uint32_t axes = (uint32_t)choose(1, 3);
    geometry g = {.images = choose(1, 2),
                  .groups = choose(0, 2) ? 1 : choose(1, 4),
                  .in = choose(1, 9),
                  .out = choose(1, 9),
                  .transposed = i % 2,
                  .bias = choose(0, 1)};
    if (i % 10 == 0) g.in = 40, g.groups = 1; /* more than one block of k with a 3x3 kernel */
    if (i % 20 == 1) g.out = 70;
    for (uint32_t d = 0; d < 3; d++) {
      bool used = d >= 3 - axes;
      g.x[d] = used ? choose(1, axes == 1 ? 300 : 12) : 1;
      g.kernel[d] = used ? choose(1, 3) : 1;
      g.stride[d] = used ? choose(1, 3) : 1;
      g.padding[d] = used ? choose(0, 2) : 0;
      g.dilation[d] = used ? choose(1, 2) : 1;
      g.extra[d] = used && g.transposed ? choose(0, g.stride[d] - 1) : 0;
    }
    check_convolution(&g, axes);
    done++;
  }
  ck_assert_int_eq(done, 400);
}
END_TEST

/* ---- products
 * ---------------------------------------------------------------------------------------------------------------
 */

START_TEST(products_by_definition) {
  for (int i = 0; i < 60; i++) {
    int64_t m = choose(1, 150), n = choose(1, 150), k = i % 5 == 0 ? choose(500, 700) : choose(1, 40);
    graft_type x = {.dtype = GRAFT_F32, .rank = 2, .dims = {m, k}}, w = {.dtype = GRAFT_F32, .rank = 2, .dims = {n, k}};
    gr_array operands[2] = {random_array(x), random_array(w)}, result;
    uint32_t attrs = text_attrs(module, GR_OP_linear, "");
    ck_assert_int_eq(gr_runtime_evaluate(NULL, module, GR_OP_linear, attrs, operands, 2, &result, 1, (gr_loc){0}), 0);
    for (int64_t r = 0; r < m; r++)
      for (int64_t c = 0; c < n; c++) {
        double sum = 0;
        for (int64_t p = 0; p < k; p++)
          sum += text_element(&operands[0], r * k + p) * text_element(&operands[1], c * k + p);
        ck_assert_msg(fabs(sum - text_element(&result, r * n + c)) < 2e-5 * (1 + fabs(sum)),
                      "%lldx%lldx%lld: %g, not %g", (long long)m, (long long)n, (long long)k,
                      text_element(&result, r * n + c), sum);
      }
    gr_buffer_release(context, result.buffer);
    text_free(operands, 2);
  }
}
END_TEST

/* With indices each window is looked at by itself, without them rows of windows at once. */
START_TEST(maxima_with_and_without_indices) {
  static const graft_dtype dtypes[] = {GRAFT_F32, GRAFT_I8, GRAFT_U8, GRAFT_I32};
  for (int i = 0; i < 400; i++) {
    int64_t kernel[2], stride[2], padding[2], dilation[2], in[2];
    for (int a = 0; a < 2; a++) {
      kernel[a] = choose(1, 4), stride[a] = choose(1, 4), dilation[a] = choose(1, 2),
      padding[a] = choose(0, kernel[a] / 2);
      in[a] = (kernel[a] - 1) * dilation[a] + 1 + choose(0, 40);
    }
    char attrs[200];
    snprintf(attrs, sizeof attrs, "kernel_size=%d:%d stride=%d:%d padding=%d:%d dilation=%d:%d ceil_mode=%s",
             (int)kernel[0], (int)kernel[1], (int)stride[0], (int)stride[1], (int)padding[0], (int)padding[1],
             (int)dilation[0], (int)dilation[1], choose(0, 1) ? "true" : "false");
    const graft_type type = {.dtype = dtypes[choose(0, 3)], .rank = 4, .dims = {1, 2, in[0], in[1]}};
    gr_array x = random_array(type), one, two[2];
    if (type.dtype == GRAFT_F32 && choose(0, 1)) ((float *)x.data)[choose(0, graft_type_elements(&type) - 1)] = NAN;
    const uint32_t set = text_attrs(module, GR_OP_max_pool2d, attrs);
    ck_assert_int_eq(gr_runtime_evaluate(NULL, module, GR_OP_max_pool2d, set, &x, 1, &one, 1, (gr_loc){0}), 0);
    ck_assert_int_eq(gr_runtime_evaluate(NULL, module, GR_OP_max_pool2d, set, &x, 1, two, 2, (gr_loc){0}), 0);
    const size_t size = (size_t)graft_type_elements(&one.type) * graft_dtype_size(type.dtype);
    ck_assert_msg(memcmp(one.buffer->data, two[0].buffer->data, size) == 0, "%d: %s", i, attrs);
    gr_buffer_release(context, one.buffer);
    gr_buffer_release(context, two[0].buffer);
    gr_buffer_release(context, two[1].buffer);
    text_free(&x, 1);
  }
}
END_TEST

START_TEST(scratch_grows_and_is_kept) {
  gr_scratch *s = gr_scratch_create(context);
  for (int round = 0; round < 3; round++) {
    char *blocks[20];
    for (size_t i = 0; i < 20; i++) {
      blocks[i] = gr_scratch_alloc(s, i * 1000, 3);
      ck_assert_ptr_nonnull(blocks[i]);
      ck_assert_uint_eq((uintptr_t)blocks[i] % 64, 0);
      memset(blocks[i], (int)i, i * 3000);
    }
    for (size_t i = 1; i < 20; i++) ck_assert_int_eq(blocks[i][i * 3000 - 1], (int)i);
    gr_scratch_reset(s);
  }
  ck_assert_ptr_null(gr_scratch_alloc(s, SIZE_MAX / 2, 4));
  ck_assert(graft_context_has_errors(context));
  gr_scratch_destroy(s);
}
END_TEST

/* Products of sizes that do not fit are no memory, whichever two factors they come from. */
START_TEST(products_that_overflow_are_no_memory) {
  static const size_t factors[][4] = {{(size_t)1 << 33, (size_t)1 << 33, 1, 1},
                                      {(size_t)1 << 33, 1, (size_t)1 << 33, 1},
                                      {1, (size_t)1 << 33, (size_t)1 << 33, 1},
                                      {(size_t)1 << 33, 1, 1, (size_t)1 << 33},
                                      {1, (size_t)1 << 33, 1, (size_t)1 << 33},
                                      {1, 1, (size_t)1 << 33, (size_t)1 << 33},
                                      {(size_t)1 << 22, (size_t)1 << 22, (size_t)1 << 22, 1},
                                      {(size_t)1 << 61, 1, 1, 8},
                                      {1, 1, 1, SIZE_MAX}};
  gr_scratch *s = gr_scratch_create(context);
  for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
    const size_t *f = factors[i];
    ck_assert_msg(gr_scratch_alloc(s, gr_size3(f[0], f[1], f[2]), f[3]) == NULL, "row %zu", i);
    ck_assert(graft_context_has_errors(context));
    graft_diagnostics_clear(context);
  }
  ck_assert_uint_eq(gr_size3(3, 5, 7), 105);
  ck_assert_ptr_nonnull(gr_scratch_alloc(s, 0, 8));
  gr_scratch_destroy(s);
}
END_TEST

/* Parameters scale with the data, as far as floats go: two steps, the second one wider. */
START_TEST(histograms_scale_with_the_data) {
  enum { BINS = 64, COUNT = 3000 };
  static const int exponents[] = {0, 10, -10, 48, 100, 127 - 4, -60, -100};
  float x[COUNT], wide[COUNT], first[2], scratch[2 * BINS];
  for (int i = 0; i < COUNT; i++) {
    x[i] = (float)choose(-1000, 3000) * (float)choose(0, 1000) * 1e-6f;
    wide[i] = 3.0f * x[i] + 1.0f;
  }
  for (int e = 0; e < 8; e++) {
    float state_now[BINS + 2] = {INFINITY, -INFINITY}, range[2];
    for (int step = 0; step < 2; step++) {
      float scaled[COUNT];
      for (int i = 0; i < COUNT; i++) scaled[i] = ldexpf(step ? wide[i] : x[i], exponents[e]);
      gr_observe_histogram(gr_isa_best(), scaled, COUNT, BINS, state_now, state_now, scratch);
    }
    gr_histogram_range(state_now, BINS, 8, &range[0], &range[1], scratch);
    if (e == 0) memcpy(first, range, sizeof first);
    ck_assert_float_eq(range[0], ldexpf(first[0], exponents[e]));
    ck_assert_float_eq(range[1], ldexpf(first[1], exponents[e]));
    ck_assert_float_gt(range[1], 0);
  }
}
END_TEST

/* The least power of two that covers the range; what is a power of two already stays. */
START_TEST(power_of_two_scales) {
  static const float tops[] = {1.0f, 127.0f, 0.3f, 1e-30f, 3e38f, 254.0f};
  for (size_t i = 0; i < sizeof tops / sizeof *tops; i++)
    for (int symmetric = 0; symmetric < 2; symmetric++) {
      graft_qparams_config c = {.size = sizeof c, .dtype = GRAFT_I8, .quant_min = -127, .quant_max = 127, .eps = 1e-38};
      c.symmetric = symmetric;
      float exact, scale;
      int32_t zero_point;
      int exponent;
      ck_assert_int_eq(graft_qparams(&c, -tops[i], tops[i] / 2, &exact, &zero_point), GRAFT_OK);
      c.formula = GRAFT_FORMULA_POWER_OF_TWO;
      ck_assert_int_eq(graft_qparams(&c, -tops[i], tops[i] / 2, &scale, &zero_point), GRAFT_OK);
      ck_assert(frexpf(scale, &exponent) == 0.5f);
      ck_assert(scale >= exact && scale < 2 * exact);
      ck_assert(symmetric ? zero_point == 0 : zero_point >= -127 && zero_point <= 127);
      ck_assert(symmetric || rintf(-tops[i] / scale) + (float)zero_point >= -127.0f);
    }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("kernels");
  TCase *tc = tcase_create("kernels");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, products_that_overflow_are_no_memory);
  tcase_add_test(tc, histograms_scale_with_the_data);
  tcase_add_loop_test(tc, hand_computed, 0, (int)(sizeof cases / sizeof *cases));
  tcase_add_test(tc, power_of_two_scales);
  tcase_add_test(tc, convolutions_by_definition);
  tcase_add_test(tc, products_by_definition);
  tcase_add_test(tc, maxima_with_and_without_indices);
  tcase_add_test(tc, scratch_grows_and_is_kept);
  suite_add_tcase(suite, tc);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
