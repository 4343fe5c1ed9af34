/* The loops of dot_impl.h. Compilers find the instruction that multiplies pairs of 16-bit integers only in some forms
 * of the loop, so it is named where there is one. */
#include "runtime/kernels/dot_impl.h"

#if defined(GR_HAS_CLONES)
#include <immintrin.h>
#endif

enum { R = GR_DOT_ROWS };

/* R rows times R rows. */
typedef void (*block_function)(const int16_t *a, const int16_t *b, int64_t depth, int32_t out[R][R]);

static void block_plain(const int16_t *a, const int16_t *b, int64_t depth, int32_t out[R][R]) {
  for (int i = 0; i < R; i++)
    for (int j = 0; j < R; j++) {
      int32_t sum = 0;
      for (int64_t p = 0; p < depth; p++) sum += (int32_t)a[i * depth + p] * b[j * depth + p];
      out[i][j] = sum;
    }
}

#if defined(GR_HAS_CLONES)
/* Two columns of the block at a time: 8 sums and 6 operands fit 16 registers. */
GR_AVX2 static void block_avx2(const int16_t *a, const int16_t *b, int64_t depth, int32_t out[R][R]) {
  for (int j = 0; j < R; j += 2) {
    __m256i sum[R][2];
    for (int i = 0; i < R; i++) sum[i][0] = sum[i][1] = _mm256_setzero_si256();
    for (int64_t p = 0; p < depth; p += 16) {
      const __m256i b0 = _mm256_loadu_si256((const void *)(b + j * depth + p)),
                    b1 = _mm256_loadu_si256((const void *)(b + (j + 1) * depth + p));
      for (int i = 0; i < R; i++) {
        const __m256i x = _mm256_loadu_si256((const void *)(a + i * depth + p));
        sum[i][0] = _mm256_add_epi32(sum[i][0], _mm256_madd_epi16(x, b0));
        sum[i][1] = _mm256_add_epi32(sum[i][1], _mm256_madd_epi16(x, b1));
      }
    }
    for (int i = 0; i < R; i++)
      for (int k = 0; k < 2; k++) {
        __m128i s = _mm_add_epi32(_mm256_castsi256_si128(sum[i][k]), _mm256_extracti128_si256(sum[i][k], 1));
        s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
        s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
        out[i][j + k] = _mm_cvtsi128_si32(s);
      }
  }
}

GR_AVX512 static void block_avx512(const int16_t *a, const int16_t *b, int64_t depth, int32_t out[R][R]) {
  __m512i sum[R][R];
  for (int i = 0; i < R; i++)
    for (int j = 0; j < R; j++) sum[i][j] = _mm512_setzero_si512();
  for (int64_t p = 0; p < depth; p += 32) {
    __m512i y[R];
    for (int j = 0; j < R; j++) y[j] = _mm512_loadu_si512(b + j * depth + p);
    for (int i = 0; i < R; i++) {
      const __m512i x = _mm512_loadu_si512(a + i * depth + p);
      for (int j = 0; j < R; j++) sum[i][j] = _mm512_add_epi32(sum[i][j], _mm512_madd_epi16(x, y[j]));
    }
  }
  for (int i = 0; i < R; i++)
    for (int j = 0; j < R; j++) out[i][j] = _mm512_reduce_add_epi32(sum[i][j]);
}
static const block_function blocks[GR_ISA_COUNT] = {block_plain, block_avx2, block_avx512};
#else
static const block_function blocks[GR_ISA_COUNT] = {block_plain, block_plain, block_plain};
#endif

void gr_dot(gr_isa isa, const int16_t *a, int64_t m, const int16_t *b, int64_t n, int64_t depth, int32_t *sums,
            int64_t si, int64_t sj) {
  int32_t out[R][R];
  for (int64_t i = 0; i < m; i += R)
    for (int64_t j = 0; j < n; j += R) {
      blocks[isa](a + i * depth, b + j * depth, depth, out);
      for (int64_t k = 0; k < R; k++)
        for (int64_t l = 0; l < R; l++) sums[(i + k) * si + (j + l) * sj] = out[k][l];
    }
}
