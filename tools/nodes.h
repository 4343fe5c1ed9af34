/* What a run's nodes did: time and kernel of each, statistics of each value, each value as a file. */
#ifndef GRAFT_TOOLS_NODES_H
#define GRAFT_TOOLS_NODES_H

#include "runtime/numbers.h"
#include "runtime/runtime.h"
#include "tools/cli.h"
#include "tools/feeds.h"

typedef struct nodes nodes;

typedef struct nodes_options {
  bool timing, values;
  const char *dump; /* a directory, or NULL */
} nodes_options;

/* The graph must outlive it, unchanged. NULL: said. */
nodes *nodes_create(graft_graph *graph, const nodes_options *options);
void nodes_destroy(nodes *n);
/* The session's hook. */
graft_status nodes_hook(void *user, const graft_node_done *done);
/* Before a step: its inputs are values too. False: said, or in the diagnostics. */
bool nodes_begin_step(nodes *n, const feeds *inputs);
void nodes_print_timing(const nodes *n, FILE *out);
void nodes_print_values(const nodes *n, FILE *out);

#endif
