/* The backend of integer ops on bytes: layers by oneDNN (integer_layer.c), and what stands between them. Values lie
 * with their channels side by side, i8 as u8; of that one layout each shape and dtype has a number of its own. */
#include "runtime/kernels/pool_impl.h"
#include "runtime/onednn/integer_impl.h"

bool gr_integer_start(gr_integers *all) {
  const int32_t any = DNNL_RUNTIME_S32_VAL;
  if (all->failed || all->ready) return all->ready;
  all->ready = dnnl_engine_create(&all->engine, dnnl_cpu, 0) == dnnl_success &&
               dnnl_primitive_attr_create(&all->attr) == dnnl_success &&
               dnnl_primitive_attr_set_scratchpad_mode(all->attr, dnnl_scratchpad_mode_user) == dnnl_success &&
               dnnl_primitive_attr_clone(&all->attr_zero_point, all->attr) == dnnl_success &&
               dnnl_primitive_attr_set_zero_points(all->attr_zero_point, DNNL_ARG_SRC, 1, 0, &any) == dnnl_success;
  for (uint32_t i = 0; all->ready && i < all->threads; i++)
    all->ready = dnnl_stream_create(&all->streams[i], all->engine, dnnl_stream_default_flags) == dnnl_success;
  all->failed = !all->ready;
  return all->ready;
}

static void close_state(void *state) {
  gr_integers *all = state;
  for (uint32_t i = 0; i < all->threads; i++)
    if (all->streams[i]) (void)dnnl_stream_destroy(all->streams[i]);
  if (all->attr_zero_point) (void)dnnl_primitive_attr_destroy(all->attr_zero_point);
  if (all->attr) (void)dnnl_primitive_attr_destroy(all->attr);
  if (all->engine) (void)dnnl_engine_destroy(all->engine);
  gr_vec_free(all->context, &all->layouts);
  gr_map_free(all->context, &all->numbers);
  gr_free(all->context, all->streams, all->threads * sizeof *all->streams);
  gr_free(all->context, all, sizeof *all);
}

static graft_status open_state(graft_context *c, const graft_backend *given, uint32_t threads, void **state) {
  gr_integers *all = gr_alloc(c, sizeof *all);
  (void)given;
  if (!all) return GRAFT_NO_MEMORY;
  *all = (gr_integers){.context = c, .threads = threads ? threads : 1};
  all->streams = gr_calloc(c, all->threads, sizeof *all->streams);
  if (all->streams) {
    *state = all;
    return GRAFT_OK;
  }
  gr_free(c, all, sizeof *all);
  return GRAFT_NO_MEMORY;
}

/* ---- layouts ---- */

bool gr_integer_layout(gr_integers *all, const graft_type *t, uint32_t *layout) {
  *layout = 0;
  if (t->rank < 3 || t->dims[1] == 1 || gr_extent(t, 2, t->rank) == 1) return true; /* it is C order */
  uint64_t key = gr_mix(gr_hash_bytes(t->dims, (size_t)t->rank * sizeof *t->dims) ^ (uint64_t)t->dtype);
  while ((*layout = gr_map_get(&all->numbers, key)) != GRAFT_NONE) {
    if (gr_type_equal(&all->layouts.data[*layout - 1], t)) return true;
    key = gr_mix(key + 1); /* another type's */
  }
  if (!gr_vec_push(all->context, &all->layouts, *t)) return false;
  *layout = all->layouts.len;
  return gr_map_put(all->context, &all->numbers, key, *layout);
}

static void layout_info(const void *state, uint32_t layout, graft_dtype dtype, gr_layout_info *info) {
  const gr_integers *all = state;
  const graft_type *t = &all->layouts.data[layout - 1];
  const int64_t elements = gr_extent(t, 0, t->rank);
  const bool turned = t->dtype == GRAFT_I8; /* others would take them for i8 */
  *info = (gr_layout_info){.bytes = (size_t)elements * graft_dtype_size(dtype),
                           .elements = turned ? 0 : elements,
                           .name = turned ? "channels last, as u8" : "channels last"};
}

typedef struct turn_step {
  gr_integer_step step;
  graft_context *context;
  graft_type type; /* as it is in C order */
  bool back;       /* to C order */
  bool turned;     /* i8 as u8 */
} turn_step;

