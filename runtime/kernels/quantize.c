/* The ops of quantization: quantize, dequantize, fake_quantize, observe, qparams, choose_qparams. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "runtime/kernel_impl.h"
#include "runtime/quant_int.h"

enum { GRAIN = 1 << 15 };

typedef struct quantize_job {
  const char *x;
  char *y;
  size_t x_size, y_size; /* bytes of an element */
  gr_isa isa;
  graft_dtype dtype; /* of the integers */
  gr_qrange range;
  gr_channels channels;
  const float *scale;
  const int32_t *zero_point;
  const float *learned; /* in its place: a zero point that is rounded and clamped before use */
  const char *dy;       /* of a gradient, whose elements are as wide as x's */
  void (*run)(const struct quantize_job *job, const char *x, int64_t count, float scale, int32_t zero_point, char *y);
} quantize_job;

static void run_quantize(const quantize_job *job, const char *x, int64_t count, float scale, int32_t zp, char *y) {
  gr_quantize_f32(job->isa, (const float *)(const void *)x, count, scale, zp, job->range, job->dtype, y);
}

/* x / scale, then all that is left is a scale of 1. */
static void run_quantize_by_division(const quantize_job *job, const char *x, int64_t count, float scale, int32_t zp,
                                     char *y) {
  enum { BLOCK = 512 };
  float quotient[BLOCK];
  const float *from = (const float *)(const void *)x;
  for (int64_t at = 0; at < count; at += BLOCK) {
    const int64_t n = count - at < BLOCK ? count - at : BLOCK;
    for (int64_t i = 0; i < n; i++) quotient[i] = from[at + i] / scale;
    gr_quantize_f32(job->isa, quotient, n, 1, zp, job->range, job->dtype, y + (size_t)at * job->y_size);
  }
}

static void run_dequantize(const quantize_job *job, const char *x, int64_t count, float scale, int32_t zp, char *y) {
  gr_dequantize_f32(job->isa, x, job->dtype, count, scale, zp, (float *)(void *)y);
}

static void run_fake_quantize(const quantize_job *job, const char *x, int64_t count, float scale, int32_t zp, char *y) {
  gr_fake_quantize_f32(job->isa, (const float *)(const void *)x, count, scale, zp, job->range, (float *)(void *)y);
}

static void run_fake_quantize_backward(const quantize_job *job, const char *x, int64_t count, float scale, int32_t zp,
                                       char *y) {
  gr_fake_quantize_backward_f32(job->isa, (const float *)(const void *)(job->dy + (x - job->x)),
                                (const float *)(const void *)x, count, scale, zp, job->range, (float *)(void *)y);
}

/* `count` elements of channel c. What a zero point is that came to NaN in training shows as a scale of NaN does. */
static void run_part(const quantize_job *job, const char *x, int64_t count, int64_t c, char *y) {
  const float z = job->learned ? job->learned[c] : 0.0f;
  const int32_t zero_point = job->learned ? gr_learned_zero_point(z, job->range) : job->zero_point[c];
  job->run(job, x, count, z == z ? job->scale[c] : z, zero_point, y);
}

/* Per tensor the work is cut by elements, per channel by runs of one channel. */
static void elements_range(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const quantize_job *job = user;
  (void)worker;
  run_part(job, job->x + (size_t)begin * job->x_size, end - begin, 0, job->y + (size_t)begin * job->y_size);
}

static void runs_range(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const quantize_job *job = user;
  gr_channels ch = job->channels;
  (void)worker;
  for (int64_t r = begin; r < end; r++) {
    int64_t c = r / ch.count / ch.outer * ch.count + r % ch.count;
    run_part(job, job->x + (size_t)(r * ch.inner) * job->x_size, ch.inner, c,
             job->y + (size_t)(r * ch.inner) * job->y_size);
  }
}

static graft_status check_range(const gr_kernel_call *k, gr_qrange range, graft_dtype dtype) {
  int64_t lowest, highest;
  if (!graft_dtype_range(dtype, &lowest, &highest)) return gr_kernel_no_dtype(k, dtype);
  if (range.quant_min < lowest || range.quant_max > highest || range.quant_min >= range.quant_max)
    return gr_kernel_error(k, "%s cannot hold the range %lld to %lld", graft_dtype_name(dtype),
                           (long long)range.quant_min, (long long)range.quant_max);
  return GRAFT_OK;
}

