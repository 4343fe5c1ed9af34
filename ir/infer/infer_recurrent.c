/* The shape rules of lstm, gru and rnn, and of their gradients. */
#include "ir/infer/infer_impl.h"

GR_SAME_OPERAND(h_0, lstm, gru);
GR_SAME_OPERAND(h_0, lstm, rnn);
GR_SAME_ATTR(batch_first, lstm, gru);
GR_SAME_ATTR(batch_first, lstm, rnn);

static int64_t extent(const graft_type *t, int32_t i) { return t == NULL || t->rank <= i ? -1 : t->dims[i]; }

/* The operand, if given, has these extents, of which those unknown are learnt. */
static bool check_extents(const gr_rule *r, int constraint, uint32_t slot, int32_t rank, int64_t *const *extents) {
  const graft_type *t = gr_rule_operand(r, slot);
  if (t == NULL || t->rank < 0) return true;
  if (!gr_check_rank(r, constraint, slot, rank)) return false;
  for (int32_t i = 0; i < rank; ++i)
    if (!gr_extent_merge(extents[i], t->dims[i]))
      return gr_infer_fail(r, constraint, "axis %d of %s has %jd entries, not %jd", i, gr_rule_operand_name(r, slot),
                           t->dims[i], *extents[i]);
  return true;
}

bool gr_rule_recurrent(const gr_rule *r) {
  enum {
    X = GR_OPERAND(lstm, x),
    IH = GR_OPERAND(lstm, weight_ih),
    HH = GR_OPERAND(lstm, weight_hh),
    BIAS = GR_OPERAND(lstm, bias),
    LENS = GR_OPERAND(lstm, sequence_lens),
    H_0 = GR_OPERAND(lstm, h_0),
    C_0 = GR_OPERAND(lstm, c_0),
    PEEPHOLE = GR_OPERAND(lstm, peephole)
  };
  const uint32_t op = r->in->op;
  const int64_t gates = op == GR_OP_lstm ? 4 : op == GR_OP_gru ? 3 : 1;
  const bool first = gr_rule_int(r, GR_ATTR(lstm, batch_first)) != 0;
  const graft_type *x = gr_rule_operand(r, X), *ih = gr_rule_operand(r, IH), *hh = gr_rule_operand(r, HH);
  const graft_type *lens = gr_rule_operand(r, LENS);
  int64_t directions = gr_rule_int(r, GR_ATTR(lstm, direction)) == GR_direction_bidirectional ? 2 : 1;
  int64_t steps = -1, batch = -1, in = -1, hidden = extent(hh, 2), rows = -1, biases = -1, peepholes = -1;
  /* C1: x, the weights, bias, the states and peephole have the same float type. */
  for (uint32_t i = X; i < r->in->operand_count; ++i)
    if (i != LENS && (!gr_check_float(r, 1, i) || !gr_check_same_dtype(r, 1, i, X))) return false;
  /* C2: x is [steps, batch, in], or [batch, steps, in] where batch_first. */
  if (!check_extents(r, 2, X, 3, (int64_t *[]){first ? &batch : &steps, first ? &steps : &batch, &in})) return false;
  /* C3: weight_hh is [directions, gates * hidden, hidden], weight_ih [directions, gates * hidden, in]. */
  if (hidden < 0 && extent(hh, 1) >= 0) hidden = extent(hh, 1) / gates;
  if (hidden < 0 && extent(ih, 1) >= 0) hidden = extent(ih, 1) / gates;
  if (hidden >= 0) {
    rows = hidden;
    if (!gr_extent_mul(&rows, 2 * gates)) return gr_infer_fail(r, 3, "hidden is %jd", hidden);
    biases = rows;
    rows /= 2;
    peepholes = 3 * hidden;
  }
  if (!check_extents(r, 3, HH, 3, (int64_t *[]){&directions, &rows, &hidden}) ||
      !check_extents(r, 3, IH, 3, (int64_t *[]){&directions, &rows, &in}))
    return false;
  /* C4: bias is [directions, 2 * gates * hidden], peephole [directions, 3 * hidden]. */
  if (!check_extents(r, 4, BIAS, 2, (int64_t *[]){&directions, &biases}) ||
      !check_extents(r, 4, PEEPHOLE, 2, (int64_t *[]){&directions, &peepholes}))
    return false;
  /* C5: sequence_lens is an i32 or i64 vector of the batch. */
  if (lens != NULL && lens->dtype != GRAFT_I32 && lens->dtype != GRAFT_I64 && lens->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 5, "sequence_lens is %s", graft_dtype_name(lens->dtype));
  if (!gr_check_vector(r, 5, LENS, &batch, "rows in the batch")) return false;
  /* C6: h_0 and c_0 are [directions, batch, hidden], or [batch, directions, hidden] where batch_first. */
  int64_t *const state[3] = {first ? &batch : &directions, first ? &directions : &batch, &hidden};
  if (!check_extents(r, 6, H_0, 3, state) || !check_extents(r, 6, C_0, 3, state)) return false;

  const graft_dtype dtype = x->dtype != GRAFT_UNKNOWN ? x->dtype : ih->dtype;
  const graft_type all = {
      .dtype = dtype,
      .rank = 4,
      .dims = {first ? batch : steps, first ? steps : directions, first ? directions : batch, hidden}};
  *gr_rule_result(r) = all;
  for (uint32_t i = 1; i < r->in->result_count; ++i)
    r->in->results[i] = (graft_type){.dtype = dtype, .rank = 3, .dims = {*state[0], *state[1], hidden}};
  return true;
}

