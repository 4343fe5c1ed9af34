/* Shape rules of ops that move, join and cut. */
#include "ir/infer/infer_impl.h"

static bool unknown_rank(const gr_rule *r) {
  gr_type_set(gr_rule_result(r), gr_rule_operand(r, GR_OPERAND(reshape, x))->dtype, -1);
  return true;
}

/* A dim attribute of an op that takes rank 0 too, as if it had one axis. */
static bool check_axis_or_scalar(const gr_rule *r, int constraint, const char *name, int64_t value, int32_t rank,
                                 int32_t *axis) {
  return gr_check_axis(r, constraint, name, value, rank > 0 ? rank : 1, axis);
}

bool gr_rule_flatten(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(flatten, x));
  graft_type *y = gr_rule_result(r);
  if (x->rank < 0) return unknown_rank(r);
  /* C1: start_dim and end_dim are axes of x, start_dim not after end_dim. */
  int32_t start, end;
  if (!check_axis_or_scalar(r, 1, "start_dim", gr_rule_int(r, GR_ATTR(flatten, start_dim)), x->rank, &start) ||
      !check_axis_or_scalar(r, 1, "end_dim", gr_rule_int(r, GR_ATTR(flatten, end_dim)), x->rank, &end))
    return false;
  if (start > end) return gr_infer_fail(r, 1, "start_dim is axis %d, end_dim axis %d", start, end);
  gr_type_set(y, x->dtype, 0);
  /* C2: the joined extent is at most 2^48. */
  int64_t joined = 1;
  bool unknown = false, empty = false;
  for (int32_t i = start; i <= end && i < x->rank; ++i) {
    unknown = unknown || x->dims[i] < 0;
    empty = empty || x->dims[i] == 0;
  }
  for (int32_t i = start; i <= end && i < x->rank && !unknown && !empty; ++i)
    if (!gr_extent_mul(&joined, x->dims[i])) return gr_infer_fail(r, 2, "axes %d to %d are too large", start, end);
  for (int32_t i = 0; i < start; ++i) y->dims[y->rank++] = x->dims[i];
  y->dims[y->rank++] = empty ? 0 : unknown ? -1 : joined;
  for (int32_t i = end + 1; i < x->rank; ++i) y->dims[y->rank++] = x->dims[i];
  return true;
}

/* view and reshape: `size` with at most one -1, and where `copies` 0 for x's own extent. Constraints `first` (the list)
 * and `first` + 1 (the element count). */
static bool reshape_to(const gr_rule *r, int first, const int64_t *size, uint32_t count, bool copies) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(reshape, x));
  graft_type *y = gr_rule_result(r);
  if (count > GRAFT_MAX_RANK) return gr_infer_fail(r, first, "the shape has %u axes", count);
  gr_type_set(y, x->dtype, (int32_t)count);
  int32_t wild = -1;
  int64_t have = 1, want = 1; /* elements, copied axes apart */
  bool known = x->rank >= 0, fits = true;
  uint32_t copied = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (size[i] < -1 || size[i] > GR_MAX_ELEMENTS)
      return gr_infer_fail(r, first, "extent %u of the shape is %jd", i, size[i]);
    y->dims[i] = size[i];
    if (size[i] == -1) {
      if (wild >= 0) return gr_infer_fail(r, first, "extents %d and %u of the shape are -1", wild, i);
      wild = (int32_t)i;
    } else if (size[i] == 0 && copies) {
      if (x->rank >= 0 && (int32_t)i >= x->rank)
        return gr_infer_fail(r, first, "extent %u of the shape is 0, x has rank %d", i, x->rank);
      y->dims[i] = x->rank < 0 ? -1 : x->dims[i];
      copied |= 1u << i;
    } else {
      fits = gr_extent_mul(&want, size[i]) && fits;
    }
  }
  bool empty = false;
  for (int32_t i = 0; i < x->rank; ++i) {
    if ((copied >> i & 1u) != 0) continue;
    known = known && x->dims[i] >= 0;
    empty = empty || x->dims[i] == 0;
    if (x->dims[i] > 0) known = gr_extent_mul(&have, x->dims[i]) && known;
  }
  if (!fits) return gr_infer_fail(r, first + 1, "the shape has more than 2^48 elements");
  if (empty) have = 0;
  if (!known && !empty) return true;
  if (wild < 0) {
    if (have == want) return true;
    return gr_infer_fail(r, first + 1, "x has %jd elements, the shape %jd", have, want);
  }
  if (want == 0) return gr_infer_fail(r, first, "extent %d of the shape can be anything", wild);
  if (have % want != 0)
    return gr_infer_fail(r, first + 1, "x has %jd elements, the shape a multiple of %jd", have, want);
  y->dims[wild] = have / want;
  return true;
}

