/* The unified diff of random texts, applied to the first, gives the second; of equal ones there is none. */
#include "tools/diff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINES = 3000, ROUNDS = 600 };

static uint64_t state = 1;
static uint32_t below(uint32_t n) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % n;
}

typedef struct text {
  int lines[MAX_LINES];
  uint32_t count;
  bool no_end; /* of the last line */
} text;

static char *write_text(const text *t) {
  char *out = malloc((size_t)t->count * 12 + 1), *at = out;
  if (!out) exit(1);
  for (uint32_t i = 0; i < t->count; i++) at += sprintf(at, "%d\n", t->lines[i]);
  *at = '\0';
  if (t->no_end && t->count) at[-1] = '\0';
  return out;
}

static void random_change(text *t, uint32_t kinds) {
  uint32_t at = below(t->count + 1), what = below(3);
  if (what == 0 && t->count < MAX_LINES) {
    memmove(t->lines + at + 1, t->lines + at, (t->count - at) * sizeof *t->lines);
    t->count++;
    t->lines[at] = (int)below(kinds);
  } else if (what == 1 && at < t->count) {
    memmove(t->lines + at, t->lines + at + 1, (t->count - at - 1) * sizeof *t->lines);
    t->count--;
  } else if (at < t->count) {
    t->lines[at] = (int)below(kinds);
  }
}

static const char *end_of_line(const char *s) { return strchr(s, '\n') ? strchr(s, '\n') + 1 : s + strlen(s); }

/* What `patch` does, without looking for a hunk elsewhere than where it says to be. NULL: the hunks do not fit. */
static char *apply(const char *before, const char *patch) {
  size_t room = strlen(before) + strlen(patch) + 2, line = 1;
  char *out = calloc(room, 1);
  if (!out) exit(1);
  for (const char *p = end_of_line(end_of_line(patch)); *p;) {
    if (*p == '@') {
      size_t from = strtoul(p + 4, NULL, 10), old = strtoul(strchr(p, ',') + 1, NULL, 10);
      for (from += old == 0; line < from; line++) {
        const char *end = end_of_line(before);
        strncat(out, before, (size_t)(end - before));
        before = end;
      }
    } else {
      const char *end = end_of_line(p);
      size_t length = (size_t)(end - p) - 1;
      bool last = *end == '\\';
      if (last) length--;
      if (*p != '+') {
        if (strncmp(before, p + 1, length) != 0) return free(out), NULL;
        before += length;
        line++;
      }
      if (*p != '-') strncat(out, p + 1, length);
      p = last ? end_of_line(end) : end;
      continue;
    }
    p = end_of_line(p);
  }
  return strcat(out, before);
}

static int check(const text *a, const text *b) {
  char *before = write_text(a), *after = write_text(b), *patch = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&patch, &size);
  if (!out) exit(1);
  bool ok = diff_print(out, &(diff_text){"a", before, strlen(before)}, &(diff_text){"b", after, strlen(after)});
  fclose(out);
  char *made = size ? apply(before, patch) : strdup(before);
  ok = ok && made && strcmp(made, after) == 0 && (size == 0) == (strcmp(before, after) == 0);
  if (!ok) printf("FAIL\n== before\n%s== after\n%s== patch\n%s== made\n%s", before, after, patch, made ? made : "?");
  free(before);
  free(after);
  free(patch);
  free(made);
  return !ok;
}

int main(void) {
  static const uint32_t lengths[] = {0, 1, 2, 5, 20, 200, 2000}, alphabets[] = {1, 2, 5, 100000};
  static text a, b;
  int failed = 0;
  for (uint32_t i = 0; i < ROUNDS && !failed; i++) {
    uint32_t kinds = alphabets[below(4)], changes = below(4) ? below(8) : below(1500);
    a.count = lengths[below(7)];
    a.no_end = below(4) == 0;
    for (uint32_t k = 0; k < a.count; k++) a.lines[k] = (int)below(kinds);
    b = a;
    b.no_end = below(4) == 0;
    for (uint32_t k = 0; k < changes; k++) random_change(&b, kinds);
    failed = check(&a, &b);
  }
  return failed;
}
