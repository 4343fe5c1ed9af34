/* Top-1 accuracy: a file of labels against the rows of a result. */
#ifndef GRAFT_TOOLS_LABELS_H
#define GRAFT_TOOLS_LABELS_H

#include <stdio.h>

#include "ir/ir_int.h"

typedef struct labels {
  graft_type type;
  gr_buffer *data;
  int64_t count, seen, right;
} labels;

/* False with a diagnostic in the context. */
bool labels_read(labels *l, graft_context *context, const char *path);
/* Takes the next rows: the last axis holds the classes. NULL, or why it cannot be done. */
const char *labels_score(labels *l, const graft_type *type, const void *data);
void labels_print(const labels *l, FILE *out);
void labels_free(labels *l, graft_context *context);

#endif
