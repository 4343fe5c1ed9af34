/* Ops that read or write where indices say, and those that make indices. */
#include "runtime/kernel_impl.h"

#include <math.h>

static int64_t index_at(const gr_in *index, int64_t i) {
  return index->type->dtype == GRAFT_I64 ? ((const int64_t *)index->data)[i] : ((const int32_t *)index->data)[i];
}

static graft_status outside(const gr_kernel_call *k, int64_t at, int64_t n) {
  return gr_kernel_error(k, "index %lld is outside an axis of %lld", (long long)at, (long long)n);
}

/* ---- combining with what is there ---- */

/* `to` op= `from`, n elements. */
typedef void (*combine)(void *to, const void *from, int64_t n, int64_t reduce);

#define COMBINE(D, T, SUM, PRODUCT) \
  static void combine_##D(void *to, const void *from, int64_t n, int64_t reduce) { \
    T *y = to; \
    const T *x = from; \
    for (int64_t i = 0; i < n; i++) switch (reduce) { \
      case GR_reduction_sum: y[i] = SUM; break; \
      case GR_reduction_prod: y[i] = PRODUCT; break; \
      case GR_reduction_amin: y[i] = x[i] < y[i] || x[i] != x[i] ? x[i] : y[i]; break; /* NaN wins */ \
      default: y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i]; break; \
      } \
  }
#define DTYPE(D, T, U) COMBINE(D, T, (T)((U)y[i] + (U)x[i]), (T)((U)y[i] * (U)x[i]))
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
COMBINE(F32, float, y[i] + x[i], y[i] * x[i])
COMBINE(F64, double, y[i] + x[i], y[i] * x[i])

static const combine combines[GRAFT_DTYPE_COUNT] = {
    GR_INTEGERS(combine), [GRAFT_F32] = combine_F32, [GRAFT_F64] = combine_F64};

/* ---- gather, scatter: an element for each of index ---- */

typedef struct places {
  const gr_in *index;
  const graft_type *x, *src; /* src: of what is written */
  int32_t axis;
  int64_t strides[GRAFT_MAX_RANK], src_strides[GRAFT_MAX_RANK];
} places;

static void row_major(const graft_type *t, int64_t *strides) {
  int64_t next = 1;
  for (int32_t i = t->rank; i-- > 0; next *= t->dims[i]) strides[i] = next;
}

static places places_of(const gr_kernel_call *k, const graft_type *src) {
  places p = {.index = &k->operands[1], .x = k->operands[0].type, .src = src};
  p.axis = gr_axis(gr_k_int(k, GR_ATTR(gather, dim)), p.x->rank);
  row_major(p.x, p.strides);
  row_major(src, p.src_strides);
  return p;
}

/* Where element i of index points in x, and where it stands in src; -1: outside, `*at` is the index. */
static int64_t place(const places *p, int64_t i, int64_t *at, int64_t *from) {
  const graft_type *t = p->index->type;
  const int64_t n = p->x->dims[p->axis];
  int64_t to = 0;
  *at = index_at(p->index, i);
  *from = 0;
  if (*at < -n || *at >= n) return -1;
  for (int32_t d = t->rank; d-- > 0; i /= t->dims[d]) {
    const int64_t own = i % t->dims[d];
    *from += own * p->src_strides[d];
    to += (d == p->axis ? *at + (*at < 0 ? n : 0) : own) * p->strides[d];
  }
  return to;
}

graft_status gr_kernel_gather(const gr_kernel_call *k) {
  const gr_out *y = &k->results[0];
  const size_t size = graft_dtype_size(y->type->dtype);
  const places p = places_of(k, y->type);
  for (int64_t i = 0; i < y->count; i++) {
    int64_t at, to, from = place(&p, i, &at, &to);
    if (from < 0) return outside(k, at, p.x->dims[p.axis]);
    memcpy((char *)y->data + (size_t)i * size, (const char *)k->operands[0].data + (size_t)from * size, size);
  }
  return GRAFT_OK;
}