bool gr_rule_view(const gr_rule *r) {
  uint32_t count;
  const int64_t *size = gr_rule_ints(r, GR_ATTR(view, size), &count);
  /* C1: size has at most 8 extents, none below -1, and one -1 at most, which must be computable. */
  /* C2: x has as many elements as size. */
  return reshape_to(r, 1, size, count, false);
}

bool gr_rule_reshape(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(reshape, x)),
                   *operand = gr_rule_operand(r, GR_OPERAND(reshape, size));
  graft_type *y = gr_rule_result(r);
  uint32_t count;
  const int64_t *size = gr_rule_ints(r, GR_ATTR(reshape, shape), &count);
  const bool copies = gr_rule_int(r, GR_ATTR(reshape, allowzero)) == 0;
  /* C1: the shape is given by the attribute or by the operand size, not by both. */
  if ((size != NULL) == (operand != NULL))
    return gr_infer_fail(r, 1, size != NULL ? "shape and size are both given" : "neither shape nor size is given");
  if (operand != NULL) {
    /* C2: size is an i64 vector of at most 8 entries. */
    if (!gr_check_extents(r, 2, GR_OPERAND(reshape, size))) return false;
    size = operand->rank == 1 ? gr_rule_elements(r, GR_OPERAND(reshape, size), &count) : NULL;
    bool whole = size != NULL;
    for (uint32_t i = 0; whole && i < count; ++i) whole = size[i] != GR_UNKNOWN_INT;
    if (!whole) {
      gr_type_set(y, x->dtype, operand->rank == 1 && operand->dims[0] >= 0 ? (int32_t)operand->dims[0] : -1);
      for (int32_t i = 0; i < y->rank; ++i) /* 0 and -1 stand for other extents */
        y->dims[i] = size != NULL && size[i] > 0 && size[i] <= GR_MAX_ELEMENTS ? size[i] : -1;
      return true;
    }
  }
  /* C3: the shape has at most 8 extents, none below -1, and one -1 at most, which must be computable; a 0 that copies
   * an extent has one to copy. */
  /* C4: x has as many elements as the shape. */
  return reshape_to(r, 3, size, count, copies);
}

bool gr_rule_permute(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(permute, x));
  graft_type *y = gr_rule_result(r);
  uint32_t count, seen = 0;
  const int64_t *dims = gr_rule_ints(r, GR_ATTR(permute, dims), &count);
  /* C1: dims has one entry for each axis of x. */
  if (count > GRAFT_MAX_RANK || (x->rank >= 0 && (uint32_t)x->rank != count))
    return gr_infer_fail(r, 1, "dims has %u entries, x has rank %d", count, x->rank);
  gr_type_set(y, x->dtype, (int32_t)count);
  for (uint32_t i = 0; i < count; ++i) {
    /* C2: dims names each axis of x once. */
    int32_t axis;
    if (!gr_check_axis(r, 2, "dims", dims[i], (int32_t)count, &axis)) return false;
    if ((seen >> axis & 1u) != 0) return gr_infer_fail(r, 2, "dims has axis %d twice", axis);
    seen |= 1u << axis;
    y->dims[i] = x->rank < 0 ? -1 : x->dims[axis];
  }
  return true;
}

