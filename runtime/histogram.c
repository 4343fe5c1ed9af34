/* The histogram observer, as torchao 0.18 defines it: state (min, max, bins...). Where the range grows, each old bin is
 * cut into 16 parts that go to the new bins their middles lie in. The parameters come from a search that moves the ends
 * of the range inwards, by quantiles, as long as the squared quantization error falls. Float and double are mixed
 * exactly as there, since the search stops on comparisons.
 *
 * All of it runs on numbers scaled by a power of two to a range of about one: the same digits as unscaled, but for the
 * cubes and differences that would leave the range of floats. So the parameters scale with the data. */
#include <math.h>
#include <string.h>

#include "runtime/quant_int.h"

enum { UPSAMPLE = 16 };

/* A power of two that brings the larger of two finite numbers' magnitudes to about one. */
static int exponent_of(float min, float max) {
  float most = fabsf(min) > fabsf(max) ? fabsf(min) : fabsf(max);
  return most > 0.0f ? ilogbf(most) : 0;
}

/* Counts the finite elements within [min, max] in equal bins, the last one closed. An empty range is widened by one on
 * either side. */
static void count_bins(const float *x, int64_t count, int64_t bins, float min, float max, float *hist) {
  if (min == max) min -= 1.0f, max += 1.0f;
  double unit = ldexp(1.0, -exponent_of(min, max)); /* its product with any float is exact */
  min = (float)((double)min * unit), max = (float)((double)max * unit);
  float width = max - min;
  memset(hist, 0, (size_t)bins * sizeof *hist);
  for (int64_t i = 0; i < count; i++) {
    float v = (float)((double)x[i] * unit);
    if (!(v >= min && v <= max)) continue;
    float at = (v - min) * (float)bins / width;
    int64_t bin = at > 0.0f ? (at < (float)bins ? (int64_t)at : bins - 1) : 0;
    hist[bin < bins ? bin : bins - 1] += 1.0f;
  }
}

/* Element i of `steps` equally spaced numbers from a to b, computed from the nearer end. */
static float spaced(float a, float b, int64_t steps, int64_t i) {
  float step = (b - a) / (float)(steps - 1);
  return i < steps / 2 ? a + step * (float)i : b - step * (float)(steps - i - 1);
}

/* hist += the old histogram in the new bins. */
static void add_old(const float *old, float old_min, float old_max, int64_t bins, float min, float max, float *hist,
                    float *moved) {
  float part = (old_max - old_min) / (float)(bins * UPSAMPLE);
  int64_t to = 0;
  for (int64_t b = 0; b < bins; b++) moved[b] = 0.0f;
  for (int64_t i = 0; i < bins * UPSAMPLE; i++) {
    float middle = spaced(old_min, old_max, bins * UPSAMPLE + 1, i) + 0.5f * part;
    /* the last bin whose lower bound is not above; middles never fall, but for a rounding where the halves meet */
    while (to + 1 < bins && spaced(min, max, bins + 1, to + 1) <= middle) to++;
    while (to > 0 && spaced(min, max, bins + 1, to) > middle) to--;
    moved[to] += old[i / UPSAMPLE] / (float)UPSAMPLE;
  }
  for (int64_t b = 0; b < bins; b++) hist[b] += moved[b];
}

void gr_observe_histogram(gr_isa isa, const float *x, int64_t count, int64_t bins, const float *state, float *next,
                          float *scratch) {
  float min, max, old_min = state[0], old_max = state[1];
  size_t bytes = (size_t)bins * sizeof *state;
  float *fresh = scratch, *moved = scratch + bins; /* new counts, and the old ones in the new bins */
  gr_range_f32(isa, x, (gr_channels){1, 1, 1, count}, &min, &max);
  if (!(min <= max)) {
    if (next != state) memcpy(next, state, bytes + 2 * sizeof *state);
    if (count > 0 && !(old_min <= old_max)) next[0] = next[1] = NAN; /* as in gr_range_merge */
    return;
  }
  if (!(old_min <= old_max)) {
    count_bins(x, count, bins, min, max, next + 2);
    next[0] = min;
    next[1] = max;
    return;
  }
  float new_min = min < old_min ? min : old_min, new_max = max > old_max ? max : old_max;
  count_bins(x, count, bins, new_min, new_max, fresh);
  if (new_min == old_min && new_max == old_max) {
    for (int64_t b = 0; b < bins; b++) fresh[b] = state[2 + b] + fresh[b];
  } else if (old_min == old_max) {
    /* A range of one value goes into the bin of that value; as there, with the weight of what is new. */
    double sum = 0.0;
    for (int64_t b = 0; b < bins; b++) sum += (double)fresh[b];
    count_bins(&old_min, 1, bins, new_min, new_max, moved);
    for (int64_t b = 0; b < bins; b++) fresh[b] += moved[b] * (float)sum;
  } else {
    int e = -exponent_of(new_min, new_max);
    add_old(state + 2, ldexpf(old_min, e), ldexpf(old_max, e), bins, ldexpf(new_min, e), ldexpf(new_max, e), fresh,
            moved);
  }
  memcpy(next + 2, fresh, bytes);
  next[0] = new_min;
  next[1] = new_max;
}

