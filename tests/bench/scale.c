/* scale [SIZES…]: speed and memory against the number of nodes, on conv-bn-relu chains. Prints, per size, millions of
 * nodes a second of CPU time for each step, medians of REPEATS, then the time a node takes at the largest size as a
 * multiple of that at each smaller one, then bytes a node. Sizes are compared on warm memory: the heap keeps what one
 * repeat frees for the next, since the first touch of fresh pages is the system's time and differs between machines. */
#include "ir/formats/file_int.h"
#include "ir/formats/gfb/gfb_int.h"
#include "ir/formats/sink_int.h"
#include "ir/formats/text/text_int.h"
#include "models.h"
#include "passes/passes.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REPEATS 5

enum { BUILD, PRINT, PARSE, SAVE, OPEN, VERIFY, ANNOTATE, FUSE, PREPARE, STEPS };
static const char *const step_names[STEPS] = {"build",  "print",    "parse", "save",       "open",
                                              "verify", "annotate", "fuse",  "prepare-qat"};
/* design goals on a desktop core, M nodes/s; 0: none stated */
static const double goals[STEPS] = {0, 0, 1.6, 0, 11, 0, 0, 2, 0.5};

typedef struct figures {
  uint32_t nodes;
  double rates[STEPS][REPEATS]; /* M nodes/s, in ascending order at the end */
  double rate[STEPS];           /* their medians */
  int repeat;
  double graph_bytes, name_bytes; /* a node: the graph, and strings and provenance */
  double tensor_bytes;            /* a tensor's record */
} figures;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* other work on the machine takes none of it */
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(graft_context *c, const char *what) {
  fprintf(stderr, "scale: %s failed\n", what);
  for (uint32_t i = 0; i < graft_diagnostic_count(c); i++)
    fprintf(stderr, "  %s\n", graft_diagnostic_get(c, i).message);
  exit(1);
}

static void note(figures *f, int step, double since) {
  f->rates[step][f->repeat] = (double)f->nodes / (now() - since) * 1e-6;
}

/* One pass over a module, timed. */
static void pass(figures *f, int step, graft_module *m, const char *text) {
  double t = now();
  if (graft_run_passes(m, text, NULL) != GRAFT_OK) fail(graft_module_get_context(m), text);
  note(f, step, t);
}

static void once(figures *f, const char *file) {
  graft_context *c = graft_context_create(NULL);
  if (!c) exit(1);
  double t = now();
  graft_module *m = graft_model_chain(c, f->nodes);
  if (!m) fail(c, "build");
  note(f, BUILD, t);
  gr_memory memory = gr_module_memory(m);
  f->graph_bytes = (double)memory.graph / f->nodes;
  f->name_bytes = (double)(memory.strings + memory.provenance) / f->nodes;
  f->tensor_bytes = (double)memory.tensors / graft_tensor_count(m);

  gr_sink text;
  t = now();
  gr_sink_init(&text, c);
  if (gr_text_print(m, &text, NULL) != GRAFT_OK) fail(c, "print");
  note(f, PRINT, t);
  t = now();
  gr_sink_write(&text, "", 1); /* the lexer wants a NUL after the text */
  graft_module *parsed = gr_text_parse(c, text.bytes.data, text.bytes.len - 1, "scale", NULL);
  if (!parsed) fail(c, "parse");
  note(f, PARSE, t);
  graft_module_destroy(parsed);
  gr_sink_free(&text);

  t = now();
  if (graft_module_save(m, file, GRAFT_FORMAT_BINARY) != GRAFT_OK) fail(c, "save");
  note(f, SAVE, t);
  graft_module_destroy(m);
  gr_buffer *mapped = gr_file_read(c, file, true);
  t = now();
  m = mapped ? gr_gfb_load(c, mapped, file, false) : NULL;
  if (!m) fail(c, "open");
  note(f, OPEN, t);
  t = now();
  if (graft_module_verify(m) != GRAFT_OK) fail(c, "verify");
  note(f, VERIFY, t);
  pass(f, ANNOTATE, m, "annotate{quantizer=xnnpack,qat=true}");
  pass(f, FUSE, m, "fuse-conv-bn-qat");
  graft_module_destroy(m);
  m = gr_gfb_load(c, mapped, file, false);
  if (!m) fail(c, "open");
  pass(f, PREPARE, m, "prepare-qat{quantizer=xnnpack}");
  graft_module_destroy(m);
  gr_buffer_release(c, mapped);
  graft_context_destroy(c);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static figures measure(uint32_t nodes, const char *file) {
  figures f = {.nodes = nodes};
  for (; f.repeat < REPEATS; f.repeat++) once(&f, file);
  for (int step = 0; step < STEPS; step++) {
    qsort(f.rates[step], REPEATS, sizeof **f.rates, ascending);
    f.rate[step] = f.rates[step][REPEATS / 2];
  }
  return f;
}

static void row(const char *name, const double *values) {
  printf("%-12s", name);
  for (int i = 0; i < STEPS; i++) printf("%12.3g", values[i]);
  putchar('\n');
}

int main(int argc, char **argv) {
  static const uint32_t usual[] = {1000, 10000, 100000, 1000000};
  uint32_t count = argc > 1 ? (uint32_t)argc - 1 : 4;
  char file[64];
  snprintf(file, sizeof file, "%s/graft-scale-%ld.gfb", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
           (long)getpid());
  figures *all = calloc(count, sizeof *all);
  if (!all) return 1;
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  printf("%-12s", "M nodes/s");
  for (int i = 0; i < STEPS; i++) printf("%12s", step_names[i]);
  putchar('\n');
  for (uint32_t i = 0; i < count; i++) {
    all[i] = measure(argc > 1 ? (uint32_t)strtoul(argv[i + 1], NULL, 10) : usual[i], file);
    char name[16];
    snprintf(name, sizeof name, "%u", all[i].nodes);
    row(name, all[i].rate);
    fflush(stdout);
  }
  row("goal", goals);
  /* Time a node at the largest size, as a multiple of that at each smaller one. */
  for (uint32_t i = 0; i + 1 < count; i++) {
    double ratio[STEPS];
    for (int k = 0; k < STEPS; k++) ratio[k] = all[i].rate[k] / all[count - 1].rate[k];
    char name[32];
    snprintf(name, sizeof name, "x of %u", all[i].nodes);
    row(name, ratio);
  }
  printf("\n%-12s%20s%20s%20s\n", "bytes", "graph/node", "names/node", "record/tensor");
  for (uint32_t i = 0; i < count; i++)
    printf("%-12u%20.1f%20.1f%20.1f\n", all[i].nodes, all[i].graph_bytes, all[i].name_bytes, all[i].tensor_bytes);
  printf("%-12s%20d%20s%20d\n", "goal", 200, "", 96);
  unlink(file);
  free(all);
  return 0;
}
