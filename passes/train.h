/* graft/train.h - the training loop: runs the graph `train` of a module (pipeline train-step, passes.h) over data,
 * epoch by epoch.
 *
 *     graft_run_passes(module, "train-step{loss=cross_entropy,optimizer=sgd,lr=0.05,momentum=0.9}", NULL);
 *     graft_train_input data[] = {{.size = sizeof *data, .name = "x", .type = x_type, .data = x},
 *                                 {.size = sizeof *data, .name = "labels", .type = y_type, .data = y}};
 *     graft_train_options o = {.size = sizeof o, .inputs = data, .input_count = 2, .epochs = 3, .batch = 32};
 *     if (graft_train(module, &o) == GRAFT_OK) graft_module_save(module, "trained.gfb", GRAFT_FORMAT_BINARY);
 *
 * Steps. An epoch goes once through the rows of the data, in order or in a permutation that follows from seed and epoch
 * alone; a step takes `batch` of them, or `accumulate` times as many in parts, and rows that do not fill a step are
 * left out, which a warning says with their number (of validation all count, unless the graph takes batches of one size
 * alone: then it is the same). All that training changes is in the module: parameters, statistics, what the optimizer
 * remembers, and `optimizer.step`. So a module that is saved after a step and trained on with the same options and
 * `resume` comes to the same bytes as one that was never stopped.
 *
 * The rate of a step is that of the buffer `optimizer.lr`, which stays as it is, times what the schedule says.
 *
 * A step that fails changes nothing, of memory too (of an accumulated one the parts before it have updated statistics
 * and observers). A loss that is NaN or infinite is a failure, whose diagnostic names the first node that made such a
 * number of finite ones. Data that are not finite while the loss is (a fake_quantize gives NaN a code, observers leave
 * it out) are a warning, with the first step that has them. */
#ifndef GRAFT_TRAIN_H
#define GRAFT_TRAIN_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* What one input of the graph is fed with. */
typedef struct graft_train_input {
  size_t size;
  const char *name; /* of the input */
  graft_type type;  /* of all the data, known in full: the input's type, but with as many rows along its first axis as
                     * there are; integers and floats may be narrower, or wider where their numbers fit */
  const void *data; /* C order; borrowed for the call, and may be a mapped file */
} graft_train_input;

/* How the rate of a step follows from the number of the step; see graft_train_options. */
typedef enum graft_schedule { GRAFT_SCHEDULE_CONSTANT, GRAFT_SCHEDULE_STEP, GRAFT_SCHEDULE_COSINE } graft_schedule;

/* How far training is, after a step. Numbers that are not known are NaN. */
typedef struct graft_train_state {
  size_t size;
  int64_t epoch, epochs; /* of the step, from 1; all */
  int64_t step, steps;   /* taken since training began, those before `resume` too; all */
  int64_t taken, rows;   /* steps, and rows of data, of this call */
  double seconds;        /* since the call began */
  double loss;           /* of the step's rows */
  double accuracy;       /* the share of rows whose largest entry of the graph's first result, f32 of two axes, is the
                          * label, an integer */
  double rate;           /* that the step had */
  double epoch_loss, epoch_accuracy; /* mean over the epoch's steps of this call so far */
  bool epoch_ended;                  /* this was its last step, and validation has run */
  /* Then: rows of the validation data; mean loss, where the loss is a result of the first graph too or an op of such a
   * result and the labels alone; accuracy as above. */
  int64_t validated;
  double validation_loss, validation_accuracy;
} graft_train_state;

/* Told after each step; everything is borrowed for the call. No session runs: the module may be read and saved (where
 * epoch_ended says so, as a checkpoint), not changed. Another status than GRAFT_OK ends training with it: the step
 * stays done. */
typedef graft_status (*graft_train_function)(void *user, const graft_train_state *state);

/* Of graft_train. */
typedef struct graft_train_options {
  size_t size;
  const graft_train_input *inputs; /* one for each input of the graph `train`, of as many rows each */
  uint32_t input_count;
  const char *labels;    /* the input that has the labels, for the accuracy; NULL: "labels" */
  int64_t epochs, batch; /* required */
  int64_t accumulate;    /* batches of a step; 0: 1. More than one needs train-step{accumulate=true} */
  bool shuffle;          /* each epoch has an order of its own */
  uint64_t seed;         /* of that; random ops have the session's */
  graft_schedule schedule;
  int64_t schedule_epochs; /* STEP: after so many epochs each the rate is multiplied by schedule_factor */
  double schedule_factor;
  double
      schedule_least; /* COSINE: the rate that half a wave goes down to by the last step, from the end of the warm-up */
  int64_t warmup;     /* steps at the beginning in which the rate rises, evenly, to where the schedule has it */
  int64_t freeze_bn_after;             /* steps after which freeze-bn runs; 0: never */
  int64_t stop_observers_after;        /* steps after which disable-observers{graph=train} does; 0: never */
  const graft_train_input *validation; /* after each epoch: for the inputs of the first graph, and labels */
  uint32_t validation_count;           /* 0: none */
  /* Threads, kernels, backends, `reference`, seed of both graphs' sessions; hooks, context and input types are not
   * taken. NULL: defaults. */
  const struct graft_session_options *session;
  bool resume;                     /* go on from `optimizer.step`; else that is where training begins */
  graft_train_function after_step; /* NULL: none */
  void *after_step_user;
} graft_train_options;

/* Trains. GRAFT_NAME: no graph `train`, an input without data; GRAFT_TYPE: data that do not fit;
 * GRAFT_INVALID_ARGUMENT: options that contradict each other, fewer rows than a step takes; GRAFT_RUN: a loss that is
 * not finite, labels out of range; GRAFT_NO_MEMORY; GRAFT_CANCELLED, or what after_step gave. The module is as the last
 * step that succeeded left it. No other session of the module may run meanwhile, and those that there are may have to
 * be made again, where batch norms were frozen or observers stopped. Beside the sessions' memory it takes that of a
 * batch and 8 bytes a row. */
GRAFT_API graft_status graft_train(graft_module *module, const graft_train_options *options);

#if defined(__cplusplus)
}
#endif
#endif
