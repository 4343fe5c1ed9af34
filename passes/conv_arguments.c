/* The arguments of a convolution module: PyTorch's checks, and the node that they describe. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "passes/modules_impl.h"

char *gr_text(gr_arena *arena, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  const int n = vsnprintf(NULL, 0, format, args);
  char *text = n < 0 ? NULL : gr_arena_alloc(arena, (size_t)n + 1);
  if (text) (void)vsnprintf(text, (size_t)n + 1, format, again);
  va_end(again);
  va_end(args);
  return text;
}

const char *gr_text_quoted(gr_arena *arena, const char *text) {
  char *quoted = gr_arena_alloc(arena, 2 * strlen(text) + 3), *out = quoted;
  if (!quoted) return NULL;
  *out++ = '"';
  for (const char *s = text; *s; s++) {
    if (*s == '"' || *s == '\\') *out++ = '\\';
    *out++ = *s;
  }
  *out++ = '"';
  *out = '\0';
  return quoted;
}

graft_status gr_module_name_check(graft_module *m, gr_arena *arena, const char *name) {
  if (!name || !name[0]) return gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "a module needs a name");
  if (strpbrk(name, ",\"\\\n"))
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_named_loc(name),
                    "a module's name holds no comma, quote, backslash or end of line");
  const char *weight = gr_text(arena, "%s.weight", name);
  if (!weight) return GRAFT_NO_MEMORY;
  if (graft_tensor_find(m, weight) != GRAFT_NONE)
    return gr_error(m->context, GRAFT_NAME, gr_named_loc(name), "there is a module of this name: '%s' exists", weight);
  return GRAFT_OK;
}

/* One for each axis; `given` NULL: `otherwise` for all. */
static bool take_extents(int64_t *out, const int64_t *given, uint32_t dims, int64_t otherwise, int64_t least) {
  for (uint32_t i = 0; i < dims; i++) {
    out[i] = given ? given[i] : otherwise;
    if (out[i] < least) return false;
  }
  return true;
}

static int padding_mode_of(const char *word) {
  return strcmp(word, "zeros") == 0      ? GR_pad_mode_constant
         : strcmp(word, "constant") == 0 ? -1 /* is F.pad's, not a module's */
                                         : gr_choice_find(GR_CHOICE_pad_mode, word);
}

graft_status gr_conv_take(graft_context *c, const char *module, const graft_conv_arguments *given, gr_conv *conv) {
  graft_conv_arguments a = {.size = sizeof a};
  const gr_loc where = gr_named_loc(module);
  const char *wrong = NULL;
  if (!given) return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "a convolution needs its arguments");
  graft_status s = gr_take_options(c, &a, sizeof a, given);
  if (s) return s;
  *conv = (gr_conv){.dims = a.dims,
                    .transposed = a.transposed,
                    .bias = a.bias,
                    .in_channels = a.in_channels,
                    .out_channels = a.out_channels,
                    .groups = a.groups ? a.groups : 1};
  const char *mode = a.padding_mode ? a.padding_mode : "zeros";
  if (a.dims < 1 || a.dims > 3)
    wrong = "a convolution has 1 to 3 dims";
  else if (!a.kernel_size)
    wrong = "a convolution needs a kernel_size";
  else if (a.in_channels < 1 || a.out_channels < 1)
    wrong = "in_channels and out_channels must be positive";
  else if (conv->groups < 1)
    wrong = "groups must be a positive integer";
  else if (a.in_channels % conv->groups)
    wrong = "in_channels must be divisible by groups";
  else if (a.out_channels % conv->groups)
    wrong = "out_channels must be divisible by groups";
  else if (!take_extents(conv->kernel_size, a.kernel_size, a.dims, 1, 1))
    wrong = "kernel_size must be positive";
  else if (!take_extents(conv->stride, a.stride, a.dims, 1, 1))
    wrong = "stride must be positive";
  else if (!take_extents(conv->padding, a.padding, a.dims, 0, 0))
    wrong = "negative padding is not supported";
  else if (!take_extents(conv->dilation, a.dilation, a.dims, 1, 1))
    wrong = "dilation must be positive";
  else if (!take_extents(conv->output_padding, a.transposed ? a.output_padding : NULL, a.dims, 0, 0))
    wrong = "negative output_padding is not supported";
  else if (!a.transposed && a.output_padding)
    wrong = "output_padding is of transposed convolutions";
  if (wrong) return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "%s", wrong);
  for (uint32_t i = 0; i < a.dims; i++)
    if (conv->output_padding[i] >= conv->stride[i] && conv->output_padding[i] >= conv->dilation[i] &&
        conv->output_padding[i])
      return gr_error(c, GRAFT_INVALID_ARGUMENT, where,
                      "output padding must be smaller than either stride or dilation, but got output_padding %lld, "
                      "stride %lld, dilation %lld",
                      (long long)conv->output_padding[i], (long long)conv->stride[i], (long long)conv->dilation[i]);
  conv->padding_mode = padding_mode_of(mode);
  if (conv->padding_mode < 0)
    return gr_error(
        c, GRAFT_INVALID_ARGUMENT, where,
        "padding_mode must be one of 'zeros', 'reflect', 'replicate', 'circular', but got padding_mode='%s'", mode);
  if (a.transposed && conv->padding_mode != GR_pad_mode_constant)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "Only \"zeros\" padding mode is supported for ConvTranspose%ud",
                    a.dims);
  graft_type weight = gr_conv_weight_type(conv);
  if (graft_type_elements(&weight) < 0)
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "the weight has too many elements");
  return GRAFT_OK;
}

