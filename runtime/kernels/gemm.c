/* The element types of gemm.inc. The micro-kernels are plain loops of constant length, which compilers keep in vector
 * registers: 6 x 8 elements of 4 bytes and 4 x 4 of 8 fit the 16 registers of SSE2 and NEON. */
#include "runtime/kernels/gemm_impl.h"

#include <string.h>

#define MR 6
#define NR GR_GEMM_NR_32
#define T float
#define NAME(name) name##_f32
#include "runtime/kernels/gemm.inc"
#undef T
#undef NAME
#define T uint32_t
#define NAME(name) name##_u32
#include "runtime/kernels/gemm.inc"
#undef T
#undef NAME
#undef MR
#undef NR

#define MR 4
#define NR GR_GEMM_NR_64
#define T double
#define NAME(name) name##_f64
#include "runtime/kernels/gemm.inc"
#undef T
#undef NAME
#define T uint64_t
#define NAME(name) name##_u64
#include "runtime/kernels/gemm.inc"
#undef T
#undef NAME
#undef MR
#undef NR

bool gr_product_of(graft_dtype dtype, gr_product *product) {
  switch (dtype) {
  case GRAFT_F32: *product = GR_PRODUCT_F32; return true;
  case GRAFT_F64: *product = GR_PRODUCT_F64; return true;
  case GRAFT_I32:
  case GRAFT_U32: *product = GR_PRODUCT_U32; return true;
  case GRAFT_I64:
  case GRAFT_U64: *product = GR_PRODUCT_U64; return true;
  default: return false;
  }
}

graft_status gr_gemm_run(const gr_kernel_call *k, gr_product product, const gr_gemm *g, gr_pack pack) {
  static graft_status (*const run[GR_PRODUCT_COUNT])(const gr_kernel_call *, const gr_gemm *,
                                                     gr_pack) = {run_f32, run_f64, run_u32, run_u64};
  return run[product](k, g, pack);
}
