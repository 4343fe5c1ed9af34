/* import FILES...: CPU time of importing ONNX files beside that of reading them twice; and what the context's allocator
 * held at most, over the file's size. Reads go to a cache line's begin, as those of graft: elsewhere the kernel may
 * take several times as long, and where malloc puts a buffer is luck. */
#include "bench.h"

#include <fcntl.h>
#include <sys/stat.h>

typedef struct meter {
  size_t live, peak;
} meter;

static void *allocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  meter *m = user;
  void *p = new_size ? realloc(pointer, new_size) : NULL;
  if (!new_size) free(pointer);
  if (!p && new_size) return NULL;
  m->live += new_size - old_size;
  if (m->live > m->peak) m->peak = m->live;
  return p;
}

static size_t size_of(const char *path) {
  struct stat s;
  if (stat(path, &s) != 0) bench_fail(NULL, path);
  return (size_t)s.st_size;
}

static double reads(const char *path, size_t size) {
  double t = bench_now();
  for (int k = 0; k < 2; k++) {
    char *bytes = aligned_alloc(64, (size + 64) / 64 * 64);
    int fd = open(path, O_RDONLY);
    if (!bytes || fd < 0) bench_fail(NULL, path);
    for (size_t at = 0; at < size;) {
      ssize_t n = read(fd, bytes + at, size - at);
      if (n <= 0) bench_fail(NULL, path);
      at += (size_t)n;
    }
    close(fd);
    free(bytes);
  }
  return bench_now() - t;
}

static double import(const char *path, size_t *peak) {
  meter m = {0};
  graft_context_options options = {.size = sizeof options, .allocator = allocate, .allocator_user = &m};
  graft_context *c = graft_context_create(&options);
  if (!c) bench_fail(NULL, path);
  double t = bench_now();
  graft_module *module = graft_module_load(c, path, NULL);
  t = bench_now() - t;
  if (!module) bench_fail(c, path);
  *peak = m.peak;
  graft_module_destroy(module);
  graft_context_destroy(c);
  return t;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    const size_t size = size_of(argv[i]);
    size_t peak = 0;
    samples read = {0}, times = {0};
    for (int k = 0; k < BENCH_REPEATS; k++) {
      bench_add(&read, reads(argv[i], size));
      bench_add(&times, import(argv[i], &peak));
    }
    printf("%s: %.1f MB; peak %.2f times that\n", argv[i], 1e-6 * (double)size, (double)peak / (double)size);
    bench_row("  read twice", &read, "ms", "");
    bench_row("  import", &times, "ms", "<= read twice");
  }
  return 0;
}
