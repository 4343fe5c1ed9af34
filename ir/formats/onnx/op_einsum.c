/* Einsum: matrix products become matmul, which is fast and which quantizers know; the rest stays einsum. */
#include "ir/formats/onnx/handler_impl.h"
#include "ir/infer/einsum_int.h"

/* A label's part in a product of two operands. */
typedef struct parts {
  uint8_t batch[GRAFT_MAX_RANK];
  int32_t batches;
  int rows, columns, inner; /* -1: none */
} parts;

static int32_t find(const gr_einsum_term *t, int label) {
  int32_t i = 0;
  while (i < t->count && t->letters[i] != label) i++;
  return i < t->count ? i : -1;
}

static bool repeats(const gr_einsum_term *t) {
  for (int32_t i = 0; i < t->count; i++)
    if (find(t, t->letters[i]) != i) return true;
  return false;
}

/* Is it one: no "...", no letter twice in a term, one letter summed, which both have with the same known extent? The
 * last letter that one operand has alone is its rows or columns; others are batch axes, of extent 1 in the other. */
static bool is_product(const gr_einsum *e, const graft_type *x, const graft_type *other, parts *p) {
  const gr_einsum_term *a = &e->operands[0], *b = &e->operands[1], *y = &e->result;
  *p = (parts){.rows = -1, .columns = -1, .inner = -1};
  if (e->count != 2 || a->before >= 0 || b->before >= 0 || repeats(a) || repeats(b)) return false;
  if (x->rank != a->count || other->rank != b->count) return false;
  for (int32_t i = 0; i < a->count; i++) {
    const int32_t in_b = find(b, a->letters[i]);
    if (find(y, a->letters[i]) >= 0) continue;
    if (in_b < 0 || p->inner >= 0 || x->dims[i] < 0 || x->dims[i] != other->dims[in_b]) return false;
    p->inner = a->letters[i];
  }
  for (int32_t i = 0; i < b->count; i++)
    if (find(y, b->letters[i]) < 0 && b->letters[i] != p->inner) return false;
  for (int32_t i = 0; i < y->count; i++) {
    const bool in_a = find(a, y->letters[i]) >= 0, in_b = find(b, y->letters[i]) >= 0;
    if (in_a && !in_b) p->rows = y->letters[i];
    if (in_b && !in_a) p->columns = y->letters[i];
  }
  for (int32_t i = 0; i < y->count; i++)
    if (y->letters[i] != p->rows && y->letters[i] != p->columns) p->batch[p->batches++] = y->letters[i];
  return p->inner >= 0 && p->rows >= 0 && p->columns >= 0;
}

static bool in_order(const int64_t *dims, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (dims[i] != i) return false;
  return true;
}

static graft_value permuted(gr_onnx *in, graft_value x, const int64_t *dims, uint32_t count) {
  if (in_order(dims, count)) return x;
  gr_onnx_begin(in, GR_OP_permute);
  gr_onnx_set_ints(in, "dims", dims, count);
  return gr_onnx_step(in, &x, 1);
}

/* The operand with its axes in the order [batch…, first, second]; a batch axis that it lacks has extent 1. */
static graft_value arranged(gr_onnx *in, graft_value x, const gr_einsum_term *t, const parts *p, int first,
                            int second) {
  int64_t dims[GRAFT_MAX_RANK] = {0};
  uint32_t count = 0;
  for (int32_t i = 0; i < p->batches; i++)
    if (find(t, p->batch[i]) >= 0) dims[count++] = find(t, p->batch[i]);
  dims[count++] = find(t, first);
  dims[count++] = find(t, second);
  x = permuted(in, x, dims, count);
  for (int32_t i = 0; i < p->batches && x != GRAFT_NONE; i++) {
    if (find(t, p->batch[i]) >= 0) continue;
    gr_onnx_begin(in, GR_OP_unsqueeze);
    gr_onnx_set_int(in, "dim", i);
    x = gr_onnx_step(in, &x, 1);
  }
  return x;
}

static bool product(gr_onnx *in, const gr_einsum *e, const parts *p) {
  const graft_value x = arranged(in, gr_onnx_input(in, 0), &e->operands[0], p, p->rows, p->inner);
  if (x == GRAFT_NONE) return false;
  const graft_value other = arranged(in, gr_onnx_input(in, 1), &e->operands[1], p, p->inner, p->columns);
  if (other == GRAFT_NONE) return false;
  int64_t dims[GRAFT_MAX_RANK] = {0};
  for (int32_t i = 0, batch = 0; i < e->result.count; i++)
    dims[i] = e->result.letters[i] == p->rows      ? p->batches
              : e->result.letters[i] == p->columns ? p->batches + 1
                                                   : batch++;
  gr_onnx_begin(in, GR_OP_matmul);
  const graft_value operands[] = {x, other};
  if (in_order(dims, (uint32_t)e->result.count)) return gr_onnx_finish(in, operands, 2);
  const graft_value y = gr_onnx_step(in, operands, 2);
  if (y == GRAFT_NONE) return false;
  gr_onnx_begin(in, GR_OP_permute);
  gr_onnx_set_ints(in, "dims", dims, (uint32_t)e->result.count);
  return gr_onnx_finish(in, &y, 1);
}

bool gr_onnx_einsum(gr_onnx *in) {
  const Onnx__AttributeProto *given = gr_onnx_attr(in, "equation");
  const uint32_t count = (uint32_t)in->node->n_input;
  char equation[400], message[160];
  gr_einsum e;
  parts p;
  if (!given || given->s.len >= sizeof equation)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "Einsum needs an equation of less than %zu bytes", sizeof equation),
           false;
  memcpy(equation, given->s.data, given->s.len);
  equation[given->s.len] = '\0';
  if (!gr_einsum_parse(equation, &e, message, sizeof message))
    return gr_onnx_fail(in, GRAFT_TYPE, "Einsum: %s", message), false;
  if (e.count != count)
    return gr_onnx_fail(in, GRAFT_TYPE, "Einsum: the equation has %u terms for %u inputs", e.count, count), false;
  graft_value operands[GR_EINSUM_OPERANDS];
  for (uint32_t i = 0; i < count; i++)
    if ((operands[i] = gr_onnx_input(in, i)) == GRAFT_NONE) return false;
  if (count == 2 && is_product(&e, gr_onnx_value_type(in, operands[0]), gr_onnx_value_type(in, operands[1]), &p))
    return product(in, &e, &p);
  gr_onnx_begin(in, GR_OP_einsum);
  gr_onnx_set_string(in, "equation", equation);
  return gr_onnx_finish(in, operands, count);
}