/* Integral of x^2 from begin to end. */
static float norm(float begin, float end) { return (end * end * end - begin * begin * begin) / 3.0f; }

static float floor_divide(float a, float b) {
  float rest = fmodf(a, b), q = (a - rest) / b;
  if (rest != 0.0f && (b < 0.0f) != (rest < 0.0f)) q -= 1.0f;
  float down = floorf(q);
  return q - down > 0.5f ? down + 1.0f : down;
}

static float clamped(float v, float top) { return v > 0.0f ? (v < top ? v : top) : 0.0f; }

/* Squared error of quantizing the histogram with the range from bin `start` to bin `end`. */
static double quantization_error(const float *hist, int64_t bins, double bin_width, int64_t start, int64_t end,
                                 double dst_bins) {
  double dst_width = bin_width * (double)(end - start + 1) / dst_bins;
  if (!(dst_width > 0.0)) return 0.0;
  float width = (float)bin_width, dst = (float)dst_width, half = (float)(dst_width / 2.0),
        top = (float)(dst_bins - 1.0);
  float whole = norm(-half, half);
  double sum = 0.0;
  for (int64_t i = 0; i < bins; i++) {
    float begin = (float)(i - start) * width, stop = begin + width, density = hist[i] / width;
    float first = clamped(floor_divide(begin, dst), top), last = clamped(floor_divide(stop, dst), top);
    float error = density * norm(begin - (first + 0.5f) * dst, half);
    error += (last - first - 1.0f) * (density * whole);
    error += density * norm(-half, stop - (last * dst + half));
    sum += (double)error;
  }
  return (double)(float)sum;
}

void gr_histogram_range(const float *state, int64_t bins, int dtype_bits, float *min, float *max, float *scratch) {
  const float *hist = state + 2;
  float lo = state[0], hi = state[1], *below = scratch; /* cumulative counts */
  *min = lo;
  *max = hi;
  if (!(lo <= hi)) return;
  int e = exponent_of(lo, hi);
  lo = ldexpf(lo, -e), hi = ldexpf(hi, -e);
  double bin_width = ((double)hi - (double)lo) / (double)bins, sum = 0.0;
  for (int64_t b = 0; b < bins; b++) {
    sum += (double)hist[b];
    below[b] = (float)sum;
  }
  double total = (double)(float)sum, dst_bins = ldexp(1.0, dtype_bits), step = 1e-5, alpha = 0.0, beta = 1.0;
  double least = INFINITY;
  int64_t start = 0, end = bins - 1;
  int64_t l = 0, r = end; /* counts only grow along the bins: neither ever has to go back */
  while (alpha < beta) {
    double next_alpha = alpha + step, next_beta = beta - step;
    if (l < start) l = start;
    if (r > end) r = end;
    while (l < end && below[l] < (float)(next_alpha * total)) l++;
    while (r > start && below[r] > (float)(next_beta * total)) r--;
    int64_t next_start = start, next_end = end;
    if (l - start > end - r) {
      next_start = l;
      alpha = next_alpha;
    } else {
      next_end = r;
      beta = next_beta;
    }
    if (next_start == start && next_end == end) continue;
    double error = quantization_error(hist, bins, bin_width, next_start, next_end, dst_bins);
    if (error > least) break;
    least = error;
    start = next_start;
    end = next_end;
  }
  float width = (hi - lo) / (float)bins;
  *min = ldexpf(lo + width * (float)start, e);
  *max = ldexpf(lo + width * (float)(end + 1), e);
}