bool gr_rule_transpose(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(transpose, x));
  graft_type *y = gr_rule_result(r);
  int32_t a, b;
  if (x->rank < 0) return unknown_rank(r);
  /* C1: dim0 and dim1 are axes of x. */
  if (!check_axis_or_scalar(r, 1, "dim0", gr_rule_int(r, GR_ATTR(transpose, dim0)), x->rank, &a) ||
      !check_axis_or_scalar(r, 1, "dim1", gr_rule_int(r, GR_ATTR(transpose, dim1)), x->rank, &b))
    return false;
  *y = *x;
  y->dims[a] = x->dims[b];
  y->dims[b] = x->dims[a];
  return true;
}

bool gr_rule_squeeze(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(squeeze, x));
  graft_type *y = gr_rule_result(r);
  uint32_t count;
  const int64_t *dims = gr_rule_ints(r, GR_ATTR(squeeze, dim), &count);
  if (x->rank < 0) return unknown_rank(r);
  uint32_t wanted = dims == NULL ? UINT32_MAX : 0;
  for (uint32_t i = 0; i < count; ++i) {
    /* C1: dim lists axes of x, each once; those whose extent is not 1 stay. */
    int32_t axis;
    if (!check_axis_or_scalar(r, 1, "dim", dims[i], x->rank, &axis)) return false;
    if ((wanted >> axis & 1u) != 0) return gr_infer_fail(r, 1, "axis %d is given twice", axis);
    wanted |= 1u << axis;
  }
  gr_type_set(y, x->dtype, 0);
  for (int32_t i = 0; i < x->rank; ++i) {
    const bool listed = (wanted >> i & 1u) != 0;
    if (listed && x->dims[i] < 0) return unknown_rank(r);
    if (!listed || x->dims[i] != 1) y->dims[y->rank++] = x->dims[i];
  }
  return true;
}

bool gr_rule_unsqueeze(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(unsqueeze, x));
  graft_type *y = gr_rule_result(r);
  int32_t axis;
  if (x->rank < 0) return unknown_rank(r);
  /* C1: x has at most 7 axes. */
  if (x->rank >= GRAFT_MAX_RANK) return gr_infer_fail(r, 1, "x has rank %d", x->rank);
  /* C2: dim is an axis of the result. */
  if (!gr_check_axis(r, 2, "dim", gr_rule_int(r, GR_ATTR(unsqueeze, dim)), x->rank + 1, &axis)) return false;
  gr_type_set(y, x->dtype, x->rank + 1);
  for (int32_t i = 0; i < y->rank; ++i) y->dims[i] = i < axis ? x->dims[i] : i == axis ? 1 : x->dims[i - 1];
  return true;
}

/* x broadcast together with `shape`; size: its elements, as far as they are known. Constraint 2. */
static bool expand_with(const gr_rule *r, const int64_t *size, int32_t count) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(expand, x));
  graft_type *y = gr_rule_result(r);
  if (x->rank < 0 || count < 0) return unknown_rank(r);
  gr_type_set(y, x->dtype, x->rank > count ? x->rank : count);
  for (int32_t i = 0; i < y->rank; ++i) {
    const int32_t from = i - (y->rank - x->rank), at = i - (y->rank - count);
    const int64_t n = from >= 0 ? x->dims[from] : 1;
    const int64_t given = at < 0 ? 1 : size != NULL && size[at] != GR_UNKNOWN_INT ? size[at] : -1;
    const bool known = at < 0 || (size != NULL && size[at] != GR_UNKNOWN_INT);
    if (known && (given < 0 || given > GR_MAX_ELEMENTS))
      return gr_infer_fail(r, 2, "entry %d of shape is %jd", at, given);
    if (known && n >= 0 && n != 1 && given != 1 && given != n)
      return gr_infer_fail(r, 2, "x has %jd entries along axis %d, shape %jd", n, from, given);
    y->dims[i] = given == 1 ? n : known ? given : n > 1 || n == 0 ? n : -1;
  }
  return true;
}

