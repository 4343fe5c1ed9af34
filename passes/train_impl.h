/* Parts of the training loop (train.c). */
#ifndef GRAFT_TRAIN_IMPL_H
#define GRAFT_TRAIN_IMPL_H

#include "ir/ir_int.h"
#include "passes/train.h"
#include "runtime/runtime.h"

/* ---- train_data.c: rows of the data into batches ---- */

typedef struct gr_column { /* of one input */
  graft_train_input from;
  uint32_t input;  /* of the graph; GRAFT_NONE: none, labels of the validation */
  graft_type type; /* of the batch at hand */
  graft_type most; /* of the largest */
  void *batch;     /* of `size` bytes */
  size_t size;
} gr_column;

typedef struct gr_table { /* the data of a graph */
  graft_context *context;
  gr_column *columns;
  uint32_t count, labels; /* labels: the column; GRAFT_NONE: none */
  int64_t rows, batch;    /* batch: the largest */
  int64_t *order;         /* NULL: as they are */
} gr_table;

/* The data, one column for each input of the graph (and `labels`, though it is an input of `train` alone), for batches
 * of `batch` rows, at which the graph must not balk. On failure gr_table_end still has to be called. */
graft_status gr_table_begin(gr_table *t, graft_graph *g, const graft_train_input *inputs, uint32_t count,
                            const char *labels, int64_t batch);
void gr_table_end(gr_table *t);
/* An order for epoch `epoch`, of this and the seed alone. */
graft_status gr_table_shuffle(gr_table *t, uint64_t seed, int64_t epoch);
/* Rows [first, first + count) of the order into the columns' batches, and those into the session. */
graft_status gr_table_feed(gr_table *t, int64_t first, int64_t count, graft_session *s);
/* Of the batch at hand: rows of which the largest entry of `data` is the label; -1: that cannot be said. */
int64_t gr_table_right(const gr_table *t, const graft_type *type, const void *data);

/* ---- train_score.c ---- */

typedef struct gr_score {
  graft_module *m; /* NULL: the loss is no op of predictions and labels alone */
  graft_graph *g;
  graft_session *session;
  uint32_t output; /* of the first graph: the prediction */
} gr_score;

/* `t`: the data of validation. */
graft_status gr_score_begin(gr_score *s, graft_graph *train, const graft_graph *first, graft_value loss,
                            const gr_table *t);
/* Of the batch at hand; NULL: an error. Borrowed until the next time. */
const void *gr_score_run(gr_score *s, const gr_table *t, const graft_session_options *options, const graft_type *type,
                         const void *prediction, graft_type *result);
void gr_score_end(gr_score *s);

/* ---- train_finite.c ---- */

/* Warns of floats of the table's batch that are NaN or infinite, where there are any: of the first input that has them.
 * A float network's loss shows them; observers leave them out, and a fake_quantize gives such numbers codes. */
bool gr_warn_of_batch(const gr_table *t, int64_t step);

/* Runs the graph once more, without updates, on the table's batch, and makes an error of the first node whose result is
 * not finite where its operands are, up to the loss: `what` is behind its name. */
graft_status gr_blame(graft_graph *g, graft_value loss, gr_table *t, const graft_session_options *options,
                      uint64_t seed, const char *what);

#endif
