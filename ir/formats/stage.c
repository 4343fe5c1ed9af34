#include "ir/formats/file_int.h"
#include "ir/formats/stage_impl.h"
#include "ir/graph/temporary_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static graft_status failed(gr_stage *s, int code) {
  char text[128];
  if (code == ENOMEM) return gr_no_memory(s->context);
  return gr_error(s->context, GRAFT_IO, (gr_loc){.file = s->path}, "cannot write: %s",
                  strerror_r(code, text, sizeof text));
}

/* ---- where it goes ---- */

#define MAX_LINKS 40

/* The descriptor that a name of /dev or /proc stands for; -1: it is none of those. What it is open on must be written
 * through it: a file of that name would lie beside what the shell opened. */
static int descriptor_of(const char *path) {
  static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
  if (strcmp(path, "/dev/stdout") == 0) return STDOUT_FILENO;
  if (strcmp(path, "/dev/stderr") == 0) return STDERR_FILENO;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    const size_t n = strlen(folders[i]);
    if (strncmp(path, folders[i], n) != 0 || strspn(path + n, "0123456789") != strlen(path + n)) continue;
    const long fd = strtol(path + n, NULL, 10);
    if (path[n] && fd <= 1 << 20) return (int)fd;
  }
  return -1;
}

/* What the link at `target` says, as a path from where we are; NULL: it is no link (errno 0), or an error. */
static char *follow(gr_stage *s, size_t *size) {
  char link[4096];
  const ssize_t n = readlink(s->target, link, sizeof link);
  if (n < 0 && (errno == EINVAL || errno == ENOENT)) return errno = 0, NULL;
  if (n < 0 || (size_t)n == sizeof link) return errno = n < 0 ? errno : ENAMETOOLONG, NULL;
  const char *slash = strrchr(s->target, '/');
  const size_t before = link[0] == '/' || !slash ? 0 : (size_t)(slash - s->target) + 1;
  *size = before + (size_t)n + 1;
  char *path = gr_alloc(s->context, *size);
  if (!path) return errno = ENOMEM, NULL;
  memcpy(path, s->target, before);
  memcpy(path + before, link, (size_t)n);
  path[*size - 1] = '\0';
  return path;
}

/* Follows links to a file, which need not be there, or to a descriptor's name. 0, or an errno. */
static int find_target(gr_stage *s) {
  s->target_size = strlen(s->path) + 1;
  s->target = gr_alloc(s->context, s->target_size);
  if (!s->target) return ENOMEM;
  memcpy(s->target, s->path, s->target_size);
  for (int links = 0; descriptor_of(s->target) < 0; links++) {
    size_t size;
    char *next = links < MAX_LINKS ? follow(s, &size) : (errno = ELOOP, NULL);
    if (!next) return errno;
    gr_free(s->context, s->target, s->target_size);
    s->target = next;
    s->target_size = size;
  }
  return 0;
}

/* ---- the temporary file ---- */

static void watch(const gr_stage *s, bool begins) { gr_tell_temporary(s->context, s->temporary, begins); }

/* A name that no other process takes: O_EXCL decides, and the mode of a new file is the one the user's umask asks for.
 * It is told before it is there, so that no signal finds one that nobody knows. */
static int create_temporary(gr_stage *s, mode_t mode) {
  const char *slash = strrchr(s->target, '/');
  const int folder = slash ? (int)(slash - s->target) + 1 : 0;
  s->temporary_size = (size_t)folder + 64;
  s->temporary = gr_alloc(s->context, s->temporary_size);
  if (!s->temporary) return errno = ENOMEM, -1;
  for (unsigned attempt = 0; attempt < 100; attempt++) {
    snprintf(s->temporary, s->temporary_size, "%.*s.graft-%ld-%u.tmp", folder, s->target, (long)getpid(), attempt);
    watch(s, true);
    const int fd = open(s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd >= 0) return fd;
    watch(s, false);
    if (errno != EEXIST) break;
  }
  return -1;
}

static void remove_temporary(gr_stage *s) {
  if (!s->temporary) return;
  unlink(s->temporary);
  watch(s, false);
}

/* The owner first, since that may take bits of the mode; whoever may not give files away keeps the mode alone. */
static int adopt(int fd, const struct stat *there) {
  struct stat made;
  if (fstat(fd, &made) != 0) return errno;
  if (made.st_uid != there->st_uid || made.st_gid != there->st_gid)
    if (fchown(fd, there->st_uid, there->st_gid) != 0 && fchown(fd, (uid_t)-1, there->st_gid) != 0) errno = 0;
  return fchmod(fd, there->st_mode & 0777) == 0 ? 0 : errno;
}

static int open_beside(gr_stage *s, const struct stat *there) {
  if (there && access(s->target, W_OK) != 0) return -1; /* what is read-only is not replaced either */
  const int fd = create_temporary(s, there ? 0600 : 0666);
  const int code = fd >= 0 && there ? adopt(fd, there) : 0;
  if (!code) return fd;
  close(fd);
  remove_temporary(s);
  return errno = code, -1;
}

/* A descriptor to write to, or -1 with errno. */
static int open_target(gr_stage *s) {
  const int code = find_target(s);
  if (code) return errno = code, -1;
  const int given = descriptor_of(s->target);
  if (given >= 0) return fcntl(given, F_DUPFD_CLOEXEC, 0);
  struct stat info;
  const bool there = stat(s->target, &info) == 0;
  if (!there && errno != ENOENT) return -1;
  if (there && !S_ISREG(info.st_mode)) return open(s->target, O_WRONLY | O_CLOEXEC);
  return open_beside(s, there ? &info : NULL);
}

static void release(gr_stage *s) {
  gr_free(s->context, s->target, s->target_size);
  gr_free(s->context, s->temporary, s->temporary_size);
}

/* ---- writing ---- */

graft_status gr_stage_open(gr_stage *s, graft_context *c, const char *path) {
  *s = (gr_stage){.context = c, .path = path};
  const int fd = open_target(s);
  int code = errno;
  if (fd >= 0) {
    s->file = fdopen(fd, "wb");
    if (s->file) return GRAFT_OK;
    code = errno;
    close(fd);
    remove_temporary(s);
  }
  release(s);
  return failed(s, code);
}

void gr_stage_write(gr_stage *s, const void *data, size_t size) {
  if (s->error || size == 0) return;
  errno = 0;
  if (fwrite(data, 1, size, s->file) != size) s->error = errno ? errno : EIO;
}

graft_status gr_stage_flush(gr_stage *s) {
  errno = 0;
  if (!s->error && fflush(s->file) != 0) s->error = errno ? errno : EIO;
  return s->error ? failed(s, s->error) : GRAFT_OK;
}

graft_status gr_stage_close(gr_stage *s, bool keep) {
  errno = 0;
  if (fclose(s->file) != 0 && !s->error) s->error = errno ? errno : EIO;
  graft_status status = GRAFT_OK;
  if (s->temporary) {
    if (keep && !s->error && rename(s->temporary, s->target) != 0) s->error = errno;
    if (keep && !s->error)
      watch(s, false);
    else
      remove_temporary(s);
  }
  if (keep && s->error) status = failed(s, s->error);
  release(s);
  return status;
}

graft_status gr_file_write(graft_context *c, const char *path, const void *bytes, size_t size) {
  gr_stage stage;
  graft_status status = gr_stage_open(&stage, c, path);
  if (status) return status;
  gr_stage_write(&stage, bytes, size);
  return gr_stage_close(&stage, true);
}
