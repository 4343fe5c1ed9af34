/* Every version of the kernels' loops gives the bits of the plain one: random numbers, and NaN of every kind,
 * infinities, zeros of both signs, denormals, ties; operands of any alignment and length, apart from the result or in
 * its place. */
#include "runtime/kernel_impl.h"

#include "array_text.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static graft_module *module;
static gr_scratch *scratch;
static uint64_t state;

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_create(context);
  scratch = gr_scratch_create(context);
}

static void teardown(void) {
  gr_scratch_destroy(scratch);
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static uint64_t bits(void) { return state = gr_mix(state + 1); }
static int64_t choose(int64_t low, int64_t high) { return low + (int64_t)(bits() % (uint64_t)(high - low + 1)); }

static double some_number(void) {
  static const double special[] = {0.0,  -0.0, INFINITY, -INFINITY, 1e-40, -1e-40, 0.5,
                                   -1.5, 2.5,  3e38,     -3e38,     127.5, -128.5};
  switch (choose(0, 8)) {
  case 0: return special[choose(0, 12)];
  case 1: return (double)choose(-300, 300) * 0.5;
  default: return (double)choose(-40000, 40000) * 0.01;
  }
}

static void fill(graft_dtype d, char *to, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    double x = some_number();
    uint64_t raw = bits();
    bool any = choose(0, 9) == 0;
    switch (d) {
    case GRAFT_F32:
      ((float *)(void *)to)[i] = (float)x;
      if (any) memcpy(to + i * 4, &raw, 4);
      if (choose(0, 19) == 0) ((uint32_t *)(void *)to)[i] |= 0x7f800000u;
      break;
    case GRAFT_F64:
      ((double *)(void *)to)[i] = x;
      if (any) memcpy(to + i * 8, &raw, 8);
      if (choose(0, 19) == 0) ((uint64_t *)(void *)to)[i] |= 0x7ffull << 52;
      break;
    case GRAFT_I8:
    case GRAFT_U8: ((uint8_t *)to)[i] = (uint8_t)raw; break;
    case GRAFT_I16: ((uint16_t *)(void *)to)[i] = (uint16_t)raw; break;
    case GRAFT_I32: ((uint32_t *)(void *)to)[i] = (uint32_t)raw; break;
    default: ck_abort();
    }
  }
}

/* A call: each array in a buffer of its own, at some distance from its start. */
#define ROOM 65536
typedef struct call {
  const char *op, *attrs;
  graft_type types[8];
  uint32_t operands, results;
  char *bytes[8];
  bool in_place; /* the result over operand 0 */
} call;

static _Alignas(64) char operand_bytes[8][ROOM + 64], result_bytes[GR_ISA_COUNT][4][ROOM + 64];

static void add_operand(call *c, graft_dtype d, int32_t rank, const int64_t *dims) {
  uint32_t i = c->operands++;
  c->types[i] = graft_type_make(d, rank, dims);
  int64_t n = graft_type_elements(&c->types[i]), size = (int64_t)graft_dtype_size(d);
  ck_assert_int_le(n * size, ROOM);
  c->bytes[i] = operand_bytes[i] + choose(0, 7) * size;
  fill(d, c->bytes[i], n);
}

/* Bit for bit; but where an operation that commutes gets two NaN, which of them it gives is the compiler's choice. */
static bool same_number(graft_dtype d, const char *a, const char *b, bool commutes) {
  if (memcmp(a, b, graft_dtype_size(d)) == 0) return true;
  if (!commutes) return false;
  if (d == GRAFT_F32) return isnan(*(const float *)(const void *)a) && isnan(*(const float *)(const void *)b);
  return d == GRAFT_F64 && isnan(*(const double *)(const void *)a) && isnan(*(const double *)(const void *)b);
}

