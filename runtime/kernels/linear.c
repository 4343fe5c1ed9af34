/* linear, addmm, matmul: all through gemm; linear on a few rows as dot products, since packing W would cost more than
 * the product. */
#include "runtime/kernels/gemm_impl.h"

#include <math.h>
#include <string.h>

/* y [rows, out] = x [rows, in] W^T + bias. */
typedef struct rows {
  const void *x, *weight, *bias;
  void *y;
  int64_t count, in, out;
} rows;

#define NR GR_GEMM_NR_32
#define T float
#define NAME(name) name##_f32
#define FACTOR(x) ((T)(x))
#include "runtime/kernels/linear.inc"
#undef T
#undef NAME
#undef FACTOR
#define T uint32_t
#define NAME(name) name##_u32
#define FACTOR(x) ((T)(int64_t)(x)) /* an integer (check_factors) */
#include "runtime/kernels/linear.inc"
#undef T
#undef NAME
#undef FACTOR
#undef NR
#define NR GR_GEMM_NR_64
#define T double
#define NAME(name) name##_f64
#define FACTOR(x) ((T)(x))
#include "runtime/kernels/linear.inc"
#undef T
#undef NAME
#undef FACTOR
#define T uint64_t
#define NAME(name) name##_u64
#define FACTOR(x) ((T)(int64_t)(x))
#include "runtime/kernels/linear.inc"
#undef T
#undef NAME
#undef FACTOR
#undef NR

const gr_pack gr_pack_matrix[GR_PRODUCT_COUNT] = {pack_matrix_f32, pack_matrix_f64, pack_matrix_u32, pack_matrix_u64};

static graft_status check_dtypes(const gr_kernel_call *k, gr_product *product) {
  graft_dtype d = k->operands[0].type->dtype;
  if (!gr_product_of(d, product)) return gr_kernel_no_dtype(k, d);
  for (uint32_t i = 1; i < k->operand_count; i++)
    if (k->operands[i].data && k->operands[i].type->dtype != d)
      return gr_kernel_no_dtype(k, k->operands[i].type->dtype);
  return GRAFT_OK;
}

graft_status gr_kernel_linear(const gr_kernel_call *k) {
  gr_product product = GR_PRODUCT_F32;
  graft_status status = check_dtypes(k, &product);
  if (status != GRAFT_OK || k->results[0].count == 0) return status;
  const graft_type *w = k->operands[1].type;
  rows r = {.x = k->operands[0].data,
            .weight = k->operands[1].data,
            .bias = k->operands[2].data,
            .y = k->results[0].data,
            .in = w->dims[1],
            .out = w->dims[0]};
  r.count = k->results[0].count / r.out;
  if (r.count < 6) {
    static const gr_range_function dot_rows[] = {dot_rows_f32, dot_rows_f64, dot_rows_u32, dot_rows_u64};
    gr_parallel_for(k->threads, r.out, 1 + 65536 / (r.in + 1), dot_rows[product], &r);
    return GRAFT_OK;
  }
  gr_matrix b = {.data = r.weight, .row = 1, .col = r.in};
  gr_gemm g = {.m = r.count,
               .n = r.out,
               .k = r.in,
               .batch = 1,
               .a = r.x,
               .a_count = 1,
               .a_row = r.in,
               .a_col = 1,
               .c = r.y,
               .col_bias = r.bias,
               .user = &b};
  return gr_gemm_run(k, product, &g, gr_pack_matrix[product]);
}

/* Which matrix of an operand each product takes, from broadcasting the axes before the last two. */
static int64_t *broadcast_batches(const gr_kernel_call *k, const graft_type *t, const int64_t *dims, int32_t rank,
                                  int64_t count) {
  int64_t *of = gr_scratch_alloc(k->scratch, (size_t)count, sizeof *of);
  if (!of) return NULL;
  int32_t shift = rank - (t->rank > 2 ? t->rank - 2 : 0);
  for (int64_t i = 0; i < count; i++) {
    int64_t rest = i, stride = 1, at = 0;
    for (int32_t axis = rank; axis-- > 0;) {
      int64_t extent = axis >= shift ? t->dims[axis - shift] : 1;
      if (extent != 1) at += rest % dims[axis] * stride;
      stride *= extent;
      rest /= dims[axis];
    }
    of[i] = at;
  }
  return of;
}

