/* graft/state.h - a module's state in files: its tensors by name, as PyTorch's state_dict() has them.
 *
 * The state is what a network has learned and what it was calibrated to: parameters and buffers, of constants those
 * that are read as a weight, statistics or a quantization parameter, or are dequantized, and other floats of at least
 * one axis (ONNX files have the weights of a layer_norm so). Scalars and integers that make shapes are the graph's own.
 *
 * A file's key is the tensor's name. Networks that came from PyTorch have PyTorch's names ("layer1.0.conv1.weight"), so
 * that its checkpoints load, and it loads what is saved here. */
#ifndef GRAFT_STATE_H
#define GRAFT_STATE_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* Of the functions that save and load states. */
typedef struct graft_state_options {
  size_t size;
  const char *module; /* a part of the network, as a named module is in PyTorch: its tensors, "MODULE.weight", are
                       * called "weight" in the file, and no others are concerned; NULL or "": the whole network */
  const char *prefix; /* what every key of the file begins with, beside the name, "module." of DataParallel; NULL: "" */
  const char *dict;   /* load: of a checkpoint that has several dicts of tensors, which: "state_dict", "ema.model"; NULL
                       * or "": the file itself, or the only one in it */
  bool partial;       /* load: missing and unexpected keys are a warning, not an error (PyTorch's strict=False) */
  bool map;           /* load: map the file; one cut short while mapped raises a signal, so this is opt-in */
} graft_state_options;

/* Tensors of the module take the bytes of the file's: a .safetensors, or what torch.save writes since PyTorch 1.6 (.pt,
 * .pth). All of them or, on failure, none: then the module is as it was. NULL options: defaults. Linear in keys and
 * bytes; where most of the file goes into the module its bytes are shared, not copied.
 *
 * Of PyTorch's files dicts of tensors are read, no code runs, and any class or function that they name beside those
 * which a tensor needs is refused (GRAFT_UNSUPPORTED); ir/formats/state/STATE.md says what is read. A quantized tensor
 * NAME is its integers NAME, with NAME.scale and NAME.zero_point.
 *
 * The state (above; of its floats that are plain constants none need be there) must be in the file, and each key must
 * name a tensor: GRAFT_NAME with one error that counts and lists the missing keys, and one the unexpected.
 * PyTorch's own exceptions are made: a batch norm's num_batches_tracked may be missing where the file is not known to
 * be of version 2 or later, and is passed over, with one warning, where the graph counts no batches.
 *
 * Shapes must be equal, but that one element on one axis goes into a scalar. Floats of another dtype are cast, as
 * PyTorch's copy_ does, with one warning that counts them; integers go into integers that can hold each of them; all
 * else is GRAFT_TYPE, an error for each tensor. Constants that are no state: a scalar of floats is taken where the file
 * has it by name, integers may be there with the values that they have.
 *
 * Version 1 of PyTorch's ConvBn modules has gamma, beta and the statistics beside the weight: NAME.gamma goes to
 * NAME.bn.weight where the module has no NAME.gamma, and so on, unless the file says that NAME is of version 2.
 *
 * A `module` below which the network has no tensor is GRAFT_NAME, here and when it is saved, with `partial` too.
 *
 * PyTorch's fake-quants have their state in several tensors (NAME.weight_fake_quant.scale, …), observers here in one of
 * another name, which lies below no module: a checkpoint of a QAT module is loaded with `partial`, which lists those
 * keys, and ranges are observed anew.
 *
 * Other errors: GRAFT_IO, GRAFT_FORMAT (a damaged file), GRAFT_UNSUPPORTED, GRAFT_NO_MEMORY, GRAFT_INVALID_ARGUMENT
 * (no path, or options without their size). */
GRAFT_API graft_status graft_state_load(graft_module *module, const char *path, const graft_state_options *options);
/* The same of a file's bytes, which are copied; `name` stands for it in diagnostics. */
GRAFT_API graft_status graft_state_load_memory(graft_module *module, const void *bytes, size_t size, const char *name,
                                               const graft_state_options *options);
/* Writes the state (or the part of it) as .safetensors, to a temporary file that is renamed: on failure nothing is
 * left. Wide elements come first, so that all are aligned, else in the module's order. A path that ends in .pt, .pth,
 * .bin or .ckpt is GRAFT_UNSUPPORTED; so are names that the format cannot hold. GRAFT_INVALID_ARGUMENT: a tensor has no
 * data (a text that kept only its hash). */
GRAFT_API graft_status graft_state_save(graft_module *module, const char *path, const graft_state_options *options);

#if defined(__cplusplus)
}
#endif
#endif
