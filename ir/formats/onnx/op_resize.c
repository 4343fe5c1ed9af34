/* Resize of all opsets, and Upsample, which it was called before; DepthToSpace and SpaceToDepth; Trilu. */
#include "ir/formats/onnx/handler_impl.h"

#include <math.h>
#include <string.h>

typedef struct resize {
  int32_t rank;
  double scales[GRAFT_MAX_RANK], roi[2 * GRAFT_MAX_RANK];
  int64_t sizes[GRAFT_MAX_RANK]; /* -1: not known before it runs */
  uint32_t axes;                 /* of x, that the lists are about */
  int64_t axis[GRAFT_MAX_RANK];
  bool has_scales, has_sizes, has_roi;
  graft_value factors, extents; /* as values, where what they hold is not known */
} resize;

/* The elements of a tensor behind those that are there. */
static bool add_floats(gr_onnx *in, uint32_t i, graft_tensor t, uint32_t most, double *out, uint32_t *count) {
  const graft_type *type = gr_tensor_type(in->module, t);
  const int64_t n = graft_type_elements(type);
  if (n < 0 || n > (int64_t)(most - *count) || (type->dtype != GRAFT_F32 && type->dtype != GRAFT_F64))
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: input %u is no list of floats", in->row->name, i), false;
  const void *data = gr_onnx_consume(in, t);
  for (int64_t k = 0; data && k < n; k++)
    out[(*count)++] = type->dtype == GRAFT_F32 ? (double)((const float *)data)[k] : ((const double *)data)[k];
  return data != NULL;
}

/* Is the value made of nothing but tensors, side by side? PyTorch's factors of an interpolation are, unless its
 * exporter folds constants. */
static bool joins_tensors(const gr_onnx *in, graft_value v) {
  const graft_graph *g = in->scope->graph;
  const graft_node n = gr_value_node(g, v);
  bool all = n != GRAFT_NONE && gr_node_at(g, n)->op == GR_OP_cat && gr_onnx_value_type(in, v)->rank == 1;
  for (uint32_t k = 0; all && k < gr_node_at(g, n)->operand_count; k++) {
    const graft_value part = gr_operand(g, n, k);
    all = part != GRAFT_NONE && gr_value_tensor(g, part) != GRAFT_NONE;
  }
  return all;
}

/* The floats of input i, or of an attribute of the name: at most `most`. *count 0: there are none, or, with *value,
 * they are not known. */
static bool floats(gr_onnx *in, uint32_t i, const char *name, uint32_t most, double *out, uint32_t *count,
                   graft_value *value) {
  const graft_graph *g = in->scope->graph;
  const Onnx__AttributeProto *given = name ? gr_onnx_attr(in, name) : NULL;
  *count = 0;
  *value = GRAFT_NONE;
  if (given) {
    if (given->n_floats > most) return gr_onnx_fail(in, GRAFT_TYPE, "%s: too many %s", in->row->name, name), false;
    *count = (uint32_t)given->n_floats;
    for (uint32_t k = 0; k < *count; k++) out[k] = (double)given->floats[k];
    return true;
  }
  const graft_value v = gr_onnx_input(in, i);
  if (in->failed || v == GRAFT_NONE) return !in->failed;
  if (graft_type_elements(gr_onnx_value_type(in, v)) == 0) return true; /* as absent */
  const graft_tensor constant = gr_onnx_constant(in, i);
  if (constant != GRAFT_NONE) return add_floats(in, i, constant, most, out, count);
  if (!joins_tensors(in, v)) return *value = v, true;
  const graft_node n = gr_value_node(g, v);
  bool ok = gr_vec_push(in->context, &in->scope->computed, v);
  if (!ok) in->failed = true;
  for (uint32_t k = 0; ok && k < gr_node_at(g, n)->operand_count; k++)
    ok = add_floats(in, i, gr_value_tensor(g, gr_operand(g, n, k)), most, out, count);
  return ok;
}

static bool read_axes(gr_onnx *in, resize *r) {
  const Onnx__AttributeProto *axes = gr_onnx_attr(in, "axes");
  r->axes = (uint32_t)r->rank;
  for (int32_t i = 0; i < r->rank; i++) r->axis[i] = i;
  if (!axes) return true;
  if (axes->n_ints > (size_t)r->rank) return gr_onnx_fail(in, GRAFT_TYPE, "Resize: too many axes"), false;
  r->axes = (uint32_t)axes->n_ints;
  for (uint32_t i = 0; i < r->axes; i++)
    if (!gr_onnx_axis(in, axes->ints[i], r->rank, &r->axis[i])) return false;
  return true;
}

