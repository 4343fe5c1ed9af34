/* What flows back through moves and windows: elements of dy put, or added up, where the op took them from. What is
 * added to one place is added in dy's order by one thread: work is cut by the axes that no element crosses. */
#include "runtime/kernel_impl.h"
#include "runtime/kernels/pool_impl.h"

#include <math.h>

#define GRAIN 16384

/* ---- slice, cat: parts of an axis ---- */

GR_SAME_ATTR(dim, slice, slice_backward);
GR_SAME_ATTR(start, slice, slice_backward);
GR_SAME_ATTR(step, slice, slice_backward);

static int64_t slice_bound(const gr_kernel_call *k, uint32_t operand, uint32_t attr) {
  const int64_t *data = k->operands[operand].data;
  return data ? *data : gr_k_int(k, attr);
}

graft_status gr_kernel_slice_backward(const gr_kernel_call *k) {
  const gr_in *dy = &k->operands[0];
  const gr_out *dx = &k->results[0];
  const int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(slice_backward, dim)), dx->type->rank);
  const int64_t n = dx->type->dims[axis], taken = dy->type->dims[axis], outer = gr_extent(dx->type, 0, axis);
  const size_t entry = (size_t)gr_extent(dx->type, axis + 1, dx->type->rank) * graft_dtype_size(dx->type->dtype);
  const int64_t step = slice_bound(k, GR_OPERAND(slice_backward, step), GR_ATTR(slice_backward, step));
  int64_t start = slice_bound(k, GR_OPERAND(slice_backward, start), GR_ATTR(slice_backward, start));
  memset(dx->data, 0, gr_out_bytes(dx));
  if (dy->count == 0) return GRAFT_OK;
  if (start < 0) start = start < -n ? -1 : start + n;
  if (step > 0 && start < 0) start = 0;
  if (step < 0 && start > n - 1) start = n - 1;
  int64_t last;
  if (__builtin_mul_overflow(taken - 1, step, &last) || __builtin_add_overflow(last, start, &last) || start < 0 ||
      start >= n || last < 0 || last >= n)
    return gr_kernel_error(k, "dy has %lld entries along axis %d, more than the slice", (long long)taken, axis);
  for (int64_t i = 0; i < outer; i++)
    for (int64_t j = 0; j < taken; j++)
      memcpy((char *)dx->data + (size_t)(i * n + start + j * step) * entry,
             (const char *)dy->data + (size_t)(i * taken + j) * entry, entry);
  return GRAFT_OK;
}

graft_status gr_kernel_cat_backward(const gr_kernel_call *k) {
  const gr_in *dy = &k->operands[0];
  const graft_type *whole = dy->type;
  const int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(cat_backward, dim)), whole->rank);
  const size_t entry = (size_t)gr_extent(whole, axis + 1, whole->rank) * graft_dtype_size(whole->dtype),
               row = (size_t)whole->dims[axis] * entry;
  const int64_t outer = gr_extent(whole, 0, axis);
  int64_t start = 0;
  for (uint32_t i = 0; i < k->result_count; i++) {
    const int64_t n = k->operands[i + 1].type->dims[axis];
    if (n > whole->dims[axis] - start)
      return gr_kernel_error(k, "dy has fewer entries along axis %d than the tensors", axis);
    const size_t part = (size_t)n * entry;
    char *to = k->results[i].count ? k->results[i].data : NULL;
    for (size_t j = 0; to && j < (size_t)outer; j++)
      memcpy(to + j * part, (const char *)dy->data + j * row + (size_t)start * entry, part);
    start += n;
  }
  return GRAFT_OK;
}

/* ---- pad, index_select: places by axis ---- */

typedef struct places {
  const void *dy;
  void *dx;
  int32_t rank;    /* of a plane, */
  int64_t in, out; /* whose elements are so many in dx and in dy */
  int64_t dims[GRAFT_MAX_RANK], strides[GRAFT_MAX_RANK];
  int64_t *source[GRAFT_MAX_RANK]; /* by axis and index in dy: index in dx, or -1 */
} places;

#define ADD_UP(D, T) \
  static void add_up_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const places *p = user; \
    const int32_t last = p->rank - 1; \
    (void)worker; \
    for (int64_t plane = begin; plane < end; plane++) { \
      const T *dy = (const T *)p->dy + plane * p->out; \
      T *dx = (T *)p->dx + plane * p->in; \
      memset(dx, 0, (size_t)p->in * sizeof(T)); \
      for (int64_t line = 0; line < p->out / p->dims[last]; line++, dy += p->dims[last]) { \
        int64_t rest = line, at = 0; \
        bool none = false; \
        for (int32_t i = last; i-- > 0; rest /= p->dims[i]) { \
          const int64_t index = p->source[i][rest % p->dims[i]]; \
          none |= index < 0; \
          at += index * p->strides[i]; \
        } \
        if (none) continue; \
        for (int64_t i = 0; i < p->dims[last]; i++) \
          if (p->source[last][i] >= 0) dx[at + p->source[last][i]] += dy[i]; \
      } \
    } \
  }
ADD_UP(f32, float)
ADD_UP(f64, double)