/* y becomes x; what then combines into it, NULL where it replaces. */
static graft_status begin_scatter(const gr_kernel_call *k, int64_t reduce, combine *with) {
  const graft_dtype d = k->results[0].type->dtype;
  *with = reduce == GR_reduction_none ? NULL : combines[d];
  if (reduce != GR_reduction_none && !*with) return gr_kernel_no_dtype(k, d);
  memcpy(k->results[0].data, k->operands[0].data, gr_out_bytes(&k->results[0]));
  return GRAFT_OK;
}

static void put(combine with, int64_t reduce, char *to, const char *from, int64_t n, size_t size) {
  if (with)
    with(to, from, n, reduce);
  else
    memcpy(to, from, (size_t)n * size);
}

graft_status gr_kernel_scatter(const gr_kernel_call *k) {
  const gr_out *y = &k->results[0];
  const size_t size = graft_dtype_size(y->type->dtype);
  const int64_t reduce = gr_k_int(k, GR_ATTR(scatter, reduce));
  combine with;
  graft_status status = begin_scatter(k, reduce, &with);
  if (status != GRAFT_OK) return status;
  const places p = places_of(k, k->operands[2].type);
  for (int64_t i = 0; i < p.index->count; i++) {
    int64_t at, from, to = place(&p, i, &at, &from);
    if (to < 0) return outside(k, at, p.x->dims[p.axis]);
    put(with, reduce, (char *)y->data + (size_t)to * size, (const char *)k->operands[2].data + (size_t)from * size, 1,
        size);
  }
  return GRAFT_OK;
}

/* ---- gather_nd, scatter_nd: a part for each row of index ---- */

typedef struct rows {
  const gr_in *index;
  const graft_type *x;
  int32_t first;       /* axis of x that a row's first entry counts along */
  int64_t count, each; /* rows, and entries of one */
  int64_t part;        /* elements that a row points to */
  int64_t batches;     /* index and x have as many leading parts */
} rows;

static rows rows_of(const gr_kernel_call *k, int32_t batch) {
  const graft_type *x = k->operands[0].type, *index = k->operands[1].type;
  rows r = {.index = &k->operands[1], .x = x, .first = batch, .each = index->dims[index->rank - 1]};
  r.count = gr_extent(index, 0, index->rank - 1);
  r.part = gr_extent(x, batch + (int32_t)r.each, x->rank);
  r.batches = gr_extent(x, 0, batch);
  return r;
}

/* The first element that row i points to; -1: an entry, `*at`, is outside an axis of `*n`. */
static int64_t row_place(const rows *r, int64_t i, int64_t *at, int64_t *n) {
  int64_t to = r->batches > 0 ? i / (r->count / r->batches) : 0;
  for (int64_t j = 0; j < r->each; j++) {
    *n = r->x->dims[r->first + j];
    *at = index_at(r->index, i * r->each + j);
    if (*at < -*n || *at >= *n) return -1;
    to = to * *n + *at + (*at < 0 ? *n : 0);
  }
  return to * r->part;
}

graft_status gr_kernel_gather_nd(const gr_kernel_call *k) {
  const gr_out *y = &k->results[0];
  const size_t size = graft_dtype_size(y->type->dtype);
  const rows r = rows_of(k, (int32_t)gr_k_int(k, GR_ATTR(gather_nd, batch_dims)));
  if (y->count == 0 && r.part == 0) return GRAFT_OK;
  for (int64_t i = 0; i < r.count; i++) {
    int64_t at = 0, n = 0, from = row_place(&r, i, &at, &n);
    if (from < 0) return outside(k, at, n);
    memcpy((char *)y->data + (size_t)(i * r.part) * size, (const char *)k->operands[0].data + (size_t)from * size,
           (size_t)r.part * size);
  }
  return GRAFT_OK;
}

graft_status gr_kernel_scatter_nd(const gr_kernel_call *k) {
  const gr_out *y = &k->results[0];
  const size_t size = graft_dtype_size(y->type->dtype);
  const int64_t reduce = gr_k_int(k, GR_ATTR(scatter_nd, reduce));
  combine with;
  graft_status status = begin_scatter(k, reduce, &with);
  const rows r = rows_of(k, 0);
  if (status != GRAFT_OK || r.part == 0) return status;
  for (int64_t i = 0; i < r.count; i++) {
    int64_t at = 0, n = 0, to = row_place(&r, i, &at, &n);
    if (to < 0) return outside(k, at, n);
    put(with, reduce, (char *)y->data + (size_t)to * size,
        (const char *)k->operands[2].data + (size_t)(i * r.part) * size, r.part, size);
  }
  return GRAFT_OK;
}

