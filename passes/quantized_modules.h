/* graft/quantized_modules.h - the quantized convolution modules of torch.ao.nn.quantized: Conv1d, Conv2d, Conv3d,
 * ConvTranspose1d, ConvTranspose2d and ConvTranspose3d, as named parts of a graph.
 *
 * What a module is. NAME is one node quantized.conv… of a graph whose source name is NAME (with padding_mode "reflect"
 * behind a pad, which pads the integers), and these tensors, PyTorch's state:
 *
 *   NAME.weight        i8 [out, in / groups, kernel…], transposed [in, out / groups, kernel…]
 *   NAME.weight.scale, NAME.weight.zero_point   f32 and i32, of rank 0 per tensor, [out] per channel (of a grouped
 *                      transposed one entry g * (out / groups) + j is that of column j of group g)
 *   NAME.bias          f32 [out]; none: bias=False. Engine "qnnpack" keeps zeros then, as PyTorch's does
 *   NAME.scale         f64 [], NAME.zero_point i32 []: of the result
 *
 * They are plain tensors of the module: graft_state_save and graft_state_load (state.h), .gfb and .gir keep and restore
 * them exactly, and PyTorch's own files go into them (its scale is an f32 there, its zero_point an i64). As shapes must
 * be equal, a file with a weight per channel, or without a bias, goes into a module that graft_quantized_conv_create
 * left once graft_quantized_conv_set_weight_bias has made it such a one. NAME.scale is a double since PyTorch's is one:
 * what computes reads it as f32.
 *
 * What it computes (runtime/REQUANTIZE.md). Sums of (x - x_zero_point) * (weight - weight_zero_point) are exact; how
 * they and the bias become the result's integers is the engine's: the attribute `requantize` of the node. With S =
 * x_scale * weight_scale and R = S / y_scale in f32, rounding to even:
 *
 *   "qnnpack"  y = clamp(round((sum + round(bias * (1 / S))) * R) + y_zero_point): the bias becomes an integer in the
 * run "onednn"   y = clamp(round(sum * R + bias / y_scale) + y_zero_point) "float"    graft's own, nearest to the graph
 * of dequantize, conv, quantize; and the fixed-point ones of the op table
 *
 * The bias is kept as it was given, whatever the engine does with it. A session packs the weight once and again when
 * its tensors change; graft_quantized_conv_get_weight_bias gives it back as it was set.
 *
 * Who owns what. Graphs and what is in them stay the caller's module's. What is passed in is copied; what is given back
 * in structs is borrowed until the module changes. A function that fails leaves a diagnostic that names the module NAME
 * and has changed nothing, *y neither, whatever failed, memory too. Functions by name look through the graph's nodes:
 * linear.
 *
 * Status codes: GRAFT_INVALID_ARGUMENT (arguments that PyTorch refuses, in its words; a NULL that is needed),
 * GRAFT_NAME (no module is called so, or one is already), GRAFT_TYPE (ranks and shapes), GRAFT_PASS (the part cannot be
 * quantized), GRAFT_UNSUPPORTED, GRAFT_NO_MEMORY. */
#ifndef GRAFT_QUANTIZED_MODULES_H
#define GRAFT_QUANTIZED_MODULES_H

#include "modules.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* A quantized tensor of PyTorch's in a graph: integers, and the values that hold their scale (f32) and zero point
 * (i32), both of rank 0. */
typedef struct graft_quantized_value {
  graft_value integers, scale, zero_point;
} graft_quantized_value;

/* Of the functions that build quantized convolutions. */
typedef struct graft_quantized_conv_options {
  size_t size;
  const char *engine; /* a word of `requantize`; NULL: "float" */
  bool relu;          /* QuantizedConvReLU: the result is at least its zero point */
  /* QuantizedConvAdd: added to the sums before they are rounded, of the result's shape; NULL: nothing. Not of
   * transposed ones. */
  const graft_quantized_value *other;
} graft_quantized_conv_options;

/* Adds the module NAME behind x at the end of the graph, and gives its result into *y (not NULL), which can be the next
 * module's x. As PyTorch's constructors leave it: the scale is 1 and the zero point 0; the weight is zeros of scale 1,
 * a bias zeros. The result has the dtype of x, u8 (quint8, the only one that PyTorch has) or i8, and its whole range.
 *
 * Errors are PyTorch's: "in_channels must be divisible by groups", "out_channels must be divisible by groups",
 * "'padding_mode' NAME is not supported by quantized convolution", "Conv3d does not support reflection padding", "Only
 * "zeros" padding mode is supported for ConvTranspose2d", "output padding must be smaller than either stride or
 * dilation", and GRAFT_TYPE "expected (N, C, L)" where x has another rank. NULL options: defaults. */
GRAFT_API graft_status graft_quantized_conv_create(graft_graph *graph, const char *name, const graft_quantized_value *x,
                                                   const graft_conv_arguments *conv,
                                                   const graft_quantized_conv_options *options,
                                                   graft_quantized_value *y);

/* ---- state ---- */

