/* Cuts a step into pieces for the pool's threads. Each is a primitive of its own, made for one thread, on slices of the
 * step's arrays: of some images (matrices of a batch), and of some output channels with all that makes them, or rows of
 * the result with the rows of x that they see and the padding that is left there. A slice is dense: its elements follow
 * each other in memory, so that only addresses differ.
 *
 * What flows back through a convolution is a sum over output channels or images, which one slice cannot have all of: it
 * is cut into two parts, added up when all pieces are done. No other sum is cut. How a step is cut depends on its size
 * alone and not on the number of threads: results are the same for any number of threads. */
#include "runtime/onednn/onednn_impl.h"

#include <string.h>

#define LEAST_WORK (1 << 19) /* multiplications of a piece: as long as some wakings of a thread */
#define MOST_PIECES 8
#define MOST_PARTS 2      /* of a sum: each takes an array as large as the result */
#define LEAST_CHANNELS 32 /* fewer would read x too often */
#define LEAST_ROWS 8      /* of a product: fewer would read the weight too often */

/* ---- the primitive's descriptor
 * ---------------------------------------------------------------------------------------- */

typedef union any_desc {
  dnnl_convolution_desc_t convolution; /* transposed ones too */
  dnnl_inner_product_desc_t inner_product;
  dnnl_matmul_desc_t matmul;
  dnnl_pooling_desc_t pooling;
  dnnl_batch_normalization_desc_t batch_normalization;
} any_desc; /* nothing for a reorder, which is made of its arguments */

static bool read_desc(dnnl_primitive_desc_t made, any_desc *desc, dnnl_primitive_kind_t *kind) {
  dnnl_query_t query;
  size_t size;
  const void *found;
  if (dnnl_primitive_desc_query(made, dnnl_query_primitive_kind, 0, kind) != dnnl_success) return false;
  if (*kind == dnnl_reorder) return true;
  switch (*kind) {
  case dnnl_convolution: query = dnnl_query_convolution_d, size = sizeof desc->convolution; break;
  case dnnl_deconvolution: query = dnnl_query_deconvolution_d, size = sizeof desc->convolution; break;
  case dnnl_inner_product: query = dnnl_query_inner_product_d, size = sizeof desc->inner_product; break;
  case dnnl_matmul: query = dnnl_query_matmul_d, size = sizeof desc->matmul; break;
  case dnnl_pooling: query = dnnl_query_pooling_d, size = sizeof desc->pooling; break;
  case dnnl_batch_normalization:
    query = dnnl_query_batch_normalization_d, size = sizeof desc->batch_normalization;
    break;
  default: return false;
  }
  if (dnnl_primitive_desc_query(made, query, 0, &found) != dnnl_success) return false;
  memcpy(desc, found, size);
  return true;
}

/* Where the descriptor holds an argument's; NULL: not one of those that can be cut. */
static dnnl_memory_desc_t *desc_of(any_desc *d, dnnl_primitive_kind_t kind, int arg) {
  if (kind == dnnl_convolution && arg == DNNL_ARG_DIFF_SRC) return &d->convolution.diff_src_desc;
  if (kind == dnnl_convolution && arg == DNNL_ARG_DIFF_DST) return &d->convolution.diff_dst_desc;
  if (kind == dnnl_convolution && arg == DNNL_ARG_DIFF_WEIGHTS) return &d->convolution.diff_weights_desc;
#define OF(op) \
  (arg == DNNL_ARG_SRC       ? &d->op.src_desc \
   : arg == DNNL_ARG_WEIGHTS ? &d->op.weights_desc \
   : arg == DNNL_ARG_BIAS    ? &d->op.bias_desc \
   : arg == DNNL_ARG_DST     ? &d->op.dst_desc \
                             : NULL)
  switch (kind) {
  case dnnl_convolution:
  case dnnl_deconvolution: return OF(convolution);
  case dnnl_inner_product: return OF(inner_product);
  case dnnl_matmul: return OF(matmul);
  case dnnl_pooling:
    return arg == DNNL_ARG_SRC ? &d->pooling.src_desc : arg == DNNL_ARG_DST ? &d->pooling.dst_desc : NULL;
  case dnnl_batch_normalization: {
    dnnl_batch_normalization_desc_t *b = &d->batch_normalization;
    if (arg == DNNL_ARG_SRC || arg == DNNL_ARG_DST) return &b->data_desc;
    if (arg == DNNL_ARG_MEAN || arg == DNNL_ARG_VARIANCE) return &b->stat_desc;
    return arg == DNNL_ARG_SCALE || arg == DNNL_ARG_SHIFT ? &b->data_scaleshift_desc : NULL;
  }
  default: return NULL;
  }
#undef OF
}