GR_SAME_ATTR(pad, pad, pad_backward);
GR_SAME_ATTR(mode, pad, pad_backward);

#define MOST_PADDED (INT64_MAX / 4) /* so that places are counted without overflow */

/* As pad's own, which has checked what can be reflected. */
static int64_t pad_source(int64_t i, int64_t n, int64_t mode) {
  if (i >= 0 && i < n) return i;
  if (mode == GR_pad_mode_constant) return -1;
  if (mode == GR_pad_mode_replicate) return i < 0 ? 0 : n - 1;
  if (mode == GR_pad_mode_circular) return i % n + (i % n < 0 ? n : 0);
  const int64_t at = i < 0 ? -i : 2 * (n - 1) - i;
  return at < n ? at : -1;
}

graft_status gr_kernel_pad_backward(const gr_kernel_call *k) {
  const gr_in *dy = &k->operands[0], *pads = &k->operands[GR_OPERAND(pad_backward, pads)];
  const gr_out *dx = &k->results[0];
  const graft_type *x = dx->type;
  const bool wide = x->dtype == GRAFT_F64;
  if (!wide && x->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, x->dtype);
  uint32_t count;
  const int64_t *pad = gr_k_ints(k, GR_ATTR(pad_backward, pad), &count),
                mode = gr_k_int(k, GR_ATTR(pad_backward, mode));
  if (pads->data) {
    pad = pads->data;
    count = (uint32_t)pads->count;
  }
  if (dx->count == 0) return GRAFT_OK;
  memset(dx->data, 0, gr_out_bytes(dx));
  if (dy->count == 0) return GRAFT_OK;
  /* The axes before the first one that is padded are planes. */
  const int32_t padded = (int32_t)(count / 2) < x->rank ? (int32_t)(count / 2) : x->rank, first = x->rank - padded;
  places p = {.dy = dy->data, .dx = dx->data, .rank = padded, .in = 1, .out = 1};
  if (padded == 0) {
    memcpy(dx->data, dy->data, gr_out_bytes(dx));
    return GRAFT_OK;
  }
  for (int32_t i = padded; i-- > 0;) {
    const int64_t n = x->dims[first + i], m = dy->type->dims[first + i], before = pad[2 * (padded - 1 - i)];
    int64_t end = pad[2 * (padded - 1 - i) + 1]; /* pads may be an operand, of which the shape rule knows nothing */
    if (before < -MOST_PADDED || __builtin_add_overflow(end, before, &end) || __builtin_add_overflow(end, n, &end) ||
        end != m)
      return gr_kernel_error(k, "dy has %lld entries along axis %d, which is not what pad makes of %lld", (long long)m,
                             (int)(first + i), (long long)n);
    p.strides[i] = p.in;
    p.dims[i] = m;
    p.in *= n;
    p.out *= m;
    p.source[i] = gr_scratch_alloc(k->scratch, (size_t)m, sizeof *p.source[i]);
    if (!p.source[i]) return GRAFT_NO_MEMORY;
    for (int64_t j = 0; j < m; j++) p.source[i][j] = pad_source(j - before, n, mode);
  }
  gr_parallel_for(k->threads, gr_extent(x, 0, first), 1 + GRAIN / p.out, wide ? add_up_f64 : add_up_f32, &p);
  return GRAFT_OK;
}

typedef struct entries {
  const void *dy;
  void *dx;
  const int64_t *index;
  int64_t count, n, inner, pieces; /* of an entry, of WIDTH elements */
} entries;
#define WIDTH 256

#define ADD_ENTRIES(D, T) \
  static void add_entries_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const entries *p = user; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) { \
      const int64_t outer = i / p->pieces, from = i % p->pieces * WIDTH; \
      const int64_t width = p->inner - from < WIDTH ? p->inner - from : WIDTH; \
      T *dx = (T *)p->dx + outer * p->n * p->inner + from; \
      const T *dy = (const T *)p->dy + outer * p->count * p->inner + from; \
      for (int64_t j = 0; j < p->n; j++) memset(dx + j * p->inner, 0, (size_t)width * sizeof(T)); \
      for (int64_t j = 0; j < p->count; j++) { \
        T *to = dx + p->index[j] * p->inner; \
        for (int64_t l = 0; l < width; l++) to[l] += dy[j * p->inner + l]; \
      } \
    } \
  }
ADD_ENTRIES(f32, float)
ADD_ENTRIES(f64, double)