bool gr_rule_expand(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(expand, x)),
                   *shape = gr_rule_operand(r, GR_OPERAND(expand, shape));
  graft_type *y = gr_rule_result(r);
  uint32_t count;
  const int64_t *size = gr_rule_ints(r, GR_ATTR(expand, size), &count);
  /* C1: the extents are given by the attribute size or by the operand shape, an i64 vector of at most 8 entries, not by
   * both. */
  if ((size != NULL) == (shape != NULL))
    return gr_infer_fail(r, 1, size != NULL ? "size and shape are both given" : "neither size nor shape is given");
  if (shape != NULL) {
    if (!gr_check_extents(r, 1, GR_OPERAND(expand, shape))) return false;
    /* C2: an entry of shape is not negative; it is 1, or x's extent is 1 or the same. */
    const int64_t *known = shape->rank == 1 ? gr_rule_elements(r, GR_OPERAND(expand, shape), &count) : NULL;
    return expand_with(r, known, shape->rank == 1 ? (int32_t)shape->dims[0] : -1);
  }
  /* C3: size has at most 8 extents, and not fewer than x has axes; one is not negative, or -1 where x has that axis. */
  if (count > GRAFT_MAX_RANK || (x->rank >= 0 && count < (uint32_t)x->rank))
    return gr_infer_fail(r, 3, "size has %u extents, x has rank %d", count, x->rank);
  gr_type_set(y, x->dtype, (int32_t)count);
  for (uint32_t i = 0; i < count; ++i) {
    const int32_t from = x->rank < 0 ? -1 : (int32_t)i - ((int32_t)count - x->rank);
    const int64_t n = from >= 0 ? x->dims[from] : -1;
    if (size[i] < -1 || size[i] > GR_MAX_ELEMENTS || (size[i] == -1 && x->rank >= 0 && from < 0))
      return gr_infer_fail(r, 3, "extent %u of size is %jd", i, size[i]);
    /* C4: an extent of x is 1 or that of size. */
    if (size[i] >= 0 && n >= 0 && n != 1 && n != size[i])
      return gr_infer_fail(r, 4, "x has %jd entries along axis %d, size %jd", n, from, size[i]);
    y->dims[i] = size[i] >= 0 ? size[i] : n;
  }
  return true;
}

bool gr_rule_repeat(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(repeat, x)),
                   *times = gr_rule_operand(r, GR_OPERAND(repeat, times));
  graft_type *y = gr_rule_result(r);
  uint32_t count;
  const int64_t *repeats = gr_rule_ints(r, GR_ATTR(repeat, repeats), &count);
  /* C1: the repeats are given by the attribute or by the operand times, an i64 vector of at most 8 entries, not by
   * both. */
  if ((repeats != NULL) == (times != NULL))
    return gr_infer_fail(r, 1,
                         times != NULL ? "repeats and times are both given" : "neither repeats nor times is given");
  if (times != NULL) {
    if (!gr_check_extents(r, 1, GR_OPERAND(repeat, times))) return false;
    if (times->rank != 1 || times->dims[0] < 0) return unknown_rank(r);
    count = (uint32_t)times->dims[0];
    uint32_t known;
    repeats = gr_rule_elements(r, GR_OPERAND(repeat, times), &known);
  }
  /* C2: there are at most 8 repeats, and not fewer than x has axes. */
  if (count > GRAFT_MAX_RANK || (x->rank >= 0 && count < (uint32_t)x->rank))
    return gr_infer_fail(r, 2, "there are %u repeats, x has rank %d", count, x->rank);
  gr_type_set(y, x->dtype, (int32_t)count);
  for (uint32_t i = 0; i < count; ++i) {
    const int32_t from = x->rank < 0 ? -1 : (int32_t)i - ((int32_t)count - x->rank);
    int64_t n = x->rank < 0 ? -1 : from < 0 ? 1 : x->dims[from];
    const int64_t by = repeats == NULL ? GR_UNKNOWN_INT : repeats[i];
    /* C3: no repeat is negative, and no extent becomes more than 2^48. */
    if (by != GR_UNKNOWN_INT && by < 0) return gr_infer_fail(r, 3, "repeat %u is %jd", i, by);
    if (by > 0 && n > 0 && !gr_extent_mul(&n, by))
      return gr_infer_fail(r, 3, "repeat %u of an axis of %jd is %jd", i, n, by);
    y->dims[i] = by == 0 ? 0 : by == GR_UNKNOWN_INT && n != 0 ? -1 : n;
  }
  return true;
}

