/* Functions of floats for loops: without a branch or a call, so that loops of them become vectors, and the same bits on
 * every machine, which no C library promises. They are computed in double from +, -, *, / and rounded once: at most 0.6
 * units in the last place from the function (test_functions.c). NaN stays NaN. */
#ifndef GRAFT_FUNCTIONS_IMPL_H
#define GRAFT_FUNCTIONS_IMPL_H

#include "runtime/isa.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* exp(x) - 1 as s * q + (s - 1), s = 2^k a power of two and q = exp(r) - 1, |r| <= log(2) / 2, by its series. x is
 * between -200 and 200. */
typedef struct gr_power {
  double s, q;
} gr_power;

GR_LOOP gr_power gr_power_of(double x) {
  const double shift = 0x1.8p52, t = x * M_LOG2E + shift, r = x - (t - shift) * M_LN2;
  gr_power p;
  uint64_t bits;
  memcpy(&bits, &t, sizeof bits); /* k is in its low bits */
  bits = (bits << 52) + 0x3ff0000000000000u;
  memcpy(&p.s, &bits, sizeof bits);
  double q = 1.0 / 40320;
  q = q * r + 1.0 / 5040;
  q = q * r + 1.0 / 720;
  q = q * r + 1.0 / 120;
  q = q * r + 1.0 / 24;
  q = q * r + 1.0 / 6;
  q = q * r + 0.5;
  p.q = (q * r + 1) * r;
  return p;
}

GR_LOOP double gr_expm1_near(double x) {
  const gr_power p = gr_power_of(x);
  return p.s * p.q + (p.s - 1);
}

/* The bounds are where floats have become 0 or infinite. */
GR_LOOP float gr_exp_f32(float x) {
  const double d = (double)(x > 90 ? 90 : x < -110 ? -110 : x);
  const gr_power p = gr_power_of(d);
  return (float)(p.s * p.q + p.s);
}

GR_LOOP float gr_expm1_f32(float x) {
  const float y = (float)gr_expm1_near((double)(x > 90 ? 90 : x < -110 ? -110 : x));
  return x == 0 ? x : y;
}

/* e / (e + 2), e = exp(2 |x|) - 1; from 10 on it is 1. */
GR_LOOP float gr_tanh_f32(float x) {
  const double d = fabs((double)x), e = gr_expm1_near(d > 10 ? 20 : 2 * d);
  return copysignf((float)(e / (e + 2)), x);
}

/* log(1 + x) of x from 0 to 1: 2 atanh(z) by its series, z = x / (2 + x) <= 1/3. */
GR_LOOP float gr_log1p_f32(float x) {
  const double z = (double)x / (2 + (double)x), u = z * z;
  double s = 1.0 / 19;
  s = s * u + 1.0 / 17;
  s = s * u + 1.0 / 15;
  s = s * u + 1.0 / 13;
  s = s * u + 1.0 / 11;
  s = s * u + 1.0 / 9;
  s = s * u + 1.0 / 7;
  s = s * u + 1.0 / 5;
  s = s * u + 1.0 / 3;
  return (float)(2 * z * (s * u + 1));
}

/* x P(x^2) / Q(x^2), which interpolates erf at 15 Chebyshev nodes of 0 <= x^2 <= 15.7; further out erf is 1. */
GR_LOOP float gr_erf_f32(float x) {
  const float edge = 3.962f;
  const double d = (double)(x > edge ? edge : x < -edge ? -edge : x), u = d * d;
  double p = 0x1.b74164e7bab6fp-29;
  p = p * u + 0x1.173e34cfbd265p-20;
  p = p * u + 0x1.2b15227844f5fp-15;
  p = p * u + 0x1.4facfae654df1p-11;
  p = p * u + 0x1.b42ec16660cf1p-8;
  p = p * u + 0x1.055b61c4ed81ep-4;
  p = p * u + 0x1.df72888a68e2fp-3;
  p = p * u + 0x1.20dd74f9764c4p+0;
  double q = 0x1.78fc560a0380bp-24;
  q = q * u + 0x1.e370e65ba010fp-18;
  q = q * u + 0x1.471b5a87fa057p-13;
  q = q * u + 0x1.21c39ad5a9815p-9;
  q = q * u + 0x1.5bdec054f8548p-6;
  q = q * u + 0x1.1833362647472p-3;
  q = q * u + 0x1.14e434dc97de6p-1;
  return (float)(d * p / (q * u + 1));
}

#endif
