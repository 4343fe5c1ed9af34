/* build-model NAME OUT: writes one of the built networks, in the format of OUT's extension.
 * build-model input OUT.npy: writes the input that they are tried on, fill("input", -2.1, 2.6) of 1x3x224x224. */
#include "ir/io_int.h"
#include "models.h"

#include <stdio.h>
#include <string.h>

static graft_status write_input(graft_context *context, const char *file) {
  graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){1, 3, 224, 224});
  gr_buffer *b = gr_buffer_create(context, (size_t)graft_type_elements(&type) * sizeof(float));
  if (!b) return GRAFT_NO_MEMORY;
  for (int64_t i = 0; i < graft_type_elements(&type); i++)
    ((float *)b->data)[i] = graft_fill_element("input", (uint64_t)i, -2.1, 2.6);
  graft_status status = gr_npy_write(context, file, &type, b->data);
  gr_buffer_release(context, b);
  return status;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: build-model resnet18|resnet50|mobilenet_v2|chainN|input OUT\n");
    return 2;
  }
  graft_context *context = graft_context_create(NULL);
  bool input = strcmp(argv[1], "input") == 0;
  graft_module *module = context && !input ? graft_model_by_name(context, argv[1]) : NULL;
  bool failed = input ? !context || write_input(context, argv[2]) != GRAFT_OK
                      : !module || graft_module_save(module, argv[2], GRAFT_FORMAT_AUTO) != GRAFT_OK;
  for (uint32_t i = 0; context && i < graft_diagnostic_count(context); i++) {
    char text[1024];
    graft_diagnostic d = graft_diagnostic_get(context, i);
    graft_diagnostic_format(&d, text, sizeof text);
    fprintf(stderr, "%s\n", text);
  }
  if (failed && context && graft_diagnostic_count(context) == 0)
    fprintf(stderr, "build-model: no network is called %s\n", argv[1]);
  graft_module_destroy(module);
  graft_context_destroy(context);
  return failed;
}
