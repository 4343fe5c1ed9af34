/* Losses of class scores: nll_loss of log probabilities, cross_entropy_loss of scores, which are turned into log
 * probabilities first. The classes are axis 1 of x (axis 0 where x has but one). */
#include "runtime/functions_impl.h"
#include "runtime/kernel_impl.h"

#include <inttypes.h>
#include <math.h>

#define GRAIN 8192 /* elements read in a piece of work */

typedef struct loss {
  const gr_kernel_call *k;
  int64_t rows, classes, inner; /* before, along and behind the axis of the classes */
  int64_t ignore;
  const void *x, *weight;
  void *log_prob;
} loss;

static loss loss_of(const gr_kernel_call *k, int64_t ignore) {
  const graft_type *x = k->operands[GR_OPERAND(nll_loss, x)].type;
  const int32_t axis = x->rank > 1 ? 1 : 0;
  return (loss){.k = k,
                .rows = gr_extent(x, 0, axis),
                .classes = x->dims[axis],
                .inner = gr_extent(x, axis + 1, x->rank),
                .ignore = ignore,
                .x = k->operands[GR_OPERAND(nll_loss, x)].data,
                .weight = k->operands[GR_OPERAND(nll_loss, weight)].data};
}

/* The class of position i; false: one that is ignored. An error where there is no such class. */
static bool class_of(const loss *l, int64_t i, int64_t *class, graft_status *status) {
  const gr_in *target = &l->k->operands[GR_OPERAND(nll_loss, target)];
  *class = target->type->dtype == GRAFT_I32 ? ((const int32_t *)target->data)[i] : ((const int64_t *)target->data)[i];
  if (*class == l->ignore) return false;
  if (*class >= 0 && *class < l->classes) return true;
  if (*status == GRAFT_OK)
    *status = gr_kernel_error(l->k, "entry %" PRId64 " of target is %" PRId64 ", of %" PRId64 " classes", i, *class,
                              l->classes);
  return false;
}

#define LOSS(T, S, EXP) \
  /* -weight[class] * x[class] at each position, or their sum or mean by weight. */ \
  static graft_status nll_##S(const loss *l, int64_t reduction, T *y) { \
    const T *x = l->x, *by = l->weight; \
    double sum = 0, weights = 0; \
    graft_status status = GRAFT_OK; \
    for (int64_t i = 0; i < l->rows * l->inner; i++) { \
      int64_t class; \
      const bool counts = class_of(l, i, &class, &status); \
      if (status != GRAFT_OK) return status; \
      const double weight = !counts ? 0 : by ? (double)by[class] : 1; \
      const int64_t at = counts ? (i / l->inner * l->classes + class) * l->inner + i % l->inner : 0; \
      const double each = counts ? -weight * (double)x[at] : 0; \
      if (reduction == GR_loss_reduction_none) y[i] = (T)each; \
      sum += each; \
      weights += weight; \
    } \
    if (reduction != GR_loss_reduction_none) *y = (T)(reduction == GR_loss_reduction_mean ? sum / weights : sum); \
    return GRAFT_OK; \
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

static graft_status nll(const loss *l, int64_t reduction) {
  switch (l->k->operands[0].type->dtype) {
  case GRAFT_F32: return nll_f32(l, reduction, l->k->results[0].data);
  case GRAFT_F64: return nll_f64(l, reduction, l->k->results[0].data);
  default: return gr_kernel_no_dtype(l->k, l->k->operands[0].type->dtype);
  }
}

graft_status gr_kernel_nll_loss(const gr_kernel_call *k) {
  const loss l = loss_of(k, gr_k_int(k, GR_ATTR(nll_loss, ignore_index)));
  return nll(&l, gr_k_int(k, GR_ATTR(nll_loss, reduction)));
}

GR_SAME_OPERAND(target, nll_loss, cross_entropy_loss);
GR_SAME_OPERAND(weight, nll_loss, cross_entropy_loss);

graft_status gr_kernel_cross_entropy_loss(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  loss l = loss_of(k, gr_k_int(k, GR_ATTR(cross_entropy_loss, ignore_index)));
  const gr_range_function function = x->type->dtype == GRAFT_F32 ? log_prob_f32 : log_prob_f64;
  const int64_t grain = l.classes < GRAIN ? GRAIN / (l.classes > 0 ? l.classes : 1) : 1;
  l.log_prob = k->results[GR_RESULT(cross_entropy_loss, log_prob)].data;
  if (!l.log_prob) l.log_prob = gr_scratch_alloc(k->scratch, (size_t)x->count, graft_dtype_size(x->type->dtype));
  if (!l.log_prob) return GRAFT_NO_MEMORY;
  gr_parallel_for(k->threads, l.rows * l.inner, grain, function, &l);
  l.x = l.log_prob;
  return nll(&l, gr_k_int(k, GR_ATTR(cross_entropy_loss, reduction)));
}
