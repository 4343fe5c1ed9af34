/* conv-bn-relu, over and over: what scale tests and benchmarks run on. */
#include "layers.h"
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

graft_module *graft_model_chain(graft_context *context, uint32_t nodes) {
  net n;
  graft_value x = net_begin(&n, context, "x", 2, 4);
  for (uint32_t i = 0; i < nodes / 3; i++) {
    char name[32];
    snprintf(name, sizeof name, "conv_%u", i + 1);
    x = net_conv(&n, name, x, (conv_shape){2, 2, 1, 1, 0, 1});
    snprintf(name, sizeof name, "bn_%u", i + 1);
    x = net_batch_norm(&n, name, x, 2);
    x = net_op1(&n, "relu", NULL, x);
  }
  for (uint32_t i = 0; i < nodes % 3; i++) x = net_op1(&n, "relu", NULL, x);
  return net_end(&n, "y", x);
}

graft_module *graft_model_by_name(graft_context *context, const char *name) {
  if (strcmp(name, "mobilenet_v2") == 0) return graft_model_mobilenet_v2(context, 224);
  if (strncmp(name, "resnet", 6) == 0) return graft_model_resnet(context, atoi(name + 6), 224);
  if (strncmp(name, "chain", 5) == 0) return graft_model_chain(context, (uint32_t)strtoul(name + 5, NULL, 10));
  return NULL;
}
