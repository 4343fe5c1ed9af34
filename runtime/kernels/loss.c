/* Losses of class scores, and their gradients: nll_loss of log probabilities, cross_entropy_loss of scores, which are
 * turned into log probabilities first. The classes are axis 1 of x (axis 0 where x has but one). */
#include "runtime/functions_impl.h"
#include "runtime/kernel_impl.h"

#include <inttypes.h>
#include <math.h>

#define GRAIN 8192 /* elements read in a piece of work */

typedef struct loss {
  const gr_kernel_call *k;
  int64_t rows, classes, inner; /* before, along and behind the axis of the classes */
  int64_t ignore, reduction;
  double smoothing;       /* this share of the loss is that of all classes alike */
  const void *x, *weight; /* of one dtype */
  const gr_in *target;
  void *log_prob;
  const void *dy, *dlog_prob; /* of gradients: NULL: 0 */
  void *dx;
  double total; /* weight of all positions, where the loss is their mean; else 1 */
} loss;

/* Of scores x, or of what is like them. */
static loss loss_of(const gr_kernel_call *k, const graft_type *x, uint32_t target, uint32_t weight) {
  const int32_t axis = x->rank > 1 ? 1 : 0;
  return (loss){.k = k,
                .rows = gr_extent(x, 0, axis),
                .classes = x->dims[axis],
                .inner = gr_extent(x, axis + 1, x->rank),
                .ignore = gr_k_int(k, GR_ATTR(nll_loss, ignore_index)),
                .reduction = gr_k_int(k, GR_ATTR(nll_loss, reduction)),
                .target = &k->operands[target],
                .weight = k->operands[weight].data,
                .total = 1};
}

static int64_t target_of(const loss *l, int64_t i) {
  return l->target->type->dtype == GRAFT_I32 ? ((const int32_t *)l->target->data)[i]
                                             : ((const int64_t *)l->target->data)[i];
}

/* The class of position i; false: one that is ignored. An error where there is no such class. */
static bool class_of(const loss *l, int64_t i, int64_t *class, graft_status *status) {
  *class = target_of(l, i);
  if (*class == l->ignore) return false;
  if (*class >= 0 && *class < l->classes) return true;
  if (*status == GRAFT_OK)
    *status = gr_kernel_error(l->k, "entry %" PRId64 " of target is %" PRId64 ", of %" PRId64 " classes", i, *class,
                              l->classes);
  return false;
}

#define LOSS(T, S, EXP) \
  /* -sum(weight * x) of the classes of position i, whose first one is x[0] */ \
  static double of_all_##S(const loss *l, const T *x) { \
    const T *by = l->weight; \
    double sum = 0; \
    for (int64_t c = 0; c < l->classes; c++) sum -= (by ? (double)by[c] : 1) * (double)x[c * l->inner]; \
    return sum; \
  } \
  /* -weight[class] * x[class] at each position, or their sum or mean by weight. */ \
  static graft_status nll_##S(const loss *l, T *y) { \
    const T *x = l->x, *by = l->weight; \
    double sum = 0, weights = 0; \
    graft_status status = GRAFT_OK; \
    for (int64_t i = 0; i < l->rows * l->inner; i++) { \
      int64_t class; \
      const bool counts = class_of(l, i, &class, &status); \
      if (status != GRAFT_OK) return status; \
      const double weight = !counts ? 0 : by ? (double)by[class] : 1; \
      const T *at = x + i / l->inner * l->classes * l->inner + i % l->inner; \
      double each = counts ? -weight * (double)at[class * l->inner] : 0; \
      if (counts && l->smoothing > 0) \
        each = (1 - l->smoothing) * each + l->smoothing / (double)l->classes * of_all_##S(l, at); \
      if (l->reduction == GR_loss_reduction_none) y[i] = (T)each; \
      sum += each; \
      weights += weight; \
    } \
    if (l->reduction != GR_loss_reduction_none) \
      *y = (T)(l->reduction == GR_loss_reduction_mean ? sum / weights : sum); \
    return GRAFT_OK; \
  } \
  /* The weight of all positions; an error where one of them has no class. */ \
  static graft_status weigh_##S(const loss *l, double *total) { \
    const T *by = l->weight; \
    double weights = 0; \
    graft_status status = GRAFT_OK; \
    for (int64_t i = 0; i < l->rows * l->inner; i++) { \
      int64_t class; \
      if (class_of(l, i, &class, &status)) weights += by ? (double)by[class] : 1; \
      if (status != GRAFT_OK) return status; \
    } \
    if (l->reduction == GR_loss_reduction_mean) *total = weights; \
    return GRAFT_OK; \
  } \
  /* What flows to the loss of position i. */ \
  static double flow_##S(const loss *l, int64_t i) { \
    const T *dy = l->dy; \
    return !dy ? 0 : (double)dy[l->reduction == GR_loss_reduction_none ? i : 0] / l->total; \
  } \
  static void nll_backward_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const loss *l = user; \
    const T *by = l->weight; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) { \
      const int64_t class = target_of(l, i); \
      T *dx = (T *)l->dx + i / l->inner * l->classes * l->inner + i % l->inner; \
      for (int64_t c = 0; c < l->classes; c++) dx[c * l->inner] = 0; \
      if (class != l->ignore) dx[class * l->inner] = (T)(-flow_##S(l, i) * (by ? (double)by[class] : 1)); \
    } \
  } \
  /* g flows to the log probabilities, and dx = g - exp(log_prob) sum(g) */ \
  static void cross_entropy_backward_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const loss *l = user; \
    const T *by = l->weight; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) { \
      const int64_t class = target_of(l, i), at = i / l->inner * l->classes * l->inner + i % l->inner; \
      const T *log_prob = (const T *)l->x + at, *more = l->dlog_prob ? (const T *)l->dlog_prob + at : NULL; \
      T *dx = (T *)l->dx + at; \
      const double dy = class != l->ignore ? flow_##S(l, i) : 0, all = dy * l->smoothing / (double)l->classes; \
      double sum = 0; \
      for (int pass = 0; pass < 2; pass++) \
        for (int64_t c = 0; c < l->classes; c++) { \
          const double weight = by ? (double)by[c] : 1, share = c == class ? dy * (1 - l->smoothing) : 0; \
          const double g = (more ? (double)more[c * l->inner] : 0) - weight * (share + all); \
          if (pass == 0) \
            sum += g; \
          else \
            dx[c * l->inner] = (T)(g - (double)EXP(log_prob[c * l->inner]) * sum); \
        } \
    } \
  } \
  static void log_prob_##S(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const loss *l = user; \
    (void)worker; \
    for (int64_t i = begin; i < end; i++) { \
      const int64_t at = i / l->inner * l->classes * l->inner + i % l->inner; \
      const T *x = (const T *)l->x + at; \
      T *y = (T *)l->log_prob + at, max = -(T)INFINITY; \
      double sum = 0; \
      for (int64_t c = 0; c < l->classes; c++) max = x[c * l->inner] > max ? x[c * l->inner] : max; \
      for (int64_t c = 0; c < l->classes; c++) sum += (double)EXP(x[c * l->inner] - max); \
      for (int64_t c = 0; c < l->classes; c++) \
        y[c * l->inner] = (T)((double)x[c * l->inner] - (double)max - log(sum)); \
    } \
  }
