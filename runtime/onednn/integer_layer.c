/* Integer layers of bytes. oneDNN gives their exact sums, with the zero point of x taken off, rows of the result at a
 * time, so that they stay in the cache and threads share them; requantization is graft's own, and so exact whatever
 * zero points and mode are. Images lie with their channels side by side, which no primitive has to reorder.
 *
 * Sums pass through f32 on their way out of oneDNN: beyond 2^24 they are rounded as requantization in floats rounds
 * them; where the mode, or an i32 bias, wants them exact and one is as large, the plain kernel runs after all. Without
 * instructions that multiply bytes into 32 bits oneDNN's sums saturate: implementations of that kind are passed over,
 * and all layers are plain. */
#include "runtime/onednn/integer_impl.h"

#include <string.h>

GR_SAME_ATTR(stride, conv2d, conv_transpose2d);
GR_SAME_ATTR(padding, conv2d, conv_transpose2d);
GR_SAME_ATTR(groups, conv2d, conv_transpose2d);

#define WORTHWHILE (1 << 14) /* multiplications */
enum { SUMS = 1 << 17 };     /* of a piece */

/* ---- descriptors ---- */

/* [images, channels, space…] with channels side by side. */
static dnnl_memory_desc_t image_desc(dnnl_data_type_t type, int axes, int64_t channels, const int64_t *space) {
  int64_t dims[DNNL_MAX_NDIMS] = {1, channels}, strides[DNNL_MAX_NDIMS] = {0, 1}, next = channels;
  for (int i = axes; i-- > 0;) {
    dims[2 + i] = space[i];
    strides[2 + i] = next;
    next *= space[i];
  }
  strides[0] = next;
  dnnl_memory_desc_t d;
  memset(&d, 0, sizeof d);
  (void)dnnl_memory_desc_init_by_strides(&d, axes + 2, dims, type, strides);
  return d;
}

dnnl_memory_desc_t gr_integer_weight(const gr_integer *n) {
  int64_t dims[DNNL_MAX_NDIMS], strides[DNNL_MAX_NDIMS], taps = 1;
  for (int i = 0; i < n->axes; i++) taps *= n->a[i].kernel;
  const int64_t in = n->channels_in / n->groups, out = n->channels_out / n->groups;
  int64_t next = taps;
  int rank = 0;
  if (n->groups > 1) dims[rank] = n->groups, strides[rank++] = in * out * taps;
  dims[rank] = out, strides[rank++] = (n->transposed ? 1 : in) * taps;
  dims[rank] = in, strides[rank++] = (n->transposed ? out : 1) * taps;
  for (int i = 0; i < n->axes; i++) {
    next /= n->a[i].kernel;
    dims[rank] = n->a[i].kernel, strides[rank++] = next;
  }
  dnnl_memory_desc_t d;
  memset(&d, 0, sizeof d);
  (void)dnnl_memory_desc_init_by_strides(&d, rank, dims, dnnl_s8, strides);
  return d;
}

