/* A comparison as JSON, for scripts, and as Model Explorer's node data. */
#ifndef GRAFT_TOOLS_COMPARE_JSON_H
#define GRAFT_TOOLS_COMPARE_JSON_H

#include "tools/compare.h"

/* Each layer with all its numbers. False: said. */
bool compare_json(const comparison *c, const char *path);
/* {"results": {VALUE: {"value": DECIBELS}}, "thresholds": ...}: node data of one graph, by the names of its tensors. */
bool compare_node_data(const comparison *c, const char *path);

#endif
