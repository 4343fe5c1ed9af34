/* How far long work has come: rate and time left, on a terminal alone. */
#ifndef GRAFT_TOOLS_PROGRESS_H
#define GRAFT_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct progress {
  const char *unit; /* "steps" */
  double start, shown;
  bool on, drawn;
} progress;

/* Nothing is ever shown where standard error is no terminal, nor of work that is done within a second. */
void progress_begin(progress *p, const char *unit);
/* `total` 0: not known. */
void progress_show(progress *p, int64_t done, int64_t total);
/* A line of the caller's own. */
void progress_text(progress *p, const char *text);
/* "12 s", "3 min 5 s", "2 h 4 min". */
void progress_duration(double seconds, char *text, size_t size);
/* Takes the line back. */
void progress_end(progress *p);

#endif
