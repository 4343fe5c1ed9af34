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

/* ---- backward: dy times the cofactors, det(x) x^-T ---- */

/* Both are changed: `a` to the identity, `b`, which is it, to the inverse. 0: a is singular. */
static double invert(double *a, double *b, int64_t n) {
  double product = 1;
  for (int64_t c = 0; c < n; c++) {
    int64_t pivot = c;
    for (int64_t r = c + 1; r < n; r++)
      if (fabs(a[r * n + c]) > fabs(a[pivot * n + c])) pivot = r;
    const double largest = a[pivot * n + c];
    if (largest == 0) return 0;
    product *= pivot == c ? largest : -largest;
    for (int64_t i = 0; i < n; i++) {
      const double p = a[pivot * n + i] / largest, q = b[pivot * n + i] / largest;
      a[pivot * n + i] = a[c * n + i];
      b[pivot * n + i] = b[c * n + i];
      a[c * n + i] = p;
      b[c * n + i] = q;
    }
    for (int64_t r = 0; r < n; r++) {
      const double by = a[r * n + c];
      for (int64_t i = 0; i < n && r != c; i++) {
        a[r * n + i] -= by * a[c * n + i];
        b[r * n + i] -= by * b[c * n + i];
      }
    }
  }
  return product;
}

/* The determinant without row and column, with its sign. */
static double cofactor(const double *x, double *a, int64_t n, int64_t row, int64_t column) {
  double *to = a;
  for (int64_t r = 0; r < n; r++)
    for (int64_t c = 0; c < n; c++)
      if (r != row && c != column) *to++ = x[r * n + c];
  return (row + column) % 2 ? -determinant(a, n - 1) : determinant(a, n - 1);
}

graft_status gr_kernel_linalg_det_backward(const gr_kernel_call *k) {
  const gr_in *dy = &k->operands[0], *x = &k->operands[1];
  const gr_out *dx = &k->results[0];
  const graft_dtype d = dx->type->dtype;
  const size_t size = graft_dtype_size(d);
  const int64_t n = dx->type->dims[dx->type->rank - 1];
  if (dx->count == 0) return GRAFT_OK;
  double *m = gr_scratch_alloc(k->scratch, (size_t)(3 * n * n), sizeof *m);
  if (!m) return GRAFT_NO_MEMORY;
  double *a = m + n * n, *b = a + n * n;
  for (int64_t i = 0; i < dy->count; i++) {
    const double flows = gr_element_float(d, (const char *)dy->data + (size_t)i * size);
    for (int64_t j = 0; j < n * n; j++) {
      m[j] = a[j] = gr_element_float(d, (const char *)x->data + (size_t)(i * n * n + j) * size);
      b[j] = j / n == j % n;
    }
    const double det = invert(a, b, n);
    for (int64_t j = 0; j < n * n; j++) {
      const double of = det != 0 ? det * b[j % n * n + j / n] : cofactor(m, a, n, j / n, j % n);
      gr_element_set_float(d, (char *)dx->data + (size_t)(i * n * n + j) * size, flows * of);
    }
  }
  return GRAFT_OK;
}
