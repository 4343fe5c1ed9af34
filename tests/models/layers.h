/* Layers as PyTorch's modules have them, on top of the builder: names, initial state, provenance. */
#ifndef GRAFT_TEST_LAYERS_H
#define GRAFT_TEST_LAYERS_H

#include "ir/ir.h"

typedef struct net {
  graft_module *module;
  graft_graph *graph;
  bool failed;     /* a layer could not be added; later ones do nothing */
  uint32_t number; /* not 0: layers share their names, and tensors are called NAME.PART_number, without provenance */
} net;

typedef struct conv_shape {
  int64_t in, out, kernel, stride, padding, groups;
} conv_shape;

/* A module with one graph `main` and its input. */
graft_value net_begin(net *n, graft_context *context, const char *input, int64_t channels, int64_t size);
/* Ends the graph with one output; NULL (and everything freed) when a layer failed. */
graft_module *net_end(net *n, const char *output, graft_value y);
/* Weight NAME.weight, +-sqrt(6 / product of all extents but the first); no bias. */
graft_value net_conv(net *n, const char *name, graft_value x, conv_shape shape);
/* Training mode: the graph updates NAME.running_mean, NAME.running_var and NAME.num_batches_tracked. */
graft_value net_batch_norm(net *n, const char *name, graft_value x, int64_t channels);
graft_value net_linear(net *n, const char *name, graft_value x, int64_t in, int64_t out);
/* Any other op of the table. */
graft_value net_op(net *n, const char *op, const char *name, const graft_value *operands, uint32_t count,
                   const graft_attr *attrs, uint32_t attr_count);
graft_value net_op1(net *n, const char *op, const char *name, graft_value x);

#endif
