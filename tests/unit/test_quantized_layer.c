/* What a session keeps of an integer layer (packed weights, multipliers) follows the tensors that it is made from, from
 * a fast kernel to the plain one and back; bad numbers are the same errors in both. */
#include "runtime/runtime.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IN = 64, OUT = 32, SIDE = 12, WEIGHTS = OUT * IN * 9, ELEMENTS = OUT * SIDE * SIDE };
enum { WEIGHT, BIAS, X_SCALE, X_ZERO, WEIGHT_SCALE, WEIGHT_ZERO, Y_SCALE, Y_ZERO, TENSORS };

static graft_context *context;
static graft_module *module;
static graft_tensor tensors[TENSORS];
static graft_session *plain, *fast;
static uint8_t x[IN * SIDE * SIDE];
static uint32_t state = 1;

static int number(int low, int high) {
  state = state * 1664525u + 1013904223u;
  return low + (int)((state >> 8) % (uint32_t)(high - low + 1));
}

static void set_weight(void) {
  int8_t weight[WEIGHTS];
  for (int i = 0; i < WEIGHTS; i++) weight[i] = (int8_t)number(-127, 127);
  ck_assert_int_eq(graft_tensor_set_data(module, tensors[WEIGHT], weight), GRAFT_OK);
}

static void set_floats(int which, float low, float high) {
  float values[OUT];
  for (int i = 0; i < OUT; i++) values[i] = low < high ? low + (high - low) * (float)number(0, 1000) / 1000.0f : low;
  ck_assert_int_eq(graft_tensor_set_data(module, tensors[which], values), GRAFT_OK);
}

static void set_ints(int which, int low, int high) {
  int32_t values[OUT];
  for (int i = 0; i < OUT; i++) values[i] = number(low, high);
  ck_assert_int_eq(graft_tensor_set_data(module, tensors[which], values), GRAFT_OK);
}

static void set_good(void) {
  set_weight();
  set_floats(BIAS, -1, 1);
  set_floats(X_SCALE, 0.01f, 0.02f);
  set_ints(X_ZERO, 0, 255);
  set_floats(WEIGHT_SCALE, 0.001f, 0.002f);
  set_ints(WEIGHT_ZERO, 0, 0);
  set_floats(Y_SCALE, 0.01f, 0.03f);
  set_ints(Y_ZERO, 0, 255);
}

static void setup(void) {
  static const struct {
    graft_dtype dtype;
    int32_t rank;
    int64_t dims[4];
  } types[TENSORS] = {{GRAFT_I8, 4, {OUT, IN, 3, 3}}, {GRAFT_F32, 1, {OUT}}, {GRAFT_F32, 0, {0}}, {GRAFT_I32, 0, {0}},
                      {GRAFT_F32, 1, {OUT}},          {GRAFT_I32, 1, {OUT}}, {GRAFT_F32, 0, {0}}, {GRAFT_I32, 0, {0}}};
  static const int32_t zeros[WEIGHTS];
  const int64_t dims[] = {1, IN, SIDE, SIDE}, padding[] = {1, 1};
  const graft_type image = graft_type_make(GRAFT_U8, 4, dims);
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  graft_graph *g = graft_graph_create(module, "main");
  graft_value operands[TENSORS + 1] = {graft_input_add(g, "x", &image)};
  for (int i = 0; i < TENSORS; i++) {
    char name[16];
    snprintf(name, sizeof name, "t%d", i);
    const graft_type t = graft_type_make(types[i].dtype, types[i].rank, types[i].dims);
    tensors[i] = graft_tensor_create(module, name, GRAFT_BUFFER, &t, zeros);
    operands[1 + i] = graft_tensor_value(g, tensors[i]);
  }
  set_good();
  const graft_attr attrs[] = {{.name = "padding", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = padding},
                              {.name = "quant_min", .kind = GRAFT_ATTR_INT, .as.i = 0},
                              {.name = "quant_max", .kind = GRAFT_ATTR_INT, .as.i = 255},
                              {.name = "dtype", .kind = GRAFT_ATTR_DTYPE, .as.dtype = GRAFT_U8}};
  const graft_value y = graft_build(g, "quantized.conv2d", operands, TENSORS + 1, attrs, 4);
  ck_assert_msg(graft_output_add(g, "y", y) == GRAFT_OK, "%s", graft_diagnostic_get(context, 0).message);
  for (size_t i = 0; i < sizeof x; i++) x[i] = (uint8_t)number(0, 255);
  plain = graft_session_create(g, &(graft_session_options){.size = sizeof(graft_session_options), .reference = true});
  fast = graft_session_create(g, NULL);
  ck_assert_int_eq(graft_session_set_input(plain, 0, &image, x), GRAFT_OK);
  ck_assert_int_eq(graft_session_set_input(fast, 0, &image, x), GRAFT_OK);
}