bool gr_integer_primitive(const gr_integer *n, gr_integer_shape *s, const dnnl_memory_desc_t *packed,
                          dnnl_data_type_t x, bool zero_point, dnnl_primitive_desc_t *desc) {
  dnnl_dims_t in = {0}, out = {0}, stride = {0}, dilation = {0}, before = {0}, after = {0};
  for (int i = 0; i < n->axes; i++) {
    in[i] = i ? n->a[i].in : s->in;
    out[i] = i ? n->a[i].out : s->out;
    stride[i] = n->a[i].stride;
    dilation[i] = n->a[i].dilation - 1;
    before[i] = i ? n->a[i].before : s->before;
    after[i] = i ? n->a[i].after : s->after;
  }
  s->src = image_desc(x, n->axes, n->channels_in, in);
  s->dst = image_desc(dnnl_s32, n->axes, n->channels_out, out);
  const dnnl_memory_desc_t plain = gr_integer_weight(n), weight = packed ? *packed : gr_dnnl_any(&plain);
  union {
    dnnl_convolution_desc_t conv;
    dnnl_deconvolution_desc_t deconv;
  } op;
  const dnnl_status_t status =
      n->transposed ? dnnl_dilated_deconvolution_forward_desc_init(&op.deconv, dnnl_forward_inference,
                                                                   dnnl_deconvolution_direct, &s->src, &weight, NULL,
                                                                   &s->dst, stride, dilation, before, after)
                    : dnnl_dilated_convolution_forward_desc_init(&op.conv, dnnl_forward_inference,
                                                                 dnnl_convolution_direct, &s->src, &weight, NULL,
                                                                 &s->dst, stride, dilation, before, after);
  dnnl_primitive_desc_iterator_t it;
  if (status != dnnl_success ||
      dnnl_primitive_desc_iterator_create(&it, &op, zero_point ? n->all->attr_zero_point : n->all->attr, n->all->engine,
                                          NULL) != dnnl_success)
    return false;
  bool found = false;
  do {
    const char *name = "";
    *desc = dnnl_primitive_desc_iterator_fetch(it);
    if (!*desc) break;
    (void)dnnl_primitive_desc_query(*desc, dnnl_query_impl_info_str, 0, &name);
    found = strstr(name, "vnni") || strstr(name, "amx");
    if (!found) (void)dnnl_primitive_desc_destroy(*desc);
  } while (!found && dnnl_primitive_desc_iterator_next(it) == dnnl_success);
  (void)dnnl_primitive_desc_iterator_destroy(it);
  return found;
}

dnnl_data_type_t gr_integer_type(const gr_integer *n, const gr_kernel_call *k) {
  return k->operands[GR_L_X].type->dtype == GRAFT_U8 || n->x_turned ? dnnl_u8 : dnnl_s8;
}

/* ---- pieces ---- */

static bool add_piece(gr_integer *n, int64_t in, int64_t out, gr_integer_shape s) {
  uint32_t i = 0;
  while (i < n->shape_count && !(n->shapes[i].in == s.in && n->shapes[i].out == s.out &&
                                 n->shapes[i].before == s.before && n->shapes[i].after == s.after))
    i++;
  if (i == GR_INTEGER_SHAPES) return false;
  if (i == n->shape_count) n->shapes[n->shape_count++] = s;
  n->pieces[n->piece_count++] = (gr_integer_piece){in, out, i};
  return true;
}

/* `rows` of the result at a time. False: some would see nothing but padding, or they differ too much. */
static bool cut(gr_integer *n, int64_t rows) {
  const gr_integer_axis *a = &n->a[0];
  n->shape_count = n->piece_count = 0;
  for (int64_t o = 0; o < a->out; o += rows) {
    const int64_t count = a->out - o < rows ? a->out - o : rows;
    const int64_t first = o * a->stride - a->before,
                  last = first + (count - 1) * a->stride + (a->kernel - 1) * a->dilation + 1;
    const int64_t begin = first > 0 ? first : 0, end = last < a->in ? last : a->in;
    if (begin >= end) return false;
    if (!add_piece(n, begin, o,
                   (gr_integer_shape){.in = end - begin, .out = count, .before = begin - first, .after = last - end}))
      return false;
  }
  return true;
}

static void take_whole(gr_integer *n, int64_t row) {
  const gr_integer_axis *a = &n->a[0];
  n->shapes[0] = (gr_integer_shape){.in = a->in, .out = a->out, .before = a->before, .after = a->after};
  n->shape_count = n->piece_count = 1;
  n->pieces[0] = (gr_integer_piece){0, 0, 0};
  n->most = a->out * row;
}

/* As many pieces as keep the sums in the cache and the threads at work, about as long as each other. `row`: sums in one
 * row of an image. */
static bool make_pieces(gr_integer *n, int64_t row) {
  const int64_t out = n->a[0].out, wanted = n->all->threads > 1 ? 2 * (int64_t)n->all->threads / n->images : 1;
  int64_t count = (out * row + SUMS - 1) / SUMS;
  if (count < wanted) count = wanted;
  if (count > out) count = out;
  if (n->transposed || count < 1) count = 1;
  const int64_t rows = (out + count - 1) / count;
  count = (out + rows - 1) / rows;
  n->piece_room = (uint32_t)count;
  n->pieces = gr_calloc(n->all->context, (size_t)count, sizeof *n->pieces);
  if (!n->pieces) return false;
  n->most = rows * row;
  if (count == 1 || !cut(n, rows)) take_whole(n, row);
  return true;
}

