/* See progress.h. */
#include "tools/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/cli.h"

static const double first = 1.0, every = 0.2; /* seconds */

void progress_begin(progress *p, const char *unit) {
  const char *terminal = getenv("TERM");
  *p = (progress){.unit = unit, .start = cli_now()};
  p->on = isatty(STDERR_FILENO) && !(terminal && strcmp(terminal, "dumb") == 0);
}

void progress_duration(double seconds, char *text, size_t size) {
  const long long s = (long long)(seconds + 0.5);
  if (s < 60)
    snprintf(text, size, "%lld s", s);
  else if (s < 3600)
    snprintf(text, size, "%lld min %lld s", s / 60, s % 60);
  else
    snprintf(text, size, "%lld h %lld min", s / 3600, s / 60 % 60);
}

void progress_show(progress *p, int64_t done, int64_t total) {
  if (!p->on) return;
  const double now = cli_now(), spent = now - p->start;
  if (spent < first || done < 1 || (p->drawn && now - p->shown < every)) return;
  const double rate = (double)done / spent;
  char left[48] = "", speed[32];
  snprintf(speed, sizeof speed, rate < 100 ? "%.3g/s" : "%.0f/s", rate);
  if (total > done) {
    char time[32];
    progress_duration((double)(total - done) / rate, time, sizeof time);
    snprintf(left, sizeof left, ", %s left", time);
  }
  if (total)
    fprintf(stderr, "\r%lld of %lld %s, %s%s\033[K", (long long)done, (long long)total, p->unit, speed, left);
  else
    fprintf(stderr, "\r%lld %s, %s\033[K", (long long)done, p->unit, speed);
  fflush(stderr);
  p->shown = now;
  p->drawn = true;
}

void progress_text(progress *p, const char *text) {
  const double now = cli_now();
  if (!p->on || (p->drawn && now - p->shown < every)) return;
  fprintf(stderr, "\r%s\033[K", text);
  fflush(stderr);
  p->shown = now;
  p->drawn = true;
}

void progress_end(progress *p) {
  if (p->drawn) fprintf(stderr, "\r\033[K");
  p->drawn = false;
}
