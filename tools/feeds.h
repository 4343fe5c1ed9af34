/* What a run's inputs are fed with, step by step: files cut into batches, or random numbers. */
#ifndef GRAFT_TOOLS_FEEDS_H
#define GRAFT_TOOLS_FEEDS_H

#include "ir/ir_int.h"
#include "runtime/runtime.h"
#include "tools/cli.h"

/* One input: of its name, and its files or random numbers. */
typedef struct feed {
  char *text; /* owned; `name` and `files` point into it */
  const char *name;
  cli_list files; /* empty: random numbers */
  graft_value input;
  uint32_t index;  /* its number among the graph's inputs */
  graft_type type; /* of the file at hand, or of one step's random numbers */
  gr_buffer *data;
} feed;

typedef struct feeds {
  feed *items;
  uint32_t count;
  int64_t batch; /* rows of a step, cut from each file; 0: whole files */
  bool random;   /* inputs without files get random numbers */
  uint64_t seed;
  int64_t steps;    /* of random numbers alone */
  cli_list extents; /* "[INPUT=]N[,N...]": unknown extents of random inputs, in order; 1 where nothing is said */
  /* where it stands */
  graft_context *context;
  graft_graph *graph;
  uint32_t file;
  int64_t step, file_steps;
  double seconds; /* reading took */
} feeds;

/* --input NAME=A.npy[,B.npy...]; false: said. */
bool feeds_add(feeds *f, const cli_command *command, const char *argument);
/* -1, or the exit status of a usage error. */
int feeds_check(const feeds *f, const cli_command *command);
/* The graph whose inputs these are; `module` names it in messages. False: said. */
bool feeds_begin(feeds *f, graft_context *context, graft_graph *graph, const char *module);
/* Steps there will be, 0 where it is not known yet (files that are cut are counted one by one). */
int64_t feeds_total(const feeds *f);
/* The next step's inputs are in the items; false: said, or *more is false: none is left. */
bool feeds_next(feeds *f, bool *more);
/* The item's type and bytes in this step. */
graft_type feeds_type(const feeds *f, const feed *item);
const void *feeds_data(const feeds *f, const feed *item);
bool feeds_set(const feeds *f, graft_session *session);
void feeds_free(feeds *f);

#endif