/* Lists about some axes become lists about all. */
static bool spread(gr_onnx *in, resize *r, uint32_t scales, const double *scale, uint32_t corners,
                   const double *corner) {
  for (int32_t i = 0; i < r->rank; i++) r->scales[i] = 1, r->roi[i] = 0, r->roi[r->rank + i] = 1;
  if ((scales && scales != r->axes) || (corners && corners != 2 * r->axes))
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: %u scales for %u axes", in->row->name, scales, r->axes), false;
  for (uint32_t i = 0; i < r->axes && scales; i++) r->scales[r->axis[i]] = scale[i];
  for (uint32_t i = 0; i < r->axes && corners; i++) {
    r->roi[r->axis[i]] = corner[i];
    r->roi[r->rank + r->axis[i]] = corner[r->axes + i];
  }
  return true;
}

/* One scale for all axes: the sizes are bounds. */
static bool keep_aspect(gr_onnx *in, resize *r, const graft_type *x, bool larger) {
  float scale = larger ? 0 : INFINITY;
  for (uint32_t i = 0; i < r->axes; i++) {
    const int64_t n = x->dims[r->axis[i]], size = r->sizes[r->axis[i]];
    if (n <= 0 || size < 0)
      return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "Resize: keep_aspect_ratio_policy needs to know all extents"), false;
    const float own = (float)size / (float)n;
    scale = larger ? fmaxf(scale, own) : fminf(scale, own);
  }
  for (uint32_t i = 0; i < r->axes; i++) {
    r->sizes[r->axis[i]] = (int64_t)floorf(scale * (float)x->dims[r->axis[i]] + 0.5f);
    r->scales[r->axis[i]] = (double)scale;
  }
  return r->has_scales = true;
}

static bool read_sizes(gr_onnx *in, resize *r, const graft_type *x) {
  const int64_t *sizes;
  uint32_t count;
  if (!gr_onnx_has_input(in, 3)) return true;
  if (!gr_onnx_try_ints(in, 3, &sizes, &count)) return false;
  r->has_sizes = true;
  if (!sizes) {
    r->extents = gr_onnx_input(in, 3);
    return r->axes == (uint32_t)r->rank ||
           (gr_onnx_fail(in, GRAFT_UNSUPPORTED, "Resize: sizes of some axes must be known"), false);
  }
  if (count != r->axes) return gr_onnx_fail(in, GRAFT_TYPE, "Resize: %u sizes for %u axes", count, r->axes), false;
  for (int32_t i = 0; i < r->rank; i++) r->sizes[i] = x->dims[i];
  for (uint32_t i = 0; i < count; i++) r->sizes[r->axis[i]] = sizes[i];
  const bool larger = gr_onnx_attr_is(in, "keep_aspect_ratio_policy", "not_larger") ? false : true;
  if (!gr_onnx_attr(in, "keep_aspect_ratio_policy") || gr_onnx_attr_is(in, "keep_aspect_ratio_policy", "stretch"))
    return true;
  if (larger && !gr_onnx_attr_is(in, "keep_aspect_ratio_policy", "not_smaller"))
    return gr_onnx_fail(in, GRAFT_TYPE, "Resize: unknown keep_aspect_ratio_policy"), false;
  return keep_aspect(in, r, x, larger);
}

/* The extents as a value: those of other axes are x's own, at run time where they are not known. */
static graft_value sizes_value(gr_onnx *in, const resize *r, graft_value x) {
  const graft_type list = graft_type_make(GRAFT_I64, 1, (int64_t[]){r->rank});
  bool whole = true;
  for (int32_t i = 0; i < r->rank; i++) whole = whole && r->sizes[i] >= 0;
  if (whole) return gr_onnx_make_constant(in, "sizes", &list, r->sizes);
  graft_value parts[GRAFT_MAX_RANK];
  for (int32_t i = 0; i < r->rank; i++) {
    const graft_type one = graft_type_make(GRAFT_I64, 1, (int64_t[]){1});
    if (r->sizes[i] >= 0) {
      parts[i] = gr_onnx_make_constant(in, "size", &one, &r->sizes[i]);
    } else {
      gr_onnx_begin(in, GR_OP_shape);
      gr_onnx_set_int(in, "start", i);
      gr_onnx_set_int(in, "end", i + 1);
      parts[i] = gr_onnx_step(in, &x, 1);
    }
    if (parts[i] == GRAFT_NONE) return GRAFT_NONE;
  }
  gr_onnx_begin(in, GR_OP_cat);
  return gr_onnx_step(in, parts, (uint32_t)r->rank);
}

