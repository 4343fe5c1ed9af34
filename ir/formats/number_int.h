/* Decimal numbers (number.c), the same in every locale. */
#ifndef GRAFT_NUMBER_INT_H
#define GRAFT_NUMBER_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal (or inf, -inf, nan) to the nearest double. False when `text` is no number from end to end, or a finite one
 * beyond the doubles. */
bool gr_number_parse(const char *text, size_t length, double *value);
/* The shortest decimal that gr_number_parse reads as the same double, or, where `single`, as a double that narrows to
 * the same float. Always has a point, an exponent or a letter. Returns the length; NUL-terminated. */
#define GR_NUMBER_SIZE 32
size_t gr_number_format(char buffer[GR_NUMBER_SIZE], double value, bool single);

#endif