/* One set of slots serves the four ops and fake_quantize; another qparams and choose_qparams. */
GR_SAME_ATTR(quant_min, fake_quantize, quantize_per_tensor);
GR_SAME_ATTR(quant_max, fake_quantize, quantize_per_tensor);
GR_SAME_ATTR(quant_min, fake_quantize, dequantize_per_tensor);
GR_SAME_ATTR(quant_max, fake_quantize, dequantize_per_tensor);
GR_SAME_ATTR(quant_min, fake_quantize, quantize_per_channel);
GR_SAME_ATTR(quant_max, fake_quantize, quantize_per_channel);
GR_SAME_ATTR(axis, fake_quantize, quantize_per_channel);
GR_SAME_ATTR(groups, fake_quantize, quantize_per_channel);
GR_SAME_ATTR(quant_min, fake_quantize, dequantize_per_channel);
GR_SAME_ATTR(quant_max, fake_quantize, dequantize_per_channel);
GR_SAME_ATTR(axis, fake_quantize, dequantize_per_channel);
GR_SAME_ATTR(groups, fake_quantize, dequantize_per_channel);

bool gr_quantizes_by_channel(const gr_kernel_call *k) {
  if (k->op == GR_OP_fake_quantize) return !gr_k_none(k, GR_ATTR(fake_quantize, axis));
  return k->op == GR_OP_quantize_per_channel || k->op == GR_OP_dequantize_per_channel;
}

/* What a scale and a zero point have to be, so that integers stand for numbers. A scale that came to NaN or infinity in
 * training is left to show in the result. */
static graft_status check_qparams(const gr_kernel_call *k, const gr_in *scale, const gr_in *zero, graft_dtype dtype) {
  const bool trains = k->op == GR_OP_fake_quantize;
  int64_t low, high;
  for (int64_t i = 0; i < scale->count; i++) {
    const float s = ((const float *)scale->data)[i];
    if (!(s >= FLT_MIN && s <= FLT_MAX) && !(trains && !isfinite(s)))
      return gr_kernel_error(k, "scale is %g, not a normal number above 0", (double)s);
  }
  for (int64_t i = 0; i < zero->count && zero->type->dtype == GRAFT_I32 && graft_dtype_range(dtype, &low, &high); i++)
    if (((const int32_t *)zero->data)[i] < low || ((const int32_t *)zero->data)[i] > high)
      return gr_kernel_error(k, "zero_point is %d, no %s", ((const int32_t *)zero->data)[i], graft_dtype_name(dtype));
  return GRAFT_OK;
}

/* All but how an element is computed. */
static graft_status quantize_begin(const gr_kernel_call *k, quantize_job *job) {
  const gr_in *x = &k->operands[0], *scale = &k->operands[1], *zp = &k->operands[2];
  job->range =
      (gr_qrange){gr_k_int(k, GR_ATTR(fake_quantize, quant_min)), gr_k_int(k, GR_ATTR(fake_quantize, quant_max))};
  graft_status status = check_range(k, job->range, job->dtype);
  if (status) return status;
  if (scale->type->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, scale->type->dtype);
  const bool learned = zp->type->dtype == GRAFT_F32 && k->op == GR_OP_fake_quantize;
  if (zp->type->dtype != GRAFT_I32 && !learned) return gr_kernel_no_dtype(k, zp->type->dtype);
  status = check_qparams(k, scale, zp, job->dtype);
  if (status) return status;
  job->isa = k->isa;
  job->x = x->data;
  job->y = k->results[0].data;
  job->x_size = graft_dtype_size(x->type->dtype);
  job->y_size = graft_dtype_size(k->results[0].type->dtype);
  job->scale = scale->data;
  job->zero_point = learned ? NULL : zp->data;
  job->learned = learned ? zp->data : NULL;
  if (!gr_quantizes_by_channel(k)) {
    if (scale->count < 1 || zp->count < 1) return gr_kernel_error(k, "there is no scale");
    return GRAFT_OK;
  }
  gr_channels *ch = &job->channels;
  if (!gr_channels_make(x->type, gr_k_int(k, GR_ATTR(fake_quantize, axis)), gr_k_int(k, GR_ATTR(fake_quantize, groups)),
                        ch))
    return gr_kernel_error(k, "x has no such channel axis");
  if (scale->count != gr_channels_total(*ch) || zp->count != scale->count)
    return gr_kernel_error(k, "%lld scales and %lld zero points for %lld channels", (long long)scale->count,
                           (long long)zp->count, (long long)gr_channels_total(*ch));
  return GRAFT_OK;
}