/* ---- nonzero ---- */

/* Is element i other than 0? NaN is. */
static bool is_set(const gr_in *x, int64_t i) {
  switch (x->type->dtype) {
#define DTYPE(D, T, U) \
  case GRAFT_##D: \
    return ((const T *)x->data)[i] != 0;
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
  case GRAFT_F32: return ((const float *)x->data)[i] != 0;
  case GRAFT_F64: return ((const double *)x->data)[i] != 0;
  case GRAFT_F16: /* only to be counted */
  case GRAFT_BF16: return (((const uint16_t *)x->data)[i] & 0x7FFFu) != 0;
  default: return ((const uint8_t *)x->data)[i] != 0;
  }
}

graft_status gr_measure_nonzero(const gr_kernel_call *k, graft_type *results) {
  const gr_in *x = &k->operands[0];
  int64_t n = 0;
  for (int64_t i = 0; i < x->count; i++) n += is_set(x, i);
  results[0].dims[0] = n;
  return GRAFT_OK;
}

graft_status gr_kernel_nonzero(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  const int32_t rank = x->type->rank;
  int64_t *y = k->results[0].data;
  for (int64_t i = 0; i < x->count; i++) {
    if (!is_set(x, i)) continue;
    int64_t rest = i;
    for (int32_t d = rank; d-- > 0; rest /= x->type->dims[d]) y[d] = rest % x->type->dims[d];
    y += rank;
  }
  return GRAFT_OK;
}

/* ---- arange, numel ---- */

static bool is_float(graft_dtype d) { return gr_dtype_kind_of(d) == GR_KIND_FLOAT; }
static int64_t integer_of(const gr_in *x) { return gr_element_int(x->type->dtype, x->data); }
static double float_of(const gr_in *x) { return gr_element_float(x->type->dtype, x->data); }

graft_status gr_measure_arange(const gr_kernel_call *k, graft_type *results) {
  const gr_in *x = k->operands;
  int64_t *n = &results[0].dims[0];
  if (!is_float(x->type->dtype)) {
    if (gr_range_count(integer_of(&x[0]), integer_of(&x[1]), integer_of(&x[2]), n)) return GRAFT_OK;
    return gr_kernel_error(k, "step is 0, or there are too many elements");
  }
  const double count = ceil((float_of(&x[1]) - float_of(&x[0])) / float_of(&x[2]));
  if (!(count < 0x1p48))
    return gr_kernel_error(k, "from %g to %g by %g", float_of(&x[0]), float_of(&x[1]), float_of(&x[2]));
  *n = count > 0 ? (int64_t)count : 0;
  return GRAFT_OK;
}

graft_status gr_kernel_arange(const gr_kernel_call *k) {
  const gr_in *x = k->operands;
  const gr_out *y = &k->results[0];
  if (is_float(x->type->dtype)) {
    const double start = float_of(&x[0]), step = float_of(&x[2]);
    for (int64_t i = 0; i < y->count; i++) {
      const double v = start + (double)i * step;
      if (x->type->dtype == GRAFT_F32)
        ((float *)y->data)[i] = (float)v;
      else
        ((double *)y->data)[i] = v;
    }
    return GRAFT_OK;
  }
  const uint64_t start = (uint64_t)integer_of(&x[0]), step = (uint64_t)integer_of(&x[2]);
  for (int64_t i = 0; i < y->count; i++) switch (x->type->dtype) {
#define DTYPE(D, T, U) \
  case GRAFT_##D: \
    ((T *)y->data)[i] = (T)(start + (uint64_t)i * step); \
    break;
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
    default: return gr_kernel_no_dtype(k, x->type->dtype);
    }
  return GRAFT_OK;
}

graft_status gr_kernel_numel(const gr_kernel_call *k) {
  *(int64_t *)k->results[0].data = graft_type_elements(k->operands[0].type);
  return GRAFT_OK;
}
