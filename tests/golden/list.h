/* The .gir files of a folder, or those of another kind, in order. */
#ifndef GRAFT_TEST_LIST_H
#define GRAFT_TEST_LIST_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 1000

typedef struct list {
  char *paths[LIST_MAX];
  int count;
} list;

static inline int list_compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static inline void list_read_kind(list *l, const char *folder, const char *suffix) {
  DIR *dir = opendir(folder);
  l->count = 0;
  for (struct dirent *e; dir && (e = readdir(dir)) && l->count < LIST_MAX;) {
    size_t n = strlen(e->d_name), size = strlen(folder) + n + 2, end = strlen(suffix);
    if (n < end || strcmp(e->d_name + n - end, suffix) != 0) continue;
    char *path = malloc(size);
    if (!path) break;
    snprintf(path, size, "%s/%s", folder, e->d_name);
    l->paths[l->count++] = path;
  }
  if (dir) closedir(dir);
  qsort(l->paths, (size_t)l->count, sizeof *l->paths, list_compare);
}

static inline void list_read(list *l, const char *folder) { list_read_kind(l, folder, ".gir"); }

static inline void list_free(list *l) {
  for (int i = 0; i < l->count; i++) free(l->paths[i]);
}

/* The whole file, NUL-terminated; NULL when it cannot be read. */
static inline char *list_bytes(const char *path, size_t *length) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  size_t size = 0, room = 1 << 16;
  char *text = malloc(room);
  while (text) {
    size_t n = fread(text + size, 1, room - size - 1, f);
    size += n;
    if (n == 0) break;
    if (room - size < 2) {
      char *more = realloc(text, room *= 2);
      if (!more) free(text);
      text = more;
    }
  }
  fclose(f);
  if (text) text[size] = '\0';
  *length = size;
  return text;
}

static inline char *list_contents(const char *path) {
  size_t size;
  return list_bytes(path, &size);
}

#endif
