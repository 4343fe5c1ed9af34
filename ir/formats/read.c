/* Whole files into buffers: read, or mapped. */
#include "ir/formats/file_int.h"

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

bool gr_file_writable(gr_buffer *b) {
  return b->refs == 1 && (b->release != unmap || mprotect(b->data, b->size, PROT_READ | PROT_WRITE) == 0);
}

static gr_buffer *map_file(graft_context *c, int fd, size_t size) {
  gr_buffer *b = gr_alloc(c, sizeof *b);
  if (!b) return NULL;
  *b = (gr_buffer){.data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0), .size = size, .refs = 1, .release = unmap};
  if (b->data != MAP_FAILED) return b;
  gr_free(c, b, sizeof *b);
  return NULL;
}

/* Reads to the end: a pipe's length is not known, and a file may grow or shrink meanwhile. */
static gr_buffer *read_to_end(graft_context *c, int fd, size_t expected, const char *path) {
  size_t size = 0, room = expected + 1; /* the end is seen when something is left over */
  char *data = gr_alloc(c, room);
  if (!data) return NULL;
  for (;;) {
    if (size == room) {
      char *more = gr_realloc(c, data, room, room * 2);
      if (!more) break;
      data = more;
      room *= 2;
    }
    ssize_t n = read(fd, data + size, room - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      failed(c, path, errno);
      break;
    }
    size += (size_t)n;
    if (n > 0) continue;
    gr_buffer *b = gr_alloc(c, sizeof *b);
    char *fitted = b ? gr_realloc(c, data, room, size ? size : 1) : NULL;
    if (fitted) {
      *b = (gr_buffer){.data = fitted, .size = size, .refs = 1};
      return b;
    }
    gr_free(c, b, sizeof *b);
    break;
  }
  gr_free(c, data, room);
  return NULL;
}

gr_buffer *gr_file_read(graft_context *c, const char *path, bool map) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(c, path, errno);
  struct stat info;
  gr_buffer *b = NULL;
  size_t expected = 4096;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size >= 0) {
    expected = (size_t)info.st_size;
    if (map && expected > 0) b = map_file(c, fd, expected);
  }
  if (!b) b = read_to_end(c, fd, expected, path);
  close(fd);
  return b;
}
