/* fake_quantize_learnable_backward: the gradients of x and of a learned scale and zero point (LSQ, Esser et al. 2020,
 * as PyTorch has it). A sum is one of pieces that are cut by length or by channel, added in their order. */
#include <math.h>

#include "runtime/kernel_impl.h"

enum { GRAIN = 1 << 14 };

#define SLOT(name) GR_OPERAND(fake_quantize_learnable_backward, name)
#define ATTR(name) GR_ATTR(fake_quantize_learnable_backward, name)

typedef struct job {
  const float *dy, *x, *scale;
  const gr_in *zero_point;
  gr_channels channels;
  bool by_channel;
  gr_lsq lsq; /* of all channels alike */
  float *dx;
  double *sums; /* by piece: of the scale's gradient, of the zero point's */
} job;

static gr_lsq lsq_of(const job *j, int64_t channel) {
  const void *z = j->zero_point->data;
  gr_lsq p = j->lsq;
  p.zero_point =
      j->zero_point->type->dtype == GRAFT_I32 ? (float)((const int32_t *)z)[channel] : ((const float *)z)[channel];
  p.scale = p.zero_point == p.zero_point ? j->scale[channel] : p.zero_point; /* NaN shows */
  return p;
}

static void elements_range(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const job *j = user;
  const gr_lsq p = lsq_of(j, 0);
  double *sums = j->sums + 2 * (begin / GRAIN);
  (void)worker;
  gr_lsq_backward(j->x + begin, j->dy + begin, end - begin, &p, j->dx + begin, &sums[0], &sums[1]);
}

static void channels_range(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const job *j = user;
  const gr_channels ch = j->channels;
  (void)worker;
  for (int64_t c = begin; c < end; c++) {
    const gr_lsq p = lsq_of(j, c);
    for (int64_t o = 0; o < ch.outer; o++) {
      const int64_t from = ((c / ch.count * ch.outer + o) * ch.count + c % ch.count) * ch.inner;
      gr_lsq_backward(j->x + from, j->dy + from, ch.inner, &p, j->dx + from, &j->sums[2 * c], &j->sums[2 * c + 1]);
    }
  }
}

static float factor_of(const gr_kernel_call *k, const gr_in *x) {
  const double factor = gr_k_float(k, ATTR(grad_factor));
  if (!gr_k_bool(k, ATTR(use_grad_scaling))) return (float)factor;
  return (float)(factor / sqrt((double)x->count * (double)gr_k_int(k, ATTR(quant_max))));
}

static graft_status begin(const gr_kernel_call *k, job *j) {
  const gr_in *x = &k->operands[SLOT(x)], *scale = &k->operands[SLOT(scale)];
  if (x->type->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, x->type->dtype);
  *j = (job){.dy = k->operands[SLOT(dy)].data,
             .x = x->data,
             .scale = scale->data,
             .zero_point = &k->operands[SLOT(zero_point)],
             .by_channel = !gr_k_none(k, ATTR(axis)),
             .dx = k->results[0].data};
  j->lsq = (gr_lsq){.range = {gr_k_int(k, ATTR(quant_min)), gr_k_int(k, ATTR(quant_max))},
                    .grad_factor = factor_of(k, x),
                    .per_tensor = !j->by_channel && j->zero_point->type->dtype == GRAFT_F32};
  if (!j->by_channel) return GRAFT_OK;
  if (!gr_channels_make(x->type, gr_k_int(k, ATTR(axis)), gr_k_int(k, ATTR(groups)), &j->channels))
    return gr_kernel_error(k, "x has no such channel axis");
  if (scale->count != gr_channels_total(j->channels) || j->zero_point->count != scale->count)
    return gr_kernel_error(k, "%lld scales and %lld zero points for %lld channels", (long long)scale->count,
                           (long long)j->zero_point->count, (long long)gr_channels_total(j->channels));
  return GRAFT_OK;
}

graft_status gr_kernel_fake_quantize_learnable_backward(const gr_kernel_call *k) {
  const int64_t count = k->operands[SLOT(x)].count, scales = k->operands[SLOT(scale)].count;
  float *dscale = k->results[GR_RESULT(fake_quantize_learnable_backward, dscale)].data;
  float *dzero = k->results[GR_RESULT(fake_quantize_learnable_backward, dzero_point)].data;
  job j = {0};
  const graft_status status = begin(k, &j);
  if (status || !j.dx) return status;
  const int64_t pieces = j.by_channel ? scales : (count + GRAIN - 1) / GRAIN;
  j.sums = gr_scratch_alloc(k->scratch, (size_t)(2 * pieces), sizeof *j.sums);
  if (!j.sums) return GRAFT_NO_MEMORY;
  memset(j.sums, 0, (size_t)(2 * pieces) * sizeof *j.sums);
  const bool enabled = gr_k_bool(k, ATTR(enabled));
  if (!enabled)
    memcpy(j.dx, j.dy, (size_t)count * sizeof *j.dx);
  else if (j.by_channel)
    gr_parallel_for(k->threads, pieces, GRAIN / (count / (pieces > 0 ? pieces : 1) + 1) + 1, channels_range, &j);
  else
    gr_parallel_for(k->threads, count, GRAIN, elements_range, &j);
  for (int64_t c = 0; c < scales; c++) {
    double sum[2] = {0, 0};
    for (int64_t i = j.by_channel ? c : 0; i < (j.by_channel ? c + 1 : pieces); i++)
      sum[0] += j.sums[2 * i], sum[1] += j.sums[2 * i + 1];
    if (dscale) dscale[c] = (float)sum[0];
    if (dzero) dzero[c] = (float)sum[1];
  }
  return GRAFT_OK;
}
