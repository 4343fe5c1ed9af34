/* mutate [-n COUNT] [-s SEED] [-i NUMBER] [-o FILE] [-p PIPELINE] [-k KIND] FOLDER...: damages good files in COUNT
 * ways, always the same for one SEED, and checks that each either is refused with a diagnostic or gives a sound module.
 * Exit status 1 when something did not hold; the bytes are then in FILE (default mutated.bin). -i: only the mutation of
 * this number, whose bytes are kept before they are tried. Run under the sanitizers.
 *
 * -k KIND: files of this kind alone: "text" (.gir), "gfb", "onnx", "npy", "safetensors", "state" (.pt), "rules",
 * "quantizer", "pipeline"; "module", the default: models and data by turns.
 *
 * mutate -f FILE [-k KIND]: one file as it is. */
#include "seeds.h"
#include "structure.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIME_LIMIT 10 /* seconds a file; a healthy one takes milliseconds */

static uint64_t state;

static uint64_t random64(void) { /* splitmix64 */
  uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static size_t below(size_t n) { return n ? (size_t)(random64() % n) : 0; }

typedef struct bytes {
  unsigned char *data;
  size_t size, room;
} bytes;

static void reserve(bytes *b, size_t size) {
  if (b->data && size <= b->room) return;
  b->room = size * 2 + 64;
  b->data = realloc(b->data, b->room);
  if (!b->data) exit(2);
}

/* Replaces `gone` bytes at `at` by `count` others, which may lie in the bytes themselves. */
static void replace(bytes *b, size_t at, size_t gone, const unsigned char *with, size_t count) {
  unsigned char *copy = malloc(count + 1);
  if (!copy) exit(2);
  if (count) memcpy(copy, with, count);
  reserve(b, b->size - gone + count);
  memmove(b->data + at + count, b->data + at + gone, b->size - at - gone);
  if (count) memcpy(b->data + at, copy, count);
  b->size = b->size - gone + count;
  free(copy);
}

/* ---- ways to do damage; each leaves bytes that are at least as long as none ---- */

static void truncate_bytes(bytes *b, const seed *other) {
  (void)other;
  b->size = below(b->size);
}

static void flip_bits(bytes *b, const seed *other) {
  (void)other;
  for (size_t n = 1 + below(4); n > 0 && b->size > 0; n--) b->data[below(b->size)] ^= (unsigned char)(1u << below(8));
}

static void scribble(bytes *b, const seed *other) {
  (void)other;
  for (size_t n = 1 + below(4); n > 0 && b->size > 0; n--)
    b->data[below(b->size)] = (unsigned char)(below(4) ? random64() : 0);
}

static void splice(bytes *b, const seed *other) {
  size_t at = below(b->size + 1), gone = below(b->size - at + 1), from = below(other->size + 1);
  size_t count = below(other->size - from + 1);
  replace(b, at, below(4) ? gone % 64 : gone, other->bytes + from, below(4) ? count % 64 : count);
}

static void duplicate(bytes *b, const seed *other) {
  (void)other;
  size_t from = below(b->size + 1), count = below(b->size - from + 1);
  reserve(b, b->size * 2);
  replace(b, below(b->size + 1), 0, b->data + from, below(4) ? count % 128 : count);
}

static void cut(bytes *b, const seed *other) {
  (void)other;
  size_t at = below(b->size + 1), gone = below(b->size - at + 1);
  replace(b, at, below(4) ? gone % 32 : gone, NULL, 0);
}

/* A number of four or eight bytes at an aligned place, as binary files have them. */
static void change_number(bytes *b, const seed *other) {
  (void)other;
  static const uint64_t extremes[] = {
      0, 1, 2, 0x7f, 0xff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, UINT64_C(1) << 62, INT64_MAX, UINT64_MAX};
  size_t width = below(3) ? 4 : 8;
  if (b->size < width) return;
  size_t at = below((b->size - width) / 4 + 1) * 4;
  uint64_t value = 0;
  memcpy(&value, b->data + at, width);
  switch (below(4)) {
  case 0: value = extremes[below(sizeof extremes / sizeof *extremes)]; break;
  case 1: value += 1 + below(4); break;
  case 2: value -= 1 + below(4); break;
  default: value = below(32); break;
  }
  memcpy(b->data + at, &value, width);
}

/* Begin and end of the word or number that `at` lies in. */
static void word_around(const unsigned char *p, size_t size, size_t at, size_t *begin, size_t *end) {
  *begin = *end = at;
  while (*begin > 0 && (isalnum(p[*begin - 1]) || p[*begin - 1] == '_')) --*begin;
  while (*end < size && (isalnum(p[*end]) || p[*end] == '_')) ++*end;
}

static void change_word(bytes *b, const seed *other) {
  static const char *const words[] = {"0",
                                      "-1",
                                      "1",
                                      "4294967296",
                                      "9223372036854775807",
                                      "1e400",
                                      "inf",
                                      "nan",
                                      "none",
                                      "true",
                                      "999999999",
                                      "-9223372036854775808",
                                      "x",
                                      "%x",
                                      "f32",
                                      "i8",
                                      "graph",
                                      "return",
                                      "update",
                                      "_",
                                      "\"\\u0000\""};
  size_t begin, end, from, to;
  word_around(b->data, b->size, below(b->size + 1), &begin, &end);
  if (below(2)) {
    const char *word = words[below(sizeof words / sizeof *words)];
    replace(b, begin, end - begin, (const unsigned char *)word, strlen(word));
  } else {
    word_around(other->bytes, other->size, below(other->size), &from, &to);
    replace(b, begin, end - begin, other->bytes + from, to - from);
  }
}

typedef void (*damage)(bytes *, const seed *);
static const damage text_ways[] = {change_word, change_word, change_word, change_word, flip_bits,
                                   cut,         duplicate,   splice,      scribble,    truncate_bytes};
static const damage binary_ways[] = {change_number, change_number, change_number, change_number,
                                     flip_bits,     flip_bits,     scribble,      cut,
                                     duplicate,     splice,        truncate_bytes};

enum { TEXT, BINARY, ONNX, NPY, SAFETENSORS, STATE, RULES, QUANTIZER, PIPELINE, KINDS, ALL };

/* Half the damage to models is to what they say, not to their bytes. */
static void do_damage(bytes *b, int kind, const seed *other) {
  if (kind == ONNX && below(2)) {
    size_t size;
    unsigned char *more = damage_onnx(b->data, b->size, random64, &size);
    if (more) replace(b, 0, b->size, more, size);
    free(more);
  } else if (kind == BINARY && below(2)) {
    damage_gfb(b->data, b->size, random64);
  } else if (kind == TEXT || kind >= RULES) {
    text_ways[below(sizeof text_ways / sizeof *text_ways)](b, other);
  } else {
    binary_ways[below(sizeof binary_ways / sizeof *binary_ways)](b, other);
  }
}

/* ---- running ---- */

static char running[256];
static const char *pipeline; /* passes that good modules go through */

static void too_slow(int signal) {
  (void)signal;
  static const char text[] = "mutate: more than 10 s for ";
  ssize_t n = write(2, text, sizeof text - 1);
  n += write(2, running, strlen(running));
  n += write(2, "\n", 1);
  _exit(n < 0 ? 2 : 1);
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void keep(const char *path, const bytes *b) {
  FILE *f = fopen(path, "wb");
  if (!f) return;
  fwrite(b->data, 1, b->size, f);
  fclose(f);
}

static const char *const kind_names[KINDS] = {".gir", ".gfb", ".onnx", ".npy",   ".safetensors",
                                              ".pt",  ".pat", ".qz",   ".passes"};
static const struct {
  const char *name;
  attempt_kind kind;
  int files; /* of which the seeds are, or ALL */
} words[] = {{"module", ATTEMPT_MODULE, ALL},
             {"text", ATTEMPT_MODULE, TEXT},
             {"gfb", ATTEMPT_MODULE, BINARY},
             {"onnx", ATTEMPT_MODULE, ONNX},
             {"npy", ATTEMPT_NPY, NPY},
             {"safetensors", ATTEMPT_SAFETENSORS, SAFETENSORS},
             {"state", ATTEMPT_STATE, STATE},
             {"rules", ATTEMPT_RULES, RULES},
             {"quantizer", ATTEMPT_QUANTIZER, QUANTIZER},
             {"pipeline", ATTEMPT_PIPELINE, PIPELINE}};
static size_t kind_given; /* -k, of words */

static bool take_kind(const char *word) {
  for (kind_given = 0; kind_given < sizeof words / sizeof *words; kind_given++) {
    if (strcmp(words[kind_given].name, word) == 0) return true;
  }
  return false;
}

/* The formats that take turns, the seeds of each in order. */
static int kind_in_turn(unsigned i) {
  static const int turns[16] = {TEXT, BINARY, ONNX,        TEXT, BINARY, NPY,  TEXT,  BINARY,
                                TEXT, BINARY, SAFETENSORS, TEXT, BINARY, ONNX, STATE, TEXT};
  return words[kind_given].files == ALL ? turns[i % 16] : words[kind_given].files;
}

static int kind_of(const seed *s) {
  const char *dot = strrchr(s->name, '.');
  for (int k = 0; dot && k < KINDS; k++) {
    if (strcmp(dot, kind_names[k]) == 0) return k;
  }
  return TEXT;
}

static const seed *choose(const seed_list *list, unsigned i) {
  unsigned count = 0;
  const int kind = kind_in_turn(i);
  for (unsigned k = 0; k < list->count; k++) count += kind_of(&list->items[k]) == kind;
  if (count == 0) return &list->items[i % list->count];
  unsigned nth = i / 16 * 5 + i % 16 / 3;
  nth %= count;
  for (unsigned k = 0;; k++) {
    if (kind_of(&list->items[k]) == kind && nth-- == 0) return &list->items[k];
  }
}

static void copy_seed(bytes *b, const seed *s) {
  reserve(b, s->size + 1);
  memcpy(b->data, s->bytes, s->size);
  b->size = s->size;
}

/* The seed itself or another one of the kind: their bytes mean something here. */
static const seed *partner(const seed_list *list, const seed *s) {
  if (below(2)) return s;
  for (int i = 0; i < 8; i++) {
    const seed *other = &list->items[below(list->count)];
    if (kind_of(other) == kind_of(s)) return other;
  }
  return s;
}

static unsigned check_seeds(const seed_list *list) {
  unsigned bad = 0;
  for (unsigned i = 0; i < list->count; i++) {
    const seed *s = &list->items[i];
    snprintf(running, sizeof running, "%s, unchanged", s->name);
    attempt_result r = attempt(s->kind, s->bytes, s->size, pipeline);
    if (!r.wrong) continue;
    printf("%s, unchanged: %s\n  %s\n", s->name, r.wrong, r.detail);
    bad++;
  }
  return bad;
}

static unsigned mutate_all(const seed_list *list, unsigned first, unsigned count, uint64_t seed_number,
                           const char *out) {
  bytes b = {0};
  unsigned failures = 0, accepted = 0, tried[KINDS] = {0}, good[KINDS] = {0};
  double slowest = 0, begin = seconds();
  char slowest_name[256] = "";
  for (unsigned i = first; i < first + count; i++) {
    const seed *s = choose(list, i);
    state = (seed_number << 32) + i;
    copy_seed(&b, s);
    for (size_t n = below(2) ? 1 : 2 + below(2); n > 0; n--) do_damage(&b, kind_of(s), partner(list, s));
    snprintf(running, sizeof running, "%s, mutation %u of seed %llu", s->name, i, (unsigned long long)seed_number);
    if (first) keep(out, &b);                           /* to have the bytes of a crash */
    unsigned char *exact = malloc(b.size ? b.size : 1); /* the sanitizer sees a step too far */
    if (!exact) exit(2);
    if (b.size) memcpy(exact, b.data, b.size);
    double start = seconds();
    alarm(TIME_LIMIT);
    attempt_result r = attempt(s->kind, exact, b.size, pipeline);
    alarm(0);
    double took = seconds() - start;
    free(exact);
    accepted += r.accepted;
    tried[kind_of(s)]++;
    good[kind_of(s)] += r.accepted;
    if (took > slowest) {
      slowest = took;
      memcpy(slowest_name, running, sizeof running);
    }
    if (!r.wrong) continue;
    printf("%s: %s\n  %s\n", running, r.wrong, r.detail);
    if (!failures++) keep(out, &b);
  }
  for (int k = 0; k < KINDS; k++)
    if (tried[k]) printf("%s: %u of %u still good\n", kind_names[k], good[k], tried[k]);
  printf("%u files of %u seeds in %.1f s: %u still good, %u refused, %u wrong; slowest %.3f s (%s)\n", count,
         list->count, seconds() - begin, accepted, count - accepted, failures, slowest, slowest_name);
  free(b.data);
  return failures;
}

static int run_file(const char *path, attempt_kind kind) {
  FILE *f = fopen(path, "rb");
  if (!f) return 2;
  bytes b = {0};
  for (size_t n = 1; n > 0; b.size += n) {
    reserve(&b, b.size + 65536);
    n = fread(b.data + b.size, 1, 65536, f);
  }
  fclose(f);
  attempt_result r = attempt(kind, b.data, b.size, pipeline);
  printf("%s%s%s\n", r.accepted ? "good" : r.detail, r.wrong ? ": " : "", r.wrong ? r.wrong : "");
  free(b.data);
  return r.wrong ? 1 : 0;
}

int main(int argc, char **argv) {
  unsigned count = 10000, first = 0;
  uint64_t seed_number = 1;
  const char *out = "mutated.bin", *file = NULL;
  for (int option; (option = getopt(argc, argv, "n:s:i:o:p:f:k:")) != -1;) {
    switch (option) {
    case 'n': count = (unsigned)strtoul(optarg, NULL, 10); break;
    case 's': seed_number = strtoull(optarg, NULL, 10); break;
    case 'i': first = (unsigned)strtoul(optarg, NULL, 10), count = 1; break;
    case 'o': out = optarg; break;
    case 'p': pipeline = optarg; break;
    case 'f': file = optarg; break;
    case 'k':
      if (!take_kind(optarg)) return 2;
      break;
    default: return 2;
    }
  }
  if (file) return run_file(file, words[kind_given].kind);
  signal(SIGALRM, too_slow);
  seed_list list = {0};
  for (int i = optind; i < argc; i++) seeds_read(&list, argv[i], 32768);
  seeds_make(&list);
  unsigned failures = check_seeds(&list) + mutate_all(&list, first, count, seed_number, out);
  seeds_free(&list);
  return failures ? 1 : 0;
}
