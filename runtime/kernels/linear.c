/* linear, addmm, matmul: all through gemm; linear on a few rows as dot products, since packing W would cost more than
 * the product. */
#include "runtime/kernels/gemm_impl.h"

#include <string.h>

/* y [rows, out] = x [rows, in] W^T + bias. */
typedef struct rows {
  const void *x, *weight, *bias;
  void *y;
  int64_t count, in, out;
} rows;

#define T float
#define NAME(name) name##_f32
#define NR GR_GEMM_NR_F32
#include "runtime/kernels/linear.inc"
#undef T
#undef NAME
#undef NR
#define T double
#define NAME(name) name##_f64
#define NR GR_GEMM_NR_F64
#include "runtime/kernels/linear.inc"
#undef T
#undef NAME
#undef NR

static graft_status check_dtypes(const gr_kernel_call *k) {
  graft_dtype d = k->operands[0].type->dtype;
  if (d != GRAFT_F32 && d != GRAFT_F64) return gr_kernel_no_dtype(k, d);
  for (uint32_t i = 1; i < k->operand_count; i++)
    if (k->operands[i].data && k->operands[i].type->dtype != d)
      return gr_kernel_no_dtype(k, k->operands[i].type->dtype);
  return GRAFT_OK;
}

graft_status gr_kernel_linear(const gr_kernel_call *k) {
  graft_status status = check_dtypes(k);
  if (status != GRAFT_OK || k->results[0].count == 0) return status;
  const graft_type *w = k->operands[1].type;
  bool f32 = w->dtype == GRAFT_F32;
  rows r = {.x = k->operands[0].data,
            .weight = k->operands[1].data,
            .bias = k->operands[2].data,
            .y = k->results[0].data,
            .in = w->dims[1],
            .out = w->dims[0]};
  r.count = k->results[0].count / r.out;
  if (r.count < 6) {
    gr_parallel_for(k->threads, r.out, 1 + 65536 / (r.in + 1), f32 ? dot_rows_f32 : dot_rows_f64, &r);
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
  return f32 ? gr_gemm_f32(k, &g, gr_pack_matrix_f32) : gr_gemm_f64(k, &g, gr_pack_matrix_f64);
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
  graft_status status = check_dtypes(k);
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
  return a->dtype == GRAFT_F32 ? gr_gemm_f32(k, &g, gr_pack_matrix_f32) : gr_gemm_f64(k, &g, gr_pack_matrix_f64);
}

graft_status gr_kernel_addmm(const gr_kernel_call *k) {
  graft_status status = check_dtypes(k);
  if (status != GRAFT_OK || k->results[0].count == 0) return status;
  const graft_type *a = k->operands[1].type, *b = k->operands[2].type;
  bool f32 = a->dtype == GRAFT_F32;
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
  status = f32 ? gr_gemm_f32(k, &g, gr_pack_matrix_f32) : gr_gemm_f64(k, &g, gr_pack_matrix_f64);
  if (status != GRAFT_OK) return status;
  if (f32) {
    add_input_f32(k);
  } else {
    add_input_f64(k);
  }
  return GRAFT_OK;
}
