/* Good files to damage: those of the given folders, and what is made of them and from nothing. */
#ifndef GRAFT_FUZZ_SEEDS_H
#define GRAFT_FUZZ_SEEDS_H

#include "attempt.h"

typedef struct seed {
  char name[160];
  attempt_kind kind;
  unsigned char *bytes;
  size_t size;
} seed;

typedef struct seed_list {
  seed *items;
  unsigned count, room;
} seed_list;

/* Every .gir, also as .gfb, and every .onnx, .gfb, .npy, .safetensors, .pt, .pat, .qz, .passes in `folder`; at most
 * `largest` bytes. */
void seeds_read(seed_list *list, const char *folder, size_t largest);
/* Small ONNX models, arrays and tensor files. */
void seeds_make(seed_list *list);
void seeds_free(seed_list *list);

#endif