static graft_status quantize_common(const gr_kernel_call *k, quantize_job *job) {
  const int64_t count = k->operands[0].count;
  const gr_channels *ch = &job->channels;
  graft_status status = quantize_begin(k, job);
  if (status || count == 0) return status;
  if (!gr_quantizes_by_channel(k))
    gr_parallel_for(k->threads, count, GRAIN, elements_range, job);
  else if (ch->inner > 0)
    gr_parallel_for(k->threads, ch->groups * ch->outer * ch->count, GRAIN / ch->inner + 1, runs_range, job);
  return GRAFT_OK;
}

static bool divides(const gr_kernel_call *k) {
  return gr_k_bool(k, k->op == GR_OP_quantize_per_tensor ? GR_ATTR(quantize_per_tensor, by_division)
                                                         : GR_ATTR(quantize_per_channel, by_division));
}

graft_status gr_quantize_finite(const gr_kernel_call *k, const float *factors, bool *done) {
  const gr_in *x = &k->operands[0];
  quantize_job job = {.dtype = k->results[0].type->dtype};
  *done = false;
  if (divides(k)) return GRAFT_OK;
  graft_status status = quantize_begin(k, &job);
  if (status) return status;
  const bool by_row = gr_quantizes_by_channel(k);
  const int64_t count = factors || by_row ? x->type->dims[0] : 1;
  const gr_scaled_rows rows = {x->data, count,    count ? x->count / count : 0, factors, job.scale, job.zero_point,
                               by_row,  job.range};
  *done = gr_quantize_rows_f32(k->isa, &rows, job.dtype, job.y);
  return GRAFT_OK;
}

graft_status gr_kernel_quantize(const gr_kernel_call *k) {
  if (k->operands[0].type->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, k->operands[0].type->dtype);
  quantize_job job = {.dtype = k->results[0].type->dtype, .run = divides(k) ? run_quantize_by_division : run_quantize};
  return quantize_common(k, &job);
}

graft_status gr_kernel_dequantize(const gr_kernel_call *k) {
  if (k->results[0].type->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, k->results[0].type->dtype);
  quantize_job job = {.dtype = k->operands[0].type->dtype, .run = run_dequantize};
  return quantize_common(k, &job);
}

graft_status gr_kernel_fake_quantize(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  if (!gr_k_bool(k, GR_ATTR(fake_quantize, enabled))) {
    if (k->results[0].data != x->data) memcpy(k->results[0].data, x->data, gr_in_bytes(x));
    return GRAFT_OK;
  }
  if (x->type->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, x->type->dtype);
  quantize_job job = {.dtype = (graft_dtype)gr_k_int(k, GR_ATTR(fake_quantize, dtype)), .run = run_fake_quantize};
  return quantize_common(k, &job);
}

/* Its operands are those of fake_quantize behind dy, its attributes the same. */
graft_status gr_kernel_fake_quantize_backward(const gr_kernel_call *k) {
  const gr_in *dy = &k->operands[GR_OPERAND(fake_quantize_backward, dy)];
  GR_SAME_ATTR(quant_max, fake_quantize, fake_quantize_backward);
  GR_SAME_ATTR(dtype, fake_quantize, fake_quantize_backward);
  GR_SAME_ATTR(enabled, fake_quantize, fake_quantize_backward);
  if (!gr_k_bool(k, GR_ATTR(fake_quantize_backward, enabled))) {
    if (k->results[0].data != dy->data) memcpy(k->results[0].data, dy->data, gr_in_bytes(dy));
    return GRAFT_OK;
  }
  if (dy->type->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, dy->type->dtype);
  gr_kernel_call forward = *k;
  forward.op = GR_OP_fake_quantize;
  forward.operands += GR_OPERAND(fake_quantize_backward, x);
  forward.operand_count -= GR_OPERAND(fake_quantize_backward, x);
  quantize_job job = {.dtype = (graft_dtype)gr_k_int(k, GR_ATTR(fake_quantize_backward, dtype)),
                      .dy = dy->data,
                      .run = run_fake_quantize_backward};
  return quantize_common(&forward, &job);
}