/* ---- slices
 * ------------------------------------------------------------------------------------------------------------- */

static int64_t block_of(const dnnl_memory_desc_t *d, int axis) {
  const dnnl_blocking_desc_t *b = &d->format_desc.blocking;
  int64_t block = 1;
  for (int i = 0; i < b->inner_nblks; i++)
    if (b->inner_idxs[i] == axis) block *= b->inner_blks[i];
  return block;
}

/* Entries [begin, begin + extent) of an axis, `begin` a multiple of its block; `*at` grows by their offset in bytes.
 * False: they do not follow each other, where they must. */
static bool slice(dnnl_memory_desc_t *d, int axis, int64_t begin, int64_t extent, bool dense, size_t *at) {
  dnnl_blocking_desc_t *b = &d->format_desc.blocking;
  const int64_t block = block_of(d, axis), stride = b->strides[axis];
  for (int i = 0; dense && i < d->ndims; i++)
    if (i != axis && b->strides[i] > stride && d->padded_dims[i] > block_of(d, i)) return false;
  *at += (size_t)(begin / block * stride) * dnnl_data_type_size(d->data_type);
  d->dims[axis] = extent;
  d->padded_dims[axis] = (extent + block - 1) / block * block;
  for (int i = 0; dense && i < d->ndims; i++)
    if (i != axis && b->strides[i] > stride) b->strides[i] = d->padded_dims[axis] / block * stride;
  return true;
}

/* ---- how the step is cut
 * ------------------------------------------------------------------------------------------------ */

/* Along which axis of each argument: `each` entries a unit; axis -1: every piece has all of it. */
typedef struct way {
  int64_t units, least; /* least: units that a piece should have */
  int64_t step;         /* units of a piece */
  bool windows;         /* a unit of the result is a row, which sees some rows of x */
  bool sums;            /* the result is the sum of what the pieces make */
  int axis[GR_DNNL_ARGS];
  int64_t each[GR_DNNL_ARGS];
} way;

typedef struct cutter {
  const gr_dnnl_plan *plan;
  dnnl_primitive_kind_t kind;
  any_desc desc;
  dnnl_memory_desc_t whole[GR_DNNL_ARGS];
  way outer, inner; /* images or a batch; then channels or rows */
} cutter;

/* The argument, or what flows back to it. */
static bool is_arg(const cutter *c, uint32_t i, int arg) {
  const int diff = DNNL_ARG_DIFF_SRC - DNNL_ARG_SRC;
  return c->plan->args[i].arg == arg || c->plan->args[i].arg == arg + diff;
}

static const dnnl_memory_desc_t *find(const cutter *c, int arg) {
  for (uint32_t i = 0; i < c->plan->count; i++)
    if (is_arg(c, i, arg)) return &c->whole[i];
  return NULL;
}

static way not_cut(void) {
  way w = {.units = 1, .least = 1, .step = 1};
  for (int i = 0; i < GR_DNNL_ARGS; i++) w.axis[i] = -1;
  return w;
}

static void along(const cutter *c, way *w, int arg, int axis, int64_t each) {
  for (uint32_t i = 0; i < c->plan->count; i++)
    if (is_arg(c, i, arg)) w->axis[i] = axis, w->each[i] = each;
}

static void first_axis(const cutter *c, way *w) {
  w->units = find(c, DNNL_ARG_DST)->dims[0];
  along(c, w, DNNL_ARG_SRC, 0, 1);
  along(c, w, DNNL_ARG_DST, 0, 1);
}

/* Output channels; where they are in groups: groups. */
static void outputs(const cutter *c, way *w) {
  const dnnl_memory_desc_t *src = find(c, DNNL_ARG_SRC), *weight = find(c, DNNL_ARG_WEIGHTS);
  const int64_t channels = find(c, DNNL_ARG_DST)->dims[1];
  w->units = weight->dims[0];
  w->least = (LEAST_CHANNELS * w->units + channels - 1) / channels;
  along(c, w, DNNL_ARG_WEIGHTS, 0, 1);
  along(c, w, DNNL_ARG_BIAS, 0, channels / w->units);
  along(c, w, DNNL_ARG_DST, 1, channels / w->units);
  if (weight->ndims > src->ndims) along(c, w, DNNL_ARG_SRC, 1, src->dims[1] / w->units);
}