LOSS(float, f32, gr_exp_f32)
LOSS(double, f64, exp)

static graft_status nll(const loss *l) {
  switch (l->k->operands[0].type->dtype) {
  case GRAFT_F32: return nll_f32(l, l->k->results[0].data);
  case GRAFT_F64: return nll_f64(l, l->k->results[0].data);
  default: return gr_kernel_no_dtype(l->k, l->k->operands[0].type->dtype);
  }
}

/* Positions in a piece of work. */
static int64_t grain_of(const loss *l) { return l->classes < GRAIN ? GRAIN / (l->classes > 0 ? l->classes : 1) : 1; }

graft_status gr_kernel_nll_loss(const gr_kernel_call *k) {
  loss l = loss_of(k, k->operands[0].type, GR_OPERAND(nll_loss, target), GR_OPERAND(nll_loss, weight));
  l.x = k->operands[GR_OPERAND(nll_loss, x)].data;
  return nll(&l);
}

GR_SAME_OPERAND(target, nll_loss, cross_entropy_loss);
GR_SAME_OPERAND(weight, nll_loss, cross_entropy_loss);
#define SAME_ATTRS(op) \
  GR_SAME_ATTR(reduction, nll_loss, op); \
  GR_SAME_ATTR(ignore_index, nll_loss, op)
SAME_ATTRS(cross_entropy_loss);
SAME_ATTRS(nll_loss_backward);
SAME_ATTRS(cross_entropy_loss_backward);

graft_status gr_kernel_cross_entropy_loss(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  loss l = loss_of(k, x->type, GR_OPERAND(nll_loss, target), GR_OPERAND(nll_loss, weight));
  l.x = x->data;
  l.smoothing = gr_k_float(k, GR_ATTR(cross_entropy_loss, label_smoothing));
  l.log_prob = k->results[GR_RESULT(cross_entropy_loss, log_prob)].data;
  if (!l.log_prob) l.log_prob = gr_scratch_alloc(k->scratch, (size_t)x->count, graft_dtype_size(x->type->dtype));
  if (!l.log_prob) return GRAFT_NO_MEMORY;
  gr_parallel_for(k->threads, l.rows * l.inner, grain_of(&l), x->type->dtype == GRAFT_F32 ? log_prob_f32 : log_prob_f64,
                  &l);
  l.x = l.log_prob;
  return nll(&l);
}

static graft_status run_backward(loss *l, gr_range_function f32, gr_range_function f64) {
  const graft_dtype dtype = l->k->results[0].type->dtype;
  if (dtype != GRAFT_F32 && dtype != GRAFT_F64) return gr_kernel_no_dtype(l->k, dtype);
  const graft_status status = dtype == GRAFT_F32 ? weigh_f32(l, &l->total) : weigh_f64(l, &l->total);
  if (status) return status;
  l->dx = l->k->results[0].data;
  gr_parallel_for(l->k->threads, l->rows * l->inner, grain_of(l), dtype == GRAFT_F32 ? f32 : f64, l);
  return GRAFT_OK;
}

graft_status gr_kernel_nll_loss_backward(const gr_kernel_call *k) {
  loss l = loss_of(k, k->results[0].type, GR_OPERAND(nll_loss_backward, target), GR_OPERAND(nll_loss_backward, weight));
  l.dy = k->operands[GR_OPERAND(nll_loss_backward, dy)].data;
  return run_backward(&l, nll_backward_f32, nll_backward_f64);
}

#define OPERAND(name) GR_OPERAND(cross_entropy_loss_backward, name)

graft_status gr_kernel_cross_entropy_loss_backward(const gr_kernel_call *k) {
  loss l = loss_of(k, k->results[0].type, OPERAND(target), OPERAND(weight));
  l.x = k->operands[OPERAND(log_prob)].data;
  l.dy = k->operands[OPERAND(dy)].data;
  l.dlog_prob = k->operands[OPERAND(dlog_prob)].data;
  l.smoothing = gr_k_float(k, GR_ATTR(cross_entropy_loss_backward, label_smoothing));
  return run_backward(&l, cross_entropy_backward_f32, cross_entropy_backward_f64);
}
