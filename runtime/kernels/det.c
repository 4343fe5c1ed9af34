/* Determinants, by elimination with the largest pivot of a column, in doubles. */
#include "runtime/kernel_impl.h"

#include <math.h>

static double determinant(double *a, int64_t n) {
  double product = 1;
  for (int64_t c = 0; c < n; c++) {
    int64_t pivot = c;
    for (int64_t r = c + 1; r < n; r++)
      if (fabs(a[r * n + c]) > fabs(a[pivot * n + c])) pivot = r;
    if (a[pivot * n + c] == 0) return 0;
    if (pivot != c) {
      for (int64_t i = c; i < n; i++) {
        const double moved = a[c * n + i];
        a[c * n + i] = a[pivot * n + i];
        a[pivot * n + i] = moved;
      }
      product = -product;
    }
    product *= a[c * n + c];
    for (int64_t r = c + 1; r < n; r++) {
      const double by = a[r * n + c] / a[c * n + c];
      for (int64_t i = c + 1; i < n; i++) a[r * n + i] -= by * a[c * n + i];
    }
  }
  return product;
}

graft_status gr_kernel_linalg_det(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  const gr_out *y = &k->results[0];
  const graft_dtype d = x->type->dtype;
  const size_t size = graft_dtype_size(d);
  const int64_t n = x->type->dims[x->type->rank - 1];
  double *a = gr_scratch_alloc(k->scratch, y->count ? (size_t)(n * n) : 1, sizeof *a);
  if (!a) return GRAFT_NO_MEMORY;
  for (int64_t i = 0; i < y->count; i++) {
    for (int64_t j = 0; j < n * n; j++)
      a[j] = gr_element_float(d, (const char *)x->data + (size_t)(i * n * n + j) * size);
    gr_element_set_float(d, (char *)y->data + (size_t)i * size, determinant(a, n));
  }
  return GRAFT_OK;
}
