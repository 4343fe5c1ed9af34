/* conv-bn-relu, over and over: what scale tests and benchmarks run on. Tensors are called conv.weight_7 and the like,
 * as names that are made up end in a number: those cost no string each. */
#include "layers.h"
#include "models.h"

#include <stdlib.h>
#include <string.h>

graft_module *graft_model_chain(graft_context *context, uint32_t nodes) {
  net n;
  graft_value x = net_begin(&n, context, "x", 2, 4);
  for (uint32_t i = 0; i < nodes / 3; i++) {
    n.number = i + 1;
    x = net_conv(&n, "conv", x, (conv_shape){2, 2, 1, 1, 0, 1});
    x = net_batch_norm(&n, "bn", x, 2);
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
