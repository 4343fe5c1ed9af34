/* Single elements of any dtype as numbers. */
#include "ir/ir_int.h"

#include <math.h>

static uint64_t unsigned_bits(const void *at, size_t size) {
  uint8_t b;
  uint16_t h;
  uint32_t w;
  uint64_t d;
  switch (size) {
  case 1: return memcpy(&b, at, sizeof b), b;
  case 2: return memcpy(&h, at, sizeof h), h;
  case 4: return memcpy(&w, at, sizeof w), w;
  default: return memcpy(&d, at, sizeof d), d;
  }
}

int64_t gr_element_int(graft_dtype dtype, const void *at) {
  const size_t size = graft_dtype_size(dtype);
  const uint64_t bits = unsigned_bits(at, size);
  if (dtype == GRAFT_BOOL) return bits != 0;
  if (gr_dtype_kind_of(dtype) != GR_KIND_SIGNED || size == 8) return (int64_t)bits;
  const uint64_t sign = UINT64_C(1) << (8 * size - 1);
  return (int64_t)((bits ^ sign) - sign);
}

double gr_element_float(graft_dtype dtype, const void *at) {
  float f;
  double d;
  switch (dtype) {
  case GRAFT_F32: return memcpy(&f, at, sizeof f), (double)f;
  case GRAFT_F64: return memcpy(&d, at, sizeof d), d;
  case GRAFT_F16: return (double)gr_f16_to_float((uint16_t)unsigned_bits(at, 2));
  case GRAFT_BF16: return (double)gr_bf16_to_float((uint16_t)unsigned_bits(at, 2));
  case GRAFT_U64: return (double)unsigned_bits(at, 8);
  default: return (double)gr_element_int(dtype, at);
  }
}

/* The float next to x toward zero with its last bit set, where x is not one itself: rounding that again to a type that
 * is shorter by two bits or more is rounding x once. */
static float to_odd(double x) {
  float f = (float)x;
  if ((double)f == x || isnan(x)) return f;
  uint32_t bits = gr_bits_of_float(f);
  if (fabs((double)f) > fabs(x)) bits--;
  return gr_float_of_bits(bits | 1u);
}

void gr_element_set_float(graft_dtype dtype, void *at, double value) {
  float f = (float)value;
  uint16_t h;
  switch (dtype) {
  case GRAFT_F64: memcpy(at, &value, sizeof value); return;
  case GRAFT_F16:
    h = gr_f16_from_float(to_odd(value));
    memcpy(at, &h, sizeof h);
    return;
  case GRAFT_BF16:
    h = gr_bf16_from_float(to_odd(value));
    memcpy(at, &h, sizeof h);
    return;
  default: memcpy(at, &f, sizeof f); return;
  }
}

void gr_element_set_int(graft_dtype dtype, void *at, int64_t value) {
  memcpy(at, &value, graft_dtype_size(dtype)); /* little-endian: the low bytes */
}

bool gr_integer_range(graft_dtype dtype, int64_t *low, int64_t *high) {
  const unsigned bits = 8 * (unsigned)graft_dtype_size(dtype);
  switch (gr_dtype_kind_of(dtype)) {
  case GR_KIND_SIGNED:
    *high = (int64_t)(UINT64_MAX >> (65 - bits));
    *low = -*high - 1;
    return true;
  case GR_KIND_UNSIGNED:
    *low = 0;
    *high = bits == 64 ? INT64_MAX : (int64_t)((UINT64_C(1) << bits) - 1);
    return true;
  case GR_KIND_TRUTH: *low = 0, *high = 1; return true;
  default: return false;
  }
}
