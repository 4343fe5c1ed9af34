/* Range -> scale and zero point. semantics: "observer" is calculate_qparams, "kernel" is ChooseQuantizationParams. */
#include "runtime/qparams.h"

#include <float.h>
#include <math.h>

#include "ir/ir_int.h"
#include "runtime/quant_int.h"

bool graft_dtype_range(graft_dtype dtype, int64_t *min, int64_t *max) {
  *min = *max = 0;
  return gr_dtype_range(dtype, min, max);
}

static int64_t half_down(int64_t v) { return v / 2 - (v % 2 < 0); }

void graft_qparams_range(const graft_qparams_config *options, int64_t *quant_min, int64_t *quant_max) {
  graft_qparams_config o = {.size = sizeof o};
  gr_copy_options(&o, sizeof o, options);
  *quant_min = o.reduce_range ? half_down(o.quant_min) : o.quant_min;
  *quant_max = o.reduce_range ? half_down(o.quant_max) : o.quant_max;
}

static int32_t clamp_zero_point(double zp, int64_t qmin, int64_t qmax) {
  double z = zp > (double)qmin ? zp : (double)qmin; /* a zero point that is no number becomes qmin */
  return (int32_t)(z < (double)qmax ? z : (double)qmax);
}

/* Scales stay positive, finite and with a finite reciprocal, whatever eps and the range are. */
static float usable(float scale, double exact) {
  if (!isfinite(scale)) scale = exact < (double)FLT_MAX ? (float)exact : FLT_MAX;
  return scale < FLT_MIN ? FLT_MIN : scale;
}

static float clipped(double x) {
  return (float)(x < (double)-FLT_MAX ? (double)-FLT_MAX : x > (double)FLT_MAX ? (double)FLT_MAX : x);
}

/* The least power of two that is not below: what the scale covers is covered. */
static float power_of_two(float scale) {
  int exponent;
  float mantissa = frexpf(scale, &exponent); /* 0.5 to 1 */
  if (mantissa == 0.5f) exponent--;
  return ldexpf(1.0f, exponent < 127 ? exponent : 127);
}

static void observer_formula(const graft_qparams_config *o, int64_t qmin, int64_t qmax, float min, float max,
                             float *scale, int32_t *zero_point) {
  float lo = min < 0.0f ? min : 0.0f, hi = max > 0.0f ? max : 0.0f;
  float eps = (float)o->eps;
  if (o->symmetric) {
    float top = -lo > hi ? -lo : hi;
    float s = top / ((float)(qmax - qmin) / 2.0f);
    *scale = usable(s > eps ? s : eps, (double)top / ((double)(qmax - qmin) / 2.0));
    if (o->formula == GRAFT_FORMULA_POWER_OF_TWO) *scale = power_of_two(*scale);
    *zero_point = 0;
    if (o->dtype == GRAFT_U8) *zero_point = o->custom_range ? (int32_t)half_down(qmin + qmax) : 128;
    if (*zero_point < qmin || *zero_point > qmax) *zero_point = clamp_zero_point(*zero_point, qmin, qmax);
    return;
  }
  float s = (hi - lo) / (float)(qmax - qmin);
  s = usable(s > eps ? s : eps, ((double)hi - (double)lo) / (double)(qmax - qmin));
  if (o->formula == GRAFT_FORMULA_POWER_OF_TWO) s = power_of_two(s);
  *scale = s;
  *zero_point = clamp_zero_point((double)qmin - (double)rintf(lo / s), qmin, qmax);
}

#define SMALL_SCALE 6.1e-5f

static void kernel_formula(const graft_qparams_config *o, int64_t qmin, int64_t qmax, float min, float max,
                           float *scale, int32_t *zero_point) {
  if (o->symmetric && min < 0.0f && max > 0.0f) {
    int64_t top = (qmax - qmin) / 2, bottom = -(top + 1);
    float a = fabsf(min / (float)bottom), b = fabsf(max / (float)top); /* in float there too: an ulp shows */
    double m = (double)(a > b ? a : b);
    min = clipped(m * (double)bottom);
    max = clipped(m * (double)top);
  }
  bool both_signs = min < 0.0f && max > 0.0f;
  if (min > 0.0f) min = 0.0f;
  if (max < 0.0f) max = 0.0f;
  double steps = (double)(qmax - qmin), s = ((double)max - (double)min) / steps;
  if ((float)s == 0.0f || isinf(1.0f / (float)s)) s = 0.1;
  if (s < (double)SMALL_SCALE) {
    float small = (float)s;
    s = (double)SMALL_SCALE;
    if (min == 0.0f) {
      max = (float)(s * steps);
    } else if (max == 0.0f) {
      min = (float)(-s * steps);
    } else {
      float up = SMALL_SCALE / small;
      min *= up;
      max *= up;
    }
  }
  s = (double)(float)s; /* there too: it shows where the range has more steps than a float has digits */
  double below = fabs((double)min / s), above = fabs((double)max / s);
  double from_min = (double)qmin - (double)min / s, from_max = (double)qmax - (double)max / s;
  double zp = fabs((double)qmin) - below < fabs((double)qmax) - above ? from_min : from_max;
  if (both_signs && o->symmetric) zp = (double)(qmin + qmax) / 2.0;
  *scale = usable((float)s, s);
  *zero_point = clamp_zero_point(rint(zp), qmin, qmax);
}

graft_status gr_qparams_begin(gr_qparams *q, const graft_qparams_config *given) {
  int64_t lowest, highest;
  q->config = (graft_qparams_config){.size = sizeof q->config};
  if (!gr_copy_options(&q->config, sizeof q->config, given)) return GRAFT_INVALID_ARGUMENT;
  graft_qparams_range(&q->config, &q->quant_min, &q->quant_max);
  if (!graft_dtype_range(q->config.dtype, &lowest, &highest) || q->quant_min >= q->quant_max || q->quant_min < lowest ||
      q->quant_max > highest)
    return GRAFT_INVALID_ARGUMENT;
  return GRAFT_OK;
}

void gr_qparams_of(const gr_qparams *q, float min, float max, float *scale, int32_t *zero_point) {
  *scale = 1.0f;
  *zero_point = 0;
  if (!(min <= max)) return; /* never observed: (inf, -inf) */
  if (min < -FLT_MAX) min = -FLT_MAX;
  if (max > FLT_MAX) max = FLT_MAX;
  if (q->config.formula == GRAFT_FORMULA_KERNEL) {
    kernel_formula(&q->config, q->quant_min, q->quant_max, min, max, scale, zero_point);
  } else {
    observer_formula(&q->config, q->quant_min, q->quant_max, min, max, scale, zero_point);
  }
}

graft_status graft_qparams(const graft_qparams_config *given, float min, float max, float *scale, int32_t *zero_point) {
  gr_qparams q;
  *scale = 1.0f;
  *zero_point = 0;
  const graft_status status = gr_qparams_begin(&q, given);
  if (!status) gr_qparams_of(&q, min, max, scale, zero_point);
  return status;
}