graft_status gr_kernel_matmul(const gr_kernel_call *k) {
  gr_product product = GR_PRODUCT_F32;
  graft_status status = check_dtypes(k, &product);
  if (status != GRAFT_OK || k->results[0].count == 0) return status;
  const graft_type *a = k->operands[0].type, *b = k->operands[1].type;
  int64_t m = a->rank > 1 ? a->dims[a->rank - 2] : 1, depth = a->dims[a->rank - 1];
  int64_t n = b->rank > 1 ? b->dims[b->rank - 1] : 1;
  /* The batch axes of the result. */
  int32_t rank = (a->rank > b->rank ? a->rank : b->rank) - 2;
  if (rank < 0) rank = 0;
  const int64_t *dims = k->results[0].type->dims;
  int64_t count = 1;
  for (int32_t i = 0; i < rank; i++) count *= dims[i];
  int64_t *a_of = broadcast_batches(k, a, dims, rank, count);
  int64_t *b_of = broadcast_batches(k, b, dims, rank, count);
  if (!a_of || !b_of) return GRAFT_NO_MEMORY;
  gr_matrix other = {.data = k->operands[1].data, .of = b_of, .batch = depth * n, .row = n, .col = 1};
  gr_gemm g = {.m = m,
               .n = n,
               .k = depth,
               .batch = count,
               .a = k->operands[0].data,
               .a_count = a->rank > 2 ? gr_extent(a, 0, a->rank - 2) : 1,
               .a_batch = m * depth,
               .a_row = depth,
               .a_col = 1,
               .a_of = a_of,
               .c = k->results[0].data,
               .user = &other};
  return gr_gemm_run(k, product, &g, gr_pack_matrix[product]);
}

/* Integers are multiplied by integers. */
static graft_status check_factors(const gr_kernel_call *k, gr_product product) {
  const double factors[] = {gr_k_float(k, GR_ATTR(addmm, alpha)), gr_k_float(k, GR_ATTR(addmm, beta))};
  const double most = 9007199254740992.0; /* 2^53 */
  for (int i = 0; i < 2 && (product == GR_PRODUCT_U32 || product == GR_PRODUCT_U64); i++)
    if (!(factors[i] >= -most && factors[i] <= most) || factors[i] != floor(factors[i]))
      return gr_kernel_error(k, "%s is %g, integers need an integer", i ? "beta" : "alpha", factors[i]);
  return GRAFT_OK;
}

graft_status gr_kernel_addmm(const gr_kernel_call *k) {
  gr_product product = GR_PRODUCT_F32;
  graft_status status = check_dtypes(k, &product);
  if (status == GRAFT_OK) status = check_factors(k, product);
  if (status != GRAFT_OK || k->results[0].count == 0) return status;
  const graft_type *a = k->operands[1].type, *b = k->operands[2].type;
  gr_matrix other = {.data = k->operands[2].data, .row = b->dims[1], .col = 1};
  gr_gemm g = {.m = a->dims[0],
               .n = b->dims[1],
               .k = a->dims[1],
               .batch = 1,
               .a = k->operands[1].data,
               .a_count = 1,
               .a_row = a->dims[1],
               .a_col = 1,
               .c = k->results[0].data,
               .user = &other};
  status = gr_gemm_run(k, product, &g, gr_pack_matrix[product]);
  if (status != GRAFT_OK) return status;
  static void (*const add_input[])(const gr_kernel_call *) = {add_input_f32, add_input_f64, add_input_u32,
                                                              add_input_u64};
  add_input[product](k);
  return GRAFT_OK;
}
