/* Damage that keeps a file's structure: readers get past their first checks, to what the numbers mean. */
#ifndef GRAFT_FUZZ_STRUCTURE_H
#define GRAFT_FUZZ_STRUCTURE_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t (*random_source)(void);

/* One field of one message of an ONNX model is another one: of its kind, extreme, absent, twice. The new file's bytes,
 * which the caller frees, or NULL: the bytes are no model. */
unsigned char *damage_onnx(const unsigned char *bytes, size_t size, random_source random, size_t *new_size);

/* A few words in the vectors of a .gfb's root table are others of the same vector, or near ones; in place. */
void damage_gfb(unsigned char *bytes, size_t size, random_source random);

#endif
