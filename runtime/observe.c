/* Observers: what a state becomes when it sees a tensor (in calibration a NaN or infinity is an error before that).
 * Only finite elements count: one infinity or NaN in a step must not spoil a range for good. A tensor without any
 * leaves the state as it is; but a state that has seen nothing else becomes NaN, so that convert can tell "never
 * observed" from "only NaN". */
#include <math.h>
#include <string.h>

#include "runtime/quant_int.h"

static int64_t product(const int64_t *dims, int64_t from, int64_t to) {
  int64_t n = 1;
  for (int64_t i = from; i < to; i++) n *= dims[i];
  return n;
}

gr_channels gr_channels_whole(const graft_type *type) {
  return (gr_channels){1, 1, 1, product(type->dims, 0, type->rank)};
}

bool gr_channels_make(const graft_type *type, int64_t axis, int64_t groups, gr_channels *channels) {
  if (axis < 0) axis += type->rank;
  if (axis < 0 || axis >= type->rank || groups < 1) return false;
  if (groups > 1 && (axis == 0 || type->dims[0] % groups != 0)) return false;
  channels->groups = groups;
  channels->outer = groups > 1 ? type->dims[0] / groups * product(type->dims, 1, axis) : product(type->dims, 0, axis);
  channels->count = type->dims[axis];
  channels->inner = product(type->dims, axis + 1, type->rank);
  return true;
}

enum { LANES = 16 };

/* Of the finite elements alone. */
static void range_of_finite(const float *x, float factor, int64_t n, float *min, float *max) {
  for (int64_t i = 0; i < n; i++) {
    const float v = x[i] * factor;
    if (!isfinite(v)) continue;
    *min = v < *min ? v : *min;
    *max = v > *max ? v : *max;
  }
}

/* Comparisons with NaN are false, so NaN never gets into a lane; where an infinity did, the run is looked at again. */
GR_LOOP void range_of_run_loop(const float *x, float factor, int64_t n, float *min, float *max) {
  float lo[LANES], hi[LANES], least = INFINITY, most = -INFINITY;
  int64_t whole = n - n % LANES;
  for (int j = 0; j < LANES; j++) lo[j] = INFINITY, hi[j] = -INFINITY;
  for (int64_t i = 0; i < whole; i += LANES) {
#pragma GCC unroll 1 /* unrolled, the lanes would become scalars */
    for (int j = 0; j < LANES; j++) {
      const float v = x[i + j] * factor;
      lo[j] = v < lo[j] ? v : lo[j];
      hi[j] = v > hi[j] ? v : hi[j];
    }
  }
  for (int j = 0; j < LANES; j++) {
    least = lo[j] < least ? lo[j] : least;
    most = hi[j] > most ? hi[j] : most;
  }
  if (isinf(least) || isinf(most)) least = INFINITY, most = -INFINITY, whole = 0;
  range_of_finite(x + whole, factor, n - whole, &least, &most);
  if (least < *min) *min = least + 0.0f; /* one zero: which of them came first does not show */
  if (most > *max) *max = most + 0.0f;
}

GR_CLONES(range_of_run, (const float *x, float factor, int64_t n, float *min, float *max), (x, factor, n, min, max))

void gr_range_f32(gr_isa isa, const float *x, gr_channels ch, float *min, float *max) {
  int64_t total = gr_channels_total(ch);
  for (int64_t c = 0; c < total; c++) min[c] = INFINITY, max[c] = -INFINITY;
  gr_range_widen_f32(isa, x, 1.0f, ch, min, max);
}

void gr_range_widen_f32(gr_isa isa, const float *x, float factor, gr_channels ch, float *min, float *max) {
  for (int64_t g = 0; g < ch.groups; g++) {
    for (int64_t o = 0; o < ch.outer; o++) {
      for (int64_t j = 0; j < ch.count; j++, x += ch.inner) {
        int64_t c = g * ch.count + j;
        range_of_run[isa](x, factor, ch.inner, &min[c], &max[c]);
      }
    }
  }
}

GR_LOOP void seek_others_loop(const float *x, int64_t n, int64_t *others) {
  const uint32_t exponent = 0x7F800000u;
  uint32_t any = 0;
#pragma GCC unroll 4
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    any |= (bits & exponent) + 0x00800000u; /* carries into the sign where all bits of the exponent are set */
  }
  *others = (int64_t)(any >> 31);
}

GR_CLONES(seek_others, (const float *x, int64_t n, int64_t *others), (x, n, others))

bool gr_all_finite(gr_isa isa, const float *x, int64_t count) {
  int64_t others = 0;
  seek_others[isa](x, count, &others);
  return others == 0;
}

/* The difference of two floats may be none. */
static float averaged(float old, float now, float c) {
  float next = old + c * (now - old);
  return isfinite(next) ? next : (float)((double)old + (double)c * ((double)now - (double)old));
}

void gr_range_merge(const float *range, int64_t n, double averaging_constant, const float *state, float *next) {
  float c = (float)averaging_constant;
  for (int64_t i = 0; i < n; i++) {
    float min = range[i], max = range[n + i], old_min = state[i], old_max = state[n + i];
    if (!(min <= max)) { /* nothing seen, or (NaN) nothing finite */
      bool spoilt = isnan(min) && !(old_min <= old_max);
      next[i] = spoilt ? NAN : old_min;
      next[n + i] = spoilt ? NAN : old_max;
    } else if (!(old_min <= old_max)) { /* first observation */
      next[i] = min;
      next[n + i] = max;
    } else if (averaging_constant < 0) {
      next[i] = min < old_min ? min : old_min;
      next[n + i] = max > old_max ? max : old_max;
    } else {
      next[i] = averaged(old_min, min, c);
      next[n + i] = averaged(old_max, max, c);
    }
  }
}
