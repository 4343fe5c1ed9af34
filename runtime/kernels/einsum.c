/* einsum in general: a loop for each label. The ONNX reader makes matrix products of those that are. */
#include "ir/infer/einsum_int.h"
#include "runtime/kernel_impl.h"

typedef struct loop {
  int64_t extent, stride[GR_EINSUM_OPERANDS]; /* in elements; 0 along an axis of 1, or of none */
} loop;

typedef struct plan {
  const gr_kernel_call *k;
  uint32_t operands;
  loop out[GRAFT_MAX_RANK], sum[GR_EINSUM_LABELS];
  int32_t out_count, sum_count;
} plan;

/* Floats add up in double, so that the order of the loops does not show. */
#define EINSUM(D, T, A) \
  static A add_up_##D(const plan *p, int32_t level, const int64_t *at) { \
    if (level == p->sum_count) { \
      A product = 1; \
      for (uint32_t i = 0; i < p->operands; i++) { \
        const A factor = (A)((const T *)p->k->operands[i].data)[at[i]]; \
        product *= factor; \
      } \
      return product; \
    } \
    A sum = 0; \
    int64_t here[GR_EINSUM_OPERANDS]; \
    memcpy(here, at, p->operands * sizeof *here); \
    for (int64_t n = 0; n < p->sum[level].extent; n++) { \
      sum += add_up_##D(p, level + 1, here); \
      for (uint32_t i = 0; i < p->operands; i++) here[i] += p->sum[level].stride[i]; \
    } \
    return sum; \
  } \
  static void run_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const plan *p = user; \
    (void)worker; \
    for (int64_t n = begin; n < end && !gr_cancelled(p->k->context); n++) { \
      int64_t at[GR_EINSUM_OPERANDS] = {0}, rest = n; \
      for (int32_t d = p->out_count; d-- > 0; rest /= p->out[d].extent) \
        for (uint32_t i = 0; i < p->operands; i++) at[i] += rest % p->out[d].extent * p->out[d].stride[i]; \
      ((T *)p->k->results[0].data)[n] = (T)add_up_##D(p, 0, at); \
    } \
  }
#define DTYPE(D, T, U) EINSUM(D, T, U)
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
EINSUM(F32, float, double)
EINSUM(F64, double, double)

graft_status gr_kernel_einsum(const gr_kernel_call *k) {
  const gr_out *y = &k->results[0];
  static const gr_range_function runs[GRAFT_DTYPE_COUNT] = {
      GR_INTEGERS(run), [GRAFT_F32] = run_F32, [GRAFT_F64] = run_F64};
  const gr_range_function run = runs[y->type->dtype];
  if (!run) return gr_kernel_no_dtype(k, y->type->dtype);
  gr_einsum e;
  char message[160];
  int64_t extents[GR_EINSUM_LABELS];
  int32_t ellipsis;
  uint8_t labels[GRAFT_MAX_RANK], of_result[GRAFT_MAX_RANK];
  const graft_type *types[GR_EINSUM_OPERANDS];
  const char *equation = gr_string_text(k->module, (uint32_t)gr_k_int(k, GR_ATTR(einsum, equation)));
  if (!gr_einsum_parse(equation, &e, message, sizeof message)) return gr_kernel_error(k, "%s", message);
  for (uint32_t i = 0; i < e.count; i++) types[i] = k->operands[i].type;
  if (!gr_einsum_extents(&e, types, extents, &ellipsis, message, sizeof message) ||
      !gr_einsum_axes(&e.result, y->type->rank, of_result))
    return gr_kernel_error(k, "%s", message);
  int64_t strides[GR_EINSUM_LABELS][GR_EINSUM_OPERANDS] = {0};
  for (uint32_t i = 0; i < e.count; i++) {
    int64_t next = 1;
    if (!gr_einsum_axes(&e.operands[i], types[i]->rank, labels))
      return gr_kernel_error(k, "operand %u does not fit", i);
    for (int32_t d = types[i]->rank; d-- > 0; next *= types[i]->dims[d])
      if (types[i]->dims[d] != 1) strides[labels[d]][i] += next;
  }
  plan p = {.k = k, .operands = e.count, .out_count = y->type->rank};
  bool in_result[GR_EINSUM_LABELS] = {false};
  for (int32_t d = 0; d < p.out_count; d++) {
    p.out[d].extent = extents[of_result[d]];
    memcpy(p.out[d].stride, strides[of_result[d]], sizeof p.out[d].stride);
    in_result[of_result[d]] = true;
  }
  for (int32_t l = 0; l < GR_EINSUM_LABELS; l++) {
    if (extents[l] < 0 || in_result[l]) continue;
    p.sum[p.sum_count].extent = extents[l];
    memcpy(p.sum[p.sum_count++].stride, strides[l], sizeof p.sum->stride);
  }
  gr_parallel_for(k->threads, y->count, 64, run, &p);
  return GRAFT_OK;
}
