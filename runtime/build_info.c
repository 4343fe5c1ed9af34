/* What was built in: the one place that says it, for graft/build_info.h and --version. */
#include "runtime/build_info.h"

#include "ir/formats/gfb/gfb_int.h"
#include "ir/formats/onnx/onnx_int.h"
#include "ir/graph/options_int.h"
#include "runtime/isa.h"

#if defined(GRAFT_ONEDNN)
#include <dnnl_version.h>
#define TEXT(number) TEXT_(number)
#define TEXT_(number) #number
#define ONEDNN TEXT(DNNL_VERSION_MAJOR) "." TEXT(DNNL_VERSION_MINOR) "." TEXT(DNNL_VERSION_PATCH)
#else
#define ONEDNN ""
#endif

#if defined(GR_HAS_CLONES)
#define SETS "plain avx2 avx512"
#else
#define SETS "plain"
#endif

#if defined(NDEBUG)
#define ASSERTS false
#else
#define ASSERTS true
#endif

graft_status graft_build_info_get(graft_build_info *info) {
  static const char *const names[GR_ISA_COUNT] = {"plain", "avx2", "avx512"};
  if (gr_check_place(NULL, info, sizeof *info)) return GRAFT_INVALID_ARGUMENT;
  const graft_build_info all = {.size = sizeof all,
                                .version = graft_version(),
                                .compiler = __VERSION__,
                                .asserts = ASSERTS,
                                .onednn = ONEDNN,
                                .instruction_sets = SETS,
                                .instruction_set = names[gr_isa_best()],
                                .onnx_last_read = GR_ONNX_LAST_OPSET,
                                .onnx_first_written = GR_OUT_FIRST_OPSET,
                                .onnx_last_written = GR_OUT_LAST_OPSET,
                                .gfb_version = GR_GFB_VERSION};
  gr_give(info, &all, sizeof all);
  return GRAFT_OK;
}