/* ---- observe ---- */

typedef struct range_job {
  gr_isa isa;
  const float *x;
  float *parts; /* min and max of each chunk */
} range_job;

static void chunk_range(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const range_job *job = user;
  float *part = job->parts + begin / GRAIN * 2;
  (void)worker;
  gr_range_f32(job->isa, job->x + begin, (gr_channels){1, 1, 1, end - begin}, part, part + 1);
}

/* The range of a whole tensor, cut by elements. */
static graft_status whole_range(const gr_kernel_call *k, const gr_in *x, float range[2]) {
  int64_t chunks = x->count / GRAIN + (x->count % GRAIN != 0);
  range[0] = INFINITY;
  range[1] = -INFINITY;
  if (chunks == 0) return GRAFT_OK;
  range_job job = {k->isa, x->data, gr_scratch_alloc(k->scratch, (size_t)chunks, 2 * sizeof(float))};
  if (!job.parts) return GRAFT_NO_MEMORY;
  gr_parallel_for(k->threads, x->count, GRAIN, chunk_range, &job);
  for (int64_t i = 0; i < chunks; i++) {
    if (job.parts[2 * i] < range[0]) range[0] = job.parts[2 * i];
    if (job.parts[2 * i + 1] > range[1]) range[1] = job.parts[2 * i + 1];
  }
  return GRAFT_OK;
}

static graft_status observe_histogram(const gr_kernel_call *k, const gr_in *x, const gr_in *state, float *next) {
  int64_t bins = gr_k_int(k, GR_ATTR(observe, bins));
  if (state->type->rank != 1 || bins < 1 || state->count - 2 != bins)
    return gr_kernel_error(k, "the state has %lld entries, a histogram of %lld bins has 2 more than that",
                           (long long)state->count, (long long)bins);
  float *scratch = gr_scratch_alloc(k->scratch, (size_t)bins, 2 * sizeof *scratch);
  if (!scratch) return GRAFT_NO_MEMORY;
  gr_observe_histogram(k->isa, x->data, x->count, bins, state->data, next, scratch);
  return GRAFT_OK;
}

static graft_status observer_kind(const gr_kernel_call *k, gr_observer *kind) {
  const graft_type *x = k->operands[0].type, *state = k->operands[1].type;
  *kind = (gr_observer)gr_k_int(k, GR_ATTR(observe, observer));
  if (x->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, x->dtype);
  if (state->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, state->dtype);
  if (!gr_k_bool(k, GR_ATTR(observe, enabled))) *kind = GR_observer_placeholder;
  return GRAFT_OK;
}

graft_status gr_observe_begin(const gr_kernel_call *k, gr_observation *o) {
  const gr_in *x = &k->operands[0], *state = &k->operands[1];
  gr_observer kind;
  graft_status status = observer_kind(k, &kind);
  *o = (gr_observation){
      .isa = k->isa, .channels = gr_channels_whole(x->type), .rows = x->type->rank ? x->type->dims[0] : 1};
  if (status || kind == GR_observer_histogram || kind == GR_observer_placeholder) return status;
  bool per_channel = !gr_k_none(k, GR_ATTR(observe, axis));
  if (per_channel && !gr_channels_make(x->type, gr_k_int(k, GR_ATTR(observe, axis)),
                                       gr_k_int(k, GR_ATTR(observe, groups)), &o->channels))
    return gr_kernel_error(k, "x has no such channel axis");
  int64_t n = gr_channels_total(o->channels);
  if (state->count != 2 * n && !per_channel)
    return gr_kernel_error(k, "the state has %lld entries, not 2", (long long)state->count);
  if (state->count != 2 * n)
    return gr_kernel_error(k, "the state has %lld entries, not 2 for each of %lld channels", (long long)state->count,
                           (long long)n);
  o->by_row = per_channel && gr_axis(gr_k_int(k, GR_ATTR(observe, axis)), x->type->rank) == 0;
  o->averaging_constant = kind == GR_observer_min_max ? -1.0 : gr_k_float(k, GR_ATTR(observe, averaging_constant));
  o->range = gr_scratch_alloc(k->scratch, (size_t)n, 2 * sizeof *o->range);
  if (!o->range) return GRAFT_NO_MEMORY;
  for (int64_t c = 0; c < n; c++) o->range[c] = INFINITY, o->range[n + c] = -INFINITY;
  return GRAFT_OK;
}

