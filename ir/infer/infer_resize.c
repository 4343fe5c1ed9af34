/* Shape rules of ops that give an image other extents, or look at it as at a matrix. */
#include "ir/infer/infer_impl.h"

/* x times what stands for its axis, as ONNX Runtime multiplies; false: too many, or none. */
static bool scaled(int64_t n, double scale, int64_t *out) {
  const float product = (float)n * (float)scale;
  if (!(product >= 0.0f && product <= 0x1p48f)) return false;
  *out = (int64_t)product;
  return true;
}

bool gr_rule_resize(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(resize, x)),
                   *sizes = gr_rule_operand(r, GR_OPERAND(resize, sizes)),
                   *factors = gr_rule_operand(r, GR_OPERAND(resize, factors));
  graft_type *y = gr_rule_result(r);
  uint32_t count, known = 0, corners;
  const double *scales = gr_attr_floats(r->in->module, r->in->attrs, GR_ATTR(resize, scales), &count);
  (void)gr_attr_floats(r->in->module, r->in->attrs, GR_ATTR(resize, roi), &corners);
  /* C1: extents come from sizes, scales or factors; not from factors and another. */
  if ((sizes == NULL && scales == NULL) == (factors == NULL))
    return gr_infer_fail(
        r, 1, factors != NULL ? "factors and others are given" : "neither sizes, scales nor factors are given");
  /* C2: sizes is an i64 vector and factors an f32 vector, each of as many entries as x has axes; so is scales. */
  if (sizes != NULL && !gr_check_extents(r, 2, GR_OPERAND(resize, sizes))) return false;
  if (factors != NULL && factors->dtype != GRAFT_F32 && factors->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, 2, "factors is %s", graft_dtype_name(factors->dtype));
  const graft_type *list = sizes != NULL ? sizes : factors;
  int64_t entries = list == NULL ? count : list->rank == 1 ? list->dims[0] : -1;
  if (list != NULL && list->rank >= 0 && list->rank != 1)
    return gr_infer_fail(r, 2, "%s has rank %d", sizes != NULL ? "sizes" : "factors", list->rank);
  if ((x->rank >= 0 && entries >= 0 && entries != x->rank) ||
      (scales != NULL && x->rank >= 0 && count != (uint32_t)x->rank))
    return gr_infer_fail(r, 2, "x has rank %d, %u scales and %jd extents are given", x->rank, count, entries);
  /* C3: every scale is positive. */
  for (uint32_t i = 0; i < count; ++i)
    if (!(scales[i] > 0 && scales[i] < 0x1p48)) return gr_infer_fail(r, 3, "scale %u is %g", i, scales[i]);
  /* C4: tf_crop_and_resize has a roi of two numbers an axis, others have none. */
  const bool crops = gr_rule_int(r, GR_ATTR(resize, coordinates)) == GR_coordinates_tf_crop_and_resize;
  if ((crops && (corners == 0 || (x->rank >= 0 && corners != 2 * (uint32_t)x->rank))) || (!crops && corners != 0))
    return gr_infer_fail(r, 4, "roi has %u entries, x has rank %d", corners, x->rank);
  /* C5: linear and cubic interpolation are of floats, on any axes; no axis becomes longer than 2^48. */
  if (gr_rule_int(r, GR_ATTR(resize, mode)) != GR_interpolation_nearest && !gr_check_float(r, 5, GR_OPERAND(resize, x)))
    return false;
  *y = *x;
  if (x->rank < 0) return true;
  const int64_t *extents = gr_rule_elements(r, GR_OPERAND(resize, sizes), &known);
  for (int32_t i = 0; i < x->rank; ++i) {
    if (sizes != NULL) {
      y->dims[i] = extents != NULL && extents[i] != GR_UNKNOWN_INT ? extents[i] : -1;
      if (extents != NULL && extents[i] != GR_UNKNOWN_INT && extents[i] < 0)
        return gr_infer_fail(r, 5, "extent %d is %jd", i, extents[i]);
    } else if (scales == NULL) {
      y->dims[i] = -1;
    } else if (x->dims[i] >= 0 && !scaled(x->dims[i], scales[i], &y->dims[i])) {
      return gr_infer_fail(r, 5, "x has %jd entries along axis %d, the scale is %g", x->dims[i], i, scales[i]);
    } else if (x->dims[i] < 0 && scales[i] != 1) {
      y->dims[i] = -1;
    }
  }
  return true;
}