graft_type gr_conv_weight_type(const gr_conv *conv) {
  graft_type type = {.dtype = GRAFT_F32, .rank = (int32_t)conv->dims + 2};
  type.dims[0] = conv->transposed ? conv->in_channels : conv->out_channels;
  type.dims[1] = (conv->transposed ? conv->out_channels : conv->in_channels) / conv->groups;
  for (uint32_t i = 0; i < conv->dims; i++) type.dims[2 + i] = conv->kernel_size[i];
  return type;
}

int64_t gr_fan_in(const graft_type *weight) {
  int64_t n = 1;
  for (int32_t i = 1; i < weight->rank; i++) n *= weight->dims[i];
  return n;
}

graft_attr gr_ints_attr(const char *name, const int64_t *values, uint32_t count) {
  return (graft_attr){.name = name, .kind = GRAFT_ATTR_INTS, .count = count, .as.ints = values};
}

static graft_value first_result(graft_graph *g, const graft_node_options *options) {
  const graft_node n = graft_node_create(g, options);
  return n == GRAFT_NONE ? GRAFT_NONE : gr_result(g, n, 0);
}

graft_status gr_conv_check_pad(graft_graph *g, const gr_conv *conv, const char *name, graft_value x) {
  const graft_type *type = gr_type_of(g, x);
  const bool reflect = conv->padding_mode == GR_pad_mode_reflect, around = conv->padding_mode == GR_pad_mode_circular;
  if ((!reflect && !around) || type->rank != (int32_t)conv->dims + 2) return GRAFT_OK;
  for (uint32_t i = 0; i < conv->dims; i++) {
    const int64_t extent = type->dims[i + 2];
    if (extent >= 0 && conv->padding[i] >= extent + around)
      return gr_error(g->module->context, GRAFT_TYPE, gr_named_loc(name), "%s: padding %lld at dimension %u of %lld",
                      reflect ? "Padding size should be less than the corresponding input dimension, but got"
                              : "Padding value causes wrapping around more than once",
                      (long long)conv->padding[i], i + 2, (long long)extent);
  }
  return GRAFT_OK;
}

/* As PyTorch pads for the modes that a convolution has not: before and after, from the last axis on. */
static graft_value pad(graft_graph *g, const gr_conv *conv, const char *name, graft_value x) {
  int64_t pads[6];
  for (uint32_t i = 0; i < conv->dims; i++) pads[2 * i] = pads[2 * i + 1] = conv->padding[conv->dims - 1 - i];
  const graft_attr attrs[] = {
      gr_ints_attr("pad", pads, 2 * conv->dims),
      {.name = "mode", .kind = GRAFT_ATTR_STRING, .as.s = gr_choice_words(GR_CHOICE_pad_mode)[conv->padding_mode]}};
  return first_result(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                               .op = "pad",
                                               .operands = &x,
                                               .operand_count = 1,
                                               .attrs = attrs,
                                               .attr_count = 2,
                                               .source = name});
}

graft_value gr_conv_build(graft_graph *g, const gr_conv *conv, const char *name, graft_value x, graft_value weight,
                          graft_value bias) {
  static const char *const ops[2][3] = {{"conv1d", "conv2d", "conv3d"},
                                        {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}};
  static const int64_t none[3] = {0, 0, 0};
  const bool padded = conv->padding_mode == GR_pad_mode_constant;
  if (gr_conv_check_pad(g, conv, name, x)) return GRAFT_NONE;
  if (!padded) x = pad(g, conv, name, x);
  if (x == GRAFT_NONE) return GRAFT_NONE;
  const graft_attr attrs[] = {gr_ints_attr("stride", conv->stride, conv->dims),
                              gr_ints_attr("padding", padded ? conv->padding : none, conv->dims),
                              gr_ints_attr("dilation", conv->dilation, conv->dims),
                              {.name = "groups", .kind = GRAFT_ATTR_INT, .as.i = conv->groups},
                              gr_ints_attr("output_padding", conv->output_padding, conv->dims)};
  return first_result(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                               .op = ops[conv->transposed][conv->dims - 1],
                                               .operands = (graft_value[]){x, weight, bias},
                                               .operand_count = 3,
                                               .attrs = attrs,
                                               .attr_count = conv->transposed ? 5 : 4,
                                               .name = name,
                                               .source = name});
}