static void observe_part(const gr_observation *o, const float *x, float factor, int64_t row, int64_t rows) {
  gr_channels part = o->channels;
  float *min = o->range, *max = o->range + gr_channels_total(part);
  if (o->by_row) {
    part.count = rows;
    min += row, max += row;
  } else if (part.count > 1 || part.outer > 1) {
    part.outer = part.outer / o->rows * rows;
  } else {
    part.inner = part.inner / o->rows * rows;
  }
  gr_range_widen_f32(o->isa, x, factor, part, min, max);
}

void gr_observe_rows(const gr_observation *o, const float *x, const float *factors, int64_t row, int64_t rows) {
  if (!factors) {
    observe_part(o, x, 1.0f, row, rows);
    return;
  }
  const gr_channels ch = o->channels;
  const int64_t width = ch.groups * ch.outer * ch.count * ch.inner / o->rows;
  for (int64_t r = 0; r < rows; r++) observe_part(o, x + r * width, factors[r], row + r, 1);
}

void gr_observe_end(const gr_kernel_call *k, const gr_observation *o) {
  if (!o->range) return; /* an observer that keeps no range */
  int64_t n = gr_channels_total(o->channels);
  for (int64_t c = 0; k->operands[0].count > 0 && c < n; c++)
    if (!(o->range[c] <= o->range[n + c])) o->range[c] = NAN;
  gr_range_merge(o->range, gr_channels_total(o->channels), o->averaging_constant, k->operands[1].data,
                 k->results[0].data);
}

/* Observing without quantizing yet: nothing that reads x fake-quantizes it. In training, numbers that are none show in
 * the loss; of weights, which convert observes by itself, it is the judge. */
static bool calibrates(const gr_kernel_call *k) {
  if (!k->graph) return false;
  const graft_value x = gr_operand(k->graph, k->node, 0);
  for (uint32_t u = gr_value_at(k->graph, x)->first_use; u != GRAFT_NONE; u = gr_use_at(k->graph, u)->next) {
    const uint32_t user = gr_use_at(k->graph, u)->user;
    if (!gr_user_is_node(user) || gr_node_at(k->graph, user)->op != GR_OP_fake_quantize) continue;
    if (gr_attr_bool(k->module, gr_attrs_of(k->graph, user), GR_ATTR(fake_quantize, enabled))) return false;
  }
  return true;
}

/* A range that a NaN or an infinity has been left out of is one of other numbers than the network computes with. */
static graft_status not_finite(const gr_kernel_call *k) {
  char name[256];
  gr_name_format(k->module, gr_value_get_name(k->graph, gr_operand(k->graph, k->node, 0)), name, sizeof name);
  return gr_kernel_error(k, "NaN or infinity is observed in '%s'", name);
}

graft_status gr_kernel_observe(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0], *state = &k->operands[1];
  float *next = k->results[0].data;
  gr_observer kind;
  gr_observation o;
  graft_status status = observer_kind(k, &kind);
  if (status) return status;
  if (kind != GR_observer_placeholder && calibrates(k) && !gr_all_finite(k->isa, x->data, x->count))
    return not_finite(k);
  if (kind == GR_observer_placeholder) {
    if (next != state->data) memcpy(next, state->data, gr_in_bytes(state));
    return GRAFT_OK;
  }
  if (kind == GR_observer_histogram) return observe_histogram(k, x, state, next);
  status = gr_observe_begin(k, &o);
  if (!status && gr_k_none(k, GR_ATTR(observe, axis))) {
    status = whole_range(k, x, o.range);
  } else if (!status) {
    gr_range_f32(k->isa, x->data, o.channels, o.range, o.range + gr_channels_total(o.channels));
  }
  if (!status) gr_observe_end(k, &o);
  return status;
}