bool gr_rule_grid_sampler(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(grid_sampler, x)),
                   *grid = gr_rule_operand(r, GR_OPERAND(grid_sampler, grid));
  graft_type *y = gr_rule_result(r);
  const int32_t rank = x->rank >= 0 ? x->rank : grid->rank;
  /* C1: grid has floats, x too unless it is sampled to the nearest. */
  if (!gr_check_float(r, 1, GR_OPERAND(grid_sampler, grid)) ||
      (gr_rule_int(r, GR_ATTR(grid_sampler, interpolation_mode)) != GR_interpolation_nearest &&
       !gr_check_float(r, 1, GR_OPERAND(grid_sampler, x))))
    return false;
  gr_type_set(y, x->dtype, rank);
  if (rank < 0) return true;
  /* C2: both have as many axes: 3 to 5. */
  if (rank < 3 || rank > 5 || (grid->rank >= 0 && grid->rank != rank))
    return gr_infer_fail(r, 2, "x has rank %d, grid %d", x->rank, grid->rank);
  for (int32_t i = 0; i < rank; ++i) y->dims[i] = -1;
  for (int32_t i = 0; i < 2 && x->rank >= 0; ++i) y->dims[i] = x->dims[i];
  if (grid->rank < 0) return true;
  /* C3: both have as many entries along the first axis; the last of grid has one for each of x's after the second. */
  if (!gr_extent_merge(&y->dims[0], grid->dims[0]))
    return gr_infer_fail(r, 3, "x has %jd entries along axis 0, grid %jd", x->dims[0], grid->dims[0]);
  if (grid->dims[rank - 1] >= 0 && grid->dims[rank - 1] != rank - 2)
    return gr_infer_fail(r, 3, "grid has %jd entries along its last axis", grid->dims[rank - 1]);
  for (int32_t i = 2; i < rank; ++i) y->dims[i] = grid->dims[i - 1];
  return true;
}

bool gr_rule_affine_grid_generator(const gr_rule *r) {
  const graft_type *theta = gr_rule_operand(r, GR_OPERAND(affine_grid_generator, theta)),
                   *size = gr_rule_operand(r, GR_OPERAND(affine_grid_generator, size));
  graft_type *y = gr_rule_result(r);
  uint32_t count = 0;
  /* C1: theta has floats. */
  if (!gr_check_float(r, 1, GR_OPERAND(affine_grid_generator, theta))) return false;
  /* C2: size is an i64 vector of 4 or 5 extents. */
  if (!gr_check_extents(r, 2, GR_OPERAND(affine_grid_generator, size))) return false;
  int64_t rank = size->rank == 1 ? size->dims[0] : -1;
  if (rank >= 0 && rank != 4 && rank != 5) return gr_infer_fail(r, 2, "size has %jd entries", rank);
  /* C3: theta is [n, axes, axes + 1], where n and the number of axes are size's. */
  if (!gr_check_rank(r, 3, GR_OPERAND(affine_grid_generator, theta), 3)) return false;
  const int64_t axes = theta->rank >= 0 ? theta->dims[1] : -1, columns = theta->rank >= 0 ? theta->dims[2] : -1;
  if (rank < 0 && (axes == 2 || axes == 3)) rank = axes + 2;
  if (rank >= 0 && ((axes >= 0 && axes != rank - 2) || (columns >= 0 && columns != rank - 1)))
    return gr_infer_fail(r, 3, "theta is %jd by %jd, size has %jd entries", axes, columns, rank);
  gr_type_set(y, theta->dtype, (int32_t)rank);
  if (rank < 0) return true;
  const int64_t *known = gr_rule_elements(r, GR_OPERAND(affine_grid_generator, size), &count);
  for (int32_t i = 0; i < y->rank; ++i) y->dims[i] = -1;
  y->dims[0] = theta->rank >= 0 ? theta->dims[0] : -1;
  y->dims[rank - 1] = rank - 2;
  for (uint32_t i = 0; known != NULL && i < count && i < rank; ++i) {
    if (known[i] == GR_UNKNOWN_INT) continue;
    if (known[i] < 0 || (i == 0 && !gr_extent_merge(&y->dims[0], known[0])))
      return gr_infer_fail(r, 3, "extent %u is %jd", i, known[i]);
    if (i >= 2) y->dims[i - 1] = known[i];
  }
  return true;
}

