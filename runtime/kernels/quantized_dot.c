/* Convolutions, linear layers and products of matrices of bytes through dot_impl.h: weights and windows of x become
 * rows of 16-bit integers without their zero points (so that what pads is 0), a tile of windows at a time; each tile's
 * sums are requantized at once, so that neither the windows nor the sums of a whole image are ever held. */
#include "runtime/kernels/dot_impl.h"
#include "runtime/kernels/requantize_impl.h"

enum { X = GR_OPERAND(quantized_conv2d, x), WEIGHT, BIAS, X_ZERO = GR_OPERAND(quantized_conv2d, x_zero_point) };
enum { WEIGHT_ZERO = GR_OPERAND(quantized_conv2d, weight_zero_point) };
enum { TILE_BYTES = 1 << 18, MOST = 64 };

typedef struct dot_axis {
  int64_t in, out, kernel, stride, padding, dilation;
} dot_axis;

typedef struct dot_job {
  const gr_kernel_call *k;
  const gr_requantize *q;
  bool linear;
  int64_t groups, in, out; /* channels of a group */
  dot_axis a[3];
  int64_t x_plane, y_plane, taps;
  int64_t depth, rows; /* of a group's weight, padded */
  int64_t tile, tiles; /* windows in a tile, tiles in an image */
  int16_t *weight, *windows;
  int32_t *sums;
} dot_job;

/* ---- rows ---- */

static void shift_bytes(const gr_in *x, int64_t at, int64_t n, int32_t zero, int16_t *to) {
  if (x->type->dtype == GRAFT_U8) {
    const uint8_t *from = (const uint8_t *)x->data + at;
    for (int64_t i = 0; i < n; i++) to[i] = (int16_t)(from[i] - zero);
  } else {
    const int8_t *from = (const int8_t *)x->data + at;
    for (int64_t i = 0; i < n; i++) to[i] = (int16_t)(from[i] - zero);
  }
}

static void pack_weight(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const dot_job *j = user;
  const gr_in *zero = &j->k->operands[WEIGHT_ZERO];
  const int64_t real = j->in * j->taps;
  (void)worker;
  for (int64_t r = begin; r < end; r++) {
    int16_t *to = j->weight + r * j->depth;
    const int64_t row = r % j->rows, channel = r / j->rows * j->out + row;
    memset(to, 0, (size_t)j->depth * sizeof *to);
    if (row < j->out)
      shift_bytes(&j->k->operands[WEIGHT], channel * real, real,
                  ((const int32_t *)zero->data)[zero->count == 1 ? 0 : channel], to);
  }
}

/* What one run of a kernel's last axis sees of a row of x. */
static void pack_run(const dot_job *j, int64_t row, int64_t w, int32_t zero, int16_t *to) {
  const dot_axis *a = &j->a[2];
  const gr_in *x = &j->k->operands[X];
  for (int64_t l = 0; l < a->kernel; l++) {
    const int64_t at = w + l * a->dilation;
    if (at < 0 || at >= a->in)
      to[l] = 0;
    else if (x->type->dtype == GRAFT_U8)
      to[l] = (int16_t)(((const uint8_t *)x->data)[row + at] - zero);
    else
      to[l] = (int16_t)(((const int8_t *)x->data)[row + at] - zero);
  }
}

static void pack_window(const dot_job *j, int64_t plane, int64_t position, int16_t *to) {
  const dot_axis *a = j->a;
  const int32_t zero = *(const int32_t *)j->k->operands[X_ZERO].data;
  const int64_t w = position % a[2].out * a[2].stride - a[2].padding,
                h = position / a[2].out % a[1].out * a[1].stride - a[1].padding,
                d = position / a[2].out / a[1].out * a[0].stride - a[0].padding;
  for (int64_t c = 0; c < j->in; c++)
    for (int64_t f = 0; f < a[0].kernel; f++)
      for (int64_t i = 0; i < a[1].kernel; i++, to += a[2].kernel) {
        const int64_t xd = d + f * a[0].dilation, xh = h + i * a[1].dilation;
        if (xd < 0 || xd >= a[0].in || xh < 0 || xh >= a[1].in)
          memset(to, 0, (size_t)a[2].kernel * sizeof *to);
        else
          pack_run(j, (plane + c) * j->x_plane + (xd * a[1].in + xh) * a[2].in, w, zero, to);
      }
}

