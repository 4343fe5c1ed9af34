/* The shortest edit script by Myers' middle snake ("An O(ND) Difference Algorithm"), in linear memory. Where more than
 * MAX_COST edits would have to be tried at once the search is cut where it came furthest: the script is right, but may
 * not be the shortest, and time stays linear in the texts. */
#include "tools/diff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 3, MAX_COST = 512 };

typedef struct line {
  const char *text;
  size_t length; /* with the line's end */
  uint64_t hash;
} line;

typedef struct lines {
  line *data;
  long count;
  bool *changed; /* by line: it is not in the other text */
} lines;

typedef struct differ {
  lines a, b;
  long *forward, *backward; /* by diagonal: the line of `a` that the search came to */
} differ;

static bool split(lines *l, const diff_text *text) {
  size_t count = 0;
  const char *end = text->bytes + text->size;
  for (const char *s = text->bytes; s < end; s++) count += *s == '\n';
  l->data = malloc((count + 1) * sizeof *l->data);
  l->changed = calloc(count + 1, sizeof *l->changed);
  if (!l->data || !l->changed) return false;
  for (const char *s = text->bytes; s < end;) {
    const char *stop = memchr(s, '\n', (size_t)(end - s));
    line *at = &l->data[l->count++];
    *at = (line){.text = s, .length = stop ? (size_t)(stop - s) + 1 : (size_t)(end - s), .hash = 14695981039346656037u};
    for (size_t i = 0; i < at->length; i++) at->hash = (at->hash ^ (unsigned char)s[i]) * 1099511628211u;
    s += at->length;
  }
  return true;
}

