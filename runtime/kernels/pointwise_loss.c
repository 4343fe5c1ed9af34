/* Losses of numbers, element by element, and their gradients: mse_loss, l1_loss, binary_cross_entropy_with_logits.
 * Computed in double. A sum is one of pieces that are cut by length alone, added in their order. */
#include "runtime/kernel_impl.h"

#include <math.h>

enum { GRAIN = 1 << 13 };

typedef struct operand {
  const void *data; /* NULL: 1 everywhere */
  bool whole;       /* an element for each of x */
  int64_t strides[GRAFT_MAX_RANK];
} operand;

typedef enum loss_kind { MSE, L1, BCE } loss_kind;

typedef struct job {
  loss_kind kind;
  graft_dtype dtype;
  const graft_type *type; /* of x */
  int64_t count;
  const void *x, *target;
  operand weight, pos_weight; /* of BCE */
  void *y;                    /* one each, or NULL: pieces */
  double *pieces;
  const void *dy; /* of a gradient, which `y` is: one each, or one */
  bool dy_whole;
  double share; /* what dy is divided by */
} job;

static double at(const void *data, graft_dtype dtype, int64_t i) {
  return dtype == GRAFT_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

static double factor(const job *j, const operand *o, int64_t i) {
  if (!o->data) return 1;
  if (o->whole) return at(o->data, j->dtype, i);
  int64_t offset = 0;
  for (int32_t axis = j->type->rank; axis-- > 0; i /= j->type->dims[axis])
    offset += i % j->type->dims[axis] * o->strides[axis];
  return at(o->data, j->dtype, offset);
}

/* log(1 + exp(-x)) */
static double softplus_of_minus(double x) { return log1p(exp(-fabs(x))) + (x < 0 ? -x : 0); }

static double loss_at(const job *j, int64_t i) {
  const double x = at(j->x, j->dtype, i), t = at(j->target, j->dtype, i);
  if (j->kind == MSE) return (x - t) * (x - t);
  if (j->kind == L1) return fabs(x - t);
  const double positive = 1 + (factor(j, &j->pos_weight, i) - 1) * t;
  return factor(j, &j->weight, i) * ((1 - t) * x + positive * softplus_of_minus(x));
}

static double slope_at(const job *j, int64_t i) {
  const double x = at(j->x, j->dtype, i), t = at(j->target, j->dtype, i);
  if (j->kind == MSE) return 2 * (x - t);
  if (j->kind == L1) return x > t ? 1 : x < t ? -1 : x - t; /* 0, or NaN */
  const double positive = 1 + (factor(j, &j->pos_weight, i) - 1) * t;
  return factor(j, &j->weight, i) * ((1 - t) - positive / (1 + exp(x)));
}

static void put(const job *j, int64_t i, double v) {
  if (j->dtype == GRAFT_F64)
    ((double *)j->y)[i] = v;
  else
    ((float *)j->y)[i] = (float)v;
}

static void forward(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const job *j = user;
  double sum = 0;
  (void)worker;
  for (int64_t i = begin; i < end; i++) {
    const double each = loss_at(j, i);
    if (!j->pieces) put(j, i, each);
    sum += each;
  }
  if (j->pieces) j->pieces[begin / GRAIN] = sum;
}

static void backward(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const job *j = user;
  (void)worker;
  for (int64_t i = begin; i < end; i++) put(j, i, slope_at(j, i) * at(j->dy, j->dtype, j->dy_whole ? i : 0) / j->share);
}

/* Broadcast to x. */
static operand operand_of(const gr_in *in, const graft_type *x) {
  operand o = {.data = in->data};
  int64_t next = 1;
  if (!in->data) return o;
  o.whole = in->type->rank == x->rank && gr_same_shape(in->type, x);
  for (int32_t i = 1; i <= in->type->rank; i++) {
    const int64_t n = in->type->dims[in->type->rank - i];
    o.strides[x->rank - i] = n == 1 ? 0 : next;
    next *= n;
  }
  return o;
}

/* `first`: the slot of x, behind which are the others. */
static graft_status begin(const gr_kernel_call *k, loss_kind kind, uint32_t first, job *j) {
  const gr_in *x = &k->operands[first];
  *j = (job){.kind = kind,
             .dtype = x->type->dtype,
             .type = x->type,
             .count = x->count,
             .x = x->data,
             .target = k->operands[first + 1].data,
             .y = k->results[0].data,
             .share = 1};
  if (j->dtype != GRAFT_F32 && j->dtype != GRAFT_F64) return gr_kernel_no_dtype(k, j->dtype);
  if (kind == BCE) {
    j->weight = operand_of(&k->operands[first + 2], x->type);
    j->pos_weight = operand_of(&k->operands[first + 3], x->type);
  }
  return GRAFT_OK;
}

GR_SAME_ATTR(reduction, mse_loss, l1_loss);
GR_SAME_ATTR(reduction, mse_loss, binary_cross_entropy_with_logits);
GR_SAME_ATTR(reduction, mse_loss, mse_loss_backward);
GR_SAME_ATTR(reduction, mse_loss, l1_loss_backward);
GR_SAME_ATTR(reduction, mse_loss, binary_cross_entropy_with_logits_backward);

static graft_status run(const gr_kernel_call *k, loss_kind kind) {
  const int64_t reduction = gr_k_int(k, GR_ATTR(mse_loss, reduction));
  job j;
  const graft_status status = begin(k, kind, GR_OPERAND(mse_loss, x), &j);
  if (status) return status;
  const int64_t pieces = (j.count + GRAIN - 1) / GRAIN;
  if (reduction != GR_loss_reduction_none) {
    j.pieces = gr_scratch_alloc(k->scratch, (size_t)pieces, sizeof *j.pieces);
    if (!j.pieces) return GRAFT_NO_MEMORY;
  }
  gr_parallel_for(k->threads, j.count, GRAIN, forward, &j);
  double sum = 0;
  if (!j.pieces) return GRAFT_OK;
  for (int64_t i = 0; i < pieces; i++) sum += j.pieces[i];
  put(&j, 0, reduction == GR_loss_reduction_mean ? sum / (double)j.count : sum);
  return GRAFT_OK;
}

static graft_status run_backward(const gr_kernel_call *k, loss_kind kind) {
  const int64_t reduction = gr_k_int(k, GR_ATTR(mse_loss, reduction));
  job j;
  const graft_status status = begin(k, kind, GR_OPERAND(mse_loss_backward, x), &j);
  if (status) return status;
  j.dy = k->operands[GR_OPERAND(mse_loss_backward, dy)].data;
  j.dy_whole = reduction == GR_loss_reduction_none;
  if (reduction == GR_loss_reduction_mean) j.share = (double)j.count;
  gr_parallel_for(k->threads, j.count, GRAIN, backward, &j);
  return GRAFT_OK;
}

graft_status gr_kernel_mse_loss(const gr_kernel_call *k) { return run(k, MSE); }
graft_status gr_kernel_l1_loss(const gr_kernel_call *k) { return run(k, L1); }
graft_status gr_kernel_binary_cross_entropy_with_logits(const gr_kernel_call *k) { return run(k, BCE); }
graft_status gr_kernel_mse_loss_backward(const gr_kernel_call *k) { return run_backward(k, MSE); }
graft_status gr_kernel_l1_loss_backward(const gr_kernel_call *k) { return run_backward(k, L1); }
graft_status gr_kernel_binary_cross_entropy_with_logits_backward(const gr_kernel_call *k) {
  return run_backward(k, BCE);
}
