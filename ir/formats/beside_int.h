/* Files that belong to another one: a text's companion, the external data of a model. Names come out of files that
 * nobody vouches for, so each is resolved inside one folder, is a regular file, and is opened once. */
#ifndef GRAFT_BESIDE_INT_H
#define GRAFT_BESIDE_INT_H

#include "ir/ir_int.h"

typedef struct gr_beside_file {
  const char *name;
  uint64_t device, inode;
  gr_buffer *buffer;
} gr_beside_file;

typedef struct gr_beside {
  graft_context *context;
  const char *folder; /* NULL: there is none, and no file is opened */
  bool map;
  gr_arena names;
  GR_VEC(gr_beside_file) files;
  gr_map by_name;
  uint64_t bytes; /* of all files that were read */
  char text[160];
} gr_beside;

/* `folder` is borrowed. */
void gr_beside_init(gr_beside *b, graft_context *c, const char *folder, bool map);
void gr_beside_free(gr_beside *b);
/* The whole file, borrowed until gr_beside_free; a second name of the same file gives the same buffer. NULL: `*why`
 * says it as what follows "the file" (`cannot be opened: …`), or is NULL where an error has been reported. */
gr_buffer *gr_beside_read(gr_beside *b, const char *name, const char **why);

/* Opens a file for reading inside the folder; -1 with errno, EXDEV where the name leads out of it. `links`: symbolic
 * links are followed as long as they stay inside, which takes the kernel's help; without it, none is. */
int gr_open_inside(int folder, const char *name, bool links);

#endif
