/* What must hold for any text of rules, of a quantizer, of a pipeline: it is refused with a diagnostic, or what it does
 * to a network leaves a sound one. */
#ifndef GRAFT_FUZZ_PROGRAMS_H
#define GRAFT_FUZZ_PROGRAMS_H

#include "attempt.h"
#include "ir/ir.h"

/* True: the text was taken. *wrong: what did not hold, else as it was. */
bool attempt_program(attempt_kind kind, graft_context *c, const void *bytes, size_t size, const char **wrong);

#endif