static void teardown(void) {
  graft_session_destroy(plain);
  graft_session_destroy(fast);
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static void check_equal(const char *what) {
  ck_assert_msg(graft_session_run(plain) == GRAFT_OK, "%s", what);
  ck_assert_msg(graft_session_run(fast) == GRAFT_OK, "%s", what);
  const void *want = graft_session_get_output(plain, 0, NULL), *got = graft_session_get_output(fast, 0, NULL);
  ck_assert_msg(memcmp(want, got, ELEMENTS) == 0, "%s", what);
}

START_TEST(tensors_change) {
  check_equal("at first");
  check_equal("once more");
  for (int i = 0; i < 3; i++) {
    set_weight();
    check_equal("weight");
    set_floats(BIAS, -1, 1);
    check_equal("bias");
    set_floats(X_SCALE, 0.01f, 0.02f);
    check_equal("x_scale");
    set_ints(X_ZERO, 0, i);
    check_equal("x_zero_point");
    set_floats(WEIGHT_SCALE, 0.001f, 0.002f);
    check_equal("weight_scale");
    set_ints(WEIGHT_ZERO, -9, 9);
    check_equal("weight_zero_point, for which there is the plain kernel");
    set_ints(WEIGHT_ZERO, 0, 0);
    check_equal("weight_zero_point back at 0");
    set_floats(Y_SCALE, 0.01f, 0.03f);
    check_equal("y_scale");
    set_ints(Y_ZERO, 0, 255);
    check_equal("y_zero_point");
    set_floats(BIAS, 1e9f, 2e9f);
    check_equal("bias, computed in double");
    set_floats(BIAS, -1, 1);
  }
}
END_TEST

/* oneDNN rounds sums beyond 2^24; with a bias as large, requantization wants them exact. */
START_TEST(sums_beyond_24_bits) {
  enum { TAPS = IN * 9, MOST = TAPS * 127 * 253 };
  int8_t weight[WEIGHTS];
  float bias[OUT];
  for (int o = 0; o < OUT; o++) {
    for (int i = 0; i < TAPS; i++) weight[o * TAPS + i] = i < o ? 126 : 127;
    bias[o] = (float)(100 + 253 * o - MOST);
  }
  memset(x, 255, sizeof x);
  ck_assert_int_eq(graft_tensor_set_data(module, tensors[WEIGHT], weight), GRAFT_OK);
  ck_assert_int_eq(graft_tensor_set_data(module, tensors[BIAS], bias), GRAFT_OK);
  for (int which = X_SCALE; which <= Y_SCALE; which += WEIGHT_SCALE - X_SCALE) set_floats(which, 1, 1);
  set_ints(X_ZERO, 2, 2);
  set_ints(Y_ZERO, 0, 0);
  check_equal("odd sums beyond 2^24");
  const uint8_t *y = graft_session_get_output(fast, 0, NULL);
  for (int o = 0; o < OUT; o++) {
    const int got = y[(o * SIDE + SIDE / 2) * SIDE + SIDE / 2], want = MOST - 253 * o + (int)bias[o];
    ck_assert_msg(got == want, "channel %d: %d, not %d", o, got, want);
  }
  set_good();
  check_equal("smaller sums again");
}
END_TEST

/* The newest message. */
static const char *failure_of(graft_session *s) {
  ck_assert_int_ne(graft_session_run(s), GRAFT_OK);
  return graft_diagnostic_get(context, graft_diagnostic_count(context) - 1).message;
}

static void check_refused(const char *what) {
  char want[200];
  snprintf(want, sizeof want, "%s", failure_of(plain));
  ck_assert_str_eq(failure_of(fast), want);
  ck_assert_msg(strstr(want, what) != NULL, "%s", want);
  set_good();
  check_equal(what);
}

START_TEST(bad_numbers) {
  static const struct {
    int which;
    const char *name;
  } scales[] = {{X_SCALE, "x_scale"}, {WEIGHT_SCALE, "weight_scale"}, {Y_SCALE, "y_scale"}};
  static const float bad[] = {0.0f, -1.0f, NAN, INFINITY, 1e-40f};
  check_equal("at first");
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 5; j++) {
      set_floats(scales[i].which, bad[j], bad[j]);
      check_refused(scales[i].name);
    }
  set_ints(X_ZERO, 256, 256);
  check_refused("x_zero_point");
  set_ints(WEIGHT_ZERO, 128, 128);
  check_refused("weight_zero_point");
  set_ints(Y_ZERO, -1, -1);
  check_refused("y_zero_point");
}
END_TEST

int main(void) {
  Suite *s = suite_create("quantized_layer");
  TCase *t = tcase_create("state");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, tensors_change);
  tcase_add_test(t, sums_beyond_24_bits);
  tcase_add_test(t, bad_numbers);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_set_fork_status(r, CK_NOFORK);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
