/* Edit distance with swapped neighbours (optimal string alignment), in eighths of an error: a letter of the other case
 * and a dash for an underscore are an eighth each, so that RELU is near relu. */
#include "ir/graph/base_int.h"

#include <stdio.h>
#include <string.h>

#define ERROR 8
#define LONGEST 64 /* longer words are not compared: what stands in memory is three rows */

static unsigned char folded(char c) {
  return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c == '_' ? '-' : c);
}

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

/* Above `limit`: any number above it. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m, unsigned limit) {
  unsigned rows[3][LONGEST + 1], *old = rows[0], *last = rows[1], *row = rows[2];
  for (unsigned k = 0; k <= m; k++) last[k] = ERROR * k;
  for (unsigned i = 1; i <= n; i++) {
    unsigned best = row[0] = ERROR * i;
    for (unsigned k = 1; k <= m; k++) {
      unsigned change = a[i - 1] == b[k - 1] ? 0 : folded(a[i - 1]) == folded(b[k - 1]) ? 1 : ERROR;
      row[k] = least(last[k - 1] + change, ERROR + least(last[k], row[k - 1]));
      if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) row[k] = least(row[k], old[k - 2] + ERROR);
      best = least(best, row[k]);
    }
    if (best > limit) return best;
    unsigned *free = old;
    old = last;
    last = row;
    row = free;
  }
  return last[m];
}

gr_closest gr_closest_begin(const char *written, size_t length) {
  return (gr_closest){.written = written, .length = length, .distance = UINT32_MAX};
}

void gr_closest_offer(gr_closest *c, const char *word, size_t length) {
  size_t longer = length > c->length ? length : c->length, shorter = length > c->length ? c->length : length;
  if (longer > LONGEST || shorter == 0) return;
  unsigned limit = longer < 3 ? 2 : (unsigned)longer / 3 * ERROR;
  if (limit >= c->distance) limit = c->distance - 1; /* of equals the first stays */
  if (ERROR * (longer - shorter) > limit) return;
  unsigned d = distance(c->written, c->length, word, length, limit);
  if (d > limit) return;
  c->distance = d;
  c->word = word;
  c->word_length = length;
}

const char *gr_closest_hint(gr_closest *c, const char *sigil) {
  c->hint[0] = '\0';
  if (c->word) (void)snprintf(c->hint, sizeof c->hint, "; did you mean '%s%.*s'?", sigil, (int)c->word_length, c->word);
  return c->hint;
}

const char *gr_closest_of(gr_closest *c, const char *sigil, const char *const *words, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (words[i]) gr_closest_offer(c, words[i], strlen(words[i]));
  return gr_closest_hint(c, sigil);
}
