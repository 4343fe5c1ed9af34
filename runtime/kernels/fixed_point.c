/* The fixed-point arithmetic of other runtimes, bit for bit: REQUANTIZE.md has the formulas. */
#include "runtime/kernels/requantize_impl.h"

#include <math.h>

int32_t gr_saturate(int64_t v) { return (int32_t)(v < INT32_MIN ? INT32_MIN : v > INT32_MAX ? INT32_MAX : v); }

/* High half of 2 a b, halves up; of the two least numbers it would be 2^31. */
static int32_t high_of_product(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  const int64_t ab = (int64_t)a * b;
  return (int32_t)((ab + (ab >= 0 ? 1 << 30 : 1 - (1 << 30))) / ((int64_t)1 << 31));
}

/* x / 2^by, halves away from 0. */
static int32_t divide(int32_t x, int by) {
  if (by > 31) return 0;
  const int64_t mask = ((int64_t)1 << by) - 1, rest = x & mask, half = (mask >> 1) + (x < 0);
  return (int32_t)(((int64_t)x >> by) + (rest > half));
}

/* The same, halves up. */
static int32_t divide_up(int64_t x, int by) {
  return by > 62 ? 0 : by == 0 ? gr_saturate(x) : gr_saturate((x + ((int64_t)1 << (by - 1))) >> by);
}

bool gr_fixed_of(gr_requantization mode, double m, gr_fixed *f) {
  if (mode == GR_requantization_gemmlowp) m = (double)(float)m;
  if (!(m > 0) || !isfinite(m)) return false;
  int64_t fixed = llround(ldexp(frexp(m, &f->shift), 31));
  if (fixed == (int64_t)1 << 31) fixed /= 2, f->shift++;
  f->multiplier = (int32_t)fixed;
  return f->shift <= 30;
}

bool graft_fixed_point(double factor, int32_t *multiplier, int32_t *shift) {
  gr_fixed f;
  if (!multiplier || !shift || !gr_fixed_of(GR_requantization_double_rounding, factor, &f)) return false;
  *multiplier = f.multiplier;
  *shift = f.shift;
  return true;
}

int32_t gr_fixed_times(gr_requantization mode, int32_t x, gr_fixed f) {
  if (mode == GR_requantization_single_rounding) return divide_up((int64_t)x * f.multiplier, 31 - f.shift);
  const int32_t shifted = f.shift > 0 ? gr_saturate((int64_t)x * ((int64_t)1 << f.shift)) : x;
  return divide(high_of_product(shifted, f.multiplier), f.shift < 0 ? -f.shift : 0);
}

int32_t gr_fixed_divide(gr_requantization mode, int32_t x, int by) {
  return mode == GR_requantization_single_rounding ? divide_up(x, by) : divide(x, by);
}
