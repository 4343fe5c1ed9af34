/* Shape rules of ops that read or write where indices say, or that make indices. */
#include "ir/infer/infer_impl.h"

/* Index goes through x along dim: as many axes, and no more entries along the others. Constraints `first` and
 * `first` + 1. */
static bool check_places(const gr_rule *r, int first) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(gather, x)),
                   *index = gr_rule_operand(r, GR_OPERAND(gather, index));
  const int32_t rank = x->rank >= 0 ? x->rank : index->rank;
  int32_t axis;
  if (rank < 0) return true;
  if (!gr_check_axis(r, first, "dim", gr_rule_int(r, GR_ATTR(gather, dim)), rank, &axis)) return false;
  if (x->rank < 0 || index->rank < 0) return true;
  if (x->rank != index->rank) return gr_infer_fail(r, first + 1, "x has rank %d, index %d", x->rank, index->rank);
  for (int32_t i = 0; i < rank; ++i)
    if (i != axis && x->dims[i] >= 0 && index->dims[i] > x->dims[i])
      return gr_infer_fail(r, first + 1, "index has %jd entries along axis %d, x %jd", index->dims[i], i, x->dims[i]);
  return true;
}

bool gr_rule_gather(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(gather, x)),
                   *index = gr_rule_operand(r, GR_OPERAND(gather, index));
  graft_type *y = gr_rule_result(r);
  /* C1: index is i64 or i32. */
  if (!gr_check_index(r, 1, GR_OPERAND(gather, index))) return false;
  /* C2: dim is an axis of x. */
  /* C3: index has as many axes as x, and no more entries along those other than dim. */
  if (!check_places(r, 2)) return false;
  *y = *index;
  y->dtype = x->dtype;
  if (index->rank >= 0 || x->rank < 0) return true;
  gr_type_set(y, x->dtype, x->rank);
  for (int32_t i = 0; i < y->rank; ++i) y->dims[i] = -1;
  return true;
}

/* What stands at the places that index lists along the axes from `first` on: index's axes but the last, then those of x
 * that are left. Constraints `c` (index and its last extent) and `c` + 1 (the rank). */
static bool parts(const gr_rule *r, int c, int32_t first, graft_type *y) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(gather_nd, x)),
                   *index = gr_rule_operand(r, GR_OPERAND(gather_nd, index));
  if (index->rank == 0) return gr_infer_fail(r, c, "index has rank 0");
  gr_type_set(y, x->dtype, -1);
  if (index->rank < 0) return true;
  const int64_t places = index->dims[index->rank - 1];
  if (places > (x->rank >= 0 ? x->rank - first : GRAFT_MAX_RANK))
    return gr_infer_fail(r, c, "index has %jd entries along its last axis, x has rank %d", places, x->rank);
  if (x->rank < 0 || places < 0) return true;
  const int32_t rest = first + (int32_t)places, rank = index->rank - 1 + x->rank - rest;
  if (rank > GRAFT_MAX_RANK) return gr_infer_fail(r, c + 1, "x has rank %d, index %d", x->rank, index->rank);
  gr_type_set(y, x->dtype, rank);
  for (int32_t i = 0; i < index->rank - 1; ++i) y->dims[i] = index->dims[i];
  for (int32_t i = rest; i < x->rank; ++i) y->dims[index->rank - 1 + i - rest] = x->dims[i];
  return true;
}

bool gr_rule_gather_nd(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(gather_nd, x)),
                   *index = gr_rule_operand(r, GR_OPERAND(gather_nd, index));
  graft_type *y = gr_rule_result(r);
  const int32_t batch = (int32_t)gr_rule_int(r, GR_ATTR(gather_nd, batch_dims));
  /* C1: index is i64 or i32. */
  if (!gr_check_index(r, 1, GR_OPERAND(gather_nd, index))) return false;
  /* C2: x and index have more than batch_dims axes, and the same extents along the first batch_dims. */
  if ((x->rank >= 0 && batch > x->rank) || (index->rank >= 0 && batch >= index->rank))
    return gr_infer_fail(r, 2, "x has rank %d, index %d, batch_dims is %d", x->rank, index->rank, batch);
  for (int32_t i = 0; i < batch && x->rank >= 0 && index->rank >= 0; ++i)
    if (x->dims[i] >= 0 && index->dims[i] >= 0 && x->dims[i] != index->dims[i])
      return gr_infer_fail(r, 2, "x has %jd entries along axis %d, index %jd", x->dims[i], i, index->dims[i]);
  /* C3: index has an axis, the last one with no more entries than x has axes after the first batch_dims. */
  /* C4: the result has at most 8 axes. */
  return parts(r, 3, batch, y);
}

bool gr_rule_scatter(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(scatter, x)),
                   *index = gr_rule_operand(r, GR_OPERAND(scatter, index)),
                   *src = gr_rule_operand(r, GR_OPERAND(scatter, src));
  GR_SAME_OPERAND(index, scatter, gather);
  GR_SAME_ATTR(dim, scatter, gather);
  /* C1: index is i64 or i32, and src has the element type of x. */
  if (!gr_check_index(r, 1, GR_OPERAND(scatter, index)) ||
      !gr_check_same_dtype(r, 1, GR_OPERAND(scatter, src), GR_OPERAND(scatter, x)))
    return false;
  /* C2: dim is an axis of x. */
  /* C3: index has as many axes as x, and no more entries along those other than dim. */
  if (!check_places(r, 2)) return false;
  /* C4: src has as many axes as index, and no fewer entries along any. */
  if (index->rank >= 0 && src->rank >= 0 && index->rank != src->rank)
    return gr_infer_fail(r, 4, "index has rank %d, src %d", index->rank, src->rank);
  for (int32_t i = 0; i < index->rank && src->rank >= 0; ++i)
    if (src->dims[i] >= 0 && index->dims[i] > src->dims[i])
      return gr_infer_fail(r, 4, "index has %jd entries along axis %d, src %jd", index->dims[i], i, src->dims[i]);
  *gr_rule_result(r) = *x;
  return true;
}

