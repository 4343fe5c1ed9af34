/* The two element types of gemm.inc. The micro-kernels are plain loops of constant length, which compilers keep in
 * vector registers: 6 x 8 floats and 4 x 4 doubles fit the 16 registers of SSE2 and NEON. */
#include "runtime/kernels/gemm_impl.h"

#include <string.h>

#define T float
#define NAME(name) name##_f32
#define MR 6
#define NR GR_GEMM_NR_F32
#include "runtime/kernels/gemm.inc"
#undef T
#undef NAME
#undef MR
#undef NR

#define T double
#define NAME(name) name##_f64
#define MR 4
#define NR GR_GEMM_NR_F64
#include "runtime/kernels/gemm.inc"
#undef T
#undef NAME
#undef MR
#undef NR
