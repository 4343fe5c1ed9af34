/* Gradients of lstm, gru and rnn, by back-propagation through time: all steps are gone through again, which keeps the
 * gates, their slopes and the states that they started from; then each row goes back from its last step to its first
 * one. What flows to the gates' sums is left where their slopes were: what flows to x and the weights are products of
 * that, over all steps at once. */
#include "runtime/kernels/gemm_impl.h"
#include "runtime/kernels/recurrent_impl.h"

enum { BLOCK = 32 }; /* columns that are summed together */

/* The operands and attributes of the op itself come in its own order, behind dy. */
GR_SAME_ATTR(activation_f, lstm, lstm_backward);
GR_SAME_ATTR(input_forget, lstm, lstm_backward);
GR_SAME_ATTR(linear_before_reset, gru, gru_backward);
GR_SAME_ATTR(beta_f, rnn, rnn_backward);
_Static_assert(GR_OPERAND(lstm_backward, peephole) == GR_OPERAND(lstm, peephole) + 1, "dy comes first");
_Static_assert(GR_OPERAND(gru_backward, h_0) == GR_OPERAND(gru, h_0) + 1, "dy comes first");
_Static_assert(GR_OPERAND(rnn_backward, h_0) == GR_OPERAND(rnn, h_0) + 1, "dy comes first");
GR_SAME_OPERAND(dh_n, gru_backward, rnn_backward);
GR_SAME_RESULT(dh_0, lstm_backward, gru_backward);
GR_SAME_RESULT(dh_0, lstm_backward, rnn_backward);

typedef struct backward {
  gr_recurrent l;
  gr_recurrent_trace t;
  const void *dy, *dh_n, *dc_n;          /* NULL: zeros */
  void *dbias, *dh_0, *dc_0, *dpeephole; /* NULL: not wanted */
  void *dx, *dweight_ih, *dweight_hh;
  void *work; /* of each worker */
} backward;

/* Elements that a worker needs: what flows to h and c, and two more vectors. */
static int64_t work_size(const backward *b) { return 4 * b->l.hidden; }

#define T float
#define NAME(name) name##_f32
#define PRODUCT GR_PRODUCT_F32
#include "runtime/kernels/recurrent_backward.inc"
#undef T
#undef NAME
#undef PRODUCT
#define T double
#define NAME(name) name##_f64
#define PRODUCT GR_PRODUCT_F64
#include "runtime/kernels/recurrent_backward.inc"
#undef T
#undef NAME
#undef PRODUCT

/* The arrays of the trace. */
static graft_status alloc_trace(const gr_kernel_call *k, backward *b) {
  const gr_recurrent *l = &b->l;
  const size_t places = (size_t)gr_recurrent_places(l), each = l->f32 ? sizeof(float) : sizeof(double);
  const size_t wide = (size_t)gr_recurrent_columns(l) * each, narrow = (size_t)l->hidden * each;
  b->t.slopes = gr_scratch_alloc(k->scratch, places, wide);
  b->t.before = gr_scratch_alloc(k->scratch, places, narrow);
  if (l->op == GR_OP_lstm) b->t.cells = gr_scratch_alloc(k->scratch, places, narrow);
  if (l->op == GR_OP_gru) b->t.reset = gr_scratch_alloc(k->scratch, places, narrow);
  b->work = gr_scratch_alloc(k->scratch, gr_threads_count(k->threads), (size_t)work_size(b) * each);
  return b->t.slopes && b->t.before && (l->op != GR_OP_lstm || b->t.cells) && (l->op != GR_OP_gru || b->t.reset) &&
                 b->work
             ? GRAFT_OK
             : GRAFT_NO_MEMORY;
}

graft_status gr_kernel_recurrent_backward(const gr_kernel_call *k) {
  const bool lstm = k->op == GR_OP_lstm_backward;
  backward b = {.dy = k->operands[GR_OPERAND(lstm_backward, dy)].data,
                .dh_n = k->operands[lstm ? GR_OPERAND(lstm_backward, dh_n) : GR_OPERAND(gru_backward, dh_n)].data,
                .dc_n = lstm ? k->operands[GR_OPERAND(lstm_backward, dc_n)].data : NULL,
                .dx = k->results[GR_RESULT(lstm_backward, dx)].data,
                .dweight_ih = k->results[GR_RESULT(lstm_backward, dweight_ih)].data,
                .dweight_hh = k->results[GR_RESULT(lstm_backward, dweight_hh)].data,
                .dbias = k->results[GR_RESULT(lstm_backward, dbias)].data,
                .dh_0 = k->results[GR_RESULT(lstm_backward, dh_0)].data,
                .dc_0 = lstm ? k->results[GR_RESULT(lstm_backward, dc_0)].data : NULL,
                .dpeephole = lstm ? k->results[GR_RESULT(lstm_backward, dpeephole)].data : NULL};
  graft_status status = gr_recurrent_read(k, gr_op_forward(k->op), k->operands + 1, &b.l);
  if (status != GRAFT_OK) return status;
  if (b.l.batch == 0 || b.l.hidden == 0) {
    for (uint32_t i = 0; i < k->result_count; i++)
      if (k->results[i].data) memset(k->results[i].data, 0, gr_out_bytes(&k->results[i]));
    return GRAFT_OK;
  }
  status = alloc_trace(k, &b);
  b.l.trace = &b.t;
  if (status == GRAFT_OK) status = gr_recurrent_run(k, &b.l);
  if (status != GRAFT_OK) return status;
  gr_parallel_for(k->threads, b.l.directions * b.l.batch, 1, b.l.f32 ? go_back_rows_f32 : go_back_rows_f64, &b);
  return b.l.f32 ? sum_up_f32(k, &b) : sum_up_f64(k, &b);
}
