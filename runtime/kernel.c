/* The table of kernels. */
#include "runtime/kernel_impl.h"

static const gr_kernel_info kernels[GR_OP_COUNT] = {
#define KERNEL(op, function, ...) [GR_OP_##op] = {function, NULL, {__VA_ARGS__}},
#define KERNEL_ALIAS(op, function, alias, ...) [GR_OP_##op] = {function, alias, {__VA_ARGS__}},
#include "runtime/kernels.def"
#undef KERNEL
#undef KERNEL_ALIAS
};

const gr_kernel_info *gr_kernel_get(uint32_t op) { return op < GR_OP_COUNT && kernels[op].run ? &kernels[op] : NULL; }

gr_loc gr_kernel_where(const gr_kernel_call *k) { return k->graph ? gr_node_loc(k->graph, k->node) : k->where; }

graft_status gr_kernel_no_dtype(const gr_kernel_call *k, graft_dtype dtype) {
  return gr_kernel_error(k, "%s has no kernel for %s", gr_op_text(k->module, k->op), graft_dtype_name(dtype));
}