/* What flows to the operands of a recurrent layer, all of which but dh_n and dc_n come in its order, behind dy. */
bool gr_rule_recurrent_backward(const gr_rule *r) {
  const uint32_t op = gr_op_forward(r->in->op), own = gr_op_get(op)->operand_count;
  const bool first = gr_rule_int(r, GR_ATTR(lstm, batch_first)) != 0;
  const graft_type *operands[GR_MAX_OPERANDS];
  for (uint32_t i = 0; i < own; ++i) operands[i] = gr_rule_operand(r, i + 1);
  graft_type forward[3] = {{.rank = -1}, {.rank = -1}, {.rank = -1}};
  const uint32_t results = gr_op_get(op)->result_count;
  char error[GR_INFER_ERROR_SIZE] = "";
  gr_infer in = {.module = r->in->module,
                 .op = op,
                 .attrs = r->in->attrs,
                 .operands = operands,
                 .operand_count = own,
                 .results = forward,
                 .result_count = results,
                 .error = error};
  /* C1: the layer takes such operands. */
  if (!gr_infer_types(&in)) return gr_infer_fail(r, 1, "%s says %.120s", gr_op_get(op)->name, error);
  /* C2: dy, dh_n and dc_n have the types of its results y, h_n and c_n. */
  for (uint32_t i = 0; i < results; ++i) {
    const uint32_t slot = i == 0 ? 0 : own + i;
    const graft_type *t = gr_rule_operand(r, slot);
    if (t != NULL && !gr_type_compatible(&forward[i], t))
      return gr_infer_fail(r, 2, "%s has another type than the result of %s", gr_rule_operand_name(r, slot),
                           gr_op_get(op)->name);
  }
  enum { DBIAS = GR_RESULT(lstm_backward, dbias), DPEEPHOLE = GR_RESULT(lstm_backward, dpeephole) };
  const int64_t directions = forward[0].dims[first ? 2 : 1], hidden = forward[0].dims[3];
  int64_t biases = op == GR_OP_lstm ? 8 : op == GR_OP_gru ? 6 : 2;
  if (hidden < 0 || !gr_extent_mul(&biases, hidden)) biases = -1;
  for (uint32_t i = 0; i < r->in->result_count; ++i)
    r->in->results[i] =
        i < DBIAS    ? *operands[i]
        : i == DBIAS ? (graft_type){.dtype = forward[0].dtype, .rank = 2, .dims = {directions, biases}}
        : i == DPEEPHOLE
            ? (graft_type){.dtype = forward[0].dtype, .rank = 2, .dims = {directions, hidden < 0 ? -1 : 3 * hidden}}
            : forward[1];
  return true;
}
