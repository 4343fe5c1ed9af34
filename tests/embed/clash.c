/* A program with functions named as the library's own are, and with its own copy of the ONNX messages, links the static
 * library. */
#include <graft/ir.h>
#include <stdio.h>
#include <stdlib.h>

#include "onnx.pb-c.h"

static int called;

void *gr_alloc(void *context, size_t size);
void gr_free(void *context, void *pointer, size_t size);
int gr_type_compatible(int a, int b);

void *gr_alloc(void *context, size_t size) {
  called++;
  return context ? NULL : malloc(size);
}

void gr_free(void *context, void *pointer, size_t size) {
  called++;
  if (!context && size) free(pointer);
}

int gr_type_compatible(int a, int b) {
  called++;
  return a == b;
}

int main(int argc, char **argv) {
  graft_context *context = graft_context_create(NULL);
  graft_module *module = argc == 2 ? graft_module_load(context, argv[1], NULL) : NULL;
  const int ok = module && called == 0 && graft_module_save(module, "clash.onnx", GRAFT_FORMAT_ONNX) == GRAFT_OK;
  Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
  model.producer_name = (char *)"clash";
  void *own = gr_alloc(NULL, onnx__model_proto__get_packed_size(&model));
  onnx__model_proto__pack(&model, own);
  gr_free(NULL, own, 1);
  graft_module_destroy(module);
  graft_context_destroy(context);
  return ok && called == 2 && gr_type_compatible(1, 1) ? 0 : 1;
}
