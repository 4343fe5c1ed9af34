/* What must hold for any bytes: the reader says what is wrong, or what it gives is sound. Shared by the mutator and the
 * libFuzzer targets. */
#ifndef GRAFT_FUZZ_ATTEMPT_H
#define GRAFT_FUZZ_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum attempt_kind {
  ATTEMPT_MODULE,
  ATTEMPT_NPY,
  ATTEMPT_SAFETENSORS,
  ATTEMPT_STATE,
  ATTEMPT_RULES,
  ATTEMPT_QUANTIZER,
  ATTEMPT_PIPELINE
} attempt_kind;

typedef struct attempt_result {
  bool accepted;     /* the bytes were good */
  const char *wrong; /* NULL, or what did not hold */
  char detail[512];  /* the first diagnostic, if any */
} attempt_result;

/* `pipeline`: passes that a good module goes through as well; NULL: none. */
attempt_result attempt(attempt_kind kind, const void *bytes, size_t size, const char *pipeline);

#endif
