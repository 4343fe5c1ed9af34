/* Numbers of rules. Integers stay integers of 64 bits from the text or an attribute to a constant; a number becomes an
 * element of a type by rounding to a float, or exactly to an integer, or not at all. */
#include "patterns/patterns_impl.h"

#include <math.h>
#include <string.h>

static bool real_as(double f, graft_dtype d, unsigned char bytes[8]) {
  if (d == GRAFT_F64) return memcpy(bytes, &f, sizeof f), true;
  float single = (float)f;
  memcpy(bytes, &single, sizeof single);
  return isfinite(single) || !isfinite(f);
}

bool gr_pt_number_as(const graft_attr *n, graft_dtype d, unsigned char bytes[8]) {
  memset(bytes, 0, 8);
  bool whole = n->kind == GRAFT_ATTR_INT;
  if (!whole && n->kind != GRAFT_ATTR_FLOAT) return false;
  if (d == GRAFT_F32 || d == GRAFT_F64) {
    if (d == GRAFT_F32 && whole) { /* one rounding, not two */
      float single = (float)n->as.i;
      return memcpy(bytes, &single, sizeof single), true;
    }
    return real_as(whole ? (double)n->as.i : n->as.f, d, bytes);
  }
  int64_t i = whole ? n->as.i : 0, low = INT64_MIN, high = INT64_MAX;
  if (!whole) {
    if (!(n->as.f >= -0x1p63 && n->as.f < 0x1p63) || n->as.f != floor(n->as.f)) return false;
    i = (int64_t)n->as.f;
  }
  if (d == GRAFT_BOOL) low = 0, high = 1;
  if (graft_dtype_size(d) == 0 || (d != GRAFT_I64 && d != GRAFT_BOOL && !gr_dtype_range(d, &low, &high))) return false;
  memcpy(bytes, &i, graft_dtype_size(d)); /* little-endian: the low bytes */
  return i >= low && i <= high;
}

graft_attr gr_pt_element(const gr_array *a, int64_t i) {
  graft_attr n = {.kind = GRAFT_ATTR_INT};
  switch (a->type.dtype) {
  case GRAFT_F32: return (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = (double)((const float *)a->data)[i]};
  case GRAFT_F64: return (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = ((const double *)a->data)[i]};
  case GRAFT_I8: n.as.i = (int64_t)((const int8_t *)a->data)[i]; break; // NOLINT(bugprone-signed-char-misuse): a number
  case GRAFT_U8: n.as.i = ((const uint8_t *)a->data)[i]; break;
  case GRAFT_I16: n.as.i = ((const int16_t *)a->data)[i]; break;
  case GRAFT_I32: n.as.i = ((const int32_t *)a->data)[i]; break;
  case GRAFT_I64: n.as.i = ((const int64_t *)a->data)[i]; break;
  case GRAFT_BOOL: n.as.i = ((const uint8_t *)a->data)[i] != 0; break;
  default: n.kind = GRAFT_ATTR_NONE; break;
  }
  return n;
}

bool gr_pt_all(const gr_array *a, const graft_attr *n) {
  unsigned char bytes[8];
  if (!gr_pt_number_as(n, a->type.dtype, bytes)) return false;
  gr_array one = {.type = {.dtype = a->type.dtype}, .data = bytes};
  graft_attr want = gr_pt_element(&one, 0);
  int64_t count = graft_type_elements(&a->type);
  for (int64_t i = 0; i < count; i++) {
    graft_attr have = gr_pt_element(a, i);
    if (want.kind == GRAFT_ATTR_INT ? have.as.i != want.as.i : have.as.f != want.as.f) return false;
  }
  return true;
}

/* An integer against a float without rounding either. */
static int order_mixed(int64_t i, double f) {
  if (isnan(f)) return PT_UNORDERED;
  if (f >= 0x1p63) return -1;
  if (f < -0x1p63) return 1;
  double down = floor(f);
  int64_t whole = (int64_t)down;
  return i < whole ? -1 : i > whole ? 1 : f > down ? -1 : 0;
}

int gr_pt_order(const graft_attr *a, const graft_attr *b) {
  bool p = a->kind == GRAFT_ATTR_INT, q = b->kind == GRAFT_ATTR_INT;
  if (p && q) return a->as.i < b->as.i ? -1 : a->as.i > b->as.i;
  if (p) return order_mixed(a->as.i, b->as.f);
  if (q) {
    int o = order_mixed(b->as.i, a->as.f);
    return o == PT_UNORDERED ? o : -o;
  }
  return a->as.f < b->as.f ? -1 : a->as.f > b->as.f ? 1 : a->as.f == b->as.f ? 0 : PT_UNORDERED;
}
