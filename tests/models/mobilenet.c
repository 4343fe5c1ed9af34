/* MobileNetV2 of torchvision, width 1.0. Layers are numbered as in its nn.Sequential. */
#include "layers.h"
#include "models.h"

#include <stdio.h>

/* PREFIX.0 convolution, PREFIX.1 batch norm, PREFIX.2 relu6. */
static graft_value conv_bn_relu6(net *n, const char *prefix, graft_value x, conv_shape s) {
  char name[160];
  snprintf(name, sizeof name, "%s.0", prefix);
  x = net_conv(n, name, x, s);
  snprintf(name, sizeof name, "%s.1", prefix);
  x = net_batch_norm(n, name, x, s.out);
  snprintf(name, sizeof name, "%s.2", prefix);
  graft_attr range[] = {{.name = "min_val", .kind = GRAFT_ATTR_FLOAT, .as.f = 0.0},
                        {.name = "max_val", .kind = GRAFT_ATTR_FLOAT, .as.f = 6.0}};
  return net_op(n, "hardtanh", name, &x, 1, range, 2);
}

static graft_value inverted_residual(net *n, int index, graft_value x, int64_t in, int64_t out, int64_t stride,
                                     int64_t expand) {
  char name[160];
  int layer = 0;
  int64_t hidden = in * expand;
  graft_value y = x;
  if (expand != 1) {
    snprintf(name, sizeof name, "features.%d.conv.%d", index, layer++);
    y = conv_bn_relu6(n, name, y, (conv_shape){in, hidden, 1, 1, 0, 1});
  }
  snprintf(name, sizeof name, "features.%d.conv.%d", index, layer++);
  y = conv_bn_relu6(n, name, y, (conv_shape){hidden, hidden, 3, stride, 1, hidden});
  snprintf(name, sizeof name, "features.%d.conv.%d", index, layer++);
  y = net_conv(n, name, y, (conv_shape){hidden, out, 1, 1, 0, 1});
  snprintf(name, sizeof name, "features.%d.conv.%d", index, layer);
  y = net_batch_norm(n, name, y, out);
  if (stride != 1 || in != out) return y;
  snprintf(name, sizeof name, "features.%d", index);
  return net_op(n, "add", name, (graft_value[]){x, y}, 2, NULL, 0);
}

graft_module *graft_model_mobilenet_v2(graft_context *context, int64_t size) {
  static const struct {
    int64_t expand, channels, repeats, stride;
  } table[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
               {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  net n;
  graft_value x = net_begin(&n, context, "x", 3, size);
  x = conv_bn_relu6(&n, "features.0", x, (conv_shape){3, 32, 3, 2, 1, 1});
  int64_t in = 32;
  int index = 1;
  for (size_t row = 0; row < sizeof table / sizeof *table; row++)
    for (int64_t i = 0; i < table[row].repeats; i++) {
      x = inverted_residual(&n, index++, x, in, table[row].channels, i == 0 ? table[row].stride : 1, table[row].expand);
      in = table[row].channels;
    }
  char name[32];
  snprintf(name, sizeof name, "features.%d", index);
  x = conv_bn_relu6(&n, name, x, (conv_shape){in, 1280, 1, 1, 0, 1});
  graft_attr one = {.name = "output_size", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){1, 1}};
  x = net_op(&n, "adaptive_avg_pool2d", "avgpool", &x, 1, &one, 1);
  graft_attr start = {.name = "start_dim", .kind = GRAFT_ATTR_INT, .as.i = 1};
  x = net_op(&n, "flatten", "flatten", &x, 1, &start, 1);
  graft_attr dropout[] = {{.name = "p", .kind = GRAFT_ATTR_FLOAT, .as.f = 0.0},
                          {.name = "training", .kind = GRAFT_ATTR_BOOL, .as.b = true}};
  x = net_op(&n, "dropout", "classifier.0", &x, 1, dropout, 2);
  x = net_linear(&n, "classifier.1", x, 1280, 1000);
  return net_end(&n, "y", x);
}