static void check(call *c) {
  const graft_type *types[GR_MAX_OPERANDS] = {0};
  graft_type result_types[GR_MAX_RESULTS];
  gr_in in[GR_MAX_OPERANDS] = {0};
  char message[160] = "";
  uint32_t op = gr_op_find(c->op, strlen(c->op));
  for (uint32_t i = 0; i < c->operands; i++) types[i] = &c->types[i];
  gr_infer infer = {.module = module,
                    .op = op,
                    .attrs = text_attrs(module, op, c->attrs),
                    .operands = types,
                    .operand_count = c->operands,
                    .results = result_types,
                    .result_count = c->results,
                    .error = message};
  ck_assert_msg(gr_infer_types(&infer), "%s {%s}: %s", c->op, c->attrs, message);
  int64_t shift = choose(0, 7);
  bool commutes = op == GR_OP_add || op == GR_OP_mul || op == GR_OP_batch_norm;
  for (int isa = 0; isa <= (int)gr_isa_best(); isa++) {
    gr_out out[GR_MAX_RESULTS] = {0};
    for (uint32_t i = 0; i < c->operands; i++)
      in[i] = (gr_in){.type = types[i], .data = c->bytes[i], .count = graft_type_elements(types[i])};
    for (uint32_t i = 0; i < c->results; i++) {
      char *to = result_bytes[isa][i] + shift * (int64_t)graft_dtype_size(result_types[i].dtype);
      out[i] = (gr_out){.type = &result_types[i], .data = to, .count = graft_type_elements(&result_types[i])};
    }
    if (c->in_place) {
      memcpy(out[0].data, in[0].data, gr_in_bytes(&in[0]));
      in[0].data = out[0].data;
    }
    gr_kernel_call k = {.context = context,
                        .module = module,
                        .op = op,
                        .attrs = infer.attrs,
                        .operands = in,
                        .operand_count = c->operands,
                        .results = out,
                        .result_count = c->results,
                        .scratch = scratch,
                        .isa = (gr_isa)isa,
                        .where = {.node = "n"}};
    ck_assert_msg(gr_kernel_get(op)->run(&k) == GRAFT_OK, "%s {%s}", c->op, c->attrs);
    gr_scratch_reset(scratch);
    for (uint32_t i = 0; i < c->results; i++) {
      size_t size = graft_dtype_size(result_types[i].dtype);
      for (int64_t j = 0; j < out[i].count; j++) {
        size_t at = (size_t)(shift + j) * size;
        ck_assert_msg(same_number(result_types[i].dtype, result_bytes[0][i] + at, result_bytes[isa][i] + at, commutes),
                      "%s {%s}: version %d, result %u, element %jd of %jd%s", c->op, c->attrs, isa, i, (intmax_t)j,
                      (intmax_t)out[i].count, c->in_place ? ", in place" : "");
      }
    }
  }
}

static const graft_dtype floats[] = {GRAFT_F32, GRAFT_F64};

START_TEST(unary) {
  static const char *const ops[][2] = {{"relu", ""},
                                       {"hardtanh", "min_val=-1.5 max_val=100.25"},
                                       {"sqrt", ""},
                                       {"exp", ""},
                                       {"log", ""},
                                       {"neg", ""},
                                       {"abs", ""},
                                       {"hardswish", ""},
                                       {"hardsigmoid", ""},
                                       {"hardsigmoid", "alpha=0.2 beta=0.5"},
                                       {"sigmoid", ""},
                                       {"silu", ""},
                                       {"tanh", ""},
                                       {"gelu", ""},
                                       {"gelu", "approximate=tanh"},
                                       {"erf", ""},
                                       {"sin", ""},
                                       {"cos", ""},
                                       {"tan", ""},
                                       {"asin", ""},
                                       {"acos", ""},
                                       {"atan", ""},
                                       {"sinh", ""},
                                       {"cosh", ""},
                                       {"asinh", ""},
                                       {"acosh", ""},
                                       {"atanh", ""},
                                       {"reciprocal", ""},
                                       {"rsqrt", ""},
                                       {"floor", ""},
                                       {"ceil", ""},
                                       {"round", ""},
                                       {"sign", ""},
                                       {"leaky_relu", "negative_slope=0.1"},
                                       {"elu", "alpha=1.5"},
                                       {"selu", ""},
                                       {"celu", "alpha=0.5"},
                                       {"softplus", ""},
                                       {"softplus", "beta=2 threshold=5"},
                                       {"logsigmoid", ""},
                                       {"softsign", ""},
                                       {"mish", ""},
                                       {"threshold", "threshold=0.5 value=-1"},
                                       {"hardshrink", ""},
                                       {"softshrink", "lambd=0.25"}};
  state = (uint64_t)_i;
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
    int64_t n = choose(0, 600);
    call c = {.op = ops[i][0], .attrs = ops[i][1], .results = 1, .in_place = choose(0, 1) == 1};
    add_operand(&c, floats[choose(0, 1)], 1, &n);
    check(&c);
  }
}
END_TEST

