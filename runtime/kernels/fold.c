/* im2col and col2im: an image's sliding blocks as columns, and columns added up in an image. Row (c, tap) of the
 * columns is what all blocks have at one place of the kernel. */
#include "runtime/kernel_impl.h"

#define SPATIAL (GRAFT_MAX_RANK - 2)
#define GRAIN 16384

typedef struct fold {
  const gr_in *x;
  const gr_out *y;
  int32_t axes;
  int64_t image[SPATIAL], blocks[SPATIAL], kernel[SPATIAL], stride[SPATIAL], dilation[SPATIAL], padding[SPATIAL];
  int64_t plane, columns, taps; /* products of image, blocks and kernel */
  size_t size;                  /* of an element */
} fold;
GR_SAME_ATTR(kernel_size, col2im, im2col);
GR_SAME_ATTR(dilation, col2im, im2col);
GR_SAME_ATTR(padding, col2im, im2col);
GR_SAME_ATTR(stride, col2im, im2col);

/* `image`: the extents of the image's axes. */
static fold fold_of(const gr_kernel_call *k, const int64_t *image) {
  uint32_t n;
  fold f = {.x = &k->operands[0], .y = &k->results[0], .plane = 1, .columns = 1, .taps = 1};
  const int64_t *kernel = gr_k_ints(k, GR_ATTR(im2col, kernel_size), &n),
                *dilation = gr_k_ints(k, GR_ATTR(im2col, dilation), &n),
                *padding = gr_k_ints(k, GR_ATTR(im2col, padding), &n),
                *stride = gr_k_ints(k, GR_ATTR(im2col, stride), &n);
  f.axes = (int32_t)n;
  f.size = graft_dtype_size(f.x->type->dtype);
  for (int32_t i = 0; i < f.axes; i++) {
    f.image[i] = image[i];
    f.kernel[i] = kernel[i], f.dilation[i] = dilation[i], f.padding[i] = padding[i], f.stride[i] = stride[i];
    f.blocks[i] = (image[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1;
    f.plane *= image[i];
    f.columns *= f.blocks[i];
    f.taps *= kernel[i];
  }
  return f;
}

/* Where a tap of a block lies in the image; -1: in its padding. */
static int64_t place(const fold *f, int64_t tap, int64_t block) {
  int64_t at = 0, each = 1;
  for (int32_t i = f->axes; i-- > 0;) {
    const int64_t to = block % f->blocks[i] * f->stride[i] + tap % f->kernel[i] * f->dilation[i] - f->padding[i];
    if (to < 0 || to >= f->image[i]) return -1;
    at += to * each;
    each *= f->image[i];
    block /= f->blocks[i];
    tap /= f->kernel[i];
  }
  return at;
}

static void read_rows(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const fold *f = user;
  (void)worker;
  for (int64_t row = begin; row < end; row++) {
    const char *x = (const char *)f->x->data + (size_t)(row / f->taps * f->plane) * f->size;
    char *y = (char *)f->y->data + (size_t)(row * f->columns) * f->size;
    for (int64_t block = 0; block < f->columns; block++, y += f->size) {
      const int64_t at = place(f, row % f->taps, block);
      if (at < 0)
        memset(y, 0, f->size);
      else
        memcpy(y, x + (size_t)at * f->size, f->size);
    }
  }
}

graft_status gr_kernel_im2col(const gr_kernel_call *k) {
  fold f = fold_of(k, k->operands[0].type->dims + 2);
  const int64_t rows = gr_extent(k->results[0].type, 0, 2);
  if (k->results[0].count > 0) gr_parallel_for(k->threads, rows, GRAIN / f.columns + 1, read_rows, &f);
  return GRAFT_OK;
}

#define ADD(D, T, SUM) \
  static void add_##D(void *user, int64_t begin, int64_t end, uint32_t worker) { \
    const fold *f = user; \
    (void)worker; \
    for (int64_t map = begin; map < end; map++) { \
      const T *x = (const T *)f->x->data + map * f->taps * f->columns; \
      T *y = (T *)f->y->data + map * f->plane; \
      memset(y, 0, (size_t)f->plane * sizeof *y); \
      for (int64_t tap = 0; tap < f->taps; tap++) \
        for (int64_t block = 0; block < f->columns; block++, x++) { \
          const int64_t at = place(f, tap, block); \
          if (at >= 0) y[at] = SUM; \
        } \
    } \
  }
#define DTYPE(D, T, U) ADD(D, T, (T)((U)y[at] + (U)*x))
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
ADD(F32, float, y[at] + *x)
ADD(F64, double, y[at] + *x)

graft_status gr_kernel_col2im(const gr_kernel_call *k) {
  static const gr_range_function add[GRAFT_DTYPE_COUNT] = {
      GR_INTEGERS(add), [GRAFT_F32] = add_F32, [GRAFT_F64] = add_F64};
  const graft_dtype d = k->operands[0].type->dtype;
  fold f = fold_of(k, k->results[0].type->dims + 2);
  if (!add[d]) return gr_kernel_no_dtype(k, d);
  if (f.y->count > 0) gr_parallel_for(k->threads, gr_extent(f.y->type, 0, 2), 1, add[d], &f);
  return GRAFT_OK;
}