/* Entries that Python's range picks from n: start and end clamped as its slices do. */
static int64_t slice_count(int64_t n, int64_t start, int64_t end, int64_t step) {
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
  if (start < 0) start += n;
  if (end < 0) end += n;
  start = start < low ? low : start > high ? high : start;
  end = end < low ? low : end > high ? high : end;
  if (step > 0) return start < end ? (end - start - 1) / step + 1 : 0;
  return end < start ? (start - end - 1) / (step == INT64_MIN ? INT64_MAX : -step) + 1 : 0;
}

/* Start, end or step: of the operand, where there is one, else of the attribute. False: not known. */
static bool bound(const gr_rule *r, uint32_t operand, uint32_t attr, int64_t *value) {
  if (gr_rule_operand(r, operand) == NULL) return *value = gr_rule_int(r, attr), true;
  uint32_t count = 0;
  const int64_t *known = gr_rule_elements(r, operand, &count);
  *value = known != NULL && count == 1 ? known[0] : GR_UNKNOWN_INT;
  return *value != GR_UNKNOWN_INT;
}

bool gr_rule_slice(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(slice, x));
  graft_type *y = gr_rule_result(r);
  int64_t start, end, step;
  int32_t axis;
  /* C1: step is not 0. */
  const bool stepped = bound(r, GR_OPERAND(slice, step), GR_ATTR(slice, step), &step);
  if (stepped && step == 0) return gr_infer_fail(r, 1, "step is 0");
  /* C2: the operands start, end and step are one i64 each. */
  for (uint32_t slot = GR_OPERAND(slice, start); slot <= GR_OPERAND(slice, step); ++slot) {
    const graft_type *t = gr_rule_operand(r, slot);
    if (t == NULL) continue;
    if ((t->dtype != GRAFT_I64 && t->dtype != GRAFT_UNKNOWN) ||
        (graft_type_elements(t) >= 0 && graft_type_elements(t) != 1))
      return gr_infer_fail(r, 2, "%s is %s of rank %d", gr_rule_operand_name(r, slot), graft_dtype_name(t->dtype),
                           t->rank);
  }
  /* C3: dim is an axis of x. */
  if (x->rank < 0) return unknown_rank(r);
  if (!gr_check_axis(r, 3, "dim", gr_rule_int(r, GR_ATTR(slice, dim)), x->rank, &axis)) return false;
  *y = *x;
  const bool known = bound(r, GR_OPERAND(slice, start), GR_ATTR(slice, start), &start) &&
                     bound(r, GR_OPERAND(slice, end), GR_ATTR(slice, end), &end) && stepped;
  if (!known && x->dims[axis] != 0) y->dims[axis] = -1;
  if (known && x->dims[axis] >= 0) y->dims[axis] = slice_count(x->dims[axis], start, end, step);
  return true;
}

bool gr_rule_split(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(split, x));
  uint32_t count;
  const int64_t *sizes = gr_rule_ints(r, GR_ATTR(split, split_sizes), &count);
  int32_t axis = 0;
  /* C1: there is one result for each of split_sizes, and at least one. */
  if (count == 0 || count != r->in->result_count)
    return gr_infer_fail(r, 1, "split_sizes has %u entries, there are %u results", count, r->in->result_count);
  /* C2: dim is an axis of x. */
  if (x->rank >= 0 && !gr_check_axis(r, 2, "dim", gr_rule_int(r, GR_ATTR(split, dim)), x->rank, &axis)) return false;
  int64_t sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    /* C3: split_sizes are not negative and add up to the extent of x along dim. */
    if (sizes[i] < 0 || __builtin_add_overflow(sum, sizes[i], &sum))
      return gr_infer_fail(r, 3, "entry %u of split_sizes is %jd", i, sizes[i]);
    r->in->results[i] = *x;
    if (x->rank > 0) r->in->results[i].dims[axis] = sizes[i];
  }
  if (x->rank > 0 && x->dims[axis] >= 0 && sum != x->dims[axis])
    return gr_infer_fail(r, 3, "split_sizes add up to %jd, x has %jd entries along axis %d", sum, x->dims[axis], axis);
  return true;
}

