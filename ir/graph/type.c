/* Tensor types: dtypes, extents, comparison, text. */
#include "ir/ir_int.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  size_t size;
  gr_dtype_kind kind;
  int64_t least, greatest; /* of quantized numbers */
} dtypes[GRAFT_DTYPE_COUNT] = {
#define ELEMENT(id, text, bytes, kind, npy, safetensors, onnx, low, high) \
  [GRAFT_##id] = {text, bytes, GR_KIND_##kind, low, high},
#include "ir/dtypes.def"
#undef ELEMENT
};

const char *graft_dtype_name(graft_dtype dtype) {
  return (unsigned)dtype < GRAFT_DTYPE_COUNT ? dtypes[dtype].name : "?";
}
graft_dtype gr_dtype_find(const char *name, size_t length) {
  for (int d = GRAFT_F32; d < GRAFT_DTYPE_COUNT; d++)
    if (strlen(dtypes[d].name) == length && memcmp(dtypes[d].name, name, length) == 0) return (graft_dtype)d;
  return GRAFT_UNKNOWN;
}
gr_dtype_kind gr_dtype_kind_of(graft_dtype dtype) {
  return (unsigned)dtype < GRAFT_DTYPE_COUNT ? dtypes[dtype].kind : GR_KIND_NONE;
}
size_t graft_dtype_size(graft_dtype dtype) { return (unsigned)dtype < GRAFT_DTYPE_COUNT ? dtypes[dtype].size : 0; }

graft_type graft_type_make(graft_dtype dtype, int32_t rank, const int64_t *dims) {
  graft_type t = {.dtype = dtype, .rank = rank < -1 ? -1 : rank > GRAFT_MAX_RANK ? GRAFT_MAX_RANK : rank};
  for (int32_t i = 0; i < t.rank; i++) t.dims[i] = dims ? dims[i] : -1;
  return t;
}

int64_t graft_type_elements(const graft_type *t) {
  if (!t) return -1;
  if (t->rank < 0 || t->rank > GRAFT_MAX_RANK) return -1;
  bool empty = false;
  for (int32_t i = 0; i < t->rank; i++) {
    if (t->dims[i] < 0) return -1;
    if (t->dims[i] == 0) empty = true;
  }
  if (empty) return 0;
  int64_t n = 1;
  for (int32_t i = 0; i < t->rank; i++) {
    if (t->dims[i] > (INT64_C(1) << 62) / n) return -1;
    n *= t->dims[i];
  }
  return n;
}

bool gr_same_shape(const graft_type *a, const graft_type *b) {
  if (a->rank != b->rank) return false;
  for (int32_t i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i]) return false;
  return true;
}

bool gr_type_equal(const graft_type *a, const graft_type *b) { return a->dtype == b->dtype && gr_same_shape(a, b); }

bool gr_type_compatible(const graft_type *a, const graft_type *b) {
  if (a->dtype != b->dtype && a->dtype != GRAFT_UNKNOWN && b->dtype != GRAFT_UNKNOWN) return false;
  if (a->rank < 0 || b->rank < 0) return true;
  if (a->rank != b->rank) return false;
  for (int32_t i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i] && a->dims[i] >= 0 && b->dims[i] >= 0) return false;
  return true;
}

bool gr_dtype_range(graft_dtype dtype, int64_t *low, int64_t *high) {
  if ((unsigned)dtype >= GRAFT_DTYPE_COUNT || dtypes[dtype].least >= dtypes[dtype].greatest) return false;
  *low = dtypes[dtype].least;
  *high = dtypes[dtype].greatest;
  return true;
}

size_t gr_type_format(const graft_type *t, char *buffer, size_t size) {
  char text[GR_TYPE_SIZE];
  int n = snprintf(text, sizeof text, t->rank < 0 ? "%s[*" : "%s[", graft_dtype_name(t->dtype));
  for (int32_t i = 0; i < t->rank; i++)
    n += t->dims[i] < 0 ? snprintf(text + n, sizeof text - (size_t)n, "%s?", i ? ", " : "")
                        : snprintf(text + n, sizeof text - (size_t)n, "%s%jd", i ? ", " : "", (intmax_t)t->dims[i]);
  return (size_t)snprintf(buffer, size, "%s]", text);
}

bool gr_type_fits(const graft_type *t) {
  int64_t n = 1;
  for (int32_t i = 0; i < t->rank; i++) {
    if (t->dims[i] > 0 && t->dims[i] > GR_MAX_ELEMENTS / n) return false;
    if (t->dims[i] > 0) n *= t->dims[i];
  }
  return true;
}
