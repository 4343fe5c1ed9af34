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
  /* "zeros", "reflect", "replicate" or "circular"; NULL: "zeros". Transposed ones take zeros alone, quantized ones
   * zeros and reflect. */
  const char *padding_mode;
} graft_conv_arguments;

/* Those of PyTorch's nn.Linear. */
typedef struct graft_linear_arguments {
  size_t size;
  int64_t in_features, out_features;
  bool bias;
} graft_linear_arguments;

/* ---- several modules become one (torch.ao.quantization.fuse_modules, fuse_modules_qat) ---- */

/* Of graft_fuse_modules. */
typedef struct graft_fuse_options {
  size_t size;
  bool qat; /* fuse_modules_qat: what trains; else what runs, batch norms folded */
  /* Of `qat`: the qconfig, a quantizer that ships or is one of `passes`, with options as in a pipeline
   * ("per-channel=true"; NULL: none; it sets `qat` itself). NULL: "fx". "none": the modules stay as they are, are
   * marked, and a quantizer that annotates later takes them as one (PyTorch's ConvBn2d before prepare_qat). */
  const char *quantizer, *quantizer_options;
  const char *form;    /* of `qat`, as graft_qat_arguments has it: "approximate" (NULL), "stable" or "auto" */
  const char *mapping; /* a file with sequences and rules of the caller's (patterns/LANGUAGE.md); NULL: none */
  const struct graft_pass_options *passes; /* files, sets, predicates, callbacks (passes.h); NULL: none */
} graft_fuse_options;

/* Makes one module of each sequence of modules that `modules` names, "conv1,bn1,relu1;sub.conv,sub.relu": sequences
 * apart by `;`, in any order, in each the modules in the order in which they follow each other, by the names that they
 * have in the source network, as the option scope= takes them (of /layer1/layer1.0/conv1/Conv: layer1.0.conv1). NULL:
 * all sequences that there are, the longest first; those that do not fit stay. NULL options: in evaluation.
 *
 * Sequences: conv + bn, conv + bn + relu, conv + relu, conv_transpose + bn, in 1-D to 3-D; linear + bn, linear + relu,
 * bn + relu; those of `mapping`, of passes->pattern_files and passes->rules. The fused module has the first one's place
 * and name: all of its nodes go back to the source of that one, the batch norm's tensors are called NAME.bn.weight and
 * so on, and what a folded batch norm read and nothing else does is gone. Specs and observers on what the first one
 * reads and on what the last one gives stay; nothing else in the module changes. passes/README.md has what becomes of
 * each sequence.
 *
 * Errors name the module, and the module is then as it was: "cannot fuse modules: (relu, conv2d)", an unknown sequence;
 * a name that no module has, or that comes twice; modules that do not follow each other, or between which something
 * else reads; a batch norm in training without `qat`; a quantizer that does not take a sequence whole. It works on the
 * module itself (PyTorch's inplace=True): where that is to stay, one that was written to memory and read again. */
GRAFT_API graft_status graft_fuse_modules(graft_module *module, const char *modules, const graft_fuse_options *options);

/* ---- modules that train with fake quantization (torch.ao.nn.intrinsic.qat) ---- */

/* PyTorch's qconfig: how a module trains. */
typedef struct graft_qconfig {
  size_t size;
  /* A quantizer, by name and with options as in a pipeline ("per-channel=true"; NULL: none); `qat` is set for it. It
   * must quantize the layer's weight. */
  const char *quantizer, *quantizer_options;
  const char *quantizer_file; /* where the quantizer is; NULL: it ships ("fx", "xnnpack"), or is one of `passes` */
  /* What a layer with a batch norm computes in training: "approximate" (one convolution, whose result is divided by the
   * scale again), "stable" (PyTorch's slow path, for gamma near 0) or "auto" (stable where a channel needs it). NULL:
   * "approximate". */
  const char *form;
  const struct graft_pass_options *passes; /* quantizers, rules, predicates, callbacks (passes.h); NULL: none */
} graft_qconfig;

