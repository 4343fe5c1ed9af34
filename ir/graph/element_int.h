/* Single elements of any dtype as numbers (element.c), where no loop over large arrays needs speed; and the halves,
 * which kernels convert by the array. */
#ifndef GRAFT_ELEMENT_INT_H
#define GRAFT_ELEMENT_INT_H

#include <string.h>

#include "ir/graph/graph_int.h"

/* Of any dtype; integers of 64 bits are rounded, a bool is 0 or 1. */
double gr_element_float(graft_dtype dtype, const void *at);
/* Of an integer dtype or bool; a u64 above INT64_MAX is negative. */
int64_t gr_element_int(graft_dtype dtype, const void *at);
/* Rounded once, half to even, to a float dtype. */
void gr_element_set_float(graft_dtype dtype, void *at, double value);
/* To an integer dtype or bool, the low bytes. */
void gr_element_set_int(graft_dtype dtype, void *at, int64_t value);
/* Least and greatest number of an integer dtype or bool, as far as an int64_t goes; false for any other. */
bool gr_integer_range(graft_dtype dtype, int64_t *low, int64_t *high);

/* ---- f16 and bf16 <-> f32: branchless, so that loops over them are compiled to vectors ---- */

static inline float gr_float_of_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}
static inline uint32_t gr_bits_of_float(float f) {
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return bits;
}

static inline float gr_bf16_to_float(uint16_t h) { return gr_float_of_bits((uint32_t)h << 16); }

/* Half to even; a NaN stays one. */
static inline uint16_t gr_bf16_from_float(float f) {
  const uint32_t bits = gr_bits_of_float(f);
  const uint32_t rounded = (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16, nan = bits >> 16 | 0x40u;
  return (uint16_t)((bits & 0x7FFFFFFFu) > 0x7F800000u ? nan : rounded);
}

/* Exponent and fraction move by 13 bits, and the exponent's bias from 15 to 127; a subnormal is renormalized by a
 * subtraction of floats, which is exact. A NaN comes out quiet, as the machine's own instruction makes it. */
static inline float gr_f16_to_float(uint16_t h) {
  const uint32_t magnitude = (uint32_t)(h & 0x7FFFu) << 13, exponent = magnitude & 0x0F800000u;
  const uint32_t normal = magnitude + (112u << 23), special = magnitude + (224u << 23);
  const uint32_t nan = special | ((magnitude & 0x007FFFFFu) != 0 ? 0x00400000u : 0u);
  const uint32_t small = gr_bits_of_float(gr_float_of_bits(magnitude + (113u << 23)) - gr_float_of_bits(113u << 23));
  const uint32_t bits = exponent == 0x0F800000u ? nan : exponent == 0 ? small : normal;
  return gr_float_of_bits(bits | (uint32_t)(h & 0x8000u) << 16);
}

/* Half to even. What is subnormal as f16 is rounded by an addition of floats: 0.5's last place is 2^-24, f16's least.
 */
static inline uint16_t gr_f16_from_float(float f) {
  const uint32_t bits = gr_bits_of_float(f), magnitude = bits & 0x7FFFFFFFu, sign = bits >> 16 & 0x8000u;
  const uint32_t small = gr_bits_of_float(gr_float_of_bits(magnitude) + 0.5f) - (126u << 23);
  const uint32_t normal = (magnitude - (112u << 23) + 0xFFFu + (magnitude >> 13 & 1u)) >> 13;
  const uint32_t nan = 0x7E00u | (magnitude >> 13 & 0x3FFu);
  const uint32_t large = magnitude > 0x7F800000u ? nan : 0x7C00u;
  return (uint16_t)(sign | (magnitude >= 0x47800000u ? large : magnitude < 0x38800000u ? small : normal));
}

#endif