START_TEST(binary) {
  static const char *const ops[] = {"add", "sub", "mul", "div", "pow"};
  state = (uint64_t)_i;
  for (size_t i = 0; i < 5; i++) {
    int64_t dims[3] = {choose(1, 5), choose(1, 5), choose(1, 90)}, other[3];
    graft_dtype d = floats[choose(0, 1)];
    for (int k = 0; k < 3; k++) other[k] = choose(0, 1) ? dims[k] : 1;
    call c = {.op = ops[i], .attrs = "", .results = 1, .in_place = choose(0, 1) == 1};
    add_operand(&c, d, 3, dims);
    add_operand(&c, d, 3, other);
    check(&c);
    call turned = {.op = ops[i], .attrs = "", .results = 1};
    add_operand(&turned, d, 3, other);
    add_operand(&turned, d, 3, dims);
    check(&turned);
  }
  call c = {.op = "clamp", .attrs = "", .results = 1, .in_place = choose(0, 1) == 1};
  int64_t n = choose(1, 300);
  graft_dtype d = floats[choose(0, 1)];
  add_operand(&c, d, 1, &n);
  add_operand(&c, d, 0, NULL);
  add_operand(&c, d, choose(0, 1) ? 1 : 0, &n);
  check(&c);
}
END_TEST

/* Scales and zero points that may be: any positive number, any integer of the range. */
static void add_qparams(call *c, int64_t n, int32_t rank, int64_t low, int64_t high) {
  add_operand(c, GRAFT_F32, rank, &n);
  add_operand(c, GRAFT_I32, rank, &n);
  float *scale = (float *)(void *)c->bytes[1];
  int32_t *zero_point = (int32_t *)(void *)c->bytes[2];
  for (int64_t i = 0; i < (rank ? n : 1); i++) {
    double s = fabs(some_number());
    scale[i] = choose(0, 1) ? ldexpf(1.0f, (int)choose(-12, 3)) : s > 1e-30 && s < 1e30 ? (float)s : 0.3f;
    zero_point[i] = (int32_t)choose(low, high);
  }
}

START_TEST(quantization) {
  static const struct {
    graft_dtype dtype;
    const char *range;
    int64_t low, high;
  } types[] = {{GRAFT_I8, "quant_min=-128 quant_max=127 dtype=i8", -128, 127},
               {GRAFT_U8, "quant_min=0 quant_max=255 dtype=u8", 0, 255},
               {GRAFT_I16, "quant_min=-32768 quant_max=32767 dtype=i16", -32768, 32767},
               {GRAFT_I32, "quant_min=-2147483648 quant_max=2147483647 dtype=i32", INT32_MIN, INT32_MAX}};
  state = (uint64_t)_i;
  for (int i = 0; i < 4; i++) {
    for (int what = 0; what < 6; what++) {
      bool per_channel = what % 2 == 1;
      int64_t dims[3] = {choose(1, 4), choose(1, 6), choose(1, 100)};
      char attrs[120];
      snprintf(attrs, sizeof attrs, "%s%s", types[i].range, per_channel ? " axis=1" : "");
      static const char *const ops[] = {"quantize_per_tensor",    "quantize_per_channel", "dequantize_per_tensor",
                                        "dequantize_per_channel", "fake_quantize",        "fake_quantize"};
      call c = {.op = ops[what], .attrs = attrs, .results = 1, .in_place = what >= 4 && choose(0, 1) == 1};
      add_operand(&c, what / 2 == 1 ? types[i].dtype : GRAFT_F32, 3, dims);
      add_qparams(&c, dims[1], per_channel, types[i].low, types[i].high);
      check(&c);
    }
  }
}
END_TEST

START_TEST(observers) {
  static const char *const kinds[] = {"observer=min_max", "observer=moving_average_min_max",
                                      "observer=histogram bins=16"};
  state = (uint64_t)_i;
  for (int i = 0; i < 5; i++) {
    bool per_channel = i >= 3;
    int64_t dims[2] = {choose(1, 6), choose(1, 300)}, s[2] = {2, dims[0]};
    char attrs[80];
    snprintf(attrs, sizeof attrs, "%s%s", kinds[i % 3], per_channel ? " axis=0" : "");
    if (i == 2) s[0] = 18;
    call c = {.op = "observe", .attrs = attrs, .results = 1};
    add_operand(&c, GRAFT_F32, 2, dims);
    add_operand(&c, GRAFT_F32, per_channel ? 2 : 1, s);
    float *state_data = (float *)(void *)c.bytes[1];
    for (int64_t k = 0; k < graft_type_elements(&c.types[1]); k++)
      state_data[k] = choose(0, 1) ? INFINITY : (float)choose(0, 9);
    if (i == 2) state_data[0] = -1.0f, state_data[1] = 2.0f;
    check(&c);
  }
}
END_TEST

