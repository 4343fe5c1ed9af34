/* Range -> scale and zero point. semantics: "observer" is calculate_qparams, "kernel" is ChooseQuantizationParams. */
#include "runtime/qparams.h"

#include <float.h>
#include <math.h>

#include "ir/ir_int.h"
#include "runtime/quant_int.h"

bool graft_dtype_range(graft_dtype dtype, int64_t *min, int64_t *max) {
  int64_t low = 0, high = 0;
  const bool known = gr_dtype_range(dtype, &low, &high);
  if (min) *min = low;
  if (max) *max = high;
  return known;
}

static int64_t half_down(int64_t v) { return v / 2 - (v % 2 < 0); }

void graft_qparams_range(const graft_qparams_config *options, int64_t *quant_min, int64_t *quant_max) {
  graft_qparams_config o = {.size = sizeof o};
  gr_copy_options(&o, sizeof o, options);
  if (quant_min) *quant_min = o.reduce_range ? half_down(o.quant_min) : o.quant_min;
  if (quant_max) *quant_max = o.reduce_range ? half_down(o.quant_max) : o.quant_max;
}

static int32_t clamp_zero_point(double zp, int64_t qmin, int64_t qmax) {
  double z = zp > (double)qmin ? zp : (double)qmin; /* a zero point that is no number becomes qmin */
  return (int32_t)(z < (double)qmax ? z : (double)qmax);
}

/* Scales stay positive, finite and with a finite reciprocal, whatever eps and the range are. `range` / `steps` is what
 * the scale would be without overflow. */
static float usable(float scale, double range, double steps) {
  if (!isfinite(scale)) scale = range / steps < (double)FLT_MAX ? (float)(range / steps) : FLT_MAX;
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

/* The zero point of symmetric ranges. */
static int32_t middle(const graft_qparams_config *o, int64_t qmin, int64_t qmax) {
  int64_t zp = 0;
  if (o->dtype == GRAFT_U8) zp = o->custom_range ? half_down(qmin + qmax) : 128;
  return zp < qmin || zp > qmax ? clamp_zero_point((double)zp, qmin, qmax) : (int32_t)zp;
}

static void observer_formula(const gr_qparams *q, float min, float max, float *scale, int32_t *zero_point) {
  const float lo = min < 0.0f ? min : 0.0f, hi = max > 0.0f ? max : 0.0f, eps = q->eps;
  const bool symmetric = q->config.symmetric;
  const float range = symmetric ? (-lo > hi ? -lo : hi) : hi - lo, s = range / q->steps;
  *scale = usable(s > eps ? s : eps, symmetric ? (double)range : (double)hi - (double)lo, q->exact_steps);
  if (q->config.formula == GRAFT_FORMULA_POWER_OF_TWO) *scale = power_of_two(*scale);
  *zero_point = symmetric
                    ? q->middle
                    : clamp_zero_point((double)q->quant_min - (double)rintf(lo / *scale), q->quant_min, q->quant_max);
}

#define SMALL_SCALE 6.1e-5f

static void kernel_formula(const gr_qparams *q, float min, float max, float *scale, int32_t *zero_point) {
  const double qmin = (double)q->quant_min, qmax = (double)q->quant_max;
  if (q->config.symmetric && min < 0.0f && max > 0.0f) {
    const float a = fabsf(min / (float)q->bottom),
                b = fabsf(max / (float)q->top); /* in float there too: an ulp shows */
    const double m = (double)(a > b ? a : b);
    min = clipped(m * q->bottom);
    max = clipped(m * q->top);
  }
  const bool both_signs = min < 0.0f && max > 0.0f;
  if (min > 0.0f) min = 0.0f;
  if (max < 0.0f) max = 0.0f;
  double s = ((double)max - (double)min) / q->all_steps;
  if ((float)s < FLT_MIN && isinf(1.0f / (float)s)) s = 0.1;
  if (s < (double)SMALL_SCALE) {
    float small = (float)s;
    s = (double)SMALL_SCALE;
    if (min == 0.0f) {
      max = (float)(s * q->all_steps);
    } else if (max == 0.0f) {
      min = (float)(-s * q->all_steps);
    } else {
      float up = SMALL_SCALE / small;
      min *= up;
      max *= up;
    }
  }
  s = (double)(float)s; /* there too: it shows where the range has more steps than a float has digits */
  *scale = usable((float)s, s, 1.0);
  if (both_signs && q->config.symmetric) {
    *zero_point = q->center;
    return;
  }
  const double below = fabs((double)min / s), above = fabs((double)max / s);
  const double zp = fabs(qmin) - below < fabs(qmax) - above ? qmin - (double)min / s : qmax - (double)max / s;
  *zero_point = clamp_zero_point(rint(zp), q->quant_min, q->quant_max);
}

graft_status gr_qparams_begin(gr_qparams *q, const graft_qparams_config *given) {
  int64_t lowest, highest;
  *q = (gr_qparams){.config.size = sizeof q->config};
  if (!gr_copy_options(&q->config, sizeof q->config, given)) return GRAFT_INVALID_ARGUMENT;
  graft_qparams_range(&q->config, &q->quant_min, &q->quant_max);
  if (!graft_dtype_range(q->config.dtype, &lowest, &highest) || q->quant_min >= q->quant_max || q->quant_min < lowest ||
      q->quant_max > highest)
    return GRAFT_INVALID_ARGUMENT;
  const int64_t steps = q->quant_max - q->quant_min, half = steps / 2;
  q->eps = (float)q->config.eps;
  q->steps = q->config.symmetric ? (float)steps / 2.0f : (float)steps;
  q->exact_steps = q->config.symmetric ? (double)steps / 2.0 : (double)steps;
  q->middle = middle(&q->config, q->quant_min, q->quant_max);
  q->all_steps = (double)steps;
  q->top = (double)half;
  q->bottom = -(double)(half + 1);
  q->center = clamp_zero_point(rint((double)(q->quant_min + q->quant_max) / 2.0), q->quant_min, q->quant_max);
  return GRAFT_OK;
}

void gr_qparams_of(const gr_qparams *q, const float *min, const float *max, int64_t count, float *scale,
                   int32_t *zero_point) {
  for (int64_t i = 0; i < count; i++) {
    scale[i] = 1.0f;
    zero_point[i] = 0;
    if (!(min[i] <= max[i])) continue; /* never observed: (inf, -inf) */
    const float low = min[i] < -FLT_MAX ? -FLT_MAX : min[i], high = max[i] > FLT_MAX ? FLT_MAX : max[i];
    if (q->config.formula == GRAFT_FORMULA_KERNEL) {
      kernel_formula(q, low, high, &scale[i], &zero_point[i]);
    } else {
      observer_formula(q, low, high, &scale[i], &zero_point[i]);
    }
  }
}

graft_status graft_qparams(const graft_qparams_config *given, float min, float max, float *scale, int32_t *zero_point) {
  gr_qparams q;
  float s = 1.0f;
  int32_t z = 0;
  const graft_status status = given ? gr_qparams_begin(&q, given) : GRAFT_INVALID_ARGUMENT;
  if (!status) gr_qparams_of(&q, &min, &max, 1, &s, &z);
  if (scale) *scale = s;
  if (zero_point) *zero_point = z;
  return status;
}
