/* Running an integer layer: what the first run makes once, and each run. */
#include "runtime/onednn/integer_impl.h"

#include <stdlib.h>
#include <string.h>

#define EXACT ((double)((int64_t)1 << 24))
enum { ALIGNMENT = 64 };

/* ---- what is made once ---- */

void gr_integer_unmake(gr_integer *n) {
  for (uint32_t i = 0; i < n->shape_count; i++) {
    if (n->shapes[i].primitive) (void)dnnl_primitive_destroy(n->shapes[i].primitive);
    n->shapes[i].primitive = NULL;
  }
  if (n->weight) (void)dnnl_memory_destroy(n->weight);
  if (n->zero) (void)dnnl_memory_destroy(n->zero);
  n->weight = n->zero = NULL;
  n->made = false;
  if (n->kept) gr_scratch_reset(n->kept);
}

static bool same_operands(const gr_integer *n, const gr_kernel_call *k) {
  for (uint32_t i = GR_L_WEIGHT; i < GR_L_COUNT; i++) {
    if (i == GR_L_OTHER) continue;
    const gr_in *in = &k->operands[i];
    if (in->data && (in->version == 0 || in->version != n->version[i] || in->data != n->source[i])) return false;
  }
  return n->made;
}

/* The largest sum that there can be. */
static double largest_sum(const gr_integer *n, const gr_kernel_call *k) {
  const gr_in *w = &k->operands[GR_L_WEIGHT];
  const int64_t outer = n->transposed ? w->type->dims[0] : 1,
                channels = n->transposed ? w->type->dims[1] : w->type->dims[0];
  const int64_t inner = w->count / outer / channels;
  const int8_t *data = w->data;
  int64_t largest = 0;
  for (int64_t c = 0; c < channels; c++) { /* of all groups together, where it is transposed */
    int64_t sum = 0;
    for (int64_t o = 0; o < outer; o++)
      for (int64_t i = 0; i < inner; i++) sum += abs(data[(o * channels + c) * inner + i]);
    if (sum > largest) largest = sum;
  }
  return (double)largest * (double)gr_most_of(k->operands[GR_L_X].type->dtype, &k->operands[GR_L_X_ZERO]);
}

static bool all_zero(const gr_in *z) {
  for (int64_t i = 0; i < z->count; i++)
    if (((const int32_t *)z->data)[i] != 0) return false;
  return true;
}

static bool make_weight(gr_integer *n, const gr_kernel_call *k, const dnnl_memory_desc_t *wants) {
  const dnnl_memory_desc_t plain = gr_integer_weight(n);
  dnnl_primitive_desc_t desc = NULL;
  dnnl_primitive_t reorder = NULL;
  dnnl_memory_t from = NULL;
  void *packed = gr_scratch_alloc(n->kept, dnnl_memory_desc_get_size(wants), 1);
  dnnl_engine_t engine = n->all->engine;
  bool done = packed &&
              dnnl_memory_create(&from, &plain, engine, (void *)k->operands[GR_L_WEIGHT].data) == dnnl_success &&
              dnnl_memory_create(&n->weight, wants, engine, packed) == dnnl_success &&
              dnnl_reorder_primitive_desc_create(&desc, &plain, engine, wants, engine, NULL) == dnnl_success &&
              dnnl_primitive_create(&reorder, desc) == dnnl_success;
  if (done) {
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, n->weight}};
    done = dnnl_primitive_execute(reorder, n->all->streams[0], 2, args) == dnnl_success &&
           dnnl_stream_wait(n->all->streams[0]) == dnnl_success;
  }
  if (reorder) (void)dnnl_primitive_destroy(reorder);
  if (desc) (void)dnnl_primitive_desc_destroy(desc);
  if (from) (void)dnnl_memory_destroy(from);
  return done;
}

static bool make_primitives(gr_integer *n, const gr_kernel_call *k) {
  const dnnl_dims_t one = {1};
  dnnl_memory_desc_t number;
  memset(&number, 0, sizeof number);
  n->scratchpad_size = 0;
  n->zero_point = *(const int32_t *)k->operands[GR_L_X_ZERO].data + (n->x_turned ? 128 : 0);
  if (dnnl_memory_desc_init_by_tag(&number, 1, one, dnnl_s32, dnnl_a) != dnnl_success ||
      dnnl_memory_create(&n->zero, &number, n->all->engine, &n->zero_point) != dnnl_success)
    return false;
  dnnl_memory_desc_t weight;
  for (uint32_t i = 0; i < n->shape_count; i++) {
    dnnl_primitive_desc_t desc;
    if (!gr_integer_primitive(n, &n->shapes[i], i ? &weight : NULL, gr_integer_type(n, k), n->zero_point != 0, &desc))
      return false;
    weight = *dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    const size_t size = dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0));
    if (size > n->scratchpad_size) n->scratchpad_size = size;
    const bool made =
        dnnl_primitive_create(&n->shapes[i].primitive, desc) == dnnl_success && (i > 0 || make_weight(n, k, &weight));
    (void)dnnl_primitive_desc_destroy(desc);
    if (!made) return false;
  }
  return true;
}