START_TEST(batch_norm) {
  state = (uint64_t)_i;
  int64_t dims[3] = {choose(2, 4), choose(1, 5), choose(1, 70)};
  bool training = choose(0, 1) == 1;
  call c = {.op = "batch_norm",
            .attrs = training ? "training=true" : "",
            .results = training ? 3 : 1,
            .in_place = choose(0, 1) == 1};
  add_operand(&c, GRAFT_F32, 3, dims);
  for (int i = 0; i < 4; i++) add_operand(&c, GRAFT_F32, 1, &dims[1]);
  for (int64_t i = 0; i < dims[1]; i++) ((float *)(void *)c.bytes[4])[i] = 0.01f * (float)choose(1, 300);
  if (choose(0, 1)) /* finite statistics */
    for (int64_t i = 0; i < graft_type_elements(&c.types[0]); i++)
      ((float *)(void *)c.bytes[0])[i] = 0.01f * (float)choose(-30000, 30000);
  check(&c);
}
END_TEST

/* Rows times factors, quantized in one go: as by a product and a quantization, or it says that it is not so. */
START_TEST(quantized_rows) {
  static const graft_dtype dtypes[] = {GRAFT_I8, GRAFT_U8, GRAFT_I16, GRAFT_I32, GRAFT_U16};
  static float x[9 * 300], product[9 * 300], factors[9], scales[9];
  static char want[9 * 300 * 4], got[9 * 300 * 4];
  int32_t zero_points[9];
  state = (uint64_t)_i;
  gr_scaled_rows rows = {.x = x, .count = choose(1, 9), .width = choose(0, 1) ? choose(1, 40) : choose(1, 300)};
  const graft_dtype dtype = dtypes[choose(0, 4)];
  const bool one = choose(0, 1), odd = choose(0, 9) == 0;
  const int64_t n = rows.count * rows.width;
  bool finite = true;
  rows.factors = choose(0, 2) ? factors : NULL;
  rows.scaled_by_row = choose(0, 2) != 0;
  rows.scales = scales;
  rows.zero_points = zero_points;
  if (dtype == GRAFT_I32)
    rows.range = (gr_qrange){-100000, 100000};
  else
    graft_dtype_range(dtype, &rows.range.quant_min, &rows.range.quant_max);
  for (int64_t r = 0; r < rows.count; r++) {
    factors[r] = 0.01f * (float)choose(-300, 300);
    scales[r] = odd && choose(0, 2) == 0 ? 1e-40f : 0.5f * (float)choose(1, 90);
    zero_points[r] = one ? 3 : odd && choose(0, 2) == 0 ? INT32_MIN : (int32_t)choose(-20, 20);
  }
  for (int64_t i = 0; i < n; i++)
    x[i] = odd && choose(0, 99) == 0 ? (float)some_number() : 0.5f * (float)choose(-400, 400);
  for (int64_t i = 0; i < n; i++) {
    product[i] = rows.factors ? x[i] * factors[i / rows.width] : x[i];
    finite &= isfinite(product[i]) != 0;
  }
  const int64_t size = (int64_t)graft_dtype_size(dtype);
  for (int64_t r = 0; r < rows.count; r++) {
    const int64_t c = rows.scaled_by_row ? r : 0;
    gr_quantize_f32(GR_ISA_PLAIN, product + r * rows.width, rows.width, scales[c], zero_points[c], rows.range, dtype,
                    want + r * rows.width * size);
  }
  for (int isa = 0; isa <= (int)gr_isa_best(); isa++) {
    const bool done = gr_quantize_rows_f32((gr_isa)isa, &rows, dtype, got);
    ck_assert_msg(done || odd, "version %d", isa);
    ck_assert_msg(finite || !done, "version %d: NaN or infinity", isa);
    ck_assert_msg(!done || memcmp(got, want, (size_t)(n * size)) == 0, "version %d, %s: %jd rows of %jd", isa,
                  graft_dtype_name(dtype), (intmax_t)rows.count, (intmax_t)rows.width);
  }
}
END_TEST

/* The machine that runs this has more than the plain version, or it says so. */
START_TEST(best) {
  printf("versions tested: %d\n", (int)gr_isa_best() + 1);
  ck_assert_int_lt(gr_isa_best(), GR_ISA_COUNT);
}
END_TEST

/* Rounds of each; the sanitizers make one some twenty times as long. */
#if defined(__SANITIZE_ADDRESS__)
enum { ROUNDS = 6 };
#else
enum { ROUNDS = 60 };
#endif

int main(void) {
  Suite *s = suite_create("isa");
  TCase *t = tcase_create("isa");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, best);
  tcase_add_loop_test(t, unary, 0, ROUNDS);
  tcase_add_loop_test(t, binary, 0, ROUNDS);
  tcase_add_loop_test(t, quantization, 0, ROUNDS);
  tcase_add_loop_test(t, quantized_rows, 0, 10 * ROUNDS);
  tcase_add_loop_test(t, observers, 0, ROUNDS);
  tcase_add_loop_test(t, batch_norm, 0, ROUNDS);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
