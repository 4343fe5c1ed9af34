/* What is looked for along an axis: argmax, argmin, topk; and cumsum, which runs along one too. A NaN is larger than
 * every number, as in PyTorch; of equal elements the first one comes first. */
#include "runtime/kernel_impl.h"

#include <math.h>

#define GRAIN 8192 /* elements read in a piece of work */

/* The lines of x along an axis: element i of line l is x[start(l) + i * inner]. */
typedef struct lines {
  const void *x;
  void *y;
  int64_t *indices;
  int64_t extent, inner; /* along the axis; how far its elements lie apart */
  int64_t kept;          /* entries of a result line of topk */
  int64_t *scratch;      /* `kept` for each thread */
  bool largest;          /* or the smallest */
  bool last;             /* of equal elements the last one */
  bool exclusive, reverse;
} lines;

static int64_t start(int64_t line, int64_t extent, int64_t inner) {
  return line / inner * extent * inner + line % inner;
}

/* Does element a, at the index i, come before b, at j? */
#define ABOVE(a, b) ((a) > (b) || ((a) != (a) && (b) == (b)))
#define FIRST(l, a, i, b, j) (ABOVE(a, b) ? (l)->largest : ABOVE(b, a) ? !(l)->largest : (i) < (j))

#define SEARCH(S, T) \
  /* NaN before all else, whichever end is asked for. */ \
  static void arg_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const lines *l = user; \
    (void)worker; \
    for (int64_t line = begin; line < end; line++) { \
      const T *x = (const T *)l->x + start(line, l->extent, l->inner); \
      int64_t best = 0; \
      for (int64_t i = 1; i < l->extent; i++) { \
        const T a = x[i * l->inner], b = x[best * l->inner]; \
        const bool same = a == b || (a != a && b != b); \
        const bool better = a != a || (b == b && (l->largest ? a > b : a < b)); \
        if (same ? l->last : better) best = i; \
      } \
      l->indices[line] = best; \
    } \
  } \
  /* The last of those kept stands at the root of a heap, until a better one takes its place. */ \
  static void sink_##S(const lines *l, const T *x, int64_t *heap, int64_t n, int64_t at) { \
    for (;;) { \
      int64_t worst = at; \
      for (int64_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++) \
        if (FIRST(l, x[heap[worst] * l->inner], heap[worst], x[heap[child] * l->inner], heap[child])) worst = child; \
      if (worst == at) return; \
      const int64_t moved = heap[at]; \
      heap[at] = heap[worst]; \
      heap[worst] = moved; \
      at = worst; \
    } \
  } \
  static void topk_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const lines *l = user; \
    int64_t *heap = l->scratch + (int64_t)worker * l->kept; \
    for (int64_t line = begin; line < end; line++) { \
      const T *x = (const T *)l->x + start(line, l->extent, l->inner); \
      const int64_t to = start(line, l->kept, l->inner); \
      for (int64_t i = 0; i < l->kept; i++) heap[i] = i; \
      for (int64_t i = l->kept / 2; i-- > 0;) sink_##S(l, x, heap, l->kept, i); \
      for (int64_t i = l->kept; i < l->extent; i++) { \
        if (!FIRST(l, x[i * l->inner], i, x[heap[0] * l->inner], heap[0])) continue; \
        heap[0] = i; \
        sink_##S(l, x, heap, l->kept, 0); \
      } \
      for (int64_t n = l->kept; n-- > 0;) { \
        ((T *)l->y)[to + n * l->inner] = x[heap[0] * l->inner]; \
        l->indices[to + n * l->inner] = heap[0]; \
        heap[0] = heap[n]; \
        sink_##S(l, x, heap, n, 0); \
      } \
    } \
  }
#define CUMSUM(S, T, A) \
  static void cumsum_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const lines *l = user; \
    (void)worker; \
    for (int64_t line = begin; line < end; line++) { \
      const int64_t at = start(line, l->extent, l->inner); \
      A sum = 0; \
      for (int64_t k = 0; k < l->extent; k++) { \
        const int64_t i = at + (l->reverse ? l->extent - 1 - k : k) * l->inner; \
        const T x = ((const T *)l->x)[i]; \
        if (l->exclusive) ((T *)l->y)[i] = (T)sum; \
        sum += (A)x; \
        if (!l->exclusive) ((T *)l->y)[i] = (T)sum; \
      } \
    } \
  }

