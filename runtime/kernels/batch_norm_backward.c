/* batch_norm_backward and bn_scale_backward. Sums are double, in lanes whose order is fixed, whatever the data; a
 * channel is summed by one thread. */
#include "runtime/kernel_impl.h"

#include <float.h>
#include <math.h>

enum { LANES = 8 };

typedef struct job {
  gr_isa isa;
  int64_t batch, channels, inner;
  double eps;
  bool training;
  const void *dy, *x, *weight, *mean, *var, *dmean, *dvar; /* NULL: absent */
  void *dx, *dweight, *dbias;
} job;

typedef struct sums {
  double dy, product; /* of dy, and of dy (x - mean) */
} sums;

/* With s = 1 / sqrt(var + eps), n elements in a channel:
 *   dbias = sum(dy),  dweight = sum(dy (x - mean)) s
 *   dx = weight s dy,  and in training, where mean and var are functions of x,
 *      + (2 dvar - weight s^3 sum(dy (x - mean))) (x - mean) / n + (dmean - weight s sum(dy)) / n */
#define BACKWARD(S, T) \
  GR_LOOP void sum_##S##_loop(const T *dy, const T *x, int64_t n, double mean, sums *into) { \
    double dys[LANES] = {0}, products[LANES] = {0}; \
    int64_t i = 0; \
    for (; i + LANES <= n; i += LANES) \
      for (int j = 0; j < LANES; j++) { \
        dys[j] += (double)dy[i + j]; \
        products[j] += (double)dy[i + j] * ((double)x[i + j] - mean); \
      } \
    for (int j = 0; i < n; i++, j++) { \
      dys[j] += (double)dy[i]; \
      products[j] += (double)dy[i] * ((double)x[i] - mean); \
    } \
    for (int j = 0; j < LANES; j++) into->dy += dys[j], into->product += products[j]; \
  } \
  GR_CLONES(sum_##S, (const T *dy, const T *x, int64_t n, double mean, sums *into), (dy, x, n, mean, into)) \
  GR_LOOP void combine_##S##_loop(const T *dy, const T *x, int64_t n, const double *by, double mean, T *dx) { \
    const double by_dy = by[0], by_x = by[1], plus = by[2]; \
    GR_IN_STEP \
    for (int64_t i = 0; i < n; i++) dx[i] = (T)((double)dy[i] * by_dy + (((double)x[i] - mean) * by_x + plus)); \
  } \
  GR_CLONES(combine_##S, (const T *dy, const T *x, int64_t n, const double *by, double mean, T *dx), \
            (dy, x, n, by, mean, dx)) \
  static void backward_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const job *b = user; \
    const double n = (double)b->batch * (double)b->inner; \
    (void)worker; \
    for (int64_t c = begin; c < end && b->batch > 0; c++) { \
      const double mean = (double)((const T *)b->mean)[c]; \
      const double s = 1 / sqrt((double)((const T *)b->var)[c] + b->eps); \
      const double weight = b->weight ? (double)((const T *)b->weight)[c] : 1; \
      sums sum = {0, 0}; \
      for (int64_t i = 0; b->dy && i < b->batch; i++) { \
        const int64_t at = (i * b->channels + c) * b->inner; \
        sum_##S[b->isa]((const T *)b->dy + at, (const T *)b->x + at, b->inner, mean, &sum); \
      } \
      if (b->dweight) ((T *)b->dweight)[c] = (T)(sum.product * s); \
      if (b->dbias) ((T *)b->dbias)[c] = (T)sum.dy; \
      const double dmean = b->dmean ? (double)((const T *)b->dmean)[c] : 0, \
                   dvar = b->dvar ? (double)((const T *)b->dvar)[c] : 0; \
      double by[3] = {weight * s, 0, 0}; \
      if (b->training) { \
        by[1] = (2 * dvar - weight * s * s * s * sum.product) / n; \
        by[2] = (dmean - weight * s * sum.dy) / n; \
      } \
      if (!b->dy) by[0] = 0; \
      for (int64_t i = 0; i < b->batch; i++) { \
        const int64_t at = (i * b->channels + c) * b->inner; \
        const T *x = (const T *)b->x + at, *dy = b->dy ? (const T *)b->dy + at : x; \
        combine_##S[b->isa](dy, x, b->inner, by, mean, (T *)b->dx + at); \
      } \
    } \
  }
