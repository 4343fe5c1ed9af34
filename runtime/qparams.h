/* graft/qparams.h - from an observed range to scale and zero point. Included by graft/runtime.h.
 *
 * This is the only place that does this arithmetic: observers, fake-quants, convert and the interpreter all call it. */
#ifndef GRAFT_QPARAMS_H
#define GRAFT_QPARAMS_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* Whose formula. */
typedef enum graft_formula {
  GRAFT_FORMULA_OBSERVER,    /* PyTorch's calculate_qparams */
  GRAFT_FORMULA_KERNEL,      /* PyTorch's ChooseQuantizationParams, which its fused fake-quants train with */
  GRAFT_FORMULA_POWER_OF_TWO /* calculate_qparams, the scale rounded up to a power of two: shifts do for products */
} graft_formula;

/* How scale and zero point come of a range. */
typedef struct graft_qparams_config {
  size_t size;
  graft_dtype dtype; /* an integer type; u8 has a zero point of its own where symmetric */
  int64_t quant_min, quant_max;
  graft_formula formula;
  bool symmetric;
  bool reduce_range; /* halves quant_min and quant_max */
  bool custom_range; /* quant_min and quant_max were given by the user: symmetric u8 has its middle as zero point, not
                        128 */
  double eps;        /* smallest scale; the kernel formula has its own */
} graft_qparams_config;

/* Scale and zero point of the range [min, max]. A range that was never observed (min > max) or that is not a number
 * gives (1, 0). GRAFT_INVALID_ARGUMENT, and (1, 0), when quant_min >= quant_max, they do not fit the dtype, or there
 * are no options with their size; no diagnostic, since no context is given. */
GRAFT_API graft_status graft_qparams(const graft_qparams_config *options, float min, float max, float *scale,
                                     int32_t *zero_point);
/* The bounds that values are clamped to: quant_min and quant_max, halved (rounding down) where reduce_range. */
GRAFT_API void graft_qparams_range(const graft_qparams_config *options, int64_t *quant_min, int64_t *quant_max);
/* The smallest and largest value of an integer dtype; false for any other. */
GRAFT_API bool graft_dtype_range(graft_dtype dtype, int64_t *min, int64_t *max);

/* A factor as integer machines multiply by it: multiplier * 2^(shift - 31), 2^30 <= multiplier < 2^31, the nearest to
 * `factor`; what TensorFlow Lite calls its quantized multiplier (runtime/REQUANTIZE.md has what is computed with it).
 * False, and nothing is written: the factor is not positive and finite, the shift would be above 30, or NULL. */
GRAFT_API bool graft_fixed_point(double factor, int32_t *multiplier, int32_t *shift);

#if defined(__cplusplus)
}
#endif
#endif
