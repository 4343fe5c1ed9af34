/* A directory of its own for a test's files. */
#ifndef GRAFT_TEST_SCRATCH_H
#define GRAFT_TEST_SCRATCH_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_directory[256];

static inline void scratch_create(void) {
  const char *base = getenv("TMPDIR");
  snprintf(scratch_directory, sizeof scratch_directory, "%s/graft-test-XXXXXX", base ? base : "/tmp");
  ck_assert_ptr_nonnull(mkdtemp(scratch_directory));
}

/* Good until the next call but three. */
static inline const char *scratch_path(const char *name) {
  static char paths[4][512];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", scratch_directory, name);
  return path;
}

/* Removes the directory; returns how many files were in it. */
static inline unsigned scratch_destroy(void) {
  unsigned count = 0;
  DIR *dir = opendir(scratch_directory);
  ck_assert_ptr_nonnull(dir);
  for (struct dirent *e; (e = readdir(dir));) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    count++;
    unlink(scratch_path(e->d_name));
  }
  closedir(dir);
  rmdir(scratch_directory);
  return count;
}

#endif
