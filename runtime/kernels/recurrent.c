/* lstm, gru and rnn. The products with the input are one gemm for all steps; the rows of the batch, which have nothing
 * to do with each other, then go through their steps each on its own. */
#include "runtime/functions_impl.h"
#include "runtime/isa.h"
#include "runtime/kernels/gemm_impl.h"
#include "runtime/kernels/recurrent_impl.h"

#include <math.h>

GR_SAME_OPERAND(h_0, lstm, gru);
GR_SAME_OPERAND(h_0, lstm, rnn);
GR_SAME_ATTR(clip, lstm, gru);
GR_SAME_ATTR(clip, lstm, rnn);
GR_SAME_ATTR(beta_f, lstm, gru);
GR_SAME_ATTR(beta_f, lstm, rnn);
GR_SAME_ATTR(beta_g, lstm, gru);
GR_SAME_RESULT(h_n, lstm, gru);
GR_SAME_RESULT(h_n, lstm, rnn);

/* Elements that a worker needs: the gates, two states, and a state reset. */
static int64_t work_size(const gr_recurrent *l) { return (l->gates + 3) * l->hidden; }

/* y += x W, where W [depth, columns] has rows `stride` apart: four rows at a time, each sum in their order. */
#define ADD_PRODUCT(T, NAME) \
  GR_LOOP void NAME##_loop(const T *x, int64_t depth, const T *w, int64_t stride, T *restrict y, int64_t columns) { \
    int64_t p = 0; \
    for (; p + 4 <= depth; p += 4, w += 4 * stride) { \
      const T a = x[p], b = x[p + 1], c = x[p + 2], d = x[p + 3]; \
      for (int64_t j = 0; j < columns; j++) \
        y[j] = y[j] + a * w[j] + b * w[stride + j] + c * w[2 * stride + j] + d * w[3 * stride + j]; \
    } \
    for (; p < depth; p++, w += stride) { \
      const T a = x[p]; \
      for (int64_t j = 0; j < columns; j++) y[j] += a * w[j]; \
    } \
  } \
  GR_CLONES(NAME, (const T *x, int64_t depth, const T *w, int64_t stride, T *y, int64_t columns), \
            (x, depth, w, stride, y, columns))
ADD_PRODUCT(float, add_product_f32)
ADD_PRODUCT(double, add_product_f64)

gr_add_product_f32 gr_get_add_product_f32(gr_isa isa) { return add_product_f32[isa]; }
gr_add_product_f64 gr_get_add_product_f64(gr_isa isa) { return add_product_f64[isa]; }

#define T float
#define NAME(name) name##_f32
#define F(name) name##f
#define E(name) gr_##name##_f32
#include "runtime/kernels/recurrent.inc"
#undef T
#undef NAME
#undef E
#undef F
#define T double
#define NAME(name) name##_f64
#define F(name) name
#define E(name) name
#include "runtime/kernels/recurrent.inc"
#undef T
#undef NAME
#undef E
#undef F

static gr_recurrent_function read_function(const gr_kernel_call *k, uint32_t slot) {
  return (gr_recurrent_function){gr_k_int(k, slot), gr_k_float(k, slot + 1), gr_k_float(k, slot + 2)};
}

/* Lengths as i64, each at most the steps. */
static graft_status read_lens(const gr_kernel_call *k, const gr_in *given, gr_recurrent *l) {
  if (!given->data) return GRAFT_OK;
  int64_t *lens = gr_scratch_alloc(k->scratch, (size_t)given->count, sizeof *lens);
  if (!lens) return GRAFT_NO_MEMORY;
  for (int64_t i = 0; i < given->count; i++) {
    lens[i] = given->type->dtype == GRAFT_I64 ? ((const int64_t *)given->data)[i] : ((const int32_t *)given->data)[i];
    if (lens[i] < 0 || lens[i] > l->steps)
      return gr_kernel_error(k, "entry %jd of sequence_lens is %jd, of %jd steps", (intmax_t)i, (intmax_t)lens[i],
                             (intmax_t)l->steps);
  }
  l->lens = lens;
  return GRAFT_OK;
}

