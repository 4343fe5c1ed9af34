/* The libFuzzer entry; KIND says which reader. */
#include "attempt.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef KIND
#define KIND ATTEMPT_MODULE
#endif

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  attempt_result r = attempt(KIND, bytes, size, NULL);
  if (!r.wrong) return 0;
  fprintf(stderr, "%s\n%s\n", r.wrong, r.detail);
  abort();
}
