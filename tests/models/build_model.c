/* build-model NAME OUT: writes one of the built networks, in the format of OUT's extension. */
#include "models.h"

#include <stdio.h>

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: build-model resnet18|resnet50|mobilenet_v2|chainN OUT\n");
    return 2;
  }
  graft_context *context = graft_context_create(NULL);
  graft_module *module = context ? graft_model_by_name(context, argv[1]) : NULL;
  int failed = !module || graft_module_save(module, argv[2], GRAFT_FORMAT_AUTO) != GRAFT_OK;
  for (uint32_t i = 0; context && i < graft_diagnostic_count(context); i++) {
    char text[1024];
    graft_diagnostic d = graft_diagnostic_get(context, i);
    graft_diagnostic_format(&d, text, sizeof text);
    fprintf(stderr, "%s\n", text);
  }
  if (!module && context && graft_diagnostic_count(context) == 0)
    fprintf(stderr, "build-model: no network is called %s\n", argv[1]);
  graft_module_destroy(module);
  graft_context_destroy(context);
  return failed;
}
