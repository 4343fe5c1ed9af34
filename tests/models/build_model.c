/* build-model NAME OUT: writes one of the built networks, in the format of OUT's extension.
 * A .gfb gets the weights' bytes, as a trained network has them, and not the formula they were made by.
 * build-model input OUT.npy: writes the input that they are tried on, fill("input", -2.1, 2.6) of 1x3x224x224. */
#include "ir/formats/npy_int.h"
#include "ir/inspect.h"
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

static graft_status make_weights(graft_module *m) {
  for (graft_tensor t = graft_tensor_first(m); t != GRAFT_NONE; t = graft_tensor_next(m, t)) {
    const void *data = graft_tensor_get_data(m, t);
    graft_status status = data ? graft_tensor_set_data(m, t, data) : GRAFT_NO_MEMORY;
    if (status != GRAFT_OK) return status;
  }
  return GRAFT_OK;
}

static graft_status write_model(graft_module *m, const char *file) {
  const char *dot = strrchr(file, '.');
  graft_status status = dot && strcmp(dot, ".gfb") == 0 ? make_weights(m) : GRAFT_OK;
  return status != GRAFT_OK ? status : graft_module_save(m, file, GRAFT_FORMAT_AUTO);
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
                      : !module || write_model(module, argv[2]) != GRAFT_OK;
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
