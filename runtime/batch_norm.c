/* Batch norm's arithmetic: statistics and normalization in double, whatever the data. */
#include <float.h>
#include <math.h>

#include "runtime/quant_int.h"

enum { LANES = 4 };

#define T float
#define NAME(n) n##_f32
#define F(n) n##f
#define LEAST_NORMAL FLT_MIN
#include "runtime/batch_norm.inc"
#undef T
#undef NAME
#undef F
#undef LEAST_NORMAL
#define T double
#define NAME(n) n##_f64
#define F(n) n
#define LEAST_NORMAL DBL_MIN
#include "runtime/batch_norm.inc"

#define PARAMETERS (const gr_batch_norm *bn, const void *x, void *y, int64_t begin, int64_t end)
GR_LOOP void batch_norm_f32_loop PARAMETERS { batch_norm_loop_f32(bn, x, y, begin, end); }
GR_LOOP void batch_norm_f64_loop PARAMETERS { batch_norm_loop_f64(bn, x, y, begin, end); }
GR_CLONES(batch_norm_f32, PARAMETERS, (bn, x, y, begin, end))
GR_CLONES(batch_norm_f64, PARAMETERS, (bn, x, y, begin, end))

void gr_batch_norm_run(gr_isa isa, graft_dtype dtype, const gr_batch_norm *bn, const void *x, void *y, int64_t begin,
                       int64_t end) {
  (dtype == GRAFT_F64 ? batch_norm_f64 : batch_norm_f32)[isa](bn, x, y, begin, end);
}

void gr_bn_scale(graft_dtype dtype, const void *weight, const void *var, int64_t count, double eps, bool exact,
                 void *scale) {
  if (dtype == GRAFT_F64)
    bn_scale_f64(weight, var, count, eps, exact, scale);
  else
    bn_scale_f32(weight, var, count, eps, exact, scale);
}

void gr_bn_shift(graft_dtype dtype, const void *conv_bias, const void *mean, const void *bias, const void *scale,
                 int64_t count, void *shift) {
  if (dtype == GRAFT_F64)
    bn_shift_f64(conv_bias, mean, bias, scale, count, shift);
  else
    bn_shift_f32(conv_bias, mean, bias, scale, count, shift);
}
