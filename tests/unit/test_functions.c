/* The functions of floats (functions_impl.h) against libm's of doubles: units in the last place, over floats of every
 * magnitude, and what is exact. */
#include "runtime/functions_impl.h"

#include <check.h>

static double distance(float got, double want) {
  int exponent;
  if (want != want) return got != got ? 0 : INFINITY;
  const float rounded = (float)want;
  if (isinf(rounded)) return got == rounded ? 0 : INFINITY;
  frexp(want, &exponent);
  return fabs((double)got - want) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

#define ACCURATE(NAME, LOW, HIGH) \
  START_TEST(NAME##_is_accurate) { \
    double worst = 0; \
    for (uint64_t i = 0; i < 0x100000000u; i += 2111) { \
      const uint32_t bits = (uint32_t)i; \
      float x; \
      memcpy(&x, &bits, sizeof x); \
      if (x < (float)(LOW) || x > (float)(HIGH)) continue; \
      const double d = distance(gr_##NAME##_f32(x), NAME((double)x)); \
      if (d > worst) worst = d; \
    } \
    ck_assert_double_lt(worst, 0.6); \
  } \
  END_TEST
ACCURATE(exp, -INFINITY, INFINITY)
ACCURATE(expm1, -INFINITY, INFINITY)
ACCURATE(tanh, -INFINITY, INFINITY)
ACCURATE(erf, -INFINITY, INFINITY)
ACCURATE(log1p, 0, 1)

START_TEST(ends_are_exact) {
  ck_assert(gr_exp_f32(0) == 1 && gr_exp_f32(-INFINITY) == 0 && gr_exp_f32(INFINITY) == INFINITY);
  ck_assert(gr_expm1_f32(-INFINITY) == -1 && gr_expm1_f32(INFINITY) == INFINITY);
  ck_assert(gr_tanh_f32(INFINITY) == 1 && gr_tanh_f32(-INFINITY) == -1);
  ck_assert(gr_erf_f32(INFINITY) == 1 && gr_erf_f32(-INFINITY) == -1);
  ck_assert(gr_log1p_f32(0) == 0);
  ck_assert(signbit(gr_expm1_f32(-0.0f)) && signbit(gr_tanh_f32(-0.0f)) && signbit(gr_erf_f32(-0.0f)));
}
END_TEST

int main(void) {
  Suite *s = suite_create("functions");
  TCase *t = tcase_create("functions");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, exp_is_accurate);
  tcase_add_test(t, expm1_is_accurate);
  tcase_add_test(t, tanh_is_accurate);
  tcase_add_test(t, erf_is_accurate);
  tcase_add_test(t, log1p_is_accurate);
  tcase_add_test(t, ends_are_exact);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
