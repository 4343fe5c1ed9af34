/* Numbers of rules. Integers stay integers of 64 bits from the text or an attribute to a constant; a number becomes an
 * element of a type by rounding to a float, or exactly to an integer, or not at all. */
#include "patterns/patterns_impl.h"

#include <math.h>
#include <string.h>

/* One rounding, not two: of an integer to f32. */
static bool real_as(const graft_attr *n, graft_dtype d, unsigned char bytes[8]) {
  const double f = n->kind == GRAFT_ATTR_INT ? (double)n->as.i : n->as.f;
  const float single = (float)n->as.i;
  if (n->kind == GRAFT_ATTR_INT && d == GRAFT_F32)
    memcpy(bytes, &single, sizeof single);
  else
    gr_element_set_float(d, bytes, f);
  return isfinite(gr_element_float(d, bytes)) || !isfinite(f);
}

bool gr_pt_number_as(const graft_attr *n, graft_dtype d, unsigned char bytes[8]) {
  memset(bytes, 0, 8);
  bool whole = n->kind == GRAFT_ATTR_INT;
  if (!whole && n->kind != GRAFT_ATTR_FLOAT) return false;
  if (gr_is_float(d)) return real_as(n, d, bytes);
  int64_t i = whole ? n->as.i : 0, low, high;
  if (!whole) {
    if (!(n->as.f >= -0x1p63 && n->as.f < 0x1p63) || n->as.f != floor(n->as.f)) return false;
    i = (int64_t)n->as.f;
  }
  if (!gr_integer_range(d, &low, &high)) return false;
  gr_element_set_int(d, bytes, i);
  return i >= low && i <= high;
}

graft_attr gr_pt_element(const gr_array *a, int64_t i) {
  const graft_dtype d = a->type.dtype;
  const char *at = (const char *)a->data + (size_t)i * graft_dtype_size(d);
  if (gr_is_float(d)) return (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = gr_element_float(d, at)};
  if (d == GRAFT_U64 && gr_element_int(d, at) < 0) /* no int64_t: as near as a float comes */
    return (graft_attr){.kind = GRAFT_ATTR_FLOAT, .as.f = gr_element_float(d, at)};
  if (graft_dtype_size(d) == 0) return (graft_attr){.kind = GRAFT_ATTR_NONE};
  return (graft_attr){.kind = GRAFT_ATTR_INT, .as.i = gr_element_int(d, at)};
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