/* [n, c, ...]: the last two axes are an image's. */
static bool check_image(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(pixel_shuffle, x));
  if (x->rank >= 0 && x->rank != 4) return gr_infer_fail(r, 1, "x has rank %d, not 4", x->rank);
  gr_type_set(gr_rule_result(r), x->dtype, 4);
  for (int32_t i = 0; i < 4; ++i) gr_rule_result(r)->dims[i] = x->rank < 0 ? -1 : x->dims[i];
  return true;
}

bool gr_rule_pixel_shuffle(const gr_rule *r) {
  graft_type *y = gr_rule_result(r);
  const int64_t by = gr_rule_int(r, GR_ATTR(pixel_shuffle, upscale_factor));
  /* C1: x is [n, c, h, w]. */
  if (!check_image(r)) return false;
  /* C2: upscale_factor squared divides the channels; no axis becomes longer than 2^48. */
  if (y->dims[1] >= 0 && y->dims[1] % (by * by) != 0)
    return gr_infer_fail(r, 2, "%jd channels, upscale_factor is %jd", y->dims[1], by);
  if (y->dims[1] >= 0) y->dims[1] /= by * by;
  for (int32_t i = 2; i < 4; ++i)
    if (y->dims[i] >= 0 && !gr_extent_mul(&y->dims[i], by)) return gr_infer_fail(r, 2, "upscale_factor is %jd", by);
  return true;
}

bool gr_rule_pixel_unshuffle(const gr_rule *r) {
  graft_type *y = gr_rule_result(r);
  const int64_t by = gr_rule_int(r, GR_ATTR(pixel_unshuffle, downscale_factor));
  /* C1: x is [n, c, h, w]. */
  if (!check_image(r)) return false;
  /* C2: downscale_factor divides height and width; there are not more than 2^48 channels. */
  for (int32_t i = 2; i < 4; ++i) {
    if (y->dims[i] >= 0 && y->dims[i] % by != 0)
      return gr_infer_fail(r, 2, "x has %jd entries along axis %d, downscale_factor is %jd", y->dims[i], i, by);
    if (y->dims[i] >= 0) y->dims[i] /= by;
  }
  if (y->dims[1] >= 0 && !gr_extent_mul(&y->dims[1], by * by))
    return gr_infer_fail(r, 2, "downscale_factor is %jd", by);
  return true;
}

bool gr_rule_triangle(const gr_rule *r) {
  const graft_type *x = gr_rule_operand(r, GR_OPERAND(tril, x)), *offset = gr_rule_operand(r, GR_OPERAND(tril, offset));
  /* C1: x has two axes at least. */
  if (x->rank == 0 || x->rank == 1) return gr_infer_fail(r, 1, "x has rank %d", x->rank);
  /* C2: offset is one i64. */
  if (offset != NULL && ((offset->dtype != GRAFT_I64 && offset->dtype != GRAFT_UNKNOWN) ||
                         (graft_type_elements(offset) >= 0 && graft_type_elements(offset) != 1)))
    return gr_infer_fail(r, 2, "offset is %s of rank %d", graft_dtype_name(offset->dtype), offset->rank);
  *gr_rule_result(r) = *x;
  return true;
}
