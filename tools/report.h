/* Time and statistics of one run of ir-opt, collected from the passes' callbacks. */
#ifndef GRAFT_TOOLS_REPORT_H
#define GRAFT_TOOLS_REPORT_H

#include "passes/passes.h"
#include "tools/cli.h"

typedef struct report_line {
  const char *name;
  uint32_t depth;
  bool pipeline;
  double seconds, verify_seconds;
} report_line;

typedef struct report {
  double start;
  report_line *lines; /* by the report's index, then the command's own steps */
  uint32_t count, room;
  cli_table statistics;
} report;

void report_init(report *r);
void report_free(report *r);
bool report_step(report *r, const char *name, double seconds);
/* A pass begins and ends: its line stands where it began, so that a pipeline comes before its members. */
bool report_begin(report *r, const graft_pass_report *pass);
bool report_end(report *r, const graft_pass_report *pass);
void report_print_timing(const report *r, FILE *out);
void report_print_statistics(const report *r, FILE *out);

#endif
