/* Integer ops on the kernels of the float ops, which compute with integers of 32 and 64 bits too: operands lose their
 * zero points first (requantize_impl.h). */
#include "runtime/kernels/requantize_impl.h"

enum { GRAIN = 1 << 15 };

typedef struct widen_job {
  const void *from;
  void *to;
  graft_dtype dtype;
  bool wide, real;
  gr_channels channels;
  const int32_t *zero_points; /* NULL: 0 */
  float factor;
} widen_job;

#define WIDEN(FROM, TO, ...) \
  do { \
    const FROM *x = (const FROM *)s->from + at; \
    TO *y = (TO *)s->to + at; \
    for (int64_t i = 0; i < n; i++) y[i] = (__VA_ARGS__); \
  } while (0)
#define WIDEN_TO(TO, ...) \
  do { \
    switch (s->dtype) { \
    case GRAFT_I8: WIDEN(int8_t, TO, __VA_ARGS__); break; \
    case GRAFT_U8: WIDEN(uint8_t, TO, __VA_ARGS__); break; \
    case GRAFT_I16: WIDEN(int16_t, TO, __VA_ARGS__); break; \
    default: WIDEN(int32_t, TO, __VA_ARGS__); /* a bias */ \
    } \
  } while (0)

static void widen_run(const widen_job *s, int64_t at, int64_t n, int32_t zero) {
  const float factor = s->factor;
  if (s->real)
    WIDEN_TO(float, (float)(x[i] - zero) * factor);
  else if (s->wide)
    WIDEN_TO(int64_t, (int64_t)x[i] - zero);
  else
    WIDEN_TO(int32_t, (int32_t)x[i] - zero);
}

static void widen_all(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const widen_job *s = user;
  (void)worker;
  widen_run(s, begin, end - begin, s->zero_points ? s->zero_points[0] : 0);
}

static void widen_channels(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const widen_job *s = user;
  const gr_channels ch = s->channels;
  (void)worker;
  for (int64_t r = begin; r < end; r++)
    widen_run(s, r * ch.inner, ch.inner, s->zero_points[r / ch.count / ch.outer * ch.count + r % ch.count]);
}

static graft_status run(const gr_kernel_call *k, uint32_t slot, widen_job *s, bool by_channel, graft_dtype to,
                        graft_type *type, gr_in *out) {
  const gr_in *x = &k->operands[slot];
  const gr_channels ch = s->channels;
  s->from = x->data;
  s->dtype = x->type->dtype;
  s->to = gr_scratch_alloc(k->scratch, (size_t)x->count, graft_dtype_size(to));
  if (!s->to) return GRAFT_NO_MEMORY;
  *type = *x->type;
  type->dtype = to;
  *out = (gr_in){.type = type, .data = s->to, .count = x->count};
  if (x->count == 0) return GRAFT_OK;
  if (by_channel)
    gr_parallel_for(k->threads, ch.groups * ch.outer * ch.count, GRAIN / ch.inner + 1, widen_channels, s);
  else
    gr_parallel_for(k->threads, x->count, GRAIN, widen_all, s);
  return GRAFT_OK;
}

graft_status gr_widen(const gr_kernel_call *k, uint32_t slot, const gr_in *zero, gr_channels channels, bool wide,
                      graft_type *type, gr_in *out) {
  widen_job s = {.wide = wide, .channels = channels, .zero_points = zero ? zero->data : NULL};
  return run(k, slot, &s, zero && zero->count != 1, wide ? GRAFT_I64 : GRAFT_I32, type, out);
}

graft_status gr_widen_float(const gr_kernel_call *k, uint32_t slot, uint32_t scale, graft_type *type, gr_in *out) {
  widen_job s = {
      .real = true, .zero_points = k->operands[scale + 1].data, .factor = *(const float *)k->operands[scale].data};
  return run(k, slot, &s, false, GRAFT_F32, type, out);
}

graft_status gr_run_borrowed(const gr_kernel_call *k, uint32_t of, const gr_in *operands, graft_dtype dtype,
                             void **result) {
  graft_type y = *k->results[0].type;
  y.dtype = dtype;
  *result = gr_scratch_alloc(k->scratch, (size_t)k->results[0].count, graft_dtype_size(dtype));
  if (!*result) return GRAFT_NO_MEMORY;
  const gr_out results[GR_MAX_RESULTS] = {{.type = &y, .data = *result, .count = k->results[0].count}};
  gr_kernel_call call = *k;
  call.op = of;
  call.operands = operands;
  call.operand_count = gr_op_get(of)->operand_count;
  call.results = results;
  return gr_kernel_get(of)->run(&call);
}

int64_t gr_most_of(graft_dtype dtype, const gr_in *zero) {
  int64_t low = 0, high = 0, most = 0;
  graft_dtype_range(dtype, &low, &high);
  for (int64_t i = 0; i < zero->count; i++) {
    const int64_t z = ((const int32_t *)zero->data)[i];
    if (high - z > most) most = high - z;
    if (z - low > most) most = z - low;
  }
  return most;
}