static void channels(const cutter *c, way *w) {
  static const int args[] = {DNNL_ARG_MEAN, DNNL_ARG_VARIANCE, DNNL_ARG_SCALE, DNNL_ARG_SHIFT};
  w->units = find(c, DNNL_ARG_SRC)->dims[1];
  along(c, w, DNNL_ARG_SRC, 1, 1);
  along(c, w, DNNL_ARG_DST, 1, 1);
  for (size_t i = 0; i < sizeof args / sizeof *args; i++) along(c, w, args[i], 0, 1);
}

static void rows_of_product(const cutter *c, way *w, int axis) {
  w->units = find(c, DNNL_ARG_DST)->dims[axis];
  w->least = LEAST_ROWS;
  along(c, w, DNNL_ARG_SRC, axis, 1);
  along(c, w, DNNL_ARG_DST, axis, 1);
}

/* Of the outermost axis of space. */
static void rows_of_images(const cutter *c, way *w) {
  w->units = find(c, DNNL_ARG_DST)->dims[2];
  w->windows = c->kind != dnnl_batch_normalization;
  along(c, w, DNNL_ARG_SRC, 2, 1);
  along(c, w, DNNL_ARG_DST, 2, 1);
}

static bool is_forward(const cutter *c) {
  if (c->kind != dnnl_convolution) return true;
  const dnnl_prop_kind_t prop = c->desc.convolution.prop_kind;
  return prop != dnnl_backward_data && prop != dnnl_backward_weights;
}

/* What flows to x is a sum over output channels (of its group), what flows to the weight one over images. */
static void backward(cutter *c) {
  const bool of_weight = c->desc.convolution.prop_kind == dnnl_backward_weights;
  const bool grouped = find(c, DNNL_ARG_WEIGHTS)->ndims > find(c, DNNL_ARG_SRC)->ndims;
  first_axis(c, &c->outer);
  outputs(c, &c->inner);
  c->outer.sums = of_weight;
  c->inner.sums = !of_weight && !grouped;
}

static void choose_ways(cutter *c) {
  const dnnl_memory_desc_t *dst = find(c, DNNL_ARG_DST), *weight = find(c, DNNL_ARG_WEIGHTS);
  const int64_t *strides = dst->format_desc.blocking.strides;
  const bool side_by_side = dst->ndims > 2 && strides[1] < strides[2]; /* a position's channels */
  c->outer = c->inner = not_cut();
  if (!is_forward(c)) {
    backward(c);
    return;
  }
  switch (c->kind) {
  case dnnl_reorder:
    for (int axis = 0; axis < dst->ndims && c->inner.units < 2; axis++) {
      c->inner.units = dst->dims[axis];
      along(c, &c->inner, DNNL_ARG_SRC, axis, 1);
      along(c, &c->inner, DNNL_ARG_DST, axis, 1);
    }
    break;
  case dnnl_inner_product:
    if (dst->dims[0] > 1)
      rows_of_product(c, &c->inner, 0);
    else
      outputs(c, &c->inner);
    break;
  case dnnl_matmul:
    rows_of_product(c, &c->inner, dst->ndims - 2);
    if (dst->ndims == 2 || dst->dims[0] != find(c, DNNL_ARG_SRC)->dims[0]) break;
    first_axis(c, &c->outer);
    if (weight->dims[0] > 1) along(c, &c->outer, DNNL_ARG_WEIGHTS, 0, 1);
    break;
  default:
    first_axis(c, &c->outer);
    if (side_by_side && c->kind != dnnl_deconvolution)
      rows_of_images(c, &c->inner);
    else if (weight)
      outputs(c, &c->inner);
    else
      channels(c, &c->inner);
  }
}

static double elements(const dnnl_memory_desc_t *d) {
  double n = 1;
  for (int i = 0; i < d->ndims; i++) n *= (double)d->dims[i];
  return n;
}

