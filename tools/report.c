/* See report.h. */
#include "tools/report.h"

#include <stdlib.h>
#include <string.h>

void report_init(report *r) { *r = (report){.start = cli_now()}; }

void report_free(report *r) {
  free(r->lines);
  cli_table_free(&r->statistics);
  *r = (report){0};
}

static report_line *add_line(report *r, const char *name) {
  if (r->count == r->room) {
    uint32_t room = r->room ? 2 * r->room : 16;
    report_line *lines = realloc(r->lines, room * sizeof *lines);
    if (!lines) return NULL;
    r->lines = lines;
    r->room = room;
  }
  r->lines[r->count] = (report_line){.name = name};
  return &r->lines[r->count++];
}

bool report_step(report *r, const char *name, double seconds) {
  report_line *line = add_line(r, name);
  if (line) line->seconds = seconds;
  return line != NULL;
}

bool report_begin(report *r, const graft_pass_report *pass) {
  report_line *line = add_line(r, pass->name);
  if (!line) return false;
  line->depth = pass->depth;
  line->pipeline = pass->pipeline;
  return true;
}

/* The line that this pass began: the last one of this name and depth. */
static report_line *line_of(report *r, const graft_pass_report *pass) {
  for (uint32_t i = r->count; i-- > 0;)
    if (strcmp(r->lines[i].name, pass->name) == 0 && r->lines[i].depth == pass->depth) return &r->lines[i];
  return NULL;
}

bool report_end(report *r, const graft_pass_report *pass) {
  report_line *line = line_of(r, pass);
  if (!line) return true;
  line->seconds = pass->seconds;
  line->verify_seconds = pass->verify_seconds;
  for (uint32_t i = 0; i < pass->statistic_count; i++) {
    char number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)pass->statistics[i].value);
    if (!cli_table_add(&r->statistics, 0, i ? "" : pass->name, number, pass->statistics[i].name)) return false;
  }
  for (uint32_t i = 0; i < pass->rule_count; i++) {
    const graft_rule_statistic *rule = &pass->rules[i];
    char number[32], text[224], refused[64] = "", overlaps[64] = "";
    snprintf(number, sizeof number, "%llu", (unsigned long long)rule->matches);
    if (rule->refused) snprintf(refused, sizeof refused, ", %llu refused", (unsigned long long)rule->refused);
    if (rule->overlaps) snprintf(overlaps, sizeof overlaps, ", %llu overlaps", (unsigned long long)rule->overlaps);
    snprintf(text, sizeof text, "by the rule %.60s%s%s", rule->name, refused, overlaps);
    if (!cli_table_add(&r->statistics, 0, "", number, text)) return false;
  }
  for (uint32_t i = 0; i < pass->layer_count; i++) {
    const graft_layer_statistic *layer = &pass->layers[i];
    char number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)layer->count);
    const size_t size = strlen(layer->op) + strlen(layer->first) + (layer->why ? strlen(layer->why) : 0) + 32;
    char *text = malloc(size);
    if (!text) return false;
    if (!layer->why)
      snprintf(text, size, "%s quantized", layer->op);
    else
      snprintf(text, size, "%s in float: %s (first: %s)", layer->op, layer->why, layer->first);
    const bool added = cli_table_add(&r->statistics, 0, i || pass->statistic_count ? "" : pass->name, number, text);
    free(text);
    if (!added) return false;
  }
  return true;
}

void report_print_timing(const report *r, FILE *out) {
  cli_table table = {0};
  char number[32], text[64];
  bool ok = true;
  double total = cli_now() - r->start;
  for (uint32_t i = 0; ok && i < r->count; i++) {
    const report_line *line = &r->lines[i];
    snprintf(number, sizeof number, "%.3f ms", 1e3 * line->seconds);
    text[0] = '\0';
    if (line->verify_seconds > 0) snprintf(text, sizeof text, "+ %.3f ms verifier", 1e3 * line->verify_seconds);
    ok = cli_table_add(&table, line->depth, line->name, number, text);
  }
  snprintf(number, sizeof number, "%.3f ms", 1e3 * total);
  if (ok && cli_table_add(&table, 0, "total", number, "")) cli_table_print(&table, out, "time");
  cli_table_free(&table);
}

void report_print_statistics(const report *r, FILE *out) { cli_table_print(&r->statistics, out, "statistics"); }