/* ---- parameters ---- */

GR_SAME_ATTR(dtype, qparams, choose_qparams);
GR_SAME_ATTR(quant_min, qparams, choose_qparams);
GR_SAME_ATTR(quant_max, qparams, choose_qparams);
GR_SAME_ATTR(eps, qparams, choose_qparams);
GR_SAME_ATTR(scheme, qparams, choose_qparams);
GR_SAME_ATTR(formula, qparams, choose_qparams);

static graft_status qparams_options(const gr_kernel_call *k, graft_qparams_config *o) {
  static const graft_formula formulas[GR_formula_count] = {[GR_formula_observer] = GRAFT_FORMULA_OBSERVER,
                                                           [GR_formula_kernel] = GRAFT_FORMULA_KERNEL,
                                                           [GR_formula_power_of_two] = GRAFT_FORMULA_POWER_OF_TWO};
  *o = (graft_qparams_config){.size = sizeof *o,
                              .dtype = (graft_dtype)gr_k_int(k, GR_ATTR(qparams, dtype)),
                              .quant_min = gr_k_int(k, GR_ATTR(qparams, quant_min)),
                              .quant_max = gr_k_int(k, GR_ATTR(qparams, quant_max)),
                              .symmetric = gr_is_symmetric(gr_k_int(k, GR_ATTR(qparams, scheme))),
                              .formula = formulas[gr_k_int(k, GR_ATTR(qparams, formula))],
                              .eps = gr_k_float(k, GR_ATTR(qparams, eps))};
  return check_range(k, (gr_qrange){o->quant_min, o->quant_max}, o->dtype);
}

graft_status gr_kernel_qparams(const gr_kernel_call *k) {
  const gr_in *state = &k->operands[0];
  const float *s = state->data;
  float *scale = k->results[0].data;
  int32_t *zp = k->results[1].data;
  graft_qparams_config o;
  graft_status status = qparams_options(k, &o);
  if (status) return status;
  o.reduce_range = gr_k_bool(k, GR_ATTR(qparams, reduce_range));
  o.custom_range = gr_k_bool(k, GR_ATTR(qparams, custom_range));
  if (state->type->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, state->type->dtype);
  int64_t n = state->type->rank == 2 ? state->type->dims[1] : 1;
  float histogram[2];
  if (state->type->rank == 1 && state->count > 2) {
    int64_t bins = state->count - 2;
    float *scratch = gr_scratch_alloc(k->scratch, (size_t)bins, sizeof *scratch);
    if (!scratch) return GRAFT_NO_MEMORY;
    gr_histogram_range(s, bins, 8 * (int)graft_dtype_size(o.dtype), &histogram[0], &histogram[1], scratch);
    s = histogram;
  } else if (state->count != 2 * n) {
    return gr_kernel_error(k, "a state has 2 entries, 2 for each channel, or 2 and a histogram");
  }
  gr_qparams q;
  if (gr_qparams_begin(&q, &o))
    return gr_kernel_error(k, "the range %lld to %lld is impossible", (long long)o.quant_min, (long long)o.quant_max);
  if (!scale) scale = gr_scratch_alloc(k->scratch, (size_t)n, sizeof *scale); /* not asked for */
  if (!zp) zp = gr_scratch_alloc(k->scratch, (size_t)n, sizeof *zp);
  if (!scale || !zp) return GRAFT_NO_MEMORY;
  gr_qparams_of(&q, s, s + n, n, scale, zp);
  return GRAFT_OK;
}

graft_status gr_kernel_choose_qparams(const gr_kernel_call *k) {
  graft_qparams_config o;
  float range[2], scale;
  int32_t zp;
  if (k->operands[0].type->dtype != GRAFT_F32) return gr_kernel_no_dtype(k, k->operands[0].type->dtype);
  graft_status status = qparams_options(k, &o);
  if (!status) status = whole_range(k, &k->operands[0], range);
  if (status) return status;
  if (graft_qparams(&o, range[0], range[1], &scale, &zp)) return gr_kernel_error(k, "the range is impossible");
  if (k->results[0].data) *(float *)k->results[0].data = scale;
  if (k->results[1].data) *(int32_t *)k->results[1].data = zp;
  return GRAFT_OK;
}
