/* Optimizers: a step of one tensor, element by element, as torch.optim computes it: what depends on hyperparameters
 * alone in double, elements in their own type. */
#include "runtime/functions_impl.h"
#include "runtime/kernel_impl.h"

#include <math.h>

#define GRAIN 16384

typedef struct optimizer {
  const void *weight, *grad, *from[3];
  void *to, *next[3];
  double clip, lr, decay, momentum, keep, beta1, beta2, size, root, eps; /* keep: 1 - dampening */
  bool first, decoupled, most;
} optimizer;

#define T float
#define OF(name) name##_f32_loop
#define SQRT sqrtf
#include "runtime/kernels/optimizer.inc"
#undef T
#undef OF
#undef SQRT
#define T double
#define OF(name) name##_f64_loop
#define SQRT sqrt
#include "runtime/kernels/optimizer.inc"
#undef T
#undef OF
#undef SQRT

#define CLONES(name) \
  GR_CLONES(name##_f32, (void *user, int64_t begin, int64_t end, uint32_t worker), (user, begin, end, worker)) \
  GR_CLONES(name##_f64, (void *user, int64_t begin, int64_t end, uint32_t worker), (user, begin, end, worker))
CLONES(sgd)
CLONES(momentum)
CLONES(nesterov)
CLONES(adam)

GR_SAME_OPERAND(lr, sgd, adam);
GR_SAME_OPERAND(step, sgd, adam);
GR_SAME_OPERAND(clip, sgd, adam);
GR_SAME_OPERAND(exp_avg, adam, adamw);
GR_SAME_ATTR(amsgrad, adam, adamw);

static optimizer begin(const gr_kernel_call *k, uint32_t states) {
  optimizer o = {.weight = k->operands[GR_OPERAND(sgd, weight)].data,
                 .grad = k->operands[GR_OPERAND(sgd, grad)].data,
                 .to = k->results[0].data,
                 .lr = (double)*(const float *)k->operands[GR_OPERAND(sgd, lr)].data,
                 .first = *(const int64_t *)k->operands[GR_OPERAND(sgd, step)].data == 0,
                 .clip = 1};
  const float *clip = k->operands[GR_OPERAND(sgd, clip)].data;
  if (clip) o.clip = (double)*clip;
  for (uint32_t i = 0; i < 3; i++) {
    const bool there = i < k->result_count - 1;
    o.from[i] = there ? k->operands[states + i].data : NULL;
    o.next[i] = there ? k->results[1 + i].data : NULL;
  }
  return o;
}

/* NaN stays. */
#define KEEP_ABOVE(T) \
  do { \
    T *y = k->results[0].data; \
    for (int64_t i = 0; i < k->results[0].count; i++) y[i] = y[i] < (T)least ? (T)least : y[i]; \
  } while (0)
static void keep_above(const gr_kernel_call *k, double least) {
  if (k->operands[0].type->dtype == GRAFT_F32)
    KEEP_ABOVE(float);
  else
    KEEP_ABOVE(double);
}

GR_SAME_ATTR(least, adam, adamw);

static graft_status run(const gr_kernel_call *k, optimizer *o, const gr_range_function *f32,
                        const gr_range_function *f64) {
  const graft_dtype d = k->operands[0].type->dtype;
  if (d != GRAFT_F32 && d != GRAFT_F64) return gr_kernel_no_dtype(k, d);
  if (!(o->lr >= 0) || !isfinite(o->lr)) return gr_kernel_error(k, "the learning rate is %g", o->lr);
  gr_parallel_for(k->threads, k->results[0].count, GRAIN, (d == GRAFT_F32 ? f32 : f64)[k->isa], o);
  const double least = gr_k_float(k, k->op == GR_OP_sgd ? GR_ATTR(sgd, least) : GR_ATTR(adam, least));
  if (least > -INFINITY) keep_above(k, least);
  return GRAFT_OK;
}

graft_status gr_kernel_sgd(const gr_kernel_call *k) {
  optimizer o = begin(k, GR_OPERAND(sgd, momentum_buffer));
  o.momentum = gr_k_float(k, GR_ATTR(sgd, momentum));
  o.keep = 1 - gr_k_float(k, GR_ATTR(sgd, dampening));
  o.decay = gr_k_float(k, GR_ATTR(sgd, weight_decay));
  if (!o.next[0]) return run(k, &o, sgd_f32, sgd_f64);
  if (gr_k_bool(k, GR_ATTR(sgd, nesterov))) return run(k, &o, nesterov_f32, nesterov_f64);
  return run(k, &o, momentum_f32, momentum_f64);
}

graft_status gr_kernel_adam(const gr_kernel_call *k) {
  optimizer o = begin(k, GR_OPERAND(adam, exp_avg));
  const double t = (double)*(const int64_t *)k->operands[GR_OPERAND(adam, step)].data + 1;
  o.beta1 = gr_k_float(k, GR_ATTR(adam, beta1));
  o.beta2 = gr_k_float(k, GR_ATTR(adam, beta2));
  o.eps = gr_k_float(k, GR_ATTR(adam, eps));
  o.decay = gr_k_float(k, GR_ATTR(adam, weight_decay));
  o.most = gr_k_bool(k, GR_ATTR(adam, amsgrad));
  o.decoupled = k->op == GR_OP_adamw;
  o.size = o.lr / (1 - pow(o.beta1, t));
  o.root = sqrt(1 - pow(o.beta2, t));
  return run(k, &o, adam_f32, adam_f64);
}

/* ---- the norm of all gradients ---- */

static double square_sum(const gr_in *x) {
  double lanes[8] = {0};
  for (int64_t i = 0; i < x->count; i++) {
    const double e = x->type->dtype == GRAFT_F64 ? ((const double *)x->data)[i] : (double)((const float *)x->data)[i];
    lanes[i & 7] += e * e;
  }
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

typedef struct norms {
  const gr_in *all;
  double *squares;
} norms;

static void each_square_sum(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const norms *n = user;
  (void)worker;
  for (int64_t i = begin; i < end; i++) n->squares[i] = square_sum(&n->all[i]);
}

graft_status gr_kernel_clip_grad_norm(const gr_kernel_call *k) {
  norms n = {k->operands, gr_scratch_alloc(k->scratch, k->operand_count, sizeof(double))};
  double sum = 0;
  if (!n.squares) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < k->operand_count; i++)
    if (k->operands[i].type->dtype != GRAFT_F32 && k->operands[i].type->dtype != GRAFT_F64)
      return gr_kernel_no_dtype(k, k->operands[i].type->dtype);
  gr_parallel_for(k->threads, k->operand_count, 1, each_square_sum, &n);
  for (uint32_t i = 0; i < k->operand_count; i++) sum += n.squares[i];
  const double scale = gr_k_float(k, GR_ATTR(clip_grad_norm, max_norm)) / (sqrt(sum) + 1e-6);
  *(float *)k->results[0].data = scale < 1 || isnan(scale) ? (float)scale : 1.0f;
  return GRAFT_OK;
}
