/* Elementwise ops one after another over a large array, block by block: what goes from one to the next is a block that
 * stays in the first-level cache, and is never whole in memory. A block is a slice of the first axis. Each op runs its
 * own kernel on it, on operands cut alike, so the result is the same bit for bit as op by op. The last op may also
 * quantize, or find the range that an observer takes. */
#include "runtime/chain_impl.h"

#include "ir/graph/budget_int.h"

#include <string.h>

enum { MAX_LINKS = 12, BLOCK_BYTES = 16384 };

typedef struct link {
  const gr_kernel_info *kernel;
  gr_kernel_call call;
  graft_type types[GR_MAX_OPERANDS], type; /* of the block at hand */
  size_t slices[GR_MAX_OPERANDS], slice;   /* bytes of one index of the first axis; 0: read whole for every block */
  const char *data[GR_MAX_OPERANDS];
  char *block; /* what it makes */
  gr_in in[GR_MAX_OPERANDS];
  gr_out out[GR_MAX_RESULTS];
} link;

typedef struct chain {
  link links[MAX_LINKS]; /* in order */
  uint32_t count;
  uint64_t work; /* of all links */
  int64_t rows;
  gr_observation seen; /* of a last op that observes */
  bool observes, quantizes;
  bool factors; /* the last but one multiplies each index of the first axis by a number, which the last does as it reads
                 */
  bool finite;  /* what is quantized must be */
} chain;

#define QUANTIZES (GR_F_Q | GR_F_DQ | GR_F_FAKE_QUANTIZE)

/* Slices of the result need the same slices of operand 0, and no more of it. */
static bool in_slices(const gr_kernel_call *k, const graft_type *x, const graft_type *y) {
  const uint32_t families = gr_op_get(k->op)->families;
  if (families & GR_F_OBSERVE)
    return gr_k_none(k, GR_ATTR(observe, axis)) || gr_k_int(k, GR_ATTR(observe, groups)) == 1;
  if (families & QUANTIZES) return !gr_quantizes_by_channel(k) || gr_k_int(k, GR_ATTR(fake_quantize, groups)) == 1;
  return (families & GR_F_ELEMENTWISE) && !(families & GR_F_RANDOM) && gr_same_shape(x, y);
}

/* Is operand i cut as operand 0 is? */
static bool is_cut(const gr_kernel_call *k, uint32_t i, const graft_type *x) {
  const uint32_t families = gr_op_get(k->op)->families;
  if (i == 0) return true;
  if (families & GR_F_OBSERVE) return false;
  if (families & QUANTIZES)
    return gr_quantizes_by_channel(k) && gr_axis(gr_k_int(k, GR_ATTR(fake_quantize, axis)), x->rank) == 0;
  return k->operands[i].type->rank == x->rank && k->operands[i].type->dims[0] != 1;
}

static size_t slice_bytes(const graft_type *t) { return (size_t)gr_extent(t, 1, t->rank) * graft_dtype_size(t->dtype); }