/* Rows of an image to columns. */
#define TURN(T) \
  static void turn_##T(const T *x, int64_t rows, int64_t columns, T *y) { \
    enum { TILE = 32 }; \
    for (int64_t i0 = 0; i0 < rows; i0 += TILE) \
      for (int64_t j0 = 0; j0 < columns; j0 += TILE) { \
        const int64_t i1 = rows < i0 + TILE ? rows : i0 + TILE, j1 = columns < j0 + TILE ? columns : j0 + TILE; \
        for (int64_t i = i0; i < i1; i++) \
          for (int64_t j = j0; j < j1; j++) y[j * rows + i] = x[i * columns + j]; \
      } \
  }
TURN(uint8_t)
TURN(uint16_t)
TURN(uint32_t)
TURN(uint64_t)

GR_LOOP void turn_top_bits_loop(uint8_t *y, int64_t count) {
  GR_IN_STEP
  for (int64_t i = 0; i < count; i++) y[i] ^= 128;
}
GR_ONE(turn_top_bits, (uint8_t * y, int64_t count), (y, count))

void gr_integer_turn(const graft_type *t, const void *x, bool back, bool turned, void *y) {
  const int64_t plane = gr_extent(t, 2, t->rank), rows = back ? plane : t->dims[1], columns = back ? t->dims[1] : plane;
  for (int64_t n = 0; n < t->dims[0]; n++) {
    const int64_t at = n * rows * columns;
    switch (graft_dtype_size(t->dtype)) {
    case 1: turn_uint8_t((const uint8_t *)x + at, rows, columns, (uint8_t *)y + at); break;
    case 2: turn_uint16_t((const uint16_t *)x + at, rows, columns, (uint16_t *)y + at); break;
    case 4: turn_uint32_t((const uint32_t *)x + at, rows, columns, (uint32_t *)y + at); break;
    default: turn_uint64_t((const uint64_t *)x + at, rows, columns, (uint64_t *)y + at); break;
    }
  }
  if (turned) turn_top_bits[GR_ISA_PLAIN](y, gr_extent(t, 0, t->rank));
}

static graft_status run_turn(void *kernel, const gr_kernel_call *k) {
  const turn_step *s = kernel;
  gr_integer_turn(&s->type, k->operands[0].data, s->back, s->turned, k->results[0].data);
  return GRAFT_OK;
}

static void drop_turn(void *kernel) {
  turn_step *s = kernel;
  gr_free(s->context, s, sizeof *s);
}

static graft_status reorder(void *state, const graft_type *type, uint32_t from, uint32_t to, void **kernel) {
  gr_integers *all = state;
  if (from && to) return GRAFT_OK; /* of two shapes */
  turn_step *s = gr_alloc(all->context, sizeof *s);
  if (!s) return GRAFT_NO_MEMORY;
  *s = (turn_step){.step = {run_turn, drop_turn},
                   .context = all->context,
                   .type = *type,
                   .back = from != 0,
                   .turned = all->layouts.data[(from ? from : to) - 1].dtype == GRAFT_I8};
  *kernel = s;
  return GRAFT_OK;
}

/* ---- what stands between layers: where a value comes in this layout it stays so ---- */

typedef struct other_step {
  gr_integer_step step;
  graft_context *context;
  bool turned[2], y_turned; /* i8 as u8: the first two operands, the result */
} other_step;

static graft_status run_pair(void *kernel, const gr_kernel_call *k) {
  const other_step *s = kernel;
  gr_requantize q;
  const graft_status status = gr_quantized_pair_begin(k, &q);
  if (status) return status;
  if (s->y_turned) gr_requantize_turn(&q);
  gr_quantized_pair(k, &q, gr_integer_of(k->op) == GR_OP_mul, s->turned);
  return GRAFT_OK;
}

static graft_status run_max_pool(void *kernel, const gr_kernel_call *k) {
  return gr_max_pool_rows(k, ((const other_step *)kernel)->turned[0]);
}

static graft_status run_mean(void *kernel, const gr_kernel_call *k) {
  const other_step *s = kernel;
  return gr_quantized_mean_rows(k, s->turned[0], s->y_turned);
}

static void drop_other(void *kernel) {
  other_step *s = kernel;
  gr_free(s->context, s, sizeof *s);
}

static bool is_byte(const graft_type *t) { return t->dtype == GRAFT_U8 || t->dtype == GRAFT_I8; }

