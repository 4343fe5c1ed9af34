/* f16 and bf16 against their definition, sign * 2^(exponent - bias) * 1.fraction, and rounding against nearbyint; every
 * version of the array conversions gives the same bits. */
#include "runtime/kernel_impl.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

static const graft_dtype halves[] = {GRAFT_F16, GRAFT_BF16};

static int fraction_bits(graft_dtype d) { return d == GRAFT_F16 ? 10 : 7; }
static int bias(graft_dtype d) { return d == GRAFT_F16 ? 15 : 127; }

static double by_definition(graft_dtype d, uint16_t h) {
  const int bits = fraction_bits(d), exponent = (h & 0x7FFF) >> bits, fraction = h & ((1 << bits) - 1);
  double magnitude;
  if (exponent == 2 * bias(d) + 1)
    magnitude = fraction ? (double)NAN : (double)INFINITY;
  else if (exponent == 0)
    magnitude = ldexp(fraction, 1 - bias(d) - bits);
  else
    magnitude = ldexp((1 << bits) + fraction, exponent - bias(d) - bits);
  return h & 0x8000 ? -magnitude : magnitude;
}

/* nearbyint rounds half to even; what goes past the greatest number is infinite. */
static double rounded(graft_dtype d, double x) {
  int exponent;
  if (!isfinite(x) || x == 0) return x;
  (void)frexp(x, &exponent);
  if (exponent < 2 - bias(d)) exponent = 2 - bias(d); /* subnormal: a fixed last place */
  const int last = exponent - 1 - fraction_bits(d);
  const double y = ldexp(nearbyint(ldexp(x, -last)), last);
  return fabs(y) >= ldexp(1, bias(d) + 1) ? copysign((double)INFINITY, x) : y;
}

static double half_value(graft_dtype d, uint16_t h) { return gr_element_float(d, &h); }

static uint16_t from_float(graft_dtype d, float x) {
  return d == GRAFT_F16 ? gr_f16_from_float(x) : gr_bf16_from_float(x);
}

static bool same(double a, double b) { return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b); }

START_TEST(every_half_is_what_it_means) {
  const graft_dtype d = halves[_i];
  for (uint32_t h = 0; h < 65536; h++) {
    const double x = half_value(d, (uint16_t)h), want = by_definition(d, (uint16_t)h);
    ck_assert_msg(same(x, want), "%s %04x is %.9g, not %.9g", graft_dtype_name(d), h, x, want);
    if (!isnan(want)) ck_assert_uint_eq(from_float(d, (float)want), h);
    if (isnan(want)) ck_assert(isnan(half_value(d, from_float(d, (float)x))));
  }
}
END_TEST

static uint64_t state;
static uint64_t bits(void) { return state = gr_mix(state + 1); }

static void check_rounding(graft_dtype d, double x) {
  uint16_t h = 0;
  gr_element_set_float(d, &h, x);
  ck_assert_msg(same(half_value(d, h), rounded(d, x)), "%s of %a is %a, not %a", graft_dtype_name(d), x,
                half_value(d, h), rounded(d, x));
  const float f = (float)x;
  ck_assert_msg(same(half_value(d, from_float(d, f)), rounded(d, (double)f)), "%s of %a is %a", graft_dtype_name(d),
                (double)f, half_value(d, from_float(d, f)));
}

START_TEST(rounding_is_once_and_half_to_even) {
  const graft_dtype d = halves[_i];
  state = 1;
  for (uint32_t h = 0; h < 0x7FFF; h++) { /* ties, and as near to them as doubles and floats come */
    const double a = by_definition(d, (uint16_t)h), b = by_definition(d, (uint16_t)(h + 1));
    if (!isfinite(a) || !isfinite(b)) continue;
    const double tie = (a + b) / 2,
                 near[] = {tie, nextafter(tie, 0), nextafter(tie, b), (double)nextafterf((float)tie, 0),
                           (double)nextafterf((float)tie, FLT_MAX)};
    for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
      check_rounding(d, near[i]);
      check_rounding(d, -near[i]);
    }
  }
  for (int i = 0; i < 200000; i++) {
    const uint32_t raw = (uint32_t)bits();
    const float f = gr_float_of_bits(raw);
    if (isnan(f))
      ck_assert(isnan(half_value(d, from_float(d, f))));
    else
      check_rounding(d, (double)f * (1 + ldexp((double)(bits() % 1024), -40)));
  }
  static const double greatest[] = {65504, 65519.99, 65520, 65536, 1e9, 3.3895314e38, 3.4e38, 1e300, 1e-300, 0, -0.0};
  for (size_t i = 0; i < sizeof greatest / sizeof *greatest; i++) check_rounding(d, greatest[i]);
}
END_TEST

START_TEST(versions_agree) {
  enum { COUNT = 70000 };
  const graft_dtype d = halves[_i];
  static uint16_t h[COUNT], back[GR_ISA_COUNT][COUNT];
  static float wide[GR_ISA_COUNT][COUNT], x[COUNT];
  state = 2;
  for (int i = 0; i < COUNT; i++) h[i] = (uint16_t)i, x[i] = gr_float_of_bits((uint32_t)bits());
  for (int isa = 0; isa <= (int)gr_isa_best(); isa++) {
    const gr_kernel_call k = {.isa = (gr_isa)isa};
    gr_half_widen(&k, d, h, COUNT, wide[isa]);
    gr_half_round(&k, d, x, COUNT, back[isa]);
    ck_assert_mem_eq(wide[isa], wide[0], sizeof wide[0]);
    ck_assert_mem_eq(back[isa], back[0], sizeof back[0]);
  }
  for (int i = 0; i < COUNT; i++) ck_assert_uint_eq(back[0][i], from_float(d, x[i]));
}
END_TEST

int main(void) {
  Suite *s = suite_create("half");
  TCase *t = tcase_create("half");
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, every_half_is_what_it_means, 0, 2);
  tcase_add_loop_test(t, rounding_is_once_and_half_to_even, 0, 2);
  tcase_add_loop_test(t, versions_agree, 0, 2);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
