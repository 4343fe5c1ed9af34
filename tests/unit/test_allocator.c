/* The embedder's allocator over the main job: every size is given back as it was asked for, nothing is left behind, and
 * what is large comes from it and not from malloc.  usage: test_allocator NETWORK */
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Memory apart from malloc's, in blocks of powers of two: freed ones wait in a list for the next of their size. */
enum { CLASSES = 48 };
#define ROOM ((size_t)4 << 30)

typedef struct block {
  size_t size;    /* asked for */
  uint32_t class; /* 2^class bytes, with this */
  uint32_t in_use;
  struct block *next;
  size_t unused;
} block;

static struct {
  char *base;
  size_t taken, live, peak, blocks, wrong;
  block *free[CLASSES];
  size_t of_malloc, most_of_malloc; /* of others: before, and the most at any of our calls */
} memory;

/* 0 where it is not known, as under a sanitizer. */
static size_t of_malloc(void) {
  const struct mallinfo2 m = mallinfo2();
  return m.uordblks + m.hblkhd;
}

static block *take(size_t size) {
  uint32_t class = 6;
  while (((size_t)1 << class) < size + sizeof(block)) class ++;
  block *b = memory.free[class];
  if (b) {
    memory.free[class] = b->next;
  } else {
    if (ROOM - memory.taken < (size_t)1 << class) return NULL;
    b = (block *)(void *)(memory.base + memory.taken);
    memory.taken += (size_t)1 << class;
  }
  *b = (block){.size = size, .class = class, .in_use = 1};
  return b;
}

static void *allocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  block *old = pointer ? (block *)pointer - 1 : NULL, *b = NULL;
  const size_t others = of_malloc();
  (void)user;
  if (others > memory.most_of_malloc) memory.most_of_malloc = others;
  if (old && (!old->in_use || old->size != old_size)) memory.wrong++;
  if (!old && old_size) memory.wrong++;
  if (new_size) {
    b = take(new_size);
    if (!b) return NULL;
    if (old) memcpy(b + 1, old + 1, old->size < new_size ? old->size : new_size);
    memory.live += new_size;
    memory.blocks++;
    if (memory.live > memory.peak) memory.peak = memory.live;
  }
  if (old) {
    memory.live -= old->size;
    memory.blocks--;
    old->in_use = 0;
    old->next = memory.free[old->class];
    memory.free[old->class] = old;
  }
  return b ? b + 1 : NULL;
}

static graft_context *begin(void) {
  memory.peak = memory.live;
  memory.of_malloc = memory.most_of_malloc = of_malloc();
  return graft_context_create(&(graft_context_options){.size = sizeof(graft_context_options), .allocator = allocate});
}

static int complain(graft_context *c, const char *what) {
  for (uint32_t i = 0; c && i < graft_diagnostic_count(c); i++) {
    char text[1024];
    const graft_diagnostic d = graft_diagnostic_get(c, i);
    graft_diagnostic_format(&d, text, sizeof text);
    puts(text);
  }
  printf("%s\n", what);
  return 1;
}

/* What is left when all is destroyed; malloc may have grown by `allowed`. */
static int end(const char *what, graft_context *c, size_t allowed) {
  graft_context_destroy(c);
  const size_t grown = memory.most_of_malloc > memory.of_malloc ? memory.most_of_malloc - memory.of_malloc : 0;
  printf("%s: %zu bytes at most from the allocator, %zu of malloc\n", what, memory.peak, grown);
  if (memory.live || memory.blocks) return complain(NULL, "not all was given back");
  if (memory.wrong) return complain(NULL, "a size was not the one asked for");
  if (grown > allowed) return complain(NULL, "too much of malloc");
  return 0;
}

static bool train(graft_module *m, uint32_t threads) {
  enum { BATCH = 8 };
  static const graft_type type = {.dtype = GRAFT_F32, .rank = 4, .dims = {BATCH, 1, 8, 8}};
  float x[BATCH * 64];
  for (int i = 0; i < BATCH * 64; i++) x[i] = (float)(i * 7 % 17) / 16.0f;
  graft_session *s =
      graft_session_create(graft_module_get_graph(m, 0),
                           &(graft_session_options){.size = sizeof(graft_session_options), .threads = threads});
  bool ok = s && graft_session_set_input(s, 0, &type, x) == GRAFT_OK;
  for (int i = 0; i < 3 && ok; i++) ok = graft_session_run(s) == GRAFT_OK;
  graft_session_destroy(s);
  return ok;
}

static bool print(graft_module *m, graft_format format) {
  char *text;
  size_t size;
  if (graft_module_print(m, format, &text, &size) != GRAFT_OK) return false;
  graft_free(graft_module_get_context(m), text, size);
  return true;
}

static int main_job(const char *path) {
  graft_context *c = begin();
  graft_module *m = graft_module_load(c, path, NULL);
  if (!m || graft_run_passes(m, "prepare-qat{quantizer=xnnpack,per-channel=true}", NULL) || !train(m, 2) ||
      graft_run_passes(m, "to-eval,convert", NULL) || !train(m, 1) || graft_run_passes(m, "lower", NULL) ||
      !train(m, 1) || graft_module_compact(m) || !print(m, GRAFT_FORMAT_TEXT) || !print(m, GRAFT_FORMAT_JSON) ||
      !print(m, GRAFT_FORMAT_BINARY) || graft_run_passes(m, "no-such-pass", NULL) == GRAFT_OK)
    return complain(c, "the main job failed");
  graft_module_destroy(m);
  return end("main job", c, (size_t)16 << 20);
}

/* Weights of 9 MB, values of 8 MB, in fast layouts too. */
static int large(void) {
  enum { SIDE = 64, CHANNELS = 512 };
  graft_context *c = begin();
  graft_module *m = graft_module_create(c);
  graft_graph *g = m ? graft_graph_create(m, "main") : NULL;
  if (!g) return complain(c, "no graph");
  const graft_type xt = graft_type_make(GRAFT_F32, 4, (int64_t[]){1, CHANNELS, SIDE, SIDE}),
                   wt = graft_type_make(GRAFT_F32, 4, (int64_t[]){CHANNELS, CHANNELS, 3, 3});
  const graft_value x = graft_input_add(g, "x", &xt),
                    w = graft_tensor_value(g, graft_tensor_fill(m, "w", GRAFT_PARAMETER, &wt, -0.01, 0.01));
  const graft_attr stride = {.name = "stride", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){4, 4}};
  graft_value y = graft_build(g, "relu", &x, 1, NULL, 0);
  y = graft_build(g, "tanh", &y, 1, NULL, 0);
  y = graft_build(g, "conv2d", (graft_value[]){y, w}, 2, &stride, 1);
  graft_output_add(g, "y", y);
  float *data = allocate(NULL, NULL, 0, (size_t)CHANNELS * SIDE * SIDE * sizeof *data);
  for (size_t i = 0; i < (size_t)CHANNELS * SIDE * SIDE; i++) data[i] = (float)(i % 9) - 4;
  graft_session *s = graft_session_create(g, NULL);
  if (!s || graft_session_set_input(s, 0, &xt, data) || graft_session_run(s)) return complain(c, "the run failed");
  if (memory.peak < ((size_t)24 << 20)) return complain(c, "large memory comes from elsewhere");
  graft_session_destroy(s);
  graft_module_destroy(m);
  allocate(NULL, data, (size_t)CHANNELS * SIDE * SIDE * sizeof *data, 0);
  return end("large", c, (size_t)4 << 20);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  memory.base = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory.base == MAP_FAILED) return 2;
  return main_job(argv[1]) || large();
}