/* What a QAT module has beside its convolution or linear. */
typedef struct graft_qat_arguments {
  size_t size;
  const graft_qconfig *qconfig; /* required */
  bool batch_norm, relu;        /* what follows the layer in the module */
  double eps;                   /* of the batch norm; 0: 1e-5 */
  double momentum;              /* 0: 0.1 */
  bool cumulative; /* PyTorch's momentum=None: running statistics are plain averages over all batches; no momentum */
  bool freeze_bn;  /* the batch norm uses its running statistics, in training too, until unfreeze-bn */
  bool evaluation; /* built in evaluation mode: its batch norm is frozen then, as PyTorch's constructor has it */
  /* What tensors hold, in f32 and C order, copied. NULL: as PyTorch initializes them, with the numbers of the fill
   * formula by the tensor's name: weight and bias within 1 / sqrt(fan_in), gamma 0 to 1, beta 0, running_mean 0,
   * running_var 1. gamma and beta are the batch norm's weight and bias. */
  const float *weight, *bias, *gamma, *beta, *running_mean, *running_var;
} graft_qat_arguments;

/* Adds the module NAME to the graph, behind `x`, and gives its output, fake-quantized where the quantizer says so;
 * GRAFT_NONE with a diagnostic that names the module on failure, of memory too, and then nothing was added. `x`: [n,
 * in_channels, extents…], an extent may be unknown.
 *
 *   dims 1 to 3:  ConvReLU1d to 3d {relu}, ConvBn1d to 3d {batch_norm}, ConvBnReLU1d to 3d {batch_norm, relu}; a plain
 *                 qat.Conv1d to 3d with neither; transposed ones too
 *
 * New tensors: NAME.weight, NAME.bias, NAME.bn.weight, NAME.bn.bias, NAME.bn.running_mean, NAME.bn.running_var,
 * NAME.bn.num_batches_tracked, and the observers' states. The module is made in training mode: statistics are updated
 * by each step of a session; the pass to-eval and its like change that. Errors: no quantizer ("qconfig must be
 * provided for QAT module"), arguments that PyTorch refuses, in its words, a name that a module has already, what x
 * cannot be, a quantizer that leaves the weight in float. The passes annotate, fuse-conv-bn-qat and insert-fake-quant
 * make the form, so a call costs what they cost on the whole module: who builds many layers builds them plain, and runs
 * prepare-qat once. */
GRAFT_API graft_value graft_build_qat_conv(graft_graph *graph, const char *name, graft_value x,
                                           const graft_conv_arguments *conv, const graft_qat_arguments *qat);
/* The same for a linear layer: LinearReLU {relu}, LinearBn1d {batch_norm}, qat.Linear with neither. With a batch norm x
 * has rank 2, as PyTorch's LinearBn1d wants it. */
GRAFT_API graft_value graft_build_qat_linear(graft_graph *graph, const char *name, graft_value x,
                                             const graft_linear_arguments *linear, const graft_qat_arguments *qat);

/* from_float: the layer with the source name NAME, or the one that stands below it, trains with fake quantization from
 * now on, in its place, with the batch norm and relu that follow it there. What a network's names are is seen with
 * `ir-opt
 * --emit json`; the pass fuse-modules joins parts that have names of their own.
 *
 * `use_precomputed_fake_quant`: where the float module's weight and output are observed or fake-quantized already, the
 * new places begin with the ranges seen there (of a histogram its least and largest value) instead of none, and the old
 * ones go. Without it, such a module is refused.
 *
 * On failure, of memory too, the module is as it was, and a diagnostic names what is wrong: no layer or several of this
 * name, one that trains already, no quantizer, one that leaves the weight in float, a range of other channels. */
GRAFT_API graft_status graft_qat_from_float(graft_graph *graph, const char *name, const graft_qconfig *qconfig,
                                            bool use_precomputed_fake_quant);

#if defined(__cplusplus)
}
#endif
#endif
