/* What may end a command early: a signal, a stream that nobody reads, a descriptor that was closed. */
#ifndef GRAFT_TOOLS_GUARD_H
#define GRAFT_TOOLS_GUARD_H

#include <stdbool.h>

/* From now on a signal removes what is still being written and then ends the command as it always does; a broken pipe
 * and a full quota are errors of the write. A standard stream that is closed is one that cannot be used, whatever is
 * opened later. */
void guard_begin(void);
/* A temporary file begins or ends: what a signal removes. */
void guard_temporary(const char *path, bool begins);
/* From now on the first SIGINT is only noted, so that what runs can be brought to an end. */
void guard_defer(void);
bool guard_interrupted(void);
/* If one was noted, the command ends by it now, as it would have. */
void guard_end(void);

#endif
