/* unique: entries along an axis, or elements, each once. They are sorted, so that equal ones come after each other; the
 * first of a group is the one with the lowest index. */
#include "runtime/kernel_impl.h"

typedef struct entries {
  const char *x;
  graft_dtype dtype;
  size_t size;             /* of an element */
  int64_t n, outer, inner; /* entries; what comes before and behind their axis */
} entries;

static int order_of(double a, double b) { /* NaN comes last */
  if (a < b || (a == a && b != b)) return -1;
  return a > b || (a != a && b == b);
}

static int compare_elements(graft_dtype d, const char *a, const char *b) {
  switch (d) {
#define DTYPE(D, T, U) \
  case GRAFT_##D: { \
    T p, q; \
    memcpy(&p, a, sizeof p); \
    memcpy(&q, b, sizeof q); \
    return p < q ? -1 : p > q; \
  }
#include "runtime/kernels/dtypes.inc"
#undef DTYPE
  default: return order_of(gr_element_float(d, a), gr_element_float(d, b));
  }
}

static const char *element(const entries *e, int64_t entry, int64_t i) {
  return e->x + (size_t)((i / e->inner * e->n + entry) * e->inner + i % e->inner) * e->size;
}

static int compare(const void *user, int64_t a, int64_t b) {
  const entries *e = user;
  for (int64_t i = 0; i < e->outer * e->inner; i++) {
    const int order = compare_elements(e->dtype, element(e, a, i), element(e, b, i));
    if (order) return order;
  }
  return 0;
}

/* NaN equals nothing, not even itself. */
static bool equal(const entries *e, int64_t a, int64_t b) {
  if (compare(e, a, b)) return false;
  for (int64_t i = 0; gr_is_float(e->dtype) && i < e->outer * e->inner; i++) {
    const double v = gr_element_float(e->dtype, element(e, a, i));
    if (v != v) return false;
  }
  return true;
}

static entries entries_of(const gr_kernel_call *k) {
  const gr_in *x = &k->operands[0];
  entries e = {.x = x->data, .dtype = x->type->dtype, .n = x->count, .outer = 1, .inner = 1};
  e.size = graft_dtype_size(e.dtype);
  if (gr_k_none(k, GR_ATTR(unique, dim))) return e;
  const int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(unique, dim)), x->type->rank);
  e.n = x->type->dims[axis];
  e.outer = gr_extent(x->type, 0, axis);
  e.inner = gr_extent(x->type, axis + 1, x->type->rank);
  return e;
}

/* The entries in order, and how many groups of equal ones there are; NULL: no memory. */
static int64_t *sorted(const gr_kernel_call *k, const entries *e, int64_t *groups) {
  int64_t *order = gr_scratch_alloc(k->scratch, (size_t)e->n, sizeof *order);
  if (!order || !gr_sort_indices(k->scratch, order, e->n, compare, e)) return NULL;
  *groups = 0;
  for (int64_t i = 0; i < e->n; i++) *groups += i == 0 || !equal(e, order[i - 1], order[i]);
  return order;
}

graft_status gr_measure_unique(const gr_kernel_call *k, graft_type *results) {
  const entries e = entries_of(k);
  const bool flat = gr_k_none(k, GR_ATTR(unique, dim));
  int64_t groups;
  if (!sorted(k, &e, &groups)) return GRAFT_NO_MEMORY;
  results[GR_RESULT(unique, y)].dims[flat ? 0 : gr_axis(gr_k_int(k, GR_ATTR(unique, dim)), k->operands[0].type->rank)] =
      groups;
  if (k->result_count > GR_RESULT(unique, indices)) results[GR_RESULT(unique, indices)].dims[0] = groups;
  if (k->result_count > GR_RESULT(unique, counts)) results[GR_RESULT(unique, counts)].dims[0] = groups;
  return GRAFT_OK;
}

/* By first entry: the place of its group among those that are told by their first entries. */
static void number_by_first(const entries *e, const int64_t *first, int64_t groups, int64_t *place, int64_t *at) {
  for (int64_t i = 0; i < e->n; i++) at[i] = -1;
  for (int64_t g = 0; g < groups; g++) at[first[g]] = g;
  int64_t next = 0;
  for (int64_t i = 0; i < e->n; i++)
    if (at[i] >= 0) place[at[i]] = next++;
}

graft_status gr_kernel_unique(const gr_kernel_call *k) {
  const entries e = entries_of(k);
  int64_t groups, g = -1;
  const int64_t *order = sorted(k, &e, &groups);
  int64_t *of = gr_scratch_alloc(k->scratch, (size_t)e.n, sizeof *of),
          *first = gr_scratch_alloc(k->scratch, (size_t)e.n, sizeof *first),
          *place = gr_scratch_alloc(k->scratch, (size_t)e.n, sizeof *place);
  if (!order || !of || !first || !place) return GRAFT_NO_MEMORY;
  for (int64_t i = 0; i < e.n; i++) {
    if (i == 0 || !equal(&e, order[i - 1], order[i])) first[++g] = order[i];
    of[order[i]] = g;
  }
  for (int64_t i = 0; i < groups; i++) place[i] = i;
  if (!gr_k_bool(k, GR_ATTR(unique, sorted))) {
    int64_t *at = gr_scratch_alloc(k->scratch, (size_t)e.n, sizeof *at);
    if (!at) return GRAFT_NO_MEMORY;
    number_by_first(&e, first, groups, place, at);
  }
  const size_t inner = (size_t)e.inner * e.size;
  int64_t *indices = k->results[GR_RESULT(unique, indices)].data,
          *inverse = k->results[GR_RESULT(unique, inverse_indices)].data,
          *counts = k->results[GR_RESULT(unique, counts)].data;
  for (int64_t i = 0; i < groups; i++) {
    for (int64_t o = 0; o < e.outer && inner > 0; o++)
      memcpy((char *)k->results[0].data + (size_t)(o * groups + place[i]) * inner,
             e.x + (size_t)(o * e.n + first[i]) * inner, inner);
    if (indices) indices[place[i]] = first[i];
    if (counts) counts[place[i]] = 0;
  }
  for (int64_t i = 0; i < e.n; i++) {
    if (inverse) inverse[i] = place[of[i]];
    if (counts) counts[place[of[i]]]++;
  }
  return GRAFT_OK;
}
