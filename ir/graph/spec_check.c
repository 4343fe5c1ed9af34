/* What the attributes of a spec may be: kinds, names, ranges, and what does not go together. Of quantizer files and of
 * annotations made in C. */
#include <stdio.h>
#include <string.h>

#include "ir/ir_int.h"

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

static bool check_value(const checker *k, uint32_t slot, graft_attr *a) {
  const gr_attr_decl *d = &k->op->attrs[slot];
  char message[GR_ATTR_MESSAGE_SIZE];
  if (a->kind == GRAFT_ATTR_NONE && d->none_allowed) return true;
  if (a->kind == GRAFT_ATTR_INT && d->kind == GRAFT_ATTR_FLOAT) {
    a->kind = GRAFT_ATTR_FLOAT;
    a->as.f = (double)a->as.i;
  }
  if (a->kind != d->kind)
    snprintf(message, sizeof message, "%s of %s is %s, not %s", d->name, k->op->name, gr_kind_phrase(d->kind),
             gr_kind_phrase(a->kind));
  else if (gr_attr_check(k->op, slot, a, message, sizeof message))
    return true;
  return fail(k, d->name, message);
}

static bool check_range(const checker *k, const graft_attr *a) {
  graft_dtype dtype = a[slot_of(k, "dtype")].as.dtype;
  int64_t low = a[slot_of(k, "quant_min")].as.i, high = a[slot_of(k, "quant_max")].as.i, lowest, highest;
  if (!gr_dtype_range(dtype, &lowest, &highest)) {
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
  if (zp >= a[slot_of(k, "quant_min")].as.i && zp <= a[slot_of(k, "quant_max")].as.i) return true;
  return fail(k, "zero_point", "the zero point is outside the range");
}

static bool check_observed(const checker *k, const graft_attr *a) {
  const char *observer = a[slot_of(k, "observer")].as.s;
  bool channels = strncmp(a[slot_of(k, "scheme")].as.s, "per_channel", 11) == 0;
  bool dynamic = a[slot_of(k, "dynamic")].as.b;
  if (channels && a[slot_of(k, "axis")].kind == GRAFT_ATTR_NONE)
    return fail(k, "scheme", "a scheme per channel needs an axis");
  if (channels && strcmp(observer, "histogram") == 0) return fail(k, "observer", "a histogram is per tensor");
  if (dynamic && a[slot_of(k, "learnable")].as.b)
    return fail(k, "learnable", "dynamic parameters are computed at run time: none is left to learn");
  if (channels && dynamic) return fail(k, "dynamic", "dynamic quantization is per tensor");
  if (!dynamic && strcmp(observer, "placeholder") == 0)
    return fail(k, "observer", "the placeholder observes nothing: only a dynamic spec can have it");
  return true;
}

bool gr_spec_attr_check(graft_context *c, uint32_t kind, uint32_t slot, graft_attr a, gr_loc at) {
  gr_loc where[GR_MAX_ATTRS];
  checker k = {c, gr_spec_info(kind), where};
  where[slot] = at;
  return check_value(&k, slot, &a);
}

bool gr_spec_check(graft_context *c, uint32_t kind, graft_attr attrs[GR_MAX_ATTRS], const gr_loc where[GR_MAX_ATTRS]) {
  checker k = {c, gr_spec_info(kind), where};
  bool ok = true;
  for (uint32_t i = 0; i < k.op->attr_count; i++) ok &= check_value(&k, i, &attrs[i]);
  if (!ok) return false;
  if (kind == GR_SPEC_shared) return true;
  if (!check_range(&k, attrs) || (kind == GR_SPEC_fixed && !check_fixed(&k, attrs)) ||
      (kind == GR_SPEC_spec && !check_observed(&k, attrs)))
    return false;
  int scheme = slot_of(&k, "scheme"), axis = slot_of(&k, "axis"), groups = slot_of(&k, "groups");
  if (scheme < 0 || axis < 0 || strncmp(attrs[scheme].as.s, "per_tensor", 10) != 0) return true;
  attrs[axis] = (graft_attr){.name = "axis", .kind = GRAFT_ATTR_NONE};
  if (groups >= 0) attrs[groups].as.i = 1;
  return true;
}
