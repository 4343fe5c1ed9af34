/* graft/build_info.h - what the library that a program runs with was built from. */
#ifndef GRAFT_BUILD_INFO_H
#define GRAFT_BUILD_INFO_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* All texts are static, none is NULL. */
typedef struct graft_build_info {
  size_t size;
  const char *version;  /* graft_version() */
  const char *compiler; /* "12.2.0" of gcc, "Debian Clang 14.0.6" and the like */
  bool asserts;         /* whether it stops the program where it contradicts itself; release builds do not */
  const char *onednn;   /* the oneDNN that its fast kernels were compiled for, "2.6.3"; "": its own kernels alone */
  const char *instruction_sets; /* those that its own kernels were compiled for: "plain avx2 avx512" */
  const char *instruction_set;  /* the one of these that this machine runs */
  uint32_t onnx_last_read;      /* the last opset whose ops are read */
  uint32_t onnx_first_written;  /* the opsets that are written, from this */
  uint32_t onnx_last_written;   /* to this */
  uint32_t gfb_version;         /* the last version of .gfb files that is read */
} graft_build_info;

/* Fills the first `info->size` bytes: what a later library knows besides is not asked for, what an earlier one does not
 * know is zero. GRAFT_INVALID_ARGUMENT: no `info`, or one without its size. From any thread. O(1). */
GRAFT_API graft_status graft_build_info_get(graft_build_info *info);

#if defined(__cplusplus)
}
#endif
#endif
