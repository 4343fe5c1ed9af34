/* The modes of runtime/REQUANTIZE.md other than float, computed once more as the formulas say it, fixed point with 128
 * bits and division that rounds down: random sums of products, products and sums have to agree bit for bit. */
#include "runtime/runtime.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 64, DEPTH = 5 };

__extension__ typedef __int128 wide;
typedef enum mode { SINGLE, TWICE, GEMMLOWP, FIXED, QNNPACK = FIXED, ONEDNN, MODES } mode;

static const char *const mode_names[MODES] = {"single_rounding", "double_rounding", "gemmlowp", "qnnpack", "onednn"};

typedef struct number_type {
  const char *name;
  graft_dtype dtype;
  int32_t low, high;
} number_type;

static const number_type types[] = {
    {"i8", GRAFT_I8, -128, 127}, {"u8", GRAFT_U8, 0, 255}, {"i16", GRAFT_I16, -32768, 32767}};

static uint64_t state;

static int64_t choose(int64_t low, int64_t high) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return low + (int64_t)((state >> 33) % (uint64_t)(high - low + 1));
}

static float scale(void) { return ldexpf(1.0f + (float)choose(0, 4095) / 4096.0f, (int)choose(-9, -3)); }

/* ---- the formulas ---- */

static wide floor_shift(wide x, int by) {
  const wide d = (wide)1 << by;
  return (x - ((x % d) + d) % d) / d;
}

static wide within(wide x, wide low, wide high) { return x < low ? low : x > high ? high : x; }
static wide saturate(wide x) { return within(x, INT32_MIN, INT32_MAX); }
static wide half_up(wide x, int by) { return by ? floor_shift(x + ((wide)1 << (by - 1)), by) : x; }
static wide half_away(wide x, int by) { return x < 0 ? -half_up(-x, by) : half_up(x, by); }
static wide last(mode how, wide x, int by) { return how == SINGLE ? half_up(x, by) : half_away(x, by); }

static wide times(mode how, wide x, double ratio) {
  int e;
  if (how == GEMMLOWP) ratio = (double)(float)ratio;
  wide m = (wide)round(frexp(ratio, &e) * 0x1p31);
  if (m == (wide)1 << 31) m /= 2, e++;
  if (how == SINGLE) return saturate(half_up(saturate(x) * m, 31 - e));
  const wide shifted = e > 0 ? saturate(saturate(x) * ((wide)1 << e)) : saturate(x);
  const wide high = saturate(half_up(shifted * m, 31));
  return half_away(high, e < 0 ? -e : 0);
}

/* ---- one op ---- */

typedef struct pair {
  const number_type *x, *other, *y;
  float x_scale, other_scale, y_scale, weight_scale;
  int32_t x_zero, other_zero, y_zero;
  int32_t data[2][COUNT * DEPTH]; /* of x and other */
  int32_t weight[DEPTH], bias;
  bool real; /* the bias is this float */
  float real_bias;
  mode how;
} pair;

static void random_pair(pair *p) {
  p->x = &types[choose(0, 2)];
  p->other = &types[choose(0, 2)];
  p->y = &types[choose(0, 2)];
  p->x_scale = scale();
  p->other_scale = scale();
  p->y_scale = scale();
  p->weight_scale = scale();
  p->x_zero = (int32_t)choose(p->x->low, p->x->high);
  p->other_zero = (int32_t)choose(p->other->low, p->other->high);
  p->y_zero = (int32_t)choose(p->y->low, p->y->high);
  for (int i = 0; i < COUNT * DEPTH; i++) {
    p->data[0][i] = (int32_t)choose(p->x->low, p->x->high);
    p->data[1][i] = (int32_t)choose(p->other->low, p->other->high);
  }
  for (int i = 0; i < DEPTH; i++) p->weight[i] = (int32_t)choose(-128, 127);
  p->bias = (int32_t)choose(-5000, 5000);
  p->real_bias = (float)p->bias * p->x_scale * p->weight_scale * (1.0f + (float)choose(-99, 99) / 100.0f);
  p->real = choose(0, 1);
  p->how = (mode)choose(0, FIXED - 1);
}

static int32_t finish(const pair *p, wide v) { return (int32_t)within(v + p->y_zero, p->y->low, p->y->high); }

