/* Private to passes/: quantized convolutions as parts of a graph (quantized_modules.h). */
#ifndef GRAFT_QUANTIZED_MODULES_IMPL_H
#define GRAFT_QUANTIZED_MODULES_IMPL_H

#include "passes/modules_impl.h"
#include "passes/quantized_modules.h"

enum {
  GR_Q_X = GR_OPERAND(quantized_conv2d_add, x),
  GR_Q_WEIGHT,
  GR_Q_BIAS,
  GR_Q_X_SCALE,
  GR_Q_X_ZERO,
  GR_Q_WEIGHT_SCALE,
  GR_Q_WEIGHT_ZERO,
  GR_Q_Y_SCALE,
  GR_Q_Y_ZERO,
  GR_Q_OTHER,
  GR_Q_OTHER_SCALE,
  GR_Q_OTHER_ZERO,
  GR_Q_COUNT
};

/* The nodes of a module that there is. */
typedef struct gr_quantized_conv {
  graft_graph *g;
  const char *name;
  graft_node n;   /* quantized.conv…; of a dynamic module the float convolution */
  graft_node pad; /* that reflects x; GRAFT_NONE */
  graft_node dq;  /* of a dynamic module: it dequantizes the weight; else GRAFT_NONE */
} gr_quantized_conv;

/* GRAFT_NAME with a diagnostic: no quantized convolution, or several, are called so. */
graft_status gr_quantized_conv_find(graft_graph *g, const char *name, gr_quantized_conv *q);
/* The one that gives y, as it was built. */
void gr_quantized_conv_built(graft_graph *g, const char *name, graft_value y, gr_quantized_conv *q);
/* The convolution of a node, quantized or float, behind a pad (GRAFT_NONE: none); false: the pad is none of a module.
 */
bool gr_conv_of_node(const graft_graph *g, graft_node n, graft_node pad, gr_conv *conv);

/* What a module is made of, all checked. */
typedef struct gr_quantized_parts {
  const char *name;
  gr_conv conv;
  const char *engine;
  bool relu, dynamic;
  graft_value x;                      /* of a dynamic module floats */
  const graft_quantized_value *qx;    /* else x with its scale and zero point */
  const graft_quantized_value *other; /* NULL: nothing is added */
  graft_dtype dtype;                  /* of the result, with its range; GRAFT_UNKNOWN: as x */
  int64_t quant_min, quant_max;
  graft_node before; /* where the nodes go; GRAFT_NONE: to the end */
} gr_quantized_parts;

/* The word of `requantize` that the node has; "float" where it has none. */
const char *gr_quantized_engine(const graft_graph *g, graft_node n);
/* PyTorch's qnnpack packs a bias of zeros where there is none, and its modules have one from then on. */
bool gr_engine_keeps_zeros(const char *engine);

/* A module of zeros, as graft_quantized_conv_create leaves it. No tensor NAME.weight may be there. */
graft_status gr_quantized_conv_build(graft_graph *g, gr_arena *text, const gr_quantized_parts *p,
                                     graft_quantized_value *y);
graft_status gr_quantized_conv_check_x(graft_graph *g, const char *name, const gr_conv *conv, graft_value x);
/* The setters, within the caller's edit. */
graft_status gr_quantized_set_weight(gr_quantized_conv *q, gr_arena *text, const graft_quantized_weight *weight);
graft_status gr_quantized_set_output(const gr_quantized_conv *q, double scale, int64_t zero_point);

/* NAME.SUFFIX of this kind, type and data: in place of `old` (GRAFT_NONE: there was none) where that is called so and
 * has this type, else a new tensor, from which on the old one is called otherwise. GRAFT_NONE with a diagnostic. */
graft_tensor gr_module_tensor(graft_module *m, gr_arena *text, const char *name, const char *suffix,
                              graft_tensor_kind kind, const graft_type *type, const void *data, graft_tensor old);
/* The status of a public function, an edit's: where something was said since `errors_before`, that of what was said. */
graft_status gr_module_outcome(graft_context *c, uint32_t errors_before, graft_status status);
/* Erases the tensor where nothing in any graph uses it. */
void gr_erase_unused(graft_module *m, graft_tensor t);

/* A node with the module's name as source, before `before` (GRAFT_NONE: at the end): its first result; GRAFT_NONE with
 * a diagnostic. */
typedef struct gr_new_node {
  const char *op, *name, *source; /* name NULL: made from the op's */
  const graft_value *operands;
  uint32_t operand_count;
  const graft_attr *attrs;
  uint32_t attr_count, result_count; /* 0: the required results */
  graft_node before;
} gr_new_node;
graft_value gr_module_node(graft_graph *g, const gr_new_node *n);

/* ---- the range of an integer type that results of modules have: u8 and i8; false: no such type ---- */
bool gr_result_range(graft_dtype dtype, int64_t *low, int64_t *high);

#endif
