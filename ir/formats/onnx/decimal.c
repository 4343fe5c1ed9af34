/* The decimals behind ONNX's float attributes. PyTorch holds eps and momentum as doubles written in a few digits and
 * narrows them to float32 on export; the shortest decimal of the float gives them back. In integers and one division,
 * so that no locale and no library's printing takes part. */
#include "ir/formats/onnx/onnx_impl.h"

#include <math.h>

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define MAX_POWER 22 /* the largest power of ten that a double holds exactly */

/* x = digits / 10^power as a float, with as few digits as that takes; false where no such form is exact enough. */
static bool shortest(float x, double *digits, int *power) {
  if (!isfinite(x) || x == 0) return false;
  int magnitude = (int)floor(log10(fabs((double)x)));
  for (int count = 1; count <= 9; count++) {
    int k = count - 1 - magnitude;
    if (k < 0) k = 0;
    if (k > MAX_POWER) return false;
    double n = nearbyint((double)x * powers[k]);
    if ((float)(n / powers[k]) != x) continue;
    *digits = n;
    *power = k;
    return fabs(n) < 0x1p53;
  }
  return false;
}

double gr_onnx_decimal(float x) {
  double n;
  int k;
  if (isnan(x)) return (double)NAN; /* attributes know one */
  return shortest(x, &n, &k) ? n / powers[k] : (double)x;
}

double gr_onnx_one_minus(float x) {
  double n;
  int k;
  return shortest(x, &n, &k) ? (powers[k] - n) / powers[k] : 1.0 - (double)x;
}
