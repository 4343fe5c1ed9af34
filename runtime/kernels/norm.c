/* batch_norm and graft's own ops around it: bn_scale, bn_shift, channel. */
#include <string.h>

#include "runtime/kernel_impl.h"
#include "runtime/quant_int.h"

typedef struct bn_job {
  gr_isa isa;
  gr_batch_norm bn;
  graft_dtype dtype;
  const void *x;
  void *y;
} bn_job;

static void bn_range(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const bn_job *job = user;
  (void)worker;
  gr_batch_norm_run(job->isa, job->dtype, &job->bn, job->x, job->y, begin, end);
}

/* Every float operand is of the results' dtype, f32 or f64. */
static graft_status one_float(const gr_kernel_call *k, uint32_t operands) {
  const graft_dtype d = k->results[0].type->dtype;
  for (uint32_t i = 0; i < operands; i++)
    if (k->operands[i].data && (k->operands[i].type->dtype != d || (d != GRAFT_F32 && d != GRAFT_F64)))
      return gr_kernel_no_dtype(k, k->operands[i].type->dtype);
  return GRAFT_OK;
}

graft_status gr_kernel_batch_norm(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0], *tracked = &k->operands[5];
  graft_status status = one_float(k, 5);
  if (status) return status;
  bool training = gr_k_bool(k, GR_ATTR(batch_norm, training)),
       cumulative = gr_k_none(k, GR_ATTR(batch_norm, momentum)) || gr_k_bool(k, GR_ATTR(batch_norm, cumulative));
  int64_t before = tracked->data ? *(const int64_t *)tracked->data : 0, after = before;
  bn_job job = {.isa = k->isa,
                .dtype = x->type->dtype,
                .bn = {.batch = x->type->dims[0],
                       .channels = x->type->dims[1],
                       .inner = gr_extent(x->type, 2, x->type->rank),
                       .eps = gr_k_float(k, GR_ATTR(batch_norm, eps)),
                       .unbiased = gr_k_bool(k, GR_ATTR(batch_norm, unbiased)),
                       .weight = k->operands[1].data,
                       .bias = k->operands[2].data,
                       .running_mean = k->operands[3].data,
                       .running_var = k->operands[4].data,
                       .next_mean = k->results[GR_RESULT(batch_norm, mean)].data,
                       .next_var = k->results[GR_RESULT(batch_norm, var)].data,
                       .used_mean = k->results[GR_RESULT(batch_norm, batch_mean)].data,
                       .used_var = k->results[GR_RESULT(batch_norm, batch_var)].data},
                .x = x->data,
                .y = k->results[0].data};
  bool has_statistics = job.bn.running_mean && job.bn.running_var;
  job.bn.batch_statistics = training || !has_statistics;
  if (!has_statistics && (job.bn.next_mean || job.bn.next_var))
    return gr_kernel_error(k, "updated statistics are asked for, but there is no running mean and variance");
  if (job.bn.batch_statistics && job.bn.batch * job.bn.inner < 2)
    return gr_kernel_error(k, "batch statistics need more than one value a channel, there is %lld",
                           (long long)(job.bn.batch * job.bn.inner));
  if (training && tracked->data) after = before < INT64_MAX ? before + 1 : before;
  if (training && has_statistics && cumulative && !tracked->data)
    return gr_kernel_error(
        k, "momentum none, or cumulative, is an average over all batches and needs num_batches_tracked");
  job.bn.factor = cumulative ? (after > 0 ? 1.0 / (double)after : 1.0) : gr_k_float(k, GR_ATTR(batch_norm, momentum));
  if (!training) job.bn.factor = 0.0;
  int64_t per_channel = job.bn.batch * job.bn.inner, grain = per_channel > 0 ? 16384 / per_channel + 1 : 1;
  gr_parallel_for(k->threads, job.bn.channels, grain, bn_range, &job);
  if (k->results[3].data) {
    if (!tracked->data) return gr_kernel_error(k, "the next count is asked for, but there is no num_batches_tracked");
    *(int64_t *)k->results[3].data = after;
  }
  return GRAFT_OK;
}

graft_status gr_kernel_bn_scale(const gr_kernel_call *k) {
  graft_status status = one_float(k, 2);
  if (status) return status;
  gr_bn_scale(k->results[0].type->dtype, k->operands[0].data, k->operands[1].data, k->operands[1].count,
              gr_k_float(k, GR_ATTR(bn_scale, eps)), gr_k_bool(k, GR_ATTR(bn_scale, exact)), k->results[0].data);
  return GRAFT_OK;
}

graft_status gr_kernel_bn_shift(const gr_kernel_call *k) {
  graft_status status = one_float(k, 4);
  if (status) return status;
  gr_bn_shift(k->results[0].type->dtype, k->operands[0].data, k->operands[1].data, k->operands[2].data,
              k->operands[3].data, k->operands[1].count, k->results[0].data);
  return GRAFT_OK;
}

/* Entry g * (n / groups) + j stands at column j of the rows of part g; with one group the bytes stay as they are. */
graft_status gr_kernel_channel(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  const gr_out *y = &k->results[0];
  int64_t groups = gr_k_int(k, GR_ATTR(channel, groups));
  if (groups == 1) {
    memcpy(y->data, x->data, gr_in_bytes(x));
    return GRAFT_OK;
  }
  size_t size = graft_dtype_size(x->type->dtype);
  int64_t rows = y->type->dims[0], columns = x->count / groups;
  for (int64_t i = 0; i < rows; i++) {
    const char *from = (const char *)x->data + (size_t)(i / (rows / groups) * columns) * size;
    memcpy((char *)y->data + (size_t)(i * columns) * size, from, (size_t)columns * size);
  }
  return GRAFT_OK;
}