bool gr_rule_cat(const gr_rule *r) {
  graft_type *y = gr_rule_result(r);
  const uint32_t count = r->in->operand_count;
  gr_type_set(y, GRAFT_UNKNOWN, -1);
  int32_t axis = 0;
  uint32_t unknown = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const graft_type *x = gr_rule_operand(r, i);
    /* C1: all tensors have the same element type. */
    if (y->dtype == GRAFT_UNKNOWN) y->dtype = x->dtype;
    if (x->dtype != GRAFT_UNKNOWN && x->dtype != y->dtype)
      return gr_infer_fail(r, 1, "tensors[%u] is %s, those before it are %s", i, graft_dtype_name(x->dtype),
                           graft_dtype_name(y->dtype));
    if (x->rank < 0) {
      ++unknown;
      continue;
    }
    if (y->rank < 0) {
      /* C2: dim is an axis of the tensors. */
      if (!gr_check_axis(r, 2, "dim", gr_rule_int(r, GR_ATTR(cat, dim)), x->rank, &axis)) return false;
      const graft_dtype dtype = y->dtype;
      *y = *x;
      y->dtype = dtype;
      continue;
    }
    /* C3: all tensors have the same rank, and the same extents but along dim. */
    if (x->rank != y->rank) return gr_infer_fail(r, 3, "tensors[%u] has rank %d, not %d", i, x->rank, y->rank);
    for (int32_t d = 0; d < x->rank; ++d) {
      if (d == axis) {
        /* C4: the extents along dim add up to at most 2^48. */
        if (y->dims[d] < 0 || x->dims[d] < 0)
          y->dims[d] = -1;
        else if (__builtin_add_overflow(y->dims[d], x->dims[d], &y->dims[d]) || y->dims[d] > GR_MAX_ELEMENTS)
          return gr_infer_fail(r, 4, "tensors[%u] is too large along axis %d", i, d);
      } else if (!gr_extent_merge(&y->dims[d], x->dims[d])) {
        return gr_infer_fail(r, 3, "tensors[%u] has %jd entries along axis %d, not %jd", i, x->dims[d], d, y->dims[d]);
      }
    }
  }
  if (unknown > 0 && y->rank > 0) y->dims[axis] = -1;
  return true;
}