static int32_t want_add(const pair *p, int i) {
  const double a = (double)p->x_scale, b = (double)p->other_scale, twice = 2 * (a > b ? a : b);
  const int bits = p->x->dtype == GRAFT_I16 || p->other->dtype == GRAFT_I16 ? 15 : 20;
  const wide finer = (wide)1 << bits;
  const wide x = (p->data[0][i] - p->x_zero) * finer, o = (p->data[1][i] - p->other_zero) * finer;
  const wide sum = times(p->how, x, a / twice) + times(p->how, o, b / twice);
  return finish(p, times(p->how, sum, twice / ldexp(1, bits) / (double)p->y_scale));
}

static int32_t want_mul(const pair *p, int i) {
  const wide x = p->data[0][i] - p->x_zero, o = p->data[1][i] - p->other_zero;
  return finish(p, times(p->how, x * o, (double)p->x_scale * (double)p->other_scale / (double)p->y_scale));
}

static wide dot(const pair *p, int row) {
  wide sum = p->real ? 0 : p->bias;
  for (int d = 0; d < DEPTH; d++) sum += (wide)(p->data[0][row * DEPTH + d] - p->x_zero) * p->weight[d];
  return sum;
}

/* As PyTorch's engines do it, in f32. */
static int32_t want_engine(const pair *p, int row, bool adds) {
  const float step = p->x_scale * p->weight_scale, m = step / p->y_scale, ratio = p->other_scale / p->y_scale;
  int64_t sum = (int64_t)dot(p, row);
  if (p->real && p->how == QNNPACK) sum += llrintf(p->real_bias * (1.0f / step));
  float f = (float)sum * m;
  if (p->real && p->how == ONEDNN) f += p->real_bias / p->y_scale;
  if (adds) f += (float)(p->data[1][row] - p->other_zero) * ratio;
  return finish(p, llrintf(f));
}

static double fixed_bias(const pair *p) {
  return p->real ? rint((double)p->real_bias / ((double)p->x_scale * (double)p->weight_scale)) : 0.0;
}

static int32_t want_linear(const pair *p, int row) {
  if (p->how >= FIXED) return want_engine(p, row, false);
  return finish(p, times(p->how, dot(p, row) + (wide)fixed_bias(p),
                         (double)p->x_scale * (double)p->weight_scale / (double)p->y_scale));
}

static int32_t want_linear_add(const pair *p, int row) {
  if (p->how >= FIXED) return want_engine(p, row, true);
  const double m = (double)p->x_scale * (double)p->weight_scale / (double)p->y_scale;
  const wide a = times(p->how, dot(p, row) + (wide)fixed_bias(p), m * 256),
             o = times(p->how, p->data[1][row] - p->other_zero, (double)p->other_scale / (double)p->y_scale * 256);
  return finish(p, last(p->how, saturate(a + o), 8));
}

/* ---- what graft gives ---- */

static void pack(const number_type *t, const int32_t *from, int count, void *to) {
  for (int i = 0; i < count; i++) {
    if (t->dtype == GRAFT_I16)
      ((int16_t *)to)[i] = (int16_t)from[i];
    else
      ((uint8_t *)to)[i] = (uint8_t)from[i];
  }
}

static int32_t unpack(const number_type *t, const void *from, int i) {
  return t->dtype == GRAFT_I16  ? ((const int16_t *)from)[i]
         : t->dtype == GRAFT_I8 ? ((const int8_t *)from)[i]
                                : ((const uint8_t *)from)[i];
}

typedef struct form {
  const char *name;
  bool layer, adds;
  int32_t (*want)(const pair *p, int i);
} form;

static const form forms[] = {{"quantized.add", false, true, want_add},
                             {"quantized.mul", false, true, want_mul},
                             {"quantized.linear", true, false, want_linear},
                             {"quantized.linear_add", true, true, want_linear_add}};

