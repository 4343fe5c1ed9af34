/* Prints the version where header and library agree on it, and on what was built in. */
#include <graft/build_info.h>
#include <graft/ir.h>
#include <stdio.h>
#include <string.h>

#if !GRAFT_VERSION_AT_LEAST(0, 2, 0) || \
    GRAFT_VERSION_AT_LEAST(GRAFT_VERSION_MAJOR, GRAFT_VERSION_MINOR, GRAFT_VERSION_PATCH + 1)
#error "GRAFT_VERSION_AT_LEAST"
#endif

static int info_is_right(void) {
  graft_build_info info;
  memset(&info, 0xff, sizeof info);
  info.size = sizeof info;
  if (graft_build_info_get(&info) != GRAFT_OK || strcmp(info.version, GRAFT_VERSION)) return 0;
  if (!strstr(info.instruction_sets, info.instruction_set) || !info.compiler[0] || !info.onednn) return 0;
  return info.onnx_first_written == 13 && info.onnx_last_read >= info.onnx_last_written && info.gfb_version >= 2;
}

/* An older program's struct ends earlier, and nothing behind it is written; one without a size is refused. */
static int sizes_are_kept(void) {
  graft_build_info info;
  memset(&info, 0, sizeof info);
  if (graft_build_info_get(NULL) != GRAFT_INVALID_ARGUMENT || graft_build_info_get(&info) != GRAFT_INVALID_ARGUMENT)
    return 0;
  info.compiler = "untouched";
  info.size = offsetof(graft_build_info, compiler);
  return graft_build_info_get(&info) == GRAFT_OK && info.version && !strcmp(info.compiler, "untouched");
}

int main(void) {
  char text[64];
  snprintf(text, sizeof text, "%d.%d.%d", GRAFT_VERSION_MAJOR, GRAFT_VERSION_MINOR, GRAFT_VERSION_PATCH);
  return puts(GRAFT_VERSION) < 0 || strcmp(GRAFT_VERSION, graft_version()) || strcmp(GRAFT_VERSION, text) ||
         graft_version_number() != GRAFT_VERSION_NUMBER || !info_is_right() || !sizes_are_kept();
}
