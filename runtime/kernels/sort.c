/* A merge sort of indices, for kernels that put elements in order: stable, and with a comparison that knows what they
 * are indices of. */
#include "runtime/kernel_impl.h"

bool gr_sort_indices(gr_scratch *scratch, int64_t *order, int64_t n, gr_compare compare, const void *user) {
  int64_t *from = order, *to = gr_scratch_alloc(scratch, (size_t)n, sizeof *to);
  if (!to) return false;
  for (int64_t i = 0; i < n; i++) order[i] = i;
  for (int64_t run = 1; run < n; run *= 2) {
    for (int64_t start = 0; start < n; start += 2 * run) {
      const int64_t middle = start + run < n ? start + run : n, end = middle + run < n ? middle + run : n;
      int64_t a = start, b = middle;
      for (int64_t i = start; i < end; i++)
        to[i] = b == end || (a < middle && compare(user, from[a], from[b]) <= 0) ? from[a++] : from[b++];
    }
    int64_t *const next = from;
    from = to;
    to = next;
  }
  if (from != order) memcpy(order, from, (size_t)n * sizeof *order);
  return true;
}
