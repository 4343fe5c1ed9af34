/* Which instruction sets the machine has. The answer is the compiler's run-time library's: read here, written before
 * main. */
#include "runtime/isa.h"

gr_isa gr_isa_best(void) {
#if defined(GR_HAS_CLONES)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return GR_ISA_AVX512;
  if (__builtin_cpu_supports("avx2")) return GR_ISA_AVX2;
#endif
  return GR_ISA_PLAIN;
}