/* ---- prepare ---- */

/* A linear layer is a convolution over its rows. */
static void read_linear(gr_integer *n, const gr_kernel_call *k) {
  const graft_type *w = k->operands[GR_L_WEIGHT].type;
  const int64_t rows = k->results[0].count / w->dims[0];
  n->axes = 1;
  n->images = n->groups = 1;
  n->channels_in = w->dims[1];
  n->channels_out = w->dims[0];
  n->a[0] = (gr_integer_axis){rows, rows, 1, 1, 1, 0, 0};
}

static void read_conv(gr_integer *n, const gr_kernel_call *k) {
  const graft_type *x = k->operands[GR_L_X].type, *w = k->operands[GR_L_WEIGHT].type, *y = k->results[0].type;
  uint32_t count;
  const int64_t *stride = gr_k_ints(k, GR_ATTR_ND(conv, stride), &count),
                *padding = gr_k_ints(k, GR_ATTR_ND(conv, padding), &count);
  const int64_t *dilation =
      gr_k_ints(k, n->transposed ? GR_ATTR_ND(conv_transpose, dilation) : GR_ATTR_ND(conv, dilation), &count);
  const int64_t *extra = n->transposed ? gr_k_ints(k, GR_ATTR_ND(conv_transpose, output_padding), &count) : NULL;
  n->axes = x->rank - 2;
  n->images = x->dims[0];
  n->groups = gr_k_int(k, GR_ATTR_ND(conv, groups));
  n->channels_in = x->dims[1];
  n->channels_out = y->dims[1];
  for (int i = 0; i < n->axes; i++)
    n->a[i] = (gr_integer_axis){x->dims[2 + i],
                                y->dims[2 + i],
                                w->dims[2 + i],
                                stride[i],
                                dilation[i],
                                padding[i],
                                padding[i] - (extra ? extra[i] : 0)};
}

static bool is_layer(uint32_t op) {
  if (!(gr_op_get(op)->families & GR_F_QUANTIZED)) return false;
  const uint32_t of = gr_integer_of(op);
  switch (of) {
  case GR_OP_linear:
  case GR_OP_conv1d:
  case GR_OP_conv2d:
  case GR_OP_conv3d:
  case GR_OP_conv_transpose1d:
  case GR_OP_conv_transpose2d:
  case GR_OP_conv_transpose3d: return true;
  default: return false;
  }
}

static bool is_byte(const gr_in *x) { return x->type->dtype == GRAFT_U8 || x->type->dtype == GRAFT_I8; }

static bool fits(const gr_kernel_call *k, uint32_t fixed) {
  const graft_dtype y = k->results[0].type->dtype;
  if (!is_byte(&k->operands[GR_L_X]) || (y != GRAFT_U8 && y != GRAFT_I8)) return false;
  if (k->operands[GR_L_OTHER].type && !is_byte(&k->operands[GR_L_OTHER])) return false;
  for (uint32_t i = GR_L_WEIGHT; i < GR_L_COUNT; i++)
    if (i != GR_L_OTHER && k->operands[i].type && !(fixed >> i & 1u)) return false;
  return k->operands[GR_L_X].count > 0 && k->operands[GR_L_X].count <= INT32_MAX && k->results[0].count > 0 &&
         k->results[0].count <= INT32_MAX;
}

/* Is there a primitive for each shape, all with the same packed weight? */
static bool find_primitives(gr_integer *n, const gr_kernel_call *k) {
  dnnl_memory_desc_t weight;
  for (uint32_t i = 0; i < n->shape_count; i++) {
    dnnl_primitive_desc_t desc;
    if (!gr_integer_primitive(n, &n->shapes[i], i ? &weight : NULL, gr_integer_type(n, k), true, &desc)) return false;
    weight = *dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    (void)dnnl_primitive_desc_destroy(desc);
  }
  return true;
}