/* The first `count` operands and the result are in this layout. */
static graft_status take(gr_integers *all, const gr_kernel_call *k, uint32_t count,
                         graft_status (*run)(void *kernel, const gr_kernel_call *k), gr_answer *answer) {
  other_step *s = gr_alloc(all->context, sizeof *s);
  bool done = s && gr_integer_layout(all, k->results[0].type, &answer->results[0]);
  for (uint32_t i = 0; i < count; i++) done = done && gr_integer_layout(all, k->operands[i].type, &answer->operands[i]);
  if (!done) {
    gr_free(all->context, s, sizeof *s);
    return GRAFT_NO_MEMORY;
  }
  *s = (other_step){.step = {run, drop_other}, .context = all->context};
  for (uint32_t i = 0; i < count; i++) s->turned[i] = gr_integer_turned(answer->operands[i], k->operands[i].type);
  s->y_turned = gr_integer_turned(answer->results[0], k->results[0].type);
  answer->kernel = s;
  return GRAFT_OK;
}

static graft_status prepare_pair(gr_integers *all, const gr_kernel_call *k, const gr_request *request,
                                 gr_answer *answer) {
  const int64_t mode = gr_k_int(k, GR_ATTR(quantized_add, requantize));
  if (!(request->layouts[0] || request->layouts[1]) || !gr_quantized_pair_fits(k) || mode != GR_requantization_float)
    return GRAFT_OK;
  return take(all, k, 2, run_pair, answer);
}

GR_SAME_ATTR(requantize, quantized_add, quantized_mul);

static graft_status prepare_pool(gr_integers *all, const gr_kernel_call *k, const gr_request *request,
                                 graft_status (*run)(void *kernel, const gr_kernel_call *k), gr_answer *answer) {
  if (!request->layouts[0] || !is_byte(k->operands[0].type) || k->result_count > 1 || !is_byte(k->results[0].type))
    return GRAFT_OK;
  /* A maximum is as its operand is. */
  if (run == run_max_pool && gr_extent(k->results[0].type, 2, k->results[0].type->rank) == 1) return GRAFT_OK;
  return take(all, k, 1, run, answer);
}

/* Of a mean: are its axes those of space? */
static bool is_over_space(const gr_kernel_call *k) {
  const int32_t rank = k->operands[0].type->rank;
  uint32_t count, seen = 0;
  const int64_t *axes = gr_k_ints(k, GR_ATTR(quantized_mean, dim), &count);
  for (uint32_t i = 0; i < count; i++) seen |= 1u << gr_axis(axes[i], rank);
  return rank > 2 && seen == (1u << rank) - 4u;
}

static graft_status prepare(void *state, const gr_kernel_call *k, const gr_request *request, gr_answer *answer) {
  gr_integers *all = state;
  switch (k->op) {
  case GR_OP_quantized_add:
  case GR_OP_quantized_add_relu:
  case GR_OP_quantized_mul:
  case GR_OP_quantized_mul_relu: return prepare_pair(all, k, request, answer);
  case GR_OP_max_pool1d:
  case GR_OP_max_pool2d:
  case GR_OP_max_pool3d:
  case GR_OP_adaptive_max_pool1d:
  case GR_OP_adaptive_max_pool2d:
  case GR_OP_adaptive_max_pool3d: return prepare_pool(all, k, request, run_max_pool, answer);
  case GR_OP_quantized_avg_pool1d:
  case GR_OP_quantized_avg_pool2d:
  case GR_OP_quantized_avg_pool3d:
  case GR_OP_quantized_adaptive_avg_pool1d:
  case GR_OP_quantized_adaptive_avg_pool2d:
  case GR_OP_quantized_adaptive_avg_pool3d: return prepare_pool(all, k, request, run_mean, answer);
  case GR_OP_quantized_mean: return is_over_space(k) ? prepare_pool(all, k, request, run_mean, answer) : GRAFT_OK;
  default: return gr_integer_layer(all, k, request, answer);
  }
}

static graft_status run(void *kernel, const gr_kernel_call *k) { return ((gr_integer_step *)kernel)->run(kernel, k); }

static void drop(void *kernel) { ((gr_integer_step *)kernel)->drop(kernel); }

const gr_backend gr_onednn_integers = {.name = "onednn",
                                       .open = open_state,
                                       .close = close_state,
                                       .prepare = prepare,
                                       .run = run,
                                       .drop = drop,
                                       .layout = layout_info,
                                       .reorder = reorder};
