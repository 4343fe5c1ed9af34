/* Attention: for a group of matrices at a time the scores, their softmax, the mean of the values. The scores of all
 * matrices never exist at once. */
#include "runtime/kernels/gemm_impl.h"

#include <math.h>

enum { SCORES = 1 << 21, GRAIN = 8192 }; /* elements of a group, of a piece of softmax */

typedef struct attention {
  void *scores; /* of the group: [matrices, queries, keys] */
  int64_t queries, keys;
  double scale;
  bool causal;
  const void *mask; /* NULL: none */
  bool truth;       /* it is of bools */
  const int64_t
      *mask_of; /* of each matrix of the group, where its mask begins; then the steps to the next row and key */
  int64_t mask_row, mask_col;
} attention;

#define SOFTMAX(T, SUFFIX, EXP) \
  static void softmax_##SUFFIX(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const attention *a = user; \
    (void)worker; \
    for (int64_t line = begin; line < end; line++) { \
      const int64_t query = line % a->queries, \
                    from = a->mask ? a->mask_of[line / a->queries] + query * a->mask_row : 0; \
      T *y = (T *)a->scores + line * a->keys; \
      T max = -INFINITY; \
      double sum = 0; \
      for (int64_t i = 0; i < a->keys; i++) { \
        y[i] = (T)(y[i] * (T)a->scale); \
        if (a->causal && i > query) y[i] = -INFINITY; \
        if (a->mask && a->truth && !((const unsigned char *)a->mask)[from + i * a->mask_col]) y[i] = -INFINITY; \
        if (a->mask && !a->truth) y[i] += ((const T *)a->mask)[from + i * a->mask_col]; \
        max = y[i] > max ? y[i] : max; \
      } \
      for (int64_t i = 0; i < a->keys; i++) y[i] = EXP(y[i] - max), sum += (double)y[i]; \
      for (int64_t i = 0; i < a->keys; i++) y[i] = (T)((double)y[i] / sum); \
    } \
  }
SOFTMAX(float, f32, expf)
SOFTMAX(double, f64, exp)

/* Which matrix of an operand each matrix of the result takes. A head that serves several, and an axis of extent 1, come
 * as often as the result's extent says. `dims`: the result's batch axes. */
static int64_t *matrices(const gr_kernel_call *k, const graft_type *t, const int64_t *dims, int32_t rank,
                         int64_t count) {
  int64_t *of = gr_scratch_alloc(k->scratch, (size_t)count, sizeof *of);
  if (!of) return NULL;
  const int32_t shift = rank - (t->rank > 2 ? t->rank - 2 : 0);
  for (int64_t i = 0; i < count; i++) {
    int64_t rest = i, step = 1;
    of[i] = 0;
    for (int32_t axis = rank; axis-- > shift;) {
      const int64_t extent = t->dims[axis - shift];
      of[i] += rest % dims[axis] / (dims[axis] / extent) * step;
      step *= extent;
      rest /= dims[axis];
    }
  }
  return of;
}

/* Where the mask of each matrix begins, and its steps: 0 along an axis that it does not have. */
static bool begin_mask(const gr_kernel_call *k, attention *a, int32_t rank, int64_t count) {
  const gr_in *mask = &k->operands[GR_OPERAND(scaled_dot_product_attention, attn_mask)];
  if (!mask->data) return true;
  const graft_type *t = mask->type;
  int64_t *of = matrices(k, t, k->results[0].type->dims, rank, count);
  if (!of) return false;
  const int64_t rows = t->rank > 1 ? t->dims[t->rank - 2] : 1, keys = t->rank > 0 ? t->dims[t->rank - 1] : 1;
  for (int64_t i = 0; i < count; i++) of[i] *= rows * keys;
  a->mask = mask->data;
  a->truth = t->dtype == GRAFT_BOOL;
  a->mask_of = of;
  a->mask_row = rows > 1 ? keys : 0;
  a->mask_col = keys > 1 ? 1 : 0;
  return true;
}

