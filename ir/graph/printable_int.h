/* Text that others wrote (names, file names, lines of their files), made safe to show: what would move a terminal's
 * cursor, hide or turn around what stands beside it, or is no UTF-8, is shown as its bytes, `\x1b`. */
#ifndef GRAFT_PRINTABLE_INT_H
#define GRAFT_PRINTABLE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the valid UTF-8 character at `text`; 0 when there is none. */
size_t gr_utf8_length(const char *text, size_t size);
bool gr_utf8_valid(const char *text, size_t size);

/* A character as it is shown. */
typedef struct gr_printable {
  char text[20]; /* ends in NUL */
  uint8_t length, columns;
} gr_printable;

/* The character at `text`, of `size` bytes at least one; gives how many of them it takes. */
size_t gr_printable_next(const char *text, size_t size, gr_printable *shown);
/* A whole text into `buffer` as snprintf does: cut where it ends, always ended by NUL; returns the whole length. */
size_t gr_printable_text(const char *text, char *buffer, size_t size);

#endif