BACKWARD(f32, float)
BACKWARD(f64, double)

/* Every operand is of one dtype, f32 or f64. */
static graft_status one_float(const gr_kernel_call *k, graft_dtype d) {
  for (uint32_t i = 0; i < k->operand_count; i++)
    if (k->operands[i].data && (k->operands[i].type->dtype != d || (d != GRAFT_F32 && d != GRAFT_F64)))
      return gr_kernel_no_dtype(k, k->operands[i].type->dtype);
  return GRAFT_OK;
}

#define IN(name) k->operands[GR_OPERAND(batch_norm_backward, name)].data
#define OUT(name) k->results[GR_RESULT(batch_norm_backward, name)].data

graft_status gr_kernel_batch_norm_backward(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[GR_OPERAND(batch_norm_backward, x)];
  const graft_status status = one_float(k, x->type->dtype);
  if (status) return status;
  job b = {.isa = k->isa,
           .batch = x->type->dims[0],
           .channels = x->type->dims[1],
           .inner = gr_extent(x->type, 2, x->type->rank),
           .eps = gr_k_float(k, GR_ATTR(batch_norm_backward, eps)),
           .training = gr_k_bool(k, GR_ATTR(batch_norm_backward, training)),
           .dy = IN(dy),
           .x = x->data,
           .weight = IN(weight),
           .mean = IN(batch_mean),
           .var = IN(batch_var),
           .dmean = IN(dbatch_mean),
           .dvar = IN(dbatch_var),
           .dx = OUT(dx),
           .dweight = OUT(dweight),
           .dbias = OUT(dbias)};
  if (b.batch == 0) {
    if (b.dweight) memset(b.dweight, 0, gr_out_bytes(&k->results[GR_RESULT(batch_norm_backward, dweight)]));
    if (b.dbias) memset(b.dbias, 0, gr_out_bytes(&k->results[GR_RESULT(batch_norm_backward, dbias)]));
  }
  const int64_t per_channel = b.batch * b.inner;
  gr_parallel_for(k->threads, b.channels, 16384 / (per_channel + 1) + 1,
                  x->type->dtype == GRAFT_F64 ? backward_f64 : backward_f32, &b);
  return GRAFT_OK;
}

/* y = weight / sqrt(var + eps):  dweight = dy / sqrt(var + eps),  dvar = -dy y / (2 (var + eps));  0 where y became 1
 */
#define SCALE_BACKWARD(S, T, SQRT, FABS, LEAST_NORMAL) \
  static void scale_backward_##S(const gr_kernel_call *k, T eps, bool exact) { \
    const T *dy = k->operands[0].data, *weight = k->operands[1].data, *var = k->operands[2].data; \
    T *dweight = k->results[0].data, *dvar = k->results[1].data; \
    for (int64_t c = 0; c < k->operands[2].count; c++) { \
      const T square = var[c] + eps, root = SQRT(square), y = (weight ? weight[c] : (T)1) / root; \
      const bool is_one = !exact && FABS(y) < LEAST_NORMAL; \
      if (dweight) dweight[c] = is_one ? 0 : dy[c] / root; \
      if (dvar) dvar[c] = is_one ? 0 : -dy[c] * y / (2 * square); \
    } \
  }
SCALE_BACKWARD(f32, float, sqrtf, fabsf, FLT_MIN)
SCALE_BACKWARD(f64, double, sqrt, fabs, DBL_MIN)

graft_status gr_kernel_bn_scale_backward(const gr_kernel_call *k) {
  const graft_dtype dtype = k->operands[GR_OPERAND(bn_scale_backward, running_var)].type->dtype;
  const graft_status status = one_float(k, dtype);
  const double eps = gr_k_float(k, GR_ATTR(bn_scale_backward, eps));
  const bool exact = gr_k_bool(k, GR_ATTR(bn_scale_backward, exact));
  if (status) return status;
  if (dtype == GRAFT_F64)
    scale_backward_f64(k, eps, exact);
  else
    scale_backward_f32(k, (float)eps, exact);
  return GRAFT_OK;
}