/* The requantization of what lies as u8. */
static void turn(gr_integer *n) {
  gr_requantize *q = &n->layer.q;
  if (n->y_turned) gr_requantize_turn(q);
  if (n->other_turned) q->other_zero_point += 128;
}

static graft_status make(gr_integer *n, const gr_kernel_call *k) {
  gr_kernel_call call = *k;
  const gr_in *bias = &k->operands[GR_L_BIAS];
  const bool bias_int = bias->data && bias->type->dtype == GRAFT_I32;
  gr_integer_unmake(n);
  call.scratch = n->kept;
  n->layer = (gr_quantized_layer){0};
  graft_status s = gr_quantized_layer_begin(&n->layer, &call);
  if (s) return s;
  const double most = largest_sum(n, k);
  n->exact = most >= EXACT && (bias_int || n->layer.q.mode != GR_requantization_float || n->layer.q.precise);
  n->plain = n->layer.wide || !all_zero(&k->operands[GR_L_WEIGHT_ZERO]);
  if (!n->plain) {
    turn(n);
    const int threads = gr_dnnl_alone();
    n->plain = !make_primitives(n, k);
    gr_dnnl_together(threads);
    s = gr_rows_begin(&call, &n->layer.q, bias_int ? bias->data : NULL, &n->rows);
    if (s) return s;
  }
  for (uint32_t i = GR_L_WEIGHT; i < GR_L_COUNT; i++) {
    n->source[i] = k->operands[i].data;
    n->version[i] = k->operands[i].version;
  }
  n->made = true;
  return GRAFT_OK;
}

/* ---- run ---- */

typedef struct integer_run {
  gr_integer *n;
  const graft_context *context;
  gr_isa isa;
  gr_requantize q;
  gr_rows rows;
  const uint8_t *x;
  int32_t *sums; /* of each worker */
  char *scratchpad;
  size_t scratchpad_step;
  uint8_t *outcome; /* by piece */
} integer_run;

enum { DONE, FAILED, BEYOND };

static int64_t row_size(const gr_integer *n, bool out) {
  int64_t size = out ? n->channels_out : n->channels_in;
  for (int i = 1; i < n->axes; i++) size *= out ? n->a[i].out : n->a[i].in;
  return size;
}

static bool sum_up(const integer_run *r, const gr_integer_shape *s, const uint8_t *x, int32_t *sums, uint32_t worker) {
  const gr_integer *n = r->n;
  dnnl_memory_t src = NULL, dst = NULL, pad = NULL;
  dnnl_memory_desc_t bytes;
  const dnnl_dims_t size = {(int64_t)n->scratchpad_size};
  memset(&bytes, 0, sizeof bytes);
  bool done = dnnl_memory_create(&src, &s->src, n->all->engine, (void *)x) == dnnl_success &&
              dnnl_memory_create(&dst, &s->dst, n->all->engine, sums) == dnnl_success;
  dnnl_exec_arg_t args[5] = {{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, n->weight}, {DNNL_ARG_DST, dst}};
  int count = 3;
  if (n->zero_point != 0) args[count++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, n->zero};
  if (done && size[0] > 0) {
    done =
        dnnl_memory_desc_init_by_tag(&bytes, 1, size, dnnl_u8, dnnl_a) == dnnl_success &&
        dnnl_memory_create(&pad, &bytes, n->all->engine, r->scratchpad + worker * r->scratchpad_step) == dnnl_success;
    args[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, pad};
  }
  done = done && dnnl_primitive_execute(s->primitive, n->all->streams[worker], count, args) == dnnl_success &&
         dnnl_stream_wait(n->all->streams[worker]) == dnnl_success;
  if (src) (void)dnnl_memory_destroy(src);
  if (dst) (void)dnnl_memory_destroy(dst);
  if (pad) (void)dnnl_memory_destroy(pad);
  return done;
}

/* Is one among them that may have been rounded? */
static bool any_beyond(const int32_t *sums, int64_t count) {
  int32_t beyond = 0;
  for (int64_t i = 0; i < count; i++) beyond |= (sums[i] >= (int32_t)EXACT) | (sums[i] <= -(int32_t)EXACT);
  return beyond;
}

