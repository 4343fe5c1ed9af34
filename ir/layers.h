/* graft/layers.h - what a quantized graph computes, layer by layer, as the emitter of a backend wants it.
 *
 * After `convert` a convolution of integers is spread over a row of nodes: its operands are dequantized, it computes,
 * something is done to each element (relu), the result is quantized. After `lower` it is one node,
 * quantized.conv2d_relu, with scales as operands. Both are the same layer here: integers in, with what they stand for,
 * integers out.
 *
 *     graft_layers *layers = graft_layers_create(graph);
 *     for (uint32_t i = 0; i < graft_layers_count(layers); i++) {
 *       graft_quantized_layer l = {.size = sizeof l};
 *       graft_layers_get(layers, i, &l);
 *       if (strcmp(l.op, "conv2d") == 0 && l.integers) emit(l.input, l.weight, l.bias_i32, l.multipliers, l.output);
 *     }
 *     graft_layers_destroy(layers);
 *
 * Every node of the graph is in exactly one layer, in graph order, but for a dequantize that only layers of integers
 * read: emitting one layer after the other computes the graph. What stands at a border (the quantize behind a graph
 * input, the dequantize before an output) is a layer of its own. Rules fuse more than can be seen here (conv + add,
 * moves between a dequantize and its reader): a backend that wants that runs `lower` before.
 *
 * Everything is borrowed, until the layers are destroyed or the module is changed, whichever is first; after a change
 * of nodes, values, inputs, outputs or updates graft_layers_get is GRAFT_INVALID_ARGUMENT, and they are to be made
 * anew. One thread at a time, that of the context. */
#ifndef GRAFT_LAYERS_H
#define GRAFT_LAYERS_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* The layers of a graph, as they were when it was made. */
typedef struct graft_layers graft_layers;

/* An operand or a result. The integer q stands for (q - zero_point) * scale. */
typedef struct graft_layer_value {
  graft_value value; /* of the integers; of what is not quantized: of itself. GRAFT_NONE: an absent operand */
  graft_type type;   /* of that value */
  const void *data;  /* its elements in C order, where it is a tensor whose data there are; else NULL */
  bool quantized;
  int64_t quant_min, quant_max; /* the integers that it has; of no quantized one: 0, 0 */
  int32_t axis;                 /* of `value`, along which scales differ; -1: there is one for all */
  int64_t groups; /* of a transposed convolution's weight: scale g * (count / groups) + j is of column j of its g-th
                   * part along axis 0; else 1 */
  uint32_t count; /* of scales and of zero points; 0: none, or they are computed when the graph runs */
  const float *scales;
  const int32_t *zero_points;
  graft_value scale, zero_point; /* the graph's values; GRAFT_NONE: not quantized, or one of a list (quantized.cat) */
} graft_layer_value;

/* A node that computes in integers, and all that a backend needs of it. */
typedef struct graft_quantized_layer {
  size_t size;
  graft_node node;            /* it computes; attributes are read from it (graft_node_attr) */
  graft_node last;            /* its result 0 is the output: `node`, or the quantize behind it */
  graft_node activation_node; /* between the two; GRAFT_NONE: none, or part of `node` */
  const char *op;             /* of float: "conv2d", after `lower` too; an opaque node's own name */
  const char *activation;     /* the op that is done to each element before it is quantized ("relu"); NULL: none */
  bool integers;              /* all that has to be integers for a backend to compute in integers is, the result too */
  const char *in_float;       /* the first operand that is not ("x"), or "result"; NULL where `integers` */
  uint32_t operand_count;     /* those of `op`, without scales and zero points */
  const graft_layer_value *operands;
  /* The same by role; NULL: there is none. `other` is the second operand of a sum or product, or what is added to a
   * layer before its activation (quantized.conv2d_add, whose op is "conv2d", and `adds` says so). */
  const graft_layer_value *input, *weight, *bias, *other;
  bool adds;
  graft_layer_value output; /* result 0. Further ones are read from the node */
  /* Of a layer of integers with a weight, where all scales are known, by output channel: */
  uint32_t channels;
  const double *multipliers; /* input scale * weight scale / output scale; graft_fixed_point (qparams.h) makes integers
                              * of it */
  const int32_t *bias_i32;   /* the bias in steps of input scale * weight scale, half to even; NULL: there is none, or
                              * its data are not known */
  uint32_t bias_clipped;     /* so many of them did not fit */
} graft_quantized_layer;

/* The layers of a graph, which must outlive them. Linear in its nodes and channels; fills are made into data. NULL with
 * a diagnostic: no memory, no graph. The caller destroys them. */
GRAFT_API graft_layers *graft_layers_create(graft_graph *graph);
/* NULL is fine. */
GRAFT_API void graft_layers_destroy(graft_layers *layers);
GRAFT_API uint32_t graft_layers_count(const graft_layers *layers); /* 0 of NULL */
/* Layer `index`, in graph order, into *layer, whose size the caller has set. GRAFT_INVALID_ARGUMENT with a diagnostic:
 * there is no such layer, the graph has been changed, or `layer` does not begin with its size. */
GRAFT_API graft_status graft_layers_get(const graft_layers *layers, uint32_t index, graft_quantized_layer *layer);

#if defined(__cplusplus)
}
#endif
#endif