/* Channel by channel: the windows of a pointwise convolution are columns of x. */
static void pack_columns(const dot_job *j, int64_t plane, int64_t n0, int64_t n, int16_t *to) {
  const int32_t zero = *(const int32_t *)j->k->operands[X_ZERO].data;
  int16_t line[MOST];
  for (int64_t c = 0; c < j->in; c++) {
    shift_bytes(&j->k->operands[X], (plane + c) * j->x_plane + n0, n, zero, line);
    for (int64_t i = 0; i < n; i++) to[i * j->depth + c] = line[i];
  }
}

static bool is_pointwise(const dot_job *j) {
  for (int i = 0; i < 3; i++)
    if (j->a[i].kernel != 1 || j->a[i].stride != 1 || j->a[i].padding != 0) return false;
  return true;
}

/* ---- tiles ---- */

static void add_bias(const dot_job *j, int64_t channel, int64_t n, int64_t by, int32_t *sums) {
  const gr_in *bias = &j->k->operands[BIAS];
  if (!bias->data || bias->type->dtype != GRAFT_I32) return;
  for (int64_t i = 0; i < n; i++) sums[i] += ((const int32_t *)bias->data)[channel + i * by];
}

/* The rows of x of a linear layer: sums lie as the result does. */
static void linear_tile(const dot_job *j, int64_t n0, int64_t n, int16_t *rows, int32_t *sums) {
  const int32_t zero = *(const int32_t *)j->k->operands[X_ZERO].data;
  const int64_t padded = gr_dot_padded(n, GR_DOT_ROWS);
  memset(rows, 0, (size_t)(padded * j->depth) * sizeof *rows);
  for (int64_t i = 0; i < n; i++) shift_bytes(&j->k->operands[X], (n0 + i) * j->in, j->in, zero, rows + i * j->depth);
  gr_dot(j->k->isa, j->weight, j->rows, rows, padded, j->depth, sums, 1, j->rows);
  for (int64_t i = 0; i < n; i++) {
    add_bias(j, 0, j->out, 1, sums + i * j->rows);
    gr_requantize_i32(j->q, j->k->isa, sums + i * j->rows, j->out, 0, 1, (n0 + i) * j->out);
  }
}

static void conv_tile(const dot_job *j, int64_t batch, int64_t n0, int64_t n, int16_t *rows, int32_t *sums) {
  const int64_t padded = gr_dot_padded(n, GR_DOT_ROWS), group = batch % j->groups;
  memset(rows, 0, (size_t)(padded * j->depth) * sizeof *rows);
  if (is_pointwise(j))
    pack_columns(j, batch * j->in, n0, n, rows);
  else
    for (int64_t i = 0; i < n; i++) pack_window(j, batch * j->in, n0 + i, rows + i * j->depth);
  gr_dot(j->k->isa, j->weight + group * j->rows * j->depth, j->rows, rows, padded, j->depth, sums, padded, 1);
  for (int64_t c = 0; c < j->out; c++) {
    const int64_t channel = group * j->out + c;
    add_bias(j, channel, n, 0, sums + c * padded);
    gr_requantize_i32(j->q, j->k->isa, sums + c * padded, n, channel, 0, (batch * j->out + c) * j->y_plane + n0);
  }
}

static void run_tiles(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const dot_job *j = user;
  int16_t *rows = j->windows + (int64_t)worker * j->tile * j->depth;
  int32_t *sums = j->sums + (int64_t)worker * j->tile * j->rows;
  for (int64_t i = begin; i < end && !gr_cancelled(j->k->context); i++) {
    const int64_t n0 = i % j->tiles * j->tile, n = j->y_plane - n0 < j->tile ? j->y_plane - n0 : j->tile;
    if (j->linear)
      linear_tile(j, n0, n, rows, sums);
    else
      conv_tile(j, i / j->tiles, n0, n, rows, sums);
  }
}

/* ---- the layer ---- */

