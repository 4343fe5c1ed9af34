/* ResNets of torchvision, version 1.5 (the stride of a bottleneck is in its 3x3 convolution). */
#include "layers.h"
#include "models.h"

#include <stdio.h>

typedef struct block_shape {
  int64_t in, width, stride;
  int expansion; /* 1: basic block, 4: bottleneck */
} block_shape;

static graft_value conv_bn(net *n, const char *block, const char *conv, const char *bn, graft_value x,
                           conv_shape shape) {
  char name[160];
  snprintf(name, sizeof name, "%s.%s", block, conv);
  x = net_conv(n, name, x, shape);
  snprintf(name, sizeof name, "%s.%s", block, bn);
  return net_batch_norm(n, name, x, shape.out);
}

static graft_value relu(net *n, const char *block, graft_value x) {
  char name[160];
  snprintf(name, sizeof name, "%s.relu", block);
  return net_op1(n, "relu", name, x);
}

static graft_value residual(net *n, const char *block, graft_value x, block_shape s) {
  int64_t out = s.width * s.expansion;
  graft_value y = x, shortcut = x;
  if (s.expansion == 1) {
    y = relu(n, block, conv_bn(n, block, "conv1", "bn1", y, (conv_shape){s.in, s.width, 3, s.stride, 1, 1}));
    y = conv_bn(n, block, "conv2", "bn2", y, (conv_shape){s.width, out, 3, 1, 1, 1});
  } else {
    y = relu(n, block, conv_bn(n, block, "conv1", "bn1", y, (conv_shape){s.in, s.width, 1, 1, 0, 1}));
    y = relu(n, block, conv_bn(n, block, "conv2", "bn2", y, (conv_shape){s.width, s.width, 3, s.stride, 1, 1}));
    y = conv_bn(n, block, "conv3", "bn3", y, (conv_shape){s.width, out, 1, 1, 0, 1});
  }
  if (s.stride != 1 || s.in != out)
    shortcut = conv_bn(n, block, "downsample.0", "downsample.1", x, (conv_shape){s.in, out, 1, s.stride, 0, 1});
  y = net_op(n, "add", block, (graft_value[]){y, shortcut}, 2, NULL, 0);
  return relu(n, block, y);
}

graft_module *graft_model_resnet(graft_context *context, int depth, int64_t size) {
  static const struct {
    int depth, expansion, blocks[4];
  } table[] = {{18, 1, {2, 2, 2, 2}},
               {34, 1, {3, 4, 6, 3}},
               {50, 4, {3, 4, 6, 3}},
               {101, 4, {3, 4, 23, 3}},
               {152, 4, {3, 8, 36, 3}}};
  size_t row = 0;
  while (row < sizeof table / sizeof *table && table[row].depth != depth) row++;
  if (row == sizeof table / sizeof *table) return NULL;
  net n;
  graft_value x = net_begin(&n, context, "x", 3, size);
  x = net_conv(&n, "conv1", x, (conv_shape){3, 64, 7, 2, 3, 1});
  x = net_batch_norm(&n, "bn1", x, 64);
  x = net_op1(&n, "relu", "relu", x);
  graft_attr pool[] = {
      {.name = "kernel_size", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){3, 3}},
      {.name = "stride", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){2, 2}},
      {.name = "padding", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){1, 1}},
  };
  x = net_op(&n, "max_pool2d", "maxpool", &x, 1, pool, 3);
  block_shape s = {.in = 64, .width = 64, .expansion = table[row].expansion};
  for (int stage = 0; stage < 4; stage++, s.width *= 2)
    for (int i = 0; i < table[row].blocks[stage]; i++) {
      char name[64];
      snprintf(name, sizeof name, "layer%d.%d", stage + 1, i);
      s.stride = stage > 0 && i == 0 ? 2 : 1;
      x = residual(&n, name, x, s);
      s.in = s.width * s.expansion;
    }
  graft_attr one = {.name = "output_size", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){1, 1}};
  x = net_op(&n, "adaptive_avg_pool2d", "avgpool", &x, 1, &one, 1);
  graft_attr start = {.name = "start_dim", .kind = GRAFT_ATTR_INT, .as.i = 1};
  x = net_op(&n, "flatten", "flatten", &x, 1, &start, 1);
  x = net_linear(&n, "fc", x, s.in, 1000);
  return net_end(&n, "y", x);
}
