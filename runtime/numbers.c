/* See numbers.h. Elements are taken by the block, so that the dtype is asked for once a block. */
#include "runtime/numbers_int.h"

#include <math.h>

#define EACH(T) \
  for (int64_t i = 0; i < n; i++) out[i] = (double)((const T *)data)[from + i]; \
  break

void gr_elements(graft_dtype dtype, const void *data, int64_t from, int64_t n, double *out) {
  const size_t size = graft_dtype_size(dtype);
  switch (dtype) {
  case GRAFT_F32: EACH(float);
  case GRAFT_I8: EACH(int8_t);
  case GRAFT_U8: EACH(uint8_t);
  case GRAFT_I32: EACH(int32_t);
  default:
    for (int64_t i = 0; i < n; i++) out[i] = gr_element_float(dtype, (const char *)data + (size_t)(from + i) * size);
  }
}

void gr_elements_set(graft_dtype dtype, void *data, int64_t from, int64_t n, const double *in) {
  const size_t size = graft_dtype_size(dtype);
  int64_t low = 0, high = 0;
  const bool integer = gr_integer_range(dtype, &low, &high);
  for (int64_t i = 0; i < n; i++) {
    void *at = (char *)data + (size_t)(from + i) * size;
    if (!integer) {
      gr_element_set_float(dtype, at, in[i]);
      continue;
    }
    const double v = rint(in[i]);
    gr_element_set_int(dtype, at, v >= (double)high ? high : v > (double)low ? (int64_t)v : low); /* NaN: the least */
  }
}

void graft_statistics_add(graft_statistics *s, graft_dtype dtype, const void *data, int64_t count) {
  double x[GR_BLOCK];
  if (!s || graft_dtype_size(dtype) == 0 || !data) return;
  for (int64_t from = 0; from < count; from += GR_BLOCK) {
    const int64_t n = count - from < GR_BLOCK ? count - from : GR_BLOCK;
    gr_elements(dtype, data, from, n, x);
    for (int64_t i = 0; i < n; i++) {
      if (!isfinite(x[i])) {
        s->nan += isnan(x[i]) != 0;
        s->infinite += isinf(x[i]) != 0;
        continue;
      }
      const bool first = s->count + i == s->nan + s->infinite; /* of those that are finite */
      s->min = first || x[i] < s->min ? x[i] : s->min;
      s->max = first || x[i] > s->max ? x[i] : s->max;
      s->zeros += x[i] == 0;
      s->sum += x[i];
    }
    s->count += n;
  }
}

double graft_statistics_mean(const graft_statistics *s) {
  if (!s) return (double)NAN;
  const int64_t finite = s->count - s->nan - s->infinite;
  return finite > 0 ? s->sum / (double)finite : (double)NAN;
}
