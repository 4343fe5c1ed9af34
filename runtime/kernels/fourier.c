/* dft and stft: lines of complex numbers through a Fourier transform, computed in doubles. A length that is no power of
 * two becomes a convolution with a chirp (Bluestein), which is two transforms of a power of two; so each line takes
 * n log n. Also the matrix that sums a spectrum by bands. */
#include "runtime/kernel_impl.h"

#include <math.h>

typedef struct complex {
  double re, im;
} complex;

typedef struct plan {
  int64_t n, m;          /* of a line, and the power of two that its transforms have */
  const complex *roots;  /* m/2 of them: exp(-2 pi i k / m) */
  const complex *chirp;  /* n: exp(-pi i k^2 / n); NULL: n is m */
  const complex *filter; /* the transform of what undoes the chirp */
} plan;

static complex times(complex a, complex b) { return (complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
static complex conjugate(complex a) { return (complex){a.re, -a.im}; }
static complex root(int64_t k, int64_t n) { /* exp(-2 pi i k / n) */
  const double angle = -2 * M_PI * (double)k / (double)n;
  return (complex){cos(angle), sin(angle)};
}

/* In place, of m numbers. */
static void transform(const plan *p, complex *a) {
  const int64_t m = p->m;
  for (int64_t i = 1, j = 0; i < m; i++) { /* into the order of reversed bits */
    int64_t bit = m >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    const complex moved = a[i];
    a[i] = a[j];
    a[j] = moved;
  }
  for (int64_t half = 1; half < m; half *= 2)
    for (int64_t start = 0; start < m; start += 2 * half)
      for (int64_t k = 0; k < half; k++) {
        const complex low = a[start + k], high = times(a[start + k + half], p->roots[k * (m / 2 / half)]);
        a[start + k] = (complex){low.re + high.re, low.im + high.im};
        a[start + k + half] = (complex){low.re - high.re, low.im - high.im};
      }
}

/* n numbers of `a`, which has room for m. */
static void transform_line(const plan *p, complex *a) {
  if (!p->chirp) {
    transform(p, a);
    return;
  }
  for (int64_t k = 0; k < p->n; k++) a[k] = times(a[k], p->chirp[k]);
  for (int64_t k = p->n; k < p->m; k++) a[k] = (complex){0, 0};
  transform(p, a);
  for (int64_t k = 0; k < p->m; k++) a[k] = conjugate(times(a[k], p->filter[k]));
  transform(p, a);
  for (int64_t k = 0; k < p->n; k++) {
    const complex v = conjugate(a[k]);
    a[k] = times((complex){v.re / (double)p->m, v.im / (double)p->m}, p->chirp[k]);
  }
}

/* False: no memory. */
static bool make_plan(const gr_kernel_call *k, int64_t n, plan *p) {
  *p = (plan){.n = n, .m = 1};
  while (p->m < n) p->m *= 2;
  if (p->m != n)
    while (p->m < 2 * n - 1) p->m *= 2;
  complex *roots = gr_scratch_alloc(k->scratch, (size_t)(p->m / 2 + 1), sizeof *roots);
  if (!roots) return false;
  for (int64_t i = 0; i < p->m / 2; i++) roots[i] = root(i, p->m);
  p->roots = roots;
  if (p->m == n) return true;
  complex *chirp = gr_scratch_alloc(k->scratch, (size_t)n, sizeof *chirp),
          *filter = gr_scratch_alloc(k->scratch, (size_t)p->m, sizeof *filter);
  if (!chirp || !filter) return false;
  for (int64_t i = 0; i < p->m; i++) filter[i] = (complex){0, 0};
  int64_t square = 0; /* i^2 modulo 2n */
  for (int64_t i = 0; i < n; i++) {
    chirp[i] = root(square, 2 * n);
    filter[i] = filter[i ? p->m - i : 0] = conjugate(chirp[i]);
    square = (square + 2 * i + 1) % (2 * n);
  }
  transform(p, filter);
  p->chirp = chirp;
  p->filter = filter;
  return true;
}

typedef struct lines {
  plan p;
  const gr_in *x;
  const void *window;
  void *y;
  complex *room;               /* m for each thread */
  int64_t have, bins, inner;   /* entries of x along the axis, of y, and what is behind it */
  int64_t frames, hop;         /* of stft; 0: of dft */
  int64_t parts, result_parts; /* 1: real numbers, of a result then from half of a spectrum */
  bool inverse;
} lines;

static double number(const lines *l, const void *data, int64_t i) {
  return l->x->type->dtype == GRAFT_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

static void set(const lines *l, int64_t i, double v) {
  if (l->x->type->dtype == GRAFT_F64)
    ((double *)l->y)[i] = v;
  else
    ((float *)l->y)[i] = (float)v;
}

static void run_lines(void *user, int64_t begin, int64_t end, uint32_t worker) {
  const lines *l = user;
  complex *a = l->room + (int64_t)worker * l->p.m;
  for (int64_t line = begin; line < end; line++) {
    const bool framed = l->frames > 0;
    const int64_t from = framed ? line / l->frames * l->have + line % l->frames * l->hop
                                : line / l->inner * l->have * l->inner + line % l->inner,
                  to = line / l->inner * l->bins * l->inner + line % l->inner;
    for (int64_t i = 0; i < l->p.n; i++) {
      const bool mirrored = l->result_parts == 1 && i > l->p.n / 2;
      const int64_t entry = mirrored ? l->p.n - i : i;
      a[i] = (complex){0, 0};
      if (!framed && entry >= l->have) continue;
      const int64_t at = (from + entry * l->inner) * l->parts;
      const double by = l->window ? number(l, l->window, i) : 1;
      a[i].re = by * number(l, l->x->data, at);
      if (l->parts == 2) a[i].im = by * number(l, l->x->data, at + 1);
      if (l->inverse != mirrored) a[i] = conjugate(a[i]);
      if (l->result_parts == 1 && (i == 0 || 2 * i == l->p.n)) a[i].im = 0;
    }
    transform_line(&l->p, a);
    for (int64_t i = 0; i < l->bins; i++) {
      const int64_t at = (to + i * l->inner) * l->result_parts;
      if (l->inverse) a[i] = (complex){a[i].re / (double)l->p.n, -a[i].im / (double)l->p.n};
      set(l, at, a[i].re);
      if (l->result_parts == 2) set(l, at + 1, a[i].im);
    }
  }
}

static graft_status run(const gr_kernel_call *k, lines *l, int64_t n) {
  const gr_out *y = &k->results[0];
  if (y->count == 0) return GRAFT_OK;
  if (!make_plan(k, n, &l->p)) return GRAFT_NO_MEMORY;
  const size_t threads = gr_threads_count(k->threads);
  if ((size_t)l->p.m > SIZE_MAX / threads) return gr_kernel_error(k, "lines of %lld are too long", (long long)n);
  l->room = gr_scratch_alloc(k->scratch, (size_t)l->p.m * threads, sizeof *l->room);
  if (!l->room) return GRAFT_NO_MEMORY;
  gr_parallel_for(k->threads, y->count / (l->result_parts * l->bins), 1, run_lines, l);
  return GRAFT_OK;
}

graft_status gr_kernel_dft(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type, *y = k->results[0].type;
  const int64_t *length = k->operands[GR_OPERAND(dft, length)].data;
  const int32_t axis = gr_axis(gr_k_int(k, GR_ATTR(dft, dim)), x->rank);
  lines l = {.x = &k->operands[0],
             .y = k->results[0].data,
             .have = x->dims[axis],
             .bins = y->dims[axis],
             .inner = gr_extent(x, axis + 1, x->rank - 1),
             .parts = x->dims[x->rank - 1],
             .result_parts = y->dims[x->rank - 1],
             .inverse = gr_k_bool(k, GR_ATTR(dft, inverse))};
  return run(k, &l, length ? *length : l.result_parts == 1 ? l.bins : l.have);
}

graft_status gr_kernel_stft(const gr_kernel_call *k) {
  const graft_type *x = k->operands[0].type, *y = k->results[0].type;
  lines l = {.x = &k->operands[0],
             .window = k->operands[GR_OPERAND(stft, window)].data,
             .y = k->results[0].data,
             .have = x->dims[1],
             .bins = y->dims[2],
             .inner = 1,
             .frames = y->dims[1],
             .hop = gr_k_int(k, GR_ATTR(stft, hop_length)),
             .parts = x->dims[2],
             .result_parts = 2};
  return run(k, &l, gr_k_int(k, GR_ATTR(stft, n_fft)));
}

/* ---- bands ---- */

static int64_t integer(const gr_kernel_call *k, uint32_t i) {
  return gr_element_int(k->operands[i].type->dtype, k->operands[i].data);
}
static double real(const gr_kernel_call *k, uint32_t i) {
  return gr_element_float(k->operands[i].type->dtype, k->operands[i].data);
}

graft_status gr_measure_mel_weight_matrix(const gr_kernel_call *k, graft_type *results) {
  const int64_t bands = integer(k, GR_OPERAND(mel_weight_matrix, num_mel_bins)),
                length = integer(k, GR_OPERAND(mel_weight_matrix, dft_length));
  if (bands < 0 || length < 0)
    return gr_kernel_error(k, "%lld bands of a transform of %lld", (long long)bands, (long long)length);
  results[0].dims[0] = length / 2 + 1;
  results[0].dims[1] = bands;
  return gr_type_fits(&results[0]) ? GRAFT_OK : gr_kernel_error(k, "the matrix is too large");
}

static double mel(double hertz) { return 2595 * log10(1 + hertz / 700); }

/* Bands are triangles whose corners lie at equal steps of the mel scale, rounded down to entries of the spectrum. */
graft_status gr_kernel_mel_weight_matrix(const gr_kernel_call *k) {
  const gr_out *y = &k->results[0];
  const int64_t rows = y->type->dims[0], bands = y->type->dims[1],
                length = integer(k, GR_OPERAND(mel_weight_matrix, dft_length)),
                rate = integer(k, GR_OPERAND(mel_weight_matrix, sample_rate));
  const double low = mel(real(k, GR_OPERAND(mel_weight_matrix, lower_edge_hertz))),
               step = (mel(real(k, GR_OPERAND(mel_weight_matrix, upper_edge_hertz))) - low) / (double)(bands + 2);
  const size_t size = graft_dtype_size(y->type->dtype);
  memset(y->data, 0, gr_out_bytes(y));
  for (int64_t band = 0; band < bands; band++) {
    int64_t corner[3];
    for (int64_t i = 0; i < 3; i++) {
      const double hertz = 700 * (pow(10, ((double)(band + i) * step + low) / 2595) - 1),
                   at = floor(((double)length + 1) * hertz / (double)rate);
      if (!(at >= 0 && at < (double)(i < 2 ? rows : rows + 1)) || (i > 0 && (int64_t)at < corner[i - 1]))
        return gr_kernel_error(k, "band %lld is outside the spectrum", (long long)band);
      corner[i] = (int64_t)at;
    }
    for (int64_t i = corner[0]; i <= corner[2] && i < rows; i++) {
      double share = 0;
      if (i < corner[1])
        share = (double)(i - corner[0]) / (double)(corner[1] - corner[0]);
      else if (i < corner[2])
        share = (double)(corner[2] - i) / (double)(corner[2] - corner[1]);
      else if (corner[1] == corner[2])
        share = 1;
      gr_element_set_float(y->type->dtype, (char *)y->data + (size_t)(i * bands + band) * size, share);
    }
  }
  return GRAFT_OK;
}