/* Multiplications of the step, or what takes as long. */
static double work(const cutter *c) {
  const dnnl_memory_desc_t *src = find(c, DNNL_ARG_SRC), *weight = find(c, DNNL_ARG_WEIGHTS),
                           *dst = find(c, DNNL_ARG_DST);
  const dnnl_memory_desc_t *met = c->kind == dnnl_deconvolution ? src : dst; /* by each weight, but for channels */
  if (c->kind == dnnl_matmul) return elements(dst) * (double)src->dims[src->ndims - 1];
  return weight ? elements(weight) * elements(met) / (double)met->dims[1] : 16.0 * elements(src);
}

/* Units that must stay together, so that each argument is cut between its blocks. */
static int64_t unit_block(const cutter *c, const way *w) {
  int64_t unit = 1;
  for (uint32_t i = 0; i < c->plan->count; i++) {
    if (w->axis[i] < 0 || w->windows) continue;
    const int64_t block = block_of(&c->whole[i], w->axis[i]), before = unit;
    while (unit * w->each[i] % block != 0) unit += before;
  }
  return unit;
}

/* Into at most so many pieces: 8, 4 or 2 of nearly the same size, so that two threads have the same to do. */
static void divide_evenly(way *w, int64_t block, double most) {
  const int64_t blocks = (w->units + block - 1) / block;
  w->step = w->units;
  for (int64_t pieces = MOST_PIECES; pieces >= 2; pieces /= 2) {
    const int64_t step = (blocks + pieces - 1) / pieces, spare = step * pieces - blocks;
    if ((double)pieces > most || step * block < w->least || step == blocks) continue;
    if (pieces > 2 && (spare >= step || 8 * spare > blocks)) continue;
    w->step = step * block;
    return;
  }
}

static double at_most(const way *w, double pieces) { return w->sums && pieces > MOST_PARTS ? MOST_PARTS : pieces; }

/* Slices along the inner axis are dense only where there is one along the outer one. */
static void divide(cutter *c) {
  double most = work(c) / LEAST_WORK;
  if (most > MOST_PIECES) most = MOST_PIECES;
  way *outer = &c->outer, *inner = &c->inner;
  const double outer_most = at_most(outer, most);
  outer->step = most < 1 ? outer->units : (outer->units + (int64_t)outer_most - 1) / (int64_t)outer_most;
  inner->step = inner->units;
  if (outer->step == 1) divide_evenly(inner, unit_block(c, inner), at_most(inner, most / (double)outer->units));
}

/* ---- pieces
 * ------------------------------------------------------------------------------------------------------------- */

typedef struct part {
  dnnl_memory_desc_t descs[GR_DNNL_ARGS];
  size_t at[GR_DNNL_ARGS];
  any_desc desc;
} part;

/* The rows of x that rows [begin, begin + units) of the result see; what is left of the padding goes into `desc`. */
static bool slice_windows(const cutter *c, int64_t begin, int64_t units, dnnl_memory_desc_t *src, part *p, size_t *at) {
  const bool pools = c->kind == dnnl_pooling;
  const dnnl_convolution_desc_t *v = &c->desc.convolution;
  const dnnl_pooling_desc_t *l = &c->desc.pooling;
  const dnnl_memory_desc_t *weight = find(c, DNNL_ARG_WEIGHTS);
  const int64_t stride = pools ? l->strides[0] : v->strides[0], before = pools ? l->padding[0][0] : v->padding[0][0];
  const int64_t reach =
      pools ? l->kernel[0] : (weight->dims[weight->ndims - (src->ndims - 2)] - 1) * (v->dilates[0] + 1) + 1;
  const int64_t first = begin * stride - before, end = first + (units - 1) * stride + reach, in = src->dims[2];
  const int64_t from = first > 0 ? first : 0, to = end < in ? end : in;
  if (from >= to) return false;
  dnnl_dim_t *left[2] = {pools ? p->desc.pooling.padding[0] : p->desc.convolution.padding[0],
                         pools ? p->desc.pooling.padding[1] : p->desc.convolution.padding[1]};
  left[0][0] = from - first;
  left[1][0] = end - to;
  return slice(src, 2, from, to - from, true, at);
}

