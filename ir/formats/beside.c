#include "ir/formats/beside_int.h"
#include "ir/formats/file_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(SYS_openat2) && defined(__has_include)
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#define HAVE_OPENAT2 1
#endif
#endif

#define MAX_FILES 1024u
/* What is no regular file is opened before that is seen: a pipe must not wait, nor a terminal become ours. */
#define READING (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* ---- inside a folder ---- */

/* `..` is refused as such: even where it stays inside, what it leaves may be a link. */
static bool leads_out(const char *name) {
  if (*name == '/') return true;
  while (*name) {
    const size_t n = strcspn(name, "/");
    if (n == 2 && name[0] == '.' && name[1] == '.') return true;
    name += n + (name[n] == '/');
  }
  return false;
}

/* Folder after folder, each opened in the one before it, so that nothing can be exchanged between check and use. */
static int walk(int folder, const char *name) {
  int at = folder;
  for (;;) {
    char part[256];
    const size_t n = strcspn(name, "/");
    const bool last = name[n] == '\0';
    int next = -1;
    if (n < sizeof part) {
      memcpy(part, name, n);
      part[n] = '\0';
      next = openat(at, n ? part : ".", (last ? READING : READING | O_DIRECTORY) | O_NOFOLLOW);
    } else {
      errno = ENAMETOOLONG;
    }
    const int code = errno;
    if (at != folder) close(at);
    errno = code;
    if (next < 0 || last) return next;
    at = next;
    name += n + 1;
  }
}

int gr_open_inside(int folder, const char *name, bool links) {
  if (leads_out(name)) return errno = EXDEV, -1;
  if (!*name) return errno = ENOENT, -1;
#if HAVE_OPENAT2
  struct open_how how = {.flags = READING, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  for (int attempt = 0; links && attempt < 16; attempt++) { /* EAGAIN: something was renamed meanwhile */
    const int fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
    if (fd >= 0) return fd;
    if (errno == ENOSYS || errno == EPERM) break; /* an old kernel, or a sandbox that does not know it */
    if (errno != EAGAIN) return -1;
  }
#else
  (void)links;
#endif
  return walk(folder, name);
}

/* ---- the files of a module ---- */

void gr_beside_init(gr_beside *b, graft_context *c, const char *folder, bool map) {
  *b = (gr_beside){.context = c, .folder = folder, .map = map};
  gr_arena_init(&b->names, c);
}

void gr_beside_free(gr_beside *b) {
  for (uint32_t i = 0; i < b->files.len; i++) gr_buffer_release(b->context, b->files.data[i].buffer);
  gr_vec_free(b->context, &b->files);
  gr_map_free(b->context, &b->by_name);
  gr_arena_free(&b->names);
}

static const char *cannot_open(gr_beside *b, int code) {
  if (code == EXDEV) return "lies outside the folder of the file that names it";
  char text[128];
  snprintf(b->text, sizeof b->text, "cannot be opened: %s", strerror_r(code, text, sizeof text));
  return b->text;
}

/* A regular file's descriptor, and which file it is; -1: `*why`. */
static int open_file(gr_beside *b, const char *name, gr_beside_file *file, const char **why) {
  const int folder = open(b->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int fd = folder < 0 ? -1 : gr_open_inside(folder, name, true);
  int code = errno;
  if (folder >= 0) close(folder);
  struct stat info;
  if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
    file->device = (uint64_t)info.st_dev;
    file->inode = (uint64_t)info.st_ino;
    return fd;
  }
  *why = fd < 0 ? cannot_open(b, code) : "is no regular file";
  if (fd >= 0) close(fd);
  return -1;
}

static gr_buffer *opened_before(const gr_beside *b, const gr_beside_file *file) {
  for (uint32_t i = 0; i < b->files.len; i++)
    if (b->files.data[i].inode == file->inode && b->files.data[i].device == file->device)
      return gr_buffer_retain(b->files.data[i].buffer);
  return NULL;
}

/* Takes over one reference of the buffer, also on failure. */
static gr_buffer *keep(gr_beside *b, gr_beside_file file, const char *name, uint64_t key) {
  file.name = gr_arena_copy(&b->names, name, strlen(name));
  if (file.name && gr_map_put(b->context, &b->by_name, key, b->files.len) && gr_vec_push(b->context, &b->files, file))
    return file.buffer;
  gr_buffer_release(b->context, file.buffer);
  return NULL;
}

gr_buffer *gr_beside_read(gr_beside *b, const char *name, const char **why) {
  uint64_t key = gr_hash_bytes(name, strlen(name));
  *why = NULL;
  for (;; key++) {
    const uint32_t i = gr_map_get(&b->by_name, key);
    if (i >= b->files.len) break;
    if (strcmp(b->files.data[i].name, name) == 0) return b->files.data[i].buffer;
  }
  if (!b->folder) {
    *why = "is not looked for: of what is read from memory or standard input no other file is opened, unless "
           "graft_load_options.folder says where";
    return NULL;
  }
  if (b->files.len == MAX_FILES) return *why = "is one too many: a module has at most 1024", NULL;
  gr_beside_file file = {0};
  const int fd = open_file(b, name, &file, why);
  if (fd < 0) return NULL;
  file.buffer = opened_before(b, &file);
  if (file.buffer) {
    close(fd);
  } else {
    file.buffer = gr_file_read_open(b->context, fd, name, b->map);
    if (file.buffer) b->bytes += file.buffer->size;
  }
  return file.buffer ? keep(b, file, name, key) : NULL;
}
