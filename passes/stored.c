/* What convert is about to quantize and is known already, weights and other constants: NaN or an infinity in it is an
 * error, since an integer would hide it; elements outside of a range that was fixed beforehand are clipped, and
 * counted. */
#include <math.h>
#include <stdio.h>

#include "passes/quant_impl.h"
#include "runtime/isa.h"
#include "runtime/quant_int.h"

enum {
  SMALL = 1 << 12
}; /* of so many elements a value is looked at here, which names it; the quantizing does the rest */

static graft_status check_elements(gr_stored *k, graft_graph *g, graft_node n, graft_value v, const float *x,
                                   int64_t count) {
  int64_t bad = 0;
  if (gr_all_finite(gr_isa_best(), x, count)) return GRAFT_OK;
  for (int64_t i = 0; i < count; i++) bad += !isfinite(x[i]);
  char name[256];
  graft_value_name(g, v, name, sizeof name);
  return gr_error(k->pass->context, GRAFT_PASS, gr_node_loc(g, n),
                  "%lld of %lld elements of '%s' are NaN or infinite: they cannot be quantized", (long long)bad,
                  (long long)count, name);
}

static graft_status check_finite(gr_stored *k, graft_graph *g, gr_cones *cones, graft_node n, graft_value v) {
  gr_array x;
  const int64_t count = graft_type_elements(gr_type_of(g, v));
  if (count < 0 || count > SMALL) return GRAFT_OK;
  return gr_cones_value(cones, v, &x) ? check_elements(k, g, n, v, x.data, count) : GRAFT_PASS;
}

static bool number(const graft_graph *g, graft_value v, graft_dtype dtype, double *out) {
  graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
  if (t == GRAFT_NONE || g->module->tensors.data[t].kind != GRAFT_CONSTANT) return false;
  const graft_type *type = gr_tensor_type(g->module, t);
  const void *data =
      type->dtype == dtype && graft_type_elements(type) == 1 ? graft_tensor_get_data(g->module, t) : NULL;
  if (data) *out = dtype == GRAFT_F32 ? (double)*(const float *)data : (double)*(const int32_t *)data;
  return data != NULL;
}

/* By parameters that nothing observed: a scale that is a constant before anything was frozen. */
static graft_status count_clipped(gr_stored *k, graft_graph *g, gr_cones *cones, graft_node n, graft_value x) {
  double scale, zero_point;
  gr_array data;
  if (!number(g, gr_operand(g, n, 1), GRAFT_F32, &scale) || !number(g, gr_operand(g, n, 2), GRAFT_I32, &zero_point))
    return GRAFT_OK;
  if (!gr_cones_value(cones, x, &data)) return GRAFT_PASS;
  const uint32_t attrs = gr_attrs_of(g, n);
  const double half = 0.5 * scale,
               low = ((double)gr_attr_int(g->module, attrs, GR_ATTR(fake_quantize, quant_min)) - zero_point) * scale,
               high = ((double)gr_attr_int(g->module, attrs, GR_ATTR(fake_quantize, quant_max)) - zero_point) * scale;
  const int64_t count = graft_type_elements(&data.type);
  const float *elements = data.data;
  int64_t clipped = 0;
  for (int64_t i = 0; i < count; i++) {
    const double e = (double)elements[i];
    clipped += e < low - half || e > high + half;
  }
  if (!clipped) return GRAFT_OK;
  const double share = (double)clipped / (double)count;
  char name[256], text[80];
  gr_notice_name(g, x, name, sizeof name);
  (void)snprintf(text, sizeof text, "(%.4g%% outside %.4g to %.4g)", 100.0 * share, low, high);
  gr_notice_add(&k->clipped, name, text, share);
  return GRAFT_OK;
}

graft_status gr_stored_look(gr_stored *k, graft_graph *g, gr_cones *cones, graft_node fake_quantize) {
  const graft_value x = gr_operand(g, fake_quantize, 0);
  if (x == GRAFT_NONE || gr_type_of(g, x)->dtype != GRAFT_F32 || !gr_cones_is_const(cones, x)) return GRAFT_OK;
  graft_status s = check_finite(k, g, cones, fake_quantize, x);
  return s ? s : count_clipped(k, g, cones, fake_quantize, x);
}

void gr_stored_warn(const gr_stored *k) {
  gr_notice_warn(k->pass, &k->clipped, "elements are clipped, since the range was fixed beforehand");
}
