/* The unified diff of two texts, by lines. */
#ifndef GRAFT_TOOLS_DIFF_H
#define GRAFT_TOOLS_DIFF_H

#include <stdbool.h>
#include <stdio.h>

typedef struct diff_text {
  const char *name; /* in the head */
  const char *bytes;
  size_t size;
} diff_text;

/* Prints nothing where the texts are equal. False: no memory. */
bool diff_print(FILE *out, const diff_text *before, const diff_text *after);

#endif
