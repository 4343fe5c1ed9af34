/* graft/modules.h - PyTorch's fused and quantized modules, as parts of a graph.
 *
 * A module is no object: module NAME is the nodes of a graph whose source name is NAME or lies below it, and the
 * tensors of the names that PyTorch's state files use (NAME.weight, NAME.bias, NAME.bn.running_mean, …). The functions
 * here take a graph and a name, or build the part. */
#ifndef GRAFT_MODULES_H
#define GRAFT_MODULES_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* The arguments of a convolution module, as torch.nn.Conv1d to ConvTranspose3d have them. The arrays have `dims`
 * elements; NULL: ones (stride, dilation) or zeros (padding, output_padding). Extents count elements. */
typedef struct graft_conv_arguments {
  size_t size;
  uint32_t dims; /* 1 to 3 */
  bool transposed;
  int64_t in_channels, out_channels;
  const int64_t *kernel_size; /* required */
  const int64_t *stride, *padding, *dilation;
  const int64_t *output_padding; /* transposed ones only */
  int64_t groups;                /* 0: 1 */
  bool bias;
  const char *padding_mode; /* "zeros" or "reflect"; NULL: "zeros" */
} graft_conv_arguments;

#if defined(__cplusplus)
}
#endif
#endif