graft_status gr_kernel_attention(const gr_kernel_call *k) {
  enum { QUERY = GR_OPERAND(scaled_dot_product_attention, query), KEY, VALUE };
  const graft_type *q = k->operands[QUERY].type, *key = k->operands[KEY].type, *value = k->operands[VALUE].type;
  const bool f32 = q->dtype == GRAFT_F32;
  const gr_product product = f32 ? GR_PRODUCT_F32 : GR_PRODUCT_F64;
  if (!f32 && q->dtype != GRAFT_F64) return gr_kernel_no_dtype(k, q->dtype);
  if (gr_k_float(k, GR_ATTR(scaled_dot_product_attention, dropout_p)) > 0)
    return gr_kernel_error(k, "scaled_dot_product_attention drops nothing out: dropout_p must be 0");
  if (k->results[0].count == 0) return GRAFT_OK;
  const int64_t queries = q->dims[q->rank - 2], depth = q->dims[q->rank - 1], keys = key->dims[key->rank - 2],
                columns = value->dims[value->rank - 1];
  const graft_type *y = k->results[0].type;
  const int32_t rank = y->rank - 2;
  const int64_t count = gr_extent(y, 0, rank);
  const uint32_t slot = GR_ATTR(scaled_dot_product_attention, scale);
  attention a = {.queries = queries,
                 .keys = keys,
                 .scale = gr_k_none(k, slot) ? 1 / sqrt((double)depth) : gr_k_float(k, slot),
                 .causal = gr_k_bool(k, GR_ATTR(scaled_dot_product_attention, is_causal))};
  int64_t *q_of = matrices(k, q, y->dims, rank, count), *k_of = matrices(k, key, y->dims, rank, count),
          *v_of = matrices(k, value, y->dims, rank, count);
  if (!q_of || !k_of || !v_of || !begin_mask(k, &a, rank, count)) return GRAFT_NO_MEMORY;
  int64_t group = keys > 0 ? SCORES / queries / keys : count;
  group = group < 1 ? 1 : group > count ? count : group;
  const size_t each = graft_dtype_size(q->dtype);
  if (keys > 0 && (size_t)queries > SIZE_MAX / (size_t)keys / (size_t)group) return GRAFT_NO_MEMORY;
  a.scores = gr_scratch_alloc(k->scratch, (size_t)group * (size_t)queries * (size_t)keys, each);
  if (!a.scores) return GRAFT_NO_MEMORY;
  const int64_t *masks = a.mask_of;
  for (int64_t first = 0; first < count; first += group) {
    const int64_t n = count - first < group ? count - first : group;
    gr_matrix b = {.data = k->operands[KEY].data, .of = k_of + first, .batch = keys * depth, .row = 1, .col = depth};
    gr_gemm g = {.m = queries,
                 .n = keys,
                 .k = depth,
                 .batch = n,
                 .a = k->operands[QUERY].data,
                 .a_count = gr_extent(q, 0, q->rank - 2),
                 .a_batch = queries * depth,
                 .a_row = depth,
                 .a_col = 1,
                 .a_of = q_of + first,
                 .c = a.scores,
                 .user = &b};
    graft_status status = gr_gemm_run(k, product, &g, gr_pack_matrix[product]);
    if (status != GRAFT_OK) return status;
    if (masks) a.mask_of = masks + first;
    gr_parallel_for(k->threads, n * queries, 1 + GRAIN / (keys + 1), f32 ? softmax_f32 : softmax_f64, &a);
    b = (gr_matrix){
        .data = k->operands[VALUE].data, .of = v_of + first, .batch = keys * columns, .row = columns, .col = 1};
    g = (gr_gemm){.m = queries,
                  .n = columns,
                  .k = keys,
                  .batch = n,
                  .a = a.scores,
                  .a_count = n,
                  .a_batch = queries * keys,
                  .a_row = keys,
                  .a_col = 1,
                  .c = (char *)k->results[0].data + (size_t)(first * queries * columns) * each,
                  .user = &b};
    status = gr_gemm_run(k, product, &g, gr_pack_matrix[product]);
    if (status != GRAFT_OK) return status;
  }
  return GRAFT_OK;
}
