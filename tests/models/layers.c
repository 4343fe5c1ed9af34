#include "layers.h"

#include <math.h>
#include <stdio.h>

#define NAME_MAX 160

graft_value net_begin(net *n, graft_context *context, const char *input, int64_t channels, int64_t size) {
  *n = (net){.module = graft_module_create(context)};
  n->graph = n->module ? graft_graph_create(n->module, "main") : NULL;
  n->failed = !n->graph;
  if (n->failed) return GRAFT_NONE;
  graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){1, channels, size, size});
  return graft_input_add(n->graph, input, &type);
}

graft_module *net_end(net *n, const char *output, graft_value y) {
  if (!n->failed && graft_output_add(n->graph, output, y) == GRAFT_OK) return n->module;
  graft_module_destroy(n->module);
  return NULL;
}

graft_value net_op(net *n, const char *op, const char *name, const graft_value *operands, uint32_t count,
                   const graft_attr *attrs, uint32_t attr_count) {
  if (n->failed) return GRAFT_NONE;
  graft_node_options o = {.size = sizeof o,
                          .op = op,
                          .operands = operands,
                          .operand_count = count,
                          .attrs = attrs,
                          .attr_count = attr_count,
                          .source = n->number ? NULL : name};
  graft_node node = graft_node_create(n->graph, &o);
  if (node == GRAFT_NONE) return n->failed = true, GRAFT_NONE;
  return graft_node_result(n->graph, node, 0);
}

graft_value net_op1(net *n, const char *op, const char *name, graft_value x) {
  return net_op(n, op, name, &x, 1, NULL, 0);
}

static void tensor_name(const net *n, char *text, const char *name, const char *part) {
  if (n->number)
    snprintf(text, NAME_MAX, "%s.%s_%u", name, part, n->number);
  else
    snprintf(text, NAME_MAX, "%s.%s", name, part);
}

/* A filled tensor NAME.PART and its handle. */
static graft_value filled(net *n, const char *name, const char *part, graft_tensor_kind kind, int rank,
                          const int64_t *dims, double lo, double hi) {
  if (n->failed) return GRAFT_NONE;
  char text[NAME_MAX];
  tensor_name(n, text, name, part);
  graft_type type = graft_type_make(GRAFT_F32, rank, dims);
  graft_tensor t = graft_tensor_fill(n->module, text, kind, &type, lo, hi);
  if (t == GRAFT_NONE) return n->failed = true, GRAFT_NONE;
  return graft_tensor_value(n->graph, t);
}

static graft_value weight(net *n, const char *name, int rank, const int64_t *dims) {
  double fan_in = 1;
  for (int i = 1; i < rank; i++) fan_in *= (double)dims[i];
  double bound = sqrt(6.0 / fan_in);
  return filled(n, name, "weight", GRAFT_PARAMETER, rank, dims, -bound, bound);
}

graft_value net_conv(net *n, const char *name, graft_value x, conv_shape s) {
  graft_value operands[] = {x, weight(n, name, 4, (int64_t[]){s.out, s.in / s.groups, s.kernel, s.kernel})};
  graft_attr attrs[] = {
      {.name = "stride", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){s.stride, s.stride}},
      {.name = "padding", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = (int64_t[]){s.padding, s.padding}},
      {.name = "groups", .kind = GRAFT_ATTR_INT, .as.i = s.groups},
  };
  return net_op(n, "conv2d", name, operands, 2, attrs, 3);
}

graft_value net_batch_norm(net *n, const char *name, graft_value x, int64_t channels) {
  if (n->failed) return GRAFT_NONE;
  char text[NAME_MAX];
  tensor_name(n, text, name, "num_batches_tracked");
  graft_type scalar = graft_type_make(GRAFT_I64, 0, NULL);
  graft_value operands[] = {
      x,
      filled(n, name, "weight", GRAFT_PARAMETER, 1, &channels, 0.5, 1.5),
      filled(n, name, "bias", GRAFT_PARAMETER, 1, &channels, -0.2, 0.2),
      filled(n, name, "running_mean", GRAFT_BUFFER, 1, &channels, -0.2, 0.2),
      filled(n, name, "running_var", GRAFT_BUFFER, 1, &channels, 0.5, 1.5),
      GRAFT_NONE,
  };
  graft_tensor count = graft_tensor_create(n->module, text, GRAFT_BUFFER, &scalar, &(int64_t){0});
  if (n->failed || count == GRAFT_NONE) return n->failed = true, GRAFT_NONE;
  operands[5] = graft_tensor_value(n->graph, count);
  graft_attr training = {.name = "training", .kind = GRAFT_ATTR_BOOL, .as.b = true};
  graft_node_options o = {.size = sizeof o,
                          .op = "batch_norm",
                          .operands = operands,
                          .operand_count = 6,
                          .attrs = &training,
                          .attr_count = 1,
                          .result_count = 4,
                          .source = n->number ? NULL : name};
  graft_node node = graft_node_create(n->graph, &o);
  if (node == GRAFT_NONE) return n->failed = true, GRAFT_NONE;
  for (uint32_t i = 3; i < 6; i++)
    if (graft_update_add(n->graph, graft_value_tensor(n->graph, operands[i]),
                         graft_node_result(n->graph, node, i - 2)) != GRAFT_OK)
      n->failed = true;
  return graft_node_result(n->graph, node, 0);
}

graft_value net_linear(net *n, const char *name, graft_value x, int64_t in, int64_t out) {
  graft_value operands[] = {x, weight(n, name, 2, (int64_t[]){out, in}),
                            filled(n, name, "bias", GRAFT_PARAMETER, 1, &out, -0.1, 0.1)};
  return net_op(n, "linear", name, operands, 3, NULL, 0);
}