/* The piece that begins at these units; false: a slice is not dense. */
static bool make_part(const cutter *c, int64_t outer, int64_t inner, part *p) {
  const way *ways[] = {&c->outer, &c->inner};
  const int64_t begins[] = {outer, inner};
  p->desc = c->desc;
  for (uint32_t i = 0; i < c->plan->count; i++) {
    p->descs[i] = c->whole[i];
    p->at[i] = 0;
    for (int k = 0; k < 2; k++) {
      const way *w = ways[k];
      if (w->axis[i] < 0 || w->step >= w->units) continue;
      const int64_t left = w->units - begins[k], units = left < w->step ? left : w->step;
      const bool done = w->windows && c->plan->args[i].arg == DNNL_ARG_SRC
                            ? slice_windows(c, begins[k], units, &p->descs[i], p, &p->at[i])
                            : slice(&p->descs[i], w->axis[i], begins[k] * w->each[i], units * w->each[i],
                                    c->kind != dnnl_reorder, &p->at[i]);
      if (!done) return false;
    }
    if (c->kind != dnnl_reorder) *desc_of(&p->desc, c->kind, c->plan->args[i].arg) = p->descs[i];
  }
  return true;
}

static bool make_desc(const cutter *c, const gr_dnnl *d, const part *p, dnnl_primitive_desc_t *made) {
  const_dnnl_primitive_attr_t attr;
  if (dnnl_primitive_desc_get_attr(c->plan->desc, &attr) != dnnl_success) return false;
  if (c->kind != dnnl_reorder) return dnnl_primitive_desc_create(made, &p->desc, attr, d->engine, NULL) == dnnl_success;
  const bool from_first = c->plan->args[0].arg == DNNL_ARG_FROM;
  return dnnl_reorder_primitive_desc_create(made, &p->descs[from_first ? 0 : 1], d->engine,
                                            &p->descs[from_first ? 1 : 0], d->engine, attr) == dnnl_success;
}

/* The same kernel for other extents, and the arrays as they are? */
static bool as_wanted(const cutter *c, dnnl_primitive_desc_t made, const part *p) {
  const char *a, *b;
  if (dnnl_primitive_desc_query(made, dnnl_query_impl_info_str, 0, &a) != dnnl_success ||
      dnnl_primitive_desc_query(c->plan->desc, dnnl_query_impl_info_str, 0, &b) != dnnl_success || strcmp(a, b) != 0)
    return false;
  for (uint32_t i = 0; i < c->plan->count; i++) {
    const dnnl_memory_desc_t *d = dnnl_primitive_desc_query_md(made, dnnl_query_exec_arg_md, c->plan->args[i].arg);
    if (!d || !dnnl_memory_desc_equal(d, &p->descs[i])) return false;
  }
  return true;
}

bool gr_dnnl_cut(gr_dnnl_kernel *kernel, const gr_dnnl_plan *plan) {
  cutter c = {.plan = plan};
  if (!read_desc(plan->desc, &c.desc, &c.kind)) return false;
  for (uint32_t i = 0; i < plan->count; i++) {
    const dnnl_memory_desc_t *d = dnnl_primitive_desc_query_md(plan->desc, dnnl_query_exec_arg_md, plan->args[i].arg);
    if (!d || d->format_kind != dnnl_blocked || d->extra.flags != dnnl_memory_extra_flag_none ||
        (c.kind != dnnl_reorder && !desc_of(&c.desc, c.kind, plan->args[i].arg)))
      return false;
    c.whole[i] = *d;
  }
  choose_ways(&c);
  divide(&c);
  if (c.outer.step >= c.outer.units && c.inner.step >= c.inner.units) return false;
  for (int64_t outer = 0; outer < c.outer.units; outer += c.outer.step)
    for (int64_t inner = 0; inner < c.inner.units; inner += c.inner.step) {
      part p;
      dnnl_primitive_desc_t made = NULL;
      bool done = make_part(&c, outer, inner, &p) && make_desc(&c, kernel->dnnl, &p, &made) &&
                  as_wanted(&c, made, &p) && gr_dnnl_add_piece(kernel, plan, made, p.at);
      if (made) (void)dnnl_primitive_desc_destroy(made);
      if (!done) return false;
      const int64_t of_sum = c.outer.sums ? outer / c.outer.step : c.inner.sums ? inner / c.inner.step : 0;
      kernel->pieces.data[kernel->pieces.len - 1].part = (uint32_t)of_sum;
      kernel->parts = (uint32_t)of_sum + 1;
    }
  return true;
}