bool gr_rule_scatter_nd(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(scatter_nd, x)),
                   *src = gr_rule_operand(r, GR_OPERAND(scatter_nd, src));
  graft_type want = {.rank = -1};
  GR_SAME_OPERAND(index, scatter_nd, gather_nd);
  /* C1: index is i64 or i32, and src has the element type of x. */
  if (!gr_check_index(r, 1, GR_OPERAND(scatter_nd, index)) ||
      !gr_check_same_dtype(r, 1, GR_OPERAND(scatter_nd, src), GR_OPERAND(scatter_nd, x)))
    return false;
  /* C2: index has an axis, the last one with no more entries than x has axes. */
  /* C3: what gather_nd would read has at most 8 axes. */
  if (!parts(r, 2, 0, &want)) return false;
  /* C4: src has the shape of what gather_nd would read. */
  if (want.rank >= 0 && src->rank >= 0) {
    if (want.rank != src->rank) return gr_infer_fail(r, 4, "src has rank %d, not %d", src->rank, want.rank);
    for (int32_t i = 0; i < want.rank; ++i)
      if (!gr_extent_merge(&want.dims[i], src->dims[i]))
        return gr_infer_fail(r, 4, "src has %jd entries along axis %d, not %jd", src->dims[i], i, want.dims[i]);
  }
  *gr_rule_result(r) = *x;
  return true;
}

bool gr_rule_nonzero(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(nonzero, x));
  graft_type *y = gr_rule_result(r);
  gr_type_set(y, GRAFT_I64, 2);
  y->dims[0] = -1; /* known when it runs */
  y->dims[1] = x->rank;
  return true;
}

bool gr_rule_unique(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(unique, x));
  graft_type *y = gr_rule_result(r);
  const bool flat = gr_rule_is_none(r, GR_ATTR(unique, dim));
  int32_t axis = 0;
  /* C1: dim is an axis of x. */
  if (!flat && x->rank >= 0 && !gr_check_axis(r, 1, "dim", gr_rule_int(r, GR_ATTR(unique, dim)), x->rank, &axis))
    return false;
  *y = *x;
  if (flat) gr_type_set(y, x->dtype, 1);
  if (y->rank >= 0) y->dims[axis] = -1; /* known when it runs */
  for (uint32_t i = 1; i < r->in->result_count; ++i) {
    gr_type_set(&r->in->results[i], GRAFT_I64, 1);
    r->in->results[i].dims[0] = -1;
  }
  if (r->in->result_count > GR_RESULT(unique, inverse_indices))
    r->in->results[GR_RESULT(unique, inverse_indices)].dims[0] = flat           ? graft_type_elements(x)
                                                                 : x->rank >= 0 ? x->dims[axis]
                                                                                : -1;
  return true;
}

bool gr_range_count(int64_t start, int64_t end, int64_t step, int64_t *count) {
  *count = 0;
  if (step == 0) return false;
  if (step > 0 ? start >= end : start <= end) return true;
  const uint64_t way = step > 0 ? (uint64_t)end - (uint64_t)start : (uint64_t)start - (uint64_t)end;
  const uint64_t each = step > 0 ? (uint64_t)step : 0 - (uint64_t)step, n = (way - 1) / each + 1;
  *count = (int64_t)n;
  return n <= GR_MAX_ELEMENTS;
}

bool gr_rule_arange(const gr_rule *r) {
  graft_type *y = gr_rule_result(r);
  int64_t at[3] = {0};
  bool known = true;
  gr_type_set(y, GRAFT_UNKNOWN, 1);
  y->dims[0] = -1;
  for (uint32_t i = 0; i < 3; ++i) {
    const graft_type *t = gr_rule_operand(r, i);
    /* C1: start, end and step are one number each, all of one type. */
    if (graft_type_elements(t) >= 0 && graft_type_elements(t) != 1)
      return gr_infer_fail(r, 1, "%s has %jd elements", gr_rule_operand_name(r, i), graft_type_elements(t));
    if (t->dtype == GRAFT_BOOL) return gr_infer_fail(r, 1, "%s is bool", gr_rule_operand_name(r, i));
    if (y->dtype != GRAFT_UNKNOWN && t->dtype != GRAFT_UNKNOWN && t->dtype != y->dtype)
      return gr_infer_fail(r, 1, "%s is %s, start %s", gr_rule_operand_name(r, i), graft_dtype_name(t->dtype),
                           graft_dtype_name(y->dtype));
    if (y->dtype == GRAFT_UNKNOWN) y->dtype = t->dtype;
    uint32_t count = 0;
    const int64_t *element = gr_rule_elements(r, i, &count);
    known = known && element != NULL && count == 1 && element[0] != GR_UNKNOWN_INT;
    if (known) at[i] = element[0];
  }
  if (!known) return true;
  /* C2: step is not 0, and there are at most 2^48 elements. */
  if (!gr_range_count(at[0], at[1], at[2], &y->dims[0]))
    return gr_infer_fail(r, 2, "%jd to %jd by %jd", at[0], at[1], at[2]);
  return true;
}

bool gr_rule_numel(const gr_rule *r) {
  gr_type_set(gr_rule_result(r), GRAFT_I64, 0);
  return true;
}
