/* What ir-run does with --epochs: trains. */
#ifndef GRAFT_TOOLS_TRAINING_H
#define GRAFT_TOOLS_TRAINING_H

#include "passes/train.h"
#include "tools/cli.h"
#include "tools/feeds.h"

typedef struct training_options {
  graft_train_options train; /* all but data, session and callback */
  const char *validation_labels, *checkpoint, *log;
  cli_list validation; /* NAME=F.npy */
  bool any;            /* one of them was given */
  const char *module;  /* where it came from, for what is said */
} training_options;

/* --schedule constant, step,EPOCHS[,FACTOR] or cosine[,LEAST]; false: said. */
bool training_schedule(training_options *o, const cli_command *command, const char *text);
/* -1, or the exit status of a usage error. `inputs`: of --input; `labels`: of --labels. */
int training_check(const training_options *o, const cli_command *command, const feeds *inputs);
/* Trains the module with the files of `inputs` and `labels` (NULL: none), in sessions like `session`. False: said, or
 * in the diagnostics. An interrupt ends it behind a step, where there is a checkpoint, which then is written:
 * guard_interrupted. */
bool training_run(training_options *o, graft_module *m, const feeds *inputs, const char *labels,
                  const graft_session_options *session);
void training_free(training_options *o);

#endif
