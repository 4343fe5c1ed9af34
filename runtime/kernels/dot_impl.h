/* Sums of products of 16-bit integers, what bytes without their zero points are: rows of one matrix times rows of
 * another. Two products are added at a time where the machine does so; the sums are exact in any order. */
#ifndef GRAFT_DOT_IMPL_H
#define GRAFT_DOT_IMPL_H

#include "runtime/kernel_impl.h"

#define GR_DOT_ROWS 4   /* rows come in such groups, filled up with zeros */
#define GR_DOT_DEPTH 32 /* so do the elements of a row */

static inline int64_t gr_dot_padded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* sums[i * si + j * sj] = sum over p of a[i * depth + p] * b[j * depth + p], for i below m and j below n, both of them
 * and depth padded. */
void gr_dot(gr_isa isa, const int16_t *a, int64_t m, const int16_t *b, int64_t n, int64_t depth, int32_t *sums,
            int64_t si, int64_t sj);

#endif
