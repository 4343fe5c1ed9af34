/* Matrix products C = A B (+ bias), many of one shape at once: what convolution, linear and matmul stand on. A comes as
 * strided matrices, B through a callback that writes it in panels, so that a convolution never makes its im2col matrix
 * as a whole. Sums run over k in order, in blocks of GR_GEMM_KC, whatever the number of threads. */
#ifndef GRAFT_GEMM_IMPL_H
#define GRAFT_GEMM_IMPL_H

#include "runtime/kernel_impl.h"

#define GR_GEMM_KC 256  /* depth of a block */
#define GR_GEMM_NC 128  /* columns in a tile: a multiple of the panel widths */
#define GR_GEMM_NR_32 8 /* columns in a panel of 4-byte elements */
#define GR_GEMM_NR_64 4

/* What products are computed in. Integers go as unsigned ones, which wrap alike whatever the sign. */
typedef enum gr_product { GR_PRODUCT_F32, GR_PRODUCT_F64, GR_PRODUCT_U32, GR_PRODUCT_U64, GR_PRODUCT_COUNT } gr_product;
bool gr_product_of(graft_dtype dtype, gr_product *product); /* false: there are none of this dtype */

/* Writes B[k0..k1, n0..n1] of product `batch`: for each group of NR columns (the last one filled up with zeros), row
 * by row, NR elements. */
typedef void (*gr_pack)(const void *user, int64_t batch, int64_t k0, int64_t k1, int64_t n0, int64_t n1, void *out);

typedef struct gr_gemm {
  int64_t m, n, k; /* of each product */
  int64_t batch;   /* products */
  const void *a;   /* a_count matrices, a_batch apart; element (i, p) is a[i * a_row + p * a_col] */
  int64_t a_count, a_batch, a_row, a_col;
  const int64_t *a_of;  /* which A product i takes; NULL: i modulo a_count */
  void *c;              /* product i is at c + i * m * n, rows n apart */
  const void *row_bias; /* m for each A, or NULL */
  const void *col_bias; /* n, or NULL */
  bool add;             /* to what C holds; without bias */
  const void *user;     /* for the packing of B */
} gr_gemm;

graft_status gr_gemm_run(const gr_kernel_call *k, gr_product product, const gr_gemm *g, gr_pack pack);

/* B as a matrix in memory, packed by the function below of the product: element (p, j) of product i is data[of[i] *
 * batch + p * row + j * col]; `of` NULL: all products take the same. */
typedef struct gr_matrix {
  const void *data;
  const int64_t *of;
  int64_t batch, row, col;
} gr_matrix;
extern const gr_pack gr_pack_matrix[GR_PRODUCT_COUNT];

#endif