SEARCH(F32, float)
SEARCH(F64, double)
SEARCH(BOOL, uint8_t)
CUMSUM(F32, float, double)
CUMSUM(F64, double, double)
#define DTYPE(D, T, U) SEARCH(D, T) CUMSUM(D, T, uint64_t)
#include "runtime/kernels/dtypes.inc"
#undef DTYPE

static const struct {
  gr_range_function arg, topk, cumsum;
} functions[GRAFT_DTYPE_COUNT] = {
    [GRAFT_F32] = {arg_F32, topk_F32, cumsum_F32},
    [GRAFT_F64] = {arg_F64, topk_F64, cumsum_F64},
    [GRAFT_BOOL] = {arg_BOOL, topk_BOOL, NULL},
#define DTYPE(D, T, U) [GRAFT_##D] = {arg_##D, topk_##D, cumsum_##D},
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
};

/* Along axis `dim` of operand 0; a scalar has one line of one element. */
static lines lines_of(const gr_kernel_call *k, int64_t dim) {
  const gr_in *x = &k->operands[0];
  lines l = {.x = x->data, .y = k->results[0].data, .extent = 1, .inner = 1};
  if (x->type->rank == 0) return l;
  const int32_t axis = gr_axis(dim, x->type->rank);
  l.extent = x->type->dims[axis];
  l.inner = gr_extent(x->type, axis + 1, x->type->rank);
  return l;
}

static graft_status run(const gr_kernel_call *k, gr_range_function function, lines *l, int64_t count) {
  const int64_t grain = l->extent < GRAIN ? GRAIN / (l->extent > 0 ? l->extent : 1) : 1;
  if (!function) return gr_kernel_no_dtype(k, k->operands[0].type->dtype);
  gr_parallel_for(k->threads, count, grain, function, l);
  return GRAFT_OK;
}

GR_SAME_ATTR(dim, argmax, argmin);
GR_SAME_ATTR(select_last_index, argmax, argmin);

static graft_status arg(const gr_kernel_call *k, bool largest) {
  const gr_in *x = &k->operands[0];
  lines l = {.x = x->data, .extent = x->count, .inner = 1};
  if (!gr_k_none(k, GR_ATTR(argmax, dim))) l = lines_of(k, gr_k_int(k, GR_ATTR(argmax, dim)));
  l.indices = k->results[0].data;
  l.largest = largest;
  l.last = gr_k_bool(k, GR_ATTR(argmax, select_last_index));
  return run(k, functions[x->type->dtype].arg, &l, k->results[0].count);
}

graft_status gr_kernel_argmax(const gr_kernel_call *k) { return arg(k, true); }
graft_status gr_kernel_argmin(const gr_kernel_call *k) { return arg(k, false); }

graft_status gr_kernel_topk(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  lines l = lines_of(k, gr_k_int(k, GR_ATTR(topk, dim)));
  l.largest = gr_k_bool(k, GR_ATTR(topk, largest));
  l.indices = k->results[1].data;
  if (k->results[0].count == 0) return GRAFT_OK;
  const int64_t count = x->count / l.extent;
  l.kept = k->results[0].count / count;
  l.scratch = gr_scratch_alloc(k->scratch, (size_t)l.kept * gr_threads_count(k->threads), sizeof *l.scratch);
  if (!l.scratch) return GRAFT_NO_MEMORY;
  return run(k, functions[x->type->dtype].topk, &l, count);
}

graft_status gr_kernel_cumsum(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  lines l = lines_of(k, gr_k_int(k, GR_ATTR(cumsum, dim)));
  l.exclusive = gr_k_bool(k, GR_ATTR(cumsum, exclusive));
  l.reverse = gr_k_bool(k, GR_ATTR(cumsum, reverse));
  return run(k, functions[x->type->dtype].cumsum, &l, l.extent > 0 ? x->count / l.extent : 0);
}