bool gr_rule_pad(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(pad, x)), *fill = gr_rule_operand(r, GR_OPERAND(pad, fill)),
                   *pads = gr_rule_operand(r, GR_OPERAND(pad, pads));
  graft_type *y = gr_rule_result(r);
  uint32_t count;
  const int64_t *pad = gr_rule_ints(r, GR_ATTR(pad, pad), &count);
  const int64_t mode = gr_rule_int(r, GR_ATTR(pad, mode));
  const bool constant = mode == GR_pad_mode_constant, reflect = mode == GR_pad_mode_reflect;
  /* C5: the pads are given by the attribute pad or by the operand pads, an i64 vector, not by both. */
  if ((pad != NULL) == (pads != NULL))
    return gr_infer_fail(r, 5, pads != NULL ? "pad and pads are both given" : "neither pad nor pads is given");
  if (pads != NULL) {
    if (pads->dtype != GRAFT_I64 && pads->dtype != GRAFT_UNKNOWN)
      return gr_infer_fail(r, 5, "pads is %s", graft_dtype_name(pads->dtype));
    if (!gr_check_rank(r, 5, GR_OPERAND(pad, pads), 1)) return false;
    const int64_t most = 2 * (x->rank < 0 ? GRAFT_MAX_RANK : x->rank), entries = pads->rank == 1 ? pads->dims[0] : -1;
    if (entries > most) return gr_infer_fail(r, 1, "pads has %jd entries, x has rank %d", entries, x->rank);
    pad = gr_rule_elements(r, GR_OPERAND(pad, pads), &count);
    if (pad == NULL) count = (uint32_t)(entries < 0 ? most : entries);
  }
  /* C1: pad has two entries for an axis, and no more than x has axes. */
  if (count % 2 != 0 || count > 2 * GRAFT_MAX_RANK || (x->rank >= 0 && count / 2 > (uint32_t)x->rank))
    return gr_infer_fail(r, 1, "pad has %u entries, x has rank %d", count, x->rank);
  /* C2: fill is one element of x's type. */
  if (fill != NULL && !gr_check_same_dtype(r, 2, GR_OPERAND(pad, fill), GR_OPERAND(pad, x))) return false;
  if (fill != NULL && graft_type_elements(fill) >= 0 && graft_type_elements(fill) != 1)
    return gr_infer_fail(r, 2, "fill has %jd elements", graft_type_elements(fill));
  if (x->rank < 0) return unknown_rank(r);
  *y = *x;
  for (uint32_t i = 0; i < count / 2; ++i) {
    const int32_t axis = x->rank - 1 - (int32_t)i;
    const int64_t before = pad ? pad[2 * (size_t)i] : GR_UNKNOWN_INT,
                  after = pad ? pad[2 * (size_t)i + 1] : GR_UNKNOWN_INT, n = x->dims[axis];
    if (pads != NULL && (before == GR_UNKNOWN_INT || after == GR_UNKNOWN_INT)) {
      y->dims[axis] = -1;
      continue;
    }
    if (n < 0) continue;
    /* C3: reflect needs pads less than the extent, replicate and circular an extent. */
    if ((reflect && (before >= n || after >= n) && (before > 0 || after > 0)) ||
        (!constant && n == 0 && (before > 0 || after > 0)))
      return gr_infer_fail(r, 3, "pad is (%jd, %jd) along axis %d of %jd", before, after, axis, n);
    /* C4: no extent becomes negative, nor does one side cut more than there is. */
    int64_t size;
    if (__builtin_add_overflow(n, before, &size) || size < 0 || __builtin_add_overflow(size, after, &size) || size < 0)
      return gr_infer_fail(r, 4, "pad is (%jd, %jd) along axis %d of %jd", before, after, axis, n);
    y->dims[axis] = size;
  }
  return true;
}

bool gr_rule_index_select(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(index_select, x)),
                   *index = gr_rule_operand(r, GR_OPERAND(index_select, index));
  graft_type *y = gr_rule_result(r);
  int32_t axis;
  /* C1: index is i64 or i32. */
  if (index->dtype != GRAFT_I64 && index->dtype != GRAFT_I32 && index->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 1, "index is %s", graft_dtype_name(index->dtype));
  if (x->rank < 0) return unknown_rank(r);
  /* C2: dim is an axis of x. */
  if (!gr_check_axis(r, 2, "dim", gr_rule_int(r, GR_ATTR(index_select, dim)), x->rank, &axis)) return false;
  if (index->rank < 0) return unknown_rank(r);
  /* C3: the result has at most 8 axes. */
  if (x->rank - 1 + index->rank > GRAFT_MAX_RANK)
    return gr_infer_fail(r, 3, "x has rank %d, index %d", x->rank, index->rank);
  gr_type_set(y, x->dtype, 0);
  for (int32_t i = 0; i < axis; ++i) y->dims[y->rank++] = x->dims[i];
  for (int32_t i = 0; i < index->rank; ++i) y->dims[y->rank++] = index->dims[i];
  for (int32_t i = axis + 1; i < x->rank; ++i) y->dims[y->rank++] = x->dims[i];
  return true;
}

bool gr_rule_shape(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(shape, x));
  graft_type *y = gr_rule_result(r);
  gr_type_set(y, GRAFT_I64, 1);
  y->dims[0] = -1;
  if (x->rank < 0) return true;
  const int64_t end = gr_rule_is_none(r, GR_ATTR(shape, end)) ? x->rank : gr_rule_int(r, GR_ATTR(shape, end));
  y->dims[0] = slice_count(x->rank, gr_rule_int(r, GR_ATTR(shape, start)), end, 1);
  return true;
}