static bool same(const differ *d, long i, long j) {
  const line *a = &d->a.data[i], *b = &d->b.data[j];
  return a->hash == b->hash && a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

typedef struct box { /* lines a0..a1 against b0..b1 */
  long a0, a1, b0, b1;
} box;

/* A point (x, y) on a shortest way through the box, whose first lines differ and whose last lines do. Both searches go
 * by diagonals x - y, one edit further in each round, until they meet. */
static void find_middle(const differ *d, box q, long *x, long *y) {
  long *ahead = d->forward, *back = d->backward;
  long least = q.a0 - q.b1, most = q.a1 - q.b0, from = q.a0 - q.b0, to = q.a1 - q.b1;
  long f0 = from, f1 = from, b0 = to, b1 = to;
  bool odd = (from - to) & 1;
  ahead[from] = q.a0;
  back[to] = q.a1;
  for (int cost = 1;; cost++) {
    if (f0 > least)
      ahead[--f0 - 1] = -1;
    else
      f0++;
    if (f1 < most)
      ahead[++f1 + 1] = -1;
    else
      f1--;
    long best = -1, best_at = 0;
    for (long k = f1; k >= f0; k -= 2) {
      long i = ahead[k - 1] < ahead[k + 1] ? ahead[k + 1] : ahead[k - 1] + 1;
      while (i < q.a1 && i - k < q.b1 && same(d, i, i - k)) i++;
      ahead[k] = i;
      if (odd && b0 <= k && k <= b1 && back[k] <= i) {
        *x = i;
        *y = i - k;
        return;
      }
      if (i <= q.a1 && i - k <= q.b1 && 2 * i - k > best) {
        best = 2 * i - k;
        best_at = k;
      }
    }
    if (b0 > least)
      back[--b0 - 1] = INT32_MAX;
    else
      b0++;
    if (b1 < most)
      back[++b1 + 1] = INT32_MAX;
    else
      b1--;
    for (long k = b1; k >= b0; k -= 2) {
      long i = back[k - 1] < back[k + 1] ? back[k - 1] : back[k + 1] - 1;
      while (i > q.a0 && i - k > q.b0 && same(d, i - 1, i - k - 1)) i--;
      back[k] = i;
      if (!odd && f0 <= k && k <= f1 && i <= ahead[k]) {
        *x = i;
        *y = i - k;
        return;
      }
    }
    if (cost >= MAX_COST && best >= 0) {
      *x = ahead[best_at];
      *y = ahead[best_at] - best_at;
      return;
    }
  }
}

/* Halves of the way to the middle: as deep as the logarithm of MAX_COST. */
static void compare(const differ *d, box q) { // NOLINT(misc-no-recursion)
  for (;;) {
    while (q.a0 < q.a1 && q.b0 < q.b1 && same(d, q.a0, q.b0)) q.a0++, q.b0++;
    while (q.a0 < q.a1 && q.b0 < q.b1 && same(d, q.a1 - 1, q.b1 - 1)) q.a1--, q.b1--;
    if (q.a0 == q.a1 || q.b0 == q.b1) break;
    long x, y;
    find_middle(d, q, &x, &y);
    compare(d, (box){q.a0, x, q.b0, y});
    q.a0 = x;
    q.b0 = y;
  }
  for (long i = q.a0; i < q.a1; i++) d->a.changed[i] = true;
  for (long j = q.b0; j < q.b1; j++) d->b.changed[j] = true;
}

static void print_lines(FILE *out, char sign, const lines *l, long from, long to) {
  for (long i = from; i < to; i++) {
    const line *at = &l->data[i];
    fprintf(out, "%c%.*s", sign, (int)at->length, at->text);
    if (at->text[at->length - 1] != '\n') fputs("\n\\ No newline at end of file\n", out);
  }
}

/* Past the changes that begin at lines (*i, *j). */
static void pass_changes(const differ *d, long *i, long *j) {
  while (*i < d->a.count && d->a.changed[*i]) ++*i;
  while (*j < d->b.count && d->b.changed[*j]) ++*j;
}

static bool at_change(const differ *d, long i, long j) {
  return (i < d->a.count && d->a.changed[i]) || (j < d->b.count && d->b.changed[j]);
}

/* One hunk, from the change at (i, j) on: with those that follow within twice the context. */
static void print_hunk(const differ *d, FILE *out, long *i, long *j) {
  long lead = *i < CONTEXT ? *i : CONTEXT, a0 = *i - lead, b0 = *j - lead, a1 = *i, b1 = *j;
  pass_changes(d, &a1, &b1);
  for (long x = a1, y = b1;; x = a1, y = b1) {
    while (x < d->a.count && y < d->b.count && !at_change(d, x, y)) x++, y++;
    if (x - a1 > 2 * CONTEXT || !at_change(d, x, y)) break;
    pass_changes(d, &x, &y);
    a1 = x;
    b1 = y;
  }
  long tail = d->a.count - a1 < CONTEXT ? d->a.count - a1 : CONTEXT;
  fprintf(out, "@@ -%ld,%ld +%ld,%ld @@\n", a0 + (a1 + tail > a0), a1 + tail - a0, b0 + (b1 + tail > b0),
          b1 + tail - b0);
  for (long x = a0, y = b0; x < a1 + tail || y < b1 + tail;) {
    long x0 = x;
    while (x < a1 + tail && y < b1 + tail && !at_change(d, x, y)) x++, y++;
    print_lines(out, ' ', &d->a, x0, x);
    long y0 = y;
    x0 = x;
    pass_changes(d, &x, &y);
    print_lines(out, '-', &d->a, x0, x);
    print_lines(out, '+', &d->b, y0, y);
  }
  *i = a1 + tail;
  *j = b1 + tail;
}

static void print(const differ *d, FILE *out, const char *before, const char *after) {
  bool head = false;
  for (long i = 0, j = 0; i < d->a.count || j < d->b.count;) {
    if (!at_change(d, i, j)) {
      i++, j++;
      continue;
    }
    if (!head) fprintf(out, "--- %s\n+++ %s\n", before, after);
    head = true;
    print_hunk(d, out, &i, &j);
  }
}

bool diff_print(FILE *out, const diff_text *before, const diff_text *after) {
  differ d = {0};
  bool ok = split(&d.a, before) && split(&d.b, after);
  size_t diagonals = ok ? (size_t)(d.a.count + d.b.count) + 3 : 0;
  long *both = ok ? malloc(2 * diagonals * sizeof *both) : NULL;
  if (both) {
    d.forward = both + d.b.count + 1; /* diagonals go from -b.count - 1 to a.count + 1 */
    d.backward = d.forward + diagonals;
    compare(&d, (box){0, d.a.count, 0, d.b.count});
    print(&d, out, before->name, after->name);
  }
  free(both);
  free(d.a.data);
  free(d.a.changed);
  free(d.b.data);
  free(d.b.changed);
  return both != NULL;
}
