#include "ir/formats/file_int.h"
#include "ir/formats/stage_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static graft_status failed(gr_stage *s, const char *path, int code) {
  char text[128];
  return gr_error(s->context, GRAFT_IO, (gr_loc){.file = path}, "cannot write: %s",
                  strerror_r(code, text, sizeof text));
}

/* A name that no other process takes: O_EXCL decides, and the mode is the one the user's umask asks for. */
static int open_temporary(gr_stage *s) {
  for (unsigned attempt = 0; attempt < 100; attempt++) {
    snprintf(s->temporary, s->temporary_size, "%s.%ld-%u.tmp", s->path, (long)getpid(), attempt);
    int fd = open(s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

graft_status gr_stage_open(gr_stage *s, graft_context *c, const char *path) {
  *s = (gr_stage){.context = c, .path = path};
  struct stat info;
  bool in_place = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
  int fd = -1;
  if (in_place) {
    fd = open(path, O_WRONLY | O_CLOEXEC);
  } else {
    s->temporary_size = strlen(path) + 48;
    s->temporary = gr_alloc(c, s->temporary_size);
    if (!s->temporary) return GRAFT_NO_MEMORY;
    fd = open_temporary(s);
  }
  int code = errno;
  if (fd >= 0) {
    s->file = fdopen(fd, "wb");
    if (s->file) return GRAFT_OK;
    code = errno;
    close(fd);
    if (s->temporary) unlink(s->temporary);
  }
  gr_free(c, s->temporary, s->temporary_size);
  return failed(s, path, code);
}

void gr_stage_write(gr_stage *s, const void *data, size_t size) {
  if (s->error || size == 0) return;
  errno = 0;
  if (fwrite(data, 1, size, s->file) != size) s->error = errno ? errno : EIO;
}

graft_status gr_stage_close(gr_stage *s, bool keep) {
  errno = 0;
  if (fclose(s->file) != 0 && !s->error) s->error = errno ? errno : EIO;
  graft_status status = GRAFT_OK;
  if (s->temporary) {
    if (keep && !s->error && rename(s->temporary, s->path) != 0) s->error = errno;
    if (!keep || s->error) unlink(s->temporary);
  }
  if (keep && s->error) status = failed(s, s->path, s->error);
  gr_free(s->context, s->temporary, s->temporary_size);
  return status;
}

graft_status gr_file_write(graft_context *c, const char *path, const void *bytes, size_t size) {
  gr_stage stage;
  graft_status status = gr_stage_open(&stage, c, path);
  if (status) return status;
  gr_stage_write(&stage, bytes, size);
  return gr_stage_close(&stage, true);
}