static graft_module *make(graft_context *c, const pair *p, const form *f) {
  char text[4096], shape[32], of[32], other[64], tensors[512] = "", operands[1024];
  snprintf(shape, sizeof shape, f->layer ? "[%d, %d]" : "[%d]", COUNT, DEPTH);
  snprintf(of, sizeof of, f->layer ? "[%d, 1]" : "[%d]", COUNT);
  snprintf(other, sizeof other, "%a, %d: i32", (double)p->other_scale, p->other_zero);
  if (f->layer) {
    snprintf(tensors, sizeof tensors,
             "tensor %%w: i8[1, %d] constant = [%d, %d, %d, %d, %d]\ntensor %%b: %s[1] constant = [%.9g]\n", DEPTH,
             p->weight[0], p->weight[1], p->weight[2], p->weight[3], p->weight[4], p->real ? "f32" : "i32",
             p->real ? (double)p->real_bias : (double)p->bias);
    snprintf(operands, sizeof operands, "%%x, %%w, %%b, %.9g, %d: i32, %.9g, 0: i32, %.9g, %d: i32", (double)p->x_scale,
             p->x_zero, (double)p->weight_scale, (double)p->y_scale, p->y_zero);
    if (f->adds)
      snprintf(operands + strlen(operands), sizeof operands - strlen(operands), ", %%o, %.9g, %d: i32",
               (double)p->other_scale, p->other_zero);
  } else {
    snprintf(operands, sizeof operands, "%%x, %%o, %.9g, %d: i32, %.9g, %d: i32, %.9g, %d: i32", (double)p->x_scale,
             p->x_zero, (double)p->other_scale, p->other_zero, (double)p->y_scale, p->y_zero);
  }
  snprintf(text, sizeof text,
           "graft 1\n%sgraph main(%%x: %s%s, %%o: %s%s) {\n"
           "  %%y = %s(%s) {quant_min: %d, quant_max: %d, dtype: %s, requantize: \"%s\"}: %s%s\n"
           "  return %%y\n}\n",
           tensors, p->x->name, shape, p->other->name, of, f->name, operands, p->y->low, p->y->high, p->y->name,
           mode_names[p->how], p->y->name, of);
  graft_module *m = graft_module_load_memory(c, text, strlen(text), "text", NULL);
  ck_assert_msg(m != NULL, "%s\n%s", graft_diagnostic_count(c) ? graft_diagnostic_get(c, 0).message : "", text);
  return m;
}

static void check_form(graft_context *c, const pair *p, const form *f, int seed) {
  static uint8_t x[2 * COUNT * DEPTH] __attribute__((aligned(8))), o[2 * COUNT * DEPTH] __attribute__((aligned(8)));
  graft_module *m = make(c, p, f);
  graft_session *s = graft_session_create(graft_module_get_graph(m, 0), NULL);
  const int64_t dims[2] = {COUNT, f->layer ? DEPTH : 1}, column[2] = {COUNT, 1};
  const int rank = f->layer ? 2 : 1;
  const graft_type x_type = graft_type_make(p->x->dtype, rank, dims),
                   o_type = graft_type_make(p->other->dtype, rank, column);
  pack(p->x, p->data[0], COUNT * (f->layer ? DEPTH : 1), x);
  pack(p->other, p->data[1], COUNT, o);
  ck_assert_int_eq(graft_session_set_input(s, 0, &x_type, x), GRAFT_OK);
  ck_assert_int_eq(graft_session_set_input(s, 1, &o_type, o), GRAFT_OK);
  ck_assert_msg(graft_session_run(s) == GRAFT_OK, "%s",
                graft_diagnostic_count(c) ? graft_diagnostic_get(c, 0).message : "");
  graft_type type;
  const void *y = graft_session_get_output(s, 0, &type);
  for (int i = 0; i < COUNT; i++)
    ck_assert_msg(unpack(p->y, y, i) == f->want(p, i), "seed %d, %s, %s: element %d is %d, not %d", seed, f->name,
                  mode_names[p->how], i, unpack(p->y, y, i), f->want(p, i));
  graft_session_destroy(s);
  graft_module_destroy(m);
}

START_TEST(formulas) {
  static pair p;
  graft_context *c = graft_context_create(NULL);
  for (int seed = 0; seed < 400; seed++) {
    state = (uint64_t)seed * 0x9E3779B97F4A7C15u + 1;
    random_pair(&p);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) check_form(c, &p, &forms[i], seed);
    p.how = (mode)choose(FIXED, MODES - 1);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
      if (forms[i].layer) check_form(c, &p, &forms[i], seed);
  }
  graft_context_destroy(c);
}
END_TEST

int main(void) {
  Suite *s = suite_create("requantize");
  TCase *t = tcase_create("modes");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, formulas);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
