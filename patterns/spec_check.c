/* What the attributes of a spec may be: kinds, names, ranges, and what does not go together. Of quantizer files and of
 * annotations made in C. */
#include <stdio.h>
#include <string.h>

#include "patterns/quantizer_impl.h"

typedef struct checker {
  graft_context *c;
  const gr_op_info *op;
  const gr_loc *where; /* by attribute */
} checker;

static int slot_of(const checker *k, const char *name) { return gr_op_attr_slot(k->op, name, strlen(name)); }
static gr_loc where_of(const checker *k, const char *name) { return k->where[slot_of(k, name)]; }

static bool fail(const checker *k, const char *attr, const char *message) {
  gr_error(k->c, GRAFT_RULE, where_of(k, attr), "%s", message);
  return false;
}

static const struct {
  const char *attr;
  const char *words[5];
} vocabulary[] = {
    {"scheme", {"per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric"}},
    {"observer", {"min_max", "moving_average_min_max", "histogram", "placeholder"}},
    {"formula", {"observer", "kernel"}},
    {"function", {"product"}},
};

static bool check_word(const checker *k, const gr_attr_decl *d, const char *word) {
  for (size_t i = 0; i < sizeof vocabulary / sizeof *vocabulary; i++) {
    if (strcmp(vocabulary[i].attr, d->name) != 0) continue;
    char known[200] = "";
    size_t at = 0;
    for (const char *const *w = vocabulary[i].words; *w; w++) {
      if (strcmp(*w, word) == 0) return true;
      int n = snprintf(known + at, sizeof known - at, "%s%s", at ? ", " : "", *w);
      if (n > 0 && (size_t)n < sizeof known - at) at += (size_t)n;
    }
    gr_error(k->c, GRAFT_RULE, where_of(k, d->name), "%s is one of %s", d->name, known);
    return false;
  }
  return true;
}

static bool check_kind(const checker *k, const gr_attr_decl *d, graft_attr *a) {
  if (a->kind == GRAFT_ATTR_NONE && d->none_allowed) return true;
  if (a->kind == GRAFT_ATTR_INT && d->kind == GRAFT_ATTR_FLOAT) {
    a->kind = GRAFT_ATTR_FLOAT;
    a->as.f = (double)a->as.i;
  }
  if (a->kind == GRAFT_ATTR_STRING && d->kind == GRAFT_ATTR_STRING) return check_word(k, d, a->as.s);
  if (a->kind == d->kind) return true;
  gr_error(k->c, GRAFT_RULE, where_of(k, d->name), "%s cannot have this value", d->name);
  return false;
}

static bool dtype_range(graft_dtype dtype, int64_t *min, int64_t *max) {
  if (dtype != GRAFT_I8 && dtype != GRAFT_U8 && dtype != GRAFT_I16 && dtype != GRAFT_I32) return false;
  int bits = 8 * (int)graft_dtype_size(dtype);
  *min = dtype == GRAFT_U8 ? 0 : -((int64_t)1 << (bits - 1));
  *max = dtype == GRAFT_U8 ? 255 : ((int64_t)1 << (bits - 1)) - 1;
  return true;
}

static bool check_range(const checker *k, const graft_attr *a) {
  graft_dtype dtype = a[slot_of(k, "dtype")].as.dtype;
  int64_t low = a[slot_of(k, "quant_min")].as.i, high = a[slot_of(k, "quant_max")].as.i, lowest, highest;
  if (!dtype_range(dtype, &lowest, &highest)) {
    gr_error(k->c, GRAFT_RULE, where_of(k, "dtype"), "%s is no type to quantize to: i8, u8, i16 or i32",
             graft_dtype_name(dtype));
    return false;
  }
  if (low >= high) {
    gr_error(k->c, GRAFT_RULE, where_of(k, "quant_min"), "impossible range: quant_min %lld is not below quant_max %lld",
             (long long)low, (long long)high);
    return false;
  }
  if (low < lowest || high > highest) {
    gr_error(k->c, GRAFT_RULE, where_of(k, low < lowest ? "quant_min" : "quant_max"),
             "impossible range: %lld to %lld does not fit %s (%lld to %lld)", (long long)low, (long long)high,
             graft_dtype_name(dtype), (long long)lowest, (long long)highest);
    return false;
  }
  return true;
}

static bool check_fixed(const checker *k, const graft_attr *a) {
  int64_t zp = a[slot_of(k, "zero_point")].as.i;
  double scale = a[slot_of(k, "scale")].as.f;
  if (!(scale > 0.0 && scale < 3.4028234663852886e38)) return fail(k, "scale", "a scale is positive and finite");
  if (zp >= a[slot_of(k, "quant_min")].as.i && zp <= a[slot_of(k, "quant_max")].as.i) return true;
  return fail(k, "zero_point", "the zero point is outside the range");
}

static bool check_observed(const checker *k, const graft_attr *a) {
  const char *observer = a[slot_of(k, "observer")].as.s;
  bool channels = strncmp(a[slot_of(k, "scheme")].as.s, "per_channel", 11) == 0;
  bool dynamic = a[slot_of(k, "dynamic")].as.b;
  double c = a[slot_of(k, "averaging_constant")].as.f, eps = a[slot_of(k, "eps")].as.f;
  int64_t bins = a[slot_of(k, "bins")].as.i;
  if (!(c > 0.0 && c <= 1.0)) return fail(k, "averaging_constant", "averaging_constant is above 0 and at most 1");
  if (!(eps > 0.0)) return fail(k, "eps", "eps is positive");
  if (bins < 1 || bins > 1 << 20) return fail(k, "bins", "bins is 1 to 1048576");
  if (channels && a[slot_of(k, "axis")].kind == GRAFT_ATTR_NONE)
    return fail(k, "scheme", "a scheme per channel needs an axis");
  if (channels && strcmp(observer, "histogram") == 0) return fail(k, "observer", "a histogram is per tensor");
  if (channels && dynamic) return fail(k, "dynamic", "dynamic quantization is per tensor");
  if (!dynamic && strcmp(observer, "placeholder") == 0)
    return fail(k, "observer", "the placeholder observes nothing: only a dynamic spec can have it");
  return true;
}

bool qz_spec_check(graft_context *c, uint32_t op, graft_attr attrs[GR_MAX_ATTRS], const gr_loc where[GR_MAX_ATTRS]) {
  checker k = {c, gr_op_get(op), where};
  for (uint32_t i = 0; i < k.op->attr_count; i++)
    if (!check_kind(&k, &k.op->attrs[i], &attrs[i])) return false;
  if (op == GR_OP_shared) return true;
  if (!check_range(&k, attrs) || (op == GR_OP_fixed && !check_fixed(&k, attrs)) ||
      (op == GR_OP_spec && !check_observed(&k, attrs)))
    return false;
  int scheme = slot_of(&k, "scheme"), axis = slot_of(&k, "axis"), groups = slot_of(&k, "groups");
  if (scheme < 0 || axis < 0 || strncmp(attrs[scheme].as.s, "per_tensor", 10) != 0) return true;
  attrs[axis] = (graft_attr){.name = "axis", .kind = GRAFT_ATTR_NONE};
  if (groups >= 0) attrs[groups].as.i = 1;
  return true;
}
