/* Private to passes/: what the builders of modules share (modules.h). */
#ifndef GRAFT_MODULES_IMPL_H
#define GRAFT_MODULES_IMPL_H

#include "ir/ir_int.h"
#include "passes/modules.h"

/* Errors of a module name it. */
static inline gr_loc gr_named_loc(const char *module) { return (gr_loc){.node = module ? module : ""}; }

/* A text in the arena, as printf does; NULL with a diagnostic: no memory. */
char *gr_text(gr_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text between quotes, as a pipeline has it; NULL with a diagnostic: no memory. */
const char *gr_text_quoted(gr_arena *arena, const char *text);
/* Options as in a pipeline, that end no braces: what stands behind them would be passes. A diagnostic says so. */
graft_status gr_options_check(graft_context *c, gr_arena *arena, gr_loc where, const char *options);

/* Can a module of this name be selected and built, and is no tensor called NAME.weight? A diagnostic says why not. */
graft_status gr_module_name_check(graft_module *m, gr_arena *arena, const char *name);

/* ---- QAT (qat_modules.c) ---- */

/* The qconfig with its defaults, checked, of the module called so. */
graft_status gr_qconfig_take(graft_context *c, const char *module, const graft_qconfig *given, graft_qconfig *out);
/* The layer, a convolution or linear of the module, gets its places, and with what follows it the training form. An
 * error where the quantizer leaves its weight in float. */
graft_status gr_qat_prepare(graft_graph *g, gr_arena *arena, const char *module, graft_node layer,
                            const graft_qconfig *q);
/* What a reader of y gets: its fake-quantized value, where it has one. */
graft_value gr_quantized_value(const graft_graph *g, graft_value y);

/* ---- convolutions (conv_arguments.c) ---- */

/* Arguments that are good, with the defaults filled in. */
typedef struct gr_conv {
  uint32_t dims;
  bool transposed, bias;
  int64_t in_channels, out_channels, groups;
  int64_t kernel_size[3], stride[3], padding[3], dilation[3], output_padding[3];
  int padding_mode; /* GR_pad_mode_…; constant is "zeros" */
} gr_conv;

/* PyTorch's checks, in its words, of the module called so. */
graft_status gr_conv_take(graft_context *c, const char *module, const graft_conv_arguments *given, gr_conv *conv);
graft_type gr_conv_weight_type(const gr_conv *conv);
/* PyTorch's fan_in: elements of the weight for each entry of its first axis. */
int64_t gr_fan_in(const graft_type *weight);
/* As in PyTorch reflection takes each element once at most, the edge not again, and circular padding goes around once.
 */
graft_status gr_conv_check_pad(graft_graph *g, const gr_conv *conv, const char *name, graft_value x);
graft_attr gr_ints_attr(const char *name, const int64_t *values, uint32_t count); /* the values are borrowed */
/* The convolution of x, behind a pad where the mode is not zeros, with the source NAME; GRAFT_NONE with a diagnostic.
 */
graft_value gr_conv_build(graft_graph *g, const gr_conv *conv, const char *name, graft_value x, graft_value weight,
                          graft_value bias);

#endif