static void run_pieces(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const integer_run *r = user;
  const gr_integer *n = r->n;
  const int64_t in_row = row_size(n, false), out_row = row_size(n, true);
  int32_t *sums = r->sums + (int64_t)worker * n->most;
  const int threads = gr_dnnl_alone();
  for (int64_t i = begin; i < end; i++) {
    r->outcome[i] = DONE;
    if (gr_cancelled(r->context)) continue;
    const int64_t image = i / n->piece_count;
    const gr_integer_piece *p = &n->pieces[i % n->piece_count];
    const gr_integer_shape *s = &n->shapes[p->shape];
    const bool done = sum_up(r, s, r->x + (image * n->a[0].in + p->in) * in_row, sums, worker);
    r->outcome[i] = !done ? FAILED : n->exact && any_beyond(sums, s->out * out_row) ? BEYOND : DONE;
    if (r->outcome[i] == DONE)
      gr_rows_run(&r->rows, r->isa, sums, s->out * out_row, (image * n->a[0].out + p->out) * out_row);
  }
  gr_dnnl_together(threads);
}

/* x, what is added and y have their channels side by side. `*again`: sums that must be exact are not, run_plain has
 * them so; nothing that it reads was written to. */
static graft_status run(gr_integer *n, const gr_kernel_call *k, bool *again) {
  const size_t workers = gr_threads_count(k->threads), pieces = (size_t)n->images * n->piece_count;
  integer_run r = {
      .n = n, .context = k->context, .isa = k->isa, .q = n->layer.q, .rows = n->rows, .x = k->operands[GR_L_X].data};
  r.rows.q = &r.q;
  r.q.y = k->results[0].data;
  graft_type as_u8;
  gr_in other = k->operands[GR_L_OTHER];
  if (r.q.other) {
    as_u8 = *other.type;
    if (n->other_turned) as_u8.dtype = GRAFT_U8;
    other.type = &as_u8;
    r.q.other = &other;
  }
  r.scratchpad_step = (n->scratchpad_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  r.sums = gr_scratch_alloc(k->scratch, workers * (size_t)n->most, sizeof *r.sums);
  r.scratchpad = gr_scratch_alloc(k->scratch, workers * r.scratchpad_step, 1);
  r.outcome = gr_scratch_alloc(k->scratch, pieces, sizeof *r.outcome);
  if (!r.sums || !r.scratchpad || !r.outcome) return GRAFT_NO_MEMORY;
  gr_parallel_for(k->threads, (int64_t)pieces, 1, run_pieces, &r);
  for (size_t i = 0; i < pieces; i++) {
    if (r.outcome[i] == FAILED) return gr_kernel_error(k, "%s: oneDNN failed", gr_op_text(k->module, k->op));
    *again |= r.outcome[i] == BEYOND;
  }
  return GRAFT_OK;
}

/* The plain kernel, which wants C order. */
static graft_status run_plain(gr_integer *n, const gr_kernel_call *k) {
  gr_in operands[GR_MAX_OPERANDS];
  gr_out results[GR_MAX_RESULTS] = {k->results[0]};
  gr_kernel_call call = *k;
  if (n->of == GR_OP_linear) return gr_kernel_quantized_layer(k);
  memcpy(operands, k->operands, sizeof operands);
  for (uint32_t i = GR_L_X; i <= GR_L_OTHER; i += GR_L_OTHER) {
    gr_in *in = &operands[i];
    if (!in->data) continue;
    void *turned = gr_scratch_alloc(k->scratch, (size_t)in->count, 1);
    if (!turned) return GRAFT_NO_MEMORY;
    gr_integer_turn(in->type, in->data, true, i == GR_L_X ? n->x_turned : n->other_turned, turned);
    in->data = turned;
  }
  results[0].data = gr_scratch_alloc(k->scratch, (size_t)results[0].count, 1);
  if (!results[0].data) return GRAFT_NO_MEMORY;
  call.operands = operands;
  call.results = results;
  const graft_status s = gr_kernel_quantized_layer(&call);
  if (!s) gr_integer_turn(results[0].type, results[0].data, false, n->y_turned, k->results[0].data);
  return s;
}

graft_status gr_integer_run(void *kernel, const gr_kernel_call *k) {
  gr_integer *n = kernel;
  graft_status s = same_operands(n, k) ? GRAFT_OK : make(n, k);
  bool again = n->plain;
  if (!s && !n->plain) s = run(n, k, &again);
  return !s && again ? run_plain(n, k) : s;
}
