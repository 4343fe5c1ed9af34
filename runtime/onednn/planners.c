/* Which ops oneDNN is asked for, and who asks. */
#include "runtime/onednn/onednn_impl.h"

static const gr_dnnl_planner planners[GR_OP_COUNT] = {
    [GR_OP_conv1d] = gr_dnnl_plan_conv,
    [GR_OP_conv2d] = gr_dnnl_plan_conv,
    [GR_OP_conv3d] = gr_dnnl_plan_conv,
    [GR_OP_conv_transpose1d] = gr_dnnl_plan_conv,
    [GR_OP_conv_transpose2d] = gr_dnnl_plan_conv,
    [GR_OP_conv_transpose3d] = gr_dnnl_plan_conv,
    [GR_OP_conv_backward_input] = gr_dnnl_plan_conv_backward,
    [GR_OP_conv_backward_weight] = gr_dnnl_plan_conv_backward,
    [GR_OP_linear] = gr_dnnl_plan_linear,
    [GR_OP_matmul] = gr_dnnl_plan_matmul,
    [GR_OP_avg_pool1d] = gr_dnnl_plan_pool,
    [GR_OP_avg_pool2d] = gr_dnnl_plan_pool,
    [GR_OP_avg_pool3d] = gr_dnnl_plan_pool,
    [GR_OP_adaptive_avg_pool1d] = gr_dnnl_plan_global_average,
    [GR_OP_adaptive_avg_pool2d] = gr_dnnl_plan_global_average,
    [GR_OP_adaptive_avg_pool3d] = gr_dnnl_plan_global_average,
    [GR_OP_mean] = gr_dnnl_plan_global_average,
    [GR_OP_batch_norm] = gr_dnnl_plan_batch_norm,
};

gr_dnnl_planner gr_dnnl_planner_of(uint32_t op) { return op < GR_OP_COUNT ? planners[op] : NULL; }

bool gr_dnnl_fits(const graft_type *t) {
  const int64_t count = t ? graft_type_elements(t) : -1;
  return count > 0 && count <= INT32_MAX;
}

bool gr_dnnl_floats(const gr_kernel_call *k, uint32_t operands) {
  for (uint32_t i = 0; i < k->operand_count && i < operands; i++)
    if (k->operands[i].type && (k->operands[i].type->dtype != GRAFT_F32 || !gr_dnnl_fits(k->operands[i].type)))
      return false;
  return k->results[0].type && k->results[0].type->dtype == GRAFT_F32 && gr_dnnl_fits(k->results[0].type);
}

bool gr_dnnl_spans(int64_t *volume, int64_t extent, int64_t before, int64_t after, int64_t stride) {
  const int64_t most = INT32_MAX / 8, padded = extent + before + after;
  if (padded > most / *volume || stride > most / *volume) return false;
  if (padded > 1) *volume *= padded;
  return true;
}