graft_status gr_kernel_index_select_backward(const gr_kernel_call *k) {
  const gr_in *dy = &k->operands[0], *index = &k->operands[GR_OPERAND(index_select_backward, index)];
  const gr_out *dx = &k->results[0];
  const graft_type *x = dx->type;
  const graft_dtype d = index->type->dtype;
  const bool wide = x->dtype == GRAFT_F64;
  if (!wide && x->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, x->dtype);
  if (d != GRAFT_I64 && d != GRAFT_I32) return gr_kernel_error(k, "an index of %s", graft_dtype_name(d));
  if (x->rank == 0) return gr_kernel_error(k, "x has no axis to select from");
  const int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(index_select_backward, dim)), x->rank);
  const int64_t n = x->dims[axis], outer = gr_extent(x, 0, axis), inner = gr_extent(x, axis + 1, x->rank);
  int64_t *at = gr_scratch_alloc(k->scratch, (size_t)index->count + 1, sizeof *at);
  if (!at) return GRAFT_NO_MEMORY;
  for (int64_t i = 0; i < index->count; i++) {
    at[i] = d == GRAFT_I64 ? ((const int64_t *)index->data)[i] : ((const int32_t *)index->data)[i];
    if (at[i] < -n || at[i] >= n)
      return gr_kernel_error(k, "index %lld is outside an axis of %lld", (long long)at[i], (long long)n);
    if (at[i] < 0) at[i] += n;
  }
  if (dx->count == 0) return GRAFT_OK;
  entries p = {.dy = dy->data,
               .dx = dx->data,
               .index = at,
               .count = index->count,
               .n = n,
               .inner = inner,
               .pieces = (inner + WIDTH - 1) / WIDTH};
  const int64_t each = (n + index->count) * (inner < WIDTH ? inner : WIDTH);
  gr_parallel_for(k->threads, outer * p.pieces, 1 + GRAIN / each, wide ? add_entries_f64 : add_entries_f32, &p);
  return GRAFT_OK;
}

/* ---- lp_pool ---- */

typedef struct windows {
  gr_pool pool;
  const void *dy, *x, *y;
} windows;

static double power_slope(double x, double y, double p) {
  if (x == 0 || y == 0) return 0;
  const double slope = p == 2 ? fabs(x) / y : p == 1 ? 1 : pow(fabs(x) / y, p - 1);
  return x < 0 ? -slope : slope;
}

#define LP_POOL(D, T) \
  static void lp_pool_##D(void *user, int64_t first, int64_t last, uint32_t worker) { \
    const windows *of = user; \
    const gr_pool *p = &of->pool; \
    const gr_pool_axis *a = p->a; \
    (void)worker; \
    for (int64_t plane = first; plane < last; plane++) { \
      T *dx = (T *)p->y + plane * p->in; \
      const T *x = (const T *)of->x + plane * p->in; \
      int64_t place = plane * p->out; \
      memset(dx, 0, (size_t)p->in * sizeof(T)); \
      for (int64_t d = 0; d < a[0].out; d++) { \
        int64_t d0, d1, dn, h0, h1, hn, w0, w1, wn; \
        gr_pool_window(p, 0, d, &d0, &d1, &dn); \
        for (int64_t h = 0; h < a[1].out && !gr_cancelled(p->context); h++) { \
          gr_pool_window(p, 1, h, &h0, &h1, &hn); \
          for (int64_t w = 0; w < a[2].out; w++, place++) { \
            gr_pool_window(p, 2, w, &w0, &w1, &wn); \
            const double dy = (double)((const T *)of->dy)[place], y = (double)((const T *)of->y)[place]; \
            for (int64_t i = d0; i < d1; i += a[0].dilation) \
              for (int64_t j = h0; j < h1; j += a[1].dilation) \
                for (int64_t l = w0; l < w1; l += a[2].dilation) { \
                  const int64_t at = (i * a[1].in + j) * a[2].in + l; \
                  dx[at] += (T)(dy * power_slope((double)x[at], y, p->norm_type)); \
                } \
          } \
        } \
      } \
    } \
  }
LP_POOL(f32, float)
LP_POOL(f64, double)

graft_status gr_kernel_lp_pool_backward(const gr_kernel_call *k) {
  const gr_in *dy = &k->operands[0], *x = &k->operands[1], *y = &k->operands[2];
  const gr_out *dx = &k->results[0];
  const bool wide = dx->type->dtype == GRAFT_F64;
  if (!wide && dx->type->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, dx->type->dtype);
  if (y->count != dy->count) return gr_kernel_error(k, "y and dy have not the same extents");
  memset(dx->data, 0, gr_out_bytes(dx));
  if (dx->count == 0 || dy->count == 0) return GRAFT_OK;
  /* The call that dy flows to. */
  const gr_in inputs[GR_MAX_OPERANDS] = {*x};
  const gr_out outputs[GR_MAX_RESULTS] = {{.type = dy->type, .count = dy->count}};
  gr_kernel_call forward = *k;
  forward.op = gr_op_forward(k->op);
  forward.operands = inputs;
  forward.results = outputs;
  windows w = {.dy = dy->data, .x = x->data, .y = y->data};
  gr_pool_read(&forward, forward.op, &w.pool);
  w.pool.y = dx->data;
  w.pool.norm_type = gr_k_float(k, GR_ATTR_ND(lp_pool, norm_type));
  const gr_pool_axis *a = w.pool.a;
  const double work = (double)w.pool.out * (double)a[0].kernel * (double)a[1].kernel * (double)a[2].kernel;
  gr_parallel_for(k->threads, dx->count / w.pool.in, 1 + (int64_t)(GRAIN / (work + 1)),
                  wide ? lp_pool_f64 : lp_pool_f32, &w);
  return GRAFT_OK;
}
