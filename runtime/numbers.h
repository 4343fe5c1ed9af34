/* graft/numbers.h - what values are like: least, greatest, mean, what is no number. Included by graft/compare.h. */
#ifndef GRAFT_NUMBERS_H
#define GRAFT_NUMBERS_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* Of all elements that were added. Zeros stand for none: `count` 0 makes min and max meaningless. */
typedef struct graft_statistics {
  int64_t count, nan, infinite, zeros;
  double min, max, sum; /* of the finite ones */
} graft_statistics;

/* Adds elements of any dtype; a bool is 0 or 1. What has no elements, or an unknown dtype, adds nothing. */
GRAFT_API void graft_statistics_add(graft_statistics *statistics, graft_dtype dtype, const void *data, int64_t count);
/* Of the finite elements; NaN where there are none. */
GRAFT_API double graft_statistics_mean(const graft_statistics *statistics);

#if defined(__cplusplus)
}
#endif
#endif
