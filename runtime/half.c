/* f16 and bf16 in arithmetic: one kernel for all ops, which runs the op's own in f32 and rounds its results, half to
 * even. Kernels that go by the size of an element (KERNEL_BYTES) get the halves as they are. */
#include "runtime/kernel_impl.h"

enum { GRAIN = 1 << 15 };

typedef struct half_job {
  const void *x;
  void *y;
} half_job;

#define PARAMETERS (void *user, int64_t begin, int64_t end, uint32_t worker)
#define ARGUMENTS (user, begin, end, worker)
#define CONVERSION(NAME, FROM, TO, FUNCTION) \
  GR_LOOP void NAME##_loop PARAMETERS { \
    const half_job *job = user; \
    const FROM *x = job->x; \
    TO *y = job->y; \
    (void)worker; \
    GR_IN_STEP \
    for (int64_t i = begin; i < end; i++) y[i] = FUNCTION(x[i]); \
  } \
  GR_CLONES(NAME, PARAMETERS, ARGUMENTS)
CONVERSION(widen_f16, uint16_t, float, gr_f16_to_float)
CONVERSION(widen_bf16, uint16_t, float, gr_bf16_to_float)
CONVERSION(round_f16, float, uint16_t, gr_f16_from_float)
CONVERSION(round_bf16, float, uint16_t, gr_bf16_from_float)

void gr_half_widen(const gr_kernel_call *k, graft_dtype from, const void *x, int64_t count, float *y) {
  half_job job = {x, y};
  gr_parallel_for(k->threads, count, GRAIN, (from == GRAFT_F16 ? widen_f16 : widen_bf16)[k->isa], &job);
}

void gr_half_round(const gr_kernel_call *k, graft_dtype to, const float *x, int64_t count, void *y) {
  half_job job = {x, y};
  gr_parallel_for(k->threads, count, GRAIN, (to == GRAFT_F16 ? round_f16 : round_bf16)[k->isa], &job);
}

static bool is_half(const graft_type *t) { return t && gr_is_half(t->dtype); }

/* The same type in f32. */
static const graft_type *widened(const gr_kernel_call *k, const graft_type *t) {
  graft_type *wide = gr_scratch_alloc(k->scratch, 1, sizeof *wide);
  if (!wide) return NULL;
  *wide = *t;
  wide->dtype = GRAFT_F32;
  return wide;
}

static bool widen_operands(const gr_kernel_call *k, gr_in *in) {
  const gr_op_info *op = gr_op_get(k->op);
  for (uint32_t i = 0; i < k->operand_count; i++) {
    if (!is_half(in[i].type)) continue;
    const graft_dtype from = in[i].type->dtype;
    const bool shape_only = i < op->operand_count && op->operands[i].role == GR_LIKE;
    float *wide = shape_only ? NULL : gr_scratch_alloc(k->scratch, (size_t)in[i].count, sizeof *wide);
    if (!(in[i].type = widened(k, in[i].type)) || (!shape_only && !wide)) return false;
    if (wide) gr_half_widen(k, from, in[i].data, in[i].count, wide);
    in[i].data = shape_only ? in[i].data : wide;
    in[i].version = 0;
  }
  return true;
}

static bool widen_results(const gr_kernel_call *k, gr_out *out) {
  for (uint32_t i = 0; i < k->result_count; i++) {
    if (!is_half(out[i].type)) continue;
    out[i].type = widened(k, out[i].type);
    out[i].data = gr_scratch_alloc(k->scratch, (size_t)out[i].count, sizeof(float));
    if (!out[i].type || !out[i].data) return false;
  }
  return true;
}

static graft_status run_in_f32(const gr_kernel_call *k) {
  const uint32_t ins = k->operand_count > GR_MAX_OPERANDS ? k->operand_count : GR_MAX_OPERANDS,
                 outs = k->result_count > GR_MAX_RESULTS ? k->result_count : GR_MAX_RESULTS;
  gr_in *in = gr_scratch_alloc(k->scratch, ins, sizeof *in);
  gr_out *out = gr_scratch_alloc(k->scratch, outs, sizeof *out);
  if (!in || !out) return GRAFT_NO_MEMORY;
  memcpy(in, k->operands, ins * sizeof *in);
  memcpy(out, k->results, outs * sizeof *out);
  if (!widen_operands(k, in) || !widen_results(k, out)) return GRAFT_NO_MEMORY;
  gr_kernel_call call = *k;
  call.operands = in;
  call.results = out;
  graft_status status = gr_kernel_get(k->op)->run(&call);
  for (uint32_t i = 0; !status && i < k->result_count; i++)
    if (is_half(k->results[i].type))
      gr_half_round(k, k->results[i].type->dtype, out[i].data, out[i].count, k->results[i].data);
  return status;
}

gr_kernel gr_kernel_for(const gr_kernel_info *info, const gr_kernel_call *k) {
  bool half = false;
  for (uint32_t i = 0; i < k->operand_count; i++) half |= is_half(k->operands[i].type);
  for (uint32_t i = 0; i < k->result_count; i++) half |= is_half(k->results[i].type);
  return half && !info->bytes ? run_in_f32 : info->run;
}