/* Operand 0 is of type x, its data comes later. False: the op cannot be part of a chain. */
static bool add_link(chain *h, graft_module *m, gr_scratch *scratch, const gr_unmade *op, const graft_type *x,
                     graft_type *y, gr_loc where) {
  link *l = &h->links[h->count];
  const graft_type *types[GR_MAX_OPERANDS];
  char message[160];
  if (h->count == MAX_LINKS || op->operand_count > GR_MAX_OPERANDS) return false;
  *l = (link){.kernel = gr_kernel_get(op->op)};
  if (!l->kernel) return false;
  for (uint32_t i = 0; i < op->operand_count; i++) {
    const gr_array *a = &op->operands[i];
    types[i] = i == 0 ? x : a->data ? &a->type : NULL;
    if (!types[i]) continue;
    l->types[i] = *types[i];
    l->data[i] = a->data;
    l->in[i] = (gr_in){.type = &l->types[i], .data = a->data, .count = graft_type_elements(types[i])};
  }
  gr_infer in = {.module = m,
                 .op = op->op,
                 .attrs = op->attrs,
                 .operands = types,
                 .operand_count = op->operand_count,
                 .results = y,
                 .result_count = 1,
                 .error = message};
  if (!gr_infer_types(&in) || y->rank < 1) return false;
  h->work += gr_op_work(m, op->op, op->attrs, types, op->operand_count, y, 1);
  l->type = *y;
  l->out[0].type = &l->type;
  l->call = (gr_kernel_call){.context = m->context,
                             .isa = gr_isa_best(),
                             .module = m,
                             .op = op->op,
                             .attrs = op->attrs,
                             .operands = l->in,
                             .operand_count = op->operand_count,
                             .results = l->out,
                             .result_count = 1,
                             .scratch = scratch,
                             .where = where};
  if (!in_slices(&l->call, x, y)) return false;
  if (gr_kernel_for(l->kernel, &l->call) != l->kernel->run) return false; /* needs memory for every block */
  for (uint32_t i = 0; i < op->operand_count; i++)
    if (types[i] && is_cut(&l->call, i, x)) l->slices[i] = slice_bytes(types[i]);
  l->slice = slice_bytes(y);
  h->count++;
  return true;
}

/* The blocks between the links; a kernel that may write over its operand does. */
static bool add_blocks(chain *h, gr_scratch *scratch, int64_t rows) {
  for (uint32_t i = 0; i + 1 < h->count; i++) {
    link *l = &h->links[i];
    if (i > 0 && (l->kernel->reuse[0] & 1) && l->slice == h->links[i - 1].slice)
      l->block = h->links[i - 1].block;
    else
      l->block = gr_scratch_alloc(scratch, (size_t)rows, l->slice);
    if (!l->block) return false;
  }
  return true;
}

static void set_rows(chain *h, int64_t rows) {
  for (uint32_t i = 0; i < h->count; i++) {
    link *l = &h->links[i];
    for (uint32_t j = 0; j < l->call.operand_count; j++) {
      if (!l->slices[j]) continue;
      l->types[j].dims[0] = rows;
      l->in[j].count = graft_type_elements(&l->types[j]);
    }
    l->type.dims[0] = rows;
    l->out[0].count = graft_type_elements(&l->type);
  }
}

graft_status gr_quantizable(const gr_kernel_call *k, const void *x, int64_t count) {
  if (!(gr_op_get(k->op)->families & GR_F_Q) || k->operands[0].type->dtype != GRAFT_F32) return GRAFT_OK;
  if (gr_all_finite(k->isa, x, count)) return GRAFT_OK;
  return gr_kernel_error(k, "elements are NaN or infinite: they cannot be quantized");
}

static void set_operands(link *l, const char *x, int64_t row) {
  l->in[0].data = x;
  for (uint32_t j = 1; j < l->call.operand_count; j++)
    if (l->slices[j]) l->in[j].data = l->data[j] + (size_t)row * l->slices[j];
}

/* The last op reads x, or x times the factors of the op before it. */
static graft_status run_last(chain *h, const char *x, const float *factors, int64_t row, char *y, bool *done) {
  link *l = &h->links[h->count - 1];
  *done = false;
  set_operands(l, x, row);
  l->out[0].data = y + (size_t)row * l->slice;
  if (h->observes) {
    gr_observe_rows(&h->seen, (const float *)(const void *)x, factors, row, l->types[0].dims[0]);
    *done = true;
  } else if (h->quantizes) {
    return gr_quantize_finite(&l->call, factors, done);
  }
  return GRAFT_OK;
}

