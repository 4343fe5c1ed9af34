/* Whole files into buffers: read, or mapped. */
#include "ir/formats/file_int.h"
#include "ir/graph/budget_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static gr_buffer *failed(graft_context *c, const char *path, int code) {
  char text[128];
  gr_error(c, GRAFT_IO, (gr_loc){.file = path}, "cannot read: %s", strerror_r(code, text, sizeof text));
  return NULL;
}

static void unmap(gr_buffer *b) { munmap(b->data, b->size); }

bool gr_file_mapped(const gr_buffer *b) { return b->release == unmap; }

/* Into *to, which stays NULL for what cannot be mapped; false: no memory. */
static bool map_file(graft_context *c, int fd, size_t size, gr_buffer **to) {
  gr_buffer *b = gr_alloc(c, sizeof *b);
  if (!b) return false;
  *b = (gr_buffer){.data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0), .size = size, .refs = 1, .release = unmap};
  if (b->data != MAP_FAILED)
    *to = b;
  else
    gr_free(c, b, sizeof *b);
  return true;
}

/* A buffer of `size` bytes that begins with the first `kept` of b, which is released. */
static gr_buffer *refit(graft_context *c, gr_buffer *b, size_t kept, size_t size) {
  gr_buffer *to = gr_buffer_alloc(c, size);
  if (to && kept) memcpy(to->data, b->data, kept);
  gr_buffer_release(c, b);
  return to;
}

static ssize_t read_some(int fd, void *to, size_t size) {
  ssize_t n;
  do n = read(fd, to, size);
  while (n < 0 && errno == EINTR);
  return n;
}

/* Reads to the end: a pipe's length is not known, and a file may grow or shrink meanwhile. */
static gr_buffer *read_to_end(graft_context *c, int fd, size_t expected, const char *path) {
  gr_buffer *b = gr_buffer_alloc(c, expected);
  size_t size = 0;
  char beyond[4096]; /* the end is seen when nothing more comes */
  while (b) {
    if (gr_spend(c, (gr_loc){.file = path}, 0)) break;
    const bool full = size == b->size;
    const ssize_t n =
        full ? read_some(fd, beyond, sizeof beyond) : read_some(fd, (char *)b->data + size, b->size - size);
    if (n < 0) {
      failed(c, path, errno);
      gr_buffer_release(c, b);
      return NULL;
    }
    if (n == 0) return full ? b : refit(c, b, size, size);
    if (full) {
      b = refit(c, b, size, 2 * size + sizeof beyond);
      if (b) memcpy((char *)b->data + size, beyond, (size_t)n);
    }
    size += (size_t)n;
  }
  gr_buffer_release(c, b);
  return NULL;
}

gr_buffer *gr_stream_read(graft_context *c, int fd, const char *name) {
  const gr_loc before = gr_budget_at(c, (gr_loc){.file = name});
  gr_buffer *b = read_to_end(c, fd, 4096, name);
  gr_budget_at(c, before);
  return b;
}

gr_buffer *gr_file_read(graft_context *c, const char *path, bool map) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd < 0 ? failed(c, path, errno) : gr_file_read_open(c, fd, path, map);
}

gr_buffer *gr_file_read_open(graft_context *c, int fd, const char *path, bool map) {
  struct stat info;
  gr_buffer *b = NULL;
  size_t expected = 4096;
  bool memory = true;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size >= 0) {
    expected = (size_t)info.st_size;
    gr_given(c, expected);
    if (map && expected > 0) memory = map_file(c, fd, expected, &b);
  }
  const gr_loc before = gr_budget_at(c, (gr_loc){.file = path}); /* of what never ends no more than the limit is read */
  if (!b && memory) b = read_to_end(c, fd, expected, path);
  gr_budget_at(c, before);
  close(fd);
  return b;
}
