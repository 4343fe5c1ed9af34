/* Integer layers of bytes: oneDNN sums, graft requantizes. integer.c is the backend, integer_layer.c prepares a layer,
 * integer_run.c runs it. */
#ifndef GRAFT_INTEGER_IMPL_H
#define GRAFT_INTEGER_IMPL_H

#include "runtime/kernels/requantize_impl.h"
#include "runtime/onednn/onednn_impl.h"

enum {
  GR_L_X = GR_OPERAND(quantized_conv2d_add, x),
  GR_L_WEIGHT,
  GR_L_BIAS,
  GR_L_X_SCALE,
  GR_L_X_ZERO,
  GR_L_WEIGHT_SCALE,
  GR_L_WEIGHT_ZERO,
  GR_L_Y_SCALE,
  GR_L_Y_ZERO,
  GR_L_OTHER,
  GR_L_OTHER_SCALE,
  GR_L_OTHER_ZERO,
  GR_L_COUNT
};

/* What the integer steps of a session share. */
typedef struct gr_integers {
  graft_context *context;
  uint32_t threads;
  bool ready, failed; /* what follows */
  dnnl_engine_t engine;
  dnnl_stream_t *streams;                      /* one for each thread */
  dnnl_primitive_attr_t attr, attr_zero_point; /* scratch memory is given to each call; and the zero point of x, too */
  GR_VEC(graft_type) layouts;                  /* shapes and dtypes, */
  gr_map numbers;                              /* and their numbers by hash */
} gr_integers;

/* What every kernel of the backend begins with. */
typedef struct gr_integer_step {
  graft_status (*run)(void *kernel, const gr_kernel_call *k);
  void (*drop)(void *kernel);
} gr_integer_step;

typedef struct gr_integer_axis {
  int64_t in, out, kernel, stride, dilation, before, after;
} gr_integer_axis;

/* Pieces of the same extents share a primitive. */
typedef struct gr_integer_shape {
  int64_t in, out, before, after; /* rows along the first axis of space, and how many pad */
  dnnl_memory_desc_t src, dst;
  dnnl_primitive_t primitive;
} gr_integer_shape;

/* Rows of an image's result. */
typedef struct gr_integer_piece {
  int64_t in, out; /* the first ones */
  uint32_t shape;
} gr_integer_piece;

#define GR_INTEGER_SHAPES 8

/* A layer. */
typedef struct gr_integer {
  gr_integer_step step;
  gr_integers *all;
  uint32_t of; /* the float layer */
  bool transposed;
  bool x_turned, other_turned, y_turned;
  int axes;
  int64_t images, channels_in, channels_out, groups;
  gr_integer_axis a[3]; /* the first `axes` */
  gr_integer_shape shapes[GR_INTEGER_SHAPES];
  uint32_t shape_count;
  gr_integer_piece *pieces;
  uint32_t piece_count, piece_room;
  int64_t most; /* sums of a piece */
  /* Made in the first run, and again when an operand that does not come from other steps changes. */
  gr_scratch *kept;
  bool made, plain, exact; /* exact: sums must not have been rounded */
  const void *source[GR_L_COUNT];
  uint64_t version[GR_L_COUNT];
  dnnl_memory_t weight, zero;
  int32_t zero_point; /* of x as it lies */
  size_t scratchpad_size;
  gr_quantized_layer layer;
  gr_rows rows;
} gr_integer;

/* False: oneDNN is not to be had. */
bool gr_integer_start(gr_integers *all);
/* The number of a type's layout: channels side by side, and i8 with its top bit turned, as u8, of which oneDNN's sums
 * are quicker. 0: C order, where channels are so already. False: no memory. */
bool gr_integer_layout(gr_integers *all, const graft_type *t, uint32_t *layout);
/* Is it i8 as u8? Zero points and bounds are 128 higher then. */
static inline bool gr_integer_turned(uint32_t layout, const graft_type *t) {
  return layout != 0 && t->dtype == GRAFT_I8;
}
/* From C order to channels side by side, or back; `turned`: and i8 to u8, or back. */
void gr_integer_turn(const graft_type *t, const void *x, bool back, bool turned, void *y);
/* A kernel, if it is a layer. */
graft_status gr_integer_layer(gr_integers *all, const gr_kernel_call *k, const gr_request *request, gr_answer *answer);

/* The weight as graft has it: groups (where there are several), out, in, kernel. */
dnnl_memory_desc_t gr_integer_weight(const gr_integer *n);
/* Of x as it lies. */
dnnl_data_type_t gr_integer_type(const gr_integer *n, const gr_kernel_call *k);
/* Sums of x for these rows; `src` and `dst` of the shape are set. `packed`: the weight; NULL: as the primitive likes
 * it. False: oneDNN has nothing that is exact. */
bool gr_integer_primitive(const gr_integer *n, gr_integer_shape *s, const dnnl_memory_desc_t *packed,
                          dnnl_data_type_t x, bool zero_point, dnnl_primitive_desc_t *desc);

graft_status gr_integer_run(void *kernel, const gr_kernel_call *k);
/* What the first run made. */
void gr_integer_unmake(gr_integer *n);

#endif