/* Until opset 10 coordinates are asymmetric and rounded down; the mode of Upsample may be called bilinear. */
bool gr_onnx_resize(gr_onnx *in) {
  const bool old = in->opset < 11 || strcmp(in->row->name, "Upsample") == 0;
  const graft_value x = gr_onnx_input(in, 0);
  double scale[GRAFT_MAX_RANK], corner[2 * GRAFT_MAX_RANK];
  uint32_t scales = 0, corners = 0;
  graft_value unknown = GRAFT_NONE;
  resize r = {.factors = GRAFT_NONE, .extents = GRAFT_NONE};
  if (in->failed || (r.rank = gr_onnx_rank(in, x)) < 0) return false;
  const graft_type t = *gr_onnx_value_type(in, x);
  gr_onnx_keeps_rank(in, x, 0);
  const bool crops = !old && gr_onnx_attr_is(in, "coordinate_transformation_mode", "tf_crop_and_resize");
  if (!read_axes(in, &r) ||
      !floats(in, old ? 1 : 2, old ? "scales" : NULL, GRAFT_MAX_RANK, scale, &scales, &r.factors) ||
      (crops && !floats(in, 1, NULL, 2 * GRAFT_MAX_RANK, corner, &corners, &unknown)) ||
      !spread(in, &r, scales, scale, corners, corner) || (!old && !read_sizes(in, &r, &t)))
    return false;
  if (unknown != GRAFT_NONE) return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "Resize: roi must be constant"), false;
  r.has_scales = r.has_scales || scales > 0;
  if (r.factors != GRAFT_NONE && (r.has_sizes || r.axes != (uint32_t)r.rank))
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "Resize: scales must be constant beside axes or sizes"), false;
  if (!r.has_scales && !r.has_sizes && r.factors == GRAFT_NONE)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: neither scales nor sizes", in->row->name), false;
  graft_value sizes = r.extents;
  if (r.has_sizes && sizes == GRAFT_NONE) sizes = sizes_value(in, &r, x);
  sizes = gr_onnx_to(in, sizes, GRAFT_I64);
  const graft_value factors = gr_onnx_to(in, r.factors, GRAFT_F32);
  if (in->failed) return false;
  gr_onnx_begin(in, GR_OP_resize);
  gr_onnx_set_mapped(in);
  if (old) gr_onnx_set_string(in, "coordinates", "asymmetric");
  if (old) gr_onnx_set_string(in, "rounding", "floor");
  if (r.has_scales) gr_onnx_set_floats(in, "scales", r.scales, (uint32_t)r.rank);
  if (crops) gr_onnx_set_floats(in, "roi", r.roi, 2 * (uint32_t)r.rank);
  return gr_onnx_finish(in, (graft_value[]){x, sizes, factors}, 3);
}

bool gr_onnx_trilu(gr_onnx *in) {
  graft_value operands[2] = {gr_onnx_input(in, 0), gr_onnx_input(in, 1)};
  gr_onnx_begin(in, gr_onnx_attr_bool(in, "upper", true) ? GR_OP_triu : GR_OP_tril);
  return gr_onnx_finish(in, operands, 2);
}

bool gr_onnx_space_to_depth(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  gr_onnx_begin(in, GR_OP_pixel_unshuffle);
  gr_onnx_set_mapped(in);
  gr_onnx_set_bool(in, "depth_first", true);
  return gr_onnx_finish(in, &x, 1);
}

bool gr_onnx_depth_to_space(gr_onnx *in) {
  graft_value x = gr_onnx_input(in, 0);
  const bool crd = gr_onnx_attr_is(in, "mode", "CRD");
  if (gr_onnx_attr(in, "mode") && !crd && !gr_onnx_attr_is(in, "mode", "DCR"))
    return gr_onnx_fail(in, GRAFT_TYPE, "DepthToSpace: mode is neither DCR nor CRD"), false;
  gr_onnx_begin(in, GR_OP_pixel_shuffle);
  gr_onnx_set_mapped(in);
  gr_onnx_set_bool(in, "depth_first", !crd);
  return gr_onnx_finish(in, &x, 1);
}