static graft_status run_block(chain *h, int64_t row, char *y) {
  const char *x = h->links[0].data[0] + (size_t)row * h->links[0].slices[0];
  for (uint32_t i = 0; i < h->count; i++) {
    link *l = &h->links[i];
    const bool last = i + 1 == h->count;
    graft_status status = GRAFT_OK;
    bool done = false;
    set_operands(l, x, row);
    if (last)
      status = run_last(h, x, NULL, row, y, &done);
    else if (h->factors && i + 2 == h->count)
      status = run_last(h, x, l->in[1].data, row, y, &done);
    if (status || done) return status;
    if (h->finite) status = gr_quantizable(&l->call, x, l->in[0].count);
    if (status) return status;
    l->out[0].data = last ? y + (size_t)row * l->slice : l->block;
    if ((status = l->kernel->run(&l->call))) return status;
    x = l->out[0].data;
  }
  return GRAFT_OK;
}

static graft_status run(chain *h, gr_scratch *scratch, char *y) {
  int64_t rows = h->rows;
  size_t widest = 1;
  for (uint32_t i = 0; i < h->count; i++)
    if (h->links[i].slices[0] > widest) widest = h->links[i].slices[0];
  int64_t block = widest < BLOCK_BYTES ? (int64_t)(BLOCK_BYTES / widest) : 1;
  if (!add_blocks(h, scratch, block)) return GRAFT_NO_MEMORY;
  const gr_kernel_call *last = &h->links[h->count - 1].call;
  graft_status status = gr_spend(last->context, last->where, h->work);
  for (int64_t row = 0; !status && row < rows; row += block) {
    if ((status = gr_spend(last->context, last->where, 0))) break;
    if (row == 0 || rows - row < block) set_rows(h, rows - row < block ? rows - row : block);
    status = run_block(h, row, y);
  }
  return status;
}

/* Is each index of the first axis multiplied by a number? */
static bool multiplies_rows(const link *l) {
  return l->call.op == GR_OP_mul && l->types[0].dtype == GRAFT_F32 && l->slices[1] == sizeof(float);
}

/* Every op of the chain, the first one first; false: one of them cannot be part of it. */
static bool build(chain *h, graft_module *m, gr_scratch *scratch, const gr_unmade *last, gr_loc where) {
  const gr_unmade *ops[MAX_LINKS];
  uint32_t count = 0;
  for (const gr_unmade *op = last; op; op = op->operands[0].data ? NULL : op->operands[0].from) {
    if (count == MAX_LINKS || op->operand_count == 0) return false;
    ops[count++] = op;
  }
  if (count == 0) return false;
  const gr_array *first = &ops[count - 1]->operands[0];
  if (!first->data || first->type.rank < 1) return false;
  graft_type x = first->type, y;
  h->rows = x.dims[0];
  while (count--) {
    if (!add_link(h, m, scratch, ops[count], &x, &y, where)) return false;
    x = y;
  }
  const link *end = &h->links[h->count - 1];
  h->observes = (gr_op_get(last->op)->families & GR_F_OBSERVE) != 0;
  h->quantizes = (gr_op_get(last->op)->families & GR_F_Q) && end->types[0].dtype == GRAFT_F32 &&
                 (!gr_quantizes_by_channel(&end->call) || end->slices[1]);
  h->factors = h->count > 1 && multiplies_rows(end - 1);
  return true;
}

graft_status gr_chain_run(graft_module *m, gr_scratch *scratch, const gr_unmade *last, bool finite, gr_array *result,
                          gr_loc where, bool *done) {
  graft_context *c = m->context;
  chain *h = gr_alloc(c, sizeof *h); /* each link is cleared when it is added */
  if (!h) return GRAFT_NO_MEMORY;
  graft_status status = GRAFT_OK;
  h->count = 0;
  h->work = 0;
  h->finite = finite;
  *done = build(h, m, scratch, last, where);
  if (*done) {
    link *l = &h->links[h->count - 1];
    if (h->observes) status = gr_observe_begin(&l->call, &h->seen);
    if (!status && h->observes && !h->seen.range) *done = false;
    if (!status && *done) status = gr_array_make(c, &l->type, result);
    if (!status && *done) status = run(h, scratch, result->buffer->data);
    if (!status && *done && h->observes) {
      l->out[0].data = result->buffer->data;
      gr_observe_end(&l->call, &h->seen);
    }
  }
  gr_free(c, h, sizeof *h);
  return status;
}