static void read_conv(dot_job *j, const gr_kernel_call *k) {
  const graft_type *x = k->operands[X].type, *w = k->operands[WEIGHT].type, *y = k->results[0].type;
  const int32_t axes = x->rank - 2;
  uint32_t count;
  const int64_t *stride = gr_k_ints(k, GR_ATTR_ND(conv, stride), &count),
                *padding = gr_k_ints(k, GR_ATTR_ND(conv, padding), &count),
                *dilation = gr_k_ints(k, GR_ATTR_ND(conv, dilation), &count);
  j->groups = gr_k_int(k, GR_ATTR_ND(conv, groups));
  j->in = w->dims[1];
  j->out = w->dims[0] / j->groups;
  for (int32_t i = 0; i < 3; i++) {
    const int32_t at = i - (3 - axes);
    j->a[i] = (dot_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    if (at >= 0)
      j->a[i] = (dot_axis){x->dims[2 + at], y->dims[2 + at], w->dims[2 + at], stride[at], padding[at], dilation[at]};
  }
  j->x_plane = gr_extent(x, 2, x->rank);
  j->y_plane = gr_extent(y, 2, y->rank);
  j->taps = gr_extent(w, 2, w->rank);
}

static int64_t tile_of(int64_t depth) {
  const int64_t tile = TILE_BYTES / 2 / depth / GR_DOT_ROWS * GR_DOT_ROWS;
  return tile < GR_DOT_ROWS ? GR_DOT_ROWS : tile > MOST ? MOST : tile;
}

bool gr_quantized_dot_fits(const gr_kernel_call *k, uint32_t of) {
  const graft_type *x = k->operands[X].type, *w = k->operands[WEIGHT].type;
  if (x->dtype != GRAFT_U8 && x->dtype != GRAFT_I8) return false;
  if (k->operands[X].count == 0 || k->operands[WEIGHT].count == 0) return false;
  if (of == GR_OP_linear) return true;
  const bool conv = of == GR_OP_conv1d || of == GR_OP_conv2d || of == GR_OP_conv3d;
  return conv && w->dims[1] * gr_extent(w, 2, w->rank) >= GR_DOT_DEPTH / 2; /* else mostly zeros */
}

graft_status gr_quantized_dot(const gr_kernel_call *k, uint32_t of, const gr_requantize *q) {
  const graft_type *w = k->operands[WEIGHT].type;
  const size_t workers = gr_threads_count(k->threads);
  dot_job j = {.k = k, .q = q, .linear = of == GR_OP_linear, .groups = 1, .taps = 1};
  int64_t images = 1;
  if (j.linear) {
    j.in = w->dims[1];
    j.out = w->dims[0];
    j.y_plane = k->results[0].count / j.out;
  } else {
    read_conv(&j, k);
    images = k->operands[X].type->dims[0];
  }
  j.depth = gr_dot_padded(j.in * j.taps, GR_DOT_DEPTH);
  j.rows = gr_dot_padded(j.out, GR_DOT_ROWS);
  j.tile = tile_of(j.depth);
  j.tiles = (j.y_plane + j.tile - 1) / j.tile;
  j.weight =
      gr_scratch_alloc(k->scratch, gr_size3((size_t)j.groups, (size_t)j.rows, (size_t)j.depth), sizeof *j.weight);
  j.windows = gr_scratch_alloc(k->scratch, gr_size3(workers, (size_t)j.tile, (size_t)j.depth), sizeof *j.windows);
  j.sums = gr_scratch_alloc(k->scratch, gr_size3(workers, (size_t)j.tile, (size_t)j.rows), sizeof *j.sums);
  if (!j.weight || !j.windows || !j.sums) return GRAFT_NO_MEMORY;
  gr_parallel_for(k->threads, j.groups * j.rows, 1 + 65536 / j.depth, pack_weight, &j);
  gr_parallel_for(k->threads, images * j.groups * j.tiles, 1, run_tiles, &j);
  return GRAFT_OK;
}

/* ---- products of two matrices ---- */

typedef struct matmul_job {
  const gr_kernel_call *k;
  const gr_requantize *q;
  int64_t m, n, inner;          /* of each product */
  int64_t x_count, other_count; /* matrices: one, or one for each product */
  int64_t depth, rows, tile, tiles;
  int16_t *columns, *windows; /* of all matrices of `other`; of each worker, rows of x */
  int32_t *sums;
} matmul_job;

enum { OTHER = GR_OPERAND(quantized_matmul, other), MATMUL_X_ZERO = GR_OPERAND(quantized_matmul, x_zero_point) };
enum { OTHER_ZERO = GR_OPERAND(quantized_matmul, other_zero_point) };

static void pack_other(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const matmul_job *j = user;
  const int32_t zero = *(const int32_t *)j->k->operands[OTHER_ZERO].data;
  (void)worker;
  for (int64_t r = begin; r < end; r++) {
    int16_t *to = j->columns + r * j->depth;
    const int64_t matrix = r / j->rows, column = r % j->rows;
    memset(to, 0, (size_t)j->depth * sizeof *to);
    for (int64_t p = 0; column < j->n && p < j->inner; p++)
      shift_bytes(&j->k->operands[OTHER], (matrix * j->inner + p) * j->n + column, 1, zero, to + p);
  }
}

static void matmul_tiles(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const matmul_job *j = user;
  const gr_kernel_call *k = j->k;
  const int32_t zero = *(const int32_t *)k->operands[MATMUL_X_ZERO].data;
  int16_t *rows = j->windows + (int64_t)worker * j->tile * j->depth;
  int32_t *sums = j->sums + (int64_t)worker * j->tile * j->rows;
  for (int64_t i = begin; i < end; i++) {
    const int64_t product = i / j->tiles, m0 = i % j->tiles * j->tile, m = j->m - m0 < j->tile ? j->m - m0 : j->tile;
    const int64_t padded = gr_dot_padded(m, GR_DOT_ROWS);
    memset(rows, 0, (size_t)(padded * j->depth) * sizeof *rows);
    for (int64_t r = 0; r < m; r++)
      shift_bytes(&k->operands[X], (product % j->x_count * j->m + m0 + r) * j->inner, j->inner, zero,
                  rows + r * j->depth);
    gr_dot(k->isa, j->columns + product % j->other_count * j->rows * j->depth, j->rows, rows, padded, j->depth, sums, 1,
           j->rows);
    for (int64_t r = 0; r < m; r++)
      gr_requantize_i32(j->q, k->isa, sums + r * j->rows, j->n, 0, 0, (product * j->m + m0 + r) * j->n);
  }
}

bool gr_quantized_matmul_fits(const gr_kernel_call *k) {
  const graft_type *x = k->operands[X].type, *other = k->operands[OTHER].type, *y = k->results[0].type;
  if ((x->dtype != GRAFT_U8 && x->dtype != GRAFT_I8) || (other->dtype != GRAFT_U8 && other->dtype != GRAFT_I8))
    return false;
  if (x->rank < 2 || other->rank < 2 || k->operands[X].count == 0 || k->operands[OTHER].count == 0) return false;
  /* Matrices are met one by one, or it is one alone. */
  const int64_t products = gr_extent(y, 0, y->rank - 2), of_x = gr_extent(x, 0, x->rank - 2),
                of_other = gr_extent(other, 0, other->rank - 2);
  return (of_x == products || of_x == 1) && (of_other == products || of_other == 1) &&
         x->dims[x->rank - 1] >= GR_DOT_DEPTH / 2;
}

graft_status gr_quantized_matmul(const gr_kernel_call *k, const gr_requantize *q) {
  const graft_type *x = k->operands[X].type, *other = k->operands[OTHER].type;
  const size_t workers = gr_threads_count(k->threads);
  matmul_job j = {.k = k,
                  .q = q,
                  .m = x->dims[x->rank - 2],
                  .n = other->dims[other->rank - 1],
                  .inner = x->dims[x->rank - 1],
                  .x_count = gr_extent(x, 0, x->rank - 2),
                  .other_count = gr_extent(other, 0, other->rank - 2)};
  j.depth = gr_dot_padded(j.inner, GR_DOT_DEPTH);
  j.rows = gr_dot_padded(j.n, GR_DOT_ROWS);
  j.tile = tile_of(j.depth);
  j.tiles = (j.m + j.tile - 1) / j.tile;
  j.columns =
      gr_scratch_alloc(k->scratch, gr_size3((size_t)j.other_count, (size_t)j.rows, (size_t)j.depth), sizeof *j.columns);
  j.windows = gr_scratch_alloc(k->scratch, gr_size3(workers, (size_t)j.tile, (size_t)j.depth), sizeof *j.windows);
  j.sums = gr_scratch_alloc(k->scratch, gr_size3(workers, (size_t)j.tile, (size_t)j.rows), sizeof *j.sums);
  if (!j.columns || !j.windows || !j.sums) return GRAFT_NO_MEMORY;
  gr_parallel_for(k->threads, j.other_count * j.rows, 1 + 65536 / j.depth, pack_other, &j);
  gr_parallel_for(k->threads, k->results[0].count / (j.m * j.n) * j.tiles, 1, matmul_tiles, &j);
  return GRAFT_OK;
}