graft_status gr_recurrent_read(const gr_kernel_call *k, uint32_t op, const gr_in *operands, gr_recurrent *l) {
  const graft_type *x = operands[GR_OPERAND(lstm, x)].type, *hh = operands[GR_OPERAND(lstm, weight_hh)].type;
  const bool lstm = op == GR_OP_lstm;
  if (x->dtype != GRAFT_F32 && x->dtype != GRAFT_F64) return gr_kernel_no_dtype(k, x->dtype);
  *l = (gr_recurrent){.op = op,
                      .isa = k->isa,
                      .f32 = x->dtype == GRAFT_F32,
                      .in = x->dims[2],
                      .hidden = hh->dims[2],
                      .directions = hh->dims[0],
                      .gates = lstm              ? 4
                               : op == GR_OP_gru ? 3
                                                 : 1,
                      .first = gr_k_bool(k, GR_ATTR(lstm, batch_first)),
                      .starts_at_end = gr_k_int(k, GR_ATTR(lstm, direction)) == GR_direction_reverse,
                      .clip = gr_k_float(k, GR_ATTR(lstm, clip)),
                      .f = read_function(k, GR_ATTR(lstm, activation_f)),
                      .x = operands[GR_OPERAND(lstm, x)].data,
                      .weight_ih = operands[GR_OPERAND(lstm, weight_ih)].data,
                      .weight_hh = operands[GR_OPERAND(lstm, weight_hh)].data,
                      .bias = operands[GR_OPERAND(lstm, bias)].data,
                      .h_0 = operands[GR_OPERAND(lstm, h_0)].data};
  l->steps = x->dims[l->first ? 1 : 0];
  l->batch = x->dims[l->first ? 0 : 1];
  if (op != GR_OP_rnn) l->g = read_function(k, GR_ATTR(lstm, activation_g));
  if (op == GR_OP_gru) l->linear_before_reset = gr_k_bool(k, GR_ATTR(gru, linear_before_reset));
  if (lstm) {
    l->h = read_function(k, GR_ATTR(lstm, activation_h));
    l->input_forget = gr_k_bool(k, GR_ATTR(lstm, input_forget));
    l->c_0 = operands[GR_OPERAND(lstm, c_0)].data;
    l->peephole = operands[GR_OPERAND(lstm, peephole)].data;
  }
  return read_lens(k, &operands[GR_OPERAND(lstm, sequence_lens)], l);
}

static graft_status multiply(const gr_kernel_call *k, gr_recurrent *l) {
  static const int64_t each[2] = {0, 1};
  const int64_t columns = gr_recurrent_columns(l);
  void *products = gr_scratch_alloc(k->scratch, (size_t)gr_recurrent_places(l),
                                    (size_t)columns * (l->f32 ? sizeof(float) : sizeof(double)));
  if (!products) return GRAFT_NO_MEMORY;
  l->products = products;
  gr_matrix weight = {.data = l->weight_ih, .of = each, .batch = columns * l->in, .row = 1, .col = l->in};
  gr_gemm g = {.m = l->steps * l->batch,
               .n = columns,
               .k = l->in,
               .batch = l->directions,
               .a = l->x,
               .a_count = 1,
               .a_row = l->in,
               .a_col = 1,
               .c = products,
               .user = &weight};
  const gr_product product = l->f32 ? GR_PRODUCT_F32 : GR_PRODUCT_F64;
  return gr_gemm_run(k, product, &g, gr_pack_matrix[product]);
}

graft_status gr_recurrent_run(const gr_kernel_call *k, gr_recurrent *l) {
  const size_t each = l->f32 ? sizeof(float) : sizeof(double);
  const graft_status status = multiply(k, l);
  if (status != GRAFT_OK) return status;
  void *transposed =
      gr_scratch_alloc(k->scratch, (size_t)(l->directions * l->hidden), (size_t)gr_recurrent_columns(l) * each);
  l->work = gr_scratch_alloc(k->scratch, gr_threads_count(k->threads), (size_t)work_size(l) * each);
  if (!transposed || !l->work) return GRAFT_NO_MEMORY;
  l->transposed = transposed;
  if (l->f32)
    transpose_f32(l, transposed);
  else
    transpose_f64(l, transposed);
  gr_parallel_for(k->threads, l->directions * l->batch, 1, l->f32 ? run_rows_f32 : run_rows_f64, l);
  return GRAFT_OK;
}

graft_status gr_kernel_recurrent(const gr_kernel_call *k) {
  gr_recurrent l = {0};
  const graft_status status = gr_recurrent_read(k, k->op, k->operands, &l);
  if (status != GRAFT_OK || l.batch == 0 || l.hidden == 0) return status;
  l.y = k->results[GR_RESULT(lstm, y)].data;
  l.h_n = k->results[GR_RESULT(lstm, h_n)].data;
  if (k->op == GR_OP_lstm) l.c_n = k->results[GR_RESULT(lstm, c_n)].data;
  return gr_recurrent_run(k, &l);
}