/* A weight of integers, and what they stand for. */
typedef struct graft_quantized_weight {
  size_t size;
  graft_type type;           /* given back; not read when it is set: the module's shape does not change */
  const int8_t *data;        /* C order */
  const float *scale;        /* `count` of them, normal numbers above 0 */
  const int32_t *zero_point; /* as many, within i8; NULL when it is set: zeros */
  int64_t count;     /* 1: per tensor; else output channels, or when it is set out / groups: the same in each group */
  const float *bias; /* [out]; NULL: None */
} graft_quantized_weight;

/* Weight and bias become these (set_weight_bias): per tensor or per channel, with a bias or without, whatever they
 * were. Runs of sessions that are there see what is changed in place; where granularity or bias change the graph is
 * edited. */
GRAFT_API graft_status graft_quantized_conv_set_weight_bias(graft_graph *graph, const char *name,
                                                            const graft_quantized_weight *weight);
/* weight() and bias(), _weight_bias(): exactly what was set, borrowed. */
GRAFT_API graft_status graft_quantized_conv_get_weight_bias(graft_graph *graph, const char *name,
                                                            graft_quantized_weight *weight);
/* The attributes scale and zero_point of the result. The scale must be a normal f32 above 0 once narrowed, the zero
 * point one of the result's integers. GRAFT_UNSUPPORTED: they are operands that other nodes may share, as those that
 * `lower` leaves, or there are none since the module is dynamic. */
GRAFT_API graft_status graft_quantized_conv_set_output(graft_graph *graph, const char *name, double scale,
                                                       int64_t zero_point);
/* Of a dynamic module 1 and 0, as in PyTorch. Either pointer may be NULL. */
GRAFT_API graft_status graft_quantized_conv_get_output(graft_graph *graph, const char *name, double *scale,
                                                       int64_t *zero_point);
/* repr(module), into `buffer` as snprintf does; gives its length, 0 with a diagnostic on failure. "QuantizedConv2d(4,
 * 6, kernel_size=(3, 3), stride=(1, 1), scale=0.05, zero_point=120, padding=(1, 1))": PyTorch's class names, with its
 * spelling QuantizedConvTranpose2d, and what extra_repr says: tuples, the scale as the shortest decimal of the double,
 * padding, dilation, output_padding, groups and bias=False where they are not the default; padding_mode never. */
GRAFT_API size_t graft_quantized_conv_repr(graft_graph *graph, const char *name, char *buffer, size_t size);
/* copy.copy and copy.deepcopy, which are one: the module NAME of `from` once more as `new_name` behind x at the end of
 * `to`, which may be the same graph or one of another module; the state is copied, and shared by nothing. `other`: of a
 * module that adds, else NULL. */
GRAFT_API graft_status graft_quantized_conv_copy(graft_graph *from, const char *name, graft_graph *to,
                                                 const char *new_name, const graft_quantized_value *x,
                                                 const graft_quantized_value *other, graft_quantized_value *y);

/* ---- from other modules ---- */

/* Scale and zero point that are known from elsewhere; a scale of 0: not given. */
typedef struct graft_given_qparams {
  double scale;
  int64_t zero_point;
} graft_given_qparams;

/* Of the functions that make quantized modules of float ones. */
typedef struct graft_quantized_from_options {
  size_t size;
  const char *engine; /* as above */
  /* Of what the module reads, where the graph does not tell (it tells where a dequantize, a fake-quant or an observer
   * stands before it), and of what it adds. u8 0 to 255. */
  graft_given_qparams x, other;
  graft_given_qparams y; /* of the result: from_reference needs it, from_float takes the observer's */
} graft_quantized_from_options;

/* from_float: the part NAME of the graph, float or trained with fake-quants, becomes the quantized module NAME in its
 * place, with a dequantize behind it, so that the rest of the graph stays what it is (a quantize of what is float
 * stands before it; one of equal parameters behind a dequantize goes with cancel-qdq). NAME may be a list, "conv,relu":
 * the module is called as its first.
 *
 * The part holds one convolution with an observer or fake-quant on its weight ("Input float module must have qconfig
 * defined."), then any of: a batch norm, an add, a relu, an observer or fake-quant of the result. A batch norm, also in
 * its training form, is folded with the running statistics. The weight is observed once more, folded, then its range
 * and that of the result give scales and zero points by the observer formula (calculate_qparams), also where
 * fake-quants trained with another one. The weight's quantizer must be of i8. Tensors that nothing reads any more go.
 *
 * Without an observer of the result, and without options->y, the module is a dynamic one, which has no output scale:
 * its weight is quantized, x is quantized by its own range in each run (u8, ChooseQuantizationParams), and the result
 * is float: y->scale and y->zero_point are GRAFT_NONE. Else *y, which may be NULL, is the result before the dequantize.
 */
GRAFT_API graft_status graft_quantized_conv_from_float(graft_graph *graph, const char *name,
                                                       const graft_quantized_from_options *options,
                                                       graft_quantized_value *y);
/* from_reference: the same of a reference module, a float convolution whose weight comes from a dequantize (or a
 * quantize and a dequantize: its own scale and zero point): the integers are taken as they are. options->y is needed.
 */
GRAFT_API graft_status graft_quantized_conv_from_reference(graft_graph *graph, const char *name,
                                                           const graft_quantized_from_options *options,
                                                           graft_quantized_value *y);

#if defined(__cplusplus)
}
#endif
#endif