/* oneDNN goes wrong where a transposed convolution has results that no element of x reaches. */
static bool has_gaps(const gr_integer *n) {
  for (int i = 0; n->transposed && i < n->axes; i++) {
    const gr_integer_axis *a = &n->a[i];
    if (a->after < 0 || a->kernel < a->stride || (a->kernel > 1 && a->dilation > 1)) return true;
  }
  return false;
}

static bool is_small(const gr_integer *n) {
  int64_t volume = n->channels_in > n->channels_out ? n->channels_in : n->channels_out;
  for (int i = 0; n->of != GR_OP_linear && i < n->axes; i++) {
    const gr_integer_axis *a = &n->a[i];
    if (!gr_dnnl_spans(&volume, n->transposed ? a->out : a->in, a->before, a->after, a->stride)) return false;
  }
  return true;
}

static bool lay_out(gr_integer *n, const gr_kernel_call *k, gr_answer *answer) {
  const graft_type *x = k->operands[GR_L_X].type, *other = k->operands[GR_L_OTHER].type, *y = k->results[0].type;
  if (!gr_integer_layout(n->all, x, &answer->operands[GR_L_X]) || !gr_integer_layout(n->all, y, &answer->results[0]) ||
      (other && !gr_integer_layout(n->all, other, &answer->operands[GR_L_OTHER])))
    return false;
  n->x_turned = gr_integer_turned(answer->operands[GR_L_X], x);
  n->y_turned = gr_integer_turned(answer->results[0], y);
  n->other_turned = other && gr_integer_turned(answer->operands[GR_L_OTHER], other);
  return true;
}

static graft_status plan(gr_integer *n, const gr_kernel_call *k, gr_answer *answer) {
  const gr_integer_axis *a = n->a;
  if (n->of == GR_OP_linear)
    read_linear(n, k);
  else
    read_conv(n, k);
  const double positions =
      (double)(n->transposed ? k->operands[GR_L_X].count / n->channels_in : k->results[0].count / n->channels_out);
  if (positions * (double)k->operands[GR_L_WEIGHT].count < WORTHWHILE) return GRAFT_OK;
  if (has_gaps(n) || !is_small(n)) return GRAFT_OK;
  int64_t row = n->channels_out;
  for (int i = 1; i < n->axes; i++) row *= a[i].out;
  n->kept = gr_scratch_create(n->all->context);
  if (!n->kept || !make_pieces(n, row)) return GRAFT_NO_MEMORY;
  if (n->of != GR_OP_linear && !lay_out(n, k, answer)) return GRAFT_NO_MEMORY;
  if (!find_primitives(n, k)) take_whole(n, row);
  if (n->piece_count > 1 || find_primitives(n, k)) answer->kernel = n;
  return GRAFT_OK;
}

static void drop_layer(void *kernel) {
  gr_integer *n = kernel;
  gr_integer_unmake(n);
  if (n->kept) gr_scratch_destroy(n->kept);
  gr_free(n->all->context, n->pieces, n->piece_room * sizeof *n->pieces);
  gr_free(n->all->context, n, sizeof *n);
}

graft_status gr_integer_layer(gr_integers *all, const gr_kernel_call *k, const gr_request *request, gr_answer *answer) {
  if (!is_layer(k->op) || !fits(k, request->fixed) || !gr_integer_start(all)) return GRAFT_OK;
  gr_integer *n = gr_calloc(all->context, 1, sizeof *n);
  if (!n) return GRAFT_NO_MEMORY;
  n->step = (gr_integer_step){gr_integer_run, drop_layer};
  n->all = all;
  n->of = gr_integer_of(k->op);
  n->transposed = gr_op_get(n->of)->families & GR_F_CONV_TRANSPOSE;
  const int threads = gr_dnnl_alone();
  const graft_status status = plan(n, k, answer);
  gr_dnnl_together(threads);
  if (status != GRAFT_OK) answer->kernel = NULL;
  if (!answer->kernel) drop_layer(n);
  return status;
}
