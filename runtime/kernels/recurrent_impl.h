/* What lstm, gru and rnn share with their gradients: the layer as the attributes and operands say it is, and its way
 * through the steps, which gradients go again and keep what they need of it. */
#ifndef GRAFT_RECURRENT_IMPL_H
#define GRAFT_RECURRENT_IMPL_H

#include "runtime/kernel_impl.h"

typedef struct gr_recurrent_function {
  int64_t word;
  double alpha, beta;
} gr_recurrent_function;

/* Of every step, by place (gr_recurrent_place); of steps that a row does not have, zeros. */
typedef struct gr_recurrent_trace {
  void *slopes; /* [places, gates * hidden]: by what they got */
  void *before; /* [places, hidden]: h before the step */
  void *cells;  /* lstm: c before the step */
  void *reset;  /* gru: what r was multiplied by where linear_before_reset, else h times r */
} gr_recurrent_trace;

typedef struct gr_recurrent {
  uint32_t op;
  gr_isa isa;
  bool f32; /* else f64 */
  int64_t steps, batch, in, hidden, directions, gates;
  bool first;         /* the batch is the first axis */
  bool starts_at_end; /* of direction 0: is it the reverse one? */
  gr_recurrent_function f, g, h;
  double clip; /* 0: none */
  bool input_forget, linear_before_reset;
  const void *x, *weight_ih, *weight_hh;
  const void *bias, *h_0, *c_0, *peephole; /* NULL: zeros */
  const int64_t *lens;                     /* NULL: all steps */
  const gr_recurrent_trace *trace;         /* NULL: nothing is kept */
  void *y, *h_n, *c_n;                     /* or NULL */
  void *products;         /* [places, gates * hidden]: of x and weight_ih; with a trace the gates in the end */
  const void *transposed; /* [directions, hidden, gates * hidden]: weight_hh */
  void *work;             /* of each worker */
} gr_recurrent;

/* From a call of `op`, or of its gradient, which has the same attributes; `operands` are op's own. */
graft_status gr_recurrent_read(const gr_kernel_call *k, uint32_t op, const gr_in *operands, gr_recurrent *l);
/* Goes through all steps; writes y, h_n, c_n and the trace. */
graft_status gr_recurrent_run(const gr_kernel_call *k, gr_recurrent *l);

/* Applies the function; `slope`, if not NULL, gets its slopes. */
void gr_recurrent_apply_f32(const gr_recurrent_function *by, float *x, float *slope, int64_t n);
void gr_recurrent_apply_f64(const gr_recurrent_function *by, double *x, double *slope, int64_t n);

/* y += x W, where W [depth, columns] has rows `stride` apart. */
typedef void (*gr_add_product_f32)(const float *x, int64_t depth, const float *w, int64_t stride, float *y,
                                   int64_t columns);
typedef void (*gr_add_product_f64)(const double *x, int64_t depth, const double *w, int64_t stride, double *y,
                                   int64_t columns);
gr_add_product_f32 gr_get_add_product_f32(gr_isa isa);
gr_add_product_f64 gr_get_add_product_f64(gr_isa isa);

/* How many elements of a row, or steps of all rows and directions, there are. */
static inline int64_t gr_recurrent_columns(const gr_recurrent *l) { return l->gates * l->hidden; }
static inline int64_t gr_recurrent_places(const gr_recurrent *l) { return l->directions * l->steps * l->batch; }

/* The step of x that a row goes through as its s-th. */
static inline int64_t gr_recurrent_step(const gr_recurrent *l, int64_t direction, int64_t row, int64_t s) {
  const int64_t steps = l->lens ? l->lens[row] : l->steps;
  return (direction == 1 || l->starts_at_end) && s < steps ? steps - 1 - s : s;
}
/* Where rows of x's matrix are: each direction has all of them. */
static inline int64_t gr_recurrent_place(const gr_recurrent *l, int64_t direction, int64_t row, int64_t step) {
  return direction * l->steps * l->batch + (l->first ? row * l->steps + step : step * l->batch + row);
}
/* The first element of a state, and of a step of y. */
static inline int64_t gr_recurrent_state(const gr_recurrent *l, int64_t direction, int64_t row) {
  return (l->first ? row * l->directions + direction : direction * l->batch + row) * l->hidden;
}
static inline int64_t gr_recurrent_y(const gr_recurrent *l, int64_t direction, int64_t row, int64_t step) {
  return (l->first ? (row * l->steps + step) * l->directions + direction
                   : (step * l->directions + direction) * l->batch + row) *
         l->hidden;
}

#endif
